/*
 * SQLSTATE → class (manual, appendix A), and where to find the row and column at fault.
 *
 * Messages of the server are passed on as they are, with the detail where it names the value at
 * fault ("Key (id)=(1) already exists."); they never hold credentials.
 */
#include "error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mapping {
    const char *state; /* a whole SQLSTATE, or its first two characters */
    int error_class;
    uint32_t constraint;
    uint32_t retry;
};

/* The first row that fits counts. */
static const struct mapping mappings[] = {
    {"08P01", RH_PROTOCOL, 0, RH_RETRY_NEVER},
    {"08", RH_UNAVAILABLE, 0, RH_RETRY_IF_IDEMPOTENT},
    {"0A", RH_UNSUPPORTED, 0, RH_RETRY_NEVER},
    {"22", RH_DATA, 0, RH_RETRY_NEVER},
    {"23502", RH_CONSTRAINT, RH_CONSTRAINT_NOT_NULL, RH_RETRY_NEVER},
    {"23503", RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY, RH_RETRY_NEVER},
    {"23001", RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY, RH_RETRY_NEVER},
    {"23505", RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE, RH_RETRY_NEVER},
    {"23P01", RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE, RH_RETRY_NEVER},
    {"23", RH_CONSTRAINT, RH_CONSTRAINT_CHECK, RH_RETRY_NEVER},
    {"44", RH_CONSTRAINT, RH_CONSTRAINT_CHECK, RH_RETRY_NEVER},
    {"P0001", RH_CONSTRAINT, RH_CONSTRAINT_CHECK, RH_RETRY_NEVER},         /* RAISE in a trigger */
    {"21000", RH_CONSTRAINT, RH_CONSTRAINT_AMBIGUOUS_KEY, RH_RETRY_NEVER}, /* ON CONFLICT, twice */
    {"25006", RH_PERMISSION, 0, RH_RETRY_NEVER}, /* read-only transaction */
    {"25", RH_INVALID, 0, RH_RETRY_NEVER},
    {"28", RH_AUTH, 0, RH_RETRY_NEVER},
    {"3D", RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {"3F", RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {"40003", RH_UNKNOWN_OUTCOME, 0, RH_RETRY_NEVER},
    {"40", RH_CONFLICT, 0, RH_RETRY_SAFE},
    {"42501", RH_PERMISSION, 0, RH_RETRY_NEVER},
    {"42P01", RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {"42703", RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {"42704", RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {"42P07", RH_EXISTS, 0, RH_RETRY_NEVER},
    {"42710", RH_EXISTS, 0, RH_RETRY_NEVER},
    {"42701", RH_EXISTS, 0, RH_RETRY_NEVER},
    {"42P04", RH_EXISTS, 0, RH_RETRY_NEVER},
    {"42P06", RH_EXISTS, 0, RH_RETRY_NEVER},
    {"42", RH_INVALID, 0, RH_RETRY_NEVER},
    {"53300", RH_BUSY, 0, RH_RETRY_SAFE},
    {"53", RH_RESOURCE, 0, RH_RETRY_SAFE},
    {"54", RH_RESOURCE, 0, RH_RETRY_NEVER},
    {"55P03", RH_BUSY, 0, RH_RETRY_SAFE},
    {"55006", RH_BUSY, 0, RH_RETRY_SAFE},
    {"55", RH_INVALID, 0, RH_RETRY_NEVER},
    {"57014", RH_CANCELLED, 0, RH_RETRY_SAFE},
    {"57", RH_UNAVAILABLE, 0, RH_RETRY_IF_IDEMPOTENT},
    {"58", RH_UNAVAILABLE, 0, RH_RETRY_IF_IDEMPOTENT},
    {"XX", RH_INTERNAL, 0, RH_RETRY_NEVER},
    {"", RH_INVALID, 0, RH_RETRY_NEVER},
};

static const struct mapping *find_mapping(const char *state)
{
    const struct mapping *mapping = mappings;

    while (strncmp(mapping->state, state, strlen(mapping->state)) != 0)
        mapping++;
    return mapping;
}

static void set_state(struct rh_error *error, const char *state, const struct mapping *mapping)
{
    if (!error)
        return;
    (void)snprintf(error->sqlstate, sizeof error->sqlstate, "%.5s", state);
    error->constraint = mapping->constraint;
    error->retry = mapping->retry;
    if (strcmp(state, "25006") == 0)
        rh_error_code(error, "read-only");
    else if (strcmp(state, "53100") == 0)
        rh_error_code(error, "datasource-full");
}

/* "Key (code, city)=(A1, Oslo) already exists": the first column, unless it is an expression or a
 * quoted name. The words around it are in the server's language. */
static void set_key_column(struct rh_error *error, const char *detail)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    const char *name = strchr(detail, '(');
    size_t n = name ? strspn(++name, plain) : 0;

    if (n && n < sizeof error->column && (name[n] == ',' || strncmp(name + n, ")=(", 3) == 0))
        (void)snprintf(error->column, sizeof error->column, "%.*s", (int)n, name);
}

bool rh_pg_has_state(const PGresult *result, const char *sqlstate)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;

    return state && strcmp(state, sqlstate) == 0;
}

/* "COPY items, line 57, column price: …" */
static void set_copy_row(const PGresult *result, struct rh_error *error)
{
    const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
    const char *line = NULL;
    char *end = NULL;
    unsigned long number = 0;

    if (!context || strncmp(context, "COPY ", 5) != 0)
        return;
    line = strstr(context, ", line ");
    if (!line)
        return;
    number = strtoul(line + 7, &end, 10);
    if (number > 0 && end != line + 7)
        error->row = number - 1;
}

/* Without its last period. */
static int length_of_sentence(const char *text)
{
    size_t n = strlen(text);

    if (n && text[n - 1] == '.')
        n--;
    return (int)n;
}

int rh_pg_fail_result(const PGresult *result, struct rh_error *error)
{
    const char *state = NULL, *message = NULL, *detail = NULL, *hint = NULL, *column = NULL;
    const struct mapping *mapping = NULL;
    int rc = 0;

    if (!result)
        return rh_fail_nomem(error);
    state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!message)
        return rh_fail(error, RH_PROTOCOL, "the server sent an answer that was not expected (%s)",
                       PQresStatus(PQresultStatus(result)));
    if (error && error->error_class)
        return error->error_class;
    state = state ? state : "";
    mapping = find_mapping(state);
    detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    if (strcmp(state, "57014") == 0 && strstr(message, "statement timeout"))
        rc = rh_fail(error, RH_TIMEOUT, "%s", message);
    else if (detail && mapping->error_class == RH_CONSTRAINT)
        rc = rh_fail(error, mapping->error_class, "%s: %.*s", message, length_of_sentence(detail),
                     detail);
    else
        rc = rh_fail(error, mapping->error_class, "%s", message);
    set_state(error, state, mapping);
    if (!error)
        return rc;
    hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    if (hint)
        (void)rh_error_hint(error, "%.*s", length_of_sentence(hint), hint);
    if (detail && (mapping->constraint == RH_CONSTRAINT_UNIQUE ||
                   mapping->constraint == RH_CONSTRAINT_FOREIGN_KEY))
        set_key_column(error, detail);
    column = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);
    if (column && strlen(column) < sizeof error->column)
        (void)snprintf(error->column, sizeof error->column, "%s", column);
    set_copy_row(result, error);
    return rc;
}

int rh_pg_blame_column(const struct rh_column *column, struct rh_error *error)
{
    struct rh_text name = column ? column->name : (struct rh_text){NULL, 0};

    if (!error || !name.len)
        return error ? error->error_class : RH_DATA;
    if (name.len < sizeof error->column)
        (void)snprintf(error->column, sizeof error->column, "%.*s", RH_TEXT_ARG(name));
    return rh_error_prefix(error, "column \"%.*s\"", RH_TEXT_ARG(name));
}

/* ---- connecting ---- */

/* libpq keeps no SQLSTATE of a connection that failed; with verbose messages it stands in the
 * text: `connection to server at "…", port 5432 failed: FATAL:  28P01: password …`. */
static const char *find_state(const char *text)
{
    for (const char *at = text; (at = strstr(at, ":  ")); at++) {
        const char *state = at + 3;
        size_t n = strspn(state, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (n == 5 && state[5] == ':' && state[6] == ' ')
            return state;
    }
    return NULL;
}

int rh_pg_fail_connect(PGconn *pg, struct rh_error *error)
{
    const char *text = PQerrorMessage(pg);
    const char *state = find_state(text);
    const char *message = text;
    int rc = 0;

    if (state) {
        char code[6] = {0};
        const struct mapping *mapping = NULL;
        memcpy(code, state, 5);
        mapping = find_mapping(code);
        message = state + 7;
        rc = rh_fail(error, mapping->error_class, "the server refused the connection: %.*s",
                     (int)strcspn(message, "\n"), message);
        set_state(error, code, mapping);
        return rc;
    }
    if (PQconnectionNeedsPassword(pg) || strstr(text, "no password supplied")) {
        rh_fail(error, RH_AUTH, "the server asks for a password and none is set");
        return rh_error_hint(error, "Set the datasource's password");
    }
    if (strstr(text, "certificate") || strstr(text, "server does not support SSL") ||
        strstr(text, "private key"))
        return rh_fail(error, RH_CONFIG, "%.*s", (int)strcspn(text, "\n"), text);
    rc = rh_fail(error, RH_UNAVAILABLE, "%.*s", (int)strcspn(text, "\n"), text);
    if (error)
        error->retry = RH_RETRY_SAFE;
    return rc;
}
