/* Owns the published layout of TraceSpatial-Bench: which member of a record means what, and which
 * values are refused. Rasters are named here, not opened. */
#include "suites/tracespatial/tracespatial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "core/key_steps.h"

#define DATASET_FILE "trajectory_dataset.json"

enum { MAX_DATASET_BYTES = 1 << 29, MAX_TRACE_POINTS = 100000 };

typedef struct {
    char path[FM_PATH_BYTES]; /* of the annotations */
    char raster_root[FM_PATH_BYTES];
    fm_answer_kind kind;
    bool names;  /* nobody looks at rasters */
    size_t item; /* 1-based number of the current record */

    /* One of the two: a whole JSON file, read when the first sample is wanted, or lines of records. */
    bool by_lines;
    cJSON *tree;
    const cJSON *cursor;
    fm_lines lines;
} loader;

/* ---- opening ---- */

static bool has_annotations(const char *data_dir)
{
    char path[FM_PATH_BYTES];

    return fm_path_join(path, data_dir, DATASET_FILE, NULL) == FM_OK && fm_file_exists(path);
}

/* The records stand in an array, or in an object by id, or in an object around such an array. */
static const cJSON *first_record(const cJSON *tree)
{
    const cJSON *child = tree->child;

    if (cJSON_IsObject(tree) && cJSON_IsArray(child) && !child->next)
        child = child->child;
    return child;
}

static fm_status read_dataset(loader *l, fm_err *err)
{
    fm_status st = fm_json_load(l->path, MAX_DATASET_BYTES, &l->tree, err);

    if (st != FM_OK)
        return st;
    l->cursor = first_record(l->tree);
    if (cJSON_IsObject(l->cursor))
        return FM_OK;
    cJSON_Delete(l->tree);
    l->tree = NULL;
    return fm_fail(err, FM_E_INPUT, "%s: holds no records", l->path);
}

static void loader_close(void *state)
{
    loader *l = state;

    cJSON_Delete(l->tree);
    fm_lines_close(&l->lines);
    free(l);
}

static fm_status loader_open(void **state, const fm_loader_config *config, fm_err *err)
{
    loader *l = calloc(1, sizeof(*l));
    fm_status st;

    if (!l)
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", config->data_dir);
    l->kind = config->kind;
    l->names = config->names;
    st = config->frames
             ? fm_fail(err, FM_E_USAGE, "task '%s' shows no video of which frames could be chosen",
                       config->task)
             : fm_path_join(l->raster_root, config->data_dir, "raw_data", err);
    if (st == FM_OK && config->annotations) {
        snprintf(l->path, sizeof(l->path), "%s", config->annotations);
        l->by_lines = true;
        st = fm_lines_open(&l->lines, l->path, 0, err);
    } else if (st == FM_OK) {
        st = fm_path_join(l->path, config->data_dir, DATASET_FILE, err);
        if (st == FM_OK && !fm_file_exists(l->path))
            st = fm_fail(err, FM_E_INPUT,
                         "'%s' has no " DATASET_FILE "; --data is the folder that holds it, with "
                         "raw_data/ beside it",
                         config->data_dir);
    }
    if (st == FM_OK)
        *state = l;
    else
        loader_close(l);
    return st;
}

static fm_status loader_fingerprint(void *state, char out[FM_HASH_TEXT_BYTES], fm_err *err)
{
    return fm_hash_file(((loader *)state)->path, out, err);
}

/* ---- one record ---- */

typedef struct {
    const loader *loader;
    const cJSON *record;
    fm_arena *arena;
    fm_err *err;
    const char *id; /* NULL until it is known */
} reading;

static fm_status fault(const reading *r, const char *member, const char *problem)
{
    if (r->id)
        return fm_fail(r->err, FM_E_INPUT, "%s: item %zu (id %s): '%s' %s", r->loader->path,
                       r->loader->item, r->id, member, problem);
    return fm_fail(r->err, FM_E_INPUT, "%s: item %zu: '%s' %s", r->loader->path, r->loader->item,
                   member, problem);
}

static fm_status no_memory(const reading *r)
{
    return fm_fail(r->err, FM_E_NOMEM, "no memory for item %zu of '%s'", r->loader->item,
                   r->loader->path);
}

static bool is_absent(const cJSON *item)
{
    return !item || cJSON_IsNull(item);
}

static const cJSON *either(const reading *r, const char *a, const char *b)
{
    const cJSON *item = fm_json_get(r->record, a);

    return is_absent(item) ? fm_json_get(r->record, b) : item;
}

/* Ids name folders, so nothing may hide in them. */
static bool usable_id(const char *id)
{
    size_t n = strlen(id);

    if (n == 0 || n >= FM_SAMPLE_ID_BYTES || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)id[i] < 0x20 || id[i] == 0x7F || id[i] == '/' || id[i] == '\\')
            return false;
    return true;
}

