/* The strategy of a read: asking, and dividing the query. Opening is strategy_open.c's. */
#include "rows/strategy.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "host/check.h"
#include "host/isolation/isolation.h"

#include <string.h>

static const struct rh_column *column_at(const struct rh_query *query, uint32_t position)
{
    return (const struct rh_column *)(const void *)((const char *)query->columns +
                                                    (size_t)position * query->column_stride);
}

static bool is_grouped(const struct rh_query *query)
{
    return query->n_groups + query->n_aggregates > 0;
}

/* ---- Asking ------------------------------------------------------------------------------ */

static int fail_needs(const struct rh_query *query, const struct rh_plan *plan,
                      struct rh_error *error)
{
    char names[160] = "";
    size_t n = 0;

    for (uint32_t i = 0; i < plan->n_needs && i < query->n_columns; i++) {
        struct rh_text name;

        if (plan->needs[i] >= query->n_columns)
            continue;
        name = column_at(query, plan->needs[i])->name;
        if (name.len + 4 > sizeof(names) - n)
            break;
        if (n) {
            memcpy(names + n, ", ", 2);
            n += 2;
        }
        memcpy(names + n, name.data, name.len);
        n += name.len;
    }
    names[n] = 0;
    if (!n && error &&
        error->error_class == RH_NEEDS_KEYS) /* columns that the query does not mention */
        return rh_error_code(error, "needs-filter");
    rh_error_clear(error);
    rh_fail(error, RH_NEEDS_KEYS, "\"%.*s\" cannot be read as a whole", RH_TEXT_ARG(query->table));
    rh_error_code(error, "needs-filter");
    return n ? rh_error_hint(error, "add a condition on %s", names)
             : rh_error_hint(error, "add a condition on its key");
}

/* An AND or OR of nothing, which a folded condition becomes. A connector without a planner need not
 * know what that means. */
static bool is_constant(const struct rh_query *query, uint32_t position)
{
    const struct rh_node *node = &query->nodes[position];

    return (node->op == RH_OP_AND || node->op == RH_OP_OR) && node->n == 0;
}

static int ask(struct rh_arena *arena, struct rh_session *session, const struct rh_query *query,
               bool push_nothing, struct rh_plan *ret_plan, struct rh_error *error)
{
    const struct rh_library *library = session->lease.library;
    struct rh_plan plan = {.struct_size = sizeof(plan), .est_rows = -1};
    int r;

    plan.verdicts = rh_arena_array(arena, query->n_conjuncts, 1);
    plan.needs = rh_arena_array(arena, query->n_columns, sizeof(*plan.needs));
    if (!plan.verdicts || !plan.needs)
        return rh_fail_nomem(error);
    if (!push_nothing && !session->connector->plan) {
        for (uint32_t i = 0; i < query->n_conjuncts; i++)
            if (!is_constant(query, query->conjuncts[i]))
                plan.verdicts[i] = (uint8_t)rh_legal_upper(library, query, query->conjuncts[i]);
    } else if (!push_nothing) {
        struct rh_query asked = *query;
        if (session->assuming && library->isolated)
            asked.flags |= RH_QUERY_ASSUME;
        r = session->connector->plan(session->lease.conn, &asked, &plan, error);
        r = rh_session_note(session, rh_check_outcome(r, "plan", error));
        if (r == RH_NEEDS_KEYS)
            return fail_needs(query, &plan, error);
        if (r != RH_OK)
            return r < 0 ? r : rh_fail(error, RH_CONTRACT, "the connector's \"plan\" returned END");
    }
    *ret_plan = plan;
    return RH_OK;
}

static int ask_and_decide(struct rh_arena *arena, struct rh_session *session,
                          const struct rh_query *query, bool push_nothing,
                          struct rh_legal *ret_legal, struct rh_plan *ret_plan,
                          struct rh_error *error)
{
    const struct rh_library *library = session->lease.library;
    int r = ask(arena, session, query, push_nothing, ret_plan, error);

