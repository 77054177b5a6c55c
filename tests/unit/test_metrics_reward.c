/* Judgements of steps and rewards, against values worked by hand. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "fathom/reward.h"

#define NEAR(value, wanted) cr_expect(epsilon_eq(dbl, value, wanted, 1e-12))

static fm_arena arena;

static void release(void)
{
    fm_arena_release(&arena);
}

TestSuite(process, .fini = release);
TestSuite(reward, .fini = release);

/* A picture of 1000 x 500 pixels: |du| + |dv| may be 100 of them. */
static const fm_key_step keys[] = {
    {FM_STEP_SCALE, "Scene", {2.0, 0, 0}},
    {FM_STEP_REFERRING, "the watering can", {0.200, 0.800, 1.0}},
    {FM_STEP_MEASURING, "the watering can", {0.10, 0, 0}},
    {FM_STEP_REFERRING, "the first flower", {0.450, 0.700, 1.0}},
};

enum { N_KEYS = sizeof(keys) / sizeof(keys[0]) };

static fm_step_judgement judged[FM_STEPS_MAX + FM_KEY_STEPS_MAX];

static size_t judge_with(const fm_process_rules *rules, const fm_key_step *k, size_t n_keys,
                         const char *text)
{
    fm_steps steps;

    cr_assert(
        eq(int, fm_steps_read(rules->dialect, fm_span_of(text), &arena, &steps, NULL), FM_OK));
    return fm_process_judge(rules, steps.items, steps.n, k, n_keys, 1000, 500, judged);
}

static size_t judge(const char *text)
{
    return judge_with(&fm_process_robotracer, keys, N_KEYS, text);
}

static void expect_verdict(size_t i, fm_step_verdict verdict, double score, const char *why)
{
    cr_expect(eq(int, judged[i].verdict, verdict), "%zu: %s", i,
              fm_step_verdict_name(judged[i].verdict));
    NEAR(judged[i].score, score);
    cr_expect(eq(str, (char *)(judged[i].why ? judged[i].why : ""), (char *)why));
}

Test(process, each_kind_has_its_rule)
{
    size_t n = judge("[Scale] [Scene]: 2.600\n"                            /* 1.3 times: just */
                     "[Referring] [watering can]: [(250, 700, 1.310)]\n"   /* 50 + 50 px; 1.31 */
                     "[Measuring] [the watering can]: 7.1 cm\n"            /* 0.71 */
                     "[Referring] [first flower]: [(500, 802, 0.700)]\n"); /* 50 + 51 px; 0.7 */

    cr_assert(eq(sz, n, 4));
    expect_verdict(0, FM_STEP_RIGHT, 1, "");
    NEAR(judged[0].ratio, 1.3);
    expect_verdict(1, FM_STEP_PARTLY, 0.5, "too far away");
    NEAR(judged[1].place_error, 0.1);
    expect_verdict(2, FM_STEP_RIGHT, 1, "");
    expect_verdict(3, FM_STEP_PARTLY, 0.5, "elsewhere in the picture");
    NEAR(judged[3].place_error, 0.101);
}

Test(process, order_does_not_matter_and_what_is_not_said_is_missed)
{
    size_t n = judge("[Referring] [first flower]: [(450, 700, 1.000)]\n"
                     "[Referring] [watering can]: [(200, 800, 1.000)]\n"
                     "[Referring] [watering can]: [(200, 800, 1.000)]\n"
                     "[Referring] [hose]: [(200, 800, 1.000)]\n");

    cr_assert(eq(sz, n, 6));
    expect_verdict(0, FM_STEP_RIGHT, 1, "");
    cr_expect(eq(ptr, (void *)judged[0].key, (void *)&keys[3]));
    expect_verdict(1, FM_STEP_RIGHT, 1, "");
    expect_verdict(2, FM_STEP_UNMATCHED, 0, "about nothing that is annotated");
    expect_verdict(3, FM_STEP_UNMATCHED, 0, "about nothing that is annotated");
    expect_verdict(4, FM_STEP_MISSED, 0, "no step is about it");
    cr_expect(eq(ptr, (void *)judged[4].key, (void *)&keys[0]));
    cr_expect(eq(ptr, (void *)judged[5].key, (void *)&keys[2]));
}

