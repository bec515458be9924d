/*
 * Conditions to parameters.
 *
 * A parameter takes one condition: the first conjunct on its column with an operator that it
 * understands and values that can be sent. A list of values goes in one parameter where the API has
 * lists, else into several requests; then each row is compared with what its request asked for,
 * because an API that returns more than was asked for would return a row twice.
 *
 * There are two ways: a lookup by all columns of the key, and the list. The lookup is taken when
 * it is one request, or when the list would not take the condition on the key at all.
 */
#include "rest.h"

#include "connector/civil.h"

#include <string.h>

#define MAX_DIVIDED 16u /* requests for a condition that the API can be read without */

#define OPERATOR(operator, set)                                                                    \
    {                                                                                              \
        .op = (operator), .types = (set), .verdict = RH_VERDICT_EXACT                              \
    }
#define ANY                                                                                        \
    (RH_TYPE_BIT(RH_TYPE_BOOL) | RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_UINT) |            \
     RH_TYPE_BIT(RH_TYPE_FLOAT) | RH_TYPE_BIT(RH_TYPE_DECIMAL) | RH_TYPE_BIT(RH_TYPE_TEXT) |       \
     RH_TYPE_BIT(RH_TYPE_BYTES) | RH_TYPE_BIT(RH_TYPE_DATE) | RH_TYPE_BIT(RH_TYPE_TIME) |          \
     RH_TYPE_BIT(RH_TYPE_DATETIME) | RH_TYPE_BIT(RH_TYPE_TIMESTAMP) | RH_TYPE_BIT(RH_TYPE_UUID))
#define TEXT RH_TYPE_BIT(RH_TYPE_TEXT)

const struct rh_operator rh_rest_operators[RH_REST_N_OPERATORS] = {
    OPERATOR(RH_OP_EQ, ANY),
    OPERATOR(RH_OP_IN, ANY),
    OPERATOR(RH_OP_LT, ANY),
    OPERATOR(RH_OP_LTE, ANY),
    OPERATOR(RH_OP_GT, ANY),
    OPERATOR(RH_OP_GTE, ANY),
    OPERATOR(RH_OP_STARTS, TEXT),
    OPERATOR(RH_OP_ENDS, TEXT),
    OPERATOR(RH_OP_CONTAINS, TEXT),
    OPERATOR(RH_OP_STARTS | RH_OP_FOLD, TEXT),
    OPERATOR(RH_OP_ENDS | RH_OP_FOLD, TEXT),
    OPERATOR(RH_OP_CONTAINS | RH_OP_FOLD, TEXT),
};

/* ---- One condition ------------------------------------------------------------------------- */

static const struct rh_column *column_of(const struct rh_query *query, uint32_t position)
{
    return rh_kit_column(query->columns, query->column_stride, position);
}

static bool understands(const struct rh_rest_parameter *parameter, uint32_t op)
{
    for (uint32_t i = 0; i < parameter->n_ops; i++)
        if (parameter->ops[i] == op)
            return true;
    return false;
}

static uint32_t plain_op(const struct rh_node *node)
{
    return node->op == RH_OP_IN ? RH_OP_EQ : node->op;
}

/* Can all of them be sent? */
static bool can_send(const struct rh_rest_parameter *parameter, const struct rh_query *query,
                     const struct rh_node *node)
{
    struct rh_buf text;
    bool can = node->n > 0;

    rh_buf_init(&text, RH_REST_URL_BYTES);
    for (uint32_t i = 0; can && i < node->n; i++) {
        rh_buf_clear(&text);
        can = rh_rest_add_value(&text, &query->values[node->first + i], parameter->as, false) &&
              !text.failed && !(text.len && memchr(text.data, 0, text.len));
        if (can && parameter->place == RH_REST_PATH)
            can = rh_rest_is_segment(rh_buf_text(&text));
        if (can && parameter->list == RH_REST_JOINED)
            can = text.len && !memchr(text.data, parameter->separator, text.len);
    }
    rh_buf_free(&text);
    return can;
}

static bool is_bound(const struct rh_rest_scan *scan, const struct rh_rest_parameter *parameter)
{
    for (uint32_t i = 0; i < scan->n_bindings; i++)
        if (scan->bindings[i].parameter == parameter)
            return true;
    return false;
}

/* The parameter of the call that takes the condition; NULL. */
static const struct rh_rest_parameter *parameter_for(const struct rh_rest_scan *scan,
                                                     const struct rh_query *query,
                                                     const struct rh_node *node)
{
    const struct rh_rest_call *call = scan->call;
    struct rh_text name;

    if (node->column >= query->n_columns || node->op == RH_OP_SEEK || node->op & RH_OP_NOT)
        return NULL;
    name = column_of(query, node->column)->name;
    for (uint32_t i = 0; i < call->n_parameters; i++) {
        const struct rh_rest_parameter *parameter = &call->parameters[i];
        if (rh_text_equal(parameter->column, name) && understands(parameter, plain_op(node)) &&
            !is_bound(scan, parameter) && can_send(parameter, query, node))
            return parameter;
    }
    return NULL;
}

