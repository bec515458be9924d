/*
 * S3 and what speaks like it: objects of CSV, NDJSON or JSON as tables, over the host's HTTP.
 *
 * A table is one object, or all objects whose keys begin with a prefix; the latter has the column
 * `_object`, the key of the object that a row is in. The table "objects" lists the bucket.
 *
 *   config.c   settings                connection.c  connect, ping, cancel, close, requests
 *   list.c     keys, page by page      object.c      the rows of an object, one by one
 *   catalog.c  tables, columns         plan.c        conditions on keys
 *   read.c     cursors                 write.c       the write group
 *   key.c      keys of written rows    encode.c      rows into objects
 *   returned.c written rows
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "base/vec.h"
#include "connector/csv.h"
#include "connector/http.h"
#include "connector/json_stream.h"
#include "connector/kit.h"
#include "connector/rowset.h"

#include <rowhouse/connector.h>

#define RH_S3_ROW_BYTES ((size_t)16 << 20)    /* of one row, at most */
#define RH_S3_OBJECT_BYTES ((size_t)64 << 20) /* of an object that is rewritten, at most */
#define RH_S3_MAX_KEY 1024u                   /* bytes of an object's key: S3's own limit */

/* ---- Settings (config.c) ------------------------------------------------------------------- */

#define RH_S3_CONFIG_SCHEMA                                                                        \
    "{\"type\": \"object\", \"required\": [\"bucket\"], \"properties\": {"                         \
    " \"url\": {\"type\": \"string\", \"title\": \"Endpoint\", \"x-order\": 1,"                    \
    "  \"x-placeholder\": \"https://s3.eu-north-1.amazonaws.com\","                                \
    "  \"description\": \"Of another service than Amazon's\"},"                                    \
    " \"region\": {\"type\": \"string\", \"title\": \"Region\", \"default\": \"us-east-1\","       \
    "  \"x-order\": 2},"                                                                           \
    " \"bucket\": {\"type\": \"string\", \"title\": \"Bucket\", \"minLength\": 1, \"x-order\": "   \
    "3},"                                                                                          \
    " \"access_key\": {\"type\": \"string\", \"title\": \"Access key\", \"x-order\": 4,"           \
    "  \"description\": \"Without it, requests are not signed\"},"                                 \
    " \"secret_key\": {\"type\": \"string\", \"title\": \"Secret key\", \"x-order\": 5,"           \
    "  \"x-secret\": true},"                                                                       \
    " \"session_token\": {\"type\": \"string\", \"title\": \"Session token\", \"x-order\": 6,"     \
    "  \"x-secret\": true},"                                                                       \
    " \"tables\": {\"type\": \"array\", \"title\": \"Tables\", \"x-order\": 7,"                    \
    "  \"description\": \"[{name, object or prefix, format: csv, ndjson or json, key: [names],"    \
    " separator, columns: [{name, type}]}]. Without columns they are inferred\"},"                 \
    " \"sample\": {\"type\": \"integer\", \"title\": \"Sample\", \"default\": 1000,"               \
    "  \"minimum\": 1, \"maximum\": 100000, \"x-order\": 8,"                                       \
    "  \"description\": \"Rows that columns are inferred from\"},"                                 \
    " \"path_style\": {\"type\": \"boolean\", \"title\": \"The bucket is part of the path\","      \
    "  \"default\": true, \"x-order\": 9, \"x-group\": \"advanced\","                              \
    "  \"description\": \"Not of the host's name\"},"                                              \
    " \"retries\": {\"type\": \"integer\", \"title\": \"Retries\", \"default\": 2, \"minimum\": "  \
    "0, \"maximum\": 10, \"x-order\": 10, \"x-group\": \"advanced\"},"                             \
    " \"ca\": {\"type\": \"string\", \"title\": \"Certificate authority\", \"x-order\": 11,"       \
    "  \"x-group\": \"advanced\", \"description\": \"PEM, instead of the system's\"},"             \
    " \"insecure\": {\"type\": \"boolean\", \"title\": \"Do not verify the certificate\","         \
    "  \"default\": false, \"x-order\": 12, \"x-group\": \"advanced\"}}}"

enum rh_s3_format { RH_S3_CSV = 1, RH_S3_NDJSON, RH_S3_JSON };

struct rh_s3_table {
    struct rh_text name;
    struct rh_text object; /* no text: a prefix */
    struct rh_text prefix;
    enum rh_s3_format format; /* 0: the table "objects" */
    char separator;
    const struct rh_column *columns; /* declared; NULL: inferred */
    uint32_t n_columns;
    const struct rh_text *key;
    uint32_t n_key;
};

/* Texts are the arena's; no text where not set. */
struct rh_s3_config {
    struct rh_arena *arena;
    struct rh_text base; /* the bucket's URL */
    struct rh_text region, access_key, secret_key, session_token, ca;
    uint32_t sample, retries;
    bool insecure;
    struct rh_s3_table *tables; /* the declared ones, then "objects" */
    uint32_t n_tables;
};

/* CONFIG. Owned by the caller until fini, also after an error. */
int rh_s3_config_init(struct rh_s3_config *config, const struct rh_settings *settings,
                      struct rh_error *error);
void rh_s3_config_fini(struct rh_s3_config *config);
/* NOT_FOUND. */
int rh_s3_table_find(const struct rh_s3_config *config, struct rh_text name,
                     const struct rh_s3_table **ret_table, struct rh_error *error);

/* ---- Connections (connection.c) ------------------------------------------------------------ */

