/* One write of rows on its way. */
#include "server/api/row_write.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>

/* ---- What was asked ---------------------------------------------------------------------- */

int rh_row_write_returning(struct rh_call *call, enum rh_returning fallback,
                           enum rh_returning *ret_returning, bool *ret_given,
                           struct rh_error *error)
{
    struct rh_text asked = rh_call_value(call, "returning");
    struct rh_text prefer = rh_web_request_header(call->http, "Prefer");

    *ret_returning = fallback;
    *ret_given = asked.data != NULL;
    if (rh_text_is(asked, "none"))
        *ret_returning = RH_RETURNING_NONE;
    else if (rh_text_is(asked, "keys"))
        *ret_returning = RH_RETURNING_KEYS;
    else if (rh_text_is(asked, "rows"))
        *ret_returning = RH_RETURNING_ROWS;
    else if (asked.data)
        return rh_fail(error, RH_INVALID, "returning must be none, keys or rows");
    while (!asked.data && prefer.data) {
        struct rh_text one = rh_text_trim(rh_text_cut(&prefer, ','));
        if (rh_text_is(one, "return=minimal"))
            *ret_returning = RH_RETURNING_NONE;
        else if (rh_text_is(one, "return=representation"))
            *ret_returning = RH_RETURNING_ROWS;
    }
    return RH_OK;
}

int rh_row_write_conflict(struct rh_call *call, struct rh_write_options *options, bool *ret_upsert,
                          struct rh_error *error)
{
    struct rh_text columns = rh_call_value(call, "on_conflict");
    struct rh_text resolution = rh_call_value(call, "resolution");

    *ret_upsert = columns.data || resolution.data;
    options->conflict_columns = columns.len ? columns : (struct rh_text){NULL, 0};
    options->resolution = RH_RESOLVE_MERGE;
    if (rh_text_is(resolution, "ignore"))
        options->resolution = RH_RESOLVE_IGNORE;
    else if (resolution.data && !rh_text_is(resolution, "merge"))
        return rh_fail(error, RH_INVALID, "resolution must be merge or ignore");
    return RH_OK;
}

struct rh_text rh_row_write_if_match(struct rh_call *call)
{
    struct rh_text tag = rh_text_trim(rh_web_request_header(call->http, "If-Match"));

    if (rh_text_starts(tag, "W/")) {
        tag.data += 2;
        tag.len -= 2;
    }
    if (tag.len >= 2 && tag.data[0] == '"' && tag.data[tag.len - 1] == '"') {
        tag.data++;
        tag.len -= 2;
    }
    return tag.len ? tag : (struct rh_text){NULL, 0};
}

int rh_row_write_open(struct rh_row_write *write, struct rh_call *call, struct rh_error *error)
{
    struct rh_datasource *datasource = NULL;
    int rc;

    write->call = call;
    rc = rh_call_datasource(call, &datasource, error);
    if (rc == RH_OK)
        rc = rh_session_open(datasource, &call->op, &write->session, error);
    if (rc != RH_OK)
        return rc;
    rc =
        rh_tableset_find(write->session.tables, rh_call_value(call, "table"), &write->table, error);
    if (rc == RH_OK && rh_command_parameter(call->command, RH_TEXT("key")) >= 0)
        rc = rh_bind_key(call->arena, write->table, rh_call_value(call, "key"), &write->key, error);
    if (rc == RH_OK)
        rh_written_init(&write->written, call, write->table);
    return rc;
}

void rh_row_write_close(struct rh_row_write *write)
{
    if (write->written.call)
        rh_written_fini(&write->written);
    if (write->session.datasource)
        rh_session_close(&write->session);
}

static void add_location(const struct rh_row_write *write)
{
    struct rh_call *call = write->call;
    struct rh_buf text;

    if (write->written.key.len == 0)
        return;
    rh_buf_init(&text, (size_t)8 << 10);
    rh_buf_addf(&text, "/api/v1/apps/%.*s/data/%.*s/%.*s/", RH_TEXT_ARG(rh_call_value(call, "app")),
                RH_TEXT_ARG(rh_call_value(call, "datasource")),
                RH_TEXT_ARG(rh_call_value(call, "table")));
    rh_buf_add_text(&text, rh_buf_text(&write->written.key));
    if (!text.failed)
        rh_web_reply_header(call->http, "Location", rh_buf_text(&text));
    rh_buf_free(&text);
}

static void add_row_etag(const struct rh_row_write *write)
{
    char tag[40];

    if (!write->written.etag[0])
        return;
    snprintf(tag, sizeof(tag), "\"%s\"", write->written.etag);
    rh_web_reply_header(write->call->http, "ETag", rh_text_of(tag));
}

int rh_row_write_answer_one(struct rh_row_write *write, unsigned status, bool located,
                            struct rh_error *error)
{
    struct rh_buf *buf;
    int rc = rh_written_check(&write->written, error);

    if (rc != RH_OK)
        return rc;
    buf = rh_call_reply(write->call, status);
    if (located)
        add_location(write);
    add_row_etag(write);
    rh_buf_add_str(buf, "{\"data\":");
    if (write->options.returning != RH_RETURNING_NONE && write->written.n_rows)
        rh_buf_add_text(buf, rh_buf_text(&write->written.rows));
    else
        rh_buf_add_str(buf, "null");
    rh_buf_add_char(buf, ',');
    rh_written_add_meta(buf, &write->counts);
    rh_buf_add_char(buf, '}');
    return RH_OK;
}

int rh_row_write_answer_many(struct rh_row_write *write, unsigned status, struct rh_error *error)
{
    struct rh_buf *buf;
    int rc = rh_written_check(&write->written, error);

    if (rc != RH_OK)
        return rc;
    buf = rh_call_reply(write->call, status);
    rh_buf_add_str(buf, "{\"data\":[");
    rh_buf_add_text(buf, rh_buf_text(write->options.not_atomic ? &write->written.statuses
                                                               : &write->written.rows));
    rh_buf_add_str(buf, "],");
    rh_written_add_meta(buf, &write->counts);
    rh_buf_add_char(buf, '}');
    return RH_OK;
}
