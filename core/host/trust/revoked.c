/* The list is short and read rarely, so it is searched line by line. */
#include "host/trust/revoked.h"

#include "base/err.h"
#include "base/text.h"
#include "host/trust/manifest.h"

#include <strings.h>

#define KEY_DIGITS 16
#define SHA256_DIGITS 64

enum kind { SHA256, KEY, VERSION };

struct entry {
    enum kind kind;
    const char *what;    /* hex digits; the connector's id */
    const char *version; /* of a connector */
    const char *reason;
};

static bool is_hex(struct rh_text text, size_t n)
{
    for (uint64_t i = 0; i < text.len; i++)
        if (!text.data[i] || !strchr("0123456789abcdefABCDEF", text.data[i]))
            return false;
    return text.len == n;
}

/* Cuts the first word; what is left begins with no blank. */
static struct rh_text cut_word(struct rh_text *rest)
{
    struct rh_text word = rh_text_trim(*rest);

    *rest = word;
    for (uint64_t i = 0; i < rest->len; i++) {
        if (rest->data[i] == ' ' || rest->data[i] == '\t') {
            word.len = i;
            break;
        }
    }
    *rest = rh_text_trim(rh_text_make(rest->data + word.len, rest->len - word.len));
    return word;
}

static bool read_line(struct rh_arena *arena, struct rh_text line, struct entry *entry, bool *ok)
{
    struct rh_text kind = cut_word(&line), what = cut_word(&line), version = {0};

    if (rh_text_is(kind, "version")) {
        version = what;
        what = rh_text_cut(&version, '@');
        entry->kind = VERSION;
        if (!rh_manifest_is_id(what) || !version.data || !rh_manifest_is_version(version))
            return false;
    } else {
        entry->kind = rh_text_is(kind, "key") ? KEY : SHA256;
        if (!rh_text_is(kind, "key") && !rh_text_is(kind, "sha256"))
            return false;
        if (!is_hex(what, entry->kind == KEY ? KEY_DIGITS : SHA256_DIGITS))
            return false;
    }
    entry->what = rh_arena_dup(arena, what.data, what.len);
    entry->version = rh_arena_dup(arena, version.data, version.len);
    entry->reason = rh_arena_dup(arena, line.data, line.len);
    *ok = entry->what && entry->version && entry->reason;
    return true;
}

int rh_revoked_read(struct rh_arena *arena, struct rh_text text, struct rh_revoked *ret_revoked,
                    struct rh_error *error)
{
    struct rh_revoked revoked = {RH_VEC_INIT(struct entry)};
    unsigned number = 0;

    while (text.data) {
        struct rh_text line = rh_text_trim(rh_text_cut(&text, '\n'));
        struct entry *entry;
        bool ok = true;

        number++;
        if (line.len == 0 || line.data[0] == '#')
            continue;
        entry = rh_vec_push(&revoked.entries, arena);
        if (entry && !read_line(arena, line, entry, &ok)) {
            rh_fail(error, RH_CONFIG, "line %u cannot be understood", number);
            return rh_error_hint(error, "write \"sha256 HEX reason\", \"key ID reason\" or "
                                        "\"version ID@VERSION reason\"");
        }
        if (!entry || !ok)
            return rh_fail_nomem(error);
    }
    *ret_revoked = revoked;
    return RH_OK;
}

static const char *find(const struct rh_revoked *revoked, enum kind kind, const char *what,
                        const char *version)
{
    const struct entry *entries = revoked->entries.items;

    for (uint32_t i = 0; i < revoked->entries.n; i++)
        if (entries[i].kind == kind && strcasecmp(entries[i].what, what) == 0 &&
            (kind != VERSION || rh_manifest_compare_versions(entries[i].version, version) == 0))
            return entries[i].reason;
    return NULL;
}

const char *rh_revoked_sha256(const struct rh_revoked *revoked, const char *sha256)
{
    return find(revoked, SHA256, sha256, "");
}

const char *rh_revoked_key(const struct rh_revoked *revoked, const char *key_name)
{
    return find(revoked, KEY, key_name, "");
}

const char *rh_revoked_version(const struct rh_revoked *revoked, const char *id,
                               const char *version)
{
    return find(revoked, VERSION, id, version);
}
