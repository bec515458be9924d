/* See api.h. */
#include "api.h"

#include "base/text.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* A text for a wide or narrow function, ended by zero; items is NULL for no text. */
struct given {
    void *items;
    SQLSMALLINT n;
    bool failed;
};

static struct given give(struct rh_text text, bool narrow)
{
    struct given made = {.items = NULL};
    size_t n = text.len;

    if (!text.data)
        return made;
    made.failed = true;
    if (text.len > INT32_MAX / 4 || (text.len && memchr(text.data, '\0', text.len)))
        return made;
    made.items = calloc(text.len + 1, narrow ? 1 : sizeof(SQLWCHAR));
    if (!made.items)
        return made;
    if (narrow)
        memcpy(made.items, text.data, text.len);
    else if (!rh_odbc_to_utf16(text, made.items, &n))
        return made;
    made.n = SQL_NTS;
    made.failed = false;
    return made;
}

static void release(struct given *given)
{
    free(given->items);
}

SQLRETURN rh_odbc_api_connect(SQLHDBC dbc, bool narrow, struct rh_text string)
{
    struct given given = give(string, narrow);
    SQLRETURN code = SQL_ERROR;

    if (!given.failed && narrow)
        code =
            SQLDriverConnect(dbc, NULL, given.items, SQL_NTS, NULL, 0, NULL, SQL_DRIVER_NOPROMPT);
    else if (!given.failed)
        code =
            SQLDriverConnectW(dbc, NULL, given.items, SQL_NTS, NULL, 0, NULL, SQL_DRIVER_NOPROMPT);
    if (given.items)
        explicit_bzero(given.items, string.len);
    release(&given);
    return code;
}

SQLRETURN rh_odbc_api_prepare(SQLHSTMT statement, bool narrow, struct rh_text text)
{
    struct given given = give(text, narrow);
    SQLRETURN code = SQL_ERROR;

    if (!given.failed)
        code = narrow ? SQLPrepare(statement, given.items, SQL_NTS)
                      : SQLPrepareW(statement, given.items, SQL_NTS);
    release(&given);
    return code;
}

SQLRETURN rh_odbc_api_execute(SQLHSTMT statement, bool narrow, struct rh_text text)
{
    struct given given = give(text, narrow);
    SQLRETURN code = SQL_ERROR;

    if (!given.failed)
        code = narrow ? SQLExecDirect(statement, given.items, SQL_NTS)
                      : SQLExecDirectW(statement, given.items, SQL_NTS);
    release(&given);
    return code;
}

/* ---- the catalogue ---- */

static SQLRETURN call_wide(SQLHSTMT statement, enum rh_odbc_function function,
                           const struct given *c, const struct given *s, const struct given *t)
{
    static SQLWCHAR any[] = {'%', 0};

    switch (function) {
    case RH_ODBC_TABLES:
        return SQLTablesW(statement, c->items, c->n, s->items, s->n, any, SQL_NTS, NULL, 0);
    case RH_ODBC_COLUMNS:
        return SQLColumnsW(statement, c->items, c->n, s->items, s->n, any, SQL_NTS, any, SQL_NTS);
    case RH_ODBC_PRIMARY_KEYS:
        return SQLPrimaryKeysW(statement, c->items, c->n, s->items, s->n, t->items, t->n);
    case RH_ODBC_FOREIGN_KEYS:
        return SQLForeignKeysW(statement, NULL, 0, NULL, 0, NULL, 0, c->items, c->n, s->items, s->n,
                               t->items, t->n);
    default:
        return SQLStatisticsW(statement, c->items, c->n, s->items, s->n, t->items, t->n,
                              SQL_INDEX_ALL, SQL_QUICK);
    }
}

