/* The page: complete, self-contained, and unmoved by what stands in data and replies. */
#include "report/writers.h"

#include <stdlib.h>
#include <unistd.h>

#include "report_fixture.h"

static const char *const paper[] = {
    ("{\"id\": \"a\", \"status\": \"ok\", \"reply\": {\"status\": \"ok\", \"text\": \"(1, 2, "
     "0.5)\"},"
     " \"answer\": {\"points\": [[0.1, 0.2, 0.5]]},"
     " \"metrics\": {\"start_ok\": true, \"success\": true, \"dfd\": 0.02,"
     "   \"collision_ratios\": [0, 0.25]}}"),
    ("{\"id\": \"b\", \"status\": \"timeout\", \"reply\": {\"status\": \"timeout\", \"text\": null,"
     " \"detail\": \"no reply in 30 s\"}, \"metrics\": {\"success\": false},"
     " \"reason\": \"no surface\"}"),
};
static const char *const reference[] = {
    "{\"id\": \"a\", \"status\": \"ok\", \"metrics\": {\"start_ok\": false, \"success\": true}}",
    "{\"id\": \"b\", \"status\": \"timeout\", \"metrics\": {\"success\": false}}",
};

static char notices[512];

static void note(void *context, const char *text)
{
    (void)context;
    strncat(notices, text, sizeof(notices) - strlen(notices) - 1);
}

static void write_page(report_fixture *f, fm_buf *out, bool plots)
{
    fm_report_options options = {.jobs = 2, .no_plots = !plots, .notice = note};
    fm_err err = {0};

    cr_assert(eq(int, fm_report_write_html(out, &f->model, &options, &err), FM_OK), "%s", err.text);
}

static void expect_text(const fm_buf *out, const char *wanted)
{
    cr_expect(ne(ptr, strstr(fm_buf_text(out), wanted), NULL), "missing: %s", wanted);
}

static void expect_none(const fm_buf *out, const char *unwanted)
{
    cr_expect(eq(ptr, strstr(fm_buf_text(out), unwanted), NULL), "found: %s", unwanted);
}

Test(report_html, a_page_has_all_its_parts)
{
    report_fixture f = {0};
    fm_buf out = {0};

    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), paper, 2);
    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "reference", "0.5"), reference, 2);
    fixture_finish(&f);
    write_page(&f, &out, false);
    static const char *const wanted[] = {
        "<!doctype html>",
        "default-src 'none'; img-src data:",
        "<h1>tabletop-3d</h1>",
        "sees the truth",
        "<b>75.0 %</b><span class=\"ci\">[30.1, 95.4]</span><span class=\"of\">3/4</span>",
        "timeout 1",
        "Verdicts that differ",
        "<p class=\"sub\">1 of 2 samples",
        "<a href=\"#s0\">a</a>",
        "id=\"s0\"",
        "card pass diff",
        "card fail\"",
        "\xE2\x9C\x93 start_ok",
        "(1, 2, 0.5)",
        "0, 0.25",
        "timeout: no reply in 30 s",
        "@paper: no surface",
        "the run&#39;s data is not here",
        "adapter.settings.noise_px",
        "</html>"};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
        expect_text(&out, wanted[i]);
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_html, nothing_in_it_asks_for_anything_or_runs)
{
    report_fixture f = {0};
    fm_buf out = {0};

    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), paper, 2);
    fixture_finish(&f);
    write_page(&f, &out, true);
    expect_none(&out, "<script");
    expect_none(&out, "src=\"http");
    expect_none(&out, "url(");
    expect_none(&out, "@import");
    expect_none(&out, "href=\"http");
    fm_buf_release(&out);
    fixture_release(&f);
}

