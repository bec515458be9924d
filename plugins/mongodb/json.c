/*
 * BSON as relaxed Extended JSON (MongoDB's specification) and back, so that what is nested keeps its
 * types: {"$oid": …}, {"$date": …}, {"$numberDecimal": …}, {"$binary": {…}} and so on. Numbers are numbers:
 * an int64, or a double when that gives the same digits back, or a Decimal128; what would so come back as
 * another type is {"$numberDecimal": …}, and a whole double has a point.
 *
 * The library's own writer cuts off what is nested deeply and reads long numbers as doubles; this one
 * refuses.
 */
#include "mongodb.h"

#include "base/number.h"
#include "connector/civil.h"
#include "connector/decimal.h"
#include "connector/json_text.h"

#include <math.h>
#include <string.h>

#define PLAIN_BYTES 64 /* of a decimal that is written as a number */
#define YEAR_10000_MS INT64_C(253402300800000)

/* ---- BSON to JSON ---------------------------------------------------------------------------- */

static int add_value(struct rh_buf *buf, const bson_iter_t *value, unsigned depth,
                     struct rh_error *error);

static void add_double(struct rh_buf *buf, double value)
{
    char text[RH_NUMBER_F64_SIZE];
    size_t n;

    if (!isfinite(value)) {
        rh_buf_addf(buf, "{\"$numberDouble\":\"%s\"}",
                    isnan(value) ? "NaN"
                    : value > 0  ? "Infinity"
                                 : "-Infinity");
        return;
    }
    n = rh_number_from_f64(value, text);
    rh_buf_add(buf, text, n);
    if (!memchr(text, '.', n) && !memchr(text, 'e', n) && !memchr(text, 'E', n))
        rh_buf_add_str(buf, ".0");
}

static void add_date(struct rh_buf *buf, int64_t ms)
{
    char text[RH_CIVIL_MAX];

    if (ms < 0 || ms >= YEAR_10000_MS) {
        rh_buf_addf(buf, "{\"$date\":{\"$numberLong\":\"%lld\"}}", (long long)ms);
        return;
    }
    rh_buf_add_str(buf, "{\"$date\":\"");
    rh_buf_add(buf, text, rh_civil_format_timestamp(text, ms * 1000));
    rh_buf_add_str(buf, "\"}");
}

static void add_binary(struct rh_buf *buf, const bson_iter_t *value)
{
    bson_subtype_t subtype;
    const uint8_t *data;
    uint32_t n;

    bson_iter_binary(value, &subtype, &n, &data);
    rh_buf_add_str(buf, "{\"$binary\":{\"base64\":\"");
    rh_json_text_add_base64(buf, rh_text_make((const char *)data, n));
    rh_buf_addf(buf, "\",\"subType\":\"%02x\"}}", (unsigned)subtype & 0xffu);
}

static void add_member(struct rh_buf *buf, const char *name, const char *text, size_t n)
{
    rh_json_add_key(buf, name);
    rh_json_add_string(buf, rh_text_make(text, n));
}

static int add_children(struct rh_buf *buf, const bson_iter_t *value, bool is_array, unsigned depth,
                        struct rh_error *error)
{
    bson_iter_t child;
    bool first = true;
    int rc = RH_OK;

    if (depth >= RH_MONGODB_MAX_DEPTH)
        return rh_fail(error, RH_DATA, "a document is nested more than %d deep",
                       RH_MONGODB_MAX_DEPTH);
    if (!bson_iter_recurse(value, &child))
        return rh_fail(error, RH_PROTOCOL, "the server sent a malformed document");
    rh_buf_add_char(buf, is_array ? '[' : '{');
    while (rc == RH_OK && bson_iter_next(&child)) {
        if (!first)
            rh_buf_add_char(buf, ',');
        first = false;
        if (!is_array) {
            rh_json_add_string(buf, rh_text_make(bson_iter_key(&child), bson_iter_key_len(&child)));
            rh_buf_add_char(buf, ':');
        }
        rc = add_value(buf, &child, depth + 1, error);
    }
    if (rc == RH_OK && child.err_off)
        return rh_fail(error, RH_PROTOCOL, "the server sent a malformed document");
    rh_buf_add_char(buf, is_array ? ']' : '}');
    return rc;
}

/* Types that are seldom. */
static int add_other(struct rh_buf *buf, const bson_iter_t *value, unsigned depth,
                     struct rh_error *error)
{
    const char *text, *options;
    uint32_t n, seconds, counter;
    const bson_oid_t *oid;
    const uint8_t *data;
    char hex[25];
    bson_iter_t scope;
    bson_t document;
    int rc = RH_OK;

