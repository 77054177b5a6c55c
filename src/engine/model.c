/* Owns a model: which files make it, in what order they are opened, and what is told of it. */
#include "engine/model_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "engine/layout.h"
#include "engine/panels.h"

static const char *const part_names[RT_PARTS] = {
    [RT_PART_LLM] = "llm",
    [RT_PART_VISION] = "vision_tower",
    [RT_PART_PROJECTOR] = "mm_projector",
    [RT_PART_DEPTH_TOWER] = "depth_tower",
    [RT_PART_DEPTH_PROJECTOR] = "depth_projector",
    [RT_PART_SPATIAL] = "spatial_encoder",
    [RT_PART_SPATIAL_PROJECTOR] = "spatial_projector",
    [RT_PART_SCALE] = "scale_decoder",
};

/* ---- errors, limits, looking on ---- */

rt_status rt_report(fm_status st, const fm_err *from, rt_err *to)
{
    static const rt_status statuses[FM_STATUS_COUNT] = {
        [FM_OK] = RT_OK,
        [FM_E_INTERNAL] = RT_E_INTERNAL,
        [FM_E_NOMEM] = RT_E_NOMEM,
        [FM_E_IO] = RT_E_IO,
        [FM_E_USAGE] = RT_E_USAGE,
        [FM_E_INPUT] = RT_E_INPUT,
        [FM_E_INTERRUPTED] = RT_E_CANCELLED,
    };
    /* What the table does not name stands at RT_OK: none of it comes from the engine. */
    rt_status status = st == FM_OK || statuses[st] != RT_OK ? statuses[st] : RT_E_INTERNAL;

    if (to && status != RT_OK) {
        to->code = status;
        snprintf(to->text, sizeof(to->text), "%s", from->text);
    }
    return status;
}

static double gigabytes(uint64_t bytes)
{
    return (double)bytes / (1 << 30);
}

fm_status rt_model_hold(rt_model *model, uint64_t bytes, const char *what, fm_err *err)
{
    uint64_t limit = model->memory_limit, held = model->memory_held;

    if (limit > 0 && (held > limit || bytes > limit - held))
        return fm_fail(
            err, FM_E_NOMEM,
            "%s would take %.3f GB beside the %.3f GB that are in use: over the limit of "
            "%.3f GB",
            what, gigabytes(bytes), gigabytes(held), gigabytes(limit));
    model->memory_held += bytes;
    return FM_OK;
}

void rt_model_let_go(rt_model *model, uint64_t bytes)
{
    model->memory_held -= bytes;
}

fm_status rt_model_go_on(const rt_model *model, fm_err *err)
{
    return atomic_load(&model->cancelled) ? fm_fail(err, FM_E_INTERRUPTED, "cancelled") : FM_OK;
}

void rt_cancel(rt_model *model)
{
    atomic_store(&model->cancelled, true);
}

void rt_model_show(const rt_model *model, const char *stage, const float *values, size_t rows,
                   size_t columns)
{
    if (model->probe)
        model->probe(model->probe_context, stage, values, rows, columns);
}

void rt_model_probe(rt_model *model, rt_probe probe, void *context)
{
    model->probe = probe;
    model->probe_context = context;
    rt_decoder_probe(model->decoder, probe, context);
    if (model->vision)
        rt_tower_probe(model->vision, "vision", probe, context);
    if (model->depth_tower && model->depth_tower != model->vision)
        rt_tower_probe(model->depth_tower, "depth", probe, context);
}

fm_status rt_model_embed(const rt_model *model, const int32_t *ids, size_t n, float *out,
                         fm_err *err)
{
    for (size_t i = 0; i < n; i++) {
        size_t size;

        if (ids[i] < 0 || ids[i] >= model->config.llm.vocabulary)
            return fm_fail(err, FM_E_INPUT,
                           "the token '%s' has the id %d, but the embeddings have %d rows",
                           rt_tokenizer_bytes(model->tokenizer, ids[i], &size), (int)ids[i],
                           model->config.llm.vocabulary);
    }
    rt_decoder_embed(model->decoder, ids, n, out);
    /* The table is not read when a model is opened. */
    for (size_t i = 0; i < n * (size_t)model->config.llm.width; i++)
        if (!isfinite(out[i]))
            return fm_fail(err, FM_E_INPUT,
                           "%s: 'model.embed_tokens.weight' holds a value that is not finite",
                           rt_weights_path(model->weights[RT_PART_LLM]));
    return FM_OK;
}

