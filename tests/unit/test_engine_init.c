/* Models of random weights: whole, the same for a seed, readable, and never half there. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/staging.h"
#include "engine/init.h"
#include "engine/layout.h"
#include "engine/presets.h"
#include "engine/tokenizer.h"
#include "engine/weights.h"
#include "support/scratch.h"

TestSuite(init, .init = scratch_make, .fini = scratch_remove);

static rt_init of_preset(const char *name)
{
    const rt_preset *preset = rt_preset_find(name);

    return (rt_init){.config = preset->text,
                     .config_size = *preset->size,
                     .config_name = name,
                     .kind = RT_BF16,
                     .threads = 2};
}

static void make(const char *name, const rt_init *init)
{
    rt_init_totals totals;
    fm_err err = {0};

    cr_assert(rt_init_folder(scratch_path(name), init, &totals, &err) == FM_OK, "%s", err.text);
}

/* Every slot is in the folder with its shape. */
typedef struct {
    const rt_config *config;
    rt_weights *weights;
    char part[64];
    size_t found;
} search;

static fm_status find_slot(void *context, const rt_slot *slot, fm_err *err)
{
    search *s = context;
    char path[FM_PATH_BYTES];
    const rt_tensor *tensor;
    fm_status st = FM_OK;

    if (strcmp(s->part, slot->part) != 0) {
        rt_weights_close(s->weights);
        s->weights = NULL;
        snprintf(s->part, sizeof(s->part), "%s", slot->part);
        st = rt_config_part(s->config, slot->part, path, err);
        if (st == FM_OK)
            st = rt_weights_open(&s->weights, path, err);
    }
    if (st == FM_OK)
        st = rt_weights_need(s->weights, slot->shape, slot->rank, &tensor, err, "%s", slot->name);
    s->found += st == FM_OK;
    return st;
}

Test(init, every_tensor_of_the_configuration_is_there)
{
    rt_init init = of_preset("tiny");
    fm_arena arena = {0};
    rt_config config;
    search s = {.config = &config};
    fm_err err = {0};

    make("m", &init);
    cr_assert(rt_config_read(scratch_path("m"), &arena, &config, &err) == FM_OK, "%s", err.text);
    cr_assert(rt_layout_walk(&config, find_slot, &s, &err) == FM_OK, "%s", err.text);
    cr_expect(s.found > 100);
    rt_weights_close(s.weights);
    fm_arena_release(&arena);
}

static void read_file(const char *name, fm_buf *out)
{
    cr_assert(fm_file_read(scratch_path(name), 1 << 24, out, NULL) == FM_OK, "%s", name);
}

static bool same(const char *a, const char *b)
{
    fm_buf x = {0}, y = {0};

    read_file(a, &x);
    read_file(b, &y);
    bool equal = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    fm_buf_release(&x);
    fm_buf_release(&y);
    return equal;
}

Test(init, a_seed_decides_and_threads_do_not)
{
    rt_init init = of_preset("tiny");

    init.seed = 7;
    make("a", &init);
    init.threads = 1;
    make("b", &init);
    init.seed = 8;
    make("c", &init);
    cr_expect(same("a/llm/model.safetensors", "b/llm/model.safetensors"));
    cr_expect(same("a/spatial_encoder/model.safetensors", "b/spatial_encoder/model.safetensors"));
    cr_expect(eq(int, same("a/llm/model.safetensors", "c/llm/model.safetensors"), false));
}

/* The numbers that are drawn: their mean, deviation and tails, and that tensors do not repeat. */
Test(init, numbers_are_nearly_normal)
{
    enum { N = 288 * 64 };
    static float x[N], other[64 * 64];
    rt_init init = of_preset("tiny");
    rt_weights *w = NULL;
    double sum = 0, squares = 0, fourth = 0;

    init.kind = RT_F32;
    make("m", &init);
    cr_assert(rt_weights_open(&w, scratch_path("m/llm"), NULL) == FM_OK);
    rt_tensor_get(rt_weights_find(w, "model.embed_tokens.weight"), 0, N, x);
    rt_tensor_get(rt_weights_find(w, "model.layers.0.self_attn.q_proj.weight"), 0, 64 * 64, other);
    for (int i = 0; i < N; i++) {
        double z = x[i] * 8.0; /* the deviation is 1 / sqrt(64) */

        sum += z;
        squares += z * z;
        fourth += z * z * z * z;
        cr_assert(fabs(z) < 3.47);
    }
    cr_expect(fabs(sum / N) < 0.03);
    cr_expect(fabs(squares / N - 1) < 0.05);
    cr_expect(fabs(fourth / N - 2.7) < 0.2); /* 3 - 1.2 / 4 for four uniforms, 3 for a normal */
    cr_expect(memcmp(x, other, sizeof(other)) != 0);
    rt_weights_close(w);
}

Test(init, a_plain_model_lies_in_the_folder_itself_and_in_shards)
{
    static const char text[] =
        "{\"model_type\":\"qwen2\",\"hidden_size\":32,\"num_hidden_layers\":2,"
        "\"num_attention_heads\":2,\"intermediate_size\":64,\"vocab_size\":300}";
    rt_init init = {.config = text,
                    .config_size = strlen(text),
                    .config_name = "x.json",
                    .kind = RT_F16,
                    .shard_bytes = 20000};
    rt_weights *w = NULL;
    fm_buf index = {0};
    fm_err err = {0};

    make("m", &init);
    cr_assert(rt_weights_open(&w, scratch_path("m"), &err) == FM_OK, "%s", err.text);
    /* Untied: two tables of 19200 bytes, each alone in a shard, and what is between. */
    cr_expect(eq(sz, rt_weights_count(w), 2 + 2 * 12 + 1));
    read_file("m/model.safetensors.index.json", &index);
    cr_expect(strstr(fm_buf_text(&index), "\"model-00001-of-00005.safetensors\"") != NULL, "%s",
              fm_buf_text(&index));
    fm_buf_release(&index);
    rt_weights_close(w);
}

