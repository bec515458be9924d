/*
 * Columns from documents: per member, the set of types that were seen.
 */
#include "connector/json_infer.h"

#include "base/err.h"
#include "base/text.h"
#include "connector/json_cell.h"

#include <rowhouse/connector.h>

#define NUMBERS                                                                                    \
    (RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_DECIMAL) | RH_TYPE_BIT(RH_TYPE_FLOAT))

struct field {
    struct rh_text name;
    uint32_t types; /* RH_TYPE_BIT of each that was seen, without NULL */
};

void rh_json_infer_init(struct rh_json_infer *infer, struct rh_arena *arena, uint32_t max_columns)
{
    const struct rh_vec fields = RH_VEC_INIT(struct field);
    *infer = (struct rh_json_infer){.arena = arena, .fields = fields, .max_columns = max_columns};
    rh_map_init(&infer->by_name);
}

void rh_json_infer_fini(struct rh_json_infer *infer)
{
    rh_map_free(&infer->by_name);
}

/* The map has positions, from 1 on, because items move when the vector grows. */
static struct field *field_of(struct rh_json_infer *infer, struct rh_text name, bool *ret_ok)
{
    uintptr_t position = (uintptr_t)rh_map_get(&infer->by_name, name);
    if (position)
        return (struct field *)infer->fields.items + (position - 1);
    if (infer->fields.n >= infer->max_columns)
        return NULL;
    struct rh_text copy = rh_arena_text(infer->arena, name, ret_ok);
    struct field *field = *ret_ok ? rh_vec_push(&infer->fields, infer->arena) : NULL;
    *ret_ok = field && rh_map_put(&infer->by_name, copy, (void *)(uintptr_t)infer->fields.n, NULL);
    if (!*ret_ok)
        return NULL;
    field->name = copy;
    return field;
}

int rh_json_infer_add(struct rh_json_infer *infer, const struct rh_json *document,
                      struct rh_error *error)
{
    if (document->kind != RH_JSON_OBJECT)
        return rh_fail(error, RH_DATA, "a document is of type %s, not an object",
                       rh_json_kind_name(document->kind));
    for (const struct rh_json *member = document->child; member; member = member->next) {
        bool ok = true;
        struct field *field = field_of(infer, member->key, &ok);
        if (!ok)
            return rh_fail_nomem(error);
        if (field && member->kind != RH_JSON_NULL)
            field->types |= RH_TYPE_BIT(rh_json_type_of(member));
    }
    return RH_OK;
}

static uint32_t widened(uint32_t types)
{
    if (types & RH_TYPE_BIT(RH_TYPE_JSON))
        return RH_TYPE_JSON;
    if (types & RH_TYPE_BIT(RH_TYPE_BOOL))
        return types == RH_TYPE_BIT(RH_TYPE_BOOL) ? RH_TYPE_BOOL : RH_TYPE_JSON;
    if (types & RH_TYPE_BIT(RH_TYPE_TEXT) || !(types & NUMBERS))
        return RH_TYPE_TEXT;
    if (types & RH_TYPE_BIT(RH_TYPE_FLOAT))
        return RH_TYPE_FLOAT;
    return types & RH_TYPE_BIT(RH_TYPE_DECIMAL) ? RH_TYPE_DECIMAL : RH_TYPE_INT;
}

static struct rh_text native_type(uint32_t types)
{
    if (types == 0)
        return RH_TEXT("null");
    if (types == RH_TYPE_BIT(RH_TYPE_BOOL))
        return RH_TEXT("boolean");
    if (types == RH_TYPE_BIT(RH_TYPE_TEXT))
        return RH_TEXT("string");
    if ((types & ~NUMBERS) == 0)
        return RH_TEXT("number");
    return types == RH_TYPE_BIT(RH_TYPE_JSON) ? RH_TEXT("json") : RH_TEXT("mixed");
}

int rh_json_infer_columns(const struct rh_json_infer *infer, const struct rh_host *host,
                          struct rh_arena *op_arena, struct rh_column **ret_columns,
                          uint32_t *ret_n, struct rh_error *error)
{
    const struct field *fields = infer->fields.items;
    uint32_t n = infer->fields.n;
    struct rh_column *columns = host->alloc(op_arena, (uint64_t)n * sizeof(*columns));
    if (!columns)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < n; i++) {
        char *name = host->alloc(op_arena, fields[i].name.len + 1);
        if (!name)
            return rh_fail_nomem(error);
        memcpy(name, fields[i].name.data, fields[i].name.len);
        columns[i] = (struct rh_column){
            .name = rh_text_make(name, fields[i].name.len),
            .native_type = native_type(fields[i].types),
            .type = widened(fields[i].types),
            .flags = RH_COLUMN_INFERRED,
            .native_id = fields[i].types | RH_TYPE_BIT(RH_TYPE_NULL),
        };
    }
    *ret_columns = columns;
    *ret_n = n;
    return RH_OK;
}
