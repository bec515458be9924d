/*
 * Cells: the member at the column's path, in the type that the description says. A value that is
 * not exactly one of that type is an error which names row and column, not a guess; but an API's
 * own spellings are taken: numbers and truth values in texts, and as texts.
 */
#include "rest.h"

#include "base/json.h"
#include "connector/decimal.h"
#include "connector/json_cell.h"

#include <string.h>

#define NUMBER_BYTES 64

int rh_rest_field_of(const struct rh_rest_resource *resource, const struct rh_column *column,
                     struct rh_arena *arena, struct rh_rest_field *ret_field,
                     struct rh_error *error)
{
    const struct rh_rest_column *described = rh_rest_column_named(resource, column->name);
    bool inferred = resource->inferred && column->flags & RH_COLUMN_INFERRED;
    struct rh_text *name;
    bool ok = true;

    if (!column->native_id || (!described && !inferred))
        return rh_fail(error, RH_NOT_FOUND, "\"%.*s\" has no column \"%.*s\"",
                       RH_TEXT_ARG(resource->name), RH_TEXT_ARG(column->name));
    name = rh_arena_alloc(arena, sizeof(*name));
    if (name)
        *name = rh_arena_text(arena, column->name, &ok);
    if (!name || !ok)
        return rh_fail_nomem(error);
    *ret_field = (struct rh_rest_field){
        .column = {.name = *name, .type = column->type, .flags = column->flags},
        .path = inferred ? (struct rh_rest_path){name, 1} : described->path,
        .as = inferred ? RH_REST_AS_TEXT : described->as,
        .format = resource->format,
        .asked = !inferred && described->asked,
    };
    return RH_OK;
}

/* ---- What is spelt otherwise --------------------------------------------------------------- */

/* Seconds or milliseconds since 1970, with a fraction or without. */
static bool take_unix(struct rh_value *cell, const struct rh_json *value, uint8_t as)
{
    const char *scale = as == RH_REST_AS_UNIX ? "e6" : "e3";
    char number[NUMBER_BYTES], plain[NUMBER_BYTES];
    struct rh_text text = value->text;
    int64_t us;
    size_t n;

    if ((value->kind != RH_JSON_NUMBER && value->kind != RH_JSON_STRING) || !text.len ||
        text.len + 3 > sizeof(number) || memchr(text.data, 'e', text.len) ||
        memchr(text.data, 'E', text.len))
        return false;
    memcpy(number, text.data, text.len);
    memcpy(number + text.len, scale, 2);
    n = rh_decimal_from_number(plain, sizeof(plain), rh_text_make(number, text.len + 2));
    if (!n || !rh_decimal_floor_i64(rh_text_make(plain, n), &us))
        return false;
    *cell = (struct rh_value){.type = RH_TYPE_TIMESTAMP, .as.i = us};
    return true;
}

static bool take_bool(struct rh_value *cell, const struct rh_json *value)
{
    struct rh_text text = value->text;
    bool is = rh_text_is(text, "true") || rh_text_is(text, "1");

    if ((value->kind != RH_JSON_STRING && value->kind != RH_JSON_NUMBER) ||
        (!is && !rh_text_is(text, "false") && !rh_text_is(text, "0")))
        return false;
    *cell = (struct rh_value){.type = RH_TYPE_BOOL, .as.i = is};
    return true;
}

static bool take_text(struct rh_rowset *rows, struct rh_value *cell, const struct rh_json *value)
{
    if (value->kind >= RH_JSON_ARRAY)
        return false;
    rh_rowset_bytes(rows, cell, RH_TYPE_TEXT, value->source.data, value->source.len);
    return true;
}

static int fail_cell(const struct rh_rest_field *field, const struct rh_json *value, uint64_t n,
                     struct rh_error *error)
{
    struct rh_text name = field->column.name;
    struct rh_text shown =
        value ? value->source.data ? value->source : value->text : RH_TEXT("nothing");
    bool is_short = shown.len <= 40 && rh_text_is_utf8(shown);

