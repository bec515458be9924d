/*
 * Tables: those that the settings declare, or else one for each beginning of keys up to ':' and each
 * kind. One walk through the keys looks for all of them, and for samples to infer columns from; it
 * ends after 20 keys for each one that a sample may have, so a rare table may be seen without
 * columns: declare those.
 */
#include "redis.h"

#include "connector/json_infer.h"

#include <string.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define MAX_TABLES 4096u
#define LOOK_AT 20u /* keys for each one of the sample */

/* A table at work. */
struct found {
    struct rh_redis_table table;
    struct rh_json_infer infer;
    uint32_t n_sampled;
    uint32_t n_objects; /* STRING: of the samples, that are objects */
};

struct listing {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_arena *arena; /* tables while at work */
    struct rh_arena *documents;
    struct rh_vec found;   /* of struct found * */
    struct rh_map by_name; /* "kind:prefix" */
    struct rh_text *keys;  /* of the SCAN at hand, in `documents` */
    struct found **tables; /* of these keys; NULL: of none that needs it */
    uint32_t n_keys;
};

static struct found *add_table(struct listing *l, const struct rh_redis_table *table,
                               struct rh_error *error)
{
    struct found *found, **slot;

    if (l->found.n >= MAX_TABLES) {
        rh_fail(error, RH_RESOURCE, "there are more than %u tables", MAX_TABLES);
        (void)rh_error_hint(error, "declare those that are wanted in the setting tables");
        return NULL;
    }
    found = rh_arena_alloc(l->arena, sizeof(*found));
    slot = rh_vec_push(&l->found, l->arena);
    if (!found || !slot) {
        rh_fail_nomem(error);
        return NULL;
    }
    *slot = found;
    found->table = *table;
    rh_json_infer_init(&found->infer, l->arena, RH_REDIS_MAX_COLUMNS);
    return found;
}

/* ---- Which table a key is of ----------------------------------------------------------------- */

static bool needs_sample(const struct listing *l, const struct found *found)
{
    enum rh_redis_kind kind = found->table.kind;

    return !found->table.columns && found->n_sampled < l->conn->config.sample &&
           (kind == RH_REDIS_HASH || kind == RH_REDIS_JSON || kind == RH_REDIS_STREAM ||
            (kind == RH_REDIS_STRING && found->table.schema.len));
}

static struct found *declared_table(const struct listing *l, struct rh_text key)
{
    struct found *const *all = l->found.items;
    struct rh_text values[RH_REDIS_MAX_PLACEHOLDERS];

    for (uint32_t i = 0; i < l->found.n; i++)
        if (needs_sample(l, all[i]) && rh_redis_pattern_match(&all[i]->table.pattern, key, values))
            return all[i];
    return NULL;
}

/* Keys of other kinds (of modules), and those without a ':', are in no table. */
static int table_of(struct listing *l, struct rh_text key, struct rh_text kind,
                    struct found **ret_table, struct rh_error *error)
{
    struct rh_text rest = key, prefix = rh_text_cut(&rest, ':'), name;
    struct rh_redis_table table;
    struct found *found;
    int rc;

    *ret_table = NULL;
    if (!rest.data || !prefix.len || !rh_redis_kind_of(kind) || !rh_text_is_utf8(prefix) ||
        memchr(prefix.data, 0, prefix.len))
        return RH_OK;
    name = rh_text_of(
        rh_arena_printf(l->documents, "%.*s:%.*s", RH_TEXT_ARG(kind), RH_TEXT_ARG(prefix)));
    if (!name.data)
        return rh_fail_nomem(error);
    found = rh_map_get(&l->by_name, name);
    if (!found) {
        rc = rh_redis_table_find(&l->conn->config, kind, prefix, l->arena, &table, error);
        if (rc)
            return rc;
        found = add_table(l, &table, error);
        name = rh_arena_text(l->arena, name, NULL);
        if (!found || !name.data || !rh_map_put(&l->by_name, name, found, NULL))
            return error ? error->error_class : RH_RESOURCE;
    }
    *ret_table = needs_sample(l, found) ? found : NULL;
    return RH_OK;
}

