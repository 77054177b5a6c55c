/* Asking: many at once, again where it helps, nothing lost and nothing twice. Time is a number of
 * this file: the adapter below answers when it comes to it, in an order of its own. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "../support/scratch.h"
#include "base/files.h"
#include "core/adapter_internal.h"
#include "core/asking.h"
#include "core/prompt.h"

enum { MOST = 400 };

/* ---- the provider ---- */

static double now_s;

typedef struct {
    uint64_t ticket;
    int sample;
    double due_s;
    fm_reply reply;
} pending;

static pending under_way[MOST];
static size_t n_under_way, most_under_way;
static int asked[MOST]; /* attempts at each sample, of all sessions */
static int sent, abandoned, lost, idle_polls;
static char texts[MOST][32];
static bool poll_fails;

/* What the provider does with a request; the text of an answer is put in afterwards. */
static fm_reply (*provider)(int sample, int attempt, double *delay_s);

static fm_reply answers(int sample, int attempt, double *delay_s)
{
    (void)attempt;
    *delay_s = 0.02 + 0.01 * (sample % 7); /* later ones overtake */
    return (fm_reply){.status = FM_SAMPLE_OK};
}

static fm_reply failure(fm_retry retry, int http_status, const char *detail)
{
    return (fm_reply){.status = FM_SAMPLE_API_ERROR,
                      .retry = retry,
                      .http_status = http_status,
                      .detail = detail};
}

static fm_status fake_submit(void *state, const fm_request *request, uint64_t ticket, fm_err *err)
{
    int sample = atoi(request->id);
    double delay_s = 0.02;
    pending *p = &under_way[n_under_way++];

    (void)state, (void)err;
    cr_assert(strstr(request->prompt, request->id) != NULL, "%s", request->prompt);
    sent++;
    *p = (pending){.ticket = ticket, .sample = sample};
    p->reply = provider(sample, ++asked[sample], &delay_s);
    p->due_s = now_s + delay_s;
    if (p->reply.status == FM_SAMPLE_OK && !p->reply.text) {
        snprintf(texts[sample], sizeof(texts[sample]), "reply to %d", sample);
        p->reply.text = texts[sample];
        p->reply.size = strlen(texts[sample]);
    }
    most_under_way = n_under_way > most_under_way ? n_under_way : most_under_way;
    return FM_OK;
}

static double earliest(void)
{
    double due_s = INFINITY;

    for (size_t i = 0; i < n_under_way; i++)
        due_s = fmin(due_s, under_way[i].due_s);
    return due_s;
}

static fm_status fake_poll(void *state, double wait_s, fm_arrival *arrivals, size_t capacity,
                           size_t *n, fm_err *err)
{
    (void)state;
    if (poll_fails)
        return fm_fail(err, FM_E_IO, "the wire is cut");
    double until_s = fmin(earliest(), now_s + wait_s);
    idle_polls += until_s <= now_s && earliest() > now_s;
    now_s = fmax(now_s, until_s);
    *n = 0;
    for (size_t i = n_under_way; i-- > 0 && *n < capacity;) {
        if (under_way[i].due_s > now_s)
            continue;
        arrivals[(*n)++] = (fm_arrival){under_way[i].ticket, under_way[i].reply};
        under_way[i] = under_way[--n_under_way];
    }
    return FM_OK;
}

static void fake_abandon(void *state, uint64_t ticket)
{
    (void)state;
    for (size_t i = 0; i < n_under_way; i++) {
        if (under_way[i].ticket != ticket)
            continue;
        under_way[i] = under_way[--n_under_way];
        abandoned++;
        return;
    }
}

static void fake_close(void *state)
{
    (void)state;
}

static const fm_adapter_ops fake = {.name = "fake",
                                    .submit = fake_submit,
                                    .poll = fake_poll,
                                    .abandon = fake_abandon,
                                    .close = fake_close};

/* ---- the run ---- */

static double read_now(void *context)
{
    (void)context;
    return now_s;
}

