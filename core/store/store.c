/*
 * Documents: JSON bodies under keys, changed in transactions.
 *
 * A change says which revision it expects. One that expects any reads the revision first; when
 * somebody else is faster between the two, the transaction is done again.
 */
#include "store/store.h"

#include "store/documents.h"

#include "base/err.h"
#include "base/text.h"
#include "host/check.h"

#include <stdlib.h>
#include <string.h>

#define SCHEMA_KEY "schema"
#define SCHEMA_VERSION 1
#define ARENA_BYTES ((size_t)1 << 20)
#define KEY_MAX_BYTES 1024
#define BODY_MAX_BYTES ((size_t)64 << 20)
#define MAX_TRIES 64
#define LAST_CODE_POINT "\xf4\x8f\xbf\xbf" /* U+10FFFF: no key has it, so it is above all of them */

struct rh_store {
    struct rh_pool *pool;
    struct rh_arena *arena; /* of the description below */
    struct rh_documents documents;
};

/* ---- Keys and bodies --------------------------------------------------------------------- */

static int check_key(const char *key, struct rh_error *error)
{
    size_t n = strlen(key);
    if (n == 0 || n > KEY_MAX_BYTES)
        return rh_fail(error, RH_INVALID, "a document key has 1 to %d bytes, this has %zu",
                       KEY_MAX_BYTES, n);
    if (!rh_text_is_utf8(rh_text_make(key, n)) || strstr(key, LAST_CODE_POINT))
        return rh_fail(error, RH_INVALID, "a document key is UTF-8 text");
    return RH_OK;
}

