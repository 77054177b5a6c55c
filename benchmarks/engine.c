/* Speed of the engine: matrix products, attention, and a language model of Qwen2-1.5B's shape with
 * random weights, beside what the machine can do and beside other engines, all in turn within one process.
 *
 *     engine [products] [attention] [model] [shared] [--threads N] [--isa NAME] [--peer FOLDER] [--files FOLDER]
 *
 * Without names: all of them. --peer: the folder of libllama's and libggml's shared libraries (npm's
 * @node-llama-cpp/linux-x64, bins/linux-x64); its models are written into --files (/tmp) and stay
 * there. oneDNN is measured where libdnnl.so.2 is there: over weights in its own order and by its own threads, and as the
 * table of kernels "onednn". With one thread, everything is
 * timed by the thread's own time, which is what to look at on a machine that others use. Every figure is the median of the rounds,
 * with the best in brackets: the speed of memory on a shared machine changes from minute to minute. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/rng.h"
#include "base/size.h"
#include "benchmarks/engine_peers.h"
#include "engine/decoder.h"
#include "engine/half.h"
#include "engine/limits.h"
#include "engine/weights_internal.h"

enum { ROUNDS = 5, MODEL_ROUNDS = 3, PROMPT = 256, STEPS = 8, STREAMS = 4 };

/* ---- figures ---- */

typedef struct {
    double values[ROUNDS];
    size_t n;
} figures;

static void note(figures *f, double value)
{
    f->values[f->n++] = value;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_of(const figures *f)
{
    figures sorted = *f;

    if (f->n == 0)
        return 0;
    qsort(sorted.values, sorted.n, sizeof(sorted.values[0]), by_value);
    return sorted.values[sorted.n / 2];
}

static double best_of(const figures *f)
{
    double best = 0;

    for (size_t i = 0; i < f->n; i++)
        best = f->values[i] > best ? f->values[i] : best;
    return best;
}

static void fill(float *x, size_t n)
{
    fm_rng rng;

    fm_rng_seed(&rng, 1);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)fm_rng_range(&rng, -1, 1);
}

/* ---- weights in memory ---- */

/* Tensors that all show the same random numbers: what they are does not matter to speed. */
static fm_status add_tensor(rt_weights *w, const rt_mapped *values, const char *name, size_t rows,
                            size_t columns, fm_err *err)
{
    rt_tensor tensor = {.kind = RT_BF16,
                        .rank = rows ? 2 : 1,
                        .shape = {rows ? rows : columns, columns},
                        .data = values->bytes,
                        .size_bytes = (rows ? rows : 1) * columns * sizeof(uint16_t)};

    return rt_weights_add(w, values, name, &tensor, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const rt_named *)a)->name, ((const rt_named *)b)->name);
}

/* The name of a layer's tensor, or one without a layer where that is negative. */
typedef struct {
    const char *format;
    size_t rows, columns;
} row;

static fm_status make_weights(rt_weights *w, const rt_mapped *values, const rt_decoder_config *c,
                              fm_err *err)
{
    size_t width = (size_t)c->width, mlp = (size_t)c->mlp;
    size_t q = (size_t)c->heads * (size_t)c->head_size;
    size_t kv = (size_t)c->kv_heads * (size_t)c->head_size;
    const row rows[] = {
        {"input_layernorm.weight", 0, width},   {"post_attention_layernorm.weight", 0, width},
        {"self_attn.q_proj.weight", q, width},  {"self_attn.q_proj.bias", 0, q},
        {"self_attn.k_proj.weight", kv, width}, {"self_attn.k_proj.bias", 0, kv},
        {"self_attn.v_proj.weight", kv, width}, {"self_attn.v_proj.bias", 0, kv},
        {"self_attn.o_proj.weight", width, q},  {"mlp.gate_proj.weight", mlp, width},
        {"mlp.up_proj.weight", mlp, width},     {"mlp.down_proj.weight", width, mlp}};
    fm_status st =
        add_tensor(w, values, "model.embed_tokens.weight", (size_t)c->vocabulary, width, err);

    w->path = "random weights";
    if (st == FM_OK)
        st = add_tensor(w, values, "model.norm.weight", 0, width, err);
    for (int layer = 0; layer < c->layers; layer++)
        for (size_t i = 0; i < FM_COUNT_OF(rows) && st == FM_OK; i++) {
            char name[96];

            snprintf(name, sizeof(name), "model.layers.%d.%s", layer, rows[i].format);
            st = add_tensor(w, values, name, rows[i].rows, rows[i].columns, err);
        }
    if (st == FM_OK)
        qsort(w->items, w->n, sizeof(*w->items), by_name);
    return st;
}

