/* gnuplot by pipe: what data may not do there, what happens without it, and the cleaned SVG. */
#include "report/curve.h"
#include "report/gnuplot.h"
#include "report/plots.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report_fixture.h"

#include "../support/scratch.h"
#include "base/files.h"

static void need_gnuplot(void)
{
    fm_buf script = {0}, out = {0};
    bool found = false;

    fm_buf_puts(&script, "print 1\n");
    if (fm_gnuplot_run(&script, 10, &out, &found, NULL) == FM_OK && !found)
        cr_skip_test("gnuplot is not installed");
    fm_buf_release(&script);
    fm_buf_release(&out);
}

/* Titles that are commands to gnuplot, or markup to an SVG reader, if anybody lets them. */
#define CANARY "/tmp/fathom-gnuplot-canary"
static const char *const hostile[] = {
    "a\nset output '" CANARY "'\nplot x",
    "`touch " CANARY "`",
    "$(touch " CANARY ")",
    "\"; system \"touch " CANARY "\"; \"",
    "'; system 'touch " CANARY "'; '",
    ("''''; !touch " CANARY),
    "@touch @x",
    "{/Bold enhanced}_a^b",
    "back\\slash\\",
    "\\n \\t \\\" %s %d %% %h",
    "</text><script>alert(1)</script><text>",
    "]]><!-- & &amp; <svg onload=alert(1)>",
    "bidi \xE2\x80\xAE and \x01 control \xFF broken",
};

Test(report_gnuplot, hostile_titles_are_shown_and_do_nothing)
{
    need_gnuplot();
    unlink(CANARY);
    for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
        fm_buf script = {0}, svg = {0}, *out[1] = {&svg};
        fm_err err = {0};
        size_t n = 0;
        bool found;

        fm_buf_puts(&script, "set terminal svg noenhanced\nset label ");
        fm_gnuplot_quote(&script, hostile[i]);
        fm_buf_puts(&script, " at 0,0 noenhanced\nset xlabel ");
        fm_gnuplot_quote(&script, hostile[i]);
        fm_buf_puts(&script, " noenhanced\nplot x title ");
        fm_gnuplot_quote(&script, hostile[i]);
        fm_buf_puts(&script, "\n");
        cr_expect(eq(int, fm_plot_render(&script, "p", out, 1, &n, &found, &err), FM_OK), "%zu: %s",
                  i, err.text);
        cr_expect(eq(sz, n, 1));
        const char *text = fm_buf_text(&svg);
        cr_expect(eq(ptr, strstr(text, "<script"), NULL), "%zu", i);
        cr_expect(eq(ptr, strstr(text, "<svg onload"), NULL), "%zu", i);
        cr_expect(eq(ptr, strstr(text, "\xE2\x80\xAE"), NULL), "%zu", i);
        cr_expect(ne(int, access(CANARY, F_OK), 0), "title %zu ran a command", i);
        fm_buf_release(&script);
        fm_buf_release(&svg);
    }
}

Test(report_gnuplot, a_quoted_text_arrives_as_it_is)
{
    fm_buf script = {0}, svg = {0}, *out[1] = {&svg};
    size_t n;
    bool found;

    need_gnuplot();
    fm_buf_puts(&script, "set terminal svg noenhanced\nset label ");
    fm_gnuplot_quote(&script, "it's {a}_b \\n \"q\" 5 % `x` @y");
    fm_buf_puts(&script, " at 0,0 noenhanced\nplot x\n");
    cr_assert(eq(int, fm_plot_render(&script, "p", out, 1, &n, &found, NULL), FM_OK));
    cr_expect(ne(ptr, strstr(fm_buf_text(&svg), "it's {a}_b \\n \"q\" 5 % `x` @y"), NULL));
    fm_buf_release(&script);
    fm_buf_release(&svg);
}

