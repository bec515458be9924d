/*
 * Tables with values at which sources differ: case, accents, trailing blanks, empty texts and NULL,
 * composed and decomposed letters, fold-equal letters, wildcards, 64-bit bounds, ties, dates before
 * 1582.
 */
#include "connector/conformance/specimen.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

#define T(literal)                                                                                 \
    {                                                                                              \
        .type = RH_TYPE_TEXT, .len = sizeof(literal) - 1, .as.data = (literal)                     \
    }
#define I(value)                                                                                   \
    {                                                                                              \
        .type = RH_TYPE_INT, .as.i = (value)                                                       \
    }
#define F(value)                                                                                   \
    {                                                                                              \
        .type = RH_TYPE_FLOAT, .as.f = (value)                                                     \
    }
#define D(literal)                                                                                 \
    {                                                                                              \
        .type = RH_TYPE_DECIMAL, .len = sizeof(literal) - 1, .as.data = (literal)                  \
    }
#define X(type_, value)                                                                            \
    {                                                                                              \
        .type = (type_), .as.i = (value)                                                           \
    }
#define R(literal)                                                                                 \
    {                                                                                              \
        .type = RH_TYPE_BYTES, .len = sizeof(literal) - 1, .as.data = (literal)                    \
    }
#define U(literal)                                                                                 \
    {                                                                                              \
        .type = RH_TYPE_UUID, .len = 16, .as.data = (literal)                                      \
    }
#define J(literal)                                                                                 \
    {                                                                                              \
        .type = RH_TYPE_JSON, .len = sizeof(literal) - 1, .as.data = (literal)                     \
    }
#define DAY_US INT64_C(86400000000)

static const struct rh_value texts[] = {
    T(""),           T(" "),           T("a"),
    T("A"),          T("b"),           T("B"),
    T("a "),         T(" a"),          T("á"),
    T("Á"),          T("a\xcc\x81"),   T("straße"),
    T("STRASSE"),    T("ß"),           T("ẞ"),
    T("s"),          T("S"),           T("ſ"),
    T("k"),          T("K"),           T("\xe2\x84\xaa"),
    T("i"),          T("I"),           T("İ"),
    T("ı"),          T("σ"),           T("ς"),
    T("Σ"),          T("😀"),           T("😀a"),
    T("日本"),       T("a%b"),         T("a_b"),
    T("axb"),        T("a\\b"),        T("100%"),
    T("abc"),        T("ABC"),         T("aBc"),
    T("ab"),         T("abcabc"),      T("é"),
    T("e\xcc\x81"),  T("z"),           T("Z"),
    T("\t"),         T("line\nbreak"), T("it's"),
    T("\"quoted\""), T("a\xc2\xa0"),   T("\xef\xbf\xbd"),
    T("0"),          T("10"),          T("9"),
    T("null"),       T("[a]"),         T("a*b"),
    T("a?b"),        T("x.y"),         T("(a|b)"),
    T("^a$"),
};
static const struct rh_value codes[] = {T("a"), T("A"), T("b"), T("á"), T("B"), T(""), T("zz")};
static const struct rh_value ints[] = {
    I(0),
    I(1),
    I(-1),
    I(2),
    I(3),
    I(7),
    I(10),
    I(100),
    I(-100),
    I(INT64_MAX),
    I(INT64_MIN),
    I(9007199254740993),
    I(9007199254740992),
    I(-9007199254740993),
    I(INT64_MAX - 1),
};
static const struct rh_value smalls[] = {I(0), I(1), I(2), I(3), I(4)};
static const struct rh_value prices[] = {
    D("0.0000"), D("1.0000"), D("-1.5000"), D("0.1000"),   D("99999999.9999"), D("10.0000"),
    D("9.9999"), D("2.5000"), D("-0.0001"), D("100.0000"), D("1.5000"),        D("0.3333"),
};
static const struct rh_value floats[] = {
    F(0.0),   F(1.5),  F(-2.25), F(0.1),  F(1e5),       F(3.14159),
    F(1e-10), F(-0.0), F(2.0),   F(-1e5), F(12345.678), F(0.30000000000000004),
};
static const struct rh_value bools[] = {X(RH_TYPE_BOOL, 0), X(RH_TYPE_BOOL, 1)};
static const struct rh_value days[] = {
    X(RH_TYPE_DATE, 0),       X(RH_TYPE_DATE, -1),      X(RH_TYPE_DATE, -141428),
    X(RH_TYPE_DATE, -141427), X(RH_TYPE_DATE, -719162), X(RH_TYPE_DATE, 2932896),
    X(RH_TYPE_DATE, 19782),   X(RH_TYPE_DATE, 19783),   X(RH_TYPE_DATE, 10957),
    X(RH_TYPE_DATE, 19723),   X(RH_TYPE_DATE, 19722),
};
#define MOMENTS(type)                                                                              \
    X(type, 0), X(type, -1), X(type, 1), X(type, 19782 * DAY_US), X(type, 19782 * DAY_US + 1),     \
        X(type, 19783 * DAY_US - 1), X(type, -141428 * DAY_US + 5), X(type, 1000000),              \
        X(type, 10957 * DAY_US + 45296 * INT64_C(1000000)), X(type, -719162 * DAY_US),             \
        X(type, 19782 * DAY_US + 3599999999), X(type, 19782 * DAY_US + 3600000000)
