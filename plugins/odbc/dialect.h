/*
 * Dialects: what a database's SQL can say, as data and a few hooks. Nothing in these files needs a
 * connection, so that texts can be made (and tested) without the database.
 *
 * A dialect is chosen by SQL_DBMS_NAME or by setting. What depends on a comparison of texts is
 * claimed only when the database is the one that the dialect was written for (`genuine`): a dialect
 * set for another product gets the host to do it.
 */
#pragma once

#include "connector/sql.h"

#include <stdbool.h>
#include <stdint.h>

struct rh_odbc_dialect;

/* What the hooks see of the connection (rh_sql.state). */
struct rh_odbc_traits {
    const struct rh_odbc_dialect *dialect;
    bool genuine;          /* the database says itself that it is the dialect's */
    bool code_point_order; /* its encoding sorts by code point, where the dialect relies on it */
    uint32_t major;        /* version of the database, 0 = not known */
};

/* How exactly texts compare in the VALUE form. */
enum rh_odbc_texts {
    RH_ODBC_TEXT_LOOSE,   /* "=" finds all that are equal, and others */
    RH_ODBC_TEXT_EQUAL,   /* "=" is by code point */
    RH_ODBC_TEXT_ORDERED, /* "<" as well */
};

/* What the word schema means there. */
enum rh_odbc_schemas {
    RH_ODBC_SCHEMAS_NONE,
    RH_ODBC_SCHEMAS,          /* schemas */
    RH_ODBC_SCHEMAS_CATALOGS, /* databases of the server */
};

/* A native error number, or words of the message, and what they mean. */
struct rh_odbc_native_error {
    int32_t code;
    const char *words; /* when not NULL, instead of code */
    int error_class;   /* 0 ends the list */
    uint32_t constraint;
};

struct rh_odbc_dialect {
    const char *id;
    const char *language;     /* of native statements */
    const char *const *names; /* SQL_DBMS_NAME contains one of them; NULL ends */
    struct rh_sql_dialect sql;
    const struct rh_odbc_native_error *native_errors;
    enum rh_odbc_texts texts;
    enum rh_odbc_schemas schemas;
    bool utf16_texts;         /* a sign of a pattern is a UTF-16 unit */
    bool exact_like;          /* LIKE on the VALUE form is by code point */
    bool own_text_seek;       /* "<" compares texts as ORDER BY sorts them */
    bool typed_cells;         /* cells have the declared type (not so in SQLite) */
    bool dates_as_text;       /* dates and times are exchanged as ISO texts */
    bool far_dates;           /* … also of years before 1, and infinite ones */
    bool ints_as_text;        /* the driver has no 64-bit integers */
    bool empty_is_null;       /* '' is NULL */
    uint32_t decimal_digits;  /* that a decimal column keeps; 0 = as many as it declares */
    uint32_t decimal_scale;   /* digits behind the point of any decimal; 0 = no such limit */
    bool nan_is_null;         /* it keeps NULL for a NaN */
    bool exact_decimals;      /* literals keep their digits against a decimal column */
    bool exact_floats;        /* doubles compare as doubles */
    bool exact_bytes;         /* bytes compare without padding, in order */
    bool ordered_uuids;       /* uuids sort by their bytes */
    bool exact_sums;          /* SUM of whole numbers and decimals is exact (sql.aggregate) */
    bool sorts_long;          /* long texts can be sorted and grouped */
    bool counts_rows;         /* has no limits: the connector counts rows itself */
    bool lock_unpaged;        /* FOR UPDATE stands with no limit: then it counts, too */
    uint32_t paging_since;    /* the first version with limits, 0 = all */
    uint32_t max_text_bytes;  /* of a literal; 0 = no limit */
    uint32_t key_length;      /* of a text without a limit that is made as a key; 0 = as others */
    bool on_conflict;         /* INSERT … ON CONFLICT is its upsert */
    bool tx_ddl;              /* tables are made and changed within transactions */
    bool read_only_native;    /* `read_only` makes the source refuse changes by any statement */
    const char *lock_clause;  /* behind the statement, or NULL: see sql.lock_hint */
    const char *const *setup; /* statements for a new session, NULL ends; may be NULL */
    const char *read_only;    /* first statement of a read-only transaction, or NULL */
    const char *read_write;   /* … and behind its end, where it outlasts it; or NULL */
    uint32_t snapshot;        /* SQL_TXN_*: all reads see one state; 0 = none */
    const char *savepoint, *rollback_to, *release; /* %u: number; release may be NULL */
    const char *last_identity;  /* SELECT of what the last INSERT counted, or NULL */
    const char *code_points;    /* SELECT of 1 or 0: sets `code_point_order`; or NULL: it does */
    const char *default_schema; /* SELECT of its name, or NULL */
    const char *ping;           /* NULL: SQLGetTypeInfo */
    /* SELECTs of the whole catalogue, or NULL: the driver's own functions, per table.
     * keys: schema, table, name, 'P' 'U' or 'F', position, column, and for F: schema, table, column
     * indexes: schema, table, name, 1 = unique, position, column, 1 = partial
     * extras: schema, table, column, and flags of letters: I identity, G generated, D default */
    const char *keys, *indexes, *extras;
    const char *system_schemas; /* not shown by itself: names between blanks */
};

