/*
 * Introspection: all tables and views of the file in five statements (SQLite's pragmas as
 * table-valued functions), inside one transaction, so that they see one state.
 *
 * Left out: SQLite's own tables, the shadow tables behind virtual ones, hidden columns, indexes over
 * expressions, views that SQLite itself can no longer resolve, and all that has an empty name or one
 * that is not UTF-8 (SQLite allows both).
 */
#include "catalog.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "base/text.h"
#include "base/vec.h"
#include "error.h"
#include "type.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCRATCH_BYTES (256u << 20)
#define MAX_NAME 4096u
#define MAX_NOTE (1u << 20)

#define FROM_TABLES                                                                                \
    "FROM pragma_table_list AS l WHERE l.schema = 'main' AND l.name NOT LIKE 'sqlite\\_%' "        \
    "ESCAPE '\\' AND l.type <> 'shadow'"

/* One table while its parts are found. */
struct found {
    struct rh_table table;
    struct rh_vec columns; /* struct rh_column */
    struct rh_vec cids;    /* uint32_t: SQLite's own number of each column */
    struct rh_vec key;     /* struct key_part */
    struct rh_vec indexes; /* struct rh_index */
    struct rh_vec foreign_keys;
    bool strict, without_rowid, is_view;
    bool has_key_index; /* the primary key has an index of its own: it is not the rowid */
    bool broken;
    bool key_broken; /* one of its columns is left out */
};

struct key_part {
    int64_t place;
    uint32_t column;
};

struct catalog {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_arena *scratch;
    struct rh_vec tables; /* struct found * */
    struct rh_map by_name;
    struct rh_error *error;
};

/* ---- helpers ---- */

static int nomem(struct catalog *catalog)
{
    return rh_fail_nomem(catalog->error);
}

/* A text of the host's arena. */
static int keep_text(struct catalog *catalog, sqlite3_stmt *stmt, int column,
                     struct rh_text *ret_text)
{
    const char *data = (const char *)sqlite3_column_text(stmt, column);
    size_t len = data ? (size_t)sqlite3_column_bytes(stmt, column) : 0;
    char *copy = NULL;

    *ret_text = (struct rh_text){NULL, 0};
    if (!data)
        return RH_OK;
    copy = catalog->conn->host->alloc(catalog->op->arena, len + 1);
    if (!copy)
        return nomem(catalog);
    memcpy(copy, data, len);
    *ret_text = rh_text_make(copy, len);
    return RH_OK;
}

/* The items of a vector, copied to the host's arena; NULL when there are none. */
static int keep_items(struct catalog *catalog, const struct rh_vec *vec, const void **ret_items)
{
    void *copy = NULL;

    *ret_items = NULL;
    if (vec->n == 0)
        return RH_OK;
    copy = catalog->conn->host->alloc(catalog->op->arena, vec->n * vec->item_size);
    if (!copy)
        return nomem(catalog);
    memcpy(copy, vec->items, vec->n * vec->item_size);
    *ret_items = copy;
    return RH_OK;
}

static struct rh_text text_at(sqlite3_stmt *stmt, int column)
{
    const char *data = (const char *)sqlite3_column_text(stmt, column);

    return (struct rh_text){data, data ? (uint64_t)sqlite3_column_bytes(stmt, column) : 0};
}

static bool is_name(struct rh_text text)
{
    return text.len > 0 && text.len <= MAX_NAME && rh_text_is_utf8(text);
}

/* Texts that are shown only: none where the database has what is no text. */
static void drop_if_no_text(struct rh_text *text)
{
    if (text->len > MAX_NOTE || !rh_text_is_utf8(*text))
        *text = (struct rh_text){NULL, 0};
}

/* Names of tables are case-insensitive (in ASCII). */
static char *fold(struct catalog *catalog, struct rh_text name)
{
    char *folded = rh_arena_dup(catalog->scratch, name.data, name.len);

    for (uint64_t i = 0; folded && i < name.len; i++) {
        if (folded[i] >= 'A' && folded[i] <= 'Z')
            folded[i] = (char)(folded[i] + ('a' - 'A'));
    }
    return folded;
}

