/*
 * Rowhouse connector ABI: tables and queries.
 *
 * A query is flat and index-based, so that it can be a message: conditions are nodes in one array
 * and refer to columns, values and children by position. It is free of NOT: negation is a bit of
 * the operator (RH_OP_NOT), so each negated operator has its own exactness. Values are typed and
 * have exactly the type of the column that they are compared with; never text to be spliced in.
 *
 * Everything here is built by the host and borrowed by the connector for the length of the call
 * (rh_catalog: the other way round, from the op's arena).
 */
#pragma once

#include <rowhouse/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- What a source contains -------------------------------------------------------------- */

#define RH_NO_COLUMN ((uint32_t)-1)

/* rh_column.flags */
#define RH_COLUMN_NOT_NULL 0x0001u     /* never NULL or MISSING */
#define RH_COLUMN_DEFAULT 0x0002u      /* the source fills it in when it is not given */
#define RH_COLUMN_GENERATED 0x0004u    /* computed by the source; cannot be written */
#define RH_COLUMN_IDENTITY 0x0008u     /* counted by the source (serial, rowid); also DEFAULT */
#define RH_COLUMN_BINARY_ORDER 0x0010u /* text: the source's own order is by code point */
#define RH_COLUMN_OPAQUE 0x0020u /* native type without exact meaning here: no pushdown on it */
#define RH_COLUMN_EXACT_EQUAL 0x0040u /* text: the source's own "=" compares code points */
#define RH_COLUMN_INFERRED 0x0080u    /* from samples, not declared */

/* A column as `tables` described it. The host hands the same description back in queries and
 * writes, so `plan` needs no lookup of its own. */
struct rh_column {
    struct rh_text name;
    struct rh_text native_type;  /* the source's own spelling: "numeric(10,2)" */
    struct rh_text default_text; /* native default expression, or no text */
    struct rh_text comment;
    const struct rh_text *options; /* allowed values of an enumeration, n_options */
    uint32_t n_options;
    uint32_t type;       /* RH_TYPE_* */
    uint32_t flags;      /* RH_COLUMN_* */
    uint32_t precision;  /* decimal digits in all, 0 = not limited or not a decimal */
    uint32_t scale;      /* decimal digits after the point */
    uint32_t max_length; /* text in characters, bytes in bytes; 0 = not limited */
    uint32_t native_id;  /* the connector's own tag for the type (a type oid, an affinity) */
    uint32_t reserved;   /* zero */
};

/* rh_index.flags */
#define RH_INDEX_UNIQUE 0x0001u
#define RH_INDEX_PARTIAL 0x0002u /* has a condition: not usable as a key */

struct rh_index {
    struct rh_text name;
    const uint32_t *columns; /* positions in rh_table.columns */
    uint32_t n_columns;
    uint32_t flags;
};

struct rh_foreign_key {
    struct rh_text name;
    struct rh_text schema; /* of the referenced table */
    struct rh_text table;
    const uint32_t *columns;           /* positions in rh_table.columns */
    const struct rh_text *ref_columns; /* names there, as many */
    uint32_t n_columns;
    uint32_t reserved;
};

#define RH_TABLE_BASE 0
#define RH_TABLE_VIEW 1
#define RH_TABLE_MATERIALIZED 2
#define RH_TABLE_FOREIGN 3

/* rh_table.flags */
#define RH_TABLE_READ_ONLY 0x0001u

struct rh_table {
    uint32_t struct_size;
    uint32_t kind; /* RH_TABLE_* */
    uint32_t flags;
    uint32_t reserved;
    struct rh_text schema; /* no text where the source has no schemas */
    struct rh_text name;
    struct rh_text comment;
    const struct rh_column *columns;
    uint32_t n_columns;
    uint32_t column_stride;
    const uint32_t *key; /* positions of the primary key's columns, in key order */
    uint32_t n_key;
    uint32_t n_indexes;
    const struct rh_index *indexes;
    uint32_t index_stride;
    uint32_t n_foreign_keys;
    const struct rh_foreign_key *foreign_keys;
    uint32_t foreign_key_stride;
    uint32_t reserved1;
    int64_t est_rows; /* the source's own statistics, -1 = not known */
};

/* All tables that the connection's settings show. Owned by the op's arena. */
struct rh_catalog {
    uint32_t struct_size;
    uint32_t n_tables;
    const struct rh_table *tables;
    uint32_t table_stride;
    uint32_t reserved;
    struct rh_text default_schema; /* tables here may be named without their schema */
};

/* ---- Conditions -------------------------------------------------------------------------- */