static fm_status read_id(reading *r, fm_sample *out)
{
    const cJSON *item = either(r, "question_id", "id");
    const char *text = cJSON_GetStringValue(item);
    char number[32];

    if (is_absent(item))
        text = r->record->string; /* records in an object, by id */
    if (cJSON_IsNumber(item)) {
        if (item->valuedouble != floor(item->valuedouble) || fabs(item->valuedouble) > 1e15)
            return fault(r, "id", "is no whole number");
        snprintf(number, sizeof(number), "%.0f", item->valuedouble);
        text = number;
    }
    if (!text)
        return fault(r, "id", "is missing");
    if (!usable_id(text))
        return fault(r, "id", "must be a plain name without slashes and control characters");
    out->id = fm_arena_strdup(r->arena, text);
    r->id = out->id;
    return out->id ? FM_OK : no_memory(r);
}

static fm_status read_text(const reading *r, const char *member, const char **out)
{
    const cJSON *item = fm_json_get(r->record, member);

    if (is_absent(item))
        return FM_OK;
    if (!cJSON_IsString(item))
        return fault(r, member, "is no text");
    *out = fm_arena_strdup(r->arena, item->valuestring);
    return *out ? FM_OK : no_memory(r);
}

/* Records name rasters below raw_data/, with or without that prefix; a record that names none has
 * them at the published place. */
static fm_status read_raster(const reading *r, const char *member, const char *alternative,
                             const char *const *defaults, const char **out)
{
    const char *name = cJSON_GetStringValue(either(r, member, alternative));
    char path[FM_PATH_BYTES], place[FM_SAMPLE_ID_BYTES + 32];
    fm_status st;

    if (name && name[0]) {
        if (strncmp(name, "raw_data/", 9) == 0)
            name += 9;
        st = fm_path_join_inside(path, r->loader->raster_root, name, r->err);
        if (st != FM_OK)
            return fm_fail_within(r->err, st, "%s: item %zu (id %s): '%s'", r->loader->path,
                                  r->loader->item, r->id, member);
    } else if (r->loader->names) {
        return FM_OK; /* no name that could be wrong */
    } else {
        do {
            snprintf(place, sizeof(place), "%s/%s", r->id, *defaults);
            st = fm_path_join_inside(path, r->loader->raster_root, place, r->err);
            if (st != FM_OK)
                return st;
            /* Of the last one it does not matter whether it is there. */
        } while (defaults[1] && !fm_file_exists(path) && *++defaults);
    }
    *out = fm_arena_strdup(r->arena, path);
    return *out ? FM_OK : no_memory(r);
}

static fm_status read_rasters(const reading *r, fm_sample *out)
{
    static const char *const images[] = {"image.png", "image.jpg", "image.jpeg", NULL};
    static const char *const depths[] = {"gt_depth.png", NULL};
    static const char *const masks[] = {"mask.png", NULL};
    fm_status st = read_raster(r, "image_path", "image", images, &out->image_path);

    if (st == FM_OK)
        st = read_raster(r, "gt_depth_path", "gt_depth", depths, &out->depth_path);
    if (st == FM_OK)
        st = read_raster(r, "mask_path", "mask", masks, &out->mask_path);
    return st;
}

/* Rows of a square matrix of 3 or 4; the camera's 4x4 form holds the 3x3 one in its corner. */
static bool read_matrix(const cJSON *item, double out[3][3])
{
    int n = cJSON_IsArray(item) ? cJSON_GetArraySize(item) : 0, i = 0;
    const cJSON *row;

    if (n != 3 && n != 4)
        return false;
    cJSON_ArrayForEach(row, item)
    {
        double values[4];

        if (!fm_json_vector(row, values, (size_t)n))
            return false;
        if (i < 3)
            memcpy(out[i], values, sizeof(out[i]));
        i++;
    }
    return true;
}

static fm_status read_camera(const reading *r, fm_sample *out)
{
    const cJSON *item = either(r, "gt_depth_intrinsics", "intrinsics");
    double k[3][3];

    if (is_absent(item))
        return FM_OK;
    if (!read_matrix(item, k))
        return fault(r, "gt_depth_intrinsics", "is no 3x3 or 4x4 matrix of finite numbers");
    out->camera = (fm_camera){.fx = k[0][0], .fy = k[1][1], .cx = k[0][2], .cy = k[1][2]};
    if (!fm_camera_valid(&out->camera))
        return fault(r, "gt_depth_intrinsics", "is singular: both focal lengths must be positive");
    out->has_camera = true;
    return FM_OK;
}

static fm_status read_trajectory(const reading *r, fm_truth_trace *out)
{
    const cJSON *item = fm_json_get(r->record, "trajectory"), *point;
    int n = cJSON_IsArray(item) ? cJSON_GetArraySize(item) : 0;

    if (n < 1 || n > MAX_TRACE_POINTS)
        return fault(r, "trajectory", "is no list of points");
    out->points = fm_arena_alloc(r->arena, (size_t)n, sizeof(*out->points));
    if (!out->points)
        return no_memory(r);
    cJSON_ArrayForEach(point, item)
    {
        if (!fm_json_vector(point, out->points[out->n++], 3))
            return fault(r, "trajectory", "has a point that is not three finite numbers");
    }
    return FM_OK;
}

