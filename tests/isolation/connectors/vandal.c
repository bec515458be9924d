/*
 * A connector that misbehaves on request: the setting `at` names a function, `do` what happens
 * there, `arg` with what. Otherwise it has one table `t`, whose rows are the numbers 1 to 50. It
 * says that it finds even numbers, and returns all rows all the same.
 */
#include <rowhouse/connector.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef VANDAL_ID
#define VANDAL_ID "vandal"
#define VANDAL_FLAGS 0
#endif

#define N_ROWS 50
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

struct rh_conn {
    const struct rh_host *host;
    char at[32], action[32], arg[256];
    atomic_int n_cancels;
};

struct rh_cursor {
    struct rh_conn *conn;
    int64_t row;
    struct rh_value cells[2 * N_ROWS];
    char text[32];
};

__attribute__((format(printf, 3, 4))) static int32_t
fail(struct rh_error *error, int32_t error_class, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    error->error_class = error_class;
    return error_class;
}

/* As it would without a sanitizer, which has a handler for it. */
static void crash(void)
{
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

/* ---- Misdeeds -------------------------------------------------------------------------------- */

static void *sleep_for_ever(void *context)
{
    for (;;)
        pause();
    return context;
}

static int32_t leak(const struct rh_op *op, struct rh_error *error, bool checks)
{
    for (;;) {
        char *memory = malloc(1 << 20);

        if (!memory && checks)
            return fail(error, RH_RESOURCE, "out of memory");
        memset(memory, 1, 1 << 20);
    }
}

/* On the control socket: lines for the log, or what no host understands; or on stderr. */
static void *flood(void *context)
{
    const char *how = context;
    struct {
        uint32_t kind, level;
        uint64_t conn;
        char text[200];
    } message = {.kind = strcmp(how, "control") == 0 ? 99 : 3, .level = 3};

    memset(message.text, 'a', sizeof(message.text));
    for (;;) {
        if (strcmp(how, "stderr") == 0)
            (void)!write(2, "a line\n", 7);
        else
            (void)send(3, &message, sizeof(message), MSG_NOSIGNAL);
    }
    return NULL;
}

static void spawn_threads(void)
{
    pthread_t thread;

    while (pthread_create(&thread, NULL, sleep_for_ever, NULL) == 0)
        continue;
    sleep_for_ever(NULL);
}

/* To every socket that this process has been given. */
static void write_rubbish(size_t n)
{
    static char rubbish[4096];

    memset(rubbish, 0xa5, sizeof(rubbish));
    for (int fd = 3; fd < 64; fd++) {
        int type;
        socklen_t len = sizeof(type);

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0)
            (void)send(fd, rubbish, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

/* A header that promises more than it brings, or more than is allowed. */
static void write_header(uint32_t fixed, uint32_t bytes)
{
    uint32_t header[4] = {fixed, bytes, 3, 2};

    for (int fd = 4; fd < 64; fd++) {
        int type;
        socklen_t len = sizeof(type);

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM)
            (void)send(fd, header, sizeof(header), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

/* Of its connections; not the control socket. */
static void close_sockets(void)
{
    for (int fd = 4; fd < 64; fd++) {
        int type;
        socklen_t len = sizeof(type);

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0)
            shutdown(fd, SHUT_RDWR);
    }
}

/* ---- Attempts: what the kernel answers is the error's message
 * --------------------------------- */

static int32_t tell(struct rh_error *error, long result)
{
    return fail(error, RH_PERMISSION, "%s", result < 0 ? strerrorname_np(errno) : "it worked");
}

/* The result of what was tried last on a descriptor that is not needed any more. */
static long close_after(int fd, long result)
{
    int saved = errno;

    if (fd >= 0)
        close(fd);
    errno = saved;
    return result;
}

static long try_connect(const char *port, int protocol, int flags)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol);

    if (fd < 0)
        return fd;
    if (flags)
        return close_after(fd,
                           sendto(fd, "x", 1, flags, (struct sockaddr *)&address, sizeof(address)));
    return close_after(fd, connect(fd, (struct sockaddr *)&address, sizeof(address)));
}

/* To a socket in the file system: by connecting to it, or in a datagram from a pair of sockets. */
static long try_unix(const char *path, bool datagram)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, ends[2];

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (!datagram) {
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return fd < 0 ? fd
                      : close_after(fd, connect(fd, (struct sockaddr *)&address, sizeof(address)));
    }
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    close(ends[1]);
    return close_after(ends[0],
                       sendto(ends[0], "x", 1, 0, (struct sockaddr *)&address, sizeof(address)));
}

/* A signal to another process when something is readable here. */
static long try_signal_by_file(int signal, int pid)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    close(ends[1]);
    if (fcntl(ends[0], F_SETSIG, signal) < 0)
        return close_after(ends[0], -1);
    return close_after(ends[0], fcntl(ends[0], F_SETOWN, pid));
}

