/*
 * The start of a process: what it may do goes there, what its connector is comes back.
 *
 * The description is as hostile as all that comes from there. Here it is only made safe to read;
 * rh_library_adopt judges it like the table of any connector.
 */
#include "host/isolation/codec.h"

#include <string.h>

/* ---- Boot ----------------------------------------------------------------------------------- */

struct boot {
    uint32_t version;
    uint32_t parent;
    uint64_t n_bytes;
    uint64_t memory_bytes;
    uint32_t max_files, max_threads;
    uint32_t network;
    uint32_t n_ports, n_hosts, n_read_paths, n_write_paths;
    uint32_t reserved;
    struct rh_text build, path, sha256;
};

static void put_strings(struct rh_wire_out *out, const char *const *strings, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct rh_text text = rh_wire_string(out, strings[i]);

        rh_wire_put(out, &text, sizeof(text));
    }
}

static const char *const *take_strings(struct rh_wire_in *in, struct rh_arena *arena, uint32_t n)
{
    const struct rh_text *texts = rh_wire_take(in, n, sizeof(*texts));
    const char **strings = texts ? rh_arena_array(arena, n, sizeof(*strings)) : NULL;

    for (uint32_t i = 0; strings && i < n; i++) {
        if (!(strings[i] = rh_wire_fix_string(in, texts[i])))
            return NULL;
    }
    return strings;
}

void rh_wire_put_boot(struct rh_wire_out *out, const struct rh_wire_boot *boot)
{
    const struct rh_sandbox *sandbox = &boot->sandbox;
    struct boot wire = {
        .version = boot->version,
        .parent = boot->parent,
        .n_bytes = boot->n_bytes,
        .memory_bytes = sandbox->memory_bytes,
        .max_files = sandbox->max_files,
        .max_threads = sandbox->max_threads,
        .network = sandbox->network,
        .n_ports = sandbox->n_ports,
        .n_hosts = sandbox->n_hosts,
        .n_read_paths = sandbox->n_read_paths,
        .n_write_paths = sandbox->n_write_paths,
        .build = rh_wire_string(out, boot->build),
        .path = rh_wire_string(out, boot->path),
        .sha256 = rh_wire_string(out, boot->sha256),
    };

    rh_wire_put(out, &wire, sizeof(wire));
    rh_wire_put(out, sandbox->ports, sandbox->n_ports * sizeof(*sandbox->ports));
    put_strings(out, sandbox->hosts, sandbox->n_hosts);
    put_strings(out, sandbox->read_paths, sandbox->n_read_paths);
    put_strings(out, sandbox->write_paths, sandbox->n_write_paths);
}

bool rh_wire_take_boot(struct rh_wire_in *in, struct rh_arena *arena, struct rh_wire_boot *ret_boot)
{
    const struct boot *boot = rh_wire_take(in, 1, sizeof(*boot));
    struct rh_sandbox sandbox;

    if (!boot || boot->version != RH_WIRE_VERSION)
        return false;
    sandbox = (struct rh_sandbox){
        .network = boot->network != 0,
        .n_ports = boot->n_ports,
        .n_hosts = boot->n_hosts,
        .n_read_paths = boot->n_read_paths,
        .n_write_paths = boot->n_write_paths,
        .memory_bytes = boot->memory_bytes,
        .max_files = boot->max_files,
        .max_threads = boot->max_threads,
    };
    *ret_boot = (struct rh_wire_boot){
        .version = boot->version, .parent = boot->parent, .n_bytes = boot->n_bytes};
    if (!(ret_boot->build = rh_wire_fix_string(in, boot->build)) ||
        !(ret_boot->path = rh_wire_fix_string(in, boot->path)) ||
        !(ret_boot->sha256 = rh_wire_fix_string(in, boot->sha256)) ||
        !(sandbox.ports = rh_wire_take(in, sandbox.n_ports, sizeof(*sandbox.ports))) ||
        !(sandbox.hosts = take_strings(in, arena, sandbox.n_hosts)) ||
        !(sandbox.read_paths = take_strings(in, arena, sandbox.n_read_paths)) ||
        !(sandbox.write_paths = take_strings(in, arena, sandbox.n_write_paths)))
        return false;
    ret_boot->sandbox = sandbox;
    return true;
}

/* ---- Description ----------------------------------------------------------------------------- */

#define HAS_PLAN 0x01u
#define HAS_RESET 0x02u
#define HAS_WRITE 0x04u
#define HAS_TX 0x08u
#define HAS_NATIVE 0x10u
#define HAS_DDL 0x20u
#define HAS_FEED 0x40u

