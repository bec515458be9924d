/*
 * See bulk.h. The rows are written as text while the library asks for them, so they need no memory
 * of their own: fields parted by tabs, escapes by backslash, NULL as \N (manual, "LOAD DATA").
 *
 * Bytes go as hex digits through UNHEX, so that the file is valid UTF-8 whatever they are; bits as
 * numbers. The user variables that carry them are emptied afterwards.
 */
#include "bulk.h"

#include "base/number.h"
#include "connector/civil.h"
#include "read.h"
#include "type.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NOT_ALLOWED 1148         /* the server's own code for it */
#define BUFFER_BYTES (64u << 20) /* of one row */

struct rh_my_upload {
    const struct rh_write_spec *spec;
    uint64_t next_row;
    struct rh_buf text; /* of the row at hand */
    size_t sent;
    bool failed;
};

static const struct rh_column *column_at(const struct rh_write_spec *spec, uint32_t i)
{
    return rh_sql_column_at(spec->columns, spec->column_stride, i);
}

/* ---- what suits ---- */

static bool cell_suits(const struct rh_column *column, const struct rh_value *cell)
{
    switch (cell->type) {
    case RH_TYPE_FLOAT:
        return isfinite(cell->as.f);
    case RH_TYPE_DECIMAL:
        return !memchr(cell->as.data, 'N', cell->len);
    case RH_TYPE_TEXT:
        return rh_text_is_utf8(rh_kit_value_text(cell));
    case RH_TYPE_DATE:
    case RH_TYPE_DATETIME:
    case RH_TYPE_TIMESTAMP: { /* as parameters: those that cannot be said fail there */
        MYSQL_TIME time;
        int64_t days = 0;
        if (cell->type != RH_TYPE_DATE)
            return rh_my_time_of_us(cell->as.i, &time);
        return !__builtin_mul_overflow(cell->as.i, RH_CIVIL_DAY_US, &days) &&
               rh_my_time_of_us(days, &time);
    }
    case RH_TYPE_INTERVAL:
        return false;
    case RH_TYPE_BOOL:
    case RH_TYPE_INT:
        return column->type != RH_TYPE_BOOL || (cell->as.i >= INT8_MIN && cell->as.i <= INT8_MAX);
    default:
        return true;
    }
}

bool rh_my_bulk_suits(const struct rh_conn *conn, const struct rh_write_spec *spec)
{
    uint32_t given = 0;

    if (conn->no_bulk)
        return false;
    for (uint32_t col = 0; col < spec->n_columns; col++) {
        bool missing = spec->cells[col].type == RH_TYPE_MISSING;
        given += !missing;
        for (uint64_t row = 0; row < spec->n_rows; row++) {
            const struct rh_value *cell = &spec->cells[row * spec->n_columns + col];
            if ((cell->type == RH_TYPE_MISSING) != missing ||
                !cell_suits(column_at(spec, col), cell))
                return false;
        }
    }
    return given > 0;
}

/* Whether what was loaded can be undone. */
static int check_engine(struct rh_conn *conn, const struct rh_write_spec *spec, bool *ret_undoes,
                        struct rh_error *error)
{
    const struct rh_value names[] = {rh_kit_text(spec->schema), rh_kit_text(spec->table)};
    struct rh_sql *sql = rh_my_sql(conn);
    struct rh_my_rows *rows = rh_my_rows_new(conn, 1, SIZE_MAX);
    struct rh_batch batch = {.struct_size = sizeof batch};
    MYSQL_STMT *stmt = NULL;
    int rc = rows ? RH_OK : rh_fail_nomem(error);

    rh_sql_add(sql, "SELECT ENGINE IN ('InnoDB', 'ROCKSDB') FROM information_schema.TABLES"
                    " WHERE TABLE_SCHEMA = ");
    if (spec->schema.len)
        rh_sql_bind(sql, NULL, &names[0], RH_SQL_PLAIN);
    else
        rh_sql_add(sql, "DATABASE()");
    rh_sql_add(sql, " AND TABLE_NAME = ");
    rh_sql_bind(sql, NULL, &names[1], RH_SQL_PLAIN);
    if (!rc)
        rc = rh_my_run(conn, sql, &stmt, error);
    if (!rc)
        rc = rh_my_rows_take(rows, stmt, error);
    if (!rc) {
        rh_my_rows_clear(rows, UINT64_MAX);
        rc = rh_my_rows_fetch(rows, error);
    }
    if (!rc)
        rc = rh_my_rows_batch(rows, &batch, error);
    *ret_undoes = !rc && batch.cells[0].type == RH_TYPE_INT && batch.cells[0].as.i == 1;
    rh_my_rows_free(rows);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- the text ---- */

static void add_escaped(struct rh_buf *to, const char *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] == '\t' || data[i] == '\n' || data[i] == '\\') {
            rh_buf_add_char(to, '\\');
            rh_buf_add_char(to, data[i]);
        } else if (data[i] == '\0') {
            rh_buf_add(to, "\\0", 2);
        } else {
            rh_buf_add_char(to, data[i]);
        }
    }
}

