/* Stages of a trace, the split of its depth error, and substitutions, worked by hand. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "fathom/stages.h"

#define NEAR(value, wanted) cr_expect(epsilon_eq(dbl, value, wanted, 1e-9))

static double truth[][3] = {{0.2, 0.5, 1.0}, {0.4, 0.5, 2.0}, {0.6, 0.5, 2.0}};

enum { N = 3 };

/* ---- depth ---- */

Test(stages, a_wrong_scale_is_all_of_the_error)
{
    double p[N][3] = {{0.2, 0.5, 0.5}, {0.4, 0.5, 1.0}, {0.6, 0.5, 1.0}};
    fm_depth_error e;

    cr_assert(fm_depth_error_split(p, N, truth, N, &e));
    NEAR(e.scale, 0.5);
    NEAR(e.after_scale_m, 0);
    NEAR(e.after_affine_m, 0);
    cr_expect(gt(dbl, e.rms_m, 0.8));
}

Test(stages, an_offset_is_left_by_the_scale_and_not_by_both)
{
    double p[N][3] = {{0.2, 0.5, 1.5}, {0.4, 0.5, 2.5}, {0.6, 0.5, 2.5}};
    fm_depth_error e;

    cr_assert(fm_depth_error_split(p, N, truth, N, &e));
    NEAR(e.rms_m, 0.5);
    cr_expect(gt(dbl, e.after_scale_m, 0.05));
    NEAR(e.after_affine_m, 0);
    NEAR(e.offset_m, -0.5);
}

/* Points are paired by the picture: one more on the way changes nothing. */
Test(stages, more_points_on_the_way_make_no_error)
{
    double p[4][3] = {{0.2, 0.5, 1.0}, {0.3, 0.5, 1.5}, {0.4, 0.5, 2.0}, {0.6, 0.5, 2.0}};
    fm_depth_error e;

    cr_assert(fm_depth_error_split(p, 4, truth, N, &e));
    cr_expect(lt(dbl, e.rms_m, 1e-6));
    cr_expect(epsilon_eq(dbl, e.scale, 1, 1e-6));
}

Test(stages, one_depth_throughout_has_an_offset_alone)
{
    double p[2][3] = {{0.2, 0.5, 1.0}, {0.6, 0.5, 1.0}};
    double g[2][3] = {{0.2, 0.5, 1.5}, {0.6, 0.5, 1.5}};
    fm_depth_error e;

    cr_assert(fm_depth_error_split(p, 2, g, 2, &e));
    NEAR(e.scale, 1 / 1.5);
    NEAR(e.offset_m, 1.5);
    NEAR(e.after_affine_m, 0);
}

Test(stages, without_depth_there_is_no_split)
{
    double p[2][3] = {{0.2, 0.5, NAN}, {0.6, 0.5, 1.0}};
    fm_depth_error e;

    cr_expect(eq(int, fm_depth_error_split(p, 2, truth, N, &e), false));
    cr_expect(eq(int, fm_depth_error_split(p, 0, truth, N, &e), false));
}

/* ---- stages ---- */

static fm_staging staging(double (*points)[3], size_t n)
{
    return (fm_staging){.answered = true,
                        .points = points,
                        .n = n,
                        .deep = true,
                        .truth = truth,
                        .n_truth = N,
                        .width = 640,
                        .height = 480,
                        .start_in_mask = FM_TRUE,
                        .start_ok = FM_TRUE,
                        .end_in_bbox = FM_TRUE,
                        .end_ok = FM_TRUE,
                        .collision = FM_FALSE,
                        .end_distance_m = 0};
}

static fm_stage out[FM_STAGES];

static void expect(fm_stage_kind stage, fm_verdict verdict, const char *why)
{
    cr_expect(eq(int, out[stage].verdict, verdict), "%s", fm_stage_name(stage));
    cr_expect(eq(str, (char *)(out[stage].why ? out[stage].why : ""), (char *)why));
}

Test(stages, the_truth_passes_all)
{
    fm_staging s = staging(truth, N);

    fm_stages_judge(&s, out);
    for (int i = 0; i < FM_STAGES; i++)
        expect((fm_stage_kind)i, FM_TRUE, "");
    NEAR(out[FM_STAGE_FRAME].value, 1);
    cr_expect(epsilon_eq(dbl, out[FM_STAGE_DEPTH].value, 1, 1e-6));
}

Test(stages, an_incomplete_reply_ends_there)
{
    fm_staging s = staging(truth, 1);

    fm_stages_judge(&s, out);
    expect(FM_STAGE_COMPLETE, FM_FALSE, "a single point");
    expect(FM_STAGE_END, FM_UNKNOWN, "nothing to look at");
    s.n = 0;
    fm_stages_judge(&s, out);
    expect(FM_STAGE_COMPLETE, FM_FALSE, "no points");
    s.answered = false;
    fm_stages_judge(&s, out);
    expect(FM_STAGE_COMPLETE, FM_FALSE, "no readable answer");
    double flat[2][3] = {{0.2, 0.5, NAN}, {0.6, 0.5, 1}};
    s = staging(flat, 2);
    fm_stages_judge(&s, out);
    expect(FM_STAGE_COMPLETE, FM_FALSE, "a point without depth");
}

