/*
 * What crosses between the host and rowhouse-connector-host, struct by struct. `put` writes onto a
 * frame; `take` reads, in place or into an arena, and gives NULL (or false) when the frame is
 * malformed or memory is short; either way the reader has failed. What was taken lives as long as
 * the frame and the arena. Strides become the structs' own sizes.
 */
#pragma once

#include "base/arena.h"
#include "host/isolation/sandbox.h"
#include "host/isolation/wire.h"
#include "host/library.h"

enum rh_wire_type {
    RH_WIRE_BOOT = 1, /* → sandbox and image's path; ← the connector's description */
    RH_WIRE_CONNECT,
    RH_WIRE_PING,
    RH_WIRE_TABLES,
    RH_WIRE_PLAN,
    RH_WIRE_EXPLAIN,
    RH_WIRE_ESTIMATE,
    RH_WIRE_RESET, /* has no answer; see RH_WIRE_RESET_FIRST */
    RH_WIRE_OPEN,  /* ← with the first rows */
    RH_WIRE_NEXT,
    RH_WIRE_FINISH, /* has no answer */
    RH_WIRE_INSERT,
    RH_WIRE_UPDATE,
    RH_WIRE_REMOVE,
    RH_WIRE_UPSERT,
    RH_WIRE_BEGIN,
    RH_WIRE_COMMIT,
    RH_WIRE_ROLLBACK,
    RH_WIRE_SAVEPOINT,
    RH_WIRE_ROLLBACK_TO,
    RH_WIRE_RELEASE,
    RH_WIRE_RUN,
    RH_WIRE_APPLY,
    RH_WIRE_FEED_OPEN,
    RH_WIRE_FEED_NEXT,
    RH_WIRE_N_TYPES,
};

/* With a type: the connection is reset before the question is looked at. Either way a connection
 * whose reset fails is replaced by a new one before its next call. */
#define RH_WIRE_RESET_FIRST 0x80000000u
/* With RH_WIRE_OPEN: the question is struct rh_wire_assumed and what belongs to it. */
#define RH_WIRE_ASSUMING 0x40000000u

/* ---- Control: one message each on a SOCK_SEQPACKET socket ----------------------------------- */

#define RH_CONTROL_OPEN 1   /* → with a descriptor: the socket of a new connection */
#define RH_CONTROL_CANCEL 2 /* → the call `seq` of the connection, if it still runs */
#define RH_CONTROL_LOG 3    /* ← text behind it */
#define RH_CONTROL_LOG_BYTES 4096u

struct rh_control {
    uint32_t kind;
    uint32_t value; /* CANCEL: seq; LOG: level */
    uint64_t conn;  /* OPEN, CANCEL: the connection's number */
};

/* Descriptors that rowhouse-connector-host is started with, beside the standard three. */
#define RH_CHILD_CONTROL 3
#define RH_CHILD_IMAGE 4
#define RH_CHILD_BOOT 5

/* ---- Both ways ------------------------------------------------------------------------------ */

/* Every answer begins with its outcome: the connector's class, and the error when there is one. */
void rh_wire_put_outcome(struct rh_wire_out *out, int32_t rc, const struct rh_error *error);
/* error (NULL allowed) is filled when the answer has one and it is empty. */
bool rh_wire_take_outcome(struct rh_wire_in *in, int32_t *ret_rc, struct rh_error *error);

/* Arena and cancel fd do not cross; `cancelled` does: whether the fd was readable already. */
void rh_wire_put_op(struct rh_wire_out *out, const struct rh_op *op, bool cancelled);
const struct rh_op *rh_wire_take_op(struct rh_wire_in *in, int cancel_fd, struct rh_arena *arena,
                                    bool *ret_cancelled);
void rh_wire_put_settings(struct rh_wire_out *out, const struct rh_settings *settings);
const struct rh_settings *rh_wire_take_settings(struct rh_wire_in *in);

void rh_wire_put_columns(struct rh_wire_out *out, const struct rh_column *columns, uint32_t n,
                         uint32_t stride);
const struct rh_column *rh_wire_take_columns(struct rh_wire_in *in, uint32_t n);
void rh_wire_put_u32s(struct rh_wire_out *out, const uint32_t *items, uint32_t n);
/* A table and all that belongs to it. */
void rh_wire_put_table(struct rh_wire_out *out, const struct rh_table *table);
struct rh_table *rh_wire_take_table(struct rh_wire_in *in);
void rh_wire_put_query(struct rh_wire_out *out, const struct rh_query *query);
const struct rh_query *rh_wire_take_query(struct rh_wire_in *in);

