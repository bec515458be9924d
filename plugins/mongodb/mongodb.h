/*
 * MongoDB: collections as tables, documents as rows, through libmongoc's commands.
 *
 * A collection or view of the database is a table; its columns are the top-level fields that a sample
 * of documents has, or that a $jsonSchema validator declares. `_id` is the key. What is nested is JSON,
 * as MongoDB's relaxed Extended JSON.
 *
 *   config.c    settings                    stream.c    sockets that end with the operation
 *   connection.c connect, commands          failure.c   what the server's errors mean
 *   schema.c    types of columns            catalog.c   tables
 *   value.c     BSON to cells and back      json.c      BSON to JSON and back
 *   filter.c    conditions as filters       rank.c      Rowhouse's order as computed keys
 *   seek.c      positions in an order       plan.c      what is claimed
 *   pipeline.c  the command for a query     read.c      cursors
 *   write.c     the write group             tx.c        transactions
 *   native.c    commands as they are        ddl.c       collections and indexes
 *   feed.c      change streams
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/vec.h"
#include "connector/kit.h"
#include "connector/rowset.h"

#include <rowhouse/connector.h>

#include <mongoc/mongoc.h>

#define RH_MONGODB_ID "_id"
#define RH_MONGODB_MAX_DEPTH 100 /* of documents, MongoDB's own limit */

/* ---- Settings (config.c) ------------------------------------------------------------------- */

#define RH_MONGODB_CONFIG_SCHEMA                                                                   \
    "{\"type\": \"object\", \"properties\": {"                                                     \
    " \"url\": {\"type\": \"string\", \"title\": \"URL\", \"x-order\": 1,"                         \
    "  \"x-placeholder\": \"mongodb://localhost:27017/shop\", \"x-secret\": true,"                 \
    "  \"description\": \"The server or the replica set, maybe with user, password, database and " \
    "options\"},"                                                                                  \
    " \"host\": {\"type\": \"string\", \"title\": \"Host\", \"x-order\": 2,"                       \
    "  \"description\": \"Instead of a URL\"},"                                                    \
    " \"port\": {\"type\": \"integer\", \"title\": \"Port\", \"default\": 27017, \"minimum\": 1,"  \
    "  \"maximum\": 65535, \"x-order\": 3},"                                                       \
    " \"database\": {\"type\": \"string\", \"title\": \"Database\", \"x-order\": 4},"              \
    " \"user\": {\"type\": \"string\", \"title\": \"User\", \"x-order\": 5},"                      \
    " \"password\": {\"type\": \"string\", \"title\": \"Password\", \"x-order\": 6,"               \
    "  \"x-secret\": true},"                                                                       \
    " \"auth_source\": {\"type\": \"string\", \"title\": \"Authentication database\","             \
    "  \"x-order\": 7, \"x-placeholder\": \"admin\"},"                                             \
    " \"replica_set\": {\"type\": \"string\", \"title\": \"Replica set\", \"x-order\": 8},"        \
    " \"sample\": {\"type\": \"integer\", \"title\": \"Sample\", \"default\": 1000,"               \
    "  \"minimum\": 1, \"maximum\": 100000, \"x-order\": 9, \"description\": \"Documents of a"     \
    " collection that columns are inferred from\"},"                                               \
    " \"tls\": {\"type\": \"boolean\", \"title\": \"TLS\", \"default\": false, \"x-order\": 10,"   \
    "  \"x-group\": \"advanced\"},"                                                                \
    " \"tls_ca\": {\"type\": \"string\", \"title\": \"File of the certificate authority\","        \
    "  \"x-order\": 11, \"x-group\": \"advanced\"},"                                               \
    " \"tls_key\": {\"type\": \"string\", \"title\": \"File of our certificate and key\","         \
    "  \"x-order\": 12, \"x-group\": \"advanced\"},"                                               \
    " \"insecure\": {\"type\": \"boolean\", \"title\": \"Do not verify the certificate\","         \
    "  \"default\": false, \"x-order\": 13, \"x-group\": \"advanced\"}}}"

/* Texts owned; NULL where not set. */
struct rh_mongodb_config {
    mongoc_uri_t *uri; /* with user and password */
    char *database;
    char *tls_ca, *tls_key; /* files */
    uint32_t sample;
    bool insecure;
};

/* CONFIG. Owned by the caller until fini. */
int rh_mongodb_config_init(struct rh_mongodb_config *ret_config, const struct rh_settings *settings,
                           struct rh_error *error);
void rh_mongodb_config_fini(struct rh_mongodb_config *config);

/* ---- Connections (connection.c, stream.c, failure.c) --------------------------------------- */