static void pass_time(void *context, double seconds)
{
    (void)context;
    idle_polls += seconds <= 0;
    now_s += seconds;
}

static const fm_asking_clock test_clock = {.now_s = read_now, .sleep = pass_time};

static int n_samples = 100, drawn;
static volatile sig_atomic_t stop;
static double stop_at_s = INFINITY;
static int sent_at_stop = -1;
static fm_run_progress last;
static double shown_s, longest_silence_s;

static fm_status next_sample(void *context, fm_selected *out, bool *more, fm_err *err)
{
    static fm_sample sample;
    static char id[16];

    (void)context, (void)err;
    *more = drawn < n_samples;
    snprintf(id, sizeof(id), "%d", drawn++);
    sample = (fm_sample){.id = id, .instruction = id};
    *out = (fm_selected){.sample = &sample, .base_id = id, .repeat = 1};
    return FM_OK;
}

static void on_progress(void *context, const fm_run_progress *progress)
{
    (void)context;
    longest_silence_s = fmax(longest_silence_s, now_s - shown_s);
    shown_s = now_s;
    last = *progress;
    if (now_s >= stop_at_s && !stop) {
        stop = 1;
        sent_at_stop = sent;
    }
}

static fm_run_options options;

static void begin(void)
{
    scratch_make();
    provider = answers;
    options = (fm_run_options){.progress = on_progress, .stop = &stop};
}

TestSuite(asking, .init = begin, .fini = scratch_remove);

static fm_journal *open_journal(bool writable, fm_journal_report *report)
{
    fm_journal *journal = NULL;

    cr_assert(eq(int,
                 fm_journal_open(&journal, scratch_path("replies.jsonl"), writable, report, NULL),
                 FM_OK));
    return journal;
}

/* One session: what `fathom run` does between opening and closing the journal. */
static fm_status ask(fm_err *err)
{
    static const fm_task task = {.name = "task", .kind = FM_ANSWER_TRACE3D};
    fm_journal_report report;
    fm_journal *journal = open_journal(true, &report);
    fm_adapter *adapter = fm_adapter_of(&fake, NULL);
    fm_run_progress progress = {
        .total = (size_t)n_samples, .done = report.settled, .resumed = report.settled};
    fm_asking asking = {.options = &options,
                        .task = &task,
                        .prompt = "do {task}",
                        .adapter = adapter,
                        .journal = journal,
                        .next = next_sample,
                        .clock = &test_clock};

    *err = (fm_err){0};
    drawn = 0;
    shown_s = now_s;
    fm_status st = fm_asking_execute(&asking, &progress, err);
    size_t sum = 0;
    for (int i = 0; i < 4; i++)
        sum += progress.by_outcome[i];
    cr_assert(eq(sz, sum + progress.resumed, progress.done)); /* statuses sum to what is done */
    cr_assert(eq(sz, n_under_way, 0), "something is left under way");
    cr_assert(eq(int, idle_polls, 0), "waited for nothing, without waiting");
    cr_assert(longest_silence_s <= 0.11, "%g", longest_silence_s);
    fm_adapter_close(adapter);
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    return st;
}

static void ask_ok(void)
{
    fm_err err;

    cr_assert(eq(int, ask(&err), FM_OK), "%s", err.text);
}

static fm_journal_report report_of(void)
{
    fm_journal_report report;

    cr_assert(eq(int, fm_journal_close(open_journal(false, &report), NULL), FM_OK));
    return report;
}

/* Every sample has its own reply; there are as many records as replies were under way. */
static void check_complete(void)
{
    fm_journal *journal = open_journal(false, NULL);
    fm_arena arena = {0};

    for (int i = 0; i < n_samples; i++) {
        char id[16], text[32];
        fm_reply reply;
        bool found;

        snprintf(id, sizeof(id), "%d", i);
        snprintf(text, sizeof(text), "reply to %d", i);
        cr_assert(eq(int, fm_journal_find(journal, id, &arena, &reply, &found, NULL), FM_OK));
        cr_assert(found, "sample %d", i);
        cr_assert(eq(str, (char *)reply.text, text));
    }
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    cr_assert(eq(sz, report_of().records, (size_t)(sent - lost)));
    fm_arena_release(&arena);
}

