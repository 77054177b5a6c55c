/* What a model and a scene are made of, for the files that implement robotracer.h: model.c opens
 * them, scene.c makes pictures into features and a prefix, ask.c answers. */
#ifndef RT_ENGINE_MODEL_INTERNAL_H
#define RT_ENGINE_MODEL_INTERNAL_H

#include <stdatomic.h>

#include "engine/decoder.h"
#include "engine/grammar.h"
#include "engine/projector.h"
#include "engine/prompt.h"
#include "engine/scale.h"
#include "engine/spatial.h"
#include "engine/tower.h"

/* Folders with weights. */
typedef enum {
    RT_PART_LLM,
    RT_PART_VISION,
    RT_PART_PROJECTOR,
    RT_PART_DEPTH_TOWER,
    RT_PART_DEPTH_PROJECTOR,
    RT_PART_SPATIAL,
    RT_PART_SPATIAL_PROJECTOR,
    RT_PART_SCALE,
    RT_PARTS
} rt_model_part;

enum { RT_MAX_ENDS = 4 };

struct rt_model {
    fm_arena arena; /* texts of the configuration and the description */
    rt_config config;
    rt_tokenizer *tokenizer;
    rt_frame frame;
    rt_lexicon *lexicon; /* made for the first question that has a form */
    int32_t
        ends[RT_MAX_ENDS]; /* tokens that end an answer, of which the first is offered to a form */
    size_t n_ends;

    rt_pool *pool;
    rt_compute compute;
    rt_weights *weights[RT_PARTS]; /* mapped as long as the model: embeddings are read there */
    rt_packer *packer;
    rt_decoder *decoder;
    rt_kept kept;
    rt_tower *vision, *depth_tower; /* the same one where depth has none of its own */
    rt_projector *projector, *depth_projector, *spatial_projector;
    rt_spatial *spatial;
    rt_scale_decoder *scale;
    int32_t scale_id; /* of the token that it reads at; -1 without one */

    rt_description description;
    uint64_t memory_limit; /* 0: none */
    uint64_t memory_held;  /* by the model, its scenes and the call under way */
    size_t max_tokens, max_picture_pixels;
    atomic_bool cancelled; /* the call under way is to end */
    rt_probe probe;
    void *probe_context;
};

/* Features where the language model takes embeddings, [rows][its width]; values of malloc. */
typedef struct {
    float *values;
    size_t rows;
} rt_features;

struct rt_scene {
    rt_model *model;
    rt_features *tiles, *depth; /* as many as media says */
    rt_features spatial;
    rt_media media;
    size_t feature_bytes;
    double vision_s, spatial_s;

    /* What all questions share, as the decoder remembers it; made for the first of them, and again where
     * one has another system message. */
    rt_memory *memory;
    size_t memory_bytes;
    char *system; /* that it was made with; NULL: the model's own */
};

/* The status and the message as the public header has them. */
rt_status rt_report(fm_status st, const fm_err *from, rt_err *to);

/* Count bytes that are about to be taken against the caller's limit. FM_E_NOMEM says for what. */
FM_MUST_CHECK fm_status rt_model_hold(rt_model *model, uint64_t bytes, const char *what,
                                      fm_err *err);
void rt_model_let_go(rt_model *model, uint64_t bytes);

/* FM_E_INTERRUPTED once rt_cancel() was called in this call. */
FM_MUST_CHECK fm_status rt_model_go_on(const rt_model *model, fm_err *err);

/* Hand values to whoever looks on. */
void rt_model_show(const rt_model *model, const char *stage, const float *values, size_t rows,
                   size_t columns);

/* Embeddings of ids, every one of which has a row. FM_E_INPUT names a token that has none. */
FM_MUST_CHECK fm_status rt_model_embed(const rt_model *model, const int32_t *ids, size_t n,
                                       float *out, fm_err *err);

/* Whether both are NULL, or the same characters. */
bool rt_same_text(const char *a, const char *b);

/* Let the scene's memory hold what comes before a question with this system message; *made says
 * whether it had to be made. */
FM_MUST_CHECK fm_status rt_scene_prepare(rt_scene *scene, const char *system, bool *made,
                                         fm_err *err);

/* Go n positions on in a branch of the scene's memory, or in its prefix, as rt_decoder_prefill() does,
 * with an ear for rt_cancel(). */
FM_MUST_CHECK fm_status rt_scene_read(rt_scene *scene, size_t branch, const float *embeddings,
                                      size_t n, float *hidden, size_t n_hidden, fm_err *err);

#endif
