/* Runs against a provider on loopback (`fathom mock`): the options that say who is asked, how fast and
 * how often, what is kept, what is shown, and how it is stopped. */
#include "program.h"

#include <cjson/cJSON.h>
#include <sys/resource.h>

#include "base/json.h"

static pid_t mock_pid;
static char base_url[64];

static void nap(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&t, NULL);
}

static char *file_text(const char *path)
{
    static fm_buf text[4];
    static unsigned turn;
    fm_buf *buf = &text[turn++ % 4];

    fm_buf_clear(buf);
    cr_assert(eq(int, fm_file_read(path, (size_t)64 << 20, buf, NULL), FM_OK), "%s", path);
    return (char *)fm_buf_text(buf);
}

/* Its words end with NULL; "log" has what it was asked, a line each. */
static void mock_start(char *const *words)
{
    char *argv[16] = {getenv("FATHOM_BIN"), "mock", "--port-file", "port", "--log", "log"};

    for (size_t i = 0; words[i]; i++)
        argv[6 + i] = words[i];
    unlink("port");
    mock_pid = program_start(argv, "mock");
    for (int i = 0; i < 1000 && !fm_file_exists("port"); i++)
        nap(10);
    snprintf(base_url, sizeof(base_url), "base_url=http://127.0.0.1:%d/v1",
             atoi(file_text("port")));
}

static void mock_stop(void)
{
    if (mock_pid) {
        kill(mock_pid, SIGTERM);
        waitpid(mock_pid, NULL, 0);
    }
    mock_pid = 0;
}

static void remote_begin(void)
{
    program_begin();
    unsetenv("SLURM_ARRAY_TASK_ID");
    unsetenv("JOB_COMPLETION_INDEX");
    unsetenv("OPENAI_API_KEY");
    unsetenv("OPENAI_BASE_URL");
    fathom("world", "--count", "6", "--size", "64x48", "--out", "data");
    expect_success();
}

static void remote_end(void)
{
    mock_stop();
    program_end();
}

TestSuite(remote, .init = remote_begin, .fini = remote_end);

#define MOCK(...) mock_start((char *[]){__VA_ARGS__, NULL})
#define QUIET     "--latency", "0"
#define WHO       "-a", "openai", "-M", "vendor/model", "-s", base_url
#define RUN(...)  "run", "tabletop", "--data", "data", WHO, __VA_ARGS__

static size_t asked(void)
{
    return fm_file_exists("log") ? count_lines(file_text("log")) : 0;
}

static size_t journal_lines(const char *path)
{
    return fm_file_exists(path) ? count_lines(file_text(path)) : 0;
}

static void wait_for(size_t n, size_t (*count)(void))
{
    for (int i = 0; i < 1000 && count() < n; i++)
        nap(10);
    cr_assert(ge(sz, count(), n));
}

static size_t replies(void)
{
    return journal_lines("run/replies.jsonl");
}

/* ---- who is asked ---- */

Test(remote, the_folder_of_a_run_names_the_model)
{
    MOCK(QUIET);
    fathom(RUN("--limit", "1"));
    expect_success();
    cr_expect(fm_file_exists("runs/tabletop-3d-paper-openai-vendor-model/results.json"));
}

Test(remote, a_file_states_the_adapter_and_options_win_over_it)
{
    char text[256];

    MOCK(QUIET);
    snprintf(text, sizeof(text),
             "adapter: openai\nmodel: first\nbase_url: %s\ntemperature: 0\n"
             "limits: {concurrency: 2, start: 2}\n",
             base_url + strlen("base_url="));
    scratch_write("model.yaml", text, strlen(text));
    fathom("run", "tabletop", "--data", "data", "-c", "model.yaml", "-n", "1", "-o", "a");
    expect_success();
    fathom("run", "tabletop", "--data", "data", "-c", "model.yaml", "-n", "1", "-o", "b", "-M",
           "second", "--concurrency", "1");
    expect_success();
    char *log = file_text("log");
    cr_expect(contains(log, "\"first\"") || contains(log, "\\\"first\\\""), "%s", log);
    cr_expect(contains(log, "\"second\"") || contains(log, "\\\"second\\\""), "%s", log);
    scratch_write("nobody.yaml", "model: first\n", 13);
    fathom("run", "tabletop", "-c", "nobody.yaml");
    expect_failure(2, "fathom: 'nobody.yaml' names no adapter; add a line 'adapter: NAME'\n"
                      "try 'fathom help run'\n");
}

