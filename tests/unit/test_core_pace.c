/* Pace: what may be sent when, by a clock that the test holds. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "core/pace.h"

static const fm_reply good = {.status = FM_SAMPLE_OK};
static const fm_reply throttled = {.status = FM_SAMPLE_API_ERROR, .retry = FM_RETRY_THROTTLED};
static const fm_reply broken = {
    .status = FM_SAMPLE_API_ERROR, .retry = FM_RETRY_TRANSIENT, .http_status = 503};

static fm_pace pace;

static void begin(fm_pace_limits limits)
{
    cr_assert(eq(int, fm_pace_check(&limits, NULL), FM_OK));
    fm_pace_init(&pace, &limits, 1, 100);
}

/* How many may be sent now with nothing in flight; *wait_s: until the next. */
static size_t burst(double now_s, double tokens, double *wait_s)
{
    size_t n = 0;

    while (fm_pace_may_send(&pace, now_s, n, tokens, wait_s)) {
        fm_pace_sent(&pace, now_s, tokens);
        n++;
    }
    return n;
}

/* One round trip: as many as may be sent, all answered the same a second later. */
static size_t round_trip(double now_s, const fm_reply *reply)
{
    double wait_s;
    size_t n = burst(now_s, 0, &wait_s);

    for (size_t i = 0; i < n; i++)
        fm_pace_arrived(&pace, now_s + 1, now_s, 0, reply);
    return n;
}

Test(pace, doubles_with_every_full_round_up_to_the_cap)
{
    static const size_t sizes[] = {8, 16, 32, 64, 100, 100};

    begin((fm_pace_limits){.cap = 100});
    for (size_t i = 0; i < 6; i++)
        cr_assert(eq(sz, round_trip(100 + 2 * (double)i, &good), sizes[i]), "round %zu", i);
}

Test(pace, a_round_that_was_not_full_teaches_nothing)
{
    double wait_s;

    begin((fm_pace_limits){.start = 8});
    for (int i = 0; i < 100; i++) { /* one at a time, as a slow source gives them */
        cr_assert(fm_pace_may_send(&pace, 100 + i, 0, 0, &wait_s));
        fm_pace_sent(&pace, 100 + i, 0);
        fm_pace_arrived(&pace, 100 + i, 100 + i, 0, &good);
    }
    cr_assert(eq(dbl, pace.concurrency, 8));
}

Test(pace, the_first_throttling_halves_once_for_all_that_was_sent_before)
{
    begin((fm_pace_limits){.start = 16});
    cr_assert(eq(sz, round_trip(100, &throttled), 16));
    cr_assert(eq(sz, round_trip(102, &good), 8));
    cr_assert(eq(sz, round_trip(104, &good), 9)); /* from here on by one a round */
    cr_assert(eq(sz, round_trip(106, &throttled), 10));
    cr_assert(eq(sz, round_trip(108, &good), 5));
}

Test(pace, never_falls_below_one)
{
    begin((fm_pace_limits){.start = 2});
    for (int i = 0; i < 10; i++)
        cr_assert(round_trip(100 + 2 * i, &throttled) >= 1);
    cr_assert(eq(sz, round_trip(200, &good), 1));
}

Test(pace, faults_of_the_server_pause_the_growth_and_take_nothing)
{
    begin((fm_pace_limits){.start = 8});
    cr_assert(eq(sz, round_trip(100, &broken), 8));
    cr_assert(eq(sz, round_trip(101, &good), 8));
    cr_assert(eq(sz, round_trip(102, &good), 8));
    cr_assert(eq(sz, round_trip(110, &good), 8)); /* the growth that waited is taken here */
    cr_assert(eq(sz, round_trip(112, &good), 16));
}

Test(pace, a_wish_of_the_provider_holds_back_everything)
{
    fm_reply wish = throttled;
    double wait_s;

    begin((fm_pace_limits){.start = 8});
    wish.retry_after_s = 30;
    fm_pace_sent(&pace, 100, 0);
    fm_pace_arrived(&pace, 101, 100, 0, &wish);
    cr_assert(fm_pace_may_send(&pace, 102, 0, 0, &wait_s) == false);
    cr_assert(epsilon_eq(dbl, wait_s, 29, 1e-9));
    cr_assert(fm_pace_may_send(&pace, 131, 0, 0, &wait_s));
}