Test(asking, every_sample_gets_its_own_reply_in_whatever_order_they_come)
{
    ask_ok();
    check_complete();
    cr_assert(eq(int, sent, 100));
    cr_assert(most_under_way > 8 && most_under_way <= 64, "%zu", most_under_way);
    cr_assert(eq(sz, last.done, 100));
    cr_assert(eq(sz, last.in_flight, 0));
}

Test(asking, no_more_are_under_way_than_the_cap)
{
    options.pace.cap = 5;
    ask_ok();
    check_complete();
    cr_assert(eq(sz, most_under_way, 5));
}

static fm_reply fails_twice(int sample, int attempt, double *delay_s)
{
    if (attempt <= 2 && sample % 3 == 0)
        return failure(FM_RETRY_TRANSIENT, 503, "overloaded");
    return answers(sample, attempt, delay_s);
}

Test(asking, what_failed_for_now_is_asked_again)
{
    provider = fails_twice;
    ask_ok();
    check_complete();
    cr_assert(eq(int, sent, 100 + 2 * 34));
    cr_assert(eq(sz, last.by_outcome[FM_OUTCOME_SCORED], 100));
}

static fm_reply always_fails_for_seven(int sample, int attempt, double *delay_s)
{
    return sample == 7 ? failure(FM_RETRY_TRANSIENT, 500, "no") : answers(sample, attempt, delay_s);
}

Test(asking, attempts_are_bounded_and_the_rest_goes_on)
{
    provider = always_fails_for_seven;
    options.pace.attempts = 4;
    ask_ok();
    cr_assert(eq(int, asked[7], 4));
    cr_assert(eq(sz, last.by_outcome[FM_OUTCOME_ERRORED], 1));
    cr_assert(eq(sz, report_of().settled, 99));
    provider = answers; /* the next start asks it again, and nothing else */
    ask_ok();
    cr_assert(eq(int, asked[7], 5));
    cr_assert(eq(int, sent, 104));
    check_complete();
}

static fm_reply takes_ten(int sample, int attempt, double *delay_s)
{
    return n_under_way > 10 ? failure(FM_RETRY_THROTTLED, 429, "slow down")
                            : answers(sample, attempt, delay_s);
}

Test(asking, a_provider_that_throttles_is_asked_at_the_rate_it_takes)
{
    provider = takes_ten;
    n_samples = MOST;
    ask_ok();
    check_complete();
    cr_assert(sent < MOST + MOST / 4, "%d", sent); /* few were in vain */
}

static fm_reply ends_after_fifty(int sample, int attempt, double *delay_s)
{
    fm_reply quota = failure(FM_RETRY_EXHAUSTED, 429, "the daily quota is used up");

    quota.status = FM_SAMPLE_QUOTA;
    return sent > 50 ? quota : answers(sample, attempt, delay_s);
}

Test(asking, an_exhausted_quota_ends_it_and_the_next_start_goes_on)
{
    fm_err err;

    provider = ends_after_fifty;
    cr_assert(eq(int, ask(&err), FM_E_INCOMPLETE));
    cr_assert(strstr(err.text, "the daily quota is used up") != NULL, "%s", err.text);
    cr_assert(eq(int, abandoned, 0)); /* what was under way is paid for */
    cr_assert(eq(sz, report_of().settled, 50));
    provider = answers;
    ask_ok();
    check_complete();
}

static fm_reply wishes_for_an_hour(int sample, int attempt, double *delay_s)
{
    fm_reply reply = failure(FM_RETRY_THROTTLED, 429, "come back later");

    (void)sample, (void)attempt, (void)delay_s;
    reply.retry_after_s = 3600;
    return reply;
}

