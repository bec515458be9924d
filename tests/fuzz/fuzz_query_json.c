/* Queries in JSON, from bytes to a bound query: see query_check.h for what must hold. */
#include "query_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_tableset *tables;
    if (!tables)
        tables = query_check_tables();
    struct rh_arena *arena = rh_arena_new(QUERY_CHECK_ARENA);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_json *body = NULL;
    struct rh_spec *spec = NULL;
    require(arena != NULL);
    if (rh_json_parse(arena, rh_text_make((const char *)data, size), &body, NULL) == 0) {
        int r = rh_spec_parse_json(arena, body, &spec, &error);
        require(r == error.error_class);
        if (r == 0)
            query_check_spec(arena, tables, spec);
        else
            require(r == RH_RESOURCE || error.code[0]);
    }
    rh_arena_free(arena);
    return 0;
}
