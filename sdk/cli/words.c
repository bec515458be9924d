/*
 * Words of the command line against a command's option list: --name value, --name=value, -- ends
 * the options. Unknown names are errors with the nearest known one.
 */
#include "cli/cli.h"

#include "cli/plain.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

static const struct rh_cli_option *find_option(const struct rh_cli_option *options,
                                               const char *name, size_t len)
{
    for (; options->name; options++)
        if (strlen(options->name) == len && strncmp(options->name, name, len) == 0)
            return options;
    return NULL;
}

static bool unknown_option(const struct rh_cli_command *command, const char *name, size_t len)
{
    const char *near = NULL;
    unsigned best = 3;
    for (const struct rh_cli_option *option = command->options; option->name; option++) {
        unsigned distance =
            rh_text_distance(rh_text_make(name, len), rh_text_of(option->name), best);
        if (distance < best) {
            best = distance;
            near = option->name;
        }
    }
    fprintf(stderr, "rowhouse %s: unknown option --%.*s", command->name, (int)len, name);
    if (near)
        fprintf(stderr, "; did you mean --%s?", near);
    fprintf(stderr, "\nTry: rowhouse %s --help\n", command->name);
    return false;
}

/* Takes the option at argv[*at], which begins with "--", and its value. */
static bool take_option(const struct rh_cli_command *command, int argc, char **argv, int *at,
                        struct rh_cli_words *words)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct rh_cli_option *option = find_option(command->options, name, len);
    if (!option)
        return unknown_option(command, name, len);
    const char *value = "";
    if (!option->argument && equals) {
        fprintf(stderr, "rowhouse %s: --%s takes no value\n", command->name, option->name);
        return false;
    }
    if (option->argument && equals) {
        value = equals + 1;
    } else if (option->argument) {
        if (*at + 1 >= argc) {
            fprintf(stderr, "rowhouse %s: --%s needs a value (%s)\n", command->name, option->name,
                    option->argument);
            return false;
        }
        value = argv[++*at];
    }
    if (!option->repeated && rh_cli_value(words, option->name)) {
        fprintf(stderr, "rowhouse %s: --%s was given twice\n", command->name, option->name);
        return false;
    }
    if (words->n_given == RH_CLI_MAX_VALUES) {
        fprintf(stderr, "rowhouse %s: more than %d options\n", command->name, RH_CLI_MAX_VALUES);
        return false;
    }
    words->given[words->n_given].option = option;
    words->given[words->n_given++].value = value;
    return true;
}

bool rh_cli_parse(const struct rh_cli_command *command, int argc, char **argv,
                  struct rh_cli_words *ret_words)
{
    struct rh_cli_words words = {.options = command->options};
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (!options_end && strncmp(argv[i], "--", 2) == 0) {
            if (!take_option(command, argc, argv, &i, &words))
                return false;
        } else if (!options_end && argv[i][0] == '-' && argv[i][1]) {
            return unknown_option(command, argv[i] + 1, strlen(argv[i] + 1));
        } else if (words.n_operands == command->max_operands) {
            fprintf(stderr, "rowhouse %s: too many words, at \"%s\"\nTry: rowhouse %s --help\n",
                    command->name, argv[i], command->name);
            return false;
        } else {
            words.operands[words.n_operands++] = argv[i];
        }
    }
    if (words.n_operands < command->min_operands) {
        fprintf(stderr, "rowhouse %s: needs %s\nTry: rowhouse %s --help\n", command->name,
                command->operands, command->name);
        return false;
    }
    *ret_words = words;
    return true;
}

const char *rh_cli_value(const struct rh_cli_words *words, const char *name)
{
    for (uint32_t i = words->n_given; i-- > 0;)
        if (strcmp(words->given[i].option->name, name) == 0)
            return words->given[i].value;
    return NULL;
}

void rh_cli_help(const struct rh_cli_command *command, FILE *to)
{
    fprintf(to, "Usage: rowhouse %s %s%s\n\n%s\n", command->name, command->operands,
            command->options->name ? " [OPTIONS]" : "", command->summary);
    if (command->options->name)
        fputs("\nOptions:\n", to);
    for (const struct rh_cli_option *option = command->options; option->name; option++) {
        char left[64];
        snprintf(left, sizeof(left), "--%s%s%s", option->name, option->argument ? " " : "",
                 option->argument ? option->argument : "");
        fprintf(to, "  %-22s %s\n", left, option->help);
    }
    fprintf(to, "\n%s", command->help);
}

int rh_cli_fail(const struct rh_error *error)
{
    fputs("rowhouse: ", stderr);
    rh_plain_print(stderr, rh_text_of(error->message), 0);
    if (error->pointer[0]) {
        fputs(" (at ", stderr);
        rh_plain_print(stderr, rh_text_of(error->pointer), 0);
        fputc(')', stderr);
    }
    fputc('\n', stderr);
    if (error->hint[0]) {
        fputs("  hint: ", stderr);
        rh_plain_print(stderr, rh_text_of(error->hint), 0);
        fputc('\n', stderr);
    }
    return RH_CLI_FAILED;
}
