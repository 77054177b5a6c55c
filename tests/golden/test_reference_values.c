/* Every value that the upstream scorer computes for items 0-49 of the eight prediction files (data
 * README: reference_items_0_49.json), and its aggregates over all 100 items where no raster is
 * needed. Skipped by name without the data. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "fathom/trace.h"
#include "support/reference.h"

static const char *data_dir;

static void need_data(void)
{
    data_dir = reference_data("tracespatial");
}

/* ---- records ---- */

typedef struct {
    cJSON *json;
    int id;
    fm_trace_truth truth;
    fm_trace_answer answer;
    double points[64][3];
    fm_arena arena;
} record;

static void matrix(const cJSON *rows, int n, double out[3][3])
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < 3; j++)
            out[i][j] = cJSON_GetNumberValue(cJSON_GetArrayItem(cJSON_GetArrayItem(rows, i), j));
}

/* The size of a picture that is not there: the nearest centre of the three that occur. */
static void size_from_intrinsics(fm_trace_truth *truth)
{
    static const int sizes[][2] = {{640, 480}, {512, 384}, {384, 512}};
    double best = INFINITY;

    for (int i = 0; i < 3; i++) {
        double away =
            hypot(truth->camera.cx - sizes[i][0] / 2.0, truth->camera.cy - sizes[i][1] / 2.0);

        if (away < best) {
            best = away;
            truth->width = sizes[i][0];
            truth->height = sizes[i][1];
        }
    }
}

static void record_read(record *r, const fm_lines *line, fm_answers_family family)
{
    const cJSON *point, *prediction;
    fm_trace_truth *t = &r->truth;
    double k[3][3];
    size_t size;
    fm_err err = {0};

    cr_assert(fm_json_parse(line->line, line->size, "record", &r->json, &err) == FM_OK, "%s",
              err.text);
    r->id = (int)fm_json_number(r->json, "question_id", -1);
    t->points = r->points;
    t->n = 0;
    cJSON_ArrayForEach(point, fm_json_get(r->json, "trajectory"))
    {
        cr_assert(t->n < 64 && fm_json_vector(point, r->points[t->n], 3));
        t->n++;
    }
    matrix(fm_json_get(r->json, "gt_depth_intrinsics"), 3, k);
    t->camera = (fm_camera){k[0][0], k[1][1], k[0][2], k[1][2]};
    t->has_box = fm_json_vector(fm_json_get(r->json, "bbox_center"), t->box.center, 3) &&
                 fm_json_vector(fm_json_get(r->json, "bbox_extent"), t->box.extent, 3);
    matrix(fm_json_get(r->json, "bbox_rotation"), 3, t->box.rotation);
    size_from_intrinsics(t);

    prediction = fm_json_get(r->json, "model_prediction");
    char *text = fm_json_bytes(prediction, &r->arena, &size);
    cr_assert(fm_answers_parse_trace(family, text, size, &r->answer, &err) == FM_OK);
}

static void record_clear(record *r)
{
    cJSON_Delete(r->json);
    r->json = NULL;
    fm_arena_reset(&r->arena);
}

static void record_release(record *r)
{
    fm_trace_answer_release(&r->answer);
    fm_arena_release(&r->arena);
}

/* ---- comparison ---- */

static int compared; /* values, so that a test that compares none fails */

static void same_number(double got, const cJSON *item, const char *key, int id)
{
    const cJSON *want = fm_json_get(item, key);

    if (cJSON_IsNumber(want)) {
        cr_expect(fabs(got - want->valuedouble) <= 1e-5 * fmax(1, fabs(want->valuedouble)),
                  "item %d: %s is %.9g, not %.9g", id, key, got, want->valuedouble);
    } else {
        cr_expect(isnan(got), "item %d: %s is %.9g, not absent", id, key, got);
    }
    compared++;
}

static void same_count(int64_t got, const cJSON *item, const char *key, int id)
{
    const cJSON *want = fm_json_get(item, key);
    int64_t number = cJSON_IsNumber(want) ? (int64_t)want->valuedouble : -1;

    cr_expect(got == number, "item %d: %s is %lld, not %lld", id, key, (long long)got,
              (long long)number);
    compared++;
}

