/* Time. Monotonic for durations, wall clock only for what is written beside a result. */
#ifndef FM_BASE_CLOCK_H
#define FM_BASE_CLOCK_H

#include <stddef.h>

double fm_clock_seconds(void); /* monotonic */

#define FM_CLOCK_TEXT_BYTES 32
/* "2026-11-22T13:40:00Z"; SOURCE_DATE_EPOCH, where set, is the time that is written. */
void fm_clock_utc(char out[FM_CLOCK_TEXT_BYTES]);

#endif
