/*
 * rowhouse connector check: whether a connector keeps to the ABI and to what it claims.
 */
#include "cli/connector.h"

#include "base/err.h"
#include "base/rand.h"
#include "base/text.h"
#include "connector/conformance/conformance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE_BYTES ((size_t)16 << 20)
#define MAX_REPORT_BYTES ((size_t)64 << 20)
#define DEFAULT_QUERIES 150
#define DEFAULT_TIMEOUT_S 60

static const struct rh_cli_option options[] = {
    {"config", "FILE", "where the connector finds a source to be tested on (JSON)", false},
    {"suite", "NAME", "only this suite (may be repeated)", true},
    {"test", "SUITE/NAME", "only this test (may be repeated)", true},
    {"isolated", NULL, "run the connector in a process of its own", false},
    {"certify", NULL, "both ways, and nothing may stay unproven", false},
    {"deviations", "FILE", "tests that may fail, each with the reason (JSON)", false},
    {"format", "text|tap|junit|json", "of the report; text by default", false},
    {"output", "FILE", "where the report goes; the summary is shown", false},
    {"seed", "N", "of the random queries; another one each time by default", false},
    {"queries", "N", "random queries per test; 150 by default", false},
    {"timeout", "SECONDS", "of one test; 60 by default", false},
    {"list", NULL, "show all tests and the rule that each one proves", false},
    {0},
};

static const char help[] =
    "Every test runs in a process of its own, so that a connector that crashes or hangs fails one\n"
    "test and no more. Without --config only what needs no source is tested. The configuration:\n"
    "\n"
    "  {\"settings\": {\"url\": \"postgres://me:secret@db.example/test\"},\n"
    "   \"wrong_credentials\": {\"url\": \"postgres://me:wrong@db.example/test\"},\n"
    "   \"unreachable\": {\"url\": \"postgres://me@127.0.0.1:1/test\"},\n"
    "   \"through\": {\"to\": \"db.example:5432\",\n"
    "               \"settings\": {\"url\": \"postgres://me:secret@{host}:{port}/test\"}},\n"
    "   \"slow\": \"SELECT pg_sleep(600)\",\n"
    "   \"echo\": \"SELECT $1::text\"}\n"
    "\n"
    "\"through\" is the same source through a proxy of the suite, which then drops, delays and "
    "cuts\n"
    "what goes over it. null says that a source has no such thing: a file has no credentials. The\n"
    "suite makes tables that begin with rh_check_ and drops them again. For a source that cannot "
    "make\n"
    "tables, \"tables\" says which rows are there, and \"writable\": {\"table\": \"scratch\", "
    "\"key\": \"id\",\n"
    "\"number\": \"n\", \"text\": \"s\"} gives it one to write to, whose rows are lost. Where the "
    "source\n"
    "generates keys, \"identity\" names their column, and \"key\" any other one.\n"
    "\n"
    "Feeds are followed there, too. Of a source that tells only of rows that are added, \"log\":\n"
    "{\"table\": \"events\", \"number\": \"n\", \"text\": \"s\"} is the table that is added to.\n"
    "\n"
    "Levels: LOADABLE (loads, keeps to the ABI), READ, WRITE, CERTIFIED (with --certify).\n"
    "Exit status: 0 the connector reaches the level that it claims; 1 it does not; 2 usage.\n"
    "\n"
    "Examples:\n"
    "  rowhouse connector check ./acme.so\n"
    "  rowhouse connector check ./acme.so --config acme.json\n"
    "  rowhouse connector check ./acme.so --config acme.json --test cursors/end\n"
    "  rowhouse connector check ./acme.so --config acme.json --certify --format junit "
    "--output acme.xml\n";

/* ---- Reading what was asked ------------------------------------------------------------------ */

static bool read_file(const char *path, struct rh_buf *buf)
{
    FILE *file = path ? fopen(path, "re") : NULL;
    size_t n = 1;

    if (!path)
        return true;
    if (!file) {
        fprintf(stderr, "rowhouse: cannot read %s: %s\n", path, strerror(errno));
        return false;
    }
    while (n) {
        char *room = rh_buf_reserve(buf, 4096);
        n = room ? fread(room, 1, 4096, file) : 0;
        buf->len += n;
    }
    if (ferror(file) || buf->failed)
        fprintf(stderr, "rowhouse: cannot read %s: %s\n", path,
                buf->failed ? "it is too large" : strerror(errno));
    n = ferror(file) || buf->failed;
    fclose(file);
    return n == 0;
}

static bool read_number(const struct rh_cli_words *words, const char *name, uint64_t least,
                        uint64_t most, uint64_t *value)
{
    const char *text = rh_cli_value(words, name);
    uint64_t number = 0;

    if (!text)
        return true;
    if (!rh_text_to_u64(rh_text_of(text), &number) || number < least || number > most) {
        fprintf(stderr, "rowhouse connector check: --%s is a number from %llu to %llu\n", name,
                (unsigned long long)least, (unsigned long long)most);
        return false;
    }
    *value = number;
    return true;
}

static void read_only_these(const struct rh_cli_words *words, const char **names, uint32_t *ret_n)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < words->n_given; i++)
        if (strcmp(words->given[i].option->name, "suite") == 0 ||
            strcmp(words->given[i].option->name, "test") == 0)
            names[n++] = words->given[i].value;
    *ret_n = n;
}

/* ---- Telling --------------------------------------------------------------------------------- */

struct progress {
    bool is_terminal;
    bool certify;
};