Test(report_gnuplot, without_gnuplot_nothing_is_found_and_nothing_fails)
{
    fm_buf script = {0}, out = {0};
    bool found = true;

    setenv("PATH", "/nonexistent", 1);
    fm_buf_puts(&script, "print 1\n");
    cr_expect(eq(int, fm_gnuplot_run(&script, 10, &out, &found, NULL), FM_OK));
    cr_expect(not(found));
    fm_buf_release(&script);
}

Test(report_gnuplot, its_complaint_is_part_of_the_message)
{
    fm_buf script = {0}, out = {0};
    fm_err err = {0};
    bool found;

    need_gnuplot();
    fm_buf_puts(&script, "no such command\n");
    cr_expect(eq(int, fm_gnuplot_run(&script, 10, &out, &found, &err), FM_E_IO));
    cr_expect(ne(ptr, strstr(err.text, "gnuplot failed: "), NULL), "%s", err.text);
    cr_expect(gt(sz, strlen(err.text), strlen("gnuplot failed: ")));
    fm_buf_release(&script);
    fm_buf_release(&out);
}

Test(report_gnuplot, one_that_hangs_is_stopped)
{
    fm_buf script = {0}, out = {0};
    fm_err err = {0};
    bool found;

    need_gnuplot();
    fm_buf_puts(&script, "pause 60\n");
    cr_expect(eq(int, fm_gnuplot_run(&script, 0.2, &out, &found, &err), FM_E_IO));
    cr_expect(ne(ptr, strstr(err.text, "stopped"), NULL), "%s", err.text);
    fm_buf_release(&script);
    fm_buf_release(&out);
}

Test(report_gnuplot, one_that_ends_early_raises_no_signal)
{
    fm_buf script = {0}, out = {0};
    bool found;

    need_gnuplot();
    fm_buf_puts(&script, "exit\n");
    for (int i = 0; i < 200000; i++)
        fm_buf_puts(&script, "# more than a pipe holds\n");
    cr_expect(eq(int, fm_gnuplot_run(&script, 10, &out, &found, NULL), FM_OK));
    fm_buf_release(&script);
    fm_buf_release(&out);
}

/* ---- the plots of a summary ---- */

static const char *const lines[] = {
    "{\"id\": \"a\", \"metrics\": {\"success\": true, \"dfd\": 0.02}}",
    "{\"id\": \"b\", \"metrics\": {\"success\": false, \"dfd\": 0.05}}",
    "{\"id\": \"c\", \"metrics\": {\"success\": false, \"dfd\": null}}",
};

static void summary(report_fixture *f, fm_plot *plots, size_t *n)
{
    fm_report_metric *metrics;
    fm_err err = {0};
    size_t n_metrics;
    bool found;

    cr_assert(eq(int, fm_report_metrics(&f->model, &metrics, &n_metrics, NULL), FM_OK));
    cr_assert(eq(int,
                 fm_plots_summary(&f->model, metrics, n_metrics, "x", plots, 8, n, &found, &err),
                 FM_OK),
              "%s", err.text);
}

Test(report_plots, there_is_one_of_all_rates_and_one_a_mean_that_has_values)
{
    report_fixture f = {0};
    fm_plot plots[8] = {0};
    size_t n;

    need_gnuplot();
    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), lines, 3);
    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "reference", "0.5"), lines, 3);
    fixture_finish(&f);
    summary(&f, plots, &n);
    cr_assert(eq(sz, n, 2)); /* rmse has no value in any sample */
    cr_expect(eq(str, TEXT(plots[0].name), "rates"));
    cr_expect(eq(str, TEXT(plots[1].name), "dfd"));
    cr_expect(ne(ptr, strstr(fm_buf_text(&plots[0].svg), ">start_ok<"), NULL));
    cr_expect(ne(ptr, strstr(fm_buf_text(&plots[1].svg), ">dfd (m)<"), NULL));
    for (size_t i = 0; i < n; i++) {
        const char *svg = fm_buf_text(&plots[i].svg);

        cr_expect(eq(int, strncmp(svg, "<svg", 4), 0));
        cr_expect(ne(ptr, strstr(svg, "currentColor"), NULL));
        cr_expect(eq(ptr, strstr(svg, "\"black\""), NULL));
        cr_expect(eq(ptr, strstr(svg, "<title>"), NULL));
        cr_expect(eq(ptr, strstr(svg, "id=\"gnuplot"), NULL));
        cr_expect(eq(ptr, strstr(svg, "#gpPt"), NULL));
        fm_buf_release(&plots[i].svg);
    }
    fixture_release(&f);
}

