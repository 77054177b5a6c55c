/* Learning from replies of one's own: against optima that are known, by advantages worked by hand, and
 * that what is drawn is what the network says. */
#include <math.h>
#include <stdlib.h>

#include "train/policy.h"
#include "train_fixture.h"

TestSuite(train_policy, .init = scratch_make, .fini = scratch_remove);

/* ---- one token for an answer ---- */

enum { TOKENS = 16, END = 15, QUESTIONS = 4 };

static const char bandit_config[] =
    "{\"model_type\": \"llava_llama\", \"model_max_length\": 64,"
    " \"llm_cfg\": {\"model_type\": \"qwen2\", \"hidden_size\": 16, \"num_hidden_layers\": 1,"
    "  \"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"intermediate_size\": 16,"
    "  \"vocab_size\": 16, \"max_position_embeddings\": 64, \"rope_theta\": 10000.0,"
    "  \"tie_word_embeddings\": false, \"qk_norm\": true}}";

/* What each token earns as the only one of a reply. */
static double earns[TOKENS];

static fm_status ask(void *context, uint64_t index, int thread, tr_sample *out, fm_err *err)
{
    static const int32_t ids[] = {3, 5, 7};
#define QUESTION                                                                                   \
    {                                                                                              \
        .ids = ids, .n = 3, .answer = 2                                                            \
    }
    static const tr_question questions[QUESTIONS] = {QUESTION, QUESTION, QUESTION, QUESTION};
#undef QUESTION

    (void)context, (void)index, (void)thread, (void)err;
    out->example = (tr_example){.questions = questions, .n_questions = QUESTIONS};
    return FM_OK;
}

static fm_status judge(void *context, int thread, size_t question, const int32_t *ids, size_t n,
                       fm_reward *out, fm_err *err)
{
    (void)context, (void)thread, (void)err;
    cr_assert(lt(sz, question, QUESTIONS));
    *out = (fm_reward){.r_p = NAN, .r_t = NAN, .r_pf = NAN, .r_acc = NAN};
    out->total = out->r_a = n > 0 ? earns[ids[0]] : earns[END];
    return FM_OK;
}

typedef struct {
    fm_arena arena;
    rt_config config;
    tr_network *network, *reference;
    rt_pool *pool;
    tr_policy *policy;
    tr_trainer *trainer;
} bandit;

static tr_network *new_bandit(bandit *b, uint64_t seed)
{
    tr_network *network = NULL;
    fm_rng rng;
    fm_err err = {0};

    cr_assert(eq(int,
                 tr_network_new(&network, &b->config, &(tr_auxiliary){0}, "generic", seed, &err),
                 FM_OK),
              "%s", err.text);
    /* The head of chance, so that tokens are not equally likely. */
    fm_rng_seed(&rng, seed);
    const tr_slot *head = tr_store_find(&network->store, "llm", "lm_head.weight");
    cr_assert(ne(ptr, (void *)head, NULL));
    for (size_t i = 0; i < TOKENS * 16; i++)
        network->store.values[head->at.first + i] = 0.1F * (float)fm_rng_normal(&rng);
    tr_store_pack(&network->store, b->pool);
    return network;
}

static void set_up(bandit *b, const tr_rft *rft, uint64_t steps, int threads)
{
    tr_policy_config config = {*rft, 5, threads, (size_t)32 << 20};
    tr_tasks tasks = {{ask, NULL}, judge, NULL, END, TOKENS};
    tr_trainer_config training = {.pictures = 2,
                                  .threads = threads,
                                  .memory_bytes = (size_t)32 << 20,
                                  .optimiser = {.rate = 0.02,
                                                .least = 0,
                                                .steps = steps * (uint64_t)rft->updates,
                                                .beta1 = 0.9,
                                                .beta2 = 0.95,
                                                .eps = 1e-8},
                                  .updates = (size_t)rft->updates};
    fm_err err = {0};

    *b = (bandit){0};
    cr_assert(eq(int, rt_pool_new(&b->pool, 1, &err), FM_OK));
    cr_assert(eq(int,
                 rt_config_parse(bandit_config, sizeof(bandit_config) - 1, "config", &b->arena,
                                 &b->config, &err),
                 FM_OK),
              "%s", err.text);
    b->network = new_bandit(b, 2);
    b->reference = new_bandit(b, 2);
    cr_assert(eq(int,
                 tr_policy_new(&b->policy, &config, b->network, rft->beta > 0 ? b->reference : NULL,
                               &tasks, &err),
                 FM_OK),
              "%s", err.text);
    cr_assert(eq(int,
                 tr_trainer_new(&b->trainer, &training, b->network,
                                &(tr_source_of_samples){tr_policy_make, b->policy}, &err),
                 FM_OK),
              "%s", err.text);
}

