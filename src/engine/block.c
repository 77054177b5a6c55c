/* Owns an encoder's block: its weights under the names of two families of checkpoints, and attention
 * over one whole sequence.
 *
 * Keys and values of a head are laid out as the products' panels, as if they were weights (of bf16 where
 * these are not f32 and the machine has products of pairs): scores are
 * then q times the panel of keys, and what is attended is the scores times the panel of values, both
 * at the speed of a matrix product. Only ROWS queries' scores exist at a time. */
#include "engine/block.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "engine/half.h"

/* Queries of one head whose scores are held at a time: few enough for the scores of a thousand tokens
 * to stay in the second cache, many enough for each panel of keys to be read for several. */
enum { ROWS = 48 };

/* Width of what the first matrix of the MLP gives. */
static size_t inner_of(const rt_block_shape *s)
{
    return (size_t)s->mlp * (s->swiglu ? 2 : 1);
}

/* ---- loading ---- */

/* Where the families differ. */
typedef struct {
    const char *norm1, *norm2;
    const char *qkv[3]; /* the second NULL: one tensor for all three */
    const char *out, *q_norm, *k_norm;
} name_set;

static const name_set name_sets[] = {
    [RT_NAMES_SIGLIP] = {.norm1 = "layer_norm1",
                         .norm2 = "layer_norm2",
                         .qkv = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"},
                         .out = "self_attn.out_proj",
                         .q_norm = "self_attn.q_norm",
                         .k_norm = "self_attn.k_norm"},
    [RT_NAMES_TIMM] = {.norm1 = "norm1",
                       .norm2 = "norm2",
                       .qkv = {"attn.qkv"},
                       .out = "attn.proj",
                       .q_norm = "attn.q_norm",
                       .k_norm = "attn.k_norm"},
};

/* Where one block is loaded from. */
typedef struct {
    rt_packer *packer;
    const rt_weights *weights;
    const char *prefix;
    const name_set *names;
} source;

static fm_status load_norm(const source *s, const char *name, size_t n, const float **weight,
                           const float **bias, fm_err *err)
{
    fm_status st =
        rt_packer_vector(s->packer, s->weights, weight, n, err, "%s%s.weight", s->prefix, name);

    if (st == FM_OK)
        st = rt_packer_vector(s->packer, s->weights, bias, n, err, "%s%s.bias", s->prefix, name);
    return st;
}

static fm_status load_norms(const source *s, rt_block *b, fm_err *err)
{
    size_t width = (size_t)b->shape.width, head = width / (size_t)b->shape.heads;
    fm_status st = load_norm(s, s->names->norm1, width, &b->norm1, &b->norm1_bias, err);

    if (st == FM_OK)
        st = load_norm(s, s->names->norm2, width, &b->norm2, &b->norm2_bias, err);
    if (st == FM_OK && b->shape.qk_norm)
        st = load_norm(s, s->names->q_norm, head, &b->q_norm, &b->q_norm_bias, err);
    if (st == FM_OK && b->shape.qk_norm)
        st = load_norm(s, s->names->k_norm, head, &b->k_norm, &b->k_norm_bias, err);
    if (st == FM_OK && b->shape.layer_scale)
        st = rt_packer_vector(s->packer, s->weights, &b->scale1, width, err, "%sls1.gamma",
                              s->prefix);
    if (st == FM_OK && b->shape.layer_scale)
        st = rt_packer_vector(s->packer, s->weights, &b->scale2, width, err, "%sls2.gamma",
                              s->prefix);
    return st;
}

/* Of one tensor, or of q, k and v that are apart. */
static fm_status load_matrix(const source *s, rt_linear *out, const char *const *names,
                             size_t n_names, size_t n_out, size_t n_in, fm_err *err)
{
    char full[3][128];
    rt_stacked parts[3];

    for (size_t i = 0; i < n_names; i++) {
        if (snprintf(full[i], sizeof(full[i]), "%s%s", s->prefix, names[i]) >= (int)sizeof(full[i]))
            return fm_fail(err, FM_E_INTERNAL, "the name '%s%s' is too long", s->prefix, names[i]);
        parts[i] = (rt_stacked){full[i], n_out / n_names};
    }
    return rt_linear_load_stack(out, s->packer, s->weights, parts, n_names, n_in, true, err);
}