/* ---- opening: settings ---- */

static fm_status check_options(const rt_model_options *o, fm_err *err)
{
    if (o->threads < 0 || o->threads > 1024)
        return fm_fail(err, FM_E_USAGE, "%d threads: 0 to 1024 are possible", o->threads);
    if (o->max_tokens < 0 || o->max_picture_pixels < 0)
        return fm_fail(err, FM_E_USAGE, "a limit is negative");
    if ((unsigned)o->weights > RT_WEIGHTS_Q4)
        return fm_fail(err, FM_E_USAGE, "no such kind of weights: %d", (int)o->weights);
    return FM_OK;
}

static rt_pack pack_of(rt_weight_kind kind)
{
    static const rt_pack packs[] = {[RT_WEIGHTS_AS_STORED] = RT_PACKS,
                                    [RT_WEIGHTS_F32] = RT_PACK_F32,
                                    [RT_WEIGHTS_BF16] = RT_PACK_BF16,
                                    [RT_WEIGHTS_Q8] = RT_PACK_Q8,
                                    [RT_WEIGHTS_Q4] = RT_PACK_Q4};

    return packs[kind];
}

static fm_status start_computing(rt_model *m, const rt_model_options *o, fm_err *err)
{
    const rt_kernels *kernels = rt_kernels_choose(o->isa);

    if (!kernels)
        return fm_fail(err, FM_E_USAGE, "no kernels for '%s' on this machine or in this build",
                       o->isa);
    fm_status st = rt_pool_new(&m->pool, o->threads, err);
    if (st == FM_OK)
        st = rt_packer_new(&m->packer, pack_of(o->weights), m->pool, err);
    m->compute = (rt_compute){kernels, m->pool, o->int8_activations};
    /* Full precision is for comparing exactly; else half of the memory traffic of a step is saved. */
    m->kept = o->weights == RT_WEIGHTS_F32 ? RT_KEPT_F32 : RT_KEPT_F16;
    return st;
}

/* ---- opening: words ---- */

static void find_ends(rt_model *m)
{
    static const char *const names[] = {"<|im_end|>", "<|endoftext|>", "</s>", "<|eot_id|>"};

    for (size_t i = 0; i < FM_COUNT_OF(names); i++) {
        int32_t id = rt_tokenizer_id(m->tokenizer, names[i]);

        if (id >= 0)
            m->ends[m->n_ends++] = id;
    }
}

static fm_status read_words(rt_model *m, fm_err *err)
{
    rt_words words = {0};
    fm_status st = rt_words_read(&words, &m->config, NULL, &m->arena, err);

    if (st != FM_OK)
        return st;
    m->tokenizer = words.tokenizer;
    m->frame = words.frame;
    m->scale_id = words.scale_id;
    find_ends(m);
    return FM_OK;
}

/* ---- opening: weights ---- */

static bool has_part(const rt_config *c, rt_model_part part)
{
    switch (part) {
    case RT_PART_LLM:
        return true;
    case RT_PART_VISION:
    case RT_PART_PROJECTOR:
        return c->has_vision;
    case RT_PART_DEPTH_TOWER:
        return c->has_depth && c->has_own_depth_tower;
    case RT_PART_DEPTH_PROJECTOR:
        return c->has_depth;
    case RT_PART_SPATIAL:
    case RT_PART_SPATIAL_PROJECTOR:
        return c->has_spatial;
    case RT_PART_SCALE:
        return c->has_scale;
    case RT_PARTS:
        break;
    }
    return false;
}

