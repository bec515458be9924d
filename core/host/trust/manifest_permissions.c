/* What a connector may do when it is isolated. Without the member, next to nothing. */
#include "base/err.h"
#include "base/text.h"
#include "host/trust/manifest_place.h"

#define MAX_MEMORY_MIB (UINT64_C(1) << 20)

/* Absolute, and nothing in it that climbs. */
static bool is_path(struct rh_text path)
{
    struct rh_text rest = path;

    if (path.len == 0 || path.data[0] != '/')
        return false;
    while (rest.data) {
        struct rh_text part = rh_text_cut(&rest, '/');

        if (rh_text_is(part, "..") || rh_text_is(part, "."))
            return false;
    }
    return true;
}

/* A name, *.suffix, an address or a CIDR. */
static bool is_host(struct rh_text host)
{
    for (uint64_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!word && !strchr(i == 0 ? ".:*" : ".:-_/", c))
            return false;
    }
    return host.len > 0 && host.len <= 253;
}

static int read_network(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    if (place->value->kind != RH_JSON_TRUE && place->value->kind != RH_JSON_FALSE)
        return rh_manifest_place_fail(place, "must be true or false");
    manifest->permissions.network = place->value->kind == RH_JSON_TRUE;
    return RH_OK;
}

static int read_ports(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    uint16_t *ports;
    uint32_t n = 0;

    if (place->value->kind != RH_JSON_ARRAY || place->value->n > RH_MANIFEST_MAX_ITEMS)
        return rh_manifest_place_fail(place, "must be an array, and not that long");
    ports = rh_arena_array(place->arena, place->value->n, sizeof(*ports));
    if (!ports)
        return rh_fail_nomem(place->error);
    for (const struct rh_json *child = place->value->child; child; child = child->next, n++) {
        struct rh_manifest_place inner = rh_manifest_place_element(place, n, child);
        uint64_t port = 0;
        int rc = rh_manifest_place_number(&inner, UINT16_MAX, &port);

        if (rc != RH_OK)
            return rc;
        if (port == 0)
            return rh_manifest_place_fail(&inner, "must be a TCP port");
        ports[n] = (uint16_t)port;
    }
    manifest->permissions.ports = ports;
    manifest->permissions.n_ports = n;
    return RH_OK;
}

static int read_hosts(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    return rh_manifest_place_texts(place, is_host,
                                   "must be a host name, *.suffix or an address range",
                                   &manifest->permissions.hosts, &manifest->permissions.n_hosts);
}

static int read_read_paths(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    return rh_manifest_place_texts(place, is_path, "must be an absolute path without \"..\"",
                                   &manifest->permissions.read_paths,
                                   &manifest->permissions.n_read_paths);
}

static int read_write_paths(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    return rh_manifest_place_texts(place, is_path, "must be an absolute path without \"..\"",
                                   &manifest->permissions.write_paths,
                                   &manifest->permissions.n_write_paths);
}

static int read_memory(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    uint64_t mib = 0;
    int rc = rh_manifest_place_number(place, MAX_MEMORY_MIB, &mib);

    manifest->permissions.memory_bytes = mib << 20;
    return rc;
}

static const struct rh_manifest_member PERMISSIONS[] = {
    {"network", false, read_network},   {"ports", false, read_ports},
    {"hosts", false, read_hosts},       {"read", false, read_read_paths},
    {"write", false, read_write_paths}, {"memory_mib", false, read_memory},
};

int rh_manifest_read_permissions(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    return rh_manifest_place_read(place, PERMISSIONS, sizeof(PERMISSIONS) / sizeof(PERMISSIONS[0]),
                                  manifest);
}
