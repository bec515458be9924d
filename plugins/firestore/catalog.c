/*
 * Tables: the names of the collections at the root, page by page, and a sample of each. The number of
 * requests grows with the collections, since Firestore reads one (or one group) at a time.
 *
 * The sample is the first documents by name. A field that none of them has is not seen; a collection
 * is there as long as it has documents.
 */
#include "firestore.h"

#include "base/json.h"
#include "base/map.h"
#include "base/vec.h"

#include <string.h>

#define MAX_TABLES 2000
#define MAX_COLUMNS 1000
#define ARENA_BYTES ((size_t)512 << 20)
#define BODY_BYTES ((size_t)256 << 10)

struct field {
    struct rh_text name;
    uint32_t kinds;
};

struct found {
    struct rh_text name;
    bool group;
    struct rh_vec fields; /* of struct field */
    struct rh_map by_name;
};

struct listing {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_arena *arena; /* names while at work */
    struct rh_arena *documents;
    struct rh_vec found; /* of struct found * */
};

/* ---- Which collections --------------------------------------------------------------------- */

static int add_table(struct listing *l, struct rh_text name, bool group, struct rh_error *error)
{
    struct found *found = rh_arena_alloc(l->arena, sizeof(*found)), **slot;
    bool ok = true;

    if (l->found.n >= MAX_TABLES)
        return rh_fail(error, RH_RESOURCE, "there are more than %d collections", MAX_TABLES);
    slot = rh_vec_push(&l->found, l->arena);
    if (!found || !slot)
        return rh_fail_nomem(error);
    *found = (struct found){.name = rh_arena_text(l->arena, name, &ok),
                            .group = group,
                            .fields = RH_VEC_INIT(struct field)};
    rh_map_init(&found->by_name);
    *slot = found;
    return ok ? RH_OK : rh_fail_nomem(error);
}

/* One page; the token of the next one, or no text. */
static int list_page(struct listing *l, struct rh_text token, struct rh_text *ret_token,
                     struct rh_error *error)
{
    const struct rh_json *ids;
    struct rh_json *answer = NULL;
    struct rh_buf body;
    int rc;

    rh_buf_init(&body, BODY_BYTES);
    rh_buf_add_str(&body, "{\"pageSize\":300");
    if (token.len) {
        rh_buf_add_str(&body, ",\"pageToken\":");
        rh_json_add_string(&body, token);
    }
    rh_buf_add_char(&body, '}');
    rc = rh_firestore_call(l->conn, l->op, ":listCollectionIds", &body, true,
                           "cannot list the collections", l->arena, &answer, error);
    rh_buf_free(&body);
    if (rc)
        return rc;
    ids = rh_json_member(answer, "collectionIds");
    for (const struct rh_json *id = ids ? ids->child : NULL; id && rc == RH_OK; id = id->next)
        if (id->kind == RH_JSON_STRING && !rh_firestore_is_group(l->conn, id->text) &&
            rh_firestore_check_table(id->text, NULL) == RH_OK)
            rc = add_table(l, id->text, false, error);
    *ret_token = rh_json_string(answer, "nextPageToken");
    return rc;
}

static int list_tables(struct listing *l, struct rh_error *error)
{
    struct rh_text token = {NULL, 0}, next = {NULL, 0};
    int rc = RH_OK;

    do {
        token = next;
        rc = list_page(l, token, &next, error);
        if (rc == RH_OK && next.len && rh_text_equal(next, token))
            rc = rh_fail(error, RH_PROTOCOL, "the server gives the same page again and again");
    } while (rc == RH_OK && next.len);
    for (uint32_t i = 0; i < l->conn->config.n_groups && rc == RH_OK; i++)
        rc = add_table(l, rh_text_of(l->conn->config.groups[i]), true, error);
    return rc;
}

/* ---- Sampling ------------------------------------------------------------------------------ */

static int look_at(struct listing *l, struct found *table, const struct rh_json *document,
                   struct rh_error *error)
{
    const struct rh_json *fields = rh_json_member(document, "fields");

    for (const struct rh_json *value = fields ? fields->child : NULL; value; value = value->next) {
        enum rh_firestore_kind kind = rh_firestore_kind_of(value);
        uintptr_t place = (uintptr_t)rh_map_get(&table->by_name, value->key);
        struct field *field;
        bool ok = true;

        if (!place && table->fields.n < MAX_COLUMNS && value->key.len &&
            !memchr(value->key.data, 0, value->key.len)) {
            field = rh_vec_push(&table->fields, l->arena);
            place = table->fields.n;
            if (field)
                *field = (struct field){.name = rh_arena_text(l->arena, value->key, &ok)};
            if (!field || !ok || !rh_map_put(&table->by_name, field->name, (void *)place, NULL))
                return rh_fail_nomem(error);
        }
        if (place) {
            field = (struct field *)table->fields.items + (place - 1);
            field->kinds |= RH_FIRESTORE_BIT(kind < RH_FIRESTORE_N_KINDS ? kind : RH_FIRESTORE_MAP);
        }
    }
    return RH_OK;
}

