/*
 * Redis (and Valkey, KeyDB): keys as rows.
 *
 * A table is all keys of one pattern and one kind. The pattern's placeholders are its key columns:
 * "product:{code}" makes a row of each key product:…, with the column `code`. Tables are declared in
 * the settings, or else found by looking at keys: schema = kind, name = what stands before the first
 * ':'. Keys of another kind than the table's are no rows of it.
 *
 *   kind     row                 columns besides those of the pattern
 *   hash     a key               its fields                        ttl
 *   json     a key               members of the object             ttl
 *   string   a key               value                             ttl
 *   set      a member            member                            ttl (of the key)
 *   zset     a member            member, score                     ttl (of the key)
 *   stream   an entry            id, time, its fields              ttl (of the key)
 *
 *   config.c   settings               pattern.c     keys from patterns and back
 *   link.c     sockets, TLS           connection.c  connect, ping, cancel, close, commands, replies
 *   fault.c    what errors mean       table.c       which table is meant, its columns
 *   catalog.c  tables, inference      id.c          ids of a stream
 *   filter.c   conditions on keys     plan.c        which keys, which part of them
 *   seen.c     SCAN's repetitions     read.c        cursors
 *   row.c      rows from replies      write.c       the write group
 *   change.c   one row of a write     native.c      commands
 *   feed.c     streams as feeds
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "connector/kit.h"
#include "base/json.h"
#include "connector/rowset.h"
#include "connector/text_cell.h"

#include <rowhouse/connector.h>

#include <poll.h>
#include <stdatomic.h>

#define RH_REDIS_REPLY_BYTES ((size_t)64 << 20) /* of one reply, at most */
#define RH_REDIS_MAX_COLUMNS 1000u

/* ---- Patterns (pattern.c) ------------------------------------------------------------------ */

#define RH_REDIS_MAX_PLACEHOLDERS 8u

struct rh_redis_placeholder {
    struct rh_text name;
    struct rh_text tail; /* what stands behind it, up to the next one */
    uint32_t type;       /* RH_TYPE_TEXT or RH_TYPE_INT */
};

/*
 * A placeholder stands for any text in which its tail does not begin ("a:{x}:{y}": x has no ':'),
 * so that keys and values correspond one to one. With the type INT: whole numbers as Redis writes
 * them, without leading zeros. "{{" and "}}" are braces.
 */
struct rh_redis_pattern {
    struct rh_text lead; /* what stands before the first placeholder */
    struct rh_redis_placeholder at[RH_REDIS_MAX_PLACEHOLDERS];
    uint32_t n;
};

/* CONFIG. Texts are the arena's. */
int rh_redis_pattern_parse(struct rh_arena *arena, struct rh_text text,
                           struct rh_redis_pattern *ret_pattern, struct rh_error *error);
/* Is this a key of the pattern? Values borrow from the key. */
bool rh_redis_pattern_match(const struct rh_redis_pattern *pattern, struct rh_text key,
                            struct rh_text ret_values[RH_REDIS_MAX_PLACEHOLDERS]);
/* Appends the key with these values; false (and something appended) when no key has them. */
bool rh_redis_pattern_add_key(const struct rh_redis_pattern *pattern, const struct rh_text *values,
                              struct rh_buf *buf);
/* Appends a glob for SCAN that all keys match which have these values, or begin with them where
 * is_prefix; no text: any value. */
void rh_redis_pattern_add_glob(const struct rh_redis_pattern *pattern, const struct rh_text *values,
                               const bool *is_prefix, struct rh_buf *buf);

/* ---- Tables (table.c) ---------------------------------------------------------------------- */

enum rh_redis_kind {
    RH_REDIS_HASH = 1,
    RH_REDIS_JSON,
    RH_REDIS_STRING,
    RH_REDIS_SET,
    RH_REDIS_ZSET,
    RH_REDIS_STREAM,
    RH_REDIS_END_OF_KINDS,
};

