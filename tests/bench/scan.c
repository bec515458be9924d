/*
 * bench_scan URL TABLE, or bench_scan CONNECTOR SETTINGS TABLE (a JSON object): reads every row of a
 * table through the row SDK and touches every cell. Prints rows, a checksum, and the most memory that it
 * has held; the caller measures the rest. With --in-process FILE in front, the connector in that file runs
 * in this process also when it asks for one of its own.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "rows/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t touch(const struct rh_batch *batch)
{
    uint64_t sum = 0;
    const struct rh_value *end = batch->cells + batch->n_rows * batch->n_cols;
    for (const struct rh_value *cell = batch->cells; cell < end; cell++)
        sum += cell->type == RH_TYPE_INT ? (uint64_t)cell->as.i : cell->len;
    return sum;
}

/* Not of getrusage, which counts what this process was before exec. */
static unsigned long long peak_kib(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    unsigned long long kib = 0;
    char line[256];
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoull(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return kib;
}

static int make(struct rh_registry *registry, int argc, char **argv,
                struct rh_datasource **ret_datasource, struct rh_error *error)
{
    json_t *settings;
    int rc;
    if (argc == 3)
        return rh_datasource_from_url(registry, rh_text_of(argv[1]), ret_datasource, error);
    settings = json_loads(argv[2], 0, NULL);
    if (!settings)
        return rh_fail(error, RH_INVALID, "the settings are not JSON");
    rc = rh_datasource_new(registry, "bench", rh_text_of(argv[1]), settings, NULL, NULL,
                           ret_datasource, error);
    json_decref(settings);
    return rc;
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
    const char *connector = NULL;
    uint64_t rows = 0, sum = 0;
    int rc;
    if (argc > 2 && strcmp(argv[1], "--in-process") == 0) {
        connector = argv[2];
        argv += 2;
        argc -= 2;
    }
    if (argc != 3 && argc != 4)
        return 2;
    rh_operation_init(&op, arena, NULL, rh_clock_us() + 600u * 1000000u);
    if ((rc = open_registry(connector, &registry, &error)) != RH_OK ||
        (rc = make(registry, argc, argv, &datasource, &error)) != RH_OK ||
        (rc = rh_session_open(datasource, &op, &session, &error)) != RH_OK ||
        (rc = rh_read_open(&session, rh_text_of(argv[argc - 1]), &spec, &options, &read, &error)) !=
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
    printf("%llu rows %llu, %llu KiB\n", (unsigned long long)rows, (unsigned long long)sum,
           peak_kib());
    if (rc != RH_END)
        fprintf(stderr, "%s\n", error.message);
    return rc == RH_END ? 0 : 1;
}
