/* Asking under load, for the sanitizers: every remote adapter over real connections to the mock in
 * this process, 64 in flight, through throttling, faults of every kind and replies that never come.
 * Time passes faster than on the wall, so that the pauses between attempts cost nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "adapters/adapters.h"
#include "base/clock.h"
#include "base/size.h"
#include "core/asking.h"
#include "mock/server.h"

enum { N = 1000, IN_FLIGHT = 64 };

static const double haste = 40; /* seconds of the run in one of the wall */
static const char answer[] = "[(256, 192, 1.0)]";

static void must(bool holds, const char *what, const char *detail)
{
    if (holds)
        return;
    fprintf(stderr, "stress: %s: %s\n", what, detail);
    exit(1);
}

static double read_now(void *context)
{
    (void)context;
    return fm_clock_seconds() * haste;
}

static void pass_time(void *context, double seconds)
{
    double wall_s = seconds / haste;
    struct timespec t = {(time_t)wall_s, (long)((wall_s - (double)(time_t)wall_s) * 1e9)};

    (void)context;
    nanosleep(&t, NULL);
}

static const fm_asking_clock clock_in_haste = {.now_s = read_now, .sleep = pass_time};

typedef struct {
    const char *picture; /* RoboTracer's server would open it; the others are shown none */
    const fm_run_progress *progress;
    size_t drawn, most_open; /* drawn and not settled yet */
    fm_sample sample;
    char id[16];
} source;

static fm_status next_sample(void *context, fm_selected *out, bool *more, fm_err *err)
{
    source *s = context;

    (void)err;
    *more = s->drawn < N;
    snprintf(s->id, sizeof(s->id), "%zu", s->drawn++);
    if (s->drawn - s->progress->done > s->most_open)
        s->most_open = s->drawn - s->progress->done;
    s->sample = (fm_sample){.id = s->id, .instruction = s->id, .image_path = s->picture};
    *out = (fm_selected){.sample = &s->sample, .base_id = s->id, .repeat = 1};
    return FM_OK;
}

static fm_mock *start_provider(void)
{
    static const fm_mock_fault faults[] = {
        FM_MOCK_500,        FM_MOCK_503,           FM_MOCK_RESET,   FM_MOCK_TRUNCATED,
        FM_MOCK_EMPTY,      FM_MOCK_HTML,          FM_MOCK_NO_BODY, FM_MOCK_HTML_200,
        FM_MOCK_WRONG_TYPE, FM_MOCK_UNKNOWN_FINISH};
    fm_mock_config config = {.reply = answer,
                             .latency_s = 0.002,
                             .latency_jitter_s = 0.002,
                             .retry_after_s = 1,
                             .seed = 7};
    fm_mock *mock = NULL;
    fm_err err = {0};

    for (size_t i = 0; i < FM_COUNT_OF(faults); i++)
        config.rates[faults[i]] = 0.015;
    config.rates[FM_MOCK_429] = config.rates[FM_MOCK_429_AFTER] = 0.002;
    config.rates[FM_MOCK_HANG] = config.rates[FM_MOCK_SLOW] = 0.003;
    must(fm_mock_start(&mock, &config, &err) == FM_OK, "the mock", err.text);
    return mock;
}

/* Each sample has a record; those that count as answered hold the model's text and no other. Gives how
 * many there are, and how many ran out of time. */
static size_t check_records(const char *path, size_t *late)
{
    fm_journal *journal = NULL;
    fm_arena arena = {0};
    fm_journal_report report;
    size_t answered = 0;
    fm_err err = {0};

    must(fm_journal_open(&journal, path, false, &report, &err) == FM_OK, "the journal", err.text);
    must(report.ids == N && report.unreadable == 0 && !report.torn, "the journal", "not whole");
    for (int i = 0; i < N; i++) {
        char id[16];
        fm_reply reply;
        bool found = false;

        snprintf(id, sizeof(id), "%d", i);
        must(fm_journal_find(journal, id, &arena, &reply, &found, &err) == FM_OK && found,
             "no record of a sample", id);
        *late += reply.status == FM_SAMPLE_TIMEOUT;
        if (reply.status != FM_SAMPLE_OK)
            continue;
        must(reply.size == strlen(answer) && memcmp(reply.text, answer, reply.size) == 0,
             "a fault became an answer", id);
        answered++;
    }
    must(fm_journal_close(journal, &err) == FM_OK, "the journal", err.text);
    fm_arena_release(&arena);
    return answered;
}

static void ask_all(const fm_adapter_ops *ops, const char *path)
{
    static const fm_task task = {.name = "task", .kind = FM_ANSWER_TRACE3D};
    bool chats = ops != &fm_adapter_robotracer_http;
    fm_mock *mock = start_provider();
    char url[64];
    const fm_setting settings[] = {{"base_url", url}, {"model", "m"}};
    fm_adapter_config config = {.settings = settings, .n_settings = chats ? 2 : 1, .timeout_s = 5};
    fm_run_options options = {
        .pace = {.start = IN_FLIGHT, .cap = IN_FLIGHT, .attempts = 5, .sample_timeout_s = 60}};
    fm_run_progress progress = {.total = N};
    source samples = {.picture = chats ? NULL : "/a.png", .progress = &progress};
    fm_asking asking = {.options = &options,
                        .task = &task,
                        .prompt = "do {task}",
                        .next = next_sample,
                        .context = &samples,
                        .clock = &clock_in_haste};
    fm_mock_counts counts;
    size_t sum = 0, late = 0;
    fm_err err = {0};

    snprintf(url, sizeof(url), "http://127.0.0.1:%d", fm_mock_port(mock));
    must(fm_adapter_open(&asking.adapter, ops, &config, &err) == FM_OK, ops->name, err.text);
    must(fm_journal_open(&asking.journal, path, true, NULL, &err) == FM_OK, "journal", err.text);
    must(fm_asking_execute(&asking, &progress, &err) == FM_OK, ops->name, err.text);
    fm_adapter_close(asking.adapter);
    must(fm_journal_close(asking.journal, &err) == FM_OK, "journal", err.text);
    fm_mock_counts_read(mock, &counts);
    fm_mock_stop(mock);

    for (int i = 0; i < 4; i++)
        sum += progress.by_outcome[i];
    must(progress.done == N && sum == N, ops->name, "the outcomes do not add up");
    /* What the mock sees at once depends on how fast this machine writes; this does not. */
    must(samples.most_open >= IN_FLIGHT, ops->name, "few in flight");
    must(counts.by_fault[FM_MOCK_429] + counts.by_fault[FM_MOCK_429_AFTER] > 0, ops->name,
         "no throttling");
    must(progress.attempts > N, ops->name, "nothing was asked again");
    size_t answered = check_records(path, &late);
    must(answered > N / 2 && answered <= counts.replies_ok, ops->name, "answers were lost");
    must(late > 0, ops->name, "nothing was given up");
    unlink(path);
}

int main(void)
{
    static const fm_adapter_ops *const all[] = {&fm_adapter_openai, &fm_adapter_gemini,
                                                &fm_adapter_anthropic, &fm_adapter_robotracer_http};
    static const char *const variables[] = {"http_proxy", "all_proxy", "GOOGLE_API_KEY",
                                            "GEMINI_API_KEY"};
    char path[] = "/tmp/fathom-stress-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0 || close(fd) != 0)
        return 1;
    for (size_t i = 0; i < FM_COUNT_OF(variables); i++)
        unsetenv(variables[i]);
    for (size_t i = 0; i < FM_COUNT_OF(all); i++)
        ask_all(all[i], path);
    return 0;
}
