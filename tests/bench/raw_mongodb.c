/*
 * bench_raw_mongodb URL COLLECTION: the hand-written libmongoc loop that the row SDK is compared with: a
 * cursor over all documents, and each field looked at. URL: mongodb://host:port/database
 */
#include <mongoc/mongoc.h>
#include <stdint.h>
#include <stdio.h>

static uint64_t touch(const bson_t *document)
{
    bson_iter_t iter;
    uint64_t sum = 0;
    uint32_t len;

    if (!bson_iter_init(&iter, document))
        return 0;
    while (bson_iter_next(&iter)) {
        if (BSON_ITER_HOLDS_INT64(&iter)) {
            sum += (uint64_t)bson_iter_int64(&iter);
        } else if (BSON_ITER_HOLDS_UTF8(&iter)) {
            (void)bson_iter_utf8(&iter, &len);
            sum += len;
        }
    }
    return sum;
}

int main(int argc, char **argv)
{
    const bson_t *document;
    bson_t filter = BSON_INITIALIZER;
    bson_error_t error;
    uint64_t rows = 0, sum = 0;

    if (argc != 3)
        return 2;
    mongoc_init();
    mongoc_uri_t *uri = mongoc_uri_new(argv[1]);
    mongoc_client_t *client = uri ? mongoc_client_new_from_uri(uri) : NULL;
    if (!client)
        return 2;
    mongoc_collection_t *collection =
        mongoc_client_get_collection(client, mongoc_uri_get_database(uri), argv[2]);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(collection, &filter, NULL, NULL);
    while (mongoc_cursor_next(cursor, &document)) {
        rows++;
        sum += touch(document);
    }
    if (mongoc_cursor_error(cursor, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(collection);
    mongoc_client_destroy(client);
    mongoc_uri_destroy(uri);
    printf("%llu rows %llu\n", (unsigned long long)rows, (unsigned long long)sum);
    return 0;
}