static void show_progress(void *context, const char *suite, const char *name,
                          const struct rh_conformance_result *result)
{
    const struct progress *progress = context;
    const char *clear = progress->is_terminal ? "\r\033[K" : "";
    bool costs_level =
        result && (rh_conformance_is_bad(result) ||
                   (progress->certify && result->outcome == RH_CONFORMANCE_UNPROVEN));

    if (costs_level)
        fprintf(stderr, "%s%-11s %s/%s%s: %s\n", clear, rh_conformance_outcome_name(result), suite,
                name, result->isolated ? " (isolated)" : "", result->message);
    else if (!result && progress->is_terminal)
        fprintf(stderr, "%s%s/%s", clear, suite, name);
}

/* To the file, with a summary on stderr; or to stdout. */
static int tell(const struct rh_conformance_report *report, const char *format, const char *path)
{
    struct rh_buf buf;
    FILE *to = path ? fopen(path, "we") : stdout;
    bool written;

    rh_buf_init(&buf, MAX_REPORT_BYTES);
    rh_conformance_write(report, format, &buf);
    written = to && !buf.failed && fwrite(buf.data, 1, buf.len, to) == buf.len;
    if (path && to && fclose(to) != 0)
        written = false;
    if (!written)
        fprintf(stderr, "rowhouse: cannot write the report: %s\n", strerror(errno));
    rh_buf_clear(&buf);
    rh_conformance_write_summary(report, &buf);
    if (path && !buf.failed)
        fwrite(buf.data, 1, buf.len, stderr);
    rh_buf_free(&buf);
    return written && report->passed ? RH_CLI_OK : RH_CLI_FAILED;
}

static bool is_format(const char *format)
{
    static const char *const formats[] = {"text", "tap", "junit", "json"};

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i], format) == 0)
            return true;
    fprintf(stderr,
            "rowhouse connector check: there is no format \"%s\"; there are text, tap, "
            "junit and json\n",
            format);
    return false;
}

/* ---- Running --------------------------------------------------------------------------------- */

static int list(void)
{
    struct rh_buf buf;

    rh_buf_init(&buf, MAX_REPORT_BYTES);
    rh_conformance_list(&buf);
    fwrite(buf.data, 1, buf.len, stdout);
    rh_buf_free(&buf);
    return RH_CLI_OK;
}

static int check(const struct rh_cli_words *words, struct rh_conformance_options *asked)
{
    const char *format = rh_cli_value(words, "format"), *output = rh_cli_value(words, "output");
    struct progress progress = {isatty(STDERR_FILENO), asked->certify};
    struct rh_conformance_report report;
    struct rh_error error = RH_ERROR_INIT;
    int status;

    format = format ? format : "text";
    if (!is_format(format))
        return RH_CLI_USAGE;
    if (access(asked->path, R_OK) != 0) {
        rh_fail(&error, RH_NOT_FOUND, "%s: %s", asked->path, strerror(errno));
        rh_cli_fail(&error);
        return RH_CLI_USAGE;
    }
    if (rh_conformance_run(asked, show_progress, &progress, &report, &error) != RH_OK) {
        rh_cli_fail(&error);
        return error.error_class == RH_INVALID ? RH_CLI_USAGE : RH_CLI_FAILED;
    }
    if (progress.is_terminal)
        fputs("\r\033[K", stderr);
    status = tell(&report, format, output);
    rh_conformance_report_free(&report);
    return status;
}

static int run(struct rh_cli *cli, const struct rh_cli_words *words)
{
    const char *only[RH_CLI_MAX_VALUES];
    struct rh_conformance_options asked = {.path = words->operands[0], .only = only};
    struct rh_buf config, deviations;
    uint64_t queries = DEFAULT_QUERIES, timeout_s = DEFAULT_TIMEOUT_S;
    int status = RH_CLI_USAGE;

    if (rh_cli_value(words, "list"))
        return list();
    if (!asked.path) {
        fputs("rowhouse connector check: needs FILE\nTry: rowhouse connector check --help\n",
              stderr);
        return RH_CLI_USAGE;
    }
    rh_buf_init(&config, MAX_FILE_BYTES);
    rh_buf_init(&deviations, MAX_FILE_BYTES);
    asked.seed = rh_rand_u64() >> 32;
    read_only_these(words, only, &asked.n_only);
    if (!read_file(rh_cli_value(words, "config"), &config) ||
        !read_file(rh_cli_value(words, "deviations"), &deviations) ||
        !read_number(words, "seed", 0, UINT64_MAX, &asked.seed) ||
        !read_number(words, "queries", 1, 1000000, &queries) ||
        !read_number(words, "timeout", 1, 86400, &timeout_s))
        goto out;
    if (rh_cli_value(words, "config"))
        asked.config = rh_buf_text(&config);
    if (rh_cli_value(words, "deviations"))
        asked.deviations = rh_buf_text(&deviations);
    asked.isolated = rh_cli_value(words, "isolated") != NULL;
    asked.certify = rh_cli_value(words, "certify") != NULL;
    asked.n_queries = (uint32_t)queries;
    asked.timeout_ms = (uint32_t)timeout_s * 1000;
    status = check(words, &asked);
out:
    rh_buf_free(&config);
    rh_buf_free(&deviations);
    return status;
}

const struct rh_cli_command rh_cli_connector_check = {
    .name = "connector check",
    .operands = "FILE",
    .min_operands = 0,
    .max_operands = 1,
    .summary = "test a connector against the rules of its ABI",
    .help = help,
    .options = options,
    .run = run,
};
