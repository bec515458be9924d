/* core/host/isolation: what a connector in a process of its own can do, and what it costs others
 * when it misbehaves. */
#include "host/registry.h"
#include "isolation/vandal.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- Serving --------------------------------------------------------------------------------- */

START_TEST(describes_the_connector)
{
    struct rh_library *library = loaded(NULL);

    ck_assert(rh_text_is(library->connector.id, "vandal"));
    ck_assert(rh_text_is(library->connector.native->language, "Vandal"));
    ck_assert_uint_eq(library->connector.write->atomicity, RH_ATOMIC_ROW);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_EQ, RH_TYPE_INT), RH_VERDICT_EXACT);
    ck_assert_uint_eq(strlen(library->sha256), 64);
    ck_assert_str_eq(library->path, connector_path("vandal"));
    rh_library_free(library);
}
END_TEST

START_TEST(hands_out_rows_in_any_measure)
{
    static const uint32_t sizes[] = {1, 3, 10, 49, 50, 1000};
    struct rh_library *library = loaded(NULL);
    struct visit visit;
    int64_t sum;

    ck_assert_int_eq(enter(&visit, library, "", "", ""), RH_OK);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ck_assert_int_eq(read_all(&visit, sizes[i], &sum), RH_END);
        ck_assert_int_eq(sum, 50 * 51 / 2);
    }
    leave(&visit);
    rh_library_free(library);
}
END_TEST

START_TEST(keeps_rows_while_other_calls_run)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_library *library = loaded(NULL);
    struct rh_cursor *cursor = NULL, *second = NULL;
    struct visit visit;

    ck_assert_int_eq(enter(&visit, library, "", "", ""), RH_OK);
    ck_assert_int_eq(
        visit.connector->open(visit.conn, op_of(&visit, 20000), &query, &cursor, &visit.error),
        RH_OK);
    for (int64_t row = 1; row <= 50; row++) {
        ck_assert_int_eq(visit.connector->next(cursor, &visit.op.abi, 1, &batch, &visit.error),
                         RH_OK);
        ck_assert_int_eq(visit.connector->ping(visit.conn, &visit.op.abi, &visit.error), RH_OK);
        ck_assert_int_eq(batch.cells[0].as.i, row);
        ck_assert_mem_eq(batch.cells[1].as.data, "label", 5);
    }
    ck_assert_int_eq(
        visit.connector->open(visit.conn, op_of(&visit, 20000), &query, &second, &visit.error),
        RH_INVALID);
    visit.connector->finish(cursor);
    leave(&visit);
    rh_library_free(library);
}
END_TEST

START_TEST(brings_statuses_and_texts)
{
    struct rh_value cells[] = {{.type = RH_TYPE_INT, .as.i = 1}, {.type = RH_TYPE_INT, .as.i = 2}};
    struct rh_row_status statuses[2] = {{0}};
    struct rh_write_result result = {.struct_size = sizeof(result), .statuses = statuses};
    struct rh_write_spec spec = {.struct_size = sizeof(spec),
                                 .table = RH_TEXT_INIT("t"),
                                 .columns = columns,
                                 .n_columns = 1,
                                 .column_stride = sizeof(columns[0]),
                                 .n_rows = 2,
                                 .cells = cells};
    struct rh_library *library = loaded(NULL);
    struct rh_text native = {NULL, 0};
    int64_t estimate = 0;
    struct visit visit;

    ck_assert_int_eq(enter(&visit, library, "", "", ""), RH_OK);
    ck_assert_int_eq(visit.connector->write->insert(visit.conn, op_of(&visit, 20000), &spec,
                                                    &result, &visit.error),
                     RH_OK);
    ck_assert_uint_eq(result.n_affected, 2);
    ck_assert_int_eq(statuses[1].error_class, RH_DATA);
    ck_assert(rh_text_is(statuses[1].message, "not this one"));
    ck_assert_int_eq(visit.connector->write->update(visit.conn, op_of(&visit, 20000), &spec,
                                                    &result, &visit.error),
                     RH_UNSUPPORTED);
    ck_assert_int_eq(
        visit.connector->explain(visit.conn, op_of(&visit, 20000), &query, &native, &visit.error),
        RH_OK);
    ck_assert(rh_text_is(native, "count to 50"));
    ck_assert_int_eq(visit.connector->estimate(visit.conn, op_of(&visit, 20000), &query, &estimate,
                                               &visit.error),
                     RH_OK);
    ck_assert_int_eq(estimate, 50);
    leave(&visit);
    rh_library_free(library);
}
END_TEST

