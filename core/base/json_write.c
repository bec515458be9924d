/*
 * Writing JSON onto a buffer.
 *
 * Strings go out in stretches: eight bytes at a time are looked at for one that needs care
 * (control character, quote, backslash, anything not ASCII), and what needs none is copied whole.
 */
#include "base/json.h"

#include "base/number.h"
#include "base/text.h"

#include <math.h>

/* High bit set in every byte of the word that is below 0x20, '"', '\\' or above 0x7f. */
static inline uint64_t special_bytes(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t highs = 0x8080808080808080u;
    uint64_t quote = word ^ (ones * '"');
    uint64_t backslash = word ^ (ones * '\\');
    return ((word - ones * 0x20) | (quote - ones) | (backslash - ones) | word) & highs;
}

static inline bool is_special(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c > 0x7f;
}

/* The end of the stretch at `at` that may be copied as it is. */
static const char *plain_end(const char *at, const char *end)
{
    uint64_t word;
    while ((size_t)(end - at) >= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        if (special_bytes(word))
            break;
        at += sizeof(word);
    }
    while (at < end && !is_special((unsigned char)*at))
        at++;
    return at;
}

/* One ASCII character that may not stand in a string as it is. */
static void add_escape(struct rh_buf *buf, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (const char *pair = letters; *pair; pair += 2) {
        if ((unsigned char)pair[0] == c) {
            char escape[2] = {'\\', pair[1]};
            rh_buf_add(buf, escape, sizeof(escape));
            return;
        }
    }
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    rh_buf_add(buf, escape, sizeof(escape));
}

void rh_json_add_string(struct rh_buf *buf, struct rh_text text)
{
    const char *at = text.data;
    const char *end = at + text.len;
    rh_buf_add_char(buf, '"');
    while (at < end) {
        const char *stop = plain_end(at, end);
        /* Well-formed sequences belong to the stretch. */
        while (stop < end && (unsigned char)*stop > 0x7f) {
            unsigned step = rh_text_utf8_step(stop, (size_t)(end - stop));
            if (!step)
                break;
            stop += step;
        }
        rh_buf_add(buf, at, (size_t)(stop - at));
        at = stop;
        if (at == end || buf->failed)
            break;
        unsigned char c = (unsigned char)*at;
        if (c > 0x7f) {
            rh_buf_add(buf, "\xef\xbf\xbd", 3);
            at++;
        } else if (is_special(c)) {
            add_escape(buf, c);
            at++;
        }
    }
    rh_buf_add_char(buf, '"');
}

void rh_json_add_f64(struct rh_buf *buf, double value)
{
    char text[RH_NUMBER_F64_SIZE];
    if (isfinite(value))
        rh_buf_add(buf, text, rh_number_from_f64(value, text));
    else
        rh_buf_add(buf, "null", 4);
}

void rh_json_add_key(struct rh_buf *buf, const char *name)
{
    rh_json_add_string(buf, rh_text_of(name));
    rh_buf_add_char(buf, ':');
}
