/* Owns how the peers are loaded and driven, by what their libraries export alone. */
#include "benchmarks/engine_peers.h"

#include <dlfcn.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/rng.h"
#include "base/size.h"
#include "engine/half.h"

/* ---- oneDNN, as it likes it best ---- */

#ifdef FATHOM_ONEDNN
#include "engine/onednn.h"

struct peer_product {
    const rt_onednn *dnn;
    int threads;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t described;
    dnnl_primitive_t product;
    dnnl_memory_t x, w, out;
};

static dnnl_status_t describe(peer_product *p, size_t n_out, size_t n_in, size_t m)
{
    dnnl_dims_t x_dims = {(int64_t)m, (int64_t)n_in}, w_dims = {(int64_t)n_in, (int64_t)n_out};
    dnnl_dims_t out_dims = {(int64_t)m, (int64_t)n_out};
    dnnl_memory_desc_t x, w, out;
    dnnl_matmul_desc_t what;
    dnnl_status_t st = p->dnn->dnnl_memory_desc_init_by_tag(&x, 2, x_dims, dnnl_f32, dnnl_ab);

    if (st == dnnl_success)
        st = p->dnn->dnnl_memory_desc_init_by_tag(&w, 2, w_dims, dnnl_f32, dnnl_format_tag_any);
    if (st == dnnl_success)
        st = p->dnn->dnnl_memory_desc_init_by_tag(&out, 2, out_dims, dnnl_f32, dnnl_ab);
    if (st == dnnl_success)
        st = p->dnn->dnnl_matmul_desc_init(&what, &x, &w, NULL, &out);
    if (st == dnnl_success)
        st = p->dnn->dnnl_primitive_desc_create(&p->described, &what, NULL, p->engine, NULL);
    if (st == dnnl_success)
        st = p->dnn->dnnl_primitive_create(&p->product, p->described);
    if (st == dnnl_success)
        st = p->dnn->dnnl_memory_create(&p->x, &x, p->engine, DNNL_MEMORY_NONE);
    if (st == dnnl_success)
        st = p->dnn->dnnl_memory_create(&p->out, &out, p->engine, DNNL_MEMORY_NONE);
    return st;
}

/* W as it stands, [n_out][n_in], into the layout that the product asked for. */
static dnnl_status_t reorder(peer_product *p, const float *values, size_t n_out, size_t n_in)
{
    const dnnl_memory_desc_t *packed =
        p->dnn->dnnl_primitive_desc_query_md(p->described, dnnl_query_weights_md, 0);
    dnnl_dims_t dims = {(int64_t)n_in, (int64_t)n_out};
    dnnl_memory_desc_t plain;
    dnnl_memory_t from = NULL;
    dnnl_primitive_desc_t described = NULL;
    dnnl_primitive_t move = NULL;
    dnnl_status_t st = p->dnn->dnnl_memory_desc_init_by_tag(&plain, 2, dims, dnnl_f32, dnnl_ba);

    if (st == dnnl_success)
        st = p->dnn->dnnl_memory_create(&from, &plain, p->engine, (void *)(uintptr_t)values);
    if (st == dnnl_success)
        st = p->dnn->dnnl_memory_create(&p->w, packed, p->engine, DNNL_MEMORY_ALLOCATE);
    if (st == dnnl_success)
        st = p->dnn->dnnl_reorder_primitive_desc_create(&described, &plain, p->engine, packed,
                                                        p->engine, NULL);
    if (st == dnnl_success)
        st = p->dnn->dnnl_primitive_create(&move, described);
    if (st == dnnl_success)
        st = p->dnn->dnnl_primitive_execute(
            move, p->stream, 2, (dnnl_exec_arg_t[]){{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, p->w}});
    if (st == dnnl_success)
        st = p->dnn->dnnl_stream_wait(p->stream);
    p->dnn->dnnl_primitive_destroy(move);
    p->dnn->dnnl_primitive_desc_destroy(described);
    p->dnn->dnnl_memory_destroy(from);
    return st;
}