/* What a model may answer, what a folder may be called, and what a data set may call a sample. */
Test(report_html, hostile_texts_are_shown_and_do_nothing)
{
    static const char *const lines[] = {
        ("{\"id\": \"<script>alert(1)</script>\", \"status\": \"<b>\\u0001\", \"reply\": {\"text\":"
         " \"</pre><script>alert(2)</script> \\u202e reversed \\\" onload=x\"},"
         " \"metrics\": {\"<img src=x onerror=alert(3)>\": 1, \"success\": false},"
         " \"reason\": \"'><svg onload=alert(4)>\"}"),
        /* "<script>\0\xFF" */
        ("{\"id\": \"b\", \"status\": \"ok\", \"reply\": {\"text_base64\": \"PHNjcmlwdD4A/w==\"},"
         " \"metrics\": {}}"),
    };
    report_fixture f = {0};
    fm_buf out = {0};

    fixture_run(&f, "/runs/<script>alert(5)</script>",
                "{\"task\": \"<script>alert(6)</script>\", \"protocol\": \"'\\\"><script>\","
                " \"suite\": \"</title><script>\", \"suite_version\": \"<\", \"n\": 2,"
                " \"adapter\": \"</style><script>\", \"primary\": \"success\", \"counts\": {},"
                " \"aggregates\": {\"<script>\": {\"role\": \"rate\", \"value\": 0.5,"
                "   \"unit\": \"<b>\"}, \"m<script>\": {\"role\": \"mean\", \"value\": 1,"
                "   \"unit\": \"<i>\"}}}",
                lines, 2);
    fixture_finish(&f);
    write_page(&f, &out, true);
    expect_none(&out, "<script");
    expect_none(&out, "<img src=x");
    expect_none(&out, "<svg onload");
    expect_none(&out, "<b>\xEF");
    expect_none(&out, "\xE2\x80\xAE");
    expect_none(&out, "\" onload=x");
    expect_text(&out, "&lt;/pre&gt;&lt;script&gt;alert(2)&lt;/script&gt; \xEF\xBF\xBD reversed");
    expect_text(&out, "&lt;script&gt;\xEF\xBF\xBD\xEF\xBF\xBD</pre>");
    cr_expect(eq(sz, strlen(fm_buf_text(&out)), out.size), "a NUL byte got through");
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_html, a_huge_reply_is_cut_and_says_so)
{
    report_fixture f = {0};
    fm_buf out = {0}, line = {0};
    const char *lines[1];

    fm_buf_puts(&line,
                "{\"id\": \"a\", \"status\": \"ok\", \"metrics\": {}, \"reply\": {\"text\": \"x");
    for (int i = 0; i < 500000; i++)
        fm_buf_puts(&line, "\xC3\xA9"); /* two bytes each: the cut falls inside one */
    fm_buf_puts(&line, "\"}}");
    lines[0] = fm_buf_text(&line);
    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), lines, 1);
    fixture_finish(&f);
    write_page(&f, &out, false);
    expect_text(&out, "reply, 1000001 bytes");
    expect_text(&out, "Cut here: the first 16383 of 1000001 bytes.");
    expect_none(&out, "\xEF\xBF\xBD");
    cr_expect(lt(sz, out.size, 64 << 10));
    fm_buf_release(&out);
    fm_buf_release(&line);
    fixture_release(&f);
}

Test(report_html, without_gnuplot_the_page_is_made_and_says_what_is_missing)
{
    report_fixture f = {0};
    fm_buf out = {0};

    setenv("PATH", "/nonexistent", 1);
    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), paper, 2);
    fixture_finish(&f);
    write_page(&f, &out, true);
    expect_text(&out, FM_REPORT_NO_GNUPLOT);
    expect_text(&out, "id=\"s1\"");
    cr_expect(eq(str, notices, FM_REPORT_NO_GNUPLOT));
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_html, runs_of_different_directories_each_have_their_samples)
{
    report_fixture f = {0};
    fm_buf out = {0};

    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), paper, 2);
    fixture_run(&f, "/runs/two", FIXTURE_RESULTS("oracle", "paper", "1"), reference, 2);
    fixture_finish(&f);
    write_page(&f, &out, false);
    expect_text(&out, "<h2>jitter</h2>");
    expect_text(&out, "<h2>oracle</h2>");
    expect_text(&out, "id=\"s3\"");
    expect_none(&out, "id=\"s4\"");
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_html, the_page_does_not_depend_on_the_number_of_threads)
{
    fm_buf pages[2] = {{0}, {0}};

    for (int k = 0; k < 2; k++) {
        report_fixture f = {0};
        fm_report_options options = {.jobs = k ? 4 : 1};

        fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), paper, 2);
        fixture_finish(&f);
        cr_assert(eq(int, fm_report_write_html(&pages[k], &f.model, &options, NULL), FM_OK));
        fixture_release(&f);
    }
    cr_assert(eq(sz, pages[0].size, pages[1].size));
    cr_expect(eq(int, memcmp(pages[0].data, pages[1].data, pages[0].size), 0));
    fm_buf_release(&pages[0]);
    fm_buf_release(&pages[1]);
}

Test(report_html, file_names_come_from_plain_ids_only)
{
    static const char *const odd[] = {"", ".", "..", "../x", "a/b", "a b", "\xC3\xA9", "-\n", "@1"};
    char name[FM_REPORT_NAME_BYTES];

    fm_report_file_name("item_7.b-2", 3, name);
    cr_expect(eq(str, name, "item_7.b-2"));
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
        fm_report_file_name(odd[i], 3, name);
        cr_expect(eq(str, name, "@3"), "%s", odd[i]);
    }
}
