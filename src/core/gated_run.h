/**
 * A run that asks no further than a gate needs: it is looked at again and again while it grows, by
 * tests that allow that (fm_compare_options.anytime), and ends when they decide.
 *
 * Samples are asked in a shuffled order, whose seed the manifest records, so that what was asked is a
 * random part of the suite. The run directory is that of a run with a limit: partial by design, whole
 * as what it says it is, and the same command goes on from there.
 */
#ifndef FM_CORE_GATED_RUN_H
#define FM_CORE_GATED_RUN_H

#include "core/compare.h"
#include "core/run.h"

typedef struct {
    fm_gate_verdict verdict;
    size_t samples; /* asked */
    bool all;       /* there were no more */
    size_t looks;
} fm_gated_run;

/* options: as for fm_run_execute(); selection.limit bounds the samples, a shard is refused. gate: with
 * a gate and `anytime`. FM_OK with any verdict; what ends a run early ends this too. */
FM_MUST_CHECK fm_status fm_run_gated(const fm_catalog *catalog, const fm_run_options *options,
                                     const char *base_dir, const fm_compare_options *gate,
                                     fm_gated_run *out, fm_err *err);

/* Compare the two directories as each look does: views[2] are opened for it (NULL before), and closed
 * by the caller after the comparison, whatever happens. */
FM_MUST_CHECK fm_status fm_run_gate_look(const fm_catalog *catalog, const char *base_dir,
                                         const char *run_dir, const fm_compare_options *gate,
                                         fm_view *views[2], fm_comparison *out, fm_err *err);

#endif
