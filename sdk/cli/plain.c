/* Control characters are those of C0, DEL and C1 (ECMA-48); the two line separators of Unicode and
 * the marks that change the direction of what follows are taken for such too. */
#include "cli/plain.h"

#include <utf8proc.h>

static bool is_control(utf8proc_int32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* The next character and its bytes, at least one; -1: not UTF-8. */
static size_t next_character(struct rh_text text, size_t at, utf8proc_int32_t *ret_character)
{
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text.data + at,
                                          (utf8proc_ssize_t)(text.len - at), ret_character);
    if (n > 0)
        return (size_t)n;
    *ret_character = -1;
    return 1;
}

void rh_plain_add(struct rh_buf *buf, struct rh_text text)
{
    utf8proc_int32_t c;
    for (size_t at = 0, n; at < text.len; at += n) {
        n = next_character(text, at, &c);
        if (c < 0)
            rh_buf_add_str(buf, "\xef\xbf\xbd");
        else if (is_control(c))
            rh_buf_add_char(buf, ' ');
        else
            rh_buf_add(buf, text.data + at, n);
    }
}

void rh_plain_print(FILE *to, struct rh_text text, size_t width)
{
    struct rh_buf buf;
    rh_buf_init(&buf, (size_t)1 << 20);
    rh_plain_add(&buf, text);
    struct rh_text plain = rh_buf_text(&buf);
    fwrite(plain.data, 1, plain.len, to);
    for (size_t i = rh_plain_width(plain); i < width; i++)
        fputc(' ', to);
    rh_buf_free(&buf);
}

size_t rh_plain_width(struct rh_text text)
{
    size_t width = 0;
    utf8proc_int32_t c;
    for (size_t at = 0; at < text.len;) {
        at += next_character(text, at, &c);
        int columns = c < 0 ? 1 : utf8proc_charwidth(c);
        width += columns > 0 ? (size_t)columns : 0;
    }
    return width;
}
