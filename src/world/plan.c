/* Owns the search for a collision-free path. The world is known exactly here, so a small family of
 * arcs, over and around, is enough; the cheapest that is clear and in view wins. */
#include "world/plan.h"

#include "base/size.h"

static const double STEP_M = 0.015;

/* Height of the foot over the goal where the path ends: clear of the surface as the depth sensor
 * sees it. */
static const double HOVER_M = 0.025;

static bool clear_at(const fm_scene *scene, const fm_task *task, fm_v3 foot, double margin,
                     bool standing)
{
    const fm_thing *t = &scene->things[task->target];
    int support = task->goal == FM_GOAL_ON ? task->landmarks[0] : FM_THING_NONE;

    for (int i = 0; i < scene->n_solids; i++) {
        const fm_solid *s = &scene->solids[i];
        double low = s->centre.z - s->half.z, high = s->centre.z + s->half.z;

        if (s->thing == task->target ||
            (standing && (s->thing == support || s->thing == FM_THING_NONE)))
            continue;
        if (foot.z >= high + margin || foot.z + t->height <= low - margin)
            continue;
        if (fm_solid_plan_distance(s, foot.x, foot.y) < t->radius + margin)
            return false;
    }
    return true;
}

bool fm_plan_clear(const fm_scene *scene, const fm_task *task, fm_v3 a, fm_v3 b, double margin,
                   bool standing)
{
    int n = 1 + (int)(v3_length(v3_sub(b, a)) / STEP_M);

    for (int i = 0; i <= n; i++)
        if (!clear_at(scene, task, v3_mix(a, b, (double)i / n), margin, standing))
            return false;
    return true;
}

static bool in_view(const fm_view *view, fm_v3 point)
{
    double uv[2], inset_u = 0.015 * view->width, inset_v = 0.015 * view->height;

    return fm_view_project(view, point, uv) && uv[0] >= inset_u && uv[1] >= inset_v &&
           uv[0] <= view->width - 1 - inset_u && uv[1] <= view->height - 1 - inset_v;
}

/* Up, across in an arc that rises to `lift` over the straight line and swings out by `swing`, and
 * down. */
static void arc(const fm_scene *scene, const fm_task *task, double lift, double swing,
                fm_plan *plan)
{
    static const double way[5] = {0, 0.25, 0.5, 0.75, 1}, out[5] = {0, 0.75, 1, 0.75, 0};
    static const double hop[5] = {0.72, 0.95, 1, 0.95, 0.72}, slide[5] = {1, 1, 1, 1, 1};
    const double *rise = task->push ? slide : hop;
    fm_v3 from = scene->things[task->target].at, to = task->at;
    fm_v3 along = v3(to.x - from.x, to.y - from.y, 0), aside = v3_unit(v3(-along.y, along.x, 0));

    plan->n = 7;
    plan->feet[0] = from;
    for (int i = 0; i < 5; i++) {
        fm_v3 p = v3_along(v3_along(from, way[i], along), swing * out[i], aside);

        p.z = from.z + (to.z - from.z) * way[i] + lift * rise[i];
        plan->feet[1 + i] = p;
    }
    plan->feet[6] = v3(to.x, to.y, to.z + HOVER_M);
}

static double path_length(const fm_plan *plan)
{
    double sum = 0;

    for (int i = 1; i < plan->n; i++)
        sum += v3_length(v3_sub(plan->feet[i], plan->feet[i - 1]));
    return sum;
}

static bool usable(const fm_scene *scene, const fm_task *task, fm_v3 grip, const fm_plan *plan)
{
    for (int i = 0; i < plan->n; i++)
        if (!in_view(&scene->view, v3_add(plan->feet[i], grip)))
            return false;
    for (int i = 1; i < plan->n; i++)
        if (!fm_plan_clear(scene, task, plan->feet[i - 1], plan->feet[i], FM_PLAN_MARGIN_M,
                           task->push || i == 1 || i == plan->n - 1))
            return false;
    return true;
}

/* Drop the inner points that lie within a centimetre of the line between their neighbours, where
 * that line is as clear as the way past the point was. */
static void simplify(const fm_scene *scene, const fm_task *task, fm_plan *plan)
{
    for (int i = 2; i + 2 < plan->n && plan->n > 4;) {
        fm_v3 a = plan->feet[i - 1], b = plan->feet[i + 1], line = v3_unit(v3_sub(b, a));
        fm_v3 d = v3_sub(plan->feet[i], a);
        fm_v3 off = v3_along(d, -v3_dot(d, line), line);

        if (v3_dot(off, off) > 0.01 * 0.01 ||
            !fm_plan_clear(scene, task, a, b, FM_PLAN_MARGIN_M, task->push)) {
            i++;
            continue;
        }
        for (int k = i; k + 1 < plan->n; k++)
            plan->feet[k] = plan->feet[k + 1];
        plan->n--;
    }
}

bool fm_plan_path(const fm_scene *scene, const fm_task *task, fm_v3 grip, fm_plan *plan)
{
    static const double lifts[] = {0.09, 0.14, 0.20, 0.27, 0.35, 0.43, 0.52};
    static const double swings[] = {0, 0.12, -0.12, 0.22, -0.22, 0.33, -0.33, 0.45, -0.45};
    double least = 1e9;

    for (size_t i = 0; i < (task->push ? 1 : FM_COUNT_OF(lifts)); i++)
        for (size_t k = 0; k < FM_COUNT_OF(swings); k++) {
            fm_plan tried;

            arc(scene, task, task->push ? HOVER_M : lifts[i], swings[k], &tried);
            double cost = path_length(&tried) + 0.3 * fabs(swings[k]);
            if (cost >= least || !usable(scene, task, grip, &tried))
                continue;
            least = cost;
            tried.way = task->guard == FM_THING_NONE ? FM_WAY_FREE
                        : fabs(swings[k]) > 0        ? FM_WAY_AROUND
                                                     : FM_WAY_OVER;
            *plan = tried;
        }
    if (least >= 1e9)
        return false;
    simplify(scene, task, plan);
    return true;
}