/*
 * A predicate holds or does not: logic is two-valued. NULL and MISSING satisfy no operator below
 * except NULL, ABSENT and EMPTY. An operator with RH_OP_NOT is the exact complement: rows whose
 * column is NULL or MISSING satisfy it (so "EQ | NOT" is `c <> v OR c IS NULL`).
 *
 *   operator   values          holds when
 *   AND, OR    children        all, one of the children hold (n = 0: true, false)
 *   EQ         1               equal by value; text by code point; NaN equals NaN
 *   LT .. GTE  1               ordered by value; text by code point
 *   IN         n               equal to one of them
 *   LIKE       1               whole text matches the pattern: % any run, _ one code point, \ escapes
 *   STARTS     1               text begins with it;  ENDS, CONTAINS likewise
 *   MATCHES    1               PCRE2 (UTF, UCP) finds a match anywhere in the text
 *   NULL       0               NULL or MISSING
 *   ABSENT     0               MISSING
 *   EMPTY      0               NULL, MISSING, or JSON "", [] or null
 *   HAS_ALL    n (JSON)        a JSON array that has each of the values as an element
 *   HAS_ANY    n (JSON)        … at least one of them
 *   EXISTS     semi-join       a row of the other table matches
 *   SEEK       one per order   the row comes strictly after this position in the query's own order,
 *                              compared as that order compares (collation, direction, nulls)
 *
 * RH_OP_FOLD with LIKE, STARTS, ENDS, CONTAINS: both sides under Unicode simple case folding
 * (CaseFolding.txt, status C and S).
 */
#define RH_OP_AND 1
#define RH_OP_OR 2
#define RH_OP_EQ 3
#define RH_OP_LT 4
#define RH_OP_LTE 5
#define RH_OP_GT 6
#define RH_OP_GTE 7
#define RH_OP_IN 8
#define RH_OP_LIKE 9
#define RH_OP_STARTS 10
#define RH_OP_ENDS 11
#define RH_OP_CONTAINS 12
#define RH_OP_MATCHES 13
#define RH_OP_NULL 14
#define RH_OP_ABSENT 15
#define RH_OP_EMPTY 16
#define RH_OP_HAS_ALL 17
#define RH_OP_HAS_ANY 18
#define RH_OP_EXISTS 19
#define RH_OP_SEEK 20
#define RH_N_OPS 21
#define RH_OP_NOT 0x100u  /* exact complement; never on AND, OR, SEEK */
#define RH_OP_FOLD 0x200u /* case-insensitive twin */
#define RH_OP_BASE(op) ((op)&0xffu)

struct rh_node {
    uint32_t op;     /* RH_OP_*, with RH_OP_NOT and RH_OP_FOLD */
    uint32_t column; /* position in the columns at hand; RH_NO_COLUMN for AND, OR, EXISTS, SEEK.
                        In `having`: position in the output (groups, then aggregates) */
    uint32_t first;  /* AND, OR: first child in rh_query.nodes, always greater than the node's own
                        position; EXISTS: position in semijoins; else: first in rh_query.values */
    uint32_t n;      /* how many children or values; EXISTS: 1 */
};

/* EXISTS (SELECT FROM table WHERE keys match AND all conjuncts hold). Its nodes refer to the
 * columns given here; nodes, values and semijoins live in the same arrays of the query. */
struct rh_semijoin {
    struct rh_text schema;
    struct rh_text table;
    const struct rh_column *columns;
    uint32_t n_columns;
    uint32_t column_stride;
    const uint32_t *outer; /* key pairs: outer[i] in the enclosing columns equals … */
    const uint32_t *inner; /* … inner[i] in the columns here (NULL equals nothing) */
    uint32_t n_pairs;
    uint32_t n_conjuncts;
    const uint32_t *conjuncts; /* positions of nodes */
};

/* ---- Order, groups ----------------------------------------------------------------------- */

#define RH_ORDER_DESC 0x1u
#define RH_ORDER_NULLS_FIRST                                                                       \
    0x2u                     /* without it NULL and MISSING come last, whatever the direction */
#define RH_ORDER_BINARY 0x4u /* text by code point; without it: the source's own collation */

struct rh_order {
    uint32_t column; /* position in columns; in a grouped query: position in the output */
    uint32_t flags;  /* RH_ORDER_* */
};

/* Start of the calendar period that holds the value (UTC for TIMESTAMP; weeks begin on Monday).
 * The result has the column's type. */
