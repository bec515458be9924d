/*
 * rowhouse-server: configuration, the API, the HTTP server, and a calm end on SIGTERM and SIGINT.
 * Signals are taken by the main thread alone (sigtimedwait); it also does the housekeeping.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "server/api/api.h"
#include "server/api/demo.h"
#include "server/api/idempotency.h"
#include "server/api/openapi.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PRINTED_BYTES ((size_t)16 << 20)
#define HOUSEKEEPING_SECONDS 60
#define HOUSEKEEPING_US ((uint64_t)20 * 1000000)
#define ARENA_BYTES ((size_t)64 << 20)
#define IDLE_SECONDS 60

static int complain(const struct rh_error *error)
{
    fprintf(stderr, "rowhouse-server: %s\n", error->message);
    if (*error->hint)
        fprintf(stderr, "  %s\n", error->hint);
    return EXIT_FAILURE;
}

static int print(void (*write_text)(struct rh_buf *buf))
{
    struct rh_buf buf;
    bool done;

    rh_buf_init(&buf, PRINTED_BYTES);
    write_text(&buf);
    done = !buf.failed && fwrite(buf.data, 1, buf.len, stdout) == buf.len && fflush(stdout) == 0;
    rh_buf_free(&buf);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void print_version(struct rh_buf *buf)
{
    rh_buf_add_str(buf, "rowhouse-server " RH_VERSION "\n");
}

/* -1 when the arguments ask for none of these. */
static int print_what_is_asked(int n, char **arguments)
{
    for (int i = 1; i < n; i++) {
        if (strcmp(arguments[i], "--help") == 0)
            return print(rh_config_help);
        if (strcmp(arguments[i], "--version") == 0)
            return print(print_version);
        if (strcmp(arguments[i], "--print-reference") == 0)
            return print(rh_docs_write_markdown);
    }
    return -1;
}

static int set_log_level(const struct rh_config *config, struct rh_error *error)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    const char *name = config->texts[RH_CONFIG_LOG_LEVEL];

    for (uint32_t i = 0; i < 4; i++) {
        if (strcmp(names[i], name) == 0) {
            rh_log_set_level(i + RH_LOG_ERROR);
            return RH_OK;
        }
    }
    return rh_fail(error, RH_CONFIG, "log_level is \"%s\", but must be error, warn, info or debug",
                   name);
}

static unsigned core_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 1 ? (unsigned)n : 1;
}

/* What was asked for; where that is 0, what is usual here. */
static unsigned count_of(const struct rh_config *config, enum rh_config_name name, unsigned usual)
{
    int64_t asked = config->numbers[name];

    return asked > 0 ? (unsigned)asked : usual;
}

static int listen_for_requests(struct rh_api *api, struct rh_web_handler *handler,
                               const char *temp_folder, struct rh_error *error)
{
    const int64_t *numbers = api->config.numbers;
    unsigned cores = core_count();
    struct rh_web_options options = {
        .listen = api->config.texts[RH_CONFIG_LISTEN],
        .temp_folder = temp_folder,
        .threads = count_of(&api->config, RH_CONFIG_HTTP_THREADS, (cores + 3) / 4),
        .workers = count_of(&api->config, RH_CONFIG_WORKERS, cores > 4 ? cores * 8 : 32),
        .eager = cores,
        .queue = (unsigned)numbers[RH_CONFIG_QUEUE],
        .max_connections = (unsigned)numbers[RH_CONFIG_MAX_CONNECTIONS],
        .idle_seconds = IDLE_SECONDS,
    };
    struct rh_web_server *server = NULL;
    int rc;

    *handler = rh_api_handler;
    handler->context = api;
    rc = rh_web_server_start(&options, handler, &server, error);
    if (rc == RH_OK)
        atomic_store(&api->server, server);
    return rc;
}

/* Few ask there, and none of them may keep the others waiting: it has threads of its own. */
static int listen_for_metrics(struct rh_api *api, struct rh_web_handler *handler,
                              const char *temp_folder, struct rh_web_server **ret_server,
                              struct rh_error *error)
{
    struct rh_web_options options = {
        .listen = api->config.texts[RH_CONFIG_METRICS_LISTEN],
        .temp_folder = temp_folder,
        .threads = 1,
        .workers = 1,
        .eager = 1,
        .queue = 16,
        .max_connections = 64,
        .idle_seconds = IDLE_SECONDS,
    };

    *handler = rh_api_metrics_handler;
    handler->context = api;
    return *options.listen ? rh_web_server_start(&options, handler, ret_server, error) : RH_OK;
}

