/* Whole runs of the remote adapters against a provider on loopback: what a dry run says, what is
 * accounted, what the cache answers, and what a cassette gives back. */
#include "remote_fixture.h"

#include <ftw.h>
#include <math.h>

#include "../support/scratch.h"
#include "../support/tabletop.h"
#include "../support/test_catalog.h"
#include "base/files.h"
#include "core/run.h"
#include "mock/server.h"

#define CANARY "canary-0123456789abcdef"

enum { SAMPLES = 4 };

static fm_mock *mock;
static char url[64], data_dir[512];

static void start_mock(const fm_mock_config *config)
{
    fm_err err = {0};

    cr_assert(eq(int, fm_mock_start(&mock, config, &err), FM_OK), "%s", err.text);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", fm_mock_port(mock));
}

static void begin(void)
{
    fm_err err = {0};

    forget_environment();
    unsetenv("http_proxy");
    scratch_make();
    snprintf(data_dir, sizeof(data_dir), "%s", scratch_path("data"));
    cr_assert(eq(int, tabletop_write(48, 32, SAMPLES, data_dir, &err), FM_OK), "%s", err.text);
}

static void end(void)
{
    fm_mock_stop(mock);
    scratch_remove();
}

TestSuite(remote_runs, .init = begin, .fini = end);

static const fm_catalog *catalog(void)
{
    static const fm_adapter_ops *const adapters[] = {&fm_adapter_gemini, &fm_adapter_openai,
                                                     &fm_adapter_anthropic,
                                                     &fm_adapter_robotracer_http, NULL};
    static fm_catalog made;

    made = *test_catalog();
    made.adapters = adapters;
    return &made;
}

/* Of the adapter, in the folder `out`. */
static fm_run_options options_for(const char *adapter, const char *out)
{
    static fm_setting settings[3];
    bool chats = strcmp(adapter, "robotracer-http") != 0;

    settings[0] = (fm_setting){"base_url", url};
    settings[1] = chats ? (fm_setting){"model", "m"} : (fm_setting){"form", "base64"};
    settings[2] = (fm_setting){"key_env", "FM_TEST_KEY"};
    setenv("FM_TEST_KEY", CANARY, 1);
    return (fm_run_options){.target = "tabletop-3d@paper",
                            .data_dir = data_dir,
                            .out_dir = out,
                            .adapter = adapter,
                            .settings = settings,
                            .n_settings = 3,
                            .jobs = 1};
}

static void execute(const fm_run_options *options)
{
    fm_err err = {0};

    cr_assert(eq(int, fm_run_execute(catalog(), options, &err), FM_OK), "%s: %s", options->adapter,
              err.text);
}

static uint64_t requests(void)
{
    fm_mock_counts counts;

    fm_mock_counts_read(mock, &counts);
    return counts.requests;
}

/* ---- dry runs, the cache, the account ---- */

static cJSON *usage_of(const char *out)
{
    char path[640];
    fm_buf bytes = {0};
    cJSON *tree = NULL;

    snprintf(path, sizeof(path), "%s/usage.json", out);
    cr_assert(eq(int, fm_file_read(path, 1 << 20, &bytes, NULL), FM_OK), "%s", path);
    cr_assert(eq(int, fm_json_parse(bytes.data, bytes.size, path, &tree, NULL), FM_OK));
    fm_buf_release(&bytes);
    return tree;
}

static double number(const cJSON *object, const char *key)
{
    return fm_json_number(object, key, NAN);
}

static fm_run_estimate estimate(const fm_run_options *options)
{
    fm_run_estimate out = {0};
    fm_err err = {0};
    uint64_t before = requests();

    cr_assert(eq(int, fm_run_dry(catalog(), options, &out, &err), FM_OK), "%s", err.text);
    cr_assert(eq(u64, requests(), before), "a dry run sends nothing");
    return out;
}

Test(remote_runs, a_dry_run_counts_and_leaves_nothing_behind)
{
    static const char *const names[] = {"gemini", "openai", "anthropic", "robotracer-http"};
    char out[512], kept[640];

    start_mock(&(fm_mock_config){0});
    for (size_t i = 0; i < 4; i++) {
        snprintf(out, sizeof(out), "%s", scratch_path(names[i]));
        fm_run_options options = options_for(names[i], out);
        options.prices = (fm_prices){.input = 2, .output = 8};
        fm_run_estimate made = estimate(&options);

        cr_expect(eq(sz, made.samples, SAMPLES));
        cr_expect(eq(sz, made.requests, SAMPLES));
        cr_expect(made.settled == 0 && made.cached == 0 && made.known);
        cr_expect(made.request_bytes > 1000 && made.input_tokens > 100, "%s", names[i]);
        cr_expect(made.cost_low > 0 && made.cost_high >= made.cost_low, "%s", names[i]);
        cr_expect(fm_dir_exists(out) == false, "%s", names[i]);

        execute(&options);
        made = estimate(&options);
        cr_expect(eq(sz, made.settled, SAMPLES));
        cr_expect(eq(sz, made.requests, 0));
        snprintf(kept, sizeof(kept), "%s/usage.json", out);
        cr_expect(fm_file_exists(kept));
    }
}

