/*
 * Tokens are cut out whole (a tag, a comment, a run of text), so that a piece may end anywhere;
 * then looked at strictly. Outside of rows only the names of the open elements are kept. A row is
 * built as a tree, because elements of one name need not stand together, written out as JSON and
 * parsed: so it is a document like any other, with the source of each value.
 */
#include "connector/xml.h"

#include "base/err.h"
#include "base/text.h"

#include <strings.h>

struct rh_xml_node {
    struct rh_json json; /* first: a node is a value */
    struct rh_xml_node *last;
};

void rh_xml_init(struct rh_xml *xml, const char *path, size_t max_bytes)
{
    *xml = (struct rh_xml){.path = path, .max_bytes = max_bytes, .n_path = 1};
    for (const char *c = path; *c; c++)
        xml->n_path += *c == '.';
    rh_buf_init(&xml->held, max_bytes);
    rh_buf_init(&xml->names, (size_t)1 << 20);
    rh_buf_init(&xml->text, max_bytes);
    rh_buf_init(&xml->json, max_bytes * 2);
    rh_buf_init(&xml->outer, max_bytes);
    xml->arena = rh_arena_new(max_bytes < SIZE_MAX / 256 ? max_bytes * 128 : SIZE_MAX);
}

void rh_xml_fini(struct rh_xml *xml)
{
    rh_buf_free(&xml->held);
    rh_buf_free(&xml->names);
    rh_buf_free(&xml->text);
    rh_buf_free(&xml->json);
    rh_buf_free(&xml->outer);
    rh_arena_free(xml->arena);
    xml->arena = NULL;
}

void rh_xml_push(struct rh_xml *xml, struct rh_text piece)
{
    struct rh_buf *held = &xml->held;
    if (xml->start) {
        held->len -= xml->start;
        xml->at -= xml->start;
        memmove(held->data, held->data + xml->start, held->len);
        xml->start = 0;
    }
    if (piece.len > SIZE_MAX / 4)
        held->failed = true;
    held->max = held->len + piece.len;
    rh_buf_add_text(held, piece);
}

void rh_xml_close(struct rh_xml *xml)
{
    xml->closed = true;
}

static int broken(struct rh_error *error, const char *what)
{
    return rh_fail(error, RH_PROTOCOL, "the answer is not well-formed XML: %s", what);
}

static int too_large(const struct rh_xml *xml, struct rh_error *error)
{
    return rh_fail(error, RH_RESOURCE, "a row of the XML is longer than %zu bytes", xml->max_bytes);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct rh_text *rest)
{
    while (rest->len && is_space(rest->data[0]))
        *rest = rh_text_make(rest->data + 1, rest->len - 1);
}

static bool in_row(const struct rh_xml *xml)
{
    return xml->matched == xml->n_path;
}

/* ---- Characters ---------------------------------------------------------------------------- */

/* Digits of a character reference; 0 when it is none. */
static uint32_t reference_of(struct rh_text digits)
{
    bool hex = digits.len && digits.data[0] == 'x';
    uint32_t code = 0;
    if (digits.len <= hex || digits.len > 8)
        return 0;
    for (uint64_t i = hex; i < digits.len; i++) {
        char c = digits.data[i], lower = (char)(c | 0x20);
        uint32_t digit = c >= '0' && c <= '9'                  ? (uint32_t)(c - '0')
                         : hex && lower >= 'a' && lower <= 'f' ? (uint32_t)(lower - 'a' + 10)
                                                               : 16;
        if (digit == 16)
            return 0;
        code = code * (hex ? 16 : 10) + digit;
    }
    bool control = code < 0x20 && code != '\t' && code != '\n' && code != '\r';
    bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return control || surrogate || code > 0x10FFFF || code == 0xFFFE || code == 0xFFFF ? 0 : code;
}

static void add_code_point(struct rh_buf *to, uint32_t code)
{
    char utf8[4];
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        utf8[i] = (char)(0x80 | (code & 0x3F));
    utf8[0] = (char)(leads[n] | code);
    rh_buf_add(to, utf8, n);
}

