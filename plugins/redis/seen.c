/*
 * SCAN and SSCAN may tell of a key twice when the server's hash table shrinks while they run. Which
 * ones cannot be told from the cursor on every server, so all are remembered: not the texts, but
 * fingerprints of 128 bits (a keyed SipHash and an FNV-1a), open addressing, at most three quarters
 * full. A million keys take 32 MiB, a key of any length as much as another.
 */
#include "redis.h"

#include <stdlib.h>

#define FIRST_PRINTS 1024u

static struct rh_redis_print print_of(struct rh_text text)
{
    struct rh_redis_print print = {rh_hash(text.data, text.len), UINT64_C(14695981039346656037)};

    for (uint64_t i = 0; i < text.len; i++)
        print.b = (print.b ^ (unsigned char)text.data[i]) * UINT64_C(1099511628211);
    print.b |= 1; /* a free place is all zero */
    return print;
}

/* Where it is, or where it goes. */
static struct rh_redis_print *place(struct rh_redis_print *prints, uint64_t cap,
                                    struct rh_redis_print print)
{
    uint64_t at = print.a & (cap - 1);

    while (prints[at].b && (prints[at].a != print.a || prints[at].b != print.b))
        at = (at + 1) & (cap - 1);
    return &prints[at];
}

static int grow(struct rh_redis_seen *seen, struct rh_error *error)
{
    uint64_t cap = seen->cap ? seen->cap * 2 : FIRST_PRINTS;
    struct rh_redis_print *prints;

    if (cap * sizeof(*prints) > seen->max_bytes) {
        rh_fail(error, RH_RESOURCE, "there are too many keys to tell which ones came already: %llu",
                (unsigned long long)seen->n);
        return rh_error_hint(error, "name the keys, or the beginning of the first one");
    }
    prints = calloc(cap, sizeof(*prints));
    if (!prints)
        return rh_fail_nomem(error);
    for (uint64_t i = 0; i < seen->cap; i++)
        if (seen->prints[i].b)
            *place(prints, cap, seen->prints[i]) = seen->prints[i];
    free(seen->prints);
    seen->prints = prints;
    seen->cap = cap;
    return RH_OK;
}

int rh_redis_seen_add(struct rh_redis_seen *seen, struct rh_text text, bool *ret_new,
                      struct rh_error *error)
{
    struct rh_redis_print print = print_of(text), *found;
    int rc = seen->n >= seen->cap / 4 * 3 ? grow(seen, error) : RH_OK;

    if (rc)
        return rc;
    found = place(seen->prints, seen->cap, print);
    *ret_new = !found->b;
    seen->n += !found->b;
    *found = print;
    return RH_OK;
}

void rh_redis_seen_fini(struct rh_redis_seen *seen)
{
    free(seen->prints);
    *seen = (struct rh_redis_seen){.prints = NULL};
}
