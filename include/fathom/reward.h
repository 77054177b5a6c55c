/**
 * Rewards for reinforcement fine-tuning: of the outcome (format, end points, trace) and of the process
 * (format and metric-sensitive accuracy of the steps, judged by process.h).
 *
 * The paper leaves some points open; each of them is a switch here that is named after its equation.
 * Pure functions, thread-safe; the time for a reply is linear in its size. Source: arXiv 2512.13660v3
 * section 3.4 and supplement D.4 (RoboTracer); RoboRefer for its variant.
 */
#ifndef FATHOM_REWARD_H
#define FATHOM_REWARD_H

#include "fathom/process.h"

#ifdef __cplusplus
extern "C" {
#endif

/* R_OF, the format of the outcome. */
typedef enum {
    FM_R_OF_FOLLOWS, /* a <think> block is followed by an <answer> block: the paper's sentence */
    FM_R_OF_WHOLE,   /* and nothing else but white space stands in the reply: R1-V's pattern */
} fm_r_of;

/* R_P, the points of the outcome. */
typedef enum {
    FM_R_P_ENDS,  /* RoboTracer: the mean of max(0, 1 - |p - g|^2) over first and last point */
    FM_R_P_FIRST, /* RoboRefer: 1 where |dx| + |dy| of the first point is under 50 pixels */
} fm_r_p;

/* R_T, the whole trace: max(0, 1 - distance). The printed sum (Eq. 7) lacks it, the prose has it. */
typedef enum {
    FM_R_T_OFF,
    FM_R_T_DTW,     /* dynamic time warping, the mean over the warping path */
    FM_R_T_DTW_SUM, /* the sum over it */
    FM_R_T_FRECHET, /* discrete Frechet distance */
} fm_r_t;

/* How the values of steps become one: the paper does not say. */
typedef enum {
    FM_STEPS_MEAN_KEYS, /* R_Acc: the sum over the number of annotated steps. R_PF: as MEAN */
    FM_STEPS_MEAN,      /* over the number of steps in the reply */
    FM_STEPS_SUM,
} fm_steps_over;

typedef struct {
    const char *name; /* "robotracer", "roborefer" */
    const fm_process_rules *process;
    fm_r_of r_of;
    fm_r_p r_p;
    fm_r_t r_t;
    fm_steps_over r_pf_over, r_acc_over;
    double w_of, w_p, w_t, w_pf, w_acc; /* weights of the sum; alpha of Eq. 7 is w_pf = w_acc */
    double w_a;                         /* of R_A, which is not the paper's */
} fm_reward_rules;

/* RoboTracer: follows, ends, DTW, mean over steps, weights 1 1 1 0.25 0.25, R_A 1. */
FM_API extern const fm_reward_rules fm_reward_robotracer;
/* RoboRefer: follows, first point, no trace, mean over steps, weights 1 1 0 0.25 0.25, R_A 1. */
FM_API extern const fm_reward_rules fm_reward_roborefer;

/* Of a variant's name; NULL: there is none. */
FM_API const fm_reward_rules *fm_reward_rules_find(const char *name);

/* R_A, the answer where it is no trace: the sources reward traces and points alone, and what is asked
 * beside them (fathom world) earns 1 or 0. */
typedef enum {
    FM_R_A_NONE,
    FM_R_A_OPTION, /* its letter is the answer's first word (fm_choice: letter_word) */
    FM_R_A_YESNO,  /* the answer begins with it */
    FM_R_A_LENGTH, /* the answer's first length is within the rules' band of Measuring */
    FM_R_A_TEXT,   /* the same words, as names of targets are compared */
} fm_r_a;

/* The open points as they are written: "r_of", "r_t", "r_pf", "r_acc", each with the words that it may be
 * ("follows", "whole"), NULL behind the last. NULL past the end. */
typedef struct {
    const char *name;
    const char *words[5];
} fm_reward_switch;
FM_API const fm_reward_switch *fm_reward_switch_at(size_t i);
FM_API void fm_reward_switch_set(fm_reward_rules *rules, size_t i, size_t word);
/* The weight of a term ("r_of", "r_p", "r_t", "r_a", "r_pf", "r_acc"); NULL: there is none such. */
FM_API double *fm_reward_weight(fm_reward_rules *rules, const char *term);

/* What is known about the sample. Borrowed. */
typedef struct {
    double (*trace)[3]; /* [n_trace] x, y in [0, 1], d in metres or NaN; NULL: no true trace */
    size_t n_trace;
    double max_depth_m; /* of the scene: what depths are divided by. NaN: the farthest of `trace` */
    int width, height;  /* of the picture, pixels; 0: not known */
    const fm_key_step *keys;
    size_t n_keys; /* at most FM_KEY_STEPS_MAX */
    fm_r_a asked;  /* and what that wants of the next four */
    int option;    /* 0 is A; below 26 */
    bool yes;
    double length_m;
    const char *text;
} fm_reward_truth;

/* A path of more points is no trace of a motion, and is not compared (R_T is 0). */
#define FM_REWARD_MAX_POINTS 256

/* A term is NaN where the truth has nothing to judge it by; it adds nothing then. */
typedef struct {
    double r_of, r_p, r_t, r_a, r_pf, r_acc, total;
    size_t n_points;                     /* of the answer */
    size_t n_steps, n_wellformed;        /* bracketed steps */
    const fm_step_judgement *judgements; /* [n_judgements], in the arena */
    size_t n_judgements;
    const char *why; /* why the outcome earns nothing, static; NULL */
} fm_reward;

/* Judge one reply. The answer is what stands in <answer>, else behind </think>, else the whole reply.
 * `arena` holds the judgements, whose spans are into `reply`. Fails with FM_E_NOMEM only. */
FM_API FM_MUST_CHECK fm_status fm_reward_judge(const fm_reward_rules *rules, fm_span reply,
                                               const fm_reward_truth *truth, struct fm_arena *arena,
                                               fm_reward *out, fm_err *err);

#ifdef __cplusplus
}
#endif
#endif
