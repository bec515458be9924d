/*
 * Firestore in Native mode: documents as rows, by the REST API (v1) over the host's HTTP.
 *
 * A collection at the root is a table, and so is every collection group that the settings name: all
 * collections of that name, wherever they are. Columns are inferred from a sample. Every row has
 * `_id`, its key (of a group: the path below the database), and `_update_time`, its version.
 *
 *   config.c      settings             connection.c  connect, ping, cancel, close, requests, errors
 *   catalog.c     tables, columns      value.c       typed values, both ways
 *   name.c        names and paths      filter.c      conditions as filters, what is exact
 *   plan.c        which request        read.c        cursors
 *   write.c       the write group
 */
#pragma once

#include "base/arena.h"
#include "connector/http.h"
#include "connector/kit.h"
#include "connector/rowset.h"

#include <rowhouse/connector.h>

#define RH_FIRESTORE_ID "_id"
#define RH_FIRESTORE_UPDATE_TIME "_update_time"
#define RH_FIRESTORE_DOCUMENT_BYTES                                                                \
    ((size_t)16 << 20)           /* a document has 1 MiB, as JSON a bit more */
#define RH_FIRESTORE_MAX_ID 1500 /* bytes */

/* ---- Settings (config.c) ------------------------------------------------------------------- */

#define RH_FIRESTORE_CONFIG_SCHEMA                                                                 \
    "{\"type\": \"object\", \"properties\": {"                                                     \
    " \"service_account\": {\"type\": \"string\", \"title\": \"Service account\", \"x-order\": 1," \
    "  \"x-secret\": true, \"description\": \"The key file's JSON\"},"                             \
    " \"project\": {\"type\": \"string\", \"title\": \"Project\", \"x-order\": 2,"                 \
    "  \"description\": \"Without it, the service account's\"},"                                   \
    " \"database\": {\"type\": \"string\", \"title\": \"Database\", \"default\": \"(default)\","   \
    "  \"minLength\": 1, \"x-order\": 3},"                                                         \
    " \"collection_groups\": {\"type\": \"array\", \"items\": {\"type\": \"string\"},"             \
    "  \"title\": \"Collection groups\", \"x-order\": 4, \"description\": \"Names of collections"  \
    " below documents, each to be one table\"},"                                                   \
    " \"sample\": {\"type\": \"integer\", \"title\": \"Sample\", \"default\": 200,"                \
    "  \"minimum\": 1, \"maximum\": 10000, \"x-order\": 5, \"description\": \"Documents of a"      \
    " collection that columns are inferred from; each is billed as a read\"},"                     \
    " \"composite_indexes\": {\"type\": \"boolean\", \"title\": \"Use composite indexes\","        \
    "  \"default\": false, \"x-order\": 6, \"x-group\": \"advanced\", \"description\": \"Push "    \
    "down"                                                                                         \
    " what needs an index over several fields, which has to be made\"},"                           \
    " \"url\": {\"type\": \"string\", \"title\": \"URL\", \"x-order\": 7, \"x-group\": "           \
    "\"advanced\", \"x-placeholder\": \"http://localhost:8080\","                                  \
    "  \"description\": \"Of an emulator; it is reached without a service account\"},"             \
    " \"retries\": {\"type\": \"integer\", \"title\": \"Retries\", \"default\": 2, \"minimum\": "  \
    "0, \"maximum\": 10, \"x-order\": 8, \"x-group\": \"advanced\"},"                              \
    " \"ca\": {\"type\": \"string\", \"title\": \"Certificate authority\", \"x-order\": 9,"        \
    "  \"x-group\": \"advanced\", \"description\": \"PEM, instead of the system's\"}}}"

/* All texts owned, NUL-terminated; NULL where not set. */
struct rh_firestore_config {
    char *url;  /* of the service, without a path */
    char *root; /* "projects/p/databases/d/documents": what names of documents begin with */
    char *email, *private_key, *token_url; /* the service account's; NULL: an emulator */
    char *ca;
    char **groups; /* n_groups */
    uint32_t n_groups;
    uint32_t sample;
    uint32_t retries;
    bool composite_indexes;
};

