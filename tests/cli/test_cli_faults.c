/* Every fault of the mock against every adapter over HTTP, at 5 % and at 50 %: runs end, nothing that
 * failed is graded as an answer, nothing that was answered is lost, attempts keep to their bound, no
 * truth is sent and no key is written down. The runs go side by side: most of their time is pauses. */
#include "program.h"

#include <dirent.h>

#include "../support/small_jpeg.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/size.h"
#include "mock/server.h"

enum { SAMPLES = 20, ATTEMPTS = 4, AT_ONCE = 48, SETTINGS = 4 };

static const double rates[] = {0.05, 0.5};

/* Numbers of the truth that nothing else holds. */
#define TRUE_X "0.577215664"
#define TRUE_D "1.618033988"
#define TRUE_B "0.302775637"

typedef struct {
    const char *name, *base_path, *settings[SETTINGS], *key_variable;
    bool has_finish; /* the protocol can say why a reply ended */
} target;

static const target targets[] = {
    {"gemini", "", {"model=m"}, "GEMINI_API_KEY", true},
    {"openai", "/v1", {"model=m"}, "OPENAI_API_KEY", true},
    {"anthropic", "", {"model=m"}, "ANTHROPIC_API_KEY", true},
    {"robotracer-http", "", {"key_env=ROBOTRACER_KEY"}, "ROBOTRACER_KEY", false},
};

/* What becomes of an attempt that meets the fault; a second word where providers differ in what they
 * can say. */
static const char *const ends[FM_MOCK_FAULTS][2] = {
    [FM_MOCK_429] = {"api_error"},
    [FM_MOCK_429_AFTER] = {"api_error"},
    [FM_MOCK_429_DAILY] = {"quota", "api_error"},
    [FM_MOCK_500] = {"api_error"},
    [FM_MOCK_503] = {"api_error"},
    [FM_MOCK_RESET] = {"api_error"},
    [FM_MOCK_TRUNCATED] = {"api_error"},
    [FM_MOCK_SLOW] = {"timeout"},
    [FM_MOCK_EMPTY] = {"empty"},
    [FM_MOCK_NO_BODY] = {"api_error", "empty"},
    [FM_MOCK_HTML] = {"api_error"},
    [FM_MOCK_HTML_200] = {"api_error"},
    [FM_MOCK_WRONG_TYPE] = {"api_error"},
    [FM_MOCK_UNKNOWN_FINISH] = {"empty", "api_error"},
    [FM_MOCK_CUT] = {"truncated"},
    [FM_MOCK_REFUSAL] = {"refused", "blocked"},
    [FM_MOCK_HANG] = {"timeout"},
};

/* One run. */
typedef struct {
    const target *target;
    fm_mock_fault fault;
    double rate;
    char name[64]; /* and its folder */
    fm_mock *mock;
    pid_t pid;
} cell;

static void key_of(const target *t, char out[64])
{
    snprintf(out, 64, "CANARY-%s-0123456789", t->name);
}

static void answer_of(int sample, char out[64])
{
    snprintf(out, 64, "[(%d, 300, 1.5), (600, %d, 1.25)]", 400 + sample, 200 + sample);
}

static void write_data(void)
{
    FILE *data, *replies;
    char text[64];

    mkdir("data", 0777);
    mkdir("data/raw_data", 0777);
    scratch_write("data/raw_data/one.jpeg", small_jpeg, sizeof(small_jpeg));
    data = fopen("data/trajectory_dataset.json", "w");
    replies = fopen("answers.jsonl", "w");
    cr_assert(data && replies);
    for (int i = 0; i < SAMPLES; i++) {
        fprintf(
            data,
            "%s{\"question_id\": %d, \"image_path\": \"one.jpeg\", \"prompt\": \"move item=%d.\", "
            "\"trajectory\": [[" TRUE_X ", 0, 1], [0.1, 0, " TRUE_D "]], "
            "\"bbox_center\": [" TRUE_B ", 0, 1.5], \"bbox_extent\": [0.2, 0.2, 0.2], "
            "\"bbox_rotation\": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "
            "\"gt_depth_intrinsics\": [[400, 0, 256], [0, 400, 192], [0, 0, 1]]}",
            i ? ",\n" : "[", i, i);
        answer_of(i, text);
        fprintf(replies, "{\"contains\": \"item=%d.\", \"text\": \"%s\"}\n", i, text);
    }
    fputs("]\n", data);
    cr_assert(fclose(data) == 0 && fclose(replies) == 0);
}

