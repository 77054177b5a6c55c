/* Owns the generator; no global state. */
#include "base/rng.h"

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void fm_rng_seed(fm_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        rng->s[i] = z ^ (z >> 31);
    }
}

uint64_t fm_rng_next(fm_rng *rng)
{
    uint64_t *s = rng->s, out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

uint64_t fm_rng_below(fm_rng *rng, uint64_t bound)
{
    /* Reject the few values that would make the low residues likelier. */
    uint64_t threshold = (0 - bound) % bound, x;

    do
        x = fm_rng_next(rng);
    while (x < threshold);
    return x % bound;
}

double fm_rng_unit(fm_rng *rng)
{
    return (double)(fm_rng_next(rng) >> 11) * 0x1p-53;
}

double fm_rng_range(fm_rng *rng, double low, double high)
{
    return low + (high - low) * fm_rng_unit(rng);
}

double fm_rng_normal(fm_rng *rng)
{
    double sum = 0;

    for (int i = 0; i < 12; i++)
        sum += fm_rng_unit(rng);
    return sum - 6;
}
