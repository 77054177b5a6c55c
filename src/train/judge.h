/**
 * What replies to the generator's questions earn: a question's truth as `fathom reward` is given it,
 * key steps included, and the same judgement (fathom/reward.h).
 */
#ifndef TR_JUDGE_H
#define TR_JUDGE_H

#include "train/data.h"
#include "train/policy.h"

typedef struct tr_judge tr_judge;

/* Borrows the data. threads: callers at once. */
FM_MUST_CHECK fm_status tr_judge_new(tr_judge **out, const fm_reward_rules *rules, tr_data *data,
                                     int threads, fm_err *err);
void tr_judge_free(tr_judge *judge); /* accepts NULL */

/* The data's questions with this judge; borrows it. */
tr_tasks tr_judge_tasks(tr_judge *judge);

/* Of question `question` of the picture that this thread made last, tokens without the one that ends the
 * reply. FM_E_NOMEM. */
fm_status tr_judge_reply(void *judge, int thread, size_t question, const int32_t *ids, size_t n,
                         fm_reward *out, fm_err *err);

#endif
