/* Owns the way from data to the truth of a reward. */
#include "core/reward_truth.h"

#include <math.h>
#include <string.h>

#include "core/key_steps.h"
#include "fathom/raster.h"

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for a true trace");
}

static double (*new_trace(fm_arena *arena, size_t n))[3]
{
    return fm_arena_alloc(arena, n ? n : 1, 3 * sizeof(double));
}

/* ---- of a sample ---- */

static fm_status farthest_of(const char *path, double *out, fm_err *err)
{
    fm_raster depth = {0};
    fm_err why = {0};
    fm_status st = fm_raster_load_depth(path, &depth, &why);

    if (st == FM_OK) {
        const unsigned short *mm = (const unsigned short *)depth.data;
        size_t n = (size_t)depth.width * (size_t)depth.height;
        unsigned short most = 0;

        for (size_t i = 0; i < n; i++)
            most = mm[i] > most ? mm[i] : most;
        *out = most ? most / 1000.0 : NAN;
    }
    fm_raster_release(&depth);
    if (st == FM_E_NOMEM)
        return fm_fail(err, st, "%s", why.text);
    return FM_OK; /* without it the true trace is the measure */
}

static fm_status project(const fm_sample *sample, fm_arena *arena, fm_reward_truth *out,
                         fm_err *err)
{
    const fm_truth_trace *trace = &sample->truth.trace;
    const char *source;

    if (!sample->has_camera || trace->n == 0 ||
        fm_sample_picture_size(sample, &out->width, &out->height, &source, NULL) != FM_OK)
        return FM_OK;
    out->trace = new_trace(arena, trace->n);
    if (!out->trace)
        return no_memory(err);
    for (size_t i = 0; i < trace->n; i++) {
        double uv[2];

        fm_camera_project(&sample->camera, trace->points[i], uv);
        out->trace[i][0] = uv[0] / out->width;
        out->trace[i][1] = uv[1] / out->height;
        out->trace[i][2] = sample->kind == FM_ANSWER_TRACE3D ? trace->points[i][2] : NAN;
    }
    out->n_trace = trace->n;
    return FM_OK;
}

static fm_status flat_path(const fm_sample *sample, fm_arena *arena, fm_reward_truth *out,
                           fm_err *err)
{
    const fm_truth_path *path = &sample->truth.path;

    if (!out->width || !out->height || path->n == 0)
        return FM_OK;
    out->trace = new_trace(arena, path->n);
    if (!out->trace)
        return no_memory(err);
    for (size_t i = 0; i < path->n; i++) {
        out->trace[i][0] = path->points[i][0] / out->width;
        out->trace[i][1] = path->points[i][1] / out->height;
        out->trace[i][2] = NAN;
    }
    out->n_trace = path->n;
    return FM_OK;
}

fm_status fm_reward_truth_of_sample(const fm_sample *sample, fm_arena *arena, fm_reward_truth *out,
                                    fm_err *err)
{
    fm_reward_truth truth = {.max_depth_m = sample->max_depth_m > 0 ? sample->max_depth_m : NAN,
                             .width = sample->width,
                             .height = sample->height,
                             .keys = sample->key_steps,
                             .n_keys = sample->n_key_steps};
    fm_status st = FM_OK;

    if (sample->kind == FM_ANSWER_TRACE2D || sample->kind == FM_ANSWER_TRACE3D)
        st = project(sample, arena, &truth, err);
    else if (sample->kind == FM_ANSWER_PATH2D)
        st = flat_path(sample, arena, &truth, err);
    if (st == FM_OK)
        *out = truth;
    return st;
}

fm_status fm_reward_truth_measure(const fm_sample *sample, fm_reward_truth *truth, fm_err *err)
{
    if (sample->kind != FM_ANSWER_TRACE3D || !isnan(truth->max_depth_m) || !sample->depth_path)
        return FM_OK;
    return farthest_of(sample->depth_path, &truth->max_depth_m, err);
}

/* ---- of JSON ---- */

