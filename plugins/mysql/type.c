/*
 * See type.h. native_id is the kind in its low byte and, for texts, the encoding in the next (its
 * position in `charsets`, from 1; the highest bit is RH_MY_PADDED_BINARY) and a hash of the collation's name above: texts of the same
 * native_id compare with each other.
 *
 *   native type                         type       notes
 *   tinyint(1)                          BOOL       a cell other than 0 and 1 is an INT
 *   tinyint … bigint, year              INT
 *   bigint unsigned, bit(64)            UINT
 *   bit(1), bit(2 … 63)                 BOOL, INT
 *   float double, decimal               FLOAT, DECIMAL
 *   char varchar …text enum set         TEXT
 *   binary varbinary …blob              BYTES
 *   date datetime timestamp             DATE DATETIME TIMESTAMP; a date with a zero in it
 *                                       ("0000-00-00", "2024-02-00") is a TEXT cell, which keeps it
 *   datetime with the comment "UTC"     TIMESTAMP
 *   binary(16) with the comment "UUID"  UUID
 *   time                                TIME; below 00:00 and above 24:00 an INTERVAL cell
 *   json                                JSON, also MariaDB's longtext with a json_valid check
 *   uuid, inet4, inet6                  UUID, TEXT, TEXT (opaque)
 *   point, geometry, …                  BYTES (opaque): SRID and WKB, as they are stored
 *   everything else                     TEXT (opaque)
 */
#include "type.h"

#include <string.h>
#include <strings.h>

static const char *const charsets[] = {
    NULL,       "utf8mb4", "utf8mb3", "latin1", "ascii",   "latin2",   "latin5",  "latin7", "utf8",
    "ucs2",     "utf16",   "utf16le", "utf32",  "cp1250",  "cp1251",   "cp1256",  "cp1257", "cp850",
    "cp852",    "cp866",   "cp932",   "dec8",   "eucjpms", "euckr",    "gb18030", "gb2312", "gbk",
    "big5",     "geostd8", "greek",   "hebrew", "hp8",     "keybcs2",  "koi8r",   "koi8u",  "macce",
    "macroman", "sjis",    "swe7",    "tis620", "ujis",    "armscii8",
};
#define N_CHARSETS (sizeof charsets / sizeof charsets[0])

static const struct {
    const char *name;
    enum rh_my_kind kind;
    uint32_t type;
} known[] = {
    {"tinyint", RH_MY_INTEGER, RH_TYPE_INT},
    {"smallint", RH_MY_INTEGER, RH_TYPE_INT},
    {"mediumint", RH_MY_INTEGER, RH_TYPE_INT},
    {"int", RH_MY_INTEGER, RH_TYPE_INT},
    {"bigint", RH_MY_INTEGER, RH_TYPE_INT},
    {"year", RH_MY_YEAR, RH_TYPE_INT},
    {"bit", RH_MY_BIT, RH_TYPE_INT},
    {"float", RH_MY_FLOAT, RH_TYPE_FLOAT},
    {"double", RH_MY_FLOAT, RH_TYPE_FLOAT},
    {"decimal", RH_MY_DECIMAL, RH_TYPE_DECIMAL},
    {"char", RH_MY_CHAR, RH_TYPE_TEXT},
    {"varchar", RH_MY_VARCHAR, RH_TYPE_TEXT},
    {"tinytext", RH_MY_VARCHAR, RH_TYPE_TEXT},
    {"text", RH_MY_VARCHAR, RH_TYPE_TEXT},
    {"mediumtext", RH_MY_VARCHAR, RH_TYPE_TEXT},
    {"longtext", RH_MY_VARCHAR, RH_TYPE_TEXT},
    {"enum", RH_MY_ENUM, RH_TYPE_TEXT},
    {"set", RH_MY_SET, RH_TYPE_TEXT},
    {"binary", RH_MY_BINARY, RH_TYPE_BYTES},
    {"varbinary", RH_MY_BINARY, RH_TYPE_BYTES},
    {"tinyblob", RH_MY_BINARY, RH_TYPE_BYTES},
    {"blob", RH_MY_BINARY, RH_TYPE_BYTES},
    {"mediumblob", RH_MY_BINARY, RH_TYPE_BYTES},
    {"longblob", RH_MY_BINARY, RH_TYPE_BYTES},
    {"date", RH_MY_DATE, RH_TYPE_DATE},
    {"time", RH_MY_TIME, RH_TYPE_TIME},
    {"datetime", RH_MY_DATETIME, RH_TYPE_DATETIME},
    {"timestamp", RH_MY_TIMESTAMP, RH_TYPE_TIMESTAMP},
    {"json", RH_MY_JSON, RH_TYPE_JSON},
    {"uuid", RH_MY_UUID, RH_TYPE_UUID},
    {"geometry", RH_MY_GEOMETRY, RH_TYPE_BYTES},
    {"point", RH_MY_GEOMETRY, RH_TYPE_BYTES},
    {"linestring", RH_MY_GEOMETRY, RH_TYPE_BYTES},
    {"polygon", RH_MY_GEOMETRY, RH_TYPE_BYTES},
    {"multipoint", RH_MY_GEOMETRY, RH_TYPE_BYTES},
    {"multilinestring", RH_MY_GEOMETRY, RH_TYPE_BYTES},
    {"multipolygon", RH_MY_GEOMETRY, RH_TYPE_BYTES},
    {"geometrycollection", RH_MY_GEOMETRY, RH_TYPE_BYTES},
    {"geomcollection", RH_MY_GEOMETRY, RH_TYPE_BYTES},
};

