/**
 * Bringing the files of a plan: several at once, each resumed where it stopped, compared with its
 * hash before it gets its name, and tried again where the network failed. Two processes at the same
 * files take turns.
 */
#ifndef FM_HUB_FETCH_H
#define FM_HUB_FETCH_H

#include "hub/plan.h"
#include "hub/talk.h"

typedef struct {
    size_t files, done; /* the wanted ones */
    uint64_t bytes, done_bytes;
    uint64_t begun_bytes; /* of done_bytes: what was here before */
    size_t in_flight;
    size_t elsewhere; /* files that another process is bringing */
    double waiting_s; /* until the next attempt, where nothing else is under way; else 0 */
    double elapsed_s;
} fm_hub_progress;

/**
 * Bring what is wanted and not here, and put it into the data folder. The plan was looked at; its
 * states are kept up. progress (may be NULL) is called now and then with its context.
 * FM_E_IO before anything is sent where the disk has no room; FM_E_INPUT where what comes is not what
 * was listed; FM_E_INTERRUPTED. Files that fail do not stop the others: the message is that of the
 * first one.
 */
FM_MUST_CHECK fm_status fm_hub_fetch(fm_hub *hub, fm_hub_plan *plan,
                                     void (*progress)(void *context, const fm_hub_progress *state),
                                     void *context, fm_err *err);

#endif
