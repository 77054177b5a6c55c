/* Owns what may be looked at at any time. */
#include "fathom/sequential.h"

#include <math.h>

#include "special.h"

/* Of the mixture: Jeffreys' prior. */
#define PRIOR 0.5

double fm_sequential_discordant(const fm_paired_counts *counts)
{
    double gained = (double)counts->gained, lost = (double)counts->lost;

    return (gained + lost) * M_LN2 + fm_log_beta(PRIOR + gained, PRIOR + lost) -
           fm_log_beta(PRIOR, PRIOR);
}

double fm_sequential_discordant_above(const fm_paired_counts *counts)
{
    double gained = (double)counts->gained, lost = (double)counts->lost;

    /* What of the mixture is above 1/2 after the data, to what was before. */
    return fm_sequential_discordant(counts) +
           log(2 * fm_beta_cdf(PRIOR + lost, PRIOR + gained, 0.5, 0.5));
}

/* Bets from a two-hundredth of the stake to nearly all of it, each a constant times the one before:
 * the best is about (mean - bound) / variance, of which nothing is known. */
static double fraction_of(int bet)
{
    const double least = 0.005, most = 0.98;

    return least * pow(most / least, bet / (double)(FM_SEQUENTIAL_BETS - 1));
}

void fm_sequential_bet_init(fm_sequential_bet *bet, double low, double bound)
{
    *bet = (fm_sequential_bet){.bound = bound, .stake = 1 / (bound - low)};
}

void fm_sequential_bet_add(fm_sequential_bet *bet, double difference)
{
    for (int i = 0; i < FM_SEQUENTIAL_BETS; i++)
        bet->log_wealth[i] += log1p(fraction_of(i) * bet->stake * (difference - bet->bound));
}

double fm_sequential_bet_log_e(const fm_sequential_bet *bet)
{
    double most = bet->log_wealth[0], sum = 0;

    for (int i = 1; i < FM_SEQUENTIAL_BETS; i++)
        most = fmax(most, bet->log_wealth[i]);
    for (int i = 0; i < FM_SEQUENTIAL_BETS; i++)
        sum += exp(bet->log_wealth[i] - most);
    return most + log(sum / FM_SEQUENTIAL_BETS);
}

double fm_sequential_half_width(double n, double sd, double alpha, double rho, bool one_sided)
{
    double r = n * rho * rho, root = sqrt(r + 1);
    double within = one_sided ? log1p(root / (2 * alpha)) : log(root / alpha);

    if (n < FM_SEQUENTIAL_WARM_UP)
        return INFINITY;
    return sd * sqrt(2 * (r + 1) / (n * r) * within);
}

double fm_sequential_rho(double alpha, double n)
{
    double l = -2 * log(alpha);

    return sqrt((l + log(l + 1)) / n);
}

double fm_sequential_mean_above(double n, double mean, double sd, double bound, double rho)
{
    double r = n * rho * rho, z = (mean - bound) / sd;

    if (n < FM_SEQUENTIAL_WARM_UP || !(sd > 0) || mean <= bound)
        return 1;
    return fmin(1, sqrt(r + 1) / (2 * expm1(z * z * n * r / (2 * (r + 1)))));
}
