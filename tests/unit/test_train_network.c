/* The whole network: its gradient against differences, and what it gives against the engine, which
 * reads the same weights from a folder that the trainer saved. */
#include <math.h>
#include <stdlib.h>

#include "engine/decoder.h"
#include "engine/projector.h"
#include "engine/scale.h"
#include "engine/spatial_encoders.h"
#include "engine/tower.h"
#include "train/model.h"
#include "train_fixture.h"

#define TOKEN_WEIGHT 0.3

TestSuite(train_network, .init = scratch_make, .fini = scratch_remove);

typedef struct {
    fm_arena arena;
    tr_network *network;
    rt_pool *pool;
    tr_pass pass;
    small_example example;
} bench;

static void set_up(bench *b)
{
    *b = (bench){0};
    b->network = small_network(scratch_path("model"), &b->arena);
    cr_assert(eq(int, rt_pool_new(&b->pool, 1, NULL), FM_OK));
    tr_store_pack(&b->network->store, b->pool);
    tr_pass_init(&b->pass, &b->network->store, (size_t)256 << 20);
    small_example_make(&b->example, 11);
}

static void tear_down(bench *b)
{
    tr_pass_release(&b->pass);
    tr_network_free(b->network);
    rt_pool_free(b->pool);
    fm_arena_release(&b->arena);
}

static double loss_of(bench *b)
{
    static const tr_weights weights = {0.3, 0.2, 0.05, 0.5, 0.05, 0.1};
    tr_losses losses;

    tr_store_pack(&b->network->store, b->pool);
    tr_pass_reset(&b->pass);
    tr_network_run(b->network, &b->pass, &b->example.example, &weights, &losses);
    cr_assert(eq(int, b->pass.failed, false));
    cr_assert(eq(sz, losses.n_tokens, 6));
    cr_assert(eq(sz, losses.n_scales, 2));
    return losses.token + losses.scale + losses.kind + losses.place + losses.digit + losses.code;
}

/* One direction of chance in each tensor: the slope that the gradient says, against a difference of
 * losses in f32, which holds to 1 % of the slope and to what two losses rounded to 4e-6 leave. */
static void check_gradient(bool told)
{
    bench b;
    fm_rng rng;

    set_up(&b);
    b.example.example.told = told;
    tr_store *store = &b.network->store;
    float *gradient = calloc(store->n_values, sizeof(*gradient));
    float *kept = calloc(store->n_values, sizeof(*kept));
    b.pass.gradient = gradient;
    loss_of(&b);
    b.pass.gradient = NULL;
    fm_rng_seed(&rng, 3);
    for (size_t i = 0; i < store->n_slots; i++) {
        const tr_slot *slot = &store->slots[i];
        size_t n = slot->at.rows * slot->at.columns;
        double slope = 0, step = fmin(0.02 / sqrt((double)n), 0.002), above;
        float *values = store->values + slot->at.first;
        double *way = calloc(n, sizeof(*way));

        memcpy(kept, values, n * sizeof(*kept));
        for (size_t j = 0; j < n; j++) {
            way[j] = fm_rng_normal(&rng);
            slope += way[j] * (double)gradient[slot->at.first + j];
            values[j] = (float)((double)kept[j] + step * way[j]);
        }
        above = loss_of(&b);
        for (size_t j = 0; j < n; j++)
            values[j] = (float)((double)kept[j] - step * way[j]);
        double measured = (above - loss_of(&b)) / (2 * step);
        memcpy(values, kept, n * sizeof(*kept));
        cr_expect(epsilon_eq(dbl, slope, measured, 0.01 * fabs(slope) + 4e-6 / step), "%s %s",
                  slot->part, slot->name);
        free(way);
    }
    free(gradient);
    free(kept);
    tear_down(&b);
}

Test(train_network, its_gradient_is_the_slope_of_its_loss)
{
    check_gradient(false);
}

Test(train_network, so_it_is_where_the_language_model_is_told)
{
    check_gradient(true);
}

/* What has a code comes from there, and nothing else: other codes, other answers; where nothing is
 * known, the same ones. */
