/*
 * Blocks go round in a ring: the reader takes from `head`, the worker fills `tail`. The block at
 * `tail` belongs to the worker alone. Three hold the stream: the worker until rh_web_stream_end,
 * the response until it is destroyed, and the request.
 *
 * The connection is suspended while there is nothing to read (`waiting`). Only then may the worker
 * touch it, to resume it: a suspended connection cannot go away.
 */
#include "server/http/stream.h"

#include "base/err.h"
#include "base/text.h"
#include "server/http/reply.h"
#include "server/http/server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define N_BLOCKS 4
/* One value may be large; a block takes at most this. */
#define MAX_BLOCK_BYTES ((size_t)256 << 20)

struct rh_web_stream {
    pthread_mutex_t lock; /* guards all below but the block at tail; a leaf, but for MHD's own */
    pthread_cond_t changed;
    struct MHD_Connection *connection;
    struct rh_web_compressor *compressor; /* the worker's; NULL: none */
    struct rh_buf plain;                  /* the worker's: what is to be compressed */
    struct rh_buf blocks[N_BLOCKS];
    unsigned head, tail, n_full;
    size_t offset; /* in the block at head */
    unsigned stall_ms;
    unsigned refs;
    bool waiting; /* the connection is suspended for want of data */
    bool ended, failed;
    bool gone;  /* the reader will not come back */
    bool stuck; /* the worker's: a flush failed, and the block at tail is not its own */
};

static void release_locked(struct rh_web_stream *stream)
{
    bool last = --stream->refs == 0;

    pthread_mutex_unlock(&stream->lock);
    if (!last)
        return;
    for (unsigned i = 0; i < N_BLOCKS; i++)
        rh_buf_free(&stream->blocks[i]);
    rh_buf_free(&stream->plain);
    rh_web_compressor_free(stream->compressor);
    pthread_cond_destroy(&stream->changed);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

static void wake_reader_locked(struct rh_web_stream *stream)
{
    if (stream->waiting) {
        stream->waiting = false;
        MHD_resume_connection(stream->connection);
    }
}

/* ---- The reader's side ------------------------------------------------------------------- */

static size_t copy_out_locked(struct rh_web_stream *stream, char *to, size_t max)
{
    size_t n = 0;

    while (stream->n_full && n < max) {
        struct rh_buf *block = &stream->blocks[stream->head];
        size_t part = block->len - stream->offset;
        if (part > max - n)
            part = max - n;
        memcpy(to + n, block->data + stream->offset, part);
        n += part;
        stream->offset += part;
        if (stream->offset < block->len)
            break;
        if (block->cap > 2 * RH_WEB_STREAM_BLOCK)
            rh_buf_free(block);
        rh_buf_clear(block);
        stream->offset = 0;
        stream->head = (stream->head + 1) % N_BLOCKS;
        stream->n_full--;
        pthread_cond_signal(&stream->changed);
    }
    return n;
}

static ssize_t read_stream(void *context, uint64_t position, char *to, size_t max)
{
    struct rh_web_stream *stream = context;
    ssize_t result;

    (void)position;
    pthread_mutex_lock(&stream->lock);
    result = (ssize_t)copy_out_locked(stream, to, max);
    if (result == 0) {
        if (stream->failed) {
            result = MHD_CONTENT_READER_END_WITH_ERROR;
        } else if (stream->ended) {
            result = MHD_CONTENT_READER_END_OF_STREAM;
        } else {
            stream->waiting = true;
            MHD_suspend_connection(stream->connection);
        }
    }
    pthread_mutex_unlock(&stream->lock);
    return result;
}

static void reader_gone(void *context)
{
    struct rh_web_stream *stream = context;

    pthread_mutex_lock(&stream->lock);
    stream->gone = true;
    pthread_cond_signal(&stream->changed);
    release_locked(stream);
}

struct MHD_Response *rh_web_stream_response(struct rh_web_stream *stream)
{
    struct MHD_Response *response;

    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, RH_WEB_STREAM_BLOCK, read_stream,
                                                 stream, reader_gone);
    if (!response)
        reader_gone(stream);
    return response;
}

void rh_web_stream_refuse(struct rh_web_stream *stream)
{
    reader_gone(stream);
}