static int sample(struct listing *l, struct found *table, struct rh_error *error)
{
    struct rh_http_documents documents = {.http = NULL};
    struct rh_http_request request;
    struct rh_json *item = NULL;
    struct rh_buf url, body;
    int rc;

    rh_buf_init(&url, 65536);
    rh_buf_init(&body, BODY_BYTES);
    rh_buf_add_str(&body, "{\"structuredQuery\":{\"from\":[{\"collectionId\":");
    rh_json_add_string(&body, table->name);
    rh_buf_addf(&body, "%s}],\"orderBy\":[{\"field\":{\"fieldPath\":\"__name__\"}}],\"limit\":%u}}",
                table->group ? ",\"allDescendants\":true" : "", l->conn->config.sample);
    request = rh_firestore_request(&url, l->conn, ":runQuery", &body, true);
    rc = url.failed || body.failed ? rh_fail_nomem(error)
                                   : rh_firestore_stream(l->conn, l->op, &request,
                                                         "cannot read a sample", &documents, error);
    while (rc == RH_OK) {
        rh_arena_reset(l->documents);
        rc = rh_http_documents_next(&documents, l->op, l->documents, &item, error);
        if (rc == RH_OK)
            rc = look_at(l, table, rh_json_member(item, "document"), error);
    }
    if (documents.http)
        rh_http_documents_close(&documents);
    rh_buf_free(&url);
    rh_buf_free(&body);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- Describing ---------------------------------------------------------------------------- */

static struct rh_column own_column(const char *name, uint32_t flags)
{
    return (struct rh_column){.name = rh_text_of(name),
                              .native_type = RH_TEXT("string"),
                              .type = RH_TYPE_TEXT,
                              .flags = flags | RH_COLUMN_NOT_NULL | RH_COLUMN_EXACT_EQUAL,
                              .native_id = RH_FIRESTORE_BIT(RH_FIRESTORE_STRING)};
}

static struct rh_text keep(struct listing *l, struct rh_text text)
{
    char *copy = l->conn->host->alloc(l->op->arena, text.len + 1);

    if (copy)
        memcpy(copy, text.data, text.len);
    return rh_text_make(copy, copy ? text.len : 0);
}

/* _id and _update_time first, then what was seen. Names of groups are paths, which are ordered segment
 * by segment. */
static int describe(struct listing *l, const struct found *found, struct rh_table *ret_table,
                    struct rh_error *error)
{
    static const uint32_t key[] = {0};
    const struct field *fields = found->fields.items;
    uint32_t n = 2;
    struct rh_column *columns =
        l->conn->host->alloc(l->op->arena, ((uint64_t)found->fields.n + 2) * sizeof(*columns));

    if (!columns)
        return rh_fail_nomem(error);
    columns[0] = own_column(RH_FIRESTORE_ID,
                            RH_COLUMN_DEFAULT | (found->group ? 0 : RH_COLUMN_BINARY_ORDER));
    columns[1] = own_column(RH_FIRESTORE_UPDATE_TIME, RH_COLUMN_GENERATED);
    for (uint32_t i = 0; i < found->fields.n; i++) {
        struct rh_column *column = &columns[n];
        if (rh_text_is(fields[i].name, RH_FIRESTORE_ID) ||
            rh_text_is(fields[i].name, RH_FIRESTORE_UPDATE_TIME))
            continue;
        *column = (struct rh_column){.name = keep(l, fields[i].name), .flags = RH_COLUMN_INFERRED};
        rh_firestore_type_of(fields[i].kinds, column);
        if (column->type == RH_TYPE_TEXT)
            column->flags |= RH_COLUMN_BINARY_ORDER | RH_COLUMN_EXACT_EQUAL;
        if (!column->name.data)
            return rh_fail_nomem(error);
        n++;
    }
    *ret_table = (struct rh_table){
        .struct_size = sizeof(*ret_table),
        .name = keep(l, found->name),
        .columns = columns,
        .n_columns = n,
        .column_stride = sizeof(*columns),
        .key = key,
        .n_key = 1,
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = -1,
    };
    return ret_table->name.data ? RH_OK : rh_fail_nomem(error);
}

static int describe_all(struct listing *l, struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct found **found = l->found.items;
    struct rh_table *tables =
        l->conn->host->alloc(l->op->arena, ((uint64_t)l->found.n + 1) * sizeof(*tables));
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

int32_t rh_firestore_tables(struct rh_conn *conn, const struct rh_op *op,
                            struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct listing l = {.conn = conn,
                        .op = op,
                        .arena = rh_arena_new(ARENA_BYTES),
                        .documents = rh_arena_new(ARENA_BYTES),
                        .found = RH_VEC_INIT(struct found *)};
    int rc = l.arena && l.documents ? list_tables(&l, error) : rh_fail_nomem(error);
    struct found **found = l.found.items;

    for (uint32_t i = 0; rc == RH_OK && i < l.found.n; i++)
        rc = sample(&l, found[i], error);
    if (rc == RH_OK)
        rc = describe_all(&l, ret_catalog, error);
    for (uint32_t i = 0; i < l.found.n; i++)
        rh_map_free(&found[i]->by_name);
    rh_arena_free(l.arena);
    rh_arena_free(l.documents);
    return rc;
}