Test(asking, a_pause_that_is_too_long_ends_it)
{
    fm_err err;

    provider = wishes_for_an_hour;
    cr_assert(eq(int, ask(&err), FM_E_INCOMPLETE));
    cr_assert(strstr(err.text, "come back later") != NULL, "%s", err.text);
    cr_assert(eq(int, sent, 8));
    fm_buf text = {0};
    cr_assert(fm_file_read(scratch_path("replies.jsonl"), 1 << 20, &text, NULL) == FM_OK);
    cr_assert(strstr(fm_buf_text(&text), "\"status\": \"quota\"") != NULL);
    fm_buf_release(&text);
}

static fm_reply refuses_the_key(int sample, int attempt, double *delay_s)
{
    if (sample == 0)
        return failure(FM_RETRY_HOPELESS, 401, "the key is not valid");
    fm_reply reply = answers(sample, attempt, delay_s);
    *delay_s = 5;
    return reply;
}

Test(asking, a_refused_key_ends_it_at_once_in_the_providers_words)
{
    fm_err err;

    provider = refuses_the_key;
    cr_assert(eq(int, ask(&err), FM_E_USAGE));
    cr_assert(strstr(err.text, "the key is not valid") != NULL, "%s", err.text);
    cr_assert(eq(int, sent, 8));
    cr_assert(eq(int, abandoned, 7));
}

static fm_reply refuses_one_picture(int sample, int attempt, double *delay_s)
{
    return sample == 50 ? failure(FM_RETRY_HOPELESS, 403, "not this one")
                        : answers(sample, attempt, delay_s);
}

Test(asking, where_others_were_answered_it_is_that_sample_alone)
{
    provider = refuses_one_picture;
    ask_ok();
    cr_assert(eq(int, sent, 100));
    cr_assert(eq(sz, last.by_outcome[FM_OUTCOME_ERRORED], 1));
}

static fm_reply revokes_the_key(int sample, int attempt, double *delay_s)
{
    return sample >= 50 ? failure(FM_RETRY_HOPELESS, 401, "the key was revoked")
                        : answers(sample, attempt, delay_s);
}

Test(asking, a_key_that_is_revoked_on_the_way_ends_it)
{
    fm_err err;

    provider = revokes_the_key;
    cr_assert(eq(int, ask(&err), FM_E_INCOMPLETE));
    cr_assert(strstr(err.text, "the key was revoked") != NULL, "%s", err.text);
    cr_assert(lt(int, sent, 100));
    cr_assert(eq(sz, report_of().settled, 50));
}

static fm_reply is_not_there(int sample, int attempt, double *delay_s)
{
    (void)sample, (void)attempt, (void)delay_s;
    return failure(FM_RETRY_TRANSIENT, 0, "cannot connect to 'localhost'");
}

Test(asking, a_server_that_is_not_there_is_not_asked_for_every_sample)
{
    fm_err err;

    provider = is_not_there;
    cr_assert(eq(int, ask(&err), FM_E_USAGE));
    cr_assert(strstr(err.text, "cannot connect to 'localhost'") != NULL, "%s", err.text);
    cr_assert(sent <= 8 * 6, "%d", sent);
    for (int i = 0; i < n_samples; i++)
        cr_assert(asked[i] <= 6);
    cr_assert(now_s > 1, "%g", now_s); /* it might have been starting */
}

static fm_reply hangs_at_three(int sample, int attempt, double *delay_s)
{
    fm_reply reply = answers(sample, attempt, delay_s);

    if (sample == 3)
        *delay_s = 1e9;
    return reply;
}

Test(asking, a_sample_that_takes_too_long_is_abandoned)
{
    fm_arena arena = {0};
    fm_reply reply;
    bool found;

    provider = hangs_at_three;
    options.pace.sample_timeout_s = 5;
    ask_ok();
    cr_assert(eq(int, abandoned, 1));
    cr_assert(now_s >= 5 && now_s < 5.2, "%g", now_s);
    fm_journal *journal = open_journal(false, NULL);
    cr_assert(eq(int, fm_journal_find(journal, "3", &arena, &reply, &found, NULL), FM_OK));
    cr_assert(eq(int, reply.status, FM_SAMPLE_TIMEOUT));
    cr_assert(eq(sz, report_of().settled, 99));
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    fm_arena_release(&arena);
}