static long try_signal_by_socket(int pid)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    close(ends[1]);
    return close_after(ends[0], ioctl(ends[0], 0x8901 /* FIOSETOWN */, &pid));
}

static long try_change_of_mode(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? fd : close_after(fd, fchmod(fd, 0600));
}

static long try_shared_memory(void)
{
    void *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? -1 : munmap(memory, 1 << 20);
}

static long try_to_pin(int pid)
{
    cpu_set_t cpus;

    if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
        return -1;
    return sched_setaffinity(pid, sizeof(cpus), &cpus);
}

static int32_t attempt(struct rh_conn *conn, struct rh_error *error)
{
    const char *action = conn->action;

    if (strcmp(action, "open") == 0)
        return tell(error, open(conn->arg, O_RDONLY | O_CLOEXEC));
    if (strcmp(action, "create") == 0)
        return tell(error, open(conn->arg, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (strcmp(action, "connect-to") == 0)
        return tell(error, try_connect(conn->arg, 0, 0));
    if (strcmp(action, "connect-by-mptcp") == 0)
        return tell(error, try_connect(conn->arg, 262, 0));
    if (strcmp(action, "connect-by-sending") == 0)
        return tell(error, try_connect(conn->arg, 0, MSG_FASTOPEN | MSG_NOSIGNAL));
    if (strcmp(action, "connect-in-files") == 0)
        return tell(error, try_unix(conn->arg, false));
    if (strcmp(action, "send-in-files") == 0)
        return tell(error, try_unix(conn->arg, true));
    if (strcmp(action, "truncate") == 0)
        return tell(error, truncate(conn->arg, 0));
    if (strcmp(action, "open-truncated") == 0)
        return tell(error, open(conn->arg, O_RDONLY | O_TRUNC | O_CLOEXEC));
    if (strcmp(action, "fchmod") == 0)
        return tell(error, try_change_of_mode(conn->arg));
    if (strcmp(action, "watch-folder") == 0)
        return tell(error, inotify_init1(IN_CLOEXEC));
    if (strcmp(action, "memfd") == 0)
        return tell(error, memfd_create("x", MFD_CLOEXEC));
    if (strcmp(action, "shared-memory") == 0)
        return tell(error, try_shared_memory());
    if (strcmp(action, "pin-parent") == 0)
        return tell(error, try_to_pin(getppid()));
    if (strcmp(action, "signal-by-file") == 0)
        return tell(error, try_signal_by_file(SIGKILL, getppid()));
    if (strcmp(action, "signal-by-socket") == 0)
        return tell(error, try_signal_by_socket(getppid()));
    if (strcmp(action, "fork") == 0)
        return tell(error, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    if (strcmp(action, "vfork") == 0)
        return tell(error, syscall(SYS_vfork));
    if (strcmp(action, "exec") == 0)
        return tell(error, execl("/bin/true", "true", (char *)NULL));
    if (strcmp(action, "ptrace") == 0)
        return tell(error, ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
    if (strcmp(action, "kill-parent") == 0)
        return tell(error, kill(getppid(), SIGKILL));
    if (strcmp(action, "setuid") == 0)
        return tell(error, syscall(SYS_setuid, 65534));
    if (strcmp(action, "mount") == 0)
        return tell(error, syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
    if (strcmp(action, "chmod") == 0)
        return tell(error, syscall(SYS_chmod, conn->arg, 0777));
    if (strcmp(action, "io_uring") == 0)
        return tell(error, syscall(425, 1, NULL));
    if (strcmp(action, "listen") == 0)
        return tell(error, listen(0, 1));
    return RH_OK;
}

/* What was asked for, when this is where. */
static int32_t misbehave(struct rh_conn *conn, const char *at, const struct rh_op *op,
                         struct rh_error *error)
{
    const char *action = conn->action;

    if (strcmp(conn->at, at) != 0)
        return RH_OK;
    if (strcmp(action, "crash") == 0)
        crash();
    if (strcmp(action, "abort") == 0)
        abort();
    if (strcmp(action, "exit") == 0)
        _exit(7);
    if (strcmp(action, "loop") == 0) {
        for (volatile int i = 0;; i++)
            continue;
    }
    if (strcmp(action, "environment") == 0)
        return fail(error, RH_INVALID, "%s", getenv(conn->arg) ? getenv(conn->arg) : "not set");
    if (strcmp(action, "leak") == 0 || strcmp(action, "leak-crash") == 0)
        return leak(op, error, action[4] == 0);
    if (strcmp(action, "threads") == 0)
        spawn_threads();
    if (strcmp(action, "flood") == 0) {
        pthread_t thread;

        return pthread_create(&thread, NULL, flood, conn->arg) ? RH_RESOURCE : RH_OK;
    }
    if (strcmp(action, "rubbish") == 0)
        write_rubbish(4096);
    if (strcmp(action, "truncated") == 0) {
        write_rubbish(7);
        _exit(0);
    }
    if (strcmp(action, "oversized") == 0)
        write_header(UINT32_MAX & ~7u, 0);
    if (strcmp(action, "promise") == 0) {
        write_header(64 << 20, 64 << 20);
        _exit(0);
    }
    if (strcmp(action, "close") == 0)
        close_sockets();
    if (strcmp(action, "stderr") == 0) {
        for (int i = 0; i < 100000; i++)
            dprintf(2, "line %d of a flood\n", i);
    }
    if (strcmp(action, "log") == 0) {
        for (int i = 0; i < 100000; i++)
            conn->host->log(conn->host, RH_LOG_INFO, (struct rh_text)TEXT("a flood"));
    }
    /* Obeys its cancel, and says by which way it came. */
    if (strcmp(action, "wait") == 0) {
        struct pollfd wait = {.fd = op->cancel_fd, .events = POLLIN};

        (void)poll(&wait, 1, 30000);
        return fail(error, wait.revents ? RH_CANCELLED : RH_INTERNAL, "cancelled %d times",
                    atomic_load(&conn->n_cancels));
    }
    return attempt(conn, error);
}

/* ---- The connector
 * ---------------------------------------------------------------------------- */

static void set(char *to, size_t size, const struct rh_settings *settings, const char *name)
{
    to[0] = 0;
    for (uint32_t i = 0; i < settings->n; i++) {
        const struct rh_setting *item = &settings->items[i];

        if (item->name.len == strlen(name) && memcmp(item->name.data, name, item->name.len) == 0)
            snprintf(to, size, "%.*s", (int)item->value.len, (const char *)item->value.as.data);
    }
}

static int32_t vandal_connect(const struct rh_host *host, const struct rh_op *op,
                              const struct rh_settings *settings, struct rh_conn **ret_conn,
                              struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    int32_t rc;

    conn->host = host;
    set(conn->at, sizeof(conn->at), settings, "at");
    set(conn->action, sizeof(conn->action), settings, "do");
    set(conn->arg, sizeof(conn->arg), settings, "arg");
    rc = misbehave(conn, "connect", op, error);
    if (rc)
        free(conn);
    else
        *ret_conn = conn;
    return rc;
}

static void vandal_close(struct rh_conn *conn)
{
    misbehave(conn, "close", NULL, NULL);
    free(conn);
}

static int32_t vandal_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return misbehave(conn, "ping", op, error);
}

static int32_t vandal_tables(struct rh_conn *conn, const struct rh_op *op,
                             struct rh_catalog *ret_catalog, struct rh_error *error)
{
    static const struct rh_column columns[] = {
        {.name = TEXT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
        {.name = TEXT("label"), .type = RH_TYPE_TEXT}};
    static const uint32_t key[] = {0};
    static const struct rh_table table = {.struct_size = sizeof(table),
                                          .name = TEXT("t"),
                                          .columns = columns,
                                          .n_columns = 2,
                                          .column_stride = sizeof(columns[0]),
                                          .key = key,
                                          .n_key = 1,
                                          .est_rows = N_ROWS};

    ret_catalog->n_tables = 1;
    ret_catalog->tables = &table;
    ret_catalog->table_stride = sizeof(table);
    return misbehave(conn, "tables", op, error);
}

static int32_t vandal_open(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_query *query, struct rh_cursor **ret_cursor,
                           struct rh_error *error)
{
    int32_t rc = misbehave(conn, "open", op, error);

    if (rc)
        return rc;
    *ret_cursor = calloc(1, sizeof(**ret_cursor));
    (*ret_cursor)->conn = conn;
    return RH_OK;
}

static int32_t vandal_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                           struct rh_batch *ret_batch, struct rh_error *error)
{
    int32_t rc = cursor->row >= 20 ? misbehave(cursor->conn, "next", op, error) : RH_OK;
    uint32_t n = 0;

    if (rc)
        return rc;
    if (cursor->row == N_ROWS)
        return RH_END;
    while (n < max_rows && n < 10 && cursor->row < N_ROWS) {
        struct rh_value *cell = &cursor->cells[(size_t)n++ * 2];

        cell[0] = (struct rh_value){.type = RH_TYPE_INT, .as.i = ++cursor->row};
        cell[1] = (struct rh_value){.type = RH_TYPE_TEXT, .len = 5, .as.data = "label"};
    }
    ret_batch->n_cols = 2;
    ret_batch->n_rows = n;
    ret_batch->cells = cursor->cells;
    return RH_OK;
}

static void vandal_finish(struct rh_cursor *cursor)
{
    struct rh_conn *conn = cursor->conn;

    free(cursor);
    misbehave(conn, "finish", NULL, NULL);
}

static void vandal_cancel(struct rh_conn *conn)
{
    atomic_fetch_add(&conn->n_cancels, 1);
    misbehave(conn, "cancel", NULL, NULL);
}

static int32_t vandal_plan(struct rh_conn *conn, const struct rh_query *query,
                           struct rh_plan *ret_plan, struct rh_error *error)
{
    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        const struct rh_node *node = &query->nodes[query->conjuncts[i]];
        bool even = node->op == RH_OP_EQ && query->values[node->first].as.i % 2 == 0;
        ret_plan->verdicts[i] = even ? RH_VERDICT_EXACT : RH_VERDICT_NONE;
    }
    return misbehave(conn, "plan", NULL, error);
}

static int32_t vandal_explain(struct rh_conn *conn, const struct rh_op *op,
                              const struct rh_query *query, struct rh_text *ret_native,
                              struct rh_error *error)
{
    *ret_native = (struct rh_text)TEXT("count to 50");
    return misbehave(conn, "explain", op, error);
}

static int32_t vandal_estimate(struct rh_conn *conn, const struct rh_op *op,
                               const struct rh_query *query, int64_t *ret_rows,
                               struct rh_error *error)
{
    *ret_rows = N_ROWS;
    return misbehave(conn, "estimate", op, error);
}

static int32_t vandal_reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return misbehave(conn, "reset", op, error);
}

static int32_t vandal_insert(struct rh_conn *conn, const struct rh_op *op,
                             const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                             struct rh_error *error)
{
    ret_result->n_affected = spec->n_rows;
    for (uint64_t i = 0; ret_result->statuses && i < spec->n_rows; i++)
        ret_result->statuses[i] =
            (struct rh_row_status){.error_class = RH_DATA, .message = TEXT("not this one")};
    return misbehave(conn, "insert", op, error);
}

static int32_t vandal_begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                            struct rh_error *error)
{
    return misbehave(conn, "begin", op, error);
}

static int32_t vandal_commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return misbehave(conn, "commit", op, error);
}

