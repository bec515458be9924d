/*
 * What was pushed down and what the host completed.
 *
 * The header (stable; parts in this order, separated by "; "):
 *
 *     pushed=where(2/3),order,limit; completed=filter; scanned=120; returned=20
 *
 *   pushed     what the source did: where(n/m) = n of the m conditions, group, having, distinct,
 *              order, offset, limit; "none"
 *   completed  what the host did: filter, group, having, distinct, sort, offset, limit; "none"
 *   scanned    rows that came from the source;  returned  rows that were answered; both only when
 *              the read has come to its end, and so not before a stream
 *   text-order=source|binary follows when the order has a text key
 *
 * The document is an object with the same facts per condition, the native text, and the time spent
 * in each stage (without the stages before it).
 */
#include "rows/reader.h"

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "host/check.h"
#include "rows/operators.h"

#define MAX_DEPTH 64

static bool is_grouped(const struct rh_query *query)
{
    return query->n_groups + query->n_aggregates > 0;
}

const char *rh_read_text_order(const struct rh_read *read)
{
    const struct rh_query *query = &read->query;

    for (uint32_t i = 0; i < query->n_order; i++) {
        uint32_t column = query->order[i].column;
        uint32_t type =
            is_grouped(query) ? read->bound.outputs[column].type : query->columns[column].type;
        if (type == RH_TYPE_TEXT)
            return read->strategy.native ? "source" : "binary";
    }
    return NULL;
}

/* ---- Header ------------------------------------------------------------------------------ */

struct list {
    struct rh_buf *buf;
    bool json;
    uint32_t n;
};

static void add_item(struct list *list, bool applies, const char *name)
{
    if (!applies)
        return;
    if (list->n++)
        rh_buf_add_char(list->buf, ',');
    if (list->json)
        rh_buf_add_char(list->buf, '"');
    rh_buf_add_str(list->buf, name);
    if (list->json)
        rh_buf_add_char(list->buf, '"');
}

static void list_pushed(const struct rh_read *read, struct list *list)
{
    const struct rh_strategy *s = &read->strategy;
    const struct rh_query *query = &read->query;
    bool limited = query->limit != RH_NO_LIMIT;

    if (s->pushed.n_conjuncts && !list->json) {
        add_item(list, true, "where");
        rh_buf_addf(list->buf, "(%u/%u)", s->pushed.n_conjuncts, query->n_conjuncts);
    } else {
        add_item(list, s->pushed.n_conjuncts > 0, "where");
    }
    add_item(list, is_grouped(query) && !s->group, "group");
    add_item(list, query->n_having && !s->having, "having");
    add_item(list, (query->flags & RH_QUERY_DISTINCT) && !s->distinct, "distinct");
    add_item(list, query->n_order && !s->sort, "order");
    add_item(list, query->offset && !s->offset, "offset");
    add_item(list, limited && !s->limit, "limit");
}

static void list_completed(const struct rh_read *read, struct list *list)
{
    const struct rh_strategy *s = &read->strategy;

    add_item(list, s->n_residual > 0, "filter");
    add_item(list, s->group, "group");
    add_item(list, s->having, "having");
    add_item(list, s->distinct, "distinct");
    add_item(list, s->sort, "sort");
    add_item(list, s->offset, "offset");
    add_item(list, s->limit, "limit");
}

void rh_read_plan_header(const struct rh_read *read, struct rh_buf *buf)
{
    struct list pushed = {.buf = buf}, completed = {.buf = buf};

    rh_buf_add_str(buf, "pushed=");
    list_pushed(read, &pushed);
    rh_buf_add_str(buf, pushed.n ? "; completed=" : "none; completed=");
    list_completed(read, &completed);
    rh_buf_add_str(buf, completed.n ? "" : "none");
    if (read->outcome == RH_END)
        rh_buf_addf(buf, "; scanned=%llu; returned=%llu", (unsigned long long)read->meter.scanned,
                    (unsigned long long)read->meter.returned);
    if (rh_read_text_order(read))
        rh_buf_addf(buf, "; text-order=%s", rh_read_text_order(read));
}

/* ---- Document ---------------------------------------------------------------------------- */

static const char *name_of(uint32_t op)
{
    switch (RH_OP_BASE(op)) {
    case RH_OP_AND:
        return "and";
    case RH_OP_OR:
        return "or";
    case RH_OP_EXISTS:
        return op & RH_OP_NOT ? "none" : "some";
    case RH_OP_SEEK:
        return "after-cursor";
    default:
        return rh_operator_label(op);
    }
}

static void add_condition(struct rh_buf *buf, const struct rh_read *read, uint32_t position,
                          bool having, unsigned depth)
{
    const struct rh_query *query = &read->query;
    const struct rh_node *node = &query->nodes[position];
    uint32_t op = RH_OP_BASE(node->op);

    rh_buf_add_str(buf, "{\"op\":");
    rh_json_add_string(buf, rh_text_of(name_of(node->op)));
    if (node->column != RH_NO_COLUMN) {
        rh_buf_add_str(buf, ",\"column\":");
        rh_json_add_string(buf, having ? read->bound.outputs[node->column].name
                                       : query->columns[node->column].name);
    }
    if ((op == RH_OP_AND || op == RH_OP_OR) && depth < MAX_DEPTH) {
        rh_buf_add_str(buf, ",\"of\":[");
        for (uint32_t i = 0; i < node->n; i++) {
            if (i)
                rh_buf_add_char(buf, ',');
            add_condition(buf, read, node->first + i, having, depth + 1);
            rh_buf_add_char(buf, '}');
        }
        rh_buf_add_char(buf, ']');
    }
}