static fm_status read_trace(const cJSON *item, double side, fm_arena *arena, fm_reward_truth *out,
                            fm_err *err)
{
    int n = cJSON_GetArraySize(item);
    const cJSON *point;

    if (!cJSON_IsArray(item) || n < 1)
        return fm_fail(err, FM_E_INPUT, "'trace' is no list of points");
    out->trace = new_trace(arena, (size_t)n);
    if (!out->trace)
        return no_memory(err);
    cJSON_ArrayForEach(point, item)
    {
        double *p = out->trace[out->n_trace];
        bool deep = fm_json_vector(point, p, 3);

        if (!deep && !fm_json_vector(point, p, 2))
            return fm_fail(err, FM_E_INPUT, "point %zu of 'trace' is not [u, v] or [u, v, d]",
                           out->n_trace + 1);
        p[0] /= side;
        p[1] /= side;
        if (!deep)
            p[2] = NAN;
        if (deep != !isnan(out->trace[0][2]) || (deep && !(p[2] > 0)))
            return fm_fail(err, FM_E_INPUT, "point %zu of 'trace' %s", out->n_trace + 1,
                           !deep         ? "has no depth, which others have"
                           : !(p[2] > 0) ? "has no depth over 0"
                                         : "has a depth, which others have not");
        out->n_trace++;
    }
    return FM_OK;
}

static fm_status read_positive(const cJSON *object, const char *key, double most, double *out,
                               fm_err *err)
{
    const cJSON *item = fm_json_get(object, key);

    if (!item || cJSON_IsNull(item))
        return FM_OK;
    if (!cJSON_IsNumber(item) || !(item->valuedouble > 0 && item->valuedouble <= most))
        return fm_fail(err, FM_E_INPUT, "'%s' is no number over 0", key);
    *out = item->valuedouble;
    return FM_OK;
}

/* Of the four that answer a question without a trace, the one that is there. */
static fm_status read_word(const cJSON *object, fm_arena *arena, fm_reward_truth *out, fm_err *err)
{
    const cJSON *option = fm_json_get(object, "option"), *yes = fm_json_get(object, "yes");
    const cJSON *text = fm_json_get(object, "text"), *length = fm_json_get(object, "length_m");

    if ((option != NULL) + (yes != NULL) + (text != NULL) + (length != NULL) > 1)
        return fm_fail(err, FM_E_INPUT,
                       "'truth' has more than one of 'option', 'yes', 'length_m' and 'text'");
    if (option) {
        double value = cJSON_IsNumber(option) ? option->valuedouble : -1;

        if (!(value >= 0 && value < 26) || value != floor(value))
            return fm_fail(err, FM_E_INPUT, "'option' is no whole number from 0 to 25");
        out->asked = FM_R_A_OPTION;
        out->option = (int)value;
    }
    if (yes && !cJSON_IsBool(yes))
        return fm_fail(err, FM_E_INPUT, "'yes' is neither true nor false");
    if (yes) {
        out->asked = FM_R_A_YESNO;
        out->yes = cJSON_IsTrue(yes);
    }
    if (text && !cJSON_IsString(text))
        return fm_fail(err, FM_E_INPUT, "'text' is no text");
    if (text) {
        out->asked = FM_R_A_TEXT;
        out->text = fm_arena_strdup(arena, text->valuestring);
        if (!out->text)
            return no_memory(err);
    }
    if (length) {
        out->asked = FM_R_A_LENGTH;
        return read_positive(object, "length_m", 1e6, &out->length_m, err);
    }
    return FM_OK;
}

fm_status fm_reward_truth_read(const cJSON *object, fm_steps_dialect dialect, fm_arena *arena,
                               fm_reward_truth *out, fm_err *err)
{
    fm_reward_truth truth = {.max_depth_m = NAN};
    const cJSON *trace = fm_json_get(object, "trace"), *keys = fm_json_get(object, "key_steps");
    double width = 0, height = 0;
    fm_status st;

    if (!cJSON_IsObject(object))
        return fm_fail(err, FM_E_INPUT, "'truth' is no object");
    st = read_positive(object, "max_depth", 1e6, &truth.max_depth_m, err);
    if (st == FM_OK)
        st = read_positive(object, "width", 1 << 20, &width, err);
    if (st == FM_OK)
        st = read_positive(object, "height", 1 << 20, &height, err);
    truth.width = (int)width;
    truth.height = (int)height;
    if (st == FM_OK && trace)
        st = read_trace(trace, dialect == FM_STEPS_ROBOREFER ? 1 : 1000, arena, &truth, err);
    if (st == FM_OK && keys)
        st =
            fm_key_steps_read(keys, dialect, "'key_steps'", arena, &truth.keys, &truth.n_keys, err);
    if (st == FM_OK)
        st = read_word(object, arena, &truth, err);
    if (st == FM_OK && !trace && !keys && truth.asked == FM_R_A_NONE)
        st =
            fm_fail(err, FM_E_INPUT,
                    "'truth' has nothing to judge by: 'trace', 'option', 'yes', 'length_m', 'text' "
                    "or 'key_steps'");
    if (st == FM_OK)
        *out = truth;
    return st;
}