/* A task in the picture, whose distances have no unit. */
static const char flat_results[] =
    "{\"suite\": \"tabletop\", \"task\": \"tabletop-2d\", \"protocol\": \"paper\","
    " \"adapter\": \"jitter\", \"n\": 3, \"counts\": {\"ok\": 3}, \"primary\": \"dfd\","
    " \"aggregates\": {\"dfd\": {\"value\": 0.03, \"role\": \"mean\", \"unit\": \"\"}}}";

Test(report_plots, distances_of_two_units_have_an_axis_each)
{
    report_fixture f = {0};
    fm_plot plots[8] = {0};
    size_t n;

    need_gnuplot();
    fixture_run(&f, "/runs/space", FIXTURE_RESULTS("jitter", "paper", "0.75"), lines, 3);
    fixture_run(&f, "/runs/flat", flat_results, lines, 3);
    fixture_finish(&f);
    cr_expect(eq(str, TEXT(f.model.runs[0].rules), "tabletop-3d@paper"));
    cr_expect(eq(str, TEXT(f.model.runs[1].rules), "tabletop-2d@paper"));
    summary(&f, plots, &n);
    cr_assert(eq(sz, n, 3));
    cr_expect(eq(str, TEXT(plots[1].name), "dfd"));
    cr_expect(ne(ptr, strstr(fm_buf_text(&plots[1].svg), ">dfd (m)<"), NULL));
    cr_expect(eq(ptr, strstr(fm_buf_text(&plots[1].svg), "tabletop-2d"), NULL));
    cr_expect(eq(str, TEXT(plots[2].name), "dfd-tabletop-2d"));
    cr_expect(ne(ptr, strstr(fm_buf_text(&plots[2].svg), ">dfd<"), NULL));
    cr_expect(eq(ptr, strstr(fm_buf_text(&plots[2].svg), "tabletop-3d"), NULL));
    for (size_t i = 0; i < n; i++)
        fm_buf_release(&plots[i].svg);
    fixture_release(&f);
}

Test(report_plots, wild_values_do_not_squeeze_the_others)
{
    report_fixture f = {0};
    fm_plot plots[8] = {0};
    const char *all[40];
    char text[40][96];
    size_t n;

    need_gnuplot();
    for (int i = 0; i < 40; i++) {
        snprintf(text[i], sizeof(text[i]), "{\"id\": \"%d\", \"metrics\": {\"dfd\": %g}}", i,
                 i < 38 ? 0.01 * i : 1e9);
        all[i] = text[i];
    }
    fixture_run(&f, "/runs/one", FIXTURE_RESULTS("jitter", "paper", "0.75"), all, 40);
    fixture_finish(&f);
    summary(&f, plots, &n);
    cr_assert(eq(sz, n, 2));
    cr_expect(ne(ptr, strstr(fm_buf_text(&plots[1].svg), "dfd (m), 2 further right"), NULL));
    fm_buf_release(&plots[0].svg);
    fm_buf_release(&plots[1].svg);
    fixture_release(&f);
}

Test(report_plots, a_file_of_its_own_has_a_prolog_and_both_themes)
{
    fm_buf svg = {0}, file = {0};

    fm_buf_puts(&svg, "<svg viewBox=\"0 0 1 1\"><g/></svg>");
    fm_plot_standalone(&svg, &file);
    cr_expect(eq(int, strncmp(fm_buf_text(&file), "<?xml", 5), 0));
    cr_expect(ne(ptr, strstr(fm_buf_text(&file), "prefers-color-scheme:dark"), NULL));
    cr_expect(ne(ptr, strstr(fm_buf_text(&file), "<g/></svg>"), NULL));
    fm_buf_release(&svg);
    fm_buf_release(&file);
}

