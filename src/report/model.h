/**
 * What every kind of report is written from: the runs, their samples, the table's cells and the
 * verdicts that differ. Read from views once, then plain data; texts are as the files hold them,
 * and whoever prints one escapes it for its place.
 */
#ifndef FM_REPORT_MODEL_H
#define FM_REPORT_MODEL_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "fathom/sample.h"

/* Beside more runs than this nobody finds anything; more are refused. */
#define FM_REPORT_MAX_RUNS 64

/* What was judged on the way to an answer: a stage of a trace, or a step of the reasoning. */
typedef struct {
    const char *name, *kind, *verdict; /* as fm_diagnosed_verdict has them */
    const char *why;                   /* NULL: nothing to say */
    double value;                      /* NaN: none */
} fm_report_step;

typedef struct {
    const char *id;
    cJSON *line; /* of samples.jsonl */
    bool has_sample;
    fm_sample sample;
    const char *cause;           /* the stage that failed first; NULL: none, or not looked at */
    const fm_report_step *steps; /* [n_steps]; none where nobody asked for them */
    size_t n_steps;
} fm_report_sample;

typedef struct {
    const cJSON *manifest, *results; /* borrowed */
    const cJSON *usage;              /* borrowed; NULL: not known what it took */
    const char *dir;                 /* the run directory */
    const char *notice;              /* why pictures are missing, or NULL */
    const char *name;                /* adapter and model, or the directory where that says more */
    const char *task, *protocol;     /* "" where results.json has none */
    const char *rules;               /* "@paper"; beside runs of other tasks "tabletop-3d@paper" */
    bool sees_truth;
    size_t group; /* index of the first run of the same directory */
    fm_report_sample *samples;
    fm_report_sample **by_id; /* sorted, for fm_report_find() */
    size_t n_samples, capacity;
} fm_report_run;

typedef struct {
    fm_arena arena;
    fm_report_run *runs;
    size_t n;
} fm_report_model;

/* Fill a model run by run, then finish it. manifest and results are borrowed, `line` is taken (also
 * on failure), `sample` is copied and may be NULL. */
FM_MUST_CHECK fm_status fm_report_model_reserve(fm_report_model *model, size_t n, fm_err *err);
FM_MUST_CHECK fm_status fm_report_model_add(fm_report_model *model, const cJSON *manifest,
                                            const cJSON *results, const char *dir,
                                            fm_report_run **out, fm_err *err);
FM_MUST_CHECK fm_status fm_report_run_add(fm_report_model *model, fm_report_run *run, cJSON *line,
                                          const fm_sample *sample, fm_err *err);
FM_MUST_CHECK fm_status fm_report_model_finish(fm_report_model *model, fm_err *err);
void fm_report_model_release(fm_report_model *model); /* accepts NULL and {0} */

/* The sample of that id, or NULL. */
const fm_report_sample *fm_report_find(const fm_report_run *run, const char *id);

/* True where all runs have the same text. */
bool fm_report_same_name(const fm_report_model *model);
bool fm_report_same_protocol(const fm_report_model *model);
bool fm_report_same_task(const fm_report_model *model);

/* The tasks, each once, in the order of the runs: "tabletop-2d, tabletop-3d". */
void fm_report_put_tasks(fm_buf *out, const fm_report_model *model);

/* ---- the summary table ---- */

typedef struct {
    const char *name, *unit; /* unit may be "" */
    bool rate;
    int better;
} fm_report_metric;

/* Every aggregated metric of any run: the first run's in its order, then what the others add. */
FM_MUST_CHECK fm_status fm_report_metrics(fm_report_model *model, fm_report_metric **out, size_t *n,
                                          fm_err *err);

/* Whether the run has the metric in this unit: a distance in the picture and one in space are called the
 * same. */
bool fm_report_has(const fm_report_run *run, const fm_report_metric *metric);

typedef struct {
    bool present;      /* the protocol has this metric */
    bool primary;      /* and it stands for the protocol */
    char value[32];    /* "75.0 %", "0.031 m", or a dash where there is nothing to average */
    char interval[64]; /* "[57.9, 86.7]", or "" */
    char count[64];    /* "24/32", "n=32", "24/30 (2 left out)" */
} fm_report_cell;

