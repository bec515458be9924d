/*
 * The manifest of a connector package: what it is, which files it has, what it may do.
 *
 * A package is a folder <id>/<version>/ with manifest.json, its signature manifest.json.minisig
 * (minisign's format, Ed25519 over BLAKE2b-512) and the files that the manifest lists with their
 * SHA-256. A signature covers the manifest and by the hashes everything else.
 *
 *   { "manifest": 1, "id": "acme", "version": "1.4.0", "title": "…", "vendor": "…",
 *     "license": "…", "abi": { "major": 1, "min_minor": 0, "max_minor": null },
 *     "library": "acme.so",
 *     "files": { "acme.so": { "bytes": 81920, "sha256": "…" } },
 *     "permissions": { "network": true, "ports": [443], "hosts": ["*.acme.com"],
 *                      "read": ["/etc/ssl"], "write": [], "memory_mib": 512 },
 *     "run": "isolated" | "in-process" }
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "host/isolation/sandbox.h"

#include <rowhouse/value.h>

struct rh_manifest_file {
    const char *name; /* no path separators */
    uint64_t n_bytes;
    char sha256[65];
};

/* Lives in the arena it was read into. */
struct rh_manifest {
    const char *id, *version, *title, *vendor, *license;
    uint32_t abi_major, abi_min_minor, abi_max_minor; /* UINT32_MAX: no upper end */
    const char *library;                              /* one of the files */
    const struct rh_manifest_file *files;
    uint32_t n_files;
    struct rh_sandbox permissions;
    bool in_process; /* what it asks for; granted to first-party connectors only */
};

/* What a manifest may take: larger ones are refused. */
#define RH_MANIFEST_MAX_BYTES ((size_t)256 << 10)

/* CONTRACT with a JSON pointer in error.pointer; unknown members are errors. [any] */
int rh_manifest_parse(struct rh_arena *arena, struct rh_text json, struct rh_manifest *ret_manifest,
                      struct rh_error *error);
/* Writes it so that rh_manifest_parse reads the same back. */
void rh_manifest_write(const struct rh_manifest *manifest, struct rh_buf *buf);

/* NULL when the manifest does not list it. */
const struct rh_manifest_file *rh_manifest_find_file(const struct rh_manifest *manifest,
                                                     struct rh_text name);

/* May be listed: letters, digits and . _ - +, no leading dot, not the manifest's own name. [any] */
bool rh_manifest_is_file(struct rh_text name);
/* [a-z][a-z0-9_]*, at most 64 characters. [any] */
bool rh_manifest_is_id(struct rh_text id);
/* Numbers with dots and an optional -suffix, at most 64 characters. [any] */
bool rh_manifest_is_version(struct rh_text version);
/* Versions are numbers with dots and an optional -suffix, compared as semantic versions do.
 * Negative, zero, positive. [any] */
int rh_manifest_compare_versions(const char *a, const char *b);
