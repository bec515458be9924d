/*
 * A name may be written with - or _ and in any case. In the environment every variable that begins
 * with ROWHOUSE_ is ours, except for those that belong to other programs of the house (FOREIGN).
 */
#include "server/api/config.h"

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PREFIX "ROWHOUSE_"
#define MAX_FILE_BYTES ((size_t)1 << 20)

static const struct rh_config_item ITEMS[RH_N_CONFIG] = {
    [RH_CONFIG_LISTEN] = {"listen", RH_CONFIG_TEXT, "127.0.0.1:7070", 0, 0, 0,
                          "Address and port to listen on; port 0 takes a free one"},
    [RH_CONFIG_METRICS_LISTEN] = {"metrics_listen", RH_CONFIG_TEXT, "", 0, 0, 0,
                                  "Address and port for /metrics alone, which is then not served "
                                  "elsewhere; without it, /metrics is at the address above"},
    [RH_CONFIG_DATA] = {"data", RH_CONFIG_TEXT, "./data", 0, 0, 0,
                        "Folder for everything that the server keeps"},
    [RH_CONFIG_STORE] =
        {"store", RH_CONFIG_TEXT, "", 0, 0, RH_CONFIG_SECRET,
         "URL of the source that keeps apps and datasources: "
         "couchdb://user:password@host:5984/name "
         "(with a database for each app, for its internal tables too), postgres://…; without it, "
         "SQLite in the data folder"},
    [RH_CONFIG_STORE_GRACE_S] =
        {"store_grace_s", RH_CONFIG_NUMBER, "300", 0, 86400, 0,
         "Seconds that datasources in use are still served while the store cannot be read"},
    [RH_CONFIG_PLUGINS] = {"plugins", RH_CONFIG_TEXT, "", 0, 0, 0,
                           "Folder of the bundled connectors; without it, the one beside the "
                           "program"},
    [RH_CONFIG_CONNECTORS] = {"connectors", RH_CONFIG_TEXT, "", 0, 0, 0,
                              "Folder of installed connectors; without it, connectors in the data "
                              "folder"},
    [RH_CONFIG_TRUST] = {"trust", RH_CONFIG_TEXT, "", 0, 0, 0,
                         "Folder of the keys whose connectors may run, and of what is revoked; "
                         "without it, trust in the data folder"},
    [RH_CONFIG_UNSIGNED_CONNECTORS] = {"unsigned_connectors", RH_CONFIG_TEXT, "", 0, 0, 0,
                                       "Ids of installed connectors that may run unsigned, "
                                       "separated by commas; they run isolated"},
    [RH_CONFIG_ISOLATE] = {"isolate", RH_CONFIG_TEXT, "", 0, 0, 0,
                           "Ids of bundled and first-party connectors to run in processes of their "
                           "own, separated by commas; * for all"},
    [RH_CONFIG_ADMIN_KEY] =
        {"admin_key", RH_CONFIG_TEXT, "", 0, 0, RH_CONFIG_SECRET,
         "The administrator's API key, at least 20 characters; without it, one is made at the "
         "first start and kept in admin.key in the data folder"},
    [RH_CONFIG_MASTER_KEY] =
        {"master_key", RH_CONFIG_TEXT, "", 0, 0, RH_CONFIG_SECRET,
         "Key that stored secrets are encrypted under, 64 hex digits; without it, one "
         "is made at the first start and kept in the data folder"},
    [RH_CONFIG_DEMO] = {"demo", RH_CONFIG_SWITCH, "false", 0, 0, 0,
                        "Make the app \"demo\" with a shop to try things on"},
    [RH_CONFIG_DEMO_POSTGRES] = {"demo_postgres", RH_CONFIG_TEXT, "", 0, 0, RH_CONFIG_SECRET,
                                 "A PostgreSQL URL that the demo shows how to connect to"},
    [RH_CONFIG_WORKERS] = {"workers", RH_CONFIG_NUMBER, "0", 0, 1024, 0,
                           "Threads that run requests, of which a datasource gets at most half; 0: "
                           "eight times the number of cores, at least 32"},
    [RH_CONFIG_QUEUE] = {"queue", RH_CONFIG_NUMBER, "1024", 1, 1000000, 0,
                         "Requests that may wait for a worker, at most half of them for one "
                         "datasource; more are answered 503"},
    [RH_CONFIG_HTTP_THREADS] = {"http_threads", RH_CONFIG_NUMBER, "0", 0, 64, 0,
                                "Threads that read from and write to connections; 0: one for every "
                                "four cores"},
    [RH_CONFIG_MAX_CONNECTIONS] = {"max_connections", RH_CONFIG_NUMBER, "4000", 8, 1000000, 0,
                                   "Client connections at the same time"},
    [RH_CONFIG_MAX_BODY_BYTES] = {"max_body_bytes", RH_CONFIG_NUMBER, "67108864", 1024,
                                  INT64_C(1) << 40, 0, "Largest request body"},
    [RH_CONFIG_MAX_IMPORT_BYTES] = {"max_import_bytes", RH_CONFIG_NUMBER, "1073741824", 1024,
                                    INT64_C(1) << 40, 0, "Largest body of an import"},
    [RH_CONFIG_REQUEST_TIMEOUT_MS] =
        {"request_timeout_ms", RH_CONFIG_NUMBER, "30000", 10, 86400000, 0,
         "Time that a request may take; for streams and imports, between two "
         "steps forward"},
    [RH_CONFIG_STALL_TIMEOUT_MS] =
        {"stall_timeout_ms", RH_CONFIG_NUMBER, "60000", 10, 86400000, 0,
         "Time that a client may take to read the next part of a stream"},
    [RH_CONFIG_STOP_TIMEOUT_MS] = {"stop_timeout_ms", RH_CONFIG_NUMBER, "30000", 0, 86400000, 0,
                                   "Time that running requests are given when the server stops"},
    [RH_CONFIG_LOG_LEVEL] = {"log_level", RH_CONFIG_TEXT, "info", 0, 0, RH_CONFIG_RELOADABLE,
                             "error, warn, info or debug"},
    [RH_CONFIG_CORS_ORIGINS] =
        {"cors_origins", RH_CONFIG_TEXT, "", 0, 0, 0,
         "Web origins that may call the API, separated by commas; * for all"},
    [RH_CONFIG_BUDGET_SCAN_ROWS] = {"budget_scan_rows", RH_CONFIG_NUMBER, "2000000", 0, INT64_MAX,
                                    0, "Rows that a request may make the server scan"},
    [RH_CONFIG_BUDGET_MEMORY_BYTES] = {"budget_memory_bytes", RH_CONFIG_NUMBER, "67108864", 65536,
                                       INT64_C(1) << 40, 0,
                                       "Memory that a sort or group of a request may hold"},
    [RH_CONFIG_BUDGET_SPILL_BYTES] = {"budget_spill_bytes", RH_CONFIG_NUMBER, "4294967296", 0,
                                      INT64_C(1) << 50, 0,
                                      "Temporary disk space that a request may take beyond that"},
    [RH_CONFIG_BUDGET_TIME_MS] = {"budget_time_ms", RH_CONFIG_NUMBER, "30000", 10, 86400000, 0,
                                  "Time that a request may work on the rows of a datasource"},
    [RH_CONFIG_POOL_MAX_CONNECTIONS] = {"pool_max_connections", RH_CONFIG_NUMBER, "10", 1, 10000, 0,
                                        "Connections to each datasource"},
};

