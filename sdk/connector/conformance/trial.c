/*
 * The process of one test. What it has to say goes to the parent through a pipe, as records: a
 * letter, a text, a NUL. P pass, F fail, S skip, U unproven, N note. A process that ends without P,
 * F, S or U was ended by the connector.
 */
#include "connector/conformance/trial.h"

#include "base/clock.h"
#include "base/log.h"
#include "host/check.h"
#include "host/isolation/isolation.h"
#include "host/settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_BYTES 2048
#define ISOLATED_BYTES ((uint64_t)4 << 30)

/* ---- Ending ---------------------------------------------------------------------------------- */

static void send_record(struct rh_trial *t, char what, const char *text)
{
    char record[MESSAGE_BYTES];
    size_t n = strnlen(text, sizeof(record) - 2), done = 0;

    record[0] = what;
    memcpy(record + 1, text, n);
    record[1 + n] = 0;
    n += 2;
    while (done < n) {
        ssize_t w = write(t->pipe, record + done, n - done);
        if (w < 0 && errno != EINTR)
            break;
        done += w > 0 ? (size_t)w : 0;
    }
}

static void say(struct rh_trial *t, char what, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static void say(struct rh_trial *t, char what, const char *format, va_list arguments)
{
    char text[MESSAGE_BYTES];

    vsnprintf(text, sizeof(text), format, arguments);
    send_record(t, what, text);
}

void rh_trial_fail(struct rh_trial *t, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(t, 'F', format, arguments);
    va_end(arguments);
    _exit(0);
}

void rh_trial_skip(struct rh_trial *t, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(t, 'S', format, arguments);
    va_end(arguments);
    _exit(0);
}

void rh_trial_unproven(struct rh_trial *t, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(t, 'U', format, arguments);
    va_end(arguments);
    _exit(0);
}

const json_t *rh_trial_need(struct rh_trial *t, const char *member)
{
    const json_t *value = json_object_get(t->config, member);

    if (json_is_null(value))
        rh_trial_skip(t, "the configuration says that there is no \"%s\"", member);
    if (!value)
        rh_trial_unproven(t, "the configuration has no \"%s\"", member);
    return value;
}

void rh_trial_note(struct rh_trial *t, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(t, 'N', format, arguments);
    va_end(arguments);
}

void rh_trial_pass(struct rh_trial *t)
{
    send_record(t, 'P', "");
    _exit(0);
}

void rh_trial_fail_call(struct rh_trial *t, const char *what, int32_t rc,
                        const struct rh_error *error)
{
    if (rc == RH_OK || rc == RH_END)
        rh_trial_fail(t, "%s: %s", what, rc == RH_OK ? "OK" : "END");
    rh_trial_fail(t, "%s: %s, \"%.300s\"", what, rh_error_class_name(rc), error->message);
}

/* ---- Loading --------------------------------------------------------------------------------- */

/* A process that may do what this one may: what is tested is the connector, not its permissions. */
static int load_isolated(struct rh_trial *t, struct rh_error *error)
{
    static const char *const everywhere[] = {"/"};
    const struct rh_sandbox sandbox = {.network = true,
                                       .read_paths = everywhere,
                                       .n_read_paths = 1,
                                       .write_paths = everywhere,
                                       .n_write_paths = 1,
                                       .memory_bytes = ISOLATED_BYTES};
    struct rh_image image;
    int rc = rh_image_read(t->options->path, &image, error);

    if (rc)
        return rc;
    rc = rh_isolation_load(&image, &sandbox, &t->library, error);
    rh_image_close(&image);
    return rc;
}

void rh_trial_load(struct rh_trial *t)
{
    struct rh_error error = RH_ERROR_INIT;
    int rc = t->isolated ? load_isolated(t, &error)
                         : rh_library_load(t->options->path, &t->library, &error);

    if (rc)
        rh_trial_fail(t, "it cannot be loaded: %s", error.message);
    t->connector = &t->library->connector;
}

void rh_trial_settings(struct rh_trial *t, const json_t *overrides,
                       struct rh_settings *ret_settings)
{
    json_t *settings = json_deep_copy(rh_trial_need(t, "settings"));
    struct rh_error error = RH_ERROR_INIT;
    const char *name;
    json_t *value, *of = json_deep_copy(overrides);

    /* A setting that is null takes the one that it stands for away. */
    json_object_foreach(of, name, value)
    {
        if (json_is_null(value))
            json_object_del(settings, name);
        else
            json_object_set(settings, name, value);
    }
    if (rh_settings_make(t->arena, t->connector->config_schema, settings, ret_settings, &error))
        rh_trial_fail(t, "its schema refuses the configured settings: %s", error.message);
    json_decref(of);
    json_decref(settings);
}

/* ---- Calling --------------------------------------------------------------------------------- */

struct rh_op rh_trial_op(struct rh_trial *t, uint32_t ms)
{
    struct rh_op op = t->op;

    op.deadline_us = rh_clock_us() + (uint64_t)ms * 1000;
    return op;
}

struct rh_error *rh_trial_error(struct rh_trial *t)
{
    rh_error_clear(&t->error);
    return &t->error;
}

int32_t rh_trial_try_connect(struct rh_trial *t, const struct rh_settings *settings,
                             const struct rh_op *op, struct rh_conn **ret_conn)
{
    return t->connector->connect(&t->host, op, settings, ret_conn, rh_trial_error(t));
}

struct rh_conn *rh_trial_connect(struct rh_trial *t)
{
    struct rh_conn *conn = NULL;
    int32_t rc;

    if (!t->settings.struct_size)
        rh_trial_settings(t, NULL, &t->settings);
    rc = rh_trial_try_connect(t, &t->settings, &t->op, &conn);
    rh_trial_ok(t, "connect", rc);
    if (!conn)
        rh_trial_fail(t, "connect was OK but gave no connection");
    return conn;
}

void rh_trial_ok(struct rh_trial *t, const char *what, int32_t rc)
{
    if (rc != RH_OK)
        rh_trial_fail_call(t, what, rc, &t->error);
}

void rh_trial_expect(struct rh_trial *t, const char *what, int32_t rc, int32_t expected)
{
    if (rc == expected)
        return;
    if (rc < 0)
        rh_trial_fail(t, "%s: %s, \"%.300s\", instead of %s", what, rh_error_class_name(rc),
                      t->error.message, expected ? rh_error_class_name(expected) : "OK");
    rh_trial_fail(t, "%s: %s instead of %s", what, rc == RH_OK ? "OK" : "END",
                  rh_error_class_name(expected));
}

static bool is_sound_text(const char *field, size_t size)
{
    size_t n = strnlen(field, size);

    return n < size && rh_text_is_utf8(rh_text_make(field, n));
}

void rh_trial_check_error(struct rh_trial *t, const char *what, int32_t rc,
                          const struct rh_error *error)
{
    if (rc > RH_END || rc <= -RH_N_CLASSES)
        rh_trial_fail(t, "%s returned %d, which is no class", what, rc);
    if (rc >= 0)
        return;
    if (error->struct_size != sizeof(*error))
        rh_trial_fail(t, "%s changed the error's struct_size to %u", what, error->struct_size);
    if (error->error_class != rc)
        rh_trial_fail(t, "%s returned %s but its error says %s", what, rh_error_class_name(rc),
                      rh_error_class_name(error->error_class));
    if (!is_sound_text(error->message, sizeof(error->message)) ||
        !is_sound_text(error->hint, sizeof(error->hint)) ||
        !is_sound_text(error->code, sizeof(error->code)) ||
        !is_sound_text(error->column, sizeof(error->column)) ||
        !is_sound_text(error->sqlstate, sizeof(error->sqlstate)))
        rh_trial_fail(t, "%s: a text of its error is not UTF-8 with a NUL behind it", what);
    if (!error->message[0])
        rh_trial_fail(t, "%s: %s without a message", what, rh_error_class_name(rc));
    if (error->constraint > RH_CONSTRAINT_AMBIGUOUS_KEY ||
        (error->constraint != 0) != (rc == RH_CONSTRAINT))
        rh_trial_fail(t, "%s: %s with constraint %u", what, rh_error_class_name(rc),
                      error->constraint);
    if (error->retry > RH_RETRY_IF_IDEMPOTENT)
        rh_trial_fail(t, "%s: retry advice %u, which is none", what, error->retry);
    if (rc == RH_UNKNOWN_OUTCOME && error->retry == RH_RETRY_SAFE)
        rh_trial_fail(t, "%s: UNKNOWN_OUTCOME, and yet \"safe to retry\"", what);
}

void rh_trial_ping(struct rh_trial *t, struct rh_conn *conn, const char *after)
{
    struct rh_op op = rh_trial_op(t, 20000);
    int32_t rc = t->connector->ping(conn, &op, rh_trial_error(t));

    if (rc)
        rh_trial_fail(t, "after %s, ping: %s, \"%.300s\"", after, rh_error_class_name(rc),
                      t->error.message);
}

void *rh_trial_alloc(struct rh_trial *t, size_t n)
{
    void *memory = rh_arena_alloc(t->arena, n);

    if (!memory)
        rh_trial_fail(t, "the suite has not enough memory");
    return memory;
}

const char *rh_trial_string(struct rh_trial *t, struct rh_text text)
{
    char *copy = rh_trial_alloc(t, text.len + 1);

    if (text.len)
        memcpy(copy, text.data, text.len);
    return copy;
}
