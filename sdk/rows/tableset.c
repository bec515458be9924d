/*
 * A catalogue, checked and copied.
 *
 * What a connector answers is foreign data: strides may be those of a newer ABI, counts and
 * positions may be wrong. Everything is checked before it is copied, so that the rest of the SDK
 * may index without asking. Refused: names that are empty, not UTF-8 or contain a NUL; unknown
 * types and must-understand flags; positions outside of the table; two columns or two tables with
 * the same name.
 *
 * Tables are found through two maps: "schema NUL name" for full names, and the bare name, whose
 * entry is AMBIGUOUS when several schemas have it and none of them is the default one.
 */
#include "rows/tableset.h"

#include "base/err.h"
#include "base/map.h"
#include "base/text.h"
#include "rows/near.h"

#include <stdatomic.h>
#include <stdlib.h>

#define MAX_BYTES ((size_t)2 << 30)
#define MAX_TABLES 1000000u
#define MAX_COLUMNS 100000u
#define MAX_NAME_BYTES 4096u

/* The table is the first member: a table of a set is the address of its entry. */
struct entry {
    struct rh_table table;
    struct rh_map columns; /* name → position + 1 */
    struct rh_text full;   /* schema NUL name */
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

/* What a copy works with: where to and what to blame. */
struct copier {
    struct rh_arena *arena;
    struct rh_text table; /* for messages */
    struct rh_error *error;
};

static int unsound(struct copier *c, const char *what)
{
    struct rh_text table = rh_near_clip(c->table);
    return rh_fail(c->error, RH_CONTRACT, "the connector's table \"%.*s\" %s", RH_TEXT_ARG(table),
                   what);
}

static int copy_text(struct copier *c, struct rh_text from, struct rh_text *to)
{
    if (from.len && !from.data)
        return unsound(c, "has a text without data");
    if (from.len > UINT32_MAX)
        return unsound(c, "has an overlong text");
    if (!rh_text_is_utf8(from))
        return unsound(c, "has a text that is not UTF-8");
    bool ok = true;
    *to = rh_arena_text(c->arena, from, &ok);
    return ok ? 0 : rh_fail_nomem(c->error);
}

/* A name of a table, column, index or schema (which may be empty). */
static int copy_name(struct copier *c, struct rh_text from, bool may_be_empty, struct rh_text *to)
{
    if (!from.len && !may_be_empty)
        return unsound(c, "has an empty name");
    if (from.len > MAX_NAME_BYTES)
        return unsound(c, "has an overlong name");
    if (from.len && from.data && memchr(from.data, 0, from.len))
        return unsound(c, "has a name with a NUL character");
    return copy_text(c, from, to);
}

/* Checks an array that crosses with a stride. */
static int check_array(struct copier *c, const void *items, uint32_t n, uint32_t stride,
                       size_t item_size)
{
    if (n && (!items || stride < item_size || stride % 8))
        return unsound(c, "has an array with a wrong stride or without data");
    return 0;
}

static const void *item_at(const void *items, uint32_t stride, uint32_t position)
{
    return (const char *)items + (size_t)stride * position;
}

static int copy_positions(struct copier *c, const uint32_t *from, uint32_t n, uint32_t n_columns,
                          const uint32_t **to)
{
    if (!n) {
        *to = NULL;
        return 0;
    }
    if (!from || n > n_columns)
        return unsound(c, "has a key or index with wrong columns");
    uint32_t *copy = rh_arena_array(c->arena, n, sizeof(*copy));
    if (!copy)
        return rh_fail_nomem(c->error);
    for (uint32_t i = 0; i < n; i++) {
        if (from[i] >= n_columns)
            return unsound(c, "has a key or index with a column that does not exist");
        copy[i] = from[i];
    }
    *to = copy;
    return 0;
}

static int copy_texts(struct copier *c, const struct rh_text *from, uint32_t n,
                      const struct rh_text **to)
{
    if (!n) {
        *to = NULL;
        return 0;
    }
    if (!from)
        return unsound(c, "has a list of texts without data");
    struct rh_text *copy = rh_arena_array(c->arena, n, sizeof(*copy));
    if (!copy)
        return rh_fail_nomem(c->error);
    for (uint32_t i = 0; i < n; i++) {
        int r = copy_text(c, from[i], &copy[i]);
        if (r)
            return r;
    }
    *to = copy;
    return 0;
}

#define KNOWN_COLUMN_FLAGS                                                                         \
    (RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT | RH_COLUMN_GENERATED | RH_COLUMN_IDENTITY |           \
     RH_COLUMN_BINARY_ORDER | RH_COLUMN_OPAQUE | RH_COLUMN_EXACT_EQUAL | RH_COLUMN_INFERRED)

static int copy_column(struct copier *c, const struct rh_column *from, struct rh_column *to)
{
    if (from->type <= RH_TYPE_NULL || from->type >= RH_N_TYPES)
        return unsound(c, "has a column of an unknown type");
    if (from->flags & 0xffffu & ~KNOWN_COLUMN_FLAGS)
        return unsound(c, "has a column with an unknown flag");
    if (from->reserved)
        return unsound(c, "has a column with a reserved field that is not zero");
    *to = *from;
    int r = copy_name(c, from->name, false, &to->name);
    if (!r)
        r = copy_text(c, from->native_type, &to->native_type);
    if (!r)
        r = copy_text(c, from->default_text, &to->default_text);
    if (!r)
        r = copy_text(c, from->comment, &to->comment);
    if (!r)
        r = copy_texts(c, from->options, from->n_options, &to->options);
    return r;
}

static int copy_columns(struct copier *c, const struct rh_table *from, struct entry *to)
{
    if (from->n_columns > MAX_COLUMNS)
        return unsound(c, "has too many columns");
    int r =
        check_array(c, from->columns, from->n_columns, from->column_stride, sizeof(*from->columns));
    if (r)
        return r;
    struct rh_column *copy = rh_arena_array(c->arena, from->n_columns, sizeof(*copy));
    if (!copy)
        return rh_fail_nomem(c->error);
    for (uint32_t i = 0; i < from->n_columns; i++) {
        r = copy_column(c, item_at(from->columns, from->column_stride, i), &copy[i]);
        if (r)
            return r;
        void *old = NULL;
        if (!rh_map_put(&to->columns, copy[i].name, (void *)((uintptr_t)i + 1), &old))
            return rh_fail_nomem(c->error);
        if (old)
            return unsound(c, "has two columns with the same name");
    }
    to->table.columns = copy;
    to->table.n_columns = from->n_columns;
    to->table.column_stride = sizeof(*copy);
    return 0;
}

static int copy_indexes(struct copier *c, const struct rh_table *from, struct rh_table *to)
{
    int r =
        check_array(c, from->indexes, from->n_indexes, from->index_stride, sizeof(*from->indexes));
    if (r)
        return r;
    struct rh_index *copy = rh_arena_array(c->arena, from->n_indexes, sizeof(*copy));
    if (!copy)
        return rh_fail_nomem(c->error);
    for (uint32_t i = 0; i < from->n_indexes; i++) {
        const struct rh_index *index = item_at(from->indexes, from->index_stride, i);
        copy[i].flags = index->flags;
        copy[i].n_columns = index->n_columns;
        r = copy_name(c, index->name, true, &copy[i].name);
        if (!r)
            r = copy_positions(c, index->columns, index->n_columns, to->n_columns,
                               &copy[i].columns);
        if (r)
            return r;
    }
    to->indexes = copy;
    to->n_indexes = from->n_indexes;
    to->index_stride = sizeof(*copy);
    return 0;
}

static int copy_foreign_keys(struct copier *c, const struct rh_table *from, struct rh_table *to)
{
    int r = check_array(c, from->foreign_keys, from->n_foreign_keys, from->foreign_key_stride,
                        sizeof(*from->foreign_keys));
    if (r)
        return r;
    struct rh_foreign_key *copy = rh_arena_array(c->arena, from->n_foreign_keys, sizeof(*copy));
    if (!copy)
        return rh_fail_nomem(c->error);
    for (uint32_t i = 0; i < from->n_foreign_keys; i++) {
        const struct rh_foreign_key *key = item_at(from->foreign_keys, from->foreign_key_stride, i);
        copy[i].n_columns = key->n_columns;
        r = copy_name(c, key->name, true, &copy[i].name);
        if (!r)
            r = copy_name(c, key->schema, true, &copy[i].schema);
        if (!r)
            r = copy_name(c, key->table, false, &copy[i].table);
        if (!r)
            r = copy_positions(c, key->columns, key->n_columns, to->n_columns, &copy[i].columns);
        if (!r)
            r = copy_texts(c, key->ref_columns, key->n_columns, &copy[i].ref_columns);
        if (r)
            return r;
    }
    to->foreign_keys = copy;
    to->n_foreign_keys = from->n_foreign_keys;
    to->foreign_key_stride = sizeof(*copy);
    return 0;
}

static int copy_table(struct copier *c, const struct rh_table *from, struct entry *entry)
{
    struct rh_table *to = &entry->table;
    c->table = from->name.data ? from->name : rh_text_make("", 0);
    if (from->struct_size < sizeof(*from))
        return unsound(c, "has a wrong struct_size");
    if (from->kind > RH_TABLE_FOREIGN || (from->flags & 0xffffu & ~RH_TABLE_READ_ONLY))
        return unsound(c, "has an unknown kind or flag");
    to->struct_size = sizeof(*to);
    to->kind = from->kind;
    to->flags = from->flags;
    to->n_key = from->n_key;
    to->est_rows = from->est_rows;
    int r = copy_name(c, from->schema, true, &to->schema);
    if (!r)
        r = copy_name(c, from->name, false, &to->name);
    if (!r)
        r = copy_text(c, from->comment, &to->comment);
    if (!r)
        r = copy_columns(c, from, entry);
    if (!r)
        r = copy_positions(c, from->key, from->n_key, to->n_columns, &to->key);
    if (!r)
        r = copy_indexes(c, from, to);
    if (!r)
        r = copy_foreign_keys(c, from, to);
    return r;
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

static int index_table(struct rh_tableset *set, struct entry *entry, struct copier *c)
{
    entry->full = full_name(set->arena, entry->table.schema, entry->table.name);
    void *old = NULL;
    if (!entry->full.data || !rh_map_put(&set->by_full, entry->full, entry, &old))
        return rh_fail_nomem(c->error);
    if (old)
        return unsound(c, "is listed twice");

    bool is_default = rh_text_equal(entry->table.schema, set->default_schema);
    struct entry *other = rh_map_get(&set->by_name, entry->table.name);
    bool other_is_default =
        other && other != &ambiguous && rh_text_equal(other->table.schema, set->default_schema);
    if (other_is_default)
        return 0;
    struct entry *winner = is_default || !other ? entry : &ambiguous;
    return rh_map_put(&set->by_name, entry->table.name, winner, &old) ? 0 : rh_fail_nomem(c->error);
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
    struct copier c = {.arena = set->arena, .table = RH_TEXT_INIT("?"), .error = error};
    if (catalog->struct_size < sizeof(*catalog) || catalog->n_tables > MAX_TABLES)
        return rh_fail(error, RH_CONTRACT, "the connector's catalogue has a wrong size");
    int r = check_array(&c, catalog->tables, catalog->n_tables, catalog->table_stride,
                        sizeof(*catalog->tables));
    if (!r)
        r = copy_name(&c, catalog->default_schema, true, &set->default_schema);
    if (r)
        return r;
    set->entries = rh_arena_array(set->arena, catalog->n_tables, sizeof(*set->entries));
    set->sorted = rh_arena_array(set->arena, catalog->n_tables, sizeof(struct rh_table *));
    if (!set->entries || !set->sorted)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < catalog->n_tables; i++) {
        struct entry *entry = &set->entries[i];
        rh_map_init(&entry->columns);
        set->n_made++;
        r = copy_table(&c, item_at(catalog->tables, catalog->table_stride, i), entry);
        if (!r)
            r = index_table(set, entry, &c);
        if (r)
            return r;
        set->sorted[i] = &entry->table;
    }
    set->n = catalog->n_tables;
    if (set->n)
        qsort(set->sorted, set->n, sizeof(struct rh_table *), by_schema_and_name);
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