Test(process, an_equal_name_comes_before_a_longer_one)
{
    static const fm_key_step cups[] = {{FM_STEP_REFERRING, "cup", {0.1, 0.1, 1}},
                                       {FM_STEP_REFERRING, "red cup", {0.9, 0.9, 1}}};
    size_t n = judge_with(&fm_process_robotracer, cups, 2,
                          "[Referring] [the red cup]: [(900, 900, 1.000)]\n"
                          "[Referring] [my cup]: [(100, 100, 1.000)]\n");

    cr_assert(eq(sz, n, 2));
    expect_verdict(0, FM_STEP_RIGHT, 1, "");
    expect_verdict(1, FM_STEP_RIGHT, 1, "");
}

Test(process, of_equal_names_each_step_takes_the_nearest)
{
    static const fm_key_step cups[] = {{FM_STEP_REFERRING, "cup", {0.1, 0.1, 1}},
                                       {FM_STEP_REFERRING, "cup", {0.9, 0.9, 1}}};

    cr_assert(eq(sz,
                 judge_with(&fm_process_robotracer, cups, 2,
                            "[Referring] [cup]: [(900, 900, 1.000)]\n"
                            "[Referring] [cup]: [(100, 100, 1.000)]\n"),
                 2));
    expect_verdict(0, FM_STEP_RIGHT, 1, "");
    expect_verdict(1, FM_STEP_RIGHT, 1, "");
}

Test(process, prose_is_matched_by_what_its_line_names_and_after_the_steps)
{
    cr_assert(eq(sz,
                 judge("The first flower is at (450, 700, 0.5).\n"
                       "The watering can is some 20 cm high."),
                 4));
    expect_verdict(0, FM_STEP_PARTLY, 0.5, "too near");
    expect_verdict(1, FM_STEP_WRONG, 0, "too large");
}

Test(process, a_value_of_another_kind_is_unreadable)
{
    cr_assert(eq(sz, judge("[Measuring] [watering can]: 12"), 4));
    expect_verdict(0, FM_STEP_UNREADABLE, 0, "no unit");
    cr_assert(eq(sz, judge("[Referring] [watering can]: [(200, 800)]"), 4));
    expect_verdict(0, FM_STEP_PARTLY, 0.5, "no depth");
}

Test(process, roborefer_has_bounds_of_its_own)
{
    static const fm_key_step old[] = {{FM_STEP_REFERRING, "cup", {0.5, 0.5, NAN}},
                                      {FM_STEP_MEASURING, "cup", {0.10, 0, 0}},
                                      {FM_STEP_ORIENTATION, "cup", {0, 0, 1}}};

    cr_assert(eq(sz,
                 judge_with(&fm_process_roborefer, old, 3,
                            "[Position] [cup]: [(0.53, 0.538)]\n" /* 30 + 19 px */
                            "[Size] [cup]: 0.116\n"
                            "[Orientation] [cup]: [(0, 0.6, 0.8)]"), /* cosine 0.8: not more */
                 3));
    expect_verdict(0, FM_STEP_RIGHT, 1, "");
    NEAR(judged[0].place_error, 49);
    expect_verdict(1, FM_STEP_WRONG, 0, "too large");
    expect_verdict(2, FM_STEP_WRONG, 0, "another direction");
    cr_assert(
        eq(sz, judge_with(&fm_process_roborefer, old, 1, "[Position] [cup]: [(0.53, 0.54)]"), 1));
    expect_verdict(0, FM_STEP_WRONG, 0, "elsewhere in the picture"); /* 50 px: not fewer */
}

/* ---- rewards ---- */