START_TEST(reads_a_feed)
{
    struct rh_feed_spec spec = {.struct_size = sizeof(spec),
                                .table = RH_TEXT_INIT("t"),
                                .columns = columns,
                                .n_columns = 2,
                                .column_stride = sizeof(columns[0])};
    struct rh_feed_batch batch = {.struct_size = sizeof(batch)};
    struct rh_library *library = loaded(NULL);
    const struct rh_feed *feed = library->connector.feed;
    struct rh_cursor *cursor = NULL;
    struct visit visit;

    ck_assert_int_eq(enter(&visit, library, "", "", ""), RH_OK);
    ck_assert_int_eq(feed->open(visit.conn, op_of(&visit, 20000), &spec, &cursor, &visit.error),
                     RH_OK);
    ck_assert_int_eq(feed->next(cursor, &visit.op.abi, 10, &batch, &visit.error), RH_OK);
    ck_assert_uint_eq(batch.rows.n_rows, 3);
    ck_assert_uint_eq(batch.kinds[2], RH_CHANGE_DELETE);
    ck_assert(rh_text_is(batch.token, "3"));
    ck_assert_int_eq(feed->next(cursor, &visit.op.abi, 2, &batch, &visit.error), RH_OK);
    ck_assert_int_eq(batch.rows.cells[0].as.i, 4);
    ck_assert(rh_text_is(batch.token, "5"));
    visit.connector->finish(cursor);
    leave(&visit);
    rh_library_free(library);
}
END_TEST

/* ---- Misbehaving ----------------------------------------------------------------------------- */

/* Calls the function by its name. */
static int call(struct visit *visit, const char *name, uint64_t ms)
{
    const struct rh_connector *c = visit->connector;
    const struct rh_op *op = op_of(visit, ms);
    struct rh_catalog catalog = {.struct_size = sizeof(catalog)};
    struct rh_write_spec write = {.struct_size = sizeof(write), .columns = columns};
    struct rh_write_result written = {.struct_size = sizeof(written)};
    struct rh_native_spec native = {.struct_size = sizeof(native), .text = RH_TEXT_INIT("x")};
    struct rh_native_result ran = {.struct_size = sizeof(ran)};
    struct rh_text text;
    struct rh_plan plan;
    int64_t number;

    if (strcmp(name, "ping") == 0)
        return c->ping(visit->conn, op, &visit->error);
    if (strcmp(name, "tables") == 0)
        return c->tables(visit->conn, op, &catalog, &visit->error);
    if (strcmp(name, "plan") == 0)
        return ask_plan(visit, &plan);
    if (strcmp(name, "explain") == 0)
        return c->explain(visit->conn, op, &query, &text, &visit->error);
    if (strcmp(name, "estimate") == 0)
        return c->estimate(visit->conn, op, &query, &number, &visit->error);
    if (strcmp(name, "open") == 0 || strcmp(name, "next") == 0)
        return read_all(visit, 7, &number);
    if (strcmp(name, "finish") == 0) {
        int rc = read_all(visit, 7, &number); /* what finish did, the next call learns */
        return rc < 0 ? rc : c->ping(visit->conn, op, &visit->error);
    }
    if (strcmp(name, "reset") == 0) {
        int rc = c->reset(visit->conn, op, &visit->error); /* goes with the next call */
        return rc < 0 ? rc : c->ping(visit->conn, op, &visit->error);
    }
    if (strcmp(name, "insert") == 0)
        return c->write->insert(visit->conn, op, &write, &written, &visit->error);
    if (strcmp(name, "begin") == 0)
        return c->tx->begin(visit->conn, op, 0, &visit->error);
    if (strcmp(name, "commit") == 0)
        return c->tx->commit(visit->conn, op, &visit->error);
    if (strcmp(name, "savepoint") == 0)
        return c->tx->savepoint(visit->conn, op, 1, &visit->error);
    if (strcmp(name, "run") == 0)
        return c->native->run(visit->conn, op, &native, &ran, &visit->error);
    ck_assert_str_eq(name, "apply");
    return c->ddl->apply(visit->conn, op, NULL, 0, 0, 0, &text, &visit->error);
}

