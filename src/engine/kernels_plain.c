/* What every kernel means, written to be read. The table "generic"; the other tables are held
 * against it. */
#include <math.h>
#include <string.h>

#include "engine/kernels.h"
#include "engine/half.h"

size_t rt_panel_bytes(rt_pack pack, size_t k)
{
    size_t blocks = (k + RT_BLOCK - 1) / RT_BLOCK;

    switch (pack) {
    case RT_PACK_F32:
        return k * RT_PANEL * sizeof(float);
    case RT_PACK_BF16:
        return (k + 1) / 2 * 2 * RT_PANEL * sizeof(uint16_t);
    case RT_PACK_Q8:
        return blocks * RT_Q8_BLOCK_BYTES;
    case RT_PACK_Q4:
        return blocks * RT_Q4_BLOCK_BYTES;
    case RT_PACKS:
        break;
    }
    return 0;
}

/* ---- one weight of a panel, by pack ---- */

static float weight_f32(const uint8_t *panel, size_t row, size_t i)
{
    float value;

    memcpy(&value, panel + (i * RT_PANEL + row) * sizeof(value), sizeof(value));
    return value;
}

static float weight_bf16(const uint8_t *panel, size_t row, size_t i)
{
    uint16_t bits;

    memcpy(&bits, panel + ((i / 2 * RT_PANEL + row) * 2 + i % 2) * sizeof(bits), sizeof(bits));
    return rt_bf16_to_f32(bits);
}

static int quantum_q8(const uint8_t *block, size_t row, size_t i)
{
    return block[(i / 4 * RT_PANEL + row) * 4 + i % 4] - 128;
}

static int quantum_q4(const uint8_t *block, size_t row, size_t i)
{
    size_t at = i % 16;
    int both = block[(at / 4 * RT_PANEL + row) * 4 + at % 4];

    return (i < 16 ? both & 15 : both >> 4) - 8;
}

static float scale_of(const uint8_t *block, size_t block_bytes, size_t row)
{
    uint16_t bits;

    memcpy(&bits, block + block_bytes - (RT_PANEL - row) * sizeof(bits), sizeof(bits));
    return rt_f16_to_f32(bits);
}

static float weight_q8(const uint8_t *panel, size_t row, size_t i)
{
    const uint8_t *block = panel + i / RT_BLOCK * RT_Q8_BLOCK_BYTES;

    return (float)quantum_q8(block, row, i % RT_BLOCK) * scale_of(block, RT_Q8_BLOCK_BYTES, row);
}

static float weight_q4(const uint8_t *panel, size_t row, size_t i)
{
    const uint8_t *block = panel + i / RT_BLOCK * RT_Q4_BLOCK_BYTES;

    return (float)quantum_q4(block, row, i % RT_BLOCK) * scale_of(block, RT_Q4_BLOCK_BYTES, row);
}

/* ---- products ---- */

typedef float (*weight_reader)(const uint8_t *panel, size_t row, size_t i);

static void product(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                    const uint8_t *panels, size_t n_panels, size_t panel_bytes,
                    weight_reader weight)
{
    for (size_t p = 0; p < n_panels; p++)
        for (size_t row = 0; row < RT_PANEL; row++)
            for (size_t j = 0; j < m; j++) {
                float sum = 0;

                for (size_t i = 0; i < k; i++)
                    sum += weight(panels + p * panel_bytes, row, i) * x[j * ldx + i];
                out[j * ldo + p * RT_PANEL + row] = sum;
            }
}

static void product_f32(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                        const void *panels, size_t n_panels)
{
    product(out, ldo, x, ldx, m, k, panels, n_panels, rt_panel_bytes(RT_PACK_F32, k), weight_f32);
}

static void product_bf16(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                         const void *panels, size_t n_panels)
{
    product(out, ldo, x, ldx, m, k, panels, n_panels, rt_panel_bytes(RT_PACK_BF16, k), weight_bf16);
}

static void product_q8(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                       const void *panels, size_t n_panels)
{
    product(out, ldo, x, ldx, m, k, panels, n_panels, rt_panel_bytes(RT_PACK_Q8, k), weight_q8);
}

static void product_q4(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                       const void *panels, size_t n_panels)
{
    product(out, ldo, x, ldx, m, k, panels, n_panels, rt_panel_bytes(RT_PACK_Q4, k), weight_q4);
}

