/* The parameters of a resource: what it is asked by, and the columns that are nothing but that. */
#include "reader.h"

#include "base/json.h"

#include <string.h>

static int add_op(const struct rh_rest_reader *r, const struct rh_json *json, const char *where,
                  struct rh_rest_parameter *parameter)
{
    static const struct {
        const char *name;
        uint32_t op;
    } ops[] = {
        {"eq", RH_OP_EQ},
        {"lt", RH_OP_LT},
        {"lte", RH_OP_LTE},
        {"gt", RH_OP_GT},
        {"gte", RH_OP_GTE},
        {"starts", RH_OP_STARTS},
        {"ends", RH_OP_ENDS},
        {"contains", RH_OP_CONTAINS},
        {"istarts", RH_OP_STARTS | RH_OP_FOLD},
        {"iends", RH_OP_ENDS | RH_OP_FOLD},
        {"icontains", RH_OP_CONTAINS | RH_OP_FOLD},
    };

    for (size_t i = 0; json->kind == RH_JSON_STRING && i < sizeof(ops) / sizeof(ops[0]); i++)
        if (rh_text_is(json->text, ops[i].name) && parameter->n_ops < 8) {
            parameter->ops[parameter->n_ops++] = ops[i].op;
            return RH_OK;
        }
    return rh_rest_wrong(r, where,
                         "has an \"op\" that is none of eq, lt, lte, gt, gte, starts, ends, "
                         "contains, istarts, iends, icontains");
}

static int read_ops(const struct rh_rest_reader *r, const struct rh_json *json, const char *where,
                    struct rh_rest_parameter *parameter)
{
    int rc = RH_OK;

    if (!json) {
        parameter->ops[parameter->n_ops++] = RH_OP_EQ;
        return RH_OK;
    }
    if (json->kind != RH_JSON_ARRAY)
        return add_op(r, json, where, parameter);
    for (const struct rh_json *op = json->child; op && rc == RH_OK; op = op->next)
        rc = add_op(r, op, where, parameter);
    return rc;
}

static int read_list(const struct rh_rest_reader *r, const struct rh_json *json, const char *where,
                     struct rh_rest_parameter *parameter)
{
    struct rh_text text = json ? json->text : rh_text_make(NULL, 0);

    if (!json)
        return RH_OK;
    if (json->kind == RH_JSON_STRING && rh_text_is(text, "repeat")) {
        parameter->list = RH_REST_REPEATED;
    } else if (json->kind == RH_JSON_STRING && text.len == 1) {
        parameter->list = RH_REST_JOINED;
        parameter->separator = text.data[0];
    } else {
        return rh_rest_wrong(r, where,
                             "has a \"list\" that is neither \"repeat\" nor one character");
    }
    return RH_OK;
}

/* What is sent as it is: a text, a number; in a body any JSON. */
static int read_value(const struct rh_rest_reader *r, const struct rh_json *json, const char *where,
                      struct rh_rest_parameter *parameter)
{
    if (!json)
        return RH_OK;
    if (json->kind >= RH_JSON_ARRAY && parameter->place != RH_REST_BODY)
        return rh_rest_wrong(r, where, "has a value that is neither text nor number");
    parameter->value = json->kind == RH_JSON_STRING ? json->text : json->source;
    parameter->json = json->source;
    return RH_OK;
}

bool rh_rest_has_placeholder(struct rh_text path, struct rh_text name)
{
    for (uint64_t i = 0; i + name.len + 2 <= path.len; i++)
        if (path.data[i] == '{' && memcmp(path.data + i + 1, name.data, name.len) == 0 &&
            path.data[i + 1 + name.len] == '}')
            return true;
    return false;
}

/* A parameter's column that is not in the answer is a column of its own. */
static int add_asked(struct rh_rest_reader *r, const char *where,
                     const struct rh_rest_parameter *parameter, uint8_t type)
{
    const struct rh_rest_column *columns = r->columns.items;
    struct rh_rest_column *column;

    for (uint32_t i = 0; i < r->columns.n; i++)
        if (rh_text_equal(columns[i].name, parameter->column))
            return RH_OK;
    if (parameter->list != RH_REST_ONE_VALUE)
        return rh_rest_wrong(r, where, "is a list, which needs a \"column\" of the answer");
    if (parameter->n_ops != 1 || parameter->ops[0] != RH_OP_EQ)
        return rh_rest_wrong(r, where,
                             "has another \"op\" than eq, which needs a \"column\" of the answer");
    column = rh_vec_push(&r->columns, r->arena);
    if (!column)
        return rh_fail_nomem(r->error);
    *column = (struct rh_rest_column){.name = parameter->column,
                                      .comment = RH_TEXT("what was asked for"),
                                      .type = type,
                                      .asked = true,
                                      .not_null = parameter->required};
    return RH_OK;
}

static int check_parameter(const struct rh_rest_reader *r, const char *where,
                           const struct rh_rest_parameter *parameter)
{
    bool in_path = rh_rest_has_placeholder(r->resource->list.path, parameter->name);

    if ((parameter->place == RH_REST_PATH) != in_path)
        return rh_rest_wrong(r, where,
                             in_path ? "stands in the path" : "does not stand in the path");
    if (in_path && parameter->list != RH_REST_ONE_VALUE)
        return rh_rest_wrong(r, where, "stands in the path, where there are no lists");
    if (parameter->value.data && parameter->required)
        return rh_rest_wrong(r, where, "is required and has a value");
    return RH_OK;
}