Test(remote, wrong_words_cost_nothing)
{
    static const struct {
        char *words[6];
        char *message;
    } rows[] = {
        {{"--max-errors", "many"},
         "option '--max-errors' wants a number of samples or a share like 5%, not 'many'"},
        {{"--max-errors", "101%"},
         "option '--max-errors' wants a number of samples or a share like 5%, not '101%'"},
        {{"--max-cost", "0"}, "option '--max-cost' wants a number over 0, not '0'"},
        {{"--max-cost", "1"},
         "option '--max-cost' needs prices: 'price' in the adapter's file, or --set price_input=X "
         "--set price_output=X (for a million tokens)"},
        {{"-s", "price_input=cheap"},
         "setting 'price_input' wants money for a million tokens, not 'cheap'"},
        {{"--concurrency", "0"},
         "option '--concurrency' wants a whole number from 1 to 4096, not '0'"},
        {{"--concurrency", "4", "--concurrency-start", "8"},
         "cannot start with 8 requests in flight, at most are 4"},
        {{"--requests-per-minute", "-3"},
         "option '--requests-per-minute' wants a number over 0, not '-3'"},
        {{"--repeat", "0"}, "option '--repeat' wants a whole number from 1 to 10000, not '0'"},
        {{"--shard", "1/2", "--no-shard"}, "options '--shard' and '--no-shard' exclude each other"},
        {{"--record", "a", "--replay", "b"},
         "options '--record' and '--replay' exclude each other"},
        {{"--attempts", "101"},
         "option '--attempts' wants a whole number from 1 to 100, not '101'"},
        {{"-s", "model=other"}, "setting 'model' is given twice"},
        {{"-s", "temprature=0"},
         "adapter 'openai' has no setting 'temprature'; did you mean 'temperature'?"},
    };
    char expected[512];

    snprintf(base_url, sizeof(base_url), "base_url=http://127.0.0.1:1/v1");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *argv[24] = {getenv("FATHOM_BIN"), RUN("-o", "run")};
        size_t n = 0;

        while (argv[n])
            n++;
        memcpy(argv + n, rows[i].words, sizeof(rows[i].words));
        program_wait(program_start(argv, "stdout"));
        snprintf(expected, sizeof(expected), "fathom: %s\ntry 'fathom help run'\n",
                 rows[i].message);
        expect_failure(2, expected);
    }
    cr_expect(fm_dir_exists("run") == false);
    fathom("run", "tabletop", "--data", "data", "-a", "centre", "--record", "c.jsonl");
    expect_failure(2, "fathom: option '--record' is for adapters that speak HTTP, which 'centre' "
                      "does not\ntry 'fathom help run'\n");
}

Test(remote, what_may_not_be_kept_reaches_no_file)
{
    static const struct {
        char *setting, *message;
    } rows[] = {
        {"base_url=http://me:CANARY@127.0.0.1:1/v1",
         "the address in setting 'base_url' holds a user or a password: keys are given in the "
         "environment"},
        {"base_url=http://127.0.0.1:1/v1?key=CANARY",
         "setting 'base_url' may hold no key and no '#'; keys come from the environment"},
        {"key_env=sk-CANARY",
         "setting 'key_env' wants the name of a variable that holds the key, not a key"},
    };
    char expected[256];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fathom("run", "tabletop", "--data", "data", "-a", "openai", "-M", "m", "-s",
               rows[i].setting, "-o", "run");
        snprintf(expected, sizeof(expected), "fathom: %s\ntry 'fathom help run'\n",
                 rows[i].message);
        expect_failure(2, expected);
        cr_expect(fm_dir_exists("run") == false, "%s", rows[i].setting);
    }
    setenv("OPENAI_BASE_URL", "http://me:CANARY@127.0.0.1:1/v1", 1);
    fathom("run", "tabletop", "--data", "data", "-a", "openai", "-M", "m", "-o", "run");
    cr_expect(eq(int, last.code, 2));
    cr_expect(fm_dir_exists("run") == false);
}

/* ---- which samples ---- */

Test(remote, a_filter_that_nothing_fits_is_no_success)
{
    MOCK(QUIET);
    fathom(RUN("-o", "run"));
    expect_success();
    fathom(RUN("-o", "run", "--filter", "category=nosuch"));
    expect_failure(2, "fathom: no sample of 'tabletop-3d' fits the filter\n"
                      "try 'fathom help run'\n");
    cr_expect(fm_file_exists("run/results.json")); /* what was there stays */
    fathom(RUN("--dry-run", "--filter", "id=0", "--filter", "id=1"));
    expect_failure(2, "fathom: no sample of 'tabletop-3d' fits all filters\n"
                      "try 'fathom help run'\n");
    fathom(RUN("-o", "part", "--filter", "id=0", "--shard", "0/2"));
    expect_success();
    fathom(RUN("-o", "part", "--filter", "id=0", "--shard", "1/2"));
    expect_success(); /* one of them has nothing to do */
}

