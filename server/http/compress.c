/*
 * Levels are chosen for answers made on the fly: zstd 3 and gzip 5 cost about as much as making
 * the JSON does.
 */
#include "server/http/compress.h"

#include "base/text.h"
#include "server/http/accept.h"

#define ZLIB_CONST /* next_in is a pointer to const */
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define GZIP_LEVEL 5
#define GZIP_WINDOW (15 + 16) /* 16: with the gzip header */
#define ZSTD_LEVEL 3
#define STEP_BYTES ((size_t)32 << 10)

struct rh_web_compressor {
    enum rh_web_coding coding;
    z_stream gzip;
    ZSTD_CCtx *zstd;
};

const char *rh_web_coding_name(enum rh_web_coding coding)
{
    switch (coding) {
    case RH_WEB_GZIP:
        return "gzip";
    case RH_WEB_ZSTD:
        return "zstd";
    case RH_WEB_IDENTITY:
        break;
    }
    return "identity";
}

static bool is_coding(struct rh_text name, const char *coding)
{
    return name.len == strlen(coding) && rh_text_distance(name, rh_text_of(coding), 1) == 0;
}

enum rh_web_coding rh_web_coding_wanted(struct rh_text accept_encoding)
{
    double gzip = 0, zstd = 0;

    while (accept_encoding.data) {
        struct rh_text item = rh_text_cut(&accept_encoding, ',');
        struct rh_text name = rh_text_trim(rh_text_cut(&item, ';'));
        if (is_coding(name, "gzip"))
            gzip = rh_web_weight(item);
        else if (is_coding(name, "zstd"))
            zstd = rh_web_weight(item);
    }
    if (zstd > 0 && zstd >= gzip)
        return RH_WEB_ZSTD;
    return gzip > 0 ? RH_WEB_GZIP : RH_WEB_IDENTITY;
}

struct rh_web_compressor *rh_web_compressor_new(enum rh_web_coding coding)
{
    struct rh_web_compressor *compressor = calloc(1, sizeof(*compressor));

    if (!compressor)
        return NULL;
    compressor->coding = coding;
    if (coding == RH_WEB_ZSTD) {
        compressor->zstd = ZSTD_createCCtx();
        if (!compressor->zstd)
            goto failed;
        ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    } else if (deflateInit2(&compressor->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8,
                            Z_DEFAULT_STRATEGY) != Z_OK) {
        goto failed;
    }
    return compressor;

failed:
    free(compressor);
    return NULL;
}

void rh_web_compressor_free(struct rh_web_compressor *compressor)
{
    if (!compressor)
        return;
    if (compressor->coding == RH_WEB_ZSTD)
        ZSTD_freeCCtx(compressor->zstd);
    else
        deflateEnd(&compressor->gzip);
    free(compressor);
}

static bool run_zstd(ZSTD_CCtx *zstd, struct rh_text in, bool finish, struct rh_buf *out)
{
    ZSTD_inBuffer input = {in.data, in.len, 0};
    size_t left;

    do {
        char *to = rh_buf_reserve(out, STEP_BYTES);
        ZSTD_outBuffer output = {to, STEP_BYTES, 0};
        if (!to)
            return false;
        left = ZSTD_compressStream2(zstd, &output, &input, finish ? ZSTD_e_end : ZSTD_e_flush);
        if (ZSTD_isError(left))
            return false;
        out->len += output.pos;
    } while (left > 0);
    return true;
}

static bool run_gzip(z_stream *gzip, struct rh_text in, bool finish, struct rh_buf *out)
{
    size_t left = in.len;
    int rc;

    gzip->next_in = (const Bytef *)in.data;
    do {
        uInt part = left > UINT_MAX ? UINT_MAX : (uInt)left;
        bool last = part == left;
        gzip->avail_in = part;
        do {
            char *to = rh_buf_reserve(out, STEP_BYTES);
            if (!to)
                return false;
            gzip->next_out = (Bytef *)to;
            gzip->avail_out = (uInt)STEP_BYTES;
            rc = deflate(gzip, !last ? Z_NO_FLUSH : finish ? Z_FINISH : Z_SYNC_FLUSH);
            if (rc == Z_STREAM_ERROR)
                return false;
            out->len += STEP_BYTES - gzip->avail_out;
        } while (gzip->avail_out == 0);
        left -= part;
    } while (left > 0);
    return true;
}

bool rh_web_compressor_run(struct rh_web_compressor *compressor, struct rh_text in, bool finish,
                           struct rh_buf *out)
{
    if (compressor->coding == RH_WEB_ZSTD)
        return run_zstd(compressor->zstd, in, finish, out);
    return run_gzip(&compressor->gzip, in, finish, out);
}

bool rh_web_compress_all(enum rh_web_coding coding, struct rh_buf *buf)
{
    struct rh_web_compressor *compressor = rh_web_compressor_new(coding);
    struct rh_buf out;
    bool done;

    if (!compressor)
        return false;
    rh_buf_init(&out, buf->max);
    done = rh_web_compressor_run(compressor, rh_buf_text(buf), true, &out);
    rh_web_compressor_free(compressor);
    if (!done) {
        rh_buf_free(&out);
        return false;
    }
    rh_buf_free(buf);
    *buf = out;
    return true;
}
