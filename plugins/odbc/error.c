/*
 * SQLSTATE, then the database's own number, then (SQLite, whose driver gives HY000 for everything)
 * its words → class.
 *
 * Messages lose their "[vendor][driver]" prefixes. What follows a password keyword is struck out:
 * some drivers quote the connection string.
 */
#include "error.h"

#include "api.h"
#include "dialect.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_RECORDS 8

struct record {
    char state[6];
    SQLINTEGER native;
    char text[RH_ODBC_NAME_MAX];
};

struct mapping {
    const char *state; /* a whole SQLSTATE, or its first characters */
    int error_class;
    uint32_t constraint;
};

/* The first row that fits counts. */
static const struct mapping mappings[] = {
    {"08007", RH_UNKNOWN_OUTCOME, 0},
    {"08", RH_UNAVAILABLE, 0},
    {"0A", RH_UNSUPPORTED, 0},
    {"21000", RH_CONSTRAINT, RH_CONSTRAINT_AMBIGUOUS_KEY},
    {"22", RH_DATA, 0},
    {"23502", RH_CONSTRAINT, RH_CONSTRAINT_NOT_NULL},
    {"23503", RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY},
    {"23001", RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY},
    {"23504", RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY},
    {"23505", RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE},
    {"23506", RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY},
    {"23P01", RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE},
    {"23", RH_CONSTRAINT, RH_CONSTRAINT_CHECK},
    {"44", RH_CONSTRAINT, RH_CONSTRAINT_CHECK},
    {"25006", RH_PERMISSION, 0},
    {"25", RH_INVALID, 0},
    {"28", RH_AUTH, 0},
    {"3D", RH_NOT_FOUND, 0},
    {"3F", RH_NOT_FOUND, 0},
    {"40003", RH_UNKNOWN_OUTCOME, 0},
    {"40", RH_CONFLICT, 0},
    {"42501", RH_PERMISSION, 0},
    {"42S01", RH_EXISTS, 0},
    {"42S11", RH_EXISTS, 0},
    {"42S21", RH_EXISTS, 0},
    {"42P07", RH_EXISTS, 0},
    {"42701", RH_EXISTS, 0},
    {"42710", RH_EXISTS, 0},
    {"42S02", RH_NOT_FOUND, 0},
    {"42S12", RH_NOT_FOUND, 0},
    {"42S22", RH_NOT_FOUND, 0},
    {"42P01", RH_NOT_FOUND, 0},
    {"42703", RH_NOT_FOUND, 0},
    {"42704", RH_NOT_FOUND, 0},
    {"42", RH_INVALID, 0},
    {"53", RH_RESOURCE, 0},
    {"55", RH_BUSY, 0},
    {"57014", RH_CANCELLED, 0},
    {"57", RH_UNAVAILABLE, 0},
    {"HY001", RH_RESOURCE, 0},
    {"HY008", RH_CANCELLED, 0},
    {"HY013", RH_RESOURCE, 0},
    {"HYC00", RH_UNSUPPORTED, 0},
    {"HYT01", RH_UNAVAILABLE, 0},
    {"HYT00", RH_TIMEOUT, 0},
    {"IM002", RH_CONFIG, 0},
    {"IM003", RH_CONFIG, 0},
    {"IM004", RH_CONFIG, 0},
    {"IM", RH_UNSUPPORTED, 0},
    {"", RH_INVALID, 0},
};

static const struct mapping *mapping_of_state(const char *state)
{
    const struct mapping *mapping = mappings;

    while (strncmp(mapping->state, state, strlen(mapping->state)) != 0)
        mapping++;
    return mapping;
}

/* ---- records ---- */

/* "[unixODBC][Driver Manager]Data source name not found" → what stands behind the brackets. */
static const char *without_prefixes(const char *text)
{
    while (*text == '[') {
        const char *end = strchr(text, ']');
        if (!end)
            break;
        text = end + 1;
        while (*text == ' ')
            text++;
    }
    return text;
}

/* Everything from a password on: where it ends is not certain. */
static void strike_out(char *text)
{
    static const char *const keywords[] = {"PWD=", "password=", "pwd =", "identified by"};

    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        char *found = strcasestr(text, keywords[i]);
        if (found)
            found[strlen(keywords[i])] = '\0';
    }
}

