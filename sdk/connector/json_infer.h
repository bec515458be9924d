/*
 * Columns of a source that has no schema, from documents that it holds:
 *
 *     rh_json_infer_init(&infer, arena, 1000);
 *     while (…another document…)
 *         rc = rh_json_infer_add(&infer, document, error);
 *     rc = rh_json_infer_columns(&infer, host, op->arena, &columns, &n_columns, error);
 *     rh_json_infer_fini(&infer);
 *
 * A member of the document is a column, in the order in which they were first seen. Types widen:
 *
 *   int → decimal → float     numbers
 *   numbers + text → text     each cell keeps the type it has (see rh_json_cell)
 *   bool + anything, arrays, objects → json
 *   only null → text
 *
 * Texts stay texts: one that looks like a date in every sample is still a guess, and would come
 * back in another spelling. One thread at a time.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "base/map.h"
#include "base/vec.h"

#include <rowhouse/host.h>
#include <rowhouse/query.h>

#include <stdint.h>

struct rh_json_infer {
    struct rh_arena *arena; /* borrowed: names of columns */
    struct rh_vec fields;
    struct rh_map by_name;
    uint32_t max_columns;
};

/* The arena is used until fini; it may not be the one that documents are parsed into and that is
 * reset between them. max_columns: members beyond that are left out. */
void rh_json_infer_init(struct rh_json_infer *infer, struct rh_arena *arena, uint32_t max_columns);
void rh_json_infer_fini(struct rh_json_infer *infer);
/* Looks at one document. DATA when it is no object. Borrows nothing. */
int rh_json_infer_add(struct rh_json_infer *infer, const struct rh_json *document,
                      struct rh_error *error);
/* The columns, with RH_COLUMN_INFERRED, in the op's arena. native_id is the set of types that were
 * seen, as RH_TYPE_BITs, and never zero: when the host hands a column back, that tells it from one
 * that was not described here, and whether its values are of one type. */
int rh_json_infer_columns(const struct rh_json_infer *infer, const struct rh_host *host,
                          struct rh_arena *op_arena, struct rh_column **ret_columns,
                          uint32_t *ret_n, struct rh_error *error);
