/*
 * Connectors that break one rule. Each is a good connector of ours (its sources are linked in) with
 * a function of its table replaced: break_rule does that, and may break the entry itself.
 *
 * The opening comment of each file says what the runner needs to know:
 *     rule broken, in words
 *     base: sqlite | postgres | memory
 *     fails: the tests that must fail
 * and, where it matters, `also: ` suites that such a connector cannot but fail, and `timeout: `
 * seconds of a test.
 */
#pragma once

#include <rowhouse/connector.h>

#include <stdlib.h>
#include <string.h>

/* The good connector's entry and table. */
int32_t good_entry(uint32_t host_minor, const struct rh_connector **ret_connector);
static const struct rh_connector *good;

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor);

RH_EXPORT int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    static struct rh_connector bad;

    good_entry(RH_ABI_MINOR, &good);
    if (!bad.struct_size)
        bad = *good;
    *ret_connector = &bad;
    return break_rule(&bad, host_minor);
}

/* An outcome of one class that is told as another. */
static inline int32_t reclass(int32_t rc, int32_t from, int32_t to, struct rh_error *error)
{
    if (rc != from)
        return rc;
    error->error_class = to < 0 ? to : RH_OK;
    error->constraint = 0;
    return to;
}

static inline int32_t fail(struct rh_error *error, int32_t error_class, const char *message)
{
    error->error_class = error_class;
    strncpy(error->message, message, sizeof(error->message) - 1);
    return error_class;
}

/* The operation with another deadline. */
static inline struct rh_op without_deadline(const struct rh_op *op)
{
    struct rh_op late = *op;

    late.deadline_us = op->deadline_us + 3600000000u;
    return late;
}

static inline struct rh_op without_flags(const struct rh_op *op)
{
    struct rh_op free_op = *op;

    free_op.flags = 0;
    return free_op;
}

/* Groups are const: a bad one is a copy. */
static inline struct rh_write *own_write(struct rh_connector *bad)
{
    static struct rh_write group;

    group = *good->write;
    bad->write = &group;
    return &group;
}

static inline struct rh_tx *own_tx(struct rh_connector *bad)
{
    static struct rh_tx group;

    group = *good->tx;
    bad->tx = &group;
    return &group;
}

static inline struct rh_native *own_native(struct rh_connector *bad)
{
    static struct rh_native group;

    group = *good->native;
    bad->native = &group;
    return &group;
}

static inline struct rh_ddl *own_ddl(struct rh_connector *bad)
{
    static struct rh_ddl group;

    group = *good->ddl;
    bad->ddl = &group;
    return &group;
}

static inline struct rh_feed *own_feed(struct rh_connector *bad)
{
    static struct rh_feed group;

    group = *good->feed;
    bad->feed = &group;
    return &group;
}

/* What a connector gave is const to the host; a bad connector changes it all the same. */
static inline void *mutable(const void *pointer)
{
    union {
        const void *from;
        void *to;
    } cast = {pointer};

    return cast.to;
}