static int read_parameter(struct rh_rest_reader *r, const struct rh_json *json, const char *where,
                          struct rh_rest_parameter *parameter)
{
    static const char *const names[] = {"in",   "column", "op", "required", "exact", "value",
                                        "list", "max",    "as", "type",     "about", NULL};
    static const char *const places[] = {"path", "query", "body", NULL};
    struct rh_text type = RH_TEXT("text"), about;
    uint64_t max = 50;
    uint8_t type_number;
    bool constant;
    int rc;

    parameter->name = json->key;
    parameter->place =
        rh_rest_has_placeholder(r->resource->list.path, json->key) ? RH_REST_PATH : RH_REST_QUERY;
    if ((rc = rh_rest_only(json, where, names, r->error)) ||
        (rc = rh_rest_word(json, where, "in", places, &parameter->place, r->error)) ||
        (rc = rh_rest_text(json, where, "column", &parameter->column, r->error)) ||
        (rc = read_value(r, rh_json_member(json, "value"), where, parameter)) ||
        (rc = rh_rest_text(json, where, "about", &about, r->error)) ||
        (rc = rh_rest_bool(json, where, "required", &parameter->required, r->error)) ||
        (rc = rh_rest_bool(json, where, "exact", &parameter->exact, r->error)) ||
        (rc = rh_rest_word(json, where, "as", rh_rest_as_words, &parameter->as, r->error)) ||
        (rc = rh_rest_number(json, where, "max", RH_REST_MAX_REQUESTS, &max, r->error)) ||
        (rc = rh_rest_text(json, where, "type", &type, r->error)) ||
        (rc = rh_rest_read_type(r, where, type, &type_number)) ||
        (rc = read_list(r, rh_json_member(json, "list"), where, parameter)))
        return rc;
    constant =
        parameter->value.data && !rh_json_member(json, "column") && !rh_json_member(json, "op");
    parameter->list_max = parameter->list && max ? (uint32_t)max : 1;
    if (parameter->place == RH_REST_PATH && !parameter->value.data)
        parameter->required = true;
    rc = check_parameter(r, where, parameter);
    if (rc || constant)
        return rc;
    if (!parameter->column.data)
        parameter->column = parameter->name;
    rc = read_ops(r, rh_json_member(json, "op"), where, parameter);
    return rc ? rc : add_asked(r, where, parameter, type_number);
}

/* A {name} of the path that nothing is said of. */
static int add_unsaid(struct rh_rest_reader *r, const char *where, struct rh_vec *parameters)
{
    struct rh_text rest = r->resource->list.path;
    int rc = RH_OK;

    while (rc == RH_OK) {
        const struct rh_rest_parameter *all = parameters->items;
        struct rh_rest_parameter *parameter;
        struct rh_text name;
        uint32_t i = 0;

        rh_text_cut(&rest, '{');
        name = rh_text_cut(&rest, '}');
        if (!rest.data)
            break;
        while (i < parameters->n && !rh_text_equal(all[i].name, name))
            i++;
        if (i < parameters->n)
            continue;
        parameter = rh_vec_push(parameters, r->arena);
        if (!parameter)
            return rh_fail_nomem(r->error);
        *parameter = (struct rh_rest_parameter){.name = name,
                                                .column = name,
                                                .place = RH_REST_PATH,
                                                .ops = {RH_OP_EQ},
                                                .n_ops = 1,
                                                .list_max = 1,
                                                .required = true};
        rc = add_asked(r, where, parameter, RH_TYPE_TEXT);
    }
    return rc;
}

int rh_rest_read_parameters(struct rh_rest_reader *r, const struct rh_json *json, const char *where)
{
    struct rh_vec parameters = RH_VEC_INIT(struct rh_rest_parameter);
    int rc = RH_OK;

    if (json && json->kind != RH_JSON_OBJECT)
        return rh_rest_wrong(r, where, "is no object with a member for each parameter");
    for (const struct rh_json *member = json ? json->child : NULL; member && rc == RH_OK;
         member = member->next) {
        struct rh_rest_parameter *parameter = rh_vec_push(&parameters, r->arena);
        if (!parameter)
            return rh_fail_nomem(r->error);
        rc = read_parameter(r, member, rh_rest_place(r, where, member->key), parameter);
    }
    if (rc == RH_OK)
        rc = add_unsaid(r, where, &parameters);
    r->resource->list.parameters = parameters.items;
    r->resource->list.n_parameters = parameters.n;
    return rc;
}

/* An "as" of the column is its parameters', too. */
void rh_rest_share_as(const struct rh_rest_resource *resource, struct rh_rest_call *call)
{
    struct rh_rest_parameter *parameters = (void *)(uintptr_t)call->parameters;

    for (uint32_t i = 0; i < call->n_parameters; i++) {
        const struct rh_rest_column *column = rh_rest_column_named(resource, parameters[i].column);
        if (column && !parameters[i].as)
            parameters[i].as = column->as;
    }
}
