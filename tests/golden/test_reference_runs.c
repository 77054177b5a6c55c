/* Whole runs over real replies: `fathom score --predictions` must put upstream's values, and the
 * stated status for every odd reply, into samples.jsonl. The values come from the upstream scorer
 * (data README: reference_items_0_49.json). Skipped by name without the data. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "../support/reference.h"
#include "../support/scratch.h"
#include "../support/test_catalog.h"
#include "base/files.h"
#include "base/json.h"
#include "core/run.h"

TestSuite(reference_runs, .init = scratch_make, .fini = scratch_remove);

typedef struct {
    const char *model, *answers;
} family;

static const family families[] = {{"RoboTracer_Intrinsics_Depth", "tuples"},
                                  {"EdgeRoboTracer", "tuples"},
                                  {"Gemini3Pro", "json"},
                                  {"EdgeGemini", "json"}};

static const char *predictions_of(const family *f, int dims)
{
    static char path[4096];

    snprintf(path, sizeof(path), "%s/predictions/%s_%dD.jsonl", reference_data("tracespatial"),
             f->model, dims);
    return path;
}

static void import_file(const family *f, int dims, const char *predictions, const char *protocol,
                        int jobs, const char *out)
{
    char data[4096], target[64];
    fm_err err = {0};

    snprintf(data, sizeof(data), "%s", reference_data("tracespatial/scenes"));
    snprintf(target, sizeof(target), "tracespatial-%dd@%s", dims, protocol);
    fm_run_options options = {.target = target,
                              .data_dir = data,
                              .out_dir = scratch_path(out),
                              .answers = f->answers,
                              .jobs = jobs};
    cr_assert(eq(int, fm_run_import(test_catalog(), predictions, &options, &err), FM_OK), "%s",
              err.text);
}

/* Import the replies of one model to one task; items past 49 have no rasters and are left out of
 * the comparison. */
static void import(const family *f, int dims, const char *protocol, int jobs, const char *out)
{
    import_file(f, dims, predictions_of(f, dims), protocol, jobs, out);
}

static const char *run_file(const char *run, const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", run, name);
    return scratch_path(path);
}

/* ---- comparing one sample ---- */

typedef struct {
    const char *model;
    int dims;
    int id;
    const cJSON *want, *line, *metrics;
} comparison;

#define WHERE "%s_%dD item %d: %s"

static void check_number(const comparison *c, const char *ours, const char *theirs)
{
    const cJSON *want = fm_json_get(c->want, theirs), *got = fm_json_get(c->metrics, ours);

    if (!want || cJSON_IsNull(want)) {
        cr_assert(got == NULL || cJSON_IsNull(got), WHERE " should have no value", c->model,
                  c->dims, c->id, ours);
        return;
    }
    cr_assert(cJSON_IsNumber(got), WHERE " is missing", c->model, c->dims, c->id, ours);
    cr_assert(le(dbl, fabs(got->valuedouble - want->valuedouble),
                 1e-5 * fmax(1, fabs(want->valuedouble))),
              WHERE " is %.9g, not %.9g", c->model, c->dims, c->id, ours, got->valuedouble,
              want->valuedouble);
}

static void check_flag(const comparison *c, const char *name)
{
    const cJSON *want = fm_json_get(c->want, name), *got = fm_json_get(c->metrics, name);

    if (!want)
        return;
    cr_assert(cJSON_IsBool(got), WHERE " is missing", c->model, c->dims, c->id, name);
    cr_assert(eq(int, cJSON_IsTrue(got), cJSON_IsTrue(want)), WHERE, c->model, c->dims, c->id,
              name);
}

static void check_vector(const comparison *c, const char *name)
{
    const cJSON *want = fm_json_get(c->want, name), *got = fm_json_get(c->metrics, name);
    int n = cJSON_IsArray(want) ? cJSON_GetArraySize(want) : 0;

    if (!want || cJSON_IsNull(want))
        return;
    cr_assert(eq(int, cJSON_GetArraySize(got), n), WHERE, c->model, c->dims, c->id, name);
    for (int i = 0; i < n; i++) {
        double a = cJSON_GetNumberValue(cJSON_GetArrayItem(got, i));
        double b = cJSON_GetNumberValue(cJSON_GetArrayItem(want, i));

        cr_assert(le(dbl, fabs(a - b), 1e-5 * fmax(1, fabs(b))), WHERE " [%d] is %.9g, not %.9g",
                  c->model, c->dims, c->id, name, i, a, b);
    }
}

