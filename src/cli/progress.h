/**
 * How far a run is, on stderr: a line that is redrawn in place on a terminal, otherwise a plain line
 * now and then; as JSON lines (schema fathom.progress/1) where a program reads along.
 */
#ifndef FM_CLI_PROGRESS_H
#define FM_CLI_PROGRESS_H

#include "core/run.h"

/* Start it as {.label = ..., .json = ...}; the rest is its own. */
typedef struct {
    const char *label; /* "tabletop-3d@paper, oracle" */
    bool json;

    double drawn_at; /* seconds on the monotonic clock; 0: never */
    struct {
        double at;
        size_t done;
    } marks[16]; /* of the last seconds, the oldest first: what the rate is made from */
    size_t n_marks;
    fm_run_progress latest;
    bool begun;
} cli_progress;

/* As fm_run_options.progress. */
void cli_progress_show(void *progress, const fm_run_progress *state);

/* A whole line now, whatever was drawn when: somebody asks. */
void cli_progress_tell(cli_progress *progress, const fm_run_progress *state);

/* It is over: take the line off the terminal; as JSON, the last state. */
void cli_progress_end(cli_progress *progress);

#endif
