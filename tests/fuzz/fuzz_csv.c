/*
 * Rows from CSV (and, by the first byte, from JSON and NDJSON) into cells of a table with a column
 * of every type. What must hold: every record has the header's columns; a row that is refused
 * leaves the batch as it was; a cell that is taken has its column's type or is NULL.
 */
#include "query_check.h"

#include "rows/write.h"
#include "rows/write_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rows(const struct rh_rows *rows)
{
    for (uint64_t row = 0; row < rows->n_rows; row++)
        for (uint32_t i = 0; i < rows->n_columns; i++) {
            uint8_t type = rows->cells[row * rows->n_columns + i].type;
            require(type <= RH_TYPE_NULL || type == rows->columns[i].type);
        }
}

static void read_rows(struct rh_row_source *source, struct rh_rows *rows)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_json *object = NULL;
    uint32_t width = 0;
    int r = 0;
    for (uint64_t n = 0; n < 10000; n++) {
        struct rh_error refusal = RH_ERROR_INIT;
        r = source->next(source, rows->arena, &object, &error);
        if (r)
            break;
        if (source->bare) {
            require(object->n > 0 && (!width || object->n == width));
            width = object->n;
        }
        uint64_t before = rows->n_rows;
        r = rh_rows_add(rows, object, n, &refusal);
        require(rows->n_rows == before + (r == 0));
        require(r == refusal.error_class);
    }
    require(r >= 0 || r == error.error_class);
    check_rows(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_tableset *tables;
    if (!tables)
        tables = query_check_tables();
    struct rh_arena *arena = rh_arena_new(QUERY_CHECK_ARENA);
    struct rh_row_source *source = NULL;
    struct rh_rows rows = {0};
    struct rh_error error = RH_ERROR_INIT;
    require(arena != NULL);
    char format = size ? (char)data[0] : 0;
    char *text = malloc(size ? size : 1);
    require(text != NULL);
    if (size)
        memcpy(text, data, size);
    struct rh_text body = rh_text_make(text, size);
    int r = format == '['   ? rh_row_source_json(arena, body, &source, &error)
            : format == '{' ? rh_row_source_ndjson(arena, body, &source, &error)
                            : rh_row_source_csv(arena, body, &source, &error);
    require(r == error.error_class);
    if (r == 0 && rh_rows_init(&rows, arena, QUERY_CHECK_ARENA, tables, rh_tableset_at(tables, 0),
                               false, &error) == 0) {
        rows.bare = source->bare;
        read_rows(source, &rows);
    }
    rh_rows_fini(&rows);
    rh_arena_free(arena);
    free(text);
    return 0;
}
