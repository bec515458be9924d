/*
 * A run: which tests, one after the other, and what their outcomes amount to.
 */
#include "connector/conformance/conformance.h"

#include "base/clock.h"
#include "base/err.h"
#include "connector/conformance/child.h"
#include "connector/conformance/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct rh_suite rh_suites[] = {
    {"load", RH_CONFORMANCE_LOADABLE, rh_suite_load},
    {"abi", RH_CONFORMANCE_LOADABLE, rh_suite_abi},
    {"config", RH_CONFORMANCE_READ, rh_suite_config},
    {"introspection", RH_CONFORMANCE_READ, rh_suite_introspection},
    {"types", RH_CONFORMANCE_READ, rh_suite_types},
    {"oracle", RH_CONFORMANCE_READ, rh_suite_oracle},
    {"cursors", RH_CONFORMANCE_READ, rh_suite_cursors},
    {"time", RH_CONFORMANCE_READ, rh_suite_time},
    {"network", RH_CONFORMANCE_READ, rh_suite_network},
    {"threads", RH_CONFORMANCE_READ, rh_suite_threads},
    {"hygiene", RH_CONFORMANCE_READ, rh_suite_hygiene},
    {"write", RH_CONFORMANCE_WRITE, rh_suite_write},
    {"transactions", RH_CONFORMANCE_WRITE, rh_suite_transactions},
    {"native", RH_CONFORMANCE_WRITE, rh_suite_native},
    {"ddl", RH_CONFORMANCE_WRITE, rh_suite_ddl},
    {"feed", RH_CONFORMANCE_WRITE, rh_suite_feed},
    {NULL, RH_CONFORMANCE_NONE, NULL},
};

#define DEVIATING_MS 10000u /* for a test that may fail: its failure may be that it never ends */

/* Of running a connector, as deviations name them; by rh_child_options.isolated. */
static const char *const ways[] = {"in-process", "isolated"};

struct run {
    const struct rh_conformance_options *options;
    rh_conformance_progress_fn *progress;
    void *context;
    struct rh_child_options child;
    json_t *config, *deviations;
    char prefix[40];
    struct rh_conformance_report *report;
    uint32_t cap_results;
};

/* ---- Which tests ----------------------------------------------------------------------------- */

static bool is_named(const char *name, const struct rh_suite *suite,
                     const struct rh_trial_test *test)
{
    size_t n = strlen(suite->name);

    return strncmp(name, suite->name, n) == 0 &&
           (name[n] == 0 || (name[n] == '/' && strcmp(name + n + 1, test->name) == 0));
}

static bool is_wanted(const struct rh_conformance_options *options, const struct rh_suite *suite,
                      const struct rh_trial_test *test)
{
    for (uint32_t i = 0; i < options->n_only; i++)
        if (is_named(options->only[i], suite, test))
            return true;
    return options->n_only == 0;
}

static bool is_known(const char *name)
{
    for (const struct rh_suite *suite = rh_suites; suite->name; suite++)
        for (const struct rh_trial_test *test = suite->tests; test->name; test++)
            if (is_named(name, suite, test))
                return true;
    return false;
}

static int fail_unknown(const char *what, const char *name, struct rh_error *error)
{
    rh_fail(error, RH_INVALID, "%s: there is no suite or test \"%s\"", what, name);
    return rh_error_hint(error, "--list shows all");
}

static int load_object(struct rh_text text, const char *what, json_t **ret_object,
                       struct rh_error *error)
{
    json_error_t where;

    if (!text.data)
        return RH_OK;
    *ret_object = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &where);
    if (!*ret_object)
        return rh_fail(error, RH_INVALID, "the %s: line %d: %s", what, where.line, where.text);
    if (!json_is_object(*ret_object))
        return rh_fail(error, RH_INVALID, "the %s is not a JSON object", what);
    return RH_OK;
}

static int check_config(const json_t *config, struct rh_error *error)
{
    static const char *const members[] = {
        "settings", "wrong_credentials", "unreachable", "through",  "slow", "echo",
        "schema",   "make_tables",       "tables",      "writable", "log"};
    json_t *copy = json_deep_copy(config);
    const char *name;
    json_t *value;
    int rc = RH_OK;

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        json_object_del(copy, members[i]);
    json_object_foreach(copy, name, value) rc =
        rh_fail(error, RH_INVALID, "the configuration has an unknown member \"%s\"", name);
    json_decref(copy);
    if (rc == RH_OK && config && !json_is_object(json_object_get(config, "settings")))
        rc = rh_fail(error, RH_INVALID, "the configuration has no \"settings\"");
    return rc;
}

