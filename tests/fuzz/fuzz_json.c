/*
 * The JSON reader on any bytes, and what must hold besides not crashing:
 * what was read is written and reads back as equal; the walk over an array and the reader of
 * sequences accept and refuse what the reader of whole texts does.
 */
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

#include <stdlib.h>

#define ARENA_BYTES ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void write_value(struct rh_buf *buf, const struct rh_json *value)
{
    bool array = value->kind == RH_JSON_ARRAY;
    if (value->kind == RH_JSON_STRING) {
        rh_json_add_string(buf, value->text);
    } else if (array || value->kind == RH_JSON_OBJECT) {
        uint32_t n = 0;
        rh_buf_add_char(buf, array ? '[' : '{');
        for (const struct rh_json *child = value->child; child; child = child->next) {
            if (n++)
                rh_buf_add_char(buf, ',');
            if (!array) {
                rh_json_add_string(buf, child->key);
                rh_buf_add_char(buf, ':');
            }
            write_value(buf, child);
        }
        require(n == value->n);
        rh_buf_add_char(buf, array ? ']' : '}');
    } else {
        rh_buf_add_text(buf, value->source);
    }
}

/* RH_END when the whole text is an array. */
static int walk(struct rh_arena *arena, struct rh_text text, uint64_t *ret_n)
{
    struct rh_json_array array;
    struct rh_json *value = NULL;
    int rc = rh_json_array_open(&array, text, NULL);
    while (rc == 0)
        rc = rh_json_array_next(&array, arena, &value, NULL);
    *ret_n = rc == RH_END ? array.n : 0;
    return rc;
}

static void check_numbers(const struct rh_json *value)
{
    double number;
    if (value->kind == RH_JSON_NUMBER && rh_text_to_f64(value->text, &number)) {
        char text[400];
        if (value->text.len < sizeof(text)) {
            memcpy(text, value->text.data, value->text.len);
            text[value->text.len] = '\0';
            require(strtod(text, NULL) == number);
        }
    }
    for (const struct rh_json *child = value->child; child; child = child->next)
        check_numbers(child);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_arena *arena = rh_arena_new(ARENA_BYTES);
    struct rh_text text = rh_text_make((const char *)data, size);
    struct rh_text rest = text;
    struct rh_json *value = NULL, *again = NULL, *first = NULL;
    struct rh_error error = RH_ERROR_INIT;
    struct rh_buf buf;
    uint64_t n;
    rh_buf_init(&buf, ARENA_BYTES);
    require(arena != NULL);

    int rc = rh_json_parse(arena, text, &value, &error);
    int walked = walk(arena, text, &n);
    if (rc == 0) {
        require(rh_text_is_utf8(text));
        write_value(&buf, value);
        require(rh_json_parse(arena, rh_buf_text(&buf), &again, NULL) == 0);
        require(rh_json_equal(value, again) && rh_json_equal(again, value));
        check_numbers(value);
        require(value->kind == RH_JSON_ARRAY ? walked == RH_END && n == value->n : walked < 0);
        require(rh_json_parse_next(arena, &rest, &first, NULL) == 0 && rest.len == 0);
    } else {
        require(error.error_class == rc && error.message[0] && error.code[0]);
        require(rh_text_is_utf8(rh_text_of(error.message)));
        require(walked < 0);
    }
    rest = text;
    while (rh_json_parse_next(arena, &rest, &first, NULL) == 0)
        ;
    rh_buf_free(&buf);
    rh_arena_free(arena);
    return 0;
}