static int parse_body(struct rh_text key, struct rh_text text, json_t **ret_body,
                      struct rh_error *error)
{
    json_error_t problem;
    json_t *body = json_loadb(text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
    if (!body)
        return json_error_code(&problem) == json_error_out_of_memory
                   ? rh_fail_nomem(error)
                   : rh_fail(error, RH_DATA, "document \"%.*s\" of the store is not JSON: %s",
                             RH_TEXT_ARG(key), problem.text);
    *ret_body = body;
    return RH_OK;
}

static int write_body(const json_t *body, char **ret_text, struct rh_error *error)
{
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (!text)
        return rh_fail_nomem(error);
    if (strlen(text) > BODY_MAX_BYTES) {
        free(text);
        return rh_fail(error, RH_INVALID, "a document has at most %zu MiB", BODY_MAX_BYTES >> 20);
    }
    *ret_text = text;
    return RH_OK;
}

struct found {
    bool any;
    bool want_body;
    int64_t revision;
    json_t *body;
};

static int keep_found(void *context, struct rh_text key, int64_t revision, struct rh_text body,
                      struct rh_error *error)
{
    struct found *found = context;
    if (found->any)
        return rh_fail(error, RH_DATA, "the store holds document \"%.*s\" twice", RH_TEXT_ARG(key));
    if (found->want_body) {
        int rc = parse_body(key, body, &found->body, error);
        if (rc != RH_OK)
            return rc;
    }
    found->any = true;
    found->revision = revision;
    return RH_OK;
}

static int no_such(const char *key, struct rh_error *error)
{
    return rh_fail(error, RH_NOT_FOUND, "there is no document \"%s\"", key);
}

static int stale(const char *key, struct rh_error *error)
{
    return rh_fail(error, RH_CONFLICT,
                   "document \"%s\" was changed or deleted by someone else meanwhile", key);
}

/* ---- Changes ----------------------------------------------------------------------------- */

/* Notes the outcome so that a connection in doubt is not used again. */
static int end_lease(struct rh_lease *lease, int outcome)
{
    rh_pool_return(lease, outcome);
    return outcome;
}

static int insert(struct rh_store *store, struct rh_lease *lease, const char *key,
                  struct rh_text text, struct rh_error *error)
{
    struct rh_error problem = RH_ERROR_INIT;
    int rc = rh_documents_insert(&store->documents, lease, rh_text_of(key), text, &problem);
    if (rc == RH_CONSTRAINT && problem.constraint == RH_CONSTRAINT_UNIQUE)
        return rh_fail(error, RH_EXISTS, "there is a document \"%s\" already", key);
    if (rc != RH_OK)
        *error = problem;
    return rc;
}

/* One change on a connection that is in a transaction. */
static int change_document(struct rh_store *store, struct rh_lease *lease,
                           const struct rh_store_change *change, int64_t *ret_revision,
                           struct rh_error *error)
{
    struct rh_text key = rh_text_of(change->key);
    int64_t revision = change->expected;
    char *text = NULL;
    bool hit = true;
    int rc;
    if (revision == RH_STORE_ANY) {
        struct found found = {.any = false};
        rc = rh_documents_find(&store->documents, lease, key, keep_found, &found, error);
        if (rc != RH_OK)
            return rc;
        revision = found.any ? found.revision : RH_STORE_NEW;
    }
    if (!change->body && revision == RH_STORE_NEW)
        return no_such(change->key, error);
    if (revision < 0 || revision == INT64_MAX) /* no document ever has it */
        return stale(change->key, error);
    if (!change->body) {
        rc = rh_documents_delete(&store->documents, lease, key, revision, &hit, error);
        return rc == RH_OK && !hit ? stale(change->key, error) : rc;
    }
    if ((rc = write_body(change->body, &text, error)) != RH_OK)
        return rc;
    if (revision == RH_STORE_NEW)
        rc = insert(store, lease, change->key, rh_text_of(text), error);
    else
        rc = rh_documents_update(&store->documents, lease, key, rh_text_of(text), revision, &hit,
                                 error);
    free(text);
    if (rc == RH_OK && !hit)
        rc = stale(change->key, error);
    if (rc == RH_OK)
        *ret_revision = revision + 1;
    return rc;
}

/* All changes in one transaction. *ret_again: somebody was faster in a way that the caller need not
 * hear of. */
static int change_once(struct rh_store *store, struct rh_operation *op,
                       const struct rh_store_change *changes, uint32_t n, int64_t *ret_revision,
                       bool *ret_again, struct rh_error *error)
{
    struct rh_lease lease;
    int64_t revision = 0;
    *ret_again = false;
    int rc = rh_pool_borrow(store->pool, op, &lease, error);
    if (rc != RH_OK)
        return rc;
    const struct rh_tx *tx = lease.library->connector.tx;
    rc = rh_check_outcome(tx->begin(lease.conn, &op->abi, 0, error), "begin", error);
    if (rc != RH_OK)
        return end_lease(&lease, rc);
    for (uint32_t i = 0; i < n && rc == RH_OK; i++) {
        rc = change_document(store, &lease, &changes[i], &revision, error);
        *ret_again = changes[i].expected == RH_STORE_ANY && (rc == RH_CONFLICT || rc == RH_EXISTS);
    }
    if (rc == RH_OK)
        rc = rh_check_outcome(tx->commit(lease.conn, &op->abi, error), "commit", error);
    if (rc != RH_OK) {
        struct rh_error ignored = RH_ERROR_INIT; /* the first error is the one to tell */
        if (tx->rollback(lease.conn, &op->abi, &ignored) != RH_OK)
            lease.poisoned = true;
        *ret_again = *ret_again || (rc == RH_CONFLICT && error->retry == RH_RETRY_SAFE);
    } else if (ret_revision) {
        *ret_revision = revision;
    }
    return end_lease(&lease, rc);
}

static int change_all(struct rh_store *store, struct rh_operation *op,
                      const struct rh_store_change *changes, uint32_t n, int64_t *ret_revision,
                      struct rh_error *error)
{
    bool again = true;
    int rc = RH_OK;
    for (uint32_t i = 0; i < n; i++)
        if ((rc = check_key(changes[i].key, error)) != RH_OK)
            return rc;
    if (n == 0)
        return RH_OK;
    for (int tries = 0; again; tries++) {
        struct rh_error problem = RH_ERROR_INIT;
        rc = change_once(store, op, changes, n, ret_revision, &again, &problem);
        again = again && tries < MAX_TRIES && rh_operation_check(op, NULL) == RH_OK;
        if (rc != RH_OK && !again && error)
            *error = problem;
    }
    return rc;
}

/* ---- Opening ----------------------------------------------------------------------------- */

static int make_schema(struct rh_store *store, struct rh_operation *op, struct rh_error *error)
{
    json_t *body = json_pack("{s:i}", "version", SCHEMA_VERSION);
    if (!body)
        return rh_fail_nomem(error);
    int rc = rh_store_put(store, op, SCHEMA_KEY, body, RH_STORE_NEW, NULL, error);
    json_decref(body);
    return rc;
}

/* Makes the schema document, or refuses one that a newer Rowhouse wrote. */
static int check_schema(struct rh_store *store, struct rh_operation *op, struct rh_error *error)
{
    json_t *body = NULL;
    int rc = rh_store_get(store, op, SCHEMA_KEY, &body, NULL, error);
    if (rc == RH_NOT_FOUND) {
        rh_error_clear(error);
        rc = make_schema(store, op, error);
        if (rc != RH_EXISTS)
            return rc;
        rh_error_clear(error); /* another process was faster: its version counts */
        rc = rh_store_get(store, op, SCHEMA_KEY, &body, NULL, error);
    }
    if (rc != RH_OK)
        return rc;
    json_int_t version = json_integer_value(json_object_get(body, "version"));
    json_decref(body);
    if (version == SCHEMA_VERSION)
        return RH_OK;
    if (version < 1)
        return rh_fail(error, RH_CONFIG, "the store's document \"" SCHEMA_KEY "\" is malformed");
    rh_fail(error, RH_CONFIG, "the store has schema version %lld, this Rowhouse knows %d",
            (long long)version, SCHEMA_VERSION);
    return rh_error_hint(error, "run a newer Rowhouse, or use another data folder");
}

int rh_store_open(struct rh_pool *pool, struct rh_operation *op, struct rh_store **ret_store,
                  struct rh_error *error)
{
    struct rh_store *store = calloc(1, sizeof(*store));
    struct rh_error problem = RH_ERROR_INIT;
    struct rh_lease lease;
    int rc;
    if (!store)
        return rh_fail_nomem(error);
    store->pool = pool;
    store->arena = rh_arena_new(ARENA_BYTES);
    rc = store->arena ? rh_pool_borrow(pool, op, &lease, &problem) : rh_fail_nomem(&problem);
    if (rc == RH_OK)
        rc =
            end_lease(&lease, rh_documents_open(&store->documents, store->arena, &lease, &problem));
    if (rc == RH_OK)
        rc = check_schema(store, op, &problem);
    if (rc != RH_OK) {
        rh_store_close(store);
        if (error)
            *error = problem;
        return rc;
    }
    *ret_store = store;
    return RH_OK;
}

void rh_store_close(struct rh_store *store)
{
    if (!store)
        return;
    rh_arena_free(store->arena);
    free(store);
}

/* ---- Documents --------------------------------------------------------------------------- */

int rh_store_get(struct rh_store *store, struct rh_operation *op, const char *key,
                 json_t **ret_body, int64_t *ret_revision, struct rh_error *error)
{
    struct found found = {.want_body = true};
    struct rh_error problem = RH_ERROR_INIT;
    struct rh_lease lease;
    int rc = check_key(key, &problem);
    if (rc == RH_OK)
        rc = rh_pool_borrow(store->pool, op, &lease, &problem);
    if (rc == RH_OK)
        rc = end_lease(&lease, rh_documents_find(&store->documents, &lease, rh_text_of(key),
                                                 keep_found, &found, &problem));
    if (rc == RH_OK && !found.any)
        rc = no_such(key, &problem);
    if (rc != RH_OK) {
        json_decref(found.body);
        if (error)
            *error = problem;
        return rc;
    }
    *ret_body = found.body;
    if (ret_revision)
        *ret_revision = found.revision;
    return RH_OK;
}

int rh_store_put(struct rh_store *store, struct rh_operation *op, const char *key,
                 const json_t *body, int64_t expected, int64_t *ret_revision,
                 struct rh_error *error)
{
    struct rh_store_change change = {.key = key, .body = body, .expected = expected};
    if (!body) /* what a caller has that ran out of memory; to a change it means "delete" */
        return rh_fail(error, RH_INVALID, "document \"%s\" has no body", key);
    return change_all(store, op, &change, 1, ret_revision, error);
}

int rh_store_delete(struct rh_store *store, struct rh_operation *op, const char *key,
                    int64_t expected, struct rh_error *error)
{
    struct rh_store_change change = {.key = key, .expected = expected};
    return change_all(store, op, &change, 1, NULL, error);
}

int rh_store_batch(struct rh_store *store, struct rh_operation *op,
                   const struct rh_store_change *changes, uint32_t n, struct rh_error *error)
{
    return change_all(store, op, changes, n, NULL, error);
}

struct walk {
    int (*each)(void *context, const char *key, const json_t *body, int64_t revision,
                struct rh_error *error);
    void *context;
    int answer; /* of `each`: its own business, not the connection's */
};

static int walk_row(void *context, struct rh_text key, int64_t revision, struct rh_text text,
                    struct rh_error *error)
{
    struct walk *walk = context;
    json_t *body = NULL;
    char name[KEY_MAX_BYTES + 1];
    if (key.len > KEY_MAX_BYTES)
        return rh_fail(error, RH_DATA, "the store holds a document with an overlong key");
    int rc = parse_body(key, text, &body, error);
    if (rc != RH_OK)
        return rc;
    memcpy(name, key.data, key.len);
    name[key.len] = '\0';
    walk->answer = walk->each(walk->context, name, body, revision, error);
    json_decref(body);
    return walk->answer ? RH_END : RH_OK;
}

int rh_store_list(struct rh_store *store, struct rh_operation *op, const char *prefix,
                  int (*each)(void *context, const char *key, const json_t *body, int64_t revision,
                              struct rh_error *error),
                  void *context, struct rh_error *error)
{
    struct walk walk = {each, context, 0};
    struct rh_error problem = RH_ERROR_INIT;
    struct rh_lease lease;
    char above[KEY_MAX_BYTES + sizeof(LAST_CODE_POINT)];
    size_t n = strlen(prefix);
    int rc = check_key(prefix, &problem);
    if (rc == RH_OK)
        rc = rh_pool_borrow(store->pool, op, &lease, &problem);
    if (rc == RH_OK) {
        memcpy(above, prefix, n);
        memcpy(above + n, LAST_CODE_POINT, sizeof(LAST_CODE_POINT));
        rc = rh_documents_walk(&store->documents, &lease, rh_text_make(prefix, n),
                               rh_text_of(above), walk_row, &walk, &problem);
        rh_pool_return(&lease, rc == RH_END ? RH_OK : rc);
    }
    if (rc == RH_END)
        rc = walk.answer;
    if (rc != RH_OK && error)
        *error = problem;
    return rc;
}
