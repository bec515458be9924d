/*
 * See native_kind.h. Only the first word is looked at, so what stands in front of it is skipped as
 * the server's scanner (scan.l) does. A function or a DO block cannot end the transaction that it is
 * called in.
 */
#include "native_kind.h"

#include "connector/kit.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Behind the block comment that starts at `at`; they nest. The end when it is not closed. */
static const char *skip_block(const char *at, const char *end)
{
    int depth = 0;

    while (end - at >= 2) {
        if (at[0] == '/' && at[1] == '*') {
            depth++;
            at += 2;
        } else if (at[0] == '*' && at[1] == '/') {
            at += 2;
            if (--depth == 0)
                return at;
        } else {
            at++;
        }
    }
    return end;
}

/* All that the server's scanner passes over in front of a statement, and parentheses. */
static void skip_to_word(struct rh_text *text)
{
    const char *at = text->data, *end = text->data + text->len;

    while (at < end) {
        bool two = end - at >= 2;
        if (*at && strchr(" \t\n\r\f\v;(", *at)) {
            at++;
        } else if (two && at[0] == '-' && at[1] == '-') {
            while (at < end && *at != '\n' && *at != '\r')
                at++;
        } else if (two && at[0] == '/' && at[1] == '*') {
            at = skip_block(at, end);
        } else {
            break;
        }
    }
    *text = rh_text_make(at, (size_t)(end - at));
}

static bool first_word_is(struct rh_text text, const char *const *words)
{
    size_t n = 0;

    skip_to_word(&text);
    while (n < text.len && isalpha((unsigned char)text.data[n]))
        n++;
    for (; *words; words++) {
        if (strlen(*words) == n && strncasecmp(text.data, *words, n) == 0)
            return true;
    }
    return false;
}

static bool is_transaction_control(struct rh_text text)
{
    static const char *const words[] = {"begin", "start",     "commit",  "end",     "rollback",
                                        "abort", "savepoint", "release", "prepare", NULL};
    return first_word_is(text, words);
}

static bool is_copy(struct rh_text text)
{
    static const char *const words[] = {"copy", NULL};
    return first_word_is(text, words);
}

/* What a read-only transaction allows, and rolling back does not bring back. */
static bool forgets_statements(struct rh_text text)
{
    static const char *const words[] = {"deallocate", "discard", NULL};
    return first_word_is(text, words);
}

int rh_pg_native_check(const struct rh_native_spec *spec, const struct rh_op *op,
                       struct rh_error *error)
{
    if (!spec->text.len || memchr(spec->text.data, '\0', spec->text.len))
        return rh_fail(error, RH_INVALID, "the text of the statement is empty or holds a NUL");
    if (is_transaction_control(spec->text)) {
        rh_fail(error, RH_UNSUPPORTED, "transaction control cannot be used here");
        return rh_error_hint(error, "Use a transaction of Rowhouse");
    }
    if (is_copy(spec->text))
        return rh_fail(error, RH_UNSUPPORTED, "COPY cannot be used here");
    if ((op->flags & RH_OP_READ_ONLY) && forgets_statements(spec->text))
        return rh_fail(error, RH_PERMISSION, "the operation is read-only");
    return RH_OK;
}
