/*
 * rowhouse connector new: a connector of one's own, from the template in the program.
 *
 * The template's connector is called "acme". In names of files and in their text, "acme" becomes
 * the name, "Acme" its title, "ACME" the name in upper case and "ac-me" its scheme in URLs, which
 * has no _. The folder must not exist; when something fails half way, what was written stays, since
 * it is the user's folder by then.
 */
#include "cli/connector.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "connector/template.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 40
#define FILE_MAX_BYTES ((size_t)1 << 20)

static const struct rh_cli_option options[] = {{0}};

/* The name in the ways in which the template writes its own. */
struct spelling {
    char lower[NAME_MAX_BYTES + 1];
    char title[NAME_MAX_BYTES + 1];
    char upper[NAME_MAX_BYTES + 1];
    char scheme[NAME_MAX_BYTES + 1];
};

static char to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* Names of targets that CMake has for itself, and of the template's other files. */
static bool is_taken(const char *name)
{
    static const char *const taken[] = {"all",        "clean",   "help",      "install",
                                        "package",    "test",    "read",      "config",
                                        "connection", "catalog", "documents", "filter"};
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        if (strcmp(name, taken[i]) == 0)
            return true;
    return false;
}

static int spell(const char *name, struct spelling *ret, struct rh_error *error)
{
    size_t n = strlen(name);
    bool good = n > 0 && n <= NAME_MAX_BYTES && name[0] >= 'a' && name[0] <= 'z';
    for (size_t i = 0; i < n && good; i++)
        good = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
               name[i] == '_';
    if (!good) {
        rh_fail(error, RH_INVALID, "\"%s\" is no name for a connector", name);
        return rh_error_hint(error, "a small letter, then small letters, digits and _; at most %d",
                             NAME_MAX_BYTES);
    }
    if (is_taken(name))
        return rh_fail(error, RH_INVALID, "a connector cannot be called \"%s\"", name);
    for (size_t i = 0; i <= n; i++) {
        ret->lower[i] = name[i];
        ret->upper[i] = to_upper(name[i]);
        ret->scheme[i] = name[i] == '_' ? '-' : name[i];
        ret->title[i] = i == 0 ? to_upper(name[i]) : name[i] == '_' ? ' ' : name[i];
    }
    return RH_OK;
}

/* Appends the text with the name in the place of the template's. */
static void rename_in(struct rh_buf *buf, struct rh_text text, const struct spelling *spelling)
{
    static const char *const written[] = {"acme", "Acme", "ACME", "ac-me"};
    const char *const instead[] = {spelling->lower, spelling->title, spelling->upper,
                                   spelling->scheme};
    while (text.len) {
        size_t which = 0;
        while (which < 4 && !rh_text_starts(text, written[which]))
            which++;
        size_t n = which < 4 ? strlen(written[which]) : 1;
        rh_buf_add(buf, which < 4 ? instead[which] : text.data,
                   which < 4 ? strlen(instead[which]) : 1);
        text = rh_text_make(text.data + n, text.len - n);
    }
}

static int fail_path(struct rh_error *error, const char *path)
{
    return rh_fail(error, errno == EEXIST ? RH_EXISTS : RH_UNAVAILABLE, "cannot make \"%s\": %s",
                   path, strerror(errno));
}

/* The folders above a file, below the one that is there. */
static int make_folders(char *path, size_t from, struct rh_error *error)
{
    for (char *slash = strchr(path + from, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int rc = mkdir(path, 0777) && errno != EEXIST ? fail_path(error, path) : RH_OK;
        *slash = '/';
        if (rc)
            return rc;
    }
    return RH_OK;
}

static int write_file(const char *path, struct rh_text text, struct rh_error *error)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return fail_path(error, path);
    while (text.len) {
        ssize_t n = write(file, text.data, text.len);
        if (n < 0) {
            fail_path(error, path);
            close(file);
            return error->error_class;
        }
        text = rh_text_make(text.data + n, text.len - (size_t)n);
    }
    return close(file) ? fail_path(error, path) : RH_OK;
}

