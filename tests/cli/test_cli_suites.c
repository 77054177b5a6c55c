/* Every suite from end to end on a miniature in its true format: tests/data/suites/<suite> has the data and, in
 * expect.json, what the program must make of it. The truth reaches each protocol's ceiling, what is wrong its floor,
 * and replies get the scores that were worked by hand. One test a task; a task or a protocol that no
 * expect.json covers fails. */
#include "program.h"

#include <criterion/parameterized.h>
#include <fnmatch.h>

#include "../support/test_catalog.h"
#include "base/json.h"
#include "base/size.h"

/* ---- what is expected ---- */

typedef struct {
    char suite[64], task[64];
} subject;

enum { MAX_SUBJECTS = 256 };

/* NULL, with *err, where the catalogue cannot be read. */
static fm_suite *find_suites(size_t *n, fm_err *err)
{
    static fm_arena arena;
    fm_suite *suites = NULL;

    return fm_catalog_suites(test_catalog(), &arena, &suites, n, err) == FM_OK ? suites : NULL;
}

static fm_suite *all_suites(size_t *n)
{
    fm_err err = {0};
    fm_suite *suites = find_suites(n, &err);

    if (!suites)
        cr_fatal("no suites: %s", err.text);
    return suites;
}

static const fm_suite *suite_named(const char *name)
{
    size_t n;
    const fm_suite *suites = all_suites(&n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(suites[i].name, name) == 0)
            return &suites[i];
    cr_fatal("no suite '%s'", name);
}

static const fm_task *task_named(const fm_suite *suite, const char *name)
{
    for (size_t i = 0; i < suite->n_tasks; i++)
        if (strcmp(suite->tasks[i].name, name) == 0)
            return &suite->tasks[i];
    cr_fatal("no task '%s'", name);
}

/* A path in the suite's folder of miniatures; static. */
static char *miniature(const char *suite, const char *name)
{
    static char paths[2][FM_PATH_BYTES];
    static unsigned turn;
    const char *source = getenv("FATHOM_SOURCE_DIR");
    char *out = paths[turn++ % 2];

    snprintf(out, sizeof(paths[0]), "%s/tests/data/suites/%s/%s", source ? source : ".", suite,
             name);
    return out;
}

static cJSON *load(const char *path)
{
    cJSON *root = NULL;
    fm_err err = {0};

    if (fm_json_load(path, 4 << 20, &root, &err) != FM_OK)
        cr_fatal("%s", err.text);
    return root;
}

/* The entries of expect.json (docs/adding-a-suite.md); `target` is a pattern of "<task>@<protocol>". */
static cJSON *expected_runs(const char *suite)
{
    static const char *const known[] = {"why",     "target",   "n",       "oracle",
                                        "wrong",   "answers",  "replies", "judgements",
                                        "results", "statuses", "samples"};
    cJSON *root = load(miniature(suite, "expect.json"));
    cJSON *runs = cJSON_DetachItemFromObjectCaseSensitive(root, "runs");
    const cJSON *run, *member;

    cJSON_Delete(root);
    cr_assert(ne(ptr, runs, NULL), "%s: no 'runs'", suite);
    cJSON_ArrayForEach(run, runs)
    {
        cJSON_ArrayForEach(member, run)
        {
            size_t i = 0;

            while (i < FM_COUNT_OF(known) && strcmp(known[i], member->string) != 0)
                i++;
            cr_expect(lt(sz, i, FM_COUNT_OF(known)), "%s: unknown member '%s'", suite,
                      member->string);
        }
    }
    return runs;
}

static bool is_about(const cJSON *run, const char *task, const char *protocol)
{
    const char *pattern = fm_json_string(run, "target");
    char target[160];

    snprintf(target, sizeof(target), "%s@%s", task, protocol);
    return pattern && fnmatch(pattern, target, 0) == 0;
}

/* ---- what came out ---- */

