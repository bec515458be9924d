/*
 * The statements of catalog.c, and the positions of what they select. Every output is text. $1 is
 * the JSON array of schemas, or NULL.
 */
#pragma once

#define RELATIONS " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
#define VISIBLE                                                                                    \
    " c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition"                             \
    " AND CASE WHEN $1::jsonb IS NULL"                                                             \
    " THEN n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"                              \
    " ELSE n.nspname IN (SELECT jsonb_array_elements_text($1::jsonb)) END"                         \
    " AND has_schema_privilege(n.oid, 'USAGE')"                                                    \
    " AND (has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE')"                           \
    " OR has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE'))"

/* Domains down to their base type; a type modifier of an inner domain counts. A domain that is NOT
 * NULL says nothing about a column: an outer join in a view makes NULLs of its type. A table's column
 * without a default has that of its domain. */
static const char columns_sql[] =
    "WITH RECURSIVE d (domain, base, typmod) AS ("
    "SELECT oid, typbasetype, typtypmod FROM pg_type WHERE typtype = 'd'"
    " UNION ALL SELECT d.domain, t.typbasetype, CASE WHEN d.typmod = -1 THEN t.typtypmod"
    " ELSE d.typmod END"
    " FROM d JOIN pg_type t ON t.oid = d.base AND t.typtype = 'd'),"
    " base AS MATERIALIZED (SELECT d.* FROM d JOIN pg_type t ON t.oid = d.base"
    " AND t.typtype <> 'd'),"
    " db AS (SELECT datcollate, to_jsonb(pg_database)->>'datlocprovider' AS provider"
    " FROM pg_database WHERE datname = current_database()),"
    " coll AS MATERIALIZED (SELECT k.oid, k.collisdeterministic AS exact, CASE k.collprovider"
    " WHEN 'd' THEN coalesce(db.provider, 'c') = 'b' OR (coalesce(db.provider, 'c') = 'c'"
    " AND db.datcollate IN ('C', 'POSIX'))"
    " WHEN 'c' THEN coalesce(k.collcollate IN ('C', 'POSIX'), false)"
    " ELSE k.collprovider = 'b' END AS by_code_point FROM pg_collation k, db),"
    " sortable AS MATERIALIZED (SELECT DISTINCT opcintype FROM pg_opclass"
    " WHERE opcmethod = 403 AND opcdefault)"
    " SELECT c.oid::text, n.nspname::text, c.relname::text, c.relkind::text,"
    " c.reltuples::float8::bigint::text, td.description,"
    " CASE WHEN c.relkind IN ('v', 'f') THEN pg_relation_is_updatable(c.oid, true) & 28"
    " ELSE 28 END::text,"
    " a.attnum::text, a.attname::text, format_type(a.atttypid, a.atttypmod),"
    " t.oid::text, (CASE WHEN base.base IS NULL THEN a.atttypmod ELSE base.typmod END)::text,"
    " t.typtype::text, t.typcategory::text, t.typname::text,"
    " a.attnotnull::text,"
    " coalesce(pg_get_expr(ad.adbin, ad.adrelid), own.typdefault), a.attidentity::text, "
    "a.attgenerated::text,"
    " cd.description, coalesce(coll.by_code_point, false)::text,"
    " coalesce(coll.exact, false)::text,"
    " (t.typtype IN ('e', 'r', 'm') OR t.typname = 'cidr' OR sortable.opcintype IS NOT "
    "NULL)::text" RELATIONS
    " LEFT JOIN pg_description td ON td.objoid = c.oid AND td.classoid = 'pg_class'::regclass"
    " AND td.objsubid = 0"
    " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN base ON base.domain = a.atttypid"
    " LEFT JOIN pg_type t ON t.oid = coalesce(base.base, a.atttypid)"
    " LEFT JOIN pg_type own ON own.oid = a.atttypid AND own.typtype = 'd'"
    " AND c.relkind IN ('r', 'p')"
    " LEFT JOIN pg_attrdef ad ON ad.adrelid = c.oid AND ad.adnum = a.attnum AND a.atthasdef"
    " LEFT JOIN pg_description cd ON cd.objoid = c.oid AND cd.classoid = 'pg_class'::regclass"
    " AND cd.objsubid = a.attnum"
    " LEFT JOIN coll ON coll.oid = a.attcollation"
    " LEFT JOIN sortable ON sortable.opcintype = t.oid"
    " WHERE" VISIBLE " ORDER BY n.nspname, c.relname, c.oid, a.attnum";

enum {
    COLUMN_TABLE_OID,
    COLUMN_SCHEMA,
    COLUMN_TABLE,
    COLUMN_KIND,
    COLUMN_TUPLES,
    COLUMN_TABLE_COMMENT,
    COLUMN_UPDATABLE,
    COLUMN_NUMBER,
    COLUMN_NAME,
    COLUMN_NATIVE_TYPE,
    COLUMN_TYPE_OID,
    COLUMN_TYPMOD,
    COLUMN_TYPTYPE,
    COLUMN_CATEGORY,
    COLUMN_TYPNAME,
    COLUMN_NOT_NULL,
    COLUMN_DEFAULT,
    COLUMN_IDENTITY,
    COLUMN_GENERATED,
    COLUMN_COMMENT,
    COLUMN_BY_CODE_POINT,
    COLUMN_EXACT,
    COLUMN_SORTABLE,
};

static const char indexes_sql[] =
    "SELECT c.oid::text, ic.relname::text, i.indisprimary::text, i.indisunique::text,"
    " (i.indpred IS NOT NULL)::text, k.number::text" RELATIONS
    " JOIN pg_index i ON i.indrelid = c.oid AND i.indisvalid AND i.indislive"
    " AND i.indexprs IS NULL"
    " JOIN pg_class ic ON ic.oid = i.indexrelid AND ic.relam = 403"
    " CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, position)"
    " WHERE k.position <= i.indnkeyatts AND" VISIBLE
    " ORDER BY c.oid, i.indisprimary DESC, ic.relname, ic.oid, k.position";

enum {
    INDEX_TABLE_OID,
    INDEX_NAME,
    INDEX_PRIMARY,
    INDEX_UNIQUE,
    INDEX_PARTIAL,
    INDEX_NUMBER,
};

static const char foreign_keys_sql[] =
    "SELECT c.oid::text, f.oid::text, f.conname::text, rn.nspname::text, rc.relname::text,"
    " k.number::text, ra.attname::text" RELATIONS
    " JOIN pg_constraint f ON f.conrelid = c.oid AND f.contype = 'f' AND f.conparentid = 0"
    " JOIN pg_class rc ON rc.oid = f.confrelid"
    " JOIN pg_namespace rn ON rn.oid = rc.relnamespace"
    " CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY AS k (number, other, position)"
    " JOIN pg_attribute ra ON ra.attrelid = f.confrelid AND ra.attnum = k.other"
    " WHERE" VISIBLE " ORDER BY c.oid, f.conname, f.oid, k.position";

enum {
    KEY_TABLE_OID,
    KEY_OID,
    KEY_NAME,
    KEY_REF_SCHEMA,
    KEY_REF_TABLE,
    KEY_NUMBER,
    KEY_REF_COLUMN,
};

static const char enums_sql[] = "SELECT enumtypid::text, enumlabel::text"
                                " FROM pg_enum ORDER BY enumtypid, enumsortorder";

static const char schema_sql[] = "SELECT current_schema()::text";