/* Connections that nobody needs are closed. Expired answers of idempotency keys are deleted; a
 * failure is logged and tried again later. */
static void keep_house(struct rh_api *api)
{
    struct rh_arena *arena = rh_arena_new(ARENA_BYTES);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_operation op;

    rh_datasource_cache_reap(api->datasources);
    if (!arena)
        return;
    rh_operation_init(&op, arena, NULL, rh_clock_us() + HOUSEKEEPING_US);
    if (rh_idempotency_sweep(api, &op, &error) != RH_OK)
        rh_log(RH_LOG_WARN, "housekeeping", "%s", error.message);
    rh_arena_free(arena);
}

/* SIGHUP: the settings that may change while running. */
static void reload(struct rh_api *api, int n, char **arguments)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_config config;

    (void)api;
    if (rh_config_load(&config, n, arguments, environ, &error) == RH_OK)
        set_log_level(&config, &error);
    if (error.error_class != RH_OK)
        rh_log(RH_LOG_ERROR, "server", "the configuration was not reloaded: %s", error.message);
    rh_config_fini(&config);
}

static void wait_for_end(struct rh_api *api, const sigset_t *signals, int n, char **arguments)
{
    const struct timespec pause = {HOUSEKEEPING_SECONDS, 0};

    for (;;) {
        int which = sigtimedwait(signals, NULL, &pause);
        if (which == SIGTERM || which == SIGINT)
            return;
        if (which == SIGHUP)
            reload(api, n, arguments);
        else if (which < 0)
            keep_house(api);
    }
}

static void announce_key(const struct rh_api *api)
{
    if (api->admin_key_made)
        printf("Administrator key (shown once, kept in %s/admin.key): %s\n",
               api->config.texts[RH_CONFIG_DATA], api->admin_key);
}

static void announce(struct rh_api *api, const struct rh_web_server *metrics)
{
    const char *url = rh_web_server_url(api->server);

    if (metrics)
        printf("Metrics are at %s/metrics\n", rh_web_server_url(metrics));
    printf("Rowhouse %s listens on %s\n", RH_VERSION, url);
    announce_key(api);
    if (api->config.numbers[RH_CONFIG_DEMO])
        rh_demo_announce(api, url);
    fflush(stdout);
    explicit_bzero(api->admin_key, strlen(api->admin_key));
}

static int serve(struct rh_api *api, const char *temp_folder, const sigset_t *signals, int n,
                 char **arguments)
{
    struct rh_web_handler handler, metrics_handler;
    struct rh_web_server *metrics = NULL;
    struct rh_error error = RH_ERROR_INIT;
    unsigned grace_ms = (unsigned)api->config.numbers[RH_CONFIG_STOP_TIMEOUT_MS];
    int rc = RH_OK;

    if (api->config.numbers[RH_CONFIG_DEMO])
        rc = rh_demo_make(api, &error);
    if (rc == RH_OK)
        rc = listen_for_metrics(api, &metrics_handler, temp_folder, &metrics, &error);
    if (rc == RH_OK)
        rc = listen_for_requests(api, &handler, temp_folder, &error);
    if (rc != RH_OK) {
        (void)rh_web_server_stop(metrics, 0);
        announce_key(api); /* the next start will not make it again */
        return complain(&error);
    }
    announce(api, metrics);
    wait_for_end(api, signals, n, arguments);
    rh_log(RH_LOG_INFO, "server", "stopping");
    if (!rh_web_server_stop(api->server, grace_ms) || !rh_web_server_stop(metrics, grace_ms)) {
        rh_log(RH_LOG_ERROR, "server", "requests did not end; leaving them");
        _exit(EXIT_SUCCESS);
    }
    return EXIT_SUCCESS;
}

int main(int n, char **arguments)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_config config = {0};
    struct rh_api *api = NULL;
    char *temp_folder = NULL;
    sigset_t signals;
    int result = print_what_is_asked(n, arguments);

    if (result >= 0)
        return result;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of the request that meets it */
    if (rh_config_load(&config, n, arguments, environ, &error) != RH_OK ||
        set_log_level(&config, &error) != RH_OK) {
        rh_config_fini(&config);
        return complain(&error);
    }
    if (rh_api_open(&config, &api, &error) != RH_OK)
        return complain(&error);
    if (asprintf(&temp_folder, "%s/tmp", api->config.texts[RH_CONFIG_DATA]) < 0) {
        rh_api_close(api);
        return EXIT_FAILURE;
    }
    result = serve(api, temp_folder, &signals, n, arguments);
    rh_api_close(api);
    free(temp_folder);
    return result;
}
