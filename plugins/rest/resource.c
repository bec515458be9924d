/* One resource of the description. `where` is the place in it that messages name. */
#include "reader.h"

#include "base/json.h"

#include <string.h>

static const char *const format_words[] = {"json", "ndjson", "xml", "csv", NULL};
const char *const rh_rest_as_words[] = {"text", "unix", "unix_ms", "date", NULL};

int rh_rest_wrong(const struct rh_rest_reader *r, const char *where, const char *what)
{
    return rh_fail(r->error, RH_CONFIG, "description: %s %s", where, what);
}

const char *rh_rest_place(const struct rh_rest_reader *r, const char *where, struct rh_text name)
{
    const char *text = rh_arena_printf(r->arena, "%s.%.*s", where, RH_TEXT_ARG(name));

    return text ? text : where;
}

static int split(const struct rh_rest_reader *r, struct rh_text text, struct rh_rest_path *ret_path)
{
    struct rh_vec names = RH_VEC_INIT(struct rh_text);
    struct rh_text *name;

    while (text.len) {
        name = rh_vec_push(&names, r->arena);
        if (!name)
            return rh_fail_nomem(r->error);
        *name = rh_text_cut(&text, '.');
    }
    *ret_path = (struct rh_rest_path){names.items, names.n};
    return RH_OK;
}

static int read_path(const struct rh_rest_reader *r, const struct rh_json *json, const char *where,
                     const char *name, struct rh_rest_path *to)
{
    struct rh_text text = {NULL, 0};
    int rc = rh_rest_text(json, where, name, &text, r->error);

    return rc || !text.data ? rc : split(r, text, to);
}

const struct rh_rest_column *rh_rest_column_named(const struct rh_rest_resource *resource,
                                                  struct rh_text name)
{
    for (uint32_t i = 0; i < resource->n_columns; i++)
        if (rh_text_equal(resource->columns[i].name, name))
            return &resource->columns[i];
    return NULL;
}

/* ---- Columns ------------------------------------------------------------------------------- */

const char *rh_rest_type_name(uint8_t type)
{
    static const char *const names[RH_N_TYPES] = {
        [RH_TYPE_BOOL] = "bool",           [RH_TYPE_INT] = "int",
        [RH_TYPE_UINT] = "uint",           [RH_TYPE_FLOAT] = "float",
        [RH_TYPE_DECIMAL] = "decimal",     [RH_TYPE_TEXT] = "text",
        [RH_TYPE_BYTES] = "bytes",         [RH_TYPE_DATE] = "date",
        [RH_TYPE_TIME] = "time",           [RH_TYPE_DATETIME] = "datetime",
        [RH_TYPE_TIMESTAMP] = "timestamp", [RH_TYPE_INTERVAL] = "interval",
        [RH_TYPE_UUID] = "uuid",           [RH_TYPE_JSON] = "json",
    };

    return type < RH_N_TYPES && names[type] ? names[type] : "null";
}

int rh_rest_read_type(const struct rh_rest_reader *r, const char *where, struct rh_text word,
                      uint8_t *to)
{
    for (uint8_t i = RH_TYPE_BOOL; i < RH_N_TYPES; i++)
        if (rh_text_is(word, rh_rest_type_name(i))) {
            *to = i;
            return RH_OK;
        }
    return rh_fail(r->error, RH_CONFIG, "description: %s knows no type \"%.*s\"", where,
                   RH_TEXT_ARG(word));
}

static int check_column(const struct rh_rest_reader *r, const char *where,
                        const struct rh_rest_column *column)
{
    if ((column->as == RH_REST_AS_UNIX || column->as == RH_REST_AS_UNIX_MS) &&
        column->type != RH_TYPE_TIMESTAMP)
        return rh_rest_wrong(r, where, "has \"as\", which is for timestamps");
    if (column->as == RH_REST_AS_DATE)
        return rh_rest_wrong(r, where, "has \"as\": \"date\", which is for parameters");
    if (column->type == RH_TYPE_JSON && r->resource->format == RH_REST_CSV)
        return rh_rest_wrong(r, where, "cannot be JSON: CSV has texts only");
    if (!column->path.n)
        return rh_rest_wrong(r, where, "has an empty path");
    return RH_OK;
}

