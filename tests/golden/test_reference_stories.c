/* A really trained decoder of Llama's kind against the logits and the greedy ids of an independent
 * implementation: prefill, single steps and several branches over one memory. Skipped by name without
 * the data. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "engine/decoder.h"
#include "robotracer.h"
#include "support/reference.h"
#include "support/safetensors.h"
#include "support/scratch.h"
#include "support/vocabulary.h"

enum { DIM = 64, HIDDEN = 172, LAYERS = 5, HEADS = 8, KV = 32, VOCABULARY = 512, GREEDY = 190 };

static const rt_decoder_config stories = {.width = DIM,
                                          .layers = LAYERS,
                                          .heads = HEADS,
                                          .kv_heads = 4,
                                          .head_size = 8,
                                          .mlp = HIDDEN,
                                          .vocabulary = VOCABULARY,
                                          .max_tokens = 512,
                                          .rope_theta = 10000,
                                          .norm_eps = 1e-5,
                                          .tied = true,
                                          .adjacent_rotation = true};

/* ---- the file as safetensors ---- */

/* One table of the file; `part` of every layer, or the one tensor of that name. */
typedef struct {
    const char *name, *part;
    size_t rows, columns; /* columns 0: a vector */
} table;

static const table tables[] = {
    {"model.embed_tokens.weight", NULL, VOCABULARY, DIM},
    {NULL, "input_layernorm", DIM, 0},
    {NULL, "self_attn.q_proj", DIM, DIM},
    {NULL, "self_attn.k_proj", KV, DIM},
    {NULL, "self_attn.v_proj", KV, DIM},
    {NULL, "self_attn.o_proj", DIM, DIM},
    {NULL, "post_attention_layernorm", DIM, 0},
    {NULL, "mlp.gate_proj", HIDDEN, DIM},
    {NULL, "mlp.down_proj", DIM, HIDDEN},
    {NULL, "mlp.up_proj", HIDDEN, DIM},
    {"model.norm.weight", NULL, DIM, 0},
};

/* Every layer's part of every table. */
static void write_model(const char *path, const float *data)
{
    given_tensor given[sizeof(tables) / sizeof(tables[0]) * LAYERS];
    static char names[sizeof(given) / sizeof(given[0])][96];
    size_t n = 0;

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        const table *t = &tables[i];

        for (int layer = 0; layer < (t->part ? LAYERS : 1); layer++, n++) {
            if (t->part)
                snprintf(names[n], sizeof(names[n]), "model.layers.%d.%s.weight", layer, t->part);
            else
                snprintf(names[n], sizeof(names[n]), "%s", t->name);
            given[n] = (given_tensor){names[n], {t->rows, t->columns}, t->columns ? 2 : 1, data};
            data += given_elements(&given[n]);
        }
    }
    write_safetensors(path, given, n);
}

/* ---- the model and what is expected of it ---- */

static struct {
    rt_weights *weights;
    rt_pool *pool;
    rt_packer *packer;
    rt_decoder *decoder;
    rt_compute compute;
    cJSON *expected;
    int32_t ids[10 + GREEDY]; /* the prompt, and what greedily follows */
} model;

static void open_model(int threads, rt_pack pack)
{
    char path[FM_PATH_BYTES];
    const char *folder = reference_data("stories260k");
    fm_buf file = {0};
    fm_err err = {0};

    cr_assert(fm_path_join(path, folder, "logits.json", &err) == FM_OK);
    cr_assert(fm_json_load(path, 1 << 20, &model.expected, &err) == FM_OK, "%s", err.text);
    cr_assert(fm_path_join(path, folder, "stories260K.bin", &err) == FM_OK);
    cr_assert(fm_file_read(path, 8 << 20, &file, &err) == FM_OK, "%s", err.text);
    /* Seven numbers of 4 bytes, then the tables. */
    write_model(scratch_path("model.safetensors"),
                (const float *)(const void *)fm_buf_text(&file) + 7);
    fm_buf_release(&file);

    cr_assert(rt_weights_open(&model.weights, scratch_dir, &err) == FM_OK, "%s", err.text);
    cr_assert(rt_pool_new(&model.pool, threads, &err) == FM_OK);
    cr_assert(rt_packer_new(&model.packer, pack, model.pool, &err) == FM_OK);
    cr_assert(rt_decoder_load(&model.decoder, &stories, model.packer, model.weights, threads,
                              &err) == FM_OK,
              "%s", err.text);
    model.compute = (rt_compute){&rt_kernels_generic, model.pool, false};

    int n = 0;
    const cJSON *id;
    cJSON_ArrayForEach(id, fm_json_get(model.expected, "prompt")) model.ids[n++] = id->valueint;
    cr_assert(n == 10);
    cJSON_ArrayForEach(id, fm_json_get(model.expected, "greedy_after_prompt")) if (n < 10 + GREEDY)
        model.ids[n++] = id->valueint;
    cr_assert(n == 10 + GREEDY);
}