static double true_trace[][3] = {{0.2, 0.8, 1.0}, {0.4, 0.5, 1.5}, {0.6, 0.4, 2.0}};

static fm_reward_truth truth(void)
{
    return (fm_reward_truth){.trace = true_trace,
                             .n_trace = 3,
                             .max_depth_m = 4,
                             .width = 1000,
                             .height = 500,
                             .keys = keys,
                             .n_keys = N_KEYS};
}

static fm_reward reward_of(const fm_reward_rules *rules, const fm_reward_truth *t, const char *text)
{
    fm_reward r;

    cr_assert(eq(int, fm_reward_judge(rules, fm_span_of(text), t, &arena, &r, NULL), FM_OK));
    return r;
}

static const char good[] = "<think>\n"
                           "[Scale] [Scene]: 2.000\n"
                           "[Referring] [watering can]: [(200, 800, 1.310)]\n"
                           "[Measuring] [watering can]: 12\n"
                           "</think>\n"
                           "<answer>[(200, 800, 1.4), (600, 400, 2.0)]</answer>";

/* R_OF 1. R_P: the start is 0.4 / 4 off in depth: 1 - 0.01, the end is right: 0.995. R_T: the true
 * middle pairs with the nearer end. Normalised, the starts are 0.1 apart; the middle (0.4, 0.5, 0.375) is
 * sqrt(0.04 + 0.09 + 0.000625) from the start and sqrt(0.04 + 0.01 + 0.015625) from the end. The mean
 * over three pairs. R_PF: 2 of 3 steps. R_Acc: (1 + 0.5 + 0) of 4 annotated ones. */
Test(reward, the_terms_are_those_of_the_paper)
{
    fm_reward_truth t = truth();
    fm_reward r = reward_of(&fm_reward_robotracer, &t, good);
    double r_t = 1 - (0.1 + sqrt(0.065625) + 0) / 3;

    NEAR(r.r_of, 1);
    cr_expect(epsilon_eq(dbl, r.r_p, 0.995, 1e-6)); /* answers are read in float32, as graded */
    cr_expect(epsilon_eq(dbl, r.r_t, r_t, 1e-6));
    NEAR(r.r_pf, 2.0 / 3);
    NEAR(r.r_acc, 1.5 / 4);
    cr_expect(epsilon_eq(dbl, r.total, 1 + 0.995 + r_t + 0.25 * (2.0 / 3) + 0.25 * 0.375, 1e-6));
    cr_expect(eq(sz, r.n_steps, 3));
    cr_expect(eq(sz, r.n_wellformed, 2));
    cr_expect(eq(sz, r.n_points, 2));
}

Test(reward, each_open_point_is_a_switch)
{
    fm_reward_truth t = truth();
    fm_reward_rules rules = fm_reward_robotracer;

    rules.r_t = FM_R_T_OFF;
    fm_reward r = reward_of(&rules, &t, good);
    cr_expect(isnan(r.r_t));
    cr_expect(epsilon_eq(dbl, r.total, 1 + 0.995 + 0.25 * (2.0 / 3) + 0.25 * 0.375, 1e-6));

    rules.r_t = FM_R_T_DTW_SUM;
    r = reward_of(&rules, &t, good);
    cr_expect(epsilon_eq(dbl, r.r_t, 1 - (0.1 + sqrt(0.065625)), 1e-6));
    rules.r_t = FM_R_T_FRECHET;
    r = reward_of(&rules, &t, good);
    cr_expect(epsilon_eq(dbl, r.r_t, 1 - sqrt(0.065625), 1e-6));

    rules.r_pf_over = rules.r_acc_over = FM_STEPS_SUM;
    r = reward_of(&rules, &t, good);
    NEAR(r.r_pf, 2);
    NEAR(r.r_acc, 1.5);
    rules.r_acc_over = FM_STEPS_MEAN;
    NEAR(reward_of(&rules, &t, good).r_acc, 0.5);

    rules.r_of = FM_R_OF_WHOLE;
    NEAR(reward_of(&rules, &t, good).r_of, 1);
    NEAR(reward_of(&rules, &t, "So <think></think><answer></answer>").r_of, 0);
    rules.r_of = FM_R_OF_FOLLOWS;
    NEAR(reward_of(&rules, &t, "So <think></think><answer></answer>").r_of, 1);
    NEAR(reward_of(&rules, &t, "<answer></answer><think></think>").r_of, 0);

    rules = fm_reward_robotracer;
    rules.w_of = 2;
    rules.w_p = rules.w_t = rules.w_pf = rules.w_acc = 0;
    NEAR(reward_of(&rules, &t, good).total, 2);
}

