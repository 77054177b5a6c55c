/* Owns the decoder over a store's values, and the drawing of replies. */
#include "train/rollout.h"

#include <stdlib.h>
#include <string.h>

#include "engine/sampler.h"

struct tr_rollout {
    const tr_network *network;
    tr_pass pass; /* of pictures */
    rt_pool *pool;
    rt_compute compute;
    rt_weights *weights; /* of the store's own memory */
    rt_packer *packer;
    rt_decoder *decoder;
    uint64_t packed; /* the store's, when the decoder was made of it */
    rt_memory *memory;
    size_t prefix;          /* positions of the picture */
    float *embeddings;      /* of one question */
    size_t embeddings_room; /* tokens */
    float *hidden, *logits; /* [TR_MOST_GROUP] rows */
    rt_sampler samplers[TR_MOST_GROUP];
};

static size_t width_of(const tr_rollout *r)
{
    return (size_t)r->network->config.llm.width;
}

static size_t vocabulary_of(const tr_rollout *r)
{
    return (size_t)r->network->config.llm.vocabulary;
}

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for replies");
}

/* ---- the decoder ---- */

/* The language model's tensors where the store has them. */
static fm_status borrow_weights(tr_rollout *r, fm_err *err)
{
    const tr_store *store = &r->network->store;
    const char **names = calloc(store->n_slots + 1, sizeof(*names));
    rt_tensor *tensors = calloc(store->n_slots + 1, sizeof(*tensors));
    fm_status st = names && tensors ? FM_OK : no_memory(err);
    size_t n = 0;

    for (size_t i = 0; i < store->n_slots && st == FM_OK; i++) {
        const tr_slot *slot = &store->slots[i];

        if (strcmp(slot->part, "llm") != 0)
            continue;
        names[n] = slot->name;
        tensors[n] = (rt_tensor){.kind = RT_F32,
                                 .rank = slot->rank,
                                 .data = store->values + slot->at.first,
                                 .size_bytes = slot->at.rows * slot->at.columns * sizeof(float)};
        memcpy(tensors[n++].shape, slot->shape, sizeof(slot->shape));
    }
    if (st == FM_OK)
        st = rt_weights_borrow(&r->weights, "the network", names, tensors, n, err);
    free(names);
    free(tensors);
    return st;
}

/* Its matrices are copies: they are made anew once the values have changed. */
static fm_status renew_decoder(tr_rollout *r, fm_err *err)
{
    const tr_store *store = &r->network->store;

    if (r->decoder && r->packed == store->packed)
        return FM_OK;
    rt_memory_free(r->memory);
    rt_decoder_free(r->decoder);
    rt_packer_free(r->packer);
    r->memory = NULL;
    r->decoder = NULL;
    r->packer = NULL;
    r->packed = store->packed;
    fm_status st = rt_packer_new(&r->packer, RT_PACK_F32, r->pool, err);
    return st == FM_OK ? rt_decoder_load(&r->decoder, &r->network->config.llm, r->packer,
                                         r->weights, 1, err)
                       : st;
}

fm_status tr_rollout_new(tr_rollout **out, const tr_network *network, size_t memory_bytes,
                         fm_err *err)
{
    tr_rollout *r = calloc(1, sizeof(*r));

    if (!r)
        return no_memory(err);
    r->network = network;
    tr_pass_init(&r->pass, &network->store, memory_bytes);
    r->hidden = calloc(TR_MOST_GROUP * width_of(r), sizeof(*r->hidden));
    r->logits = calloc(TR_MOST_GROUP * vocabulary_of(r), sizeof(*r->logits));
    fm_status st = r->hidden && r->logits ? rt_pool_new(&r->pool, 1, err) : no_memory(err);
    r->compute = (rt_compute){r->pass.kernels, r->pool, false};
    if (st == FM_OK)
        st = borrow_weights(r, err);
    if (st != FM_OK) {
        tr_rollout_free(r);
        return st;
    }
    *out = r;
    return FM_OK;
}

void tr_rollout_free(tr_rollout *rollout)
{
    if (!rollout)
        return;
    rt_memory_free(rollout->memory);
    rt_decoder_free(rollout->decoder);
    rt_packer_free(rollout->packer);
    rt_weights_close(rollout->weights);
    rt_pool_free(rollout->pool);
    tr_pass_release(&rollout->pass);
    free(rollout->embeddings);
    free(rollout->hidden);
    free(rollout->logits);
    free(rollout);
}

/* ---- looking ---- */

static size_t longest_question(const tr_example *example)
{
    size_t most = 0;

    for (size_t i = 0; i < example->n_questions; i++)
        if (example->questions[i].answer > most)
            most = example->questions[i].answer;
    return most;
}