static void faults_begin(void)
{
    program_begin();
    unsetenv("GOOGLE_API_KEY");
    unsetenv("ANTHROPIC_AUTH_TOKEN");
    for (size_t i = 0; i < FM_COUNT_OF(targets); i++) {
        char key[64];

        key_of(&targets[i], key);
        setenv(targets[i].key_variable, key, 1);
    }
    write_data();
}

TestSuite(faults, .init = faults_begin, .fini = program_end);

/* ---- running ---- */

static const char *in_cell(const cell *c, const char *name)
{
    static char paths[8][256];
    static unsigned turn;
    char *out = paths[turn++ % 8];

    snprintf(out, sizeof(paths[0]), "%s/%s", c->name, name);
    return out;
}

static void serve(cell *c)
{
    char key[64];
    fm_mock_config config = {.replies_path = "answers.jsonl",
                             .log_path = in_cell(c, "wire.jsonl"),
                             .require_key = key,
                             .latency_s = 0.001,
                             .retry_after_s = 0.05,
                             .seed = 5};
    fm_err err = {0};

    key_of(c->target, key);
    config.rates[c->fault] = c->rate;
    if (fm_mock_start(&c->mock, &config, &err) != FM_OK)
        cr_fatal("%s: %s", c->name, err.text);
}

/* Only where nothing arrives is there something to wait for: elsewhere a slow machine must not turn a
 * good reply into a timeout. */
static const char *patience(const cell *c)
{
    return c->fault == FM_MOCK_HANG || c->fault == FM_MOCK_SLOW ? "1.5" : "30";
}

static pid_t spawn(const cell *c, char *const *argv, const char *out, const char *err_path)
{
    posix_spawn_file_actions_t files;
    pid_t pid;

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, in_cell(c, out), O_WRONLY | O_CREAT | O_TRUNC,
                                     0666);
    posix_spawn_file_actions_addopen(&files, 2, in_cell(c, err_path), O_WRONLY | O_CREAT | O_TRUNC,
                                     0666);
    if (posix_spawn(&pid, argv[0], &files, NULL, argv, environ) != 0)
        cr_fatal("cannot start '%s'", argv[0]);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

static void start_cell(cell *c)
{
    char url[96], run[256], cassette[256], cache[256], attempts[16];
    char *argv[48] = {getenv("FATHOM_BIN"),
                      "run",
                      "tracespatial-3d@paper",
                      "--data",
                      "data",
                      "-a",
                      (char *)c->target->name,
                      "-s",
                      url,
                      "-o",
                      run,
                      "--attempts",
                      attempts,
                      "--concurrency-start",
                      "8",
                      "--timeout",
                      (char *)patience(c),
                      "--record",
                      cassette};
    size_t n = 0;

    mkdir(c->name, 0777);
    serve(c);
    snprintf(url, sizeof(url), "base_url=http://127.0.0.1:%d%s", fm_mock_port(c->mock),
             c->target->base_path);
    snprintf(run, sizeof(run), "%s", in_cell(c, "run"));
    snprintf(cassette, sizeof(cassette), "%s", in_cell(c, "cassette.jsonl"));
    snprintf(cache, sizeof(cache), "%s", in_cell(c, "cache"));
    snprintf(attempts, sizeof(attempts), "%d", ATTEMPTS);
    while (argv[n])
        n++;
    for (int i = 0; i < SETTINGS && c->target->settings[i]; i++) {
        argv[n++] = "-s";
        argv[n++] = (char *)c->target->settings[i];
    }
    /* Both of RoboTracer's forms. */
    if (strcmp(c->target->name, "robotracer-http") == 0 && c->rate > 0.1) {
        argv[n++] = "-s";
        argv[n++] = "form=base64";
    }
    /* Not everywhere: a cache is hundreds of folders. */
    if (c->fault == FM_MOCK_500 || c->fault == FM_MOCK_REFUSAL) {
        argv[n++] = "--cache-dir";
        argv[n++] = cache;
    }
    c->pid = spawn(c, argv, "stdout", "stderr");
}

