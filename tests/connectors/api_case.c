#include "connectors/api_case.h"

#include "base/clock.h"
#include "base/json.h"
#include "connector/civil.h"
#include "host/http/http.h"
#include "host/op.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS 32u

struct rh_library *api_library;
struct rh_arena *api_arena;
struct rh_conn *api_conn;
struct rh_error api_error;
struct rh_write_result api_result;
struct rh_row_status api_statuses[64];

/* ---- Life ---------------------------------------------------------------------------------- */

void api_start(const char *plugin)
{
    const char *folder = getenv("ROWHOUSE_PLUGINS");
    char path[4096];

    api_arena = rh_arena_new(SIZE_MAX);
    api_error = (struct rh_error)RH_ERROR_INIT;
    snprintf(path, sizeof(path), "%s/%s.so", folder ? folder : "plugins", plugin);
    GOOD(rh_library_load(path, &api_library, &api_error));
}

void api_stop(void)
{
    if (api_conn)
        api_library->connector.close(api_conn);
    api_conn = NULL;
    rh_arena_free(api_arena);
}

const struct rh_op *api_op(void)
{
    static struct rh_operation operation;

    api_error = (struct rh_error)RH_ERROR_INIT;
    rh_operation_init(&operation, api_arena, NULL, rh_clock_us() + 300000000);
    return &operation.abi;
}

/* ---- The peer ------------------------------------------------------------------------------ */

static const char *origin_of(const char *url)
{
    const char *host = strstr(url, "://"), *end;

    ck_assert_ptr_nonnull(host);
    end = strchr(host + 3, '/');
    return rh_arena_dup(api_arena, url, end ? (size_t)(end - url) : strlen(url));
}

const char *api_call(const char *method, const char *url, const char *authorization,
                     const char *body)
{
    struct rh_http_options options = {.struct_size = sizeof(options),
                                      .base_url = rh_text_of(origin_of(url))};
    struct rh_http_header headers[] = {
        {RH_TEXT("Content-Type"), RH_TEXT("application/json")},
        {RH_TEXT("Authorization"), rh_text_of(authorization)},
    };
    struct rh_http_request request = {.struct_size = sizeof(request),
                                      .method = rh_text_of(method),
                                      .url = rh_text_of(url),
                                      .headers = headers,
                                      .n_headers = authorization ? 2 : 1,
                                      .body = rh_text_of(body)};
    struct rh_http_answer answer = {.struct_size = sizeof(answer)};
    struct rh_http_exchange *exchange = NULL;
    struct rh_http_client *client = NULL;
    struct rh_error kept = api_error;
    struct rh_text piece;
    struct rh_buf all;
    const char *text;
    int rc;

    rh_buf_init(&all, (size_t)1 << 30);
    rc = rh_http_service.client_new(rh_host_services(), &options, &client, &api_error);
    if (rc == RH_OK)
        rc = rh_http_service.send(client, api_op(), &request, &exchange, &api_error);
    if (rc == RH_OK)
        rc = rh_http_service.answer(exchange, api_op(), &answer, &api_error);
    while (rc == RH_OK && (rc = rh_http_service.read(exchange, api_op(), &piece, &api_error)) == 0)
        rh_buf_add_text(&all, piece);
    ck_assert_msg(rc == RH_END, "%s %s: %s", method, url, api_error.message);
    text = rh_arena_dup(api_arena, rh_buf_text(&all).data, all.len);
    ck_assert_msg(answer.status == 200, "%s %s: %u %s", method, url, answer.status, text);
    rh_http_service.close(exchange);
    rh_http_service.client_free(client);
    rh_buf_free(&all);
    api_error = kept;
    return text;
}

static const char *control(const char *peer, const char *method, const char *what, const char *body)
{
    return api_call(method, rh_arena_printf(api_arena, "%s/control/%s", origin_of(peer), what),
                    NULL, body);
}

void api_faults(const char *peer, const char *json)
{
    control(peer, "POST", "faults", json);
}

void api_set(const char *peer, const char *json)
{
    control(peer, "POST", "set", json);
}

const char *api_log(const char *peer)
{
    return control(peer, "GET", "log", NULL);
}

unsigned api_count(const char *text, const char *word)
{
    unsigned n = 0;

    while ((text = strstr(text, word))) {
        n++;
        text += strlen(word);
    }
    return n;
}

