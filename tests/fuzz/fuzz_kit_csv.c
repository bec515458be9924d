/*
 * CSV from any bytes, cut at any place. What must hold: the same records come, whatever the pieces;
 * each has as many fields as the first.
 * The first byte says how long the pieces are.
 */
#include "connector/csv.h"

#include "base/buf.h"

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
    const struct rh_text *fields;
    uint32_t n, width = 0;
    struct rh_csv csv;
    size_t at = 0;
    int rc;
    rh_csv_init(&csv, ',', MAX_BYTES);
    while ((rc = rh_csv_next(&csv, &fields, &n, NULL)) >= 0 && rc != RH_END) {
        size_t take = size - at < piece ? size - at : piece;
        if (rc == RH_CSV_MORE && take == 0) {
            rh_csv_close(&csv);
        } else if (rc == RH_CSV_MORE) {
            rh_csv_push(&csv, (struct rh_text){text + at, take});
            at += take;
        } else {
            require(n > 0 && (!width || n == width));
            width = n;
            for (uint32_t i = 0; i < n; i++) {
                rh_buf_add(ret, &fields[i].len, sizeof(fields[i].len));
                rh_buf_add_text(ret, fields[i]);
            }
        }
    }
    rh_csv_fini(&csv);
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
