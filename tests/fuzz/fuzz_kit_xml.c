/*
 * XML from any bytes, cut at any place. What must hold: the same rows come, whatever the pieces;
 * each is JSON.
 * The first byte says how long the pieces are.
 */
#include "connector/xml.h"

#include <stdlib.h>

#define MAX_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static int read_all(const char *text, size_t size, size_t piece, struct rh_buf *ret)
{
    struct rh_json *row = NULL;
    struct rh_xml xml;
    size_t at = 0;
    int rc;
    rh_xml_init(&xml, "a.b", MAX_BYTES);
    while ((rc = rh_xml_next(&xml, &row, NULL)) >= 0 && rc != RH_END) {
        size_t take = size - at < piece ? size - at : piece;
        if (rc == RH_XML_MORE && take == 0) {
            rh_xml_close(&xml);
        } else if (rc == RH_XML_MORE) {
            rh_xml_push(&xml, (struct rh_text){text + at, take});
            at += take;
        } else {
            require(row->kind == RH_JSON_OBJECT);
            rh_buf_add_text(ret, row->source);
        }
    }
    rh_xml_fini(&xml);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_buf whole, pieces;
    if (size < 1)
        return 0;
    const char *text = (const char *)data + 1;
    rh_buf_init(&whole, SIZE_MAX);
    rh_buf_init(&pieces, SIZE_MAX);
    int rc = read_all(text, size - 1, SIZE_MAX, &whole);
    require(read_all(text, size - 1, (size_t)data[0] + 1, &pieces) == rc);
    require(whole.len == pieces.len && (!whole.len || !memcmp(whole.data, pieces.data, whole.len)));
    rh_buf_free(&whole);
    rh_buf_free(&pieces);
    return 0;
}
