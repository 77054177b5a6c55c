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

/* So many parts that were read are written down. */
#define FM_GRADE_MOST_READ 256

typedef struct {
    fm_sample_status status;
    const char *reason; /* one line or NULL; static or in the arena */
    const char *lost;   /* what of the sample's data cannot be read, or NULL; as `reason` */
    const char
        *size_source; /* "image", "depth", "intrinsics"; NULL where no picture size was used */
    const char
        *space; /* what the numbers of an answer were taken to count, where the protocol leaves
                          that to the reply: "n1000", "px n1"; else NULL. As `reason` */
    const char *answer; /* what was read, in a word: "B", "yes", "0.8"; NULL: nothing, or `points`
                           says it. As `reason` */
    const fm_span
        *read; /* the parts of the reply's text in which it stands, in order; in the arena, or
                            NULL: none, or not to be told */
    size_t n_read;
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
    const void *rules; /* the protocol's own */
} fm_grade_input;

/* How a protocol's headline is made of its samples. */
typedef enum {
    FM_POOL_MICRO,  /* every sample counts the same */
    FM_POOL_MACRO,  /* the mean of the categories' values */
    FM_POOL_SOURCE, /* the mean of the sources' values in each category, then over categories */
    FM_POOL_POINTS, /* every point of an answer counts the same: weighed by the metric "points" */
    FM_POOL_COPIES, /* the share of questions of which every copy is right */
} fm_pool;

/* A protocol is code with its rules in it (a table of a suite's own), or rules that suite.yaml
 * states for a grader (fm_grader_ops). */
typedef struct {
    const char *name;    /* "reference", "paper" */
    const char *summary; /* one line */
    int version;         /* raised whenever a score can change */
    fm_answer_kind kind; /* the tasks it can judge */
    const char *policy;  /* what a reply that is not ok counts as: "zero", "skip", "origin" */
    const char *primary; /* the metric that stands for the protocol in a ranking */
    const fm_metric *metrics;
    size_t n_metrics;
    fm_pool pool;
    const char
        *copies; /* FM_POOL_COPIES: ending by which ids of copies differ, a pattern ("-[0-9]") */
    const char *prompt; /* that it asks with; NULL: the task's */
    const char *form;   /* in which its parser expects an answer, for adapters that write the truth
                           (docs/adapters.md); NULL: the run's answers */
    const void *rules;  /* for `grade`, or NULL */

    /* Working memory of one thread. */
    void *(*scratch_new)(void);
    void (*scratch_free)(void *scratch);

    /* Pure: equal inputs and equal files give equal grades. Strings and vectors go into `arena` (an
     * fm_arena). Fails only for reasons that end the whole grading (no memory); whatever is wrong
     * with one item is its status and reason. */
    fm_status (*grade)(void *scratch, const fm_grade_input *input, struct fm_arena *arena,
                       fm_grade *out, fm_err *err);
} fm_protocol;

/* A way of judging that takes its rules from suite.yaml. */
typedef struct {
    const char *name; /* "choice" */
    const char *summary;
    fm_answer_kind kind;
    /* Read `rules` (the protocol's mapping in suite.yaml, as JSON text) into *out: everything but
     * name, summary, version, pool, prompt and form, which are the catalogue's. FM_E_INPUT begins
     * with `place` and names the rule that is unknown or wrong. What it makes is in `arena`. */
    fm_status (*configure)(const char *rules, const char *place, struct fm_arena *arena,
                           fm_protocol *out, fm_err *err);
} fm_grader_ops;

#define FM_MAX_PICTURES 128 /* of one sample */

/* ---- loaders
 * ----------------------------------------------------------------------------------------------------
 */

typedef struct {
    const char *data_dir;    /* folder with the data; NULL where annotations come from a file of
                                records alone */
    const char *annotations; /* file of annotations that replaces the folder's own; NULL: the
                                folder's own */
    fm_answer_kind kind;
    const char *data; /* the task's mapping `data` in suite.yaml, as JSON text; NULL: none */
    const char *pictures_dir; /* where pictures that stand inside a table are laid out as files;
                                 NULL: there is no such place, and data that needs one is refused */
    bool names;    /* ids, texts and the fingerprint alone: samples come without pictures */
    bool grading;  /* of them, only what grading needs: masks, and the size of the first picture */
    size_t frames; /* of a video at most so many are shown; 0: as many as the suite says. Another
                      number than 0 is FM_E_USAGE where the task shows no video */
    const char *task; /* its name, for messages, or NULL */
} fm_loader_config;

typedef struct {
    const char *name;
    const char *summary;
    fm_status (*open)(void **state, const fm_loader_config *config, fm_err *err);
    /* The next sample in the data's order, in `arena`; *more false at the end. */
    fm_status (*next)(void *state, struct fm_arena *arena, fm_sample *out, bool *more, fm_err *err);
    /* What is costly in the sample that `next` gave last, and needed only where it is asked or graded:
     * its pictures, laid out as files, and what of its truth depends on their size. In the same arena.
     * NULL: `next` gives whole samples. */
    fm_status (*complete)(void *state, struct fm_arena *arena, fm_sample *sample, fm_err *err);
    void (*close)(void *state);
    /* Whether the folder has annotations of its own. */
    bool (*has_annotations)(const char *data_dir);
    /* SHA-256 (hexadecimal) of what decides the samples: the annotation file, not the rasters. */
    fm_status (*fingerprint)(void *state, char out[65], fm_err *err);
} fm_loader_ops;

#define FM_MAX_PROTOCOLS 16
#define FM_MAX_TASKS     16

/* ---- suites, as suite.yaml states them ---- */

typedef struct {
    const char *name; /* "tracespatial-3d" */
    const char *title;
    fm_answer_kind kind;
    const char *protocols[FM_MAX_PROTOCOLS]; /* names, the first is the default; ends with NULL */
    const fm_protocol *configured[FM_MAX_PROTOCOLS]; /* beside its name; NULL: a table of code */
    /* With {task} (what the data asks), {options}, {target}, {destination}; NULL: not offered. A
     * trace has prompts by the form of answers, every other kind has one. */
    const char *prompt, *prompts[FM_ANSWERS_FAMILIES];
    fm_answers_family answers; /* default form of a trace */
    const char *data;          /* how its loader finds it: mapping `data` as JSON text, or NULL */
} fm_task;

typedef struct {
    const char *name, *title, *version, *licence, *citation, *url, *summary;
    const char *loader;
    const char *generator; /* "world": the data is generated at first use; NULL: it must be given */
    const char *hub;       /* where its data is published: mapping `hub` as JSON text, or NULL */
    const char *folder;    /* where suite.yaml stands */
    const char *default_task;
    fm_task tasks[FM_MAX_TASKS];
    size_t n_tasks;
} fm_suite;

#ifdef __cplusplus
}
#endif
#endif