static void check_points(const comparison *c)
{
    const cJSON *want = fm_json_get(c->want, "points");
    const cJSON *got = fm_json_get(fm_json_get(c->line, "answer"), "points");
    int n = cJSON_GetArraySize(want);

    /* Where 3D upstream stops before it has points, ours may show what it read. */
    if (fm_json_get(c->want, "raises") || fm_json_get(c->want, "skipped"))
        return;
    cr_assert(eq(int, cJSON_GetArraySize(got), n), WHERE, c->model, c->dims, c->id, "points");
    for (int i = 0; i < n; i++) {
        const cJSON *a = cJSON_GetArrayItem(got, i), *b = cJSON_GetArrayItem(want, i);

        cr_assert(eq(int, cJSON_GetArraySize(a), cJSON_GetArraySize(b)), WHERE, c->model, c->dims,
                  c->id, "point");
        for (int k = 0; k < cJSON_GetArraySize(b); k++) {
            double x = cJSON_GetNumberValue(cJSON_GetArrayItem(a, k));
            double y = cJSON_GetNumberValue(cJSON_GetArrayItem(b, k));

            cr_assert(isnan(x) ? isnan(y) : fabs(x - y) <= 1e-6, WHERE, c->model, c->dims, c->id,
                      "coordinate");
        }
    }
}

/* The contract for odd replies: what the status, the reason and the metrics must be. */
static void check_status(const comparison *c)
{
    const char *status = fm_json_string(c->line, "status");
    const char *reason = fm_json_string(c->line, "reason");
    const char *raises = fm_json_string(c->want, "raises"), *expected = "ok";
    char text[64];

    if (raises) {
        expected = "parse_error";
        snprintf(text, sizeof(text), "upstream raises %s", raises);
        cr_assert(eq(str, (char *)reason, text), WHERE, c->model, c->dims, c->id, "reason");
        cr_assert(eq(int, cJSON_GetArraySize(c->metrics), 0));
    } else if (fm_json_get(c->want, "skipped")) {
        expected = "parse_error";
        cr_assert(eq(str, (char *)reason, (char *)fm_json_string(c->want, "skipped")));
        cr_assert(eq(int, cJSON_GetArraySize(c->metrics), 0));
    } else if (cJSON_GetArraySize(fm_json_get(c->want, "points")) == 0) {
        expected = "parse_error";
    } else if (fm_json_get(c->want, "path_metrics")) {
        cr_assert(cJSON_IsNull(fm_json_get(c->metrics, "dfd")));
        cr_assert(reason != NULL, WHERE, c->model, c->dims, c->id, "no reason");
    }
    cr_assert(eq(str, (char *)status, (char *)expected), WHERE, c->model, c->dims, c->id, "status");
}

static void compare(const comparison *c)
{
    static const char *const flags[] = {"start_in_mask", "end_in_bbox", "collision", "success"};
    static const char *const numbers[] = {"dfd", "hd", "rmse", "mae"};

    check_status(c);
    check_points(c);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        check_flag(c, flags[i]);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        check_number(c, numbers[i], numbers[i]);
    if (c->dims == 2) {
        check_vector(c, "bbox_2d");
        return;
    }
    check_number(c, "start_distance_m", "start_distance");
    check_number(c, "end_distance_m", "end_distance");
    check_vector(c, "grid_origin");
    check_vector(c, "collision_ratios");
    if (fm_json_get(c->want, "object_points"))
        check_number(c, "object_points", "object_points");
    if (fm_json_get(c->want, "occupied_voxels"))
        check_number(c, "occupied_voxels", "occupied_voxels");
}

static void compare_run(const family *f, int dims, const char *run)
{
    char name[64];
    cJSON *reference = NULL;
    fm_lines lines = {0};
    bool more;
    int n = 0;

    snprintf(name, sizeof(name), "%s_%dD", f->model, dims);
    cr_assert(eq(int,
                 fm_json_load(reference_data("tracespatial/reference_items_0_49.json"), 1 << 24,
                              &reference, NULL),
                 FM_OK));
    const cJSON *want = fm_json_get(reference, name)->child;
    cr_assert(eq(int, fm_lines_open(&lines, run_file(run, "samples.jsonl"), 0, NULL), FM_OK));
    for (; want; want = want->next) {
        cJSON *line = NULL;

        cr_assert(eq(int, fm_lines_next(&lines, &more, NULL), FM_OK));
        cr_assert(more);
        cr_assert(eq(int, fm_json_parse(lines.line, lines.size, name, &line, NULL), FM_OK));
        comparison c = {.model = f->model,
                        .dims = dims,
                        .id = (int)fm_json_number(want, "id", -1),
                        .want = want,
                        .line = line,
                        .metrics = fm_json_get(line, "metrics")};
        cr_assert(eq(int, atoi(fm_json_string(line, "id")), c.id));
        compare(&c);
        cJSON_Delete(line);
        n++;
    }
    cr_assert(eq(int, n, 50));
    fm_lines_close(&lines);
    cJSON_Delete(reference);
}

