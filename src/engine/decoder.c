/* Owns the layers of the language model and how they run over one memory. Matrices are linear.c's,
 * arithmetic the kernels', tokens the caller's. */
#include "engine/decoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

/* Positions that go through the layers together: enough for the matrix products to be bound by
 * arithmetic, few enough for their intermediate rows to stay in the last cache. */
enum { CHUNK = 256 };
/* Queries of one head whose scores are held at a time. */
enum { QUERIES = 64 };

typedef struct {
    const float *attention_norm, *mlp_norm;
    const float *q_norm, *k_norm; /* [head_size], or NULL */
    rt_linear qkv, out, gate_up, down;
} decoder_layer;

struct rt_decoder {
    rt_decoder_config config;
    decoder_layer *layers;
    const rt_tensor *embeddings;
    const float *final_norm;
    rt_linear head;

    /* Working memory of one call, for CHUNK rows. */
    float *x, *normed, *qkv, *attended, *mlp;
    float *cosines, *sines; /* [CHUNK][head_size / 2] */
    float *scores;          /* [threads][QUERIES][scores_capacity] */
    size_t scores_capacity; /* positions */
    int threads;
    void *linear_scratch;

    rt_layer_probe probe;
    void *probe_context;
    const atomic_bool *stop; /* or NULL */
};

/* Keys and values of one stretch of positions: [layers][kv_heads][capacity][head_size] each. */
typedef struct {
    uint8_t *keys, *values;
    size_t n, capacity;
} stretch;

struct rt_memory {
    rt_decoder_config config;
    rt_kept kept;
    stretch shared, *branches;
    size_t n_branches;
};

static size_t kv_width(const rt_decoder_config *c)
{
    return (size_t)c->kv_heads * (size_t)c->head_size;
}

static size_t q_width(const rt_decoder_config *c)
{
    return (size_t)c->heads * (size_t)c->head_size;
}

/* ---- loading ---- */

static fm_status load_head_norms(decoder_layer *l, const rt_decoder_config *c, int index,
                                 rt_packer *packer, const rt_weights *weights, fm_err *err)
{
    size_t size = (size_t)c->head_size;
    fm_status st = rt_packer_vector(packer, weights, &l->q_norm, size, err,
                                    "model.layers.%d.self_attn.q_norm.weight", index);

    return st == FM_OK ? rt_packer_vector(packer, weights, &l->k_norm, size, err,
                                          "model.layers.%d.self_attn.k_norm.weight", index)
                       : st;
}

static fm_status load_layer(decoder_layer *l, const rt_decoder_config *c, int index,
                            rt_packer *packer, const rt_weights *weights, fm_err *err)
{
    size_t width = (size_t)c->width, mlp = (size_t)c->mlp;
    char q[96], k[96], v[96], o[96], gate[96], up[96], down[96];

    snprintf(q, sizeof(q), "model.layers.%d.self_attn.q_proj", index);
    snprintf(k, sizeof(k), "model.layers.%d.self_attn.k_proj", index);
    snprintf(v, sizeof(v), "model.layers.%d.self_attn.v_proj", index);
    snprintf(o, sizeof(o), "model.layers.%d.self_attn.o_proj", index);
    snprintf(gate, sizeof(gate), "model.layers.%d.mlp.gate_proj", index);
    snprintf(up, sizeof(up), "model.layers.%d.mlp.up_proj", index);
    snprintf(down, sizeof(down), "model.layers.%d.mlp.down_proj", index);

    const rt_stacked qkv[] = {{q, q_width(c)}, {k, kv_width(c)}, {v, kv_width(c)}};
    const rt_stacked gate_up[] = {{gate, mlp}, {up, mlp}};
    fm_status st = rt_packer_vector(packer, weights, &l->attention_norm, width, err,
                                    "model.layers.%d.input_layernorm.weight", index);
    if (st == FM_OK)
        st = rt_packer_vector(packer, weights, &l->mlp_norm, width, err,
                              "model.layers.%d.post_attention_layernorm.weight", index);
    if (st == FM_OK)
        st = rt_linear_load_stack(&l->qkv, packer, weights, qkv, 3, width, c->qkv_bias, err);
    if (st == FM_OK && c->qk_norm)
        st = load_head_norms(l, c, index, packer, weights, err);
    if (st == FM_OK)
        st = rt_linear_load(&l->out, packer, weights, o, width, q_width(c), false, err);
    if (st == FM_OK)
        st = rt_linear_load_stack(&l->gate_up, packer, weights, gate_up, 2, width, false, err);
    if (st == FM_OK)
        st = rt_linear_load(&l->down, packer, weights, down, width, mlp, false, err);
    return st;
}

