/*
 * plugins/googlesheets against the peer at ROWHOUSE_TEST_GOOGLESHEETS: keys, writing, types, bad answers.
 * What reading must do is the conformance suite's.
 */
#include "base/json.h"
#include "connectors/api_case.h"
#include "lib/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE(verb) api_library->write.verb
#define NOTHING                                                                                    \
    {                                                                                              \
        .type = RH_TYPE_NULL                                                                       \
    }

static const char *peer;

/* The key file, as a JSON string. */
static const char *key_file(void)
{
    FILE *file = fopen(getenv("ROWHOUSE_TEST_GOOGLESHEETS_KEY"), "r");
    const char *quoted;
    struct rh_buf json;
    char text[8192];
    size_t n;

    ck_assert_ptr_nonnull(file);
    n = fread(text, 1, sizeof(text), file);
    fclose(file);
    rh_buf_init(&json, 65536);
    rh_json_add_string(&json, rh_text_make(text, n));
    ck_assert(!json.failed);
    quoted = rh_arena_dup(api_arena, json.data, json.len);
    rh_buf_free(&json);
    return quoted;
}

static const char *settings(const char *more)
{
    return rh_arena_printf(api_arena,
                           "{\"url\":\"%s\",\"spreadsheet\":\"sheet-1\",\"service_account\":%s%s}",
                           peer, key_file(), more);
}

static const char *change(const char *requests)
{
    return api_call(
        "POST", rh_arena_printf(api_arena, "%s/v4/spreadsheets/sheet-1:batchUpdate", peer),
        "Bearer test-edit", rh_arena_printf(api_arena, "{\"requests\":[%s]}", requests));
}

/* A sheet with this grid; cells of rows as the API takes them. */
static void make(const char *title, int grid_rows, const char *rows)
{
    const char *made = change(rh_arena_printf(
        api_arena,
        "{\"addSheet\":{\"properties\":{\"title\":\"%s\",\"gridProperties\":{\"rowCount\":%d,"
        "\"columnCount\":6}}}}",
        title, grid_rows));
    int id = atoi(strstr(made, "\"sheetId\": ") + strlen("\"sheetId\": "));

    change(rh_arena_printf(api_arena,
                           "{\"updateCells\":{\"start\":{\"sheetId\":%d,\"rowIndex\":0,"
                           "\"columnIndex\":0},\"fields\":\"userEnteredValue,"
                           "userEnteredFormat.numberFormat\",\"rows\":[%s]}}",
                           id, rows));
}

#define S(text) "{\"userEnteredValue\":{\"stringValue\":\"" text "\"}}"
#define N(number) "{\"userEnteredValue\":{\"numberValue\":" number "}}"
#define F(number, format)                                                                          \
    "{\"userEnteredValue\":{\"numberValue\":" number                                               \
    "},\"userEnteredFormat\":{\"numberFormat\":{\"type\":\"" format "\"}}}"
#define ROW(cells) "{\"values\":[" cells "]}"
#define THREE                                                                                      \
    ROW(S("id") "," S("name") ",{}," S("n"))                                                       \
    "," ROW(N("1") "," S("one") ",{}," N("10")) "," ROW(N("2") "," S("two")) ",{}," ROW(           \
        N("3") "," S("three") "," S("unnamed") "," N("30"))

/* id, name, (no name), n; the fourth row of the sheet is empty. */
static void start(const char *title, const char *more)
{
    api_start("googlesheets");
    if (title)
        make(title, 12, THREE);
    GOOD(api_connect(settings(more)));
}

static const char *all(const char *title)
{
    const char *rows = api_rows(title, "id,name,n", NULL);

    ck_assert_msg(rows != NULL, "%s", api_error.message);
    return rows;
}

static struct rh_value row_id(const char *title, const char *row)
{
    const char *rows = api_rows(title, "id,name,n,_row", NULL), *at;

    ck_assert_msg(rows != NULL, "%s", api_error.message);
    at = strstr(rows, row);
    ck_assert_msg(at != NULL, "%s: %s", row, rows);
    return rh_kit_int(atoll(at + strlen(row)));
}

/* What somebody else does before the request after the next n. */
static void race(int n, const char *verb, const char *title, int index)
{
    api_set(peer, rh_arena_printf(api_arena, "{\"races\":[{\"pass\":%d,\"%s\":[\"%s\",%d]}]}", n,
                                  verb, title, index));
}

