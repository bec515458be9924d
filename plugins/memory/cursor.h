/* The cursor: over the rows of a table (read.c), or over its changes (feed.c). */
#pragma once

#include "memory.h"

struct mem_feed;

struct rh_cursor {
    struct rh_conn *conn;
    struct mem_feed *feed; /* NULL: it reads rows */
    struct mem_rows *rows;
    uint64_t at;
    uint32_t n_columns;
    uint32_t batch_rows;
    struct rh_value *cells;
    uint32_t columns[]; /* positions in the rows */
};

/* feed.c; with the lock held. */
void mem_feed_close_locked(struct rh_cursor *cursor);