static int find_tables(struct listing *l, struct rh_error *error)
{
    const struct rh_redis_reply *kind;
    int rc = RH_OK;

    for (uint32_t i = 0; i < l->n_keys && l->conn->config.tables; i++)
        l->tables[i] = declared_table(l, l->keys[i]);
    if (l->conn->config.tables)
        return RH_OK;
    for (uint32_t i = 0; i < l->n_keys; i++)
        rh_redis_command_on(l->conn, "TYPE", l->keys[i]);
    rc = rh_redis_flush(l->conn, l->op, error);
    for (uint32_t i = 0; i < l->n_keys && rc == RH_OK; i++) {
        rc = rh_redis_receive(l->conn, l->op, &kind, error);
        if (rc == RH_OK)
            rc = rh_redis_check(kind, "cannot tell a key's kind", error);
        if (rc == RH_OK)
            rc = table_of(l, l->keys[i], kind->text, &l->tables[i], error);
        rh_redis_release(l->conn);
    }
    return rc;
}

/* ---- Samples --------------------------------------------------------------------------------- */

/* Names and values as a document: numbers and truth values as such, so that they are inferred. */
static int infer_fields(struct listing *l, struct found *found, const struct rh_redis_reply *fields,
                        struct rh_error *error)
{
    struct rh_json document = {.kind = RH_JSON_OBJECT}, *members, **end = &document.child;

    if (fields->type != RH_REDIS_REPLY_ARRAY || fields->n < 2)
        return RH_OK;
    members = rh_arena_array(l->documents, fields->n / 2, sizeof(*members));
    if (!members)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i + 1 < fields->n; i += 2) {
        struct rh_json *member = &members[i / 2];
        struct rh_text text = fields->items[i + 1]->text;
        uint8_t type = rh_text_cell_type(text);

        if (!rh_text_is_utf8(fields->items[i]->text) || !fields->items[i]->text.len ||
            memchr(fields->items[i]->text.data, 0, fields->items[i]->text.len))
            continue;
        *member = (struct rh_json){.key = fields->items[i]->text, .text = text, .source = text};
        member->kind = type == RH_TYPE_INT || type == RH_TYPE_DECIMAL ? RH_JSON_NUMBER
                       : type == RH_TYPE_BOOL                         ? RH_JSON_TRUE
                                                                      : RH_JSON_STRING;
        *end = member;
        end = &member->next;
        document.n++;
    }
    found->n_sampled++;
    return rh_json_infer_add(&found->infer, &document, error);
}

static int infer_document(struct listing *l, struct found *found, struct rh_text text,
                          struct rh_error *error)
{
    struct rh_json *document;

    found->n_sampled++;
    if (rh_json_parse(l->documents, text, &document, NULL) || document->kind != RH_JSON_OBJECT)
        return RH_OK; /* reading it will tell */
    found->n_objects++;
    return rh_json_infer_add(&found->infer, document, error);
}

static int look_at(struct listing *l, struct found *found, const struct rh_redis_reply *reply,
                   struct rh_error *error)
{
    if (reply->type == RH_REDIS_REPLY_ERROR)
        return rh_redis_is_error(reply, "WRONGTYPE")
                   ? RH_OK
                   : rh_redis_fail(error, reply, "cannot read a sample");
    if (found->table.kind == RH_REDIS_HASH)
        return infer_fields(l, found, reply, error);
    if (found->table.kind != RH_REDIS_STREAM)
        return reply->type == RH_REDIS_REPLY_TEXT ? infer_document(l, found, reply->text, error)
                                                  : RH_OK;
    for (uint32_t i = 0; reply->type == RH_REDIS_REPLY_ARRAY && i < reply->n; i++) {
        const struct rh_redis_reply *entry = reply->items[i];
        int rc = entry->type == RH_REDIS_REPLY_ARRAY && entry->n == 2
                     ? infer_fields(l, found, entry->items[1], error)
                     : RH_OK;
        if (rc)
            return rc;
    }
    return RH_OK;
}

