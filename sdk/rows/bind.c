/*
 * A spec against a table: columns, conditions, output. What needs more room stands in bind_cond.c
 * (conditions), bind_group.c (groups and aggregates), bind_order.c and bind_value.c (literals).
 *
 * The query lists only the columns that it uses, each once, in the order of their first use.
 */
#include "rows/binder.h"

#include "base/err.h"
#include "base/text.h"
#include "rows/near.h"

int rh_binder_fail(struct rh_binder *binder, const char *code, const char *pointer,
                   const char *format, ...)
{
    va_list args;
    va_start(args, format);
    rh_vfail(binder->error, RH_INVALID, format, args);
    va_end(args);
    rh_error_code(binder->error, code);
    return pointer ? rh_error_pointer(binder->error, pointer) : RH_INVALID;
}

int rh_binder_init(struct rh_binder *binder, struct rh_arena *arena,
                   const struct rh_tableset *tables, const struct rh_table *table,
                   struct rh_error *error)
{
    *binder = (struct rh_binder){
        .arena = arena,
        .tables = tables,
        .table = table,
        .error = error,
        .columns = RH_VEC_INIT(struct rh_column),
        .nodes = RH_VEC_INIT(struct rh_node),
        .values = RH_VEC_INIT(struct rh_value),
        .used = rh_arena_array(arena, table->n_columns, sizeof(uint32_t)),
    };
    return binder->used ? 0 : rh_fail_nomem(error);
}

void rh_binder_finish(const struct rh_binder *binder, struct rh_query *query)
{
    query->struct_size = sizeof(*query);
    query->schema = binder->table->schema;
    query->table = binder->table->name;
    query->columns = binder->columns.items;
    query->n_columns = binder->columns.n;
    query->column_stride = sizeof(struct rh_column);
    query->nodes = binder->nodes.items;
    query->n_nodes = binder->nodes.n;
    query->values = binder->values.items;
    query->n_values = binder->values.n;
    query->semijoin_stride = sizeof(struct rh_semijoin);
}

uint32_t rh_binder_use(struct rh_binder *binder, uint32_t position)
{
    if (!binder->used[position]) {
        struct rh_column *column = rh_vec_push(&binder->columns, binder->arena);
        if (!column)
            return RH_NO_COLUMN;
        *column = binder->table->columns[position];
        binder->used[position] = binder->columns.n;
    }
    return binder->used[position] - 1;
}

int rh_binder_no_relation(struct rh_binder *binder, struct rh_text name, const char *pointer)
{
    struct rh_text shown = rh_near_clip(name), of = rh_near_clip(binder->table->name);
    rh_binder_fail(binder, "unknown-relation", pointer, "%.*s has no relation \"%.*s\"",
                   RH_TEXT_ARG(of), RH_TEXT_ARG(shown));
    if (rh_text_is(name, "not"))
        return rh_error_hint(binder->error, "\"not\" stands in front of the operator, as in "
                                            "status=not.eq.open");
    struct rh_near near;
    rh_near_init(&near, name);
    for (uint32_t i = 0; i < binder->table->n_columns; i++) {
        if (rh_text_equal(binder->table->columns[i].name, name))
            return rh_error_hint(binder->error, "\"%.*s\" is a column", RH_TEXT_ARG(shown));
        rh_near_add(&near, binder->table->columns[i].name);
    }
    return rh_near_hint(&near, NULL, binder->error);
}

int rh_binder_column(struct rh_binder *binder, struct rh_text name, const char *pointer,
                     uint32_t *ret_position)
{
    uint32_t position = rh_tableset_column(binder->tables, binder->table, name);
    if (position != RH_NO_COLUMN) {
        *ret_position = position;
        return 0;
    }
    const char *dot = name.len ? memchr(name.data, '.', name.len) : NULL;
    if (dot)
        return rh_binder_no_relation(binder, rh_text_make(name.data, (size_t)(dot - name.data)),
                                     pointer);
    return rh_tableset_no_column(binder->table, name, pointer, binder->error);
}

uint32_t rh_binder_output(const struct rh_binder *binder, struct rh_text name)
{
    for (uint32_t i = 0; i < binder->n_outputs; i++)
        if (rh_text_equal(binder->outputs[i].name, name))
            return i;
    return RH_NO_COLUMN;
}

int rh_binder_no_output(struct rh_binder *binder, struct rh_text name, const char *pointer)
{
    struct rh_text shown = rh_near_clip(name);
    rh_binder_fail(binder, "unknown-column", pointer, "the query has no output \"%.*s\"",
                   RH_TEXT_ARG(shown));
    struct rh_near near;
    rh_near_init(&near, name);
    for (uint32_t i = 0; i < binder->n_outputs; i++)
        rh_near_add(&near, binder->outputs[i].name);
    return rh_near_hint(&near, "name a group or an aggregate of the query", binder->error);
}

/* ---- Output ------------------------------------------------------------------------------ */

static int fail_distinct_json(struct rh_binder *b, const struct rh_column *column,
                              const char *pointer)
{
    struct rh_text name = rh_near_clip(column->name);
    return rh_binder_fail(b, "invalid-query", pointer,
                          "\"distinct\" cannot compare the JSON column \"%.*s\"",
                          RH_TEXT_ARG(name));
}

