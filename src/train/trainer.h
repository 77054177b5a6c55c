/**
 * One step of training: so many pictures are made, go through the network and back side by side, and
 * the optimiser follows their gradient.
 *
 * Pictures are taken in lots of TR_LOT, one lot after another into one gradient, lots side by side;
 * the lots' gradients are added in their order. So a step depends on its pictures and on what was
 * learnt before, never on the number of threads.
 */
#ifndef TR_TRAINER_H
#define TR_TRAINER_H

#include "train/network.h"
#include "train/optimiser.h"

/* The terms of a reward (fathom/reward.h). */
enum { TR_R_OF, TR_R_P, TR_R_T, TR_R_A, TR_R_PF, TR_R_ACC, TR_TERMS };

/* Sums over replies that the network gave by itself. */
typedef struct {
    size_t replies, ended, tokens; /* ended: by themselves */
    size_t groups, level;          /* level: groups whose replies all earn the same teach nothing */
    double reward;
    double terms[TR_TERMS];
    size_t judged[TR_TERMS]; /* replies that have the term */
} tr_earned;
void tr_earned_add(tr_earned *to, const tr_earned *more);

/* An example, and what it borrows from. */
typedef struct {
    fm_arena arena; /* reset before a sample is made */
    tr_example example;
    tr_earned earned; /* where its answers were drawn */
} tr_sample;

/* Where pictures come from. make is called by several threads at once, for different indices; what
 * picture an index has is fixed. From TR_HELD_OUT on they are judged and never learnt. */
#define TR_HELD_OUT (UINT64_C(1) << 40)
typedef struct {
    fm_status (*make)(void *context, uint64_t index, int thread, tr_sample *out, fm_err *err);
    void *context;
} tr_source_of_samples;

/* How much the losses count beside the answers' tokens, each being a mean over a step. */
typedef struct {
    double scale, kind, place, digit, code;
    uint64_t auxiliary_steps; /* all but the scale's fall to nothing until there; 0: they stay */
} tr_mixture;

enum { TR_LOT = 2, TR_MOST_PICTURES = 1024 };

typedef struct tr_trainer tr_trainer;

/* threads 0: as many as this process may use. memory_bytes: what one thread's pass may hold. */
typedef struct {
    size_t pictures; /* a step */
    int threads;
    size_t memory_bytes;
    tr_mixture mixture;
    tr_optimiser optimiser; /* its steps are updates */
    size_t updates;         /* a step: so often the same pictures are followed; 0 is 1 */
} tr_trainer_config;

/* The network and the source are borrowed. */
FM_MUST_CHECK fm_status tr_trainer_new(tr_trainer **out, const tr_trainer_config *config,
                                       tr_network *network, const tr_source_of_samples *source,
                                       fm_err *err);
void tr_trainer_free(tr_trainer *trainer); /* accepts NULL */

typedef struct {
    tr_losses
        losses; /* means: of a token (where it was drawn, of a group), a scale, a patch; kl of a
                         token. Of the step's last update */
    tr_earned earned; /* sums */
    size_t questions;
    double rate, norm;   /* of the step's gradient */
    size_t memory_bytes; /* the most that a picture took */
} tr_report;

/* The pictures of step `step` are those from step * pictures on. FM_E_NOMEM where a picture needs
 * more than memory_bytes; FM_E_INTERNAL where the gradient is not finite. On failure nothing has
 * changed, but for the updates before the one that failed: tr_trainer_torn(). */
FM_MUST_CHECK fm_status tr_trainer_step(tr_trainer *trainer, uint64_t step, tr_report *out,
                                        fm_err *err);
/* The last step failed between two of its updates: what is learnt now is of no step. */
bool tr_trainer_torn(const tr_trainer *trainer);
/* After somebody else has changed the values: as a checkpoint that was read. */
void tr_trainer_repack(tr_trainer *trainer);

/* The losses over pictures [first, first + n) with nothing learnt. */
FM_MUST_CHECK fm_status tr_trainer_judge(tr_trainer *trainer, uint64_t first, size_t n,
                                         tr_report *out, fm_err *err);

#endif
