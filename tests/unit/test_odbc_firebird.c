/*
 * The Firebird dialect of the ODBC connector on a real Firebird server: ROWHOUSE_TEST_FIREBIRD
 * holds the database's name (tests/lib/firebird.sh run …); without it everything is skipped.
 *
 * There is no ODBC driver for Firebird in Debian, nor in npm, PyPI, Go or Maven. So the dialect's
 * texts are made here, planned as the connector plans them, and executed through Firebird's own
 * client library with bound parameters. What this does not prove is the driver.
 */
#include "unit/odbc/suite.h"

#if __has_include(<ibase.h>)

#include "plugins/odbc/dialect.c"
#include "plugins/odbc/dialect_firebird.c"
#include "plugins/odbc/exact.c"

#include <dlfcn.h>
#include <ibase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The other dialects, which dialect.c lists. */
const struct rh_odbc_dialect rh_odbc_generic, rh_odbc_postgres, rh_odbc_mysql, rh_odbc_sqlite,
    rh_odbc_sqlserver, rh_odbc_oracle, rh_odbc_db2;

#define CELL_BYTES 33000
#define UTF8_CHARSET 4
#define SYSDBA "\x01\x1c\x06sysdba\x1d\x09masterkey"

/* ---- the client library ---- */

static struct {
    ISC_STATUS(ISC_EXPORT *attach)
    (ISC_STATUS *, short, const ISC_SCHAR *, isc_db_handle *, short, const ISC_SCHAR *);
    ISC_STATUS(ISC_EXPORT *detach)(ISC_STATUS *, isc_db_handle *);
    ISC_STATUS(ISC_EXPORT_VARARG *start)(ISC_STATUS *, isc_tr_handle *, short, ...);
    ISC_STATUS(ISC_EXPORT *commit)(ISC_STATUS *, isc_tr_handle *);
    ISC_STATUS(ISC_EXPORT *allocate)(ISC_STATUS *, isc_db_handle *, isc_stmt_handle *);
    ISC_STATUS(ISC_EXPORT *prepare)
    (ISC_STATUS *, isc_tr_handle *, isc_stmt_handle *, unsigned short, const ISC_SCHAR *,
     unsigned short, XSQLDA *);
    ISC_STATUS(ISC_EXPORT *describe_bind)
    (ISC_STATUS *, isc_stmt_handle *, unsigned short, XSQLDA *);
    ISC_STATUS(ISC_EXPORT *execute2)
    (ISC_STATUS *, isc_tr_handle *, isc_stmt_handle *, unsigned short, const XSQLDA *,
     const XSQLDA *);
    ISC_STATUS(ISC_EXPORT *fetch)(ISC_STATUS *, isc_stmt_handle *, unsigned short, const XSQLDA *);
    ISC_STATUS(ISC_EXPORT *sql_info)
    (ISC_STATUS *, isc_stmt_handle *, short, const ISC_SCHAR *, short, ISC_SCHAR *);
    ISC_STATUS(ISC_EXPORT *free_statement)(ISC_STATUS *, isc_stmt_handle *, unsigned short);
    ISC_LONG(ISC_EXPORT *interpret)(ISC_SCHAR *, unsigned int, const ISC_STATUS **);
} fb;

static isc_db_handle db;
static isc_tr_handle tr;
static ISC_STATUS status[ISC_STATUS_LENGTH];

static const char *reason(void)
{
    static char text[2048];
    const ISC_STATUS *at = status;
    size_t n = 0;
    char line[512];

    text[0] = '\0';
    while (fb.interpret(line, sizeof line, &at))
        n += (size_t)snprintf(text + n, sizeof text - n, "%s; ", line);
    return text;
}

#define fb_ok(call, what)                                                                          \
    do {                                                                                           \
        if (call)                                                                                  \
            ck_abort_msg("%s: %s", reason(), what);                                                \
    } while (0)

