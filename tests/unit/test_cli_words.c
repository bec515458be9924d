/* Words of the command line, with what they complain about on stderr kept in a file. */
#include "lib/tests.h"

#include "cli/plain.c"
#include "cli/words.c"

#include <stdlib.h>
#include <unistd.h>

static const struct rh_cli_option options[] = {{"where", "COND", "a condition", true},
                                               {"limit", "N", "rows", false},
                                               {"all", NULL, "every row", false},
                                               {0}};
static const struct rh_cli_command command = {.name = "query",
                                              .operands = "URL [TABLE]",
                                              .min_operands = 1,
                                              .max_operands = 2,
                                              .summary = "rows",
                                              .help = "Examples:\n",
                                              .options = options};

static struct rh_cli_words words;
static char told[4096];

/* Parses, and leaves in `told` what was said. */
static bool parse(int argc, const char *const *argv)
{
    static char *copies[80]; /* words borrows them until the next call */
    FILE *file = tmpfile();
    int old = dup(STDERR_FILENO);
    ck_assert_ptr_nonnull(file);
    ck_assert_int_le(argc, 80);
    for (int i = 0; i < argc; i++) {
        free(copies[i]);
        copies[i] = strdup(argv[i]);
    }
    dup2(fileno(file), STDERR_FILENO);
    bool ok = rh_cli_parse(&command, argc, copies, &words);
    fflush(stderr);
    dup2(old, STDERR_FILENO);
    close(old);
    rewind(file);
    told[fread(told, 1, sizeof(told) - 1, file)] = '\0';
    fclose(file);
    ck_assert_int_eq(ok, told[0] == '\0');
    return ok;
}

#define PARSE(...)                                                                                 \
    parse((int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                           \
          (const char *[]){__VA_ARGS__})
#define REFUSED(text, ...)                                                                         \
    do {                                                                                           \
        ck_assert(!PARSE(__VA_ARGS__));                                                            \
        ck_assert_msg(strstr(told, text) != NULL, "%s", told);                                     \
    } while (0)

START_TEST(options_and_operands_mix)
{
    ck_assert(PARSE("--limit", "5", "url", "--all", "table", "--where=a=eq.1", "--where", "b"));
    ck_assert_uint_eq(words.n_operands, 2);
    ck_assert_str_eq(words.operands[0], "url");
    ck_assert_str_eq(words.operands[1], "table");
    ck_assert_str_eq(rh_cli_value(&words, "limit"), "5");
    ck_assert_str_eq(rh_cli_value(&words, "all"), "");
    ck_assert_uint_eq(words.n_given, 4);
    ck_assert_str_eq(words.given[2].value, "a=eq.1");
    ck_assert_str_eq(rh_cli_value(&words, "where"), "b");
    ck_assert(PARSE("url"));
    ck_assert_ptr_null(rh_cli_value(&words, "limit"));
    ck_assert(PARSE("--limit=", "url"));
    ck_assert_str_eq(rh_cli_value(&words, "limit"), "");
    ck_assert(PARSE("--limit", "-5", "-"));
    ck_assert_str_eq(rh_cli_value(&words, "limit"), "-5");
    ck_assert_str_eq(words.operands[0], "-");
    ck_assert(PARSE("--", "--all", "-x"));
    ck_assert_ptr_null(rh_cli_value(&words, "all"));
    ck_assert_str_eq(words.operands[0], "--all");
}
END_TEST

START_TEST(mistakes_are_told)
{
    REFUSED("unknown option --limt; did you mean --limit?", "url", "--limt", "5");
    REFUSED("unknown option --nothing-like-it\n", "url", "--nothing-like-it");
    REFUSED("unknown option --x", "url", "-x");
    REFUSED("--limit needs a value (N)", "url", "--limit");
    REFUSED("--all takes no value", "url", "--all=yes");
    REFUSED("--limit was given twice", "url", "--limit", "1", "--limit", "2");
    REFUSED("too many words, at \"c\"", "a", "b", "c");
    REFUSED("needs URL [TABLE]", "--all");
    REFUSED("unknown option --", "url", "--=x");
}
END_TEST

START_TEST(options_have_a_limit)
{
    const char *many[67] = {"url"};
    for (int i = 1; i < 67; i++)
        many[i] = "--where=x";
    ck_assert(parse(65, many));
    ck_assert_uint_eq(words.n_given, 64);
    ck_assert(!parse(66, many));
    ck_assert_ptr_nonnull(strstr(told, "more than 64 options"));
}
END_TEST

START_TEST(help_lists_what_there_is)
{
    char *text = NULL;
    size_t n = 0;
    FILE *file = open_memstream(&text, &n);
    rh_cli_help(&command, file);
    fclose(file);
    ck_assert_ptr_nonnull(strstr(text, "Usage: rowhouse query URL [TABLE] [OPTIONS]"));
    ck_assert_ptr_nonnull(strstr(text, "--where COND"));
    ck_assert_ptr_nonnull(strstr(text, "--all  "));
    ck_assert_ptr_nonnull(strstr(text, "Examples:"));
    free(text);
}
END_TEST

/* ---- Plain text -------------------------------------------------------------------------- */

START_TEST(terminals_get_plain_text)
{
    static const struct {
        const char *text, *plain;
        size_t width;
    } cases[] = {
        {"", "", 0},
        {"abc", "abc", 3},
        {"a\tb\nc\x1b[31m\x7f", "a b c [31m ", 11},
        {"a\xc2\x9b"
         "31m",
         "a 31m", 5},
        {"a\xe2\x80\xae"
         "b",
         "a b", 3},
        {"日本", "日本", 4},
        {"e\xcc\x81", "e\xcc\x81", 1},
        {"a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b",
         3},
        {"cut \xe6\x97", "cut \xef\xbf\xbd\xef\xbf\xbd", 6},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rh_buf buf;
        rh_buf_init(&buf, 1000);
        rh_plain_add(&buf, rh_text_of(cases[i].text));
        char *plain = rh_buf_take(&buf);
        ck_assert_str_eq(plain, cases[i].plain);
        ck_assert_uint_eq(rh_plain_width(rh_text_of(plain)), cases[i].width);
        free(plain);
    }
}
END_TEST

TESTS_MAIN("cli_words", options_and_operands_mix, mistakes_are_told, options_have_a_limit,
           help_lists_what_there_is, terminals_get_plain_text)
