/*
 * The registry: asking it. Looking at the folders is in registry_look.c, loading in
 * registry_load.c.
 */
#include "host/registry_parts.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_SCHEME 64
#define NEAR_DISTANCE 3

/* ---- Asking ------------------------------------------------------------------------------- */

/* "acme@1.3.0" → "acme", and "1.3.0" into *ret_version ({NULL, 0}: none). */
static struct rh_text cut_version(struct rh_text id, struct rh_text *ret_version)
{
    struct rh_text rest = id, name = rh_text_cut(&rest, '@');

    *ret_version = rest;
    return name;
}

static bool is_asked_for(const struct rh_known *known, struct rh_text id, struct rh_text version)
{
    return rh_text_is(id, known->id) && (!version.data || rh_text_is(version, known->version));
}

/* Whether a is taken rather than b. Of equal versions the one that needs no trust. */
static bool is_before(const struct rh_known *a, const struct rh_known *b)
{
    int order = rh_manifest_compare_versions(a->version, b->version);

    return order > 0 || (order == 0 && a->kind < b->kind);
}

/* The best of those in one of the states (a set of bits); NULL: none. */
static struct rh_known *best_locked(const struct rh_registry *registry, struct rh_text id,
                                    struct rh_text version, unsigned states)
{
    struct rh_known *best = NULL;

    for (struct rh_known *known = registry->known; known; known = known->next)
        if ((states & 1u << known->state) && is_asked_for(known, id, version) &&
            (!best || is_before(known, best)))
            best = known;
    return best;
}

/* A file that has not told its version yet. */
static struct rh_known *untold_locked(const struct rh_registry *registry, struct rh_text id)
{
    struct rh_known *known = registry->known;

    while (known &&
           !(rh_text_is(id, known->id) && !known->version[0] && known->state != RH_KNOWN_REFUSED))
        known = known->next;
    return known;
}

#define IN(state) (1u << (state))

/*
 * What there is to be done until the answer is known: RH_OK and a library; RH_OK and none: ask
 * again (something was loaded or waited for, so nothing that was known may be relied on);
 * RH_NOT_FOUND: all that there is, if anything, is refused.
 */
static int step_locked(struct rh_registry *registry, struct rh_text id, struct rh_text version,
                       const struct rh_library **ret_library, struct rh_error *error)
{
    struct rh_known *known = untold_locked(registry, id), *lower;

    if (!known)
        known = best_locked(registry, id, version,
                            IN(RH_KNOWN_NEW) | IN(RH_KNOWN_LOADING) | IN(RH_KNOWN_READY));
    if (!known)
        return RH_NOT_FOUND;
    if (known->state == RH_KNOWN_NEW)
        return rh_registry_load_locked(registry, known, error);
    lower = best_locked(registry, id, version, IN(RH_KNOWN_READY));
    if (known->library)
        *ret_library = known->library;
    else if (lower)
        *ret_library = lower->library;
    else
        pthread_cond_wait(&registry->ended, &registry->lock);
    return RH_OK;
}

static int find_locked(struct rh_registry *registry, struct rh_text id, struct rh_text version,
                       const struct rh_library **ret_library, struct rh_error *error)
{
    int rc = RH_OK;

    while (rc == RH_OK && !*ret_library)
        rc = step_locked(registry, id, version, ret_library, error);
    return rc;
}

static const char *find_near_locked(const struct rh_registry *registry, struct rh_text id)
{
    unsigned best = NEAR_DISTANCE + 1;
    const char *near = NULL;

    for (const struct rh_known *known = registry->known; known; known = known->next) {
        unsigned distance = rh_text_distance(rh_text_of(known->id), id, best);

        if (known->state != RH_KNOWN_REFUSED && distance < best) {
            best = distance;
            near = known->id;
        }
    }
    return near;
}

/* Where was looked, and what is there: what is cut off a long list, a command lists too. */
static void hint_locked(const struct rh_registry *registry, const char *near,
                        struct rh_error *error)
{
    const struct rh_candidate_folders *folders = &registry->folders;
    const char *lead = "; known are: ", *before = "";
    struct rh_buf list;

    if (near) {
        rh_error_hint(error, "did you mean \"%s\"?", near);
        return;
    }
    rh_buf_init(&list, 4096);
    for (uint32_t i = 0; i < folders->n_bundled; i++)
        rh_buf_addf(&list, "%s%s", i ? ", " : "looked in ", folders->bundled[i]);
    if (folders->installed)
        rh_buf_addf(&list, ", %s", folders->installed);
    for (const struct rh_known *known = registry->known; known; known = known->next) {
        if (known->state == RH_KNOWN_REFUSED || strcmp(known->id, before) == 0)
            continue;
        rh_buf_addf(&list, "%s%s", lead, known->id);
        before = known->id;
        lead = ", ";
    }
    rh_error_hint(error, "%.*s", RH_TEXT_ARG(rh_buf_text(&list)));
    rh_buf_free(&list);
}

/* The versions that there are, for who asked for another. */
static void hint_versions_locked(const struct rh_registry *registry, struct rh_text id,
                                 struct rh_error *error)
{
    struct rh_buf list;

