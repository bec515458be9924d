/*
 * Attribute values: {"S": "text"}, {"N": "1.50"}, {"L": [{"BOOL": true}]}, as cells and back.
 *
 * Numbers have up to 38 digits and stay the digits that they are. JSON has no sets and no bytes: sets come
 * as arrays and bytes as base 64; an array goes back as a set when its column has nothing but sets.
 * Nesting is bounded by the JSON reader's own limit.
 */
#include "dynamodb.h"

#include "connector/decimal.h"
#include "connector/json_text.h"

#include <math.h>
#include <string.h>

#define MAX_DIGITS 38
#define MAX_POWER 125 /* of ten, of the first digit */
#define MIN_POWER (-130)
#define NUMBER_BYTES 512
#define HASH_KEY_BYTES 2048
#define RANGE_KEY_BYTES 1024
#define VALUE_BYTES ((size_t)64 << 20)

static const struct type {
    const char *name;
    uint32_t bit;
} types[] = {
    {"S", RH_DYNAMODB_S},       {"N", RH_DYNAMODB_N},       {"B", RH_DYNAMODB_B},
    {"BOOL", RH_DYNAMODB_BOOL}, {"NULL", RH_DYNAMODB_NULL}, {"SS", RH_DYNAMODB_SS},
    {"NS", RH_DYNAMODB_NS},     {"BS", RH_DYNAMODB_BS},     {"L", RH_DYNAMODB_L},
    {"M", RH_DYNAMODB_M},
};
#define N_TYPES (sizeof(types) / sizeof(types[0]))

/* ---- Types --------------------------------------------------------------------------------- */

static bool is_well_formed(uint32_t bit, const struct rh_json *value)
{
    switch (bit) {
    case RH_DYNAMODB_S:
    case RH_DYNAMODB_B:
        return value->kind == RH_JSON_STRING;
    case RH_DYNAMODB_N:
        return value->kind == RH_JSON_STRING && rh_decimal_is_valid(value->text) &&
               !rh_text_is(value->text, "NaN");
    case RH_DYNAMODB_BOOL:
        return value->kind == RH_JSON_TRUE || value->kind == RH_JSON_FALSE;
    case RH_DYNAMODB_NULL:
        return value->kind == RH_JSON_TRUE;
    case RH_DYNAMODB_M:
        return value->kind == RH_JSON_OBJECT;
    default:
        return value->kind == RH_JSON_ARRAY;
    }
}

uint32_t rh_dynamodb_type_of(const struct rh_json *attribute)
{
    const struct rh_json *value;
    int64_t whole;

    if (attribute->kind != RH_JSON_OBJECT || attribute->n != 1)
        return 0;
    value = attribute->child;
    for (size_t i = 0; i < N_TYPES; i++) {
        uint32_t bit = types[i].bit;

        if (!rh_text_is(value->key, types[i].name))
            continue;
        if (bit == RH_DYNAMODB_N && value->kind == RH_JSON_STRING &&
            rh_text_to_i64(value->text, &whole))
            return RH_DYNAMODB_INT;
        /* DynamoDB writes numbers out; its local edition uses exponents. */
        if (bit == RH_DYNAMODB_N && value->kind == RH_JSON_STRING) {
            char room[NUMBER_BYTES];
            return rh_decimal_from_number(room, sizeof(room), value->text) ? bit : 0;
        }
        return is_well_formed(bit, value) ? bit : 0;
    }
    return 0;
}

uint32_t rh_dynamodb_column_type(uint32_t set)
{
    set &= RH_DYNAMODB_TYPES & ~RH_DYNAMODB_NULL;
    if (!(set & ~(RH_DYNAMODB_S | RH_DYNAMODB_NUMBERS))) {
        if (set & RH_DYNAMODB_S || !set)
            return RH_TYPE_TEXT;
        return set == RH_DYNAMODB_INT ? RH_TYPE_INT : RH_TYPE_DECIMAL;
    }
    if (set == RH_DYNAMODB_B)
        return RH_TYPE_BYTES;
    return set == RH_DYNAMODB_BOOL ? RH_TYPE_BOOL : RH_TYPE_JSON;
}