static void add_hex(struct rh_buf *to, const unsigned char *data, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char *at = rh_buf_reserve(to, n * 2);

    for (size_t i = 0; at && i < n; i++) {
        *at++ = digits[data[i] >> 4];
        *at++ = digits[data[i] & 15];
    }
    if (at)
        to->len += n * 2;
}

static void add_uuid(struct rh_buf *to, const unsigned char *data)
{
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            rh_buf_add_char(to, '-');
        add_hex(to, data + i, 1);
    }
}

static void add_cell(struct rh_buf *to, const struct rh_column *column, const struct rh_value *cell)
{
    char room[RH_CIVIL_MAX + 1];
    size_t n = 0;

    switch (cell->type) {
    case RH_TYPE_NULL:
        rh_buf_add(to, "\\N", 2);
        return;
    case RH_TYPE_BOOL:
    case RH_TYPE_INT:
        rh_buf_add_i64(to, cell->as.i);
        return;
    case RH_TYPE_UINT:
        rh_buf_add_u64(to, cell->as.u);
        return;
    case RH_TYPE_FLOAT:
        rh_buf_add(to, room, rh_number_from_f64(cell->as.f, room));
        return;
    case RH_TYPE_DATE:
        n = rh_civil_format_date(room, cell->as.i);
        break;
    case RH_TYPE_TIME:
        n = rh_civil_format_time(room, cell->as.i);
        break;
    case RH_TYPE_DATETIME:
    case RH_TYPE_TIMESTAMP:
        n = rh_civil_format_datetime(room, cell->as.i);
        break;
    case RH_TYPE_UUID:
        if (rh_my_stores_bytes(column))
            add_hex(to, cell->as.data, 16);
        else
            add_uuid(to, cell->as.data);
        return;
    default:
        if (rh_my_stores_bytes(column))
            add_hex(to, cell->as.data, cell->len);
        else
            add_escaped(to, cell->as.data, cell->len);
        return;
    }
    rh_buf_add(to, room, n);
}

static void write_row(struct rh_my_upload *upload)
{
    const struct rh_write_spec *spec = upload->spec;
    const struct rh_value *cells = spec->cells + upload->next_row * spec->n_columns;
    bool first = true;

    rh_buf_clear(&upload->text);
    upload->sent = 0;
    for (uint32_t i = 0; i < spec->n_columns; i++) {
        if (cells[i].type == RH_TYPE_MISSING)
            continue;
        if (!first)
            rh_buf_add_char(&upload->text, '\t');
        first = false;
        add_cell(&upload->text, column_at(spec, i), &cells[i]);
    }
    rh_buf_add_char(&upload->text, '\n');
    upload->next_row++;
    upload->failed = upload->failed || upload->text.failed;
}

/* ---- what the library calls ---- */

static int begin_upload(void **ret_upload, const char *name, void *context)
{
    const struct rh_conn *conn = context;

    (void)name; /* whatever the server says: it gets what we upload, or nothing */
    *ret_upload = conn->upload;
    return conn->upload == NULL;
}

static int read_upload(void *context, char *to, unsigned room)
{
    struct rh_my_upload *upload = context;
    unsigned n = 0;

    while (n < room) {
        size_t left = upload->text.len - upload->sent;
        if (left == 0 && upload->next_row == upload->spec->n_rows)
            break;
        if (left == 0) {
            write_row(upload);
            if (upload->failed)
                return -1;
            continue;
        }
        if (left > room - n)
            left = room - n;
        memcpy(to + n, upload->text.data + upload->sent, left);
        upload->sent += left;
        n += (unsigned)left;
    }
    return (int)n;
}

