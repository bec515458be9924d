/*
 * PostgreSQL's SQL, through its ODBC driver. Forms of a column, by native type:
 *
 *   native type               PLAIN     ORDER     VALUE              OUTPUT
 *   text varchar name         c         c         c COLLATE "C" [1]  c
 *   bpchar                    c         c         c::text COLL. "C"  c::text
 *   date time timestamp(tz)   c         c         c                  c::text [2]
 *   everything else           c         c         c                  c, c::text where OPAQUE
 *
 *   [1] c where RH_COLUMN_BINARY_ORDER says that its collation sorts by code point anyway
 *   [2] the driver knows neither infinity nor years before 1
 */
#include "dialect.h"

#include "connector/kit.h"

static bool is_time(const struct rh_column *column)
{
    return column->type >= RH_TYPE_DATE && column->type <= RH_TYPE_TIMESTAMP;
}

static void add_column(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form)
{
    bool value = form == RH_SQL_VALUE || form == RH_SQL_VALUE_OUTPUT;
    bool output = form == RH_SQL_OUTPUT || form == RH_SQL_VALUE_OUTPUT;
    bool padded = rh_text_starts(column->native_type, "bpchar") ||
                  rh_text_starts(column->native_type, "char");

    rh_sql_name(sql, column);
    if (column->type == RH_TYPE_TEXT) {
        if ((padded && (value || output)) || (output && (column->flags & RH_COLUMN_OPAQUE)))
            rh_sql_add(sql, "::text");
        if (value && (padded || !(column->flags & RH_COLUMN_BINARY_ORDER)))
            rh_sql_add(sql, " COLLATE \"C\"");
    } else if (output && is_time(column)) {
        rh_sql_add(sql, "::text");
    }
}

static void add_parameter(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_value *value, enum rh_sql_form form)
{
    static const char *const casts[RH_N_TYPES] = {
        [RH_TYPE_INT] = "bigint",         [RH_TYPE_FLOAT] = "float8",
        [RH_TYPE_DECIMAL] = "numeric",    [RH_TYPE_UINT] = "numeric",
        [RH_TYPE_DATE] = "date",          [RH_TYPE_TIME] = "time",
        [RH_TYPE_DATETIME] = "timestamp", [RH_TYPE_TIMESTAMP] = "timestamptz",
        [RH_TYPE_UUID] = "uuid",          [RH_TYPE_BYTES] = "bytea",
        [RH_TYPE_TEXT] = "text",          [RH_TYPE_BOOL] = "boolean",
    };
    uint32_t type = column ? column->type : value->type;
    const char *cast = type < RH_N_TYPES ? casts[type] : NULL;

    if (type == RH_TYPE_JSON)
        cast = column && rh_text_is(column->native_type, "json") ? "json" : "jsonb";
    /* What is stored in a text column may be of a type that has its own input. */
    if (type == RH_TYPE_TEXT && (form == RH_SQL_WRITE || form == RH_SQL_PLAIN))
        cast = NULL;
    if (cast)
        rh_odbc_cast(sql, column, value, form, cast);
    else
        rh_sql_bind(sql, column, value, form);
}

static void add_bucket(struct rh_sql *sql, const struct rh_column *column, uint32_t bucket,
                       enum rh_sql_form form)
{
    static const char *const units[] = {"",     "year", "quarter", "month",
                                        "week", "day",  "hour",    "minute"};
    const char *after = ")";

    if (bucket >= sizeof units / sizeof units[0]) {
        sql->failed = true;
        return;
    }
    if (column->type == RH_TYPE_DATE && bucket >= RH_BUCKET_DAY) {
        rh_sql_name(sql, column);
    } else {
        rh_sql_addf(sql, "date_trunc('%s', ", units[bucket]);
        rh_sql_name(sql, column);
        if (column->type == RH_TYPE_DATE)
            after = "::timestamp)::date";
        else if (column->type == RH_TYPE_TIMESTAMP)
            after = ", 'UTC')";
        rh_sql_add(sql, after);
    }
    if (form == RH_SQL_VALUE_OUTPUT)
        rh_sql_add(sql, "::text");
}

static void add_aggregate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_aggregate *aggregate, enum rh_sql_form form)
{
    rh_odbc_aggregate(sql, column, aggregate, NULL);
    if (!column || form != RH_SQL_VALUE_OUTPUT || aggregate->function == RH_AGG_COUNT)
        return;
    if (is_time(column) || aggregate->type == RH_TYPE_DECIMAL)
        rh_sql_add(sql, "::text");
}

static void add_type_name(struct rh_sql *sql, const struct rh_column *column)
{
    static const char *const names[RH_N_TYPES] = {
        [RH_TYPE_BOOL] = "boolean",
        [RH_TYPE_INT] = "bigint",
        [RH_TYPE_UINT] = "numeric(20)",
        [RH_TYPE_FLOAT] = "double precision",
        [RH_TYPE_DECIMAL] = "numeric",
        [RH_TYPE_TEXT] = "text",
        [RH_TYPE_BYTES] = "bytea",
        [RH_TYPE_DATE] = "date",
        [RH_TYPE_TIME] = "time",
        [RH_TYPE_DATETIME] = "timestamp",
        [RH_TYPE_TIMESTAMP] = "timestamptz",
        [RH_TYPE_UUID] = "uuid",
        [RH_TYPE_JSON] = "jsonb",
    };
    static const struct rh_odbc_types types = {
        .names = names, .decimal = "numeric", .varchar = "varchar"};

    rh_odbc_type_name(sql, column, &types);
}

