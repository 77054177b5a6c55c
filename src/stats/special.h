/* Functions of probability that libm lacks: the incomplete beta function and what is made of it.
 * Pure, thread-safe. Part of stats. */
#ifndef FM_STATS_SPECIAL_H
#define FM_STATS_SPECIAL_H

#include <math.h>

/* P(X < x) of a standard normal variable, exact in both tails. */
static inline double fm_normal_cdf(double x)
{
    return 0.5 * erfc(-x * M_SQRT1_2);
}

/* log B(a, b); a, b > 0. Relative error of B about 1e-15 (a + b). */
double fm_log_beta(double a, double b);

/* The regularised incomplete beta function I_x(a, b), which is P(X < x) of a beta variable; a, b >
 * 0, x + y = 1, both in [0, 1] (given both, so that neither end loses digits). */
double fm_beta_cdf(double a, double b, double x, double y);

/* P(X <= k) and P(X >= k) of a binomial variable; 0 <= p <= 1, k of any size. */
double fm_binomial_below(double k, double n, double p);
double fm_binomial_above(double k, double n, double p);

/* P(T > t) of Student's t with df > 0 degrees of freedom. */
double fm_t_above(double t, double df);

#endif