static bool has_before(const struct rh_value *values, uint32_t n, const struct rh_value *value)
{
    for (uint32_t i = 0; i < n; i++)
        if (rh_rest_equal(&values[i], value))
            return true;
    return false;
}

/* The node's values, none of them twice. keep: the bytes, too. */
static int take_values(const struct rh_query *query, const struct rh_node *node,
                       struct rh_arena *arena, bool keep, struct rh_rest_binding *binding,
                       struct rh_error *error)
{
    struct rh_value *values = rh_arena_array(arena, node->n, sizeof(*values));

    if (!values)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < node->n; i++) {
        struct rh_value value = query->values[node->first + i];
        if (has_before(values, binding->n, &value))
            continue;
        if (keep && (value.type == RH_TYPE_DECIMAL || value.type == RH_TYPE_TEXT ||
                     value.type == RH_TYPE_BYTES || value.type == RH_TYPE_UUID)) {
            value.as.data = rh_arena_dup(arena, value.as.data, value.len);
            if (!value.as.data)
                return rh_fail_nomem(error);
        }
        values[binding->n++] = value;
    }
    binding->values = values;
    return RH_OK;
}

static int bind_one(struct rh_rest_scan *scan, const struct rh_query *query, uint32_t conjunct,
                    struct rh_arena *arena, bool keep, struct rh_error *error)
{
    const struct rh_node *node = &query->nodes[conjunct];
    const struct rh_rest_parameter *parameter = parameter_for(scan, query, node);
    struct rh_rest_binding *binding = &scan->bindings[scan->n_bindings];
    uint64_t n_requests, most;
    int rc;

    if (!parameter)
        return RH_OK;
    *binding = (struct rh_rest_binding){
        .parameter = parameter, .column = node->column, .conjunct = conjunct, .op = plain_op(node)};
    rc = take_values(query, node, arena, keep, binding, error);
    if (rc)
        return rc;
    binding->per_request = parameter->list_max;
    n_requests = scan->n_requests *
                 ((binding->n + (uint64_t)binding->per_request - 1) / binding->per_request);
    most = parameter->required || parameter->list ? RH_REST_MAX_REQUESTS : MAX_DIVIDED;
    if (n_requests > scan->n_requests && n_requests > most)
        return RH_OK;
    binding->divides = n_requests > scan->n_requests;
    scan->n_requests = n_requests;
    scan->n_bindings++;
    return RH_OK;
}

/* ---- A call -------------------------------------------------------------------------------- */

static int bind_call(struct rh_rest_scan *scan, const struct rh_query *query,
                     struct rh_arena *arena, bool keep, struct rh_error *error)
{
    int rc = RH_OK;

    scan->n_requests = 1;
    scan->bindings = rh_arena_array(arena, query->n_conjuncts, sizeof(*scan->bindings));
    if (!scan->bindings)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < query->n_conjuncts && rc == RH_OK; i++)
        rc = bind_one(scan, query, query->conjuncts[i], arena, keep, error);
    return rc;
}

const struct rh_rest_binding *rh_rest_binding_of(const struct rh_rest_scan *scan,
                                                 struct rh_text column)
{
    for (uint32_t i = 0; i < scan->n_bindings; i++)
        if (rh_text_equal(scan->bindings[i].parameter->column, column) &&
            scan->bindings[i].op == RH_OP_EQ)
            return &scan->bindings[i];
    return NULL;
}

static void name_missing(struct rh_buf *names, struct rh_text name, const char *between)
{
    rh_buf_add_str(names, names->len ? between : "");
    rh_buf_add_text(names, name);
}

/* The columns without which the call cannot be sent: "owner, repo". */
static void list_missing(const struct rh_rest_scan *scan, struct rh_buf *names)
{
    const struct rh_rest_resource *resource = scan->resource;

    for (uint32_t i = 0; i < scan->call->n_parameters; i++) {
        const struct rh_rest_parameter *parameter = &scan->call->parameters[i];
        if (parameter->required && !is_bound(scan, parameter))
            name_missing(names, parameter->column, ", ");
    }
    for (uint32_t i = 0; scan->call == &resource->list && i < resource->n_any_ofs; i++) {
        bool any = false;
        for (uint32_t k = 0; k < resource->n_any_of[i]; k++)
            for (uint32_t b = 0; b < scan->n_bindings; b++)
                any = any ||
                      rh_text_equal(scan->bindings[b].parameter->column, resource->any_of[i][k]);
        for (uint32_t k = 0; !any && k < resource->n_any_of[i]; k++)
            name_missing(names, resource->any_of[i][k], k ? " or " : ", ");
    }
}

bool rh_rest_is_asked(const struct rh_rest_resource *resource, const struct rh_column *column)
{
    const struct rh_rest_column *described = rh_rest_column_named(resource, column->name);

    return described && described->asked && !(column->flags & RH_COLUMN_INFERRED);
}

