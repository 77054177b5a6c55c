/* GGUF that is written: read again it is the same model, whatever its kind. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "engine/init.h"
#include "engine/layout.h"
#include "engine/prompt.h"
#include "engine/quantise.h"
#include "engine/tokenizer.h"
#include "engine/weights.h"
#include "support/scratch.h"

TestSuite(gguf_write, .init = scratch_make, .fini = scratch_remove);

#define SIZES                                                                                      \
    "\"hidden_size\": 64, \"num_hidden_layers\": 2, \"num_attention_heads\": 4, "                  \
    "\"num_key_value_heads\": 2, \"intermediate_size\": 96, \"vocab_size\": 420, "                 \
    "\"max_position_embeddings\": 99, \"rope_theta\": 1000000, \"rms_norm_eps\": 0.001"

/* "m": a model of random weights in f32, with a tokenizer that has merges. */
static void make_model(const char *config)
{
    char source[FM_PATH_BYTES];
    rt_init init = {.config = config,
                    .config_size = strlen(config),
                    .config_name = "test",
                    .kind = RT_F32,
                    .threads = 1};
    rt_init_totals totals;
    fm_buf words = {0};
    fm_err err = {0};

    cr_assert(eq(int, rt_init_folder(scratch_path("m"), &init, &totals, &err), FM_OK), "%s",
              err.text);
    snprintf(source, sizeof(source), "%s/tests/data/engine/tokenizer/tokenizer.json",
             getenv("FATHOM_SOURCE_DIR"));
    cr_assert(eq(int, fm_file_read(source, 1 << 20, &words, &err), FM_OK), "%s", err.text);
    scratch_write("m/tokenizer.json", words.data, words.size);
    fm_buf_release(&words);
}

static const char *write_model(rt_kind kind)
{
    const rt_quantise options = {.to = kind};
    rt_quantise_totals totals;
    fm_err err = {0};
    const char *path = scratch_path("m.gguf");

    (void)remove(path);
    cr_assert(eq(int, rt_quantise_gguf(scratch_path("m"), path, &options, &totals, &err), FM_OK),
              "%s", err.text);
    return path;
}

typedef struct {
    rt_weights *folder, *file;
    rt_kind kind;
} compared;

/* What the folder holds, as the kind of the file's tensor has it. */
static fm_status compare_slot(void *context, const rt_slot *slot, fm_err *err)
{
    enum { MOST = 420 * 64 };
    static float is[MOST], expected[MOST];
    static uint8_t bytes[MOST * 4];
    const compared *c = context;
    const rt_tensor *from = rt_weights_find(c->folder, slot->name);
    const rt_tensor *to = rt_weights_find(c->file, slot->name);
    bool ends = strstr(slot->name, "embed_tokens") || strstr(slot->name, "lm_head");
    rt_kind kind = slot->rank < 2 ? RT_F32 : c->kind == RT_Q4_0 && ends ? RT_Q8_0 : c->kind;

    (void)err;
    cr_assert(from && to, "%s", slot->name);
    size_t n = rt_tensor_elements(from);
    cr_assert(eq(int, to->kind, kind), "%s", slot->name);
    cr_assert(eq(int, to->rank, slot->rank), "%s", slot->name);
    for (int i = 0; i < slot->rank; i++)
        cr_expect(eq(sz, to->shape[i], slot->shape[i]), "%s", slot->name);
    rt_tensor_get(from, 0, n, expected);
    rt_tensor_put(kind, expected, n, bytes);
    cr_expect(eq(int, memcmp(to->data, bytes, to->size_bytes), 0), "%s", slot->name);
    rt_tensor_get(to, 0, n, is);
    return FM_OK;
}

static void compare_configs(const rt_decoder_config *a, const rt_decoder_config *b)
{
    cr_expect(eq(int, a->width, b->width));
    cr_expect(eq(int, a->layers, b->layers));
    cr_expect(eq(int, a->heads, b->heads));
    cr_expect(eq(int, a->kv_heads, b->kv_heads));
    cr_expect(eq(int, a->head_size, b->head_size));
    cr_expect(eq(int, a->mlp, b->mlp));
    cr_expect(eq(int, a->vocabulary, b->vocabulary));
    cr_expect(eq(int, a->max_tokens, b->max_tokens));
    cr_expect(eq(int, a->qkv_bias, b->qkv_bias));
    cr_expect(eq(int, a->qk_norm, b->qk_norm));
    cr_expect(eq(int, a->tied, b->tied));
    cr_expect(eq(flt, (float)a->rope_theta, (float)b->rope_theta));
    cr_expect(eq(flt, (float)a->norm_eps, (float)b->norm_eps));
}

