/* The tables that a build for this processor family has; each is compiled for its own set. */
#ifndef RT_ENGINE_KERNELS_TABLES_H
#define RT_ENGINE_KERNELS_TABLES_H

#include "engine/kernels.h"

extern const rt_kernels rt_kernels_avx2;
extern const rt_kernels rt_kernels_avx512;
extern const rt_kernels rt_kernels_neon;

#endif
