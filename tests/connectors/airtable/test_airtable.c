/*
 * plugins/airtable against the peer at ROWHOUSE_TEST_AIRTABLE: writing, pages, types, limits, bad
 * answers. What reading must do is the conformance suite's.
 */
#include "connectors/api_case.h"
#include "lib/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE "appRowhouseTest00"
#define WRITE(verb) api_library->write.verb
#define NOTHING                                                                                    \
    {                                                                                              \
        .type = RH_TYPE_NULL                                                                       \
    }
#define MISSING                                                                                    \
    {                                                                                              \
        .type = RH_TYPE_MISSING                                                                    \
    }

static const char *peer;
static const char *full; /* settings */

static const char *settings(const char *more)
{
    return rh_arena_printf(api_arena,
                           "{\"url\":\"%s\",\"token\":\"patFull.s3cret\",\"base\":\"" BASE
                           "\",\"rate\":0%s}",
                           peer, more);
}

static void meta(const char *name, const char *fields)
{
    api_call("POST", rh_arena_printf(api_arena, "%s/meta/bases/" BASE "/tables", peer),
             "Bearer patFull.s3cret",
             rh_arena_printf(api_arena, "{\"name\":\"%s\",\"fields\":[%s]}", name, fields));
}

/* Each test is a process of its own, but the peer is one: so is each table. */
static void start(const char *table)
{
    api_start("airtable");
    full = settings("");
    if (table)
        meta(table, "{\"name\":\"s\",\"type\":\"singleLineText\"},"
                    "{\"name\":\"n\",\"type\":\"number\",\"options\":{\"precision\":0}},"
                    "{\"name\":\"k\",\"type\":\"singleSelect\",\"options\":"
                    "{\"choices\":[{\"name\":\"x\"},{\"name\":\"y\"}]}}");
    GOOD(api_connect(full));
}

static void insert(const char *table, int from, int n)
{
    struct rh_value cells[20];

    for (int at = from; at < from + n; at += 10) {
        int rows = from + n - at < 10 ? from + n - at : 10;

        for (int i = 0; i < rows; i++) {
            cells[i * 2] = api_text(rh_arena_printf(api_arena, "r%d", at + i));
            cells[i * 2 + 1] = rh_kit_int(at + i);
            cells[i * 2 + 1].type = RH_TYPE_DECIMAL;
            cells[i * 2 + 1] = api_decimal(rh_arena_printf(api_arena, "%d", at + i));
        }
        GOOD(api_write(WRITE(insert), table, "s,n", 0, cells, (uint64_t)rows));
        ck_assert_uint_eq(api_result.n_affected, (unsigned)rows);
    }
}

/* The id of the row with this s. */
static struct rh_value id_of(const char *table, const char *s)
{
    struct rh_value value = api_text(s);
    struct api_query query = {RH_OP_EQ, "s", &value, 1, NULL, 0};
    const char *id = api_rows(table, "_id", &query);

    ck_assert_msg(id && strlen(id) == 17, "%s: %s", s, id ? id : api_error.message);
    return api_text(id);
}

static const char *all(const char *table)
{
    const char *rows = api_rows(table, "s,n,k", NULL);

    ck_assert_msg(rows != NULL, "%s", api_error.message);
    return rows;
}

/* ---- Writing ------------------------------------------------------------------------------- */

