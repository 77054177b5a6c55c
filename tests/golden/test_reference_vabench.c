/* The suite `vabench` as users run it, on the 300 traces that Embodied-R1's own scorer judged: each row's RMSE and MAE, and
 * the distances of the same traces by RoboTracer's rule. The traces stand where the published file has them, in a table of
 * JSON lines in place of Parquet. Skipped by name without the data. */
#include "../cli/program.h"

#include <math.h>

#include "../support/reference.h"
#include "base/json.h"
#include "base/text.h"
#include "fathom/raster.h"

enum {
    SIDE = 999
}; /* the traces are scaled to it, so that pixels of a picture of this size are theirs */

TestSuite(reference_vabench, .init = program_begin, .fini = program_end);

static FILE *create(const char *name)
{
    FILE *f = fopen(name, "w");

    if (!f)
        cr_fatal("cannot write '%s'", name);
    return f;
}

/* The suite with one line changed, the name of its table; that name, static. */
static const char *put_suite(void)
{
    static char table[FM_PATH_BYTES];
    const char *source = getenv("FATHOM_SOURCE_DIR");
    char path[FM_PATH_BYTES];
    fm_buf text = {0};

    snprintf(path, sizeof(path), "%s/suites/vabench/suite.yaml", source ? source : ".");
    cr_assert(eq(int, fm_file_read(path, 1 << 20, &text, NULL), FM_OK));
    const char *whole = fm_buf_text(&text),
               *name = strstr(whole, "      files: [\"FSD_visual_trace");
    const char *ending = name ? strstr(name, ".parquet\"") : NULL;
    cr_assert(ne(ptr, (void *)ending, NULL), "the suite names another file");
    cr_assert(eq(int, fm_dir_make("suites/vabench", NULL), FM_OK));
    FILE *f = create("suites/vabench/suite.yaml");
    fprintf(f, "%.*s.jsonl%s", (int)(ending - whole), whole, ending + strlen(".parquet"));
    cr_assert(eq(int, fclose(f), 0));
    name = strchr(name, '"') + 1;
    snprintf(table, sizeof(table), "data/%.*s.jsonl", (int)(ending - name), name);
    snprintf(path, sizeof(path), "%.*s", (int)(strrchr(table, '/') - table), table);
    cr_assert(eq(int, fm_dir_make(path, NULL), FM_OK));
    fm_buf_release(&text);
    setenv("FATHOM_SUITES", scratch_path("suites"), 1);
    return table;
}

static const char *picture(void)
{
    static fm_buf text;
    fm_raster black = {0};
    fm_buf bytes = {0};

    cr_assert(eq(int, fm_raster_reserve(&black, SIDE, SIDE, 1, 8, NULL), FM_OK));
    memset(black.data, 0, (size_t)SIDE * SIDE);
    cr_assert(eq(int, fm_raster_save_png(&black, "black.png", NULL), FM_OK));
    cr_assert(eq(int, fm_file_read("black.png", 1 << 20, &bytes, NULL), FM_OK));
    fm_base64_encode(&text, bytes.data, bytes.size);
    fm_buf_release(&bytes);
    fm_raster_release(&black);
    return fm_buf_text(&text);
}

/* Numbers of a list of points, times `scale`, between the brackets of a form. */
static void put_points(FILE *f, const cJSON *points, char open, char close, double scale)
{
    const cJSON *point;
    double xy[2];

    cJSON_ArrayForEach(point, points)
    {
        cr_assert(fm_json_vector(point, xy, 2) == true);
        fprintf(f, "%s%c%.17g, %.17g%c", point == points->child ? "" : ", ", open, xy[0] * scale,
                xy[1] * scale, close);
    }
}

static cJSON *next_row(fm_lines *lines)
{
    bool more;
    fm_err err = {0};
    cJSON *row = NULL;

    if (fm_lines_next(lines, &more, &err) != FM_OK ||
        (more && fm_json_parse(lines->line, lines->size, "row", &row, &err) != FM_OK))
        cr_fatal("%s", err.text);
    return row;
}

static void open_lines(fm_lines *lines, const char *path)
{
    fm_err err = {0};

    if (fm_lines_open(lines, path, 0, &err) != FM_OK)
        cr_fatal("%s", err.text);
}