/* A text, or one for each way or one of them. */
static bool is_reason(const json_t *reason)
{
    size_t n = 0;

    if (!json_is_object(reason))
        return json_string_length(reason) > 0;
    for (size_t i = 0; i < 2; i++)
        n += json_string_length(json_object_get(reason, ways[i])) > 0;
    return n > 0 && n == json_object_size(reason);
}

static int prepare(struct run *run, struct rh_error *error)
{
    const char *name;
    json_t *reason;
    int rc;

    for (uint32_t i = 0; i < run->options->n_only; i++)
        if (!is_known(run->options->only[i]))
            return fail_unknown("the tests asked for", run->options->only[i], error);
    rc = load_object(run->options->config, "configuration", &run->config, error);
    if (rc == RH_OK && run->config)
        rc = check_config(run->config, error);
    if (rc == RH_OK)
        rc = load_object(run->options->deviations, "list of deviations", &run->deviations, error);
    if (rc)
        return rc;
    json_object_foreach(run->deviations, name, reason)
    {
        if (!is_known(name) || !strchr(name, '/'))
            return fail_unknown("the deviations", name, error);
        if (!is_reason(reason))
            return rh_fail(error, RH_INVALID, "the deviation %s has no reason", name);
    }
    return RH_OK;
}

/* ---- One test -------------------------------------------------------------------------------- */

static struct rh_conformance_result *add_result(struct run *run)
{
    struct rh_conformance_report *report = run->report;

    if (report->n_results == run->cap_results) {
        uint32_t cap = run->cap_results ? run->cap_results * 2 : 128;
        void *moved = reallocarray(report->results, cap, sizeof(*report->results));
        if (!moved)
            return NULL;
        report->results = moved;
        run->cap_results = cap;
    }
    memset(&report->results[report->n_results], 0, sizeof(*report->results));
    return &report->results[report->n_results++];
}

static const char *find_reason(const struct run *run, const char *suite, const char *name)
{
    const json_t *reason;
    char key[96];

    snprintf(key, sizeof(key), "%s/%s", suite, name);
    reason = json_object_get(run->deviations, key);
    if (json_is_object(reason))
        reason = json_object_get(reason, ways[run->child.isolated]);
    return json_string_value(reason);
}

static int run_one(struct run *run, const struct rh_suite *suite, const struct rh_trial_test *test,
                   struct rh_error *error)
{
    struct rh_conformance_result *result = add_result(run);
    struct rh_child_options child;
    uint64_t begin_us = rh_clock_us();

    if (!result)
        return rh_fail_nomem(error);
    *result = (struct rh_conformance_result){
        .suite = suite->name,
        .name = test->name,
        .rule = test->rule,
        .reason = find_reason(run, suite->name, test->name),
        .level = suite->level,
        .isolated = run->child.isolated,
    };
    if (run->progress)
        run->progress(run->context, suite->name, test->name, NULL);
    child = run->child;
    if (result->reason && child.timeout_ms > DEVIATING_MS)
        child.timeout_ms = DEVIATING_MS;
    rh_child_run(&child, test, &result->outcome, &result->message);
    if (result->reason && result->outcome == RH_CONFORMANCE_PASS) {
        free(result->message);
        result->message = strdup("declared to fail, but passes");
    }
    result->us = rh_clock_us() - begin_us;
    if (!result->message)
        return rh_fail_nomem(error);
    if (run->progress)
        run->progress(run->context, suite->name, test->name, result);
    return RH_OK;
}

/* Tables that tests have left. A test that passed has left none that it does not have to. */
static void sweep(struct run *run)
{
    enum rh_conformance_outcome outcome;
    char *message = NULL;

    if (!run->config)
        return;
    rh_child_run(&run->child, &rh_suite_sweep, &outcome, &message);
    free(message);
}