Test(pace, an_exhausted_hint_waits_for_its_reset)
{
    fm_reply hint = good;
    double wait_s;

    begin((fm_pace_limits){.start = 8});
    hint.rate = (fm_rate_hint){true, 5, 0, 40, 7};
    fm_pace_arrived(&pace, 100, 100, 0, &hint);
    cr_assert(fm_pace_may_send(&pace, 100, 0, 0, &wait_s) == false);
    cr_assert(epsilon_eq(dbl, wait_s, 7, 1e-9));
    hint.rate = (fm_rate_hint){true, -1, -1, 40, 7}; /* not stated */
    fm_pace_arrived(&pace, 107, 107, 0, &hint);
    cr_assert(fm_pace_may_send(&pace, 107, 0, 0, &wait_s));
}

Test(pace, a_budget_of_requests_is_kept_and_not_spent_in_one_burst)
{
    double wait_s, sent = 0;

    begin((fm_pace_limits){.start = 256, .requests_per_minute = 600});
    cr_assert(eq(sz, burst(100, 0, &wait_s), 30)); /* three seconds' worth */
    cr_assert(epsilon_eq(dbl, wait_s, 0.1, 1e-6));
    for (double now_s = 100; now_s < 160; now_s += 0.05)
        sent += (double)burst(now_s, 0, &wait_s);
    cr_assert(sent >= 598 && sent <= 600, "%g", sent);
    cr_assert(eq(sz, burst(1000, 0, &wait_s), 30)); /* idleness saves up no more */
}

Test(pace, a_small_budget_lets_one_request_through)
{
    double wait_s;

    begin((fm_pace_limits){.requests_per_minute = 1, .tokens_per_minute = 60});
    cr_assert(eq(sz, burst(100, 5000, &wait_s), 1)); /* larger than what can be saved up */
    cr_assert(fm_pace_may_send(&pace, 170, 0, 5000, &wait_s) == false);
    cr_assert(epsilon_eq(dbl, wait_s, 5000 - 70, 1)); /* the debt first */
}

Test(pace, a_budget_of_tokens_counts_what_the_replies_took)
{
    fm_reply dear = good;
    double wait_s;

    begin((fm_pace_limits){.start = 256, .tokens_per_minute = 6000});
    cr_assert(eq(sz, burst(100, 100, &wait_s), 3));
    dear.usage = (fm_usage){true, 300, 80, 20, 0};
    fm_pace_arrived(&pace, 100, 100, 100, &dear); /* 300 more than it counted as */
    cr_assert(fm_pace_may_send(&pace, 103, 0, 100, &wait_s) == false);
    cr_assert(epsilon_eq(dbl, wait_s, 1, 1e-6));
}

Test(pace, cached_replies_cost_no_budget)
{
    fm_reply cached = good;
    double wait_s;

    begin((fm_pace_limits){.start = 1, .requests_per_minute = 1});
    cached.cached = true;
    for (int i = 0; i < 100; i++) {
        cr_assert(fm_pace_may_send(&pace, 100, 0, 0, &wait_s), "%d", i);
        fm_pace_sent(&pace, 100, 0);
        fm_pace_arrived(&pace, 100, 100, 0, &cached);
    }
}

/* Mean of many draws, and their extremes. */
static void draw_retries(int attempt, const fm_reply *reply, double *low, double *mean,
                         double *high)
{
    *low = INFINITY, *mean = 0, *high = 0;
    for (int i = 0; i < 2000; i++) {
        double s = fm_pace_retry_after(&pace, attempt, 0, reply);

        *low = fmin(*low, s);
        *high = fmax(*high, s);
        *mean += s / 2000;
    }
}

