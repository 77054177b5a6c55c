/*
 * Training of a network of the bundled model's size: question-answer pairs a second, a step being
 * forwards, back and AdamW for 16 pictures of 128 x 128; and the share of the processor's fused
 * multiply-adds that its matrix products are, products counted. Pictures and words are of chance and
 * lie in memory: what is measured is the network.
 *
 *     train [--peer PYTHON]
 *
 * --peer: a Python with torch (Debian: python3-torch), which takes the same step over the same network
 * (train_peer.py beside this file's source) in turn with ours. Bar: twice its pairs a second. On a machine
 * that others use, the seconds of the processor say more than those of the clock.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/size.h"
#include "engine/limits.h"
#include "train/recipe.h"
#include "train/shown.h"
#include "train/trainer.h"

enum {
    PICTURES = 16,
    SIDE = 8,
    PATCHES = SIDE * SIDE,
    PATCH = 16,
    WORDS = 60,
    ANSWER = 16,
    THREADS = 2,
    ROUNDS = 5
};

static const char config_text[] =
    "{\"model_type\": \"llava_llama\", \"image_aspect_ratio\": \"resize\","
    " \"mm_vision_select_layer\": -1,"
    " \"llm_cfg\": {\"model_type\": \"qwen2\", \"hidden_size\": 128, \"num_hidden_layers\": 5,"
    "  \"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"intermediate_size\": 384,"
    "  \"vocab_size\": 1024, \"max_position_embeddings\": 1024, \"rope_theta\": 10000.0,"
    "  \"tie_word_embeddings\": true, \"qk_norm\": true},"
    " \"vision_tower_cfg\": {\"model_type\": \"siglip_vision_model\", \"hidden_size\": 96,"
    "  \"num_hidden_layers\": 3, \"num_attention_heads\": 4, \"intermediate_size\": 384,"
    "  \"image_size\": 128, \"patch_size\": 16, \"hidden_act\": \"gelu_pytorch_tanh\","
    "  \"qk_norm\": true},"
    " \"mm_projector_cfg\": {\"mm_projector_type\": \"mlp_downsample\"},"
    " \"spatial_encoder_cfg\": {\"generation\": \"v1\", \"encoder_hidden_size\": 96,"
    "  \"encoder_num_layers\": 2, \"encoder_num_heads\": 4, \"encoder_intermediate_size\": 384,"
    "  \"patch_size\": 16, \"position_size\": 128, \"hidden_size\": 128, \"num_hidden_layers\": 2,"
    "  \"num_attention_heads\": 4, \"intermediate_size\": 384, \"tapped_layers\": [0, 1],"
    "  \"long_side\": 128, \"dense_sizes\": [32, 48, 64], \"global_sizes\": [16, 32, 32],"
    "  \"scale_head_size\": 32, \"qk_norm\": true},"
    " \"spatial_projector_cfg\": {\"mm_projector_type\": \"mlp2x_gelu\"},"
    " \"scale_decoder_cfg\": {\"projected_size\": 64, \"hidden_size\": 32,"
    "  \"num_hidden_layers\": 2, \"forced\": true, \"token\": \"<SCALE>\"}}";

/* ---- what is counted ---- */

static const tr_arithmetic *counted;
static double products; /* sums and products of them, by one thread */

static void count_product(float *c, size_t ldc, tr_factor a, const float *panels, size_t m,
                          size_t n, size_t k, bool add)
{
    products += 2 * (double)m * (double)n * (double)k;
    counted->product(c, ldc, a, panels, m, n, k, add);
}

/* ---- what is learnt ---- */

typedef struct {
    float pixels[PATCHES * 3 * PATCH * PATCH], depth[PATCHES * PATCH * PATCH];
    float places[PATCHES * 3];
    int32_t ids[WORDS + ANSWER], kinds[PATCHES];
    bool placed[PATCHES];
    tr_question questions[16];
} picture;

static const int32_t before[] = {TR_TILE, TR_VIEW};

