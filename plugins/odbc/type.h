/*
 * SQL types of ODBC and their names, as types of Rowhouse.
 */
#pragma once

#include "dialect.h"

/* RH_TYPE_* of a column; flags receives what its native_id and flags need (RH_ODBC_ID_*,
 * RH_COLUMN_*). type_name: the database's own, may be no text. */
uint32_t rh_odbc_type_of(const struct rh_odbc_dialect *dialect, int16_t sql_type,
                         struct rh_text type_name, uint64_t size, int digits, bool is_unsigned,
                         uint32_t *ret_id_flags, uint32_t *ret_column_flags);
