/*
 * Keys: what tells rows apart while they are written, and that a declared key still does so in the new
 * object. Two rows that had the same key before, which others may have written, are left alone.
 */
#include "write.h"

#include "connector/text_cell.h"

#include <string.h>

int rh_s3_refuse(struct rh_error *error, uint64_t row, uint32_t constraint, const char *why)
{
    rh_fail(error, RH_CONSTRAINT, "%s", why);
    if (error) {
        error->constraint = constraint;
        error->row = row;
    }
    return RH_CONSTRAINT;
}

static int add_value(struct rh_buf *text, const struct rh_value *value, struct rh_error *error)
{
    size_t begin;
    int rc = RH_OK;

    if (value->type == RH_TYPE_TEXT)
        rh_buf_add_char(text, '\xfd'); /* "1" is not 1 */
    begin = text->len;
    if (!rh_kit_is_null(value))
        rc = rh_text_cell_add(text, value, error);
    else
        rh_buf_add_char(text, '\xff');
    if (value->type == RH_TYPE_DECIMAL && memchr(text->data + begin, '.', text->len - begin)) {
        while (text->data[text->len - 1] == '0')
            text->len--;
        text->len -= text->data[text->len - 1] == '.';
    }
    rh_buf_add_char(text, '\xfe');
    return rc;
}

/* is_part: which of the values; NULL: all. */
static int join(const struct rh_s3_call *w, const struct rh_value *values, uint32_t n,
                const bool *is_part, struct rh_text *ret_key, struct rh_error *error)
{
    struct rh_buf text;
    bool ok = true;
    int rc = RH_OK;

    rh_buf_init(&text, RH_S3_ROW_BYTES);
    for (uint32_t i = 0; i < n && rc == RH_OK; i++)
        if (!is_part || is_part[i])
            rc = add_value(&text, &values[i], error);
    *ret_key = rh_arena_text(w->arena, rh_buf_text(&text), &ok);
    ok = ok && !text.failed;
    rh_buf_free(&text);
    return rc ? rc : ok ? RH_OK : rh_fail_nomem(error);
}

int rh_s3_key_of(const struct rh_s3_call *w, const struct rh_value *cells, struct rh_text *ret_key,
                 struct rh_error *error)
{
    return join(w, cells, w->spec->n_columns, w->is_key, ret_key, error);
}

/* ---- The declared key ------------------------------------------------------------------------ */

/* The input column that sets this one; with_key: also one that finds rows. RH_NO_COLUMN. */
static uint32_t setter_of(const struct rh_s3_call *w, struct rh_text name, bool with_key)
{
    uint32_t found = RH_NO_COLUMN;

    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (rh_text_equal(rh_s3_call_column(w, i)->name, name) && (with_key || !w->is_key[i]))
            found = i;
    return found;
}

bool rh_s3_sets_key(const struct rh_s3_call *w)
{
    for (uint32_t k = 0; k < w->table->n_key; k++)
        if (setter_of(w, w->table->key[k], false) != RH_NO_COLUMN)
            return true;
    return false;
}

/* What an old value of the key's column is read as. */
static struct rh_column column_of(const struct rh_s3_call *w, struct rh_text name)
{
    uint32_t given = setter_of(w, name, true);

    if (given != RH_NO_COLUMN)
        return *rh_s3_call_column(w, given);
    for (uint32_t i = 0; i < w->table->n_columns; i++)
        if (rh_text_equal(w->table->columns[i].name, name))
            return w->table->columns[i];
    return (struct rh_column){.name = name, .type = RH_TYPE_TEXT};
}

static int read_key(struct rh_s3_call *w, const struct rh_s3_object *object,
                    const struct rh_s3_row *old, uint64_t input, struct rh_batch *ret_key,
                    struct rh_error *error)
{
    struct rh_value *values;

    rh_rowset_clear(&w->key, 1);
    values = rh_rowset_row(&w->key);
    for (uint32_t k = 0; values && k < w->table->n_key; k++) {
        const struct rh_column column = column_of(w, w->table->key[k]);
        uint32_t setter = RH_NO_COLUMN;

        if (input != RH_S3_NO_INPUT)
            setter = setter_of(w, column.name, !old);
        if (setter != RH_NO_COLUMN)
            rh_rowset_value(&w->key, &values[k], &rh_s3_call_cells(w, input)[setter]);
        else if (old)
            rh_s3_cell(&w->key, &values[k], &column, old, rh_s3_field(object, column.name));
    }
    return rh_rowset_batch(&w->key, ret_key, error);
}

int rh_s3_take_key(struct rh_s3_call *w, const struct rh_s3_object *object,
                   const struct rh_s3_row *old, uint64_t input, struct rh_error *error)
{
    uintptr_t owner = input == RH_S3_NO_INPUT ? 1 : (uintptr_t)input + 2, other;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_text key;
    void *earlier = NULL;
    int rc = read_key(w, object, old, input, &batch, error);

    for (uint32_t k = 0; rc == RH_OK && owner > 1 && k < w->table->n_key; k++)
        if (rh_kit_is_null(&batch.cells[k]))
            return rh_s3_refuse(error, input, RH_CONSTRAINT_NOT_NULL,
                                "a column of the key has no value");
    if (rc == RH_OK)
        rc = join(w, batch.cells, w->table->n_key, NULL, &key, error);
    if (rc)
        return rc;
    if (!rh_map_put(&w->taken, key, (void *)owner, &earlier))
        return rh_fail_nomem(error);
    other = (uintptr_t)earlier;
    if (!other || (owner == 1 && other == 1))
        return RH_OK;
    return rh_s3_refuse(error, owner > 1 ? input : other - 2, RH_CONSTRAINT_UNIQUE,
                        "there is a row with this key already");
}
