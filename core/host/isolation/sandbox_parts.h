/* The two halves of a sandbox that need the kernel's help. Each says whether the kernel has it. */
#pragma once

#include "host/isolation/sandbox.h"

/* Files and TCP ports. *ret_has false: the kernel has no Landlock, and nothing was done. */
int rh_landlock_enter(const struct rh_sandbox *sandbox, bool *ret_has, struct rh_error *error);
/* System calls. Also gives up all privileges that exec could bring. */
int rh_seccomp_enter(const struct rh_sandbox *sandbox, bool *ret_has, struct rh_error *error);
