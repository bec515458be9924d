/*
 * Writing: objects are replaced as a whole, so the rows of a call are written all or none.
 *
 *   table of one object   it is read, changed in memory and put again, on the condition that its ETag
 *                         is still the one that was read (If-Match; If-None-Match: * for a new one)
 *   prefix                insert puts a new object below it; rows in others are never changed
 *
 * With a declared key, no row of one object gets a key that another one has. Below a prefix nobody
 * keeps keys apart, so nothing is inserted there while a key is promised.
 */
#include "write.h"

#include "base/rand.h"

#include <string.h>
#include <time.h>

#define ARENA_BYTES ((size_t)1 << 30)

/* ---- Preparing ------------------------------------------------------------------------------- */

/* A table whose columns are inferred may get others. */
static bool is_known(const struct rh_s3_table *table, struct rh_text name)
{
    for (uint32_t i = 0; i < table->n_columns; i++)
        if (rh_text_equal(table->columns[i].name, name))
            return true;
    return !table->columns;
}

static int check_columns(struct rh_s3_call *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    for (uint32_t i = 0; i < spec->n_columns; i++) {
        const struct rh_column *column = rh_s3_call_column(w, i);

        if (column->native_id != RH_S3_FIELD || !is_known(w->table, column->name))
            return rh_fail(error, column->native_id > RH_S3_FIELD ? RH_INVALID : RH_NOT_FOUND,
                           "the column \"%.*s\" cannot be written", RH_TEXT_ARG(column->name));
    }
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] >= spec->n_columns)
            return rh_fail(error, RH_INVALID, "the write's key makes no sense");
        w->is_key[spec->key[i]] = true;
    }
    for (uint32_t k = 0; k < w->table->n_key && w->verb == RH_S3_INSERT; k++)
        for (uint32_t i = 0; i < spec->n_columns; i++)
            w->is_key[i] =
                w->is_key[i] || rh_text_equal(rh_s3_call_column(w, i)->name, w->table->key[k]);
    w->guards_key = rh_s3_sets_key(w);
    return RH_OK;
}

static int prepare(struct rh_s3_call *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;
    int rc;

    if (spec->where)
        return rh_fail(error, RH_UNSUPPORTED, "S3 writes by key only, not by a condition");
    if (w->op->flags & RH_OP_READ_ONLY)
        return rh_fail(error, RH_PERMISSION, "nothing may be written in a read-only operation");
    rc = rh_s3_table_find(&w->conn->config, spec->table, &w->table, error);
    if (rc)
        return rc;
    if (!w->table->format)
        return rh_fail(error, RH_UNSUPPORTED, "the list of objects cannot be written");
    if (w->table->prefix.data && (w->verb != RH_S3_INSERT || w->table->n_key)) {
        rh_fail(error, RH_UNSUPPORTED, "rows of several objects can only be added, without a key");
        return rh_error_hint(error, "declare a table of one object");
    }
    w->arena = rh_arena_new(ARENA_BYTES);
    if (!w->arena)
        return rh_fail_nomem(error);
    w->is_key = rh_arena_array(w->arena, spec->n_columns, sizeof(*w->is_key));
    w->fields = rh_arena_array(w->arena, spec->n_columns, sizeof(*w->fields));
    w->inputs = rh_arena_array(w->arena, spec->n_rows, sizeof(*w->inputs));
    if (!w->is_key || !w->fields || !w->inputs)
        return rh_fail_nomem(error);
    rc = check_columns(w, error);
    return rc ? rc : rh_s3_check_returning(w, error);
}

/* ---- Input ----------------------------------------------------------------------------------- */

static bool has_key(const struct rh_s3_call *w)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (w->is_key[i])
            return true;
    return false;
}

static int index_rows(struct rh_s3_call *w, struct rh_error *error)
{
    if (!has_key(w))
        return RH_OK;
    for (uint64_t i = 0; i < w->spec->n_rows; i++) {
        struct rh_text key;
        void *old = NULL;
        int rc = rh_s3_key_of(w, rh_s3_call_cells(w, i), &key, error);

        if (rc)
            return rc;
        if (!rh_map_put(&w->by_key, key, (void *)(uintptr_t)(i + 1), &old))
            return rh_fail_nomem(error);
        if (old && w->verb != RH_S3_REMOVE)
            return rh_s3_refuse(error, i, RH_CONSTRAINT_UNIQUE,
                                "two rows of the call have the same key");
    }
    return RH_OK;
}