static void compare_words(const char *file)
{
    static const char text[] = "<|im_start|>the cat's hello world 123 \xc3\xa9 <image>\n<|im_end|>";
    rt_tokenizer *a = NULL, *b = NULL;
    rt_ids x = {0}, y = {0};
    size_t n, m;
    fm_err err = {0};

    cr_assert(eq(int, rt_tokenizer_open(&a, scratch_path("m"), &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, rt_tokenizer_open(&b, file, &err), FM_OK), "%s", err.text);
    for (int32_t id = 0; id < (int32_t)rt_tokenizer_size(a); id++) {
        const char *of_a = rt_tokenizer_bytes(a, id, &n), *of_b = rt_tokenizer_bytes(b, id, &m);

        cr_expect(n == m && memcmp(of_a, of_b, n) == 0, "%d", (int)id);
        cr_expect(eq(int, rt_tokenizer_special(a, id), rt_tokenizer_special(b, id)), "%d", (int)id);
    }
    cr_assert(rt_tokenizer_encode(a, text, strlen(text), true, &x, &err) == FM_OK);
    cr_assert(rt_tokenizer_encode(b, text, strlen(text), true, &y, &err) == FM_OK);
    cr_assert(eq(sz, x.n, y.n));
    cr_assert(lt(sz, x.n, strlen(text) - 20), "merged");
    cr_expect(eq(int, memcmp(x.ids, y.ids, x.n * sizeof(*x.ids)), 0));
    rt_ids_release(&x);
    rt_ids_release(&y);
    rt_tokenizer_free(a);
    rt_tokenizer_free(b);
}

static void compare_models(rt_kind kind)
{
    const char *file = write_model(kind);
    fm_arena arena = {0};
    rt_config a, b;
    compared c = {.kind = kind};
    fm_err err = {0};

    cr_assert(eq(int, rt_config_read(scratch_path("m"), &arena, &a, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, rt_config_read(file, &arena, &b, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, rt_weights_open(&c.folder, scratch_path("m"), &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, rt_weights_open(&c.file, file, &err), FM_OK), "%s", err.text);
    compare_configs(&a.llm, &b.llm);
    cr_expect(eq(sz, rt_weights_count(c.file), rt_weights_count(c.folder)));
    cr_expect(eq(int, rt_layout_walk(&a, compare_slot, &c, &err), FM_OK));
    compare_words(file);
    rt_weights_close(c.folder);
    rt_weights_close(c.file);
    fm_arena_release(&arena);
}

Test(gguf_write, every_kind_is_the_same_model_again)
{
    make_model("{\"model_type\": \"qwen2\", \"tie_word_embeddings\": true, " SIZES "}");
    for (rt_kind kind = 0; kind < RT_KINDS; kind++)
        compare_models(kind);
}

Test(gguf_write, qwen3_and_a_head_of_its_own_too)
{
    make_model("{\"model_type\": \"qwen3\", \"head_dim\": 32, " SIZES "}");
    compare_models(RT_BF16);
}

/* The tokenizer has 275 tokens: merges into those that have no embedding are left out. */
Test(gguf_write, a_vocabulary_past_the_embeddings_is_cut)
{
    rt_tokenizer *t = NULL;
    rt_ids ids = {0};
    fm_err err = {0};

    make_model("{\"model_type\": \"qwen2\", \"vocab_size\": 268, " SIZES "}");
    cr_assert(eq(int, rt_tokenizer_open(&t, write_model(RT_F16), &err), FM_OK), "%s", err.text);
    cr_expect(eq(sz, rt_tokenizer_size(t), 268));
    cr_assert(rt_tokenizer_encode(t, "abc", 3, true, &ids, &err) == FM_OK);
    cr_expect(ids.n == 2 && ids.ids[0] == 267, "%zu", ids.n);
    rt_ids_release(&ids);
    rt_tokenizer_free(t);
}

/* What no model is read from is left out where it cannot be copied; what one is read from is named. */
Test(gguf_write, a_folder_takes_what_a_model_is_read_from)
{
    const rt_quantise options = {.to = RT_F16};
    rt_quantise_totals totals;
    fm_err err = {0};

    make_model("{\"model_type\": \"qwen2\", " SIZES "}");
    scratch_write("outside", "x", 1);
    scratch_write("m/NOTES.md", "x", 1);
    cr_assert(symlink("../outside", scratch_path("m/README.md")) == 0);
    cr_assert(eq(int,
                 rt_quantise_folder(scratch_path("m"), scratch_path("q"), &options, &totals, &err),
                 FM_OK),
              "%s", err.text);
    cr_expect(fm_file_exists(scratch_path("q/NOTES.md")));
    cr_expect(eq(int, fm_file_exists(scratch_path("q/README.md")), false));
    cr_assert(symlink("../outside", scratch_path("m/generation_config.json")) == 0);
    cr_expect(eq(int,
                 rt_quantise_folder(scratch_path("m"), scratch_path("r"), &options, &totals, &err),
                 FM_E_INPUT));
    cr_expect(strstr(err.text, scratch_dir) && strstr(err.text, "generation_config.json"), "%s",
              err.text);
}

/* In Jinja, which other programs read too. */
Test(gguf_write, a_plain_frame_stays_plain)
{
    fm_arena arena = {0};
    rt_config config;
    rt_words words = {0};
    fm_err err = {0};

    make_model("{\"model_type\": \"qwen2\", \"chat_template\": \"plain\", " SIZES "}");
    cr_assert(eq(int, rt_config_read(write_model(RT_F16), &arena, &config, &err), FM_OK), "%s",
              err.text);
    cr_expect(config.chat_template && strstr(config.chat_template, "{%"));
    cr_assert(eq(int, rt_words_read(&words, &config, NULL, &arena, &err), FM_OK), "%s", err.text);
    cr_expect(eq(int, words.frame.chat, false));
    rt_words_release(&words);
    fm_arena_release(&arena);
}

/* Of a file as of a folder; a second time of the same kind changes nothing. */
Test(gguf_write, a_file_becomes_a_file)
{
    const rt_quantise options = {.to = RT_Q8_0};
    rt_quantise_totals totals;
    fm_buf first = {0}, second = {0};
    fm_err err = {0};

    make_model("{\"model_type\": \"qwen2\", " SIZES "}");
    (void)write_model(RT_Q8_0);
    cr_assert(eq(int,
                 rt_quantise_gguf(scratch_path("m.gguf"), scratch_path("again.gguf"), &options,
                                  &totals, &err),
                 FM_OK),
              "%s", err.text);
    cr_assert(fm_file_read(scratch_path("m.gguf"), 1 << 22, &first, NULL) == FM_OK);
    cr_assert(fm_file_read(scratch_path("again.gguf"), 1 << 22, &second, NULL) == FM_OK);
    cr_assert(eq(sz, first.size, second.size));
    cr_expect(eq(int, memcmp(first.data, second.data, first.size), 0));
    fm_buf_release(&first);
    fm_buf_release(&second);
}

Test(gguf_write, what_cannot_be_written_is_said)
{
    rt_quantise options = {.to = RT_F16};
    rt_quantise_totals totals;
    fm_err err = {0};

    make_model("{\"model_type\": \"llama\", " SIZES "}");
    cr_expect(eq(
        int, rt_quantise_gguf(scratch_path("m"), scratch_path("x.gguf"), &options, &totals, &err),
        FM_E_INPUT));
    cr_expect(strstr(err.text, "is no Qwen2 and no Qwen3") != NULL, "%s", err.text);
    cr_expect(eq(int, fm_file_exists(scratch_path("x.gguf")), false));
}

static void expect_too_large(rt_kind kind, float large, const char *says)
{
    rt_quantise options = {.to = kind};
    rt_quantise_totals totals;
    char text[128];
    fm_buf file = {0};
    fm_err err = {0};

    cr_assert(fm_file_read(scratch_path("m/model.safetensors"), 1 << 22, &file, NULL) == FM_OK);
    uint64_t header;
    memcpy(&header, file.data, sizeof(header)); /* then the embeddings */
    memcpy(file.data + 8 + header, &large, sizeof(large));
    scratch_write("m/model.safetensors", file.data, file.size);
    fm_buf_release(&file);
    cr_expect(eq(
        int, rt_quantise_gguf(scratch_path("m"), scratch_path("x.gguf"), &options, &totals, &err),
        FM_E_INPUT));
    snprintf(text, sizeof(text),
             "'model.embed_tokens.weight' holds a value that is not finite in %s", says);
    cr_expect(strstr(err.text, text) != NULL, "%s", err.text);
    cr_expect(eq(int, fm_file_exists(scratch_path("x.gguf")), false));
}

/* A value that rounds to infinity, or makes a block's scale that does. The table of embeddings is of q8
 * with q4, too. */
Test(gguf_write, what_a_kind_cannot_hold_is_not_written)
{
    static const struct {
        rt_kind kind;
        float large;
        const char *says;
    } rows[] = {{RT_F16, 65520, "f16"},
                {RT_BF16, 0x1.ffp127F, "bf16"},
                {RT_Q8_0, 65520 * 127.0F, "q8_0"},
                {RT_Q4_0, -65520 * 127.0F, "q8_0"}};

    make_model("{\"model_type\": \"qwen2\", " SIZES "}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_too_large(rows[i].kind, rows[i].large, rows[i].says);
}