static fm_status load_ends(rt_decoder *d, rt_packer *packer, const rt_weights *weights, fm_err *err)
{
    const rt_decoder_config *c = &d->config;
    size_t shape[] = {(size_t)c->vocabulary, (size_t)c->width};
    fm_status st =
        rt_weights_need(weights, shape, 2, &d->embeddings, err, "model.embed_tokens.weight");

    if (st == FM_OK)
        st = rt_packer_vector(packer, weights, &d->final_norm, shape[1], err, "model.norm.weight");
    if (st == FM_OK)
        st = rt_linear_load(&d->head, packer, weights, c->tied ? "model.embed_tokens" : "lm_head",
                            shape[0], shape[1], false, err);
    return st;
}

static size_t most_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

static bool make_rows(rt_decoder *d)
{
    const rt_decoder_config *c = &d->config;
    size_t width = (size_t)c->width, mlp = (size_t)c->mlp, half = (size_t)c->head_size / 2;

    d->x = calloc(CHUNK * width, sizeof(*d->x));
    d->normed = rt_rows_new(CHUNK * width * sizeof(*d->normed));
    d->qkv = rt_rows_new(CHUNK * (q_width(c) + 2 * kv_width(c)) * sizeof(*d->qkv));
    d->attended = calloc(CHUNK * q_width(c), sizeof(*d->attended));
    d->mlp = rt_rows_new(CHUNK * 2 * mlp * sizeof(*d->mlp));
    d->cosines = calloc(CHUNK * half, sizeof(*d->cosines));
    d->sines = calloc(CHUNK * half, sizeof(*d->sines));
    d->linear_scratch =
        malloc(rt_linear_scratch_bytes(CHUNK, most_of(most_of(width, mlp), q_width(c))));
    return d->x && d->normed && d->qkv && d->attended && d->mlp && d->cosines && d->sines &&
           d->linear_scratch;
}

fm_status rt_decoder_load(rt_decoder **out, const rt_decoder_config *config, rt_packer *packer,
                          const rt_weights *weights, int threads, fm_err *err)
{
    rt_decoder *d = calloc(1, sizeof(*d));
    fm_status st = FM_OK;

    if (!d)
        return fm_fail(err, FM_E_NOMEM, "no memory for a language model");
    d->config = *config;
    d->threads = threads;
    d->layers = calloc((size_t)config->layers, sizeof(*d->layers));
    if (!d->layers || !make_rows(d))
        st = fm_fail(err, FM_E_NOMEM, "no memory for a language model");
    for (int i = 0; i < config->layers && st == FM_OK; i++)
        st = load_layer(&d->layers[i], config, i, packer, weights, err);
    if (st == FM_OK)
        st = load_ends(d, packer, weights, err);
    if (st != FM_OK) {
        rt_decoder_free(d);
        return st;
    }
    *out = d;
    return FM_OK;
}

void rt_decoder_free(rt_decoder *decoder)
{
    if (!decoder)
        return;
    free(decoder->layers);
    free(decoder->x);
    free(decoder->normed);
    free(decoder->qkv);
    free(decoder->attended);
    free(decoder->mlp);
    free(decoder->cosines);
    free(decoder->sines);
    free(decoder->scores);
    free(decoder->linear_scratch);
    free(decoder);
}

void rt_decoder_probe(rt_decoder *decoder, rt_layer_probe probe, void *context)
{
    decoder->probe = probe;
    decoder->probe_context = context;
}

void rt_decoder_stop(rt_decoder *decoder, const atomic_bool *stop)
{
    decoder->stop = stop;
}

void rt_decoder_embed(const rt_decoder *decoder, const int32_t *ids, size_t n, float *out)
{
    size_t width = (size_t)decoder->config.width;

    for (size_t i = 0; i < n; i++)
        rt_tensor_get(decoder->embeddings, (size_t)ids[i] * width, width, out + i * width);
}

/* ---- memory ---- */

static size_t kept_bytes(rt_kept kept)
{
    return kept == RT_KEPT_F16 ? sizeof(uint16_t) : sizeof(float);
}

