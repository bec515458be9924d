/*
 * SQL text from queries and writes: the part that SQL connectors share. A dialect says how things
 * are spelled and what can be said exactly; the builder walks the query.
 *
 * Values are never spliced into the text: each becomes a placeholder, and `parameters` lists the
 * values in placeholder order. Identifiers are always quoted by rh_sql_identifier. The text depends
 * on the shape of the query only (not on its values), so it is the key of a statement cache.
 *
 * The logic of the text is that of rowhouse/query.h, two-valued: a condition may become SQL's NULL
 * where it does not hold, since nothing is negated from outside; a negated operator is written as
 * its own complement.
 *
 * All functions are [any]; one rh_sql belongs to one thread at a time.
 */
#pragma once

#include "base/buf.h"

#include <rowhouse/connector.h>

#include <stdbool.h>

struct rh_sql;

/* In which role a column (or the parameter that stands against it) is written. */
enum rh_sql_form {
    RH_SQL_PLAIN,        /* the bare column: for "=" under the source's own rules, index usable */
    RH_SQL_ORDER,        /* what sorts in the source's own order (ORDER BY, SEEK) */
    RH_SQL_VALUE,        /* what compares, sorts and groups by value and code point */
    RH_SQL_OUTPUT,       /* what `next` decodes, from the bare column */
    RH_SQL_VALUE_OUTPUT, /* what `next` decodes, made from the VALUE form: for grouped queries,
                            where only the grouped expression may be used */
    RH_SQL_WRITE,        /* parameters only: a cell to be stored */
    RH_SQL_SOURCE, /* parameters only: a cell of MERGE's source, whose type nothing else says */
};

/* Uses of a column that `can` decides on. */
enum rh_sql_use {
    RH_SQL_USE_GROUP,     /* group by, distinct, COUNT DISTINCT; detail: RH_BUCKET_* */
    RH_SQL_USE_ORDER,     /* sort and SEEK; detail: flags of rh_order */
    RH_SQL_USE_AGGREGATE, /* detail: RH_AGG_* but COUNT of rows */
};

/* How two columns of a semi-join are compared. */
enum rh_sql_pair {
    RH_SQL_PAIR_NO,    /* not exactly: the semi-join is not taken */
    RH_SQL_PAIR_PLAIN, /* PLAIN = PLAIN is exact */
    RH_SQL_PAIR_VALUE, /* VALUE = VALUE is exact */
    RH_SQL_PAIR_BOTH, /* … and PLAIN = PLAIN is a condition that an index can use and that no equal
                          pair fails: both are written */
};

/* How a statement that writes says what it returns. */
enum rh_sql_returning {
    RH_SQL_RETURNING,        /* RETURNING …, at the end */
    RH_SQL_RETURNING_OUTPUT, /* OUTPUT inserted.…, deleted.…, in the middle */
    RH_SQL_RETURNING_FINAL,  /* SELECT … FROM FINAL TABLE (statement), OLD TABLE for a delete */
    RH_SQL_RETURNING_NONE,   /* not at all: the connector reads the rows itself */
};

enum rh_sql_paging {
    RH_SQL_PAGING_LIMIT, /* LIMIT n OFFSET n */
    RH_SQL_PAGING_FETCH, /* OFFSET n ROWS FETCH NEXT n ROWS ONLY */
    RH_SQL_PAGING_TOP,   /* SELECT TOP (n); with an offset as FETCH, behind an ORDER BY */
};

/* How one database spells SQL. Hooks write onto sql with the functions below; `state` and
 * `sql->state` are what was given to rh_sql_init: what depends on the connection. */
