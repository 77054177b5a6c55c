/* Runs: asked once, resumed, refused when they differ, graded from the journal alone. The data is
 * two items without rasters, the adapter a table of this file. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "../support/scratch.h"
#include "../support/test_catalog.h"
#include "base/files.h"
#include "base/json.h"
#include "core/run.h"
#include "core/view.h"

#define RECORD(id)                                                                                 \
    "{\"question_id\": " id ", \"prompt\": \"move it\", \"target_object\": \"cup\", "              \
    "\"trajectory\": [[0, 0, 1], [0.1, 0, 1.5]], \"bbox_center\": [0.1, 0, 1.5], "                 \
    "\"bbox_extent\": [0.2, 0.2, 0.2], \"bbox_rotation\": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "     \
    "\"gt_depth_intrinsics\": [[400, 0, 256], [0, 400, 192], [0, 0, 1]]"

static char runs_dir[512], data_dir[512];

static void make_data(void)
{
    static const char dataset[] = "[" RECORD("0") "}, " RECORD("1") "}, " RECORD("2") "}]";

    scratch_make();
    snprintf(data_dir, sizeof(data_dir), "%s", scratch_path("data"));
    snprintf(runs_dir, sizeof(runs_dir), "%s", scratch_path("run"));
    mkdir(data_dir, 0777);
    scratch_write("data/trajectory_dataset.json", dataset, sizeof(dataset) - 1);
}

TestSuite(run, .init = make_data, .fini = scratch_remove);

/* ---- an adapter that counts, and can be told to fail or to be slow ---- */

static int asked;
static const fm_sample *seen_truth;
static const char *reply_text = "[(256, 192, 1.0), (300, 192, 1.5)]";
static fm_sample_status reply_status = FM_SAMPLE_OK;
static fm_status fail_with = FM_OK;
static volatile sig_atomic_t stop_after_one;
static bool stop_it;
static size_t limit;
static const char *filter; /* NULL: none */
static int repeat;

static fm_status fake_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    (void)config, (void)err;
    *state = &asked;
    return FM_OK;
}

static fm_status fake_generate(void *state, const fm_request *request, const fm_sample *truth,
                               fm_reply *reply, fm_err *err)
{
    (void)state, (void)request;
    asked++;
    seen_truth = truth;
    if (fail_with != FM_OK && asked == 2)
        return fm_fail(err, fail_with, "the second call fails");
    *reply = (fm_reply){.status = reply_status, .text = reply_text, .size = strlen(reply_text)};
    if (stop_it)
        stop_after_one = 1;
    return FM_OK;
}

static void fake_close(void *state)
{
    (void)state;
}

static const fm_adapter_ops fake = {.name = "fake",
                                    .summary = "counts its calls",
                                    .open = fake_open,
                                    .generate = fake_generate,
                                    .close = fake_close};

static const fm_catalog *catalog(void)
{
    static const fm_adapter_ops *const adapters[] = {&fake, NULL};
    static fm_catalog made;

    made = *test_catalog();
    made.adapters = adapters;
    return &made;
}

static fm_status execute(const char *target, fm_err *err)
{
    fm_run_options options = {.target = target,
                              .data_dir = data_dir,
                              .out_dir = runs_dir,
                              .adapter = "fake",
                              .selection = {.limit = limit, .repeat = repeat},
                              .jobs = 2,
                              .stop = &stop_after_one};

    if (filter)
        options.selection.filters[options.selection.n_filters++] = filter;
    *err = (fm_err){0};
    return fm_run_execute(catalog(), &options, err);
}

static void run_ok(const char *target)
{
    fm_err err;

    cr_assert(eq(int, execute(target, &err), FM_OK), "%s", err.text);
}

static fm_buf file(const char *name)
{
    char path[600];
    fm_buf bytes = {0};

    snprintf(path, sizeof(path), "%s/%s", runs_dir, name);
    cr_assert(eq(int, fm_file_read(path, 1 << 20, &bytes, NULL), FM_OK), "%s", path);
    return bytes;
}

static bool has_file(const char *name)
{
    char path[600];

    snprintf(path, sizeof(path), "%s/%s", runs_dir, name);
    return fm_file_exists(path);
}