static int read_column(struct rh_rest_reader *r, const struct rh_json *json, const char *where)
{
    static const char *const names[] = {"type",  "path",     "as",     "write",
                                        "about", "not_null", "filled", NULL};
    struct rh_rest_column *column = rh_vec_push(&r->columns, r->arena);
    struct rh_text type = RH_TEXT("text"), *self = rh_arena_alloc(r->arena, sizeof(*self));
    const struct rh_json *write = rh_json_member(json, "write");
    int rc = RH_OK;

    if (!column || !self)
        return rh_fail_nomem(r->error);
    if (!json->key.len || memchr(json->key.data, 0, json->key.len))
        return rh_rest_wrong(r, where, "has no name");
    *self = json->key;
    column->name = json->key;
    column->path = (struct rh_rest_path){self, 1};
    if (json->kind == RH_JSON_STRING) {
        column->write = column->name;
        rc = rh_rest_read_type(r, where, json->text, &column->type);
        return rc ? rc : check_column(r, where, column);
    }
    if ((rc = rh_rest_only(json, where, names, r->error)) ||
        (rc = rh_rest_text(json, where, "type", &type, r->error)) ||
        (rc = rh_rest_read_type(r, where, type, &column->type)) ||
        (rc = read_path(r, json, where, "path", &column->path)) ||
        (rc = rh_rest_word(json, where, "as", rh_rest_as_words, &column->as, r->error)) ||
        (rc = rh_rest_text(json, where, "about", &column->comment, r->error)) ||
        (rc = rh_rest_bool(json, where, "not_null", &column->not_null, r->error)) ||
        (rc = rh_rest_bool(json, where, "filled", &column->filled, r->error)))
        return rc;
    if (!write && column->path.n == 1)
        column->write = column->path.names[0];
    else if (write && write->kind == RH_JSON_STRING)
        column->write = write->text;
    else if (write && write->kind != RH_JSON_FALSE)
        return rh_rest_wrong(r, where, "has a \"write\" that is neither a name nor false");
    return check_column(r, where, column);
}

static int read_columns(struct rh_rest_reader *r, const struct rh_json *json, const char *where)
{
    int rc = RH_OK;

    r->resource->inferred = !json;
    if (!json)
        return RH_OK;
    if (json->kind != RH_JSON_OBJECT || json->n == 0)
        return rh_rest_wrong(r, where, "is no object with a member for each column");
    for (const struct rh_json *column = json->child; column && rc == RH_OK; column = column->next)
        rc = read_column(r, column, rh_rest_place(r, where, column->key));
    return rc;
}

static int read_names(const struct rh_rest_reader *r, const struct rh_json *json, const char *where,
                      const struct rh_text **ret_names, uint32_t *ret_n)
{
    struct rh_text *names;

    if (json->kind != RH_JSON_ARRAY)
        return rh_rest_wrong(r, where, "is no array of names");
    names = rh_arena_array(r->arena, json->n, sizeof(*names));
    if (!names)
        return rh_fail_nomem(r->error);
    for (const struct rh_json *name = json->child; name; name = name->next) {
        if (name->kind != RH_JSON_STRING)
            return rh_rest_wrong(r, where, "is no array of names");
        if (!r->resource->inferred && !rh_rest_column_named(r->resource, name->text))
            return rh_fail(r->error, RH_CONFIG, "description: %s has \"%.*s\", which is no column",
                           where, RH_TEXT_ARG(name->text));
        names[(*ret_n)++] = name->text;
    }
    *ret_names = names;
    return RH_OK;
}

static int read_any_of(const struct rh_rest_reader *r, const struct rh_json *json,
                       const char *where)
{
    struct rh_rest_resource *resource = r->resource;
    const struct rh_text **sets;
    uint32_t *ns;
    int rc = RH_OK;

    if (!json)
        return RH_OK;
    if (json->kind != RH_JSON_ARRAY)
        return rh_rest_wrong(r, where, "is no array of arrays of columns");
    sets = rh_arena_array(r->arena, json->n, sizeof(const struct rh_text *));
    ns = rh_arena_array(r->arena, json->n, sizeof(*ns));
    if (!sets || !ns)
        return rh_fail_nomem(r->error);
    for (const struct rh_json *set = json->child; set && rc == RH_OK; set = set->next) {
        rc = read_names(r, set, where, &sets[resource->n_any_ofs], &ns[resource->n_any_ofs]);
        resource->n_any_ofs++;
    }
    resource->any_of = sets;
    resource->n_any_of = ns;
    return rc;
}