static void ask_sample(struct listing *l, const struct found *found, struct rh_text key)
{
    if (found->table.kind == RH_REDIS_STREAM) {
        rh_redis_begin(l->conn, 6);
        rh_redis_word(l->conn, RH_TEXT("XREVRANGE"));
        rh_redis_word(l->conn, key);
        rh_redis_word(l->conn, RH_TEXT("+"));
        rh_redis_word(l->conn, RH_TEXT("-"));
        rh_redis_word(l->conn, RH_TEXT("COUNT"));
        rh_redis_word(l->conn, RH_TEXT("100"));
    } else {
        rh_redis_command_on(l->conn, found->table.kind == RH_REDIS_HASH ? "HGETALL" : "GET", key);
    }
}

static int take_samples(struct listing *l, struct rh_error *error)
{
    const struct rh_redis_reply *reply;
    int rc;

    for (uint32_t i = 0; i < l->n_keys; i++)
        if (l->tables[i])
            ask_sample(l, l->tables[i], l->keys[i]);
    rc = rh_redis_flush(l->conn, l->op, error);
    for (uint32_t i = 0; i < l->n_keys && rc == RH_OK; i++) {
        if (!l->tables[i])
            continue;
        rc = rh_redis_receive(l->conn, l->op, &reply, error);
        if (rc == RH_OK)
            rc = look_at(l, l->tables[i], reply, error);
        rh_redis_release(l->conn);
    }
    return rc;
}

/* ---- The walk -------------------------------------------------------------------------------- */

static int scan(struct listing *l, uint64_t *cursor, struct rh_error *error)
{
    const struct rh_redis_reply *reply, *keys;
    char text[24];
    struct rh_buf number = {.data = text, .cap = sizeof(text), .max = sizeof(text)};
    bool ok = true;
    int rc;

    rh_buf_add_u64(&number, *cursor);
    rh_redis_begin(l->conn, 4);
    rh_redis_word(l->conn, RH_TEXT("SCAN"));
    rh_redis_word(l->conn, rh_buf_text(&number));
    rh_redis_word(l->conn, RH_TEXT("COUNT"));
    rh_redis_word(l->conn, RH_TEXT("200"));
    rc = rh_redis_flush(l->conn, l->op, error);
    if (rc == RH_OK)
        rc = rh_redis_receive(l->conn, l->op, &reply, error);
    if (rc == RH_OK)
        rc = rh_redis_check_array(reply, 2, "cannot list the keys", error);
    if (rc == RH_OK)
        rc = rh_redis_check_array(reply->items[1], 0, "cannot list the keys", error);
    if (rc)
        return rc;
    keys = reply->items[1];
    l->n_keys = keys->n;
    l->keys = rh_arena_array(l->documents, keys->n, sizeof(*l->keys));
    l->tables = rh_arena_array(l->documents, keys->n, sizeof(*l->tables));
    for (uint32_t i = 0; i < keys->n && l->keys; i++)
        l->keys[i] = rh_arena_text(l->documents, keys->items[i]->text, &ok);
    if (!ok || !l->keys || !l->tables)
        return rh_fail_nomem(error);
    return rh_text_to_u64(reply->items[0]->text, cursor)
               ? RH_OK
               : rh_fail(error, RH_PROTOCOL, "Redis gave no cursor with its keys");
}

static bool wants_more(const struct listing *l)
{
    struct found *const *all = l->found.items;
    bool any = !l->conn->config.tables;

    for (uint32_t i = 0; i < l->found.n && !any; i++)
        any = needs_sample(l, all[i]);
    return any;
}

static int walk(struct listing *l, struct rh_error *error)
{
    uint64_t cursor = 0, n_looked_at = 0;
    int rc = RH_OK;

    while (rc == RH_OK && wants_more(l)) {
        rh_arena_reset(l->documents);
        rc = rh_kit_check(l->conn->host, l->op, error);
        if (rc == RH_OK)
            rc = scan(l, &cursor, error);
        rh_redis_release(l->conn);
        if (rc == RH_OK)
            rc = find_tables(l, error);
        if (rc == RH_OK)
            rc = take_samples(l, error);
        n_looked_at += l->n_keys + 1;
        if (!cursor || n_looked_at > (uint64_t)l->conn->config.sample * LOOK_AT)
            break;
    }
    return rc;
}

/* ---- Describing ------------------------------------------------------------------------------ */

static struct rh_text keep(const struct listing *l, struct rh_text text, bool *ok)
{
    char *copy = l->conn->host->alloc(l->op->arena, text.len + 1);