/* CONFIG. Owned by the caller until fini. */
int rh_firestore_config_init(struct rh_firestore_config *ret_config,
                             const struct rh_settings *settings, struct rh_error *error);
void rh_firestore_config_fini(struct rh_firestore_config *config);

/* ---- Connections (connection.c) ------------------------------------------------------------ */

struct rh_conn {
    const struct rh_host *host;
    struct rh_firestore_config config;
    struct rh_http_client *client;
    struct rh_cursor *cursor;  /* the open one, or NULL */
    struct rh_rowset returned; /* rows that the last write returned */
};

int32_t rh_firestore_connect(const struct rh_host *host, const struct rh_op *op,
                             const struct rh_settings *settings, struct rh_conn **ret_conn,
                             struct rh_error *error);
void rh_firestore_close(struct rh_conn *conn);
int32_t rh_firestore_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_firestore_cancel(struct rh_conn *conn);

/* POST to a method of the database's documents, ":runQuery" for example. body: JSON, stays until the
 * answer was read. */
struct rh_http_request rh_firestore_request(struct rh_buf *url, const struct rh_conn *conn,
                                            const char *method, const struct rh_buf *body,
                                            bool safe);
/* Sends, reads the answer, parses it into the arena. An answer that is no success is an error:
 * "<what>: …". */
int rh_firestore_call(struct rh_conn *conn, const struct rh_op *op, const char *method,
                      const struct rh_buf *body, bool safe, const char *what,
                      struct rh_arena *arena, struct rh_json **ret_answer, struct rh_error *error);
/* The documents of a streamed answer that is an array; as rh_http_documents_open, with this
 * connector's errors. */
int rh_firestore_stream(struct rh_conn *conn, const struct rh_op *op,
                        const struct rh_http_request *request, const char *what,
                        struct rh_http_documents *ret_documents, struct rh_error *error);

/* ---- Names (name.c) ------------------------------------------------------------------------ */

/* Whether the table is a collection group. */
bool rh_firestore_is_group(const struct rh_conn *conn, struct rh_text table);
/* NOT_FOUND when no collection can have this name. */
int rh_firestore_check_table(struct rh_text table, struct rh_error *error);
/* Whether a row of the table can have this _id. */
bool rh_firestore_is_id(const struct rh_conn *conn, struct rh_text table, struct rh_text id);
/* Appends the name of the row's document as a JSON string. */
void rh_firestore_add_name(const struct rh_conn *conn, struct rh_text table, struct rh_text id,
                           struct rh_buf *body);
/* The _id in a document's name, borrowed from it; no text when it is of no such table. */
struct rh_text rh_firestore_id_of(const struct rh_conn *conn, struct rh_text table,
                                  struct rh_text name);
/* Appends the name of a field as a path of one segment, as a JSON string. */
void rh_firestore_add_path(struct rh_buf *body, struct rh_text field);

/* ---- Values (value.c) ---------------------------------------------------------------------- */

/* What Firestore calls the types of its values; bits of rh_column.native_id. */
enum rh_firestore_kind {
    RH_FIRESTORE_NULL,
    RH_FIRESTORE_BOOLEAN,
    RH_FIRESTORE_INTEGER,
    RH_FIRESTORE_DOUBLE,
    RH_FIRESTORE_TIMESTAMP,
    RH_FIRESTORE_STRING,
    RH_FIRESTORE_BYTES,
    RH_FIRESTORE_REFERENCE,
    RH_FIRESTORE_GEO_POINT,
    RH_FIRESTORE_ARRAY,
    RH_FIRESTORE_MAP,
    RH_FIRESTORE_N_KINDS,
};
#define RH_FIRESTORE_BIT(kind) (1u << (kind))

/* Of a value, `{"stringValue": …}`; N_KINDS when it is of none that is known. */
enum rh_firestore_kind rh_firestore_kind_of(const struct rh_json *value);
/* The type, native type and native_id of a column whose values are of these kinds (RH_FIRESTORE_BIT). */
void rh_firestore_type_of(uint32_t bits, struct rh_column *column);
/* Makes a cell of a typed value; NULL: MISSING. One that is not of its column's type keeps its own. */
void rh_firestore_cell(const struct rh_conn *conn, struct rh_rowset *rows, struct rh_value *cell,
                       const struct rh_column *column, const struct rh_json *value);