static int run_all(struct run *run, bool isolated, struct rh_error *error)
{
    int rc = RH_OK;

    run->child.isolated = isolated;
    for (const struct rh_suite *suite = rh_suites; suite->name; suite++) {
        bool any = false;
        for (const struct rh_trial_test *test = suite->tests; test->name && rc == RH_OK; test++)
            if (is_wanted(run->options, suite, test)) {
                rc = run_one(run, suite, test, error);
                any = true;
            }
        if (any && suite->level > RH_CONFORMANCE_LOADABLE)
            sweep(run);
    }
    return rc;
}

/* ---- What it amounts to ---------------------------------------------------------------------- */

static bool has_failed(const struct rh_conformance_result *result)
{
    return result->outcome == RH_CONFORMANCE_FAIL || result->outcome == RH_CONFORMANCE_CRASH ||
           result->outcome == RH_CONFORMANCE_TIMEOUT;
}

bool rh_conformance_is_bad(const struct rh_conformance_result *result)
{
    return result->reason ? result->outcome == RH_CONFORMANCE_PASS : has_failed(result);
}

static void find_claims(struct run *run)
{
    enum rh_conformance_outcome outcome;
    char *message = NULL, *second;

    rh_child_run(&run->child, &rh_suite_claims, &outcome, &message);
    second = message ? strchr(message, '\n') : NULL;
    run->report->connector = message;
    run->report->memory = message;
    run->report->claims = second ? second + 1 : NULL;
    if (outcome != RH_CONFORMANCE_PASS || !second) {
        free(message);
        run->report->memory = NULL;
        run->report->connector = run->report->claims = "";
        return;
    }
    *second = 0;
}

static void judge(struct run *run)
{
    struct rh_conformance_report *report = run->report;
    enum rh_conformance_level level = RH_CONFORMANCE_CERTIFIED;
    bool writes = report->claims && strchr(report->claims, ' ') != NULL;

    report->passed = true;
    report->claimed = !run->config ? RH_CONFORMANCE_LOADABLE
                      : writes     ? RH_CONFORMANCE_WRITE
                                   : RH_CONFORMANCE_READ;
    if (run->options->certify)
        report->claimed = RH_CONFORMANCE_CERTIFIED;
    else
        level = report->claimed;
    for (uint32_t i = 0; i < report->n_results; i++) {
        const struct rh_conformance_result *result = &report->results[i];
        if (rh_conformance_is_bad(result)) {
            report->passed = false;
            if (has_failed(result) && level >= result->level)
                level = result->level - 1;
        } else if (result->outcome == RH_CONFORMANCE_UNPROVEN &&
                   level == RH_CONFORMANCE_CERTIFIED) {
            level = RH_CONFORMANCE_WRITE;
        }
    }
    report->level = level;
    if (report->level < report->claimed)
        report->passed = false;
}

int rh_conformance_run(const struct rh_conformance_options *options,
                       rh_conformance_progress_fn *progress, void *context,
                       struct rh_conformance_report *ret_report, struct rh_error *error)
{
    struct rh_conformance_report report = {.connector = NULL};
    struct run run = {
        .options = options, .progress = progress, .context = context, .report = &report};
    int rc = prepare(&run, error);

    snprintf(run.prefix, sizeof(run.prefix), "rh_check_%ld_", (long)getpid());
    run.child = (struct rh_child_options){.options = options,
                                          .config = run.config,
                                          .prefix = run.prefix,
                                          .isolated = options->isolated,
                                          .timeout_ms = options->timeout_ms};
    if (rc == RH_OK) {
        find_claims(&run);
        rc = run_all(&run, options->isolated && !options->certify, error);
    }
    if (rc == RH_OK && options->certify)
        rc = run_all(&run, true, error);
    if (rc == RH_OK) {
        judge(&run);
        report.deviations = run.deviations;
        run.deviations = NULL;
        *ret_report = report;
    } else {
        rh_conformance_report_free(&report);
    }
    json_decref(run.config);
    json_decref(run.deviations);
    return rc;
}

void rh_conformance_report_free(struct rh_conformance_report *report)
{
    for (uint32_t i = 0; i < report->n_results; i++)
        free(report->results[i].message);
    free(report->results);
    free(report->memory);
    json_decref(report->deviations);
    *report = (struct rh_conformance_report){.connector = NULL};
}