Test(stages, a_frame_that_is_none_is_told)
{
    double pixels[2][3] = {{0.2, 0.5, 1}, {1.3, 0.5, 1}},
           unit[2][3] = {{0.0002, 0.0005, 1}, {0.0006, 0.0005, 1}};
    double upright[][3] = {{0.1, 0.5, 1}, {0.1, 0.9, 1}};
    double swapped[2][3] = {{0.5, 0.1, 1}, {0.9, 0.1, 1}},
           far[2][3] = {{0.2, 0.5, 900}, {0.6, 0.5, 2000}};
    fm_staging s = staging(pixels, 2);

    fm_stages_judge(&s, out);
    expect(FM_STAGE_FRAME, FM_FALSE, "points outside the picture");
    NEAR(out[FM_STAGE_FRAME].value, 0.5);
    s = staging(unit, 2);
    fm_stages_judge(&s, out);
    expect(FM_STAGE_FRAME, FM_FALSE, "all in the corner: x and y count from 0 to 1");
    s = staging(swapped, 2);
    s.truth = upright;
    s.n_truth = 2;
    fm_stages_judge(&s, out);
    expect(FM_STAGE_FRAME, FM_FALSE, "x and y are exchanged");
    s = staging(far, 2);
    fm_stages_judge(&s, out);
    expect(FM_STAGE_FRAME, FM_FALSE, "depths that are none of a room");
}

Test(stages, start_depth_and_end_have_their_reasons)
{
    double elsewhere[2][3] = {{0.8, 0.5, 1}, {0.6, 0.5, 2}};
    double near[2][3] = {{0.2, 0.5, 0.5}, {0.6, 0.5, 1}};
    fm_staging s = staging(elsewhere, 2);

    s.start_in_mask = s.start_ok = FM_FALSE;
    fm_stages_judge(&s, out);
    expect(FM_STAGE_START, FM_FALSE, "elsewhere in the picture");
    NEAR(out[FM_STAGE_START].value, 0.6);
    s.start_ok = FM_TRUE; /* near enough in space is near enough */
    fm_stages_judge(&s, out);
    expect(FM_STAGE_START, FM_TRUE, "");

    s = staging(near, 2);
    s.start_ok = s.end_ok = FM_FALSE;
    s.collision = FM_TRUE;
    fm_stages_judge(&s, out);
    expect(FM_STAGE_DEPTH, FM_FALSE, "all too near");
    expect(FM_STAGE_PATH, FM_FALSE, "the object hits something");
    expect(FM_STAGE_END, FM_FALSE, "at the place in the picture, at another depth");
    s = staging(truth, N);
    s.start_ok = FM_FALSE;
    fm_stages_judge(&s, out);
    expect(FM_STAGE_DEPTH, FM_FALSE, "off at the object");
}

Test(stages, what_grading_could_not_say_is_unknown)
{
    fm_staging s = staging(truth, N);

    s.truth = NULL;
    s.n_truth = 0;
    s.start_in_mask = s.start_ok = s.collision = s.end_ok = FM_UNKNOWN;
    fm_stages_judge(&s, out);
    expect(FM_STAGE_START, FM_UNKNOWN, "neither mask nor true trace");
    expect(FM_STAGE_DEPTH, FM_UNKNOWN, "no true trace");
    expect(FM_STAGE_PATH, FM_UNKNOWN, "no depth map or mask");
    expect(FM_STAGE_END, FM_UNKNOWN, "no destination");
    s.deep = false;
    s.end_in_bbox = FM_TRUE;
    fm_stages_judge(&s, out);
    expect(FM_STAGE_DEPTH, FM_UNKNOWN, "the task has no depth");
    expect(FM_STAGE_END, FM_TRUE, "");
}

/* ---- substitutions ---- */

Test(stages, one_thing_is_put_right_and_nothing_else)
{
    double p[N][3] = {{0.1, 0.1, 0.5}, {0.2, 0.1, 1.0}, {0.3, 0.1, 1.0}}, q[N][3];

    cr_assert(fm_oracle_apply(FM_ORACLE_START, p, N, truth, N, q));
    NEAR(q[0][0], 0.2);
    NEAR(q[0][2], 1.0);
    NEAR(q[1][2], 1.0);
    cr_assert(fm_oracle_apply(FM_ORACLE_END, p, N, truth, N, q));
    NEAR(q[0][0], 0.1);
    NEAR(q[2][0], 0.6);
    NEAR(q[2][2], 2.0);
    cr_assert(fm_oracle_apply(FM_ORACLE_DEPTH, p, N, truth, N, q));
    NEAR(q[0][0], 0.1);
    cr_expect(epsilon_eq(dbl, q[0][2], 1.0, 1e-6));
    cr_expect(epsilon_eq(dbl, q[2][2], 2.0, 1e-6));
    cr_assert(fm_oracle_apply(FM_ORACLE_SCALE, p, N, truth, N, q));
    cr_expect(epsilon_eq(dbl, q[0][2], 1.0, 1e-6));
    cr_expect(epsilon_eq(dbl, q[1][2], 2.0, 1e-6));
}

Test(stages, nothing_is_put_right_without_points_or_depth)
{
    double p[2][3] = {{0.1, 0.1, NAN}, {0.2, 0.1, NAN}}, q[2][3];
    double flat[2][3] = {{0.2, 0.5, NAN}, {0.6, 0.5, NAN}};

    cr_expect(eq(int, fm_oracle_apply(FM_ORACLE_START, p, 0, truth, N, q), false));
    cr_expect(eq(int, fm_oracle_apply(FM_ORACLE_START, p, 2, truth, 0, q), false));
    cr_expect(eq(int, fm_oracle_apply(FM_ORACLE_SCALE, p, 2, truth, N, q), false));
    cr_expect(eq(int, fm_oracle_apply(FM_ORACLE_DEPTH, p, 2, flat, 2, q), false));
    cr_expect(eq(int, fm_oracle_apply(FM_ORACLE_END, p, 2, flat, 2, q), true));
}