Test(remote, a_shard_has_a_folder_of_its_own_and_is_read_from_the_job)
{
    MOCK(QUIET);
    fathom(RUN("--shard", "1/2"));
    expect_success();
    cr_expect(fm_dir_exists("runs/tabletop-3d-paper-openai-vendor-model/shard-1-of-2"));
    setenv("SLURM_ARRAY_TASK_ID", "0", 1);
    setenv("SLURM_ARRAY_TASK_COUNT", "2", 1);
    setenv("SLURM_ARRAY_TASK_MIN", "0", 1);
    fathom(RUN("-o", "run"));
    expect_success();
    cr_expect(contains(ERR, "fathom: shard 0 of 2, as "), "%s", ERR);
    cr_expect(contains(ERR, " says (--no-shard runs all samples)\n"), "%s", ERR);
    cr_expect(eq(sz,
                 journal_lines("run/shard-0-of-2/replies.jsonl") +
                     journal_lines("runs/tabletop-3d-paper-openai-vendor-model/shard-1-of-2/"
                                   "replies.jsonl"),
                 6));
    fathom(RUN("-o", "all", "--no-shard"));
    expect_success();
    cr_expect(eq(str, ERR, ""));
    cr_expect(eq(sz, journal_lines("all/replies.jsonl"), 6));
}

/* ---- what it would take, what it took ---- */

Test(remote, a_dry_run_tells_and_sends_nothing)
{
    cJSON *tree = NULL;

    MOCK(QUIET);
    fathom(RUN("-o", "run", "--dry-run"));
    expect_success();
    cr_expect(contains(OUT, "tabletop-3d@paper, openai vendor/model: nothing was sent or written\n"
                            "  samples             6\n  requests            6\n"),
              "%s", OUT);
    cr_expect(contains(OUT, "  cost                not known: no prices are set\n"), "%s", OUT);
    fathom(RUN("-o", "run", "--dry-run", "--json", "-s", "price_input=1000", "-s",
               "price_output=1000", "-s", "max_output_tokens=100"));
    expect_success();
    cr_assert(eq(int, fm_json_parse(OUT, last.out.size, "stdout", &tree, NULL), FM_OK));
    cr_expect(eq(str, (char *)fm_json_string(tree, "schema"), "fathom.estimate/1"));
    cr_expect(eq(dbl, fm_json_number(tree, "output_tokens", 0), 600.0));
    double low = fm_json_number(tree, "cost_low_usd", 0);
    cr_expect(gt(dbl, low, 0.0));
    cr_expect(epsilon_eq(dbl, fm_json_number(tree, "cost_high_usd", 0), low + 0.6, 1e-9));
    cJSON_Delete(tree);
    fathom(RUN("-o", "run", "--dry-run", "--json", "-s", "price_input=1", "-s", "price_output=1"));
    expect_success();
    cr_expect(contains(OUT, "\"output_tokens\": null"), "%s", OUT);
    cr_expect(contains(OUT, "\"cost_high_usd\": null"), "no bound is not none: %s", OUT);
    cr_expect(eq(sz, asked(), 0));
    cr_expect(fm_dir_exists("run") == false);
}

Test(remote, tables_name_the_model)
{
    MOCK(QUIET);
    fathom(RUN("-o", "run", "-n", "1"));
    expect_success();
    cr_expect(contains(OUT, "openai vendor/model"), "%s", OUT);
    fathom("run", "tabletop", "--data", "data", "-a", "openai", "-M", "other", "-s", base_url, "-o",
           "other", "-n", "1");
    expect_success();
    fathom("report", "run", "other");
    expect_success();
    cr_expect(contains(OUT, "openai vendor/model"), "%s", OUT);
    cr_expect(contains(OUT, "openai other"), "%s", OUT);
}

/* ---- failures ---- */

Test(remote, an_error_is_told_with_its_cause)
{
    MOCK("--fault", "500=1");
    fathom(RUN("-o", "run", "--attempts", "1"));
    expect_success();
    cr_expect(contains(ERR, "fathom: 6 of 6 samples ended in errors; the same command asks again "
                            "what may still be answered; the last: HTTP 500"),
              "%s", ERR);
    cr_expect(eq(sz, count_lines(ERR), 1));
}