struct rh_text rh_dynamodb_type_name(uint32_t set)
{
    if ((set & RH_DYNAMODB_TYPES) != RH_DYNAMODB_NULL)
        set &= RH_DYNAMODB_TYPES & ~RH_DYNAMODB_NULL;
    if (set & RH_DYNAMODB_INT)
        set = (set & ~RH_DYNAMODB_INT) | RH_DYNAMODB_N;
    for (size_t i = 0; i < N_TYPES; i++)
        if (set == types[i].bit)
            return rh_text_of(types[i].name);
    return RH_TEXT("mixed");
}

/* ---- Cells --------------------------------------------------------------------------------- */

static int malformed(struct rh_error *error)
{
    return rh_fail(error, RH_PROTOCOL,
                   "the server sent an attribute that has no type of DynamoDB's");
}

static int add_json(struct rh_buf *to, const struct rh_json *attribute, struct rh_error *error);

static void add_number(struct rh_buf *to, struct rh_text number)
{
    char room[NUMBER_BYTES];
    size_t n = rh_decimal_from_number(room, sizeof(room), number);

    rh_buf_add_text(to, n ? rh_text_make(room, n) : number);
}

/* Elements of a set, which have no types of their own. */
static int add_set(struct rh_buf *to, uint32_t bit, const struct rh_json *set,
                   struct rh_error *error)
{
    rh_buf_add_char(to, '[');
    for (const struct rh_json *element = set->child; element; element = element->next) {
        if (!is_well_formed(bit == RH_DYNAMODB_NS ? RH_DYNAMODB_N : RH_DYNAMODB_S, element))
            return malformed(error);
        if (element != set->child)
            rh_buf_add_char(to, ',');
        if (bit == RH_DYNAMODB_NS)
            add_number(to, element->text);
        else
            rh_json_add_string(to, element->text);
    }
    rh_buf_add_char(to, ']');
    return RH_OK;
}

static int add_children(struct rh_buf *to, const struct rh_json *parent, struct rh_error *error)
{
    bool map = parent->kind == RH_JSON_OBJECT;
    int rc = RH_OK;

    rh_buf_add_char(to, map ? '{' : '[');
    for (const struct rh_json *child = parent->child; child && rc == RH_OK; child = child->next) {
        if (child != parent->child)
            rh_buf_add_char(to, ',');
        if (map) {
            rh_json_add_string(to, child->key);
            rh_buf_add_char(to, ':');
        }
        rc = add_json(to, child, error);
    }
    rh_buf_add_char(to, map ? '}' : ']');
    return rc;
}

static int add_json(struct rh_buf *to, const struct rh_json *attribute, struct rh_error *error)
{
    uint32_t bit = rh_dynamodb_type_of(attribute);
    const struct rh_json *value = bit ? attribute->child : NULL;

    switch (bit) {
    case 0:
        return malformed(error);
    case RH_DYNAMODB_S:
    case RH_DYNAMODB_B:
        rh_json_add_string(to, value->text);
        return RH_OK;
    case RH_DYNAMODB_INT:
    case RH_DYNAMODB_N:
        add_number(to, value->text);
        return RH_OK;
    case RH_DYNAMODB_BOOL:
        rh_buf_add_str(to, value->kind == RH_JSON_TRUE ? "true" : "false");
        return RH_OK;
    case RH_DYNAMODB_NULL:
        rh_buf_add_str(to, "null");
        return RH_OK;
    case RH_DYNAMODB_SS:
    case RH_DYNAMODB_NS:
    case RH_DYNAMODB_BS:
        return add_set(to, bit, value, error);
    default:
        return add_children(to, value, error);
    }
}

static int json_cell(struct rh_rowset *rows, struct rh_value *cell, const struct rh_json *attribute,
                     struct rh_error *error)
{
    struct rh_buf text;
    int rc;

    rh_buf_init(&text, VALUE_BYTES);
    rc = add_json(&text, attribute, error);
    if (rc == RH_OK)
        rh_rowset_bytes(rows, cell, RH_TYPE_JSON, text.data, text.len);
    rows->failed = rows->failed || text.failed;
    rh_buf_free(&text);
    return rc;
}

static int bytes_cell(struct rh_rowset *rows, struct rh_value *cell, struct rh_text base64,
                      struct rh_error *error)
{
    struct rh_buf bytes;
    bool good;

