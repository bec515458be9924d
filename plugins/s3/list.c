/*
 * Listing: ListObjectsV2, page by page. What is below the lower bound is not asked for. That keys come
 * in the order of their bytes is not relied upon: directory buckets, and some other services, have
 * another one. Tokens that go round in a circle are found out by Brent's method.
 */
#include "s3.h"

#include "connector/civil.h"
#include "connector/xml.h"

#include <string.h>

#define PAGE_BYTES ((size_t)16 << 20)
#define MAX_ON_PAGE 10000u

int rh_s3_list_open(struct rh_s3_list *list, struct rh_conn *conn,
                    const struct rh_s3_bounds *bounds, struct rh_error *error)
{
    *list = (struct rh_s3_list){.conn = conn, .bounds = *bounds, .done = bounds->none};
    rh_buf_init(&list->token, 64 << 10);
    rh_buf_init(&list->earlier, 64 << 10);
    list->arena = rh_arena_new(PAGE_BYTES * 16);
    return list->arena ? RH_OK : rh_fail_nomem(error);
}

void rh_s3_list_close(struct rh_s3_list *list)
{
    rh_buf_free(&list->token);
    rh_buf_free(&list->earlier);
    rh_arena_free(list->arena);
    *list = (struct rh_s3_list){.conn = NULL};
}

/* ---- A page ---------------------------------------------------------------------------------- */

/* start-after leaves the bound itself out: the key just below it is not easily said, so a bound that
 * is included is asked for without its last byte, and what comes too early is skipped. */
static void add_request(const struct rh_s3_list *list, struct rh_buf *url)
{
    const struct rh_s3_bounds *b = &list->bounds;
    struct rh_text after = b->low;

    rh_buf_add_str(url, "?list-type=2");
    if (b->prefix.len)
        rh_http_add_parameter(url, RH_TEXT("prefix"), b->prefix);
    if (list->token.len)
        rh_http_add_parameter(url, RH_TEXT("continuation-token"), rh_buf_text(&list->token));
    if (!b->low_open && after.len) {
        after.len--;
        while (after.len && ((unsigned char)after.data[after.len] & 0xc0) == 0x80)
            after.len--;
    }
    if (after.len && !list->token.len)
        rh_http_add_parameter(url, RH_TEXT("start-after"), after);
}

static struct rh_text text_of(const struct rh_json *object, const char *name)
{
    const struct rh_json *member = rh_json_member(object, name);

    return member && member->kind == RH_JSON_STRING ? member->text : rh_text_make(NULL, 0);
}

static int take_entry(struct rh_s3_list *list, const struct rh_json *item, struct rh_error *error)
{
    struct rh_s3_entry *entry = &list->entries[list->n];
    struct rh_text etag = text_of(item, "ETag");
    bool ok = true;

    *entry = (struct rh_s3_entry){.size = -1, .modified_us = INT64_MIN};
    entry->key = rh_arena_text(list->arena, text_of(item, "Key"), &ok);
    if (!entry->key.len || entry->key.len > RH_S3_MAX_KEY ||
        !rh_text_to_i64(text_of(item, "Size"), &entry->size) || entry->size < 0)
        return rh_fail(error, RH_PROTOCOL, "the service lists an object without key or size");
    rh_civil_parse_timestamp(text_of(item, "LastModified"), &entry->modified_us);
    if (etag.len >= 2 && etag.data[0] == '"')
        etag = rh_text_make(etag.data + 1, etag.len - 2);
    entry->etag = rh_arena_text(list->arena, etag, &ok);
    list->n++;
    return ok ? RH_OK : rh_fail_nomem(error);
}

static int take_entries(struct rh_s3_list *list, const struct rh_json *result,
                        struct rh_error *error)
{
    const struct rh_json *contents = rh_json_member(result, "Contents"), *item;
    struct rh_text token = text_of(result, "NextContinuationToken");
    bool more = rh_text_is(text_of(result, "IsTruncated"), "true");
    int rc = RH_OK;

