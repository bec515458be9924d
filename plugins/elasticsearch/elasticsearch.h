/*
 * Elasticsearch and OpenSearch: documents as rows, over the host's HTTP.
 *
 * An index is a table, and so is an alias. Columns are the fields of the mapping at the top of a document,
 * as they stand in its _source; objects are JSON. Every row has `_id`, its key, and `_version`, the
 * sequence number and primary term by which a change by somebody else is seen.
 *
 *   config.c      settings             connection.c  connect, ping, cancel, close, requests
 *   catalog.c     tables, columns      field.c       what a mapping says of a field, and its cells
 *   filter.c      conditions as query clauses, and what is exact
 *   plan.c        which request        read.c        cursors
 *   write.c       the write group      native.c      the body of a search
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "connector/http.h"
#include "connector/kit.h"
#include "connector/rowset.h"

#include <rowhouse/connector.h>

#define RH_ELASTICSEARCH_ID "_id"
#define RH_ELASTICSEARCH_VERSION "_version"
#define RH_ELASTICSEARCH_DOCUMENT_BYTES ((size_t)64 << 20)
#define RH_ELASTICSEARCH_ARENA_BYTES ((size_t)1 << 30)
#define RH_ELASTICSEARCH_PAGE 1000u    /* documents of a page */
#define RH_ELASTICSEARCH_WINDOW 10000u /* documents that one search may give */

/* ---- Settings (config.c) ------------------------------------------------------------------- */

#define RH_ELASTICSEARCH_CONFIG_SCHEMA                                                             \
    "{\"type\": \"object\", \"required\": [\"url\"], \"properties\": {"                            \
    " \"url\": {\"type\": \"string\", \"minLength\": 1, \"title\": \"URL\", \"x-order\": 1,"       \
    "  \"x-placeholder\": \"https://localhost:9200\"},"                                            \
    " \"user\": {\"type\": \"string\", \"title\": \"User\", \"x-order\": 2},"                      \
    " \"password\": {\"type\": \"string\", \"title\": \"Password\", \"x-order\": 3,"               \
    "  \"x-secret\": true},"                                                                       \
    " \"api_key\": {\"type\": \"string\", \"title\": \"API key\", \"x-order\": 4,"                 \
    "  \"x-secret\": true, \"description\": \"Encoded, instead of user and password\"},"           \
    " \"indices\": {\"type\": \"string\", \"title\": \"Indices\", \"default\": \"*\","             \
    "  \"x-order\": 5, \"x-placeholder\": \"shop-*,logs\","                                        \
    "  \"description\": \"Indices and aliases that are tables: names and patterns\"},"             \
    " \"single_values\": {\"type\": \"boolean\", \"title\": \"Single values\","                    \
    "  \"default\": false, \"x-order\": 6, \"description\": \"No field holds an array, numbers"    \
    " and dates stand there as they are mapped: then conditions and order are Elasticsearch's\"}," \
    " \"retries\": {\"type\": \"integer\", \"title\": \"Retries\", \"default\": 2,"                \
    "  \"minimum\": 0, \"maximum\": 10, \"x-order\": 7, \"x-group\": \"advanced\"},"               \
    " \"ca\": {\"type\": \"string\", \"title\": \"Certificate authority\", \"x-order\": 8,"        \
    "  \"x-group\": \"advanced\", \"description\": \"PEM, instead of the system's\"},"             \
    " \"insecure\": {\"type\": \"boolean\", \"title\": \"Do not verify the certificate\","         \
    "  \"default\": false, \"x-order\": 9, \"x-group\": \"advanced\"}}}"

/* All texts owned, NUL-terminated; NULL where not set. */
struct rh_elasticsearch_config {
    char *url;
    char *user;
    char *password;
    char *authorization; /* "ApiKey …"; NULL: user and password, or none */
    char *indices;
    char *ca;
    uint32_t retries;
    bool single_values;
    bool insecure;
};

/* CONFIG. Owned by the caller until fini. */
int rh_elasticsearch_config_init(struct rh_elasticsearch_config *ret_config,
                                 const struct rh_settings *settings, struct rh_error *error);
void rh_elasticsearch_config_fini(struct rh_elasticsearch_config *config);

/* ---- Connections (connection.c) ------------------------------------------------------------ */

