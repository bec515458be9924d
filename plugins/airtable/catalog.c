/* Tables: one request of the Meta API describes all of them. */
#include "airtable.h"

#include <string.h>

#define ARENA_BYTES ((size_t)512 << 20)

/* Is it shown? `wanted`: the setting, NULL: all are. */
static bool is_shown(const struct rh_json *wanted, const struct rh_json *table)
{
    struct rh_text name = rh_json_string(table, "name"), id = rh_json_string(table, "id");

    if (!name.len || memchr(name.data, 0, name.len))
        return false;
    for (const struct rh_json *w = wanted ? wanted->child : NULL; w; w = w->next)
        if (w->kind == RH_JSON_STRING &&
            (rh_text_equal(w->text, name) || rh_text_equal(w->text, id)))
            return true;
    return !wanted || !wanted->n;
}

static bool is_column(const struct rh_json *field)
{
    struct rh_text name = rh_json_string(field, "name");

    return name.len && !memchr(name.data, 0, name.len) && !rh_text_is(name, RH_AIRTABLE_ID) &&
           !rh_text_is(name, RH_AIRTABLE_CREATED);
}

static struct rh_text keep(struct rh_conn *conn, const struct rh_op *op, struct rh_text text)
{
    char *copy = conn->host->alloc(op->arena, text.len + 1);

    if (copy && text.len)
        memcpy(copy, text.data, text.len);
    return rh_text_make(copy, copy ? text.len : 0);
}

static int describe(struct rh_conn *conn, const struct rh_op *op, const struct rh_json *table,
                    struct rh_table *ret_table, struct rh_error *error)
{
    static const uint32_t key[] = {0};
    const struct rh_json *fields = rh_json_member(table, "fields");
    uint32_t n = 2, n_fields = fields && fields->kind == RH_JSON_ARRAY ? fields->n : 0;
    struct rh_column *columns =
        conn->host->alloc(op->arena, ((uint64_t)n_fields + 2) * sizeof(*columns));
    struct rh_text name = keep(conn, op, rh_json_string(table, "name"));
    struct rh_text comment = keep(conn, op, rh_json_string(table, "description"));
    int rc = RH_OK;

    if (!columns || !name.data || !comment.data)
        return rh_fail_nomem(error);
    columns[0] = rh_airtable_id_column();
    columns[1] = rh_airtable_created_column();
    for (const struct rh_json *f = n_fields ? fields->child : NULL; f && rc == RH_OK; f = f->next)
        if (is_column(f))
            rc = rh_airtable_describe_field(conn->host, op->arena, f, &columns[n++], error);
    *ret_table = (struct rh_table){
        .struct_size = sizeof(*ret_table),
        .name = name,
        .comment = comment,
        .columns = columns,
        .n_columns = n,
        .column_stride = sizeof(*columns),
        .key = key,
        .n_key = 1,
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = -1,
    };
    return rc;
}

int32_t rh_airtable_tables(struct rh_conn *conn, const struct rh_op *op,
                           struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(ARENA_BYTES);
    struct rh_json *schema = NULL, *wanted = NULL;
    const struct rh_json *list = NULL;
    struct rh_table *tables = NULL;
    uint32_t n = 0;
    int rc;

    if (!arena)
        return rh_fail_nomem(error);
    rc = rh_airtable_fetch_schema(conn, op, arena, &schema, error);
    if (rc == RH_OK && conn->config.tables)
        rc = rh_json_parse(arena, rh_text_of(conn->config.tables), &wanted, error);
    if (rc == RH_OK) {
        list = rh_json_member(schema, "tables");
        tables = conn->host->alloc(op->arena, (uint64_t)list->n * sizeof(*tables));
        rc = tables ? RH_OK : rh_fail_nomem(error);
    }
    for (const struct rh_json *t = rc == RH_OK ? list->child : NULL; t && rc == RH_OK; t = t->next)
        if (is_shown(wanted, t))
            rc = describe(conn, op, t, &tables[n++], error);
    if (rc == RH_OK) {
        ret_catalog->tables = tables;
        ret_catalog->n_tables = n;
        ret_catalog->table_stride = sizeof(*tables);
    }
    rh_arena_free(arena);
    return rc;
}
