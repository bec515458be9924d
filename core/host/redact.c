/*
 * A hash table under a read-write lock, by the first bytes of each secret: what stands at a place
 * of a text is compared with the few that begin as it does.
 *
 * What was noted for a datasource is kept as a list of references, so that taking it back needs
 * neither memory nor the settings.
 */
#include "host/redact.h"

#include "base/err.h"
#include "base/map.h"
#include "base/text.h"
#include "host/settings.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_BYTES 4 /* all of them have so many: these choose the bucket */
#define N_BUCKETS 1024
#define STRUCK "********"
#define ELLIPSIS "…"
#define SEPARATORS ":@/?#"
#define MAX_DEPTH 2048 /* jansson reads no deeper */

struct secret {
    struct secret *next;
    size_t count;
    size_t len;
    char data[];
};

struct rh_redact_notes {
    struct rh_redact_notes *next;
    struct secret *secret;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER; /* guards all below; a leaf */
static struct secret *buckets[N_BUCKETS];

/* ---- The table ---------------------------------------------------------------------------- */

static struct secret **bucket_of(const char *data)
{
    return &buckets[rh_hash(data, LEAST_BYTES) % N_BUCKETS];
}

static struct secret *find_locked(struct rh_text text)
{
    struct secret *secret = *bucket_of(text.data);

    while (secret && !rh_text_equal(rh_text_make(secret->data, secret->len), text))
        secret = secret->next;
    return secret;
}

/* NULL when out of memory. */
static struct secret *add(struct rh_text text)
{
    struct secret *secret;

    pthread_rwlock_wrlock(&lock);
    secret = find_locked(text);
    if (!secret && text.len < SIZE_MAX / 2)
        secret = calloc(1, sizeof(*secret) + text.len);
    if (secret && secret->count++ == 0) {
        secret->len = text.len;
        memcpy(secret->data, text.data, text.len);
        secret->next = *bucket_of(text.data);
        *bucket_of(text.data) = secret;
    }
    pthread_rwlock_unlock(&lock);
    return secret;
}

static void drop_locked(struct secret *secret)
{
    struct secret **at = bucket_of(secret->data);

    if (--secret->count)
        return;
    while (*at != secret)
        at = &(*at)->next;
    *at = secret->next;
    sodium_memzero(secret->data, secret->len);
    free(secret);
}

int rh_redact_add(struct rh_text secret, struct rh_error *error)
{
    if (secret.len < LEAST_BYTES || add(secret))
        return RH_OK;
    return rh_fail_nomem(error);
}

void rh_redact_remove(struct rh_text secret)
{
    struct secret *known;

    if (secret.len < LEAST_BYTES)
        return;
    pthread_rwlock_wrlock(&lock);
    known = find_locked(secret);
    if (known)
        drop_locked(known);
    pthread_rwlock_unlock(&lock);
}

/* ---- Settings ----------------------------------------------------------------------------- */

static bool note(struct rh_redact_notes **notes, struct rh_text text)
{
    struct rh_redact_notes *one;

    if (text.len < LEAST_BYTES)
        return true;
    one = malloc(sizeof(*one));
    if (!one)
        return false;
    one->secret = add(text);
    if (!one->secret) {
        free(one);
        return false;
    }
    one->next = *notes;
    *notes = one;
    return true;
}

/* The text and its pieces: a message may name what a parser took for the host or the port. */
static bool note_pieces(struct rh_redact_notes **notes, struct rh_text text)
{
    uint64_t from = 0;

    if (!note(notes, text))
        return false;
    for (uint64_t i = 0; i <= text.len; i++) {
        if (i < text.len && (!text.data[i] || !strchr(SEPARATORS, text.data[i])))
            continue;
        if ((from > 0 || i < text.len) && !note(notes, rh_text_make(text.data + from, i - from)))
            return false;
        from = i + 1;
    }
    return true;
}

/* Percent-decodes; what is no escape stays. `to` has room for all of the text. */
static size_t decode(struct rh_text text, char *to)
{
    size_t n = 0;

    for (uint64_t i = 0; i < text.len; i++) {
        int high =
            text.data[i] == '%' && text.len - i > 2 ? rh_text_hex_digit(text.data[i + 1]) : -1;
        int low = high >= 0 ? rh_text_hex_digit(text.data[i + 2]) : -1;

        to[n++] = low < 0 ? text.data[i] : (char)(high * 16 + low);
        i += low < 0 ? 0 : 2;
    }
    return n;
}

/* The password of a URL: from the first ':' behind "://" to the last '@', wide enough for one that
 * was not encoded as it should be. */
static bool note_password(struct rh_redact_notes **notes, struct rh_text url)
{
    const char *start = url.len ? memmem(url.data, url.len, "://", 3) : NULL;
    const char *end = start ? memrchr(start, '@', (size_t)(url.data + url.len - start)) : NULL;
    struct rh_text password;
    char *decoded;
    bool ok;

    start = end ? memchr(start + 3, ':', (size_t)(end - start - 3)) : NULL;
    if (!start)
        return true;
    password = rh_text_make(start + 1, (size_t)(end - start - 1));
    if (!note_pieces(notes, password))
        return false;
    if (!memchr(start, '%', password.len + 1))
        return true;
    decoded = malloc(password.len);
    if (!decoded)
        return false;
    ok = note_pieces(notes, rh_text_make(decoded, decode(password, decoded)));
    sodium_memzero(decoded, password.len);
    free(decoded);
    return ok;
}

static bool note_text(struct rh_redact_notes **notes, struct rh_text text)
{
    return note(notes, text) && note_password(notes, text);
}

static bool note_leaves(struct rh_redact_notes **notes, json_t *json, unsigned depth)
{
    bool ok = depth < MAX_DEPTH;
    const char *name;
    json_t *child;
    size_t i;

    if (json_is_string(json))
        return note_text(notes, rh_text_make(json_string_value(json), json_string_length(json)));
    if (!json_is_array(json) && !json_is_object(json))
        return true;
    for (i = 0; ok && i < json_array_size(json); i++)
        ok = note_leaves(notes, json_array_get(json, i), depth + 1);
    json_object_foreach(json, name, child)
    {
        ok = ok && note_leaves(notes, child, depth + 1);
    }
    return ok;
}

static bool note_json(struct rh_redact_notes **notes, struct rh_text text)
{
    json_error_t fault = {0};
    json_t *json = json_loadb(text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);
    bool ok;

    if (!json)
        return json_error_code(&fault) != json_error_out_of_memory && note_text(notes, text);
    ok = note_leaves(notes, json, 0);
    json_decref(json);
    return ok;
}

int rh_redact_add_settings(struct rh_text config_schema, const struct rh_settings *settings,
                           struct rh_redact_notes **ret_notes, struct rh_error *error)
{
    json_t *schema = json_loadb(config_schema.data, config_schema.len, 0, NULL);
    struct rh_redact_notes *notes = NULL;
    bool ok = true;

