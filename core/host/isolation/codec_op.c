/* What every call has: outcome, operation; and the settings of a connect. */
#include "host/isolation/codec.h"

#include "base/err.h"

#include <string.h>

struct outcome {
    int32_t rc;
    uint32_t has_error;
};

void rh_wire_put_outcome(struct rh_wire_out *out, int32_t rc, const struct rh_error *error)
{
    struct outcome outcome = {rc, error->error_class != RH_OK};

    rh_wire_put(out, &outcome, sizeof(outcome));
    if (outcome.has_error)
        rh_wire_put(out, error, sizeof(*error));
}

/* Texts of an error end within their fields, whatever the other side wrote. */
static void close_texts(struct rh_error *error)
{
    error->struct_size = sizeof(*error);
    error->sqlstate[sizeof(error->sqlstate) - 1] = 0;
    error->code[sizeof(error->code) - 1] = 0;
    error->column[sizeof(error->column) - 1] = 0;
    error->pointer[sizeof(error->pointer) - 1] = 0;
    error->message[sizeof(error->message) - 1] = 0;
    error->hint[sizeof(error->hint) - 1] = 0;
}

bool rh_wire_take_outcome(struct rh_wire_in *in, int32_t *ret_rc, struct rh_error *error)
{
    const struct outcome *outcome = rh_wire_take(in, 1, sizeof(*outcome));
    const struct rh_error *sent;

    if (!outcome)
        return false;
    if (outcome->has_error) {
        sent = rh_wire_take(in, 1, sizeof(*sent));
        if (!sent)
            return false;
        if (error && error->error_class == RH_OK) {
            *error = *sent;
            close_texts(error);
        }
    }
    *ret_rc = outcome->rc;
    return true;
}

void rh_wire_put_op(struct rh_wire_out *out, const struct rh_op *op, bool cancelled)
{
    struct rh_op wire = *op;

    wire.struct_size = sizeof(wire);
    wire.arena = NULL;
    wire.cancel_fd = cancelled ? 1 : 0;
    wire.tenant = rh_wire_text(out, op->tenant);
    wire.user = rh_wire_text(out, op->user);
    wire.request_id = rh_wire_text(out, op->request_id);
    rh_wire_put(out, &wire, sizeof(wire));
}

const struct rh_op *rh_wire_take_op(struct rh_wire_in *in, int cancel_fd, struct rh_arena *arena,
                                    bool *ret_cancelled)
{
    struct rh_op *op = rh_wire_take(in, 1, sizeof(*op));

    if (!op || !rh_wire_fix_text(in, &op->tenant) || !rh_wire_fix_text(in, &op->user) ||
        !rh_wire_fix_text(in, &op->request_id))
        return NULL;
    *ret_cancelled = op->cancel_fd != 0;
    op->cancel_fd = cancel_fd;
    op->arena = arena;
    return op;
}

void rh_wire_put_settings(struct rh_wire_out *out, const struct rh_settings *settings)
{
    struct rh_settings wire = *settings;

    wire.struct_size = sizeof(wire);
    wire.items = NULL;
    wire.stride = sizeof(struct rh_setting);
    rh_wire_put(out, &wire, sizeof(wire));
    for (uint32_t i = 0; i < settings->n; i++) {
        struct rh_setting setting;

        memcpy(&setting, (const char *)settings->items + (size_t)i * settings->stride,
               sizeof(setting));
        setting.name = rh_wire_text(out, setting.name);
        rh_wire_put(out, &setting.name, sizeof(setting.name));
        rh_wire_put_values(out, &setting.value, 1);
    }
}

const struct rh_settings *rh_wire_take_settings(struct rh_wire_in *in)
{
    struct rh_settings *settings = rh_wire_take(in, 1, sizeof(*settings));
    struct rh_setting *items;

    if (!settings)
        return NULL;
    settings->items = items = (struct rh_setting *)(void *)in->fixed;
    for (uint32_t i = 0; i < settings->n; i++) {
        if (!rh_wire_take(in, 1, sizeof(items->name)) || !rh_wire_fix_text(in, &items[i].name) ||
            !rh_wire_take_values(in, 1))
            return NULL;
    }
    return settings;
}