Test(reward, points_inside_the_thinking_are_no_answer)
{
    fm_reward_truth t = truth();
    fm_reward r = reward_of(&fm_reward_robotracer, &t, "<think>[(200, 800, 1.0)]</think>");

    cr_expect(eq(sz, r.n_points, 0));
    NEAR(r.r_p, 0);
    cr_expect(eq(str, (char *)r.why, "no points in the answer"));
    cr_expect(eq(sz, reward_of(&fm_reward_robotracer, &t, "[(200, 800, 1.0)]").n_points, 1));
}

Test(reward, without_depth_there_is_nothing_for_the_points)
{
    fm_reward_truth t = truth();
    fm_reward r = reward_of(&fm_reward_robotracer, &t, "<answer>[(200, 800), (600, 400)]</answer>");

    NEAR(r.r_p, 0);
    NEAR(r.r_t, 0);
    cr_expect(eq(str, (char *)r.why, "no depth in the answer"));
}

Test(reward, a_term_without_truth_is_not_counted)
{
    fm_reward_truth t = truth();

    t.n_trace = 0;
    t.trace = NULL;
    t.n_keys = 0;
    fm_reward r = reward_of(&fm_reward_robotracer, &t, good);
    cr_expect(isnan(r.r_p) && isnan(r.r_t) && isnan(r.r_acc));
    NEAR(r.total, 1 + 0.25 * (2.0 / 3));
}

Test(reward, prose_earns_nothing)
{
    fm_reward_truth t = truth();
    fm_reward r =
        reward_of(&fm_reward_robotracer, &t,
                  "<think>The first flower is at (450, 700, 1.0).</think><answer></answer>");

    NEAR(r.r_acc, 0);
    NEAR(r.r_pf, 0);
    cr_expect(eq(sz, r.n_steps, 0));
}

Test(reward, roborefer_counts_pixels_of_the_first_point)
{
    static double point[][3] = {{0.5, 0.5, NAN}};
    fm_reward_truth t = {
        .trace = point, .n_trace = 1, .max_depth_m = NAN, .width = 1000, .height = 500};

    NEAR(reward_of(&fm_reward_roborefer, &t, "<answer>[(0.53, 0.538)]</answer>").r_p, 1);
    NEAR(reward_of(&fm_reward_roborefer, &t, "<answer>[(0.53, 0.54)]</answer>").r_p, 0);
    t.width = t.height = 0;
    fm_reward r = reward_of(&fm_reward_roborefer, &t, "<answer>[(0.5, 0.5)]</answer>");
    cr_expect(isnan(r.r_p));
    cr_expect(eq(str, (char *)r.why, "the size of the picture is not known"));
}

Test(reward, depth_is_divided_by_the_farthest_true_point_where_the_scene_states_none)
{
    fm_reward_truth t = truth();

    t.max_depth_m = NAN; /* 2 m: 0.4 of 2 is 0.2, its square 0.04 */
    cr_expect(epsilon_eq(dbl, reward_of(&fm_reward_robotracer, &t, good).r_p, 0.98, 1e-6));
}

typedef struct {
    fm_reward_truth truth;
    const char *reply;
    double r_a;
} worded;