static const char *const READS[] = {"ping", "tables", "plan",  "explain", "estimate", "open",
                                    "next", "finish", "reset", "begin",   "savepoint"};
static const char *const WRITES[] = {"insert", "commit", "run", "apply"};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void crash_in(const struct rh_library *library, const char *name, int expected)
{
    struct visit visit;
    int rc;

    ck_assert_int_eq(enter(&visit, library, name, "crash", name), RH_OK);
    rc = call(&visit, name, 20000);
    ck_assert_msg(rc == expected && visit.error.error_class == expected, "%s: %d %s", name, rc,
                  visit.error.message);
    ck_assert_msg(strstr(visit.error.message, "SIGSEGV"), "%s", visit.error.message);
    /* The connection stays dead, and says so at once. */
    ck_assert_int_eq(call(&visit, "ping", 20000), RH_UNAVAILABLE);
    leave(&visit);
    /* And is not started again at once. */
    ck_assert_int_eq(enter(&visit, library, name, "crash", name), RH_UNAVAILABLE);
    ck_assert_msg(strstr(visit.error.message, "SIGSEGV") &&
                      strstr(visit.error.message, "started again"),
                  "%s", visit.error.message);
    ck_assert_uint_eq(visit.error.retry, RH_RETRY_SAFE);
    ck_assert_uint_gt(visit.error.retry_after_ms, 0);
    leave(&visit);
}

START_TEST(crashes_in_every_function)
{
    struct rh_library *library = loaded(NULL);
    struct rh_isolation_stats stats;
    struct visit visit, bystander;

    ck_assert_int_eq(enter(&bystander, library, "", "", ""), RH_OK);
    for (size_t i = 0; i < COUNT(READS); i++)
        crash_in(library, READS[i], RH_UNAVAILABLE);
    for (size_t i = 0; i < COUNT(WRITES); i++)
        crash_in(library, WRITES[i], RH_UNKNOWN_OUTCOME);
    ck_assert_int_eq(enter(&visit, library, "connect", "crash", ""), RH_UNAVAILABLE);
    leave(&visit);
    /* In close nobody is asked; it must end all the same. */
    ck_assert_int_eq(enter(&visit, library, "close", "crash", ""), RH_OK);
    leave(&visit);
    ck_assert_int_eq(call(&bystander, "ping", 20000), RH_OK);
    leave(&bystander);
    rh_library_free(library);
    rh_isolation_stats(&stats);
    ck_assert_uint_eq(stats.n_running, 0);
    ck_assert_uint_ge(stats.n_crashed, COUNT(READS) + COUNT(WRITES) + 1);
}
END_TEST

START_TEST(tells_how_it_died)
{
    static const struct {
        const char *action, *how;
    } cases[] = {{"abort", "SIGABRT"},
                 {"exit", "exited with status 7"},
                 {"truncated", "exited with status 0"},
                 {"rubbish", "malformed frame"},
                 {"oversized", "malformed frame"},
                 {"promise", "exited with status 0"},
                 {"close", "socket"}};
    struct rh_library *library = loaded(NULL);
    struct visit visit;

    for (size_t i = 0; i < COUNT(cases); i++) {
        ck_assert_int_eq(enter(&visit, library, "ping", cases[i].action, ""), RH_OK);
        ck_assert_int_eq(call(&visit, "ping", 20000), RH_UNAVAILABLE);
        ck_assert_msg(strstr(visit.error.message, cases[i].how), "%s: %s", cases[i].action,
                      visit.error.message);
        leave(&visit);
    }
    rh_library_free(library);
}
END_TEST

