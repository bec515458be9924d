/* The two halves of a sandbox that need the kernel's help. Each says whether the kernel has it. */
#pragma once

#include "host/isolation/sandbox.h"

enum rh_landlock { RH_LANDLOCK_NONE, RH_LANDLOCK_FILES, RH_LANDLOCK_PORTS /* and files */ };

/* Files and TCP ports. NONE: the kernel has no Landlock, and nothing was done. */
int rh_landlock_enter(const struct rh_sandbox *sandbox, enum rh_landlock *ret_has,
                      struct rh_error *error);
/* System calls. Also gives up all privileges that exec could bring. */
int rh_seccomp_enter(const struct rh_sandbox *sandbox, bool *ret_has, struct rh_error *error);