    for (uint32_t i = 0; i < settings->n && ok; i++) {
        const struct rh_setting *item =
            (const void *)((const char *)settings->items + (size_t)i * settings->stride);
        struct rh_text text = rh_text_make(item->value.as.data, item->value.len);

        if (item->value.type != RH_TYPE_TEXT && item->value.type != RH_TYPE_JSON)
            continue;
        if (!rh_settings_is_secret(schema, item->name.data))
            continue;
        ok = item->value.type == RH_TYPE_TEXT ? note_text(&notes, text) : note_json(&notes, text);
    }
    json_decref(schema);
    if (!ok) {
        rh_redact_remove_notes(notes);
        return rh_fail_nomem(error);
    }
    *ret_notes = notes;
    return RH_OK;
}

void rh_redact_remove_notes(struct rh_redact_notes *notes)
{
    if (!notes)
        return;
    pthread_rwlock_wrlock(&lock);
    for (struct rh_redact_notes *next; notes; notes = next) {
        next = notes->next;
        drop_locked(notes->secret);
        free(notes);
    }
    pthread_rwlock_unlock(&lock);
}

/* ---- Striking ----------------------------------------------------------------------------- */

/* How many bytes of the secret stand at the front of the text, when that is all of it or all that
 * was left of it before the text was cut; else 0. */
static size_t match(const struct secret *secret, const char *data, size_t left, bool cut)
{
    size_t most = secret->len < left ? secret->len : left;
    size_t n = 0;

    while (n < most && secret->data[n] == data[n])
        n++;
    if (n == secret->len)
        return n;
    if (n < LEAST_BYTES)
        return 0;
    if (n == left)
        return cut ? n : 0;
    return rh_text_starts(rh_text_make(data + n, left - n), ELLIPSIS) ? n : 0;
}

static size_t longest_match_locked(const char *data, size_t left, bool cut)
{
    const struct secret *secret = left >= LEAST_BYTES ? *bucket_of(data) : NULL;
    size_t longest = 0;

    for (; secret; secret = secret->next) {
        size_t n = match(secret, data, left, cut);

        if (n > longest)
            longest = n;
    }
    return longest;
}

static void strike(struct rh_text text, bool cut, struct rh_buf *buf)
{
    size_t from = 0;

    pthread_rwlock_rdlock(&lock);
    for (size_t i = 0; i < text.len;) {
        size_t n = longest_match_locked(text.data + i, text.len - i, cut);

        if (n == 0) {
            i++;
            continue;
        }
        rh_buf_add(buf, text.data + from, i - from);
        rh_buf_add_str(buf, STRUCK);
        i += n;
        from = i;
    }
    pthread_rwlock_unlock(&lock);
    if (from < text.len)
        rh_buf_add(buf, text.data + from, text.len - from);
}

void rh_redact_text(struct rh_text text, struct rh_buf *buf)
{
    strike(text, false, buf);
}

/* A text that became longer than its field is cut. Twice the room is always enough: 4 bytes become
 * 8 at most. One that lacks up to 3 bytes to fill it may have lost a torn character. */
static void strike_field(char *field, size_t size)
{
    struct rh_text text = {field, strnlen(field, size - 1)};
    struct rh_buf buf;
    size_t n;

    rh_buf_init(&buf, size * 2);
    strike(text, text.len + 4 >= size, &buf);
    if (buf.failed) {
        field[0] = 0;
    } else {
        n = buf.len < size - 1 ? buf.len : size - 1;
        while (n && n < buf.len && ((unsigned char)buf.data[n] & 0xc0) == 0x80)
            n--; /* not in the middle of a character */
        if (n)
            memcpy(field, buf.data, n);
        field[n] = 0;
    }
    rh_buf_free(&buf);
}

void rh_redact_error(struct rh_error *error)
{
    strike_field(error->message, sizeof(error->message));
    strike_field(error->hint, sizeof(error->hint));
    strike_field(error->column, sizeof(error->column));
    strike_field(error->pointer, sizeof(error->pointer));
}
