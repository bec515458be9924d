/*
 * The tables of the oracle: the suite's specimens, and columns of types and collations that only
 * their source knows.
 */
#include "oracle.h"

#include "base/text.h"

#include <string.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define NATIVE(name_, type_, values_)                                                              \
    {                                                                                              \
        .column = {.name = RH_TEXT_INIT(name_), .type = (type_)}, .pool = {(values_), N(values_) } \
    }
#define T(literal)                                                                                 \
    {                                                                                              \
        .type = RH_TYPE_TEXT, .len = sizeof(literal) - 1, .as.data = (literal)                     \
    }
#define J(literal)                                                                                 \
    {                                                                                              \
        .type = RH_TYPE_JSON, .len = sizeof(literal) - 1, .as.data = (literal)                     \
    }
#define I(value)                                                                                   \
    {                                                                                              \
        .type = RH_TYPE_INT, .as.i = (value)                                                       \
    }
#define F(value)                                                                                   \
    {                                                                                              \
        .type = RH_TYPE_FLOAT, .as.f = (value)                                                     \
    }

static const struct rh_value texts[] = {
    T(""),    T("a"),         T("A"), T("b"), T("B"),    T("a "),   T(" a"),  T("á"),
    T("Á"),   T("a\xcc\x81"), T("ß"), T("ẞ"), T("ss"),   T("SS"),   T("i"),   T("I"),
    T("İ"),   T("ı"),         T("σ"), T("ς"), T("😀"),    T("a%b"),  T("a_b"), T("abc"),
    T("ABC"), T("aBc"),       T("z"), T("Z"), T("it's"), T("a\\b"), T("0"),   T("10"),
};
static const struct rh_value codes[] = {T("a"), T("A"), T("b"), T("á"), T("B"), T(""), T("zz")};
static const struct rh_value smalls[] = {I(0), I(1), I(2), I(3), I(4)};
static const struct rh_value halves[] = {F(0.0), F(0.5), F(-1.25), F(1024.0), F(3.0)};
static const struct rh_value docs[] = {J("[]"),           J("[1,2]"), J("{}"),    J("null"),
                                       J("[\"a\",null]"), J("1"),     J("[1.0]"), J("\"\"")};

static const struct rh_specimen_column columns[] = {
    {.column = {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
     .pool = {smalls, N(smalls)}},
    NATIVE("nocase", RH_TYPE_TEXT, texts),
    NATIVE("rtrim", RH_TYPE_TEXT, texts),
    NATIVE("icu", RH_TYPE_TEXT, texts),
    NATIVE("c", RH_TYPE_TEXT, codes),
    NATIVE("two", RH_TYPE_INT, smalls),
    NATIVE("four", RH_TYPE_INT, smalls),
    NATIVE("single", RH_TYPE_FLOAT, halves),
    NATIVE("text_json", RH_TYPE_JSON, docs),
};

static const struct {
    const char *kind;
    const char *types[N(columns)];
} natives[] = {
    {"sqlite",
     {NULL, "TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM", "VARCHAR(40)", "CLOB COLLATE BINARY",
      "SMALLINT", "INT", "REAL", "JSON"}},
    {"postgres",
     {NULL, "text COLLATE oracle_ci", "varchar(40)", "text COLLATE oracle_en",
      "text COLLATE oracle_c", "int2", "int4", "float4", "json"}},
    {"mysql",
     {NULL, "varchar(40) COLLATE utf8mb4_unicode_ci", "varchar(40) COLLATE utf8mb4_bin",
      "text COLLATE utf8mb4_swedish_ci", "varchar(40) COLLATE latin1_swedish_ci", "smallint",
      "int unsigned", "float", "json"}},
};

static const uint32_t key[] = {0};
static const struct rh_specimen own = {.name = "natives",
                                       .columns = columns,
                                       .n_columns = N(columns),
                                       .key = key,
                                       .n_key = 1,
                                       .n_rows = 90};

const struct rh_specimen *const data_tables[] = {
    &rh_specimens[0], &rh_specimens[1], &rh_specimens[2], &rh_specimens[3], &own, &rh_specimens[4]};
const uint32_t n_data_tables = N(data_tables);

const char *data_native(const struct rh_specimen *table, uint32_t column, const char *kind)
{
    for (size_t i = 0; table == &own && i < N(natives); i++)
        if (strcmp(natives[i].kind, kind) == 0)
            return natives[i].types[column];
    return NULL;
}