static fm_reply fails_every_tenth(int sample, int attempt, double *delay_s)
{
    return sample % 10 == 9 ? failure(FM_RETRY_NEVER, 400, "bad picture")
                            : answers(sample, attempt, delay_s);
}

Test(asking, an_error_budget_is_kept)
{
    static const struct {
        fm_error_budget budget;
        fm_status ends;
    } cases[] = {
        {{FM_ERRORS_ANY, 0}, FM_OK},     {{FM_ERRORS_COUNT, 2}, FM_E_INCOMPLETE},
        {{FM_ERRORS_COUNT, 10}, FM_OK},  {{FM_ERRORS_SHARE, 0.05}, FM_E_INCOMPLETE},
        {{FM_ERRORS_SHARE, 0.1}, FM_OK},
    };

    provider = fails_every_tenth;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fm_err err;

        remove(scratch_path("replies.jsonl"));
        options.max_errors = cases[i].budget;
        cr_assert(eq(int, ask(&err), cases[i].ends), "case %zu: %s", i, err.text);
        if (cases[i].ends == FM_OK)
            continue;
        cr_assert(strstr(err.text, "bad picture") != NULL, "%s", err.text);
        cr_assert(last.done < 100);
    }
}

static fm_reply costs_a_tenth(int sample, int attempt, double *delay_s)
{
    fm_reply reply = answers(sample, attempt, delay_s);

    reply.usage = (fm_usage){true, 50000, 20000, 5000, 10000};
    return reply; /* 40,000 at 1, 10,000 at 1, 25,000 at 2: a tenth */
}

Test(asking, a_cost_cap_is_not_passed_and_a_higher_one_goes_on)
{
    fm_err err;

    provider = costs_a_tenth;
    options.prices = (fm_prices){.input = 1, .output = 2};
    options.max_cost = 2.05;
    cr_assert(eq(int, ask(&err), FM_E_INCOMPLETE));
    cr_assert(strstr(err.text, "cost cap of 2.05") != NULL, "%s", err.text);
    cr_assert(epsilon_eq(dbl, last.cost, 2, 1e-9));
    options.max_cost = 10.05; /* of the whole run, what is spent already included */
    ask_ok();
    check_complete();
    cr_assert(epsilon_eq(dbl, last.cost, 10, 1e-9));
}

Test(asking, a_cap_on_a_cost_that_nobody_states_is_refused)
{
    fm_err err;

    options.prices = (fm_prices){.input = 1, .output = 2};
    options.max_cost = 5;
    cr_assert(eq(int, ask(&err), FM_E_USAGE));
    cr_assert(strstr(err.text, "state no tokens") != NULL, "%s", err.text);
}

Test(asking, an_interruption_sends_nothing_more_and_keeps_what_comes)
{
    fm_err err;

    provider = fails_twice;
    stop_at_s = 0.05;
    cr_assert(eq(int, ask(&err), FM_E_INTERRUPTED));
    cr_assert(sent_at_stop > 0 && sent == sent_at_stop, "%d, %d", sent, sent_at_stop);
    cr_assert(eq(int, abandoned, 0));
    cr_assert(eq(sz, report_of().records, (size_t)sent));
    stop = 0;
    stop_at_s = INFINITY;
    ask_ok();
    check_complete();
    for (int i = 0; i < n_samples; i++)
        cr_assert(eq(int, asked[i], i % 3 == 0 ? 3 : 1), "sample %d", i);
}

Test(asking, a_wire_that_breaks_keeps_what_was_journalled)
{
    fm_err err;

    poll_fails = true;
    cr_assert(eq(int, ask(&err), FM_E_IO));
    poll_fails = false;
    lost = abandoned;
    ask_ok();
    check_complete();
}

static fm_reply empty_at_first(int sample, int attempt, double *delay_s)
{
    fm_reply reply = answers(sample, attempt, delay_s);

    if (attempt == 1 || sample == 5)
        reply =
            (fm_reply){.status = FM_SAMPLE_EMPTY, .retry = FM_RETRY_TRANSIENT, .http_status = 200};
    return reply;
}

