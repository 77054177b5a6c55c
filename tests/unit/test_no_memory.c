/* Torture of base, answers, journal, loader and an import (support/torture.h): no failed allocation
 * ends in a crash, a leak or a result with something missing. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../support/scratch.h"
#include "../support/tabletop.h"
#include "../support/test_catalog.h"
#include "../support/torture.h"
#include "base/buffer.h"
#include "base/files.h"
#include "base/json.h"
#include "base/yaml.h"
#include "core/journal.h"
#include "core/run.h"
#include "fathom/answers.h"
#include "fathom/raster.h"

/* ---- base ---- */

static const char json_text[] =
    "{\"a\": [1, 2.5, NaN, {\"b\": \"c\\u0000\\ud800\"}], \"text\": \"long enough for a block\"}";
static cJSON *tree;
static fm_buf text;

static fm_status parse_and_write(fm_err *err)
{
    fm_json_writer w = {.out = &text};
    fm_status st = fm_json_parse(json_text, sizeof(json_text) - 1, "t", &tree, err);

    if (st != FM_OK)
        return st;
    for (int i = 0; i < 64; i++)
        fm_json_put_tree(&w, NULL, tree);
    return fm_buf_check(&text, "a tree", err);
}

static void check_written(long n)
{
    static const char one[] = "{\"a\": [1, 2.5, null, {\"b\": \"c\\u0000\\ud800\"}], \"text\": "
                              "\"long enough for a block\"}";
    size_t size = sizeof(one) - 1;

    cr_assert(text.size == 64 * size, "allocation %ld: %zu bytes", n, text.size);
    for (int i = 0; i < 64; i++)
        cr_assert(memcmp(text.data + (size_t)i * size, one, size) == 0, "allocation %ld", n);
}

static void drop_tree(void)
{
    cJSON_Delete(tree);
    tree = NULL;
    fm_buf_release(&text);
}

Test(no_memory, json_reader_and_writer)
{
    cr_assert(torture(&(work){NULL, parse_and_write, check_written, drop_tree}) > 10);
}

static fm_status parse_yaml(fm_err *err)
{
    static const char yaml[] = "name: x\nlist: [1, two, \"three\"]\nmap: {a: true, b: null}\n";

    return fm_yaml_parse(yaml, sizeof(yaml) - 1, "t", &tree, err);
}

static void check_yaml(long n)
{
    const cJSON *list = fm_json_get(tree, "list");

    cr_assert(eq(str, (char *)fm_json_string(tree, "name"), "x"), "allocation %ld", n);
    cr_assert(cJSON_GetArraySize(list) == 3 && list->child->valuedouble == 1, "allocation %ld", n);
    cr_assert(fm_json_bool(fm_json_get(tree, "map"), "a", false), "allocation %ld", n);
}

Test(no_memory, yaml_reader)
{
    cr_assert(torture(&(work){NULL, parse_yaml, check_yaml, drop_tree}) > 10);
}

static fm_status grow_buffer(fm_err *err)
{
    for (int i = 0; i < 2000; i++)
        fm_buf_printf(&text, "%d ", i % 10);
    fm_buf_printf(&text, "%1000d", 7);
    return fm_buf_check(&text, "a buffer", err);
}

static void check_buffer(long n)
{
    cr_assert(text.size == 5000 && text.data[4999] == '7' && !text.data[5000], "allocation %ld", n);
}

Test(no_memory, buffer)
{
    cr_assert(torture(&(work){NULL, grow_buffer, check_buffer, drop_tree}) > 3);
}

/* ---- answers ---- */

static fm_trace_answer answer;
static fm_answers_family family;

static fm_status parse_answer(fm_err *err)
{
    static char reply[2][4096];
    static const char *const opening[] = {"[", "```json\n{\"points\": ["};
    static const char *const point[] = {"(1, 2, 3.0), ", "[1, 2, 3.0], "};
    static const char *const closing[] = {"(1, 2, 3)]", "[1, 2, 3.0]]}\n```"};
    char *out = reply[family];

    if (!out[0]) {
        strcpy(out, opening[family]);
        for (int i = 0; i < 200; i++)
            strcat(out, point[family]);
        strcat(out, closing[family]);
    }
    return fm_answers_parse_trace(family, out, strlen(out), &answer, err);
}

static void check_answer(long n)
{
    cr_assert(answer.shape == FM_TRACE_POINTS && answer.n == 201 && answer.columns == 3,
              "allocation %ld: %zu points", n, answer.n);
}

static void drop_answer(void)
{
    fm_trace_answer_release(&answer);
    answer = (fm_trace_answer){0};
}

Test(no_memory, parsers_of_replies)
{
    for (int i = FM_ANSWERS_TUPLES; i <= FM_ANSWERS_JSON; i++) {
        family = (fm_answers_family)i;
        cr_assert(torture(&(work){NULL, parse_answer, check_answer, drop_answer}) > 1);
    }
}

