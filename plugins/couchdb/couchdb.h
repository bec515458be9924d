/*
 * CouchDB (and PouchDB Server, Cloudant): documents as rows, over the host's HTTP.
 *
 * A database is a table; or, with the setting table_field, all documents of one database that have
 * the same text in that field are one. Columns are inferred from a sample. Every row has `_id`, its
 * key, and `_rev`, its version. Design documents are no rows.
 *
 *   config.c      settings             connection.c  connect, ping, cancel, close, requests
 *   catalog.c     tables, columns      select.c      conditions as Mango selectors, what is exact
 *   plan.c        which request        read.c        cursors
 *   write.c       the write group      feed.c        _changes
 */
#pragma once

#include "base/arena.h"
#include "connector/http.h"
#include "connector/kit.h"
#include "connector/rowset.h"

#include <rowhouse/connector.h>

#define RH_COUCHDB_ID "_id"
#define RH_COUCHDB_REV "_rev"
#define RH_COUCHDB_DOCUMENT_BYTES ((size_t)64 << 20)

/* ---- Settings (config.c) ------------------------------------------------------------------- */

#define RH_COUCHDB_CONFIG_SCHEMA                                                                   \
    "{\"type\": \"object\", \"required\": [\"url\"], \"properties\": {"                            \
    " \"url\": {\"type\": \"string\", \"minLength\": 1, \"title\": \"URL\", \"x-order\": 1,"       \
    "  \"x-placeholder\": \"http://localhost:5984\","                                              \
    "  \"description\": \"The server, maybe with user, password and database\"},"                  \
    " \"user\": {\"type\": \"string\", \"title\": \"User\", \"x-order\": 2},"                      \
    " \"password\": {\"type\": \"string\", \"title\": \"Password\", \"x-order\": 3,"               \
    "  \"x-secret\": true},"                                                                       \
    " \"database\": {\"type\": \"string\", \"title\": \"Database\", \"x-order\": 4,"               \
    "  \"description\": \"Without it, every database is a table\"},"                               \
    " \"table_field\": {\"type\": \"string\", \"title\": \"Table field\", \"x-order\": 5,"         \
    "  \"x-placeholder\": \"type\", \"description\": \"The field that names the table of a"        \
    " document, when one database has documents of several kinds\"},"                              \
    " \"sample\": {\"type\": \"integer\", \"title\": \"Sample\", \"default\": 1000,"               \
    "  \"minimum\": 1, \"maximum\": 100000, \"x-order\": 6, \"description\": \"Documents of a"     \
    " database that columns are inferred from\"},"                                                 \
    " \"retries\": {\"type\": \"integer\", \"title\": \"Retries\", \"default\": 2, \"minimum\": "  \
    "0,"                                                                                           \
    "  \"maximum\": 10, \"x-order\": 7, \"x-group\": \"advanced\"},"                               \
    " \"ca\": {\"type\": \"string\", \"title\": \"Certificate authority\", \"x-order\": 8,"        \
    "  \"x-group\": \"advanced\", \"description\": \"PEM, instead of the system's\"},"             \
    " \"insecure\": {\"type\": \"boolean\", \"title\": \"Do not verify the certificate\","         \
    "  \"default\": false, \"x-order\": 9, \"x-group\": \"advanced\"}}}"

/* All texts owned, NUL-terminated; NULL where not set. */
struct rh_couchdb_config {
    char *url; /* http or https, without user and path */
    char *user;
    char *password;
    char *database;    /* NULL: every database is a table */
    char *table_field; /* NULL: a database is one table */
    char *ca;
    uint32_t sample; /* documents per database that columns are inferred from */
    uint32_t retries;
    bool insecure;
};

/* CONFIG. Owned by the caller until fini. */
int rh_couchdb_config_init(struct rh_couchdb_config *ret_config, const struct rh_settings *settings,
                           struct rh_error *error);
void rh_couchdb_config_fini(struct rh_couchdb_config *config);

/* ---- Connections (connection.c) ------------------------------------------------------------ */

struct rh_conn {
    const struct rh_host *host;
    struct rh_couchdb_config config;
    struct rh_http_client *client;
    struct rh_cursor *cursor;  /* the open one, or NULL */
    struct rh_rowset returned; /* rows that the last write returned */
};

int32_t rh_couchdb_connect(const struct rh_host *host, const struct rh_op *op,
                           const struct rh_settings *settings, struct rh_conn **ret_conn,
                           struct rh_error *error);
void rh_couchdb_close(struct rh_conn *conn);
int32_t rh_couchdb_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_couchdb_cancel(struct rh_conn *conn);

/* NOT_FOUND when a database is set, and the table is not that; with table_field any name may be one. */
int rh_couchdb_check_table(const struct rh_conn *conn, struct rh_text table,
                           struct rh_error *error);
/* Appends "/database", percent-encoded, of a table. */
void rh_couchdb_add_database(const struct rh_conn *conn, struct rh_text table, struct rh_buf *url);
/* A request. body no text: none. safe: a POST that only reads. The result borrows from both buffers
 * and from the arena that is not there: from nothing else. */
struct rh_http_request rh_couchdb_request(const char *method, const struct rh_buf *url,
                                          struct rh_text body, bool safe);
/* Sends, reads the answer, parses it into the arena (the text too). An answer that is no success is
 * an error: "<what>: …". */
