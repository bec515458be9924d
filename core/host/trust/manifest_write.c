/* Writing manifests: in one fixed order and layout, so that equal manifests are equal files. */
#include "base/json.h"
#include "base/text.h"
#include "host/trust/manifest.h"

static void add_text(struct rh_buf *buf, const char *name, const char *value)
{
    rh_buf_add_str(buf, "  ");
    rh_json_add_key(buf, name);
    rh_buf_add_char(buf, ' ');
    rh_json_add_string(buf, rh_text_of(value));
    rh_buf_add_str(buf, ",\n");
}

static void add_texts(struct rh_buf *buf, const char *name, const char *const *texts, uint32_t n)
{
    rh_buf_addf(buf, "    \"%s\": [", name);
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            rh_buf_add_str(buf, ", ");
        rh_json_add_string(buf, rh_text_of(texts[i]));
    }
    rh_buf_add_str(buf, "],\n");
}

static void add_files(struct rh_buf *buf, const struct rh_manifest *manifest)
{
    rh_buf_add_str(buf, "  \"files\": {\n");
    for (uint32_t i = 0; i < manifest->n_files; i++) {
        const struct rh_manifest_file *file = &manifest->files[i];

        rh_buf_add_str(buf, "    ");
        rh_json_add_string(buf, rh_text_of(file->name));
        rh_buf_add_str(buf, ": {\"bytes\": ");
        rh_buf_add_u64(buf, file->n_bytes);
        rh_buf_addf(buf, ", \"sha256\": \"%s\"}%s\n", file->sha256,
                    i + 1 < manifest->n_files ? "," : "");
    }
    rh_buf_add_str(buf, "  },\n");
}

static void add_permissions(struct rh_buf *buf, const struct rh_sandbox *permissions)
{
    rh_buf_addf(buf, "  \"permissions\": {\n    \"network\": %s,\n    \"ports\": [",
                permissions->network ? "true" : "false");
    for (uint32_t i = 0; i < permissions->n_ports; i++)
        rh_buf_addf(buf, "%s%u", i ? ", " : "", permissions->ports[i]);
    rh_buf_add_str(buf, "],\n");
    add_texts(buf, "hosts", permissions->hosts, permissions->n_hosts);
    add_texts(buf, "read", permissions->read_paths, permissions->n_read_paths);
    add_texts(buf, "write", permissions->write_paths, permissions->n_write_paths);
    rh_buf_add_str(buf, "    \"memory_mib\": ");
    rh_buf_add_u64(buf, permissions->memory_bytes >> 20);
    rh_buf_add_str(buf, "\n  },\n");
}

void rh_manifest_write(const struct rh_manifest *manifest, struct rh_buf *buf)
{
    rh_buf_add_str(buf, "{\n  \"manifest\": 1,\n");
    add_text(buf, "id", manifest->id);
    add_text(buf, "version", manifest->version);
    add_text(buf, "title", manifest->title);
    add_text(buf, "vendor", manifest->vendor);
    add_text(buf, "license", manifest->license);
    rh_buf_addf(buf, "  \"abi\": {\"major\": %u, \"min_minor\": %u, \"max_minor\": ",
                manifest->abi_major, manifest->abi_min_minor);
    if (manifest->abi_max_minor == UINT32_MAX)
        rh_buf_add_str(buf, "null},\n");
    else
        rh_buf_addf(buf, "%u},\n", manifest->abi_max_minor);
    add_text(buf, "library", manifest->library);
    add_files(buf, manifest);
    add_permissions(buf, &manifest->permissions);
    rh_buf_addf(buf, "  \"run\": \"%s\"\n}\n", manifest->in_process ? "in-process" : "isolated");
}
