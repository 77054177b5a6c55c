/* Object clouds, obstacles and collision ratios of real items against what the upstream scorer with
 * Open3D 0.16.1 measured (data README: reference_items_0_49.json). Skipped by name without the
 * data. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/files.h"
#include "base/json.h"
#include "fathom/obstacles.h"

static char data_dir[FM_PATH_BYTES / 2];

/* Where the reference data is, or skip the test. */
static void need_data(void)
{
    const char *named = getenv("FATHOM_REFERENCE_DATA"), *source = getenv("FATHOM_SOURCE_DIR");

    if (named)
        snprintf(data_dir, sizeof(data_dir), "%s/tracespatial", named);
    else
        snprintf(data_dir, sizeof(data_dir), "%s/../shared/data/tracespatial",
                 source ? source : ".");
    if (!fm_dir_exists(data_dir))
        cr_skip_test("no reference data at '%s'", data_dir);
}

static void raster_path(char out[FM_PATH_BYTES], int id, const char *name)
{
    snprintf(out, FM_PATH_BYTES, "%s/scenes/raw_data/%d/%s", data_dir, id, name);
}

static fm_camera camera_of(const cJSON *record)
{
    const cJSON *k = fm_json_get(record, "gt_depth_intrinsics");
    double row[2][4] = {{0}};

    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            row[i][j] = cJSON_GetNumberValue(cJSON_GetArrayItem(cJSON_GetArrayItem(k, i), j));
    return (fm_camera){row[0][0], row[1][1], row[0][2], row[1][2]};
}

/* A predicted point in metres. The numbers of the tuple family are float32 from the parser on, and
 * stay so in NumPy 1.24's arithmetic with Python floats. */
static void predicted_point(const cJSON *point, const fm_camera *c, const fm_raster *depth,
                            bool single, double out[3])
{
    double v[3];

    /* cJSON gives NaN for null, which stands for a number that the reply lacks. */
    for (int i = 0; i < 3; i++)
        v[i] = cJSON_GetNumberValue(cJSON_GetArrayItem(point, i));
    if (single) {
        float x = (float)v[0] * (float)depth->width, y = (float)v[1] * (float)depth->height;
        float d = (float)v[2];

        out[0] = (x - (float)c->cx) * d / (float)c->fx;
        out[1] = (y - (float)c->cy) * d / (float)c->fy;
        out[2] = d;
    } else {
        fm_camera_back_project(c, v[0] * depth->width, v[1] * depth->height, v[2], out);
    }
}

static void check_close(double got, double want, const char *what, int id)
{
    cr_assert(le(dbl, fabs(got - want), 1e-5 * fmax(1, fabs(want))),
              "item %d: %s is %.9g, not %.9g", id, what, got, want);
}

