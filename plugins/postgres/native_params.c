/*
 * See native_params.h. A JSON array may be meant as such or as an array of the server's, and only the
 * statement tells: it is parsed and described first, as the unnamed statement that it is executed as
 * afterwards, and only where the type is found to be an array does it become an array literal. Other
 * types may have texts in brackets of their own (jsonb, domains over it, vectors).
 */
#include "native_params.h"

#include "base/text.h"
#include "connector/civil.h"
#include "encode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The text form; binary for bytes. */
static int add_parameter(struct rh_pg_params *params, const struct rh_value *value,
                         struct rh_error *error)
{
    char room[64];
    struct rh_value text = {.type = RH_TYPE_TEXT, .as.data = room};
    struct rh_interval interval;
    int n = 0;

    switch (value->type) {
    case RH_TYPE_BOOL:
        n = snprintf(room, sizeof room, "%s", value->as.i ? "true" : "false");
        break;
    case RH_TYPE_INT:
        n = snprintf(room, sizeof room, "%" PRId64, value->as.i);
        break;
    case RH_TYPE_UINT:
        n = snprintf(room, sizeof room, "%" PRIu64, value->as.u);
        break;
    case RH_TYPE_FLOAT:
        n = snprintf(room, sizeof room, "%.17g", value->as.f);
        break;
    case RH_TYPE_DATE:
        n = (int)rh_civil_format_date(room, value->as.i);
        break;
    case RH_TYPE_TIME:
        n = (int)rh_civil_format_time(room, value->as.i);
        break;
    case RH_TYPE_DATETIME:
        n = (int)rh_civil_format_datetime(room, value->as.i);
        break;
    case RH_TYPE_TIMESTAMP:
        n = (int)rh_civil_format_timestamp(room, value->as.i);
        break;
    case RH_TYPE_INTERVAL:
        memcpy(&interval, value->as.data, sizeof interval);
        n = (int)rh_civil_format_interval(room, &interval);
        break;
    case RH_TYPE_UUID:
        for (int i = 0; i < 16; i++)
            n += snprintf(room + n, sizeof room - (size_t)n, "%02x",
                          ((const unsigned char *)value->as.data)[i]);
        break;
    default: /* NULL, BYTES, and what is text already */
        text = *value;
        if (text.type == RH_TYPE_DECIMAL || text.type == RH_TYPE_JSON)
            text.type = RH_TYPE_TEXT;
        n = (int)text.len;
    }
    text.len = (uint32_t)n;
    return rh_pg_params_add_untyped(params, &text, error);
}

int rh_pg_native_load(struct rh_conn *conn, const struct rh_native_spec *spec,
                      struct rh_error *error)
{
    rh_pg_params_clear(&conn->params);
    for (uint32_t i = 0; i < spec->n_parameters; i++) {
        int rc = add_parameter(&conn->params, &spec->parameters[i], error);
        if (rc)
            return rc;
    }
    rh_pg_params_seal(&conn->params);
    return RH_OK;
}

/* ---- arrays ---- */

static bool is_json_array(const struct rh_value *value)
{
    return value->type == RH_TYPE_JSON &&
           rh_text_starts(rh_text_trim(rh_text_make(value->as.data, value->len)), "[");
}

static bool has_json_array(const struct rh_native_spec *spec)
{
    for (uint32_t i = 0; i < spec->n_parameters; i++) {
        if (is_json_array(&spec->parameters[i]))
            return true;
    }
    return false;
}

/* One exchange, since a pooler may give the next one to another session. */
static int describe_statement(struct rh_conn *conn, const struct rh_op *op, const char *text,
                              PGresult **ret_described, struct rh_error *error)
{
    const struct rh_pg_params *p = &conn->params;
    int rc = rh_pg_pipe_begin(conn, error), ended = RH_OK;

    if (rc)
        return rc;
    if (!PQsendPrepare(conn->pg, "", text, p->n, p->oids) || !PQsendDescribePrepared(conn->pg, ""))
        rc = rh_pg_lost(conn, error);
    if (!rc)
        rc = rh_pg_pipe_sync(conn, error);
    if (!rc)
        rc = rh_pg_pipe_result(conn, op, NULL, error);
    if (!rc)
        rc = rh_pg_pipe_result(conn, op, ret_described, error);
    ended = rh_pg_pipe_end(conn, op, error);
    return rc ? rc : ended;
}

/* For types that are not known here: arrays of enums and composites, domains over arrays. */
static int look_up_array(struct rh_conn *conn, const struct rh_op *op, Oid oid, bool *ret_is_array,
                         struct rh_error *error)
{
    static const char text[] =
        "SELECT FROM pg_catalog.pg_type WHERE oid = $1 AND typcategory = 'A'";
    char number[16];
    struct rh_value value = {.type = RH_TYPE_TEXT, .as.data = number};
    struct rh_pg_params params;
    PGresult *result = NULL;
    int rc = RH_OK;

    value.len = (uint32_t)snprintf(number, sizeof number, "%u", oid);
    rh_pg_params_init(&params);
    rc = rh_pg_params_add_untyped(&params, &value, error);
    rh_pg_params_seal(&params);
    if (!rc)
        rc = rh_pg_run(conn, op, text, &params, 0, &result, error);
    *ret_is_array = !rc && PQntuples(result) > 0;
    PQclear(result);
    rh_pg_params_fini(&params);
    return rc;
}

static int is_array(struct rh_conn *conn, const struct rh_op *op, Oid oid, bool *ret_is_array,
                    struct rh_error *error)
{
    *ret_is_array = rh_pg_element_oid(oid) != 0;
    if (*ret_is_array || rh_pg_is_binary(oid))
        return RH_OK;
    return look_up_array(conn, op, oid, ret_is_array, error);
}

static int fit(struct rh_conn *conn, const struct rh_op *op, const PGresult *described, int at,
               const struct rh_value *value, struct rh_error *error)
{
    bool array = false;
    int rc = RH_OK;

    if (at >= PQnparams(described) || !is_json_array(value))
        return RH_OK;
    rc = is_array(conn, op, PQparamtype(described, at), &array, error);
    if (rc || !array)
        return rc;
    rc = rh_pg_params_make_array(&conn->params, at, value, error);
    return rc ? rh_error_prefix(error, "parameter $%d", at + 1) : RH_OK;
}

int rh_pg_native_fit_arrays(struct rh_conn *conn, const struct rh_op *op, const char *text,
                            const struct rh_native_spec *spec, struct rh_error *error)
{
    PGresult *described = NULL;
    int rc = RH_OK;

    if (!has_json_array(spec))
        return RH_OK;
    rc = describe_statement(conn, op, text, &described, error);
    for (uint32_t i = 0; !rc && i < spec->n_parameters; i++)
        rc = fit(conn, op, described, (int)i, &spec->parameters[i], error);
    rh_pg_params_seal(&conn->params);
    PQclear(described);
    return rc;
}
