/*
 * Writing: by the table's key, all rows of a call or none.
 *
 *   insert   Put     attribute_not_exists(key)
 *   update   Update  attribute_exists(key)
 *   upsert   Update without a condition; where rows that exist are left, as insert
 *   delete   Delete  attribute_exists(key)
 *
 * One row is one action of its own; more are one transaction (TransactWriteItems), up to 100. BatchWriteItem
 * takes no conditions, so it can do none of these. A transaction is refused as a whole when the condition
 * of one row fails; for all but insert such a row is one that is not affected: it is left out, and the
 * others are sent again. Each transaction has a token, by which DynamoDB knows one that it has done.
 *
 * A column that is set to MISSING: update removes the attribute, upsert leaves it.
 */
#include "dynamodb.h"

#include "base/rand.h"

#include <string.h>

#define ATTEMPTS 8u

enum verb { INSERT, UPDATE, REMOVE, MERGE, IGNORE };

/* A row of the input, and what becomes of it. */
struct row {
    const struct rh_value *cells;
    struct rh_text key;    /* {"id":{"N":"1"}} */
    struct rh_text action; /* the parameters of the action, without its '}' */
    struct rh_text item;   /* as it will be stored, where that is known */
    bool puts;             /* it is a Put */
    bool due;              /* it is to be sent; afterwards: it was written */
};

struct write {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    struct rh_write_result *result;
    struct rh_error *error;
    struct rh_arena *arena;
    const struct rh_dynamodb_schema *schema;
    enum verb verb;
    uint32_t hash, range; /* positions in the columns; NONE */
    struct row *rows;
};

static const struct rh_column *column_of(const struct write *w, uint32_t i)
{
    return rh_kit_column(w->spec->columns, w->spec->column_stride, i);
}

static int fail_row(struct write *w, const struct row *row, int error_class, const char *message)
{
    int rc = rh_fail(w->error, error_class, "%s", message);

    if (w->error)
        w->error->row = (uint64_t)(row - w->rows);
    return rc;
}

/* ---- Preparing ----------------------------------------------------------------------------- */

static bool is_in_key(const struct write *w, uint32_t column)
{
    return column == w->hash || column == w->range;
}

static int find_key(struct write *w)
{
    const struct rh_write_spec *spec = w->spec;

    w->hash = w->range = RH_DYNAMODB_NONE;
    for (uint32_t i = 0; i < spec->n_columns; i++) {
        struct rh_text name = column_of(w, i)->name;
        bool hash = rh_text_equal(name, w->schema->hash);
        bool range = w->schema->range.len && rh_text_equal(name, w->schema->range);

        if ((hash && w->hash != RH_DYNAMODB_NONE) || (range && w->range != RH_DYNAMODB_NONE))
            return rh_fail(w->error, RH_UNSUPPORTED, "the key of an item cannot be changed");
        if (hash)
            w->hash = i;
        if (range)
            w->range = i;
    }
    if (w->hash == RH_DYNAMODB_NONE || (w->schema->range.len && w->range == RH_DYNAMODB_NONE))
        return rh_fail(w->error, w->verb == INSERT ? RH_INVALID : RH_UNSUPPORTED,
                       "DynamoDB writes items by their whole key only");
    if (w->verb == INSERT)
        return RH_OK;
    for (uint32_t i = 0; i < spec->n_key; i++)
        if (!is_in_key(w, spec->key[i]))
            return rh_fail(w->error, RH_UNSUPPORTED,
                           "DynamoDB writes by its own key only, not by \"%.*s\"",
                           RH_TEXT_ARG(column_of(w, spec->key[i])->name));
    return spec->n_key == (w->range == RH_DYNAMODB_NONE ? 1u : 2u)
               ? RH_OK
               : rh_fail(w->error, RH_UNSUPPORTED, "DynamoDB writes items by their whole key only");
}

