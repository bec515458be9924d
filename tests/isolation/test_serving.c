/* core/host/isolation: what a connector in a process of its own does for its callers, as one in this
 * process does, and how one comes to be loaded there. */
#include "host/registry.h"
#include "isolation/vandal.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

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

TESTS_MAIN("serving", describes_the_connector, hands_out_rows_in_any_measure,
           keeps_rows_while_other_calls_run, brings_statuses_and_texts, reads_a_feed, cancels,
           kills_what_cannot_be_cancelled, replaces_what_cannot_be_reset,
           tells_why_it_cannot_be_loaded, names_the_file_once, gives_up_on_what_loads_for_ever,
           isolates_what_asks_for_it, gives_an_environment)