/* ---- The old object -------------------------------------------------------------------------- */

/* The input row that means this row of the object; RH_S3_NO_INPUT: none. */
static int find_input(struct rh_s3_call *w, const struct rh_s3_row *row, struct rh_rowset *rows,
                      uint64_t *ret_input, struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_value *cells;
    struct rh_text key;
    uintptr_t found;
    int rc;

    *ret_input = RH_S3_NO_INPUT;
    if (!w->by_key.n)
        return RH_OK;
    rh_rowset_clear(rows, 1);
    cells = rh_rowset_row(rows);
    for (uint32_t i = 0; cells && i < w->spec->n_columns; i++)
        if (w->is_key[i])
            rh_s3_cell(rows, &cells[i], rh_s3_call_column(w, i), row, w->fields[i]);
    rc = rh_rowset_batch(rows, &batch, error);
    if (rc == RH_OK)
        rc = rh_s3_key_of(w, batch.cells, &key, error);
    if (rc)
        return rc;
    found = (uintptr_t)rh_map_get(&w->by_key, key);
    if (found)
        *ret_input = found - 1;
    return RH_OK;
}

/* A row of the new object; input: the input row that it is written for, or RH_S3_NO_INPUT. */
static int add_row(struct rh_s3_call *w, const struct rh_s3_object *object,
                   const struct rh_s3_row *old, uint64_t input, struct rh_error *error)
{
    const struct rh_value *cells = input == RH_S3_NO_INPUT ? NULL : rh_s3_call_cells(w, input);
    size_t begin;
    int rc;

    if (w->guards_key) {
        rc = rh_s3_take_key(w, object, old, input, error);
        if (rc)
            return rc;
    }
    if (w->n_rows && w->table->format != RH_S3_CSV)
        rh_buf_add_str(&w->body, w->table->format == RH_S3_JSON ? ",\n" : "\n");
    begin = w->body.len;
    rc = rh_s3_add_row(w, object, old, cells, &w->body, error);
    if (rc == RH_OK && w->body.failed)
        rc = rh_fail(error, RH_RESOURCE, "the object would be larger than %zu MiB",
                     RH_S3_OBJECT_BYTES >> 20);
    if (input != RH_S3_NO_INPUT) {
        w->inputs[input].begin = begin;
        w->inputs[input].end = w->body.len;
        w->n_affected++;
    }
    w->n_rows++;
    return rc;
}

/* A row that is not in the new object. */
static int drop_row(struct rh_s3_call *w, const struct rh_s3_object *object,
                    const struct rh_s3_row *old, uint64_t input, struct rh_error *error)
{
    int rc;

    w->n_affected++;
    if (!w->spec->n_returning)
        return RH_OK;
    w->inputs[input].begin = w->removed.len;
    rc = rh_s3_add_row(w, object, old, NULL, &w->removed, error);
    w->inputs[input].end = w->removed.len;
    return rc == RH_OK && w->removed.failed ? rh_fail_nomem(error) : rc;
}

static int take_old(struct rh_s3_call *w, const struct rh_s3_object *object,
                    const struct rh_s3_row *row, struct rh_rowset *rows, struct rh_error *error)
{
    uint64_t input;
    int rc = find_input(w, row, rows, &input, error);

    if (rc || input == RH_S3_NO_INPUT)
        return rc ? rc : add_row(w, object, row, RH_S3_NO_INPUT, error);
    if (w->verb == RH_S3_INSERT)
        return rh_s3_refuse(error, input, RH_CONSTRAINT_UNIQUE,
                            "there is a row with this key already");
    if (w->inputs[input].done)
        return rh_s3_refuse(error, input, RH_CONSTRAINT_AMBIGUOUS_KEY,
                            "the key is that of several rows");
    w->inputs[input].done = true;
    if (w->verb == RH_S3_REMOVE)
        return drop_row(w, object, row, input, error);
    return add_row(w, object, row, w->verb == RH_S3_IGNORE ? RH_S3_NO_INPUT : input, error);
}

