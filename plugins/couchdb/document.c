/*
 * Documents from rows: new ones with the defaults of their table, others with all that was in them and
 * is not set.
 */
#include "write.h"

#include "connector/json_cell.h"

#include <string.h>

void rh_couchdb_refuse(struct rh_couchdb_writing *w, struct rh_couchdb_row *row, int error_class,
                       uint32_t constraint, struct rh_text message)
{
    rh_kit_refuse(w->conn->host, w->op, &w->result->statuses[row - w->rows], error_class,
                  constraint, message);
    row->fate.due = false;
}

static int add_member(struct rh_buf *text, struct rh_text name, const struct rh_value *value,
                      struct rh_error *error)
{
    if (value->type == RH_TYPE_MISSING)
        return RH_OK;
    if (text->len > 1)
        rh_buf_add_char(text, ',');
    rh_json_add_string(text, name);
    rh_buf_add_char(text, ':');
    return rh_json_add_value(text, value, error);
}

static bool is_set(const struct rh_couchdb_writing *w, struct rh_text name)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (!w->is_key[i] && rh_text_equal(rh_couchdb_write_column(w, i)->name, name))
            return true;
    return false;
}

/* What stays of the document that is there. */
static void add_old(const struct rh_couchdb_writing *w, const struct rh_json *old,
                    struct rh_buf *text)
{
    for (const struct rh_json *member = old->child; member; member = member->next) {
        if (is_set(w, member->key))
            continue;
        if (text->len > 1)
            rh_buf_add_char(text, ',');
        rh_json_add_string(text, member->key);
        rh_buf_add_char(text, ':');
        rh_buf_add_text(text, member->source);
    }
}

static void add_deletion(const struct rh_couchdb_row *row, struct rh_buf *text)
{
    rh_buf_add_str(text, "{\"_id\":");
    rh_json_add_string(text, rh_json_string(row->old, RH_COUCHDB_ID));
    rh_buf_add_str(text, ",\"_rev\":");
    rh_json_add_string(text, rh_json_string(row->old, RH_COUCHDB_REV));
    rh_buf_add_str(text, ",\"_deleted\":true}");
}

/* What the row does not give, of a new document of a declared table. */
static int add_defaults(const struct rh_couchdb_writing *w, const struct rh_couchdb_row *row,
                        struct rh_buf *text, uint32_t *ret_constraint, struct rh_error *error)
{
    const struct rh_value missing = {.type = RH_TYPE_MISSING};
    const struct rh_column *columns = rh_couchdb_columns(w->table);
    int rc = RH_OK;

    for (uint32_t c = 0; c < w->table->columns.n && rc == RH_OK; c++) {
        bool given = false;

        for (uint32_t i = 0; i < w->spec->n_columns; i++)
            given = given || (rh_text_equal(rh_couchdb_write_column(w, i)->name, columns[c].name) &&
                              row->cells[i].type != RH_TYPE_MISSING);
        if (given)
            continue;
        if (!columns[c].default_text.data) {
            rc = rh_couchdb_check_value(&columns[c], true, &missing, ret_constraint, error);
            continue;
        }
        rh_buf_add_char(text, ',');
        rh_json_add_string(text, columns[c].name);
        rh_buf_add_char(text, ':');
        rh_couchdb_add_default(&columns[c], text);
    }
    return rc;
}

static int check_cell(const struct rh_couchdb_writing *w, const struct rh_couchdb_row *row,
                      uint32_t i, uint32_t *ret_constraint, struct rh_error *error)
{
    const struct rh_column *column = rh_couchdb_write_column(w, i);
    const struct rh_column *declared =
        w->table ? rh_couchdb_declared_column(w->table, column->name) : NULL;

    if (!row->old && row->cells[i].type == RH_TYPE_MISSING)
        return RH_OK; /* its default, later */
    return rh_couchdb_check_value(declared ? declared : column, declared != NULL, &row->cells[i],
                                  ret_constraint, error);
}

static int add_document(struct rh_couchdb_writing *w, const struct rh_couchdb_row *row,
                        struct rh_buf *text, uint32_t *ret_constraint, struct rh_error *error)
{
    const char *field = w->conn->config.table_field;
    struct rh_value id = rh_kit_text(row->given);
    bool given = false;
    int rc = RH_OK;

    rh_buf_add_char(text, '{');
    if (row->old)
        add_old(w, row->old, text);
    else if (w->table)
        rc = add_member(text, RH_TEXT(RH_COUCHDB_ID), &id, error);
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        struct rh_text name = rh_couchdb_write_column(w, i)->name;

        if (row->old ? w->is_key[i] : i == w->rev)
            continue;
        given = given || (field && rh_text_is(name, field));
        rc = check_cell(w, row, i, ret_constraint, error);
        if (rc == RH_OK)
            rc = add_member(text, name, &row->cells[i], error);
    }
    if (rc == RH_OK && w->table && !row->old)
        rc = add_defaults(w, row, text, ret_constraint, error);
    if (field && !row->old && !given) {
        struct rh_value table = rh_kit_text(w->spec->table);
        rc = rc ? rc : add_member(text, rh_text_of(field), &table, error);
    }
    rh_buf_add_char(text, '}');
    return rc;
}

/* The table of a document is not to be changed by the way. */
static bool leaves_table(const struct rh_couchdb_writing *w, const struct rh_couchdb_row *row)
{
    const char *field = w->conn->config.table_field;

    for (uint32_t i = 0; field && w->verb != RH_COUCHDB_REMOVE && i < w->spec->n_columns; i++)
        if (rh_text_is(rh_couchdb_write_column(w, i)->name, field) &&
            (row->cells[i].type != RH_TYPE_TEXT ||
             !rh_text_equal(rh_kit_value_text(&row->cells[i]), w->spec->table)))
            return true;
    return false;
}

int rh_couchdb_compose(struct rh_couchdb_writing *w, struct rh_couchdb_row *row,
                       struct rh_error *error)
{
    struct rh_error mine = RH_ERROR_INIT;
    uint32_t constraint = 0;
    struct rh_buf text;
    bool ok = true;
    int rc = RH_OK;

    if (leaves_table(w, row)) {
        rh_couchdb_refuse(w, row, RH_DATA, 0,
                          RH_TEXT("the field that names the table has another value"));
        return RH_OK;
    }
    rh_buf_init(&text, RH_COUCHDB_DOCUMENT_BYTES);
    if (w->verb == RH_COUCHDB_REMOVE)
        add_deletion(row, &text);
    else
        rc = add_document(w, row, &text, &constraint, &mine);
    if (rc)
        rh_couchdb_refuse(w, row, mine.error_class, constraint, rh_text_of(mine.message));
    else
        row->text = rh_arena_text(w->arena, rh_buf_text(&text), &ok);
    ok = ok && !text.failed;
    rh_buf_free(&text);
    return ok ? RH_OK : rh_fail_nomem(error);
}
