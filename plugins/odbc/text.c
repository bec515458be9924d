/*
 * See text.h. Rejected: iconv, which needs a descriptor per connection and stops at the first
 * surrogate without its other half.
 */
#include "text.h"

#include "base/text.h"

bool rh_odbc_to_utf16(struct rh_text text, uint16_t *to, size_t *ret_units)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t left = text.len, n = 0;

    while (left) {
        unsigned step = rh_text_utf8_step((const char *)at, left);
        uint32_t c = 0;
        switch (step) {
        case 1:
            c = at[0];
            break;
        case 2:
            c = ((at[0] & 0x1fu) << 6) | (at[1] & 0x3fu);
            break;
        case 3:
            c = ((at[0] & 0x0fu) << 12) | ((at[1] & 0x3fu) << 6) | (at[2] & 0x3fu);
            break;
        case 4:
            c = ((at[0] & 0x07u) << 18) | ((at[1] & 0x3fu) << 12) | ((at[2] & 0x3fu) << 6) |
                (at[3] & 0x3fu);
            break;
        default:
            return false;
        }
        if (c >= 0x10000) {
            c -= 0x10000;
            to[n++] = (uint16_t)(0xd800u | (c >> 10));
            to[n++] = (uint16_t)(0xdc00u | (c & 0x3ffu));
        } else {
            to[n++] = (uint16_t)c;
        }
        at += step;
        left -= step;
    }
    *ret_units = n;
    return true;
}

static size_t put(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0u | (c >> 6));
        to[1] = (char)(0x80u | (c & 0x3fu));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0u | (c >> 12));
        to[1] = (char)(0x80u | ((c >> 6) & 0x3fu));
        to[2] = (char)(0x80u | (c & 0x3fu));
        return 3;
    }
    to[0] = (char)(0xf0u | (c >> 18));
    to[1] = (char)(0x80u | ((c >> 12) & 0x3fu));
    to[2] = (char)(0x80u | ((c >> 6) & 0x3fu));
    to[3] = (char)(0x80u | (c & 0x3fu));
    return 4;
}

size_t rh_odbc_to_utf8(const uint16_t *units, size_t n, char *to)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t c = units[i];
        bool high = c >= 0xd800 && c < 0xdc00, low = c >= 0xdc00 && c < 0xe000;
        if (high && i + 1 < n && units[i + 1] >= 0xdc00 && units[i + 1] < 0xe000)
            c = 0x10000u + ((c & 0x3ffu) << 10) + (units[++i] & 0x3ffu);
        else if (high || low)
            c = 0xfffd;
        len += put(to + len, c);
    }
    return len;
}
