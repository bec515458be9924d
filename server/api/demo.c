/*
 * Making the demo. The file is built under another name and renamed when it is complete, so a
 * server that is killed meanwhile leaves nothing half-made behind.
 */
#include "server/api/demo.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "rows/write.h"
#include "server/api/definition.h"
#include "server/api/table_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)256 << 20)
#define ROWS_BYTES ((size_t)64 << 20)
#define MAKE_US ((uint64_t)120 * 1000000)
#define MAX_TABLES 16

static int make_tables(struct rh_session *session, struct rh_error *error)
{
    struct rh_arena *arena = session->op->abi.arena;
    struct rh_ddl_change changes[MAX_TABLES] = {0};
    struct rh_text native = {NULL, 0};
    const char *text;
    uint32_t n = 0;

    for (; n < MAX_TABLES && (text = rh_demo_table(n)); n++) {
        struct rh_json *body = NULL;
        struct rh_table *table = NULL;
        int rc = rh_json_parse(arena, rh_text_of(text), &body, error);
        if (rc == RH_OK)
            rc = rh_table_json_read(arena, body, &table, error);
        if (rc != RH_OK)
            return rc;
        changes[n] = (struct rh_ddl_change){.kind = RH_DDL_CREATE_TABLE, .table = table};
    }
    if (!session->connector->ddl)
        return rh_fail(error, RH_UNSUPPORTED, "the sqlite connector cannot make tables");
    return rh_session_note(
        session, session->connector->ddl->apply(session->lease.conn, &session->op->abi, changes, n,
                                                sizeof(changes[0]), 0, &native, error));
}

static int fill_table(struct rh_session *session, const struct rh_demo_rows *rows,
                      unsigned position, struct rh_buf *text, struct rh_error *error)
{
    const struct rh_write_options options = {.returning = RH_RETURNING_NONE};
    const struct rh_write_sink sink = {0};
    struct rh_arena *arena = session->op->abi.arena;
    struct rh_write_counts counts = {0};
    struct rh_row_source *source = NULL;
    const struct rh_table *table = NULL;
    struct rh_json *body = NULL;
    int rc;

    rh_buf_clear(text);
    rh_demo_rows_write(rows, position, text);
    if (text->failed)
        return rh_fail_nomem(error);
    rc = rh_json_parse(arena, rh_text_of(rh_demo_table(position)), &body, error);
    if (rc == RH_OK)
        rc = rh_tableset_find(session->tables, rh_json_member(body, "name")->text, &table, error);
    if (rc == RH_OK)
        rc = rh_row_source_ndjson(arena, rh_buf_text(text), &source, error);
    if (rc == RH_OK)
        rc = rh_write_insert(session, table, source, &options, &sink, &counts, error);
    return rc;
}

static int fill_tables(struct rh_session *session, struct rh_error *error)
{
    struct rh_demo_rows *rows = rh_demo_rows_new();
    struct rh_buf text;
    int rc = rows ? rh_session_begin(session, 0, error) : rh_fail_nomem(error);

    rh_buf_init(&text, ROWS_BYTES);
    for (unsigned i = 0; rc == RH_OK && rh_demo_table(i); i++)
        rc = fill_table(session, rows, i, &text, error);
    if (rc == RH_OK)
        rc = rh_session_commit(session, error);
    rh_buf_free(&text);
    rh_demo_rows_free(rows);
    return rc;
}

static int with_session(struct rh_datasource *datasource, struct rh_operation *op,
                        int (*work)(struct rh_session *session, struct rh_error *error),
                        struct rh_error *error)
{
    struct rh_session session = {0};
    int rc = rh_session_open(datasource, op, &session, error);

    if (rc != RH_OK)
        return rc;
    rc = work(&session, error);
    rh_session_close(&session);
    return rc;
}

static int build_file(struct rh_api *api, struct rh_operation *op, const char *path,
                      struct rh_error *error)
{
    json_t *config = json_pack("{s:s}", "path", path);
    struct rh_datasource *datasource = NULL;
    int rc;

    rc = config ? rh_datasource_new(api->registry, "shop", RH_TEXT("sqlite"), config, NULL, NULL,
                                    &datasource, error)
                : rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = with_session(datasource, op, make_tables, error);
    if (rc == RH_OK)
        rc = rh_datasource_refresh(datasource, op, error);
    if (rc == RH_OK)
        rc = with_session(datasource, op, fill_tables, error);
    if (datasource)
        rh_datasource_unref(datasource);
    json_decref(config);
    return rc;
}

