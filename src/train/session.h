/**
 * A training from its recipe to a model, in a folder of its own: recipe.yaml, checkpoint.safetensors,
 * steps.tsv, model/; where replies are kept near the model that it began from, that one as reference/.
 * Run again, it goes on from the checkpoint.
 */
#ifndef TR_SESSION_H
#define TR_SESSION_H

#include <signal.h>

#include "train/recipe.h"

typedef struct {
    uint64_t step, steps; /* done, and of the recipe */
    size_t parameters;
    tr_report report; /* of the last step */
    bool judged;      /* something was judged in this step */
    tr_report held_out;
    double seconds;     /* since this call began */
    uint64_t questions; /* in them */
} tr_progress;

typedef struct {
    const char *recipe, *folder;
    bool rewarded;                     /* the recipe's `rft` is wanted; else it is refused */
    int threads;                       /* 0: as many as this process may use */
    uint64_t most_steps;               /* in this call; 0: to the recipe's end */
    const volatile sig_atomic_t *stop; /* set: save, and FM_E_INTERRUPTED; may be NULL */
    void (*progress)(void *context, const tr_progress *state); /* after each step; may be NULL */
    void *context;
} tr_session;

/* FM_E_USAGE where the folder is of another recipe, or the recipe of another kind of training;
 * FM_E_LOCKED where another process trains in the folder. What was learnt is saved also where a step
 * fails. */
FM_MUST_CHECK fm_status tr_session_run(const tr_session *session, fm_err *err);

/* A vocabulary of so many tokens from what the recipe's first `pictures` ask, into `folder`; FM_E_USAGE where
 * that has weights. */
FM_MUST_CHECK fm_status tr_session_words(const char *recipe, size_t pictures, size_t tokens,
                                         const char *folder, fm_err *err);

#endif
