/**
 * Tests that may be looked at after every item, as often as one likes.
 *
 * An E-process is a wealth that, where the hypothesis is true, grows by no bet: the chance that it
 * ever reaches 1 / alpha is at most alpha (Ville 1939). All wealth is given as its logarithm. Items
 * must come in an order that does not follow what is measured: shuffled. Pure functions but for the
 * state that the caller holds.
 */
#ifndef FATHOM_SEQUENTIAL_H
#define FATHOM_SEQUENTIAL_H

#include "fathom/paired.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- right or wrong, against "neither is better" ---- */

/* log of E against "gains and losses are equally frequent", by the mixture Beta(1/2, 1/2) over the
 * share of gains; one-sided, against "gains are no more frequent", by its upper half. Exact at any
 * number of items. Source: Robbins 1970; Ramdas and Wang 2024. */
FM_API double fm_sequential_discordant(const fm_paired_counts *counts);
FM_API double fm_sequential_discordant_above(const fm_paired_counts *counts);

/* ---- differences with known ends, against "at most a bound" ---- */

/* Bets of several sizes, side by side. */
#define FM_SEQUENTIAL_BETS 24

typedef struct {
    double bound; /* the hypothesis: the mean is at most this */
    double stake; /* the largest bet that cannot lose everything */
    double log_wealth[FM_SEQUENTIAL_BETS];
} fm_sequential_bet;

/* Differences lie in [low, ...] with low < bound. For "at least a bound", negate bound and
 * differences. Exact at any number of items. Source: Waudby-Smith and Ramdas 2024, section 4. */
FM_API void fm_sequential_bet_init(fm_sequential_bet *bet, double low, double bound);
FM_API void fm_sequential_bet_add(fm_sequential_bet *bet, double difference);
FM_API double fm_sequential_bet_log_e(const fm_sequential_bet *bet);

/* ---- differences without ends ---- */

/* Before this many items a confidence sequence says nothing. */
#define FM_SEQUENTIAL_WARM_UP 30

/**
 * Half the width of the asymptotic confidence sequence for a mean after n items with the standard
 * deviation sd: with a chance of about 1 - alpha the mean stays within it for all n at once.
 * Infinite before FM_SEQUENTIAL_WARM_UP. `rho` is from fm_sequential_rho(): where it shall be
 * tightest. One-sided: the mean is above the lower end, at the same alpha. Source: Waudby-Smith,
 * Arbour, Sinha, Kennedy and Ramdas 2024, theorem 2.2 and appendix B.
 */
FM_API double fm_sequential_half_width(double n, double sd, double alpha, double rho,
                                       bool one_sided);
FM_API double fm_sequential_rho(double alpha, double n);

/* The least alpha whose one-sided sequence has left `bound` below it: a p of "the mean is at most the
 * bound" that may be looked at after every item. 1 before the warm-up, and where sd is 0. */
FM_API double fm_sequential_mean_above(double n, double mean, double sd, double bound, double rho);

#ifdef __cplusplus
}
#endif
#endif