static int check(struct write *w)
{
    if (w->spec->where)
        return rh_fail(w->error, RH_UNSUPPORTED, "DynamoDB writes by key only, not by a condition");
    if (w->op->flags & RH_OP_READ_ONLY)
        return rh_fail(w->error, RH_PERMISSION, "nothing may be written in a read-only operation");
    if (w->spec->n_rows > RH_DYNAMODB_KEYS_PER_REQUEST)
        return rh_fail(w->error, RH_RESOURCE, "DynamoDB writes at most %u items at once",
                       RH_DYNAMODB_KEYS_PER_REQUEST);
    return rh_dynamodb_begin(w->conn, w->op, w->error);
}

/* ---- Actions ------------------------------------------------------------------------------- */

static int add_member(struct write *w, struct rh_buf *to, uint32_t column,
                      const struct rh_value *value)
{
    if (to->data && to->len && to->data[to->len - 1] != '{')
        rh_buf_add_char(to, ',');
    rh_json_add_string(to, column_of(w, column)->name);
    rh_buf_add_char(to, ':');
    return rh_dynamodb_add_value(to, value, column_of(w, column)->native_id, w->error);
}

static int check_key_value(struct write *w, const struct row *row, uint32_t column, uint32_t types)
{
    const struct rh_value *value = &row->cells[column];

    if (rh_kit_is_null(value)) {
        fail_row(w, row, RH_CONSTRAINT, "a part of the item's key is missing");
        if (w->error)
            w->error->constraint = RH_CONSTRAINT_NOT_NULL;
        return RH_CONSTRAINT;
    }
    return rh_dynamodb_is_key_value(value, types, column == w->range)
               ? RH_OK
               : fail_row(w, row, RH_DATA,
                          "a part of the item's key is empty, too long, or of another type");
}

static int make_key(struct write *w, struct row *row, struct rh_buf *text)
{
    bool ok = true;
    int rc = check_key_value(w, row, w->hash, w->schema->hash_types);

    if (rc == RH_OK && w->range != RH_DYNAMODB_NONE)
        rc = check_key_value(w, row, w->range, w->schema->range_types);
    rh_buf_clear(text);
    rh_buf_add_char(text, '{');
    if (rc == RH_OK)
        rc = add_member(w, text, w->hash, &row->cells[w->hash]);
    if (rc == RH_OK && w->range != RH_DYNAMODB_NONE)
        rc = add_member(w, text, w->range, &row->cells[w->range]);
    rh_buf_add_char(text, '}');
    row->key = rh_arena_text(w->arena, rh_buf_text(text), &ok);
    return rc ? rc : ok && !text->failed ? RH_OK : rh_fail_nomem(w->error);
}

static int make_item(struct write *w, struct row *row, struct rh_buf *text)
{
    bool ok = true;
    int rc = RH_OK;

    rh_buf_clear(text);
    rh_buf_add_char(text, '{');
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++)
        if (row->cells[i].type != RH_TYPE_MISSING)
            rc = add_member(w, text, i, &row->cells[i]);
    rh_buf_add_char(text, '}');
    row->item = rh_arena_text(w->arena, rh_buf_text(text), &ok);
    return rc ? rc : ok && !text->failed ? RH_OK : rh_fail_nomem(w->error);
}

/* "SET #1=:1,#2=:2 REMOVE #3", with its names and values. */
static int add_update(struct write *w, const struct row *row, struct rh_buf *text)
{
    uint32_t n_set = 0, n_removed = 0;
    int rc = RH_OK;

    rh_buf_add_str(text, ",\"UpdateExpression\":\"");
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (!is_in_key(w, i) && row->cells[i].type != RH_TYPE_MISSING)
            rh_buf_addf(text, "%s#%u=:%u", n_set++ ? "," : "SET ", i, i);
    for (uint32_t i = 0; i < w->spec->n_columns && w->verb == UPDATE; i++)
        if (!is_in_key(w, i) && row->cells[i].type == RH_TYPE_MISSING)
            rh_buf_addf(text, "%s#%u", n_removed++ ? "," : " REMOVE ", i);
    rh_buf_add_char(text, '"');
    for (uint32_t i = 0, n = 0; i < w->spec->n_columns && n_set && rc == RH_OK; i++) {
        if (is_in_key(w, i) || row->cells[i].type == RH_TYPE_MISSING)
            continue;
        rh_buf_add_str(text, n++ ? "," : ",\"ExpressionAttributeValues\":{");
        rh_buf_addf(text, "\":%u\":", i);
        rc = rh_dynamodb_add_value(text, &row->cells[i], column_of(w, i)->native_id, w->error);
    }
    rh_buf_add_str(text, n_set ? "}" : "");
    return rc;
}

