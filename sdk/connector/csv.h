/*
 * Records out of CSV (RFC 4180) that comes in pieces, one at a time, in bounded memory.
 *
 *     rh_csv_init(&csv, ',', 1 << 20);
 *     while ((rc = rh_csv_next(&csv, &fields, &n, error)) != RH_END) {
 *         if (rc == RH_CSV_MORE)
 *             …rh_csv_push(&csv, piece), or rh_csv_close(&csv) after the last…
 *         else if (rc == RH_OK)
 *             …the header first, when there is one, then the rows…
 *         else
 *             break;
 *     }
 *
 * Lines end in LF or CRLF, also within quotes; a byte order mark at the front is skipped. Strict,
 * as guessing would put values into the wrong columns: a quote within a field that is not quoted,
 * text behind a closing quote, a record with another number of fields than the first, and what is
 * not UTF-8 are errors that name the line. Empty lines are skipped, unless records have one field.
 * An allocation is made only until the largest record has been seen. One thread at a time.
 */
#pragma once

#include "base/buf.h"

#include <rowhouse/error.h>

#include <stdbool.h>
#include <stdint.h>

#define RH_CSV_MORE 2 /* no complete record yet: push or close */
#define RH_CSV_MAX_FIELDS 10000u

/* All members are the reader's own, but for the one that says so. */
struct rh_csv {
    size_t max_bytes;
    struct rh_buf held;     /* bytes that came and are not used up */
    size_t start, at;       /* in held: the record at hand, and what is looked at next */
    struct rh_text *fields; /* of the record at hand */
    uint32_t n_fields, cap_fields;
    uint32_t width;   /* fields of the first record; 0: none came */
    uint64_t line;    /* for reading: where the record at hand begins, from 1 */
    uint64_t n_lines; /* that were passed */
    char separator;
    bool in_quotes;
    bool begun; /* the byte order mark was looked for */
    bool closed;
};

/* separator: ',' or another ASCII character that is no quote and no line end. max_bytes: ceiling of
 * one record. */
void rh_csv_init(struct rh_csv *csv, char separator, size_t max_bytes);
void rh_csv_fini(struct rh_csv *csv);
/* Adds bytes (copied). What `next` returned before ends. */
void rh_csv_push(struct rh_csv *csv, struct rh_text piece);
/* There is no more. */
void rh_csv_close(struct rh_csv *csv);
/* The next record, borrowed until the next call. A field without quotes in which nothing stands is
 * {NULL, 0}, a quoted one the empty text. RH_CSV_MORE; RH_END; PROTOCOL (not CSV), RESOURCE (a
 * record above the ceiling, out of memory). */
int rh_csv_next(struct rh_csv *csv, const struct rh_text **ret_fields, uint32_t *ret_n,
                struct rh_error *error);
