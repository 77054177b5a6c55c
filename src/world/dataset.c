/* Owns the layout of TraceSpatial-Bench. Items come from world.c, or are made of scenes. */
#include "world/dataset.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/files.h"
#include "base/threads.h"
#include "world/records.h"

static void write_stamp(const fm_world_config *config, fm_buf *out)
{
    fm_json_writer w = {.out = out, .pretty = true};
    char seed[24];

    /* As text: a JSON number does not hold 64 bits. */
    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)config->seed);
    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "generator", "fathom world");
    fm_json_put_int(&w, "version", FM_WORLD_VERSION);
    fm_json_put_string(&w, "seed", seed);
    fm_json_put_int(&w, "count", (int64_t)config->count);
    fm_json_put_int(&w, "width", config->width);
    fm_json_put_int(&w, "height", config->height);
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
}

static void put_path(fm_json_writer *w, const char *key, size_t id, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "%zu/%s", id, name);
    fm_json_put_string(w, key, path);
}

static void put_key_steps(fm_json_writer *w, const fm_world_item *item)
{
    fm_json_open(w, "key_steps", '[');
    for (size_t i = 0; i < item->n_key_steps; i++) {
        const fm_world_key_step *step = &item->key_steps[i];

        fm_record_key_step(w, step->kind, step->target, step->value);
    }
    fm_json_close(w, ']');
    fm_json_put_number(w, "max_depth", item->max_depth_m);
}

static void write_record(const fm_world_item *item, fm_buf *out)
{
    fm_json_writer w = {.out = out};
    /* The benchmark holds 3x3 matrices from one source and 4x4 ones from the other; so does this. */
    size_t matrix = item->index % 2 ? 4 : 3;

    fm_json_open(&w, NULL, '{');
    fm_json_put_int(&w, "id", (int64_t)item->index);
    fm_json_put_string(&w, "prompt", item->instruction);
    fm_json_put_string(&w, "target_object", item->target);
    fm_json_put_string(&w, "destination|direction", item->destination);
    fm_json_put_int(&w, "step", item->steps);
    fm_json_put_string(&w, "category", item->category);
    fm_json_put_string(&w, "data_source", "fathom-world");
    put_path(&w, "image_path", item->index, "image.png");
    put_path(&w, "gt_depth_path", item->index, "gt_depth.png");
    put_path(&w, "mask_path", item->index, "mask.png");
    fm_record_intrinsics(&w, "intrinsics", &item->camera, matrix);
    fm_record_intrinsics(&w, "gt_depth_intrinsics", &item->camera, matrix);
    fm_json_open(&w, "trajectory", '[');
    for (size_t i = 0; i < item->n_trace; i++)
        fm_json_put_vector(&w, NULL, item->trace[i], 3);
    fm_json_close(&w, ']');
    fm_json_put_vector(&w, "bbox_center", item->box.center, 3);
    fm_json_put_vector(&w, "bbox_extent", item->box.extent, 3);
    fm_record_rotation(&w, "bbox_rotation", &item->box);
    put_key_steps(&w, item);
    fm_json_close(&w, '}');
}

fm_status fm_benchmark_write(const char *folder, const fm_world_item *item, fm_buf *record,
                             fm_err *err)
{
    char own[FM_PATH_BYTES], name[48];
    fm_status st;

    snprintf(name, sizeof(name), "raw_data/%zu", item->index);
    st = fm_path_join(own, folder, name, err);
    if (st == FM_OK)
        st = fm_dir_make(own, err);
    if (st == FM_OK)
        st = fm_folder_write_png(own, "image.png", &item->image, err);
    if (st == FM_OK)
        st = fm_folder_write_png(own, "gt_depth.png", &item->depth, err);
    if (st == FM_OK)
        st = fm_folder_write_png(own, "mask.png", &item->mask, err);
    if (st == FM_OK)
        write_record(item, record);
    return st;
}

typedef struct {
    const fm_world_config *config;
    fm_world_item *items; /* one a worker */
} dataset;

static fm_status make_one(void *context, const char *folder, size_t index, int worker,
                          fm_buf *records, fm_err *err)
{
    dataset *set = context;
    fm_world_item *item = &set->items[worker];
    fm_status st = fm_world_item_make(set->config, index, item, err);

    return st == FM_OK ? fm_benchmark_write(folder, item, &records[0], err) : st;
}

fm_status fm_world_generate(const fm_world_config *config, const char *dir, fm_err *err)
{
    int jobs = config->jobs < 1 ? fm_threads_available() : config->jobs;
    dataset set = {.config = config};
    fm_buf stamp = {0};
    fm_folder_plan plan = {.count = config->count,
                           .jobs = jobs,
                           .tables = {FM_BENCHMARK_TABLE},
                           .arrays = true,
                           .make = make_one,
                           .context = &set};
    fm_status st;

    if (config->count < 1 || config->count > FM_WORLD_MAX_COUNT)
        return fm_fail(err, FM_E_USAGE, "%zu scenes asked for: 1 to %d can be had", config->count,
                       FM_WORLD_MAX_COUNT);
    write_stamp(config, &stamp);
    st = fm_buf_check(&stamp, "the stamp", err);
    plan.stamp = fm_buf_text(&stamp);
    set.items = calloc((size_t)jobs, sizeof(*set.items));
    if (st == FM_OK && !set.items)
        st = fm_fail(err, FM_E_NOMEM, "no memory for %d items", jobs);
    if (st == FM_OK)
        st = fm_folder_generate(&plan, dir, err);
    for (int i = 0; set.items && i < jobs; i++)
        fm_world_item_release(&set.items[i]);
    free(set.items);
    fm_buf_release(&stamp);
    return st;
}
