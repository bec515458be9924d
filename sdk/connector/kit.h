/*
 * The connector author's kit: the one header to start from. Gives rh_fail and texts (base/), and
 * access to the settings that `connect` received.
 *
 * The kit depends on the ABI and on core/base (libc only), so a connector compiles outside this
 * tree. Nothing here keeps state but a per-thread note of when the cancel fd was last looked at.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

#include <rowhouse/connector.h>

#include <stdbool.h>

/* The setting's text, or {NULL, 0} when it is not set. Borrowed from settings. [any] */
struct rh_text rh_kit_setting_text(const struct rh_settings *settings, const char *name);
/* The setting's number or truth value, or `otherwise` when it is not set. [any] */
int64_t rh_kit_setting_int(const struct rh_settings *settings, const char *name, int64_t otherwise);
bool rh_kit_setting_bool(const struct rh_settings *settings, const char *name, bool otherwise);
/* Copy owned by the caller (free), NUL-terminated; NULL when not set or out of memory. */
char *rh_kit_setting_dup(const struct rh_settings *settings, const char *name);

/* CANCELLED, TIMEOUT or RH_OK; for connectors that poll. */
int rh_kit_check(const struct rh_host *host, const struct rh_op *op, struct rh_error *error);

/* Column `position` of an array that crosses with a stride. */
static inline const struct rh_column *rh_kit_column(const struct rh_column *columns,
                                                    uint32_t stride, uint32_t position)
{
    const char *at = (const char *)columns + (size_t)position * stride;
    return (const struct rh_column *)(const void *)at;
}

/*
 * Defines the functions of a write group where one does the work of all of them and is told which it is:
 *     int run(struct rh_conn *, const struct rh_op *, const struct rh_write_spec *, VERB,
 *             struct rh_write_result *, struct rh_error *)
 * RH_KIT_DEFINE_WRITES gives insert, update and remove_rows, RH_KIT_DEFINE_UPSERT gives upsert: what is
 * there is merged with the row, or stays as it is (RH_RESOLVE_IGNORE).
 */
#define RH_KIT_DEFINE_WRITE(name, run, verb)                                                       \
    static int32_t name(struct rh_conn *conn, const struct rh_op *op,                              \
                        const struct rh_write_spec *spec, struct rh_write_result *ret_result,      \
                        struct rh_error *error)                                                    \
    {                                                                                              \
        return run(conn, op, spec, verb, ret_result, error);                                       \
    }
#define RH_KIT_DEFINE_WRITES(run, insert_verb, update_verb, remove_verb)                           \
    RH_KIT_DEFINE_WRITE(insert, run, insert_verb)                                                  \
    RH_KIT_DEFINE_WRITE(update, run, update_verb)                                                  \
    RH_KIT_DEFINE_WRITE(remove_rows, run, remove_verb)
#define RH_KIT_DEFINE_UPSERT(run, merge_verb, ignore_verb)                                         \
    RH_KIT_DEFINE_WRITE(upsert, run,                                                               \
                        spec->resolve == RH_RESOLVE_IGNORE ? (ignore_verb) : (merge_verb))

/* A row that is not written, where each row stands for itself; the message is copied into the operation's
 * arena. constraint: RH_CONSTRAINT_* or 0. */
void rh_kit_refuse(const struct rh_host *host, const struct rh_op *op, struct rh_row_status *status,
                   int32_t error_class, uint32_t constraint, struct rh_text message);

/* Values, for literals in code. */
static inline struct rh_value rh_kit_null(void)
{
    return (struct rh_value){.type = RH_TYPE_NULL};
}
static inline struct rh_value rh_kit_int(int64_t i)
{
    return (struct rh_value){.type = RH_TYPE_INT, .as.i = i};
}
static inline struct rh_value rh_kit_text(struct rh_text text)
{
    return (struct rh_value){.type = RH_TYPE_TEXT, .len = (uint32_t)text.len, .as.data = text.data};
}
static inline struct rh_text rh_kit_value_text(const struct rh_value *value)
{
    return (struct rh_text){(const char *)value->as.data, value->len};
}
static inline bool rh_kit_is_null(const struct rh_value *value)
{
    return value->type <= RH_TYPE_NULL;
}