static void release_weights(rt_weights *w)
{
    free(w->items);
    fm_arena_release(&w->arena);
}

/* ---- products ---- */

typedef struct {
    size_t m, n_out, n_in;
} shape;

/* SigLIP's and Qwen2-1.5B's. */
static const shape shapes[] = {{1024, 1152, 1152}, {1024, 4304, 1152}, {1024, 1152, 4304},
                               {256, 1536, 1536},  {256, 8960, 1536},  {256, 1536, 8960}};

static const struct {
    const char *name;
    rt_pack pack;
    bool int8, onednn; /* onednn: that of the table of this name, where there is one */
} ways[] = {{"f32", RT_PACK_F32, false, false},        {"bf16", RT_PACK_BF16, false, false},
            {"q8", RT_PACK_Q8, false, false},          {"q4", RT_PACK_Q4, false, false},
            {"q8, int8", RT_PACK_Q8, true, false},     {"q4, int8", RT_PACK_Q4, true, false},
            {"f32, onednn", RT_PACK_F32, false, true}, {"bf16, onednn", RT_PACK_BF16, false, true}};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

typedef struct {
    rt_pool *pool;
    const rt_kernels *kernels;
    rt_mapped values; /* bf16 */
} bench;

static double product_rate(const bench *b, const rt_kernels *kernels, const rt_linear *linear,
                           bool int8, const float *x, float *out, size_t m, void *scratch)
{
    rt_compute compute = {kernels, b->pool, int8};
    double start = rt_limit_seconds(b->pool);

    rt_linear_apply(linear, &compute, out, linear->n_out, x, linear->n_in, m, scratch);
    return 2e-9 * (double)m * (double)linear->n_out * (double)linear->n_in /
           (rt_limit_seconds(b->pool) - start);
}

static fm_status measure_shape(const bench *b, const shape *s, figures *peer, figures found[WAYS],
                               fm_err *err)
{
    size_t elements = s->n_out * s->n_in;
    float *w = malloc(elements * sizeof(*w)), *x = malloc(s->m * s->n_in * sizeof(*x));
    float *out = rt_rows_new(s->m * s->n_out * sizeof(*out));
    void *scratch = malloc(rt_linear_scratch_bytes(s->m, s->n_in));
    rt_weights weights = {.path = "random weights"};
    rt_packer *packers[WAYS] = {0};
    rt_linear linears[WAYS];
    peer_product *product = NULL;
    fm_status st = w && x && out && scratch ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory");

    if (st == FM_OK)
        st = add_tensor(&weights, &b->values, "m.weight", s->n_out, s->n_in, err);
    for (size_t i = 0; i < WAYS && st == FM_OK; i++) {
        st = rt_packer_new(&packers[i], ways[i].pack, b->pool, err);
        if (st == FM_OK)
            st = rt_linear_load(&linears[i], packers[i], &weights, "m", s->n_out, s->n_in, false,
                                err);
    }
    if (st == FM_OK) {
        fill(w, elements);
        fill(x, s->m * s->n_in);
        bool other = peer_product_new(&product, w, s->n_out, s->n_in, s->m,
                                      rt_pool_threads(b->pool), NULL) == FM_OK;

        for (int r = -1; r < ROUNDS; r++) {
            double start = rt_limit_seconds(b->pool);

            if (other)
                peer_product_run(product, x, out);
            if (other && r >= 0)
                note(peer,
                     2e-9 * (double)s->m * (double)elements / (rt_limit_seconds(b->pool) - start));
            for (size_t i = 0; i < WAYS; i++) {
                const rt_kernels *kernels =
                    ways[i].onednn ? rt_kernels_choose("onednn") : b->kernels;
                double rate = kernels ? product_rate(b, kernels, &linears[i], ways[i].int8, x, out,
                                                     s->m, scratch)
                                      : 0;

                if (kernels && r >= 0)
                    note(&found[i], rate);
            }
        }
    }
    peer_product_free(product);
    for (size_t i = 0; i < WAYS; i++)
        rt_packer_free(packers[i]);
    release_weights(&weights);
    free(w);
    free(x);
    free(out);
    free(scratch);
    return st;
}