/* A condition on a column that is what was asked for, where nothing was asked for by it: its rows
 * would be told apart by what they do not have. */
static void list_unasked(const struct rh_rest_scan *scan, const struct rh_query *query,
                         struct rh_buf *names)
{
    for (uint32_t i = 0; i < query->n_nodes; i++) {
        const struct rh_column *column;
        uint32_t op = RH_OP_BASE(query->nodes[i].op);

        if (op <= RH_OP_OR || op >= RH_OP_EXISTS || query->nodes[i].column >= query->n_columns)
            continue;
        column = column_of(query, query->nodes[i].column);
        if (rh_rest_is_asked(scan->resource, column) && !rh_rest_binding_of(scan, column->name))
            name_missing(names, column->name, ", ");
    }
}

static int check_missing(const struct rh_rest_scan *scan, const struct rh_query *query,
                         struct rh_error *error)
{
    struct rh_buf names;
    int rc = RH_OK;

    rh_buf_init(&names, 200);
    list_missing(scan, &names);
    if (!names.len)
        list_unasked(scan, query, &names);
    if (names.len) {
        rh_fail(error, RH_NEEDS_KEYS, "\"%.*s\" cannot be read without a value of %.*s",
                RH_TEXT_ARG(scan->resource->name), RH_TEXT_ARG(rh_buf_text(&names)));
        rc = rh_error_hint(error, "add a condition on %.*s (eq or in, not within an or)",
                           RH_TEXT_ARG(rh_buf_text(&names)));
    }
    rh_buf_free(&names);
    return rc;
}

/* ---- The way ------------------------------------------------------------------------------- */

static bool lacks(const struct rh_rest_scan *scan)
{
    struct rh_buf names;
    bool any;

    rh_buf_init(&names, 200);
    list_missing(scan, &names);
    any = names.len > 0 || names.failed;
    rh_buf_free(&names);
    return any;
}

/* Whether the list takes the condition on the key: of one column, as a list of values. */
static bool list_takes_key(const struct rh_rest_scan *list)
{
    for (uint32_t i = 0; i < list->resource->n_key; i++)
        if (rh_rest_binding_of(list, list->resource->key[i]) == NULL)
            return false;
    return true;
}

int rh_rest_bind(const struct rh_rest_resource *resource, const struct rh_query *query,
                 struct rh_arena *arena, bool keep, struct rh_rest_scan *ret_scan,
                 struct rh_error *error)
{
    struct rh_rest_scan one = {.resource = resource, .call = resource->one};
    struct rh_rest_scan list = {.resource = resource, .call = &resource->list};
    bool lookup = false;
    int rc = RH_OK;

    if (resource->one) {
        rc = bind_call(&one, query, arena, keep, error);
        lookup = rc == RH_OK && !lacks(&one);
    }
    if (rc == RH_OK && !(lookup && one.n_requests == 1)) {
        rc = bind_call(&list, query, arena, keep, error);
        if (rc == RH_OK && lookup && !lacks(&list) && list_takes_key(&list))
            lookup = list.n_requests >= one.n_requests;
    }
    if (rc == RH_OK && !lookup)
        rc = check_missing(&list, query, error);
    if (rc == RH_OK)
        *ret_scan = lookup ? one : list;
    return rc;
}

bool rh_rest_scan_step(struct rh_rest_scan *scan)
{
    for (uint32_t i = 0; i < scan->n_bindings; i++) {
        struct rh_rest_binding *binding = &scan->bindings[i];

        if (binding->n - binding->at > binding->per_request) {
            binding->at += binding->per_request;
            return true;
        }
        binding->at = 0;
    }
    return false;
}

/* A time that the API takes in a coarser unit finds more than was asked for, unless it is a whole
 * one. */
static bool is_whole(const struct rh_rest_binding *binding)
{
    uint8_t as = binding->parameter->as;
    int64_t unit = as == RH_REST_AS_UNIX      ? 1000000
                   : as == RH_REST_AS_UNIX_MS ? 1000
                   : as == RH_REST_AS_DATE    ? RH_CIVIL_DAY_US
                                              : 1;

    for (uint32_t i = 0; i < binding->n; i++)
        if (binding->values[i].type == RH_TYPE_TIMESTAMP && binding->values[i].as.i % unit)
            return false;
    return true;
}

/* Rows of a divided scan are compared with what was asked for; a lookup's are too. */
uint8_t rh_rest_verdict(const struct rh_rest_scan *scan, const struct rh_query *query,
                        uint32_t conjunct)
{
    for (uint32_t i = 0; i < scan->n_bindings; i++) {
        const struct rh_rest_binding *binding = &scan->bindings[i];

        if (binding->conjunct != conjunct)
            continue;
        if (binding->divides || (binding->parameter->exact && is_whole(binding)) ||
            scan->call != &scan->resource->list ||
            rh_rest_is_asked(scan->resource, column_of(query, binding->column)))
            return RH_VERDICT_EXACT;
        return RH_VERDICT_SUPERSET;
    }
    return RH_VERDICT_NONE;
}