static void add_conditions(struct rh_buf *buf, const struct rh_read *read)
{
    static const char *const verdicts[] = {"none", "superset", "exact"};
    static const char *const workers[] = {"host", "both", "source"};
    const struct rh_query *query = &read->query;

    rh_buf_add_str(buf, ",\"conditions\":[");
    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        unsigned verdict = read->strategy.verdicts[i];
        if (i)
            rh_buf_add_char(buf, ',');
        add_condition(buf, read, query->conjuncts[i], false, 0);
        rh_buf_addf(buf, ",\"pushed\":\"%s\",\"by\":\"%s\"}", verdicts[verdict], workers[verdict]);
    }
    rh_buf_add_char(buf, ']');
}

static void add_order(struct rh_buf *buf, const struct rh_read *read)
{
    const struct rh_query *query = &read->query;

    if (query->n_order == 0)
        return;
    rh_buf_addf(buf, ",\"order\":{\"by\":\"%s\"", read->strategy.sort ? "host" : "source");
    if (rh_read_text_order(read))
        rh_buf_addf(buf, ",\"text\":\"%s\"", rh_read_text_order(read));
    rh_buf_add_str(buf, ",\"keys\":[");
    for (uint32_t i = 0; i < query->n_order; i++) {
        const struct rh_order *key = &query->order[i];
        rh_buf_add_str(buf, i ? ",{\"column\":" : "{\"column\":");
        rh_json_add_string(buf, is_grouped(query) ? read->bound.outputs[key->column].name
                                                  : query->columns[key->column].name);
        rh_buf_addf(buf, ",\"dir\":\"%s\",\"nulls\":\"%s\"}",
                    key->flags & RH_ORDER_DESC ? "desc" : "asc",
                    key->flags & RH_ORDER_NULLS_FIRST ? "first" : "last");
    }
    rh_buf_add_str(buf, "]}");
}

static void add_stages(struct rh_buf *buf, const struct rh_read *read)
{
    struct rh_stage_facts facts[RH_READ_MAX_STAGES];
    uint32_t n = rh_read_stage_facts(read, facts);

    rh_buf_addf(buf, ",\"plan_ms\":%.3f,\"stages\":[", (double)read->plan_us / 1000);
    while (n--) {
        rh_buf_addf(buf, "{\"stage\":\"%s\",\"rows\":%llu,\"ms\":%.3f}%s", facts[n].name,
                    (unsigned long long)facts[n].n_rows, (double)facts[n].us / 1000, n ? "," : "");
    }
    rh_buf_add_char(buf, ']');
}

/* The text that the connector would execute, where it has one. */
static int add_native(struct rh_buf *buf, const struct rh_read *read, struct rh_error *error)
{
    struct rh_session *session = read->session;
    struct rh_text native = {NULL, 0};
    struct rh_error own = RH_ERROR_INIT;
    int r = session->connector->explain(session->lease.conn, &session->op->abi,
                                        &read->strategy.pushed, &native, &own);

    r = rh_check_outcome(r, "explain", &own);
    if (r == RH_UNSUPPORTED)
        return RH_OK;
    rh_session_note(session, r);
    if (r < 0) {
        *error = own;
        return r;
    }
    if (native.data) {
        rh_buf_add_str(buf, ",\"native\":");
        rh_json_add_string(buf, native);
    }
    return RH_OK;
}

int rh_read_explain(struct rh_read *read, struct rh_buf *buf, struct rh_error *error)
{
    struct list pushed = {.buf = buf, .json = true}, completed = {.buf = buf, .json = true};
    int r;

    rh_buf_add_str(buf, "{\"table\":");
    rh_json_add_string(buf, read->bound.table->name);
    rh_buf_add_str(buf, ",\"pushed\":[");
    list_pushed(read, &pushed);
    rh_buf_add_str(buf, "],\"completed\":[");
    list_completed(read, &completed);
    rh_buf_add_char(buf, ']');
    add_conditions(buf, read);
    add_order(buf, read);
    r = add_native(buf, read, error);
    if (r < 0)
        return r;
    if (read->strategy.est_rows >= 0)
        rh_buf_addf(buf, ",\"estimated_rows\":%lld", (long long)read->strategy.est_rows);
    rh_buf_addf(buf, ",\"scanned\":%llu,\"returned\":%llu", (unsigned long long)read->meter.scanned,
                (unsigned long long)read->meter.returned);
    add_stages(buf, read);
    rh_buf_add_char(buf, '}');
    return buf->failed ? rh_fail_nomem(error) : RH_OK;
}
