/**
 * How many items it takes to see a difference, and which difference a number of items can show.
 *
 * Normal approximation. Scores and differences are in the metric's unit, a rate's in [0, 1]. Pure
 * functions. Source: Miller 2024, section 5; Connor 1987 for right or wrong.
 */
#ifndef FATHOM_POWER_H
#define FATHOM_POWER_H

#include <stdbool.h>

#include "fathom/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    double alpha;   /* chance to see a difference where there is none */
    bool one_sided; /* alpha is that of one direction: a gate */
    double power;   /* chance to see it where there is one */
    /* Variance of an item's difference. Right or wrong, asked once: the share of items on which
     * exactly one of the two is right (less the square of the difference, which is left out on the
     * safe side). Else that of the difference of the items' own means; of two systems on
     * different items the sum of their variances. */
    double variance;
    /* Variance of one answer around its item's mean, and how often each item is asked; noise 0
     * where `variance` holds it already. */
    double base_noise, candidate_noise;
    double base_repeats, candidate_repeats; /* 0 counts as 1 */
} fm_power_plan;

/* The smallest difference that n items show with the plan's power. NaN where n is 0. */
FM_API double fm_power_detectable(const fm_power_plan *plan, double n);

/* Items that show `difference`, which is not 0 (else infinity): a whole number. */
FM_API double fm_power_items(const fm_power_plan *plan, double difference);

#ifdef __cplusplus
}
#endif
#endif