/* What a column is of its row; in rh_column.native_id, which is never zero for one of ours. */
enum rh_redis_role {
    RH_REDIS_PLACEHOLDER = 1, /* with its number: native_id >> 8 */
    RH_REDIS_FIELD,           /* of a hash, an object, an entry of a stream */
    RH_REDIS_VALUE,
    RH_REDIS_MEMBER,
    RH_REDIS_SCORE,
    RH_REDIS_ID,
    RH_REDIS_TIME, /* of the id */
    RH_REDIS_TTL,
};

struct rh_redis_table {
    struct rh_text schema; /* no text: it was declared */
    struct rh_text name;
    struct rh_redis_pattern pattern;
    enum rh_redis_kind kind;
    const struct rh_column *columns; /* declared; NULL: inferred from samples */
    uint32_t n_columns;
};

const char *rh_redis_kind_name(enum rh_redis_kind kind);
/* 0 when there is none of this name. */
enum rh_redis_kind rh_redis_kind_of(struct rh_text name);
enum rh_redis_role rh_redis_role_of(const struct rh_column *column);
/* The whole list of columns: those of the pattern, those of the kind, `fields`, ttl; fields whose
 * names are taken are left out. Texts are borrowed. False when out of memory. */
bool rh_redis_table_columns(const struct rh_redis_table *table, const struct rh_column *fields,
                            uint32_t n_fields, struct rh_vec *columns, struct rh_arena *arena);
/* Positions of the primary key in that list: those of the pattern, then member or id. */
uint32_t rh_redis_table_key(const struct rh_redis_table *table,
                            uint32_t ret_key[RH_REDIS_MAX_PLACEHOLDERS + 1]);

/* ---- Settings (config.c) ------------------------------------------------------------------- */

#define RH_REDIS_CONFIG_SCHEMA                                                                     \
    "{\"type\": \"object\", \"properties\": {"                                                     \
    " \"url\": {\"type\": \"string\", \"title\": \"URL\", \"x-order\": 1,"                         \
    "  \"x-placeholder\": \"redis://localhost:6379/0\", \"x-secret\": true,"                       \
    "  \"description\": \"redis://, rediss:// (TLS) or unix:///path?db=0, maybe with user,"        \
    " password and database\"},"                                                                   \
    " \"host\": {\"type\": \"string\", \"title\": \"Host\", \"x-order\": 2,"                       \
    "  \"description\": \"Without a URL; an absolute path is a Unix socket\"},"                    \
    " \"port\": {\"type\": \"integer\", \"title\": \"Port\", \"minimum\": 1, \"maximum\": 65535,"  \
    "  \"x-order\": 3, \"x-placeholder\": \"6379\"},"                                              \
    " \"user\": {\"type\": \"string\", \"title\": \"User\", \"x-order\": 4},"                      \
    " \"password\": {\"type\": \"string\", \"title\": \"Password\", \"x-order\": 5,"               \
    "  \"x-secret\": true},"                                                                       \
    " \"database\": {\"type\": \"integer\", \"title\": \"Database\", \"minimum\": 0,"              \
    "  \"x-order\": 6, \"x-placeholder\": \"0\"},"                                                 \
    " \"tables\": {\"type\": \"array\", \"title\": \"Tables\", \"x-order\": 7,"                    \
    "  \"description\": \"[{name, pattern: product:{code}, kind: hash, json, string, set, zset or" \
    " stream, columns: [{name, type, precision, scale}]}]. Without columns they are inferred;"     \
    " without tables these are found by the keys' beginnings\"},"                                  \
    " \"sample\": {\"type\": \"integer\", \"title\": \"Sample\", \"default\": 1000,"               \
    "  \"minimum\": 1, \"maximum\": 100000, \"x-order\": 8,"                                       \
    "  \"description\": \"Keys of a table that columns are inferred from\"},"                      \
    " \"tls\": {\"type\": \"boolean\", \"title\": \"TLS\", \"default\": false, \"x-order\": 9,"    \
    "  \"x-group\": \"advanced\"},"                                                                \
    " \"ca\": {\"type\": \"string\", \"title\": \"Certificate authority\", \"x-order\": 10,"       \
    "  \"x-group\": \"advanced\", \"description\": \"PEM, instead of the system's\"},"             \
    " \"insecure\": {\"type\": \"boolean\", \"title\": \"Do not verify the certificate\","         \
    "  \"default\": false, \"x-order\": 11, \"x-group\": \"advanced\"}}}"

