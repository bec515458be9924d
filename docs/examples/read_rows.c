/* Reads rows through the row SDK, without the server: read_rows URL TABLE 'QUERY' */
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "rows/encode.h"
#include "rows/read.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_arena *arena = rh_arena_new((size_t)64 << 20);
    struct rh_registry *registry = NULL;
    struct rh_datasource *source = NULL;
    struct rh_spec *spec = NULL;
    struct rh_session session;
    struct rh_operation op;
    struct rh_read *read = NULL;
    int rc = argc == 4 ? RH_OK : rh_fail(&error, RH_INVALID, "usage: read_rows URL TABLE QUERY");

    rh_operation_init(&op, arena, NULL, rh_clock_us() + 10 * 1000000);
    if (rc != RH_OK || (rc = rh_registry_new(NULL, &registry, &error)) != RH_OK ||
        (rc = rh_datasource_from_url(registry, rh_text_of(argv[1]), &source, &error)) != RH_OK ||
        (rc = rh_spec_parse_url(arena, rh_text_of(argv[3]), "", &spec, &error)) != RH_OK ||
        (rc = rh_session_open(source, &op, &session, &error)) != RH_OK)
        goto out;
    rc = rh_read_open(&session, rh_text_of(argv[2]), spec, NULL, &read, &error);
    if (rc == RH_OK) {
        struct rh_batch batch = {.struct_size = sizeof(batch)};
        struct rh_buf out;
        uint32_t n = 0;
        const struct rh_column *columns = rh_read_columns(read, &n);
        struct rh_encoder *encoder = rh_encoder_new(arena, RH_FORMAT_NDJSON, columns, n, false);
        rh_buf_init(&out, (size_t)64 << 20);
        while ((rc = rh_read_next(read, &batch, &error)) == RH_OK)
            rh_encoder_rows(encoder, &out, &batch);
        printf("%.*s", RH_TEXT_ARG(rh_buf_text(&out)));
        rh_buf_free(&out);
        rh_read_close(read);
    }
    rh_session_close(&session);
out:
    if (rc < 0)
        fprintf(stderr, "%s\n", error.message);
    if (source)
        rh_datasource_unref(source);
    rh_registry_free(registry);
    rh_arena_free(arena);
    return rc < 0;
}
