/* Owns what a reply earns: the terms of the reward and their sum. Which steps are right is process.c's
 * business, the distances between traces are geometry's. */
#include "fathom/reward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/size.h"
#include "fathom/answers.h"
#include "fathom/choice.h"
#include "fathom/measuring.h"
#include "fathom/points.h"
#include "fathom/polyline.h"
#include "fathom/quantity.h"

const fm_reward_rules fm_reward_robotracer = {
    .name = "robotracer",
    .process = &fm_process_robotracer,
    .r_of = FM_R_OF_FOLLOWS,
    .r_p = FM_R_P_ENDS,
    .r_t = FM_R_T_DTW,
    .r_pf_over = FM_STEPS_MEAN_KEYS,
    .r_acc_over = FM_STEPS_MEAN_KEYS,
    .w_of = 1,
    .w_p = 1,
    .w_t = 1,
    .w_pf = 0.25,
    .w_acc = 0.25,
    .w_a = 1,
};

const fm_reward_rules fm_reward_roborefer = {
    .name = "roborefer",
    .process = &fm_process_roborefer,
    .r_of = FM_R_OF_FOLLOWS,
    .r_p = FM_R_P_FIRST,
    .r_t = FM_R_T_OFF,
    .r_pf_over = FM_STEPS_MEAN_KEYS,
    .r_acc_over = FM_STEPS_MEAN_KEYS,
    .w_of = 1,
    .w_p = 1,
    .w_t = 0,
    .w_pf = 0.25,
    .w_acc = 0.25,
    .w_a = 1,
};

const fm_reward_rules *fm_reward_rules_find(const char *name)
{
    static const fm_reward_rules *const table[] = {&fm_reward_robotracer, &fm_reward_roborefer};

    for (size_t i = 0; i < FM_COUNT_OF(table); i++)
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    return NULL;
}

/* ---- as they are written ---- */

enum { R_OF, R_T, R_PF, R_ACC };

static const fm_reward_switch switches[] = {
    [R_OF] = {"r_of", {"follows", "whole"}},
    [R_T] = {"r_t", {"off", "dtw", "dtw-sum", "frechet"}},
    [R_PF] = {"r_pf", {"steps", "sum"}},
    [R_ACC] = {"r_acc", {"keys", "steps", "sum"}},
};

const fm_reward_switch *fm_reward_switch_at(size_t i)
{
    return i < FM_COUNT_OF(switches) ? &switches[i] : NULL;
}

void fm_reward_switch_set(fm_reward_rules *rules, size_t i, size_t word)
{
    switch (i) {
    case R_OF:
        rules->r_of = (fm_r_of)word;
        break;
    case R_T:
        rules->r_t = (fm_r_t)word;
        break;
    case R_PF:
        rules->r_pf_over = word == 0 ? FM_STEPS_MEAN : FM_STEPS_SUM;
        break;
    case R_ACC:
        rules->r_acc_over = (fm_steps_over)word;
        break;
    default:
        break;
    }
}

double *fm_reward_weight(fm_reward_rules *rules, const char *term)
{
    const struct {
        const char *name;
        double *weight;
    } terms[] = {{"r_of", &rules->w_of}, {"r_p", &rules->w_p},   {"r_t", &rules->w_t},
                 {"r_a", &rules->w_a},   {"r_pf", &rules->w_pf}, {"r_acc", &rules->w_acc}};

    for (size_t i = 0; i < FM_COUNT_OF(terms); i++)
        if (strcmp(terms[i].name, term) == 0)
            return terms[i].weight;
    return NULL;
}

/* ---- the outcome ---- */

typedef double path[FM_REWARD_MAX_POINTS][3];

/* u, v and d in [0, 1]: depth by the scene's farthest. Without depth in the truth there is none. */
static void normalise(const fm_reward_truth *truth, double (*points)[3], size_t n, path out)
{
    bool depth = !isnan(truth->trace[0][2]);
    double farthest = truth->max_depth_m;

    for (size_t i = 0; depth && isnan(truth->max_depth_m) && i < truth->n_trace; i++)
        if (!(farthest >= truth->trace[i][2]))
            farthest = truth->trace[i][2];
    for (size_t i = 0; i < n; i++) {
        out[i][0] = points[i][0];
        out[i][1] = points[i][1];
        out[i][2] = depth ? points[i][2] / farthest : 0;
    }
}

/* max(0, 1 - |p - g|^2); a point without depth where the truth has one earns nothing. */
static double nearness(const double p[3], const double g[3])
{
    double sum = 0;

    for (int i = 0; i < 3; i++)
        sum += (p[i] - g[i]) * (p[i] - g[i]);
    return sum < 1 ? 1 - sum : 0;
}