/* Of keys, and of values. */
static bool half_bytes(const rt_decoder_config *c, rt_kept kept, size_t positions, size_t *bytes)
{
    return fm_size_mul(kv_width(c) * (size_t)c->layers * kept_bytes(kept), positions, bytes) &&
           *bytes <= SIZE_MAX / 2;
}

size_t rt_memory_bytes(const rt_decoder *decoder, rt_kept kept, size_t positions)
{
    size_t bytes;

    return half_bytes(&decoder->config, kept, positions, &bytes) ? 2 * bytes : 0;
}

static fm_status stretch_make(stretch *s, const rt_memory *m, size_t capacity, fm_err *err)
{
    size_t bytes;

    s->capacity = capacity;
    if (capacity == 0)
        return FM_OK;
    if (half_bytes(&m->config, m->kept, capacity, &bytes)) {
        s->keys = malloc(bytes);
        s->values = malloc(bytes);
    }
    if (!s->keys || !s->values)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu positions", capacity);
    return FM_OK;
}

static void stretch_release(stretch *s)
{
    free(s->keys);
    free(s->values);
}

void rt_memory_prune(rt_memory *memory)
{
    for (size_t i = 0; i < memory->n_branches; i++)
        stretch_release(&memory->branches[i]);
    free(memory->branches);
    memory->branches = NULL;
    memory->n_branches = 0;
}

fm_status rt_memory_branch(rt_memory *memory, size_t n_branches, size_t own, fm_err *err)
{
    fm_status st = FM_OK;

    rt_memory_prune(memory);
    memory->branches = calloc(n_branches ? n_branches : 1, sizeof(*memory->branches));
    if (!memory->branches)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu answers", n_branches);
    memory->n_branches = n_branches;
    for (size_t i = 0; i < n_branches && st == FM_OK; i++)
        st = stretch_make(&memory->branches[i], memory, own, err);
    if (st != FM_OK)
        rt_memory_prune(memory);
    return st;
}

fm_status rt_memory_new(rt_memory **out, const rt_decoder *decoder, rt_kept kept, size_t shared,
                        size_t n_branches, size_t own, fm_err *err)
{
    rt_memory *m = calloc(1, sizeof(*m));

    if (!m)
        return fm_fail(err, FM_E_NOMEM, "no memory for a scene");
    m->config = decoder->config;
    m->kept = kept;
    fm_status st = stretch_make(&m->shared, m, shared, err);
    if (st == FM_OK)
        st = rt_memory_branch(m, n_branches, own, err);
    if (st != FM_OK) {
        rt_memory_free(m);
        return st;
    }
    *out = m;
    return FM_OK;
}

void rt_memory_free(rt_memory *memory)
{
    if (!memory)
        return;
    rt_memory_prune(memory);
    stretch_release(&memory->shared);
    free(memory);
}

size_t rt_memory_shared(const rt_memory *memory)
{
    return memory->shared.n;
}

size_t rt_memory_own(const rt_memory *memory, size_t branch)
{
    return memory->branches[branch].n;
}

void rt_memory_forget(rt_memory *memory, size_t shared)
{
    if (shared < memory->shared.n)
        memory->shared.n = shared;
    for (size_t i = 0; i < memory->n_branches; i++)
        memory->branches[i].n = 0;
}

void rt_memory_rewind(rt_memory *memory, size_t branch, size_t own)
{
    if (own < memory->branches[branch].n)
        memory->branches[branch].n = own;
}

/* ---- one chunk through the layers ---- */

/* A row's place: which stretch it is written into, and at which position of the whole. */
typedef struct {
    stretch *own;          /* where its key and value go */
    const stretch *before; /* the shared stretch in front of it, or NULL */
    size_t at;             /* its index in `own` */
    size_t position;       /* at, and what stands before */
} place;

typedef struct {
    rt_decoder *d;
    const rt_compute *compute;
    rt_kept kept;
    const place *places;
    size_t n, layer;
} pass;

/* Of this pass's layer: the key or value of one head at one position. */
static void *row_of(const pass *p, uint8_t *all, const stretch *s, size_t head, size_t position)
{
    const rt_decoder_config *c = &p->d->config;
    size_t row = (p->layer * (size_t)c->kv_heads + head) * s->capacity + position;

    return all + row * (size_t)c->head_size * kept_bytes(p->kept);
}