/* What is said in front does not help, and neither does saying more. */
Test(reward, an_answer_that_is_no_trace_is_right_or_wrong)
{
    static const worded cases[] = {
        {{.asked = FM_R_A_OPTION, .option = 1}, "<think>A?</think><answer>B</answer>", 1},
        {{.asked = FM_R_A_OPTION, .option = 1}, "B.", 1},
        {{.asked = FM_R_A_OPTION, .option = 1}, "A or B", 0},
        {{.asked = FM_R_A_OPTION, .option = 1}, "<answer></answer>", 0},
        {{.asked = FM_R_A_YESNO, .yes = true}, "Yes", 1},
        {{.asked = FM_R_A_YESNO, .yes = false}, "yes and no", 0},
        {{.asked = FM_R_A_YESNO, .yes = true}, "", 0},
        {{.asked = FM_R_A_LENGTH, .length_m = 0.5}, "64.9 centimeters", 1}, /* 1.298 times */
        {{.asked = FM_R_A_LENGTH, .length_m = 0.5}, "0.66 m", 0},
        {{.asked = FM_R_A_LENGTH, .length_m = 0.5}, "2 m, 50 cm", 0},
        {{.asked = FM_R_A_LENGTH, .length_m = 0.5}, "50", 0},
        {{.asked = FM_R_A_TEXT, .text = "The red mug is taller."}, "red mug is taller", 1},
        {{.asked = FM_R_A_TEXT, .text = "The red mug is taller."}, "the red mug", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fm_reward r = reward_of(&fm_reward_robotracer, &cases[i].truth, cases[i].reply);

        cr_expect(eq(dbl, r.r_a, cases[i].r_a), "%s", cases[i].reply);
        cr_expect(eq(dbl, r.total, r.r_a + r.r_of), "%s", cases[i].reply);
        cr_expect(eq(int, r.why != NULL, cases[i].r_a == 0), "%s", cases[i].reply);
    }
}

static const char right_without_format[] = "[(200, 800, 1.0), (400, 500, 1.5), (600, 400, 2.0)]";

/* The true trace moved by `off` of the picture's width, in full format. */
static const char *wrong_with_format(double off)
{
    static char text[256];
    int by = (int)(off * 1000);

    snprintf(text, sizeof(text),
             "<think>[Scale] [Scene]: 9.000</think>"
             "<answer>[(%d, 800, 1.0), (%d, 500, 1.5), (%d, 400, 2.0)]</answer>",
             200 + by, 400 + by, 600 + by);
    return text;
}

/* docs/rewards.md: format makes up for an error d of the whole trace with w_p d^2 + w_t d = w_of + w_pf;
 * with the paper's weights that is 0.73 of the picture. */
Test(reward, what_format_alone_is_worth_is_what_the_weights_say)
{
    fm_reward_truth t = truth();
    fm_reward_rules rules = fm_reward_robotracer;

    double right = reward_of(&rules, &t, right_without_format).total;
    cr_expect(gt(dbl, reward_of(&rules, &t, wrong_with_format(0.72)).total, right));
    cr_expect(lt(dbl, reward_of(&rules, &t, wrong_with_format(0.74)).total, right));

    rules.w_of = 0.1; /* what a trainer may say that does not want it so: 0.13 */
    rules.w_pf = 0.05;
    right = reward_of(&rules, &t, right_without_format).total;
    cr_expect(gt(dbl, reward_of(&rules, &t, wrong_with_format(0.12)).total, right));
    cr_expect(lt(dbl, reward_of(&rules, &t, wrong_with_format(0.14)).total, right));
}

Test(reward, variants_are_found_by_name)
{
    cr_expect(eq(ptr, (void *)fm_reward_rules_find("robotracer"), (void *)&fm_reward_robotracer));
    cr_expect(eq(ptr, (void *)fm_reward_rules_find("roborefer"), (void *)&fm_reward_roborefer));
    cr_expect(fm_reward_rules_find("r1") == NULL);
}
