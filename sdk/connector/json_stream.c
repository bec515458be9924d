/*
 * A scanner that knows strings and brackets and nothing else; what it cuts out is then parsed
 * strictly. All its state is in the struct, so that a piece may end anywhere.
 *
 *   AROUND ──'[' at the path──► FIRST ──► INSIDE an element ──► BETWEEN ──','──► ELEMENT
 *     ▲                           │           ▲                   │                │
 *     └───────────']'─────────────┴───────────┼──────────']'──────┘                │
 *                                             └────────────────────────────────────┘
 *
 * Bytes of AROUND, and the brackets of the array, go to `outside`. A name of the path is compared
 * with keys as they are written: one with escapes in it is another.
 */
#include "connector/json_stream.h"

#include "base/err.h"
#include "base/text.h"

enum { AROUND, FIRST, ELEMENT, INSIDE, BETWEEN };

void rh_json_stream_init(struct rh_json_stream *stream, const char *path, size_t max_bytes)
{
    *stream = (struct rh_json_stream){.path = path, .max_bytes = max_bytes, .is_value = true};
    rh_buf_init(&stream->held, max_bytes);
    rh_buf_init(&stream->outside, max_bytes);
    stream->n_names = path && path[0] ? 1 : 0;
    for (const char *c = path; c && *c; c++)
        stream->n_names += *c == '.';
}

void rh_json_stream_fini(struct rh_json_stream *stream)
{
    rh_buf_free(&stream->held);
    rh_buf_free(&stream->outside);
}

/* What is held is at most one unfinished document, which `next` has measured; what comes is as
 * large as the caller makes it. */
void rh_json_stream_push(struct rh_json_stream *stream, struct rh_text piece)
{
    struct rh_buf *held = &stream->held;
    if (stream->start) {
        held->len -= stream->start;
        stream->at -= stream->start;
        memmove(held->data, held->data + stream->start, held->len);
        stream->start = 0;
    }
    if (piece.len > SIZE_MAX / 4)
        held->failed = true;
    held->max = held->len + piece.len;
    rh_buf_add_text(held, piece);
}

