/* Figures as files: data and script beside the pictures, hostile names as text, no gnuplot no failure. Skipped by
 * name where gnuplot is not there. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "../support/scratch.h"
#include "base/files.h"
#include "report/figures.h"
#include "report/gnuplot.h"
#include "report/plots.h"
#include "report_fixture.h"

TestSuite(report_figures, .init = scratch_make, .fini = scratch_remove);

enum { SAMPLES = 24 };

#define HOSTILE "a\"`touch hacked`'\n set output \"x\" @{} $(id) \xE2\x80\xAE"

static const char *at(const char *name)
{
    return scratch_path(name);
}

static bool is_there(const char *name)
{
    return fm_file_exists(at(name));
}

static char *text_of(const char *name, fm_buf *out)
{
    fm_buf_clear(out);
    cr_assert(eq(int, fm_file_read(at(name), 1 << 22, out, NULL), FM_OK), "%s", name);
    return out->data;
}

/* Samples of two categories and of one to three steps, with traces that are too shallow by half. */
static void add_samples(report_fixture *f, fm_report_run *run)
{
    for (int i = 0; i < SAMPLES; i++) {
        char line[512];
        double points[2][3] = {{0, 0, 1 + 0.1 * i}, {0.1 * i, 0.5, 1 + 0.1 * i}};
        fm_sample sample = {.id = "x",
                            .category = i % 2 ? "indoor" : HOSTILE,
                            .steps = 1 + i % 3,
                            .kind = FM_ANSWER_TRACE3D,
                            .truth.trace = {.points = points, .n = 2}};

        snprintf(
            line, sizeof(line),
            "{\"id\": \"%d\", \"answer\": {\"points\": [[0, 0, %g], [1, 1, %g]]}, \"metrics\": "
            "{\"success\": %s, \"dfd\": %g, \"collision_ratios\": [0, 0.1, %g]}}",
            i, (1 + 0.1 * i) / 2, (1 + 0.1 * i) / 2, i % 4 ? "true" : "false", 0.01 * i, 0.01 * i);
        cr_assert(
            eq(int, fm_report_run_add(&f->model, run, fixture_json(line), &sample, NULL), FM_OK));
    }
}

static void make_model(report_fixture *f)
{
    static const char *const dirs[] = {"/runs/one", "/runs/" HOSTILE, "/runs/three"};

    for (size_t i = 0; i < 3; i++)
        add_samples(
            f, fixture_run(f, dirs[i], FIXTURE_RESULTS("predictions", "paper", "0.75"), NULL, 0));
    fixture_finish(f);
}

static size_t write_all(report_fixture *f, bool *found)
{
    fm_report_metric *metrics;
    size_t n_metrics, written = 0;
    fm_err err = {0};

    *found = true;
    cr_assert(eq(int, fm_report_metrics(&f->model, &metrics, &n_metrics, NULL), FM_OK));
    cr_assert(
        eq(int, fm_figures_write(scratch_dir, &f->model, metrics, n_metrics, &written, found, &err),
           FM_OK),
        "%s", err.text);
    return written;
}

static void expect_four_files(const char *stem, fm_buf *file)
{
    char name[64];

    snprintf(name, sizeof(name), "%s.png", stem);
    cr_expect(strncmp(text_of(name, file), "\x89PNG", 4) == 0, "%s", name);
    snprintf(name, sizeof(name), "%s.svg", stem);
    cr_expect(strstr(text_of(name, file), "prefers-color-scheme") != NULL, "%s", name);
    cr_expect(strstr(file->data, "</svg>") != NULL, "%s", name);
    snprintf(name, sizeof(name), "%s.gp", stem);
    cr_expect(is_there(name), "%s", name);
    snprintf(name, sizeof(name), "%s.tsv", stem);
    cr_expect(text_of(name, file)[0] == '#', "%s", name);
    cr_expect(strstr(file->data, "hacked") == NULL, "names stand in scripts: %s", name);
}

static const char *const names[] = {"by-category", "by-steps",       "error-length", "error-depth",
                                    "depth-scale", "collision-path", "trend"};

enum { NAMES = sizeof(names) / sizeof(names[0]) };

Test(report_figures, every_one_has_its_data_its_script_and_both_pictures)
{
    report_fixture f = {0};
    fm_buf file = {0};
    bool found;

    make_model(&f);
    size_t written = write_all(&f, &found);
    if (!found)
        cr_skip_test("no gnuplot on this machine");
    cr_expect(eq(sz, written, 2 * NAMES));
    for (size_t i = 0; i < NAMES; i++)
        expect_four_files(names[i], &file);
    /* The hostile name stands in the picture, and did nothing. */
    cr_expect(strstr(text_of("depth-scale.svg", &file), "`touch hacked`") != NULL);
    cr_expect(eq(int, is_there("hacked") || is_there("x"), false));
    cr_expect(strstr(text_of("by-category.svg", &file), "indoor  n=12") != NULL);
    cr_expect(eq(int, is_there("tasks.svg"), false), "there is one task alone");
    fm_buf_release(&file);
    fixture_release(&f);
}