Test(pace, backoff_doubles_with_full_jitter_up_to_its_bound)
{
    static const double most_s[] = {0.5, 1, 2, 4, 8, 16, 30, 30};
    double low, mean, high;

    begin((fm_pace_limits){.attempts = 100});
    for (int i = 0; i < 8; i++) {
        draw_retries(i + 1, &broken, &low, &mean, &high);
        cr_assert(low < 0.05 * most_s[i] && high > 0.95 * most_s[i] && high <= most_s[i], "%d", i);
        cr_assert(epsilon_eq(dbl, mean, most_s[i] / 2, most_s[i] * 0.05), "%d", i);
    }
}

Test(pace, a_wish_is_kept_with_a_little_jitter_on_top)
{
    fm_reply wish = throttled;
    double low, mean, high;

    begin((fm_pace_limits){0});
    wish.retry_after_s = 20;
    draw_retries(1, &wish, &low, &mean, &high);
    cr_assert(low >= 20 && high <= 22 && high > 21.8);
}

Test(pace, attempts_are_bounded_and_what_cannot_help_is_not_tried)
{
    static const struct {
        fm_retry retry;
        fm_sample_status status;
        int attempt, empty;
        double wish_s;
        bool again;
    } cases[] = {
        {FM_RETRY_NEVER, FM_SAMPLE_OK, 1, 0, 0, false},
        {FM_RETRY_NEVER, FM_SAMPLE_API_ERROR, 1, 0, 0, false},
        {FM_RETRY_EXHAUSTED, FM_SAMPLE_QUOTA, 1, 0, 5, false},
        {FM_RETRY_HOPELESS, FM_SAMPLE_API_ERROR, 1, 0, 0, false},
        {FM_RETRY_TRANSIENT, FM_SAMPLE_API_ERROR, 5, 0, 0, true},
        {FM_RETRY_TRANSIENT, FM_SAMPLE_API_ERROR, 6, 0, 0, false},
        {FM_RETRY_THROTTLED, FM_SAMPLE_API_ERROR, 5, 0, 300, true},
        {FM_RETRY_THROTTLED, FM_SAMPLE_API_ERROR, 1, 0, 301, false},
        {FM_RETRY_TRANSIENT, FM_SAMPLE_API_ERROR, 1, 0, 301, false},
        {FM_RETRY_TRANSIENT, FM_SAMPLE_EMPTY, 1, 1, 0, true},
        {FM_RETRY_TRANSIENT, FM_SAMPLE_EMPTY, 2, 2, 0, false},
        {FM_RETRY_TRANSIENT, FM_SAMPLE_EMPTY, 2, 1, 0, true}, /* its first attempt failed */
    };

    begin((fm_pace_limits){0});
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fm_reply reply = {
            .retry = cases[i].retry, .status = cases[i].status, .retry_after_s = cases[i].wish_s};
        double s = fm_pace_retry_after(&pace, cases[i].attempt, cases[i].empty, &reply);

        cr_assert(eq(int, s >= 0, cases[i].again), "case %zu: %g", i, s);
    }
}

Test(pace, a_wish_longer_than_the_longest_pause_means_exhausted)
{
    fm_reply wish = throttled;

    begin((fm_pace_limits){.longest_pause_s = 60});
    wish.retry_after_s = 60;
    cr_assert(fm_pace_exhausted(&pace, &wish) == false);
    wish.retry_after_s = 61;
    cr_assert(fm_pace_exhausted(&pace, &wish));
    wish = (fm_reply){.retry = FM_RETRY_EXHAUSTED};
    cr_assert(fm_pace_exhausted(&pace, &wish));
}

Test(pace, limits_that_make_no_sense_are_refused)
{
    static const fm_pace_limits bad[] = {
        {.start = -1},
        {.cap = 5000},
        {.start = 9, .cap = 8},
        {.attempts = -1},
        {.attempts = 1000},
        {.requests_per_minute = -1},
        {.tokens_per_minute = NAN},
        {.sample_timeout_s = INFINITY},
        {.longest_pause_s = -2},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fm_err err = {0};

        cr_assert(eq(int, fm_pace_check(&bad[i], &err), FM_E_USAGE), "%zu", i);
        cr_assert(err.text[0] != '\0');
    }
    begin((fm_pace_limits){.cap = 4}); /* the default start gives way */
    cr_assert(eq(dbl, pace.concurrency, 4));
}
