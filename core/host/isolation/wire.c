/*
 * The bytes of frames. What stands for a text is its offset plus one in the place of its pointer,
 * so that zero is "no text" and {"", 0} stays apart from it.
 */
#include "host/isolation/wire.h"

#include <string.h>

#define KEEP_BYTES ((size_t)1 << 20) /* a buffer that grew beyond is not kept for the next frame */

/* Types whose payload is a pointer. */
#define WITH_BYTES                                                                                 \
    (RH_TYPE_BIT(RH_TYPE_DECIMAL) | RH_TYPE_BIT(RH_TYPE_TEXT) | RH_TYPE_BIT(RH_TYPE_BYTES) |       \
     RH_TYPE_BIT(RH_TYPE_INTERVAL) | RH_TYPE_BIT(RH_TYPE_UUID) | RH_TYPE_BIT(RH_TYPE_JSON))

static inline bool has_bytes(const struct rh_value *value)
{
    return value->type < RH_N_TYPES && (WITH_BYTES & RH_TYPE_BIT(value->type));
}

/* ---- Writing ----------------------------------------------------------------------------- */

void rh_wire_out_init(struct rh_wire_out *out)
{
    rh_buf_init(&out->fixed, RH_WIRE_MAX_BYTES);
    rh_buf_init(&out->bytes, RH_WIRE_MAX_BYTES);
}

void rh_wire_out_fini(struct rh_wire_out *out)
{
    rh_buf_free(&out->fixed);
    rh_buf_free(&out->bytes);
}

static void clear(struct rh_buf *buf)
{
    if (buf->cap > KEEP_BYTES)
        rh_buf_free(buf);
    rh_buf_clear(buf);
}

void rh_wire_out_clear(struct rh_wire_out *out)
{
    clear(&out->fixed);
    clear(&out->bytes);
}

static void pad(struct rh_buf *buf)
{
    static const char zeros[8] = {0};

    if (buf->len % 8)
        rh_buf_add(buf, zeros, 8 - buf->len % 8);
}

void rh_wire_put(struct rh_wire_out *out, const void *data, size_t size)
{
    char *to = data ? NULL : rh_buf_reserve(&out->fixed, size);

    if (data) {
        rh_buf_add(&out->fixed, data, size);
    } else if (to && size) {
        memset(to, 0, size);
        out->fixed.len += size;
    }
    pad(&out->fixed);
}

/* Not a pointer, though it stands where one was. */
static const char *place_of(size_t offset)
{
    return (const char *)(uintptr_t)(offset + 1);
}

struct rh_text rh_wire_text(struct rh_wire_out *out, struct rh_text text)
{
    size_t at = out->bytes.len;

    if (!text.data)
        return (struct rh_text){NULL, 0};
    rh_buf_add(&out->bytes, text.data, text.len);
    return (struct rh_text){place_of(at), text.len};
}

struct rh_text rh_wire_string(struct rh_wire_out *out, const char *string)
{
    return rh_wire_text(out, (struct rh_text){string, string ? strlen(string) + 1 : 0});
}

void rh_wire_put_values(struct rh_wire_out *out, const struct rh_value *values, size_t n)
{
    struct rh_value *to;

    if (n > RH_WIRE_MAX_BYTES / sizeof(*to)) {
        out->fixed.failed = true;
        return;
    }
    to = (struct rh_value *)(void *)rh_buf_reserve(&out->fixed, n * sizeof(*to));
    if (!to || n == 0)
        return;
    if (values)
        memcpy(to, values, n * sizeof(*to));
    else
        memset(to, 0, n * sizeof(*to));
    out->fixed.len += n * sizeof(*to);
    for (struct rh_value *end = to + n; to < end; to++) {
        const void *data = to->as.data;

        if (!has_bytes(to) || !data)
            continue;
        if (to->type == RH_TYPE_INTERVAL)
            pad(&out->bytes);
        to->as.data = place_of(out->bytes.len);
        rh_buf_add(&out->bytes, data, to->len);
    }
}