static struct found *find_table(struct catalog *catalog, struct rh_text name)
{
    char *folded = fold(catalog, name);

    return folded ? rh_map_get(&catalog->by_name, rh_text_make(folded, name.len)) : NULL;
}

/* Position of SQLite's column number; RH_NO_COLUMN for the rowid, expressions, hidden ones. */
static uint32_t position_of(const struct found *found, int64_t cid)
{
    const uint32_t *cids = found->cids.items;

    for (uint32_t i = 0; i < found->cids.n; i++) {
        if (cids[i] == cid)
            return i;
    }
    return RH_NO_COLUMN;
}

static uint32_t position_of_name(const struct found *found, struct rh_text name)
{
    const struct rh_column *columns = found->columns.items;

    for (uint32_t i = 0; i < found->columns.n; i++) {
        if (columns[i].name.len == name.len &&
            strncasecmp(columns[i].name.data, name.data, name.len) == 0)
            return i;
    }
    return RH_NO_COLUMN;
}

/* Runs a statement and gives each row to `row`. */
static int each(struct catalog *catalog, const char *text, const char *parameter,
                int (*row)(struct catalog *catalog, sqlite3_stmt *stmt))
{
    struct rh_conn *conn = catalog->conn;
    sqlite3_stmt *stmt = NULL;
    int rc = RH_OK;
    int code = rh_sqlite_statement_get(&conn->statements, conn->db, rh_text_of(text), &stmt);

    if (code == SQLITE_OK && parameter)
        code = sqlite3_bind_text(stmt, 1, parameter, -1, SQLITE_TRANSIENT);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(stmt);
        if (code == SQLITE_ROW && (rc = row(catalog, stmt)) != RH_OK)
            break;
    }
    if (rc == RH_OK && code != SQLITE_DONE)
        rc = rh_sqlite_fail(conn, code, catalog->error);
    rh_sqlite_statement_put(&conn->statements, stmt);
    return rc;
}

/* ---- tables and columns ---- */

/* name, type, without rowid, strict */
static int add_table(struct catalog *catalog, sqlite3_stmt *stmt)
{
    struct found *found = NULL, **slot = NULL;
    char *folded = NULL;
    int rc;

    if (!is_name(text_at(stmt, 0)))
        return RH_OK;
    found = rh_arena_alloc(catalog->scratch, sizeof *found);
    slot = rh_vec_push(&catalog->tables, catalog->scratch);
    if (!found || !slot)
        return nomem(catalog);
    *slot = found;
    *found = (struct found){.columns = RH_VEC_INIT(struct rh_column),
                            .cids = RH_VEC_INIT(uint32_t),
                            .key = RH_VEC_INIT(struct key_part),
                            .indexes = RH_VEC_INIT(struct rh_index),
                            .foreign_keys = RH_VEC_INIT(struct rh_foreign_key)};
    found->table = (struct rh_table){.struct_size = sizeof found->table, .est_rows = -1};
    found->is_view = rh_text_is(text_at(stmt, 1), "view");
    found->without_rowid = sqlite3_column_int(stmt, 2) != 0;
    found->strict = sqlite3_column_int(stmt, 3) != 0;
    found->table.kind = found->is_view ? RH_TABLE_VIEW : RH_TABLE_BASE;
    if (found->is_view || catalog->conn->read_only)
        found->table.flags |= RH_TABLE_READ_ONLY;
    rc = keep_text(catalog, stmt, 0, &found->table.name);
    if (rc)
        return rc;
    folded = fold(catalog, found->table.name);
    if (!folded ||
        !rh_map_put(&catalog->by_name, rh_text_make(folded, found->table.name.len), found, NULL))
        return nomem(catalog);
    return RH_OK;
}

