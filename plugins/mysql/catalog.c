/*
 * Introspection: a schema is a database. Six statements, whatever the number of tables; what the
 * user may not see is left out by the server.
 *
 * Rows of the statements come sorted by table, so each table's columns, indexes and keys are runs of
 * rows. A table that appears between the statements is left out, one that vanishes loses its
 * columns: the next introspection tells.
 */
#include "catalog.h"

#include "catalog_sql.h"
#include "read.h"
#include "rows.h"
#include "type.h"

#include <string.h>

enum part { TABLES, COLUMNS, INDEXES, KEYS, VIEWS, CHECKS, N_PARTS };

static const char *const statements[N_PARTS] = {
    [TABLES] = tables_sql, [COLUMNS] = columns_sql, [INDEXES] = indexes_sql,
    [KEYS] = keys_sql,     [VIEWS] = views_sql,     [CHECKS] = checks_sql,
};

struct build {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_error *error;
    struct rh_my_rows *rows[N_PARTS];
    struct rh_batch parts[N_PARTS];
    struct rh_table *tables; /* arena, sorted by schema and name */
    uint32_t n_tables;
};

/* ---- reading results ---- */

/* A run of rows of one part that belong together. */
struct run {
    const struct build *build;
    enum part part;
    uint64_t first, n;
};

static struct rh_text get(const struct rh_batch *batch, uint64_t row, uint32_t col)
{
    const struct rh_value *cell = &batch->cells[row * batch->n_cols + col];

    if (cell->type != RH_TYPE_TEXT && cell->type != RH_TYPE_BYTES)
        return (struct rh_text){NULL, 0};
    return rh_kit_value_text(cell);
}

static uint64_t get_number(const struct rh_batch *batch, uint64_t row, uint32_t col)
{
    const struct rh_value *cell = &batch->cells[row * batch->n_cols + col];

    return cell->type == RH_TYPE_INT || cell->type == RH_TYPE_UINT ? cell->as.u : 0;
}

static void *alloc(struct build *build, size_t n, size_t size)
{
    size_t bytes = 0;
    void *made = NULL;

    if (!__builtin_mul_overflow(n ? n : 1, size, &bytes))
        made = build->conn->host->alloc(build->op->arena, bytes);
    if (!made)
        (void)rh_fail_nomem(build->error);
    return made;
}

static struct rh_text keep(struct build *build, struct rh_text text)
{
    char *copy = NULL;

    if (!text.data)
        return text;
    copy = alloc(build, text.len + 1, 1);
    if (!copy)
        return (struct rh_text){NULL, 0};
    if (text.len)
        memcpy(copy, text.data, text.len);
    return rh_text_make(copy, text.len);
}

