/* Which table of kernels this machine gets. */
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "engine/kernels.h"
#include "engine/kernels_tables.h"

#if defined(__x86_64__)
/* Not among the names that clang 14 knows. */
static bool has_f16c(void)
{
    unsigned a, b, c = 0, d;

    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
}
#endif

static bool always(void)
{
    return true;
}

/* The best first. */
static const struct {
    const rt_kernels *table;
    bool (*there)(void);
} tables[] = {
#if defined(__x86_64__)
    {&rt_kernels_avx512, has_avx512},
    {&rt_kernels_avx2, has_avx2},
#elif defined(__aarch64__)
    {&rt_kernels_neon, always},
#endif
    {&rt_kernels_generic, always},
};

const rt_kernels *rt_kernels_choose(const char *name)
{
#ifdef FATHOM_ONEDNN
    if (name && strcmp(name, "onednn") == 0)
        return rt_kernels_onednn();
#endif
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if ((!name || strcmp(name, tables[i].table->name) == 0) && tables[i].there())
            return tables[i].table;
    return NULL;
}
