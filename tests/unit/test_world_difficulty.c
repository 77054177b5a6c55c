/* How hard `tabletop` is, by the grader that scores it, under the paper's rules: the truth passes,
 * a straight line often does not, and answering without looking never pays. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../support/tabletop.h"
#include "fathom/trace.h"

enum { SCENES = 24, WIDTH = 240, HEIGHT = 180, STRAIGHT_POINTS = 8 };

/* One scene as the grader wants it. */
typedef struct {
    fm_trace_grader *grader;
    fm_world_scene scene;
    fm_raster depth, mask;
    double trace[FM_WORLD_POINTS_MAX][3]; /* metres, camera frame */
} item;

static void make(item *it, const fm_world_settings *settings, size_t index)
{
    fm_world_scene *scene = &it->scene;
    fm_err err = {0};

    cr_assert(eq(int, fm_world_scene_make(settings, index, scene, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, fm_raster_reserve(&it->depth, WIDTH, HEIGHT, 1, 16, &err), FM_OK));
    cr_assert(eq(int, fm_raster_reserve(&it->mask, WIDTH, HEIGHT, 1, 8, &err), FM_OK));
    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++) {
        ((uint16_t *)it->depth.data)[i] = (uint16_t)lround((double)scene->depth[i] * 1000);
        ((uint8_t *)it->mask.data)[i] = scene->ids[i] == scene->questions[0].subject + 1 ? 255 : 0;
    }
    for (int i = 0; i < scene->questions[0].n_points; i++) {
        const double *p = scene->questions[0].points[i];

        fm_camera_back_project(&scene->camera, p[0] * WIDTH, p[1] * HEIGHT, p[2], it->trace[i]);
    }
}

static void grade(item *it, const char *text, fm_trace3d_score *score)
{
    const fm_trace_truth truth = {.points = it->trace,
                                  .n = (size_t)it->scene.questions[0].n_points,
                                  .camera = it->scene.camera,
                                  .has_box = true,
                                  .box = it->scene.questions[0].box,
                                  .width = WIDTH,
                                  .height = HEIGHT};
    const fm_trace_scene3d scene = {.depth = &it->depth, .mask = &it->mask};
    fm_trace_answer answer = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_answers_parse_trace(FM_ANSWERS_TUPLES, text, strlen(text), &answer, &err),
                 FM_OK));
    cr_assert(eq(int,
                 fm_trace_grade_3d(it->grader, FM_TRACE_PAPER, FM_ANSWERS_TUPLES, &answer, &truth,
                                   &scene, score, &err),
                 FM_OK),
              "%s", err.text);
    fm_trace_answer_release(&answer);
}

/* From the true start straight to the true end, as tuples with x and y in thousandths. */
static void straight_line(const item *it, char *out, size_t size)
{
    const double *from = it->trace[0], *to = it->trace[it->scene.questions[0].n_points - 1];
    size_t at = (size_t)snprintf(out, size, "[");

    for (int i = 0; i < STRAIGHT_POINTS; i++) {
        double p[3], uv[2];

        for (int k = 0; k < 3; k++)
            p[k] = from[k] + (to[k] - from[k]) * i / (STRAIGHT_POINTS - 1);
        fm_camera_project(&it->scene.camera, p, uv);
        at += (size_t)snprintf(out + at, size - at, "%s(%.0f, %.0f, %.3f)", i ? ", " : "",
                               uv[0] / WIDTH * 1000, uv[1] / HEIGHT * 1000, p[2]);
    }
    snprintf(out + at, size - at, "]");
}

Test(world_difficulty, truth_passes_and_guesses_do_not)
{
    static const char *const blind[] = {"[(500, 500, 1.000), (500, 500, 1.000)]",
                                        "[(500, 500, 1.700), (500, 500, 1.700)]"};
    const fm_world_settings settings = tabletop_settings(WIDTH, HEIGHT);
    item it = {.grader = fm_trace_grader_new()};
    int straight = 0;
    fm_trace3d_score score;
    char text[1024];

    cr_assert(ne(ptr, it.grader, NULL));
    for (size_t i = 0; i < SCENES; i++) {
        make(&it, &settings, i);
        grade(&it, it.scene.questions[0].answer, &score);
        cr_expect(eq(int, score.success, FM_TRUE), "scene %zu: start %d end %d ratio %g", i,
                  score.start_ok, score.end_ok, score.max_collision_ratio);
        /* Far from the limit, or another seed might pass it. */
        cr_expect(lt(dbl, score.max_collision_ratio, 0.15), "scene %zu", i);
        straight_line(&it, text, sizeof(text));
        grade(&it, text, &score);
        straight += score.success == FM_TRUE;
        for (size_t k = 0; k < sizeof(blind) / sizeof(blind[0]); k++) {
            grade(&it, blind[k], &score);
            cr_expect(ne(int, score.success, FM_TRUE), "scene %zu", i);
        }
        /* What stays where it is has not been moved. */
        cr_expect(ge(dbl, fm_box_distance(&it.scene.questions[0].box, it.trace[0]), 0.2),
                  "scene %zu", i);
    }
    cr_expect(le(int, straight, SCENES * 2 / 3), "%d of %d", straight, SCENES);
    cr_expect(gt(int, straight, 0));
    fm_raster_release(&it.depth);
    fm_raster_release(&it.mask);
    fm_world_scene_release(&it.scene);
    fm_trace_grader_free(it.grader);
}