    *ok = *ok && copy;
    if (copy)
        memcpy(copy, text.data ? text.data : "", text.len);
    return rh_text_make(copy, text.len);
}

/* Texts that are sometimes numbers and sometimes truth values are just texts. */
static void as_texts(struct rh_column *columns, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (columns[i].type == RH_TYPE_JSON)
            columns[i].type = RH_TYPE_TEXT;
}

static int columns_of(struct listing *l, struct found *found, struct rh_vec *columns,
                      struct rh_error *error)
{
    struct rh_redis_table *table = &found->table;
    struct rh_column *fields = NULL;
    uint32_t n = 0;
    int rc;

    if (table->kind == RH_REDIS_STRING && table->schema.len && found->n_sampled &&
        found->n_objects == found->n_sampled) {
        table->kind = RH_REDIS_JSON;
        table->schema = rh_text_of(rh_redis_kind_name(RH_REDIS_JSON));
    }
    if (!table->columns) {
        rc = rh_json_infer_columns(&found->infer, l->conn->host, l->op->arena, &fields, &n, error);
        if (rc)
            return rc;
        if (table->kind != RH_REDIS_JSON)
            as_texts(fields, n);
    }
    return rh_redis_table_columns(table, table->columns ? table->columns : fields,
                                  table->columns ? table->n_columns : n, columns, l->arena)
               ? RH_OK
               : rh_fail_nomem(error);
}

static int describe(struct listing *l, struct found *found, struct rh_table *ret_table,
                    struct rh_error *error)
{
    const struct rh_host *host = l->conn->host;
    struct rh_vec made = RH_VEC_INIT(struct rh_column);
    struct rh_column *columns;
    uint32_t *key = host->alloc(l->op->arena, (RH_REDIS_MAX_PLACEHOLDERS + 1) * sizeof(*key));
    bool ok = key != NULL;
    int rc = columns_of(l, found, &made, error);

    if (rc)
        return rc;
    columns = host->alloc(l->op->arena, (uint64_t)made.n * sizeof(*columns) + 1);
    for (uint32_t i = 0; columns && i < made.n; i++) {
        columns[i] = ((const struct rh_column *)made.items)[i];
        columns[i].name = keep(l, columns[i].name, &ok);
    }
    *ret_table = (struct rh_table){
        .struct_size = sizeof(*ret_table),
        .schema = found->table.schema,
        .name = keep(l, found->table.name, &ok),
        .comment =
            found->table.schema.len ? RH_TEXT("found by looking at keys") : rh_text_make(NULL, 0),
        .columns = columns,
        .n_columns = made.n,
        .column_stride = sizeof(*columns),
        .key = key,
        .n_key = key ? rh_redis_table_key(&found->table, key) : 0,
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = -1,
    };
    return ok && columns ? RH_OK : rh_fail_nomem(error);
}

static int describe_all(struct listing *l, struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct found **found = l->found.items;
    struct rh_table *tables =
        l->conn->host->alloc(l->op->arena, (uint64_t)l->found.n * sizeof(*tables) + 1);
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

int32_t rh_redis_tables(struct rh_conn *conn, const struct rh_op *op,
                        struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct listing l = {.conn = conn,
                        .op = op,
                        .arena = rh_arena_new(ARENA_BYTES),
                        .documents = rh_arena_new(ARENA_BYTES),
                        .found = RH_VEC_INIT(struct found *)};
    int rc = l.arena && l.documents ? rh_redis_enter(conn, op, error) : rh_fail_nomem(error);

    rh_map_init(&l.by_name);
    for (uint32_t i = 0; rc == RH_OK && i < conn->config.n_tables; i++)
        rc = add_table(&l, &conn->config.tables[i], error) ? RH_OK : RH_RESOURCE;
    if (rc == RH_OK)
        rc = walk(&l, error);
    if (rc == RH_OK)
        rc = describe_all(&l, ret_catalog, error);
    if (rc)
        rh_redis_abandon(conn);
    for (uint32_t i = 0; i < l.found.n; i++)
        rh_json_infer_fini(&((struct found **)l.found.items)[i]->infer);
    rh_map_free(&l.by_name);
    rh_arena_free(l.arena);
    rh_arena_free(l.documents);
    rh_redis_leave(conn);
    return rc;
}