/* null: there is no value */
static void expect_value(const cJSON *expected, const cJSON *actual, const char *place)
{
    char *found = actual ? cJSON_PrintUnformatted(actual) : NULL;

    if (cJSON_IsNumber(expected))
        cr_expect(ieee_ulp_eq(dbl, cJSON_GetNumberValue(actual), expected->valuedouble, 4),
                  "%s is %s", place, found ? found : "absent");
    else
        cr_expect(eq(int, actual ? actual->type : cJSON_NULL, expected->type), "%s is %s", place,
                  found ? found : "absent");
    cJSON_free(found);
}

static void expect_aggregates(const cJSON *expected, const char *results, const char *place)
{
    cJSON *root = load(results);
    const cJSON *item, *aggregates = fm_json_get(root, "aggregates");
    char at[320];

    cJSON_ArrayForEach(item, expected)
    {
        snprintf(at, sizeof(at), "%s: %s", place, item->string);
        expect_value(item, fm_json_get(fm_json_get(aggregates, item->string), "value"), at);
    }
    cJSON_Delete(root);
}

/* Statuses that are not named occur never. */
static void expect_statuses(const cJSON *expected, const char *results, const char *place)
{
    cJSON *root = load(results);
    const cJSON *count;

    cJSON_ArrayForEach(count, fm_json_get(root, "counts"))
        cr_expect(eq(dbl, count->valuedouble, fm_json_number(expected, count->string, 0)), "%s: %s",
                  place, count->string);
    cJSON_Delete(root);
}

/* What a reader took the numbers of the answer for. */
static void expect_space(const cJSON *expected, const cJSON *answer, const char *place)
{
    const char *found = fm_json_string(answer, "space");

    cr_expect(eq(str, (char *)(found ? found : "none"), cJSON_GetStringValue(expected)), "%s",
              place);
}

static void expect_samples(const cJSON *expected, const char *samples, const char *place)
{
    int found = 0;
    bool more;
    fm_lines lines;

    cr_assert(eq(int, fm_lines_open(&lines, samples, 0, NULL), FM_OK));
    while (fm_lines_next(&lines, &more, NULL) == FM_OK && more) {
        cJSON *line = cJSON_Parse(lines.line);
        const char *id = fm_json_string(line, "id");
        const cJSON *item, *sample = id ? fm_json_get(expected, id) : NULL;
        char at[320];

        found += sample != NULL;
        cJSON_ArrayForEach(item, sample)
        {
            snprintf(at, sizeof(at), "%s: sample '%s': %s", place, id, item->string);
            if (strcmp(item->string, "space") == 0)
                expect_space(item, fm_json_get(line, "answer"), at);
            else
                expect_value(item, fm_json_get(fm_json_get(line, "metrics"), item->string), at);
        }
        cJSON_Delete(line);
    }
    fm_lines_close(&lines);
    cr_expect(eq(int, found, cJSON_GetArraySize(expected)), "%s: samples", place);
}

static void expect_count(const cJSON *run, const char *results, const char *place)
{
    cJSON *root = load(results);

    if (fm_json_get(run, "n"))
        cr_expect(eq(dbl, fm_json_number(root, "n", -1), fm_json_number(run, "n", 0)), "%s", place);
    cJSON_Delete(root);
}

/* ---- running ---- */

/* The folder of a suite's data: its miniature, or, where the suite generates it, a few small scenes of the same
 * kind. */
static char *data_of(const fm_suite *suite)
{
    if (!suite->generator)
        return miniature(suite->name, "data");
    if (strcmp(suite->generator, "world-questions") == 0) {
        fathom("world", "--layout", "questions", "--count", "3", "--size", "160x120", "--out",
               "questions");
        expect_success();
        return "questions";
    }
    if (!fm_dir_exists("scenes")) {
        fathom("world", "--out", "scenes", "--count", "3", "--size", "160x120");
        expect_success();
    }
    return "scenes";
}

/* `fathom run TARGET --out OUT`, then more words up to NULL, and the form of answers that `run` of expect.json asks
 * for (NULL: the task's). */
