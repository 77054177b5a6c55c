/* Owns the numbers of one metric: which pairs have a value under which reading of failures, and
 * which test and interval fit them. */
#include "core/compare_internal.h"

#include <math.h>
#include <stdlib.h>

#include "base/size.h"
#include "fathom/power.h"
#include "fathom/sequential.h"

typedef enum { SCORED, WRONG, DROPPED } reading;

/* The pairs that have a value under one reading. */
typedef struct {
    double *differences; /* [n]; of a pooled headline the shares in it */
    double *flips;       /* [n] what the permutation turns round: the differences, but for shares */
    size_t n;
    double base, candidate; /* means */
    bool counted;
    fm_paired_counts counts;
    /* [n_clusters], where there are any: of those that have a pair */
    double *sums, *flip_sums, *weights;
    size_t n_clusters;
    fm_paired_mean mean;
    double spread; /* squares around the mean */
} column;

typedef struct {
    const fm_pairing *pairing;
    fm_compare_slot slot;
    const fm_metric *metric;
    double worst; /* value of a failed asking under WRONG */
} job;

/* ---- values ---- */

static double value_of(const job *j, const fm_graded *run, size_t sample, size_t metric,
                       reading how)
{
    const fm_graded_sample *s = &run->samples[sample];
    size_t cell = sample * run->protocol->n_metrics + metric;
    double answered = run->answered[cell], failed = s->askings - s->answered;

    switch (how) {
    case SCORED:
        return run->scored[cell];
    case WRONG:
        if (failed == 0)
            return run->scored[cell];
        return s->answered == 0 ? j->worst
                                : (answered * s->answered + j->worst * failed) / s->askings;
    case DROPPED:
        break;
    }
    return answered;
}

/* Of a rate the wrong side; of a number, which has no end, the worst that any reply came to. */
static double worst_of(const job *j)
{
    const fm_pairing *p = j->pairing;
    int better = j->metric->better;
    double worst = NAN;

    if (j->metric->role == FM_METRIC_RATE)
        return better < 0;
    for (size_t i = 0; i < p->n_pairs; i++) {
        double a = value_of(j, p->base, p->pairs[i].base, j->slot.base, DROPPED);
        double b = value_of(j, p->candidate, p->pairs[i].candidate, j->slot.candidate, DROPPED);

        worst = better < 0 ? fmax(worst, fmax(a, b)) : fmin(worst, fmin(a, b));
    }
    return worst;
}

/* ---- columns ---- */

static void column_release(column *c)
{
    if (c->flips != c->differences)
        free(c->flips);
    if (c->flip_sums != c->sums)
        free(c->flip_sums);
    free(c->differences);
    free(c->sums);
    free(c->weights);
}

/* Copies are folded into questions, which are pairs like any; of other headlines pairs have shares. */
static bool has_shares(const job *j)
{
    return j->slot.pooled && j->pairing->headline->pool != FM_POOL_COPIES;
}

/* The groups of a mean over categories or sources are not drawn: categories are no clusters of it. */
static size_t clusters_for(const job *j)
{
    const fm_pairing *p = j->pairing;

    return has_shares(j) && p->headline->n_groups > 1 && p->options->cluster == FM_CLUSTER_CATEGORY
               ? 0
               : p->n_clusters;
}

static fm_status column_reserve(column *c, const job *j, fm_err *err)
{
    size_t n = j->pairing->n_pairs + 1, n_clusters = j->pairing->n_clusters + 1;

    *c = (column){0};
    c->differences = calloc(n, sizeof(double));
    c->sums = calloc(n_clusters, sizeof(double));
    c->weights = calloc(n_clusters, sizeof(double));
    c->flips = has_shares(j) ? calloc(n, sizeof(double)) : c->differences;
    c->flip_sums = has_shares(j) ? calloc(n_clusters, sizeof(double)) : c->sums;
    if (c->differences && c->sums && c->weights && c->flips && c->flip_sums)
        return FM_OK;
    column_release(c);
    return fm_fail(err, FM_E_NOMEM, "no memory for %zu pairs", j->pairing->n_pairs);
}

static void add_to_cluster(column *c, uint32_t cluster, double difference, double flip)
{
    c->sums[cluster] += difference;
    c->weights[cluster]++;
    if (c->flip_sums != c->sums)
        c->flip_sums[cluster] += flip;
}

