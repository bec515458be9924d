/*
 * The SQL of SQL Server, from version 2012 on, through Microsoft's driver or FreeTDS.
 *
 * "=" ignores trailing blanks under every collation and most fold cases, so equality by code point
 * is that of binary collation with a sign behind both sides. Its order is by UTF-16 units, so
 * ranges of texts are the host's business.
 */
#include "dialect.h"

#include "connector/kit.h"

#define BINARY_COLLATION "Latin1_General_100_BIN2"

static bool is_genuine(const struct rh_sql *sql)
{
    return ((const struct rh_odbc_traits *)sql->state)->genuine;
}

static void add_column(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form)
{
    if (form != RH_SQL_VALUE || column->type != RH_TYPE_TEXT || !is_genuine(sql)) {
        rh_sql_name(sql, column);
        return;
    }
    rh_sql_add(sql, "(CAST(");
    rh_sql_name(sql, column);
    rh_sql_add(sql, " AS NVARCHAR(MAX)) + N'x') COLLATE " BINARY_COLLATION);
}

static void add_parameter(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_value *value, enum rh_sql_form form)
{
    static const char *const names[RH_N_TYPES] = {
        [RH_TYPE_BOOL] = "BIT",
        [RH_TYPE_INT] = "BIGINT",
        [RH_TYPE_UINT] = "DECIMAL(20,0)",
        [RH_TYPE_FLOAT] = "FLOAT(53)",
        [RH_TYPE_TEXT] = "NVARCHAR(MAX)",
        [RH_TYPE_BYTES] = "VARBINARY(MAX)",
        [RH_TYPE_DATE] = "DATE",
        [RH_TYPE_TIME] = "TIME(7)",
        [RH_TYPE_DATETIME] = "DATETIME2(7)",
        [RH_TYPE_TIMESTAMP] = "DATETIMEOFFSET(7)",
        [RH_TYPE_UUID] = "UNIQUEIDENTIFIER",
        [RH_TYPE_JSON] = "NVARCHAR(MAX)",
    };
    static const struct rh_odbc_types types = {.names = names, .decimal = "DECIMAL"};
    bool stored = form == RH_SQL_WRITE;

    if (form == RH_SQL_SOURCE) {
        rh_odbc_source(sql, column, value, &types);
    } else if (column && column->type == RH_TYPE_TEXT && form == RH_SQL_VALUE && is_genuine(sql)) {
        rh_sql_add(sql, "(CAST(");
        rh_sql_bind(sql, column, value, form);
        rh_sql_add(sql, " AS NVARCHAR(MAX)) + N'x') COLLATE " BINARY_COLLATION);
    } else if (column && column->type == RH_TYPE_TIMESTAMP && !stored) {
        rh_odbc_cast(sql, column, value, form, "DATETIMEOFFSET(6)");
    } else if (column && column->type == RH_TYPE_TIME && !stored) {
        rh_odbc_cast(sql, column, value, form, "TIME(6)");
    } else {
        rh_sql_bind(sql, column, value, form);
    }
}

/* "[" opens a set of signs in a pattern. */
static const struct rh_value *pattern_of(struct rh_sql *sql, uint32_t op,
                                         const struct rh_value *value)
{
    const struct rh_value *plain = rh_sql_pattern(sql, op, value), *owned = NULL;
    struct rh_value made = {.type = RH_TYPE_TEXT};
    const char *from = plain ? plain->as.data : NULL;
    struct rh_buf pattern;

    if (!plain)
        return NULL;
    rh_buf_init(&pattern, UINT32_MAX);
    for (uint32_t i = 0; i < plain->len; i++) {
        if (from[i] == '[')
            rh_buf_add_char(&pattern, '\\');
        rh_buf_add_char(&pattern, from[i]);
    }
    made.len = (uint32_t)pattern.len;
    made.as.data = pattern.data ? pattern.data : "";
    if (pattern.failed)
        sql->failed = true;
    else
        owned = rh_sql_own_value(sql, &made);
    rh_buf_free(&pattern);
    return owned;
}

