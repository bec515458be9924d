/* Whether a text is one JSON value. A loop over tokens; one bit per level tells objects. */
#include "rows/jsoncheck.h"

#include "base/json.h"
#include "base/json_scan.h"
#include "base/number.h"

struct check {
    const char *at, *end;
    unsigned depth;
    uint64_t is_object[RH_JSON_MAX_DEPTH / 64];
};

static void skip_space(struct check *check)
{
    while (check->at < check->end &&
           (*check->at == ' ' || *check->at == '\n' || *check->at == '\t' || *check->at == '\r'))
        check->at++;
}

static bool take(struct check *check, char c)
{
    if (check->at == check->end || *check->at != c)
        return false;
    check->at++;
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool take_escape(struct check *check)
{
    char c = check->at < check->end ? *check->at++ : '\0';

    if (c != 'u')
        return c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
    for (unsigned i = 0; i < 4; i++, check->at++)
        if (check->at == check->end || !is_hex(*check->at))
            return false;
    return true;
}

static bool take_string(struct check *check)
{
    if (!take(check, '"'))
        return false;
    for (;;) {
        check->at = rh_json_plain_end(check->at, check->end);
        if (take(check, '"'))
            return true;
        if (!take(check, '\\') || !take_escape(check))
            return false;
    }
}

static bool take_word(struct check *check, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(check->end - check->at) < n || memcmp(check->at, word, n) != 0)
        return false;
    check->at += n;
    return true;
}

static bool take_scalar(struct check *check)
{
    size_t n;

    if (check->at == check->end)
        return false;
    switch (*check->at) {
    case '"':
        return take_string(check);
    case 't':
        return take_word(check, "true");
    case 'f':
        return take_word(check, "false");
    case 'n':
        return take_word(check, "null");
    default:
        n = rh_number_length(rh_text_make(check->at, (size_t)(check->end - check->at)));
        check->at += n;
        return n > 0;
    }
}

static bool in_object(const struct check *check)
{
    unsigned level = check->depth - 1;

    return check->depth && (check->is_object[level / 64] >> (level % 64) & 1);
}

static bool open_level(struct check *check, bool object)
{
    unsigned level = check->depth;
    uint64_t bit = UINT64_C(1) << (level % 64);

    if (level == RH_JSON_MAX_DEPTH)
        return false;
    if (object)
        check->is_object[level / 64] |= bit;
    else
        check->is_object[level / 64] &= ~bit;
    check->depth++;
    return true;
}

/* "name": */
static bool take_name(struct check *check)
{
    skip_space(check);
    if (!take_string(check))
        return false;
    skip_space(check);
    return take(check, ':');
}

/* Behind a value: closes what ends here. True with *ret_more: another value must follow. */
static bool after_value(struct check *check, bool *ret_more)
{
    for (;;) {
        skip_space(check);
        *ret_more = false;
        if (check->depth == 0)
            return check->at == check->end;
        if (take(check, ',')) {
            *ret_more = true;
            return !in_object(check) || take_name(check);
        }
        if (!take(check, in_object(check) ? '}' : ']'))
            return false;
        check->depth--;
    }
}

bool rh_jsoncheck_is_valid(struct rh_text text)
{
    struct check check = {.at = text.data ? text.data : "", .depth = 0};
    bool more = true;

    check.end = check.at + text.len;
    while (more) {
        skip_space(&check);
        if (take(&check, '{')) {
            if (!open_level(&check, true))
                return false;
            skip_space(&check);
            if (check.at < check.end && *check.at != '}') {
                if (!take_name(&check))
                    return false;
                continue;
            }
        } else if (take(&check, '[')) {
            if (!open_level(&check, false))
                return false;
            skip_space(&check);
            if (check.at < check.end && *check.at != ']')
                continue;
        } else if (!take_scalar(&check)) {
            return false;
        }
        if (!after_value(&check, &more))
            return false;
    }
    return true;
}
