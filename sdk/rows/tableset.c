/*
 * A catalogue, checked and copied.
 *
 * What a connector answers is foreign data: the host's check (host/check.h) comes first, then every
 * part is copied. Refused besides: must-understand flags of a newer ABI.
 *
 * Tables are found through two maps: "schema NUL name" for full names, and the bare name, whose
 * entry is AMBIGUOUS when several schemas have it and none of them is the default one.
 */
#include "rows/tableset.h"

#include "base/err.h"
#include "base/map.h"
#include "base/text.h"
#include "host/check.h"
#include "rows/near.h"

#include <stdatomic.h>
#include <stdlib.h>

#define MAX_BYTES ((size_t)2 << 30)
#define MAX_NAME_BYTES 4096u

/* The table is the first member: a table of a set is the address of its entry. */
struct entry {
    struct rh_table table;
    struct rh_map columns; /* name → position + 1 */
};

struct rh_tableset {
    atomic_uint refs;
    struct rh_arena *arena;
    struct entry *entries;
    const struct rh_table **sorted;
    uint32_t n;
    uint32_t n_made; /* entries whose maps were initialised */
    struct rh_text default_schema;
    struct rh_map by_full;
    struct rh_map by_name;
};

static struct entry ambiguous;

/* ---- Copying ----------------------------------------------------------------------------- */

#define KNOWN_COLUMN_FLAGS                                                                         \
    (RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT | RH_COLUMN_GENERATED | RH_COLUMN_IDENTITY |           \
     RH_COLUMN_BINARY_ORDER | RH_COLUMN_OPAQUE | RH_COLUMN_EXACT_EQUAL | RH_COLUMN_INFERRED)
#define MUST_UNDERSTAND 0xffffu

/* Where copies go. `full` once it did not fit: checked at the end, like a buffer. */
struct copier {
    struct rh_arena *arena;
    bool full;
};

static const void *item_at(const void *items, uint32_t stride, uint32_t position)
{
    return (const char *)items + (size_t)stride * position;
}

static void *copy_room(struct copier *c, uint32_t n, size_t size)
{
    void *room = n ? rh_arena_array(c->arena, n, size) : NULL;
    if (n && !room)
        c->full = true;
    return room;
}

static struct rh_text copy_text(struct copier *c, struct rh_text from)
{
    bool ok = true;
    struct rh_text to = rh_arena_text(c->arena, from, &ok);
    if (!ok)
        c->full = true;
    return to;
}

static const uint32_t *copy_positions(struct copier *c, const uint32_t *from, uint32_t n)
{
    uint32_t *to = copy_room(c, n, sizeof(*to));
    if (to)
        memcpy(to, from, n * sizeof(*to));
    return to;
}

static const struct rh_text *copy_texts(struct copier *c, const struct rh_text *from, uint32_t n)
{
    struct rh_text *to = copy_room(c, n, sizeof(*to));
    for (uint32_t i = 0; to && i < n; i++)
        to[i] = copy_text(c, from[i]);
    return to;
}

static void copy_columns(struct copier *c, const struct rh_table *from, struct entry *entry)
{
    struct rh_column *to = copy_room(c, from->n_columns, sizeof(*to));
    for (uint32_t i = 0; to && i < from->n_columns; i++) {
        const struct rh_column *column = item_at(from->columns, from->column_stride, i);
        to[i] = *column;
        to[i].name = copy_text(c, column->name);
        to[i].native_type = copy_text(c, column->native_type);
        to[i].default_text = copy_text(c, column->default_text);
        to[i].comment = copy_text(c, column->comment);
        to[i].options = copy_texts(c, column->options, column->n_options);
        if (!rh_map_put(&entry->columns, to[i].name, (void *)((uintptr_t)i + 1), NULL))
            c->full = true;
    }
    entry->table.columns = to;
    entry->table.n_columns = to ? from->n_columns : 0;
    entry->table.column_stride = sizeof(*to);
}

static void copy_indexes(struct copier *c, const struct rh_table *from, struct rh_table *table)
{
    struct rh_index *to = copy_room(c, from->n_indexes, sizeof(*to));
    for (uint32_t i = 0; to && i < from->n_indexes; i++) {
        const struct rh_index *index = item_at(from->indexes, from->index_stride, i);
        to[i] = (struct rh_index){
            .name = copy_text(c, index->name),
            .columns = copy_positions(c, index->columns, index->n_columns),
            .n_columns = index->n_columns,
            .flags = index->flags,
        };
    }
    table->indexes = to;
    table->n_indexes = from->n_indexes;
    table->index_stride = sizeof(*to);
}