static void close_model(void)
{
    rt_decoder_free(model.decoder);
    rt_packer_free(model.packer);
    rt_pool_free(model.pool);
    rt_weights_close(model.weights);
    cJSON_Delete(model.expected);
}

TestSuite(stories, .init = scratch_make, .fini = scratch_remove);

static int32_t likeliest(const float *logits)
{
    int32_t best = 0;

    for (int32_t i = 1; i < VOCABULARY; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

/* The largest difference from the logits that are known after this position; 0 where none are. */
static double difference(size_t position, const float *logits)
{
    char key[16];
    const cJSON *value;
    double most = 0;
    size_t i = 0;

    snprintf(key, sizeof(key), "%zu", position);
    const cJSON *known = fm_json_get(fm_json_get(model.expected, "logits"), key);
    if (!known)
        return 0;
    cJSON_ArrayForEach(value, known) most = fmax(most, fabs(value->valuedouble - logits[i++]));
    cr_assert(i == VOCABULARY);
    return most;
}

static void step(rt_memory *memory, size_t branch, int32_t id, float *logits)
{
    float embedding[DIM], hidden[DIM];

    rt_decoder_embed(model.decoder, &id, 1, embedding);
    cr_assert(rt_decoder_step(model.decoder, &model.compute, memory, &branch, 1, embedding, hidden,
                              NULL) == FM_OK);
    rt_decoder_logits(model.decoder, &model.compute, hidden, 1, logits);
}

Test(stories, steps_give_the_known_logits_and_ids)
{
    rt_memory *memory = NULL;
    float logits[VOCABULARY];
    size_t compared = 0;

    open_model(2, RT_PACKS);
    cr_assert(rt_memory_new(&memory, model.decoder, RT_KEPT_F32, 0, 1, 10 + GREEDY, NULL) == FM_OK);
    for (size_t i = 0; i + 1 < 10 + GREEDY; i++) {
        step(memory, 0, model.ids[i], logits);
        double most = difference(i, logits);
        compared += most > 0;
        cr_expect(most < 1e-4, "after %zu the logits differ by %g", i, most);
        if (i >= 9)
            cr_assert(likeliest(logits) == model.ids[i + 1], "the id after %zu", i);
    }
    cr_assert(compared == 4);
    rt_memory_free(memory);
    close_model();
}

/* Keys and values in f16 move a logit by some hundredths; where the likeliest token is another one then, the
 * two were as near to each other as that in f32. */
Test(stories, memory_in_f16_is_a_matter_of_rounding)
{
    rt_memory *exact = NULL, *rounded = NULL;
    float expected[VOCABULARY], logits[VOCABULARY];
    float most = 0;
    size_t others = 0;

    open_model(2, RT_PACKS);
    cr_assert(rt_memory_new(&exact, model.decoder, RT_KEPT_F32, 0, 1, 10 + GREEDY, NULL) == FM_OK);
    cr_assert(rt_memory_new(&rounded, model.decoder, RT_KEPT_F16, 0, 1, 10 + GREEDY, NULL) ==
              FM_OK);
    for (size_t i = 0; i + 1 < 10 + GREEDY; i++) {
        float moved = 0;

        step(exact, 0, model.ids[i], expected);
        step(rounded, 0, model.ids[i], logits);
        for (size_t k = 0; k < VOCABULARY; k++)
            moved = fmaxf(moved, fabsf(logits[k] - expected[k]));
        most = fmaxf(most, moved);
        int32_t is = likeliest(logits), should = likeliest(expected);
        others += is != should;
        cr_expect(expected[should] - expected[is] <= 2 * moved, "after %zu", i);
    }
    cr_expect(lt(flt, most, 0.05F), "%g", (double)most);
    cr_expect(le(sz, others, 2), "%zu", others);
    rt_memory_free(exact);
    rt_memory_free(rounded);
    close_model();
}

/* The whole text at once, in a shared prefix and two branches that go on from it, gives what single
 * steps give, on any number of threads. */
Test(stories, a_prefix_and_its_branches_give_the_same)
{
    enum { SHARED = 120, N = 10 + GREEDY };
    static float embeddings[N][DIM], hidden[DIM], logits[2][VOCABULARY], one[VOCABULARY];

    for (int threads = 1; threads <= 3; threads += 2) {
        rt_memory *memory = NULL;

        open_model(threads, RT_PACKS);
        rt_decoder_embed(model.decoder, model.ids, N, embeddings[0]);
        cr_assert(rt_memory_new(&memory, model.decoder, RT_KEPT_F32, SHARED, 2, N, NULL) == FM_OK);
        cr_assert(rt_decoder_prefill(model.decoder, &model.compute, memory, RT_SHARED,
                                     embeddings[0], SHARED, NULL, 0, NULL) == FM_OK);
        for (size_t b = 0; b < 2; b++) {
            cr_assert(rt_decoder_prefill(model.decoder, &model.compute, memory, b,
                                         embeddings[SHARED], N - SHARED, hidden, 1, NULL) == FM_OK);
            rt_decoder_logits(model.decoder, &model.compute, hidden, 1, logits[b]);
        }
        cr_expect(memcmp(logits[0], logits[1], sizeof(logits[0])) == 0);
        cr_expect(difference(N - 1, logits[0]) < 1e-4);
        if (threads == 1)
            memcpy(one, logits[0], sizeof(one));
        else
            cr_expect(memcmp(one, logits[0], sizeof(one)) == 0, "threads change the result");
        rt_memory_free(memory);
        close_model();
    }
}

/* ---- the same by the public header ---- */

static const char config[] =
    "{\"model_type\":\"llama\",\"hidden_size\":64,\"intermediate_size\":172,"
    "\"num_hidden_layers\":5,\"num_attention_heads\":8,\"num_key_value_heads\":4,"
    "\"vocab_size\":512,\"max_position_embeddings\":512,\"rope_theta\":10000,"
    "\"rms_norm_eps\":1e-5,\"tie_word_embeddings\":true,\"rope_interleave\":true,"
    "\"chat_template\":\"plain\"}";

/* A vocabulary in which the token of every id is written "<id>", so that text says ids. */
static void write_folder(void)
{
    static char words[VOCABULARY][8];
    given_token tokens[VOCABULARY];

    for (int i = 0; i < VOCABULARY; i++) {
        snprintf(words[i], sizeof(words[i]), "<%d>", i);
        tokens[i] = (given_token){words[i], false};
    }
    write_vocabulary_at(scratch_dir, VOCABULARY, 0, tokens, VOCABULARY);
    scratch_write("config.json", config, sizeof(config) - 1);
}

static const char *as_text(const int32_t *ids, size_t n)
{
    static char out[2][16 * GREEDY];
    static int turn;
    char *text = out[turn ^= 1];
    size_t size = 0;

    for (size_t i = 0; i < n; i++)
        size += (size_t)snprintf(text + size, sizeof(out[0]) - size, "<%d>", (int)ids[i]);
    return text;
}

/* With keys and values kept in full precision every id is the same; in half of it the first hundred. */
static void answer_in(rt_weight_kind kind, size_t same)
{
    rt_model *opened = NULL;
    rt_scene *scene = NULL;
    rt_answer answer = {0};
    rt_err err = {0};
    rt_question question = {.text = as_text(model.ids, 10), .max_answer_tokens = (int)same};

    cr_assert(rt_model_open(&opened, scratch_dir,
                            &(rt_model_options){.weights = kind, .threads = 1}, &err) == RT_OK,
              "%s", err.text);
    cr_assert(rt_scene_new(&scene, opened, NULL, 0, &err) == RT_OK, "%s", err.text);
    cr_assert(rt_ask(scene, &question, 1, NULL, &answer, &err) == RT_OK, "%s", err.text);
    cr_expect(eq(str, answer.text, (char *)as_text(model.ids + 10, same)));
    cr_expect(eq(int, answer.prompt_tokens, 10));
    cr_expect(eq(int, answer.answer_tokens, (int)same));
    cr_expect(eq(int, answer.finish, RT_FINISH_LENGTH));
    rt_answer_release(&answer);
    rt_scene_free(scene);
    rt_model_close(opened);
}

Test(stories, a_folder_answers_by_the_public_header)
{
    open_model(1, RT_PACKS);
    write_folder();
    answer_in(RT_WEIGHTS_F32, GREEDY);
    answer_in(RT_WEIGHTS_AS_STORED, 100);
    close_model();
}
