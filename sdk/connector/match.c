/*
 * Text predicates.
 *
 * Without FOLD, a pattern that is well-formed UTF-8 is compared as bytes: its first byte can stand
 * only where a code point of the text begins, whatever the text is. Only malformed patterns and
 * FOLD go code point by code point.
 *
 * Folding is answered from a two-level table over the code points, made once from utf8proc's data
 * (about 30 pages of 256), and a list of the folded code points ordered by what they fold to.
 */
#include "connector/match.h"

#include "base/text.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define N_CODE_POINTS 0x110000u
#define N_PAGES 96u   /* of 256 code points; page 0 folds nothing */
#define N_FOLDS 4096u /* Unicode 15 has about 1500 */

struct fold {
    uint32_t to, from;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint8_t page_of[N_CODE_POINTS >> 8];
static int32_t pages[N_PAGES][256]; /* what to add to fold */
static struct fold folds[N_FOLDS];  /* by to, then from */
static size_t n_folds;

/* ---- Folding ----------------------------------------------------------------------------- */

static uint32_t fold_by_utf8proc(uint32_t code_point)
{
    utf8proc_int32_t to[8];
    utf8proc_int32_t c = (utf8proc_int32_t)code_point;
    if (!utf8proc_codepoint_valid(c))
        return code_point;
    utf8proc_ssize_t n = utf8proc_decompose_char(c, to, 8, UTF8PROC_CASEFOLD, NULL);
    if (n == 1)
        return (uint32_t)to[0];
    if (code_point == 0x130) /* full (F) and Turkic (T) only; its lower case is not its folding */
        return code_point;
    return (uint32_t)utf8proc_tolower(c); /* where a full folding stands beside a simple one */
}

static int compare_folds(const void *a, const void *b)
{
    const struct fold *x = a, *y = b;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

static void build(void)
{
    uint8_t last_page = 0;
    for (uint32_t c = 0; c < N_CODE_POINTS; c++) {
        uint32_t to = fold_by_utf8proc(c);
        if (to == c || n_folds == N_FOLDS)
            continue;
        if (!page_of[c >> 8]) {
            if (last_page == N_PAGES - 1)
                continue;
            page_of[c >> 8] = ++last_page;
        }
        pages[page_of[c >> 8]][c & 0xff] = (int32_t)to - (int32_t)c;
        folds[n_folds++] = (struct fold){to, c};
    }
    qsort(folds, n_folds, sizeof *folds, compare_folds);
}

static uint32_t fold_ascii(uint32_t c)
{
    return c - 'A' < 26u ? c | 0x20 : c;
}

uint32_t rh_match_fold(uint32_t code_point)
{
    if (code_point < 0x80)
        return fold_ascii(code_point);
    if (code_point >= N_CODE_POINTS)
        return code_point;
    pthread_once(&once, build);
    return code_point + (uint32_t)pages[page_of[code_point >> 8]][code_point & 0xff];
}

unsigned rh_match_fold_class(uint32_t code_point, uint32_t ret_class[4])
{
    pthread_once(&once, build);
    uint32_t to = rh_match_fold(code_point);
    size_t low = 0, high = n_folds;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (folds[middle].to < to)
            low = middle + 1;
        else
            high = middle;
    }
    unsigned n = 0;
    ret_class[n++] = to;
    for (; low < n_folds && folds[low].to == to && n < 4; low++)
        ret_class[n++] = folds[low].from;
    return n;
}

/* ---- Code points ------------------------------------------------------------------------- */

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

static uint32_t next_beyond_ascii(struct rh_text *text)
{
    const unsigned char *at = (const unsigned char *)text->data;
    uint32_t first = at[0], c;
    unsigned n;
    if (first >= 0xc2 && first < 0xe0 && text->len >= 2 && is_tail(at[1])) {
        n = 2;
        c = (first & 0x1f) << 6 | (at[1] & 0x3fu);
    } else if (first >= 0xe0 && first < 0xf0 && text->len >= 3 && is_tail(at[1]) &&
               is_tail(at[2])) {
        n = 3;
        c = (first & 0x0f) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
        if (c < 0x800 || (c >= 0xd800 && c < 0xe000))
            n = 1;
    } else if (first >= 0xf0 && first < 0xf5 && text->len >= 4 && is_tail(at[1]) &&
               is_tail(at[2]) && is_tail(at[3])) {
        n = 4;
        c = (first & 0x07) << 18 | (at[1] & 0x3fu) << 12 | (at[2] & 0x3fu) << 6 | (at[3] & 0x3fu);
        if (c < 0x10000 || c >= N_CODE_POINTS)
            n = 1;
    } else {
        n = 1;
        c = 0;
    }
    text->data += n;
    text->len -= n;
    return n == 1 ? N_CODE_POINTS + first : c;
}

static inline uint32_t next(struct rh_text *text)
{
    unsigned char first = (unsigned char)text->data[0];
    if (first >= 0x80)
        return next_beyond_ascii(text);
    text->data++;
    text->len--;
    return first;
}

static inline uint32_t next_folded(struct rh_text *text, bool fold)
{
    uint32_t c = next(text);
    if (!fold)
        return c;
    return c < 0x80 ? fold_ascii(c) : rh_match_fold(c);
}

uint32_t rh_match_next(struct rh_text *text)
{
    return next(text);
}

/* ---- STARTS, ENDS, CONTAINS -------------------------------------------------------------- */

static bool starts(struct rh_text text, struct rh_text pattern, bool fold)
{
    while (pattern.len) {
        if (text.len == 0 || next_folded(&text, fold) != next_folded(&pattern, fold))
            return false;
    }
    return true;
}

static uint64_t count(struct rh_text text)
{
    uint64_t n = 0;
    for (; text.len; n++)
        next(&text);
    return n;
}

static bool ends(struct rh_text text, struct rh_text pattern, bool fold)
{
    uint64_t n_text = count(text), n_pattern = count(pattern);
    if (n_text < n_pattern)
        return false;
    for (uint64_t skip = n_text - n_pattern; skip; skip--)
        next(&text);
    return starts(text, pattern, fold);
}

static bool contains(struct rh_text text, struct rh_text pattern, bool fold)
{
    if (pattern.len == 0)
        return true;
    uint32_t first = next_folded(&pattern, fold);
    while (text.len) {
        if (next_folded(&text, fold) == first && starts(text, pattern, fold))
            return true;
    }
    return false;
}

static bool match_bytes(uint32_t base, struct rh_text text, struct rh_text pattern)
{
    if (pattern.len > text.len)
        return false;
    switch (base) {
    case RH_OP_STARTS:
        return pattern.len == 0 || memcmp(text.data, pattern.data, pattern.len) == 0;
    case RH_OP_ENDS:
        return pattern.len == 0 ||
               memcmp(text.data + text.len - pattern.len, pattern.data, pattern.len) == 0;
    case RH_OP_CONTAINS:
        return pattern.len == 0 || memmem(text.data, text.len, pattern.data, pattern.len) != NULL;
    default:
        return false;
    }
}

/* ---- LIKE -------------------------------------------------------------------------------- */

#define ANY_ONE 0xfffffffeu /* _ */
#define ANY_RUN 0xfffffffdu /* % */
#define NO_MATCH 0xffffffffu

/* The next element of the pattern: a code point to be equal to, or one of the above. */
static uint32_t next_element(struct rh_text *pattern, bool fold)
{
    char first = pattern->data[0];
    if (first != '%' && first != '_' && first != '\\')
        return next_folded(pattern, fold);
    pattern->data++;
    pattern->len--;
    if (first == '%')
        return ANY_RUN;
    if (first == '_')
        return ANY_ONE;
    return pattern->len ? next_folded(pattern, fold) : NO_MATCH;
}

/* Moves text to the next place where a run of % may end; false when there is none. */
static bool skip_to(struct rh_text *text, uint32_t element, bool fold)
{
    if (element == ANY_ONE)
        return true;
    if (!fold && element < 0x80 && text->len) {
        const char *found = memchr(text->data, (int)element, text->len);
        if (!found)
            return false;
        text->len -= (uint64_t)(found - text->data);
        text->data = found;
        return true;
    }
    while (text->len) {
        struct rh_text here = *text;
        if (next_folded(text, fold) == element) {
            *text = here;
            return true;
        }
    }
    return false;
}

/* Goes back to the last % only: an earlier one could not do better. When the text ends before the
 * pattern, neither could a later start. */
static bool like(struct rh_text text, struct rh_text pattern, bool fold)
{
    struct rh_text run_text = text, run_pattern = pattern; /* where to go on behind the last % */
    bool has_run = false;
    for (;;) {
        if (pattern.len) {
            struct rh_text rest = pattern;
            uint32_t element = next_element(&rest, fold);
            if (element == ANY_RUN) {
                if (rest.len == 0)
                    return true;
                has_run = true;
                run_text = text;
                pattern = run_pattern = rest;
                continue;
            }
            if (has_run && pattern.data == run_pattern.data) {
                if (!skip_to(&text, element, fold))
                    return false;
                run_text = text;
            }
            if (text.len == 0)
                return false;
            uint32_t c = next_folded(&text, fold);
            if (element == ANY_ONE || element == c) {
                pattern = rest;
                continue;
            }
        } else if (text.len == 0) {
            return true;
        }
        if (!has_run)
            return false;
        next(&run_text);
        text = run_text;
        pattern = run_pattern;
    }
}

/* ---- Public ------------------------------------------------------------------------------ */

bool rh_match(uint32_t op, struct rh_text text, struct rh_text pattern)
{
    uint32_t base = RH_OP_BASE(op);
    bool fold = (op & RH_OP_FOLD) != 0;
    if (base == RH_OP_LIKE)
        return like(text, pattern, fold);
    if (!fold && rh_text_is_utf8(pattern))
        return match_bytes(base, text, pattern);
    switch (base) {
    case RH_OP_STARTS:
        return starts(text, pattern, fold);
    case RH_OP_ENDS:
        return ends(text, pattern, fold);
    case RH_OP_CONTAINS:
        return contains(text, pattern, fold);
    default:
        return false;
    }
}

bool rh_match_pattern_is_valid(struct rh_text pattern)
{
    uint64_t n = 0;
    while (n < pattern.len && pattern.data[pattern.len - 1 - n] == '\\')
        n++;
    return n % 2 == 0;
}
