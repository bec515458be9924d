/* Settings, connections, and what a refusal says. */
#include "base/clock.h"
#include "connector/conformance/fixture.h"
#include "connector/conformance/suites.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECT_MS 10000u
#define GRACE_US (5 * RH_TRIAL_SECOND)
#define MIN_SECRET 4 /* shorter ones are in every text by chance */

static void start(struct rh_trial *t)
{
    rh_trial_load(t);
    rh_trial_settings(t, NULL, &t->settings);
}

static void connects(struct rh_trial *t)
{
    struct rh_conn *one, *two;

    start(t);
    one = rh_trial_connect(t);
    rh_trial_ping(t, one, "connect");
    two = rh_trial_connect(t);
    rh_trial_ping(t, two, "a second connect");
    t->connector->close(one);
    rh_trial_ping(t, two, "closing the other connection");
    t->connector->close(two);
}

/* Connects with these settings, which must fail. The class; the error is in t->error. */
static int32_t refuse(struct rh_trial *t, const char *member, const struct rh_settings *settings)
{
    struct rh_op op = rh_trial_op(t, CONNECT_MS);
    struct rh_conn *conn = NULL;
    int32_t rc = rh_trial_try_connect(t, settings, &op, &conn);

    /* Some sources look at nothing before the first request. */
    if (rc == RH_OK && conn)
        rc = t->connector->ping(conn, &op, rh_trial_error(t));
    if (rc == RH_OK)
        rh_trial_fail(t, "connecting with \"%s\" works", member);
    rh_trial_check_error(t, member, rc, &t->error);
    if (rh_clock_us() > op.deadline_us + GRACE_US)
        rh_trial_fail(t, "connecting with \"%s\" went on long after its deadline", member);
    return rc;
}

static void wrong_credentials(struct rh_trial *t)
{
    struct rh_settings settings;

    rh_trial_load(t);
    rh_trial_settings(t, rh_trial_need(t, "wrong_credentials"), &settings);
    rh_trial_expect(t, "wrong credentials", refuse(t, "wrong_credentials", &settings), RH_AUTH);
}

static void unreachable(struct rh_trial *t)
{
    struct rh_settings settings;

    rh_trial_load(t);
    rh_trial_settings(t, rh_trial_need(t, "unreachable"), &settings);
    rh_trial_expect(t, "an unreachable source", refuse(t, "unreachable", &settings),
                    RH_UNAVAILABLE);
    if (t->error.retry != RH_RETRY_SAFE)
        rh_trial_fail(t, "nothing happened at an unreachable source, but the error does not say "
                         "that it is safe to retry");
}

/* ---- Secrets --------------------------------------------------------------------------------- */

static bool is_secret(const struct rh_trial *t, struct rh_text name)
{
    json_t *schema =
        json_loadb(t->connector->config_schema.data, t->connector->config_schema.len, 0, NULL);
    const json_t *setting =
        json_object_getn(json_object_get(schema, "properties"), name.data, name.len);
    bool secret = json_is_true(json_object_get(setting, "x-secret"));

    json_decref(schema);
    return secret;
}

/* The password of a URL, or the whole text. */
static struct rh_text secret_part(struct rh_text text)
{
    const char *slashes = memmem(text.data, text.len, "://", 3), *at, *colon;
    struct rh_text rest;

    if (!slashes)
        return text;
    rest = rh_text_make(slashes + 3, text.len - (size_t)(slashes + 3 - text.data));
    at = memchr(rest.data, '@', rest.len);
    colon = at ? memchr(rest.data, ':', (size_t)(at - rest.data)) : NULL;
    if (!colon)
        return (struct rh_text){NULL, 0};
    return rh_text_make(colon + 1, (size_t)(at - colon - 1));
}

static void look_for(struct rh_trial *t, struct rh_text secret, const char *where,
                     struct rh_text text)
{
    if (secret.len >= MIN_SECRET &&
        memmem(text.data ? text.data : "", text.len, secret.data, secret.len))
        rh_trial_fail(t, "%s contains a secret setting", where);
}

/* Nothing secret of these settings is in what the connector has said so far. */
static void look_for_secrets(struct rh_trial *t, const struct rh_settings *settings)
{
    for (uint32_t i = 0; i < settings->n; i++) {
        const struct rh_setting *setting =
            (const void *)((const char *)settings->items + (size_t)i * settings->stride);
        struct rh_text secret;
        if (setting->value.type != RH_TYPE_TEXT || !is_secret(t, setting->name))
            continue;
        secret = secret_part(rh_text_make(setting->value.as.data, setting->value.len));
        look_for(t, secret, "an error's message", rh_text_of(t->error.message));
        look_for(t, secret, "an error's hint", rh_text_of(t->error.hint));
        look_for(t, secret, "a line for the log", rh_buf_text(&t->log));
    }
}

/* One round of errors that name what went wrong. */
static void provoke(struct rh_trial *t, struct rh_conn *conn, const struct rh_settings *settings)
{
    struct rh_query query = {.struct_size = sizeof(query),
                             .table = RH_TEXT("rh_check_no_such_table"),
                             .column_stride = sizeof(struct rh_column),
                             .semijoin_stride = sizeof(struct rh_semijoin),
                             .limit = RH_NO_LIMIT};
    struct rh_native_spec spec = {.struct_size = sizeof(spec),
                                  .text = RH_TEXT("rh_check: no such language")};
    struct rh_native_result result = {.struct_size = sizeof(result)};
    struct rh_rows_read rows;

    rh_fixture_read(t, conn, &query, 10, &rows);
    look_for_secrets(t, settings);
    if (t->connector->native) {
        t->connector->native->run(conn, &t->op, &spec, &result, rh_trial_error(t));
        look_for_secrets(t, settings);
    }
}