struct rh_conn {
    const struct rh_host *host;
    struct rh_elasticsearch_config config;
    struct rh_http_client *client;
    struct rh_cursor *cursor;  /* the open one, or NULL */
    struct rh_rowset returned; /* rows that the last write returned */
    bool has_pit;              /* points in time, ordered by _shard_doc: Elasticsearch from 7.12 */
};

int32_t rh_elasticsearch_connect(const struct rh_host *host, const struct rh_op *op,
                                 const struct rh_settings *settings, struct rh_conn **ret_conn,
                                 struct rh_error *error);
void rh_elasticsearch_close(struct rh_conn *conn);
int32_t rh_elasticsearch_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_elasticsearch_cancel(struct rh_conn *conn);

/* A request. body no text: none. safe: a POST that only reads. Borrows from the buffer and the body. */
struct rh_http_request rh_elasticsearch_request(const char *method, const struct rh_buf *url,
                                                struct rh_text body, bool safe);
/* Sends, reads the answer and parses it into the arena (its text too). An answer that is no success is an
 * error: "<what>: …". */
int rh_elasticsearch_fetch(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_http_request *request, const char *what,
                           struct rh_arena *arena, struct rh_json **ret_answer,
                           struct rh_error *error);

/* ---- Fields (field.c) ---------------------------------------------------------------------- */

/* rh_column.native_id: what the field is, and what of it can be asked. */
enum rh_elasticsearch_kind {
    RH_ELASTICSEARCH_UNKNOWN, /* was not described here */
    RH_ELASTICSEARCH_KEY,     /* _id */
    RH_ELASTICSEARCH_SEQUENCE,
    RH_ELASTICSEARCH_KEYWORD,
    RH_ELASTICSEARCH_TEXT,
    RH_ELASTICSEARCH_WHOLE,  /* long, integer, short, byte, unsigned_long */
    RH_ELASTICSEARCH_DOUBLE, /* what _source has, to the bit */
    RH_ELASTICSEARCH_FLOAT,  /* float, half_float, scaled_float: rounded in the index */
    RH_ELASTICSEARCH_BOOLEAN,
    RH_ELASTICSEARCH_DATE,
    RH_ELASTICSEARCH_IP,
    RH_ELASTICSEARCH_OTHER,
};
#define RH_ELASTICSEARCH_KIND(native_id) ((enum rh_elasticsearch_kind)((native_id)&0xffu))
#define RH_ELASTICSEARCH_SEARCHABLE 0x0100u
#define RH_ELASTICSEARCH_SORTABLE 0x0200u
#define RH_ELASTICSEARCH_NULL_VALUE 0x0400u /* null is found as another value */
#define RH_ELASTICSEARCH_NORMALIZED 0x0800u
#define RH_ELASTICSEARCH_SUBFIELD 0x1000u /* a text with the keyword "<name>.keyword" */
#define RH_ELASTICSEARCH_SINGLE 0x2000u   /* the setting single_values */
#define RH_ELASTICSEARCH_SECONDS 0x4000u  /* DATE: numbers are seconds, not milliseconds */
#define RH_ELASTICSEARCH_ALIAS 0x8000u    /* KEY: of an alias, which _mget does not know */
/* Longer keywords are not in the index; 0: all are. */
#define RH_ELASTICSEARCH_IGNORE_ABOVE(native_id) ((native_id) >> 16)

/* A field of a mapping: type, flags and native_id of *column; its name is left as it is. */
void rh_elasticsearch_describe(const struct rh_json *field, bool single, struct rh_column *column);
/* Makes *cell from the member of a _source, NULL: MISSING. */
void rh_elasticsearch_cell(struct rh_rowset *rows, struct rh_value *cell,
                           const struct rh_column *column, const struct rh_json *value);

/* ---- Tables (catalog.c) -------------------------------------------------------------------- */

int32_t rh_elasticsearch_tables(struct rh_conn *conn, const struct rh_op *op,
                                struct rh_catalog *ret_catalog, struct rh_error *error);

/* ---- Conditions (filter.c) ----------------------------------------------------------------- */

#define RH_ELASTICSEARCH_N_OPERATORS 21
extern const struct rh_operator rh_elasticsearch_operators[RH_ELASTICSEARCH_N_OPERATORS];

