/* Tables as JSON: what they consist of, and changes to them as users write them. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"

#include <rowhouse/connector.h>

/* One table as a JSON object; details: columns, key, relations, indexes. */
void rh_table_json_write(struct rh_buf *buf, const struct rh_table *table, bool details);

/* A new table from {"name", "schema", "comment", "columns", "key", "indexes", "relations"}.
 * Everything lives in the arena. INVALID with pointer. */
int rh_table_json_read(struct rh_arena *arena, const struct rh_json *body,
                       struct rh_table **ret_table, struct rh_error *error);

/* The changes of {"name", "add", "alter", "rename", "drop", "add_indexes", "drop_indexes"} to a
 * table, in the order in which they are to be made. */
int rh_table_json_changes(struct rh_arena *arena, const struct rh_json *body,
                          const struct rh_table *table, struct rh_ddl_change **ret_changes,
                          uint32_t *ret_n, struct rh_error *error);
