/*
 * A curl line as a description: its words as a shell takes them (quotes, backslashes, nothing
 * else), its URL as a resource without columns, what authenticates as `auth`.
 */
#include "cli/describe.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_LINE ((size_t)1 << 20)
#define MAX_WORDS 256

/* What the line says. */
struct line {
    char *words[MAX_WORDS];
    uint32_t n_words;
    const char *url, *method;
    json_t *headers, *auth;
    bool has_secret;
};

/* ---- Words --------------------------------------------------------------------------------- */

/* One word at *at; false when a quote is not closed. */
static bool take_word(const char **at, struct rh_buf *word)
{
    const char *c = *at;
    char quote = 0;

    for (; *c && (quote || !strchr(" \t\r\n", *c)); c++) {
        if (quote ? *c == quote : *c == '\'' || *c == '"') {
            quote = quote ? 0 : *c;
        } else if (*c == '\\' && quote != '\'' && c[1]) {
            c++;
            if (*c != '\n')
                rh_buf_add_char(word, *c);
        } else {
            rh_buf_add_char(word, *c);
        }
    }
    *at = c;
    return !quote;
}

static int split(const char *text, struct line *line, struct rh_error *error)
{
    struct rh_buf word;

    while (true) {
        while (*text && strchr(" \t\r\n", *text))
            text++;
        if (text[0] == '\\' && text[1] == '\n') {
            text += 2;
            continue;
        }
        if (!*text)
            return RH_OK;
        if (line->n_words == MAX_WORDS)
            return rh_fail(error, RH_CONFIG, "the curl line has too many words");
        rh_buf_init(&word, MAX_LINE);
        if (!take_word(&text, &word)) {
            rh_buf_free(&word);
            return rh_fail(error, RH_CONFIG, "the curl line has a quote that is not closed");
        }
        line->words[line->n_words] = rh_buf_take(&word);
        if (!line->words[line->n_words])
            return rh_fail_nomem(error);
        line->n_words++;
    }
}

/* ---- Options ------------------------------------------------------------------------------- */

static void take_header(struct line *line, const char *header)
{
    struct rh_text value = rh_text_of(header), name = rh_text_trim(rh_text_cut(&value, ':'));
    bool is_authorization = name.len == 13 && strncasecmp(name.data, "Authorization", 13) == 0;
    bool is_key = name.len >= 3 && strncasecmp(name.data + name.len - 3, "key", 3) == 0;
    const char *type = "header";

    value = rh_text_trim(value);
    if (is_authorization && value.len > 7 && strncasecmp(value.data, "Bearer ", 7) == 0)
        type = "bearer";
    else if (is_authorization && value.len > 6 && strncasecmp(value.data, "Basic ", 6) == 0)
        type = "basic";
    else if (!is_authorization && !is_key) {
        json_object_setn_new(line->headers, name.data, name.len,
                             json_stringn(value.data ? value.data : "", value.len));
        return;
    }
    line->has_secret = true;
    json_object_set_new(line->auth, "type", json_string(type));
    if (strcmp(type, "header") == 0)
        json_object_set_new(line->auth, "name", json_stringn(name.data, name.len));
}

static void take_user(struct line *line, const char *user)
{
    struct rh_text password = rh_text_of(user), name = rh_text_cut(&password, ':');

    line->has_secret = true;
    json_object_set_new(line->auth, "type", json_string("basic"));
    if (password.len) /* a key alone is the user of Basic: it is the secret */
        json_object_set_new(line->auth, "user", json_stringn(name.data, name.len));
}

