/*
 * Tables: what the description says. A resource without columns is sampled: one page of it.
 */
#include "rest.h"

#include "connector/json_infer.h"

#include <string.h>

#define SAMPLE_BYTES ((size_t)256 << 20)
#define MAX_COLUMNS 1000

struct listing {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_rest_resource *resource;
};

static void *give(const struct listing *l, uint64_t size)
{
    return l->conn->host->alloc(l->op->arena, size);
}

/* In the op's arena: a connection may be closed before its catalogue is. */
static bool copy(const struct listing *l, struct rh_text from, struct rh_text *to)
{
    char *bytes;

    if (!from.len) {
        *to = rh_text_make(NULL, 0);
        return true;
    }
    bytes = give(l, from.len);
    if (bytes)
        memcpy(bytes, from.data, from.len);
    *to = rh_text_make(bytes, from.len);
    return bytes != NULL;
}

/* ---- Sampling ------------------------------------------------------------------------------ */

static int read_sample(const struct listing *l, struct rh_rest_answer *answer,
                       struct rh_json_infer *infer, struct rh_error *error)
{
    struct rh_rest_scan scan = {.resource = l->resource, .call = &l->resource->list};
    struct rh_rest_position position;
    const struct rh_json *document;
    int rc;

    rh_rest_position_init(&position, &l->resource->pages);
    rc = rh_rest_add_request(&scan, &answer->url, &answer->body, error);
    rh_rest_position_add(&position, l->conn->sample, &answer->url);
    rh_rest_position_fini(&position);
    if (rc == RH_OK)
        rc = rh_rest_answer_send(answer, l->op, error);
    for (uint32_t i = 0; rc == RH_OK && i < l->conn->sample; i++) {
        rc = rh_rest_answer_next(answer, l->op, &document, error);
        if (rc == RH_OK)
            rc = rh_json_infer_add(infer, document, error);
    }
    return rc == RH_END ? RH_OK : rc;
}

static int sample(const struct listing *l, struct rh_column **ret_columns, uint32_t *ret_n,
                  struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(SAMPLE_BYTES);
    struct rh_rest_answer answer;
    struct rh_json_infer infer;
    int rc;

    if (!arena)
        return rh_fail_nomem(error);
    rh_json_infer_init(&infer, arena, MAX_COLUMNS);
    rh_rest_answer_init(&answer, l->conn, l->resource, &l->resource->list);
    rc = read_sample(l, &answer, &infer, error);
    if (rc == RH_OK)
        rc = rh_json_infer_columns(&infer, l->conn->host, l->op->arena, ret_columns, ret_n, error);
    rh_rest_answer_fini(&answer);
    rh_json_infer_fini(&infer);
    rh_arena_free(arena);
    return rc;
}

static int check_sampled(const struct rh_rest_resource *resource, struct rh_error *error)
{
    bool needs = resource->n_any_ofs > 0;

    for (uint32_t i = 0; i < resource->list.n_parameters; i++)
        needs = needs || resource->list.parameters[i].required;
    if (!needs)
        return RH_OK;
    return rh_fail(error, RH_CONFIG,
                   "description: resources.%.*s needs \"columns\": it cannot be sampled without "
                   "the values that it needs",
                   RH_TEXT_ARG(resource->name));
}

/* ---- Describing ---------------------------------------------------------------------------- */

static bool is_key(const struct rh_rest_resource *resource, struct rh_text name)
{
    for (uint32_t i = 0; i < resource->n_key; i++)
        if (rh_text_equal(resource->key[i], name))
            return true;
    return false;
}

/* Does equality, where it is pushed down, compare code points? */
static bool is_exact(const struct rh_rest_resource *resource, const struct rh_rest_column *column)
{
    const struct rh_rest_call *list = &resource->list;

    if (column->asked || (resource->one && is_key(resource, column->name)))
        return true;
    for (uint32_t i = 0; i < list->n_parameters; i++)
        if (list->parameters[i].exact && rh_text_equal(list->parameters[i].column, column->name))
            return true;
    return false;
}