static void tear_down(bandit *b)
{
    tr_trainer_free(b->trainer);
    tr_policy_free(b->policy);
    tr_network_free(b->network);
    tr_network_free(b->reference);
    rt_pool_free(b->pool);
    fm_arena_release(&b->arena);
}

static tr_report go(bandit *b, uint64_t steps)
{
    tr_report report = {0};
    fm_err err = {0};

    for (uint64_t step = 0; step < steps; step++)
        cr_assert(eq(int, tr_trainer_step(b->trainer, step, &report, &err), FM_OK), "%s", err.text);
    return report;
}

/* Probabilities of all tokens as the answer. */
static void policy_of(const tr_network *network, double temperature, double out[TOKENS])
{
    tr_sample sample = {0};
    tr_pass pass;
    double sum = 0;

    tr_pass_init(&pass, &network->store, (size_t)32 << 20);
    (void)!ask(NULL, 0, 0, &sample, NULL);
    sample.example.n_questions = 1;
    tr_rows logits = tr_network_logits(network, &pass, &sample.example, 1);
    cr_assert(eq(sz, logits.n, 1));
    for (size_t i = 0; i < TOKENS; i++)
        sum += out[i] = exp((double)logits.x[i] / temperature);
    for (size_t i = 0; i < TOKENS; i++)
        out[i] /= sum;
    tr_pass_release(&pass);
}

static double distance(const double *a, const double *b)
{
    double sum = 0;

    for (size_t i = 0; i < TOKENS; i++)
        sum += fabs(a[i] - b[i]) / 2;
    return sum;
}

static tr_rft one_token(void)
{
    tr_rft rft = tr_rft_default();

    rft.group = 16;
    rft.longest = 1;
    rft.beta = 0;
    return rft;
}

Test(train_policy, the_best_answer_becomes_the_likeliest_by_far)
{
    for (int unbiased = 0; unbiased < 2; unbiased++) {
        tr_rft rft = one_token();
        double now[TOKENS];
        bandit b;

        for (size_t i = 0; i < TOKENS; i++)
            earns[i] = i == 9 ? 1 : 0;
        rft.unbiased = unbiased;
        set_up(&b, &rft, 60, 1);
        policy_of(b.network, 1, now);
        cr_expect(lt(dbl, now[9], 0.2));
        tr_report report = go(&b, 60);
        policy_of(b.network, 1, now);
        cr_expect(gt(dbl, now[9], 0.95), "%d: %g", unbiased, now[9]);
        cr_expect(eq(sz, report.earned.replies, 2 * QUESTIONS * 16));
        cr_expect(gt(dbl, report.earned.reward / (double)report.earned.replies, 0.9));
        tear_down(&b);
    }
}

/* Of advantages without their deviation and with the group's own mean, which makes 1 - 1/16 of them, the
 * optimum is known. K2's gradient is that of KL(policy || reference): there it is the reference times
 * exp(reward / beta). K3's is that of KL(reference || policy): with r as the mean reward it is the
 * reference times beta / (beta - (reward - r)). */
static void optimum(tr_kl kl, const double *reference, double beta, double out[TOKENS])
{
    const double own = 1 - 1.0 / 16;
    double low = 0, high = 1, sum = 0;

    for (size_t i = 0; i < TOKENS; i++)
        sum += out[i] = reference[i] * exp(own * earns[i] / beta);
    for (size_t i = 0; i < TOKENS; i++)
        out[i] /= sum;
    for (int turn = 0; turn < 60 && kl == TR_KL_K3; turn++) { /* the r at which they add up to 1 */
        double mean = (low + high) / 2;

        sum = 0;
        for (size_t i = 0; i < TOKENS; i++) {
            double room = beta - own * (earns[i] - mean);

            out[i] = room > 0 ? reference[i] * beta / room : INFINITY;
            sum += out[i];
        }
        if (sum > 1)
            low = mean;
        else
            high = mean;
    }
}