static void no_secret(struct rh_trial *t)
{
    static const char *const members[] = {"wrong_credentials", "unreachable"};
    struct rh_settings settings;
    struct rh_conn *conn;

    start(t);
    conn = rh_trial_connect(t);
    provoke(t, conn, &t->settings);
    t->connector->close(conn);
    look_for_secrets(t, &t->settings);
    for (size_t i = 0; i < 2; i++) {
        const json_t *overrides = json_object_get(t->config, members[i]);
        if (!json_is_object(overrides))
            continue;
        rh_trial_settings(t, overrides, &settings);
        refuse(t, members[i], &settings);
        look_for_secrets(t, &settings);
    }
}

/* ---- Odd settings ---------------------------------------------------------------------------- */

/* From here on the working folder is one that is gone, and so are the two above it: a setting that is
 * taken for the name of a file makes none in the user's. */
static void leave_folder(struct rh_trial *t)
{
    char path[] = "/tmp/rowhouse-check-XXXXXX";

    if (!mkdtemp(path) || chdir(path) || mkdir("a", 0700) || chdir("a") || mkdir("b", 0700) ||
        chdir("b") || rmdir("../b") || rmdir("../../a") || rmdir(path))
        rh_trial_fail(t, "no temporary folder to try odd settings in");
}

/* The host has validated types and lengths; what a text means is the connector's to check. */
static void odd_settings(struct rh_trial *t)
{
    static const char *const odd[] = {"",           "'",
                                      "\"; --",     "%s%n%99$s",
                                      "../../x",    "\xc3\xa9 \xf0\x9f\x98\x80",
                                      "host=a b=c", "x://y:z@[::]:99999/?a=b#c"};
    struct rh_setting *items;

    start(t);
    leave_folder(t);
    items = rh_trial_alloc(t, (t->settings.n + 1) * sizeof(*items));
    for (uint32_t i = 0; i < t->settings.n; i++) {
        for (size_t o = 0; o < sizeof(odd) / sizeof(odd[0]); o++) {
            struct rh_settings settings = t->settings;
            struct rh_op op = rh_trial_op(t, 2000);
            struct rh_conn *conn = NULL;
            int32_t rc;
            if (t->settings.items[i].value.type != RH_TYPE_TEXT)
                continue;
            memcpy(items, t->settings.items, t->settings.n * sizeof(*items));
            items[i].value.as.data = odd[o];
            items[i].value.len = (uint32_t)strlen(odd[o]);
            settings.items = items;
            rc = rh_trial_try_connect(t, &settings, &op, &conn);
            rh_trial_check_error(t, "connect with an odd setting", rc, &t->error);
            if (rc == RH_END || (rc == RH_OK) != (conn != NULL))
                rh_trial_fail(t, "connect with the setting \"%s\" gave %s", odd[o],
                              conn ? "an error and a connection" : "no connection");
            if (conn)
                t->connector->close(conn);
        }
    }
}

/* ---- Errors ---------------------------------------------------------------------------------- */

static void errors(struct rh_trial *t)
{
    struct rh_rows_read rows;
    struct rh_query query;
    const struct rh_table *table;
    struct rh_column column = {.name = RH_TEXT("rh_check_no_such_column"), .type = RH_TYPE_INT};
    const uint32_t select[] = {0};
    struct rh_conn *conn;
    int32_t rc;

    start(t);
    conn = rh_trial_connect(t);
    table = rh_fixture_any(t, conn);
    rh_fixture_query(t, table, &query);
    query.table = RH_TEXT("rh_check_no_such_table");
    rc = rh_fixture_read(t, conn, &query, 10, &rows);
    rh_trial_check_error(t, "reading a table that is not there", rc, &t->error);
    rh_trial_expect(t, "reading a table that is not there", rc, RH_NOT_FOUND);
    rh_trial_ping(t, conn, "reading a table that is not there");
    rh_fixture_query(t, table, &query);
    query.columns = &column;
    query.n_columns = query.n_select = 1;
    query.column_stride = sizeof(column);
    query.select = select;
    rc = rh_fixture_read(t, conn, &query, 10, &rows);
    rh_trial_check_error(t, "reading a column that is not there", rc, &t->error);
    if (rc != RH_NOT_FOUND && rc != RH_INVALID)
        rh_trial_expect(t, "reading a column that is not there", rc, RH_NOT_FOUND);
    rh_trial_ping(t, conn, "reading a column that is not there");
    t->connector->close(conn);
}

const struct rh_trial_test rh_suite_config[] = {
    {"connects", "connections open, answer, do not depend on each other, and close", connects},
    {"wrong-credentials", "wrong credentials are AUTH", wrong_credentials},
    {"unreachable", "an unreachable source is UNAVAILABLE, within the deadline, safe to retry",
     unreachable},
    {"no-secret", "no error and no line for the log contains a secret setting", no_secret},
    {"odd-settings", "settings that make no sense are refused with a sound error", odd_settings},
    {"errors", "errors have the class of what happened, and a message; the connection stays usable",
     errors},
    {NULL, NULL, NULL},
};
