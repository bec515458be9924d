/*
 * Documents: JSON bodies under keys, read and changed at their homes.
 *
 * Which home a key has is told by its kind: what is in APP_KINDS belongs to an app, which stands
 * behind it.
 */
#include "store/store.h"

#include "store/change.h"

#include "base/err.h"
#include "base/text.h"
#include "host/check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_KEY "schema"
#define SCHEMA_VERSION 1
#define ARENA_BYTES ((size_t)1 << 20)
#define KEY_MAX_BYTES 1024
#define MAX_TRIES 64
#define LAST_CODE_POINT "\xf4\x8f\xbf\xbf" /* U+10FFFF: no key has it, so it is above all of them */

static const char *const APP_KINDS[] = {"datasources"};

struct rh_store {
    struct rh_store_home home; /* of what belongs to no app */
    struct rh_store_places places;
    bool has_places;
    bool has_transactions;
    pthread_mutex_t lock;
    struct rh_store_home *homes; /* of apps; only added to, under the lock */
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

struct found {
    bool any;
    int64_t revision;
    json_t *body;
};

static int keep_found(void *context, struct rh_text key, int64_t revision, struct rh_text body,
                      struct rh_error *error)
{
    struct found *found = context;
    if (found->any)
        return rh_fail(error, RH_DATA, "the store holds document \"%.*s\" twice", RH_TEXT_ARG(key));
    int rc = parse_body(key, body, &found->body, error);
    if (rc != RH_OK)
        return rc;
    found->any = true;
    found->revision = revision;
    return RH_OK;
}

int rh_store_no_such(const char *key, struct rh_error *error)
{
    return rh_fail(error, RH_NOT_FOUND, "there is no document \"%s\"", key);
}

/* ---- Homes --------------------------------------------------------------------------------- */

bool rh_store_has_transactions(const struct rh_store *store)
{
    return store->has_transactions && !store->has_places;
}

int rh_store_end_lease(struct rh_lease *lease, int outcome)
{
    rh_pool_return(lease, outcome);
    return outcome;
}

/* Finds the table, or makes it. */
static int open_home(struct rh_store_home *home, struct rh_operation *op, struct rh_error *error)
{
    struct rh_lease lease;
    int rc;
    home->arena = rh_arena_new(ARENA_BYTES);
    rc = home->arena ? rh_pool_borrow(home->pool, op, &lease, error) : rh_fail_nomem(error);
    return rc == RH_OK ? rh_store_end_lease(&lease, rh_documents_open(&home->documents, home->arena,
                                                                      &lease, error))
                       : rc;
}

static void free_home(struct rh_store_home *home)
{
    rh_arena_free(home->arena);
    free(home->name);
    free(home);
}

/* "tenant/kind/app/…" of a kind that belongs to apps; false otherwise. */
static bool split_key(const char *key, struct rh_store_place *ret_place)
{
    struct rh_text rest = rh_text_of(key), kind;
    ret_place->tenant = rh_text_cut(&rest, '/');
    kind = rh_text_cut(&rest, '/');
    ret_place->app = rh_text_cut(&rest, '/');
    ret_place->environment = RH_TEXT("dev"); /* what is edited; releases will have their own */
    for (size_t i = 0; i < sizeof(APP_KINDS) / sizeof(APP_KINDS[0]); i++)
        if (rest.data && ret_place->app.len && rh_text_is(kind, APP_KINDS[i]))
            return true;
    return false;
}

static struct rh_store_home *find_open_home(struct rh_store *store, const char *name)
{
    struct rh_store_home *home;
    pthread_mutex_lock(&store->lock);
    for (home = store->homes; home && strcmp(home->name, name) != 0;)
        home = home->next;
    pthread_mutex_unlock(&store->lock);
    return home;
}

/* Keeps it, unless another thread was faster. Takes it. */
static struct rh_store_home *keep_home(struct rh_store *store, struct rh_store_home *made)
{
    struct rh_store_home *home;
    pthread_mutex_lock(&store->lock);
    for (home = store->homes; home && strcmp(home->name, made->name) != 0;)
        home = home->next;
    if (!home) {
        made->next = store->homes;
        store->homes = home = made;
        made = NULL;
    }
    pthread_mutex_unlock(&store->lock);
    if (made)
        free_home(made);
    return home;
}

int rh_store_find_home(struct rh_store *store, struct rh_operation *op, const char *key,
                       struct rh_store_home **ret_home, struct rh_error *error)
{
    struct rh_store_place place;
    char name[KEY_MAX_BYTES + 1];
    struct rh_store_home *home;
    int rc;
    *ret_home = &store->home;
    if (!store->has_places || !split_key(key, &place))
        return RH_OK;
    snprintf(name, sizeof(name), "%.*s/%.*s", RH_TEXT_ARG(place.tenant), RH_TEXT_ARG(place.app));
    home = find_open_home(store, name);
    if (home) {
        *ret_home = home;
        return RH_OK;
    }
    home = calloc(1, sizeof(*home));
    if (!home || !(home->name = strdup(name))) {
        free(home);
        return rh_fail_nomem(error);
    }
    rc = store->places.pool_of(store->places.context, &place, &home->pool, error);
    if (rc == RH_OK)
        rc = open_home(home, op, error);
    if (rc != RH_OK) {
        free_home(home);
        return rc;
    }
    *ret_home = keep_home(store, home);
    return RH_OK;
}

/* Finds the home of a key and borrows one of its connections. */
static int borrow(struct rh_store *store, struct rh_operation *op, const char *key,
                  struct rh_store_home **ret_home, struct rh_lease *lease, struct rh_error *error)
{
    int rc = rh_store_find_home(store, op, key, ret_home, error);
    return rc == RH_OK ? rh_pool_borrow((*ret_home)->pool, op, lease, error) : rc;
}

/* ---- Changes ----------------------------------------------------------------------------- */

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
        rc = rh_store_change(store, op, changes, n, ret_revision, &again, &problem);
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

int rh_store_open(struct rh_pool *pool, const struct rh_store_places *places,
                  struct rh_operation *op, struct rh_store **ret_store, struct rh_error *error)
{
    struct rh_store *store = calloc(1, sizeof(*store));
    struct rh_error problem = RH_ERROR_INIT;
    int rc;
    if (!store)
        return rh_fail_nomem(error);
    pthread_mutex_init(&store->lock, NULL);
    store->home.pool = pool;
    store->has_places = places != NULL;
    if (places)
        store->places = *places;
    rc = open_home(&store->home, op, &problem);
    if (rc == RH_OK) {
        store->has_transactions = store->home.documents.has_transactions;
        rc = check_schema(store, op, &problem);
    }
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
    while (store->homes) {
        struct rh_store_home *home = store->homes;
        store->homes = home->next;
        free_home(home);
    }
    rh_arena_free(store->home.arena);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/* ---- Documents --------------------------------------------------------------------------- */

int rh_store_get(struct rh_store *store, struct rh_operation *op, const char *key,
                 json_t **ret_body, int64_t *ret_revision, struct rh_error *error)
{
    struct found found = {.any = false};
    struct rh_error problem = RH_ERROR_INIT;
    struct rh_store_home *home = NULL;
    struct rh_lease lease;
    int rc = check_key(key, &problem);
    if (rc == RH_OK)
        rc = borrow(store, op, key, &home, &lease, &problem);
    if (rc == RH_OK)
        rc = rh_store_end_lease(&lease, rh_documents_find(&home->documents, &lease, rh_text_of(key),
                                                          keep_found, &found, &problem));
    if (rc == RH_OK && !found.any)
        rc = rh_store_no_such(key, &problem);
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
    struct rh_store_home *home = NULL;
    struct rh_lease lease;
    char above[KEY_MAX_BYTES + sizeof(LAST_CODE_POINT)];
    size_t n = strlen(prefix);
    int rc = check_key(prefix, &problem);
    if (rc == RH_OK)
        rc = borrow(store, op, prefix, &home, &lease, &problem);
    if (rc == RH_OK) {
        memcpy(above, prefix, n);
        memcpy(above + n, LAST_CODE_POINT, sizeof(LAST_CODE_POINT));
        rc = rh_documents_walk(&home->documents, &lease, rh_text_make(prefix, n), rh_text_of(above),
                               walk_row, &walk, &problem);
        rh_pool_return(&lease, rc == RH_END ? RH_OK : rc);
    }
    if (rc == RH_END)
        rc = walk.answer;
    if (rc != RH_OK && error)
        *error = problem;
    return rc;
}
