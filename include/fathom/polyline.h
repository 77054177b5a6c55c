/**
 * Paths as lists of points: resampling by arc length and the distances between two paths.
 *
 * Points are [n][dim] doubles, row-major, dim 2 or 3, in whatever unit the caller uses; results are
 * in that unit. Pure functions without global state, thread-safe; scratch comes from the caller or
 * the stack. A coordinate that is not finite gives NaN, in bounded time (the recursion of the
 * upstream scorer does not finish on it).
 */
#ifndef FATHOM_POLYLINE_H
#define FATHOM_POLYLINE_H

#include "fathom/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The number of points to which both paths are resampled before they are compared (TraceSpatial
 * scorer and paper). */
#define FM_PATH_SAMPLES 100

/* Longest path that the Frechet distance accepts (NaN beyond); longer replies are judged on a
 * resampled path anyway. */
#define FM_PATH_MAX_POINTS 4096

/**
 * `out_n` points, uniform in arc length, linear between the given ones. in [n][dim], n >= 1; out
 * [out_n][dim], must not alias in. A path of total length <= 1e-12 repeats its first point. See
 * resample_reference() in metrics/trace_reference.c for the variant that repeats upstream's float32
 * and its division by a zero-length segment.
 */
FM_API void fm_polyline_resample(const double *in, size_t n, int dim, double *out, size_t out_n);

/**
 * `out_n` >= 2 points, uniform in the index, linear between the given ones: numpy's linspace over the
 * indices and scipy's interp1d. in [n][dim], n >= 2; out [out_n][dim], must not alias in.
 */
FM_API void fm_polyline_resample_by_index(const double *in, size_t n, int dim, double *out,
                                          size_t out_n);

/* Discrete Frechet distance (Eiter and Mannila 1994), iterative, O(n m) time, O(m) scratch on the
 * stack. */
FM_API double fm_polyline_frechet(const double *p, size_t n, const double *q, size_t m, int dim);

/* Dynamic time warping (Sakoe and Chiba 1978, unweighted steps): the least sum of point distances over
 * a warping path; *length, which may be NULL, becomes the number of its pairs. Along a tie the diagonal
 * is taken. O(n m) time, O(m) scratch on the stack; limits as for the Frechet distance. */
FM_API double fm_polyline_dtw(const double *p, size_t n, const double *q, size_t m, int dim,
                              size_t *length);

/* Symmetric Hausdorff distance between the point sets: the larger of the two directed maxima. */
FM_API double fm_polyline_hausdorff(const double *p, size_t n, const double *q, size_t m, int dim);

/* sqrt of the mean squared point distance, over n pairs. */
FM_API double fm_polyline_rmse(const double *p, const double *q, size_t n, int dim);

/* Mean absolute difference over all n * dim coordinates. */
FM_API double fm_polyline_mae(const double *p, const double *q, size_t n, int dim);

#ifdef __cplusplus
}
#endif
#endif
