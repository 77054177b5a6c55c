/* xoshiro256** (Blackman and Vigna 2018) seeded by splitmix64: the same stream everywhere for a
 * seed. One thread each. */
#ifndef FM_BASE_RNG_H
#define FM_BASE_RNG_H

#include <stdint.h>

typedef struct {
    uint64_t s[4];
} fm_rng;

void fm_rng_seed(fm_rng *rng, uint64_t seed);
uint64_t fm_rng_next(fm_rng *rng);
uint64_t fm_rng_below(fm_rng *rng, uint64_t bound); /* uniform in [0, bound), unbiased; bound > 0 */
double fm_rng_unit(fm_rng *rng);                    /* uniform in [0, 1), 53 bits */
double fm_rng_range(fm_rng *rng, double low, double high);
/* Standard normal without libm's log or cos, whose last bits differ between libraries: the sum of
 * twelve uniforms minus six (Irwin-Hall); tails end at 6. */
double fm_rng_normal(fm_rng *rng);

#endif