static void add_names(const struct write *w, const struct row *row, bool update, bool condition,
                      struct rh_buf *text)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->spec->n_columns; i++) {
        bool used = update && !is_in_key(w, i) &&
                    (w->verb == UPDATE || row->cells[i].type != RH_TYPE_MISSING);

        if (!used && !(condition && i == w->hash))
            continue;
        rh_buf_addf(text, "%s\"#%u\":", n++ ? "," : ",\"ExpressionAttributeNames\":{", i);
        rh_json_add_string(text, column_of(w, i)->name);
    }
    rh_buf_add_str(text, n ? "}" : "");
}

static bool sets_any(const struct write *w, const struct row *row)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (!is_in_key(w, i) && (w->verb == UPDATE || row->cells[i].type != RH_TYPE_MISSING))
            return true;
    return false;
}

static int make_action(struct write *w, struct row *row, struct rh_buf *text)
{
    bool update, ok = true;
    int rc = RH_OK;

    row->puts = w->verb == INSERT || w->verb == IGNORE || (w->verb == MERGE && !sets_any(w, row));
    update = !row->puts && w->verb != REMOVE;
    if (w->verb == UPDATE && !sets_any(w, row))
        return fail_row(w, row, RH_INVALID, "there is nothing to set");
    if (row->puts)
        rc = make_item(w, row, text);
    rh_buf_clear(text);
    rh_buf_add_str(text, "{\"TableName\":");
    rh_json_add_string(text, w->spec->table);
    rh_buf_add_str(text, row->puts ? ",\"Item\":" : ",\"Key\":");
    rh_buf_add_text(text, row->puts ? row->item : row->key);
    if (update && rc == RH_OK)
        rc = add_update(w, row, text);
    if (w->verb != MERGE || row->puts)
        rh_buf_addf(text, ",\"ConditionExpression\":\"attribute_%sexists(#%u)\"",
                    row->puts ? "not_" : "", w->hash);
    add_names(w, row, update, w->verb != MERGE || row->puts, text);
    row->action = rh_arena_text(w->arena, rh_buf_text(text), &ok);
    return rc ? rc : ok && !text->failed ? RH_OK : rh_fail_nomem(w->error);
}

/* A transaction may have an item only once. */
static int take_twice(struct write *w, struct row *row)
{
    row->due = false;
    if (w->verb == INSERT) {
        fail_row(w, row, RH_CONSTRAINT, "there is an item with this key already, in the same call");
        if (w->error)
            w->error->constraint = RH_CONSTRAINT_UNIQUE;
        return RH_CONSTRAINT;
    }
    return w->verb == REMOVE || w->verb == IGNORE
               ? RH_OK
               : fail_row(w, row, RH_INVALID, "the same item is written twice in one call");
}

static int prepare(struct write *w)
{
    struct rh_map seen;
    struct rh_buf text;
    int rc = RH_OK;

    rh_map_init(&seen);
    rh_buf_init(&text, RH_DYNAMODB_BODY_BYTES);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        struct row *row = &w->rows[i];

        *row = (struct row){.cells = w->spec->cells + i * w->spec->n_columns, .due = true};
        rc = make_key(w, row, &text);
        if (rc == RH_OK && rh_map_get(&seen, row->key))
            rc = take_twice(w, row);
        else if (rc == RH_OK)
            rc = rh_map_put(&seen, row->key, row, NULL) ? make_action(w, row, &text)
                                                        : rh_fail_nomem(w->error);
        if (rc && w->error && w->error->row == RH_NO_ROW)
            w->error->row = i;
    }
    rh_buf_free(&text);
    rh_map_free(&seen);
    return rc;
}

