/*
 * Acme: a folder of NDJSON files as a datasource. A file is a table, a line is a row.
 *
 * Where things are:
 *   acme.c        who we are, and the table of functions (last in the file)
 *   config.c      settings                connection.c  connect, ping, cancel, close
 *   catalog.c     what tables there are   read.c        cursors
 *   filter.c      the conditions that are done here instead of by the host
 *   documents.c   the source itself: here files, elsewhere a client library or HTTP
 *
 * What each function has to do is said in rowhouse/connector.h.
 */
#pragma once

#include "base/arena.h"
#include "connector/json_stream.h"
#include "connector/kit.h"

#include <rowhouse/connector.h>

#include <stdatomic.h>

/* ---- Settings (config.c) ------------------------------------------------------------------- */

struct acme_config {
    char *folder;
    char *key; /* the member that identifies a row; NULL: none does */
};

/* CONFIG. Owned by the caller until fini. */
int acme_config_init(struct acme_config *ret_config, const struct rh_settings *settings,
                     struct rh_error *error);
void acme_config_fini(struct acme_config *config);

/* ---- Connections (connection.c) ------------------------------------------------------------ */

struct rh_conn {
    const struct rh_host *host;
    struct acme_config config;
    int folder;               /* opened */
    struct rh_cursor *cursor; /* the open one, or NULL */
    atomic_bool cancelled;    /* all that `cancel` touches */
};

int32_t acme_connect(const struct rh_host *host, const struct rh_op *op,
                     const struct rh_settings *settings, struct rh_conn **ret_conn,
                     struct rh_error *error);
void acme_close(struct rh_conn *conn);
int32_t acme_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void acme_cancel(struct rh_conn *conn);
/* At the beginning of every call that may take long: a cancel from before has no effect. */
void acme_begin(struct rh_conn *conn);
/* Now and then on its way: CANCELLED, TIMEOUT or RH_OK. */
int acme_check(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);

/* ---- The source (documents.c) -------------------------------------------------------------- */

#define ACME_SUFFIX ".ndjson"
/* To whoever is refused a file or folder. */
#define ACME_PERMISSION_HINT                                                                       \
    "the server's user must be allowed to, and, where the connector runs isolated, its manifest"

/* Opens the file of a table, with flags for open(2). NOT_FOUND when there is no such table. */
int acme_open_table(struct rh_conn *conn, struct rh_text table, int flags, int *ret_file,
                    struct rh_error *error);

/* One walk through one table. */
struct acme_documents {
    struct rh_conn *conn;
    int file;
    struct rh_json_stream stream;
    struct rh_arena *arena; /* of the document at hand */
};

/* Owned by the caller until close, also after an error. */
int acme_documents_open(struct acme_documents *documents, struct rh_conn *conn,
                        struct rh_text table, struct rh_error *error);
/* The next document, borrowed until the next call; RH_END. */
int acme_documents_next(struct acme_documents *documents, const struct rh_op *op,
                        struct rh_json **ret_document, struct rh_error *error);
void acme_documents_close(struct acme_documents *documents);

/* ---- Conditions (filter.c) ----------------------------------------------------------------- */

#define ACME_N_OPERATORS 1
extern const struct rh_operator acme_operators[ACME_N_OPERATORS];

/* The conjuncts of a query, in an arena. */
struct acme_filter {
    const struct rh_node *nodes;
    const struct rh_value *values;
    const uint32_t *conjuncts;
    uint32_t n_conjuncts;
};

/* Whether acme_operators has the condition; true for AND and OR. */
bool acme_filter_claims(const struct rh_query *query, const struct rh_node *node);
/* Copies the conditions. */
int acme_filter_init(struct acme_filter *filter, struct rh_arena *arena,
                     const struct rh_query *query, struct rh_error *error);
/* Whether they hold for a row; cells: one per column of the query. */
bool acme_filter_holds(const struct acme_filter *filter, const struct rh_value *cells);

/* ---- Tables and rows (catalog.c, read.c) --------------------------------------------------- */

int32_t acme_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                    struct rh_error *error);
int32_t acme_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                  struct rh_cursor **ret_cursor, struct rh_error *error);
int32_t acme_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                  struct rh_batch *ret_batch, struct rh_error *error);
void acme_finish(struct rh_cursor *cursor);
