/**
 * What a network learns from its own replies: GRPO (arXiv 2402.03300), which draws a group of them to
 * each question and compares their rewards, and Dr. GRPO (arXiv 2503.20783), which leaves out what
 * biases that.
 *
 * A policy is a source of samples (trainer.h) over another one: of that one's questions it gives
 * replies, what each of their tokens is worth, and the log-probabilities that the loss wants. So a
 * step of reinforcement is a step of the trainer's like any other.
 */
#ifndef TR_POLICY_H
#define TR_POLICY_H

#include "fathom/reward.h"
#include "train/rollout.h"
#include "train/trainer.h"

typedef struct {
    int group; /* replies to a question, 2 .. TR_MOST_GROUP */
    double temperature, top_p;
    int longest; /* tokens of a reply */
    double clip_low, clip_high, beta;
    tr_kl kl;
    /* Dr. GRPO: advantages are not divided by the group's deviation, nor a reply's tokens by their
     * number, but by `longest`. */
    bool unbiased;
    int updates; /* that follow one step's replies */
    fm_reward_rules rewards;
} tr_rft;

/* Group 8, temperature 1, 256 tokens, clipped by 0.2, K3 of 0.04, one update, the rewards of RoboTracer:
 * what R1-V has, which the paper builds on, where the paper says nothing. */
tr_rft tr_rft_default(void);

/* What is asked, and what a reply earns. */
typedef struct {
    tr_source_of_samples questions; /* whose answers are not looked at */
    /* Of the picture that this thread made last. ids: without the token that ends the reply. */
    fm_status (*judge)(void *context, int thread, size_t question, const int32_t *ids, size_t n,
                       fm_reward *out, fm_err *err);
    void *context;
    int32_t end;   /* the token that ends a reply */
    size_t tokens; /* of the vocabulary */
} tr_tasks;

typedef struct {
    tr_rft rft;
    uint64_t seed;
    int threads;
    size_t memory_bytes; /* of one thread's pass, as the trainer's */
} tr_policy_config;

typedef struct tr_policy tr_policy;

/* Network, reference (NULL where beta is 0) and tasks are borrowed; the reference's panels are there. */
FM_MUST_CHECK fm_status tr_policy_new(tr_policy **out, const tr_policy_config *config,
                                      const tr_network *network, const tr_network *reference,
                                      const tr_tasks *tasks, fm_err *err);
void tr_policy_free(tr_policy *policy); /* accepts NULL */

/* As tr_source_of_samples has it, the policy being the context. A picture that is held out
 * (TR_HELD_OUT) has one reply to each question, the likeliest. */
fm_status tr_policy_make(void *policy, uint64_t index, int thread, tr_sample *out, fm_err *err);

/* (reward - mean) / (deviation + 1e-4), the deviation left out where `unbiased`; false where all earn the
 * same, and all advantages are 0. */
bool tr_advantages(const double *rewards, size_t n, bool unbiased, double *out);

#endif
