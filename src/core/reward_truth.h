/* What a reward is judged by (fathom/reward.h), made of a sample of a suite or of JSON. */
#ifndef FM_CORE_REWARD_TRUTH_H
#define FM_CORE_REWARD_TRUTH_H

#include "base/json.h"
#include "fathom/reward.h"
#include "fathom/sample.h"

/* The true trace in the picture, in the arena; without camera or picture size there is none. The key
 * steps are the sample's own; max_depth_m is NaN where the data does not state it. */
FM_MUST_CHECK fm_status fm_reward_truth_of_sample(const fm_sample *sample, fm_arena *arena,
                                                  fm_reward_truth *out, fm_err *err);

/* Where it is not stated, the farthest depth of the sample's depth map, if that can be read. */
FM_MUST_CHECK fm_status fm_reward_truth_measure(const fm_sample *sample, fm_reward_truth *truth,
                                                fm_err *err);

/* {"trace": [[u, v, d], ...], "key_steps": [...], "max_depth": m, "width": px, "height": px}, and one of
 * "option": index, "yes": bool, "length_m": m and "text"; each
 * optional; u and v from 0 to 1000 (x and y from 0 to 1 in RoboRefer's dialect), d in metres or left
 * out. FM_E_INPUT says what is wrong. */
FM_MUST_CHECK fm_status fm_reward_truth_read(const cJSON *object, fm_steps_dialect dialect,
                                             fm_arena *arena, fm_reward_truth *out, fm_err *err);

#endif
