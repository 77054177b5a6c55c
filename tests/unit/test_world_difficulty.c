/* How hard `tabletop` is, by the grader that scores it, under the paper's rules: the truth passes,
 * a straight line mostly does not, and answering without looking never pays. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "fathom/trace.h"
#include "fathom/world.h"

enum { SCENES = 24, SEEDS = 2, STRAIGHT_POINTS = 8 };

/* The points as a model would answer them: tuples with x and y in thousandths. */
static size_t answer_text(const fm_world_item *item, double (*points)[3], size_t n, char *out,
                          size_t size)
{
    size_t at = (size_t)snprintf(out, size, "[");

    for (size_t i = 0; i < n; i++) {
        double uv[2];

        fm_camera_project(&item->camera, points[i], uv);
        at += (size_t)snprintf(out + at, size - at, "%s(%.0f, %.0f, %.3f)", i ? ", " : "",
                               uv[0] / item->image.width * 1000, uv[1] / item->image.height * 1000,
                               points[i][2]);
    }
    return at + (size_t)snprintf(out + at, size - at, "]");
}

static void grade(fm_trace_grader *grader, fm_world_item *item, const char *text,
                  fm_trace3d_score *score)
{
    const fm_trace_truth truth = {.points = item->trace,
                                  .n = item->n_trace,
                                  .camera = item->camera,
                                  .has_box = true,
                                  .box = item->box,
                                  .width = item->image.width,
                                  .height = item->image.height};
    const fm_trace_scene3d scene = {.depth = &item->depth, .mask = &item->mask};
    fm_trace_answer answer = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_answers_parse_trace(FM_ANSWERS_TUPLES, text, strlen(text), &answer, &err),
                 FM_OK));
    cr_assert(eq(int,
                 fm_trace_grade_3d(grader, FM_TRACE_PAPER, FM_ANSWERS_TUPLES, &answer, &truth,
                                   &scene, score, &err),
                 FM_OK),
              "%s", err.text);
    fm_trace_answer_release(&answer);
}

Test(world_difficulty, truth_passes_and_guesses_do_not)
{
    static const char *const blind[] = {"[(500, 500, 1.000), (500, 500, 1.000)]",
                                        "[(500, 500, 1.700), (500, 500, 1.700)]"};
    fm_trace_grader *grader = fm_trace_grader_new();
    fm_world_config config = fm_world_default_config();
    fm_world_item item = {0};
    int straight = 0, centre = 0;
    fm_trace3d_score score;
    fm_err err = {0};
    char text[1024];

    cr_assert(ne(ptr, grader, NULL));
    for (int i = 0; i < SEEDS * SCENES; i++) {
        double line[STRAIGHT_POINTS][3];

        config.seed = (uint64_t)(1 + i / SCENES);
        cr_assert(eq(int, fm_world_item_make(&config, (size_t)(i % SCENES), &item, &err), FM_OK));
        answer_text(&item, item.trace, item.n_trace, text, sizeof(text));
        grade(grader, &item, text, &score);
        cr_expect(eq(int, score.success, FM_TRUE), "seed %d item %d: start %d end %d ratio %g",
                  1 + i / SCENES, i % SCENES, score.start_ok, score.end_ok,
                  score.max_collision_ratio);
        /* Far from the limit, or another seed might pass it. */
        cr_expect(lt(dbl, score.max_collision_ratio, 0.15));

        for (int k = 0; k < STRAIGHT_POINTS; k++)
            for (int c = 0; c < 3; c++) {
                double from = item.trace[0][c], to = item.trace[item.n_trace - 1][c];

                line[k][c] = from + (to - from) * k / (STRAIGHT_POINTS - 1);
            }
        answer_text(&item, line, STRAIGHT_POINTS, text, sizeof(text));
        grade(grader, &item, text, &score);
        straight += score.success == FM_TRUE;
        for (size_t k = 0; k < sizeof(blind) / sizeof(blind[0]); k++) {
            grade(grader, &item, blind[k], &score);
            centre += score.success == FM_TRUE;
        }
    }
    cr_expect(le(int, straight, SEEDS *SCENES / 2), "%d of %d", straight, SEEDS * SCENES);
    cr_expect(gt(int, straight, 0)); /* not every scene has something in the way */
    cr_expect(eq(int, centre, 0));
    fm_world_item_release(&item);
    fm_trace_grader_free(grader);
}
