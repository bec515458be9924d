/*
 * Writing: objects are replaced as a whole, so the rows of a call are written all or none.
 *
 *   table of one object   it is read, changed in memory and put again, on the condition that its ETag
 *                         is still the one that was read (If-Match; If-None-Match: * for a new one)
 *   prefix                insert puts a new object below it; rows in others are never changed
 *
 * With a declared key, inserting into one object refuses a key that is there. Below a prefix nobody
 * keeps keys apart, so nothing is inserted there while a key is promised.
 */
#include "s3.h"

#include "base/map.h"
#include "base/rand.h"
#include "connector/json_cell.h"
#include "connector/text_cell.h"

#include <string.h>
#include <time.h>

#define ARENA_BYTES ((size_t)1 << 30)

enum verb { INSERT, UPDATE, REMOVE, MERGE, IGNORE };

struct write {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    const struct rh_s3_table *table;
    enum verb verb;
    struct rh_arena *arena;
    bool *is_key;         /* of each column */
    uint32_t *fields;     /* CSV: where each column is in the header */
    struct rh_map by_key; /* to input + 1, in the arena */
    bool *done;           /* of each input row: it has met its row, or is written */
    struct rh_buf body;   /* the new object */
    uint64_t n_rows, n_affected;
};

static const struct rh_column *column_of(const struct write *w, uint32_t i)
{
    return rh_kit_column(w->spec->columns, w->spec->column_stride, i);
}

static const struct rh_value *cells_of(const struct write *w, uint64_t row)
{
    return w->spec->cells + row * w->spec->n_columns;
}

/* ---- Preparing ------------------------------------------------------------------------------- */

static int check_columns(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    for (uint32_t i = 0; i < spec->n_columns; i++)
        if (column_of(w, i)->native_id != RH_S3_FIELD)
            return rh_fail(error, column_of(w, i)->native_id ? RH_INVALID : RH_NOT_FOUND,
                           "the column \"%.*s\" cannot be written",
                           RH_TEXT_ARG(column_of(w, i)->name));
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] >= spec->n_columns)
            return rh_fail(error, RH_INVALID, "the write's key makes no sense");
        w->is_key[spec->key[i]] = true;
    }
    for (uint32_t k = 0; k < w->table->n_key && w->verb == INSERT; k++)
        for (uint32_t i = 0; i < spec->n_columns; i++)
            w->is_key[i] = w->is_key[i] || rh_text_equal(column_of(w, i)->name, w->table->key[k]);
    return RH_OK;
}

static int prepare(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;
    int rc;

    if (spec->where)
        return rh_fail(error, RH_UNSUPPORTED, "S3 writes by key only, not by a condition");
    if (w->op->flags & RH_OP_READ_ONLY)
        return rh_fail(error, RH_PERMISSION, "nothing may be written in a read-only operation");
    if (spec->n_returning)
        return rh_fail(error, RH_UNSUPPORTED, "written rows are not returned");
    rc = rh_s3_table_find(&w->conn->config, spec->table, &w->table, error);
    if (rc)
        return rc;
    if (!w->table->format)
        return rh_fail(error, RH_UNSUPPORTED, "the list of objects cannot be written");
    if (w->table->prefix.data && (w->verb != INSERT || w->table->n_key)) {
        rh_fail(error, RH_UNSUPPORTED, "rows of several objects can only be added, without a key");
        return rh_error_hint(error, "declare a table of one object");
    }
    w->arena = rh_arena_new(ARENA_BYTES);
    if (!w->arena)
        return rh_fail_nomem(error);
    w->is_key = rh_arena_array(w->arena, spec->n_columns, sizeof(*w->is_key));
    w->fields = rh_arena_array(w->arena, spec->n_columns, sizeof(*w->fields));
    w->done = rh_arena_array(w->arena, spec->n_rows, sizeof(*w->done));
    return w->is_key && w->fields && w->done ? check_columns(w, error) : rh_fail_nomem(error);
}

/* ---- Keys ------------------------------------------------------------------------------------ */

/* The values of the key's columns as one text: each with its type's own spelling, so that 1 and 1.0
 * are the same. */