struct rh_conn {
    const struct rh_host *host;
    struct rh_mongodb_config config;
    mongoc_client_t *client;
    mongoc_client_session_t *session; /* all commands are in it; NULL: the server has none */
    struct rh_cursor *cursor;         /* the open one, or NULL */
    struct rh_rowset returned;        /* rows that the last write returned */
    struct rh_buf scratch;            /* of the value at hand */
    int wake_fd;                      /* eventfd; `cancel` writes it */
    /* of the call that is running */
    const struct rh_op *op;  /* NULL: none */
    uint64_t grace_until_us; /* without op: how long a last word may take */
    int ended;               /* RH_CANCELLED or RH_TIMEOUT: no wait goes on */
    bool sent;               /* something was written to a socket */
    /* of the transaction */
    bool in_tx;
    bool tx_read_only;
};

int32_t rh_mongodb_connect(const struct rh_host *host, const struct rh_op *op,
                           const struct rh_settings *settings, struct rh_conn **ret_conn,
                           struct rh_error *error);
void rh_mongodb_close(struct rh_conn *conn);
int32_t rh_mongodb_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_mongodb_cancel(struct rh_conn *conn);

/* Around each call that talks to the server. begin: CANCELLED, TIMEOUT. */
int rh_mongodb_begin(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_mongodb_end(struct rh_conn *conn);

enum rh_mongodb_access {
    RH_MONGODB_READ,
    RH_MONGODB_WRITE,
    RH_MONGODB_LOOK, /* at collections and indexes: outside of the transaction, where that is refused */
};

/* Runs a command. database NULL: the configured one. *server: where; 0: to be selected, and then set.
 * On RH_OK the reply is the caller's to destroy; it is checked for ok, not for writeErrors. A write
 * whose answer was lost: UNKNOWN_OUTCOME. */
int rh_mongodb_command(struct rh_conn *conn, enum rh_mongodb_access access, const char *database,
                       const bson_t *command, const char *what, uint32_t *server, bson_t *ret_reply,
                       struct rh_error *error);
/* NOT_FOUND when there is no such collection: MongoDB reads nothing from it, and makes it when it is
 * written to. */
int rh_mongodb_check_collection(struct rh_conn *conn, struct rh_text name, struct rh_error *error);
/* Waits, at most until the deadline. CANCELLED, TIMEOUT. */
int rh_mongodb_pause(struct rh_conn *conn, int ms, struct rh_error *error);
/* Milliseconds until shortly before the deadline, at least 1: for maxTimeMS. */
int64_t rh_mongodb_left_ms(const struct rh_conn *conn);
/* The library's stream initiator; connection: struct rh_conn. */
mongoc_stream_t *rh_mongodb_stream_open(const mongoc_uri_t *uri, const mongoc_host_list_t *host,
                                        void *connection, bson_error_t *error);
/* Fills the error from the library's; returns its class. wrote: the command may have changed data. */
int rh_mongodb_fail(struct rh_conn *conn, const bson_error_t *failure, bool wrote, const char *what,
                    struct rh_error *error);
/* Class of a server's error code, and which constraint. */
int rh_mongodb_class(int64_t code, uint32_t *ret_constraint);

/* The title of validators that Rowhouse has made, and the index that is their tables' key. */
#define RH_MONGODB_OURS "rowhouse"
#define RH_MONGODB_KEY "rowhouse_key"

/* ---- Types of columns (schema.c) ----------------------------------------------------------- */

/* rh_column.native_id: the kinds of values that were seen, and what else is known. Never zero for a
 * column that was described here. */
#define RH_MONGODB_KNOWN 0x0001u
#define RH_MONGODB_INT 0x0002u
#define RH_MONGODB_DOUBLE 0x0004u
#define RH_MONGODB_DECIMAL 0x0008u
#define RH_MONGODB_STRING 0x0010u
#define RH_MONGODB_OID 0x0020u
#define RH_MONGODB_BOOL 0x0040u
#define RH_MONGODB_DATE 0x0080u
#define RH_MONGODB_BINARY 0x0100u
#define RH_MONGODB_UUID 0x0200u
#define RH_MONGODB_OTHER 0x0400u /* documents, arrays, all else */
#define RH_MONGODB_KINDS 0x07feu /* all of them */
#define RH_MONGODB_ORDERED                                                                         \
    0x10000u /* values are of one kind and never null: a plain sort is ours */

/* The kind of a value; 0 for null and undefined. */
uint32_t rh_mongodb_kind(const bson_iter_t *value);
/* The type that a column of these kinds has, and its name. */
uint32_t rh_mongodb_type(uint32_t kinds);
struct rh_text rh_mongodb_type_name(uint32_t kinds);
/* Columns of a table, from documents and a validator; see schema.c. */
struct rh_mongodb_schema {
    struct rh_arena *arena; /* borrowed */
    void *fields;           /* of struct field, in the order in which they were seen */
    uint32_t n_fields, cap_fields;
    bool is_ours; /* the collection was made by Rowhouse */
};
int rh_mongodb_schema_add(struct rh_mongodb_schema *schema, const bson_t *document,
                          struct rh_error *error);
/* options: of listCollections. */
int rh_mongodb_schema_declare(struct rh_mongodb_schema *schema, const bson_t *options,
                              struct rh_error *error);
/* In the op's arena; `_id` comes first, if it is shown; ids tells what is known of it. */
int rh_mongodb_schema_columns(const struct rh_mongodb_schema *schema, const struct rh_host *host,
                              struct rh_arena *arena, uint32_t ids, struct rh_column **ret_columns,
                              uint32_t *ret_n, struct rh_error *error);
/* {"bsonType": …} of a column that is to be made; UNSUPPORTED when MongoDB has no such type. */
int rh_mongodb_schema_property(const struct rh_column *column, bson_t *property,
                               struct rh_error *error);

/* The column at this position of an array with a stride. */
const struct rh_column *rh_mongodb_column(const struct rh_column *columns, uint32_t stride,
                                          uint32_t position);
/* A name that means itself in filters and pipelines: without dot, leading dollar and NUL. */
bool rh_mongodb_is_plain(struct rh_text name);

int32_t rh_mongodb_tables(struct rh_conn *conn, const struct rh_op *op,
                          struct rh_catalog *ret_catalog, struct rh_error *error);

/* ---- Values (value.c, json.c) -------------------------------------------------------------- */

/* Makes the cell; texts and bytes borrow from the document where they can. PROTOCOL, or DATA when it is
 * nested too deeply. */
int rh_mongodb_cell(struct rh_conn *conn, struct rh_rowset *rows, struct rh_value *cell,
                    const struct rh_column *column, const bson_iter_t *value,
                    struct rh_error *error);
/* Appends the value under that key, as a column of these kinds holds it. DATA when MongoDB has no such
 * value. MISSING is not appended. */
int rh_mongodb_append(bson_t *to, struct rh_text key, const struct rh_value *value, uint32_t kinds,
                      struct rh_error *error);
/* As decimal128; false when it has no such value. */
bool rh_mongodb_to_decimal(struct rh_text digits, bson_decimal128_t *ret_decimal);
/* 24 lower-case hexadecimal digits. */
bool rh_mongodb_to_oid(struct rh_text text, bson_oid_t *ret_oid);

/* Relaxed Extended JSON, both ways. DATA: nested too deeply, or a number that MongoDB does not have. */
int rh_mongodb_add_json(struct rh_buf *buf, const bson_iter_t *value, struct rh_error *error);
int rh_mongodb_append_json(bson_t *to, struct rh_text key, const struct rh_json *value,
                           struct rh_error *error);
/* A whole document as JSON. */
int rh_mongodb_add_document(struct rh_buf *buf, const bson_t *document, struct rh_error *error);

/* Appending to documents by text; false when it does not fit. */
static inline bool rh_mongodb_begin_document(bson_t *to, struct rh_text key, bson_t *child)
{
    return bson_append_document_begin(to, key.data, (int)key.len, child);
}

/* ---- Conditions (filter.c, rank.c) --------------------------------------------------------- */

#define RH_MONGODB_N_OPERATORS 35
extern const struct rh_operator rh_mongodb_operators[RH_MONGODB_N_OPERATORS];

/* What a filter can do for this condition; `columns` are those that it is about. */
struct rh_mongodb_scope {
    const struct rh_query *query;
    const struct rh_column *columns; /* of the query; or of the output, for having */
    uint32_t n_columns;
    uint32_t stride;
};
uint8_t rh_mongodb_verdict(const struct rh_mongodb_scope *scope, uint32_t position);
/* Appends the condition to an array as its i-th element. The verdict was not NONE. */
int rh_mongodb_append_filter(const struct rh_mongodb_scope *scope, uint32_t position, bson_t *array,
                             uint32_t i, struct rh_error *error);

/* The place of a value's class in Rowhouse's order (see rank.c), for one that a filter compares. */
int rh_mongodb_rank_of(const struct rh_value *value, uint32_t order_flags);
/* Appends under `key` the expression for that place of the field in a document. */
void rh_mongodb_append_rank(bson_t *to, const char *key, struct rh_text field,
                            uint32_t order_flags);

/* Would the server compare the literal as exactly as we do? */
bool rh_mongodb_is_exact(const struct rh_value *value, uint32_t type);
/* SEEK (seek.c): whether it can be done, and the condition as the members of a filter. */
bool rh_mongodb_can_seek(const struct rh_query *query, const struct rh_node *node);
int rh_mongodb_append_seek(const struct rh_query *query, const struct rh_node *node, bson_t *to,
                           struct rh_error *error);

/* ---- Queries (plan.c, pipeline.c) ---------------------------------------------------------- */

#define RH_MONGODB_RANK "__rowhouse_%u" /* the field that has the rank of the order's n-th key */
#define RH_MONGODB_DIGITS 34            /* of a Decimal128 */

int32_t rh_mongodb_plan(struct rh_conn *conn, const struct rh_query *query,
                        struct rh_plan *ret_plan, struct rh_error *error);
/* May the column be an order's key, a group? */
bool rh_mongodb_can_order(const struct rh_column *column);
/* Does a plain sort by the field give the order? */
bool rh_mongodb_is_ordered(const struct rh_column *column);
static inline bool rh_mongodb_is_grouped(const struct rh_query *query)
{
    return query->n_groups + query->n_aggregates > 0 || query->flags & RH_QUERY_DISTINCT;
}
/* The columns of a query's output, in the arena. They have the names under which the server's
 * documents have them. */
struct rh_column *rh_mongodb_output(const struct rh_query *query, struct rh_arena *arena,
                                    uint32_t *ret_n);
/* The find or aggregate command, without deadline. UNSUPPORTED when it was not claimed. */
int rh_mongodb_query_command(const struct rh_query *query, bson_t *ret_command,
                             struct rh_error *error);
int32_t rh_mongodb_explain(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_query *query, struct rh_text *ret_native,
                           struct rh_error *error);

/* ---- Rows (read.c) ------------------------------------------------------------------------- */

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_arena *arena;
    struct rh_text collection;
    struct rh_column *columns;
    uint32_t n_columns;
    uint32_t *expected; /* by position of a document's field: the column that it was last time */
    uint32_t n_expected;
    struct rh_rowset rows;
    /* the server's cursor */
    uint32_t server;
    int64_t id; /* 0: it has ended */
    bson_t reply;
    bool has_reply;
    bson_iter_t batch; /* what of the reply is left */
    bool more;         /* the batch has not ended */
    bool grouped;      /* a field that is not there is NULL */
    bool has_twins;    /* columns of the same name */
    bool wants_total;  /* aggregates without groups: one row even when there is none */
    bool whole;        /* one column that has the whole document, as JSON */
    uint64_t n_rows;
    /* following changes */
    struct rh_mongodb_feed *feed;
};

