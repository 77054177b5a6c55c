/**
 * A task set in a scene: what is to be moved where, in geometry. Wording (phrase.h) and the true
 * path (plan.h) follow from it.
 */
#ifndef FM_WORLD_TASK_H
#define FM_WORLD_TASK_H

#include "world/scene.h"

typedef enum {
    FM_GOAL_ON,      /* on top of a thing */
    FM_GOAL_BESIDE,  /* on the table, to one side of a thing */
    FM_GOAL_BETWEEN, /* on the table, between two things */
} fm_goal_kind;

/* As the camera sees it. */
typedef enum { FM_SIDE_LEFT, FM_SIDE_RIGHT, FM_SIDE_FRONT, FM_SIDE_BEHIND } fm_side;

typedef struct {
    int target;
    fm_goal_kind goal;
    int landmarks[2]; /* the things that the goal is stated by; FM_THING_NONE where there is none */
    fm_side side;     /* FM_GOAL_BESIDE */
    int gap_cm;       /* FM_GOAL_BESIDE: clear distance to the landmark; stated where `metric` */
    bool metric;
    bool push;     /* along the table, not through the air */
    int guard;     /* what stands in the straight way, or FM_THING_NONE */
    fm_v3 at;      /* where the target's foot shall stand */
    double c, s;   /* turn of the goal's box about the vertical */
    double hx, hy; /* its half sides */
} fm_task;

/* Compose a scene and a task; false where this attempt at chance did not work out. */
bool fm_task_compose(fm_scene *scene, fm_task *task, int width, int height, fm_rng *rng);

#endif
