/* Owns paired tests and intervals. The bootstrap of differences is stats.c's. */
#include "fathom/paired.h"

#include <math.h>

#include "base/rng.h"
#include "special.h"

/* ---- right or wrong ---- */

fm_paired_p fm_paired_mcnemar(const fm_paired_counts *counts)
{
    size_t m = counts->gained + counts->lost;
    double least = (double)(counts->gained < counts->lost ? counts->gained : counts->lost);

    if (m == 0)
        return (fm_paired_p){1, 1};
    double tail = fm_binomial_below(least, (double)m, 0.5);
    double below = fm_binomial_below(least - 1, (double)m, 0.5);
    return (fm_paired_p){.exact = fmin(1, 2 * tail), .mid = fmin(1, tail + below)};
}

/* Tango's score of the difference `delta`: how many standard errors gained - lost is above n delta,
 * the error being that of the most likely share of losses which goes with delta. */
static double score(double n, double gained, double lost, double delta)
{
    double b = (2 * n - gained + lost) * delta - gained - lost;
    double c = -lost * delta * (1 - delta);
    double share = (sqrt(fmax(0, b * b - 8 * n * c)) - b) / (4 * n);
    double variance = n * (2 * share + delta * (1 - delta)), distance = gained - lost - n * delta;

    if (variance > 0)
        return distance / sqrt(variance);
    return distance == 0 ? 0 : copysign(INFINITY, distance);
}

/* The delta whose score is z: scores fall as delta grows. */
static double delta_of_score(const fm_paired_counts *counts, double z)
{
    double low = -1, high = 1, n = (double)counts->n;

    for (;;) {
        double delta = 0.5 * (low + high);

        if (delta <= low || delta >= high)
            return delta;
        *(score(n, (double)counts->gained, (double)counts->lost, delta) > z ? &low : &high) = delta;
    }
}

fm_interval fm_paired_tango(const fm_paired_counts *counts, double confidence)
{
    double z = fm_stats_normal_quantile(0.5 + confidence / 2);

    if (counts->n == 0)
        return (fm_interval){-1, 1};
    return (fm_interval){delta_of_score(counts, z), delta_of_score(counts, -z)};
}

/* The outcomes that speak against "at most bound" as much as what was seen. */
typedef struct {
    double n, bound, least; /* score */
    /* For every number of losses, the least number of gains that belongs to them; n + 1: none. */
    double gains[FM_PAIRED_EXACT_MOST + 1];
} region;

/* With more losses it takes no fewer gains: one walk finds all of them. */
static void find_region(region *r)
{
    double gains = 0;

    for (size_t lost = 0; lost <= (size_t)r->n; lost++) {
        while (gains + (double)lost <= r->n &&
               score(r->n, gains, (double)lost, r->bound) < r->least)
            gains++;
        r->gains[lost] = gains + (double)lost <= r->n ? gains : r->n + 1;
    }
}

/* Its probability, where an item is lost with the probability `share` and gained with share + bound:
 * the most that the hypothesis allows, as long as that is left beside the losses. */
static double probability(const region *r, double share)
{
    /* What is further from the mean than this is below 1e-10 and would be added to no avail. */
    double spread = 7 * sqrt(r->n * share * (1 - share)) + 20, sum = 0;
    double first = fmax(0, floor(r->n * share - spread));
    double last = fmin(r->n, ceil(r->n * share + spread));
    double gain = share >= 1 ? 0 : fmin(1, fmax(0, (share + r->bound) / (1 - share)));

    for (double lost = first; lost <= last; lost++) {
        double gains = r->gains[(size_t)lost];
        double here =
            fm_binomial_below(lost, r->n, share) - fm_binomial_below(lost - 1, r->n, share);

        if (gains <= r->n && here > 0)
            sum += here * fm_binomial_above(gains, r->n - lost, gain);
    }
    return sum;
}

/* The largest over [low, high]: a mesh, then a finer one around its highest point. */
static double largest(const region *r, double low, double high)
{
    enum { MESH = 64, FINER = 3 };
    double most = 0;

    for (int round = 0; round < FINER; round++) {
        double step = (high - low) / MESH, best = low;

        for (int i = 0; i <= MESH; i++) {
            double share = low + step * i, p = probability(r, share);

            if (p > most) {
                most = p;
                best = share;
            }
        }
        low = fmax(low, best - step);
        high = fmin(high, best + step);
    }
    return most;
}

static double exact_above(const fm_paired_counts *counts, double bound)
{
    const double left_out = 1e-5;
    region r = {.n = (double)counts->n, .bound = bound};
    fm_interval share = fm_stats_clopper_pearson(counts->lost, counts->n, 1 - left_out);
    double low = fmax(share.low, -bound), high = share.high;

    if (low > high) /* so few losses, and yet a difference this low: the data rule it out */
        return left_out;
    /* Rounding must not leave out the outcome that was seen. */
    r.least = score(r.n, (double)counts->gained, (double)counts->lost, bound);
    r.least -= 1e-9 * (1 + fabs(r.least));
    find_region(&r);
    return fmin(1, largest(&r, low, high) + left_out);
}

