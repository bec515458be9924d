/* core/host/isolation/wire.h, codec.h and channel.h: what is written comes back, and what is
 * malformed is refused. Random bytes: tests/fuzz/fuzz_frame.c. */
#include "host/isolation/wire.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/isolation/channel.h"
#include "host/isolation/codec.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What was written, opened for reading; the frame is the caller's to free. */
static char *reopen(struct rh_wire_out *out, struct rh_wire_in *ret_in)
{
    struct rh_wire_header header = {(uint32_t)out->fixed.len, (uint32_t)out->bytes.len, 0, 0};
    char *frame = malloc(out->fixed.len + out->bytes.len + 1);

    ck_assert(!rh_wire_out_failed(out));
    ck_assert_uint_eq(out->fixed.len % 8, 0);
    memcpy(frame, rh_buf_text(&out->fixed).data, out->fixed.len);
    memcpy(frame + out->fixed.len, rh_buf_text(&out->bytes).data, out->bytes.len);
    rh_wire_out_fini(out);
    rh_wire_in_init(ret_in, &header, frame);
    return frame;
}

START_TEST(brings_texts_and_values)
{
    static const struct rh_interval interval = {1, -2, INT64_MIN};
    const struct rh_value values[] = {
        {.type = RH_TYPE_INT, .as.i = INT64_MIN},
        {.type = RH_TYPE_TEXT, .len = 3, .as.data = "abc"},
        {.type = RH_TYPE_INTERVAL, .len = 16, .as.data = &interval},
        {.type = RH_TYPE_TEXT, .len = 0, .as.data = ""},
        {.type = RH_TYPE_TEXT, .len = 0, .as.data = NULL},
        {.type = RH_TYPE_FLOAT, .as.f = -0.5},
        {.type = 200, .as.u = 77}, /* of no type: its check is somebody else's */
    };
    struct rh_text texts[] = {RH_TEXT_INIT("x"), {NULL, 0}, RH_TEXT_INIT("")};
    struct rh_wire_out out;
    struct rh_wire_in in;
    struct rh_value *back;
    char *frame;

    rh_wire_out_init(&out);
    for (int i = 0; i < 3; i++)
        texts[i] = rh_wire_text(&out, texts[i]);
    rh_wire_put(&out, texts, sizeof(texts));
    rh_wire_put_values(&out, values, 7);
    frame = reopen(&out, &in);
    memcpy(texts, rh_wire_take(&in, 3, sizeof(texts[0])), sizeof(texts));
    for (int i = 0; i < 3; i++)
        ck_assert(rh_wire_fix_text(&in, &texts[i]));
    ck_assert(rh_text_is(texts[0], "x"));
    ck_assert_ptr_null(texts[1].data);
    ck_assert(texts[2].data && texts[2].len == 0);
    back = rh_wire_take_values(&in, 7);
    ck_assert(rh_wire_is_done(&in));
    ck_assert_int_eq(back[0].as.i, INT64_MIN);
    ck_assert_mem_eq(back[1].as.data, "abc", 3);
    ck_assert_uint_eq((uintptr_t)back[2].as.data % 8, 0);
    ck_assert_mem_eq(back[2].as.data, &interval, sizeof(interval));
    ck_assert(back[3].as.data && back[3].len == 0);
    ck_assert_ptr_null(back[4].as.data);
    ck_assert_mem_eq(&back[5], &values[5], 2 * sizeof(values[5]));
    free(frame);
}
END_TEST

START_TEST(refuses_places_outside)
{
    static const struct {
        uint64_t place, len;
        bool fits;
    } cases[] = {{0, 0, true},   {1, 8, true},           {9, 0, true},
                 {0, 1, false},  {1, 9, false},          {9, 1, false},
                 {10, 0, false}, {2, UINT64_MAX, false}, {UINT64_MAX, 1, false}};
    _Alignas(8) char frame[32] = {0};
    struct rh_wire_header header = {24, 8, 0, 0};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rh_text text = {(const char *)(uintptr_t)cases[i].place, cases[i].len};
        struct rh_wire_in in;

        rh_wire_in_init(&in, &header, frame);
        ck_assert_msg(rh_wire_fix_text(&in, &text) == cases[i].fits, "case %zu", i);
        ck_assert(in.failed != cases[i].fits);
    }
}
END_TEST

START_TEST(takes_no_more_than_there_is)
{
    _Alignas(8) char frame[32] = {0};
    struct rh_wire_header header = {24, 8, 0, 0};
    struct rh_wire_in in;

    rh_wire_in_init(&in, &header, frame);
    ck_assert_ptr_nonnull(rh_wire_take(&in, 3, 4)); /* and its padding */
    ck_assert_uint_eq(in.n_fixed, 8);
    ck_assert_ptr_nonnull(rh_wire_take(&in, 0, 4));
    ck_assert_ptr_null(rh_wire_take(&in, 9, 1));
    ck_assert(in.failed);
    ck_assert_ptr_null(rh_wire_take(&in, 1, 1)); /* it stays failed */
    rh_wire_in_init(&in, &header, frame);
    ck_assert_ptr_null(rh_wire_take(&in, SIZE_MAX / 2, 4));
    rh_wire_in_init(&in, &header, frame);
    ck_assert_ptr_null(rh_wire_take_values(&in, UINT64_MAX / 8));
}
END_TEST