    rh_buf_init(&bytes, VALUE_BYTES);
    good = rh_json_text_add_bytes(&bytes, base64);
    if (good)
        rh_rowset_bytes(rows, cell, RH_TYPE_BYTES, bytes.data ? bytes.data : "", bytes.len);
    rows->failed = rows->failed || bytes.failed;
    rh_buf_free(&bytes);
    return good || rows->failed ? RH_OK : malformed(error);
}

static void number_cell(struct rh_rowset *rows, struct rh_value *cell, uint32_t column_type,
                        uint32_t bit, struct rh_text number)
{
    char room[NUMBER_BYTES];
    int64_t whole = 0;

    if (bit == RH_DYNAMODB_INT && column_type != RH_TYPE_DECIMAL && rh_text_to_i64(number, &whole))
        *cell = rh_kit_int(whole);
    else
        rh_rowset_bytes(rows, cell, RH_TYPE_DECIMAL, room,
                        rh_decimal_from_number(room, sizeof(room), number));
}

int rh_dynamodb_cell(struct rh_rowset *rows, struct rh_value *cell, const struct rh_column *column,
                     const struct rh_json *attribute, struct rh_error *error)
{
    uint32_t bit = attribute ? rh_dynamodb_type_of(attribute) : RH_DYNAMODB_NULL;
    const struct rh_json *value;

    if (!bit)
        return malformed(error);
    *cell = (struct rh_value){.type = attribute ? RH_TYPE_NULL : RH_TYPE_MISSING};
    if (bit == RH_DYNAMODB_NULL)
        return RH_OK;
    value = attribute->child;
    if (column->type == RH_TYPE_JSON)
        return json_cell(rows, cell, attribute, error);
    switch (bit) {
    case RH_DYNAMODB_S:
        rh_rowset_bytes(rows, cell, RH_TYPE_TEXT, value->text.data, value->text.len);
        return RH_OK;
    case RH_DYNAMODB_INT:
    case RH_DYNAMODB_N:
        number_cell(rows, cell, column->type, bit, value->text);
        return RH_OK;
    case RH_DYNAMODB_BOOL:
        *cell = (struct rh_value){.type = RH_TYPE_BOOL, .as.i = value->kind == RH_JSON_TRUE};
        return RH_OK;
    case RH_DYNAMODB_B:
        return bytes_cell(rows, cell, value->text, error);
    default:
        return json_cell(rows, cell, attribute, error);
    }
}

int rh_dynamodb_add_row(struct rh_rowset *rows, const struct rh_column *columns, uint32_t n_columns,
                        uint32_t stride, const struct rh_json *item, struct rh_error *error)
{
    struct rh_value *cells;
    const struct rh_json *at = NULL;
    int rc = RH_OK;

    if (item->kind != RH_JSON_OBJECT)
        return rh_fail(error, RH_PROTOCOL, "the server sent an item that is no object");
    cells = rh_rowset_row(rows);
    for (uint32_t i = 0; cells && i < n_columns && rc == RH_OK; i++) {
        const struct rh_column *column = rh_kit_column(columns, stride, i);
        uint32_t n = item->n;

        /* Attributes come in any order, but often in that of the columns: look on from the last. */
        for (; n; n--) {
            at = at && at->next ? at->next : item->child;
            if (rh_text_equal(at->key, column->name))
                break;
        }
        rc = rh_dynamodb_cell(rows, &cells[i], column, n ? at : NULL, error);
    }
    return rc;
}

/* ---- Attribute values ---------------------------------------------------------------------- */

/* The number without zeros that say nothing, so that what is equal has one text; 0 when DynamoDB cannot
 * hold it. */
static size_t canonical(char to[NUMBER_BYTES], struct rh_text number)
{
    size_t n = rh_decimal_from_number(to, NUMBER_BYTES, number), first, last, point;
    const char *dot;
    long power;

    if (!n)
        return 0;
    dot = memchr(to, '.', n);
    while (dot && to[n - 1] == '0')
        n--;
    if (dot && to[n - 1] == '.')
        n--;
    dot = memchr(to, '.', n);
    point = dot ? (size_t)(dot - to) : n;
    for (first = 0; first < n && (to[first] < '1' || to[first] > '9'); first++)
        ;
    if (first == n)
        return memcpy(to, "0", 1) ? 1 : 0;
    for (last = n - 1; to[last] < '1' || to[last] > '9'; last--)
        ;
    power = first < point ? (long)(point - first) - 1 : -(long)(first - point);
    if (power > MAX_POWER || power < MIN_POWER ||
        last - first + 1 - (first < point && last > point) > MAX_DIGITS)
        return 0;
    return n;
}