/* Variables that begin with our prefix and are none of our settings. */
static const char *const FOREIGN[] = {"ROWHOUSE_BUILD",     "ROWHOUSE_TEST_",    "ROWHOUSE_BENCH_",
                                      "ROWHOUSE_PLUGINS_",  "ROWHOUSE_THREADS_", "ROWHOUSE_CONFIG",
                                      "ROWHOUSE_CONNECTOR_"};

const struct rh_config_item *rh_config_item(enum rh_config_name name)
{
    return &ITEMS[name];
}

/* ---- Setting ----------------------------------------------------------------------------- */

static bool same_name(struct rh_text written, const char *name)
{
    if (written.len != strlen(name))
        return false;
    for (size_t i = 0; i < written.len; i++) {
        char c = written.data[i] == '-' ? '_' : (char)tolower((unsigned char)written.data[i]);
        if (c != name[i])
            return false;
    }
    return true;
}

static int find(struct rh_text written, const char *source, struct rh_error *error)
{
    const char *near = NULL;
    unsigned best = 4;

    for (int i = 0; i < RH_N_CONFIG; i++)
        if (same_name(written, ITEMS[i].name))
            return i;
    for (int i = 0; i < RH_N_CONFIG; i++) {
        unsigned distance = rh_text_distance(written, rh_text_of(ITEMS[i].name), best);
        if (distance < best) {
            best = distance;
            near = ITEMS[i].name;
        }
    }
    rh_fail(error, RH_CONFIG, "there is no setting \"%.*s\" (%s)", RH_TEXT_ARG(written), source);
    return near ? rh_error_hint(error, "did you mean \"%s\"?", near)
                : rh_error_hint(error, "--help lists all settings");
}