START_TEST(brings_a_query)
{
    const struct rh_text options[] = {RH_TEXT_INIT("a"), RH_TEXT_INIT("b")};
    const struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .native_id = 23},
        {.name = RH_TEXT_INIT("kind"), .type = RH_TYPE_TEXT, .options = options, .n_options = 2}};
    const uint32_t one[] = {1};
    const struct rh_node nodes[] = {{RH_OP_EXISTS, RH_NO_COLUMN, 0, 1}, {RH_OP_EQ, 1, 0, 1}};
    const struct rh_value value = {.type = RH_TYPE_TEXT, .len = 1, .as.data = "b"};
    const struct rh_semijoin join = {.table = RH_TEXT_INIT("u"),
                                     .columns = columns,
                                     .n_columns = 1,
                                     .column_stride = sizeof(columns[0]),
                                     .outer = one,
                                     .inner = one,
                                     .n_pairs = 1};
    const struct rh_order order = {1, RH_ORDER_DESC};
    const struct rh_query query = {.struct_size = sizeof(query),
                                   .table = RH_TEXT_INIT("t"),
                                   .columns = columns,
                                   .n_columns = 2,
                                   .column_stride = sizeof(columns[0]),
                                   .select = one,
                                   .n_select = 1,
                                   .conjuncts = one,
                                   .n_conjuncts = 1,
                                   .nodes = nodes,
                                   .n_nodes = 2,
                                   .values = &value,
                                   .n_values = 1,
                                   .semijoins = &join,
                                   .n_semijoins = 1,
                                   .semijoin_stride = sizeof(join),
                                   .order = &order,
                                   .n_order = 1,
                                   .limit = 7,
                                   .row_goal = 9};
    const struct rh_query *back;
    struct rh_wire_out out;
    struct rh_wire_in in;
    char *frame;

    rh_wire_out_init(&out);
    rh_wire_put_query(&out, &query);
    frame = reopen(&out, &in);
    back = rh_wire_take_query(&in);
    ck_assert(back && rh_wire_is_done(&in));
    ck_assert(rh_text_is(back->table, "t") && back->schema.data == NULL);
    ck_assert_uint_eq(back->columns[0].native_id, 23);
    ck_assert(rh_text_is(back->columns[1].options[1], "b"));
    ck_assert_uint_eq(back->select[0], 1);
    ck_assert_mem_eq(back->nodes, nodes, sizeof(nodes));
    ck_assert_mem_eq(back->values[0].as.data, "b", 1);
    ck_assert(rh_text_is(back->semijoins[0].table, "u"));
    ck_assert_uint_eq(back->semijoins[0].inner[0], 1);
    ck_assert_uint_eq(back->order[0].flags, RH_ORDER_DESC);
    ck_assert_uint_eq(back->limit, 7);
    ck_assert_uint_eq(back->row_goal, 9);
    free(frame);
}
END_TEST

START_TEST(brings_a_sandbox)
{
    static const uint16_t ports[] = {443, 5432, 80};
    static const char *const hosts[] = {"*.acme.com", "10.0.0.0/8"}, *const paths[] = {"/a b"};
    struct rh_wire_boot boot = {.version = RH_WIRE_VERSION,
                                .build = "1.2",
                                .path = "/x/y.so",
                                .sha256 = "",
                                .sandbox = {.network = true,
                                            .ports = ports,
                                            .n_ports = 3,
                                            .hosts = hosts,
                                            .n_hosts = 2,
                                            .write_paths = paths,
                                            .n_write_paths = 1,
                                            .memory_bytes = 77}};
    struct rh_arena *arena = rh_arena_new(4096);
    struct rh_wire_boot back;
    struct rh_wire_out out;
    struct rh_wire_in in;
    char *frame;

    rh_wire_out_init(&out);
    rh_wire_put_boot(&out, &boot);
    frame = reopen(&out, &in);
    ck_assert(rh_wire_take_boot(&in, arena, &back) && rh_wire_is_done(&in));
    ck_assert(back.sandbox.network);
    ck_assert_mem_eq(back.sandbox.ports, ports, sizeof(ports));
    ck_assert_str_eq(back.sandbox.hosts[1], "10.0.0.0/8");
    ck_assert_str_eq(back.sandbox.write_paths[0], "/a b");
    ck_assert_uint_eq(back.sandbox.n_read_paths, 0);
    ck_assert_uint_eq(back.sandbox.memory_bytes, 77);
    ck_assert_str_eq(back.path, "/x/y.so");
    free(frame);
    rh_arena_free(arena);
}
END_TEST