/* One item of the select list, or all columns of the table in turn. */
static int select_one(struct rh_binder *b, const struct rh_spec *spec, uint32_t i,
                      uint32_t *ret_position)
{
    const char *pointer = "/distinct";
    uint32_t position = i;
    if (spec->n_select) {
        const struct rh_select_item *item = &spec->select[i];
        pointer = item->pointer;
        if (item->n_nested)
            return rh_binder_no_relation(b, item->name, pointer);
        int r = rh_binder_column(b, item->name, pointer, &position);
        if (r)
            return r;
        struct rh_text shown = rh_near_clip(item->name);
        if (b->used[position])
            return rh_binder_fail(b, "invalid-query", pointer, "\"%.*s\" is selected twice",
                                  RH_TEXT_ARG(shown));
    }
    if (spec->distinct && b->table->columns[position].type == RH_TYPE_JSON)
        return fail_distinct_json(b, &b->table->columns[position], pointer);
    *ret_position = position;
    return 0;
}

/* Called first of all: until then no column is in use, which is how repeated names are found. */
static int bind_select(struct rh_binder *b, const struct rh_spec *spec, struct rh_bound *bound)
{
    uint32_t n = spec->n_select ? spec->n_select : b->table->n_columns;
    if (n > b->table->n_columns)
        n = b->table->n_columns + 1; /* the last one is a repetition, or does not exist */
    uint32_t *select = rh_arena_array(b->arena, n, sizeof(*select));
    struct rh_column *outputs = rh_arena_array(b->arena, n, sizeof(*outputs));
    if (!select || !outputs)
        return rh_fail_nomem(b->error);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t position = 0;
        int r = select_one(b, spec, i, &position);
        if (r)
            return r;
        select[i] = rh_binder_use(b, position);
        if (select[i] == RH_NO_COLUMN)
            return rh_fail_nomem(b->error);
        outputs[i] = b->table->columns[position];
    }
    bound->query.select = select;
    bound->query.n_select = n;
    bound->outputs = outputs;
    bound->n_outputs = n;
    return 0;
}

static int bind_conditions(struct rh_binder *b, const struct rh_cond *where, struct rh_text search,
                           struct rh_query *query)
{
    struct rh_bnode *root = where ? rh_binder_cond(b, where) : NULL;
    if (where && !root)
        return b->error->error_class;
    if (search.len) {
        struct rh_bnode *found = rh_binder_search(b, search);
        root = found ? rh_binder_both(b, root, found) : NULL;
        if (!root)
            return found ? rh_fail_nomem(b->error) : b->error->error_class;
    }
    return rh_binder_flatten(b, root, &query->conjuncts, &query->n_conjuncts);
}

static int bind_having(struct rh_binder *b, const struct rh_spec *spec, struct rh_bound *bound)
{
    if (!spec->having)
        return 0;
    b->in_having = true;
    struct rh_bnode *root = rh_binder_cond(b, spec->having);
    b->in_having = false;
    if (!root)
        return b->error->error_class;
    return rh_binder_flatten(b, root, &bound->query.having, &bound->query.n_having);
}

static int bind_outputs(struct rh_binder *b, const struct rh_spec *spec, struct rh_bound *bound)
{
    if (spec->n_groups || spec->n_aggregates) {
        if (spec->n_select)
            return rh_binder_fail(b, "invalid-query", "/select",
                                  "\"select\" cannot be combined with \"group\" or \"aggregate\", "
                                  "which are the output");
        return rh_binder_groups(b, spec, bound);
    }
    if (spec->having)
        return rh_binder_fail(b, "invalid-query", "/having",
                              "\"having\" needs \"group\" or \"aggregate\"");
    return bind_select(b, spec, bound);
}

/* ---- Public ------------------------------------------------------------------------------ */

int rh_bind_query(struct rh_arena *arena, const struct rh_tableset *tables,
                  const struct rh_table *table, const struct rh_spec *spec,
                  struct rh_bound *ret_bound, struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    struct rh_binder binder;
    struct rh_bound bound = {
        .table = table, .count = spec->count, .after = spec->after, .before = spec->before};
    struct rh_query *query = &bound.query;
    int r = rh_binder_init(&binder, arena, tables, table, error ? error : &own);
    if (!r)
        r = bind_outputs(&binder, spec, &bound);
    if (!r)
        r = bind_conditions(&binder, spec->where, spec->search, query);
    if (!r)
        r = bind_having(&binder, spec, &bound);
    if (!r)
        r = rh_binder_order(&binder, spec, &bound);
    if (r)
        return r;
    rh_binder_finish(&binder, query);
    query->flags = spec->distinct ? RH_QUERY_DISTINCT : 0;
    query->limit = spec->limit;
    query->offset = spec->offset;
    *ret_bound = bound;
    return 0;
}

int rh_bind_where(struct rh_arena *arena, const struct rh_tableset *tables,
                  const struct rh_table *table, const struct rh_cond *cond,
                  struct rh_query *ret_query, struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    struct rh_binder binder;
    struct rh_query query = {.limit = RH_NO_LIMIT};
    int r = rh_binder_init(&binder, arena, tables, table, error ? error : &own);
    if (!r)
        r = bind_conditions(&binder, cond, (struct rh_text){0}, &query);
    if (r)
        return r;
    rh_binder_finish(&binder, &query);
    *ret_query = query;
    return 0;
}
