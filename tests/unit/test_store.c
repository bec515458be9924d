/* core/store/store.h: documents, lists of them, batches, and the homes of apps. */
#include "store_fixture.h"

#include "lib/fault.h"

/* ---- Documents --------------------------------------------------------------------------- */

ON_EACH(revisions_are_kept)
{
    int64_t revision = 77;
    open_store();
    ck_assert_str_eq(get("a"), "");
    ck_assert_int_eq(put("a", "{\"x\":1}", RH_STORE_NEW, &revision), 0);
    ck_assert_int_eq(revision, 1);
    ck_assert_str_eq(get("a"), "1 {\"x\":1}");

    revision = 77;
    ck_assert_int_eq(put("a", "2", RH_STORE_NEW, &revision), RH_EXISTS);
    ck_assert_int_eq(put("a", "2", 5, &revision), RH_CONFLICT);
    ck_assert_int_eq(put("a", "2", INT64_MAX, &revision), RH_CONFLICT);
    ck_assert_int_eq(put("a", "2", -2, &revision), RH_CONFLICT);
    ck_assert_int_eq(put("gone", "2", 1, &revision), RH_CONFLICT);
    ck_assert_int_eq(revision, 77);
    ck_assert_str_eq(get("a"), "1 {\"x\":1}");

    ck_assert_int_eq(put("a", "[true,null]", 1, &revision), 0);
    ck_assert_int_eq(revision, 2);
    ck_assert_int_eq(put("a", "\"text\"", RH_STORE_ANY, &revision), 0);
    ck_assert_int_eq(revision, 3);
    ck_assert_str_eq(get("a"), "3 \"text\"");
    ck_assert_int_eq(put("b", "{}", RH_STORE_ANY, &revision), 0);
    ck_assert_int_eq(revision, 1);

    ck_assert_int_eq(delete ("a", 2), RH_CONFLICT);
    ck_assert_int_eq(delete ("a", RH_STORE_NEW), RH_NOT_FOUND);
    ck_assert_str_eq(get("a"), "3 \"text\"");
    ck_assert_int_eq(delete ("a", 3), 0);
    ck_assert_str_eq(get("a"), "");
    ck_assert_int_eq(delete ("a", 3), RH_CONFLICT);
    ck_assert_int_eq(delete ("a", RH_STORE_ANY), RH_NOT_FOUND);
    ck_assert_int_eq(delete ("b", RH_STORE_ANY), 0);
    ck_assert_str_eq(get("b"), "");
}

ON_EACH(keys_and_bodies_have_limits)
{
    char key[1100];
    open_store();
    memset(key, 'k', sizeof(key));
    key[1025] = '\0';
    ck_assert_int_eq(put(key, "1", RH_STORE_NEW, NULL), RH_INVALID);
    ck_assert_int_eq(delete (key, 1), RH_INVALID);
    key[1024] = '\0';
    ck_assert_int_eq(put(key, "1", RH_STORE_NEW, NULL), 0);
    ck_assert_str_eq(get(key), "1 1");
    ck_assert_int_eq(put("", "1", RH_STORE_NEW, NULL), RH_INVALID);
    ck_assert_int_eq(put("a\xff", "1", RH_STORE_NEW, NULL), RH_INVALID);
    ck_assert_int_eq(put("a\xf4\x8f\xbf\xbf", "1", RH_STORE_NEW, NULL), RH_INVALID);

    /* No body is no deletion. */
    ck_assert_int_eq(put("a", "1", RH_STORE_NEW, NULL), 0);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_put(store, &op, "a", NULL, 1, NULL, &error), RH_INVALID);
    ck_assert_str_eq(get("a"), "1 1");

    json_t *body = json_stringn("a\0b", 3);
    ck_assert_int_eq(rh_store_put(store, &op, "nul", body, RH_STORE_NEW, NULL, &error), 0);
    json_decref(body);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_get(store, &op, "nul", &body, NULL, &error), 0);
    ck_assert_uint_eq(json_string_length(body), 3);
    json_decref(body);
}

ON_EACH(large_bodies_come_back)
{
    size_t n = (size_t)20 << 20;
    char *text = malloc(n + 1);
    json_t *back = NULL;
    open_store();
    for (size_t i = 0; i < n; i++)
        text[i] = "abc\"\\\n"[i % 6];
    json_t *body = json_stringn(text, n);
    ck_assert_int_eq(rh_store_put(store, &op, "large", body, RH_STORE_NEW, NULL, &error), 0);
    ck_assert_int_eq(rh_store_get(store, &op, "large", &back, NULL, &error), 0);
    ck_assert(json_equal(body, back));
    json_decref(back);
    json_decref(body);
    n = (size_t)65 << 20;
    text = realloc(text, n);
    memset(text, 'x', n);
    body = json_stringn(text, n);
    ck_assert_int_eq(rh_store_put(store, &op, "larger", body, RH_STORE_NEW, NULL, &error),
                     RH_INVALID);
    json_decref(body);
    free(text);
}

