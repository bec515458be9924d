/* The command table as documents: OpenAPI 3.1, a readable page, and the reference in Markdown. */
#pragma once

#include "base/buf.h"

#include <rowhouse/error.h>

int rh_openapi_write(struct rh_buf *buf, struct rh_error *error);
void rh_docs_write_html(struct rh_buf *buf);
void rh_docs_write_markdown(struct rh_buf *buf);
