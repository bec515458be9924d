/*
 * rowhouse: queries on any datasource from the command line.
 *
 * Ctrl-C is received by a thread of its own, which fires the operation's cancel token, so that the
 * query ends at the source too; a second Ctrl-C ends the program at once. A closed pipe ends it
 * silently.
 */
#include "cli/cli.h"
#include "cli/connector.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define DAY_US UINT64_C(86400000000)

static const struct rh_cli_command *const commands[] = {
    &rh_cli_query,
    &rh_cli_tables,
    &rh_cli_connectors,
    &rh_cli_describe,
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *to)
{
    fputs("Usage: rowhouse COMMAND …\n\nOne query language on every database.\n\n", to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    fputs(
        "  connector    make, test and install connectors: rowhouse connector --help\n"
        "  help         help on a command: rowhouse help query\n"
        "  version      the version\n\n"
        "Connectors are found in ROWHOUSE_PLUGINS, else beside the program.\n"
        "Exit status: 0 done, 1 the datasource or the query failed, 2 the command line is wrong.\n",
        to);
}

static const struct rh_cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    fprintf(stderr, "rowhouse: there is no command \"%s\"\n\n", name);
    usage(stderr);
    return NULL;
}

/* The verb that follows "connector"; without one, tells which there are. */
static const struct rh_cli_command *find_verb(const char *verb, bool wants_help)
{
    const struct rh_cli_command *command = rh_cli_connector_find(verb);
    bool is_name = verb[0] && verb[0] != '-';
    if (!command && is_name)
        fprintf(stderr, "rowhouse: there is no verb \"connector %s\"\n\n", verb);
    if (!command)
        rh_cli_connector_usage(wants_help && !is_name ? stdout : stderr);
    return command;
}

static void *wait_for_interrupt(void *context)
{
    struct rh_cancel *cancel = context;
    sigset_t signals;
    int number;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    if (sigwait(&signals, &number) == 0)
        rh_cancel_fire(cancel);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    pause();
    return NULL;
}

static int run_command(const struct rh_cli_command *command, const struct rh_cli_words *words)
{
    static struct rh_cancel cancel; /* outlives the detached thread's use of it */
    struct rh_cli cli = {.arena = rh_arena_new(ARENA_BYTES)};
    struct rh_error error = RH_ERROR_INIT;
    pthread_t thread;
    sigset_t signals;
    int status = RH_CLI_FAILED;

    if (!cli.arena || rh_cancel_init(&cancel, &error) != RH_OK)
        return rh_cli_fail(&error);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (pthread_create(&thread, NULL, wait_for_interrupt, &cancel) == 0)
        pthread_detach(thread);
    rh_operation_init(&cli.op, cli.arena, &cancel, rh_clock_us() + DAY_US);

    if (rh_registry_new(NULL, &cli.registry, &error) != RH_OK)
        status = rh_cli_fail(&error);
    else
        status = command->run(&cli, words);
    rh_registry_free(cli.registry);
    rh_arena_free(cli.arena);
    return status;
}

/* What was printed but could not be written (a full disk) is a failure too. */
static int end_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (status == RH_CLI_OK)
        fprintf(stderr, "rowhouse: cannot write the output: %s\n", strerror(errno));
    return status == RH_CLI_OK ? RH_CLI_FAILED : status;
}

int main(int argc, char **argv)
{
    /* Who reads our output and has seen enough ends us, also where a parent ignores the signal. */
    signal(SIGPIPE, SIG_DFL);
    struct rh_cli_words words;
    const char *name = argc > 1 ? argv[1] : "";
    bool wants_help = argc < 2 || strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 ||
                      strcmp(name, "-h") == 0;
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0) {
        puts("rowhouse " RH_VERSION);
        return end_output(RH_CLI_OK);
    }
    if (wants_help && argc < 3) {
        usage(argc < 2 ? stderr : stdout);
        return end_output(argc < 2 ? RH_CLI_USAGE : RH_CLI_OK);
    }
    int at = wants_help ? 2 : 1; /* where the command's name is */
    bool is_family = strcmp(argv[at], "connector") == 0;
    for (int i = at + 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        wants_help = wants_help || strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
    at += is_family ? 1 : 0;
    const struct rh_cli_command *command =
        is_family ? find_verb(at < argc ? argv[at] : "", wants_help) : find_command(argv[at]);
    if (!command)
        return end_output(is_family && wants_help ? RH_CLI_OK : RH_CLI_USAGE);
    if (wants_help) {
        rh_cli_help(command, stdout);
        return end_output(RH_CLI_OK);
    }
    if (!rh_cli_parse(command, argc - at - 1, argv + at + 1, &words))
        return RH_CLI_USAGE;
    rh_log_set_level(RH_LOG_ERROR);
    return end_output(run_command(command, &words));
}
