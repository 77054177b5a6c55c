/* Owns the layout of TraceSpatial-Bench: what a record says. */
#include "world/benchmark.h"

#include <stdio.h>

#include "base/files.h"
#include "world/records.h"

static void put_path(fm_json_writer *w, const char *key, size_t id, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "%zu/%s", id, name);
    fm_json_put_string(w, key, path);
}

static void put_trace(fm_json_writer *w, const fm_world_scene *scene, const fm_world_question *q)
{
    fm_json_open(w, "trajectory", '[');
    for (int i = 0; i < q->n_points; i++) {
        const double *p = q->points[i];
        double xyz[3];

        fm_camera_back_project(&scene->camera, p[0] * scene->width, p[1] * scene->height, p[2],
                               xyz);
        fm_json_put_vector(w, NULL, xyz, 3);
    }
    fm_json_close(w, ']');
}

static void write_record(const fm_world_scene *scene, fm_buf *out)
{
    const fm_world_question *q = &scene->questions[0];
    fm_json_writer w = {.out = out};
    /* The benchmark holds 3x3 matrices from one source and 4x4 ones from the other; so does this. */
    size_t matrix = scene->index % 2 ? 4 : 3;

    fm_json_open(&w, NULL, '{');
    fm_json_put_int(&w, "id", (int64_t)scene->index);
    fm_json_put_string(&w, "prompt", q->question);
    fm_json_put_string(&w, "target_object", q->target);
    fm_json_put_string(&w, "destination|direction", q->destination);
    fm_json_put_int(&w, "step", q->n_steps);
    fm_json_put_string(&w, "category", q->push ? "Push&Pull" : "Pick&Place");
    fm_json_put_string(&w, "data_source", "fathom-world");
    put_path(&w, "image_path", scene->index, "image.png");
    put_path(&w, "gt_depth_path", scene->index, "gt_depth.png");
    put_path(&w, "mask_path", scene->index, "mask.png");
    fm_record_intrinsics(&w, "intrinsics", &scene->camera, matrix);
    fm_record_intrinsics(&w, "gt_depth_intrinsics", &scene->camera, matrix);
    put_trace(&w, scene, q);
    fm_json_put_vector(&w, "bbox_center", q->box.center, 3);
    fm_json_put_vector(&w, "bbox_extent", q->box.extent, 3);
    fm_record_rotation(&w, "bbox_rotation", &q->box);
    fm_record_key_steps(&w, q);
    fm_json_put_number(&w, "max_depth", scene->max_depth_m);
    fm_json_close(&w, '}');
}

fm_status fm_benchmark_write(const char *folder, const fm_world_scene *scene,
                             const fm_raster *image, const fm_raster *depth, const fm_raster *mask,
                             fm_buf *record, fm_err *err)
{
    char own[FM_PATH_BYTES], name[48];
    fm_status st;

    snprintf(name, sizeof(name), "raw_data/%zu", scene->index);
    st = fm_path_join(own, folder, name, err);
    if (st == FM_OK)
        st = fm_dir_make(own, err);
    if (st == FM_OK)
        st = fm_folder_write_png(own, "image.png", image, err);
    if (st == FM_OK)
        st = fm_folder_write_png(own, "gt_depth.png", depth, err);
    if (st == FM_OK)
        st = fm_folder_write_png(own, "mask.png", mask, err);
    if (st == FM_OK)
        write_record(scene, record);
    return st;
}