/* One line, without its last period. */
static void tidy(char *text)
{
    size_t n = 0;

    for (char *at = text; *at; at++) {
        bool space = isspace((unsigned char)*at) || iscntrl((unsigned char)*at);
        if (space && (n == 0 || text[n - 1] == ' '))
            continue;
        text[n++] = space ? ' ' : *at;
    }
    while (n && (text[n - 1] == ' ' || text[n - 1] == '.' || text[n - 1] == ';'))
        n--;
    text[n] = '\0';
}

static bool get_record(SQLSMALLINT type, SQLHANDLE handle, bool narrow, SQLSMALLINT number,
                       struct record *ret_record)
{
    if (!rh_odbc_api_diagnostic(type, handle, narrow, number, ret_record->state,
                                &ret_record->native, ret_record->text))
        return false;
    strike_out(ret_record->text);
    tidy(ret_record->text);
    return true;
}

/* ---- what the database's own number or words say ---- */

static void refine(const struct rh_odbc_dialect *dialect, const struct record *record,
                   struct mapping *mapping)
{
    const struct rh_odbc_native_error *known = dialect ? dialect->native_errors : NULL;

    for (; known && known->error_class; known++) {
        bool fits = known->words ? strcasestr(record->text, known->words) != NULL
                                 : known->code == record->native;
        if (fits) {
            mapping->error_class = known->error_class;
            mapping->constraint = known->constraint;
            return;
        }
    }
    if (mapping->error_class == RH_UNAVAILABLE &&
        (strcasestr(record->text, "password authentication failed") ||
         strcasestr(record->text, "access denied for user") ||
         strcasestr(record->text, "login failed") || strcasestr(record->text, "no password")))
        mapping->error_class = RH_AUTH;
}

static uint32_t retry_of(int error_class)
{
    switch (error_class) {
    case RH_CONFLICT:
    case RH_BUSY:
    case RH_CANCELLED:
        return RH_RETRY_SAFE;
    case RH_UNAVAILABLE:
        return RH_RETRY_IF_IDEMPOTENT;
    default:
        return RH_RETRY_NEVER;
    }
}

static bool says_something(const struct record *record)
{
    return strncmp(record->state, "01", 2) != 0 && strcmp(record->state, "00000") != 0;
}

int rh_odbc_fail(SQLSMALLINT type, SQLHANDLE handle, bool narrow,
                 const struct rh_odbc_dialect *dialect, struct rh_error *error)
{
    char message[sizeof((struct rh_error *)0)->message];
    struct mapping mapping = {"", RH_INVALID, 0};
    struct record record, first = {.native = 0};
    size_t len = 0;
    int rc;

    message[0] = '\0';
    for (SQLSMALLINT i = 1; i <= MAX_RECORDS && get_record(type, handle, narrow, i, &record); i++) {
        const char *text = without_prefixes(record.text);
        if (!says_something(&record) && first.state[0])
            continue;
        if (!first.state[0] || !says_something(&first)) {
            first = record;
            mapping = *mapping_of_state(record.state);
            refine(dialect, &record, &mapping);
        }
        if (!*text || strstr(message, text))
            continue;
        int n = snprintf(message + len, sizeof message - len, "%s%s", len ? "; " : "", text);
        len = n < 0 || (size_t)n >= sizeof message - len ? sizeof message - 1 : len + (size_t)n;
    }
    if (error && error->error_class)
        return error->error_class;
    if (!message[0])
        return rh_fail(error, RH_PROTOCOL, "the driver failed without saying why");
    rc = rh_fail(error, mapping.error_class, "%s", message);
    if (error) {
        (void)snprintf(error->sqlstate, sizeof error->sqlstate, "%.5s", first.state);
        error->native_code = first.native;
        error->constraint = mapping.constraint;
        error->retry = retry_of(rc);
    }
    return rc;
}

bool rh_odbc_is_lost(SQLSMALLINT type, SQLHANDLE handle, bool narrow)
{
    struct record record;

    for (SQLSMALLINT i = 1; i <= MAX_RECORDS && get_record(type, handle, narrow, i, &record); i++) {
        if (strncmp(record.state, "08", 2) == 0 || strcmp(record.state, "HYT01") == 0)
            return true;
    }
    return false;
}
