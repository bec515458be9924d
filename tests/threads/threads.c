/*
 * threads memory|sqlite|postgres: many threads over one datasource with few connections, for
 * ROWHOUSE_THREADS_SECONDS (default 5).
 *
 * Writers insert batches, change and delete; readers must see whole batches in order; one thread
 * refreshes the tables; some have their operation cancelled, or too little time to get a
 * connection. In the end every row that was acknowledged is there and no other, and the pool has
 * all connections back. Exit status: 0, 1, 77 (no such source here).
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "rows/read.h"
#include "rows/write.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABLE "thread_rows"
#define BATCH 8                   /* rows of each insert */
#define CONNECTIONS 3             /* fewer than threads */
#define OP_US UINT64_C(300000000) /* a safety net */
#define MAX_THREADS 16

struct worker {
    pthread_t thread;
    void (*work)(struct worker *worker);
    int64_t owner;     /* its rows carry this */
    int64_t n_batches; /* written so far: rows get new keys */
    int64_t n_rows;    /* its rows that must be in the table; -1: whole batches, any number */
    uint32_t seed;
    uint64_t n_done;
};

static struct rh_datasource *datasource;
static atomic_bool stop, failed;

#define FAIL(...)                                                                                  \
    do {                                                                                           \
        fprintf(stderr, "threads: " __VA_ARGS__);                                                  \
        fputc('\n', stderr);                                                                       \
        failed = true;                                                                             \
        stop = true;                                                                               \
    } while (0)

static uint32_t some(struct worker *worker, uint32_t below)
{
    worker->seed = worker->seed * 1664525u + 1013904223u;
    return (worker->seed >> 8) % below;
}

/* ---- One operation ----------------------------------------------------------------------- */

struct work {
    struct rh_arena *arena;
    struct rh_operation op;
    struct rh_session session;
    const struct rh_table *table;
    struct rh_error error;
    bool open;
};

static int begin(struct work *work, struct rh_cancel *cancel, uint64_t within_us)
{
    memset(work, 0, sizeof(*work));
    work->error = (struct rh_error)RH_ERROR_INIT;
    work->arena = rh_arena_new((size_t)256 << 20);
    if (!work->arena)
        return rh_fail_nomem(&work->error);
    rh_operation_init(&work->op, work->arena, cancel, rh_clock_us() + within_us);
    int rc = rh_session_open(datasource, &work->op, &work->session, &work->error);
    work->open = rc == RH_OK;
    if (rc == RH_OK)
        rc = rh_tableset_find(work->session.tables, RH_TEXT(TABLE), &work->table, &work->error);
    return rc;
}

static void end(struct work *work)
{
    if (work->open)
        rh_session_close(&work->session);
    rh_arena_free(work->arena);
}

static int open_read(struct work *work, const char *query, struct rh_read **ret_read)
{
    struct rh_spec *spec = NULL;
    struct rh_read_options options = {.stream = true};
    int rc = rh_spec_parse_url(work->arena, rh_text_of(query), "", &spec, &work->error);
    return rc != RH_OK ? rc
                       : rh_read_open(&work->session, RH_TEXT(TABLE), spec, &options, ret_read,
                                      &work->error);
}

static int insert(struct work *work, int64_t owner, int64_t batch)
{
    struct rh_buf json;
    struct rh_row_source *rows = NULL;
    struct rh_write_counts counts = {0};
    rh_buf_init(&json, (size_t)1 << 20);
    for (int i = 0; i < BATCH; i++)
        rh_buf_addf(&json, "%c{\"id\": %" PRId64 ", \"owner\": %" PRId64 ", \"v\": \"new\"}",
                    i ? ',' : '[', owner * 100000000 + batch * BATCH + i, owner);
    rh_buf_add_char(&json, ']');
    int rc = rh_row_source_json(work->arena, rh_buf_text(&json), &rows, &work->error);
    if (rc == RH_OK)
        rc = rh_write_insert(&work->session, work->table, rows, NULL, NULL, &counts, &work->error);
    if (rc == RH_OK && counts.n_affected != BATCH)
        FAIL("an insert affected %" PRIu64 " rows", counts.n_affected);
    rh_buf_free(&json);
    return rc;
}

