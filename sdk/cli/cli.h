/*
 * The command line: commands are rows of one table (main.c), each with its own option list, from
 * which parsing and --help come.
 *
 * Exit status: 0 done; 1 the datasource or query failed; 2 the command line was wrong.
 */
#pragma once

#include "base/arena.h"
#include "host/op.h"
#include "host/registry.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define RH_CLI_OK 0
#define RH_CLI_FAILED 1
#define RH_CLI_USAGE 2

/* What every command works with; made by main. */
struct rh_cli {
    struct rh_registry *registry;
    struct rh_arena *arena;
    struct rh_operation op; /* fired by Ctrl-C */
};

/* An option of a command; the last row of a list has a NULL name. */
struct rh_cli_option {
    const char *name;     /* without dashes */
    const char *argument; /* what stands for its value in the help; NULL: a switch */
    const char *help;
    bool repeated;
};

#define RH_CLI_MAX_VALUES 64

/* Parsed words of a command line. Borrowed from argv. */
struct rh_cli_words {
    const struct rh_cli_option *options;
    struct {
        const struct rh_cli_option *option;
        const char *value; /* "" for a switch */
    } given[RH_CLI_MAX_VALUES];
    uint32_t n_given;
    const char *operands[4];
    uint32_t n_operands;
};

struct rh_cli_command {
    const char *name;
    const char *operands; /* "URL TABLE" */
    uint32_t min_operands, max_operands;
    const char *summary;
    const char *help; /* paragraphs and examples */
    const struct rh_cli_option *options;
    int (*run)(struct rh_cli *cli, const struct rh_cli_words *words);
};

extern const struct rh_cli_command rh_cli_query;
extern const struct rh_cli_command rh_cli_tables;
extern const struct rh_cli_command rh_cli_connectors;
extern const struct rh_cli_command rh_cli_describe;

/* Parses the words after the command's name. False after having told what is wrong. */
bool rh_cli_parse(const struct rh_cli_command *command, int argc, char **argv,
                  struct rh_cli_words *ret_words);
/* The option's last value, or NULL when it was not given. */
const char *rh_cli_value(const struct rh_cli_words *words, const char *name);
void rh_cli_help(const struct rh_cli_command *command, FILE *to);
/* Prints "rowhouse: message" with the hint below, and returns RH_CLI_FAILED. */
int rh_cli_fail(const struct rh_error *error);
