/*
 * bench_scan URL TABLE [CONNECTOR]: reads every row of a table through the row SDK and touches every
 * cell. Prints rows and a checksum; the caller measures the process. CONNECTOR: a connector's file, to
 * run in this process also when it asks for one of its own.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "rows/read.h"

#include <stdio.h>

static uint64_t touch(const struct rh_batch *batch)
{
    uint64_t sum = 0;
    const struct rh_value *end = batch->cells + batch->n_rows * batch->n_cols;
    for (const struct rh_value *cell = batch->cells; cell < end; cell++)
        sum += cell->type == RH_TYPE_INT ? (uint64_t)cell->as.i : cell->len;
    return sum;
}

/* The bundled connectors, or one alone, in this process. */
static int open_registry(const char *connector, struct rh_registry **ret_registry,
                         struct rh_error *error)
{
    const struct rh_registry_options alone = {.folder = "/nonexistent"};
    struct rh_library *library = NULL;
    int rc = rh_registry_new(connector ? &alone : NULL, ret_registry, error);

    if (rc == RH_OK && connector)
        rc = rh_library_load(connector, &library, error);
    if (rc == RH_OK && connector)
        rc = rh_registry_add(*ret_registry, library, error);
    return rc;
}

int main(int argc, char **argv)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_registry *registry = NULL;
    struct rh_datasource *datasource = NULL;
    struct rh_read *read = NULL;
    struct rh_session session;
    struct rh_operation op;
    struct rh_spec spec = {.limit = RH_NO_LIMIT};
    struct rh_read_options options = {.stream = true};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_arena *arena = rh_arena_new((size_t)64 << 20);
    uint64_t rows = 0, sum = 0;
    int rc;
    if (argc < 3 || argc > 4)
        return 2;
    rh_operation_init(&op, arena, NULL, rh_clock_us() + 600u * 1000000u);
    if ((rc = open_registry(argv[3], &registry, &error)) != RH_OK ||
        (rc = rh_datasource_from_url(registry, rh_text_of(argv[1]), &datasource, &error)) !=
            RH_OK ||
        (rc = rh_session_open(datasource, &op, &session, &error)) != RH_OK ||
        (rc = rh_read_open(&session, rh_text_of(argv[2]), &spec, &options, &read, &error)) !=
            RH_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    while ((rc = rh_read_next(read, &batch, &error)) == RH_OK) {
        rows += batch.n_rows;
        sum += touch(&batch);
    }
    rh_read_close(read);
    rh_session_close(&session);
    rh_datasource_unref(datasource);
    rh_registry_free(registry);
    rh_arena_free(arena);
    printf("%llu rows %llu\n", (unsigned long long)rows, (unsigned long long)sum);
    if (rc != RH_END)
        fprintf(stderr, "%s\n", error.message);
    return rc == RH_END ? 0 : 1;
}
