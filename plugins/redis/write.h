/*
 * A call of the write group at work: write.c leads it, change.c knows the commands of each kind.
 */
#pragma once

#include "redis.h"

enum rh_redis_verb {
    RH_REDIS_INSERT,
    RH_REDIS_UPDATE,
    RH_REDIS_REMOVE,
    RH_REDIS_MERGE,
    RH_REDIS_IGNORE,
};

/* A row of the input, and what becomes of it. */
struct rh_redis_change {
    const struct rh_value *cells;
    struct rh_text values[RH_REDIS_MAX_PLACEHOLDERS];
    struct rh_text key;         /* no text: no key has such values */
    struct rh_text member;      /* SET, ZSET: member; STREAM: id, or no text */
    bool there;                 /* before: it exists */
    bool foreign;               /* a key of another kind has its name */
    bool due;                   /* it is to be written */
    bool would_empty;           /* HASH: no field would be left of it */
    struct rh_text text;        /* JSON: as it is; once composed, as it will be */
    uint32_t at_write, at_read; /* positions in the answer of EXEC */
};

struct rh_redis_write {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    struct rh_arena *arena;
    enum rh_redis_verb verb;
    struct rh_redis_table table;
    bool *is_key; /* of each column */
    uint32_t ttl; /* position of the column that is set; RH_NO_COLUMN */
    bool returns_ttl;
    struct rh_redis_change *rows;
};

/* The column at this position of the call. */
const struct rh_column *rh_redis_written(const struct rh_redis_write *write, uint32_t position);

/* Asks what is there; rh_redis_change_learn receives as many replies. */
void rh_redis_change_ask(struct rh_redis_write *write, const struct rh_redis_change *row);
int rh_redis_change_learn(struct rh_redis_write *write, struct rh_redis_change *row,
                          struct rh_error *error);
/* What has to be put together before it is sent. CONSTRAINT, DATA for what cannot be written. */
int rh_redis_change_compose(struct rh_redis_write *write, struct rh_redis_change *row,
                            struct rh_error *error);
/* The commands that write it, and those that read what is returned. */
void rh_redis_change_send(struct rh_redis_write *write, struct rh_redis_change *row);
/* A row of the returned ones, from the answer of EXEC. */
int rh_redis_change_return(struct rh_redis_write *write, const struct rh_redis_change *row,
                           const struct rh_redis_reply *done, struct rh_arena *documents,
                           struct rh_error *error);
