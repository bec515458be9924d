/*
 * See native_value.h. The session's settings (DateStyle, IntervalStyle, bytea_output) make the text
 * forms those that are read here; a statement that changed them gives TEXT cells, not wrong ones.
 */
#include "native_value.h"

#include "base/text.h"
#include "connector/civil.h"
#include "encode.h"
#include "native_array.h"
#include "oid.h"

#include <stdlib.h>
#include <string.h>

/* Of one array, which itself is below 1 GiB. */
#define MAX_JSON_BYTES ((size_t)1 << 30)

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hex digits, with dashes allowed between; false when it is anything else. */
static bool add_hex(struct rh_rowset *rows, struct rh_value *cell, uint8_t type,
                    struct rh_text text)
{
    char *bytes = malloc(text.len / 2 + 1);
    size_t n = 0;
    int high = -1;
    bool ok = bytes != NULL;

    for (uint64_t i = 0; ok && i < text.len; i++) {
        int digit = hex_digit(text.data[i]);
        if (digit < 0) {
            ok = text.data[i] == '-' && high < 0 && type == RH_TYPE_UUID;
        } else if (high < 0) {
            high = digit;
        } else {
            bytes[n++] = (char)(high << 4 | digit);
            high = -1;
        }
    }
    ok = ok && high < 0 && (type != RH_TYPE_UUID || n == 16);
    if (ok)
        rh_rowset_bytes(rows, cell, type, bytes, n);
    free(bytes);
    return ok;
}

static bool convert_civil(struct rh_rowset *rows, struct rh_value *cell, unsigned oid,
                          struct rh_text text)
{
    struct rh_interval interval;
    struct rh_value made = {.type = RH_TYPE_NULL};

    switch (oid) {
    case PG_OID_DATE:
        made.type = RH_TYPE_DATE;
        if (!rh_civil_parse_date(text, &made.as.i))
            return false;
        break;
    case PG_OID_TIME:
        made.type = RH_TYPE_TIME;
        if (!rh_civil_parse_time(text, &made.as.i))
            return false;
        break;
    case PG_OID_TIMESTAMP:
        made.type = RH_TYPE_DATETIME;
        if (!rh_civil_parse_datetime(text, &made.as.i))
            return false;
        break;
    case PG_OID_TIMESTAMPTZ:
        made.type = RH_TYPE_TIMESTAMP;
        if (!rh_civil_parse_timestamp(text, &made.as.i))
            return false;
        break;
    default:
        if (!rh_civil_parse_interval(text, &interval))
            return false;
        rh_rowset_bytes(rows, cell, RH_TYPE_INTERVAL, &interval, sizeof interval);
        return true;
    }
    *cell = made;
    return true;
}

static bool convert_array(struct rh_rowset *rows, struct rh_value *cell, unsigned element,
                          struct rh_text text)
{
    struct rh_buf json;
    bool ok = false;

    rh_buf_init(&json, MAX_JSON_BYTES);
    ok = rh_pg_array_to_json(&json, element, text);
    if (ok)
        rh_rowset_bytes(rows, cell, RH_TYPE_JSON, json.data, json.len);
    rows->failed = rows->failed || json.failed;
    rh_buf_free(&json);
    return ok;
}

