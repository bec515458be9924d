/* The log: a ring that has its whole room from the beginning, so that adding cannot fail. */
#include "log.h"

#include "base/rand.h"
#include "connector/kit.h"

#include <stdlib.h>

int mem_log_start(struct mem_log *log, struct rh_error *error)
{
    if (log->items)
        return RH_OK;
    log->items = calloc(MEM_LOG_CHANGES, sizeof *log->items);
    if (!log->items)
        return rh_fail_nomem(error);
    log->epoch = rh_rand_u64();
    return RH_OK;
}

uint64_t mem_log_begin(const struct mem_log *log)
{
    return log->end > MEM_LOG_CHANGES ? log->end - MEM_LOG_CHANGES : 0;
}

const struct mem_logged *mem_log_at(const struct mem_log *log, uint64_t number)
{
    return &log->items[number % MEM_LOG_CHANGES];
}

void mem_log_add(struct mem_log *log, uint64_t layout, struct mem_row *old, struct mem_row *row)
{
    if (!log->items)
        return;
    struct mem_logged *item = &log->items[log->end++ % MEM_LOG_CHANGES];
    mem_row_unref(item->old);
    mem_row_unref(item->row);
    *item =
        (struct mem_logged){layout, old ? mem_row_ref(old) : NULL, row ? mem_row_ref(row) : NULL};
}
