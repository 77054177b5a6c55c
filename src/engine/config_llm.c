/* Owns what the members of a language model mean, in a folder of its own (llm) or as the root of a plain model. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "engine/config_internal.h"

static void read_rope(rt_members *m, rt_decoder_config *c)
{
    /* Newer files put them into an object of their own. */
    const rt_source *source = NULL;
    const cJSON *parameters = rt_members_find(m, "rope_parameters", &source);
    const cJSON *scaling = rt_members_find(m, "rope_scaling", NULL);
    const char *type = fm_json_string(parameters ? parameters : scaling, "rope_type");

    if ((parameters || scaling) && !(type && strcmp(type, "default") == 0))
        rt_members_fail(m, parameters ? "rope_parameters" : "rope_scaling",
                        "scales positions, which this engine does not");
    rt_members_number(m, "rope_theta", 1, 1e12, &c->rope_theta);
    if (parameters && m->st == FM_OK) {
        rt_members inner = {.n = 1, .err = m->err};
        char within[96];

        snprintf(within, sizeof(within), "%s%srope_parameters",
                 source->within ? source->within : "", source->within ? "." : "");
        inner.sources[0] = (rt_source){parameters, source->file, within};
        rt_members_number(&inner, "rope_theta", 1, 1e12, &c->rope_theta);
        m->st = inner.st;
    }
    rt_members_bool(m, "rope_interleave", &c->adjacent_rotation);
}

static void check_heads(rt_members *m, const rt_decoder_config *c)
{
    if (c->head_size < 2 || c->head_size > MAX_HEAD_SIZE || c->head_size % 2 != 0)
        rt_members_fail(m, "num_attention_heads", "makes heads of %d, an even size to %d is needed",
                        c->head_size, MAX_HEAD_SIZE);
    if (c->heads % c->kv_heads != 0)
        rt_members_fail(m, "num_key_value_heads", "does not divide the %d heads", c->heads);
}

static void read_decoder(rt_members *m, rt_decoder_config *c)
{
    enum { QWEN2, LLAMA, QWEN3 };
    static const char *const families[] = {"qwen2", "llama", "qwen3"}, *const acts[] = {"silu"};
    int family = QWEN2, act;
    bool other = false;

    *c = (rt_decoder_config){.max_tokens = 32768, .rope_theta = 10000, .norm_eps = 1e-6};
    rt_members_choice(m, "model_type", families, FM_COUNT_OF(families), &family);
    rt_members_choice(m, "hidden_act", acts, FM_COUNT_OF(acts), &act);
    rt_members_need(m, "hidden_size", 1, MAX_WIDTH, &c->width);
    rt_members_need(m, "num_hidden_layers", 1, MAX_LAYERS, &c->layers);
    rt_members_need(m, "num_attention_heads", 1, MAX_HEADS, &c->heads);
    rt_members_need(m, "intermediate_size", 1, MAX_MLP, &c->mlp);
    rt_members_need(m, "vocab_size", 1, MAX_VOCABULARY, &c->vocabulary);
    if (m->st != FM_OK)
        return;
    c->kv_heads = c->heads;
    rt_members_whole(m, "num_key_value_heads", 1, MAX_HEADS, &c->kv_heads);
    c->head_size = c->width / c->heads;
    rt_members_whole(m, "head_dim", 2, MAX_HEAD_SIZE, &c->head_size);
    check_heads(m, c);
    rt_members_whole(m, "max_position_embeddings", 1, MAX_TOKENS, &c->max_tokens);
    rt_members_number(m, "rms_norm_eps", 0, 1, &c->norm_eps);
    read_rope(m, c);
    c->qkv_bias = family == QWEN2;
    if (family != QWEN2)
        rt_members_bool(m, "attention_bias", &c->qkv_bias);
    c->qk_norm = family == QWEN3;
    rt_members_bool(m, "qk_norm", &c->qk_norm);
    rt_members_bool(m, "tie_word_embeddings", &c->tied);
    rt_members_bool(m, "use_sliding_window", &other);
    if (other)
        rt_members_fail(m, "use_sliding_window", "is true, which this engine does not do");
    rt_members_bool(m, "mlp_bias", &other);
    if (other)
        rt_members_fail(m, "mlp_bias", "is true, which this engine does not do");
}

/* The tokenizer's limit may be under the positions that the network was made for. */
static void read_limit(rt_members *m, rt_decoder_config *c)
{
    int limit = MAX_TOKENS;

    rt_members_whole(m, "model_max_length", 1, MAX_TOKENS, &limit);
    if (limit < c->max_tokens)
        c->max_tokens = limit;
}

fm_status rt_config_read_llm(rt_config_reading *r)
{
    rt_members root = rt_config_root(r);
    rt_part_config p;
    fm_status st = rt_part_config_open(&p, r, "llm");

    if (st != FM_OK)
        return st;
    read_decoder(&p.members, &r->out->llm);
    read_limit(&p.members, &r->out->llm);
    if (p.members.st == FM_OK)
        read_limit(&root, &r->out->llm);
    rt_part_config_close(&p);
    return p.members.st != FM_OK ? p.members.st : root.st;
}

fm_status rt_config_read_plain(rt_config_reading *r)
{
    rt_members root = rt_config_root(r);

    read_decoder(&root, &r->out->llm);
    read_limit(&root, &r->out->llm);
    return root.st;
}
