/* GGUF: tensors of every kind, names, metadata, the configuration and the vocabulary in them, and files
 * that are not what they say. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "engine/alphabet.h"
#include "engine/config.h"
#include "engine/decoder.h"
#include "engine/tokenizer.h"
#include "support/gguf.h"
#include "support/safetensors.h"
#include "support/scratch.h"

TestSuite(gguf, .init = scratch_make, .fini = scratch_remove);

static const char *write_gguf(gguf *g)
{
    gguf_end(g);
    return scratch_write("m.gguf", g->header.data, g->header.size);
}

Test(gguf, every_kind_is_read)
{
    static const float floats[] = {1.5F, -2.25F, 1e-30F};
    static const uint16_t halves[] = {0x3c00, 0xc000}, brains[] = {0x3f80, 0xc000};
    uint8_t q8[34] = {0x00, 0x38}, q4[18] = {0x00, 0x3c}; /* scales 0.5 and 1 */
    gguf g = {0};
    rt_weights *w = NULL;
    fm_err err = {0};
    float got[32];

    q8[2] = 3, q8[33] = (uint8_t)-128;
    q4[2] = 0x1f, q4[17] = 0x80;
    for (uint32_t version = 2; version <= 3; version++) {
        gguf_begin(&g, version, 5, 0);
        gguf_tensor(&g, "f", 0, 0, 3, floats, 12);
        gguf_tensor(&g, "h", 1, 2, 1, halves, 4);
        gguf_tensor(&g, "b", 30, 1, 2, brains, 4);
        gguf_tensor(&g, "q8", 8, 1, 32, q8, 34);
        gguf_tensor(&g, "q4", 2, 1, 32, q4, 18);
        cr_assert(rt_weights_open(&w, write_gguf(&g), &err) == FM_OK, "%s", err.text);
        cr_expect(eq(sz, rt_weights_count(w), 5));
        rt_tensor_get(rt_weights_find(w, "f"), 0, 3, got);
        cr_expect(eq(int, memcmp(got, floats, 12), 0));
        rt_tensor_get(rt_weights_find(w, "h"), 0, 2, got);
        cr_expect(got[0] == 1 && got[1] == -2);
        rt_tensor_get(rt_weights_find(w, "b"), 0, 2, got);
        cr_expect(got[0] == 1 && got[1] == -2);
        rt_tensor_get(rt_weights_find(w, "q8"), 0, 32, got);
        cr_expect(got[0] == 1.5F && got[1] == 0 && got[31] == -64);
        rt_tensor_get(rt_weights_find(w, "q4"), 0, 32, got);
        cr_expect(got[0] == 7 && got[16] == -7 && got[15] == -8 && got[31] == 0);
        cr_expect(rt_weights_find(w, "h")->shape[0] == 2 && rt_weights_find(w, "h")->shape[1] == 1);
        rt_weights_close(w);
    }
    gguf_release(&g);
}