static SQLRETURN call_narrow(SQLHSTMT statement, enum rh_odbc_function function,
                             const struct given *c, const struct given *s, const struct given *t)
{
    static SQLCHAR any[] = "%";

    switch (function) {
    case RH_ODBC_TABLES:
        return SQLTables(statement, c->items, c->n, s->items, s->n, any, SQL_NTS, NULL, 0);
    case RH_ODBC_COLUMNS:
        return SQLColumns(statement, c->items, c->n, s->items, s->n, any, SQL_NTS, any, SQL_NTS);
    case RH_ODBC_PRIMARY_KEYS:
        return SQLPrimaryKeys(statement, c->items, c->n, s->items, s->n, t->items, t->n);
    case RH_ODBC_FOREIGN_KEYS:
        return SQLForeignKeys(statement, NULL, 0, NULL, 0, NULL, 0, c->items, c->n, s->items, s->n,
                              t->items, t->n);
    default:
        return SQLStatistics(statement, c->items, c->n, s->items, s->n, t->items, t->n,
                             SQL_INDEX_ALL, SQL_QUICK);
    }
}

SQLRETURN rh_odbc_api_catalog(SQLHSTMT statement, bool narrow, enum rh_odbc_function function,
                              struct rh_text catalog, struct rh_text schema, struct rh_text table)
{
    struct given c = give(catalog, narrow), s = give(schema, narrow), t = give(table, narrow);
    SQLRETURN code = SQL_ERROR;

    if (!c.failed && !s.failed && !t.failed)
        code = narrow ? call_narrow(statement, function, &c, &s, &t)
                      : call_wide(statement, function, &c, &s, &t);
    release(&c);
    release(&s);
    release(&t);
    return code;
}

/* ---- what is given back ---- */

#define MAX_UNITS (RH_ODBC_NAME_MAX / 3 - 1)

/* bytes or units: as the driver says, which may be more than there was room for. */
static size_t clip(SQLSMALLINT said, size_t max)
{
    return said < 0 ? 0 : (size_t)said > max ? max : (size_t)said;
}

size_t rh_odbc_api_column_name(SQLHSTMT statement, bool narrow, SQLUSMALLINT column,
                               SQLUSMALLINT attribute, char ret_name[RH_ODBC_NAME_MAX])
{
    SQLWCHAR units[MAX_UNITS + 1] = {0};
    SQLSMALLINT n = 0;

    if (narrow) {
        SQLRETURN code =
            SQLColAttribute(statement, column, attribute, ret_name, RH_ODBC_NAME_MAX, &n, NULL);
        return SQL_SUCCEEDED(code) ? clip(n, RH_ODBC_NAME_MAX - 1) : 0;
    }
    if (!SQL_SUCCEEDED(
            SQLColAttributeW(statement, column, attribute, units, sizeof units, &n, NULL)))
        return 0;
    return rh_odbc_to_utf8(units, clip((SQLSMALLINT)(n / 2), MAX_UNITS), ret_name);
}

bool rh_odbc_api_diagnostic(SQLSMALLINT type, SQLHANDLE handle, bool narrow, SQLSMALLINT number,
                            char ret_state[6], SQLINTEGER *ret_native,
                            char ret_text[RH_ODBC_NAME_MAX])
{
    SQLWCHAR state[6] = {0}, units[MAX_UNITS + 1] = {0};
    SQLSMALLINT n = 0;
    size_t len = 0;

    if (narrow) {
        if (!SQL_SUCCEEDED(SQLGetDiagRec(type, handle, number, (SQLCHAR *)ret_state, ret_native,
                                         (SQLCHAR *)ret_text, RH_ODBC_NAME_MAX, &n)))
            return false;
        len = clip(n, RH_ODBC_NAME_MAX - 1);
    } else {
        if (!SQL_SUCCEEDED(
                SQLGetDiagRecW(type, handle, number, state, ret_native, units, MAX_UNITS, &n)))
            return false;
        for (unsigned i = 0; i < 6; i++)
            ret_state[i] = (char)state[i];
        len = rh_odbc_to_utf8(units, clip(n, MAX_UNITS), ret_text);
    }
    ret_state[5] = '\0';
    ret_text[len] = '\0';
    return true;
}