    switch (bson_iter_type(value)) {
    case BSON_TYPE_REGEX:
        text = bson_iter_regex(value, &options);
        rh_buf_add_str(buf, "{\"$regularExpression\":{");
        add_member(buf, "pattern", text, strlen(text));
        rh_buf_add_char(buf, ',');
        add_member(buf, "options", options, strlen(options));
        rh_buf_add_str(buf, "}}");
        return RH_OK;
    case BSON_TYPE_TIMESTAMP:
        bson_iter_timestamp(value, &seconds, &counter);
        rh_buf_addf(buf, "{\"$timestamp\":{\"t\":%u,\"i\":%u}}", seconds, counter);
        return RH_OK;
    case BSON_TYPE_CODE:
        text = bson_iter_code(value, &n);
        rh_buf_add_char(buf, '{');
        add_member(buf, "$code", text, n);
        rh_buf_add_char(buf, '}');
        return RH_OK;
    case BSON_TYPE_CODEWSCOPE:
        text = bson_iter_codewscope(value, &n, &seconds, &data);
        rh_buf_add_char(buf, '{');
        add_member(buf, "$code", text, n ? n - 1 : 0);
        rh_buf_add_str(buf, ",\"$scope\":{");
        if (bson_init_static(&document, data, seconds) && bson_iter_init(&scope, &document))
            for (bool first = true; rc == RH_OK && bson_iter_next(&scope); first = false) {
                rh_buf_add_str(buf, first ? "" : ",");
                rh_json_add_key(buf, bson_iter_key(&scope));
                rc = depth >= RH_MONGODB_MAX_DEPTH
                         ? rh_fail(error, RH_DATA, "a document is nested too deeply")
                         : add_value(buf, &scope, depth + 1, error);
            }
        rh_buf_add_str(buf, "}}");
        return rc;
    case BSON_TYPE_SYMBOL:
        text = bson_iter_symbol(value, &n);
        rh_buf_add_char(buf, '{');
        add_member(buf, "$symbol", text, n);
        rh_buf_add_char(buf, '}');
        return RH_OK;
    case BSON_TYPE_DBPOINTER:
        bson_iter_dbpointer(value, &n, &text, &oid);
        bson_oid_to_string(oid, hex);
        rh_buf_add_str(buf, "{\"$dbPointer\":{");
        add_member(buf, "$ref", text, strlen(text));
        rh_buf_addf(buf, ",\"$id\":{\"$oid\":\"%s\"}}}", hex);
        return RH_OK;
    case BSON_TYPE_UNDEFINED:
        rh_buf_add_str(buf, "{\"$undefined\":true}");
        return RH_OK;
    case BSON_TYPE_MINKEY:
        rh_buf_add_str(buf, "{\"$minKey\":1}");
        return RH_OK;
    case BSON_TYPE_MAXKEY:
        rh_buf_add_str(buf, "{\"$maxKey\":1}");
        return RH_OK;
    default:
        return rh_fail(error, RH_PROTOCOL, "the server sent a value of an unknown type");
    }
}

/* As a number, when that is read back as a decimal: when it is no integer and no double. */
static void add_decimal(struct rh_buf *buf, const bson_iter_t *value)
{
    char text[BSON_DECIMAL128_STRING], plain[PLAIN_BYTES], shortest[RH_NUMBER_F64_SIZE];
    bson_decimal128_t decimal;
    struct rh_text number;
    int64_t whole;
    double f;

    bson_iter_decimal128(value, &decimal);
    bson_decimal128_to_string(&decimal, text);
    number = rh_text_make(plain, rh_decimal_from_number(plain, sizeof(plain), rh_text_of(text)));
    if (number.len && !rh_text_to_i64(number, &whole) &&
        !(rh_number_to_f64(number, &f) &&
          rh_number_equal(number, rh_text_make(shortest, rh_number_from_f64(f, shortest)))))
        rh_buf_add_text(buf, number);
    else
        rh_buf_addf(buf, "{\"$numberDecimal\":\"%s\"}", text);
}

static int add_value(struct rh_buf *buf, const bson_iter_t *value, unsigned depth,
                     struct rh_error *error)
{
    const char *string;
    char hex[25];
    uint32_t n;