START_TEST(kills_what_does_not_end)
{
    struct rh_library *library = loaded(NULL);
    struct rh_isolation_stats stats;
    struct visit visit;

    ck_assert_int_eq(enter(&visit, library, "ping", "loop", ""), RH_OK);
    ck_assert_int_eq(call(&visit, "ping", 200), RH_TIMEOUT);
    ck_assert_msg(strstr(visit.error.message, "did not end within 1 s"), "%s", visit.error.message);
    leave(&visit);
    ck_assert_int_eq(enter(&visit, library, "insert", "loop", ""), RH_OK);
    ck_assert_int_eq(call(&visit, "insert", 200), RH_UNKNOWN_OUTCOME);
    leave(&visit);
    rh_isolation_stats(&stats);
    ck_assert_uint_eq(stats.n_killed, 2);
    rh_library_free(library);
}
END_TEST

/* Its second begins with the call: it is cancelled first, and its process lives on. */
START_TEST(spares_what_comes_behind_its_deadline)
{
    struct rh_library *library = loaded(NULL);
    struct rh_isolation_stats stats;
    struct visit visit;

    ck_assert_int_eq(enter(&visit, library, "insert", "wait", ""), RH_OK);
    ck_assert_msg(call(&visit, "insert", (uint64_t)-2000) == RH_TIMEOUT, "%s", visit.error.message);
    ck_assert_int_eq(call(&visit, "ping", 20000), RH_OK);
    leave(&visit);
    rh_isolation_stats(&stats);
    ck_assert_uint_eq(stats.n_killed, 0);
    rh_library_free(library);
}
END_TEST

START_TEST(holds_memory_and_threads_to_their_limits)
{
    struct rh_sandbox sandbox = {.memory_bytes = (uint64_t)128 << 20, .max_threads = 16};
    struct rh_library *library = loaded(&sandbox);
    struct visit visit;

    if (!SANITIZED) {
        ck_assert_int_eq(enter(&visit, library, "ping", "leak", ""), RH_OK);
        ck_assert_int_eq(call(&visit, "ping", 20000), RH_RESOURCE);
        leave(&visit);
        ck_assert_int_eq(enter(&visit, library, "ping", "leak-crash", ""), RH_OK);
        ck_assert_int_eq(call(&visit, "ping", 20000), RH_UNAVAILABLE);
        ck_assert_msg(strstr(visit.error.message, "memory used up"), "%s", visit.error.message);
        leave(&visit);
    }
    ck_assert_int_eq(enter(&visit, library, "ping", "threads", ""), RH_OK);
    ck_assert_int_eq(call(&visit, "ping", 20000), RH_UNAVAILABLE);
    ck_assert_msg(strstr(visit.error.message, "more threads"), "%s", visit.error.message);
    leave(&visit);
    rh_library_free(library);
}
END_TEST

START_TEST(bears_a_flood_of_lines)
{
    struct rh_library *library = loaded(NULL);
    struct visit visit;

    ck_assert_int_eq(enter(&visit, library, "ping", "log", ""), RH_OK);
    ck_assert_int_eq(call(&visit, "ping", 20000), RH_OK);
    leave(&visit);
    ck_assert_int_eq(enter(&visit, library, "ping", "stderr", ""), RH_OK);
    ck_assert_int_eq(call(&visit, "ping", 20000), RH_OK);
    leave(&visit);
    rh_library_free(library);
}
END_TEST

