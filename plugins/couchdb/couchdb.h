/*
 * CouchDB (and PouchDB Server, Cloudant): documents as rows, over the host's HTTP.
 *
 * A database is a table; or, with the setting table_field, all documents of one database that have
 * the same text in that field are one. Columns are declared, where ddl made the table (schema.c), else
 * inferred from a sample; then every row has `_id`, its key, and `_rev`, its version. Design documents
 * are no rows.
 *
 *   config.c      settings             connection.c  connect, ping, cancel, close, requests
 *   catalog.c     tables, columns      select.c      conditions as Mango selectors, what is exact
 *   plan.c        which request        read.c        cursors
 *   write.c       the write group      document.c    documents from rows
 *   check.c       values on their way in
 *   schema.c      declared tables      ddl.c         tables made and changed
 *   index.c       indexes              native.c      requests
 *   feed.c        _changes
 */
#pragma once

#include "base/arena.h"
#include "base/vec.h"
#include "connector/http.h"
#include "connector/kit.h"
#include "connector/rowset.h"

#include <rowhouse/connector.h>

#define RH_COUCHDB_ID "_id"
#define RH_COUCHDB_REV "_rev"
#define RH_COUCHDB_PARTITION "_partition" /* what stands before the colon of _id */
#define RH_COUCHDB_DOCUMENT_BYTES ((size_t)64 << 20)

/* ---- Settings (config.c) ------------------------------------------------------------------- */

#define RH_COUCHDB_CONFIG_SCHEMA                                                                   \
    "{\"type\": \"object\", \"required\": [\"url\"], \"properties\": {"                            \
    " \"url\": {\"type\": \"string\", \"minLength\": 1, \"title\": \"URL\", \"x-order\": 1,"       \
    "  \"x-secret\": true, \"x-placeholder\": \"http://localhost:5984\","                          \
    "  \"description\": \"The server, maybe with user, password and database\"},"                  \
    " \"user\": {\"type\": \"string\", \"title\": \"User\", \"x-order\": 2},"                      \
    " \"password\": {\"type\": \"string\", \"title\": \"Password\", \"x-order\": 3,"               \
    "  \"x-secret\": true},"                                                                       \
    " \"database\": {\"type\": \"string\", \"title\": \"Database\", \"x-order\": 4,"               \
    "  \"description\": \"Without it, every database is a table\"},"                               \
    " \"table_field\": {\"type\": \"string\", \"title\": \"Table field\", \"x-order\": 5,"         \
    "  \"x-placeholder\": \"type\", \"description\": \"The field that names the table of a"        \
    " document, when one database has documents of several kinds\"},"                              \
    " \"create\": {\"type\": \"boolean\", \"title\": \"Make the database\", \"default\": false,"   \
    "  \"x-order\": 6, \"description\": \"Make the database when it is not there\"},"              \
    " \"sample\": {\"type\": \"integer\", \"title\": \"Sample\", \"default\": 1000,"               \
    "  \"minimum\": 0, \"maximum\": 100000, \"x-order\": 7, \"description\": \"Documents of a"     \
    " database that columns are inferred from; 0: only declared tables are there\"},"              \
    " \"retries\": {\"type\": \"integer\", \"title\": \"Retries\", \"default\": 2, \"minimum\": "  \
    "0,"                                                                                           \
    "  \"maximum\": 10, \"x-order\": 8, \"x-group\": \"advanced\"},"                               \
    " \"ca\": {\"type\": \"string\", \"title\": \"Certificate authority\", \"x-order\": 9,"        \
    "  \"x-group\": \"advanced\", \"description\": \"PEM, instead of the system's\"},"             \
    " \"insecure\": {\"type\": \"boolean\", \"title\": \"Do not verify the certificate\","         \
    "  \"default\": false, \"x-order\": 10, \"x-group\": \"advanced\"}}}"

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
    bool create; /* the database, when it is not there */
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
/* A copy in the op's arena; no text: none, or out of memory. */
struct rh_text rh_couchdb_copy(const struct rh_conn *conn, const struct rh_op *op,
                               struct rh_text text);
/* With table_field: is there a document of this table? */
int rh_couchdb_has_documents(struct rh_conn *conn, const struct rh_op *op, struct rh_text table,
                             struct rh_arena *arena, bool *ret_any, struct rh_error *error);
/* Is this document a row of the table? No design document; with table_field, of that table. */
bool rh_couchdb_is_row(const struct rh_conn *conn, struct rh_text table,
                       const struct rh_json *document);

/* ---- Declared tables (schema.c) ------------------------------------------------------------ */

#define RH_COUCHDB_SCHEMA "_design/rowhouse"

/* Bits of rh_column.native_id beside those of the types that values have. */
#define RH_COUCHDB_DECLARED 0x10000u
#define RH_COUCHDB_KEY 0x20000u     /* the one key column of a declared table */
#define RH_COUCHDB_INDEXED 0x40000u /* an index begins with it */
#define RH_COUCHDB_IS_PARTITION 0x80000u

struct rh_couchdb_table {
    struct rh_text name; /* no text: it was dropped */
    struct rh_text comment;
    struct rh_vec columns; /* of struct rh_column */
    uint32_t *key;         /* positions */
    uint32_t n_key;
};

/* All that is declared in a database. */
struct rh_couchdb_schema {
    struct rh_arena *arena; /* borrowed: everything here is in it */
    struct rh_text rev;     /* no text: there is no such document yet */
    struct rh_vec tables;   /* of struct rh_couchdb_table */
};

/* Of the database of this table; empty where nothing is declared, or no database is there. */
int rh_couchdb_schema_read(struct rh_conn *conn, const struct rh_op *op, struct rh_text table,
                           struct rh_arena *arena, struct rh_couchdb_schema *ret_schema,
                           struct rh_error *error);