    switch (bson_iter_type(value)) {
    case BSON_TYPE_NULL:
        rh_buf_add_str(buf, "null");
        return RH_OK;
    case BSON_TYPE_BOOL:
        rh_buf_add_str(buf, bson_iter_bool(value) ? "true" : "false");
        return RH_OK;
    case BSON_TYPE_INT32:
        rh_buf_add_i64(buf, bson_iter_int32(value));
        return RH_OK;
    case BSON_TYPE_INT64:
        rh_buf_add_i64(buf, bson_iter_int64(value));
        return RH_OK;
    case BSON_TYPE_DOUBLE:
        add_double(buf, bson_iter_double(value));
        return RH_OK;
    case BSON_TYPE_DECIMAL128:
        add_decimal(buf, value);
        return RH_OK;
    case BSON_TYPE_UTF8:
        string = bson_iter_utf8(value, &n);
        rh_json_add_string(buf, rh_text_make(string, n));
        return RH_OK;
    case BSON_TYPE_OID:
        bson_oid_to_string(bson_iter_oid(value), hex);
        rh_buf_addf(buf, "{\"$oid\":\"%s\"}", hex);
        return RH_OK;
    case BSON_TYPE_DATE_TIME:
        add_date(buf, bson_iter_date_time(value));
        return RH_OK;
    case BSON_TYPE_BINARY:
        add_binary(buf, value);
        return RH_OK;
    case BSON_TYPE_DOCUMENT:
        return add_children(buf, value, false, depth, error);
    case BSON_TYPE_ARRAY:
        return add_children(buf, value, true, depth, error);
    default:
        return add_other(buf, value, depth, error);
    }
}

int rh_mongodb_add_json(struct rh_buf *buf, const bson_iter_t *value, struct rh_error *error)
{
    return add_value(buf, value, 0, error);
}

int rh_mongodb_add_document(struct rh_buf *buf, const bson_t *document, struct rh_error *error)
{
    bson_iter_t iter;
    bool first = true;
    int rc = RH_OK;

    if (!bson_iter_init(&iter, document))
        return rh_fail(error, RH_PROTOCOL, "the server sent a malformed document");
    rh_buf_add_char(buf, '{');
    while (rc == RH_OK && bson_iter_next(&iter)) {
        if (!first)
            rh_buf_add_char(buf, ',');
        first = false;
        rh_json_add_string(buf, rh_text_make(bson_iter_key(&iter), bson_iter_key_len(&iter)));
        rh_buf_add_char(buf, ':');
        rc = add_value(buf, &iter, 1, error);
    }
    if (rc == RH_OK && iter.err_off)
        return rh_fail(error, RH_PROTOCOL, "the server sent a malformed document");
    rh_buf_add_char(buf, '}');
    return rc;
}

/* ---- JSON to BSON ---------------------------------------------------------------------------- */

static int append_value(bson_t *to, struct rh_text key, const struct rh_json *value, unsigned depth,
                        struct rh_error *error);

static int append_number(bson_t *to, struct rh_text key, struct rh_text number,
                         struct rh_error *error)
{
    char shortest[RH_NUMBER_F64_SIZE];
    bson_decimal128_t decimal;
    int64_t whole;
    double f;

    if (rh_text_to_i64(number, &whole))
        bson_append_int64(to, key.data, (int)key.len, whole);
    else if (rh_number_to_f64(number, &f) &&
             rh_number_equal(number, rh_text_make(shortest, rh_number_from_f64(f, shortest))))
        bson_append_double(to, key.data, (int)key.len, f);
    else if (rh_mongodb_to_decimal(number, &decimal))
        bson_append_decimal128(to, key.data, (int)key.len, &decimal);
    else
        return rh_fail(error, RH_DATA, "MongoDB has no such number as %.*s", RH_TEXT_ARG(number));
    return RH_OK;
}

static struct rh_text text_of(const struct rh_json *value)
{
    return value && value->kind == RH_JSON_STRING ? value->text : rh_text_make(NULL, 0);
}

static bool append_binary(bson_t *to, struct rh_text key, const struct rh_json *value)
{
    struct rh_text base64 = text_of(rh_json_member(value, "base64"));
    struct rh_text kind = text_of(rh_json_member(value, "subType"));
    char hex[3] = {0};
    struct rh_buf bytes;
    char *end;
    long subtype;
    bool good;

    if (!base64.data || !kind.len || kind.len > 2)
        return false;
    memcpy(hex, kind.data, kind.len);
    subtype = strtol(hex, &end, 16);
    rh_buf_init(&bytes, BSON_MAX_SIZE);
    good = !*end && subtype >= 0 && rh_json_text_add_bytes(&bytes, base64);
    if (good)
        bson_append_binary(to, key.data, (int)key.len, (bson_subtype_t)subtype,
                           (const uint8_t *)rh_buf_text(&bytes).data, (uint32_t)bytes.len);
    rh_buf_free(&bytes);
    return good;
}

static bool append_date(bson_t *to, struct rh_text key, const struct rh_json *value)
{
    struct rh_text text = text_of(value), number = text_of(rh_json_member(value, "$numberLong"));
    int64_t us, ms;

    if (number.data && rh_text_to_i64(number, &ms))
        return bson_append_date_time(to, key.data, (int)key.len, ms);
    return text.data && rh_civil_parse_timestamp(text, &us) && us % 1000 == 0 &&
           bson_append_date_time(to, key.data, (int)key.len, us / 1000);
}

