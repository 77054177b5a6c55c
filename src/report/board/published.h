/**
 * Published figures: the rows of results/published/, as CSV files state them (README.md there).
 *
 * A file is hostile as any other: its size, rows and fields are bounded, quotes are read as RFC 4180
 * has them, and a row that is not whole or whose value is no number is refused by file and line.
 */
#ifndef FM_REPORT_BOARD_PUBLISHED_H
#define FM_REPORT_BOARD_PUBLISHED_H

#include "base/arena.h"
#include "fathom/status.h"

#define FM_PUBLISHED_MAX_BYTES ((size_t)4 << 20) /* of a file */
#define FM_PUBLISHED_MAX_ROWS  10000             /* of all files */

typedef struct {
    const char *suite, *task, *metric, *unit, *model, *modality, *source, *table, *protocol, *split,
        *flag;    /* "" where the file has nothing */
    double value; /* as printed, in `unit` */
} fm_published_row;

typedef struct {
    fm_published_row *rows; /* in the arena: by file name, then as they stand */
    size_t n, capacity;
} fm_published;

/* Add the rows of one file; texts are copied into the arena. */
FM_MUST_CHECK fm_status fm_published_read(const char *path, fm_arena *arena, fm_published *out,
                                          fm_err *err);

/* Those of every *.csv in a folder. FM_E_INPUT where there is none. */
FM_MUST_CHECK fm_status fm_published_load(const char *dir, fm_arena *arena, fm_published *out,
                                          fm_err *err);

#endif
