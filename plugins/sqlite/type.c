/*
 * Declared types by the words in them, as SQLite itself finds affinities. A TEXT column whose
 * affinity would turn digits into numbers ("STRING") is opaque: its values are not what was stored.
 */
#include "type.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

static bool has_word(struct rh_text text, const char *word)
{
    size_t n = strlen(word);

    for (uint64_t i = 0; i + n <= text.len; i++) {
        if (strncasecmp(text.data + i, word, n) == 0)
            return true;
    }
    return false;
}

static bool is_word(struct rh_text text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.data, word, text.len) == 0;
}

static uint32_t affinity_of(struct rh_text text)
{
    if (has_word(text, "INT"))
        return RH_SQLITE_INTEGER;
    if (has_word(text, "CHAR") || has_word(text, "CLOB") || has_word(text, "TEXT"))
        return RH_SQLITE_TEXT;
    if (has_word(text, "BLOB") || text.len == 0)
        return RH_SQLITE_BLOB;
    if (has_word(text, "REAL") || has_word(text, "FLOA") || has_word(text, "DOUB"))
        return RH_SQLITE_REAL;
    return RH_SQLITE_NUMERIC;
}

static uint32_t type_of(struct rh_text text, uint32_t affinity)
{
    bool zoned = has_word(text, "TIMESTAMPTZ") || has_word(text, "WITH TIME ZONE");

    if (affinity == RH_SQLITE_INTEGER)
        return RH_TYPE_INT;
    if (affinity == RH_SQLITE_REAL)
        return RH_TYPE_FLOAT;
    if (has_word(text, "TIMESTAMP"))
        return zoned ? RH_TYPE_TIMESTAMP : RH_TYPE_DATETIME;
    if (has_word(text, "DATETIME"))
        return RH_TYPE_DATETIME;
    if (has_word(text, "DATE"))
        return RH_TYPE_DATE;
    if (has_word(text, "TIME"))
        return RH_TYPE_TIME;
    if (has_word(text, "UUID") || has_word(text, "GUID"))
        return RH_TYPE_UUID;
    if (has_word(text, "JSON"))
        return RH_TYPE_JSON;
    if (affinity == RH_SQLITE_NUMERIC && has_word(text, "BOOL"))
        return RH_TYPE_BOOL;
    if (affinity == RH_SQLITE_NUMERIC && (has_word(text, "DECIMAL") || has_word(text, "NUM")))
        return RH_TYPE_DECIMAL;
    if (affinity == RH_SQLITE_BLOB && text.len && !is_word(text, "ANY"))
        return RH_TYPE_BYTES;
    return RH_TYPE_TEXT;
}

/* "(10, 2)" behind the name; nothing is set when it is anything else. */
static void set_digits(struct rh_column *column)
{
    struct rh_text rest = column->native_type, precision;
    int64_t p = 0, s = 0;

    rh_text_cut(&rest, '(');
    if (!rest.data)
        return;
    rest = rh_text_trim(rest);
    if (!rh_text_ends(rest, ")"))
        return;
    rest.len--;
    precision = rh_text_cut(&rest, ',');
    if (!rh_text_to_i64(rh_text_trim(precision), &p) || p < 1 || p > 1000)
        return;
    if (rest.data && (!rh_text_to_i64(rh_text_trim(rest), &s) || s < 0 || s > p))
        return;
    column->precision = (uint32_t)p;
    column->scale = (uint32_t)s;
}

void rh_sqlite_type_set(struct rh_column *column, bool strict)
{
    struct rh_text text = rh_text_trim(column->native_type);
    uint32_t affinity = affinity_of(text);

    if (strict && is_word(text, "ANY"))
        affinity = RH_SQLITE_BLOB;
    column->type = type_of(text, affinity);
    column->native_id = affinity;
    if (strict && !is_word(text, "ANY"))
        column->native_id |= RH_SQLITE_PURE;
    if (column->type == RH_TYPE_TEXT && affinity != RH_SQLITE_TEXT)
        column->flags |= RH_COLUMN_OPAQUE;
    if (column->type == RH_TYPE_DECIMAL)
        set_digits(column);
}