static void print_rate(const figures *f, int width)
{
    char text[32] = "not here";

    if (f->n)
        snprintf(text, sizeof(text), "%3.0f [%3.0f]", median_of(f), best_of(f));
    printf(" %*s", width, text);
}

static fm_status measure_products(const bench *b, fm_err *err)
{
    printf("\nproducts, 1e9 operations a second: median [best] of %d rounds\n"
           "    machine's limit from registers: f32 %.0f, bf16 %.0f, int8 %.0f\n",
           ROUNDS, rt_limit(b->pool, b->kernels->name, RT_LIMIT_F32),
           rt_limit(b->pool, b->kernels->name, RT_LIMIT_BF16),
           rt_limit(b->pool, b->kernels->name, RT_LIMIT_INT8));
    printf("    %-18s %11s", "rows x out x in", "oneDNN f32");
    for (size_t i = 0; i < WAYS; i++)
        printf(" %12s", ways[i].name);
    printf("  f32 to oneDNN\n");
    for (size_t s = 0; s < FM_COUNT_OF(shapes); s++) {
        figures peer = {0}, found[WAYS] = {0};
        char name[64];
        fm_status st = measure_shape(b, &shapes[s], &peer, found, err);

        if (st != FM_OK)
            return st;
        snprintf(name, sizeof(name), "%zu x %zu x %zu", shapes[s].m, shapes[s].n_out,
                 shapes[s].n_in);
        printf("    %-18s", name);
        print_rate(&peer, 11);
        for (size_t i = 0; i < WAYS; i++)
            print_rate(&found[i], 12);
        if (peer.n)
            printf("  %.2f [%.2f]", median_of(&found[0]) / median_of(&peer),
                   best_of(&found[0]) / best_of(&peer));
        printf("\n");
        fflush(stdout);
    }
    return FM_OK;
}

/* ---- attention ---- */

enum { TOKENS = 1024, HEADS = 16, QUERIES = 64, HEAD_SIZE = 72 };

typedef struct {
    const rt_kernels *kernels;
    const float *qkv; /* [TOKENS][3][HEADS][HEAD_SIZE] */
    float *out, *scores;
} attention;

static void attend(void *context, size_t begin, size_t end, int thread)
{
    const attention *a = context;
    enum { ROW = 3 * HEADS * HEAD_SIZE };
    float *scores = a->scores + (size_t)thread * QUERIES * TOKENS;

    for (size_t i = begin; i < end; i++) {
        size_t head = i / (TOKENS / QUERIES), first = i % (TOKENS / QUERIES) * QUERIES;
        const float *q = a->qkv + first * ROW + head * HEAD_SIZE;
        const float *k = a->qkv + (HEADS + head) * HEAD_SIZE, *v = k + HEADS * HEAD_SIZE;

        a->kernels->scores[RT_KEPT_F32](scores, TOKENS, q, ROW, QUERIES, k, ROW, TOKENS, HEAD_SIZE);
        for (size_t j = 0; j < QUERIES; j++)
            a->kernels->softmax(scores + j * TOKENS, TOKENS);
        a->kernels->blend[RT_KEPT_F32](a->out + first * HEADS * HEAD_SIZE + head * HEAD_SIZE,
                                       HEADS * HEAD_SIZE, scores, TOKENS, QUERIES, v, ROW, TOKENS,
                                       HEAD_SIZE);
    }
}

