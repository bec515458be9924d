/* Random bytes from getrandom(2), which blocks only in the first seconds of a machine's life. */
#include "base/rand.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void rh_rand_bytes(void *data, size_t n)
{
    char *at = data;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            abort(); /* going on with predictable bytes would be worse */
        }
        at += got;
        n -= (size_t)got;
    }
}

uint64_t rh_rand_u64(void)
{
    uint64_t value;
    rh_rand_bytes(&value, sizeof(value));
    return value;
}

/* Random bytes for identifiers, fetched in blocks: there is one identifier per request, and a
 * system call each would cost more than all the rest of it. */
static void id_bytes(unsigned char *to, size_t n)
{
    static _Thread_local unsigned char block[1024];
    static _Thread_local size_t used = sizeof(block);
    if (sizeof(block) - used < n) {
        rh_rand_bytes(block, sizeof(block));
        used = 0;
    }
    memcpy(to, block + used, n);
    used += n;
}

void rh_id_make(char ret_id[RH_ID_SIZE])
{
    static const char base32[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint64_t ms = ((uint64_t)rh_clock_wall_us() / 1000) & 0xffffffffffffu;
    unsigned char random[16];
    id_bytes(random, sizeof(random));
    for (int i = 9; i >= 0; i--) {
        ret_id[i] = base32[ms & 31];
        ms >>= 5;
    }
    for (size_t i = 0; i < sizeof(random); i++)
        ret_id[10 + i] = base32[random[i] & 31];
    ret_id[RH_ID_SIZE - 1] = '\0';
}