static int parse_number(const struct rh_config_item *item, struct rh_text value,
                        int64_t *ret_number, struct rh_error *error)
{
    if (!rh_text_to_i64(value, ret_number) || *ret_number < item->min || *ret_number > item->max)
        return rh_fail(error, RH_CONFIG, "%s is \"%.*s\", but must be a number from %lld to %lld",
                       item->name, RH_TEXT_ARG(value), (long long)item->min, (long long)item->max);
    return RH_OK;
}

static int parse_switch(const struct rh_config_item *item, struct rh_text value,
                        int64_t *ret_number, struct rh_error *error)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (rh_text_is(value, yes[i]) || rh_text_is(value, no[i])) {
            *ret_number = rh_text_is(value, yes[i]);
            return RH_OK;
        }
    }
    return rh_fail(error, RH_CONFIG, "%s is \"%.*s\", but must be true or false", item->name,
                   RH_TEXT_ARG(value));
}

static int set(struct rh_config *config, int position, struct rh_text value, const char *source,
               struct rh_error *error)
{
    const struct rh_config_item *item = &ITEMS[position];
    int64_t number = 0;
    char *copy;
    int rc = RH_OK;

    if (item->type == RH_CONFIG_NUMBER)
        rc = parse_number(item, value, &number, error);
    else if (item->type == RH_CONFIG_SWITCH)
        rc = parse_switch(item, value, &number, error);
    if (rc != RH_OK)
        return rc;
    copy = strndup(value.data ? value.data : "", value.len);
    if (!copy)
        return rh_fail_nomem(error);
    free(config->texts[position]);
    config->texts[position] = copy;
    config->numbers[position] = number;
    config->sources[position] = source;
    return RH_OK;
}

static int set_named(struct rh_config *config, struct rh_text name, struct rh_text value,
                     const char *source, struct rh_error *error)
{
    int position = find(name, source, error);

    return position < 0 ? position : set(config, position, value, source, error);
}

/* ---- Sources ----------------------------------------------------------------------------- */

static bool is_foreign(const char *variable)
{
    for (size_t i = 0; i < sizeof(FOREIGN) / sizeof(FOREIGN[0]); i++)
        if (strncmp(variable, FOREIGN[i], strlen(FOREIGN[i])) == 0)
            return true;
    return false;
}

static int load_environment(struct rh_config *config, char **environment, struct rh_error *error)
{
    for (; *environment; environment++) {
        struct rh_text value = rh_text_of(*environment), name;
        int rc;
        if (!rh_text_starts(value, PREFIX) || is_foreign(*environment))
            continue;
        name = rh_text_cut(&value, '=');
        name.data += strlen(PREFIX);
        name.len -= strlen(PREFIX);
        rc = set_named(config, name, value, "environment", error);
        if (rc != RH_OK)
            return rc;
    }
    return RH_OK;
}

