/*
 * What native statements may not do.
 */
#pragma once

/* For sqlite3_set_authorizer; context is the struct rh_conn. Allows everything while
 * conn->native is false. */
int rh_sqlite_authorize(void *context, int action, const char *first, const char *second,
                        const char *database, const char *trigger);
