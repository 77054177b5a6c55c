/* Golden activations of the engine (tests/data/engine, made by tests/golden/engine) and what computes
 * beside them. */
#ifndef FM_TESTS_GOLDEN_H
#define FM_TESTS_GOLDEN_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/linear.h"

typedef struct {
    rt_weights *weights;
    rt_pool *pool;
    rt_packer *packer;
    rt_compute compute;
} golden;

/* isa NULL: this machine's best table. */
static golden golden_open(const char *name, const char *isa, rt_pack pack, int threads)
{
    const char *source = getenv("FATHOM_SOURCE_DIR");
    char path[1024];
    golden g = {0};
    fm_err err = {0};

    snprintf(path, sizeof(path), "%s/tests/data/engine/%s", source ? source : ".", name);
    g.compute.kernels = rt_kernels_choose(isa);
    if (!g.compute.kernels)
        cr_skip_test("this machine has no %s", isa);
    if (rt_weights_open(&g.weights, path, &err) != FM_OK ||
        rt_pool_new(&g.pool, threads, &err) != FM_OK ||
        rt_packer_new(&g.packer, pack, g.pool, &err) != FM_OK)
        cr_fatal("%s", err.text);
    g.compute.pool = g.pool;
    return g;
}

static void golden_close(golden *g)
{
    rt_packer_free(g->packer);
    rt_pool_free(g->pool);
    rt_weights_close(g->weights);
}

/* All values of a tensor, of malloc. */
static float *golden_values(const golden *g, const char *name, size_t *n)
{
    const rt_tensor *tensor = rt_weights_find(g->weights, name);
    fm_err err = {0};

    if (!tensor)
        cr_fatal("no '%s' among the golden activations", name);
    *n = 1;
    for (int i = 0; i < tensor->rank; i++)
        *n *= tensor->shape[i];
    float *out = calloc(*n, sizeof(*out));
    if (rt_tensor_read(tensor, name, out, &err) != FM_OK)
        cr_fatal("%s", err.text);
    return out;
}

/* How many times further off than elsewhere a result may be: attention whose keys and values are rounded
 * to bf16 adds as much as weights of bf16 do. */
static inline double golden_share(const golden *g, rt_pack weights)
{
    return weights == RT_PACK_BF16 && g->compute.kernels->attention == RT_PACK_BF16 ? 2 : 1;
}

/* The largest difference as a share of the largest magnitude there should be. */
static double golden_off(const golden *g, const char *name, const float *got)
{
    double most = 0, off = 0;
    size_t n;
    float *want = golden_values(g, name, &n);

    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs(want[i]));
        off = isfinite(got[i]) ? fmax(off, fabs((double)got[i] - want[i])) : INFINITY;
    }
    free(want);
    return off / most;
}

#endif
