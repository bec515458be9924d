/*
 * The statement being written: text, names, parameters and the values that it owns.
 */
#include "connector/sql_parts.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARAMETERS (1u << 22)

/* Something made while writing. */
struct rh_sql_own {
    struct rh_sql_own *next;
    _Alignas(16) char bytes[];
};

static void free_own(struct rh_sql *sql)
{
    while (sql->own) {
        struct rh_sql_own *own = sql->own;
        sql->own = own->next;
        free(own);
    }
}

void rh_sql_init(struct rh_sql *sql, const struct rh_sql_dialect *dialect, const void *state)
{
    *sql = (struct rh_sql){.dialect = dialect, .state = state, .alias = RH_SQL_NO_ALIAS};
    rh_buf_init(&sql->text, RH_SQL_MAX_BYTES);
}

void rh_sql_fini(struct rh_sql *sql)
{
    free_own(sql);
    free(sql->parameters);
    rh_buf_free(&sql->text);
    *sql = (struct rh_sql){.alias = RH_SQL_NO_ALIAS};
}

void rh_sql_clear(struct rh_sql *sql)
{
    free_own(sql);
    rh_buf_clear(&sql->text);
    sql->n_parameters = 0;
    sql->alias = RH_SQL_NO_ALIAS;
    sql->n_aliases = 0;
    sql->depth = 0;
    sql->having = NULL;
    sql->unsupported = false;
    sql->failed = false;
}

int rh_sql_check(const struct rh_sql *sql, struct rh_error *error)
{
    int rc;

    if (sql->unsupported)
        return rh_fail(error, RH_UNSUPPORTED,
                       "the query asks for what this connector does not know");
    if (!sql->failed && !sql->text.failed)
        return RH_OK;
    rc = rh_fail(error, RH_RESOURCE, "the SQL text is too long or too deep, or memory ran out");
    rh_error_hint(error, "Use fewer conditions, or fewer rows at once");
    return rc;
}

const char *rh_sql_string(struct rh_sql *sql)
{
    char *end = rh_buf_reserve(&sql->text, 1);

    if (!end || sql->failed)
        return "";
    *end = '\0';
    return sql->text.data;
}

void rh_sql_add(struct rh_sql *sql, const char *text)
{
    rh_buf_add_str(&sql->text, text);
}

void rh_sql_addf(struct rh_sql *sql, const char *format, ...)
{
    char room[256];
    va_list list;

    va_start(list, format);
    int n = vsnprintf(room, sizeof room, format, list);
    va_end(list);
    if (n < 0 || (size_t)n >= sizeof room)
        sql->failed = true;
    else
        rh_buf_add(&sql->text, room, (size_t)n);
}

static void add_quoted(struct rh_sql *sql, struct rh_text text, char open, char close)
{
    if (text.len && memchr(text.data, '\0', text.len)) {
        sql->failed = true;
        return;
    }
    rh_buf_add_char(&sql->text, open);
    for (uint64_t i = 0; i < text.len; i++) {
        if (text.data[i] == close)
            rh_buf_add_char(&sql->text, close);
        rh_buf_add_char(&sql->text, text.data[i]);
    }
    rh_buf_add_char(&sql->text, close);
}

void rh_sql_identifier(struct rh_sql *sql, struct rh_text name)
{
    if (!name.len)
        sql->failed = true;
    add_quoted(sql, name, sql->dialect->quote_open, sql->dialect->quote_close);
}

void rh_sql_table(struct rh_sql *sql, struct rh_text schema, struct rh_text table)
{
    if (schema.len) {
        rh_sql_identifier(sql, schema);
        rh_buf_add_char(&sql->text, '.');
    }
    rh_sql_identifier(sql, table);
}

void rh_sql_literal(struct rh_sql *sql, struct rh_text text)
{
    add_quoted(sql, text, '\'', '\'');
}

void rh_sql_name(struct rh_sql *sql, const struct rh_column *column)
{
    if (sql->alias == RH_SQL_QUALIFIER) {
        rh_sql_identifier(sql, sql->qualifier);
        rh_sql_add(sql, ".");
    } else if (sql->alias != RH_SQL_NO_ALIAS) {
        rh_sql_addf(sql, "t%u.", sql->alias);
    }
    rh_sql_identifier(sql, column->name);
}

