/* kill -9 at random moments of runs against a provider (50, or FATHOM_TEST_KILLS): every sample gets its reply, none is asked
 * again once its reply stood in the journal, and the end is that of a run that nobody disturbed. */
#include "program.h"

#include "../support/small_jpeg.h"
#include "base/clock.h"
#include "base/rng.h"
#include "mock/server.h"

enum { SAMPLES = 64, KILLS = 50 };

static fm_mock *mock;
static char base_url[96];

/* Samples that share a small picture, each with a word of its own in what is asked, and a reply of
 * its own. */
static void write_data(void)
{
    FILE *data, *replies;

    mkdir("data", 0777);
    mkdir("data/raw_data", 0777);
    scratch_write("data/raw_data/one.jpeg", small_jpeg, sizeof(small_jpeg));
    data = fopen("data/trajectory_dataset.json", "w");
    replies = fopen("answers.jsonl", "w");
    cr_assert(data && replies);
    fputs("[", data);
    for (int i = 0; i < SAMPLES; i++) {
        fprintf(data,
                "%s{\"question_id\": %d, \"image_path\": \"one.jpeg\", "
                "\"prompt\": \"move item=%d.\", \"target_object\": \"cup\", "
                "\"trajectory\": [[0, 0, 1], [0.1, 0, 1.5]], \"bbox_center\": [0.1, 0, 1.5], "
                "\"bbox_extent\": [0.2, 0.2, 0.2], "
                "\"bbox_rotation\": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "
                "\"gt_depth_intrinsics\": [[400, 0, 256], [0, 400, 192], [0, 0, 1]]}",
                i ? ",\n" : "", i, i);
        fprintf(replies, "{\"contains\": \"item=%d.\", \"text\": \"[(%d, 300), (600, %d)]\"}\n", i,
                400 + i, 200 + i);
    }
    fputs("]\n", data);
    cr_assert(fclose(data) == 0 && fclose(replies) == 0);
}

static void kill_begin(void)
{
    fm_mock_config config = {.latency_s = 0.002,
                             .latency_jitter_s = 0.002,
                             .rates = {[FM_MOCK_429_AFTER] = 0.05},
                             .retry_after_s = 0.01, /* a failure that costs no time to speak of */
                             .seed = 7,
                             .replies_path = "answers.jsonl",
                             .log_path = "wire.jsonl"};
    fm_err err = {0};

    program_begin();
    write_data();
    cr_assert(eq(int, fm_mock_start(&mock, &config, &err), FM_OK), "%s", err.text);
    snprintf(base_url, sizeof(base_url), "base_url=http://127.0.0.1:%d/v1", fm_mock_port(mock));
}

static void kill_end(void)
{
    fm_mock_stop(mock);
    program_end();
}

TestSuite(kills, .init = kill_begin, .fini = kill_end);

static pid_t start_run(char *out)
{
    return program_start(FATHOM_WORDS("run", "tracespatial-2d", "--data", "data", "--out", out,
                                      "-a", "openai", "-s", base_url, "-M", "any", "--concurrency",
                                      "4", "--concurrency-start", "4"),
                         "stdout");
}

/* Lines of a growing file, from where the last call stopped; a line without its end waits. */
typedef struct {
    const char *path;
    size_t at;
} reader;

static const char *next_line(reader *r, fm_buf *whole)
{
    static char line[4096];
    const char *from = fm_buf_text(whole) + r->at, *newline = strchr(from, '\n');

    if (!newline)
        return NULL;
    snprintf(line, sizeof(line), "%.*s", (int)(newline - from), from);
    r->at += (size_t)(newline - from) + 1;
    return line;
}

/* Which samples the provider was asked about since the last call. */
static void read_wire(reader *r, bool asked[SAMPLES])
{
    fm_buf whole = {0};
    const char *line, *item;

    memset(asked, 0, SAMPLES * sizeof(*asked));
    cr_assert(eq(int, fm_file_read(r->path, (size_t)64 << 20, &whole, NULL), FM_OK));
    while ((line = next_line(r, &whole)))
        if ((item = strstr(line, "item=")))
            asked[atoi(item + 5) % SAMPLES] = true;
    fm_buf_release(&whole);
}

