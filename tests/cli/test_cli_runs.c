/* Whole runs of the program on a few small scenes: from the first reply to the report, through kills,
 * interrupts and two processes at once. */
#include "program.h"

#include <cjson/cJSON.h>

#include "base/json.h"

#define SCENES 6

/* A dataset of a few tiny scenes in "data". */
static void runs_begin(void)
{
    program_begin();
    fathom("world", "--count", "6", "--size", "64x48", "--out", "data");
    cr_assert(eq(int, last.code, 0), "%s", ERR);
}

TestSuite(runs, .init = runs_begin, .fini = program_end);

/* Programs for the adapter `command`. sed answers with the id that it was asked. */
#define ANSWER(text) "s/.*\"id\": \"\\([^\"]*\\)\".*/{\"id\": \"\\1\", \"text\": \"" text "\"}/"
#define FAST         "command=sed -u '" ANSWER("[(500, 500, 1.0), (600, 500, 1.0)]") "'"
#define SLOW                                                                                       \
    "command=while read -r line; do sleep 0.2; echo \"$line\" | sed '" ANSWER(                     \
        "[(500, 500, 1.0), (600, 500, 1.0)]") "'; done"

#define RUN_TABLETOP(...) "run", "tabletop", "--data", "data", "--out", "run", __VA_ARGS__

static char *file_text(const char *path)
{
    static fm_buf text[4];
    static unsigned turn;
    fm_buf *buf = &text[turn++ % 4];

    fm_buf_clear(buf);
    cr_assert(eq(int, fm_file_read(path, (size_t)64 << 20, buf, NULL), FM_OK), "%s", path);
    return (char *)fm_buf_text(buf);
}

static size_t journal_lines(void)
{
    return fm_file_exists("run/replies.jsonl") ? count_lines(file_text("run/replies.jsonl")) : 0;
}

static void nap(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&t, NULL);
}

/* Wait until the journal has n lines, for at most ten seconds. */
static void wait_for_replies(size_t n)
{
    for (int i = 0; i < 1000 && journal_lines() < n; i++)
        nap(10);
    cr_assert(ge(sz, journal_lines(), n));
}

/* Each id stands in the journal exactly once, under `status`. */
static void expect_journal(size_t n, const char *status)
{
    char *text = file_text("run/replies.jsonl"), member[64];
    bool seen[SCENES] = {false};
    size_t lines = 0;

    snprintf(member, sizeof(member), "\"status\": \"%s\"", status);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        int id = -1;

        cr_assert(eq(int, sscanf(line, "{\"id\": \"%d\"", &id), 1), "%s", line);
        cr_assert(id >= 0 && id < SCENES && !seen[id], "%s", line);
        seen[id] = true;
        cr_expect(contains(line, member), "%s", line);
    }
    cr_expect(eq(sz, lines, n));
}

Test(runs, oracle_from_question_to_table)
{
    fathom(RUN_TABLETOP("--adapter", "oracle"));
    expect_success();
    cr_expect(contains(OUT, "tabletop-3d@paper"));
    cr_expect(contains(OUT, "sees the truth"));
    cr_expect(
        contains(OUT, "\nresults in run\nlook at them: fathom report run --html report.html\n"));
    cr_expect(eq(str, ERR, ""));
    expect_journal(SCENES, "ok");
}

Test(runs, have_a_folder_of_their_own_by_default)
{
    fathom("run", "tabletop-2d@reference", "--data", "data", "--adapter", "centre");
    expect_success();
    cr_expect(fm_file_exists("runs/tabletop-2d-reference-centre/results.json"));
}

Test(runs, repeats_are_told_from_samples)
{
    fathom(RUN_TABLETOP("--adapter", "centre", "--repeat", "3"));
    expect_success();
    cr_expect(contains(OUT, "6 samples, 3 times\n"), "%s", OUT);
    cr_expect(contains(OUT, "bootstrap over the samples with all their askings"));
}

Test(runs, json_is_the_results_file)
{
    cJSON *printed = NULL, *written = NULL;

    fathom(RUN_TABLETOP("--adapter", "centre", "--json", "--limit", "2"));
    expect_success();
    cr_assert(eq(int, fm_json_parse(OUT, last.out.size, "stdout", &printed, NULL), FM_OK));
    cr_assert(eq(int, fm_json_load("run/results.json", 1 << 20, &written, NULL), FM_OK));
    cr_expect(cJSON_Compare(printed, written, true));
    cr_expect(eq(dbl, fm_json_number(printed, "n", 0), 2.0));
    cJSON_Delete(printed);
    cJSON_Delete(written);
}

