/*
 * Tables of awkward values, and their rows as the host reads them: the tests of conditions, orders,
 * pages and groups decide with the host's own comparison what must come, and compare that with what
 * the connector does for every operator that it claims.
 */
#pragma once

#include "sqlite_fixture.h"

static const char awkward_ddl[] =
    "CREATE TABLE awkward (id INTEGER PRIMARY KEY, i INT, f REAL, d DECIMAL(10,2), b BOOLEAN, "
    "t TEXT, n TEXT COLLATE NOCASE, r TEXT COLLATE RTRIM, y BLOB, day DATE, at TIME, "
    "dt DATETIME, ts TIMESTAMPTZ, u UUID, nn TEXT NOT NULL)";

static const char *const awkward_values[] = {
    "NULL",
    "0",
    "1",
    "-1",
    "2",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "0.5",
    "-0.0",
    "0.1",
    "1e300",
    "9e999",
    "-9e999",
    "12345.67",
    "''",
    "'a'",
    "'A'",
    "'a '",
    "'b'",
    "'\xc3\xa9'",
    "'\xc3\x89'",
    "'\xe2\x84\xaa'",
    "'k'",
    "'50%'",
    "'a%'",
    "'a\\%%'",
    "'a_c'",
    "'%'",
    "'a\\_b%'",
    "'a_b\\c'",
    "char(0)",
    "'a' || char(0) || 'b'",
    "'abc'",
    "'10'",
    "'0.10'",
    "CAST(x'ff41' AS TEXT)",
    "x''",
    "x'00'",
    "x'ff'",
    "x'0000000000000000ff'",
    "x'01'",
    "x'00112233445566778899aabbccddeeff'",
    "'2024-02-29'",
    "'2024-02-29 00:00:00'",
    "'2024-02-29T13:05:00.25'",
    "'2024-02-28'",
    "'2024-02-28T24:00:00'",
    "'2024-03-01T01:00:00+02:00'",
    "'2024-02-29T23:00:00-02:00'",
    "'2024-02-29 13:05'",
    "'9999-12-31'",
    "'0000-01-01'",
    "'1969-12-31T23:59:59.999999Z'",
    "'10000-01-01'",
    "'infinity'",
    "'13:05:00'",
    "'13:05'",
    "'24:00:00'",
    "'00:00:00.5'",
    "'00112233-4455-6677-8899-aabbccddeeff'",
    "'00112233-4455-6677-8899-AABBCCDDEEFF'",
    "'00112233-4455-6677-8899-aAbbccddeeff'",
    "'{}'",
};

/* An empty database with UTF-16 inside, where bytes do not sort by code point. */
static inline void write_utf16_header(const char *path)
{
    unsigned char page[512] = "SQLite format 3";
    FILE *file = fopen(path, "wb");

    page[16] = 2;            /* 512 bytes a page */
    page[18] = page[19] = 1; /* formats */
    page[21] = 64;           /* fractions of payload */
    page[22] = page[23] = 32;
    page[27] = page[31] = 1; /* change counter, pages */
    page[43] = 1;            /* schema cookie */
    page[47] = 4;            /* schema format */
    page[59] = 2;            /* UTF-16le */
    page[95] = 1;            /* change counter that the next field is valid for */
    page[100] = 13;          /* an empty leaf */
    page[105] = 2;           /* its content begins at 512 */
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(page, 1, sizeof page, file), sizeof page);
    fclose(file);
}

/* The same rows in several kinds of tables. */
enum flavour { PLAIN, INDEXED, UTF16, STRICT, N_FLAVOURS };

static const char strict_ddl[] =
    "CREATE TABLE awkward (id INTEGER PRIMARY KEY, i INT, f REAL, d INT, b INT, t TEXT, n TEXT "
    "COLLATE NOCASE, r TEXT COLLATE RTRIM, y BLOB, day TEXT, at TEXT, dt TEXT, ts TEXT, u BLOB, nn "
    "TEXT NOT NULL) STRICT";

static inline void fill_strict(struct session *s)
{
    struct rh_native_result result;

    sql(s, strict_ddl);
    for (uint32_t i = 0; i < COUNT(awkward_values); i++) {
        char text[128];
        snprintf(text, sizeof text, "INSERT INTO awkward (id, nn) VALUES (%u, %u)", i, i);
        sql(s, text);
        for (const char *column = "i\0f\0t\0n\0r\0y\0u\0"; *column; column += 2) {
            snprintf(text, sizeof text, "UPDATE awkward SET %s = %s WHERE id = %u", column,
                     awkward_values[i], i);
            run_with(s, text, NULL, 0, &result); /* a value of another type is refused */
        }
    }
    introspect(s);
}

static inline void start_flavour(struct session *s, enum flavour flavour)
{
    start(s);
    if (flavour != UTF16)
        return;
    connector->close(s->conn);
    write_utf16_header(s->path);
    const struct rh_setting items[] = {{RH_TEXT_INIT("path"), rh_kit_text(rh_text_of(s->path))}};
    ck_assert_msg(connect_with(s, items, 1) == RH_OK, "%s", s->error.message);
    assert_sql(s, "PRAGMA encoding", "text:UTF-16le\n");
}

