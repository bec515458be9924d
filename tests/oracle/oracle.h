/*
 * The pushdown oracle: the same query must give the same rows everywhere.
 *
 * Every source gets the same tables. Each random query runs on the memory connector, which pushes
 * nothing down (the reference), and on every source twice: with everything pushed down that may be,
 * and with nothing. Results are compared cell by cell, by value.
 */
#pragma once

#include "connector/conformance/answer.h"
#include "rows/datasource.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- Data -------------------------------------------------------------------------------- */

/* The specimens of the conformance suite, and one of types and collations of the sources' own. The
 * last one is exact_only. */
extern const struct rh_specimen *const data_tables[];
extern const uint32_t n_data_tables;

/* The native type of a table's column on a kind of source; NULL: by the column's type. */
const char *data_native(const struct rh_specimen *table, uint32_t column, const char *kind);

/* ---- Sources ----------------------------------------------------------------------------- */

struct source {
    const char *name;
    struct rh_datasource *datasource;
    struct rh_session session;
    bool open;
    bool inexact; /* SQLite, MySQL: without the tables that are exact_only */
};

/* Registers the connectors, from ROWHOUSE_PLUGINS. */
bool source_start(struct rh_registry **ret_registry);
/* Opens the source, makes the tables and fills them. kind: "memory", "sqlite", "postgres". lie:
 * what the connector claims falsely, or NULL. False with a message on stderr. */
bool source_open(struct source *source, struct rh_registry *registry, const char *kind,
                 const char *where, const char *lie, struct rh_operation *op);
/* Removes the tables. */
void source_close(struct source *source, struct rh_operation *op);

/* A connector that claims more than it does: a copy of this library whose `plan`, `open` or
 * operators table lies. NULL and a message when there is no such lie. */
struct rh_library *lie_about(const struct rh_library *library, const char *lie);