static void load_function(void *handle, const char *name, void *to)
{
    void *found = dlsym(handle, name);

    ck_assert_msg(found != NULL, "no %s", name);
    memcpy(to, &found, sizeof found);
}

static bool load_library(void)
{
    void *handle = dlopen("libfbclient.so.2", RTLD_NOW);

    if (!handle)
        return false;
    load_function(handle, "isc_attach_database", &fb.attach);
    load_function(handle, "isc_detach_database", &fb.detach);
    load_function(handle, "isc_start_transaction", &fb.start);
    load_function(handle, "isc_commit_transaction", &fb.commit);
    load_function(handle, "isc_dsql_allocate_statement", &fb.allocate);
    load_function(handle, "isc_dsql_prepare", &fb.prepare);
    load_function(handle, "isc_dsql_describe_bind", &fb.describe_bind);
    load_function(handle, "isc_dsql_execute2", &fb.execute2);
    load_function(handle, "isc_dsql_fetch", &fb.fetch);
    load_function(handle, "isc_dsql_sql_info", &fb.sql_info);
    load_function(handle, "isc_dsql_free_statement", &fb.free_statement);
    load_function(handle, "fb_interpret", &fb.interpret);
    return true;
}

/* ---- one statement, everything as text ---- */

struct cells {
    XSQLDA *sqlda;
    ISC_SHORT nulls[32];
    char *bytes;
};

static void cells_init(struct cells *cells)
{
    cells->sqlda = calloc(1, XSQLDA_LENGTH(32));
    cells->sqlda->version = SQLDA_VERSION1;
    cells->sqlda->sqln = 32;
    cells->bytes = calloc(32, CELL_BYTES);
}

static void cells_fini(struct cells *cells)
{
    free(cells->sqlda);
    free(cells->bytes);
}

static void as_text(struct cells *cells, int i, short max)
{
    XSQLVAR *var = &cells->sqlda->sqlvar[i];

    var->sqltype = SQL_VARYING + 1;
    var->sqlsubtype = UTF8_CHARSET;
    var->sqllen = max;
    var->sqlscale = 0;
    var->sqldata = cells->bytes + (size_t)i * CELL_BYTES;
    var->sqlind = &cells->nulls[i];
}

static void put_parameter(struct cells *cells, int i, const struct rh_value *value)
{
    char *to = cells->bytes + (size_t)i * CELL_BYTES;
    unsigned short len = (unsigned short)value->len;
    char number[64];
    const void *data = value->as.data;

    if (value->type == RH_TYPE_INT) {
        len = (unsigned short)snprintf(number, sizeof number, "%lld", (long long)value->as.i);
        data = number;
    } else if (value->type == RH_TYPE_FLOAT) {
        len = (unsigned short)snprintf(number, sizeof number, "%.17g", value->as.f);
        data = number;
    }
    as_text(cells, i, (short)(len ? len : 1));
    cells->nulls[i] = value->type <= RH_TYPE_NULL ? -1 : 0;
    memcpy(to, &len, 2);
    if (len)
        memcpy(to + 2, data, len);
}

static char rows_found[256][4][256]; /* first rows and columns of the last result, as text */
static unsigned n_found;

static void take_row(const struct cells *out)
{
    for (int i = 0; i < out->sqlda->sqld && i < 4 && n_found < 256; i++) {
        unsigned short len = 0;
        const char *from = out->bytes + (size_t)i * CELL_BYTES;
        memcpy(&len, from, 2);
        if (out->nulls[i] < 0)
            (void)snprintf(rows_found[n_found][i], 256, "NULL");
        else
            (void)snprintf(rows_found[n_found][i], 256, "%.*s", len, from + 2);
    }
    n_found++;
}

