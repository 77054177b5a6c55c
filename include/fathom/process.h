/**
 * Judging the steps of a reply's reasoning against the key steps that the data annotates, each with
 * the rule of its kind.
 *
 * This one judgement is what `fathom steps` shows and what the process rewards are made of
 * (reward.h). Pure functions, thread-safe. Sources: arXiv 2512.13660v3 supplement D.4, metric-sensitive
 * accuracy (RoboTracer); RoboRefer, process rewards.
 */
#ifndef FATHOM_PROCESS_H
#define FATHOM_PROCESS_H

#include "fathom/steps.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Near enough, by kind. Bounds are inclusive but for RoboRefer's, which are strict. */
typedef struct {
    const char *name; /* "robotracer", "roborefer" */
    fm_steps_dialect dialect;
    double place; /* |du| + |dv| in pixels: at most this share of the picture's longer side ... */
    bool place_pixels;  /* ... or fewer than `place` pixels */
    double depth_band;  /* |d - g| <= band g: worth the other half of a Referring step */
    double length_band; /* Measuring */
    double scale_band;  /* Scale */
    double cosine;      /* Orientation: more than this */
} fm_process_rules;

FM_API extern const fm_process_rules fm_process_robotracer; /* 10 %, 30 %, 30 %, 30 %, 0.8 */
FM_API extern const fm_process_rules fm_process_roborefer;  /* 50 px, -, 15 %, 30 %, 0.8 */

#define FM_STEP_VERDICT_MAP(X)                                                                     \
    X(RIGHT, "right", "all of it is near enough")                                                  \
    X(PARTLY, "partly", "place or depth is, the other is not")                                     \
    X(WRONG, "wrong", "too far from the annotated value")                                          \
    X(UNREADABLE, "unreadable", "about an annotated target, without a value of its kind")          \
    X(UNMATCHED, "unmatched", "about nothing that is annotated")                                   \
    X(MISSED, "missed", "annotated, and no step is about it")

typedef enum {
#define FM_STEP_VERDICT_ENUM(code, name, text) FM_STEP_##code,
    FM_STEP_VERDICT_MAP(FM_STEP_VERDICT_ENUM)
#undef FM_STEP_VERDICT_ENUM
        FM_STEP_VERDICTS
} fm_step_verdict;

FM_API const char *fm_step_verdict_name(fm_step_verdict verdict);

typedef struct {
    const fm_step *step;    /* NULL: FM_STEP_MISSED; borrowed, as key */
    const fm_key_step *key; /* NULL: FM_STEP_UNMATCHED */
    fm_step_verdict verdict;
    double score;       /* 1, 0.5 or 0 */
    double place_error; /* Referring: |du| + |dv| over the longer side, or in pixels; else NaN */
    double ratio;       /* predicted over true: depth, length or scale; NaN where there is none */
    double cosine;      /* Orientation, else NaN */
    const char *why;    /* what is wrong, static; NULL: nothing */
} fm_step_judgement;

/* The most that fm_process_judge() gives for n steps and m key steps. */
#define FM_PROCESS_JUDGEMENTS(n, m) ((n) + (m))

/**
 * Match steps to key steps of their kind by target and judge them. A key step is given to one step at
 * most; equal names come before names that hold one another, bracketed steps before prose, whose whole
 * line counts as the name; of key steps with one name each takes the step that is nearest to it. The
 * order of steps does not matter otherwise.
 *
 * out has room for FM_PROCESS_JUDGEMENTS(): the steps in the reply's order, then the key steps that
 * were missed. Returns how many there are. width, height: of the picture in pixels; 0: square. A
 * Referring key step without depth is judged by its place alone. n <= FM_STEPS_MAX, n_keys <=
 * FM_KEY_STEPS_MAX.
 */
FM_API size_t fm_process_judge(const fm_process_rules *rules, const fm_step *steps, size_t n,
                               const fm_key_step *keys, size_t n_keys, int width, int height,
                               fm_step_judgement *out);

#ifdef __cplusplus
}
#endif
#endif
