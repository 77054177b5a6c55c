/* Owns how files become what the engine sees. */
#include "adapters/engine_input.h"

#include <stdlib.h>
#include <string.h>

#include "base/staging.h"
#include "base/size.h"

#define MM_PER_M 1000.0f
enum { RGB_CHANNELS = 3 };

void fm_engine_view_release(fm_engine_view *view)
{
    for (size_t i = 0; i < view->n; i++)
        fm_raster_release(&view->rgb[i]);
    free(view->depth_m);
    *view = (fm_engine_view){0};
}

fm_status fm_engine_view_add(fm_engine_view *view, const char *path, fm_err *err)
{
    if (view->n == FM_ENGINE_MOST_PICTURES)
        return fm_fail(err, FM_E_USAGE, "more than %d pictures", FM_ENGINE_MOST_PICTURES);
    fm_raster *rgb = &view->rgb[view->n];
    fm_status st = fm_raster_load_rgb(path, rgb, err);

    if (st == FM_OK)
        view->pictures[view->n++] =
            (rt_picture){.rgb = rgb->data, .width = rgb->width, .height = rgb->height};
    return st;
}

void fm_engine_view_blacken(fm_engine_view *view)
{
    for (size_t i = 0; i < view->n; i++)
        memset(view->rgb[i].data, 0,
               (size_t)view->rgb[i].width * (size_t)view->rgb[i].height * RGB_CHANNELS);
}

static void take_depth(const rt_picture *p, const fm_raster *raster, float *out)
{
    const uint16_t *mm = raster->data;

    for (int y = 0; y < p->height; y++) {
        size_t from = (size_t)((int64_t)y * raster->height / p->height) * (size_t)raster->width;
        float *row = out + (size_t)y * (size_t)p->width;

        for (int x = 0; x < p->width; x++)
            row[x] = (float)mm[from + (size_t)((int64_t)x * raster->width / p->width)] / MM_PER_M;
    }
}

/* One that is larger or smaller may be off by a few pixels; one of another shape shows something else. */
static bool is_of_shape(const fm_raster *depth, const rt_picture *p)
{
    int64_t across = (int64_t)depth->width * p->height, down = (int64_t)depth->height * p->width;

    return llabs(across - down) * 25 <= across;
}

fm_status fm_engine_view_depth(fm_engine_view *view, const char *path, fm_err *err)
{
    fm_raster raster = {0};

    if (view->n == 0)
        return fm_fail(err, FM_E_USAGE, "the depth map '%s' belongs to no picture", path);
    rt_picture *p = &view->pictures[0];
    fm_status st = fm_raster_load_depth(path, &raster, err);
    if (st == FM_OK && !is_of_shape(&raster, p))
        st = fm_fail(err, FM_E_INPUT,
                     "'%s' is of %d x %d pixels, which is another shape than the picture's %d x %d",
                     path, raster.width, raster.height, p->width, p->height);
    if (st == FM_OK) {
        free(view->depth_m);
        view->depth_m = calloc((size_t)p->width * (size_t)p->height, sizeof(*view->depth_m));
        st = view->depth_m ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for '%s'", path);
    }
    if (st == FM_OK)
        take_depth(p, &raster, view->depth_m);
    p->depth_m = view->depth_m;
    fm_raster_release(&raster);
    return st;
}

void fm_engine_view_camera(fm_engine_view *view, const fm_camera *camera)
{
    if (view->n == 0 || !camera || !fm_camera_valid(camera))
        return;
    rt_picture *p = &view->pictures[0];
    p->has_intrinsics = true;
    p->fx = camera->fx;
    p->fy = camera->fy;
    p->cx = camera->cx;
    p->cy = camera->cy;
}

bool fm_engine_weights(const char *word, rt_weight_kind *out)
{
    static const char *const words[] = {[RT_WEIGHTS_AS_STORED] = "as_stored",
                                        [RT_WEIGHTS_F32] = "f32",
                                        [RT_WEIGHTS_BF16] = "bf16",
                                        [RT_WEIGHTS_Q8] = "q8",
                                        [RT_WEIGHTS_Q4] = "q4"};

    for (size_t i = 0; i < FM_COUNT_OF(words); i++) {
        if (strcmp(words[i], word) == 0) {
            *out = (rt_weight_kind)i;
            return true;
        }
    }
    return false;
}

fm_status fm_engine_status(rt_status status, const rt_err *from, fm_err *err)
{
    static const fm_status codes[] = {
        [RT_OK] = FM_OK,
        [RT_E_INTERNAL] = FM_E_INTERNAL,
        [RT_E_NOMEM] = FM_E_NOMEM,
        [RT_E_IO] = FM_E_IO,
        [RT_E_USAGE] = FM_E_USAGE,
        [RT_E_INPUT] = FM_E_INPUT,
        [RT_E_CANCELLED] = FM_E_INTERRUPTED,
    };

    return status == RT_OK ? FM_OK : fm_fail(err, codes[status], "%s", from->text);
}
