/*
 * Native type names, which stand bare in the text: read by a small grammar, so that no clause
 * ("DEFAULT f()", "CHECK", "REFERENCES") and no call slips in. Only a collation
 * may be named in quotes.
 */
#include "connector/sql_parts.h"

#include <string.h>
#include <strings.h>

static void skip_spaces(struct rh_text *rest)
{
    while (rest->len && *rest->data == ' ') {
        rest->data++;
        rest->len--;
    }
}

static bool take_sign(struct rh_text *rest, char sign)
{
    skip_spaces(rest);
    if (!rest->len || *rest->data != sign)
        return false;
    rest->data++;
    rest->len--;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A word that begins with a letter; no text when none is next. */
static struct rh_text take_word(struct rh_text *rest)
{
    uint64_t n = 0;

    skip_spaces(rest);
    if (rest->len && is_letter(*rest->data)) {
        while (n < rest->len && (is_letter(rest->data[n]) || is_digit(rest->data[n])))
            n++;
    }
    struct rh_text word = {n ? rest->data : NULL, n};
    if (n) {
        rest->data += n;
        rest->len -= n;
    }
    return word;
}

static bool take_digits(struct rh_text *rest)
{
    uint64_t n = 0;

    skip_spaces(rest);
    while (n < rest->len && is_digit(rest->data[n]))
        n++;
    if (n) {
        rest->data += n;
        rest->len -= n;
    }
    return n > 0;
}

static bool is_one_of(struct rh_text word, const char *const *list)
{
    for (; *list; list++) {
        if (word.len == strlen(*list) && strncasecmp(word.data, *list, word.len) == 0)
            return true;
    }
    return false;
}

/* [schema.]name; not a word that begins a clause of a column. */
static bool take_type_name(struct rh_text *rest)
{
    static const char *const clauses[] = {"as",          "autoincrement", "check",      "collate",
                                          "constraint",  "default",       "deferrable", "foreign",
                                          "generated",   "initially",     "not",        "null",
                                          "on",          "primary",       "references", "storage",
                                          "compression", "unique",        NULL};
    struct rh_text word = take_word(rest);

    if (!word.len || is_one_of(word, clauses))
        return false;
    return !take_sign(rest, '.') || take_word(rest).len > 0;
}

static const char *const collate[] = {"collate", NULL};

/* A word, or a name in double quotes without one inside. */
static bool take_name(struct rh_text *rest)
{
    if (!take_sign(rest, '"'))
        return take_word(rest).len > 0;
    const char *end = memchr(rest->data, '"', rest->len);
    if (!end || end == rest->data)
        return false;
    rest->len -= (uint64_t)(end + 1 - rest->data);
    rest->data = end + 1;
    return true;
}

/* [COLLATE [schema.]name] */
static bool take_collation(struct rh_text *rest)
{
    const struct rh_text word = take_word(rest);

    if (!word.len)
        return true;
    if (!is_one_of(word, collate))
        return false;
    return take_name(rest) && (!take_sign(rest, '.') || take_name(rest));
}

/* The words that may follow a name or its digits. */
static bool take_more_words(struct rh_text *rest)
{
    static const char *const known[] = {
        "big",       "binary", "byte",     "char",  "character", "day",      "double",    "float",
        "hour",      "int",    "integer",  "large", "long",      "minute",   "month",     "object",
        "precision", "second", "signed",   "text",  "to",        "unsigned", "varbinary", "varchar",
        "varying",   "year",   "zerofill", "zone",  NULL};
    static const char *const zoned[] = {"with", "without", NULL};
    static const char *const time[] = {"time", NULL}, *const zone[] = {"zone", NULL};

    for (;;) {
        const struct rh_text before = *rest;
        struct rh_text word = take_word(rest);
        if (!word.len || is_one_of(word, collate)) {
            *rest = before;
            return true;
        }
        if (is_one_of(word, zoned)) {
            struct rh_text first = take_word(rest), second = take_word(rest);
            if (!is_one_of(first, time) || !is_one_of(second, zone))
                return false;
        } else if (!is_one_of(word, known)) {
            return false;
        }
    }
}

/* name [words] ['(' digits [',' digits] ')' [words]] {'[' [digits] ']'} [COLLATE name] */
static bool is_native_type(struct rh_text rest)
{
    if (!take_type_name(&rest) || !take_more_words(&rest))
        return false;
    if (take_sign(&rest, '(')) {
        if (!take_digits(&rest) || (take_sign(&rest, ',') && !take_digits(&rest)) ||
            !take_sign(&rest, ')') || !take_more_words(&rest))
            return false;
    }
    while (take_sign(&rest, '[')) {
        take_digits(&rest);
        if (!take_sign(&rest, ']'))
            return false;
    }
    if (!take_collation(&rest))
        return false;
    skip_spaces(&rest);
    return rest.len == 0;
}

void rh_sql_native_type(struct rh_sql *sql, struct rh_text type)
{
    if (is_native_type(type))
        rh_buf_add_text(&sql->text, type);
    else
        sql->failed = true;
}