Test(reference_runs, every_value_of_the_2d_task_is_upstreams)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        import(&families[i], 2, "reference", 2, families[i].model);
        compare_run(&families[i], 2, families[i].model);
    }
}

Test(reference_runs, every_value_of_the_3d_task_is_upstreams)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        import(&families[i], 3, "reference", 2, families[i].model);
        compare_run(&families[i], 3, families[i].model);
    }
}

/* ---- aggregates ---- */

static void check_rate(const char *run, const char *metric, int numerator, int denominator)
{
    cJSON *results = NULL;

    cr_assert(eq(int, fm_json_load(run_file(run, "results.json"), 1 << 20, &results, NULL), FM_OK));
    const cJSON *rate = fm_json_get(fm_json_get(results, "aggregates"), metric);
    cr_assert(eq(dbl, fm_json_number(rate, "numerator", -1), numerator), "%s %s", run, metric);
    cr_assert(eq(dbl, fm_json_number(rate, "denominator", -1), denominator), "%s %s", run, metric);
    cr_assert(eq(dbl,
                 fm_json_number(rate, "denominator", -1) + fm_json_number(rate, "excluded", -1),
                 fm_json_number(results, "n", -2)));
    cJSON_Delete(results);
}

/* All 100 real items: half of them without rasters, whose sizes come from the intrinsics. */
Test(reference_runs, aggregates_over_all_items_are_upstreams)
{
    import(&families[0], 2, "reference", 2, "rt2");
    check_rate("rt2", "end_in_bbox", 43, 100);
    import(&families[0], 3, "reference", 2, "rt3");
    check_rate("rt3", "end_ok", 57, 100);
    import(&families[2], 2, "reference", 2, "g2");
    check_rate("g2", "end_in_bbox", 60, 100);
    import(&families[2], 3, "reference", 2, "g3");
    check_rate("g3", "end_ok", 22, 100);
}

enum { ITEMS = 50 }; /* with rasters and upstream's values */

/* The first 50 lines of a file of predictions. */
static const char *first_items(const family *f, int dims)
{
    const char *path = scratch_path("first.jsonl");
    FILE *out = fopen(path, "wb");
    fm_lines lines = {0};
    bool more;

    cr_assert(out != NULL);
    cr_assert(eq(int, fm_lines_open(&lines, predictions_of(f, dims), 0, NULL), FM_OK));
    for (int i = 0; i < ITEMS; i++) {
        cr_assert(eq(int, fm_lines_next(&lines, &more, NULL), FM_OK));
        fprintf(out, "%s\n", lines.line);
    }
    fm_lines_close(&lines);
    cr_assert(eq(int, fclose(out), 0));
    return path;
}

/* Upstream's sums, made from its values item by item. */
typedef struct {
    int kept; /* not skipped */
    int start, end, collision, success, start_2d, end_2d;
    int paths;
    double dfd;
} upstream_counts;

static upstream_counts count_upstream(const char *name)
{
    upstream_counts sum = {0};
    cJSON *reference = NULL;
    const cJSON *item;

    cr_assert(eq(int,
                 fm_json_load(reference_data("tracespatial/reference_items_0_49.json"), 1 << 24,
                              &reference, NULL),
                 FM_OK));
    cJSON_ArrayForEach(item, fm_json_get(reference, name))
    {
        double dfd = fm_json_number(item, "dfd", NAN);

        sum.kept += !fm_json_get(item, "skipped") && !fm_json_get(item, "raises");
        sum.start += fm_json_number(item, "start_distance", INFINITY) < 0.2;
        sum.end += fm_json_number(item, "end_distance", INFINITY) < 0.2;
        sum.collision += fm_json_bool(item, "collision", false);
        sum.success += fm_json_bool(item, "success", false);
        sum.start_2d += fm_json_bool(item, "start_in_mask", false);
        sum.end_2d += fm_json_bool(item, "end_in_bbox", false);
        sum.paths += isfinite(dfd);
        sum.dfd += isfinite(dfd) ? dfd : 0;
    }
    cJSON_Delete(reference);
    return sum;
}

