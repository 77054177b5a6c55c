/* The tensors of a configuration: how many numbers the published shapes have, and what they are
 * called. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/idmap.h"
#include "engine/layout.h"
#include "engine/presets.h"
#include "support/scratch.h"

TestSuite(layout, .init = scratch_make, .fini = scratch_remove);

typedef struct {
    size_t numbers, tensors;
    const char *part; /* that is counted */
    fm_id_map shapes; /* "<part>/<name> 2x3", all different */
} tally;

static fm_status count(void *context, const rt_slot *slot, fm_err *err)
{
    tally *t = context;
    size_t n = 1;
    char text[256];
    bool fresh = true;

    (void)err;
    snprintf(text, sizeof(text), "%s/%s ", slot->part, slot->name);
    cr_assert(fm_id_map_put(&t->shapes, text, 1, &fresh, NULL) && fresh, "%stwice", text);
    for (int i = 0; i < slot->rank; i++) {
        n *= slot->shape[i];
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%zu", i > 0 ? "x" : "",
                 slot->shape[i]);
    }
    cr_assert(fm_id_map_put(&t->shapes, text, 1, &fresh, NULL));
    if (strcmp(slot->part, t->part) == 0)
        t->numbers += n;
    t->tensors++;
    return FM_OK;
}

static tally walk(const char *preset, const char *part)
{
    tally t = {.part = part};
    fm_arena arena = {0};
    rt_config c;
    fm_err err = {0};

    scratch_write("config.json", rt_preset_find(preset)->text, *rt_preset_find(preset)->size);
    cr_assert(rt_config_read(scratch_dir, &arena, &c, &err) == FM_OK, "%s", err.text);
    cr_assert(rt_layout_walk(&c, count, &t, &err) == FM_OK, "%s", err.text);
    fm_arena_release(&arena);
    return t;
}

static void expect_numbers(const char *preset, const char *part, size_t expected)
{
    tally t = walk(preset, part);

    cr_expect(eq(sz, t.numbers, expected), "%s of %s", part, preset);
    fm_id_map_release(&t.shapes);
}

/* All counted by hand from the published dimensions. */
Test(layout, the_published_shapes_have_their_numbers)
{
    /* 151936 x 1536; a layer 46,797,824 (q 2,360,832, k and v 393,472 each, o 2,359,296, MLP
     * 3 x 13,762,560, norms 3,072); the last norm. The figure that Qwen2-1.5B is published with. */
    expect_numbers("2b", "llm", 1543714304);
    expect_numbers("qwen2-1.5b", "llm", 1543714304);
    /* 2 x 152064 x 3584 = 1,089,994,752; a layer 233,057,792 (q 12,848,640, k and v 1,835,520 each, o
     * 12,845,056, MLP 3 x 67,895,296, norms 7,168); the last norm 3,584. That of Qwen2-7B. */
    expect_numbers("8b", "llm", 7615616512);
    /* Patches 678,528, positions 1,179,648, 26 layers of 15,239,504 (attention 5,313,024, MLP
     * 9,921,872, norms 4,608). */
    expect_numbers("2b", "vision_tower", 398085280);
    /* Norms 2 x 10368 and 2 x 3456; 10368 x 3456 + 3456, 3456 x 1536 + 1536, 1536 x 1536 + 1536. */
    expect_numbers("2b", "mm_projector", 20736 + 35835264 + 6912 + 5309952 + 2360832);
    /* A norm of 2 x 13824; 13824 x 3584 + 3584; 3584 x 3584 + 3584. */
    expect_numbers("8b", "mm_projector", 27648 + 49548800 + 12848640);
    /* A norm of 2 x 3072; 3072 x 1536 + 1536; 1536 x 1536 + 1536. */
    expect_numbers("2b", "spatial_projector", 6144 + 4720128 + 2360832);
    /* 1536 x 768 + 768; 768 x 196 + 196; 2 x (196 x 196 + 196); 196 + 1. */
    expect_numbers("2b", "scale_decoder", 1180416 + 150724 + 77224 + 197);

    /* DINOv2 ViT-L without its mask token: class token 1,024, positions 1370 x 1024, patches 603,136,
     * 24 blocks of 12,598,272 (norms 4,096, attention 4,198,400, LayerScale 2,048, MLP 8,393,728),
     * norm 2,048. */
    size_t tower = 1024 + 1402880 + 603136 + (size_t)24 * 12598272 + 2048;
    /* 3 x 3 to 588, blocks 588 to 768 and 768 to 1024 (two 3 x 3 and a shortcut), 1 x 1 to 1024, norm. */
    size_t after = (4064256 + 768) + (5308416 + 768) + (451584 + 768) + (7077888 + 1024) +
                   (9437184 + 1024) + (786432 + 1024) + (1048576 + 1024) + 2048;
    size_t rays = 3111696 + 588 + after, depth = 1037232 + 588 + after;
    /* in to 128 to 256 to 512 to 1024, norm; of 1, 4, 3 and 1 inputs. */
    size_t global = 4 * (128 + 33024 + 131584 + 525312 + 2048) + (1 + 4 + 3 + 1) * 128;
    /* 24 blocks of 768: norms 3,072, attention 2,362,368, MLP 4,722,432. */
    size_t sharing = 787200 + (size_t)24 * (3072 + 2362368 + 4722432) + 1536;
    expect_numbers("2b", "spatial_encoder",
                   tower + rays + depth + global + 2048 + 1024 + sharing + 150724 + 77224 + 197);
}

