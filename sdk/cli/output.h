/*
 * Rows to the terminal or a file: JSON, NDJSON, CSV as they are encoded everywhere, or a table with
 * aligned columns whose widths come from the first rows (later, wider cells push to the right).
 */
#pragma once

#include "rows/encode.h"

#include <rowhouse/error.h>

#include <stdbool.h>
#include <stdio.h>

enum rh_output_format { RH_OUTPUT_TABLE, RH_OUTPUT_JSON, RH_OUTPUT_NDJSON, RH_OUTPUT_CSV };

struct rh_output;

/* False when the name is none of table, json, ndjson, csv. */
bool rh_output_format_parse(const char *name, enum rh_output_format *ret_format);

/* Owned by the arena. NULL when out of memory. */
struct rh_output *rh_output_new(struct rh_arena *arena, enum rh_output_format format, FILE *to,
                                const struct rh_column *columns, uint32_t n_columns);
/* RESOURCE when the file cannot be written. */
int rh_output_rows(struct rh_output *output, const struct rh_batch *batch, struct rh_error *error);
int rh_output_end(struct rh_output *output, struct rh_error *error);
