/* The tables that a build for this processor family has; each is compiled for its own set; and one that calls a library. */
#ifndef RT_ENGINE_KERNELS_TABLES_H
#define RT_ENGINE_KERNELS_TABLES_H

#include "engine/kernels.h"

extern const rt_kernels rt_kernels_avx2;
extern const rt_kernels rt_kernels_avx512;
extern const rt_kernels rt_kernels_neon;
/* Products of f32 and bf16 by oneDNN, all else by the best of the others; NULL: the library is not there, or has no fast
 * product over these panels on this machine (it takes AVX-512). From any thread. */
const rt_kernels *rt_kernels_onednn(void);

#endif
