/* Owns which tensors a matrix is made of and how a product is spread over threads. How it becomes panels
 * is packed.c's, the arithmetic the kernels'. */
#include "engine/linear.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- loading ---- */

/* A matrix, or a tensor of more dimensions that reads as one: first dimension outputs. */
static fm_status find_matrix(const rt_weights *weights, const char *name, size_t n_out, size_t n_in,
                             const rt_tensor **out, fm_err *err)
{
    char full[256];

    if (snprintf(full, sizeof(full), "%s.weight", name) >= (int)sizeof(full))
        return fm_fail(err, FM_E_INTERNAL, "the name '%s' is too long", name);
    const rt_tensor *tensor = rt_weights_find(weights, full);
    if (!tensor)
        return fm_fail(err, FM_E_INPUT, "%s: has no '%s'", rt_weights_path(weights), full);
    if (tensor->rank < 2 || tensor->shape[0] != n_out || rt_tensor_elements(tensor) / n_out != n_in)
        return fm_fail(err, FM_E_INPUT, "%s: '%s' is not a matrix of %zu x %zu",
                       rt_weights_path(weights), full, n_out, n_in);
    if (tensor->kind >= RT_Q8_0 && n_in % RT_BLOCK != 0)
        return fm_fail(err, FM_E_INPUT, "%s: '%s' has blocks that do not fit into its rows",
                       rt_weights_path(weights), full);
    *out = tensor;
    return FM_OK;
}

static fm_status load_biases(rt_linear *linear, rt_packer *packer, const rt_weights *weights,
                             const rt_stacked *parts, size_t n_parts, fm_err *err)
{
    float *all = rt_packer_floats(packer, linear->n_out);
    size_t at = 0;

    if (!all)
        return fm_fail(err, FM_E_NOMEM, "no memory for a model");
    for (size_t i = 0; i < n_parts; i++) {
        const rt_tensor *tensor;
        fm_status st =
            rt_weights_need(weights, &parts[i].n_out, 1, &tensor, err, "%s.bias", parts[i].name);

        if (st == FM_OK)
            st = rt_weights_read(weights, tensor, parts[i].name, all + at, err);
        if (st != FM_OK)
            return st;
        at += parts[i].n_out;
    }
    linear->bias = all;
    return FM_OK;
}

fm_status rt_linear_load_stack(rt_linear *out, rt_packer *packer, const rt_weights *weights,
                               const rt_stacked *parts, size_t n_parts, size_t n_in, bool bias,
                               fm_err *err)
{
    rt_matrix matrix = {.n_parts = n_parts, .n_in = n_in};
    rt_linear linear = {.n_in = n_in};
    fm_status st = FM_OK;

    for (size_t i = 0; i < n_parts && st == FM_OK; i++) {
        matrix.names[i] = parts[i].name;
        st = find_matrix(weights, parts[i].name, parts[i].n_out, n_in, &matrix.tensors[i], err);
        matrix.starts[i + 1] = matrix.starts[i] + parts[i].n_out;
    }
    if (st == FM_OK)
        st = rt_packer_matrix(packer, weights, &matrix, &linear.pack, &linear.panels, err);
    linear.n_out = matrix.starts[n_parts];
    if (st == FM_OK && bias)
        st = load_biases(&linear, packer, weights, parts, n_parts, err);
    if (st == FM_OK)
        *out = linear;
    return st;
}

fm_status rt_linear_load(rt_linear *out, rt_packer *packer, const rt_weights *weights,
                         const char *name, size_t n_out, size_t n_in, bool bias, fm_err *err)
{
    return rt_linear_load_stack(out, packer, weights, &(rt_stacked){name, n_out}, 1, n_in, bias,
                                err);
}

/* ---- products ---- */

static size_t padded(size_t k)
{
    return (k + RT_BLOCK - 1) / RT_BLOCK * RT_BLOCK;
}

/* A row's parts, one after another, each aligned for its type: values, offsets, scales. */
static size_t q8_row_bytes(size_t k)
{
    return padded(k) + padded(k) / RT_BLOCK * sizeof(int32_t) +
           (k + RT_SCALED - 1) / RT_SCALED * sizeof(float);
}

void *rt_rows_new(size_t bytes)
{
    enum { LINE = 64 };

    return bytes <= SIZE_MAX - LINE ? aligned_alloc(LINE, (bytes / LINE + 1) * LINE) : NULL;
}

/* From one rounded row to the next: a line more where it would be a multiple of 2 KiB, for such rows get in
 * each other's way in the first cache. */
static size_t rounded_stride(size_t k)
{
    return padded(k) % 1024 == 0 ? padded(k) + RT_BLOCK : padded(k);
}

size_t rt_linear_scratch_bytes(size_t m, size_t n_in)
{
    size_t quantised = sizeof(rt_q8_row) + q8_row_bytes(n_in);
    size_t rounded = rounded_stride(n_in) * sizeof(uint16_t);

    return m * (quantised > rounded ? quantised : rounded);
}

