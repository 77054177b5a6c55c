/* A diagnosis end to end: a generated suite with annotated steps, replies that reason, and errors put
 * into them on purpose. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "../support/scratch.h"
#include "../support/tabletop.h"
#include "../support/test_catalog.h"
#include "base/json.h"
#include "core/diagnosis.h"
#include "core/run.h"
#include "report/steps.h"

TestSuite(diagnosis, .init = scratch_make, .fini = scratch_remove);

/* A reply that is all true, but for what the caller asks to be wrong. */
typedef struct {
    double depth_factor; /* of the trace */
    double place_shift;  /* of the first Referring step, u */
    bool no_thought, no_answer;
} fault;

enum { ITEMS = 4 };

static void put_step(fm_buf *out, const fm_world_step *step, double shift)
{
    switch (step->kind) {
    case FM_WORLD_SCALE:
        fm_buf_printf(out, "[Scale] [Scene]: %.3f\n", step->value[0]);
        break;
    case FM_WORLD_MEASURING:
        fm_buf_printf(out, "[Measuring] [%s]: %.2f centimeters\n", step->target,
                      step->value[0] * 100);
        break;
    case FM_WORLD_REFERRING:
        fm_buf_printf(out, "[Referring] [%s]: [(%.0f, %.0f, %.3f)]\n", step->target,
                      fmin(1000, (step->value[0] + shift) * 1000), step->value[1] * 1000,
                      step->value[2]);
        break;
    }
}

static void put_reply(fm_buf *out, const fm_world_question *q, const fault *f)
{
    fm_buf_puts(out, f->no_thought ? "" : "<think>\n");
    for (int i = 0; i < q->n_steps && !f->no_thought; i++)
        put_step(out, &q->steps[i], i == 1 ? f->place_shift : 0);
    fm_buf_puts(out, f->no_thought ? "" : "</think>\n");
    for (int i = 0; i < q->n_points && !f->no_answer; i++)
        fm_buf_printf(out, "(%.0f, %.0f, %.3f) ", q->points[i][0] * 1000, q->points[i][1] * 1000,
                      q->points[i][2] * f->depth_factor);
}

static fm_view *view;
static int width = 160, height = 120;
static fm_diagnosis found;
static fm_diagnosis_totals totals;

static void make_run(const fault *faults)
{
    const fm_world_settings settings = tabletop_settings(width, height);
    fm_world_scene scene = {0};
    fm_buf lines = {0}, reply = {0};
    fm_err err = {0};

    cr_assert(eq(int, tabletop_write(width, height, ITEMS, scratch_path("world"), &err), FM_OK));
    for (size_t i = 0; i < ITEMS; i++) {
        fm_json_writer w = {.out = &lines};
        char id[8];

        cr_assert(eq(int, fm_world_scene_make(&settings, i, &scene, &err), FM_OK));
        fm_buf_clear(&reply);
        put_reply(&reply, &scene.questions[0], &faults[i]);
        snprintf(id, sizeof(id), "%zu", i);
        fm_json_open(&w, NULL, '{');
        fm_json_put_string(&w, "id", id);
        fm_json_put_string(&w, "status", "ok");
        fm_json_put_bytes(&w, "text", fm_buf_text(&reply), reply.size);
        fm_json_close(&w, '}');
        fm_buf_putc(&lines, '\n');
    }
    const char *predictions = scratch_write("replies.jsonl", lines.data, lines.size);
    fm_run_options options = {.target = "tabletop-3d@paper",
                              .data_dir = scratch_path("world"),
                              .out_dir = scratch_path("run"),
                              .jobs = 1};
    cr_assert(eq(int, fm_run_import(test_catalog(), predictions, &options, &err), FM_OK), "%s",
              err.text);
    cr_assert(eq(int, fm_view_open(&view, test_catalog(), scratch_path("run"), NULL, &err), FM_OK),
              "%s", err.text);
    fm_world_scene_release(&scene);
    fm_buf_release(&lines);
    fm_buf_release(&reply);
}

static void diagnose(const fault *faults, int jobs)
{
    fm_err err = {0};

    if (faults)
        make_run(faults);
    cr_assert(eq(int, fm_diagnosis_make(view, &fm_process_robotracer, jobs, &found, &err), FM_OK),
              "%s", err.text);
    cr_assert(eq(int, fm_diagnosis_sum(&found, NULL, &totals, &err), FM_OK));
}

static void done(void)
{
    fm_diagnosis_release(&found);
    fm_view_close(view);
}

/* A reply without thought, so that the points in it are the answer's alone. */
#define PLAIN .no_thought = true
#define DEPTH .depth_factor =
#define SHIFT .place_shift =