/* ---- The connection ------------------------------------------------------------------------ */

static struct rh_value setting_of(const struct rh_json *value)
{
    struct rh_value setting = rh_kit_text(value->text);

    if (value->kind == RH_JSON_NUMBER) {
        setting = rh_kit_int(0);
        ck_assert(rh_text_to_i64(value->text, &setting.as.i));
    } else if (value->kind == RH_JSON_TRUE || value->kind == RH_JSON_FALSE) {
        setting = (struct rh_value){.type = RH_TYPE_BOOL, .as.i = value->kind == RH_JSON_TRUE};
    } else if (value->kind != RH_JSON_STRING) {
        setting = rh_kit_text(value->source);
        setting.type = RH_TYPE_JSON;
    }
    return setting;
}

int api_connect(const char *text)
{
    struct rh_setting items[16];
    struct rh_settings settings = {
        .struct_size = sizeof(settings), .items = items, .stride = sizeof(items[0])};
    struct rh_json *object = NULL;

    if (api_conn)
        api_library->connector.close(api_conn);
    api_conn = NULL;
    GOOD(rh_json_parse(api_arena, rh_text_of(text), &object, &api_error));
    for (const struct rh_json *m = object->child; m; m = m->next) {
        ck_assert_uint_lt(settings.n, sizeof(items) / sizeof(items[0]));
        items[settings.n++] = (struct rh_setting){m->key, setting_of(m)};
    }
    return api_library->connector.connect(rh_host_services(), api_op(), &settings, &api_conn,
                                          &api_error);
}

const struct rh_table *api_table(const char *name)
{
    struct rh_catalog catalog = {.struct_size = sizeof(catalog)};

    GOOD(api_library->connector.tables(api_conn, api_op(), &catalog, &api_error));
    for (uint32_t i = 0; i < catalog.n_tables; i++)
        if (rh_text_is(catalog.tables[i].name, name))
            return &catalog.tables[i];
    ck_abort_msg("there is no table \"%s\"", name);
}

/* ---- Rows ---------------------------------------------------------------------------------- */

static uint32_t position_of(const struct rh_table *table, struct rh_text name)
{
    for (uint32_t i = 0; i < table->n_columns; i++)
        if (rh_text_equal(table->columns[i].name, name))
            return i;
    ck_abort_msg("there is no column \"%.*s\"", RH_TEXT_ARG(name));
}

static void show(struct rh_buf *shown, const struct rh_value *cell)
{
    char text[RH_CIVIL_MAX];

    switch (cell->type) {
    case RH_TYPE_MISSING:
    case RH_TYPE_NULL:
        rh_buf_add_str(shown, cell->type ? "null" : "missing");
        break;
    case RH_TYPE_BOOL:
        rh_buf_add_str(shown, cell->as.i ? "true" : "false");
        break;
    case RH_TYPE_INT:
        rh_buf_add_i64(shown, cell->as.i);
        break;
    case RH_TYPE_DATE:
        rh_buf_add(shown, text, rh_civil_format_date(text, cell->as.i));
        break;
    case RH_TYPE_TIME:
        rh_buf_add(shown, text, rh_civil_format_time(text, cell->as.i));
        break;
    case RH_TYPE_DATETIME:
        rh_buf_add(shown, text, rh_civil_format_datetime(text, cell->as.i));
        break;
    case RH_TYPE_TIMESTAMP:
        rh_buf_add(shown, text, rh_civil_format_timestamp(text, cell->as.i));
        break;
    case RH_TYPE_FLOAT:
        rh_json_add_f64(shown, cell->as.f);
        break;
    default:
        rh_buf_add_text(shown, rh_kit_value_text(cell));
    }
}

static void show_batch(struct rh_buf *shown, const struct rh_batch *batch)
{
    for (uint64_t r = 0; r < batch->n_rows; r++)
        for (uint32_t c = 0; c < batch->n_cols; c++) {
            rh_buf_add_str(shown, c ? ":" : shown->len ? " " : "");
            show(shown, &batch->cells[r * batch->n_cols + c]);
        }
}

/* What both a query and its plan need. */
struct asked {
    struct rh_query query;
    struct rh_node node;
    struct rh_order order;
    uint32_t conjunct, select[MAX_COLUMNS];
};

static void build(const struct rh_table *table, const char *columns, const struct api_query *query,
                  struct asked *ret)
{
    struct rh_text rest = rh_text_of(columns);
    const struct api_query none = {.op = 0};

