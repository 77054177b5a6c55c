/**
 * What a model folder says about itself, in one structure: config.json of the root and of each part,
 * checked, with the documented defaults where the paper leaves a point open (docs/engine.md).
 *
 * Reads folders of NVILA and RoboRefer as published (robotracer layout: llm/, vision_tower/,
 * mm_projector/, depth_tower/, depth_projector/, spatial_encoder/, spatial_projector/,
 * scale_decoder/), a folder of a plain Qwen2 or Llama model, and a GGUF file of one.
 */
#ifndef RT_ENGINE_CONFIG_H
#define RT_ENGINE_CONFIG_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/files.h"
#include "fathom/status.h"

/* A decoder of Qwen2's kind; Llama's is one without biases, with pairs rotated next to each other. */
typedef struct {
    int width, layers, heads, kv_heads, head_size, mlp; /* head_size at most 256 */
    int vocabulary, max_tokens;
    double rope_theta, norm_eps;
    bool qkv_bias, tied, adjacent_rotation;
    bool qk_norm; /* RMSNorm over each head of q and k before rotation, as Qwen3's */
} rt_decoder_config;

/* A vision transformer: SigLIP's or DINOv2's. */
typedef struct {
    int width, layers, heads, mlp, patch;
    int image;       /* side of the square that the position table is for */
    int used_layers; /* features are taken after so many */
    bool class_token, layer_scale, swiglu, gelu_tanh, final_norm;
    bool qk_norm; /* LayerNorm over each head of q and k: "attn.q_norm", "self_attn.q_norm" */
    bool resample_positions; /* DINOv2: the table is resized to the picture's grid */
    double norm_eps;
} rt_tower_config;

typedef enum {
    RT_PROJECT_LINEAR,
    RT_PROJECT_MLP2X,    /* linear, GELU, linear */
    RT_PROJECT_DOWN_2X2, /* mlp_downsample and mlp_downsample_2x2_fix */
    RT_PROJECT_DOWN_3X3, /* mlp_downsample_3x3_fix */
} rt_projector_kind;

typedef struct {
    rt_projector_kind kind;
    int in, out; /* in: of one token, before blocks are joined */
} rt_projector_config;

typedef enum { RT_TILES_RESIZE, RT_TILES_DYNAMIC, RT_TILES_DYNAMIC_S2 } rt_tiling;

#define RT_MAX_SCALES 4

/* How metres become the brightness that a depth tower sees; see rt_picture_depth(). Not stated in
 * the papers: RoboRefer's depth comes from an estimator of relative inverse depth. */
typedef enum { RT_DEPTH_INVERSE, RT_DEPTH_LINEAR } rt_depth_rule;

typedef struct {
    rt_tiling tiling;
    int min_tiles, max_tiles;
    int scales[RT_MAX_SCALES], n_scales; /* dynamic_s2 */
    int resize_output_to; /* index of the scale whose grid the others are brought to */
    float mean[3], deviation[3];
    bool centred; /* each picture's own mean per channel in place of `mean` */
    rt_depth_rule depth_rule;
} rt_picture_config;

typedef enum { RT_MAPANYTHING_V1, RT_MAPANYTHING_V11 } rt_mapanything;

typedef struct {
    rt_mapanything generation;
    rt_tower_config tower;
    int width, layers, heads, mlp; /* of info-sharing */
    bool swiglu, layer_scale, registers;
    int taps[2];   /* layers whose normed output can be taken */
    int long_side; /* 518: the resolution rule's set; a small model has its own */
    /* Widths inside the encoders of geometry: 588, 768, 1024 and 128, 256, 512; of the scale head: 196. */
    int dense[3], global[3], scale_hidden;
    bool qk_norm;
    /* Open in the paper; the defaults stand first. */
    enum {
        RT_TAP_FINAL,
        RT_TAP_FUSED,
        RT_TAP_MIDDLE
    } tap;                 /* what the projector is given; MIDDLE: taps[1] */
    bool give_scale_token; /* whether the scale token's features follow the patches' (false) */
    rt_projector_config projector; /* DOWN_2X2 */
} rt_spatial_config;

typedef struct {
    int projected, hidden, layers; /* LLM width -> projected -> hidden ... -> 1 */
    bool forced;       /* <SCALE> is put at the answer's beginning (true), or the model's to say */
    const char *token; /* "<SCALE>" */
} rt_scale_config;

typedef struct {
    const char *name, *folder; /* in the arena; folder NULL after rt_config_parse() */
    bool
        plain; /* a language model alone: its files lie in the folder itself, or it is a GGUF file */
    rt_decoder_config llm;
    bool has_vision, has_depth, has_own_depth_tower, has_spatial, has_scale;
    rt_tower_config vision, depth_tower;
    rt_projector_config projector, depth_projector;
    rt_picture_config pictures;
    rt_spatial_config spatial;
    rt_scale_config scale;
    const char *chat_template; /* NULL: ChatML with "You are a helpful assistant" */
    enum { RT_ORDER_IMAGE_SPATIAL_TEXT, RT_ORDER_SPATIAL_IMAGE_TEXT } order;
} rt_config;

/* folder: or a GGUF file. FM_E_INPUT names file and member. Every size is bounded, so that products of
 * two fit a size_t. */
FM_MUST_CHECK fm_status rt_config_read(const char *folder, fm_arena *arena, rt_config *out,
                                       fm_err *err);

/* The same of the text of a root's config.json alone, which describes its parts itself. name: for
 * messages; it and the text are borrowed for the call. */
FM_MUST_CHECK fm_status rt_config_parse(const char *text, size_t size, const char *name,
                                        fm_arena *arena, rt_config *out, fm_err *err);

/* Where the files of a part ("llm", "vision_tower", ...) lie: "<folder>/<name>", of a plain model the
 * folder or the file itself. */
FM_MUST_CHECK fm_status rt_config_part(const rt_config *config, const char *name,
                                       char out[FM_PATH_BYTES], fm_err *err);

#endif
