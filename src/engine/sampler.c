/* Owns the choice of a token among logits. What may be chosen at all is grammar.c's. */
#include "engine/sampler.h"

#include <math.h>
#include <string.h>

static int32_t likeliest(const float *logits, size_t n)
{
    float most = -INFINITY;
    int32_t best = -1;

    for (size_t i = 0; i < n; i++) {
        if (logits[i] > most) {
            most = logits[i];
            best = (int32_t)i;
        }
    }
    return best;
}

/* Logits become weights in [0, 1], the likeliest 1; `most` is finite. */
static void weigh(float *logits, size_t n, float most, double temperature)
{
    for (size_t i = 0; i < n; i++) {
        float weight = expf((float)(((double)logits[i] - most) / temperature));

        logits[i] = weight > 0 ? weight : 0;
    }
}

static uint32_t bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static double sum_of(const float *weights, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)weights[i];
    return sum;
}

/* Keep weights from the heaviest down until there are `count` of them or they hold `mass`; the others
 * become 0. Which weight is the last is found a byte at a time, the bits of floats from 0 standing in
 * their order: no sorting of 150,000 of them, and no memory. */
static void keep_heaviest(float *weights, size_t n, size_t count, double mass)
{
    uint32_t last = 0, known = 0;

    for (int shift = 24; shift >= 0; shift -= 8) {
        size_t counts[256] = {0};
        double masses[256] = {0};
        uint32_t byte = 255;

        for (size_t i = 0; i < n; i++) {
            uint32_t bits = bits_of(weights[i]);

            if ((bits & known) == last) {
                counts[bits >> shift & 255]++;
                masses[bits >> shift & 255] += (double)weights[i];
            }
        }
        for (; byte > 0 && counts[byte] < count && masses[byte] < mass; byte--) {
            count -= counts[byte];
            mass -= masses[byte];
        }
        last |= byte << shift;
        known |= 255U << shift;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_of(weights[i]);

        if (bits < last || (bits == last && (count == 0 || mass <= 0))) {
            weights[i] = 0;
        } else if (bits == last) {
            count--;
            mass -= (double)weights[i];
        }
    }
}

static int32_t draw(fm_rng *rng, const float *weights, size_t n)
{
    double left = fm_rng_unit(rng) * sum_of(weights, n);
    int32_t chosen = -1;

    for (size_t i = 0; i < n && left >= 0; i++) {
        if (weights[i] > 0) {
            left -= (double)weights[i];
            chosen = (int32_t)i; /* the last of them where rounding leaves something over */
        }
    }
    return chosen;
}

int32_t rt_sampler_choose(rt_sampler *sampler, float *logits, size_t n)
{
    int32_t best = likeliest(logits, n);

    if (best < 0 || !(sampler->temperature > 0) || isinf(logits[best]))
        return best;
    weigh(logits, n, logits[best], sampler->temperature);
    if (sampler->top_k > 0)
        keep_heaviest(logits, n, (size_t)sampler->top_k, INFINITY);
    if (sampler->top_p > 0 && sampler->top_p < 1)
        keep_heaviest(logits, n, n, sampler->top_p * sum_of(logits, n));
    return draw(&sampler->rng, logits, n);
}

/* log1p of what the others add to the likeliest: near certainty the difference from 1 is kept. */
double rt_sampler_log_probability(const float *logits, size_t n, int32_t id)
{
    int32_t best = likeliest(logits, n);
    double others = 0;

    if (best < 0)
        return NAN;
    for (size_t i = 0; i < n; i++)
        if (i != (size_t)best)
            others += exp((double)logits[i] - (double)logits[best]);
    return (double)logits[id] - (double)logits[best] - log1p(others);
}
