/* Random bytes from getrandom(2), which blocks only in the first seconds of a machine's life. */
#include "base/rand.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
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

void rh_id_make(char ret_id[RH_ID_SIZE])
{
    static const char base32[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint64_t ms = ((uint64_t)rh_clock_wall_us() / 1000) & 0xffffffffffffu;
    unsigned char random[16];
    rh_rand_bytes(random, sizeof(random));
    for (int i = 9; i >= 0; i--) {
        ret_id[i] = base32[ms & 31];
        ms >>= 5;
    }
    for (size_t i = 0; i < sizeof(random); i++)
        ret_id[10 + i] = base32[random[i] & 31];
    ret_id[RH_ID_SIZE - 1] = '\0';
}
