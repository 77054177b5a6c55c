/**
 * Files of panels, one a model and kind: a page of header, the panels, each at a multiple of a page, and a
 * table of what there is by key. The numbers in it are those of the machine that wrote it. Nothing in such
 * a file is needed, and any of them may be removed at any time.
 *
 * A file that is written has no name until it is whole and on the disk: what is ended halfway leaves
 * nothing behind, and of two that write the same one the last gives it its name.
 */
#ifndef RT_ENGINE_PACKED_FILE_H
#define RT_ENGINE_PACKED_FILE_H

#include <stdint.h>

#include "base/hash.h"

/* ---- reading ---- */

typedef struct rt_packed_file rt_packed_file;

/* NULL where there is none, or none that is whole: size, header and table are held against each other and
 * against a hash. */
rt_packed_file *rt_packed_file_open(const char *path);
void rt_packed_file_close(rt_packed_file *file); /* accepts NULL */

/* The panels of a key, of exactly so many bytes; NULL where they are not there, or where what they begin
 * and end with is not what was written. */
const void *rt_packed_file_find(const rt_packed_file *file, const char *key, size_t bytes);

/* The path of the model that it was made of, for people. */
const char *rt_packed_file_model(const rt_packed_file *file);

/* ---- writing ---- */

typedef struct rt_packed_writer rt_packed_writer;

/* A file that is to be called `path` and to hold about so many bytes. FM_E_IO where the folder cannot be
 * written or the disk has no room for them. */
FM_MUST_CHECK fm_status rt_packed_writer_new(rt_packed_writer **out, const char *path,
                                             const char *model, uint64_t bytes, fm_err *err);
/* Gives back all that it gave, and unless it was committed the file. Accepts NULL. */
void rt_packed_writer_free(rt_packed_writer *writer);

/* Copy panels to the end; *kept is where they are mapped from the file. After a failure nothing more can
 * be put; what was put before stays. */
FM_MUST_CHECK fm_status rt_packed_writer_put(rt_packed_writer *writer,
                                             const char key[FM_HASH_TEXT_BYTES], const void *panels,
                                             size_t bytes, const void **kept, fm_err *err);

/* Finish it, wait for the disk and give it its name. Takes as long as the disk does, and may be done by
 * another thread while what was put is read. */
FM_MUST_CHECK fm_status rt_packed_writer_commit(rt_packed_writer *writer, fm_err *err);

#endif