/* Which samples have a reply in the journal. */
static size_t read_journal(const char *out, bool answered[SAMPLES])
{
    reader r = {0};
    fm_buf whole = {0};
    const char *line;
    char path[256];
    size_t n = 0;

    memset(answered, 0, SAMPLES * sizeof(*answered));
    snprintf(path, sizeof(path), "%s/replies.jsonl", out);
    if (!fm_file_exists(path))
        return 0;
    cr_assert(eq(int, fm_file_read(path, (size_t)64 << 20, &whole, NULL), FM_OK));
    while ((line = next_line(&r, &whole))) {
        int id = -1;

        cr_assert(sscanf(line, "{\"id\": \"%d\"", &id) == 1 && id >= 0 && id < SAMPLES, "%s", line);
        if (!strstr(line, "\"status\": \"ok\""))
            continue;
        cr_expect(answered[id] == false, "two replies for %d in %s", id, out);
        answered[id] = true;
        n++;
    }
    fm_buf_release(&whole);
    return n;
}

static void expect_same_file(const char *a, const char *b, const char *name)
{
    char path[256];
    fm_buf one = {0}, other = {0};

    snprintf(path, sizeof(path), "%s/%s", a, name);
    cr_assert(eq(int, fm_file_read(path, (size_t)64 << 20, &one, NULL), FM_OK), "%s", path);
    snprintf(path, sizeof(path), "%s/%s", b, name);
    cr_assert(eq(int, fm_file_read(path, (size_t)64 << 20, &other, NULL), FM_OK), "%s", path);
    cr_expect(eq(str, (char *)fm_buf_text(&one), (char *)fm_buf_text(&other)), "%s of %s", name, b);
    fm_buf_release(&one);
    fm_buf_release(&other);
}

/* Ends by itself in time, or is killed. True: killed. */
static bool kill_after(pid_t pid, double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    nanosleep(&t, NULL);
    kill(pid, SIGKILL);
    program_wait(pid);
    cr_assert(last.code == 0 || last.code == 128 + SIGKILL, "exit code %d: %s", last.code, ERR);
    return last.code != 0;
}

Test(kills, lose_nothing_and_ask_nothing_twice)
{
    bool answered[SAMPLES] = {false}, asked[SAMPLES];
    reader wire = {.path = "wire.jsonl"};
    const char *wanted = getenv("FATHOM_TEST_KILLS");
    int kills = 0, runs = 0, enough = wanted ? atoi(wanted) : KILLS;
    char out[32] = "undisturbed";
    fm_rng rng;

    fm_rng_seed(&rng, 20251213);
    double started_s = fm_clock_seconds();
    program_wait(start_run(out));
    double most_s = 1.2 * (fm_clock_seconds() - started_s);
    expect_success();
    cr_assert(eq(sz, read_journal(out, answered), SAMPLES));
    read_wire(&wire, asked);

    while (kills < enough || runs <= 5) {
        snprintf(out, sizeof(out), "run-%d", runs++);
        memset(answered, 0, sizeof(answered));
        for (bool killed = true; killed;) {
            killed = kill_after(start_run(out), fm_rng_range(&rng, 0, most_s));
            kills += killed;
            /* The machine may have been slower then, or be slower now: about one run in six comes to
             * its end. */
            most_s *= killed ? 1.02 : 0.9;
            read_wire(&wire, asked);
            for (int i = 0; i < SAMPLES; i++)
                if (asked[i] && answered[i])
                    cr_fatal("sample %d of %s was asked again", i, out);
            read_journal(out, answered);
        }
        cr_expect(eq(sz, read_journal(out, answered), SAMPLES));
        expect_same_file("undisturbed", out, "samples.jsonl");
        expect_same_file("undisturbed", out, "results.json");
    }
}