Test(report_figures, the_data_says_what_the_samples_say)
{
    report_fixture f = {0};
    fm_buf file = {0};
    bool found;
    double x, y;

    make_model(&f);
    setenv("PATH", "/nowhere", 1); /* nothing need be drawn for it */
    (void)write_all(&f, &found);
    char *first = strstr(text_of("depth-scale.tsv", &file), "\n0\t");
    cr_assert(first != NULL);
    cr_assert(eq(int, sscanf(first, "\n0\t%lf\t%lf\tpoint", &x, &y), 2));
    cr_expect(eq(dbl, x, 1));
    cr_expect(eq(dbl, y, 0.5));
    /* A quarter fails: of the even ones half of them, of the odd ones none. */
    cr_expect(strstr(text_of("by-category.tsv", &file), "\t100\t") != NULL, "%s", file.data);
    cr_expect(strstr(file.data, "\t50\t") != NULL, "%s", file.data);
    fm_buf_release(&file);
    fixture_release(&f);
}

static void write_plots(report_fixture *f, size_t *written, bool *found)
{
    fm_report_metric *metrics;
    size_t n_metrics;
    fm_err err = {0};

    *found = true;
    *written = 0;
    cr_assert(eq(int, fm_report_metrics(&f->model, &metrics, &n_metrics, NULL), FM_OK));
    cr_assert(eq(int,
                 fm_plots_write(scratch_dir, &f->model, metrics, n_metrics, written, found, &err),
                 FM_OK),
              "%s", err.text);
}

Test(report_figures, the_plots_of_the_page_have_the_same_four_files)
{
    static const char *const plots[] = {"rates", "dfd"};
    report_fixture f = {0};
    fm_buf file = {0};
    size_t written;
    bool found;

    make_model(&f);
    write_plots(&f, &written, &found);
    if (!found)
        cr_skip_test("no gnuplot on this machine");
    cr_expect(eq(sz, written, 4));
    for (size_t i = 0; i < 2; i++)
        expect_four_files(plots[i], &file);
    cr_expect(strstr(text_of("rates.svg", &file), "`touch hacked`") != NULL);
    cr_expect(eq(int, is_there("hacked") || is_there("x"), false));
    fm_buf_release(&file);
    fixture_release(&f);
}

Test(report_figures, the_data_of_a_distribution_are_its_sorted_values)
{
    report_fixture f = {0};
    fm_buf file = {0};
    size_t written;
    bool found;

    make_model(&f);
    setenv("PATH", "/nowhere", 1);
    write_plots(&f, &written, &found);
    cr_expect(eq(sz, written, 0));
    cr_expect(strstr(text_of("dfd.tsv", &file), "\n1\t0.11\t50\n") != NULL, "%s", file.data);
    cr_expect(strstr(text_of("rates.tsv", &file), "\n0\t") != NULL, "%s", file.data);
    cr_expect(strstr(file.data, "\t75\t") != NULL, "%s", file.data);
    cr_expect(is_there("dfd.gp"));
    cr_expect(eq(int, is_there("dfd.svg"), false));
    fm_buf_release(&file);
    fixture_release(&f);
}

Test(report_figures, the_script_beside_the_data_draws_the_same_picture_again)
{
    report_fixture f = {0};
    fm_buf first = {0}, again = {0}, script = {0}, said = {0};
    size_t written;
    bool found;

    make_model(&f);
    write_plots(&f, &written, &found);
    if (!found)
        cr_skip_test("no gnuplot on this machine");
    cr_assert(eq(int, fm_file_read(at("dfd.png"), 1 << 22, &first, NULL), FM_OK));
    cr_assert(eq(int, remove(at("dfd.png")), 0));
    fm_buf_puts(&script, "cd ");
    fm_gnuplot_quote(&script, scratch_dir);
    fm_buf_puts(&script, "\nload 'dfd.gp'\n");
    cr_assert(eq(int, fm_gnuplot_run(&script, 60, &said, &found, NULL), FM_OK));
    cr_assert(eq(int, fm_file_read(at("dfd.png"), 1 << 22, &again, NULL), FM_OK));
    cr_assert(eq(sz, first.size, again.size));
    cr_expect(eq(int, memcmp(first.data, again.data, first.size), 0));
    fm_buf_release(&first);
    fm_buf_release(&again);
    fm_buf_release(&script);
    fm_buf_release(&said);
    fixture_release(&f);
}

Test(report_figures, without_gnuplot_data_and_scripts_are_there_all_the_same)
{
    report_fixture f = {0};
    bool found;

    make_model(&f);
    setenv("PATH", "/nowhere", 1);
    cr_expect(eq(sz, write_all(&f, &found), 0));
    cr_expect(eq(int, found, false));
    cr_expect(is_there("trend.tsv") && is_there("trend.gp"));
    cr_expect(eq(int, is_there("trend.svg"), false));
    fixture_release(&f);
}
