/* What the parts of a network are told about their own shape. */
#ifndef RT_ENGINE_CONFIG_H
#define RT_ENGINE_CONFIG_H

#include <stdbool.h>

/* A decoder of Qwen2's kind; Llama's is one without biases, whose pairs stand next to each other. */
typedef struct {
    int width, layers, heads, kv_heads, head_size, mlp; /* head_size at most 256 */
    int vocabulary, max_tokens;
    double rope_theta, norm_eps;
    bool qkv_bias, tied, adjacent_rotation;
} rt_decoder_config;

#endif
