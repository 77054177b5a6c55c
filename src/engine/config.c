/* Owns what the members of a model folder's config.json mean, part by part, and what stands where
 * they are silent. docs/engine.md lists them for people. */
#include "engine/config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "engine/config_internal.h"
#include "engine/folder.h"
#include "engine/members.h"

enum { MAX_FILE_BYTES = 16 << 20 };

typedef struct {
    const char *folder; /* NULL: the root's text is all there is */
    fm_arena *arena;
    rt_config *out;
    cJSON *root;
    const char *root_file;
    fm_err *err;
} reading;

static fm_status no_memory(const reading *r)
{
    return fm_fail(r->err, FM_E_NOMEM, "no memory for a model's configuration");
}

/* ---- where members stand ---- */

/* Load "<folder>/<name>" where it is there; *tree stays NULL where it is not. */
static fm_status load(const reading *r, const char *name, const char **file, cJSON **tree)
{
    char path[FM_PATH_BYTES];

    *file = r->root_file;
    if (!r->folder)
        return FM_OK;
    fm_status st = rt_folder_join(path, r->folder, name, r->err);
    if (st != FM_OK)
        return st;
    *file = fm_arena_strdup(r->arena, path);
    if (!*file)
        return no_memory(r);
    if (!fm_file_exists(path))
        return FM_OK;
    st = fm_json_load(path, MAX_FILE_BYTES, tree, r->err);
    if (st == FM_OK && !cJSON_IsObject(*tree))
        st = fm_fail(r->err, FM_E_INPUT, "%s: is no JSON object", path);
    return st;
}

/* A part's own config.json, then what the root says of it. */
typedef struct {
    rt_members members;
    cJSON *own;
} part;

static void part_close(part *p)
{
    cJSON_Delete(p->own);
}

static fm_status part_open(part *p, const reading *r, const char *name)
{
    char config[64], within[64];
    const char *file = NULL, *kept;

    *p = (part){.members = {.err = r->err}};
    snprintf(config, sizeof(config), "%s/config.json", name);
    snprintf(within, sizeof(within), "%s_cfg", name);
    fm_status st = load(r, config, &file, &p->own);
    if (st != FM_OK || !(kept = fm_arena_strdup(r->arena, within))) {
        part_close(p);
        return st != FM_OK ? st : no_memory(r);
    }
    if (p->own)
        p->members.sources[p->members.n++] = (rt_source){p->own, file, NULL};
    p->members.sources[p->members.n++] =
        (rt_source){fm_json_get(r->root, within), r->root_file, kept};
    return FM_OK;
}

/* A part is there where it has a folder, or the root describes it. */
static bool has_part(const reading *r, const char *name)
{
    char within[64], path[FM_PATH_BYTES];

    snprintf(within, sizeof(within), "%s_cfg", name);
    return cJSON_IsObject(fm_json_get(r->root, within)) ||
           (r->folder && rt_folder_join(path, r->folder, name, NULL) == FM_OK &&
            fm_dir_exists(path));
}

static rt_members root_members(const reading *r)
{
    return (rt_members){.sources = {{r->root, r->root_file, NULL}}, .n = 1, .err = r->err};
}

/* ---- the language model ---- */

