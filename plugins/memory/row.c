/*
 * One row is one block: reading needs no copy, and freeing needs no walk over the cells.
 */
#include "row.h"

#include "connector/decimal.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WITH_BYTES                                                                                 \
    (1u << RH_TYPE_DECIMAL | 1u << RH_TYPE_TEXT | 1u << RH_TYPE_BYTES | 1u << RH_TYPE_INTERVAL |   \
     1u << RH_TYPE_UUID | 1u << RH_TYPE_JSON)

static struct rh_text bytes_of(const struct rh_value *value)
{
    return rh_text_make(value->as.data, value->len);
}

bool mem_value_has_bytes(const struct rh_value *value)
{
    return value->type < RH_N_TYPES && (WITH_BYTES >> value->type & 1);
}

/* Where the value's bytes begin when `at` bytes stand before them: an interval is a struct. */
static size_t aligned(const struct rh_value *value, size_t at)
{
    return value->type == RH_TYPE_INTERVAL ? (at + 7) & ~(size_t)7 : at;
}

struct mem_row *mem_row_new(const struct rh_value *cells, uint32_t n, struct rh_text key)
{
    size_t first = sizeof(struct mem_row) + n * sizeof *cells, size = first;
    for (uint32_t i = 0; i < n; i++) {
        if (mem_value_has_bytes(&cells[i]) &&
            __builtin_add_overflow(aligned(&cells[i], size), cells[i].len, &size))
            return NULL;
    }
    if (__builtin_add_overflow(size, key.len, &size))
        return NULL;
    struct mem_row *row = malloc(size);
    if (!row)
        return NULL;
    *row = (struct mem_row){.refs = 1, .n_cells = n};
    char *block = (char *)row;
    size_t at = first;
    for (uint32_t i = 0; i < n; i++) {
        row->cells[i] = cells[i];
        if (!mem_value_has_bytes(&cells[i]))
            continue;
        at = aligned(&cells[i], at);
        if (cells[i].len)
            memcpy(block + at, cells[i].as.data, cells[i].len);
        row->cells[i].as.data = block + at;
        at += cells[i].len;
    }
    if (key.len) {
        memcpy(block + at, key.data, key.len);
        row->key = rh_text_make(block + at, key.len);
    }
    return row;
}

struct mem_row *mem_row_ref(struct mem_row *row)
{
    row->refs++;
    return row;
}

void mem_row_unref(struct mem_row *row)
{
    if (row && --row->refs == 0)
        free(row);
}

bool mem_value_equal(const struct rh_value *a, const struct rh_value *b)
{
    if (a->type != b->type || a->type <= RH_TYPE_NULL)
        return false;
    if (a->type == RH_TYPE_FLOAT)
        return a->as.f == b->as.f || (isnan(a->as.f) && isnan(b->as.f));
    if (a->type == RH_TYPE_DECIMAL)
        return rh_decimal_compare(bytes_of(a), bytes_of(b)) == 0;
    if (mem_value_has_bytes(a))
        return rh_text_equal(bytes_of(a), bytes_of(b));
    return a->as.i == b->as.i;
}

/* The digits that carry the value: "-007.50" as "-7.5", any zero as "". */
static void encode_decimal(struct rh_buf *buf, struct rh_text text)
{
    bool negative = text.data[0] == '-';
    const char *at = text.data + negative, *end = text.data + text.len;
    while (at < end && *at == '0')
        at++;
    if (memchr(at, '.', (size_t)(end - at))) {
        while (end[-1] == '0')
            end--;
        if (end[-1] == '.')
            end--;
    }
    uint32_t len = (uint32_t)(end - at);
    rh_buf_add(buf, &len, sizeof len);
    if (len)
        rh_buf_add_char(buf, negative ? '-' : '+');
    rh_buf_add(buf, at, len);
}

bool mem_value_encode(struct rh_buf *buf, const struct rh_value *value)
{
    if (value->type <= RH_TYPE_NULL)
        return false;
    if (value->type == RH_TYPE_DECIMAL) {
        encode_decimal(buf, bytes_of(value));
    } else if (mem_value_has_bytes(value)) {
        rh_buf_add(buf, &value->len, sizeof value->len);
        rh_buf_add_text(buf, bytes_of(value));
    } else if (value->type == RH_TYPE_FLOAT) {
        double f = isnan(value->as.f) ? NAN : value->as.f + 0.0; /* one NaN, one zero */
        rh_buf_add(buf, &f, sizeof f);
    } else {
        rh_buf_add(buf, &value->as.i, sizeof value->as.i);
    }
    return true;
}
