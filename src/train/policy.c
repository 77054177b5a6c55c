/* Owns the way from questions to replies, rewards and advantages. */
#include "train/policy.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    tr_rollout *rollout;
    tr_pass now, reference; /* of log-probabilities */
} desk;

struct tr_policy {
    tr_policy_config config;
    const tr_network *network, *reference;
    tr_tasks tasks;
    tr_objective objective;
    desk *desks; /* a thread's */
};

tr_rft tr_rft_default(void)
{
    return (tr_rft){
        .group = 8,
        .temperature = 1,
        .top_p = 1,
        .longest = 256,
        .clip_low = 0.2,
        .clip_high = 0.2,
        .beta = 0.04,
        .updates = 1,
        .rewards = fm_reward_robotracer,
    };
}

/* ---- making ---- */

static fm_status open_desks(tr_policy *p, fm_err *err)
{
    fm_status st = FM_OK;

    for (int i = 0; i < p->config.threads && st == FM_OK; i++) {
        desk *d = &p->desks[i];

        st = tr_rollout_new(&d->rollout, p->network, p->config.memory_bytes, err);
        tr_pass_init(&d->now, &p->network->store, p->config.memory_bytes);
        if (p->reference)
            tr_pass_init(&d->reference, &p->reference->store, p->config.memory_bytes);
    }
    return st;
}

fm_status tr_policy_new(tr_policy **out, const tr_policy_config *config, const tr_network *network,
                        const tr_network *reference, const tr_tasks *tasks, fm_err *err)
{
    const tr_rft *c = &config->rft;
    tr_policy *p = calloc(1, sizeof(*p));

    if (!p)
        return fm_fail(err, FM_E_NOMEM, "no memory for a policy");
    *p = (tr_policy){
        .config = *config,
        .network = network,
        .reference = reference,
        .tasks = *tasks,
        .objective = {c->temperature, c->clip_low, c->clip_high, c->beta, c->kl},
        .desks = calloc((size_t)config->threads, sizeof(*p->desks)),
    };
    fm_status st =
        p->desks ? open_desks(p, err) : fm_fail(err, FM_E_NOMEM, "no memory for a policy");
    if (st != FM_OK) {
        tr_policy_free(p);
        return st;
    }
    *out = p;
    return FM_OK;
}

void tr_policy_free(tr_policy *policy)
{
    if (!policy)
        return;
    for (int i = 0; policy->desks && i < policy->config.threads; i++) {
        tr_rollout_free(policy->desks[i].rollout);
        tr_pass_release(&policy->desks[i].now);
        tr_pass_release(&policy->desks[i].reference);
    }
    free(policy->desks);
    free(policy);
}

/* ---- one question ---- */

bool tr_advantages(const double *rewards, size_t n, bool unbiased, double *out)
{
    double mean = 0, square = 0;

    for (size_t i = 0; i < n; i++)
        mean += rewards[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        out[i] = rewards[i] - mean;
        square += out[i] * out[i];
    }
    /* As torch.std() has it, which GRPO's first trainers call. */
    double deviation = n > 1 ? sqrt(square / (double)(n - 1)) : 0;
    bool differ = false;
    for (size_t i = 0; i < n; i++) {
        differ = differ || rewards[i] != rewards[0];
        out[i] = unbiased ? out[i] : out[i] / (deviation + 1e-4);
    }
    for (size_t i = 0; i < n && !differ; i++)
        out[i] = 0; /* but for rounding they are */
    return differ;
}

/* A picture under way. */
typedef struct {
    tr_policy *policy;
    desk *desk;
    uint64_t index;
    int thread;
    size_t group;
    tr_drawing drawing;
    tr_sample *sample;
    const tr_question *asked;
    tr_question *answered; /* [questions][group] */
    double *advantages;    /* likewise */
} picture;

static void count_reward(tr_earned *earned, const tr_reply *reply, const fm_reward *r)
{
    const double terms[TR_TERMS] = {r->r_of, r->r_p, r->r_t, r->r_a, r->r_pf, r->r_acc};

    earned->replies++;
    earned->ended += reply->ended;
    earned->tokens += reply->n;
    earned->reward += r->total;
    for (int i = 0; i < TR_TERMS; i++) {
        earned->judged[i] += !isnan(terms[i]);
        earned->terms[i] += isnan(terms[i]) ? 0 : terms[i];
    }
}

/* The question's tokens with the reply's behind them. */
static fm_status append(picture *p, const tr_question *asked, const tr_reply *reply,
                        tr_question *out, fm_err *err)
{
    int32_t *ids = fm_arena_alloc(&p->sample->arena, asked->answer + reply->n, sizeof(*ids));

    if (!ids)
        return fm_fail(err, FM_E_NOMEM, "no memory for replies");
    for (size_t i = 0; i < asked->answer; i++)
        ids[i] = asked->ids[i];
    for (size_t i = 0; i < reply->n; i++)
        ids[asked->answer + i] = reply->ids[i];
    *out = (tr_question){
        .ids = ids, .n = asked->answer + reply->n, .answer = asked->answer, .scale = asked->scale};
    return FM_OK;
}

/* Chance of its own for every reply, whatever thread draws it and how many there were before. */
static fm_rng chance_of(const picture *p, size_t question, size_t reply)
{
    uint64_t words[] = {p->index, question, reply}, seed = p->policy->config.seed;
    fm_rng rng;

    for (size_t i = 0; i < 3; i++) {
        fm_rng_seed(&rng, seed ^ words[i]);
        seed = fm_rng_next(&rng);
    }
    return rng;
}