void fm_report_cell_make(const fm_report_run *run, const char *metric, fm_report_cell *out);

/* The metric that stands for the protocol: the pooled one where it pools. NULL: none is named. */
const char *fm_report_headline(const fm_report_run *run);

/* By which methods the intervals of all runs were made: "Wilson for rates, bootstrap for means, Price and
 * Bonett for accuracy_macro". Names of metrics are not escaped. */
void fm_report_put_methods(fm_buf *out, const fm_report_model *model);

/* The four outcomes in the order of fm_outcome: its name, how many samples ended so, and which
 * statuses they had ("timeout 1, quota 2", "" where the name says it). */
typedef struct {
    const char *name;
    size_t n;
    char detail[256];
} fm_report_outcome;
void fm_report_outcomes(const fm_report_run *run, fm_report_outcome out[4]);
size_t fm_report_run_n(const fm_report_run *run); /* askings, as results.json counts them */
/* "256 samples"; with repeats "32 samples, 8 times". */
void fm_report_put_size(fm_buf *out, const fm_report_run *run);
/* Whether samples were asked more than once: their intervals are over the samples. */
bool fm_report_repeats(const fm_report_run *run);
bool fm_report_status_outcome(const char *status, fm_outcome *out);

/* ---- verdicts ---- */

typedef enum {
    FM_REPORT_ABSENT, /* the protocol has no value for this sample */
    FM_REPORT_UNKNOWN,
    FM_REPORT_NO,
    FM_REPORT_YES
} fm_report_verdict;

fm_report_verdict fm_report_verdict_of(const fm_report_sample *sample, const char *metric);
const char *fm_report_verdict_name(fm_report_verdict verdict); /* "yes", "no", "unknown", "-" */

/* The verdict's name, or the number of a metric that has one. */
void fm_report_put_verdict(fm_buf *out, const fm_report_sample *sample, const char *metric);
/* What was read in the reply: "B", "0.8 m", "(0.67, 0.49, 1.75) ..."; nothing where nothing was. */
void fm_report_put_answer(fm_buf *out, const fm_report_sample *sample);

/* Where protocols of one run disagree about a sample. */
typedef struct {
    size_t sample;                    /* index in the first run of the group */
    size_t metric;                    /* index in the metrics */
    fm_report_verdict *verdicts;      /* [n_runs of the comparison] */
    const fm_report_sample **samples; /* [n_runs]; NULL where a run has no such line */
    bool answers;                     /* the protocols read different answers */
    const char *reason;               /* of the runs that state one; NULL: none does */
} fm_report_difference;

/* What the k-th run of the comparison says: "no: T", the verdict and, where the protocols read
 * different answers, what this one read. */
void fm_report_put_difference(fm_buf *out, const fm_report_difference *difference, size_t k,
                              const char *metric);

/* How far a metric's values lie apart. */
typedef struct {
    const char *metric;     /* NULL: the headlines, which the protocols call differently */
    size_t low, high;       /* the runs, indices in the model */
    double lowest, highest; /* as in results.json; finite */
    bool rate;
    const char *unit;
    size_t flips; /* samples whose verdict differs */
} fm_report_spread;

typedef struct {
    size_t group;
    size_t *runs; /* indices in the model */
    size_t n_runs;
    fm_report_spread *spreads; /* the headlines first, then in the order of the metrics; those that
                                  have a value under two protocols or more */
    size_t n_spreads;
    fm_report_difference *items; /* those of a primary metric first, then in suite order; rates,
                                    and a primary metric that is a mean */
    size_t n_items, n_samples;   /* differences, and the samples that have any */
    bool absent;                 /* some verdict of an item is FM_REPORT_ABSENT */
} fm_report_comparison;

/* One comparison for every run directory that is there under two or more protocols. */
FM_MUST_CHECK fm_status fm_report_compare(fm_report_model *model, const fm_report_metric *metrics,
                                          size_t n_metrics, fm_report_comparison **out, size_t *n,
                                          fm_err *err);

#endif
