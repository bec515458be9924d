/*
 * A change says which revision it expects. One that expects any reads the revision first; when
 * somebody else is faster between the two, it is done again.
 *
 * Without transactions each change is atomic by itself, since it names the revision that it
 * replaces. Of several, those that were made are undone when a later one fails: readers may see
 * them for a moment, and a process that is killed in between leaves them. So callers put first what
 * is useless without the rest (the parts of an app, then the app).
 */
#include "store/change.h"

#include "base/err.h"
#include "base/text.h"
#include "host/check.h"

#include <stdlib.h>
#include <string.h>

#define BODY_MAX_BYTES ((size_t)64 << 20)

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

static int stale(const char *key, struct rh_error *error)
{
    return rh_fail(error, RH_CONFLICT,
                   "document \"%s\" was changed or deleted by someone else meanwhile", key);
}

/* ---- One change -------------------------------------------------------------------------- */

/* A document as it is before a change. */
struct before {
    bool any;
    bool want_body;
    int64_t revision;
    char *body; /* text; owned */
};

static int keep_before(void *context, struct rh_text key, int64_t revision, struct rh_text body,
                       struct rh_error *error)
{
    struct before *before = context;
    if (before->any)
        return rh_fail(error, RH_DATA, "the store holds document \"%.*s\" twice", RH_TEXT_ARG(key));
    if (before->want_body && !(before->body = strndup(body.data, body.len)))
        return rh_fail_nomem(error);
    before->any = true;
    before->revision = revision;
    return RH_OK;
}

static int insert(const struct rh_documents *documents, struct rh_lease *lease, const char *key,
                  struct rh_text text, struct rh_error *error)
{
    struct rh_error problem = RH_ERROR_INIT;
    int rc = rh_documents_insert(documents, lease, rh_text_of(key), text, 1, &problem);
    if (rc == RH_CONSTRAINT && problem.constraint == RH_CONSTRAINT_UNIQUE)
        return rh_fail(error, RH_EXISTS, "there is a document \"%s\" already", key);
    if (rc != RH_OK)
        *error = problem;
    return rc;
}

/* One change, on a connection that may be in a transaction. */
static int change_document(const struct rh_documents *documents, struct rh_lease *lease,
                           const struct rh_store_change *change, int64_t *ret_revision,
                           struct rh_error *error)
{
    struct rh_text key = rh_text_of(change->key);
    int64_t revision = change->expected;
    char *text = NULL;
    bool hit = true;
    int rc;
    if (revision == RH_STORE_ANY) {
        struct before before = {.any = false};
        rc = rh_documents_find(documents, lease, key, keep_before, &before, error);
        if (rc != RH_OK)
            return rc;
        revision = before.any ? before.revision : RH_STORE_NEW;
    }
    if (!change->body && revision == RH_STORE_NEW)
        return rh_store_no_such(change->key, error);
    if (revision < 0 || revision == INT64_MAX) /* no document ever has it */
        return stale(change->key, error);
    if (!change->body) {
        rc = rh_documents_delete(documents, lease, key, revision, &hit, error);
        return rc == RH_OK && !hit ? stale(change->key, error) : rc;
    }
    if ((rc = write_body(change->body, &text, error)) != RH_OK)
        return rc;
    if (revision == RH_STORE_NEW)
        rc = insert(documents, lease, change->key, rh_text_of(text), error);
    else
        rc = rh_documents_update(documents, lease, key, rh_text_of(text), revision, revision + 1,
                                 &hit, error);
    free(text);
    if (rc == RH_OK && !hit)
        rc = stale(change->key, error);
    if (rc == RH_OK)
        *ret_revision = revision + 1;
    return rc;
}

/* ---- Several ----------------------------------------------------------------------------- */

