/*
 * DynamoDB: items as rows, over the host's HTTP (JSON 1.0, Signature 4).
 *
 * A table is a table. Its key columns are what its key schema says; all others are found in a sample
 * and marked so. Every attribute of an item has a type of its own, and DynamoDB compares by type: a
 * column whose items disagree is compared per item, as Rowhouse does.
 *
 *   config.c      settings             connection.c  connect, ping, cancel, close, requests, errors
 *   catalog.c     tables, columns      value.c       attribute values as cells and back
 *   filter.c      condition expressions, and what is exact
 *   plan.c        which request        request.c     its body
 *   read.c        cursors              write.c       the write group
 *   native.c      PartiQL
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "base/map.h"
#include "connector/http.h"
#include "connector/kit.h"
#include "connector/rowset.h"

#include <rowhouse/connector.h>

#include <stdatomic.h>

#define RH_DYNAMODB_BODY_BYTES ((size_t)16 << 20)   /* of a request: DynamoDB takes no more */
#define RH_DYNAMODB_ANSWER_BYTES ((size_t)64 << 20) /* 16 MB of items, escaped */
#define RH_DYNAMODB_ITEM_BYTES ((size_t)16 << 20)   /* 400 KB, escaped and nested */
#define RH_DYNAMODB_ARENA_BYTES ((size_t)1 << 30)

/* ---- Settings (config.c) ------------------------------------------------------------------- */

#define RH_DYNAMODB_CONFIG_SCHEMA                                                                  \
    "{\"type\": \"object\", \"required\": [\"region\", \"access_key\", \"secret_key\"],"           \
    " \"properties\": {"                                                                           \
    " \"region\": {\"type\": \"string\", \"minLength\": 1, \"title\": \"Region\", \"x-order\": 1," \
    "  \"x-placeholder\": \"eu-central-1\"},"                                                      \
    " \"access_key\": {\"type\": \"string\", \"minLength\": 1, \"title\": \"Access key\","         \
    "  \"x-order\": 2},"                                                                           \
    " \"secret_key\": {\"type\": \"string\", \"minLength\": 1, \"title\": \"Secret key\","         \
    "  \"x-order\": 3, \"x-secret\": true},"                                                       \
    " \"session_token\": {\"type\": \"string\", \"title\": \"Session token\", \"x-order\": 4,"     \
    "  \"x-secret\": true, \"description\": \"Of temporary credentials\"},"                        \
    " \"endpoint\": {\"type\": \"string\", \"title\": \"Endpoint\", \"x-order\": 5,"               \
    "  \"x-placeholder\": \"http://localhost:8000\", \"x-group\": \"advanced\","                   \
    "  \"description\": \"Another server than the region's\"},"                                    \
    " \"sample\": {\"type\": \"integer\", \"title\": \"Sample\", \"default\": 200,"                \
    "  \"minimum\": 1, \"maximum\": 10000, \"x-order\": 6, \"x-group\": \"advanced\","             \
    "  \"description\": \"Items of a table that columns are inferred from\"},"                     \
    " \"retries\": {\"type\": \"integer\", \"title\": \"Retries\", \"default\": 4,"                \
    "  \"minimum\": 0, \"maximum\": 10, \"x-order\": 7, \"x-group\": \"advanced\","                \
    "  \"description\": \"How often a throttled or lost request is repeated\"}}}"

/* All texts owned, NUL-terminated; NULL where not set. */
struct rh_dynamodb_config {
    char *region;
    char *access_key;
    char *secret_key;
    char *session_token;
    char *endpoint; /* never NULL */
    uint32_t sample;
    uint32_t retries;
};

/* CONFIG. Owned by the caller until fini. */
int rh_dynamodb_config_init(struct rh_dynamodb_config *ret_config,
                            const struct rh_settings *settings, struct rh_error *error);
void rh_dynamodb_config_fini(struct rh_dynamodb_config *config);

/* ---- Connections (connection.c) ------------------------------------------------------------ */

struct rh_conn {
    const struct rh_host *host;
    struct rh_dynamodb_config config;
    struct rh_http_client *client;
    struct rh_cursor *cursor;  /* the open one, or NULL */
    struct rh_rowset returned; /* rows that the last write returned */
    struct rh_arena *schemas;  /* what DescribeTable said, by name */
    struct rh_map schema_of;
    atomic_bool cancelled; /* set by cancel, for waits between requests */
};

