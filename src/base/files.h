/**
 * Files and folders: reading with caps, writing by rename, and names from data that cannot leave
 * their folder. Stateless, thread-safe except where two callers write the same path.
 */
#ifndef FM_BASE_FILES_H
#define FM_BASE_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"

#define FM_PATH_BYTES 4096

/* The whole file appended to `out`; FM_E_INPUT where it is larger than cap_bytes, FM_E_IO where it
 * cannot be read. */
FM_MUST_CHECK fm_status fm_file_read(const char *path, size_t cap_bytes, fm_buf *out, fm_err *err);

/* Write to `<path>.tmp.<pid>`, sync, rename over `path`, sync the folder. On failure `path` is as
 * it was. A device or a pipe is written to and not replaced. */
FM_MUST_CHECK fm_status fm_file_write_atomic(const char *path, const void *bytes, size_t size,
                                             fm_err *err);

/* Whether that would find a place for its file, as far as can be known without writing. */
FM_MUST_CHECK fm_status fm_file_check_place(const char *path, fm_err *err);

/* The same in two steps for what is written bit by bit: begin gives a stream, commit checks it and
 * renames, abandon removes the temporary file. A handle is used once. */
typedef struct {
    FILE *stream;
    char path[FM_PATH_BYTES], temporary[FM_PATH_BYTES];
    bool in_place; /* the path is a device or a pipe: what is written goes there at once */
} fm_file_writer;
FM_MUST_CHECK fm_status fm_file_writer_begin(fm_file_writer *writer, const char *path, fm_err *err);
FM_MUST_CHECK fm_status fm_file_writer_commit(fm_file_writer *writer, fm_err *err);
void fm_file_writer_abandon(fm_file_writer *writer); /* after commit: does nothing */

/* mkdir -p with mode 0777 & ~umask. */
FM_MUST_CHECK fm_status fm_dir_make(const char *path, fm_err *err);

/* Keep other processes out of a folder by the file `name` in it, which stays: *fd, which closing gives up.
 * FM_E_LOCKED where one is there already; `what` calls the folder in messages, as "run directory". */
FM_MUST_CHECK fm_status fm_dir_lock(int *fd, const char *folder, const char *name, const char *what,
                                    fm_err *err);

bool fm_file_exists(const char *path); /* a regular file, links followed */
bool fm_dir_exists(const char *path);

/* "<a>/<b>" into out[FM_PATH_BYTES]; FM_E_INPUT when it does not fit. */
FM_MUST_CHECK fm_status fm_path_join(char out[FM_PATH_BYTES], const char *a, const char *b,
                                     fm_err *err);

/* A path that stands in `file`: from the folder of that file, where it is not absolute. FM_E_INPUT
 * when it does not fit. */
FM_MUST_CHECK fm_status fm_path_beside(char out[FM_PATH_BYTES], const char *file, const char *given,
                                       fm_err *err);

/* Whether a name is relative and without "..", empty parts and control characters: what can be told
 * of it before there is a folder. */
bool fm_path_stays_inside(const char *name);

/* Join a relative name that comes from data to a folder of ours. Refuses absolute names, "..",
 * empty parts, NUL, control characters, and, where the target exists, links that lead out of the
 * folder. FM_E_INPUT names the offending name. */
FM_MUST_CHECK fm_status fm_path_join_inside(char out[FM_PATH_BYTES], const char *root,
                                            const char *name, fm_err *err);
/* The same, where links may lead into a second folder too; NULL: none. */
FM_MUST_CHECK fm_status fm_path_join_linked(char out[FM_PATH_BYTES], const char *root,
                                            const char *linked, const char *name, fm_err *err);

/* The last component of a path (borrowed from it). */
const char *fm_path_base(const char *path);

/* Lines of a file, one at a time, in memory bounded by `cap_bytes` a line. */
typedef struct {
    FILE *stream;
    char path[FM_PATH_BYTES];
    char *line; /* without its newline, terminated; may hold NUL bytes: use size */
    size_t size, capacity, cap_bytes;
    size_t number;  /* 1-based number of the current line */
    int64_t offset; /* byte offset at which the current line starts */
    bool torn;      /* no newline was seen: the last line of a file, or one that is too long */
    bool too_long;  /* the current line passed the cap: its text is dropped, `size` is 0; the next
                       call reads on to its end */

    char *block; /* what was read ahead: [block_next, block_end) is not consumed yet */
    size_t block_next, block_end;
    int64_t consumed;
} fm_lines;

#define FM_LINE_DEFAULT_CAP ((size_t)64 << 20)

/* cap_bytes 0: FM_LINE_DEFAULT_CAP */
FM_MUST_CHECK fm_status fm_lines_open(fm_lines *lines, const char *path, size_t cap_bytes,
                                      fm_err *err);

/* The next line: *more false at the end. Fails with FM_E_IO or FM_E_NOMEM only. */
FM_MUST_CHECK fm_status fm_lines_next(fm_lines *lines, bool *more, fm_err *err);
void fm_lines_close(fm_lines *lines); /* accepts {0} */

/* Flush and check a standard stream at the end of a program: FM_E_IO when what was printed did not
 * arrive. */
FM_MUST_CHECK fm_status fm_stream_check(FILE *stream, const char *name, fm_err *err);

#endif
