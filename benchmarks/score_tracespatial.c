/* Time and memory of scoring TraceSpatial-Bench: both tasks, 100 items, rasters included (DESIGN: 0.4 s
 * and 64 MB on two cores; upstream: 40 s).
 *
 *   score_tracespatial [DATA [THREADS]]
 *
 * DATA is a folder with scenes/raw_data/ and predictions/; without it, the reference data is looked
 * for as the tests do. Scenes are there for items 0-49, so that each is scored twice to make 100.
 * A round decodes both rasters of an item once, parses its two replies and grades them by the rules
 * of the upstream scorer. The parts are timed in rounds of their own, on one thread. Reading the
 * records is outside the timed span. Beside the clock on the wall stands processor time, which says
 * more on a machine that does other work as well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/threads.h"
#include "fathom/trace.h"

enum { SCENES = 50, ITEMS = 100, ROUNDS = 9, MAX_THREADS = 64, MAX_POINTS = 64 };

typedef struct {
    char image[FM_PATH_BYTES], depth[FM_PATH_BYTES], mask[FM_PATH_BYTES];
    double truth[MAX_POINTS][3];
    fm_trace_truth base;
    char *reply_2d, *reply_3d;
} scene;

/* What one thread works with. */
typedef struct {
    fm_raster depth, mask;
    fm_trace_answer answer;
    fm_trace_grader *grader;
} worker;

static scene scenes[SCENES];
static worker workers[MAX_THREADS];

static void require(fm_status st, const fm_err *err)
{
    if (st == FM_OK)
        return;
    fprintf(stderr, "score_tracespatial: %s\n", err->text);
    exit(fm_status_exit_code(st));
}

/* ---- reading the records ---- */

static void read_matrix(const cJSON *m, double out[3][3])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            out[i][j] = cJSON_GetNumberValue(cJSON_GetArrayItem(cJSON_GetArrayItem(m, i), j));
}

static void fill_scene(scene *s, const char *data, int id, const cJSON *record)
{
    const cJSON *trace = fm_json_get(record, "trajectory"), *point;
    double k[3][3];

    snprintf(s->image, sizeof(s->image), "%s/scenes/raw_data/%d/image.png", data, id);
    snprintf(s->depth, sizeof(s->depth), "%s/scenes/raw_data/%d/gt_depth.png", data, id);
    snprintf(s->mask, sizeof(s->mask), "%s/scenes/raw_data/%d/mask.png", data, id);
    cJSON_ArrayForEach(point, trace)
    {
        if (s->base.n == MAX_POINTS || !fm_json_vector(point, s->truth[s->base.n], 3))
            break;
        s->base.n++;
    }
    s->base.points = s->truth;
    read_matrix(fm_json_get(record, "gt_depth_intrinsics"), k);
    s->base.camera = (fm_camera){k[0][0], k[1][1], k[0][2], k[1][2]};
    s->base.has_box = fm_json_vector(fm_json_get(record, "bbox_center"), s->base.box.center, 3) &&
                      fm_json_vector(fm_json_get(record, "bbox_extent"), s->base.box.extent, 3);
    read_matrix(fm_json_get(record, "bbox_rotation"), s->base.box.rotation);
}

static void read_records(const char *data, const char *task)
{
    char path[FM_PATH_BYTES];
    fm_lines lines = {0};
    fm_err err = {0};

    snprintf(path, sizeof(path), "%s/predictions/RoboTracer_Intrinsics_Depth_%s.jsonl", data, task);
    require(fm_lines_open(&lines, path, 0, &err), &err);
    for (int id = 0; id < SCENES; id++) {
        cJSON *record;
        bool more;

        require(fm_lines_next(&lines, &more, &err), &err);
        require(fm_json_parse(lines.line, lines.size, path, &record, &err), &err);
        const char *reply = fm_json_string(record, "model_prediction");
        char *copy = strdup(reply ? reply : "");

        if (strcmp(task, "3D") == 0) {
            fill_scene(&scenes[id], data, id, record);
            scenes[id].reply_3d = copy;
        } else {
            scenes[id].reply_2d = copy;
        }
        cJSON_Delete(record);
    }
    fm_lines_close(&lines);
}

/* ---- scoring ---- */

static fm_status load(worker *w, const scene *s, fm_raster_info *image, fm_err *err)
{
    fm_status st = fm_raster_probe(s->image, image, err);

    if (st == FM_OK)
        st = fm_raster_load_depth(s->depth, &w->depth, err);
    if (st == FM_OK)
        st = fm_raster_load_mask(s->mask, &w->mask, err);
    return st;
}

static fm_status grade_2d(worker *w, const scene *s, const fm_raster_info *image, fm_err *err)
{
    fm_trace2d_score score;
    fm_trace_truth truth = s->base;
    fm_status st = fm_answers_parse_trace(FM_ANSWERS_TUPLES, s->reply_2d, strlen(s->reply_2d),
                                          &w->answer, err);

    truth.width = image->width;
    truth.height = image->height;
    if (st == FM_OK)
        st = fm_trace_grade_2d(w->grader, FM_TRACE_REFERENCE, FM_ANSWERS_TUPLES, &w->answer, &truth,
                               &(fm_trace_scene2d){&w->mask}, &score, err);
    return st;
}

/* Without rasters: the path metrics alone. */
static fm_status grade_3d(worker *w, const scene *s, bool rasters, fm_err *err)
{
    fm_trace3d_score score;
    fm_trace_truth truth = s->base;
    fm_trace_scene3d seen = {rasters ? &w->depth : NULL, rasters ? &w->mask : NULL};
    fm_status st = fm_answers_parse_trace(FM_ANSWERS_TUPLES, s->reply_3d, strlen(s->reply_3d),
                                          &w->answer, err);

    truth.width = w->depth.width;
    truth.height = w->depth.height;
    if (st == FM_OK)
        st = fm_trace_grade_3d(w->grader, FM_TRACE_REFERENCE, FM_ANSWERS_TUPLES, &w->answer, &truth,
                               &seen, &score, err);
    return st;
}

