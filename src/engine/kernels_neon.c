/* Kernels for NEON, which every 64-bit ARM has: kernels_vector.h's over vectors of four floats. */
#include <arm_neon.h>

#define RT_LANES 4
#include "engine/kernels_vector.h"

INLINE vec load_kept(const void *kept, rt_kept kind, size_t i)
{
    if (kind == RT_KEPT_F32)
        return load((const float *)kept + i);
    return (vec)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16((const uint16_t *)kept + i)));
}

static void f32_to_f16(uint16_t *out, const float *x, size_t n)
{
    size_t i = 0;

    for (; i + 4 <= n; i += 4)
        vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(x + i))));
    for (; i < n; i++)
        out[i] = rt_f32_to_f16(x[i]);
}

static void f16_to_f32(float *out, const uint16_t *x, size_t n)
{
    size_t i = 0;

    for (; i + 4 <= n; i += 4)
        store(out + i, load_kept(x, RT_KEPT_F16, i));
    for (; i < n; i++)
        out[i] = rt_f16_to_f32(x[i]);
}

const rt_kernels rt_kernels_neon = {
    .name = "neon",
    .product = {[RT_PACK_F32] = product_f32,
                [RT_PACK_BF16] = product_bf16,
                [RT_PACK_Q8] = product_q8,
                [RT_PACK_Q4] = product_q4},
    .quantise_row = quantise_row,
    .scores = {[RT_KEPT_F16] = scores_f16, [RT_KEPT_F32] = scores_f32},
    .blend = {[RT_KEPT_F16] = blend_f16, [RT_KEPT_F32] = blend_f32},
    .softmax = softmax,
    .layer_norm = layer_norm,
    .rms_norm = rms_norm,
    .gelu_erf = gelu_erf,
    .gelu_tanh = gelu_tanh,
    .silu_gate = silu_gate,
    .add = add,
    .add_scaled = add_scaled,
    .rotate_halves = rotate_halves,
    .f32_to_f16 = f32_to_f16,
    .f16_to_f32 = f16_to_f32,
    .bf16_to_f32 = bf16_to_f32,
};
