/*
 * Outcomes and batches. The batch check is on the way of every row, so its inner loop tells good
 * cells from others by one mask and looks closer only at the few types that need it.
 */
#include "host/check.h"

#include "base/err.h"
#include "base/text.h"
#include "host/redact.h"

#include <stdbool.h>
#include <string.h>

#define DAY_US 86400000000u
#define ALWAYS (RH_TYPE_BIT(RH_TYPE_NULL) | RH_TYPE_BIT(RH_TYPE_MISSING))

/* Cells with bytes; all others have len 0. */
#define WITH_BYTES                                                                                 \
    (RH_TYPE_BIT(RH_TYPE_DECIMAL) | RH_TYPE_BIT(RH_TYPE_TEXT) | RH_TYPE_BIT(RH_TYPE_BYTES) |       \
     RH_TYPE_BIT(RH_TYPE_INTERVAL) | RH_TYPE_BIT(RH_TYPE_UUID) | RH_TYPE_BIT(RH_TYPE_JSON))
/* Types whose payload has to be looked at. */
#define TO_INSPECT                                                                                 \
    (RH_TYPE_BIT(RH_TYPE_BOOL) | RH_TYPE_BIT(RH_TYPE_TIME) | RH_TYPE_BIT(RH_TYPE_DECIMAL) |        \
     RH_TYPE_BIT(RH_TYPE_INTERVAL) | RH_TYPE_BIT(RH_TYPE_UUID))

/* ---- Outcomes ---------------------------------------------------------------------------- */

static void clean_text(char *field, size_t size)
{
    struct rh_text text;

    field[size - 1] = 0;
    text = rh_text_of(field);
    if (rh_text_is_utf8(text))
        return;
    /* A text that was cut by its writer ends in a torn character: try without its last bytes. */
    for (uint64_t cut = 1; cut <= 3 && cut < text.len; cut++) {
        if (rh_text_is_utf8(rh_text_make(field, text.len - cut))) {
            field[text.len - cut] = 0;
            return;
        }
    }
    for (char *c = field; *c; c++) {
        if ((unsigned char)*c > 0x7e)
            *c = '?';
    }
}

/* Secrets are struck out before anything is changed: afterwards they might not look the same. */
static void clean_error(struct rh_error *error)
{
    rh_redact_error(error);
    clean_text(error->message, sizeof(error->message));
    clean_text(error->hint, sizeof(error->hint));
    clean_text(error->column, sizeof(error->column));
    clean_text(error->pointer, sizeof(error->pointer));
    clean_text(error->code, sizeof(error->code));
    clean_text(error->sqlstate, sizeof(error->sqlstate));
    if (error->constraint > RH_CONSTRAINT_AMBIGUOUS_KEY || error->error_class != RH_CONSTRAINT)
        error->constraint = 0;
    if (error->retry > RH_RETRY_IF_IDEMPOTENT)
        error->retry = RH_RETRY_NEVER;
    error->struct_size = sizeof(*error);
}

int rh_check_outcome(int32_t rc, const char *function, struct rh_error *error)
{
    if (rc == RH_OK || rc == RH_END) {
        if (error->error_class != RH_OK)
            rh_error_clear(error);
        return rc;
    }
    if (rc > 0 || rc <= -RH_N_CLASSES) {
        rh_error_clear(error);
        return rh_fail(error, RH_CONTRACT, "the connector's \"%s\" returned %d, which is no class",
                       function, rc);
    }
    if (error->error_class == RH_OK)
        return rh_fail(error, rc, "the connector's \"%s\" failed without saying why", function);
    error->error_class = rc;
    clean_error(error);
    return rc;
}

/* ---- Batches ----------------------------------------------------------------------------- */

/* [-]digits[.digits], or NaN. It goes into JSON as it stands. */
static bool is_decimal(const char *text, uint32_t len)
{
    uint32_t i = len && text[0] == '-' ? 1 : 0;
    uint32_t first = i;

    while (i < len && text[i] >= '0' && text[i] <= '9')
        i++;
    if (i == first)
        return len == 3 && memcmp(text, "NaN", 3) == 0;
    if (i == len)
        return true;
    first = ++i;
    if (text[i - 1] != '.')
        return false;
    while (i < len && text[i] >= '0' && text[i] <= '9')
        i++;
    return i == len && i > first;
}

