/**
 * A suite is a benchmark: a folder with suite.yaml, a loader that turns its data into samples, and
 * protocols that say how a reply is judged. Two protocols of one suite share the data and never
 * share a score.
 *
 * suite.yaml is data: names, versions, prompts, citation. Loaders and protocols are `const` tables
 * of code, found by name in the catalogue that the program hands to the library (core can name none
 * of them).
 */
#ifndef FATHOM_SUITE_H
#define FATHOM_SUITE_H

#include "fathom/adapter.h"
#include "fathom/answers.h"

struct fm_arena; /* base/arena.h */

#ifdef __cplusplus
extern "C" {
#endif

/* ---- metrics of a protocol ---- */

typedef enum {
    FM_METRIC_RATE,   /* true or false a sample; aggregated as a rate with a Wilson interval */
    FM_METRIC_MEAN,   /* a number a sample; aggregated as a mean with a bootstrap interval */
    FM_METRIC_DETAIL, /* kept with the sample, never aggregated */
} fm_metric_role;

/* Which samples a rate or mean is over. */
typedef enum {
    FM_OVER_ALL, /* every sample that the protocol counts; one without a value is a failure (rates
                    only) */
    FM_OVER_PRESENT, /* the samples that have a value */
} fm_metric_over;

typedef struct {
    const char *name; /* as in samples.jsonl and results.json */
    const char *unit; /* "m", "px", "" */
    fm_metric_role role;
    fm_metric_over over;
    int better; /* +1 higher, -1 lower, 0 neither */
    const char *summary;
} fm_metric;

/* The value of one metric for one sample. ABSENT: the protocol has no value for this sample (it is
 * not written). UNKNOWN: it would have one, but something is missing or not finite (written as
 * null, excluded from aggregates of either kind, and the grade's reason says why). */
typedef enum {
    FM_VALUE_ABSENT,
    FM_VALUE_UNKNOWN,
    FM_VALUE_BOOL,
    FM_VALUE_NUMBER,
    FM_VALUE_VECTOR
} fm_value_kind;

typedef struct {
    fm_value_kind kind;
    bool truth;           /* FM_VALUE_BOOL */
    double number;        /* FM_VALUE_NUMBER; not finite counts as UNKNOWN */
    const double *vector; /* FM_VALUE_VECTOR: in the grade's arena; elements that are not finite
                             become null */
    size_t n;
} fm_value;

#define FM_MAX_METRICS 32

typedef struct {
    fm_sample_status status;
    const char *reason; /* one line or NULL; static or in the arena */
    const char *lost;   /* what of the sample's data cannot be read, or NULL; as `reason` */
    const char
        *size_source;    /* "image", "depth", "intrinsics"; NULL where no picture size was used */
    double (*points)[3]; /* parsed answer: x, y in [0, 1], d in metres or NaN; NULL: none */
    size_t n_points;
    int columns;                     /* 2 or 3 numbers a point */
    fm_value values[FM_MAX_METRICS]; /* by index in the protocol's metrics */
} fm_grade;

/* ---- protocols
 * --------------------------------------------------------------------------------------------------
 */

/* What is graded: the sample, and what the adapter or the file said about it. */
typedef struct {
    const fm_sample *sample;
    fm_sample_status
        reply_status; /* FM_SAMPLE_OK: `text` is an answer; otherwise there is none to parse */
    const char *text; /* NULL: no reply (Python's None) */
    size_t size;
    fm_answers_family answers;
} fm_grade_input;

typedef struct {
    const char *name;    /* "reference", "paper" */
    const char *summary; /* one line */
    int version;         /* raised whenever a score can change */
    fm_answer_kind kind; /* the tasks it can judge */
    const char *policy;  /* what a reply that is not ok counts as: "zero", "skip", "origin" */
    const char *primary; /* the metric that stands for the protocol in a ranking */
    const fm_metric *metrics;
    size_t n_metrics;

    /* Working memory of one thread. */
    void *(*scratch_new)(void);
    void (*scratch_free)(void *scratch);

    /* Pure: equal inputs and equal files give equal grades. Strings and vectors go into `arena` (an
     * fm_arena). Fails only for reasons that end the whole grading (no memory); whatever is wrong
     * with one item is its status and reason. */
    fm_status (*grade)(void *scratch, const fm_grade_input *input, struct fm_arena *arena,
                       fm_grade *out, fm_err *err);
} fm_protocol;

/* ---- loaders
 * ----------------------------------------------------------------------------------------------------
 */

typedef struct {
    const char *data_dir;    /* folder with the data; NULL where annotations come from a file of
                                records alone */
    const char *annotations; /* file of annotations that replaces the folder's own; NULL: the
                                folder's own */
    fm_answer_kind kind;
} fm_loader_config;

typedef struct {
    const char *name;
    const char *summary;
    fm_status (*open)(void **state, const fm_loader_config *config, fm_err *err);
    /* The next sample in the data's order, in `arena`; *more false at the end. */
    fm_status (*next)(void *state, struct fm_arena *arena, fm_sample *out, bool *more, fm_err *err);
    void (*close)(void *state);
    /* Whether the folder has annotations of its own. */
    bool (*has_annotations)(const char *data_dir);
    /* SHA-256 (hexadecimal) of what decides the samples: the annotation file, not the rasters. */
    fm_status (*fingerprint)(void *state, char out[65], fm_err *err);
} fm_loader_ops;

/* ---- suites, as suite.yaml states them ---- */

typedef struct {
    const char *name; /* "tracespatial-3d" */
    const char *title;
    fm_answer_kind kind;
    const char *protocols[8]; /* names, the first is the default; ends with NULL */
    const char *prompt_tuples,
        *prompt_json;          /* with {task}, {target}, {destination}; NULL: not offered */
    fm_answers_family answers; /* default form */
} fm_task;

typedef struct {
    const char *name, *title, *version, *licence, *citation, *url, *summary;
    const char *loader;
    const char *generator; /* "world": the data is generated at first use; NULL: it must be given */
    const char *folder;    /* where suite.yaml stands */
    const char *default_task;
    fm_task tasks[8];
    size_t n_tasks;
} fm_suite;

#ifdef __cplusplus
}
#endif
#endif
