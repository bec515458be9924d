/*
 * Pages. A scan must end, and must not end early:
 *
 *   - without a word of the API on it, the last page is an empty one, because an API may give fewer
 *     rows than it was asked for; `more`, `total` and `short_is_last` save that request;
 *   - a token or URL that has come before would go on for ever: one earlier token is kept and
 *     replaced at each power of two (R. Brent), so any circle is seen, in constant memory;
 *   - an API that ignores which page is wanted gives the first one again and again, which is seen
 *     by its first row where the table has a key;
 *   - pages may be empty in the middle, but not for ever.
 *
 * The URL of a next page must be at the origin of the description's: credentials go there.
 */
#include "rest.h"

#include "base/json.h"
#include "base/map.h"

#include <string.h>
#include <strings.h>

#define MAX_EMPTY 100u

void rh_rest_position_init(struct rh_rest_position *position, const struct rh_rest_pages *pages)
{
    *position = (struct rh_rest_position){.pages = pages};
    rh_buf_init(&position->token, RH_REST_URL_BYTES);
    rh_buf_init(&position->mark, RH_REST_URL_BYTES);
    rh_rest_position_reset(position);
}

void rh_rest_position_fini(struct rh_rest_position *position)
{
    rh_buf_free(&position->token);
    rh_buf_free(&position->mark);
}

void rh_rest_position_reset(struct rh_rest_position *position)
{
    rh_buf_clear(&position->token);
    rh_buf_clear(&position->mark);
    position->n_turned = 0;
    position->mark_at = 1;
    position->n_rows = position->n_empty = position->n_all = 0;
    position->first = position->before = 0;
    position->number = position->pages->style == RH_REST_NUMBERED ? position->pages->start : 0;
}

/* ---- Asking for a page --------------------------------------------------------------------- */

static bool is_url(const struct rh_rest_pages *pages)
{
    return pages->style == RH_REST_LINK || pages->style == RH_REST_NEXT;
}

static void add_number(struct rh_buf *url, struct rh_text name, uint64_t number)
{
    struct rh_buf text;

    rh_buf_init(&text, 32);
    rh_buf_add_u64(&text, number);
    rh_http_add_parameter(url, name, rh_buf_text(&text));
    rh_buf_free(&text);
}

void rh_rest_position_add(struct rh_rest_position *position, uint64_t limit, struct rh_buf *url)
{
    const struct rh_rest_pages *pages = position->pages;
    bool fixed = pages->style == RH_REST_NUMBERED && position->n_turned;

    if (is_url(pages) && position->n_turned) {
        rh_buf_clear(url);
        rh_buf_add_text(url, rh_buf_text(&position->token));
        return;
    }
    if (!fixed) /* numbers count pages of one size */
        position->asked = pages->size && limit < pages->size ? limit : pages->size;
    if (pages->size_name.len && position->asked)
        add_number(url, pages->size_name, position->asked);
    if (pages->style == RH_REST_NUMBERED || (pages->style == RH_REST_OFFSET && position->number))
        add_number(url, pages->name, position->number);
    if ((pages->style == RH_REST_CURSOR || pages->style == RH_REST_TOKEN) && position->n_turned)
        rh_http_add_parameter(url, pages->name, rh_buf_text(&position->token));
}

/* ---- Rows ---------------------------------------------------------------------------------- */

static int take_token(struct rh_rest_position *position, const struct rh_json *value,
                      struct rh_error *error)
{
    rh_buf_clear(&position->token);
    if (value && (value->kind == RH_JSON_STRING || value->kind == RH_JSON_NUMBER))
        rh_buf_add_text(&position->token, value->text);
    else if (value && value->kind != RH_JSON_NULL && value->kind != RH_JSON_FALSE)
        return rh_fail(error, RH_PROTOCOL, "what tells the next page is neither text nor number");
    return position->token.failed
               ? rh_fail(error, RH_PROTOCOL, "what tells the next page is too long")
               : RH_OK;
}

static uint64_t hash_of(const struct rh_json *document)
{
    uint64_t hash =
        rh_hash(document->source.data ? document->source.data : "", document->source.len);

    if (!document->source.data) /* of CSV */
        for (const struct rh_json *field = document->child; field; field = field->next)
            hash = hash * 31 + rh_hash(field->text.data ? field->text.data : "", field->text.len);
    return hash;
}