void rh_json_stream_close(struct rh_json_stream *stream)
{
    stream->closed = true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int broken(struct rh_error *error, const char *what)
{
    return rh_fail(error, RH_PROTOCOL, "the answer is not well-formed JSON: %s", what);
}

static int too_large(const struct rh_json_stream *stream, struct rh_error *error)
{
    return rh_fail(error, RH_RESOURCE, "a JSON document is longer than %zu bytes",
                   stream->max_bytes);
}

static int parse(struct rh_arena *arena, struct rh_text text, struct rh_json **ret_value,
                 struct rh_error *error)
{
    struct rh_error inner = RH_ERROR_INIT;
    int rc = rh_json_parse(arena, text, ret_value, &inner);
    if (rc == RH_INVALID)
        return broken(error, inner.message);
    return rc ? rh_fail(error, rc, "%s", inner.message) : RH_OK;
}

/* One byte of a string; false when it is not in one. */
static bool is_of_string(struct rh_json_stream *stream, char c)
{
    if (!stream->in_string)
        return false;
    if (stream->escaped)
        stream->escaped = false;
    else if (c == '\\')
        stream->escaped = true;
    else if (c == '"')
        stream->in_string = false;
    return true;
}

/* ---- Around the array ---------------------------------------------------------------------- */

/* Whether the string that has just ended is the name that the path goes on with. */
static bool is_next_name(const struct rh_json_stream *stream)
{
    struct rh_text rest = rh_text_of(stream->path), name = {NULL, 0};
    const char *key = stream->outside.data + stream->string_start + 1;
    for (uint32_t i = 0; i < stream->lead; i++)
        name = rh_text_cut(&rest, '.');
    return rh_text_equal(name, rh_text_make(key, stream->outside.len - stream->string_start - 2));
}

static void open_bracket(struct rh_json_stream *stream, char c)
{
    bool is_value = stream->is_value;
    stream->is_value = false;
    if (is_value && c == '[' && stream->lead == stream->n_names && !stream->found) {
        stream->found = true;
        stream->state = FIRST;
        return;
    }
    stream->depth++;
    if (is_value && c == '{' && stream->lead < stream->n_names) {
        stream->lead++;
        stream->key_is_next = true;
    }
}

static void look_around(struct rh_json_stream *stream, char c)
{
    bool on_path = stream->lead && stream->depth == stream->lead;
    rh_buf_add_char(&stream->outside, c);
    if (stream->outside.failed)
        return;
    if (is_of_string(stream, c)) {
        if (!stream->in_string && on_path && stream->key_is_next)
            stream->named = is_next_name(stream);
    } else if (c == '"') {
        stream->in_string = true;
        stream->string_start = stream->outside.len - 1;
    } else if (c == '{' || c == '[') {
        open_bracket(stream, c);
    } else if (c == '}' || c == ']') {
        stream->lead -= on_path;
        stream->depth -= stream->depth > 0;
        stream->is_value = stream->key_is_next = false;
    } else if (c == ',' && on_path) {
        stream->key_is_next = true;
        stream->is_value = stream->named = false;
    } else if (c == ':' && on_path) {
        stream->key_is_next = false;
        stream->is_value = stream->named;
    }
}

static int end_of_text(struct rh_json_stream *stream, struct rh_arena *arena,
                       struct rh_error *error)
{
    if (stream->state != AROUND)
        return broken(error, "it ends in the middle");
    int rc = parse(arena, rh_buf_text(&stream->outside), &stream->envelope, error);
    return rc ? rc : RH_END;
}

/* ---- In the array -------------------------------------------------------------------------- */

/* One byte where an element or what parts them is expected. */
static int look_between(struct rh_json_stream *stream, char c, struct rh_error *error)
{
    if (c == ']' && stream->state != ELEMENT) {
        rh_buf_add_char(&stream->outside, c);
        stream->state = AROUND;
    } else if (stream->state == BETWEEN) {
        if (c != ',')
            return broken(error, "a comma is missing");
        stream->state = ELEMENT;
    } else {
        stream->state = INSIDE;
        stream->start = stream->at;
        return RH_OK; /* the byte is the element's first */
    }
    stream->at++;
    stream->start = stream->at;
    return RH_OK;
}

/* One byte of an element. True when the element has ended before it, or with it. */
static bool ends_element(struct rh_json_stream *stream, char c)
{
    if (is_of_string(stream, c)) {
        stream->at++;
        return !stream->in_string && stream->inner == 0;
    }
    if (stream->inner == 0 && stream->at > stream->start && (c == ',' || c == ']' || is_space(c)))
        return true; /* of a number or word */
    stream->at++;
    if (c == '"') {
        stream->in_string = true;
    } else if (c == '{' || c == '[') {
        stream->inner++;
    } else if (c == '}' || c == ']') {
        stream->inner -= stream->inner > 0;
        return stream->inner == 0;
    }
    return false;
}

static int next_element(struct rh_json_stream *stream, struct rh_arena *arena,
                        struct rh_json **ret_document, struct rh_error *error)
{
    int rc = RH_OK;
    while (rc == RH_OK && stream->at < stream->held.len) {
        char c = stream->held.data[stream->at];
        if (stream->state == INSIDE) {
            bool ends = ends_element(stream, c);
            size_t n = stream->at - stream->start;
            if (n > stream->max_bytes)
                return too_large(stream, error);
            if (!ends)
                continue;
            struct rh_text text = rh_text_make(stream->held.data + stream->start, n);
            stream->start = stream->at;
            stream->state = BETWEEN;
            return parse(arena, text, ret_document, error);
        }
        if (stream->state == AROUND) {
            look_around(stream, c);
            stream->start = ++stream->at;
        } else if (is_space(c)) {
            stream->start = ++stream->at;
        } else {
            rc = look_between(stream, c, error);
        }
        if (stream->outside.failed)
            return too_large(stream, error);
    }
    if (rc)
        return rc;
    return stream->closed ? end_of_text(stream, arena, error) : RH_JSON_MORE;
}

/* ---- NDJSON -------------------------------------------------------------------------------- */

static int next_line(struct rh_json_stream *stream, struct rh_arena *arena,
                     struct rh_json **ret_document, struct rh_error *error)
{
    for (;;) {
        struct rh_text rest = rh_text_make(NULL, 0);
        if (stream->held.len > stream->at)
            rest = rh_text_make(stream->held.data + stream->at, stream->held.len - stream->at);
        const char *end = rest.len ? memchr(rest.data, '\n', rest.len) : NULL;
        if (!end && !stream->closed)
            stream->at = stream->held.len;
        else
            stream->at += end ? (size_t)(end - rest.data) + 1 : rest.len;
        if (stream->at - stream->start > stream->max_bytes)
            return too_large(stream, error);
        if (!end && !stream->closed)
            return RH_JSON_MORE;
        if (stream->at == stream->start)
            return RH_END;
        struct rh_text line = rh_text_trim(
            rh_text_make(stream->held.data + stream->start, stream->at - stream->start));
        stream->start = stream->at;
        if (line.len)
            return parse(arena, line, ret_document, error);
    }
}

int rh_json_stream_next(struct rh_json_stream *stream, struct rh_arena *arena,
                        struct rh_json **ret_document, struct rh_error *error)
{
    if (stream->held.failed)
        return rh_fail_nomem(error);
    if (stream->path)
        return next_element(stream, arena, ret_document, error);
    return next_line(stream, arena, ret_document, error);
}