int rh_couchdb_fetch(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_http_request *request, const char *what,
                     struct rh_arena *arena, struct rh_json **ret_answer, struct rh_error *error);
/* The member of a document; NULL when it has none. */
const struct rh_json *rh_couchdb_member(const struct rh_json *document, struct rh_text name);
/* Its text; no text when it is no string, or NULL. */
struct rh_text rh_couchdb_string(const struct rh_json *document, const char *name);
/* Is this document a row of the table? No design document; with table_field, of that table. */
bool rh_couchdb_is_row(const struct rh_conn *conn, struct rh_text table,
                       const struct rh_json *document);
/* The column at this position of an array with a stride. */
const struct rh_column *rh_couchdb_column(const struct rh_column *columns, uint32_t stride,
                                          uint32_t position);

/* ---- Tables (catalog.c) -------------------------------------------------------------------- */

int32_t rh_couchdb_tables(struct rh_conn *conn, const struct rh_op *op,
                          struct rh_catalog *ret_catalog, struct rh_error *error);

/* ---- Conditions (select.c) ----------------------------------------------------------------- */

#define RH_COUCHDB_N_OPERATORS 21
extern const struct rh_operator rh_couchdb_operators[RH_COUCHDB_N_OPERATORS];

/* What a Mango selector can do for this condition: RH_VERDICT_*. */
uint8_t rh_couchdb_verdict(const struct rh_query *query, uint32_t position);
/* May both be in one selector? */
bool rh_couchdb_agree(const struct rh_query *query, uint32_t position, uint32_t other);
/* Appends it as a selector, `{…}`; the verdict was not NONE. DATA, and the buffer's own failure. */
int rh_couchdb_add_selector(const struct rh_query *query, uint32_t position, struct rh_buf *body,
                            struct rh_error *error);

/* ---- Plans (plan.c) ------------------------------------------------------------------------ */

/* Three requests, each with what it does exactly. */
enum rh_couchdb_way {
    RH_COUCHDB_FIND,  /* _find: Mango; conditions; order by _id */
    RH_COUCHDB_RANGE, /* _all_docs between two keys: conditions on _id; order by _id; limit */
    RH_COUCHDB_KEYS,  /* _all_docs with a list of keys: one EQ or IN on _id */
};

/* A bound of _id. */
struct rh_couchdb_bound {
    struct rh_text id; /* no text: none */
    bool inclusive;
};

struct rh_couchdb_scan {
    enum rh_couchdb_way way;
    struct rh_couchdb_bound low, high; /* RANGE */
    uint32_t keys;                     /* KEYS: position of the node */
    bool descending;                   /* FIND, RANGE with order */
};

int32_t rh_couchdb_plan(struct rh_conn *conn, const struct rh_query *query,
                        struct rh_plan *ret_plan, struct rh_error *error);
/* For what the host has accepted. UNSUPPORTED when that is not what was claimed. Borrows from the
 * query. */
int rh_couchdb_scan_of(const struct rh_query *query, struct rh_couchdb_scan *ret_scan,
                       struct rh_error *error);
int32_t rh_couchdb_explain(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_query *query, struct rh_text *ret_native,
                           struct rh_error *error);

/* ---- Rows (read.c) ------------------------------------------------------------------------- */

struct rh_couchdb_feed;

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_arena *arena; /* what is copied of the query */
    struct rh_text table;
    struct rh_column *columns; /* of the output */
    uint32_t n_columns;
    struct rh_rowset rows;
    struct rh_arena *document_arena;
    /* reading */
    struct rh_couchdb_scan scan; /* texts in the arena */
    struct rh_buf url, body;
    struct rh_http_documents documents;
    bool open;           /* documents is */
    uint64_t left;       /* of the limit */
    uint64_t n_page;     /* RANGE with a limit: documents of this page that came */
    uint64_t page;       /* RANGE with a limit: how many were asked for; 0: all */
    struct rh_buf last;  /* RANGE with a limit: the _id that came last */
    struct rh_buf after; /* the last _id of the page before */
    /* following changes */
    struct rh_couchdb_feed *feed;
};

int32_t rh_couchdb_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                        struct rh_cursor **ret_cursor, struct rh_error *error);
int32_t rh_couchdb_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                        struct rh_batch *ret_batch, struct rh_error *error);
void rh_couchdb_finish(struct rh_cursor *cursor);
/* A cursor with nothing but its columns; the connection's. */
int rh_couchdb_cursor_new(struct rh_conn *conn, struct rh_text table,
                          const struct rh_column *columns, uint32_t n_columns, uint32_t stride,
                          const uint32_t *select, uint32_t n_select, struct rh_cursor **ret_cursor,
                          struct rh_error *error);
/* A row of the rowset from a document. */
void rh_couchdb_add_row(struct rh_rowset *rows, const struct rh_column *columns, uint32_t n_columns,
                        const struct rh_json *document);
/* The request's URL and body, for `open` and `explain`. */
int rh_couchdb_add_request(const struct rh_conn *conn, const struct rh_query *query,
                           const struct rh_couchdb_scan *scan, uint64_t page, struct rh_text after,
                           struct rh_buf *url, struct rh_buf *body, struct rh_error *error);

/* ---- Writing and changes (write.c, feed.c) ------------------------------------------------- */

extern const struct rh_write rh_couchdb_write;
extern const struct rh_feed rh_couchdb_changes;
void rh_couchdb_feed_free(struct rh_couchdb_feed *feed);
