/*
 * rowhouse query: rows of one table, straight from a datasource.
 */
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"

#include "base/err.h"
#include "base/text.h"
#include "base/clock.h"
#include "rows/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct rh_cli_option options[] = {
    {"where", "COND", "a condition, total=gte.100 or {\"total\": {\"gte\": 100}}; repeat for AND",
     true},
    {"select", "COLUMNS", "id,total,status (default: all)", false},
    {"order", "COLUMNS", "-created_at,id (minus: descending)", false},
    {"limit", "N", "at most so many rows (default 100; with --all: none)", false},
    {"offset", "N", "leave out the first rows", false},
    {"all", NULL, "every row, streamed", false},
    {"group", "COLUMNS", "status,month:created_at.month", false},
    {"aggregate", "LIST", "n:count(*),sum_total:sum(total)", false},
    {"having", "COND", "(n.gt.10)", false},
    {"distinct", NULL, "leave out repeated rows", false},
    {"search", "TEXT", "rows with the text in any text column", false},
    {"count", NULL, "also tell how many rows there are in all", false},
    {"format", "FORMAT", "table, json, ndjson or csv (default table)", false},
    {"output", "FILE", "write there instead of to the terminal", false},
    {"explain", NULL, "tell what the source would do and what is left to do here", false},
    {"timeout", "SECONDS", "give up after (default: a day)", false},
    {0},
};

static const char help[] =
    "URL      postgres://user:password@host/database, sqlite:file.db, or the file alone\n"
    "TABLE    orders, or sales.orders where the source has schemas\n"
    "FORMAT   a table shows NULL by that name and control characters as spaces; the other formats\n"
    "         are exact\n"
    "\n"
    "Operators of a condition: eq ne lt lte gt gte between in nin like ilike starts ends contains\n"
    "matches null exists empty has has_all has_any, each after not. too.\n"
    "\n"
    "Examples:\n"
    "  rowhouse query shop.db orders --where total=gte.100 --order -total --limit 10\n"
    "  rowhouse query shop.db orders --where 'or=(status.eq.open,total.lt.5)' --format json\n"
    "  rowhouse query postgres://localhost/crm customers --all --format csv --output "
    "customers.csv\n"
    "  rowhouse query shop.db orders --group status --aggregate 'n:count(*),sum:sum(total)'\n";

/* Options that are parameters of the URL form under the same name. */
static const char *const url_options[] = {"select", "order",     "limit",  "offset",
                                          "group",  "aggregate", "having", "search"};
static const char *const url_switches[] = {"distinct", "count"};

/* ---- From words to a spec ---------------------------------------------------------------- */

static void add_encoded(struct rh_buf *buf, const char *text)
{
    for (; *text; text++) {
        if (strchr("%&+#", *text) || (unsigned char)*text < 0x21)
            rh_buf_addf(buf, "%%%02X", (unsigned)(unsigned char)*text);
        else
            rh_buf_add_char(buf, *text);
    }
}

static void add_parameter(struct rh_buf *buf, const char *name, const char *value)
{
    if (buf->len)
        rh_buf_add_char(buf, '&');
    add_encoded(buf, name);
    rh_buf_add_char(buf, '=');
    add_encoded(buf, value);
}

static void add_where(struct rh_buf *buf, const char *condition)
{
    if (buf->len)
        rh_buf_add_char(buf, '&');
    add_encoded(buf, condition); /* the first '=' stands as it is */
}

static bool is_json(const char *condition)
{
    return condition[strspn(condition, " \t\n")] == '{';
}

/* Whether it may stand among the parameters of the URL form: a parameter that is no condition
 * (limit=5) would be taken for the option. A column of such a name needs the JSON form. */
static bool is_condition(const char *condition)
{
    static const char *const reserved[] = {"select",   "order",  "limit",  "offset",    "after",
                                           "before",   "count",  "group",  "aggregate", "having",
                                           "distinct", "search", "collate"};
    size_t n = strcspn(condition, "=");
    if (is_json(condition))
        return true;
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (strlen(reserved[i]) == n && strncmp(condition, reserved[i], n) == 0)
            return false;
    return n > 0 && condition[n] == '=';
}

