/* Owns the folder on disk: the layout of TraceSpatial-Bench, written whole or not at all. Items come
 * from world.c. */
#include "fathom/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "base/staging.h"
#include "base/threads.h"

/* By this file a folder is known as made here, and from what. */
static const char STAMP_NAME[] = "fathom-world.json";

typedef struct {
    const fm_world_config *config;
    const char *folder;   /* where to write */
    fm_world_item *items; /* one a worker */
    fm_buf *records;      /* one an item */
} dataset;

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

/* ---- records ---- */

/* The benchmark holds 3x3 matrices from one source and 4x4 ones from the other; so does this. */
static void put_intrinsics(fm_json_writer *w, const char *key, const fm_camera *k, size_t size)
{
    const double rows[4][4] = {
        {k->fx, 0, k->cx, 0}, {0, k->fy, k->cy, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};

    fm_json_open(w, key, '[');
    for (size_t i = 0; i < size; i++)
        fm_json_put_vector(w, NULL, rows[i], size);
    fm_json_close(w, ']');
}

static void put_path(fm_json_writer *w, const char *key, size_t id, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "%zu/%s", id, name);
    fm_json_put_string(w, key, path);
}

/* As RoboTracer writes them: u and v from 0 to 1000. */
static void put_key_steps(fm_json_writer *w, const fm_world_item *item)
{
    static const char *const kinds[] = {[FM_WORLD_SCALE] = "Scale",
                                        [FM_WORLD_REFERRING] = "Referring",
                                        [FM_WORLD_MEASURING] = "Measuring"};

    fm_json_open(w, "key_steps", '[');
    for (size_t i = 0; i < item->n_key_steps; i++) {
        const fm_world_key_step *step = &item->key_steps[i];
        const double point[3] = {step->value[0] * 1000, step->value[1] * 1000, step->value[2]};

        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "type", kinds[step->kind]);
        fm_json_put_string(w, "target", step->target);
        if (step->kind == FM_WORLD_REFERRING)
            fm_json_put_vector(w, "value", point, 3);
        else
            fm_json_put_number(w, "value", step->value[0]);
        if (step->kind == FM_WORLD_MEASURING)
            fm_json_put_string(w, "unit", "m");
        fm_json_close(w, '}');
    }
    fm_json_close(w, ']');
    fm_json_put_number(w, "max_depth", item->max_depth_m);
}

static void write_record(const fm_world_item *item, fm_buf *out)
{
    fm_json_writer w = {.out = out};
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
    put_intrinsics(&w, "intrinsics", &item->camera, matrix);
    put_intrinsics(&w, "gt_depth_intrinsics", &item->camera, matrix);
    fm_json_open(&w, "trajectory", '[');
    for (size_t i = 0; i < item->n_trace; i++)
        fm_json_put_vector(&w, NULL, item->trace[i], 3);
    fm_json_close(&w, ']');
    fm_json_put_vector(&w, "bbox_center", item->box.center, 3);
    fm_json_put_vector(&w, "bbox_extent", item->box.extent, 3);
    fm_json_open(&w, "bbox_rotation", '[');
    for (int i = 0; i < 3; i++)
        fm_json_put_vector(&w, NULL, item->box.rotation[i], 3);
    fm_json_close(&w, ']');
    put_key_steps(&w, item);
    fm_json_close(&w, '}');
}

/* ---- files ---- */

/* No temporary name and no sync a file: the folder is what appears at once, or not at all. */
static fm_status write_file(const char *folder, const char *name, const void *bytes, size_t size,
                            fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_path_join(path, folder, name, err);
    FILE *f;

    if (st != FM_OK)
        return st;
    f = fopen(path, "wb");
    if (!f)
        return fm_fail(err, FM_E_IO, "cannot write '%s': %s", path, strerror(errno));
    bool bad = fwrite(bytes, 1, size, f) != size;
    if (fclose(f) != 0 || bad)
        return fm_fail(err, FM_E_IO, "cannot write '%s': %s", path, strerror(errno));
    return FM_OK;
}

static fm_status write_raster(const char *folder, const char *name, const fm_raster *raster,
                              fm_err *err)
{
    unsigned char *png = NULL;
    size_t size = 0;
    fm_status st = fm_raster_encode_png(raster, &png, &size, err);

    if (st == FM_OK)
        st = write_file(folder, name, png, size, err);
    free(png);
    return st;
}

