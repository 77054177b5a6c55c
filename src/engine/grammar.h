/**
 * What may come next in an answer of a given form, from the bytes that came so far:
 *
 *   RT_FORM_TRACE2D   "[" point (", " point)* "]", point = "(" whole ", " whole ")"
 *   RT_FORM_TRACE3D   the same, point = "(" whole ", " whole ", " depth ")"
 *   RT_FORM_CHOICE    one of the question's options, byte for byte
 *
 * whole is 0 to 1000, depth 0 to 999 with up to three decimals, neither with leading zeros; a trace has
 * 1 to RT_GRAMMAR_POINTS points. Tokens may hold any stretch of this ("), (" as well as "4").
 */
#ifndef RT_ENGINE_GRAMMAR_H
#define RT_ENGINE_GRAMMAR_H

#include "engine/tokenizer.h"
#include "robotracer.h"

#define RT_GRAMMAR_POINTS 64

/* The tokens of a vocabulary in the order of their bytes, so that those which fit a form are found
 * without a look at the others. Made once a model; any number of threads read. Special tokens are not
 * in it, nor those of more than RT_LEXICON_BYTES bytes. */
#define RT_LEXICON_BYTES 256
typedef struct rt_lexicon rt_lexicon;
FM_MUST_CHECK fm_status rt_lexicon_new(rt_lexicon **out, const rt_tokenizer *tokenizer,
                                       fm_err *err); /* borrows the tokenizer */
void rt_lexicon_free(rt_lexicon *lexicon);           /* accepts NULL */

/* One answer's way through its form; one thread each. */
typedef struct rt_grammar rt_grammar;

/* The question's form is not RT_FORM_FREE. Borrows the lexicon and the options. FM_E_USAGE where a
 * choice has no option, or one that is empty. */
FM_MUST_CHECK fm_status rt_grammar_new(rt_grammar **out, const rt_lexicon *lexicon,
                                       const rt_question *question, fm_err *err);
void rt_grammar_free(rt_grammar *grammar); /* accepts NULL */

/* Go on by this text, or by a token that the mask left; false, and no step, where it does not fit. */
bool rt_grammar_take_text(rt_grammar *grammar, const char *text, size_t size);
bool rt_grammar_take(rt_grammar *grammar, int32_t id);

/* Put -INFINITY where a token may not come. `end`, the id that ends an answer (-1: there is none), may
 * come only where the form is whole. */
void rt_grammar_mask(rt_grammar *grammar, float *logits, size_t n, int32_t end);
bool rt_grammar_done(const rt_grammar *grammar); /* nothing but the end may come */

#endif