Test(train_network, the_language_model_is_told_codes_of_what_is_known)
{
    bench b;
    tr_losses seen, told, other, unknown;
    static const tr_weights weights = {1, 1, 0, 0, 0, 1};

    set_up(&b);
    tr_example *e = &b.example.example;
    tr_network_run(b.network, &b.pass, e, &weights, &seen);
    e->told = true;
    tr_pass_reset(&b.pass);
    tr_network_run(b.network, &b.pass, e, &weights, &told);
    for (size_t i = 0; i < sizeof(b.example.codes) / sizeof(float); i++)
        b.example.codes[i] += 1;
    tr_pass_reset(&b.pass);
    tr_network_run(b.network, &b.pass, e, &weights, &other);
    memset(b.example.coded, 0, sizeof(b.example.coded));
    tr_pass_reset(&b.pass);
    tr_network_run(b.network, &b.pass, e, &weights, &unknown);
    cr_expect(gt(dbl, fabs(told.token - seen.token), 1e-4));
    cr_expect(gt(dbl, fabs(other.token - told.token), 1e-4));
    cr_expect(eq(dbl, unknown.token, seen.token));
    cr_expect(
        eq(dbl, told.code, seen.code)); /* it is what the picture gave that is to be the code */
    cr_expect(gt(sz, told.n_codes, 0));
    cr_expect(eq(sz, unknown.n_codes, 0));
    tear_down(&b);
}

Test(train_network, a_picture_that_nothing_is_asked_of_teaches_the_towers_alone)
{
    bench b;
    tr_losses losses;

    set_up(&b);
    tr_store *store = &b.network->store;
    float *gradient = calloc(store->n_values, sizeof(*gradient));
    b.example.example.n_questions = 0;
    b.pass.gradient = gradient;
    tr_pass_reset(&b.pass);
    tr_network_run(b.network, &b.pass, &b.example.example, &(tr_weights){1, 1, 1, 1, 1, 0},
                   &losses);
    b.pass.gradient = NULL;
    cr_expect(eq(sz, losses.n_tokens, 0));
    cr_expect(gt(sz, losses.n_places, 0));
    for (size_t i = 0; i < store->n_slots; i++) {
        const tr_slot *slot = &store->slots[i];
        bool tower = strcmp(slot->part, "llm") != 0 && !strstr(slot->part, "projector") &&
                     strcmp(slot->part, "scale_decoder") != 0;
        double size = 0;

        for (size_t j = 0; j < slot->at.rows * slot->at.columns; j++)
            size += fabs((double)gradient[slot->at.first + j]);
        if (!tower)
            cr_expect(eq(dbl, size, 0), "%s %s", slot->part, slot->name);
        else if (strcmp(slot->part, "auxiliary") == 0)
            cr_expect(gt(dbl, size, 0), "%s %s", slot->part, slot->name);
    }
    free(gradient);
    tear_down(&b);
}

/* One pass: its losses, and their gradient, of malloc. */
static float *gradient_of(bench *b, tr_losses *out)
{
    static const tr_weights weights = {TOKEN_WEIGHT, 0.2, 0.1, 0.5, 0.1, 0.1};
    float *gradient = calloc(b->network->store.n_values, sizeof(float));

    tr_pass_reset(&b->pass);
    b->pass.gradient = gradient;
    tr_network_run(b->network, &b->pass, &b->example.example, &weights, out);
    b->pass.gradient = NULL;
    cr_assert(eq(int, b->pass.failed, false));
    return gradient;
}

/* Answers of 3, 1 and 2 tokens to each of two questions, read question by question or answer by answer:
 * the same losses, and the same gradient but for the order of sums. */
Test(train_network, a_group_is_its_questions_one_by_one)
{
    static const size_t sizes[] = {8, 6, 7};
    tr_question questions[6];
    float *gradients[2], first[12], second[12];
    double losses[2];
    bench b;

    set_up(&b);
    for (size_t i = 0; i < 6; i++) {
        int32_t *ids = fm_arena_alloc(&b.arena, 8, sizeof(*ids));

        for (size_t j = 0; j < 8; j++)
            ids[j] = b.example.ids[i / 3][j] + (int32_t)(j >= 5 ? i : 0);
        for (size_t j = 5; j < 8; j++)
            ids[j] %= SMALL_VOCABULARY;
        questions[i] = (tr_question){.ids = ids, .n = sizes[i % 3], .answer = 5, .scale = 4};
    }
    b.example.example.questions = questions;
    b.example.example.n_questions = 6;
    for (size_t turn = 0; turn < 2; turn++) {
        tr_losses out;

        b.example.example.group = turn * 3;
        gradients[turn] = gradient_of(&b, &out);
        cr_expect(eq(sz, out.n_tokens, 12));
        losses[turn] = out.token + out.scale;
        tr_pass_reset(&b.pass);
        tr_network_log_probabilities(b.network, &b.pass, &b.example.example, 1,
                                     turn ? second : first);
    }
    cr_expect(epsilon_eq(dbl, losses[0], losses[1], 1e-5 * losses[0]));
    for (size_t i = 0; i < 12; i++)
        cr_expect(epsilon_eq(flt, first[i], second[i], 1e-5F), "%zu", i);
    for (size_t i = 0; i < b.network->store.n_values; i++)
        cr_assert(
            epsilon_eq(flt, gradients[0][i], gradients[1][i], 1e-4F * (1 + fabsf(gradients[0][i]))),
            "%zu", i);
    free(gradients[0]);
    free(gradients[1]);
    tear_down(&b);
}