static void copy_foreign_keys(struct copier *c, const struct rh_table *from, struct rh_table *table)
{
    struct rh_foreign_key *to = copy_room(c, from->n_foreign_keys, sizeof(*to));
    for (uint32_t i = 0; to && i < from->n_foreign_keys; i++) {
        const struct rh_foreign_key *key = item_at(from->foreign_keys, from->foreign_key_stride, i);
        to[i] = (struct rh_foreign_key){
            .name = copy_text(c, key->name),
            .schema = copy_text(c, key->schema),
            .table = copy_text(c, key->table),
            .columns = copy_positions(c, key->columns, key->n_columns),
            .ref_columns = copy_texts(c, key->ref_columns, key->n_columns),
            .n_columns = key->n_columns,
        };
    }
    table->foreign_keys = to;
    table->n_foreign_keys = from->n_foreign_keys;
    table->foreign_key_stride = sizeof(*to);
}

static void copy_table(struct copier *c, const struct rh_table *from, struct entry *entry)
{
    entry->table = (struct rh_table){
        .struct_size = sizeof(entry->table),
        .kind = from->kind,
        .flags = from->flags,
        .schema = copy_text(c, from->schema),
        .name = copy_text(c, from->name),
        .comment = copy_text(c, from->comment),
        .key = copy_positions(c, from->key, from->n_key),
        .n_key = from->n_key,
        .est_rows = from->est_rows,
    };
    copy_columns(c, from, entry);
    copy_indexes(c, from, &entry->table);
    copy_foreign_keys(c, from, &entry->table);
}

/* Flags of a newer ABI that change what a table or column is cannot be passed over. */
static int check_flags(const struct rh_table *table, struct rh_error *error)
{
    bool known = !(table->flags & MUST_UNDERSTAND & ~RH_TABLE_READ_ONLY);
    for (uint32_t i = 0; i < table->n_columns; i++) {
        const struct rh_column *column = item_at(table->columns, table->column_stride, i);
        known = known && !(column->flags & MUST_UNDERSTAND & ~KNOWN_COLUMN_FLAGS);
    }
    struct rh_text shown = rh_near_clip(table->name);
    return known ? 0
                 : rh_fail(error, RH_CONTRACT,
                           "the connector's description of table \"%.*s\": an unknown flag",
                           RH_TEXT_ARG(shown));
}

/* ---- Index by name ----------------------------------------------------------------------- */

/* "schema NUL name": no name contains a NUL, so no two tables share one. */
static struct rh_text full_name(struct rh_arena *arena, struct rh_text schema, struct rh_text name)
{
    size_t len = (size_t)schema.len + 1 + (size_t)name.len;
    char *data = rh_arena_alloc(arena, len);
    if (!data)
        return (struct rh_text){0};
    if (schema.len)
        memcpy(data, schema.data, schema.len);
    memcpy(data + schema.len + 1, name.data, name.len);
    return rh_text_make(data, len);
}

static bool index_table(struct rh_tableset *set, struct entry *entry)
{
    struct rh_text full = full_name(set->arena, entry->table.schema, entry->table.name);
    if (!full.data || !rh_map_put(&set->by_full, full, entry, NULL))
        return false;
    bool is_default = rh_text_equal(entry->table.schema, set->default_schema);
    struct entry *other = rh_map_get(&set->by_name, entry->table.name);
    if (other && other != &ambiguous && rh_text_equal(other->table.schema, set->default_schema))
        return true;
    struct entry *winner = is_default || !other ? entry : &ambiguous;
    return rh_map_put(&set->by_name, entry->table.name, winner, NULL);
}

static int by_schema_and_name(const void *a, const void *b)
{
    const struct rh_table *x = *(const struct rh_table *const *)a;
    const struct rh_table *y = *(const struct rh_table *const *)b;
    int order = rh_text_compare(x->schema, y->schema);
    return order ? order : rh_text_compare(x->name, y->name);
}

static int fill(struct rh_tableset *set, const struct rh_catalog *catalog, struct rh_error *error)
{
    struct copier c = {.arena = set->arena};
    int r = rh_check_catalog(catalog, error);
    if (r)
        return r;
    set->default_schema = copy_text(&c, catalog->default_schema);
    set->entries = copy_room(&c, catalog->n_tables, sizeof(*set->entries));
    set->sorted = copy_room(&c, catalog->n_tables, sizeof(const struct rh_table *));
    for (uint32_t i = 0; !c.full && i < catalog->n_tables; i++) {
        const struct rh_table *table = item_at(catalog->tables, catalog->table_stride, i);
        struct entry *entry = &set->entries[i];
        r = check_flags(table, error);
        if (r)
            return r;
        rh_map_init(&entry->columns);
        set->n_made++;
        copy_table(&c, table, entry);
        if (!index_table(set, entry))
            c.full = true;
        set->sorted[i] = &entry->table;
    }
    if (c.full)
        return rh_fail_nomem(error);
    set->n = catalog->n_tables;
    if (set->n)
        qsort(set->sorted, set->n, sizeof(const struct rh_table *), by_schema_and_name);
    return 0;
}