int rh_rest_position_row(struct rh_rest_position *position, const struct rh_json *document,
                         struct rh_error *error)
{
    const struct rh_rest_pages *pages = position->pages;

    if (position->n_rows++ == 0)
        position->first = hash_of(document);
    position->n_all++;
    if (pages->style != RH_REST_CURSOR)
        return RH_OK;
    return take_token(position, rh_rest_member(document, &pages->token), error);
}

/* ---- The next page ------------------------------------------------------------------------- */

/* The URL of rel="next" in a Link header (RFC 8288); no text when there is none. */
static struct rh_text next_of_link(struct rh_text link)
{
    while (link.len) {
        const char *end;
        struct rh_text url, rest;
        bool is_next = false, quoted = false;
        uint64_t n = 0;

        rh_text_cut(&link, '<');
        end = link.len ? memchr(link.data, '>', link.len) : NULL;
        if (!end)
            break;
        url = rh_text_make(link.data, (size_t)(end - link.data));
        rest = rh_text_make(end + 1, link.len - url.len - 1);
        while (n < rest.len && (quoted || rest.data[n] != ',')) {
            quoted ^= rest.data[n] == '"';
            n++;
        }
        link = n < rest.len ? rh_text_make(rest.data + n + 1, rest.len - n - 1)
                            : rh_text_make(NULL, 0);
        rest.len = n;
        while (rest.len && !is_next) {
            struct rh_text parameter = rh_text_trim(rh_text_cut(&rest, ';'));
            is_next = rh_text_is(parameter, "rel=\"next\"") || rh_text_is(parameter, "rel=next");
        }
        if (is_next)
            return url;
    }
    return rh_text_make(NULL, 0);
}

/* "https://host:port" of an absolute URL; no text when it is none. */
static struct rh_text origin_of(struct rh_text url)
{
    const char *authority = memmem(url.data, url.len, "://", 3);
    struct rh_text rest;

    if (!authority)
        return rh_text_make(NULL, 0);
    rest = rh_text_make(authority + 3, url.len - (size_t)(authority + 3 - url.data));
    for (uint64_t i = 0; i < rest.len; i++)
        if (strchr("/?#", rest.data[i])) {
            rest.len = i;
            break;
        }
    return rh_text_make(url.data, (size_t)(rest.data - url.data) + rest.len);
}

static bool same_origin(struct rh_text a, struct rh_text b)
{
    return a.len == b.len && strncasecmp(a.data, b.data, a.len) == 0;
}

/* The URL that the source gave, as it is sent. */
static int take_url(struct rh_rest_position *position, const struct rh_rest_answer *answer,
                    struct rh_text url, struct rh_error *error)
{
    struct rh_text base = answer->conn->api.base, origin = origin_of(base);
    struct rh_text path = rh_buf_text(&answer->url);
    struct rh_buf *to = &position->token;

    url = rh_text_cut(&url, '#');
    for (uint64_t i = 0; i < url.len; i++)
        if ((unsigned char)url.data[i] <= 0x20 || url.data[i] == 0x7f)
            return rh_fail(error, RH_PROTOCOL, "the URL of the next page is malformed");
    rh_buf_clear(to);
    if (rh_text_starts(url, "http://") || rh_text_starts(url, "https://")) {
        if (!same_origin(origin_of(url), origin))
            return rh_fail(error, RH_PERMISSION,
                           "the next page is at another origin than the API (%.*s)",
                           RH_TEXT_ARG(origin));
    } else if (rh_text_starts(url, "/") && !rh_text_starts(url, "//")) {
        rh_buf_add_text(to, origin);
    } else if (rh_text_starts(url, "?")) {
        rh_buf_add_text(to, rh_text_cut(&path, '?'));
    } else {
        return rh_fail(error, RH_PROTOCOL, "the URL of the next page is not understood");
    }
    rh_buf_add_text(to, url);
    return to->failed ? rh_fail(error, RH_PROTOCOL, "the URL of the next page is too long") : RH_OK;
}