/* ANDs a condition in JSON form to what is there. */
static int and_json(struct rh_cli *cli, const char *text, struct rh_spec *spec,
                    struct rh_error *error)
{
    struct rh_json *json = NULL;
    struct rh_cond *cond = NULL;
    int rc = rh_json_parse(cli->arena, rh_text_of(text), &json, error);
    if (rc == RH_OK)
        rc = rh_spec_parse_where(cli->arena, json, "", &cond, error);
    if (rc != RH_OK || !cond)
        return rc;
    struct rh_cond *both = rh_arena_alloc(cli->arena, sizeof(*both));
    if (!both)
        return rh_fail_nomem(error);
    both->kind = RH_COND_AND;
    both->child = cond;
    both->pointer = "";
    cond->next = spec->where;
    spec->where = both;
    return RH_OK;
}

static int make_spec(struct rh_cli *cli, const struct rh_cli_words *words,
                     struct rh_spec **ret_spec, struct rh_error *error)
{
    struct rh_buf query;
    const char *value;
    int rc;
    rh_buf_init(&query, (size_t)16 << 20);
    for (size_t i = 0; i < sizeof(url_options) / sizeof(url_options[0]); i++)
        if ((value = rh_cli_value(words, url_options[i])))
            add_parameter(&query, url_options[i], value);
    if (rh_cli_value(words, "distinct"))
        add_parameter(&query, url_switches[0], "true");
    if (rh_cli_value(words, "count"))
        add_parameter(&query, url_switches[1], "exact");
    for (uint32_t i = 0; i < words->n_given; i++)
        if (strcmp(words->given[i].option->name, "where") == 0 && !is_json(words->given[i].value))
            add_where(&query, words->given[i].value);
    struct rh_text text = rh_arena_text(cli->arena, rh_buf_text(&query), NULL);
    rc = query.failed || !text.data ? rh_fail_nomem(error)
                                    : rh_spec_parse_url(cli->arena, text, "", ret_spec, error);
    rh_buf_free(&query);
    for (uint32_t i = 0; i < words->n_given && rc == RH_OK; i++)
        if (strcmp(words->given[i].option->name, "where") == 0 && is_json(words->given[i].value))
            rc = and_json(cli, words->given[i].value, *ret_spec, error);
    return rc;
}

/* ---- Running ----------------------------------------------------------------------------- */

static int print_explain(struct rh_read *read, FILE *to, struct rh_error *error)
{
    struct rh_buf buf;
    rh_buf_init(&buf, (size_t)16 << 20);
    int rc = rh_read_explain(read, &buf, error);
    if (rc == RH_OK && buf.failed)
        rc = rh_fail_nomem(error);
    if (rc == RH_OK)
        fprintf(to, "%.*s\n", RH_TEXT_ARG(rh_buf_text(&buf)));
    rh_buf_free(&buf);
    return rc;
}

static int print_rows(struct rh_cli *cli, struct rh_read *read, enum rh_output_format format,
                      FILE *to, uint64_t *ret_rows, struct rh_error *error)
{
    uint32_t n_columns = 0;
    const struct rh_column *columns = rh_read_columns(read, &n_columns);
    struct rh_output *output = rh_output_new(cli->arena, format, to, columns, n_columns);
    struct rh_progress progress;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    int rc = output ? RH_OK : rh_fail_nomem(error);
    *ret_rows = 0;
    rh_progress_begin(&progress, "rows", to);
    while (rc == RH_OK && (rc = rh_read_next(read, &batch, error)) == RH_OK) {
        rc = rh_output_rows(output, &batch, error);
        *ret_rows += batch.n_rows;
        rh_progress_set(&progress, *ret_rows);
    }
    rh_progress_end(&progress);
    return rc == RH_END ? rh_output_end(output, error) : rc;
}

/* What a person wants to know beside the rows; on stderr, so that it never mixes with them. */
static int tell_page(struct rh_read *read, bool all, uint64_t n_rows, struct rh_error *error)
{
    struct rh_page page;
    if (all)
        return RH_OK;
    int rc = rh_read_page(read, &page, error);
    if (rc != RH_OK)
        return rc;
    if (page.count >= 0)
        fprintf(stderr, "%lld rows in all\n", (long long)page.count);
    if (page.next.len)
        fprintf(stderr,
                "there are more than %s %llu row%s: --limit N for more, --all for every one\n",
                n_rows == 1 ? "this" : "these", (unsigned long long)n_rows, n_rows == 1 ? "" : "s");
    return RH_OK;
}