static uint64_t cpu_used_us(void)
{
    struct rusage usage;

    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000 +
           (uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec;
}

/* A flood that does not end costs this process next to nothing: less of its time than a core has. */
START_TEST(is_not_kept_busy_by_a_flood)
{
    static const char *const ways[] = {"log", "control", "stderr"};
    struct rh_library *library = loaded(NULL);

    for (size_t i = 0; i < COUNT(ways); i++) {
        struct visit visit;
        uint64_t used_us;

        ck_assert_int_eq(enter(&visit, library, "ping", "flood", ways[i]), RH_OK);
        ck_assert_int_eq(call(&visit, "ping", 20000), RH_OK);
        used_us = cpu_used_us();
        for (int seconds = 0; seconds < 3; seconds++)
            poll(NULL, 0, 1000);
        used_us = cpu_used_us() - used_us;
        ck_assert_msg(used_us < 200000, "%s: %u ms", ways[i], (unsigned)(used_us / 1000));
        leave(&visit);
    }
    rh_library_free(library);
}
END_TEST

/* ---- Cancelling ------------------------------------------------------------------------------ */

struct canceller {
    struct visit *visit;
    int fd; /* -1: by the connector's cancel */
    atomic_bool done;
};

/* Again and again, since nobody knows when the call has begun. */
static void *cancel(void *context)
{
    struct canceller *canceller = context;
    const uint64_t one = 1;

    while (!atomic_load(&canceller->done)) {
        if (canceller->fd < 0)
            canceller->visit->connector->cancel(canceller->visit->conn);
        else
            ck_assert_int_eq(write(canceller->fd, &one, sizeof(one)), sizeof(one));
        poll(NULL, 0, 5);
    }
    return NULL;
}

/* A bundled connector runs in this process, unless it asks for one of its own. */
START_TEST(isolates_what_asks_for_it)
{
    const struct rh_registry_options options = {.folder = getenv("ISOLATION_CONNECTORS")};
    static const char *const ids[] = {"apart", "vandal"};
    const struct rh_library *library = NULL;
    struct rh_registry *registry = NULL;
    struct rh_error error = RH_ERROR_INIT;

    ck_assert_int_eq(rh_registry_new(&options, &registry, &error), RH_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(rh_registry_get(registry, rh_text_of(ids[i]), &library, &error) == RH_OK,
                      "%s", error.message);
        ck_assert_int_eq(library->isolated != NULL, i == 0);
    }
    rh_registry_free(registry);
}
END_TEST

/* … with the variables of this one, but for its secrets and its locale. */
START_TEST(gives_an_environment)
{
    static const struct {
        const char *name, *value, *seen;
    } variables[] = {{"ODBCSYSINI", "/etc", "/etc"},
                     {"ROWHOUSE_MASTER_KEY", "secret", "not set"},
                     {"LANG", "de_DE.UTF-8", "not set"},
                     {"LC_ALL", "de_DE.UTF-8", "C.UTF-8"}};
    static const struct rh_sandbox sandbox = {.environment = true};
    struct rh_library *library = loaded(&sandbox);
    struct visit visit;

    for (size_t i = 0; i < COUNT(variables); i++)
        setenv(variables[i].name, variables[i].value, 1);
    for (size_t i = 0; i < COUNT(variables); i++) {
        ck_assert_int_eq(enter(&visit, library, "ping", "environment", variables[i].name), RH_OK);
        ck_assert_int_eq(call(&visit, "ping", 20000), RH_INVALID);
        ck_assert_str_eq(visit.error.message, variables[i].seen);
        leave(&visit);
    }
    rh_library_free(library);
    library = loaded(NULL);
    ck_assert_int_eq(enter(&visit, library, "ping", "environment", "ODBCSYSINI"), RH_OK);
    ck_assert_int_eq(call(&visit, "ping", 20000), RH_INVALID);
    ck_assert_str_eq(visit.error.message, "not set");
    leave(&visit);
    rh_library_free(library);
}
END_TEST

static void ping_cancelled(struct visit *visit, int fd)
{
    struct canceller canceller = {visit, fd, false};
    pthread_t thread;

    visit->op.abi.cancel_fd = fd;
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel, &canceller), 0);
    ck_assert_int_eq(call(visit, "ping", 20000), RH_CANCELLED);
    atomic_store(&canceller.done, true);
    pthread_join(thread, NULL);
    visit->op.abi.cancel_fd = -1;
}

static void cancel_by(const struct rh_library *library, int fd)
{
    struct visit visit;

    ck_assert_int_eq(enter(&visit, library, "ping", "wait", ""), RH_OK);
    ping_cancelled(&visit, fd);
    /* What was cancelled too late does not hit the next call. */
    ck_assert_int_eq(read_all(&visit, 10, &(int64_t){0}), RH_END);
    leave(&visit);
}

