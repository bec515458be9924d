/*
 * What a connector file must look like before it is loaded: ELF64, little-endian, this machine,
 * ET_DYN, exactly one exported symbol, no text relocations, no executable stack, no static TLS.
 * Works on bytes only and trusts no offset in them.
 */
#pragma once

#include <rowhouse/error.h>

#include <stddef.h>

/* CONTRACT with the reason. `name` is for messages. */
int rh_elf_lint(const void *data, size_t size, const char *name, struct rh_error *error);
