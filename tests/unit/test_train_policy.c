/* Learning from replies of one's own: against optima that are known, by advantages worked by hand, and
 * that what is drawn is what the network says. */
#include <math.h>
#include <stdlib.h>

#include "train/data.h"
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
    static const tr_question questions[QUESTIONS] = {
        {ids, 3, 2, 0}, {ids, 3, 2, 0}, {ids, 3, 2, 0}, {ids, 3, 2, 0}};

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