static picture *make_picture(int vocabulary, size_t questions, tr_example *out)
{
    picture *p = calloc(1, sizeof(*p));
    fm_rng rng;

    if (!p)
        exit(1);
    fm_rng_seed(&rng, 1);
    for (size_t i = 0; i < FM_COUNT_OF(p->pixels); i++)
        p->pixels[i] = (float)fm_rng_normal(&rng);
    for (size_t i = 0; i < FM_COUNT_OF(p->depth); i++)
        p->depth[i] = (float)fm_rng_unit(&rng);
    for (size_t i = 0; i < FM_COUNT_OF(p->ids); i++)
        p->ids[i] = (int32_t)fm_rng_below(&rng, (uint64_t)vocabulary);
    for (size_t i = 0; i < PATCHES; i++) {
        p->kinds[i] = (int32_t)fm_rng_below(&rng, TR_KINDS);
        p->placed[i] = true;
    }
    for (size_t i = 0; i < questions; i++)
        p->questions[i] =
            (tr_question){.ids = p->ids, .n = WORDS + ANSWER, .answer = WORDS, .scale = WORDS - 1};
    *out = (tr_example){.tile = p->pixels,
                        .view = {SIDE, SIDE, p->pixels, p->pixels, p->depth, 1.5F},
                        .before = before,
                        .n_before = FM_COUNT_OF(before),
                        .questions = p->questions,
                        .n_questions = questions,
                        .log_scale = 0.4F,
                        .labels = {{PATCHES, p->kinds, p->kinds, p->places, p->placed, NULL},
                                   {PATCHES, p->kinds, p->kinds, p->places, p->placed, NULL}}};
    return p;
}

static fm_status give(void *context, uint64_t index, int thread, tr_sample *out, fm_err *err)
{
    (void)index, (void)thread, (void)err;
    out->example = *(const tr_example *)context;
    return FM_OK;
}

/* ---- the peer ---- */

typedef struct {
    pid_t child;
    FILE *in, *out;
} peer;

