/*
 * See statements.h. A linear look through 64 hashes costs less than what one parameter does.
 */
#include "statements.h"

#include "connection.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(struct rh_text text)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    const char *bytes = text.data;

    for (uint64_t n = text.len; n >= 8; n -= 8, bytes += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    for (uint64_t n = text.len % 8; n; n--)
        hash = (hash ^ (unsigned char)*bytes++) * UINT64_C(0x100000001B3);
    return hash;
}

static void close_slot(struct rh_my_statement *slot)
{
    if (slot->stmt)
        (void)mysql_stmt_close(slot->stmt);
    free(slot->text);
    *slot = (struct rh_my_statement){.stmt = NULL};
}

void rh_my_statements_free(struct rh_my_statements *statements)
{
    for (int i = 0; i < RH_MY_MAX_STATEMENTS; i++)
        close_slot(&statements->slots[i]);
    if (statements->loose)
        (void)mysql_stmt_close(statements->loose);
    statements->loose = NULL;
}

/* The slot that has the text, or the one to be used for it. */
static struct rh_my_statement *find_slot(struct rh_my_statements *statements, struct rh_text text,
                                         uint64_t hash)
{
    struct rh_my_statement *oldest = &statements->slots[0];

    for (int i = 0; i < RH_MY_MAX_STATEMENTS; i++) {
        struct rh_my_statement *slot = &statements->slots[i];
        if (slot->stmt && slot->hash == hash && slot->len == text.len &&
            memcmp(slot->text, text.data, text.len) == 0)
            return slot;
        if (!slot->stmt || (oldest->stmt && slot->used < oldest->used))
            oldest = oldest->stmt ? slot : oldest;
    }
    return oldest;
}

static int prepare_new(struct rh_conn *conn, struct rh_text text, MYSQL_STMT **ret_stmt,
                       struct rh_error *error)
{
    MYSQL_STMT *stmt = mysql_stmt_init(conn->my);
    int rc = RH_OK;

    if (!stmt)
        return rh_fail_nomem(error);
    if (mysql_stmt_prepare(stmt, text.data, text.len)) {
        rc = rh_my_fail(conn, stmt, error);
        (void)mysql_stmt_close(stmt);
        return rc;
    }
    *ret_stmt = stmt;
    return RH_OK;
}

int rh_my_prepare(struct rh_conn *conn, struct rh_text text, MYSQL_STMT **ret_stmt,
                  struct rh_error *error)
{
    struct rh_my_statements *statements = &conn->statements;
    struct rh_my_statement *slot = NULL;
    uint64_t hash = 0;
    int rc = rh_my_check(conn, error);

    if (rc)
        return rc;
    if (statements->loose)
        (void)mysql_stmt_close(statements->loose);
    statements->loose = NULL;
    if (text.len > RH_MY_MAX_STATEMENT_BYTES) {
        rc = prepare_new(conn, text, &statements->loose, error);
        *ret_stmt = statements->loose;
        return rc;
    }
    hash = hash_of(text);
    slot = find_slot(statements, text, hash);
    slot->used = ++statements->clock;
    if (slot->stmt && slot->hash == hash && slot->len == text.len &&
        memcmp(slot->text, text.data, text.len) == 0) {
        *ret_stmt = slot->stmt;
        return RH_OK;
    }
    close_slot(slot);
    slot->text = malloc(text.len + 1);
    if (!slot->text)
        return rh_fail_nomem(error);
    memcpy(slot->text, text.data, text.len);
    slot->len = text.len;
    slot->hash = hash;
    slot->used = statements->clock;
    rc = prepare_new(conn, text, &slot->stmt, error);
    if (rc)
        close_slot(slot);
    else
        *ret_stmt = slot->stmt;
    return rc;
}

/* Values are sent with their lengths, types and a header. */
static int check_size(const struct rh_conn *conn, const struct rh_my_params *params,
                      struct rh_error *error)
{
    uint64_t bytes = 64;

    for (uint32_t i = 0; i < params->n; i++)
        bytes += 16 + (uint64_t)params->binds[i].buffer_length;
    if (!conn->max_packet || bytes <= conn->max_packet)
        return RH_OK;
    rh_fail(error, RH_RESOURCE,
            "the values of the statement take more than the server allows "
            "(%llu bytes)",
            (unsigned long long)conn->max_packet);
    return rh_error_hint(error, "Raise max_allowed_packet, or write less at once");
}

int rh_my_execute(struct rh_conn *conn, MYSQL_STMT *stmt, struct rh_my_params *params,
                  struct rh_error *error)
{
    int rc = rh_my_check(conn, error);

    if (rc)
        return rc;
    if (mysql_stmt_param_count(stmt) != params->n)
        return rh_fail(error, RH_INVALID, "the statement has %lu parameters, and %u were given",
                       mysql_stmt_param_count(stmt), params->n);
    rc = check_size(conn, params, error);
    if (rc)
        return rc;
    if (params->n && mysql_stmt_bind_param(stmt, params->binds))
        return rh_my_fail(conn, stmt, error);
    return mysql_stmt_execute(stmt) ? rh_my_fail(conn, stmt, error) : RH_OK;
}

int rh_my_drop(struct rh_conn *conn, MYSQL_STMT *stmt, struct rh_error *error)
{
    int rc = RH_OK;

    if (mysql_stmt_free_result(stmt))
        rc = rh_my_fail(conn, stmt, error);
    while (!rc && mysql_stmt_more_results(stmt)) { /* of a procedure */
        int next = mysql_stmt_next_result(stmt);
        if (next > 0 || (next == 0 && mysql_stmt_free_result(stmt)))
            rc = rh_my_fail(conn, stmt, error);
        if (next)
            break;
    }
    return rc;
}

int rh_my_run(struct rh_conn *conn, const struct rh_sql *sql, MYSQL_STMT **ret_stmt,
              struct rh_error *error)
{
    MYSQL_STMT *stmt = NULL;
    int rc = rh_sql_check(sql, error);

    if (!rc)
        rc = rh_my_params_load(&conn->params, sql, error);
    if (!rc)
        rc = rh_my_prepare(conn, rh_buf_text(&sql->text), &stmt, error);
    if (!rc)
        rc = rh_my_execute(conn, stmt, &conn->params, error);
    if (!rc && ret_stmt)
        *ret_stmt = stmt;
    return rc;
}
