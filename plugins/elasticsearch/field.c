/*
 * Fields of a mapping as columns.
 *
 * Rows are made from _source, the document as it was sent; conditions are asked of the index, which has it
 * in the mapped type: 5.7 in an integer is 5 there, 0.1 in a float is the nearest one, a date is in
 * milliseconds. filter.c says what that means for conditions. Here, a value is what stands in _source.
 */
#include "elasticsearch.h"

#include "connector/json_cell.h"

#include <string.h>

#define MAX_IGNORE_ABOVE 0xffffu

static const struct type {
    const char *name;
    uint32_t column_type;
    enum rh_elasticsearch_kind kind;
} types[] = {
    {"keyword", RH_TYPE_TEXT, RH_ELASTICSEARCH_KEYWORD},
    {"text", RH_TYPE_TEXT, RH_ELASTICSEARCH_TEXT},
    {"match_only_text", RH_TYPE_TEXT, RH_ELASTICSEARCH_TEXT},
    {"constant_keyword", RH_TYPE_TEXT, RH_ELASTICSEARCH_OTHER},
    {"wildcard", RH_TYPE_TEXT, RH_ELASTICSEARCH_OTHER},
    {"version", RH_TYPE_TEXT, RH_ELASTICSEARCH_OTHER},
    {"long", RH_TYPE_INT, RH_ELASTICSEARCH_WHOLE},
    {"integer", RH_TYPE_INT, RH_ELASTICSEARCH_WHOLE},
    {"short", RH_TYPE_INT, RH_ELASTICSEARCH_WHOLE},
    {"byte", RH_TYPE_INT, RH_ELASTICSEARCH_WHOLE},
    {"unsigned_long", RH_TYPE_UINT, RH_ELASTICSEARCH_WHOLE},
    {"double", RH_TYPE_FLOAT, RH_ELASTICSEARCH_DOUBLE},
    {"float", RH_TYPE_FLOAT, RH_ELASTICSEARCH_FLOAT},
    {"half_float", RH_TYPE_FLOAT, RH_ELASTICSEARCH_FLOAT},
    {"scaled_float", RH_TYPE_DECIMAL, RH_ELASTICSEARCH_FLOAT},
    {"boolean", RH_TYPE_BOOL, RH_ELASTICSEARCH_BOOLEAN},
    {"date", RH_TYPE_TIMESTAMP, RH_ELASTICSEARCH_DATE},
    {"date_nanos", RH_TYPE_TIMESTAMP, RH_ELASTICSEARCH_OTHER},
    {"ip", RH_TYPE_TEXT, RH_ELASTICSEARCH_IP},
    {"binary", RH_TYPE_BYTES, RH_ELASTICSEARCH_OTHER},
};

/* Formats whose texts are ISO 8601; of others nothing is known, and they stay texts. */
static const char *const iso_formats[] = {
    "strict_date_optional_time||epoch_millis",
    "strict_date_optional_time_nanos||epoch_millis",
    "strict_date_optional_time",
    "strict_date_optional_time_nanos",
    "strict_date_time",
    "strict_date_time_no_millis",
    "strict_date",
    "date_optional_time",
    "date_time",
    "date_time_no_millis",
    "epoch_millis",
    "epoch_second",
    "strict_date_optional_time||epoch_second",
};

static bool flag_of(const struct rh_json *field, const char *name, bool otherwise)
{
    const struct rh_json *flag = rh_json_member(field, name);

    if (!flag)
        return otherwise;
    return flag->kind == RH_JSON_TRUE ||
           (flag->kind == RH_JSON_STRING && rh_text_is(flag->text, "true"));
}

static uint32_t ignore_above(const struct rh_json *field)
{
    const struct rh_json *limit = rh_json_member(field, "ignore_above");
    int64_t n = 0;

    if (!limit || !rh_text_to_i64(limit->text, &n) || n < 1)
        return 0;
    return n < MAX_IGNORE_ABOVE ? (uint32_t)n : MAX_IGNORE_ABOVE;
}