/* What a query clause can do for this condition: RH_VERDICT_*. */
uint8_t rh_elasticsearch_verdict(const struct rh_query *query, uint32_t position);
/* Appends the clause; the verdict was not NONE. */
void rh_elasticsearch_add_clause(const struct rh_query *query, uint32_t position,
                                 struct rh_buf *body);

/* ---- Plans (plan.c) ------------------------------------------------------------------------ */

enum rh_elasticsearch_way {
    RH_ELASTICSEARCH_SEARCH, /* _search, in pages */
    RH_ELASTICSEARCH_KEYS,   /* _mget: one EQ or IN on _id */
    RH_ELASTICSEARCH_COUNT,  /* _count: one row */
};

struct rh_elasticsearch_scan {
    enum rh_elasticsearch_way way;
    uint32_t keys; /* KEYS: position of the node */
};

int32_t rh_elasticsearch_plan(struct rh_conn *conn, const struct rh_query *query,
                              struct rh_plan *ret_plan, struct rh_error *error);
/* For what the host has accepted. UNSUPPORTED when that is not what was claimed. */
int rh_elasticsearch_scan_of(const struct rh_query *query, struct rh_elasticsearch_scan *ret_scan,
                             struct rh_error *error);
/* Appends {"bool":…}, or match_all, for the conditions of the query. */
void rh_elasticsearch_add_query(const struct rh_query *query, struct rh_buf *body);
int32_t rh_elasticsearch_explain(struct rh_conn *conn, const struct rh_op *op,
                                 const struct rh_query *query, struct rh_text *ret_native,
                                 struct rh_error *error);

/* ---- Rows (read.c) ------------------------------------------------------------------------- */

enum rh_elasticsearch_paging {
    RH_ELASTICSEARCH_ONE_PAGE,
    RH_ELASTICSEARCH_PIT,    /* a point in time and search_after */
    RH_ELASTICSEARCH_SCROLL, /* where there are no points in time */
};

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_arena *arena; /* what is copied of the query */
    struct rh_text table;
    struct rh_column *columns; /* of the output */
    uint32_t n_columns;
    struct rh_rowset rows;
    struct rh_arena *document_arena;
    struct rh_elasticsearch_scan scan;
    enum rh_elasticsearch_paging paging;
    uint32_t page_size;
    struct rh_text search; /* members of the body that stay: query, _source, sort; no braces */
    struct rh_text *ids;   /* KEYS */
    uint32_t n_ids, next_id;
    struct rh_buf url, body;
    struct rh_buf token;  /* id of the point in time, or of the scroll; JSON string */
    struct rh_buf after;  /* "sort" of the last document of the page; JSON array */
    struct rh_buf before; /* that of the page before */
    struct rh_http_documents documents;
    bool open, done;
    uint64_t left;   /* of the limit */
    uint64_t n_page; /* documents of this page that came */
    /* native: the hits, or the answer with its aggregations; in the arena */
    bool is_native;
    const struct rh_json *answer;
};

/* A cursor without columns; the connection's. NULL when out of memory. */
struct rh_cursor *rh_elasticsearch_cursor_new(struct rh_conn *conn, uint32_t n_columns);
/* All shards have answered, in time; else UNAVAILABLE, TIMEOUT. `envelope` is what is around the hits. */
int rh_elasticsearch_check_page(const struct rh_json *envelope, struct rh_error *error);

int32_t rh_elasticsearch_open(struct rh_conn *conn, const struct rh_op *op,
                              const struct rh_query *query, struct rh_cursor **ret_cursor,
                              struct rh_error *error);
int32_t rh_elasticsearch_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                              struct rh_batch *ret_batch, struct rh_error *error);
void rh_elasticsearch_finish(struct rh_cursor *cursor);
/* A row from a hit: an object with _id, _source, _seq_no, _primary_term. */
void rh_elasticsearch_add_row(struct rh_rowset *rows, const struct rh_column *columns,
                              uint32_t n_columns, uint32_t stride, const struct rh_json *hit);
/* The members of a search that stay the same from page to page. */
void rh_elasticsearch_add_search(const struct rh_query *query, struct rh_buf *body);

/* ---- Writing (write.c) --------------------------------------------------------------------- */

extern const struct rh_write rh_elasticsearch_write;

/* ---- Native searches (native.c) ------------------------------------------------------------ */

#define RH_ELASTICSEARCH_HIT_COLUMNS 4u
extern const struct rh_native rh_elasticsearch_native;
