/*
 * URLs and bodies. Whatever comes from outside of the description is percent-encoded or quoted: a
 * value can never become a step of a path, another parameter or another member.
 */
#include "rest.h"

#include "base/json.h"
#include "base/number.h"
#include "connector/civil.h"
#include "connector/json_cell.h"
#include "connector/json_text.h"

#include <math.h>
#include <string.h>

/* ---- Values -------------------------------------------------------------------------------- */

static int64_t in_units(int64_t us, int64_t unit, bool up)
{
    int64_t whole = us / unit;

    if (us % unit && (us > 0) == up)
        whole += up ? 1 : -1;
    return whole;
}

static bool add_timestamp(struct rh_buf *to, int64_t us, uint8_t as, bool up)
{
    char text[RH_CIVIL_MAX];

    if (us == INT64_MIN || us == INT64_MAX)
        return false;
    if (as == RH_REST_AS_UNIX)
        rh_buf_add_i64(to, in_units(us, 1000000, up));
    else if (as == RH_REST_AS_UNIX_MS)
        rh_buf_add_i64(to, in_units(us, 1000, up));
    else if (as == RH_REST_AS_DATE)
        rh_buf_add(to, text, rh_civil_format_date(text, in_units(us, RH_CIVIL_DAY_US, up)));
    else
        rh_buf_add(to, text, rh_civil_format_timestamp(text, us));
    return true;
}

static bool add_civil(struct rh_buf *to, const struct rh_value *value)
{
    char text[RH_CIVIL_MAX];
    bool finite = value->as.i != INT64_MIN && value->as.i != INT64_MAX;

    if (!finite)
        return false;
    rh_buf_add(to, text,
               value->type == RH_TYPE_DATE   ? rh_civil_format_date(text, value->as.i)
               : value->type == RH_TYPE_TIME ? rh_civil_format_time(text, value->as.i)
                                             : rh_civil_format_datetime(text, value->as.i));
    return true;
}

static bool add_float(struct rh_buf *to, double f)
{
    char text[RH_NUMBER_F64_SIZE];

    if (!isfinite(f))
        return false;
    rh_buf_add(to, text, rh_number_from_f64(f, text));
    return true;
}

bool rh_rest_add_value(struct rh_buf *to, const struct rh_value *value, uint8_t as, bool up)
{
    struct rh_text text = rh_kit_value_text(value);
    char uuid[RH_JSON_UUID_SIZE];

    switch (value->type) {
    case RH_TYPE_BOOL:
        rh_buf_add_str(to, value->as.i ? "true" : "false");
        return true;
    case RH_TYPE_INT:
        rh_buf_add_i64(to, value->as.i);
        return true;
    case RH_TYPE_UINT:
        rh_buf_add_u64(to, value->as.u);
        return true;
    case RH_TYPE_FLOAT:
        return add_float(to, value->as.f);
    case RH_TYPE_DECIMAL:
        rh_buf_add_text(to, text);
        return !rh_text_is(text, "NaN");
    case RH_TYPE_TEXT:
        rh_buf_add_text(to, text);
        return true;
    case RH_TYPE_BYTES:
        rh_json_text_add_base64(to, text);
        return true;
    case RH_TYPE_DATE:
    case RH_TYPE_TIME:
    case RH_TYPE_DATETIME:
        return add_civil(to, value);
    case RH_TYPE_TIMESTAMP:
        return add_timestamp(to, value->as.i, as, up);
    case RH_TYPE_UUID:
        rh_json_text_from_uuid(uuid, value->as.data);
        rh_buf_add(to, uuid, sizeof(uuid));
        return true;
    default:
        return false;
    }
}

bool rh_rest_is_segment(struct rh_text text)
{
    return text.len && !rh_text_is(text, ".") && !rh_text_is(text, "..");
}

/* ---- Paths --------------------------------------------------------------------------------- */

