/* Files that are kept for their next use, and which of them may go: those unused for too long, then the
 * longest unused until the rest fits. Pure. */
#ifndef FM_BASE_KEPT_H
#define FM_BASE_KEPT_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char
        *name; /* tells things of one age apart, so that the choice does not depend on the disk */
    uint64_t bytes;
    double age_s; /* since the last use */
    size_t index; /* the caller's */
} fm_kept;

/* Sort them, the longest unused first, and give how many of the first may go: all that were not used for
 * max_age_s (negative: no bound), and as many more as leave at most max_bytes. */
size_t fm_kept_outlived(fm_kept *items, size_t n, double max_age_s, uint64_t max_bytes);

#endif
