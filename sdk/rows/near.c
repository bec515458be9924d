/*
 * Nearest names by edit distance. The distance allowed grows with the name, so that "id" does not
 * suggest every two-letter column.
 */
#include "rows/near.h"

#include "base/err.h"

#define CLIP_BYTES 64

static unsigned limit_for(struct rh_text wanted)
{
    return wanted.len <= 3 ? 1 : wanted.len <= 6 ? 2 : 3;
}

void rh_near_init(struct rh_near *near, struct rh_text wanted)
{
    *near = (struct rh_near){.wanted = wanted};
}

void rh_near_add(struct rh_near *near, struct rh_text candidate)
{
    unsigned limit = limit_for(near->wanted);
    uint64_t a = near->wanted.len, b = candidate.len;
    if (!b || a > 4096 || (a > b ? a - b : b - a) > limit)
        return;
    unsigned distance = rh_text_distance(near->wanted, candidate, limit + 1);
    if (distance > limit)
        return;
    unsigned at = near->n;
    while (at > 0 && near->distances[at - 1] > distance)
        at--;
    if (at == RH_NEAR_MAX)
        return;
    unsigned last = near->n < RH_NEAR_MAX ? near->n++ : RH_NEAR_MAX - 1;
    for (unsigned i = last; i > at; i--) {
        near->names[i] = near->names[i - 1];
        near->distances[i] = near->distances[i - 1];
    }
    near->names[at] = candidate;
    near->distances[at] = distance;
}

int rh_near_hint(const struct rh_near *near, const char *otherwise, struct rh_error *error)
{
    struct rh_text names[RH_NEAR_MAX];
    for (unsigned i = 0; i < RH_NEAR_MAX; i++)
        names[i] = rh_near_clip(near->names[i]);
    switch (near->n) {
    case 0:
        return otherwise ? rh_error_hint(error, "%s", otherwise) : error->error_class;
    case 1:
        return rh_error_hint(error, "did you mean \"%.*s\"?", RH_TEXT_ARG(names[0]));
    case 2:
        return rh_error_hint(error, "did you mean \"%.*s\" or \"%.*s\"?", RH_TEXT_ARG(names[0]),
                             RH_TEXT_ARG(names[1]));
    default:
        return rh_error_hint(error, "did you mean \"%.*s\", \"%.*s\" or \"%.*s\"?",
                             RH_TEXT_ARG(names[0]), RH_TEXT_ARG(names[1]), RH_TEXT_ARG(names[2]));
    }
}

struct rh_text rh_near_clip(struct rh_text text)
{
    if (text.len <= CLIP_BYTES)
        return text;
    uint64_t len = CLIP_BYTES;
    while (len > CLIP_BYTES - 4 && ((unsigned char)text.data[len] & 0xc0) == 0x80)
        len--;
    return rh_text_make(text.data, len);
}
