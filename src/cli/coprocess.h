/**
 * A command as a co-process: lines in, a line out for each, in order.
 *
 * What has arrived is answered before more is waited for, so that a caller that writes one line and
 * reads one line never waits for another; what arrives together is answered on several threads.
 */
#ifndef FM_CLI_COPROCESS_H
#define FM_CLI_COPROCESS_H

#include "base/arena.h"
#include "base/buffer.h"

typedef struct {
    /* Append one line, its newline included, for `line` (without newline; NULL: it was longer than
     * line_bytes). Called from any thread, with an arena of that thread. False: an error was answered. */
    bool (*answer)(const void *context, const char *line, size_t size, fm_arena *arena,
                   fm_buf *out);
    const void *context;
    size_t line_bytes;
    int jobs;
} cli_coprocess;

/* From in_fd to out_fd until the end of the input; blank lines are passed over. *lines and *errors
 * count. FM_E_IO where the reader of the answers has gone. */
FM_MUST_CHECK fm_status cli_coprocess_serve(const cli_coprocess *process, int in_fd, int out_fd,
                                            size_t *lines, size_t *errors, fm_err *err);

#endif
