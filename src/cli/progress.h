/**
 * How far a run or a download is, on stderr: a line that is redrawn in place on a terminal, otherwise
 * a plain line now and then; as JSON lines (schema fathom.progress/1) where a program reads along.
 */
#ifndef FM_CLI_PROGRESS_H
#define FM_CLI_PROGRESS_H

#include "core/run.h"
#include "hub/fetch.h"
#include "train/session.h"

/* What was done when, in the last seconds, the oldest first: what a rate is made from. */
typedef struct {
    struct {
        double at, done;
    } marks[16];
    size_t n;
} cli_pace;

/* When a line was drawn. */
typedef struct {
    double drawn_at; /* seconds on the monotonic clock */
    bool begun;
} cli_rhythm;

/* Start it as {.label = ..., .json = ...}; the rest is its own. */
typedef struct {
    const char *label; /* "tabletop-3d@paper, oracle" */
    bool json;

    cli_rhythm rhythm;
    cli_pace pace; /* of samples */
    fm_run_progress latest;
} cli_progress;

/* As fm_run_options.progress. */
void cli_progress_show(void *progress, const fm_run_progress *state);

/* A whole line now, whatever was drawn when: somebody asks. */
void cli_progress_tell(cli_progress *progress, const fm_run_progress *state);

/* It is over: take the line off the terminal; as JSON, the last state. */
void cli_progress_end(cli_progress *progress);

/* The same of a download (schema fathom.fetch_progress/1). It is over with cli_line_clear(). */
typedef struct {
    const char *label; /* "blink" */
    bool json;

    cli_rhythm rhythm;
    cli_pace pace; /* of bytes */
} cli_fetch_progress;

/* As fm_hub_fetch() calls it. */
void cli_fetch_progress_show(void *progress, const fm_hub_progress *state);

/* The same of files that are made or converted, without JSON: so many bytes of so many. It is over with
 * cli_line_clear(). */
typedef struct {
    const char *label;

    cli_rhythm rhythm;
    cli_pace pace;   /* of bytes */
    double begun_at; /* on the monotonic clock */
} cli_amount_progress;

void cli_amount_progress_show(void *progress, uint64_t done_bytes, uint64_t all_bytes);

/* The same of a training, as tr_session.progress. */
typedef struct {
    const char *label;

    cli_rhythm rhythm;
    cli_pace pace;       /* of steps */
    uint64_t begun_with; /* steps that were there before */
    bool judged;
    double held_out; /* the loss or the reward at the last judging */
} cli_train_progress;

void cli_train_progress_show(void *progress, const tr_progress *state);

#endif