/* All texts owned, NUL-terminated; NULL where not set. */
struct rh_redis_config {
    char *host; /* an absolute path: a Unix socket */
    uint32_t port;
    uint32_t database;
    char *user;
    char *password;
    char *ca;
    uint32_t sample;
    bool tls;
    bool insecure;
    struct rh_arena *arena; /* of the tables */
    struct rh_redis_table *tables;
    uint32_t n_tables;
};

/* CONFIG. Owned by the caller until fini, also after an error. */
int rh_redis_config_init(struct rh_redis_config *config, const struct rh_settings *settings,
                         struct rh_error *error);
void rh_redis_config_fini(struct rh_redis_config *config);
/* NOT_FOUND when there is no such table. Without declared ones any beginning may be one. */
int rh_redis_table_find(const struct rh_redis_config *config, struct rh_text schema,
                        struct rh_text name, struct rh_arena *arena,
                        struct rh_redis_table *ret_table, struct rh_error *error);

/* ---- Sockets (link.c) ---------------------------------------------------------------------- */

struct rh_redis_link {
    int fd;
    void *tls;         /* SSL */
    void *tls_context; /* SSL_CTX */
};

#define RH_REDIS_LINK_WAIT (-1)   /* until *ret_events are there */
#define RH_REDIS_LINK_FAILED (-2) /* errno or TLS: the link is of no use any more */

/* Bytes, 0 at the end of the stream, or one of the above. */
int64_t rh_redis_link_read(struct rh_redis_link *link, void *to, size_t n, short *ret_events);
int64_t rh_redis_link_write(struct rh_redis_link *link, const void *from, size_t n,
                            short *ret_events);
void rh_redis_link_close(struct rh_redis_link *link);
/* UNAVAILABLE, CONFIG, TIMEOUT, CANCELLED. Waits by rh_redis_wait. */
int rh_redis_link_open(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);

/* ---- Connections (connection.c) ------------------------------------------------------------ */

enum rh_redis_reply_type {
    RH_REDIS_REPLY_NIL,
    RH_REDIS_REPLY_TEXT,
    RH_REDIS_REPLY_STATUS,
    RH_REDIS_REPLY_ERROR,
    RH_REDIS_REPLY_INT,
    RH_REDIS_REPLY_ARRAY,
};

/* In the connection's arena, until rh_redis_release. */
struct rh_redis_reply {
    enum rh_redis_reply_type type;
    uint32_t n;          /* ARRAY */
    int64_t integer;     /* INT */
    struct rh_text text; /* TEXT, STATUS, ERROR */
    struct rh_redis_reply **items;
};

struct rh_conn {
    const struct rh_host *host;
    struct rh_redis_config config;
    struct rh_redis_link link;
    void *reader;           /* redisReader */
    struct rh_arena *arena; /* of the replies */
    struct rh_buf out;      /* commands to be sent */
    uint64_t n_owed;        /* replies to come */
    uint64_t n_stale;       /* of these: that nobody waits for any more, and come first */
    bool broken;
    atomic_int state; /* of the call at hand: idle, running, cancelled */
    int wake_fd;
    struct rh_cursor *cursor;
    struct rh_rowset returned; /* rows that the last write returned */
};

int32_t rh_redis_connect(const struct rh_host *host, const struct rh_op *op,
                         const struct rh_settings *settings, struct rh_conn **ret_conn,
                         struct rh_error *error);
