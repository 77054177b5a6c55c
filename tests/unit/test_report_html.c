/* The page: complete, self-contained, and unmoved by what stands in data and replies. */
#include "report/page/page.h"

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

    cr_assert(eq(int, fm_report_write_html(out, &f->model, NULL, &options, &err), FM_OK), "%s",
              err.text);
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
        "default-src 'none'; script-src 'sha256-",
        "style-src 'unsafe-inline'; img-src data:; base-uri 'none'",
        "<h1>tabletop-3d</h1>",
        "sees the truth",
        "<b>75.0 %</b><span class=\"ci\">[30.1, 95.4]</span><span class=\"of\">3/4</span>",
        "timeout 1",
        "Verdicts that differ",
        "<p class=\"sub\">1 of 2 samples",
        "<a href=\"#sample=0\">a</a>",
        "{\"id\": \"a\", \"trouble\": \"the run's data is not here\", \"of\": [{\"s\": \"ok\"",
        "\"size\": 11, \"text\": \"(1, 2, 0.5)\"",
        "\"collision_ratios\": [0, 0.25]",
        "\"why\": \"no surface\"",
        "\"say\": \"no reply in 30 s\"",
        "adapter.settings.noise_px",
        "</html>"};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
        expect_text(&out, wanted[i]);
    fm_buf_release(&out);
    fixture_release(&f);
}

/* Its own, which the policy admits by its hash, and the three that are data. */
static size_t count(const fm_buf *out, const char *text)
{
    size_t n = 0;

    for (const char *p = fm_buf_text(out); (p = strstr(p, text)); p++)
        n++;
    return n;
}

Test(report_html, nothing_in_it_asks_for_anything_and_only_its_own_script_runs)
{
    report_fixture f = {0};
    fm_buf out = {0};

    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), paper, 2);
    fixture_finish(&f);
    write_page(&f, &out, true);
    cr_expect(eq(sz, count(&out, "<script"), 4));
    cr_expect(eq(sz, count(&out, "<script>"), 1));
    cr_expect(eq(sz, count(&out, "</script"), 4));
    expect_none(&out, "innerHTML");
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
         " \"</pre><script>alert(2)</script> \\u202e reversed \\\" onload=x <!--\"},"
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
    cr_expect(eq(sz, count(&out, "<script"), 4));
    cr_expect(eq(sz, count(&out, "</script"), 4));
    expect_none(&out, "<!--");
    expect_none(&out, "<img src=x");
    expect_none(&out, "<svg onload");
    expect_none(&out, "<b>\xEF");
    expect_none(&out, "\xE2\x80\xAE");
    expect_text(&out, "\\u003c/pre>\\u003cscript>alert(2)\\u003c/script> \\u202e reversed");
    expect_text(&out, "\\u003cscript>\\u0000");
    expect_text(&out, "<h1>&lt;script&gt;alert(6)&lt;/script&gt;</h1>");
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
    /* 12287 before the gap and 4096 behind it: whole characters */
    expect_text(&out, "\"size\": 1000001");
    expect_text(&out, "\"gap\": 983618");
    expect_none(&out, "\xEF\xBF\xBD");
    cr_expect(lt(sz, out.size, fm_page_script_size + fm_page_style_size + (32 << 10)));
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
    expect_text(&out, "{\"id\": \"b\"");
    cr_expect(eq(str, notices, FM_REPORT_NO_GNUPLOT));
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_html, runs_of_one_task_share_their_samples)
{
    report_fixture f = {0};
    fm_buf out = {0};

    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), paper, 2);
    fixture_run(&f, "/runs/two", FIXTURE_RESULTS("oracle", "paper", "1"), reference, 1);
    fixture_finish(&f);
    write_page(&f, &out, false);
    cr_expect(eq(sz, count(&out, "{\"id\": "), 2));
    expect_text(&out, "\"metrics\": [{\"name\": \"start_ok\"");
    expect_text(&out, "\"why\": \"no surface\", \"m\": {\"success\": false}, \"say\": "
                      "\"no reply in 30 s\"}, null]}");
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_html, runs_of_different_tasks_share_none)
{
    report_fixture f = {0};
    fm_buf out = {0};

    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), paper, 2);
    fixture_run(&f, "/runs/two",
                "{\"task\": \"other\", \"protocol\": \"paper\", \"primary\": \"success\"}",
                reference, 2);
    fixture_finish(&f);
    write_page(&f, &out, false);
    cr_expect(eq(sz, count(&out, "{\"id\": "), 4));
    expect_text(&out, "<h1>tabletop-3d, other</h1>");
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
        cr_assert(eq(int, fm_report_write_html(&pages[k], &f.model, NULL, &options, NULL), FM_OK));
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
