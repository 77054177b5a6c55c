/* Owns the search for a way: sweeps, the tree, smoothing and simplifying. Where to go is the asker's. */
#include "world/route.h"

#include "base/size.h"

static const double STEP_M = 0.05, REWIRE_STEPS = 5, GOAL_BIAS = 0.25, SIMPLE_M = 0.012;

enum { MOST_NODES = 420, MORE_SAMPLES = 60, CURVE_PARTS = 3, MOST_CURVE = 96 };

/* ---- sweeps ---- */

/* Distance in the plane from the segment p + t d, t in [0, 1], to the box |x| <= hx, |y| <= hy. */
static bool segment_near_box(double px, double py, double dx, double dy, double hx, double hy,
                             double reach)
{
    double enter = 0, leave = 1, reach2 = reach * reach, least = 1e18;
    const double p[2] = {px, py}, d[2] = {dx, dy}, h[2] = {hx, hy};

    for (int k = 0; k < 2; k++) {
        double along = fabs(d[k]) < 1e-12 ? 1e-12 : d[k];
        double a = (-h[k] - p[k]) / along, b = (h[k] - p[k]) / along;

        enter = (a < b ? a : b) > enter ? (a < b ? a : b) : enter;
        leave = (a < b ? b : a) < leave ? (a < b ? b : a) : leave;
    }
    if (enter <= leave)
        return true;
    /* Apart: nearest at an end of the segment, or at a corner of the box. */
    for (int i = 0; i < 2; i++) {
        double x = fabs(px + i * dx) - hx, y = fabs(py + i * dy) - hy;

        x = x > 0 ? x : 0;
        y = y > 0 ? y : 0;
        least = x * x + y * y < least ? x * x + y * y : least;
    }
    double length2 = dx * dx + dy * dy;
    for (int i = 0; i < 4; i++) {
        double cx = (i & 1 ? hx : -hx) - px, cy = (i & 2 ? hy : -hy) - py;
        double t = length2 > 0 ? clamp((cx * dx + cy * dy) / length2, 0, 1) : 0;
        double x = cx - t * dx, y = cy - t * dy;

        least = x * x + y * y < least ? x * x + y * y : least;
    }
    return least < reach2;
}

static bool segment_near_disc(double px, double py, double dx, double dy, double reach)
{
    double length2 = dx * dx + dy * dy;
    double t = length2 > 0 ? clamp(-(px * dx + py * dy) / length2, 0, 1) : 0;
    double x = px + t * dx, y = py + t * dy;

    return x * x + y * y < reach * reach;
}

/* Does the thing on its way from a to b come too near to the solid? */
static bool sweep_hits(const fm_route_rules *rules, const fm_solid *s, fm_v3 a, fm_v3 b)
{
    const fm_thing *t = &rules->scene->things[rules->thing];
    double low = s->centre.z - s->half.z - rules->margin - t->height;
    double high = s->centre.z + s->half.z + rules->margin, rise = b.z - a.z;
    double from = 0, to = 1;

    /* The part of the way on which the heights overlap. */
    if (fabs(rise) < 1e-12) {
        if (a.z <= low || a.z >= high)
            return false;
    } else {
        double p = (low - a.z) / rise, q = (high - a.z) / rise;

        from = (p < q ? p : q) > 0 ? (p < q ? p : q) : 0;
        to = (p < q ? q : p) < 1 ? (p < q ? q : p) : 1;
        if (from >= to)
            return false;
    }
    fm_v3 d = v3_sub(b, a);
    fm_v3 p =
        fm_solid_turn(s, v3(a.x + from * d.x - s->centre.x, a.y + from * d.y - s->centre.y, 0));
    fm_v3 part = fm_solid_turn(s, v3((to - from) * d.x, (to - from) * d.y, 0));
    double reach = t->radius + rules->margin;
    if (s->kind == FM_SOLID_BOX)
        return segment_near_box(p.x, p.y, part.x, part.y, s->half.x, s->half.y, reach);
    return segment_near_disc(p.x, p.y, part.x, part.y, s->half.x + reach);
}

/* The first solid's thing that is hit; FM_THING_NONE - 1: nothing is. The ground counts as
 * FM_THING_NONE. */
