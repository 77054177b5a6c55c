/* AdamW with decoupled decay (Loshchilov and Hutter, arXiv 1711.05101), a rate that warms up and
 * falls along a cosine, and clipping by the norm of the whole gradient. Or Muon for the matrices of
 * blocks and projectors (orthogonal.h), and AdamW for all else, at the same rate: a matrix goes as far
 * as AdamW would take it, 0.2 an entry in the mean square (arXiv 2502.16982), whatever its
 * gradient's size, so that clipping means nothing to it. */
#ifndef TR_OPTIMISER_H
#define TR_OPTIMISER_H

#include "train/store.h"

enum { TR_MOST_FROZEN = 8 };

typedef enum { TR_ADAMW, TR_MUON } tr_rule;

typedef struct {
    tr_rule rule;
    double momentum;        /* Muon's, by Nesterov */
    double rate;            /* the highest */
    double least;           /* where the cosine ends, as a share of the highest */
    uint64_t warmup, steps; /* the rate rises over the first, and ends at the second */
    double beta1, beta2, eps;
    double decay;                       /* of matrices; vectors and single rows are left */
    double clip;                        /* norm of the gradient at most; 0: any */
    const char *frozen[TR_MOST_FROZEN]; /* parts that stay as they are */
    size_t n_frozen;
} tr_optimiser;

/* FM_E_INPUT where something is frozen that is no part of what is learnt; it names the parts. */
FM_MUST_CHECK fm_status tr_optimiser_check(const tr_optimiser *optimiser, const tr_store *store,
                                           fm_err *err);

/* step counts from 0. */
double tr_optimiser_rate(const tr_optimiser *optimiser, uint64_t step);

/* Floats of working room for one thread; 0: none is wanted. */
size_t tr_optimiser_room(const tr_optimiser *optimiser, const tr_store *store);

/* One step along gradient[n_values]; then the panels are brought up. rooms: every thread's. The
 * norm of the gradient before clipping, over what is not frozen. A gradient that is not finite changes
 * nothing: NaN is returned. */
double tr_optimiser_step(const tr_optimiser *optimiser, tr_store *store, const float *gradient,
                         uint64_t step, float *rooms, rt_pool *pool);

#endif