static int32_t vandal_savepoint(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                                struct rh_error *error)
{
    return misbehave(conn, "savepoint", op, error);
}

static int32_t vandal_run(struct rh_conn *conn, const struct rh_op *op,
                          const struct rh_native_spec *spec, struct rh_native_result *ret_result,
                          struct rh_error *error)
{
    ret_result->n_affected = 3;
    return misbehave(conn, "run", op, error);
}

static int32_t vandal_apply(struct rh_conn *conn, const struct rh_op *op,
                            const struct rh_ddl_change *changes, uint32_t n_changes,
                            uint32_t stride, uint32_t flags, struct rh_text *ret_native,
                            struct rh_error *error)
{
    return misbehave(conn, "apply", op, error);
}

static int32_t vandal_feed_open(struct rh_conn *conn, const struct rh_op *op,
                                const struct rh_feed_spec *spec, struct rh_cursor **ret_cursor,
                                struct rh_error *error)
{
    return vandal_open(conn, op, NULL, ret_cursor, error);
}

/* Each row of the table, as if it had just come; the token is the number of the last one. */
static int32_t vandal_feed_next(struct rh_cursor *cursor, const struct rh_op *op,
                                uint32_t max_changes, struct rh_feed_batch *ret_batch,
                                struct rh_error *error)
{
    static const uint32_t kinds[] = {RH_CHANGE_PUT, RH_CHANGE_PUT, RH_CHANGE_DELETE};
    int32_t rc = misbehave(cursor->conn, "feed-next", op, error);

