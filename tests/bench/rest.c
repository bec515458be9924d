/*
 * bench_rest PLUGIN BASE: reads the table "rows" of the API at BASE, as rest.py serves it, through the
 * connector, and touches every cell. Prints rows, a checksum, seconds and the process's peak of memory.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "connector/kit.h"
#include "host/library.h"
#include "host/op.h"

#include <stdio.h>
#include <sys/resource.h>

static const char description[] =
    "{\"resources\": {\"rows\": {\"path\": \"/rows\", \"rows\": \"items\", \"key\": [\"id\"],"
    " \"columns\": {\"id\": \"int\", \"name\": \"text\", \"price\": \"decimal\", \"ok\": \"bool\","
    " \"at\": \"timestamp\"},"
    " \"page\": {\"style\": \"next\", \"path\": \"next\"}}}}";

static const struct rh_column columns[] = {
    {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .native_id = 1},
    {.name = RH_TEXT_INIT("name"), .type = RH_TYPE_TEXT, .native_id = 1},
    {.name = RH_TEXT_INIT("price"), .type = RH_TYPE_DECIMAL, .native_id = 1},
    {.name = RH_TEXT_INIT("ok"), .type = RH_TYPE_BOOL, .native_id = 1},
    {.name = RH_TEXT_INIT("at"), .type = RH_TYPE_TIMESTAMP, .native_id = 1},
};
static const uint32_t all[] = {0, 1, 2, 3, 4};

static int scan(const struct rh_connector *connector, struct rh_conn *conn, const struct rh_op *op,
                uint64_t *ret_rows, uint64_t *ret_sum, struct rh_error *error)
{
    struct rh_query query = {.struct_size = sizeof(query),
                             .table = RH_TEXT("rows"),
                             .columns = columns,
                             .n_columns = 5,
                             .column_stride = sizeof(columns[0]),
                             .select = all,
                             .n_select = 5,
                             .limit = RH_NO_LIMIT};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_cursor *cursor;
    int rc = connector->open(conn, op, &query, &cursor, error);

    if (rc)
        return rc;
    while ((rc = connector->next(cursor, op, 1000, &batch, error)) == RH_OK) {
        *ret_rows += batch.n_rows;
        for (uint64_t i = 0; i < batch.n_rows * batch.n_cols; i++)
            *ret_sum += batch.cells[i].type == RH_TYPE_INT ? (uint64_t)batch.cells[i].as.i
                                                           : batch.cells[i].len;
    }
    connector->finish(cursor);
    return rc == RH_END ? RH_OK : rc;
}

int main(int argc, char **argv)
{
    struct rh_arena *arena = rh_arena_new((size_t)64 << 20);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library;
    struct rh_operation operation;
    struct rh_conn *conn = NULL;
    struct rusage usage;
    uint64_t rows = 0, sum = 0, begin;

    if (argc != 3)
        return 2;
    struct rh_setting items[] = {
        {RH_TEXT_INIT("description"), rh_kit_text(rh_text_of(description))},
        {RH_TEXT_INIT("url"), rh_kit_text(rh_text_of(argv[2]))},
    };
    struct rh_settings settings = {sizeof(settings), 2, items, sizeof(items[0]), 0};
    rh_operation_init(&operation, arena, NULL, rh_clock_us() + UINT64_C(600000000));
    if (rh_library_load(argv[1], &library, &error) != RH_OK ||
        library->connector.connect(rh_host_services(), &operation.abi, &settings, &conn, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    begin = rh_clock_us();
    int rc = scan(&library->connector, conn, &operation.abi, &rows, &sum, &error);
    uint64_t us = rh_clock_us() - begin;
    library->connector.close(conn);
    getrusage(RUSAGE_SELF, &usage);
    if (rc)
        fprintf(stderr, "%s\n", error.message);
    else
        printf("%llu %llu %.3f %ld\n", (unsigned long long)rows, (unsigned long long)sum,
               (double)us / 1e6, usage.ru_maxrss);
    rh_arena_free(arena);
    return rc ? 1 : 0;
}