Test(runs, score_follows_data_that_was_moved)
{
    fathom(RUN_TABLETOP("-a", "oracle"));
    expect_success();
    cr_assert(eq(int, rename("data", "moved"), 0));
    fathom("score", "run");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "--data DIR"), "%s", ERR);
    fathom("score", "run", "--data", "moved");
    expect_success();
}

Test(runs, score_again_gives_the_same_bytes)
{
    char *samples, *results;

    fathom(RUN_TABLETOP("--adapter", "jitter", "--set", "noise_px=9", "--jobs", "1"));
    expect_success();
    samples = file_text("run/samples.jsonl");
    results = file_text("run/results.json");
    fathom("score", "run", "--jobs", "3");
    expect_success();
    cr_expect(eq(str, file_text("run/samples.jsonl"), samples));
    cr_expect(eq(str, file_text("run/results.json"), results));
}

Test(runs, a_second_protocol_stands_beside_the_first)
{
    fathom(RUN_TABLETOP("--adapter", "oracle"));
    fathom("score", "run", "--protocol", "reference");
    expect_success();
    cr_expect(contains(OUT, "tabletop-3d@reference"));
    cr_expect(fm_file_exists("run/results@reference.json"));
    fathom("report", "run");
    expect_success();
    cr_expect(contains(OUT, "paper") && contains(OUT, "reference"));
    fathom("report", "run", "--protocols", "reference", "--json");
    expect_success();
    cr_expect(contains(OUT, "\"fathom.report/1\"") && !contains(OUT, "\"paper\""));
    fathom("report", "run", "--markdown", "-");
    expect_success();
    cr_expect(contains(OUT, "| success"));
    fathom("report", "run", "--protocols", "papre");
    expect_failure(2, "fathom: unknown protocol 'papre'; did you mean 'paper'?\n"
                      "try 'fathom help report'\n");
}

Test(runs, replay_of_a_journal_gives_the_same_samples)
{
    char *first;

    fathom(RUN_TABLETOP("--adapter", "oracle"));
    expect_success();
    first = file_text("run/samples.jsonl");
    fathom("run", "tabletop", "--data", "data", "--out", "again", "--adapter", "replay", "--set",
           "file=run/replies.jsonl");
    expect_success();
    cr_expect(eq(str, file_text("again/samples.jsonl"), first));
}

Test(runs, replies_that_are_no_text_survive)
{
    char *first;

    fathom(
        RUN_TABLETOP("-a", "command", "-s",
                     "command=while read -r line; do id=$(echo \"$line\" | sed "
                     "'s/.*\"id\": \"\\([^\"]*\\)\".*/\\1/'); printf "
                     "'{\"id\": \"%s\", \"text\": \"[(1, 2, 0.5)]\\\\u0000\\377\"}\\n' $id; done"));
    expect_success();
    expect_journal(SCENES, "ok");
    /* "[(1, 2, 0.5)]" with 00 ff behind it */
    cr_expect(
        contains(file_text("run/replies.jsonl"), "\"text_base64\": \"WygxLCAyLCAwLjUpXQD/\""));
    first = file_text("run/samples.jsonl");
    fathom("run", "tabletop", "--data", "data", "--out", "again", "--adapter", "replay", "--set",
           "file=run/replies.jsonl");
    expect_success();
    cr_expect(eq(str, file_text("again/samples.jsonl"), first));
}

/* ---- stopping ---- */

Test(runs, go_on_after_kill_9)
{
    pid_t pid = program_start(FATHOM_WORDS(RUN_TABLETOP("-a", "command", "-s", SLOW)), "stdout");

    wait_for_replies(2);
    kill(pid, SIGKILL);
    program_wait(pid);
    cr_expect(eq(int, last.code, 128 + SIGKILL));
    cr_expect(not(fm_file_exists("run/results.json")));
    cr_expect(lt(sz, journal_lines(), SCENES));

    fathom(RUN_TABLETOP("-a", "command", "-s", SLOW));
    expect_success();
    expect_journal(SCENES, "ok");
    cr_expect(fm_file_exists("run/results.json"));
}

Test(runs, drop_and_report_a_torn_line)
{
    FILE *journal;

    fathom(RUN_TABLETOP("-a", "command", "-s", FAST, "--limit", "3"));
    expect_success();
    journal = fopen("run/replies.jsonl", "a");
    fputs("{\"id\": \"3\", \"attempt\": 1, \"sta", journal);
    fclose(journal);
    fathom(RUN_TABLETOP("-a", "command", "-s", FAST));
    expect_success();
    cr_expect(eq(str, ERR,
                 "fathom: replies.jsonl ended in a torn line, as a killed process leaves "
                 "it: dropped\n"));
    expect_journal(SCENES, "ok");
}

