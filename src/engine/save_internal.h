/* What the writers of the file formats share: the values of entries, a piece at a time. */
#ifndef RT_ENGINE_SAVE_INTERNAL_H
#define RT_ENGINE_SAVE_INTERNAL_H

#include <stdio.h>

#include "engine/save.h"

/* How many elements an entry has and how many bytes they take; false where that is out of bounds. */
bool rt_entry_measure(const rt_entry *entry, size_t *elements, size_t *bytes);

typedef struct {
    FILE *stream;
    rt_fill fill;
    void *context;
    float *values;  /* of a piece */
    uint8_t *bytes; /* of as many in the widest kind */
} rt_values;

/* Room for a piece; path: for the message. */
FM_MUST_CHECK fm_status rt_values_reserve(rt_values *values, const char *path, fm_err *err);
void rt_values_release(rt_values *values); /* accepts {0} */

/* All of one entry, which was measured. A write that fails is told by whoever closes the stream. */
FM_MUST_CHECK fm_status rt_values_write(rt_values *values, const rt_entry *entry, size_t index,
                                        fm_err *err);

#endif