static void add_identity(struct rh_sql *sql, const struct rh_column *column)
{
    add_type_name(sql, column);
    rh_sql_add(sql, " GENERATED BY DEFAULT AS IDENTITY");
}

static const char *const names[] = {"PostgreSQL", "Redshift", "EnterpriseDB", NULL};
static const char *const setup[] = {"SET TimeZone TO 'UTC'", "SET DateStyle TO 'ISO'",
                                    "SET extra_float_digits TO 1", NULL};

/* A constraint's columns in its own order. */
#define KEYS                                                                                       \
    "SELECT n.nspname, c.relname, k.conname, upper(k.contype::text), u.i::int4, a.attname, "       \
    "rn.nspname, rc.relname, ra.attname FROM pg_constraint k "                                     \
    "JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace "         \
    "CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS u(col, ref, i) "            \
    "JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.col "                         \
    "LEFT JOIN pg_class rc ON rc.oid = k.confrelid AND k.contype = 'f' "                           \
    "LEFT JOIN pg_namespace rn ON rn.oid = rc.relnamespace "                                       \
    "LEFT JOIN pg_attribute ra ON ra.attrelid = k.confrelid AND ra.attnum = u.ref "                \
    "WHERE k.contype IN ('p', 'f') ORDER BY 1, 2, 3, 5"
#define INDEXES                                                                                    \
    "SELECT n.nspname, c.relname, ic.relname, x.indisunique::int4, u.i::int4, a.attname, "         \
    "(x.indpred IS NOT NULL OR x.indexprs IS NOT NULL)::int4 FROM pg_index x "                     \
    "JOIN pg_class c ON c.oid = x.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace "         \
    "JOIN pg_class ic ON ic.oid = x.indexrelid "                                                   \
    "CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY AS u(col, i) "                    \
    "JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = u.col "                         \
    "WHERE NOT x.indisprimary AND u.i <= x.indnkeyatts "                                           \
    "AND n.nspname NOT IN ('pg_catalog', 'pg_toast') ORDER BY 1, 2, 3, 5"
#define EXTRAS                                                                                     \
    "SELECT n.nspname, c.relname, a.attname, concat("                                              \
    "CASE WHEN a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%' "           \
    "THEN 'I' END, CASE WHEN a.attgenerated <> '' OR a.attidentity = 'a' THEN 'G' END, "           \
    "CASE WHEN d.adbin IS NOT NULL AND a.attgenerated = '' THEN 'D' END, "                         \
    "CASE WHEN a.atttypid IN (19, 25, 1043) AND COALESCE(l.collisdeterministic, true) "            \
    "THEN 'E' END, CASE WHEN a.atttypid IN (19, 25, 1043) AND COALESCE(NULLIF(l.collname, "        \
    "'default'), (SELECT datcollate FROM pg_database WHERE datname = current_database())) "        \
    "IN ('C', 'POSIX', 'ucs_basic') THEN 'B' END) "                                                \
    "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "                                   \
    "JOIN pg_namespace n ON n.oid = c.relnamespace "                                               \
    "LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "                     \
    "LEFT JOIN pg_collation l ON l.oid = a.attcollation "                                          \
    "WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "        \
    "AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"

const struct rh_odbc_dialect rh_odbc_postgres = {
    .id = "postgres",
    .language = "SQL (PostgreSQL)",
    .names = names,
    .sql =
        {
            .quote_open = '"',
            .quote_close = '"',
            .placeholder = '?',
            .bare_placeholder = true,
            .order_nulls_largest = true,
            .order_nulls_keywords = true,
            .row_values = true,
            .default_keyword = true,
            .column = add_column,
            .parameter = add_parameter,
            .bucket = add_bucket,
            .aggregate = add_aggregate,
            .type_name = add_type_name,
            .identity = add_identity,
            .exact = rh_odbc_exact,
            .can = rh_odbc_can,
            .pair = rh_odbc_pair,
        },
    .texts = RH_ODBC_TEXT_ORDERED,
    .schemas = RH_ODBC_SCHEMAS,
    .exact_like = true,
    .own_text_seek = true,
    .typed_cells = true,
    .dates_as_text = true,
    .far_dates = true,
    .exact_decimals = true,
    .exact_floats = true,
    .exact_bytes = true,
    .ordered_uuids = true,
    .exact_sums = true,
    .sorts_long = true,
    .on_conflict = true,
    .tx_ddl = true,
    .read_only_native = true,
    .lock_clause = " FOR UPDATE OF t0",
    .setup = setup,
    .read_only = "SET TRANSACTION READ ONLY",
    .snapshot = 4, /* SQL_TXN_REPEATABLE_READ */
    .savepoint = "SAVEPOINT rh_%u",
    .rollback_to = "ROLLBACK TO SAVEPOINT rh_%u",
    .release = "RELEASE SAVEPOINT rh_%u",
    .code_points = "SELECT CASE WHEN pg_encoding_to_char(encoding) IN ('UTF8', 'LATIN1') "
                   "THEN 1 ELSE 0 END FROM pg_database WHERE datname = current_database()",
    .default_schema = "SELECT current_schema()",
    .ping = "SELECT 1",
    .keys = KEYS,
    .indexes = INDEXES,
    .extras = EXTRAS,
    .system_schemas = " pg_catalog information_schema pg_toast ",
};