static void same_verdict(fm_verdict got, const cJSON *item, const char *key, int id)
{
    const cJSON *want = fm_json_get(item, key);

    cr_expect(got == (cJSON_IsBool(want) ? (fm_verdict)cJSON_IsTrue(want) : FM_UNKNOWN),
              "item %d: %s is %d", id, key, (int)got);
    compared++;
}

static void same_vector(const double *got, size_t n, const cJSON *want, const char *key, int id)
{
    cr_expect((size_t)cJSON_GetArraySize(want) == n, "item %d: %zu values in %s, not %d", id, n,
              key, cJSON_GetArraySize(want));
    for (size_t i = 0; i < n; i++) {
        const cJSON *number = cJSON_GetArrayItem(want, (int)i);

        if (cJSON_IsNumber(number))
            cr_expect(
                fabs(got[i] - number->valuedouble) <= 1e-5 * fmax(1, fabs(number->valuedouble)),
                "item %d: %s[%zu] is %.9g, not %.9g", id, key, i, got[i], number->valuedouble);
        else
            cr_expect(isnan(got[i]), "item %d: %s[%zu] is %.9g", id, key, i, got[i]);
        compared++;
    }
}

/* False where upstream raised in the parser. */
static bool same_answer(const fm_trace_answer *answer, const cJSON *item, int id)
{
    const char *raises = fm_json_string(item, "raises");
    const cJSON *points = fm_json_get(item, "points");

    compared++;
    if (raises) {
        cr_expect(answer->shape == FM_TRACE_RAISES && strcmp(answer->raises, raises) == 0,
                  "item %d: should raise %s", id, raises);
        return false;
    }
    cr_assert(answer->shape != FM_TRACE_RAISES, "item %d: raises %s", id, answer->raises);
    cr_assert((size_t)cJSON_GetArraySize(points) == answer->n, "item %d: %zu points, not %d", id,
              answer->n, cJSON_GetArraySize(points));
    for (size_t i = 0; i < answer->n; i++)
        same_vector(answer->points[i], (size_t)answer->columns, cJSON_GetArrayItem(points, (int)i),
                    "points", id);
    return true;
}

static void path_metrics_match(double dfd, double hd, double rmse, double mae, const cJSON *item,
                               int id)
{
    same_number(dfd, item, "dfd", id);
    same_number(hd, item, "hd", id);
    same_number(rmse, item, "rmse", id);
    same_number(mae, item, "mae", id);
}

static void check_2d(const record *r, fm_trace_grader *grader, fm_answers_family family,
                     const fm_raster *mask, const cJSON *item)
{
    fm_trace_scene2d scene = {mask};
    fm_trace2d_score s;
    fm_err err = {0};
    int id = r->id;

    cr_assert(fm_trace_grade_2d(grader, FM_TRACE_REFERENCE, family, &r->answer, &r->truth, &scene,
                                &s, &err) == FM_OK,
              "%s", err.text);
    same_verdict(s.start_in_mask, item, "start_in_mask", id);
    same_verdict(s.end_in_bbox, item, "end_in_bbox", id);
    path_metrics_match(s.dfd, s.hd, s.rmse, s.mae, item, id);
    cr_expect(s.unparsed == (fm_json_get(item, "points") && r->answer.n == 0), "item %d", id);
    cr_expect((s.reason != NULL) == (fm_json_get(item, "path_metrics") != NULL), "item %d: %s", id,
              s.reason);
    const char *raises = fm_json_string(item, "raises");
    cr_expect(raises ? s.raises && strcmp(s.raises, raises) == 0 : !s.raises, "item %d: %s", id,
              s.raises);
    if (fm_json_get(item, "bbox_2d"))
        same_vector(&s.bbox_2d.x0, 4, fm_json_get(item, "bbox_2d"), "bbox_2d", id);
}