/* Where the next page is, into `token`; empty: there is none. */
static int find_next(struct rh_rest_position *position, const struct rh_rest_answer *answer,
                     struct rh_error *error)
{
    const struct rh_rest_pages *pages = position->pages;
    struct rh_text url;
    int rc;

    if (pages->style == RH_REST_TOKEN || pages->style == RH_REST_NEXT) {
        rc = take_token(position, rh_rest_member(answer->envelope, &pages->token), error);
        if (rc || pages->style == RH_REST_TOKEN || !position->token.len)
            return rc;
        char *copy = rh_arena_dup(answer->arena, position->token.data, position->token.len);
        return copy ? take_url(position, answer, rh_text_make(copy, position->token.len), error)
                    : rh_fail_nomem(error);
    }
    if (pages->style == RH_REST_CURSOR && position->n_rows && !position->token.len)
        return rh_fail(error, RH_PROTOCOL, "the last row lacks what tells the next page");
    if (pages->style != RH_REST_LINK)
        return RH_OK;
    url = next_of_link(rh_buf_text(&answer->link));
    rh_buf_clear(&position->token);
    return url.len ? take_url(position, answer, url, error) : RH_OK;
}

/* What the answer itself says of more pages: 1, 0, or -1 when it says nothing. */
static int says_more(const struct rh_rest_position *position, const struct rh_rest_answer *answer)
{
    const struct rh_rest_pages *pages = position->pages;
    const struct rh_json *more =
        pages->more.n ? rh_rest_member(answer->envelope, &pages->more) : NULL;
    const struct rh_json *total =
        pages->total.n ? rh_rest_member(answer->envelope, &pages->total) : NULL;
    uint64_t n;

    if (more && (more->kind == RH_JSON_TRUE || more->kind == RH_JSON_FALSE))
        return more->kind == RH_JSON_TRUE;
    if (total && total->kind == RH_JSON_NUMBER && rh_text_to_u64(total->text, &n))
        return position->n_all < n;
    if (pages->short_is_last && position->asked)
        return position->n_rows >= position->asked;
    return -1;
}

static int fail_circle(struct rh_error *error)
{
    return rh_fail(error, RH_PROTOCOL, "the pages come again and again: they have no end");
}

static int check_progress(struct rh_rest_position *position, bool has_key, struct rh_error *error)
{
    struct rh_text token = rh_buf_text(&position->token);
    bool by_token = position->pages->style >= RH_REST_CURSOR;

    position->n_empty = position->n_rows ? 0 : position->n_empty + 1;
    if (position->n_empty > MAX_EMPTY)
        return rh_fail(error, RH_PROTOCOL, "%u pages without a row came one behind the other",
                       MAX_EMPTY);
    if (has_key && position->n_rows && position->n_turned > 1 &&
        position->first == position->before)
        return fail_circle(error);
    if (!by_token)
        return RH_OK;
    if (position->n_turned > 1 && rh_text_equal(token, rh_buf_text(&position->mark)))
        return fail_circle(error);
    if (position->n_turned == position->mark_at) {
        rh_buf_clear(&position->mark);
        rh_buf_add_text(&position->mark, token);
        position->mark_at *= 2;
    }
    return RH_OK;
}

int rh_rest_position_turn(struct rh_rest_position *position, const struct rh_rest_answer *answer,
                          bool has_key, struct rh_error *error)
{
    const struct rh_rest_pages *pages = position->pages;
    int more = says_more(position, answer), rc;

    if (pages->style == RH_REST_NO_PAGES || more == 0)
        return RH_END;
    rc = find_next(position, answer, error);
    if (rc)
        return rc;
    if (pages->style >= RH_REST_CURSOR && !position->token.len) {
        if (more == 1)
            return rh_fail(error, RH_PROTOCOL,
                           "the answer says that there are more rows, and not where");
        return RH_END;
    }
    if (pages->style <= RH_REST_CURSOR && position->n_rows == 0 && more < 0)
        return RH_END;
    position->n_turned++;
    rc = check_progress(position, has_key, error);
    if (rc)
        return rc;
    position->number += pages->style == RH_REST_OFFSET ? position->n_rows : 1;
    position->before = position->first;
    position->n_rows = 0;
    return RH_OK;
}
