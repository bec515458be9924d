#include "host/http/head.h"

#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"

#include <curl/curl.h>
#include <string.h>

#define YEAR_S ((uint64_t)366 * 24 * 3600)
#define MAX_DATE 64

void rh_http_head_init(struct rh_http_head *head, uint32_t max_bytes)
{
    *head = (struct rh_http_head){.n_lines = 0};
    rh_buf_init(&head->lines, max_bytes);
}

void rh_http_head_fini(struct rh_http_head *head)
{
    rh_buf_free(&head->lines);
}

void rh_http_head_clear(struct rh_http_head *head)
{
    rh_buf_clear(&head->lines);
    head->n_lines = 0;
    head->complete = false;
}

int rh_http_head_line(struct rh_http_head *head, struct rh_text line, long status,
                      struct rh_error *error)
{
    if (head->complete)
        return RH_OK;
    if (rh_text_starts(line, "HTTP/")) {
        rh_http_head_clear(head);
        return RH_OK;
    }
    while (line.len && (line.data[line.len - 1] == '\n' || line.data[line.len - 1] == '\r'))
        line.len--;
    if (!line.len) {
        head->complete = status >= 200;
        return RH_OK;
    }
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        if (head->n_lines)
            head->lines.len--; /* the line before goes on */
        line = rh_text_trim(line);
        rh_buf_add_char(&head->lines, ' ');
    } else {
        head->n_lines++;
    }
    rh_buf_add_text(&head->lines, line);
    rh_buf_add_char(&head->lines, '\n');
    if (!head->lines.failed && head->n_lines <= RH_HTTP_MAX_HEADERS)
        return RH_OK;
    return rh_fail(error, RH_RESOURCE,
                   "the head of the answer is longer than %zu bytes or %d lines", head->lines.max,
                   RH_HTTP_MAX_HEADERS);
}

int rh_http_head_parse(const struct rh_http_head *head, struct rh_arena *arena,
                       const struct rh_http_header **ret_headers, uint32_t *ret_n,
                       struct rh_error *error)
{
    struct rh_text rest = rh_buf_text(&head->lines), line, name;
    struct rh_vec headers = RH_VEC_INIT(struct rh_http_header);
    struct rh_http_header *header;
    bool ok = true;
    char *lower;

    while (rest.len) {
        line = rh_text_cut(&rest, '\n');
        name = rh_text_cut(&line, ':');
        name = rh_text_trim(name);
        if (!name.len || !line.data)
            return rh_fail(error, RH_PROTOCOL, "the head of the answer is malformed");
        header = rh_vec_push(&headers, arena);
        lower = rh_arena_dup(arena, name.data, name.len);
        if (!header || !lower)
            return rh_fail_nomem(error);
        for (uint64_t i = 0; i < name.len; i++)
            if (lower[i] >= 'A' && lower[i] <= 'Z')
                lower[i] = (char)(lower[i] | 0x20);
        header->name = rh_text_make(lower, name.len);
        header->value = rh_arena_text(arena, rh_text_trim(line), &ok);
        if (!ok)
            return rh_fail_nomem(error);
    }
    *ret_headers = headers.items;
    *ret_n = headers.n;
    return RH_OK;
}

struct rh_text rh_http_head_find(const struct rh_http_header *headers, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (rh_text_is(headers[i].name, name))
            return headers[i].value;
    return (struct rh_text){NULL, 0};
}

uint64_t rh_http_retry_after_ms(struct rh_text value, int64_t wall_us)
{
    char date[MAX_DATE];
    uint64_t seconds;
    time_t at;

    value = rh_text_trim(value);
    if (rh_text_to_u64(value, &seconds)) {
        if (seconds > YEAR_S)
            seconds = YEAR_S;
        return seconds ? seconds * 1000 : 1;
    }
    /* digits alone that do not fit are no date either */
    if (!value.len || value.len >= sizeof(date) || !memchr(value.data, ' ', value.len))
        return 0;
    memcpy(date, value.data, value.len);
    date[value.len] = 0;
    at = curl_getdate(date, NULL);
    if (at < 0)
        return 0;
    if (at <= wall_us / 1000000)
        return 1;
    seconds = (uint64_t)at - (uint64_t)(wall_us / 1000000);
    return (seconds > YEAR_S ? YEAR_S : seconds) * 1000;
}
