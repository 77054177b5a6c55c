/**
 * Whether a measured number is near enough to the true one.
 *
 * p is predicted and g true, in one unit. A prediction that is not finite fails, and so does one that is
 * not positive where a ratio is taken; a truth that is not positive makes the numbers NaN and the
 * verdicts false. Pure, thread-safe, all in double.
 */
#ifndef FATHOM_MEASURING_H
#define FATHOM_MEASURING_H

#include <stdbool.h>
#include <stddef.h>

#include "fathom/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* max(p / g, g / p) < factor, or <= where `closed`. Q-Spatial and RoboTracer: 2, strict in Q-Spatial's
 * code, closed in RoboTracer's text; VLMEvalKit: 1.5 as well. */
FM_API bool fm_within_ratio(double p, double g, double factor, bool closed);

/* (1 - share) g <= p <= (1 + share) g. SpatialRGPT-Bench: 0.25, which is not the ratio 1.25. */
FM_API bool fm_within_band(double p, double g, double share);

/* VSI-Bench, mean_relative_accuracy(): the share of the ten thresholds 0.50, 0.55, ... 0.95 with
 * |p - g| / g <= 1 - threshold, the thresholds as numpy.linspace computes them. NaN where g is 0, at
 * which upstream stops; a negative g makes every threshold hold, as there. */
FM_API double fm_mean_relative_accuracy(double p, double g);

/* SpatialRGPT-Bench and MSMU: |p - g| / (g + 1e-4). */
FM_API double fm_relative_error(double p, double g);

/* SpatialRGPT-Bench, direction as hours of a clock: the circular difference is at most 1. */
FM_API bool fm_within_clock(double p, double g);

/* MSMU (evaluate_final.py): the mean over n dimensions of max(p / g, g / p); NaN where n is 0 or a
 * number is not positive. Below 1.25 is its success, 1.25^2 and 1.25^3 are its further rates. */
FM_API double fm_mean_ratio(const double *p, const double *g, size_t n);

/* MSMU grounding: the mean over n coordinates of |p - g|; a success is at most 0.1. NaN where n is 0. */
FM_API double fm_mean_offset(const double *p, const double *g, size_t n);

#ifdef __cplusplus
}
#endif
#endif
