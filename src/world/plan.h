/* The true path of a task: short, smooth, and clear of everything in the scene. */
#ifndef FM_WORLD_PLAN_H
#define FM_WORLD_PLAN_H

#include "world/task.h"

enum { FM_PLAN_MOST = 8 };

typedef enum { FM_WAY_FREE, FM_WAY_OVER, FM_WAY_AROUND } fm_way;

typedef struct {
    fm_v3 feet[FM_PLAN_MOST]; /* positions of the target's foot */
    int n;
    fm_way way; /* how it passes the task's guard */
} fm_plan;

/* Room kept to either side of the moving thing, and below it, metres: more than a voxel of the
 * scorer's grid and the depth sensor's noise together. */
#define FM_PLAN_MARGIN_M 0.035

/* Find the cheapest path whose every point, moved by `grip` (from the foot to the tracked point), is
 * inside the picture. False where there is none. */
bool fm_plan_path(const fm_scene *scene, const fm_task *task, fm_v3 grip, fm_plan *plan);

/* True where the target, its foot moved along the straight line from a to b, keeps `margin` to all
 * solids but its own. The target's volume is the upright cylinder around it. What it stands on is
 * left out where it is `standing`: lifted off, put down, or pushed along. */
bool fm_plan_clear(const fm_scene *scene, const fm_task *task, fm_v3 a, fm_v3 b, double margin,
                   bool standing);

#endif
