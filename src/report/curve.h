/* How a training went, as a picture. */
#ifndef FM_REPORT_CURVE_H
#define FM_REPORT_CURVE_H

#include <stdbool.h>

#include "fathom/status.h"

/* From the steps of a training (steps.tsv of `dir`, as src/train writes it) to curve.tsv, .gp, .svg and .png beside it:
 * the loss of a token, or the reward of a reply, over steps, learnt and held out. *found false: no gnuplot, no picture.
 * Where there is nothing to draw yet, nothing is written. */
FM_MUST_CHECK fm_status fm_curve_write(const char *dir, bool *found, fm_err *err);

#endif
