/* One setting against its property of the schema: what settings.c does for each. */
#pragma once

#include <rowhouse/error.h>

#include <jansson.h>
#include <stdbool.h>

struct rh_setting_check {
    const char *name;
    const json_t *schema; /* of this property */
    const json_t *value;
    bool is_default; /* then a fault is the schema's, not the user's */
};

/* Type, enum, range, length, type of items. CONFIG; CONTRACT for a wrong default or schema. */
int rh_setting_check(const struct rh_setting_check *setting, struct rh_error *error);
/* `setting "name" what`, with the pointer to it. */
int rh_setting_fail(const struct rh_setting_check *setting, struct rh_error *error,
                    const char *what);
