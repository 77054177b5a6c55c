/* Owns how a matrix becomes panels and how a product is spread over threads. The arithmetic is the
 * kernels'. */
#include "engine/linear.h"

#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "engine/half.h"

/* ---- packing ---- */

/* Memory of panels and vectors, given back together. */
struct rt_packer {
    rt_pack pack_as; /* RT_PACKS: as stored */
    rt_pool *pool;
    fm_arena small;
    void **blobs;
    size_t n_blobs, capacity, bytes;
};

fm_status rt_packer_new(rt_packer **out, rt_pack pack_as, rt_pool *pool, fm_err *err)
{
    rt_packer *packer = calloc(1, sizeof(*packer));

    if (!packer)
        return fm_fail(err, FM_E_NOMEM, "no memory for a model");
    packer->pack_as = pack_as;
    packer->pool = pool;
    *out = packer;
    return FM_OK;
}

void rt_packer_free(rt_packer *packer)
{
    if (!packer)
        return;
    for (size_t i = 0; i < packer->n_blobs; i++)
        free(packer->blobs[i]);
    free(packer->blobs);
    fm_arena_release(&packer->small);
    free(packer);
}

size_t rt_packer_bytes(const rt_packer *packer)
{
    return packer->bytes + packer->small.used_bytes;
}

/* Aligned to a cache line, which panels then keep. */
static void *new_blob(rt_packer *packer, size_t bytes)
{
    if (packer->n_blobs == packer->capacity) {
        size_t capacity = packer->capacity ? 2 * packer->capacity : 64;
        void **blobs = realloc(packer->blobs, capacity * sizeof(*blobs));

        if (!blobs)
            return NULL;
        packer->blobs = blobs;
        packer->capacity = capacity;
    }
    void *blob = NULL;
    if (bytes > SIZE_MAX - 64 || posix_memalign(&blob, 64, (bytes + 63) / 64 * 64) != 0)
        return NULL;
    packer->blobs[packer->n_blobs++] = blob;
    packer->bytes += bytes;
    return blob;
}

static rt_pack pack_of(const rt_packer *packer, rt_kind kind)
{
    static const rt_pack as_stored[RT_KINDS] = {[RT_F32] = RT_PACK_F32,
                                                [RT_F16] = RT_PACK_F32,
                                                [RT_BF16] = RT_PACK_BF16,
                                                [RT_Q8_0] = RT_PACK_Q8,
                                                [RT_Q4_0] = RT_PACK_Q4};

    return packer->pack_as == RT_PACKS ? as_stored[kind] : packer->pack_as;
}

static void pack_f32(uint8_t *panel, size_t row, const float *x, size_t k)
{
    for (size_t i = 0; i < k; i++)
        memcpy(panel + (i * RT_PANEL + row) * sizeof(*x), &x[i], sizeof(*x));
}

static void pack_bf16(uint8_t *panel, size_t row, const float *x, size_t k)
{
    for (size_t i = 0; i < k; i++) {
        uint16_t bits = rt_f32_to_bf16(x[i]);

        memcpy(panel + ((i / 2 * RT_PANEL + row) * 2 + i % 2) * sizeof(bits), &bits, sizeof(bits));
    }
}

/* The scale as the block keeps it, and what one quantum is then worth. */
static float put_scale(uint8_t *block, size_t block_bytes, size_t row, float scale)
{
    uint16_t bits = rt_f32_to_f16(scale);

    memcpy(block + block_bytes - (RT_PANEL - row) * sizeof(bits), &bits, sizeof(bits));
    return rt_f16_to_f32(bits);
}

/* The element of the largest magnitude, with its sign. */
static float extreme_of(const float *x, size_t n)
{
    float most = 0;

    for (size_t i = 0; i < n; i++)
        if (fabsf(x[i]) > fabsf(most))
            most = x[i];
    return most;
}

static int quantum(float x, float scale, int low, int high)
{
    float q = scale != 0 ? rintf(x / scale) : 0;

    return q < (float)low ? low : q > (float)high ? high : (int)q;
}

static void pack_q8(uint8_t *panel, size_t row, const float *x, size_t k)
{
    for (size_t b = 0; b * RT_BLOCK < k; b++) {
        uint8_t *block = panel + b * RT_Q8_BLOCK_BYTES;
        size_t n = k - b * RT_BLOCK < RT_BLOCK ? k - b * RT_BLOCK : RT_BLOCK;
        const float *in = x + b * RT_BLOCK;
        float scale = put_scale(block, RT_Q8_BLOCK_BYTES, row, fabsf(extreme_of(in, n)) / 127);

        for (size_t i = 0; i < RT_BLOCK; i++)
            block[(i / 4 * RT_PANEL + row) * 4 + i % 4] =
                (uint8_t)(128 + (i < n ? quantum(in[i], scale, -127, 127) : 0));
    }
}

