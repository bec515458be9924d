/* Not a test: drops what tests have left at the source. */
#include "connector/conformance/fixture.h"
#include "connector/conformance/suites.h"

static void sweep(struct rh_trial *t)
{
    struct rh_catalog catalog;
    struct rh_text native = {NULL, 0};
    struct rh_conn *conn;

    rh_trial_load(t);
    if (!t->connector->ddl)
        return;
    conn = rh_trial_connect(t);
    rh_fixture_catalog(t, conn, &catalog);
    for (uint32_t i = 0; i < catalog.n_tables; i++) {
        const struct rh_table *table = rh_fixture_table(&catalog, i);
        struct rh_ddl_change change = {.kind = RH_DDL_DROP_TABLE, .table = table};
        if (rh_text_starts(table->name, t->prefix))
            t->connector->ddl->apply(conn, &t->op, &change, 1, sizeof(change), 0, &native,
                                     rh_trial_error(t));
    }
    t->connector->close(conn);
}

const struct rh_trial_test rh_suite_sweep = {"sweep", "drops the suite's tables", sweep};
