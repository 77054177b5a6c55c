/* Steps of training: that they learn, that they are the same on any number of threads, and that a
 * training which was stopped goes on as if it had not been. */
#include <math.h>

#include "train/checkpoint.h"
#include "train/trainer.h"
#include "train_fixture.h"

TestSuite(train_steps, .init = scratch_make, .fini = scratch_remove);

/* Picture i is small example i; `repeat`: after so many they begin anew. */
typedef struct {
    uint64_t repeat;
} examples;

static fm_status make(void *context, uint64_t index, int thread, tr_sample *out, fm_err *err)
{
    const examples *all = context;
    small_example *e = fm_arena_alloc(&out->arena, 1, sizeof(*e));

    (void)thread;
    if (!e)
        return fm_fail(err, FM_E_NOMEM, "no memory for an example");
    small_example_make(e, 100 + (all->repeat ? index % all->repeat : index));
    out->example = e->example;
    return FM_OK;
}

typedef struct {
    fm_arena arena;
    examples examples;
    tr_network *network;
    tr_trainer *trainer;
} bench;

static void set_up(bench *b, const char *folder, size_t pictures, uint64_t repeat, int threads)
{
    tr_trainer_config config = {
        .pictures = pictures,
        .threads = threads,
        .memory_bytes = (size_t)256 << 20,
        .mixture = {.scale = 0.1, .kind = 0.5, .place = 0.5, .auxiliary_steps = 100},
        .optimiser = {.rate = 0.003,
                      .least = 0.1,
                      .warmup = 10,
                      .steps = 200,
                      .beta1 = 0.9,
                      .beta2 = 0.95,
                      .eps = 1e-8,
                      .decay = 0.01,
                      .clip = 1},
    };
    fm_err err = {0};

    *b = (bench){.examples = {repeat}};
    b->network = small_network(scratch_path(folder), &b->arena);
    cr_assert(eq(int,
                 tr_trainer_new(&b->trainer, &config, b->network,
                                &(tr_source_of_samples){make, &b->examples}, &err),
                 FM_OK),
              "%s", err.text);
}

static void tear_down(bench *b)
{
    tr_trainer_free(b->trainer);
    tr_network_free(b->network);
    fm_arena_release(&b->arena);
}

static tr_report go(bench *b, uint64_t from, uint64_t to)
{
    tr_report report = {0};
    fm_err err = {0};

    for (uint64_t step = from; step < to; step++)
        cr_assert(eq(int, tr_trainer_step(b->trainer, step, &report, &err), FM_OK), "%s", err.text);
    return report;
}

static void expect_same_values(const bench *a, const bench *b)
{
    cr_expect(eq(int,
                 memcmp(a->network->store.values, b->network->store.values,
                        a->network->store.n_values * sizeof(float)),
                 0));
}

Test(train_steps, learn_two_pictures_by_heart)
{
    tr_report report;
    bench b;

    set_up(&b, "model", 2, 2, 1);
    report = go(&b, 0, 200);
    cr_expect(lt(dbl, report.losses.token, 0.02));
    cr_expect(lt(dbl, report.losses.scale, 0.02));
    cr_expect(eq(sz, report.losses.n_right, report.losses.n_tokens));
    cr_expect(eq(sz, report.questions, 4));
    cr_expect(gt(sz, report.memory_bytes, 0));
    tear_down(&b);
}

/* Five pictures: lots of unequal size. */
Test(train_steps, are_the_same_on_any_number_of_threads)
{
    bench one, three;

    set_up(&one, "one", 5, 0, 1);
    set_up(&three, "three", 5, 0, 3);
    tr_report a = go(&one, 0, 4), b = go(&three, 0, 4);
    cr_expect(eq(dbl, a.losses.token, b.losses.token));
    cr_expect(eq(dbl, a.norm, b.norm));
    expect_same_values(&one, &three);
    tear_down(&one);
    tear_down(&three);
}

Test(train_steps, go_on_from_a_checkpoint_as_if_never_stopped)
{
    bench through, stopped, resumed;
    const char *path = scratch_path("checkpoint.safetensors");
    uint64_t step = 0;
    fm_err err = {0};

    set_up(&through, "through", 2, 0, 1);
    go(&through, 0, 6);
    set_up(&stopped, "stopped", 2, 0, 1);
    go(&stopped, 0, 3);
    cr_assert(eq(int, tr_checkpoint_write(path, &stopped.network->store, 3, 9, &err), FM_OK), "%s",
              err.text);
    set_up(&resumed, "resumed", 2, 0, 1);
    cr_assert(eq(int, tr_checkpoint_read(path, &resumed.network->store, &step, 6, 9, &err), FM_OK),
              "%s", err.text);
    cr_expect(eq(u64, step, 3));
    tr_trainer_repack(resumed.trainer);
    go(&resumed, 3, 6);
    expect_same_values(&through, &resumed);
    tear_down(&through);
    tear_down(&stopped);
    tear_down(&resumed);
}