static double first_point(const fm_reward_rules *rules, const fm_reward_truth *truth,
                          const double p[3], const char **why)
{
    const double *g = truth->trace[0];
    double pixels = fabs(p[0] - g[0]) * truth->width + fabs(p[1] - g[1]) * truth->height;

    if (truth->width > 0 && truth->height > 0)
        return pixels < rules->process->place;
    *why = "the size of the picture is not known";
    return NAN;
}

static double distance(fm_r_t kind, path p, size_t n, path q, size_t m)
{
    size_t length;
    double sum;

    if (kind == FM_R_T_FRECHET)
        return fm_polyline_frechet(p[0], n, q[0], m, 3);
    sum = fm_polyline_dtw(p[0], n, q[0], m, 3, &length);
    return kind == FM_R_T_DTW_SUM ? sum : sum / (double)length;
}

/* Both ends alone, so that a reply of any length has them. */
static double both_ends(const fm_reward_truth *truth, double (*points)[3], size_t n,
                        const char **why)
{
    double ends[2][3], true_ends[2][3];
    path p, q;

    memcpy(ends[0], points[0], sizeof(ends[0]));
    memcpy(ends[1], points[n - 1], sizeof(ends[1]));
    memcpy(true_ends[0], truth->trace[0], sizeof(ends[0]));
    memcpy(true_ends[1], truth->trace[truth->n_trace - 1], sizeof(ends[1]));
    normalise(truth, ends, 2, p);
    normalise(truth, true_ends, 2, q);
    if (isnan(p[0][2]) || isnan(p[1][2]))
        *why = "no depth in the answer";
    return (nearness(p[0], q[0]) + nearness(p[1], q[1])) / 2;
}

static void judge_points(const fm_reward_rules *rules, const fm_reward_truth *truth,
                         double (*points)[3], size_t n, fm_reward *out)
{
    size_t m = truth->n_trace;
    path p, q;

    out->r_p = out->r_t = 0;
    if (n == 0)
        out->why = "no points in the answer";
    else if (rules->r_p == FM_R_P_ENDS)
        out->r_p = both_ends(truth, points, n, &out->why);
    else
        out->r_p = first_point(rules, truth, points[0], &out->why);
    if (n == 0 || rules->r_t == FM_R_T_OFF)
        return;
    if (n > FM_REWARD_MAX_POINTS || m > FM_REWARD_MAX_POINTS) {
        out->why = "too many points";
        return;
    }
    normalise(truth, points, n, p);
    normalise(truth, truth->trace, m, q);
    double d = distance(rules->r_t, p, n, q, m);
    out->r_t = d < 1 ? 1 - d : 0; /* NaN: 0 */
}

/* The points of an answer in the dialect's space, as grading reads them. */
static fm_status judge_answer(const fm_reward_rules *rules, fm_span text,
                              const fm_reward_truth *truth, fm_reward *out, fm_err *err)
{
    fm_trace_answer answer = {0};
    fm_status st = fm_answers_parse_trace(FM_ANSWERS_TUPLES, text.text, text.size, &answer, err);

    if (st == FM_OK) {
        out->n_points = answer.n;
        if (truth->n_trace)
            judge_points(rules, truth, answer.points, answer.n, out);
    }
    fm_trace_answer_release(&answer);
    return st;
}

static fm_status judge_answer_2d(const fm_reward_rules *rules, fm_span text,
                                 const fm_reward_truth *truth, fm_arena *arena, fm_reward *out,
                                 fm_err *err)
{
    static const fm_points_rule rule = {.form = FM_FORM_PAIRS, .space = FM_SPACE_1};
    fm_points found;
    fm_status st = fm_points_read(&rule, text, 1, 1, arena, &found, err);

    if (st != FM_OK)
        return st;
    double(*points)[3] = fm_arena_alloc(arena, found.n + 1, sizeof(*points));
    if (!points)
        return fm_fail(err, FM_E_NOMEM, "no memory for the points of an answer");
    for (size_t i = 0; i < found.n; i++) {
        points[i][0] = found.items[i].x;
        points[i][1] = found.items[i].y;
        points[i][2] = NAN;
    }
    out->n_points = found.n;
    if (truth->n_trace)
        judge_points(rules, truth, points, found.n, out);
    return FM_OK;
}

static bool same_words(fm_span a, fm_span b)
{
    char first[FM_STEP_NAME_BYTES], second[FM_STEP_NAME_BYTES];

    fm_step_name(a, first);
    fm_step_name(b, second);
    return strcmp(first, second) == 0;
}

