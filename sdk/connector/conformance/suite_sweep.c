/* Not a test: drops what tests have left at the source. */
#include "connector/conformance/fixture.h"
#include "connector/conformance/suites.h"

static void sweep(struct rh_trial *t)
{
    struct rh_conn *conn;

    rh_trial_load(t);
    if (!t->connector->ddl)
        return;
    conn = rh_trial_connect(t);
    rh_fixture_drop_all(t, conn);
    t->connector->close(conn);
}

const struct rh_trial_test rh_suite_sweep = {"sweep", "drops the suite's tables", sweep};