    if (contents && contents->kind == RH_JSON_ARRAY && contents->n > MAX_ON_PAGE)
        return rh_fail(error, RH_PROTOCOL, "the service lists too many objects at once");
    item = contents && contents->kind == RH_JSON_ARRAY ? contents->child : contents;
    list->n = list->at = 0;
    list->entries =
        rh_arena_array(list->arena, contents && contents->kind == RH_JSON_ARRAY ? contents->n : 1,
                       sizeof(*list->entries));
    if (!list->entries)
        return rh_fail_nomem(error);
    for (; item && rc == RH_OK; item = item->next) {
        rc = take_entry(list, item, error);
        if (item == contents)
            break;
    }
    if (rc == RH_OK && more &&
        (!token.len || rh_text_equal(token, rh_buf_text(&list->token)) ||
         rh_text_equal(token, rh_buf_text(&list->earlier))))
        rc = rh_fail(error, RH_PROTOCOL, "the service gives the same page again and again");
    list->n_pages++;
    if ((list->n_pages & (list->n_pages - 1)) == 0) {
        rh_buf_clear(&list->earlier);
        rh_buf_add_text(&list->earlier, token);
    }
    rh_buf_clear(&list->token);
    if (more)
        rh_buf_add_text(&list->token, token);
    list->done = !more;
    return rc == RH_OK && (list->token.failed || list->earlier.failed) ? rh_fail_nomem(error) : rc;
}

static int turn_page(struct rh_s3_list *list, const struct rh_op *op, struct rh_error *error)
{
    struct rh_http_request request = {.struct_size = sizeof(request), .method = RH_TEXT("GET")};
    struct rh_json *result = NULL;
    struct rh_buf url, body;
    struct rh_xml xml;
    uint32_t status = 0;
    int rc;

    rh_arena_reset(list->arena);
    rh_buf_init(&url, 64 << 10);
    rh_buf_init(&body, PAGE_BYTES);
    rh_xml_init(&xml, "ListBucketResult", PAGE_BYTES);
    add_request(list, &url);
    request.url = rh_buf_text(&url);
    rc = url.failed ? rh_fail_nomem(error)
                    : rh_http_fetch(list->conn->host->http, list->conn->client, op, &request, &body,
                                    &status, error);
    if (rc == RH_OK && status != 200)
        rc = rh_s3_fail(error, status, rh_buf_text(&body), "cannot list the bucket");
    if (rc == RH_OK) {
        rh_xml_push(&xml, rh_buf_text(&body));
        rh_xml_close(&xml);
        rc = rh_xml_next(&xml, &result, error);
        rc = rc == RH_END ? rh_fail(error, RH_PROTOCOL, "the service's list is none") : rc;
    }
    if (rc == RH_OK)
        rc = take_entries(list, result, error);
    list->begun = true;
    rh_xml_fini(&xml);
    rh_buf_free(&url);
    rh_buf_free(&body);
    return rc;
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static bool is_above(const struct rh_s3_bounds *b, struct rh_text key)
{
    int order = b->low.data ? rh_text_compare(key, b->low) : 1;

    return order > 0 || (order == 0 && !b->low_open);
}

static bool is_below(const struct rh_s3_bounds *b, struct rh_text key)
{
    int order = b->high.data ? rh_text_compare(key, b->high) : -1;

    return order < 0 || (order == 0 && !b->high_open);
}

static bool has_prefix(const struct rh_s3_bounds *b, struct rh_text key)
{
    return key.len >= b->prefix.len &&
           (!b->prefix.len || memcmp(key.data, b->prefix.data, b->prefix.len) == 0);
}

int rh_s3_list_next(struct rh_s3_list *list, const struct rh_op *op,
                    const struct rh_s3_entry **ret_entry, struct rh_error *error)
{
    for (;;) {
        const struct rh_s3_entry *entry;

        if (list->at == list->n) {
            int rc = list->done && (list->begun || list->bounds.none) ? RH_END
                                                                      : turn_page(list, op, error);
            if (rc)
                return rc;
            continue;
        }
        entry = &list->entries[list->at++];
        if (is_above(&list->bounds, entry->key) && is_below(&list->bounds, entry->key) &&
            has_prefix(&list->bounds, entry->key)) {
            *ret_entry = entry;
            return RH_OK;
        }
    }
}
