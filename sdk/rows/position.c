/* Page cursors. Nothing of a cursor's plain text is looked at before it is authenticated. */
#include "rows/position.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "rows/cell.h"

#include <pthread.h>
#include <sodium.h>

#define VERSION 1
#define FLAG_KEYSET 1u
#define FLAG_BINARY 2u

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define MAC crypto_aead_xchacha20poly1305_ietf_ABYTES
#define KEY crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define HEADER (2 + RH_FINGERPRINT_BYTES)
#define MAX_BYTES ((size_t)64 << 20)

/* ---- Keys -------------------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock; /* guards all below; a leaf */
    bool set;
    uint8_t seal[KEY], nonce[KEY], hash[KEY];
} keys = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void derive(uint8_t ret_key[KEY], const uint8_t key[32], const char *purpose)
{
    crypto_generichash(ret_key, KEY, (const uint8_t *)purpose, strlen(purpose), key, 32);
}

static void set_key_locked(const uint8_t key[32])
{
    derive(keys.seal, key, "rowhouse cursor seal");
    derive(keys.nonce, key, "rowhouse cursor nonce");
    derive(keys.hash, key, "rowhouse row hash");
    keys.set = true;
}

void rh_position_set_key(const uint8_t key[32])
{
    pthread_mutex_lock(&keys.lock);
    set_key_locked(key);
    pthread_mutex_unlock(&keys.lock);
}

/* After this the keys no longer change (a program that sets one does so at start-up). */
static void need_key(void)
{
    uint8_t random[32];

    pthread_mutex_lock(&keys.lock);
    if (!keys.set) {
        randombytes_buf(random, sizeof(random));
        set_key_locked(random);
        sodium_memzero(random, sizeof(random));
    }
    pthread_mutex_unlock(&keys.lock);
}

void rh_position_keyed_hash(const void *data, size_t n, uint8_t ret_hash[16])
{
    need_key();
    crypto_generichash(ret_hash, 16, data, n, keys.hash, sizeof(keys.hash));
}

/* ---- Values ------------------------------------------------------------------------------ */

static void add_varint(struct rh_buf *buf, uint64_t n)
{
    for (; n >= 128; n >>= 7)
        rh_buf_add_char(buf, (char)(n | 128));
    rh_buf_add_char(buf, (char)n);
}

void rh_position_add_value(struct rh_buf *buf, const struct rh_value *value)
{
    rh_buf_add_char(buf, (char)value->type);
    if (rh_cell_has_data(value)) {
        add_varint(buf, value->len);
        rh_buf_add(buf, value->as.data, value->len);
    } else if (value->type == RH_TYPE_FLOAT) {
        rh_buf_add(buf, &value->as.f, sizeof(value->as.f));
    } else if (value->type > RH_TYPE_NULL) {
        /* Zigzag: small numbers of either sign stay short. */
        add_varint(buf, (value->as.u << 1) ^ (value->as.i < 0 ? UINT64_MAX : 0));
    }
}

