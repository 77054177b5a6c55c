/* Kernels for NEON, which every 64-bit ARM has: kernels_vector.h's over vectors of four floats. */
#include <arm_neon.h>

#define RT_LANES 4
#include "engine/kernels_tables.h"
#include "engine/kernels_vector.h"

INLINE vec load_f16(const void *halves)
{
    return (vec)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves)));
}

INLINE void store_f16(void *halves, vec v)
{
    vst1_u16(halves, vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)v)));
}

/* ---- products in integers ---- */

/* Signed, so that no offset is left to take away. */
INLINE ivec weights_at(const uint8_t *block, size_t at, const int bits)
{
    enum { HALF_BYTES = RT_BLOCK / 2 * RT_PANEL };

    if (bits == 8)
        return (ivec)veorq_u8(vld1q_u8(block + at), vdupq_n_u8(0x80));
    uint8x16_t both = vld1q_u8(block + at % (size_t)HALF_BYTES);
    both = at < HALF_BYTES ? vandq_u8(both, vdupq_n_u8(15)) : vshrq_n_u8(both, 4);
    return (ivec)vsubq_s8(vreinterpretq_s8_u8(both), vdupq_n_s8(8));
}

INLINE ivec begin_dot(int32_t offsets, const int bits)
{
    (void)offsets, (void)bits;
    return (ivec){0};
}

/* The products of two rows of the panel at 16 bits, added by twos, and by twos again with those of the
 * other two. */
INLINE ivec go_on(ivec dot, ivec weights, ivec x, const int bits)
{
    int8x16_t w = (int8x16_t)weights, v = (int8x16_t)x;
    int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(w), vget_low_s8(v)));
    int32x4_t high = vpaddlq_s16(vmull_high_s8(w, v));

    (void)bits;
    return dot + (ivec)vpaddq_s32(low, high);
}

INLINE ivec end_dot(ivec dot, const int bits)
{
    (void)bits;
    return dot;
}

const rt_kernels rt_kernels_neon = RT_TABLE("neon", product_bf16, .attention = RT_PACK_F32);
