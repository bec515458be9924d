/*
 * A stub knows only its own name: a C function has no room for the connector's. Whoever calls it
 * through a pool puts the datasource's name before the message.
 */
#include "host/stubs.h"

#include "base/err.h"

static int32_t unsupported(struct rh_error *error, const char *function)
{
    return rh_fail(error, RH_UNSUPPORTED, "the connector does not support \"%s\"", function);
}

static int32_t stub_explain(struct rh_conn *conn, const struct rh_op *op,
                            const struct rh_query *query, struct rh_text *ret_native,
                            struct rh_error *error)
{
    return unsupported(error, "explain");
}

static int32_t stub_estimate(struct rh_conn *conn, const struct rh_op *op,
                             const struct rh_query *query, int64_t *ret_rows,
                             struct rh_error *error)
{
    return unsupported(error, "estimate");
}

static int32_t stub_insert(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                           struct rh_error *error)
{
    return unsupported(error, "write.insert");
}

static int32_t stub_update(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                           struct rh_error *error)
{
    return unsupported(error, "write.update");
}

static int32_t stub_remove(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                           struct rh_error *error)
{
    return unsupported(error, "write.remove");
}

static int32_t stub_upsert(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                           struct rh_error *error)
{
    return unsupported(error, "write.upsert");
}

static int32_t stub_begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                          struct rh_error *error)
{
    return unsupported(error, "tx.begin");
}

static int32_t stub_commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return unsupported(error, "tx.commit");
}

static int32_t stub_rollback(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return unsupported(error, "tx.rollback");
}

static int32_t stub_savepoint(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                              struct rh_error *error)
{
    return unsupported(error, "tx.savepoint");
}

static int32_t stub_rollback_to(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                                struct rh_error *error)
{
    return unsupported(error, "tx.rollback_to");
}

static int32_t stub_release(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                            struct rh_error *error)
{
    return unsupported(error, "tx.release");
}

static int32_t stub_run(struct rh_conn *conn, const struct rh_op *op,
                        const struct rh_native_spec *spec, struct rh_native_result *ret_result,
                        struct rh_error *error)
{
    return unsupported(error, "native.run");
}

static int32_t stub_apply(struct rh_conn *conn, const struct rh_op *op,
                          const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                          uint32_t flags, struct rh_text *ret_native, struct rh_error *error)
{
    return unsupported(error, "ddl.apply");
}

static int32_t stub_feed_open(struct rh_conn *conn, const struct rh_op *op,
                              const struct rh_feed_spec *spec, struct rh_cursor **ret_cursor,
                              struct rh_error *error)
{
    return unsupported(error, "feed.open");
}

static int32_t stub_feed_next(struct rh_cursor *cursor, const struct rh_op *op,
                              uint32_t max_changes, struct rh_feed_batch *ret_batch,
                              struct rh_error *error)
{
    return unsupported(error, "feed.next");
}

void rh_stubs_fill_connector(struct rh_connector *connector)
{
    if (!connector->explain)
        connector->explain = stub_explain;
    if (!connector->estimate)
        connector->estimate = stub_estimate;
}

void rh_stubs_fill_write(struct rh_write *write)
{
    if (!write->insert)
        write->insert = stub_insert;
    if (!write->update)
        write->update = stub_update;
    if (!write->remove)
        write->remove = stub_remove;
    if (!write->upsert)
        write->upsert = stub_upsert;
}

void rh_stubs_fill_tx(struct rh_tx *tx)
{
    if (!tx->begin)
        tx->begin = stub_begin;
    if (!tx->commit)
        tx->commit = stub_commit;
    if (!tx->rollback)
        tx->rollback = stub_rollback;
    if (!tx->savepoint)
        tx->savepoint = stub_savepoint;
    if (!tx->rollback_to)
        tx->rollback_to = stub_rollback_to;
    if (!tx->release)
        tx->release = stub_release;
}

void rh_stubs_fill_native(struct rh_native *native)
{
    if (!native->run)
        native->run = stub_run;
}

void rh_stubs_fill_ddl(struct rh_ddl *ddl)
{
    if (!ddl->apply)
        ddl->apply = stub_apply;
}

void rh_stubs_fill_feed(struct rh_feed *feed)
{
    if (!feed->open)
        feed->open = stub_feed_open;
    if (!feed->next)
        feed->next = stub_feed_next;
}