/* ---- Sending ------------------------------------------------------------------------------- */

static const char *verb_of(const struct write *w, const struct row *row)
{
    return row->puts ? "Put" : w->verb == REMOVE ? "Delete" : "Update";
}

/* Nothing tells what became of a request whose answer was lost. */
static int as_unknown(struct write *w, int rc)
{
    return rh_http_as_unknown(rc, "the items were", w->error);
}

static int fail_exists(struct write *w, const struct row *row)
{
    rh_error_clear(w->error);
    fail_row(w, row, RH_CONSTRAINT, "there is an item with this key already");
    if (w->error)
        w->error->constraint = RH_CONSTRAINT_UNIQUE;
    return RH_CONSTRAINT;
}

/* The condition of a row failed. */
static int take_failed(struct write *w, struct row *row)
{
    if (w->verb == INSERT)
        return fail_exists(w, row);
    row->due = false;
    rh_error_clear(w->error);
    return RH_OK;
}

static int send_one(struct write *w, struct row *row)
{
    struct rh_json *answer = NULL;
    struct rh_buf body;
    char action[16];
    size_t n = strlen(verb_of(w, row));
    int rc;

    memcpy(action, verb_of(w, row), n);
    memcpy(action + n, "Item", sizeof("Item"));
    rh_buf_init(&body, RH_DYNAMODB_BODY_BYTES);
    rh_buf_add_text(&body, row->action);
    rh_buf_add_char(&body, '}');
    rc = body.failed ? rh_fail_nomem(w->error)
                     : rh_dynamodb_call(w->conn, w->op, action, rh_buf_text(&body), false,
                                        "cannot write the item", w->arena, &answer, w->error);
    rh_buf_free(&body);
    if (rc == RH_CONSTRAINT)
        return take_failed(w, row);
    return as_unknown(w, rc);
}

static uint32_t write_transaction(struct write *w, struct rh_buf *body)
{
    uint32_t n = 0;

    rh_buf_clear(body);
    rh_buf_addf(body, "{\"ClientRequestToken\":\"%016llx%016llx\",\"TransactItems\":[",
                (unsigned long long)rh_rand_u64(), (unsigned long long)rh_rand_u64());
    for (uint64_t i = 0; i < w->spec->n_rows; i++) {
        if (!w->rows[i].due)
            continue;
        rh_buf_addf(body, "%s{\"%s\":", n++ ? "," : "", verb_of(w, &w->rows[i]));
        rh_buf_add_text(body, w->rows[i].action);
        rh_buf_add_str(body, "}}");
    }
    rh_buf_add_str(body, "]}");
    return n;
}

static struct rh_text code_of(const struct rh_json *reason)
{
    const struct rh_json *code = rh_json_member(reason, "Code");

    return code && code->kind == RH_JSON_STRING ? code->text : rh_text_make(NULL, 0);
}

static int take_reason(struct write *w, struct row *row, const struct rh_json *reason,
                       bool *ret_again)
{
    const struct rh_json *message = rh_json_member(reason, "Message");
    struct rh_text code = code_of(reason);
    int error_class = RH_INVALID;

    if (!code.data || rh_text_is(code, "None"))
        return RH_OK;
    *ret_again = true;
    if (rh_text_is(code, "ConditionalCheckFailed"))
        return take_failed(w, row);
    if (rh_text_is(code, "TransactionConflict"))
        error_class = RH_CONFLICT;
    else if (rh_text_is(code, "ThrottlingError") ||
             rh_text_is(code, "ProvisionedThroughputExceeded"))
        error_class = RH_RATE_LIMITED;
    else if (rh_text_is(code, "ItemCollectionSizeLimitExceeded"))
        error_class = RH_RESOURCE;
    rh_error_clear(w->error);
    rh_fail(w->error, error_class, "cannot write the item: %.*s",
            RH_TEXT_ARG(message && message->kind == RH_JSON_STRING ? message->text : code));
    if (!w->error)
        return error_class;
    w->error->row = (uint64_t)(row - w->rows);
    w->error->retry = error_class == RH_CONFLICT || error_class == RH_RATE_LIMITED ? RH_RETRY_SAFE
                                                                                   : RH_RETRY_NEVER;
    return error_class;
}