void rh_redis_close(struct rh_conn *conn);
int32_t rh_redis_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_redis_cancel(struct rh_conn *conn);
/* Around every call that waits. enter: CANCELLED, TIMEOUT, or UNAVAILABLE when broken. */
int rh_redis_enter(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_redis_leave(struct rh_conn *conn);
/* Until the socket is ready: RH_OK, CANCELLED, TIMEOUT. */
int rh_redis_wait(struct rh_conn *conn, const struct rh_op *op, short events,
                  struct rh_error *error);

/* Commands go into `out`, and are sent by rh_redis_flush. Each begun one is owed a reply. */
void rh_redis_begin(struct rh_conn *conn, uint32_t n_words);
void rh_redis_word(struct rh_conn *conn, struct rh_text word);
/* "SCAN 0 COUNT 10": words between spaces. */
void rh_redis_command(struct rh_conn *conn, const char *words);
/* The same with one more word behind them. */
void rh_redis_command_on(struct rh_conn *conn, const char *words, struct rh_text last);
int rh_redis_flush(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
/* The next reply, an ERROR too: those of commands whose replies nobody waited for are skipped. */
int rh_redis_receive(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_redis_reply **ret_reply, struct rh_error *error);
/* What was received ends. */
void rh_redis_release(struct rh_conn *conn);
/* Nobody waits for the replies that are owed. */
void rh_redis_abandon(struct rh_conn *conn);

/* ---- Errors (fault.c) ---------------------------------------------------------------------- */

bool rh_redis_is_error(const struct rh_redis_reply *reply, const char *code);
/* Fills the error from an ERROR reply: "<what>: …"; PROTOCOL for any other. */
int rh_redis_fail(struct rh_error *error, const struct rh_redis_reply *reply, const char *what);
/* RH_OK unless it is an ERROR. */
int rh_redis_check(const struct rh_redis_reply *reply, const char *what, struct rh_error *error);
/* Checks that it is an array (of at least n items). */
int rh_redis_check_array(const struct rh_redis_reply *reply, uint32_t n, const char *what,
                         struct rh_error *error);

/* ---- Tables there are (catalog.c) ---------------------------------------------------------- */

int32_t rh_redis_tables(struct rh_conn *conn, const struct rh_op *op,
                        struct rh_catalog *ret_catalog, struct rh_error *error);

/* ---- Ids of entries (id.c) ------------------------------------------------------------------ */

/* The two numbers of a stream's id; false when it is none. */
bool rh_redis_parse_id(struct rh_text id, uint64_t *ret_ms, uint64_t *ret_seq);
/* The time of an id, in microseconds. */
int64_t rh_redis_time_of(uint64_t ms);

/* ---- Conditions on keys (filter.c) --------------------------------------------------------- */

#define RH_REDIS_N_OPERATORS 24
extern const struct rh_operator rh_redis_operators[RH_REDIS_N_OPERATORS];

/* Can the condition be decided by the key alone? */
bool rh_redis_filter_can(const struct rh_query *query, uint32_t position);

/* A copy of those conditions of a query. */
struct rh_redis_filter {
    struct rh_node *nodes;
    struct rh_value *values;
    uint32_t *placeholders; /* of each node */
    uint32_t *conjuncts;
    uint32_t n_conjuncts;
};

int rh_redis_filter_copy(const struct rh_query *query, struct rh_arena *arena,
                         struct rh_redis_filter *ret_filter, struct rh_error *error);
/* Do all of them hold for a key with these values? */
bool rh_redis_filter_holds(const struct rh_redis_filter *filter,
                           const struct rh_redis_pattern *pattern, const struct rh_text *values);

/* ---- Plans (plan.c) ------------------------------------------------------------------------ */

/* What is asked of the server. */
struct rh_redis_scan {
    struct rh_text *keys; /* NULL: those that match the glob */
    uint32_t n_keys;
    struct rh_text glob;
    struct rh_text low, high; /* ZSET: scores; STREAM: ids; as the commands take them */
    struct rh_redis_filter filter;
};

int32_t rh_redis_plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                      struct rh_error *error);
int32_t rh_redis_explain(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                         struct rh_text *ret_native, struct rh_error *error);
/* For what the host has accepted; in the arena. UNSUPPORTED when that is not what was claimed. */
int rh_redis_scan_of(const struct rh_query *query, const struct rh_redis_table *table,
                     struct rh_arena *arena, struct rh_redis_scan *ret_scan,
                     struct rh_error *error);

/* ---- Repetitions (seen.c) ------------------------------------------------------------------ */

/* Fingerprints, 16 bytes each, of texts that came already. */
struct rh_redis_seen {
    struct rh_redis_print {
        uint64_t a, b;
    } * prints;
    uint64_t n, cap;
    uint64_t max_bytes;
};

/* Whether the text is new, in *ret_new. RESOURCE beyond max_bytes. */
int rh_redis_seen_add(struct rh_redis_seen *seen, struct rh_text text, bool *ret_new,
                      struct rh_error *error);
void rh_redis_seen_fini(struct rh_redis_seen *seen);

/* ---- Rows (read.c) ------------------------------------------------------------------------- */

struct rh_redis_requests;
struct rh_redis_feed;

/* A row at work: what its cells are made from. */
struct rh_redis_row {
    const struct rh_text *values; /* of the placeholders */
    const struct rh_redis_reply *ttl;
    const struct rh_redis_reply *fields; /* HASH: as asked for; STREAM: names and values */
    const struct rh_json *document;      /* JSON */
    struct rh_text text;                 /* STRING, SET, ZSET, STREAM: value, member, id */
    struct rh_text score;
};

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_arena *arena;      /* what is copied of the query */
    struct rh_redis_table table; /* in the arena */
    struct rh_column *columns;   /* of the output */
    uint32_t n_columns;
    struct rh_rowset rows;
    uint64_t left;                      /* of the limit */
    struct rh_redis_requests *requests; /* reading a table */
    struct rh_redis_feed *feed;         /* following one */
    bool native;                        /* the rows are there already */
    uint64_t at;                        /* native: the next one */
};