static void check_mean(const char *run, const char *metric, double numerator, int denominator)
{
    cJSON *results = NULL;

    cr_assert(eq(int, fm_json_load(run_file(run, "results.json"), 1 << 20, &results, NULL), FM_OK));
    const cJSON *mean = fm_json_get(fm_json_get(results, "aggregates"), metric);
    cr_assert(le(dbl, fabs(fm_json_number(mean, "numerator", -1) - numerator), 1e-4), "%s %s", run,
              metric);
    cr_assert(eq(dbl, fm_json_number(mean, "denominator", -1), denominator), "%s %s", run, metric);
    cJSON_Delete(results);
}

/* Start, end and collision over the items that upstream does not skip, success over all. */
Test(reference_runs, denominators_of_the_3d_task_are_upstreams)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        const family *f = &families[i];
        char name[64];

        snprintf(name, sizeof(name), "%s_3D", f->model);
        upstream_counts want = count_upstream(name);
        import_file(f, 3, first_items(f, 3), "reference", 2, name);
        check_rate(name, "start_ok", want.start, want.kept);
        check_rate(name, "end_ok", want.end, want.kept);
        check_rate(name, "collision", want.collision, want.kept);
        check_rate(name, "start_in_mask", want.start_2d, want.kept);
        check_rate(name, "end_in_bbox", want.end_2d, want.kept);
        check_rate(name, "success", want.success, ITEMS);
        check_mean(name, "dfd", want.dfd, want.paths);
    }
}

/* In 2D every line of the file counts, also those at which upstream's script stops. */
Test(reference_runs, denominators_of_the_2d_task_are_upstreams)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        const family *f = &families[i];
        char name[64];

        snprintf(name, sizeof(name), "%s_2D", f->model);
        upstream_counts want = count_upstream(name);
        import_file(f, 2, first_items(f, 2), "reference", 2, name);
        check_rate(name, "start_in_mask", want.start_2d, ITEMS);
        check_rate(name, "end_in_bbox", want.end_2d, ITEMS);
        check_mean(name, "dfd", want.dfd, want.paths);
    }
}

/* ---- reproducibility ---- */

static void check_same(const char *a, const char *b, const char *name)
{
    fm_buf x = {0}, y = {0};

    cr_assert(eq(int, fm_file_read(run_file(a, name), 1 << 26, &x, NULL), FM_OK));
    cr_assert(eq(int, fm_file_read(run_file(b, name), 1 << 26, &y, NULL), FM_OK));
    cr_assert(x.size == y.size && memcmp(x.data, y.data, x.size) == 0, "%s differs", name);
    fm_buf_release(&x);
    fm_buf_release(&y);
}

Test(reference_runs, threads_and_repetition_do_not_change_a_byte)
{
    fm_run_options options = {.jobs = 5};
    fm_err err = {0};

    import(&families[3], 3, "reference", 1, "one");
    import(&families[3], 3, "reference", 3, "three");
    check_same("one", "three", "samples.jsonl");
    check_same("one", "three", "results.json");
    cr_assert(
        eq(int, fm_run_score(test_catalog(), scratch_path("one"), NULL, 0, &options, &err), FM_OK),
        "%s", err.text);
    check_same("one", "three", "samples.jsonl");
    check_same("one", "three", "results.json");
}

Test(reference_runs, a_second_protocol_stands_beside_the_first)
{
    fm_run_options options = {.jobs = 2};
    fm_err err = {0};

    import(&families[0], 3, "reference", 2, "run");
    import(&families[0], 3, "paper", 2, "paper");
    cr_assert(eq(int,
                 fm_run_score(test_catalog(), scratch_path("run"), &(const char *){"paper"}, 1,
                              &options, &err),
                 FM_OK),
              "%s", err.text);
    fm_buf a = {0}, b = {0};
    cr_assert(
        eq(int, fm_file_read(run_file("run", "samples@paper.jsonl"), 1 << 26, &a, NULL), FM_OK));
    cr_assert(eq(int, fm_file_read(run_file("paper", "samples.jsonl"), 1 << 26, &b, NULL), FM_OK));
    cr_assert(a.size == b.size && memcmp(a.data, b.data, a.size) == 0);
    fm_buf_release(&a);
    fm_buf_release(&b);
}
