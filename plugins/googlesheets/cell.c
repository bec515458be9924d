/*
 * Values of cells.
 *
 * They come in two shapes: plain scalars (`values`), and grid data, {"effectiveValue": {"numberValue":
 * 5}}. An empty text is an empty cell: Google does not tell them apart either.
 *
 * Dates are numbers of days since 1899-12-30, and what makes one a date is its format, which a column's
 * type stands for here. Doubles of this size are exact to about a microsecond: moments are rounded to
 * milliseconds.
 */
#include "googlesheets.h"

#include "connector/civil.h"
#include "connector/json_cell.h"

#include <math.h>
#include <string.h>

#define EPOCH_DAYS 25569 /* from 1899-12-30 to 1970-01-01 */
#define MS_PER_DAY 86400000.0
#define MAX_DAYS 3000000.0 /* beyond the year 9999 */

/* What a cell with an error shows; `values` gives these texts, too. */
static const struct failure {
    const char *type;
    const char *shown;
} failures[] = {
    {"ERROR", "#ERROR!"}, {"NULL_VALUE", "#NULL!"}, {"DIVIDE_BY_ZERO", "#DIV/0!"},
    {"VALUE", "#VALUE!"}, {"REF", "#REF!"},         {"NAME", "#NAME?"},
    {"NUM", "#NUM!"},     {"N_A", "#N/A"},          {"LOADING", "Loading..."},
};
static const struct rh_json failed[] = {
    {.kind = RH_JSON_STRING, .text = RH_TEXT_INIT("#ERROR!")},
    {.kind = RH_JSON_STRING, .text = RH_TEXT_INIT("#NULL!")},
    {.kind = RH_JSON_STRING, .text = RH_TEXT_INIT("#DIV/0!")},
    {.kind = RH_JSON_STRING, .text = RH_TEXT_INIT("#VALUE!")},
    {.kind = RH_JSON_STRING, .text = RH_TEXT_INIT("#REF!")},
    {.kind = RH_JSON_STRING, .text = RH_TEXT_INIT("#NAME?")},
    {.kind = RH_JSON_STRING, .text = RH_TEXT_INIT("#NUM!")},
    {.kind = RH_JSON_STRING, .text = RH_TEXT_INIT("#N/A")},
    {.kind = RH_JSON_STRING, .text = RH_TEXT_INIT("Loading...")},
};

static const struct rh_json *failure_of(const struct rh_json *value)
{
    struct rh_text type = rh_json_string(value, "type");

    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
        if (rh_text_is(type, failures[i].type))
            return &failed[i];
    return &failed[0];
}

const struct rh_json *rh_googlesheets_scalar(const struct rh_json *cell)
{
    if (cell && cell->kind == RH_JSON_OBJECT) {
        cell = rh_json_member(cell, "effectiveValue");
        cell = cell && cell->kind == RH_JSON_OBJECT ? cell->child : NULL;
        if (cell && rh_text_is(cell->key, "errorValue"))
            return failure_of(cell);
    }
    if (!cell || cell->kind == RH_JSON_NULL || cell->kind == RH_JSON_ARRAY ||
        cell->kind == RH_JSON_OBJECT || (cell->kind == RH_JSON_STRING && !cell->text.len))
        return NULL;
    return cell;
}

/* ---- Times --------------------------------------------------------------------------------- */

/* Milliseconds since the epoch of the sheet. */
static bool to_ms(const struct rh_json *value, int64_t *ret_ms)
{
    double days;

    if (value->kind != RH_JSON_NUMBER || !rh_text_to_f64(value->text, &days) ||
        fabs(days) > MAX_DAYS)
        return false;
    *ret_ms = (int64_t)llround(days * MS_PER_DAY);
    return true;
}

static bool take_time(struct rh_value *cell, uint32_t type, const struct rh_json *value)
{
    const int64_t day = (int64_t)MS_PER_DAY;
    int64_t ms;

    if (!to_ms(value, &ms))
        return false;
    if (type == RH_TYPE_TIME) {
        if (ms < 0 || ms >= day)
            return false;
        *cell = (struct rh_value){.type = RH_TYPE_TIME, .as.i = ms * 1000};
        return true;
    }
    ms -= EPOCH_DAYS * day;
    if (type == RH_TYPE_DATE && ms % day == 0)
        *cell = (struct rh_value){.type = RH_TYPE_DATE, .as.i = ms / day};
    else
        *cell = (struct rh_value){.type = RH_TYPE_DATETIME, .as.i = ms * 1000};
    return true;
}

static bool is_time(uint32_t type)
{
    return type == RH_TYPE_DATE || type == RH_TYPE_DATETIME || type == RH_TYPE_TIME;
}

void rh_googlesheets_set_cell(struct rh_rowset *rows, struct rh_value *cell,
                              const struct rh_column *column, const struct rh_json *value)
{
    static const struct rh_column any = {.type = RH_TYPE_TEXT, .flags = RH_COLUMN_INFERRED};

    *cell = rh_kit_null();
    if (!value || (is_time(column->type) && take_time(cell, column->type, value)))
        return;
    rh_json_cell(rows, cell, is_time(column->type) ? &any : column, value);
}

static void add_days(struct rh_buf *json, int64_t us)
{
    const int64_t day = RH_CIVIL_DAY_US;
    int64_t days = us / day - (us % day < 0);

    rh_json_add_f64(json, (double)(days + EPOCH_DAYS) + (double)(us - days * day) / (double)day);
}

int rh_googlesheets_add_value(struct rh_buf *json, const struct rh_value *value,
                              struct rh_error *error)
{
    bool infinite = value->as.i == INT64_MAX || value->as.i == INT64_MIN;

    switch (value->type) {
    case RH_TYPE_DATE:
    case RH_TYPE_DATETIME:
    case RH_TYPE_TIMESTAMP:
        if (infinite)
            return rh_fail(error, RH_DATA, "a sheet has no infinite dates");
        if (value->type == RH_TYPE_DATE)
            rh_buf_add_i64(json, value->as.i + EPOCH_DAYS);
        else
            add_days(json, value->as.i);
        return RH_OK;
    case RH_TYPE_TIME:
        rh_json_add_f64(json, (double)value->as.i / (double)RH_CIVIL_DAY_US);
        return RH_OK;
    case RH_TYPE_JSON:
        if (value->len && strchr("[{", *(const char *)value->as.data)) {
            rh_json_add_string(json, rh_kit_value_text(value));
            return RH_OK;
        }
        return rh_json_add_value(json, value, error);
    default:
        return rh_json_add_value(json, value, error);
    }
}

bool rh_googlesheets_same(const struct rh_value *value, const struct rh_column *column,
                          const struct rh_json *scalar)
{
    struct rh_json *wanted = NULL;
    struct rh_arena *arena;
    struct rh_buf json;
    bool same = false;

    if (rh_kit_is_null(value) || !scalar)
        return false;
    arena = rh_arena_new(RH_GOOGLESHEETS_ARENA_BYTES);
    rh_buf_init(&json, (size_t)1 << 24);
    if (arena && rh_googlesheets_add_value(&json, value, NULL) == RH_OK &&
        rh_json_parse(arena, rh_buf_text(&json), &wanted, NULL) == RH_OK)
        same = wanted->kind == RH_JSON_NUMBER && is_time(column->type)
                   ? scalar->kind == RH_JSON_NUMBER && rh_json_equal(wanted, scalar)
                   : rh_json_equal(wanted, scalar);
    rh_buf_free(&json);
    rh_arena_free(arena);
    return same;
}
