/*
 * Pauses carry up to a quarter of jitter, so that servers that lost a source together do not come
 * back to it together.
 */
#include "host/breaker.h"

#include "base/rand.h"

#define FIRST_US 100000u
#define BRIEF_US 500000u
#define LONGEST_US 30000000u

uint64_t rh_breaker_wait_us(const struct rh_breaker *breaker, uint64_t now_us)
{
    if (breaker->n_failures == 0)
        return 0;
    if (now_us < breaker->open_until_us)
        return breaker->open_until_us - now_us;
    return breaker->trying ? FIRST_US : 0;
}

bool rh_breaker_admit(struct rh_breaker *breaker, uint64_t now_us, uint64_t *ret_wait_us)
{
    uint64_t wait_us = rh_breaker_wait_us(breaker, now_us);

    if (breaker->n_failures == 0)
        return true;
    if (wait_us) {
        *ret_wait_us = wait_us;
        return false;
    }
    breaker->trying = true;
    return true;
}

void rh_breaker_success(struct rh_breaker *breaker)
{
    *breaker = (struct rh_breaker){0};
}

void rh_breaker_failure(struct rh_breaker *breaker, uint64_t started_us, uint64_t now_us,
                        bool brief)
{
    uint64_t pause_us = brief ? BRIEF_US : FIRST_US;

    if (breaker->n_failures && started_us < breaker->tripped_us)
        return;
    breaker->trying = false;
    /* A brief one proves that the source answers, so what follows starts anew. */
    if (brief)
        breaker->n_failures = 1;
    else if (breaker->n_failures < UINT32_MAX)
        breaker->n_failures++;
    for (uint32_t i = 1; !brief && i < breaker->n_failures && pause_us < LONGEST_US; i++)
        pause_us *= 2;
    if (pause_us > LONGEST_US)
        pause_us = LONGEST_US;
    breaker->tripped_us = now_us;
    breaker->open_until_us = now_us + pause_us - rh_rand_u64() % (pause_us / 4);
}

void rh_breaker_abandon(struct rh_breaker *breaker, uint64_t started_us)
{
    if (started_us >= breaker->tripped_us)
        breaker->trying = false;
}

bool rh_breaker_is_open(const struct rh_breaker *breaker, uint64_t now_us)
{
    return rh_breaker_wait_us(breaker, now_us) > 0;
}