Test(runs, finish_the_sample_in_flight_when_interrupted)
{
    pid_t pid = program_start(FATHOM_WORDS(RUN_TABLETOP("-a", "command", "-s", SLOW)), "stdout");
    size_t before;

    wait_for_replies(1);
    before = journal_lines();
    kill(pid, SIGINT);
    program_wait(pid);
    cr_expect(eq(int, last.code, 130));
    cr_expect(contains(ERR, "fathom: stopping after what is in flight"));
    cr_expect(contains(ERR, "fathom: interrupted; the same command goes on from here\n"));
    cr_expect(ge(sz, journal_lines(), before));
    cr_expect(le(sz, journal_lines(), before + 2));
    expect_journal(journal_lines(), "ok");

    fathom(RUN_TABLETOP("-a", "command", "-s", FAST));
    cr_expect(eq(int, last.code, 2), "other settings are another run");
    cr_expect(contains(ERR, "holds another run: its command is "), "%s", ERR);

    fathom(RUN_TABLETOP("-a", "command", "-s", SLOW));
    expect_success();
    expect_journal(SCENES, "ok");
}

/* One that ended may wait for somebody to take notice. */
static bool goes_on(pid_t pid)
{
    fm_buf state = {0};
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    bool on =
        fm_file_read(path, 4096, &state, NULL) == FM_OK && !contains(fm_buf_text(&state), ") Z ");
    fm_buf_release(&state);
    return on;
}

Test(runs, leave_at_once_when_interrupted_twice)
{
    pid_t pid = program_start(FATHOM_WORDS(RUN_TABLETOP("-a", "command", "-s",
                                                        "command=sh -c 'echo $$ >own; sleep 600'")),
                              "stdout");

    for (int i = 0; i < 500 && !fm_file_exists("run/replies.jsonl"); i++)
        nap(10);
    nap(100);
    kill(pid, SIGINT);
    for (int i = 0; i < 500 && !contains(file_text("stderr"), "stopping after"); i++)
        nap(10); /* two that come at once are one */
    kill(pid, SIGINT);
    program_wait(pid);
    cr_expect(eq(int, last.code, 130));
    pid_t own = atoi(file_text("own"));
    cr_assert(gt(int, own, 1));
    for (int i = 0; i < 500 && goes_on(own); i++)
        nap(10);
    cr_expect(not(goes_on(own)), "the program goes on");
}

Test(runs, refuse_a_second_process_on_the_same_folder)
{
    static char expected[2048];
    pid_t pid = program_start(FATHOM_WORDS(RUN_TABLETOP("-a", "command", "-s", SLOW)), "stdout");

    wait_for_replies(1);
    program_wait(program_start(FATHOM_WORDS(RUN_TABLETOP("-a", "command", "-s", SLOW)), "other"));
    snprintf(expected, sizeof(expected),
             "fathom: another process is working on run directory '%s/run'; wait for it, or choose "
             "another --out\n",
             scratch_dir);
    cr_expect(eq(int, last.code, 1));
    cr_expect(eq(str, ERR, expected));
    program_wait(pid);
    cr_expect(eq(int, last.code, 0));
    expect_journal(SCENES, "ok");
}

/* ---- failures ---- */

Test(runs, count_what_the_program_could_not_answer)
{
    cJSON *results = NULL;

    fathom(RUN_TABLETOP(
        "-a", "command", "-s",
        "command=read -r line; echo \"$line\" | sed '" ANSWER("") "'; read -r line; exit 1"));
    expect_success();
    cr_assert(eq(int, fm_json_load("run/results.json", 1 << 20, &results, NULL), FM_OK));
    const cJSON *counts = fm_json_get(results, "counts");
    cr_expect(eq(dbl, fm_json_number(counts, "empty", -1), SCENES / 2));
    cr_expect(eq(dbl, fm_json_number(counts, "api_error", -1), SCENES / 2));
    cJSON_Delete(results);
}

Test(runs, end_when_the_program_cannot_be_started)
{
    fathom(RUN_TABLETOP("-a", "command", "-s", "command=exit 7"));
    expect_failure(1,
                   "fathom: sample '2': 'exit 7' failed 3 times in a row: the program ended with "
                   "exit code 7 instead of a reply\n");
    cr_expect(not(fm_file_exists("run/results.json")));
}