Test(layout, names_and_shapes_are_those_of_checkpoints)
{
    static const char *const of_2b[] = {
        "llm/model.embed_tokens.weight 151936x1536",
        "llm/model.layers.27.self_attn.k_proj.bias 256",
        "llm/model.layers.0.self_attn.o_proj.weight 1536x1536",
        "llm/model.layers.0.mlp.down_proj.weight 1536x8960",
        "llm/model.layers.9.post_attention_layernorm.weight 1536",
        "llm/model.norm.weight 1536",
        "vision_tower/vision_model.embeddings.patch_embedding.weight 1152x3x14x14",
        "vision_tower/vision_model.embeddings.position_embedding.weight 1024x1152",
        "vision_tower/vision_model.encoder.layers.25.self_attn.out_proj.bias 1152",
        "vision_tower/vision_model.encoder.layers.0.mlp.fc1.weight 4304x1152",
        "mm_projector/layers.1.bias 10368",
        "mm_projector/layers.2.weight 3456x10368",
        "mm_projector/layers.7.weight 1536x1536",
        "spatial_encoder/encoder.model.pos_embed 1x1370x1024",
        "spatial_encoder/encoder.model.blocks.23.ls2.gamma 1024",
        "spatial_encoder/ray_dirs_encoder.conv_in.weight 588x588x3x3",
        "spatial_encoder/depth_encoder.encoder.0.shortcut.weight 768x588x1x1",
        "spatial_encoder/depth_encoder.encoder.2.weight 1024x1024x1x1",
        "spatial_encoder/cam_rot_encoder.encoder.0.0.0.0.weight 128x4",
        "spatial_encoder/info_sharing.proj_embed.weight 768x1024",
        "spatial_encoder/info_sharing.self_attention_blocks.23.attn.qkv.weight 2304x768",
        "spatial_encoder/scale_token 1024",
        "spatial_encoder/scale_head.output_proj.weight 1x196",
        "spatial_projector/layers.2.weight 1536x3072",
        "scale_decoder/scale_projector.weight 768x1536",
        "scale_decoder/scale_head.mlp.1.0.weight 196x196",
    };
    static const char *const not_there[] = {
        "llm/lm_head.weight ", "llm/model.layers.0.self_attn.o_proj.bias ",
        "vision_tower/vision_model.encoder.layers.26.mlp.fc1.weight ",
        "vision_tower/vision_model.post_layernorm.weight "};
    tally t = walk("2b", "llm");
    uint64_t one;

    for (size_t i = 0; i < sizeof(of_2b) / sizeof(of_2b[0]); i++)
        cr_expect(fm_id_map_find(&t.shapes, of_2b[i], &one), "%s", of_2b[i]);
    for (size_t i = 0; i < sizeof(not_there) / sizeof(not_there[0]); i++)
        cr_expect(eq(int, fm_id_map_find(&t.shapes, not_there[i], &one), false), "%s",
                  not_there[i]);
    fm_id_map_release(&t.shapes);
}

static fm_status stop_at_third(void *context, const rt_slot *slot, fm_err *err)
{
    return ++*(int *)context == 3 ? fm_fail(err, FM_E_IO, "no more than '%s'", slot->name) : FM_OK;
}

Test(layout, a_visit_that_fails_ends_the_walk)
{
    fm_arena arena = {0};
    fm_err err = {0};
    rt_config c;
    int calls = 0;

    scratch_write("config.json", rt_preset_find("tiny")->text, *rt_preset_find("tiny")->size);
    cr_assert(rt_config_read(scratch_dir, &arena, &c, &err) == FM_OK);
    cr_expect(eq(int, rt_layout_walk(&c, stop_at_third, &calls, &err), FM_E_IO));
    cr_expect(eq(int, calls, 3));
    cr_expect(eq(str, err.text, "no more than 'model.layers.0.self_attn.q_proj.weight'"));
    fm_arena_release(&arena);
}
