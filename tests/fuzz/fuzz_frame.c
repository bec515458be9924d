/*
 * core/host/isolation/codec.h on any bytes: the first chooses what they are read as. What is taken
 * is read to its end, so that a sanitizer sees every pointer that was made of it.
 */
#include "host/isolation/codec.h"

#include "base/err.h"
#include "host/check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned char sink;

static void touch(const void *data, uint64_t n)
{
    const unsigned char *bytes = data;

    for (uint64_t i = 0; i < n; i++)
        sink ^= bytes[i];
}

static void touch_text(struct rh_text text)
{
    touch(text.data, text.len);
}

static void touch_columns(const struct rh_column *columns, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        touch_text(columns[i].name);
        touch_text(columns[i].comment);
        for (uint32_t j = 0; j < columns[i].n_options; j++)
            touch_text(columns[i].options[j]);
    }
}

/* Cells that pass the host's check are read by everybody. */
static void touch_cells(const struct rh_value *cells, uint64_t n_rows, uint32_t n_cols)
{
    struct rh_batch batch = {sizeof(batch), n_cols, n_rows, cells};
    struct rh_error error = RH_ERROR_INIT;

    if (rh_check_batch(&batch, n_cols, UINT64_MAX, NULL, &error) != RH_OK)
        return;
    for (uint64_t i = 0; i < n_rows * n_cols; i++) {
        if (cells[i].len)
            touch(cells[i].as.data, cells[i].len);
    }
}

static void touch_query(const struct rh_query *query)
{
    touch_columns(query->columns, query->n_columns);
    touch(query->nodes, query->n_nodes * sizeof(*query->nodes));
    touch_cells(query->values, query->n_values, 1);
    for (uint32_t i = 0; i < query->n_semijoins; i++) {
        touch_columns(query->semijoins[i].columns, query->semijoins[i].n_columns);
        touch(query->semijoins[i].inner, query->semijoins[i].n_pairs * sizeof(uint32_t));
    }
}

/* What comes from a connector's process. */
static void read_answer(unsigned kind, struct rh_wire_in *in, struct rh_arena *arena)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_catalog catalog;
    struct rh_row_status statuses[3];
    struct rh_write_result written = {.statuses = statuses};
    struct rh_feed_batch feed;
    struct rh_wire_connector connector;
    struct rh_write write = {0};
    struct rh_native native = {0};
    struct rh_connector proxy = {.write = &write, .native = &native};
    struct rh_query query = {.n_conjuncts = 3, .n_columns = 5};
    uint8_t verdicts[3];
    uint32_t needs[5];
    struct rh_plan plan = {.verdicts = verdicts, .needs = needs};
    int32_t rc;

    switch (kind) {
    case 0:
        if (rh_wire_take_catalog(in, &catalog) && rh_check_catalog(&catalog, &error) == RH_OK) {
            for (uint32_t i = 0; i < catalog.n_tables; i++)
                touch_columns(catalog.tables[i].columns, catalog.tables[i].n_columns);
        }
        break;
    case 1:
        if (rh_wire_take_written(in, &written, 3, arena))
            touch_cells(written.returned.cells, written.returned.n_rows, written.returned.n_cols);
        break;
    case 2:
        if (rh_wire_take_feed_batch(in, &feed)) {
            touch_text(feed.token);
            touch_cells(feed.rows.cells, feed.rows.n_rows, feed.rows.n_cols);
            touch(feed.kinds, feed.rows.n_rows * sizeof(*feed.kinds));
        }
        break;
    case 3:
        if (rh_wire_take_connector(in, &proxy, &connector)) {
            touch_text(connector.connector.config_schema);
            touch(connector.connector.operators,
                  connector.connector.n_operators * sizeof(struct rh_operator));
        }
        break;
    case 4:
        rh_wire_take_plan(in, &plan, &query);
        break;
    default:
        if (rh_wire_take_outcome(in, &rc, &error) && strlen(error.message) >= sizeof(error.message))
            abort();
    }
}

/* What comes from the host. */
static void read_question(unsigned kind, struct rh_wire_in *in, struct rh_arena *arena)
{
    const struct rh_write_spec *write;
    const struct rh_ddl_change *changes;
    const struct rh_settings *settings;
    const struct rh_query *query;
    const struct rh_op *op;
    struct rh_wire_boot boot;
    bool flag;
    uint32_t n;

    switch (kind) {
    case 0:
        if ((query = rh_wire_take_query(in)))
            touch_query(query);
        break;
    case 1:
        if ((write = rh_wire_take_write(in, &flag))) {
            touch_cells(write->cells, write->n_rows, write->n_columns);
            touch_columns(write->returning, write->n_returning);
            if (write->where)
                touch_query(write->where);
        }
        break;
    case 2:
        changes = rh_wire_take_changes(in, &n);
        for (uint32_t i = 0; changes && i < n; i++) {
            touch_text(changes[i].new_name);
            if (changes[i].table)
                touch_columns(changes[i].table->columns, changes[i].table->n_columns);
        }
        break;
    case 3:
        settings = rh_wire_take_settings(in);
        for (uint32_t i = 0; settings && i < settings->n; i++)
            touch_text(settings->items[i].name);
        break;
    case 4:
        if (rh_wire_take_boot(in, arena, &boot)) {
            for (uint32_t i = 0; i < boot.sandbox.n_read_paths; i++)
                touch(boot.sandbox.read_paths[i], strlen(boot.sandbox.read_paths[i]));
        }
        break;
    default:
        if ((op = rh_wire_take_op(in, -1, arena, &flag)))
            touch_text(op->tenant);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_wire_header header = {0};
    struct rh_arena *arena;
    struct rh_wire_in in;
    char *payload;

    if (size < 4)
        return 0;
    header.n_fixed = (uint32_t)((data[1] | (unsigned)data[2] << 8) * 8u);
    if (header.n_fixed > size - 4)
        return 0;
    header.n_bytes = (uint32_t)(size - 4 - header.n_fixed);
    payload = malloc(size - 4 ? size - 4 : 1);
    arena = rh_arena_new((size_t)16 << 20);
    if (payload && arena) {
        memcpy(payload, data + 4, size - 4);
        rh_wire_in_init(&in, &header, payload);
        if (data[0] & 0x80)
            read_question(data[0] & 7, &in, arena);
        else
            read_answer(data[0] & 7, &in, arena);
    }
    free(payload);
    rh_arena_free(arena);
    return 0;
}
