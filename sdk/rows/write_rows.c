/*
 * Rows into cells.
 *
 * Consecutive rows mostly have the same members in the same order, so each member is first compared
 * with the column that stood at its place in the row before; the lookup by name is the exception.
 * A column that turns up in the middle of a batch widens all of its rows, in place.
 */
#include "rows/write_rows.h"

#include "base/err.h"
#include "base/text.h"
#include "rows/bind.h"
#include "rows/near.h"

#include <stdio.h>
#include <stdlib.h>

#define MIN_CELLS 256u
#define MIN_ROWS 64u

/* ---- Life -------------------------------------------------------------------------------- */

static bool must_be_given(const struct rh_column *column)
{
    return (column->flags & RH_COLUMN_NOT_NULL) &&
           !(column->flags & (RH_COLUMN_DEFAULT | RH_COLUMN_GENERATED | RH_COLUMN_IDENTITY));
}

int rh_rows_init(struct rh_rows *rows, struct rh_arena *arena, size_t max_bytes,
                 const struct rh_tableset *tables, const struct rh_table *table, bool for_insert,
                 struct rh_error *error)
{
    uint32_t n = table->n_columns;
    *rows = (struct rh_rows){
        .tables = tables,
        .table = table,
        .for_insert = for_insert,
        .columns = rh_arena_array(arena, n, sizeof(*rows->columns)),
        .positions = rh_arena_array(arena, n, sizeof(*rows->positions)),
        .at = rh_arena_array(arena, n, sizeof(*rows->at)),
        .guess = rh_arena_array(arena, n, sizeof(*rows->guess)),
        .required = rh_arena_array(arena, n, sizeof(*rows->required)),
    };
    if (!rows->columns || !rows->positions || !rows->at || !rows->guess || !rows->required)
        return rh_fail_nomem(error);
    rows->arena = rh_arena_new(max_bytes);
    if (!rows->arena)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; for_insert && i < n; i++)
        if (must_be_given(&table->columns[i]))
            rows->required[rows->n_required++] = i;
    return 0;
}

void rh_rows_fini(struct rh_rows *rows)
{
    rh_arena_free(rows->arena);
    free(rows->cells);
    free(rows->numbers);
    *rows = (struct rh_rows){0};
}

void rh_rows_clear(struct rh_rows *rows)
{
    rh_arena_reset(rows->arena);
    rows->n_rows = 0;
}

size_t rh_rows_bytes(const struct rh_rows *rows)
{
    return rh_arena_used(rows->arena) +
           (size_t)rows->n_rows * rows->n_columns * sizeof(struct rh_value);
}

/* ---- Blame ------------------------------------------------------------------------------- */

int rh_rows_blame(const struct rh_rows *rows, uint64_t number, struct rh_text column,
                  struct rh_error *error)
{
    char pointer[sizeof(error->pointer)];
    size_t len = 0;
    error->row = number;
    if (!rows->single)
        len = (size_t)snprintf(pointer, sizeof(pointer), "/%llu", (unsigned long long)number);
    if (column.len) {
        struct rh_text shown = rh_near_clip(column);
        snprintf(error->column, sizeof(error->column), "%.*s", RH_TEXT_ARG(shown));
        pointer[len++] = '/';
    }
    for (uint64_t i = 0; i < column.len && len + 3 < sizeof(pointer); i++) {
        char c = column.data[i];
        if (c == '~' || c == '/')
            pointer[len++] = '~';
        pointer[len++] = c == '~' ? '0' : c == '/' ? '1' : c;
    }
    pointer[len] = 0;
    return rh_error_pointer(error, pointer);
}

static int fail_null(const struct rh_rows *rows, const struct rh_column *column, bool given,
                     uint64_t number, struct rh_error *error)
{
    struct rh_text shown = rh_near_clip(column->name);
    rh_fail(error, RH_CONSTRAINT, "column \"%.*s\" must %s", RH_TEXT_ARG(shown),
            given ? "not be null" : "be given");
    error->constraint = RH_CONSTRAINT_NOT_NULL;
    if (given && rows->for_insert && (column->flags & RH_COLUMN_DEFAULT))
        rh_error_hint(error, "leave the column out to get its default");
    return rh_rows_blame(rows, number, column->name, error);
}

/* ---- Limits of a column ------------------------------------------------------------------ */

static int fail_limit(const struct rh_column *column, const char *unit, uint32_t max,
                      struct rh_error *error)
{
    struct rh_text shown = rh_near_clip(column->name);
    rh_fail(error, RH_INVALID, "the value is too long for column \"%.*s\", which holds %u %s",
            RH_TEXT_ARG(shown), max, unit);
    return rh_error_code(error, "invalid-value");
}

