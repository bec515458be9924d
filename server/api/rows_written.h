/*
 * Answers to writes: the rows, keys and states that come back are collected as JSON while the write
 * goes on, because the answer's status is known only at its end.
 */
#pragma once

#include "rows/write.h"
#include "server/api/call.h"

/* Failed rows that are listed one by one; more are only counted. */
#define RH_WRITTEN_MAX_FAILURES 1000

struct rh_written {
    struct rh_call *call;
    struct rh_buf rows;     /* JSON objects with commas between them */
    struct rh_buf statuses; /* not atomic: an object per row */
    struct rh_buf key;      /* of the last row, as in a path; empty when it is not known */
    const struct rh_table *table;
    struct rh_encoder *encoder;
    char etag[33];   /* of the last row, when all of it came back; "" else */
    uint64_t n_rows; /* that came back */
    uint64_t n_failed;
    bool only_failures; /* statuses of written rows are left out */
    struct rh_write_sink sink;
};

/* table: the one that is written, borrowed. Ended with rh_written_fini. */
void rh_written_init(struct rh_written *written, struct rh_call *call,
                     const struct rh_table *table);
void rh_written_fini(struct rh_written *written);
/* `"meta":{"rows":…,"affected":…}` */
void rh_written_add_meta(struct rh_buf *buf, const struct rh_write_counts *counts);
/* RESOURCE when what came back did not fit. */
int rh_written_check(const struct rh_written *written, struct rh_error *error);
