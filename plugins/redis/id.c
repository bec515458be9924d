/* Ids of a stream's entries: milliseconds and a number, "1700000000000-0". */
#include "redis.h"

bool rh_redis_parse_id(struct rh_text id, uint64_t *ret_ms, uint64_t *ret_seq)
{
    struct rh_text seq = id, ms = rh_text_cut(&seq, '-');

    return rh_text_to_u64(ms, ret_ms) && rh_text_to_u64(seq, ret_seq) &&
           (ms.data[0] != '0' || ms.len == 1) && (seq.data[0] != '0' || seq.len == 1);
}

int64_t rh_redis_time_of(uint64_t ms)
{
    return ms > (uint64_t)INT64_MAX / 1000 ? INT64_MAX : (int64_t)ms * 1000;
}
