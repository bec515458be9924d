/* See text_cell.h. */
#include "connector/text_cell.h"

#include "base/text.h"
#include "connector/decimal.h"
#include "connector/json_cell.h"

#include <math.h>
#include <string.h>

#define JSON_BYTES ((size_t)256 << 20)

/* [-]digits[.digits] without leading zeros: no other text is the same number. */
static bool is_plain_number(struct rh_text text)
{
    uint64_t i = text.len && text.data[0] == '-';

    if (!rh_decimal_is_valid(text) || i >= text.len || text.data[i] == 'N')
        return false;
    for (uint64_t k = i; i && k < text.len && (text.data[k] == '0' || text.data[k] == '.'); k++)
        if (k + 1 == text.len)
            return false; /* minus zero */
    return text.data[i] != '0' || i + 1 == text.len || text.data[i + 1] == '.';
}

uint8_t rh_text_cell_type(struct rh_text text)
{
    int64_t value;

    if (rh_text_is(text, "true") || rh_text_is(text, "false"))
        return RH_TYPE_BOOL;
    if (text.len < 1000 && is_plain_number(text))
        return rh_text_to_i64(text, &value) ? RH_TYPE_INT : RH_TYPE_DECIMAL;
    return rh_text_is_utf8(text) ? RH_TYPE_TEXT : RH_TYPE_BYTES;
}

static bool is_json(struct rh_text text)
{
    struct rh_arena *arena = rh_arena_new(JSON_BYTES);
    struct rh_json *value;
    bool ok = arena && rh_json_parse(arena, text, &value, NULL) == RH_OK;

    rh_arena_free(arena);
    return ok;
}

static bool make_bool(struct rh_value *cell, struct rh_text text, bool declared)
{
    bool yes = rh_text_is(text, "true") || (declared && rh_text_is(text, "1"));
    bool no = rh_text_is(text, "false") || (declared && rh_text_is(text, "0"));

    if (yes || no)
        *cell = (struct rh_value){.type = RH_TYPE_BOOL, .as.i = yes};
    return yes || no;
}

static bool make_float(struct rh_value *cell, struct rh_text text)
{
    double value;

    if (rh_text_is(text, "inf") || rh_text_is(text, "+inf"))
        value = INFINITY;
    else if (rh_text_is(text, "-inf"))
        value = -INFINITY;
    else if (rh_text_is(text, "nan"))
        value = NAN;
    else if (!rh_text_to_f64(text, &value))
        return false;
    *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = value};
    return true;
}

static void make_plain(struct rh_rowset *rows, struct rh_value *cell, struct rh_text text)
{
    rh_rowset_bytes(rows, cell, rh_text_is_utf8(text) ? RH_TYPE_TEXT : RH_TYPE_BYTES, text.data,
                    text.len);
}

void rh_text_cell(struct rh_rowset *rows, struct rh_value *cell, const struct rh_column *column,
                  struct rh_text text)
{
    bool declared = !(column->flags & RH_COLUMN_INFERRED);
    struct rh_column strict = *column;
    struct rh_json string = {.kind = RH_JSON_STRING, .text = text};

    switch (column->type) {
    case RH_TYPE_BOOL:
        if (!make_bool(cell, text, declared))
            make_plain(rows, cell, text);
        return;
    case RH_TYPE_BYTES:
        rh_rowset_bytes(rows, cell, RH_TYPE_BYTES, text.data, text.len);
        return;
    case RH_TYPE_FLOAT:
        if (!make_float(cell, text))
            make_plain(rows, cell, text);
        return;
    case RH_TYPE_JSON:
        if (is_json(text))
            rh_rowset_bytes(rows, cell, RH_TYPE_JSON, text.data, text.len);
        else
            make_plain(rows, cell, text);
        return;
    case RH_TYPE_TEXT:
        make_plain(rows, cell, text);
        return;
    default:
        if (!rh_text_is_utf8(text) || (!declared && !is_plain_number(text))) {
            make_plain(rows, cell, text);
            return;
        }
        strict.flags &= ~RH_COLUMN_INFERRED; /* it is what it seems */
        rh_json_cell(rows, cell, &strict, &string);
    }
}

/* ---- To text ------------------------------------------------------------------------------- */

/* As JSON would have it, without the quotes: dates, UUIDs and the like have nothing to escape. */
static int add_unquoted(struct rh_buf *buf, const struct rh_value *value, struct rh_error *error)
{
    size_t begin = buf->len;
    int rc = rh_json_add_value(buf, value, error);

    if (rc == RH_OK && !buf->failed && buf->len > begin + 1 && buf->data[begin] == '"') {
        memmove(buf->data + begin, buf->data + begin + 1, buf->len - begin - 2);
        buf->len -= 2;
    }
    return rc;
}

int rh_text_cell_add(struct rh_buf *buf, const struct rh_value *value, struct rh_error *error)
{
    if (value->type == RH_TYPE_TEXT || value->type == RH_TYPE_BYTES ||
        value->type == RH_TYPE_JSON || value->type == RH_TYPE_DECIMAL) {
        rh_buf_add(buf, value->as.data, value->len);
        return RH_OK;
    }
    if (value->type == RH_TYPE_FLOAT && !isfinite(value->as.f)) {
        rh_buf_add_str(buf, isnan(value->as.f) ? "nan" : value->as.f < 0 ? "-inf" : "inf");
        return RH_OK;
    }
    return add_unquoted(buf, value, error);
}