/* The header of an object that is not there yet: the table's columns, or those that are given. */
static int make_header(struct rh_s3_call *w, struct rh_s3_object *object, struct rh_error *error)
{
    const struct rh_s3_table *table = w->table;
    uint32_t n = table->columns ? table->n_columns : w->spec->n_columns;

    if (table->format != RH_S3_CSV || object->header)
        return RH_OK;
    object->header = rh_arena_array(w->arena, n, sizeof(*object->header));
    if (!object->header)
        return rh_fail_nomem(error);
    object->n_header = n;
    for (uint32_t i = 0; i < n; i++)
        object->header[i] = table->columns ? table->columns[i].name : rh_s3_call_column(w, i)->name;
    return RH_OK;
}

static int begin_body(struct rh_s3_call *w, struct rh_s3_object *object, struct rh_error *error)
{
    int rc = make_header(w, object, error);

    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        w->fields[i] = rh_s3_field(object, rh_s3_call_column(w, i)->name);
        if (w->table->format == RH_S3_CSV && w->fields[i] == RH_NO_COLUMN)
            rc = rh_fail(error, RH_NOT_FOUND, "the object's header has no \"%.*s\"",
                         RH_TEXT_ARG(rh_s3_call_column(w, i)->name));
    }
    for (uint32_t f = 0; f < object->n_header && rc == RH_OK; f++) {
        if (f)
            rh_buf_add_char(&w->body, w->table->separator);
        rh_s3_add_field(&w->body, object->header[f], w->table->separator);
    }
    if (w->table->format == RH_S3_CSV)
        rh_buf_add_str(&w->body, "\r\n");
    else if (w->table->format == RH_S3_JSON)
        rh_buf_add_char(&w->body, '[');
    w->header_bytes = w->body.len;
    return rc;
}

/* Copies the old object with its changes. *ret_there: there is one. */
static int copy_old(struct rh_s3_call *w, struct rh_s3_object *object, bool *ret_there,
                    struct rh_error *error)
{
    struct rh_s3_row row;
    struct rh_rowset rows;
    int rc = rh_s3_object_open(object, w->conn, w->op, w->table, w->table->object, error);

    *ret_there = rc == RH_OK;
    if (rc == RH_NOT_FOUND) {
        rh_error_clear(error);
        return begin_body(w, object, error);
    }
    if (rc == RH_OK)
        rc = rh_s3_object_header(object, w->op, error);
    if (rc == RH_OK || rc == RH_END)
        rc = begin_body(w, object, error) ? RH_INVALID : rc;
    if (rc == RH_INVALID)
        return error ? error->error_class : rc;
    rh_rowset_init(&rows, w->spec->n_columns, SIZE_MAX);
    while (rc == RH_OK) {
        rc = rh_s3_object_next(object, w->op, &row, error);
        if (rc == RH_OK)
            rc = take_old(w, object, &row, &rows, error);
    }
    rh_rowset_fini(&rows);
    return rc == RH_END ? RH_OK : rc;
}

static int add_new(struct rh_s3_call *w, const struct rh_s3_object *object, struct rh_error *error)
{
    int rc = RH_OK;

    if (w->verb == RH_S3_UPDATE || w->verb == RH_S3_REMOVE)
        return RH_OK;
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        if (w->inputs[i].done)
            continue;
        for (uint32_t c = 0; c < w->spec->n_columns; c++)
            if (w->is_key[c] && rh_kit_is_null(&rh_s3_call_cells(w, i)[c]))
                return rh_s3_refuse(error, i, RH_CONSTRAINT_NOT_NULL,
                                    "a column of the key has no value");
        rc = add_row(w, object, NULL, i, error);
    }
    return rc;
}

/* ---- Putting --------------------------------------------------------------------------------- */

static int put(struct rh_s3_call *w, struct rh_text key, struct rh_text etag,
               struct rh_error *error)
{
    static const char *const types[] = {[RH_S3_CSV] = "text/csv; charset=utf-8",
                                        [RH_S3_NDJSON] = "application/x-ndjson",
                                        [RH_S3_JSON] = "application/json"};
    const struct rh_http_header headers[] = {
        {RH_TEXT("Content-Type"), rh_text_of(types[w->table->format])},
        {etag.len ? RH_TEXT("If-Match") : RH_TEXT("If-None-Match"), etag.len ? etag : RH_TEXT("*")},
    };
    struct rh_http_request request = {.struct_size = sizeof(request),
                                      .method = RH_TEXT("PUT"),
                                      .headers = headers,
                                      .n_headers = 2,
                                      .body = rh_buf_text(&w->body)};
    struct rh_buf url, answer;
    uint32_t status = 0;
    int rc;