START_TEST(cancels)
{
    struct rh_library *library = loaded(NULL);
    int fd = eventfd(0, EFD_CLOEXEC);

    cancel_by(library, -1);
    cancel_by(library, fd);
    cancel_by(library, fd); /* readable before the call */
    close(fd);
    rh_library_free(library);
}
END_TEST

START_TEST(kills_what_cannot_be_cancelled)
{
    struct rh_library *library = loaded(NULL);
    int fd = eventfd(0, EFD_CLOEXEC);
    struct visit visit;

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(enter(&visit, library, "ping", "loop", i ? "once more" : ""), RH_OK);
        ping_cancelled(&visit, i ? fd : -1);
        ck_assert_msg(strstr(visit.error.message, "within 3 s of being cancelled"), "%s",
                      visit.error.message);
        leave(&visit);
    }
    close(fd);
    rh_library_free(library);
}
END_TEST

/* A connection whose reset fails is replaced, whether the reset goes at once or with the next
 * call. */
START_TEST(replaces_what_cannot_be_reset)
{
    struct rh_library *library = loaded(NULL);
    struct visit visit;
    int64_t sum;

    ck_assert_int_eq(enter(&visit, library, "reset", "open", "/nonexistent"), RH_OK);
    for (int i = 0; i < 4; i++) {
        if (i % 2)
            ck_assert_int_eq(call(&visit, "begin", 20000), RH_OK);
        ck_assert_int_eq(visit.connector->reset(visit.conn, op_of(&visit, 20000), &visit.error),
                         RH_OK);
        ck_assert_int_eq(read_all(&visit, 10, &sum), RH_END);
        ck_assert_int_eq(sum, 50 * 51 / 2);
    }
    leave(&visit);
    rh_library_free(library);
}
END_TEST

/* ---- Loading --------------------------------------------------------------------------------- */

static void refused(const char *name, int error_class, const char *how)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library = NULL;

    ck_assert_int_eq(try_load(name, NULL, &library, &error), error_class);
    ck_assert_ptr_null(library);
    ck_assert_msg(strstr(error.message, how), "%s", error.message);
}

START_TEST(tells_why_it_cannot_be_loaded)
{
    refused("crashes_at_load", RH_CONTRACT, "was killed by SIGSEGV");
    refused("exits_at_load", RH_CONTRACT, "exited with status 0");
    refused("not_there", RH_NOT_FOUND, "not_there");
    refused("prose", RH_CONTRACT, "not an ELF");
    setenv("ROWHOUSE_CONNECTOR_HOST", "/nonexistent", 1);
    refused("vandal", RH_NOT_FOUND, "rowhouse-connector-host");
}
END_TEST

START_TEST(names_the_file_once)
{
    const char *folder = getenv("ISOLATION_CONNECTORS");
    struct rh_registry_options options = {.folder = folder ? folder : "tests/isolation/plugins",
                                          .isolated_ids = "*"};
    const struct rh_library *library = NULL;
    struct rh_registry *registry = NULL;
    struct rh_error error = RH_ERROR_INIT;
    const char *first;

    ck_assert_int_eq(rh_registry_new(&options, &registry, &error), RH_OK);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("crashes_at_load"), &library, &error),
                     RH_CONTRACT);
    first = strstr(error.message, "/crashes_at_load.so");
    ck_assert_msg(first && !strstr(first + 1, "/crashes_at_load.so"), "%s", error.message);
    rh_registry_free(registry);
}
END_TEST

START_TEST(gives_up_on_what_loads_for_ever)
{
    refused("hangs_at_load", RH_CONTRACT, "within 10 s");
}
END_TEST

/* ---- Under load ------------------------------------------------------------------------------ */

struct load {
    const struct rh_library *library;
    atomic_bool done;
    atomic_uint n_good, n_lost, n_wrong;
};