static bool peer_start(peer *p, const char *python, size_t questions)
{
    char count[16], size[4][16];
    int to[2], from[2];

    snprintf(count, sizeof(count), "%zu", questions);
    snprintf(size[0], 16, "%d", PICTURES);
    snprintf(size[1], 16, "%d", WORDS);
    snprintf(size[2], 16, "%d", ANSWER);
    snprintf(size[3], 16, "%d", THREADS);
    if (pipe(to) != 0 || pipe(from) != 0)
        return false;
    p->child = fork();
    if (p->child == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        execl(python, python, FATHOM_PEER, config_text, size[0], count, size[1], size[2], size[3],
              (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    p->in = fdopen(to[1], "w");
    p->out = fdopen(from[0], "r");
    return p->child > 0 && p->in && p->out;
}

/* Of one step. */
typedef struct {
    double wall, processor;
} spent;

/* One number or two; -1: it has gone. */
static spent peer_says(const peer *p)
{
    char line[96], *end;
    spent s = {-1, -1};

    if (fgets(line, sizeof(line), p->out)) {
        s.wall = strtod(line, &end);
        s.processor = strtod(end, NULL);
    }
    return s;
}

static spent peer_step(const peer *p)
{
    fputs("step\n", p->in);
    fflush(p->in);
    return peer_says(p);
}

static void peer_stop(peer *p)
{
    fclose(p->in);
    fclose(p->out);
    waitpid(p->child, NULL, 0);
}

/* ---- measuring ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The medians. */
static spent tell(const char *who, const spent *steps, size_t questions)
{
    double wall[ROUNDS], processor[ROUNDS], pairs = (double)(PICTURES * questions);

    printf("  %-6s steps:", who);
    for (size_t i = 0; i < ROUNDS; i++) {
        wall[i] = steps[i].wall;
        processor[i] = steps[i].processor;
        printf(" %.3f (%.3f)", wall[i], processor[i]);
    }
    qsort(wall, ROUNDS, sizeof(*wall), by_value);
    qsort(processor, ROUNDS, sizeof(*processor), by_value);
    printf(
        " s\n         median %.1f, best %.1f pairs/s; a second of the processor: %.1f, best %.1f\n",
        pairs / wall[ROUNDS / 2], pairs / wall[0], pairs / processor[ROUNDS / 2],
        pairs / processor[0]);
    return (spent){wall[ROUNDS / 2], processor[ROUNDS / 2]};
}

static double processor_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

typedef struct {
    tr_network *network;
    tr_trainer *trainer;
    rt_pool *pool;
    tr_example example;
    picture *picture;
} bench;

static fm_status bench_open_network(bench *b, fm_arena *arena, rt_config *config, size_t questions,
                                    int threads, fm_err *err)
{
    fm_status st = rt_config_parse(config_text, strlen(config_text), "config", arena, config, err);

    if (st == FM_OK)
        st = tr_network_new(&b->network, config, &(tr_auxiliary){TR_KINDS}, NULL, 1, err);
    if (st == FM_OK)
        st = rt_pool_new(&b->pool, threads, err);
    if (st == FM_OK)
        b->picture = make_picture(config->llm.vocabulary, questions, &b->example);
    return st;
}

static fm_status bench_open_trainer(bench *b, int threads, fm_err *err)
{
    tr_trainer_config trainer = {
        .pictures = PICTURES,
        .threads = threads,
        .memory_bytes = (size_t)1 << 30,
        .mixture = {.scale = 0.1, .kind = 0.5, .place = 1},
        .optimiser = tr_recipe_default().optimiser,
    };

    trainer.optimiser.steps = 1000;
    return tr_trainer_new(&b->trainer, &trainer, b->network,
                          &(tr_source_of_samples){give, &b->example}, err);
}

static void bench_close(bench *b)
{
    tr_trainer_free(b->trainer);
    tr_network_free(b->network);
    rt_pool_free(b->pool);
    free(b->picture);
}

/* Products of one step, by a trainer of one thread. */
static fm_status count_step(size_t questions, fm_err *err)
{
    fm_arena arena = {0};
    tr_arithmetic counting;
    rt_config config;
    tr_report report;
    bench b = {0};
    fm_status st = bench_open_network(&b, &arena, &config, questions, 1, err);

    if (st == FM_OK) {
        counted = b.network->store.arithmetic;
        counting = *counted;
        counting.product = count_product;
        b.network->store.arithmetic = &counting;
        st = bench_open_trainer(&b, 1, err);
    }
    products = 0;
    if (st == FM_OK)
        st = tr_trainer_step(b.trainer, 0, &report, err);
    bench_close(&b);
    fm_arena_release(&arena);
    return st;
}

static fm_status step(const bench *b, uint64_t index, spent *out, tr_report *report, fm_err *err)
{
    double start = fm_clock_seconds(), processor = processor_seconds();
    fm_status st = tr_trainer_step(b->trainer, index, report, err);

    *out = (spent){fm_clock_seconds() - start, processor_seconds() - processor};
    return st;
}

static fm_status take_turns(const bench *b, const peer *p, size_t questions, double work,
                            fm_err *err)
{
    spent ours[ROUNDS], theirs[ROUNDS], warm;
    double peak = 0, best = 1e9;
    tr_report report;
    fm_status st = step(b, 0, &warm, &report, err);

    if (p)
        (void)peer_step(p);
    for (size_t i = 0; st == FM_OK && i < ROUNDS; i++) {
        double limit = rt_limit(b->pool, b->network->store.arithmetic->name, RT_LIMIT_F32);

        st = step(b, i + 1, &ours[i], &report, err);
        if (p)
            theirs[i] = peer_step(p);
        peak = limit > peak ? limit : peak;
        best = ours[i].wall < best ? ours[i].wall : best;
    }
    if (st != FM_OK)
        return st;
    spent our = tell("ours", ours, questions);
    if (p) {
        spent their = tell("torch", theirs, questions);
        printf("  ratio of medians: %.2f, of the processor's %.2f\n", their.wall / our.wall,
               their.processor / our.processor);
    }
    printf("  products: %.1f GFLOP a step; of %.0f GFLOP/s from registers %.0f %% (best step); %zu "
           "MB a "
           "picture\n",
           work / 1e9, peak, 100 * work / 1e9 / best / peak, report.memory_bytes >> 20);
    return FM_OK;
}

static fm_status measure(const char *python, size_t questions, fm_err *err)
{
    fm_arena arena = {0};
    rt_config config;
    bench b = {0};
    peer p = {0};
    fm_status st = count_step(questions, err);
    double work = products;

    if (st == FM_OK)
        st = bench_open_network(&b, &arena, &config, questions, THREADS, err);
    if (st == FM_OK)
        st = bench_open_trainer(&b, THREADS, err);
    bool started = st == FM_OK && python && peer_start(&p, python, questions);
    double parameters = started ? peer_says(&p).wall : 0;
    if (st == FM_OK) {
        printf("%d pictures a step, %zu questions each of %d + %d tokens, %.2f M parameters\n",
               PICTURES, questions, WORDS, ANSWER, (double)b.network->store.n_values / 1e6);
        if (python && parameters <= 0)
            printf("  the peer did not start\n");
        if (parameters > 0)
            printf("  the peer's: %.2f M\n", parameters / 1e6);
        st = take_turns(&b, parameters > 0 ? &p : NULL, questions, work, err);
    }
    if (started)
        peer_stop(&p);
    bench_close(&b);
    fm_arena_release(&arena);
    return st;
}

int main(int argc, char **argv)
{
    const char *python = argc == 3 && strcmp(argv[1], "--peer") == 0 ? argv[2] : NULL;
    static const size_t questions[] = {1, 6};
    fm_err err = {0};

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < FM_COUNT_OF(questions); i++)
        if (measure(python, questions[i], &err) != FM_OK) {
            fprintf(stderr, "train: %s\n", err.text);
            return 1;
        }
    return 0;
}