static int hit_thing(const fm_route_rules *rules, fm_v3 a, fm_v3 b, int except, bool grounded)
{
    const fm_scene *scene = rules->scene;
    double lowest = a.z < b.z ? a.z : b.z;

    if (!grounded && lowest < rules->margin)
        return FM_THING_NONE;
    for (int i = 0; i < scene->n_solids; i++) {
        const fm_solid *s = &scene->solids[i];

        if (s->thing == rules->thing || (s->thing >= 0 && s->thing == except) ||
            (grounded && s->thing == FM_THING_NONE))
            continue;
        if (sweep_hits(rules, s, a, b))
            return s->thing;
    }
    return FM_THING_NONE - 1;
}

bool fm_route_clear(const fm_route_rules *rules, fm_v3 a, fm_v3 b, int except, bool grounded)
{
    return hit_thing(rules, a, b, except, grounded) < FM_THING_NONE;
}

int fm_route_blocker(const fm_route_rules *rules, fm_v3 a, fm_v3 b, int except)
{
    int thing = hit_thing(rules, a, b, except, true);

    return thing < 0 ? FM_THING_NONE : thing;
}

static bool in_view(const fm_route_rules *rules, fm_v3 foot)
{
    const fm_view *view = &rules->scene->view;
    double uv[2], inset_u = 0.015 * view->width, inset_v = 0.015 * view->height;

    return fm_view_project(view, v3_add(foot, rules->grip), uv) && uv[0] >= inset_u &&
           uv[1] >= inset_v && uv[0] <= view->width - 1 - inset_u &&
           uv[1] <= view->height - 1 - inset_v;
}

/* What can be seen is convex: a part between two points in view is in view. */
static bool passable(const fm_route_rules *rules, fm_v3 a, fm_v3 b)
{
    return fm_route_clear(rules, a, b, FM_THING_NONE, rules->flat);
}

/* ---- the tree ---- */

typedef struct {
    fm_v3 at;
    int parent;
    double cost; /* length of the way from the root */
} node;

typedef struct {
    const fm_route_rules *rules;
    fm_v3 from, to, low, high; /* samples are drawn in the box */
    double step;
    fm_rng *rng;
    node nodes[MOST_NODES];
    int n, goal; /* goal: the node from which the goal is reached cheapest; -1: none yet */
    double goal_cost;
} tree;

static double distance(fm_v3 a, fm_v3 b)
{
    return v3_length(v3_sub(a, b));
}

static fm_v3 sample(tree *t)
{
    fm_v3 p;

    if (fm_rng_unit(t->rng) < GOAL_BIAS)
        return t->to;
    p.x = fm_rng_range(t->rng, t->low.x, t->high.x);
    p.y = fm_rng_range(t->rng, t->low.y, t->high.y);
    p.z = fm_rng_range(t->rng, t->low.z, t->high.z);
    return p;
}

static int nearest(const tree *t, fm_v3 p)
{
    int best = 0;
    double least = 1e18;

    for (int i = 0; i < t->n; i++) {
        fm_v3 d = v3_sub(t->nodes[i].at, p);
        double d2 = v3_dot(d, d);

        if (d2 < least) {
            least = d2;
            best = i;
        }
    }
    return best;
}

/* The cheapest parent within reach of p; the way from `first` is known to be free. */
static int choose_parent(const tree *t, fm_v3 p, int first, double radius, double *cost)
{
    int best = first;

    *cost = t->nodes[first].cost + distance(t->nodes[first].at, p);
    for (int i = 0; i < t->n; i++) {
        double d = distance(t->nodes[i].at, p);

        if (d < radius && t->nodes[i].cost + d < *cost - 1e-9 &&
            passable(t->rules, t->nodes[i].at, p)) {
            best = i;
            *cost = t->nodes[i].cost + d;
        }
    }
    return best;
}

static void rewire(tree *t, int fresh, double radius)
{
    for (int i = 1; i < t->n - 1; i++) {
        double cost = t->nodes[fresh].cost + distance(t->nodes[fresh].at, t->nodes[i].at);

        if (cost < t->nodes[i].cost - 1e-9 &&
            distance(t->nodes[fresh].at, t->nodes[i].at) < radius &&
            passable(t->rules, t->nodes[fresh].at, t->nodes[i].at)) {
            t->nodes[i].parent = fresh;
            t->nodes[i].cost = cost; /* its descendants are as dear as before, at most */
        }
    }
}

