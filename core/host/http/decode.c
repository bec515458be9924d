/*
 * "deflate" means zlib's format, but some servers send the bare one: the first byte tells. Several
 * gzip members or zstd frames may follow each other, as their formats allow.
 */
#include "host/http/decode.h"

#include "base/err.h"
#include "base/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

#define GZIP_WINDOW (16 + MAX_WBITS)
#define ZSTD_WINDOW_LOG 23 /* 8 MiB: what RFC 8878 asks every decoder to bear, and no more */

enum coding { GZIP, DEFLATE, ZSTD };

struct rh_http_decoder {
    enum coding coding;
    bool begun; /* inside of a member */
    bool open;  /* z is initialised */
    z_stream z;
    ZSTD_DCtx *zstd;
};

static bool is_coding(struct rh_text text, const char *name)
{
    struct rh_text other = rh_text_of(name);

    return text.len == other.len && strncasecmp(text.data, name, other.len) == 0;
}

int rh_http_decoder_new(struct rh_text encoding, struct rh_http_decoder **ret_decoder,
                        struct rh_error *error)
{
    struct rh_http_decoder *decoder;
    enum coding coding;

    encoding = rh_text_trim(encoding);
    *ret_decoder = NULL;
    if (!encoding.len || is_coding(encoding, "identity"))
        return RH_OK;
    if (is_coding(encoding, "gzip") || is_coding(encoding, "x-gzip"))
        coding = GZIP;
    else if (is_coding(encoding, "deflate"))
        coding = DEFLATE;
    else if (is_coding(encoding, "zstd"))
        coding = ZSTD;
    else
        return rh_fail(error, RH_PROTOCOL,
                       "the server sent a Content-Encoding that was not asked "
                       "for");
    decoder = calloc(1, sizeof(*decoder));
    if (!decoder)
        return rh_fail_nomem(error);
    decoder->coding = coding;
    if (coding == ZSTD) {
        decoder->zstd = ZSTD_createDCtx();
        if (!decoder->zstd) {
            free(decoder);
            return rh_fail_nomem(error);
        }
        ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    }
    *ret_decoder = decoder;
    return RH_OK;
}

void rh_http_decoder_free(struct rh_http_decoder *decoder)
{
    if (!decoder)
        return;
    if (decoder->open)
        inflateEnd(&decoder->z);
    ZSTD_freeDCtx(decoder->zstd);
    free(decoder);
}

static int malformed(struct rh_error *error)
{
    return rh_fail(error, RH_PROTOCOL,
                   "the body of the answer is not compressed as its "
                   "Content-Encoding says");
}

static int open_zlib(struct rh_http_decoder *decoder, struct rh_text in, struct rh_error *error)
{
    int window = GZIP_WINDOW;

    if (decoder->open)
        return inflateReset(&decoder->z) == Z_OK ? RH_OK : malformed(error);
    if (decoder->coding == DEFLATE)
        window = (in.data[0] & 0x0f) == 8 ? MAX_WBITS : -MAX_WBITS;
    if (inflateInit2(&decoder->z, window) != Z_OK)
        return rh_fail_nomem(error);
    decoder->open = true;
    return RH_OK;
}

static int step_zlib(struct rh_http_decoder *decoder, struct rh_text *in, char *out, size_t room,
                     size_t *ret_n, struct rh_error *error)
{
    uInt n_in = in->len > UINT_MAX ? UINT_MAX : (uInt)in->len;
    uInt n_out = room > UINT_MAX ? UINT_MAX : (uInt)room;
    z_stream *z = &decoder->z;
    int rc = RH_OK;

    if (!decoder->begun && in->len) {
        if (decoder->open && decoder->coding == DEFLATE)
            return malformed(error);
        rc = open_zlib(decoder, *in, error);
        decoder->begun = rc == RH_OK;
    }
    if (!decoder->begun)
        return rc;
    memcpy(&z->next_in, &in->data, sizeof(z->next_in)); /* zlib only reads there */
    z->avail_in = n_in;
    z->next_out = (Bytef *)out;
    z->avail_out = n_out;
    rc = inflate(z, Z_NO_FLUSH);
    in->data += n_in - z->avail_in;
    in->len -= n_in - z->avail_in;
    *ret_n = n_out - z->avail_out;
    if (rc == Z_STREAM_END) {
        decoder->begun = false;
        return RH_OK;
    }
    if (rc == Z_MEM_ERROR)
        return rh_fail_nomem(error);
    return rc == Z_OK || rc == Z_BUF_ERROR ? RH_OK : malformed(error);
}

static int step_zstd(struct rh_http_decoder *decoder, struct rh_text *in, char *out, size_t room,
                     size_t *ret_n, struct rh_error *error)
{
    ZSTD_inBuffer input = {in->data, in->len, 0};
    ZSTD_outBuffer output = {out, room, 0};
    size_t left;

    if (!decoder->begun && !in->len)
        return RH_OK;
    left = ZSTD_decompressStream(decoder->zstd, &output, &input);
    if (ZSTD_isError(left))
        return malformed(error);
    decoder->begun = left != 0;
    in->data += input.pos;
    in->len -= input.pos;
    *ret_n = output.pos;
    return RH_OK;
}

int rh_http_decoder_step(struct rh_http_decoder *decoder, struct rh_text *in, char *out,
                         size_t room, size_t *ret_n, struct rh_error *error)
{
    *ret_n = 0;
    if (decoder->coding == ZSTD)
        return step_zstd(decoder, in, out, room, ret_n, error);
    return step_zlib(decoder, in, out, room, ret_n, error);
}

bool rh_http_decoder_complete(const struct rh_http_decoder *decoder)
{
    return !decoder->begun;
}