static void end_upload(void *context)
{
    (void)context;
}

static int fail_upload(void *context, char *to, unsigned room)
{
    (void)context;
    (void)snprintf(to, room, "nothing is uploaded");
    return NOT_ALLOWED;
}

void rh_my_bulk_attach(struct rh_conn *conn)
{
    unsigned yes = 1;

    (void)mysql_optionsv(conn->my, MYSQL_OPT_LOCAL_INFILE, &yes);
    mysql_set_local_infile_handler(conn->my, begin_upload, read_upload, end_upload, fail_upload,
                                   conn);
}

/* ---- loading ---- */

static void add_columns(struct rh_sql *sql, const struct rh_write_spec *spec)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < spec->n_columns; i++) {
        const struct rh_column *column = column_at(spec, i);
        if (spec->cells[i].type == RH_TYPE_MISSING)
            continue;
        rh_sql_add(sql, n++ ? ", " : " (");
        if (rh_my_stores_bytes(column) || rh_my_kind_of(column) == RH_MY_BIT)
            rh_sql_addf(sql, "@rh_%u", i);
        else
            rh_sql_identifier(sql, column->name);
    }
    rh_sql_add(sql, ")");
}

static uint32_t add_conversions(struct rh_sql *sql, const struct rh_write_spec *spec)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < spec->n_columns; i++) {
        const struct rh_column *column = column_at(spec, i);
        bool bits = rh_my_kind_of(column) == RH_MY_BIT;
        if (spec->cells[i].type == RH_TYPE_MISSING || !(rh_my_stores_bytes(column) || bits))
            continue;
        rh_sql_add(sql, n++ ? ", " : " SET ");
        rh_sql_identifier(sql, column->name);
        rh_sql_addf(sql, bits ? " = CAST(@rh_%u AS UNSIGNED)" : " = UNHEX(@rh_%u)", i);
    }
    return n;
}

static int forget_variables(struct rh_conn *conn, const struct rh_write_spec *spec,
                            struct rh_error *error)
{
    struct rh_sql *sql = rh_my_sql(conn);

    for (uint32_t i = 0; i < spec->n_columns; i++)
        rh_sql_addf(sql, i ? ", @rh_%u = NULL" : "SET @rh_%u = NULL", i);
    return rh_my_command(conn, rh_sql_string(sql), error);
}

int rh_my_bulk_load(struct rh_conn *conn, const struct rh_write_spec *spec, bool *ret_clean,
                    struct rh_error *error)
{
    struct rh_my_upload upload = {.spec = spec};
    struct rh_sql *sql = NULL;
    struct rh_error own = RH_ERROR_INIT;
    uint32_t n_variables = 0;
    bool undoes = false;
    int rc = check_engine(conn, spec, &undoes, error);

    *ret_clean = false;
    if (rc || !undoes)
        return rc;
    sql = rh_my_sql(conn);
    rh_sql_add(sql, "LOAD DATA LOCAL INFILE 'rowhouse' INTO TABLE ");
    rh_sql_table(sql, spec->schema, spec->table);
    rh_sql_add(sql, " CHARACTER SET utf8mb4 FIELDS TERMINATED BY x'09' ESCAPED BY x'5C'"
                    " LINES TERMINATED BY x'0A'");
    add_columns(sql, spec);
    n_variables = add_conversions(sql, spec);
    rc = rh_sql_check(sql, error);
    if (rc)
        return rc;
    rh_buf_init(&upload.text, BUFFER_BYTES);
    conn->upload = &upload;
    rc = rh_my_command(conn, rh_sql_string(sql), &own);
    conn->upload = NULL;
    rh_buf_free(&upload.text);
    if (!rc)
        *ret_clean =
            mysql_affected_rows(conn->my) == spec->n_rows && mysql_warning_count(conn->my) == 0;
    else if (!conn->broken && !conn->interrupted) { /* not here, or not this table */
        conn->no_bulk =
            own.native_code == NOT_ALLOWED || own.native_code == 3948 || own.native_code == 4166;
        rc = RH_OK;
    } else if (error && !error->error_class) {
        *error = own;
    }
    if (n_variables && !conn->broken && !conn->interrupted) {
        int forgotten = forget_variables(conn, spec, rc ? NULL : error);
        rc = rc ? rc : forgotten;
    }
    return rc;
}