    if (rc)
        return rc;
    rc = vandal_next(cursor, op, max_changes < 3 ? max_changes : 3, &ret_batch->rows, error);
    if (rc)
        return rc;
    ret_batch->kinds = kinds;
    ret_batch->token.data = cursor->text;
    ret_batch->token.len =
        (uint64_t)snprintf(cursor->text, sizeof(cursor->text), "%d", (int)cursor->row);
    return RH_OK;
}

static const struct rh_write write_group = {
    .struct_size = sizeof(write_group), .atomicity = RH_ATOMIC_ROW, .insert = vandal_insert};
static const struct rh_tx tx_group = {.struct_size = sizeof(tx_group),
                                      .begin = vandal_begin,
                                      .commit = vandal_commit,
                                      .rollback = vandal_commit,
                                      .savepoint = vandal_savepoint,
                                      .rollback_to = vandal_savepoint,
                                      .release = vandal_savepoint};
static const struct rh_native native_group = {
    .struct_size = sizeof(native_group), .language = TEXT("Vandal"), .run = vandal_run};
static const struct rh_ddl ddl_group = {.struct_size = sizeof(ddl_group), .apply = vandal_apply};
static const struct rh_feed feed_group = {
    .struct_size = sizeof(feed_group), .open = vandal_feed_open, .next = vandal_feed_next};