/* The extreme value becomes -8, the one level that has no counterpart, as in GGUF's q4_0. */
static void pack_q4(uint8_t *panel, size_t row, const float *x, size_t k)
{
    for (size_t b = 0; b * RT_BLOCK < k; b++) {
        uint8_t *block = panel + b * RT_Q4_BLOCK_BYTES;
        size_t n = k - b * RT_BLOCK < RT_BLOCK ? k - b * RT_BLOCK : RT_BLOCK;
        const float *in = x + b * RT_BLOCK;
        float scale = put_scale(block, RT_Q4_BLOCK_BYTES, row, extreme_of(in, n) / -8);

        for (size_t i = 0; i < RT_BLOCK / 2; i++) {
            int low = i < n ? quantum(in[i], scale, -8, 7) : 0;
            int high = i + 16 < n ? quantum(in[i + 16], scale, -8, 7) : 0;

            block[(i / 4 * RT_PANEL + row) * 4 + i % 4] = (uint8_t)(low + 8 + (high + 8) * 16);
        }
    }
}

static void (*const pack_row[RT_PACKS])(uint8_t *panel, size_t row, const float *x, size_t k) = {
    [RT_PACK_F32] = pack_f32,
    [RT_PACK_BF16] = pack_bf16,
    [RT_PACK_Q8] = pack_q8,
    [RT_PACK_Q4] = pack_q4,
};

typedef struct {
    const rt_tensor *tensors[RT_MAX_STACK];
    size_t starts[RT_MAX_STACK + 1]; /* the row at which each begins; then their end */
    size_t n_parts, n_in, panel_bytes;
    rt_pack pack;
    uint8_t *panels;
    float *rows; /* [threads][n_in] */
    atomic_bool broken;
} packing;

static bool all_finite(const float *x, size_t n)
{
    bool finite = true;

    for (size_t i = 0; i < n; i++)
        finite &= isfinite(x[i]) != 0;
    return finite;
}

