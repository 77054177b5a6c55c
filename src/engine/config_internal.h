/* What the readers of configurations share: bounds far over what any network of this kind has (products
 * of two stay under 2^40), and the reader of GGUF's metadata. */
#ifndef RT_ENGINE_CONFIG_INTERNAL_H
#define RT_ENGINE_CONFIG_INTERNAL_H

#include "engine/config.h"

enum {
    MAX_WIDTH = 1 << 16,
    MAX_MLP = 1 << 20,
    MAX_LAYERS = 1 << 10,
    MAX_HEADS = 1 << 10,
    MAX_HEAD_SIZE = 256,
    MAX_VOCABULARY = 1 << 20,
    MAX_TOKENS = 1 << 24,
    MAX_PATCH = 64,
    MAX_SIDE = 1 << 13,
    MAX_TILES = 64,
};

/* As rt_config_read(). */
FM_MUST_CHECK fm_status rt_config_read_gguf(const char *path, fm_arena *arena, rt_config *out,
                                            fm_err *err);

#endif