/* Changes or deletes the rows of one batch. Returns how many in *ret_affected. */
static int write_batch(struct work *work, int64_t owner, int64_t batch, bool remove,
                       uint64_t *ret_affected)
{
    struct rh_spec *spec = NULL;
    struct rh_json *set = NULL;
    struct rh_write_counts counts = {0};
    int64_t from = owner * 100000000 + batch * BATCH;
    char *query =
        rh_arena_printf(work->arena, "id=gte.%" PRId64 "&id=lt.%" PRId64, from, from + BATCH);
    if (!query)
        return rh_fail_nomem(&work->error);
    int rc = rh_spec_parse_url(work->arena, rh_text_of(query), "", &spec, &work->error);
    if (rc == RH_OK)
        rc = rh_json_parse(work->arena, RH_TEXT("{\"v\": \"changed\"}"), &set, &work->error);
    if (rc == RH_OK && remove)
        rc = rh_write_delete_where(&work->session, work->table, spec->where, false, NULL, NULL,
                                   &counts, &work->error);
    else if (rc == RH_OK)
        rc = rh_write_update_where(&work->session, work->table, spec->where, false, set, NULL, NULL,
                                   &counts, &work->error);
    *ret_affected = counts.n_affected;
    return rc;
}

/* All rows in the order of their keys: none twice, and whole batches only. */
static int check_rows(struct work *work)
{
    struct rh_read *read = NULL;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    int64_t last = -1;
    uint64_t n = 0;
    int rc = open_read(work, "select=id,owner,v&order=id", &read);
    while (rc == RH_OK && (rc = rh_read_next(read, &batch, &work->error)) == RH_OK) {
        for (uint64_t r = 0; r < batch.n_rows; r++, n++) {
            const struct rh_value *cells = batch.cells + r * batch.n_cols;
            int64_t id = cells[0].as.i;
            if (id <= last || cells[1].as.i != id / 100000000)
                FAIL("row %" PRId64 " of %" PRId64 " after %" PRId64, id, cells[1].as.i, last);
            if (n % BATCH ? id != last + 1 : id % BATCH != 0)
                FAIL("half a batch: row %" PRId64 " after %" PRId64, id, last);
            last = id;
        }
    }
    if (rc == RH_END && n % BATCH)
        FAIL("half a batch at the end: %" PRIu64 " rows", n);
    if (read)
        rh_read_close(read);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- Workers ----------------------------------------------------------------------------- */

/* Sources may be locked by another connection for a while; that is no fault of anybody's. */
static bool is_fault(const char *what, int rc, const struct rh_error *error)
{
    if (rc == RH_OK || rc == RH_BUSY || rc == RH_CONFLICT)
        return false;
    FAIL("%s: %s: %s", what, rh_error_class_name(rc), error->message);
    return true;
}

static void write_rows(struct worker *worker)
{
    struct work work;
    uint64_t affected = 0;
    uint32_t choice = some(worker, 4);
    bool again = choice < 2 && worker->n_batches > 0;
    /* an own batch that was written before; it may be deleted already */
    int64_t batch = again ? some(worker, (uint32_t)worker->n_batches) : worker->n_batches;
    int rc = begin(&work, NULL, OP_US);
    if (rc == RH_OK && again)
        rc = write_batch(&work, worker->owner, batch, choice == 0, &affected);
    else if (rc == RH_OK)
        rc = insert(&work, worker->owner, batch);
    if (!is_fault("writing", rc, &work.error) && rc == RH_OK) {
        if (again && affected != 0 && affected != BATCH)
            FAIL("a batch had %" PRIu64 " rows", affected);
        worker->n_rows += !again ? BATCH : choice == 0 ? -(int64_t)affected : 0;
        worker->n_batches += !again;
    }
    end(&work);
}

static void read_rows(struct worker *worker)
{
    struct work work;
    int rc = begin(&work, NULL, OP_US);
    if (rc == RH_OK)
        rc = check_rows(&work);
    is_fault("reading", rc, &work.error);
    end(&work);
}

static void refresh(struct worker *worker)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_arena *arena = rh_arena_new((size_t)64 << 20);
    struct rh_tableset *tables = NULL;
    const struct rh_table *table = NULL;
    struct rh_operation op;
    rh_operation_init(&op, arena, NULL, rh_clock_us() + OP_US);
    int rc = some(worker, 2) ? rh_datasource_refresh(datasource, &op, &error) : RH_OK;
    if (rc == RH_OK)
        rc = rh_datasource_tables(datasource, &op, &tables, &error);
    if (rc == RH_OK)
        rc = rh_tableset_find(tables, RH_TEXT(TABLE), &table, &error);
    if (!is_fault("refreshing", rc, &error) && rc == RH_OK && table->n_columns != 3)
        FAIL("the table has %u columns", table->n_columns);
    rh_tableset_unref(tables);
    rh_arena_free(arena);
}

