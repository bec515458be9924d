/*
 * The ODBC functions that take or give texts, all as UTF-8: the wide ones (…W), but for drivers
 * that are known to have none. The driver manager would squeeze wide texts into Latin-1 for those,
 * while their narrow functions take UTF-8 as it is.
 */
#pragma once

#include <rowhouse/value.h>

#include <sql.h>
#include <sqlext.h>
#include <stdbool.h>

/* Enough for any name; longer ones are cut off. */
#define RH_ODBC_NAME_MAX 1024

/* The text must be valid UTF-8 without NUL: SQL_ERROR otherwise, or when memory runs out, without
 * a diagnostic record. */
SQLRETURN rh_odbc_api_connect(SQLHDBC dbc, bool narrow, struct rh_text string);
SQLRETURN rh_odbc_api_prepare(SQLHSTMT statement, bool narrow, struct rh_text text);
SQLRETURN rh_odbc_api_execute(SQLHSTMT statement, bool narrow, struct rh_text text);

enum rh_odbc_function {
    RH_ODBC_TABLES,       /* all */
    RH_ODBC_COLUMNS,      /* of all tables */
    RH_ODBC_PRIMARY_KEYS, /* of the table */
    RH_ODBC_FOREIGN_KEYS, /* of the table, to others */
    RH_ODBC_STATISTICS,   /* of the table */
};
/* A catalogue function; no text = not said. */
SQLRETURN rh_odbc_api_catalog(SQLHSTMT statement, bool narrow, enum rh_odbc_function function,
                              struct rh_text catalog, struct rh_text schema, struct rh_text table);

/* Name of a result's column (from 1) and of its type, each at most RH_ODBC_NAME_MAX bytes. */
size_t rh_odbc_api_column_name(SQLHSTMT statement, bool narrow, SQLUSMALLINT column,
                               SQLUSMALLINT attribute, char ret_name[RH_ODBC_NAME_MAX]);

/* Diagnostic record number `number` (from 1); false: there is none. Texts end with NUL. */
bool rh_odbc_api_diagnostic(SQLSMALLINT type, SQLHANDLE handle, bool narrow, SQLSMALLINT number,
                            char ret_state[6], SQLINTEGER *ret_native,
                            char ret_text[RH_ODBC_NAME_MAX]);