/* 0, or the primary error code. */
static ISC_STATUS run_text(const char *text, const struct rh_sql_parameter *list, uint32_t n)
{
    ISC_STATUS ignored[ISC_STATUS_LENGTH];
    isc_stmt_handle statement = 0;
    struct cells in, out;
    ISC_STATUS failed = 0;
    char item = isc_info_sql_stmt_type, answer[16];
    int kind = 0;

    n_found = 0;
    cells_init(&in);
    cells_init(&out);
    fb_ok(fb.allocate(status, &db, &statement), text);
    if (fb.prepare(status, &tr, &statement, 0, text, 3, out.sqlda) ||
        fb.describe_bind(status, &statement, 1, in.sqlda)) {
        failed = status[1];
        goto out;
    }
    ck_assert_msg(in.sqlda->sqld == (int)n, "%d parameters: %s", in.sqlda->sqld, text);
    for (uint32_t i = 0; i < n; i++)
        put_parameter(&in, (int)i, list[i].values);
    for (int i = 0; i < out.sqlda->sqld; i++)
        as_text(&out, i, 8000);
    fb_ok(fb.sql_info(status, &statement, 1, &item, sizeof answer, answer), text);
    kind = answer[3];
    if (kind == isc_info_sql_stmt_select || kind == isc_info_sql_stmt_select_for_upd) {
        if (fb.execute2(status, &tr, &statement, 1, in.sqlda, NULL)) {
            failed = status[1];
            goto out;
        }
        while ((failed = fb.fetch(status, &statement, 1, out.sqlda)) == 0)
            take_row(&out);
        failed = failed == 100 ? 0 : status[1];
    } else if (fb.execute2(status, &tr, &statement, 1, in.sqlda,
                           out.sqlda->sqld ? out.sqlda : NULL)) {
        failed = status[1];
    } else if (out.sqlda->sqld) {
        take_row(&out);
    }
out:
    if (statement)
        (void)fb.free_statement(ignored, &statement, DSQL_drop);
    cells_fini(&in);
    cells_fini(&out);
    return failed;
}

static void commit(void)
{
    fb_ok(fb.commit(status, &tr), "commit");
    tr = 0;
    fb_ok(fb.start(status, &tr, 1, &db, 0, NULL), "start");
}

static void run_plain(const char *text)
{
    if (run_text(text, NULL, 0))
        ck_abort_msg("%s: %s", reason(), text);
    commit();
}

/* ---- the dialect ---- */

static const struct rh_odbc_traits traits = {
    .dialect = &rh_odbc_firebird, .genuine = true, .code_point_order = true, .major = 3};
static const struct rh_limits limits = {.struct_size = sizeof limits, .parameters = 2000};
static const struct rh_connector planner = {
    .struct_size = sizeof planner,
    .n_operators = RH_ODBC_N_OPERATORS,
    .operators = rh_odbc_operators,
    .operator_stride = sizeof(struct rh_operator),
    .limits = &limits,
};
static struct rh_sql text;

static void begin_text(void)
{
    rh_sql_fini(&text);
    rh_sql_init(&text, &rh_odbc_firebird.sql, &traits);
}

static ISC_STATUS try_text(void)
{
    ok(rh_sql_check(&text, &error));
    return run_text(rh_sql_string(&text), text.parameters, text.n_parameters);
}

static void execute(void)
{
    if (try_text())
        ck_abort_msg("%s: %s", reason(), rh_sql_string(&text));
}