static void keep(const pass *p, void *to, const float *x)
{
    size_t size = (size_t)p->d->config.head_size;

    if (p->kept == RT_KEPT_F16)
        p->compute->kernels->f32_to_f16(to, x, size);
    else
        memcpy(to, x, size * sizeof(*x));
}

static void prepare_angles(rt_decoder *d, const place *places, size_t n)
{
    size_t half = (size_t)d->config.head_size / 2;

    for (size_t i = 0; i < half; i++) {
        double frequency = pow(d->config.rope_theta, -(double)i / (double)half);

        for (size_t j = 0; j < n; j++) {
            double angle = (double)places[j].position * frequency;

            d->cosines[j * half + i] = (float)cos(angle);
            d->sines[j * half + i] = (float)sin(angle);
        }
    }
}

static void rotate_adjacent(float *x, const float *cosines, const float *sines, size_t d)
{
    for (size_t i = 0; i < d / 2; i++) {
        float a = x[2 * i], b = x[2 * i + 1];

        x[2 * i] = a * cosines[i] - b * sines[i];
        x[2 * i + 1] = b * cosines[i] + a * sines[i];
    }
}

static void rotate(const pass *p, float *head, size_t row)
{
    const rt_decoder *d = p->d;
    size_t size = (size_t)d->config.head_size;
    const float *cosines = d->cosines + row * size / 2, *sines = d->sines + row * size / 2;

    if (d->config.adjacent_rotation)
        rotate_adjacent(head, cosines, sines, size);
    else
        p->compute->kernels->rotate_halves(head, cosines, sines, size);
}

/* Queries' heads, and behind them the keys', each by itself. */
static void norm_heads(const pass *p, float *row)
{
    const rt_decoder_config *c = &p->d->config;
    const decoder_layer *l = &p->d->layers[p->layer];
    size_t size = (size_t)c->head_size;

    for (size_t h = 0; h < (size_t)c->heads + (size_t)c->kv_heads; h++)
        p->compute->kernels->rms_norm(row + h * size, row + h * size,
                                      h < (size_t)c->heads ? l->q_norm : l->k_norm, size,
                                      (float)c->norm_eps);
}

/* Turn queries and keys of these rows, and put keys and values away. */
static void keep_rows(void *context, size_t begin, size_t end, int thread)
{
    const pass *p = context;
    const rt_decoder_config *c = &p->d->config;
    size_t size = (size_t)c->head_size, q = q_width(c), kv = kv_width(c);

    (void)thread;
    for (size_t j = begin; j < end; j++) {
        float *row = p->d->qkv + j * (q + 2 * kv);
        stretch *own = p->places[j].own;

        if (c->qk_norm)
            norm_heads(p, row);
        for (size_t h = 0; h < (size_t)c->heads + (size_t)c->kv_heads; h++)
            rotate(p, row + h * size, j);
        for (size_t h = 0; h < (size_t)c->kv_heads; h++) {
            keep(p, row_of(p, own->keys, own, h, p->places[j].at), row + q + h * size);
            keep(p, row_of(p, own->values, own, h, p->places[j].at), row + q + kv + h * size);
        }
    }
}

/* Rows [begin, begin + m) of one query head; all of one stretch, the positions ascending by one. */
static void attend(const pass *p, size_t head, size_t begin, size_t m, float *scores)
{
    const rt_decoder *d = p->d;
    const rt_decoder_config *c = &d->config;
    const rt_kernels *kernels = p->compute->kernels;
    size_t size = (size_t)c->head_size, q_row = q_width(c) + 2 * kv_width(c);
    size_t kv_head = head / (size_t)(c->heads / c->kv_heads);
    const place *first = &p->places[begin];
    size_t n_before = first->before ? first->before->n : 0;
    size_t n_own = first->at + m, n = n_before + n_own, ld = d->scores_capacity;
    const float *q = d->qkv + begin * q_row + head * size;
    float *out = d->attended + begin * q_width(c) + head * size, part[QUERIES * 256];
    float sharpness = 1 / sqrtf((float)size);

    if (n_before > 0)
        kernels->scores[p->kept](scores, ld, q, q_row, m,
                                 row_of(p, first->before->keys, first->before, kv_head, 0), size,
                                 n_before, size);
    kernels->scores[p->kept](scores + n_before, ld, q, q_row, m,
                             row_of(p, first->own->keys, first->own, kv_head, 0), size, n_own,
                             size);
    for (size_t j = 0; j < m; j++) {
        size_t seen = n - m + j + 1; /* what stands later is not looked at */

        for (size_t i = 0; i < seen; i++)
            scores[j * ld + i] *= sharpness;
        kernels->softmax(scores + j * ld, seen);
        memset(scores + j * ld + seen, 0, (n - seen) * sizeof(*scores));
    }
    kernels->blend[p->kept](out, q_width(c), scores + n_before, ld, m,
                            row_of(p, first->own->values, first->own, kv_head, 0), size, n_own,
                            size);
    if (n_before == 0)
        return;
    kernels->blend[p->kept](part, size, scores, ld, m,
                            row_of(p, first->before->values, first->before, kv_head, 0), size,
                            n_before, size);
    for (size_t j = 0; j < m; j++)
        kernels->add(out + j * q_width(c), part + j * size, size);
}