static const struct rh_operator operators[] = {
    {RH_OP_EQ, RH_TYPE_BIT(RH_TYPE_INT), RH_VERDICT_EXACT, 0}};

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_SQL,
    .n_operators = 1,
    .operators = operators,
    .operator_stride = sizeof(operators[0]),
    .flags = VANDAL_FLAGS,
    .id = TEXT(VANDAL_ID),
    .title = TEXT("Vandal"),
    .version = TEXT("1.0"),
    .config_schema = TEXT("{\"type\":\"object\",\"properties\":{\"at\":{\"type\":\"string\"},"
                          "\"do\":{\"type\":\"string\"},\"arg\":{\"type\":\"string\"}}}"),
    .connect = vandal_connect,
    .close = vandal_close,
    .ping = vandal_ping,
    .tables = vandal_tables,
    .open = vandal_open,
    .next = vandal_next,
    .finish = vandal_finish,
    .cancel = vandal_cancel,
    .plan = vandal_plan,
    .explain = vandal_explain,
    .estimate = vandal_estimate,
    .reset = vandal_reset,
    .write = &write_group,
    .tx = &tx_group,
    .native = &native_group,
    .ddl = &ddl_group,
    .feed = &feed_group,
};

#ifdef VANDAL_AT_LOAD
__attribute__((constructor)) static void on_load(void)
{
    VANDAL_AT_LOAD;
}
#endif

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &connector;
    return RH_OK;
}
