/* Owns the arithmetic of asking: how many at once, when again. Leaves clocks and sending to the
 * caller. */
#include "core/pace.h"

#include <math.h>

static const double start_concurrency = 8, most_concurrency = 256;
static const double longest_pause_s = 300;
static const double first_backoff_s = 0.5, longest_backoff_s = 30;
static const double wish_jitter = 0.1; /* more than was asked for, so that not all come at once */
static const double growth_pause_s = 5;
/* A budget's minute may not be spent in its first second: most that is saved up, in seconds. */
static const double burst_s = 3;

enum { DEFAULT_ATTEMPTS = 6, MOST_CONCURRENCY = 4096, MOST_ATTEMPTS = 100, MOST_EMPTY = 2 };

fm_status fm_pace_check(const fm_pace_limits *limits, fm_err *err)
{
    const double numbers[] = {limits->requests_per_minute, limits->tokens_per_minute,
                              limits->longest_pause_s, limits->sample_timeout_s};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (!(numbers[i] >= 0) || isinf(numbers[i]))
            return fm_fail(err, FM_E_USAGE,
                           "budgets, pauses and time limits are numbers of at least 0, not %g",
                           numbers[i]);
    if (limits->start < 0 || limits->cap < 0 || limits->cap > MOST_CONCURRENCY)
        return fm_fail(err, FM_E_USAGE, "requests in flight: 1 to %d, not %d", MOST_CONCURRENCY,
                       limits->start < 0 ? limits->start : limits->cap);
    if (limits->attempts < 0 || limits->attempts > MOST_ATTEMPTS)
        return fm_fail(err, FM_E_USAGE, "attempts at a sample: 1 to %d, not %d", MOST_ATTEMPTS,
                       limits->attempts);
    if (limits->cap && limits->start > limits->cap)
        return fm_fail(err, FM_E_USAGE, "cannot start with %d requests in flight, at most are %d",
                       limits->start, limits->cap);
    return FM_OK;
}

void fm_pace_init(fm_pace *pace, const fm_pace_limits *limits, uint64_t seed, double now_s)
{
    *pace = (fm_pace){.limits = *limits,
                      .last_decrease_s = -INFINITY,
                      .growth_after_s = -INFINITY,
                      .paused_until_s = -INFINITY,
                      .refilled_at_s = now_s};
    fm_pace_limits *l = &pace->limits;

    if (!l->cap)
        l->cap = (int)most_concurrency;
    if (!l->start)
        l->start = (int)fmin(start_concurrency, l->cap);
    if (!l->attempts)
        l->attempts = DEFAULT_ATTEMPTS;
    if (l->longest_pause_s == 0)
        l->longest_pause_s = longest_pause_s;
    fm_rng_seed(&pace->rng, seed);
    pace->concurrency = l->start;
    pace->request_allowance = pace->token_allowance = INFINITY; /* cut by the first refill */
}

/* ---- budgets a minute ---- */

/* One request must fit, however small the budget. */
static double request_burst(const fm_pace *pace)
{
    return fmax(1, pace->limits.requests_per_minute / 60 * burst_s);
}

static double token_burst(const fm_pace *pace)
{
    return pace->limits.tokens_per_minute / 60 * burst_s;
}

static void refill(fm_pace *pace, double now_s)
{
    const fm_pace_limits *l = &pace->limits;
    double minutes = fmax(0, now_s - pace->refilled_at_s) / 60;

    pace->refilled_at_s = fmax(now_s, pace->refilled_at_s);
    pace->request_allowance =
        fmin(request_burst(pace), pace->request_allowance + minutes * l->requests_per_minute);
    pace->token_allowance =
        fmin(token_burst(pace), pace->token_allowance + minutes * l->tokens_per_minute);
}

/* Seconds until the budgets allow one more of so many tokens. A request above the burst goes when
 * the burst is full, and leaves a debt. */
static double budget_wait(const fm_pace *pace, double tokens)
{
    const fm_pace_limits *l = &pace->limits;
    double need = fmin(fmax(tokens, 1), token_burst(pace)), wait_s = 0;

    if (l->requests_per_minute > 0)
        wait_s = (1 - pace->request_allowance) * 60 / l->requests_per_minute;
    if (l->tokens_per_minute > 0)
        wait_s = fmax(wait_s, (need - pace->token_allowance) * 60 / l->tokens_per_minute);
    return wait_s;
}