    query = query ? query : &none;
    *ret = (struct asked){.query = {.struct_size = sizeof(struct rh_query),
                                    .table = table->name,
                                    .columns = table->columns,
                                    .n_columns = table->n_columns,
                                    .column_stride = table->column_stride,
                                    .limit = query->limit ? query->limit : RH_NO_LIMIT}};
    while (rest.data && rest.len)
        ret->select[ret->query.n_select++] = position_of(table, rh_text_cut(&rest, ','));
    ret->query.select = ret->select;
    if (query->op) {
        ret->node = (struct rh_node){.op = query->op,
                                     .column = position_of(table, rh_text_of(query->column)),
                                     .n = query->n};
        ret->query.nodes = &ret->node;
        ret->query.values = query->values;
        ret->query.n_values = query->n;
        ret->query.conjuncts = &ret->conjunct;
        ret->query.n_nodes = ret->query.n_conjuncts = 1;
    }
    if (query->order) {
        bool falling = query->order[0] == '-';
        ret->order = (struct rh_order){position_of(table, rh_text_of(query->order + falling)),
                                       falling ? RH_ORDER_DESC | RH_ORDER_NULLS_FIRST : 0};
        ret->query.order = &ret->order;
        ret->query.n_order = 1;
    }
}

uint8_t api_verdict(const char *table, const struct api_query *query)
{
    uint8_t verdict = RH_VERDICT_NONE;
    uint32_t needs[MAX_COLUMNS];
    struct rh_plan plan = {
        .struct_size = sizeof(plan), .verdicts = &verdict, .needs = needs, .est_rows = -1};
    struct asked asked;

    build(api_table(table), "", query, &asked);
    GOOD(api_library->connector.plan(api_conn, &asked.query, &plan, &api_error));
    return verdict;
}

const char *api_rows(const char *table, const char *columns, const struct api_query *query)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_cursor *cursor = NULL;
    struct rh_buf shown;
    struct asked asked;
    const char *taken;
    int rc;

    rh_buf_init(&shown, (size_t)1 << 28);
    build(api_table(table), columns, query, &asked);
    rc = api_library->connector.open(api_conn, api_op(), &asked.query, &cursor, &api_error);
    while (rc == RH_OK &&
           (rc = api_library->connector.next(cursor, api_op(), 7, &batch, &api_error)) == RH_OK)
        show_batch(&shown, &batch);
    if (cursor)
        api_library->connector.finish(cursor);
    taken = rh_arena_dup(api_arena, rh_buf_text(&shown).data, shown.len);
    rh_buf_free(&shown);
    return rc == RH_END ? taken : NULL;
}

int api_write(rh_write_fn *fn, const char *table, const char *names, uint32_t n_key,
              const struct rh_value *cells, uint64_t n_rows)
{
    const struct rh_table *described = api_table(table);
    struct rh_column columns[MAX_COLUMNS];
    uint32_t key[] = {0, 1, 2, 3};
    struct rh_text rest = rh_text_of(names);
    struct rh_write_spec spec = {.struct_size = sizeof(spec),
                                 .resolve = fn == api_library->write.upsert ? RH_RESOLVE_MERGE : 0,
                                 .table = described->name,
                                 .columns = columns,
                                 .column_stride = sizeof(columns[0]),
                                 .key = key,
                                 .n_key = n_key,
                                 .n_rows = n_rows,
                                 .cells = cells,
                                 .returning = columns,
                                 .returning_stride = sizeof(columns[0])};

    while (rest.data && rest.len)
        columns[spec.n_columns++] =
            described->columns[position_of(described, rh_text_cut(&rest, ','))];
    spec.n_returning = spec.n_columns;
    memset(api_statuses, 0, sizeof(api_statuses));
    api_result =
        (struct rh_write_result){.struct_size = sizeof(api_result), .statuses = api_statuses};
    return fn(api_conn, api_op(), &spec, &api_result, &api_error);
}

const char *api_returned(void)
{
    struct rh_buf shown;
    const char *taken;

    rh_buf_init(&shown, (size_t)1 << 28);
    show_batch(&shown, &api_result.returned);
    taken = rh_arena_dup(api_arena, rh_buf_text(&shown).data, shown.len);
    rh_buf_free(&shown);
    return taken;
}