static fm_status load_matrices(const source *s, rt_block *b, fm_err *err)
{
    static const char *const plain[] = {"mlp.fc1", "mlp.fc2"};
    static const char *const gated[] = {"mlp.w12", "mlp.w3"};
    const name_set *names = s->names;
    const char *const *mlp_names = b->shape.swiglu ? gated : plain;
    size_t width = (size_t)b->shape.width, mlp = (size_t)b->shape.mlp;
    fm_status st =
        load_matrix(s, &b->qkv, names->qkv, names->qkv[1] ? 3 : 1, 3 * width, width, err);

    if (st == FM_OK)
        st = load_matrix(s, &b->out, &names->out, 1, width, width, err);
    if (st == FM_OK)
        st = load_matrix(s, &b->mlp_in, &mlp_names[0], 1, inner_of(&b->shape), width, err);
    if (st == FM_OK)
        st = load_matrix(s, &b->mlp_out, &mlp_names[1], 1, width, mlp, err);
    return st;
}

fm_status rt_block_load(rt_block *out, const rt_block_shape *shape, rt_block_names names,
                        rt_packer *packer, const rt_weights *weights, const char *prefix,
                        fm_err *err)
{
    source from = {packer, weights, prefix, &name_sets[names]};
    rt_block block = {.shape = *shape};
    fm_status st = load_norms(&from, &block, err);

    if (st == FM_OK)
        st = load_matrices(&from, &block, err);
    if (st == FM_OK)
        *out = block;
    return st;
}

/* ---- working memory ---- */

static size_t padded(size_t n)
{
    return (n + RT_PANEL - 1) / RT_PANEL * RT_PANEL;
}

/* What one thread attends with, in floats. */
typedef struct {
    size_t queries, scores, attended;
} room;

static room room_of(size_t n, size_t head)
{
    return (room){ROWS * head, ROWS * padded(n), ROWS * padded(head)};
}

static size_t floats_of(room r)
{
    return r.queries + r.scores + r.attended;
}

/* Of the whole call, in floats; the scratch of the products comes before them. */
typedef struct {
    size_t normed;       /* [n][width], normed rows, then what is attended */
    size_t wide;         /* [n][3 width] q, k, v, or [n][mlp or 2 mlp]; then what is added to x */
    size_t keys, values; /* panels of every head */
    size_t rooms;        /* a thread's after another */
} areas;

static size_t most_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

static areas areas_of(const rt_block_shape *s, size_t n, int threads)
{
    size_t width = (size_t)s->width, heads = (size_t)s->heads, head = width / heads;

    return (areas){.normed = n * width,
                   .wide = n * most_of(3 * width, inner_of(s)),
                   .keys = heads * padded(n) * head,
                   .values = heads * padded(head) * n,
                   .rooms = (size_t)threads * floats_of(room_of(n, head))};
}

static size_t sum_of(const areas *a)
{
    return a->normed + a->wide + a->keys + a->values + a->rooms;
}

/* In whole lines of the cache, since rows that products give follow. */
static size_t linear_scratch(const rt_block_shape *s, size_t n)
{
    return (rt_linear_scratch_bytes(n, most_of((size_t)s->width, (size_t)s->mlp)) + 63) / 64 * 64;
}

size_t rt_block_scratch_bytes(const rt_block_shape *shape, size_t n, int threads)
{
    areas a = areas_of(shape, n, threads);

    return sum_of(&a) * sizeof(float) + linear_scratch(shape, n);
}

/* ---- running ---- */

typedef struct {
    const rt_block *block;
    const rt_kernels *kernels;
    float *x;
    size_t n, width, heads, head, inner;
    float *normed, *wide, *rooms;
    rt_pack pack; /* of keys and values */
    void *keys, *values;
    void *linear_scratch;
} pass;

static pass begin_pass(const rt_block *b, const rt_compute *compute, float *x, size_t n,
                       void *scratch)
{
    const rt_block_shape *s = &b->shape;
    areas a = areas_of(s, n, rt_pool_threads(compute->pool));
    pass p = {.block = b,
              .kernels = compute->kernels,
              .x = x,
              .n = n,
              .width = (size_t)s->width,
              .heads = (size_t)s->heads,
              .head = (size_t)(s->width / s->heads),
              .inner = inner_of(s),
              .pack = b->qkv.pack == RT_PACK_F32 ? RT_PACK_F32 : compute->kernels->attention};

    p.linear_scratch = scratch;
    p.normed = (float *)(void *)((uint8_t *)scratch + linear_scratch(s, n));
    p.wide = p.normed + a.normed;
    float *keys = p.wide + a.wide, *values = keys + a.keys;
    p.keys = keys;
    p.values = values;
    p.rooms = values + a.values;
    return p;
}