static void add_pair(column *c, bool clustered, uint32_t cluster, double base, double candidate)
{
    double difference = candidate - base;

    c->differences[c->n++] = difference;
    c->base += base;
    c->candidate += candidate;
    c->counted &= (base == 0 || base == 1) && (candidate == 0 || candidate == 1);
    c->counts.gained += candidate > base;
    c->counts.lost += candidate < base;
    if (clustered)
        add_to_cluster(c, cluster, difference, difference);
}

static void fill_plain(column *c, const job *j, reading how)
{
    const fm_pairing *p = j->pairing;

    for (size_t i = 0; i < p->n_pairs; i++) {
        const fm_pair *pair = &p->pairs[i];
        double base = value_of(j, p->base, pair->base, j->slot.base, how);
        double candidate = value_of(j, p->candidate, pair->candidate, j->slot.candidate, how);

        if (isfinite(base) && isfinite(candidate))
            add_pair(c, p->n_clusters > 0, pair->cluster, base, candidate);
    }
}

/* ---- pooled headlines ---- */

static size_t collect(const job *j, reading how, fm_headline_pair *out)
{
    const fm_pairing *p = j->pairing;
    const fm_headline *h = p->headline;
    size_t n = 0;

    for (size_t i = 0; i < p->n_pairs; i++) {
        const fm_pair *pair = &p->pairs[i];
        fm_headline_pair *got = &out[n];

        *got = (fm_headline_pair){
            .group = h->of_sample[pair->base],
            .cluster = pair->cluster,
            .base = value_of(j, p->base, pair->base, j->slot.base, how),
            .base_weight = fm_headline_weight(h, p->base, pair->base, h->points),
            .candidate = value_of(j, p->candidate, pair->candidate, j->slot.candidate, how),
            .candidate_weight =
                fm_headline_weight(h, p->candidate, pair->candidate, h->points_there)};
        n += isfinite(got->base) && isfinite(got->base_weight) && isfinite(got->candidate) &&
             isfinite(got->candidate_weight);
    }
    return n;
}

static fm_status fill_questions(column *c, const job *j, fm_headline_pair *pairs, size_t n,
                                fm_err *err)
{
    size_t *first = calloc(j->pairing->headline->n_groups + 1, sizeof(*first));

    if (!first)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu pairs", n);
    n = fm_headline_fold(pairs, n, first);
    for (size_t i = 0; i < n; i++)
        add_pair(c, j->pairing->n_clusters > 0, pairs[i].cluster, pairs[i].base,
                 pairs[i].candidate);
    free(first);
    return FM_OK;
}

static fm_status fill_shares(column *c, const job *j, const fm_headline_pair *pairs, size_t n,
                             fm_err *err)
{
    double base, candidate;
    fm_status st = fm_headline_shares(j->pairing->headline, pairs, n, c->differences, c->flips,
                                      &base, &candidate, err);

    if (st != FM_OK)
        return st;
    c->n = n;
    c->counted = false;
    c->base = base * (double)n;
    c->candidate = candidate * (double)n;
    for (size_t i = 0; clusters_for(j) && i < n; i++)
        add_to_cluster(c, pairs[i].cluster, c->differences[i], c->flips[i]);
    return FM_OK;
}

static fm_status fill_pooled(column *c, const job *j, reading how, fm_err *err)
{
    fm_headline_pair *pairs = calloc(j->pairing->n_pairs + 1, sizeof(*pairs));

    if (!pairs)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu pairs", j->pairing->n_pairs);
    size_t n = collect(j, how, pairs);
    fm_status st =
        has_shares(j) ? fill_shares(c, j, pairs, n, err) : fill_questions(c, j, pairs, n, err);
    free(pairs);
    return st;
}

/* ---- */

/* Clusters without a pair under this reading are none. */
static void drop_empty_clusters(column *c, size_t n_clusters)
{
    for (size_t g = 0; g < n_clusters; g++) {
        if (c->weights[g] == 0)
            continue;
        c->sums[c->n_clusters] = c->sums[g];
        c->flip_sums[c->n_clusters] = c->flip_sums[g];
        c->weights[c->n_clusters++] = c->weights[g];
    }
}

static const fm_stats_column *clusters_of(const column *c, fm_stats_column *out)
{
    *out = (fm_stats_column){.sums = c->sums, .weights = c->weights};
    return c->n_clusters ? out : NULL;
}