/* ---- Keys ---------------------------------------------------------------------------------- */

START_TEST(keeps_keys_when_rows_move)
{
    static const char t[] = "keeps_keys";
    struct rh_value id, same;
    struct api_query query = {RH_OP_EQ, "_row", &id, 1, NULL, 0};

    start(t, ",\"row_ids\":true");
    ck_assert_uint_eq(api_table(t)->n_key, 1);
    id = row_id(t, "3:three:30:");
    ck_assert_int_gt(id.as.i, 0);
    race(0, "delete", t, 1);
    ck_assert_str_eq(all(t), "2:two:null 3:three:30");
    same = row_id(t, "3:three:30:");
    ck_assert_int_eq(same.as.i, id.as.i);
    ck_assert_int_eq(api_verdict(t, &query), RH_VERDICT_EXACT);
    api_log(peer);
    ck_assert_str_eq(api_rows(t, "name,n", &query), "three:30");
    ck_assert_uint_eq(api_count(api_log(peer), "\"method\""), 4); /* 2 describe the sheet */
    id.as.i = 1;
    ck_assert_str_eq(api_rows(t, "name,n", &query), "");
    api_stop();
}
END_TEST

START_TEST(marks_nothing_unasked)
{
    static const char t[] = "marks_nothing";
    struct rh_value cells[] = {rh_kit_int(4), api_text("four")};

    start(t, "");
    ck_assert_uint_eq(api_table(t)->n_key, 0);
    api_log(peer);
    all(t);
    ck_assert_ptr_null(strstr(api_log(peer), "batchUpdate"));
    GOOD(api_write(WRITE(insert), t, "id,name", 0, cells, 1));
    ck_assert_ptr_null(strstr(api_log(peer), "createDeveloperMetadata"));
    ck_assert_int_eq(api_write(WRITE(update), t, "id,name", 1, cells, 1), RH_UNSUPPORTED);
    GOOD(api_connect(settings(",\"row_ids\":true,\"read_only\":true")));
    all(t);
    ck_assert_ptr_null(api_rows(t, "_row", NULL));
    ck_assert_int_eq(api_error.error_class, RH_PERMISSION);
    ck_assert_int_eq(api_write(WRITE(insert), t, "id,name", 0, cells, 1), RH_PERMISSION);
    api_stop();
}
END_TEST

/* ---- Writing ------------------------------------------------------------------------------- */

START_TEST(adds_rows_behind_the_last)
{
    static const char t[] = "adds_rows";
    struct rh_value cells[] = {rh_kit_int(4), api_text("=1+1"), rh_kit_int(40),
                               rh_kit_int(5), api_text(""),     NOTHING};

    start(t, ",\"row_ids\":true");
    GOOD(api_write(WRITE(insert), t, "id,name,n", 0, cells, 2));
    ck_assert_uint_eq(api_result.n_affected, 2);
    ck_assert_str_eq(api_returned(), "4:=1+1:40 5:null:null");
    race(4, "insert", t, 1); /* between looking for the end and writing */
    GOOD(api_write(WRITE(insert), t, "id,name,n", 0, cells, 1));
    ck_assert_str_eq(all(t), "1:one:10 2:two:null 3:three:30 4:=1+1:40 4:=1+1:40 5:null:null");
    for (int i = 0; i < 4; i++) /* beyond the grid */
        GOOD(api_write(WRITE(insert), t, "id,name,n", 0, cells + 3, 1));
    ck_assert_uint_eq(api_count(all(t), "5:null:null"), 5);
    api_stop();
}
END_TEST

START_TEST(updates_by_mark)
{
    static const char t[] = "updates_by_mark";
    struct rh_value cells[] = {NOTHING,       NOTHING,         api_text("@x"),
                               rh_kit_int(7), api_text("not"), rh_kit_int(1)};

    start(t, ",\"row_ids\":true");
    cells[0] = row_id(t, "1:one:10:");
    race(3, "insert", t, 1); /* after looking, before writing */
    GOOD(api_write(WRITE(update), t, "_row,n,name", 1, cells, 2));
    ck_assert_uint_eq(api_result.n_affected, 1);
    ck_assert_uint_eq(api_result.returned.n_rows, 1);
    ck_assert_str_eq(all(t), "1:@x:null 2:two:null 3:three:30");
    ck_assert_str_eq(api_rows(t, "id", &(struct api_query){.limit = 2}), "1 2");
    api_stop();
}
END_TEST

