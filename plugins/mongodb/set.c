/*
 * Writes to the rows for which a condition holds: one statement for many documents, which the server
 * carries out. The condition must be one that MongoDB can tell exactly.
 */
#include "write.h"

static int append_where(const struct rh_query *where, bson_t *to, struct rh_error *error)
{
    const struct rh_mongodb_scope scope = {where, where->columns, where->n_columns,
                                           where->column_stride};
    bson_t list;
    int rc = RH_OK;

    if (!where->n_conjuncts)
        return RH_OK;
    bson_append_array_begin(to, "$and", -1, &list);
    for (uint32_t i = 0; i < where->n_conjuncts && rc == RH_OK; i++) {
        if (rh_mongodb_verdict(&scope, where->conjuncts[i]) != RH_VERDICT_EXACT)
            rc = rh_fail(error, RH_UNSUPPORTED,
                         "MongoDB cannot tell exactly the rows of that condition");
        else
            rc = rh_mongodb_append_filter(&scope, where->conjuncts[i], &list, i, error);
    }
    bson_append_array_end(to, &list);
    return rc;
}

/* What the set's one statement came to. */
static int take_reply(struct rh_mongodb_writing *w, const bson_t *reply, struct rh_error *error)
{
    const char *message;
    bson_iter_t iter, entry;
    uint32_t constraint;
    int error_class;

    w->result->n_affected = (uint64_t)rh_mongodb_count(reply);
    if (!bson_iter_init_find(&iter, reply, "writeErrors") || !BSON_ITER_HOLDS_ARRAY(&iter) ||
        !bson_iter_recurse(&iter, &entry) || !bson_iter_next(&entry))
        return RH_OK;
    error_class = rh_mongodb_write_error(&entry, &constraint, &message);
    rh_fail(error, error_class, "%s: %s", rh_mongodb_words[w->verb].what, message);
    if (error)
        error->constraint = constraint;
    return error_class;
}

int rh_mongodb_write_set(struct rh_mongodb_writing *w, struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, list, statement, part, reply;
    int rc = rh_mongodb_check_collection(w->conn, w->spec->table, error);

    if (rc == RH_OK && w->spec->n_returning)
        rc = rh_fail(error, RH_UNSUPPORTED, "MongoDB does not return the rows of a set");
    bson_append_utf8(&command, rh_mongodb_words[w->verb].command, -1, w->spec->table.data,
                     (int)w->spec->table.len);
    bson_append_array_begin(&command, rh_mongodb_words[w->verb].list, -1, &list);
    bson_append_document_begin(&list, "0", -1, &statement);
    bson_append_document_begin(&statement, "q", -1, &part);
    if (rc == RH_OK)
        rc = append_where(w->spec->where, &part, error);
    bson_append_document_end(&statement, &part);
    if (rc == RH_OK && w->verb == RH_MONGODB_UPDATE)
        rc = rh_mongodb_append_update(w, &w->rows[0], &statement, error);
    if (w->verb == RH_MONGODB_UPDATE)
        BSON_APPEND_BOOL(&statement, "multi", true);
    else
        BSON_APPEND_INT32(&statement, "limit", 0);
    rh_mongodb_append_collation(&statement);
    bson_append_document_end(&list, &statement);
    bson_append_array_end(&command, &list);
    if (!w->conn->in_tx)
        BSON_APPEND_INT64(&command, "maxTimeMS", rh_mongodb_left_ms(w->conn));
    if (rc == RH_OK)
        rc = rh_mongodb_command(w->conn, RH_MONGODB_WRITE, NULL, &command,
                                rh_mongodb_words[w->verb].what, &w->server, &reply, error);
    bson_destroy(&command);
    if (rc)
        return rc;
    rc = take_reply(w, &reply, error);
    bson_destroy(&reply);
    return rc;
}