static bool take_varint(struct rh_text *rest, uint64_t *ret_n)
{
    uint64_t n = 0;

    for (unsigned shift = 0; shift < 64 && rest->len; shift += 7) {
        uint8_t byte = (uint8_t)*rest->data;
        rest->data++;
        rest->len--;
        n |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *ret_n = n;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct rh_text *rest, size_t n, const char **ret_data)
{
    if (rest->len < n)
        return false;
    *ret_data = rest->data;
    rest->data += n;
    rest->len -= n;
    return true;
}

/* Text and bytes are copied, so that intervals are aligned and the token may go. */
static bool take_value(struct rh_arena *arena, struct rh_text *rest, struct rh_value *value)
{
    const char *data;
    uint64_t n;

    if (!take_bytes(rest, 1, &data) || (uint8_t)*data >= RH_N_TYPES)
        return false;
    value->type = (uint8_t)*data;
    if (rh_cell_has_data(value)) {
        if (!take_varint(rest, &n) || n > UINT32_MAX || !take_bytes(rest, n, &data))
            return false;
        value->len = (uint32_t)n;
        value->as.data = rh_arena_dup(arena, data, n);
        return value->as.data != NULL;
    }
    if (value->type == RH_TYPE_FLOAT) {
        if (!take_bytes(rest, sizeof(value->as.f), &data))
            return false;
        memcpy(&value->as.f, data, sizeof(value->as.f));
        return true;
    }
    if (value->type <= RH_TYPE_NULL)
        return true;
    if (!take_varint(rest, &n))
        return false;
    value->as.u = (n >> 1) ^ (n & 1 ? UINT64_MAX : 0);
    return true;
}

/* ---- Fingerprint ------------------------------------------------------------------------- */

struct columns {
    const struct rh_column *first;
    size_t stride;
};

static void add_text(struct rh_buf *buf, struct rh_text text)
{
    add_varint(buf, text.len);
    rh_buf_add_text(buf, text);
}

/* By name: the same column may stand elsewhere when something else is selected. */
static void add_column(struct rh_buf *buf, const struct columns *columns, uint32_t column)
{
    if (column == RH_NO_COLUMN) {
        add_varint(buf, 0);
    } else if (!columns) {
        add_varint(buf, (uint64_t)column + 1);
    } else {
        const struct rh_column *c =
            (const struct rh_column *)(const void *)((const char *)columns->first +
                                                     column * columns->stride);
        add_text(buf, c->name);
    }
}

static void add_node(struct rh_buf *buf, const struct rh_query *query,
                     const struct columns *columns, uint32_t position);

static void add_semijoin(struct rh_buf *buf, const struct rh_query *query,
                         const struct columns *outer, uint32_t position)
{
    const struct rh_semijoin *join =
        (const struct rh_semijoin *)(const void *)((const char *)query->semijoins +
                                                   (size_t)position * query->semijoin_stride);
    struct columns inner = {join->columns, join->column_stride};

    add_text(buf, join->schema);
    add_text(buf, join->table);
    add_varint(buf, join->n_pairs);
    for (uint32_t i = 0; i < join->n_pairs; i++) {
        add_column(buf, outer, join->outer[i]);
        add_column(buf, &inner, join->inner[i]);
    }
    add_varint(buf, join->n_conjuncts);
    for (uint32_t i = 0; i < join->n_conjuncts; i++)
        add_node(buf, query, &inner, join->conjuncts[i]);
}

/* Recursion as deep as the host nested the conditions, which is limited where they are parsed. */
static void add_node(struct rh_buf *buf, const struct rh_query *query,
                     const struct columns *columns, uint32_t position)
{
    const struct rh_node *node = &query->nodes[position];

    add_varint(buf, node->op);
    add_varint(buf, node->n);
    add_column(buf, columns, node->column);
    switch (RH_OP_BASE(node->op)) {
    case RH_OP_AND:
    case RH_OP_OR:
        for (uint32_t i = 0; i < node->n; i++)
            add_node(buf, query, columns, node->first + i);
        break;
    case RH_OP_EXISTS:
        add_semijoin(buf, query, columns, node->first);
        break;
    default:
        for (uint32_t i = 0; i < node->n; i++)
            rh_position_add_value(buf, &query->values[node->first + i]);
    }
}

static void add_query(struct rh_buf *buf, const struct rh_query *query)
{
    struct columns columns = {query->columns, query->column_stride};
    bool grouped = query->n_groups + query->n_aggregates > 0;

    add_text(buf, query->schema);
    add_text(buf, query->table);
    add_varint(buf, query->flags & RH_QUERY_DISTINCT);
    add_varint(buf, query->n_conjuncts);
    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        add_node(buf, query, &columns, query->conjuncts[i]);
    add_varint(buf, query->n_groups);
    for (uint32_t i = 0; i < query->n_groups; i++) {
        add_column(buf, &columns, query->groups[i].column);
        add_varint(buf, query->groups[i].bucket);
    }
    add_varint(buf, query->n_aggregates);
    for (uint32_t i = 0; i < query->n_aggregates; i++) {
        add_column(buf, &columns, query->aggregates[i].column);
        add_varint(buf, query->aggregates[i].function * 2 + query->aggregates[i].distinct);
    }
    add_varint(buf, query->n_having);
    for (uint32_t i = 0; i < query->n_having; i++)
        add_node(buf, query, NULL, query->having[i]);
    add_varint(buf, query->n_order);
    for (uint32_t i = 0; i < query->n_order; i++) {
        add_column(buf, grouped ? NULL : &columns, query->order[i].column);
        add_varint(buf, query->order[i].flags);
    }
    if (query->flags & RH_QUERY_DISTINCT)
        for (uint32_t i = 0; i < query->n_select; i++)
            add_column(buf, &columns, query->select[i]);
}

int rh_position_fingerprint(struct rh_text datasource, const struct rh_query *query,
                            uint8_t ret_fingerprint[RH_FINGERPRINT_BYTES], struct rh_error *error)
{
    struct rh_buf buf;
    bool failed;

    rh_buf_init(&buf, MAX_BYTES);
    add_text(&buf, datasource);
    add_query(&buf, query);
    failed = buf.failed;
    if (!failed)
        rh_position_keyed_hash(buf.data, buf.len, ret_fingerprint);
    rh_buf_free(&buf);
    return failed ? rh_fail(error, RH_RESOURCE, "the query's conditions are too large") : RH_OK;
}

/* ---- Text -------------------------------------------------------------------------------- */

static int seal(struct rh_arena *arena, const struct rh_buf *plain, struct rh_text *ret_text,
                struct rh_error *error)
{
    size_t n = NONCE + plain->len + MAC;
    size_t n_text = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    uint8_t *sealed = rh_arena_alloc(arena, n);
    char *text = rh_arena_alloc(arena, n_text);

    if (!sealed || !text)
        return rh_fail_nomem(error);
    need_key();
    crypto_generichash(sealed, NONCE, (const uint8_t *)plain->data, plain->len, keys.nonce, KEY);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE, NULL, (const uint8_t *)plain->data,
                                               plain->len, NULL, 0, NULL, sealed, keys.seal);
    sodium_bin2base64(text, n_text, sealed, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    *ret_text = rh_text_make(text, n_text - 1);
    return RH_OK;
}

int rh_position_encode(struct rh_arena *arena, const uint8_t fingerprint[RH_FINGERPRINT_BYTES],
                       const struct rh_position *position, struct rh_text *ret_text,
                       struct rh_error *error)
{
    struct rh_buf plain;
    int r;

    rh_buf_init(&plain, MAX_BYTES);
    rh_buf_add_char(&plain, VERSION);
    rh_buf_add_char(&plain, (char)((position->keyset ? FLAG_KEYSET : 0) |
                                   (position->binary ? FLAG_BINARY : 0)));
    rh_buf_add(&plain, fingerprint, RH_FINGERPRINT_BYTES);
    if (position->keyset)
        for (uint32_t i = 0; i < position->n_values; i++)
            rh_position_add_value(&plain, &position->values[i]);
    else
        add_varint(&plain, position->offset);
    if (plain.failed)
        r = rh_fail(error, RH_RESOURCE, "the values that the rows are ordered by are too long");
    else
        r = seal(arena, &plain, ret_text, error);
    rh_buf_free(&plain);
    return r;
}

static int fail_cursor(const char *reason, const char *pointer, struct rh_error *error)
{
    rh_fail(error, RH_INVALID, "the cursor %s", reason);
    rh_error_code(error, "invalid-cursor");
    rh_error_pointer(error, pointer);
    return rh_error_hint(error, "start again without \"%s\"", pointer + 1);
}

static bool unseal(struct rh_arena *arena, struct rh_text text, struct rh_text *ret_plain)
{
    size_t cap = text.len / 4 * 3 + 3, n = 0;
    uint8_t *sealed = rh_arena_alloc(arena, cap);
    uint8_t *plain = rh_arena_alloc(arena, cap);

    if (!sealed || !plain ||
        sodium_base642bin(sealed, cap, text.data ? text.data : "", text.len, NULL, &n, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        n < NONCE + HEADER + MAC)
        return false;
    need_key();
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed + NONCE, n - NONCE,
                                                   NULL, 0, sealed, keys.seal) != 0)
        return false;
    *ret_plain = rh_text_make((const char *)plain, n - NONCE - MAC);
    return true;
}