Test(remote, what_a_run_took_stands_below_its_table)
{
    MOCK("--latency", "5");
    fathom(RUN("-o", "run", "-s", "price_input=1000", "-s", "price_output=1000"));
    expect_success();
    cr_expect(contains(OUT, "\ntook 6 requests, $"), "%s", OUT);
    cr_expect(contains(OUT, " tokens in, "), "%s", OUT);
    cr_expect(contains(OUT, " (p99)\nresults in run\n"), "%s", OUT);
    fathom("report", "run", "--markdown", "-", "--html", "page.html");
    expect_success();
    cr_expect(contains(OUT, "\ntook 6 requests, $"), "%s", OUT);
    cr_expect(contains(file_text("page.html"), "<p>It took 6 requests, $"));
}

/* ---- the cache ---- */

Test(remote, a_second_run_is_answered_by_the_cache)
{
    char *samples;

    MOCK(QUIET);
    fathom(RUN("-o", "first", "--cache"));
    expect_success();
    cr_expect(eq(sz, asked(), 6));
    samples = file_text("first/samples.jsonl");
    fathom(RUN("-o", "dry", "--cache", "--dry-run"));
    cr_expect(contains(OUT, "  in the cache        6\n  requests            0\n"), "%s", OUT);
    mock_stop();
    fathom(RUN("-o", "second", "--cache"));
    expect_success();
    cr_expect(contains(OUT, "\ntook 0 requests, 6 from the cache"), "%s", OUT);
    cr_expect(eq(str, file_text("second/samples.jsonl"), samples));
}

Test(remote, everything_that_may_change_a_reply_asks_again)
{
    char other[64];

    MOCK(QUIET);
    fathom(RUN("-o", "first", "--cache", "-n", "1"));
    expect_success();
    fathom(RUN("-o", "same", "--cache", "-n", "1", "--timeout", "50", "--concurrency", "2", "-s",
               "price_input=1"));
    expect_success();
    cr_expect(eq(sz, asked(), 1), "time, pace and prices are no part of it");

    fathom(RUN("-o", "temperature", "--cache-sampled", "-n", "1", "-s", "temperature=0.5"));
    cr_expect(eq(sz, asked(), 2));
    fathom(RUN("-o", "answers", "--cache", "-n", "1", "--answers", "json"));
    cr_expect(eq(sz, asked(), 3), "another prompt");
    fathom("run", "tabletop", "--data", "data", "-a", "openai", "-M", "vendor/other", "-s",
           base_url, "-o", "model", "--cache", "-n", "1");
    cr_expect(eq(sz, asked(), 4));
    snprintf(other, sizeof(other), "base_url=http://localhost:%d/v1",
             atoi(strrchr(base_url, ':') + 1));
    fathom("run", "tabletop", "--data", "data", "-a", "openai", "-M", "vendor/model", "-s", other,
           "-o", "url", "--cache", "-n", "1");
    cr_expect(eq(sz, asked(), 5));
    fathom(RUN("-o", "repeat", "--cache", "-n", "1", "--repeat", "2"));
    expect_success();
    cr_expect(eq(sz, asked(), 6), "the first asking is there, the second is not");
    cr_assert(eq(int, rename("data/raw_data/1/image.png", "data/raw_data/0/image.png"), 0));
    fathom(RUN("-o", "picture", "--cache", "-n", "1"));
    expect_success();
    cr_expect(eq(sz, asked(), 7));
}

Test(remote, drawn_replies_are_cached_on_request_alone)
{
    MOCK(QUIET);
    for (size_t i = 1; i <= 2; i++) {
        fathom(RUN("-o", i == 1 ? "a" : "b", "--cache", "-n", "1", "-s", "temperature=1"));
        expect_success();
    }
    cr_expect(eq(sz, asked(), 2));
    fathom("cache", "stat", "--json");
    cr_expect(contains(OUT, "\"entries\": 0,"), "%s", OUT);
    for (size_t i = 1; i <= 2; i++) {
        fathom(RUN("-o", i == 1 ? "c" : "d", "--cache-sampled", "-n", "1", "-s", "temperature=1"));
        expect_success();
        cr_expect(contains(OUT, "from the cache") == (i == 2), "%s", OUT);
    }
}