/* NULL when there is none. */
struct rh_couchdb_table *rh_couchdb_schema_find(const struct rh_couchdb_schema *schema,
                                                struct rh_text name);
struct rh_column *rh_couchdb_declared_column(const struct rh_couchdb_table *table,
                                             struct rh_text name);
static inline struct rh_column *rh_couchdb_columns(const struct rh_couchdb_table *table)
{
    return table->columns.items;
}
/* URL and body of the PUT that stores it. */
void rh_couchdb_schema_add(const struct rh_conn *conn, const struct rh_couchdb_schema *schema,
                           struct rh_text table, struct rh_buf *url, struct rh_buf *body);
/* How CouchDB would call the type: "string", "number", … */
struct rh_text rh_couchdb_native_type(uint32_t type);
/* Appends what the _id of the rows of a declared table begins with. */
void rh_couchdb_add_prefix(struct rh_text table, struct rh_buf *id);
/* May a column of this type be in a key? Only where equal values have one text. */
bool rh_couchdb_can_be_key(uint32_t type);
/* Appends the value as it stands in an _id, when it is all of the key. */
void rh_couchdb_add_key_text(const struct rh_value *value, struct rh_buf *id);

/* Appends the default of a declared column as JSON. */
void rh_couchdb_add_default(const struct rh_column *column, struct rh_buf *body);
/* Is an index in this design document one of the table's? In a database that is one table all are,
 * else those that ddl made for it: "_design/rowhouse:<table>:<name>". */
bool rh_couchdb_index_is_of(struct rh_text ddoc, struct rh_text table, bool is_shared);

extern const struct rh_ddl rh_couchdb_ddl;

/* ---- Tables (catalog.c) -------------------------------------------------------------------- */

int32_t rh_couchdb_tables(struct rh_conn *conn, const struct rh_op *op,
                          struct rh_catalog *ret_catalog, struct rh_error *error);

/* ---- Conditions (select.c) ----------------------------------------------------------------- */

#define RH_COUCHDB_N_OPERATORS 21
extern const struct rh_operator rh_couchdb_operators[RH_COUCHDB_N_OPERATORS];

/* What a Mango selector can do for this condition: RH_VERDICT_*. */
uint8_t rh_couchdb_verdict(const struct rh_query *query, uint32_t position);
/* Is it `_partition = …`, which is no matter of the selector? */
bool rh_couchdb_is_partition(const struct rh_query *query, uint32_t position);
/* May both be in one selector? */
bool rh_couchdb_agree(const struct rh_query *query, uint32_t position, uint32_t other);
/* Does it leave so few documents that an index is of use? */
bool rh_couchdb_narrows(const struct rh_node *node);
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

/* What is said of _id holds of the key of a declared table too, whose _id is "<table>:<key>"; ranges
 * and orders only where it is a text. */

/* A bound of _id. */
struct rh_couchdb_bound {
    struct rh_text id; /* no text: none */
    bool inclusive;
};

struct rh_couchdb_scan {
    enum rh_couchdb_way way;
    struct rh_couchdb_bound low, high; /* RANGE; of a declared table: of its key */
    uint32_t keys;                     /* KEYS: position of the node */
    struct rh_text partition;          /* FIND: only this one; no text: all */
    bool descending;                   /* FIND, RANGE with order */
    bool declared;                     /* RANGE, KEYS: the table is */
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
struct rh_couchdb_answer;

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
    bool any;            /* rows came, or it is known that there is such a table */
    uint64_t left;       /* of the limit */
    uint64_t n_page;     /* RANGE with a limit: documents of this page that came */
    uint64_t page;       /* RANGE with a limit: how many were asked for; 0: all */
    struct rh_buf last;  /* RANGE with a limit: the _id that came last */
    struct rh_buf after; /* the last _id of the page before */
    /* following changes */
    struct rh_couchdb_feed *feed;
    /* the answer to a native query; then it is nothing else */
    struct rh_couchdb_answer *answer;
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
/* The _id; of a declared table the key in it, no text when it is of another table. Borrowed. */
struct rh_text rh_couchdb_key_of(const struct rh_cursor *cursor, struct rh_text id);
/* A row of the rowset from a document. */
void rh_couchdb_add_row(struct rh_rowset *rows, const struct rh_column *columns, uint32_t n_columns,
                        const struct rh_json *document);
/* The request's URL and body, for `open` and `explain`. */
int rh_couchdb_add_request(const struct rh_conn *conn, const struct rh_query *query,
                           const struct rh_couchdb_scan *scan, uint64_t page, struct rh_text after,
                           struct rh_buf *url, struct rh_buf *body, struct rh_error *error);

/* ---- Native queries (native.c) ------------------------------------------------------------- */

extern const struct rh_native rh_couchdb_native;
int32_t rh_couchdb_answer_next(struct rh_cursor *cursor, uint32_t max_rows,
                               struct rh_batch *ret_batch, struct rh_error *error);
void rh_couchdb_answer_free(struct rh_couchdb_answer *answer);

/* ---- Writing and changes (check.c, write.c, feed.c) ---------------------------------------- */

/* May the column take the value? DATA, CONSTRAINT. NULL and MISSING are the same here. */
int rh_couchdb_check_value(const struct rh_column *column, bool declared,
                           const struct rh_value *value, uint32_t *ret_constraint,
                           struct rh_error *error);

extern const struct rh_write rh_couchdb_write;
extern const struct rh_feed rh_couchdb_changes;
void rh_couchdb_feed_free(struct rh_couchdb_feed *feed);
