/*
 * On CouchDB an app has two databases, not one, so that no row that somebody writes can ever stand
 * where a definition is looked for, nor a definition (with its sealed secrets) be read as a row.
 */
#include "server/api/home.h"

#include "base/err.h"
#include "base/text.h"
#include "rows/datasource.h"
#include "server/api/command.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TENANT "default"
#define ENVIRONMENT "dev"
#define NAME_SIZE 256
#define STORE_CONNECTIONS 8
#define APP_CONNECTIONS 4

/* The pool for the definitions of an app. */
struct room {
    char name[NAME_SIZE];
    struct rh_datasource *source;
    struct room *next;
};

struct rh_home {
    struct rh_registry *registry;
    struct rh_datasource *source; /* of the documents that belong to no app */
    char *folder;                 /* of internal tables in files */
    char *url;                    /* of the CouchDB server; NULL: it is none */
    char *name;                   /* its database */
    pthread_mutex_t lock;         /* guards what follows */
    struct room *rooms;
};

/* ---- CouchDB ----------------------------------------------------------------------------- */

static json_t *couchdb_config(const struct rh_home *home, const char *database)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:i}", "url", home->url, "database", database,
                     "table_field", "type", "create", 1, "sample", 0);
}

static int new_source(struct rh_home *home, const char *connector, json_t *config,
                      uint32_t connections, struct rh_datasource **ret_source,
                      struct rh_error *error)
{
    struct rh_pool_limits limits;
    int rc;

    rh_pool_limits_default(&limits);
    limits.max_connections = connections;
    rc = config ? rh_datasource_new(home->registry, "store", rh_text_of(connector), config, &limits,
                                    NULL, ret_source, error)
                : rh_fail_nomem(error);
    json_decref(config);
    return rc;
}

static struct room *find_room_locked(const struct rh_home *home, const char *name)
{
    struct room *room = home->rooms;

    while (room && strcmp(room->name, name) != 0)
        room = room->next;
    return room;
}

static int make_room_locked(struct rh_home *home, const char *name, struct room **ret_room,
                            struct rh_error *error)
{
    struct room *room = calloc(1, sizeof(*room));
    int rc;

    if (!room)
        return rh_fail_nomem(error);
    memcpy(room->name, name, strlen(name));
    rc = new_source(home, "couchdb", couchdb_config(home, name), APP_CONNECTIONS, &room->source,
                    error);
    if (rc != RH_OK) {
        free(room);
        return rc;
    }
    room->next = home->rooms;
    home->rooms = room;
    *ret_room = room;
    return RH_OK;
}

static int pool_of(void *context, const struct rh_store_place *place, struct rh_pool **ret_pool,
                   struct rh_error *error)
{
    struct rh_home *home = context;
    struct room *room;
    char name[NAME_SIZE];
    int n =
        snprintf(name, sizeof(name), "%s+%.*s+%.*s+%.*s", home->name, RH_TEXT_ARG(place->tenant),
                 RH_TEXT_ARG(place->app), RH_TEXT_ARG(place->environment));
    int rc = RH_OK;

    if (n < 0 || n >= NAME_SIZE)
        return rh_fail(error, RH_INVALID, "the name of the app is too long");
    pthread_mutex_lock(&home->lock);
    room = find_room_locked(home, name);
    if (!room)
        rc = make_room_locked(home, name, &room, error);
    if (rc == RH_OK && room)
        *ret_pool = rh_datasource_pool(room->source);
    pthread_mutex_unlock(&home->lock);
    return rc;
}

