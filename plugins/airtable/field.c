/*
 * Types of fields.
 *
 * Numbers are decimals: Airtable's precision is what it shows, a field that shows no digits after the
 * point may still hold some. Durations are seconds, percentages fractions, as the API gives them.
 * What others compute (formulas, rollups, lookups) has the type of its result, but may be an error
 * in any row: it is read as it comes, and never compared at the source.
 */
#include "airtable.h"

#include <stdio.h>
#include <string.h>

#define MAX_OPTIONS 5000u

static const struct type {
    const char *name;
    uint8_t type; /* RH_TYPE_* */
    uint8_t kind;
    uint16_t flags; /* RH_COLUMN_* */
} types[] = {
    {"singleLineText", RH_TYPE_TEXT, RH_AIRTABLE_TEXT, 0},
    {"multilineText", RH_TYPE_TEXT, RH_AIRTABLE_TEXT, 0},
    {"email", RH_TYPE_TEXT, RH_AIRTABLE_TEXT, 0},
    {"url", RH_TYPE_TEXT, RH_AIRTABLE_TEXT, 0},
    {"phoneNumber", RH_TYPE_TEXT, RH_AIRTABLE_TEXT, 0},
    {"singleSelect", RH_TYPE_TEXT, RH_AIRTABLE_TEXT, 0},
    {"richText", RH_TYPE_TEXT, RH_AIRTABLE_OTHER, 0},
    {"externalSyncSource", RH_TYPE_TEXT, RH_AIRTABLE_OTHER, RH_COLUMN_GENERATED},
    {"number", RH_TYPE_DECIMAL, RH_AIRTABLE_NUMBER, 0},
    {"currency", RH_TYPE_DECIMAL, RH_AIRTABLE_NUMBER, 0},
    {"percent", RH_TYPE_DECIMAL, RH_AIRTABLE_NUMBER, 0},
    {"duration", RH_TYPE_DECIMAL, RH_AIRTABLE_NUMBER, 0},
    {"rating", RH_TYPE_INT, RH_AIRTABLE_NUMBER, 0},
    {"count", RH_TYPE_INT, RH_AIRTABLE_NUMBER, RH_COLUMN_GENERATED},
    {"autoNumber", RH_TYPE_INT, RH_AIRTABLE_COUNTER, RH_COLUMN_GENERATED | RH_COLUMN_NOT_NULL},
    {"checkbox", RH_TYPE_BOOL, RH_AIRTABLE_CHECKBOX, RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT},
    {"date", RH_TYPE_DATE, RH_AIRTABLE_DATE, 0},
    {"dateTime", RH_TYPE_TIMESTAMP, RH_AIRTABLE_DATE, 0},
    {"lastModifiedTime", RH_TYPE_TIMESTAMP, RH_AIRTABLE_OTHER, RH_COLUMN_GENERATED},
    {"createdTime", RH_TYPE_TIMESTAMP, RH_AIRTABLE_CREATION,
     RH_COLUMN_GENERATED | RH_COLUMN_NOT_NULL},
    {"formula", RH_TYPE_JSON, RH_AIRTABLE_OTHER, RH_COLUMN_GENERATED},
    {"rollup", RH_TYPE_JSON, RH_AIRTABLE_OTHER, RH_COLUMN_GENERATED},
    {"multipleLookupValues", RH_TYPE_JSON, RH_AIRTABLE_OTHER, RH_COLUMN_GENERATED},
    {"createdBy", RH_TYPE_JSON, RH_AIRTABLE_OTHER, RH_COLUMN_GENERATED},
    {"lastModifiedBy", RH_TYPE_JSON, RH_AIRTABLE_OTHER, RH_COLUMN_GENERATED},
    {"button", RH_TYPE_JSON, RH_AIRTABLE_OTHER, RH_COLUMN_GENERATED},
    {"aiText", RH_TYPE_JSON, RH_AIRTABLE_OTHER, RH_COLUMN_GENERATED},
    {"manualSort", RH_TYPE_TEXT, RH_AIRTABLE_OTHER, RH_COLUMN_GENERATED},
    {"multipleSelects", RH_TYPE_JSON, RH_AIRTABLE_OTHER, 0},
    {"multipleRecordLinks", RH_TYPE_JSON, RH_AIRTABLE_OTHER, 0},
    {"multipleAttachments", RH_TYPE_JSON, RH_AIRTABLE_OTHER, 0},
    {"singleCollaborator", RH_TYPE_JSON, RH_AIRTABLE_OTHER, 0},
    {"multipleCollaborators", RH_TYPE_JSON, RH_AIRTABLE_OTHER, 0},
    {"barcode", RH_TYPE_JSON, RH_AIRTABLE_OTHER, 0},
};