static fm_status measure_attention(const bench *b, fm_err *err)
{
    float *qkv = malloc((size_t)TOKENS * 3 * HEADS * HEAD_SIZE * sizeof(*qkv));
    float *out = malloc((size_t)TOKENS * HEADS * HEAD_SIZE * sizeof(*out));
    float *scores = malloc((size_t)rt_pool_threads(b->pool) * QUERIES * TOKENS * sizeof(*scores));
    attention a = {b->kernels, qkv, out, scores};
    figures found = {0};
    fm_status st = qkv && out && scores ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory");

    if (st == FM_OK) {
        fill(qkv, (size_t)TOKENS * 3 * HEADS * HEAD_SIZE);
        for (int r = -1; r < ROUNDS; r++) {
            double start = rt_limit_seconds(b->pool);

            rt_pool_run(b->pool, HEADS * (TOKENS / QUERIES), 1, attend, &a);
            if (r >= 0)
                note(&found, 4e-9 * TOKENS * TOKENS * HEADS * HEAD_SIZE /
                                 (rt_limit_seconds(b->pool) - start));
        }
        printf("\nattention of %d tokens to each other, %d heads of %d, f32: %.0f [%.0f] 1e9 "
               "operations a second\n",
               TOKENS, HEADS, HEAD_SIZE, median_of(&found), best_of(&found));
    }
    free(qkv);
    free(out);
    free(scores);
    return st;
}

/* ---- a language model ---- */

static const rt_decoder_config qwen = {.width = 1536,
                                       .layers = 28,
                                       .heads = 12,
                                       .kv_heads = 2,
                                       .head_size = 128,
                                       .mlp = 8960,
                                       .vocabulary = 151936,
                                       .max_tokens = 32768,
                                       .rope_theta = 1e6,
                                       .norm_eps = 1e-6,
                                       .qkv_bias = true,
                                       .tied = true};

typedef struct {
    rt_packer *packer;
    rt_decoder *decoder;
    rt_memory *memory;
    float *embeddings, *hidden,
        *logits; /* [PROMPT][width], [STREAMS][width], [STREAMS][vocabulary] */
} model;

static void model_release(model *m)
{
    rt_memory_free(m->memory);
    rt_decoder_free(m->decoder);
    rt_packer_free(m->packer);
    free(m->embeddings);
    free(m->hidden);
    free(m->logits);
}

static fm_status model_make(model *m, const bench *b, rt_pack pack, fm_err *err)
{
    rt_weights weights = {0};
    size_t width = (size_t)qwen.width;
    fm_status st = make_weights(&weights, &b->values, &qwen, err);

    if (st == FM_OK)
        st = rt_packer_new(&m->packer, pack, b->pool, err);
    if (st == FM_OK)
        st =
            rt_decoder_load(&m->decoder, &qwen, m->packer, &weights, rt_pool_threads(b->pool), err);
    if (st == FM_OK)
        st = rt_memory_new(&m->memory, m->decoder, RT_KEPT_F16, PROMPT, STREAMS, STEPS, err);
    m->embeddings = malloc(PROMPT * width * sizeof(float));
    m->hidden = malloc(STREAMS * width * sizeof(float));
    m->logits = malloc(STREAMS * (size_t)qwen.vocabulary * sizeof(float));
    if (st == FM_OK && !(m->embeddings && m->hidden && m->logits))
        st = fm_fail(err, FM_E_NOMEM, "no memory");
    if (st == FM_OK)
        fill(m->embeddings, PROMPT * width);
    release_weights(&weights);
    return st;
}

/* Tokens a second of a prompt, its last logits included. */
static fm_status own_prefill(model *m, const rt_compute *compute, double *rate, fm_err *err)
{
    double start = rt_limit_seconds(compute->pool);

    rt_memory_forget(m->memory, 0);
    fm_status st = rt_decoder_prefill(m->decoder, compute, m->memory, RT_SHARED, m->embeddings,
                                      PROMPT, m->hidden, 1, err);
    rt_decoder_logits(m->decoder, compute, m->hidden, 1, m->logits);
    *rate = PROMPT / (rt_limit_seconds(compute->pool) - start);
    return st;
}

