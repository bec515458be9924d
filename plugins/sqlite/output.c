/*
 * Reading cells. The common cases (a value of the declared type) come first: this runs once per
 * cell of every scan. A value that does not fit the declared type is delivered as what it is.
 */
#include "output.h"

#include "base/json.h"
#include "base/text.h"
#include "connector/decimal.h"
#include "functions.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define JSON_ARENA (1u << 30) /* reading a text takes many times its length */

struct rh_sqlite_output rh_sqlite_output_of(const struct rh_column *column, bool grouped)
{
    bool by_key = (column->type >= RH_TYPE_DATE && column->type <= RH_TYPE_TIMESTAMP) ||
                  column->type == RH_TYPE_UUID;

    return (struct rh_sqlite_output){.type = (uint8_t)column->type,
                                     .is_key = grouped && by_key,
                                     .is_free = column->type == RH_TYPE_JSON,
                                     .scale = (uint16_t)column->scale};
}

/* ---- by storage class ---- */

static void read_integer(struct rh_rowset *rows, struct rh_value *cell,
                         const struct rh_sqlite_output *output, int64_t value)
{
    char text[32 + 1024];
    int n;

    cell->as.i = value;
    cell->type = RH_TYPE_INT;
    if (output->type == RH_TYPE_BOOL && (value == 0 || value == 1)) {
        cell->type = RH_TYPE_BOOL;
    } else if (output->type == RH_TYPE_JSON) {
        n = snprintf(text, sizeof text, "%" PRId64, value);
        rh_rowset_bytes(rows, cell, RH_TYPE_JSON, text, (size_t)n);
    } else if (output->type == RH_TYPE_DECIMAL) {
        n = snprintf(text, 32, "%" PRId64, value);
        if (output->scale > 0 && output->scale <= 1000) {
            text[n++] = '.';
            memset(text + n, '0', output->scale);
            n += output->scale;
        }
        rh_rowset_bytes(rows, cell, RH_TYPE_DECIMAL, text, (size_t)n);
    }
}

static void read_real(struct rh_rowset *rows, struct rh_value *cell,
                      const struct rh_sqlite_output *output, double value)
{
    char text[RH_DECIMAL_F64_MAX];
    size_t n = 0;

    if (output->type == RH_TYPE_DECIMAL || output->type == RH_TYPE_JSON)
        n = rh_decimal_from_f64(text, value, output->scale);
    if (n) {
        rh_rowset_bytes(rows, cell, output->type, text, n);
        return;
    }
    cell->type = RH_TYPE_FLOAT;
    cell->as.f = value;
}

static bool is_json(struct rh_text text)
{
    struct rh_arena *arena = rh_arena_new(JSON_ARENA);
    struct rh_json *json = NULL;
    struct rh_error error = {.struct_size = sizeof error};
    bool valid = arena && rh_json_parse(arena, text, &json, &error) == RH_OK;

    rh_arena_free(arena);
    return valid;
}

static void read_text(struct rh_rowset *rows, struct rh_value *cell,
                      const struct rh_sqlite_output *output, struct rh_text text)
{
    unsigned char uuid[16];
    uint8_t type = RH_TYPE_TEXT;
    int64_t us;

    switch (output->type) {
    case RH_TYPE_TEXT:
        break;
    case RH_TYPE_FLOAT:
        if (output->is_computed) {
            cell->type = RH_TYPE_FLOAT;
            cell->as.f = (double)NAN;
            return;
        }
        break;
    case RH_TYPE_DATE:
    case RH_TYPE_TIME:
    case RH_TYPE_DATETIME:
    case RH_TYPE_TIMESTAMP:
        if (rh_sqlite_parse_us(output->type, text, &us)) {
            cell->type = output->type;
            cell->as.i = us;
            return;
        }
        break;
    case RH_TYPE_UUID:
        if (rh_sqlite_parse_uuid(text, uuid)) {
            rh_rowset_bytes(rows, cell, RH_TYPE_UUID, uuid, sizeof uuid);
            return;
        }
        break;
    case RH_TYPE_DECIMAL:
        if (rh_decimal_is_valid(text))
            type = RH_TYPE_DECIMAL;
        break;
    case RH_TYPE_JSON:
        if (is_json(text))
            type = RH_TYPE_JSON;
        break;
    default:
        break;
    }
    /* SQLite does not check what it is given as text, and compares and sorts it among the texts. Where
     * the host does so too, it must see it as TEXT: as BYTES, pages would begin at the wrong row. */
    if (output->is_free && type == RH_TYPE_TEXT && !rh_text_is_utf8(text))
        type = RH_TYPE_BYTES;
    rh_rowset_bytes(rows, cell, type, text.data, text.len);
}

static void read_blob(struct rh_rowset *rows, struct rh_value *cell,
                      const struct rh_sqlite_output *output, const unsigned char *data, size_t len)
{
    if (output->is_key && len) {
        bool is_value = data[0] == RH_SQLITE_KEY_MARK;
        if (is_value && output->type != RH_TYPE_UUID &&
            rh_sqlite_key_to_i64(data, len, &cell->as.i)) {
            cell->type = output->type;
            return;
        }
        data++; /* the mark */
        len--;
        if (is_value && len == 16) {
            rh_rowset_bytes(rows, cell, RH_TYPE_UUID, data, len);
            return;
        }
    } else if (output->type == RH_TYPE_UUID && len == 16) {
        rh_rowset_bytes(rows, cell, RH_TYPE_UUID, data, len);
        return;
    }
    rh_rowset_bytes(rows, cell, RH_TYPE_BYTES, data, len);
}

void rh_sqlite_read_row(struct rh_rowset *rows, sqlite3_stmt *stmt,
                        const struct rh_sqlite_output *outputs, uint32_t n)
{
    struct rh_value *cells = rh_rowset_row(rows);

    if (!cells)
        return;
    for (uint32_t i = 0; i < n; i++) {
        /* An unprotected value is fine here: nobody else uses the handle. */
        sqlite3_value *value = sqlite3_column_value(stmt, (int)i);
        struct rh_text text;
        const unsigned char *data = NULL;

        switch (sqlite3_value_type(value)) {
        case SQLITE_INTEGER:
            read_integer(rows, &cells[i], &outputs[i], sqlite3_value_int64(value));
            break;
        case SQLITE_FLOAT:
            read_real(rows, &cells[i], &outputs[i], sqlite3_value_double(value));
            break;
        case SQLITE_TEXT:
            text.data = (const char *)sqlite3_value_text(value);
            text.len = text.data ? (uint64_t)sqlite3_value_bytes(value) : 0;
            rows->failed = rows->failed || !text.data;
            if (text.data)
                read_text(rows, &cells[i], &outputs[i], text);
            break;
        case SQLITE_BLOB:
            data = sqlite3_value_blob(value);
            read_blob(rows, &cells[i], &outputs[i], data, (size_t)sqlite3_value_bytes(value));
            break;
        default:
            cells[i].type = RH_TYPE_NULL;
        }
    }
}
