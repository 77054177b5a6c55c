/**
 * Why a run's samples fail: each reply's reasoning judged step by step, each trace by stages, and what
 * putting one thing right would be worth.
 *
 * A substitution is graded by the protocol's own grader, with rasters and all; nothing is judged in a
 * second way. Everything but the grading is from samples.jsonl. docs/steps.md says what is counted.
 * For a page that shows a sample's verdicts: fm_diagnosed.verdicts is all there is to print.
 */
#ifndef FM_CORE_DIAGNOSIS_H
#define FM_CORE_DIAGNOSIS_H

#include "core/view.h"
#include "fathom/process.h"
#include "fathom/stages.h"
#include "fathom/stats.h"

/* One line about a sample, ready to be shown: a stage, or a step of the reasoning. */
typedef struct {
    const char *name;    /* "start", or the step's target; from data or the reply: escape it */
    const char *kind;    /* "stage", "Referring", "Measuring", ... */
    const char *verdict; /* "pass", "fail", "unknown", or as fm_step_verdict_name() */
    const char *why;     /* static, or NULL */
    double value;        /* of a stage as fm_stage.value, of a step its ratio; NaN: none */
} fm_diagnosed_verdict;

typedef struct {
    const char *id, *category; /* category NULL: none */
    fm_sample_status status;
    fm_verdict
        success; /* the protocol's primary metric; FM_UNKNOWN: it is no verdict, or not known */

    bool staged; /* it is a trace whose truth is there: the next four hold something */
    fm_stage stages[FM_STAGES];
    int cause; /* the first stage that fails of a sample that fails; -1: none */
    bool has_depth;
    fm_depth_error depth;
    fm_verdict oracles[FM_ORACLES]; /* `success` with the substitution; FM_UNKNOWN: not graded */

    const fm_step_judgement *judgements; /* [n_judgements]; spans into the reply, kept with it */
    size_t n_judgements, n_keys;

    const fm_diagnosed_verdict *verdicts; /* [n_verdicts]: the stages, then the steps */
    size_t n_verdicts;
} fm_diagnosed;

typedef struct {
    const char *run_dir, *task, *protocol, *primary;
    const char *notice;  /* why the data is missing, or NULL */
    fm_diagnosed *items; /* [n], in the order of samples.jsonl */
    size_t n, capacity;
    fm_arena arena; /* of all that is above */
} fm_diagnosis;

/* Diagnose a run under the view's protocol. jobs < 1: one thread a processor; the result does not
 * depend on it. `rules`: of the steps. */
FM_MUST_CHECK fm_status fm_diagnosis_make(fm_view *view, const fm_process_rules *rules, int jobs,
                                          fm_diagnosis *out, fm_err *err);
void fm_diagnosis_release(fm_diagnosis *diagnosis); /* accepts {0} */

/* ---- totals ---- */

/* Of n, `hits`, with a Wilson interval of 95 %. */
typedef struct {
    size_t hits, n;
    fm_interval interval;
} fm_share;

#define FM_DIAGNOSIS_INDICES 9 /* steps 1 to 8 of a reply, and those behind */

typedef struct {
    size_t n, judged, succeeded; /* samples; with a known success; of these, successes */
    size_t staged;
    size_t without_verdict;          /* staged, but success is not known: no rasters */
    size_t causes[FM_STAGES], other; /* of the failures; other: no stage fails */
    fm_share stages[FM_STAGES];      /* that fail, of those that can be told */

    size_t with_depth;                           /* medians over these */
    double scale, scale_low, scale_high;         /* median, quartiles */
    double rms_m, after_scale_m, after_affine_m; /* root of the mean square over samples */

    /* Change of the success rate by a substitution, over `judged`, with a bootstrap interval. */
    struct {
        bool known;
        double change;
        fm_interval interval;
    } oracles[FM_ORACLES];

    size_t reasoned, keyed; /* samples with steps; with annotated key steps */
    size_t verdicts[FM_STEP_KINDS][FM_STEP_VERDICTS];
    fm_share by_index[FM_DIAGNOSIS_INDICES]; /* steps about a key step that are not right */

    /* How an early error propagates: failures behind one, and without one. */
    fm_share step_after_error, step_after_none;       /* a matched step is not right */
    fm_share outcome_after_error, outcome_after_none; /* the sample fails, any matched step wrong */
    fm_share end_after_start, end_after_none;         /* END fails; START or DEPTH failed or not */
} fm_diagnosis_totals;

/* Of the items of one category, or of all (NULL). FM_E_NOMEM only. */
FM_MUST_CHECK fm_status fm_diagnosis_sum(const fm_diagnosis *diagnosis, const char *category,
                                         fm_diagnosis_totals *out, fm_err *err);

#endif