static uint64_t count_characters(struct rh_text text)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < text.len; i++)
        n += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return n;
}

static int check_option(const struct rh_column *column, struct rh_text text, struct rh_error *error)
{
    struct rh_near near;
    rh_near_init(&near, text);
    for (uint32_t i = 0; i < column->n_options; i++) {
        if (rh_text_equal(text, column->options[i]))
            return 0;
        rh_near_add(&near, column->options[i]);
    }
    struct rh_text name = rh_near_clip(column->name), shown = rh_near_clip(text);
    rh_fail(error, RH_INVALID, "\"%.*s\" is none of the values of column \"%.*s\"",
            RH_TEXT_ARG(shown), RH_TEXT_ARG(name));
    rh_error_code(error, "invalid-value");
    return rh_near_hint(&near, NULL, error);
}

/* More digits than the column has: the source would round, or fail far away from the cause. */
static int check_decimal(const struct rh_column *column, struct rh_text text,
                         struct rh_error *error)
{
    uint64_t i = 0, n_whole = 0, n_fraction = 0;
    if (!column->precision || (text.len && text.data[0] == 'N'))
        return 0;
    if (i < text.len && text.data[i] == '-')
        i++;
    while (i < text.len && text.data[i] == '0')
        i++;
    for (; i < text.len && text.data[i] != '.'; i++)
        n_whole++;
    uint64_t end = text.len;
    while (end > i && text.data[end - 1] == '0')
        end--;
    if (end > i + 1)
        n_fraction = end - i - 1;
    uint32_t scale = column->scale < column->precision ? column->scale : column->precision;
    if (n_fraction <= scale && n_whole <= column->precision - scale)
        return 0;
    struct rh_text shown = rh_near_clip(column->name);
    rh_fail(error, RH_INVALID,
            "the number has too many digits for column \"%.*s\": %u before the point and %u after "
            "it",
            RH_TEXT_ARG(shown), column->precision - scale, scale);
    return rh_error_code(error, "invalid-value");
}

static int check_limits(const struct rh_column *column, const struct rh_value *value,
                        struct rh_error *error)
{
    if (value->type == RH_TYPE_TEXT) {
        struct rh_text text = rh_text_make(value->as.data, value->len);
        if (column->max_length && text.len > column->max_length &&
            count_characters(text) > column->max_length)
            return fail_limit(column, "characters", column->max_length, error);
        return column->n_options ? check_option(column, text, error) : 0;
    }
    if (value->type == RH_TYPE_BYTES && column->max_length && value->len > column->max_length)
        return fail_limit(column, "bytes", column->max_length, error);
    if (value->type == RH_TYPE_DECIMAL)
        return check_decimal(column, rh_text_make(value->as.data, value->len), error);
    return 0;
}

/* ---- Cells ------------------------------------------------------------------------------- */

/* Room for one more row. */
static bool grow(struct rh_rows *rows, uint32_t n_columns)
{
    size_t cells = 0;
    if (__builtin_mul_overflow(rows->n_rows + 1, n_columns, &cells))
        return false;
    if (cells > rows->cap_cells || !rows->cells) {
        size_t cap = rows->cap_cells * 2 > cells ? rows->cap_cells * 2 : cells;
        cap = cap < MIN_CELLS ? MIN_CELLS : cap;
        struct rh_value *bigger = reallocarray(rows->cells, cap, sizeof(*bigger));
        if (!bigger)
            return false;
        rows->cells = bigger;
        rows->cap_cells = cap;
    }
    if (rows->n_rows >= rows->cap_rows) {
        size_t cap = rows->cap_rows ? rows->cap_rows * 2 : MIN_ROWS;
        uint64_t *bigger = reallocarray(rows->numbers, cap, sizeof(*bigger));
        if (!bigger)
            return false;
        rows->numbers = bigger;
        rows->cap_rows = cap;
    }
    return true;
}

/* The rows so far, and the one that is being made, get one more column. */
static bool widen(struct rh_rows *rows)
{
    uint32_t old = rows->n_columns;
    if (!grow(rows, old + 1))
        return false;
    for (uint64_t row = rows->n_rows + 1; row-- > 0;) {
        struct rh_value *from = rows->cells + row * old, *to = rows->cells + row * (old + 1);
        memmove(to, from, old * sizeof(*to));
        to[old] = (struct rh_value){.type = RH_TYPE_MISSING};
    }
    return true;
}