int32_t rh_mongodb_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                        struct rh_cursor **ret_cursor, struct rh_error *error);
int32_t rh_mongodb_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                        struct rh_batch *ret_batch, struct rh_error *error);
void rh_mongodb_finish(struct rh_cursor *cursor);

/* A cursor without rows, the connection's. columns are copied. */
int rh_mongodb_cursor_new(struct rh_conn *conn, struct rh_text collection,
                          const struct rh_column *columns, uint32_t n_columns, uint32_t stride,
                          struct rh_cursor **ret_cursor, struct rh_error *error);
/* Runs the command that begins the cursor. */
int rh_mongodb_cursor_run(struct rh_cursor *cursor, enum rh_mongodb_access access,
                          const bson_t *command, const char *what, struct rh_error *error);
/* Takes a reply with a cursor in it; owns it then, also when it is none (PROTOCOL). */
int rh_mongodb_cursor_take(struct rh_cursor *cursor, bson_t *reply, struct rh_error *error);
/* Asks for the next batch. max_ms > 0: how long the server may wait for one. */
int rh_mongodb_cursor_more(struct rh_cursor *cursor, uint32_t max_rows, int64_t max_ms,
                           struct rh_error *error);
/* The next document of the batch at hand; RH_END. It borrows from the reply. */
int rh_mongodb_cursor_document(struct rh_cursor *cursor, bson_t *ret_document,
                               struct rh_error *error);
/* Adds a row from a document. */
int rh_mongodb_add_row(struct rh_cursor *cursor, const bson_t *document, struct rh_error *error);

/* ---- The groups ---------------------------------------------------------------------------- */

extern const struct rh_write rh_mongodb_write;
extern const struct rh_tx rh_mongodb_tx;
extern const struct rh_native rh_mongodb_native;
extern const struct rh_ddl rh_mongodb_ddl;
extern const struct rh_feed rh_mongodb_changes;
void rh_mongodb_feed_free(struct rh_mongodb_feed *feed);