void rh_sql_alias(struct rh_sql *sql, uint32_t alias)
{
    rh_sql_addf(sql, sql->dialect->bare_alias ? " t%u" : " AS t%u", alias);
}

/* ---- parameters ---- */

static void add_parameter(struct rh_sql *sql, struct rh_sql_parameter parameter)
{
    if (sql->n_parameters == sql->cap_parameters) {
        uint32_t cap = sql->cap_parameters ? sql->cap_parameters * 2 : 16;
        struct rh_sql_parameter *grown = NULL;
        if (cap <= MAX_PARAMETERS)
            grown = reallocarray(sql->parameters, cap, sizeof *grown);
        if (!grown) {
            sql->failed = true;
            return;
        }
        sql->parameters = grown;
        sql->cap_parameters = cap;
    }
    sql->parameters[sql->n_parameters++] = parameter;
    rh_buf_add_char(&sql->text, sql->dialect->placeholder);
    if (!sql->dialect->bare_placeholder)
        rh_buf_add_u64(&sql->text, sql->n_parameters);
}

void rh_sql_bind(struct rh_sql *sql, const struct rh_column *column, const struct rh_value *value,
                 enum rh_sql_form form)
{
    if (!value) {
        sql->failed = true;
        return;
    }
    add_parameter(
        sql, (struct rh_sql_parameter){.values = value, .n = 1, .column = column, .form = form});
}

void rh_sql_bind_list(struct rh_sql *sql, const struct rh_column *column,
                      const struct rh_value *values, uint32_t n, enum rh_sql_form form)
{
    add_parameter(sql,
                  (struct rh_sql_parameter){
                      .values = values, .n = n, .is_list = true, .column = column, .form = form});
}

void rh_sql_value(struct rh_sql *sql, const struct rh_column *column, const struct rh_value *value,
                  enum rh_sql_form form)
{
    if (sql->dialect->parameter && value)
        sql->dialect->parameter(sql, column, value, form);
    else
        rh_sql_bind(sql, column, value, form);
}

void *rh_sql_own_bytes(struct rh_sql *sql, const void *data, size_t len)
{
    struct rh_sql_own *own = NULL;

    if (len <= RH_SQL_MAX_BYTES)
        own = malloc(sizeof *own + len);
    if (!own) {
        sql->failed = true;
        return NULL;
    }
    memcpy(own->bytes, data, len);
    own->next = sql->own;
    sql->own = own;
    return own->bytes;
}

const struct rh_value *rh_sql_own_value(struct rh_sql *sql, const struct rh_value *value)
{
    struct rh_value copy = *value;

    if (value->len) {
        copy.as.data = rh_sql_own_bytes(sql, value->as.data, value->len);
        if (!copy.as.data)
            return NULL;
    }
    return rh_sql_own_bytes(sql, &copy, sizeof copy);
}

const struct rh_value *rh_sql_pattern(struct rh_sql *sql, uint32_t op, const struct rh_value *value)
{
    uint32_t base = RH_OP_BASE(op);
    const char *from = value->as.data;
    const struct rh_value *made = NULL;
    struct rh_buf pattern;

    if (base == RH_OP_LIKE)
        return rh_sql_own_value(sql, value);
    rh_buf_init(&pattern, UINT32_MAX);
    if (base != RH_OP_STARTS)
        rh_buf_add_char(&pattern, '%');
    for (uint32_t i = 0; i < value->len; i++) {
        if (from[i] == '%' || from[i] == '_' || from[i] == '\\')
            rh_buf_add_char(&pattern, '\\');
        rh_buf_add_char(&pattern, from[i]);
    }
    if (base != RH_OP_ENDS)
        rh_buf_add_char(&pattern, '%');
    if (pattern.failed)
        sql->failed = true;
    else
        made = rh_sql_own_value(sql, &(struct rh_value){.type = RH_TYPE_TEXT,
                                                        .len = (uint32_t)pattern.len,
                                                        .as.data = pattern.data});
    rh_buf_free(&pattern);
    return made;
}