static int read_file(const char *path, struct rh_buf *buf, struct rh_error *error)
{
    FILE *file = fopen(path, "re");
    char part[4096];
    size_t n;

    if (!file)
        return rh_fail(error, RH_CONFIG, "cannot read %s: %s", path, strerror(errno));
    while ((n = fread(part, 1, sizeof(part), file)) > 0)
        rh_buf_add(buf, part, n);
    if (ferror(file) || buf->failed)
        rh_fail(error, RH_CONFIG, "cannot read %s: %s", path,
                buf->failed ? "it is too large" : strerror(errno));
    fclose(file);
    return error->error_class;
}

/* `name = value` lines; `#` and `;` begin comments; `[section]` lines are only for the eye. */
static int load_file(struct rh_config *config, const char *path, struct rh_error *error)
{
    struct rh_buf buf;
    struct rh_text rest;
    int rc;

    rh_buf_init(&buf, MAX_FILE_BYTES);
    rc = read_file(path, &buf, error);
    rest = rh_buf_text(&buf);
    while (rc == RH_OK && rest.data) {
        struct rh_text line = rh_text_trim(rh_text_cut(&rest, '\n')), name;
        if (line.len == 0 || strchr("#;[", line.data[0]))
            continue;
        name = rh_text_trim(rh_text_cut(&line, '='));
        if (!line.data)
            rc = rh_fail(error, RH_CONFIG, "%s: \"%.*s\" is no `name = value`", path,
                         RH_TEXT_ARG(name));
        else
            rc = set_named(config, name, rh_text_trim(line), "file", error);
    }
    rh_buf_free(&buf);
    return rc;
}

/* `--name value`, `--name=value`; a switch needs no value. */
static int load_arguments(struct rh_config *config, int n, char **arguments, struct rh_error *error)
{
    for (int i = 1; i < n; i++) {
        struct rh_text value = rh_text_of(arguments[i]), name;
        int position, rc;
        if (!rh_text_starts(value, "--"))
            return rh_fail(error, RH_CONFIG, "unexpected argument \"%s\"", arguments[i]);
        value.data += 2;
        value.len -= 2;
        name = rh_text_cut(&value, '=');
        if (rh_text_is(name, "config")) {
            i += value.data ? 0 : 1;
            continue;
        }
        position = find(name, "command line", error);
        if (position < 0)
            return position;
        if (!value.data && ITEMS[position].type == RH_CONFIG_SWITCH)
            value = RH_TEXT("true");
        else if (!value.data && ++i < n)
            value = rh_text_of(arguments[i]);
        else if (!value.data)
            return rh_fail(error, RH_CONFIG, "--%s needs a value", ITEMS[position].name);
        rc = set(config, position, value, "command line", error);
        if (rc != RH_OK)
            return rc;
    }
    return RH_OK;
}

/* The last --config, else $ROWHOUSE_CONFIG; NULL: none. */
static const char *config_path(int n, char **arguments, char **environment)
{
    const char *path = NULL;

    for (; *environment; environment++)
        if (strncmp(*environment, "ROWHOUSE_CONFIG=", 16) == 0)
            path = *environment + 16;
    for (int i = 1; i < n; i++) {
        if (strncmp(arguments[i], "--config=", 9) == 0)
            path = arguments[i] + 9;
        else if (strcmp(arguments[i], "--config") == 0)
            path = i + 1 < n ? arguments[i + 1] : "";
    }
    return path;
}

int rh_config_load(struct rh_config *ret_config, int n_arguments, char **arguments,
                   char **environment, struct rh_error *error)
{
    const char *path = config_path(n_arguments, arguments, environment);
    int rc = RH_OK;

    *ret_config = (struct rh_config){0};
    for (int i = 0; i < RH_N_CONFIG && rc == RH_OK; i++)
        rc = set(ret_config, i, rh_text_of(ITEMS[i].fallback), "default", error);
    if (rc == RH_OK && path)
        rc = load_file(ret_config, path, error);
    if (rc == RH_OK)
        rc = load_environment(ret_config, environment, error);
    if (rc == RH_OK)
        rc = load_arguments(ret_config, n_arguments, arguments, error);
    return rc;
}