static bool number_of(const struct rh_value *value, char to[NUMBER_BYTES], size_t *ret_n)
{
    char room[RH_DECIMAL_F64_MAX];
    struct rh_buf digits;
    size_t n;

    switch (value->type) {
    case RH_TYPE_INT:
    case RH_TYPE_UINT:
        rh_buf_init(&digits, NUMBER_BYTES);
        if (value->type == RH_TYPE_INT)
            rh_buf_add_i64(&digits, value->as.i);
        else
            rh_buf_add_u64(&digits, value->as.u);
        n = digits.failed ? 0 : digits.len;
        if (n)
            memcpy(to, digits.data, n);
        rh_buf_free(&digits);
        break;
    case RH_TYPE_FLOAT:
        n = isfinite(value->as.f) ? rh_decimal_from_f64(room, value->as.f, 0) : 0;
        n = n ? canonical(to, rh_text_make(room, n)) : 0;
        break;
    default:
        n = canonical(to, rh_kit_value_text(value));
        break;
    }
    *ret_n = n;
    return n != 0;
}

static bool is_number(uint8_t type)
{
    return type >= RH_TYPE_INT && type <= RH_TYPE_DECIMAL;
}

bool rh_dynamodb_is_value(const struct rh_value *value)
{
    char room[NUMBER_BYTES];
    size_t n;

    if (is_number(value->type))
        return number_of(value, room, &n);
    if (value->type == RH_TYPE_TEXT)
        return rh_text_is_utf8(rh_kit_value_text(value));
    return value->type == RH_TYPE_BOOL || value->type == RH_TYPE_BYTES;
}

bool rh_dynamodb_is_key_value(const struct rh_value *value, uint32_t set, bool range)
{
    uint32_t most = range ? RANGE_KEY_BYTES : HASH_KEY_BYTES;

    if (!rh_dynamodb_is_value(value))
        return false;
    if (is_number(value->type))
        return (set & RH_DYNAMODB_NUMBERS) != 0;
    if (value->type == RH_TYPE_BOOL || value->len == 0 || value->len > most)
        return false;
    return (set & (value->type == RH_TYPE_TEXT ? RH_DYNAMODB_S : RH_DYNAMODB_B)) != 0;
}

static int too_large(struct rh_error *error)
{
    return rh_fail(error, RH_DATA,
                   "DynamoDB holds numbers of up to 38 digits, from 1e-130 to 9.9e125");
}

/* The set that an array is, if its column has nothing else and the array can be one. */
static uint32_t set_of(const struct rh_json *array, uint32_t set)
{
    set &= RH_DYNAMODB_TYPES & ~RH_DYNAMODB_NULL;
    if (!array->child || (set != RH_DYNAMODB_SS && set != RH_DYNAMODB_NS && set != RH_DYNAMODB_BS))
        return 0;
    for (const struct rh_json *a = array->child; a; a = a->next) {
        if (a->kind != (set == RH_DYNAMODB_NS ? RH_JSON_NUMBER : RH_JSON_STRING))
            return 0;
        for (const struct rh_json *b = a->next; b; b = b->next)
            if (rh_json_equal(a, b))
                return 0;
    }
    return set;
}

static int add_json_value(struct rh_buf *to, const struct rh_json *json, uint32_t set,
                          struct rh_error *error);

static int add_json_number(struct rh_buf *to, struct rh_text number, struct rh_error *error)
{
    char room[NUMBER_BYTES];
    size_t n = canonical(room, number);

    if (!n)
        return too_large(error);
    rh_buf_add_char(to, '"');
    rh_buf_add(to, room, n);
    rh_buf_add_char(to, '"');
    return RH_OK;
}

static int add_json_set(struct rh_buf *to, const struct rh_json *array, uint32_t set,
                        struct rh_error *error)
{
    int rc = RH_OK;

