/* Owns what the metadata of a GGUF file say about the language model in it. */
#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "engine/config_internal.h"
#include "engine/weights_internal.h"

typedef struct {
    const rt_weights *weights;
    const char *architecture;
    fm_status st; /* the first failure */
    fm_err *err;
} reading;

/* "<architecture>.<name>" */
static void key_of(const reading *r, const char *name, char out[128])
{
    snprintf(out, 128, "%s.%s", r->architecture, name);
}

static void whole(reading *r, const char *name, bool needed, int high, int *out)
{
    char key[128];
    int64_t value;

    key_of(r, name, key);
    if (r->st != FM_OK)
        return;
    if (!rt_weights_has(r->weights, key)) {
        if (needed)
            r->st = fm_fail(r->err, FM_E_INPUT, "%s: '%s' is missing", rt_weights_path(r->weights),
                            key);
        return;
    }
    if (!rt_weights_integer(r->weights, key, &value) || value < 1 || value > high)
        r->st = fm_fail(r->err, FM_E_INPUT, "%s: '%s' wants a whole number from 1 to %d",
                        rt_weights_path(r->weights), key, high);
    else
        *out = (int)value;
}

static void number(reading *r, const char *name, double low, double high, double *out)
{
    char key[128];
    double value;

    key_of(r, name, key);
    if (r->st != FM_OK || !rt_weights_has(r->weights, key))
        return;
    if (!rt_weights_number(r->weights, key, &value) || value < low || value > high)
        r->st = fm_fail(r->err, FM_E_INPUT, "%s: '%s' wants a number from %g to %g",
                        rt_weights_path(r->weights), key, low, high);
    else
        *out = value;
}

/* *out stays where there is none. */
static void text(reading *r, const char *key, const char **out)
{
    if (r->st == FM_OK && rt_weights_has(r->weights, key) && !rt_weights_text(r->weights, key, out))
        r->st =
            fm_fail(r->err, FM_E_INPUT, "%s: '%s' wants a text", rt_weights_path(r->weights), key);
}

static void refuse_scaling(reading *r)
{
    char key[128];
    const char *type = NULL;
    double factor = 1;

    key_of(r, "rope.scaling.type", key);
    text(r, key, &type);
    number(r, "rope.scaling.factor", 0, 1e12, &factor);
    /* llama.cpp takes a factor without a type for a linear one, and 0 for none. */
    bool scales = type ? strcmp(type, "none") != 0 : factor != 1 && factor != 0;
    if (r->st == FM_OK && (scales || rt_weights_find(r->weights, "rope_freqs.weight")))
        r->st = fm_fail(r->err, FM_E_INPUT, "%s: scales positions, which this engine does not",
                        rt_weights_path(r->weights));
}

/* llama.cpp reorders the rows of q and k of Llama so that pairs stand next to each other: rotated so,
 * they give the same products. Qwen's are as Hugging Face has them. */
static void read_decoder(reading *r, rt_decoder_config *c)
{
    const rt_tensor *embeddings = rt_weights_find(r->weights, "model.embed_tokens.weight");

    *c = (rt_decoder_config){.max_tokens = 32768, .rope_theta = 10000, .norm_eps = 1e-6};
    whole(r, "embedding_length", true, MAX_WIDTH, &c->width);
    whole(r, "block_count", true, MAX_LAYERS, &c->layers);
    whole(r, "attention.head_count", true, MAX_HEADS, &c->heads);
    whole(r, "feed_forward_length", true, MAX_MLP, &c->mlp);
    if (r->st != FM_OK)
        return;
    c->kv_heads = c->heads;
    c->head_size = c->width / c->heads;
    whole(r, "attention.head_count_kv", false, MAX_HEADS, &c->kv_heads);
    whole(r, "attention.key_length", false, MAX_HEAD_SIZE, &c->head_size);
    whole(r, "context_length", false, MAX_TOKENS, &c->max_tokens);
    number(r, "rope.freq_base", 1, 1e12, &c->rope_theta);
    number(r, "attention.layer_norm_rms_epsilon", 0, 1, &c->norm_eps);
    refuse_scaling(r);
    c->adjacent_rotation = strcmp(r->architecture, "llama") == 0;
    c->qkv_bias = rt_weights_find(r->weights, "model.layers.0.self_attn.q_proj.bias") != NULL;
    c->qk_norm = rt_weights_find(r->weights, "model.layers.0.self_attn.q_norm.weight") != NULL;
    c->tied = rt_weights_find(r->weights, "lm_head.weight") == NULL;
    if (r->st == FM_OK && (!embeddings || embeddings->rank != 2 || embeddings->shape[0] < 1 ||
                           embeddings->shape[0] > MAX_VOCABULARY))
        r->st = fm_fail(r->err, FM_E_INPUT, "%s: has no table of at most %d embeddings",
                        rt_weights_path(r->weights), MAX_VOCABULARY);
    if (r->st == FM_OK)
        c->vocabulary = (int)embeddings->shape[0];
    if (r->st == FM_OK && (c->head_size < 2 || c->head_size % 2 != 0 ||
                           c->heads % c->kv_heads != 0 || c->head_size > MAX_HEAD_SIZE))
        r->st = fm_fail(
            r->err, FM_E_INPUT,
            "%s: %d heads of %d, %d of keys: the size has to be even and at most %d, the "
            "heads a multiple of those of keys",
            rt_weights_path(r->weights), c->heads, c->head_size, c->kv_heads, MAX_HEAD_SIZE);
}

static void read_architecture(reading *r, rt_decoder_config *out)
{
    static const char *const known[] = {"qwen2", "llama", "qwen3"};

    if (!rt_weights_text(r->weights, "general.architecture", &r->architecture)) {
        r->st = fm_fail(r->err, FM_E_INPUT, "%s: is no GGUF file with 'general.architecture'",
                        rt_weights_path(r->weights));
        return;
    }
    for (size_t i = 0; i < FM_COUNT_OF(known); i++)
        if (strcmp(r->architecture, known[i]) == 0) {
            read_decoder(r, out);
            return;
        }
    r->st = fm_fail(r->err, FM_E_INPUT,
                    "%s: the architecture '%.40s' is none of qwen2, qwen3 and llama",
                    rt_weights_path(r->weights), r->architecture);
}

fm_status rt_config_read_gguf(const char *path, fm_arena *arena, rt_config *out, fm_err *err)
{
    rt_config config = {.plain = true};
    rt_weights *weights = NULL;
    const char *name = fm_path_base(path), *chat = NULL;

    /* Else it would be taken for safetensors; one that cannot be read is told of below. */
    if (access(path, R_OK) == 0 && !rt_is_gguf_file(path))
        return fm_fail(err, FM_E_INPUT, "%s: is neither a model's folder nor a GGUF file", path);
    fm_status st = rt_weights_open(&weights, path, err);
    if (st != FM_OK)
        return st;
    reading r = {.weights = weights, .err = err};
    read_architecture(&r, &config.llm);
    text(&r, "general.name", &name);
    text(&r, "tokenizer.chat_template", &chat);
    config.name = fm_arena_strdup(arena, name);
    config.folder = fm_arena_strdup(arena, path);
    config.chat_template = fm_arena_strdup(arena, chat);
    rt_weights_close(weights);
    if (r.st != FM_OK)
        return r.st;
    if (!config.name || !config.folder || (chat && !config.chat_template))
        return fm_fail(err, FM_E_NOMEM, "no memory for a model's configuration");
    *out = config;
    return FM_OK;
}
