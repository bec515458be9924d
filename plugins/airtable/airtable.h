/*
 * Airtable: the tables of a base, over the host's HTTP and Airtable's Web API.
 *
 * Every row has `_id`, its record id and key, and `_created`; the other columns are the table's
 * fields, as the Meta API describes them. A field of the table that is called so is not shown.
 *
 *   config.c   settings              connection.c  connect, ping, cancel, close, requests, errors
 *   field.c    types of fields       catalog.c     tables, columns
 *   formula.c  conditions as formulas, what is exact
 *   plan.c     what is pushed down   read.c        cursors         write.c   the write group
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "connector/http.h"
#include "connector/kit.h"
#include "connector/rowset.h"

#include <rowhouse/connector.h>

#define RH_AIRTABLE_ID "_id"
#define RH_AIRTABLE_CREATED "_created"
#define RH_AIRTABLE_ROWS_PER_WRITE 10u              /* the API's own limit */
#define RH_AIRTABLE_RECORD_BYTES ((size_t)64 << 20) /* of one record, as JSON */

/* ---- Settings (config.c) ------------------------------------------------------------------- */

#define RH_AIRTABLE_CONFIG_SCHEMA                                                                  \
    "{\"type\": \"object\", \"required\": [\"token\", \"base\"], \"properties\": {"                \
    " \"token\": {\"type\": \"string\", \"minLength\": 1, \"title\": \"Token\", \"x-order\": 1,"   \
    "  \"x-secret\": true, \"description\": \"A personal access token with the scopes"             \
    " schema.bases:read, data.records:read and, to write, data.records:write\"},"                  \
    " \"base\": {\"type\": \"string\", \"minLength\": 1, \"title\": \"Base\", \"x-order\": 2,"     \
    "  \"x-placeholder\": \"appXXXXXXXXXXXXXX\", \"description\": \"The base's id or its name\"}," \
    " \"tables\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}, \"title\": \"Tables\"," \
    "  \"x-order\": 3, \"description\": \"Only these are shown, by name or id\"},"                 \
    " \"rate\": {\"type\": \"integer\", \"title\": \"Requests per minute\", \"default\": 150,"     \
    "  \"minimum\": 0, \"maximum\": 60000, \"x-order\": 4, \"x-group\": \"advanced\","             \
    "  \"description\": \"Airtable takes 5 a second from a base, and none for 30 seconds after"    \
    " more. 0: not limited here\"},"                                                               \
    " \"retries\": {\"type\": \"integer\", \"title\": \"Retries\", \"default\": 2,"                \
    "  \"minimum\": 0, \"maximum\": 10, \"x-order\": 5, \"x-group\": \"advanced\"},"               \
    " \"url\": {\"type\": \"string\", \"title\": \"API\", \"x-order\": 6,"                         \
    "  \"default\": \"https://api.airtable.com/v0\", \"x-group\": \"advanced\"},"                  \
    " \"ca\": {\"type\": \"string\", \"title\": \"Certificate authority\", \"x-order\": 7,"        \
    "  \"x-group\": \"advanced\", \"description\": \"PEM, instead of the system's\"}}}"

/* All texts owned, NUL-terminated; NULL where not set. */
struct rh_airtable_config {
    char *token;
    char *base;
    char *url;    /* without a slash at its end */
    char *tables; /* a JSON array of texts */
    char *ca;
    uint32_t rate;
    uint32_t retries;
};

/* CONFIG. Owned by the caller until fini. */
int rh_airtable_config_init(struct rh_airtable_config *ret_config,
                            const struct rh_settings *settings, struct rh_error *error);
void rh_airtable_config_fini(struct rh_airtable_config *config);

/* ---- Connections (connection.c) ------------------------------------------------------------ */

struct rh_conn {
    const struct rh_host *host;
    struct rh_airtable_config config;
    char base_id[64];
    struct rh_http_client *client;
    struct rh_cursor *cursor;  /* the open one, or NULL */
    struct rh_rowset returned; /* rows that the last write returned */
};

int32_t rh_airtable_connect(const struct rh_host *host, const struct rh_op *op,
                            const struct rh_settings *settings, struct rh_conn **ret_conn,
                            struct rh_error *error);
void rh_airtable_close(struct rh_conn *conn);
int32_t rh_airtable_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_airtable_cancel(struct rh_conn *conn);

/* A request; body no text: none. safe: a POST that only reads. Borrows from both texts. */
struct rh_http_request rh_airtable_request(const char *method, struct rh_text url,
                                           struct rh_text body, bool safe);