int32_t rh_redis_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                      struct rh_cursor **ret_cursor, struct rh_error *error);
int32_t rh_redis_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                      struct rh_batch *ret_batch, struct rh_error *error);
void rh_redis_finish(struct rh_cursor *cursor);
/* A cursor with nothing but its columns; the connection's. */
int rh_redis_cursor_new(struct rh_conn *conn, uint32_t n_columns, struct rh_cursor **ret_cursor,
                        struct rh_error *error);
/* Takes over columns, with copies of their texts. NOT_FOUND for one that is not ours. */
int rh_redis_cursor_columns(struct rh_cursor *cursor, const struct rh_column *columns,
                            uint32_t stride, const uint32_t *select, uint32_t n,
                            struct rh_error *error);
/* Adds a row. */
void rh_redis_add_row(struct rh_rowset *rows, const struct rh_column *columns, uint32_t n_columns,
                      uint32_t stride, const struct rh_redis_table *table,
                      const struct rh_redis_row *row);
/* The object that a JSON table's value is; DATA when it is none. It lives in the arena. */
int rh_redis_document(struct rh_text key, struct rh_text text, struct rh_arena *arena,
                      struct rh_json **ret_document, struct rh_error *error);

/* ---- Writing, commands, changes ------------------------------------------------------------ */

extern const struct rh_write rh_redis_write;
extern const struct rh_native rh_redis_native;
int rh_redis_native_next(struct rh_cursor *cursor, uint32_t max_rows, struct rh_batch *ret_batch,
                         struct rh_error *error);
extern const struct rh_feed rh_redis_changes;
void rh_redis_feed_free(struct rh_redis_feed *feed);
