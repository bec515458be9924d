/*
 * XML in pieces: rows, what is refused, ceilings.
 */
#include "connector/xml.h"

#include "base/err.h"
#include "base/text.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <check.h>

/* The rows' JSON, with '|' behind each. */
static int read_all(const char *path, struct rh_text rest, size_t piece, size_t max,
                    struct rh_buf *ret, struct rh_error *error)
{
    struct rh_json *row;
    struct rh_xml xml;
    int rc;
    rh_buf_clear(ret);
    rh_xml_init(&xml, path, max);
    while ((rc = rh_xml_next(&xml, &row, error)) >= 0 && rc != RH_END) {
        size_t take = rest.len < piece ? rest.len : piece;
        if (rc == RH_OK) {
            rh_buf_add_text(ret, row->source);
            rh_buf_add_char(ret, '|');
            continue;
        }
        if (take)
            rh_xml_push(&xml, rh_text_make(rest.data, take));
        else
            rh_xml_close(&xml);
        rest = rh_text_make(rest.data + take, rest.len - take);
    }
    if (rc == RH_END && !xml.found)
        rh_buf_add_str(ret, "not found");
    rh_xml_fini(&xml);
    return rc;
}

static const struct {
    const char *path, *text, *read;
} good[] = {
    {"r", "<r/>", "{\"#text\":null}|"},
    {"r", "\xEF\xBB\xBF<?xml version='1.0' encoding=\"UTF-8\"?>\n<r>a &amp; b</r>\n",
     "{\"#text\":\"a & b\"}|"},
    {"us.u",
     "<us><!-- <u/> --><u id=\"7\"><name>Ann</name><tag>a</tag><x/><tag>b</tag><tag/></u>"
     "<v><u>no</u></v><u><name>&lt;&#66;&#x43;&gt;</name></u></us>",
     "{\"@id\":\"7\",\"name\":\"Ann\",\"tag\":[\"a\",\"b\",null],\"x\":null}|"
     "{\"name\":\"<BC>\"}|"},
    {"e.c.c", "<e><c t='1 &quot;'><c k='a'/><c k=\"b\" >x</c ></c><c><c k='c'/></c></e>",
     "{\"@k\":\"a\",\"^@t\":\"1 \\\"\"}|{\"@k\":\"b\",\"#text\":\"x\",\"^@t\":\"1 \\\"\"}|"
     "{\"@k\":\"c\"}|"},
    {"a.b", "<a> t <b><![CDATA[<x>&amp;]]></b><b>\r\n1\r2</b></a>",
     "{\"#text\":\"<x>&amp;\"}|{\"#text\":\"\\n1\\n2\"}|"},
    {"a.b", "<a><b x='1\n2\r\n3'> <n:c> </n:c> </b></a>", "{\"@x\":\"1 2 3\",\"n:c\":\" \"}|"},
    {"a.b", "<a><b><b>1</b></b><c><b/></c></a>", "{\"b\":\"1\"}|"},
    {"a.b", "<a><?pi a='>'?></a>", ""},
    {"a.b", "<c><b/></c>", "not found"},
    {"a.b", "<a><b>\xC3\xA9&#233;&#x1F600;</b></a>",
     "{\"#text\":\"\xC3\xA9\xC3\xA9\xF0\x9F\x98\x80\"}|"},
};

START_TEST(rows_are_cut_anywhere)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_buf read;
    rh_buf_init(&read, 4096);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        for (size_t piece = 1; piece < 60; piece++) {
            int rc = read_all(good[i].path, rh_text_of(good[i].text), piece, 300, &read, &error);
            ck_assert_msg(rc == RH_END, "%s: %s", good[i].text, error.message);
            ck_assert_msg(rh_text_is(rh_buf_text(&read), good[i].read), "%s: %.*s", good[i].text,
                          RH_TEXT_ARG(rh_buf_text(&read)));
        }
    rh_buf_free(&read);
}
END_TEST