/* ---- Channels -------------------------------------------------------------------------------- */

static void connected(struct rh_channel ret_ends[2])
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    rh_channel_init(&ret_ends[0], fds[0]);
    rh_channel_init(&ret_ends[1], fds[1]);
}

START_TEST(keeps_frames_apart)
{
    struct rh_channel ends[2];
    struct rh_wire_header header;
    struct rh_wire_out out;
    struct rh_wire_in in;

    connected(ends);
    rh_wire_out_init(&out);
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t number = i;

        rh_wire_out_clear(&out);
        rh_wire_put(&out, &number, sizeof(number));
        ck_assert_int_eq(rh_channel_send(&ends[0], &out, 5, i, NULL), RH_OK);
    }
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(rh_channel_receive(&ends[1], &header, &in), RH_OK);
        ck_assert_uint_eq(header.seq, i);
        ck_assert_uint_eq(*(uint64_t *)rh_wire_take(&in, 1, 8), i);
        ck_assert(rh_channel_has_more(&ends[1]) == (i < 2));
    }
    rh_channel_fini(&ends[0]);
    ck_assert_int_eq(rh_channel_receive(&ends[1], &header, &in), RH_END);
    rh_channel_fini(&ends[1]);
    rh_wire_out_fini(&out);
}
END_TEST

START_TEST(refuses_headers_that_lie)
{
    static const struct rh_wire_header headers[] = {
        {7, 0, 1, 1}, {RH_WIRE_MAX_BYTES + 8, 0, 1, 1}, {0, RH_WIRE_MAX_BYTES + 1, 1, 1}};

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct rh_channel ends[2];
        struct rh_wire_header header;
        struct rh_wire_in in;

        connected(ends);
        ck_assert_int_eq(send(ends[0].fd, &headers[i], sizeof(headers[i]), 0), sizeof(headers[i]));
        ck_assert_int_eq(rh_channel_receive(&ends[1], &header, &in), RH_PROTOCOL);
        rh_channel_fini(&ends[0]);
        rh_channel_fini(&ends[1]);
    }
}
END_TEST

/* A promise costs no memory, and ends in time. */
START_TEST(waits_no_longer_than_it_may)
{
    struct rh_wire_header promise = {RH_WIRE_MAX_BYTES, 0, 1, 1}, header;
    struct rh_channel ends[2];
    struct rh_wire_in in;

    connected(ends);
    ck_assert_int_eq(send(ends[0].fd, &promise, sizeof(promise), 0), sizeof(promise));
    ends[1].deadline_us = rh_clock_us() + 20000;
    ck_assert_int_eq(rh_channel_receive(&ends[1], &header, &in), RH_TIMEOUT);
    ck_assert_uint_lt(ends[1].cap, 1 << 20);
    rh_channel_fini(&ends[0]);
    rh_channel_fini(&ends[1]);
}
END_TEST

static bool write_and_send(void *context)
{
    struct rh_channel *ends = context;
    struct rh_wire_header header;
    struct rh_wire_out out;
    struct rh_wire_in in;
    char text[2000];
    struct rh_value value = {.type = RH_TYPE_TEXT, .len = sizeof(text), .as.data = text};
    int rc;

    memset(text, 'x', sizeof(text));
    rh_wire_out_init(&out);
    rh_wire_put_values(&out, &value, 1);
    rc = rh_channel_send(&ends[0], &out, 1, 1, NULL);
    FAULT_ASSERT(rc == RH_OK || (rc == RH_RESOURCE && rh_wire_out_failed(&out)));
    rh_wire_out_fini(&out);
    if (rc == RH_OK) {
        rc = rh_channel_receive(&ends[1], &header, &in);
        FAULT_ASSERT(rc == RH_OK || rc == RH_RESOURCE);
        if (rc == RH_RESOURCE) /* with memory again, it is still there */
            FAULT_ASSERT(recv(ends[1].fd, text, sizeof(text), MSG_DONTWAIT) > 0);
    }
    while (recv(ends[1].fd, text, sizeof(text), MSG_DONTWAIT) > 0)
        continue;
    free(ends[1].data);
    rh_channel_init(&ends[1], ends[1].fd);
    return rc == RH_OK;
}

START_TEST(survives_failed_allocations)
{
    struct rh_channel ends[2];

    connected(ends);
    ck_assert_uint_gt(fault_torture(write_and_send, ends), 0);
    rh_channel_fini(&ends[0]);
    rh_channel_fini(&ends[1]);
}
END_TEST

TESTS_MAIN("wire", brings_texts_and_values, refuses_places_outside, takes_no_more_than_there_is,
           brings_a_query, brings_a_sandbox, keeps_frames_apart, refuses_headers_that_lie,
           waits_no_longer_than_it_may, survives_failed_allocations)
