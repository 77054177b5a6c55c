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

void fm_polyline_resample_by_index(const double *in, size_t n, int dim, double *out, size_t out_n)
{
    size_t d = (size_t)dim;
    double step = (double)(n - 1) / (double)(out_n - 1);

    assert(n >= 2 && out_n >= 2);
    for (size_t i = 0; i < out_n; i++) {
        double at = i + 1 < out_n ? (double)i * step : (double)(n - 1);
        size_t low = (size_t)at < n - 2 ? (size_t)at : n - 2;
        const double *a = in + low * d, *b = a + d;

        for (size_t k = 0; k < d; k++)
            out[i * d + k] = a[k] + (b[k] - a[k]) * (at - (double)low);
    }
}

/* The two distances below look at every pair of points. Their inner loops read a coordinate from an
 * array of its own and have no step that waits for the one before, so that compilers make vectors of
 * them; minima and maxima do not round, so the order of the steps is free. */
#define INLINE static inline __attribute__((always_inline))

enum { MAX_DIM = 3, BLOCK = 128 };

INLINE double pair2(const double *const *a, size_t i, const double *const *b, size_t j, int dim)
{
    double sum = 0;

    for (int k = 0; k < dim; k++)
        sum += (a[k][i] - b[k][j]) * (a[k][i] - b[k][j]);
    return sum;
}

/* Coupling distances of `count` cells of one diagonal i + j: each from (i, j - 1) and (i - 1, j) on
 * the diagonal before, and (i - 1, j - 1) on the one before that. */
INLINE void couple(double *restrict here, const double *restrict before,
                   const double *restrict two_before, const double *const *p,
                   const double *const *q, size_t count, int dim)
{
    for (size_t i = 0; i < count; i++)
        here[i + 1] = greater(pair2(p, i, q, i, dim),
                              lesser(lesser(before[i + 1], before[i]), two_before[i]));
}

/* Squared distances throughout: the square root is monotonic and needed once. Cell (i, j) of a
 * diagonal stands at i + 1, with infinities around the table; along a diagonal i grows as j falls, so
 * q is read in reverse. */
INLINE double frechet(const double *p, size_t n, const double *q, size_t m, int dim)
{
    double diagonals[3][FM_PATH_MAX_POINTS + 1];
    double forth[MAX_DIM][FM_PATH_MAX_POINTS], back[MAX_DIM][FM_PATH_MAX_POINTS];
    double *here = diagonals[0], *before = diagonals[1], *two_before = diagonals[2];

    for (int k = 0; k < dim; k++) {
        for (size_t i = 0; i < n; i++)
            forth[k][i] = p[i * (size_t)dim + (size_t)k];
        for (size_t j = 0; j < m; j++)
            back[k][m - 1 - j] = q[j * (size_t)dim + (size_t)k];
    }
    for (size_t i = 0; i <= n; i++)
        here[i] = before[i] = two_before[i] = INFINITY;
    two_before[0] = 0; /* where every coupling starts */
    for (size_t sum = 0; sum < n + m - 1; sum++) {
        size_t first = sum < m ? 0 : sum - m + 1, last = sum < n ? sum : n - 1;
        const double *from[MAX_DIM], *to[MAX_DIM];

        for (int k = 0; k < dim; k++) {
            from[k] = forth[k] + first;
            to[k] = back[k] + (m - 1 + first - sum);
        }
        couple(here + first, before + first, two_before + first, from, to, last - first + 1, dim);
        double *oldest = two_before;
        oldest[0] = INFINITY;
        two_before = before;
        before = here;
        here = oldest;
    }
    return sqrt(before[n]);
}

double fm_polyline_frechet(const double *p, size_t n, const double *q, size_t m, int dim)
{
    assert(dim >= 1 && dim <= MAX_DIM);
    if (n == 0 || m == 0 || n > FM_PATH_MAX_POINTS || m > FM_PATH_MAX_POINTS ||
        !finite_path(p, n, dim) || !finite_path(q, m, dim))
        return NAN;
    return dim == 2 ? frechet(p, n, q, m, 2) : frechet(p, n, q, m, dim);
}

/* The largest of the distances from a point of p to the nearest of q, squared; p a block at a time. */
INLINE double directed_hausdorff2(const double *p, size_t n, const double *q, size_t m, int dim)
{
    double worst = 0;

    for (size_t start = 0; start < n; start += BLOCK) {
        size_t count = n - start < BLOCK ? n - start : BLOCK;
        double nearest[BLOCK], block[MAX_DIM][BLOCK];

        for (size_t i = 0; i < count; i++) {
            nearest[i] = INFINITY;
            for (int k = 0; k < dim; k++)
                block[k][i] = p[(start + i) * (size_t)dim + (size_t)k];
        }
        for (size_t j = 0; j < m; j++) {
            const double *to = q + j * (size_t)dim;

            for (size_t i = 0; i < count; i++) {
                double sum = 0;

                for (int k = 0; k < dim; k++)
                    sum += (block[k][i] - to[k]) * (block[k][i] - to[k]);
                nearest[i] = lesser(nearest[i], sum);
            }
        }
        for (size_t i = 0; i < count; i++)
            worst = greater(worst, nearest[i]);
    }
    return worst;
}

double fm_polyline_hausdorff(const double *p, size_t n, const double *q, size_t m, int dim)
{
    assert(dim >= 1 && dim <= MAX_DIM);
    if (n == 0 || m == 0 || !finite_path(p, n, dim) || !finite_path(q, m, dim))
        return NAN;
    if (dim == 2)
        return sqrt(
            greater(directed_hausdorff2(p, n, q, m, 2), directed_hausdorff2(q, m, p, n, 2)));
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

double fm_polyline_dtw(const double *p, size_t n, const double *q, size_t m, int dim,
                       size_t *length)
{
    double cost[FM_PATH_MAX_POINTS]; /* of the row above, overwritten from the left */
    size_t pairs[FM_PATH_MAX_POINTS], d = (size_t)dim;

    if (length)
        *length = 0;
    if (n == 0 || m == 0 || n > FM_PATH_MAX_POINTS || m > FM_PATH_MAX_POINTS ||
        !finite_path(p, n, dim) || !finite_path(q, m, dim))
        return NAN;
    for (size_t j = 0; j < m; j++) {
        cost[j] = INFINITY;
        pairs[j] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        double corner = 0; /* of the row above, one to the left */
        size_t corner_pairs = 0;

        for (size_t j = 0; j < m; j++) {
            double here = sqrt(squared_distance(p + i * d, q + j * d, dim));
            double best = i && j ? corner : INFINITY, above = cost[j];
            size_t n_best = corner_pairs, n_above = pairs[j];

            if (above < best)
                best = above, n_best = n_above;
            if (j && cost[j - 1] < best)
                best = cost[j - 1], n_best = pairs[j - 1];
            cost[j] = here + (i || j ? best : 0);
            pairs[j] = 1 + (i || j ? n_best : 0);
            corner = above;
            corner_pairs = n_above;
        }
    }
    if (length)
        *length = pairs[m - 1];
    return cost[m - 1];
}
