/* Owns what the members of that which looks at pictures mean: SigLIP's tower, its projector, how pictures are
 * tiled, and RoboRefer's depth. */
#include <stdlib.h>

#include "base/json.h"
#include "base/size.h"
#include "engine/config_internal.h"

/* ---- a tower ---- */

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

void rt_config_projector_kind(rt_members *m, const char *key, rt_projector_kind *kind)
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
        rt_members_fail(m, "s2_scales", "wants up to %d growing multiples of %d, such as '448,896'",
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

static fm_status read_vision(rt_config_reading *r, int select)
{
    rt_config *c = r->out;
    const char *file;
    cJSON *processor = NULL;
    rt_part_config p;
    fm_status st = rt_part_config_open(&p, r, "vision_tower");

    if (st != FM_OK)
        return st;
    read_tower(&p.members, select, &c->vision);
    st = rt_config_load(r, "vision_tower/preprocessor_config.json", &file, &processor);
    if (st == FM_OK && p.members.st == FM_OK) {
        rt_members root = rt_config_root(r);

        read_tiling(&root, c->vision.image, &c->pictures);
        p.members.st = root.st;
        p.members.sources[p.members.n++] = (rt_source){processor, file, NULL};
        read_three(&p.members, "image_mean", -1000, 0.5, c->pictures.mean);
        read_three(&p.members, "image_std", 1e-6, 0.5, c->pictures.deviation);
        rt_members_bool(&p.members, "centre_pictures", &c->pictures.centred);
    }
    cJSON_Delete(processor);
    rt_part_config_close(&p);
    return st != FM_OK ? st : p.members.st;
}

/* What the projector of pictures takes: a token's features, of dynamic_s2 those of all scales. */
static int picture_width(const rt_config *c)
{
    return c->vision.width * (c->pictures.tiling == RT_TILES_DYNAMIC_S2 ? c->pictures.n_scales : 1);
}

static fm_status read_projector(rt_config_reading *r)
{
    rt_config *c = r->out;
    rt_members root = rt_config_root(r);
    int in = picture_width(c);
    rt_part_config p;
    fm_status st = rt_part_config_open(&p, r, "mm_projector");

    if (st != FM_OK)
        return st;
    c->projector = (rt_projector_config){RT_PROJECT_DOWN_2X2, in, c->llm.width};
    if (!rt_members_find(&p.members, "mm_projector_type", NULL))
        rt_members_fail(&p.members, "mm_projector_type", "is missing");
    rt_config_projector_kind(&p.members, "mm_projector_type", &c->projector.kind);
    if (p.members.st == FM_OK)
        rt_members_whole(&root, "mm_hidden_size", 1, MAX_WIDTH * RT_MAX_SCALES, &in);
    if (in != c->projector.in)
        rt_members_fail(&root, "mm_hidden_size", "is %d, but the tower and the tiling make %d", in,
                        c->projector.in);
    rt_part_config_close(&p);
    return p.members.st != FM_OK ? p.members.st : root.st;
}

/* RoboRefer's depth: pictures of depth through a tower of their own, or the one of pictures. */
static fm_status read_depth(rt_config_reading *r, int select)
{
    static const char *const rules[] = {"inverse", "linear"};
    rt_config *c = r->out;
    rt_members root = rt_config_root(r);
    int rule = RT_DEPTH_INVERSE;
    rt_part_config p;
    fm_status st;

    c->has_own_depth_tower = rt_config_has_part(r, "depth_tower");
    rt_members_bool(&root, "use_depth_tower", &c->has_own_depth_tower);
    rt_members_choice(&root, "depth_picture", rules, FM_COUNT_OF(rules), &rule);
    c->pictures.depth_rule = (rt_depth_rule)rule;
    if (root.st != FM_OK)
        return root.st;
    c->depth_tower = c->vision;
    if (c->has_own_depth_tower) {
        st = rt_part_config_open(&p, r, "depth_tower");
        if (st != FM_OK)
            return st;
        read_tower(&p.members, select, &c->depth_tower);
        if (c->depth_tower.image != c->vision.image)
            rt_members_fail(&p.members, "image_size", "is not that of the vision tower, %d",
                            c->vision.image);
        rt_part_config_close(&p);
        if (p.members.st != FM_OK)
            return p.members.st;
    }
    st = rt_part_config_open(&p, r, "depth_projector");
    if (st != FM_OK)
        return st;
    c->depth_projector = (rt_projector_config){
        c->projector.kind, c->projector.in / c->vision.width * c->depth_tower.width, c->llm.width};
    rt_config_projector_kind(&p.members, "mm_projector_type", &c->depth_projector.kind);
    rt_config_projector_kind(&p.members, "depth_projector_type", &c->depth_projector.kind);
    rt_part_config_close(&p);
    return p.members.st;
}

fm_status rt_config_read_pictures(rt_config_reading *r)
{
    static const char *const features[] = {"cls_patch"};
    rt_members root = rt_config_root(r);
    int select = -2, feature;

    rt_members_whole(&root, "mm_vision_select_layer", -MAX_LAYERS, MAX_LAYERS, &select);
    rt_members_choice(&root, "mm_vision_select_feature", features, 1, &feature);
    r->out->has_depth = rt_config_has_part(r, "depth_projector");
    rt_members_bool(&root, "enable_depth", &r->out->has_depth);
    if (root.st != FM_OK)
        return root.st;
    fm_status st = read_vision(r, select);
    if (st == FM_OK)
        st = read_projector(r);
    return st == FM_OK && r->out->has_depth ? read_depth(r, select) : st;
}