typedef int (*quantum_reader)(const uint8_t *block, size_t row, size_t i);

static void product_int8(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                         const uint8_t *panels, size_t n_panels, size_t block_bytes,
                         quantum_reader quantum)
{
    size_t blocks = (k + RT_BLOCK - 1) / RT_BLOCK;

    for (size_t p = 0; p < n_panels; p++)
        for (size_t row = 0; row < RT_PANEL; row++)
            for (size_t j = 0; j < m; j++) {
                float sum = 0;

                for (size_t b = 0; b < blocks; b++) {
                    const uint8_t *block = panels + (p * blocks + b) * block_bytes;
                    float scale = x[j].scales[b * RT_BLOCK / RT_SCALED];
                    int32_t dot = 0;

                    for (size_t i = 0; i < RT_BLOCK; i++)
                        dot += quantum(block, row, i) * x[j].values[b * RT_BLOCK + i];
                    sum += (float)dot * (scale_of(block, block_bytes, row) * scale);
                }
                out[j * ldo + p * RT_PANEL + row] = sum;
            }
}

static void product_int8_q8(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                            const void *panels, size_t n_panels)
{
    product_int8(out, ldo, x, m, k, panels, n_panels, RT_Q8_BLOCK_BYTES, quantum_q8);
}

static void product_int8_q4(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                            const void *panels, size_t n_panels)
{
    product_int8(out, ldo, x, m, k, panels, n_panels, RT_Q4_BLOCK_BYTES, quantum_q4);
}

/* What takes the offset of 8 away from the products with these, in the places where pairs of them go. */
static int32_t offsets_of(const int8_t values[RT_BLOCK])
{
    int sums[2] = {0};

    for (size_t i = 0; i < RT_BLOCK; i++)
        sums[i / 2 % 2] += values[i];
    return (int32_t)((uint32_t)(-8 * sums[1]) << 16 | (-8 * sums[0] & 0xffff));
}

static void quantise_row(rt_q8_row *out, const float *x, size_t k)
{
    for (size_t from = 0; from < k; from += RT_SCALED) {
        size_t n = k - from < RT_SCALED ? k - from : RT_SCALED;
        float most = 0;

        for (size_t i = 0; i < n; i++)
            most = fmaxf(most, fabsf(x[from + i]));
        float inverse = most > 0 ? 127 / most : 0;
        out->scales[from / RT_SCALED] = most / 127;
        for (size_t i = 0; i < n || i % RT_BLOCK != 0; i++)
            out->values[from + i] = i < n ? (int8_t)lrintf(x[from + i] * inverse) : 0;
        for (size_t i = 0; i < n; i += RT_BLOCK)
            out->offsets[(from + i) / RT_BLOCK] = offsets_of(out->values + from + i);
    }
}

/* ---- attention ---- */

static float kept_f16(const void *kept, size_t i)
{
    return rt_f16_to_f32(((const uint16_t *)kept)[i]);
}

static float kept_f32(const void *kept, size_t i)
{
    return ((const float *)kept)[i];
}

typedef float (*kept_reader)(const void *kept, size_t i);

static void scores(float *out, size_t ldo, const float *q, size_t ldq, size_t m, const void *keys,
                   size_t ldk, size_t n, size_t d, kept_reader kept)
{
    for (size_t j = 0; j < m; j++)
        for (size_t t = 0; t < n; t++) {
            float sum = 0;

            for (size_t i = 0; i < d; i++)
                sum += q[j * ldq + i] * kept(keys, t * ldk + i);
            out[j * ldo + t] = sum;
        }
}

static void blend(float *out, size_t ldo, const float *weights, size_t ldw, size_t m,
                  const void *values, size_t ldv, size_t n, size_t d, kept_reader kept)
{
    for (size_t j = 0; j < m; j++) {
        memset(out + j * ldo, 0, d * sizeof(*out));
        for (size_t t = 0; t < n; t++)
            for (size_t i = 0; i < d; i++)
                out[j * ldo + i] += weights[j * ldw + t] * kept(values, t * ldv + i);
    }
}

static void scores_f16(float *out, size_t ldo, const float *q, size_t ldq, size_t m,
                       const void *keys, size_t ldk, size_t n, size_t d)
{
    scores(out, ldo, q, ldq, m, keys, ldk, n, d, kept_f16);
}

