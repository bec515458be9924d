/*
 * The virtual table behind rh_list: one column `value`, one hidden column that takes the pointer.
 * Without a list (a NULL, a pointer of another kind) it has no rows.
 */
#include "list.h"

#include <stdlib.h>
#include <string.h>

struct rh_sqlite_list {
    size_t n;
    size_t cap;
    size_t n_bytes;
    size_t cap_bytes;
    char *bytes; /* behind the values */
    struct rh_value values[];
};

struct cursor {
    sqlite3_vtab_cursor base;
    const struct rh_sqlite_list *list;
    size_t at;
};

struct rh_sqlite_list *rh_sqlite_list_new(size_t n, size_t n_bytes)
{
    struct rh_sqlite_list *list = NULL;
    size_t head = sizeof *list + n * sizeof list->values[0];

    if (n_bytes > SIZE_MAX - head || !(list = malloc(head + n_bytes)))
        return NULL;
    *list = (struct rh_sqlite_list){.cap = n, .cap_bytes = n_bytes, .bytes = (char *)list + head};
    return list;
}

bool rh_sqlite_list_add(struct rh_sqlite_list *list, const struct rh_value *value)
{
    struct rh_value *item = &list->values[list->n];

    if (list->n >= list->cap || value->len > list->cap_bytes - list->n_bytes)
        return false;
    *item = *value;
    if (value->type == RH_TYPE_TEXT || value->type == RH_TYPE_BYTES) {
        item->as.data = list->bytes + list->n_bytes;
        if (value->len)
            memcpy(list->bytes + list->n_bytes, value->as.data, value->len);
        list->n_bytes += value->len;
    }
    list->n++;
    return true;
}

int rh_sqlite_list_bind(sqlite3_stmt *stmt, int index, struct rh_sqlite_list *list)
{
    return sqlite3_bind_pointer(stmt, index, list, RH_SQLITE_LIST_TAG, free);
}

/* ---- the virtual table ---- */

static int connect(sqlite3 *db, void *context, int n, const char *const *args,
                   sqlite3_vtab **ret_table, char **ret_message)
{
    int code = sqlite3_declare_vtab(db, "CREATE TABLE x(value, list HIDDEN)");
    sqlite3_vtab *table = NULL;

    if (code == SQLITE_OK)
        code = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    if (code != SQLITE_OK)
        return code;
    table = sqlite3_malloc(sizeof *table);
    if (!table)
        return SQLITE_NOMEM;
    memset(table, 0, sizeof *table);
    *ret_table = table;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

static int best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    info->estimatedCost = 1000;
    info->estimatedRows = 100;
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].iColumn == 1 && info->aConstraint[i].usable &&
            info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ) {
            info->aConstraintUsage[i].argvIndex = 1;
            info->aConstraintUsage[i].omit = 1;
            info->idxNum = 1;
            return SQLITE_OK;
        }
    }
    return SQLITE_CONSTRAINT;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **ret_cursor)
{
    struct cursor *cursor = sqlite3_malloc(sizeof *cursor);

    if (!cursor)
        return SQLITE_NOMEM;
    memset(cursor, 0, sizeof *cursor);
    *ret_cursor = &cursor->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *text, int n,
                  sqlite3_value **values)
{
    struct cursor *cursor = (struct cursor *)base;

    cursor->at = 0;
    cursor->list = n == 1 ? sqlite3_value_pointer(values[0], RH_SQLITE_LIST_TAG) : NULL;
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
    ((struct cursor *)base)->at++;
    return SQLITE_OK;
}

static int eof(sqlite3_vtab_cursor *base)
{
    const struct cursor *cursor = (const struct cursor *)base;

    return !cursor->list || cursor->at >= cursor->list->n;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int position)
{
    const struct cursor *cursor = (const struct cursor *)base;
    const struct rh_value *value = &cursor->list->values[cursor->at];

    if (position != 0)
        return SQLITE_OK;
    switch (value->type) {
    case RH_TYPE_INT:
        sqlite3_result_int64(context, value->as.i);
        break;
    case RH_TYPE_FLOAT:
        sqlite3_result_double(context, value->as.f);
        break;
    case RH_TYPE_TEXT:
        sqlite3_result_text64(context, value->as.data, value->len, SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
    case RH_TYPE_BYTES:
        sqlite3_result_blob64(context, value->as.data, value->len, SQLITE_TRANSIENT);
        break;
    default:
        break;
    }
    return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret_rowid)
{
    *ret_rowid = (sqlite3_int64)((const struct cursor *)base)->at;
    return SQLITE_OK;
}

int rh_sqlite_list_register(sqlite3 *db)
{
    static const sqlite3_module module = {
        .xConnect = connect,
        .xBestIndex = best_index,
        .xDisconnect = disconnect,
        .xOpen = open_cursor,
        .xClose = close_cursor,
        .xFilter = filter,
        .xNext = next,
        .xEof = eof,
        .xColumn = column,
        .xRowid = rowid,
    };

    return sqlite3_create_module_v2(db, "rh_list", &module, NULL, NULL);
}