/* Somebody else's datasource: whatever happens, every request has to succeed. */
static void *read_calmly(void *context)
{
    struct load *load = context;
    struct visit visit;
    int64_t sum;

    if (enter(&visit, load->library, "", "", "calm") != RH_OK)
        atomic_fetch_add(&load->n_wrong, 1);
    while (!atomic_load(&load->done) && visit.conn) {
        if (read_all(&visit, 20, &sum) != RH_END || sum != 50 * 51 / 2)
            atomic_fetch_add(&load->n_wrong, 1);
        atomic_fetch_add(&load->n_good, 1);
    }
    leave(&visit);
    return NULL;
}

/* The one that is killed: a request succeeds or is UNAVAILABLE, and nothing else. */
static void *read_hotly(void *context)
{
    struct load *load = context;
    struct visit visit;
    int64_t sum;

    while (!atomic_load(&load->done)) {
        int rc = enter(&visit, load->library, "", "", "hot");

        while (rc == RH_OK && !atomic_load(&load->done)) {
            rc = read_all(&visit, 20, &sum);
            if (rc == RH_END && sum == 50 * 51 / 2)
                rc = RH_OK;
            atomic_fetch_add(&load->n_good, rc == RH_OK);
        }
        atomic_fetch_add(&load->n_lost, rc == RH_UNAVAILABLE);
        if (rc != RH_OK && rc != RH_UNAVAILABLE)
            atomic_fetch_add(&load->n_wrong, 1);
        leave(&visit);
        poll(NULL, 0, 10);
    }
    return NULL;
}

START_TEST(survives_being_killed_under_load)
{
    struct rh_library *library = loaded(NULL);
    struct load calm = {.library = library}, hot = {.library = library};
    pthread_t threads[4];
    struct visit keeper;
    pid_t calm_pid, pids[8];

    ck_assert_int_eq(enter(&keeper, library, "", "", "calm"), RH_OK);
    while (children(pids, 8) != 1) /* the one that described it is about to end */
        poll(NULL, 0, 1);
    calm_pid = pids[0];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i ? read_hotly : read_calmly, i ? &hot : &calm);
    for (int kills = 0; kills < 5;) {
        uint32_t n = children(pids, 8);
        unsigned before = atomic_load(&hot.n_good);

        for (uint32_t i = 0; i < n; i++) {
            if (pids[i] != calm_pid && kill(pids[i], SIGKILL) == 0)
                kills++;
        }
        while (n > 1 && atomic_load(&hot.n_good) < before + 5)
            poll(NULL, 0, 1);
    }
    atomic_store(&calm.done, true);
    atomic_store(&hot.done, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(calm.n_wrong, 0);
    ck_assert_uint_eq(hot.n_wrong, 0);
    ck_assert_uint_gt(calm.n_good, 0);
    ck_assert_uint_gt(hot.n_lost, 0);
    leave(&keeper);
    rh_library_free(library);
    ck_assert_uint_eq(children(pids, 8), 0);
}
END_TEST

/* Until nobody is on the way out: beside the threads that there were, the calm reader and its
 * watcher are left. */
static uint32_t descriptors_at_rest(uint32_t threads)
{
    pid_t pids[8];

    while (children(pids, 8) > 1 || count_entries("/proc/self/task") > threads + 2)
        poll(NULL, 0, 1);
    return count_entries("/proc/self/fd");
}

static void *do_nothing(void *context)
{
    return context;
}

/* A thread is listed until a moment after it was joined, or has said that it ends. One that stays is
 * waited for until the test's time is up. */
static void await_threads(uint32_t n)
{
    while (count_entries("/proc/self/task") > n)
        poll(NULL, 0, 1);
}

/* How many there are; a sanitizer's own thread comes with the first one of ours. */
static uint32_t threads_at_first(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, do_nothing, NULL);
    pthread_join(thread, NULL);
    return count_entries("/proc/self/task");
}

#define CRASHES (SANITIZED ? 100 : 1000)

