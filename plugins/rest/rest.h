/*
 * Any JSON, XML or CSV API, told by a description: its resources are tables, over the host's HTTP.
 *
 * The description is a JSON document (docs/rest.md): where a resource's rows are in the answer,
 * what its columns are, which conditions the API takes as parameters, how pages follow each other,
 * how a row is made, changed and deleted. Secrets are settings of their own.
 *
 *   config.c       settings                       connection.c  connect, ping, cancel, close
 *   description.c  the document, read             resource.c    one resource of it
 *   parameter.c    its parameters                 catalog.c     tables, columns
 *   bind.c         conditions to parameters       order.c       orders that an API has
 *   plan.c         what is claimed; explain       request.c     URLs and bodies
 *   answer.c       documents of one answer        page.c        the next page
 *   cell.c         documents to cells             read.c        cursors
 *   cache.c        answers to lookups             write.c       the write group
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "connector/csv.h"
#include "connector/http.h"
#include "connector/kit.h"
#include "connector/rowset.h"
#include "connector/xml.h"

#include <rowhouse/connector.h>

#define RH_REST_ROW_BYTES ((size_t)16 << 20) /* ceiling of one row, and of an answer read whole */
#define RH_REST_URL_BYTES ((size_t)64 << 10)
#define RH_REST_MAX_REQUESTS 1000u /* that one query may be divided into */
#define RH_REST_AHEAD 8u           /* requests under way at once */

/* ---- Settings (config.c) ------------------------------------------------------------------- */

#define RH_REST_CONFIG_SCHEMA                                                                      \
    "{\"type\": \"object\", \"required\": [\"description\"], \"properties\": {"                    \
    " \"description\": {\"type\": \"object\", \"title\": \"Description\", \"x-order\": 1,"         \
    "  \"description\": \"The API: resources, parameters, pages (docs/rest.md)\"},"                \
    " \"url\": {\"type\": \"string\", \"title\": \"URL\", \"x-order\": 2,"                         \
    "  \"x-placeholder\": \"https://api.example.com/v1\","                                         \
    "  \"description\": \"Where the API is, instead of what the description says\"},"              \
    " \"user\": {\"type\": \"string\", \"title\": \"User or client id\", \"x-order\": 3},"         \
    " \"secret\": {\"type\": \"string\", \"title\": \"Password, key, token or client secret\","    \
    "  \"x-order\": 4, \"x-secret\": true},"                                                       \
    " \"refresh_token\": {\"type\": \"string\", \"title\": \"Refresh token\", \"x-order\": 5,"     \
    "  \"x-secret\": true},"                                                                       \
    " \"sample\": {\"type\": \"integer\", \"title\": \"Sample\", \"default\": 100,"                \
    "  \"minimum\": 1, \"maximum\": 10000, \"x-order\": 6, \"description\": \"Rows that columns"   \
    " are inferred from where the description has none\"},"                                        \
    " \"retries\": {\"type\": \"integer\", \"title\": \"Retries\", \"default\": 2, \"minimum\": "  \
    "0, \"maximum\": 10, \"x-order\": 7, \"x-group\": \"advanced\"},"                              \
    " \"proxy\": {\"type\": \"string\", \"title\": \"Proxy\", \"x-order\": 8, \"x-secret\": true," \
    "  \"x-group\": \"advanced\"},"                                                                \
    " \"ca\": {\"type\": \"string\", \"title\": \"Certificate authority\", \"x-order\": 9,"        \
    "  \"x-group\": \"advanced\", \"description\": \"PEM, instead of the system's\"},"             \
    " \"insecure\": {\"type\": \"boolean\", \"title\": \"Do not verify the certificate\","         \
    "  \"default\": false, \"x-order\": 10, \"x-group\": \"advanced\"}}}"

/* ---- The description (description.c, resource.c) ------------------------------------------- */

enum rh_rest_format { RH_REST_JSON, RH_REST_NDJSON, RH_REST_XML, RH_REST_CSV };
enum rh_rest_place { RH_REST_PATH, RH_REST_QUERY, RH_REST_BODY };
enum rh_rest_list { RH_REST_ONE_VALUE, RH_REST_JOINED, RH_REST_REPEATED };
enum rh_rest_encoding { RH_REST_BODY_JSON, RH_REST_BODY_FORM };

