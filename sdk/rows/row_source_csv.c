/*
 * Rows from CSV (RFC 4180): comma, double quotes, CRLF or LF; the first line names the columns. A
 * byte order mark at the front is skipped.
 *
 * An empty field is NULL, an empty quoted one the empty text. Strict: a quote within an unquoted
 * field, text behind a closing quote, or a line with another number of fields than the header is
 * an error with its line, because guessing would put values into the wrong columns. Empty lines are
 * skipped, unless the table has a single column, where they are NULL.
 */
#include "rows/write.h"

#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"

struct csv_source {
    struct rh_row_source source;
    const char *at;
    const char *end;
    uint64_t line;
    const struct rh_text *names;
    uint32_t n_names;
};

static int fail(const struct csv_source *s, struct rh_error *error, const char *what)
{
    rh_fail(error, RH_INVALID, "line %llu: %s", (unsigned long long)s->line, what);
    return rh_error_code(error, "invalid-csv");
}

/* Steps over a line end, if one is there. */
static bool skip_line_end(struct csv_source *s)
{
    const char *at = s->at;
    if (at < s->end && *at == '\r' && s->end - at > 1)
        at++;
    if (at >= s->end || *at != '\n')
        return false;
    s->at = at + 1;
    s->line++;
    return true;
}

static bool at_line_end(const struct csv_source *s)
{
    return s->at >= s->end || *s->at == '\n' ||
           (*s->at == '\r' && s->end - s->at > 1 && s->at[1] == '\n');
}

static int take_quoted(struct csv_source *s, struct rh_arena *arena, struct rh_text *ret_field,
                       struct rh_error *error)
{
    const char *start = ++s->at;
    uint64_t n_doubled = 0, n_lines = 0;
    for (;; s->at++) {
        if (s->at >= s->end)
            return fail(s, error, "a quoted field is not closed");
        if (*s->at == '\n')
            n_lines++;
        if (*s->at != '"')
            continue;
        if (s->end - s->at < 2 || s->at[1] != '"')
            break;
        n_doubled++;
        s->at++;
    }
    struct rh_text field = rh_text_make(start, (size_t)(s->at - start));
    s->at++;
    s->line += n_lines;
    if (n_doubled) {
        char *copy = rh_arena_alloc(arena, field.len - n_doubled);
        if (!copy)
            return rh_fail_nomem(error);
        size_t n = 0;
        for (uint64_t i = 0; i < field.len; i++) {
            copy[n++] = field.data[i];
            i += field.data[i] == '"';
        }
        field = rh_text_make(copy, n);
    }
    *ret_field = field;
    return 0;
}

/* {NULL, 0} for an empty field without quotes. */
static int take_field(struct csv_source *s, struct rh_arena *arena, struct rh_text *ret_field,
                      struct rh_error *error)
{
    *ret_field = (struct rh_text){0};
    if (s->at < s->end && *s->at == '"') {
        int r = take_quoted(s, arena, ret_field, error);
        if (!r && !at_line_end(s) && *s->at != ',')
            r = fail(s, error, "there is text behind a closing quote");
        return r;
    }
    const char *start = s->at;
    while (!at_line_end(s) && *s->at != ',') {
        if (*s->at == '"')
            return fail(s, error, "a quote stands within a field that is not quoted");
        s->at++;
    }
    if (s->at > start)
        *ret_field = rh_text_make(start, (size_t)(s->at - start));
    return 0;
}

static int fail_width(const struct csv_source *s, uint64_t line, bool too_many,
                      struct rh_error *error)
{
    rh_fail(error, RH_INVALID, "line %llu has %s fields than the header, which has %u",
            (unsigned long long)line, too_many ? "more" : "fewer", s->n_names);
    return rh_error_code(error, "invalid-csv");
}

static int next_record(struct rh_row_source *source, struct rh_arena *arena,
                       struct rh_json **ret_object, struct rh_error *error)
{
    struct csv_source *s = (struct csv_source *)(void *)source;
    while (s->n_names > 1 && skip_line_end(s))
        continue;
    if (s->at >= s->end)
        return RH_END;
    uint64_t line = s->line;
    struct rh_json *object = rh_arena_alloc(arena, sizeof(*object));
    struct rh_json *fields = rh_arena_array(arena, s->n_names, sizeof(*fields));
    if (!object || !fields)
        return rh_fail_nomem(error);
    uint32_t n = 0;
    for (;;) {
        if (n == s->n_names)
            return fail_width(s, line, true, error);
        struct rh_json *field = &fields[n];
        int r = take_field(s, arena, &field->text, error);
        if (r)
            return r;
        field->kind = field->text.data ? RH_JSON_STRING : RH_JSON_NULL;
        field->key = s->names[n];
        if (n++)
            fields[n - 2].next = field;
        if (at_line_end(s))
            break;
        s->at++; /* the comma */
    }
    skip_line_end(s);
    if (n != s->n_names)
        return fail_width(s, line, false, error);
    object->kind = RH_JSON_OBJECT;
    object->n = n;
    object->child = fields;
    *ret_object = object;
    return 0;
}

static int check_name(const struct csv_source *s, const struct rh_vec *names, struct rh_text name,
                      struct rh_error *error)
{
    const struct rh_text *items = names->items;
    if (!name.len)
        return fail(s, error, "a column of the header has no name");
    for (uint32_t i = 0; i < names->n; i++)
        if (rh_text_equal(items[i], name))
            return fail(s, error, "the header names a column twice");
    return 0;
}

/* Names are compared with each other, so there are not many of them. */
#define MAX_NAMES 10000u

static int take_header(struct csv_source *s, struct rh_arena *arena, struct rh_error *error)
{
    struct rh_vec names = RH_VEC_INIT(struct rh_text);
    for (;;) {
        struct rh_text name = {0};
        int r = take_field(s, arena, &name, error);
        if (!r)
            r = check_name(s, &names, name, error);
        if (!r && names.n == MAX_NAMES)
            r = fail(s, error, "the header has too many columns");
        if (r)
            return r;
        struct rh_text *slot = rh_vec_push(&names, arena);
        if (!slot)
            return rh_fail_nomem(error);
        *slot = name;
        if (at_line_end(s))
            break;
        s->at++;
    }
    skip_line_end(s);
    s->names = names.items;
    s->n_names = names.n;
    return 0;
}

int rh_row_source_csv(struct rh_arena *arena, struct rh_text body,
                      struct rh_row_source **ret_source, struct rh_error *error)
{
    if (rh_text_starts(body, "\xEF\xBB\xBF"))
        body = rh_text_make(body.data + 3, body.len - 3);
    struct csv_source *s = rh_arena_alloc(arena, sizeof(*s));
    if (!s)
        return rh_fail_nomem(error);
    *s = (struct csv_source){
        .source = {.next = next_record, .bare = true},
        .at = body.data,
        .end = body.data + body.len,
        .line = 1,
    };
    if (!rh_text_is_utf8(body)) {
        /* No line is cut within a character of a text that is sound. */
        for (struct rh_text rest = body; rh_text_is_utf8(rh_text_cut(&rest, '\n'));)
            s->line++;
        return fail(s, error, "the text is not UTF-8");
    }
    int r = take_header(s, arena, error);
    if (r)
        return r;
    *ret_source = &s->source;
    return 0;
}
