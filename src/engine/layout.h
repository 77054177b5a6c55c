/**
 * Every tensor that a model of a configuration consists of: which part's folder it lies in, its name
 * there, its shape, and how it starts. One list serves making random models, training and telling
 * what a folder lacks.
 *
 * Names are those of published checkpoints: Hugging Face's Qwen2 and SigLIP, NVILA's projectors,
 * MapAnything's modules without its dense and pose heads. Layers of a tower that are never run (after
 * used_layers) and tables that can be computed (view_pos_table) are left out. The scale decoder's
 * names are ours: "scale_projector", then MapAnything's own under "scale_head".
 */
#ifndef RT_ENGINE_LAYOUT_H
#define RT_ENGINE_LAYOUT_H

#include "engine/config.h"
#include "engine/tensor.h"

typedef enum { RT_START_NORMAL, RT_START_ZEROS, RT_START_ONES, RT_START_CONSTANT } rt_start;

typedef struct {
    const char *part; /* the folder: "llm", "vision_tower", "mm_projector", ... */
    const char *name; /* in the part's own files; lives as long as the call */
    int rank;
    size_t shape[RT_MAX_RANK];
    rt_start start;
    float value; /* deviation of NORMAL, value of CONSTANT */
} rt_slot;

/* Called for each in a fixed order, a part's one after another; a status other than FM_OK ends the walk
 * and is given back. */
typedef fm_status (*rt_slot_visit)(void *context, const rt_slot *slot, fm_err *err);
FM_MUST_CHECK fm_status rt_layout_walk(const rt_config *config, rt_slot_visit visit, void *context,
                                       fm_err *err);

#endif