/* Why a transaction was refused: a reason for each of its rows. RH_OK: it is worth another attempt. */
static int take_reasons(struct write *w, const struct rh_json *answer, int rc)
{
    const struct rh_json *reasons = rh_json_member(answer, "CancellationReasons"), *reason;
    bool again = false;
    int outcome = RH_OK;

    if (rc != RH_CONFLICT || !reasons || reasons->kind != RH_JSON_ARRAY)
        return rc;
    reason = reasons->child;
    for (uint64_t i = 0; i < w->spec->n_rows && reason && outcome == RH_OK; i++) {
        if (!w->rows[i].due)
            continue;
        outcome = take_reason(w, &w->rows[i], reason, &again);
        reason = reason->next;
    }
    return again ? outcome : rc;
}

static int send_all(struct write *w)
{
    struct rh_json *answer = NULL;
    struct rh_buf body;
    int rc = RH_CONFLICT;

    rh_buf_init(&body, RH_DYNAMODB_BODY_BYTES);
    for (uint32_t attempt = 1; attempt <= ATTEMPTS; attempt++) {
        if (!write_transaction(w, &body)) {
            rc = RH_OK;
            break;
        }
        rc = body.failed
                 ? rh_fail(w->error, RH_RESOURCE, "the items are too large for one call")
                 : rh_dynamodb_call(w->conn, w->op, "TransactWriteItems", rh_buf_text(&body), true,
                                    "cannot write the items", w->arena, &answer, w->error);
        if (rc == RH_OK)
            break;
        rc = take_reasons(w, answer, as_unknown(w, rc));
        if (rc != RH_OK && rc != RH_CONFLICT && rc != RH_RATE_LIMITED)
            break;
        if (attempt == ATTEMPTS)
            rc = rc ? rc : rh_fail(w->error, RH_CONFLICT, "others change the same items");
        else if (rc == RH_OK || (rc = rh_dynamodb_back_off(w->conn, w->op, attempt, NULL)) == RH_OK)
            rh_error_clear(w->error);
        if (rc)
            break;
    }
    rh_buf_free(&body);
    return rc == RH_OK || !w->error || w->error->error_class
               ? rc
               : rh_fail(w->error, rc, "cannot write");
}

/* ---- Returning ----------------------------------------------------------------------------- */

/* The items as they are stored now, in one view of the table; rows without one stay as they are. */
static int read_items(struct write *w)
{
    const struct rh_json *responses, *response;
    struct rh_json *answer = NULL;
    struct rh_buf body;
    uint32_t n = 0;
    int rc = RH_OK;

    rh_buf_init(&body, RH_DYNAMODB_BODY_BYTES);
    rh_buf_add_str(&body, "{\"TransactItems\":[");
    for (uint64_t i = 0; i < w->spec->n_rows; i++) {
        if (!w->rows[i].due)
            continue;
        rh_buf_add_str(&body, n++ ? ",{\"Get\":{\"TableName\":" : "{\"Get\":{\"TableName\":");
        rh_json_add_string(&body, w->spec->table);
        rh_buf_add_str(&body, ",\"Key\":");
        rh_buf_add_text(&body, w->rows[i].key);
        rh_buf_add_str(&body, "}}");
    }
    rh_buf_add_str(&body, "]}");
    if (body.failed)
        rc = rh_fail_nomem(w->error);
    else if (n)
        rc = rh_dynamodb_call(w->conn, w->op, "TransactGetItems", rh_buf_text(&body), true,
                              "cannot read the items to return", w->arena, &answer, w->error);
    rh_buf_free(&body);
    responses = rh_json_member(answer, "Responses");
    response = responses && responses->kind == RH_JSON_ARRAY ? responses->child : NULL;
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        const struct rh_json *item = rh_json_member(response, "Item");

        if (!w->rows[i].due)
            continue;
        if (!response)
            return rh_fail(w->error, RH_PROTOCOL, "the server returned fewer items than asked for");
        if (item)
            w->rows[i].item = item->source;
        response = response->next;
    }
    return rc;
}

