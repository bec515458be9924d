/*
 * See params.h. Texts, bytes and UUIDs are sent from where they lie; everything else is encoded
 * into the scratch space.
 */
#include "params.h"

#include "connector/kit.h"
#include "encode.h"
#include "error.h"
#include "oid.h"

#include <stdlib.h>

#define NOT_SCRATCH ((size_t)-1)
#define MAX_SCRATCH (size_t)0x3fffff00 /* a message of the protocol is below 1 GiB */

void rh_pg_params_init(struct rh_pg_params *params)
{
    *params = (struct rh_pg_params){.n = 0};
    rh_buf_init(&params->scratch, MAX_SCRATCH);
}

void rh_pg_params_fini(struct rh_pg_params *params)
{
    free(params->oids);
    free(params->values);
    free(params->lengths);
    free(params->formats);
    free(params->offsets);
    rh_buf_free(&params->scratch);
}

void rh_pg_params_clear(struct rh_pg_params *params)
{
    params->n = 0;
    rh_buf_clear(&params->scratch);
}

static bool grow(void **array, size_t cap, size_t size)
{
    void *grown = reallocarray(*array, cap, size);

    if (grown)
        *array = grown;
    return grown != NULL;
}

static int make_room(struct rh_pg_params *params, struct rh_error *error)
{
    int cap = params->cap ? params->cap * 2 : 16;
    void *values = (void *)params->values;
    bool ok = false;

    if (params->n == RH_PG_MAX_PARAMETERS) {
        rh_fail(error, RH_RESOURCE, "the statement has more than %d parameters",
                RH_PG_MAX_PARAMETERS);
        return rh_error_hint(error, "Use fewer values or rows at once");
    }
    if (params->n < params->cap)
        return RH_OK;
    ok = grow(&values, (size_t)cap, sizeof *params->values);
    params->values = (const char **)values;
    if (!ok)
        return rh_fail_nomem(error);
#define GROW(field) grow((void **)&params->field, (size_t)cap, sizeof *params->field)
    if (!GROW(oids) || !GROW(lengths) || !GROW(formats) || !GROW(offsets))
        return rh_fail_nomem(error);
#undef GROW
    params->cap = cap;
    return RH_OK;
}

/* Whether the value's own bytes are the binary form of the type. */
static bool is_sent_in_place(unsigned oid, const struct rh_value *value)
{
    switch (oid) {
    case PG_OID_TEXT:
    case PG_OID_BPCHAR:
        return value->type == RH_TYPE_TEXT;
    case PG_OID_JSON:
        return value->type == RH_TYPE_JSON;
    case PG_OID_BYTEA:
        return value->type == RH_TYPE_BYTES;
    case PG_OID_UUID:
        return value->type == RH_TYPE_UUID && value->len == 16;
    default:
        return false;
    }
}

/* A text for a column of another type is left to the server to parse. */
static bool is_parsed_there(unsigned oid, const struct rh_value *value)
{
    if (!rh_pg_is_binary(oid))
        return true;
    return value->type == RH_TYPE_TEXT && oid != PG_OID_TEXT && oid != PG_OID_BPCHAR &&
           oid != PG_OID_NAME;
}

int rh_pg_params_add(struct rh_pg_params *params, const struct rh_sql_parameter *parameter,
                     struct rh_error *error)
{
    const struct rh_value *value = parameter->values;
    struct rh_buf *scratch = &params->scratch;
    unsigned oid = 0;
    size_t start = scratch->len;
    int rc = make_room(params, error);
    int at = params->n;

    if (rc)
        return rc;
    if (parameter->form == RH_SQL_WRITE && parameter->column && !parameter->is_list)
        rc = rh_pg_check_cell(parameter->column, value, error);
    if (rc)
        return rc;
    oid = rh_pg_parameter_oid(parameter->column, parameter->form, parameter->values, parameter->n);
    params->oids[at] = oid;
    params->formats[at] = 1;
    params->values[at] = NULL;
    params->lengths[at] = 0;
    params->offsets[at] = NOT_SCRATCH;
    if (parameter->is_list) {
        params->oids[at] = rh_pg_array_oid(oid);
        params->offsets[at] = start;
        rc = rh_pg_encode_array(scratch, oid, value, parameter->n, error);
    } else if (value->type > RH_TYPE_NULL) {
        if (is_sent_in_place(oid, value)) {
            params->values[at] = value->len ? value->as.data : "";
            params->lengths[at] = (int)value->len;
        } else if (is_parsed_there(oid, value)) {
            params->formats[at] = 0;
            params->offsets[at] = start;
            rc = rh_pg_encode_text(scratch, oid, value, error);
            rh_buf_add_char(scratch, '\0');
        } else {
            params->offsets[at] = start;
            rc = rh_pg_encode(scratch, oid, value, error);
        }
    }
    if (!rc && scratch->failed)
        rc = rh_fail(error, RH_RESOURCE, "the values of the statement take more than 1 GiB");
    if (params->offsets[at] != NOT_SCRATCH)
        params->lengths[at] = (int)(scratch->len - start);
    params->n++;
    return rc;
}

int rh_pg_params_add_untyped(struct rh_pg_params *params, const struct rh_value *value,
                             struct rh_error *error)
{
    struct rh_buf *scratch = &params->scratch;
    bool bytes = value->type == RH_TYPE_BYTES;
    int rc = make_room(params, error);
    int at = params->n;

    if (rc)
        return rc;
    params->oids[at] = bytes ? PG_OID_BYTEA : 0;
    params->formats[at] = bytes;
    params->values[at] = NULL;
    params->lengths[at] = (int)value->len;
    params->offsets[at] = NOT_SCRATCH;
    if (value->type > RH_TYPE_NULL) {
        params->offsets[at] = scratch->len;
        if (bytes)
            rh_buf_add(scratch, value->as.data, value->len);
        else
            rc = rh_pg_encode_text(scratch, PG_OID_TEXT, value, error);
        rh_buf_add_char(scratch, '\0');
    }
    params->n++;
    return rc || !scratch->failed ? rc : rh_fail_nomem(error);
}

int rh_pg_params_make_array(struct rh_pg_params *params, int at, const struct rh_value *value,
                            struct rh_error *error)
{
    int rc = RH_OK;

    params->offsets[at] = params->scratch.len;
    rc = rh_pg_encode_array_literal(&params->scratch, rh_kit_value_text(value), error);
    rh_buf_add_char(&params->scratch, '\0');
    return rc || !params->scratch.failed ? rc : rh_fail_nomem(error);
}

void rh_pg_params_seal(struct rh_pg_params *params)
{
    for (int i = 0; i < params->n; i++) {
        if (params->offsets[i] != NOT_SCRATCH)
            params->values[i] = params->scratch.data + params->offsets[i];
    }
}

int rh_pg_params_load(struct rh_pg_params *params, const struct rh_sql *sql, struct rh_error *error)
{
    rh_pg_params_clear(params);
    for (uint32_t i = 0; i < sql->n_parameters; i++) {
        int rc = rh_pg_params_add(params, &sql->parameters[i], error);
        if (rc) {
            return rc == RH_DATA ? rh_pg_blame_column(sql->parameters[i].column, error) : rc;
        }
    }
    rh_pg_params_seal(params);
    return RH_OK;
}
