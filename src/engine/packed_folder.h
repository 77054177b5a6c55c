/**
 * The folder that packed files lie in, one a model and kind of panels: how they are called, which there
 * are, and which were not used for long. Stateless, thread-safe.
 */
#ifndef RT_ENGINE_PACKED_FOLDER_H
#define RT_ENGINE_PACKED_FOLDER_H

#include <stdint.h>

#include "base/files.h"

/* The file of a model (a path) whose panels are of that kind ("bf16"). */
FM_MUST_CHECK fm_status rt_packed_path(char out[FM_PATH_BYTES], const char *folder,
                                       const char *model, const char *kind, fm_err *err);

/* It is used now: what is used lately is pruned last. */
void rt_packed_renew(const char *path);

typedef struct {
    char name[128]; /* of the file in its folder */
    char kind[16];  /* "bf16", "as_stored" */
    char model
        [FM_PATH_BYTES]; /* that it was made of; "": it cannot be read, and will be made again */
    uint64_t bytes;
    double age_s; /* since it was used last */
} rt_packed_about;

/* The files by name, *out of malloc; where there is no such folder none. An unfinished file of an hour ago,
 * which nobody writes any longer, is removed. */
FM_MUST_CHECK fm_status rt_packed_list(const char *folder, rt_packed_about **out, size_t *n,
                                       fm_err *err);
FM_MUST_CHECK fm_status rt_packed_remove(const char *folder, const char *name, fm_err *err);

#endif
