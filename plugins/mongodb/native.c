/*
 * Commands as they are, in Extended JSON: {"aggregate": "orders", "pipeline": […], "cursor": {}}. A
 * parameter stands as {"$parameter": n}, n from 1, and is replaced by the value itself, in the document:
 * nothing is spliced into text.
 *
 * Read-only: only commands that read are let through, and no $out, $merge or JavaScript in them. Each
 * document of the answer is one row with one column, `document`; a command without a cursor gives one row.
 */
#include "mongodb.h"

#include <string.h>

#define ARENA_BYTES ((size_t)1 << 28)

static const char *const readers[] = {
    "aggregate", "find", "count", "distinct",  "listCollections", "listIndexes", "collStats",
    "dbStats",   "ping", "hello", "buildInfo", "explain",         "dataSize",    "connectionStatus",
};
/* They would end or change what the connection itself is in. */
static const char *const forbidden[] = {
    "getMore",           "killCursors",      "startSession", "endSessions",
    "commitTransaction", "abortTransaction", "killSessions", "logout",
    "authenticate",      "saslStart",        "saslContinue", "refreshSessions",
};
static const char *const changers[] = {"$out", "$merge", "$function", "$accumulator", "$where"};

static bool is_among(struct rh_text name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rh_text_is(name, names[i]))
            return true;
    return false;
}
#define IS_AMONG(name, names) is_among(name, names, sizeof(names) / sizeof((names)[0]))

/* Anywhere in the value: a pipeline within a stage counts as well. */
static bool has_changer(const struct rh_json *value)
{
    for (const struct rh_json *child = value->child; child; child = child->next)
        if ((child->key.data && IS_AMONG(child->key, changers)) || has_changer(child))
            return true;
    return false;
}

/* ---- Parameters ------------------------------------------------------------------------------ */

struct binding {
    const struct rh_native_spec *spec;
    struct rh_error *error;
};

/* {"$parameter": n}: n, or 0. */
static uint64_t parameter_of(const struct rh_json *value)
{
    const struct rh_json *member = rh_json_member(value, "$parameter");
    uint64_t n = 0;

    return member && value->n == 1 && member->kind == RH_JSON_NUMBER &&
                   rh_text_to_u64(member->text, &n)
               ? n
               : 0;
}

static bool has_parameter(const struct rh_json *value)
{
    if (rh_json_member(value, "$parameter"))
        return true;
    for (const struct rh_json *child = value->child; child; child = child->next)
        if (has_parameter(child))
            return true;
    return false;
}

static int append(const struct binding *b, bson_t *to, struct rh_text key,
                  const struct rh_json *value)
{
    bool is_array = value->kind == RH_JSON_ARRAY;
    uint64_t n = parameter_of(value);
    char position[16];
    const char *name;
    bson_t child;
    uint32_t i = 0;
    int rc = RH_OK;

    if (n && n <= b->spec->n_parameters)
        return rh_mongodb_append(to, key, &b->spec->parameters[n - 1], 0, b->error);
    if (rh_json_member(value, "$parameter"))
        return rh_fail(b->error, RH_INVALID, "the command has a $parameter that is not given");
    if (!has_parameter(value))
        return rh_mongodb_append_json(to, key, value, b->error);
    if (is_array)
        bson_append_array_begin(to, key.data, (int)key.len, &child);
    else
        rh_mongodb_begin_document(to, key, &child);
    for (const struct rh_json *next = value->child; next && rc == RH_OK; next = next->next, i++) {
        size_t len = is_array ? bson_uint32_to_string(i, &name, position, sizeof(position)) : 0;
        rc = append(b, &child, is_array ? rh_text_make(name, len) : next->key, next);
    }
    if (is_array)
        bson_append_array_end(to, &child);
    else
        bson_append_document_end(to, &child);
    return rc;
}

/* ---- Running --------------------------------------------------------------------------------- */

static int check(const struct rh_json *command, const struct rh_op *op, bool *ret_reads,
                 struct rh_error *error)
{
    if (command->kind != RH_JSON_OBJECT || !command->child) {
        rh_fail(error, RH_INVALID, "the query is not a command, which is a JSON object");
        return rh_error_hint(error,
                             "as {\"find\": \"orders\", \"filter\": {\"status\": \"open\"}}");
    }
    *ret_reads = IS_AMONG(command->child->key, readers) && !has_changer(command);
    if (IS_AMONG(command->child->key, forbidden) || rh_json_member(command, "lsid") ||
        rh_json_member(command, "$db"))
        return rh_fail(error, RH_UNSUPPORTED,
                       "the command \"%.*s\" is the connection's own business",
                       RH_TEXT_ARG(command->child->key));
    if (op->flags & RH_OP_READ_ONLY && !*ret_reads)
        return rh_fail(error, RH_PERMISSION,
                       "the command \"%.*s\" may change data, and this query is read-only",
                       RH_TEXT_ARG(command->child->key));
    return RH_OK;
}