struct shot {
    pthread_t thread;
    struct rh_cancel cancel;
    uint32_t after_us;
};

static void *fire(void *context)
{
    struct shot *shot = context;
    usleep(shot->after_us);
    rh_cancel_fire(&shot->cancel);
    return NULL;
}

/* Reads and writes under a token that is fired at any moment. */
static void be_cancelled(struct worker *worker)
{
    struct shot shot = {.after_us = some(worker, 10) ? some(worker, 20000) : 0};
    struct work work;
    struct rh_error error = RH_ERROR_INIT;
    bool writes = worker->n_rows < 0 && some(worker, 2) == 0;
    if (rh_cancel_init(&shot.cancel, &error) != RH_OK ||
        pthread_create(&shot.thread, NULL, fire, &shot) != 0) {
        FAIL("no token or thread: %s", error.message);
        return;
    }
    int rc = begin(&work, &shot.cancel, OP_US);
    if (rc == RH_OK)
        rc = writes ? insert(&work, worker->owner, worker->n_batches++) : check_rows(&work);
    if (rc != RH_CANCELLED && !(writes && rc == RH_UNKNOWN_OUTCOME))
        is_fault("work that is cancelled", rc, &work.error);
    end(&work);
    pthread_join(shot.thread, NULL);
    rh_cancel_fini(&shot.cancel);
}

/* Has less time than a connection may take to come. */
static void be_late(struct worker *worker)
{
    struct work work;
    int rc = begin(&work, NULL, some(worker, 3000));
    if (rc == RH_OK)
        rc = check_rows(&work);
    if (rc != RH_TIMEOUT)
        is_fault("work that is late", rc, &work.error);
    end(&work);
}

static void *run(void *context)
{
    struct worker *worker = context;
    while (!stop) {
        worker->work(worker);
        worker->n_done++;
    }
    return NULL;
}

/* ---- Around it --------------------------------------------------------------------------- */

static json_t *make_config(const char *kind, const char *file)
{
    const char *url = getenv("ROWHOUSE_TEST_POSTGRES");
    if (strcmp(kind, "memory") == 0)
        return json_pack("{s:s}", "name", "threads");
    if (strcmp(kind, "sqlite") == 0)
        return json_pack("{s:s}", "path", file);
    return strcmp(kind, "postgres") == 0 && url ? json_pack("{s:s}", "url", url) : NULL;
}

static int change_table(struct work *work, uint32_t kind)
{
    static const struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
        {.name = RH_TEXT_INIT("owner"), .type = RH_TYPE_INT},
        {.name = RH_TEXT_INIT("v"), .type = RH_TYPE_TEXT}};
    static const uint32_t key[] = {0};
    struct rh_table table = {.struct_size = sizeof(table),
                             .name = RH_TEXT_INIT(TABLE),
                             .columns = columns,
                             .n_columns = 3,
                             .column_stride = sizeof(columns[0]),
                             .key = key,
                             .n_key = 1,
                             .index_stride = sizeof(struct rh_index),
                             .foreign_key_stride = sizeof(struct rh_foreign_key),
                             .est_rows = -1};
    struct rh_ddl_change change = {.kind = kind, .table = &table};
    struct rh_text native = {NULL, 0};
    return work->session.connector->ddl->apply(work->session.lease.conn, &work->op.abi, &change, 1,
                                               sizeof(change), 0, &native, &work->error);
}

/* An empty table, or none. */
static bool reset_table(bool make)
{
    struct work work;
    int rc = begin(&work, NULL, OP_US);
    if (rc == RH_OK)
        rc = change_table(&work, RH_DDL_DROP_TABLE);
    rh_error_clear(&work.error);
    rc = work.open && make ? change_table(&work, RH_DDL_CREATE_TABLE) : rc;
    end(&work);
    if (rc != RH_OK) {
        FAIL("the table: %s", work.error.message);
        return false;
    }
    begin(&work, NULL, OP_US);
    rh_error_clear(&work.error);
    rc = rh_datasource_refresh(datasource, &work.op, &work.error);
    end(&work);
    return !is_fault("refreshing", rc, &work.error);
}