static void check_item(const cJSON *item, const cJSON *record, bool single, fm_obstacles *obstacles,
                       fm_cloud *cloud, fm_cloud_scratch *scratch)
{
    char path[FM_PATH_BYTES];
    int id = (int)fm_json_number(item, "id", -1);
    fm_raster depth = {0}, mask = {0};
    fm_camera camera = camera_of(record);
    fm_err err = {0};
    double origin[3];
    const cJSON *ratios = fm_json_get(item, "collision_ratios"),
                *points = fm_json_get(item, "points");

    cr_assert(eq(int, id, (int)fm_json_number(record, "question_id", -2)));
    raster_path(path, id, "gt_depth.png");
    cr_assert(eq(int, fm_raster_load_depth(path, &depth, &err), FM_OK), "%s", err.text);
    raster_path(path, id, "mask.png");
    cr_assert(eq(int, fm_raster_load_mask(path, &mask, &err), FM_OK), "%s", err.text);

    cr_assert(eq(int, fm_cloud_object(cloud, &depth, &mask, &camera, scratch, &err), FM_OK), "%s",
              err.text);
    cr_expect(eq(sz, cloud->n, (size_t)fm_json_number(item, "object_points", -1)), "item %d", id);

    cr_assert(eq(int, fm_obstacles_build(obstacles, &depth, &mask, &camera, &err), FM_OK), "%s",
              err.text);
    if (cloud->n == 0)
        goto done; /* upstream stops here */
    cr_expect(
        eq(sz, fm_obstacles_count(obstacles), (size_t)fm_json_number(item, "occupied_voxels", -1)),
        "item %d", id);
    fm_obstacles_origin(obstacles, origin);
    for (int k = 0; k < 3; k++)
        check_close(origin[k],
                    cJSON_GetNumberValue(cJSON_GetArrayItem(fm_json_get(item, "grid_origin"), k)),
                    "grid_origin", id);

    for (int t = 0; t < cJSON_GetArraySize(ratios); t++) {
        double first[3], here[3], offset[3];

        predicted_point(cJSON_GetArrayItem(points, 0), &camera, &depth, single, first);
        predicted_point(cJSON_GetArrayItem(points, t), &camera, &depth, single, here);
        for (int k = 0; k < 3; k++)
            offset[k] = single ? (double)((float)here[k] - (float)first[k]) : here[k] - first[k];
        check_close(fm_obstacles_hit_ratio(obstacles, cloud, offset, FM_VOXEL_TRUNCATE),
                    cJSON_GetNumberValue(cJSON_GetArrayItem(ratios, t)), "collision_ratios", id);
    }
done:
    fm_raster_release(&depth);
    fm_raster_release(&mask);
}

static int check_model(const char *model, bool single)
{
    char path[FM_PATH_BYTES];
    cJSON *reference = NULL;
    fm_lines lines = {0};
    fm_err err = {0};
    fm_cloud cloud = {0};
    fm_cloud_scratch *scratch = fm_cloud_scratch_new();
    fm_obstacles *obstacles = fm_obstacles_new();
    int checked = 0;
    bool more;

    snprintf(path, sizeof(path), "%s/reference_items_0_49.json", data_dir);
    cr_assert(eq(int, fm_json_load(path, (size_t)64 << 20, &reference, &err), FM_OK), "%s",
              err.text);
    snprintf(path, sizeof(path), "%s/predictions/%s.jsonl", data_dir, model);
    cr_assert(eq(int, fm_lines_open(&lines, path, 0, &err), FM_OK), "%s", err.text);

    const cJSON *item;

    cJSON_ArrayForEach(item, fm_json_get(reference, model))
    {
        cJSON *record;

        cr_assert(eq(int, fm_lines_next(&lines, &more, &err), FM_OK));
        cr_assert(more);
        if (!fm_json_get(item, "object_points"))
            continue; /* skipped or unreadable: upstream came to no cloud */
        cr_assert(eq(int, fm_json_parse(lines.line, lines.size, "record", &record, &err), FM_OK));
        check_item(item, record, single, obstacles, &cloud, scratch);
        cJSON_Delete(record);
        checked++;
    }
    fm_lines_close(&lines);
    cJSON_Delete(reference);
    fm_cloud_release(&cloud);
    fm_cloud_scratch_free(scratch);
    fm_obstacles_free(obstacles);
    return checked;
}

Test(reference_geometry, robotracer_items_have_upstream_clouds_obstacles_and_ratios)
{
    need_data();
    cr_assert(eq(int, check_model("RoboTracer_Intrinsics_Depth_3D", true), 50));
}

Test(reference_geometry, gemini_items_have_upstream_clouds_obstacles_and_ratios)
{
    need_data();
    cr_assert(eq(int, check_model("Gemini3Pro_3D", false), 50));
}

Test(reference_geometry, ugly_replies_have_upstream_clouds_obstacles_and_ratios)
{
    need_data();
    cr_assert(eq(int, check_model("EdgeRoboTracer_3D", true), 37));
    cr_assert(eq(int, check_model("EdgeGemini_3D", false), 25));
}