struct rh_sql_dialect {
    char quote_open, quote_close; /* of identifiers; the closing one is doubled inside */
    char placeholder;             /* '$' or '?', followed by the number, from 1 */
    bool order_nulls_largest;     /* plain ASC puts NULL last, DESC first, as Rowhouse wants it */
    bool order_nulls_keywords;    /* understands NULLS FIRST / NULLS LAST */
    bool row_values;              /* (a, b) > ($1, $2) compares rows and can use an index */
    bool offset_needs_limit;      /* OFFSET must stand behind a LIMIT (-1 = none) */
    bool default_keyword;         /* VALUES (…, DEFAULT) for a cell that is MISSING */
    bool identity_is_key;         /* `identity` says PRIMARY KEY too */
    bool lock_clause;             /* RH_QUERY_LOCK is said by FOR UPDATE; else it needs no text */
    bool bare_placeholder;        /* no number behind the placeholder */
    bool bare_alias;              /* an alias stands without AS */
    bool own_name;      /* UPDATE and DELETE take no alias: columns carry the table's own name */
    bool no_truth_test; /* has no IS NOT TRUE: a CASE says it */
    bool default_first; /* DEFAULT stands before NOT NULL */
    bool default_row_is_listed; /* no DEFAULT VALUES: (column) VALUES (DEFAULT) */
    const char *default_row;    /* in place of DEFAULT VALUES, or NULL: " () VALUES ()" */
    int64_t limit_of_all; /* with offset_needs_limit: the LIMIT that is none; 0 stands for -1 */
    enum rh_sql_returning returning;
    enum rh_sql_paging paging;
    const char *lock_hint; /* stands behind the table for RH_QUERY_LOCK, or NULL */
    /* MERGE as the upsert, when merge is not NULL: what stands between the target's name and its
     * alias, behind the source's values (" FROM dual"), and at the end. */
    const struct rh_sql_merge {
        const char *hint, *source_from, *end;
    } * merge;

    /* The column in a form. Write its name with rh_sql_name, or the whole with rh_sql_name alone
     * where nothing special is needed. NULL: rh_sql_name for every form. */
    void (*column)(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form);
    /* A placeholder for a value that stands against that form of the column; column is NULL for
     * LIMIT, OFFSET and patterns. Writes rh_sql_bind and what belongs around it ("$1::numeric").
     * NULL: rh_sql_bind. */
    void (*parameter)(struct rh_sql *sql, const struct rh_column *column,
                      const struct rh_value *value, enum rh_sql_form form);
    /* Any predicate but AND, OR, EXISTS and SEEK, without its RH_OP_NOT (the builder then writes
     * `(…) IS NOT TRUE` around it). Writes it and returns true, or writes nothing and returns false
     * to get the builder's own form. Columns are written with rh_sql_operand, so that it works in
     * HAVING too. May be NULL. */
    bool (*predicate)(struct rh_sql *sql, const struct rh_column *column,
                      const struct rh_node *node, const struct rh_value *values);
    /* The list of IN with n > 0 non-NULL values, behind "column" and before nothing: " IN (…)" or
     * " = ANY ($1)" through rh_sql_bind_list. form is that of the column. NULL: IN with one
     * placeholder per value, padded to a power of two. */
    void (*in_list)(struct rh_sql *sql, const struct rh_column *column,
                    const struct rh_value *values, uint32_t n, enum rh_sql_form form);
    /* Start of the period; form is VALUE (compares, groups) or VALUE_OUTPUT. NULL: not accepted. */
    void (*bucket)(struct rh_sql *sql, const struct rh_column *column, uint32_t bucket,
                   enum rh_sql_form form);
    /* An aggregate as rowhouse/query.h defines it; form as above. column is NULL for COUNT of rows.
     * NULL: the plain function over the VALUE form. */
    void (*aggregate)(struct rh_sql *sql, const struct rh_column *column,
                      const struct rh_aggregate *aggregate, enum rh_sql_form form);

    /* A pair of a semi-join, where none of the ways of rh_sql_pair does: writes the condition and
     * returns true, or writes nothing and returns false. Columns are written with rh_sql_name under
     * `sql->alias = …`, which is the inner one before and must be so afterwards. May be NULL. */
    bool (*pair_condition)(struct rh_sql *sql, const struct rh_column *outer, uint32_t outer_alias,
                           const struct rh_column *inner);

    /* Type name of a column to be made: native_type when it is given. Required for DDL. */
    void (*type_name)(struct rh_sql *sql, const struct rh_column *column);
    /* Type and all of a column that the source counts (RH_COLUMN_IDENTITY). */
    void (*identity)(struct rh_sql *sql, const struct rh_column *column);
    /* A default: default_text is a literal of the column's type. NULL: numbers and booleans bare
     * (checked), everything else as a '…' literal. */
    void (*default_value)(struct rh_sql *sql, const struct rh_column *column);
    /* The whole statement for RH_DDL_ALTER_COLUMN; NULL: unsupported. */
    void (*alter_column)(struct rh_sql *sql, const struct rh_table *table,
                         const struct rh_column *column);