/* How the API writes a time. */
enum rh_rest_as { RH_REST_AS_TEXT, RH_REST_AS_UNIX, RH_REST_AS_UNIX_MS, RH_REST_AS_DATE };

enum rh_rest_style {
    RH_REST_NO_PAGES,
    RH_REST_NUMBERED, /* page=2 */
    RH_REST_OFFSET,   /* offset=100 */
    RH_REST_CURSOR,   /* starting_after=<value of the last row> */
    RH_REST_TOKEN,    /* page_token=<member of the answer> */
    RH_REST_LINK,     /* the header Link, rel="next" */
    RH_REST_NEXT,     /* a URL in the answer */
};

/* Names of members, from a document inwards. */
struct rh_rest_path {
    const struct rh_text *names;
    uint32_t n;
};

struct rh_rest_column {
    struct rh_text name;
    struct rh_text comment;
    struct rh_rest_path path;
    struct rh_text write; /* its name in what is sent; no text: it cannot be written */
    uint8_t type;         /* RH_TYPE_* */
    uint8_t as;           /* enum rh_rest_as */
    bool asked;           /* it is in no answer: its value is what was asked for */
    bool not_null;
    bool filled; /* the API fills it in when it is not given */
};

struct rh_rest_parameter {
    struct rh_text name;   /* as it is sent */
    struct rh_text column; /* whose conditions it takes; no text: none */
    struct rh_text value;  /* sent where there is no condition; no text: nothing is */
    struct rh_text json;   /* the same as JSON */
    uint32_t ops[8];       /* RH_OP_*, with FOLD; IN comes with EQ */
    uint32_t n_ops;
    uint32_t list_max; /* values in one request */
    uint8_t place;     /* enum rh_rest_place */
    uint8_t list;      /* enum rh_rest_list */
    uint8_t as;        /* enum rh_rest_as */
    char separator;    /* JOINED */
    bool required;
    bool exact;
};

/* A kind of request. */
struct rh_rest_call {
    struct rh_text method;
    struct rh_text path; /* with {names} */
    const char *rows;    /* where they are in the answer, with dots */
    struct rh_text wrap; /* what is sent is the member of this name; no text: the whole */
    const struct rh_rest_parameter *parameters;
    uint32_t n_parameters;
    uint8_t encoding; /* enum rh_rest_encoding */
    bool single;      /* not an array of rows, but one */
};

struct rh_rest_pages {
    uint8_t style;             /* enum rh_rest_style */
    struct rh_text name;       /* of the parameter that says which page; no text: LINK, NEXT */
    struct rh_text size_name;  /* of the parameter that says how many; no text: there is none */
    uint64_t size;             /* rows of a page, at most; 0: not known */
    uint64_t start;            /* NUMBERED: the first page */
    struct rh_rest_path token; /* TOKEN, NEXT: in the answer; CURSOR: in the row */
    struct rh_rest_path more;  /* in the answer: whether there are more pages */
    struct rh_rest_path total; /* in the answer: rows in all */
    bool short_is_last;        /* a page of fewer rows than `size` is the last */
};

/* An order that the list can come in. */
struct rh_rest_order {
    struct rh_text column;
    struct rh_text up, down; /* values of the parameter; no text: not in that direction */
};

struct rh_rest_resource {
    struct rh_text name;
    struct rh_text comment;
    uint8_t format; /* enum rh_rest_format */
    char separator; /* CSV */
    bool inferred;  /* columns come from a sample; those here are parameters' */
    const struct rh_rest_column *columns;
    uint32_t n_columns;
    const struct rh_text *key;
    uint32_t n_key;
    const struct rh_text *const *any_of; /* sets of columns, of each of which one is needed */
    const uint32_t *n_any_of;
    uint32_t n_any_ofs;
    struct rh_rest_pages pages;
    struct rh_text order_name; /* the parameter that orders the list */
    const struct rh_rest_order *orders;
    uint32_t n_orders;
    struct rh_text natural; /* the column that it is ordered by without that; no text: by none */
    bool natural_down;
    uint64_t cache_us; /* how long answers to lookups are good; 0: not kept */
    struct rh_rest_call list;
    const struct rh_rest_call *one; /* NULL: there is none; the same below */
    const struct rh_rest_call *insert, *update, *remove;
};

