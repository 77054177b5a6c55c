/* Which token comes next: the likeliest, or one drawn. Owns no memory; one thread each. */
#ifndef RT_ENGINE_SAMPLER_H
#define RT_ENGINE_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

typedef struct {
    double temperature; /* 0: the likeliest each time */
    double top_p;       /* the fewest of the likeliest that hold so much; 0 or 1: all */
    int top_k;          /* the likeliest so many, before top_p; 0: all */
    fm_rng rng;
} rt_sampler;

/* logits[n] are changed. Ties go to the lower id; NaN and -INFINITY are never chosen, and -1 says that
 * there is nothing else. */
int32_t rt_sampler_choose(rt_sampler *sampler, float *logits, size_t n);

/* log softmax of one entry, in double; NaN where no entry is a number over -INFINITY. */
double rt_sampler_log_probability(const float *logits, size_t n, int32_t id);

#endif
