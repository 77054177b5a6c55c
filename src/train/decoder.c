/* Owns the language model: Qwen2's layers over rows that see what the spans say. */
#include <stdio.h>

#include "train/parts.h"

static fm_status find_layer(tr_decoder_layer *l, const rt_decoder_config *c, const tr_source *from,
                            fm_err *err)
{
    size_t width = (size_t)c->width, mlp = (size_t)c->mlp, head = (size_t)c->head_size;
    size_t q = (size_t)c->heads * head, kv = (size_t)c->kv_heads * head;
    fm_status st = tr_find_norm(from, &l->attention_norm, "input_layernorm", width, false, err);

    if (st == FM_OK)
        st = tr_find_norm(from, &l->mlp_norm, "post_attention_layernorm", width, false, err);
    if (st == FM_OK)
        st = tr_find_linear(from, &l->q, "self_attn.q_proj", q, width, c->qkv_bias, err);
    if (st == FM_OK)
        st = tr_find_linear(from, &l->k, "self_attn.k_proj", kv, width, c->qkv_bias, err);
    if (st == FM_OK)
        st = tr_find_linear(from, &l->v, "self_attn.v_proj", kv, width, c->qkv_bias, err);
    if (st == FM_OK && c->qk_norm)
        st = tr_find_norm(from, &l->q_norm, "self_attn.q_norm", head, false, err);
    if (st == FM_OK && c->qk_norm)
        st = tr_find_norm(from, &l->k_norm, "self_attn.k_norm", head, false, err);
    if (st == FM_OK)
        st = tr_find_linear(from, &l->out, "self_attn.o_proj", width, q, false, err);
    if (st == FM_OK)
        st = tr_find_linear(from, &l->gate, "mlp.gate_proj", mlp, width, false, err);
    if (st == FM_OK)
        st = tr_find_linear(from, &l->up, "mlp.up_proj", mlp, width, false, err);
    if (st == FM_OK)
        st = tr_find_linear(from, &l->down, "mlp.down_proj", width, mlp, false, err);
    return st;
}

fm_status tr_decoder_find(tr_decoder *out, const rt_decoder_config *config, const tr_store *store,
                          fm_arena *arena, fm_err *err)
{
    tr_source from = {store, "llm", ""};
    size_t vocabulary = (size_t)config->vocabulary, width = (size_t)config->width;
    tr_decoder d = {.config = *config};
    fm_status st =
        config->adjacent_rotation
            ? fm_fail(err, FM_E_INPUT, "llm: Llama's rotation of adjacent pairs is not trained")
            : tr_find_table(&from, &d.embeddings, "model.embed_tokens.weight", vocabulary, width,
                            err);

    if (st == FM_OK)
        st = config->tied ? FM_OK
                          : tr_find_table(&from, &d.head, "lm_head.weight", vocabulary, width, err);
    if (st == FM_OK)
        st = tr_find_norm(&from, &d.norm, "model.norm", width, false, err);
    if (config->tied)
        d.head = d.embeddings;
    d.layers = fm_arena_alloc(arena, (size_t)config->layers + 1, sizeof(*d.layers));
    if (st == FM_OK && !d.layers)
        st = fm_fail(err, FM_E_NOMEM, "no memory for a language model");
    for (int i = 0; i < config->layers && st == FM_OK; i++) {
        char prefix[40];
        tr_source within = {store, "llm", prefix};

        snprintf(prefix, sizeof(prefix), "model.layers.%d.", i);
        st = find_layer(&d.layers[i], config, &within, err);
    }
    if (st == FM_OK)
        *out = d;
    return st;
}

/* Each head of x by itself, where the model does that. */
static tr_rows norm_heads(tr_pass *pass, tr_rows x, const rt_decoder_config *c,
                          const tr_affine *norm)
{
    if (!c->qk_norm)
        return x;
    tr_rows each = tr_rows_of_width(x, (size_t)c->head_size);
    each = tr_rms_norm(pass, each, norm->weight, c->norm_eps);
    return tr_rows_of_width(each, x.width);
}

tr_rows tr_decoder_run(tr_pass *pass, const tr_decoder *decoder, tr_rows x, const size_t *positions,
                       const tr_span *spans, size_t n_spans, const tr_place *wanted,
                       size_t n_wanted)
{
    const rt_decoder_config *c = &decoder->config;
    size_t size = (size_t)c->head_size;
    const float *angles = tr_angles(pass, positions, x.n, size, c->rope_theta);

    for (int i = 0; i < c->layers; i++) {
        const tr_decoder_layer *l = &decoder->layers[i];
        tr_rows normed = tr_rms_norm(pass, x, l->attention_norm.weight, c->norm_eps);
        tr_rows q = norm_heads(pass, tr_apply(pass, normed, &l->q), c, &l->q_norm);
        tr_rows k = norm_heads(pass, tr_apply(pass, normed, &l->k), c, &l->k_norm);
        tr_rows v = tr_apply(pass, normed, &l->v);

        q = tr_rotate(pass, q, angles, size);
        k = tr_rotate(pass, k, angles, size);
        v = tr_attention(pass, q, k, v, spans, n_spans, (size_t)c->heads, (size_t)c->kv_heads);
        if (i + 1 == c->layers) { /* the others' states are of no more use */
            v = tr_gather(pass, &v, 1, wanted, n_wanted, v.width);
            x = tr_gather(pass, &x, 1, wanted, n_wanted, x.width);
        }
        x = tr_add(pass, x, tr_apply(pass, v, &l->out));
        normed = tr_rms_norm(pass, x, l->mlp_norm.weight, c->norm_eps);
        tr_rows inner =
            tr_silu_gate(pass, tr_apply(pass, normed, &l->gate), tr_apply(pass, normed, &l->up));
        x = tr_add(pass, x, tr_apply(pass, inner, &l->down));
    }
    return tr_rms_norm(pass, x, decoder->norm.weight, c->norm_eps);
}

tr_rows tr_decoder_logits(tr_pass *pass, const tr_decoder *decoder, tr_rows hidden)
{
    return tr_linear(pass, hidden, decoder->head, (tr_param){0});
}