struct rh_rest_description {
    struct rh_text base;
    uint32_t auth;       /* RH_HTTP_AUTH_* */
    struct rh_text user; /* of HEADER and QUERY: the name */
    struct rh_text token_url, scope, audience;
    const struct rh_http_header *headers;
    uint32_t n_headers;
    uint32_t rate_per_minute;
    struct rh_text ping; /* no text: the first resource that needs nothing */
    const struct rh_rest_resource *resources;
    uint32_t n_resources;
};

/* Everything lives in the arena and borrows from `text`. CONFIG, with the place in the message. */
int rh_rest_description_read(struct rh_arena *arena, struct rh_text text,
                             struct rh_rest_description *ret_description, struct rh_error *error);
/* The resource that the member of "resources" describes. */
int rh_rest_resource_read(struct rh_arena *arena, const struct rh_json *json,
                          struct rh_rest_resource *ret_resource, struct rh_error *error);
/* "int", …: as the description has it. */
const char *rh_rest_type_name(uint8_t type);
/* NULL when there is none of that name. */
const struct rh_rest_column *rh_rest_column_named(const struct rh_rest_resource *resource,
                                                  struct rh_text name);

/* Reading members, for both: the member is optional and of this kind, or CONFIG with `where`. */
int rh_rest_only(const struct rh_json *object, const char *where, const char *const *names,
                 struct rh_error *error);
int rh_rest_text(const struct rh_json *object, const char *where, const char *name,
                 struct rh_text *to, struct rh_error *error);
int rh_rest_bool(const struct rh_json *object, const char *where, const char *name, bool *to,
                 struct rh_error *error);
int rh_rest_number(const struct rh_json *object, const char *where, const char *name, uint64_t max,
                   uint64_t *to, struct rh_error *error);
int rh_rest_word(const struct rh_json *object, const char *where, const char *name,
                 const char *const *words, uint8_t *to, struct rh_error *error);

/* ---- Connections (connection.c) ------------------------------------------------------------ */

struct rh_rest_cache {
    struct rh_arena *arena;
    struct rh_map by_url; /* to struct entry, in the arena */
};

struct rh_conn {
    const struct rh_host *host;
    struct rh_arena *arena; /* settings and the description */
    struct rh_rest_description api;
    uint32_t sample;
    struct rh_http_client *client;
    struct rh_cursor *cursor; /* the open one, or NULL */
    struct rh_rest_cache cache;
    struct rh_rowset returned; /* rows that the last write returned */
};

/* The description and what the client needs; everything in conn->arena. CONFIG. */
int rh_rest_config_take(struct rh_conn *conn, const struct rh_settings *settings,
                        struct rh_http_options *ret_options, struct rh_error *error);

int32_t rh_rest_connect(const struct rh_host *host, const struct rh_op *op,
                        const struct rh_settings *settings, struct rh_conn **ret_conn,
                        struct rh_error *error);
void rh_rest_close(struct rh_conn *conn);
int32_t rh_rest_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_rest_cancel(struct rh_conn *conn);
/* NOT_FOUND. */
int rh_rest_find(const struct rh_conn *conn, struct rh_text table,
                 const struct rh_rest_resource **ret_resource, struct rh_error *error);

/* ---- Tables (catalog.c) -------------------------------------------------------------------- */

int32_t rh_rest_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                       struct rh_error *error);

/* ---- Conditions (bind.c, plan.c) ----------------------------------------------------------- */

#define RH_REST_N_OPERATORS 12
extern const struct rh_operator rh_rest_operators[RH_REST_N_OPERATORS];

/* A parameter and the values that a condition gives it. */
struct rh_rest_binding {
    const struct rh_rest_parameter *parameter;
    uint32_t column;               /* position in the query's columns */
    uint32_t conjunct;             /* the condition, among the query's */
    uint32_t op;                   /* without IN: EQ */
    const struct rh_value *values; /* none of them twice */
    uint32_t n;
    uint32_t per_request; /* values in one of them */
    uint32_t at;          /* the first value of the request at hand */
    bool divides;         /* there are several requests because of it: their rows are looked at */
};

/* The requests of a query: one for each choice of values. */
struct rh_rest_scan {
    const struct rh_rest_resource *resource;
    const struct rh_rest_call *call;
    struct rh_rest_binding *bindings;
    uint32_t n_bindings;
    uint64_t n_requests;
    struct rh_text order; /* value of the resource's order_name; no text: not sent */
};

/* The best way to read; values are copied into the arena when `keep`. NEEDS_KEYS, with the columns
 * in the message. */