fm_status peer_product_new(peer_product **out, const float *w, size_t n_out, size_t n_in, size_t m,
                           int threads, fm_err *err)
{
    const rt_onednn *dnn = rt_onednn_open();
    if (!dnn)
        return fm_fail(err, FM_E_INCOMPLETE, "libdnnl.so.2 is not there");
    peer_product *p = calloc(1, sizeof(*p));
    if (!p)
        return fm_fail(err, FM_E_NOMEM, "no memory for oneDNN");
    p->dnn = dnn;
    dnn->omp_set_num_threads(threads); /* for which a product is made */
    p->threads = threads;
    dnnl_status_t st = p->dnn->dnnl_engine_create(&p->engine, dnnl_cpu, 0);
    if (st == dnnl_success)
        st = p->dnn->dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags);
    if (st == dnnl_success)
        st = describe(p, n_out, n_in, m);
    if (st == dnnl_success)
        st = reorder(p, w, n_out, n_in);
    if (st != dnnl_success) {
        peer_product_free(p);
        return fm_fail(err, FM_E_INCOMPLETE, "oneDNN refuses with status %d", (int)st);
    }
    *out = p;
    return FM_OK;
}

void peer_product_run(peer_product *product, const float *x, float *out)
{
    product->dnn->omp_set_num_threads(product->threads);
    product->dnn->dnnl_memory_set_data_handle(product->x, (void *)(uintptr_t)x);
    product->dnn->dnnl_memory_set_data_handle(product->out, out);
    product->dnn->dnnl_primitive_execute(product->product, product->stream, 3,
                                         (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, product->x},
                                                             {DNNL_ARG_WEIGHTS, product->w},
                                                             {DNNL_ARG_DST, product->out}});
    product->dnn->dnnl_stream_wait(product->stream);
}

void peer_product_free(peer_product *product)
{
    if (!product)
        return;
    product->dnn->dnnl_memory_destroy(product->x);
    product->dnn->dnnl_memory_destroy(product->w);
    product->dnn->dnnl_memory_destroy(product->out);
    product->dnn->dnnl_primitive_destroy(product->product);
    product->dnn->dnnl_primitive_desc_destroy(product->described);
    product->dnn->dnnl_stream_destroy(product->stream);
    product->dnn->dnnl_engine_destroy(product->engine);
    free(product);
}
#else
fm_status peer_product_new(peer_product **out, const float *w, size_t n_out, size_t n_in, size_t m,
                           int threads, fm_err *err)
{
    (void)out, (void)w, (void)n_out, (void)n_in, (void)m, (void)threads;
    return fm_fail(err, FM_E_INCOMPLETE, "oneDNN's headers were not there when this was built");
}

void peer_product_run(peer_product *product, const float *x, float *out)
{
    (void)product, (void)x, (void)out;
}

void peer_product_free(peer_product *product)
{
    (void)product;
}
#endif

/* ---- a GGUF file ---- */

enum { GGUF_U32 = 4, GGUF_F32 = 6, GGUF_STRING = 8, ALIGNMENT = 32, MOST_TENSORS = 2000 };

static const struct {
    uint32_t type; /* GGUF's number */
    size_t elements, bytes;
} kinds[RT_KINDS] = {
    [RT_F32] = {0, 1, 4}, [RT_BF16] = {30, 1, 2}, [RT_Q8_0] = {8, 32, 34}, [RT_Q4_0] = {2, 32, 18}};

typedef struct {
    char name[64];
    rt_kind kind;
    size_t rows, columns; /* rows 1: a vector */
    size_t bytes, offset;
} gguf_tensor;

typedef struct {
    gguf_tensor items[MOST_TENSORS];
    size_t n, bytes;
} gguf_table;

