/*
 * The SQL of MySQL and MariaDB, through their ODBC drivers. Texts compare by code point as the
 * bytes of their UTF-8; every collation of the server but those made for it folds cases or pads.
 */
#include "dialect.h"

#include "connector/kit.h"

/* The bytes of the text in UTF-8 sort by code point. */
static void add_as_bytes(struct rh_sql *sql, const struct rh_column *column)
{
    rh_sql_add(sql, "CAST(CONVERT(");
    rh_sql_name(sql, column);
    rh_sql_add(sql, " USING utf8mb4) AS BINARY)");
}

static void add_column(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form)
{
    bool value = form == RH_SQL_VALUE || form == RH_SQL_VALUE_OUTPUT;

    if (!value || column->type != RH_TYPE_TEXT) {
        rh_sql_name(sql, column);
        return;
    }
    rh_sql_add(sql, form == RH_SQL_VALUE_OUTPUT ? "CONVERT(" : "");
    add_as_bytes(sql, column);
    rh_sql_add(sql, form == RH_SQL_VALUE_OUTPUT ? " USING utf8mb4)" : "");
}

/* A decimal or date given as text would be compared as a double or text. */
static void add_parameter(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_value *value, enum rh_sql_form form)
{
    uint32_t type = column ? column->type : value->type;

    if (form == RH_SQL_WRITE || form == RH_SQL_SOURCE) {
        rh_sql_bind(sql, column, value, form);
    } else if (type == RH_TYPE_TEXT && form == RH_SQL_VALUE) {
        rh_sql_add(sql, "CAST(CONVERT(");
        rh_sql_bind(sql, column, value, form);
        rh_sql_add(sql, " USING utf8mb4) AS BINARY)");
    } else if (type == RH_TYPE_DECIMAL || type == RH_TYPE_UINT) {
        rh_odbc_cast(sql, column, value, form, "DECIMAL(65,30)");
    } else if (type == RH_TYPE_DATE) {
        rh_odbc_cast(sql, column, value, form, "DATE");
    } else if (type == RH_TYPE_TIME) {
        rh_odbc_cast(sql, column, value, form, "TIME(6)");
    } else if (type == RH_TYPE_DATETIME || type == RH_TYPE_TIMESTAMP) {
        rh_odbc_cast(sql, column, value, form, "DATETIME(6)");
    } else {
        rh_sql_bind(sql, column, value, form);
    }
}

static bool add_predicate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_node *node, const struct rh_value *values)
{
    uint32_t base = RH_OP_BASE(node->op);

    if (base < RH_OP_LIKE || base > RH_OP_CONTAINS)
        return false;
    rh_sql_add(sql, "CONVERT(");
    rh_sql_operand(sql, column, RH_SQL_PLAIN);
    rh_sql_add(sql, " USING utf8mb4) LIKE CONVERT(");
    rh_sql_bind(sql, NULL, rh_sql_pattern(sql, node->op, values), RH_SQL_PLAIN);
    rh_sql_add(sql, " USING utf8mb4) COLLATE utf8mb4_bin ESCAPE '\\\\'");
    return true;
}

static void add_aggregate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_aggregate *aggregate, enum rh_sql_form form)
{
    bool text = column && column->type == RH_TYPE_TEXT && form == RH_SQL_VALUE_OUTPUT &&
                aggregate->function != RH_AGG_COUNT;

    rh_sql_add(sql, text ? "CONVERT(" : "");
    rh_odbc_aggregate(sql, column, aggregate, NULL);
    rh_sql_add(sql, text ? " USING utf8mb4)" : "");
}

static void add_type_name(struct rh_sql *sql, const struct rh_column *column)
{
    static const char *const names[RH_N_TYPES] = {
        [RH_TYPE_BOOL] = "TINYINT(1)",
        [RH_TYPE_INT] = "BIGINT",
        [RH_TYPE_UINT] = "BIGINT UNSIGNED",
        [RH_TYPE_FLOAT] = "DOUBLE",
        [RH_TYPE_DECIMAL] = "DECIMAL(65,30)",
        [RH_TYPE_TEXT] = "LONGTEXT",
        [RH_TYPE_BYTES] = "LONGBLOB",
        [RH_TYPE_DATE] = "DATE",
        [RH_TYPE_TIME] = "TIME(6)",
        [RH_TYPE_DATETIME] = "DATETIME(6)",
        [RH_TYPE_TIMESTAMP] = "TIMESTAMP(6)",
        [RH_TYPE_UUID] = "CHAR(36)",
        [RH_TYPE_JSON] = "JSON",
    };
    static const struct rh_odbc_types types = {
        .names = names, .decimal = "DECIMAL", .varchar = "VARCHAR"};

    rh_odbc_type_name(sql, column, &types);
}

static void add_identity(struct rh_sql *sql, const struct rh_column *column)
{
    add_type_name(sql, column);
    rh_sql_add(sql, " AUTO_INCREMENT PRIMARY KEY");
}

static bool add_ddl(struct rh_sql *sql, const struct rh_ddl_change *change)
{
    if (change->kind != RH_DDL_DROP_INDEX)
        return false;
    rh_sql_add(sql, "DROP INDEX ");
    rh_sql_identifier(sql, change->new_name);
    rh_sql_add(sql, " ON ");
    rh_sql_table(sql, change->table->schema, change->table->name);
    return true;
}

static void alter_column(struct rh_sql *sql, const struct rh_table *table,
                         const struct rh_column *column)
{
    rh_odbc_alter(sql, table, " MODIFY COLUMN ");
    rh_sql_column_definition(sql, column);
}

