/* What the JSON reader and writer share: finding the end of text that stands for itself. */
#pragma once

#include "base/text.h"

#include <stdint.h>

/*
 * The first byte from `at` on that is a control character, a quote, a backslash or not part of
 * well-formed UTF-8; `end` when there is none.
 *
 * Eight bytes at a time: each of the three subtractions sets the high bit of the bytes that are
 * too small, and a borrow can spoil only bytes behind the first hit, which alone is used.
 */
static inline const char *rh_json_plain_end(const char *at, const char *end)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t highs = 0x8080808080808080u;
    while (at < end) {
        uint64_t word;
        if ((size_t)(end - at) >= sizeof(word)) {
            memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            word = __builtin_bswap64(word);
#endif
            uint64_t hits = ((word - ones * 0x20) | ((word ^ (ones * '"')) - ones) |
                             ((word ^ (ones * '\\')) - ones) | word) &
                            highs;
            if (!hits) {
                at += sizeof(word);
                continue;
            }
            at += __builtin_ctzll(hits) / 8;
        }
        unsigned char c = (unsigned char)*at;
        if (c < 0x20 || c == '"' || c == '\\')
            return at;
        unsigned step = c < 0x80 ? 1 : rh_text_utf8_step(at, (size_t)(end - at));
        if (!step)
            return at;
        at += step;
    }
    return end;
}