static bool take_position(struct rh_arena *arena, struct rh_text rest, unsigned flags,
                          uint32_t n_values, struct rh_position *position)
{
    struct rh_value *values;

    position->keyset = (flags & FLAG_KEYSET) != 0;
    position->binary = (flags & FLAG_BINARY) != 0;
    if (!position->keyset)
        return take_varint(&rest, &position->offset) && rest.len == 0;
    values = rh_arena_array(arena, n_values, sizeof(*values));
    if (!values)
        return false;
    for (uint32_t i = 0; i < n_values; i++)
        if (!take_value(arena, &rest, &values[i]))
            return false;
    position->values = values;
    position->n_values = n_values;
    return rest.len == 0;
}

int rh_position_decode(struct rh_arena *arena, const uint8_t fingerprint[RH_FINGERPRINT_BYTES],
                       uint32_t n_values, struct rh_text text, const char *pointer,
                       struct rh_position *ret_position, struct rh_error *error)
{
    struct rh_position position = {0};
    struct rh_text plain;

    if (text.len > MAX_BYTES || !unseal(arena, text, &plain) || plain.data[0] != VERSION)
        return fail_cursor("is damaged, or was not made by this server", pointer, error);
    if (sodium_memcmp(plain.data + 2, fingerprint, RH_FINGERPRINT_BYTES) != 0)
        return fail_cursor("belongs to another query: conditions, groups and order must stay the "
                           "same from page to page",
                           pointer, error);
    if (!take_position(arena, rh_text_make(plain.data + HEADER, plain.len - HEADER),
                       (uint8_t)plain.data[1], n_values, &position))
        return fail_cursor("does not fit this query's order", pointer, error);
    *ret_position = position;
    return RH_OK;
}