static bool returns_key_alone(const struct write *w)
{
    for (uint32_t i = 0; i < w->spec->n_returning; i++) {
        struct rh_text name = rh_kit_column(w->spec->returning, w->spec->returning_stride, i)->name;

        if (!rh_text_equal(name, w->schema->hash) && !rh_text_equal(name, w->schema->range))
            return false;
    }
    return true;
}

static int return_rows(struct write *w)
{
    struct rh_rowset *returned = &w->conn->returned;
    int rc = RH_OK;

    rh_rowset_fini(returned);
    rh_rowset_init(returned, w->spec->n_returning, SIZE_MAX);
    rh_rowset_clear(returned, w->spec->n_rows);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        const struct row *row = &w->rows[i];
        struct rh_json *item = NULL;

        if (!row->due)
            continue;
        rc = rh_json_parse(w->arena, row->item.len ? row->item : row->key, &item, w->error);
        if (rc == RH_OK)
            rc = rh_dynamodb_add_row(returned, w->spec->returning, w->spec->n_returning,
                                     w->spec->returning_stride, item, w->error);
    }
    if (rc == RH_OK)
        rc = rh_rowset_batch(returned, &w->result->returned, w->error);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- The group ----------------------------------------------------------------------------- */

static int write_rows(struct write *w)
{
    bool read = w->spec->n_returning && !returns_key_alone(w);
    int rc = prepare(w);

    if (rc == RH_OK && read && w->verb == REMOVE)
        rc = read_items(w);
    if (rc == RH_OK && w->spec->n_rows)
        rc = w->spec->n_rows == 1 ? send_one(w, &w->rows[0]) : send_all(w);
    for (uint64_t i = 0; rc == RH_OK && i < w->spec->n_rows; i++)
        w->result->n_affected += w->rows[i].due;
    if (rc == RH_OK && read && (w->verb == UPDATE || w->verb == MERGE))
        rc = read_items(w);
    return rc == RH_OK && w->spec->n_returning ? return_rows(w) : rc;
}

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum verb verb, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    struct write w = {.conn = conn,
                      .op = op,
                      .spec = spec,
                      .result = ret_result,
                      .error = error ? error : &own,
                      .verb = verb};
    int rc = check(&w);

    ret_result->n_affected = 0;
    if (rc == RH_OK)
        rc = rh_dynamodb_describe(conn, op, spec->table, &w.schema, w.error);
    if (rc == RH_OK)
        rc = find_key(&w);
    if (rc)
        return rc;
    w.arena = rh_arena_new(RH_DYNAMODB_ARENA_BYTES);
    w.rows = w.arena ? rh_arena_array(w.arena, spec->n_rows, sizeof(*w.rows)) : NULL;
    rc = w.rows ? write_rows(&w) : rh_fail_nomem(w.error);
    rh_arena_free(w.arena);
    return rc;
}

RH_KIT_DEFINE_WRITES(run, INSERT, UPDATE, REMOVE)
RH_KIT_DEFINE_UPSERT(run, MERGE, IGNORE)

const struct rh_write rh_dynamodb_write = {
    .struct_size = sizeof(rh_dynamodb_write),
    .atomicity = RH_ATOMIC_ALL,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
    .upsert = upsert,
};
