/*
 * The ELF lint. It reads what the dynamic loader reads (program headers and the dynamic section,
 * never section headers, which may say anything), so that both see the same symbols.
 *
 * Invariant: bytes are touched only through `part`, which checks range and copies; no pointer into
 * the file is ever dereferenced as a struct, so nothing needs to be aligned. Work is bounded by
 * the file's size.
 *
 * This is a lint, not a proof: who may load what is decided by signatures. It turns mistakes of
 * building into messages, and it refuses before any code of the file has run.
 */
#include "host/elf.h"

#include "base/err.h"

#include <rowhouse/connector.h>

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#else
#error "connectors are defined for x86_64 and aarch64"
#endif

#define MAX_SEGMENTS 128
#define SYMBOL_MAX_LEN 256
#define ENTRY_PREFIX "rh_connector_v"

struct segment {
    uint64_t vaddr;
    uint64_t filesz;
    uint64_t offset;
};

struct image {
    const unsigned char *data;
    uint64_t size;
    const char *name;
    struct segment loads[MAX_SEGMENTS];
    uint32_t n_loads;
    uint64_t dynamic_vaddr;  /* PT_DYNAMIC: the loader goes by the address, */
    uint64_t dynamic_offset; /* other tools by the place in the file */
    uint64_t dynamic_size;
    bool has_dynamic;
    /* from the dynamic section, as addresses; 0 = absent */
    uint64_t symtab;
    uint64_t strtab;
    uint64_t strsz;
    uint64_t hash;
    uint64_t gnu_hash;
};

struct exports {
    bool has_entry;
    char other[SYMBOL_MAX_LEN]; /* the first export besides the entry; "" = none */
};

static int refuse(const struct image *image, struct rh_error *error, const char *reason)
{
    return rh_fail(error, RH_CONTRACT, "%s: %s", image->name, reason);
}

/* Copies n bytes at this file offset; false when they are not all in the file. */
static bool part(const struct image *image, uint64_t offset, void *to, uint64_t n)
{
    if (offset > image->size || n > image->size - offset)
        return false;
    memcpy(to, image->data + offset, n);
    return true;
}

/* File offset of n bytes at a virtual address. */
static bool locate(const struct image *image, uint64_t vaddr, uint64_t n, uint64_t *ret_offset)
{
    for (uint32_t i = 0; i < image->n_loads; i++) {
        const struct segment *load = &image->loads[i];
        uint64_t into = vaddr - load->vaddr;

        if (vaddr < load->vaddr || into > load->filesz || n > load->filesz - into)
            continue;
        *ret_offset = load->offset + into;
        return true;
    }
    return false;
}

static bool part_at(const struct image *image, uint64_t vaddr, void *to, uint64_t n)
{
    uint64_t offset;

    return locate(image, vaddr, n, &offset) && part(image, offset, to, n);
}

/* base + index * size without wrapping. */
static bool address_of(uint64_t base, uint64_t index, uint64_t size, uint64_t *ret_address)
{
    uint64_t into;

    return !__builtin_mul_overflow(index, size, &into) &&
           !__builtin_add_overflow(base, into, ret_address);
}

static int read_header(struct image *image, Elf64_Ehdr *ret_header, struct rh_error *error)
{
    Elf64_Ehdr header;

    if (!part(image, 0, &header, sizeof(header)) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return refuse(image, error, "is not an ELF shared object");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != HOST_MACHINE)
        return refuse(image, error, "is not built for this machine");
    if (header.e_type != ET_DYN)
        return refuse(image, error, "is not a shared object");
    if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
        header.e_phnum > MAX_SEGMENTS)
        return refuse(image, error, "has a malformed program header table");
    *ret_header = header;
    return RH_OK;
}

/* Segments must be in the file, and loadable ones ascending and without a page in common (the
 * loader maps whole pages, the later over the earlier): then an address has one meaning for us and
 * for the loader. *end is the page behind the last one. */
static int add_load(struct image *image, const Elf64_Phdr *segment, uint64_t *end,
                    struct rh_error *error)
{
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t segment_end;

    if (segment->p_filesz > segment->p_memsz ||
        segment->p_vaddr - segment->p_vaddr % page_bytes < *end ||
        __builtin_add_overflow(segment->p_vaddr, segment->p_memsz, &segment_end) ||
        __builtin_add_overflow(segment_end, page_bytes - 1, &segment_end))
        return refuse(image, error, "has malformed segments");
    *end = segment_end - segment_end % page_bytes;
    image->loads[image->n_loads++] =
        (struct segment){segment->p_vaddr, segment->p_filesz, segment->p_offset};
    return RH_OK;
}