int32_t rh_dynamodb_connect(const struct rh_host *host, const struct rh_op *op,
                            const struct rh_settings *settings, struct rh_conn **ret_conn,
                            struct rh_error *error);
void rh_dynamodb_close(struct rh_conn *conn);
int32_t rh_dynamodb_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_dynamodb_cancel(struct rh_conn *conn);

/* Begins a call of the vtable: forgets an earlier cancel, looks at cancel fd and deadline. */
int rh_dynamodb_begin(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
/*
 * One action. `safe`: it may be repeated although its answer was lost. What DynamoDB throttled it has not
 * done, so that is repeated in any case: `retries` times, with back-off, within the deadline; then
 * RATE_LIMITED. `what` begins the message of an error: "cannot read the items". The answer (its text
 * too) is in the arena. When it is an error, *ret_answer is what the body says, or NULL: for the reasons
 * of a cancelled transaction. ret_answer may be NULL.
 */
int rh_dynamodb_call(struct rh_conn *conn, const struct rh_op *op, const char *action,
                     struct rh_text body, bool safe, const char *what, struct rh_arena *arena,
                     struct rh_json **ret_answer, struct rh_error *error);
/* The same for an answer with an array of items, read one by one with rh_http_documents_next. The
 * body is borrowed until the documents are closed, which they are to be after an error too. */
int rh_dynamodb_stream(struct rh_conn *conn, const struct rh_op *op, const char *action,
                       struct rh_text body, const char *path, const char *what,
                       struct rh_http_documents *documents, struct rh_error *error);
/* Waits before the attempt with this number (from 1), longer each time. CANCELLED, TIMEOUT. */
int rh_dynamodb_back_off(struct rh_conn *conn, const struct rh_op *op, uint32_t attempt,
                         struct rh_error *error);

/* ---- Attribute values (value.c) ------------------------------------------------------------ */

/*
 * rh_column.native_id: the types that were seen; and for the table's own key and each of the first
 * indexes that hold whole items (in the order of their names), two bits: the part that the column has in
 * it. So `plan` needs no lookup.
 */
#define RH_DYNAMODB_S 0x001u
#define RH_DYNAMODB_INT 0x002u /* a number that is whole and within 64 bits */
#define RH_DYNAMODB_N 0x004u   /* another number */
#define RH_DYNAMODB_B 0x008u
#define RH_DYNAMODB_BOOL 0x010u
#define RH_DYNAMODB_NULL 0x020u
#define RH_DYNAMODB_SS 0x040u
#define RH_DYNAMODB_NS 0x080u
#define RH_DYNAMODB_BS 0x100u
#define RH_DYNAMODB_L 0x200u
#define RH_DYNAMODB_M 0x400u
#define RH_DYNAMODB_TYPES 0x7ffu
#define RH_DYNAMODB_NUMBERS (RH_DYNAMODB_INT | RH_DYNAMODB_N)
/* Slot 0 is the table's own key, slots 1 … its indexes. */
#define RH_DYNAMODB_SLOTS 10u
#define RH_DYNAMODB_ROLE_SHIFT(slot) (11u + 2u * (slot))
#define RH_DYNAMODB_ALONE 1u /* the whole key */
#define RH_DYNAMODB_HASH 2u  /* the first part of two */
#define RH_DYNAMODB_RANGE 3u
#define RH_DYNAMODB_ROLE(native_id, slot) ((native_id) >> RH_DYNAMODB_ROLE_SHIFT(slot) & 3u)

/* The type of {"S": "…"} as one of the bits; 0 when it is no attribute value. */
uint32_t rh_dynamodb_type_of(const struct rh_json *attribute);
/* The column type for a set of types. */
uint32_t rh_dynamodb_column_type(uint32_t set);
/* The type's own name, "mixed" for several. */
struct rh_text rh_dynamodb_type_name(uint32_t set);
/*
 * Makes *cell, a cell of a row of `rows`, from an attribute value, NULL when the item has none:
 * MISSING. In a JSON column everything but NULL is JSON; elsewhere a value that is of another type than
 * the column comes as what it is. PROTOCOL.
 */
int rh_dynamodb_cell(struct rh_rowset *rows, struct rh_value *cell, const struct rh_column *column,
                     const struct rh_json *attribute, struct rh_error *error);
/* Appends an attribute value: {"S":"…"}. set: the types that the column is known to have; a JSON array becomes a
 * set when that is all it has. DATA for what DynamoDB cannot hold. */
int rh_dynamodb_add_value(struct rh_buf *buf, const struct rh_value *value, uint32_t set,
                          struct rh_error *error);
/* Whether it has an attribute value, hence can be compared with. */
bool rh_dynamodb_is_value(const struct rh_value *value);
/* Whether an item can have it in its key (of that type, neither empty nor too long). */
bool rh_dynamodb_is_key_value(const struct rh_value *value, uint32_t types, bool range);
/* A row of the rowset from an item. PROTOCOL. */
int rh_dynamodb_add_row(struct rh_rowset *rows, const struct rh_column *columns, uint32_t n_columns,
                        uint32_t stride, const struct rh_json *item, struct rh_error *error);

/* ---- Tables (catalog.c) -------------------------------------------------------------------- */

struct rh_dynamodb_index {
    struct rh_text name;
    struct rh_text hash, range; /* range: no text where it has none */
    bool global;
};

struct rh_dynamodb_schema {
    struct rh_text table;
    struct rh_text hash, range;
    uint32_t hash_types, range_types;
    struct rh_dynamodb_index indexes[RH_DYNAMODB_SLOTS - 1];
    uint32_t n_indexes;
    int64_t est_rows;
    bool active;
};

/* What DescribeTable says, kept by the connection until its tables are listed again. */
int rh_dynamodb_describe(struct rh_conn *conn, const struct rh_op *op, struct rh_text table,
                         const struct rh_dynamodb_schema **ret_schema, struct rh_error *error);
int32_t rh_dynamodb_tables(struct rh_conn *conn, const struct rh_op *op,
                           struct rh_catalog *ret_catalog, struct rh_error *error);

/* ---- Plans (plan.c) ------------------------------------------------------------------------ */

#define RH_DYNAMODB_NONE ((uint32_t)-1)

enum rh_dynamodb_way {
    RH_DYNAMODB_SCAN,  /* everything, filtered */
    RH_DYNAMODB_QUERY, /* the items of some partitions, filtered, by the sort key */
    RH_DYNAMODB_KEYS,  /* these items */
};

/* All positions are in the query: of columns, of nodes. RH_DYNAMODB_NONE where there is none. */
struct rh_dynamodb_scan {
    enum rh_dynamodb_way way;
    uint32_t slot;        /* QUERY: 0, or the index */
    uint32_t hash, range; /* KEYS, QUERY: columns of its key */
    uint32_t partitions;  /* KEYS, QUERY: EQ or IN on hash */
    uint32_t low,
        high; /* QUERY: conditions on range; low alone may be any; KEYS: low is EQ or IN */
    bool descending;
    bool counting; /* one row with the number of items */
};

int32_t rh_dynamodb_plan(struct rh_conn *conn, const struct rh_query *query,
                         struct rh_plan *ret_plan, struct rh_error *error);
/* For what the host has accepted. UNSUPPORTED when that is not what was claimed. */
int rh_dynamodb_scan_of(const struct rh_query *query, struct rh_dynamodb_scan *ret_scan,
                        struct rh_error *error);
/* Whether the node with this position finds the items of the way, so that no filter need say it. */
bool rh_dynamodb_is_key(const struct rh_dynamodb_scan *scan, uint32_t position);
/* The value that a condition on the range key has; of SEEK its first. */
const struct rh_value *rh_dynamodb_bound(const struct rh_query *query, uint32_t position);

/* ---- Conditions (filter.c) ----------------------------------------------------------------- */

#define RH_DYNAMODB_N_OPERATORS 24
extern const struct rh_operator rh_dynamodb_operators[RH_DYNAMODB_N_OPERATORS];

/* What an expression takes of the limits that DynamoDB has for one. */
struct rh_dynamodb_cost {
    uint32_t operators;
    uint64_t text_bytes, value_bytes;
};

/* What a filter can do for this condition: RH_VERDICT_*. Adds to the cost; NONE, and nothing added,
 * when that would be too much. */
uint8_t rh_dynamodb_verdict(const struct rh_query *query, const struct rh_dynamodb_scan *scan,
                            uint32_t position, struct rh_dynamodb_cost *cost);

/* Names and values that expressions use; each has to be told once, and none that is not used. */
struct rh_dynamodb_terms {
    bool *columns; /* n_columns: "#3" is used */
    bool *values;  /* n_values: ":7" is used */

    bool null, string, empty_text, empty_list;
};

/* Appends the condition; its verdict was not NONE. */
void rh_dynamodb_add_filter(const struct rh_query *query, const struct rh_dynamodb_scan *scan,
                            uint32_t position, struct rh_dynamodb_terms *terms, struct rh_buf *to);
/* Appends "#3" or ":7", and notes it. */
void rh_dynamodb_add_name(struct rh_dynamodb_terms *terms, uint32_t column, struct rh_buf *to);
void rh_dynamodb_add_operand(struct rh_dynamodb_terms *terms, uint32_t value, struct rh_buf *to);

/* ---- Requests (request.c) ------------------------------------------------------------------ */

/*
 * What all requests of a scan have in common. All texts in the arena.
 *
 *   SCAN, QUERY   head [":p":{…}}] [,"ExclusiveStartKey":…] [,"Limit":…] }
 *   KEYS          {"RequestItems":{"table":{ head ,"Keys":[…]}}}
 */
struct rh_dynamodb_request {
    enum rh_dynamodb_way way;
    bool counting;
    bool filtered; /* a page may have less items than were read for it */
    struct rh_text table;
    struct rh_text head;
    struct rh_text *parts; /* QUERY: values of the partition key; KEYS: keys; SCAN: none */
    uint32_t n_parts;
};

/* Looks the name of an index up, so it may ask DynamoDB; op NULL: it may not, and leaves the name out where it
 * is not known. */
int rh_dynamodb_request_of(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_query *query, const struct rh_dynamodb_scan *scan,
                           struct rh_arena *arena, struct rh_dynamodb_request *ret_request,
                           struct rh_error *error);
/* "Query" */
const char *rh_dynamodb_action(const struct rh_dynamodb_request *request);
/* The body: of parts from `part` on, at most `n` (KEYS). start: where the page begins; no text: first.
 * limit: items of the page; 0: as many as fit. */
void rh_dynamodb_add_body(const struct rh_dynamodb_request *request, uint32_t part, uint32_t n,
                          struct rh_text start, uint64_t limit, struct rh_buf *body);
int32_t rh_dynamodb_explain(struct rh_conn *conn, const struct rh_op *op,
                            const struct rh_query *query, struct rh_text *ret_native,
                            struct rh_error *error);

/* ---- Rows (read.c) ------------------------------------------------------------------------- */

#define RH_DYNAMODB_KEYS_PER_REQUEST 100u

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_arena *arena; /* what is copied of the query */
    struct rh_column *columns;
    uint32_t n_columns;
    struct rh_rowset rows;
    struct rh_arena *item_arena;
    const char *action;
    struct rh_dynamodb_request request;
    struct rh_buf body;
    uint32_t part, n_asked; /* of request.parts: where this request begins, how many it has */
    uint64_t left;          /* of the limit */
    uint64_t goal;          /* items that a first page should have; 0: as many as fit */
    bool sent, done;
    struct rh_http_documents documents; /* SCAN, QUERY, native */
    bool open;
    struct rh_buf start;  /* where the next page begins, or the keys that are still to be read */
    struct rh_buf marker; /* an earlier one: pages that go in a circle come back to it */
    uint64_t n_pages, marker_page;
    const struct rh_json *items; /* KEYS: of the answer in item_arena */
    uint32_t attempt;            /* KEYS: in a row without an item */
    uint64_t count;              /* COUNT */
    /* native */
    bool is_native;
    struct rh_text statement;    /* the body without its token */
    const struct rh_json *first; /* items of the first page, in the arena */
};

int32_t rh_dynamodb_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                         struct rh_cursor **ret_cursor, struct rh_error *error);
int32_t rh_dynamodb_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                         struct rh_batch *ret_batch, struct rh_error *error);
void rh_dynamodb_finish(struct rh_cursor *cursor);
/* A cursor without columns; the connection's. NULL when out of memory. */
struct rh_cursor *rh_dynamodb_cursor_new(struct rh_conn *conn, uint32_t n_columns);
/* PROTOCOL when the page that begins there was read already. Bounded memory, any length of circle
 * (R. Brent). */
int rh_dynamodb_turn_page(struct rh_cursor *cursor, struct rh_text start, struct rh_error *error);

/* ---- Writing, PartiQL (write.c, native.c) -------------------------------------------------- */

extern const struct rh_write rh_dynamodb_write;
extern const struct rh_native rh_dynamodb_native;