    rh_fail(
        error, RH_DATA, "row %llu, column \"%.*s\": the description says %s, the answer has %.*s",
        (unsigned long long)n, RH_TEXT_ARG(name), rh_rest_type_name((uint8_t)field->column.type),
        RH_TEXT_ARG(is_short ? shown : rh_text_of(rh_json_kind_name(value->kind))));
    if (error && name.len < sizeof(error->column)) {
        memcpy(error->column, name.data, name.len);
        error->column[name.len] = 0;
    }
    return rh_error_hint(error, "change the column's type, or leave the columns out of the "
                                "description to have them inferred");
}

int rh_rest_cell(struct rh_rowset *rows, struct rh_value *cell, const struct rh_rest_field *field,
                 const struct rh_json *document, uint64_t n, struct rh_error *error)
{
    const struct rh_json *value = rh_rest_member(document, &field->path);
    uint8_t type = (uint8_t)field->column.type;
    bool texts_only = field->format == RH_REST_XML || field->format == RH_REST_CSV, fits;

    if (value && texts_only && type != RH_TYPE_TEXT && value->kind == RH_JSON_STRING &&
        value->text.len == 0)
        value = NULL;
    if (!value || value->kind == RH_JSON_NULL) {
        if (field->column.flags & RH_COLUMN_NOT_NULL)
            return fail_cell(field, NULL, n, error);
        *cell = (struct rh_value){.type = value || texts_only ? RH_TYPE_NULL : RH_TYPE_MISSING};
        return RH_OK;
    }
    if (field->as == RH_REST_AS_UNIX || field->as == RH_REST_AS_UNIX_MS)
        return take_unix(cell, value, field->as) ? RH_OK : fail_cell(field, value, n, error);
    rh_json_cell(rows, cell, &field->column, value);
    if (cell->type == type || rows->failed || field->column.flags & RH_COLUMN_INFERRED)
        return RH_OK;
    fits = type == RH_TYPE_BOOL   ? take_bool(cell, value)
           : type == RH_TYPE_TEXT ? take_text(rows, cell, value)
                                  : false;
    return fits ? RH_OK : fail_cell(field, value, n, error);
}

/* ---- Comparing ----------------------------------------------------------------------------- */

static bool is_number(uint8_t type)
{
    return type >= RH_TYPE_INT && type <= RH_TYPE_DECIMAL;
}

/* A number that is no double, as decimal. */
static struct rh_text decimal_of(const struct rh_value *value, char room[NUMBER_BYTES])
{
    struct rh_buf text;
    struct rh_text decimal;

    if (value->type == RH_TYPE_DECIMAL)
        return rh_kit_value_text(value);
    rh_buf_init(&text, NUMBER_BYTES);
    if (value->type == RH_TYPE_INT)
        rh_buf_add_i64(&text, value->as.i);
    else
        rh_buf_add_u64(&text, value->as.u);
    if (text.len)
        memcpy(room, text.data, text.len);
    decimal = rh_text_make(room, text.len);
    rh_buf_free(&text);
    return decimal;
}

static bool equal_numbers(const struct rh_value *a, const struct rh_value *b)
{
    char room_a[NUMBER_BYTES], room_b[NUMBER_BYTES];

    if (a->type == RH_TYPE_FLOAT && b->type == RH_TYPE_FLOAT)
        return a->as.f == b->as.f || (a->as.f != a->as.f && b->as.f != b->as.f);
    if (a->type == RH_TYPE_FLOAT)
        return rh_decimal_compare_f64(decimal_of(b, room_b), a->as.f) == 0;
    if (b->type == RH_TYPE_FLOAT)
        return rh_decimal_compare_f64(decimal_of(a, room_a), b->as.f) == 0;
    return rh_decimal_compare(decimal_of(a, room_a), decimal_of(b, room_b)) == 0;
}

bool rh_rest_equal(const struct rh_value *a, const struct rh_value *b)
{
    if (rh_kit_is_null(a) || rh_kit_is_null(b))
        return false;
    if (is_number(a->type) && is_number(b->type))
        return a->type == b->type && a->type == RH_TYPE_INT ? a->as.i == b->as.i
                                                            : equal_numbers(a, b);
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case RH_TYPE_TEXT:
    case RH_TYPE_BYTES:
    case RH_TYPE_UUID:
    case RH_TYPE_JSON:
    case RH_TYPE_INTERVAL:
        return rh_text_equal(rh_kit_value_text(a), rh_kit_value_text(b));
    default:
        return a->as.i == b->as.i;
    }
}