/* table, cid, name, type, notnull, default, place in the key, hidden */
static int add_column(struct catalog *catalog, sqlite3_stmt *stmt)
{
    struct found *found = find_table(catalog, text_at(stmt, 0));
    int hidden = sqlite3_column_int(stmt, 7);
    int64_t place = sqlite3_column_int64(stmt, 6);
    struct rh_column *column = NULL;
    uint32_t *cid = NULL;
    int rc;

    if (!found || hidden == 1)
        return RH_OK;
    if (!is_name(text_at(stmt, 2))) {
        found->key_broken = found->key_broken || place > 0;
        return RH_OK;
    }
    column = rh_vec_push(&found->columns, catalog->scratch);
    cid = rh_vec_push(&found->cids, catalog->scratch);
    if (!column || !cid)
        return nomem(catalog);
    *cid = (uint32_t)sqlite3_column_int(stmt, 1);
    if ((rc = keep_text(catalog, stmt, 2, &column->name)) != RH_OK ||
        (rc = keep_text(catalog, stmt, 3, &column->native_type)) != RH_OK ||
        (rc = keep_text(catalog, stmt, 5, &column->default_text)) != RH_OK)
        return rc;
    if (sqlite3_column_int(stmt, 4))
        column->flags |= RH_COLUMN_NOT_NULL;
    if (hidden == 2 || hidden == 3)
        column->flags |= RH_COLUMN_GENERATED;
    if (column->default_text.data)
        column->flags |= RH_COLUMN_DEFAULT;
    rh_sqlite_type_set(column, found->strict);
    drop_if_no_text(&column->default_text);
    drop_if_no_text(&column->native_type);
    if (place > 0) {
        struct key_part *part = rh_vec_push(&found->key, catalog->scratch);
        if (!part)
            return nomem(catalog);
        *part = (struct key_part){.place = place, .column = found->columns.n - 1};
    }
    return RH_OK;
}

#define COLUMNS                                                                                    \
    "SELECT l.name, x.cid, x.name, x.type, x.\"notnull\", x.dflt_value, x.pk, x.hidden "           \
    "FROM pragma_table_list AS l JOIN pragma_table_xinfo(l.name, 'main') AS x "                    \
    "WHERE l.schema = 'main' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND l.type <> 'shadow' "

static bool is_unresolved(int rc)
{
    return rc == RH_NOT_FOUND || rc == RH_INVALID;
}

/* The columns of one view; a view that SQLite cannot resolve is `broken`. */
static int add_columns_of_view(struct catalog *catalog, struct found *view)
{
    view->columns.n = view->cids.n = view->key.n = 0;
    int rc = each(catalog, COLUMNS "AND l.type = 'view' AND l.name = ?1", view->table.name.data,
                  add_column);
    view->broken = is_unresolved(rc);
    if (!view->broken)
        return rc;
    rh_error_clear(catalog->error);
    return RH_OK;
}

/* A view over a table that is gone makes the statement for all views fail; then each is asked for
 * itself. */
static int add_columns_of_views(struct catalog *catalog)
{
    struct found **tables = catalog->tables.items;
    int rc = each(catalog, COLUMNS "AND l.type = 'view'", NULL, add_column);

    if (!is_unresolved(rc))
        return rc;
    rh_error_clear(catalog->error);
    rc = RH_OK;
    for (uint32_t i = 0; i < catalog->tables.n && rc == RH_OK; i++) {
        if (tables[i]->is_view)
            rc = add_columns_of_view(catalog, tables[i]);
    }
    return rc;
}

/* ---- keys, collations ---- */

static int compare_places(const void *a, const void *b)
{
    const struct key_part *left = a, *right = b;

    return (left->place > right->place) - (left->place < right->place);
}

