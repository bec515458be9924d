/*
 * Mango indexes: each in a design document of its own, "rowhouse:<table>:<name>". Where a database has
 * tables by a field, they begin with that field.
 */
#include "ddl.h"

#include <string.h>

#define BODY_BYTES ((size_t)1 << 20)

static const struct rh_column *column_at(const struct rh_table *table, uint32_t i)
{
    return rh_kit_column(table->columns, table->column_stride, i);
}

bool rh_couchdb_index_is_of(struct rh_text ddoc, struct rh_text table, bool shared)
{
    static const char begins[] = RH_COUCHDB_SCHEMA ":";
    uint64_t n = sizeof(begins) - 1;

    if (!shared)
        return true;
    return rh_text_starts(ddoc, begins) && ddoc.len > n + table.len &&
           memcmp(ddoc.data + n, table.data, table.len) == 0 && ddoc.data[n + table.len] == ':';
}

static int post_index(struct ddl *d, struct rh_text table, const struct rh_buf *body,
                      struct rh_json **ret_answer, struct rh_error *error)
{
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, BODY_BYTES);
    rh_couchdb_add_database(d->conn, table, &url);
    rh_buf_add_str(&url, "/_index");
    rc = rh_couchdb_ddl_send(d, "POST", &url, body, "cannot make the index", ret_answer, error);
    rh_buf_free(&url);
    return rc;
}

int rh_couchdb_make_field_index(struct ddl *d, struct rh_text table, struct rh_error *error)
{
    struct rh_json *answer;
    struct rh_buf body;
    int rc;

    rh_buf_init(&body, BODY_BYTES);
    rh_buf_add_str(&body, "{\"ddoc\":\"rowhouse-table\",\"name\":\"table\",\"type\":\"json\","
                          "\"index\":{\"fields\":[");
    rh_json_add_string(&body, rh_text_of(d->conn->config.table_field));
    rh_buf_add_str(&body, "]}}");
    rc = post_index(d, table, &body, &answer, error);
    rh_buf_free(&body);
    return rc;
}

static void add_index(const struct ddl *d, const struct rh_table *table,
                      const struct rh_index *index, struct rh_buf *body)
{
    struct rh_buf ddoc;

    rh_buf_init(&ddoc, BODY_BYTES);
    rh_buf_add_str(&ddoc, "rowhouse:");
    rh_buf_add_text(&ddoc, table->name);
    rh_buf_add_char(&ddoc, ':');
    rh_buf_add_text(&ddoc, index->name);
    rh_buf_add_str(body, "{\"ddoc\":");
    rh_json_add_string(body, rh_buf_text(&ddoc));
    rh_buf_add_str(body, ",\"name\":");
    rh_json_add_string(body, index->name);
    rh_buf_add_str(body, ",\"type\":\"json\",\"index\":{\"fields\":[");
    if (rh_couchdb_ddl_is_shared(d)) {
        rh_json_add_string(body, rh_text_of(d->conn->config.table_field));
        rh_buf_add_char(body, ',');
    }
    for (uint32_t i = 0; i < index->n_columns; i++) {
        rh_buf_add_str(body, i ? "," : "");
        rh_json_add_string(body, column_at(table, index->columns[i])->name);
    }
    rh_buf_add_str(body, "]}}");
    body->failed = body->failed || ddoc.failed;
    rh_buf_free(&ddoc);
}

static bool has_any(struct rh_text text, const char *any)
{
    for (uint64_t i = 0; i < text.len; i++)
        if (strchr(any, text.data[i]))
            return true;
    return false;
}

int rh_couchdb_create_index(struct ddl *d, const struct rh_table *table,
                            const struct rh_index *index, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    struct rh_buf body;
    int rc;

    if (index->flags & RH_INDEX_UNIQUE) {
        rh_fail(error, RH_UNSUPPORTED, "CouchDB has no unique indexes");
        return rh_error_hint(error, "only the key of a table is unique");
    }
    for (uint32_t i = 0; i < index->n_columns; i++) {
        if (index->columns[i] >= table->n_columns)
            return rh_fail(error, RH_INVALID, "the index names no column");
        if (has_any(column_at(table, index->columns[i])->name, ".\\$"))
            return rh_fail(error, RH_UNSUPPORTED,
                           "column \"%.*s\" cannot be in an index: its name is a path to CouchDB",
                           RH_TEXT_ARG(column_at(table, index->columns[i])->name));
    }
    if (!index->name.len || !index->n_columns)
        return rh_fail(error, RH_INVALID, "an index has a name and columns");
    rh_buf_init(&body, BODY_BYTES);
    add_index(d, table, index, &body);
    rc = post_index(d, table->name, &body, &answer, error);
    rh_buf_free(&body);
    if (rc == RH_OK && rh_text_is(rh_json_string(answer, "result"), "exists"))
        rc = rh_fail(error, RH_EXISTS, "there is an index \"%.*s\" already",
                     RH_TEXT_ARG(index->name));
    return rc;
}

static int list_indexes(struct ddl *d, struct rh_text table, const struct rh_json **ret_first,
                        struct rh_error *error)
{
    struct rh_json *answer = NULL;
    const struct rh_json *indexes;
    struct rh_http_request request;
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, BODY_BYTES);
    rh_couchdb_add_database(d->conn, table, &url);
    rh_buf_add_str(&url, "/_index");
    request = rh_couchdb_request("GET", &url, rh_text_make(NULL, 0), true);
    rc = rh_couchdb_fetch(d->conn, d->op, &request, "cannot list the indexes", d->arena, &answer,
                          error);
    rh_buf_free(&url);
    indexes = rh_json_member(answer, "indexes");
    *ret_first = indexes ? indexes->child : NULL;
    return rc;
}

int rh_couchdb_drop_indexes(struct ddl *d, struct rh_text table, struct rh_text name,
                            uint32_t *ret_n, struct rh_error *error)
{
    const struct rh_json *index = NULL;
    int rc = list_indexes(d, table, &index, error);

    *ret_n = 0;
    for (; index && rc == RH_OK; index = index->next) {
        struct rh_text ddoc = rh_json_string(index, "ddoc");
        struct rh_text its_name = rh_json_string(index, "name");
        struct rh_json *answer;
        struct rh_buf url;

        if (!ddoc.data || !rh_couchdb_index_is_of(ddoc, table, rh_couchdb_ddl_is_shared(d)) ||
            (name.data && !rh_text_equal(its_name, name)))
            continue;
        rh_buf_init(&url, BODY_BYTES);
        rh_couchdb_add_database(d->conn, table, &url);
        rh_buf_add_str(&url, "/_index");
        rh_http_add_segment(&url, ddoc);
        rh_buf_add_str(&url, "/json");
        rh_http_add_segment(&url, its_name);
        rc = rh_couchdb_ddl_send(d, "DELETE", &url, NULL, "cannot drop the index", &answer, error);
        rh_buf_free(&url);
        ++*ret_n;
    }
    return rc;
}

int rh_couchdb_drop_index(struct ddl *d, const struct rh_ddl_change *change, struct rh_error *error)
{
    uint32_t n = 0;
    int rc = rh_couchdb_drop_indexes(d, change->table->name, change->new_name, &n, error);

    if (rc == RH_OK && !n)
        rc = rh_fail(error, RH_NOT_FOUND, "there is no index \"%.*s\"",
                     RH_TEXT_ARG(change->new_name));
    return rc;
}