bool fm_pace_may_send(fm_pace *pace, double now_s, size_t in_flight, double tokens, double *wait_s)
{
    /* What a sum of small refills lacks to a whole request is no reason to wait. */
    static const double negligible_s = 1e-6;

    refill(pace, now_s);
    if ((double)in_flight >= floor(pace->concurrency)) {
        pace->filled = true;
        *wait_s = INFINITY;
        return false;
    }
    *wait_s = fmax(pace->paused_until_s - now_s, budget_wait(pace, tokens));
    return *wait_s <= negligible_s;
}

void fm_pace_sent(fm_pace *pace, double now_s, double tokens)
{
    refill(pace, now_s);
    pace->request_allowance -= 1;
    pace->token_allowance -= tokens;
}

/* ---- learning ---- */

static void pause_until(fm_pace *pace, double until_s)
{
    pace->paused_until_s = fmax(pace->paused_until_s, until_s);
}

/* Several replies tell of one crowding: those to what was sent before the last decrease are of it. */
static void decrease(fm_pace *pace, double now_s, double sent_s)
{
    if (sent_s < pace->last_decrease_s)
        return;
    pace->concurrency = fmax(1, floor(pace->concurrency) / 2);
    pace->last_decrease_s = now_s;
    pace->throttled_once = true;
    pace->round_successes = 0;
    pace->filled = false;
}

static void grow(fm_pace *pace, double now_s)
{
    pace->round_successes++;
    if (pace->round_successes < floor(pace->concurrency) || now_s < pace->growth_after_s)
        return;
    if (pace->filled)
        pace->concurrency = fmin(pace->limits.cap, pace->throttled_once ? pace->concurrency + 1
                                                                        : pace->concurrency * 2);
    pace->round_successes = 0;
    pace->filled = false;
}

/* Nothing left of a budget: the next request would be refused. */
static void heed(fm_pace *pace, double now_s, const fm_rate_hint *hint)
{
    const double pairs[][2] = {{hint->remaining_requests, hint->reset_requests_s},
                               {hint->remaining_tokens, hint->reset_tokens_s}};

    for (int i = 0; i < 2; i++)
        if (pairs[i][0] >= 0 && pairs[i][0] < 1 && pairs[i][1] > 0)
            pause_until(pace, now_s + fmin(pairs[i][1], pace->limits.longest_pause_s));
}

void fm_pace_arrived(fm_pace *pace, double now_s, double sent_s, double tokens,
                     const fm_reply *reply)
{
    const fm_usage *u = &reply->usage;
    double took = (double)(u->input_tokens + u->output_tokens + u->thought_tokens);

    refill(pace, now_s);
    if (reply->cached) { /* nothing was sent */
        pace->request_allowance += 1;
        pace->token_allowance += tokens;
        return;
    }
    if (u->stated)
        pace->token_allowance += tokens - took;
    if (reply->rate.stated)
        heed(pace, now_s, &reply->rate);
    if (reply->retry == FM_RETRY_THROTTLED) {
        decrease(pace, now_s, sent_s);
        if (reply->retry_after_s > 0)
            pause_until(pace, now_s + fmin(reply->retry_after_s, pace->limits.longest_pause_s));
    } else if (reply->retry == FM_RETRY_TRANSIENT && reply->status != FM_SAMPLE_EMPTY) {
        pace->growth_after_s = now_s + growth_pause_s;
    } else if (reply->retry != FM_RETRY_EXHAUSTED && reply->retry != FM_RETRY_HOPELESS) {
        grow(pace, now_s);
    }
}

/* ---- again ---- */

bool fm_pace_exhausted(const fm_pace *pace, const fm_reply *reply)
{
    if (reply->retry == FM_RETRY_EXHAUSTED)
        return true;
    return reply->retry == FM_RETRY_THROTTLED &&
           reply->retry_after_s > pace->limits.longest_pause_s;
}

double fm_pace_retry_after(fm_pace *pace, int attempt, int empty, const fm_reply *reply)
{
    bool asks = reply->retry == FM_RETRY_TRANSIENT || reply->retry == FM_RETRY_THROTTLED;

    if (!asks || attempt >= pace->limits.attempts || fm_pace_exhausted(pace, reply))
        return -1;
    if (reply->status == FM_SAMPLE_EMPTY && empty >= MOST_EMPTY)
        return -1;
    if (reply->retry_after_s > pace->limits.longest_pause_s)
        return -1;
    if (reply->retry_after_s > 0)
        return reply->retry_after_s * (1 + wish_jitter * fm_rng_unit(&pace->rng));
    /* Full jitter: what failed together does not come back together. */
    double most_s = fmin(longest_backoff_s, first_backoff_s * exp2(fmin(attempt - 1, 30)));
    return most_s * fm_rng_unit(&pace->rng);
}
