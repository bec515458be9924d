/*
 * Rowhouse connector ABI: the connector.
 *
 * A connector is a shared object that exports one function, RH_ENTRY_SYMBOL, which returns a
 * pointer to a `static const struct rh_connector`. The host copies as much of that table as both
 * sides know, checks what is required and puts a stub that answers RH_UNSUPPORTED in every gap.
 *
 * The promise: a connector built against 1.x runs on every host 1.y with y >= min_host_minor, and
 * a host 1.y loads every connector 1.x. (Draft until connectors of four kinds pass; see value.h.)
 *
 * A connector keeps its state behind rh_conn and rh_cursor. It starts no thread that outlives a
 * connection, installs no signal handler, changes no process state (locale, environment,
 * directory), writes nothing to stdout or stderr, never forks, never exits, and keeps no pointer
 * that it was lent after the call returns.
 *
 * Thread tags: [any] any thread, any time; [conn] the host makes one call at a time per
 * connection, on threads that may change; [cursor] as [conn], for the cursor's connection;
 * [cancel] any thread, also while another call runs in the same object.
 */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/host.h>
#include <rowhouse/query.h>
#include <rowhouse/value.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RH_ABI_MAJOR 1
#define RH_ABI_MINOR 0
#define RH_ENTRY_SYMBOL "rh_connector_v1"

struct rh_conn;   /* the connector's */
struct rh_cursor; /* the connector's */

#define RH_KIND_SQL 1
#define RH_KIND_DOCUMENT 2
#define RH_KIND_KEYVALUE 3
#define RH_KIND_REST 4
#define RH_KIND_FILE 5

#define RH_THREADS_SERIAL 0     /* one call at a time per connection */
#define RH_THREADS_CONCURRENT 1 /* calls on different cursors of a connection may overlap */

/* A row of the `operators` table: the upper bound of what can be pushed down. A connector
 * without `plan` is planned from this table alone. Operators that are not listed: NONE. */
struct rh_operator {
    uint32_t op;    /* RH_OP_* with NOT and FOLD bits. AND and OR are not listed: an OR is as
                         exact as its weakest branch. */
    uint32_t types; /* set of column types: RH_TYPE_BIT(type) | … ; ignored by EXISTS and SEEK */
    uint32_t verdict; /* RH_VERDICT_* */
    uint32_t reserved;
};
#define RH_TYPE_BIT(type) (1u << (type))

/* Zero means "no limit that we know of". */
struct rh_limits {
    uint32_t struct_size;
    uint32_t parameters;       /* per statement */
    uint32_t in_values;        /* per IN list */
    uint32_t rows_per_write;   /* per call of the write group */
    uint32_t identifier_bytes; /* names of tables and columns */
    uint32_t connections;      /* per datasource */
};

/* A setting: validated against config_schema, with the schema's defaults filled in. BOOL, INT,
 * FLOAT, TEXT; arrays and objects as JSON. */
struct rh_setting {
    struct rh_text name;
    struct rh_value value;
};
struct rh_settings {
    uint32_t struct_size;
    uint32_t n;
    const struct rh_setting *items;
    uint32_t stride;
    uint32_t reserved;
};

/* ---- Writing ----------------------------------------------------------------------------- */

#define RH_ATOMIC_ALL 1 /* a call changes all of its rows or nothing */
#define RH_ATOMIC_ROW 2 /* each row for itself; rh_write_result.statuses tells */

#define RH_RESOLVE_ERROR 0  /* a row that exists is an error (insert) */
#define RH_RESOLVE_MERGE 1  /* upsert: set the given columns of the row that exists */
#define RH_RESOLVE_IGNORE 2 /* upsert: leave the row that exists as it is */

/*
 * What to write. `cells` holds n_rows rows of n_columns values. A column may be listed twice, once
 * as key and once to be set (a changed key).
 *   insert  all columns; MISSING = the source's default
 *   update  keyed: `key` lists the columns that find the row, the others are set. Set-based:
 *           `where` is not NULL, n_key is 0, and the one row of cells is set in every match
 *   delete  keyed: all columns are key. Set-based: `where`
 *   upsert  `key` lists the conflict columns; see `resolve`
 * A keyed row that matches more than one row of the table is CONSTRAINT/AMBIGUOUS_KEY; one that
 * matches none is not an error: it counts as not affected. In `where`, every conjunct was claimed
 * EXACT; select, groups, order and limit are unset.
 */
struct rh_write_spec {
    uint32_t struct_size;
    uint32_t resolve; /* RH_RESOLVE_*, upsert only */
    struct rh_text schema;
    struct rh_text table;
    const struct rh_column *columns;
    uint32_t n_columns;
    uint32_t column_stride;
    const uint32_t *key; /* positions in columns */
    uint32_t n_key;
    uint32_t reserved;
    uint64_t n_rows;
    const struct rh_value *cells;
    const struct rh_query *where;
    const struct rh_column *returning; /* columns to return for every row written, in input order */
    uint32_t n_returning;
    uint32_t returning_stride;
};

struct rh_row_status {
    int32_t error_class; /* RH_OK or a class */
    uint32_t constraint;
    struct rh_text message; /* from the op's arena */
};