static void finish(column *c, const job *j)
{
    fm_stats_column clusters;

    c->counts.n = c->n;
    c->base = c->n ? c->base / (double)c->n : NAN;
    c->candidate = c->n ? c->candidate / (double)c->n : NAN;
    drop_empty_clusters(c, clusters_for(j));
    c->mean = fm_paired_mean_of(c->differences, c->n, clusters_of(c, &clusters), c->n_clusters,
                                FM_COMPARE_CONFIDENCE);
    /* Each group's mean was taken from its pairs. */
    if (has_shares(j) && c->n_clusters == 0)
        c->mean.degrees = fmax(1, (double)c->n - (double)j->pairing->headline->n_groups);
    for (size_t i = 0; i < c->n; i++)
        c->spread += (c->differences[i] - c->mean.mean) * (c->differences[i] - c->mean.mean);
}

static fm_status column_fill(column *c, const job *j, reading how, fm_err *err)
{
    fm_status st = column_reserve(c, j, err);

    if (st != FM_OK)
        return st;
    c->counted = j->metric->role == FM_METRIC_RATE && j->pairing->n_clusters == 0;
    if (j->slot.pooled)
        st = fill_pooled(c, j, how, err);
    else
        fill_plain(c, j, how);
    if (st != FM_OK) {
        column_release(c);
        return st;
    }
    finish(c, j);
    return FM_OK;
}

/* ---- one-sided tests, in the direction of better ---- */

/* A confidence sequence is tightest after so many pairs, fixed before any is seen. */
#define TIGHTEST_AT 500

/* The same, valid however often it is looked at: 1 / E. A rate's differences end at -1, a number's and
 * the shares in a pooled headline nowhere. */
static double p_above_anytime(const column *c, const job *j, double bound, bool exchange)
{
    double sign = exchange ? -1 : 1, n = (double)c->n;
    fm_sequential_bet bet;

    if (j->metric->role != FM_METRIC_RATE || has_shares(j))
        return fm_sequential_mean_above(n, sign * c->mean.mean,
                                        c->n > 1 ? sqrt(c->spread / (n - 1)) : 0, bound,
                                        fm_sequential_rho(j->pairing->options->alpha, TIGHTEST_AT));
    fm_sequential_bet_init(&bet, -1, bound);
    for (size_t i = 0; i < c->n; i++)
        fm_sequential_bet_add(&bet, sign * c->differences[i]);
    return fmin(1, exp(-fm_sequential_bet_log_e(&bet)));
}

static double p_above(const column *c, const job *j, double bound, bool exchange)
{
    if (j->pairing->options->anytime)
        return p_above_anytime(c, j, bound, exchange);

    fm_paired_counts counts = c->counts;
    fm_paired_mean mean = c->mean;

    if (exchange) {
        counts = (fm_paired_counts){c->n, c->counts.lost, c->counts.gained};
        mean.mean = -mean.mean;
    }
    double p = c->counted ? fm_paired_above(&counts, bound) : fm_paired_mean_above(&mean, bound);
    return isnan(p) ? 1 : p;
}

static fm_compare_reading read_column(const column *c, const job *j, double bound, bool gated)
{
    bool less_is_better = j->metric->better < 0;
    fm_compare_reading out = {.n = c->n, .difference = c->mean.mean, .p_above = 1, .p_below = 1};

    if (gated) {
        out.p_above = p_above(c, j, bound, less_is_better);
        out.p_below = p_above(c, j, -bound, !less_is_better);
    }
    return out;
}

/* ---- intervals ---- */

static fm_status bootstrap(const column *c, const fm_compare_options *o, double confidence,
                           fm_stats_resampled *out, fm_err *err)
{
    fm_stats_column items = {.sums = c->differences}, clusters;
    const fm_stats_column *resampled = clusters_of(c, &clusters) ? &clusters : &items;

    return fm_stats_bootstrap(resampled, 1, c->n_clusters ? c->n_clusters : c->n, o->draws,
                              confidence, o->seed, out, err);
}

