/*
 * Rows from what Redis has answered, for reading, for what writes return, and for feeds.
 */
#include "redis.h"

#include "connector/json_cell.h"

static const struct rh_redis_reply *entry_field(const struct rh_redis_reply *fields,
                                                struct rh_text name)
{
    for (uint32_t i = 0; i + 1 < fields->n; i += 2)
        if (fields->items[i]->type == RH_REDIS_REPLY_TEXT &&
            rh_text_equal(fields->items[i]->text, name))
            return fields->items[i + 1];
    return NULL;
}

static const struct rh_json *member_of(const struct rh_json *object, struct rh_text name)
{
    const struct rh_json *member = object->child;

    while (member && !rh_text_equal(member->key, name))
        member = member->next;
    return member;
}

static void add_field(struct rh_rowset *rows, struct rh_value *cell, const struct rh_column *column,
                      enum rh_redis_kind kind, const struct rh_redis_row *row, uint32_t *at)
{
    const struct rh_redis_reply *field = NULL;

    if (kind == RH_REDIS_JSON) {
        rh_json_cell(rows, cell, column, member_of(row->document, column->name));
        return;
    }
    if (kind == RH_REDIS_STREAM)
        field = entry_field(row->fields, column->name);
    else if (row->fields && *at < row->fields->n)
        field = row->fields->items[(*at)++];
    if (field && field->type == RH_REDIS_REPLY_TEXT)
        rh_text_cell(rows, cell, column, field->text);
}

static void add_time(struct rh_value *cell, struct rh_text id)
{
    uint64_t ms, seq;

    if (rh_redis_parse_id(id, &ms, &seq))
        *cell = (struct rh_value){.type = RH_TYPE_TIMESTAMP, .as.i = rh_redis_time_of(ms)};
}

void rh_redis_add_row(struct rh_rowset *rows, const struct rh_column *columns, uint32_t n_columns,
                      uint32_t stride, const struct rh_redis_table *table,
                      const struct rh_redis_row *row)
{
    struct rh_value *cells = rh_rowset_row(rows);
    uint32_t at_field = 0;

    for (uint32_t i = 0; cells && i < n_columns; i++) {
        const struct rh_column *column = rh_kit_column(columns, stride, i);

        switch (rh_redis_role_of(column)) {
        case RH_REDIS_PLACEHOLDER:
            rh_text_cell(rows, &cells[i], column,
                         row->values[(column->native_id >> 8) % RH_REDIS_MAX_PLACEHOLDERS]);
            break;
        case RH_REDIS_TTL:
            cells[i] = row->ttl && row->ttl->type == RH_REDIS_REPLY_INT && row->ttl->integer >= 0
                           ? rh_kit_int(row->ttl->integer)
                           : rh_kit_null();
            break;
        case RH_REDIS_FIELD:
            add_field(rows, &cells[i], column, table->kind, row, &at_field);
            break;
        case RH_REDIS_SCORE:
            rh_text_cell(rows, &cells[i], column, row->score);
            break;
        case RH_REDIS_TIME:
            add_time(&cells[i], row->text);
            break;
        default: /* VALUE, MEMBER, ID */
            rh_text_cell(rows, &cells[i], column, row->text);
        }
    }
}

int rh_redis_document(struct rh_text key, struct rh_text text, struct rh_arena *arena,
                      struct rh_json **ret_document, struct rh_error *error)
{
    struct rh_error mine = RH_ERROR_INIT;
    int rc = rh_json_parse(arena, text, ret_document, &mine);

    if (rc == RH_OK && (*ret_document)->kind == RH_JSON_OBJECT)
        return RH_OK;
    if (rc == RH_RESOURCE)
        return rh_fail(error, RH_RESOURCE, "the value of the key \"%.*s\" is too large",
                       RH_TEXT_ARG(key));
    rh_fail(error, RH_DATA, "the value of the key \"%.*s\" is no JSON object", RH_TEXT_ARG(key));
    return rh_error_hint(error, "narrow the table's pattern, or declare it as of kind string");
}
