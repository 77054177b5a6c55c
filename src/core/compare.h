/**
 * Graded runs of the same samples, held against each other: paired differences of every metric, the
 * samples that changed sides, and the verdict of a gate.
 *
 * A difference is candidate less base. Pairs are made by sample id; what stands in one run alone is
 * counted and left out. Replies that failed are as the protocol counts them; beside that stand two
 * bounds, with all of them wrong and with their pairs dropped, and a gate decides nothing that the
 * bounds do not agree with. The same runs and options give the same numbers on any number of threads.
 */
#ifndef FM_CORE_COMPARE_H
#define FM_CORE_COMPARE_H

#include "core/graded.h"
#include "fathom/paired.h"

/* ---- what is asked ---- */

/* What two runs must share, and what may differ where the caller says so: bits. */
#define FM_COMPARE_IDENTITY_MAP(X)                                                                 \
    X(SUITE, "suite", 1)                                                                           \
    X(PROTOCOL, "protocol", 2)                                                                     \
    X(PROMPT, "prompt", 4)                                                                         \
    X(DATA, "data", 8)

typedef enum {
#define FM_COMPARE_ENUM(code, name, bit) FM_COMPARE_##code = (bit),
    FM_COMPARE_IDENTITY_MAP(FM_COMPARE_ENUM)
#undef FM_COMPARE_ENUM
} fm_compare_identity;
bool fm_compare_identity_from_name(const char *name, unsigned *bits); /* adds its bit */

/* Samples that are not independent: those of one picture, or of one category. */
typedef enum {
    FM_CLUSTER_AUTO, /* by picture, where the data is there and several samples share one */
    FM_CLUSTER_NONE,
    FM_CLUSTER_PICTURE,
    FM_CLUSTER_CATEGORY
} fm_cluster;

typedef enum {
    FM_GATE_NONE,
    FM_GATE_NONINFERIOR, /* passes where the candidate is surely not worse by the margin */
    FM_GATE_SUPERIOR     /* passes where it is surely better by more than the margin */
} fm_gate_kind;

#define FM_COMPARE_DRAWS      10000
#define FM_COMPARE_SEED       UINT64_C(20251213660)
#define FM_COMPARE_CONFIDENCE 0.95
#define FM_COMPARE_POWER      0.8

typedef struct {
    const char *metrics[FM_MAX_METRICS]; /* to compare; none: all rates and means */
    size_t n_metrics;
    unsigned allowed; /* fm_compare_identity */
    fm_cluster cluster;
    uint64_t seed;
    size_t draws;
    int jobs; /* 0: as many as processors */

    fm_gate_kind gate;
    const char *gated[FM_MAX_METRICS]; /* none: the protocol's headline */
    size_t n_gated;
    double margin;      /* in the metric's unit, of a rate in [0, 1); at least 0 */
    bool margin_points; /* it was said in percentage points: for rates alone */
    /* Tests that may be looked at after every sample: the run was, or will be, asked until they
     * decide. Samples count as independent. */
    bool anytime;
    double alpha; /* chance of a wrong pass, and of a wrong fail, over all gated metrics and runs */
} fm_compare_options;

/* ---- what is found ---- */

typedef enum { FM_GATE_PASS, FM_GATE_FAIL, FM_GATE_INCONCLUSIVE } fm_gate_verdict;
const char *fm_gate_verdict_name(fm_gate_verdict verdict); /* "pass", "fail", "inconclusive" */

typedef enum {
    FM_WHY_DECIDED,
    FM_WHY_FEW,       /* more samples would tell: `items` of them */
    FM_WHY_FAILURES,  /* it would be decided, but for the replies that failed */
    FM_WHY_BOOTSTRAP, /* it would be decided, but the bootstrap does not agree with Student's t */
    FM_WHY_NOTHING,   /* no pair has a value */
    FM_WHY_GROUP      /* a group of the pooled headline has none */
} fm_verdict_why;

/* A metric under one way of counting replies that failed. p are one-sided, of the gate's bound. */
typedef struct {
    size_t n;
    double difference;
    double p_above, p_below; /* of "not better than the bound", "not worse than the bound" */
} fm_compare_reading;

