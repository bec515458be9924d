/* core/host/elf.h: on an image that is built here byte by byte, and then broken in one place. */
#include "host/elf.h"

#include "base/err.h"
#include "lib/tests.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#else
#define MACHINE EM_AARCH64
#endif

/* One loadable segment that holds all of the file, at another address than its offset. */
#define BASE 0x10000u
#define N_SYMBOLS 4 /* with the first, which is none */
#define N_DYNAMIC 8

struct image {
    Elf64_Ehdr header;
    Elf64_Phdr segments[3]; /* load, dynamic, stack */
    Elf64_Dyn dynamic[N_DYNAMIC];
    Elf64_Sym symbols[N_SYMBOLS];
    uint32_t hash[2 + 1 + N_SYMBOLS]; /* one bucket; the lint needs the counts only */
    uint32_t gnu_hash[4 + 2 + 1 + 3]; /* one bloom word, one bucket, chains from symbol 1 */
    char strings[128];
};

#define AT(member) (BASE + offsetof(struct image, member))

static void set_symbol(struct image *image, uint32_t index, const char *name, unsigned char info)
{
    static uint32_t next;
    size_t n = strlen(name) + 1;

    if (index == 1)
        next = 1;
    ck_assert_uint_le(next + n, sizeof(image->strings));
    memcpy(image->strings + next, name, n);
    image->symbols[index] =
        (Elf64_Sym){.st_name = next, .st_info = info, .st_shndx = 1, .st_value = 64, .st_size = 8};
    next += (uint32_t)n;
}

static struct image good(void)
{
    struct image image;

    memset(&image, 0, sizeof(image));
    memcpy(image.header.e_ident, ELFMAG, SELFMAG);
    image.header.e_ident[EI_CLASS] = ELFCLASS64;
    image.header.e_ident[EI_DATA] = ELFDATA2LSB;
    image.header.e_type = ET_DYN;
    image.header.e_machine = MACHINE;
    image.header.e_phoff = offsetof(struct image, segments);
    image.header.e_phentsize = sizeof(Elf64_Phdr);
    image.header.e_phnum = 3;
    image.segments[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                                     .p_flags = PF_R | PF_X,
                                     .p_vaddr = BASE,
                                     .p_filesz = sizeof(image),
                                     .p_memsz = sizeof(image)};
    image.segments[1] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
                                     .p_offset = offsetof(struct image, dynamic),
                                     .p_vaddr = AT(dynamic),
                                     .p_filesz = sizeof(image.dynamic),
                                     .p_memsz = sizeof(image.dynamic)};
    image.segments[2] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
    image.dynamic[0] = (Elf64_Dyn){DT_SYMTAB, {AT(symbols)}};
    image.dynamic[1] = (Elf64_Dyn){DT_STRTAB, {AT(strings)}};
    image.dynamic[2] = (Elf64_Dyn){DT_STRSZ, {sizeof(image.strings)}};
    image.dynamic[3] = (Elf64_Dyn){DT_HASH, {AT(hash)}};
    image.dynamic[4] = (Elf64_Dyn){DT_GNU_HASH, {AT(gnu_hash)}};
    image.hash[0] = 1;
    image.hash[1] = N_SYMBOLS;
    image.gnu_hash[0] = 1; /* buckets */
    image.gnu_hash[1] = 1; /* first symbol */
    image.gnu_hash[2] = 1; /* bloom words, of 8 bytes */
    image.gnu_hash[6] = 1; /* the bucket: chain from symbol 1 */
    image.gnu_hash[9] = 1; /* chains end at symbol 3 */
    set_symbol(&image, 1, "rh_connector_v1", ELF64_ST_INFO(STB_GLOBAL, STT_FUNC));
    set_symbol(&image, 2, "malloc", ELF64_ST_INFO(STB_GLOBAL, STT_FUNC));
    image.symbols[2].st_shndx = SHN_UNDEF;
    set_symbol(&image, 3, "_init", ELF64_ST_INFO(STB_GLOBAL, STT_FUNC));
    return image;
}

static void accepts(const struct image *image)
{
    struct rh_error error = RH_ERROR_INIT;

    ck_assert_msg(rh_elf_lint(image, sizeof(*image), "x.so", &error) == RH_OK, "%s", error.message);
}

static void refuses(const struct image *image, const char *reason)
{
    struct rh_error error = RH_ERROR_INIT;
    char message[256];

    snprintf(message, sizeof(message), "x.so: %s", reason);
    ck_assert_int_eq(rh_elf_lint(image, sizeof(*image), "x.so", &error), RH_CONTRACT);
    ck_assert_str_eq(error.message, message);
}

