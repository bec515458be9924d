/* Statements of insert, update and delete commands, from rows. */
#include "write.h"

/* Appends the cells of the columns that are key or are not. missing: those that are MISSING instead. */
static int append_cells(struct rh_mongodb_writing *w, const struct rh_mongodb_row *row, bool key,
                        bool missing, bson_t *to, struct rh_error *error)
{
    int rc = RH_OK;

    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        const struct rh_column *column = rh_mongodb_write_column(w, i);
        bool is_missing = row->cells[i].type == RH_TYPE_MISSING;

        if (w->is_key[i] != key || is_missing != missing)
            continue;
        if (missing)
            bson_append_utf8(to, column->name.data, (int)column->name.len, "", 0);
        else
            rc = rh_mongodb_append(to, column->name, &row->cells[i], column->native_id, error);
    }
    return rc;
}

int rh_mongodb_append_key(struct rh_mongodb_writing *w, const struct rh_mongodb_row *row,
                          bson_t *to, struct rh_error *error)
{
    int rc = RH_OK;

    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        const struct rh_column *column = rh_mongodb_write_column(w, i);
        bson_t condition;

        if (!w->is_key[i])
            continue;
        rh_mongodb_begin_document(to, column->name, &condition);
        rc =
            rh_mongodb_append(&condition, RH_TEXT("$eq"), &row->cells[i], column->native_id, error);
        bson_append_document_end(to, &condition);
    }
    return rc;
}

int rh_mongodb_compose_insert(struct rh_mongodb_writing *w, struct rh_mongodb_row *row,
                              struct rh_error *error)
{
    bson_iter_t iter;
    bson_oid_t oid;
    int rc = RH_OK;

    if (w->id == RH_NO_COLUMN || row->cells[w->id].type == RH_TYPE_MISSING) {
        bson_oid_init(&oid, NULL);
        BSON_APPEND_OID(row->statement, RH_MONGODB_ID, &oid);
    }
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++)
        rc = rh_mongodb_append(row->statement, rh_mongodb_write_column(w, i)->name, &row->cells[i],
                               rh_mongodb_write_column(w, i)->native_id, error);
    if (rc == RH_OK && bson_iter_init_find(&iter, row->statement, RH_MONGODB_ID))
        bson_value_copy(bson_iter_value(&iter), &row->id);
    return rc;
}

/* A member of the update, unless it would be empty. */
static void append_part(bson_t *update, const char *name, const bson_t *part)
{
    if (!bson_empty(part))
        bson_append_document(update, name, -1, part);
}

int rh_mongodb_append_update(struct rh_mongodb_writing *w, const struct rh_mongodb_row *row,
                             bson_t *to, struct rh_error *error)
{
    bson_t set = BSON_INITIALIZER, unset = BSON_INITIALIZER, made = BSON_INITIALIZER, update;
    bool upserts = w->verb == RH_MONGODB_MERGE || w->verb == RH_MONGODB_IGNORE;
    bson_oid_t oid;
    int rc = append_cells(w, row, false, false, w->verb == RH_MONGODB_IGNORE ? &made : &set, error);

    if (rc == RH_OK && w->verb != RH_MONGODB_IGNORE)
        rc = append_cells(w, row, false, true, &unset, error);
    if (upserts && w->id == RH_NO_COLUMN) {
        bson_oid_init(&oid, NULL);
        BSON_APPEND_OID(&made, RH_MONGODB_ID, &oid);
    } else if (rc == RH_OK && upserts && bson_empty(&set) && bson_empty(&made)) {
        rc = append_cells(w, row, true, false, &made, error);
    }
    bson_append_document_begin(to, "u", -1, &update);
    append_part(&update, "$set", &set);
    append_part(&update, "$unset", &unset);
    append_part(&update, "$setOnInsert", &made);
    bson_append_document_end(to, &update);
    if (rc == RH_OK && bson_empty(&set) && bson_empty(&unset) && bson_empty(&made))
        rc = rh_fail(error, RH_INVALID, "there is nothing to set");
    bson_destroy(&set);
    bson_destroy(&unset);
    bson_destroy(&made);
    return rc;
}

void rh_mongodb_append_collation(bson_t *to)
{
    bson_t collation;

    bson_append_document_begin(to, "collation", -1, &collation);
    BSON_APPEND_UTF8(&collation, "locale", "simple");
    bson_append_document_end(to, &collation);
}

int rh_mongodb_compose_keyed(struct rh_mongodb_writing *w, struct rh_mongodb_row *row,
                             struct rh_error *error)
{
    bson_t key;
    int rc;

    bson_append_document_begin(row->statement, "q", -1, &key);
    rc = rh_mongodb_append_key(w, row, &key, error);
    if (row->id.value_type)
        bson_append_value(&key, RH_MONGODB_ID, -1, &row->id);
    bson_append_document_end(row->statement, &key);
    if (rc == RH_OK && w->verb == RH_MONGODB_REMOVE)
        BSON_APPEND_INT32(row->statement, "limit", 1);
    else if (rc == RH_OK)
        rc = rh_mongodb_append_update(w, row, row->statement, error);
    if (w->verb == RH_MONGODB_MERGE || w->verb == RH_MONGODB_IGNORE)
        BSON_APPEND_BOOL(row->statement, "upsert", true);
    if (!w->by_id)
        rh_mongodb_append_collation(row->statement);
    return rc;
}