static inline void fill_awkward(struct session *s, enum flavour flavour)
{
    struct rh_buf insert = dump_buffer();
    char *text = NULL;

    start_flavour(s, flavour);
    if (flavour == STRICT) {
        fill_strict(s);
        return;
    }
    sql(s, awkward_ddl);
    for (const char *column = "i\0f\0d\0b\0t\0n\0r\0y\0"; flavour == INDEXED && *column;
         column += 2) {
        char index[64];
        snprintf(index, sizeof index, "CREATE INDEX by_%s ON awkward (%s)", column, column);
        sql(s, index);
    }
    if (flavour == INDEXED)
        sql(s, "CREATE INDEX by_day ON awkward (day, dt, ts, at, u)");
    for (uint32_t i = 0; i < COUNT(awkward_values); i++) {
        const char *v = awkward_values[i];
        rh_buf_addf(&insert, "%s (%u", i ? "," : "INSERT INTO awkward VALUES", i);
        for (int c = 0; c < 13; c++)
            rh_buf_addf(&insert, ", %s", v);
        rh_buf_addf(&insert, ", %s)", strcmp(v, "NULL") == 0 ? "'null'" : v);
    }
    text = rh_buf_take(&insert);
    sql(s, text);
    free(text);
    introspect(s);
}

/* All rows, copied. */
struct rows {
    struct rh_arena *arena;
    struct rh_value *cells;
    uint32_t n_rows, n_cols;
};

static inline struct rows read_rows(struct session *s, struct query *q)
{
    struct rows rows = {.arena = rh_arena_new(SIZE_MAX)};
    struct rh_cursor *cursor = open_query(s, q);
    struct rh_batch batch = {.struct_size = sizeof batch};

    rows.cells = rh_arena_array(rows.arena, 4096 * 16, sizeof *rows.cells);
    while (connector->next(cursor, &s->op, 1000, &batch, &s->error) == RH_OK) {
        rows.n_cols = batch.n_cols;
        for (uint64_t i = 0; i < batch.n_rows * batch.n_cols; i++) {
            struct rh_value *to = &rows.cells[(size_t)rows.n_rows * rows.n_cols + i];
            *to = batch.cells[i];
            if (rh_cell_has_data(to))
                to->as.data = rh_arena_dup(rows.arena, to->as.data, to->len);
        }
        rows.n_rows += (uint32_t)batch.n_rows;
    }
    ck_assert_int_eq(s->error.error_class, RH_OK);
    connector->finish(cursor);
    return rows;
}

static inline bool holds_positive(uint32_t op, const struct rh_value *cell,
                                  const struct rh_value *values, uint32_t n)
{
    int order = n ? rh_cell_compare(cell, &values[0]) : 0;
    bool same_class = n && rh_cell_class(cell) == rh_cell_class(&values[0]);

    if (op == RH_OP_NULL || op == RH_OP_EMPTY)
        return rh_cell_is_null(cell);
    if (op == RH_OP_ABSENT)
        return cell->type == RH_TYPE_MISSING;
    if (rh_cell_is_null(cell))
        return false;
    switch (op) {
    case RH_OP_EQ:
        return rh_cell_equal(cell, &values[0]);
    case RH_OP_LT:
        return same_class && order < 0;
    case RH_OP_LTE:
        return same_class && order <= 0;
    case RH_OP_GT:
        return same_class && order > 0;
    case RH_OP_GTE:
        return same_class && order >= 0;
    case RH_OP_IN:
        for (uint32_t i = 0; i < n; i++) {
            if (rh_cell_equal(cell, &values[i]))
                return true;
        }
        return false;
    default:
        return cell->type == RH_TYPE_TEXT &&
               rh_match(op, rh_cell_text(cell), rh_cell_text(&values[0]));
    }
}

static inline void describe(struct rh_buf *buf, const struct rh_table *table, uint32_t op,
                            uint32_t column, const struct rh_value *values, uint32_t n)
{
    rh_buf_addf(buf, "%.*s op %#x", RH_TEXT_ARG(table->columns[column].name), op);
    for (uint32_t i = 0; i < n && i < 4; i++) {
        rh_buf_add_char(buf, ' ');
        add_cell(buf, &values[i]);
    }
}

/* Asks for the rows where the predicate holds and compares. Returns whether it was pushed. */
static inline bool check_predicate(struct session *s, const struct rh_table *table,
                                   const struct rows *all, uint32_t op, uint32_t column,
                                   const struct rh_value *values, uint32_t n)
{
    struct query *q = query_of(table);
    struct rh_buf expected = dump_buffer(), got = dump_buffer();
    struct rh_value cells[1];
    struct rh_batch row = {.n_cols = 1, .n_rows = 1, .cells = cells};

    where(q, op, column, values, n);
    plan(s, q);
    if (q->verdicts[0] != RH_VERDICT_EXACT) {
        ck_assert_uint_eq(q->verdicts[0], RH_VERDICT_NONE);
        return false;
    }
    q->abi.n_select = 1; /* id */
    q->order[0] = (struct rh_order){.column = 0};
    q->abi.n_order = 1;
    describe(&expected, table, op, column, values, n);
    rh_buf_add_text(&got, rh_buf_text(&expected));
    rh_buf_add_char(&expected, '\n');
    rh_buf_add_char(&got, '\n');
    for (uint32_t r = 0; r < all->n_rows; r++) {
        const struct rh_value *cell = &all->cells[(size_t)r * all->n_cols + column];
        if (holds_positive(op & ~RH_OP_NOT, cell, values, n) != ((op & RH_OP_NOT) != 0)) {
            cells[0] = all->cells[(size_t)r * all->n_cols];
            add_batch(&expected, &row);
        }
    }
    dump_query(s, q, &got);
    char *text = rh_buf_take(&expected);
    assert_dump(&got, text);
    free(text);
    return true;
}

static inline void assert_ids(struct session *s, struct query *q, const uint32_t *ids, uint32_t n)
{
    struct rh_buf expected = dump_buffer();
    char *text = NULL;

    q->abi.n_select = 1;
    for (uint32_t i = 0; i < n; i++)
        rh_buf_addf(&expected, "int:%u\n", ids[i]);
    text = rh_buf_take(&expected);
    assert_query(s, q, text ? text : "");
    free(text);
}
