/* A network of a few thousand parameters, of the real one's parts, and one picture with questions for
 * it. Widths are small, but every switch that the bundled model uses is on. */
#ifndef FM_TESTS_TRAIN_FIXTURE_H
#define FM_TESTS_TRAIN_FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/files.h"
#include "support/scratch.h"
#include "train/network.h"

static const char small_config[] =
    "{\"name\": \"small\", \"model_type\": \"llava_llama\", \"model_max_length\": 512,"
    " \"image_aspect_ratio\": \"resize\", \"mm_vision_select_layer\": -1,"
    " \"llm_cfg\": {\"model_type\": \"qwen2\", \"hidden_size\": 32, \"num_hidden_layers\": 2,"
    "  \"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"intermediate_size\": 48,"
    "  \"vocab_size\": 40, \"max_position_embeddings\": 512, \"rope_theta\": 10000.0,"
    "  \"rms_norm_eps\": 1e-6, \"tie_word_embeddings\": true, \"qk_norm\": true},"
    " \"vision_tower_cfg\": {\"model_type\": \"siglip_vision_model\", \"hidden_size\": 16,"
    "  \"num_hidden_layers\": 2, \"num_attention_heads\": 2, \"intermediate_size\": 32,"
    "  \"image_size\": 20, \"patch_size\": 4, \"hidden_act\": \"gelu_pytorch_tanh\","
    "  \"layer_norm_eps\": 1e-6, \"qk_norm\": true, \"centre_pictures\": true},"
    " \"mm_projector_cfg\": {\"mm_projector_type\": \"mlp_downsample_3x3_fix\"},"
    " \"spatial_encoder_cfg\": {\"generation\": \"v1\", \"encoder_hidden_size\": 16,"
    "  \"encoder_num_layers\": 1, \"encoder_num_heads\": 2, \"encoder_intermediate_size\": 32,"
    "  \"patch_size\": 4, \"position_size\": 20, \"hidden_size\": 32, \"num_hidden_layers\": 3,"
    "  \"num_attention_heads\": 4, \"intermediate_size\": 48, \"tapped_layers\": [0, 1],"
    "  \"long_side\": 20, \"dense_sizes\": [8, 16, 16], \"global_sizes\": [4, 8, 8],"
    "  \"scale_head_size\": 8, \"qk_norm\": true, \"tap\": \"final\"},"
    " \"spatial_projector_cfg\": {\"mm_projector_type\": \"mlp_downsample\"},"
    " \"scale_decoder_cfg\": {\"projected_size\": 16, \"hidden_size\": 8, \"num_hidden_layers\": 2,"
    "  \"forced\": true, \"token\": \"<SCALE>\"}}";

