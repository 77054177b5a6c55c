/* Owns estimates and their intervals. Which values count, and under which denominator, is
 * decided by the caller. */
#include "fathom/stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/size.h"
#include "special.h"

double fm_stats_mean(const double *values, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return n ? sum / (double)n : NAN;
}

double fm_stats_quantile(const double *sorted, size_t n, double p)
{
    if (n == 0)
        return NAN;
    double position = p * (double)(n - 1);
    size_t below = (size_t)position;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (position - (double)below) * (sorted[below + 1] - sorted[below]);
}

/* a[0] + a[1] x + ... + a[7] x^7 */
static double polynomial(const double a[8], double x)
{
    double sum = a[7];

    for (int i = 6; i >= 0; i--)
        sum = sum * x + a[i];
    return sum;
}

double fm_stats_normal_quantile(double p)
{
    /* Numerators and denominators of AS 241's PPND16: the middle, the tails, the far tails. */
    static const double middle[2][8] = {
        {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
         1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
         3.3430575583588128105e4, 2.5090809287301226727e3},
        {1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
         2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
         5.2264952788528545610e3},
    };
    static const double tail[2][8] = {
        {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
         3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
         2.27238449892691845833e-2, 7.74545014278341407640e-4},
        {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
         1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
         1.05075007164441684324e-9},
    };
    static const double far_tail[2][8] = {
        {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
         2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
         2.71155556874348757815e-5, 2.01033439929228813265e-7},
        {1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
         7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
         2.04426310338993978564e-15},
    };

    if (!(p >= 0 && p <= 1))
        return NAN;
    if (p == 0 || p == 1)
        return p == 0 ? -INFINITY : INFINITY;

    double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;

        return q * polynomial(middle[0], r) / polynomial(middle[1], r);
    }
    double r = sqrt(-log(q < 0 ? p : 1 - p));
    double z = r <= 5 ? polynomial(tail[0], r - 1.6) / polynomial(tail[1], r - 1.6)
                      : polynomial(far_tail[0], r - 5) / polynomial(far_tail[1], r - 5);
    return q < 0 ? -z : z;
}

fm_interval fm_stats_wilson(size_t hits, size_t n, double confidence)
{
    if (n == 0)
        return (fm_interval){0, 1};

    double z = fm_stats_normal_quantile(0.5 + confidence / 2), m = (double)n;
    double p = (double)hits / m, z2 = z * z;
    double centre = (p + z2 / (2 * m)) / (1 + z2 / m);
    double half = z * sqrt(p * (1 - p) / m + z2 / (4 * m * m)) / (1 + z2 / m);

    /* The ends at no hit and at all hits are exact, whatever the rounding above. */
    return (fm_interval){hits == 0 ? 0 : centre - half, hits == n ? 1 : centre + half};
}

/* The p at which at least (or at most) `hits` of n come with probability `tail`: bisection until no
 * double is between the ends. */
static double exact_end(double hits, double n, double tail, bool low)
{
    double a = 0, b = 1;

    for (;;) {
        double p = 0.5 * (a + b);
        bool below =
            low ? fm_binomial_above(hits, n, p) < tail : fm_binomial_below(hits, n, p) > tail;

        if (p == a || p == b)
            return p;
        *(below ? &a : &b) = p;
    }
}

fm_interval fm_stats_clopper_pearson(size_t hits, size_t n, double confidence)
{
    double tail = (1 - confidence) / 2;

    return (fm_interval){hits == 0 ? 0 : exact_end((double)hits, (double)n, tail, true),
                         hits == n ? 1 : exact_end((double)hits, (double)n, tail, false)};
}

double fm_stats_t_quantile(double p, double df)
{
    double low = 0, high = 1, tail = p < 0.5 ? p : 1 - p;

    if (!(p >= 0 && p <= 1 && df > 0))
        return NAN;
    if (tail == 0)
        return p == 0 ? -INFINITY : INFINITY;
    while (fm_t_above(high, df) > tail)
        high *= 2;
    for (;;) {
        double t = 0.5 * (low + high);

        if (t == low || t == high)
            return p < 0.5 ? -t : t;
        *(fm_t_above(t, df) > tail ? &low : &high) = t;
    }
}