static void grow(tree *t)
{
    fm_v3 p = sample(t);
    int near = nearest(t, p);
    fm_v3 from = t->nodes[near].at;
    double d = distance(from, p), cost;

    if (d > t->step)
        p = v3_along(from, t->step / d, v3_sub(p, from));
    if (d < 1e-6 || !in_view(t->rules, p) || !passable(t->rules, from, p))
        return;
    int parent = choose_parent(t, p, near, REWIRE_STEPS * t->step, &cost);
    t->nodes[t->n++] = (node){p, parent, cost};
    rewire(t, t->n - 1, REWIRE_STEPS * t->step);
    double rest = distance(p, t->to);
    if (rest < 2 * t->step && cost + rest < t->goal_cost && passable(t->rules, p, t->to)) {
        t->goal = t->n - 1;
        t->goal_cost = cost + rest;
    }
}

/* from .. to; out: [MOST_CURVE]. Returns the number of points, 0: no way was found. */
static int search(tree *t, fm_v3 *out)
{
    int after = 0, n = 0;

    t->n = 1;
    t->goal = -1;
    t->goal_cost = 1e18;
    t->nodes[0] = (node){t->from, -1, 0};
    for (int i = 0; i < 2 * MOST_NODES && t->n < MOST_NODES && after < MORE_SAMPLES; i++) {
        grow(t);
        after += t->goal >= 0;
    }
    if (t->goal < 0)
        return 0;
    for (int i = t->goal; i >= 0; i = t->nodes[i].parent)
        n++;
    if (n + 1 > MOST_CURVE)
        return 0;
    int at = n;
    out[n] = t->to;
    for (int i = t->goal; i >= 0; i = t->nodes[i].parent)
        out[--at] = t->nodes[i].at;
    return n + 1;
}

/* ---- smoothing and simplifying ---- */

/* From each point straight to the farthest that can be reached. */
static int shorten(const fm_route_rules *rules, fm_v3 *p, int n)
{
    int out = 1;

    for (int i = 0; i + 1 < n;) {
        int next = n - 1;

        while (next > i + 1 && !passable(rules, p[i], p[next]))
            next--;
        p[out++] = p[next];
        i = next;
    }
    return out;
}

/* Catmull and Rom's curve through the points, as CURVE_PARTS pieces a part; false where it touches. */
static bool smooth(const fm_route_rules *rules, fm_v3 *p, int *n)
{
    fm_v3 curve[MOST_CURVE];
    int out = 0;

    if ((*n - 1) * CURVE_PARTS + 1 > MOST_CURVE)
        return false;
    for (int i = 0; i + 1 < *n; i++) {
        fm_v3 a = p[i > 0 ? i - 1 : 0], b = p[i], c = p[i + 1], d = p[i + 2 < *n ? i + 2 : *n - 1];

        for (int k = 0; k < CURVE_PARTS; k++) {
            double t = (double)k / CURVE_PARTS, t2 = t * t, t3 = t2 * t;
            fm_v3 q = v3_scale(b, 1 - 2.5 * t2 + 1.5 * t3);

            q = v3_along(q, -0.5 * t + t2 - 0.5 * t3, a);
            q = v3_along(q, 0.5 * t + 2 * t2 - 1.5 * t3, c);
            curve[out++] = v3_along(q, -0.5 * t2 + 0.5 * t3, d);
        }
    }
    curve[out++] = p[*n - 1];
    for (int i = 0; i + 1 < out; i++)
        if (!in_view(rules, curve[i]) || !passable(rules, curve[i], curve[i + 1]))
            return false;
    for (int i = 0; i < out; i++)
        p[i] = curve[i];
    *n = out;
    return true;
}

/* Ramer, Douglas and Peucker: mark what is kept between first and last. A part that may not be made
 * straight is halved as well. */
