/**
 * From right and wrong answers to one number: the means that the suites take.
 *
 * A tally counts one cell (a category, a source, a task); an answer that was not read is a wrong one.
 * An accuracy over no answers is NaN, and so is a mean in which a cell has none, but where stated. Pure,
 * thread-safe.
 */
#ifndef FATHOM_ACCURACY_H
#define FATHOM_ACCURACY_H

#include <stdbool.h>
#include <stddef.h>

#include "fathom/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    double right; /* answers, or the sum of their scores */
    size_t n;
} fm_tally;

FM_API void fm_tally_add(fm_tally *tally, double score);
FM_API double fm_tally_mean(const fm_tally *tally);

/* Over all answers: lmms-eval's groups with weight_by_size, RoboSpatial-Eval, EmbSpatial-Bench. */
FM_API double fm_mean_micro(const fm_tally *cells, size_t n);

/* Over cells: BLINK (14), MSMU (8), RefSpatial-Bench. Cells without answers are left out where
 * `skip_empty`. */
FM_API double fm_mean_macro(const fm_tally *cells, size_t n, bool skip_empty);

/* CV-Bench's card: 2D = (ADE20K + COCO) / 2, 3D = Omni3D, overall = (2D + 3D) / 2. */
FM_API double fm_cvbench_2d(const fm_tally *ade20k, const fm_tally *coco);
FM_API double fm_cvbench_overall(const fm_tally *ade20k, const fm_tally *coco,
                                 const fm_tally *omni3d);

/* VSI-Bench: object_rel_direction is the mean of its three levels of difficulty, and overall the mean of
 * that and the n other tasks. A level without answers counts as 0, as upstream has it. */
FM_API double fm_vsibench_direction(const fm_tally levels[3]);
FM_API double fm_vsibench_overall(const fm_tally levels[3], const fm_tally *others, size_t n);

/* 3DSRBench, VLMEvalKit's circular evaluation, SpatialBench's acc+: the share of the groups all of whose
 * copies are right. group[i] is the group of answer i, below n_groups; a group without answers is left
 * out. `state` is the caller's scratch, [n_groups]. */
FM_API double fm_strict_accuracy(const bool *right, const size_t *group, size_t n,
                                 unsigned char *state, size_t n_groups);

#ifdef __cplusplus
}
#endif
#endif
