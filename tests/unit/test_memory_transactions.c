/*
 * The memory connector: calls and transactions are seen whole or not at all, by one session, by
 * many threads, and in a random test against a plain array.
 */
#include "memory_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

START_TEST(a_call_changes_all_of_its_rows_or_none)
{
    struct rh_value cells[30];
    struct session s;
    start(&s, "a");
    create_t(&s);
    ck_assert_int_eq(put_t(&s, INSERT, 5, 5, "old"), 0);
    for (int64_t i = 0; i < 10; i++) {
        cells[i * 3] = rh_kit_int(i == 9 ? 2 : i);
        cells[i * 3 + 1] = rh_kit_int(i);
        cells[i * 3 + 2] = rh_kit_text(RH_TEXT("new"));
    }
    struct writing w = {MERGE, id_n_label, 3, 1, cells, 9, NULL, 0};
    cells[25] = rh_kit_null();
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.row, 8);
    ck_assert_str_eq(s.error.column, "n");
    ck_assert_str_eq(read_t(&s), "5:5:old");
    cells[25] = rh_kit_int(8);
    cells[15] = rh_kit_int(10);
    w = (struct writing){INSERT, id_n_label, 3, 0, cells, 10, NULL, 0};
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.row, 9);
    ck_assert_str_eq(read_t(&s), "5:5:old");
    ck_assert_int_eq(put_t(&s, INSERT, 2, 2, "two"), 0); /* the index followed */
    ck_assert_int_eq(put_t(&s, INSERT, 5, 5, "five"), RH_CONSTRAINT);
    stop(&s);
}
END_TEST

START_TEST(transactions_are_seen_when_committed)
{
    struct session a, b;
    start(&a, "shared");
    start(&b, "shared");
    create_t(&a);
    const struct rh_tx *tx = &library->tx;
    ck_assert_int_eq(put_t(&a, INSERT, 1, 1, "a"), 0);
    ck_assert_int_eq(tx->begin(a.conn, op_of(&a), 0, &a.error), 0);
    ck_assert_int_eq(put_t(&a, UPDATE, 1, 2, "b"), 0);
    ck_assert_int_eq(put_t(&a, INSERT, 2, 2, "b"), 0);
    ck_assert_int_eq(put_t(&a, INSERT, 2, 2, "again"), RH_CONSTRAINT);
    ck_assert_str_eq(read_t(&a), "1:2:b 2:2:b");
    ck_assert_str_eq(read_t(&b), "1:1:a");
    ck_assert_int_eq(tx->rollback(a.conn, op_of(&a), &a.error), 0);
    ck_assert_str_eq(read_t(&a), "1:1:a");
    ck_assert_int_eq(put_t(&b, INSERT, 2, 3, "c"), 0);

    ck_assert_int_eq(tx->begin(a.conn, op_of(&a), 0, &a.error), 0);
    ck_assert_int_eq(put_t(&a, REMOVE, 1, 0, ""), 0);
    ck_assert_int_eq(tx->savepoint(a.conn, op_of(&a), 1, &a.error), 0);
    ck_assert_int_eq(put_t(&a, UPDATE, 2, 4, "d"), 0);
    ck_assert_int_eq(tx->savepoint(a.conn, op_of(&a), 2, &a.error), 0);
    ck_assert_int_eq(put_t(&a, MERGE, 1, 5, "e"), 0);
    struct rh_cursor *cursor; /* holds the list that is rolled back under it */
    ck_assert_int_eq(open_table(&a, "t", id_n_label, 3, &cursor), 0);
    ck_assert_int_eq(tx->rollback_to(a.conn, op_of(&a), 2, &a.error), 0);
    ck_assert_str_eq(drain(&a, cursor), "1:5:e 2:4:d");
    ck_assert_str_eq(read_t(&a), "2:4:d");
    ck_assert_int_eq(tx->rollback_to(a.conn, op_of(&a), 1, &a.error), 0);
    ck_assert_str_eq(read_t(&a), "2:3:c");
    ck_assert_int_eq(tx->release(a.conn, op_of(&a), 1, &a.error), 0);
    ck_assert_int_eq(tx->rollback_to(a.conn, op_of(&a), 2, &a.error), RH_INVALID);
    ck_assert_str_eq(read_t(&b), "1:1:a 2:3:c");
    ck_assert_int_eq(tx->commit(a.conn, op_of(&a), &a.error), 0);
    ck_assert_str_eq(read_t(&b), "2:3:c");
    ck_assert_int_eq(tx->commit(a.conn, op_of(&a), &a.error), RH_INVALID);

    ck_assert_int_eq(tx->begin(a.conn, op_of(&a), 0, &a.error), 0);
    ck_assert_int_eq(put_t(&a, INSERT, 8, 8, "lost"), 0);
    stop(&a); /* closing takes it back and lets others write */
    ck_assert_int_eq(put_t(&b, INSERT, 9, 9, "kept"), 0);
    ck_assert_str_eq(read_t(&b), "2:3:c 9:9:kept");
    stop(&b);
}
END_TEST