/* Pieces of work: for every head, runs of rows of one stretch. */
static void attend_pieces(void *context, size_t begin, size_t end, int thread)
{
    const pass *p = context;
    size_t blocks = (p->n + QUERIES - 1) / QUERIES;
    float *scores = p->d->scores + (size_t)thread * QUERIES * p->d->scores_capacity;

    for (size_t i = begin; i < end; i++) {
        size_t head = i / blocks, row = i % blocks * QUERIES;
        size_t last = row + QUERIES < p->n ? row + QUERIES : p->n;

        while (row < last) {
            size_t m = 1;

            while (row + m < last && p->places[row + m].own == p->places[row].own)
                m++;
            attend(p, head, row, m, scores);
            row += m;
        }
    }
}

static void norm_rows(const pass *p, const float *weight)
{
    size_t width = (size_t)p->d->config.width;

    for (size_t j = 0; j < p->n; j++)
        p->compute->kernels->rms_norm(p->d->normed + j * width, p->d->x + j * width, weight, width,
                                      (float)p->d->config.norm_eps);
}

static void gate_rows(void *context, size_t begin, size_t end, int thread)
{
    const pass *p = context;
    size_t mlp = (size_t)p->d->config.mlp;

    (void)thread;
    for (size_t j = begin; j < end; j++)
        p->compute->kernels->silu_gate(p->d->mlp + j * 2 * mlp, p->d->mlp + j * 2 * mlp + mlp, mlp);
}

static void run_layer(pass *p)
{
    rt_decoder *d = p->d;
    const decoder_layer *l = &d->layers[p->layer];
    const rt_decoder_config *c = &d->config;
    size_t width = (size_t)c->width, mlp = (size_t)c->mlp, n = p->n;
    size_t blocks = (n + QUERIES - 1) / QUERIES;

    norm_rows(p, l->attention_norm);
    rt_linear_apply(&l->qkv, p->compute, d->qkv, q_width(c) + 2 * kv_width(c), d->normed, width, n,
                    d->linear_scratch);
    rt_pool_run(p->compute->pool, n, 1, keep_rows, p);
    rt_pool_run(p->compute->pool, (size_t)c->heads * blocks, 1, attend_pieces, p);
    rt_linear_apply(&l->out, p->compute, d->normed, width, d->attended, q_width(c), n,
                    d->linear_scratch);
    p->compute->kernels->add(d->x, d->normed, n * width);

    norm_rows(p, l->mlp_norm);
    rt_linear_apply(&l->gate_up, p->compute, d->mlp, 2 * mlp, d->normed, width, n,
                    d->linear_scratch);
    rt_pool_run(p->compute->pool, n, 1, gate_rows, p);
    rt_linear_apply(&l->down, p->compute, d->normed, width, d->mlp, 2 * mlp, n, d->linear_scratch);
    p->compute->kernels->add(d->x, d->normed, n * width);

    if (d->probe) {
        char stage[32];

        snprintf(stage, sizeof(stage), "llm.layer.%zu", p->layer);
        d->probe(d->probe_context, stage, d->x, n, width);
    }
}

/* d->x holds n rows; they end as the final normed states in d->normed. stop (NULL: nothing) ends that
 * between two layers; what is kept of these rows then is written over by the next ones. */
static fm_status run_chunk(rt_decoder *d, const rt_compute *compute, rt_kept kept,
                           const place *places, size_t n, const atomic_bool *stop, fm_err *err)
{
    pass p = {d, compute, kept, places, n, 0};

    prepare_angles(d, places, n);
    for (; p.layer < (size_t)d->config.layers; p.layer++) {
        if (stop && atomic_load(stop))
            return fm_fail(err, FM_E_INTERRUPTED, "cancelled");
        run_layer(&p);
    }
    norm_rows(&p, d->final_norm);
    return FM_OK;
}