/* ---- Pages --------------------------------------------------------------------------------- */

static int read_pages(const struct rh_rest_reader *r, const struct rh_json *json, const char *where)
{
    static const char *const names[] = {"style", "name", "size",  "max",           "start",
                                        "path",  "more", "total", "short_is_last", NULL};
    static const char *const styles[] = {"none",  "page", "offset", "cursor",
                                         "token", "link", "next",   NULL};
    struct rh_rest_pages *pages = &r->resource->pages;
    bool in_answer;
    int rc;

    if (!json)
        return RH_OK;
    pages->start = 1;
    if ((rc = rh_rest_only(json, where, names, r->error)) ||
        (rc = rh_rest_word(json, where, "style", styles, &pages->style, r->error)) ||
        (rc = rh_rest_text(json, where, "name", &pages->name, r->error)) ||
        (rc = rh_rest_text(json, where, "size", &pages->size_name, r->error)) ||
        (rc = rh_rest_number(json, where, "max", UINT32_MAX, &pages->size, r->error)) ||
        (rc = rh_rest_number(json, where, "start", UINT32_MAX, &pages->start, r->error)) ||
        (rc = rh_rest_bool(json, where, "short_is_last", &pages->short_is_last, r->error)) ||
        (rc = read_path(r, json, where, "path", &pages->token)) ||
        (rc = read_path(r, json, where, "more", &pages->more)) ||
        (rc = read_path(r, json, where, "total", &pages->total)))
        return rc;
    if (pages->style >= RH_REST_NUMBERED && pages->style <= RH_REST_TOKEN && !pages->name.len)
        return rh_rest_wrong(r, where, "has no \"name\": the parameter that says which page");
    if (pages->style >= RH_REST_CURSOR && pages->style != RH_REST_LINK && !pages->token.n)
        return rh_rest_wrong(r, where, "has no \"path\": where the next page's token or URL is");
    if ((pages->size_name.len || pages->short_is_last) && !pages->size)
        return rh_rest_wrong(r, where, "has no \"max\": how many rows a page may have");
    in_answer = pages->more.n || pages->total.n || pages->style == RH_REST_TOKEN ||
                pages->style == RH_REST_NEXT;
    if (in_answer && r->resource->format != RH_REST_JSON)
        return rh_rest_wrong(r, where, "looks into the answer, which only JSON has members for");
    return RH_OK;
}

/* ---- Orders -------------------------------------------------------------------------------- */

static int read_order_of(const struct rh_rest_reader *r, const struct rh_json *json,
                         const char *where, struct rh_rest_order *order)
{
    const struct rh_json *down =
        json->kind == RH_JSON_ARRAY && json->child ? json->child->next : NULL;

    if (!down || json->n != 2 || json->child->kind != RH_JSON_STRING ||
        down->kind != RH_JSON_STRING)
        return rh_rest_wrong(r, where, "is no array of two texts: rising, falling");
    if (!r->resource->inferred && !rh_rest_column_named(r->resource, json->key))
        return rh_rest_wrong(r, where, "is no column");
    *order = (struct rh_rest_order){json->key, json->child->text, down->text};
    return RH_OK;
}

static int read_order(const struct rh_rest_reader *r, const struct rh_json *json, const char *where)
{
    static const char *const names[] = {"name", "by", "natural", NULL};
    const struct rh_json *by = json ? rh_json_member(json, "by") : NULL;
    struct rh_rest_resource *resource = r->resource;
    struct rh_rest_order *orders;
    int rc;

    if (!json)
        return RH_OK;
    if ((rc = rh_rest_only(json, where, names, r->error)) ||
        (rc = rh_rest_text(json, where, "name", &resource->order_name, r->error)) ||
        (rc = rh_rest_text(json, where, "natural", &resource->natural, r->error)))
        return rc;
    resource->natural_down = rh_text_starts(resource->natural, "-");
    if (resource->natural_down)
        resource->natural = rh_text_make(resource->natural.data + 1, resource->natural.len - 1);
    if (!by)
        return RH_OK;
    if (by->kind != RH_JSON_OBJECT || !resource->order_name.len)
        return rh_rest_wrong(r, where, "has a \"by\" that is no object, or no \"name\"");
    orders = rh_arena_array(r->arena, by->n, sizeof(*orders));
    if (!orders)
        return rh_fail_nomem(r->error);
    for (const struct rh_json *member = by->child; member && rc == RH_OK; member = member->next)
        rc = read_order_of(r, member, rh_rest_place(r, where, member->key),
                           &orders[resource->n_orders++]);
    resource->orders = orders;
    return rc;
}