static bool add_predicate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_node *node, const struct rh_value *values)
{
    uint32_t base = RH_OP_BASE(node->op);

    if (base < RH_OP_LIKE || base > RH_OP_CONTAINS)
        return false;
    rh_sql_add(sql, "CAST(");
    rh_sql_name(sql, column);
    rh_sql_add(sql, " AS NVARCHAR(MAX)) COLLATE " BINARY_COLLATION " LIKE ");
    rh_sql_bind(sql, NULL, pattern_of(sql, base, values), RH_SQL_PLAIN);
    rh_sql_add(sql, " ESCAPE N'\\'");
    return true;
}

static void add_aggregate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_aggregate *aggregate, enum rh_sql_form form)
{
    (void)form;
    if (column && aggregate->function == RH_AGG_SUM && column->type == RH_TYPE_DECIMAL) {
        rh_sql_addf(sql, "SUM(%sCAST(", aggregate->distinct ? "DISTINCT " : "");
        rh_sql_name(sql, column);
        rh_sql_addf(sql, " AS DECIMAL(38,%u)))", column->scale);
        return;
    }
    if (column && aggregate->function == RH_AGG_COUNT) { /* COUNT is a 32-bit number */
        rh_sql_addf(sql, "COUNT_BIG(%s", aggregate->distinct ? "DISTINCT " : "");
        rh_sql_name(sql, column);
        rh_sql_add(sql, ")");
        return;
    }
    if (!column) {
        rh_sql_add(sql, "COUNT_BIG(*)");
        return;
    }
    rh_odbc_aggregate(sql, column, aggregate, "DECIMAL(38,0)");
}

/* ---- tables ---- */

static void add_type_name(struct rh_sql *sql, const struct rh_column *column)
{
    static const char *const names[RH_N_TYPES] = {
        [RH_TYPE_BOOL] = "BIT",
        [RH_TYPE_INT] = "BIGINT",
        [RH_TYPE_UINT] = "DECIMAL(20,0)",
        [RH_TYPE_FLOAT] = "FLOAT(53)",
        [RH_TYPE_DECIMAL] = "DECIMAL(38,10)",
        [RH_TYPE_TEXT] = "NVARCHAR(MAX)",
        [RH_TYPE_BYTES] = "VARBINARY(MAX)",
        [RH_TYPE_DATE] = "DATE",
        [RH_TYPE_TIME] = "TIME(6)",
        [RH_TYPE_DATETIME] = "DATETIME2(6)",
        [RH_TYPE_TIMESTAMP] = "DATETIMEOFFSET(6)",
        [RH_TYPE_UUID] = "UNIQUEIDENTIFIER",
        [RH_TYPE_JSON] = "NVARCHAR(MAX)",
    };
    static const struct rh_odbc_types types = {
        .names = names, .decimal = "DECIMAL", .varchar = "NVARCHAR"};

    if (column->type == RH_TYPE_TEXT && column->max_length > 4000 && !column->native_type.len)
        rh_sql_add(sql, "NVARCHAR(MAX)");
    else
        rh_odbc_type_name(sql, column, &types);
}

static void add_identity(struct rh_sql *sql, const struct rh_column *column)
{
    add_type_name(sql, column);
    rh_sql_add(sql, " IDENTITY(1,1) NOT NULL");
}

/* sp_rename takes the old name as a text with its brackets, the new one bare. */
static void add_rename(struct rh_sql *sql, const struct rh_table *table,
                       const struct rh_column *column, struct rh_text new_name)
{
    struct rh_sql old;

    rh_sql_init(&old, sql->dialect, sql->state);
    rh_sql_table(&old, table->schema, table->name);
    if (column) {
        rh_sql_add(&old, ".");
        rh_sql_identifier(&old, column->name);
    }
    rh_sql_add(sql, "EXEC sp_rename N");
    rh_sql_literal(sql, rh_buf_text(&old.text));
    rh_sql_add(sql, ", N");
    rh_sql_literal(sql, new_name);
    if (column)
        rh_sql_add(sql, ", N'COLUMN'");
    sql->failed = sql->failed || old.failed || old.text.failed;
    rh_sql_fini(&old);
}