/* Room for the scores of so many positions. */
static fm_status need_scores(rt_decoder *d, size_t positions, fm_err *err)
{
    size_t capacity = most_of(positions, 512), bytes;

    if (positions <= d->scores_capacity)
        return FM_OK;
    while (capacity < positions + positions / 2)
        capacity *= 2;
    if (!fm_size_mul((size_t)d->threads * QUERIES * sizeof(*d->scores), capacity, &bytes))
        return fm_fail(err, FM_E_NOMEM, "no memory for the scores of %zu positions", positions);
    free(d->scores);
    d->scores_capacity = 0;
    d->scores = malloc(bytes);
    if (!d->scores)
        return fm_fail(err, FM_E_NOMEM, "no memory for the scores of %zu positions", positions);
    d->scores_capacity = capacity;
    return FM_OK;
}

static place place_in(rt_memory *memory, size_t branch)
{
    if (branch == RT_SHARED)
        return (place){&memory->shared, NULL, memory->shared.n, memory->shared.n};
    stretch *own = &memory->branches[branch];
    return (place){own, &memory->shared, own->n, memory->shared.n + own->n};
}

static fm_status room_for(const place *next, size_t n, fm_err *err)
{
    if (n > next->own->capacity - next->own->n)
        return fm_fail(err, FM_E_USAGE, "%zu tokens do not fit: there is room for %zu more", n,
                       next->own->capacity - next->own->n);
    return FM_OK;
}

fm_status rt_decoder_prefill(rt_decoder *decoder, const rt_compute *compute, rt_memory *memory,
                             size_t branch, const float *embeddings, size_t n, float *hidden,
                             size_t n_hidden, fm_err *err)
{
    size_t width = (size_t)decoder->config.width;
    place places[CHUNK], first = place_in(memory, branch);
    fm_status st = room_for(&first, n, err);

    if (st == FM_OK)
        st = need_scores(decoder, first.position + n, err);
    for (size_t done = 0, m; done < n && st == FM_OK; done += m) {
        m = n - done < CHUNK ? n - done : CHUNK;
        for (size_t j = 0; j < m; j++) {
            places[j] = place_in(memory, branch);
            places[j].at += j;
            places[j].position += j;
        }
        memcpy(decoder->x, embeddings + done * width, m * width * sizeof(*embeddings));
        st = run_chunk(decoder, compute, memory->kept, places, m, decoder->stop, err);
        if (st != FM_OK)
            break;
        places[0].own->n += m;
        /* Of the last n_hidden rows, those that this chunk has. */
        size_t from = n - n_hidden > done ? n - n_hidden - done : 0;
        if (hidden && from < m)
            memcpy(hidden + (done + from - (n - n_hidden)) * width, decoder->normed + from * width,
                   (m - from) * width * sizeof(*hidden));
    }
    return st;
}

fm_status rt_decoder_step(rt_decoder *decoder, const rt_compute *compute, rt_memory *memory,
                          const size_t *branches, size_t n, const float *embeddings, float *hidden,
                          fm_err *err)
{
    size_t width = (size_t)decoder->config.width, furthest = 0;
    place places[RT_DECODER_TOGETHER] = {0};
    fm_status st = FM_OK;

    for (size_t j = 0; j < n && st == FM_OK; j++) {
        places[j] = place_in(memory, branches[j]);
        st = room_for(&places[j], 1, err);
        furthest = most_of(furthest, places[j].position + 1);
    }
    if (st == FM_OK)
        st = need_scores(decoder, furthest, err);
    if (st != FM_OK)
        return st;
    memcpy(decoder->x, embeddings, n * width * sizeof(*embeddings));
    st = run_chunk(decoder, compute, memory->kept, places, n, NULL, err);
    for (size_t j = 0; j < n; j++)
        places[j].own->n++;
    memcpy(hidden, decoder->normed, n * width * sizeof(*hidden));
    return st;
}

void rt_decoder_logits(rt_decoder *decoder, const rt_compute *compute, const float *hidden,
                       size_t n, float *logits)
{
    rt_linear_apply(&decoder->head, compute, logits, decoder->head.n_out, hidden,
                    (size_t)decoder->config.width, n, decoder->linear_scratch);
}
