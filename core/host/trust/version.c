/*
 * Version numbers: 1.4.0, 2, 1.10-beta.2. Compared as semantic versions are, with absent numbers
 * taken as 0. Numbers may have any length: they are compared as digits, so nothing overflows.
 */
#include "base/text.h"
#include "host/trust/manifest.h"

#define MAX_VERSION 64
#define MAX_NUMBERS 8

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_number(struct rh_text text)
{
    for (uint64_t i = 0; i < text.len; i++)
        if (!is_digit(text.data[i]))
            return false;
    return text.len > 0;
}

/* Parts of letters, digits and hyphens between dots. */
static bool is_suffix(struct rh_text text)
{
    while (text.data) {
        struct rh_text part = rh_text_cut(&text, '.');

        for (uint64_t i = 0; i < part.len; i++) {
            char c = part.data[i];

            if (!is_digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '-')
                return false;
        }
        if (part.len == 0)
            return false;
    }
    return true;
}

bool rh_manifest_is_version(struct rh_text version)
{
    struct rh_text suffix = version, numbers = rh_text_cut(&suffix, '-');
    unsigned n = 0;

    if (version.len == 0 || version.len > MAX_VERSION || (suffix.data && !is_suffix(suffix)))
        return false;
    while (numbers.data) {
        if (!is_number(rh_text_cut(&numbers, '.')) || ++n > MAX_NUMBERS)
            return false;
    }
    return true;
}

/* Two texts of digits; no text is 0. */
static int compare_numbers(struct rh_text a, struct rh_text b)
{
    while (a.len && *a.data == '0') {
        a.data++;
        a.len--;
    }
    while (b.len && *b.data == '0') {
        b.data++;
        b.len--;
    }
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return rh_text_compare(a, b);
}

/* One part of a suffix: numbers come before words. */
static int compare_parts(struct rh_text a, struct rh_text b)
{
    if (is_number(a) && is_number(b))
        return compare_numbers(a, b);
    if (is_number(a) != is_number(b))
        return is_number(a) ? -1 : 1;
    return rh_text_compare(a, b);
}

/* A version with a suffix comes before the one without. */
static int compare_suffixes(struct rh_text a, struct rh_text b)
{
    int order = 0;

    if (!a.data || !b.data)
        return (b.data ? 1 : 0) - (a.data ? 1 : 0);
    while (order == 0 && a.data && b.data) {
        struct rh_text from_a = rh_text_cut(&a, '.'), from_b = rh_text_cut(&b, '.');

        order = compare_parts(from_a, from_b);
    }
    return order ? order : (a.data ? 1 : 0) - (b.data ? 1 : 0);
}

int rh_manifest_compare_versions(const char *a, const char *b)
{
    struct rh_text suffix_a = rh_text_of(a), numbers_a = rh_text_cut(&suffix_a, '-');
    struct rh_text suffix_b = rh_text_of(b), numbers_b = rh_text_cut(&suffix_b, '-');
    int order = 0;

    while (order == 0 && (numbers_a.data || numbers_b.data)) {
        struct rh_text from_a = {0}, from_b = {0};

        if (numbers_a.data)
            from_a = rh_text_cut(&numbers_a, '.');
        if (numbers_b.data)
            from_b = rh_text_cut(&numbers_b, '.');
        order = compare_numbers(from_a, from_b);
    }
    return order ? order : compare_suffixes(suffix_a, suffix_b);
}
