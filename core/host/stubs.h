/* What stands in the gaps of a connector's table: functions that answer RH_UNSUPPORTED and change
 * nothing. A default never returns OK. */
#pragma once

#include <rowhouse/connector.h>

/* Each fills the functions that are NULL; the rest is left alone. */
void rh_stubs_fill_connector(struct rh_connector *connector);
void rh_stubs_fill_write(struct rh_write *write);
void rh_stubs_fill_tx(struct rh_tx *tx);
void rh_stubs_fill_native(struct rh_native *native);
void rh_stubs_fill_ddl(struct rh_ddl *ddl);
void rh_stubs_fill_feed(struct rh_feed *feed);
