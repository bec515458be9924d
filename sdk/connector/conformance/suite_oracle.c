/*
 * The pushdown oracle: random queries on adversarial rows, each run once with everything pushed
 * down that the connector claims and once with nothing, where the host does it all. Both must give
 * the same.
 */
#include "base/clock.h"
#include "base/type.h"
#include "connector/conformance/answer.h"
#include "connector/conformance/fixture.h"
#include "connector/conformance/sample.h"
#include "connector/conformance/suites.h"
#include "host/registry.h"
#include "rows/legal.h"

#include <stdio.h>
#include <string.h>

#define MAX_TABLES 8u
#define QUERY_US UINT64_C(60000000)
#define CONDITIONS 8u    /* times as many queries */
#define SHARE_PERCENT 60 /* of the test's time that queries may take */

struct oracle {
    struct rh_trial *t;
    struct rh_conn *conn; /* that made the tables */
    struct rh_specimen specimens[MAX_TABLES];
    const struct rh_specimen *tables[MAX_TABLES];
    uint32_t n_tables;
    struct rh_registry *registry;
    struct rh_datasource *datasource;
    struct rh_arena *arena;
    struct rh_operation op;
    struct rh_session session;
    uint32_t n_pushed, n_queries;
};

/* ---- Tables ---------------------------------------------------------------------------------- */

static void make_tables(struct oracle *o)
{
    struct rh_trial *t = o->t;

    o->conn = rh_trial_connect(t);
    if (rh_fixture_can_make(t)) {
        for (uint32_t i = 0; i < rh_n_specimens; i++)
            o->n_tables +=
                rh_fixture_make(t, o->conn, &rh_specimens[i], &o->specimens[o->n_tables]);
    } else {
        o->n_tables = rh_sample_tables(t, o->conn, o->specimens, MAX_TABLES);
        if (o->n_tables == 0)
            rh_trial_skip(t, "it has no table with rows to ask about");
    }
    for (uint32_t i = 0; i < o->n_tables; i++)
        o->tables[i] = &o->specimens[i];
}

/* There are many of these tests and tables: the catalogue of the next need not be longer for them. */
static void drop_tables(struct oracle *o)
{
    if (rh_fixture_can_make(o->t))
        rh_fixture_drop_all(o->t, o->conn);
    o->t->connector->close(o->conn);
}

/* The connector as a datasource of the row SDK, on the same tables. */
static void open_datasource(struct oracle *o)
{
    struct rh_trial *t = o->t;
    struct rh_error error = RH_ERROR_INIT;
    struct rh_text id = t->connector->id;
    int rc;

    o->arena = rh_arena_new((size_t)1 << 30);
    if (!o->arena)
        rh_trial_fail(t, "the suite has not enough memory");
    rh_operation_init(&o->op, o->arena, NULL, rh_clock_us() + QUERY_US);
    rc = rh_registry_new(&(struct rh_registry_options){.folder = "/nonexistent"}, &o->registry,
                         &error);
    if (rc == RH_OK)
        rc = rh_registry_add(o->registry, t->library, &error);
    if (rc == RH_OK)
        rc = rh_datasource_new(o->registry, "check", id, json_object_get(t->config, "settings"),
                               NULL, NULL, &o->datasource, &error);
    if (rc == RH_OK)
        rc = rh_session_open(o->datasource, &o->op, &o->session, &error);
    if (rc)
        rh_trial_fail(t, "it cannot be used as a datasource: %s", error.message);
}

static void start(struct oracle *o)
{
    rh_trial_load(o->t);
    make_tables(o);
    open_datasource(o);
}

/* ---- Questions ------------------------------------------------------------------------------- */

static _Noreturn void differ(struct oracle *o, const struct rh_question *question, uint64_t number,
                             const struct rh_buf *difference)
{
    rh_trial_fail(o->t, "%.*s, pushed down and not, in query %llu of seed %llu on %s: %.*s",
                  RH_TEXT_ARG(rh_buf_text(difference)), (unsigned long long)number,
                  (unsigned long long)o->t->options->seed, question->table->name,
                  RH_TEXT_ARG(question->json));
}

