/* What a model folder says about itself: presets, parts that say more than the root, defaults, plain
 * folders, and members that are wrong. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/config.h"
#include "engine/presets.h"
#include "support/scratch.h"

TestSuite(config, .init = scratch_make, .fini = scratch_remove);

static fm_arena arena;

static void write_preset(const char *name)
{
    const rt_preset *preset = rt_preset_find(name);

    cr_assert(preset != NULL);
    scratch_write("config.json", preset->text, *preset->size);
}

static void write_text(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text));
}

static void make_folder(const char *name)
{
    cr_assert(mkdir(scratch_path(name), 0777) == 0);
}

static rt_config read_config(void)
{
    rt_config c = {0};
    fm_err err = {0};

    cr_assert(rt_config_read(scratch_dir, &arena, &c, &err) == FM_OK, "%s", err.text);
    return c;
}

Test(config, the_2b_shape_is_the_published_one)
{
    write_preset("2b");
    rt_config c = read_config();

    cr_expect(c.llm.width == 1536 && c.llm.head_size == 128 && c.llm.kv_heads == 2);
    cr_expect(c.llm.qkv_bias && c.llm.tied && !c.llm.qk_norm && !c.llm.adjacent_rotation);
    cr_expect(c.llm.rope_theta == 1e6 && c.llm.max_tokens == 16384);
    cr_expect(c.has_vision && !c.has_depth && c.has_spatial && c.has_scale && !c.plain);
    cr_expect(c.vision.used_layers == 26 && c.vision.gelu_tanh && !c.vision.class_token);
    cr_expect(c.projector.kind == RT_PROJECT_DOWN_3X3 && c.projector.in == 1152);
    cr_expect(c.pictures.tiling == RT_TILES_DYNAMIC && c.pictures.max_tiles == 12);
    cr_expect(c.pictures.mean[2] == 0.5F && c.pictures.deviation[0] == 0.5F);
    cr_expect(c.spatial.tower.width == 1024 && c.spatial.width == 768 && c.spatial.taps[1] == 17);
    cr_expect(c.spatial.projector.in == 768 && c.spatial.projector.out == 1536);
    cr_expect(c.scale.projected == 768 && c.scale.forced && strcmp(c.scale.token, "<SCALE>") == 0);
    cr_expect(c.order == RT_ORDER_IMAGE_SPATIAL_TEXT);
    cr_expect(eq(str, (char *)c.name, "RoboTracer-2B shape"));
}

Test(config, the_8b_shape_joins_three_scales)
{
    write_preset("8b");
    rt_config c = read_config();

    cr_expect(c.pictures.tiling == RT_TILES_DYNAMIC_S2 && c.pictures.n_scales == 3);
    cr_expect(c.pictures.scales[2] == 1344 && c.pictures.resize_output_to == 2);
    cr_expect(c.projector.kind == RT_PROJECT_DOWN_2X2 && c.projector.in == 3456);
    cr_expect(c.llm.max_tokens == 8192 && !c.llm.tied);
}

Test(config, every_preset_is_read)
{
    for (size_t i = 0; i < rt_presets_count; i++) {
        write_preset(rt_presets[i].name);
        rt_config c = read_config();

        cr_expect(eq(int, c.plain, strcmp(rt_presets[i].name, "qwen2-1.5b") == 0));
        cr_expect(rt_presets[i].summary[0] != '\0');
    }
    cr_expect(rt_preset_find("3b") == NULL);
}

/* The layout as NVILA and RoboRefer save it. */
Test(config, a_part_says_more_than_the_root)
{
    static const char *const parts[] = {"llm",           "vision_tower",     "mm_projector",
                                        "depth_tower",   "depth_projector",  "spatial_encoder",
                                        "scale_decoder", "spatial_projector"};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        make_folder(parts[i]);
    write_text("config.json",
               "{\"image_aspect_ratio\":\"resize\",\"mm_vision_select_layer\":-1,"
               "\"enable_depth\":true,\"use_depth_tower\":true,\"depth_picture\":\"linear\","
               "\"resume_path\":null,"
               "\"llm_cfg\":{\"hidden_size\":10,\"num_hidden_layers\":3,\"vocab_size\":400},"
               "\"spatial_encoder_cfg\":{\"generation\":\"v1\"},"
               "\"vision_tower_cfg\":{\"hidden_size\":12}}");
    write_text("llm/config.json",
               "{\"model_type\":\"qwen2\",\"hidden_size\":64,\"num_attention_heads\":4,"
               "\"num_key_value_heads\":2,\"intermediate_size\":128,\"rope_theta\":5e5}");
    static const char tower[] = "{\"num_hidden_layers\":4,\"num_attention_heads\":2,"
                                "\"intermediate_size\":24,\"image_size\":28,\"patch_size\":14,"
                                "\"hidden_size\":%d}";
    char text[256];
    snprintf(text, sizeof(text), tower, 16);
    write_text("vision_tower/config.json", text);
    snprintf(text, sizeof(text), tower, 8);
    write_text("depth_tower/config.json", text);
    write_text("vision_tower/preprocessor_config.json",
               "{\"image_mean\":[0.1,0.2,0.3],\"image_std\":[1,2,3]}");
    write_text("mm_projector/config.json", "{\"mm_projector_type\":\"mlp_downsample_2x2_fix\"}");
    write_text("spatial_encoder/config.json",
               "{\"generation\":\"v1.1\",\"tap\":\"fused\",\"give_scale_token\":true}");
    write_text("spatial_projector/config.json", "{\"mm_projector_type\":\"linear\"}");
    write_text("scale_decoder/config.json", "{\"token\":\"<S>\",\"forced\":false}");
    rt_config c = read_config();

    cr_expect(c.llm.width == 64 && c.llm.layers == 3 && c.llm.head_size == 16);
    cr_expect(c.vision.width == 16 && c.vision.used_layers == 4 && c.depth_tower.width == 8);
    cr_expect(c.has_own_depth_tower && c.depth_projector.in == 8 && c.depth_projector.out == 64);
    cr_expect(c.depth_projector.kind == RT_PROJECT_DOWN_2X2);
    cr_expect(c.pictures.depth_rule == RT_DEPTH_LINEAR);
    cr_expect(c.pictures.mean[1] == 0.2F && c.pictures.deviation[2] == 3);
    cr_expect(c.spatial.generation == RT_MAPANYTHING_V11 && c.spatial.tower.swiglu);
    cr_expect(c.spatial.tap == RT_TAP_FUSED && c.spatial.projector.in == 1536);
    cr_expect(c.spatial.projector.kind == RT_PROJECT_LINEAR && c.spatial.give_scale_token);
    cr_expect(c.scale.projected == 1536 && !c.scale.forced && strcmp(c.scale.token, "<S>") == 0);
    cr_expect(eq(str, (char *)c.name, strrchr(scratch_dir, '/') + 1));

    char path[FM_PATH_BYTES];
    cr_assert(rt_config_part(&c, "llm", path, NULL) == FM_OK);
    cr_expect(eq(str, path, (char *)scratch_path("llm")));
}