/* ---- pictures ---- */

/* A lossy picture: the lossless decoder of libwebp 1.2, which reads alpha as well, does not survive a
 * failed allocation of a few hundred bytes. */
static fm_raster picture;

static fm_status load_webp(fm_err *err)
{
    const char *source = getenv("FATHOM_SOURCE_DIR");
    char path[4096];

    snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/raster/lossy.webp", source ? source : ".");
    return fm_raster_load_mask(path, &picture, err);
}

static void check_picture(long n)
{
    cr_assert(picture.width == 12 && picture.height == 9, "allocation %ld", n);
}

static void drop_picture(void)
{
    fm_raster_release(&picture);
}

Test(no_memory, webp)
{
    cr_assert(torture(&(work){NULL, load_webp, check_picture, drop_picture}) > 5);
}

/* ---- journal ---- */

enum { RECORDS = 140 }; /* more than the first size of the index */

static fm_journal *journal;
static fm_arena arena;
static long kept; /* records that an append has promised */

TestSuite(no_memory_files, .init = scratch_make, .fini = scratch_remove);

static fm_status empty_folder(void)
{
    (void)!remove(scratch_path("replies.jsonl"));
    kept = 0;
    return FM_OK;
}

static const char *id_of(long i)
{
    static char id[32];

    snprintf(id, sizeof(id), "%ld", i);
    return id;
}

static fm_status append_and_find(fm_err *err)
{
    fm_reply reply = {.status = FM_SAMPLE_OK, .text = "a\0b", .size = 3, .detail = "why"},
             found_reply;
    fm_status st = fm_journal_open(&journal, scratch_path("replies.jsonl"), true, NULL, err);
    bool found;

    while (st == FM_OK && kept < RECORDS) {
        st = fm_journal_append(journal, id_of(kept), &(fm_attempt){.reply = &reply}, err);
        kept += st == FM_OK;
    }
    if (st == FM_OK)
        st = fm_journal_find(journal, id_of(RECORDS - 1), &arena, &found_reply, &found, err);
    if (st == FM_OK)
        cr_assert(found && found_reply.size == 3 && memcmp(found_reply.text, "a\0b", 3) == 0 &&
                  found_reply.detail && strcmp(found_reply.detail, "why") == 0);
    return st;
}

/* Whatever happened before: the file holds what was promised, whole, and nothing else. */
static void check_journal_file(void)
{
    fm_journal_report report = {0};

    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    journal = NULL;
    fm_arena_release(&arena);
    if (!fm_file_exists(scratch_path("replies.jsonl")))
        return;
    cr_assert(eq(int,
                 fm_journal_open(&journal, scratch_path("replies.jsonl"), false, &report, NULL),
                 FM_OK));
    cr_assert(report.torn == false && report.unreadable == 0 && (long)report.ids == kept &&
                  report.lines == report.ids,
              "%zu lines, %ld kept", report.lines, kept);
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    journal = NULL;
}

static void nothing_more(long n)
{
    (void)n;
}

Test(no_memory_files, journal_that_is_written)
{
    cr_assert(torture(&(work){empty_folder, append_and_find, nothing_more, check_journal_file}) >
              10);
}

/* A journal of three records, the last without its newline: none may be dropped as torn. */
static const char three[] = "{\"id\": \"0\", \"status\": \"ok\", \"text\": \"a\"}\n"
                            "{\"id\": \"1\", \"status\": \"ok\", \"text_base64\": \"YQBi\"}\n"
                            "{\"id\": \"2\", \"status\": \"ok\", \"text\": \"c\"}";

static fm_status write_three(void)
{
    scratch_write("replies.jsonl", three, sizeof(three) - 1);
    kept = 3;
    return FM_OK;
}

static fm_status open_and_find(fm_err *err)
{
    fm_journal_report report;
    fm_reply reply;
    bool found;
    fm_status st = fm_journal_open(&journal, scratch_path("replies.jsonl"), true, &report, err);

    if (st == FM_OK)
        st = fm_journal_find(journal, "1", &arena, &reply, &found, err);
    if (st == FM_OK)
        cr_assert(report.ids == 3 && found && reply.size == 3 &&
                  memcmp(reply.text, "a\0b", 3) == 0);
    return st;
}

Test(no_memory_files, journal_that_is_opened_again)
{
    cr_assert(torture(&(work){write_three, open_and_find, nothing_more, check_journal_file}) > 10);
}

/* ---- a data set ---- */

static size_t samples;

static void make_world(void)
{
    fm_err err = {0};

    scratch_make();
    cr_assert(eq(int, tabletop_write(48, 32, 2, scratch_path("data"), &err), FM_OK), "%s",
              err.text);
}

TestSuite(no_memory_runs, .init = make_world, .fini = scratch_remove);