bool rh_pg_convert(struct rh_rowset *rows, struct rh_value *cell, unsigned oid, struct rh_text text)
{
    unsigned element = 0;

    switch (oid) {
    case PG_OID_BOOL:
        *cell = (struct rh_value){.type = RH_TYPE_BOOL, .as.i = text.data[0] == 't'};
        return true;
    case PG_OID_INT2:
    case PG_OID_INT4:
    case PG_OID_INT8:
    case PG_OID_OID:
        cell->type = RH_TYPE_INT;
        return rh_text_to_i64(text, &cell->as.i);
    case PG_OID_FLOAT4:
    case PG_OID_FLOAT8: /* also "NaN", "Infinity"; libpq ends each value with a NUL */
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = strtod(text.data, NULL)};
        return true;
    case PG_OID_NUMERIC:
        if (memchr(text.data, 'I', text.len))
            return false;
        rh_rowset_bytes(rows, cell, RH_TYPE_DECIMAL, text.data, text.len);
        return true;
    case PG_OID_JSON:
    case PG_OID_JSONB:
        rh_rowset_bytes(rows, cell, RH_TYPE_JSON, text.data, text.len);
        return true;
    case PG_OID_BYTEA:
        if (!rh_text_starts(text, "\\x"))
            return false;
        return add_hex(rows, cell, RH_TYPE_BYTES, rh_text_make(text.data + 2, text.len - 2));
    case PG_OID_UUID:
        return add_hex(rows, cell, RH_TYPE_UUID, text);
    case PG_OID_DATE:
    case PG_OID_TIME:
    case PG_OID_TIMESTAMP:
    case PG_OID_TIMESTAMPTZ:
    case PG_OID_INTERVAL:
        return convert_civil(rows, cell, oid, text);
    default:
        element = rh_pg_element_oid(oid);
        return element != 0 && convert_array(rows, cell, element, text);
    }
}

#define TYPE(oid, type, name)                                                                      \
    {                                                                                              \
        oid, type, name, name "[]"                                                                 \
    }

static const struct {
    unsigned oid;
    uint32_t type;
    const char *name, *array_name;
} known_types[] = {
    TYPE(PG_OID_BOOL, RH_TYPE_BOOL, "boolean"),
    TYPE(PG_OID_BYTEA, RH_TYPE_BYTES, "bytea"),
    TYPE(PG_OID_NAME, RH_TYPE_TEXT, "name"),
    TYPE(PG_OID_INT8, RH_TYPE_INT, "bigint"),
    TYPE(PG_OID_INT2, RH_TYPE_INT, "smallint"),
    TYPE(PG_OID_INT4, RH_TYPE_INT, "integer"),
    TYPE(PG_OID_TEXT, RH_TYPE_TEXT, "text"),
    TYPE(PG_OID_OID, RH_TYPE_INT, "oid"),
    TYPE(PG_OID_JSON, RH_TYPE_JSON, "json"),
    TYPE(PG_OID_FLOAT4, RH_TYPE_FLOAT, "real"),
    TYPE(PG_OID_FLOAT8, RH_TYPE_FLOAT, "double precision"),
    TYPE(PG_OID_BPCHAR, RH_TYPE_TEXT, "character"),
    TYPE(PG_OID_VARCHAR, RH_TYPE_TEXT, "character varying"),
    TYPE(PG_OID_DATE, RH_TYPE_DATE, "date"),
    TYPE(PG_OID_TIME, RH_TYPE_TIME, "time without time zone"),
    TYPE(PG_OID_TIMESTAMP, RH_TYPE_DATETIME, "timestamp without time zone"),
    TYPE(PG_OID_TIMESTAMPTZ, RH_TYPE_TIMESTAMP, "timestamp with time zone"),
    TYPE(PG_OID_INTERVAL, RH_TYPE_INTERVAL, "interval"),
    TYPE(PG_OID_NUMERIC, RH_TYPE_DECIMAL, "numeric"),
    TYPE(PG_OID_UUID, RH_TYPE_UUID, "uuid"),
    TYPE(PG_OID_JSONB, RH_TYPE_JSON, "jsonb"),
};

void rh_pg_describe_type(unsigned oid, struct rh_column *column)
{
    unsigned element = rh_pg_element_oid(oid);

    column->native_id = oid;
    column->type = RH_TYPE_TEXT;
    for (size_t i = 0; i < sizeof known_types / sizeof known_types[0]; i++) {
        if (known_types[i].oid == oid) {
            column->type = known_types[i].type;
            column->native_type = rh_text_of(known_types[i].name);
        } else if (known_types[i].oid == element) {
            column->type = RH_TYPE_JSON;
            column->native_type = rh_text_of(known_types[i].array_name);
        }
    }
}
