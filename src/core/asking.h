/**
 * Asking: every sample that is not settled in the journal, as many at once as pace and adapter
 * allow, again where that may help, until all are settled or something ends it.
 *
 * A reply is in the journal before anything else is done with it. Memory is bounded by the requests
 * in flight and as many again that wait for another attempt. One thread.
 */
#ifndef FM_CORE_ASKING_H
#define FM_CORE_ASKING_H

#include "core/journal.h"
#include "core/run.h"

/* Where time comes from; tests bring their own. */
typedef struct {
    double (*now_s)(void *context);
    void (*sleep)(void *context, double seconds);
    void *context;
} fm_asking_clock;

/* All borrowed. */
typedef struct {
    const fm_run_options *options; /* pace, prices, budgets, progress, stop */
    const fm_task *task;
    const char *prompt; /* template */
    fm_adapter *adapter;
    bool sees_truth; /* of the adapter: the sample itself goes with its request */
    fm_journal *journal;
    /* The next sample that may have to be asked; it lives until the next call. */
    fm_status (*next)(void *context, fm_selected *out, bool *more, fm_err *err);
    void *context;
    const fm_asking_clock *clock; /* NULL: the machine's */
} fm_asking;

/* *progress comes in with total, and with done and resumed at what is settled already.
 * FM_E_INCOMPLETE, FM_E_INTERRUPTED: as fm_run_execute(). */
FM_MUST_CHECK fm_status fm_asking_execute(const fm_asking *asking, fm_run_progress *progress,
                                          fm_err *err);

/* The request for one sample; `prompt` is the text, and lives as long as it. Nothing of the truth
 * enters it. */
fm_request fm_asking_request(const fm_task *task, const fm_selected *selected, const char *prompt);

#endif