/* For a vocabulary of so many tokens. */
static inline void small_folder(const char *folder, int vocabulary)
{
    static const char member[] = "\"vocab_size\": ";
    const char *at = strstr(small_config, member);
    char path[FM_PATH_BYTES];
    fm_buf text = {0};
    fm_err err = {0};

    cr_assert(at != NULL);
    fm_buf_append(&text, small_config, (size_t)(at - small_config));
    fm_buf_printf(&text, "%s%d%s", member, vocabulary, strchr(at, ','));
    cr_assert(eq(int, fm_dir_make(folder, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, fm_path_join(path, folder, "config.json", &err), FM_OK));
    cr_assert(eq(int, fm_file_write_atomic(path, text.data, text.size, &err), FM_OK));
    fm_buf_release(&text);
}

enum {
    SMALL_SIDE = 20,
    SMALL_PATCH = 4,
    SMALL_PATCHES = 25,
    SMALL_KINDS = 3,
    SMALL_VOCABULARY = 40
};

/* Every parameter is normal, so that nothing is hidden by what starts at zero. */
static inline tr_network *small_network(const char *folder, fm_arena *arena)
{
    tr_network *network = NULL;
    rt_config config;
    fm_rng rng;
    fm_err err = {0};

    small_folder(folder, SMALL_VOCABULARY);
    cr_assert(eq(int, rt_config_read(folder, arena, &config, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int,
                 tr_network_new(&network, &config, &(tr_auxiliary){SMALL_KINDS}, NULL, 1, &err),
                 FM_OK),
              "%s", err.text);
    fm_rng_seed(&rng, 5);
    for (size_t i = 0; i < network->store.n_slots; i++) {
        const tr_slot *slot = &network->store.slots[i];
        bool scale = slot->rank == 1 && strstr(slot->name, "weight");

        for (size_t j = 0; j < slot->at.rows * slot->at.columns; j++)
            network->store.values[slot->at.first + j] =
                (scale ? 1.0F : 0.0F) + 0.2F * (float)fm_rng_normal(&rng);
    }
    return network;
}

/* What a small example borrows. */
typedef struct {
    float pixels[SMALL_PATCHES * 3 * SMALL_PATCH * SMALL_PATCH];
    float rays[SMALL_PATCHES * 3 * SMALL_PATCH * SMALL_PATCH];
    float depth[SMALL_PATCHES * SMALL_PATCH * SMALL_PATCH];
    int32_t ids[2][8], kinds[SMALL_PATCHES];
    float codes[9 * 24]; /* three quarters of the tile's 4 tokens, and of the view's 9 */
    bool coded[9];
    float places[SMALL_PATCHES * 3];
    bool placed[SMALL_PATCHES];
    int32_t digits[SMALL_PATCHES * TR_DIGITS];
    tr_question questions[2];
    tr_example example;
} small_example;

static const int32_t small_before[] = {3, 7, TR_TILE, 9, TR_VIEW, 9, 4};

static inline void small_example_make(small_example *e, uint64_t seed)
{
    fm_rng rng;

    fm_rng_seed(&rng, seed);
    for (size_t i = 0; i < sizeof(e->pixels) / sizeof(float); i++) {
        e->pixels[i] = (float)fm_rng_normal(&rng);
        e->rays[i] = (float)fm_rng_normal(&rng) * 0.5F;
    }
    for (size_t i = 0; i < sizeof(e->depth) / sizeof(float); i++)
        e->depth[i] = (float)fm_rng_unit(&rng);
    for (size_t i = 0; i < 16; i++)
        e->ids[i / 8][i % 8] = (int32_t)fm_rng_below(&rng, SMALL_VOCABULARY);
    for (size_t i = 0; i < SMALL_PATCHES; i++) {
        e->kinds[i] = (int32_t)fm_rng_below(&rng, SMALL_KINDS + 1) - 1;
        e->placed[i] = e->kinds[i] > 0;
        for (size_t j = 0; j < 3; j++)
            e->places[i * 3 + j] = (float)fm_rng_unit(&rng);
    }
    for (size_t i = 0; i < SMALL_PATCHES * TR_DIGITS; i++)
        e->digits[i] =
            (int32_t)fm_rng_below(&rng, 12) - 2 < 0 ? -1 : (int32_t)fm_rng_below(&rng, 10);
    for (size_t i = 0; i < sizeof(e->codes) / sizeof(float); i++)
        e->codes[i] = (float)fm_rng_normal(&rng);
    for (size_t i = 0; i < 9; i++)
        e->coded[i] = fm_rng_below(&rng, 3) > 0;
    e->questions[0] = (tr_question){.ids = e->ids[0], .n = 8, .answer = 5, .scale = 4};
    e->questions[1] = (tr_question){.ids = e->ids[1], .n = 6, .answer = 3, .scale = 2};
    e->example = (tr_example){
        .tile = e->pixels,
        .view = {SMALL_SIDE / SMALL_PATCH, SMALL_SIDE / SMALL_PATCH, e->pixels, e->rays, e->depth,
                 1.3F},
        .before = small_before,
        .n_before = sizeof(small_before) / sizeof(small_before[0]),
        .questions = e->questions,
        .n_questions = 2,
        .log_scale = 0.4F,
        .labels = {{SMALL_PATCHES, e->kinds, e->kinds, e->places, e->placed, e->digits},
                   {SMALL_PATCHES, e->kinds, e->kinds, e->places, e->placed, e->digits}},
        .codes = {{4, e->codes, e->coded}, {9, e->codes, e->coded}}};
}

#endif
