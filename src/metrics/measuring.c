/* Owns the tolerances of the measuring suites. */
#include "fathom/measuring.h"

#include <math.h>

bool fm_within_ratio(double p, double g, double factor, bool closed)
{
    if (!(p > 0 && g > 0 && isfinite(p) && isfinite(g)))
        return false;
    double ratio = fmax(p / g, g / p);
    return closed ? ratio <= factor : ratio < factor;
}

bool fm_within_band(double p, double g, double share)
{
    return g > 0 && (1 - share) * g <= p && p <= (1 + share) * g;
}

#define MRA_THRESHOLDS 10

double fm_mean_relative_accuracy(double p, double g)
{
    /* linspace multiplies by a step that is itself rounded; its last value is the given end. */
    double step = (0.95 - 0.5) / (MRA_THRESHOLDS - 1), error = fabs(p - g) / g;
    int held = 0;

    if (g == 0 || isnan(g))
        return NAN;
    for (int i = 0; i < MRA_THRESHOLDS; i++) {
        double threshold = i + 1 < MRA_THRESHOLDS ? i * step + 0.5 : 0.95;

        held += error <= 1 - threshold;
    }
    return (double)held / MRA_THRESHOLDS;
}

double fm_relative_error(double p, double g)
{
    return fabs(p - g) / (g + 1e-4);
}

bool fm_within_clock(double p, double g)
{
    double apart = fmod(fabs(p - g), 12);

    return apart <= 1 || 12 - apart <= 1;
}

double fm_mean_ratio(const double *p, const double *g, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        if (!(p[i] > 0 && g[i] > 0))
            return NAN;
        sum += fmax(p[i] / g[i], g[i] / p[i]);
    }
    return n ? sum / (double)n : NAN;
}

double fm_mean_offset(const double *p, const double *g, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += fabs(p[i] - g[i]);
    return n ? sum / (double)n : NAN;
}