static bool append_double(bson_t *to, struct rh_text key, struct rh_text text)
{
    double value = rh_text_is(text, "NaN")         ? (double)NAN
                   : rh_text_is(text, "Infinity")  ? (double)INFINITY
                   : rh_text_is(text, "-Infinity") ? -(double)INFINITY
                                                   : 0;

    return (value != 0 || rh_number_to_f64(text, &value)) &&
           bson_append_double(to, key.data, (int)key.len, value);
}

/* An object of one member that stands for a type of BSON: true when it was that. */
static bool append_extended(bson_t *to, struct rh_text key, const struct rh_json *object)
{
    const struct rh_json *value = object->n == 1 ? object->child : NULL;
    bson_decimal128_t decimal;
    struct rh_text text;
    bson_oid_t oid;
    int64_t i;

    if (!value || !value->key.len || value->key.data[0] != '$')
        return false;
    text = text_of(value);
    if (rh_text_is(value->key, "$oid"))
        return rh_mongodb_to_oid(text, &oid) && bson_append_oid(to, key.data, (int)key.len, &oid);
    if (rh_text_is(value->key, "$date"))
        return append_date(to, key, value);
    if (rh_text_is(value->key, "$numberDecimal"))
        return rh_mongodb_to_decimal(text, &decimal) &&
               bson_append_decimal128(to, key.data, (int)key.len, &decimal);
    if (rh_text_is(value->key, "$numberLong"))
        return text.data && rh_text_to_i64(text, &i) &&
               bson_append_int64(to, key.data, (int)key.len, i);
    if (rh_text_is(value->key, "$numberDouble"))
        return text.data && append_double(to, key, text);
    if (rh_text_is(value->key, "$binary"))
        return append_binary(to, key, value);
    if (rh_text_is(value->key, "$minKey"))
        return bson_append_minkey(to, key.data, (int)key.len);
    if (rh_text_is(value->key, "$maxKey"))
        return bson_append_maxkey(to, key.data, (int)key.len);
    return false;
}

static int append_children(bson_t *to, struct rh_text key, const struct rh_json *value,
                           unsigned depth, struct rh_error *error)
{
    bool is_array = value->kind == RH_JSON_ARRAY;
    char position[16];
    const char *name;
    bson_t child;
    uint32_t i = 0;
    int rc = RH_OK;

    if (depth >= RH_MONGODB_MAX_DEPTH)
        return rh_fail(error, RH_DATA, "a value is nested more than %d deep", RH_MONGODB_MAX_DEPTH);
    if (is_array ? !bson_append_array_begin(to, key.data, (int)key.len, &child)
                 : !rh_mongodb_begin_document(to, key, &child))
        return rh_fail(error, RH_DATA, "a document is too large");
    for (const struct rh_json *next = value->child; next && rc == RH_OK; next = next->next, i++) {
        size_t n = is_array ? bson_uint32_to_string(i, &name, position, sizeof(position)) : 0;
        struct rh_text own = is_array ? rh_text_make(name, n) : next->key;

        rc = append_value(&child, own, next, depth + 1, error);
    }
    if (is_array)
        bson_append_array_end(to, &child);
    else
        bson_append_document_end(to, &child);
    return rc;
}

static int append_value(bson_t *to, struct rh_text key, const struct rh_json *value, unsigned depth,
                        struct rh_error *error)
{
    if (!key.data)
        key = RH_TEXT("");
    if (key.len && memchr(key.data, 0, key.len))
        return rh_fail(error, RH_DATA, "the name of a field has a NUL in it");
    switch (value->kind) {
    case RH_JSON_NULL:
        bson_append_null(to, key.data, (int)key.len);
        return RH_OK;
    case RH_JSON_FALSE:
    case RH_JSON_TRUE:
        bson_append_bool(to, key.data, (int)key.len, value->kind == RH_JSON_TRUE);
        return RH_OK;
    case RH_JSON_NUMBER:
        return append_number(to, key, value->text, error);
    case RH_JSON_STRING:
        if (!bson_append_utf8(to, key.data, (int)key.len, value->text.data ? value->text.data : "",
                              (int)value->text.len))
            return rh_fail(error, RH_DATA, "a document is too large");
        return RH_OK;
    case RH_JSON_OBJECT:
        if (append_extended(to, key, value))
            return RH_OK;
        return append_children(to, key, value, depth, error);
    default:
        return append_children(to, key, value, depth, error);
    }
}

int rh_mongodb_append_json(bson_t *to, struct rh_text key, const struct rh_json *value,
                           struct rh_error *error)
{
    return append_value(to, key, value, 0, error);
}