/* ---- judging ---- */

typedef struct {
    int attempts[SAMPLES], answers[SAMPLES];
    int records, good;
    int unlike; /* answers whose text is not what the model said */
} journal;

static bool is_expected(const cell *c, const char *status)
{
    for (int i = 0; i < 2; i++)
        if (ends[c->fault][i] && strcmp(status, ends[c->fault][i]) == 0)
            return true;
    return false;
}

static void read_journal_line(const cell *c, const cJSON *record, journal *out)
{
    const char *id = fm_json_string(record, "id"), *status = fm_json_string(record, "status");
    const char *text = fm_json_string(record, "text");
    int sample = id ? atoi(id) : -1;
    char answer[64];

    if (sample < 0 || sample >= SAMPLES || !status)
        cr_fatal("%s: a record without id or status", c->name);
    answer_of(sample, answer);
    out->records++;
    out->attempts[sample]++;
    if (strcmp(status, "ok") != 0) {
        cr_expect(is_expected(c, status), "%s: an attempt ended as %s", c->name, status);
        return;
    }
    out->answers[sample]++;
    if (text && strcmp(text, answer) == 0)
        out->good++;
    else
        out->unlike++;
}

static void read_journal(const cell *c, journal *out)
{
    fm_lines lines = {0};
    bool more = false;
    fm_err err = {0};

    cr_assert(fm_lines_open(&lines, in_cell(c, "run/replies.jsonl"), 0, &err) == FM_OK, "%s",
              err.text);
    while (fm_lines_next(&lines, &more, &err) == FM_OK && more) {
        cJSON *record = NULL;

        cr_assert(fm_json_parse(lines.line, lines.size, c->name, &record, &err) == FM_OK, "%s",
                  err.text);
        read_journal_line(c, record, out);
        cJSON_Delete(record);
    }
    fm_lines_close(&lines);
}

static void judge_journal(const cell *c, const fm_mock_counts *counts)
{
    journal j = {0};

    read_journal(c, &j);
    cr_expect(j.good == (int)counts->replies_ok, "%s: %d replies were good, %d are in the journal",
              c->name, (int)counts->replies_ok, j.good);
    cr_expect(counts->by_fault[c->fault] > 0 || c->rate < 0.1, "%s: the fault was not met",
              c->name);
    /* RoboTracer cannot say that a text was cut or that it is a refusal. */
    if (c->target->has_finish || (c->fault != FM_MOCK_CUT && c->fault != FM_MOCK_REFUSAL))
        cr_expect(j.unlike == 0, "%s: %d answers are none", c->name, j.unlike);
    for (int i = 0; i < SAMPLES; i++) {
        cr_expect(j.attempts[i] <= ATTEMPTS, "%s: %d attempts at sample %d", c->name, j.attempts[i],
                  i);
        cr_expect(j.answers[i] <= 1, "%s: sample %d was asked again", c->name, i);
    }
    cr_expect(j.records == (int)counts->requests, "%s: %d requests, %d records", c->name,
              (int)counts->requests, j.records);
}

static void judge_results(const cell *c)
{
    const cJSON *counts, *count;
    cJSON *results = NULL;
    double sum = 0;
    fm_err err = {0};

    cr_assert(fm_json_load(in_cell(c, "run/results.json"), 1 << 20, &results, &err) == FM_OK,
              "%s: %s", c->name, err.text);
    counts = fm_json_get(results, "counts");
    cJSON_ArrayForEach(count, counts) sum += count->valuedouble;
    cr_expect(sum == SAMPLES && fm_json_number(results, "n", 0) == SAMPLES,
              "%s: the statuses add up to %g", c->name, sum);
    /* What RoboTracer declines with is a text, but no trace. */
    if (c->fault == FM_MOCK_REFUSAL && !c->target->has_finish)
        cr_expect(fm_json_number(counts, "parse_error", 0) > 0 || c->rate < 0.1, "%s", c->name);
    cJSON_Delete(results);
}