Test(run, asks_each_sample_once_and_never_again)
{
    run_ok("tracespatial-3d@paper");
    cr_assert(eq(int, asked, 3));
    fm_buf first = file("samples.jsonl");
    run_ok("tracespatial-3d@paper");
    cr_assert(eq(int, asked, 3));
    fm_buf second = file("samples.jsonl");
    cr_assert(eq(str, first.data, second.data));
    fm_buf_release(&first);
    fm_buf_release(&second);
}

Test(run, an_adapter_that_is_not_flagged_never_gets_the_truth)
{
    run_ok("tracespatial-3d");
    cr_assert(seen_truth == NULL);
}

Test(run, a_failure_keeps_what_was_journalled_and_a_rerun_goes_on)
{
    fm_err err;

    fail_with = FM_E_IO;
    cr_assert(eq(int, execute("tracespatial-3d", &err), FM_E_IO));
    cr_assert(strstr(err.text, "sample '1'") != NULL, "%s", err.text);
    cr_assert(has_file("results.json") == false);
    fail_with = FM_OK;
    run_ok("tracespatial-3d");
    cr_assert(eq(int, asked, 4)); /* 0, 1 failed, 1 again, 2 */
    cr_assert(has_file("results.json"));
}

Test(run, an_interruption_saves_and_says_so)
{
    fm_err err;

    stop_it = true;
    cr_assert(eq(int, execute("tracespatial-3d", &err), FM_E_INTERRUPTED));
    cr_assert(eq(int, asked, 1));
    stop_it = false;
    stop_after_one = 0;
    run_ok("tracespatial-3d");
    cr_assert(eq(int, asked, 3));
}

Test(run, another_run_in_the_same_folder_is_refused)
{
    fm_err err;

    run_ok("tracespatial-3d@paper");
    cr_assert(eq(int, execute("tracespatial-3d@reference", &err), FM_E_USAGE));
    cr_assert(strstr(err.text, "its protocol is 'paper', not 'reference'") != NULL, "%s", err.text);
    cr_assert(eq(int, execute("tracespatial-2d@paper", &err), FM_E_USAGE));
    cr_assert(strstr(err.text, "task") != NULL, "%s", err.text);
}

Test(run, a_folder_with_other_things_is_refused)
{
    fm_err err;

    mkdir(runs_dir, 0777);
    scratch_write("run/thesis.tex", "x", 1);
    cr_assert(eq(int, execute("tracespatial-3d", &err), FM_E_USAGE));
    cr_assert(strstr(err.text, "holds no run") != NULL, "%s", err.text);
}

Test(run, unknown_names_are_refused_with_the_nearest)
{
    fm_err err;

    cr_assert(eq(int, execute("tracespatal-3d", &err), FM_E_USAGE));
    cr_assert(strstr(err.text, "did you mean 'tracespatial-3d'") != NULL, "%s", err.text);
    cr_assert(eq(int, execute("tracespatial-3d@papre", &err), FM_E_USAGE));
    cr_assert(strstr(err.text, "did you mean 'paper'") != NULL, "%s", err.text);
    cr_assert(eq(int, execute("zzzzzzzz", &err), FM_E_USAGE));
    cr_assert(strstr(err.text, "fathom list suites") != NULL, "%s", err.text);
}

/* flock belongs to an open file, so a second descriptor stands for a second process. */
Test(run, a_second_process_on_the_directory_is_refused)
{
    fm_run_options options = {.jobs = 1};
    char path[600];
    fm_err err;

    run_ok("tracespatial-3d");
    snprintf(path, sizeof(path), "%s/lock", runs_dir);
    int fd = open(path, O_RDWR);
    cr_assert(eq(int, flock(fd, LOCK_EX), 0));
    cr_assert(eq(int, execute("tracespatial-3d", &err), FM_E_LOCKED));
    cr_assert(strstr(err.text, "another process is working on") != NULL, "%s", err.text);
    cr_assert(eq(int, fm_run_score(catalog(), runs_dir, NULL, 0, &options, &err), FM_E_LOCKED));
    close(fd);
    run_ok("tracespatial-3d");
}