/* The same for what most decimals are: digits, at most one dot among them, in four to eight bytes.
 * Looked at all at once, because the loops above stop at another place in every row. False: not known.
 */
static inline bool is_short_decimal(const char *text, uint32_t len)
{
    const uint64_t zeros = 0x3030303030303030u, low = 0x7f7f7f7f7f7f7f7fu;
    uint32_t front, back, dot;
    uint64_t word, others;

    if (len - 4 > 4)
        return false;
    memcpy(&front, text, sizeof(front));
    memcpy(&back, text + len - 4, sizeof(back)); /* overlaps */
    word = front | (uint64_t)back << (8 * (len - 4));
    word ^= zeros >> (8 * (8 - len)); /* digits are 0 … 9 now */
    others = (((word & low) + 0x7676767676767676u) | word) & ~low;
    if (!others)
        return true;
    dot = (uint32_t)__builtin_ctzll(others) / 8;
    return (others & (others - 1)) == 0 && text[dot] == '.' && dot > 0 && dot < len - 1;
}

/* The types of TO_INSPECT. Pointer and length agree already. */
static bool is_sound(const struct rh_value *cell)
{
    switch (cell->type) {
    case RH_TYPE_BOOL:
        return cell->as.u <= 1;
    case RH_TYPE_TIME:
        return cell->as.u <= DAY_US;
    case RH_TYPE_DECIMAL:
        return is_short_decimal(cell->as.data, cell->len) || is_decimal(cell->as.data, cell->len);
    default:
        return cell->len == 16;
    }
}

/* The first eight bytes are type, reserved fields and length: one load, one branch. */
static inline bool is_cell_plain(const struct rh_value *cell, uint32_t plain)
{
    uint64_t head;

    memcpy(&head, cell, sizeof(head));
    uint32_t type = (uint32_t)head, len = (uint32_t)(head >> 32);
    uint32_t set = len ? (cell->as.data ? plain & WITH_BYTES : 0) : plain;
    return type < RH_N_TYPES && (set >> type & 1);
}

static inline bool is_cell_sound(const struct rh_value *cell, uint32_t allowed)
{
    uint32_t set = allowed | ALWAYS;
    if (is_cell_plain(cell, set & ~TO_INSPECT))
        return true;
    return is_cell_plain(cell, set) && is_sound(cell);
}

/* Says what is wrong with a cell that is not sound. */
static int fail_cell(const struct rh_value *cell, uint32_t allowed, uint64_t row, uint32_t column,
                     struct rh_error *error)
{
    const char *what = "has an impossible value or length";

    if (cell->type >= RH_N_TYPES)
        what = "is of no known type";
    else if (cell->reserved0 || cell->reserved1)
        what = "has reserved fields that are not zero";
    else if (!(RH_TYPE_BIT(cell->type) & (allowed | ALWAYS)))
        what = "is not of its column's type";
    else if (cell->len && (RH_TYPE_BIT(cell->type) & WITH_BYTES) && !cell->as.data)
        what = "has a length but no bytes";
    return rh_fail(error, RH_CONTRACT, "the connector's batch: cell in row %llu, column %u %s",
                   (unsigned long long)row, column, what);
}

int rh_check_batch(const struct rh_batch *batch, uint32_t n_cols, uint64_t max_rows,
                   const uint32_t *allowed, struct rh_error *error)
{
    const struct rh_value *cell = batch->cells;

    if (batch->n_cols != n_cols)
        return rh_fail(error, RH_CONTRACT, "the connector's batch has %u columns instead of %u",
                       batch->n_cols, n_cols);
    if (batch->n_rows > max_rows)
        return rh_fail(error, RH_CONTRACT, "the connector's batch has %llu rows, more than %llu",
                       (unsigned long long)batch->n_rows, (unsigned long long)max_rows);
    if (batch->n_rows == 0 || n_cols == 0)
        return RH_OK;
    if (!cell || (uintptr_t)cell % sizeof(uint64_t) != 0)
        return rh_fail(error, RH_CONTRACT, "the connector's batch has rows but no cells");
    for (uint64_t row = 0; row < batch->n_rows; row++) {
        for (uint32_t column = 0; column < n_cols; column++, cell++) {
            uint32_t set = allowed ? allowed[column] : RH_CHECK_ANY;

            if (__builtin_expect(!is_cell_sound(cell, set), 0))
                return fail_cell(cell, set, row, column, error);
        }
    }
    return RH_OK;
}
