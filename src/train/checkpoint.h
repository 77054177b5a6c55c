/* Where training stands, as a file from which it goes on as if it had never stopped: what is learnt,
 * the optimiser's moments, and the step. */
#ifndef TR_CHECKPOINT_H
#define TR_CHECKPOINT_H

#include "train/store.h"

/* Written beside its place and renamed; FM_E_IO. */
FM_MUST_CHECK fm_status tr_checkpoint_write(const char *path, const tr_store *store, uint64_t step,
                                            uint64_t seed, fm_err *err);
/* FM_E_INPUT names the file where it is of other parameters, of another seed or of a step past `steps`, or
 * has a value that is not finite; the store is as it was only where that shows before its values are
 * read. */
FM_MUST_CHECK fm_status tr_checkpoint_read(const char *path, tr_store *store, uint64_t *step,
                                           uint64_t steps, uint64_t seed, fm_err *err);

#endif
