/* Owns questions whose answer is a length. */
#include "world/ask.h"

#include <stdio.h>

#include "world/composer.h"

typedef enum { DEPTH, HEIGHT, WIDTH, DISTANCE, GAP, LENGTHS } length_kind;

/* The longer side of its outline. */
static double width_of(const fm_thing *t)
{
    return 2 * (t->hx > t->hy ? t->hx : t->hy);
}

static bool of_one(const fm_asker *asker, length_kind kind, int a, fm_world_question *q)
{
    const fm_thing *t = fm_object_thing(asker->list, a);
    const char *name = fm_ask_name(asker, a);

    switch (kind) {
    case DEPTH:
        q->length_m = asker->list->seen[asker->list->thing[a]].depth;
        snprintf(q->question, sizeof(q->question),
                 "How far is %s from the plane of the camera, at the middle of what is seen of it?",
                 name);
        return true;
    case HEIGHT:
        q->length_m = fm_thing_tall(t);
        snprintf(q->question, sizeof(q->question), "How tall is %s?", name);
        return q->length_m > 0.03;
    default:
        q->length_m = width_of(t);
        snprintf(q->question, sizeof(q->question),
                 fm_thing_round(t) ? "How wide is %s at its widest?"
                                   : "How long is the longer horizontal side of %s?",
                 name);
        return fm_thing_plain(t);
    }
}

static bool of_two(const fm_asker *asker, length_kind kind, int a, int b, fm_world_question *q)
{
    const fm_thing *ta = fm_object_thing(asker->list, a), *tb = fm_object_thing(asker->list, b);
    const char *na = fm_ask_name(asker, a), *nb = fm_ask_name(asker, b);

    if (kind == DISTANCE) {
        q->length_m = fm_things_distance(ta, tb);
        snprintf(q->question, sizeof(q->question), "How far apart are the middles of %s and %s?",
                 na, nb);
        return true;
    }
    q->length_m = fm_things_gap(ta, tb);
    snprintf(q->question, sizeof(q->question),
             "Seen from above, how wide is the gap between %s and %s?", na, nb);
    return ta->on < 0 && tb->on < 0 && fm_thing_plain(ta) && fm_thing_plain(tb) &&
           q->length_m > 0.04;
}

bool fm_ask_measuring(const fm_asker *asker, fm_world_question *q)
{
    length_kind kind = (length_kind)fm_one_of(asker->rng, LENGTHS);
    int a = fm_ask_object(asker, -1, -1), b = fm_ask_object(asker, a, -1);
    char target[2 * FM_WORLD_NAME_BYTES];

    q->form = FM_WORLD_LENGTH;
    if (!fm_ask_admits(asker, q->form) || (kind >= DISTANCE && b < 0) ||
        !(kind < DISTANCE ? of_one(asker, kind, a, q) : of_two(asker, kind, a, b, q)))
        return false;
    q->unit = fm_unit_draw(q->length_m, asker->rng)->name;
    q->subject = a;
    if (!fm_ask_step_scale(asker, q) || !fm_ask_step_referring(asker, q, a))
        return false;
    if (kind < DISTANCE)
        return fm_ask_step_measuring(asker, q, fm_ask_name(asker, a), q->length_m);
    snprintf(target, sizeof(target), "%s to %s", fm_ask_name(asker, a), fm_ask_name(asker, b));
    return fm_ask_step_referring(asker, q, b) &&
           fm_ask_step_measuring(asker, q, target, q->length_m);
}
