/* What a column keeps of a value. */
#pragma once

#include "dialect.h"

/* DATA when the value is to be stored and the database would change it. [any] */
int rh_odbc_check_kept(const struct rh_odbc_dialect *dialect,
                       const struct rh_sql_parameter *parameter, const struct rh_value *value,
                       struct rh_error *error);