static int make_file(struct rh_api *api, struct rh_operation *op, const char *folder,
                     const char *path, struct rh_error *error)
{
    static const char *const leftovers[] = {"", "-wal", "-shm", "-journal"};
    struct rh_arena *arena = op->abi.arena;
    char *building = rh_arena_printf(arena, "%s.new", path);
    int rc;

    if (!building)
        return rh_fail_nomem(error);
    if (access(path, F_OK) == 0)
        return RH_OK;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return rh_fail(error, RH_CONFIG, "cannot make the folder %s: %s", folder, strerror(errno));
    for (size_t i = 0; i < RH_N(leftovers); i++) {
        char *leftover = rh_arena_printf(arena, "%s%s", building, leftovers[i]);
        if (leftover)
            unlink(leftover);
    }
    rc = build_file(api, op, building, error);
    if (rc == RH_OK && rename(building, path) != 0)
        rc = rh_fail(error, RH_CONFIG, "cannot rename %s: %s", building, strerror(errno));
    return rc;
}

static int put_new(struct rh_api *api, struct rh_operation *op, const char *key, json_t *body,
                   struct rh_error *error)
{
    struct rh_error failed = RH_ERROR_INIT;
    int rc;

    if (!body)
        return rh_fail_nomem(error);
    rc = rh_store_put(api->store, op, key, body, RH_STORE_NEW, NULL, &failed);
    json_decref(body);
    if (rc == RH_OK || rc == RH_EXISTS)
        return RH_OK;
    *error = failed;
    return rc;
}

static int make_definitions(struct rh_api *api, struct rh_operation *op, const char *path,
                            struct rh_error *error)
{
    char key[RH_DEFINITION_KEY_SIZE];
    int rc;

    rh_definition_app_key(key, RH_TEXT("demo"));
    rc = put_new(api, op, key, json_pack("{s:s, s:s}", "name", "demo", "title", "Demo"), error);
    if (rc != RH_OK)
        return rc;
    rh_definition_datasource_key(key, RH_TEXT("demo"), RH_TEXT("shop"));
    return put_new(api, op, key,
                   json_pack("{s:s, s:s, s:s, s:{s:s}}", "name", "shop", "title", "A shop",
                             "connector", "sqlite", "config", "path", path),
                   error);
}

int rh_demo_make(struct rh_api *api, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(ARENA_BYTES);
    char *data = realpath(api->config.texts[RH_CONFIG_DATA], NULL);
    char *folder = NULL, *path = NULL;
    struct rh_operation op;
    int rc;

    if (arena && data) {
        folder = rh_arena_printf(arena, "%s/demo", data);
        path = rh_arena_printf(arena, "%s/demo/shop.db", data);
    }
    if (!folder || !path) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    rh_operation_init(&op, arena, NULL, rh_clock_us() + MAKE_US);
    rc = make_file(api, &op, folder, path, error);
    if (rc == RH_OK)
        rc = make_definitions(api, &op, path, error);

out:
    if (rc != RH_OK)
        rh_error_prefix(error, "the demo");
    free(data);
    rh_arena_free(arena);
    return rc;
}

void rh_demo_announce(struct rh_api *api, const char *url)
{
    const char *postgres = api->config.texts[RH_CONFIG_DEMO_POSTGRES];

    printf("\nTry it:\n"
           "  KEY=%s\n"
           "  curl -s \"%s/api/v1/apps/demo/data/shop/orders?limit=3\" -H \"Authorization: Bearer "
           "$KEY\"\n"
           "  curl -s %s/api/v1/apps/demo/data/shop/orders/query -H \"Authorization: Bearer $KEY\" "
           "-d '{\"where\":{\"total\":{\"gte\":100}},\"order\":[\"-total\"],\"select\":[\"id\","
           "\"total\",\"status\"],\"limit\":3}'\n"
           "  curl -s %s/api/v1/apps/demo/datasources -H \"Authorization: Bearer $KEY\" -d ",
           api->admin_key, url, url, url);
    if (*postgres)
        printf("'{\"name\":\"crm\",\"connector\":\"postgres\",\"config\":{\"url\":\"%s\"}}'\n",
               postgres);
    else
        printf("'{\"name\":\"notes\",\"connector\":\"sqlite\",\"config\":{\"path\":\"%s/"
               "notes.db\"}}'\n",
               api->config.texts[RH_CONFIG_DATA]);
}