static fm_status open_weights(rt_model *m, fm_err *err)
{
    fm_status st = FM_OK;

    for (int part = 0; part < RT_PARTS && st == FM_OK; part++) {
        char folder[FM_PATH_BYTES];

        if (!has_part(&m->config, (rt_model_part)part))
            continue;
        st = rt_config_part(&m->config, part_names[part], folder, err);
        if (st == FM_OK)
            st = rt_weights_open(&m->weights[part], folder, err);
    }
    return st;
}

/* What loading will take, from what the files' headers say. */
typedef struct {
    const rt_model *model;
    rt_pack pack_as;
    uint64_t elements[RT_PARTS], bytes;
} sizing;

static double bytes_per_element(const sizing *s, const rt_slot *slot, const rt_tensor *tensor)
{
    rt_pack pack = s->pack_as;

    if (slot->rank < 2)
        return sizeof(float);
    if (pack == RT_PACKS)
        pack = rt_pack_as_stored(tensor ? tensor->kind : RT_F32);
    return (double)rt_panel_bytes(pack, RT_BLOCK) / (RT_PANEL * RT_BLOCK);
}

static fm_status size_slot(void *context, const rt_slot *slot, fm_err *err)
{
    sizing *s = context;
    size_t n = 1;
    int part = 0;

    while (part < RT_PARTS && strcmp(part_names[part], slot->part) != 0)
        part++;
    for (int i = 0; i < slot->rank; i++)
        if (!fm_size_mul(n, slot->shape[i], &n))
            return fm_fail(err, FM_E_INPUT, "the tensor '%s' is too large", slot->name);
    if (part == RT_PARTS || !s->model->weights[part])
        return FM_OK;
    const rt_tensor *tensor = rt_weights_find(s->model->weights[part], slot->name);
    s->elements[part] += n;
    s->bytes += (uint64_t)((double)n * bytes_per_element(s, slot, tensor));
    return FM_OK;
}

static fm_status load_vision(rt_model *m, fm_err *err)
{
    const rt_config *c = &m->config;
    fm_status st = rt_tower_load(&m->vision, &c->vision, true, m->packer,
                                 m->weights[RT_PART_VISION], "vision_model.", err);

    if (st == FM_OK)
        st = rt_projector_load(&m->projector, &c->projector, m->packer,
                               m->weights[RT_PART_PROJECTOR], "", err);
    if (st != FM_OK || !c->has_depth)
        return st;
    if (c->has_own_depth_tower)
        st = rt_tower_load(&m->depth_tower, &c->depth_tower, true, m->packer,
                           m->weights[RT_PART_DEPTH_TOWER], "vision_model.", err);
    else
        m->depth_tower = m->vision;
    if (st == FM_OK)
        st = rt_projector_load(&m->depth_projector, &c->depth_projector, m->packer,
                               m->weights[RT_PART_DEPTH_PROJECTOR], "", err);
    return st;
}

static fm_status load_spatial(rt_model *m, fm_err *err)
{
    const rt_spatial_config *c = &m->config.spatial;
    fm_status st = rt_spatial_load(&m->spatial, c, m->packer, m->weights[RT_PART_SPATIAL], err);

    if (st == FM_OK)
        st = rt_projector_load(&m->spatial_projector, &c->projector, m->packer,
                               m->weights[RT_PART_SPATIAL_PROJECTOR], "", err);
    return st;
}

/* A tile takes seconds at full size, a view longer: neither is waited for. */
static void heed_cancelling(rt_model *m)
{
    rt_decoder_stop(m->decoder, &m->cancelled);
    if (m->vision)
        rt_tower_stop(m->vision, &m->cancelled);
    if (m->depth_tower)
        rt_tower_stop(m->depth_tower, &m->cancelled);
    if (m->spatial)
        rt_spatial_stop(m->spatial, &m->cancelled);
}