/* Appends a cell as a typed value. DATA for what Firestore cannot hold. */
int rh_firestore_add_value(const struct rh_conn *conn, struct rh_buf *body,
                           const struct rh_column *column, const struct rh_value *value,
                           struct rh_error *error);

/* ---- Tables (catalog.c) -------------------------------------------------------------------- */

int32_t rh_firestore_tables(struct rh_conn *conn, const struct rh_op *op,
                            struct rh_catalog *ret_catalog, struct rh_error *error);

/* ---- Conditions (filter.c) ----------------------------------------------------------------- */

#define RH_FIRESTORE_N_OPERATORS 9
extern const struct rh_operator rh_firestore_operators[RH_FIRESTORE_N_OPERATORS];

enum rh_firestore_shape {
    RH_FIRESTORE_NONE,
    RH_FIRESTORE_EQUAL, /* served by the indexes that every field has, in any number */
    RH_FIRESTORE_ANY,   /* `in`: as EQUAL, but one in a query */
    RH_FIRESTORE_RANGE, /* one field of a query, and alone, unless there is a composite index */
};
/* How a condition on a field can be filtered by, and how exactly: RH_VERDICT_*. */
enum rh_firestore_shape rh_firestore_shape_of(const struct rh_query *query,
                                              const struct rh_node *node, uint8_t *ret_verdict);
/* Appends it as a Filter. */
int rh_firestore_add_filter(const struct rh_conn *conn, const struct rh_query *query,
                            const struct rh_node *node, struct rh_buf *body,
                            struct rh_error *error);

/* ---- Plans (plan.c) ------------------------------------------------------------------------ */

enum rh_firestore_way {
    RH_FIRESTORE_QUERY, /* runQuery: filters on fields, or on _id with order by it */
    RH_FIRESTORE_KEYS,  /* batchGet: one EQ or IN on _id */
    RH_FIRESTORE_COUNT, /* runAggregationQuery: nothing but COUNT(*) */
};

struct rh_firestore_scan {
    enum rh_firestore_way way;
    uint32_t keys;  /* KEYS: position of the node */
    uint32_t range; /* QUERY: the field that has a RANGE; RH_NO_COLUMN */
    bool descending;
};

int32_t rh_firestore_plan(struct rh_conn *conn, const struct rh_query *query,
                          struct rh_plan *ret_plan, struct rh_error *error);
/* For what the host has accepted. UNSUPPORTED when that is not what was claimed. */
int rh_firestore_scan_of(const struct rh_conn *conn, const struct rh_query *query,
                         struct rh_firestore_scan *ret_scan, struct rh_error *error);
int32_t rh_firestore_explain(struct rh_conn *conn, const struct rh_op *op,
                             const struct rh_query *query, struct rh_text *ret_native,
                             struct rh_error *error);

/* ---- Rows (read.c) ------------------------------------------------------------------------- */

/* Appends the request's body without its end: runQuery's and runAggregationQuery's are still to be
 * given startAt and limit. */
int rh_firestore_add_request(const struct rh_conn *conn, const struct rh_query *query,
                             const struct rh_firestore_scan *scan, struct rh_buf *body,
                             struct rh_error *error);
const char *rh_firestore_method_of(const struct rh_firestore_scan *scan);
int32_t rh_firestore_open(struct rh_conn *conn, const struct rh_op *op,
                          const struct rh_query *query, struct rh_cursor **ret_cursor,
                          struct rh_error *error);
int32_t rh_firestore_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                          struct rh_batch *ret_batch, struct rh_error *error);
void rh_firestore_finish(struct rh_cursor *cursor);
/* A row of the rowset from a document of the table. */
void rh_firestore_add_row(const struct rh_conn *conn, struct rh_rowset *rows,
                          const struct rh_column *columns, uint32_t stride, uint32_t n_columns,
                          struct rh_text id, const struct rh_json *document);

/* ---- Writing (write.c) --------------------------------------------------------------------- */

extern const struct rh_write rh_firestore_write;