Test(config, the_depth_of_one_tower_has_a_projector_of_its_own)
{
    make_folder("depth_projector");
    write_text("config.json",
               "{\"llm_cfg\":{\"hidden_size\":64,\"num_attention_heads\":4,"
               "\"intermediate_size\":1,\"num_hidden_layers\":1,\"vocab_size\":9},"
               "\"vision_tower_cfg\":{\"hidden_size\":16,\"num_hidden_layers\":2,"
               "\"num_attention_heads\":2,\"intermediate_size\":2,\"image_size\":28,"
               "\"patch_size\":14},\"mm_projector_cfg\":{\"mm_projector_type\":\"linear\"}}");
    rt_config c = read_config();

    cr_expect(c.has_depth && !c.has_own_depth_tower && c.depth_tower.width == 16);
    cr_expect(c.pictures.depth_rule == RT_DEPTH_INVERSE);
    cr_expect(c.llm.kv_heads == 4 && !c.has_spatial && !c.has_scale);
}

Test(config, a_plain_folder_is_the_language_model_alone)
{
    char path[FM_PATH_BYTES];

    write_text("config.json",
               "{\"model_type\":\"llama\",\"hidden_size\":64,\"num_attention_heads\":8,"
               "\"num_key_value_heads\":4,\"intermediate_size\":172,\"num_hidden_layers\":5,"
               "\"vocab_size\":512,\"rms_norm_eps\":1e-5,\"max_position_embeddings\":512,"
               "\"tie_word_embeddings\":true,\"rope_interleave\":true}");
    rt_config c = read_config();

    cr_expect(c.plain && !c.llm.qkv_bias && c.llm.tied && c.llm.adjacent_rotation);
    cr_expect(c.llm.head_size == 8 && c.llm.norm_eps == 1e-5 && c.llm.max_tokens == 512);
    cr_assert(rt_config_part(&c, "llm", path, NULL) == FM_OK);
    cr_expect(eq(str, path, scratch_dir));

    write_text("config.json",
               "{\"model_type\":\"qwen3\",\"hidden_size\":64,\"num_attention_heads\":8,"
               "\"head_dim\":32,\"intermediate_size\":172,\"num_hidden_layers\":5,"
               "\"vocab_size\":512,\"rope_parameters\":{\"rope_type\":\"default\","
               "\"rope_theta\":1e6}}");
    c = read_config();
    cr_expect(c.llm.qk_norm && !c.llm.qkv_bias && c.llm.head_size == 32);
    cr_expect(c.llm.rope_theta == 1e6);
}

