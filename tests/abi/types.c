/*
 * Every struct of the ABI in one exported function, so that abidw sees them all. Compiled only to
 * be dumped; which types there are is checked by guard.py.
 */
#include <rowhouse/connector.h>

RH_EXPORT void rh_abi_types(const struct rh_connector *connector,
                            const struct rh_operator *operators, const struct rh_limits *limits,
                            const struct rh_settings *settings, const struct rh_write *write,
                            const struct rh_tx *tx, const struct rh_native *native,
                            const struct rh_ddl *ddl, const struct rh_feed *feed,
                            const struct rh_host *host, const struct rh_http *http,
                            const struct rh_batch *batch, const struct rh_interval *interval,
                            const struct rh_index *index, const struct rh_foreign_key *foreign_key,
                            const struct rh_table *table, const struct rh_row_status *status,
                            const struct rh_setting *setting);
void rh_abi_types(const struct rh_connector *connector, const struct rh_operator *operators,
                  const struct rh_limits *limits, const struct rh_settings *settings,
                  const struct rh_write *write, const struct rh_tx *tx,
                  const struct rh_native *native, const struct rh_ddl *ddl,
                  const struct rh_feed *feed, const struct rh_host *host,
                  const struct rh_http *http, const struct rh_batch *batch,
                  const struct rh_interval *interval, const struct rh_index *index,
                  const struct rh_foreign_key *foreign_key, const struct rh_table *table,
                  const struct rh_row_status *status, const struct rh_setting *setting)
{
}
