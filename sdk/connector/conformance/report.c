/*
 * Reports: for people, for TAP harnesses, for JUnit readers, for programs.
 */
#include "base/json.h"
#include "base/text.h"
#include "connector/conformance/conformance.h"
#include "connector/conformance/suites.h"

#include <string.h>

#define N_OUTCOMES 6

static const char *const outcome_names[N_OUTCOMES] = {
    [RH_CONFORMANCE_PASS] = "pass",   [RH_CONFORMANCE_FAIL] = "fail",
    [RH_CONFORMANCE_CRASH] = "crash", [RH_CONFORMANCE_TIMEOUT] = "time-out",
    [RH_CONFORMANCE_SKIP] = "skip",   [RH_CONFORMANCE_UNPROVEN] = "unproven",
};

const char *rh_conformance_outcome_name(const struct rh_conformance_result *result)
{
    bool failed =
        result->outcome >= RH_CONFORMANCE_FAIL && result->outcome <= RH_CONFORMANCE_TIMEOUT;

    if (result->reason && failed)
        return "deviation";
    if (result->reason && result->outcome == RH_CONFORMANCE_PASS)
        return "undeviating";
    return outcome_names[result->outcome];
}

const char *rh_conformance_level_name(enum rh_conformance_level level)
{
    static const char *const names[] = {"NONE", "LOADABLE", "READ", "WRITE", "CERTIFIED"};

    return names[level];
}

static uint32_t count(const struct rh_conformance_report *report, const char *outcome)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < report->n_results; i++)
        n += strcmp(rh_conformance_outcome_name(&report->results[i]), outcome) == 0;
    return n;
}

static uint32_t count_bad(const struct rh_conformance_report *report)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < report->n_results; i++)
        n += rh_conformance_is_bad(&report->results[i]);
    return n;
}

/* One line's worth of a text. */
static void add_line(struct rh_buf *buf, const char *text)
{
    for (; *text; text++)
        rh_buf_add_char(buf, (unsigned char)*text < 0x20 ? ' ' : *text);
}

static void add_name(struct rh_buf *buf, const struct rh_conformance_result *result)
{
    rh_buf_addf(buf, "%s/%s%s", result->suite, result->name, result->isolated ? " (isolated)" : "");
}

/* ---- Text ------------------------------------------------------------------------------------ */

static void add_result_text(struct rh_buf *buf, const struct rh_conformance_result *result)
{
    rh_buf_addf(buf, "  %-11s ", rh_conformance_outcome_name(result));
    add_name(buf, result);
    if (rh_conformance_is_bad(result) || result->reason)
        rh_buf_addf(buf, "\n              rule: %s", result->rule);
    if (result->reason)
        rh_buf_addf(buf, "\n              declared: %s", result->reason);
    if (result->message[0]) {
        rh_buf_add_str(
            buf, rh_conformance_is_bad(result) || result->reason ? "\n              what: " : ": ");
        add_line(buf, result->message);
    }
    rh_buf_add_char(buf, '\n');
}

static void write_text(const struct rh_conformance_report *report, struct rh_buf *buf)
{
    for (uint32_t i = 0; i < report->n_results; i++)
        add_result_text(buf, &report->results[i]);
    rh_conformance_write_summary(report, buf);
}

/* ---- TAP ------------------------------------------------------------------------------------- */

static void write_tap(const struct rh_conformance_report *report, struct rh_buf *buf)
{
    rh_buf_addf(buf, "TAP version 13\n1..%u\n", report->n_results);
    for (uint32_t i = 0; i < report->n_results; i++) {
        const struct rh_conformance_result *result = &report->results[i];
        bool bad = rh_conformance_is_bad(result);
        bool ok = !bad && (result->outcome == RH_CONFORMANCE_PASS ||
                           result->outcome >= RH_CONFORMANCE_SKIP);

        rh_buf_addf(buf, "%s %u - ", ok ? "ok" : "not ok", i + 1);
        add_name(buf, result);
        if (result->outcome >= RH_CONFORMANCE_SKIP) {
            rh_buf_add_str(buf, " # SKIP ");
            add_line(buf, result->message);
        } else if (result->reason && !bad) {
            rh_buf_add_str(buf, " # TODO ");
            add_line(buf, result->reason);
        }
        rh_buf_add_char(buf, '\n');
        if (bad) {
            rh_buf_addf(buf, "# rule: %s\n# %s: ", result->rule,
                        rh_conformance_outcome_name(result));
            add_line(buf, result->message);
            rh_buf_add_char(buf, '\n');
        }
    }
}

/* ---- JUnit ----------------------------------------------------------------------------------- */

/* Text for XML; what XML has no place for becomes '?'. */
static void add_xml(struct rh_buf *buf, const char *text)
{
    unsigned step = 1;

    for (size_t left = strlen(text); left; text += step, left -= step) {
        step = rh_text_utf8_step(text, left);
        if (step > 1) {
            rh_buf_add(buf, text, step);
            continue;
        }
        if (step == 0)
            rh_buf_add_char(buf, '?');
        else if (*text == '<')
            rh_buf_add_str(buf, "&lt;");
        else if (*text == '&')
            rh_buf_add_str(buf, "&amp;");
        else if (*text == '"')
            rh_buf_add_str(buf, "&quot;");
        else if ((unsigned char)*text < 0x20)
            rh_buf_add_char(buf, *text == '\n' || *text == '\t' ? ' ' : '?');
        else
            rh_buf_add_char(buf, *text);
        step = 1;
    }
}

