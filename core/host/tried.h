/*
 * Which connectors were once loaded in a child without harm, so that a server tries each only once:
 * a file of lines "SHA256 VERSION" that only grows. It is a memory and no judgement: what cannot be read
 * or written costs another trial, and no more. Who can write to it can write to the server's data.
 */
#pragma once

#include <stdbool.h>

/* [any] Whether these bytes were tried by this version of Rowhouse. path NULL: never. */
bool rh_tried_has(const char *path, const char *sha256);
/* [any] path NULL: nowhere. */
void rh_tried_add(const char *path, const char *sha256);