static void finish_cell(cell *c, int status)
{
    fm_mock_counts counts;
    bool stopped;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

    fm_mock_counts_read(c->mock, &counts);
    fm_mock_stop(c->mock);
    c->mock = NULL;
    c->pid = 0; /* another process may have that number next */
    stopped = counts.by_fault[FM_MOCK_429_DAILY] > 0;
    cr_expect(code == (stopped ? 3 : 0), "%s: exit code %d; see %s", c->name, code,
              in_cell(c, "stderr"));
    judge_journal(c, &counts);
    if (stopped) {
        char *argv[] = {getenv("FATHOM_BIN"), "score", (char *)in_cell(c, "run"), NULL};

        waitpid(spawn(c, argv, "score.out", "score.err"), &status, 0);
        cr_expect(status == 0, "%s: cannot be graded", c->name);
    }
    judge_results(c);
}

/* ---- what must be nowhere ---- */

static void search_file(const char *path, const char *const *words, size_t *bytes)
{
    fm_buf text = {0};

    cr_assert(fm_file_read(path, (size_t)64 << 20, &text, NULL) == FM_OK, "%s", path);
    for (; *words; words++)
        cr_expect(text.size == 0 || !memmem(text.data, text.size, *words, strlen(*words)),
                  "'%s' stands in %s", *words, path);
    *bytes += text.size;
    fm_buf_release(&text);
}

static void search_folder(const char *path, const char *const *words, size_t *bytes)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;

    cr_assert(folder != NULL, "%s", path);
    while ((entry = readdir(folder))) {
        char inside[FM_PATH_BYTES];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
        if (fm_dir_exists(inside))
            search_folder(inside, words, bytes);
        else
            search_file(inside, words, bytes);
    }
    closedir(folder);
}

/* The keys are everywhere looked for as they are, without their end, and in base64. */
static void search_for_keys(const cell *c)
{
    static const char *const words[] = {"CANARY-",   "0123456789", "Q0FOQVJZL",
                                        "DQU5BUlkt", "NBTkFSWS",   NULL};
    size_t bytes = 0;

    search_folder(c->name, words, &bytes);
    cr_expect(bytes > 1000, "%s: there was nothing to search", c->name);
}

static void search_for_truth(const cell *c)
{
    static const char *const words[] = {"577215664", "618033988", "302775637", "trajectory",
                                        "bbox",      "extent",    "rotation",  NULL};
    size_t bytes = 0;

    search_file(in_cell(c, "wire.jsonl"), words, &bytes);
    search_file(in_cell(c, "cassette.jsonl"), words, &bytes);
    cr_expect(bytes > 1000, "%s: there was nothing to search", c->name);
}

Test(faults, never_become_answers_and_cost_none)
{
    enum { CELLS = FM_COUNT_OF(targets) * FM_MOCK_FAULTS * FM_COUNT_OF(rates) };
    static cell cells[CELLS];
    size_t started = 0, over = 0;

    for (size_t i = 0; i < CELLS; i++) {
        cell *c = &cells[i];

        c->target = &targets[i % FM_COUNT_OF(targets)];
        c->fault = (fm_mock_fault)(i / FM_COUNT_OF(targets) % FM_MOCK_FAULTS);
        /* The long ones first. */
        c->rate = rates[i < CELLS / 2];
        snprintf(c->name, sizeof(c->name), "%s-%s-%g", c->target->name,
                 fm_mock_fault_name(c->fault), c->rate);
    }
    while (over < CELLS) {
        int status;
        pid_t pid;

        while (started < CELLS && started - over < AT_ONCE)
            start_cell(&cells[started++]);
        pid = waitpid(-1, &status, 0);
        for (size_t i = 0; i < started; i++)
            if (cells[i].pid == pid) {
                finish_cell(&cells[i], status);
                search_for_keys(&cells[i]);
                search_for_truth(&cells[i]);
                over++;
            }
    }
}
