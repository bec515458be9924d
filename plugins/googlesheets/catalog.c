/*
 * Tables: two requests, one for the sheets, one for the header and the first rows of them all.
 *
 * A column's type is what its cells in the sample have in common: numbers, truth values, texts. Numbers
 * that are all shown as dates (times, both) are dates. What does not fit together is text or JSON, and
 * each cell keeps the type it has.
 */
#include "googlesheets.h"

#include "connector/json_cell.h"

#include <string.h>

#define URL_BYTES ((size_t)4 << 20)
#define BIT(type) RH_TYPE_BIT(RH_TYPE_##type)
#define NUMBERS (BIT(INT) | BIT(DECIMAL) | BIT(FLOAT))
#define TIMES (BIT(DATE) | BIT(DATETIME) | BIT(TIME))

/* ---- Types --------------------------------------------------------------------------------- */

/* A number's, by its format. */
static uint32_t type_of_number(const struct rh_json *cell, const struct rh_json *scalar)
{
    const struct rh_json *format = rh_json_member(cell, "effectiveFormat");
    struct rh_text type = rh_json_string(rh_json_member(format, "numberFormat"), "type");
    double days = 0;

    rh_text_to_f64(scalar->text, &days);
    if (rh_text_is(type, "DATE"))
        return RH_TYPE_DATE;
    if (rh_text_is(type, "DATE_TIME"))
        return RH_TYPE_DATETIME;
    if (rh_text_is(type, "TIME") && days >= 0 && days < 1) /* else it is a duration */
        return RH_TYPE_TIME;
    return rh_json_type_of(scalar);
}

static uint32_t widened(uint32_t types)
{
    if (types & BIT(BOOL))
        return types == BIT(BOOL) ? RH_TYPE_BOOL : RH_TYPE_JSON;
    if (types & BIT(TEXT) || !types)
        return RH_TYPE_TEXT;
    if (!(types & NUMBERS)) {
        if (types & BIT(TIME))
            return types == BIT(TIME) ? RH_TYPE_TIME : RH_TYPE_DECIMAL;
        return types & BIT(DATETIME) ? RH_TYPE_DATETIME : RH_TYPE_DATE;
    }
    if (types & BIT(FLOAT))
        return RH_TYPE_FLOAT;
    return types == BIT(INT) ? RH_TYPE_INT : RH_TYPE_DECIMAL;
}

static struct rh_text native_type(uint32_t types)
{
    if (!types)
        return RH_TEXT("empty");
    if (types == BIT(BOOL))
        return RH_TEXT("boolean");
    if (types == BIT(TEXT))
        return RH_TEXT("text");
    if (!(types & ~NUMBERS))
        return RH_TEXT("number");
    if (types == BIT(DATE))
        return RH_TEXT("date");
    if (types == BIT(TIME))
        return RH_TEXT("time");
    return types & ~(BIT(DATE) | BIT(DATETIME)) ? RH_TEXT("mixed") : RH_TEXT("date time");
}

static void look_at(const struct rh_json *row, uint32_t *types, uint32_t n)
{
    const struct rh_json *cell = rh_googlesheets_first(row, "values");

    for (uint32_t i = 0; cell && i < n; cell = cell->next, i++) {
        const struct rh_json *scalar = rh_googlesheets_scalar(cell);

        if (!scalar)
            continue;
        types[i] |= RH_TYPE_BIT(scalar->kind == RH_JSON_NUMBER ? type_of_number(cell, scalar)
                                                               : rh_json_type_of(scalar));
    }
}

/* ---- Describing ---------------------------------------------------------------------------- */

struct listing {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_arena *arena;
    struct rh_googlesheets_sheet *sheets;
    uint32_t n_sheets;
};

static struct rh_text keep(const struct listing *l, struct rh_text text)
{
    char *copy = l->conn->host->alloc(l->op->arena, text.len + 1);

    if (copy && text.len)
        memcpy(copy, text.data, text.len);
    return rh_text_make(copy, copy ? text.len : 0);
}

static struct rh_column row_column(void)
{
    return (struct rh_column){
        .name = RH_TEXT(RH_GOOGLESHEETS_ROW),
        .native_type = RH_TEXT("row id"),
        .type = RH_TYPE_INT,
        .flags = RH_COLUMN_NOT_NULL | RH_COLUMN_GENERATED,
        .native_id = BIT(INT),
    };
}

