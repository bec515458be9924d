/*
 * Keys from patterns and back. A value ends where its tail begins for the first time, so a value in
 * which the tail begins has no key: add_key finds that out by taking the key apart again.
 */
#include "redis.h"

#include <string.h>

static bool is_name(struct rh_text name)
{
    for (uint64_t i = 0; i < name.len; i++)
        if ((unsigned char)name.data[i] < ' ' || name.data[i] == '{' || name.data[i] == '}')
            return false;
    return name.len > 0 && name.len < 256 && rh_text_is_utf8(name);
}

static int add_placeholder(struct rh_redis_pattern *pattern, struct rh_text name, bool apart,
                           struct rh_error *error)
{
    if (!is_name(name))
        return rh_fail(error, RH_CONFIG, "the pattern has a placeholder without a proper name");
    if (pattern->n == RH_REDIS_MAX_PLACEHOLDERS)
        return rh_fail(error, RH_CONFIG, "the pattern has more than %u placeholders",
                       RH_REDIS_MAX_PLACEHOLDERS);
    if (!apart && pattern->n)
        return rh_fail(error, RH_CONFIG, "in the pattern nothing stands before {%.*s}",
                       RH_TEXT_ARG(name));
    for (uint32_t i = 0; i < pattern->n; i++)
        if (rh_text_equal(pattern->at[i].name, name))
            return rh_fail(error, RH_CONFIG, "the pattern has {%.*s} twice", RH_TEXT_ARG(name));
    pattern->at[pattern->n++] = (struct rh_redis_placeholder){.name = name, .type = RH_TYPE_TEXT};
    return RH_OK;
}

int rh_redis_pattern_parse(struct rh_arena *arena, struct rh_text text,
                           struct rh_redis_pattern *ret_pattern, struct rh_error *error)
{
    struct rh_redis_pattern pattern = {.n = 0};
    char *literals = rh_arena_dup(arena, text.data, text.len), *to = literals, *begin = literals;
    uint64_t i = 0;
    int rc = RH_OK;

    if (!literals)
        return rh_fail_nomem(error);
    while (i < text.len && rc == RH_OK) {
        char c = text.data[i];
        bool twice = i + 1 < text.len && text.data[i + 1] == c;

        if ((c != '{' && c != '}') || twice) {
            *to++ = c;
            i += twice && (c == '{' || c == '}') ? 2 : 1;
        } else if (c == '}') {
            rc = rh_fail(error, RH_CONFIG, "the pattern has a '}' without its '{'");
        } else {
            const char *close = memchr(text.data + i, '}', text.len - i);
            struct rh_text literal = rh_text_make(begin, (size_t)(to - begin)), name;

            if (!close)
                return rh_fail(error, RH_CONFIG, "the pattern has a '{' without its '}'");
            if (pattern.n)
                pattern.at[pattern.n - 1].tail = literal;
            else
                pattern.lead = literal;
            begin = to;
            name = rh_text_make(text.data + i + 1, (size_t)(close - text.data) - i - 1);
            name = rh_arena_text(arena, name, NULL);
            rc = add_placeholder(&pattern, name, literal.len > 0, error);
            i = (uint64_t)(close - text.data) + 1;
        }
    }
    if (rc)
        return rc;
    if (pattern.n)
        pattern.at[pattern.n - 1].tail = rh_text_make(begin, (size_t)(to - begin));
    else
        pattern.lead = rh_text_make(begin, (size_t)(to - begin));
    *ret_pattern = pattern;
    return RH_OK;
}

static bool is_canonical_int(struct rh_text text)
{
    int64_t value;

    return rh_text_to_i64(text, &value) && text.data[0] != '+' &&
           (text.data[0] != '0' || text.len == 1) && (text.data[0] != '-' || (text.data[1] != '0'));
}

bool rh_redis_pattern_match(const struct rh_redis_pattern *pattern, struct rh_text key,
                            struct rh_text ret_values[RH_REDIS_MAX_PLACEHOLDERS])
{
    const char *at = key.data, *end = key.data + key.len;

    if (key.len < pattern->lead.len ||
        (pattern->lead.len && memcmp(at, pattern->lead.data, pattern->lead.len) != 0))
        return false;
    at += pattern->lead.len;
    for (uint32_t i = 0; i < pattern->n; i++) {
        const struct rh_redis_placeholder *placeholder = &pattern->at[i];
        const char *tail = end;

        if (placeholder->tail.len)
            tail = memmem(at, (size_t)(end - at), placeholder->tail.data, placeholder->tail.len);
        if (!tail)
            return false;
        ret_values[i] = rh_text_make(at, (size_t)(tail - at));
        if (placeholder->type == RH_TYPE_INT && !is_canonical_int(ret_values[i]))
            return false;
        at = tail + placeholder->tail.len;
    }
    return at == end;
}

bool rh_redis_pattern_add_key(const struct rh_redis_pattern *pattern, const struct rh_text *values,
                              struct rh_buf *buf)
{
    struct rh_text found[RH_REDIS_MAX_PLACEHOLDERS];
    size_t begin = buf->len;

    rh_buf_add_text(buf, pattern->lead);
    for (uint32_t i = 0; i < pattern->n; i++) {
        rh_buf_add_text(buf, values[i]);
        rh_buf_add_text(buf, pattern->at[i].tail);
    }
    if (buf->failed || !buf->data ||
        !rh_redis_pattern_match(pattern, rh_text_make(buf->data + begin, buf->len - begin), found))
        return false;
    for (uint32_t i = 0; i < pattern->n; i++)
        if (!rh_text_equal(found[i], values[i]))
            return false;
    return true;
}

static void add_escaped(struct rh_text text, struct rh_buf *buf)
{
    for (uint64_t i = 0; i < text.len; i++) {
        if (strchr("*?[]\\^-", text.data[i]) && text.data[i])
            rh_buf_add_char(buf, '\\');
        rh_buf_add_char(buf, text.data[i]);
    }
}

void rh_redis_pattern_add_glob(const struct rh_redis_pattern *pattern, const struct rh_text *values,
                               const bool *is_prefix, struct rh_buf *buf)
{
    add_escaped(pattern->lead, buf);
    for (uint32_t i = 0; i < pattern->n; i++) {
        add_escaped(values[i], buf);
        if (!values[i].data || is_prefix[i])
            rh_buf_add_char(buf, '*');
        add_escaped(pattern->at[i].tail, buf);
    }
}