/* couchdb://user:password@host:5984/name: the server and the database. */
static int split_url(struct rh_home *home, struct rh_text url, struct rh_error *error)
{
    struct rh_text path = url, name;

    while (path.len && !rh_text_starts(path, "://"))
        path = rh_text_make(path.data + 1, path.len - 1);
    path = path.len > 3 ? rh_text_make(path.data + 3, path.len - 3) : path;
    rh_text_cut(&path, '/');
    name = path.len ? path : RH_TEXT("rowhouse");
    home->url = strndup(url.data, path.len ? url.len - path.len - 1 : url.len);
    home->name = strndup(name.data, name.len);
    if (!home->url || !home->name)
        return rh_fail_nomem(error);
    if (strspn(home->name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == name.len && name.len < 64)
        return RH_OK;
    rh_fail(error, RH_CONFIG, "the setting store names no database that can be used");
    return rh_error_hint(error, "couchdb://user:password@host:5984/name: small letters, digits, _ "
                                "and -, fewer than 64");
}

/* ---- Opening ----------------------------------------------------------------------------- */

static int open_source(struct rh_home *home, const char *data, struct rh_text url,
                       struct rh_error *error)
{
    const struct rh_library *library = NULL;
    char id[64];
    json_t *config;
    char *path = NULL;
    int rc;

    if (!url.len) {
        if (asprintf(&path, "%s/store.db", data) < 0)
            return rh_fail_nomem(error);
        config = json_pack("{s:s}", "path", path);
        free(path);
        return new_source(home, "sqlite", config, STORE_CONNECTIONS, &home->source, error);
    }
    rc = rh_registry_find_scheme(home->registry, url, &library, error);
    if (rc != RH_OK)
        return rc;
    snprintf(id, sizeof(id), "%.*s", RH_TEXT_ARG(library->connector.id));
    if (strcmp(id, "couchdb") != 0)
        return new_source(home, id, json_pack("{s:s%}", "url", url.data, url.len),
                          STORE_CONNECTIONS, &home->source, error);
    rc = split_url(home, url, error);
    return rc == RH_OK ? new_source(home, id, couchdb_config(home, home->name), STORE_CONNECTIONS,
                                    &home->source, error)
                       : rc;
}

int rh_home_open(struct rh_registry *registry, const char *data, const char *url,
                 struct rh_home **ret_home, struct rh_error *error)
{
    struct rh_home *home = calloc(1, sizeof(*home));
    int rc;

    if (!home)
        return rh_fail_nomem(error);
    pthread_mutex_init(&home->lock, NULL);
    home->registry = registry;
    rc = asprintf(&home->folder, "%s/internal", data) < 0 ? rh_fail_nomem(error) : RH_OK;
    if (rc == RH_OK && mkdir(home->folder, 0700) != 0 && errno != EEXIST)
        rc = rh_fail(error, RH_CONFIG, "cannot make the folder %s: %s", home->folder,
                     strerror(errno));
    if (rc == RH_OK)
        rc = open_source(home, data, rh_text_of(url), error);
    if (rc != RH_OK)
        rh_home_close(home);
    else
        *ret_home = home;
    return rc;
}

void rh_home_close(struct rh_home *home)
{
    if (!home)
        return;
    while (home->rooms) {
        struct room *room = home->rooms;
        home->rooms = room->next;
        rh_datasource_unref(room->source);
        free(room);
    }
    if (home->source)
        rh_datasource_unref(home->source);
    pthread_mutex_destroy(&home->lock);
    if (home->url)
        explicit_bzero(home->url, strlen(home->url));
    free(home->url);
    free(home->name);
    free(home->folder);
    free(home);
}

int rh_home_store(struct rh_home *home, struct rh_operation *op, struct rh_store **ret_store,
                  struct rh_error *error)
{
    const struct rh_store_places places = {.pool_of = pool_of, .context = home};

    return rh_store_open(rh_datasource_pool(home->source), home->url ? &places : NULL, op,
                         ret_store, error);
}

/* ---- Internal tables --------------------------------------------------------------------- */

const char *rh_home_connector(const struct rh_home *home)
{
    return home->url ? "couchdb" : "sqlite";
}

static void internal_name(const struct rh_home *home, struct rh_text app, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%s+" TENANT "+%.*s+" ENVIRONMENT "+tables", home->name,
             RH_TEXT_ARG(app));
}

static char *internal_path(const struct rh_home *home, struct rh_text app, const char *ending)
{
    char *path = NULL;

    return asprintf(&path, "%s/%.*s." ENVIRONMENT ".db%s", home->folder, RH_TEXT_ARG(app), ending) <
                   0
               ? NULL
               : path;
}

json_t *rh_home_config(const struct rh_home *home, struct rh_text app)
{
    char name[NAME_SIZE];
    json_t *config;
    char *path;

    if (home->url) {
        internal_name(home, app, name);
        return couchdb_config(home, name);
    }
    path = internal_path(home, app, "");
    config = path ? json_pack("{s:s}", "path", path) : NULL;
    free(path);
    return config;
}

/* A server without a database has all of them as tables: so the database is dropped as one. */
static int drop_database(struct rh_home *home, struct rh_operation *op, struct rh_text app,
                         struct rh_error *error)
{
    struct rh_table table = {.struct_size = sizeof(table), .est_rows = -1};
    struct rh_ddl_change change = {.kind = RH_DDL_DROP_TABLE, .table = &table};
    struct rh_datasource *server = NULL;
    struct rh_error failed = RH_ERROR_INIT;
    struct rh_text told = {NULL, 0};
    struct rh_lease lease;
    char name[NAME_SIZE];
    int rc;

    internal_name(home, app, name);
    table.name = rh_text_of(name);
    rc = new_source(home, "couchdb", json_pack("{s:s}", "url", home->url), 1, &server, error);
    if (rc != RH_OK)
        return rc;
    rc = rh_pool_borrow(rh_datasource_pool(server), op, &lease, error);
    if (rc == RH_OK) {
        rc = lease.library->connector.ddl->apply(lease.conn, &op->abi, &change, 1, sizeof(change),
                                                 0, &told, &failed);
        rh_pool_return(&lease, rc);
        if (rc != RH_OK && rc != RH_NOT_FOUND)
            *error = failed;
    }
    rh_datasource_unref(server);
    return rc == RH_NOT_FOUND ? RH_OK : rc;
}

static int drop_files(const struct rh_home *home, struct rh_text app, struct rh_error *error)
{
    static const char *const endings[] = {"-wal", "-shm", ""};

    for (size_t i = 0; i < RH_N(endings); i++) {
        char *path = internal_path(home, app, endings[i]);
        int failed = path && unlink(path) != 0 && errno != ENOENT ? errno : 0;

        free(path);
        if (!path)
            return rh_fail_nomem(error);
        if (failed)
            return rh_fail(error, RH_UNAVAILABLE,
                           "the internal tables of the app cannot be deleted: %s",
                           strerror(failed));
    }
    return RH_OK;
}

int rh_home_drop(struct rh_home *home, struct rh_operation *op, struct rh_text app,
                 struct rh_error *error)
{
    return home->url ? drop_database(home, op, app, error) : drop_files(home, app, error);
}