struct description {
    uint32_t abi_minor, min_host_minor, kind, flags;
    uint32_t n_operators, has, atomicity, reserved;
    struct rh_limits limits;
    struct rh_text id, title, version, vendor, license, config_schema, url_schemes, language;
};

static uint32_t parts_of(const struct rh_connector *connector)
{
    return (connector->plan ? HAS_PLAN : 0) | (connector->reset ? HAS_RESET : 0) |
           (connector->write ? HAS_WRITE : 0) | (connector->tx ? HAS_TX : 0) |
           (connector->native ? HAS_NATIVE : 0) | (connector->ddl ? HAS_DDL : 0) |
           (connector->feed ? HAS_FEED : 0);
}

void rh_wire_put_connector(struct rh_wire_out *out, const struct rh_connector *connector)
{
    struct description wire = {
        .abi_minor = connector->abi_minor,
        .min_host_minor = connector->min_host_minor,
        .kind = connector->kind,
        .flags = connector->flags,
        .n_operators = connector->n_operators,
        .has = parts_of(connector),
        .atomicity = connector->write ? connector->write->atomicity : 0,
        .limits = *connector->limits,
        .id = rh_wire_text(out, connector->id),
        .title = rh_wire_text(out, connector->title),
        .version = rh_wire_text(out, connector->version),
        .vendor = rh_wire_text(out, connector->vendor),
        .license = rh_wire_text(out, connector->license),
        .config_schema = rh_wire_text(out, connector->config_schema),
        .url_schemes = rh_wire_text(out, connector->url_schemes),
    };

    if (connector->native)
        wire.language = rh_wire_text(out, connector->native->language);
    rh_wire_put(out, &wire, sizeof(wire));
    for (uint32_t i = 0; i < connector->n_operators; i++)
        rh_wire_put(out,
                    (const char *)connector->operators + (size_t)i * connector->operator_stride,
                    sizeof(struct rh_operator));
}

static bool fix_texts(struct rh_wire_in *in, struct description *sent)
{
    return rh_wire_fix_text(in, &sent->id) && rh_wire_fix_text(in, &sent->title) &&
           rh_wire_fix_text(in, &sent->version) && rh_wire_fix_text(in, &sent->vendor) &&
           rh_wire_fix_text(in, &sent->license) && rh_wire_fix_text(in, &sent->config_schema) &&
           rh_wire_fix_text(in, &sent->url_schemes) && rh_wire_fix_text(in, &sent->language);
}

bool rh_wire_take_connector(struct rh_wire_in *in, const struct rh_connector *proxy,
                            struct rh_wire_connector *ret)
{
    struct description *sent = rh_wire_take(in, 1, sizeof(*sent));
    struct rh_connector *connector = &ret->connector;

    if (!sent || !fix_texts(in, sent))
        return false;
    *connector = *proxy;
    connector->operators = rh_wire_take(in, sent->n_operators, sizeof(struct rh_operator));
    connector->n_operators = sent->n_operators;
    connector->operator_stride = sizeof(struct rh_operator);
    connector->abi_minor = sent->abi_minor;
    connector->min_host_minor = sent->min_host_minor;
    connector->kind = sent->kind;
    connector->flags = sent->flags;
    connector->id = sent->id;
    connector->title = sent->title;
    connector->version = sent->version;
    connector->vendor = sent->vendor;
    connector->license = sent->license;
    connector->config_schema = sent->config_schema;
    connector->url_schemes = sent->url_schemes;
    ret->limits = sent->limits;
    ret->limits.struct_size = sizeof(ret->limits);
    connector->limits = &ret->limits;
    ret->write = *proxy->write;
    ret->write.atomicity = sent->atomicity;
    connector->write = sent->has & HAS_WRITE ? &ret->write : NULL;
    ret->native = *proxy->native;
    ret->native.language = sent->language;
    connector->native = sent->has & HAS_NATIVE ? &ret->native : NULL;
    connector->plan = sent->has & HAS_PLAN ? proxy->plan : NULL;
    connector->reset = sent->has & HAS_RESET ? proxy->reset : NULL;
    connector->tx = sent->has & HAS_TX ? proxy->tx : NULL;
    connector->ddl = sent->has & HAS_DDL ? proxy->ddl : NULL;
    connector->feed = sent->has & HAS_FEED ? proxy->feed : NULL;
    return connector->operators && rh_wire_is_done(in);
}