Test(runs, cannot_be_kept_where_nothing_can_be_written)
{
    fathom("run", "tabletop", "--data", "data", "-a", "oracle", "--out", "/dev/null/run");
    cr_expect(eq(int, last.code, 1));
    cr_expect(contains(ERR, "fathom: cannot create folder '/dev/null"), "%s", ERR);
    fathom("run", "tabletop", "--data", "data", "-a", "oracle", "--out", "data");
    expect_failure(2, "fathom: folder 'data' is not empty and holds no run; choose another --out\n"
                      "try 'fathom help run'\n");
}

Test(runs, name_the_data_that_is_missing)
{
    fathom("run", "tabletop", "--data", "nowhere", "-a", "oracle");
    expect_failure(4, "fathom: there is no data folder 'nowhere'\n");
    cr_assert(eq(int, mkdir("empty", 0777), 0));
    fathom("run", "tracespatial", "--data", "empty", "-a", "oracle");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "has no trajectory_dataset.json"), "%s", ERR);
}

Test(runs, can_be_begun_again_when_the_first_setting_was_wrong)
{
    fathom(RUN_TABLETOP("-a", "replay"));
    expect_failure(2, "fathom: adapter 'replay' needs a file: --set file=PATH\n"
                      "try 'fathom help run'\n");
    fathom(RUN_TABLETOP("-a", "replay", "-s", "file=missing.jsonl"));
    expect_failure(1, "fathom: cannot open 'missing.jsonl': No such file or directory\n");
    scratch_write("there.jsonl", "", 0);
    fathom(RUN_TABLETOP("-a", "replay", "-s", "file=there.jsonl"));
    expect_success();
    expect_journal(SCENES, "skipped");
    fathom(RUN_TABLETOP("-a", "oracle"));
    expect_success();
    cr_expect(contains(file_text("run/results.json"), "\"skipped\": 0"), "all were asked again");
    fathom(RUN_TABLETOP("-a", "centre"));
    cr_expect(eq(int, last.code, 2), "a run with replies is kept");
}

/* A limit on the size of files stands for a full disk: a write fails half-way. */
Test(runs, keep_what_was_answered_when_the_disk_is_full)
{
    char line[1024];

    snprintf(line, sizeof(line),
             "trap '' XFSZ; ulimit -f 3; exec '%s' run tabletop --data data --out run -a oracle "
             "2>stderr >stdout",
             getenv("FATHOM_BIN"));
    cr_expect(eq(int, WEXITSTATUS(system(line)), 1));
    size_t kept = journal_lines();
    cr_expect(kept > 0 && kept < SCENES, "%zu replies", kept);
    cr_expect(not(fm_file_exists("run/results.json")));
    fathom(RUN_TABLETOP("-a", "oracle"));
    expect_success();
    cr_expect(eq(str, ERR, ""), "no torn line was left");
    expect_journal(SCENES, "ok");
}

/* ---- documentation ---- */

Test(runs, the_example_of_the_documentation_answers)
{
    char words[1024];

    if (system("python3 -c '' 2>/dev/null") != 0 || !getenv("FATHOM_SOURCE_DIR"))
        cr_skip_test("python3 is not there");
    snprintf(words, sizeof(words), "command=python3 '%s/docs/examples/answer.py'",
             getenv("FATHOM_SOURCE_DIR"));
    fathom(RUN_TABLETOP("--adapter", "command", "--set", words));
    expect_success();
    expect_journal(SCENES, "ok");
    cr_expect(contains(file_text("run/results.json"), "\"parse_error\": 0,"));
}

/* ---- worlds ---- */

Test(runs, a_larger_world_begins_with_the_smaller_one)
{
    fathom("world", "--count", "2", "--size", "64x48", "--out", "less");
    expect_success();
    cr_expect(eq(str, OUT, "less\n"));
    cr_expect(eq(int, system("cmp less/raw_data/1/image.png data/raw_data/1/image.png"), 0));
    fathom("world", "--count", "2", "--size", "64", "--out", "bad");
    expect_failure(
        2, "fathom: option '--size' wants WIDTHxHEIGHT with sides from 32 to 4096, not '64'\n"
           "try 'fathom help world'\n");
    fathom("world", "--family", "relation", "--out", "bad");
    expect_failure(2, "fathom: the layout 'benchmark' has none of these families of questions\n"
                      "try 'fathom help world'\n");
    fathom("world", "--place", "moon", "--out", "bad");
    expect_failure(2, "fathom: option '--place' does not know 'moon': see 'fathom help world'\n"
                      "try 'fathom help world'\n");
    fathom("world", "--out", "empty/../data");
    cr_expect(eq(int, last.code, 2), "a folder with other scenes is refused: %s", ERR);
}