static int key_of(struct write *w, const struct rh_value *cells, struct rh_text *ret_key,
                  struct rh_error *error)
{
    struct rh_buf text;
    bool ok = true;
    int rc = RH_OK;

    rh_buf_init(&text, RH_S3_ROW_BYTES);
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        size_t begin;

        if (!w->is_key[i])
            continue;
        if (cells[i].type == RH_TYPE_TEXT)
            rh_buf_add_char(&text, '\xfd'); /* "1" is not 1 */
        begin = text.len;
        if (!rh_kit_is_null(&cells[i]))
            rc = rh_text_cell_add(&text, &cells[i], error);
        else
            rh_buf_add_char(&text, '\xff');
        if (cells[i].type == RH_TYPE_DECIMAL && memchr(text.data + begin, '.', text.len - begin)) {
            while (text.data[text.len - 1] == '0')
                text.len--;
            text.len -= text.data[text.len - 1] == '.';
        }
        rh_buf_add_char(&text, '\xfe');
    }
    *ret_key = rh_arena_text(w->arena, rh_buf_text(&text), &ok);
    ok = ok && !text.failed;
    rh_buf_free(&text);
    return rc ? rc : ok ? RH_OK : rh_fail_nomem(error);
}

static bool has_key(const struct write *w)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (w->is_key[i])
            return true;
    return false;
}

static int refuse(struct rh_error *error, uint64_t row, uint32_t constraint, const char *why)
{
    rh_fail(error, RH_CONSTRAINT, "%s", why);
    if (error) {
        error->constraint = constraint;
        error->row = row;
    }
    return RH_CONSTRAINT;
}

static int index_rows(struct write *w, struct rh_error *error)
{
    if (!has_key(w))
        return RH_OK;
    for (uint64_t i = 0; i < w->spec->n_rows; i++) {
        struct rh_text key;
        void *old = NULL;
        int rc = key_of(w, cells_of(w, i), &key, error);

        if (rc)
            return rc;
        if (!rh_map_put(&w->by_key, key, (void *)(uintptr_t)(i + 1), &old))
            return rh_fail_nomem(error);
        if (old && w->verb != REMOVE)
            return refuse(error, i, RH_CONSTRAINT_UNIQUE, "two rows of the call have the same key");
    }
    return RH_OK;
}

/* ---- Rows into the object -------------------------------------------------------------------- */

static void add_field(struct rh_buf *body, struct rh_text text, char separator)
{
    bool quoted = !text.len;

    for (uint64_t i = 0; i < text.len && !quoted; i++)
        quoted = text.data[i] == '"' || text.data[i] == separator || text.data[i] == '\r' ||
                 text.data[i] == '\n';
    quoted = quoted || (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0);
    if (!quoted) {
        rh_buf_add_text(body, text);
        return;
    }
    rh_buf_add_char(body, '"');
    for (uint64_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"')
            rh_buf_add_char(body, '"');
        rh_buf_add_char(body, text.data[i]);
    }
    rh_buf_add_char(body, '"');
}

static int add_cell_field(struct write *w, const struct rh_value *cell, struct rh_error *error)
{
    struct rh_buf text;
    int rc = RH_OK;

    if (rh_kit_is_null(cell))
        return RH_OK;
    rh_buf_init(&text, RH_S3_ROW_BYTES);
    rc = rh_text_cell_add(&text, cell, error);
    if (rc == RH_OK && !rh_text_is_utf8(rh_buf_text(&text)))
        rc = rh_fail(error, RH_DATA, "CSV holds texts only, and a value is none");
    if (rc == RH_OK)
        add_field(&w->body, rh_buf_text(&text), w->table->separator);
    w->body.failed = w->body.failed || text.failed;
    rh_buf_free(&text);
    return rc;
}

/* The input column of a header's field that is set; RH_NO_COLUMN. */
static uint32_t setter_of(const struct write *w, uint32_t field, bool with_key)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (w->fields[i] == field && (with_key || !w->is_key[i]))
            return i;
    return RH_NO_COLUMN;
}

