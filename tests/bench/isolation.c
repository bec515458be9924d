/*
 * bench_isolation URL TABLE ROWS PAGES: the latency of a page of 20 rows by key range through the
 * row SDK, session and all: in this process, and with the connector in a process of its own, turn
 * and turn about. Prints p50 and p99 of both in microseconds, and their ratios.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/text.h"
#include "rows/read.h"

#include <stdio.h>
#include <stdlib.h>

#define TURN 100 /* pages in a row on one side */

struct side {
    struct rh_registry *registry;
    struct rh_datasource *datasource;
    uint64_t *us;
    size_t n;
};

static int prepare(struct side *side, const char *url, const char *isolated, size_t pages,
                   struct rh_error *error)
{
    struct rh_registry_options options = {.isolated_ids = isolated};
    int rc = rh_registry_new(&options, &side->registry, error);

    side->us = calloc(pages, sizeof(*side->us));
    if (!side->us)
        return rh_fail_nomem(error);
    return rc ? rc
              : rh_datasource_from_url(side->registry, rh_text_of(url), &side->datasource, error);
}

static int read_page(struct side *side, struct rh_arena *arena, const char *table, uint64_t first,
                     struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_read_options options = {0};
    struct rh_read *read = NULL;
    struct rh_session session;
    struct rh_operation op;
    struct rh_spec *spec = NULL;
    uint64_t rows = 0;
    char *text;
    int rc;

    rh_arena_reset(arena);
    rh_operation_init(&op, arena, NULL, rh_clock_us() + 30u * 1000000u);
    text = rh_arena_printf(arena, "id=gte.%llu&order=id&limit=20", (unsigned long long)first);
    if ((rc = rh_spec_parse_url(arena, rh_text_of(text), NULL, &spec, error)) != RH_OK ||
        (rc = rh_session_open(side->datasource, &op, &session, error)) != RH_OK)
        return rc;
    rc = rh_read_open(&session, rh_text_of(table), spec, &options, &read, error);
    while (rc == RH_OK && (rc = rh_read_next(read, &batch, error)) == RH_OK)
        rows += batch.n_rows;
    if (read)
        rh_read_close(read);
    rh_session_close(&session);
    if (rc == RH_END && rows != 20)
        rc = rh_fail(error, RH_INTERNAL, "a page of %llu rows", (unsigned long long)rows);
    return rc == RH_END ? RH_OK : rc;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;

    return *left < *right ? -1 : *left > *right;
}

static uint64_t rank(struct side *side, unsigned percent)
{
    qsort(side->us, side->n, sizeof(*side->us), compare);
    return side->us[side->n * percent / 100];
}

int main(int argc, char **argv)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_arena *arena = rh_arena_new((size_t)64 << 20);
    struct side sides[2] = {{0}, {0}};
    uint64_t rows = 0, pages = 0;
    int rc;

    if (argc != 5 || !rh_text_to_u64(rh_text_of(argv[3]), &rows) || rows <= 20 ||
        !rh_text_to_u64(rh_text_of(argv[4]), &pages) || pages < 2 * TURN)
        return 2;
    if ((rc = prepare(&sides[0], argv[1], "", pages, &error)) == RH_OK)
        rc = prepare(&sides[1], argv[1], "*", pages, &error);
    for (uint64_t turn = 0; rc == RH_OK && turn < 2 * pages / TURN; turn++) {
        struct side *side = &sides[turn % 2];

        for (int i = 0; i < TURN && rc == RH_OK; i++) {
            uint64_t first = rh_rand_u64() % (rows - 20) + 1, begin = rh_clock_us();

            rc = read_page(side, arena, argv[2], first, &error);
            if (turn >= 2) /* the first turn of each warms up */
                side->us[side->n++] = rh_clock_us() - begin;
        }
    }
    if (rc == RH_OK) {
        uint64_t p50[2] = {rank(&sides[0], 50), rank(&sides[1], 50)};
        uint64_t p99[2] = {rank(&sides[0], 99), rank(&sides[1], 99)};

        printf("p50 %llu %llu %.2f p99 %llu %llu %.2f\n", (unsigned long long)p50[0],
               (unsigned long long)p50[1], (double)p50[1] / (double)p50[0],
               (unsigned long long)p99[0], (unsigned long long)p99[1],
               (double)p99[1] / (double)p99[0]);
    } else {
        fprintf(stderr, "%s\n", error.message);
    }
    for (int i = 0; i < 2; i++) {
        if (sides[i].datasource)
            rh_datasource_unref(sides[i].datasource);
        rh_registry_free(sides[i].registry);
        free(sides[i].us);
    }
    rh_arena_free(arena);
    return rc == RH_OK ? 0 : 1;
}