static int add_columns(const struct listing *l, const struct rh_googlesheets_header *header,
                       const uint32_t *types, struct rh_table *table, struct rh_error *error)
{
    const struct rh_googlesheets_config *config = &l->conn->config;
    struct rh_column *columns =
        l->conn->host->alloc(l->op->arena, ((uint64_t)header->n + 1) * sizeof(*columns));
    uint32_t *key = l->conn->host->alloc(l->op->arena, sizeof(*key)), n = 0;

    if (!columns || !key)
        return rh_fail_nomem(error);
    if (config->row_ids) {
        columns[n++] = row_column();
        table->n_key = 1;
    }
    for (uint32_t i = 0; i < header->n; i++) {
        if (!header->names[i].len ||
            (config->row_ids && rh_text_is(header->names[i], RH_GOOGLESHEETS_ROW)))
            continue;
        columns[n] = (struct rh_column){.name = keep(l, header->names[i]),
                                        .native_type = native_type(types[i]),
                                        .type = widened(types[i]),
                                        .flags = RH_COLUMN_INFERRED,
                                        .native_id = types[i] | BIT(NULL)};
        if (!columns[n].name.data)
            return rh_fail_nomem(error);
        if (config->key_column && rh_text_is(columns[n].name, config->key_column)) {
            *key = n;
            table->n_key = 1;
        }
        n++;
    }
    table->key = key;
    table->columns = columns;
    table->n_columns = n;
    return RH_OK;
}

static int describe(const struct listing *l, const struct rh_googlesheets_sheet *sheet,
                    const struct rh_json *data, struct rh_table *ret_table, struct rh_error *error)
{
    const struct rh_json *row = rh_googlesheets_first(data, "rowData");
    struct rh_googlesheets_header header;
    uint32_t *types;
    int rc =
        rh_googlesheets_read_header(l->arena, rh_googlesheets_first(row, "values"), &header, error);

    if (rc)
        return rc;
    types = rh_arena_array(l->arena, header.n, sizeof(*types));
    if (!types)
        return rh_fail_nomem(error);
    for (row = row ? row->next : NULL; row; row = row->next)
        look_at(row, types, header.n);
    *ret_table = (struct rh_table){
        .struct_size = sizeof(*ret_table),
        .flags = l->conn->config.read_only ? RH_TABLE_READ_ONLY : 0,
        .name = keep(l, sheet->title),
        .column_stride = sizeof(struct rh_column),
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = -1,
    };
    return ret_table->name.data ? add_columns(l, &header, types, ret_table, error)
                                : rh_fail_nomem(error);
}

/* The sheets that have a header row at all. */
static void choose(struct listing *l)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->n_sheets; i++)
        if (l->sheets[i].n_rows >= l->conn->config.header_row)
            l->sheets[n++] = l->sheets[i];
    l->n_sheets = n;
}

static int fetch_samples(struct listing *l, struct rh_json **ret_answer, struct rh_error *error)
{
    uint32_t first = l->conn->config.header_row;
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, URL_BYTES);
    rh_googlesheets_add_url(l->conn,
                            "?fields=sheets(properties.sheetId,data.rowData.values(effectiveValue,"
                            "effectiveFormat.numberFormat.type))",
                            &url);
    for (uint32_t i = 0; i < l->n_sheets; i++) {
        uint64_t last = (uint64_t)first + l->conn->config.sample;

        if (last > l->sheets[i].n_rows)
            last = l->sheets[i].n_rows;
        rh_googlesheets_add_range(&l->sheets[i], RH_NO_COLUMN, first, (uint32_t)last, &url);
    }
    rc = rh_googlesheets_fetch(l->conn, l->op, &url, NULL, false, "cannot read a sample", l->arena,
                               ret_answer, error);
    rh_buf_free(&url);
    return rc;
}

static const struct rh_json *data_of(const struct rh_json *answer, int64_t sheet_id)
{
    const struct rh_json *sheet = rh_googlesheets_first(answer, "sheets");

    for (; sheet; sheet = sheet->next) {
        int64_t id = rh_googlesheets_int(rh_json_member(sheet, "properties"), "sheetId");

        if ((id < 0 ? 0 : id) == sheet_id)
            return rh_googlesheets_first(sheet, "data");
    }
    return NULL;
}

int32_t rh_googlesheets_tables(struct rh_conn *conn, const struct rh_op *op,
                               struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct listing l = {.conn = conn, .op = op, .arena = rh_arena_new(RH_GOOGLESHEETS_ARENA_BYTES)};
    struct rh_table *tables = NULL;
    struct rh_json *answer = NULL;
    int rc;

    if (!l.arena)
        return rh_fail_nomem(error);
    rc = rh_googlesheets_fetch_sheets(conn, op, l.arena, &l.sheets, &l.n_sheets, error);
    if (rc == RH_OK) {
        choose(&l);
        tables = conn->host->alloc(op->arena, (uint64_t)l.n_sheets * sizeof(*tables));
        rc = tables ? RH_OK : rh_fail_nomem(error);
    }
    if (rc == RH_OK && l.n_sheets)
        rc = fetch_samples(&l, &answer, error);
    for (uint32_t i = 0; rc == RH_OK && i < l.n_sheets; i++)
        rc = describe(&l, &l.sheets[i], data_of(answer, l.sheets[i].id), &tables[i], error);
    if (rc == RH_OK) {
        ret_catalog->tables = tables;
        ret_catalog->n_tables = l.n_sheets;
        ret_catalog->table_stride = sizeof(*tables);
    }
    rh_arena_free(l.arena);
    return rc;
}