/* The reference behind '&', ';' included, cut from the front of rest. */
static int add_reference(struct rh_buf *to, struct rh_text *rest, struct rh_error *error)
{
    static const struct {
        const char *name;
        char c;
    } entities[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    const char *end = memchr(rest->data, ';', rest->len < 16 ? rest->len : 16);
    if (!end)
        return broken(error, "'&' does not begin a reference");
    struct rh_text name = rh_text_make(rest->data, (size_t)(end - rest->data));
    *rest = rh_text_make(end + 1, rest->len - name.len - 1);
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
        if (rh_text_is(name, entities[i].name)) {
            rh_buf_add_char(to, entities[i].c);
            return RH_OK;
        }
    uint32_t code = name.len && name.data[0] == '#'
                        ? reference_of(rh_text_make(name.data + 1, name.len - 1))
                        : 0;
    if (!code)
        return rh_fail(error, RH_PROTOCOL, "the XML has the entity \"&%.*s;\", which is not known",
                       RH_TEXT_ARG(name));
    add_code_point(to, code);
    return RH_OK;
}

/* Text as it is meant: references resolved (not in CDATA), line ends as LF, in attributes as
 * spaces. */
static int add_text(struct rh_buf *to, struct rh_text rest, bool is_attribute, bool is_cdata,
                    struct rh_error *error)
{
    while (rest.len) {
        char c = rest.data[0];
        bool crlf = c == '\r' && rest.len > 1 && rest.data[1] == '\n';
        rest = rh_text_make(rest.data + 1, rest.len - 1);
        if (c == '&' && !is_cdata) {
            int rc = add_reference(to, &rest, error);
            if (rc)
                return rc;
            continue;
        }
        if ((unsigned char)c < 0x20 && !is_space(c))
            return broken(error, "it has a control character");
        if (crlf)
            continue;
        c = c == '\r' ? '\n' : c;
        rh_buf_add_char(to, is_attribute && is_space(c) ? ' ' : c);
    }
    return RH_OK;
}

/* ---- Rows ---------------------------------------------------------------------------------- */

/* The row's root has no node around it. */
static struct rh_xml_node *parent_of(const struct rh_xml *xml)
{
    return xml->depth > xml->n_path ? xml->nodes[xml->depth - 2] : NULL;
}

static void append(struct rh_xml_node *to, struct rh_xml_node *value)
{
    if (to->last)
        to->last->json.next = &value->json;
    else
        to->json.child = &value->json;
    to->last = value;
    to->json.n++;
}

static struct rh_xml_node *new_node(struct rh_xml *xml, enum rh_json_kind kind,
                                    struct rh_error *error)
{
    struct rh_xml_node *node = rh_arena_alloc(xml->arena, sizeof(*node));
    if (node)
        node->json.kind = kind;
    else
        too_large(xml, error);
    return node;
}

static int copy_text(struct rh_xml *xml, struct rh_text text, struct rh_text *ret,
                     struct rh_error *error)
{
    bool ok = true;
    *ret = rh_arena_text(xml->arena, text, &ok);
    return ok ? RH_OK : too_large(xml, error);
}

/* An element or attribute into the object; what has a name that is there already makes an array of
 * it. */
static int add_member(struct rh_xml *xml, struct rh_xml_node *object, struct rh_text name,
                      struct rh_xml_node *value, struct rh_error *error)
{
    struct rh_json *old = object->json.child;
    struct rh_xml_node *array, *copy;
    while (old && !rh_text_equal(old->key, name))
        old = old->next;
    if (!old) {
        if (object->json.n == RH_XML_MAX_MEMBERS)
            return broken(error, "an element has too many members");
        append(object, value);
        return copy_text(xml, name, &value->json.key, error);
    }
    array = (struct rh_xml_node *)(void *)old;
    if (old->kind != RH_JSON_ARRAY) { /* elements are never arrays by themselves */
        copy = new_node(xml, old->kind, error);
        if (!copy)
            return RH_RESOURCE;
        *copy = *array;
        copy->json.next = NULL;
        copy->json.key = rh_text_make(NULL, 0);
        array->json.kind = RH_JSON_ARRAY;
        array->json.n = 0;
        array->json.child = NULL;
        array->last = NULL;
        append(array, copy);
    }
    append(array, value);
    return RH_OK;
}

static int add_attribute(struct rh_xml *xml, struct rh_xml_node *object, struct rh_text name,
                         struct rh_text raw, struct rh_error *error)
{
    size_t start = xml->text.len;
    rh_buf_add_char(&xml->text, '@');
    rh_buf_add_text(&xml->text, name);
    size_t value_start = xml->text.len;
    int rc = add_text(&xml->text, raw, true, false, error);
    if (rc == RH_OK && xml->text.failed)
        rc = too_large(xml, error);
    if (rc)
        return rc;
    struct rh_text key = rh_text_make(xml->text.data + start, value_start - start);
    struct rh_text value = rh_text_make(xml->text.data + value_start, xml->text.len - value_start);
    xml->text.len = start;
    for (const struct rh_json *old = object->json.child; old; old = old->next)
        if (rh_text_equal(old->key, key))
            return broken(error, "an element has an attribute twice");
    struct rh_xml_node *node = new_node(xml, RH_JSON_STRING, error);
    if (!node || copy_text(xml, value, &node->json.text, error))
        return RH_RESOURCE;
    return add_member(xml, object, key, node, error);
}

/* Depth is limited by that of the elements. */
static void write_json(struct rh_buf *to, const struct rh_json *value)
{
    bool is_object = value->kind == RH_JSON_OBJECT;
    if (value->kind == RH_JSON_NULL) {
        rh_buf_add_str(to, "null");
    } else if (value->kind == RH_JSON_STRING) {
        rh_json_add_string(to, value->text);
    } else {
        rh_buf_add_char(to, is_object ? '{' : '[');
        for (const struct rh_json *child = value->child; child; child = child->next) {
            if (child != value->child)
                rh_buf_add_char(to, ',');
            if (is_object) {
                rh_json_add_string(to, child->key);
                rh_buf_add_char(to, ':');
            }
            write_json(to, child);
        }
        rh_buf_add_char(to, is_object ? '}' : ']');
    }
}

/* The attributes of an element around rows: `"^@name":"value",…`. */
static void keep_outer(struct rh_xml *xml, const struct rh_xml_node *node)
{
    rh_buf_clear(&xml->outer);
    for (const struct rh_json *member = node->json.child; member; member = member->next) {
        rh_buf_add_str(&xml->outer, xml->outer.len ? ",\"^" : "\"^");
        size_t start = xml->outer.len;
        rh_json_add_string(&xml->outer, member->key);
        if (xml->outer.failed)
            return;
        memmove(xml->outer.data + start, xml->outer.data + start + 1, xml->outer.len - start - 1);
        xml->outer.data[xml->outer.len - 1] = ':';
        rh_json_add_string(&xml->outer, member->text);
    }
}

static int finish_row(struct rh_xml *xml, struct rh_xml_node *row, struct rh_json **ret_document,
                      struct rh_error *error)
{
    struct rh_error inner = RH_ERROR_INIT;
    struct rh_buf *json = &xml->json;
    rh_buf_clear(json);
    if (row->json.kind == RH_JSON_OBJECT) {
        write_json(json, &row->json);
    } else {
        rh_buf_add_str(json, "{\"#text\":");
        write_json(json, &row->json);
        rh_buf_add_char(json, '}');
    }
    if (xml->outer.len) {
        json->len -= json->len > 0; /* the brace */
        rh_buf_add_str(json, json->len > 1 ? "," : "");
        rh_buf_add_text(json, rh_buf_text(&xml->outer));
        rh_buf_add_char(json, '}');
    }
    if (json->failed || xml->outer.failed)
        return too_large(xml, error);
    int rc = rh_json_parse(xml->arena, rh_buf_text(json), ret_document, &inner);
    return rc ? rh_fail(error, rc == RH_INVALID ? RH_PROTOCOL : rc, "%s", inner.message) : RH_OK;
}

/* ---- Elements ------------------------------------------------------------------------------ */

static bool is_name_byte(char c, bool first)
{
    char lower = (char)(c | 0x20);
    return (lower >= 'a' && lower <= 'z') || c == '_' || c == ':' || (unsigned char)c >= 0x80 ||
           (!first && ((c >= '0' && c <= '9') || c == '-' || c == '.'));
}

/* The name at the front, cut off; no text when there is none. */
static struct rh_text take_name(struct rh_text *rest)
{
    uint64_t n = 0;
    while (n < rest->len && is_name_byte(rest->data[n], n == 0))
        n++;
    struct rh_text name = rh_text_make(n ? rest->data : NULL, n);
    *rest = rh_text_make(rest->data + n, rest->len - n);
    return name;
}

static struct rh_text path_name(const struct rh_xml *xml, uint32_t i)
{
    struct rh_text rest = rh_text_of(xml->path), name = rh_text_cut(&rest, '.');
    while (i--)
        name = rh_text_cut(&rest, '.');
    return name;
}

/* `name = "value"` pairs; node NULL: only looked at. */
static int take_attributes(struct rh_xml *xml, struct rh_text *rest, struct rh_xml_node *node,
                           struct rh_error *error)
{
    for (;;) {
        bool spaced = rest->len && is_space(rest->data[0]);
        skip_space(rest);
        if (rest->len == 0 || (rest->len == 1 && rest->data[0] == '/'))
            return RH_OK;
        struct rh_text name = take_name(rest);
        skip_space(rest);
        if (!name.len || !spaced || rest->len < 3 || rest->data[0] != '=')
            return broken(error, "a tag is malformed");
        *rest = rh_text_make(rest->data + 1, rest->len - 1);
        skip_space(rest);
        char quote = rest->len ? rest->data[0] : 0;
        const char *end =
            quote == '"' || quote == '\'' ? memchr(rest->data + 1, quote, rest->len - 1) : NULL;
        if (!end)
            return broken(error, "an attribute has no quoted value");
        struct rh_text value = rh_text_make(rest->data + 1, (size_t)(end - rest->data) - 1);
        *rest = rh_text_make(end + 1, rest->len - value.len - 2);
        if (value.len && memchr(value.data, '<', value.len))
            return broken(error, "an attribute has '<' in it");
        int rc = node ? add_attribute(xml, node, name, value, error) : RH_OK;
        if (rc)
            return rc;
    }
}

static int close_element(struct rh_xml *xml, struct rh_text name, struct rh_json **ret_document,
                         struct rh_error *error)
{
    if (xml->depth == 0)
        return broken(error, "a tag is closed that was not opened");
    size_t start = xml->name_starts[xml->depth - 1];
    if (!rh_text_equal(name, rh_text_make(xml->names.data + start, xml->names.len - start)))
        return broken(error, "a tag is closed by another");
    int rc = RH_OK;
    if (in_row(xml)) {
        struct rh_xml_node *node = xml->nodes[xml->depth - 1], *parent = parent_of(xml), *text;
        size_t text_start = xml->text_starts[xml->depth - 1];
        struct rh_text said = rh_text_make(xml->text.data ? xml->text.data + text_start : "",
                                           xml->text.len - text_start);
        if (node->json.n == 0) {
            node->json.kind = said.len ? RH_JSON_STRING : RH_JSON_NULL;
            rc = copy_text(xml, said, &node->json.text, error);
        } else if (rh_text_trim(said).len) {
            text = new_node(xml, RH_JSON_STRING, error);
            rc = text ? copy_text(xml, said, &text->json.text, error) : RH_RESOURCE;
            if (rc == RH_OK)
                rc = add_member(xml, node, RH_TEXT("#text"), text, error);
        }
        xml->text.len = text_start;
        if (rc == RH_OK)
            rc = parent ? add_member(xml, parent, name, node, error)
                        : finish_row(xml, node, ret_document, error);
    }
    xml->names.len = start;
    xml->depth--;
    if (xml->matched > xml->depth)
        xml->matched = xml->depth;
    return rc;
}

static int open_element(struct rh_xml *xml, struct rh_text name, struct rh_text *rest,
                        struct rh_error *error)
{
    struct rh_xml_node *node = NULL;
    if (xml->depth == RH_XML_MAX_DEPTH)
        return broken(error, "it is nested too deeply");
    if (xml->depth == 0 && xml->rooted)
        return broken(error, "it has two roots");
    bool was_in_row = in_row(xml);
    if (!was_in_row && xml->matched == xml->depth &&
        rh_text_equal(name, path_name(xml, xml->matched)))
        xml->matched++;
    bool is_outer = xml->matched + 1 == xml->n_path && xml->matched == xml->depth + 1;
    if (!was_in_row && (in_row(xml) || is_outer)) {
        rh_arena_reset(xml->arena);
        xml->row_bytes = 0;
    }
    xml->found = xml->found || is_outer || in_row(xml);
    if (in_row(xml) || is_outer) {
        node = new_node(xml, RH_JSON_OBJECT, error);
        if (!node)
            return RH_RESOURCE;
    }
    xml->rooted = true;
    xml->nodes[xml->depth] = node;
    xml->text_starts[xml->depth] = xml->text.len;
    xml->name_starts[xml->depth++] = xml->names.len;
    rh_buf_add_text(&xml->names, name);
    if (xml->names.failed)
        return too_large(xml, error);
    int rc = take_attributes(xml, rest, node, error);
    if (rc == RH_OK && is_outer)
        keep_outer(xml, node);
    return rc;
}

static int take_tag(struct rh_xml *xml, struct rh_text inside, struct rh_json **ret_document,
                    struct rh_error *error)
{
    bool closes = inside.len && inside.data[0] == '/';
    if (closes)
        inside = rh_text_make(inside.data + 1, inside.len - 1);
    struct rh_text name = take_name(&inside);
    if (!name.len)
        return broken(error, "a tag has no name");
    if (!closes) {
        int rc = open_element(xml, name, &inside, error);
        if (rc || inside.len == 0)
            return rc;
        return close_element(xml, name, ret_document, error); /* <name/> */
    }
    skip_space(&inside);
    return inside.len ? broken(error, "a closing tag has more than a name")
                      : close_element(xml, name, ret_document, error);
}

/* ---- Tokens -------------------------------------------------------------------------------- */

/* What a token begins with tells its kind, and what it ends with. */
static const struct kind {
    const char *begin, *end;
} kinds[] = {
    {"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}, {"<!", ">"}, {"<", ">"},
};
enum { COMMENT, CDATA, INSTRUCTION, DECLARATION, TAG, TEXT };

/* False when more has to come to tell. */
static bool kind_of(const struct rh_xml *xml, struct rh_text rest, int *ret_kind)
{
    if (rest.data[0] != '<') {
        *ret_kind = TEXT;
        return true;
    }
    for (int i = COMMENT; i < TEXT; i++) {
        size_t n = strlen(kinds[i].begin);
        if (rest.len >= n && memcmp(rest.data, kinds[i].begin, n) == 0) {
            *ret_kind = i;
            return true;
        }
        if (rest.len < n && memcmp(rest.data, kinds[i].begin, rest.len) == 0 && !xml->closed)
            return false;
    }
    *ret_kind = TAG;
    return true;
}

static bool find_tag_end(struct rh_xml *xml)
{
    for (; xml->at < xml->held.len; xml->at++) {
        char c = xml->held.data[xml->at];
        if (xml->quote)
            xml->quote = c == xml->quote ? 0 : xml->quote;
        else if (c == '"' || c == '\'')
            xml->quote = c;
        else if (c == '>')
            break;
    }
    return xml->at < xml->held.len;
}

/* Whether the token is here to its end; then `at` is behind it, else where to look on. */
static bool find_end(struct rh_xml *xml, int kind)
{
    const char *data = xml->held.data;
    if (kind == TEXT) {
        const char *next = memchr(data + xml->at, '<', xml->held.len - xml->at);
        xml->at = next ? (size_t)(next - data) : xml->held.len;
        return next || xml->closed;
    }
    if (kind == TAG) {
        bool found = find_tag_end(xml);
        xml->at += found;
        return found;
    }
    size_t n = strlen(kinds[kind].end), begin = xml->start + strlen(kinds[kind].begin);
    size_t from = xml->at < begin ? begin : xml->at;
    const char *end = from <= xml->held.len
                          ? memmem(data + from, xml->held.len - from, kinds[kind].end, n)
                          : NULL;
    if (end)
        xml->at = (size_t)(end - data) + n;
    else if (xml->held.len >= begin + n)
        xml->at = xml->held.len - n + 1;
    return end != NULL;
}

static int take_instruction(struct rh_xml *xml, struct rh_text inside, struct rh_error *error)
{
    struct rh_text name = take_name(&inside);
    const char *encoding;
    if (!rh_text_is(name, "xml"))
        return name.len ? RH_OK : broken(error, "a processing instruction has no name");
    if (xml->rooted)
        return broken(error, "its declaration is not at the front");
    encoding = memmem(inside.data, inside.len, "encoding", 8);
    if (!encoding)
        return RH_OK;
    inside = rh_text_make(encoding + 8, inside.len - (size_t)(encoding + 8 - inside.data));
    while (inside.len && (is_space(inside.data[0]) || strchr("='\"", inside.data[0])))
        inside = rh_text_make(inside.data + 1, inside.len - 1);
    if (inside.len >= 5 && (strncasecmp(inside.data, "utf-8", 5) == 0 ||
                            (inside.len >= 8 && strncasecmp(inside.data, "us-ascii", 8) == 0)))
        return RH_OK;
    return rh_fail(error, RH_PROTOCOL, "the answer is XML in another encoding than UTF-8");
}

static int take_text(struct rh_xml *xml, struct rh_text text, bool is_cdata, struct rh_error *error)
{
    if (in_row(xml)) {
        int rc = add_text(&xml->text, text, false, is_cdata, error);
        return rc == RH_OK && xml->text.failed ? too_large(xml, error) : rc;
    }
    if (xml->depth == 0 && (is_cdata || rh_text_trim(text).len))
        return broken(error, "there is text outside of its root");
    return RH_OK;
}

static int take_token(struct rh_xml *xml, int kind, struct rh_text token,
                      struct rh_json **ret_document, struct rh_error *error)
{
    if (!rh_text_is_utf8(token))
        return broken(error, "it is not UTF-8");
    if (kind != TEXT) {
        size_t begin = strlen(kinds[kind].begin), n = begin + strlen(kinds[kind].end);
        token = rh_text_make(token.data + begin, token.len - n);
    }
    switch (kind) {
    case COMMENT:
        return RH_OK;
    case INSTRUCTION:
        return take_instruction(xml, token, error);
    case DECLARATION:
        return rh_fail(error, RH_PROTOCOL, "the XML has a document type, which is not read");
    case TAG:
        return take_tag(xml, token, ret_document, error);
    default:
        return take_text(xml, token, kind == CDATA, error);
    }
}

/* False while the first three bytes have not come. */
static bool skip_mark(struct rh_xml *xml)
{
    if (xml->held.len < 3 && !xml->closed)
        return false;
    if (xml->held.len >= 3 && memcmp(xml->held.data, "\xEF\xBB\xBF", 3) == 0)
        xml->start = xml->at = 3;
    xml->begun = true;
    return true;
}

static int end_of_text(const struct rh_xml *xml, struct rh_error *error)
{
    return xml->depth || !xml->rooted || xml->start < xml->held.len
               ? broken(error, "it ends in the middle")
               : RH_END;
}

int rh_xml_next(struct rh_xml *xml, struct rh_json **ret_document, struct rh_error *error)
{
    struct rh_json *document = NULL;
    if (!xml->arena || xml->held.failed)
        return rh_fail_nomem(error);
    if (!xml->begun && !skip_mark(xml))
        return RH_XML_MORE;
    while (xml->start < xml->held.len) {
        struct rh_text rest = rh_text_make(xml->held.data + xml->start, xml->held.len - xml->start);
        int kind;
        bool complete = kind_of(xml, rest, &kind) && find_end(xml, kind);
        if (xml->at - xml->start + xml->row_bytes > xml->max_bytes)
            return too_large(xml, error);
        if (!complete)
            break;
        struct rh_text token = rh_text_make(rest.data, xml->at - xml->start);
        xml->row_bytes = in_row(xml) ? xml->row_bytes + token.len : 0;
        xml->start = xml->at;
        xml->quote = 0;
        int rc = take_token(xml, kind, token, &document, error);
        if (rc)
            return rc;
        if (document) {
            *ret_document = document;
            return RH_OK;
        }
    }
    return xml->closed ? end_of_text(xml, error) : RH_XML_MORE;
}
