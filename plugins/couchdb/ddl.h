/* What the two halves of ddl share: tables (ddl.c) and indexes (index.c). */
#pragma once

#include "couchdb.h"

struct ddl {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_arena *arena; /* of the change at hand */
    struct rh_buf *told;    /* what is or would be sent */
    bool dry_run;
};

/* Is the table one of several of a database? */
static inline bool rh_couchdb_ddl_is_shared(const struct ddl *d)
{
    return d->conn->config.table_field != NULL;
}

/* Sends a change, or on a dry run only tells it. ret_answer: NULL on a dry run. */
int rh_couchdb_ddl_send(struct ddl *d, const char *method, const struct rh_buf *url,
                        const struct rh_buf *body, const char *what, struct rh_json **ret_answer,
                        struct rh_error *error);

/* The documents of a shared database by table: what every condition asks for first. */
int rh_couchdb_make_field_index(struct ddl *d, struct rh_text table, struct rh_error *error);
int rh_couchdb_create_index(struct ddl *d, const struct rh_table *table,
                            const struct rh_index *index, struct rh_error *error);
int rh_couchdb_drop_index(struct ddl *d, const struct rh_ddl_change *change,
                          struct rh_error *error);
/* Those of the table that have the name; no text: all. */
int rh_couchdb_drop_indexes(struct ddl *d, struct rh_text table, struct rh_text name,
                            uint32_t *ret_n, struct rh_error *error);