int rh_rest_bind(const struct rh_rest_resource *resource, const struct rh_query *query,
                 struct rh_arena *arena, bool keep, struct rh_rest_scan *ret_scan,
                 struct rh_error *error);
/* What the scan does for the conjunct. */
uint8_t rh_rest_verdict(const struct rh_rest_scan *scan, const struct rh_query *query,
                        uint32_t conjunct);
/* How much of the query's order the scan's rows come in, and what asks for it. */
uint32_t rh_rest_order_of(const struct rh_rest_scan *scan, const struct rh_query *query,
                          struct rh_text *ret_value);
/* Moves to the next request; false behind the last. */
bool rh_rest_scan_step(struct rh_rest_scan *scan);
const struct rh_rest_binding *rh_rest_binding_of(const struct rh_rest_scan *scan,
                                                 struct rh_text column);
/* Is the column's value what was asked for? `column` as the host gives it back. */
bool rh_rest_is_asked(const struct rh_rest_resource *resource, const struct rh_column *column);

int32_t rh_rest_plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                     struct rh_error *error);
int32_t rh_rest_explain(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                        struct rh_text *ret_native, struct rh_error *error);

/* ---- Requests (request.c) ------------------------------------------------------------------ */

/* Appends the value as the API writes it; false when it cannot be written so. up: to the next whole
 * unit, where the API has coarser ones (for conditions with an upper bound). */
bool rh_rest_add_value(struct rh_buf *to, const struct rh_value *value, uint8_t as, bool up);
/* Whether the text can be one segment of a path. */
bool rh_rest_is_segment(struct rh_text text);
/* Appends the path, its {names} filled from the cells of these columns. DATA. */
int rh_rest_add_path(const struct rh_rest_resource *resource, struct rh_text path,
                     const struct rh_column *columns, uint32_t n_columns, uint32_t stride,
                     const struct rh_value *cells, struct rh_buf *url, struct rh_error *error);
/* Appends the URL and the JSON body (where the API takes one to read) of the request at hand,
 * without a page. */
int rh_rest_add_request(const struct rh_rest_scan *scan, struct rh_buf *url, struct rh_buf *body,
                        struct rh_error *error);

/* ---- Answers (answer.c) -------------------------------------------------------------------- */

/* One request and the documents of its answer. Zeroed, it is closed. */
struct rh_rest_answer {
    struct rh_conn *conn;
    const struct rh_rest_resource *resource;
    const struct rh_rest_call *call;
    struct rh_http_exchange *exchange;
    struct rh_buf url, body; /* of the request */
    struct rh_arena *arena;  /* of the document at hand */
    struct rh_json_stream json;
    struct rh_csv csv;
    struct rh_xml xml;
    struct rh_buf whole;    /* a single answer */
    struct rh_json *rest;   /* of a single answer: what is still to come */
    struct rh_json *fields; /* CSV: the members of the document at hand */
    struct rh_json record;  /* CSV: the document */
    uint32_t n_fields;
    struct rh_buf link;       /* the header Link */
    struct rh_json *envelope; /* at the end: what stood around the rows; or NULL */
    uint8_t state;
    bool streams; /* json, csv or xml is initialised */
};

/* Makes the buffers; url and body are the caller's to fill. */
void rh_rest_answer_init(struct rh_rest_answer *answer, struct rh_conn *conn,
                         const struct rh_rest_resource *resource, const struct rh_rest_call *call);
/* Starts the request; its answer is read by `next`. What was open is closed before. [conn] */
int rh_rest_answer_send(struct rh_rest_answer *answer, const struct rh_op *op,
                        struct rh_error *error);
/* The next document, borrowed until the next call; RH_END. To a lookup, 404 is no document.
 * [conn] */
int rh_rest_answer_next(struct rh_rest_answer *answer, const struct rh_op *op,
                        const struct rh_json **ret_document, struct rh_error *error);
/* Ends the request at any point; url and body stay. */
void rh_rest_answer_close(struct rh_rest_answer *answer);
void rh_rest_answer_fini(struct rh_rest_answer *answer);
/* The member at the path; NULL when there is none. */
const struct rh_json *rh_rest_member(const struct rh_json *document,
                                     const struct rh_rest_path *path);

/* ---- Pages (page.c) ------------------------------------------------------------------------ */