static void scores_f32(float *out, size_t ldo, const float *q, size_t ldq, size_t m,
                       const void *keys, size_t ldk, size_t n, size_t d)
{
    scores(out, ldo, q, ldq, m, keys, ldk, n, d, kept_f32);
}

static void blend_f16(float *out, size_t ldo, const float *weights, size_t ldw, size_t m,
                      const void *values, size_t ldv, size_t n, size_t d)
{
    blend(out, ldo, weights, ldw, m, values, ldv, n, d, kept_f16);
}

static void blend_f32(float *out, size_t ldo, const float *weights, size_t ldw, size_t m,
                      const void *values, size_t ldv, size_t n, size_t d)
{
    blend(out, ldo, weights, ldw, m, values, ldv, n, d, kept_f32);
}

static void softmax(float *x, size_t n)
{
    float most = x[0], sum = 0;

    for (size_t i = 1; i < n; i++)
        most = fmaxf(most, x[i]);
    /* The largest is subtracted first: logits pass 90 and expf overflows near 88.7. */
    for (size_t i = 0; i < n; i++)
        sum += x[i] = expf(x[i] - most);
    for (size_t i = 0; i < n; i++)
        x[i] /= sum;
}

/* ---- norms and activations ---- */

static void layer_norm(float *out, const float *x, const float *weight, const float *bias, size_t n,
                       float eps)
{
    double mean = 0, square = 0;

    for (size_t i = 0; i < n; i++)
        mean += x[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        square += (x[i] - mean) * (x[i] - mean);
    float inverse = (float)(1 / sqrt(square / (double)n + eps));
    for (size_t i = 0; i < n; i++)
        out[i] = (x[i] - (float)mean) * inverse * weight[i] + (bias ? bias[i] : 0);
}

static void rms_norm(float *out, const float *x, const float *weight, size_t n, float eps)
{
    double square = 0;

    for (size_t i = 0; i < n; i++)
        square += (double)x[i] * x[i];
    float inverse = (float)(1 / sqrt(square / (double)n + eps));
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * inverse * weight[i];
}

static void gelu_erf(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 0.5F * x[i] * (1 + erff(x[i] * 0.70710678118654752F));
}

static void gelu_tanh(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float v = x[i];

        x[i] = 0.5F * v * (1 + tanhf(0.79788456080286536F * (v + 0.044715F * v * v * v)));
    }
}

static void silu_gate(float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gate[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

static void add(float *to, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += x[i];
}

static void add_scaled(float *to, const float *x, const float *scale, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += scale[i] * x[i];
}

static void rotate_halves(float *x, const float *cosines, const float *sines, size_t d)
{
    for (size_t i = 0; i < d / 2; i++) {
        float a = x[i], b = x[i + d / 2];

        x[i] = a * cosines[i] - b * sines[i];
        x[i + d / 2] = b * cosines[i] + a * sines[i];
    }
}

/* ---- kinds of numbers ---- */

static void f32_to_f16(uint16_t *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = rt_f32_to_f16(x[i]);
}

static void f16_to_f32(float *out, const uint16_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = rt_f16_to_f32(x[i]);
}

static void bf16_to_f32(float *out, const uint16_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = rt_bf16_to_f32(x[i]);
}

const rt_kernels rt_kernels_generic = {
    .name = "generic",
    .product = {[RT_PACK_F32] = product_f32,
                [RT_PACK_BF16] = product_bf16,
                [RT_PACK_Q8] = product_q8,
                [RT_PACK_Q4] = product_q4},
    .product_int8 = {[RT_PACK_Q8] = product_int8_q8, [RT_PACK_Q4] = product_int8_q4},
    .quantise_row = quantise_row,
    .scores = {[RT_KEPT_F16] = scores_f16, [RT_KEPT_F32] = scores_f32},
    .blend = {[RT_KEPT_F16] = blend_f16, [RT_KEPT_F32] = blend_f32},
    .softmax = softmax,
    .layer_norm = layer_norm,
    .rms_norm = rms_norm,
    .gelu_erf = gelu_erf,
    .gelu_tanh = gelu_tanh,
    .silu_gate = silu_gate,
    .add = add,
    .add_scaled = add_scaled,
    .rotate_halves = rotate_halves,
    .f32_to_f16 = f32_to_f16,
    .f16_to_f32 = f16_to_f32,
    .bf16_to_f32 = bf16_to_f32,
};