struct rh_conn {
    const struct rh_host *host;
    struct rh_s3_config config;
    struct rh_http_client *client;
    struct rh_cursor *cursor;
    struct rh_rowset returned; /* rows that the last write returned */
};

int32_t rh_s3_connect(const struct rh_host *host, const struct rh_op *op,
                      const struct rh_settings *settings, struct rh_conn **ret_conn,
                      struct rh_error *error);
void rh_s3_close(struct rh_conn *conn);
int32_t rh_s3_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_s3_cancel(struct rh_conn *conn);
/* Fills the error from an answer that is no success: S3's own code tells more than its status. */
int rh_s3_fail(struct rh_error *error, uint32_t status, struct rh_text body, const char *what);
/* Appends "/key", percent-encoded but for its slashes. */
void rh_s3_add_key(struct rh_buf *url, struct rh_text key);

/* ---- Keys (list.c) --------------------------------------------------------------------------- */

/* Conditions on an object's key, all of which have to hold. */
struct rh_s3_bounds {
    struct rh_text prefix;
    struct rh_text low, high; /* no text: none */
    bool low_open, high_open;
    bool none; /* nothing can be within */
};

struct rh_s3_entry {
    struct rh_text key, etag;
    int64_t size;
    int64_t modified_us;
};

/* Walks through the keys within bounds, in the service's order. Zeroed, it is closed. */
struct rh_s3_list {
    struct rh_conn *conn;
    struct rh_s3_bounds bounds; /* borrowed */
    struct rh_arena *arena;     /* of the page at hand */
    struct rh_s3_entry *entries;
    uint32_t n, at;
    struct rh_buf token, earlier; /* of the next page; of one some pages before */
    uint64_t n_pages;
    bool begun, done;
};

int rh_s3_list_open(struct rh_s3_list *list, struct rh_conn *conn,
                    const struct rh_s3_bounds *bounds, struct rh_error *error);
/* The next key, borrowed until the next call; RH_END. */
int rh_s3_list_next(struct rh_s3_list *list, const struct rh_op *op,
                    const struct rh_s3_entry **ret_entry, struct rh_error *error);
void rh_s3_list_close(struct rh_s3_list *list);

/* ---- Objects (object.c) ---------------------------------------------------------------------- */

/* A row: fields of a record, or a document. */
struct rh_s3_row {
    const struct rh_text *fields; /* CSV: as many as the header has */
    const struct rh_json *document;
};

/* The rows of one object, one by one, in bounded memory. Zeroed, it is closed. */
struct rh_s3_object {
    struct rh_conn *conn;
    struct rh_http_exchange *exchange;
    enum rh_s3_format format;
    struct rh_csv csv;
    struct rh_json_stream json;
    struct rh_arena *arena; /* of the document at hand; of the header */
    struct rh_text *header; /* CSV; once the first row was asked for */
    uint32_t n_header;
    struct rh_text etag; /* in the arena of the header */
    struct rh_arena *head_arena;
};

/* NOT_FOUND when there is no such object. */
int rh_s3_object_open(struct rh_s3_object *object, struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_s3_table *table, struct rh_text key, struct rh_error *error);
/* Reads the header of a CSV object; RH_END when the object is empty. */
int rh_s3_object_header(struct rh_s3_object *object, const struct rh_op *op,
                        struct rh_error *error);
/* The next row, borrowed until the next call; RH_END. DATA for a document that is no object. */
int rh_s3_object_next(struct rh_s3_object *object, const struct rh_op *op,
                      struct rh_s3_row *ret_row, struct rh_error *error);
void rh_s3_object_close(struct rh_s3_object *object);

/* ---- Tables (catalog.c) ---------------------------------------------------------------------- */

/* What a column is of its row; rh_column.native_id. */
enum rh_s3_role {
    RH_S3_FIELD = 1,
    RH_S3_KEY, /* of the object */
    RH_S3_SIZE,
    RH_S3_ETAG,
    RH_S3_MODIFIED,
};

int32_t rh_s3_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                     struct rh_error *error);

/* ---- Plans (plan.c) -------------------------------------------------------------------------- */

#define RH_S3_N_OPERATORS 6
extern const struct rh_operator rh_s3_operators[RH_S3_N_OPERATORS];

int32_t rh_s3_plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                   struct rh_error *error);
int32_t rh_s3_explain(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                      struct rh_text *ret_native, struct rh_error *error);
/* For what the host has accepted; texts in the arena. UNSUPPORTED when it was not claimed. */
int rh_s3_bounds_of(const struct rh_query *query, const struct rh_s3_table *table,
                    struct rh_arena *arena, struct rh_s3_bounds *ret_bounds,
                    struct rh_error *error);

/* ---- Rows (read.c) --------------------------------------------------------------------------- */

int32_t rh_s3_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                   struct rh_cursor **ret_cursor, struct rh_error *error);
int32_t rh_s3_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                   struct rh_batch *ret_batch, struct rh_error *error);
void rh_s3_finish(struct rh_cursor *cursor);
/* Where the member of this name is in a header; RH_NO_COLUMN. */
uint32_t rh_s3_field(const struct rh_s3_object *object, struct rh_text name);
/* A cell of a row: of the field at that place, or the document's member of the column's name. */
void rh_s3_cell(struct rh_rowset *rows, struct rh_value *cell, const struct rh_column *column,
                const struct rh_s3_row *row, uint32_t field);

/* ---- Writing (write.c) ----------------------------------------------------------------------- */

extern const struct rh_write rh_s3_write;
