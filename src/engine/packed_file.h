/* A file of panels: a header, a table of what there is by key, then the panels, each at a multiple of 64
 * bytes. Written whole by rename; the numbers in it are those of the machine that wrote it. */
#ifndef RT_ENGINE_PACKED_FILE_H
#define RT_ENGINE_PACKED_FILE_H

#include "base/files.h"
#include "base/hash.h"

typedef struct rt_packed_file rt_packed_file;

typedef struct {
    char key[FM_HASH_TEXT_BYTES]; /* of content and layout */
    const void *panels;
    size_t bytes;
} rt_packed_entry;

/* NULL where there is none, or none that is whole: size, header and table are held against each other and
 * against a hash. */
rt_packed_file *rt_packed_file_open(const char *path);
void rt_packed_file_close(rt_packed_file *file); /* accepts NULL */

/* The panels of a key, of exactly so many bytes; NULL where they are not there, or where what they begin
 * and end with is not what was written. */
const void *rt_packed_file_find(const rt_packed_file *file, const char *key, size_t bytes);

FM_MUST_CHECK fm_status rt_packed_file_write(const char *path, const rt_packed_entry *entries,
                                             size_t n, fm_err *err);

#endif