/* ---- Public ------------------------------------------------------------------------------ */

int rh_tableset_new(const struct rh_catalog *catalog, struct rh_tableset **ret_set,
                    struct rh_error *error)
{
    struct rh_tableset *set = calloc(1, sizeof(*set));
    if (!set)
        return rh_fail_nomem(error);
    atomic_init(&set->refs, 1);
    rh_map_init(&set->by_full);
    rh_map_init(&set->by_name);
    set->arena = rh_arena_new(MAX_BYTES);
    int r = set->arena ? fill(set, catalog, error) : rh_fail_nomem(error);
    if (r) {
        rh_tableset_unref(set);
        return r;
    }
    *ret_set = set;
    return 0;
}

struct rh_tableset *rh_tableset_ref(struct rh_tableset *set)
{
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    return set;
}

void rh_tableset_unref(struct rh_tableset *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < set->n_made; i++)
        rh_map_free(&set->entries[i].columns);
    rh_map_free(&set->by_full);
    rh_map_free(&set->by_name);
    rh_arena_free(set->arena);
    free(set);
}

uint32_t rh_tableset_count(const struct rh_tableset *set)
{
    return set->n;
}

const struct rh_table *rh_tableset_at(const struct rh_tableset *set, uint32_t position)
{
    return position < set->n ? set->sorted[position] : NULL;
}

/* "a.b.c" is table "b.c" in schema "a", else table "c" in schema "a.b". */
static const struct entry *find_qualified(const struct rh_tableset *set, struct rh_text name)
{
    char key[2 * MAX_NAME_BYTES + 1];
    if (name.len > sizeof(key))
        return NULL;
    for (uint64_t dot = 0; dot < name.len; dot++) {
        if (name.data[dot] != '.')
            continue;
        memcpy(key, name.data, name.len);
        key[dot] = 0;
        const struct entry *entry = rh_map_get(&set->by_full, rh_text_make(key, name.len));
        if (entry)
            return entry;
    }
    return NULL;
}

static int no_table(const struct rh_tableset *set, struct rh_text name, bool is_ambiguous,
                    struct rh_error *error)
{
    struct rh_text shown = rh_near_clip(name);
    if (is_ambiguous) {
        rh_fail(error, RH_NOT_FOUND, "table \"%.*s\" exists in more than one schema",
                RH_TEXT_ARG(shown));
        rh_error_hint(error, "name it with its schema: \"schema.%.*s\"", RH_TEXT_ARG(shown));
        return rh_error_code(error, "unknown-table");
    }
    rh_fail(error, RH_NOT_FOUND, "table \"%.*s\" does not exist", RH_TEXT_ARG(shown));
    rh_error_code(error, "unknown-table");
    struct rh_text bare = name;
    for (uint64_t i = 0; i < name.len; i++)
        if (name.data[i] == '.')
            bare = rh_text_make(name.data + i + 1, name.len - i - 1);
    struct rh_near near;
    rh_near_init(&near, bare);
    for (uint32_t i = 0; i < set->n; i++)
        rh_near_add(&near, set->sorted[i]->name);
    return rh_near_hint(&near, NULL, error);
}

int rh_tableset_find(const struct rh_tableset *set, struct rh_text name,
                     const struct rh_table **ret_table, struct rh_error *error)
{
    const struct entry *entry = name.len ? rh_map_get(&set->by_name, name) : NULL;
    if (!entry && name.len)
        entry = find_qualified(set, name);
    if (!entry || entry == &ambiguous)
        return no_table(set, name, entry != NULL, error);
    *ret_table = &entry->table;
    return 0;
}

uint32_t rh_tableset_column(const struct rh_tableset *set, const struct rh_table *table,
                            struct rh_text name)
{
    const struct entry *entry = (const struct entry *)(const void *)table;
    uintptr_t found = (uintptr_t)rh_map_get(&entry->columns, name);
    return found ? (uint32_t)(found - 1) : RH_NO_COLUMN;
}

int rh_tableset_no_column(const struct rh_table *table, struct rh_text name, const char *pointer,
                          struct rh_error *error)
{
    struct rh_text shown = rh_near_clip(name), of = rh_near_clip(table->name);
    rh_fail(error, RH_INVALID, "column \"%.*s\" does not exist in %.*s", RH_TEXT_ARG(shown),
            RH_TEXT_ARG(of));
    rh_error_code(error, "unknown-column");
    if (pointer)
        rh_error_pointer(error, pointer);
    struct rh_near near;
    rh_near_init(&near, name);
    for (uint32_t i = 0; i < table->n_columns; i++)
        rh_near_add(&near, table->columns[i].name);
    return rh_near_hint(&near, NULL, error);
}
