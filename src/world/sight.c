/* Owns what the camera sees of a thing: where it is in the picture, and how much of it shows. */
#include "world/sight.h"

#include "world/solids.h"

static fm_window window_join(fm_window a, fm_window b)
{
    if (a.x0 >= a.x1 || a.y0 >= a.y1)
        return b;
    return (fm_window){a.x0 < b.x0 ? a.x0 : b.x0, a.y0 < b.y0 ? a.y0 : b.y0,
                       a.x1 > b.x1 ? a.x1 : b.x1, a.y1 > b.y1 ? a.y1 : b.y1};
}

fm_window fm_solid_window(const fm_view *view, const fm_solid *solid)
{
    double low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9};

    for (int i = 0; i < 8; i++) {
        fm_v3 corner =
            v3(i & 1 ? solid->half.x : -solid->half.x, i & 2 ? solid->half.y : -solid->half.y,
               i & 4 ? solid->half.z : -solid->half.z);
        double uv[2];

        if (!fm_view_project(view, v3_add(solid->centre, fm_solid_unturn(solid, corner)), uv))
            return (fm_window){0, 0, view->width, view->height};
        for (int k = 0; k < 2; k++) {
            low[k] = uv[k] < low[k] ? uv[k] : low[k];
            high[k] = uv[k] > high[k] ? uv[k] : high[k];
        }
    }
    /* One pixel more on each side: the rays for smooth edges leave the pixel's centre. */
    return (fm_window){
        (int)clamp(low[0] - 1, 0, view->width), (int)clamp(low[1] - 1, 0, view->height),
        (int)clamp(high[0] + 3, 0, view->width), (int)clamp(high[1] + 3, 0, view->height)};
}

fm_window fm_thing_window(const fm_scene *scene, int thing)
{
    const fm_thing *t = &scene->things[thing];
    fm_window window = {0};

    for (int i = 0; i < t->n_solids; i++)
        window =
            window_join(window, fm_solid_window(&scene->view, &scene->solids[t->first_solid + i]));
    return window;
}

static bool covers(const fm_scene *scene, const fm_thing *thing, double u, double v)
{
    fm_v3 d = fm_view_ray(&scene->view, u, v);
    double t;

    for (int i = 0; i < thing->n_solids; i++) {
        const fm_solid *s = &scene->solids[thing->first_solid + i];

        if (fm_solid_hit(s, fm_solid_turn(s, v3_sub(scene->view.eye, s->centre)),
                         fm_solid_turn(s, d), 1e-6, &t))
            return true;
    }
    return false;
}

/* How many pixels the thing would cover if it stood alone. */
static int thing_cover(const fm_scene *scene, int thing)
{
    fm_window window = fm_thing_window(scene, thing);
    int n = 0;

    for (int v = window.y0; v < window.y1; v++)
        for (int u = window.x0; u < window.x1; u++)
            n += covers(scene, &scene->things[thing], u, v);
    return n;
}

void fm_frame_sight(const fm_frame *frame, const fm_scene *scene, fm_visibility *seen)
{
    double sum[FM_SCENE_THINGS][2] = {{0}}, best[FM_SCENE_THINGS];
    const size_t w = (size_t)frame->width;

    for (int i = 0; i < scene->n_things; i++) {
        seen[i] = (fm_visibility){.u = -1, .v = -1};
        best[i] = 1e18;
    }
    for (int pass = 0; pass < 2; pass++)
        for (int v = 0; v < frame->height; v++)
            for (int u = 0; u < frame->width; u++) {
                int hit = frame->solid[(size_t)v * w + (size_t)u];
                int t = hit < 0 ? FM_THING_NONE : scene->solids[hit].thing;

                if (t < 0)
                    continue;
                if (pass == 0) {
                    seen[t].pixels++;
                    sum[t][0] += u;
                    sum[t][1] += v;
                    continue;
                }
                double du = u - sum[t][0] / seen[t].pixels, dv = v - sum[t][1] / seen[t].pixels;
                if (du * du + dv * dv < best[t]) {
                    best[t] = du * du + dv * dv;
                    seen[t].u = u;
                    seen[t].v = v;
                    seen[t].depth = frame->depth[(size_t)v * w + (size_t)u];
                }
            }
    for (int i = 0; i < scene->n_things; i++)
        if (seen[i].pixels)
            seen[i].share = (double)seen[i].pixels / thing_cover(scene, i);
}
