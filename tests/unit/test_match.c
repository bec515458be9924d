/*
 * Text predicates against a naive matcher, and the folding against itself.
 */
#include "connector/match.h"

#include "base/text.h"
#include "lib/random.h"
#include "lib/tests.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- The naive twin: recursive, over decoded code points --------------------------------- */

static uint32_t take(struct rh_text *text, bool fold)
{
    uint32_t c = rh_match_next(text);
    return fold ? rh_match_fold(c) : c;
}

static bool naive_like(struct rh_text text, struct rh_text pattern, bool fold)
{
    if (pattern.len == 0)
        return text.len == 0;
    char first = pattern.data[0];
    if (first == '%') {
        pattern.data++, pattern.len--;
        for (;;) {
            if (naive_like(text, pattern, fold))
                return true;
            if (text.len == 0)
                return false;
            rh_match_next(&text);
        }
    }
    if (text.len == 0)
        return false;
    if (first == '_') {
        pattern.data++, pattern.len--;
        rh_match_next(&text);
        return naive_like(text, pattern, fold);
    }
    if (first == '\\') {
        pattern.data++, pattern.len--;
        if (pattern.len == 0)
            return false;
    }
    return take(&text, fold) == take(&pattern, fold) && naive_like(text, pattern, fold);
}

static bool naive_starts(struct rh_text text, struct rh_text pattern, bool fold)
{
    while (pattern.len)
        if (text.len == 0 || take(&text, fold) != take(&pattern, fold))
            return false;
    return true;
}

static bool naive(uint32_t op, struct rh_text text, struct rh_text pattern)
{
    bool fold = (op & RH_OP_FOLD) != 0;
    if (RH_OP_BASE(op) == RH_OP_LIKE)
        return naive_like(text, pattern, fold);
    if (RH_OP_BASE(op) == RH_OP_STARTS)
        return naive_starts(text, pattern, fold);
    for (;;) { /* at every place; ENDS: with the same number of code points on both sides */
        struct rh_text a = text, b = pattern;
        uint64_t n = 0, m = 0;
        for (; a.len; n++)
            rh_match_next(&a);
        for (; b.len; m++)
            rh_match_next(&b);
        if (naive_starts(text, pattern, fold) && (RH_OP_BASE(op) == RH_OP_CONTAINS || n == m))
            return true;
        if (text.len == 0)
            return false;
        rh_match_next(&text);
    }
}

static struct rh_text random_text(char *room, size_t max, const char *const *letters, size_t n)
{
    size_t len = 0;
    for (uint64_t i = random_u64() % 9; i; i--) {
        for (const char *c = letters[random_u64() % n]; *c && len < max; c++)
            room[len++] = *c;
    }
    return rh_text_make(room, len);
}

START_TEST(agrees_with_the_naive_matcher)
{
    /* with halves of é (c3 a9), the Kelvin sign, a long s and sharp s */
    static const char *const text_letters[] = {"a",        "b",        "A", "\xc3\xa9",     "\xc3",
                                               "\xa9",     "\xc3\x89", "k", "\xe2\x84\xaa", "s",
                                               "\xc5\xbf", "%",        "_"};
    static const char *const pattern_letters[] = {"a",        "b",    "B",    "%", "%", "_", "\\",
                                                  "\xc3\xa9", "\xc3", "\xa9", "K", "S", "k"};
    static const uint32_t ops[] = {RH_OP_LIKE, RH_OP_STARTS, RH_OP_ENDS, RH_OP_CONTAINS};
    static const size_t widths[] = {3, 6, 13};
    unsigned hits = 0;
    for (int i = 0; i < 600000; i++) {
        char room_a[64], room_b[64];
        size_t w = widths[random_u64() % 3];
        struct rh_text text = random_text(room_a, sizeof room_a, text_letters, w);
        struct rh_text pattern = random_text(room_b, sizeof room_b, pattern_letters, w);
        uint32_t op = ops[random_u64() % 4] | (random_u64() % 2 ? RH_OP_FOLD : 0);
        bool want = naive(op, text, pattern);
        hits += want;
        if (!(rh_match(op, text, pattern) == want))
            ck_abort_msg("op %x: '%.*s' '%.*s' should be %d", op, (int)text.len, text.data,
                         (int)pattern.len, pattern.data, want);
    }
    REQUIRE(hits > 50000);
}
END_TEST

START_TEST(folding_is_idempotent_and_classes_are_symmetric)
{
    unsigned folded = 0, largest = 0;
    for (uint32_t c = 0; c < 0x110100; c++) {
        uint32_t to = rh_match_fold(c), class[4];
        folded += to != c;
        if (!(rh_match_fold(to) == to))
            ck_abort_msg("U+%04X", c);
        unsigned n = rh_match_fold_class(c, class);
        bool found = false;
        largest = n > largest ? n : largest;
        REQUIRE(n >= 1 && n <= 4);
        for (unsigned i = 0; i < n; i++) {
            if (!(rh_match_fold(class[i]) == to))
                ck_abort_msg("U+%04X has U+%04X", c, class[i]);
            found |= class[i] == c;
            for (unsigned j = 0; j < i; j++)
                REQUIRE(class[i] != class[j]);
        }
        if (!(found))
            ck_abort_msg("U+%04X is not in its own class", c);
    }
    REQUIRE(folded > 1400);
    REQUIRE(largest == 4);
}
END_TEST

