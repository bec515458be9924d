/*
 * The pushdown oracle.
 *
 *     oracle [--queries N] [--seed S] [--only K] [--paging] [--lie NAME] [--verbose]
 *
 * --only K runs query K of the seed alone. --lie: SQLite with one false claim; then the run
 * succeeds when the lie is found out. Without --lie it exits with 1 on the first difference, after
 * printing the query (which `--seed S --only K` repeats), both answers and both plans.
 */
#include "oracle.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SOURCES 4
#define ARENA_BYTES ((size_t)1 << 30)
#define QUERY_US UINT64_C(60000000)

struct oracle {
    uint64_t n_queries, seed, only;
    bool paging, verbose;
    const char *lie;
    struct rh_registry *registry;
    struct rh_arena *arena;
    struct rh_operation op;
    struct source memory;
    struct source others[MAX_SOURCES];
    uint32_t n_others;
    char sqlite_path[64];
    uint64_t n_runs, n_refused;
    uint64_t n_pushed; /* runs in which nothing was left to the host */
    uint64_t n_source_order;
};

static void refresh(struct oracle *o)
{
    rh_arena_reset(o->arena);
    o->op.abi.deadline_us = rh_clock_us() + QUERY_US;
}

static bool same(struct oracle *o, const struct rh_answer *expected, const struct rh_answer *actual,
                 bool as_sequence)
{
    struct rh_buf difference;
    bool is_same;

    rh_buf_init(&difference, (size_t)1 << 24);
    is_same = rh_answer_compare(o->arena, expected, actual, as_sequence, &difference);
    printf("%.*s", RH_TEXT_ARG(rh_buf_text(&difference)));
    rh_buf_free(&difference);
    return is_same;
}

/* ---- One query --------------------------------------------------------------------------- */

/* In the source's own text order: the same rows as everywhere, the pages parts of its sequence. */
static bool check_native(struct oracle *o, struct source *source,
                         const struct rh_question *question, const struct rh_answer *expected,
                         bool push_nothing, struct rh_answer *ret_whole)
{
    const struct rh_text none = {NULL, 0};

    rh_answer_get(&source->session, question, 10000, none, none, push_nothing, ret_whole);
    return same(o, expected, ret_whole, false);
}

static bool check_one(struct oracle *o, struct source *source, const struct rh_question *question,
                      const struct rh_answer *expected, uint64_t page_size, bool push_nothing)
{
    struct rh_answer actual, whole;

    if (question->table->exact_only && source->inexact)
        return true;
    if (question->native) {
        if (!check_native(o, source, question, expected, push_nothing, &whole)) {
            printf("  source %s%s\n", source->name, push_nothing ? ", nothing pushed down" : "");
            return false;
        }
        expected = &whole;
    }
    if (page_size)
        rh_answer_get_paged(&source->session, question, page_size, push_nothing, &actual);
    else
        rh_answer_get(&source->session, question, 0, (struct rh_text){0}, (struct rh_text){0},
                      push_nothing, &actual);
    o->n_runs++;
    o->n_pushed += strstr(actual.plan, "completed=none") != NULL;
    o->n_source_order += strstr(actual.plan, "text-order=source") != NULL;
    if (same(o, expected, &actual, question->total))
        return true;
    printf("  source %s%s\n", source->name, push_nothing ? ", nothing pushed down" : "");
    return false;
}

static bool has_slice(const struct rh_question *question)
{
    return !memmem(question->json.data, question->json.len, "\"limit\":10000", 13) ||
           memmem(question->json.data, question->json.len, "\"offset\"", 8);
}

/* False: a difference. */
static bool check_query(struct oracle *o, uint64_t number)
{
    struct rh_dice dice = {.state = o->seed * UINT64_C(1000003) + number};
    struct rh_question question;
    struct rh_answer expected;
    uint64_t page_size = 0;
    uint32_t parts = RH_QUESTION_ALL;
    bool is_same;

    refresh(o);
    if (o->paging)
        parts = (parts & ~RH_QUESTION_SLICE) | RH_QUESTION_PAGES | RH_QUESTION_OWN_ORDER;
    rh_question_make(o->arena, &dice, data_tables, n_data_tables, parts, &question);
    if (o->paging)
        page_size = 1 + rh_dice_below(&dice, 25);
    /* Which rows a limit leaves is not decided without a total order. */
    if (!question.total && !o->paging && has_slice(&question))
        return true;
    if (!question.total && o->paging)
        return true;
    if (o->verbose)
        printf("%llu %s %.*s\n", (unsigned long long)number, question.table->name,
               RH_TEXT_ARG(question.json));
    rh_answer_get(&o->memory.session, &question, o->paging ? 10000 : 0, (struct rh_text){0},
                  (struct rh_text){0}, true, &expected);
    expected.next = expected.prev = (struct rh_text){0};
    if (expected.outcome != RH_OK)
        o->n_refused++;
    is_same = check_one(o, &o->memory, &question, &expected, page_size, false);
    for (uint32_t i = 0; is_same && i < o->n_others; i++)
        is_same = check_one(o, &o->others[i], &question, &expected, page_size, false) &&
                  check_one(o, &o->others[i], &question, &expected, page_size, true);
    if (!is_same)
        printf("  table %s, seed %llu, query %llu:\n%.*s\n", question.table->name,
               (unsigned long long)o->seed, (unsigned long long)number, RH_TEXT_ARG(question.json));
    return is_same;
}