/* Appends "/base/table", percent-encoded. */
void rh_airtable_add_table(const struct rh_conn *conn, struct rh_text table, struct rh_buf *url);
/* Sends, reads the answer, parses it into the arena (the text too). An answer that is no success is
 * an error, "<what>: …", of the class that Airtable's own error type stands for. */
int rh_airtable_fetch(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_http_request *request, const char *what,
                      struct rh_arena *arena, struct rh_json **ret_answer, struct rh_error *error);
/* All tables with their fields, as the Meta API answers: `{"tables": […]}`. */
int rh_airtable_fetch_schema(struct rh_conn *conn, const struct rh_op *op, struct rh_arena *arena,
                             struct rh_json **ret_schema, struct rh_error *error);
/* Airtable answers 403 for a table that is not there and for one that may not be read, and 429
 * without saying for how long. Makes an error say which; returns its class. */
int rh_airtable_clarify(struct rh_conn *conn, const struct rh_op *op, struct rh_text table,
                        struct rh_error *error);

/* ---- Types of fields (field.c) ------------------------------------------------------------- */

/* What a column holds, as rh_column.native_id: the host hands it back with every query. */
enum rh_airtable_kind {
    RH_AIRTABLE_NO_FIELD, /* not described by us */
    RH_AIRTABLE_RECORD,   /* _id */
    RH_AIRTABLE_TIME,     /* _created */
    RH_AIRTABLE_TEXT,     /* plain text, and the name of a single select's choice */
    RH_AIRTABLE_NUMBER,
    RH_AIRTABLE_COUNTER,  /* autoNumber: unique, never empty */
    RH_AIRTABLE_CREATION, /* createdTime: never empty */
    RH_AIRTABLE_CHECKBOX, /* empty is false */
    RH_AIRTABLE_DATE,     /* date, dateTime, lastModifiedTime */
    RH_AIRTABLE_OTHER,    /* read and written as it is, not compared at the source */
};

/* Makes the column of a field of the Meta API: texts are copied into the op's arena. False when it
 * has no name that can be one. */
int rh_airtable_describe_field(const struct rh_host *host, struct rh_arena *arena,
                               const struct rh_json *field, struct rh_column *ret_column,
                               struct rh_error *error);
/* The columns that every table has. */
struct rh_column rh_airtable_id_column(void);
struct rh_column rh_airtable_created_column(void);

/* ---- Tables (catalog.c) -------------------------------------------------------------------- */

int32_t rh_airtable_tables(struct rh_conn *conn, const struct rh_op *op,
                           struct rh_catalog *ret_catalog, struct rh_error *error);

/* ---- Conditions (formula.c) ---------------------------------------------------------------- */

#define RH_AIRTABLE_N_OPERATORS 23
extern const struct rh_operator rh_airtable_operators[RH_AIRTABLE_N_OPERATORS];

/* What a formula can do for this condition: RH_VERDICT_*. */
uint8_t rh_airtable_verdict(const struct rh_query *query, uint32_t position);
/* Appends it as a formula; the verdict was not NONE. */
void rh_airtable_add_formula(const struct rh_query *query, uint32_t position,
                             struct rh_buf *formula);
/* Appends a text as a literal of a formula, in quotes. */
void rh_airtable_add_literal(struct rh_buf *formula, struct rh_text text);

/* ---- Plans (plan.c) ------------------------------------------------------------------------ */

int32_t rh_airtable_plan(struct rh_conn *conn, const struct rh_query *query,
                         struct rh_plan *ret_plan, struct rh_error *error);
/* UNSUPPORTED when the query has more than was claimed. */
int rh_airtable_check_query(const struct rh_query *query, struct rh_error *error);
/* Appends the body of listRecords, without its closing brace: a page's offset goes behind it. */
void rh_airtable_add_list(const struct rh_query *query, struct rh_buf *body);
int32_t rh_airtable_explain(struct rh_conn *conn, const struct rh_op *op,
                            const struct rh_query *query, struct rh_text *ret_native,
                            struct rh_error *error);

/* ---- Rows (read.c) ------------------------------------------------------------------------- */

int32_t rh_airtable_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                         struct rh_cursor **ret_cursor, struct rh_error *error);
int32_t rh_airtable_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                         struct rh_batch *ret_batch, struct rh_error *error);
void rh_airtable_finish(struct rh_cursor *cursor);
/* A row of the rowset from a record: columns as they were described. */
void rh_airtable_add_row(struct rh_rowset *rows, const struct rh_column *columns,
                         uint32_t n_columns, uint32_t stride, const struct rh_json *record);

/* ---- Writing (write.c) --------------------------------------------------------------------- */

extern const struct rh_write rh_airtable_write;