START_TEST(deletes_from_the_bottom_up)
{
    static const char t[] = "deletes_rows";
    struct rh_value cells[3];

    start(t, ",\"row_ids\":true");
    cells[0] = row_id(t, "1:one:10:");
    cells[1] = rh_kit_int(99);
    cells[2] = row_id(t, "3:three:30:");
    race(5, "insert", t, 1); /* between looking up the places and deleting: refused, done again */
    GOOD(api_write(WRITE(remove), t, "_row", 1, cells, 3));
    ck_assert_uint_eq(api_result.n_affected, 2);
    ck_assert_str_eq(all(t), "2:two:null");
    GOOD(api_write(WRITE(remove), t, "_row", 1, cells, 3));
    ck_assert_uint_eq(api_result.n_affected, 0);
    api_stop();
}
END_TEST

START_TEST(tells_when_another_row_was_deleted)
{
    static const char t[] = "another_row";
    struct rh_value cells[1];

    start(t, ",\"row_ids\":true");
    cells[0] = row_id(t, "2:two:null:");
    api_set(peer, "{\"refuse_guard\":false}");
    race(5, "insert", t, 1);
    ck_assert_int_eq(api_write(WRITE(remove), t, "_row", 1, cells, 1), RH_UNKNOWN_OUTCOME);
    api_set(peer, "{\"refuse_guard\":true}");
    api_stop();
}
END_TEST

