/* Sheets and their headers. */
#include "googlesheets.h"

#include "base/map.h"

#include <string.h>

#define MAX_SHEETS 1000u
#define URL_BYTES ((size_t)1 << 20)

static bool is_shown(const struct rh_json *wanted, struct rh_text title)
{
    for (const struct rh_json *w = wanted ? wanted->child : NULL; w; w = w->next)
        if (w->kind == RH_JSON_STRING && rh_text_equal(w->text, title))
            return true;
    return !wanted || !wanted->n;
}

/* False when it is no grid (a chart on a sheet of its own), or not shown. */
static bool take_sheet(const struct rh_json *wanted, const struct rh_json *sheet,
                       struct rh_googlesheets_sheet *ret_sheet)
{
    const struct rh_json *properties = rh_json_member(sheet, "properties");
    const struct rh_json *grid = rh_json_member(properties, "gridProperties");
    struct rh_text title = rh_json_string(properties, "title");
    int64_t id = rh_googlesheets_int(properties, "sheetId");
    int64_t rows = rh_googlesheets_int(grid, "rowCount");
    int64_t columns = rh_googlesheets_int(grid, "columnCount");

    if (!title.len || memchr(title.data, 0, title.len) || rows < 1 || columns < 1 ||
        rows > INT32_MAX || columns > INT32_MAX || !is_shown(wanted, title))
        return false;
    *ret_sheet = (struct rh_googlesheets_sheet){.title = title,
                                                .id = id < 0 ? 0 : id,
                                                .n_rows = (uint32_t)rows,
                                                .n_columns = (uint32_t)columns};
    return true;
}

int rh_googlesheets_fetch_sheets(struct rh_conn *conn, const struct rh_op *op,
                                 struct rh_arena *arena, struct rh_googlesheets_sheet **ret_sheets,
                                 uint32_t *ret_n, struct rh_error *error)
{
    struct rh_json *answer = NULL, *wanted = NULL;
    const struct rh_json *sheets;
    struct rh_buf url;
    uint32_t n = 0;
    int rc = RH_OK;

    rh_buf_init(&url, URL_BYTES);
    rh_googlesheets_add_url(conn,
                            "?fields=sheets.properties(sheetId,title,sheetType,"
                            "gridProperties(rowCount,columnCount))",
                            &url);
    rc = rh_googlesheets_fetch(conn, op, &url, NULL, false, "cannot open the spreadsheet", arena,
                               &answer, error);
    rh_buf_free(&url);
    if (rc == RH_OK && conn->config.sheets)
        rc = rh_json_parse(arena, rh_text_of(conn->config.sheets), &wanted, error);
    if (rc)
        return rc;
    sheets = rh_json_member(answer, "sheets");
    if (!sheets || sheets->kind != RH_JSON_ARRAY)
        return rh_fail(error, RH_PROTOCOL, "the answer is no spreadsheet");
    if (sheets->n > MAX_SHEETS)
        return rh_fail(error, RH_RESOURCE, "there are more than %u sheets", MAX_SHEETS);
    *ret_sheets = rh_arena_array(arena, sheets->n, sizeof(**ret_sheets));
    if (!*ret_sheets)
        return rh_fail_nomem(error);
    for (const struct rh_json *sheet = sheets->child; sheet; sheet = sheet->next)
        n += take_sheet(wanted, sheet, &(*ret_sheets)[n]);
    *ret_n = n;
    return RH_OK;
}

int rh_googlesheets_find_sheet(struct rh_conn *conn, const struct rh_op *op, struct rh_text title,
                               struct rh_arena *arena, struct rh_googlesheets_sheet *ret_sheet,
                               struct rh_error *error)
{
    struct rh_googlesheets_sheet *sheets = NULL;
    uint32_t n = 0;
    int rc = rh_googlesheets_fetch_sheets(conn, op, arena, &sheets, &n, error);

    for (uint32_t i = 0; rc == RH_OK && i < n; i++)
        if (rh_text_equal(sheets[i].title, title)) {
            *ret_sheet = sheets[i];
            return RH_OK;
        }
    return rc ? rc : rh_fail(error, RH_NOT_FOUND, "there is no table \"%.*s\"", RH_TEXT_ARG(title));
}

