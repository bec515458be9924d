/*
 * Native statements may read and change the one database file, and nothing else: no other files
 * (ATTACH, VACUUM INTO), no code (load_extension), no settings of the connection, no transactions
 * behind the back of the host, no temporary objects that would shadow tables for later requests.
 */
#include "authorizer.h"

#include "connection.h"

#include <string.h>
#include <strings.h>

static bool is_one_of(const char *name, const char *const *names)
{
    for (; name && *names; names++) {
        if (strcasecmp(name, *names) == 0)
            return true;
    }
    return false;
}

/* Pragmas that only tell something; the second list does so only without an argument. */
static bool pragma_is_harmless(const char *name, const char *argument)
{
    static const char *const always[] = {"table_info",       "table_xinfo",       "table_list",
                                         "index_list",       "index_info",        "index_xinfo",
                                         "foreign_key_list", "foreign_key_check", "integrity_check",
                                         "quick_check",      "collation_list",    "database_list",
                                         "function_list",    "module_list",       "pragma_list",
                                         "compile_options",  "data_version",      NULL};
    static const char *const without_argument[] = {"user_version",
                                                   "schema_version",
                                                   "application_id",
                                                   "encoding",
                                                   "page_count",
                                                   "page_size",
                                                   "freelist_count",
                                                   "journal_mode",
                                                   "foreign_keys",
                                                   "synchronous",
                                                   "auto_vacuum",
                                                   "cache_size",
                                                   NULL};

    return is_one_of(name, always) || (!argument && is_one_of(name, without_argument));
}

int rh_sqlite_authorize(void *context, int action, const char *first, const char *second,
                        const char *database, const char *trigger)
{
    static const char *const functions[] = {"load_extension", "fts3_tokenizer", NULL};
    const struct rh_conn *conn = context;

    if (!conn->native)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_VIEW:
        return SQLITE_DENY;
    /* An object named "temp.x" has no code of its own, but goes into the schema table of temp. */
    case SQLITE_INSERT:
        return database && strcasecmp(database, "temp") == 0 ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA:
        return pragma_is_harmless(first, second) ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_FUNCTION:
        return is_one_of(second, functions) ? SQLITE_DENY : SQLITE_OK;
    default:
        return SQLITE_OK;
    }
}
