/* A write under way, for its parts: what becomes of the rows (write.c), the statements that are sent
 * (statement.c), and the one statement of a set (set.c). */
#pragma once

#include "mongodb.h"

enum rh_mongodb_verb {
    RH_MONGODB_INSERT,
    RH_MONGODB_UPDATE,
    RH_MONGODB_REMOVE,
    RH_MONGODB_MERGE,
    RH_MONGODB_IGNORE
};

/* The command of a verb, where its statements stand in it, and what could not be done. */
struct rh_mongodb_words {
    const char *command, *list, *what;
};
extern const struct rh_mongodb_words rh_mongodb_words[];

/* A row of the input, and what becomes of it. */
struct rh_mongodb_row {
    const struct rh_value *cells;
    bson_t *statement; /* the document to insert, or an element of updates or deletes */
    bson_value_t id;   /* owned; 0: not known */
    bool due;
    bool done;
};

struct rh_mongodb_writing {
    struct rh_conn *conn;
    const struct rh_write_spec *spec;
    struct rh_write_result *result;
    const struct rh_op *op;
    struct rh_arena *arena;
    struct rh_mongodb_row *rows;
    bool *is_key; /* of each column */
    enum rh_mongodb_verb verb;
    uint32_t id;    /* position of _id; RH_NO_COLUMN */
    bool by_id;     /* the key is _id and nothing else */
    bool is_unique; /* the key finds one document at most */
    uint32_t server;
};

static inline const struct rh_column *rh_mongodb_write_column(const struct rh_mongodb_writing *w,
                                                              uint32_t i)
{
    return rh_mongodb_column(w->spec->columns, w->spec->column_stride, i);
}

/* Fill row->statement. */
int rh_mongodb_compose_insert(struct rh_mongodb_writing *w, struct rh_mongodb_row *row,
                              struct rh_error *error);
int rh_mongodb_compose_keyed(struct rh_mongodb_writing *w, struct rh_mongodb_row *row,
                             struct rh_error *error);
/* {$eq: value} for each key column. */
int rh_mongodb_append_key(struct rh_mongodb_writing *w, const struct rh_mongodb_row *row,
                          bson_t *to, struct rh_error *error);
/* The member "u": what the row sets. */
int rh_mongodb_append_update(struct rh_mongodb_writing *w, const struct rh_mongodb_row *row,
                             bson_t *to, struct rh_error *error);
/* Strings are what they are, whatever collation the collection has. */
void rh_mongodb_append_collation(bson_t *to);

/* An entry of a reply's writeErrors: its class, which constraint, and the server's words, borrowed from
 * the reply. */
int rh_mongodb_write_error(const bson_iter_t *entry, uint32_t *ret_constraint,
                           const char **ret_message);
/* How many documents the reply says were written. */
int64_t rh_mongodb_count(const bson_t *reply);

/* An update or delete of the rows for which spec->where holds, in one statement. */
int rh_mongodb_write_set(struct rh_mongodb_writing *w, struct rh_error *error);