static int fetch(struct build *build, enum part part)
{
    struct rh_conn *conn = build->conn;
    const struct rh_value schema = rh_kit_text(conn->database);
    struct rh_sql *sql = rh_my_sql(conn);
    const char *text = statements[part], *sign = strchr(text, '?');
    MYSQL_STMT *stmt = NULL;
    int rc = RH_OK;

    rh_buf_add(&sql->text, text, (size_t)(sign - text));
    if (conn->database.len) {
        rh_sql_add(sql, "= ");
        rh_sql_bind(sql, NULL, &schema, RH_SQL_PLAIN);
    } else {
        rh_sql_add(sql, "NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')");
    }
    rh_sql_add(sql, sign + 1);
    rc = rh_my_run(conn, sql, &stmt, build->error);
    if (rc)
        return rc;
    build->rows[part] = rh_my_rows_new(conn, mysql_stmt_field_count(stmt), SIZE_MAX);
    if (!build->rows[part])
        return rh_fail_nomem(build->error);
    rc = rh_my_rows_take(build->rows[part], stmt, build->error);
    rh_my_rows_clear(build->rows[part], UINT64_MAX);
    if (!rc)
        rc = rh_my_rows_fetch(build->rows[part], build->error);
    if (!rc)
        rc = rh_my_rows_batch(build->rows[part], &build->parts[part], build->error);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- runs ---- */

static int compare(struct rh_text a_schema, struct rh_text a_name, struct rh_text b_schema,
                   struct rh_text b_name)
{
    int order = rh_text_compare(a_schema, b_schema);

    return order ? order : rh_text_compare(a_name, b_name);
}

/* The rows of a part that belong to the table: a binary search for the first. */
static struct run rows_of(const struct build *build, enum part part, const struct rh_table *table)
{
    const struct rh_batch *batch = &build->parts[part];
    struct run run = {.build = build, .part = part};
    uint64_t low = 0, high = batch->n_rows;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (compare(get(batch, middle, CATALOG_SCHEMA), get(batch, middle, CATALOG_TABLE),
                    table->schema, table->name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    run.first = low;
    while (low + run.n < batch->n_rows &&
           compare(get(batch, low + run.n, CATALOG_SCHEMA), get(batch, low + run.n, CATALOG_TABLE),
                   table->schema, table->name) == 0)
        run.n++;
    return run;
}

/* How many rows from `row` on have the same text in that column. */
static uint64_t same_name(const struct run *run, uint64_t row, uint32_t col)
{
    const struct rh_batch *batch = &run->build->parts[run->part];
    uint64_t n = 1;

    while (row + n < run->n &&
           rh_text_equal(get(batch, run->first + row, col), get(batch, run->first + row + n, col)))
        n++;
    return n;
}

static uint32_t n_names(const struct run *run, uint32_t col)
{
    uint32_t n = 0;

    for (uint64_t row = 0; row < run->n; row += same_name(run, row, col))
        n++;
    return n;
}

/* ---- columns ---- */

/* The letter that stands at the front of a label in COLUMN_TYPE, which ends in a quote: quotes are
 * doubled, and some letters stand behind a backslash. */
static bool take_letter(struct rh_text *rest, char *ret_letter)
{
    char c = rest->data[0];

    if (c == '\'' && !(rest->len > 1 && rest->data[1] == '\''))
        return false;
    if ((c == '\\' || c == '\'') && rest->len > 1) {
        rest->data++;
        rest->len--;
        c = rest->data[0];
        if (rest->data[-1] == '\\')
            c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == '0' ? '\0' : c == 'Z' ? 26 : c;
    }
    rest->data++;
    rest->len--;
    *ret_letter = c;
    return true;
}

/* enum('a','it''s') */
static void add_options(struct build *build, struct rh_column *column, struct rh_text type)
{
    struct rh_text rest = type;
    struct rh_text *options = NULL;
    uint32_t n = 0, most = 1;

    for (uint64_t i = 0; i < type.len; i++)
        most += type.data[i] == ',';
    options = alloc(build, most, sizeof *options);
    (void)rh_text_cut(&rest, '(');
    while (options && rest.len && rest.data[0] == '\'' && n < most) {
        char *label = alloc(build, rest.len, 1);
        uint64_t len = 0;
        if (!label)
            return;
        rest = rh_text_make(rest.data + 1, rest.len - 1);
        while (rest.len && take_letter(&rest, &label[len]))
            len++;
        options[n++] = rh_text_make(label, len);
        if (rest.len < 2 || rest.data[1] != ',')
            break;
        rest = rh_text_make(rest.data + 2, rest.len - 2);
    }
    column->options = options;
    column->n_options = n;
}

static bool has(struct rh_text text, const char *word)
{
    return text.len && memmem(text.data, text.len, word, strlen(word));
}

static uint32_t flags_of(const struct rh_batch *from, uint64_t row, struct rh_text *default_text)
{
    struct rh_text extra = get(from, row, COLUMN_EXTRA);
    uint32_t flags = 0;

    if (rh_text_is(*default_text, "NULL"))
        *default_text = (struct rh_text){NULL, 0};
    if (rh_text_is(get(from, row, COLUMN_NULLABLE), "NO"))
        flags |= RH_COLUMN_NOT_NULL;
    if (get(from, row, COLUMN_EXPRESSION).len || has(extra, "VIRTUAL GENERATED") ||
        has(extra, "STORED GENERATED"))
        flags |= RH_COLUMN_GENERATED;
    else if (default_text->data)
        flags |= RH_COLUMN_DEFAULT;
    if (has(extra, "auto_increment"))
        flags |= RH_COLUMN_IDENTITY | RH_COLUMN_DEFAULT;
    return flags;
}

static bool is_json(const struct run *checks, struct rh_text name)
{
    const struct rh_batch *batch = &checks->build->parts[CHECKS];

    for (uint64_t i = 0; i < checks->n; i++) {
        struct rh_text clause = get(batch, checks->first + i, CHECK_CLAUSE);
        if (clause.len == name.len + 14 && memcmp(clause.data + 12, name.data, name.len) == 0)
            return true;
    }
    return false;
}

static void add_column(struct build *build, struct rh_column *column, uint64_t row,
                       const struct run *checks)
{
    const struct rh_batch *from = &build->parts[COLUMNS];
    struct rh_text default_text = get(from, row, COLUMN_DEFAULT);
    const struct rh_my_described described = {
        .data_type = get(from, row, COLUMN_DATA_TYPE),
        .column_type = get(from, row, COLUMN_TYPE),
        .charset = get(from, row, COLUMN_CHARSET),
        .collation = get(from, row, COLUMN_COLLATION),
        .comment = get(from, row, COLUMN_COMMENT),
        .precision = get_number(from, row, COLUMN_PRECISION),
        .scale = get_number(from, row, COLUMN_SCALE),
        .max_length = get_number(from, row, COLUMN_LENGTH),
        .json = is_json(checks, get(from, row, COLUMN_NAME)),
    };

    column->name = keep(build, get(from, row, COLUMN_NAME));
    column->native_type = keep(build, described.column_type);
    column->flags = flags_of(from, row, &default_text);
    column->default_text = keep(build, default_text);
    rh_my_describe(&described, column);
    if (described.comment.len)
        column->comment = keep(build, described.comment);
    if (rh_my_kind_of(column) == RH_MY_ENUM)
        add_options(build, column, described.column_type);
}

/* ---- indexes and keys ---- */

/* The columns of rows [row, row + n) of the run; NULL when one is not known or memory ran out. */
static uint32_t *find_columns(struct build *build, const struct rh_table *table,
                              const struct run *run, uint64_t row, uint64_t n, uint32_t col)
{
    uint32_t *columns = alloc(build, n, sizeof *columns);

    for (uint64_t i = 0; columns && i < n; i++) {
        struct rh_text name = get(&build->parts[run->part], run->first + row + i, col);
        uint32_t at = 0;
        while (at < table->n_columns && !rh_text_equal(table->columns[at].name, name))
            at++;
        if (at == table->n_columns)
            return NULL;
        columns[i] = at;
    }
    return columns;
}

static void add_index(struct build *build, struct rh_table *table, struct rh_index *index,
                      const struct run *run, uint64_t row, uint64_t n)
{
    const struct rh_batch *from = &build->parts[INDEXES];
    uint32_t *columns = find_columns(build, table, run, row, n, INDEX_COLUMN);
    uint64_t at = run->first + row;

    if (!columns)
        return; /* over an expression */
    index->name = keep(build, get(from, at, INDEX_NAME));
    index->columns = columns;
    index->n_columns = (uint32_t)n;
    if (!get_number(from, at, INDEX_NON_UNIQUE))
        index->flags |= RH_INDEX_UNIQUE;
    for (uint64_t i = 0; i < n; i++) {
        if (from->cells[(at + i) * from->n_cols + INDEX_PREFIX].type != RH_TYPE_NULL)
            index->flags |= RH_INDEX_PARTIAL; /* of the beginnings of texts */
    }
    if (rh_text_is(index->name, "PRIMARY") && !(index->flags & RH_INDEX_PARTIAL)) {
        table->key = columns;
        table->n_key = (uint32_t)n;
    }
    table->n_indexes++;
}

static void add_foreign_key(struct build *build, struct rh_table *table, struct rh_foreign_key *key,
                            const struct run *run, uint64_t row, uint64_t n)
{
    const struct rh_batch *from = &build->parts[KEYS];
    uint32_t *columns = find_columns(build, table, run, row, n, KEY_COLUMN);
    struct rh_text *names = alloc(build, n, sizeof *names);
    uint64_t at = run->first + row;

    if (!columns || !names)
        return;
    for (uint64_t i = 0; i < n; i++)
        names[i] = keep(build, get(from, at + i, KEY_REF_COLUMN));
    key->name = keep(build, get(from, at, KEY_NAME));
    key->schema = keep(build, get(from, at, KEY_REF_SCHEMA));
    key->table = keep(build, get(from, at, KEY_REF_TABLE));
    key->columns = columns;
    key->ref_columns = names;
    key->n_columns = (uint32_t)n;
    table->n_foreign_keys++;
}

static void add_indexes(struct build *build, struct rh_table *table)
{
    struct run run = rows_of(build, INDEXES, table);
    struct rh_index *indexes = alloc(build, n_names(&run, INDEX_NAME), sizeof *indexes);
    uint64_t n = 0;

    table->indexes = indexes;
    for (uint64_t row = 0; indexes && row < run.n; row += n) {
        n = same_name(&run, row, INDEX_NAME);
        add_index(build, table, &indexes[table->n_indexes], &run, row, n);
    }
}

static void add_foreign_keys(struct build *build, struct rh_table *table)
{
    struct run run = rows_of(build, KEYS, table);
    struct rh_foreign_key *keys = alloc(build, n_names(&run, KEY_NAME), sizeof *keys);
    uint64_t n = 0;

    table->foreign_keys = keys;
    for (uint64_t row = 0; keys && row < run.n; row += n) {
        n = same_name(&run, row, KEY_NAME);
        add_foreign_key(build, table, &keys[table->n_foreign_keys], &run, row, n);
    }
}

/* ---- tables ---- */

static bool is_read_only(const struct build *build, const struct rh_table *table)
{
    struct run view = rows_of(build, VIEWS, table);

    return table->kind == RH_TABLE_VIEW &&
           !(view.n && rh_text_is(get(&build->parts[VIEWS], view.first, VIEW_UPDATABLE), "YES"));
}

static void add_table(struct build *build, struct rh_table *table, uint64_t row)
{
    const struct rh_batch *from = &build->parts[TABLES];
    struct rh_text kind = get(from, row, TABLE_KIND), comment = get(from, row, TABLE_COMMENT);
    bool view = has(kind, "VIEW");
    bool counted = from->cells[row * from->n_cols + TABLE_ROWS].type != RH_TYPE_NULL && !view;
    struct rh_column *columns = NULL;
    struct run run, checks;

    *table = (struct rh_table){
        .struct_size = sizeof *table,
        .kind = view ? RH_TABLE_VIEW : RH_TABLE_BASE,
        .schema = keep(build, get(from, row, CATALOG_SCHEMA)),
        .name = keep(build, get(from, row, CATALOG_TABLE)),
        .column_stride = sizeof(struct rh_column),
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = counted ? (int64_t)get_number(from, row, TABLE_ROWS) : -1,
    };
    if (!view && comment.len)
        table->comment = keep(build, comment);
    if (is_read_only(build, table))
        table->flags |= RH_TABLE_READ_ONLY;
    run = rows_of(build, COLUMNS, table);
    checks = rows_of(build, CHECKS, table);
    columns = alloc(build, run.n, sizeof *columns);
    table->columns = columns;
    table->n_columns = columns ? (uint32_t)run.n : 0;
    for (uint32_t i = 0; i < table->n_columns && !build->error->error_class; i++)
        add_column(build, &columns[i], run.first + i, &checks);
    add_indexes(build, table);
    add_foreign_keys(build, table);
}

int rh_my_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                 struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    struct build build = {.conn = conn, .op = op, .error = error ? error : &own};
    int rc = rh_my_enter(conn, op, build.error);

    for (enum part part = TABLES; !rc && part < N_PARTS; part++) {
        if (part != CHECKS || conn->mariadb)
            rc = fetch(&build, part);
    }
    if (rc)
        goto out;
    build.n_tables = (uint32_t)build.parts[TABLES].n_rows;
    build.tables = alloc(&build, build.n_tables, sizeof *build.tables);
    for (uint32_t i = 0; i < build.n_tables && !build.error->error_class; i++)
        add_table(&build, &build.tables[i], i);
    ret_catalog->default_schema = keep(&build, conn->database);
    rc = build.error->error_class;
    if (!rc) {
        ret_catalog->tables = build.tables;
        ret_catalog->n_tables = build.n_tables;
        ret_catalog->table_stride = sizeof(struct rh_table);
    }
out:
    for (enum part part = TABLES; part < N_PARTS; part++)
        rh_my_rows_free(build.rows[part]);
    rh_my_leave(conn);
    return rc;
}