static double determinant(double m[3][3])
{
    return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
           m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
           m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

static fm_status read_box(const reading *r, fm_truth_trace *out)
{
    const cJSON *center = fm_json_get(r->record, "bbox_center");
    const cJSON *extent = fm_json_get(r->record, "bbox_extent");
    const cJSON *rotation = fm_json_get(r->record, "bbox_rotation");
    fm_box *box = &out->box;

    if (is_absent(center) && is_absent(extent) && is_absent(rotation))
        return FM_OK;
    if (!fm_json_vector(center, box->center, 3))
        return fault(r, "bbox_center", "is not three finite numbers");
    if (!fm_json_vector(extent, box->extent, 3) || box->extent[0] < 0 || box->extent[1] < 0 ||
        box->extent[2] < 0)
        return fault(r, "bbox_extent", "is not three lengths");
    if (cJSON_GetArraySize(rotation) != 3 || !read_matrix(rotation, box->rotation))
        return fault(r, "bbox_rotation", "is no 3x3 matrix of finite numbers");
    if (fabs(determinant(box->rotation)) < 1e-9)
        return fault(r, "bbox_rotation", "is singular");
    out->has_box = true;
    return FM_OK;
}

/* Not in the published files: data for training and the generated suite annotate them. */
static fm_status read_reasoning(const reading *r, fm_sample *out)
{
    double depth = fm_json_number(r->record, "max_depth", 0);
    const cJSON *item = fm_json_get(r->record, "key_steps");
    char place[FM_PATH_BYTES + 2 * FM_SAMPLE_ID_BYTES];

    out->max_depth_m = depth > 0 ? depth : 0;
    if (is_absent(item))
        return FM_OK;
    snprintf(place, sizeof(place), "%s: item %zu (id %s): 'key_steps'", r->loader->path,
             r->loader->item, r->id);
    return fm_key_steps_read(item, FM_STEPS_ROBOTRACER, place, r->arena, &out->key_steps,
                             &out->n_key_steps, r->err);
}

static fm_status read_record(const loader *l, const cJSON *record, fm_arena *arena, fm_sample *out,
                             fm_err *err)
{
    reading r = {.loader = l, .record = record, .arena = arena, .err = err};
    fm_sample sample = {.kind = l->kind};
    fm_status st;

    if (!cJSON_IsObject(record))
        return fm_fail(err, FM_E_INPUT, "%s: item %zu is no record", l->path, l->item);
    if ((st = read_id(&r, &sample)) != FM_OK ||
        (st = read_text(&r, "prompt", &sample.instruction)) != FM_OK ||
        (st = read_text(&r, "target_object", &sample.target)) != FM_OK ||
        (st = read_text(&r, "destination|direction", &sample.destination)) != FM_OK ||
        (st = read_text(&r, "category", &sample.category)) != FM_OK ||
        (st = read_rasters(&r, &sample)) != FM_OK || (st = read_camera(&r, &sample)) != FM_OK ||
        (st = read_trajectory(&r, &sample.truth.trace)) != FM_OK ||
        (st = read_box(&r, &sample.truth.trace)) != FM_OK ||
        (st = read_reasoning(&r, &sample)) != FM_OK)
        return st;
    double steps = fm_json_number(record, "step", 0);
    sample.steps = steps >= 1 && steps <= 1000 ? (int)steps : 0;
    *out = sample;
    return FM_OK;
}

/* ---- iteration ---- */

static fm_status next_line(loader *l, fm_arena *arena, fm_sample *out, bool *more, fm_err *err)
{
    char place[FM_PATH_BYTES + 32];
    cJSON *record = NULL;
    fm_status st = fm_lines_next(&l->lines, more, err);

    if (st != FM_OK || !*more)
        return st;
    l->item = l->lines.number;
    snprintf(place, sizeof(place), "%s:%zu", l->path, l->lines.number);
    if (l->lines.too_long)
        return fm_fail(err, FM_E_INPUT, "%s: the line is too long", place);
    st = fm_json_parse(l->lines.line, l->lines.size, place, &record, err);
    if (st == FM_OK)
        st = read_record(l, record, arena, out, err);
    cJSON_Delete(record);
    return st;
}

static fm_status loader_next(void *state, fm_arena *arena, fm_sample *out, bool *more, fm_err *err)
{
    loader *l = state;
    fm_status st = FM_OK;

    if (l->by_lines)
        return next_line(l, arena, out, more, err);
    if (!l->tree)
        st = read_dataset(l, err);
    if (st != FM_OK)
        return st;
    const cJSON *record = l->cursor;
    *more = record != NULL;
    if (!record)
        return FM_OK;
    l->cursor = record->next;
    l->item++;
    return read_record(l, record, arena, out, err);
}

const fm_loader_ops fm_loader_tracespatial = {
    .name = "tracespatial",
    .summary = "trajectory_dataset.json (or record lines) with raw_data/<id>/ rasters",
    .open = loader_open,
    .next = loader_next,
    .close = loader_close,
    .has_annotations = has_annotations,
    .fingerprint = loader_fingerprint,
};