    rh_buf_addf(to, "{\"%.*s\":[", RH_TEXT_ARG(rh_dynamodb_type_name(set)));
    for (const struct rh_json *a = array->child; a && rc == RH_OK; a = a->next) {
        if (a != array->child)
            rh_buf_add_char(to, ',');
        if (set == RH_DYNAMODB_NS)
            rc = add_json_number(to, a->text, error);
        else
            rh_json_add_string(to, a->text);
    }
    rh_buf_add_str(to, "]}");
    return rc;
}

static int add_json_children(struct rh_buf *to, const struct rh_json *parent,
                             struct rh_error *error)
{
    bool map = parent->kind == RH_JSON_OBJECT;
    int rc = RH_OK;

    rh_buf_add_str(to, map ? "{\"M\":{" : "{\"L\":[");
    for (const struct rh_json *child = parent->child; child && rc == RH_OK; child = child->next) {
        if (child != parent->child)
            rh_buf_add_char(to, ',');
        if (map) {
            rh_json_add_string(to, child->key);
            rh_buf_add_char(to, ':');
        }
        rc = add_json_value(to, child, 0, error);
    }
    rh_buf_add_str(to, map ? "}}" : "]}");
    return rc;
}

static int add_json_value(struct rh_buf *to, const struct rh_json *json, uint32_t set,
                          struct rh_error *error)
{
    int rc = RH_OK;

    switch (json->kind) {
    case RH_JSON_NULL:
        rh_buf_add_str(to, "{\"NULL\":true}");
        return RH_OK;
    case RH_JSON_FALSE:
    case RH_JSON_TRUE:
        rh_buf_addf(to, "{\"BOOL\":%s}", json->kind == RH_JSON_TRUE ? "true" : "false");
        return RH_OK;
    case RH_JSON_NUMBER:
        rh_buf_add_str(to, "{\"N\":");
        rc = add_json_number(to, json->text, error);
        rh_buf_add_char(to, '}');
        return rc;
    case RH_JSON_STRING:
        rh_buf_add_str(to, "{\"S\":");
        rh_json_add_string(to, json->text);
        rh_buf_add_char(to, '}');
        return RH_OK;
    case RH_JSON_ARRAY:
        if (set_of(json, set))
            return add_json_set(to, json, set_of(json, set), error);
        return add_json_children(to, json, error);
    default:
        return add_json_children(to, json, error);
    }
}

static int add_json_text(struct rh_buf *to, struct rh_text text, uint32_t set,
                         struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(RH_DYNAMODB_ARENA_BYTES);
    struct rh_json *json = NULL;
    int rc = arena ? rh_json_parse(arena, text, &json, error) : rh_fail_nomem(error);

    if (rc == RH_OK)
        rc = add_json_value(to, json, set, error);
    rh_arena_free(arena);
    return rc;
}

int rh_dynamodb_add_value(struct rh_buf *buf, const struct rh_value *value, uint32_t set,
                          struct rh_error *error)
{
    char room[NUMBER_BYTES];
    size_t n;

    switch (value->type) {
    case RH_TYPE_NULL:
        rh_buf_add_str(buf, "{\"NULL\":true}");
        return RH_OK;
    case RH_TYPE_BOOL:
        rh_buf_addf(buf, "{\"BOOL\":%s}", value->as.i ? "true" : "false");
        return RH_OK;
    case RH_TYPE_INT:
    case RH_TYPE_UINT:
    case RH_TYPE_FLOAT:
    case RH_TYPE_DECIMAL:
        if (!number_of(value, room, &n))
            return too_large(error);
        rh_buf_addf(buf, "{\"N\":\"%.*s\"}", (int)n, room);
        return RH_OK;
    case RH_TYPE_TEXT:
        if (!rh_text_is_utf8(rh_kit_value_text(value)))
            return rh_fail(error, RH_DATA, "a text is not UTF-8");
        rh_buf_add_str(buf, "{\"S\":");
        rh_json_add_string(buf, rh_kit_value_text(value));
        rh_buf_add_char(buf, '}');
        return RH_OK;
    case RH_TYPE_BYTES:
        rh_buf_add_str(buf, "{\"B\":\"");
        rh_json_text_add_base64(buf, rh_kit_value_text(value));
        rh_buf_add_str(buf, "\"}");
        return RH_OK;
    case RH_TYPE_JSON:
        return add_json_text(buf, rh_kit_value_text(value), set, error);
    default:
        return rh_fail(error, RH_DATA, "DynamoDB has no type for this value");
    }
}