Test(gguf, names_and_metadata_are_found)
{
    static const struct {
        const char *theirs, *ours;
    } names[] = {{"token_embd.weight", "model.embed_tokens.weight"},
                 {"output_norm.weight", "model.norm.weight"},
                 {"output.weight", "lm_head.weight"},
                 {"blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight"},
                 {"blk.17.attn_k.bias", "model.layers.17.self_attn.k_proj.bias"},
                 {"blk.3.attn_output.weight", "model.layers.3.self_attn.o_proj.weight"},
                 {"blk.3.attn_q_norm.weight", "model.layers.3.self_attn.q_norm.weight"},
                 {"blk.3.ffn_norm.weight", "model.layers.3.post_attention_layernorm.weight"},
                 {"blk.3.ffn_gate.weight", "model.layers.3.mlp.gate_proj.weight"},
                 {"blk.x.ffn_gate.weight", "blk.x.ffn_gate.weight"},
                 {"other", "other"}};
    enum { N = sizeof(names) / sizeof(names[0]) };
    static const float one = 1;
    const int64_t whole[] = {-5, 1};
    const char *text;
    gguf g = {0};
    rt_weights *w = NULL;
    fm_err err = {0};
    rt_list list;
    int64_t value;
    double number;
    size_t size;

    gguf_begin(&g, 3, N, 5);
    gguf_text(&g, "general.architecture", "qwen2");
    gguf_whole(&g, "qwen2.block_count", 28);
    gguf_float(&g, "qwen2.rope.freq_base", 1e6F);
    gguf_array(&g, "texts", 8, 2);
    gguf_string(&g.header, "a");
    gguf_string(&g.header, "bc");
    gguf_array(&g, "wholes", 11, 2);
    fm_buf_append(&g.header, whole, sizeof(whole));
    for (size_t i = 0; i < N; i++)
        gguf_tensor(&g, names[i].theirs, 0, 0, 1, &one, 4);
    cr_assert(rt_weights_open(&w, write_gguf(&g), &err) == FM_OK, "%s", err.text);
    for (size_t i = 0; i < N; i++)
        cr_expect(rt_weights_find(w, names[i].ours) != NULL, "%s", names[i].ours);

    cr_expect(rt_weights_text(w, "general.architecture", &text) && strcmp(text, "qwen2") == 0);
    cr_expect(rt_weights_integer(w, "qwen2.block_count", &value) && value == 28);
    cr_expect(rt_weights_number(w, "qwen2.rope.freq_base", &number) && number == 1e6);
    cr_expect(rt_weights_number(w, "qwen2.block_count", &number) && number == 28);
    cr_expect(eq(int, rt_weights_integer(w, "general.architecture", &value), false));
    cr_expect(eq(int, rt_weights_text(w, "none", &text), false));
    cr_assert(rt_weights_list(w, "texts", &list) && list.n == 2);
    cr_expect(eq(int, rt_list_integer(&list, &value), false));
    text = rt_list_text(&list, &size);
    cr_expect(size == 1 && text[0] == 'a');
    text = rt_list_text(&list, &size);
    cr_expect(size == 2 && memcmp(text, "bc", 2) == 0);
    cr_expect(rt_list_text(&list, &size) == NULL);
    cr_assert(rt_weights_list(w, "wholes", &list));
    cr_expect(rt_list_integer(&list, &value) && value == -5);
    rt_weights_close(w);
    gguf_release(&g);
}

/* ---- what is wrong ---- */

static void expect_refused(gguf *g, const char *says)
{
    rt_weights *w = NULL;
    fm_err err = {0};

    cr_expect(eq(int,
                 rt_weights_open(&w, scratch_write("m.gguf", g->header.data, g->header.size), &err),
                 FM_E_INPUT));
    cr_expect(strstr(err.text, says) && strstr(err.text, "m.gguf"), "'%s' does not say '%s'",
              err.text, says);
}

static void expect_tensor_refused(const char *name, uint32_t type, uint64_t rows, uint64_t columns,
                                  size_t size, const char *says)
{
    static const uint8_t bytes[64] = {0};
    gguf g = {0};

    gguf_begin(&g, 3, 1, 0);
    gguf_tensor(&g, name, type, rows, columns, bytes, size);
    gguf_end(&g);
    expect_refused(&g, says);
    gguf_release(&g);
}

Test(gguf, what_is_wrong_is_said_in_one_line)
{
    static const float two[2] = {1, 2};
    gguf g = {0};

    expect_tensor_refused("a", 0, 2, 2, 12, "'a' lies outside of the file");
    expect_tensor_refused("a", 8, 1, 33, 64, "too large or no block's");
    expect_tensor_refused("a", 8, 32, 1, 34, "the rows of 'a' do not end with a block of q8_0");
    expect_tensor_refused("a", 0, (uint64_t)1 << 40, (uint64_t)1 << 40, 4, "too large");
    expect_tensor_refused("a", 12, 1, 32, 34, "'a' is of kind 12; f32, f16, bf16, q8_0 and q4_0");
    expect_tensor_refused("", 0, 1, 1, 4, "the list of tensors is malformed");

    gguf_begin(&g, 1, 0, 0);
    gguf_end(&g);
    expect_refused(&g, "GGUF version 1; 2 and 3 can be read");
    gguf_begin(&g, 3, (uint64_t)1 << 60, 0);
    expect_refused(&g, "a truncated GGUF header");
    gguf_begin(&g, 3, 0, 0);
    gguf_end(&g);
    expect_refused(&g, "holds no tensor");
    gguf_begin(&g, 3, 0, 1);
    gguf_array(&g, "a", 8, UINT64_MAX);
    gguf_end(&g);
    expect_refused(&g, "the metadata are malformed");
    gguf_begin(&g, 3, 0, 1);
    gguf_array(&g, "a", 4, (uint64_t)1 << 62);
    gguf_end(&g);
    expect_refused(&g, "the metadata are malformed");
    gguf_begin(&g, 3, 0, 1);
    gguf_string(&g.header, "a");
    gguf_u32(&g.header, 99);
    gguf_end(&g);
    expect_refused(&g, "the metadata are malformed");

    /* Two tensors over the same bytes, and one name twice. */
    gguf_begin(&g, 3, 2, 0);
    gguf_tensor(&g, "a", 0, 0, 2, two, 8);
    fm_buf_clear(&g.data);
    gguf_tensor(&g, "b", 0, 0, 2, two, 8);
    gguf_end(&g);
    expect_refused(&g, "'a' and 'b' overlap");
    gguf_begin(&g, 3, 2, 0);
    gguf_tensor(&g, "a", 0, 0, 2, two, 8);
    gguf_tensor(&g, "a", 0, 0, 2, two, 8);
    gguf_end(&g);
    expect_refused(&g, "'a' is there twice");
    gguf_release(&g);
}

