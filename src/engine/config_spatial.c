/* Owns what the members of the spatial encoder and of the scale decoder mean. */
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "engine/config_internal.h"

/* MapAnything as published in its two generations. */
static const rt_spatial_config generations[] = {
    [RT_MAPANYTHING_V1] = {.generation = RT_MAPANYTHING_V1,
                           .tower = {.width = 1024,
                                     .layers = 24,
                                     .heads = 16,
                                     .mlp = 4096,
                                     .patch = 14,
                                     .image = 518,
                                     .class_token = true,
                                     .layer_scale = true,
                                     .final_norm = true,
                                     .resample_positions = true,
                                     .norm_eps = 1e-6},
                           .width = 768,
                           .layers = 24,
                           .heads = 12,
                           .mlp = 3072,
                           .taps = {11, 17},
                           .long_side = 518,
                           .dense = {588, 768, 1024},
                           .global = {128, 256, 512},
                           .scale_hidden = 196},
    [RT_MAPANYTHING_V11] = {.generation = RT_MAPANYTHING_V11,
                            .tower = {.width = 1536,
                                      .layers = 24,
                                      .heads = 24,
                                      .mlp = 4096,
                                      .patch = 14,
                                      .image = 518,
                                      .class_token = true,
                                      .layer_scale = true,
                                      .swiglu = true,
                                      .resample_positions = true,
                                      .norm_eps = 1e-6},
                            .width = 1536,
                            .layers = 16,
                            .heads = 24,
                            .mlp = 4096,
                            .swiglu = true,
                            .layer_scale = true,
                            .registers = true,
                            .taps = {7, 11},
                            .long_side = 518,
                            .dense = {588, 768, 1024},
                            .global = {128, 256, 512},
                            .scale_hidden = 196},
};

/* Said by name, or by the size of DINOv2 in a configuration of MapAnything's own. */
static rt_mapanything read_generation(rt_members *m)
{
    static const char *const names[] = {"v1", "v1.1"};
    const char *size = fm_json_string(rt_members_find(m, "encoder_config", NULL), "size");
    int generation = size && strcmp(size, "giant") == 0 ? RT_MAPANYTHING_V11 : RT_MAPANYTHING_V1;

    rt_members_choice(m, "generation", names, FM_COUNT_OF(names), &generation);
    return (rt_mapanything)generation;
}

static void check_spatial(rt_members *m, const rt_spatial_config *c)
{
    if (c->tower.width % c->tower.heads != 0)
        rt_members_fail(m, "encoder_num_heads", "does not divide the width of %d", c->tower.width);
    if (c->width % c->heads != 0)
        rt_members_fail(m, "num_attention_heads", "does not divide the width of %d", c->width);
    if (c->tower.image % c->tower.patch != 0)
        rt_members_fail(m, "position_size", "is no multiple of the patch of %d", c->tower.patch);
    if (c->long_side % c->tower.patch != 0)
        rt_members_fail(m, "long_side", "is no multiple of the patch of %d", c->tower.patch);
    if (c->give_scale_token && c->tap == RT_TAP_FUSED && c->tower.width != c->width)
        rt_members_fail(m, "give_scale_token",
                        "is no token of a projector from a width of %d: it has %d", c->tower.width,
                        c->width);
}

