/**
 * How fast to ask, and when to ask again: concurrency that adapts, budgets a minute, pauses that the
 * provider asked for, retries with jitter. Arithmetic alone: time is given in by the caller, nothing
 * waits and nothing is sent here. One thread.
 *
 * Concurrency starts at `start` and doubles with every full round of successes until the first
 * throttling, which halves it; from then on it grows by one a round. A round in which less was asked
 * for than was allowed teaches nothing. Faults of the server stop the growth for a while and take
 * nothing away.
 */
#ifndef FM_CORE_PACE_H
#define FM_CORE_PACE_H

#include "base/rng.h"
#include "fathom/adapter.h"

typedef struct {
    int start, cap;             /* requests in flight; 0: 8 and 256 */
    double requests_per_minute; /* 0: no budget */
    double tokens_per_minute;   /* 0: no budget */
    int attempts;               /* most attempts at one sample; 0: 6 */
    double longest_pause_s;     /* a wish for a longer one ends the run as a quota; 0: 300 */
    double sample_timeout_s;    /* from a sample's first attempt to its last; 0: none */
} fm_pace_limits;

typedef struct {
    fm_pace_limits limits;
    fm_rng rng;
    double concurrency; /* what may be in flight now */
    bool throttled_once;
    double round_successes;
    bool filled;            /* in this round something had to wait for its turn */
    double last_decrease_s; /* one decrease for what was sent before it */
    double growth_after_s, paused_until_s;
    double request_allowance, token_allowance, refilled_at_s; /* of the minute's budgets */
} fm_pace;

FM_MUST_CHECK fm_status fm_pace_check(const fm_pace_limits *limits, fm_err *err);
void fm_pace_init(fm_pace *pace, const fm_pace_limits *limits, uint64_t seed, double now_s);

/* Whether one more may be sent with `in_flight` under way; if not, *wait_s is when to ask again (or
 * infinity: after the next arrival). */
bool fm_pace_may_send(fm_pace *pace, double now_s, size_t in_flight, double tokens, double *wait_s);
void fm_pace_sent(fm_pace *pace, double now_s, double tokens);

/* Learn from an attempt that was sent at sent_s and counted as `tokens`. */
void fm_pace_arrived(fm_pace *pace, double now_s, double sent_s, double tokens,
                     const fm_reply *reply);

/* Whether the reply says that nothing can be asked for longer than is worth waiting. */
bool fm_pace_exhausted(const fm_pace *pace, const fm_reply *reply);

/* Seconds until attempt number `attempt` + 1, from the reply to attempt number `attempt`; negative:
 * no more, the status stands. `empty` counts the empty replies to this sample, this one included. */
double fm_pace_retry_after(fm_pace *pace, int attempt, int empty, const fm_reply *reply);

#endif
