/* What the headers Accept and Accept-Encoding have in common (RFC 9110, 12.4.2). */
#pragma once

#include <rowhouse/value.h>

/* The weight among the parameters of one item: 0.5 of "q=0.5", 1 when none is given, 0 when it is no
 * number. [any] */
double rh_web_weight(struct rh_text parameters);