uint32_t rh_rows_column(struct rh_rows *rows, uint32_t position)
{
    if (rows->at[position])
        return rows->at[position] - 1;
    if (!widen(rows))
        return RH_NO_COLUMN;
    rows->columns[rows->n_columns] = rows->table->columns[position];
    rows->positions[rows->n_columns] = position;
    rows->at[position] = ++rows->n_columns;
    return rows->n_columns - 1;
}

struct rh_value *rh_rows_cell(const struct rh_rows *rows, uint64_t row, uint32_t position)
{
    if (!rows->at[position])
        return NULL;
    return rows->cells + row * rows->n_columns + rows->at[position] - 1;
}

/* The table's column that a member names. */
static uint32_t find_column(struct rh_rows *rows, uint32_t member, struct rh_text name)
{
    const struct rh_table *table = rows->table;
    if (member < table->n_columns) {
        uint32_t guess = rows->guess[member];
        if (rh_text_equal(table->columns[guess].name, name))
            return guess;
    }
    uint32_t position = rh_tableset_column(rows->tables, table, name);
    if (position != RH_NO_COLUMN && member < table->n_columns)
        rows->guess[member] = position;
    return position;
}

static int convert(struct rh_rows *rows, const struct rh_column *column, const struct rh_json *json,
                   struct rh_value *ret_value, struct rh_error *error)
{
    struct rh_literal literal;
    if (column->type == RH_TYPE_JSON && !rows->bare && json->kind != RH_JSON_NULL &&
        json->source.len <= UINT32_MAX) {
        *ret_value = (struct rh_value){
            .type = RH_TYPE_JSON, .len = (uint32_t)json->source.len, .as.data = json->source.data};
        return 0;
    }
    rh_bind_literal(json, &literal);
    if (rows->bare && literal.kind == RH_LITERAL_STRING)
        literal.kind = RH_LITERAL_BARE;
    int r = rh_bind_value(rows->arena, column, &literal, NULL, ret_value, error);
    return r ? r : check_limits(column, ret_value, error);
}

static int add_member(struct rh_rows *rows, uint32_t member, const struct rh_json *json,
                      uint64_t number, struct rh_error *error)
{
    struct rh_value value;
    uint32_t position = find_column(rows, member, json->key);
    if (position == RH_NO_COLUMN) {
        rh_tableset_no_column(rows->table, json->key, NULL, error);
        return rh_rows_blame(rows, number, json->key, error);
    }
    const struct rh_column *column = &rows->table->columns[position];
    if (column->flags & RH_COLUMN_GENERATED) {
        struct rh_text shown = rh_near_clip(column->name);
        rh_fail(error, RH_INVALID, "column \"%.*s\" is computed and cannot be written",
                RH_TEXT_ARG(shown));
        rh_error_code(error, "invalid-value");
        return rh_rows_blame(rows, number, column->name, error);
    }
    int r = convert(rows, column, json, &value, error);
    if (r)
        return rh_rows_blame(rows, number, column->name, error);
    if (value.type == RH_TYPE_NULL && (column->flags & RH_COLUMN_NOT_NULL))
        return fail_null(rows, column, true, number, error);
    uint32_t at = rh_rows_column(rows, position);
    if (at == RH_NO_COLUMN)
        return rh_fail_nomem(error);
    rows->cells[rows->n_rows * rows->n_columns + at] = value;
    return 0;
}

int rh_rows_add(struct rh_rows *rows, const struct rh_json *object, uint64_t number,
                struct rh_error *error)
{
    if (object->kind != RH_JSON_OBJECT) {
        rh_fail(error, RH_INVALID, "a row is an object, not %s %s",
                object->kind == RH_JSON_ARRAY ? "an" : "a", rh_json_kind_name(object->kind));
        return rh_rows_blame(rows, number, (struct rh_text){0}, error);
    }
    if (!grow(rows, rows->n_columns))
        return rh_fail_nomem(error);
    struct rh_value *cells = rows->cells + rows->n_rows * rows->n_columns;
    for (uint32_t i = 0; i < rows->n_columns; i++)
        cells[i] = (struct rh_value){.type = RH_TYPE_MISSING};
    uint32_t member = 0;
    for (const struct rh_json *json = object->child; json; json = json->next) {
        int r = add_member(rows, member++, json, number, error);
        if (r)
            return r;
    }
    for (uint32_t i = 0; i < rows->n_required; i++) {
        const struct rh_value *cell = rh_rows_cell(rows, rows->n_rows, rows->required[i]);
        if (!cell || cell->type == RH_TYPE_MISSING)
            return fail_null(rows, &rows->table->columns[rows->required[i]], false, number, error);
    }
    rows->numbers[rows->n_rows++] = number;
    return 0;
}
