/*
 * What plugins/redis does with servers that fail: a scripted one answers the commands of a
 * connection with the texts that a test gives it.
 */
#include "redis_test.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* After the greeting. NULL: the connection ends. "…": says nothing more. Else sent as it is. */
static const char *const *script;
static const char *greeting = "+OK\r\n$11\r\nredis_mode:\r\n";
static int listener = -1;

/* One command: "*n" and n times "$len". False at the end of the stream. */
static bool read_command(FILE *peer)
{
    char line[64];
    long n;

    if (!fgets(line, sizeof(line), peer) || line[0] != '*')
        return false;
    for (n = strtol(line + 1, NULL, 10); n > 0; n--) {
        long len;

        if (!fgets(line, sizeof(line), peer) || line[0] != '$')
            return false;
        for (len = strtol(line + 1, NULL, 10) + 2; len > 0; len--)
            if (fgetc(peer) == EOF)
                return false;
    }
    return true;
}

static void say(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void *serve(void *context)
{
    int fd = accept(listener, NULL, NULL);
    FILE *peer = fdopen(fd, "r");
    const char *const *at = script;
    const char *last = "";
    bool silent = false;

    read_command(peer);
    say(fd, greeting);
    read_command(peer);
    while (read_command(peer)) {
        if (silent)
            continue;
        if (!*at)
            break;
        if (strcmp(*at, "again") == 0) {
            say(fd, last);
            continue;
        }
        last = *at;
        silent = strcmp(*at, "…") == 0;
        if (strncmp(*at, "flood", 5) == 0)
            for (int i = 0;
                 i < 4000 && send(fd, "$600000000\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 48,
                                  MSG_NOSIGNAL) > 0;
                 i++) {
                static char many[65536];
                if (send(fd, many, sizeof(many), MSG_NOSIGNAL) <= 0)
                    break;
            }
        else if (!silent)
            say(fd, *at);
        at++;
    }
    fclose(peer);
    return context;
}

/* Connects to a server that answers as the script says. */
static pthread_t begin(const char *const *answers)
{
    static const char tables[] = "[{\"name\":\"s\",\"pattern\":\"s:{code}\",\"kind\":\"string\"},"
                                 "{\"name\":\"h\",\"pattern\":\"h:{code}\",\"kind\":\"hash\","
                                 "\"columns\":[{\"name\":\"n\"}]}]";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    pthread_t thread;
    int rc;

    load();
    script = answers;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
    rc =
        connect_to(rh_arena_printf(arena, "redis://127.0.0.1:%d", ntohs(address.sin_port)), tables);
    ck_assert_msg(rc == RH_OK || !conn, "%s", error.message);
    return thread;
}

static void end(pthread_t thread)
{
    unload();
    pthread_join(thread, NULL);
    close(listener);
}

static void reads_as(const char *const *answers, int error_class)
{
    pthread_t thread = begin(answers);
    int rc;

    ck_assert_ptr_nonnull(conn);
    rc = try_rows("s", "code value ttl", op_for(1500, 0), NULL);
    ck_assert_msg(rc == error_class, "%s: %d, %s", answers[0], rc, error.message);
    end(thread);
}

#define ANSWERS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define KEYS(n, keys) "*2\r\n$1\r\n0\r\n*" n "\r\n" keys

START_TEST(refuses_what_is_no_protocol)
{
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\n\r\n",
        "*2\r\n$1\r\nx\r\n*0\r\n",
        "*2\r\n:0\r\n*0\r\n",
        "*1\r\n$1\r\n0\r\n",
        "*2\r\n$1\r\n0\r\n+OK\r\n",
        "$5\r\nhello\r\n",
        ":7\r\n",
        "$-1\r\n",
        KEYS("1", ":5\r\n"),
        KEYS("1", "*1\r\n$1\r\nx\r\n"),
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        "*2\r\n$-9\r\n",
        "$abc\r\n",
        "$99999999999999999999\r\n",
        "*99999999999999999999\r\n",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        reads_as(ANSWERS(texts[i]), RH_PROTOCOL);
}
END_TEST

START_TEST(survives_what_is_too_much)
{
    reads_as(ANSWERS("*2147483647\r\n"), RH_RESOURCE);
    reads_as(ANSWERS("*2\r\n$1\r\n0\r\n*999999999\r\n"), RH_RESOURCE);
    reads_as(ANSWERS("flood"), RH_RESOURCE);
}
END_TEST

START_TEST(tells_what_servers_say)
{
    reads_as(ANSWERS("-LOADING Redis is loading the dataset in memory\r\n"), RH_UNAVAILABLE);
    reads_as(ANSWERS("-BUSY Redis is busy running a script\r\n"), RH_BUSY);
    reads_as(ANSWERS("-MOVED 1 127.0.0.1:7000\r\n"), RH_UNSUPPORTED);
    reads_as(ANSWERS("-NOPERM this user has no permissions\r\n"), RH_PERMISSION);
    reads_as(ANSWERS("-NOAUTH Authentication required.\r\n"), RH_AUTH);
    reads_as(ANSWERS("-MASTERDOWN Link with MASTER is down\r\n"), RH_UNAVAILABLE);
    reads_as(ANSWERS(KEYS("1", "$3\r\ns:a\r\n"), ":-1\r\n", "-ERR \x01 odd\r\n"), RH_INVALID);
    reads_as(ANSWERS(KEYS("1", "$3\r\ns:a\r\n"), ":-1\r\n", "-WRONGTYPE Operation\r\n"), RH_OK);
    reads_as(ANSWERS(KEYS("1", "$3\r\ns:a\r\n"), ":-2\r\n", "$-1\r\n"), RH_OK);
    reads_as(ANSWERS(KEYS("1", "$3\r\ns:a\r\n"), ":-1\r\n", ":7\r\n"), RH_PROTOCOL);
}
END_TEST

START_TEST(ends_with_its_server)
{
    reads_as(ANSWERS("*2\r\n$1\r\n0\r\n*1\r\n$3\r\ns"), RH_TIMEOUT);
    reads_as(ANSWERS("…"), RH_TIMEOUT);
    reads_as(ANSWERS("*2\r\n$1\r\n7\r\n*0\r\n", "again"), RH_TIMEOUT); /* a scan without end */
    reads_as(ANSWERS(KEYS("1", "$3\r\ns:a\r\n")), RH_UNAVAILABLE);
    reads_as(ANSWERS(KEYS("1", "$3\r\ns:a\r\n"), ":-1\r\n"), RH_UNAVAILABLE);
}
END_TEST

static int writes(const char *const *answers)
{
    pthread_t thread = begin(answers);
    int rc;

    ck_assert_ptr_nonnull(conn);
    rc = put(library->write.insert, "s", "code value", 0, "a|x");
    end(thread);
    return rc;
}

#define LOOKED "+OK\r\n", "+none\r\n"

START_TEST(knows_what_it_has_written)
{
    ck_assert_int_eq(writes(ANSWERS(LOOKED, "+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n", "+QUEUED\r\n",
                                    "*3\r\n+OK\r\n:-1\r\n$1\r\nx\r\n")),
                     RH_OK);
    ck_assert_int_eq(writes(ANSWERS(LOOKED, "+OK\r\n")), RH_UNKNOWN_OUTCOME);
    ck_assert_int_eq(
        writes(ANSWERS(LOOKED, "+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n", "+QUEUED\r\n")),
        RH_UNKNOWN_OUTCOME);
    ck_assert_int_eq(error.retry, RH_RETRY_IF_IDEMPOTENT);
    ck_assert_int_eq(writes(ANSWERS(LOOKED, "+OK\r\n", "-OOM command not allowed\r\n",
                                    "+QUEUED\r\n", "+QUEUED\r\n", "-EXECABORT discarded\r\n")),
                     RH_RESOURCE);
    ck_assert_int_eq(writes(ANSWERS(LOOKED, "+OK\r\n", "-READONLY You can't write\r\n",
                                    "+QUEUED\r\n", "+QUEUED\r\n", "-EXECABORT discarded\r\n")),
                     RH_PERMISSION);
    ck_assert_int_eq(writes(ANSWERS("+OK\r\n")), RH_UNAVAILABLE);
    ck_assert_int_eq(writes(ANSWERS("-NOPERM no WATCH\r\n", "+none\r\n", "+OK\r\n")),
                     RH_PERMISSION);
}
END_TEST

START_TEST(gives_way_to_others)
{
    const char *const again[] = {LOOKED,        "+OK\r\n",     "+QUEUED\r\n",
                                 "+QUEUED\r\n", "+QUEUED\r\n", "*-1\r\n"};
    const char *answers[8 * 7 + 1] = {NULL};

    for (size_t i = 0; i < 8 * 7; i++)
        answers[i] = again[i % 7];
    ck_assert_int_eq(writes(answers), RH_CONFLICT);
    ck_assert_int_eq(error.retry, RH_RETRY_SAFE);
}
END_TEST

START_TEST(refuses_a_cluster)
{
    pthread_t thread;

    greeting = "+OK\r\n$19\r\ncluster_enabled:1\r\n\r\n";
    thread = begin(ANSWERS("+OK\r\n"));
    ck_assert_ptr_null(conn);
    ck_assert_int_eq(error.error_class, RH_UNSUPPORTED);
    end(thread);
}
END_TEST

size_t add_bad_tests(const TTest **to)
{
    const TTest *const tests[] = {refuses_what_is_no_protocol,
                                  survives_what_is_too_much,
                                  tells_what_servers_say,
                                  ends_with_its_server,
                                  knows_what_it_has_written,
                                  gives_way_to_others,
                                  refuses_a_cluster};

    memcpy(to, tests, sizeof(tests));
    return sizeof(tests) / sizeof(tests[0]);
}