#define run_target(suite, run, target, out, ...)                                                   \
    run_words(suite, run,                                                                          \
              (char *[]){getenv("FATHOM_BIN"), "run", target, "--out", out, __VA_ARGS__, NULL,     \
                         NULL, NULL, NULL, NULL})

static void run_words(const fm_suite *suite, const cJSON *run, char **words)
{
    const char *answers = fm_json_string(run, "answers");
    size_t n = 0;

    while (words[n])
        n++;
    words[n++] = "--data";
    words[n++] = data_of(suite);
    if (answers) {
        words[n++] = "--answers";
        words[n++] = (char *)answers;
    }
    program_wait(program_start(words, "stdout"));
    expect_success();
}

static void check_baseline(const fm_suite *suite, const cJSON *run, char *target, char *adapter)
{
    const cJSON *expected = fm_json_get(run, adapter);
    char out[200], results[240], place[240];

    if (!expected)
        return;
    snprintf(out, sizeof(out), "%s of %s", adapter, target);
    snprintf(results, sizeof(results), "%s/results.json", out);
    snprintf(place, sizeof(place), "%s, %s", target, adapter);
    run_target(suite, run, target, out, "-a", adapter);
    expect_count(run, results, place);
    expect_aggregates(expected, results, place);
}

static void lay_judgements(const char *from, const char *run)
{
    char to[200];
    fm_buf text = {0};

    snprintf(to, sizeof(to), "%s/judgements.jsonl", run);
    cr_assert(eq(int, fm_file_read(from, 1 << 20, &text, NULL), FM_OK), "%s", from);
    cr_assert(eq(int, fm_file_write_atomic(to, text.data, text.size, NULL), FM_OK));
    fm_buf_release(&text);
}

/* The first protocol of a task that a file of replies is for asks; the others grade what was replied. */
static void check_replies(const fm_suite *suite, const cJSON *run, char *target)
{
    const char *replies = fm_json_string(run, "replies"), *protocol = strchr(target, '@') + 1;
    const char *judgements = fm_json_string(run, "judgements");
    char file[FM_PATH_BYTES], out[128], results[240], samples[240], suffix[80] = "";

    if (!replies)
        return;
    snprintf(file, sizeof(file), "file=%s", miniature(suite->name, replies));
    snprintf(out, sizeof(out), "run of %s", replies);
    bool fresh = !fm_dir_exists(out);
    if (fresh)
        run_target(suite, run, target, out, "-a", "replay", "--set", file);
    if (judgements)
        lay_judgements(miniature(suite->name, judgements), out);
    if (!fresh || judgements) {
        fathom("score", out, "--protocol", (char *)protocol);
        expect_success();
    }
    if (!fresh)
        snprintf(suffix, sizeof(suffix), "@%s", protocol);
    snprintf(results, sizeof(results), "%s/results%s.json", out, suffix);
    snprintf(samples, sizeof(samples), "%s/samples%s.jsonl", out, suffix);
    expect_count(run, results, target);
    expect_aggregates(fm_json_get(run, "results"), results, target);
    if (fm_json_get(run, "statuses"))
        expect_statuses(fm_json_get(run, "statuses"), results, target);
    if (fm_json_get(run, "samples"))
        expect_samples(fm_json_get(run, "samples"), samples, target);
}

/* ---- the tests ---- */

TestSuite(suites, .init = program_begin, .fini = program_end);

/* A failure here, where no test runs yet, would be waited for without end: without a catalogue there is one
 * subject of no name, and the test of it says why. */
static struct criterion_test_params all_tasks(void)
{
    static subject subjects[MAX_SUBJECTS];
    fm_err err = {0};
    size_t n_suites = 0, n = 0;
    const fm_suite *suites = find_suites(&n_suites, &err);

    if (!suites)
        return cr_make_param_array(subject, subjects, 1, NULL);
    for (size_t i = 0; i < n_suites; i++)
        for (size_t t = 0; t < suites[i].n_tasks && n < MAX_SUBJECTS; t++) {
            snprintf(subjects[n].suite, sizeof(subjects[n].suite), "%s", suites[i].name);
            snprintf(subjects[n++].task, sizeof(subjects[n].task), "%s", suites[i].tasks[t].name);
        }
    return cr_make_param_array(subject, subjects, n, NULL);
}