static fm_status load_parts(rt_model *m, fm_err *err)
{
    fm_status st = rt_decoder_load(&m->decoder, &m->config.llm, m->packer, m->weights[RT_PART_LLM],
                                   rt_pool_threads(m->pool), err);

    if (st == FM_OK && m->config.has_vision)
        st = load_vision(m, err);
    if (st == FM_OK && m->config.has_spatial)
        st = load_spatial(m, err);
    if (st == FM_OK && m->config.has_scale)
        st = rt_scale_decoder_load(&m->scale, &m->config.scale, m->config.llm.width, m->packer,
                                   m->weights[RT_PART_SCALE], err);
    if (st == FM_OK)
        heed_cancelling(m);
    return st;
}

/* ---- telling ---- */

/* "1.54 B", "3.1 M", "12 k" */
static void put_count(fm_buf *out, const char *name, uint64_t n)
{
    double count = (double)n;

    fm_buf_puts(out, out->size > 0 ? ", " : "");
    if (count >= 1e8)
        fm_buf_printf(out, "%s %.2f B", name, count / 1e9);
    else if (count >= 1e5)
        fm_buf_printf(out, "%s %.1f M", name, count / 1e6);
    else
        fm_buf_printf(out, "%s %.0f k", name, count / 1e3);
}

static const char *family_of(const rt_decoder_config *c)
{
    return c->qk_norm ? "Qwen3" : c->qkv_bias ? "Qwen2" : "Llama";
}

static fm_status describe(rt_model *m, const rt_model_options *o, const sizing *s, fm_err *err)
{
    static const char *const kinds[RT_KINDS] = {
        [RT_F32] = "f32", [RT_F16] = "f16", [RT_BF16] = "bf16", [RT_Q8_0] = "q8", [RT_Q4_0] = "q4"};
    static const char *const chosen[] = {[RT_WEIGHTS_F32] = "f32",
                                         [RT_WEIGHTS_BF16] = "bf16",
                                         [RT_WEIGHTS_Q8] = "q8",
                                         [RT_WEIGHTS_Q4] = "q4"};
    const rt_config *c = &m->config;
    const rt_tensor *stored =
        rt_weights_find(m->weights[RT_PART_LLM], "model.layers.0.mlp.down_proj.weight");
    fm_buf text = {0};
    rt_description d = {
        .name = c->name,
        .weights = o->weights != RT_WEIGHTS_AS_STORED ? chosen[o->weights] : kinds[stored->kind],
        .isa = m->compute.kernels->name,
        .isa_version = m->compute.kernels->version,
        .weight_bytes = rt_packer_bytes(m->packer),
        .vocabulary = c->llm.vocabulary,
        .max_tokens = (int)m->max_tokens,
        .sees = c->has_vision,
        .depth = c->has_depth,
        .spatial = c->has_spatial,
        .scale = c->has_scale,
        .threads = rt_pool_threads(m->pool),
    };

    put_count(&text, family_of(&c->llm), s->elements[RT_PART_LLM]);
    if (c->has_vision)
        put_count(&text, "SigLIP", s->elements[RT_PART_VISION]);
    if (c->has_own_depth_tower)
        put_count(&text, "depth tower", s->elements[RT_PART_DEPTH_TOWER]);
    if (c->has_spatial)
        put_count(&text,
                  c->spatial.generation == RT_MAPANYTHING_V1 ? "MapAnything v1"
                                                             : "MapAnything v1.1",
                  s->elements[RT_PART_SPATIAL]);
    if (c->has_scale)
        put_count(&text, "scale decoder", s->elements[RT_PART_SCALE]);
    for (int part = 0; part < RT_PARTS; part++)
        d.parameters += s->elements[part];
    d.architecture = fm_arena_strdup(&m->arena, fm_buf_text(&text));
    fm_status st = fm_buf_check(&text, "a model's description", err);
    fm_buf_release(&text);
    if (st == FM_OK && !d.architecture)
        st = fm_fail(err, FM_E_NOMEM, "no memory for a model's description");
    m->description = d;
    return st;
}

