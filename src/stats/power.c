/* Owns the arithmetic of planning. */
#include "fathom/power.h"

#include <math.h>

#include "fathom/stats.h"

static double repeats(double given)
{
    return given >= 1 ? given : 1;
}

static double quantiles(const fm_power_plan *plan)
{
    double alpha = plan->one_sided ? plan->alpha : plan->alpha / 2;

    return fm_stats_normal_quantile(1 - alpha) + fm_stats_normal_quantile(plan->power);
}

static double variance(const fm_power_plan *plan)
{
    return plan->variance + plan->base_noise / repeats(plan->base_repeats) +
           plan->candidate_noise / repeats(plan->candidate_repeats);
}

double fm_power_detectable(const fm_power_plan *plan, double n)
{
    return n > 0 ? quantiles(plan) * sqrt(variance(plan) / n) : NAN;
}

double fm_power_items(const fm_power_plan *plan, double difference)
{
    double errors = quantiles(plan) / difference;

    return difference == 0 ? INFINITY : ceil(errors * errors * variance(plan));
}