START_TEST(snapshots_stay_and_read_only_is_enforced)
{
    struct session a, b;
    start(&a, "shared");
    start(&b, "shared");
    create_t(&a);
    ck_assert_int_eq(put_t(&a, INSERT, 1, 1, "a"), 0);
    uint32_t flags = RH_TX_READ_ONLY | RH_TX_SNAPSHOT;
    ck_assert_int_eq(library->tx.begin(a.conn, op_of(&a), flags, &a.error), 0);
    ck_assert_int_eq(put_t(&b, UPDATE, 1, 2, "b"), 0);
    ck_assert_str_eq(read_t(&a), "1:1:a");
    ck_assert_str_eq(read_t(&b), "1:2:b");
    ck_assert_int_eq(put_t(&a, INSERT, 2, 2, "x"), RH_PERMISSION);
    struct rh_table t = {.struct_size = sizeof t, .name = RH_TEXT_INIT("t")};
    struct rh_column more = column("more", RH_TYPE_INT, 0);
    ck_assert_int_eq(change(&b, RH_DDL_ADD_COLUMN, &t, &more, NULL), 0);
    struct rh_cursor *cursor;
    ck_assert_int_eq(open_table(&a, "t", id_n_label, 3, &cursor), RH_CONFLICT);
    ck_assert_int_eq(library->connector.reset(a.conn, op_of(&a), &a.error), 0);
    ck_assert_str_eq(read_t(&a), "1:2:b");
    a.op.abi.flags = RH_OP_READ_ONLY;
    ck_assert_int_eq(put_t(&a, INSERT, 2, 2, "x"), RH_PERMISSION);
    ck_assert_int_eq(change(&a, RH_DDL_DROP_TABLE, &t, NULL, NULL), RH_PERMISSION);
    stop(&a);
    stop(&b);
}
END_TEST

static atomic_bool ended;

/* Again and again: without a running call it has no effect. */
static void *cancel_until_ended(void *conn)
{
    while (!atomic_load(&ended)) {
        library->connector.cancel(conn);
        (void)usleep(1000);
    }
    return NULL;
}

START_TEST(writers_wait_until_deadline_or_cancel)
{
    struct session a, b;
    pthread_t thread;
    start(&a, "shared");
    start(&b, "shared");
    create_t(&a);
    ck_assert_int_eq(library->tx.begin(a.conn, op_of(&a), 0, &a.error), 0);
    ck_assert_int_eq(put_t(&a, INSERT, 1, 1, "a"), 0);

    struct rh_value cells[] = {rh_kit_int(1)};
    uint32_t key = 0;
    struct rh_write_spec spec = {.struct_size = sizeof spec,
                                 .table = RH_TEXT_INIT("t"),
                                 .columns = id_n_label,
                                 .n_columns = 1,
                                 .column_stride = sizeof *id_n_label,
                                 .key = &key,
                                 .n_key = 1,
                                 .n_rows = 1,
                                 .cells = cells};
    op_of(&b);
    b.op.abi.deadline_us = rh_clock_us() + 60000;
    ck_assert_int_eq(library->write.remove(b.conn, &b.op.abi, &spec, &b.result, &b.error),
                     RH_TIMEOUT);
    ck_assert_uint_eq(b.error.retry, RH_RETRY_SAFE);

    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_until_ended, b.conn), 0);
    ck_assert_int_eq(library->write.remove(b.conn, op_of(&b), &spec, &b.result, &b.error),
                     RH_CANCELLED);
    atomic_store(&ended, true);
    pthread_join(thread, NULL);
    library->connector.cancel(b.conn); /* between two calls: no effect */
    ck_assert_int_eq(library->connector.ping(b.conn, op_of(&b), &b.error), 0);

    ck_assert_int_eq(library->tx.commit(a.conn, op_of(&a), &a.error), 0);
    ck_assert_int_eq(library->write.remove(b.conn, op_of(&b), &spec, &b.result, &b.error), 0);
    ck_assert_uint_eq(b.result.n_affected, 1);
    stop(&a);
    stop(&b);
}
END_TEST

/* ---- Against a plain array --------------------------------------------------------------- */

#define IDS 12

struct model {
    int64_t n[IDS]; /* 0: no such row */
};

static const char *model_text(const struct model *m)
{
    static char text[1024];
    size_t len = 0;
    text[0] = '\0';
    for (int i = 0; i < IDS; i++) {
        if (m->n[i])
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%d:%lld:x", len ? " " : "", i,
                                    (long long)m->n[i]);
    }
    return text;
}

static int model_put(struct model *m, enum verb verb, int id, int64_t n)
{
    bool exists = m->n[id] != 0;
    if (verb == INSERT && exists)
        return RH_CONSTRAINT;
    if (verb == REMOVE)
        m->n[id] = 0;
    else if (verb == UPDATE ? exists : verb == MERGE || !exists)
        m->n[id] = n;
    return RH_OK;
}