    if (r < 0)
        return r;
    ret_legal->verdicts = rh_arena_array(arena, query->n_conjuncts, 1);
    if (!ret_legal->verdicts)
        return rh_fail_nomem(error);
    rh_legal_decide(library, query, ret_plan, ret_legal);
    if (ret_legal->n_breaches)
        rh_log(RH_LOG_ERROR, "rows",
               "connector %.*s claims more than its operators table for %u conditions on %.*s",
               RH_TEXT_ARG(library->connector.id), ret_legal->n_breaches,
               RH_TEXT_ARG(query->table));
    return RH_OK;
}

/* ---- Which columns are read -------------------------------------------------------------- */

struct selection {
    uint32_t *columns; /* room for every column twice: outputs may repeat */
    uint32_t n;
    uint32_t *cell_of;
};

static void need(struct selection *selection, uint32_t column)
{
    if (selection->cell_of[column] != RH_NO_COLUMN)
        return;
    selection->cell_of[column] = selection->n;
    selection->columns[selection->n++] = column;
}

static void need_node(struct selection *selection, const struct rh_query *query, uint32_t position)
{
    const struct rh_node *node = &query->nodes[position];

    switch (RH_OP_BASE(node->op)) {
    case RH_OP_AND:
    case RH_OP_OR:
        for (uint32_t i = 0; i < node->n; i++)
            need_node(selection, query, node->first + i);
        return;
    case RH_OP_EXISTS:
        return; /* the evaluator refuses it */
    case RH_OP_SEEK:
        for (uint32_t i = 0; i < query->n_order; i++)
            need(selection, query->order[i].column);
        return;
    default:
        need(selection, node->column);
    }
}

static void need_order(struct selection *selection, const struct rh_query *query)
{
    for (uint32_t i = 0; i < query->n_order; i++)
        need(selection, query->order[i].column);
}

/* Rows without any column (COUNT(*) done by the host) are asked for with one. */
static int need_something(struct rh_arena *arena, struct rh_strategy *strategy,
                          struct selection *selection, const struct rh_table *table,
                          struct rh_error *error)
{
    uint32_t first = table->n_key ? table->key[0] : 0;

    if (selection->n)
        return RH_OK;
    if (strategy->pushed.n_columns) {
        need(selection, 0);
        return RH_OK;
    }
    if (table->n_columns == 0)
        return rh_fail(error, RH_INVALID, "table \"%.*s\" has no columns",
                       RH_TEXT_ARG(table->name));
    strategy->pushed.columns =
        (const struct rh_column *)(const void *)((const char *)table->columns +
                                                 (size_t)first * table->column_stride);
    strategy->pushed.column_stride = table->column_stride;
    strategy->pushed.n_columns = 1;
    selection->columns[selection->n++] = 0;
    return RH_OK;
}

/* The pushed query's select. Outputs come first, so that dropping the rest gives the answer. */
static int select_columns(struct rh_arena *arena, struct rh_strategy *strategy,
                          const struct rh_table *table, bool with_keys, struct rh_error *error)
{
    const struct rh_query *query = strategy->query;
    struct selection selection = {.cell_of = strategy->cell_of};

    selection.columns = rh_arena_array(arena, (size_t)query->n_select + query->n_columns + 1,
                                       sizeof(*selection.columns));
    if (!selection.columns)
        return rh_fail_nomem(error);
    if (!is_grouped(query)) {
        for (uint32_t i = 0; i < query->n_select; i++) {
            if (strategy->cell_of[query->select[i]] == RH_NO_COLUMN)
                strategy->cell_of[query->select[i]] = selection.n;
            selection.columns[selection.n++] = query->select[i];
        }
        if (strategy->sort || (with_keys && !(query->flags & RH_QUERY_DISTINCT)))
            need_order(&selection, query);
    }
    for (uint32_t i = 0; i < strategy->n_residual; i++)
        need_node(&selection, query, strategy->residual[i]);
    for (uint32_t i = 0; i < query->n_groups; i++)
        need(&selection, query->groups[i].column);
    for (uint32_t i = 0; i < query->n_aggregates; i++)
        if (query->aggregates[i].column != RH_NO_COLUMN)
            need(&selection, query->aggregates[i].column);
    int r = need_something(arena, strategy, &selection, table, error);
    if (r < 0)
        return r;
    strategy->pushed.select = selection.columns;
    strategy->pushed.n_select = selection.n;
    strategy->n_cells = selection.n;
    return RH_OK;
}

