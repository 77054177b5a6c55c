/* Filters, ready to be tried on samples. For selection.c, which reads them, and walk.c, which walks. */
#ifndef FM_CORE_SELECTION_INTERNAL_H
#define FM_CORE_SELECTION_INTERNAL_H

#include "core/selection.h"

typedef struct {
    size_t field; /* index in selection.c's table */
    enum { FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE } op;
    const char *pattern; /* of a text; borrowed */
    double number;       /* of steps */
} fm_filter;

/* FM_E_USAGE quotes the text and says what it lacks. */
FM_MUST_CHECK fm_status fm_filter_read(const char *text, fm_filter *out, fm_err *err);
bool fm_filter_holds(const fm_filter *filter, const fm_sample *sample);

#endif
