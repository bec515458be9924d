/*
 * SQLite's SQL, through its ODBC driver. SQLite types values, not columns, so cells are read as
 * texts and take the declared type where they fit it, and ranges are closed at the end of their
 * class (numbers < texts < blobs). No function can be registered through ODBC, so dates, decimals
 * and sums are the host's business; so are comparisons of doubles, which the driver only gives as
 * decimal text, whose last digit SQLite may get wrong.
 */
#include "dialect.h"

#include "base/buf.h"
#include "connector/kit.h"

static void add_column(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form)
{
    bool value = form == RH_SQL_VALUE || form == RH_SQL_VALUE_OUTPUT;

    if (column->type == RH_TYPE_FLOAT && (form == RH_SQL_OUTPUT || form == RH_SQL_VALUE_OUTPUT)) {
        /* the driver would print 15 digits; SQLite errs in the 17th, not before the 20th */
        rh_sql_add(sql, "CASE typeof(");
        rh_sql_name(sql, column);
        rh_sql_add(sql, ") WHEN 'real' THEN printf('%!.20g', ");
        rh_sql_name(sql, column);
        rh_sql_add(sql, ") ELSE ");
        rh_sql_name(sql, column);
        rh_sql_add(sql, " END");
        return;
    }
    rh_sql_name(sql, column);
    if (value && column->type == RH_TYPE_TEXT)
        rh_sql_add(sql, " COLLATE BINARY");
}

static const char *const signs[] = {
    [RH_OP_LT] = " < ", [RH_OP_LTE] = " <= ", [RH_OP_GT] = " > ", [RH_OP_GTE] = " >= "};

/* The end of the class above, or nothing. */
static const char *guard_of(const struct rh_column *column, uint32_t op)
{
    bool up = op == RH_OP_GT || op == RH_OP_GTE;

    switch (column->type) {
    case RH_TYPE_INT:
    case RH_TYPE_FLOAT:
        return up ? " < ''" : NULL;
    case RH_TYPE_TEXT:
        return up ? " < X''" : " >= ''";
    default:
        return up ? NULL : " >= X''";
    }
}

static void add_range(struct rh_sql *sql, const struct rh_column *column, uint32_t op,
                      const struct rh_value *value)
{
    const char *guard = guard_of(column, op);

    rh_sql_add(sql, guard ? "(" : "");
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_add(sql, signs[op]);
    rh_sql_value(sql, column, value, RH_SQL_VALUE);
    if (guard) {
        rh_sql_add(sql, " AND ");
        rh_sql_operand(sql, column, RH_SQL_VALUE);
        rh_sql_add(sql, guard);
        rh_sql_add(sql, ")");
    }
}

/* GLOB tells upper from lower case; its own signs go into brackets. */
static void add_glob(struct rh_sql *sql, uint32_t op, const struct rh_value *value)
{
    const char *from = value->as.data;
    struct rh_value made = {.type = RH_TYPE_TEXT};
    struct rh_buf glob;

    rh_buf_init(&glob, UINT32_MAX);
    if (op == RH_OP_ENDS || op == RH_OP_CONTAINS)
        rh_buf_add_char(&glob, '*');
    for (uint32_t i = 0; i < value->len; i++) {
        char c = from[i];
        if (op == RH_OP_LIKE && (c == '%' || c == '_')) {
            rh_buf_add_char(&glob, c == '%' ? '*' : '?');
            continue;
        }
        if (op == RH_OP_LIKE && c == '\\' && i + 1 < value->len)
            c = from[++i];
        if (c == '*' || c == '?' || c == '[') {
            rh_buf_add_char(&glob, '[');
            rh_buf_add_char(&glob, c);
            rh_buf_add_char(&glob, ']');
        } else {
            rh_buf_add_char(&glob, c);
        }
    }
    if (op == RH_OP_STARTS || op == RH_OP_CONTAINS)
        rh_buf_add_char(&glob, '*');
    made.len = (uint32_t)glob.len;
    made.as.data = glob.data ? glob.data : "";
    if (glob.failed)
        sql->failed = true;
    else
        rh_sql_bind(sql, NULL, rh_sql_own_value(sql, &made), RH_SQL_VALUE);
    rh_buf_free(&glob);
}

static bool add_predicate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_node *node, const struct rh_value *values)
{
    uint32_t base = RH_OP_BASE(node->op);

    if (base >= RH_OP_LT && base <= RH_OP_GTE) {
        add_range(sql, column, base, values);
        return true;
    }
    if (base < RH_OP_LIKE || base > RH_OP_CONTAINS)
        return false;
    rh_sql_add(sql, "(typeof(");
    rh_sql_name(sql, column);
    rh_sql_add(sql, ") = 'text' AND ");
    rh_sql_name(sql, column);
    rh_sql_add(sql, " GLOB ");
    add_glob(sql, base, values);
    rh_sql_add(sql, ")");
    return true;
}

static void add_type_name(struct rh_sql *sql, const struct rh_column *column)
{
    static const char *const names[RH_N_TYPES] = {
        [RH_TYPE_BOOL] = "BOOLEAN",
        [RH_TYPE_INT] = "INTEGER",
        [RH_TYPE_UINT] = "INTEGER",
        [RH_TYPE_FLOAT] = "REAL",
        [RH_TYPE_DECIMAL] = "DECIMAL",
        [RH_TYPE_TEXT] = "TEXT",
        [RH_TYPE_BYTES] = "BLOB",
        [RH_TYPE_DATE] = "DATE",
        [RH_TYPE_TIME] = "TIME",
        [RH_TYPE_DATETIME] = "DATETIME",
        [RH_TYPE_TIMESTAMP] = "TIMESTAMP WITH TIME ZONE",
        [RH_TYPE_UUID] = "TEXT",
        [RH_TYPE_JSON] = "TEXT",
    };
    static const struct rh_odbc_types types = {
        .names = names, .decimal = "DECIMAL", .varchar = "VARCHAR"};

    rh_odbc_type_name(sql, column, &types);
}

