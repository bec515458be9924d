/*
 * Rows from JSON: one object, an array of objects, or one object per line. The array is walked
 * element by element, so the memory in use is that of a batch.
 */
#include "rows/write.h"

#include "base/err.h"
#include "base/text.h"

struct json_source {
    struct rh_row_source source;
    struct rh_text body; /* single object: all of it; NDJSON: the rest */
    struct rh_json_array walk;
    uint64_t n;
};

static struct json_source *source_of(struct rh_row_source *source)
{
    return (struct json_source *)(void *)source;
}

static int next_single(struct rh_row_source *source, struct rh_arena *arena,
                       struct rh_json **ret_object, struct rh_error *error)
{
    struct json_source *s = source_of(source);
    if (s->n++)
        return RH_END;
    return rh_json_parse(arena, s->body, ret_object, error);
}

static int next_element(struct rh_row_source *source, struct rh_arena *arena,
                        struct rh_json **ret_object, struct rh_error *error)
{
    return rh_json_array_next(&source_of(source)->walk, arena, ret_object, error);
}

static int next_line(struct rh_row_source *source, struct rh_arena *arena,
                     struct rh_json **ret_object, struct rh_error *error)
{
    struct json_source *s = source_of(source);
    int r = rh_json_parse_next(arena, &s->body, ret_object, error);
    if (r < 0)
        return rh_error_prefix(error, "row %llu", (unsigned long long)s->n);
    s->n++;
    return r;
}

static struct json_source *make(struct rh_arena *arena, struct rh_text body, struct rh_error *error)
{
    struct json_source *s = rh_arena_alloc(arena, sizeof(*s));
    if (!s)
        rh_fail_nomem(error);
    else
        s->body = body;
    return s;
}

int rh_row_source_json(struct rh_arena *arena, struct rh_text body,
                       struct rh_row_source **ret_source, struct rh_error *error)
{
    struct json_source *s = make(arena, body, error);
    if (!s)
        return error->error_class;
    struct rh_text trimmed = rh_text_trim(body);
    if (trimmed.len && trimmed.data[0] == '[') {
        int r = rh_json_array_open(&s->walk, body, error);
        if (r)
            return r;
        s->source.next = next_element;
    } else {
        s->source.next = next_single;
        s->source.single = true;
    }
    *ret_source = &s->source;
    return 0;
}

int rh_row_source_ndjson(struct rh_arena *arena, struct rh_text body,
                         struct rh_row_source **ret_source, struct rh_error *error)
{
    struct json_source *s = make(arena, body, error);
    if (!s)
        return error->error_class;
    s->source.next = next_line;
    *ret_source = &s->source;
    return 0;
}