static int describe_column(const struct listing *l, const struct rh_rest_column *from,
                           struct rh_column *to, struct rh_error *error)
{
    *to = (struct rh_column){.native_type = rh_text_of(rh_rest_type_name(from->type)),
                             .type = from->type,
                             .native_id = 1};
    if (from->not_null || is_key(l->resource, from->name))
        to->flags |= RH_COLUMN_NOT_NULL;
    if (from->filled)
        to->flags |= RH_COLUMN_DEFAULT;
    if (!from->write.data && !from->asked)
        to->flags |= RH_COLUMN_GENERATED;
    if (from->type == RH_TYPE_TEXT && is_exact(l->resource, from))
        to->flags |= RH_COLUMN_EXACT_EQUAL;
    return copy(l, from->name, &to->name) && copy(l, from->comment, &to->comment)
               ? RH_OK
               : rh_fail_nomem(error);
}

static bool is_among(const struct rh_column *columns, uint32_t n, struct rh_text name)
{
    for (uint32_t i = 0; i < n; i++)
        if (rh_text_equal(columns[i].name, name))
            return true;
    return false;
}

/* The sampled ones first, then those of the description. */
static int describe_columns(const struct listing *l, struct rh_table *table, struct rh_error *error)
{
    const struct rh_rest_resource *resource = l->resource;
    struct rh_column *columns, *sampled = NULL;
    uint32_t n = 0, n_sampled = 0;
    int rc = RH_OK;

    if (resource->inferred) {
        rc = check_sampled(resource, error);
        if (rc == RH_OK)
            rc = sample(l, &sampled, &n_sampled, error);
    }
    columns = give(l, ((uint64_t)n_sampled + resource->n_columns + 1) * sizeof(*columns));
    if (rc == RH_OK && !columns)
        rc = rh_fail_nomem(error);
    for (uint32_t i = 0; i < n_sampled && rc == RH_OK; i++)
        if (sampled[i].name.len && !memchr(sampled[i].name.data, 0, sampled[i].name.len)) {
            columns[n] = sampled[i];
            columns[n++].flags |= is_key(resource, sampled[i].name) ? RH_COLUMN_NOT_NULL : 0;
        }
    for (uint32_t i = 0; i < resource->n_columns && rc == RH_OK; i++)
        if (!is_among(columns, n, resource->columns[i].name))
            rc = describe_column(l, &resource->columns[i], &columns[n++], error);
    table->columns = columns;
    table->n_columns = n;
    return rc;
}

static int describe_key(const struct listing *l, struct rh_table *table, struct rh_error *error)
{
    const struct rh_rest_resource *resource = l->resource;
    uint32_t *key = give(l, ((uint64_t)resource->n_key + 1) * sizeof(*key));

    if (!key)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < resource->n_key; i++) {
        uint32_t at = 0;
        while (at < table->n_columns && !rh_text_equal(table->columns[at].name, resource->key[i]))
            at++;
        if (at == table->n_columns) {
            /* A sample without rows has no columns: the table is there, and has no key yet. */
            table->n_key = 0;
            return RH_OK;
        }
        key[table->n_key++] = at;
    }
    table->key = key;
    return RH_OK;
}

static int describe(const struct listing *l, struct rh_table *ret_table, struct rh_error *error)
{
    const struct rh_rest_resource *resource = l->resource;
    struct rh_table table = {.struct_size = sizeof(table),
                             .column_stride = sizeof(struct rh_column),
                             .index_stride = sizeof(struct rh_index),
                             .foreign_key_stride = sizeof(struct rh_foreign_key),
                             .est_rows = -1};
    int rc;

    if (!resource->insert && !resource->update && !resource->remove)
        table.flags |= RH_TABLE_READ_ONLY;
    if (!copy(l, resource->name, &table.name) || !copy(l, resource->comment, &table.comment))
        return rh_fail_nomem(error);
    rc = describe_columns(l, &table, error);
    if (rc == RH_OK)
        rc = describe_key(l, &table, error);
    if (rc == RH_OK)
        *ret_table = table;
    return rc;
}

int32_t rh_rest_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                       struct rh_error *error)
{
    const struct rh_rest_description *api = &conn->api;
    struct listing l = {.conn = conn, .op = op};
    struct rh_table *tables = give(&l, (uint64_t)api->n_resources * sizeof(*tables));
    int rc = tables ? rh_kit_check(conn->host, op, error) : rh_fail_nomem(error);

    for (uint32_t i = 0; i < api->n_resources && rc == RH_OK; i++) {
        l.resource = &api->resources[i];
        rc = describe(&l, &tables[i], error);
    }
    if (rc)
        return rc;
    ret_catalog->tables = tables;
    ret_catalog->n_tables = api->n_resources;
    ret_catalog->table_stride = sizeof(*tables);
    return RH_OK;
}
