/**
 * A folder of generated data: pictures that each index has to itself, and tables of records in the order
 * of the indices. It appears whole or not at all, and is known again by a stamp.
 */
#ifndef FM_WORLD_FOLDER_H
#define FM_WORLD_FOLDER_H

#include "base/buffer.h"
#include "fathom/raster.h"

enum { FM_FOLDER_TABLES = 3 };

typedef struct {
    const char *stamp; /* JSON: everything that the data follows from */
    size_t count;
    int jobs;                             /* threads, at least 1 */
    const char *tables[FM_FOLDER_TABLES]; /* names; NULL behind the last */
    bool arrays;                          /* of records in JSON; else JSON lines */
    const char *folders[4];               /* to be made at first; NULL behind the last */
    /* Make `index`: write its pictures into the folder, and its records, each one line without its
     * end, several apart by '\n', into records[table]. Called from `jobs` threads at once. */
    fm_status (*make)(void *context, const char *folder, size_t index, int worker, fm_buf *records,
                      fm_err *err);
    void *context;
} fm_folder_plan;

/* A folder that is there and has this stamp is left as it is; another that is not empty is refused with
 * FM_E_USAGE. */
FM_MUST_CHECK fm_status fm_folder_generate(const fm_folder_plan *plan, const char *dir,
                                           fm_err *err);

/* No temporary name and no sync a file: the folder is what appears at once, or not at all. */
FM_MUST_CHECK fm_status fm_folder_write_png(const char *folder, const char *name,
                                            const fm_raster *raster, fm_err *err);

#endif