START_TEST(inserts)
{
    struct rh_value cells[] = {
        api_text("a"), api_decimal("1.5"), api_text("x"), api_text(""), NOTHING, MISSING};
    struct rh_value bad[] = {api_text("b"), MISSING, api_text("none such")};
    struct rh_value many[11] = {NOTHING};

    start("inserts");
    GOOD(api_write(WRITE(insert), "inserts", "s,n,k", 0, cells, 2));
    ck_assert_uint_eq(api_result.n_affected, 2);
    ck_assert_str_eq(api_returned(), "a:1.5:x null:null:null");
    ck_assert_str_eq(all("inserts"), "a:1.5:x null:null:null");
    ck_assert_int_eq(api_write(WRITE(insert), "inserts", "s,n,k", 0, bad, 1), RH_DATA);
    ck_assert_ptr_nonnull(strstr(api_error.message, "none such"));
    ck_assert_int_eq(api_write(WRITE(insert), "inserts", "s", 0, many, 11), RH_UNSUPPORTED);
    ck_assert_int_eq(api_write(WRITE(insert), "inserts", "_id,s", 0, cells, 1), RH_INVALID);
    ck_assert_str_eq(all("inserts"), "a:1.5:x null:null:null");
    api_stop();
}
END_TEST

START_TEST(updates)
{
    struct rh_value cells[] = {MISSING,          api_decimal("7"),
                               NOTHING,          api_text("recNoSuchRecord00"),
                               api_decimal("8"), NOTHING};

    start("updates");
    insert("updates", 1, 3);
    cells[0] = id_of("updates", "r2");
    GOOD(api_write(WRITE(update), "updates", "_id,n,s", 1, cells, 2));
    ck_assert_uint_eq(api_result.n_affected, 1);
    ck_assert_uint_eq(api_result.returned.n_rows, 1);
    ck_assert_str_eq(all("updates"), "r1:1:null null:7:null r3:3:null");
    cells[0] = cells[3];
    GOOD(api_write(WRITE(update), "updates", "_id,n,s", 1, cells, 1));
    ck_assert_uint_eq(api_result.n_affected, 0);
    ck_assert_int_eq(api_write(WRITE(update), "updates", "s,n", 1, cells + 3, 1), RH_UNSUPPORTED);
    api_stop();
}
END_TEST

START_TEST(deletes)
{
    struct rh_value cells[] = {MISSING, api_text("recNoSuchRecord00"), MISSING};

    start("deletes");
    insert("deletes", 1, 4);
    cells[0] = id_of("deletes", "r1");
    cells[2] = id_of("deletes", "r4");
    GOOD(api_write(WRITE(remove), "deletes", "_id", 1, cells, 3));
    ck_assert_uint_eq(api_result.n_affected, 2);
    ck_assert_uint_eq(api_result.returned.n_rows, 2);
    ck_assert_str_eq(all("deletes"), "r2:2:null r3:3:null");
    GOOD(api_write(WRITE(remove), "deletes", "_id", 1, cells, 3));
    ck_assert_uint_eq(api_result.n_affected, 0);
    api_stop();
}
END_TEST

START_TEST(upserts)
{
    struct rh_value cells[] = {api_text("r2"), api_decimal("20"), api_text("new"),
                               api_decimal("5")};
    struct rh_value nothing[] = {NOTHING, api_decimal("1")};

    start("upserts");
    insert("upserts", 1, 2);
    GOOD(api_write(WRITE(upsert), "upserts", "s,n", 1, cells, 2));
    ck_assert_uint_eq(api_result.n_affected, 2);
    ck_assert_str_eq(api_returned(), "r2:20 new:5");
    ck_assert_str_eq(all("upserts"), "r1:1:null r2:20:null new:5:null");
    ck_assert_int_eq(api_write(WRITE(upsert), "upserts", "s,n", 1, nothing, 1), RH_UNSUPPORTED);
    cells[0] = id_of("upserts", "r1");
    ck_assert_int_eq(api_write(WRITE(upsert), "upserts", "_id,n", 1, cells, 1), RH_UNSUPPORTED);
    api_stop();
}
END_TEST

START_TEST(may_not_write)
{
    struct rh_value cells[] = {api_text("a")};

    start("may_not_write");
    GOOD(api_connect(settings("") ? rh_arena_printf(api_arena,
                                                    "{\"url\":\"%s\",\"token\":\"patRead.s3cret\","
                                                    "\"base\":\"" BASE "\",\"rate\":0}",
                                                    peer)
                                  : NULL));
    ck_assert_int_eq(api_write(WRITE(insert), "may_not_write", "s", 0, cells, 1), RH_PERMISSION);
    ck_assert_str_eq(all("may_not_write"), "");
    api_stop();
}
END_TEST