START_TEST(leaves_nothing_behind_after_a_thousand_crashes)
{
    uint32_t threads = threads_at_first(), descriptors = 0;
    struct rh_library *library = loaded(NULL);
    struct load calm = {.library = library};
    struct rh_isolation_stats stats;
    struct visit visit;
    pthread_t thread;
    char arg[16];
    pid_t pids[8];

    pthread_create(&thread, NULL, read_calmly, &calm);
    for (int i = 0; i < CRASHES; i++) {
        snprintf(arg, sizeof(arg), "%d", i);
        ck_assert_msg(enter(&visit, library, "ping", "crash", arg) == RH_OK, "%s",
                      visit.error.message);
        ck_assert_int_eq(call(&visit, "ping", 20000), RH_UNAVAILABLE);
        leave(&visit);
        if (i == 10)
            descriptors = descriptors_at_rest(threads);
    }
    ck_assert_uint_eq(descriptors_at_rest(threads), descriptors);
    atomic_store(&calm.done, true);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(calm.n_wrong, 0);
    ck_assert_uint_gt(calm.n_good, 0);
    rh_isolation_stats(&stats);
    ck_assert_uint_eq(stats.n_crashed, CRASHES);
    rh_library_free(library);
    ck_assert_uint_eq(children(pids, 8), 0);
    await_threads(threads);
}
END_TEST

START_TEST(starts_again_after_a_while)
{
    struct rh_library *library = loaded(NULL);
    struct visit visit;
    int rc;

    ck_assert_int_eq(enter(&visit, library, "ping", "crash", ""), RH_OK);
    ck_assert_int_eq(call(&visit, "ping", 20000), RH_UNAVAILABLE);
    leave(&visit);
    while ((rc = enter(&visit, library, "ping", "crash", "")) == RH_UNAVAILABLE) {
        poll(NULL, 0, (int)visit.error.retry_after_ms);
        leave(&visit);
    }
    ck_assert_int_eq(rc, RH_OK);
    leave(&visit);
    rh_library_free(library);
}
END_TEST

/* ---- The end of the host --------------------------------------------------------------------- */

/* A host that is killed with a connector busy. Tells the connector's process id. */
static void live_and_wait(int fd)
{
    struct rh_library *library = loaded(NULL);
    struct visit visit;
    pid_t pids[8];

    ck_assert_int_eq(enter(&visit, library, "ping", "loop", ""), RH_OK);
    while (children(pids, 8) != 1)
        poll(NULL, 0, 1);
    ck_assert_int_eq(write(fd, pids, sizeof(pids[0])), sizeof(pids[0]));
    call(&visit, "ping", 60000);
}

START_TEST(ends_with_the_host)
{
    int ends[2], pidfd;
    struct pollfd wait = {.events = POLLIN};
    pid_t host, pid = 0;

    ck_assert_int_eq(pipe(ends), 0);
    host = fork();
    if (host == 0) {
        live_and_wait(ends[1]);
        _exit(0);
    }
    ck_assert_int_eq(read(ends[0], &pid, sizeof(pid)), sizeof(pid));
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    ck_assert_int_ge(pidfd, 0);
    kill(host, SIGKILL);
    ck_assert_int_eq(waitpid(host, NULL, 0), host);
    wait.fd = pidfd;
    ck_assert_int_eq(poll(&wait, 1, 30000), 1);
    close(pidfd);
}
END_TEST

TESTS_MAIN("isolation", describes_the_connector, hands_out_rows_in_any_measure,
           keeps_rows_while_other_calls_run, brings_statuses_and_texts, reads_a_feed,
           crashes_in_every_function, tells_how_it_died, kills_what_does_not_end,
           holds_memory_and_threads_to_their_limits, bears_a_flood_of_lines,
           is_not_kept_busy_by_a_flood, cancels, isolates_what_asks_for_it, gives_an_environment,
           kills_what_cannot_be_cancelled, replaces_what_cannot_be_reset,
           tells_why_it_cannot_be_loaded, names_the_file_once, gives_up_on_what_loads_for_ever,
           survives_being_killed_under_load, leaves_nothing_behind_after_a_thousand_crashes,
           starts_again_after_a_while, ends_with_the_host, spares_what_comes_behind_its_deadline)