/* Of each question the last token is passed over: whatever it is, nothing comes of it. */
Test(train_network, what_is_passed_over_is_not_learnt)
{
    static const bool over[] = {false, false, true};
    float *gradients[2], each[6];
    double losses[2];
    bench b;

    set_up(&b);
    tr_network_log_probabilities(b.network, &b.pass, &b.example.example, 1, each);
    for (size_t q = 0; q < 2; q++) {
        b.example.questions[q].passed_over = over;
        b.example.questions[q].n_passed_over = 1;
    }
    for (size_t turn = 0; turn < 2; turn++) {
        tr_losses out;

        gradients[turn] = gradient_of(&b, &out);
        cr_expect(eq(sz, out.n_tokens, 4));
        losses[turn] = out.token;
        b.example.ids[0][7] = (b.example.ids[0][7] + 1) % SMALL_VOCABULARY;
        b.example.ids[1][5] = (b.example.ids[1][5] + 1) % SMALL_VOCABULARY;
    }
    cr_expect(
        epsilon_eq(dbl, losses[0], -TOKEN_WEIGHT * (each[0] + each[1] + each[3] + each[4]), 1e-5));
    cr_expect(eq(dbl, losses[0], losses[1]));
    cr_expect(
        eq(int, memcmp(gradients[0], gradients[1], b.network->store.n_values * sizeof(float)), 0));
    free(gradients[0]);
    free(gradients[1]);
    tear_down(&b);
}

/* ---- against the engine ---- */

typedef struct {
    rt_compute compute;
    rt_packer *packer;
    rt_weights *weights[8];
    size_t n;
} engine;

static const rt_weights *part(engine *e, const char *name)
{
    char path[FM_PATH_BYTES];
    fm_err err = {0};

    cr_assert(eq(int, fm_path_join(path, scratch_path("saved"), name, &err), FM_OK));
    cr_assert(eq(int, rt_weights_open(&e->weights[e->n], path, &err), FM_OK), "%s", err.text);
    return e->weights[e->n++];
}

static void engine_open(engine *e, bench *b)
{
    fm_err err = {0};

    *e = (engine){.compute = {rt_kernels_choose(NULL), b->pool, false}};
    cr_assert(
        eq(int,
           tr_model_save(b->network, scratch_path("model"), scratch_path("saved"), RT_F32, &err),
           FM_OK),
        "%s", err.text);
    cr_assert(eq(int, rt_packer_new(&e->packer, RT_PACKS, b->pool, &err), FM_OK));
}

static void engine_close(engine *e)
{
    rt_packer_free(e->packer);
    for (size_t i = 0; i < e->n; i++)
        rt_weights_close(e->weights[i]);
}

static void expect_same(const float *a, const float *b, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        cr_expect(epsilon_eq(flt, a[i], b[i], 1e-4F * fmaxf(1, fabsf(b[i]))), "%s: %zu", what, i);
}

Test(train_network, towers_and_projectors_are_the_engines)
{
    static float pixels[SMALL_SIDE * SMALL_SIDE * 3], patches[SMALL_SIDE * SMALL_SIDE * 3];
    static float features[SMALL_PATCHES * 16], tokens[4 * 32];
    rt_tower *tower = NULL;
    rt_projector *projector = NULL;
    fm_err err = {0};
    fm_rng rng;
    engine e;
    bench b;

    set_up(&b);
    engine_open(&e, &b);
    fm_rng_seed(&rng, 2);
    for (size_t i = 0; i < sizeof(pixels) / sizeof(float); i++)
        pixels[i] = (float)fm_rng_normal(&rng);
    tr_cut_patches(patches, pixels, SMALL_SIDE, SMALL_SIDE, 3, SMALL_PATCH);
    for (int siglip = 0; siglip < 2; siglip++) {
        const tr_tower *ours = siglip ? &b.network->vision : &b.network->spatial.tower;

        cr_assert(eq(int,
                     rt_tower_load(&tower, &ours->config, siglip, e.packer,
                                   part(&e, siglip ? "vision_tower" : "spatial_encoder"),
                                   siglip ? "vision_model." : "encoder.model.", &err),
                     FM_OK),
                  "%s", err.text);
        cr_assert(eq(int,
                     rt_tower_run(tower, &e.compute, features, NULL, pixels, 1, SMALL_SIDE,
                                  SMALL_SIDE, &err),
                     FM_OK));
        tr_pass_reset(&b.pass);
        tr_rows given = tr_tower_run(&b.pass, ours, patches, 5, 5, NULL);
        cr_assert(eq(sz, given.n, SMALL_PATCHES));
        expect_same(given.x, features, SMALL_PATCHES * 16, siglip ? "siglip" : "dinov2");
        rt_tower_free(tower);
    }
    cr_assert(eq(int,
                 rt_projector_load(&projector, &b.network->projector.config, e.packer,
                                   part(&e, "mm_projector"), "", &err),
                 FM_OK),
              "%s", err.text);
    cr_assert(
        eq(int, rt_projector_run(projector, &e.compute, tokens, features, 5, 5, &err), FM_OK));
    tr_pass_reset(&b.pass);
    tr_rows given = tr_projector_run(&b.pass, &b.network->projector,
                                     tr_input(&b.pass, features, SMALL_PATCHES, 16), 5, 5);
    cr_assert(eq(sz, given.n, 4));
    expect_same(given.x, tokens, 4 * 32, "projector");
    rt_projector_free(projector);
    engine_close(&e);
    tear_down(&b);
}

