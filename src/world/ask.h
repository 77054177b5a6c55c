/**
 * Asking about a scene. Every asker draws one question of its family at random and returns whether the
 * scene is good for it; the driver draws again where it is not. A question's form is drawn among those
 * that the settings admit.
 */
#ifndef FM_WORLD_ASK_H
#define FM_WORLD_ASK_H

#include "world/relations.h"

typedef struct {
    const fm_cast_list *list;
    const fm_world_settings *settings;
    double scale; /* s* */
    fm_rng *rng;
} fm_asker;

/* Fill out->questions. False where some family that is wanted has none. */
bool fm_ask(const fm_asker *asker, fm_world_scene *out);

/* ---- the families ---- */

bool fm_ask_relation(const fm_asker *asker, fm_world_question *q);
bool fm_ask_comparison(const fm_asker *asker, fm_world_question *q);
bool fm_ask_referring(const fm_asker *asker, fm_world_question *q);
bool fm_ask_placing(const fm_asker *asker, fm_world_question *q);
bool fm_ask_measuring(const fm_asker *asker, fm_world_question *q);
bool fm_ask_trace(const fm_asker *asker, fm_world_question *q);

/* ---- what they share ---- */

/* An object at random that is none of the two (-1: no such exclusion); -1 where there is none. */
int fm_ask_object(const fm_asker *asker, int not_this, int nor_this);

const char *fm_ask_name(const fm_asker *asker, int object);

bool fm_ask_admits(const fm_asker *asker, fm_world_form form);

/* Are its points (u, v, d), or (u, v)? */
static inline bool fm_question_deep(const fm_world_question *q)
{
    return q->family != FM_WORLD_FAMILY_TRACE_2D && q->form != FM_WORLD_POINT_2D;
}

/* Steps of the reasoning, each target once. False where there is no room for another. */
bool fm_ask_step_scale(const fm_asker *asker, fm_world_question *q);
bool fm_ask_step_referring(const fm_asker *asker, fm_world_question *q, int object);
bool fm_ask_step_point(fm_world_question *q, const char *target, const double place[3]);
bool fm_ask_step_measuring(const fm_asker *asker, fm_world_question *q, const char *target,
                           double metres);

/* A length that others are compared with: all in one unit, as finely as places are said. */
bool fm_ask_step_compared(fm_world_question *q, const char *target, double metres);

/* A length as it is said: "12.5 centimeters" below a metre, or inches; meters or feet above. */
typedef struct {
    const char *name; /* static */
    double metres;
    int decimals;
} fm_unit;

const fm_unit *fm_unit_draw(double metres, fm_rng *rng);

#endif
