/*
 * Tests of a connector against a scripted peer (tests/lib/api_peer.py): one connection at a time, rows
 * as text, faults on order. Every function fails the test when what it needs fails.
 */
#pragma once

#include <rowhouse/connector.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "connector/kit.h"
#include "host/library.h"

extern struct rh_library *api_library;
extern struct rh_arena *api_arena;
extern struct rh_conn *api_conn;
extern struct rh_error api_error; /* of the last call; empty before each */
extern struct rh_write_result api_result;
extern struct rh_row_status api_statuses[64];

/* Loads the plugin from ROWHOUSE_PLUGINS. */
void api_start(const char *plugin);
void api_stop(void);
/* An operation of five minutes; forgets the last error. */
const struct rh_op *api_op(void);

/* A request to the peer itself: url is absolute. headers: NULL, or the value of Authorization.
 * Returns the body, NUL-terminated, in the arena; the status must be 200. api_error stays. */
const char *api_call(const char *method, const char *url, const char *authorization,
                     const char *body);
/* POST /control/faults and /control/set, GET /control/log of the peer at this address (its scheme, host
 * and port are taken). */
void api_faults(const char *peer, const char *json);
void api_set(const char *peer, const char *json);
const char *api_log(const char *peer);
/* How often the word is in the text. */
unsigned api_count(const char *text, const char *word);

/* Connects; settings as one JSON object. The class of error, or RH_OK. */
int api_connect(const char *settings);
/* As the connector describes it. */
const struct rh_table *api_table(const char *name);

/* One condition, and what else a query may have. Zeroed: all rows. */
struct api_query {
    uint32_t op; /* 0: none */
    const char *column;
    const struct rh_value *values;
    uint32_t n;
    const char *order; /* a column; "-" before: falling */
    uint64_t limit;    /* 0: none */
};
/* What `plan` says of the condition: RH_VERDICT_*. */
uint8_t api_verdict(const char *table, const struct api_query *query);
/* The rows as "1:x 2:null", NULL after an error (api_error). columns: "n,s". */
const char *api_rows(const char *table, const char *columns, const struct api_query *query);
/* Calls a function of the write group; columns: "n,s", of which the first n_key are key; all of the
 * columns are returned. */
int api_write(rh_write_fn *fn, const char *table, const char *columns, uint32_t n_key,
              const struct rh_value *cells, uint64_t n_rows);
/* The rows that it returned, as api_rows shows them. */
const char *api_returned(void);

#define GOOD(call)                                                                                 \
    ck_assert_msg((call) == RH_OK, "%s: %s %s", #call, api_error.message, api_error.hint)

static inline struct rh_value api_text(const char *text)
{
    return rh_kit_text(rh_text_of(text));
}
static inline struct rh_value api_decimal(const char *text)
{
    struct rh_value value = rh_kit_text(rh_text_of(text));

    value.type = RH_TYPE_DECIMAL;
    return value;
}