START_TEST(folding_is_that_of_CaseFolding_txt)
{
    static const uint32_t cases[][2] = {
        {'A', 'a'},          {'z', 'z'},         {'[', '['},         {0xb5, 0x3bc},
        {0xc9, 0xe9},        {0xdf, 0xdf},       {0x130, 0x130},     {0x131, 0x131},
        {0x149, 0x149},      {0x17f, 's'},       {0x1c5, 0x1c6},     {0x345, 0x3b9},
        {0x390, 0x390},      {0x3a3, 0x3c3},     {0x3c2, 0x3c3},     {0x3f4, 0x3b8},
        {0x587, 0x587},      {0x13a0, 0x13a0},   {0xab70, 0x13a0},   {0x1c80, 0x432},
        {0x1e9e, 0xdf},      {0x1f80, 0x1f80},   {0x1f88, 0x1f80},   {0x1fbc, 0x1fb3},
        {0x2126, 0x3c9},     {0x212a, 'k'},      {0x212b, 0xe5},     {0xfb00, 0xfb00},
        {0xff21, 0xff41},    {0x10400, 0x10428}, {0x1e921, 0x1e943}, {0x10ffff, 0x10ffff},
        {0x110041, 0x110041}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(rh_match_fold(cases[i][0]) == cases[i][1], "U+%04X", cases[i][0]);
}
END_TEST

START_TEST(decoding_is_strict)
{
    static const struct {
        const char *in;
        uint32_t c;
        unsigned n;
    } cases[] = {{"A", 'A', 1},
                 {"\xc3\xa9", 0xe9, 2},
                 {"\xe2\x82\xac", 0x20ac, 3},
                 {"\xf0\x9f\x98\x80", 0x1f600, 4},
                 {"\xf4\x8f\xbf\xbf", 0x10ffff, 4},
                 {"\xc0\x80", 0x1100c0, 1},
                 {"\xc1\xbf", 0x1100c1, 1},
                 {"\xe0\x80\x80", 0x1100e0, 1},
                 {"\xed\xa0\x80", 0x1100ed, 1},
                 {"\xf0\x80\x80\x80", 0x1100f0, 1},
                 {"\xf4\x90\x80\x80", 0x1100f4, 1},
                 {"\xf5\x80\x80\x80", 0x1100f5, 1},
                 {"\xe2\x82", 0x1100e2, 1},
                 {"\x80", 0x110080, 1},
                 {"\xff", 0x1100ff, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rh_text text = rh_text_of(cases[i].in);
        uint64_t len = text.len;
        ck_assert_uint_eq(rh_match_next(&text), cases[i].c);
        ck_assert_uint_eq(len - text.len, cases[i].n);
    }
}
END_TEST

START_TEST(hard_patterns_take_no_exponential_time)
{
    static char text[20000], pattern[400];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = i % 2 ? '%' : 'a';
    pattern[sizeof pattern - 1] = 'b';
    clock_t start = clock();
    struct rh_text t = rh_text_make(text, sizeof text), p = rh_text_make(pattern, sizeof pattern);
    ck_assert(!rh_match(RH_OP_LIKE, t, p));
    ck_assert(!rh_match(RH_OP_LIKE | RH_OP_FOLD, t, p));
    ck_assert_int_lt(clock() - start, 5 * CLOCKS_PER_SEC);
}
END_TEST

START_TEST(texts_may_hold_any_byte_and_be_empty)
{
    struct rh_text none = {NULL, 0}, zero = {"a\0b", 3};
    ck_assert(rh_match(RH_OP_CONTAINS, zero, rh_text_make("\0", 1)));
    ck_assert(rh_match(RH_OP_LIKE, zero, RH_TEXT("a_b")));
    ck_assert(!rh_match(RH_OP_LIKE, zero, RH_TEXT("a")));
    for (uint32_t op = RH_OP_LIKE; op <= RH_OP_CONTAINS; op++) {
        ck_assert(rh_match(op, none, none));
        ck_assert(rh_match(op | RH_OP_FOLD, none, RH_TEXT("")));
        ck_assert(!rh_match(op, none, RH_TEXT("x")));
        ck_assert(rh_match(op, zero, none) == (op != RH_OP_LIKE));
    }
    ck_assert(!rh_match(RH_OP_EQ, zero, zero));
}
END_TEST

START_TEST(patterns_end_in_whole_escapes)
{
    ck_assert(rh_match_pattern_is_valid(RH_TEXT("")));
    ck_assert(rh_match_pattern_is_valid(RH_TEXT("a\\\\")));
    ck_assert(rh_match_pattern_is_valid(RH_TEXT("\\%a")));
    ck_assert(!rh_match_pattern_is_valid(RH_TEXT("a\\")));
    ck_assert(!rh_match_pattern_is_valid(RH_TEXT("\\\\\\")));
    ck_assert(!rh_match(RH_OP_LIKE, RH_TEXT("a\\"), RH_TEXT("a\\")));
}
END_TEST

TESTS_MAIN("match", agrees_with_the_naive_matcher, folding_is_idempotent_and_classes_are_symmetric,
           folding_is_that_of_CaseFolding_txt, decoding_is_strict,
           hard_patterns_take_no_exponential_time, texts_may_hold_any_byte_and_be_empty,
           patterns_end_in_whole_escapes)