/* Of so many streams together that go on from the prompt. */
static fm_status own_decode(model *m, const rt_compute *compute, size_t streams, double *rate,
                            fm_err *err)
{
    static const size_t branches[STREAMS] = {0, 1, 2, 3};
    fm_status st = FM_OK;
    double start = rt_limit_seconds(compute->pool);

    rt_memory_forget(m->memory, PROMPT);
    for (int i = 0; i < STEPS && st == FM_OK; i++) {
        st = rt_decoder_step(m->decoder, compute, m->memory, branches, streams, m->embeddings,
                             m->hidden, err);
        rt_decoder_logits(m->decoder, compute, m->hidden, streams, m->logits);
    }
    *rate = (double)STEPS * (double)streams / (rt_limit_seconds(compute->pool) - start);
    return st;
}

typedef struct {
    figures read, prefill[2], decode[2], four[2], peer_prefill, peer_decode;
} model_figures;

static fm_status own_round(model *m, const bench *b, int int8, model_figures *f, fm_err *err)
{
    rt_compute compute = {b->kernels, b->pool, int8};
    double prefill = 0, decode = 0, four = 0;
    fm_status st = own_prefill(m, &compute, &prefill, err);

    if (st == FM_OK)
        st = own_decode(m, &compute, 1, &decode, err);
    if (st == FM_OK)
        st = own_decode(m, &compute, STREAMS, &four, err);
    note(&f->prefill[int8], prefill);
    note(&f->decode[int8], decode);
    note(&f->four[int8], four);
    return st;
}

static fm_status peer_round(const bench *b, peer_llama *peer, model_figures *f, fm_err *err)
{
    double start = rt_limit_seconds(b->pool);
    fm_status st = peer_llama_prefill(peer, PROMPT, err);

    note(&f->peer_prefill, PROMPT / (rt_limit_seconds(b->pool) - start));
    start = rt_limit_seconds(b->pool);
    for (int i = 0; i < STEPS && st == FM_OK; i++)
        st = peer_llama_step(peer, err);
    note(&f->peer_decode, STEPS / (rt_limit_seconds(b->pool) - start));
    return st;
}

static void print_own(const char *name, const model_figures *f, int int8, double bytes)
{
    const figures *prefill = &f->prefill[int8], *decode = &f->decode[int8], *four = &f->four[int8];

    printf("    %-16s %6.1f [%5.1f] %6.1f [%5.1f]    %4.2f [%4.2f] %6.1f [%5.1f] %5.2f", name,
           median_of(prefill), best_of(prefill), median_of(decode), best_of(decode),
           median_of(decode) * bytes / median_of(&f->read),
           best_of(decode) * bytes / best_of(&f->read), median_of(four), best_of(four),
           median_of(four) / median_of(decode));
    if (f->peer_prefill.n)
        printf("  %4.2f  %4.2f", median_of(prefill) / median_of(&f->peer_prefill),
               median_of(decode) / median_of(&f->peer_decode));
    printf("\n");
}

static const struct {
    const char *name, *int8_name, *file;
    rt_pack pack;
    rt_kind kind;
} kinds[] = {{"bf16", NULL, "qwen2-1.5b-bf16.gguf", RT_PACK_BF16, RT_BF16},
             {"q8", "q8, int8", "qwen2-1.5b-q8_0.gguf", RT_PACK_Q8, RT_Q8_0},
             {"q4", "q4, int8", "qwen2-1.5b-q4_0.gguf", RT_PACK_Q4, RT_Q4_0}};

/* Where the peer and its files are; NULL: not asked for. */
typedef struct {
    const char *library, *files;
} peer_place;

static fm_status open_peer(peer_llama **out, const peer_place *place, size_t kind, int threads,
                           fm_err *err)
{
    char path[FM_PATH_BYTES];

    if (!place->library)
        return FM_OK;
    fm_status st = fm_path_join(path, place->files, kinds[kind].file, err);
    if (st == FM_OK && !fm_file_exists(path))
        st = peer_llama_write(path, &qwen, kinds[kind].kind, err);
    if (st == FM_OK)
        st = peer_llama_open(out, place->library, path, threads, err);
    return st;
}