Test(remote, the_cache_is_looked_after)
{
    MOCK(QUIET);
    fathom("cache", "stat");
    expect_success();
    cr_expect(contains(OUT, "0 replies, 0 bytes: "), "%s", OUT);
    fathom(RUN("-o", "run", "--cache-dir", "kept"));
    expect_success();
    fathom("cache", "stat", "--dir", "kept");
    cr_expect(contains(OUT, "6 replies, "), "%s", OUT);
    cr_assert(
        eq(int, system("for f in kept/*/*.json; do : > $f; break; done && rm -rf second"), 0));
    fathom("cache", "verify", "--dir", "kept");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(OUT, ", 1 broken: kept\n"), "%s", OUT);
    cr_expect(eq(str, ERR, "fathom: 1 broken; --remove removes them\n"));
    fathom("cache", "verify", "--dir", "kept", "--remove");
    expect_success();
    fathom("cache", "prune", "--dir", "kept", "--max-age", "1d", "--json");
    expect_success();
    cr_expect(contains(OUT, "\"removed\": 0,"), "%s", OUT);
    fathom("cache", "prune", "--dir", "kept", "--max-size", "0");
    expect_success();
    cr_expect(contains(OUT, "removed 5 replies, "), "%s", OUT);
    fathom("cache", "prune");
    expect_failure(2, "fathom: 'fathom cache prune' needs --max-age, --max-size or both; "
                      "--max-size 0 removes everything\ntry 'fathom help cache'\n");
    fathom("cache", "prune", "--max-age", "month");
    expect_failure(2, "fathom: option '--max-age' wants a time like 90s, 45m, 12h, 30d or 2w, not "
                      "'month'\ntry 'fathom help cache'\n");
    fathom("cache", "stat", "--remove");
    expect_failure(2, "fathom: option '--remove' belongs to 'fathom cache verify'\n"
                      "try 'fathom help cache'\n");
    fathom("cache", "stats");
    expect_failure(2, "fathom: unknown verb 'stats'; did you mean 'stat'?\n"
                      "try 'fathom help cache'\n");
}

/* ---- cassettes ---- */

Test(remote, a_cassette_gives_the_same_bytes_without_the_network)
{
    char *samples, *results;

    MOCK(QUIET);
    fathom(RUN("-o", "first", "--record", "run.cassette"));
    expect_success();
    samples = file_text("first/samples.jsonl");
    results = file_text("first/results.json");
    mock_stop();
    fathom(RUN("-o", "second", "--replay", "run.cassette"));
    expect_success();
    cr_expect(eq(str, file_text("second/samples.jsonl"), samples));
    cr_expect(eq(str, file_text("second/results.json"), results));
}

Test(remote, a_key_is_in_no_file_and_in_no_message)
{
    setenv("OPENAI_API_KEY", "canary-7f3a", 1);
    setenv("OTHER_KEY", "another-canary-7f3a", 1);
    MOCK("--require-key-env", "OPENAI_API_KEY", "--fault", "500=0.3");
    fathom(RUN("-o", "run", "--cache", "--record", "run.cassette"));
    expect_success();
    fathom(RUN("-o", "refused", "-s", "key_env=OTHER_KEY", "--record", "refused.cassette"));
    cr_expect(ne(int, last.code, 0));
    cr_expect(eq(int, system("grep -r canary-7f3a ."), 256), "grep finds nothing");
}

/* ---- where there is no room ---- */

/* A limit stands for a full disk: what is journalled is whole, and the same words go on from there. */
Test(remote, a_disk_that_fills_ends_a_run_that_goes_on_later)
{
    struct rlimit before, narrow;

    MOCK(QUIET);
    cr_assert(eq(int, getrlimit(RLIMIT_FSIZE, &before), 0));
    narrow = before;
    narrow.rlim_cur = 8192;
    cr_assert(eq(int, setrlimit(RLIMIT_FSIZE, &narrow), 0));
    fathom(RUN("-o", "run", "--repeat", "20"));
    cr_assert(eq(int, setrlimit(RLIMIT_FSIZE, &before), 0));
    cr_expect(eq(int, last.code, 1));
    cr_expect(eq(sz, count_lines(ERR), 1), "%s", ERR);
    cr_expect(contains(ERR, "run/replies.jsonl': File too large; the replies before this one are "
                            "safe"),
              "%s", ERR);
    size_t kept = replies();
    cr_expect(kept > 5 && kept < 120, "%zu", kept);
    cr_expect(file_text("run/replies.jsonl")[strlen(file_text("run/replies.jsonl")) - 1] == '\n');

    fathom(RUN("-o", "run", "--repeat", "20"));
    expect_success();
    cr_expect(eq(sz, replies(), 120), "none asked again that was journalled, none missing");
}

