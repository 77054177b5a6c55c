/* Owns the judgement of relations. Wording around them is the askers'. */
#include "world/relations.h"

static const double ASIDE_PART = 0.06, NEARER_PART = 0.06, NEARER_M = 0.05, TALLER_PART = 0.15;

static fm_verdict beyond(double difference, double margin)
{
    return difference > margin ? FM_YES : difference < -margin ? FM_NO : FM_UNCLEAR;
}

static fm_verdict both(fm_verdict a, fm_verdict b)
{
    return a == b ? a : FM_UNCLEAR;
}

static fm_verdict opposite(fm_verdict v)
{
    return v == FM_YES ? FM_NO : v == FM_NO ? FM_YES : FM_UNCLEAR;
}

static fm_verdict is_left(const fm_cast_list *list, int a, int b)
{
    const fm_scene *s = list->scene;
    double margin = ASIDE_PART * s->view.width, ua[2], ub[2];

    if (!fm_view_project(&s->view, fm_thing_middle(&s->things[a]), ua) ||
        !fm_view_project(&s->view, fm_thing_middle(&s->things[b]), ub))
        return FM_UNCLEAR;
    return both(beyond(list->seen[b].u - list->seen[a].u, margin), beyond(ub[0] - ua[0], margin));
}

static fm_verdict is_nearer(const fm_cast_list *list, int a, int b)
{
    const fm_scene *s = list->scene;
    fm_v3 pa = fm_view_from_world(&s->view, fm_thing_middle(&s->things[a]));
    fm_v3 pb = fm_view_from_world(&s->view, fm_thing_middle(&s->things[b]));
    double da = list->seen[a].depth, db = list->seen[b].depth;
    double margin = NEARER_PART * pb.z > NEARER_M ? NEARER_PART * pb.z : NEARER_M;

    return both(both(beyond(pb.z - pa.z, margin), beyond(db - da, margin)),
                beyond(v3_length(pb) - v3_length(pa), margin));
}

static fm_verdict is_taller(const fm_thing *a, const fm_thing *b)
{
    return fm_thing_tall(a) > fm_thing_tall(b) * (1 + TALLER_PART)   ? FM_YES
           : fm_thing_tall(b) > fm_thing_tall(a) * (1 + TALLER_PART) ? FM_NO
                                                                     : FM_UNCLEAR;
}

fm_verdict fm_relation_holds(const fm_cast_list *list, fm_relation relation, int a, int b)
{
    const fm_thing *things = list->scene->things;

    if (a == b)
        return FM_NO;
    switch (relation) {
    case FM_REL_LEFT:
        return is_left(list, a, b);
    case FM_REL_RIGHT:
        return opposite(is_left(list, a, b));
    case FM_REL_NEARER:
        return is_nearer(list, a, b);
    case FM_REL_FARTHER:
        return opposite(is_nearer(list, a, b));
    case FM_REL_TALLER:
        return is_taller(&things[a], &things[b]);
    case FM_REL_SHORTER:
        return opposite(is_taller(&things[a], &things[b]));
    case FM_REL_ON:
        return things[a].on == b ? FM_YES : FM_NO;
    case FM_RELS:
        break;
    }
    return FM_UNCLEAR;
}

const char *fm_relation_words(fm_relation relation)
{
    static const char *const words[FM_RELS] = {"to the left of",
                                               "to the right of",
                                               "nearer to the camera than",
                                               "farther from the camera than",
                                               "taller than",
                                               "shorter than",
                                               "on top of"};

    return words[relation];
}

bool fm_thing_plain(const fm_thing *t)
{
    return t->class != FM_THING_MUG && !(fm_thing_kinds[t->class].flags & FM_THING_OBSTACLE);
}

double fm_things_distance(const fm_thing *a, const fm_thing *b)
{
    return v3_length(v3_sub(fm_thing_middle(a), fm_thing_middle(b)));
}

/* From the corners of a to the outline of b. */
static double corner_gap(const fm_thing *a, const fm_thing *b)
{
    double least = 1e9;

    for (int i = 0; i < 4; i++) {
        double x = i & 1 ? a->hx : -a->hx, y = i & 2 ? a->hy : -a->hy;
        double d =
            fm_thing_plan_distance(b, a->at.x + x * a->c - y * a->s, a->at.y + x * a->s + y * a->c);

        least = d < least ? d : least;
    }
    return least;
}

double fm_things_gap(const fm_thing *a, const fm_thing *b)
{
    bool ra = fm_thing_round(a), rb = fm_thing_round(b);
    double gap;

    if (ra && rb) {
        double dx = a->at.x - b->at.x, dy = a->at.y - b->at.y;

        gap = sqrt(dx * dx + dy * dy) - a->hx - b->hx;
    } else if (ra || rb) {
        const fm_thing *disc = ra ? a : b, *other = ra ? b : a;

        gap = fm_thing_plan_distance(other, disc->at.x, disc->at.y) - disc->hx;
    } else {
        /* Two rectangles that do not meet are nearest at a corner of one of them. */
        double one = corner_gap(a, b), two = corner_gap(b, a);

        gap = one < two ? one : two;
    }
    return gap > 0 ? gap : 0;
}

fm_v3 fm_thing_beside(const fm_thing *mark, const fm_thing *moved, fm_v3 direction, double gap)
{
    fm_thing at = *moved;
    double low = 0, high = gap + mark->radius + moved->radius;

    /* The gap grows along the way: halve until nothing changes. */
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;

        at.at = v3_along(mark->at, middle, direction);
        if (fm_things_gap(&at, mark) < gap)
            low = middle;
        else
            high = middle;
    }
    at.at = v3_along(mark->at, high, direction);
    return v3(at.at.x, at.at.y, 0);
}