static bool add_ddl(struct rh_sql *sql, const struct rh_ddl_change *change)
{
    const struct rh_table *table = change->table;

    switch (change->kind) {
    case RH_DDL_RENAME_TABLE:
        add_rename(sql, table, NULL, change->new_name);
        return true;
    case RH_DDL_RENAME_COLUMN:
        add_rename(sql, table, change->column, change->new_name);
        return true;
    case RH_DDL_ADD_COLUMN:
        rh_odbc_alter(sql, table, " ADD ");
        rh_sql_column_definition(sql, change->column);
        return true;
    case RH_DDL_DROP_INDEX:
        rh_sql_add(sql, "DROP INDEX ");
        rh_sql_identifier(sql, change->new_name);
        rh_sql_add(sql, " ON ");
        rh_sql_table(sql, table->schema, table->name);
        return true;
    default:
        return false;
    }
}

/* A default is a constraint with a name of its own there: it cannot be changed in passing. */
static void alter_column(struct rh_sql *sql, const struct rh_table *table,
                         const struct rh_column *column)
{
    sql->failed = sql->failed || column->default_text.data;
    rh_odbc_alter(sql, table, " ALTER COLUMN ");
    rh_sql_identifier(sql, column->name);
    rh_sql_add(sql, " ");
    add_type_name(sql, column);
    rh_sql_add(sql, column->flags & RH_COLUMN_NOT_NULL ? " NOT NULL" : " NULL");
}

static const char *const names[] = {"SQL Server", "Azure SQL", NULL};
static const char *const setup[] = {"SET ANSI_NULLS, ANSI_PADDING, QUOTED_IDENTIFIER ON",
                                    "SET TEXTSIZE 2147483647", NULL};
static const struct rh_sql_merge merge = {
    .hint = " WITH (HOLDLOCK)", .source_from = "", .end = ";"};

static const struct rh_odbc_native_error native_errors[] = {
    {2601, NULL, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE},
    {2627, NULL, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE},
    {515, NULL, RH_CONSTRAINT, RH_CONSTRAINT_NOT_NULL},
    {0, "FOREIGN KEY constraint", RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY},
    {0, "REFERENCE constraint", RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY},
    {547, NULL, RH_CONSTRAINT, RH_CONSTRAINT_CHECK},
    {1205, NULL, RH_CONFLICT, 0},
    {3960, NULL, RH_CONFLICT, 0},
    {1222, NULL, RH_BUSY, 0},
    {229, NULL, RH_PERMISSION, 0},
    {230, NULL, RH_PERMISSION, 0},
    {262, NULL, RH_PERMISSION, 0},
    {18456, NULL, RH_AUTH, 0},
    {4060, NULL, RH_NOT_FOUND, 0},
    {208, NULL, RH_NOT_FOUND, 0},
    {207, NULL, RH_NOT_FOUND, 0},
    {2714, NULL, RH_EXISTS, 0},
    {1913, NULL, RH_EXISTS, 0},
    {2705, NULL, RH_EXISTS, 0},
    {8152, NULL, RH_DATA, 0},
    {2628, NULL, RH_DATA, 0},
    {0, NULL, 0, 0},
};

#define NO_REF "CAST(NULL AS sysname), CAST(NULL AS sysname), CAST(NULL AS sysname)"
#define KEYS                                                                                       \
    "SELECT s.name, t.name, k.name, 'P', ic.key_ordinal, c.name, " NO_REF                          \
    " FROM sys.key_constraints k JOIN sys.tables t ON t.object_id = k.parent_object_id "           \
    "JOIN sys.schemas s ON s.schema_id = t.schema_id "                                             \
    "JOIN sys.index_columns ic ON ic.object_id = t.object_id AND ic.index_id = k.unique_index_id " \
    "JOIN sys.columns c ON c.object_id = t.object_id AND c.column_id = ic.column_id "              \
    "WHERE k.type = 'PK' UNION ALL "                                                               \
    "SELECT s.name, t.name, f.name, 'F', x.constraint_column_id, c.name, rs.name, r.name, "        \
    "rc.name FROM sys.foreign_keys f JOIN sys.tables t ON t.object_id = f.parent_object_id "       \
    "JOIN sys.schemas s ON s.schema_id = t.schema_id "                                             \
    "JOIN sys.foreign_key_columns x ON x.constraint_object_id = f.object_id "                      \
    "JOIN sys.columns c ON c.object_id = t.object_id AND c.column_id = x.parent_column_id "        \
    "JOIN sys.tables r ON r.object_id = f.referenced_object_id "                                   \
    "JOIN sys.schemas rs ON rs.schema_id = r.schema_id "                                           \
    "JOIN sys.columns rc ON rc.object_id = r.object_id AND rc.column_id = x.referenced_column_id " \
    "ORDER BY 1, 2, 4, 3, 5"