/* ---- Calls --------------------------------------------------------------------------------- */

static int read_call(const struct rh_rest_reader *r, const struct rh_json *json, const char *where,
                     struct rh_rest_call *call)
{
    static const char *const encodings[] = {"json", "form", NULL};
    struct rh_text rows = RH_TEXT("");
    int rc;

    if ((rc = rh_rest_text(json, where, "method", &call->method, r->error)) ||
        (rc = rh_rest_text(json, where, "path", &call->path, r->error)) ||
        (rc = rh_rest_text(json, where, "rows", &rows, r->error)) ||
        (rc = rh_rest_text(json, where, "wrap", &call->wrap, r->error)) ||
        (rc = rh_rest_bool(json, where, "single", &call->single, r->error)) ||
        (rc = rh_rest_word(json, where, "body", encodings, &call->encoding, r->error)))
        return rc;
    if (!call->path.len || call->path.data[0] != '/' ||
        memchr(call->path.data, '#', call->path.len))
        return rh_rest_wrong(r, where, "has no \"path\" that begins with '/'");
    call->rows = rh_arena_dup(r->arena, rows.data, rows.len);
    return call->rows ? RH_OK : rh_fail_nomem(r->error);
}

/* Each {name} of the path is a column. */
static int add_placeholders(const struct rh_rest_reader *r, const char *where,
                            struct rh_rest_call *call)
{
    struct rh_vec parameters = RH_VEC_INIT(struct rh_rest_parameter);
    struct rh_text rest = call->path;

    for (;;) {
        struct rh_rest_parameter *parameter;
        struct rh_text name;

        rh_text_cut(&rest, '{');
        if (!rest.data)
            break;
        name = rh_text_cut(&rest, '}');
        if (!rest.data || (!r->resource->inferred && !rh_rest_column_named(r->resource, name)))
            return rh_fail(r->error, RH_CONFIG,
                           "description: %s.path has {%.*s}, which is no column", where,
                           RH_TEXT_ARG(name));
        parameter = rh_vec_push(&parameters, r->arena);
        if (!parameter)
            return rh_fail_nomem(r->error);
        *parameter = (struct rh_rest_parameter){.name = name,
                                                .column = name,
                                                .place = RH_REST_PATH,
                                                .ops = {RH_OP_EQ},
                                                .n_ops = 1,
                                                .list_max = 1,
                                                .required = true};
    }
    call->parameters = parameters.items;
    call->n_parameters = parameters.n;
    return RH_OK;
}

/* NULL stays where there is no such member. */
static int read_more(const struct rh_rest_reader *r, const struct rh_json *json, const char *where,
                     const char *name, const char *method, const struct rh_rest_call **ret_call)
{
    static const char *const names[] = {"method", "path", "rows", "wrap", "body", NULL};
    const struct rh_json *member = rh_json_member(json, name);
    struct rh_rest_call *call;
    int rc;

    if (!member)
        return RH_OK;
    where = rh_rest_place(r, where, rh_text_of(name));
    call = rh_arena_alloc(r->arena, sizeof(*call));
    if (!call)
        return rh_fail_nomem(r->error);
    *call = (struct rh_rest_call){.method = rh_text_of(method), .single = true};
    if ((rc = rh_rest_only(member, where, names, r->error)) ||
        (rc = read_call(r, member, where, call)) || (rc = add_placeholders(r, where, call)))
        return rc;
    rh_rest_share_as(r->resource, call);
    *ret_call = call;
    return RH_OK;
}

