/**
 * Replies that are drawn from what a network says now: its picture goes through the trainer's own
 * forward, its answers through the engine's decoder over the same values, so that a position is gone
 * once, whatever is drawn behind it.
 *
 * A question's replies share the picture and the question, and go side by side. One thread each; what
 * is drawn depends on values, question and seeds alone.
 */
#ifndef TR_ROLLOUT_H
#define TR_ROLLOUT_H

#include "engine/decoder.h"
#include "train/network.h"

/* Replies to one question at a time. */
enum { TR_MOST_GROUP = RT_DECODER_TOGETHER };

typedef struct {
    double temperature; /* 0: the likeliest each time */
    double top_p;       /* of the sampler; 0 or 1: all */
    size_t longest;     /* tokens, the one that ends it included */
    int32_t end;        /* the token that ends a reply */
    size_t tokens;      /* ids below this may be drawn */
} tr_drawing;

typedef struct {
    int32_t *ids; /* [longest], the caller's */
    size_t n;     /* the end included, where it came */
    bool ended;
} tr_reply;

typedef struct tr_rollout tr_rollout;

/* The network is borrowed; memory_bytes: what its pass may hold. */
FM_MUST_CHECK fm_status tr_rollout_new(tr_rollout **out, const tr_network *network,
                                       size_t memory_bytes, fm_err *err);
void tr_rollout_free(tr_rollout *rollout); /* accepts NULL */

/* Look at the example's picture, with room for its questions and n replies to each. The network's values
 * are taken as they are now. */
FM_MUST_CHECK fm_status tr_rollout_look(tr_rollout *rollout, const tr_example *example, size_t n,
                                        size_t longest, fm_err *err);

/* Draw n <= TR_MOST_GROUP replies to a question of that example, of whose ids those before the answer
 * are read; reply i by chance[i]. */
FM_MUST_CHECK fm_status tr_rollout_draw(tr_rollout *rollout, const tr_question *question,
                                        const tr_drawing *how, const fm_rng *chance, size_t n,
                                        tr_reply *out, fm_err *err);

#endif