static int read_segments(struct image *image, const Elf64_Ehdr *header, struct rh_error *error)
{
    bool has_stack = false;
    uint64_t end = 0;

    for (uint32_t i = 0; i < header->e_phnum; i++) {
        Elf64_Phdr segment;
        uint64_t offset;

        if (!address_of(header->e_phoff, i, sizeof(segment), &offset) ||
            !part(image, offset, &segment, sizeof(segment)))
            return refuse(image, error, "is truncated");
        if (segment.p_offset > image->size || segment.p_filesz > image->size - segment.p_offset)
            return refuse(image, error, "is truncated");
        if (segment.p_type == PT_LOAD) {
            int rc = add_load(image, &segment, &end, error);
            if (rc)
                return rc;
        } else if (segment.p_type == PT_DYNAMIC) {
            if (image->has_dynamic)
                return refuse(image, error, "has more than one dynamic section");
            image->has_dynamic = true;
            image->dynamic_vaddr = segment.p_vaddr;
            image->dynamic_offset = segment.p_offset;
            image->dynamic_size = segment.p_filesz;
        } else if (segment.p_type == PT_GNU_STACK) {
            has_stack = true;
            if (segment.p_flags & PF_X)
                return refuse(image, error, "asks for an executable stack");
        }
    }
    if (!has_stack)
        return refuse(image, error, "asks for an executable stack (it has no PT_GNU_STACK)");
    if (!image->has_dynamic)
        return refuse(image, error, "has no dynamic section");
    return RH_OK;
}

static int read_flags(const struct image *image, const Elf64_Dyn *entry, struct rh_error *error)
{
    uint64_t value = entry->d_un.d_val;

    if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (value & DF_TEXTREL)))
        return refuse(image, error, "has text relocations (build it with -fPIC)");
    if (entry->d_tag == DT_FLAGS && (value & DF_STATIC_TLS))
        return refuse(image, error, "uses static TLS (the initial-exec model)");
    if (entry->d_tag == DT_FLAGS_1 && (value & DF_1_PIE))
        return refuse(image, error, "is a program, not a shared object");
    return RH_OK;
}

/* The section that the loader finds must be the one that is read here, and must end in the file:
 * the loader reads on until DT_NULL, whatever the size says. */
static int read_dynamic(struct image *image, struct rh_error *error)
{
    uint64_t offset;
    bool ended = false;

    if (!locate(image, image->dynamic_vaddr, image->dynamic_size, &offset) ||
        offset != image->dynamic_offset)
        return refuse(image, error, "has a dynamic section that is not where it is loaded");
    for (uint64_t i = 0; i < image->dynamic_size / sizeof(Elf64_Dyn); i++) {
        Elf64_Dyn entry;
        int rc;

        if (!part(image, image->dynamic_offset + i * sizeof(entry), &entry, sizeof(entry)))
            return refuse(image, error, "is truncated");
        ended = entry.d_tag == DT_NULL;
        if (ended)
            break;
        rc = read_flags(image, &entry, error);
        if (rc)
            return rc;
        if (entry.d_tag == DT_SYMTAB)
            image->symtab = entry.d_un.d_ptr;
        else if (entry.d_tag == DT_STRTAB)
            image->strtab = entry.d_un.d_ptr;
        else if (entry.d_tag == DT_STRSZ)
            image->strsz = entry.d_un.d_val;
        else if (entry.d_tag == DT_HASH)
            image->hash = entry.d_un.d_ptr;
        else if (entry.d_tag == DT_GNU_HASH)
            image->gnu_hash = entry.d_un.d_ptr;
    }
    if (!ended)
        return refuse(image, error, "has a dynamic section without an end");
    if (!image->symtab || !image->strtab || (!image->hash && !image->gnu_hash))
        return refuse(image, error, "has no dynamic symbol table");
    return RH_OK;
}

/* The GNU hash table does not say how many symbols there are: the last one is the end of the chain
 * that starts highest. False when malformed. */
static bool count_gnu(const struct image *image, uint64_t *ret_n)
{
    uint32_t head[4]; /* buckets, first hashed symbol, bloom words, bloom shift */
    uint64_t buckets, chains, last = 0;
    uint32_t word;

    if (!part_at(image, image->gnu_hash, head, sizeof(head)) ||
        !address_of(image->gnu_hash + sizeof(head), head[2], 8, &buckets) ||
        !address_of(buckets, head[0], 4, &chains) || head[0] > image->size / 4)
        return false;
    for (uint32_t i = 0; i < head[0]; i++) {
        if (!part_at(image, buckets + (uint64_t)i * 4, &word, sizeof(word)))
            return false;
        if (word > last)
            last = word;
    }
    if (last < head[1]) { /* nothing is exported */
        *ret_n = head[1];
        return true;
    }
    for (;; last++) {
        uint64_t at;

        if (!address_of(chains, last - head[1], 4, &at) || !part_at(image, at, &word, sizeof(word)))
            return false;
        if (word & 1)
            break;
    }
    *ret_n = last + 1;
    return true;
}