Test(train_policy, kept_near_a_reference_it_comes_to_the_known_optimum)
{
    static const tr_kl kinds[] = {TR_KL_K3, TR_KL_K2};

    for (size_t k = 0; k < 2; k++) {
        double now[TOKENS], reference[TOKENS], wanted[TOKENS];
        tr_rft rft = one_token();
        bandit b;

        for (size_t i = 0; i < TOKENS; i++)
            earns[i] = i == 9 ? 1 : i == 4 ? 0.7 : 0;
        rft.unbiased = true;
        rft.beta = 0.5;
        rft.kl = kinds[k];
        set_up(&b, &rft, 150, 1);
        policy_of(b.reference, 1, reference);
        optimum(kinds[k], reference, rft.beta, wanted);
        cr_expect(gt(dbl, distance(reference, wanted), 0.15));
        go(&b, 150);
        policy_of(b.network, 1, now);
        cr_expect(lt(dbl, distance(now, wanted), 0.03), "%zu", k);
        tear_down(&b);
    }
}

/* ---- how it works ---- */

Test(train_policy, advantages_are_compared_within_the_group)
{
    static const double rewards[] = {1, 0, 2, 1};
    static const double level[] = {0.1, 0.1, 0.1, 0.1};
    double out[4];

    cr_expect(tr_advantages(rewards, 4, false, out));
    cr_expect(epsilon_eq(dbl, out[2], 1 / (sqrt(2.0 / 3) + 1e-4), 1e-12));
    cr_expect(eq(dbl, out[0], 0));
    cr_expect(tr_advantages(rewards, 4, true, out));
    cr_expect(eq(dbl, out[1], -1));
    cr_expect(eq(int, tr_advantages(level, 4, false, out), false));
    cr_expect(eq(dbl, out[3], 0));
}

/* Several updates, so that the ratio has something to be of; the first step's divergence is none, for
 * the reference is the network itself. */
Test(train_policy, a_step_is_the_same_on_any_number_of_threads)
{
    tr_rft rft = one_token();
    bandit one, three;

    rft.beta = 0.1;
    rft.updates = 3;
    rft.longest = 3;
    rft.temperature = 0.7;
    for (size_t i = 0; i < TOKENS; i++)
        earns[i] = (double)i / TOKENS;
    set_up(&one, &rft, 4, 1);
    set_up(&three, &rft, 4, 3);
    tr_report a = go(&one, 4), b = go(&three, 4);
    cr_expect(eq(dbl, a.losses.token, b.losses.token));
    cr_expect(eq(int,
                 memcmp(one.network->store.values, three.network->store.values,
                        one.network->store.n_values * sizeof(float)),
                 0));
    cr_expect(gt(sz, a.losses.n_clipped, 0));
    cr_expect(gt(dbl, a.losses.kl, 0));
    tear_down(&one);
    tear_down(&three);

    rft.updates = 1;
    set_up(&one, &rft, 1, 1);
    a = go(&one, 1);
    cr_expect(lt(dbl, a.losses.kl, 1e-9));
    cr_expect(eq(sz, a.losses.n_clipped, 0));
    tear_down(&one);
}

/* ---- a picture, questions, and the whole network ---- */

/* Small example i, for any number of questions. */
static fm_status show(void *context, uint64_t index, int thread, tr_sample *out, fm_err *err)
{
    small_example *e = fm_arena_alloc(&out->arena, 1, sizeof(*e));

    (void)context, (void)thread, (void)err;
    cr_assert(e != NULL);
    small_example_make(e, 100 + index % 2);
    out->example = e->example;
    return FM_OK;
}

/* What a reply has of token 7. */
static fm_status count_sevens(void *context, int thread, size_t question, const int32_t *ids,
                              size_t n, fm_reward *out, fm_err *err)
{
    (void)context, (void)thread, (void)question, (void)err;
    *out = (fm_reward){0};
    for (size_t i = 0; i < n; i++)
        out->total += ids[i] == 7;
    return FM_OK;
}