static int change_in_transaction(struct rh_store_home *home, struct rh_operation *op,
                                 const struct rh_store_change *changes, uint32_t n,
                                 int64_t *ret_revision, bool *ret_again, struct rh_error *error)
{
    struct rh_lease lease;
    int64_t revision = 0;
    *ret_again = false;
    int rc = rh_pool_borrow(home->pool, op, &lease, error);
    if (rc != RH_OK)
        return rc;
    const struct rh_tx *tx = lease.library->connector.tx;
    rc = rh_check_outcome(tx->begin(lease.conn, &op->abi, 0, error), "begin", error);
    if (rc != RH_OK)
        return rh_store_end_lease(&lease, rc);
    for (uint32_t i = 0; i < n && rc == RH_OK; i++) {
        rc = change_document(&home->documents, &lease, &changes[i], &revision, error);
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
    return rh_store_end_lease(&lease, rc);
}

static int undo_document(const struct rh_documents *documents, struct rh_lease *lease,
                         const struct rh_store_change *change, const struct before *before,
                         int64_t after, struct rh_error *error)
{
    struct rh_text key = rh_text_of(change->key), body = rh_text_of(before->body);
    bool hit = true;
    int rc;
    if (!before->any)
        rc = rh_documents_delete(documents, lease, key, after, &hit, error);
    else if (change->body)
        rc = rh_documents_update(documents, lease, key, body, after, before->revision, &hit, error);
    else
        rc = rh_documents_insert(documents, lease, key, body, before->revision, error);
    return rc == RH_OK && !hit ? stale(change->key, error) : rc;
}

/* Changes from the last to the first. */
static int undo(struct rh_store *store, struct rh_operation *op,
                const struct rh_store_change *changes, const struct before *before,
                const int64_t *after, uint32_t n, struct rh_error *error)
{
    struct rh_store_home *home = NULL;
    struct rh_lease lease;
    int rc = RH_OK;
    while (n-- > 0 && rc == RH_OK) {
        rc = rh_store_find_home(store, op, changes[n].key, &home, error);
        if (rc == RH_OK)
            rc = rh_pool_borrow(home->pool, op, &lease, error);
        if (rc == RH_OK)
            rc = rh_store_end_lease(&lease, undo_document(&home->documents, &lease, &changes[n],
                                                          &before[n], after[n], error));
    }
    return rc;
}

static int change_at_home(struct rh_store *store, struct rh_operation *op,
                          const struct rh_store_change *change, struct before *before,
                          int64_t *ret_revision, struct rh_error *error)
{
    struct rh_store_home *home = NULL;
    struct rh_lease lease;
    int rc = rh_store_find_home(store, op, change->key, &home, error);
    if (rc == RH_OK)
        rc = rh_pool_borrow(home->pool, op, &lease, error);
    if (rc != RH_OK)
        return rc;
    if (before->want_body)
        rc = rh_documents_find(&home->documents, &lease, rh_text_of(change->key), keep_before,
                               before, error);
    if (rc == RH_OK)
        rc = change_document(&home->documents, &lease, change, ret_revision, error);
    return rh_store_end_lease(&lease, rc);
}

static int change_in_turn(struct rh_store *store, struct rh_operation *op,
                          const struct rh_store_change *changes, uint32_t n, int64_t *ret_revision,
                          bool *ret_again, struct rh_error *error)
{
    struct before *before = calloc(n, sizeof(*before));
    int64_t *after = calloc(n, sizeof(*after));
    struct rh_error problem = RH_ERROR_INIT;
    uint32_t done = 0;
    int rc = before && after ? RH_OK : rh_fail_nomem(error);
    for (; done < n && rc == RH_OK; done += rc == RH_OK) {
        before[done].want_body = n > 1;
        rc = change_at_home(store, op, &changes[done], &before[done], &after[done], error);
        *ret_again =
            changes[done].expected == RH_STORE_ANY && (rc == RH_CONFLICT || rc == RH_EXISTS);
    }
    if (rc == RH_OK && ret_revision)
        *ret_revision = after[n - 1];
    if (rc != RH_OK && done > 0 &&
        undo(store, op, changes, before, after, done, &problem) != RH_OK) {
        *error = (struct rh_error)RH_ERROR_INIT;
        rc = rh_fail(error, RH_UNKNOWN_OUTCOME, "some of %u documents were changed: %s", n,
                     problem.message);
        *ret_again = false;
    }
    for (uint32_t i = 0; before && i < n; i++)
        free(before[i].body);
    free(before);
    free(after);
    return rc;
}

int rh_store_change(struct rh_store *store, struct rh_operation *op,
                    const struct rh_store_change *changes, uint32_t n, int64_t *ret_revision,
                    bool *ret_again, struct rh_error *error)
{
    struct rh_store_home *home = NULL;
    int rc;
    *ret_again = false;
    if (!rh_store_has_transactions(store))
        return change_in_turn(store, op, changes, n, ret_revision, ret_again, error);
    rc = rh_store_find_home(store, op, changes[0].key, &home, error);
    return rc == RH_OK ? change_in_transaction(home, op, changes, n, ret_revision, ret_again, error)
                       : rc;
}
