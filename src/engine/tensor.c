/* Owns what each kind of stored number is: its blocks, and the way to f32 and back. */
#include "engine/tensor.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "engine/half.h"

enum { BLOCK = 32 };

static const struct {
    size_t elements, bytes; /* of a block */
    const char *name;
} kinds[RT_KINDS] = {[RT_F32] = {1, 4, "f32"},
                     [RT_F16] = {1, 2, "f16"},
                     [RT_BF16] = {1, 2, "bf16"},
                     [RT_Q8_0] = {BLOCK, 2 + BLOCK, "q8_0"},
                     [RT_Q4_0] = {BLOCK, 2 + BLOCK / 2, "q4_0"}};

const char *rt_kind_name(rt_kind kind)
{
    return kinds[kind].name;
}

size_t rt_kind_block(rt_kind kind)
{
    return kinds[kind].elements;
}

bool rt_kind_bytes(rt_kind kind, size_t elements, size_t *bytes)
{
    return elements % kinds[kind].elements == 0 &&
           fm_size_mul(elements / kinds[kind].elements, kinds[kind].bytes, bytes);
}

/* What first rounds to infinity: in f16 65520, of which a block's scale is the 127th or the 8th part. */
float rt_kind_bound(rt_kind kind)
{
    static const float bounds[RT_KINDS] = {[RT_F32] = INFINITY,
                                           [RT_F16] = 65520,
                                           [RT_BF16] = 0x1.ffp127F,
                                           [RT_Q8_0] = 127 * 65520.0F,
                                           [RT_Q4_0] = 8 * 65520.0F};

    return bounds[kind];
}

size_t rt_tensor_elements(const rt_tensor *tensor)
{
    return tensor->size_bytes / kinds[tensor->kind].bytes * kinds[tensor->kind].elements;
}

/* ---- to f32 ---- */

static uint16_t load16(const uint8_t *at)
{
    uint16_t bits;

    memcpy(&bits, at, sizeof(bits));
    return bits;
}

static void get_q8_0(const uint8_t *block, float out[BLOCK])
{
    float scale = rt_f16_to_f32(load16(block));

    for (int i = 0; i < BLOCK; i++)
        out[i] = (float)(int8_t)block[2 + i] * scale;
}

static void get_q4_0(const uint8_t *block, float out[BLOCK])
{
    float scale = rt_f16_to_f32(load16(block));

    for (int i = 0; i < BLOCK / 2; i++) {
        out[i] = (float)((block[2 + i] & 15) - 8) * scale;
        out[i + BLOCK / 2] = (float)((block[2 + i] >> 4) - 8) * scale;
    }
}

void rt_tensor_get(const rt_tensor *tensor, size_t first, size_t n, float *out)
{
    const uint8_t *at = (const uint8_t *)tensor->data +
                        first / kinds[tensor->kind].elements * kinds[tensor->kind].bytes;

    switch (tensor->kind) {
    case RT_F32:
        memcpy(out, at, n * sizeof(*out));
        break;
    case RT_F16:
        for (size_t i = 0; i < n; i++)
            out[i] = rt_f16_to_f32(load16(at + 2 * i));
        break;
    case RT_BF16:
        for (size_t i = 0; i < n; i++)
            out[i] = rt_bf16_to_f32(load16(at + 2 * i));
        break;
    case RT_Q8_0:
        for (size_t i = 0; i < n / BLOCK; i++)
            get_q8_0(at + i * kinds[RT_Q8_0].bytes, out + i * BLOCK);
        break;
    case RT_Q4_0:
        for (size_t i = 0; i < n / BLOCK; i++)
            get_q4_0(at + i * kinds[RT_Q4_0].bytes, out + i * BLOCK);
        break;
    case RT_KINDS:
        break;
    }
}

fm_status rt_tensor_read(const rt_tensor *tensor, const char *name, float *out, fm_err *err)
{
    size_t n = rt_tensor_elements(tensor);

    rt_tensor_get(tensor, 0, n, out);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(out[i]))
            return fm_fail(err, FM_E_INPUT, "the weights '%s' hold a value that is not finite",
                           name);
    return FM_OK;
}

/* ---- and back ---- */

static void store16(uint8_t *at, uint16_t bits)
{
    memcpy(at, &bits, sizeof(bits));
}

/* The scale as the block keeps it, and what one quantum is then worth. */
static float put_scale(uint8_t *block, float scale)
{
    uint16_t bits = rt_f32_to_f16(scale);

    store16(block, bits);
    return rt_f16_to_f32(bits);
}

/* The element of the largest magnitude, with its sign. */
static float extreme_of(const float x[BLOCK])
{
    float most = 0;

    for (int i = 0; i < BLOCK; i++)
        if (fabsf(x[i]) > fabsf(most))
            most = x[i];
    return most;
}

static int quantum(float x, float scale, int low, int high)
{
    float q = scale != 0 ? rintf(x / scale) : 0;

    return q < (float)low ? low : q > (float)high ? high : (int)q;
}

static void put_q8_0(const float in[BLOCK], uint8_t *block)
{
    float scale = put_scale(block, fabsf(extreme_of(in)) / 127);

    for (int i = 0; i < BLOCK; i++)
        block[2 + i] = (uint8_t)quantum(in[i], scale, -127, 127);
}

/* The extreme value becomes -8, the one level that has no counterpart. */
static void put_q4_0(const float in[BLOCK], uint8_t *block)
{
    float scale = put_scale(block, extreme_of(in) / -8);

    for (int i = 0; i < BLOCK / 2; i++)
        block[2 + i] = (uint8_t)(quantum(in[i], scale, -8, 7) + 8 +
                                 (quantum(in[i + BLOCK / 2], scale, -8, 7) + 8) * 16);
}

void rt_tensor_put(rt_kind kind, const float *in, size_t n, void *out)
{
    uint8_t *at = out;

    switch (kind) {
    case RT_F32:
        memcpy(at, in, n * sizeof(*in));
        break;
    case RT_F16:
        for (size_t i = 0; i < n; i++)
            store16(at + 2 * i, rt_f32_to_f16(in[i]));
        break;
    case RT_BF16:
        for (size_t i = 0; i < n; i++)
            store16(at + 2 * i, rt_f32_to_bf16(in[i]));
        break;
    case RT_Q8_0:
        for (size_t i = 0; i < n / BLOCK; i++)
            put_q8_0(in + i * BLOCK, at + i * kinds[kind].bytes);
        break;
    case RT_Q4_0:
        for (size_t i = 0; i < n / BLOCK; i++)
            put_q4_0(in + i * BLOCK, at + i * kinds[kind].bytes);
        break;
    case RT_KINDS:
        break;
    }
}