#define INDEXES                                                                                    \
    "SELECT s.name, t.name, i.name, CAST(i.is_unique AS int), ic.key_ordinal, c.name, "            \
    "CAST(i.has_filter AS int) FROM sys.indexes i JOIN sys.tables t ON t.object_id = i.object_id " \
    "JOIN sys.schemas s ON s.schema_id = t.schema_id "                                             \
    "JOIN sys.index_columns ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id "        \
    "JOIN sys.columns c ON c.object_id = t.object_id AND c.column_id = ic.column_id "              \
    "WHERE i.is_primary_key = 0 AND i.type IN (1, 2) AND ic.key_ordinal > 0 ORDER BY 1, 2, 3, 5"
#define EXTRAS                                                                                     \
    "SELECT s.name, t.name, c.name, CASE WHEN c.is_identity = 1 THEN 'I' ELSE '' END + "           \
    "CASE WHEN c.is_computed = 1 OR c.system_type_id = 189 THEN 'G' ELSE '' END + "                \
    "CASE WHEN c.default_object_id <> 0 THEN 'D' ELSE '' END "                                     \
    "FROM sys.columns c JOIN sys.objects t ON t.object_id = c.object_id "                          \
    "JOIN sys.schemas s ON s.schema_id = t.schema_id WHERE t.type IN ('U', 'V')"

const struct rh_odbc_dialect rh_odbc_sqlserver = {
    .id = "sqlserver",
    .language = "SQL (SQL Server)",
    .names = names,
    .sql =
        {
            .quote_open = '[',
            .quote_close = ']',
            .placeholder = '?',
            .bare_placeholder = true,
            .own_name = true,
            .no_truth_test = true,
            .default_keyword = true,
            .default_first = true,
            .returning = RH_SQL_RETURNING_OUTPUT,
            .paging = RH_SQL_PAGING_TOP,
            .lock_hint = " WITH (UPDLOCK, HOLDLOCK, ROWLOCK)",
            .merge = &merge,
            .column = add_column,
            .parameter = add_parameter,
            .predicate = add_predicate,
            .aggregate = add_aggregate,
            .type_name = add_type_name,
            .identity = add_identity,
            .ddl = add_ddl,
            .alter_column = alter_column,
            .exact = rh_odbc_exact,
            .can = rh_odbc_can,
            .pair = rh_odbc_pair,
        },
    .native_errors = native_errors,
    .texts = RH_ODBC_TEXT_EQUAL,
    .schemas = RH_ODBC_SCHEMAS,
    .utf16_texts = true,
    .exact_like = true,
    .own_text_seek = true,
    .typed_cells = true,
    .key_length = 450,
    .exact_decimals = true,
    .exact_floats = true,
    .exact_sums = true,
    .tx_ddl = true,
    .setup = setup,
    .snapshot = 8, /* SQL_TXN_SERIALIZABLE */
    .savepoint = "SAVE TRANSACTION rh_%u",
    .rollback_to = "ROLLBACK TRANSACTION rh_%u",
    .default_schema = "SELECT SCHEMA_NAME()",
    .ping = "SELECT 1",
    .keys = KEYS,
    .indexes = INDEXES,
    .extras = EXTRAS,
    .system_schemas = " sys INFORMATION_SCHEMA guest ",
};
