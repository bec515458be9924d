/*
 * What the test files of the connector redis need: the plugin, a connection, tables by name, rows as
 * text, writes from a list of column names.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "connector/kit.h"
#include "host/library.h"
#include "host/op.h"
#include "lib/tests.h"

#define GOOD(call) ck_assert_msg((call) == RH_OK, "%s", error.message)

extern const char *server; /* ROWHOUSE_TEST_REDIS */
extern struct rh_library *library;
extern struct rh_arena *arena;
extern struct rh_conn *conn;
extern struct rh_error error;
extern struct rh_write_result result;

/* Loads the plugin and makes an arena. */
void load(void);
void unload(void);
/* An operation with 60 seconds, or as many milliseconds. The error is empty again. */
const struct rh_op *op(void);
const struct rh_op *op_for(uint64_t ms, uint32_t flags);
/* Into *conn. */
int connect_with(struct rh_setting *items, uint32_t n);
/* tables: JSON, or NULL. */
int connect_to(const char *url, const char *tables);
/* A command on the connection, as native statement; its rows with spaces between. */
int try_command(const char *text, const struct rh_op *with, const char **ret_shown);
const char *command(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* From the catalogue; "schema.name" or "name". */
const struct rh_table *table_of(const char *name);
uint32_t column_of(const struct rh_table *table, struct rh_text name);
/* All rows; nothing is selected yet. */
struct rh_query query_of(const struct rh_table *table);
/* All rows of these columns, sorted: "a:1:x b:null:-". where: NULL, or COLUMN OP and one text value. */
const char *rows_of(const char *table, const char *columns);
int try_rows(const char *table, const char *columns, const struct rh_op *with,
             const char **ret_shown);
uint64_t count_of(const char *table);
/* Cells from one text: words between '|', of the columns' types; "-" is MISSING, "~" is NULL. */
int put(rh_write_fn *function, const char *table, const char *columns, uint32_t n_key,
        const char *rows);
int ignore_into(const char *table, const char *columns, uint32_t n_key, const char *rows);
/* The rows that the last put returned. */
const char *returned(void);

/* Loads, connects, and empties the server's database. */
void start(const char *tables);

/* Lines, sorted or not, with spaces between. */
struct lines {
    const char **items;
    uint64_t n, cap;
};

/* Cells as text with ':' between. */
void add_line(struct lines *lines, const struct rh_value *cells, uint32_t n);
/* Frees the list; the text is the arena's. */
const char *join(struct lines *lines, bool sorted);

#define TABLES                                                                                     \
    "[{\"name\":\"h\",\"pattern\":\"h:{code}\",\"kind\":\"hash\",\"columns\":["                    \
    "{\"name\":\"n\",\"type\":\"int\"},{\"name\":\"s\"},{\"name\":\"d\",\"type\":\"decimal\"}]},"  \
    "{\"name\":\"j\",\"pattern\":\"j:{a}:{b}\",\"kind\":\"json\",\"columns\":["                    \
    "{\"name\":\"n\",\"type\":\"int\"},{\"name\":\"s\"}]},"                                        \
    "{\"name\":\"s\",\"pattern\":\"s:{code}\",\"kind\":\"string\"},"                               \
    "{\"name\":\"t\",\"pattern\":\"t:{code}\",\"kind\":\"set\"},"                                  \
    "{\"name\":\"z\",\"pattern\":\"z:{code}\",\"kind\":\"zset\"},"                                 \
    "{\"name\":\"log\",\"pattern\":\"log\",\"kind\":\"stream\",\"columns\":[{\"name\":\"what\"}]}" \
    "]"

#define INSERT library->write.insert
#define UPDATE library->write.update
#define REMOVE library->write.remove
#define UPSERT library->write.upsert

/* Of test_redis_write.c and test_redis_bad.c. */
void add_write_tests(struct tests *tests);
void add_bad_tests(struct tests *tests);
