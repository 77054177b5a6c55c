/**
 * A graded run as columns of numbers: what paired statistics are made from.
 *
 * Each value is there twice. As the protocol counts it, failures included; and over the askings that
 * ended `ok` alone. Memory is some tens of bytes a value, whatever the replies were. Loading is for
 * one thread, several runs at once may be loaded by several; what is loaded is only read.
 */
#ifndef FM_CORE_GRADED_H
#define FM_CORE_GRADED_H

#include "base/idmap.h"
#include "core/view.h"

typedef struct {
    const char *id;
    /* What the sample belongs to; NULL: not stated, not looked at. */
    const char *picture, *category, *source;
    uint32_t askings, answered; /* those that ended ok */
    fm_sample_status status;    /* of the first asking that did not, else ok */
} fm_graded_sample;

typedef struct {
    const fm_protocol *protocol; /* borrowed from the view */
    fm_graded_sample *samples;   /* in suite order; strings in the arena */
    size_t n;
    /* [n][protocol->n_metrics], means over the askings of a sample; NaN where none counts. */
    double *scored, *answered;
    /* By metric: variance of one asking around the mean of its sample; 0 without repeats. */
    double noise[FM_MAX_METRICS];

    fm_id_map ids; /* of the samples, to their index */
    fm_arena arena;
    size_t capacity;
} fm_graded;

/* `groups`: with pictures, and with categories and sources that the lines lack, for which the data is
 * walked along; without the data they stay NULL. FM_E_INPUT: an id that comes twice, or other than as many lines as the results count.
 * *out starts as {0} and is released whatever happens. */
FM_MUST_CHECK fm_status fm_graded_load(fm_graded *out, fm_view *view, bool groups, fm_err *err);
void fm_graded_release(fm_graded *graded); /* accepts {0} */

#endif
