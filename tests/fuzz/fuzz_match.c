/*
 * Text predicates on any bytes, against what each means in terms of the others.
 * The first byte chooses folding, the rest is cut at its first newline into text and pattern.
 */
#include "connector/match.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define MAX_BYTES 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static size_t escape(char *to, struct rh_text text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("%_\\", text.data[i]) && text.data[i])
            to[n++] = '\\';
        to[n++] = text.data[i];
    }
    return n;
}

static void check_folding(struct rh_text text)
{
    while (text.len) {
        uint32_t c = rh_match_next(&text), class[4];
        unsigned n = rh_match_fold_class(c, class);
        bool found = false;
        for (unsigned i = 0; i < n; i++) {
            require(rh_match_fold(class[i]) == rh_match_fold(c));
            found |= class[i] == c;
        }
        require(n <= 4 && found);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > MAX_BYTES)
        return 0;
    uint32_t fold = data[0] & 1 ? RH_OP_FOLD : 0;
    struct rh_text pattern = rh_text_make((const char *)data + 1, size - 1);
    struct rh_text text = rh_text_cut(&pattern, '\n');
    char like[2 * MAX_BYTES + 2] = "%";
    check_folding(text);

    /* LIKE with an escaped pattern says the same. An escape stands before whole code points only,
     * as it stands before ASCII only. */
    size_t n = escape(like + 1, pattern);
    like[n + 1] = '%';
    bool starts = rh_match(RH_OP_STARTS | fold, text, pattern);
    bool ends = rh_match(RH_OP_ENDS | fold, text, pattern);
    bool contains = rh_match(RH_OP_CONTAINS | fold, text, pattern);
    require(rh_match(RH_OP_LIKE | fold, text, rh_text_make(like + 1, n + 1)) == starts);
    require(rh_match(RH_OP_LIKE | fold, text, rh_text_make(like, n + 1)) == ends);
    require(rh_match(RH_OP_LIKE | fold, text, rh_text_make(like, n + 2)) == contains);
    require(rh_match_pattern_is_valid(rh_text_make(like, n + 2)));
    require(contains || (!starts && !ends));

    /* Whatever holds, holds under folding too. */
    for (uint32_t op = RH_OP_LIKE; op <= RH_OP_CONTAINS; op++) {
        if (rh_match(op, text, pattern))
            require(rh_match(op | RH_OP_FOLD, text, pattern));
    }
    require(rh_match(RH_OP_ENDS | fold, text, text) && rh_match(RH_OP_CONTAINS | fold, text, text));
    return 0;
}