static const struct {
    const char *text, *says;
} bad[] = {
    {"", "it ends in the middle"},
    {"plain", "text outside of its root"},
    {"<a><b>1</b>", "it ends in the middle"},
    {"<a><b>1</b></a", "it ends in the middle"},
    {"<a><b>1</a></b>", "closed by another"},
    {"<a><b/></a></a>", "that was not opened"},
    {"<a/><a/>", "two roots"},
    {"<a/>x", "text outside of its root"},
    {"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a><b>&x;</b></a>", "document type"},
    {"<a><b>&x;</b></a>", "\"&x;\", which is not known"},
    {"<a><b>&#0;</b></a>", "not known"},
    {"<a><b>&#xD800;</b></a>", "not known"},
    {"<a><b>&#1114112;</b></a>", "not known"},
    {"<a><b>& </b></a>", "does not begin a reference"},
    {"<a><b x=1/></a>", "no quoted value"},
    {"<a><b x='1'y='2'/></a>", "a tag is malformed"},
    {"<a><b x='1' x='2'/></a>", "an attribute twice"},
    {"<a><b x='<'/></a>", "has '<' in it"},
    {"<a><1/></a>", "a tag has no name"},
    {"<a></a b='1'>", "more than a name"},
    {"<a><b>\x01</b></a>", "a control character"},
    {"<a><b>\xC3</b></a>", "it is not UTF-8"},
    {"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "another encoding"},
    {"{\"error\": 1}", "text outside of its root"},
};

START_TEST(what_is_no_xml_is_refused)
{
    struct rh_buf read;
    rh_buf_init(&read, 4096);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        for (size_t piece = 1; piece < 90; piece += 4) {
            struct rh_error error = RH_ERROR_INIT;
            int rc = read_all("a.b", rh_text_of(bad[i].text), piece, 300, &read, &error);
            ck_assert_msg(rc == RH_PROTOCOL && strstr(error.message, bad[i].says), "%s: %s",
                          bad[i].text, error.message);
        }
    rh_buf_free(&read);
}
END_TEST

/* In `part`, '%' is the number of the repetition. */
static int read_repeated(const char *before, const char *part, uint32_t n, const char *after,
                         size_t max, struct rh_error *error)
{
    struct rh_buf text, read;
    rh_buf_init(&text, SIZE_MAX);
    rh_buf_init(&read, SIZE_MAX);
    rh_buf_add_str(&text, before);
    for (uint32_t i = 0; i < n; i++)
        for (const char *c = part; *c; c++)
            if (*c == '%')
                rh_buf_add_u64(&text, i);
            else
                rh_buf_add_char(&text, *c);
    rh_buf_add_str(&text, after);
    int rc = read_all("a.b", rh_buf_text(&text), 4096, max, &read, error);
    rh_buf_free(&text);
    rh_buf_free(&read);
    return rc;
}

START_TEST(ceilings)
{
    static const struct {
        const char *before, *part, *after, *says;
        uint32_t n;
        size_t max;
        int rc;
    } cases[] = {
        {"<a>", "<b>%</b>", "</a>", "", 20000, 100, RH_END},
        {"<a><b>", "0123456789%", "</b></a>", "longer than 100 bytes", 20, 100, RH_RESOURCE},
        {"<a><b>", "<c>%</c>", "</b></a>", "longer than 100 bytes", 20, 100, RH_RESOURCE},
        {"<a><b x='", "0123456789%", "'/></a>", "longer than 100 bytes", 20, 100, RH_RESOURCE},
        {"<a><!--", "0123456789%", "--></a>", "longer than 100 bytes", 20, 100, RH_RESOURCE},
        {"<a><b>", "<c%/>", "</b></a>", "too many members", 3000, 1 << 20, RH_PROTOCOL},
        {"<a><b>", "<c x='%'/>", "</b></a>", "", 30000, 1 << 20, RH_END},
        {"<a><b>", "<c x='%'>", "", "nested too deeply", 100, 1 << 20, RH_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rh_error error = RH_ERROR_INIT;
        int rc = read_repeated(cases[i].before, cases[i].part, cases[i].n, cases[i].after,
                               cases[i].max, &error);
        ck_assert_msg(rc == cases[i].rc && strstr(error.message, cases[i].says), "%zu: %d %s", i,
                      rc, error.message);
    }
}
END_TEST

static bool run_all(void *context)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_buf read;
    (void)context;
    rh_buf_init(&read, 4096);
    int rc = read_all("a.b", RH_TEXT("<a x='1'><b y='2'><c>1</c><c>2</c></b></a>"), 7, 300, &read,
                      &error);
    FAULT_ASSERT(rc == RH_END || rc == RH_RESOURCE);
    bool complete = rc == RH_END && !read.failed;
    rh_buf_free(&read);
    return complete;
}

START_TEST(without_memory)
{
    ck_assert_uint_gt(fault_torture(run_all, NULL), 4);
}
END_TEST

TESTS_MAIN("kit_xml", rows_are_cut_anywhere, what_is_no_xml_is_refused, ceilings, without_memory)
