/*
 * Type oids of PostgreSQL that have a meaning here (catalog/pg_type.dat). They are fixed for ever.
 */
#pragma once

#define PG_OID_BOOL 16u
#define PG_OID_BYTEA 17u
#define PG_OID_CHAR 18u /* "char", one byte */
#define PG_OID_NAME 19u
#define PG_OID_INT8 20u
#define PG_OID_INT2 21u
#define PG_OID_INT4 23u
#define PG_OID_TEXT 25u
#define PG_OID_OID 26u
#define PG_OID_JSON 114u
#define PG_OID_FLOAT4 700u
#define PG_OID_FLOAT8 701u
#define PG_OID_MONEY 790u
#define PG_OID_BPCHAR 1042u
#define PG_OID_VARCHAR 1043u
#define PG_OID_DATE 1082u
#define PG_OID_TIME 1083u
#define PG_OID_TIMESTAMP 1114u
#define PG_OID_TIMESTAMPTZ 1184u
#define PG_OID_INTERVAL 1186u
#define PG_OID_NUMERIC 1700u
#define PG_OID_UUID 2950u
#define PG_OID_JSONB 3802u