Test(remote_runs, the_cache_answers_and_the_account_says_so)
{
    static const char *const names[] = {"gemini", "openai", "anthropic", "robotracer-http"};
    char first[512], second[512];
    fm_cache *cache = NULL;

    start_mock(&(fm_mock_config){0});
    cr_assert(eq(int, fm_cache_open(&cache, scratch_path("cache"), NULL, NULL, NULL), FM_OK));
    for (size_t i = 0; i < 4; i++) {
        bool counts_tokens = strcmp(names[i], "robotracer-http") != 0;

        snprintf(first, sizeof(first), "%s", scratch_path("first"));
        snprintf(first + strlen(first), 16, "%zu", i);
        snprintf(second, sizeof(second), "%s", scratch_path("second"));
        snprintf(second + strlen(second), 16, "%zu", i);
        fm_run_options options = options_for(names[i], first);
        options.prices = (fm_prices){.input = 2, .output = 8};
        options.cache = cache;
        /* RoboTracer's servers draw, as far as anybody knows. */
        options.cache_sampled = true;
        execute(&options);
        cJSON *usage = usage_of(first);
        cr_expect(number(usage, "attempts") == SAMPLES && number(usage, "cached") == 0);
        if (counts_tokens)
            cr_expect(number(usage, "cost_usd") > 0, "%s", names[i]);
        cJSON_Delete(usage);

        uint64_t sent = requests();
        options.out_dir = second;
        fm_run_estimate made = estimate(&options);
        cr_expect(made.cached == SAMPLES && made.requests == 0, "%s", names[i]);
        execute(&options);
        cr_expect(eq(u64, requests(), sent), "%s", names[i]);
        usage = usage_of(second);
        cr_expect(number(usage, "attempts") == SAMPLES && number(usage, "cached") == SAMPLES);
        cr_expect(number(usage, "cost_usd") == 0, "%s", names[i]);
        cr_expect(number(fm_json_get(usage, "tokens"), "input") == 0);
        cJSON_Delete(usage);
    }
    fm_cache_close(cache);
}

/* ---- cassettes ---- */

static void expect_same(const char *a, const char *b, const char *name)
{
    const char *const folders[] = {a, b};
    fm_buf bytes[2] = {0};
    char path[640];

    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", folders[i], name);
        cr_assert(eq(int, fm_file_read(path, 1 << 20, &bytes[i], NULL), FM_OK), "%s", path);
    }
    cr_expect(eq(str, bytes[0].data, bytes[1].data), "%s", name);
    fm_buf_release(&bytes[0]);
    fm_buf_release(&bytes[1]);
}

static int look_for_key(const char *path, const struct stat *info, int type, struct FTW *where)
{
    fm_buf bytes = {0};

    (void)info, (void)where;
    if (type != FTW_F)
        return 0;
    cr_assert(eq(int, fm_file_read(path, 1 << 24, &bytes, NULL), FM_OK), "%s", path);
    cr_expect(bytes.size == 0 || !memmem(bytes.data, bytes.size, CANARY, strlen(CANARY)), "%s",
              path);
    fm_buf_release(&bytes);
    return 0;
}

/* Recorded through faults, then played with nobody there. */
static void record_and_replay(const char *adapter)
{
    fm_mock_config config = {.require_key = CANARY, .retry_after_s = 0.02, .seed = 3};
    char first[512], second[512], tape[512];
    fm_mock_counts counts;

    config.rates[FM_MOCK_429_AFTER] = 0.5;
    config.rates[FM_MOCK_RESET] = 0.1;
    start_mock(&config);
    snprintf(first, sizeof(first), "%s", scratch_path("first"));
    snprintf(second, sizeof(second), "%s", scratch_path("second"));
    snprintf(tape, sizeof(tape), "%s", scratch_path("tape.jsonl"));
    fm_run_options options = options_for(adapter, first);
    options.pace.attempts = 30;
    options.record_path = tape;
    execute(&options);
    fm_mock_counts_read(mock, &counts);
    cr_expect(counts.requests > SAMPLES, "no fault was met");
    cr_expect(eq(u64, counts.replies_ok, SAMPLES));
    fm_mock_stop(mock);
    mock = NULL;

    options.out_dir = second;
    options.record_path = NULL;
    options.replay_path = tape;
    execute(&options);
    expect_same(first, second, "samples.jsonl");
    expect_same(first, second, "results.json");
    (void)nftw(scratch_dir, look_for_key, 16, FTW_PHYS);
}

Test(remote_runs, a_cassette_of_gemini_gives_what_was_recorded)
{
    record_and_replay("gemini");
}

Test(remote_runs, a_cassette_of_openai_gives_what_was_recorded)
{
    record_and_replay("openai");
}

Test(remote_runs, a_cassette_of_anthropic_gives_what_was_recorded)
{
    record_and_replay("anthropic");
}

Test(remote_runs, a_cassette_of_robotracer_gives_what_was_recorded)
{
    record_and_replay("robotracer-http");
}
