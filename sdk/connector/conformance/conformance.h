/*
 * The conformance suite: whether a connector does what the ABI says and what it claims.
 *
 * Each test runs in a process of its own, which loads the connector; the process that calls this
 * loads nothing of it. So a connector that crashes, hangs or ends the process fails one test and
 * the run goes on. Claims are checked both ways: what is claimed must work, what is not claimed
 * must be refused and change nothing.
 *
 * The configuration is a JSON object:
 *   settings            of the connector, as for a datasource. Without it only what needs no
 *                       connection is tested
 *   wrong_credentials   settings that replace those above: the source refuses them
 *   unreachable         settings that replace those above: nothing answers there
 *   through             {"to": "host:port", "settings": {…}}: the same source through a TCP proxy
 *                       of the suite, whose address stands for {host} and {port} in their texts
 *   slow                native text of a statement that takes minutes
 *   echo                native text that returns its one text parameter: "SELECT $1::text"
 *   schema              where the suite makes its tables; the source's default otherwise
 *   log                 {"table", "number", "text"; "schema"}: a table whose rows are only added, under
 *                       keys that the source makes, with a column each of whole numbers and of text;
 *                       for sources that tell of changes only there. The tests of feeds add rows to
 *                       it, and follow it instead of "writable" below
 *   tables              [{"name", "columns": [name…], "rows": [[value…]…]}]: tables that are there
 *                       already, and all of their rows; for sources that cannot make tables
 *   make_tables         false: only those are tested, of a source whose tables are not all like the
 *                       ones that it makes
 *   writable            {"table", "key", "number", "text"; "schema", "identity"}: a table of a source
 *                       that cannot make tables, with its key's column and one column each of numbers
 *                       and of text. Its rows are LOST: the tests of writing empty it, fill it and leave
 *                       theirs in it. Keys are written as decimal numbers. Where the source generates
 *                       its keys, "identity" is the column that has them: rows are then changed and
 *                       deleted by it, and "key" is a column like any other. The changes of this
 *                       table are followed also when the source can make tables
 * A member that is null says that the source has no such thing (a file has no credentials); one
 * that is missing leaves its tests unproven. So does a "writable" that is null where the connector
 * changes and deletes rows.
 *
 * The suite's own tables begin with rh_check_ and are dropped, also after a crash. A connector that
 * cannot make tables is tested on those that it has, compared with itself.
 *
 * The deviations are a JSON object: test name → reason why the connector fails it, or an object
 * {"in-process": reason, "isolated": reason} with the ways in which it does. One that passes all
 * the same counts against it, for then the reason is not true. A test that may fail is given ten
 * seconds at most.
 */
#pragma once

#include "base/buf.h"

#include <rowhouse/error.h>

#include <stdbool.h>
#include <stdint.h>

enum rh_conformance_outcome {
    RH_CONFORMANCE_PASS,
    RH_CONFORMANCE_FAIL,
    RH_CONFORMANCE_CRASH, /* ended by a signal, or ended its process */
    RH_CONFORMANCE_TIMEOUT,
    RH_CONFORMANCE_SKIP,     /* nothing to test: not claimed, or not there */
    RH_CONFORMANCE_UNPROVEN, /* the configuration lacks what the test needs */
};

/* Levels build on each other. */
enum rh_conformance_level {
    RH_CONFORMANCE_NONE,
    RH_CONFORMANCE_LOADABLE,  /* loads, and keeps to the ABI */
    RH_CONFORMANCE_READ,      /* reads correctly, in time, cleanly */
    RH_CONFORMANCE_WRITE,     /* writes and all else that it claims */
    RH_CONFORMANCE_CERTIFIED, /* everything, undeclared deviations and unproven tests none, in this
                                 process and isolated */
};

struct rh_conformance_options {
    const char *path;          /* the connector */
    struct rh_text config;     /* JSON; no text: none */
    struct rh_text deviations; /* JSON; no text: none */
    bool isolated;             /* in a process of its own, through the host's proxy */
    bool certify;              /* both, one after the other */
    const char *const *only;   /* suites ("cursors") and tests ("cursors/end"); n_only 0: all */
    uint32_t n_only;
    uint64_t seed;       /* of random queries */
    uint32_t n_queries;  /* per test with random queries */
    uint32_t timeout_ms; /* of one test */
};

struct rh_conformance_result {
    const char *suite;  /* "cursors" */
    const char *name;   /* "end" */
    const char *rule;   /* what must hold */
    const char *reason; /* of a declared deviation; NULL: none */
    char *message;      /* what happened; "" for most that pass */
    enum rh_conformance_outcome outcome;
    enum rh_conformance_level level; /* that it counts for */
    bool isolated;
    uint64_t us;
};

struct rh_conformance_report {
    const char *connector; /* "postgres 0.1.0"; "" when it cannot be loaded */
    const char *claims;    /* "read write tx"; "" likewise */
    struct rh_conformance_result *results;
    uint32_t n_results;
    enum rh_conformance_level level;   /* reached */
    enum rh_conformance_level claimed; /* that it must reach */
    bool passed;                       /* nothing failed but what was declared */
    void *memory;                      /* what the texts above are in */
    void *deviations;                  /* what the reasons are in */
};

/* Called when a test begins (outcome NULL) and when it has ended. */
typedef void rh_conformance_progress_fn(void *context, const char *suite, const char *name,
                                        const struct rh_conformance_result *result);

/* Runs the tests. INVALID: configuration, deviations, or a name in `only` that is no test;
 * RESOURCE. What the connector does wrong is in the report. The report is owned by the caller. Not
 * from two threads at once: it makes processes and waits for them. */
int rh_conformance_run(const struct rh_conformance_options *options,
                       rh_conformance_progress_fn *progress, void *context,
                       struct rh_conformance_report *ret_report, struct rh_error *error);
void rh_conformance_report_free(struct rh_conformance_report *report);

/* "pass", "fail", …; a deviation: "deviation"; a declared one that passes, and so fails:
 * "undeviating". */
const char *rh_conformance_outcome_name(const struct rh_conformance_result *result);
const char *rh_conformance_level_name(enum rh_conformance_level level);
/* Whether it counts against the connector. */
bool rh_conformance_is_bad(const struct rh_conformance_result *result);

/* The report as "text", "tap", "junit" or "json"; false when there is no such format. JUnit leaves
 * out what was skipped because there was nothing to test. */
bool rh_conformance_write(const struct rh_conformance_report *report, const char *format,
                          struct rh_buf *buf);
/* How many of each outcome, and the level: the last two lines of "text". */
void rh_conformance_write_summary(const struct rh_conformance_report *report, struct rh_buf *buf);
/* All tests with their rules, one per line. */
void rh_conformance_list(struct rh_buf *buf);