static void add_segment(struct rh_buf *url, struct rh_text text)
{
    size_t at = url->len;

    rh_http_add_segment(url, text);
    if (url->failed)
        return;
    url->len--; /* the path has a slash where it wants one */
    memmove(url->data + at, url->data + at + 1, url->len - at);
}

/* What stands in the path for a {name}. */
typedef int fill_fn(const void *context, struct rh_text name, struct rh_buf *value,
                    struct rh_error *error);

static int add_path(struct rh_text path, fill_fn *fill, const void *context, struct rh_buf *url,
                    struct rh_error *error)
{
    struct rh_buf value;
    int rc = RH_OK;

    rh_buf_init(&value, RH_REST_URL_BYTES);
    while (rc == RH_OK) {
        struct rh_text name;

        rh_buf_add_text(url, rh_text_cut(&path, '{'));
        if (!path.data)
            break;
        name = rh_text_cut(&path, '}');
        rh_buf_clear(&value);
        rc = fill(context, name, &value, error);
        if (rc == RH_OK && value.failed)
            rc = rh_fail_nomem(error);
        if (rc == RH_OK && !rh_rest_is_segment(rh_buf_text(&value)))
            rc = rh_fail(error, RH_DATA, "\"%.*s\" is part of a path and cannot be \"%.*s\"",
                         RH_TEXT_ARG(name), RH_TEXT_ARG(rh_buf_text(&value)));
        if (rc == RH_OK)
            add_segment(url, rh_buf_text(&value));
    }
    rh_buf_free(&value);
    return rc;
}

struct row {
    const struct rh_rest_resource *resource;
    const struct rh_column *columns;
    uint32_t n_columns, stride;
    const struct rh_value *cells;
};

static int fill_from_row(const void *context, struct rh_text name, struct rh_buf *value,
                         struct rh_error *error)
{
    const struct row *row = context;
    const struct rh_rest_column *described = rh_rest_column_named(row->resource, name);

    for (uint32_t i = 0; i < row->n_columns; i++)
        if (rh_text_equal(rh_kit_column(row->columns, row->stride, i)->name, name) &&
            rh_rest_add_value(value, &row->cells[i], described ? described->as : 0, false))
            return RH_OK;
    return rh_fail(error, RH_DATA, "a value for \"%.*s\" is needed, which is part of the path",
                   RH_TEXT_ARG(name));
}

int rh_rest_add_path(const struct rh_rest_resource *resource, struct rh_text path,
                     const struct rh_column *columns, uint32_t n_columns, uint32_t stride,
                     const struct rh_value *cells, struct rh_buf *url, struct rh_error *error)
{
    struct row row = {resource, columns, n_columns, stride, cells};

    return add_path(path, fill_from_row, &row, url, error);
}

static const struct rh_rest_binding *binding_for(const struct rh_rest_scan *scan,
                                                 const struct rh_rest_parameter *parameter)
{
    for (uint32_t i = 0; i < scan->n_bindings; i++)
        if (scan->bindings[i].parameter == parameter)
            return &scan->bindings[i];
    return NULL;
}

static bool rounds_up(const struct rh_rest_binding *binding)
{
    return binding->op == RH_OP_LT || binding->op == RH_OP_LTE;
}

static int fill_from_scan(const void *context, struct rh_text name, struct rh_buf *value,
                          struct rh_error *error)
{
    const struct rh_rest_scan *scan = context;

    for (uint32_t i = 0; i < scan->call->n_parameters; i++) {
        const struct rh_rest_parameter *parameter = &scan->call->parameters[i];
        const struct rh_rest_binding *binding = binding_for(scan, parameter);

        if (parameter->place != RH_REST_PATH || !rh_text_equal(parameter->name, name))
            continue;
        if (binding)
            rh_rest_add_value(value, &binding->values[binding->at], parameter->as,
                              rounds_up(binding));
        else
            rh_buf_add_text(value, parameter->value);
        return RH_OK;
    }
    return rh_fail(error, RH_CONFIG, "the path has {%.*s}, which is no parameter",
                   RH_TEXT_ARG(name));
}

/* ---- Parameters ---------------------------------------------------------------------------- */