/* ---- Lists ------------------------------------------------------------------------------- */

struct listed {
    char keys[1024];
    int stop_at;
    int answer;
    int n;
};

static int note(void *context, const char *key, const json_t *body, int64_t revision,
                struct rh_error *ret_error)
{
    struct listed *listed = context;
    size_t used = strlen(listed->keys);
    snprintf(listed->keys + used, sizeof(listed->keys) - used, "%s ", key);
    ck_assert_int_eq(revision, 1);
    ck_assert_int_eq(json_integer_value(body), 1);
    return ++listed->n == listed->stop_at ? listed->answer : 0;
}

static const char *list(const char *prefix)
{
    static struct listed listed;
    listed = (struct listed){.n = 0};
    rh_error_clear(&error);
    ck_assert_msg(rh_store_list(store, &op, prefix, note, &listed, &error) == 0, "%s",
                  error.message);
    return listed.keys;
}

ON_EACH(lists_go_by_prefix_and_code_point)
{
    static const char *const keys[] = {"t/a/b", "t/a",    "t/a/",  "t/a0",   "t/a/A", "t/a/é",
                                       "t/a/€", "t/a/😀",  "t/b",   "T/a/x",  "t/a/_", "t/a/%",
                                       "t/a/z", "t/a/10", "t/a/9", "t/a/b/c"};
    struct listed listed = {.stop_at = 2, .answer = RH_END};
    open_store();
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        ck_assert_int_eq(put(keys[i], "1", RH_STORE_NEW, NULL), 0);
    ck_assert_str_eq(list("t/a/"), "t/a/ t/a/% t/a/10 t/a/9 t/a/A t/a/_ t/a/b t/a/b/c t/a/z t/a/é "
                                   "t/a/€ t/a/😀 ");
    ck_assert_str_eq(list("t/a/b"), "t/a/b t/a/b/c ");
    ck_assert_str_eq(list("t/a/%"), "t/a/% ");
    ck_assert_str_eq(list("T"), "T/a/x ");
    ck_assert_str_eq(list("t/a0"), "t/a0 ");
    ck_assert_str_eq(list("u"), "");
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_list(store, &op, "", note, &listed, &error), RH_INVALID);

    /* The callback's result ends the walk and comes back, whatever it is. */
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_list(store, &op, "t/", note, &listed, &error), RH_END);
    ck_assert_int_eq(listed.n, 2);
    listed = (struct listed){.stop_at = 1, .answer = -99};
    ck_assert_int_eq(rh_store_list(store, &op, "t/", note, &listed, &error), -99);
    ck_assert_int_eq(listed.n, 1);
}

ON_EACH(long_lists_are_complete)
{
    struct rh_store_change changes[700];
    struct listed listed = {.n = 0};
    char keys[700][16];
    json_t *one = json_integer(1);
    open_store();
    for (int i = 0; i < 700; i++) {
        snprintf(keys[i], sizeof(keys[i]), "many/%03d", (i * 37) % 700);
        changes[i] = (struct rh_store_change){keys[i], one, RH_STORE_NEW};
    }
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 700, &error), 0);
    json_decref(one);
    ck_assert_int_eq(rh_store_list(store, &op, "many/", note, &listed, &error), 0);
    ck_assert_int_eq(listed.n, 700);
}

/* ---- Batches ----------------------------------------------------------------------------- */

ON_EACH(batches_are_all_or_nothing)
{
    json_t *body = json_integer(5);
    open_store();
    ck_assert_int_eq(put("a", "1", RH_STORE_NEW, NULL), 0);
    ck_assert_int_eq(put("b", "1", RH_STORE_NEW, NULL), 0);
    struct rh_store_change changes[] = {{"a", body, 1}, {"c", body, RH_STORE_NEW}, {"b", NULL, 9}};
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), RH_CONFLICT);
    ck_assert_str_eq(get("a"), "1 1");
    ck_assert_str_eq(get("c"), "");
    changes[2] = (struct rh_store_change){"a", body, RH_STORE_NEW};
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), RH_EXISTS);
    ck_assert_ptr_nonnull(strstr(error.message, "\"a\""));
    changes[2] = (struct rh_store_change){"nope", NULL, RH_STORE_ANY};
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), RH_NOT_FOUND);
    changes[2].key = "";
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), RH_INVALID);
    ck_assert_str_eq(get("a"), "1 1");
    ck_assert_str_eq(get("c"), "");

    changes[2] = (struct rh_store_change){"b", NULL, 1};
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), 0);
    ck_assert_str_eq(get("a"), "2 5");
    ck_assert_str_eq(get("b"), "");
    ck_assert_str_eq(get("c"), "1 5");
    /* One document changed twice, and no change at all. */
    changes[0] = (struct rh_store_change){"a", NULL, 2};
    changes[1] = (struct rh_store_change){"a", body, RH_STORE_ANY};
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 2, &error), 0);
    ck_assert_str_eq(get("a"), "1 5");
    ck_assert_int_eq(rh_store_batch(store, &op, NULL, 0, &error), 0);
    json_decref(body);
}

