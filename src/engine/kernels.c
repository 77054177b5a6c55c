/* Which table of kernels this machine gets. */
#include "engine/kernels.h"

#include <string.h>

/* The best first. */
static const struct {
    const rt_kernels *table;
} tables[] = {{&rt_kernels_generic}};

const rt_kernels *rt_kernels_choose(const char *name)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if (!name || strcmp(name, tables[i].table->name) == 0)
            return tables[i].table;
    return NULL;
}