static int make_file(const struct rh_template_file *file, const struct spelling *spelling,
                     struct rh_error *error)
{
    struct rh_buf path, text;
    size_t folder = strlen(spelling->lower) + 1;
    int rc = RH_OK;
    rh_buf_init(&path, PATH_MAX);
    rh_buf_init(&text, FILE_MAX_BYTES);
    rh_buf_addf(&path, "%s/", spelling->lower);
    rename_in(&path, rh_text_of(file->path), spelling);
    rename_in(&text, rh_text_make((const char *)file->data, file->len), spelling);
    char *name = rh_buf_take(&path);
    if (!name || text.failed)
        rc = rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = make_folders(name, folder, error);
    if (rc == RH_OK)
        rc = write_file(name, rh_buf_text(&text), error);
    free(name);
    rh_buf_free(&text);
    return rc;
}

/* Where the kit is that belongs to this program: the prefix it is installed in, or `kit` of its
 * build tree. False when the compiler finds it anyway, or it is nowhere. */
static bool find_kit(struct rh_buf *ret_prefix)
{
    static const char *const folders[] = {"/..", "/../kit"};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
    while (n > 0 && self[n - 1] != '/')
        n--;
    for (size_t i = 0; n > 1 && i < sizeof(folders) / sizeof(folders[0]); i++) {
        rh_buf_clear(ret_prefix);
        rh_buf_addf(ret_prefix, "%.*s%s/lib/pkgconfig/rowhouse-connector.pc", (int)n - 1, self,
                    folders[i]);
        rh_buf_add_char(ret_prefix, '\0');
        if (ret_prefix->failed || access(ret_prefix->data, R_OK))
            continue;
        rh_buf_clear(ret_prefix);
        rh_buf_addf(ret_prefix, "%.*s%s", (int)n - 1, self, folders[i]);
        rh_buf_add_char(ret_prefix, '\0');
        char *whole = ret_prefix->failed ? NULL : realpath(ret_prefix->data, NULL);
        rh_buf_clear(ret_prefix);
        rh_buf_add_str(ret_prefix, whole ? whole : "");
        free(whole);
        struct rh_text prefix = rh_buf_text(ret_prefix);
        return prefix.len && !rh_text_is(prefix, "/usr") && !rh_text_is(prefix, "/usr/local");
    }
    return false;
}

static void tell(const char *name, const char *scheme)
{
    struct rh_buf prefix;
    rh_buf_init(&prefix, PATH_MAX);
    printf("%s/ is a connector that reads a folder of NDJSON files. It works as it is:\n\n"
           "  cd %s\n",
           name, name);
    if (find_kit(&prefix))
        printf("  export CMAKE_PREFIX_PATH='%.*s' PKG_CONFIG_PATH='%.*s/lib/pkgconfig'\n",
               RH_TEXT_ARG(rh_buf_text(&prefix)), RH_TEXT_ARG(rh_buf_text(&prefix)));
    printf("  cc -shared -fPIC -O2 -o %s.so *.c $(pkg-config --cflags --libs rowhouse-connector)\n"
           "  ROWHOUSE_PLUGINS=$PWD rowhouse query %s:data cities --where country=eq.NO\n"
           "  rowhouse connector check ./%s.so --config check.json\n\n"
           "%s/README.md tells the rest.\n",
           name, scheme, name, name);
    rh_buf_free(&prefix);
}

static int run(struct rh_cli *cli, const struct rh_cli_words *words)
{
    struct rh_error error = RH_ERROR_INIT;
    struct spelling spelling;
    int rc = spell(words->operands[0], &spelling, &error);
    if (rc == RH_OK && mkdir(spelling.lower, 0777)) {
        rc = fail_path(&error, spelling.lower);
        rh_error_hint(&error, "the connector gets a new folder of its name, here");
    }
    for (uint32_t i = 0; rc == RH_OK && i < rh_template_n_files; i++)
        rc = make_file(&rh_template_files[i], &spelling, &error);
    if (rc)
        return rh_cli_fail(&error);
    tell(spelling.lower, spelling.scheme);
    return RH_CLI_OK;
}

const struct rh_cli_command rh_cli_connector_new = {
    .name = "connector new",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "a working connector to start from",
    .help =
        "Writes the folder NAME with a connector that serves the files of a folder as tables. It\n"
        "builds with one cc line or with CMake, and passes `rowhouse connector check`; then you\n"
        "put your source in the place of the files.\n\n"
        "Examples:\n"
        "  rowhouse connector new weather\n",
    .options = options,
    .run = run,
};
