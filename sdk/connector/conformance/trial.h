/*
 * What a test works with, inside of its own process: the connector, settings, operations, and the
 * ways to end. A test that returns has passed. rh_trial_fail and rh_trial_skip end the process, so
 * tests clean up nothing but what outlives it; the suite's tables are dropped afterwards.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "connector/conformance/conformance.h"
#include "host/library.h"
#include "host/op.h"

#include <jansson.h>

#define RH_TRIAL_SECOND UINT64_C(1000000)

struct rh_trial {
    const struct rh_conformance_options *options;
    const json_t *config; /* NULL: none */
    bool isolated;
    const char *prefix; /* of the names of tables: "rh_check_4711_" */
    int pipe;           /* to the parent */

    struct rh_library *library;
    const struct rh_connector *connector; /* the library's */
    struct rh_host host;                  /* with a log that is kept below */
    struct rh_buf log;
    struct rh_arena *arena;
    struct rh_settings settings;
    struct rh_op op; /* of most calls: a minute, cannot be cancelled */
    struct rh_error error;
    struct rh_text schema;            /* of the suite's tables; no text until known */
    const struct rh_table *writable;  /* the configuration's, while a test uses it */
    const struct rh_column *identity; /* of its rows; NULL: they are told apart by their key */
    uint32_t n_tables;                /* made so far */
};

/* One test. */
struct rh_trial_test {
    const char *name;
    const char *rule; /* what must hold, one sentence */
    void (*run)(struct rh_trial *t);
};

/* ---- Ending ---------------------------------------------------------------------------------- */

_Noreturn void rh_trial_fail(struct rh_trial *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Nothing to test here: not claimed, or the source has no such thing. */
_Noreturn void rh_trial_skip(struct rh_trial *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What is claimed cannot be tested with this configuration. */
_Noreturn void rh_trial_unproven(struct rh_trial *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The configuration lacks this member: unproven; or says null: skipped. Else returns it. */
const json_t *rh_trial_need(struct rh_trial *t, const char *member);
/* A remark that stands in the report of a test that passes. */
void rh_trial_note(struct rh_trial *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
_Noreturn void rh_trial_pass(struct rh_trial *t);
/* Fails with the call, its class and message. */
_Noreturn void rh_trial_fail_call(struct rh_trial *t, const char *what, int32_t rc,
                                  const struct rh_error *error);

/* ---- Calling --------------------------------------------------------------------------------- */

/* Loads the connector the way that this run asks for, or fails. */
void rh_trial_load(struct rh_trial *t);
/* Settings of the configuration, with the members of `overrides` in their place (NULL: as they
 * are), checked against the schema. Unproven without a configuration. */
void rh_trial_settings(struct rh_trial *t, const json_t *overrides,
                       struct rh_settings *ret_settings);
/* Copy of t->op that ends in so many milliseconds. */
struct rh_op rh_trial_op(struct rh_trial *t, uint32_t ms);
/* Opens a connection with t->settings, or fails. */
struct rh_conn *rh_trial_connect(struct rh_trial *t);
/* What `connect` says to these settings; t->error is made empty before. */
int32_t rh_trial_try_connect(struct rh_trial *t, const struct rh_settings *settings,
                             const struct rh_op *op, struct rh_conn **ret_conn);
/* Makes t->error empty and returns it, for the next call. */
struct rh_error *rh_trial_error(struct rh_trial *t);
/* Fails unless rc is RH_OK. */
void rh_trial_ok(struct rh_trial *t, const char *what, int32_t rc);
/* Fails unless rc is this class. */
void rh_trial_expect(struct rh_trial *t, const char *what, int32_t rc, int32_t expected);
/* Fails unless the error that came with rc keeps to the rules of rowhouse/error.h. */
void rh_trial_check_error(struct rh_trial *t, const char *what, int32_t rc,
                          const struct rh_error *error);
/* Looks that the source still answers on this connection, or fails with `after`. */
void rh_trial_ping(struct rh_trial *t, struct rh_conn *conn, const char *after);
/* Copy of a text as a string. */
const char *rh_trial_string(struct rh_trial *t, struct rh_text text);
/* Memory of the trial, zeroed; never NULL. */
void *rh_trial_alloc(struct rh_trial *t, size_t n);