/* Uniform in [0, n) from 32 random bits (Lemire 2019); the refill happens once in 2^32 / n. */
static uint32_t below(uint32_t bits, uint32_t n, fm_rng *rng)
{
    uint64_t product = (uint64_t)bits * n;

    if ((uint32_t)product < n) {
        uint32_t threshold = (0 - n) % n;

        while ((uint32_t)product < threshold)
            product = (fm_rng_next(rng) >> 32) * n;
    }
    return (uint32_t)(product >> 32);
}

/* The sums of one resample of rows of `width` numbers. Two indices from each random word, and two
 * sums, so that neither the generator nor the latency of an addition holds the loop up. */
static inline __attribute__((always_inline)) void resample(const double *rows, uint32_t n,
                                                           int width, fm_rng *rng, double *out)
{
    double a[2 * FM_STATS_COLUMNS] = {0}, b[2 * FM_STATS_COLUMNS] = {0};

    for (uint32_t i = 0; i + 1 < n; i += 2) {
        uint64_t word = fm_rng_next(rng);
        const double *x = rows + (size_t)below((uint32_t)word, n, rng) * (size_t)width;
        const double *y = rows + (size_t)below((uint32_t)(word >> 32), n, rng) * (size_t)width;

        for (int c = 0; c < width; c++)
            a[c] += x[c];
        for (int c = 0; c < width; c++)
            b[c] += y[c];
    }
    if (n % 2) {
        const double *x = rows + (size_t)below((uint32_t)fm_rng_next(rng), n, rng) * (size_t)width;

        for (int c = 0; c < width; c++)
            a[c] += x[c];
    }
    for (int c = 0; c < width; c++)
        out[c] = a[c] + b[c];
}