Test(init, the_tokenizer_knows_bytes_and_the_special_tokens)
{
    static const char text[] = "<|im_start|>user\nPoint \xc3\xa9!<|im_end|>";
    rt_tokenizer *t = NULL;
    rt_ids ids = {0};
    fm_buf back = {0};

    cr_assert(rt_tokenizer_write_bytes(scratch_path("tokenizer.json"), 151936, NULL) == FM_OK);
    cr_assert(rt_tokenizer_open(&t, scratch_dir, NULL) == FM_OK);
    cr_assert(rt_tokenizer_encode(t, text, strlen(text), true, &ids, NULL) == FM_OK);
    cr_expect(ids.ids[0] == 151644 && ids.ids[ids.n - 1] == 151645);
    cr_expect(eq(int, ids.ids[5], 198));  /* a line feed, */
    cr_expect(eq(int, ids.ids[11], 220)); /* a space: as Qwen2 numbers them */
    for (size_t i = 0; i < ids.n; i++) {
        size_t size;
        const char *bytes = rt_tokenizer_bytes(t, ids.ids[i], &size);

        fm_buf_append(&back, bytes, size);
    }
    cr_expect(eq(str, (char *)fm_buf_text(&back), (char *)text));
    cr_expect(eq(int, rt_tokenizer_id(t, "<image>"), 151649));
    fm_buf_release(&back);
    rt_ids_release(&ids);
    rt_tokenizer_free(t);

    fm_err err = {0};
    cr_assert(rt_tokenizer_write_bytes(scratch_path("tokenizer.json"), 265, NULL) == FM_OK);
    cr_assert(rt_tokenizer_open(&t, scratch_dir, NULL) == FM_OK);
    cr_expect(rt_tokenizer_id(t, "<|im_end|>") == 258 && rt_tokenizer_id(t, "<SCALE>") == 264);
    rt_tokenizer_free(t);
    cr_expect(eq(int, rt_tokenizer_write_bytes(scratch_path("t"), 264, &err), FM_E_INPUT));
}

Test(init, what_could_not_be_opened_is_not_made)
{
    static const struct {
        const char *before, *after, *says;
    } rows[] = {
        {"\"token\": \"<SCALE>\"", "\"token\": \"abc\"", "test: the vocabulary has no 'abc'"},
        {"\"media_order\"", "\"chat_template\": \"[INST]\", \"media_order\"",
         "test: the chat template is none that this engine knows"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rt_init init = of_preset("tiny");
        const char *at = strstr(init.config, rows[i].before);
        rt_init_totals totals;
        fm_buf text = {0};
        fm_err err = {0};

        cr_assert(at != NULL);
        fm_buf_append(&text, init.config, (size_t)(at - init.config));
        fm_buf_puts(&text, rows[i].after);
        fm_buf_puts(&text, at + strlen(rows[i].before));
        init.config = fm_buf_text(&text);
        init.config_size = text.size;
        init.config_name = "test";
        cr_expect(eq(int, rt_init_folder(scratch_path("m"), &init, &totals, &err), FM_E_INPUT));
        cr_expect(strstr(err.text, rows[i].says) == err.text, "%s", err.text);
        cr_expect(eq(int, fm_path_is_occupied(scratch_path("m")), false));
        fm_buf_release(&text);
    }
}

Test(init, what_fails_leaves_nothing)
{
    static const sig_atomic_t stop = 1;
    rt_init init = of_preset("tiny");
    rt_init_totals totals;
    struct rlimit small = {100 << 10, 100 << 10};
    fm_err err = {0};

    init.stop = &stop;
    cr_expect(eq(int, rt_init_folder(scratch_path("m"), &init, &totals, &err), FM_E_INTERRUPTED));
    init.stop = NULL;
    init.config_size -= 3;
    cr_expect(eq(int, rt_init_folder(scratch_path("m"), &init, &totals, &err), FM_E_INPUT));
    cr_expect(eq(int, fm_path_is_occupied(scratch_dir), false));
    cr_assert(mkdir(scratch_path("full"), 0777) == 0);
    scratch_write("full/f", "x", 1);
    init = of_preset("tiny");
    cr_expect(eq(int, rt_init_folder(scratch_path("full"), &init, &totals, &err), FM_E_USAGE));
    cr_assert(remove(scratch_path("full/f")) == 0 && rmdir(scratch_path("full")) == 0);

    /* A limit on the size of files ends a write as a full disk does. */
    signal(SIGXFSZ, SIG_IGN);
    cr_assert(setrlimit(RLIMIT_FSIZE, &small) == 0);
    cr_expect(eq(int, rt_init_folder(scratch_path("m"), &init, &totals, &err), FM_E_IO));
    cr_expect(strstr(err.text, "cannot write") != NULL, "%s", err.text);
    cr_expect(eq(int, fm_path_is_occupied(scratch_dir), false));
}