/* Documents of apps, where each has a home of its own; a batch goes to several. */
ON_EACH(apps_have_homes)
{
    json_t *body = json_integer(1);
    open_store();
    ck_assert_int_eq(put("t/apps/a", "1", RH_STORE_NEW, NULL), 0);
    ck_assert_int_eq(put("t/datasources/a/x", "1", RH_STORE_NEW, NULL), 0);
    ck_assert_int_eq(put("t/datasources/a/y", "1", RH_STORE_NEW, NULL), 0);
    ck_assert_int_eq(put("t/datasources/b/x", "1", RH_STORE_NEW, NULL), 0);
    ck_assert_int_eq(put("u/datasources/a/x", "1", RH_STORE_NEW, NULL), 0);
    if (on == COUCHDB) {
        ck_assert_str_eq(app_names[0], "+t+a+dev");
        ck_assert_str_eq(app_names[1], "+t+b+dev");
        ck_assert_str_eq(app_names[2], "+u+a+dev");
    }
    ck_assert_str_eq(list("t/datasources/a/"), "t/datasources/a/x t/datasources/a/y ");
    ck_assert_str_eq(list("t/apps/"), "t/apps/a ");

    struct rh_store_change changes[] = {
        {"t/datasources/a/x", NULL, 1}, {"t/datasources/a/y", body, 1}, {"t/apps/a", NULL, 7}};
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), RH_CONFLICT);
    ck_assert_str_eq(list("t/datasources/a/"), "t/datasources/a/x t/datasources/a/y ");
    changes[2].expected = 1;
    rh_error_clear(&error);
    ck_assert_int_eq(rh_store_batch(store, &op, changes, 3, &error), 0);
    ck_assert_str_eq(get("t/datasources/a/x"), "");
    ck_assert_str_eq(get("t/datasources/a/y"), "2 1");
    ck_assert_str_eq(get("t/apps/a"), "");
    ck_assert_str_eq(get("t/datasources/b/x"), "1 1");
    json_decref(body);
}

/* ---- Out of memory ----------------------------------------------------------------------- */

static bool work(void *context)
{
    struct rh_store *opened = NULL;
    json_t *body = json_integer(1), *back = NULL;
    struct listed listed = {.n = 0};
    rh_error_clear(&error);
    rh_arena_reset(arena);
    int rc = body ? rh_store_open(pool, NULL, &op, &opened, &error) : RH_RESOURCE;
    if (rc == 0)
        rc = rh_store_put(opened, &op, "fault", body, RH_STORE_ANY, NULL, &error);
    if (rc == 0)
        rc = rh_store_get(opened, &op, "fault", &back, NULL, &error);
    if (rc == 0)
        FAULT_ASSERT(json_integer_value(back) == 1);
    if (rc == 0)
        rc = rh_store_delete(opened, &op, "fault", RH_STORE_ANY, &error);
    if (rc == 0)
        rc = rh_store_list(opened, &op, "fault", note, &listed, &error);
    FAULT_ASSERT(rc == 0 || !opened || error.error_class == rc);
    FAULT_ASSERT(rc != 0 || listed.n == 0);
    json_decref(back);
    json_decref(body);
    rh_store_close(opened);
    return rc == 0;
}

START_TEST(failed_allocations_are_errors)
{
    setup(SQLITE);
    native(pool, (const char *const[]){"SELECT 1", NULL});
    ck_assert_uint_gt(fault_torture(work, NULL), 3);
    teardown();
}
END_TEST

TESTS_MAIN("store", revisions_are_kept, keys_and_bodies_have_limits, large_bodies_come_back,
           lists_go_by_prefix_and_code_point, long_lists_are_complete, batches_are_all_or_nothing,
           apps_have_homes, failed_allocations_are_errors)
