/* Which table of arithmetic this machine gets: the one whose name the engine's kernels have. */
#include "train/arithmetic.h"

#include <string.h>

#include "engine/kernels.h"
#include "train/arithmetic_tables.h"

size_t tr_packed_floats(size_t k, size_t n)
{
    return (n + TR_PANEL - 1) / TR_PANEL * TR_PANEL * k;
}

static const tr_arithmetic *const tables[] = {
#if defined(__x86_64__)
    &tr_arithmetic_avx2,
#endif
    &tr_arithmetic_generic,
};

const tr_arithmetic *tr_arithmetic_choose(const char *name)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if ((!name || strcmp(name, tables[i]->name) == 0) && rt_kernels_choose(tables[i]->name))
            return tables[i];
    return NULL;
}
