/*
 * A call: one command being run for one request, with its parameters, its arena and its operation
 * (deadline and cancel token), and the helpers that make answers.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "host/op.h"
#include "rows/datasource.h"
#include "server/api/api.h"
#include "server/api/command.h"
#include "server/http/reply.h"

#include <jansson.h>

/* What one worker keeps from call to call. */
struct rh_call_worker {
    struct rh_arena *arena;
    struct rh_cancel cancel;
};

struct rh_call {
    struct rh_api *api;
    struct rh_web_request *http;
    const struct rh_command *command;
    unsigned position;      /* of the command in the table */
    struct rh_arena *arena; /* not for INLINE commands */
    struct rh_operation op; /* not for INLINE commands */
    struct rh_text request_id;
    struct rh_text values[RH_COMMAND_MAX_PARAMETERS]; /* of the command's parameters; no text = not
                                                         given */
    struct rh_text query;                             /* the raw query string */
    struct rh_text body;
    struct rh_text media_type;        /* of the body, without parameters; no text = not given */
    struct rh_datasource *datasource; /* rh_call_datasource; given back at the end */
    uint64_t patience_us;             /* between two steps forward */
    bool streaming;                   /* a stream was opened: the answer has begun */
};

/* ---- What was asked ---------------------------------------------------------------------- */

/* Value of a declared parameter; no text when it was not given. */
struct rh_text rh_call_value(const struct rh_call *call, const char *name);
/* Given as "true", "1", or without a value; false when absent. INVALID when it is something
 * else. */
int rh_call_switch(const struct rh_call *call, const char *name, bool fallback, bool *ret_value,
                   struct rh_error *error);
/* The parameter {app}, without "@dev". */
struct rh_text rh_call_app(const struct rh_call *call);
/* The datasource that {app} and {datasource} name; borrowed for the call. Its time budget shortens
 * the deadline. */
int rh_call_datasource(struct rh_call *call, struct rh_datasource **ret_datasource,
                       struct rh_error *error);
/* The same for another name in that app. */
int rh_call_datasource_named(struct rh_call *call, struct rh_text name,
                             struct rh_datasource **ret_datasource, struct rh_error *error);
/* Only its media type: "unsupported-media-type" unless it is JSON or not given. */
int rh_call_check_json(struct rh_call *call, struct rh_error *error);
/* The body as JSON. "unsupported-media-type"; INVALID, code "invalid-json". */
int rh_call_body(struct rh_call *call, struct rh_json **ret_body, struct rh_error *error);
/* The body as a JSON object to be edited, whose members are all among `known` (NULL-terminated;
 * near names are suggested). New reference. */
int rh_call_object(struct rh_call *call, const char *const *known, json_t **ret_object,
                   struct rh_error *error);
/* Members of `object` that are not among `known`: INVALID with a pointer. */
int rh_call_check_members(const struct rh_json *object, const char *pointer,
                          const char *const *known, struct rh_error *error);
/* Moves the deadline `patience_us` into the future: for what may go on as long as it makes
 * progress. */
void rh_call_progress(struct rh_call *call);

/* Percent-decoded copy ('+' stays unless plus_is_space). INVALID. */
int rh_call_decode(struct rh_arena *arena, struct rh_text text, bool plus_is_space,
                   struct rh_text *ret_text, struct rh_error *error);

/* ---- What is answered -------------------------------------------------------------------- */

/* Begins the answer: status, common headers, JSON. Returns where its body goes. */
struct rh_buf *rh_call_reply(struct rh_call *call, unsigned status);
/* The same with another media type; NULL: without a body. */
struct rh_buf *rh_call_reply_type(struct rh_call *call, unsigned status, const char *type);
/* {"data": …}; takes the reference to `data` (NULL: out of memory). */
int rh_call_reply_json(struct rh_call *call, unsigned status, json_t *data, struct rh_error *error);
/* Adds the ETag of a definition. */
void rh_call_etag(struct rh_call *call, int64_t revision);
/* Answers 304 when If-None-Match has the tag, which is quoted. False: nothing was answered. */
bool rh_call_unmodified(struct rh_call *call, const char *tag);
/* The same for a definition. */
bool rh_call_definition_unmodified(struct rh_call *call, int64_t revision);
/* CONFLICT "stale" when there is an If-Match and it asks for another revision than `current`. */
int rh_call_if_match(struct rh_call *call, int64_t current, struct rh_error *error);
/* The answer to an error. */
void rh_call_problem(struct rh_call *call, const struct rh_error *error);
/* `value` as JSON onto the buffer. */
int rh_call_dump(struct rh_buf *buf, const json_t *value, struct rh_error *error);
/* "2024-11-21T02:00:00.123Z" */
#define RH_CALL_TIME_SIZE 32
void rh_call_now(char ret_time[RH_CALL_TIME_SIZE]);