    rh_buf_init(&url, 64 << 10);
    rh_buf_init(&answer, (size_t)1 << 20);
    rh_s3_add_key(&url, key);
    request.url = rh_buf_text(&url);
    rc = url.failed ? rh_fail_nomem(error)
                    : rh_http_fetch(w->conn->host->http, w->conn->client, w->op, &request, &answer,
                                    &status, error);
    if (rc == RH_OK && status != 200)
        rc = rh_s3_fail(error, status, rh_buf_text(&answer), "cannot write the object");
    rc = rh_http_as_unknown(rc, "the object was", error);
    rh_buf_free(&url);
    rh_buf_free(&answer);
    return rc;
}

/* Below the prefix, behind those that were made before. */
static int new_key(struct rh_s3_call *w, struct rh_text *ret_key, struct rh_error *error)
{
    static const char *const endings[] = {
        [RH_S3_CSV] = "csv", [RH_S3_NDJSON] = "ndjson", [RH_S3_JSON] = "json"};
    struct timespec now;
    char *key;

    clock_gettime(CLOCK_REALTIME, &now);
    key = rh_arena_printf(w->arena, "%.*s%013lld-%016llx.%s", RH_TEXT_ARG(w->table->prefix),
                          (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000,
                          (unsigned long long)rh_rand_u64(), endings[w->table->format]);
    *ret_key = rh_text_of(key);
    return key ? RH_OK : rh_fail_nomem(error);
}

static int rewrite(struct rh_s3_call *w, struct rh_batch *ret_returned, struct rh_error *error)
{
    struct rh_s3_object object = {.conn = NULL};
    struct rh_text key = w->table->object;
    bool there = false;
    int rc = index_rows(w, error);

    if (rc == RH_OK && !key.data) {
        rc = new_key(w, &key, error);
        rc = rc ? rc : begin_body(w, &object, error);
    } else if (rc == RH_OK) {
        rc = copy_old(w, &object, &there, error);
    }
    if (rc == RH_OK)
        rc = add_new(w, &object, error);
    if (rc == RH_OK && w->table->format != RH_S3_CSV)
        rh_buf_add_str(&w->body, w->table->format == RH_S3_JSON ? "]\n" : w->n_rows ? "\n" : "");
    if (rc == RH_OK && there && !object.etag.len)
        rc = rh_fail(error, RH_PROTOCOL, "the service tells no ETag of the object");
    if (rc == RH_OK && w->body.failed)
        rc = rh_fail(error, RH_RESOURCE, "the object would be larger than %zu MiB",
                     RH_S3_OBJECT_BYTES >> 20);
    if (rc == RH_OK && w->n_affected)
        rc = put(w, key, there ? object.etag : rh_text_make(NULL, 0), error);
    if (rc == RH_OK && w->spec->n_returning)
        rc = rh_s3_return_rows(w, &object, key, ret_returned, error);
    if (!object.conn)
        object.header = NULL;
    rh_s3_object_close(&object);
    return rc;
}

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum rh_s3_verb verb, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct rh_s3_call w = {.conn = conn, .op = op, .spec = spec, .verb = verb};
    int rc = prepare(&w, error);

    rh_map_init(&w.by_key);
    rh_map_init(&w.taken);
    rh_rowset_init(&w.key, w.table ? w.table->n_key : 0, SIZE_MAX);
    rh_buf_init(&w.body, RH_S3_OBJECT_BYTES);
    rh_buf_init(&w.removed, RH_S3_OBJECT_BYTES);
    ret_result->n_affected = 0;
    if (rc == RH_OK)
        rc = rewrite(&w, &ret_result->returned, error);
    if (rc == RH_OK)
        ret_result->n_affected = w.n_affected;
    rh_map_free(&w.by_key);
    rh_map_free(&w.taken);
    rh_rowset_fini(&w.key);
    rh_buf_free(&w.body);
    rh_buf_free(&w.removed);
    rh_arena_free(w.arena);
    return rc;
}

RH_KIT_DEFINE_WRITES(run, RH_S3_INSERT, RH_S3_UPDATE, RH_S3_REMOVE)
RH_KIT_DEFINE_UPSERT(run, RH_S3_MERGE, RH_S3_IGNORE)

const struct rh_write rh_s3_write = {
    .struct_size = sizeof(rh_s3_write),
    .atomicity = RH_ATOMIC_ALL,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
    .upsert = upsert,
};
