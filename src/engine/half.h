/* Numbers of 16 bits, one at a time: IEEE 754 binary16 and bfloat16 against binary32. Rounding is to
 * nearest, ties to even; NaN stays NaN. */
#ifndef RT_ENGINE_HALF_H
#define RT_ENGINE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float rt_bits_to_f32(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline uint32_t rt_f32_to_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline float rt_bf16_to_f32(uint16_t bits)
{
    return rt_bits_to_f32((uint32_t)bits << 16);
}

static inline uint16_t rt_f32_to_bf16(float value)
{
    uint32_t bits = rt_f32_to_bits(value);

    if ((bits & 0x7fffffffU) > 0x7f800000U)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float rt_f16_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, low = half & 0x3ff;

    if (exponent == 31)
        return rt_bits_to_f32(sign | 0x7f800000U | low << 13);
    if (exponent == 0) /* zero and subnormals: low units of 2^-24, exact in f32 */
        return rt_bits_to_f32(sign | rt_f32_to_bits((float)low * 0x1p-24F));
    return rt_bits_to_f32(sign | (exponent + 112) << 23 | low << 13);
}

static inline uint16_t rt_f32_to_f16(float value)
{
    uint32_t bits = rt_f32_to_bits(value), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffffU;

    if (rest > 0x7f800000U)
        return (uint16_t)(sign | 0x7e00);
    if (rest >= 0x477ff000U) /* 65520 and over round to infinity */
        return (uint16_t)(sign | 0x7c00);
    if (rest <
        0x38800000U) /* under 2^-14: adding 0.5 leaves units of 2^-24 in the low bits, rounded */
        return (uint16_t)(sign | (rt_f32_to_bits(rt_bits_to_f32(rest) + 0.5F) - 0x3f000000U));
    return (uint16_t)(sign | (rest - 0x38000000U + 0xfff + (rest >> 13 & 1)) >> 13);
}

#endif