static fm_status make_one(void *context, size_t index, int worker, fm_err *err)
{
    dataset *set = context;
    fm_world_item *item = &set->items[worker];
    char folder[FM_PATH_BYTES], name[48];
    fm_status st = fm_world_item_make(set->config, index, item, err);

    if (st != FM_OK)
        return st;
    snprintf(name, sizeof(name), "raw_data/%zu", index);
    st = fm_path_join(folder, set->folder, name, err);
    if (st == FM_OK)
        st = fm_dir_make(folder, err);
    if (st == FM_OK)
        st = write_raster(folder, "image.png", &item->image, err);
    if (st == FM_OK)
        st = write_raster(folder, "gt_depth.png", &item->depth, err);
    if (st == FM_OK)
        st = write_raster(folder, "mask.png", &item->mask, err);
    if (st != FM_OK)
        return st;
    write_record(item, &set->records[index]);
    return fm_buf_check(&set->records[index], "a record", err);
}

static fm_status write_index(dataset *set, fm_err *err)
{
    fm_buf all = {0}, stamp = {0};
    fm_status st;

    for (size_t i = 0; i < set->config->count; i++) {
        fm_buf_puts(&all, i ? ",\n" : "[\n");
        fm_buf_append(&all, set->records[i].data, set->records[i].size);
    }
    fm_buf_puts(&all, "\n]\n");
    write_stamp(set->config, &stamp);
    st = fm_buf_check(&all, "the records", err);
    if (st == FM_OK)
        st = fm_buf_check(&stamp, "the stamp", err);
    if (st == FM_OK)
        st = write_file(set->folder, "trajectory_dataset.json", all.data, all.size, err);
    if (st == FM_OK)
        st = write_file(set->folder, STAMP_NAME, stamp.data, stamp.size, err);
    fm_buf_release(&all);
    fm_buf_release(&stamp);
    return st;
}

static fm_status fill(dataset *set, int jobs, fm_err *err)
{
    size_t n = set->config->count;
    fm_status st;

    set->items = calloc((size_t)jobs, sizeof(*set->items));
    set->records = calloc(n, sizeof(*set->records));
    if (!set->items || !set->records)
        st = fm_fail(err, FM_E_NOMEM, "no memory for %zu items", n);
    else
        st = fm_parallel_for(n, jobs, make_one, set, err);
    if (st == FM_OK)
        st = write_index(set, err);
    for (int i = 0; set->items && i < jobs; i++)
        fm_world_item_release(&set->items[i]);
    for (size_t i = 0; set->records && i < n; i++)
        fm_buf_release(&set->records[i]);
    free(set->items);
    free(set->records);
    return st;
}

/* ---- folders ---- */

/* Was this folder made by us from this configuration? */
static bool is_ours(const fm_world_config *config, const char *dir)
{
    char path[FM_PATH_BYTES];
    fm_buf found = {0}, wanted = {0};
    bool ours;

    if (fm_path_join(path, dir, STAMP_NAME, NULL) != FM_OK || !fm_file_exists(path))
        return false;
    write_stamp(config, &wanted);
    ours = fm_file_read(path, 4096, &found, NULL) == FM_OK && !wanted.failed &&
           strcmp(fm_buf_text(&found), fm_buf_text(&wanted)) == 0;
    fm_buf_release(&found);
    fm_buf_release(&wanted);
    return ours;
}

/* The folder under its name; another process may have been faster. */
static fm_status publish(const fm_world_config *config, fm_staging *staging, fm_err *err)
{
    fm_status st = fm_staging_commit(staging, err);

    if (st != FM_E_USAGE)
        return st;
    if (is_ours(config, staging->path))
        return FM_OK;
    return fm_fail(err, FM_E_USAGE, "'%s' exists and was not made from this seed, count and size",
                   staging->path);
}

fm_status fm_world_generate(const fm_world_config *config, const char *dir, fm_err *err)
{
    dataset set = {.config = config};
    fm_staging staging = {0};
    fm_status st;

    if (config->count < 1 || config->count > FM_WORLD_MAX_COUNT)
        return fm_fail(err, FM_E_USAGE, "%zu scenes asked for: 1 to %d can be had", config->count,
                       FM_WORLD_MAX_COUNT);
    if (is_ours(config, dir))
        return FM_OK;
    if (fm_path_is_occupied(dir))
        return fm_fail(err, FM_E_USAGE,
                       "'%s' exists and was not made from this seed, count and size", dir);
    st = fm_staging_begin(&staging, dir, err);
    if (st != FM_OK)
        return st;
    set.folder = staging.folder;
    st = fill(&set, config->jobs < 1 ? fm_threads_available() : config->jobs, err);
    if (st == FM_OK)
        st = publish(config, &staging, err);
    fm_staging_abandon(&staging);
    return st;
}