static void check_3d(const record *r, fm_trace_grader *grader, fm_answers_family family,
                     const fm_raster *depth, const fm_raster *mask, const cJSON *item)
{
    fm_trace_scene3d scene = {depth, mask};
    fm_trace3d_score s;
    fm_err err = {0};
    int id = r->id;
    const cJSON *ratios = fm_json_get(item, "collision_ratios");

    cr_assert(fm_trace_grade_3d(grader, FM_TRACE_REFERENCE, family, &r->answer, &r->truth, &scene,
                                &s, &err) == FM_OK,
              "%s", err.text);
    cr_expect(s.no_depth == (fm_json_get(item, "skipped") != NULL), "item %d: no_depth is %d", id,
              s.no_depth);
    cr_expect(s.unparsed == (fm_json_get(item, "empty") != NULL), "item %d: unparsed is %d", id,
              s.unparsed);
    const char *raises = fm_json_string(item, "raises");
    cr_expect(raises ? s.raises && strcmp(s.raises, raises) == 0 : !s.raises, "item %d: %s", id,
              s.raises);
    path_metrics_match(s.dfd, s.hd, s.rmse, s.mae, item, id);
    same_number(s.start_distance_m, item, "start_distance", id);
    same_number(s.end_distance_m, item, "end_distance", id);
    same_verdict(s.start_in_mask, item, "start_in_mask", id);
    same_verdict(s.end_in_bbox, item, "end_in_bbox", id);
    same_verdict(s.collision, item, "collision", id);
    same_verdict(s.success, item, "success", id);
    same_count(s.object_points, item, "object_points", id);
    same_count(s.occupied_voxels, item, "occupied_voxels", id);
    if (fm_json_get(item, "grid_origin"))
        same_vector(s.grid_origin, 3, fm_json_get(item, "grid_origin"), "grid_origin", id);
    else
        cr_expect(isnan(s.grid_origin[0]), "item %d", id);
    cr_expect(s.n_ratios == (size_t)cJSON_GetArraySize(ratios), "item %d: %zu ratios", id,
              s.n_ratios);
    same_vector(s.collision_ratios, s.n_ratios, ratios, "collision_ratios", id);
}

static void load_rasters(record *r, bool is_3d, fm_raster *depth, fm_raster *mask)
{
    const char *name = fm_json_string(r->json, is_3d ? "gt_depth_path" : "image_path");
    char root[FM_PATH_BYTES], path[FM_PATH_BYTES];
    fm_raster_info info;
    fm_err err = {0};

    cr_assert(fm_path_join(root, data_dir, "scenes/raw_data", &err) == FM_OK);
    cr_assert(fm_path_join(path, root, name, &err) == FM_OK);
    cr_assert(fm_raster_probe(path, &info, &err) == FM_OK, "%s", err.text);
    r->truth.width = info.width;
    r->truth.height = info.height;
    if (is_3d)
        cr_assert(fm_raster_load_depth(path, depth, &err) == FM_OK, "%s", err.text);
    cr_assert(fm_path_join(path, root, fm_json_string(r->json, "mask_path"), &err) == FM_OK);
    cr_assert(fm_raster_load_mask(path, mask, &err) == FM_OK, "%s", err.text);
}

static void check_model(const char *model, fm_answers_family family, bool is_3d)
{
    fm_trace_grader *grader = fm_trace_grader_new();
    fm_raster depth = {0}, mask = {0};
    char path[FM_PATH_BYTES];
    cJSON *reference = NULL;
    const cJSON *item;
    fm_lines lines = {0};
    record r = {0};
    fm_err err = {0};
    int items = 0;
    bool more;

    need_data();
    compared = 0;
    snprintf(path, sizeof(path), "%s/reference_items_0_49.json", data_dir);
    cr_assert(fm_json_load(path, (size_t)64 << 20, &reference, &err) == FM_OK, "%s", err.text);
    snprintf(path, sizeof(path), "%s/predictions/%s.jsonl", data_dir, model);
    cr_assert(fm_lines_open(&lines, path, 0, &err) == FM_OK, "%s", err.text);
    cJSON_ArrayForEach(item, fm_json_get(reference, model))
    {
        cr_assert(fm_lines_next(&lines, &more, &err) == FM_OK && more);
        record_read(&r, &lines, family);
        cr_assert(r.id == (int)fm_json_number(item, "id", -2));
        load_rasters(&r, is_3d, &depth, &mask);
        same_answer(&r.answer, item, r.id);
        if (is_3d)
            check_3d(&r, grader, family, &depth, &mask, item);
        else
            check_2d(&r, grader, family, &mask, item);
        record_clear(&r);
        items++;
    }
    cr_assert(items == 50 && compared > 500, "%d items, %d values", items, compared);
    record_release(&r);
    fm_lines_close(&lines);
    cJSON_Delete(reference);
    fm_raster_release(&depth);
    fm_raster_release(&mask);
    fm_trace_grader_free(grader);
}