START_TEST(tells_of_lost_answers)
{
    struct rh_value cells[] = {api_text("a")};
    const struct rh_table *table;

    start("tells_of_lost_answers");
    table = api_table("tells_of_lost_answers");
    (void)table;
    api_faults(peer, "[{\"pass\":1},{\"cut\":20}]"); /* the first reads the schema */
    ck_assert_int_eq(api_write(WRITE(insert), "tells_of_lost_answers", "s", 0, cells, 1),
                     RH_UNKNOWN_OUTCOME);
    ck_assert_str_eq(all("tells_of_lost_answers"), "a:null:null");
    api_stop();
}
END_TEST

/* ---- Reading ------------------------------------------------------------------------------- */

START_TEST(turns_pages)
{
    struct api_query some = {.limit = 120};
    const char *rows;

    start("turns_pages");
    insert("turns_pages", 1, 250);
    api_log(peer);
    rows = all("turns_pages");
    ck_assert_uint_eq(api_count(rows, "r"), 250);
    ck_assert_ptr_nonnull(strstr(rows, "r250:250"));
    ck_assert_uint_eq(api_count(api_log(peer), "listRecords"), 3);
    ck_assert_uint_eq(api_count(api_rows("turns_pages", "s", &some), "r"), 120);
    rows = api_log(peer);
    ck_assert_uint_eq(api_count(rows, "listRecords"), 2);
    ck_assert_uint_eq(api_count(rows, "maxRecords\\\":120"), 2);
    ck_assert_ptr_null(strstr(rows, "\\\"n\\\"")); /* only what is wanted is asked for */
    api_stop();
}
END_TEST

static uint8_t verdict(const char *table, uint32_t op, const char *column, struct rh_value value)
{
    struct api_query query = {op, column, &value, RH_OP_BASE(op) == RH_OP_NULL ? 0 : 1, NULL, 0};

    return api_verdict(table, &query);
}

static const char *found(const char *table, uint32_t op, const char *column, struct rh_value value)
{
    struct api_query query = {op, column, &value, RH_OP_BASE(op) == RH_OP_NULL ? 0 : 1, NULL, 0};
    const char *rows;

    ck_assert_int_eq(api_verdict(table, &query), RH_VERDICT_EXACT);
    rows = api_rows(table, "s", &query);
    ck_assert_msg(rows != NULL, "%s", api_error.message);
    return rows;
}

START_TEST(tells_nothing_from_zero)
{
    static const char t[] = "tells_nothing_from_zero";
    struct rh_value cells[] = {api_text("zero"), api_decimal("0"),       api_text("none"),
                               NOTHING,          api_text("\"q\\\\{n}"), api_decimal("-1")};

    start(t);
    GOOD(api_write(WRITE(insert), t, "s,n", 0, cells, 3));
    ck_assert_str_eq(found(t, RH_OP_EQ, "n", api_decimal("0")), "zero");
    ck_assert_str_eq(found(t, RH_OP_LT, "n", api_decimal("5")), "zero \"q\\\\{n}");
    ck_assert_str_eq(found(t, RH_OP_LT | RH_OP_NOT, "n", api_decimal("0")), "zero none");
    ck_assert_str_eq(found(t, RH_OP_NULL, "n", rh_kit_null()), "none");
    ck_assert_str_eq(found(t, RH_OP_EQ, "s", api_text("\"q\\\\{n}")), "\"q\\\\{n}");
    ck_assert_str_eq(found(t, RH_OP_EQ | RH_OP_NOT, "k", api_text("x")), "zero none \"q\\\\{n}");
    ck_assert_str_eq(found(t, RH_OP_STARTS, "s", api_text("\"q")), "\"q\\\\{n}");
    ck_assert_int_eq(verdict(t, RH_OP_EQ, "s", api_text("")), RH_VERDICT_NONE);
    ck_assert_int_eq(verdict(t, RH_OP_EQ, "s", api_text("a\nb")), RH_VERDICT_NONE);
    ck_assert_int_eq(verdict(t, RH_OP_LT, "s", api_text("a")), RH_VERDICT_NONE);
    ck_assert_int_eq(verdict(t, RH_OP_EQ, "n", api_decimal("1234567890.1234567")), RH_VERDICT_NONE);
    api_stop();
}
END_TEST

