/* Which token comes next: the likeliest, or one drawn; only among those that a form admits. */
#ifndef RT_ENGINE_SAMPLER_H
#define RT_ENGINE_SAMPLER_H

#include "base/rng.h"
#include "engine/tokenizer.h"
#include "robotracer.h"

typedef struct {
    double temperature, top_p;
    int top_k;
    fm_rng rng;
} rt_sampler;

/* logits[n] are changed. Ties go to the lower id. -INFINITY is never chosen. */
int32_t rt_sampler_choose(rt_sampler *sampler, float *logits, size_t n);
/* log softmax of one entry, in double */
double rt_sampler_log_probability(const float *logits, size_t n, int32_t id);

/* What may come next in a form, from the bytes that came so far; see docs/engine.md for the grammar. */
typedef struct rt_grammar rt_grammar;
FM_MUST_CHECK fm_status rt_grammar_new(rt_grammar **out, const rt_tokenizer *tokenizer,
                                       const rt_question *question, fm_err *err);
void rt_grammar_free(rt_grammar *grammar);
/* Put -INFINITY where a token may not come. Ends (id of the end token) only where the form is whole. */
void rt_grammar_mask(const rt_grammar *grammar, float *logits, size_t n, int32_t end);
void rt_grammar_take(rt_grammar *grammar, int32_t id);
bool rt_grammar_done(const rt_grammar *grammar); /* nothing but the end may come */

#endif