void rh_config_fini(struct rh_config *config)
{
    for (int i = 0; i < RH_N_CONFIG; i++) {
        if (config->texts[i] && (ITEMS[i].flags & RH_CONFIG_SECRET))
            explicit_bzero(config->texts[i], strlen(config->texts[i]));
        free(config->texts[i]);
    }
    *config = (struct rh_config){0};
}

/* ---- Printing ---------------------------------------------------------------------------- */

static void add_flag_name(struct rh_buf *buf, const char *name)
{
    for (; *name; name++)
        rh_buf_add_char(buf, *name == '_' ? '-' : *name);
}

static void add_variable_name(struct rh_buf *buf, const char *name)
{
    rh_buf_add_str(buf, PREFIX);
    for (; *name; name++)
        rh_buf_add_char(buf, (char)toupper((unsigned char)*name));
}

void rh_config_help(struct rh_buf *buf)
{
    rh_buf_add_str(
        buf, "usage: rowhouse-server [--SETTING VALUE]…\n\n"
             "  --config FILE\n      INI file with `name = value` lines\n"
             "  --print-reference\n      Print the reference of all commands (Markdown) and end\n"
             "  --version, --help\n\n"
             "Settings, from the file, the environment or the command line (the later wins):\n\n");
    for (int i = 0; i < RH_N_CONFIG; i++) {
        rh_buf_add_str(buf, "  --");
        add_flag_name(buf, ITEMS[i].name);
        rh_buf_add_str(buf, ", ");
        add_variable_name(buf, ITEMS[i].name);
        rh_buf_addf(buf, "\n      %s", ITEMS[i].help);
        if (*ITEMS[i].fallback)
            rh_buf_addf(buf, " (default %s)", ITEMS[i].fallback);
        rh_buf_add_char(buf, '\n');
    }
}

void rh_config_markdown(struct rh_buf *buf)
{
    rh_buf_add_str(buf, "| setting | variable | default | meaning |\n|---|---|---|---|\n");
    for (int i = 0; i < RH_N_CONFIG; i++) {
        rh_buf_add_str(buf, "| `--");
        add_flag_name(buf, ITEMS[i].name);
        rh_buf_add_str(buf, "` | `");
        add_variable_name(buf, ITEMS[i].name);
        rh_buf_addf(buf, "` | %s | %s |\n", *ITEMS[i].fallback ? ITEMS[i].fallback : "none",
                    ITEMS[i].help);
    }
}

void rh_config_json(const struct rh_config *config, struct rh_buf *buf)
{
    rh_buf_add_char(buf, '[');
    for (int i = 0; i < RH_N_CONFIG; i++) {
        bool hide = (ITEMS[i].flags & RH_CONFIG_SECRET) && *config->texts[i];
        rh_buf_addf(buf, "%s{\"name\":\"%s\",\"value\":", i ? "," : "", ITEMS[i].name);
        if (ITEMS[i].type == RH_CONFIG_NUMBER)
            rh_buf_add_i64(buf, config->numbers[i]);
        else if (ITEMS[i].type == RH_CONFIG_SWITCH)
            rh_buf_add_str(buf, config->numbers[i] ? "true" : "false");
        else
            rh_json_add_string(buf, hide ? RH_TEXT("********") : rh_text_of(config->texts[i]));
        rh_buf_addf(buf, ",\"source\":\"%s\",\"secret\":%s,\"reloadable\":%s,\"help\":",
                    config->sources[i], ITEMS[i].flags & RH_CONFIG_SECRET ? "true" : "false",
                    ITEMS[i].flags & RH_CONFIG_RELOADABLE ? "true" : "false");
        rh_json_add_string(buf, rh_text_of(ITEMS[i].help));
        rh_buf_add_char(buf, '}');
    }
    rh_buf_add_char(buf, ']');
}
