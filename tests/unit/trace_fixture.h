/**
 * A small scene for the judges of traces: a wall 1.5 m in front of the camera, and before it, on
 * the left, an object that stands free. The destination is a box on the right, at the object's
 * depth.
 */
#ifndef FM_TESTS_TRACE_FIXTURE_H
#define FM_TESTS_TRACE_FIXTURE_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "fathom/trace.h"

enum { SCENE_WIDTH = 128, SCENE_HEIGHT = 96 };

#define WALL_MM   1500
#define OBJECT_MM 1000

static fm_trace_grader *grader;
static fm_raster depth, mask;
static fm_trace_answer answer;
static double truth_points[][3] = {{-0.3, 0, 1}, {0, -0.2, 1}, {0.3, 0, 1}};
static fm_trace_truth truth = {
    .points = truth_points,
    .n = 3,
    .camera = {120, 120, 64, 48},
    .has_box = true,
    .box = {{0.3, 0, 1}, {0.2, 0.2, 0.2}, {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
    .width = SCENE_WIDTH,
    .height = SCENE_HEIGHT,
};

/* The object fills columns 22-34 and rows 42-54: 0.1 m around the first true point, pixel (28,
 * 48). */
static void scene_make(void)
{
    grader = fm_trace_grader_new();
    cr_assert(grader != NULL);
    cr_assert(fm_raster_reserve(&depth, SCENE_WIDTH, SCENE_HEIGHT, 1, 16, NULL) == FM_OK);
    cr_assert(fm_raster_reserve(&mask, SCENE_WIDTH, SCENE_HEIGHT, 1, 8, NULL) == FM_OK);
    for (int y = 0; y < SCENE_HEIGHT; y++) {
        for (int x = 0; x < SCENE_WIDTH; x++) {
            bool object = x >= 22 && x <= 34 && y >= 42 && y <= 54;

            ((uint16_t *)depth.data)[y * SCENE_WIDTH + x] = object ? OBJECT_MM : WALL_MM;
            ((uint8_t *)mask.data)[y * SCENE_WIDTH + x] = object ? 255 : 0;
        }
    }
}

static void scene_remove(void)
{
    fm_trace_grader_free(grader);
    fm_raster_release(&depth);
    fm_raster_release(&mask);
    fm_trace_answer_release(&answer);
}

static inline void read_reply(fm_answers_family family, const char *text)
{
    cr_assert(fm_answers_parse_trace(family, text, text ? strlen(text) : 0, &answer, NULL) ==
              FM_OK);
}

static inline bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

#endif
