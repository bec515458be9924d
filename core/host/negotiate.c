/*
 * Negotiation: a connector's table becomes the host's copy of it.
 *
 * Of the connector's table nothing is read but struct_size before struct_size is known to be
 * plausible, and nothing at or behind it ever. Fields that only the connector knows are ignored
 * (a connector that cannot do without them says so in min_host_minor); fields that only the host
 * knows are zero, which always means "has none".
 */
#include "host/library.h"

#include "base/err.h"
#include "base/text.h"
#include "host/stubs.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TABLE_BYTES 65536u
#define MAX_OPERATORS 4096u
#define MAX_STRIDE 4096u
#define MUST_UNDERSTAND 0xffffu

static const uint32_t FOLDABLE =
    1u << RH_OP_LIKE | 1u << RH_OP_STARTS | 1u << RH_OP_ENDS | 1u << RH_OP_CONTAINS;

/* Copies min(theirs, ours) of a struct that begins with its size into zeroed room, and sets the
 * copy's size to ours. `unit`: the size of its members; a size that is no multiple would cut one.
 */
static int copy_struct(void *to, size_t ours, const void *from, size_t least, size_t unit,
                       const char *name, const char *what, struct rh_error *error)
{
    uint32_t theirs;

    memset(to, 0, ours);
    if ((uintptr_t)from % unit != 0)
        return rh_fail(error, RH_CONTRACT, "%s: its %s is not aligned", name, what);
    memcpy(&theirs, from, sizeof(theirs));
    if (theirs < least || theirs > MAX_TABLE_BYTES || theirs % unit != 0)
        return rh_fail(error, RH_CONTRACT, "%s: its %s has the impossible size %u", name, what,
                       theirs);
    memcpy(to, from, theirs < ours ? theirs : ours);
    theirs = (uint32_t)ours;
    memcpy(to, &theirs, sizeof(theirs));
    return RH_OK;
}

static int check_text(struct rh_text text, uint64_t least, uint64_t most, const char *name,
                      const char *what, struct rh_error *error)
{
    if (text.len > most || (!text.data && text.len) || text.len < least)
        return rh_fail(error, RH_CONTRACT, "%s: its %s has an impossible length", name, what);
    if (!rh_text_is_utf8(text) || (text.len && memchr(text.data, 0, text.len)))
        return rh_fail(error, RH_CONTRACT, "%s: its %s is not UTF-8 text", name, what);
    return RH_OK;
}

static int check_id(struct rh_text id, const char *name, struct rh_error *error)
{
    int rc = check_text(id, 1, 64, name, "id", error);

    if (rc)
        return rc;
    for (uint64_t i = 0; i < id.len; i++) {
        char c = id.data[i];
        bool later = (c >= '0' && c <= '9') || c == '_';

        if (!(c >= 'a' && c <= 'z') && !(later && i > 0))
            return rh_fail(error, RH_CONTRACT,
                           "%s: its id \"%.*s\" is not of the form [a-z][a-z0-9_]*", name,
                           RH_TEXT_ARG(id));
    }
    return RH_OK;
}

static int check_schema(struct rh_text schema, const char *name, struct rh_error *error)
{
    json_t *json;
    bool is_object;
    int rc = check_text(schema, 2, 1u << 20, name, "config_schema", error);

    if (rc)
        return rc;
    json = json_loadb(schema.data, schema.len, JSON_REJECT_DUPLICATES, NULL);
    is_object = json_is_object(json);
    json_decref(json);
    if (!is_object)
        return rh_fail(error, RH_CONTRACT, "%s: its config_schema is not a JSON object", name);
    return RH_OK;
}

static int check_identity(const struct rh_connector *connector, const char *name,
                          struct rh_error *error)
{
    int rc;

    if ((rc = check_id(connector->id, name, error)) != RH_OK ||
        (rc = check_text(connector->title, 1, 128, name, "title", error)) != RH_OK ||
        (rc = check_text(connector->version, 1, 64, name, "version", error)) != RH_OK ||
        (rc = check_text(connector->vendor, 0, 128, name, "vendor", error)) != RH_OK ||
        (rc = check_text(connector->license, 0, 128, name, "license", error)) != RH_OK ||
        (rc = check_text(connector->url_schemes, 0, 256, name, "url_schemes", error)) != RH_OK ||
        (rc = check_schema(connector->config_schema, name, error)) != RH_OK)
        return rc;
    return RH_OK;
}

