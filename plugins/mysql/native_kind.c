/*
 * See native_kind.h. Words are read as the server's scanner (sql_lex.cc) does: comments are skipped,
 * but what stands in a comment with an exclamation mark is code. What a list here does not know is
 * found by its outcome (native.c).
 */
#include "native_kind.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool starts(const char *at, const char *end, const char *with)
{
    size_t n = strlen(with);

    return (size_t)(end - at) >= n && memcmp(at, with, n) == 0;
}

/* Behind the quoted thing that begins at `at`; a backslash protects, except between backticks. */
static const char *skip_quoted(const char *at, const char *end)
{
    char quote = *at++;

    while (at < end && *at != quote)
        at += *at == '\\' && quote != '`' && end - at > 1 ? 2 : 1;
    return at < end ? at + 1 : end;
}

/* Behind what is no word: space, signs, strings, comments. */
static const char *skip_to_word(const char *at, const char *end, bool strings)
{
    while (at < end) {
        if (starts(at, end, "/*!") || starts(at, end, "/*M!")) {
            at += at[2] == '!' ? 3 : 4;
            while (at < end && isdigit((unsigned char)*at))
                at++;
        } else if (starts(at, end, "/*")) {
            const char *close = memmem(at + 2, (size_t)(end - at - 2), "*/", 2);
            at = close ? close + 2 : end;
        } else if (*at == '#' ||
                   (starts(at, end, "--") && (end - at == 2 || isspace((unsigned char)at[2]) ||
                                              iscntrl((unsigned char)at[2])))) {
            while (at < end && *at != '\n')
                at++;
        } else if (*at == '\'' || *at == '"' || *at == '`') {
            if (!strings)
                return at;
            at = skip_quoted(at, end);
        } else if (isalpha((unsigned char)*at) || *at == '_' || *at == '@' || (*at & 0x80)) {
            return at;
        } else {
            at++;
        }
    }
    return end;
}

static const char *behind_word(const char *at, const char *end)
{
    while (at < end &&
           (isalnum((unsigned char)*at) || *at == '_' || *at == '$' || *at == '@' || (*at & 0x80)))
        at++;
    return at;
}

static bool is_one_of(struct rh_text word, const char *const *list)
{
    for (; *list; list++) {
        if (strlen(*list) == word.len && strncasecmp(word.data, *list, word.len) == 0)
            return true;
    }
    return false;
}

static struct rh_text first_word(struct rh_text text)
{
    const char *end = text.data + text.len, *at = skip_to_word(text.data, end, false);

    return rh_text_make(at, (size_t)(behind_word(at, end) - at));
}

static bool has_word(struct rh_text text, const char *const *words)
{
    const char *end = text.data + text.len, *at = skip_to_word(text.data, end, true);

    while (at < end) {
        const char *behind = behind_word(at, end);
        if (behind == at)
            behind++;
        if (is_one_of(rh_text_make(at, (size_t)(behind - at)), words))
            return true;
        at = skip_to_word(behind, end, true);
    }
    return false;
}

static const char *const control[] = {"begin",   "start",      "commit", "rollback", "savepoint",
                                      "release", "xa",         "lock",   "unlock",   "prepare",
                                      "execute", "deallocate", "use",    NULL};
static const char *const commits[] = {
    "alter", "analyze",  "cache",     "change",   "check",  "create",   "drop",  "flush",
    "grant", "install",  "load",      "optimize", "rename", "repair",   "reset", "revoke",
    "stop",  "truncate", "uninstall", "backup",   "purge",  "shutdown", NULL};
static const char *const reads[] = {"select",  "with",     "table", "values", "show",
                                    "explain", "describe", "desc",  NULL};
static const char *const files[] = {"outfile", "dumpfile", NULL};
static const char *const modes[] = {"autocommit", "@@autocommit", "transaction", "sql_log_bin",
                                    NULL};
static const char *const set[] = {"set", NULL};

int rh_my_native_check(const struct rh_conn *conn, const struct rh_native_spec *spec,
                       const struct rh_op *op, struct rh_error *error)
{
    struct rh_text word = first_word(spec->text);

    if (!spec->text.len || memchr(spec->text.data, '\0', spec->text.len))
        return rh_fail(error, RH_INVALID, "the text of the statement is empty or holds a NUL");
    if (is_one_of(word, control) || (is_one_of(word, set) && has_word(spec->text, modes))) {
        rh_fail(error, RH_UNSUPPORTED, "transaction control cannot be used here");
        return rh_error_hint(error, "Use a transaction of Rowhouse");
    }
    if ((op->flags & RH_OP_READ_ONLY) && (!is_one_of(word, reads) || has_word(spec->text, files)))
        return rh_fail(error, RH_PERMISSION, "the operation is read-only");
    if (conn->in_tx && is_one_of(word, commits)) {
        rh_fail(error, RH_UNSUPPORTED, "the statement would commit the transaction");
        return rh_error_hint(error, "Run it outside of a transaction");
    }
    return RH_OK;
}

bool rh_my_native_reads(const struct rh_native_spec *spec)
{
    return is_one_of(first_word(spec->text), reads) &&
           !is_one_of(first_word(spec->text), (const char *const[]){"with", NULL});
}