/* ---- Dividing ---------------------------------------------------------------------------- */

static int divide_conjuncts(struct rh_arena *arena, struct rh_strategy *strategy,
                            const struct rh_legal *legal, struct rh_error *error)
{
    const struct rh_query *query = strategy->query;
    uint32_t *pushed = rh_arena_array(arena, query->n_conjuncts, sizeof(*pushed));
    uint32_t *residual = rh_arena_array(arena, query->n_conjuncts, sizeof(*residual));
    uint32_t n_pushed = 0;

    if (!pushed || !residual)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        if (legal->verdicts[i] != RH_VERDICT_NONE)
            pushed[n_pushed++] = query->conjuncts[i];
        if (legal->verdicts[i] != RH_VERDICT_EXACT)
            residual[strategy->n_residual++] = query->conjuncts[i];
    }
    strategy->verdicts = legal->verdicts;
    strategy->residual = residual;
    strategy->pushed.conjuncts = pushed;
    strategy->pushed.n_conjuncts = n_pushed;
    return RH_OK;
}

/* The host's groups and aggregates refer to cells of the scan. */
static int place_grouping(struct rh_arena *arena, struct rh_strategy *strategy,
                          struct rh_error *error)
{
    const struct rh_query *query = strategy->query;
    struct rh_group *groups = rh_arena_array(arena, query->n_groups, sizeof(*groups));
    struct rh_aggregate *aggregates =
        rh_arena_array(arena, query->n_aggregates, sizeof(*aggregates));

    if (!groups || !aggregates)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < query->n_groups; i++) {
        groups[i] = query->groups[i];
        groups[i].column = strategy->cell_of[groups[i].column];
    }
    for (uint32_t i = 0; i < query->n_aggregates; i++) {
        aggregates[i] = query->aggregates[i];
        if (aggregates[i].column != RH_NO_COLUMN)
            aggregates[i].column = strategy->cell_of[aggregates[i].column];
    }
    strategy->grouping = (struct rh_grouping){.groups = groups,
                                              .n_groups = query->n_groups,
                                              .aggregates = aggregates,
                                              .n_aggregates = query->n_aggregates};
    return RH_OK;
}

static int place_order(struct rh_arena *arena, struct rh_strategy *strategy, struct rh_error *error)
{
    const struct rh_query *query = strategy->query;
    struct rh_order_key *keys = rh_arena_array(arena, query->n_order, sizeof(*keys));

    if (!keys)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < query->n_order; i++) {
        keys[i].flags = query->order[i].flags;
        keys[i].cell = query->order[i].column;
        if (!is_grouped(query))
            keys[i].cell = strategy->cell_of[keys[i].cell];
    }
    strategy->keys = keys;
    strategy->n_keys = query->n_order;
    return RH_OK;
}

static void divide_rest(struct rh_strategy *strategy, const struct rh_legal *legal)
{
    const struct rh_query *query = strategy->query;
    struct rh_query *pushed = &strategy->pushed;

    strategy->group = !legal->groups;
    strategy->having = !legal->having;
    strategy->distinct = !legal->distinct;
    strategy->sort = query->n_order > 0 &&
                     (legal->n_order < query->n_order || strategy->group || strategy->distinct);
    strategy->offset = !legal->offset;
    strategy->limit = !legal->limit || (strategy->position && query->limit != RH_NO_LIMIT);

    if (strategy->having) {
        pushed->having = NULL;
        pushed->n_having = 0;
    }
    if (strategy->distinct)
        pushed->flags &= ~RH_QUERY_DISTINCT;
    if (strategy->sort) {
        pushed->order = NULL;
        pushed->n_order = 0;
    }
    if (strategy->offset)
        pushed->offset = 0;
    if (strategy->limit)
        pushed->limit = RH_NO_LIMIT;
    if (strategy->limit && !strategy->group && !strategy->distinct && !strategy->sort &&
        !strategy->position && query->offset <= UINT64_MAX - 1 - query->limit) {
        pushed->flags |= RH_QUERY_ROW_GOAL;
        pushed->row_goal = query->limit + query->offset;
    }
}

