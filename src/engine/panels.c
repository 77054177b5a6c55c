#include "engine/panels.h"

#include <math.h>
#include <string.h>

#include "engine/half.h"

/* Of GGUF's blocks: a scale of two bytes, then the values. */
enum { SCALE = 2, Q8_BYTES = SCALE + RT_BLOCK, Q4_BYTES = SCALE + RT_BLOCK / 2 };

rt_pack rt_pack_as_stored(rt_kind kind)
{
    static const rt_pack packs[RT_KINDS] = {[RT_F32] = RT_PACK_F32,
                                            [RT_F16] = RT_PACK_F32,
                                            [RT_BF16] = RT_PACK_BF16,
                                            [RT_Q8_0] = RT_PACK_Q8,
                                            [RT_Q4_0] = RT_PACK_Q4};

    return packs[kind];
}

static size_t padded(size_t n)
{
    return (n + RT_BLOCK - 1) / RT_BLOCK * RT_BLOCK;
}

size_t rt_panels_scratch_bytes(size_t n_in)
{
    return padded(n_in) * sizeof(float) + padded(n_in) / RT_BLOCK * Q8_BYTES;
}

static void put_f32(uint8_t *panel, size_t row, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        memcpy(panel + (i * RT_PANEL + row) * sizeof(*x), &x[i], sizeof(*x));
}

static void put_bf16(uint8_t *panel, size_t row, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t bits = rt_f32_to_bf16(x[i]);

        memcpy(panel + ((i / 2 * RT_PANEL + row) * 2 + i % 2) * sizeof(bits), &bits, sizeof(bits));
    }
}

/* Values of a block in fours, then its scale among those of the other rows. `turn` makes ours of theirs:
 * signed bytes get an offset of 128, nibbles have theirs already. */
static void put_blocks(uint8_t *panel, size_t row, const uint8_t *blocks, size_t n, size_t values,
                       size_t block_bytes, uint8_t turn)
{
    for (size_t b = 0; b < n; b++, panel += block_bytes, blocks += SCALE + values) {
        memcpy(panel + block_bytes - (RT_PANEL - row) * SCALE, blocks, SCALE);
        for (size_t i = 0; i < values; i++)
            panel[(i / 4 * RT_PANEL + row) * 4 + i % 4] = blocks[SCALE + i] ^ turn;
    }
}

static bool all_fit(rt_kind kind, const float *x, size_t n)
{
    float bound = rt_kind_bound(kind);
    bool fit = true;

    for (size_t i = 0; i < n; i++)
        fit &= fabsf(x[i]) < bound; /* no NaN is */
    return fit;
}

static bool scales_finite(const uint8_t *blocks, size_t n, size_t bytes)
{
    bool finite = true;

    for (size_t b = 0; b < n; b++)
        finite &= (blocks[b * bytes + 1] & 0x7c) != 0x7c;
    return finite;
}

bool rt_panels_put_row(rt_pack pack, uint8_t *panel, size_t to, const rt_tensor *tensor,
                       size_t from, size_t n_in, void *scratch)
{
    static const rt_kind kinds[RT_PACKS] = {[RT_PACK_F32] = RT_F32,
                                            [RT_PACK_BF16] = RT_BF16,
                                            [RT_PACK_Q8] = RT_Q8_0,
                                            [RT_PACK_Q4] = RT_Q4_0};
    rt_kind kind = kinds[pack];
    size_t n_blocks = padded(n_in) / RT_BLOCK, bytes = pack == RT_PACK_Q8 ? Q8_BYTES : Q4_BYTES;
    bool quantised = pack == RT_PACK_Q8 || pack == RT_PACK_Q4;
    float *x = scratch;
    uint8_t *made = (uint8_t *)(x + padded(n_in));
    const uint8_t *blocks = made;
    bool finite;

    if (quantised && tensor->kind == kind) {
        blocks = (const uint8_t *)tensor->data + from * n_blocks * bytes;
        finite = scales_finite(blocks, n_blocks, bytes);
    } else {
        rt_tensor_get(tensor, from * n_in, n_in, x);
        finite = all_fit(kind, x, n_in);
        memset(x + n_in, 0, (padded(n_in) - n_in) * sizeof(*x));
        if (quantised)
            rt_tensor_put(kind, x, padded(n_in), made);
    }
    switch (pack) {
    case RT_PACK_F32:
        put_f32(panel, to, x, n_in);
        break;
    case RT_PACK_BF16:
        put_bf16(panel, to, x, n_in);
        break;
    case RT_PACK_Q8:
        put_blocks(panel, to, blocks, n_blocks, RT_BLOCK, RT_Q8_BLOCK_BYTES, 0x80);
        break;
    case RT_PACK_Q4:
        put_blocks(panel, to, blocks, n_blocks, RT_BLOCK / 2, RT_Q4_BLOCK_BYTES, 0);
        break;
    case RT_PACKS:
        break;
    }
    return finite;
}