static void read_encoder(rt_members *m, rt_spatial_config *c)
{
    static const char *const taps[] = {"final", "fused", "middle"};
    int tap = RT_TAP_FINAL;

    *c = generations[read_generation(m)];
    rt_members_whole(m, "encoder_hidden_size", 1, MAX_WIDTH, &c->tower.width);
    rt_members_whole(m, "encoder_num_layers", 1, MAX_LAYERS, &c->tower.layers);
    rt_members_whole(m, "encoder_num_heads", 1, MAX_HEADS, &c->tower.heads);
    rt_members_whole(m, "encoder_intermediate_size", 1, MAX_MLP, &c->tower.mlp);
    rt_members_whole(m, "patch_size", 1, MAX_PATCH, &c->tower.patch);
    rt_members_whole(m, "position_size", 1, MAX_SIDE, &c->tower.image);
    rt_members_whole(m, "hidden_size", 1, MAX_WIDTH, &c->width);
    rt_members_whole(m, "num_hidden_layers", 1, MAX_LAYERS, &c->layers);
    rt_members_whole(m, "num_attention_heads", 1, MAX_HEADS, &c->heads);
    rt_members_whole(m, "intermediate_size", 1, MAX_MLP, &c->mlp);
    rt_members_whole(m, "long_side", 1, MAX_SIDE, &c->long_side);
    rt_members_whole(m, "scale_head_size", 1, MAX_WIDTH, &c->scale_hidden);
    rt_members_list(m, "dense_sizes", 1, MAX_WIDTH, c->dense, 3);
    rt_members_list(m, "global_sizes", 1, MAX_WIDTH, c->global, 3);
    rt_members_list(m, "tapped_layers", 0, c->layers - 1, c->taps, 2);
    rt_members_bool(m, "qk_norm", &c->qk_norm);
    rt_members_choice(m, "tap", taps, FM_COUNT_OF(taps), &tap);
    rt_members_bool(m, "give_scale_token", &c->give_scale_token);
    c->tower.used_layers = c->tower.layers;
    c->tower.qk_norm = c->qk_norm;
    c->tap = tap == 1 ? RT_TAP_FUSED : tap == 2 ? RT_TAP_MIDDLE : RT_TAP_FINAL;
    if (m->st == FM_OK)
        check_spatial(m, c);
}

fm_status rt_config_read_spatial(rt_config_reading *r)
{
    rt_spatial_config *c = &r->out->spatial;
    rt_part_config p;
    fm_status st = rt_part_config_open(&p, r, "spatial_encoder");

    if (st != FM_OK)
        return st;
    read_encoder(&p.members, c);
    rt_part_config_close(&p);
    if (p.members.st != FM_OK)
        return p.members.st;
    st = rt_part_config_open(&p, r, "spatial_projector");
    if (st != FM_OK)
        return st;
    c->projector = (rt_projector_config){
        RT_PROJECT_DOWN_2X2, c->tap == RT_TAP_FUSED ? c->tower.width : c->width, r->out->llm.width};
    rt_config_projector_kind(&p.members, "mm_projector_type", &c->projector.kind);
    rt_part_config_close(&p);
    return p.members.st;
}

fm_status rt_config_read_scale(rt_config_reading *r)
{
    rt_scale_config *c = &r->out->scale;
    const rt_spatial_config *spatial =
        r->out->has_spatial ? &r->out->spatial : &generations[RT_MAPANYTHING_V1];
    rt_part_config p;
    fm_status st = rt_part_config_open(&p, r, "scale_decoder");

    if (st != FM_OK)
        return st;
    *c = (rt_scale_config){
        .projected = spatial->width, .hidden = spatial->scale_hidden, .layers = 2, .forced = true};
    rt_members_whole(&p.members, "projected_size", 1, MAX_WIDTH, &c->projected);
    rt_members_whole(&p.members, "hidden_size", 1, MAX_WIDTH, &c->hidden);
    rt_members_whole(&p.members, "num_hidden_layers", 0, 16, &c->layers);
    rt_members_bool(&p.members, "forced", &c->forced);
    const cJSON *token = rt_members_find(&p.members, "token", NULL);
    if (token && (!cJSON_IsString(token) || !*token->valuestring))
        rt_members_fail(&p.members, "token", "wants the text of a token");
    else
        c->token = fm_arena_strdup(r->arena, token ? token->valuestring : "<SCALE>");
    rt_part_config_close(&p);
    return p.members.st == FM_OK && !c->token ? rt_config_no_memory(r) : p.members.st;
}
