/* In the place of the compiler's: AVX-512 in plain C by SIMDe, so that kernels_avx512.c can be tested on
 * a machine that has none of it. Below is what SIMDe 0.7 leaves out, one number at a time. */
#ifndef FM_TESTS_IMMINTRIN_H
#define FM_TESTS_IMMINTRIN_H

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>

#include "engine/half.h"

static inline __m512 emulated_cvtph_ps(__m256i halves)
{
    uint16_t in[16];
    float out[16];
    __m512 wide;

    memcpy(in, &halves, sizeof(in));
    for (int i = 0; i < 16; i++)
        out[i] = rt_f16_to_f32(in[i]);
    memcpy(&wide, out, sizeof(wide));
    return wide;
}

static inline __m256i emulated_narrow(__m512 wide, uint16_t (*narrow)(float))
{
    float in[16];
    uint16_t out[16];
    __m256i halves;

    memcpy(in, &wide, sizeof(in));
    for (int i = 0; i < 16; i++)
        out[i] = narrow(in[i]);
    memcpy(&halves, out, sizeof(halves));
    return halves;
}

#define _mm512_cvtph_ps(halves)         emulated_cvtph_ps(halves)
#define _mm512_cvtps_ph(wide, rounding) emulated_narrow(wide, rt_f32_to_f16)
#define _mm512_cvtneps_pbh(wide)        emulated_narrow(wide, rt_f32_to_bf16)

#endif