/* How many values of the binding the request at hand has. */
static uint32_t n_values(const struct rh_rest_binding *binding)
{
    uint32_t left = binding->n - binding->at;

    return left < binding->per_request ? left : binding->per_request;
}

static void add_query(const struct rh_rest_parameter *parameter,
                      const struct rh_rest_binding *binding, struct rh_buf *url)
{
    struct rh_buf text;
    uint32_t n = binding ? n_values(binding) : 0;

    rh_buf_init(&text, RH_REST_URL_BYTES);
    for (uint32_t i = 0; i < n; i++) {
        if (i && parameter->list == RH_REST_JOINED)
            rh_buf_add_char(&text, parameter->separator);
        rh_rest_add_value(&text, &binding->values[binding->at + i], parameter->as,
                          rounds_up(binding));
        if (parameter->list != RH_REST_JOINED) {
            rh_http_add_parameter(url, parameter->name, rh_buf_text(&text));
            url->failed = url->failed || text.failed;
            rh_buf_clear(&text);
        }
    }
    if (n && parameter->list == RH_REST_JOINED)
        rh_http_add_parameter(url, parameter->name, rh_buf_text(&text));
    url->failed = url->failed || text.failed;
    if (!binding && parameter->value.data)
        rh_http_add_parameter(url, parameter->name, parameter->value);
    rh_buf_free(&text);
}

static int add_json(const struct rh_rest_parameter *parameter, const struct rh_value *value,
                    bool up, struct rh_buf *body, struct rh_error *error)
{
    if (value->type != RH_TYPE_TIMESTAMP || !parameter->as)
        return rh_json_add_value(body, value, error);
    if (parameter->as == RH_REST_AS_DATE)
        rh_buf_add_char(body, '"');
    rh_rest_add_value(body, value, parameter->as, up);
    if (parameter->as == RH_REST_AS_DATE)
        rh_buf_add_char(body, '"');
    return RH_OK;
}

static int add_member(const struct rh_rest_parameter *parameter,
                      const struct rh_rest_binding *binding, struct rh_buf *body,
                      struct rh_error *error)
{
    bool is_list = parameter->list != RH_REST_ONE_VALUE;
    int rc = RH_OK;

    if (!binding && !parameter->json.data)
        return RH_OK;
    rh_buf_add_char(body, body->len ? ',' : '{');
    rh_json_add_string(body, parameter->name);
    rh_buf_add_char(body, ':');
    if (!binding) {
        rh_buf_add_text(body, parameter->json);
        return RH_OK;
    }
    if (is_list)
        rh_buf_add_char(body, '[');
    for (uint32_t i = 0; i < n_values(binding) && rc == RH_OK; i++) {
        if (i)
            rh_buf_add_char(body, ',');
        rc =
            add_json(parameter, &binding->values[binding->at + i], rounds_up(binding), body, error);
    }
    if (is_list)
        rh_buf_add_char(body, ']');
    return rc;
}

int rh_rest_add_request(const struct rh_rest_scan *scan, struct rh_buf *url, struct rh_buf *body,
                        struct rh_error *error)
{
    const struct rh_rest_call *call = scan->call;
    int rc = add_path(call->path, fill_from_scan, scan, url, error);

    for (uint32_t i = 0; i < call->n_parameters && rc == RH_OK; i++) {
        const struct rh_rest_parameter *parameter = &call->parameters[i];
        const struct rh_rest_binding *binding = binding_for(scan, parameter);

        if (parameter->place == RH_REST_QUERY)
            add_query(parameter, binding, url);
        else if (parameter->place == RH_REST_BODY)
            rc = add_member(parameter, binding, body, error);
    }
    if (scan->order.len)
        rh_http_add_parameter(url, scan->resource->order_name, scan->order);
    if (rc == RH_OK && body->len)
        rh_buf_add_char(body, '}');
    if (rc == RH_OK && (url->failed || body->failed))
        rc = rh_fail(error, RH_RESOURCE, "the request is too long");
    return rc;
}