typedef struct {
    const rt_linear *linear;
    const rt_compute *compute;
    float *out;
    const float *x;
    size_t ldo, ldx, m;
    /* x as the product takes it, where that is not f32 */
    rt_q8_row *quantised;
    uint16_t *rounded;
} product_call;

static void quantise_rows(void *context, size_t begin, size_t end, int thread)
{
    const product_call *call = context;

    (void)thread;
    for (size_t i = begin; i < end; i++)
        call->compute->kernels->quantise_row(&call->quantised[i], call->x + i * call->ldx,
                                             call->linear->n_in);
}

static void round_rows(void *context, size_t begin, size_t end, int thread)
{
    const product_call *call = context;
    size_t k = call->linear->n_in, stride = rounded_stride(k);

    (void)thread;
    for (size_t i = begin; i < end; i++) {
        uint16_t *row = call->rounded + i * stride;

        call->compute->kernels->f32_to_bf16(row, call->x + i * call->ldx, k);
        if (k % 2)
            row[k] = 0;
    }
}

static void multiply(const product_call *call, float *out, size_t ldo, size_t first_row, size_t m,
                     size_t panel, size_t n_panels)
{
    const rt_linear *l = call->linear;
    const rt_kernels *kernels = call->compute->kernels;
    const uint8_t *panels = (const uint8_t *)l->panels + panel * rt_panel_bytes(l->pack, l->n_in);
    size_t stride = rounded_stride(l->n_in);

    if (call->quantised)
        kernels->product_int8[l->pack](out, ldo, call->quantised + first_row, m, l->n_in, panels,
                                       n_panels);
    else if (call->rounded)
        kernels->product_rounded(out, ldo, call->rounded + first_row * stride, stride, m, l->n_in,
                                 panels, n_panels);
    else
        kernels->product[l->pack](out, ldo, call->x + first_row * call->ldx, call->ldx, m, l->n_in,
                                  panels, n_panels);
}

/* The last panel where it is not full: by way of a place that has room for all of it. */
static void multiply_rest(const product_call *call, size_t panel, size_t n)
{
    float whole[16 * RT_PANEL];

    for (size_t j = 0; j < call->m; j += 16) {
        size_t m = call->m - j < 16 ? call->m - j : 16;

        multiply(call, whole, RT_PANEL, j, m, panel, 1);
        for (size_t i = 0; i < m; i++)
            memcpy(call->out + (j + i) * call->ldo + panel * RT_PANEL, whole + i * RT_PANEL,
                   n * sizeof(*whole));
    }
}

static void multiply_panels(void *context, size_t begin, size_t end, int thread)
{
    const product_call *call = context;
    const rt_linear *l = call->linear;
    size_t full = l->n_out / RT_PANEL;
    size_t until = end < full ? end : full;

    (void)thread;
    if (begin < until)
        multiply(call, call->out + begin * RT_PANEL, call->ldo, 0, call->m, begin, until - begin);
    if (end > full)
        multiply_rest(call, full, l->n_out % RT_PANEL);
    if (!l->bias)
        return;
    size_t last = end * RT_PANEL < l->n_out ? end * RT_PANEL : l->n_out;
    for (size_t j = 0; j < call->m; j++)
        call->compute->kernels->add(call->out + j * call->ldo + begin * RT_PANEL,
                                    l->bias + begin * RT_PANEL, last - begin * RT_PANEL);
}

/* Rows in integers: each one's parts lie one after another. */
static void quantise(product_call *call, void *scratch)
{
    size_t k = padded(call->linear->n_in);
    uint8_t *at = (uint8_t *)scratch + call->m * sizeof(*call->quantised);

    call->quantised = scratch;
    for (size_t j = 0; j < call->m; j++, at += q8_row_bytes(k))
        call->quantised[j] =
            (rt_q8_row){.values = (int8_t *)at,
                        .offsets = (int32_t *)(void *)(at + k),
                        .scales = (float *)(void *)(at + k + k / RT_BLOCK * sizeof(int32_t))};
    rt_pool_run(call->compute->pool, call->m, 1, quantise_rows, call);
}

static void round_to_bf16(product_call *call, void *scratch)
{
    call->rounded = scratch;
    rt_pool_run(call->compute->pool, call->m, 1, round_rows, call);
}

void rt_linear_apply(const rt_linear *linear, const rt_compute *compute, float *out, size_t ldo,
                     const float *x, size_t ldx, size_t m, void *scratch)
{
    product_call call = {linear, compute, out, x, ldo, ldx, m, NULL, NULL};
    size_t n_panels = (linear->n_out + RT_PANEL - 1) / RT_PANEL;

    if (compute->int8_activations && compute->kernels->product_int8[linear->pack])
        quantise(&call, scratch);
    else if (linear->pack == RT_PACK_BF16 && compute->kernels->product_rounded)
        round_to_bf16(&call, scratch);
    rt_pool_run(compute->pool, n_panels, 1, multiply_panels, &call);
}