START_TEST(writes_by_a_key_column)
{
    static const char t[] = "key_column";
    struct rh_value cells[] = {rh_kit_int(2), rh_kit_int(20), rh_kit_int(9), rh_kit_int(90)};
    struct rh_value twice[] = {rh_kit_int(2), api_text("again"), rh_kit_int(2), api_text("again")};
    const char *log;

    start(t, ",\"key_column\":\"id\"");
    ck_assert_uint_eq(api_table(t)->key[0], 0);
    api_log(peer);
    GOOD(api_write(WRITE(update), t, "id,n", 1, cells, 2));
    ck_assert_uint_eq(api_result.n_affected, 1);
    ck_assert_str_eq(api_returned(), "2:20");
    log = api_log(peer); /* marks are taken off again */
    ck_assert_uint_eq(api_count(log, "createDeveloperMetadata"), 1);
    ck_assert_uint_eq(api_count(log, "deleteDeveloperMetadata"), 1);
    ck_assert_int_eq(api_write(WRITE(insert), t, "id,name", 0, twice, 1), RH_CONSTRAINT);
    ck_assert_uint_eq(api_error.constraint, RH_CONSTRAINT_UNIQUE);
    GOOD(api_write(WRITE(remove), t, "id", 1, cells + 1, 2));
    ck_assert_uint_eq(api_result.n_affected, 0);
    GOOD(api_write(WRITE(remove), t, "id", 1, cells, 1));
    ck_assert_str_eq(all(t), "1:one:10 3:three:30");
    GOOD(api_write(WRITE(insert), t, "id,name", 0, twice, 2));
    ck_assert_int_eq(api_write(WRITE(update), t, "id,n", 1, cells, 1), RH_CONSTRAINT);
    ck_assert_uint_eq(api_error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
    api_stop();
}
END_TEST

START_TEST(sees_rows_move_while_it_looks)
{
    static const char t[] = "rows_move";
    struct rh_value cells[] = {rh_kit_int(2), rh_kit_int(20)};

    start(t, ",\"key_column\":\"id\"");
    race(5, "insert", t, 1); /* after the key was found, before its row is marked */
    ck_assert_int_eq(api_write(WRITE(update), t, "id,n", 1, cells, 1), RH_CONFLICT);
    ck_assert_str_eq(all(t), "1:one:10 2:two:null 3:three:30");
    api_stop();
}
END_TEST

START_TEST(tells_of_lost_answers)
{
    static const char t[] = "lost_answers";
    struct rh_value cells[] = {rh_kit_int(4)};

    start(t, "");
    api_table(t);
    api_faults(peer, "[{\"pass\":4},{\"cut\":5}]");
    ck_assert_int_eq(api_write(WRITE(insert), t, "id", 0, cells, 1), RH_UNKNOWN_OUTCOME);
    ck_assert_str_eq(all(t), "1:one:10 2:two:null 3:three:30 4:null:null");
    api_stop();
}
END_TEST

/* ---- Reading ------------------------------------------------------------------------------- */

START_TEST(knows_types)
{
    static const char t[] = "it's \U0001F4C5!A1";
    struct rh_value cells[] = {{.type = RH_TYPE_DATE, .as.i = -1},
                               {.type = RH_TYPE_DATETIME, .as.i = INT64_C(1700000000123000)},
                               {.type = RH_TYPE_TIME, .as.i = INT64_C(3661000000)},
                               rh_kit_int(1)};

    start(NULL, "");
    make(
        t, 10,
        ROW(S("day") "," S("at") "," S("t") "," S("mixed") "," S("day")) "," ROW(
            F("45351", "DATE") "," F("45351.5", "DATE_TIME") "," F("0.25", "TIME") "," S("x") "," N(
                "1.5")) "," ROW("{},{},{},{\"userEnteredValue\":{\"formulaValue\":\"=#N/A\"}}"));
    ck_assert_uint_eq(api_table(t)->columns[0].type, RH_TYPE_DATE);
    ck_assert(api_table(t)->columns[0].flags & RH_COLUMN_INFERRED);
    ck_assert_uint_eq(api_table(t)->columns[1].type, RH_TYPE_DATETIME);
    ck_assert_uint_eq(api_table(t)->columns[2].type, RH_TYPE_TIME);
    ck_assert_str_eq(api_rows(t, "day,at,t,mixed,day (2)", NULL),
                     "2024-02-29:2024-02-29T12:00:00:06:00:00:x:1.5 null:null:null:#N/A:null");
    cells[3] = api_text("y");
    GOOD(api_write(WRITE(insert), t, "day,at,t,mixed", 0, cells, 1));
    ck_assert_ptr_nonnull(strstr(api_rows(t, "day,at,t,mixed", NULL),
                                 "1969-12-31:2023-11-14T22:13:20.123:01:01:01:y"));
    api_stop();
}
END_TEST

START_TEST(reads_in_chunks)
{
    static const char t[] = "reads_in_chunks";
    struct rh_value cells[500];
    const char *rows;

    start(t, "");
    for (int i = 0; i < 500; i++)
        cells[i] = rh_kit_int(100 + i);
    for (int i = 0; i < 22; i++)
        GOOD(api_write(WRITE(insert), t, "id", 0, cells, 500));
    api_log(peer);
    rows = api_rows(t, "id", NULL);
    ck_assert_uint_eq(api_count(rows, " "), 11002); /* one less than rows */
    ck_assert_uint_eq(api_count(api_log(peer), "values:batchGet?"), 3);
    race(4, "delete", t, 11000); /* after the first chunk: the grid ends earlier */
    rows = api_rows(t, "id", NULL);
    ck_assert_msg(rows != NULL, "%s", api_error.message);
    api_stop();
}
END_TEST

/* ---- What goes wrong ----------------------------------------------------------------------- */

/* The class of a read whose fourth request (two describe, one finds the sheet) meets this. */
static int read_with(const char *title, const char *fault)
{
    const char *rows;

    api_faults(peer, rh_arena_printf(api_arena, "[{\"pass\":3},%s]", fault));
    rows = api_rows(title, "id,name", NULL);
    api_faults(peer, "[]");
    ck_assert_ptr_null(strstr(api_error.message, "PRIVATE"));
    return rows ? RH_OK : api_error.error_class;
}

START_TEST(survives_bad_answers)
{
    static const char t[] = "survives_bad_answers";

    start(t, ",\"retries\":0");
    ck_assert_int_eq(read_with(t, "{\"status\":503,\"text\":\"<html>\"}"), RH_UNAVAILABLE);
    ck_assert_int_eq(read_with(t, "{\"status\":200,\"text\":\"<html>\"}"), RH_PROTOCOL);
    ck_assert_int_eq(read_with(t, "{\"status\":200,\"json\":[]}"), RH_PROTOCOL);
    ck_assert_int_eq(read_with(t, "{\"status\":200,\"json\":{\"valueRanges\":7}}"), RH_PROTOCOL);
    ck_assert_int_eq(read_with(t, "{\"status\":200,\"json\":{\"valueRanges\":[{},{}]}}"),
                     RH_NOT_FOUND); /* no header: no columns */
    ck_assert_int_eq(read_with(t, "{\"cut\":30}"), RH_UNAVAILABLE);
    ck_assert_int_eq(read_with(t, "{\"deep\":1000}"), RH_PROTOCOL);
    GOOD(read_with(t, "{\"bytes\":104857600}")); /* too long: asked for again in smaller pieces */
    ck_assert_int_eq(read_with(t, "{\"status\":302,\"text\":\"\",\"headers\":{\"Location\":"
                                  "\"http://169.254.169.254/\"}}"),
                     RH_PROTOCOL);
    GOOD(read_with(t, "{\"status\":200,\"json\":{\"valueRanges\":[{\"values\":[[\"id\",\"name\"]]},"
                      "{\"values\":[7,{},[[1],{\"a\":1}],[true,\"\"]]}]}}"));
    api_set(peer, "{\"quota\":3}");
    ck_assert_ptr_null(api_rows(t, "id", NULL));
    ck_assert_int_eq(api_error.error_class, RH_RATE_LIMITED);
    ck_assert_uint_eq(api_error.retry_after_ms, 60000);
    api_set(peer, "{\"quota\":-1}");
    GOOD(api_connect(settings("")));
    GOOD(read_with(t, "{\"status\":503,\"text\":\"<html>\"}"));
    api_stop();
}
END_TEST

static void cannot_connect(const char *text, int error_class)
{
    int rc = api_connect(text);

    ck_assert_msg(rc == error_class, "%s gives %d: %s", text, rc, api_error.message);
    ck_assert_ptr_null(strstr(api_error.message, "s3cret"));
    ck_assert_ptr_null(strstr(api_error.message, "PRIVATE"));
}

static const char *by_token(const char *spreadsheet, const char *secret, const char *token)
{
    return rh_arena_printf(api_arena,
                           "{\"url\":\"%s\",\"auth_url\":\"%s/token\",\"spreadsheet\":\"%s\","
                           "\"client_id\":\"client-1\",\"client_secret\":\"%s\","
                           "\"refresh_token\":\"%s\"}",
                           peer, peer, spreadsheet, secret, token);
}

START_TEST(tells_why_it_cannot_connect)
{
    static const char secret[] = "client-s3cret", token[] = "refresh-s3cret";

    start(NULL, "");
    cannot_connect(by_token("sheet-1", "wrong-s3cret", token), RH_AUTH);
    cannot_connect(by_token("sheet-1", secret, "old-s3cret"), RH_AUTH);
    cannot_connect(by_token("sheet-2", secret, token), RH_PERMISSION);
    cannot_connect(by_token("no such", secret, token), RH_CONFIG);
    cannot_connect(by_token("sheet-9", secret, token), RH_NOT_FOUND);
    cannot_connect("{\"url\":\"http://127.0.0.1:1\",\"spreadsheet\":\"x\"}", RH_CONFIG);
    cannot_connect("{\"url\":\"http://127.0.0.1:1\",\"spreadsheet\":\"x\",\"service_account\":"
                   "\"s3cret\"}",
                   RH_CONFIG);
    cannot_connect(settings(",\"row_ids\":true,\"key_column\":\"x\""), RH_CONFIG);
    GOOD(api_connect(
        by_token("https://docs.google.com/spreadsheets/d/sheet-1/edit#gid=0", secret, token)));
    api_stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {keeps_keys_when_rows_move,
                                  marks_nothing_unasked,
                                  adds_rows_behind_the_last,
                                  updates_by_mark,
                                  deletes_from_the_bottom_up,
                                  tells_when_another_row_was_deleted,
                                  writes_by_a_key_column,
                                  sees_rows_move_while_it_looks,
                                  tells_of_lost_answers,
                                  knows_types,
                                  reads_in_chunks,
                                  survives_bad_answers,
                                  tells_why_it_cannot_connect};

    peer = getenv("ROWHOUSE_TEST_GOOGLESHEETS");
    if (!peer || !getenv("ROWHOUSE_TEST_GOOGLESHEETS_KEY")) {
        fputs("ROWHOUSE_TEST_GOOGLESHEETS is not set\n", stderr);
        return 77;
    }
    return tests_run("googlesheets", tests, sizeof(tests) / sizeof(tests[0]));
}