static int set_key(struct catalog *catalog, struct found *found)
{
    struct key_part *parts = found->key.items;
    struct rh_column *columns = found->columns.items;
    uint32_t *key = NULL;

    if (found->key.n == 0 || found->key_broken)
        return RH_OK;
    qsort(parts, found->key.n, sizeof *parts, compare_places);
    key = catalog->conn->host->alloc(catalog->op->arena, found->key.n * sizeof *key);
    if (!key)
        return nomem(catalog);
    for (uint32_t i = 0; i < found->key.n; i++) {
        key[i] = parts[i].column;
        if (found->without_rowid)
            columns[key[i]].flags |= RH_COLUMN_NOT_NULL;
    }
    found->table.key = key;
    found->table.n_key = found->key.n;
    if (found->key.n == 1 && !found->without_rowid && !found->has_key_index && !found->is_view) {
        columns[key[0]].flags |= RH_COLUMN_NOT_NULL | RH_COLUMN_IDENTITY | RH_COLUMN_DEFAULT;
        columns[key[0]].native_id |= RH_SQLITE_PURE;
    }
    return RH_OK;
}

/* A view's column has the collation of what it is made of, which SQLite does not tell. */
static void set_collations(struct catalog *catalog, struct found *found)
{
    struct rh_column *columns = found->columns.items;

    for (uint32_t i = 0; i < found->columns.n && !found->is_view; i++) {
        const char *collation = NULL;
        if (columns[i].type != RH_TYPE_TEXT && columns[i].type != RH_TYPE_UUID)
            continue;
        if (sqlite3_table_column_metadata(catalog->conn->db, "main", found->table.name.data,
                                          columns[i].name.data, NULL, &collation, NULL, NULL,
                                          NULL) != SQLITE_OK ||
            !collation || strcasecmp(collation, "BINARY") != 0)
            continue;
        columns[i].flags |= RH_COLUMN_EXACT_EQUAL;
        if (catalog->conn->utf8)
            columns[i].flags |= RH_COLUMN_BINARY_ORDER;
    }
}

/* ---- indexes, foreign keys, statistics ---- */

/* table, index, unique, origin, partial, number of columns, cids joined by commas */
static int add_index(struct catalog *catalog, sqlite3_stmt *stmt)
{
    struct found *found = find_table(catalog, text_at(stmt, 0));
    struct rh_text cids = text_at(stmt, 6);
    struct rh_index index = {0};
    struct rh_index *slot = NULL;
    uint32_t *columns = NULL;
    int64_t n = sqlite3_column_int64(stmt, 5);
    int rc;

    if (!found || n < 1)
        return RH_OK;
    if (rh_text_is(text_at(stmt, 3), "pk"))
        found->has_key_index = true;
    columns = catalog->conn->host->alloc(catalog->op->arena, (uint64_t)n * sizeof *columns);
    if (!columns)
        return nomem(catalog);
    for (; index.n_columns < n && cids.data; index.n_columns++) {
        int64_t cid = -1;
        rh_text_to_i64(rh_text_cut(&cids, ','), &cid);
        columns[index.n_columns] = position_of(found, cid);
        if (columns[index.n_columns] == RH_NO_COLUMN)
            return RH_OK;
    }
    rc = keep_text(catalog, stmt, 1, &index.name);
    if (rc)
        return rc;
    drop_if_no_text(&index.name);
    index.columns = columns;
    index.flags = (sqlite3_column_int(stmt, 2) ? RH_INDEX_UNIQUE : 0) |
                  (sqlite3_column_int(stmt, 4) ? RH_INDEX_PARTIAL : 0);
    slot = rh_vec_push(&found->indexes, catalog->scratch);
    if (!slot)
        return nomem(catalog);
    *slot = index;
    return RH_OK;
}

/* The column at a place of the referenced table's primary key, for `REFERENCES parent`. */
static struct rh_text key_column(struct catalog *catalog, struct rh_text table, uint32_t place)
{
    const struct found *parent = find_table(catalog, table);
    const struct key_part *parts = parent ? parent->key.items : NULL;
    const struct rh_column *columns = parent ? parent->columns.items : NULL;

    for (uint32_t i = 0; parent && i < parent->key.n; i++) {
        if (parts[i].place == (int64_t)place + 1)
            return columns[parts[i].column].name;
    }
    return (struct rh_text){NULL, 0};
}