static int check_numbers(const struct rh_connector *connector, const char *name,
                         struct rh_error *error)
{
    if (connector->min_host_minor > RH_ABI_MINOR) {
        rh_fail(error, RH_CONTRACT, "%s: needs ABI %d.%u, this host speaks %d.%d", name,
                RH_ABI_MAJOR, connector->min_host_minor, RH_ABI_MAJOR, RH_ABI_MINOR);
        rh_error_hint(error, "update Rowhouse, or install an older build of this connector");
        return RH_CONTRACT;
    }
    if (connector->min_host_minor > connector->abi_minor)
        return rh_fail(error, RH_CONTRACT, "%s: needs ABI %d.%u but was built for %d.%u", name,
                       RH_ABI_MAJOR, connector->min_host_minor, RH_ABI_MAJOR, connector->abi_minor);
    if (connector->kind < RH_KIND_SQL || connector->kind > RH_KIND_FILE)
        return rh_fail(error, RH_CONTRACT, "%s: its kind %u is not known", name, connector->kind);
    if (connector->threads > RH_THREADS_CONCURRENT)
        return rh_fail(error, RH_CONTRACT, "%s: its threading model %u is not known", name,
                       connector->threads);
    if (connector->flags & MUST_UNDERSTAND)
        return rh_fail(error, RH_CONTRACT, "%s: its flags 0x%04x are not known", name,
                       connector->flags & MUST_UNDERSTAND);
    return RH_OK;
}

static int check_required(const struct rh_connector *connector, const char *name,
                          struct rh_error *error)
{
    const struct {
        const char *name;
        bool present;
    } required[] = {
        {"connect", connector->connect != NULL}, {"close", connector->close != NULL},
        {"ping", connector->ping != NULL},       {"tables", connector->tables != NULL},
        {"open", connector->open != NULL},       {"next", connector->next != NULL},
        {"finish", connector->finish != NULL},   {"cancel", connector->cancel != NULL},
    };

    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        if (!required[i].present)
            return rh_fail(error, RH_CONTRACT, "%s: lacks the required function \"%s\"", name,
                           required[i].name);
    }
    return RH_OK;
}

/* One row of the operators table into `upper`. What a newer minor may have brought (operators,
 * types, modifiers) is skipped: an upper bound that the host does not use. */
static int add_operator(struct rh_library *library, const struct rh_operator *row, uint32_t index,
                        const char *name, struct rh_error *error)
{
    uint32_t base = RH_OP_BASE(row->op);
    uint32_t modifier = (row->op & RH_OP_NOT ? 1u : 0u) + (row->op & RH_OP_FOLD ? 2u : 0u);
    bool any_type = base == RH_OP_EXISTS || base == RH_OP_SEEK;

    if (base >= RH_N_OPS || (row->op & ~(0xffu | RH_OP_NOT | RH_OP_FOLD)))
        return RH_OK;
    if (base < RH_OP_EQ || (base == RH_OP_SEEK && modifier) ||
        ((row->op & RH_OP_FOLD) && !(FOLDABLE & 1u << base)))
        return rh_fail(error, RH_CONTRACT, "%s: row %u of its operators: 0x%x is no operator", name,
                       index, row->op);
    if (row->verdict > RH_VERDICT_EXACT || row->reserved)
        return rh_fail(error, RH_CONTRACT, "%s: row %u of its operators is malformed", name, index);
    for (uint32_t type = 0; type < RH_N_TYPES; type++) {
        uint8_t *upper = &library->upper[type][base][modifier];

        if ((any_type || (row->types & RH_TYPE_BIT(type))) && row->verdict > *upper)
            *upper = (uint8_t)row->verdict;
    }
    return RH_OK;
}

static int read_operators(struct rh_library *library, const char *name, struct rh_error *error)
{
    const struct rh_connector *connector = &library->connector;
    uint32_t stride = connector->operator_stride;

    if (connector->n_operators == 0)
        return RH_OK;
    if (!connector->operators || (uintptr_t)connector->operators % sizeof(uint32_t) != 0 ||
        connector->n_operators > MAX_OPERATORS || stride < sizeof(struct rh_operator) ||
        stride > MAX_STRIDE || stride % sizeof(uint32_t) != 0)
        return rh_fail(error, RH_CONTRACT, "%s: its operators table is malformed", name);
    for (uint32_t i = 0; i < connector->n_operators; i++) {
        struct rh_operator row;
        int rc;

        memcpy(&row, (const char *)connector->operators + (size_t)i * stride, sizeof(row));
        rc = add_operator(library, &row, i, name, error);
        if (rc)
            return rc;
    }
    return RH_OK;
}

static int copy_write(struct rh_library *library, const char *name, struct rh_error *error)
{
    int rc;

    if (!library->connector.write)
        return RH_OK;
    rc = copy_struct(&library->write, sizeof(library->write), library->connector.write,
                     offsetof(struct rh_write, insert), sizeof(void *), name, "write group", error);
    if (rc)
        return rc;
    if (library->write.atomicity != RH_ATOMIC_ALL && library->write.atomicity != RH_ATOMIC_ROW)
        return rh_fail(error, RH_CONTRACT, "%s: the atomicity %u of its write group is not known",
                       name, library->write.atomicity);
    rh_stubs_fill_write(&library->write);
    library->connector.write = &library->write;
    return RH_OK;
}