static fm_status load_all(fm_err *err)
{
    fm_loader_config config = {.data_dir = scratch_path("data"), .kind = FM_ANSWER_TRACE3D};
    void *loader = NULL;
    fm_status st = fm_loader_tracespatial.open(&loader, &config, err);
    bool more = st == FM_OK;

    samples = 0;
    while (st == FM_OK) {
        fm_sample sample;

        st = fm_loader_tracespatial.next(loader, &arena, &sample, &more, err);
        if (st != FM_OK || !more)
            break;
        cr_assert(sample.id && sample.instruction && sample.target && sample.depth_path &&
                  sample.has_camera && sample.truth.trace.has_box && sample.truth.trace.n > 3);
        samples++;
    }
    if (loader)
        fm_loader_tracespatial.close(loader);
    return st;
}

static void check_samples(long n)
{
    cr_assert(samples == 2, "allocation %ld: %zu samples", n, samples);
}

static void drop_arena(void)
{
    fm_arena_release(&arena);
}

Test(no_memory_runs, loader)
{
    cr_assert(torture(&(work){NULL, load_all, check_samples, drop_arena}) > 20);
}

/* ---- the whole way ---- */

static const char predictions[] =
    "{\"question_id\": 0, \"model_prediction\": \"[(100, 200, 1.0), (500, 500, 1.1)]\"}\n"
    "{\"question_id\": 1, \"model_prediction\": \"I see\\u0000 no way\"}\n";
static const char *target;
static fm_catalog
    one_suite; /* of all suites, most failures would be in reading those that nobody asks for */
static char suites_dir[512];
static fm_buf expected_samples, expected_results;

static int remove_below(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static void remove_run(void)
{
    (void)nftw(scratch_path("run"), remove_below, 16, FTW_DEPTH | FTW_PHYS);
}

static fm_status import(fm_err *err)
{
    char data[512], run[512];
    fm_run_options options = {.target = target, .data_dir = data, .out_dir = run, .jobs = 1};

    snprintf(data, sizeof(data), "%s", scratch_path("data"));
    snprintf(run, sizeof(run), "%s", scratch_path("run"));
    return fm_run_import(&one_suite, scratch_path("predictions.jsonl"), &options, err);
}

static void read_run(const char *name, fm_buf *out)
{
    cr_assert(eq(int, fm_file_read(scratch_path(name), 1 << 20, out, NULL), FM_OK), "%s", name);
}

static void check_run(long n)
{
    fm_buf got_samples = {0}, got_results = {0};

    read_run("run/samples.jsonl", &got_samples);
    read_run("run/results.json", &got_results);
    cr_assert(eq(str, got_samples.data, expected_samples.data), "allocation %ld", n);
    cr_assert(eq(str, got_results.data, expected_results.data), "allocation %ld", n);
    fm_buf_release(&got_samples);
    fm_buf_release(&got_results);
}

/* A run that failed leaves no results that a reader would take for complete. */
static void check_and_remove_run(void)
{
    cr_assert(failed == false || !fm_file_exists(scratch_path("run/results.json")) ||
              fm_file_exists(scratch_path("run/samples.jsonl")));
    remove_run();
}

static void take_suite(const char *name)
{
    char path[FM_PATH_BYTES];
    fm_buf yaml = {0};

    one_suite = *test_catalog();
    snprintf(path, sizeof(path), "%s/%s/suite.yaml", one_suite.suites_dir, name);
    cr_assert(eq(int, fm_file_read(path, 1 << 20, &yaml, NULL), FM_OK), "%s", path);
    snprintf(suites_dir, sizeof(suites_dir), "%s", scratch_path("suites"));
    snprintf(path, sizeof(path), "%s/%s", suites_dir, name);
    cr_assert(eq(int, fm_dir_make(path, NULL), FM_OK));
    snprintf(path, sizeof(path), "%s/%s/suite.yaml", suites_dir, name);
    cr_assert(eq(int, fm_file_write_atomic(path, yaml.data, yaml.size, NULL), FM_OK));
    fm_buf_release(&yaml);
    one_suite.suites_dir = suites_dir;
}

static void import_in_pieces(const char *of)
{
    fm_err err = {0};

    target = of;
    take_suite("tabletop");
    scratch_write("predictions.jsonl", predictions, sizeof(predictions) - 1);
    cr_assert(eq(int, import(&err), FM_OK), "%s", err.text);
    read_run("run/samples.jsonl", &expected_samples);
    read_run("run/results.json", &expected_results);
    remove_run();
    cr_assert(torture(&(work){NULL, import, check_run, check_and_remove_run}) > 100);
    fm_buf_release(&expected_samples);
    fm_buf_release(&expected_results);
}

Test(no_memory_runs, import_3d)
{
    import_in_pieces("tabletop-3d@paper");
}

Test(no_memory_runs, import_2d)
{
    import_in_pieces("tabletop-2d@reference");
}