static void add_identity(struct rh_sql *sql, const struct rh_column *column)
{
    (void)column;
    rh_sql_add(sql, "INTEGER PRIMARY KEY");
}

static const char *const names[] = {"SQLite", NULL};

static const struct rh_odbc_native_error native_errors[] = {
    {0, "UNIQUE constraint", RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE},
    {0, "FOREIGN KEY constraint", RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY},
    {0, "NOT NULL constraint", RH_CONSTRAINT, RH_CONSTRAINT_NOT_NULL},
    {0, "CHECK constraint", RH_CONSTRAINT, RH_CONSTRAINT_CHECK},
    {0, "database is locked", RH_BUSY, 0},
    {0, "readonly database", RH_PERMISSION, 0},
    {0, "interrupted", RH_CANCELLED, 0},
    {0, "no such table", RH_NOT_FOUND, 0},
    {0, "no such column", RH_NOT_FOUND, 0},
    {0, "already exists", RH_EXISTS, 0},
    {0, "unable to open", RH_UNAVAILABLE, 0},
    {0, "connect failed", RH_UNAVAILABLE, 0},
    {0, NULL, 0, 0},
};

#define TABLES "FROM sqlite_master m JOIN "
#define KEYS                                                                                       \
    "SELECT NULL, m.name, 'PRIMARY', 'P', i.pk, i.name, NULL, NULL, NULL " TABLES                  \
    "pragma_table_info(m.name) i WHERE m.type = 'table' AND i.pk > 0 UNION ALL "                   \
    "SELECT NULL, m.name, 'fk_' || f.id, 'F', f.seq + 1, f.\"from\", NULL, f.\"table\", "          \
    "COALESCE(f.\"to\", (SELECT name FROM pragma_table_info(f.\"table\") WHERE pk = f.seq + "      \
    "1)) " TABLES "pragma_foreign_key_list(m.name) f WHERE m.type = 'table' ORDER BY 2, 4, 3, 5"
#define INDEXES                                                                                    \
    "SELECT NULL, m.name, l.name, l.\"unique\", x.seqno + 1, x.name, "                             \
    "l.partial OR x.name IS NULL " TABLES "pragma_index_list(m.name) l JOIN "                      \
    "pragma_index_info(l.name) x WHERE m.type = 'table' AND l.origin <> 'pk' ORDER BY 2, 3, 5"
/* INTEGER PRIMARY KEY counts by itself. */
#define EXTRAS                                                                                     \
    "SELECT NULL, m.name, i.name, CASE WHEN i.pk = 1 AND upper(i.type) = 'INTEGER' AND "           \
    "(SELECT count(*) FROM pragma_table_info(m.name) WHERE pk > 0) = 1 THEN 'ID' ELSE '' END || "  \
    "CASE WHEN i.hidden IN (2, 3) THEN 'G' ELSE '' END || "                                        \
    "CASE WHEN i.dflt_value IS NOT NULL THEN 'D' ELSE '' END " TABLES                              \
    "pragma_table_xinfo(m.name) i WHERE m.type IN ('table', 'view')"

const struct rh_odbc_dialect rh_odbc_sqlite = {
    .id = "sqlite",
    .language = "SQL (SQLite)",
    .names = names,
    .sql =
        {
            .quote_open = '"',
            .quote_close = '"',
            .placeholder = '?',
            .bare_placeholder = true,
            .order_nulls_keywords = true,
            .row_values = true,
            .offset_needs_limit = true,
            .identity_is_key = true,
            .returning = RH_SQL_RETURNING_NONE, /* the driver gives no rows of it */
            .column = add_column,
            .predicate = add_predicate,
            .type_name = add_type_name,
            .identity = add_identity,
            .exact = rh_odbc_exact,
            .can = rh_odbc_can,
            .pair = rh_odbc_pair,
        },
    .native_errors = native_errors,
    .texts = RH_ODBC_TEXT_ORDERED,
    .schemas = RH_ODBC_SCHEMAS_NONE,
    .exact_like = true,
    .own_text_seek = true,
    .dates_as_text = true,
    .decimal_digits = 15, /* of a double, as the driver prints it */
    .nan_is_null = true,
    .exact_bytes = true,
    .sorts_long = true,
    .on_conflict = true,
    .tx_ddl = true,
    .read_only_native = true,
    .read_only = "PRAGMA query_only = 1",
    .read_write = "PRAGMA query_only = 0",
    .snapshot = 8, /* SQL_TXN_SERIALIZABLE */
    .savepoint = "SAVEPOINT rh_%u",
    .rollback_to = "ROLLBACK TO SAVEPOINT rh_%u",
    .release = "RELEASE SAVEPOINT rh_%u",
    .last_identity = "SELECT last_insert_rowid()",
    .ping = "SELECT 1",
    .keys = KEYS,
    .indexes = INDEXES,
    .extras = EXTRAS,
    .system_schemas = "  ",
};