/* What is asked for where that is no trace. */
static fm_status judge_word(const fm_reward_rules *rules, fm_span answer,
                            const fm_reward_truth *truth, fm_arena *arena, fm_reward *out,
                            fm_err *err)
{
    const fm_choice_rule *letter = fm_choice_rule_find("letter_word");
    const fm_options options = {NULL, 26};
    fm_status st = FM_OK;
    fm_choice choice;
    bool right = false;

    switch (truth->asked) {
    case FM_R_A_NONE:
        return FM_OK;
    case FM_R_A_OPTION:
        st = fm_choice_read(letter, answer, &options, arena, &choice, err);
        right = st == FM_OK && choice.index == truth->option;
        break;
    case FM_R_A_YESNO:
        right = fm_yesno_prefix(answer) == (truth->yes ? FM_SAYS_YES : FM_SAYS_NO);
        break;
    case FM_R_A_LENGTH:
        right = fm_within_band(fm_quantity_first(answer).value, truth->length_m,
                               rules->process->length_band);
        break;
    case FM_R_A_TEXT:
        right = same_words(answer, fm_span_of(truth->text));
        break;
    }
    out->r_a = right;
    if (!right)
        out->why = "another answer than the true one";
    return st;
}

/* ---- the process ---- */

static double over(fm_steps_over how, double sum, size_t steps, size_t keys)
{
    size_t n = how == FM_STEPS_SUM ? 1 : how == FM_STEPS_MEAN ? steps : keys;

    return n ? sum / (double)n : 0;
}

/* Prose earns nothing: the format is what makes a step one. */
static fm_status judge_process(const fm_reward_rules *rules, fm_span reply,
                               const fm_reward_truth *truth, fm_arena *arena, fm_reward *out,
                               fm_err *err)
{
    fm_step_judgement *judged;
    fm_steps steps;
    double sum = 0;
    size_t n = 0;
    fm_status st = fm_steps_read(rules->process->dialect, reply, arena, &steps, err);

    if (st != FM_OK)
        return st;
    for (size_t i = 0; i < steps.n; i++)
        if (steps.items[i].form == FM_STEP_BRACKETED)
            steps.items[n++] = steps.items[i];
    judged = fm_arena_alloc(arena, FM_PROCESS_JUDGEMENTS(n, truth->n_keys) + 1, sizeof(*judged));
    if (!judged)
        return fm_fail(err, FM_E_NOMEM, "no memory for the judgements of a reply");
    out->n_judgements = fm_process_judge(rules->process, steps.items, n, truth->keys, truth->n_keys,
                                         truth->width, truth->height, judged);
    out->judgements = judged;
    out->n_steps = n;
    for (size_t i = 0; i < n; i++)
        out->n_wellformed += steps.items[i].fault == NULL;
    for (size_t i = 0; i < out->n_judgements; i++)
        sum += judged[i].score;
    out->r_pf = over(rules->r_pf_over, (double)out->n_wellformed, n, n);
    if (truth->n_keys)
        out->r_acc = over(rules->r_acc_over, sum, n, truth->n_keys);
    return FM_OK;
}

/* ---- both ---- */

static double weighed(double weight, double term)
{
    return isnan(term) ? 0 : weight * term;
}

fm_status fm_reward_judge(const fm_reward_rules *rules, fm_span reply, const fm_reward_truth *truth,
                          fm_arena *arena, fm_reward *out, fm_err *err)
{
    fm_reply_parts parts = fm_reply_split(reply);
    fm_reward r = {.r_p = NAN, .r_t = NAN, .r_a = NAN, .r_acc = NAN};

    r.r_of = rules->r_of == FM_R_OF_WHOLE ? parts.whole : parts.think_closed && parts.answer_closed;
    fm_span answer = fm_reply_conclusion(reply, &parts);
    fm_status st = rules->process->dialect == FM_STEPS_ROBOREFER
                       ? judge_answer_2d(rules, answer, truth, arena, &r, err)
                       : judge_answer(rules, answer, truth, &r, err);
    if (st == FM_OK)
        st = judge_word(rules, answer, truth, arena, &r, err);
    if (st == FM_OK)
        st = judge_process(rules, reply, truth, arena, &r, err);
    if (st != FM_OK)
        return st;
    if (rules->r_t == FM_R_T_OFF)
        r.r_t = NAN;
    r.total = weighed(rules->w_of, r.r_of) + weighed(rules->w_p, r.r_p) +
              weighed(rules->w_t, r.r_t) + weighed(rules->w_a, r.r_a) +
              weighed(rules->w_pf, r.r_pf) + weighed(rules->w_acc, r.r_acc);
    *out = r;
    return FM_OK;
}
