/**
 * How things stand to one another, with margins: a relation holds, does not hold, or is too close to
 * call, and nothing is asked that is too close to call. Distances are metres.
 */
#ifndef FM_WORLD_RELATIONS_H
#define FM_WORLD_RELATIONS_H

#include "world/objects.h"

typedef enum {
    FM_REL_LEFT,
    FM_REL_RIGHT,
    FM_REL_NEARER, /* to the camera */
    FM_REL_FARTHER,
    FM_REL_TALLER,
    FM_REL_SHORTER,
    FM_REL_ON,
    FM_RELS
} fm_relation;

typedef enum { FM_NO, FM_YES, FM_UNCLEAR } fm_verdict;

/* Between things a and b that both show. Left and right: the middles of what shows, and the things' own,
 * are 6 % of the picture's width apart. Nearer: depth and distance of both middles differ by 6 %, and by
 * 5 cm. Taller: by 15 %. A thing has no relation to itself but FM_NO. */
fm_verdict fm_relation_holds(const fm_cast_list *list, fm_relation relation, int a, int b);

/* "to the left of", "nearer to the camera than", ... */
const char *fm_relation_words(fm_relation relation);

/* Between the middles of their boxes. */
double fm_things_distance(const fm_thing *a, const fm_thing *b);

/* Is its outline seen from above the one that the catalogue states? A mug has a handle, a cabinet
 * knobs, a plant its leaves. Only such things are measured from. */
bool fm_thing_plain(const fm_thing *thing);

/* Clear width between their outlines seen from above; 0: they meet or overlap. */
double fm_things_gap(const fm_thing *a, const fm_thing *b);

/* Where on the ground the foot of `moved` stands when it has been moved away from the mark in a direction
 * until the gap between them is this wide. */
fm_v3 fm_thing_beside(const fm_thing *mark, const fm_thing *moved, fm_v3 direction, double gap);

#endif
