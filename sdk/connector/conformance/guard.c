/*
 * Memory that ends where the object ends. Objects whose size is no multiple of their alignment
 * cannot do so exactly: texts may, structs and arrays here all are multiples of 8.
 */
#include "connector/conformance/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_LENT 65536u

static enum rh_guard_style style;
static struct {
    void *pages;
    size_t n;
} lent[MAX_LENT];
static size_t n_lent;

/* Readable pages with an unreadable one behind; the object is at their end. Never NULL. */
static void *map(size_t n, bool is_lent)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (n + page - 1) / page * page + page;
    char *pages =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED || n_lent == MAX_LENT) {
        perror("guard");
        abort();
    }
    mprotect(pages + room, page, PROT_NONE);
    if (is_lent) {
        lent[n_lent].pages = pages;
        lent[n_lent++].n = room;
    }
    return pages + room - n;
}

void rh_guard_begin(enum rh_guard_style wanted)
{
    style = wanted;
    n_lent = 0;
}

void rh_guard_end(void)
{
    for (size_t i = 0; i < n_lent; i++)
        if (style == RH_GUARD_FLEETING)
            mprotect(lent[i].pages, lent[i].n, PROT_NONE);
    n_lent = 0;
}

/* ---- Parts ----------------------------------------------------------------------------------- */

static size_t more(void)
{
    return style == RH_GUARD_WIDE ? RH_GUARD_MORE : 0;
}

/* A struct that begins with its size. */
static void *copy_struct(const void *from, size_t n, bool is_lent)
{
    uint32_t size = (uint32_t)(n + more());
    char *to = map(size, is_lent);

    memcpy(to, from, n);
    memcpy(to, &size, sizeof(size));
    return to;
}

static const void *copy_array(const void *from, size_t n, size_t size)
{
    if (n == 0)
        return NULL;
    return memcpy(map(n * size, true), from, n * size);
}

static struct rh_text copy_text(struct rh_text text)
{
    if (text.len)
        text.data = memcpy(map(text.len, true), text.data, text.len);
    return text;
}

static bool has_bytes(const struct rh_value *value)
{
    return value->len && (value->type == RH_TYPE_DECIMAL || value->type == RH_TYPE_TEXT ||
                          value->type == RH_TYPE_BYTES || value->type >= RH_TYPE_INTERVAL);
}

static const struct rh_value *copy_values(const struct rh_value *from, size_t n)
{
    struct rh_value *to = n ? map(n * sizeof(*to), true) : NULL;

    for (size_t i = 0; i < n; i++) {
        to[i] = from[i];
        if (has_bytes(&from[i]))
            to[i].as.data = memcpy(map(from[i].len, true), from[i].as.data, from[i].len);
    }
    return to;
}

/* An array with a stride: wide items have room behind them. */
static const struct rh_column *copy_columns(const struct rh_column *from, uint32_t n,
                                            uint32_t stride, uint32_t *ret_stride)
{
    uint32_t wide = (uint32_t)(sizeof(*from) + more());
    char *to = n ? map((size_t)n * wide, true) : NULL;

    *ret_stride = wide;
    for (uint32_t i = 0; i < n; i++) {
        const void *item = (const char *)from + (size_t)i * stride;
        struct rh_column column;
        memcpy(&column, item, sizeof(column));
        column.name = copy_text(column.name);
        column.native_type = copy_text(column.native_type);
        column.default_text = copy_text(column.default_text);
        column.comment = copy_text(column.comment);
        column.options = copy_array(column.options, column.n_options, sizeof(*column.options));
        memcpy(to + (size_t)i * wide, &column, sizeof(column));
    }
    return (const void *)to;
}

/* ---- Whole structs --------------------------------------------------------------------------- */

const struct rh_op *rh_guard_op(const struct rh_op *op)
{
    struct rh_op copy = *op;

    copy.tenant = copy_text(op->tenant);
    copy.user = copy_text(op->user);
    copy.request_id = copy_text(op->request_id);
    return copy_struct(&copy, sizeof(copy), true);
}

const struct rh_host *rh_guard_host(const struct rh_host *host)
{
    return copy_struct(host, sizeof(*host), false);
}

const struct rh_settings *rh_guard_settings(const struct rh_settings *settings)
{
    struct rh_settings copy = *settings;
    uint32_t wide = (uint32_t)(sizeof(struct rh_setting) + more());
    char *items = settings->n ? map((size_t)settings->n * wide, true) : NULL;

    for (uint32_t i = 0; i < settings->n; i++) {
        struct rh_setting item;
        memcpy(&item, (const char *)settings->items + (size_t)i * settings->stride, sizeof(item));
        item.name = copy_text(item.name);
        item.value = *copy_values(&item.value, 1);
        memcpy(items + (size_t)i * wide, &item, sizeof(item));
    }
    copy.items = (const void *)items;
    copy.stride = wide;
    return copy_struct(&copy, sizeof(copy), true);
}

const struct rh_query *rh_guard_query(const struct rh_query *query)
{
    struct rh_query copy = *query;

    copy.schema = copy_text(query->schema);
    copy.table = copy_text(query->table);
    copy.columns =
        copy_columns(query->columns, query->n_columns, query->column_stride, &copy.column_stride);
    copy.select = copy_array(query->select, query->n_select, sizeof(*query->select));
    copy.conjuncts = copy_array(query->conjuncts, query->n_conjuncts, sizeof(*query->conjuncts));
    copy.nodes = copy_array(query->nodes, query->n_nodes, sizeof(*query->nodes));
    copy.values = copy_values(query->values, query->n_values);
    copy.groups = copy_array(query->groups, query->n_groups, sizeof(*query->groups));
    copy.aggregates =
        copy_array(query->aggregates, query->n_aggregates, sizeof(*query->aggregates));
    copy.having = copy_array(query->having, query->n_having, sizeof(*query->having));
    copy.order = copy_array(query->order, query->n_order, sizeof(*query->order));
    return copy_struct(&copy, sizeof(copy), true);
}

const struct rh_write_spec *rh_guard_spec(const struct rh_write_spec *spec)
{
    struct rh_write_spec copy = *spec;

    copy.schema = copy_text(spec->schema);
    copy.table = copy_text(spec->table);
    copy.columns =
        copy_columns(spec->columns, spec->n_columns, spec->column_stride, &copy.column_stride);
    copy.key = copy_array(spec->key, spec->n_key, sizeof(*spec->key));
    copy.cells = copy_values(spec->cells, spec->n_rows * spec->n_columns);
    copy.where = spec->where ? rh_guard_query(spec->where) : NULL;
    copy.returning = copy_columns(spec->returning, spec->n_returning, spec->returning_stride,
                                  &copy.returning_stride);
    return copy_struct(&copy, sizeof(copy), true);
}

void *rh_guard_room(size_t size)
{
    uint32_t all = (uint32_t)(size + more());
    char *room = map(all, true);

    memcpy(room, &all, sizeof(all));
    return room;
}
