/* Owns resampling and path distances. Leaves upstream's float32 rounding and its handling of empty
 * and single-point replies to metrics. */
#include "fathom/polyline.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

/* Shorter paths count as one point; the bound is the upstream scorer's. */
#define DEGENERATE_LENGTH 1e-12

static double squared_distance(const double *a, const double *b, int dim)
{
    double sum = 0;

    for (int i = 0; i < dim; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

static double length_of(const double *path, size_t n, int dim)
{
    double sum = 0;

    for (size_t i = 1; i < n; i++)
        sum += sqrt(squared_distance(path + (i - 1) * (size_t)dim, path + i * (size_t)dim, dim));
    return sum;
}

/* Comparisons lose a NaN, and the difference of two infinities is one: the distances look first. */
static bool finite_path(const double *path, size_t n, int dim)
{
    for (size_t i = 0; i < n * (size_t)dim; i++)
        if (!isfinite(path[i]))
            return false;
    return true;
}

/* fmin() and fmax() care for NaN, which costs a call each. */
static inline double lesser(double a, double b)
{
    return a < b ? a : b;
}

static inline double greater(double a, double b)
{
    return a > b ? a : b;
}

void fm_polyline_resample(const double *in, size_t n, int dim, double *out, size_t out_n)
{
    size_t d = (size_t)dim, segment = 0;
    double total = length_of(in, n, dim), start = 0, length = 0;

    assert(n >= 1);
    if (!isfinite(total) || !finite_path(in, n, dim)) {
        for (size_t i = 0; i < out_n * d; i++)
            out[i] = NAN;
        return;
    }
    if (n > 1)
        length = sqrt(squared_distance(in, in + d, dim));
    for (size_t i = 0; i < out_n; i++) {
        double t = out_n > 1 ? total * (double)i / (double)(out_n - 1) : 0, share = 0;

        if (total > DEGENERATE_LENGTH) {
            /* Segments of length zero are stepped over: they are never longer than what is left. */
            while (segment + 2 < n && t > start + length) {
                start += length;
                segment++;
                length = sqrt(squared_distance(in + segment * d, in + (segment + 1) * d, dim));
            }
            share = length > 0 ? lesser((t - start) / length, 1) : 1;
        }
        for (size_t k = 0; k < d; k++) {
            double a = in[segment * d + k], b = n > 1 ? in[(segment + 1) * d + k] : a;

            out[i * d + k] = a + (b - a) * share;
        }
    }
}

double fm_polyline_frechet(const double *p, size_t n, const double *q, size_t m, int dim)
{
    double row[FM_PATH_MAX_POINTS];
    size_t d = (size_t)dim;

    if (n == 0 || m == 0 || n > FM_PATH_MAX_POINTS || m > FM_PATH_MAX_POINTS ||
        !finite_path(p, n, dim) || !finite_path(q, m, dim))
        return NAN;
    /* Squared distances throughout: the square root is monotonic and needed once. row[j] holds the
     * coupling distance of (i - 1, j) until it is replaced by that of (i, j). */
    for (size_t i = 0; i < n; i++) {
        double diagonal = 0; /* of (i - 1, j - 1) */

        for (size_t j = 0; j < m; j++) {
            double here = squared_distance(p + i * d, q + j * d, dim), reach;

            if (i == 0)
                reach = j == 0 ? here : row[j - 1];
            else if (j == 0)
                reach = row[0];
            else
                reach = lesser(lesser(row[j], row[j - 1]), diagonal);
            diagonal = i == 0 ? 0 : row[j];
            row[j] = greater(here, reach);
        }
    }
    return sqrt(row[m - 1]);
}

static double directed_hausdorff2(const double *p, size_t n, const double *q, size_t m, int dim)
{
    double worst = 0;

    for (size_t i = 0; i < n; i++) {
        double nearest = INFINITY;

        for (size_t j = 0; j < m; j++)
            nearest =
                lesser(nearest, squared_distance(p + i * (size_t)dim, q + j * (size_t)dim, dim));
        worst = greater(worst, nearest);
    }
    return worst;
}

double fm_polyline_hausdorff(const double *p, size_t n, const double *q, size_t m, int dim)
{
    if (n == 0 || m == 0 || !finite_path(p, n, dim) || !finite_path(q, m, dim))
        return NAN;
    return sqrt(
        greater(directed_hausdorff2(p, n, q, m, dim), directed_hausdorff2(q, m, p, n, dim)));
}

double fm_polyline_rmse(const double *p, const double *q, size_t n, int dim)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += squared_distance(p + i * (size_t)dim, q + i * (size_t)dim, dim);
    return sqrt(sum / (double)n);
}

double fm_polyline_mae(const double *p, const double *q, size_t n, int dim)
{
    size_t count = n * (size_t)dim;
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += fabs(p[i] - q[i]);
    return sum / (double)count;
}