START_TEST(accepts_a_good_one)
{
    struct image image = good();

    accepts(&image);
    image.dynamic[3].d_tag = DT_RUNPATH; /* either hash will do; a path is allowed */
    accepts(&image);
    image = good();
    image.dynamic[4].d_tag = DT_RPATH;
    accepts(&image);
}
END_TEST

START_TEST(refuses_what_is_not_for_us)
{
    struct image image = good();

    image.header.e_ident[0] = '#';
    refuses(&image, "is not an ELF shared object");
    image = good();
    image.header.e_ident[EI_CLASS] = ELFCLASS32;
    refuses(&image, "is not built for this machine");
    image = good();
    image.header.e_ident[EI_DATA] = ELFDATA2MSB;
    refuses(&image, "is not built for this machine");
    image = good();
    image.header.e_machine = EM_S390;
    refuses(&image, "is not built for this machine");
    image = good();
    image.header.e_type = ET_REL;
    refuses(&image, "is not a shared object");
    image = good();
    image.dynamic[5] = (Elf64_Dyn){DT_FLAGS_1, {DF_1_NOW | DF_1_PIE}};
    refuses(&image, "is a program, not a shared object");
}
END_TEST

START_TEST(refuses_dangerous_links)
{
    struct image image = good();

    image.segments[2].p_flags |= PF_X;
    refuses(&image, "asks for an executable stack");
    image = good();
    image.segments[2].p_type = PT_NOTE;
    refuses(&image, "asks for an executable stack (it has no PT_GNU_STACK)");
    image = good();
    image.dynamic[5].d_tag = DT_TEXTREL;
    refuses(&image, "has text relocations (build it with -fPIC)");
    image = good();
    image.dynamic[5] = (Elf64_Dyn){DT_FLAGS, {DF_BIND_NOW | DF_TEXTREL}};
    refuses(&image, "has text relocations (build it with -fPIC)");
    image.dynamic[5].d_un.d_val = DF_STATIC_TLS;
    refuses(&image, "uses static TLS (the initial-exec model)");
    image.dynamic[5].d_un.d_val = DF_BIND_NOW | DF_SYMBOLIC;
    accepts(&image);
}
END_TEST

/* The loader goes by the address of the dynamic section and reads until its end. */
START_TEST(reads_the_dynamic_section_that_is_loaded)
{
    struct image image = good();

    image.segments[1].p_vaddr = AT(symbols);
    refuses(&image, "has a dynamic section that is not where it is loaded");
    image = good();
    image.segments[1].p_vaddr = BASE + sizeof(image);
    refuses(&image, "has a dynamic section that is not where it is loaded");
    image = good();
    image.segments[1].p_filesz = 5 * sizeof(Elf64_Dyn);
    refuses(&image, "has a dynamic section without an end");
    image = good();
    for (int i = 5; i < N_DYNAMIC; i++)
        image.dynamic[i].d_tag = DT_DEBUG;
    refuses(&image, "has a dynamic section without an end");
    image = good();
    image.segments[2] = image.segments[1];
    refuses(&image, "has more than one dynamic section");
}
END_TEST

/* The loader maps whole pages. */
START_TEST(refuses_segments_that_share_a_page)
{
    struct image image = good();

    image.segments[2] = (Elf64_Phdr){.p_type = PT_LOAD,
                                     .p_vaddr = (BASE + sizeof(image) + 15) & ~(uint64_t)15,
                                     .p_filesz = 8,
                                     .p_memsz = 8};
    refuses(&image, "has malformed segments");
}
END_TEST

START_TEST(judges_the_exports)
{
    struct image image = good();

    set_symbol(&image, 3, "helper", ELF64_ST_INFO(STB_GLOBAL, STT_FUNC));
    refuses(&image, "exports \"helper\" besides rh_connector_v1");
    image.symbols[3].st_info = ELF64_ST_INFO(STB_WEAK, STT_OBJECT);
    refuses(&image, "exports \"helper\" besides rh_connector_v1");
    image.symbols[3].st_other = STV_PROTECTED;
    refuses(&image, "exports \"helper\" besides rh_connector_v1");
    image.symbols[3].st_other = STV_HIDDEN;
    accepts(&image);
    image.symbols[3].st_other = STV_DEFAULT;
    image.symbols[3].st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC);
    accepts(&image);
    image.symbols[3].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
    image.symbols[3].st_shndx = SHN_ABS; /* a version's node */
    image.symbols[3].st_size = 0;
    accepts(&image);
    image.strings[image.symbols[3].st_name] = '\n';
    image.symbols[3].st_size = 8;
    refuses(&image, "exports \"?elper\" besides rh_connector_v1");
}
END_TEST