static int read_lookup(const struct rh_rest_reader *r, const struct rh_json *json,
                       const char *where)
{
    const struct rh_rest_resource *resource = r->resource;
    int rc = read_more(r, json, where, "one", "GET", &r->resource->one);

    if (rc || !resource->one)
        return rc;
    for (uint32_t i = 0; i < resource->n_key; i++)
        if (!rh_rest_has_placeholder(resource->one->path, resource->key[i]))
            return rh_rest_wrong(r, where, "has a \"one\" whose path lacks a column of the key");
    return resource->n_key ? RH_OK : rh_rest_wrong(r, where, "has a \"one\" and no \"key\"");
}

/* ---- The resource -------------------------------------------------------------------------- */

static int read_all(struct rh_rest_reader *r, const struct rh_json *json, const char *where)
{
    static const char *const names[] = {"about",  "path",      "method",  "rows", "single",
                                        "format", "separator", "columns", "key",  "parameters",
                                        "any_of", "page",      "cache",   "one",  "insert",
                                        "update", "delete",    "order",   NULL};
    struct rh_rest_resource *resource = r->resource;
    struct rh_text separator = RH_TEXT(",");
    uint64_t cache_s = 0;
    int rc;

    if ((rc = rh_rest_only(json, where, names, r->error)) ||
        (rc = rh_rest_text(json, where, "about", &resource->comment, r->error)) ||
        (rc = rh_rest_word(json, where, "format", format_words, &resource->format, r->error)) ||
        (rc = rh_rest_text(json, where, "separator", &separator, r->error)) ||
        (rc = rh_rest_number(json, where, "cache", 3600, &cache_s, r->error)) ||
        (rc = read_call(r, json, where, &resource->list)) ||
        (rc = read_columns(r, rh_json_member(json, "columns"),
                           rh_rest_place(r, where, RH_TEXT("columns")))) ||
        (rc = rh_rest_read_parameters(r, rh_json_member(json, "parameters"),
                                      rh_rest_place(r, where, RH_TEXT("parameters")))))
        return rc;
    if (separator.len != 1 || strchr("\"\r\n", separator.data[0]))
        return rh_rest_wrong(r, where, "has a \"separator\" that is not one character");
    if (resource->format == RH_REST_XML && !resource->list.rows[0])
        return rh_rest_wrong(r, where,
                             "has no \"rows\": the elements from the root to a row, with dots");
    resource->separator = separator.data[0];
    resource->cache_us = cache_s * 1000000;
    resource->columns = r->columns.items;
    resource->n_columns = r->columns.n;
    rh_rest_share_as(resource, &resource->list);
    if (rh_json_member(json, "key") &&
        (rc = read_names(r, rh_json_member(json, "key"), rh_rest_place(r, where, RH_TEXT("key")),
                         &resource->key, &resource->n_key)))
        return rc;
    if ((rc = read_any_of(r, rh_json_member(json, "any_of"),
                          rh_rest_place(r, where, RH_TEXT("any_of")))) ||
        (rc = read_pages(r, rh_json_member(json, "page"),
                         rh_rest_place(r, where, RH_TEXT("page")))) ||
        (rc = read_order(r, rh_json_member(json, "order"),
                         rh_rest_place(r, where, RH_TEXT("order")))) ||
        (rc = read_lookup(r, json, where)) ||
        (rc = read_more(r, json, where, "insert", "POST", &resource->insert)) ||
        (rc = read_more(r, json, where, "update", "PATCH", &resource->update)))
        return rc;
    return read_more(r, json, where, "delete", "DELETE", &resource->remove);
}

int rh_rest_resource_read(struct rh_arena *arena, const struct rh_json *json,
                          struct rh_rest_resource *ret_resource, struct rh_error *error)
{
    struct rh_rest_resource resource = {.name = json->key, .list = {.method = RH_TEXT("GET")}};
    struct rh_rest_reader r = {.arena = arena,
                               .resource = &resource,
                               .columns = RH_VEC_INIT(struct rh_rest_column),
                               .error = error};
    int rc;

    if (!json->key.len || memchr(json->key.data, 0, json->key.len))
        return rh_fail(error, RH_CONFIG, "description: a resource has no name");
    rc = read_all(&r, json, rh_rest_place(&r, "resources", json->key));
    if (rc == RH_OK)
        *ret_resource = resource;
    return rc;
}