/* ---- the same model in both formats ---- */

enum { WIDTH = 16, HEADS = 2, HEAD = WIDTH / HEADS, MLP = 24, WORDS = 20 };

typedef struct {
    const char *ours, *theirs;
    size_t rows, columns;
    float data[WORDS * WIDTH * 2];
} piece;

static piece pieces[] = {
    {"model.embed_tokens.weight", "token_embd.weight", WORDS, WIDTH, {0}},
    {"model.norm.weight", "output_norm.weight", 0, WIDTH, {0}},
    {"model.layers.0.input_layernorm.weight", "blk.0.attn_norm.weight", 0, WIDTH, {0}},
    {"model.layers.0.self_attn.q_proj.weight", "blk.0.attn_q.weight", WIDTH, WIDTH, {0}},
    {"model.layers.0.self_attn.k_proj.weight", "blk.0.attn_k.weight", WIDTH, WIDTH, {0}},
    {"model.layers.0.self_attn.v_proj.weight", "blk.0.attn_v.weight", WIDTH, WIDTH, {0}},
    {"model.layers.0.self_attn.o_proj.weight", "blk.0.attn_output.weight", WIDTH, WIDTH, {0}},
    {"model.layers.0.post_attention_layernorm.weight", "blk.0.ffn_norm.weight", 0, WIDTH, {0}},
    {"model.layers.0.mlp.gate_proj.weight", "blk.0.ffn_gate.weight", MLP, WIDTH, {0}},
    {"model.layers.0.mlp.up_proj.weight", "blk.0.ffn_up.weight", MLP, WIDTH, {0}},
    {"model.layers.0.mlp.down_proj.weight", "blk.0.ffn_down.weight", WIDTH, MLP, {0}},
};
enum { PIECES = sizeof(pieces) / sizeof(pieces[0]) };

static size_t elements_of(const piece *p)
{
    return (p->rows ? p->rows : 1) * p->columns;
}

/* Rows as llama.cpp orders those of q and k: of a head's halves, one row each in turn. */
static void interleave(float *out, const float *in)
{
    for (int head = 0; head < HEADS; head++)
        for (int i = 0; i < HEAD; i++)
            memcpy(out + (head * HEAD + i) * WIDTH,
                   in + (head * HEAD + i % 2 * (HEAD / 2) + i / 2) * WIDTH, WIDTH * sizeof(*out));
}