static const struct rh_column row_columns[] = {
    {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
    {.name = RH_TEXT_INIT("t"), .type = RH_TYPE_TEXT, .max_length = 40},
    {.name = RH_TEXT_INIT("n"), .type = RH_TYPE_INT},
    {.name = RH_TEXT_INIT("f"), .type = RH_TYPE_FLOAT},
};
static const uint32_t first_column[] = {0};
static const struct rh_table rows_table = {.struct_size = sizeof rows_table,
                                           .name = RH_TEXT_INIT("odbc_rows"),
                                           .columns = row_columns,
                                           .n_columns = 4,
                                           .column_stride = sizeof *row_columns,
                                           .key = first_column,
                                           .n_key = 1};

static void apply(uint32_t kind, const struct rh_table *table, const struct rh_column *column,
                  const char *new_name)
{
    const struct rh_ddl_change change = {
        .kind = kind, .table = table, .column = column, .new_name = rh_text_of(new_name)};

    begin_text();
    ok(rh_sql_ddl(&text, &change, &error));
    run_plain(rh_sql_string(&text));
}

static struct rh_write_spec fb_spec(const struct rh_table *table, const struct rh_value *cells,
                                    uint32_t n_returning)
{
    return (struct rh_write_spec){.struct_size = sizeof(struct rh_write_spec),
                                  .table = table->name,
                                  .columns = table->columns,
                                  .n_columns = table->n_columns,
                                  .column_stride = table->column_stride,
                                  .key = first_column,
                                  .n_key = 1,
                                  .n_rows = 1,
                                  .cells = cells,
                                  .returning = table->columns,
                                  .returning_stride = table->column_stride,
                                  .n_returning = n_returning};
}

static void fb_setup(void)
{
    const char *name = getenv("ROWHOUSE_TEST_FIREBIRD");
    static const char dpb[] = SYSDBA "\x30\x04UTF8";

    arena = rh_arena_new(1u << 24);
    rh_error_clear(&error);
    error.struct_size = sizeof error;
    ck_assert(load_library());
    fb_ok(fb.attach(status, 0, name, &db, sizeof dpb - 1, dpb), "attach");
    fb_ok(fb.start(status, &tr, 1, &db, 0, NULL), "start");
}

/* The server notices the end of a process some time later, and until then its tables are in use:
 * the next test could not drop them. */
static void fb_teardown(void)
{
    if (tr)
        fb_ok(fb.commit(status, &tr), "commit");
    fb_ok(fb.detach(status, &db), "detach");
    rh_arena_free(arena);
}

static void fill_rows(void)
{
    (void)run_text("DROP TABLE \"odbc_rows\"", NULL, 0);
    commit();
    apply(RH_DDL_CREATE_TABLE, &rows_table, NULL, NULL);
    for (uint32_t i = 0; i <= N_ADVERSARIAL; i++) {
        bool last = i == N_ADVERSARIAL;
        const struct rh_value cells[] = {
            int_value((int64_t)i + 1),
            last ? null_value() : text_value(adversarial[i]),
            last || i % 5 == 0 ? null_value() : int_value((int64_t)(i % 7) - 3),
            {.type = RH_TYPE_FLOAT, .as.f = i / 8.0},
        };
        const struct rh_write_spec spec = fb_spec(&rows_table, cells, 0);
        begin_text();
        rh_sql_insert(&text, &spec, 0, 1);
        execute();
    }
    commit();
}

/* ---- tests ---- */

static uint32_t fb_condition(const struct rh_node *node, const struct rh_value *values,
                             bool found[N_ADVERSARIAL + 2])
{
    const uint32_t conjunct = 0;
    uint8_t verdict = RH_VERDICT_NONE;
    uint32_t needs[8];
    struct rh_plan plan = {.struct_size = sizeof plan, .verdicts = &verdict, .needs = needs};
    struct rh_query query = select_all(&rows_table);

    memset(found, 0, (N_ADVERSARIAL + 2) * sizeof *found);
    query.nodes = node;
    query.n_nodes = 1;
    query.values = values;
    query.n_values = node->n;
    query.conjuncts = &conjunct;
    query.n_conjuncts = 1;
    ok(rh_sql_plan(&rh_odbc_firebird.sql, &traits, &planner, &query, &plan, &error));
    if (verdict == RH_VERDICT_NONE)
        return verdict;
    begin_text();
    rh_sql_select(&text, &query);
    execute();
    for (unsigned i = 0; i < n_found; i++)
        found[strtol(rows_found[i][0], NULL, 10)] = true;
    return verdict;
}

START_TEST(fb_compares_texts)
{
    static const uint32_t operators[] = {RH_OP_EQ,     RH_OP_LT,   RH_OP_GTE,
                                         RH_OP_STARTS, RH_OP_ENDS, RH_OP_CONTAINS};
    unsigned n_exact = 0;

    fill_rows();
    for (unsigned o = 0; o < N_OF(operators) * 2; o++) {
        bool negated = o % 2;
        for (uint32_t v = 0; v < N_ADVERSARIAL; v++) {
            const struct rh_node node = {
                .op = operators[o / 2] | (negated ? RH_OP_NOT : 0), .column = 1, .n = 1};
            const struct rh_value value = text_value(adversarial[v]);
            bool found[N_ADVERSARIAL + 2];
            uint32_t verdict = fb_condition(&node, &value, found);
            n_exact += verdict == RH_VERDICT_EXACT;
            for (uint32_t i = 0; verdict && i <= N_ADVERSARIAL; i++) {
                bool wanted = i < N_ADVERSARIAL ? holds(operators[o / 2], adversarial[i],
                                                        adversarial[v]) != negated
                                                : negated;
                ck_assert_msg(found[i + 1] == wanted || (verdict == RH_VERDICT_SUPERSET && !wanted),
                              "operator %#x \"%s\" on row %u", node.op, adversarial[v], i + 1);
            }
        }
    }
    ck_assert_uint_eq(n_exact, 4 * 2 * N_ADVERSARIAL);
}
END_TEST

START_TEST(fb_compares_long_literals)
{
    const struct rh_value value =
        text_value("a literal that is far longer than the column itself may ever be");
    const struct rh_node node = {.op = RH_OP_EQ, .column = 1, .n = 1};
    bool found[N_ADVERSARIAL + 2];

    fill_rows();
    ck_assert_uint_eq(fb_condition(&node, &value, found), RH_VERDICT_EXACT);
    ck_assert_uint_eq(n_found, 0);
}
END_TEST

START_TEST(fb_compares_numbers)
{
    fill_rows();
    for (uint32_t operator= RH_OP_EQ; operator<= RH_OP_GTE; operator++) {
        for (unsigned negated = 0; negated < 2; negated++) {
            const struct rh_value value = int_value(1);
            const struct rh_node node = {
                .op = operator|(negated ? RH_OP_NOT : 0), .column = 2, .n = 1};
            bool found[N_ADVERSARIAL + 2];
            ck_assert_uint_eq(fb_condition(&node, &value, found), RH_VERDICT_EXACT);
            for (uint32_t i = 0; i <= N_ADVERSARIAL; i++) {
                bool is_null = i == N_ADVERSARIAL || i % 5 == 0;
                int64_t cell = (int64_t)(i % 7) - 3;
                bool wanted = operator== RH_OP_EQ ? cell == 1 :
                              operator== RH_OP_LT ? cell < 1
                              :
                              operator== RH_OP_LTE ? cell <= 1
                              :
                              operator== RH_OP_GT ? cell > 1
                                                  : cell >= 1;
                ck_assert(found[i + 1] == (is_null ? negated != 0 : wanted != (negated != 0)));
            }
        }
    }
}
END_TEST

START_TEST(fb_pages)
{
    const struct rh_order order[] = {{.column = 2, .flags = RH_ORDER_DESC}, {.column = 0}};
    struct rh_query query = select_all(&rows_table);

    fill_rows();
    query.order = order;
    query.n_order = 2;
    query.limit = 3;
    query.offset = 2;
    begin_text();
    rh_sql_select(&text, &query);
    execute();
    ck_assert_uint_eq(n_found, 3);
    /* the largest n is 3, in rows 7, 14, 28, …; row 21 has none */
    ck_assert_str_eq(rows_found[0][2], "3");
    const struct rh_value at[] = {int_value(3), int_value(28)};
    const struct rh_node node = {.op = RH_OP_SEEK, .column = RH_NO_COLUMN, .n = 2};
    const uint32_t conjunct = 0;
    query.nodes = &node;
    query.n_nodes = 1;
    query.values = at;
    query.n_values = 2;
    query.conjuncts = &conjunct;
    query.n_conjuncts = 1;
    query.offset = 0;
    begin_text();
    rh_sql_select(&text, &query);
    execute();
    ck_assert_uint_eq(n_found, 3);
    ck_assert_str_eq(rows_found[0][2], "2");
}
END_TEST

START_TEST(fb_groups)
{
    const struct rh_group group = {.column = 2};
    const struct rh_aggregate aggregates[] = {
        {.function = RH_AGG_COUNT, .column = RH_NO_COLUMN, .type = RH_TYPE_INT},
        {.function = RH_AGG_MAX, .column = 0, .type = RH_TYPE_INT},
    };
    const struct rh_order order = {.column = 0, .flags = RH_ORDER_NULLS_FIRST};
    struct rh_query query = select_all(&rows_table);

    fill_rows();
    query.n_select = 0;
    query.groups = &group;
    query.n_groups = 1;
    query.aggregates = aggregates;
    query.n_aggregates = 2;
    query.order = &order;
    query.n_order = 1;
    begin_text();
    rh_sql_select(&text, &query);
    execute();
    ck_assert_uint_eq(n_found, 8);
    ck_assert_str_eq(rows_found[0][0], "NULL");
    ck_assert_str_eq(rows_found[1][0], "-3");
}
END_TEST

static const struct rh_column write_columns[] = {
    {.name = RH_TEXT_INIT("id"),
     .type = RH_TYPE_INT,
     .flags = RH_COLUMN_NOT_NULL | RH_COLUMN_IDENTITY},
    {.name = RH_TEXT_INIT("name"),
     .type = RH_TYPE_TEXT,
     .max_length = 40,
     .flags = RH_COLUMN_NOT_NULL,
     .default_text = RH_TEXT_INIT("it's")},
    {.name = RH_TEXT_INIT("price"), .type = RH_TYPE_DECIMAL, .precision = 10, .scale = 2},
};
static const struct rh_table write_table = {.struct_size = sizeof write_table,
                                            .name = RH_TEXT_INIT("odbc \"write\""),
                                            .columns = write_columns,
                                            .n_columns = 3,
                                            .column_stride = sizeof *write_columns,
                                            .key = first_column,
                                            .n_key = 1};

static void make_write_table(void)
{
    (void)run_text("DROP TABLE \"odbc \"\"write\"\"\"", NULL, 0);
    commit();
    apply(RH_DDL_CREATE_TABLE, &write_table, NULL, NULL);
}

START_TEST(fb_writes)
{
    const struct rh_value first[] = {
        missing_value(), text_value("ü"), {.type = RH_TYPE_DECIMAL, .len = 4, .as.data = "1.50"}};
    const struct rh_value merged[] = {int_value(1), text_value("merged"), missing_value()};
    const struct rh_value added[] = {int_value(9), text_value("added"), null_value()};
    const struct rh_value nothing[] = {missing_value(), missing_value(), missing_value()};
    struct rh_write_spec spec = fb_spec(&write_table, first, 3);

    make_write_table();
    begin_text();
    rh_sql_insert(&text, &spec, 0, 1);
    execute();
    ck_assert_str_eq(rows_found[0][0], "1");
    ck_assert_str_eq(rows_found[0][2], "1.50");
    spec.cells = nothing;
    begin_text();
    rh_sql_insert(&text, &spec, 0, 1);
    execute();
    ck_assert_str_eq(rows_found[0][1], "it's");
    spec.cells = merged;
    spec.resolve = RH_RESOLVE_MERGE;
    begin_text();
    rh_sql_upsert(&text, &spec, 0, 1);
    execute();
    ck_assert_str_eq(rows_found[0][1], "merged");
    ck_assert_str_eq(rows_found[0][2], "1.50");
    spec.cells = added;
    begin_text();
    rh_sql_upsert(&text, &spec, 0, 1);
    execute();
    ck_assert_str_eq(rows_found[0][0], "9");
    spec.resolve = RH_RESOLVE_IGNORE;
    spec.cells = merged;
    spec.n_returning = 0;
    begin_text();
    rh_sql_upsert(&text, &spec, 0, 1);
    execute();
    spec.n_returning = 3;
    spec.cells = added;
    begin_text();
    rh_sql_update(&text, &spec, 0);
    execute();
    ck_assert_str_eq(rows_found[0][1], "added");
    spec.n_columns = 1;
    begin_text();
    rh_sql_delete(&text, &spec, 0);
    execute();
    ck_assert_str_eq(rows_found[0][0], "9");
    run_plain("SELECT count(*) FROM \"odbc \"\"write\"\"\"");
    ck_assert_str_eq(rows_found[0][0], "2");
}
END_TEST

START_TEST(fb_changes_tables)
{
    const struct rh_column more = {.name = RH_TEXT_INIT("more"),
                                   .type = RH_TYPE_TEXT,
                                   .max_length = 20,
                                   .default_text = RH_TEXT_INIT("x"),
                                   .flags = RH_COLUMN_NOT_NULL};
    const struct rh_column wider = {
        .name = RH_TEXT_INIT("renamed"), .type = RH_TYPE_TEXT, .max_length = 30};

    make_write_table();
    apply(RH_DDL_ADD_COLUMN, &write_table, &more, NULL);
    apply(RH_DDL_RENAME_COLUMN, &write_table, &more, "renamed");
    apply(RH_DDL_ALTER_COLUMN, &write_table, &wider, NULL);
    apply(RH_DDL_DROP_COLUMN, &write_table, &wider, NULL);
    apply(RH_DDL_DROP_TABLE, &write_table, NULL, NULL);
}
END_TEST

START_TEST(fb_reads_the_catalogue)
{
    make_write_table();
    fill_rows();
    run_plain("CREATE INDEX odbc_n ON \"odbc_rows\" (\"n\", \"f\")");
    run_plain(rh_odbc_firebird.keys);
    bool key = false, index = false, identity = false;
    for (unsigned i = 0; i < n_found; i++)
        key = key || (strcmp(rows_found[i][1], "odbc_rows") == 0 && rows_found[i][3][0] == 'P');
    run_plain(rh_odbc_firebird.indexes);
    for (unsigned i = 0; i < n_found; i++)
        index = index || strcmp(rows_found[i][2], "ODBC_N") == 0;
    run_plain(rh_odbc_firebird.extras);
    for (unsigned i = 0; i < n_found; i++)
        identity = identity || (strcmp(rows_found[i][1], "odbc \"write\"") == 0 &&
                                strcmp(rows_found[i][2], "id") == 0 && rows_found[i][3][0] == 'I');
    ck_assert(key && index && identity);
    run_plain(rh_odbc_firebird.ping);
    run_plain("SAVEPOINT rh_1");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        fb_compares_texts, fb_compares_long_literals, fb_compares_numbers,   fb_pages, fb_groups,
        fb_writes,         fb_changes_tables,         fb_reads_the_catalogue};

    if (!getenv("ROWHOUSE_TEST_FIREBIRD")) {
        (void)puts("skipped: no ROWHOUSE_TEST_FIREBIRD");
        return 77;
    }
    return tests_run_with("firebird", fb_setup, fb_teardown, tests, N_OF(tests));
}

#else

int main(void)
{
    (void)puts("skipped: no headers of Firebird's client library");
    return 77;
}

#endif