#define RH_BUCKET_NONE 0
#define RH_BUCKET_YEAR 1
#define RH_BUCKET_QUARTER 2
#define RH_BUCKET_MONTH 3
#define RH_BUCKET_WEEK 4
#define RH_BUCKET_DAY 5
#define RH_BUCKET_HOUR 6
#define RH_BUCKET_MINUTE 7

struct rh_group {
    uint32_t column;
    uint32_t bucket; /* RH_BUCKET_* */
};

/*
 * NULL and MISSING are left out; over no values COUNT gives 0 and the rest NULL.
 *   COUNT   INT    of rows when column is RH_NO_COLUMN, else of values
 *   SUM     FLOAT for FLOAT, else DECIMAL (exact; no overflow)
 *   AVG     FLOAT for FLOAT, else DECIMAL rounded half away from zero to 6 digits after the point
 *   MIN MAX the column's type; text by code point
 */
#define RH_AGG_COUNT 1
#define RH_AGG_SUM 2
#define RH_AGG_AVG 3
#define RH_AGG_MIN 4
#define RH_AGG_MAX 5
#define RH_N_AGGS 6

struct rh_aggregate {
    uint32_t function; /* RH_AGG_* */
    uint32_t column;   /* RH_NO_COLUMN with COUNT */
    uint32_t distinct; /* 1: over distinct values */
    uint32_t type;     /* RH_TYPE_* of the result, see above */
};

/* ---- The query --------------------------------------------------------------------------- */

/* rh_query.flags. Low 16 bits must be understood, high 16 may be ignored. */
#define RH_QUERY_DISTINCT 0x0001u     /* distinct rows of the output; text by code point */
#define RH_QUERY_LOCK 0x0002u         /* keep the rows from changing until the transaction ends */
#define RH_QUERY_ROW_GOAL 0x00010000u /* row_goal is a hint of how many rows will be read */

#define RH_NO_LIMIT ((uint64_t)-1)

/*
 * Output: in a grouped query (n_groups + n_aggregates > 0) the groups, then the aggregates; else
 * the columns of `select`, in that order.
 * Meaning, in this order: conjuncts, groups, having, distinct, order, offset, limit.
 */
struct rh_query {
    uint32_t struct_size;
    uint32_t flags;
    struct rh_text schema;
    struct rh_text table;
    const struct rh_column *columns; /* every column the query mentions */
    uint32_t n_columns;
    uint32_t column_stride;
    const uint32_t *select; /* positions in columns */
    uint32_t n_select;
    uint32_t n_conjuncts;
    const uint32_t *conjuncts; /* positions of nodes; all must hold */
    const struct rh_node *nodes;
    uint32_t n_nodes;
    uint32_t n_values;
    const struct rh_value *values;
    const struct rh_semijoin *semijoins;
    uint32_t n_semijoins;
    uint32_t semijoin_stride;
    const struct rh_group *groups;
    const struct rh_aggregate *aggregates;
    uint32_t n_groups;
    uint32_t n_aggregates;
    const uint32_t *having; /* positions of nodes */
    uint32_t n_having;
    uint32_t n_order;
    const struct rh_order *order;
    uint64_t limit; /* RH_NO_LIMIT */
    uint64_t offset;
    uint64_t row_goal;
};

/* ---- The connector's answer -------------------------------------------------------------- */

#define RH_VERDICT_NONE 0     /* not used below */
#define RH_VERDICT_SUPERSET 1 /* never loses a row for which it holds; may return others */
#define RH_VERDICT_EXACT 2    /* precisely the rows for which it holds */

/* rh_plan.accepts */
#define RH_ACCEPT_GROUPS 0x01u /* groups and aggregates, all of them */
#define RH_ACCEPT_HAVING 0x02u
#define RH_ACCEPT_DISTINCT 0x04u
#define RH_ACCEPT_OFFSET 0x08u
#define RH_ACCEPT_LIMIT 0x10u

/* Allocated and zeroed by the host. A claim above the connector's `operators` table is a breach of
 * contract: it is logged and treated as NONE. The host alone decides what is legal together. */
struct rh_plan {
    uint32_t struct_size;
    uint32_t accepts;  /* RH_ACCEPT_* */
    uint8_t *verdicts; /* one per conjunct of the query, RH_VERDICT_* */
    uint32_t n_order;  /* length of the accepted prefix of the order */
    uint32_t n_needs;  /* with RH_NEEDS_KEYS: how many of `needs` are set */
    uint32_t *needs;   /* room for n_columns: positions of columns without which it won't scan */
    int64_t est_rows;  /* expected rows, -1 = not known */
};

#ifdef __cplusplus
}
#endif