static fm_status answer(picture *p, size_t question, tr_reply *replies, fm_err *err)
{
    const tr_policy *policy = p->policy;
    const tr_question *asked = &p->asked[question];
    double rewards[TR_MOST_GROUP];
    fm_rng chance[TR_MOST_GROUP];

    for (size_t i = 0; i < p->group; i++)
        chance[i] = chance_of(p, question, i);
    fm_status st =
        tr_rollout_draw(p->desk->rollout, asked, &p->drawing, chance, p->group, replies, err);
    for (size_t i = 0; i < p->group && st == FM_OK; i++) {
        fm_reward reward;

        st = policy->tasks.judge(policy->tasks.context, p->thread, question, replies[i].ids,
                                 replies[i].n - replies[i].ended, &reward, err);
        if (st != FM_OK)
            break;
        rewards[i] = reward.total;
        count_reward(&p->sample->earned, &replies[i], &reward);
        st = append(p, asked, &replies[i], &p->answered[question * p->group + i], err);
    }
    if (st != FM_OK)
        return st;
    p->sample->earned.groups++;
    p->sample->earned.level += !tr_advantages(rewards, p->group, policy->config.rft.unbiased,
                                              p->advantages + question * p->group);
    return FM_OK;
}

static fm_status answer_all(picture *p, fm_err *err)
{
    fm_arena *arena = &p->sample->arena;
    size_t n = p->sample->example.n_questions, longest = p->drawing.longest;
    int32_t *ids = fm_arena_alloc(arena, p->group * longest, sizeof(*ids));
    tr_reply replies[TR_MOST_GROUP];

    p->answered = fm_arena_alloc(arena, n * p->group + 1, sizeof(*p->answered));
    p->advantages = fm_arena_alloc(arena, n * p->group + 1, sizeof(*p->advantages));
    if (!ids || !p->answered || !p->advantages)
        return fm_fail(err, FM_E_NOMEM, "no memory for replies");
    for (size_t i = 0; i < p->group; i++)
        replies[i].ids = ids + i * longest;
    fm_status st = tr_rollout_look(p->desk->rollout, &p->sample->example, p->group, longest, err);
    for (size_t q = 0; q < n && st == FM_OK; q++)
        st = answer(p, q, replies, err);
    return st;
}

/* ---- what tokens are worth ---- */

/* Of every token of the answers; NULL where there is no memory. */
static float *log_probabilities(const picture *p, const tr_network *network, tr_pass *pass,
                                size_t tokens)
{
    float *out = fm_arena_alloc(&p->sample->arena, tokens + 1, sizeof(*out));

    tr_pass_reset(pass);
    if (out)
        tr_network_log_probabilities(network, pass, &p->sample->example,
                                     p->policy->objective.temperature, out);
    return pass->failed ? NULL : out;
}

/* The answers stand in the example. One update follows the policy that drew: its ratio is 1. */
static fm_status value_tokens(picture *p, fm_err *err)
{
    const tr_policy *policy = p->policy;
    const tr_rft *c = &policy->config.rft;
    tr_example *e = &p->sample->example;
    size_t tokens = p->sample->earned.tokens, at = 0;
    bool learnt = p->group > 1, old = learnt && c->updates > 1;
    bool reference = learnt && policy->reference;
    tr_drawn *drawn = fm_arena_alloc(&p->sample->arena, tokens + 1, sizeof(*drawn));
    const float *before = old ? log_probabilities(p, policy->network, &p->desk->now, tokens) : NULL;
    const float *kept =
        reference ? log_probabilities(p, policy->reference, &p->desk->reference, tokens) : NULL;

    if (!drawn || (old && !before) || (reference && !kept))
        return fm_fail(err, FM_E_NOMEM, "a picture with its replies takes over %zu MB (memory_mb)",
                       policy->config.memory_bytes >> 20);
    for (size_t i = 0; i < e->n_questions; i++) {
        size_t n = e->questions[i].n - e->questions[i].answer;
        double share = 1 / (double)p->group / (double)(c->unbiased ? (size_t)c->longest : n);

        for (size_t j = 0; j < n; j++, at++)
            drawn[at] = (tr_drawn){(float)p->advantages[i], (float)share, before ? before[at] : NAN,
                                   kept ? kept[at] : NAN};
    }
    e->drawn = drawn;
    e->objective = &policy->objective;
    return FM_OK;
}

/* ---- the whole ---- */

fm_status tr_policy_make(void *policy, uint64_t index, int thread, tr_sample *out, fm_err *err)
{
    tr_policy *p = policy;
    const tr_rft *c = &p->config.rft;
    bool held_out = index >= TR_HELD_OUT;
    picture made = {.policy = p,
                    .desk = &p->desks[thread],
                    .index = index,
                    .thread = thread,
                    .group = held_out ? 1 : (size_t)c->group,
                    .drawing = {held_out ? 0 : c->temperature, c->top_p, (size_t)c->longest,
                                p->tasks.end, p->tasks.tokens},
                    .sample = out};
    fm_status st = p->tasks.questions.make(p->tasks.questions.context, index, thread, out, err);

    if (st != FM_OK)
        return st;
    made.asked = out->example.questions;
    st = answer_all(&made, err);
    if (st != FM_OK)
        return st;
    out->example.group = made.group;
    out->example.questions = made.answered;
    out->example.n_questions *= made.group;
    return value_tokens(&made, err);
}
