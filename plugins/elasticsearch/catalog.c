/*
 * Tables: two requests, one for all mappings and one for all aliases.
 *
 * An alias of several indices is one table without a key, since an _id may be in each of them; a field that
 * is mapped differently in them is JSON. Aliases are read only. An index that keeps no _source has no rows
 * to show, and is left out.
 */
#include "elasticsearch.h"

#include "base/map.h"
#include "base/vec.h"

#include <string.h>

#define MAX_TABLES 20000u
#define MAX_COLUMNS 2000u
#define OWN_COLUMNS 2u /* _id, _version */

struct listing {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_arena *arena;
    struct rh_vec found; /* of struct found */
    struct rh_map by_name;
};

/* A table at work, in the listing's arena. */
struct found {
    struct rh_text name;
    bool is_alias;
    uint32_t n_indices;
    struct rh_vec columns; /* of struct rh_column: fields */
    struct rh_map by_name; /* position + 1 */
};

static struct found *add_table(struct listing *l, struct rh_text name, struct rh_error *error)
{
    struct found *found = rh_map_get(&l->by_name, name), **slot;

    if (found)
        return found;
    if (l->found.n == MAX_TABLES) {
        rh_fail(error, RH_RESOURCE, "there are more than %u indices", MAX_TABLES);
        rh_error_hint(error, "name fewer in the setting \"indices\"");
        return NULL;
    }
    found = rh_arena_alloc(l->arena, sizeof(*found));
    slot = rh_vec_push(&l->found, l->arena);
    if (!found || !slot) {
        rh_fail_nomem(error);
        return NULL;
    }
    *slot = found;
    found->name = name;
    found->columns = (struct rh_vec)RH_VEC_INIT(struct rh_column);
    rh_map_init(&found->by_name);
    if (!rh_map_put(&l->by_name, name, found, NULL)) {
        rh_fail_nomem(error);
        return NULL;
    }
    return found;
}

static void merge(struct rh_column *column, const struct rh_column *other)
{
    if (column->type == other->type && column->native_id == other->native_id)
        return;
    column->type = RH_TYPE_JSON;
    column->native_type = RH_TEXT("mixed");
    column->native_id = RH_ELASTICSEARCH_OTHER;
    column->flags = 0;
}

/* The fields of one more index. A name that no column can have is left out. */
static int add_fields(struct listing *l, struct found *found, const struct rh_json *mappings,
                      struct rh_error *error)
{
    const struct rh_json *properties = rh_json_member(mappings, "properties");

    found->n_indices++;
    for (const struct rh_json *field = properties ? properties->child : NULL; field;
         field = field->next) {
        struct rh_column described = {.name = field->key}, *column;
        uintptr_t position = (uintptr_t)rh_map_get(&found->by_name, field->key);

        rh_elasticsearch_describe(field, l->conn->config.single_values, &described);
        if (position) {
            merge((struct rh_column *)found->columns.items + (position - 1), &described);
            continue;
        }
        if (!field->key.len || memchr(field->key.data, 0, field->key.len) ||
            rh_text_is(field->key, RH_ELASTICSEARCH_ID) ||
            rh_text_is(field->key, RH_ELASTICSEARCH_VERSION) || found->columns.n == MAX_COLUMNS)
            continue;
        column = rh_vec_push(&found->columns, l->arena);
        if (!column ||
            !rh_map_put(&found->by_name, field->key, (void *)(uintptr_t)found->columns.n, NULL))
            return rh_fail_nomem(error);
        *column = described;
    }
    return RH_OK;
}

static bool keeps_source(const struct rh_json *mappings)
{
    const struct rh_json *enabled = rh_json_member(rh_json_member(mappings, "_source"), "enabled");

    return !enabled || enabled->kind != RH_JSON_FALSE;
}

static int add_aliases(struct listing *l, const struct rh_json *index,
                       const struct rh_json *aliases, struct rh_error *error)
{
    const struct rh_json *of_index = rh_json_member(rh_json_find(aliases, index->key), "aliases");
    int rc = RH_OK;

    for (const struct rh_json *a = of_index ? of_index->child : NULL; a && rc == RH_OK;
         a = a->next) {
        struct found *found;

        if (!a->key.len || a->key.data[0] == '.')
            continue;
        found = add_table(l, a->key, error);
        if (!found)
            return error ? error->error_class : RH_RESOURCE;
        found->is_alias = true;
        rc = add_fields(l, found, rh_json_member(index, "mappings"), error);
    }
    return rc;
}

static int find_tables(struct listing *l, const struct rh_json *mappings,
                       const struct rh_json *aliases, struct rh_error *error)
{
    int rc = RH_OK;

    if (mappings->kind != RH_JSON_OBJECT || aliases->kind != RH_JSON_OBJECT)
        return rh_fail(error, RH_PROTOCOL, "the server's list of indices is no object");
    for (const struct rh_json *index = mappings->child; index && rc == RH_OK; index = index->next) {
        const struct rh_json *fields = rh_json_member(index, "mappings");
        struct found *found;

        if (!index->key.len || index->key.data[0] == '.' || !keeps_source(fields))
            continue;
        found = add_table(l, index->key, error);
        if (!found)
            return error ? error->error_class : RH_RESOURCE;
        rc = add_fields(l, found, fields, error);
        if (rc == RH_OK)
            rc = add_aliases(l, index, aliases, error);
    }
    return rc;
}