void rh_web_stream_abandon(struct rh_web_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->gone = true;
    pthread_cond_signal(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
}

void rh_web_stream_unref(struct rh_web_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    release_locked(stream);
}

/* ---- The worker's side ------------------------------------------------------------------- */

static int open_compressor(struct rh_web_request *request, struct rh_web_stream *stream)
{
    enum rh_web_coding coding;

    if (!request->compressible)
        return RH_OK;
    rh_web_reply_header(request, MHD_HTTP_HEADER_VARY, RH_TEXT("Accept-Encoding"));
    coding = rh_web_coding_wanted(rh_web_request_header(request, "Accept-Encoding"));
    if (coding == RH_WEB_IDENTITY)
        return RH_OK;
    stream->compressor = rh_web_compressor_new(coding);
    if (!stream->compressor)
        return RH_RESOURCE;
    rh_web_reply_header(request, MHD_HTTP_HEADER_CONTENT_ENCODING,
                        rh_text_of(rh_web_coding_name(coding)));
    return RH_OK;
}

int rh_web_stream_open(struct rh_web_request *request, unsigned stall_ms,
                       struct rh_web_stream **ret_stream, struct rh_error *error)
{
    struct rh_web_stream *stream = calloc(1, sizeof(*stream));
    pthread_condattr_t monotonic;

    if (!stream)
        return rh_fail_nomem(error);
    pthread_mutex_init(&stream->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&stream->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (unsigned i = 0; i < N_BLOCKS; i++)
        rh_buf_init(&stream->blocks[i], MAX_BLOCK_BYTES);
    rh_buf_init(&stream->plain, MAX_BLOCK_BYTES);
    stream->connection = request->connection;
    stream->stall_ms = stall_ms;
    stream->refs = 1;
    if (open_compressor(request, stream) != RH_OK) {
        pthread_mutex_lock(&stream->lock);
        release_locked(stream);
        return rh_fail_nomem(error);
    }
    stream->refs = 3;
    request->stream = stream;
    atomic_store(&request->streaming, true);
    rh_web_server_hand_back(request);
    *ret_stream = stream;
    return RH_OK;
}

struct rh_buf *rh_web_stream_buffer(struct rh_web_stream *stream)
{
    return stream->compressor || stream->stuck ? &stream->plain : &stream->blocks[stream->tail];
}

static int wait_for_room_locked(struct rh_web_stream *stream, struct rh_error *error)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += stream->stall_ms / 1000;
    until.tv_nsec += (long)(stream->stall_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (stream->n_full == N_BLOCKS && !stream->gone)
        if (pthread_cond_timedwait(&stream->changed, &stream->lock, &until) != 0 &&
            stream->n_full == N_BLOCKS && !stream->gone)
            return rh_fail(error, RH_TIMEOUT, "the client took nothing for %u ms",
                           stream->stall_ms);
    if (stream->gone)
        return rh_fail(error, RH_CANCELLED, "the client left");
    return RH_OK;
}

/* Moves what the worker wrote into the block at tail, compressed. */
static bool fill_block(struct rh_web_stream *stream, bool finish)
{
    struct rh_buf *block = &stream->blocks[stream->tail];

    if (!stream->compressor)
        return !block->failed;
    if (stream->plain.failed ||
        !rh_web_compressor_run(stream->compressor, rh_buf_text(&stream->plain), finish, block))
        return false;
    rh_buf_clear(&stream->plain);
    return true;
}

static int hand_over(struct rh_web_stream *stream, bool finish, struct rh_error *error)
{
    int rc = RH_OK;

    if (!fill_block(stream, finish))
        return rh_fail(error, RH_RESOURCE, "a part of the answer is too large to be sent");
    pthread_mutex_lock(&stream->lock);
    if (stream->blocks[stream->tail].len) {
        stream->n_full++;
        stream->tail = (stream->tail + 1) % N_BLOCKS;
        wake_reader_locked(stream);
    }
    rc = wait_for_room_locked(stream, error);
    pthread_mutex_unlock(&stream->lock);
    return rc;
}

int rh_web_stream_flush(struct rh_web_stream *stream, struct rh_error *error)
{
    int rc = hand_over(stream, false, error);

    stream->stuck = rc != RH_OK;
    return rc;
}

void rh_web_stream_end(struct rh_web_stream *stream, bool ok)
{
    bool whole = !stream->stuck && hand_over(stream, true, NULL) == RH_OK;

    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    stream->failed = !ok || !whole;
    wake_reader_locked(stream);
    release_locked(stream);
}