static void pack_panels(void *context, size_t begin, size_t end, int thread)
{
    packing *p = context;
    float *row = p->rows + (size_t)thread * p->n_in;

    for (size_t r = begin * RT_PANEL; r < end * RT_PANEL; r++) {
        size_t part = 0;

        if (r < p->starts[p->n_parts]) {
            while (r >= p->starts[part + 1])
                part++;
            rt_tensor_get(p->tensors[part], (r - p->starts[part]) * p->n_in, p->n_in, row);
            if (!all_finite(row, p->n_in))
                atomic_store(&p->broken, true);
        } else {
            memset(row, 0, p->n_in * sizeof(*row));
        }
        pack_row[p->pack](p->panels + r / RT_PANEL * p->panel_bytes, r % RT_PANEL, row, p->n_in);
    }
}

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
    float *all = fm_arena_alloc(&packer->small, linear->n_out, sizeof(*all));
    size_t at = 0;

    if (!all)
        return fm_fail(err, FM_E_NOMEM, "no memory for a model");
    for (size_t i = 0; i < n_parts; i++) {
        const rt_tensor *tensor;
        fm_status st =
            rt_weights_need(weights, &parts[i].n_out, 1, &tensor, err, "%s.bias", parts[i].name);

        if (st == FM_OK)
            st = rt_tensor_read(tensor, parts[i].name, all + at, err);
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
    packing p = {.n_parts = n_parts, .n_in = n_in};
    rt_linear linear = {.n_in = n_in};
    fm_status st = FM_OK;
    size_t bytes;

    for (size_t i = 0; i < n_parts && st == FM_OK; i++) {
        st = find_matrix(weights, parts[i].name, parts[i].n_out, n_in, &p.tensors[i], err);
        p.starts[i + 1] = p.starts[i] + parts[i].n_out;
    }
    if (st != FM_OK)
        return st;
    linear.n_out = p.starts[n_parts];
    linear.pack = p.pack = pack_of(packer, p.tensors[0]->kind);
    p.panel_bytes = rt_panel_bytes(p.pack, n_in);
    size_t n_panels = (linear.n_out + RT_PANEL - 1) / RT_PANEL;
    if (!fm_size_mul(n_panels, p.panel_bytes, &bytes) || !(p.panels = new_blob(packer, bytes)))
        return fm_fail(err, FM_E_NOMEM, "no memory for the matrix '%s'", parts[0].name);
    p.rows = calloc((size_t)rt_pool_threads(packer->pool) * n_in, sizeof(*p.rows));
    if (!p.rows)
        return fm_fail(err, FM_E_NOMEM, "no memory for the matrix '%s'", parts[0].name);
    /* A bf16 row of odd length leaves its last place; panels must not hold what malloc left. */
    memset(p.panels, 0, bytes);
    rt_pool_run(packer->pool, n_panels, 1, pack_panels, &p);
    free(p.rows);
    linear.panels = p.panels;
    if (p.broken)
        st = fm_fail(err, FM_E_INPUT,
                     "%s: '%s' or what is stacked on it holds a value that is not finite",
                     rt_weights_path(weights), parts[0].name);
    else if (bias)
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

fm_status rt_packer_vector(rt_packer *packer, const rt_weights *weights, const float **out,
                           size_t n, fm_err *err, const char *fmt, ...)
{
    char name[256];
    const rt_tensor *tensor;
    va_list args;

    va_start(args, fmt);
    int length = vsnprintf(name, sizeof(name), fmt, args);
    va_end(args);
    if (length >= (int)sizeof(name))
        return fm_fail(err, FM_E_INTERNAL, "the name '%s' is too long", name);
    fm_status st = rt_weights_need(weights, &n, 1, &tensor, err, "%s", name);
    if (st != FM_OK)
        return st;
    float *values = fm_arena_alloc(&packer->small, n, sizeof(*values));
    if (!values)
        return fm_fail(err, FM_E_NOMEM, "no memory for a model");
    st = rt_tensor_read(tensor, name, values, err);
    if (st == FM_OK)
        *out = values;
    return st;
}

/* ---- products ---- */

static size_t padded(size_t k)
{
    return (k + RT_BLOCK - 1) / RT_BLOCK * RT_BLOCK;
}

/* A row's parts, one after another, each aligned for its type: k is a multiple of 32. */
static size_t q8_row_bytes(size_t k)
{
    return padded(k) + padded(k) / RT_BLOCK * (sizeof(float) + sizeof(int32_t));
}

size_t rt_linear_scratch_bytes(size_t m, size_t n_in)
{
    return m * (sizeof(rt_q8_row) + q8_row_bytes(n_in));
}

typedef struct {
    const rt_linear *linear;
    const rt_compute *compute;
    float *out;
    const float *x;
    size_t ldo, ldx, m;
    rt_q8_row *rows; /* NULL: products of f32 */
} product_call;

static void quantise_rows(void *context, size_t begin, size_t end, int thread)
{
    const product_call *call = context;

    (void)thread;
    for (size_t i = begin; i < end; i++)
        call->compute->kernels->quantise_row(&call->rows[i], call->x + i * call->ldx,
                                             call->linear->n_in);
}

static void multiply(const product_call *call, float *out, size_t ldo, size_t first_row, size_t m,
                     size_t panel, size_t n_panels)
{
    const rt_linear *l = call->linear;
    const rt_kernels *kernels = call->compute->kernels;
    const uint8_t *panels = (const uint8_t *)l->panels + panel * rt_panel_bytes(l->pack, l->n_in);

    if (call->rows)
        kernels->product_int8[l->pack](out, ldo, call->rows + first_row, m, l->n_in, panels,
                                       n_panels);
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

void rt_linear_apply(const rt_linear *linear, const rt_compute *compute, float *out, size_t ldo,
                     const float *x, size_t ldx, size_t m, void *scratch)
{
    product_call call = {linear, compute, out, x, ldo, ldx, m, NULL};
    size_t n_panels = (linear->n_out + RT_PANEL - 1) / RT_PANEL;

    if (compute->int8_activations && compute->kernels->product_int8[linear->pack]) {
        size_t k = padded(linear->n_in);
        uint8_t *at = (uint8_t *)scratch + m * sizeof(*call.rows);

        call.rows = scratch;
        for (size_t j = 0; j < m; j++, at += q8_row_bytes(k))
            call.rows[j] = (rt_q8_row){(int8_t *)at, (float *)(void *)(at + k),
                                       (int32_t *)(void *)(at + k + k / RT_BLOCK * sizeof(float))};
        rt_pool_run(compute->pool, m, 1, quantise_rows, &call);
    }
    rt_pool_run(compute->pool, n_panels, 1, multiply_panels, &call);
}