Test(asking, an_empty_reply_is_asked_again_once)
{
    provider = empty_at_first;
    ask_ok();
    cr_assert(eq(int, sent, 200));
    cr_assert(eq(sz, last.by_outcome[FM_OUTCOME_UNPARSED], 1));
    cr_assert(eq(int, asked[5], 2));
}

static fm_reply is_endless(int sample, int attempt, double *delay_s)
{
    static char *text;
    fm_reply reply = answers(sample, attempt, delay_s);

    if (sample != 4)
        return reply;
    text = text ? text : calloc(1, FM_JOURNAL_REPLY_BYTES + 1);
    reply.text = text;
    reply.size = FM_JOURNAL_REPLY_BYTES + 1;
    return reply;
}

Test(asking, a_reply_without_end_is_no_answer)
{
    provider = is_endless;
    ask_ok();
    cr_assert(eq(sz, last.by_outcome[FM_OUTCOME_ERRORED], 1));
    cr_assert(eq(sz, report_of().settled, 99));
}

Test(asking, a_budget_a_minute_sets_the_rate)
{
    options.pace.requests_per_minute = 600;
    ask_ok();
    check_complete();
    cr_assert(now_s > 6.9 && now_s < 7.3, "%g", now_s); /* 30 at once, then ten a second */
}

/* The truth has no place in a request: whatever it is, the request is the same. */
Test(asking, a_request_is_the_same_whatever_the_truth)
{
    static const fm_task task = {.name = "task", .kind = FM_ANSWER_TRACE3D};
    fm_sample bare = {.id = "7",
                      .instruction = "move it",
                      .image_path = "/data/7.png",
                      .depth_path = "/data/7.exr",
                      .has_camera = true};
    fm_sample full = bare;
    fm_buf a = {0}, b = {0};

    memset(&full.truth, 0x5a, sizeof(full.truth));
    full.mask_path = "/data/7-mask.png";
    full.steps = 3;
    fm_request of_bare =
        fm_asking_request(&task, &(fm_selected){.sample = &bare, .repeat = 2}, "prompt");
    fm_request of_full =
        fm_asking_request(&task, &(fm_selected){.sample = &full, .repeat = 2}, "prompt");
    cr_assert(of_bare.camera == &bare.camera && of_full.camera == &full.camera);
    cr_assert(of_bare.id == of_full.id && of_bare.task == of_full.task);
    cr_assert(of_bare.prompt == of_full.prompt && of_bare.image_path == of_full.image_path);
    cr_assert(of_bare.depth_path == of_full.depth_path);
    cr_assert(of_bare.kind == of_full.kind && of_bare.repeat == of_full.repeat);
    cr_assert(eq(int, fm_prompt_fill("{task} {x}", &bare, &a, NULL), FM_OK));
    cr_assert(eq(int, fm_prompt_fill("{task} {x}", &full, &b, NULL), FM_OK));
    cr_assert(eq(str, a.data, "move it {x}"));
    cr_assert(eq(str, a.data, b.data));
    fm_buf_release(&a);
    fm_buf_release(&b);
}

Test(asking, options_stand_in_the_prompt_a_line_each)
{
    const char *sides[] = {"left {task}", "right"};
    fm_sample sample = {.id = "7",
                        .instruction = "which side?",
                        .kind = FM_ANSWER_CHOICE,
                        .truth.choice = {.options = sides, .n = 2}};
    fm_buf text = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_prompt_fill("{task}\n{options}\nLetter:", &sample, &text, NULL), FM_OK));
    cr_assert(eq(str, text.data, "which side?\n(A) left {task}\n(B) right\nLetter:"));
    sample.kind = FM_ANSWER_YESNO;
    cr_assert(eq(int, fm_prompt_fill("{options}", &sample, &text, &err), FM_E_INPUT));
    cr_assert(eq(str, err.text, "sample '7' has no text for {options} in the prompt"));
    fm_buf_release(&text);
}