static void read_rope(rt_members *m, rt_decoder_config *c)
{
    /* Newer files put them into an object of their own. */
    const cJSON *parameters = rt_members_find(m, "rope_parameters", NULL);
    const cJSON *scaling = rt_members_find(m, "rope_scaling", NULL);
    const char *type = fm_json_string(parameters ? parameters : scaling, "rope_type");

    if ((parameters || scaling) && !(type && strcmp(type, "default") == 0))
        rt_members_fail(m, parameters ? "rope_parameters" : "rope_scaling",
                        "scales positions, which this engine does not");
    rt_members_number(m, "rope_theta", 1, 1e12, &c->rope_theta);
    c->rope_theta = fm_json_number(parameters, "rope_theta", c->rope_theta);
    if (!(c->rope_theta >= 1 && c->rope_theta <= 1e12))
        rt_members_fail(m, "rope_parameters", "wants a rope_theta from 1 to 1e12");
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

static fm_status read_llm(reading *r)
{
    rt_members root = root_members(r);
    part p;
    fm_status st = part_open(&p, r, "llm");

    if (st != FM_OK)
        return st;
    read_decoder(&p.members, &r->out->llm);
    read_limit(&p.members, &r->out->llm);
    if (p.members.st == FM_OK)
        read_limit(&root, &r->out->llm);
    part_close(&p);
    return p.members.st != FM_OK ? p.members.st : root.st;
}

/* ---- vision ---- */

static void check_tower(rt_members *m, const rt_tower_config *c)
{
    if (c->width % c->heads != 0)
        rt_members_fail(m, "num_attention_heads", "does not divide the width of %d", c->width);
    if (c->image % c->patch != 0)
        rt_members_fail(m, "image_size", "is no multiple of the patch of %d", c->patch);
}

/* SigLIP's tower. select: the hidden state that is taken, counted from the end where negative. */
static void read_tower(rt_members *m, int select, rt_tower_config *c)
{
    static const char *const acts[] = {"gelu", "gelu_pytorch_tanh"};
    int act = 1;

    *c = (rt_tower_config){.norm_eps = 1e-6};
    rt_members_need(m, "hidden_size", 1, MAX_WIDTH, &c->width);
    rt_members_need(m, "num_hidden_layers", 1, MAX_LAYERS, &c->layers);
    rt_members_need(m, "num_attention_heads", 1, MAX_HEADS, &c->heads);
    rt_members_need(m, "intermediate_size", 1, MAX_MLP, &c->mlp);
    rt_members_need(m, "image_size", 1, MAX_SIDE, &c->image);
    rt_members_need(m, "patch_size", 1, MAX_PATCH, &c->patch);
    rt_members_number(m, "layer_norm_eps", 0, 1, &c->norm_eps);
    rt_members_choice(m, "hidden_act", acts, FM_COUNT_OF(acts), &act);
    rt_members_bool(m, "qk_norm", &c->qk_norm);
    if (m->st != FM_OK)
        return;
    c->gelu_tanh = act == 1;
    check_tower(m, c);
    c->used_layers = select < 0 ? c->layers + 1 + select : select;
    if (c->used_layers < 0 || c->used_layers > c->layers)
        rt_members_fail(m, "num_hidden_layers", "is %d; mm_vision_select_layer is %d", c->layers,
                        select);
}

static void read_projector_kind(rt_members *m, const char *key, rt_projector_kind *kind)
{
    static const char *const names[] = {"linear", "mlp2x_gelu", "mlp_downsample",
                                        "mlp_downsample_2x2_fix", "mlp_downsample_3x3_fix"};
    static const rt_projector_kind kinds[] = {RT_PROJECT_LINEAR, RT_PROJECT_MLP2X,
                                              RT_PROJECT_DOWN_2X2, RT_PROJECT_DOWN_2X2,
                                              RT_PROJECT_DOWN_3X3};
    int index = -1;

    rt_members_choice(m, key, names, FM_COUNT_OF(names), &index);
    if (index >= 0)
        *kind = kinds[index];
}

/* "448,896,1344", from the smallest. */
static void read_scales(rt_members *m, int side, rt_picture_config *c)
{
    const cJSON *item = rt_members_find(m, "s2_scales", NULL);
    const char *at = item ? cJSON_GetStringValue(item) : "448,896,1344";

    c->n_scales = 0;
    for (bool more = at != NULL; more && m->st == FM_OK;) {
        char *end;
        long scale = strtol(at, &end, 10);
        long before = c->n_scales > 0 ? c->scales[c->n_scales - 1] : 0;

        if (end == at || (*end && *end != ',') || scale <= before || scale > MAX_SIDE ||
            scale % side != 0 || c->n_scales == RT_MAX_SCALES)
            break;
        c->scales[c->n_scales++] = (int)scale;
        more = *end == ',';
        at = more ? end + 1 : NULL;
    }
    if (at)
        c->n_scales = 0;
    if (c->n_scales == 0)
        rt_members_fail(m, "s2_scales", "wants to %d growing multiples of %d, such as '448,896'",
                        RT_MAX_SCALES, side);
}

static void read_tiling(rt_members *m, int side, rt_picture_config *c)
{
    static const char *const names[] = {"resize", "dynamic", "dynamic_s2"};
    int tiling = RT_TILES_RESIZE, split = side, from_end;
    bool s2 = false, dynamic_s2 = false;

    *c = (rt_picture_config){.min_tiles = 1, .max_tiles = 12};
    rt_members_choice(m, "image_aspect_ratio", names, FM_COUNT_OF(names), &tiling);
    rt_members_bool(m, "dynamic_s2", &dynamic_s2);
    rt_members_bool(m, "s2", &s2);
    if (s2 && !dynamic_s2)
        rt_members_fail(m, "s2", "is true without dynamic_s2, which this engine does not do");
    c->tiling = dynamic_s2 ? RT_TILES_DYNAMIC_S2 : (rt_tiling)tiling;
    rt_members_whole(m, "min_tiles", 1, MAX_TILES, &c->min_tiles);
    rt_members_whole(m, "max_tiles", 1, MAX_TILES, &c->max_tiles);
    if (c->min_tiles > c->max_tiles)
        rt_members_fail(m, "min_tiles", "is over max_tiles, %d", c->max_tiles);
    if (c->tiling != RT_TILES_DYNAMIC_S2)
        return;
    rt_members_whole(m, "s2_max_split_size", 1, MAX_SIDE, &split);
    if (split != side)
        rt_members_fail(m, "s2_max_split_size", "is %d, but the tower takes %d", split, side);
    read_scales(m, side, c);
    from_end = -1;
    rt_members_whole(m, "s2_resize_output_to_scale_idx", -c->n_scales, c->n_scales - 1, &from_end);
    c->resize_output_to = from_end < 0 ? c->n_scales + from_end : from_end;
}

static void read_three(rt_members *m, const char *key, double low, double otherwise, float out[3])
{
    double values[3] = {otherwise, otherwise, otherwise};
    const cJSON *item = m->st == FM_OK ? rt_members_find(m, key, NULL) : NULL;
    bool right = !item || fm_json_vector(item, values, 3);

    for (int i = 0; i < 3; i++) {
        right = right && values[i] >= low && values[i] <= 1000;
        out[i] = (float)values[i];
    }
    if (!right)
        rt_members_fail(m, key, "wants three numbers from %g to 1000", low);
}

static fm_status read_vision(reading *r, int select)
{
    rt_config *c = r->out;
    const char *file;
    cJSON *processor = NULL;
    part p;
    fm_status st = part_open(&p, r, "vision_tower");

    if (st != FM_OK)
        return st;
    read_tower(&p.members, select, &c->vision);
    st = load(r, "vision_tower/preprocessor_config.json", &file, &processor);
    if (st == FM_OK && p.members.st == FM_OK) {
        rt_members root = root_members(r);

        read_tiling(&root, c->vision.image, &c->pictures);
        p.members.st = root.st;
        p.members.sources[p.members.n++] = (rt_source){processor, file, NULL};
        read_three(&p.members, "image_mean", -1000, 0.5, c->pictures.mean);
        read_three(&p.members, "image_std", 1e-6, 0.5, c->pictures.deviation);
        rt_members_bool(&p.members, "centre_pictures", &c->pictures.centred);
    }
    cJSON_Delete(processor);
    part_close(&p);
    return st != FM_OK ? st : p.members.st;
}

/* What the projector of pictures takes: a token's features, of dynamic_s2 those of all scales. */
static int picture_width(const rt_config *c)
{
    return c->vision.width * (c->pictures.tiling == RT_TILES_DYNAMIC_S2 ? c->pictures.n_scales : 1);
}

static fm_status read_projector(reading *r)
{
    rt_config *c = r->out;
    rt_members root = root_members(r);
    int in = picture_width(c);
    part p;
    fm_status st = part_open(&p, r, "mm_projector");

    if (st != FM_OK)
        return st;
    c->projector = (rt_projector_config){RT_PROJECT_DOWN_2X2, in, c->llm.width};
    if (!rt_members_find(&p.members, "mm_projector_type", NULL))
        rt_members_fail(&p.members, "mm_projector_type", "is missing");
    read_projector_kind(&p.members, "mm_projector_type", &c->projector.kind);
    if (p.members.st == FM_OK)
        rt_members_whole(&root, "mm_hidden_size", 1, MAX_WIDTH * RT_MAX_SCALES, &in);
    if (in != c->projector.in)
        rt_members_fail(&root, "mm_hidden_size", "is %d, but the tower and the tiling make %d", in,
                        c->projector.in);
    part_close(&p);
    return p.members.st != FM_OK ? p.members.st : root.st;
}

/* RoboRefer's depth: pictures of depth through a tower of their own, or the one of pictures. */
static fm_status read_depth(reading *r, int select)
{
    static const char *const rules[] = {"inverse", "linear"};
    rt_config *c = r->out;
    rt_members root = root_members(r);
    int rule = RT_DEPTH_INVERSE;
    part p;
    fm_status st;

    c->has_own_depth_tower = has_part(r, "depth_tower");
    rt_members_bool(&root, "use_depth_tower", &c->has_own_depth_tower);
    rt_members_choice(&root, "depth_picture", rules, FM_COUNT_OF(rules), &rule);
    c->pictures.depth_rule = (rt_depth_rule)rule;
    if (root.st != FM_OK)
        return root.st;
    c->depth_tower = c->vision;
    if (c->has_own_depth_tower) {
        st = part_open(&p, r, "depth_tower");
        if (st != FM_OK)
            return st;
        read_tower(&p.members, select, &c->depth_tower);
        if (c->depth_tower.image != c->vision.image)
            rt_members_fail(&p.members, "image_size", "is not that of the vision tower, %d",
                            c->vision.image);
        part_close(&p);
        if (p.members.st != FM_OK)
            return p.members.st;
    }
    st = part_open(&p, r, "depth_projector");
    if (st != FM_OK)
        return st;
    c->depth_projector = (rt_projector_config){
        c->projector.kind, c->projector.in / c->vision.width * c->depth_tower.width, c->llm.width};
    read_projector_kind(&p.members, "mm_projector_type", &c->depth_projector.kind);
    read_projector_kind(&p.members, "depth_projector_type", &c->depth_projector.kind);
    part_close(&p);
    return p.members.st;
}

static fm_status read_pictures(reading *r)
{
    static const char *const features[] = {"cls_patch"};
    rt_members root = root_members(r);
    int select = -2, feature;

    rt_members_whole(&root, "mm_vision_select_layer", -MAX_LAYERS, MAX_LAYERS, &select);
    rt_members_choice(&root, "mm_vision_select_feature", features, 1, &feature);
    r->out->has_depth = has_part(r, "depth_projector");
    rt_members_bool(&root, "enable_depth", &r->out->has_depth);
    if (root.st != FM_OK)
        return root.st;
    fm_status st = read_vision(r, select);
    if (st == FM_OK)
        st = read_projector(r);
    return st == FM_OK && r->out->has_depth ? read_depth(r, select) : st;
}

/* ---- the spatial encoder and the scale decoder ---- */

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

static fm_status read_spatial(reading *r)
{
    rt_spatial_config *c = &r->out->spatial;
    part p;
    fm_status st = part_open(&p, r, "spatial_encoder");

    if (st != FM_OK)
        return st;
    read_encoder(&p.members, c);
    part_close(&p);
    if (p.members.st != FM_OK)
        return p.members.st;
    st = part_open(&p, r, "spatial_projector");
    if (st != FM_OK)
        return st;
    c->projector = (rt_projector_config){
        RT_PROJECT_DOWN_2X2, c->tap == RT_TAP_FUSED ? c->tower.width : c->width, r->out->llm.width};
    read_projector_kind(&p.members, "mm_projector_type", &c->projector.kind);
    part_close(&p);
    return p.members.st;
}

static fm_status read_scale(reading *r)
{
    rt_scale_config *c = &r->out->scale;
    const rt_spatial_config *spatial =
        r->out->has_spatial ? &r->out->spatial : &generations[RT_MAPANYTHING_V1];
    part p;
    fm_status st = part_open(&p, r, "scale_decoder");

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
    part_close(&p);
    return p.members.st == FM_OK && !c->token ? no_memory(r) : p.members.st;
}

/* ---- the whole ---- */

static fm_status copy_text(const reading *r, const char *text, const char **out)
{
    *out = fm_arena_strdup(r->arena, text);
    return *out ? FM_OK : no_memory(r);
}

static fm_status read_names(reading *r)
{
    char real[PATH_MAX];
    const char *name = fm_json_string(r->root, "name");
    const char *chat = fm_json_string(r->root, "chat_template");
    fm_status st = r->folder ? copy_text(r, r->folder, &r->out->folder) : FM_OK;

    if (!name)
        name = fm_path_base(r->folder && realpath(r->folder, real) ? real : r->root_file);
    if (st == FM_OK)
        st = copy_text(r, name, &r->out->name);
    return st == FM_OK && chat ? copy_text(r, chat, &r->out->chat_template) : st;
}

/* NVILA's layout, with what RoboTracer adds to it. */
static fm_status read_parts(reading *r)
{
    static const char *const orders[] = {"image_spatial_text", "spatial_image_text"};
    rt_members root = root_members(r);
    int order = 0;

    r->out->has_vision = has_part(r, "vision_tower");
    r->out->has_spatial = has_part(r, "spatial_encoder");
    r->out->has_scale = has_part(r, "scale_decoder");
    rt_members_choice(&root, "media_order", orders, FM_COUNT_OF(orders), &order);
    r->out->order = order == 1 ? RT_ORDER_SPATIAL_IMAGE_TEXT : RT_ORDER_IMAGE_SPATIAL_TEXT;
    fm_status st = root.st;
    if (st == FM_OK)
        st = read_llm(r);
    if (st == FM_OK && r->out->has_vision)
        st = read_pictures(r);
    if (st == FM_OK && r->out->has_spatial)
        st = read_spatial(r);
    return st == FM_OK && r->out->has_scale ? read_scale(r) : st;
}

static fm_status read_root(reading *r)
{
    fm_status st = read_names(r);

    if (st != FM_OK)
        return st;
    if (has_part(r, "llm"))
        return read_parts(r);
    rt_members root = root_members(r);
    r->out->plain = true;
    read_decoder(&root, &r->out->llm);
    read_limit(&root, &r->out->llm);
    return root.st;
}

fm_status rt_config_read(const char *folder, fm_arena *arena, rt_config *out, fm_err *err)
{
    rt_config config = {0};
    reading r = {.folder = folder, .arena = arena, .out = &config, .err = err};

    if (fm_file_exists(folder))
        return rt_config_read_gguf(folder, arena, out, err);
    if (!fm_dir_exists(folder))
        return fm_fail(err, FM_E_IO, "cannot open '%s': no folder or file of that name", folder);
    fm_status st = load(&r, "config.json", &r.root_file, &r.root);
    if (st == FM_OK && !r.root)
        st = fm_fail(err, FM_E_INPUT, "%s: has no config.json, so it is no model's folder", folder);
    if (st == FM_OK)
        st = read_root(&r);
    cJSON_Delete(r.root);
    if (st == FM_OK)
        *out = config;
    return st;
}

fm_status rt_config_parse(const char *text, size_t size, const char *name, fm_arena *arena,
                          rt_config *out, fm_err *err)
{
    rt_config config = {0};
    reading r = {.root_file = name, .arena = arena, .out = &config, .err = err};
    fm_status st = fm_json_parse(text, size, name, &r.root, err);

    if (st == FM_OK && !cJSON_IsObject(r.root))
        st = fm_fail(err, FM_E_INPUT, "%s: is no JSON object", name);
    if (st == FM_OK)
        st = read_root(&r);
    cJSON_Delete(r.root);
    if (st == FM_OK)
        *out = config;
    return st;
}

fm_status rt_config_part(const rt_config *config, const char *name, char out[FM_PATH_BYTES],
                         fm_err *err)
{
    if (!config->plain)
        return rt_folder_join(out, config->folder, name, err);
    if (snprintf(out, FM_PATH_BYTES, "%s", config->folder) >= FM_PATH_BYTES)
        return fm_fail(err, FM_E_INPUT, "path too long: '%.100s...'", config->folder);
    return FM_OK;
}