START_TEST(reads_by_id)
{
    struct rh_value ids[3] = {MISSING, api_text("recNoSuchRecord00"), MISSING};
    struct api_query query = {RH_OP_IN, "_id", ids, 3, NULL, 0};

    start("reads_by_id");
    insert("reads_by_id", 1, 5);
    ids[0] = id_of("reads_by_id", "r2");
    ids[2] = id_of("reads_by_id", "r5");
    ck_assert_int_eq(api_verdict("reads_by_id", &query), RH_VERDICT_EXACT);
    api_log(peer);
    ck_assert_str_eq(api_rows("reads_by_id", "s", &query), "r2 r5");
    ck_assert_uint_eq(api_count(api_log(peer), "listRecords"), 1);
    api_stop();
}
END_TEST

static const char *described(const char *name)
{
    const struct rh_table *table = api_table("Everything");

    for (uint32_t i = 0; i < table->n_columns; i++) {
        const struct rh_column *c = &table->columns[i];
        if (rh_text_is(c->name, name))
            return rh_arena_printf(api_arena, "%.*s %u%s%s", RH_TEXT_ARG(c->native_type), c->type,
                                   c->flags & RH_COLUMN_GENERATED ? " generated" : "",
                                   c->flags & RH_COLUMN_NOT_NULL ? " not null" : "");
    }
    return "";
}

START_TEST(knows_types)
{
    struct rh_value day = {.type = RH_TYPE_DATE, .as.i = 19782};
    struct rh_value at = {.type = RH_TYPE_TIMESTAMP, .as.i = 1700000000123000};
    struct rh_value yes = {.type = RH_TYPE_BOOL, .as.i = 1}, tags = api_text("[\"a\",\"b\"]");
    struct api_query falling = {.order = "-No", .limit = 1};
    struct rh_value cells[] = {api_text("one"),
                               api_decimal("2.50"),
                               api_decimal("90"),
                               rh_kit_int(4),
                               yes,
                               day,
                               at,
                               api_text("in \"progress\""),
                               MISSING};

    tags.type = RH_TYPE_JSON;
    cells[8] = tags;
    start(NULL);
    ck_assert_uint_eq(api_table("Everything")->n_columns, 32); /* its own _id is not shown */
    ck_assert_str_eq(described("_id"), "record id 7 generated not null");
    ck_assert_str_eq(described("Done"), "checkbox 2 not null");
    ck_assert_str_eq(described("Double"), "formula 6 generated");
    ck_assert_str_eq(described("Count"), "count 3 generated");
    ck_assert_str_eq(described("Made"), "createdTime 12 generated not null");
    ck_assert_str_eq(described("New kind"), "quantumField 15 generated");
    GOOD(api_write(WRITE(insert), "Everything", "Name,Amount,Took,Stars,Done,Day,At,Status,Tags", 0,
                   cells, 1));
    ck_assert_str_eq(api_returned(), "one:2.5:90:4:true:2024-02-29:2023-11-14T22:13:20.123Z:in "
                                     "\"progress\":[\"a\", \"b\"]");
    cells[0] = api_text("two");
    GOOD(api_write(WRITE(insert), "Everything", "Name", 0, cells, 1));
    ck_assert_str_eq(api_rows("Everything", "Name,Done,Tags,No", &falling), "two:false:null:2");
    ck_assert_int_eq(api_write(WRITE(insert), "Everything", "No", 0, cells + 3, 1), RH_INVALID);
    ck_assert_int_eq(verdict("Everything", RH_OP_EQ, "odd } name", api_text("x")), RH_VERDICT_NONE);
    ck_assert_int_eq(verdict("Everything", RH_OP_EQ, "Double", api_decimal("1")), RH_VERDICT_NONE);
    ck_assert_int_eq(verdict("Everything", RH_OP_EQ, "Day", day), RH_VERDICT_SUPERSET);
    api_stop();
}
END_TEST