/* ---- Questions ------------------------------------------------------------------------------ */

/* `wants_statuses`: the caller has room for a status per row. */
void rh_wire_put_write(struct rh_wire_out *out, const struct rh_write_spec *spec,
                       bool wants_statuses);
const struct rh_write_spec *rh_wire_take_write(struct rh_wire_in *in, bool *ret_wants_statuses);
void rh_wire_put_native(struct rh_wire_out *out, const struct rh_native_spec *spec);
const struct rh_native_spec *rh_wire_take_native(struct rh_wire_in *in);
void rh_wire_put_changes(struct rh_wire_out *out, const struct rh_ddl_change *changes, uint32_t n,
                         uint32_t stride);
const struct rh_ddl_change *rh_wire_take_changes(struct rh_wire_in *in, uint32_t *ret_n);
void rh_wire_put_feed(struct rh_wire_out *out, const struct rh_feed_spec *spec);
const struct rh_feed_spec *rh_wire_take_feed(struct rh_wire_in *in);

/* In place of a query to be opened: n queries, each a nested frame, with the plans that they are
 * assumed to have; then the query, nested too, unless it is the last of them. The answer is
 * CONFLICT, RH_PLAN_CHANGED, when one of the plans is another. */
struct rh_wire_assumed {
    uint32_t n;
    uint32_t last_is_opened;
};

/* ---- Answers -------------------------------------------------------------------------------- */

void rh_wire_put_catalog(struct rh_wire_out *out, const struct rh_catalog *catalog);
bool rh_wire_take_catalog(struct rh_wire_in *in, struct rh_catalog *ret_catalog);
/* The plan's numbers, its verdicts, and the needs that are set; both sides know the query. The
 * reader has room for them: n_conjuncts and n_columns. */
void rh_wire_put_plan(struct rh_wire_out *out, const struct rh_plan *plan,
                      const struct rh_query *query);
bool rh_wire_take_plan(struct rh_wire_in *in, struct rh_plan *plan, const struct rh_query *query);
void rh_wire_put_written(struct rh_wire_out *out, const struct rh_write_result *result,
                         uint64_t n_statuses);
/* Texts of statuses are copied into the op's arena: they outlive the frame. */
bool rh_wire_take_written(struct rh_wire_in *in, struct rh_write_result *result,
                          uint64_t n_statuses, struct rh_arena *arena);
void rh_wire_put_feed_batch(struct rh_wire_out *out, const struct rh_feed_batch *batch);
bool rh_wire_take_feed_batch(struct rh_wire_in *in, struct rh_feed_batch *ret_batch);

/*
 * Rows of a cursor: these numbers, the cells of one or several `next`, then the outcome of the last
 * one. OK: there may be more. Otherwise nothing comes after these rows, and the cursor has been
 * finished there.
 */
struct rh_wire_rows {
    uint32_t has_cursor; /* 0: `open` gave none, and nothing follows */
    uint32_t n_cols;
    uint64_t n_rows;
};
/* A question for rows. */
struct rh_wire_wish {
    uint32_t max_rows; /* of one `next`, as the host asked */
    uint32_t n_rows;   /* to be sent, as far as a frame takes them; at least max_rows */
};

/* What `run` gave; its columns follow. */
struct rh_wire_ran {
    uint32_t has_cursor;
    uint32_t n_columns;
    uint64_t n_affected;
};

/* ---- Start ---------------------------------------------------------------------------------- */

struct rh_wire_boot {
    uint32_t version; /* RH_WIRE_VERSION */
    uint32_t parent;  /* its process id */
    uint64_t n_bytes; /* of the image */
    const char *build, *path, *sha256;
    struct rh_sandbox sandbox;
};
void rh_wire_put_boot(struct rh_wire_out *out, const struct rh_wire_boot *boot);
bool rh_wire_take_boot(struct rh_wire_in *in, struct rh_arena *arena,
                       struct rh_wire_boot *ret_boot);

/* A connector's table: which functions and groups it has, and everything else as it is. */
void rh_wire_put_connector(struct rh_wire_out *out, const struct rh_connector *connector);
struct rh_wire_connector {
    struct rh_connector connector; /* its groups and limits are those below, or the proxy's */
    struct rh_limits limits;
    struct rh_write write;
    struct rh_native native;
};
/* `proxy` is whole: what the connector has are the proxy's functions. Texts and operators stay in
 * the frame. */
bool rh_wire_take_connector(struct rh_wire_in *in, const struct rh_connector *proxy,
                            struct rh_wire_connector *ret_connector);