/* table, id, seq, referenced table, from, to, number of columns; ordered by table, id, seq */
static int add_foreign_key(struct catalog *catalog, sqlite3_stmt *stmt)
{
    struct found *found = find_table(catalog, text_at(stmt, 0));
    uint32_t seq = (uint32_t)sqlite3_column_int(stmt, 2), n = (uint32_t)sqlite3_column_int(stmt, 6);
    struct rh_foreign_key *key = NULL;
    uint32_t *columns = NULL;
    struct rh_text *names = NULL;
    int rc = RH_OK;

    if (!found || seq >= n)
        return RH_OK;
    if (seq == 0) {
        key = rh_vec_push(&found->foreign_keys, catalog->scratch);
        if (!key)
            return nomem(catalog);
        rc = keep_text(catalog, stmt, 3, &key->table);
        if (rc)
            return rc;
        columns = catalog->conn->host->alloc(catalog->op->arena, n * sizeof *columns);
        names = catalog->conn->host->alloc(catalog->op->arena, n * sizeof *names);
        if (!columns || !names)
            return nomem(catalog);
        key->columns = columns;
        key->ref_columns = names;
    } else if (found->foreign_keys.n == 0) {
        return RH_OK;
    }
    key = (struct rh_foreign_key *)found->foreign_keys.items + (found->foreign_keys.n - 1);
    columns = (uint32_t *)(uintptr_t)key->columns;
    names = (struct rh_text *)(uintptr_t)key->ref_columns;
    columns[seq] = position_of_name(found, text_at(stmt, 4));
    names[seq] = key_column(catalog, key->table, seq);
    if (sqlite3_column_type(stmt, 5) != SQLITE_NULL)
        rc = keep_text(catalog, stmt, 5, &names[seq]);
    if (columns[seq] != RH_NO_COLUMN && is_name(key->table) && is_name(names[seq]) &&
        key->n_columns == seq)
        key->n_columns++;
    if (seq + 1 == n && key->n_columns != n) /* refers to what is not there */
        found->foreign_keys.n--;
    return rc;
}

/* table, statistics: the first number is that of the rows */
static int add_statistics(struct catalog *catalog, sqlite3_stmt *stmt)
{
    struct found *found = find_table(catalog, text_at(stmt, 0));
    struct rh_text stat = text_at(stmt, 1);
    int64_t n = 0;

    if (found && rh_text_to_i64(rh_text_cut(&stat, ' '), &n) && n > found->table.est_rows)
        found->table.est_rows = n;
    return RH_OK;
}

static int load(struct catalog *catalog)
{
    struct found **tables = NULL;
    int rc;

    if ((rc = each(catalog, "SELECT l.name, l.type, l.wr, l.strict " FROM_TABLES " ORDER BY l.name",
                   NULL, add_table)) != RH_OK ||
        (rc = each(catalog, COLUMNS "AND l.type <> 'view'", NULL, add_column)) != RH_OK ||
        (rc = add_columns_of_views(catalog)) != RH_OK ||
        (rc = each(catalog,
                   "SELECT l.name, i.name, i.\"unique\", i.origin, i.partial, "
                   "(SELECT count(*) FROM pragma_index_info(i.name, 'main')), "
                   "(SELECT group_concat(cid, ',') FROM "
                   "(SELECT cid FROM pragma_index_info(i.name, 'main') ORDER BY seqno)) "
                   "FROM pragma_table_list AS l JOIN pragma_index_list(l.name, 'main') AS i "
                   "WHERE l.schema = 'main' AND l.type <> 'view' AND l.type <> 'shadow' "
                   "ORDER BY l.name, i.seq DESC",
                   NULL, add_index)) != RH_OK ||
        (rc = each(catalog,
                   "SELECT l.name, f.id, f.seq, f.\"table\", f.\"from\", f.\"to\", "
                   "count(*) OVER (PARTITION BY l.name, f.id) "
                   "FROM pragma_table_list AS l JOIN pragma_foreign_key_list(l.name, 'main') AS f "
                   "WHERE l.schema = 'main' AND l.type <> 'view' AND l.type <> 'shadow' "
                   "ORDER BY l.name, f.id DESC, f.seq",
                   NULL, add_foreign_key)) != RH_OK)
        return rc;
    if (sqlite3_table_column_metadata(catalog->conn->db, "main", "sqlite_stat1", "stat", NULL, NULL,
                                      NULL, NULL, NULL) == SQLITE_OK)
        rc = each(catalog, "SELECT tbl, stat FROM main.sqlite_stat1", NULL, add_statistics);
    tables = catalog->tables.items;
    for (uint32_t i = 0; i < catalog->tables.n && rc == RH_OK; i++) {
        set_collations(catalog, tables[i]);
        rc = set_key(catalog, tables[i]);
    }
    return rc;
}