START_TEST(shows_what_is_asked_for)
{
    struct rh_catalog catalog = {.struct_size = sizeof(catalog)};

    start("shows_what_is_asked_for");
    GOOD(api_connect(settings(",\"tables\":[\"Everything\",\"tblNoSuchTable000\"]")));
    GOOD(api_library->connector.tables(api_conn, api_op(), &catalog, &api_error));
    ck_assert_uint_eq(catalog.n_tables, 1);
    api_stop();
}
END_TEST

/* ---- What goes wrong ----------------------------------------------------------------------- */

/* The class of a read whose second request to the API meets this (the first reads the schema). */
static int read_with(const char *table, const char *fault, const char *wanted)
{
    const char *rows;

    api_faults(peer, rh_arena_printf(api_arena, "[{\"pass\":1},%s]", fault));
    rows = api_rows(table, "s,n", NULL);
    api_faults(peer, "[]");
    ck_assert_msg(!rows || wanted == NULL || strcmp(rows, wanted) == 0, "%s: %s", fault, rows);
    ck_assert_ptr_null(strstr(api_error.message, "s3cret"));
    return rows ? RH_OK : api_error.error_class;
}

START_TEST(survives_bad_answers)
{
    static const char t[] = "survives_bad_answers";
    static const char busy[] = "{\"status\":503,\"text\":\"<html>\"}";

    start(t);
    insert(t, 1, 2);
    GOOD(api_connect(settings(",\"retries\":0")));
    ck_assert_int_eq(read_with(t, busy, NULL), RH_UNAVAILABLE);
    ck_assert_int_eq(read_with(t, "{\"status\":200,\"text\":\"<html>\"}", NULL), RH_PROTOCOL);
    ck_assert_int_eq(read_with(t, "{\"status\":200,\"json\":{}}", NULL), RH_PROTOCOL);
    ck_assert_int_eq(read_with(t, "{\"status\":200,\"json\":{\"records\":7}}", NULL), RH_PROTOCOL);
    ck_assert_int_eq(read_with(t, "{\"cut\":60}", NULL), RH_UNAVAILABLE);
    ck_assert_int_eq(read_with(t, "{\"bytes\":167772160}", NULL), RH_RESOURCE);
    ck_assert_int_eq(read_with(t, "{\"bomb\":167772160}", NULL), RH_RESOURCE);
    ck_assert_int_eq(read_with(t, "{\"deep\":1000}", NULL), RH_PROTOCOL);
    ck_assert_int_eq(read_with(t,
                               "{\"status\":302,\"text\":\"\",\"headers\":{\"Location\":"
                               "\"http://169.254.169.254/\"}}",
                               NULL),
                     RH_PROTOCOL);
    GOOD(read_with(t,
                   "{\"status\":200,\"json\":{\"records\":[{\"id\":1,\"fields\":[]},{},7,"
                   "{\"id\":\"x\",\"fields\":{\"s\":5,\"n\":\"t\"}}]}}",
                   "null:null null:null null:null 5:t"));
    ck_assert_int_eq(read_with(t, "{\"status\":429,\"json\":{}}", NULL), RH_RATE_LIMITED);
    ck_assert_uint_eq(api_error.retry_after_ms, 30000);
    GOOD(api_connect(full));
    GOOD(read_with(t, busy, "r1:1 r2:2"));
    GOOD(read_with(t, "{\"status\":429,\"headers\":{\"Retry-After\":\"0\"},\"json\":{}}",
                   "r1:1 r2:2"));
    api_stop();
}
END_TEST