static void write_both(const char *architecture)
{
    given_tensor given[PIECES];
    float turned[WIDTH * WIDTH];
    gguf g = {0};
    char key[64];
    static const struct {
        const char *name;
        uint32_t value;
    } sizes[] = {{"embedding_length", WIDTH},     {"block_count", 1},
                 {"attention.head_count", HEADS}, {"attention.head_count_kv", HEADS},
                 {"feed_forward_length", MLP},    {"context_length", 64}};

    gguf_begin(&g, 3, PIECES, 3 + 6);
    gguf_text(&g, "general.architecture", architecture);
    gguf_text(&g, "general.name", "small one");
    gguf_text(&g, "tokenizer.chat_template", "plain");
    for (size_t i = 0; i < 6; i++) {
        snprintf(key, sizeof(key), "%s.%s", architecture, sizes[i].name);
        gguf_whole(&g, key, sizes[i].value);
    }
    for (size_t i = 0; i < PIECES; i++) {
        piece *p = &pieces[i];
        bool turns = strcmp(architecture, "llama") == 0 &&
                     (strstr(p->ours, "q_proj") || strstr(p->ours, "k_proj"));

        for (size_t e = 0; e < elements_of(p); e++)
            p->data[e] = p->rows ? sinf((float)(e * (i + 3))) : 1;
        if (turns)
            interleave(turned, p->data);
        gguf_tensor(&g, p->theirs, 0, p->rows, p->columns, turns ? turned : p->data,
                    elements_of(p) * sizeof(float));
        given[i] = p->rows ? (given_tensor){p->ours, {p->rows, p->columns}, 2, p->data}
                           : (given_tensor){p->ours, {p->columns}, 1, p->data};
    }
    write_gguf(&g);
    gguf_release(&g);
    write_safetensors(scratch_path("model.safetensors"), given, PIECES);
    snprintf(key, sizeof(key), "{\"model_type\":\"%s\",", "llama");
    fm_buf config = {0};
    fm_buf_printf(&config,
                  "%s\"hidden_size\":%d,\"num_hidden_layers\":1,\"num_attention_heads\":%d,"
                  "\"intermediate_size\":%d,\"vocab_size\":%d,\"max_position_embeddings\":64,"
                  "\"tie_word_embeddings\":true}",
                  key, WIDTH, HEADS, MLP, WORDS);
    scratch_write("config.json", config.data, config.size);
    fm_buf_release(&config);
}

/* The logits after a few tokens. */
static void run(const char *path, float logits[WORDS])
{
    static const int32_t ids[] = {3, 17, 4, 9};
    float embeddings[4 * WIDTH], hidden[WIDTH];
    fm_arena arena = {0};
    rt_config config;
    rt_weights *weights = NULL;
    rt_pool *pool = NULL;
    rt_packer *packer = NULL;
    rt_decoder *decoder = NULL;
    rt_memory *memory = NULL;
    fm_err err = {0};

    cr_assert(rt_config_read(path, &arena, &config, &err) == FM_OK, "%s", err.text);
    cr_assert(rt_weights_open(&weights, path, &err) == FM_OK, "%s", err.text);
    cr_assert(rt_pool_new(&pool, 1, &err) == FM_OK);
    cr_assert(rt_packer_new(&packer, RT_PACKS, pool, &err) == FM_OK);
    cr_assert(rt_decoder_load(&decoder, &config.llm, packer, weights, 1, &err) == FM_OK, "%s",
              err.text);
    cr_assert(rt_memory_new(&memory, decoder, RT_KEPT_F32, 0, 1, 8, &err) == FM_OK);
    rt_decoder_embed(decoder, ids, 4, embeddings);
    const rt_compute compute = {&rt_kernels_generic, pool, false};
    cr_assert(rt_decoder_prefill(decoder, &compute, memory, 0, embeddings, 4, hidden, 1, &err) ==
              FM_OK);
    rt_decoder_logits(decoder, &compute, hidden, 1, logits);
    rt_memory_free(memory);
    rt_decoder_free(decoder);
    rt_packer_free(packer);
    rt_pool_free(pool);
    rt_weights_close(weights);
    fm_arena_release(&arena);
}

Test(gguf, a_model_answers_as_its_folder_does)
{
    static const char *const architectures[] = {"llama", "qwen2"};
    float folder[WORDS], file[WORDS];
    fm_arena arena = {0};
    rt_config c;
    char path[FM_PATH_BYTES];

    for (int i = 0; i < 2; i++) {
        write_both(architectures[i]);
        run(scratch_dir, folder);
        run(scratch_path("m.gguf"), file);
        for (int j = 0; j < WORDS; j++)
            cr_expect(fabsf(folder[j] - file[j]) < 1e-4F, "%s: %g and %g", architectures[i],
                      (double)folder[j], (double)file[j]);
    }
    cr_assert(rt_config_read(scratch_path("m.gguf"), &arena, &c, NULL) == FM_OK);
    cr_expect(c.plain && c.llm.tied && !c.llm.qkv_bias && c.llm.max_tokens == 64);
    cr_expect(eq(str, (char *)c.name, "small one"));
    cr_expect(eq(str, (char *)c.chat_template, "plain"));
    cr_assert(rt_config_part(&c, "llm", path, NULL) == FM_OK);
    cr_expect(eq(str, path, (char *)scratch_path("m.gguf")));
    fm_arena_release(&arena);
}

