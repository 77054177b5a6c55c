/* Owns the tables of sample statuses and kinds of answer, and the rule for a picture's size. */
#include "fathom/sample.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "fathom/raster.h"

static const struct {
    const char *name;
    fm_outcome outcome;
    const char *meaning;
} status_table[FM_SAMPLE_STATUS_COUNT] = {
#define FM_SAMPLE_STATUS_ROW(code, name, group, text)                                              \
    [FM_SAMPLE_##code] = {name, FM_OUTCOME_##group, text},
    FM_SAMPLE_STATUS_MAP(FM_SAMPLE_STATUS_ROW)
#undef FM_SAMPLE_STATUS_ROW
};

const char *fm_sample_status_name(fm_sample_status status)
{
    return (unsigned)status < FM_SAMPLE_STATUS_COUNT ? status_table[status].name : "unknown";
}

const char *fm_sample_status_meaning(fm_sample_status status)
{
    return (unsigned)status < FM_SAMPLE_STATUS_COUNT ? status_table[status].meaning : "";
}

fm_outcome fm_sample_status_outcome(fm_sample_status status)
{
    return (unsigned)status < FM_SAMPLE_STATUS_COUNT ? status_table[status].outcome
                                                     : FM_OUTCOME_ERRORED;
}

bool fm_sample_status_from_name(const char *name, fm_sample_status *out)
{
    for (size_t i = 0; i < FM_SAMPLE_STATUS_COUNT; i++) {
        if (strcmp(status_table[i].name, name) == 0) {
            *out = (fm_sample_status)i;
            return true;
        }
    }
    return false;
}

static const char *const kind_names[FM_ANSWER_KINDS] = {
#define FM_ANSWER_KIND_NAME(code, name, text) [FM_ANSWER_##code] = name,
    FM_ANSWER_KIND_MAP(FM_ANSWER_KIND_NAME)
#undef FM_ANSWER_KIND_NAME
};

const char *fm_answer_kind_name(fm_answer_kind kind)
{
    return (unsigned)kind < FM_ANSWER_KINDS ? kind_names[kind] : "unknown";
}

bool fm_answer_kind_from_name(const char *name, fm_answer_kind *out)
{
    for (size_t i = 0; i < FM_ANSWER_KINDS; i++) {
        if (strcmp(kind_names[i], name) == 0) {
            *out = (fm_answer_kind)i;
            return true;
        }
    }
    return false;
}

/* The frames that TraceSpatial-Bench is made of: ScanNet, and CA-1M in both orientations. */
static const int known_sizes[][2] = {{640, 480}, {512, 384}, {384, 512}};

static void size_from_camera(const fm_camera *camera, int *width, int *height)
{
    double best = INFINITY;

    for (size_t i = 0; i < FM_COUNT_OF(known_sizes); i++) {
        double dx = camera->cx - known_sizes[i][0] / 2.0, dy = camera->cy - known_sizes[i][1] / 2.0;

        if (dx * dx + dy * dy < best) {
            best = dx * dx + dy * dy;
            *width = known_sizes[i][0];
            *height = known_sizes[i][1];
        }
    }
}

fm_status fm_sample_picture_size(const fm_sample *sample, int *width, int *height,
                                 const char **source, fm_err *err)
{
    bool flat = sample->kind == FM_ANSWER_TRACE2D;
    const char *path = flat ? sample->image_path : sample->depth_path;
    fm_raster_info info;
    fm_status st = path ? fm_raster_probe(path, &info, err) : FM_E_INPUT;

    if (st == FM_OK) {
        *width = info.width;
        *height = info.height;
        *source = flat ? "image" : "depth";
        return FM_OK;
    }
    /* A file that cannot be read is the data's, the want of memory is not: scores must not vary
     * with it. */
    if (st == FM_E_NOMEM)
        return st;
    if (!sample->has_camera)
        return fm_fail(err, FM_E_INPUT, "sample '%s' has no intrinsics", sample->id);
    size_from_camera(&sample->camera, width, height);
    *source = "intrinsics";
    return FM_OK;
}