static fm_status put_interval(const column *c, const fm_compare_options *o, fm_compared_metric *out,
                              fm_err *err)
{
    static const char *const names[2][2] = {{"cornish-fisher", "cornish-fisher-cluster"},
                                            {"bootstrap-percentile", "bootstrap-cluster"}};
    fm_stats_resampled resampled;

    if (c->counted) {
        out->interval =
            c->n ? fm_paired_tango(&c->counts, FM_COMPARE_CONFIDENCE) : (fm_interval){NAN, NAN};
        out->interval_method = "tango";
        return FM_OK;
    }
    if (c->n && isnan(c->mean.mean)) { /* a group without a pair */
        out->interval = (fm_interval){NAN, NAN};
        out->interval_method = names[1][c->n_clusters > 0];
        return FM_OK;
    }
    fm_status st = bootstrap(c, o, FM_COMPARE_CONFIDENCE, &resampled, err);
    if (st != FM_OK)
        return st;
    out->interval = resampled.interval;
    if (out->metric->role == FM_METRIC_RATE) /* shares in a pooled rate may add up to more */
        out->interval = (fm_interval){fmax(-1, out->interval.low), fmin(1, out->interval.high)};
    out->interval_method = names[resampled.drawn][c->n_clusters > 0];
    return FM_OK;
}

static void put_test(const column *c, const fm_compare_options *o, fm_compared_metric *out)
{
    if (c->n == 0 || isnan(c->mean.mean)) {
        out->p = out->mid_p = NAN;
        out->p_method = c->counted ? "mcnemar-exact" : "sign-flip";
    } else if (c->counted) {
        fm_paired_p p = fm_paired_mcnemar(&c->counts);

        out->p = p.exact;
        out->mid_p = p.mid;
        out->p_method = "mcnemar-exact";
    } else {
        out->p = out->mid_p =
            c->n_clusters ? fm_paired_sign_flip(c->flip_sums, c->n_clusters, o->draws, o->seed)
                          : fm_paired_sign_flip(c->flips, c->n, o->draws, o->seed);
        out->p_method = c->n_clusters ? "sign-flip-cluster" : "sign-flip";
    }
}

/* ---- planning ---- */

/* Of one pair, as it counts in the mean of all: what clusters do included. */
static double variance_of_pair(const column *c)
{
    double n = (double)c->n;

    if (c->counted)
        return n > 0 ? (double)(c->counts.gained + c->counts.lost) / n : NAN;
    return c->mean.error * c->mean.error * n;
}

static void put_power(const column *c, fm_compared_metric *out)
{
    fm_power_plan plan = {.alpha = 1 - FM_COMPARE_CONFIDENCE,
                          .power = FM_COMPARE_POWER,
                          .variance = variance_of_pair(c)};

    out->deviation = c->n > 1 ? sqrt(c->spread / (double)(c->n - 1)) : NAN;
    out->detectable = fm_power_detectable(&plan, (double)c->n);
}

static double items_to_decide(const column *c, const fm_compare_options *o, double distance)
{
    fm_power_plan plan = {.alpha = o->alpha,
                          .one_sided = true,
                          .power = FM_COMPARE_POWER,
                          .variance = variance_of_pair(c)};
    double items = fm_power_items(&plan, distance);

    return isfinite(items) && items > 0 ? items : NAN;
}

/* ---- the gate ---- */

static double bound_of(const fm_compare_options *o)
{
    return o->gate == FM_GATE_NONINFERIOR ? -o->margin : o->margin;
}

static double improvement(const fm_compared_metric *m)
{
    return m->metric->better < 0 ? -m->difference : m->difference;
}

/* Student's t trusts the normal distribution, the percentile bootstrap does not: where they put the
 * bound on different sides, nothing is decided. */
static fm_status check_bootstrap(const column *c, const fm_compare_options *o,
                                 fm_compared_metric *out, fm_err *err)
{
    fm_compare_gate *gate = &out->gate;
    bool less_is_better = out->metric->better < 0;
    fm_stats_resampled resampled;
    fm_status st = bootstrap(c, o, 1 - 2 * o->alpha, &resampled, err);

    if (st != FM_OK)
        return st;
    double low = less_is_better ? -resampled.interval.high : resampled.interval.low;
    double high = less_is_better ? -resampled.interval.low : resampled.interval.high;
    if ((gate->p_pass <= o->alpha && low <= gate->bound) ||
        (gate->p_fail <= o->alpha && high >= gate->bound)) {
        gate->why = FM_WHY_BOOTSTRAP;
        gate->p_pass = gate->p_fail = 1;
    }
    return FM_OK;
}