Test(train_steps, refuse_a_checkpoint_of_something_else)
{
    const char *path = scratch_path("checkpoint.safetensors");
    uint64_t step = 77;
    fm_err err = {0};
    bench b;

    set_up(&b, "model", 2, 0, 1);
    cr_assert(eq(int, tr_checkpoint_write(path, &b.network->store, 3, 9, &err), FM_OK));
    cr_expect(eq(int, tr_checkpoint_read(path, &b.network->store, &step, 6, 8, &err), FM_E_INPUT));
    cr_expect(ne(ptr, strstr(err.text, "seed 9, not 8"), NULL), "%s", err.text);
    cr_expect(eq(int, tr_checkpoint_read(path, &b.network->store, &step, 2, 9, &err), FM_E_INPUT));
    cr_expect(ne(ptr, strstr(err.text, "checkpoint.safetensors: of step 3, but the training has 2"),
                 NULL),
              "%s", err.text);
    b.network->store.slots[0].name = "other";
    cr_expect(eq(int, tr_checkpoint_read(path, &b.network->store, &step, 6, 9, &err), FM_E_INPUT));
    cr_expect(ne(ptr, strstr(err.text, "other parameters"), NULL), "%s", err.text);
    cr_expect(eq(u64, step, 77));
    tear_down(&b);
}

/* The file's last 48 bytes are the counters, of which the first is of the step. */
static void put_counter(const char *path, float value)
{
    enum { COUNTERS_BYTES = 48 };
    FILE *f = fopen(path, "r+b");

    cr_assert(f && fseek(f, -COUNTERS_BYTES, SEEK_END) == 0);
    cr_assert(eq(sz, fwrite(&value, sizeof(value), 1, f), 1));
    cr_assert(eq(int, fclose(f), 0));
}

Test(train_steps, refuse_a_checkpoint_whose_numbers_are_none)
{
    static const float wrong[] = {-1, 1.5F, 65536, NAN};
    const char *path = scratch_path("checkpoint.safetensors");
    uint64_t step = 77;
    fm_err err = {0};
    bench b;

    set_up(&b, "model", 2, 0, 1);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert(eq(int, tr_checkpoint_write(path, &b.network->store, 3, 9, &err), FM_OK));
        put_counter(path, wrong[i]);
        cr_expect(
            eq(int, tr_checkpoint_read(path, &b.network->store, &step, 6, 9, &err), FM_E_INPUT));
        cr_expect(ne(ptr, strstr(err.text, "checkpoint.safetensors: "), NULL), "%s", err.text);
    }
    b.network->store.values[0] = NAN;
    cr_assert(eq(int, tr_checkpoint_write(path, &b.network->store, 3, 9, &err), FM_OK));
    cr_expect(eq(int, tr_checkpoint_read(path, &b.network->store, &step, 6, 9, &err), FM_E_INPUT));
    cr_expect(ne(ptr, strstr(err.text, "checkpoint.safetensors: "), NULL), "%s", err.text);
    cr_expect(eq(u64, step, 77));
    tear_down(&b);
}

Test(train_steps, change_nothing_where_the_gradient_is_not_finite)
{
    tr_report report;
    fm_err err = {0};
    bench b;

    set_up(&b, "model", 1, 0, 1);
    float *values = b.network->store.values;
    values[0] = INFINITY;
    float second = values[1];
    tr_trainer_repack(b.trainer);
    cr_expect(eq(int, tr_trainer_step(b.trainer, 0, &report, &err), FM_E_INTERNAL));
    cr_expect(ne(ptr, strstr(err.text, "step 0 is not finite"), NULL), "%s", err.text);
    cr_expect(eq(flt, values[1], second));
    tear_down(&b);
}

Test(train_steps, judging_learns_nothing)
{
    tr_report report;
    fm_err err = {0};
    bench b;

    set_up(&b, "model", 2, 0, 1);
    size_t bytes = b.network->store.n_values * sizeof(float);
    float *before = malloc(bytes);
    memcpy(before, b.network->store.values, bytes);
    cr_assert(eq(int, tr_trainer_judge(b.trainer, 0, 5, &report, &err), FM_OK), "%s", err.text);
    cr_expect(eq(sz, report.questions, 10));
    cr_expect(eq(sz, report.losses.n_tokens, 30));
    cr_expect(gt(dbl, report.losses.token, 1));
    cr_expect(eq(int, memcmp(before, b.network->store.values, bytes), 0));
    free(before);
    tear_down(&b);
}