static int write_result(struct rh_cli *cli, struct rh_read *read, enum rh_output_format format,
                        const struct rh_read_options *how, FILE *to, struct rh_error *error)
{
    uint64_t n_rows = 0;
    if (how->explain_only)
        return print_explain(read, to, error);
    int rc = print_rows(cli, read, format, to, &n_rows, error);
    return rc == RH_OK ? tell_page(read, how->stream, n_rows, error) : rc;
}

/* The same into a file. It is opened only now, when the query is known to be sound: a mistake does
 * not empty a file that was there. */
static int write_file(struct rh_cli *cli, struct rh_read *read, enum rh_output_format format,
                      const struct rh_read_options *how, const char *path, struct rh_error *error)
{
    FILE *to = fopen(path, "we");
    if (!to)
        return rh_fail(error, RH_CONFIG, "%s: %s", path, strerror(errno));
    int rc = write_result(cli, read, format, how, to, error);
    if (fclose(to) != 0 && rc == RH_OK)
        rc = rh_fail(error, RH_RESOURCE, "%s: %s", path, strerror(errno));
    return rc;
}

static int read_table(struct rh_cli *cli, const struct rh_cli_words *words,
                      enum rh_output_format format, struct rh_error *error)
{
    struct rh_datasource *datasource = NULL;
    struct rh_session session;
    struct rh_read *read = NULL;
    struct rh_spec *spec = NULL;
    const char *path = NULL;
    bool open = false;
    struct rh_read_options read_options = {
        .stream = rh_cli_value(words, "all") != NULL,
        .explain_only = rh_cli_value(words, "explain") != NULL,
    };
    int rc = make_spec(cli, words, &spec, error);
    if (rc != RH_OK)
        goto out;
    if (spec->limit != RH_NO_LIMIT && spec->limit > RH_READ_MAX_LIMIT &&
        !rh_cli_value(words, "count"))
        read_options.stream = true;
    rc = rh_datasource_from_url(cli->registry, rh_text_of(words->operands[0]), &datasource, error);
    if (rc != RH_OK)
        goto out;
    rc = rh_session_open(datasource, &cli->op, &session, error);
    if (rc != RH_OK)
        goto out;
    open = true;
    rc = rh_read_open(&session, rh_text_of(words->operands[1]), spec, &read_options, &read, error);
    if (rc != RH_OK)
        goto out;
    path = rh_cli_value(words, "output");
    rc = path ? write_file(cli, read, format, &read_options, path, error)
              : write_result(cli, read, format, &read_options, stdout, error);
out:
    if (read)
        rh_read_close(read);
    if (open)
        rh_session_close(&session);
    if (datasource)
        rh_datasource_unref(datasource);
    return rc;
}

static int usage_error(const char *message, const char *value)
{
    fprintf(stderr, "rowhouse query: %s, not \"%s\"\n", message, value);
    return RH_CLI_USAGE;
}

static int run(struct rh_cli *cli, const struct rh_cli_words *words)
{
    enum rh_output_format format = RH_OUTPUT_TABLE;
    struct rh_error error = RH_ERROR_INIT;
    const char *value = rh_cli_value(words, "format");
    int64_t seconds;
    if (value && !rh_output_format_parse(value, &format))
        return usage_error("--format is table, json, ndjson or csv", value);
    if ((value = rh_cli_value(words, "timeout"))) {
        if (!rh_text_to_i64(rh_text_of(value), &seconds) || seconds < 1 || seconds > 864000)
            return usage_error("--timeout is a number of seconds, 1 to 864000", value);
        cli->op.abi.deadline_us = rh_clock_us() + (uint64_t)seconds * 1000000;
    }
    if (rh_cli_value(words, "all") && rh_cli_value(words, "count")) {
        fputs("rowhouse query: --count tells how many rows a limit leaves out; with --all there is "
              "no limit\n",
              stderr);
        return RH_CLI_USAGE;
    }
    for (uint32_t i = 0; i < words->n_given; i++)
        if (strcmp(words->given[i].option->name, "where") == 0 &&
            !is_condition(words->given[i].value))
            return usage_error("--where is column=operator.value or a JSON object",
                               words->given[i].value);
    int rc = read_table(cli, words, format, &error);
    return rc == RH_OK ? RH_CLI_OK : rh_cli_fail(&error);
}

const struct rh_cli_command rh_cli_query = {
    .name = "query",
    .operands = "URL TABLE",
    .min_operands = 2,
    .max_operands = 2,
    .summary = "rows of a table, filtered, sorted, grouped, in any format",
    .help = help,
    .options = options,
    .run = run,
};