static int take_option(struct line *line, const char *option, const char *value,
                       bool *ret_takes_value, struct rh_error *error)
{
    static const char *const plain[] = {
        "-s",           "--silent", "-S", "--show-error", "-i", "--include",  "-L", "--location",
        "-f",           "--fail",   "-v", "--verbose",    "-k", "--insecure", "-G", "--get",
        "--compressed", "-sS",      NULL};

    *ret_takes_value = false;
    for (size_t i = 0; plain[i]; i++)
        if (strcmp(option, plain[i]) == 0)
            return RH_OK;
    *ret_takes_value = true;
    if (!value)
        return rh_fail(error, RH_CONFIG, "curl's %s has no value", option);
    if (strcmp(option, "-H") == 0 || strcmp(option, "--header") == 0)
        take_header(line, value);
    else if (strcmp(option, "-u") == 0 || strcmp(option, "--user") == 0)
        take_user(line, value);
    else if (strcmp(option, "-X") == 0 || strcmp(option, "--request") == 0)
        line->method = value;
    else if (strcmp(option, "--url") == 0)
        line->url = value;
    else
        return rh_fail(error, RH_UNSUPPORTED, "curl's %s is not understood here", option);
    return RH_OK;
}

static int look(struct line *line, struct rh_error *error)
{
    uint32_t first = line->n_words && strcmp(line->words[0], "curl") == 0 ? 1 : 0;
    int rc = RH_OK;

    for (uint32_t i = first; i < line->n_words && rc == RH_OK; i++) {
        const char *word = line->words[i];
        bool takes_value = false;

        if (word[0] == '-' && word[1])
            rc = take_option(line, word, i + 1 < line->n_words ? line->words[i + 1] : NULL,
                             &takes_value, error);
        else
            line->url = word;
        i += takes_value;
    }
    if (rc == RH_OK && (!line->url || (!rh_text_starts(rh_text_of(line->url), "http://") &&
                                       !rh_text_starts(rh_text_of(line->url), "https://"))))
        rc = rh_fail(error, RH_CONFIG, "the curl line has no http or https URL");
    if (rc == RH_OK && line->method && strcmp(line->method, "GET") != 0)
        rc = rh_fail(error, RH_UNSUPPORTED, "a line that reads is needed: GET");
    return rc;
}

/* ---- The description ----------------------------------------------------------------------- */

/* The last step of the path that can be a name. */
static json_t *name_of(struct rh_text path)
{
    struct rh_text rest = path, name = RH_TEXT("rows");

    rest = rh_text_cut(&rest, '?');
    while (rest.len) {
        struct rh_text part = rh_text_cut(&rest, '/');
        if (part.len && !(part.data[0] >= '0' && part.data[0] <= '9'))
            name = part;
    }
    return json_stringn(name.data, name.len);
}

/* Parameters of the URL go with every request. */
static json_t *resource_of(struct rh_text path)
{
    json_t *resource = json_object();

    json_object_set_new(resource, "path", json_stringn(path.data, path.len));
    json_object_set_new(resource, "rows", json_string(""));
    return resource;
}

static json_t *description_of(struct line *line)
{
    struct rh_text url = rh_text_of(line->url), base = url, path = RH_TEXT("/");
    const char *slash = strchr(strstr(line->url, "://") + 3, '/');
    json_t *description = json_object(), *resources = json_object();
    json_t *name;

    if (slash) {
        base.len = (uint64_t)(slash - line->url);
        path = rh_text_of(slash);
    }
    json_object_set_new(description, "base", json_stringn(base.data, base.len));
    if (json_object_size(line->auth))
        json_object_set(description, "auth", line->auth);
    if (json_object_size(line->headers))
        json_object_set(description, "headers", line->headers);
    name = name_of(path);
    json_object_set_new(resources, json_string_value(name), resource_of(path));
    json_decref(name);
    json_object_set_new(description, "resources", resources);
    return description;
}

json_t *rh_cli_describe_curl(const char *text, bool *ret_secret, struct rh_error *error)
{
    struct line line = {.headers = json_object(), .auth = json_object()};
    json_t *description = NULL;

    if (split(text, &line, error) == RH_OK && look(&line, error) == RH_OK)
        description = description_of(&line);
    *ret_secret = line.has_secret;
    for (uint32_t i = 0; i < line.n_words; i++)
        free(line.words[i]);
    json_decref(line.headers);
    json_decref(line.auth);
    return description;
}