/* A record: of the old fields (NULL: none) and the new cells (NULL: none). */
static int add_record(struct write *w, uint32_t n_fields, const struct rh_text *old,
                      const struct rh_value *cells, struct rh_error *error)
{
    int rc = RH_OK;

    for (uint32_t f = 0; f < n_fields && rc == RH_OK; f++) {
        uint32_t setter = cells ? setter_of(w, f, !old) : RH_NO_COLUMN;

        if (f)
            rh_buf_add_char(&w->body, w->table->separator);
        if (setter != RH_NO_COLUMN)
            rc = add_cell_field(w, &cells[setter], error);
        else if (old && old[f].data)
            add_field(&w->body, old[f], w->table->separator);
    }
    rh_buf_add_str(&w->body, "\r\n");
    return rc;
}

static void between_documents(struct write *w)
{
    if (w->n_rows)
        rh_buf_add_str(&w->body, w->table->format == RH_S3_JSON ? ",\n" : "\n");
}

static bool is_replaced(const struct write *w, struct rh_text name)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (!w->is_key[i] && rh_text_equal(column_of(w, i)->name, name))
            return true;
    return false;
}

/* A document: members that stay as they were written, and the new ones. */
static int add_document(struct write *w, const struct rh_json *old, const struct rh_value *cells,
                        struct rh_error *error)
{
    const char *before = "{";
    int rc = RH_OK;

    between_documents(w);
    for (const struct rh_json *m = old ? old->child : NULL; m; m = m->next) {
        if (cells && is_replaced(w, m->key))
            continue;
        rh_buf_add_str(&w->body, before);
        rh_json_add_string(&w->body, m->key);
        rh_buf_add_char(&w->body, ':');
        for (uint64_t i = 0; i < m->source.len; i++) /* NDJSON: no line ends within */
            if (m->source.data[i] != '\n' && m->source.data[i] != '\r')
                rh_buf_add_char(&w->body, m->source.data[i]);
        before = ",";
    }
    for (uint32_t i = 0; cells && i < w->spec->n_columns && rc == RH_OK; i++) {
        if ((old && w->is_key[i]) || cells[i].type == RH_TYPE_MISSING)
            continue;
        rh_buf_add_str(&w->body, before);
        rh_json_add_string(&w->body, column_of(w, i)->name);
        rh_buf_add_char(&w->body, ':');
        rc = rh_json_add_value(&w->body, &cells[i], error);
        before = ",";
    }
    rh_buf_add_str(&w->body, before[0] == '{' ? "{}" : "}");
    return rc;
}

static int add_row(struct write *w, const struct rh_s3_object *object, const struct rh_s3_row *old,
                   const struct rh_value *cells, struct rh_error *error)
{
    int rc = w->table->format == RH_S3_CSV
                 ? add_record(w, object->n_header, old ? old->fields : NULL, cells, error)
                 : add_document(w, old ? old->document : NULL, cells, error);

    w->n_rows++;
    if (rc == RH_OK && w->body.failed)
        rc = rh_fail(error, RH_RESOURCE, "the object would be larger than %zu MiB",
                     RH_S3_OBJECT_BYTES >> 20);
    return rc;
}

/* ---- The old object -------------------------------------------------------------------------- */

/* The input row that means this row of the object; UINT64_MAX: none. */
static int find_input(struct write *w, const struct rh_s3_row *row, struct rh_rowset *rows,
                      uint64_t *ret_input, struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_value *cells;
    struct rh_text key;
    uintptr_t found;
    int rc;

    *ret_input = UINT64_MAX;
    if (!w->by_key.n)
        return RH_OK;
    rh_rowset_clear(rows, 1);
    cells = rh_rowset_row(rows);
    for (uint32_t i = 0; cells && i < w->spec->n_columns; i++)
        if (w->is_key[i])
            rh_s3_cell(rows, &cells[i], column_of(w, i), row, w->fields[i]);
    rc = rh_rowset_batch(rows, &batch, error);
    if (rc == RH_OK)
        rc = key_of(w, batch.cells, &key, error);
    if (rc)
        return rc;
    found = (uintptr_t)rh_map_get(&w->by_key, key);
    if (found)
        *ret_input = found - 1;
    return RH_OK;
}