/* A type that came after this was written is shown as it comes and is not written. */
static const struct type unknown = {NULL, RH_TYPE_JSON, RH_AIRTABLE_OTHER,
                                    RH_COLUMN_GENERATED | RH_COLUMN_OPAQUE};

static const struct type *find(struct rh_text name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (rh_text_is(name, types[i].name))
            return &types[i];
    return &unknown;
}

/* Names that a select field's choices have; none when there is something odd about them. */
static int add_choices(const struct rh_host *host, struct rh_arena *arena,
                       const struct rh_json *choices, struct rh_column *column,
                       struct rh_error *error)
{
    struct rh_text *names;
    uint32_t n = 0;

    if (!choices || choices->kind != RH_JSON_ARRAY || !choices->n || choices->n > MAX_OPTIONS)
        return RH_OK;
    names = host->alloc(arena, (uint64_t)choices->n * sizeof(*names));
    if (!names)
        return rh_fail_nomem(error);
    for (const struct rh_json *choice = choices->child; choice; choice = choice->next) {
        struct rh_text name = rh_json_string(choice, "name");
        char *copy = host->alloc(arena, name.len + 1);

        if (!copy)
            return rh_fail_nomem(error);
        if (name.len)
            memcpy(copy, name.data, name.len);
        names[n++] = rh_text_make(copy, name.len);
    }
    column->options = names;
    column->n_options = n;
    return RH_OK;
}

static int copy(const struct rh_host *host, struct rh_arena *arena, struct rh_text text,
                struct rh_text *ret_copy, struct rh_error *error)
{
    char *to = host->alloc(arena, text.len + 1);

    if (!to)
        return rh_fail_nomem(error);
    if (text.len)
        memcpy(to, text.data, text.len);
    *ret_copy = rh_text_make(to, text.len);
    return RH_OK;
}

int rh_airtable_describe_field(const struct rh_host *host, struct rh_arena *arena,
                               const struct rh_json *field, struct rh_column *ret_column,
                               struct rh_error *error)
{
    const struct rh_json *options = rh_json_member(field, "options");
    struct rh_text native = rh_json_string(field, "type");
    const struct type *type = find(native), *result = type;
    struct rh_column column = {.native_id = type->kind, .flags = type->flags};
    int rc;

    if (type->type == RH_TYPE_JSON && rh_json_member(options, "result"))
        result = find(rh_json_string(rh_json_member(options, "result"), "type"));
    column.type = result->type;
    rc = copy(host, arena, rh_json_string(field, "name"), &column.name, error);
    if (rc == RH_OK)
        rc = copy(host, arena, native, &column.native_type, error);
    if (rc == RH_OK)
        rc = copy(host, arena, rh_json_string(field, "description"), &column.comment, error);
    if (rc == RH_OK && rh_text_is(native, "singleSelect"))
        rc = add_choices(host, arena, rh_json_member(options, "choices"), &column, error);
    if (rc == RH_OK)
        *ret_column = column;
    return rc;
}

struct rh_column rh_airtable_id_column(void)
{
    return (struct rh_column){
        .name = RH_TEXT(RH_AIRTABLE_ID),
        .native_type = RH_TEXT("record id"),
        .type = RH_TYPE_TEXT,
        .flags = RH_COLUMN_NOT_NULL | RH_COLUMN_GENERATED | RH_COLUMN_EXACT_EQUAL,
        .native_id = RH_AIRTABLE_RECORD,
    };
}

struct rh_column rh_airtable_created_column(void)
{
    return (struct rh_column){
        .name = RH_TEXT(RH_AIRTABLE_CREATED),
        .native_type = RH_TEXT("createdTime"),
        .type = RH_TYPE_TIMESTAMP,
        .flags = RH_COLUMN_NOT_NULL | RH_COLUMN_GENERATED,
        .native_id = RH_AIRTABLE_TIME,
    };
}