Test(gguf, a_configuration_that_is_wrong_is_said)
{
    static const struct {
        const char *architecture, *key;
        uint32_t value;
        const char *says;
    } rows[] = {
        {"gemma", "x", 1, "the architecture 'gemma' is none of qwen2, qwen3 and llama"},
        {"qwen2", "x", 1, "'qwen2.embedding_length' is missing"},
        {"qwen2", "qwen2.embedding_length", 0, "'qwen2.embedding_length' wants a whole number"},
    };
    static const float one = 1;
    fm_arena arena = {0};
    gguf g = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rt_config c;
        fm_err err = {0};

        gguf_begin(&g, 3, 1, 2);
        gguf_text(&g, "general.architecture", rows[i].architecture);
        gguf_whole(&g, rows[i].key, rows[i].value);
        gguf_tensor(&g, "token_embd.weight", 0, 1, 1, &one, 4);
        cr_expect(eq(int, rt_config_read(write_gguf(&g), &arena, &c, &err), FM_E_INPUT));
        cr_expect(strstr(err.text, rows[i].says) != NULL, "%s", err.text);
    }
    gguf_release(&g);
    fm_arena_release(&arena);
}

/* A text where a number is wanted, or a number where a text is; nothing of it is passed over. */
Test(gguf, a_member_of_another_type_is_said)
{
    static const struct {
        const char *key;
        bool text; /* what stands there */
        const char *says;
    } rows[] = {{"qwen2.attention.head_count", true, "wants a whole number from 1"},
                {"qwen2.context_length", true, "wants a whole number from 1"},
                {"qwen2.rope.freq_base", true, "wants a number from 1"},
                {"qwen2.attention.layer_norm_rms_epsilon", true, "wants a number from 0"},
                {"qwen2.rope.scaling.type", false, "wants a text"},
                {"qwen2.rope.scaling.factor", true, "wants a number from 0"},
                {"tokenizer.chat_template", false, "wants a text"},
                {"general.name", false, "wants a text"},
                {"general.alignment", true, "wants a whole number from 1"}};
    static const char *const sizes[] = {"qwen2.embedding_length", "qwen2.block_count",
                                        "qwen2.attention.head_count", "qwen2.feed_forward_length"};
    static const float two[2] = {1, 1};
    fm_arena arena = {0};
    gguf g = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rt_config c;
        fm_err err = {0};

        gguf_begin(&g, 3, 1, 6);
        gguf_text(&g, "general.architecture", "qwen2");
        if (rows[i].text)
            gguf_text(&g, rows[i].key, "1");
        else
            gguf_whole(&g, rows[i].key, 1);
        for (size_t k = 0; k < 4; k++)
            gguf_whole(&g, sizes[k], k == 0 ? 2 : 1);
        gguf_tensor(&g, "token_embd.weight", 0, 1, 2, two, 8);
        cr_expect(eq(int, rt_config_read(write_gguf(&g), &arena, &c, &err), FM_E_INPUT), "%s",
                  rows[i].key);
        cr_expect(strstr(err.text, rows[i].key) && strstr(err.text, rows[i].says) &&
                      strstr(err.text, "m.gguf"),
                  "%s", err.text);
    }
    gguf_release(&g);
    fm_arena_release(&arena);
}

/* ---- the vocabulary ---- */

typedef struct {
    const char *rule;
    uint32_t types_of; /* what the list of types holds; 0: there is none */
    uint64_t types;    /* so many */
    uint32_t words_of, merges_of;
} words_file;

static const words_file usual = {"qwen2", 5, 260, 8, 8};