ParameterizedTestParameters(suites, each_task_scores_as_worked_by_hand)
{
    return all_tasks();
}

ParameterizedTest(subject *s, suites, each_task_scores_as_worked_by_hand)
{
    const fm_suite *suite = suite_named(s->suite);
    const fm_task *task = task_named(suite, s->task);
    cJSON *runs = expected_runs(s->suite);
    bool right = false, wrong = false;
    const cJSON *run;

    for (size_t p = 0; task->protocols[p]; p++) {
        char target[160];

        snprintf(target, sizeof(target), "%s@%s", task->name, task->protocols[p]);
        cJSON_ArrayForEach(run, runs)
        {
            if (!is_about(run, task->name, task->protocols[p]))
                continue;
            right = right || fm_json_get(run, "oracle");
            wrong = wrong || fm_json_get(run, "wrong");
            check_baseline(suite, run, target, "oracle");
            check_baseline(suite, run, target, "wrong");
            check_replies(suite, run, target);
        }
    }
    cr_expect(right && wrong, "no ceiling or no floor of '%s'", s->task);
    cJSON_Delete(runs);
}

/* Whether a task of that kind has the member under the protocol. */
static bool has(const char *member, const fm_suite *suite, const cJSON *runs, fm_answer_kind kind,
                const char *protocol)
{
    const cJSON *run;

    cJSON_ArrayForEach(run, runs)
    {
        for (size_t t = 0; t < suite->n_tasks; t++)
            if (suite->tasks[t].kind == kind && fm_json_get(run, member) &&
                is_about(run, suite->tasks[t].name, protocol))
                return true;
    }
    return false;
}

static bool is_about_any(const fm_suite *suite, const cJSON *run)
{
    for (size_t t = 0; t < suite->n_tasks; t++)
        for (size_t p = 0; suite->tasks[t].protocols[p]; p++)
            if (is_about(run, suite->tasks[t].name, suite->tasks[t].protocols[p]))
                return true;
    return false;
}

/* Tasks share protocols, so one of their kind is enough for each; replies, since parsers and metrics are to be held
 * against something other than themselves. And no expectation is about nothing. */
Test(suites, every_protocol_has_a_ceiling_a_floor_and_replies_worked_by_hand)
{
    static const char *const needed[] = {"oracle", "wrong", "replies"};
    size_t n;
    const fm_suite *suites = all_suites(&n);

    for (size_t i = 0; i < n; i++) {
        const fm_suite *suite = &suites[i];
        cJSON *runs = expected_runs(suite->name);
        const cJSON *run;

        for (size_t t = 0; t < suite->n_tasks; t++) {
            const fm_task *task = &suite->tasks[t];

            for (size_t p = 0; task->protocols[p]; p++)
                for (size_t k = 0; k < FM_COUNT_OF(needed); k++)
                    cr_expect(has(needed[k], suite, runs, task->kind, task->protocols[p]),
                              "'%s@%s' has no '%s'", task->name, task->protocols[p], needed[k]);
        }
        cJSON_ArrayForEach(run, runs) cr_expect(is_about_any(suite, run), "'%s' is no task of '%s'",
                                                fm_json_string(run, "target"), suite->name);
        cJSON_Delete(runs);
    }
}

/* ---- what a model is shown ---- */