static void mark(const fm_route_rules *rules, const fm_v3 *p, int first, int last, double tolerance,
                 bool *kept)
{
    fm_v3 line = v3_sub(p[last], p[first]);
    double worst = -1, length2 = v3_dot(line, line);
    int at = first;

    for (int i = first + 1; i < last; i++) {
        fm_v3 d = v3_sub(p[i], p[first]);
        double t = length2 > 0 ? clamp(v3_dot(d, line) / length2, 0, 1) : 0;
        double off = v3_length(v3_along(d, -t, line));

        if (off > worst) {
            worst = off;
            at = i;
        }
    }
    if (at == first || (worst <= tolerance && passable(rules, p[first], p[last])))
        return;
    kept[at] = true;
    mark(rules, p, first, at, tolerance, kept);
    mark(rules, p, at, last, tolerance, kept);
}

static int simplify(const fm_route_rules *rules, fm_v3 *p, int n, double tolerance)
{
    bool kept[MOST_CURVE] = {false};
    int out = 0;

    kept[0] = kept[n - 1] = true;
    mark(rules, p, 0, n - 1, tolerance, kept);
    for (int i = 0; i < n; i++)
        if (kept[i])
            p[out++] = p[i];
    return out;
}

static fm_v3 least_of(fm_v3 a, fm_v3 b)
{
    return v3(a.x < b.x ? a.x : b.x, a.y < b.y ? a.y : b.y, a.z < b.z ? a.z : b.z);
}

/* One leg; out: [MOST_CURVE], from .. to. */
static int find_leg(const fm_route_rules *rules, fm_v3 from, fm_v3 to, fm_rng *rng, fm_v3 *out)
{
    double d = distance(from, to), around = 0.30 * d + 0.20 * rules->size;
    fm_v3 most = v3_scale(least_of(v3_scale(from, -1), v3_scale(to, -1)), -1);
    int n;

    if (!in_view(rules, from) || !in_view(rules, to))
        return 0;
    out[0] = from;
    out[1] = to;
    if (passable(rules, from, to))
        return 2;
    tree t = {.rules = rules, .from = from, .to = to, .rng = rng};
    t.step = STEP_M * rules->size > d / 14 ? STEP_M * rules->size : d / 14;
    t.low = v3_sub(least_of(from, to), v3(around, around, 0.05 * rules->size));
    t.high = v3_add(most, v3(around, around, around));
    if (rules->flat)
        t.low.z = t.high.z = from.z;
    else if (t.low.z < rules->margin)
        t.low.z = rules->margin;
    n = search(&t, out);
    if (n == 0)
        return 0;
    n = shorten(rules, out, n);
    (void)smooth(rules, out, &n);
    return n;
}

bool fm_route_find(const fm_route_rules *rules, const fm_v3 *stops, int n_stops, int most,
                   fm_rng *rng, fm_v3 *feet, int *n)
{
    fm_v3 legs[FM_ROUTE_STOPS][MOST_CURVE];
    int sizes[FM_ROUTE_STOPS];

    for (int i = 0; i + 1 < n_stops; i++) {
        sizes[i] = find_leg(rules, stops[i], stops[i + 1], rng, legs[i]);
        if (sizes[i] == 0)
            return false;
    }
    /* Coarser, until the points suffice. */
    for (double tolerance = SIMPLE_M * rules->size; tolerance < rules->size; tolerance *= 1.7) {
        int total = 1;

        for (int i = 0; i + 1 < n_stops; i++) {
            sizes[i] = simplify(rules, legs[i], sizes[i], tolerance);
            total += sizes[i] - 1;
        }
        if (total > most)
            continue;
        *n = 0;
        feet[(*n)++] = stops[0];
        for (int i = 0; i + 1 < n_stops; i++)
            for (int k = 1; k < sizes[i]; k++)
                feet[(*n)++] = legs[i][k];
        return true;
    }
    return false;
}

void fm_route_fill(fm_v3 *feet, int *n)
{
    while (*n >= 2 && *n < FM_ROUTE_LEAST) {
        int longest = 1;

        for (int i = 2; i < *n; i++)
            if (distance(feet[i], feet[i - 1]) > distance(feet[longest], feet[longest - 1]))
                longest = i;
        for (int i = *n; i > longest; i--)
            feet[i] = feet[i - 1];
        feet[longest] = v3_mix(feet[longest - 1], feet[longest + 1], 0.5);
        (*n)++;
    }
}