/* What a keyword has, itself or below a text. */
static uint32_t keyword_flags(const struct rh_json *field)
{
    uint32_t flags = ignore_above(field) << 16;

    if (rh_json_member(field, "normalizer"))
        flags |= RH_ELASTICSEARCH_NORMALIZED;
    if (flag_of(field, "index", true))
        flags |= RH_ELASTICSEARCH_SEARCHABLE;
    if (flag_of(field, "doc_values", true))
        flags |= RH_ELASTICSEARCH_SORTABLE;
    if (rh_json_member(field, "null_value"))
        flags |= RH_ELASTICSEARCH_NULL_VALUE;
    return flags;
}

static void describe_text(const struct rh_json *field, struct rh_column *column)
{
    const struct rh_json *sub = rh_json_member(rh_json_member(field, "fields"), "keyword");

    if (rh_text_is(rh_json_string(sub, "type"), "keyword"))
        column->native_id |= RH_ELASTICSEARCH_SUBFIELD | keyword_flags(sub);
}

static void describe_date(const struct rh_json *field, struct rh_column *column)
{
    struct rh_text format = rh_json_string(field, "format");

    if (rh_text_ends(format, "epoch_second"))
        column->native_id |= RH_ELASTICSEARCH_SECONDS;
    for (size_t i = 0; format.data && i < sizeof(iso_formats) / sizeof(iso_formats[0]); i++)
        if (rh_text_is(format, iso_formats[i]))
            return;
    if (!format.data)
        return;
    column->type = RH_TYPE_TEXT;
    column->native_id = RH_ELASTICSEARCH_OTHER;
}

void rh_elasticsearch_describe(const struct rh_json *field, bool single, struct rh_column *column)
{
    struct rh_text name = rh_json_string(field, "type");

    column->native_type = name.data ? name : RH_TEXT("object");
    column->type = RH_TYPE_JSON;
    column->native_id = RH_ELASTICSEARCH_OTHER;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (rh_text_is(name, types[i].name)) {
            column->type = types[i].column_type;
            column->native_id = types[i].kind;
        }
    switch (RH_ELASTICSEARCH_KIND(column->native_id)) {
    case RH_ELASTICSEARCH_TEXT:
        describe_text(field, column);
        break;
    case RH_ELASTICSEARCH_OTHER:
        break;
    default:
        column->native_id |= keyword_flags(field);
        break;
    }
    if (RH_ELASTICSEARCH_KIND(column->native_id) == RH_ELASTICSEARCH_DATE)
        describe_date(field, column);
    if (single)
        column->native_id |= RH_ELASTICSEARCH_SINGLE;
    if (column->type == RH_TYPE_TEXT)
        column->flags |= RH_COLUMN_EXACT_EQUAL | RH_COLUMN_BINARY_ORDER;
}

/* ---- Cells --------------------------------------------------------------------------------- */

/* A date that is a number: milliseconds, or seconds, since 1970. */
static bool take_number_date(struct rh_value *cell, const struct rh_column *column,
                             const struct rh_json *value)
{
    int64_t n, unit = column->native_id & RH_ELASTICSEARCH_SECONDS ? 1000000 : 1000;

    if (column->type != RH_TYPE_TIMESTAMP ||
        (value->kind != RH_JSON_NUMBER && value->kind != RH_JSON_STRING) ||
        !rh_text_to_i64(value->text, &n) || n > INT64_MAX / unit - 1 || n < INT64_MIN / unit + 1 ||
        (value->kind == RH_JSON_STRING && value->text.len < 5)) /* "2024" is a year */
        return false;
    *cell = (struct rh_value){.type = RH_TYPE_TIMESTAMP, .as.i = n * unit};
    return true;
}

void rh_elasticsearch_cell(struct rh_rowset *rows, struct rh_value *cell,
                           const struct rh_column *column, const struct rh_json *value)
{
    if (value && value->kind == RH_JSON_NULL)
        *cell = rh_kit_null();
    else if (!value || !take_number_date(cell, column, value))
        rh_json_cell(rows, cell, column, value);
}