static fm_status measure_kind(const bench *b, const peer_place *place, size_t kind, fm_err *err)
{
    enum { READ_BYTES = 1 << 30 };
    void *plain = NULL;
    model m = {0};
    model_figures f = {0};
    peer_llama *peer = NULL;
    double packed = 0;
    int ways_here = kinds[kind].int8_name ? 2 : 1;
    fm_status st =
        posix_memalign(&plain, 64, READ_BYTES) == 0 ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory");

    if (st == FM_OK) {
        memset(plain, 1, READ_BYTES);
        st = model_make(&m, b, kinds[kind].pack, err);
    }
    if (st == FM_OK)
        st = open_peer(&peer, place, kind, rt_pool_threads(b->pool), err);
    for (int r = 0; r < MODEL_ROUNDS && st == FM_OK; r++) {
        packed = (double)rt_packer_bytes(m.packer) * 1e-9;
        for (int int8 = 0; int8 < ways_here && st == FM_OK; int8++)
            st = own_round(&m, b, int8, &f, err);
        note(&f.read, rt_limit_read(b->pool, plain, READ_BYTES));
        if (peer && st == FM_OK)
            st = peer_round(b, peer, &f, err);
    }
    if (st == FM_OK) {
        print_own(kinds[kind].name, &f, 0, packed);
        if (ways_here == 2)
            print_own(kinds[kind].int8_name, &f, 1, packed);
        if (peer)
            printf("    %-16s %6.1f [%5.1f] %6.1f [%5.1f]\n", "  llama.cpp",
                   median_of(&f.peer_prefill), best_of(&f.peer_prefill), median_of(&f.peer_decode),
                   best_of(&f.peer_decode));
        printf("    %-16s %.2f GB, plain read %.1f [%.1f] GB/s\n", "", packed, median_of(&f.read),
               best_of(&f.read));
        fflush(stdout);
    }
    peer_llama_close(peer);
    model_release(&m);
    free(plain);
    return st;
}

static fm_status measure_model(const bench *b, const peer_place *place, fm_err *err)
{
    fm_status st = FM_OK;

    printf("\nQwen2-1.5B's shape, tokens a second: median [best] of %d rounds\n"
           "    %-16s %-14s %-14s %-14s %-15s %s\n",
           MODEL_ROUNDS, "weights", "prefill 256", "decode", "  of plain read",
           "four streams  /one", place->library ? "  to llama.cpp: prefill, decode" : "");
    for (size_t i = 0; i < FM_COUNT_OF(kinds) && st == FM_OK; i++)
        st = measure_kind(b, place, i, err);
    if (!place->library)
        printf("    llama.cpp: not measured here (--peer)\n");
    return st;
}

/* ---- a core that somebody else uses ---- */

static pid_t start_spinning(void)
{
    pid_t child = fork();

    if (child != 0)
        return child;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    sched_setaffinity(0, sizeof(set), &set);
    for (volatile unsigned long i = 0;; i++) {
    }
}

static fm_status measure_shared(const bench *b, fm_err *err)
{
    rt_compute compute = {b->kernels, b->pool, true};
    figures alone = {0}, shared = {0};
    model m = {0};
    double rate = 0;
    fm_status st = model_make(&m, b, RT_PACK_Q8, err);

    if (st == FM_OK)
        st = own_prefill(&m, &compute, &rate, err);
    for (int r = 0; r < ROUNDS && st == FM_OK; r++) {
        st = own_decode(&m, &compute, 1, &rate, err);
        note(&alone, rate);
        pid_t spinner = start_spinning();
        if (spinner < 0 && st == FM_OK)
            st = fm_fail(err, FM_E_INTERNAL, "cannot start another process");
        if (st == FM_OK)
            st = own_decode(&m, &compute, 1, &rate, err);
        note(&shared, rate);
        if (spinner > 0) {
            kill(spinner, SIGKILL);
            waitpid(spinner, NULL, 0);
        }
    }
    if (st == FM_OK)
        printf(
            "\ndecode of q8 in integers, tokens a second: alone %.1f [%.1f], with another process "
            "on one core %.1f [%.1f], %.0f %% less\n",
            median_of(&alone), best_of(&alone), median_of(&shared), best_of(&shared),
            100 * (1 - median_of(&shared) / median_of(&alone)));
    model_release(&m);
    return st;
}

