/* What this machine can do at best, to hold the speed of the engine against. Measured, by all threads of the
 * pool: some hundredths of a second each. */
#ifndef RT_ENGINE_LIMITS_H
#define RT_ENGINE_LIMITS_H

#include <stddef.h>

#include "engine/pool.h"

/* The clock by which work of a pool is timed: its thread's own time where it has one alone, which does not
 * run while others have the core, else the wall's. */
double rt_limit_seconds(const rt_pool *pool);

/* 1e9 operations a second, a product and a sum being two, from registers alone, by the instructions of the
 * kernels of this name (NULL or a library's: of the best that this machine has): of f32 by fused multiplication and addition; of bf16 by vdpbf16ps; of bytes
 * by vpdpbusd, or by vpmaddubsw and an addition at 16 bits. 0: there are none. */
typedef enum { RT_LIMIT_F32, RT_LIMIT_BF16, RT_LIMIT_INT8, RT_LIMITS } rt_limit_kind;
double rt_limit(rt_pool *pool, const char *kernels, rt_limit_kind kind);

/* 1e9 bytes a second of reading bytes[size] once, in order. */
double rt_limit_read(rt_pool *pool, const void *bytes, size_t size);

#endif