/* A member of the tiny preset changed, or one put before the others. */
Test(config, what_is_wrong_is_said_with_file_and_member)
{
    static const struct {
        const char *before, *after, *says;
    } rows[] = {
        {"\"hidden_size\": 64", "\"hidden_size\": 0", "'llm_cfg.hidden_size' wants a whole number"},
        {"\"hidden_size\": 64", "\"hidden_size\": 1e9", "'llm_cfg.hidden_size' wants"},
        {"\"hidden_size\": 64", "\"hidden_size\": 6.5", "'llm_cfg.hidden_size' wants"},
        {"\"hidden_size\": 64", "\"hidden_size\": \"64\"", "'llm_cfg.hidden_size' wants"},
        {"\"hidden_size\": 64,", "", "'llm_cfg.hidden_size' is missing"},
        {"\"hidden_size\": 64", "\"hidden_size\": 60", "'llm_cfg.num_attention_heads' makes heads"},
        {"\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "does not divide the 4 heads"},
        {"\"qwen2\"", "\"gemma\"", "'llm_cfg.model_type' is none that this engine knows: qwen2"},
        {"\"rope_theta\": 10000.0", "\"rope_scaling\": {\"rope_type\": \"yarn\"}",
         "'llm_cfg.rope_scaling' scales positions"},
        {"\"rope_theta\": 10000.0", "\"rope_theta\": 0", "'llm_cfg.rope_theta' wants a number"},
        {"\"rope_theta\": 10000.0", "\"rope_theta\": NaN", "'llm_cfg.rope_theta' wants a number"},
        {"\"rope_theta\": 10000.0",
         "\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": \"1e6\"}",
         "'llm_cfg.rope_parameters.rope_theta' wants a number"},
        {"\"rope_theta\": 10000.0",
         "\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": Infinity}",
         "'llm_cfg.rope_parameters.rope_theta' wants a number"},
        {"\"rope_theta\": 10000.0", "\"use_sliding_window\": true", "use_sliding_window' is true"},
        {"\"rope_theta\": 10000.0", "\"hidden_act\": \"relu\"", "hidden_act' is none that"},
        {"\"tie_word_embeddings\": true", "\"tie_word_embeddings\": 1", "wants true or false"},
        {"\"image_size\": 56", "\"image_size\": 55",
         "'vision_tower_cfg.image_size' is no multiple"},
        {"\"mm_vision_select_layer\": -2", "\"mm_vision_select_layer\": -9",
         "mm_vision_select_layer is -9"},
        {"\"cls_patch\"", "\"patch\"", "'mm_vision_select_feature' is none"},
        {"\"mm_hidden_size\": 32", "\"mm_hidden_size\": 33", "'mm_hidden_size' is 33, but"},
        {"\"min_tiles\": 1", "\"min_tiles\": 5", "'min_tiles' is over max_tiles"},
        {"\"image_aspect_ratio\": \"dynamic\"", "\"image_aspect_ratio\": \"pad\"",
         "resize, dynamic or dynamic_s2"},
        {"\"image_aspect_ratio\": \"dynamic\"", "\"s2\": true", "'s2' is true without dynamic_s2"},
        {"\"image_aspect_ratio\": \"dynamic\"", "\"dynamic_s2\": true, \"s2_scales\": \"56,50\"",
         "'s2_scales' wants"},
        {"\"image_aspect_ratio\": \"dynamic\"", "\"dynamic_s2\": true, \"s2_scales\": \"56x\"",
         "'s2_scales' wants"},
        {"\"image_aspect_ratio\": \"dynamic\"", "\"dynamic_s2\": true, \"s2_max_split_size\": 448",
         "the tower takes 56"},
        {"\"image_size\": 56", "\"image_size\": 56, \"image_std\": [1, 1, 0]",
         "'vision_tower_cfg."
         "image_std' wants"},
        {"\"mlp_downsample\" }", "\"perceiver\" }", "'mm_projector_cfg.mm_projector_type' is none"},
        {"\"generation\": \"v1\"", "\"generation\": \"v2\"", "v1 or v1.1"},
        {"\"tapped_layers\": [1, 2]", "\"tapped_layers\": [1, 4]", "2 whole numbers from 0 to 3"},
        {"\"tapped_layers\": [1, 2]", "\"tapped_layers\": [1]", "2 whole numbers from 0 to 3"},
        {"\"encoder_num_heads\": 2", "\"encoder_num_heads\": 3", "does not divide the width of 32"},
        {"\"encoder_hidden_size\": 32",
         "\"encoder_hidden_size\": 34, \"tap\": \"fused\", \"give_scale_token\": true",
         "'spatial_encoder_cfg.give_scale_token' is no token"},
        {"\"long_side\": 70", "\"long_side\": 71",
         "'spatial_encoder_cfg.long_side' is no multiple"},
        {"\"token\": \"<SCALE>\"", "\"token\": \"\"", "'scale_decoder_cfg.token' wants the text"},
        {"\"media_order\"", "\"chat_template\": 5, \"media_order\"",
         "'chat_template' wants a text"},
        {"\"media_order\"", "\"chat_template\": [], \"media_order\"",
         "'chat_template' wants a text"},
        {"\"name\":", "\"name\": 5, \"n\":", "'name' wants a text"},
        {"\"scale_decoder_cfg\":", "\"scale_decoder_cfg\": 5, \"x\":",
         "'scale_decoder_cfg' wants an object"},
        {"\"scale_decoder_cfg\":", "\"scale_decoder_cfg\": \"abc\", \"x\":",
         "'scale_decoder_cfg' wants an object"},
        {"\"spatial_projector_cfg\":", "\"spatial_projector_cfg\": [], \"x\":",
         "'spatial_projector_cfg' wants an object"},
        {"\"media_order\": \"image_spatial_text\"", "\"media_order\": \"text\"",
         "'media_order' is"},
    };
    const rt_preset *tiny = rt_preset_find("tiny");

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *at = strstr(tiny->text, rows[i].before);
        rt_config c;
        fm_err err = {0};
        fm_buf text = {0};

        cr_assert(at != NULL, "%s", rows[i].before);
        fm_buf_append(&text, tiny->text, (size_t)(at - tiny->text));
        fm_buf_puts(&text, rows[i].after);
        fm_buf_puts(&text, at + strlen(rows[i].before));
        scratch_write("config.json", text.data, text.size);
        fm_buf_release(&text);
        cr_assert(eq(int, rt_config_read(scratch_dir, &arena, &c, &err), FM_E_INPUT), "%s",
                  rows[i].after);
        cr_expect(strstr(err.text, rows[i].says) && strstr(err.text, "config.json"),
                  "'%s' does not say '%s'", err.text, rows[i].says);
    }
}