/* ---- attention ---- */

static void norm_heads(const pass *p, float *row, const float *weight, const float *bias)
{
    for (size_t h = 0; h < p->heads; h++)
        p->kernels->layer_norm(row + h * p->head, row + h * p->head, weight, bias, p->head,
                               (float)p->block->shape.eps);
}

/* The panel with a head's keys of 16 tokens, [head][16]; and that with 16 of its values, [n][16]. */
static void *key_panel(const pass *p, size_t head, size_t panel)
{
    return (uint8_t *)p->keys +
           (head * (padded(p->n) / RT_PANEL) + panel) * rt_panel_bytes(p->pack, p->head);
}

static void *value_panel(const pass *p, size_t head, size_t panel)
{
    return (uint8_t *)p->values +
           (head * (padded(p->head) / RT_PANEL) + panel) * rt_panel_bytes(p->pack, p->n);
}

/* Number k of row `row` of a panel. */
static void put_number(const pass *p, void *panel, size_t k, size_t row, float value)
{
    if (p->pack == RT_PACK_BF16)
        ((uint16_t *)panel)[(k / 2 * RT_PANEL + row) * 2 + k % 2] = rt_f32_to_bf16(value);
    else
        ((float *)panel)[k * RT_PANEL + row] = value;
}

/* A token's keys, one row of a panel; k NULL: zeros, which fill the last panel up. */
static void put_keys(const pass *p, size_t token, const float *k)
{
    for (size_t h = 0; h < p->heads; h++) {
        void *panel = key_panel(p, h, token / RT_PANEL);

        for (size_t i = 0; i < p->head; i++)
            put_number(p, panel, i, token % RT_PANEL, k ? k[h * p->head + i] : 0);
        if (p->pack == RT_PACK_BF16 && p->head % 2)
            put_number(p, panel, p->head, token % RT_PANEL, 0);
    }
}

/* A token's values, one column of every panel; v NULL: zeros, which make a pair of the last one. */
static void put_values(const pass *p, size_t token, const float *v)
{
    for (size_t h = 0; h < p->heads; h++)
        for (size_t from = 0; from < p->head; from += RT_PANEL) {
            void *panel = value_panel(p, h, from / RT_PANEL);

            for (size_t i = 0; i < RT_PANEL; i++)
                put_number(p, panel, token, i,
                           v && from + i < p->head ? v[h * p->head + from + i] : 0);
        }
}

/* Runs of RT_PANEL tokens. */
static void lay_out(void *context, size_t begin, size_t end, int thread)
{
    const pass *p = context;
    const rt_block *b = p->block;

    (void)thread;
    for (size_t t = begin * RT_PANEL; t < end * RT_PANEL; t++) {
        if (t >= p->n) {
            put_keys(p, t, NULL);
            if (p->pack == RT_PACK_BF16 && t == p->n && p->n % 2)
                put_values(p, t, NULL);
            continue;
        }
        float *q = p->wide + t * 3 * p->width, *k = q + p->width;

        if (b->shape.qk_norm) {
            norm_heads(p, q, b->q_norm, b->q_norm_bias);
            norm_heads(p, k, b->k_norm, b->k_norm_bias);
        }
        put_keys(p, t, k);
        put_values(p, t, k + p->width);
    }
}

/* m queries of one head from `first`, against every key. */
static void attend(const pass *p, size_t head, size_t first, size_t m, float *work)
{
    room r = room_of(p->n, p->head);
    float *q = work, *scores = q + r.queries, *attended = scores + r.scores;
    size_t ld = padded(p->n), strips = padded(p->head) / RT_PANEL;
    float sharpness = 1 / sqrtf((float)p->head);

    for (size_t j = 0; j < m; j++)
        for (size_t i = 0; i < p->head; i++)
            q[j * p->head + i] =
                p->wide[(first + j) * 3 * p->width + head * p->head + i] * sharpness;
    p->kernels->product[p->pack](scores, ld, q, p->head, m, p->head, key_panel(p, head, 0),
                                 ld / RT_PANEL);
    for (size_t j = 0; j < m; j++)
        p->kernels->softmax(scores + j * ld, p->n);
    p->kernels->product[p->pack](attended, strips * RT_PANEL, scores, ld, m, p->n,
                                 value_panel(p, head, 0), strips);
    for (size_t j = 0; j < m; j++)
        memcpy(p->normed + (first + j) * p->width + head * p->head,
               attended + j * strips * RT_PANEL, p->head * sizeof(*attended));
}