    rh_buf_init(&list, 4096);
    for (const struct rh_known *known = registry->known; known; known = known->next)
        if (rh_text_is(id, known->id) && known->version[0] && known->state != RH_KNOWN_REFUSED)
            rh_buf_addf(&list, "%s%s", list.len ? ", " : "there are: ", known->version);
    rh_error_hint(error, "%.*s", RH_TEXT_ARG(rh_buf_text(&list)));
    rh_buf_free(&list);
}

/* All are refused, or there is none. */
static int fail_locked(const struct rh_registry *registry, struct rh_text id,
                       struct rh_text version, struct rh_error *error)
{
    const struct rh_known *refused = best_locked(registry, id, version, IN(RH_KNOWN_REFUSED));
    const struct rh_text any = {NULL, 0};

    if (refused) {
        rh_fail(error, RH_CONTRACT, "%s", refused->refusal.message);
        return refused->refusal.hint[0] ? rh_error_hint(error, "%s", refused->refusal.hint)
                                        : RH_CONTRACT;
    }
    if (version.data && best_locked(registry, id, any,
                                    IN(RH_KNOWN_NEW) | IN(RH_KNOWN_LOADING) | IN(RH_KNOWN_READY))) {
        rh_fail(error, RH_NOT_FOUND, "there is no version %.*s of the connector \"%.*s\"",
                RH_TEXT_ARG(version), RH_TEXT_ARG(id));
        hint_versions_locked(registry, id, error);
        return RH_NOT_FOUND;
    }
    rh_fail(error, RH_NOT_FOUND, "there is no connector \"%.*s\"", RH_TEXT_ARG(id));
    hint_locked(registry, find_near_locked(registry, id), error);
    return RH_NOT_FOUND;
}

int rh_registry_get(struct rh_registry *registry, struct rh_text id,
                    const struct rh_library **ret_library, struct rh_error *error)
{
    const struct rh_library *library = NULL;
    struct rh_text version, name = cut_version(id, &version);
    int rc;

    if (!rh_manifest_is_id(name))
        return rh_fail(error, RH_NOT_FOUND, "\"%.*s\" is not a connector's id", RH_TEXT_ARG(id));
    if (version.data && !rh_manifest_is_version(version))
        return rh_fail(error, RH_NOT_FOUND, "\"%.*s\" is not a version", RH_TEXT_ARG(version));
    pthread_mutex_lock(&registry->lock);
    rc = rh_registry_look_locked(registry, error);
    if (rc == RH_OK)
        rc = find_locked(registry, name, version, &library, error);
    if (rc == RH_NOT_FOUND)
        rc = fail_locked(registry, name, version, error);
    if (rc == RH_OK)
        *ret_library = library;
    pthread_mutex_unlock(&registry->lock);
    return rc;
}

uint64_t rh_registry_generation(struct rh_registry *registry)
{
    if (rh_clock_us() >= atomic_load_explicit(&registry->next_look_us, memory_order_relaxed) &&
        pthread_mutex_trylock(&registry->lock) == 0) {
        rh_registry_look_locked(registry, NULL);
        pthread_mutex_unlock(&registry->lock);
    }
    return atomic_load(&registry->generation);
}

int rh_registry_add(struct rh_registry *registry, struct rh_library *library,
                    struct rh_error *error)
{
    struct rh_text id = library->connector.id, version = library->connector.version;
    const struct rh_text any = {NULL, 0};
    struct rh_candidate_place place = {.kind = RH_CANDIDATE_ADDED, .version = "", .path = ""};
    struct rh_known *known = NULL;
    char *name = strndup(id.data, id.len);
    int rc = name ? RH_OK : rh_fail_nomem(error);

    place.id = name;
    pthread_mutex_lock(&registry->lock);
    if (rc == RH_OK && best_locked(registry, id, any, ~0u))
        rc = rh_fail(error, RH_EXISTS, "there is a connector \"%.*s\" already", RH_TEXT_ARG(id));
    if (rc == RH_OK)
        rc = rh_registry_insert_locked(registry, &place, &known, error);
    if (rc == RH_OK) {
        rc = rh_registry_keep_locked(registry, library, "", error);
        if (rc != RH_OK)
            rh_registry_remove_locked(registry, known);
    }
    if (rc == RH_OK) {
        known->state = RH_KNOWN_READY;
        known->library = library;
        known->level = RH_TRUST_BUNDLED;
        snprintf(known->version, sizeof(known->version), "%.*s", RH_TEXT_ARG(version));
        atomic_fetch_add(&registry->generation, 1);
    }
    pthread_mutex_unlock(&registry->lock);
    free(name);
    return rc;
}

/* ---- All ---------------------------------------------------------------------------------- */

/* Loads what is not known yet, and waits for what others load. */
static int load_all_locked(struct rh_registry *registry, struct rh_error *error)
{
    int rc = rh_registry_look_locked(registry, error);
    struct rh_known *known = registry->known;

    while (rc == RH_OK && known) {
        if (known->state == RH_KNOWN_NEW)
            rc = rh_registry_load_locked(registry, known, error);
        else if (known->state == RH_KNOWN_LOADING)
            pthread_cond_wait(&registry->ended, &registry->lock);
        else {
            known = known->next;
            continue;
        }
        known = registry->known; /* the list may be another one */
    }
    return rc;
}