/* ---- the curve of a training ---- */

/* Steps as text; what curve.tsv and curve.gp then hold. */
static void draw_steps(const char *steps, fm_buf *data, fm_buf *script)
{
    bool found;
    fm_err err = {0};

    scratch_make();
    cr_assert(eq(int, fm_file_write_atomic(scratch_path("steps.tsv"), steps, strlen(steps), &err),
                 FM_OK));
    cr_assert(eq(int, fm_curve_write(scratch_path(""), &found, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, fm_file_read(scratch_path("curve.tsv"), 1 << 20, data, &err), FM_OK));
    cr_assert(eq(int, fm_file_read(scratch_path("curve.gp"), 1 << 20, script, &err), FM_OK));
    scratch_remove();
}

Test(report_curve, draws_what_the_columns_name)
{
    static const struct {
        const char *steps, *data, *label;
        bool held_out;
    } cases[] = {
        {"step\tquestions\ttoken\theld_out_token\n1\t9\t5.5\t\n2\t9\t4.5\t4.75\n",
         "1\t5.5\t0\n2\t4.5\t0\n2\t4.75\t1\n", "set ylabel 'loss of a token, nats'", true},
        {"step\treplies\treward\tkl\theld_out_reward\n1\t64\t0.5\t0\t\n2\t64\t1.5\t0.1\t2\n",
         "1\t0.5\t0\n2\t1.5\t0\n2\t2\t1\n", "set ylabel 'reward of a reply'", true},
        {"step\treward\n1\t0.5\n", "1\t0.5\t0\n", "'reward of a reply'", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        fm_buf data = {0}, script = {0};

        draw_steps(cases[i].steps, &data, &script);
        cr_expect(strstr(fm_buf_text(&data), cases[i].data) != NULL, "%zu: %s", i,
                  fm_buf_text(&data));
        cr_expect(strstr(fm_buf_text(&script), cases[i].label) != NULL, "%zu", i);
        cr_expect(eq(int, strstr(fm_buf_text(&script), "'held out'") != NULL, cases[i].held_out),
                  "%zu", i);
        fm_buf_release(&data);
        fm_buf_release(&script);
    }
}

/* A long training is means over stretches of its steps; the last may be short. */
Test(report_curve, long_trainings_are_means_over_stretches)
{
    fm_buf steps = {0}, data = {0}, script = {0};
    size_t rows = 0;

    fm_buf_puts(&steps, "step\ttoken\n");
    for (int i = 1; i <= 1000; i++)
        fm_buf_printf(&steps, "%d\t%d\n", i, i % 2);
    draw_steps(fm_buf_text(&steps), &data, &script);
    for (const char *c = fm_buf_text(&data); *c; c++)
        rows += *c == '\n';
    cr_expect(eq(sz, rows, 1 + 250));
    cr_expect(strstr(fm_buf_text(&data), "2.5\t0.5\t0\n6.5\t0.5\t0\n") != NULL, "%s",
              fm_buf_text(&data));
    fm_buf_release(&steps);
    fm_buf_release(&data);
    fm_buf_release(&script);
}

Test(report_curve, before_the_first_step_there_is_nothing_to_draw)
{
    bool found;
    fm_err err = {0};

    scratch_make();
    cr_assert(
        eq(int, fm_file_write_atomic(scratch_path("steps.tsv"), "step\ttoken\n", 11, &err), FM_OK));
    cr_expect(eq(int, fm_curve_write(scratch_path(""), &found, &err), FM_OK), "%s", err.text);
    cr_expect(eq(int, fm_file_exists(scratch_path("curve.tsv")), false));
    scratch_remove();
}