/* ---- All --------------------------------------------------------------------------------- */

static bool start(struct oracle *o)
{
    const char *postgres = getenv("ROWHOUSE_TEST_POSTGRES");
    const char *mariadb = getenv("ROWHOUSE_TEST_MARIADB");
    const char *folder = getenv("TMPDIR");
    int fd;

    o->arena = rh_arena_new(ARENA_BYTES);
    if (!o->arena || !source_start(&o->registry))
        return false;
    rh_operation_init(&o->op, o->arena, NULL, rh_clock_us() + QUERY_US);
    snprintf(o->sqlite_path, sizeof(o->sqlite_path), "%s/oracle-XXXXXX",
             folder && strlen(folder) < 40 ? folder : "/tmp");
    fd = mkstemp(o->sqlite_path);
    if (fd < 0) {
        perror("oracle: temporary file");
        return false;
    }
    close(fd);
    if (!source_open(&o->memory, o->registry, "memory", "oracle", NULL, &o->op))
        return false;
    if (!source_open(&o->others[o->n_others++], o->registry, "sqlite", o->sqlite_path, o->lie,
                     &o->op))
        return false;
    if (postgres && postgres[0] && !o->lie &&
        !source_open(&o->others[o->n_others++], o->registry, "postgres", postgres, NULL, &o->op))
        return false;
    if (mariadb && mariadb[0] && !o->lie &&
        !source_open(&o->others[o->n_others++], o->registry, "mysql", mariadb, NULL, &o->op))
        return false;
    return true;
}

static void stop(struct oracle *o)
{
    if (o->arena)
        refresh(o);
    for (uint32_t i = 0; i < o->n_others; i++)
        source_close(&o->others[i], &o->op);
    source_close(&o->memory, &o->op);
    rh_registry_free(o->registry);
    rh_arena_free(o->arena);
    if (o->sqlite_path[0])
        unlink(o->sqlite_path);
}

static bool parse(struct oracle *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        uint64_t *number = strcmp(word, "--queries") == 0 ? &o->n_queries
                           : strcmp(word, "--seed") == 0  ? &o->seed
                           : strcmp(word, "--only") == 0  ? &o->only
                                                          : NULL;

        if (number && value && rh_text_to_u64(rh_text_of(value), number))
            i++;
        else if (strcmp(word, "--lie") == 0 && value)
            o->lie = argv[++i];
        else if (strcmp(word, "--paging") == 0)
            o->paging = true;
        else if (strcmp(word, "--verbose") == 0)
            o->verbose = true;
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct oracle o = {.n_queries = 2000, .seed = 1, .only = RH_NO_ROW};
    bool is_same = true;
    uint64_t begin_us, n = 0;

    if (!parse(&o, argc, argv)) {
        fprintf(stderr, "usage: oracle [--queries N] [--seed S] [--only K] [--paging] "
                        "[--lie NAME] [--verbose]\n");
        return 2;
    }
    if (!start(&o)) {
        stop(&o);
        return 2;
    }
    begin_us = rh_clock_us();
    if (o.only != RH_NO_ROW)
        is_same = check_query(&o, o.only);
    for (; o.only == RH_NO_ROW && is_same && n < o.n_queries; n++)
        is_same = check_query(&o, n);
    printf("oracle: %llu queries, %llu runs (%llu wholly pushed down, %llu in the source's text "
           "order), %llu refused everywhere, %.1f s: %s\n",
           (unsigned long long)n, (unsigned long long)o.n_runs, (unsigned long long)o.n_pushed,
           (unsigned long long)o.n_source_order, (unsigned long long)o.n_refused,
           (double)(rh_clock_us() - begin_us) / 1e6, is_same ? "no difference" : "DIFFERENT");
    stop(&o);
    return is_same == (o.lie == NULL) ? 0 : 1;
}
