/*
 * A connector in words: its settings, what its source can do, what is pushed down to it. Lines of
 * Markdown that are read as well on a terminal.
 */
#pragma once

#include "host/library.h"

#include <stdio.h>

void rh_cli_capabilities(const struct rh_library *library, FILE *to);