START_TEST(ignores_what_sanitizers_add)
{
    static const char *const names[] = {"__asan_x",  "__odr_asan.x", "___asan_globals_registered",
                                        "__start_x", "__stop_x",     "__sanitizer_x",
                                        "__ubsan_x", "__tsan_x",     "_fini"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct image image = good();

        set_symbol(&image, 3, names[i], ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT));
        accepts(&image);
    }
}
END_TEST

START_TEST(tells_another_abi_from_no_connector)
{
    struct image image = good();

    image.symbols[1].st_shndx = SHN_UNDEF;
    refuses(&image, "has no rh_connector_v1");
    set_symbol(&image, 3, "rh_connector_v2", ELF64_ST_INFO(STB_GLOBAL, STT_FUNC));
    refuses(&image, "needs ABI 2, this host speaks 1");
    image.strings[image.symbols[3].st_name + 14] = 'x';
    refuses(&image, "has no rh_connector_v1");
    image.strings[image.symbols[3].st_name + 14] = 0;
    refuses(&image, "has no rh_connector_v1");
}
END_TEST

START_TEST(refuses_tables_that_point_nowhere)
{
    struct image image = good();

    image.header.e_phnum = 0;
    refuses(&image, "has a malformed program header table");
    image = good();
    image.header.e_phoff = UINT64_MAX - 8;
    refuses(&image, "is truncated");
    image = good();
    image.segments[1].p_offset = sizeof(image);
    refuses(&image, "is truncated");
    image = good();
    image.segments[1].p_type = PT_NOTE;
    refuses(&image, "has no dynamic section");
    image = good();
    image.segments[0].p_memsz = UINT64_MAX;
    refuses(&image, "has malformed segments");
    image = good();
    image.segments[0].p_memsz = 8;
    refuses(&image, "has malformed segments");
    image = good();
    image.segments[2] = image.segments[0]; /* the same addresses twice */
    refuses(&image, "has malformed segments");
    image = good();
    image.dynamic[0].d_tag = DT_DEBUG;
    refuses(&image, "has no dynamic symbol table");
    image = good();
    image.dynamic[0].d_un.d_ptr = BASE + sizeof(image) - 8;
    refuses(&image, "has a malformed symbol table");
    image = good();
    image.dynamic[1].d_un.d_ptr = 1;
    refuses(&image, "has a malformed symbol table");
    image = good();
    image.dynamic[2].d_un.d_val = UINT64_MAX;
    refuses(&image, "has a malformed symbol table");
    image = good();
    image.dynamic[3].d_un.d_ptr = UINT64_MAX - 2;
    refuses(&image, "has a malformed symbol table");
    image = good();
    image.hash[1] = UINT32_MAX;
    refuses(&image, "has a malformed symbol table");
    image = good();
    image.gnu_hash[6] = INT32_MAX; /* a chain that is not there */
    refuses(&image, "has a malformed symbol table");
    image = good();
    image.gnu_hash[0] = UINT32_MAX;
    refuses(&image, "has a malformed symbol table");
    image = good();
    image.symbols[1].st_name = sizeof(image.strings);
    refuses(&image, "has a malformed symbol table");
    image = good();
    memset(image.strings + image.symbols[3].st_name, 'x',
           sizeof(image.strings) - image.symbols[3].st_name); /* no NUL at the end */
    refuses(&image, "has a malformed symbol table");
}
END_TEST

/* On the heap, so that a sanitizer sees a step too far. */
static int lint_copy(const void *data, size_t size)
{
    struct rh_error error = RH_ERROR_INIT;
    void *copy = malloc(size ? size : 1);
    int rc;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, size);
    rc = rh_elf_lint(copy, size, "x.so", &error);
    ck_assert_int_eq(rc, error.error_class);
    free(copy);
    return rc;
}

START_TEST(refuses_every_truncation)
{
    struct image image = good();

    for (size_t size = 0; size < sizeof(image); size++)
        ck_assert_int_eq(lint_copy(&image, size), RH_CONTRACT);
    ck_assert_int_eq(lint_copy(&image, sizeof(image)), RH_OK);
}
END_TEST

START_TEST(survives_every_changed_byte)
{
    static const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

    for (size_t at = 0; at < sizeof(struct image); at++) {
        for (size_t i = 0; i < sizeof(values); i++) {
            struct image image = good();

            ((unsigned char *)&image)[at] = values[i];
            int rc = lint_copy(&image, sizeof(image));
            ck_assert(rc == RH_OK || rc == RH_CONTRACT);
        }
    }
}
END_TEST

TESTS_MAIN("elf", accepts_a_good_one, refuses_what_is_not_for_us, refuses_dangerous_links,
           reads_the_dynamic_section_that_is_loaded, refuses_segments_that_share_a_page,
           judges_the_exports, ignores_what_sanitizers_add, tells_another_abi_from_no_connector,
           refuses_tables_that_point_nowhere, refuses_every_truncation, survives_every_changed_byte)