    /* A change of tables that is spelled in another way: writes it whole and returns true, or
     * writes nothing and returns false to get the builder's own form. May be NULL. */
    bool (*ddl)(struct rh_sql *sql, const struct rh_ddl_change *change);

    /* ---- planning: pure, no text ---- */

    /* Lowers the verdict that the operators table gives for one predicate. column and values are
     * resolved; column is NULL for SEEK. NULL hook: the table alone. */
    uint32_t (*exact)(const void *state, const struct rh_column *column, const struct rh_node *node,
                      const struct rh_value *values, uint32_t upper);
    /* Whether a column can be used so, exactly. NULL: all but OPAQUE and JSON columns; text in its
     * own order and binary. */
    bool (*can)(const void *state, const struct rh_column *column, enum rh_sql_use use,
                uint32_t detail);
    /* NULL: same type (or INT with DECIMAL), not OPAQUE, JSON or FLOAT; text plain where both are
     * EXACT_EQUAL. */
    enum rh_sql_pair (*pair)(const void *state, const struct rh_column *outer,
                             const struct rh_column *inner);
};

/* One placeholder: a value, or a list of them for rh_sql_bind_list. */
struct rh_sql_parameter {
    const struct rh_value *values; /* borrowed from the query or spec, or owned by the rh_sql */
    uint32_t n;
    bool is_list;
    const struct rh_column *column; /* compared or written; NULL for LIMIT, OFFSET, patterns */
    enum rh_sql_form form;
};

#define RH_SQL_MAX_BYTES (16u << 20)
#define RH_SQL_NO_ALIAS ((uint32_t)-1)
#define RH_SQL_QUALIFIER ((uint32_t)-2) /* the name in rh_sql.qualifier */
#define RH_SQL_MAX_DEPTH 200 /* of conditions; deeper ones are not planned, and fail when built */

/* A statement being written. Hooks read dialect, state and failed; the rest is the builder's. */
struct rh_sql {
    const struct rh_sql_dialect *dialect;
    const void *state;
    struct rh_buf text;                  /* ceiling RH_SQL_MAX_BYTES */
    struct rh_sql_parameter *parameters; /* in placeholder order */
    uint32_t n_parameters, cap_parameters;
    uint32_t alias; /* of the select at hand: t0, t1, … or RH_SQL_NO_ALIAS: bare names */
    struct rh_text qualifier;      /* with RH_SQL_QUALIFIER */
    uint32_t n_aliases;            /* handed out so far */
    uint32_t depth;                /* of nested conditions */
    const struct rh_query *having; /* while a HAVING or a grouped ORDER BY is written … */
    uint32_t output;               /* … which output rh_sql_operand stands for */
    struct rh_sql_own *own;        /* what rh_sql_own_value made */
    bool unsupported;              /* the query has a flag that must be understood and is not */
    bool failed; /* out of memory, too long, too deep, NUL in a name: sticky, checked at the end */
};

void rh_sql_init(struct rh_sql *sql, const struct rh_sql_dialect *dialect, const void *state);
void rh_sql_fini(struct rh_sql *sql);
/* Empties it for the next statement, keeps the memory. */
void rh_sql_clear(struct rh_sql *sql);
/* RESOURCE when anything failed on the way; UNSUPPORTED. */
int rh_sql_check(const struct rh_sql *sql, struct rh_error *error);
/* The text with a NUL behind it; "" when failed. Borrowed until the next change. */
const char *rh_sql_string(struct rh_sql *sql);

/* ---- for hooks ---- */