START_TEST(random_changes_agree_with_an_array)
{
    struct session s, other;
    struct model now = {{0}}, saved[4], committed = now;
    uint32_t n_saved = 0;
    bool in_tx = false;
    start(&s, "random");
    const struct rh_tx *tx = &library->tx;
    start(&other, "random");
    create_t(&s);
    srandom(4711);
    for (int64_t step = 1; step < 20000; step++) {
        long what = random() % 20;
        if (what == 0 && !in_tx) {
            ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), 0);
            in_tx = true;
            n_saved = 0;
        } else if (what == 1 && in_tx) {
            ck_assert_int_eq(tx->commit(s.conn, op_of(&s), &s.error), 0);
            in_tx = false;
        } else if (what == 2 && in_tx) {
            ck_assert_int_eq(tx->rollback(s.conn, op_of(&s), &s.error), 0);
            now = committed;
            in_tx = false;
        } else if (what == 3 && in_tx && n_saved < 4) {
            saved[n_saved++] = now;
            ck_assert_int_eq(tx->savepoint(s.conn, op_of(&s), n_saved, &s.error), 0);
        } else if (what == 4 && in_tx && n_saved) {
            n_saved = (uint32_t)random() % n_saved + 1;
            now = saved[n_saved - 1];
            ck_assert_int_eq(tx->rollback_to(s.conn, op_of(&s), n_saved, &s.error), 0);
        } else {
            enum verb verb = (enum verb)(random() % 5);
            int id = (int)(random() % IDS);
            int rc = put_t(&s, verb, id, step, "x");
            ck_assert_int_eq(rc, model_put(&now, verb, id, step));
        }
        if (!in_tx)
            committed = now;
        if (random() % 4 == 0) {
            ck_assert_str_eq(read_t(&s), model_text(&now));
            ck_assert_str_eq(read_t(&other), model_text(&committed));
        }
    }
    stop(&s);
    stop(&other);
}
END_TEST

/* ---- Many threads ------------------------------------------------------------------------ */

#define ACCOUNTS INT64_C(16)

/* Moves amounts between accounts in transactions; the sum never changes for anybody. */
static void *move_around(void *context)
{
    unsigned seed = *(unsigned *)context;
    struct session s;
    start(&s, "bank");
    for (int i = 0; i < 150; i++) {
        struct rh_cursor *cursor;
        struct rh_batch batch = {.struct_size = sizeof batch};
        int64_t sum = 0, rows = 0, n[ACCOUNTS];
        bool writes = rand_r(&seed) % 2;
        if (writes)
            ck_assert_int_eq(library->tx.begin(s.conn, op_of(&s), RH_TX_SNAPSHOT, &s.error), 0);
        ck_assert_int_eq(open_table(&s, "t", id_n_label, 3, &cursor), 0);
        while (library->connector.next(cursor, op_of(&s), 5, &batch, &s.error) == RH_OK) {
            for (uint64_t r = 0; r < batch.n_rows; r++) {
                ck_assert(rh_text_is(rh_kit_value_text(&batch.cells[r * 3 + 2]), "account"));
                n[batch.cells[r * 3].as.i] = batch.cells[r * 3 + 1].as.i;
                sum += batch.cells[r * 3 + 1].as.i;
                rows++;
            }
        }
        library->connector.finish(cursor);
        ck_assert_int_eq(rows, ACCOUNTS);
        ck_assert_int_eq(sum, ACCOUNTS * 100);
        if (!writes)
            continue;
        int64_t from = rand_r(&seed) % ACCOUNTS, to = (from + 1) % ACCOUNTS;
        ck_assert_int_eq(put_t(&s, REMOVE, from, 0, ""), 0);
        ck_assert_int_eq(put_t(&s, INSERT, from, n[from] - 1, "account"), 0);
        ck_assert_int_eq(put_t(&s, UPDATE, to, n[to] + 1, "account"), 0);
        if (rand_r(&seed) % 3)
            ck_assert_int_eq(library->tx.commit(s.conn, op_of(&s), &s.error), 0);
        else
            ck_assert_int_eq(library->tx.rollback(s.conn, op_of(&s), &s.error), 0);
    }
    stop(&s);
    return NULL;
}

START_TEST(threads_see_whole_transactions)
{
    pthread_t threads[6];
    unsigned seeds[6];
    struct session s;
    start(&s, "bank");
    create_t(&s);
    for (int i = 0; i < ACCOUNTS; i++)
        ck_assert_int_eq(put_t(&s, INSERT, i, 100, "account"), 0);
    for (uint32_t i = 0; i < COUNT(threads); i++) {
        seeds[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, move_around, &seeds[i]), 0);
    }
    for (uint32_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    stop(&s);
}
END_TEST

TESTS_MAIN("memory_transactions", a_call_changes_all_of_its_rows_or_none,
           transactions_are_seen_when_committed, snapshots_stay_and_read_only_is_enforced,
           writers_wait_until_deadline_or_cancel, random_changes_agree_with_an_array,
           threads_see_whole_transactions)