Test(train_optimiser, warms_up_and_falls_along_a_cosine)
{
    tr_optimiser o = {.rate = 2, .least = 0.1, .warmup = 4, .steps = 104};

    cr_expect(epsilon_eq(dbl, tr_optimiser_rate(&o, 0), 0.5, 1e-12));
    cr_expect(epsilon_eq(dbl, tr_optimiser_rate(&o, 3), 2, 1e-12));
    cr_expect(epsilon_eq(dbl, tr_optimiser_rate(&o, 4), 2, 1e-12));
    cr_expect(epsilon_eq(dbl, tr_optimiser_rate(&o, 54), 1.1, 1e-12));
    cr_expect(epsilon_eq(dbl, tr_optimiser_rate(&o, 104), 0.2, 1e-12));
    cr_expect(epsilon_eq(dbl, tr_optimiser_rate(&o, 1000), 0.2, 1e-12));
}

/* One parameter by the paper's own lines, in double. */
Test(train_optimiser, is_adam_with_decay_beside_it)
{
    double value = 0.5, m = 0, v = 0;
    tr_optimiser o = {.rate = 0.1,
                      .least = 1,
                      .steps = 1,
                      .beta1 = 0.9,
                      .beta2 = 0.99,
                      .eps = 1e-8,
                      .decay = 0.2,
                      .clip = 1,
                      .frozen = {"still"},
                      .n_frozen = 1};
    tr_store store = {0};
    rt_pool *pool = NULL;
    fm_rng rng;

    fm_rng_seed(&rng, 1);
    for (int i = 0; i < 2; i++) {
        rt_slot slot = {i ? "still" : "llm", "w", 2, {2, 1}, RT_START_CONSTANT, 0.5F};

        cr_assert(eq(int, tr_store_put(&store, &slot, NULL), FM_OK));
    }
    cr_assert(eq(int, tr_store_make(&store, tr_arithmetic_choose(NULL), &rng, NULL), FM_OK));
    cr_assert(eq(int, rt_pool_new(&pool, 1, NULL), FM_OK));
    for (uint64_t step = 0; step < 5; step++) {
        float gradient[] = {3, 4, 100, 100}; /* norm 5, clipped to 1 */

        cr_expect(
            epsilon_eq(dbl, tr_optimiser_step(&o, &store, gradient, step, NULL, pool), 5, 1e-6));
        m = 0.9 * m + 0.1 * 0.6;
        v = 0.99 * v + 0.01 * 0.36;
        value -= 0.1 * 0.2 * value + 0.1 * (m / (1 - pow(0.9, (double)step + 1))) /
                                         (sqrt(v / (1 - pow(0.99, (double)step + 1))) + 1e-8);
    }
    cr_expect(epsilon_eq(dbl, (double)store.values[0], value, 1e-5));
    cr_expect(eq(flt, store.values[2], 0.5F));
    tr_store_release(&store);
    rt_pool_free(pool);
}

/* Two steps of a 2 x 2 matrix of a block along gradients that are their own orthogonal factor, whose
 * singular values are equal: the polynomial is then known by one number. A table goes Adam's way. */
Test(train_optimiser, is_muon_for_matrices_of_blocks_alone)
{
    tr_optimiser o = {.rule = TR_MUON,
                      .momentum = 0.9,
                      .rate = 0.1,
                      .least = 1,
                      .steps = 1,
                      .beta1 = 0.9,
                      .beta2 = 0.99,
                      .eps = 1e-8};
    float rooms[64], gradient[] = {3, 4, -4, 3, 1, 1, 1, 1};
    tr_store store = {0};
    rt_pool *pool = NULL;
    double s = sqrt(0.5); /* of a norm of one */
    fm_rng rng;

    for (int i = 0; i < 5; i++)
        s = 3.4445 * s - 4.7750 * pow(s, 3) + 2.0315 * pow(s, 5);
    fm_rng_seed(&rng, 1);
    for (int i = 0; i < 2; i++) {
        rt_slot slot = {"llm", i ? "table" : "layers.0.w", 2, {2, 2}, RT_START_CONSTANT, 0.5F};

        cr_assert(eq(int, tr_store_put(&store, &slot, NULL), FM_OK));
    }
    cr_assert(eq(int, tr_store_make(&store, tr_arithmetic_choose(NULL), &rng, NULL), FM_OK));
    cr_assert(eq(int, rt_pool_new(&pool, 1, NULL), FM_OK));
    cr_assert(le(sz, tr_optimiser_room(&o, &store), 64));
    for (uint64_t step = 0; step < 2; step++)
        tr_optimiser_step(&o, &store, gradient, step, rooms, pool);
    for (int i = 0; i < 4; i++) {
        double along = s * (double)gradient[i] / 5;

        cr_expect(
            epsilon_eq(dbl, (double)store.values[i], 0.5 - 2 * 0.1 * 0.2 * sqrt(2) * along, 1e-5));
        cr_expect(epsilon_eq(dbl, (double)store.values[4 + i], 0.5 - 2 * 0.1, 1e-5));
    }
    tr_store_release(&store);
    rt_pool_free(pool);
}
