/*
 * SQL text from queries and writes: the part that SQL connectors share. A dialect says how things
 * are spelled and what can be said exactly; the builder walks the query.
 *
 * Values are never spliced into the text: each becomes a placeholder, and `parameters` lists the
 * values in placeholder order. Identifiers are always quoted by the one function of the dialect.
 */
#pragma once

#include "base/buf.h"

#include <rowhouse/connector.h>

#include <stdbool.h>

struct rh_sql;

/* How one database spells SQL. All functions are [any] and pure; `sql->dialect_state` carries what
 * depends on the connection (its encoding, its default collation). A NULL hook: never exact, NONE. */
struct rh_sql_dialect {
    char quote_open, quote_close; /* of identifiers; the closing one is doubled inside */
    char placeholder;             /* '$' numbered from 1, '?' bare */
    bool order_nulls_largest;     /* plain ASC puts NULL last, DESC first, as Rowhouse wants it */
    bool order_nulls_keywords;    /* understands NULLS FIRST / NULLS LAST */
    bool row_values;              /* (a, b) > ($1, $2) compares rows and can use an index */
    bool any_array;               /* IN is written through `in_list` with one array parameter */

    /* Expression that yields the column in the form that `next` decodes ("c"::text). NULL: plain. */
    void (*output)(struct rh_sql *sql, const struct rh_column *column);
    /* Column as an operand of comparison by value and code point (… COLLATE "C"). NULL: plain. */
    void (*operand)(struct rh_sql *sql, const struct rh_column *column);
    /* A placeholder for this value compared with this column ("$1::numeric"). NULL: plain. */
    void (*parameter)(struct rh_sql *sql, const struct rh_column *column,
                      const struct rh_value *value);
    /* Text predicates LIKE STARTS ENDS CONTAINS MATCHES (FOLD possible, NOT taken care of by the
     * builder), and EMPTY, HAS_ALL, HAS_ANY, ABSENT: writes a condition that is never NULL-unsafe:
     * it may be NULL only where the column is NULL. */
    void (*predicate)(struct rh_sql *sql, const struct rh_column *column,
                      const struct rh_node *node, const struct rh_value *values);
    void (*in_list)(struct rh_sql *sql, const struct rh_column *column,
                    const struct rh_value *values, uint32_t n);
    /* date_trunc and the like; NULL: groups with buckets are not accepted. */
    void (*bucket)(struct rh_sql *sql, const struct rh_column *column, uint32_t bucket);
    /* Aggregates in the form that rowhouse/query.h defines. NULL: plain SQL function names. */
    void (*aggregate)(struct rh_sql *sql, const struct rh_column *column,
                      const struct rh_aggregate *aggregate);
    /* Literal for a DDL default, and the type name for a column. */
    void (*type_name)(struct rh_sql *sql, const struct rh_column *column);
};

/* A statement being written. */
struct rh_sql {
    const struct rh_sql_dialect *dialect;
    const void *dialect_state;
    struct rh_buf text;                     /* ceiling RH_SQL_MAX_BYTES */
    const struct rh_value **parameters;     /* in placeholder order; borrowed values */
    const struct rh_column **parameter_columns; /* the column each is compared with, or NULL */
    uint32_t n_parameters, cap_parameters;
    uint32_t depth; /* of sub-selects: table aliases t0, t1, … */
    bool failed;    /* out of memory or too long: sticky, checked once at the end */
};
#define RH_SQL_MAX_BYTES (16u << 20)

void rh_sql_init(struct rh_sql *sql, const struct rh_sql_dialect *dialect, const void *state);
void rh_sql_fini(struct rh_sql *sql);
/* Empties it for the next statement, keeps the memory. */
void rh_sql_clear(struct rh_sql *sql);
/* RESOURCE when anything failed on the way. */
int rh_sql_check(const struct rh_sql *sql, struct rh_error *error);

void rh_sql_add(struct rh_sql *sql, const char *text);
void rh_sql_identifier(struct rh_sql *sql, struct rh_text name);
void rh_sql_table(struct rh_sql *sql, struct rh_text schema, struct rh_text table);
/* The column, qualified by the alias of the select at hand. */
void rh_sql_column(struct rh_sql *sql, const struct rh_column *column);
/* Adds a parameter and writes its placeholder. */
void rh_sql_bind(struct rh_sql *sql, const struct rh_column *column, const struct rh_value *value);

/* SELECT … for the whole query. */
void rh_sql_select(struct rh_sql *sql, const struct rh_query *query);
/* The conjuncts, ready to stand after WHERE ("TRUE"-like when there are none). */
void rh_sql_where(struct rh_sql *sql, const struct rh_query *query);
/* INSERT/UPDATE/DELETE/upsert with RETURNING, in the PostgreSQL/SQLite form: rows [first, first+n)
 * of the spec (update and delete keyed: one row). */
void rh_sql_insert(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t first, uint64_t n);
void rh_sql_upsert(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t first, uint64_t n);
void rh_sql_update(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row);
void rh_sql_delete(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row);
/* One DDL change. */
void rh_sql_ddl(struct rh_sql *sql, const struct rh_ddl_change *change);

/* The planner that SQL connectors share: fills the plan from the `operators` table and from
 * `exact`, which may lower the verdict of a single predicate (NULL: the table alone). Everything
 * else (order, groups, limit) is accepted wherever the text can say it exactly. */
typedef uint32_t rh_sql_exact_fn(const void *state, const struct rh_query *query,
                                 const struct rh_node *node, uint32_t upper);
int rh_sql_plan(const struct rh_sql_dialect *dialect, const void *state,
                const struct rh_connector *connector, rh_sql_exact_fn *exact,
                const struct rh_query *query, struct rh_plan *ret_plan, struct rh_error *error);