/* What each wrote is there, and nothing else; all connections are back. */
static void check_end(const struct worker *workers, uint32_t n_workers)
{
    int64_t counts[MAX_THREADS + 1] = {0};
    struct rh_read *read = NULL;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_pool_stats stats;
    struct work work;
    int rc = begin(&work, NULL, OP_US);
    if (rc == RH_OK)
        rc = check_rows(&work);
    if (rc == RH_OK)
        rc = open_read(&work, "group=owner&aggregate=n:count(*)", &read);
    while (rc == RH_OK && (rc = rh_read_next(read, &batch, &work.error)) == RH_OK)
        for (uint64_t r = 0; r < batch.n_rows; r++)
            counts[batch.cells[r * 2].as.i] = batch.cells[r * 2 + 1].as.i;
    if (rc != RH_END)
        FAIL("counting: %s", work.error.message);
    if (read)
        rh_read_close(read);
    end(&work);
    for (uint32_t i = 0; i < n_workers; i++)
        if (workers[i].n_rows >= 0 && counts[workers[i].owner] != workers[i].n_rows)
            FAIL("worker %u: %" PRId64 " rows instead of %" PRId64, i, counts[workers[i].owner],
                 workers[i].n_rows);
    rh_pool_stats(rh_datasource_pool(datasource), &stats);
    if (stats.n_borrowed || stats.n_waiting || stats.n_idle > CONNECTIONS)
        FAIL("the pool has %u borrowed, %u waiting, %u idle", stats.n_borrowed, stats.n_waiting,
             stats.n_idle);
}

static void run_all(unsigned seconds)
{
    static void (*const works[])(struct worker *) = {
        write_rows, write_rows, write_rows, read_rows,    read_rows,    read_rows,
        refresh,    be_late,    be_late,    be_cancelled, be_cancelled, be_cancelled};
    enum { N = sizeof(works) / sizeof(works[0]) };
    struct worker workers[N];
    for (uint32_t i = 0; i < N; i++) {
        workers[i] = (struct worker){.work = works[i], .owner = i + 1, .seed = i * 7919 + 1};
        if (works[i] == be_cancelled && i % 2)
            workers[i].n_rows = -1;
        if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0)
            abort();
    }
    for (unsigned ms = 0; ms < seconds * 1000 && !stop; ms += 50)
        usleep(50000);
    stop = true;
    for (uint32_t i = 0; i < N; i++)
        pthread_join(workers[i].thread, NULL);
    check_end(workers, N);
    for (uint32_t i = 0; i < N; i++) {
        printf("worker %2u: %" PRIu64 " operations, %" PRId64 " rows\n", i, workers[i].n_done,
               workers[i].n_rows);
        if (workers[i].n_done == 0)
            FAIL("worker %u did nothing", i);
    }
}

int main(int argc, char **argv)
{
    const char *kind = argc == 2 ? argv[1] : "";
    const char *seconds = getenv("ROWHOUSE_THREADS_SECONDS");
    char folder[] = "/tmp/rowhouse-threads-XXXXXX";
    char file[64];
    struct rh_registry *registry = NULL;
    struct rh_pool_limits limits;
    struct rh_error error = RH_ERROR_INIT;
    if (!mkdtemp(folder))
        return 1;
    snprintf(file, sizeof(file), "%s/db", folder);
    json_t *config = make_config(kind, file);
    if (!config) {
        rmdir(folder);
        fprintf(stderr, "threads: no source \"%s\" here\n", kind);
        return 77;
    }
    rh_pool_limits_default(&limits);
    limits.max_connections = CONNECTIONS;
    if (rh_registry_new(NULL, &registry, &error) != RH_OK ||
        rh_datasource_new(registry, "threads", rh_text_of(kind), config, &limits, NULL, &datasource,
                          &error) != RH_OK) {
        fprintf(stderr, "threads: %s\n", error.message);
        return 1;
    }
    json_decref(config);
    if (reset_table(true)) {
        run_all(seconds ? (unsigned)strtoul(seconds, NULL, 10) : 5);
        reset_table(false);
    }
    rh_datasource_unref(datasource);
    rh_registry_free(registry);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(file, sizeof(file), "%s/db%s", folder, ends[i]);
        unlink(file);
    }
    rmdir(folder);
    return failed;
}