static int copy_tx(struct rh_library *library, const char *name, struct rh_error *error)
{
    int rc;

    if (!library->connector.tx)
        return RH_OK;
    rc = copy_struct(&library->tx, sizeof(library->tx), library->connector.tx,
                     offsetof(struct rh_tx, begin), sizeof(void *), name, "tx group", error);
    if (rc)
        return rc;
    rh_stubs_fill_tx(&library->tx);
    library->connector.tx = &library->tx;
    return RH_OK;
}

static int copy_native(struct rh_library *library, const char *name, struct rh_error *error)
{
    int rc;

    if (!library->connector.native)
        return RH_OK;
    rc = copy_struct(&library->native, sizeof(library->native), library->connector.native,
                     offsetof(struct rh_native, run), sizeof(void *), name, "native group", error);
    if (rc)
        return rc;
    rc = check_text(library->native.language, 1, 128, name, "native language", error);
    if (rc)
        return rc;
    rh_stubs_fill_native(&library->native);
    library->connector.native = &library->native;
    return RH_OK;
}

static int copy_ddl(struct rh_library *library, const char *name, struct rh_error *error)
{
    int rc;

    if (!library->connector.ddl)
        return RH_OK;
    rc = copy_struct(&library->ddl, sizeof(library->ddl), library->connector.ddl,
                     offsetof(struct rh_ddl, apply), sizeof(void *), name, "ddl group", error);
    if (rc)
        return rc;
    rh_stubs_fill_ddl(&library->ddl);
    library->connector.ddl = &library->ddl;
    return RH_OK;
}

static int copy_feed(struct rh_library *library, const char *name, struct rh_error *error)
{
    int rc;

    if (!library->connector.feed)
        return RH_OK;
    rc = copy_struct(&library->feed, sizeof(library->feed), library->connector.feed,
                     offsetof(struct rh_feed, open), sizeof(void *), name, "feed group", error);
    if (rc)
        return rc;
    rh_stubs_fill_feed(&library->feed);
    library->connector.feed = &library->feed;
    return RH_OK;
}

static int copy_limits(struct rh_library *library, const char *name, struct rh_error *error)
{
    int rc = RH_OK;

    library->limits.struct_size = sizeof(library->limits);
    if (library->connector.limits)
        rc = copy_struct(&library->limits, sizeof(library->limits), library->connector.limits,
                         sizeof(uint32_t), sizeof(uint32_t), name, "limits", error);
    library->connector.limits = &library->limits;
    return rc;
}

static int negotiate(struct rh_library *library, const struct rh_connector *table, const char *name,
                     struct rh_error *error)
{
    struct rh_connector *connector = &library->connector;
    int rc;

    if (!table)
        return rh_fail(error, RH_CONTRACT, "%s: its entry gave no table", name);
    if ((rc = copy_struct(connector, sizeof(*connector), table,
                          offsetof(struct rh_connector, connect), sizeof(void *), name, "table",
                          error)) != RH_OK ||
        (rc = check_numbers(connector, name, error)) != RH_OK ||
        (rc = check_identity(connector, name, error)) != RH_OK ||
        (rc = check_required(connector, name, error)) != RH_OK ||
        (rc = read_operators(library, name, error)) != RH_OK ||
        (rc = copy_limits(library, name, error)) != RH_OK ||
        (rc = copy_write(library, name, error)) != RH_OK ||
        (rc = copy_tx(library, name, error)) != RH_OK ||
        (rc = copy_native(library, name, error)) != RH_OK ||
        (rc = copy_ddl(library, name, error)) != RH_OK ||
        (rc = copy_feed(library, name, error)) != RH_OK)
        return rc;
    rh_stubs_fill_connector(connector);
    return RH_OK;
}

int rh_library_adopt(const struct rh_connector *table, const char *name,
                     struct rh_library **ret_library, struct rh_error *error)
{
    struct rh_library *library = calloc(1, sizeof(*library));
    int rc;

    if (!library)
        return rh_fail_nomem(error);
    rc = negotiate(library, table, name, error);
    if (rc) {
        rh_library_free(library);
        return rc;
    }
    *ret_library = library;
    return RH_OK;
}

void rh_library_free(struct rh_library *library)
{
    if (!library)
        return;
    if (library->end)
        library->end(library);
    free(library->path);
    free(library);
}

uint32_t rh_library_upper(const struct rh_library *library, uint32_t op, uint32_t type)
{
    uint32_t base = RH_OP_BASE(op);
    uint32_t modifier = (op & RH_OP_NOT ? 1u : 0u) + (op & RH_OP_FOLD ? 2u : 0u);

    if (base >= RH_N_OPS || type >= RH_N_TYPES || (op & ~(0xffu | RH_OP_NOT | RH_OP_FOLD)))
        return RH_VERDICT_NONE;
    return library->upper[type][base][modifier];
}