static int compose(const struct rh_json *command, const struct rh_native_spec *spec, bson_t *to,
                   struct rh_error *error)
{
    const struct binding b = {spec, error};
    int rc = RH_OK;

    for (const struct rh_json *member = command->child; member && rc == RH_OK;
         member = member->next)
        rc = append(&b, to, member->key, member);
    return rc;
}

/* Owns the reply. Any other answer becomes a cursor of one document. */
static int take_reply(struct rh_cursor *cursor, bson_t *reply, struct rh_error *error)
{
    bson_t wrapped = BSON_INITIALIZER, inner, list;
    bson_iter_t iter;

    if (bson_iter_init_find(&iter, reply, "cursor") && BSON_ITER_HOLDS_DOCUMENT(&iter)) {
        if (bson_iter_recurse(&iter, &iter) && bson_iter_find(&iter, "ns") &&
            BSON_ITER_HOLDS_UTF8(&iter)) {
            const char *dot = strchr(bson_iter_utf8(&iter, NULL), '.');
            bool ok = true;
            cursor->collection = rh_arena_text(cursor->arena, rh_text_of(dot ? dot + 1 : ""), &ok);
            if (!ok) {
                bson_destroy(reply);
                return rh_fail_nomem(error);
            }
        }
        return rh_mongodb_cursor_take(cursor, reply, error);
    }
    bson_append_document_begin(&wrapped, "cursor", -1, &inner);
    BSON_APPEND_INT64(&inner, "id", 0);
    bson_append_array_begin(&inner, "firstBatch", -1, &list);
    BSON_APPEND_DOCUMENT(&list, "0", reply);
    bson_append_array_end(&inner, &list);
    bson_append_document_end(&wrapped, &inner);
    bson_destroy(reply);
    return rh_mongodb_cursor_take(cursor, &wrapped, error);
}

static int start(struct rh_conn *conn, const bson_t *command, bool reads,
                 struct rh_native_result *result, struct rh_error *error)
{
    static const struct rh_column document = {.name = RH_TEXT_INIT("document"),
                                              .native_type = RH_TEXT_INIT("object"),
                                              .type = RH_TYPE_JSON,
                                              .native_id = RH_MONGODB_KNOWN | RH_MONGODB_OTHER};
    struct rh_cursor *cursor = NULL;
    bson_iter_t iter;
    bson_t reply;
    int rc =
        rh_mongodb_cursor_new(conn, RH_TEXT(""), &document, 1, sizeof(document), &cursor, error);

    if (rc)
        return rc;
    cursor->whole = true;
    rc = rh_mongodb_command(conn, reads ? RH_MONGODB_READ : RH_MONGODB_WRITE, NULL, command,
                            "the command failed", &cursor->server, &reply, error);
    if (rc == RH_OK) {
        if (!reads && bson_iter_init_find(&iter, &reply, "n"))
            result->n_affected = (uint64_t)bson_iter_as_int64(&iter);
        rc = take_reply(cursor, &reply, error);
    }
    if (rc) {
        rh_mongodb_finish(cursor);
        return rc;
    }
    result->columns = &document;
    result->n_columns = 1;
    result->cursor = cursor;
    return RH_OK;
}

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(ARENA_BYTES);
    struct rh_json *json = NULL;
    bson_t command = BSON_INITIALIZER;
    bool reads = false;
    int rc = arena ? RH_OK : rh_fail_nomem(error);

    if (rc == RH_OK && conn->cursor)
        rc = rh_fail(error, RH_INVALID, "the connection has an open cursor");
    if (rc == RH_OK)
        rc = rh_json_parse(arena, spec->text, &json, error);
    if (rc == RH_OK)
        rc = check(json, op, &reads, error);
    if (rc == RH_OK)
        rc = compose(json, spec, &command, error);
    if (rc == RH_OK)
        rc = rh_mongodb_begin(conn, op, error);
    if (rc == RH_OK) {
        if (!bson_has_field(&command, "maxTimeMS") && !conn->in_tx)
            BSON_APPEND_INT64(&command, "maxTimeMS", rh_mongodb_left_ms(conn));
        rc = start(conn, &command, reads, ret_result, error);
        rh_mongodb_end(conn);
    }
    bson_destroy(&command);
    rh_arena_free(arena);
    return rc;
}

const struct rh_native rh_mongodb_native = {
    .struct_size = sizeof(rh_mongodb_native),
    .language = RH_TEXT_INIT("MongoDB command (Extended JSON)"),
    .run = run,
};