static size_t text_bytes(const struct rh_known *known)
{
    return strlen(known->id) + strlen(known->version) + strlen(known->refusal.message) +
           strlen(known->refusal.hint) + (known->signer ? strlen(known->signer) : 0) + 5;
}

static const char *put(char **to, const char *text)
{
    size_t n = strlen(text) + 1;
    char *at = *to;

    memcpy(at, text, n);
    *to += n;
    return at;
}

static struct rh_registry_entry describe_locked(const struct rh_registry *registry,
                                                const struct rh_known *known, char **texts)
{
    const struct rh_text any = {NULL, 0};

    return (struct rh_registry_entry){
        .id = put(texts, known->id),
        .version = put(texts, known->version),
        .library = known->library,
        .reason = put(texts, known->refusal.message),
        .hint = put(texts, known->refusal.hint),
        .level = known->level,
        .signer = put(texts, known->signer ? known->signer : ""),
        .isolated = known->isolated,
        .in_use = known == best_locked(registry, rh_text_of(known->id), any, IN(RH_KNOWN_READY)),
    };
}

static int compare_entries(const void *a, const void *b)
{
    const struct rh_registry_entry *left = a, *right = b;
    int order = strcmp(left->id, right->id);

    if (order == 0)
        order = rh_manifest_compare_versions(right->version, left->version);
    return order ? order : (int)right->level - (int)left->level;
}

int rh_registry_list(struct rh_registry *registry, struct rh_registry_entry **ret_entries,
                     uint32_t *ret_n, struct rh_error *error)
{
    struct rh_registry_entry *list = NULL;
    size_t n_bytes = 0;
    uint32_t n = 0;
    char *texts;
    int rc;

    pthread_mutex_lock(&registry->lock);
    rc = load_all_locked(registry, error);
    if (rc)
        goto out;
    for (const struct rh_known *known = registry->known; known; known = known->next)
        n_bytes += sizeof(*list) + text_bytes(known);
    list = malloc(n_bytes + 1);
    if (!list) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    texts = (char *)(list + registry->n_known);
    for (const struct rh_known *known = registry->known; known; known = known->next)
        list[n++] = describe_locked(registry, known, &texts);
    qsort(list, n, sizeof(*list), compare_entries);
    *ret_entries = list;
    *ret_n = n;
out:
    pthread_mutex_unlock(&registry->lock);
    return rc;
}

/* Whether a list of schemes, separated by spaces, has this one; letters in any case. */
static bool has_scheme(struct rh_text schemes, struct rh_text scheme)
{
    while (schemes.data) {
        struct rh_text one = rh_text_cut(&schemes, ' ');

        if (one.len == scheme.len && one.len && strncasecmp(one.data, scheme.data, one.len) == 0)
            return true;
    }
    return false;
}

/* Among those that an id without a version means. */
static const struct rh_library *find_scheme_locked(const struct rh_registry *registry,
                                                   struct rh_text scheme)
{
    const struct rh_text any = {NULL, 0};

    for (const struct rh_known *known = registry->known; known; known = known->next)
        if (known->state == RH_KNOWN_READY &&
            has_scheme(known->library->connector.url_schemes, scheme) &&
            known == best_locked(registry, rh_text_of(known->id), any, IN(RH_KNOWN_READY)))
            return known->library;
    return NULL;
}

int rh_registry_find_scheme(struct rh_registry *registry, struct rh_text url,
                            const struct rh_library **ret_library, struct rh_error *error)
{
    const struct rh_text any = {NULL, 0};
    const struct rh_library *library = NULL;
    struct rh_text rest = url, scheme = rh_text_cut(&rest, ':');
    int rc;

    if (!rest.data || scheme.len == 0 || scheme.len > MAX_SCHEME)
        return rh_fail(error, RH_INVALID, "the URL does not begin with a scheme");
    pthread_mutex_lock(&registry->lock);
    rc = rh_registry_look_locked(registry, error);
    /* Most schemes are the id of their connector: then no other need be loaded. */
    if (rc == RH_OK && rh_manifest_is_id(scheme))
        rc = find_locked(registry, scheme, any, &library, error);
    if (rc == RH_NOT_FOUND)
        rc = RH_OK;
    if (library && !has_scheme(library->connector.url_schemes, scheme))
        library = NULL;
    if (rc == RH_OK && !library) {
        rc = load_all_locked(registry, error);
        if (rc == RH_OK)
            library = find_scheme_locked(registry, scheme);
    }
    if (rc == RH_OK && !library) {
        rc = rh_fail(error, RH_NOT_FOUND, "no connector takes URLs that begin with \"%.*s:\"",
                     RH_TEXT_ARG(scheme));
        hint_locked(registry, NULL, error);
    }
    if (rc == RH_OK)
        *ret_library = library;
    pthread_mutex_unlock(&registry->lock);
    return rc;
}