START_TEST(cannot_go_on_in_what_was_forgotten)
{
    static const char t[] = "cannot_go_on";

    start(t);
    insert(t, 1, 110);
    api_set(peer, "{\"forget\":true}");
    ck_assert_ptr_null(api_rows(t, "s", NULL));
    ck_assert_int_eq(api_error.error_class, RH_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(api_error.message, "forgotten"));
    api_set(peer, "{\"forget\":false,\"loop\":true}");
    ck_assert_ptr_null(api_rows(t, "s", NULL));
    ck_assert_int_eq(api_error.error_class, RH_PROTOCOL);
    api_set(peer, "{\"loop\":false}");
    api_stop();
}
END_TEST

START_TEST(keeps_to_the_limit)
{
    start("keeps_to_the_limit");
    insert("keeps_to_the_limit", 1, 10);
    api_set(peer, "{\"limited\":true,\"penalty\":1}");
    GOOD(api_connect(rh_arena_printf(api_arena,
                                     "{\"url\":\"%s\",\"token\":\"patFull.s3cret\",\"base\":\"" BASE
                                     "\",\"rate\":150,\"retries\":0}",
                                     peer)));
    for (int i = 0; i < 6; i++)
        all("keeps_to_the_limit"); /* twelve requests, and none is refused */
    api_set(peer, "{\"limited\":false}");
    api_stop();
}
END_TEST

static void cannot_connect(const char *token, const char *base, int error_class)
{
    int rc = api_connect(rh_arena_printf(
        api_arena, "{\"url\":\"%s\",\"token\":\"%s\",\"base\":\"%s\"}", peer, token, base));

    ck_assert_msg(rc == error_class, "%s: %s", base, api_error.message);
    ck_assert_ptr_null(strstr(api_error.message, "s3cret"));
}

START_TEST(tells_why_it_cannot_connect)
{
    start(NULL);
    cannot_connect("patNoSuch.s3cret", BASE, RH_AUTH);
    cannot_connect("patNone.s3cret", BASE, RH_PERMISSION);
    ck_assert_ptr_nonnull(strstr(api_error.hint, "schema.bases:read"));
    cannot_connect("patFull.s3cret", "appNoSuchBase0000", RH_PERMISSION);
    cannot_connect("patFull.s3cret", "No such base", RH_NOT_FOUND);
    cannot_connect("patFull.s3cret", "Twins", RH_CONFIG);
    GOOD(api_connect(rh_arena_printf(api_arena,
                                     "{\"url\":\"%s/\",\"token\":\"patFull.s3cret\","
                                     "\"base\":\"Rowhouse tests\",\"rate\":0}",
                                     peer)));
    ck_assert_uint_gt(api_table("Everything")->n_columns, 2);
    ck_assert_int_eq(api_connect("{\"url\":\"ftp://x\",\"token\":\"t\",\"base\":\"b\"}"),
                     RH_CONFIG);
    api_stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {inserts,
                                  updates,
                                  deletes,
                                  upserts,
                                  may_not_write,
                                  tells_of_lost_answers,
                                  turns_pages,
                                  tells_nothing_from_zero,
                                  reads_by_id,
                                  knows_types,
                                  shows_what_is_asked_for,
                                  survives_bad_answers,
                                  cannot_go_on_in_what_was_forgotten,
                                  keeps_to_the_limit,
                                  tells_why_it_cannot_connect};

    peer = getenv("ROWHOUSE_TEST_AIRTABLE");
    if (!peer) {
        fputs("ROWHOUSE_TEST_AIRTABLE is not set\n", stderr);
        return 77;
    }
    return tests_run("airtable", tests, sizeof(tests) / sizeof(tests[0]));
}
