/*
 * A short list under a read-write lock: there are as many secrets as datasources, and lines that
 * connectors log are few.
 */
#include "host/redact.h"

#include "base/err.h"
#include "base/text.h"
#include "host/settings.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_BYTES 4
#define STRUCK "********"

struct secret {
    struct secret *next;
    size_t count;
    size_t len;
    char data[];
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER; /* guards the list; a leaf */
static struct secret *secrets;

static struct secret **find_locked(struct rh_text text)
{
    struct secret **at = &secrets;

    while (*at && !rh_text_equal(rh_text_make((*at)->data, (*at)->len), text))
        at = &(*at)->next;
    return at;
}

int rh_redact_add(struct rh_text secret, struct rh_error *error)
{
    struct secret *known;
    int rc = RH_OK;

    if (secret.len < LEAST_BYTES)
        return RH_OK;
    pthread_rwlock_wrlock(&lock);
    known = *find_locked(secret);
    if (!known) {
        known = secret.len < SIZE_MAX / 2 ? calloc(1, sizeof(*known) + secret.len) : NULL;
        if (!known) {
            rc = rh_fail_nomem(error);
            goto out;
        }
        known->len = secret.len;
        memcpy(known->data, secret.data, secret.len);
        known->next = secrets;
        secrets = known;
    }
    known->count++;
out:
    pthread_rwlock_unlock(&lock);
    return rc;
}

void rh_redact_remove(struct rh_text secret)
{
    struct secret **at, *known;

    if (secret.len < LEAST_BYTES)
        return;
    pthread_rwlock_wrlock(&lock);
    at = find_locked(secret);
    known = *at;
    if (known && --known->count == 0) {
        *at = known->next;
        sodium_memzero(known->data, known->len);
        free(known);
    }
    pthread_rwlock_unlock(&lock);
}

/* The next secret text among the settings, from *at on; NULL after the last. */
static const struct rh_setting *next_secret(const json_t *schema,
                                            const struct rh_settings *settings, uint32_t *at)
{
    while (*at < settings->n) {
        const struct rh_setting *item =
            (const void *)((const char *)settings->items + (size_t)(*at)++ * settings->stride);
        if (item->value.type == RH_TYPE_TEXT && rh_settings_is_secret(schema, item->name.data))
            return item;
    }
    return NULL;
}

static struct rh_text text_of(const struct rh_setting *item)
{
    return rh_text_make(item->value.as.data, item->value.len);
}

int rh_redact_add_settings(struct rh_text config_schema, const struct rh_settings *settings,
                            struct rh_error *error)
{
    json_t *schema = json_loadb(config_schema.data, config_schema.len, 0, NULL);
    const struct rh_setting *item;
    uint32_t at = 0, n_added = 0;
    int rc = RH_OK;

    while (rc == RH_OK && (item = next_secret(schema, settings, &at))) {
        rc = rh_redact_add(text_of(item), error);
        n_added += rc == RH_OK;
    }
    at = 0;
    while (rc && n_added-- && (item = next_secret(schema, settings, &at)))
        rh_redact_remove(text_of(item));
    json_decref(schema);
    return rc;
}

void rh_redact_remove_settings(struct rh_text config_schema, const struct rh_settings *settings)
{
    json_t *schema = json_loadb(config_schema.data, config_schema.len, 0, NULL);
    const struct rh_setting *item;
    uint32_t at = 0;

    while ((item = next_secret(schema, settings, &at)))
        rh_redact_remove(text_of(item));
    json_decref(schema);
}

/* The longest noted value that stands at the front of the text; 0 = none. */
static size_t secret_at_locked(const char *data, size_t left)
{
    size_t longest = 0;

    for (const struct secret *secret = secrets; secret; secret = secret->next) {
        if (secret->len > longest && secret->len <= left && *secret->data == *data &&
            memcmp(secret->data, data, secret->len) == 0)
            longest = secret->len;
    }
    return longest;
}

void rh_redact_text(struct rh_text text, struct rh_buf *buf)
{
    size_t from = 0;

    pthread_rwlock_rdlock(&lock);
    for (size_t i = 0; i < text.len;) {
        size_t n = secret_at_locked(text.data + i, text.len - i);

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

/* A text that became longer than its field is cut. Twice the room is always enough: 4 bytes become
 * 8 at most. */
static void strike_field(char *field, size_t size)
{
    struct rh_text text = {field, strnlen(field, size - 1)};
    struct rh_buf buf;
    size_t n;

    rh_buf_init(&buf, size * 2);
    rh_redact_text(text, &buf);
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
}