/* As it stands in a model that was made of another one. */
Test(config, a_part_with_a_folder_may_be_described_by_a_path)
{
    make_folder("llm");
    write_text("llm/config.json",
               "{\"hidden_size\":64,\"num_attention_heads\":4,\"intermediate_size\":1,"
               "\"num_hidden_layers\":1,\"vocab_size\":9}");
    write_text("config.json", "{\"llm_cfg\": \"/models/qwen2\"}");
    cr_expect(eq(int, read_config().llm.width, 64));
}

Test(config, what_is_no_model_is_said)
{
    rt_config c;
    fm_err err = {0};

    cr_expect(eq(int, rt_config_read(scratch_dir, &arena, &c, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "has no config.json") != NULL, "%s", err.text);
    cr_expect(eq(int, rt_config_read(scratch_path("none"), &arena, &c, &err), FM_E_IO));
    cr_expect(strstr(err.text, "no folder or file of that name") != NULL, "%s", err.text);
    write_text("a.png", "PNG");
    cr_expect(eq(int, rt_config_read(scratch_path("a.png"), &arena, &c, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "a.png: is neither a model's folder nor a GGUF file") != NULL, "%s",
              err.text);
    write_text("config.json", "[]");
    cr_expect(eq(int, rt_config_read(scratch_dir, &arena, &c, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "config.json: is no JSON object") != NULL, "%s", err.text);
    write_text("config.json", "{\"llm_cfg\":{}");
    cr_expect(eq(int, rt_config_read(scratch_dir, &arena, &c, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "not JSON") != NULL, "%s", err.text);
}

/* As a cache of the hub has it: files are links to blobs beside the snapshots; no other link leads out. */
Test(config, links_lead_into_the_blobs_of_a_hub_cache_alone)
{
    const rt_preset *tiny = rt_preset_find("tiny");
    char folder[FM_PATH_BYTES];
    rt_config c;
    fm_err err = {0};

    make_folder("blobs");
    make_folder("snapshots");
    make_folder("snapshots/abc");
    make_folder("snapshots/abc/llm");
    scratch_write("blobs/1234", tiny->text, *tiny->size);
    cr_assert(symlink("../../blobs/1234", scratch_path("snapshots/abc/config.json")) == 0);
    snprintf(folder, sizeof(folder), "%s", scratch_path("snapshots/abc"));
    cr_assert(rt_config_read(folder, &arena, &c, &err) == FM_OK, "%s", err.text);

    scratch_write("elsewhere", "{}", 2);
    cr_assert(symlink("../../../elsewhere", scratch_path("snapshots/abc/llm/config.json")) == 0);
    cr_expect(eq(int, rt_config_read(folder, &arena, &c, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "'llm/config.json' is a link that leaves") != NULL, "%s", err.text);
}