static void put_data(const char *table_name, const char *events)
{
    FILE *table = create(table_name), *tags = create("tags.jsonl"),
         *tuples = create("tuples.jsonl");
    const char *image = picture();
    fm_lines lines;
    cJSON *row;
    int n = 0;

    open_lines(&lines, events);
    for (; (row = next_row(&lines)); n++) {
        const cJSON *predicted = fm_json_get(row, "pred_traj");

        fprintf(table,
                "{\"id\": \"%d\", \"problem\": \"move it\", \"images\": [\"%s\"], \"answer\": "
                "\"<type>fsd_visual_trace</type>{\\\"trajectory\\\": [",
                n, image);
        put_points(table, fm_json_get(row, "ans_traj"), '[', ']', 1);
        fprintf(table, "]}\"}\n");
        fprintf(tags,
                "{\"question_id\": %d, \"model_prediction\": \"<think>so</think><answer><point>[",
                n);
        put_points(tags, predicted, '[', ']', 1);
        fprintf(tags, "]</point></answer>\"}\n");
        fprintf(tuples, "{\"question_id\": %d, \"model_prediction\": \"", n);
        put_points(tuples, predicted, '(', ')', 1000.0 / SIDE);
        fprintf(tuples, "\"}\n");
        cJSON_Delete(row);
    }
    fm_lines_close(&lines);
    cr_assert(fclose(table) == 0 && fclose(tags) == 0 && fclose(tuples) == 0);
    cr_assert(eq(int, n, 300));
}

static void run(char *target, char *replies, char *out)
{
    char file[64];

    snprintf(file, sizeof(file), "file=%s", replies);
    fathom("run", target, "--data", "data", "-a", "replay", "--set", file, "--out", out);
    expect_success();
}

static void near(const char *what, double got, double want, double tolerance)
{
    cr_expect(fabs(got - want) <= tolerance, "%s is %.12g, not %.12g", what, got, want);
}

static void expect_rows(const char *samples, const char *events)
{
    fm_lines got, want;
    cJSON *sample, *event;
    int n = 0;

    open_lines(&got, samples);
    open_lines(&want, events);
    while ((sample = next_row(&got)) && (event = next_row(&want))) {
        const cJSON *metrics = fm_json_get(sample, "metrics");

        near("rmse", fm_json_number(metrics, "rmse", NAN), fm_json_number(event, "rmse", -1), 1e-9);
        near("mae", fm_json_number(metrics, "mae", NAN), fm_json_number(event, "mae", -1), 1e-9);
        cJSON_Delete(sample);
        cJSON_Delete(event);
        n++;
    }
    cr_expect(eq(int, n, 300));
    fm_lines_close(&got);
    fm_lines_close(&want);
}

static void expect_mean(const char *run, const char *metric, double want, double tolerance)
{
    char path[64];
    cJSON *root = NULL;

    snprintf(path, sizeof(path), "%s/results.json", run);
    cr_assert(eq(int, fm_json_load(path, 1 << 20, &root, NULL), FM_OK));
    const cJSON *found = fm_json_get(fm_json_get(root, "aggregates"), metric);
    near(metric, fm_json_number(found, "value", NAN), want, tolerance);
    cr_expect(eq(dbl, fm_json_number(found, "denominator", 0), 300));
    cJSON_Delete(root);
}

Test(reference_vabench, the_suite_scores_each_trace_as_its_authors_did)
{
    char events[FM_PATH_BYTES];

    snprintf(events, sizeof(events), "%s/global_events.jsonl", reference_data("vabench-v"));
    put_data(put_suite(), events);
    run("vabench-v@embodied-r1", "tags.jsonl", "own");
    expect_rows("own/samples.jsonl", events);
    expect_mean("own", "rmse", 71.4719, 5e-5);
    expect_mean("own", "mae", 39.7853, 5e-5);
    expect_mean("own", "dfd", .101390 * SIDE, 5e-7 * SIDE);
    expect_mean("own", "hd", .096337 * SIDE, 5e-7 * SIDE);
    run("vabench-v@robotracer", "tuples.jsonl", "arc");
    expect_mean("arc", "dfd", .099177, 5e-7);
    expect_mean("arc", "hd", .094067, 5e-7);
    expect_mean("arc", "rmse", .068285, 5e-7);

    fathom("score", "own");
    expect_success();
    expect_rows("own/samples.jsonl", events);
}
