/*
 * Values of native statements: from the text form of results. Arrays of the types that have a value
 * type here are JSON, as in tables; those of types that only their database knows (enums, composites)
 * are texts, {sad,happy}: which they are is not said with a result.
 */
#pragma once

#include "connector/rowset.h"

#include <rowhouse/query.h>

#include <stdbool.h>

/* Makes a cell of the text form of a value of that type. False, and the cell is not to be used, when
 * the type has no value type here, or the text is not one of its values (a date before Christ). */
bool rh_pg_convert(struct rh_rowset *rows, struct rh_value *cell, unsigned oid,
                   struct rh_text text);
/* Type, native type and native id of a column of a result. */
void rh_pg_describe_type(unsigned oid, struct rh_column *column);