typedef struct {
    fm_gate_verdict verdict;
    fm_verdict_why why;
    double bound;          /* the difference that it is about, in the direction of better */
    fm_interval interval;  /* of the difference, both ends one-sided at alpha; anytime: NaN */
    double p_pass, p_fail; /* the largest of all readings, adjusted by Holm */
    double items;          /* pairs that would decide it, were the estimate right; else NaN */
} fm_compare_gate;

typedef struct {
    const fm_metric *metric;
    bool pooled;            /* the protocol's headline, which pools (core/groups.h) */
    size_t n;               /* pairs in which both sides have a value; of copies: questions */
    double base, candidate; /* means over those, or pooled */
    double difference;
    bool counted;            /* right or wrong, asked once, samples independent */
    fm_paired_counts counts; /* where counted */

    fm_interval interval; /* FM_COMPARE_CONFIDENCE */
    const char *interval_method;
    double p;     /* two-sided, exact where counted */
    double mid_p; /* where counted, else p */
    const char *p_method;
    double p_holm, p_bh; /* adjusted over all metrics and candidates */

    double deviation;  /* standard deviation of a pair's difference */
    double detectable; /* smallest difference seen with FM_COMPARE_POWER at this n, two-sided */
    size_t clusters;   /* 0: samples are independent */
    double design_effect;
    double base_noise, candidate_noise; /* variance of one asking; 0 without repeats */

    fm_compare_reading scored, wrong, dropped;
    bool gated;
    fm_compare_gate gate;
} fm_compared_metric;

/* A sample that one side has right and the other wrong, by the metric that flips are counted in. */
typedef struct {
    const char *id;
    bool gained;
    fm_sample_status base_status, candidate_status;
} fm_compare_flip;

typedef struct {
    size_t pairs, base_only, candidate_only;
    size_t failed;                               /* pairs in which a side did not end ok */
    size_t by_status[2][FM_SAMPLE_STATUS_COUNT]; /* of the pairs: base, candidate */
    fm_compared_metric *metrics;
    fm_compare_flip *flips; /* in suite order */
    size_t n_flips;
} fm_compared_run;

typedef struct {
    const fm_compare_options
        *options;            /* borrowed; of several suites, with the metrics of this one */
    fm_view *const *views;   /* borrowed: the base, then those of the runs */
    const char *primary;     /* the protocol's headline: what it ranks by */
    const char *flip_metric; /* NULL: no metric is right or wrong */
    const char *cluster;     /* "picture", "category", "none" */
    const char *differences; /* what differs and was allowed: "prompt, data", or "" */
    fm_compared_run *runs;
    size_t n, n_metrics;     /* runs; metrics of each, a pooled headline the last */
    fm_gate_verdict verdict; /* of the gate: the worst of all */
    fm_arena arena;
} fm_comparison;

/* views[0] is the base. FM_E_USAGE: runs that must not be compared, an unknown metric, a gate that
 * has no direction. FM_E_INPUT: a damaged run, or no sample in common. The views stay open as long
 * as *out is used. */
FM_MUST_CHECK fm_status fm_compare(fm_view *const *views, size_t n,
                                   const fm_compare_options *options, fm_comparison *out,
                                   fm_err *err);

/* Runs of one task under one protocol; views[0] is the base. */
typedef struct {
    fm_view *const *views;
    size_t n;
} fm_compare_suite;

/* Several suites at once: p are adjusted, and alpha is kept, over all of them together. Each metric that
 * the options name must be one of some suite, and of each suite something must be left to compare and
 * to gate on. out: [n], started as {0}; released by the caller, on failure too. Else as fm_compare(). */
FM_MUST_CHECK fm_status fm_compare_suites(const fm_compare_suite *suites, size_t n,
                                          const fm_compare_options *options, fm_comparison *out,
                                          fm_err *err);

/* The gate over several suites: fails where one fails, else is inconclusive where one is. */
fm_gate_verdict fm_compare_worst(const fm_comparison *comparisons, size_t n);

/* How many tests p are adjusted over. */
size_t fm_compare_tests(const fm_comparison *comparisons, size_t n);

void fm_comparison_release(fm_comparison *comparison); /* accepts {0} */

#endif