Test(run, a_reply_that_is_no_answer_is_not_parsed_as_one)
{
    reply_status = FM_SAMPLE_API_ERROR;
    run_ok("tracespatial-3d@paper");
    fm_buf samples = file("samples.jsonl"), results = file("results.json");
    cr_assert(strstr(samples.data, "\"status\": \"api_error\"") != NULL);
    cr_assert(strstr(samples.data, "\"points\": []") != NULL);
    cr_assert(strstr(results.data, "\"api_error\": 3") != NULL);
    cr_assert(strstr(results.data, "\"errored\": 3") != NULL);
    fm_buf_release(&samples);
    fm_buf_release(&results);
}

Test(run, what_failed_on_the_way_to_the_model_is_asked_again)
{
    reply_status = FM_SAMPLE_TIMEOUT;
    run_ok("tracespatial-3d@paper");
    reply_status = FM_SAMPLE_REFUSED; /* this is the model's word */
    run_ok("tracespatial-3d@paper");
    cr_assert(eq(int, asked, 6));
    run_ok("tracespatial-3d@paper");
    cr_assert(eq(int, asked, 6));
    fm_buf results = file("results.json");
    cr_assert(strstr(results.data, "\"refused\": 3") != NULL);
    cr_assert(strstr(results.data, "\"timeout\": 0") != NULL);
    fm_buf_release(&results);
}

Test(run, without_intrinsics_the_status_still_describes_the_reply)
{
    static const char bare[] =
        "[{\"id\": 0, \"prompt\": \"move it\", \"trajectory\": [[0, 0, 1]]}]";

    scratch_write("data/trajectory_dataset.json", bare, sizeof(bare) - 1);
    reply_text = "no idea";
    run_ok("tracespatial-3d@reference");
    fm_buf samples = file("samples.jsonl");
    cr_assert(strstr(samples.data, "\"status\": \"parse_error\"") != NULL, "%s", samples.data);
    cr_assert(strstr(samples.data, "the data has no intrinsics") != NULL, "%s", samples.data);
    fm_buf_release(&samples);
}

/* ---- other people's replies ---- */

static fm_status import(const char *text, size_t size, fm_err *err)
{
    const char *path = scratch_write("predictions.jsonl", text, size);
    fm_run_options options = {.target = "tracespatial-3d@paper",
                              .data_dir = data_dir,
                              .out_dir = runs_dir,
                              .answers = "tuples",
                              .jobs = 1};

    *err = (fm_err){0};
    return fm_run_import(catalog(), path, &options, err);
}

Test(run, bad_files_of_predictions_say_which_line_and_why)
{
    static const struct {
        const char *text, *message;
    } faults[] = {
        {"", "holds no predictions"},
        {"\n \n", "holds no predictions"},
        {"{\"question_id\": 0}\n{\"question_id\": 0}\n",
         "predictions.jsonl:2: id '0' stands already on line 1"},
        {"{\"question_id\": 0}\nnot json\n", "predictions.jsonl:2: not JSON"},
        {"{\"model_prediction\": \"x\"}\n", "predictions.jsonl:1: needs 'question_id'"},
        {"{\"question_id\": null}\n", "predictions.jsonl:1: 'question_id' must be a whole number"},
        {"{\"id\": \"\"}\n", "predictions.jsonl:1: 'id' must be a whole number"},
        {"[{\"question_id\": 0}]\n", "predictions.jsonl:1: no JSON object"},
        {"{\"question_id\": 0}\n{\"id\": \"1\"}\n", "predictions.jsonl:2: mixes"},
        {"{\"question_id\": 77}\n", "ids that the data"},
        {"{\"id\": \"0\", \"status\": \"great\"}\n", "unknown status 'great'"},
    };

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        fm_err err;

        cr_assert(eq(int, import(faults[i].text, strlen(faults[i].text), &err), FM_E_INPUT), "%zu",
                  i);
        cr_assert(strstr(err.text, faults[i].message) != NULL, "%zu: %s", i, err.text);
    }
}