/* Its header has no type and no number. */
void rh_wire_put_nested(struct rh_wire_out *out, const struct rh_wire_out *inner)
{
    struct rh_wire_header header = {.n_fixed = (uint32_t)inner->fixed.len,
                                    .n_bytes = (uint32_t)inner->bytes.len};

    rh_wire_put(out, &header, sizeof(header));
    rh_buf_add(&out->fixed, inner->fixed.data, inner->fixed.len);
    rh_buf_add(&out->fixed, inner->bytes.data, inner->bytes.len);
    pad(&out->fixed);
}

/* ---- Reading ----------------------------------------------------------------------------- */

void rh_wire_in_init(struct rh_wire_in *in, const struct rh_wire_header *header, char *payload)
{
    *in = (struct rh_wire_in){
        .fixed = payload,
        .n_fixed = header->n_fixed,
        .bytes = payload + header->n_fixed,
        .n_bytes = header->n_bytes,
    };
}

void *rh_wire_take(struct rh_wire_in *in, size_t n, size_t size)
{
    size_t total;
    char *at = in->fixed;

    if (in->failed || __builtin_mul_overflow(n, size, &total) || total > in->n_fixed) {
        in->failed = true;
        return NULL;
    }
    total = (total + 7) / 8 * 8; /* n_fixed is a multiple of 8, so this fits too */
    in->fixed += total;
    in->n_fixed -= total;
    return at;
}

bool rh_wire_take_nested(struct rh_wire_in *in, struct rh_wire_in *ret_inner)
{
    const struct rh_wire_header *header = rh_wire_take(in, 1, sizeof(*header));
    char *payload;

    if (!header || header->n_fixed % 8) {
        in->failed = true;
        return false;
    }
    payload = rh_wire_take(in, (size_t)header->n_fixed + header->n_bytes, 1);
    if (!payload)
        return false;
    rh_wire_in_init(ret_inner, header, payload);
    return true;
}

static bool fix(struct rh_wire_in *in, const void *place, uint64_t len, const char **ret_data)
{
    uint64_t at = (uint64_t)(uintptr_t)place;

    *ret_data = NULL;
    if (at == 0 && len == 0)
        return true;
    if (at == 0 || at - 1 > in->n_bytes || len > in->n_bytes - (at - 1)) {
        in->failed = true;
        return false;
    }
    *ret_data = in->bytes + (at - 1);
    return true;
}

bool rh_wire_fix_text(struct rh_wire_in *in, struct rh_text *text)
{
    if (fix(in, text->data, text->len, &text->data))
        return true;
    text->len = 0;
    return false;
}

const char *rh_wire_fix_string(struct rh_wire_in *in, struct rh_text text)
{
    if (!rh_wire_fix_text(in, &text) || !text.data)
        return NULL;
    if (text.len == 0 || memchr(text.data, 0, text.len) != text.data + text.len - 1) {
        in->failed = true;
        return NULL;
    }
    return text.data;
}

/* A value with bytes that has a length but no pointer stays so: rh_check_batch tells of it. */
static bool fix_value(struct rh_wire_in *in, struct rh_value *value)
{
    uint64_t at = value->as.u;
    const char *data;

    if (at == 0)
        return true;
    if (value->type == RH_TYPE_INTERVAL && (at - 1) % 8 != 0) {
        in->failed = true;
        return false;
    }
    if (!fix(in, value->as.data, value->len, &data))
        return false;
    value->as.data = data;
    return true;
}

struct rh_value *rh_wire_take_values(struct rh_wire_in *in, uint64_t n)
{
    struct rh_value *values = rh_wire_take(in, n, sizeof(*values));

    if (!values)
        return NULL;
    for (uint64_t i = 0; i < n; i++) {
        if (has_bytes(&values[i]) && !fix_value(in, &values[i]))
            return NULL;
    }
    return values;
}