Test(reference_values, robotracer_2d)
{
    check_model("RoboTracer_Intrinsics_Depth_2D", FM_ANSWERS_TUPLES, false);
}

Test(reference_values, robotracer_3d)
{
    check_model("RoboTracer_Intrinsics_Depth_3D", FM_ANSWERS_TUPLES, true);
}

Test(reference_values, gemini_2d)
{
    check_model("Gemini3Pro_2D", FM_ANSWERS_JSON, false);
}

Test(reference_values, gemini_3d)
{
    check_model("Gemini3Pro_3D", FM_ANSWERS_JSON, true);
}

Test(reference_values, ugly_tuples_2d)
{
    check_model("EdgeRoboTracer_2D", FM_ANSWERS_TUPLES, false);
}

Test(reference_values, ugly_tuples_3d)
{
    check_model("EdgeRoboTracer_3D", FM_ANSWERS_TUPLES, true);
}

Test(reference_values, ugly_json_2d)
{
    check_model("EdgeGemini_2D", FM_ANSWERS_JSON, false);
}

Test(reference_values, ugly_json_3d)
{
    check_model("EdgeGemini_3D", FM_ANSWERS_JSON, true);
}

/* ---- aggregates without rasters ---- */

/* How many of the 100 real items end where they should. */
static int count_ends(const char *model, fm_answers_family family, bool is_3d)
{
    fm_trace_grader *grader = fm_trace_grader_new();
    char path[FM_PATH_BYTES];
    fm_lines lines = {0};
    record r = {0};
    fm_err err = {0};
    int ends = 0, items = 0;

    snprintf(path, sizeof(path), "%s/predictions/%s.jsonl", data_dir, model);
    cr_assert(fm_lines_open(&lines, path, 0, &err) == FM_OK, "%s", err.text);
    for (bool more; fm_lines_next(&lines, &more, &err) == FM_OK && more; items++) {
        fm_trace_scene2d none2d = {NULL};
        fm_trace_scene3d none3d = {NULL, NULL};
        fm_trace2d_score two;
        fm_trace3d_score three;

        record_read(&r, &lines, family);
        if (is_3d) {
            cr_assert(fm_trace_grade_3d(grader, FM_TRACE_REFERENCE, family, &r.answer, &r.truth,
                                        &none3d, &three, &err) == FM_OK);
            ends += three.end_ok == FM_TRUE;
            cr_assert(three.collision == FM_UNKNOWN && strcmp(three.reason, "no depth map") == 0);
        } else {
            cr_assert(fm_trace_grade_2d(grader, FM_TRACE_REFERENCE, family, &r.answer, &r.truth,
                                        &none2d, &two, &err) == FM_OK);
            ends += two.end_in_bbox == FM_TRUE;
            cr_assert(two.start_in_mask == FM_UNKNOWN && strcmp(two.reason, "no mask") == 0);
        }
        record_clear(&r);
    }
    cr_assert(items == 100, "%d items", items);
    record_release(&r);
    fm_lines_close(&lines);
    fm_trace_grader_free(grader);
    return ends;
}

Test(reference_values, ends_of_all_real_items_without_rasters)
{
    need_data();
    static const struct {
        const char *model;
        fm_answers_family family;
        bool is_3d;
        int ends;
    } table[] = {
        {"RoboTracer_Intrinsics_Depth_2D", FM_ANSWERS_TUPLES, false, 43},
        {"RoboTracer_Intrinsics_Depth_3D", FM_ANSWERS_TUPLES, true, 57},
        {"Gemini3Pro_2D", FM_ANSWERS_JSON, false, 60},
        {"Gemini3Pro_3D", FM_ANSWERS_JSON, true, 22},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int ends = count_ends(table[i].model, table[i].family, table[i].is_3d);

        cr_expect(ends == table[i].ends, "%s: %d ends, not %d", table[i].model, ends,
                  table[i].ends);
    }
}