static int take_old(struct write *w, const struct rh_s3_object *object, const struct rh_s3_row *row,
                    struct rh_rowset *rows, struct rh_error *error)
{
    uint64_t input;
    int rc = find_input(w, row, rows, &input, error);

    if (rc || input == UINT64_MAX)
        return rc ? rc : add_row(w, object, row, NULL, error);
    if (w->verb == INSERT)
        return refuse(error, input, RH_CONSTRAINT_UNIQUE, "there is a row with this key already");
    if (w->done[input])
        return refuse(error, input, RH_CONSTRAINT_AMBIGUOUS_KEY, "the key is that of several rows");
    w->done[input] = true;
    if (w->verb == IGNORE)
        return add_row(w, object, row, NULL, error);
    w->n_affected++;
    return w->verb == REMOVE ? RH_OK : add_row(w, object, row, cells_of(w, input), error);
}

/* The header of an object that is not there yet: the table's columns, or those that are given. */
static int make_header(struct write *w, struct rh_s3_object *object, struct rh_error *error)
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
        object->header[i] = table->columns ? table->columns[i].name : column_of(w, i)->name;
    return RH_OK;
}

static int begin_body(struct write *w, struct rh_s3_object *object, struct rh_error *error)
{
    int rc = make_header(w, object, error);

    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        w->fields[i] = rh_s3_field(object, column_of(w, i)->name);
        if (w->table->format == RH_S3_CSV && w->fields[i] == RH_NO_COLUMN)
            rc = rh_fail(error, RH_NOT_FOUND, "the object's header has no \"%.*s\"",
                         RH_TEXT_ARG(column_of(w, i)->name));
    }
    for (uint32_t f = 0; f < object->n_header && rc == RH_OK; f++) {
        if (f)
            rh_buf_add_char(&w->body, w->table->separator);
        add_field(&w->body, object->header[f], w->table->separator);
    }
    if (w->table->format == RH_S3_CSV)
        rh_buf_add_str(&w->body, "\r\n");
    else if (w->table->format == RH_S3_JSON)
        rh_buf_add_char(&w->body, '[');
    return rc;
}

/* Copies the old object with its changes. *ret_there: there is one. */
static int copy_old(struct write *w, struct rh_s3_object *object, bool *ret_there,
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

static int add_new(struct write *w, const struct rh_s3_object *object, struct rh_error *error)
{
    int rc = RH_OK;

    if (w->verb == UPDATE || w->verb == REMOVE)
        return RH_OK;
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        if (w->done[i])
            continue;
        for (uint32_t c = 0; c < w->spec->n_columns; c++)
            if (w->is_key[c] && rh_kit_is_null(&cells_of(w, i)[c]))
                return refuse(error, i, RH_CONSTRAINT_NOT_NULL, "a column of the key has no value");
        rc = add_row(w, object, NULL, cells_of(w, i), error);
        w->n_affected++;
    }
    return rc;
}

/* ---- Putting --------------------------------------------------------------------------------- */

static int put(struct write *w, struct rh_text key, struct rh_text etag, struct rh_error *error)
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
static int new_key(struct write *w, struct rh_text *ret_key, struct rh_error *error)
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

static int rewrite(struct write *w, struct rh_error *error)
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
    if (!object.conn)
        object.header = NULL;
    rh_s3_object_close(&object);
    return rc;
}

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum verb verb, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct write w = {.conn = conn, .op = op, .spec = spec, .verb = verb};
    int rc = prepare(&w, error);

    rh_map_init(&w.by_key);
    rh_buf_init(&w.body, RH_S3_OBJECT_BYTES);
    ret_result->n_affected = 0;
    if (rc == RH_OK)
        rc = rewrite(&w, error);
    if (rc == RH_OK)
        ret_result->n_affected = w.n_affected;
    rh_map_free(&w.by_key);
    rh_buf_free(&w.body);
    rh_arena_free(w.arena);
    return rc;
}

RH_KIT_DEFINE_WRITES(run, INSERT, UPDATE, REMOVE)
RH_KIT_DEFINE_UPSERT(run, MERGE, IGNORE)

const struct rh_write rh_s3_write = {
    .struct_size = sizeof(rh_s3_write),
    .atomicity = RH_ATOMIC_ALL,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
    .upsert = upsert,
};