static bool has_slice(const struct rh_question *question)
{
    return !memmem(question->json.data, question->json.len, "\"limit\":10000", 13) ||
           memmem(question->json.data, question->json.len, "\"offset\"", 8);
}

static void ask(struct oracle *o, uint64_t number, uint32_t parts)
{
    struct rh_dice dice = {.state = o->t->options->seed * UINT64_C(1000003) + number};
    const struct rh_text none = {NULL, 0};
    struct rh_answer expected, actual;
    struct rh_question question;
    struct rh_buf difference;
    uint64_t page_size = 0;

    rh_arena_reset(o->arena);
    o->op.abi.deadline_us = rh_clock_us() + QUERY_US;
    rh_buf_init(&difference, (size_t)1 << 20);
    rh_question_make(o->arena, &dice, o->tables, o->n_tables, parts, &question);
    /* Which rows a slice leaves is not decided without a total order. */
    if (!question.total && (parts & RH_QUESTION_PAGES || has_slice(&question)))
        return;
    if (parts & RH_QUESTION_PAGES)
        page_size = 1 + rh_dice_below(&dice, 25);
    rh_answer_get(&o->session, &question, page_size ? 10000 : 0, none, none, true, &expected);
    expected.next = expected.prev = none;
    if (page_size)
        rh_answer_get_paged(&o->session, &question, page_size, false, &actual);
    else
        rh_answer_get(&o->session, &question, 0, none, none, false, &actual);
    o->n_queries++;
    o->n_pushed += strstr(actual.plan, "completed=none") != NULL;
    if (!rh_answer_compare(o->arena, &expected, &actual, question.total && !question.native,
                           &difference))
        differ(o, &question, number, &difference);
    rh_buf_free(&difference);
}

static void ask_all(struct rh_trial *t, uint32_t parts)
{
    struct oracle o = {.t = t};
    uint32_t n = t->options->n_queries;
    uint64_t until_us = rh_clock_us() + (uint64_t)t->options->timeout_ms * 10 * SHARE_PERCENT;

    /* Conditions have the most that can go wrong. */
    if (parts == (RH_QUESTION_PLAIN | RH_QUESTION_WHERE))
        n *= CONDITIONS;
    start(&o);
    for (uint32_t i = 0; i < n && rh_clock_us() < until_us; i++)
        ask(&o, i, parts);
    rh_trial_note(t, "%u queries, %u of them wholly pushed down", o.n_queries, o.n_pushed);
    rh_session_close(&o.session);
    drop_tables(&o);
}

/* ---- Claims ---------------------------------------------------------------------------------- */

/* What plan says of one condition; above what the operators table allows is a breach. */
static void check_claim(struct oracle *o, const struct rh_table *table,
                        const struct rh_specimen_column *column, uint32_t op)
{
    const struct rh_node node = {.op = op, .column = 0, .n = RH_OP_BASE(op) != RH_OP_NULL};
    const uint32_t conjunct = 0, select = 0;
    struct rh_query query = {.struct_size = sizeof(query),
                             .schema = table->schema,
                             .table = table->name,
                             .column_stride = sizeof(struct rh_column),
                             .n_columns = 1,
                             .select = &select,
                             .n_select = 1,
                             .conjuncts = &conjunct,
                             .n_conjuncts = 1,
                             .nodes = &node,
                             .n_nodes = 1,
                             .values = column->pool.values,
                             .n_values = 1,
                             .semijoin_stride = sizeof(struct rh_semijoin),
                             .limit = RH_NO_LIMIT};
    struct rh_plan plan = {.struct_size = sizeof(plan), .est_rows = -1};
    uint8_t verdict = RH_VERDICT_NONE;
    uint32_t needs;

    query.columns = rh_fixture_column(
        table, rh_fixture_position(o->t, table, rh_trial_string(o->t, column->column.name)));
    plan.verdicts = &verdict;
    plan.needs = &needs;
    rh_trial_ok(o->t, "plan", o->t->connector->plan(o->conn, &query, &plan, rh_trial_error(o->t)));
    o->n_queries++;
    o->n_pushed += verdict != RH_VERDICT_NONE;
    if (verdict > rh_legal_upper(o->t->library, &query, 0))
        rh_trial_fail(o->t, "plan claims verdict %u for operator 0x%x on a column of type %s",
                      verdict, op, rh_type_name(query.columns->type));
}

