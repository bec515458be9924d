/*
 * First the end of the record is looked for, which only needs to know whether a quote is open; then
 * the record is cut into fields, strictly. So a piece may end anywhere, and what is held is one
 * unfinished record at most. Doubled quotes are made single where they stand.
 */
#include "connector/csv.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>

void rh_csv_init(struct rh_csv *csv, char separator, size_t max_bytes)
{
    *csv = (struct rh_csv){.separator = separator, .max_bytes = max_bytes};
    rh_buf_init(&csv->held, max_bytes);
}

void rh_csv_fini(struct rh_csv *csv)
{
    rh_buf_free(&csv->held);
    free(csv->fields);
    csv->fields = NULL;
}

/* What is held is at most one unfinished record, which `next` has measured; what comes is as large
 * as the caller makes it. */
void rh_csv_push(struct rh_csv *csv, struct rh_text piece)
{
    struct rh_buf *held = &csv->held;
    if (csv->start) {
        held->len -= csv->start;
        csv->at -= csv->start;
        memmove(held->data, held->data + csv->start, held->len);
        csv->start = 0;
    }
    if (piece.len > SIZE_MAX / 4)
        held->failed = true;
    held->max = held->len + piece.len;
    rh_buf_add_text(held, piece);
}

void rh_csv_close(struct rh_csv *csv)
{
    csv->closed = true;
}

static int broken(const struct rh_csv *csv, struct rh_error *error, const char *what)
{
    return rh_fail(error, RH_PROTOCOL, "the CSV is not well-formed: line %llu: %s",
                   (unsigned long long)csv->line, what);
}

/* ---- Fields -------------------------------------------------------------------------------- */

static struct rh_text *push_field(struct rh_csv *csv)
{
    if (csv->n_fields == csv->cap_fields) {
        uint32_t cap = csv->cap_fields ? csv->cap_fields * 2 : 16;
        struct rh_text *fields = realloc(csv->fields, cap * sizeof(*fields));
        if (!fields)
            return NULL;
        csv->fields = fields;
        csv->cap_fields = cap;
    }
    return &csv->fields[csv->n_fields++];
}

/* The quoted field at the front of *at; its last quote is in the record, as `find_end` has seen. */
static int take_quoted(const struct rh_csv *csv, char **at, const char *end,
                       struct rh_text *ret_field, struct rh_error *error)
{
    char *from = *at + 1, *start = from, *to = from;
    while (from < end && (*from != '"' || (end - from > 1 && from[1] == '"'))) {
        from += *from == '"';
        *to++ = *from++;
    }
    if (from == end)
        return broken(csv, error, "a quoted field is not closed");
    from++;
    if (from < end && *from != csv->separator)
        return broken(csv, error, "there is text behind a closing quote");
    *at = from;
    *ret_field = rh_text_make(start, (size_t)(to - start));
    return RH_OK;
}

static int take_plain(const struct rh_csv *csv, char **at, const char *end,
                      struct rh_text *ret_field, struct rh_error *error)
{
    char *start = *at, *from = start;
    while (from < end && *from != csv->separator) {
        if (*from == '"')
            return broken(csv, error, "a quote stands within a field that is not quoted");
        from++;
    }
    *at = from;
    *ret_field = from > start ? rh_text_make(start, (size_t)(from - start)) : rh_text_make(NULL, 0);
    return RH_OK;
}

static int split(struct rh_csv *csv, char *at, const char *end, struct rh_error *error)
{
    if (!rh_text_is_utf8(rh_text_make(at, (size_t)(end - at))))
        return broken(csv, error, "it is not UTF-8");
    csv->n_fields = 0;
    for (;; at++) { /* over the separator */
        if (csv->n_fields == RH_CSV_MAX_FIELDS)
            return broken(csv, error, "it has too many fields");
        struct rh_text *field = push_field(csv);
        if (!field)
            return rh_fail_nomem(error);
        int rc = at < end && *at == '"' ? take_quoted(csv, &at, end, field, error)
                                        : take_plain(csv, &at, end, field, error);
        if (rc)
            return rc;
        if (at == end)
            break;
    }
    if (csv->width && csv->n_fields != csv->width)
        return rh_fail(error, RH_PROTOCOL,
                       "the CSV is not well-formed: line %llu has %u fields, the first one %u",
                       (unsigned long long)csv->line, csv->n_fields, csv->width);
    csv->width = csv->n_fields;
    return RH_OK;
}

/* ---- Records ------------------------------------------------------------------------------- */

static int too_large(const struct rh_csv *csv, struct rh_error *error)
{
    return rh_fail(error, RH_RESOURCE, "a record of the CSV is longer than %zu bytes",
                   csv->max_bytes);
}

/* Moves `at` to the line feed that ends the record, or to where more has to come. */
static bool find_end(struct rh_csv *csv)
{
    const char *data = csv->held.data;
    for (; csv->at < csv->held.len; csv->at++) {
        char c = data[csv->at];
        if (c == '"') {
            csv->in_quotes = !csv->in_quotes;
        } else if (c == '\n') {
            csv->n_lines++;
            if (!csv->in_quotes)
                return true;
        }
    }
    return false;
}

/* False while the first three bytes have not come. */
static bool skip_mark(struct rh_csv *csv)
{
    if (csv->held.len < 3 && !csv->closed)
        return false;
    if (csv->held.len >= 3 && memcmp(csv->held.data, "\xEF\xBB\xBF", 3) == 0)
        csv->start = csv->at = 3;
    csv->begun = true;
    return true;
}

int rh_csv_next(struct rh_csv *csv, const struct rh_text **ret_fields, uint32_t *ret_n,
                struct rh_error *error)
{
    if (csv->held.failed)
        return rh_fail_nomem(error);
    if (!csv->begun && !skip_mark(csv))
        return RH_CSV_MORE;
    for (;;) {
        if (csv->at == csv->start)
            csv->line = csv->n_lines + 1;
        bool found = find_end(csv);
        size_t n = csv->at - csv->start;
        if (n > csv->max_bytes)
            return too_large(csv, error);
        if (!found && !csv->closed)
            return RH_CSV_MORE;
        if (!found && n == 0)
            return RH_END;
        if (csv->in_quotes)
            return broken(csv, error, "a quoted field is not closed");
        char *record = csv->held.data + csv->start;
        csv->at += found;
        csv->start = csv->at;
        if (found && n > 0 && record[n - 1] == '\r')
            n--;
        if (n == 0 && csv->width != 1)
            continue;
        int rc = split(csv, record, record + n, error);
        if (rc)
            return rc;
        *ret_fields = csv->fields;
        *ret_n = csv->n_fields;
        return RH_OK;
    }
}
