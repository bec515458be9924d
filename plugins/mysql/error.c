/*
 * Error number → class (MySQL's and MariaDB's lists of error codes, and errmsg.h of the library).
 *
 * Messages of the server are passed on as they are; they never hold credentials.
 */
#include "error.h"

#include <stdio.h>
#include <string.h>

struct mapping {
    unsigned code;
    int error_class;
    uint32_t constraint;
    uint32_t retry;
};

static const struct mapping mappings[] = {
    {1040, RH_BUSY, 0, RH_RETRY_SAFE}, /* too many connections */
    {1203, RH_BUSY, 0, RH_RETRY_SAFE},
    {1226, RH_BUSY, 0, RH_RETRY_SAFE},
    {1044, RH_PERMISSION, 0, RH_RETRY_NEVER},
    {1045, RH_AUTH, 0, RH_RETRY_NEVER},
    {1130, RH_AUTH, 0, RH_RETRY_NEVER}, /* host is not allowed */
    {1251, RH_AUTH, 0, RH_RETRY_NEVER},
    {1275, RH_AUTH, 0, RH_RETRY_NEVER},
    {1396, RH_INVALID, 0, RH_RETRY_NEVER},
    {1524, RH_AUTH, 0, RH_RETRY_NEVER},
    {1698, RH_AUTH, 0, RH_RETRY_NEVER},
    {1820, RH_AUTH, 0, RH_RETRY_NEVER}, /* password expired */
    {1862, RH_AUTH, 0, RH_RETRY_NEVER},
    {3118, RH_AUTH, 0, RH_RETRY_NEVER}, /* account locked */
    {4151, RH_AUTH, 0, RH_RETRY_NEVER},
    {1046, RH_INVALID, 0, RH_RETRY_NEVER},
    {1048, RH_CONSTRAINT, RH_CONSTRAINT_NOT_NULL, RH_RETRY_NEVER},
    {1138, RH_CONSTRAINT, RH_CONSTRAINT_NOT_NULL, RH_RETRY_NEVER},
    {1263, RH_CONSTRAINT, RH_CONSTRAINT_NOT_NULL, RH_RETRY_NEVER},
    {1364, RH_CONSTRAINT, RH_CONSTRAINT_NOT_NULL, RH_RETRY_NEVER}, /* no default */
    {1022, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE, RH_RETRY_NEVER},
    {1062, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE, RH_RETRY_NEVER},
    {1169, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE, RH_RETRY_NEVER},
    {1557, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE, RH_RETRY_NEVER},
    {1586, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE, RH_RETRY_NEVER},
    {1761, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE, RH_RETRY_NEVER},
    {1859, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE, RH_RETRY_NEVER},
    {1216, RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY, RH_RETRY_NEVER},
    {1217, RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY, RH_RETRY_NEVER},
    {1451, RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY, RH_RETRY_NEVER},
    {1452, RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY, RH_RETRY_NEVER},
    {1369, RH_CONSTRAINT, RH_CONSTRAINT_CHECK, RH_RETRY_NEVER}, /* CHECK OPTION of a view */
    {1644, RH_CONSTRAINT, RH_CONSTRAINT_CHECK, RH_RETRY_NEVER}, /* SIGNAL in a trigger */
    {3819, RH_CONSTRAINT, RH_CONSTRAINT_CHECK, RH_RETRY_NEVER},
    {4025, RH_CONSTRAINT, RH_CONSTRAINT_CHECK, RH_RETRY_NEVER},
    {1049, RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {1051, RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {1054, RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {1072, RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {1091, RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {1109, RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {1146, RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {1305, RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {1824, RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {4092, RH_NOT_FOUND, 0, RH_RETRY_NEVER},
    {1007, RH_EXISTS, 0, RH_RETRY_NEVER},
    {1050, RH_EXISTS, 0, RH_RETRY_NEVER},
    {1060, RH_EXISTS, 0, RH_RETRY_NEVER},
    {1061, RH_EXISTS, 0, RH_RETRY_NEVER},
    {1304, RH_EXISTS, 0, RH_RETRY_NEVER},
    {1826, RH_EXISTS, 0, RH_RETRY_NEVER},
    {1095, RH_PERMISSION, 0, RH_RETRY_NEVER},
    {1142, RH_PERMISSION, 0, RH_RETRY_NEVER},
    {1143, RH_PERMISSION, 0, RH_RETRY_NEVER},
    {1227, RH_PERMISSION, 0, RH_RETRY_NEVER},
    {1290, RH_PERMISSION, 0, RH_RETRY_NEVER}, /* --read-only */
    {1370, RH_PERMISSION, 0, RH_RETRY_NEVER},
    {1792, RH_PERMISSION, 0, RH_RETRY_NEVER}, /* read-only transaction */
    {1836, RH_PERMISSION, 0, RH_RETRY_NEVER},
    {1205, RH_BUSY, 0, RH_RETRY_SAFE},
    {3572, RH_BUSY, 0, RH_RETRY_SAFE}, /* NOWAIT */
    {1020, RH_CONFLICT, 0, RH_RETRY_SAFE},
    {1213, RH_CONFLICT, 0, RH_RETRY_SAFE},
    {1614, RH_CONFLICT, 0, RH_RETRY_SAFE},
    {1264, RH_DATA, 0, RH_RETRY_NEVER},
    {1265, RH_DATA, 0, RH_RETRY_NEVER},
    {1292, RH_DATA, 0, RH_RETRY_NEVER},
    {1300, RH_DATA, 0, RH_RETRY_NEVER},
    {1365, RH_DATA, 0, RH_RETRY_NEVER},
    {1366, RH_DATA, 0, RH_RETRY_NEVER},
    {1367, RH_DATA, 0, RH_RETRY_NEVER},
    {1406, RH_DATA, 0, RH_RETRY_NEVER},
    {1416, RH_DATA, 0, RH_RETRY_NEVER},
    {1441, RH_DATA, 0, RH_RETRY_NEVER},
    {1525, RH_DATA, 0, RH_RETRY_NEVER},
    {1690, RH_DATA, 0, RH_RETRY_NEVER},
    {3140, RH_DATA, 0, RH_RETRY_NEVER}, /* invalid JSON */
    {3854, RH_DATA, 0, RH_RETRY_NEVER},
    {4079, RH_INVALID, 0, RH_RETRY_NEVER},
    {1021, RH_RESOURCE, 0, RH_RETRY_NEVER},
    {1037, RH_RESOURCE, 0, RH_RETRY_NEVER},
    {1038, RH_RESOURCE, 0, RH_RETRY_NEVER},
    {1041, RH_RESOURCE, 0, RH_RETRY_NEVER},
    {1114, RH_RESOURCE, 0, RH_RETRY_NEVER},
    {1118, RH_RESOURCE, 0, RH_RETRY_NEVER},
    {1153, RH_RESOURCE, 0, RH_RETRY_NEVER}, /* larger than max_allowed_packet */
    {1206, RH_RESOURCE, 0, RH_RETRY_NEVER},
    {1301, RH_RESOURCE, 0, RH_RETRY_NEVER},
    {1390, RH_RESOURCE, 0, RH_RETRY_NEVER}, /* too many placeholders */
    {1461, RH_RESOURCE, 0, RH_RETRY_SAFE},  /* max_prepared_stmt_count */
    {1148, RH_UNSUPPORTED, 0, RH_RETRY_NEVER},
    {3948, RH_UNSUPPORTED, 0, RH_RETRY_NEVER},
    {4166, RH_UNSUPPORTED, 0, RH_RETRY_NEVER},
    {1235, RH_UNSUPPORTED, 0, RH_RETRY_NEVER},
    {1295, RH_UNSUPPORTED, 0, RH_RETRY_NEVER},
    {1031, RH_UNSUPPORTED, 0, RH_RETRY_NEVER},
    {1178, RH_UNSUPPORTED, 0, RH_RETRY_NEVER},
    {1288, RH_UNSUPPORTED, 0, RH_RETRY_NEVER}, /* a view that cannot be written */
    {1471, RH_UNSUPPORTED, 0, RH_RETRY_NEVER},
    {1845, RH_UNSUPPORTED, 0, RH_RETRY_NEVER},
    {1053, RH_UNAVAILABLE, 0, RH_RETRY_IF_IDEMPOTENT},
    {1927, RH_UNAVAILABLE, 0, RH_RETRY_IF_IDEMPOTENT},
    {1317, RH_CANCELLED, 0, RH_RETRY_SAFE},
    {1969, RH_TIMEOUT, 0, RH_RETRY_SAFE},
    {3024, RH_TIMEOUT, 0, RH_RETRY_SAFE},
    {2008, RH_RESOURCE, 0, RH_RETRY_NEVER},
    {2026, RH_CONFIG, 0, RH_RETRY_NEVER}, /* TLS */
    {2027, RH_PROTOCOL, 0, RH_RETRY_NEVER},
    {2020, RH_RESOURCE, 0, RH_RETRY_NEVER},
    {2002, RH_UNAVAILABLE, 0, RH_RETRY_SAFE},
    {2003, RH_UNAVAILABLE, 0, RH_RETRY_SAFE},
    {2005, RH_UNAVAILABLE, 0, RH_RETRY_SAFE}, /* unknown host */
    {2012, RH_UNAVAILABLE, 0, RH_RETRY_SAFE},
    {2006, RH_UNAVAILABLE, 0, RH_RETRY_IF_IDEMPOTENT},
    {2013, RH_UNAVAILABLE, 0, RH_RETRY_IF_IDEMPOTENT},
    {2014, RH_CONTRACT, 0, RH_RETRY_NEVER},
    {2059, RH_AUTH, 0, RH_RETRY_NEVER}, /* a way to log in that is not known, or not allowed */
};

static struct mapping find_mapping(unsigned code, const char *sqlstate)
{
    for (size_t i = 0; i < sizeof mappings / sizeof mappings[0]; i++) {
        if (mappings[i].code == code)
            return mappings[i];
    }
    if (rh_my_is_client_code(code))
        return (struct mapping){code, RH_UNAVAILABLE, 0, RH_RETRY_IF_IDEMPOTENT};
    if (strncmp(sqlstate, "22", 2) == 0)
        return (struct mapping){code, RH_DATA, 0, RH_RETRY_NEVER};
    if (strncmp(sqlstate, "23", 2) == 0)
        return (struct mapping){code, RH_CONSTRAINT, RH_CONSTRAINT_CHECK, RH_RETRY_NEVER};
    if (strncmp(sqlstate, "45", 2) == 0)
        return (struct mapping){code, RH_CONSTRAINT, RH_CONSTRAINT_CHECK, RH_RETRY_NEVER};
    if (strncmp(sqlstate, "08", 2) == 0)
        return (struct mapping){code, RH_UNAVAILABLE, 0, RH_RETRY_IF_IDEMPOTENT};
    return (struct mapping){code, RH_INVALID, 0, RH_RETRY_NEVER};
}

/* "… for column 'name' …", "Column 'name' cannot be null", "Field 'name' doesn't have a default
 * value"; also `db`.`table`.`name`. */
static void set_column(const char *message, struct rh_error *error)
{
    const char *at = strcasestr(message, "column "), *end = NULL, *dot = NULL;
    char quote = 0;

    if (at)
        at += 7;
    else if (strncmp(message, "Field ", 6) == 0)
        at = message + 6;
    else
        return;
    quote = *at;
    if (quote != '\'' && quote != '`')
        return;
    end = strchr(at + 1, quote);
    while (quote == '`' && end && end[1] == '.' && end[2] == '`') {
        dot = end + 2;
        end = strchr(dot + 1, '`');
    }
    at = dot ? dot + 1 : at + 1;
    if (end && (size_t)(end - at) < sizeof error->column)
        (void)snprintf(error->column, sizeof error->column, "%.*s", (int)(end - at), at);
}

int rh_my_fail_code(unsigned code, const char *sqlstate, const char *message,
                    struct rh_error *error)
{
    struct mapping mapping = find_mapping(code, sqlstate);
    size_t n = strcspn(message, "\n");

    if (error && error->error_class)
        return error->error_class;
    if (n && message[n - 1] == '.')
        n--;
    (void)rh_fail(error, mapping.error_class, "%.*s", (int)n, n ? message : "");
    if (!error)
        return mapping.error_class;
    error->native_code = code;
    error->constraint = mapping.constraint;
    error->retry = mapping.retry;
    if (!rh_my_is_client_code(code))
        (void)snprintf(error->sqlstate, sizeof error->sqlstate, "%.5s", sqlstate);
    if (mapping.error_class == RH_DATA || mapping.constraint == RH_CONSTRAINT_NOT_NULL)
        set_column(message, error);
    return mapping.error_class;
}