/* A, B, …, Z, AA, … */
static void add_letters(uint32_t place, struct rh_buf *text)
{
    char letters[8];
    size_t n = 0;

    for (uint64_t left = (uint64_t)place + 1; left && n < sizeof(letters); left = (left - 1) / 26)
        letters[n++] = (char)('A' + (left - 1) % 26);
    while (n)
        rh_buf_add_char(text, letters[--n]);
}

static void add_corner(uint32_t place, uint32_t row, struct rh_buf *text)
{
    if (place != RH_NO_COLUMN)
        add_letters(place, text);
    rh_buf_addf(text, "%u", row);
}

void rh_googlesheets_add_a1(const struct rh_googlesheets_sheet *sheet, uint32_t place,
                            uint32_t from, uint32_t to, struct rh_buf *text)
{
    rh_buf_add_char(text, '\'');
    for (uint64_t i = 0; i < sheet->title.len; i++) {
        if (sheet->title.data[i] == '\'')
            rh_buf_add_char(text, '\'');
        rh_buf_add_char(text, sheet->title.data[i]);
    }
    rh_buf_add_str(text, "'!");
    add_corner(place, from, text);
    rh_buf_add_char(text, ':');
    add_corner(place, to, text);
}

void rh_googlesheets_add_range(const struct rh_googlesheets_sheet *sheet, uint32_t place,
                               uint32_t from, uint32_t to, struct rh_buf *url)
{
    struct rh_buf range;

    rh_buf_init(&range, URL_BYTES);
    rh_googlesheets_add_a1(sheet, place, from, to, &range);
    rh_http_add_parameter(url, RH_TEXT("ranges"), rh_buf_text(&range));
    url->failed = url->failed || range.failed;
    rh_buf_free(&range);
}

/* ---- Headers ------------------------------------------------------------------------------- */

static uint32_t count(const struct rh_json *cells)
{
    uint32_t n = 0;

    for (; cells; cells = cells->next)
        n++;
    return n;
}

static struct rh_text name_of(const struct rh_json *cell)
{
    const struct rh_json *scalar = rh_googlesheets_scalar(cell);

    if (!scalar)
        return rh_text_make(NULL, 0);
    if (scalar->kind == RH_JSON_TRUE || scalar->kind == RH_JSON_FALSE)
        return scalar->kind == RH_JSON_TRUE ? RH_TEXT("TRUE") : RH_TEXT("FALSE");
    return scalar->text;
}

int rh_googlesheets_read_header(struct rh_arena *arena, const struct rh_json *cells,
                                struct rh_googlesheets_header *ret_header, struct rh_error *error)
{
    struct rh_googlesheets_header header = {.n = count(cells)};
    struct rh_map seen;
    bool ok;

    header.names = rh_arena_array(arena, header.n, sizeof(*header.names));
    ok = header.names != NULL;
    rh_map_init(&seen);
    for (uint32_t i = 0; cells && ok; cells = cells->next, i++) {
        struct rh_text first = name_of(cells), name = first;

        if (!name.len || memchr(name.data, 0, name.len))
            continue;
        for (unsigned k = 2; ok && rh_map_get(&seen, name); k++) {
            name = rh_text_of(rh_arena_printf(arena, "%.*s (%u)", RH_TEXT_ARG(first), k));
            ok = name.data != NULL;
        }
        header.names[i] = name;
        ok = ok && rh_map_put(&seen, name, &header, NULL);
    }
    rh_map_free(&seen);
    if (!ok)
        return rh_fail_nomem(error);
    *ret_header = header;
    return RH_OK;
}

uint32_t rh_googlesheets_find_name(const struct rh_googlesheets_header *header, struct rh_text name)
{
    for (uint32_t i = 0; i < header->n; i++)
        if (header->names[i].len && rh_text_equal(header->names[i], name))
            return i;
    return RH_NO_COLUMN;
}