/* The first sample that the run in `out` asked about; its arena is the caller's. */
static fm_sample first_sample(const fm_suite *suite, const fm_task *task, const char *out,
                              fm_arena *arena)
{
    char path[FM_PATH_BYTES];
    const fm_loader_ops *loader;
    fm_sample sample = {0};
    fm_err err = {0};
    void *state;
    bool more;

    snprintf(path, sizeof(path), "%s/manifest.json", out);
    cJSON *manifest = load(path);
    const fm_loader_config config = {.data_dir =
                                         fm_json_string(fm_json_get(manifest, "data"), "dir"),
                                     .kind = task->kind,
                                     .data = task->data,
                                     .pictures_dir = scratch_path("pictures")};
    if (fm_catalog_loader(test_catalog(), suite->loader, &loader, &err) != FM_OK ||
        loader->open(&state, &config, &err) != FM_OK ||
        loader->next(state, arena, &sample, &more, &err) != FM_OK ||
        (loader->complete && loader->complete(state, arena, &sample, &err) != FM_OK))
        cr_fatal("%s", err.text);
    loader->close(state);
    cJSON_Delete(manifest);
    return sample;
}

/* A program that keeps the request and answers A. */
static const char answers_a[] = "command=tee asked | sed -u 's/.*\"id\": "
                                "*\"\\([^\"]*\\)\".*/{\"id\": \"\\1\", \"text\": \"A\"}/'";

static cJSON *request_of_last_run(void)
{
    fm_buf asked = {0};

    if (fm_file_read("asked", 1 << 20, &asked, NULL) != FM_OK)
        cr_fatal("nothing was asked");
    cJSON *request = cJSON_Parse(fm_buf_text(&asked));
    fm_buf_release(&asked);
    return request;
}

static bool is_request_member(const char *name)
{
    static const char *const known[] = {"schema",  "id",    "task",   "prompt", "kind",
                                        "answers", "image", "images", "depth",  "camera"};

    for (size_t i = 0; i < FM_COUNT_OF(known); i++)
        if (strcmp(known[i], name) == 0)
            return true;
    return false;
}

ParameterizedTestParameters(suites, a_model_sees_question_and_pictures_alone)
{
    return all_tasks();
}

ParameterizedTest(subject *s, suites, a_model_sees_question_and_pictures_alone)
{
    const fm_suite *suite = suite_named(s->suite);
    const fm_task *task = task_named(suite, s->task);
    fm_arena arena = {0};
    const cJSON *member;

    run_target(suite, NULL, (char *)task->name, "run", "-n", "1", "-a", "command", "--set",
               (char *)answers_a);
    cJSON *request = request_of_last_run();
    char *text = cJSON_Print(request);
    fm_sample sample = first_sample(suite, task, "run", &arena);

    cJSON_ArrayForEach(member, request)
        cr_expect(is_request_member(member->string), "'%s' is sent", member->string);
    cr_expect(eq(str, (char *)fm_json_string(request, "id"), (char *)sample.id));
    cr_expect(strstr(fm_json_string(request, "prompt"), sample.instruction) != NULL, "%s", text);
    cr_expect(eq(int, fm_json_string(request, "image") != NULL, sample.image_path != NULL));
    cr_expect(eq(int, cJSON_GetArraySize(fm_json_get(request, "images")),
                 sample.n_more_images ? sample.n_more_images + 1 : 0));
    if (sample.mask_path)
        cr_expect(not(contains(text, fm_path_base(sample.mask_path))));
    cJSON_Delete(request);
    cJSON_free(text);
    fm_arena_release(&arena);
}

Test(suites, a_video_is_shown_in_as_many_frames_as_asked_for)
{
    run_target(suite_named("vsi-bench"), NULL, "vsi-bench-choice", "run", "-n", "1", "-a",
               "command", "--frames", "2", "--set", (char *)answers_a);
    cJSON *request = request_of_last_run();
    const cJSON *images = fm_json_get(request, "images");

    cr_expect(eq(int, cJSON_GetArraySize(images), 2));
    cr_expect(
        contains(cJSON_GetStringValue(cJSON_GetArrayItem(images, 1)), "/frames/41069025/002.jpg"));
    cJSON_Delete(request);
    fathom("run", "cv-bench", "--data", miniature("cv-bench", "data"), "-a", "oracle", "--frames",
           "2");
    expect_failure(2, "fathom: task 'cv-bench': shows no video of which frames could be chosen\n"
                      "try 'fathom help run'\n");
}
