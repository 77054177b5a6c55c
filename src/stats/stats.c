/* Owns estimates and their intervals. Which values count, and under which denominator, is
 * decided by the caller. */
#include "fathom/stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/size.h"

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

/* The sum of one resample. Two indices from each random word, and two sums, so that neither the
 * generator nor the latency of an addition holds the loop up. */
static double resampled_sum(const double *values, uint32_t n, fm_rng *rng)
{
    double a = 0, b = 0;

    for (uint32_t i = 0; i + 1 < n; i += 2) {
        uint64_t word = fm_rng_next(rng);

        a += values[below((uint32_t)word, n, rng)];
        b += values[below((uint32_t)(word >> 32), n, rng)];
    }
    if (n % 2)
        a += values[below((uint32_t)fm_rng_next(rng), n, rng)];
    return a + b;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

fm_status fm_stats_bootstrap_mean(const double *values, size_t n, size_t draws, double confidence,
                                  uint64_t seed, fm_interval *out, fm_err *err)
{
    size_t bytes;
    fm_rng rng;

    if (n > UINT32_MAX || draws == 0)
        return fm_fail(err, FM_E_INPUT, "cannot bootstrap %zu values with %zu draws", n, draws);
    if (n == 0) {
        *out = (fm_interval){NAN, NAN};
        return FM_OK;
    }
    double *means = fm_size_mul(draws, sizeof(*means), &bytes) ? malloc(bytes) : NULL;
    if (!means)
        return fm_fail(err, FM_E_NOMEM, "out of memory for %zu bootstrap draws", draws);

    fm_rng_seed(&rng, seed);
    for (size_t i = 0; i < draws; i++)
        means[i] = resampled_sum(values, (uint32_t)n, &rng) / (double)n;
    qsort(means, draws, sizeof(*means), ascending);
    out->low = fm_stats_quantile(means, draws, (1 - confidence) / 2);
    out->high = fm_stats_quantile(means, draws, (1 + confidence) / 2);
    free(means);
    return FM_OK;
}
