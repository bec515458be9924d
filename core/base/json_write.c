/*
 * Writing JSON onto a buffer. Strings go out in stretches of text that stands for itself.
 */
#include "base/json.h"

#include "base/json_scan.h"
#include "base/number.h"

#include <math.h>

/* One byte that may not stand in a string as it is. */
static void add_escape(struct rh_buf *buf, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    if (c >= 0x80) {
        rh_buf_add_str(buf, "\xef\xbf\xbd");
        return;
    }
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
    const char *at = text.data ? text.data : "";
    const char *end = at + text.len;
    rh_buf_add_char(buf, '"');
    while (at < end && !buf->failed) {
        const char *stop = rh_json_plain_end(at, end);
        rh_buf_add(buf, at, (size_t)(stop - at));
        if (stop < end)
            add_escape(buf, (unsigned char)*stop++);
        at = stop;
    }
    rh_buf_add_char(buf, '"');
}

void rh_json_add_f64(struct rh_buf *buf, double value)
{
    char text[RH_NUMBER_F64_SIZE];
    if (isfinite(value))
        rh_buf_add(buf, text, rh_number_from_f64(value, text));
    else
        rh_buf_add_str(buf, "null");
}

void rh_json_add_key(struct rh_buf *buf, const char *name)
{
    rh_json_add_string(buf, rh_text_of(name));
    rh_buf_add_char(buf, ':');
}