/* The trainer's rows as the engine's memory with branches. */
Test(train_network, the_language_model_and_the_scale_are_the_engines)
{
    enum { SHARED = 3, OWN = 5, WIDTH = 32 };
    static const size_t positions[] = {0, 1, 2, 3, 4, 5, 6, 7, 3, 4, 5, 6, 7};
    static const tr_span spans[] = {{0, SHARED, .causal = true},
                                    {SHARED, OWN, .n_before = SHARED, .causal = true},
                                    {SHARED + OWN, OWN, .n_before = SHARED, .causal = true}};
    static const int32_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6, 5};
    static float hidden[(SHARED + 2 * OWN) * WIDTH], logits[SMALL_VOCABULARY];
    static tr_place all[SHARED + 2 * OWN];
    rt_decoder *decoder = NULL;
    rt_scale_decoder *scale = NULL;
    rt_memory *memory = NULL;
    fm_err err = {0};
    engine e;
    bench b;

    set_up(&b);
    engine_open(&e, &b);
    cr_assert(
        eq(int,
           rt_decoder_load(&decoder, &b.network->config.llm, e.packer, part(&e, "llm"), 1, &err),
           FM_OK),
        "%s", err.text);
    cr_assert(eq(int, rt_memory_new(&memory, decoder, RT_KEPT_F32, 16, 2, 16, &err), FM_OK));
    tr_rows x = tr_embed(&b.pass, b.network->decoder.embeddings, ids, SHARED + 2 * OWN);
    cr_assert(eq(int,
                 rt_decoder_prefill(decoder, &e.compute, memory, RT_SHARED, x.x, SHARED, hidden,
                                    SHARED, &err),
                 FM_OK));
    for (size_t q = 0; q < 2; q++)
        cr_assert(
            eq(int,
               rt_decoder_prefill(decoder, &e.compute, memory, q, x.x + (SHARED + q * OWN) * WIDTH,
                                  OWN, hidden + (SHARED + q * OWN) * WIDTH, OWN, &err),
               FM_OK));
    for (size_t i = 0; i < SHARED + 2 * OWN; i++)
        all[i] = (tr_place){0, i};
    tr_rows given =
        tr_decoder_run(&b.pass, &b.network->decoder, x, positions, spans, 3, all, SHARED + 2 * OWN);
    expect_same(given.x, hidden, sizeof(hidden) / sizeof(float), "hidden");
    rt_decoder_logits(decoder, &e.compute, hidden, 1, logits);
    expect_same(tr_decoder_logits(&b.pass, &b.network->decoder, given).x, logits, SMALL_VOCABULARY,
                "logits");

    cr_assert(eq(int,
                 rt_scale_decoder_load(&scale, &b.network->config.scale, WIDTH, e.packer,
                                       part(&e, "scale_decoder"), &err),
                 FM_OK),
              "%s", err.text);
    tr_rows logs = tr_scale_decoder_run(&b.pass, &b.network->scale, given);
    for (size_t i = 0; i < logs.n; i++)
        cr_expect(epsilon_eq(dbl, (double)logs.x[i],
                             log(rt_scale_decoder_run(scale, &e.compute, hidden + i * WIDTH)),
                             1e-4));
    rt_scale_decoder_free(scale);
    rt_memory_free(memory);
    rt_decoder_free(decoder);
    engine_close(&e);
    tear_down(&b);
}
