/* Owns how GGUF names and numbers what we call otherwise. */
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "engine/gguf.h"

static const struct {
    uint32_t type;
    rt_kind kind;
} kinds[] = {{0, RT_F32}, {1, RT_F16}, {2, RT_Q4_0}, {8, RT_Q8_0}, {30, RT_BF16}};

rt_kind rt_gguf_kind(uint32_t type)
{
    for (size_t i = 0; i < FM_COUNT_OF(kinds); i++)
        if (kinds[i].type == type)
            return kinds[i].kind;
    return RT_KINDS;
}

uint32_t rt_gguf_type(rt_kind kind)
{
    size_t i = 0;

    while (kinds[i].kind != kind) /* every kind is in it */
        i++;
    return kinds[i].type;
}

typedef struct {
    const char *ours, *theirs;
} pair;

static const pair whole_names[] = {{"model.embed_tokens", "token_embd"},
                                   {"model.norm", "output_norm"},
                                   {"lm_head", "output"},
                                   {NULL, NULL}},
                  layer_names[] = {
                      {"input_layernorm", "attn_norm"},    {"post_attention_layernorm", "ffn_norm"},
                      {"self_attn.q_proj", "attn_q"},      {"self_attn.k_proj", "attn_k"},
                      {"self_attn.v_proj", "attn_v"},      {"self_attn.o_proj", "attn_output"},
                      {"self_attn.q_norm", "attn_q_norm"}, {"self_attn.k_norm", "attn_k_norm"},
                      {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
                      {"mlp.down_proj", "ffn_down"},       {NULL, NULL}};

/* The other name of one that has so many characters, or NULL. */
static const char *other_name(const pair *pairs, const char *name, size_t size, bool ours)
{
    for (; pairs->ours; pairs++) {
        const char *known = ours ? pairs->ours : pairs->theirs;

        if (strlen(known) == size && strncmp(known, name, size) == 0)
            return ours ? pairs->theirs : pairs->ours;
    }
    return NULL;
}

/* "<layers><number>.<name>.weight", or a name without a layer: what stands in between is exchanged. */
static void translate(const char *name, bool ours, char out[RT_GGUF_NAME_BYTES])
{
    static const char our_layers[] = "model.layers.", their_layers[] = "blk.";
    const char *from = ours ? our_layers : their_layers, *to = ours ? their_layers : our_layers;
    const char *ending = strrchr(name, '.'), *part = name, *other = NULL;
    int layer = -1, used = 0;

    if (strncmp(name, from, strlen(from)) == 0 &&
        sscanf(name + strlen(from), "%6d.%n", &layer, &used) == 1 && used > 0 && layer >= 0)
        part = name + strlen(from) + used;
    if (ending > part)
        other = other_name(part == name ? whole_names : layer_names, part, (size_t)(ending - part),
                           ours);
    if (!other)
        snprintf(out, RT_GGUF_NAME_BYTES, "%s", name);
    else if (part == name)
        snprintf(out, RT_GGUF_NAME_BYTES, "%s%s", other, ending);
    else
        snprintf(out, RT_GGUF_NAME_BYTES, "%s%d.%s%s", to, layer, other, ending);
}

void rt_gguf_name_to_ours(const char *theirs, char out[RT_GGUF_NAME_BYTES])
{
    translate(theirs, false, out);
}

void rt_gguf_name_to_theirs(const char *ours, char out[RT_GGUF_NAME_BYTES])
{
    translate(ours, true, out);
}
