/* Regular expressions of users, bounded. */
#include "rows/regex.h"

#include "base/err.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>

/* About 50 ms of backtracking at worst, and 16 MiB of it. */
#define MATCH_LIMIT 1000000
#define DEPTH_LIMIT 100000
#define HEAP_LIMIT_KIB 16384

struct rh_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
};

int rh_regex_new(struct rh_text pattern, struct rh_regex **ret_regex, struct rh_error *error)
{
    struct rh_regex *regex = calloc(1, sizeof(*regex));
    unsigned char reason[160];
    PCRE2_SIZE place = 0;
    int number = 0;

    if (!regex)
        return rh_fail_nomem(error);
    regex->code =
        pcre2_compile((PCRE2_SPTR)(pattern.data ? pattern.data : ""), pattern.len,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                      &number, &place, NULL);
    if (!regex->code) {
        pcre2_get_error_message(number, reason, sizeof(reason));
        rh_fail(error, RH_INVALID, "the regular expression is not valid at character %zu: %s",
                place + 1, (const char *)reason);
        rh_error_code(error, "invalid-filter");
        rh_regex_free(regex);
        return RH_INVALID;
    }
    regex->data = pcre2_match_data_create(1, NULL);
    regex->context = pcre2_match_context_create(NULL);
    if (!regex->data || !regex->context) {
        rh_regex_free(regex);
        return rh_fail_nomem(error);
    }
    pcre2_set_match_limit(regex->context, MATCH_LIMIT);
    pcre2_set_depth_limit(regex->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(regex->context, HEAP_LIMIT_KIB);
    *ret_regex = regex;
    return RH_OK;
}

void rh_regex_free(struct rh_regex *regex)
{
    if (!regex)
        return;
    pcre2_match_context_free(regex->context);
    pcre2_match_data_free(regex->data);
    pcre2_code_free(regex->code);
    free(regex);
}

int rh_regex_find(struct rh_regex *regex, struct rh_text text, struct rh_error *error)
{
    int r = pcre2_match(regex->code, (PCRE2_SPTR)(text.data ? text.data : ""), text.len, 0, 0,
                        regex->data, regex->context);

    if (r >= 0)
        return 1;
    if (r == PCRE2_ERROR_NOMATCH)
        return 0;
    rh_fail(error, RH_RESOURCE, "the regular expression takes too long on a value of %llu bytes",
            (unsigned long long)text.len);
    rh_error_code(error, "budget-exceeded");
    return rh_error_hint(error, "use an expression with fewer nested repetitions");
}
