/**
 * Annotated key steps (fathom/steps.h) in the JSON of data and of reward requests.
 *
 * A list of steps, each an object or the text of one, or one text with a step a line:
 *
 *     {"type": "Referring", "target": "the can", "value": [179, 789, 0.941]}   u, v[, d metres]
 *     {"type": "Measuring", "target": "the can", "value": 10.4, "unit": "cm"}  unit: m where absent
 *     {"type": "Scale", "target": "Scene", "value": 2.406}
 *     {"type": "Orientation", "target": "the can", "value": [0, 0.6, 0.8]}
 *     "[Measuring] [the can]: 10.4 cm"
 *
 * u and v are from 0 to 1000, in RoboRefer's dialect from 0 to 1.
 */
#ifndef FM_CORE_KEY_STEPS_H
#define FM_CORE_KEY_STEPS_H

#include "base/json.h"
#include "fathom/steps.h"

/* Into the arena. FM_E_INPUT begins with `place` and says which step is wrong: a type, target or value
 * that is missing or unusable, or more than FM_KEY_STEPS_MAX of them. */
FM_MUST_CHECK fm_status fm_key_steps_read(const cJSON *item, fm_steps_dialect dialect,
                                          const char *place, fm_arena *arena,
                                          const fm_key_step **out, size_t *n, fm_err *err);

#endif
