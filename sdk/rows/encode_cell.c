/* Cells as plain text. */
#include "rows/encode_cell.h"

#include "base/number.h"
#include "connector/civil.h"

#include <math.h>
#include <string.h>

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static char *put_u64(char *to, uint64_t value)
{
    char digits[20];
    char *at = digits + sizeof(digits);

    while (value >= 100) {
        at -= 2;
        memcpy(at, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        memcpy(at, pairs + value * 2, 2);
    } else {
        *--at = (char)('0' + value);
    }
    memcpy(to, at, (size_t)(digits + sizeof(digits) - at));
    return to + (digits + sizeof(digits) - at);
}

static char *put_i64(char *to, int64_t value)
{
    if (value >= 0)
        return put_u64(to, (uint64_t)value);
    *to++ = '-';
    return put_u64(to, 0 - (uint64_t)value);
}

static char *put_word(char *to, const char *word)
{
    size_t n = strlen(word);

    memcpy(to, word, n);
    return to + n;
}

static char *put_f64(char *to, double value)
{
    if (isnan(value))
        return put_word(to, "NaN");
    if (isinf(value))
        return put_word(to, value < 0 ? "-Infinity" : "Infinity");
    return to + rh_number_from_f64(value, to);
}

static char *put_uuid(char *to, const unsigned char *bytes)
{
    static const char hex[] = "0123456789abcdef";

    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = hex[bytes[i] >> 4];
        *to++ = hex[bytes[i] & 15];
    }
    return to;
}

static char *put_interval(char *to, const void *data)
{
    struct rh_interval interval;

    memcpy(&interval, data, sizeof(interval));
    return to + rh_civil_format_interval(to, &interval);
}

char *rh_encode_fixed(char *to, const struct rh_value *cell)
{
    switch (cell->type) {
    case RH_TYPE_BOOL:
        return put_word(to, cell->as.i ? "true" : "false");
    case RH_TYPE_INT:
        return put_i64(to, cell->as.i);
    case RH_TYPE_UINT:
        return put_u64(to, cell->as.u);
    case RH_TYPE_FLOAT:
        return put_f64(to, cell->as.f);
    case RH_TYPE_DATE:
        return to + rh_civil_format_date(to, cell->as.i);
    case RH_TYPE_TIME:
        return to + rh_civil_format_time(to, cell->as.i);
    case RH_TYPE_DATETIME:
        return to + rh_civil_format_datetime(to, cell->as.i);
    case RH_TYPE_TIMESTAMP:
        return to + rh_civil_format_timestamp(to, cell->as.i);
    case RH_TYPE_INTERVAL:
        return put_interval(to, cell->as.data);
    case RH_TYPE_UUID:
        return put_uuid(to, cell->as.data);
    default:
        return to;
    }
}

void rh_encode_base64(struct rh_buf *buf, struct rh_text bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = (const unsigned char *)bytes.data;
    size_t n = bytes.len;
    char *to = rh_buf_reserve(buf, (n + 2) / 3 * 4);

    if (!to)
        return;
    for (; n >= 3; n -= 3, from += 3) {
        *to++ = letters[from[0] >> 2];
        *to++ = letters[(from[0] & 3u) << 4 | from[1] >> 4];
        *to++ = letters[(from[1] & 15) << 2 | from[2] >> 6];
        *to++ = letters[from[2] & 63];
    }
    if (n) {
        unsigned second = n == 2 ? from[1] : 0U;
        *to++ = letters[from[0] >> 2];
        *to++ = letters[(from[0] & 3u) << 4 | second >> 4];
        *to++ = n == 2 ? letters[(second & 15u) << 2] : '=';
        *to++ = '=';
    }
    buf->len = (size_t)(to - buf->data);
}