/* ---- which ---- */

static void print_machine(const bench *b)
{
    double loads[3] = {0};

    if (getloadavg(loads, 3) < 1)
        loads[0] = -1;
    printf("%d threads, kernels '%s', load %.2f when this began\n", rt_pool_threads(b->pool),
           b->kernels->name, loads[0]);
}

static fm_status make_values(bench *b, fm_err *err)
{
    size_t n = (size_t)qwen.vocabulary * (size_t)qwen.width;
    uint16_t *values = malloc(n * sizeof(*values));
    enum { REPEATED = 1000003 };
    fm_rng rng;

    if (!values)
        return fm_fail(err, FM_E_NOMEM, "no memory for random weights");
    fm_rng_seed(&rng, 7);
    for (size_t i = 0; i < n; i++) /* after the first ones, again and again */
        values[i] = i < REPEATED ? rt_f32_to_bf16((float)fm_rng_range(&rng, -0.035, 0.035))
                                 : values[i - REPEATED];
    b->values = (rt_mapped){
        .path = "random weights", .bytes = (const uint8_t *)values, .size = n * sizeof(*values)};
    return FM_OK;
}

enum { PRODUCTS = 1, ATTENTION = 2, MODEL = 4, SHARED = 8 };

static fm_status measure(const bench *b, unsigned what, const peer_place *place, fm_err *err)
{
    fm_status st = FM_OK;

    print_machine(b);
    if (what & PRODUCTS)
        st = measure_products(b, err);
    if (st == FM_OK && what & ATTENTION)
        st = measure_attention(b, err);
    if (st == FM_OK && what & MODEL)
        st = measure_model(b, place, err);
    if (st == FM_OK && what & SHARED)
        st = measure_shared(b, err);
    return st;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        unsigned bit;
    } names[] = {
        {"products", PRODUCTS}, {"attention", ATTENTION}, {"model", MODEL}, {"shared", SHARED}};
    peer_place place = {NULL, "/tmp"};
    bench b = {0};
    const char *isa = NULL;
    unsigned what = 0;
    int threads = 0;
    fm_err err = {0};

    /* oneDNN's threads would otherwise go on turning while ours are measured. */
    setenv("OMP_WAIT_POLICY", "passive", 0);

    for (int i = 1; i < argc; i++) {
        size_t n = 0;

        while (n < FM_COUNT_OF(names) && strcmp(argv[i], names[n].name) != 0)
            n++;
        if (n < FM_COUNT_OF(names)) {
            what |= names[n].bit;
        } else if (strcmp(argv[i], "--peer") == 0 && i + 1 < argc) {
            place.library = argv[++i];
        } else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
            setenv("OMP_NUM_THREADS", argv[i + 1], 1); /* oneDNN's */
            threads = atoi(argv[++i]);
        } else if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc) {
            isa = argv[++i];
        } else if (strcmp(argv[i], "--files") == 0 && i + 1 < argc) {
            place.files = argv[++i];
        } else {
            fprintf(stderr, "usage: engine [products] [attention] [model] [shared] "
                            "[--threads N] [--isa NAME] [--peer FOLDER] [--files FOLDER]\n");
            return 2;
        }
    }
    b.kernels = rt_kernels_choose(isa);
    if (!b.kernels) {
        fprintf(stderr, "benchmark engine: no such kernels on this machine or in this build\n");
        return 2;
    }
    fm_status st = rt_pool_new(&b.pool, threads, &err);
    if (st == FM_OK)
        st = make_values(&b, &err);
    if (st == FM_OK)
        st = measure(&b, what ? what : PRODUCTS | ATTENTION | MODEL | SHARED, &place, &err);
    if (st != FM_OK)
        fprintf(stderr, "benchmark engine: %s\n", err.text);
    free((void *)(uintptr_t)b.values.bytes);
    rt_pool_free(b.pool);
    return fm_status_exit_code(st);
}