static void add_case(struct rh_buf *buf, const struct rh_conformance_report *report,
                     const struct rh_conformance_result *result)
{
    const char *element = rh_conformance_is_bad(result)                ? "failure"
                          : result->outcome == RH_CONFORMANCE_UNPROVEN ? "skipped"
                                                                       : NULL;

    rh_buf_add_str(buf, "<testcase classname=\"");
    add_xml(buf, report->connector[0] ? report->connector : "connector");
    rh_buf_add_str(buf, "\" name=\"");
    add_name(buf, result);
    rh_buf_addf(buf, "\" time=\"%.3f\">", (double)result->us / 1e6);
    if (element) {
        rh_buf_addf(buf, "<%s message=\"", element);
        add_xml(buf, result->message);
        rh_buf_add_str(buf, "\">");
        add_xml(buf, result->rule);
        rh_buf_addf(buf, "</%s>", element);
    } else if (result->reason) {
        rh_buf_addf(buf, "<system-out>%s: ", rh_conformance_outcome_name(result));
        add_xml(buf, result->reason);
        rh_buf_add_str(buf, "</system-out>");
    }
    rh_buf_add_str(buf, "</testcase>\n");
}

static void write_junit(const struct rh_conformance_report *report, struct rh_buf *buf)
{
    rh_buf_addf(buf,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
                "<testsuite name=\"conformance\" tests=\"%u\" failures=\"%u\" skipped=\"%u\">\n",
                report->n_results - count(report, "skip"), count_bad(report),
                count(report, "unproven"));
    for (uint32_t i = 0; i < report->n_results; i++)
        if (report->results[i].outcome != RH_CONFORMANCE_SKIP)
            add_case(buf, report, &report->results[i]);
    rh_buf_add_str(buf, "</testsuite>\n</testsuites>\n");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void add_member(struct rh_buf *buf, const char *name, const char *text)
{
    rh_json_add_key(buf, name);
    rh_json_add_string(buf, rh_text_of(text));
}

static void add_result_json(struct rh_buf *buf, const struct rh_conformance_result *result)
{
    rh_buf_addf(buf, "{\"test\":\"%s/%s\",\"isolated\":%s,", result->suite, result->name,
                result->isolated ? "true" : "false");
    add_member(buf, "outcome", rh_conformance_outcome_name(result));
    rh_buf_add_char(buf, ',');
    add_member(buf, "level", rh_conformance_level_name(result->level));
    rh_buf_add_char(buf, ',');
    add_member(buf, "rule", result->rule);
    rh_buf_add_char(buf, ',');
    add_member(buf, "message", result->message);
    if (result->reason) {
        rh_buf_add_char(buf, ',');
        add_member(buf, "declared", result->reason);
    }
    rh_buf_addf(buf, ",\"ms\":%.1f}", (double)result->us / 1e3);
}

static void write_json(const struct rh_conformance_report *report, struct rh_buf *buf)
{
    rh_buf_add_char(buf, '{');
    add_member(buf, "connector", report->connector);
    rh_buf_add_char(buf, ',');
    add_member(buf, "claims", report->claims);
    rh_buf_add_char(buf, ',');
    add_member(buf, "level", rh_conformance_level_name(report->level));
    rh_buf_add_char(buf, ',');
    add_member(buf, "claimed", rh_conformance_level_name(report->claimed));
    rh_buf_addf(buf, ",\"passed\":%s,\"tests\":[", report->passed ? "true" : "false");
    for (uint32_t i = 0; i < report->n_results; i++) {
        rh_buf_add_str(buf, i ? ",\n" : "\n");
        add_result_json(buf, &report->results[i]);
    }
    rh_buf_add_str(buf, "]}\n");
}

/* ---- Public ---------------------------------------------------------------------------------- */

void rh_conformance_write_summary(const struct rh_conformance_report *report, struct rh_buf *buf)
{
    rh_buf_addf(buf,
                "%s%s%u passed, %u failed, %u deviations, %u with nothing to test, "
                "%u unproven\n",
                report->connector, report->connector[0] ? ": " : "", count(report, "pass"),
                count_bad(report), count(report, "deviation"), count(report, "skip"),
                count(report, "unproven"));
    rh_buf_addf(buf, "level %s", rh_conformance_level_name(report->level));
    if (report->level != report->claimed)
        rh_buf_addf(buf, " of %s", rh_conformance_level_name(report->claimed));
    if (report->claims[0])
        rh_buf_addf(buf, " (it claims: %s)", report->claims);
    rh_buf_add_char(buf, '\n');
}

bool rh_conformance_write(const struct rh_conformance_report *report, const char *format,
                          struct rh_buf *buf)
{
    static const struct {
        const char *name;
        void (*write)(const struct rh_conformance_report *report, struct rh_buf *buf);
    } formats[] = {
        {"text", write_text}, {"tap", write_tap}, {"junit", write_junit}, {"json", write_json}};

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].name, format) == 0) {
            formats[i].write(report, buf);
            return true;
        }
    return false;
}

void rh_conformance_list(struct rh_buf *buf)
{
    for (const struct rh_suite *suite = rh_suites; suite->name; suite++)
        for (const struct rh_trial_test *test = suite->tests; test->name; test++)
            rh_buf_addf(buf, "%s/%s\t%s\n", suite->name, test->name, test->rule);
}