static int ask(struct listing *l, const char *what, const char *parameters,
               struct rh_json **ret_answer, struct rh_error *error)
{
    struct rh_http_request request;
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, 65536);
    rh_buf_addf(&url, "/%s/%s?%s", l->conn->config.indices, what, parameters);
    request = rh_elasticsearch_request("GET", &url, rh_text_make(NULL, 0), true);
    rc = url.failed ? rh_fail(error, RH_CONFIG, "the setting \"indices\" is too long")
                    : rh_elasticsearch_fetch(l->conn, l->op, &request, "cannot list the indices",
                                             l->arena, ret_answer, error);
    rh_buf_free(&url);
    return rc;
}

/* ---- Describing ---------------------------------------------------------------------------- */

static struct rh_text copy_text(struct listing *l, struct rh_text text, bool *ret_ok)
{
    char *copy = l->conn->host->alloc(l->op->arena, text.len + 1);

    *ret_ok = *ret_ok && copy;
    if (copy && text.len)
        memcpy(copy, text.data, text.len);
    return rh_text_make(copy, text.len);
}

static struct rh_column own_column(const char *name, enum rh_elasticsearch_kind kind,
                                   uint32_t flags)
{
    return (struct rh_column){.name = rh_text_of(name),
                              .native_type = RH_TEXT("string"),
                              .type = RH_TYPE_TEXT,
                              .flags = flags | RH_COLUMN_NOT_NULL | RH_COLUMN_EXACT_EQUAL |
                                       RH_COLUMN_BINARY_ORDER,
                              .native_id = kind};
}

static int describe(struct listing *l, const struct found *found, struct rh_table *ret_table,
                    struct rh_error *error)
{
    static const uint32_t key[] = {0};
    uint32_t n = found->columns.n + OWN_COLUMNS;
    struct rh_column *columns = l->conn->host->alloc(l->op->arena, (uint64_t)n * sizeof(*columns));
    bool ok = columns != NULL;

    for (uint32_t i = OWN_COLUMNS; ok && i < n; i++) {
        columns[i] = ((const struct rh_column *)found->columns.items)[i - OWN_COLUMNS];
        columns[i].name = copy_text(l, columns[i].name, &ok);
        columns[i].native_type = copy_text(l, columns[i].native_type, &ok);
    }
    *ret_table = (struct rh_table){
        .struct_size = sizeof(*ret_table),
        .kind = found->is_alias ? RH_TABLE_VIEW : RH_TABLE_BASE,
        .flags = found->is_alias ? RH_TABLE_READ_ONLY : 0,
        .name = copy_text(l, found->name, &ok),
        .columns = columns,
        .n_columns = n,
        .column_stride = sizeof(*columns),
        .key = key,
        .n_key = found->n_indices == 1 ? 1 : 0,
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = -1,
    };
    if (!ok)
        return rh_fail_nomem(error);
    columns[0] = own_column(RH_ELASTICSEARCH_ID, RH_ELASTICSEARCH_KEY, RH_COLUMN_DEFAULT);
    columns[0].native_id |= found->is_alias ? RH_ELASTICSEARCH_ALIAS : 0;
    columns[1] =
        own_column(RH_ELASTICSEARCH_VERSION, RH_ELASTICSEARCH_SEQUENCE, RH_COLUMN_GENERATED);
    return RH_OK;
}

static int describe_all(struct listing *l, struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct found **found = l->found.items;
    struct rh_table *tables =
        l->conn->host->alloc(l->op->arena, (uint64_t)l->found.n * sizeof(*tables));
    int rc = tables ? RH_OK : rh_fail_nomem(error);

    for (uint32_t i = 0; rc == RH_OK && i < l->found.n; i++)
        rc = describe(l, found[i], &tables[i], error);
    if (rc)
        return rc;
    ret_catalog->tables = tables;
    ret_catalog->n_tables = l->found.n;
    ret_catalog->table_stride = sizeof(*tables);
    return RH_OK;
}

int32_t rh_elasticsearch_tables(struct rh_conn *conn, const struct rh_op *op,
                                struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct listing l = {.conn = conn,
                        .op = op,
                        .arena = rh_arena_new(RH_ELASTICSEARCH_ARENA_BYTES),
                        .found = RH_VEC_INIT(struct found *)};
    struct rh_json *mappings = NULL, *aliases = NULL;
    int rc = l.arena ? RH_OK : rh_fail_nomem(error);

    rh_map_init(&l.by_name);
    if (rc == RH_OK)
        rc = ask(&l, "_mapping", "ignore_unavailable=true&expand_wildcards=open", &mappings, error);
    if (rc == RH_OK)
        rc = ask(&l, "_alias", "ignore_unavailable=true&expand_wildcards=open", &aliases, error);
    if (rc == RH_OK)
        rc = find_tables(&l, mappings, aliases, error);
    if (rc == RH_OK)
        rc = describe_all(&l, ret_catalog, error);
    for (uint32_t i = 0; i < l.found.n; i++)
        rh_map_free(&((struct found **)l.found.items)[i]->by_name);
    rh_map_free(&l.by_name);
    rh_arena_free(l.arena);
    return rc;
}