/* ---- the answer ---- */

static int give_table(struct catalog *catalog, struct found *found, struct rh_table *ret_table)
{
    const void *columns = NULL, *indexes = NULL, *foreign_keys = NULL;
    int rc;

    if ((rc = keep_items(catalog, &found->columns, &columns)) != RH_OK ||
        (rc = keep_items(catalog, &found->indexes, &indexes)) != RH_OK ||
        (rc = keep_items(catalog, &found->foreign_keys, &foreign_keys)) != RH_OK)
        return rc;
    *ret_table = found->table;
    ret_table->columns = columns;
    ret_table->n_columns = found->columns.n;
    ret_table->column_stride = sizeof(struct rh_column);
    ret_table->indexes = indexes;
    ret_table->n_indexes = found->indexes.n;
    ret_table->index_stride = sizeof(struct rh_index);
    ret_table->foreign_keys = foreign_keys;
    ret_table->n_foreign_keys = found->foreign_keys.n;
    ret_table->foreign_key_stride = sizeof(struct rh_foreign_key);
    return RH_OK;
}

static int give(struct catalog *catalog, struct rh_catalog *ret_catalog)
{
    struct found **found = catalog->tables.items;
    struct rh_table *tables = NULL;
    uint32_t n = 0;
    int rc = RH_OK;

    tables = catalog->conn->host->alloc(catalog->op->arena,
                                        ((uint64_t)catalog->tables.n + 1) * sizeof *tables);
    if (!tables)
        return nomem(catalog);
    for (uint32_t i = 0; i < catalog->tables.n && rc == RH_OK; i++) {
        if (!found[i]->broken && found[i]->columns.n)
            rc = give_table(catalog, found[i], &tables[n++]);
    }
    if (rc)
        return rc;
    ret_catalog->tables = tables;
    ret_catalog->n_tables = n;
    ret_catalog->table_stride = sizeof *tables;
    ret_catalog->default_schema = (struct rh_text){NULL, 0};
    return RH_OK;
}

static int load_in_transaction(struct catalog *catalog)
{
    struct rh_conn *conn = catalog->conn;
    struct rh_error ignored = RH_ERROR_INIT;
    bool own = sqlite3_get_autocommit(conn->db) != 0;
    int rc = own ? rh_sqlite_run(conn, "BEGIN", catalog->error) : RH_OK;

    if (rc)
        return rc;
    rc = load(catalog);
    if (own) {
        rh_sqlite_finish_undisturbed(conn);
        rh_sqlite_run(conn, "ROLLBACK", &ignored);
    }
    return rc;
}

int32_t rh_sqlite_tables(struct rh_conn *conn, const struct rh_op *op,
                         struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct catalog catalog = {
        .conn = conn, .op = op, .tables = RH_VEC_INIT(struct found *), .error = error};
    int rc = rh_sqlite_begin(conn, op, error);

    if (rc)
        return rc;
    rh_map_init(&catalog.by_name);
    catalog.scratch = rh_arena_new(SCRATCH_BYTES);
    rc = catalog.scratch ? load_in_transaction(&catalog) : nomem(&catalog);
    if (rc == RH_OK)
        rc = give(&catalog, ret_catalog);
    rh_map_free(&catalog.by_name);
    rh_arena_free(catalog.scratch);
    rh_sqlite_end(conn);
    return rc;
}