extern const struct rh_odbc_dialect rh_odbc_generic, rh_odbc_postgres, rh_odbc_mysql,
    rh_odbc_sqlite, rh_odbc_sqlserver, rh_odbc_oracle, rh_odbc_db2, rh_odbc_firebird;

/* By id ("oracle"), NULL when there is none. [any] */
const struct rh_odbc_dialect *rh_odbc_dialect_named(const char *id);
/* By SQL_DBMS_NAME; the generic one when none fits. [any] */
const struct rh_odbc_dialect *rh_odbc_dialect_of(const char *dbms_name);
/* Whether the database's own name is one of the dialect's. */
bool rh_odbc_dialect_is(const struct rh_odbc_dialect *dialect, const char *dbms_name);

/* ---- rh_column.native_id ---- */

#define RH_ODBC_ID_LONG 0x01000000u     /* without a bound: CLOB, text, image */
#define RH_ODBC_ID_UNSIGNED 0x02000000u /* a whole number without a sign */

/* SQL type code, digits after the point of the second. */
static inline uint32_t rh_odbc_id(int16_t sql_type, uint8_t digits, uint32_t flags)
{
    return (uint32_t)(uint16_t)sql_type | (uint32_t)digits << 16 | flags;
}
static inline int16_t rh_odbc_id_type(const struct rh_column *column)
{
    return (int16_t)(uint16_t)(column->native_id & 0xffffu);
}
static inline uint32_t rh_odbc_id_digits(const struct rh_column *column)
{
    return (column->native_id >> 16) & 0xffu;
}

/* ---- shared by the dialects ---- */

/* Planning hooks; state is a struct rh_odbc_traits. */
uint32_t rh_odbc_exact(const void *state, const struct rh_column *column,
                       const struct rh_node *node, const struct rh_value *values, uint32_t upper);
bool rh_odbc_can(const void *state, const struct rh_column *column, enum rh_sql_use use,
                 uint32_t detail);
enum rh_sql_pair rh_odbc_pair(const void *state, const struct rh_column *a,
                              const struct rh_column *b);
#define RH_ODBC_N_OPERATORS 29
extern const struct rh_operator rh_odbc_operators[RH_ODBC_N_OPERATORS];

/* sum, min, max, count over the VALUE form; `sum_as`: the type that a whole number or decimal is
 * summed up in ("CAST(… AS sum_as)"), or NULL. */
void rh_odbc_aggregate(struct rh_sql *sql, const struct rh_column *column,
                       const struct rh_aggregate *aggregate, const char *sum_as);
/* The hook `aggregate` of dialects that need no such type. */
void rh_odbc_plain_aggregate(struct rh_sql *sql, const struct rh_column *column,
                             const struct rh_aggregate *aggregate, enum rh_sql_form form);
/* The hook `predicate` where one "=" on a text is enough: because it is by code point, or because it
 * is no exact one anyway. */
bool rh_odbc_plain_equal(struct rh_sql *sql, const struct rh_column *column,
                         const struct rh_node *node, const struct rh_value *values);
/* "ALTER TABLE …" and what it is to do. */
void rh_odbc_alter(struct rh_sql *sql, const struct rh_table *table, const char *action);
/* The name of a type from a list by RH_TYPE_*, with precision and scale or length where the
 * column has them; the native type when it is given. */
struct rh_odbc_types {
    const char *const *names; /* RH_N_TYPES */
    const char *decimal;      /* "NUMERIC": takes (precision,scale) */
    const char *varchar;      /* takes (length) for a text with a limit */
    uint32_t default_scale;   /* … of a decimal without: (38,default_scale) */
};
void rh_odbc_type_name(struct rh_sql *sql, const struct rh_column *column,
                       const struct rh_odbc_types *types);
/* CAST(? AS type). */
void rh_odbc_cast(struct rh_sql *sql, const struct rh_column *column, const struct rh_value *value,
                  enum rh_sql_form form, const char *type);
/* A cell of MERGE's source with the type of its column: names by RH_TYPE_*, NULL = as it is. */
void rh_odbc_source(struct rh_sql *sql, const struct rh_column *column,
                    const struct rh_value *value, const struct rh_odbc_types *types);
static inline bool rh_odbc_is_textual(const struct rh_column *column)
{
    return column && column->type == RH_TYPE_TEXT;
}