Test(run, a_missing_prediction_is_skipped_and_counts_as_failure_under_paper)
{
    static const char one[] = "{\"question_id\": 1, \"model_prediction\": \"[(1, 2, 3.0)]\"}\n";
    fm_err err;

    cr_assert(eq(int, import(one, sizeof(one) - 1, &err), FM_OK), "%s", err.text);
    fm_buf results = file("results.json");
    cr_assert(strstr(results.data, "\"skipped\": 2") != NULL, "%s", results.data);
    fm_buf_release(&results);
}

Test(run, failures_of_other_settings_do_not_stand_beside_imported_replies)
{
    static const char one[] = "{\"question_id\": 1, \"model_prediction\": \"[(1, 2, 3.0)]\"}\n";
    fm_err err;

    reply_status = FM_SAMPLE_API_ERROR;
    run_ok("tracespatial-3d@paper");
    cr_assert(eq(int, import(one, sizeof(one) - 1, &err), FM_OK), "%s", err.text);
    fm_buf results = file("results.json");
    cr_assert(strstr(results.data, "\"ok\": 1") != NULL, "%s", results.data);
    cr_assert(strstr(results.data, "\"api_error\": 0") != NULL, "%s", results.data);
    fm_buf_release(&results);
}

/* The annotations of such a run stand in its folder: a refused import must not touch them. */
Test(run, a_refused_import_leaves_the_run_as_it_was)
{
    static const char first[] = RECORD("0") ", \"model_prediction\": \"[(1, 2, 3.0)]\"}\n";
    static const char other[] = RECORD("5") ", \"model_prediction\": \"[(1, 2, 3.0)]\"}\n";
    fm_run_options options = {.jobs = 1};
    fm_err err;

    remove(scratch_path("data/trajectory_dataset.json"));
    cr_assert(eq(int, import(first, sizeof(first) - 1, &err), FM_OK), "%s", err.text);
    fm_buf before = file("annotations.jsonl");
    cr_assert(eq(int, import(other, sizeof(other) - 1, &err), FM_E_USAGE));
    cr_assert(strstr(err.text, "holds another run") != NULL, "%s", err.text);
    fm_buf after = file("annotations.jsonl");
    cr_assert(eq(str, after.data, before.data));
    cr_assert(eq(int, fm_run_score(catalog(), runs_dir, NULL, 0, &options, &err), FM_OK), "%s",
              err.text);
    cr_assert(eq(int, import(first, sizeof(first) - 1, &err), FM_OK), "%s", err.text);
    fm_buf_release(&before);
    fm_buf_release(&after);
}

/* results*.json says that the run is complete, under these options. */
Test(run, results_under_another_protocol_go_when_the_run_changes)
{
    fm_run_options options = {.jobs = 1};
    fm_err err = {0};

    run_ok("tracespatial-3d@paper");
    cr_assert(eq(int,
                 fm_run_score(catalog(), runs_dir, &(const char *){"reference"}, 1, &options, &err),
                 FM_OK));
    cr_assert(has_file("results@reference.json"));
    limit = 2;
    run_ok("tracespatial-3d@paper");
    cr_assert(has_file("results@reference.json") == false);
}

Test(run, an_id_that_stands_twice_in_the_data_is_refused_before_anything_is_asked)
{
    static const char twice[] = "[" RECORD("0") "}, " RECORD("1") "}, " RECORD("0") "}]";
    fm_err err;

    scratch_write("data/trajectory_dataset.json", twice, sizeof(twice) - 1);
    cr_assert(eq(int, execute("tracespatial-3d", &err), FM_E_INPUT));
    cr_assert(strstr(err.text, "id '0' stands twice") != NULL, "%s", err.text);
    cr_assert(eq(int, asked, 0));
}

Test(run, a_limit_that_a_manifest_cannot_hold_is_refused)
{
    fm_err err;

    limit = SIZE_MAX;
    cr_assert(eq(int, execute("tracespatial-3d", &err), FM_E_USAGE));
    cr_assert(strstr(err.text, "limit") != NULL, "%s", err.text);
    cr_assert(has_file("manifest.json") == false);
}

static char noticed[512];

static void keep_notice(void *context, const char *text)
{
    size_t n = strlen(noticed);

    (void)context;
    snprintf(noticed + n, sizeof(noticed) - n, "%s\n", text);
}

