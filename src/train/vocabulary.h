/**
 * A vocabulary learnt from texts: byte pairs that stand next to one another most often become tokens
 * (Sennrich et al. 2016), within the pieces that Qwen2's rule splits text into, so that every digit is
 * a token of its own. Written as the engine reads it: vocab.json, merges.txt, tokenizer_config.json.
 */
#ifndef TR_VOCABULARY_H
#define TR_VOCABULARY_H

#include "fathom/status.h"

/* Tokens at most, the 256 bytes and the special ones included. */
enum { TR_MOST_TOKENS = 2048 };

typedef struct tr_vocabulary tr_vocabulary;

FM_MUST_CHECK fm_status tr_vocabulary_new(tr_vocabulary **out, fm_err *err);
void tr_vocabulary_free(tr_vocabulary *vocabulary); /* accepts NULL */
/* Count the pieces of a text. */
FM_MUST_CHECK fm_status tr_vocabulary_count(tr_vocabulary *vocabulary, const char *text,
                                            fm_err *err);
/* Join pairs until there are `tokens`, or none is met twice; of pairs as frequent, the one whose
 * tokens are older. Then write. Special tokens come last: ChatML's, and `scale` (NULL: none). */
FM_MUST_CHECK fm_status tr_vocabulary_write(tr_vocabulary *vocabulary, size_t tokens,
                                            const char *scale, const char *folder, fm_err *err);

#endif
