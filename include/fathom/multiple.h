/**
 * Several tests at once: p values adjusted so that each may be held against the level of all.
 *
 * adjusted[i] belongs to p[i]; the arrays may be the same. A p of NaN is no test: it stays NaN and
 * does not count. FM_E_NOMEM is the only failure. Thread-safe.
 */
#ifndef FATHOM_MULTIPLE_H
#define FATHOM_MULTIPLE_H

#include "fathom/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The chance of any false alarm is at most the level, however the tests depend on each other: for
 * decisions. Source: Holm 1979. */
FM_API FM_MUST_CHECK fm_status fm_multiple_holm(const double *p, size_t n, double *adjusted,
                                                fm_err *err);

/* The expected share of false alarms among all alarms is at most the level, for tests that are
 * independent or positively dependent: for reports. Source: Benjamini and Hochberg 1995. */
FM_API FM_MUST_CHECK fm_status fm_multiple_benjamini_hochberg(const double *p, size_t n,
                                                              double *adjusted, fm_err *err);

#ifdef __cplusplus
}
#endif
#endif