/* Pieces of work: for every head, runs of ROWS queries. */
static void attend_pieces(void *context, size_t begin, size_t end, int thread)
{
    const pass *p = context;
    size_t runs = (p->n + ROWS - 1) / ROWS;
    float *work = p->rooms + (size_t)thread * floats_of(room_of(p->n, p->head));

    for (size_t i = begin; i < end; i++) {
        size_t first = i % runs * ROWS;

        attend(p, i / runs, first, p->n - first < ROWS ? p->n - first : ROWS, work);
    }
}

/* ---- rows ---- */

static void norm_row(const pass *p, size_t row, const float *weight, const float *bias)
{
    p->kernels->layer_norm(p->normed + row * p->width, p->x + row * p->width, weight, bias,
                           p->width, (float)p->block->shape.eps);
}

static void add_row(const pass *p, size_t row, const float *from, const float *scale)
{
    float *to = p->x + row * p->width;

    if (scale)
        p->kernels->add_scaled(to, from + row * p->width, scale, p->width);
    else
        p->kernels->add(to, from + row * p->width, p->width);
}

static void norm_rows(void *context, size_t begin, size_t end, int thread)
{
    const pass *p = context;

    (void)thread;
    for (size_t j = begin; j < end; j++)
        norm_row(p, j, p->block->norm1, p->block->norm1_bias);
}

static void add_attention(void *context, size_t begin, size_t end, int thread)
{
    const pass *p = context;

    (void)thread;
    for (size_t j = begin; j < end; j++) {
        add_row(p, j, p->wide, p->block->scale1);
        norm_row(p, j, p->block->norm2, p->block->norm2_bias);
    }
}

static void activate(void *context, size_t begin, size_t end, int thread)
{
    const pass *p = context;
    const rt_block_shape *s = &p->block->shape;
    size_t mlp = (size_t)s->mlp;

    (void)thread;
    for (size_t j = begin; j < end; j++) {
        float *row = p->wide + j * p->inner;

        if (s->swiglu)
            p->kernels->silu_gate(row, row + mlp, mlp);
        else if (s->gelu_tanh)
            p->kernels->gelu_tanh(row, mlp);
        else
            p->kernels->gelu_erf(row, mlp);
    }
}

static void add_mlp(void *context, size_t begin, size_t end, int thread)
{
    const pass *p = context;

    (void)thread;
    for (size_t j = begin; j < end; j++)
        add_row(p, j, p->normed, p->block->scale2);
}

void rt_block_run(const rt_block *block, const rt_compute *compute, float *x, size_t n,
                  void *scratch)
{
    pass p = begin_pass(block, compute, x, n, scratch);
    rt_pool *pool = compute->pool;

    rt_pool_run(pool, n, 1, norm_rows, &p);
    rt_linear_apply(&block->qkv, compute, p.wide, 3 * p.width, p.normed, p.width, n,
                    p.linear_scratch);
    rt_pool_run(pool, padded(n) / RT_PANEL, 1, lay_out, &p);
    rt_pool_run(pool, p.heads * ((n + ROWS - 1) / ROWS), 1, attend_pieces, &p);
    rt_linear_apply(&block->out, compute, p.wide, p.width, p.normed, p.width, n, p.linear_scratch);
    rt_pool_run(pool, n, 1, add_attention, &p);

    rt_linear_apply(&block->mlp_in, compute, p.wide, p.inner, p.normed, p.width, n,
                    p.linear_scratch);
    rt_pool_run(pool, n, 1, activate, &p);
    rt_linear_apply(&block->mlp_out, compute, p.normed, p.width, p.wide, p.inner, n,
                    p.linear_scratch);
    rt_pool_run(pool, n, 1, add_mlp, &p);
}