static fm_status put_gate(const column *c, const fm_compare_options *o, fm_compared_metric *out,
                          fm_err *err)
{
    fm_compare_gate *gate = &out->gate;
    double confidence = 1 - 2 * o->alpha;

    *gate = (fm_compare_gate){.verdict = FM_GATE_INCONCLUSIVE,
                              .why = c->n ? FM_WHY_FEW : FM_WHY_NOTHING,
                              .bound = bound_of(o),
                              .interval = {NAN, NAN},
                              .items = NAN};
    gate->p_pass = fmax(out->scored.p_above, fmax(out->wrong.p_above, out->dropped.p_above));
    gate->p_fail = fmax(out->scored.p_below, fmax(out->wrong.p_below, out->dropped.p_below));
    if (c->n && isnan(c->mean.mean))
        gate->why = FM_WHY_GROUP;
    if (c->n == 0 || isnan(c->mean.mean))
        return FM_OK;
    if (fmin(out->scored.p_above, out->scored.p_below) <= o->alpha &&
        fmin(gate->p_pass, gate->p_fail) > o->alpha)
        gate->why = FM_WHY_FAILURES;
    if (o->anytime) /* intervals and plans are for a size that is fixed before */
        return FM_OK;
    gate->items = items_to_decide(c, o, improvement(out) - gate->bound);
    if (c->counted) {
        gate->interval = fm_paired_tango(&c->counts, confidence);
        return FM_OK;
    }
    if (isfinite(c->mean.error)) {
        double half = c->mean.error * fm_stats_t_quantile(1 - o->alpha, c->mean.degrees);

        gate->interval = (fm_interval){c->mean.mean - half, c->mean.mean + half};
    }
    return check_bootstrap(c, o, out, err);
}

void fm_compare_decide(const fm_compare_options *options, fm_compared_metric *metric)
{
    fm_compare_gate *gate = &metric->gate;

    if (gate->p_pass <= options->alpha)
        gate->verdict = FM_GATE_PASS;
    else if (gate->p_fail <= options->alpha)
        gate->verdict = FM_GATE_FAIL;
    if (gate->verdict != FM_GATE_INCONCLUSIVE)
        gate->why = FM_WHY_DECIDED;
}

/* ---- all of it ---- */

/* The bounds: what failed replies could do to the difference. */
static fm_status put_bounds(const job *j, bool gated, fm_compared_metric *out, fm_err *err)
{
    fm_compare_reading *const bounds[] = {&out->wrong, &out->dropped};
    static const reading how[] = {WRONG, DROPPED};

    out->wrong = out->dropped = out->scored;
    for (size_t i = 0; j->pairing->failures && i < FM_COUNT_OF(how); i++) {
        column c;
        fm_status st = column_fill(&c, j, how[i], err);

        if (st != FM_OK)
            return st;
        *bounds[i] = read_column(&c, j, bound_of(j->pairing->options), gated);
        column_release(&c);
    }
    return FM_OK;
}

fm_status fm_compare_metric(const fm_pairing *pairing, const fm_compare_slot *slot,
                            fm_compared_metric *out, fm_err *err)
{
    const fm_compare_options *o = pairing->options;
    job j = {.pairing = pairing,
             .slot = *slot,
             .metric = slot->pooled ? &pairing->headline->metric
                                    : &pairing->base->protocol->metrics[slot->base]};
    column c;
    fm_status st;

    j.worst = pairing->failures ? worst_of(&j) : NAN;
    st = column_fill(&c, &j, SCORED, err);
    if (st != FM_OK)
        return st;
    *out = (fm_compared_metric){.metric = j.metric,
                                .pooled = slot->pooled,
                                .n = c.n,
                                .base = c.base,
                                .candidate = c.candidate,
                                .difference = c.mean.mean,
                                .counted = c.counted,
                                .counts = c.counts,
                                .clusters = c.n_clusters,
                                .design_effect = c.mean.design_effect,
                                .base_noise = pairing->base->noise[slot->base],
                                .candidate_noise = pairing->candidate->noise[slot->candidate],
                                .gated = slot->gated};
    out->scored = read_column(&c, &j, bound_of(o), slot->gated);
    put_test(&c, o, out);
    put_power(&c, out);
    st = put_interval(&c, o, out, err);
    if (st == FM_OK)
        st = put_bounds(&j, slot->gated, out, err);
    if (st == FM_OK && slot->gated)
        st = put_gate(&c, o, out, err);
    column_release(&c);
    return st;
}
