/* Owns one item from seed to answer: chance is drawn until a scene, its task, its path and its
 * wording all work out, then it is rendered once. */
#include "fathom/world.h"

#include <math.h>

#include "world/objects.h"
#include "world/phrase.h"
#include "world/sight.h"
#include "world/sensor.h"

/* Attempts for one item; about one in five succeeds. */
enum { MOST_ATTEMPTS = 2000 };

fm_world_config fm_world_default_config(void)
{
    return (fm_world_config){.seed = FM_WORLD_DEFAULT_SEED,
                             .count = FM_WORLD_DEFAULT_COUNT,
                             .width = FM_WORLD_DEFAULT_WIDTH,
                             .height = FM_WORLD_DEFAULT_HEIGHT};
}

/* An item's own stream of chance: seeds and indices that differ in any bit have nothing in common.
 */
static void seed_item(fm_rng *rng, uint64_t seed, size_t index)
{
    fm_rng mix;

    fm_rng_seed(&mix, seed);
    fm_rng_seed(rng, fm_rng_next(&mix) ^ ((uint64_t)index * UINT64_C(0xd1342543de82ef95)));
}

static void put_in_camera(const fm_view *view, fm_v3 point, double out[3])
{
    fm_v3 p = fm_view_from_world(view, point);

    out[0] = p.x;
    out[1] = p.y;
    out[2] = p.z;
}

/* The truth in the camera's frame. `grip` leads from the target's foot to the tracked point. */
static void write_truth(const fm_scene *scene, const fm_task *task, const fm_plan *plan, fm_v3 grip,
                        fm_world_item *out)
{
    const fm_view *view = &scene->view;
    double tall = scene->things[task->target].height + 0.05;

    out->camera = view->lens;
    out->n_trace = (size_t)plan->n;
    for (int i = 0; i < plan->n; i++)
        put_in_camera(view, v3_add(plan->feet[i], grip), out->trace[i]);
    out->box = fm_view_box(view, v3(task->at.x, task->at.y, task->at.z + tall / 2),
                           v3(task->hx, task->hy, tall / 2), task->c, task->s);
}

static bool compose(fm_scene *scene, fm_task *task, const fm_world_config *config, fm_rng *rng,
                    fm_world_item *out)
{
    fm_visibility seen;
    fm_plan plan;

    if (!fm_task_compose(scene, task, config->width, config->height, rng))
        return false;
    seen = fm_thing_visibility(scene, task->target, 1);
    if (seen.share < 0.7 || seen.pixels * 1500 < config->width * config->height)
        return false;
    /* The tracked point is the visible one in the middle of what is seen of the target. */
    double at[3];
    fm_camera_back_project(&scene->view.lens, seen.u, seen.v, seen.depth, at);
    fm_v3 point = v3_along(
        v3_along(v3_along(scene->view.eye, at[0], scene->view.right), at[1], scene->view.down),
        at[2], scene->view.forward);
    fm_v3 grip = v3_sub(point, scene->things[task->target].at);
    if (!fm_plan_path(scene, task, grip, &plan) || !fm_task_phrase(scene, task, &plan, rng, out))
        return false;
    write_truth(scene, task, &plan, grip, out);
    return true;
}

/* What the finished depth map adds to the key steps: the mean distance of its points from the camera,
 * and the farthest of their depths. Integers and square roots alone, in the order of the pixels. */
static void measure_scene(fm_world_item *out)
{
    const uint16_t *depth = (const uint16_t *)out->depth.data;
    const fm_camera *k = &out->camera;
    double sum = 0, farthest = 0;
    size_t n = 0;

    for (int v = 0; v < out->depth.height; v++) {
        for (int u = 0; u < out->depth.width; u++) {
            double z = *depth++ / 1000.0, xyz[3];

            if (z > 0) {
                fm_camera_back_project(k, u, v, z, xyz);
                sum += sqrt(xyz[0] * xyz[0] + xyz[1] * xyz[1] + xyz[2] * xyz[2]);
                farthest = z > farthest ? z : farthest;
                n++;
            }
        }
    }
    out->key_steps[0].value[0] = n ? sum / (double)n : 0;
    out->max_depth_m = farthest;
}

static fm_status draw(const fm_scene *scene, const fm_task *task, fm_world_item *out, fm_err *err)
{
    fm_caster *caster = NULL;
    fm_frame frame = {0};
    fm_status st = fm_caster_new(&caster, scene, err);

    if (st == FM_OK)
        st = fm_caster_look(caster, &frame, err);
    if (st == FM_OK)
        st = fm_caster_paint(caster, &frame, err);
    if (st == FM_OK)
        st = fm_sensor_image(&frame, scene->seed, &out->image, err);
    if (st == FM_OK)
        st = fm_sensor_depth(&frame, &scene->sensor, scene->seed, &out->depth, err);
    if (st == FM_OK)
        st = fm_sensor_mask(&frame, scene, task->target, &out->mask, err);
    if (st == FM_OK)
        measure_scene(out);
    fm_frame_release(&frame);
    fm_caster_free(caster);
    return st;
}

fm_status fm_world_item_make(const fm_world_config *config, size_t index, fm_world_item *out,
                             fm_err *err)
{
    const int w = config->width, h = config->height;
    fm_scene scene;
    fm_task task;
    fm_rng rng;

    if (w < FM_WORLD_MIN_SIDE || h < FM_WORLD_MIN_SIDE || w > FM_WORLD_MAX_SIDE ||
        h > FM_WORLD_MAX_SIDE || w > 3 * h || h > 3 * w)
        return fm_fail(err, FM_E_USAGE,
                       "size %dx%d is out of bounds: sides of %d to %d, at most 3 to 1", w, h,
                       FM_WORLD_MIN_SIDE, FM_WORLD_MAX_SIDE);
    seed_item(&rng, config->seed, index);
    out->index = index;
    for (int i = 0; i < MOST_ATTEMPTS; i++)
        if (compose(&scene, &task, config, &rng, out))
            return draw(&scene, &task, out, err);
    return fm_fail(err, FM_E_INTERNAL, "no scene found for item %zu of seed %llu at %dx%d", index,
                   (unsigned long long)config->seed, w, h);
}

void fm_world_item_release(fm_world_item *item)
{
    if (!item)
        return;
    fm_raster_release(&item->image);
    fm_raster_release(&item->depth);
    fm_raster_release(&item->mask);
}