Test(remote, a_provider_that_goes_away_may_come_back)
{
    char port[16];

    MOCK("--latency", "20");
    snprintf(port, sizeof(port), "%d", atoi(strrchr(base_url, ':') + 1));
    pid_t pid = program_start(
        FATHOM_WORDS(RUN("-o", "run", "--repeat", "20", "--concurrency", "4")), "stdout");
    wait_for(10, replies);
    kill(mock_pid, SIGKILL);
    waitpid(mock_pid, NULL, 0);
    nap(100);
    MOCK("--latency", "1", "--port", port);
    program_wait(pid);
    expect_success();
    cr_expect(contains(OUT, "of them again"), "%s", OUT);
    fathom("score", "run", "--json");
    cr_expect(contains(OUT, "\"errored\": 0"), "%s", OUT);
}

/* ---- while it runs ---- */

Test(remote, sigusr1_asks_how_far_it_is)
{
    MOCK("--latency", "300");
    pid_t pid = program_start(FATHOM_WORDS(RUN("-o", "run", "--concurrency", "1")), "stdout");

    wait_for(1, replies);
    kill(pid, SIGUSR1);
    for (int i = 0; i < 200 && !contains(file_text("stderr"), "/6"); i++)
        nap(10);
    cr_expect(contains(file_text("stderr"), "tabletop-3d@paper, openai vendor/model  "), "%s",
              file_text("stderr"));
    program_wait(pid);
    cr_expect(eq(int, last.code, 0));
    cr_expect(eq(sz, count_lines(ERR), 1), "%s", ERR);
}

Test(remote, json_progress_is_lines_that_parse)
{
    cJSON *tree = NULL;
    size_t n = 0;

    MOCK("--latency", "20");
    fathom(RUN("-o", "run", "--json"));
    expect_success();
    cr_assert(eq(int, fm_json_parse(OUT, last.out.size, "stdout", &tree, NULL), FM_OK));
    cJSON_Delete(tree);
    for (char *line = strtok(ERR, "\n"); line; line = strtok(NULL, "\n"), n++) {
        cr_assert(eq(int, fm_json_parse(line, strlen(line), "line", &tree, NULL), FM_OK), "%s",
                  line);
        cr_expect(eq(str, (char *)fm_json_string(tree, "schema"), "fathom.progress/1"));
        cr_expect(eq(dbl, fm_json_number(tree, "total", 0), 6.0));
        cr_expect(n == 0 || fm_json_number(tree, "done", 0) == 6);
        cJSON_Delete(tree);
    }
    cr_expect(ge(sz, n, 2));
}

Test(remote, an_interrupt_finishes_what_is_in_flight)
{
    MOCK("--latency", "1500");
    pid_t pid = program_start(FATHOM_WORDS(RUN("-o", "run", "--concurrency", "2")), "stdout");

    wait_for(2, asked);
    nap(400);
    kill(pid, SIGINT);
    program_wait(pid);
    cr_expect(eq(int, last.code, 130));
    cr_expect(eq(str, ERR,
                 "fathom: stopping after what is in flight (2); once more to leave at once\n"
                 "fathom: interrupted; the same command goes on from here\n"));
    cr_expect(eq(sz, replies(), 2));
    fathom(RUN("-o", "run", "--concurrency", "6"));
    expect_success();
    cr_expect(eq(sz, replies(), 6));
    cr_expect(eq(sz, asked(), 6), "none is asked twice");
}

Test(remote, a_second_interrupt_leaves_at_once)
{
    MOCK("--fault", "hang=1");
    pid_t pid = program_start(FATHOM_WORDS(RUN("-o", "run")), "stdout");

    wait_for(1, asked);
    kill(pid, SIGTERM);
    nap(100);
    kill(pid, SIGINT);
    program_wait(pid);
    cr_expect(eq(int, last.code, 130));
}

Test(remote, the_error_budget_ends_a_run_with_exit_code_3)
{
    MOCK("--fault", "500=1");
    fathom(RUN("-o", "run", "--attempts", "1", "--max-errors", "2", "--concurrency", "1"));
    cr_expect(eq(int, last.code, 3), "%s", ERR);
    cr_expect(contains(ERR, "more than the error budget allows"), "%s", ERR);
    cr_expect(eq(sz, replies(), 3));
    cr_expect(fm_file_exists("run/results.json") == false);
}