static void write_words(words_file file)
{
    static const float one = 1;
    static const uint32_t types[] = {3, 4, 5};
    rt_alphabet alphabet;
    gguf g = {0};

    rt_alphabet_make(&alphabet);
    gguf_begin(&g, 3, 1, 4 + (file.types_of != 0));
    gguf_text(&g, "tokenizer.ggml.model", "gpt2");
    gguf_text(&g, "tokenizer.ggml.pre", file.rule);
    gguf_array(&g, "tokenizer.ggml.tokens", file.words_of, 256 + 1 + 3);
    for (int letter = 0; file.words_of == 8 && letter < RT_LETTERS; letter++)
        if (alphabet.byte_of[letter] >= 0)
            gguf_string(&g.header, alphabet.letters[alphabet.byte_of[letter]]);
    for (int i = 0; file.words_of != 8 && i < 260; i++)
        gguf_u32(&g.header, 1);
    if (file.words_of == 8) {
        gguf_string(&g.header, "ab");
        gguf_string(&g.header, "<|im_end|>");
        gguf_string(&g.header, "<tool>");
        gguf_string(&g.header, "[PAD]");
    }
    if (file.types_of == 8) {
        gguf_array(&g, "tokenizer.ggml.token_type", 8, 1);
        gguf_string(&g.header, "x");
    } else if (file.types_of) {
        gguf_array(&g, "tokenizer.ggml.token_type", file.types_of, file.types);
        for (uint64_t i = 0; i < file.types; i++)
            gguf_u32(&g.header, i < 257 ? 1 : types[(i - 257) % 3]);
    }
    gguf_array(&g, "tokenizer.ggml.merges", file.merges_of, 1);
    if (file.merges_of == 8)
        gguf_string(&g.header, "a b");
    else
        gguf_u32(&g.header, 1);
    gguf_tensor(&g, "token_embd.weight", 0, 1, 1, &one, 4);
    write_gguf(&g);
    gguf_release(&g);
}

static void expect_words_refused(words_file file, const char *says)
{
    rt_tokenizer *t = NULL;
    fm_err err = {0};

    write_words(file);
    cr_expect(eq(int, rt_tokenizer_open(&t, scratch_path("m.gguf"), &err), FM_E_INPUT), "%s", says);
    cr_expect(strstr(err.text, says) && strstr(err.text, "m.gguf"), "'%s' does not say '%s'",
              err.text, says);
}

Test(gguf, a_vocabulary_is_read_from_the_metadata)
{
    static const char text[] = "ab <tool><|im_end|>";
    static const int32_t expected[] = {256, 220, 258, 257};
    rt_tokenizer *t = NULL;
    rt_ids ids = {0};
    fm_err err = {0};
    size_t size;

    write_words(usual);
    cr_assert(rt_tokenizer_open(&t, scratch_path("m.gguf"), &err) == FM_OK, "%s", err.text);
    cr_assert(rt_tokenizer_encode(t, text, strlen(text), true, &ids, &err) == FM_OK);
    cr_assert(eq(sz, ids.n, 4));
    for (size_t i = 0; i < 4; i++)
        cr_expect(eq(int, ids.ids[i], expected[i]));
    cr_expect(rt_tokenizer_special(t, 257) && !rt_tokenizer_special(t, 258));
    (void)rt_tokenizer_bytes(t, 259, &size);
    cr_expect(eq(sz, size, 0));
    rt_ids_release(&ids);
    rt_tokenizer_free(t);
    expect_words_refused((words_file){"llama-bpe", 5, 260, 8, 8}, "'.pre' 'llama-bpe'");
}

/* Else the frame of a question would be spelt out in letters. */
Test(gguf, types_of_tokens_are_whole_or_not_there)
{
    static const char short_of[] =
        "'tokenizer.ggml.token_type' wants a list of 260 whole numbers, one a token";
    rt_tokenizer *t = NULL;
    rt_ids ids = {0};
    fm_err err = {0};

    expect_words_refused((words_file){"qwen2", 5, 10, 8, 8}, short_of);
    expect_words_refused((words_file){"qwen2", 6, 260, 8, 8}, short_of);
    expect_words_refused((words_file){"qwen2", 8, 1, 8, 8}, short_of);
    write_words((words_file){"qwen2", 0, 0, 8, 8});
    cr_assert(rt_tokenizer_open(&t, scratch_path("m.gguf"), &err) == FM_OK, "%s", err.text);
    cr_assert(rt_tokenizer_encode(t, "ab<|im_end|>", 12, true, &ids, &err) == FM_OK);
    cr_assert(eq(sz, ids.n, 2));
    cr_expect(ids.ids[0] == 256 && ids.ids[1] == 257 && rt_tokenizer_special(t, 257));
    rt_ids_release(&ids);
    rt_tokenizer_free(t);
}

Test(gguf, words_and_merges_are_texts)
{
    expect_words_refused((words_file){"qwen2", 5, 260, 5, 8},
                         "'tokenizer.ggml.tokens' wants a list of at most");
    expect_words_refused((words_file){"qwen2", 5, 260, 8, 5},
                         "'tokenizer.ggml.merges' wants a list of at most");
}