double fm_paired_above(const fm_paired_counts *counts, double bound)
{
    double n = (double)counts->n, gained = (double)counts->gained, lost = (double)counts->lost;

    if (counts->n == 0)
        return 1;
    if (bound == 0)
        return fm_binomial_above(gained, gained + lost, 0.5);
    if (counts->n <= FM_PAIRED_EXACT_MOST)
        return exact_above(counts, bound);
    return fm_normal_cdf(-score(n, gained - 0.5, lost, bound));
}

/* ---- numbers ---- */

fm_paired_mean fm_paired_mean_of(const double *differences, size_t n,
                                 const fm_stats_column *clusters, size_t n_clusters,
                                 double confidence)
{
    fm_paired_mean out = {.mean = fm_stats_mean(differences, n),
                          .error = NAN,
                          .degrees = NAN,
                          .design_effect = 1,
                          .interval = {NAN, NAN}};
    double squares = 0, count = (double)n, units = clusters ? (double)n_clusters : count;

    if (n < 2 || units < 2)
        return out;
    for (size_t i = 0; i < n; i++)
        squares += (differences[i] - out.mean) * (differences[i] - out.mean);
    double plain = squares / (count * (count - 1)), variance = plain;
    if (clusters) {
        double rest = 0;

        for (size_t g = 0; g < n_clusters; g++) {
            double r = clusters->sums[g] - out.mean * clusters->weights[g];

            rest += r * r;
        }
        variance = rest / (count * count) * (units / (units - 1));
        out.design_effect = plain > 0 ? variance / plain : 1;
    }
    out.error = sqrt(variance);
    out.degrees = units - 1;
    double half = out.error * fm_stats_t_quantile(0.5 + confidence / 2, out.degrees);
    out.interval = (fm_interval){out.mean - half, out.mean + half};
    return out;
}

double fm_paired_mean_above(const fm_paired_mean *mean, double bound)
{
    if (isnan(mean->error))
        return NAN;
    if (mean->error == 0)
        return mean->mean > bound ? exp2(-(mean->degrees + 1)) : 1;
    return fm_t_above((mean->mean - bound) / mean->error, mean->degrees);
}

/* Sums that differ by rounding alone are as extreme. */
static double extreme(const double *sums, size_t n)
{
    double sum = 0, size = 0;

    for (size_t i = 0; i < n; i++) {
        sum += sums[i];
        size += fabs(sums[i]);
    }
    return fabs(sum) - 1e-12 * size;
}

/* The sum with the signs of the bits: 64 of them a word. */
static double flipped(const double *sums, size_t n, fm_rng *rng)
{
    double sum = 0;

    for (size_t i = 0; i < n; i += 64) {
        uint64_t word = fm_rng_next(rng);
        size_t end = n - i < 64 ? n - i : 64;

        for (size_t j = 0; j < end; j++)
            sum += (word >> j & 1) ? sums[i + j] : -sums[i + j];
    }
    return sum;
}

static double all_flips(const double *sums, size_t n, double least)
{
    uint64_t all = UINT64_C(1) << n, as_extreme = 0;

    for (uint64_t signs = 0; signs < all; signs++) {
        double sum = 0;

        for (size_t i = 0; i < n; i++)
            sum += (signs >> i & 1) ? sums[i] : -sums[i];
        as_extreme += fabs(sum) >= least;
    }
    return (double)as_extreme / (double)all;
}

/* What the expansion leaves out is of the second power of this. */
#define MOST_KURTOSIS 0.05

/* Edgeworth's tail of a symmetric sum, whose fourth cumulant is -2 sum x^4. */
static bool expand_flips(const double *sums, size_t n, double least, double *p)
{
    double m2 = 0, m4 = 0;

    for (size_t i = 0; i < n; i++) {
        double square = sums[i] * sums[i];

        m2 += square;
        m4 += square * square;
    }
    double z = m2 > 0 ? fmax(0, least) / sqrt(m2) : 0, kurtosis = m2 > 0 ? -2 * m4 / (m2 * m2) : 0;
    if (-kurtosis > MOST_KURTOSIS)
        return false;
    double density = exp(-z * z / 2) / sqrt(2 * M_PI);
    double tail = fm_normal_cdf(-z) + density * (z * z * z - 3 * z) * kurtosis / 24;
    *p = fmin(1, 2 * fmax(0, tail));
    return true;
}

double fm_paired_sign_flip(const double *sums, size_t n, size_t draws, uint64_t seed)
{
    double least = extreme(sums, n);
    size_t as_extreme = 0;
    double p;
    fm_rng rng;

    if (n > FM_PAIRED_FLIPPED_MOST && expand_flips(sums, n, least, &p))
        return p;
    if (n < 63 && (UINT64_C(1) << n) <= draws)
        return all_flips(sums, n, least);
    fm_rng_seed(&rng, seed);
    for (size_t i = 0; i < draws; i++)
        as_extreme += fabs(flipped(sums, n, &rng)) >= least;
    return (double)(1 + as_extreme) / (double)(1 + draws);
}