struct rh_write_result {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t n_affected;
    struct rh_batch returned; /* borrowed until the next call on the connection. Update, delete and
                                 upsert/IGNORE: rows that were not affected are left out */
    struct rh_row_status *statuses; /* host's room for n_rows, zeroed; RH_ATOMIC_ROW only */
};

typedef int32_t rh_write_fn(struct rh_conn *conn, const struct rh_op *op,
                            const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                            struct rh_error *error);

/* Group. [conn] NULL functions: unsupported. After UNKNOWN_OUTCOME the host closes the connection
 * and never retries blindly. */
struct rh_write {
    uint32_t struct_size;
    uint32_t atomicity; /* RH_ATOMIC_* */
    rh_write_fn *insert;
    rh_write_fn *update;
    rh_write_fn *remove;
    rh_write_fn *upsert;
};

/* ---- Transactions ------------------------------------------------------------------------ */

#define RH_TX_READ_ONLY 0x1u
#define RH_TX_SNAPSHOT 0x2u /* all reads see one state */

/* Group. [conn] One transaction per connection. commit whose answer was lost: UNKNOWN_OUTCOME.
 * Savepoints are numbered by the host, 1, 2, …, nested like parentheses. */
struct rh_tx {
    uint32_t struct_size;
    uint32_t reserved;
    int32_t (*begin)(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                     struct rh_error *error);
    int32_t (*commit)(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
    int32_t (*rollback)(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
    int32_t (*savepoint)(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                         struct rh_error *error);
    int32_t (*rollback_to)(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                           struct rh_error *error);
    int32_t (*release)(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                       struct rh_error *error);
};

/* ---- Native queries ---------------------------------------------------------------------- */

/* Text in the source's own language; parameters are always bound, in the source's own placeholder
 * style. With RH_OP_READ_ONLY the connector makes the source refuse changes, or refuses itself. */
struct rh_native_spec {
    uint32_t struct_size;
    uint32_t n_parameters;
    struct rh_text text; /* one statement */
    const struct rh_value *parameters;
};

/* columns: from the op's arena; NULL cursor when the statement returns no rows. */
struct rh_native_result {
    uint32_t struct_size;
    uint32_t n_columns;
    const struct rh_column *columns;
    struct rh_cursor *cursor; /* read with next, ended with finish */
    uint64_t n_affected;
};

struct rh_native {
    uint32_t struct_size;
    uint32_t reserved;
    struct rh_text language; /* "SQL (PostgreSQL)" */
    int32_t (*run)(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error);
};

/* ---- Tables made and changed ------------------------------------------------------------- */

#define RH_DDL_CREATE_TABLE 1  /* table */
#define RH_DDL_DROP_TABLE 2    /* table.schema, .name */
#define RH_DDL_RENAME_TABLE 3  /* table, new_name */
#define RH_DDL_ADD_COLUMN 4    /* table, column */
#define RH_DDL_DROP_COLUMN 5   /* table, column.name */
#define RH_DDL_RENAME_COLUMN 6 /* table, column.name, new_name */
#define RH_DDL_ALTER_COLUMN 7  /* table, column: type, NOT NULL and default become as given */
#define RH_DDL_CREATE_INDEX 8  /* table.indexes[0] */
#define RH_DDL_DROP_INDEX 9    /* table, new_name = the index */

/* native_type wins over type when it is given; default_text is a literal of the column's type. */
struct rh_ddl_change {
    uint32_t kind; /* RH_DDL_* */
    uint32_t reserved;
    const struct rh_table *table;
    const struct rh_column *column;
    struct rh_text new_name;
};

#define RH_DDL_DRY_RUN 0x1u

struct rh_ddl {
    uint32_t struct_size;
    uint32_t reserved;
    /* [conn] All changes or none where the source has transactional DDL, else in order until one
     * fails (error.row tells which). ret_native: what was or would be executed, op's arena. */
    int32_t (*apply)(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                     uint32_t flags, struct rh_text *ret_native, struct rh_error *error);
};

/* ---- Changes ----------------------------------------------------------------------------- */

#define RH_CHANGE_PUT 1    /* inserted or updated: the row as it is now or was then */
#define RH_CHANGE_DELETE 2 /* the cells of key columns are given, others may be MISSING */

struct rh_feed_spec {
    uint32_t struct_size;
    uint32_t reserved;
    struct rh_text schema;
    struct rh_text table;
    struct rh_text since; /* a token of this feed; no text: from now on */
    const struct rh_column *columns;
    uint32_t n_columns;
    uint32_t column_stride;
};

/* Borrowed until the next call on the cursor. */
struct rh_feed_batch {
    uint32_t struct_size;
    uint32_t reserved;
    const uint32_t *kinds; /* RH_CHANGE_*, one per row of `rows` */
    struct rh_batch rows;  /* of the spec's columns */
    struct rh_text token;  /* where to go on after these changes; opaque, at most 4096 bytes */
};

/* Group. Changes come at least once, and in order for each row of the table. */
struct rh_feed {
    uint32_t struct_size;
    uint32_t reserved;
    /* [conn] Ends with `finish`, as every cursor. NOT_FOUND, code "feed-gone": the token is too
     * old or not of this feed; the reader has to read the table and start from now. */
    int32_t (*open)(struct rh_conn *conn, const struct rh_op *op, const struct rh_feed_spec *spec,
                    struct rh_cursor **ret_cursor, struct rh_error *error);
    /* [cursor] Waits for changes. RH_OK with no rows and a token when the source has nothing new
     * for a while (at most until shortly before the op's deadline). */
    int32_t (*next)(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_changes,
                    struct rh_feed_batch *ret_batch, struct rh_error *error);
};

/* ---- The table --------------------------------------------------------------------------- */

/* rh_connector.flags. The low 16 bits must be understood, the others may be ignored. */
/* It loads code of others that may hang or crash (drivers): runs in a process of its own, where the
 * host can do that. */
#define RH_CONNECTOR_ISOLATED 0x00010000u

/* A group that is present is a promise; a NULL group means unsupported. */
struct rh_connector {
    uint32_t struct_size;
    uint32_t abi_minor;      /* RH_ABI_MINOR it was built with */
    uint32_t min_host_minor; /* the least host minor that it runs on */
    uint32_t kind;           /* RH_KIND_* */
    uint32_t threads;        /* RH_THREADS_* */
    uint32_t n_operators;
    const struct rh_operator *operators;
    uint32_t operator_stride;
    uint32_t flags;    /* RH_CONNECTOR_* */
    struct rh_text id; /* "postgres": [a-z][a-z0-9_]* */
    struct rh_text title;
    struct rh_text version;
    struct rh_text vendor;
    struct rh_text license;
    struct rh_text config_schema; /* JSON Schema of the settings: an object with properties of type
                                     string, integer, number, boolean, array or object; default,
                                     enum, minimum, maximum, required; x-secret, x-order,
                                     x-placeholder, x-group. Unknown settings are errors. */
    struct rh_text url_schemes;   /* "postgres postgresql": URLs that its `url` setting takes */
    const struct rh_limits *limits;

    /* Required. ------------------------------------------------------------------------- */

    /* [any] Opens a connection. Owned by the caller until close. Wrong credentials: AUTH;
     * unreachable: UNAVAILABLE, within the op's deadline. */
    int32_t (*connect)(const struct rh_host *host, const struct rh_op *op,
                       const struct rh_settings *settings, struct rh_conn **ret_conn,
                       struct rh_error *error);
    /* [conn] Never fails, never blocks for long; ends open cursors and transactions. */
    void (*close)(struct rh_conn *conn);
    /* [conn] One round trip that proves that the source answers. */
    int32_t (*ping)(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
    /* [conn] Everything the settings show, in a number of requests that does not grow with the
     * number of tables. */
    int32_t (*tables)(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                      struct rh_error *error);
    /* [conn] Executes the query and returns a cursor, ended by finish. The query is what was
     * accepted: all that is in it must be done, and nothing else is expected. A SUPERSET conjunct
     * may be used more loosely, an EXACT one not. One open cursor per connection. */
    int32_t (*open)(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                    struct rh_cursor **ret_cursor, struct rh_error *error);
    /* [cursor] Up to max_rows rows (at least one), in bounded memory; RH_END after the last. The
     * host sets ret_batch->struct_size; n_cols is the width of the query's output. */
    int32_t (*next)(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                    struct rh_batch *ret_batch, struct rh_error *error);
    /* [cursor] Frees the cursor at any point; early: ends the remote work. */
    void (*finish)(struct rh_cursor *cursor);
    /* [cancel] Makes the call that is running on the connection end with CANCELLED, within
     * 250 ms on a live server. Without a running call: no effect. */
    void (*cancel)(struct rh_conn *conn);

    /* Optional. ------------------------------------------------------------------------- */

    /* [conn] No I/O. Says what it would do with each part of the query; see rh_plan. */
    int32_t (*plan)(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                    struct rh_error *error);
    /* [conn] No I/O. Native text that `open` would execute, from the op's arena; no secrets. */
    int32_t (*explain)(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                       struct rh_text *ret_native, struct rh_error *error);
    /* [conn] The source's own estimate of how many rows the query's conjuncts leave. */
    int32_t (*estimate)(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                        int64_t *ret_rows, struct rh_error *error);
    /* [conn] Makes the connection as good as new before another request uses it. */
    int32_t (*reset)(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
    const struct rh_write *write;
    const struct rh_tx *tx;
    const struct rh_native *native;
    const struct rh_ddl *ddl;
    const struct rh_feed *feed;
};

/*
 * [any] The entry, the only exported symbol. Pure: no I/O, no threads, no host calls. host_minor
 * is the host's; returns 0 and a table that lives for ever, or RH_UNSUPPORTED when the connector
 * cannot run on that host.
 */
typedef int32_t rh_connector_entry_fn(uint32_t host_minor,
                                      const struct rh_connector **ret_connector);

#if defined(__GNUC__)
#define RH_EXPORT __attribute__((visibility("default")))
#else
#define RH_EXPORT
#endif

RH_EXPORT int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector);

#ifdef __cplusplus
}
#endif