Test(diagnosis, a_wrong_depth_is_the_cause_and_its_cure)
{
    static const fault faults[ITEMS] = {{DEPTH 1, PLAIN},
                                        {DEPTH 0.4, PLAIN},
                                        {DEPTH 0.4, PLAIN},
                                        {DEPTH 1, PLAIN, .no_answer = true}};

    diagnose(faults, 1);
    cr_expect(eq(sz, totals.n, ITEMS));
    cr_expect(eq(sz, totals.judged, ITEMS));
    cr_expect(eq(sz, totals.causes[FM_STAGE_DEPTH], 2));
    cr_expect(eq(sz, totals.causes[FM_STAGE_COMPLETE], 1));
    cr_expect(eq(sz, totals.other, 0));
    cr_expect(epsilon_eq(dbl, found.items[1].depth.scale, 0.4, 0.01));
    cr_expect(eq(int, found.items[1].oracles[FM_ORACLE_DEPTH], FM_TRUE));
    cr_expect(eq(int, found.items[1].oracles[FM_ORACLE_SCALE], FM_TRUE));
    cr_expect(eq(int, found.items[1].oracles[FM_ORACLE_START], FM_FALSE));
    cr_expect(eq(int, found.items[3].oracles[FM_ORACLE_START], FM_FALSE));
    cr_expect(epsilon_eq(dbl, totals.oracles[FM_ORACLE_DEPTH].change, 0.5, 1e-9));
    cr_expect(eq(str, (char *)found.items[1].verdicts[FM_STAGE_DEPTH].name, "depth"));
    cr_expect(eq(str, (char *)found.items[1].verdicts[FM_STAGE_DEPTH].verdict, "fail"));
    cr_expect(eq(str, (char *)found.items[1].verdicts[FM_STAGE_DEPTH].why, "all too near"));
    done();
}

Test(diagnosis, steps_are_judged_against_the_annotated_ones)
{
    static const fault faults[ITEMS] = {
        {DEPTH 1}, {DEPTH 1, SHIFT 0.3}, {DEPTH 1}, {DEPTH 1, PLAIN}};
    size_t steps = 0, missed;

    diagnose(faults, 1);
    cr_expect(eq(sz, totals.keyed, ITEMS));
    cr_expect(eq(sz, totals.reasoned, ITEMS - 1));
    for (int k = 0; k < FM_STEP_KINDS; k++)
        steps += totals.verdicts[k][FM_STEP_RIGHT];
    missed = found.items[3].n_keys;
    cr_expect(
        eq(sz, steps, found.items[0].n_keys + found.items[1].n_keys - 1 + found.items[2].n_keys));
    cr_expect(eq(sz, totals.verdicts[FM_STEP_REFERRING][FM_STEP_PARTLY], 1));
    cr_expect(eq(sz, totals.verdicts[FM_STEP_SCALE][FM_STEP_MISSED], 1));
    cr_expect(gt(sz, missed, 3));
    cr_expect(eq(sz, totals.by_index[1].hits, 1)); /* the second step of one reply */
    cr_expect(eq(sz, totals.by_index[1].n, 3));
    cr_expect(eq(sz, totals.step_after_error.n, found.items[1].n_keys - 2));
    cr_expect(eq(sz, totals.step_after_error.hits, 0));
    done();
}

/* As rewards count it: on the picture, here an upright one, and not on a square. */
Test(diagnosis, distances_of_steps_are_shares_of_the_longer_side)
{
    static const fault faults[ITEMS] = {
        {DEPTH 1, SHIFT 0.05}, {DEPTH 1, SHIFT 0.05}, {DEPTH 1, SHIFT 0.05}, {DEPTH 1, SHIFT 0.05}};

    width = 120;
    height = 160;
    diagnose(faults, 1);
    for (int i = 0; i < ITEMS; i++)
        cr_expect(epsilon_eq(dbl, found.items[i].judgements[1].place_error, 0.05 * width / height,
                             0.0015));
    done();
}

Test(diagnosis, threads_do_not_show)
{
    static const fault faults[ITEMS] = {
        {DEPTH 1}, {DEPTH 0.7, SHIFT 0.3}, {DEPTH 0.9}, {DEPTH 1.2, PLAIN}};
    fm_report_options options = {.width = 80};
    fm_buf one = {0}, three = {0};

    make_run(faults);
    for (int jobs = 1; jobs <= 3; jobs += 2) {
        options.jobs = jobs;
        cr_assert(eq(int,
                     fm_report_steps(jobs == 1 ? &one : &three, &view, 1, &fm_process_robotracer,
                                     FM_REPORT_STEPS_JSON, NULL, &options, NULL),
                     FM_OK));
    }
    cr_expect(eq(str, (char *)fm_buf_text(&one), (char *)fm_buf_text(&three)));
    cJSON *tree = NULL;
    cr_assert(eq(int, fm_json_parse(one.data, one.size, "json", &tree, NULL), FM_OK));
    cr_expect(eq(str, (char *)fm_json_string(tree, "schema"), "fathom.steps/1"));
    cJSON_Delete(tree);
    fm_buf_release(&one);
    fm_buf_release(&three);
    fm_view_close(view);
}

Test(diagnosis, no_line_passes_the_width_of_a_terminal)
{
    static const fault faults[ITEMS] = {
        {DEPTH 1}, {DEPTH 0.4, SHIFT 0.3}, {DEPTH 0.4}, {DEPTH 1, PLAIN}};
    fm_report_options options = {.width = 80};
    fm_buf text = {0};

    make_run(faults);
    fm_view *both[] = {view, view, view, view};
    cr_assert(eq(int,
                 fm_report_steps(&text, both, 4, &fm_process_robotracer, FM_REPORT_STEPS_TEXT, NULL,
                                 &options, NULL),
                 FM_OK));
    for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n")) {
        size_t columns = 0;

        for (const char *p = line; *p; p++)
            columns += ((unsigned char)*p & 0xC0) != 0x80;
        cr_expect(le(sz, columns, 80), "%s", line);
    }
    fm_buf_release(&text);
    fm_view_close(view);
}