void rt_model_describe(const rt_model *model, rt_description *out)
{
    *out = model->description;
}

/* ---- opening: the whole ---- */

/* Panels of less are made in no time. */
enum { SMALLEST_KEPT_BYTES = 16 << 20 };

typedef struct {
    const rt_model_options *options;
    uint64_t all_bytes;
} opening;

static bool show_progress(void *context, uint64_t done_bytes)
{
    const opening *o = context;
    uint64_t all = o->all_bytes > done_bytes ? o->all_bytes : done_bytes;

    return !o->options->progress ||
           o->options->progress(o->options->progress_context, done_bytes, all);
}

/* Without a packed file opening is slower, and no more than that. */
static fm_status load(rt_model *m, const char *folder, const rt_model_options *o, uint64_t bytes,
                      fm_err *err)
{
    opening watched = {o, bytes};

    rt_packer_watched(m->packer, show_progress, &watched);
    if (o->packed_dir && bytes >= SMALLEST_KEPT_BYTES)
        (void)!rt_packer_use_file(m->packer, o->packed_dir, folder, bytes, NULL);
    fm_status st = load_parts(m, err);
    rt_packer_watched(m->packer, NULL, NULL);
    if (st == FM_OK)
        rt_packer_keep(m->packer);
    return st;
}

static size_t limit_of(int wanted, size_t own)
{
    return wanted > 0 && (size_t)wanted < own ? (size_t)wanted : own;
}

static fm_status open_model(rt_model *m, const char *folder, const rt_model_options *o, fm_err *err)
{
    sizing s = {.model = m, .pack_as = pack_of(o->weights)};
    fm_status st = rt_config_read(folder, &m->arena, &m->config, err);

    if (st == FM_OK)
        st = read_words(m, err);
    if (st == FM_OK)
        st = open_weights(m, err);
    if (st == FM_OK)
        st = rt_layout_walk(&m->config, size_slot, &s, err);
    if (st == FM_OK)
        st = rt_model_hold(m, s.bytes, "the model", err);
    if (st == FM_OK)
        st = start_computing(m, o, err);
    if (st == FM_OK)
        st = load(m, folder, o, s.bytes, err);
    m->max_tokens = limit_of(o->max_tokens, (size_t)m->config.llm.max_tokens);
    m->max_picture_pixels =
        o->max_picture_pixels > 0 ? (size_t)o->max_picture_pixels : (size_t)64 * 1000 * 1000;
    return st == FM_OK ? describe(m, o, &s, err) : st;
}

rt_status rt_model_open(rt_model **out, const char *folder, const rt_model_options *options,
                        rt_err *err)
{
    static const rt_model_options defaults = {0};
    const rt_model_options *o = options ? options : &defaults;
    rt_model *m = calloc(1, sizeof(*m));
    fm_err inner = {0};

    fm_status st =
        m ? check_options(o, &inner) : fm_fail(&inner, FM_E_NOMEM, "no memory for a model");
    if (st == FM_OK) {
        m->memory_limit = o->max_memory_bytes;
        st = open_model(m, folder, o, &inner);
    }
    if (st != FM_OK)
        rt_model_close(m);
    else
        *out = m;
    return rt_report(st, &inner, err);
}

void rt_model_close(rt_model *model)
{
    if (!model)
        return;
    rt_scale_decoder_free(model->scale);
    rt_projector_free(model->spatial_projector);
    rt_spatial_free(model->spatial);
    rt_projector_free(model->depth_projector);
    rt_projector_free(model->projector);
    if (model->depth_tower != model->vision)
        rt_tower_free(model->depth_tower);
    rt_tower_free(model->vision);
    rt_decoder_free(model->decoder);
    rt_packer_free(model->packer);
    rt_pool_free(model->pool);
    for (int part = 0; part < RT_PARTS; part++)
        rt_weights_close(model->weights[part]);
    rt_lexicon_free(model->lexicon);
    rt_tokenizer_free(model->tokenizer);
    fm_arena_release(&model->arena);
    free(model);
}