/* Whether operators of this kind are ever asked of such a column. */
static bool has_meaning(uint32_t base, uint32_t type)
{
    bool is_text_test = base >= RH_OP_LIKE && base <= RH_OP_MATCHES;
    bool is_json_test = base == RH_OP_HAS_ALL || base == RH_OP_HAS_ANY;

    if (type == RH_TYPE_JSON)
        return is_json_test || base == RH_OP_NULL;
    return !is_json_test && base != RH_OP_EMPTY && (!is_text_test || type == RH_TYPE_TEXT) &&
           (type != RH_TYPE_BOOL || base == RH_OP_EQ || base == RH_OP_IN || base == RH_OP_NULL);
}

static void claims(struct rh_trial *t)
{
    struct oracle o = {.t = t};
    const struct rh_table *table;

    rh_trial_load(t);
    if (!t->connector->plan)
        rh_trial_skip(t, "it has no plan: the operators table alone is used");
    make_tables(&o);
    table = rh_sample_find(t, o.conn, o.tables[0]);
    for (uint32_t c = 0; c < o.tables[0]->n_columns; c++)
        for (uint32_t base = RH_OP_EQ; base < RH_OP_EXISTS; base++) {
            const struct rh_specimen_column *column = &o.tables[0]->columns[c];
            if (!has_meaning(base, column->column.type))
                continue;
            check_claim(&o, table, column, base);
            check_claim(&o, table, column, base | RH_OP_NOT);
            if (base >= RH_OP_LIKE && base <= RH_OP_CONTAINS)
                check_claim(&o, table, column, base | RH_OP_FOLD);
        }
    rh_trial_note(t, "%u conditions, %u of them claimed", o.n_queries, o.n_pushed);
    drop_tables(&o);
}

static void conditions(struct rh_trial *t)
{
    ask_all(t, RH_QUESTION_PLAIN | RH_QUESTION_WHERE);
}

static void order(struct rh_trial *t)
{
    ask_all(t, RH_QUESTION_PLAIN | RH_QUESTION_ORDER);
}

static void slices(struct rh_trial *t)
{
    ask_all(t, RH_QUESTION_PLAIN | RH_QUESTION_WHERE | RH_QUESTION_ORDER | RH_QUESTION_SLICE);
}

static void groups(struct rh_trial *t)
{
    ask_all(t, RH_QUESTION_GROUPS | RH_QUESTION_WHERE);
}

static void distinct(struct rh_trial *t)
{
    ask_all(t, RH_QUESTION_DISTINCT | RH_QUESTION_WHERE | RH_QUESTION_ORDER);
}

static void everything(struct rh_trial *t)
{
    ask_all(t, RH_QUESTION_ALL);
}

static void pages(struct rh_trial *t)
{
    ask_all(t, (RH_QUESTION_ALL & ~RH_QUESTION_SLICE) | RH_QUESTION_PAGES | RH_QUESTION_OWN_ORDER);
}

const struct rh_trial_test rh_suite_oracle[] = {
    {"conditions", "a condition that is pushed down leaves the rows for which it holds",
     conditions},
    {"claims", "plan claims nothing above the operators table", claims},
    {"order", "an order that is pushed down is the order of the host, NULLs included", order},
    {"slices", "a limit or offset that is pushed down cuts after conditions and order", slices},
    {"groups", "groups and aggregates that are pushed down have the values of the host's own",
     groups},
    {"distinct", "distinct rows that are pushed down are those of the host", distinct},
    {"everything", "all parts of a query together give the same, pushed down or not", everything},
    {"pages", "page after page, forwards and backwards, no row comes twice or is missing", pages},
    {NULL, NULL, NULL},
};