/* Reading only: the torn line stays for the next `fathom run` to drop. */
Test(run, grading_a_run_that_was_killed_says_what_is_missing)
{
    fm_run_options options = {.jobs = 1, .notice = keep_notice};
    fm_err err;
    struct stat info;

    stop_it = true;
    cr_assert(eq(int, execute("tracespatial-3d@paper", &err), FM_E_INTERRUPTED));
    fm_buf replies = file("replies.jsonl");
    scratch_write("run/replies.jsonl", replies.data, replies.size - 5);
    cr_assert(eq(int, fm_run_score(catalog(), runs_dir, NULL, 0, &options, &err), FM_OK), "%s",
              err.text);
    cr_assert(strstr(noticed, "torn line") != NULL, "%s", noticed);
    cr_assert(strstr(noticed, "3 samples have no reply") != NULL, "%s", noticed);
    cr_assert(eq(int, stat(scratch_path("run/replies.jsonl"), &info), 0));
    cr_assert(eq(sz, (size_t)info.st_size, replies.size - 5));
    fm_buf_release(&replies);
}

#define PREDICTED(id, text) "{\"question_id\": " id ", \"model_prediction\": \"" text "\"}\n"
#define FENCED(points)      "```json\\n" points "\\n```"

/* Advice only where it is true: most answers are not read, and most of these are in the other form. */
Test(run, answers_in_the_other_form_are_pointed_out)
{
    static const struct {
        const char *form, *text, *advice; /* NULL: none */
    } rows[] = {
        {"tuples",
         PREDICTED("0", FENCED("[[1, 2, 3.0]]")) PREDICTED("1", FENCED("[[4, 5, 6]]"))
             PREDICTED("2", "no idea"),
         "3 of 3 replies could not be read as tuples; 2 of them read as json: --answers json\n"},
        {"json", PREDICTED("0", "[(1, 2, 3.0)]") PREDICTED("1", "[(1, 2, 3.0)]"),
         "2 of 2 replies could not be read as json; 2 of them read as tuples: --answers tuples\n"},
        {"tuples",
         PREDICTED("0", "[(1, 2, 3.0)]") PREDICTED("1", "[(1, 2, 3.0)]")
             PREDICTED("2", FENCED("[[1, 2, 3.0]]")),
         NULL},
        {"tuples", PREDICTED("0", "no") PREDICTED("1", "no") PREDICTED("2", FENCED("[[1, 2, 3]]")),
         NULL},
        {"tuples", /* no depths, so no help */
         PREDICTED("0", FENCED("[[1, 2]]")) PREDICTED("1", FENCED("[[1, 2]]"))
             PREDICTED("2", FENCED("[[1, 2]]")),
         NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[600];
        fm_err err = {0};
        fm_run_options options = {.target = "tracespatial-3d@paper",
                                  .data_dir = data_dir,
                                  .out_dir = out,
                                  .answers = rows[i].form,
                                  .jobs = 1,
                                  .notice = keep_notice};
        const char *path = scratch_write("predictions.jsonl", rows[i].text, strlen(rows[i].text));

        snprintf(out, sizeof(out), "%s-%zu", runs_dir, i);
        noticed[0] = '\0';
        cr_assert(eq(int, fm_run_import(catalog(), path, &options, &err), FM_OK), "%s", err.text);
        if (rows[i].advice)
            cr_expect(strstr(noticed, rows[i].advice) != NULL, "%zu: %s", i, noticed);
        else
            cr_expect(strstr(noticed, "read as") == NULL, "%zu: %s", i, noticed);
        if (i > 0)
            continue;
        /* A run that is graded again has its form: what it answered is imported by the other. */
        noticed[0] = '\0';
        options.target = options.out_dir = options.answers = NULL;
        cr_assert(eq(int, fm_run_score(catalog(), out, NULL, 0, &options, &err), FM_OK), "%s",
                  err.text);
        cr_expect(strstr(noticed, "a run keeps its form, 'fathom score --suite tracespatial-3d "
                                  "--predictions FILE --answers json --out DIR' grades") != NULL,
                  "%s", noticed);
    }
}

Test(run, an_exception_of_upstreams_client_is_no_answer)
{
    static const char text[] = "{\"question_id\": 0, \"model_prediction\": \"\", \"error\": "
                               "\"ReadTimeout()\"}\n";
    fm_err err;

    cr_assert(eq(int, import(text, sizeof(text) - 1, &err), FM_OK), "%s", err.text);
    fm_buf samples = file("samples.jsonl");
    cr_assert(strstr(samples.data, "\"status\": \"api_error\"") != NULL);
    fm_buf_release(&samples);
}

Test(run, bytes_of_a_reply_survive_import_and_grading)
{
    static const char text[] =
        "{\"question_id\": 0, \"model_prediction\": \"a\\u0000b\\ud800c\\u00e9\"}\n";
    fm_err err;
    fm_view *view = NULL;
    fm_view_sample sample;
    fm_arena arena = {0};
    bool more;
    char *bytes;
    size_t size;

    cr_assert(eq(int, import(text, sizeof(text) - 1, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, fm_view_open(&view, catalog(), runs_dir, NULL, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, fm_view_next(view, &sample, &more, &err), FM_OK), "%s", err.text);
    cr_assert(more && sample.has_sample);
    cr_assert(eq(
        int,
        fm_json_get_reply(fm_json_get(sample.line, "reply"), "text", &arena, &bytes, &size, NULL),
        FM_OK));
    cr_assert(bytes != NULL);
    cr_assert(size == 9 && memcmp(bytes,
                                  "a\0b\xed\xa0\x80"
                                  "c\xc3\xa9",
                                  9) == 0);
    fm_arena_release(&arena);
    fm_view_close(view);
}

Test(run, a_view_has_the_samples_of_a_selection)
{
    static const char *const ids[] = {"1", "1#2", "2", "2#2"};
    fm_view *view = NULL;
    fm_view_sample sample;
    size_t n = 0;
    bool more;
    fm_err err;

    filter = "id!=0";
    repeat = 2;
    run_ok("tracespatial-3d@paper");
    cr_assert(eq(int, fm_view_open(&view, catalog(), runs_dir, NULL, &err), FM_OK), "%s", err.text);
    for (;; n++) {
        cr_assert(eq(int, fm_view_next(view, &sample, &more, &err), FM_OK), "%s", err.text);
        if (!more)
            break;
        cr_assert(n < 4 && sample.has_sample);
        cr_expect(eq(str, (char *)sample.sample.id, (char *)ids[n]));
    }
    cr_expect(eq(sz, n, 4));
    fm_view_close(view);
}

Test(run, data_that_changed_since_the_run_is_noticed)
{
    static const char other[] = "[" RECORD("0") ", \"step\": 3}]";
    fm_run_options options = {.jobs = 1};
    fm_err err = {0};

    run_ok("tracespatial-3d");
    scratch_write("data/trajectory_dataset.json", other, sizeof(other) - 1);
    cr_assert(eq(int, fm_run_score(catalog(), runs_dir, NULL, 0, &options, &err), FM_E_INPUT));
    cr_assert(strstr(err.text, "have changed since this run") != NULL, "%s", err.text);
}

Test(run, a_broken_manifest_names_its_member)
{
    static const char broken[] = "{\"schema\": \"fathom.manifest/1\", \"suite\": {\"name\": 3}}";
    static const char newer[] = "{\"schema\": \"fathom.manifest/9\"}";
    fm_run_options options = {.jobs = 1};
    fm_err err = {0};

    mkdir(runs_dir, 0777);
    cr_assert(eq(int, fm_run_score(catalog(), runs_dir, NULL, 0, &options, &err), FM_E_INPUT));
    cr_assert(strstr(err.text, "no manifest.json") != NULL, "%s", err.text);
    scratch_write("run/manifest.json", broken, sizeof(broken) - 1);
    cr_assert(eq(int, fm_run_score(catalog(), runs_dir, NULL, 0, &options, &err), FM_E_INPUT));
    cr_assert(strstr(err.text, "member 'name' is missing") != NULL, "%s", err.text);
    scratch_write("run/manifest.json", newer, sizeof(newer) - 1);
    cr_assert(eq(int, fm_run_score(catalog(), runs_dir, NULL, 0, &options, &err), FM_E_INPUT));
    cr_assert(strstr(err.text, "fathom.manifest/9") != NULL, "%s", err.text);
}
