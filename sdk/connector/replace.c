#include "connector/replace.h"

#define ATTEMPTS 4 /* at a document that others change at the same time */

/* Those that somebody else has changed are due again, or it is enough. */
static void take_conflicts(const struct rh_replace *replace, bool last)
{
    for (uint64_t i = 0; i < replace->n_rows; i++) {
        struct rh_replace_row *row = (void *)((char *)replace->rows + i * replace->stride);

        if (!row->conflict)
            continue;
        row->conflict = false;
        row->due = !last;
        if (last)
            rh_kit_refuse(
                replace->host, replace->op, &replace->result->statuses[i], RH_CONFLICT, 0,
                RH_TEXT("the document has been changed by somebody else at the same time"));
    }
}

int rh_replace_run(const struct rh_replace *replace, struct rh_error *error)
{
    bool any = true;
    int rc = RH_OK;

    for (int i = 1; i <= ATTEMPTS && any && rc == RH_OK; i++) {
        if (replace->look_up)
            rc = replace->look_up(replace->context, error);
        if (rc == RH_OK)
            rc = replace->store(replace->context, &any, error);
        take_conflicts(replace, replace->once || i == ATTEMPTS);
    }
    return rc;
}