/* Plain rows: what is left of a query when its groups are the host's business. */
static void strip_groups(struct rh_query *query)
{
    query->flags &= ~RH_QUERY_DISTINCT;
    query->groups = NULL;
    query->aggregates = NULL;
    query->having = NULL;
    query->order = NULL;
    query->n_groups = query->n_aggregates = query->n_having = query->n_order = 0;
    query->limit = RH_NO_LIMIT;
    query->offset = 0;
}

static bool has_inexact_seek(const struct rh_strategy *strategy)
{
    for (uint32_t i = 0; i < strategy->n_residual; i++)
        if (strategy->query->nodes[strategy->residual[i]].op == RH_OP_SEEK)
            return true;
    return false;
}

bool rh_strategy_is_native_order(const struct rh_query *query)
{
    for (uint32_t i = 0; i < query->n_order; i++) {
        uint32_t column = query->order[i].column, type = RH_TYPE_NULL;

        if (query->order[i].flags & RH_ORDER_BINARY)
            continue;
        if (!is_grouped(query))
            type = column_at(query, column)->type;
        else if (column < query->n_groups)
            type = column_at(query, query->groups[column].column)->type;
        else
            type = query->aggregates[column - query->n_groups].type;
        if (type == RH_TYPE_TEXT)
            return true;
    }
    return false;
}

static int ask_for_rows(struct rh_arena *arena, struct rh_session *session,
                        struct rh_strategy *strategy, bool push_nothing, struct rh_legal *legal,
                        struct rh_error *error)
{
    struct rh_legal raw = {0};
    struct rh_plan plan = {0};
    int r;

    strip_groups(&strategy->pushed);
    r = ask_and_decide(arena, session, &strategy->pushed, push_nothing, &raw, &plan, error);
    if (r < 0)
        return r;
    legal->verdicts = raw.verdicts;
    legal->n_breaches += raw.n_breaches;
    strategy->est_rows = plan.est_rows;
    return RH_OK;
}

int rh_strategy_make(struct rh_arena *arena, struct rh_session *session,
                     const struct rh_table *table, const struct rh_query *query, bool push_nothing,
                     bool with_keys, const struct rh_value *position,
                     struct rh_strategy *ret_strategy, struct rh_error *error)
{
    struct rh_strategy strategy = {.query = query, .pushed = *query, .position = position};
    struct rh_legal legal = {0};
    struct rh_plan plan = {0};
    int r = ask_and_decide(arena, session, query, push_nothing, &legal, &plan, error);

    if (r < 0)
        return r;
    strategy.est_rows = plan.est_rows;
    strategy.n_outputs =
        is_grouped(query) ? query->n_groups + query->n_aggregates : query->n_select;
    if (!legal.groups) {
        r = ask_for_rows(arena, session, &strategy, push_nothing, &legal, error);
        if (r < 0)
            return r;
    }
    strategy.n_breaches = legal.n_breaches;
    strategy.cell_of = rh_arena_array(arena, query->n_columns, sizeof(*strategy.cell_of));
    if (!strategy.cell_of)
        return rh_fail_nomem(error);
    memset(strategy.cell_of, 0xff, query->n_columns * sizeof(*strategy.cell_of));

    r = divide_conjuncts(arena, &strategy, &legal, error);
    if (r < 0)
        return r;
    divide_rest(&strategy, &legal);
    if (is_grouped(query) && !strategy.group)
        strategy.n_cells = strategy.n_outputs;
    else
        r = select_columns(arena, &strategy, table, with_keys, error);
    if (r == RH_OK && strategy.group)
        r = place_grouping(arena, &strategy, error);
    if (r == RH_OK)
        r = place_order(arena, &strategy, error);
    if (r < 0)
        return r;
    strategy.native = rh_strategy_is_native_order(query);
    strategy.sound =
        !strategy.native || (!strategy.sort && !position && !has_inexact_seek(&strategy));
    *ret_strategy = strategy;
    return RH_OK;
}