/* A width that the compiler knows keeps the sums in registers. */
static void resample_rows(const double *rows, uint32_t n, int width, fm_rng *rng, double *out)
{
    switch (width) {
    case 1:
        resample(rows, n, 1, rng, out);
        break;
    case 2:
        resample(rows, n, 2, rng, out);
        break;
    case 4:
        resample(rows, n, 4, rng, out);
        break;
    default:
        resample(rows, n, 8, rng, out);
        break;
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* ---- drawn ---- */

static bool has_weights(const fm_stats_column *columns, size_t n)
{
    for (size_t c = 0; c < n; c++)
        if (columns[c].weights)
            return true;
    return false;
}

/* What one index finds stands in one place: the sums of all columns, then, if there are any, their
 * weights; zeros fill the row up to a width that resample_rows() knows. */
static void fill_rows(double *rows, int width, const fm_stats_column *columns, size_t n_columns,
                      size_t n, bool weighted)
{
    for (size_t i = 0; i < n; i++) {
        double *row = rows + i * (size_t)width;

        for (size_t c = 0; c < n_columns; c++) {
            row[c] = columns[c].sums[i];
            if (weighted)
                row[n_columns + c] = columns[c].weights ? columns[c].weights[i] : 1;
        }
    }
}

static fm_status draw_all(const fm_stats_column *columns, size_t n_columns, size_t n, size_t draws,
                          double confidence, uint64_t seed, fm_stats_resampled *out, fm_err *err)
{
    bool weighted = has_weights(columns, n_columns);
    size_t used = n_columns * (weighted ? 2 : 1), cells, drawn;
    int width = used <= 2 ? (int)used : used <= 4 ? 4 : 8;
    double *rows = NULL, *means = NULL;
    fm_rng rng;

    if (fm_size_mul(n, (size_t)width, &cells) && fm_size_mul(draws, n_columns, &drawn)) {
        rows = calloc(cells, sizeof(*rows));
        means = calloc(drawn, sizeof(*means));
    }
    if (!rows || !means) {
        free(rows);
        free(means);
        return fm_fail(err, FM_E_NOMEM, "out of memory for %zu bootstrap draws", draws);
    }
    fill_rows(rows, width, columns, n_columns, n, weighted);
    fm_rng_seed(&rng, seed);
    for (size_t i = 0; i < draws; i++) {
        double sums[2 * FM_STATS_COLUMNS];

        resample_rows(rows, (uint32_t)n, width, &rng, sums);
        for (size_t c = 0; c < n_columns; c++)
            means[c * draws + i] = sums[c] / (weighted ? sums[n_columns + c] : (double)n);
    }
    for (size_t c = 0; c < n_columns; c++) {
        double *own = means + c * draws;

        qsort(own, draws, sizeof(*own), ascending);
        out[c] =
            (fm_stats_resampled){.interval = {fm_stats_quantile(own, draws, (1 - confidence) / 2),
                                              fm_stats_quantile(own, draws, (1 + confidence) / 2)},
                                 .drawn = true};
    }
    free(rows);
    free(means);
    return FM_OK;
}

/* ---- expanded ---- */

/* Of the mean of a resample: standard error, and the third and fourth cumulant over its powers. */
typedef struct {
    double mean, error, skewness, kurtosis;
} cumulants;

static cumulants cumulants_of(const fm_stats_column *column, size_t n)
{
    double sum = 0, weight = 0, m2 = 0, m3 = 0, m4 = 0, count = (double)n;

    for (size_t i = 0; i < n; i++) {
        sum += column->sums[i];
        weight += column->weights ? column->weights[i] : 1;
    }
    double mean = sum / weight;
    for (size_t i = 0; i < n; i++) {
        double z = column->sums[i] - mean * (column->weights ? column->weights[i] : 1);

        m2 += z * z;
        m3 += z * z * z;
        m4 += z * z * z * z;
    }
    m2 /= count, m3 /= count, m4 /= count;
    if (!(m2 > 0))
        return (cumulants){.mean = mean};
    return (cumulants){.mean = mean,
                       .error = sqrt(m2 / count) * (count / weight),
                       .skewness = m3 / (m2 * sqrt(m2)) / sqrt(count),
                       .kurtosis = (m4 / (m2 * m2) - 3) / count};
}

static double expanded_quantile(const cumulants *k, double p)
{
    double z = fm_stats_normal_quantile(p), g = k->skewness;

    return k->mean + k->error * (z + (z * z - 1) * g / 6 + (z * z * z - 3 * z) * k->kurtosis / 24 -
                                 (2 * z * z * z - 5 * z) * g * g / 36);
}

/* What the expansion leaves out is of the third power of these. */
#define MOST_SKEWNESS 0.1
#define MOST_KURTOSIS 0.05

static bool expand(const fm_stats_column *column, size_t n, double confidence,
                   fm_stats_resampled *out)
{
    cumulants k = cumulants_of(column, n);

    if (!(fabs(k.skewness) <= MOST_SKEWNESS && fabs(k.kurtosis) <= MOST_KURTOSIS))
        return false;
    *out = (fm_stats_resampled){.interval = {expanded_quantile(&k, (1 - confidence) / 2),
                                             expanded_quantile(&k, (1 + confidence) / 2)}};
    return true;
}

fm_status fm_stats_bootstrap(const fm_stats_column *columns, size_t n_columns, size_t n,
                             size_t draws, double confidence, uint64_t seed,
                             fm_stats_resampled *out, fm_err *err)
{
    fm_stats_column rest[FM_STATS_COLUMNS];
    fm_stats_resampled drawn[FM_STATS_COLUMNS];
    size_t place[FM_STATS_COLUMNS], n_rest = 0;
    fm_status st = FM_OK;

    if (n > UINT32_MAX || draws == 0 || n_columns > FM_STATS_COLUMNS)
        return fm_fail(err, FM_E_INPUT, "cannot bootstrap %zu values with %zu draws", n, draws);
    for (size_t c = 0; c < n_columns; c++) {
        if (n == 0) {
            out[c] = (fm_stats_resampled){.interval = {NAN, NAN}, .drawn = true};
        } else if (n <= FM_STATS_DRAWN_MOST || !expand(&columns[c], n, confidence, &out[c])) {
            rest[n_rest] = columns[c];
            place[n_rest++] = c;
        }
    }
    if (n_rest)
        st = draw_all(rest, n_rest, n, draws, confidence, seed, drawn, err);
    for (size_t c = 0; st == FM_OK && c < n_rest; c++)
        out[place[c]] = drawn[c];
    return st;
}

fm_status fm_stats_bootstrap_mean(const double *values, size_t n, size_t draws, double confidence,
                                  uint64_t seed, fm_interval *out, fm_err *err)
{
    fm_stats_column column = {.sums = values};
    fm_stats_resampled resampled;

    if (n > UINT32_MAX || draws == 0)
        return fm_fail(err, FM_E_INPUT, "cannot bootstrap %zu values with %zu draws", n, draws);
    if (n == 0) {
        *out = (fm_interval){NAN, NAN};
        return FM_OK;
    }
    fm_status st = draw_all(&column, 1, n, draws, confidence, seed, &resampled, err);
    if (st == FM_OK)
        *out = resampled.interval;
    return st;
}
