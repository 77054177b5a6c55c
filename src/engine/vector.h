/*
 * Vectors of RT_LANES floats by the compilers' own vector types, for files that are compiled for one
 * instruction set each and say how wide theirs are before they include this.
 */
#ifndef RT_ENGINE_VECTOR_H
#define RT_ENGINE_VECTOR_H

#include <stdint.h>
#include <string.h>

typedef float vec __attribute__((vector_size(RT_LANES * 4)));
typedef int32_t ivec __attribute__((vector_size(RT_LANES * 4)));

#define INLINE static inline __attribute__((always_inline))

/* A vector wherever floats may lie. Not by memcpy(): gcc then copies halves, by way of the stack. */
typedef float vec_in_memory __attribute__((vector_size(RT_LANES * 4), aligned(4), may_alias));

INLINE vec load(const float *x)
{
    return *(const vec_in_memory *)(const void *)x;
}

INLINE void store(float *x, vec v)
{
    *(vec_in_memory *)(void *)x = v;
}

INLINE vec all(float x)
{
    return x - (vec){0};
}

INLINE vec choose(ivec which, vec yes, vec no)
{
    return (vec)(((ivec)yes & which) | ((ivec)no & ~which));
}

INLINE float sum_of(vec v)
{
    float parts[RT_LANES];

    store(parts, v);
    for (int width = RT_LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            parts[i] += parts[i + width];
    return parts[0];
}

/* The last n < RT_LANES elements, with zeros behind them. */
INLINE vec load_rest(const float *x, size_t n)
{
    float parts[RT_LANES] = {0};

    memcpy(parts, x, n * sizeof(*x));
    return load(parts);
}

INLINE void store_rest(float *x, vec v, size_t n)
{
    float parts[RT_LANES];

    store(parts, v);
    memcpy(x, parts, n * sizeof(*x));
}

/* e^x, relative error under 2e-7; 0 below -87.3, and x is at most 88.3: what is over is taken for it. */
INLINE vec vec_exp(vec x)
{
    const float log2e = 1.44269504F, ln2_high = 0.693359375F, ln2_low = -2.12194440e-4F;
    ivec tiny = x < all(-87.3F);

    x = choose(x > all(88.3F), all(88.3F), x);
    x = choose(tiny, all(0), x);
    /* Adding 1.5 2^23 rounds to a whole number, which then stands in the low bits. */
    vec shifted = x * log2e + 12582912.0F;
    vec n = shifted - 12582912.0F;
    vec r = x - n * ln2_high - n * ln2_low;
    vec p = all(1.9875691500e-4F);

    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * r * r + r + 1.0F;
    /* Two factors, for n reaches 128. */
    ivec whole = (ivec)shifted - (ivec)all(12582912.0F), half = whole >> 1;
    vec two_half = (vec)((half + 127) << 23), two_rest = (vec)((whole - half + 127) << 23);
    return choose(tiny, all(0), p * two_half * two_rest);
}

#endif