static const struct rh_value civils[] = {MOMENTS(RH_TYPE_DATETIME)};
static const struct rh_value instants[] = {MOMENTS(RH_TYPE_TIMESTAMP)};
static const struct rh_value clocks[] = {
    X(RH_TYPE_TIME, 0),           X(RH_TYPE_TIME, DAY_US - 1), X(RH_TYPE_TIME, 43200000000),
    X(RH_TYPE_TIME, 43200500000), X(RH_TYPE_TIME, 1),          X(RH_TYPE_TIME, 3600000000),
};
static const struct rh_value uuids[] = {
    U("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    U("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    U("\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0"),
    U("\x7f\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0"),
    U("\x80\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0"),
};
static const struct rh_value raws[] = {R(""), R("\0"), R("\0\xff"), R("abc"), R("\xff"), R("ab")};
static const struct rh_value docs[] = {
    J("[]"),        J("[1,2]"),          J("[\"a\",null]"),
    J("{}"),        J("null"),           J("\"\""),
    J("1"),         J("[1.0]"),          J("[[1]]"),
    J("{\"a\":1}"), J("[{\"a\":1}]"),    J("[\"A\"]"),
    J("\"a\""),     J("[true,\"á\",2]"), J("[0.5,100]"),
};
/* Only where they are exact. */
static const struct rh_value longs[] = {
    D("0.0000000000"),
    D("9999999999999999999999999999.9999999999"),
    D("1.0000000001"),
    D("-9999999999999999999999999999.9999999999"),
    D("0.0000000001"),
    D("1.0000000002"),
    D("12345678901234567890.0123456789"),
    D("12345678901234567890.0123456788"),
};
static const struct rh_value frees[] = {
    D("0"),
    D("1"),
    D("1.0"),
    D("1.00"),
    D("-0.5"),
    D("NaN"),
    D("1000000000000000000000000"),
    D("0.000000000000000000000000000001"),
    D("18446744073709551615"),
    D("9223372036854775808"),
};
static const struct rh_value wilds[] = {
    F(0.0),   F(-0.0),   F(1.5),  F((double)NAN), F((double)INFINITY), F(-(double)INFINITY),
    F(1e100), F(1e-300), F(-1.5),
};
static const struct rh_value spans[] = {
    X(RH_TYPE_DATE, -730119),   X(RH_TYPE_DATE, 10000000), X(RH_TYPE_DATE, INT64_MAX),
    X(RH_TYPE_DATE, INT64_MIN), X(RH_TYPE_DATE, 19782),    X(RH_TYPE_DATE, -719163),
};

#define POOL(values)                                                                               \
    {                                                                                              \
        (values), sizeof(values) / sizeof((values)[0])                                             \
    }
#define NN RH_COLUMN_NOT_NULL
#define COLUMN(name_, type_, flags_, pool_)                                                        \
    {                                                                                              \
        .column = {.name = RH_TEXT_INIT(name_), .type = (type_), .flags = (flags_)},               \
        .pool = POOL(pool_)                                                                        \
    }
#define DECIMAL(name_, precision_, scale_, pool_)                                                  \
    {                                                                                              \
        .column = {.name = RH_TEXT_INIT(name_),                                                    \
                   .type = RH_TYPE_DECIMAL,                                                        \
                   .precision = (precision_),                                                      \
                   .scale = (scale_)},                                                             \
        .pool = POOL(pool_)                                                                        \
    }

static const struct rh_specimen_column things[] = {
    COLUMN("id", RH_TYPE_INT, NN, smalls),
    COLUMN("name", RH_TYPE_TEXT, 0, texts),
    COLUMN("code", RH_TYPE_TEXT, NN, codes),
    COLUMN("n", RH_TYPE_INT, 0, ints),
    COLUMN("small", RH_TYPE_INT, NN, smalls),
    DECIMAL("price", 14, 4, prices),
    COLUMN("ratio", RH_TYPE_FLOAT, 0, floats),
    COLUMN("ok", RH_TYPE_BOOL, 0, bools),
    COLUMN("day", RH_TYPE_DATE, 0, days),
    COLUMN("civil", RH_TYPE_DATETIME, 0, civils),
    COLUMN("moment", RH_TYPE_TIMESTAMP, 0, instants),
    COLUMN("clock", RH_TYPE_TIME, 0, clocks),
    COLUMN("uid", RH_TYPE_UUID, 0, uuids),
    COLUMN("raw", RH_TYPE_BYTES, 0, raws),
    COLUMN("doc", RH_TYPE_JSON, 0, docs),
};
static const struct rh_specimen_column pairs[] = {
    COLUMN("a", RH_TYPE_TEXT, NN, texts),
    COLUMN("b", RH_TYPE_INT, NN, smalls),
    COLUMN("v", RH_TYPE_TEXT, 0, codes),
    DECIMAL("w", 14, 4, prices),
};
static const struct rh_specimen_column loose[] = {
    COLUMN("g", RH_TYPE_TEXT, 0, codes),
    COLUMN("n", RH_TYPE_INT, 0, smalls),
    COLUMN("day", RH_TYPE_DATE, 0, days),
};
static const struct rh_specimen_column nothing[] = {
    COLUMN("id", RH_TYPE_INT, NN, smalls),
    COLUMN("t", RH_TYPE_TEXT, 0, texts),
    COLUMN("n", RH_TYPE_INT, 0, ints),
};
static const struct rh_specimen_column exact[] = {
    COLUMN("id", RH_TYPE_INT, NN, smalls),  DECIMAL("long", 38, 10, longs),
    DECIMAL("free", 0, 0, frees),           COLUMN("wild", RH_TYPE_FLOAT, 0, wilds),
    COLUMN("span", RH_TYPE_DATE, 0, spans), COLUMN("g", RH_TYPE_INT, NN, smalls),
};

static const uint32_t first[] = {0}, both[] = {0, 1};

#define TABLE(name_, columns_)                                                                     \
    .name = (name_), .columns = (columns_), .n_columns = sizeof(columns_) / sizeof((columns_)[0])

const struct rh_specimen rh_specimens[] = {
    {TABLE("things", things), .key = first, .n_key = 1, .n_rows = 150},
    {TABLE("pairs", pairs), .key = both, .n_key = 2, .n_rows = 70},
    {TABLE("loose", loose), .n_rows = 40},
    {TABLE("nothing", nothing), .key = first, .n_key = 1},
    {TABLE("exact", exact), .key = first, .n_key = 1, .n_rows = 60, .exact_only = true},
};
const uint32_t rh_n_specimens = sizeof(rh_specimens) / sizeof(rh_specimens[0]);

/* Keys: id counts; (a, b) walks through all pairs of their pools. */
static struct rh_value key_cell(const struct rh_specimen *table, uint32_t row, uint32_t column)
{
    const struct rh_specimen_pool *pool = &table->columns[column].pool;

    if (table->n_key == 1)
        return (struct rh_value)I((int64_t)row * 3 - 7);
    return column == 0 ? pool->values[row % pool->n]
                       : pool->values[2 * (row / table->columns[0].pool.n) + row % 2];
}

struct rh_value *rh_specimen_cells(struct rh_arena *arena, const struct rh_specimen *table)
{
    struct rh_dice dice = {.state = 77 + table->n_columns};
    struct rh_value *cells =
        rh_arena_array(arena, (size_t)table->n_rows * table->n_columns, sizeof(*cells));
    struct rh_value *cell = cells;

    if (cells && table->cells)
        memcpy(cells, table->cells, (size_t)table->n_rows * table->n_columns * sizeof(*cells));
    if (table->cells)
        return cells;
    for (uint32_t row = 0; cells && row < table->n_rows; row++) {
        for (uint32_t c = 0; c < table->n_columns; c++, cell++) {
            const struct rh_specimen_column *column = &table->columns[c];
            if (c < table->n_key)
                *cell = key_cell(table, row, c);
            else if (!(column->column.flags & NN) && rh_dice_chance(&dice, 15))
                *cell = (struct rh_value){.type = RH_TYPE_NULL};
            else
                *cell = column->pool.values[rh_dice_below(&dice, column->pool.n)];
        }
    }
    return cells;
}