static fm_status score_item(void *context, size_t index, int thread, fm_err *err)
{
    const scene *s = &scenes[index % SCENES];
    worker *w = &workers[thread];
    fm_raster_info image;
    fm_status st = load(w, s, &image, err);

    (void)context;
    if (st == FM_OK)
        st = grade_2d(w, s, &image, err);
    return st == FM_OK ? grade_3d(w, s, true, err) : st;
}

/* ---- timing ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(const char *what, double times[ROUNDS])
{
    printf("%-28s", what);
    for (int i = 0; i < ROUNDS; i++)
        printf(" %5.1f", times[i] * 1e3);
    qsort(times, ROUNDS, sizeof(*times), ascending);
    printf("   median %.1f ms, %.1f to %.1f\n", times[ROUNDS / 2] * 1e3, times[0] * 1e3,
           times[ROUNDS - 1] * 1e3);
}

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void time_whole(int threads)
{
    double times[ROUNDS], cpu[ROUNDS];
    char what[64];
    fm_err err = {0};

    for (int round = -1; round < ROUNDS; round++) { /* the first one warms up */
        double start = fm_clock_seconds(), cpu_start = cpu_seconds();

        require(fm_parallel_for(ITEMS, threads, score_item, NULL, &err), &err);
        if (round >= 0) {
            times[round] = fm_clock_seconds() - start;
            cpu[round] = cpu_seconds() - cpu_start;
        }
    }
    snprintf(what, sizeof(what), "both tasks, %d thread%s, wall", threads, threads == 1 ? "" : "s");
    report(what, times);
    report("  processor time", cpu);
}

static void time_parts(void)
{
    enum { DECODE, CLOUD, OBSTACLES, PATHS, PARTS };
    static const char *const names[PARTS] = {"  decoding", "  object cloud", "  TSDF and voxels",
                                             "  parsing and path metrics"};
    static double times[PARTS][ROUNDS];
    worker *w = &workers[0];
    fm_cloud cloud = {0};
    fm_cloud_scratch *scratch = fm_cloud_scratch_new();
    fm_obstacles *obstacles = fm_obstacles_new();
    fm_err err = {0};

    for (int round = -1; round < ROUNDS; round++) {
        double spent[PARTS] = {0};

        for (int item = 0; item < ITEMS; item++) {
            const scene *s = &scenes[item % SCENES];
            fm_raster_info image;
            double at[PARTS + 1];

            at[0] = cpu_seconds();
            require(load(w, s, &image, &err), &err);
            at[1] = cpu_seconds();
            require(fm_cloud_object(&cloud, &w->depth, &w->mask, &s->base.camera, scratch, &err),
                    &err);
            at[2] = cpu_seconds();
            require(fm_obstacles_build(obstacles, &w->depth, &w->mask, &s->base.camera, &err),
                    &err);
            at[3] = cpu_seconds();
            require(grade_2d(w, s, &image, &err), &err);
            require(grade_3d(w, s, false, &err), &err);
            at[4] = cpu_seconds();
            for (int part = 0; part < PARTS; part++)
                spent[part] += at[part + 1] - at[part];
        }
        for (int part = 0; part < PARTS && round >= 0; part++)
            times[part][round] = spent[part];
    }
    for (int part = 0; part < PARTS; part++)
        report(names[part], times[part]);
    fm_cloud_release(&cloud);
    fm_cloud_scratch_free(scratch);
    fm_obstacles_free(obstacles);
}

int main(int argc, char **argv)
{
    const char *named = getenv("FATHOM_REFERENCE_DATA");
    char data[FM_PATH_BYTES / 2];
    int threads = argc > 2 ? atoi(argv[2]) : 2;
    struct rusage usage;

    if (argc > 1)
        snprintf(data, sizeof(data), "%s", argv[1]);
    else
        snprintf(data, sizeof(data), "%s/tracespatial", named ? named : FATHOM_DEFAULT_DATA);
    if (!fm_dir_exists(data)) {
        printf("skipped: no reference data at '%s'\n", data);
        return 0;
    }
    if (threads < 1 || threads > MAX_THREADS) {
        fprintf(stderr, "score_tracespatial: threads must be 1 to %d\n", MAX_THREADS);
        return 2;
    }
    read_records(data, "2D");
    read_records(data, "3D");
    for (int i = 0; i < threads; i++) {
        workers[i].grader = fm_trace_grader_new();
        if (!workers[i].grader)
            return 1;
    }
    printf("TraceSpatial-Bench, %d items, ms a round\n", ITEMS);
    time_whole(threads);
    /* Before the parts, whose own clouds and volumes would count twice. */
    getrusage(RUSAGE_SELF, &usage);
    if (threads > 1)
        time_whole(1);
    printf("parts, processor time\n");
    time_parts();
    printf("peak memory %.1f MB\n", (double)usage.ru_maxrss / 1024);
    for (int i = 0; i < threads; i++) {
        fm_raster_release(&workers[i].depth);
        fm_raster_release(&workers[i].mask);
        fm_trace_answer_release(&workers[i].answer);
        fm_trace_grader_free(workers[i].grader);
    }
    for (int i = 0; i < SCENES; i++) {
        free(scenes[i].reply_2d);
        free(scenes[i].reply_3d);
    }
    return 0;
}
