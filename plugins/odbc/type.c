/*
 * See type.h. What has no exact meaning here is TEXT and OPAQUE.
 */
#include "type.h"

#include "base/text.h"

#include <sql.h>
#include <sqlext.h>
#include <string.h>
#include <strings.h>

#define LONG_SIZE 100000000u /* drivers announce 2^31 - 1 or 0 for what has no bound */
#define INT_DIGITS 18

static bool is_named(struct rh_text name, const char *wanted)
{
    return name.len == strlen(wanted) && strncasecmp(name.data, wanted, name.len) == 0;
}

static bool begins(struct rh_text name, const char *with)
{
    return name.len >= strlen(with) && strncasecmp(name.data, with, strlen(with)) == 0;
}

/* By name where the SQL type does not tell. */
static uint32_t type_of_name(struct rh_text name)
{
    static const struct {
        const char *name;
        uint32_t type;
    } known[] = {
        {"uuid", RH_TYPE_UUID},
        {"uniqueidentifier", RH_TYPE_UUID},
        {"json", RH_TYPE_JSON},
        {"jsonb", RH_TYPE_JSON},
        {"bool", RH_TYPE_BOOL},
        {"boolean", RH_TYPE_BOOL},
        {"timestamptz", RH_TYPE_TIMESTAMP},
        {"timestamp with time zone", RH_TYPE_TIMESTAMP},
        {"datetimeoffset", RH_TYPE_TIMESTAMP},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (is_named(name, known[i].name))
            return known[i].type;
    }
    return RH_TYPE_MISSING;
}

static bool holds(struct rh_text name, const char *word)
{
    for (uint64_t i = 0; i + strlen(word) <= name.len; i++) {
        if (strncasecmp(name.data + i, word, strlen(word)) == 0)
            return true;
    }
    return false;
}

/* Whether a column of that type holds texts, and no other thing that the driver shows as one. In
 * SQLite the declared name decides (its documentation, "Determination Of Column Affinity"). */
static bool is_text_name(const struct rh_odbc_dialect *dialect, struct rh_text name)
{
    static const char *const plain[] = {"text",      "varchar",           "bpchar", "char", "name",
                                        "character", "character varying", NULL};

    if (!dialect->typed_cells)
        return holds(name, "char") || holds(name, "clob") || holds(name, "text");
    if (strcmp(dialect->id, "postgres") != 0 || !name.len)
        return true;
    for (const char *const *known = plain; *known; known++) {
        if (is_named(name, *known))
            return true;
    }
    return false;
}

static uint32_t type_of_decimal(const struct rh_odbc_dialect *dialect, uint64_t size, int digits)
{
    /* Oracle has no other whole numbers. */
    return dialect->ints_as_text && digits == 0 && size > 0 && size <= INT_DIGITS ? RH_TYPE_INT
                                                                                  : RH_TYPE_DECIMAL;
}

static uint32_t type_of_code(const struct rh_odbc_dialect *dialect, int16_t sql_type,
                             struct rh_text name, uint64_t size, int digits)
{
    switch (sql_type) {
    case SQL_BIT:
        return RH_TYPE_BOOL;
    case SQL_TINYINT:
    case SQL_SMALLINT:
    case SQL_INTEGER:
    case SQL_BIGINT:
        return RH_TYPE_INT;
    case SQL_REAL:
    case SQL_FLOAT:
    case SQL_DOUBLE:
        return RH_TYPE_FLOAT;
    case SQL_DECIMAL:
    case SQL_NUMERIC:
        return type_of_decimal(dialect, size, digits);
    case SQL_BINARY:
    case SQL_VARBINARY:
    case SQL_LONGVARBINARY:
        return RH_TYPE_BYTES;
    case SQL_TYPE_DATE:
    case SQL_DATE:
        return RH_TYPE_DATE;
    case SQL_TYPE_TIME:
    case SQL_TIME:
    case -154: /* SQL_SS_TIME2 */
        return RH_TYPE_TIME;
    case SQL_TYPE_TIMESTAMP:
    case SQL_TIMESTAMP:
        /* MySQL's own TIMESTAMP is a moment, DATETIME is not. */
        return strcmp(dialect->id, "mysql") == 0 && begins(name, "timestamp") ? RH_TYPE_TIMESTAMP
                                                                              : RH_TYPE_DATETIME;
    case -155: /* SQL_SS_TIMESTAMPOFFSET */
    case 95:   /* SQL_TYPE_TIMESTAMP_WITH_TIMEZONE */
        return RH_TYPE_TIMESTAMP;
    case SQL_GUID:
        return RH_TYPE_UUID;
    default:
        return RH_TYPE_TEXT;
    }
}

static bool is_char(int16_t sql_type)
{
    return sql_type == SQL_CHAR || sql_type == SQL_VARCHAR || sql_type == SQL_LONGVARCHAR ||
           sql_type == SQL_WCHAR || sql_type == SQL_WVARCHAR || sql_type == SQL_WLONGVARCHAR;
}

uint32_t rh_odbc_type_of(const struct rh_odbc_dialect *dialect, int16_t sql_type,
                         struct rh_text type_name, uint64_t size, int digits, bool is_unsigned,
                         uint32_t *ret_id_flags, uint32_t *ret_column_flags)
{
    uint32_t type = type_of_name(type_name);

    *ret_id_flags = *ret_column_flags = 0;
    if (!dialect->typed_cells && (begins(type_name, "decimal") || begins(type_name, "numeric")))
        type = RH_TYPE_DECIMAL;
    if (type == RH_TYPE_MISSING)
        type = type_of_code(dialect, sql_type, type_name, size, digits);
    if (type == RH_TYPE_INT && is_unsigned) {
        *ret_id_flags |= RH_ODBC_ID_UNSIGNED;
        if (sql_type == SQL_BIGINT)
            type = RH_TYPE_UINT;
    }
    if ((type == RH_TYPE_TEXT || type == RH_TYPE_BYTES) &&
        (sql_type == SQL_LONGVARCHAR || sql_type == SQL_WLONGVARCHAR ||
         sql_type == SQL_LONGVARBINARY || size == 0 || size > LONG_SIZE))
        *ret_id_flags |= RH_ODBC_ID_LONG;
    if (type == RH_TYPE_TEXT && (!is_char(sql_type) || !is_text_name(dialect, type_name)))
        *ret_column_flags |= RH_COLUMN_OPAQUE;
    return type;
}