struct rh_rest_position {
    const struct rh_rest_pages *pages;
    struct rh_buf token; /* TOKEN, CURSOR: its value; LINK, NEXT: the URL */
    struct rh_buf mark;  /* an earlier token, to see one come again */
    uint64_t n_turned, mark_at;
    uint64_t number;  /* NUMBERED: the page; OFFSET: the row */
    uint64_t asked;   /* rows of this page at most; 0: not known */
    uint64_t n_rows;  /* of this page */
    uint64_t n_empty; /* pages without a row, one behind the other */
    uint64_t n_all;   /* rows so far */
    uint64_t first;   /* of this page: a hash of its first row */
    uint64_t before;  /* of the page before */
};

void rh_rest_position_init(struct rh_rest_position *position, const struct rh_rest_pages *pages);
void rh_rest_position_fini(struct rh_rest_position *position);
/* At the first page. */
void rh_rest_position_reset(struct rh_rest_position *position);
/* Appends what says which page, at most `limit` rows of it. A whole URL, where the source gave it,
 * replaces what is there. */
void rh_rest_position_add(struct rh_rest_position *position, uint64_t limit, struct rh_buf *url);
/* Takes note of a row. */
int rh_rest_position_row(struct rh_rest_position *position, const struct rh_json *document,
                         struct rh_error *error);
/* Behind a page: RH_OK when there is another, RH_END. PROTOCOL when pages come again; PERMISSION
 * when the next one is at another host. */
int rh_rest_position_turn(struct rh_rest_position *position, const struct rh_rest_answer *answer,
                          bool has_key, struct rh_error *error);

/* ---- Cells (cell.c) ------------------------------------------------------------------------ */

/* A column of the output, and where it comes from. */
struct rh_rest_field {
    struct rh_column column; /* name, type, flags */
    struct rh_rest_path path;
    uint8_t as;
    uint8_t format; /* enum rh_rest_format */
    bool asked;
};

/* NOT_FOUND. Texts in the arena. */
int rh_rest_field_of(const struct rh_rest_resource *resource, const struct rh_column *column,
                     struct rh_arena *arena, struct rh_rest_field *ret_field,
                     struct rh_error *error);
/* The field's cell of a row of `rows`. DATA when it does not fit the declared type; n: the row's
 * number, for the message. */
int rh_rest_cell(struct rh_rowset *rows, struct rh_value *cell, const struct rh_rest_field *field,
                 const struct rh_json *document, uint64_t n, struct rh_error *error);
/* Equal by value; false for NULL. */
bool rh_rest_equal(const struct rh_value *a, const struct rh_value *b);

/* ---- Rows (read.c) ------------------------------------------------------------------------- */

/* One request of the scan, with its pages. */
struct rh_rest_turn {
    struct rh_rest_scan scan; /* at this request; its own bindings */
    struct rh_rest_answer answer;
    struct rh_rest_position position;
};

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_arena *arena;
    struct rh_rest_scan scan;     /* at the request that is sent next */
    struct rh_rest_field *fields; /* of the output */
    uint32_t n_fields;
    struct rh_rest_field *compared;           /* of each binding, where rows are compared with it */
    struct rh_rest_turn turns[RH_REST_AHEAD]; /* a ring: under way, in order */
    uint32_t first, n_turns;
    bool more; /* requests are still to be sent */
    struct rh_rowset rows, probe;
    uint64_t left;   /* of the limit */
    uint64_t n_rows; /* that came */
};

int32_t rh_rest_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                     struct rh_cursor **ret_cursor, struct rh_error *error);
int32_t rh_rest_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                     struct rh_batch *ret_batch, struct rh_error *error);
void rh_rest_finish(struct rh_cursor *cursor);

/* ---- The cache (cache.c) ------------------------------------------------------------------- */

/* The answer's text, borrowed until the next put; no text when it is not there, or too old. */
struct rh_text rh_rest_cache_get(const struct rh_conn *conn, struct rh_text url);
/* Keeps a copy for so long. What does not fit is not kept. */
void rh_rest_cache_put(struct rh_conn *conn, struct rh_text url, struct rh_text text,
                       uint64_t for_us);
void rh_rest_cache_clear(struct rh_conn *conn);
void rh_rest_cache_fini(struct rh_conn *conn);

/* ---- Writing (write.c) --------------------------------------------------------------------- */

extern const struct rh_write rh_rest_write;
