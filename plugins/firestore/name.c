/*
 * Names of documents: "projects/p/databases/d/documents/cities/SF/landmarks/bridge". Below the root
 * collections and documents take turns. A table's _id is the last part; a group's, all of the path.
 */
#include "firestore.h"

#include "base/json.h"

#include <string.h>

bool rh_firestore_is_group(const struct rh_conn *conn, struct rh_text table)
{
    for (uint32_t i = 0; i < conn->config.n_groups; i++)
        if (rh_text_is(table, conn->config.groups[i]))
            return true;
    return false;
}

/* Neither "." nor "..", nor reserved, nor with a slash. */
static bool is_segment(struct rh_text text)
{
    bool reserved = text.len >= 4 && rh_text_starts(text, "__") && rh_text_ends(text, "__") &&
                    !rh_text_starts(text, "__id"); /* what Datastore had numbers for */

    return text.len && text.len <= RH_FIRESTORE_MAX_ID && !reserved &&
           !memchr(text.data, '/', text.len) && !memchr(text.data, 0, text.len) &&
           !rh_text_is(text, ".") && !rh_text_is(text, "..") && rh_text_is_utf8(text);
}

int rh_firestore_check_table(struct rh_text table, struct rh_error *error)
{
    return is_segment(table)
               ? RH_OK
               : rh_fail(error, RH_NOT_FOUND, "there is no table \"%.*s\"", RH_TEXT_ARG(table));
}

/* "cities/SF/landmarks/bridge": pairs, of which the last is of the group's collection. */
static bool is_path(struct rh_text path, struct rh_text group)
{
    struct rh_text rest = path, collection = {NULL, 0};
    uint32_t n = 0;

    while (rest.len) {
        struct rh_text segment = rh_text_cut(&rest, '/');
        if (!is_segment(segment))
            return false;
        if (n++ % 2 == 0)
            collection = segment;
    }
    return n && n % 2 == 0 && rh_text_equal(collection, group) && path.data[path.len - 1] != '/';
}

bool rh_firestore_is_id(const struct rh_conn *conn, struct rh_text table, struct rh_text id)
{
    if (rh_firestore_is_group(conn, table))
        return id.len && is_path(id, table);
    return is_segment(id);
}

void rh_firestore_add_name(const struct rh_conn *conn, struct rh_text table, struct rh_text id,
                           struct rh_buf *body)
{
    struct rh_buf name;

    rh_buf_init(&name, 65536);
    rh_buf_addf(&name, "%s/", conn->config.root);
    if (!rh_firestore_is_group(conn, table)) {
        rh_buf_add_text(&name, table);
        rh_buf_add_char(&name, '/');
    }
    rh_buf_add_text(&name, id);
    rh_json_add_string(body, rh_buf_text(&name));
    body->failed = body->failed || name.failed;
    rh_buf_free(&name);
}

struct rh_text rh_firestore_id_of(const struct rh_conn *conn, struct rh_text table,
                                  struct rh_text name)
{
    size_t n = strlen(conn->config.root);

    if (name.len <= n + 1 || memcmp(name.data, conn->config.root, n) != 0 || name.data[n] != '/')
        return rh_text_make(NULL, 0);
    name = rh_text_make(name.data + n + 1, name.len - n - 1);
    if (rh_firestore_is_group(conn, table))
        return is_path(name, table) ? name : rh_text_make(NULL, 0);
    if (name.len <= table.len + 1 || memcmp(name.data, table.data, table.len) != 0 ||
        name.data[table.len] != '/')
        return rh_text_make(NULL, 0);
    return rh_text_make(name.data + table.len + 1, name.len - table.len - 1);
}

/* Simple names stand as they are, others in backticks. */
void rh_firestore_add_path(struct rh_buf *body, struct rh_text field)
{
    bool simple = field.len > 0 && !(field.data[0] >= '0' && field.data[0] <= '9');
    struct rh_buf path;

    for (uint64_t i = 0; i < field.len && simple; i++) {
        char c = field.data[i], lower = (char)(c | 0x20);
        simple = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    if (simple) {
        rh_json_add_string(body, field);
        return;
    }
    rh_buf_init(&path, 65536);
    rh_buf_add_char(&path, '`');
    for (uint64_t i = 0; i < field.len; i++) {
        if (field.data[i] == '`' || field.data[i] == '\\')
            rh_buf_add_char(&path, '\\');
        rh_buf_add_char(&path, field.data[i]);
    }
    rh_buf_add_char(&path, '`');
    rh_json_add_string(body, rh_buf_text(&path));
    body->failed = body->failed || path.failed;
    rh_buf_free(&path);
}