/* What is written to train on is what `fathom reward` reads: a right reply earns all that there is. */
Test(runs, a_trainer_can_reward_what_a_world_writes)
{
    if (system("python3 -c '' 2>/dev/null") != 0)
        cr_skip_test("python3 is not there");
    fathom("world", "--layout", "training", "--family", "trace3d", "--count", "1", "--size",
           "96x96", "--out", "train");
    expect_success();
    cr_expect(
        eq(int,
           system("python3 -c 'import json; q = json.loads(open(\"train/scenes.jsonl\").readline())"
                  "[\"qa\"][0]; print(json.dumps({\"id\": 1, \"truth\": q[\"truth\"], \"reply\": "
                  "\"<think>\" + \"\\n\".join(q[\"steps\"]) + \"</think><answer>\" + q[\"answer\"] "
                  "+ \"</answer>\"}))' > line && \"$FATHOM_BIN\" reward < line > rewards && "
                  "grep -q '\"reward\": 3.49' rewards && grep -q '\"r_acc\": 1,' rewards"),
           0));
}

Test(runs, what_a_killed_process_left_unfinished_goes_with_the_next_start)
{
    fathom(RUN_TABLETOP("-a", "centre"));
    expect_success();
    cr_assert(fm_file_write_atomic("run/samples.jsonl.tmp.123", "x", 1, NULL) == FM_OK);
    cr_assert(fm_file_write_atomic("run/results@paper.json.tmp.9", "x", 1, NULL) == FM_OK);
    cr_assert(fm_file_write_atomic("run/notes.tmp.9", "mine", 4, NULL) == FM_OK);
    fathom("score", "run");
    expect_success();
    cr_expect(not(fm_file_exists("run/samples.jsonl.tmp.123")));
    cr_expect(not(fm_file_exists("run/results@paper.json.tmp.9")));
    cr_expect(fm_file_exists("run/notes.tmp.9"), "what is not ours stays");
}

Test(runs, damaged_data_is_told_and_not_only_left_out)
{
    cr_assert(fm_file_write_atomic("data/raw_data/2/mask.png", "", 0, NULL) == FM_OK);
    fathom(RUN_TABLETOP("-a", "oracle"));
    expect_success();
    cr_expect(contains(ERR, "1 of 6 samples have missing or damaged data"), "%s", ERR);
    cr_expect(contains(ERR, "first sample '2': "), "%s", ERR);
    cr_expect(contains(ERR, "mask.png' is empty"), "%s", ERR);
}

/* Another prompt is another run: nothing of the one is taken for the other's. */
Test(runs, another_prompt_is_named_and_never_resumed_into)
{
    const char *source = getenv("FATHOM_SOURCE_DIR");
    char data[FM_PATH_BYTES];
    fm_buf manifest = {0};

    snprintf(data, sizeof(data), "%s/tests/data/suites/cv-bench/data", source ? source : ".");
    cr_assert(eq(int, fm_file_write_atomic("terse.txt", "{task} One letter.\n", 19, NULL), FM_OK));
    fathom("run", "cv-bench", "--data", data, "-a", "oracle", "--out", "run");
    expect_success();
    fathom("run", "cv-bench", "--data", data, "-a", "oracle", "--out", "run", "--prompt",
           "terse.txt");
    cr_expect(eq(int, last.code, 2), "%s", ERR);
    cr_expect(contains(ERR, "prompt"), "%s", ERR);

    fathom("run", "cv-bench", "--data", data, "-a", "oracle", "--prompt", "terse.txt");
    expect_success();
    cr_expect(contains(OUT, "oracle, prompt terse.txt"), "%s", OUT);
    cr_assert(eq(int,
                 fm_file_read("runs/cv-bench-official-oracle-terse.txt/manifest.json", 1 << 20,
                              &manifest, NULL),
                 FM_OK));
    cr_expect(contains(fm_buf_text(&manifest), "\"text\": \"{task} One letter.\""));
    cr_expect(contains(fm_buf_text(&manifest), "\"file\": \"terse.txt\""));
    fm_buf_release(&manifest);

    fathom("run", "cv-bench", "--data", data, "-a", "oracle", "--prompt", "none.txt");
    cr_expect(eq(int, last.code, 1), "%s", ERR);
    cr_expect(contains(ERR, "none.txt"), "%s", ERR);
}