void rh_sql_add(struct rh_sql *sql, const char *text);
void rh_sql_addf(struct rh_sql *sql, const char *format, ...) __attribute__((format(printf, 2, 3)));
void rh_sql_identifier(struct rh_sql *sql, struct rh_text name);
/* "schema"."table", or "table" when schema is no text. */
void rh_sql_table(struct rh_sql *sql, struct rh_text schema, struct rh_text table);
/* '…' with quotes doubled: for DDL defaults and comments only. NUL fails. */
void rh_sql_literal(struct rh_sql *sql, struct rh_text text);
/* A native type name given by the user, which stands bare in the text: [schema.]name, known words
 * behind it ("varying", "with time zone"), (digits[, digits]), pairs of brackets. Anything else
 * fails: clauses ("DEFAULT f()"), quoted names, names as arguments. */
void rh_sql_native_type(struct rh_sql *sql, struct rh_text type);
/* For `ddl`: name, type and all of a column to be made; its default alone. */
void rh_sql_column_definition(struct rh_sql *sql, const struct rh_column *column);
void rh_sql_column_default(struct rh_sql *sql, const struct rh_column *column);
/* The column's quoted name, qualified by the alias of the select at hand. */
void rh_sql_name(struct rh_sql *sql, const struct rh_column *column);
/* The column in a form, through the dialect; in HAVING the group or aggregate that it stands for.
 */
void rh_sql_operand(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form);
/* A value against the column, through dialect->parameter. */
void rh_sql_value(struct rh_sql *sql, const struct rh_column *column, const struct rh_value *value,
                  enum rh_sql_form form);
/* Adds a parameter and writes its bare placeholder. */
void rh_sql_bind(struct rh_sql *sql, const struct rh_column *column, const struct rh_value *value,
                 enum rh_sql_form form);
void rh_sql_bind_list(struct rh_sql *sql, const struct rh_column *column,
                      const struct rh_value *values, uint32_t n, enum rh_sql_form form);
/* Copies a value (and its bytes) that shall live until rh_sql_clear: patterns, computed bounds.
 * NULL when out of memory (failed). */
const struct rh_value *rh_sql_own_value(struct rh_sql *sql, const struct rh_value *value);
/* The LIKE pattern (escape \) that says LIKE, STARTS, ENDS or CONTAINS with this text; owned. */
const struct rh_value *rh_sql_pattern(struct rh_sql *sql, uint32_t op,
                                      const struct rh_value *value);

/* Item i of arrays that cross with a stride. */
static inline const struct rh_column *rh_sql_column_at(const struct rh_column *columns,
                                                       uint32_t stride, uint32_t i)
{
    return (const struct rh_column *)(const void *)((const char *)columns + (size_t)stride * i);
}

/* ---- statements ---- */

/* SELECT … for the whole query. A query without outputs selects one constant per row. */
void rh_sql_select(struct rh_sql *sql, const struct rh_query *query);
/* " FROM table AS t0 WHERE …" of the query's conjuncts, for EXPLAIN estimates.
 */
void rh_sql_from_where(struct rh_sql *sql, const struct rh_query *query);

/* Rows of an INSERT and an upsert: [first, first + n) of the spec. Without default_keyword all of
 * them must leave out (MISSING) the same columns as the first, and a row that gives none must stand
 * alone; rh_sql_rows_alike counts how many from `first` on fit, up to max. With RETURNING.
 * Parameters are the cells that are not MISSING, in order, row by row. */
uint64_t rh_sql_rows_alike(const struct rh_write_spec *spec, uint64_t first, uint64_t max);
void rh_sql_insert(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t first,
                   uint64_t n);
void rh_sql_upsert(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t first,
                   uint64_t n);
/* Keyed: the row; set-based (spec->where): row is 0. MISSING cells are not set. With RETURNING. An
 * update that sets nothing sets its first key column to itself. */
void rh_sql_update(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row);
void rh_sql_delete(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row);
/* One DDL change; several statements (a table with its indexes) are parted by ";\n". UNSUPPORTED
 * or INVALID when the dialect cannot say it. */
int rh_sql_ddl(struct rh_sql *sql, const struct rh_ddl_change *change, struct rh_error *error);

/* The planner that SQL connectors share: fills the plan from the connector's `operators` table, its
 * `limits`, and the dialect's planning hooks. Whatever it accepts, rh_sql_select can say exactly.
 * est_rows is left at -1. */
int rh_sql_plan(const struct rh_sql_dialect *dialect, const void *state,
                const struct rh_connector *connector, const struct rh_query *query,
                struct rh_plan *ret_plan, struct rh_error *error);