/* Room to embed a question, or one token of each reply. */
static fm_status make_room(tr_rollout *r, size_t tokens, fm_err *err)
{
    tokens = tokens > TR_MOST_GROUP ? tokens : TR_MOST_GROUP;
    if (tokens <= r->embeddings_room)
        return FM_OK;
    float *grown = realloc(r->embeddings, tokens * width_of(r) * sizeof(*grown));
    if (!grown)
        return no_memory(err);
    r->embeddings = grown;
    r->embeddings_room = tokens;
    return FM_OK;
}

fm_status tr_rollout_look(tr_rollout *rollout, const tr_example *example, size_t n, size_t longest,
                          fm_err *err)
{
    tr_rollout *r = rollout;
    size_t question = longest_question(example);
    fm_status st = renew_decoder(r, err);

    if (st == FM_OK)
        st = make_room(r, question, err);
    if (st != FM_OK)
        return st;
    tr_pass_reset(&r->pass);
    tr_rows prefix = tr_network_prefix(r->network, &r->pass, example);
    if (r->pass.failed)
        return fm_fail(err, FM_E_NOMEM, "a picture takes over %zu MB (memory_mb)",
                       r->pass.cap_bytes >> 20);
    r->prefix = prefix.n;
    rt_memory_free(r->memory);
    r->memory = NULL;
    st = rt_memory_new(&r->memory, r->decoder, RT_KEPT_F32, prefix.n + question, n, longest, err);
    return st == FM_OK && prefix.n > 0
               ? rt_decoder_prefill(r->decoder, &r->compute, r->memory, RT_SHARED, prefix.x,
                                    prefix.n, NULL, 0, err)
               : st;
}

/* ---- drawing ---- */

/* The next token of a reply; it is active while more may follow. */
static fm_status draw_token(tr_rollout *r, const tr_drawing *how, size_t i, float *logits,
                            tr_reply *reply, bool *active, fm_err *err)
{
    int32_t id = rt_sampler_choose(&r->samplers[i], logits, how->tokens);

    if (id < 0)
        return fm_fail(err, FM_E_INTERNAL, "no token can follow: the logits are no numbers");
    reply->ids[reply->n++] = id;
    reply->ended = id == how->end;
    *active = !reply->ended && reply->n < how->longest;
    return FM_OK;
}

/* Read the question behind the picture; every reply begins with a token of its own. */
static fm_status begin(tr_rollout *r, const tr_question *question, const tr_drawing *how, size_t n,
                       tr_reply *out, bool *active, fm_err *err)
{
    size_t vocabulary = vocabulary_of(r);

    rt_memory_forget(r->memory, r->prefix);
    rt_decoder_embed(r->decoder, question->ids, question->answer, r->embeddings);
    fm_status st = rt_decoder_prefill(r->decoder, &r->compute, r->memory, RT_SHARED, r->embeddings,
                                      question->answer, r->hidden, 1, err);
    if (st != FM_OK)
        return st;
    rt_decoder_logits(r->decoder, &r->compute, r->hidden, 1, r->logits);
    for (size_t i = 1; i < n; i++) /* choosing changes them */
        memcpy(r->logits + i * vocabulary, r->logits, vocabulary * sizeof(*r->logits));
    for (size_t i = 0; i < n && st == FM_OK; i++)
        st = draw_token(r, how, i, r->logits + i * vocabulary, &out[i], &active[i], err);
    return st;
}

/* One token more in each reply that goes on; *more: there are such. */
static fm_status go_on(tr_rollout *r, const tr_drawing *how, size_t n, tr_reply *out, bool *active,
                       bool *more, fm_err *err)
{
    size_t which[TR_MOST_GROUP], m = 0, width = width_of(r);

    for (size_t i = 0; i < n; i++) {
        if (!active[i])
            continue;
        rt_decoder_embed(r->decoder, &out[i].ids[out[i].n - 1], 1, r->embeddings + m * width);
        which[m++] = i;
    }
    *more = m > 0;
    if (!*more)
        return FM_OK;
    fm_status st = rt_decoder_step(r->decoder, &r->compute, r->memory, which, m, r->embeddings,
                                   r->hidden, err);
    if (st != FM_OK)
        return st;
    rt_decoder_logits(r->decoder, &r->compute, r->hidden, m, r->logits);
    for (size_t k = 0; k < m && st == FM_OK; k++)
        st = draw_token(r, how, which[k], r->logits + k * vocabulary_of(r), &out[which[k]],
                        &active[which[k]], err);
    return st;
}

fm_status tr_rollout_draw(tr_rollout *rollout, const tr_question *question, const tr_drawing *how,
                          const fm_rng *chance, size_t n, tr_reply *out, fm_err *err)
{
    bool active[TR_MOST_GROUP] = {false}, more = true;

    for (size_t i = 0; i < n; i++) {
        out[i].n = 0;
        rollout->samplers[i] = (rt_sampler){how->temperature, how->top_p, 0, chance[i]};
    }
    fm_status st = begin(rollout, question, how, n, out, active, err);
    while (st == FM_OK && more)
        st = go_on(rollout, how, n, out, active, &more, err);
    return st;
}
