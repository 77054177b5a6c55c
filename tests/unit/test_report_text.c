/* The terminal table and the markdown: layout, and texts from files that try to act. */
#include "report/writers.h"
#include "base/text.h"
#include "report_fixture.h"

static const char *const lines[] = {
    "{\"id\": \"a\", \"status\": \"ok\", \"metrics\": {\"success\": true}}",
    ("{\"id\": \"b|\\u001b[31m\", \"status\": \"ok\", \"metrics\": {\"success\": false},"
     " \"reason\": \"<b>@everyone</b> `rm` | \\n \\u202e x\"}"),
};
static const char *const other_lines[] = {
    "{\"id\": \"a\", \"status\": \"ok\", \"metrics\": {\"success\": true}}",
    "{\"id\": \"b|\\u001b[31m\", \"status\": \"ok\", \"metrics\": {\"success\": true}}",
};

static void two_protocols(report_fixture *f)
{
    fixture_run(f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), lines, 2);
    fixture_run(f, "/runs/one", FIXTURE_RESULTS("jitter", "reference", "0.5"), other_lines, 2);
    fixture_finish(f);
}

static void table(report_fixture *f, fm_buf *out, const fm_report_options *options)
{
    fm_err err = {0};

    cr_assert(eq(int, fm_report_write_table(out, &f->model, options, &err), FM_OK), "%s", err.text);
}

Test(report_table, shows_every_part_of_the_summary)
{
    report_fixture f = {0};
    fm_buf out = {0};

    two_protocols(&f);
    table(&f, &out, NULL);
    static const char *const wanted[] = {"tabletop-3d",
                                         "jitter (sees the truth)",
                                         "4 samples",
                                         "@paper",
                                         "@reference",
                                         "\xE2\x96\xB8 success",
                                         "75.0 %  [30.1, 95.4]",
                                         "3/4",
                                         "0.0313 m  [0.0260, 0.0371]",
                                         "unparsed",
                                         "parse_error 1",
                                         "timeout 1",
                                         "verdicts that differ: 1 of 2 samples",
                                         "no       yes"};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
        cr_expect(ne(ptr, strstr(fm_buf_text(&out), wanted[i]), NULL), "missing: %s\n%s", wanted[i],
                  fm_buf_text(&out));
    cr_expect(eq(ptr, strchr(fm_buf_text(&out), '\033'), NULL));
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_table, no_line_is_wider_than_the_terminal)
{
    for (int width = 60; width <= 140; width += 10) {
        report_fixture f = {0};
        fm_buf out = {0};

        two_protocols(&f);
        table(&f, &out, &(fm_report_options){.width = width});
        for (char *line = strtok(out.data, "\n"); line; line = strtok(NULL, "\n"))
            cr_expect(le(sz, fm_text_columns(line), (size_t)width), "%d: %s", width, line);
        fm_buf_release(&out);
        fixture_release(&f);
    }
}

Test(report_table, columns_that_do_not_fit_go_into_another_band)
{
    report_fixture f = {0};
    fm_buf out = {0};

    two_protocols(&f);
    table(&f, &out, &(fm_report_options){.width = 70});
    const char *first = strstr(fm_buf_text(&out), "\xE2\x96\xB8 success");
    cr_assert(ne(ptr, (char *)first, NULL));
    cr_expect(ne(ptr, strstr(first + 1, "\xE2\x96\xB8 success"), NULL));
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_table, colour_is_used_only_when_asked_for_and_data_cannot_add_any)
{
    report_fixture f = {0};
    fm_buf out = {0};

    two_protocols(&f);
    table(&f, &out, &(fm_report_options){.colour = true});
    cr_expect(ne(ptr, strstr(fm_buf_text(&out), "\033[1m"), NULL));
    cr_expect(eq(ptr, strstr(fm_buf_text(&out), "\033[31m"), NULL));
    cr_expect(eq(ptr, strstr(fm_buf_text(&out), "\xE2\x80\xAE"), NULL));
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_table, the_list_of_differences_is_limited_and_says_so)
{
    report_fixture f = {0};
    fm_buf out = {0};
    char text[2][64][128];
    const char *all[2][64];

    for (int i = 0; i < 64; i++)
        for (int k = 0; k < 2; k++) {
            snprintf(text[k][i], sizeof(text[k][i]),
                     "{\"id\": \"%d\", \"metrics\": {\"success\": %s}}", i, k ? "true" : "false");
            all[k][i] = text[k][i];
        }
    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), all[0], 64);
    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "reference", "0.5"), all[1], 64);
    fixture_finish(&f);
    table(&f, &out, &(fm_report_options){.differing = 3});
    cr_expect(
        ne(ptr, strstr(fm_buf_text(&out), "64 of 64 samples\n  3 of 64 verdicts shown"), NULL));
    fm_buf_release(&out);
    fixture_release(&f);
}

Test(report_markdown, escapes_what_would_end_a_cell_or_act)
{
    report_fixture f = {0};
    fm_buf out = {0};

    two_protocols(&f);
    cr_assert(eq(int, fm_report_write_markdown(&out, &f.model, NULL, NULL), FM_OK));
    const char *text = fm_buf_text(&out);
    cr_expect(ne(ptr, strstr(text, "| success | **75.0 %** [30.1, 95.4] 3/4 |"), NULL), "%s", text);
    cr_expect(ne(ptr, strstr(text, "&lt;b&gt;&#64;everyone&lt;/b&gt; \\`rm\\` \\|"), NULL), "%s",
              text);
    cr_expect(eq(ptr, strstr(text, "@everyone"), NULL));

    /* every row of the list has as many cells as its heading */
    const char *list = strstr(text, "| id |");
    cr_assert(ne(ptr, (char *)list, NULL));
    for (const char *line = list; *line == '|';) {
        size_t bars = 0;
        for (; *line != '\n'; line++)
            bars += *line == '|' && line[-1] != '\\';
        cr_expect(eq(sz, bars, 6));
        line++;
    }
    fm_buf_release(&out);
    fixture_release(&f);
}