static bool count_symbols(const struct image *image, uint64_t *ret_n)
{
    uint64_t n = 0;

    if (image->gnu_hash && !count_gnu(image, &n))
        return false;
    if (image->hash) {
        uint32_t head[2]; /* buckets, chains = symbols */

        if (!part_at(image, image->hash, head, sizeof(head)))
            return false;
        if (head[1] > n)
            n = head[1];
    }
    if (n > image->size / sizeof(Elf64_Sym))
        return false;
    *ret_n = n;
    return true;
}

/* The NUL-terminated name of a symbol, cut to fit and made printable. `strings` is the file offset
 * of the string table, all of which is in the file. */
static bool read_name(const struct image *image, uint64_t strings, uint32_t at,
                      char name[SYMBOL_MAX_LEN])
{
    uint64_t n = at < image->strsz ? image->strsz - at : 0;

    if (n > SYMBOL_MAX_LEN)
        n = SYMBOL_MAX_LEN;
    if (n == 0 || !part(image, strings + at, name, n))
        return false;
    if (!memchr(name, 0, n) && n < SYMBOL_MAX_LEN)
        return false;
    name[n - 1] = 0;
    for (char *c = name; *c; c++) {
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
    }
    return true;
}

static bool is_exported(const Elf64_Sym *symbol)
{
    unsigned bind = ELF64_ST_BIND(symbol->st_info);
    unsigned type = ELF64_ST_TYPE(symbol->st_info);
    unsigned visibility = ELF64_ST_VISIBILITY(symbol->st_other);

    return symbol->st_shndx != SHN_UNDEF && bind != STB_LOCAL && type != STT_SECTION &&
           type != STT_FILE && (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

/* What linkers and sanitizers put in by themselves. */
static bool is_builtin(const char *name, const Elf64_Sym *symbol)
{
    static const char *const names[] = {"_init", "_fini", "_edata", "_end", "__bss_start"};
    static const char *const prefixes[] = {"__asan",  "__odr_asan", "___asan",  "__sanitizer",
                                           "__ubsan", "__tsan",     "__start_", "__stop_"};

    /* The node of a version script: an absolute symbol without a size. */
    if (symbol->st_shndx == SHN_ABS && symbol->st_size == 0)
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

static int read_exports(const struct image *image, struct exports *exports, struct rh_error *error)
{
    uint64_t n, strings;

    memset(exports, 0, sizeof(*exports));
    if (!count_symbols(image, &n) || !locate(image, image->strtab, image->strsz, &strings))
        return refuse(image, error, "has a malformed symbol table");
    for (uint64_t i = 1; i < n && !(exports->has_entry && exports->other[0]); i++) {
        char name[SYMBOL_MAX_LEN];
        Elf64_Sym symbol;
        uint64_t at;

        if (!address_of(image->symtab, i, sizeof(symbol), &at) ||
            !part_at(image, at, &symbol, sizeof(symbol)))
            return refuse(image, error, "has a malformed symbol table");
        if (!is_exported(&symbol))
            continue;
        if (!read_name(image, strings, symbol.st_name, name))
            return refuse(image, error, "has a malformed symbol table");
        if (is_builtin(name, &symbol))
            continue;
        if (strcmp(name, RH_ENTRY_SYMBOL) == 0)
            exports->has_entry = true;
        else if (!exports->other[0])
            memcpy(exports->other, name, sizeof(name));
    }
    return RH_OK;
}

/* The major that an entry symbol of another ABI names, e.g. "2"; NULL when it is none. */
static const char *entry_major(const char *symbol)
{
    const char *major = symbol + strlen(ENTRY_PREFIX);

    if (strncmp(symbol, ENTRY_PREFIX, strlen(ENTRY_PREFIX)) != 0)
        return NULL;
    return major[0] && strspn(major, "0123456789") == strlen(major) ? major : NULL;
}

static int judge_exports(const struct image *image, const struct exports *exports,
                         struct rh_error *error)
{
    const char *major = entry_major(exports->other);

    if (exports->has_entry && exports->other[0])
        return rh_fail(error, RH_CONTRACT, "%s: exports \"%s\" besides " RH_ENTRY_SYMBOL,
                       image->name, exports->other);
    if (exports->has_entry)
        return RH_OK;
    if (major) {
        rh_fail(error, RH_CONTRACT, "%s: needs ABI %s, this host speaks %d", image->name, major,
                RH_ABI_MAJOR);
        rh_error_hint(error, "install a build of this connector for ABI %d", RH_ABI_MAJOR);
        return RH_CONTRACT;
    }
    return refuse(image, error, "has no " RH_ENTRY_SYMBOL);
}

int rh_elf_lint(const void *data, size_t size, const char *name, struct rh_error *error)
{
    struct image image = {.data = data, .size = size, .name = name};
    struct exports exports;
    Elf64_Ehdr header = {0};
    int rc;

    if ((rc = read_header(&image, &header, error)) != RH_OK ||
        (rc = read_segments(&image, &header, error)) != RH_OK ||
        (rc = read_dynamic(&image, error)) != RH_OK ||
        (rc = read_exports(&image, &exports, error)) != RH_OK)
        return rc;
    return judge_exports(&image, &exports, error);
}
