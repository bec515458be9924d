/*
 * rowhouse describe: a draft of a REST API's description, to be looked through and given to a
 * datasource of the connector rest.
 */
#include "cli/cli.h"
#include "cli/describe.h"

#include "base/err.h"
#include "base/text.h"
#include "cli/files.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DOCUMENT ((size_t)64 << 20)

static const struct rh_cli_option options[] = {
    {"curl", "LINE", "a curl line that works, instead of a file", 0},
    {"base", "URL", "where the API is, instead of the document's server", 0},
    {0},
};

static json_t *from_file(const char *path, const char *base, struct rh_error *error)
{
    json_t *document, *description;
    json_error_t problem;
    struct rh_buf text;

    rh_buf_init(&text, MAX_DOCUMENT);
    if (rh_cli_file_read(path, &text, error)) {
        rh_buf_free(&text);
        return NULL;
    }
    document = json_loadb(text.data ? text.data : "", text.len, JSON_REJECT_DUPLICATES, &problem);
    rh_buf_free(&text);
    if (!document) {
        rh_fail(error, RH_CONFIG, "%s: line %d: %s", path, problem.line, problem.text);
        if (rh_text_ends(rh_text_of(path), ".yaml") || rh_text_ends(rh_text_of(path), ".yml"))
            rh_error_hint(error, "YAML is not read: convert the document to JSON first");
        return NULL;
    }
    description = rh_cli_describe_openapi(document, base, error);
    if (!description)
        rh_error_prefix(error, "%s", path);
    json_decref(document);
    return description;
}

static int run(struct rh_cli *cli, const struct rh_cli_words *words)
{
    const char *line = rh_cli_value(words, "curl"), *base = rh_cli_value(words, "base");
    struct rh_error error = RH_ERROR_INIT;
    json_t *description;
    bool has_secret = false;
    char *text;

    if (!line == !words->n_operands) {
        fputs("rowhouse describe: give either a file or --curl\n", stderr);
        return RH_CLI_USAGE;
    }
    description = line ? rh_cli_describe_curl(line, &has_secret, &error)
                       : from_file(words->operands[0], base, &error);
    if (!description)
        return rh_cli_fail(&error);
    if (line && base)
        json_object_set_new(description, "base", json_string(base));
    text = json_dumps(description, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_decref(description);
    if (!text)
        return rh_cli_fail(&error);
    puts(text);
    free(text);
    if (has_secret)
        fputs("The secret of the line was left out: give it as the setting `secret`.\n", stderr);
    return RH_CLI_OK;
}

const struct rh_cli_command rh_cli_describe = {
    .name = "describe",
    .operands = "[FILE]",
    .max_operands = 1,
    .summary = "draft the description of a REST API",
    .help =
        "FILE is an OpenAPI 3 document in JSON. Collections become resources: a GET whose answer "
        "has\n"
        "an array of objects. Types, keys, parameters of the columns' names, pages and\n"
        "authentication are taken from the document where it tells them. Look the draft through:\n"
        "a document seldom says which parameters are exact, or what a collection leaves out.\n"
        "\n"
        "Examples:\n"
        "  rowhouse describe openapi.json > shop.json\n"
        "  rowhouse describe --curl 'curl -H \"Authorization: Bearer …\" "
        "https://api.example.com/v1/items'\n",
    .options = options,
    .run = run,
};