static bool is_word(struct rh_text text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.data, word, text.len) == 0;
}

static uint32_t charset_number(struct rh_text name)
{
    for (uint32_t i = 1; i < N_CHARSETS; i++) {
        if (is_word(name, charsets[i]))
            return i;
    }
    return 0;
}

const char *rh_my_charset(const struct rh_column *column)
{
    uint32_t number = column->native_id >> 8 & 0x7f;

    return number < N_CHARSETS ? charsets[number] : NULL;
}

bool rh_my_is_utf8(const struct rh_column *column)
{
    const char *name = rh_my_charset(column);
    enum rh_my_kind kind = rh_my_kind_of(column);

    if (kind < RH_MY_CHAR || kind > RH_MY_SET)
        return true;
    return name && (strcmp(name, "utf8mb4") == 0 || strcmp(name, "utf8mb3") == 0 ||
                    strcmp(name, "utf8") == 0);
}

/* Collations of UTF-8 that compare code points, and in which a blank at the end counts. */
static bool is_by_code_point(struct rh_text collation)
{
    return is_word(collation, "utf8mb4_nopad_bin") || is_word(collation, "utf8mb3_nopad_bin") ||
           is_word(collation, "utf8_nopad_bin") || is_word(collation, "utf8mb4_0900_bin");
}

static uint32_t hash_of(struct rh_text name)
{
    uint32_t hash = 0x811c9dc5u;

    for (uint64_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 0x01000193u;
    return (hash ^ hash >> 16) & 0xffff;
}

static void describe_number(const struct rh_my_described *from, struct rh_column *column)
{
    enum rh_my_kind kind = rh_my_kind_of(column);

    if (kind == RH_MY_DECIMAL) {
        column->precision = (uint32_t)from->precision;
        column->scale = (uint32_t)from->scale;
    } else if (kind == RH_MY_BIT) {
        if (from->precision == 1)
            column->type = RH_TYPE_BOOL;
        else if (from->precision == 64)
            column->type = RH_TYPE_UINT;
    } else if (rh_text_is(from->column_type, "tinyint(1)")) {
        column->type = RH_TYPE_BOOL;
        column->native_id = RH_MY_TINY_BOOL;
    } else if (is_word(from->data_type, "bigint") &&
               memmem(from->column_type.data, from->column_type.len, "unsigned", 8)) {
        column->type = RH_TYPE_UINT;
    }
}

void rh_my_describe(const struct rh_my_described *from, struct rh_column *column)
{
    enum rh_my_kind kind = RH_MY_OTHER;

    column->type = RH_TYPE_TEXT;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (is_word(from->data_type, known[i].name)) {
            kind = known[i].kind;
            column->type = known[i].type;
        }
    }
    if (from->json && kind == RH_MY_VARCHAR) {
        kind = RH_MY_JSON;
        column->type = RH_TYPE_JSON;
    }
    if (kind == RH_MY_DATETIME && rh_text_is(from->comment, RH_MY_UTC))
        column->type = RH_TYPE_TIMESTAMP;
    if (rh_text_is(from->column_type, "binary(16)") && rh_text_is(from->comment, RH_MY_UUID_BYTES))
        column->type = RH_TYPE_UUID;
    column->native_id = kind;
    if (kind == RH_MY_GEOMETRY || kind == RH_MY_OTHER)
        column->flags |= RH_COLUMN_OPAQUE;
    if (kind >= RH_MY_TINY_BOOL && kind <= RH_MY_DECIMAL)
        describe_number(from, column);
    if (kind >= RH_MY_CHAR && kind <= RH_MY_SET)
        column->native_id |= charset_number(from->charset) << 8 | hash_of(from->collation) << 16;
    if (rh_text_ends(from->collation, "_bin") && !is_by_code_point(from->collation))
        column->native_id |= RH_MY_PADDED_BINARY;
    if (kind == RH_MY_VARCHAR && is_by_code_point(from->collation))
        column->flags |= RH_COLUMN_BINARY_ORDER | RH_COLUMN_EXACT_EQUAL;
    if ((kind == RH_MY_CHAR || kind == RH_MY_VARCHAR || kind == RH_MY_BINARY) &&
        from->max_length < UINT32_MAX)
        column->max_length = (uint32_t)from->max_length;
}