Test(train_policy, rewards_of_the_whole_network_rise)
{
    enum { STEPS = 25 };
    tr_policy_config config = {tr_rft_default(), 1, 1, (size_t)64 << 20};
    tr_tasks tasks = {{show, NULL}, count_sevens, NULL, 1, SMALL_VOCABULARY};
    tr_trainer_config training = {.pictures = 2,
                                  .threads = 1,
                                  .memory_bytes = (size_t)64 << 20,
                                  .mixture = {.scale = 0.1},
                                  .optimiser = {.rate = 0.003,
                                                .least = 1,
                                                .steps = STEPS,
                                                .beta1 = 0.9,
                                                .beta2 = 0.95,
                                                .eps = 1e-8,
                                                .clip = 1}};
    fm_arena arena = {0};
    fm_err err = {0};
    tr_network *network = small_network(scratch_path("model"), &arena);
    tr_policy *policy = NULL;
    tr_trainer *trainer = NULL;
    double first = 0, last = 0;

    config.rft.longest = 6;
    config.rft.beta = 0;
    cr_assert(eq(int, tr_policy_new(&policy, &config, network, NULL, &tasks, &err), FM_OK), "%s",
              err.text);
    cr_assert(eq(int,
                 tr_trainer_new(&trainer, &training, network,
                                &(tr_source_of_samples){tr_policy_make, policy}, &err),
                 FM_OK),
              "%s", err.text);
    for (uint64_t step = 0; step < STEPS; step++) {
        tr_report report;

        cr_assert(eq(int, tr_trainer_step(trainer, step, &report, &err), FM_OK), "%s", err.text);
        cr_expect(eq(sz, report.earned.replies, 2 * 2 * 8));
        if (step < 3)
            first += report.earned.reward / 96;
        if (step >= STEPS - 3)
            last += report.earned.reward / 96;
    }
    cr_expect(lt(dbl, first, 1));
    cr_expect(gt(dbl, last, 4), "%g, %g", first, last);
    tr_trainer_free(trainer);
    tr_policy_free(policy);
    tr_network_free(network);
    fm_arena_release(&arena);
}

/* The likeliest reply is, token by token, what the trainer's own forward holds to be likeliest. */
Test(train_policy, what_is_drawn_is_what_the_network_says)
{
    fm_arena arena = {0};
    fm_err err = {0};
    tr_network *network = small_network(scratch_path("model"), &arena);
    tr_rollout *rollout = NULL;
    rt_pool *pool = NULL;
    small_example e;
    int32_t ids[16], drawn[4];
    tr_reply reply = {.ids = drawn};
    const tr_drawing how = {0, 1, 4, -1, SMALL_VOCABULARY};
    tr_pass pass;

    cr_assert(eq(int, rt_pool_new(&pool, 1, &err), FM_OK));
    tr_store_pack(&network->store, pool);
    small_example_make(&e, 4);
    cr_assert(eq(int, tr_rollout_new(&rollout, network, (size_t)64 << 20, &err), FM_OK));
    cr_assert(eq(int, tr_rollout_look(rollout, &e.example, 1, 4, &err), FM_OK), "%s", err.text);
    tr_pass_init(&pass, &network->store, (size_t)64 << 20);
    for (size_t q = 0; q < 2; q++) {
        const tr_question *asked = &e.questions[q];
        fm_rng chance = {{1, 2, 3, 4}};

        cr_assert(eq(int, tr_rollout_draw(rollout, asked, &how, &chance, 1, &reply, &err), FM_OK),
                  "%s", err.text);
        cr_assert(eq(sz, reply.n, 4));
        memcpy(ids, asked->ids, asked->answer * sizeof(*ids));
        for (size_t i = 0; i < 4; i++) {
            tr_question so_far = {.ids = ids, .n = asked->answer + i + 1, .answer = asked->answer};
            tr_example one = e.example;
            size_t best = 0;

            one.questions = &so_far;
            one.n_questions = 1;
            tr_pass_reset(&pass);
            tr_rows logits = tr_network_logits(network, &pass, &one, 1);
            for (size_t j = 1; j < SMALL_VOCABULARY; j++)
                best = logits.x[j] > logits.x[best] ? j : best;
            cr_expect(eq(i32, drawn[i], (int32_t)best), "question %zu, token %zu", q, i);
            ids[asked->answer + i] = drawn[i];
        }
    }
    tr_pass_release(&pass);
    tr_rollout_free(rollout);
    rt_pool_free(pool);
    tr_network_free(network);
    fm_arena_release(&arena);
}
