/* core/base/log.h */
#include "base/log.h"

#include "base/text.h"
#include "lib/tests.h"

#include <errno.h>
#include <unistd.h>

static int reader;
static char text[20000];

/* stderr goes into a pipe from here on. */
static void capture(void)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
    reader = ends[0];
}

/* What one read gets: one write of at most PIPE_BUF. */
static struct rh_text captured(void)
{
    ssize_t n = read(reader, text, sizeof(text) - 1);
    ck_assert_int_gt(n, 0);
    text[n] = '\0';
    return rh_text_make(text, (size_t)n);
}

START_TEST(writes_one_line)
{
    capture();
    errno = 77;
    rh_log(RH_LOG_WARN, "pool crm", "%d connections", 3);
    ck_assert_int_eq(errno, 77);
    struct rh_text line = captured();
    ck_assert(rh_text_ends(line, "Z warn pool crm 3 connections\n"));
    ck_assert_uint_eq(strspn(line.data, "0123456789-T:.Z"), 24);
    rh_log(9, "server", "is dropped");
    rh_log(RH_LOG_DEBUG, "server", "is dropped");
    rh_log_set_level(RH_LOG_DEBUG);
    rh_log(RH_LOG_DEBUG, "server", "is kept");
    ck_assert(rh_text_ends(captured(), "Z debug server is kept\n"));
    rh_log_set_level(RH_LOG_ERROR);
    rh_log(RH_LOG_WARN, "server", "is dropped");
    rh_log(RH_LOG_ERROR, "server", "last");
    ck_assert(rh_text_ends(captured(), "Z error server last\n"));
}
END_TEST

START_TEST(escapes_what_a_terminal_would_obey)
{
    capture();
    rh_log(RH_LOG_INFO, "a\nb", "%s", "x\r\n\x1b[2J\x7f \xc2\x9b ä€😀 \xff\xc3 \xc2\xa0\t");
    ck_assert(rh_text_ends(captured(), "Z info a\\x0ab x\\x0d\\x0a\\x1b[2J\\x7f \\xc2\\x9b ä€😀 "
                                       "\\xff\\xc3 \xc2\xa0\\x09\n"));
}
END_TEST

START_TEST(cuts_long_lines)
{
    static char long_text[9000];
    capture();
    for (size_t n = 4040; n < 4110; n++) {
        for (size_t i = 0; i + 3 <= n; i += 3)
            memcpy(long_text + i, "€", 3);
        long_text[n - n % 3] = '\0';
        rh_log(RH_LOG_INFO, "c", "%s", long_text);
        struct rh_text line = captured();
        ck_assert_uint_le(line.len, 4096);
        ck_assert_uint_gt(line.len, 4040);
        ck_assert(rh_text_is_utf8(line));
        ck_assert(rh_text_ends(line, "…\n") == (n - n % 3 > 4056));
    }
    memset(long_text, '\n', 8000);
    rh_log(RH_LOG_INFO, "c", "%s", long_text);
    ck_assert(rh_text_ends(captured(), "\\x0a…\n"));
}
END_TEST

TESTS_MAIN("log", writes_one_line, escapes_what_a_terminal_would_obey, cuts_long_lines)
