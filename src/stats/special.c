/* Owns the incomplete beta function. Sources: DLMF 5.11 (Stirling's series), 8.17.22 (the continued
 * fraction), Lentz 1976 as modified by Thompson and Barnett 1986. */
#include "special.h"

#include <float.h>

/* log Gamma(x) less Stirling's (x - 1/2) log x - x + log(2 pi) / 2. Small for large x, so that what
 * cancels in a beta function never comes up. */
static double stirling_rest(double x)
{
    if (x < 10) {
        int sign;

        return lgamma_r(x, &sign) - ((x - 0.5) * log(x) - x + 0.5 * log(2 * M_PI));
    }
    double r = 1 / (x * x);

    return (1.0 / 12 - r * (1.0 / 360 - r * (1.0 / 1260 - r * (1.0 / 1680 - r / 1188)))) / x;
}

/* log(x^a y^b / B(a, b)): the powers relative to those at the mode a / (a + b), where they are
 * largest and Stirling's terms cancel them. */
static double log_density(double a, double b, double x, double y)
{
    double sum = a + b;

    return a * log(x * sum / a) + b * log(y * sum / b) +
           0.5 * (log(a) + log(b) - log(sum) - log(2 * M_PI)) -
           (stirling_rest(a) + stirling_rest(b) - stirling_rest(sum));
}

double fm_log_beta(double a, double b)
{
    double sum = a + b;

    return a * log(a / sum) + b * log(b / sum) - log_density(a, b, a / sum, b / sum);
}

/* The continued fraction of I_x(a, b), for x below its mean. It takes about sqrt(a + b) steps. */
static double fraction(double a, double b, double x)
{
    enum { MOST_STEPS = 100000 };
    const double tiny = DBL_MIN / DBL_EPSILON;
    double c = 1, d = 1 - (a + b) * x / (a + 1);

    d = 1 / (fabs(d) < tiny ? tiny : d);
    double value = d;
    for (int m = 1; m <= MOST_STEPS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));

        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        value *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        value *= d * c;
        if (fabs(d * c - 1) < 4 * DBL_EPSILON)
            break;
    }
    return value;
}

double fm_beta_cdf(double a, double b, double x, double y)
{
    if (!(x > 0))
        return isnan(x) ? NAN : 0;
    if (!(y > 0))
        return isnan(y) ? NAN : 1;
    double density = exp(log_density(a, b, x, y));
    return x < (a + 1) / (a + b + 2) ? density * fraction(a, b, x) / a
                                     : 1 - density * fraction(b, a, y) / b;
}

double fm_binomial_below(double k, double n, double p)
{
    if (k < 0)
        return 0;
    return k >= n ? 1 : fm_beta_cdf(n - k, k + 1, 1 - p, p);
}

double fm_binomial_above(double k, double n, double p)
{
    if (k <= 0)
        return 1;
    return k > n ? 0 : fm_beta_cdf(k, n - k + 1, p, 1 - p);
}

double fm_t_above(double t, double df)
{
    double square = t * t, tail;

    if (isinf(t))
        return t > 0 ? 0 : 1;
    tail = 0.5 * fm_beta_cdf(df / 2, 0.5, df / (df + square), square / (df + square));
    return t > 0 ? tail : 1 - tail;
}