static const char *const names[] = {"MySQL", "MariaDB", NULL};
static const char *const setup[] = {
    "SET SESSION time_zone = '+00:00', SESSION sql_mode = "
    "'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
    NULL};

static const struct rh_odbc_native_error native_errors[] = {
    {1062, NULL, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE},
    {1586, NULL, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE},
    {1451, NULL, RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY},
    {1452, NULL, RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY},
    {1048, NULL, RH_CONSTRAINT, RH_CONSTRAINT_NOT_NULL},
    {1364, NULL, RH_CONSTRAINT, RH_CONSTRAINT_NOT_NULL},
    {3819, NULL, RH_CONSTRAINT, RH_CONSTRAINT_CHECK},
    {4025, NULL, RH_CONSTRAINT, RH_CONSTRAINT_CHECK},
    {1205, NULL, RH_BUSY, 0},
    {1213, NULL, RH_CONFLICT, 0},
    {1045, NULL, RH_AUTH, 0},
    {1698, NULL, RH_AUTH, 0},
    {1044, NULL, RH_PERMISSION, 0},
    {1142, NULL, RH_PERMISSION, 0},
    {1143, NULL, RH_PERMISSION, 0},
    {1227, NULL, RH_PERMISSION, 0},
    {1792, NULL, RH_PERMISSION, 0},
    {1040, NULL, RH_BUSY, 0},
    {1049, NULL, RH_NOT_FOUND, 0},
    {1146, NULL, RH_NOT_FOUND, 0},
    {1051, NULL, RH_NOT_FOUND, 0},
    {1054, NULL, RH_NOT_FOUND, 0},
    {1050, NULL, RH_EXISTS, 0},
    {1060, NULL, RH_EXISTS, 0},
    {1061, NULL, RH_EXISTS, 0},
    {1153, NULL, RH_RESOURCE, 0},
    {1317, NULL, RH_CANCELLED, 0},
    {1969, NULL, RH_TIMEOUT, 0},
    {2002, NULL, RH_UNAVAILABLE, 0},
    {2003, NULL, RH_UNAVAILABLE, 0},
    {2005, NULL, RH_UNAVAILABLE, 0},
    {2006, NULL, RH_UNAVAILABLE, 0},
    {2013, NULL, RH_UNAVAILABLE, 0},
    {0, NULL, 0, 0},
};

#define KEYS                                                                                       \
    "SELECT table_schema, table_name, constraint_name, "                                           \
    "CASE WHEN constraint_name = 'PRIMARY' THEN 'P' WHEN referenced_table_name IS NULL THEN 'U' "  \
    "ELSE 'F' END, ordinal_position, column_name, referenced_table_schema, "                       \
    "referenced_table_name, referenced_column_name FROM information_schema.key_column_usage "      \
    "WHERE table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') "      \
    "ORDER BY 1, 2, 4, 3, 5"
#define INDEXES                                                                                    \
    "SELECT table_schema, table_name, index_name, 1 - non_unique, seq_in_index, column_name, "     \
    "CASE WHEN sub_part IS NULL THEN 0 ELSE 1 END FROM information_schema.statistics "             \
    "WHERE index_name <> 'PRIMARY' AND table_schema NOT IN "                                       \
    "('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY 1, 2, 3, 5"
#define EXTRAS                                                                                     \
    "SELECT table_schema, table_name, column_name, CONCAT("                                        \
    "CASE WHEN extra LIKE '%auto_increment%' THEN 'ID' ELSE '' END, "                              \
    "CASE WHEN extra LIKE '%STORED%' OR extra LIKE '%VIRTUAL%' THEN 'G' ELSE '' END, "             \
    "CASE WHEN column_default IS NOT NULL AND column_default <> 'NULL' THEN 'D' ELSE '' END, "     \
    "CASE WHEN column_type LIKE 'tinyint(1)%' THEN 'b' ELSE '' END) "                              \
    "FROM information_schema.columns WHERE table_schema NOT IN "                                   \
    "('mysql', 'sys', 'information_schema', 'performance_schema')"

const struct rh_odbc_dialect rh_odbc_mysql = {
    .id = "mysql",
    .language = "SQL (MySQL)",
    .names = names,
    .sql =
        {
            .quote_open = '`',
            .quote_close = '`',
            .placeholder = '?',
            .bare_placeholder = true,
            .row_values = false,
            .offset_needs_limit = false,
            .default_keyword = true,
            .own_name = true,
            .default_row_is_listed = true,
            .identity_is_key = true,
            .returning = RH_SQL_RETURNING_NONE,
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
    .texts = RH_ODBC_TEXT_ORDERED,
    .schemas = RH_ODBC_SCHEMAS_CATALOGS,
    .exact_like = true,
    .own_text_seek = true,
    .typed_cells = true,
    .key_length = 700,
    .dates_as_text = true,
    .decimal_scale = 30,
    .exact_decimals = true,
    .exact_bytes = true,
    .exact_sums = true,
    .sorts_long = true,
    .read_only_native = true,
    .lock_clause = " FOR UPDATE",
    .setup = setup,
    .read_only = "SET TRANSACTION READ ONLY",
    .snapshot = 4, /* SQL_TXN_REPEATABLE_READ */
    .savepoint = "SAVEPOINT rh_%u",
    .rollback_to = "ROLLBACK TO SAVEPOINT rh_%u",
    .release = "RELEASE SAVEPOINT rh_%u",
    .last_identity = "SELECT LAST_INSERT_ID()",
    .default_schema = "SELECT DATABASE()",
    .ping = "SELECT 1",
    .keys = KEYS,
    .indexes = INDEXES,
    .extras = EXTRAS,
    .system_schemas = " mysql sys information_schema performance_schema ",
};
