/*
 * What is pushed down: conditions as a formula, a limit, and an order that is truly ours.
 *
 * Airtable puts empty cells elsewhere than we do, and texts in an order of its own. What is left are
 * fields that are never empty and have one order: autoNumber, behind which nothing matters, since
 * it is unique, and createdTime.
 */
#include "airtable.h"

#include <string.h>

#define EXPLAIN_BYTES ((size_t)1 << 20)
#define MAX_PAGE 100

static bool is_grouped(const struct rh_query *query)
{
    return query->n_groups || query->n_aggregates;
}

/* How many keys of the order are sent, and how many are thereby done. */
static uint32_t sorted(const struct rh_query *query, uint32_t *ret_done)
{
    uint32_t n = 0;

    *ret_done = 0;
    while (!is_grouped(query) && n < query->n_order) {
        const struct rh_column *column =
            rh_kit_column(query->columns, query->column_stride, query->order[n].column);

        if (column->native_id != RH_AIRTABLE_COUNTER && column->native_id != RH_AIRTABLE_CREATION)
            break;
        *ret_done = ++n;
        if (column->native_id == RH_AIRTABLE_COUNTER) {
            *ret_done = query->n_order;
            break;
        }
    }
    return n;
}

int32_t rh_airtable_plan(struct rh_conn *conn, const struct rh_query *query,
                         struct rh_plan *ret_plan, struct rh_error *error)
{
    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        ret_plan->verdicts[i] = rh_airtable_verdict(query, query->conjuncts[i]);
    sorted(query, &ret_plan->n_order);
    if (!is_grouped(query))
        ret_plan->accepts = RH_ACCEPT_LIMIT;
    return RH_OK;
}

int rh_airtable_check_query(const struct rh_query *query, struct rh_error *error)
{
    uint32_t done;

    sorted(query, &done);
    if (is_grouped(query) || query->n_having || query->offset || query->flags & 0xffffu ||
        done < query->n_order)
        return rh_fail(error, RH_UNSUPPORTED, "Airtable was not asked what it can do");
    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        if (!rh_airtable_verdict(query, query->conjuncts[i]))
            return rh_fail(error, RH_UNSUPPORTED,
                           "Airtable was given a condition that it has not claimed");
    return RH_OK;
}

/* ---- The request --------------------------------------------------------------------------- */

static void add_fields(const struct rh_query *query, struct rh_buf *body)
{
    bool any = false;

    rh_buf_add_str(body, "\"fields\":[");
    for (uint32_t i = 0; i < query->n_select; i++) {
        const struct rh_column *column =
            rh_kit_column(query->columns, query->column_stride, query->select[i]);

        if (column->native_id == RH_AIRTABLE_RECORD || column->native_id == RH_AIRTABLE_TIME)
            continue;
        if (any)
            rh_buf_add_char(body, ',');
        rh_json_add_string(body, column->name);
        any = true;
    }
    rh_buf_add_char(body, ']');
}

static void add_filter(const struct rh_query *query, struct rh_buf *body)
{
    struct rh_buf formula;

    if (!query->n_conjuncts)
        return;
    rh_buf_init(&formula, body->max);
    rh_buf_add_str(&formula, query->n_conjuncts > 1 ? "AND(" : "");
    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        if (i)
            rh_buf_add_char(&formula, ',');
        rh_airtable_add_formula(query, query->conjuncts[i], &formula);
    }
    rh_buf_add_str(&formula, query->n_conjuncts > 1 ? ")" : "");
    rh_buf_add_str(body, ",\"filterByFormula\":");
    rh_json_add_string(body, rh_buf_text(&formula));
    body->failed = body->failed || formula.failed;
    rh_buf_free(&formula);
}

static void add_sort(const struct rh_query *query, struct rh_buf *body)
{
    uint32_t done, n = sorted(query, &done);

    if (!n)
        return;
    rh_buf_add_str(body, ",\"sort\":[");
    for (uint32_t i = 0; i < n; i++) {
        rh_buf_add_str(body, i ? ",{\"field\":" : "{\"field\":");
        rh_json_add_string(
            body,
            rh_kit_column(query->columns, query->column_stride, query->order[i].column)->name);
        rh_buf_addf(body, ",\"direction\":\"%s\"}",
                    query->order[i].flags & RH_ORDER_DESC ? "desc" : "asc");
    }
    rh_buf_add_char(body, ']');
}

void rh_airtable_add_list(const struct rh_query *query, struct rh_buf *body)
{
    uint64_t page = query->limit < MAX_PAGE ? query->limit : MAX_PAGE;

    rh_buf_add_char(body, '{');
    add_fields(query, body);
    add_filter(query, body);
    add_sort(query, body);
    if (query->limit <= INT32_MAX)
        rh_buf_addf(body, ",\"maxRecords\":%llu", (unsigned long long)query->limit);
    rh_buf_addf(body, ",\"pageSize\":%llu", (unsigned long long)(page ? page : 1));
}

int32_t rh_airtable_explain(struct rh_conn *conn, const struct rh_op *op,
                            const struct rh_query *query, struct rh_text *ret_native,
                            struct rh_error *error)
{
    struct rh_buf text;
    char *copy = NULL;
    int rc = rh_airtable_check_query(query, error);

    if (rc)
        return rc;
    rh_buf_init(&text, EXPLAIN_BYTES);
    rh_buf_add_str(&text, "POST ");
    rh_airtable_add_table(conn, query->table, &text);
    rh_buf_add_str(&text, "/listRecords ");
    rh_airtable_add_list(query, &text);
    rh_buf_add_char(&text, '}');
    if (!text.failed)
        copy = conn->host->alloc(op->arena, text.len);
    if (copy) {
        memcpy(copy, text.data, text.len);
        *ret_native = rh_text_make(copy, text.len);
    }
    rh_buf_free(&text);
    return copy ? RH_OK : rh_fail_nomem(error);
}
