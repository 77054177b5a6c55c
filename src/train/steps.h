/**
 * What is written down of each step: steps.tsv, a row a step, the columns named in its first line. It
 * ends with the checkpoint's step whenever a training begins anew, so that stopping leaves no trace.
 */
#ifndef TR_STEPS_H
#define TR_STEPS_H

#include <stdio.h>

#include "train/session.h"

typedef struct {
    FILE *file; /* NULL: closed */
    bool rewarded;
} tr_steps;

/* Rows past `step` are dropped; of step 0 the file is begun anew. rewarded: with the columns of a
 * training by rewards. */
FM_MUST_CHECK fm_status tr_steps_open(tr_steps *out, const char *path, uint64_t step, bool rewarded,
                                      fm_err *err);
FM_MUST_CHECK fm_status tr_steps_put(const tr_steps *steps, const tr_progress *state, fm_err *err);
FM_MUST_CHECK fm_status tr_steps_close(tr_steps *steps, fm_err *err);

#endif