static void add_tensor(gguf_table *t, rt_kind kind, size_t rows, size_t columns, int layer,
                       const char *name)
{
    gguf_tensor *item = &t->items[t->n++];

    *item = (gguf_tensor){.kind = kind, .rows = rows, .columns = columns, .offset = t->bytes};
    item->bytes = rows * columns / kinds[kind].elements * kinds[kind].bytes;
    if (layer >= 0)
        snprintf(item->name, sizeof(item->name), "blk.%d.%s", layer, name);
    else
        snprintf(item->name, sizeof(item->name), "%s", name);
    t->bytes += (item->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void list_tensors(gguf_table *t, const rt_decoder_config *c, rt_kind kind)
{
    size_t width = (size_t)c->width, mlp = (size_t)c->mlp;
    size_t q = (size_t)c->heads * (size_t)c->head_size;
    size_t kv = (size_t)c->kv_heads * (size_t)c->head_size;

    add_tensor(t, kind, (size_t)c->vocabulary, width, -1, "token_embd.weight");
    add_tensor(t, RT_F32, 1, width, -1, "output_norm.weight");
    for (int i = 0; i < c->layers; i++) {
        add_tensor(t, RT_F32, 1, width, i, "attn_norm.weight");
        add_tensor(t, kind, q, width, i, "attn_q.weight");
        add_tensor(t, RT_F32, 1, q, i, "attn_q.bias");
        add_tensor(t, kind, kv, width, i, "attn_k.weight");
        add_tensor(t, RT_F32, 1, kv, i, "attn_k.bias");
        add_tensor(t, kind, kv, width, i, "attn_v.weight");
        add_tensor(t, RT_F32, 1, kv, i, "attn_v.bias");
        add_tensor(t, kind, width, q, i, "attn_output.weight");
        add_tensor(t, RT_F32, 1, width, i, "ffn_norm.weight");
        add_tensor(t, kind, mlp, width, i, "ffn_gate.weight");
        add_tensor(t, kind, mlp, width, i, "ffn_up.weight");
        add_tensor(t, kind, width, mlp, i, "ffn_down.weight");
    }
}

static void put(FILE *f, const void *bytes, size_t size)
{
    fwrite(bytes, 1, size, f); /* committing looks at ferror() */
}

static void put_u32(FILE *f, uint32_t value)
{
    put(f, &value, sizeof(value));
}

static void put_u64(FILE *f, uint64_t value)
{
    put(f, &value, sizeof(value));
}

static void put_text(FILE *f, const char *text)
{
    put_u64(f, strlen(text));
    put(f, text, strlen(text));
}

static void put_pair_text(FILE *f, const char *key, const char *value)
{
    put_text(f, key);
    put_u32(f, GGUF_STRING);
    put_text(f, value);
}

static void put_pair_u32(FILE *f, const char *key, int value)
{
    put_text(f, key);
    put_u32(f, GGUF_U32);
    put_u32(f, (uint32_t)value);
}

static void put_pair_f32(FILE *f, const char *key, double value)
{
    float narrow = (float)value;

    put_text(f, key);
    put_u32(f, GGUF_F32);
    put(f, &narrow, sizeof(narrow));
}

static void put_head(FILE *f, const rt_decoder_config *c, const gguf_table *t)
{
    put(f, "GGUF", 4);
    put_u32(f, 3);
    put_u64(f, t->n);
    put_u64(f, 11);
    put_pair_text(f, "general.architecture", "qwen2");
    put_pair_text(f, "tokenizer.ggml.model", "no_vocab");
    put_pair_u32(f, "qwen2.vocab_size", c->vocabulary);
    put_pair_u32(f, "qwen2.context_length", c->max_tokens);
    put_pair_u32(f, "qwen2.embedding_length", c->width);
    put_pair_u32(f, "qwen2.block_count", c->layers);
    put_pair_u32(f, "qwen2.feed_forward_length", c->mlp);
    put_pair_u32(f, "qwen2.attention.head_count", c->heads);
    put_pair_u32(f, "qwen2.attention.head_count_kv", c->kv_heads);
    put_pair_f32(f, "qwen2.attention.layer_norm_rms_epsilon", c->norm_eps);
    put_pair_f32(f, "qwen2.rope.freq_base", c->rope_theta);
    for (size_t i = 0; i < t->n; i++) {
        const gguf_tensor *item = &t->items[i];

        put_text(f, item->name);
        put_u32(f, item->rows == 1 ? 1 : 2);
        put_u64(f, item->columns); /* innermost first */
        if (item->rows > 1)
            put_u64(f, item->rows);
        put_u32(f, kinds[item->kind].type);
        put_u64(f, item->offset);
    }
}

/* So many bytes of random values near 0.02: enough of them to be repeated. */
static void make_values(rt_kind kind, uint8_t *bytes, size_t size)
{
    fm_rng rng;
    uint16_t scale = rt_f32_to_f16(kind == RT_Q8_0 ? 0.02F / 64 : 0.02F / 4);

    fm_rng_seed(&rng, 1);
    for (size_t at = 0; at < size; at += kinds[kind].bytes) {
        if (kind == RT_F32 || kind == RT_BF16) {
            float value = kind == RT_F32 ? 1.0F : (float)fm_rng_range(&rng, -0.035, 0.035);
            uint16_t half = rt_f32_to_bf16(value);

            memcpy(bytes + at, kind == RT_F32 ? (void *)&value : (void *)&half, kinds[kind].bytes);
            continue;
        }
        memcpy(bytes + at, &scale, sizeof(scale));
        for (size_t i = sizeof(scale); i < kinds[kind].bytes; i++)
            bytes[at + i] = (uint8_t)fm_rng_next(&rng);
    }
}

fm_status peer_llama_write(const char *path, const rt_decoder_config *config, rt_kind kind,
                           fm_err *err)
{
    enum { UNIT = 32 * 34 * 18 * 1024 }; /* whole blocks of every kind */
    gguf_table *table = calloc(1, sizeof(*table));
    uint8_t *random = malloc(UNIT), *ones = malloc(UNIT);
    fm_file_writer file;
    fm_status st = table && random && ones ? fm_file_writer_begin(&file, path, err)
                                           : fm_fail(err, FM_E_NOMEM, "no memory for a GGUF file");

    if (st == FM_OK) {
        list_tensors(table, config, kind);
        make_values(kind, random, UNIT);
        make_values(RT_F32, ones, UNIT);
        put_head(file.stream, config, table);
        while (ftell(file.stream) % ALIGNMENT != 0)
            putc(0, file.stream);
        for (size_t i = 0; i < table->n; i++) {
            const gguf_tensor *item = &table->items[i];
            const uint8_t *values = item->kind == RT_F32 ? ones : random;

            for (size_t at = 0; at < item->bytes; at += UNIT)
                put(file.stream, values, item->bytes - at < UNIT ? item->bytes - at : UNIT);
            for (size_t end = item->bytes; end % ALIGNMENT != 0; end++)
                putc(0, file.stream);
        }
        st = fm_file_writer_commit(&file, err);
    }
    free(table);
    free(random);
    free(ones);
    return st;
}

/* ---- llama.cpp ---- */

/* Structures of parameters are given and taken by value through memory; these are larger than any of
 * them, and their defaults are taken as they come, but for the first word of a context's, n_ctx. */
typedef struct {
    uint32_t words[256];
} parameters;

typedef struct {
    int32_t n;
    void *members[6];
} token_batch;

struct peer_llama {
    void *model, *context;
    int32_t *tokens;
    int (*decode)(void *context, token_batch batch);
    token_batch (*batch_of)(int32_t *tokens, int32_t n);
    void (*synchronize)(void *context);
    void *(*memory_of)(void *context);
    void (*clear)(void *memory, bool data);
    void (*free_context)(void *context);
    void (*free_model)(void *model);
};

enum { MOST_TOKENS = 512 };

static void say_nothing(int level, const char *text, void *context)
{
    (void)level, (void)text, (void)context;
}

/* The library whose file's name fits the pattern: its name carries a version. */
static fm_status open_library(void **out, const char *folder, const char *pattern, fm_err *err)
{
    char path[FM_PATH_BYTES];
    glob_t found;
    fm_status st = fm_path_join(path, folder, pattern, err);

    if (st != FM_OK)
        return st;
    if (glob(path, 0, NULL, &found) != 0)
        return fm_fail(err, FM_E_INPUT, "there is no '%s'", path);
    *out = dlopen(found.gl_pathv[0], RTLD_NOW | RTLD_GLOBAL);
    globfree(&found);
    return *out ? FM_OK : fm_fail(err, FM_E_INPUT, "cannot load '%s': %s", path, dlerror());
}

static fm_status find(void *library, const char *name, void *function, fm_err *err)
{
    *(void **)function = dlsym(library, name);
    return *(void **)function ? FM_OK
                              : fm_fail(err, FM_E_INPUT, "libllama does not export '%s'", name);
}

fm_status peer_llama_open(peer_llama **out, const char *library, const char *model, int threads,
                          fm_err *err)
{
    peer_llama *l = calloc(1, sizeof(*l));
    void *ggml = NULL, *llama = NULL;
    void (*load_all)(const char *folder) = NULL;
    void (*log_set)(void (*say)(int, const char *, void *), void *context) = NULL;
    parameters (*model_defaults)(void) = NULL, (*context_defaults)(void) = NULL;
    void *(*load)(const char *path, parameters p) = NULL;
    void *(*make)(void *model, parameters p) = NULL;
    void (*set_threads)(void *context, int32_t one, int32_t batch) = NULL;

    if (!l)
        return fm_fail(err, FM_E_NOMEM, "no memory for a peer");
    l->tokens = calloc(MOST_TOKENS, sizeof(*l->tokens));
    fm_status st = l->tokens ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for a peer");
    if (st == FM_OK)
        st = open_library(&ggml, library, "libggml.*so", err);
    if (st == FM_OK)
        st = open_library(&llama, library, "libllama.*so", err);
    const struct {
        void *library;
        const char *name;
        void *function;
    } needed[] = {{ggml, "ggml_backend_load_all_from_path", &load_all},
                  {llama, "llama_log_set", &log_set},
                  {llama, "llama_model_default_params", &model_defaults},
                  {llama, "llama_context_default_params", &context_defaults},
                  {llama, "llama_model_load_from_file", &load},
                  {llama, "llama_init_from_model", &make},
                  {llama, "llama_set_n_threads", &set_threads},
                  {llama, "llama_decode", &l->decode},
                  {llama, "llama_batch_get_one", &l->batch_of},
                  {llama, "llama_synchronize", &l->synchronize},
                  {llama, "llama_get_memory", &l->memory_of},
                  {llama, "llama_memory_clear", &l->clear},
                  {llama, "llama_free", &l->free_context},
                  {llama, "llama_model_free", &l->free_model}};
    for (size_t i = 0; i < FM_COUNT_OF(needed) && st == FM_OK; i++)
        st = find(needed[i].library, needed[i].name, needed[i].function, err);
    if (st == FM_OK) {
        log_set(say_nothing, NULL);
        load_all(library);
        l->model = load(model, model_defaults());
        parameters p = context_defaults();
        p.words[0] = MOST_TOKENS;
        l->context = l->model ? make(l->model, p) : NULL;
        if (!l->context)
            st = fm_fail(err, FM_E_INPUT, "llama.cpp refuses '%s'", model);
    }
    if (st != FM_OK) {
        peer_llama_close(l);
        return st;
    }
    set_threads(l->context, threads, threads);
    for (int i = 0; i < MOST_TOKENS; i++)
        l->tokens[i] = i * 97 % 1000;
    *out = l;
    return FM_OK;
}

static fm_status go_on(peer_llama *llama, size_t n, fm_err *err)
{
    if (llama->decode(llama->context, llama->batch_of(llama->tokens, (int32_t)n)) != 0)
        return fm_fail(err, FM_E_INTERNAL, "llama.cpp does not decode");
    llama->synchronize(llama->context);
    return FM_OK;
}

fm_status peer_llama_prefill(peer_llama *llama, size_t n, fm_err *err)
{
    llama->clear(llama->memory_of(llama->context), true);
    return go_on(llama, n, err);
}

fm_status peer_llama_step(peer_llama *llama, fm_err *err)
{
    return go_on(llama, 1, err);
}

void peer_llama_close(peer_llama *llama)
{
    if (!llama)
        return;
    if (llama->context)
        llama->free_context(llama->context);
    if (llama->model)
        llama->free_model(llama->model);
    free(llama->tokens);
    free(llama);
}
