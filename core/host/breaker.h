/*
 * A circuit breaker for one source: after a failed connect it is open for a while, then one caller
 * may try while all others are still refused.
 *
 *    CLOSED ──failure──► OPEN ──time passes, one caller──► TRYING ──success──► CLOSED
 *                          ▲                                 │ failure: longer
 *                          └─────────────────────────────────┘
 *
 * Has no lock: its owner's lock guards it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rh_breaker {
    uint32_t n_failures; /* in a row; 0 = closed */
    bool trying;
    uint64_t open_until_us;
    uint64_t tripped_us; /* when the last failure was counted */
};

/* How long until it is worth asking for admission; 0 = now. */
uint64_t rh_breaker_wait_us(const struct rh_breaker *breaker, uint64_t now_us);
/* True: the caller may try, and reports how it went with success, failure or abandon. False: not
 * now; *ret_wait_us says for how long. */
bool rh_breaker_admit(struct rh_breaker *breaker, uint64_t now_us, uint64_t *ret_wait_us);
void rh_breaker_success(struct rh_breaker *breaker);
/* started_us: when the failed attempt was admitted. Attempts that were under way together count as
 * one failure. The pause doubles from 100 ms to 30 s; with `brief` (the source answers, but a person
 * must mend the settings or a place must get free: then it must work soon) it is always 500 ms. */
void rh_breaker_failure(struct rh_breaker *breaker, uint64_t started_us, uint64_t now_us,
                        bool brief);
/* The attempt ended without saying anything about the source. */
void rh_breaker_abandon(struct rh_breaker *breaker, uint64_t started_us);
bool rh_breaker_is_open(const struct rh_breaker *breaker, uint64_t now_us);
