/* Owns the search tree. Leaves what the neighbours are good for to cloud.c. */
#include "geometry/kdtree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "geometry/cells.h"

/* Halving stops here; scanning so few costs less than another level. */
#define LEAF_POINTS 12

/* Bounds of subtrees are sums of rounded squares: hold them this much lower than computed, so that
 * rounding never prunes a point that belongs to the answer. */
#define BOUND_SLACK (1 - 1e-12)

/* Node `i` at `level` covers the points [begin, end): each level halves its parent's range. */
typedef struct {
    size_t node, begin, end;
    int level;
} span;

static span left_of(span s)
{
    return (span){2 * s.node + 1, s.begin, s.begin + (s.end - s.begin) / 2, s.level + 1};
}

static span right_of(span s)
{
    return (span){2 * s.node + 2, s.begin + (s.end - s.begin) / 2, s.end, s.level + 1};
}

static void swap_points(fm_kdtree *tree, size_t a, size_t b)
{
    double point[3];
    uint32_t index = tree->index[a];

    memcpy(point, tree->points[a], sizeof(point));
    memcpy(tree->points[a], tree->points[b], sizeof(point));
    memcpy(tree->points[b], point, sizeof(point));
    tree->index[a] = tree->index[b];
    tree->index[b] = index;
}

/* Quickselect: afterwards points [begin, middle) are not above, [middle, end) not below the value
 * at `middle` on the axis. */
static void split(fm_kdtree *tree, size_t begin, size_t end, size_t middle, int axis)
{
    while (end - begin > 1) {
        double a = tree->points[begin][axis], b = tree->points[begin + (end - begin) / 2][axis],
               c = tree->points[end - 1][axis];
        double pivot = a < b ? (b < c ? b : (a < c ? c : a)) : (a < c ? a : (b < c ? c : b));
        size_t i = begin, j = end - 1;

        /* Hoare's partition stops on equal values, so that duplicates are split evenly. */
        for (;;) {
            while (tree->points[i][axis] < pivot)
                i++;
            while (tree->points[j][axis] > pivot)
                j--;
            if (i >= j)
                break;
            swap_points(tree, i++, j--);
        }
        if (i == j) {
            /* points[i] equals the pivot: left of it not above, right of it not below. */
            if (middle == i)
                return;
            if (middle < i)
                end = i;
            else
                begin = i + 1;
        } else if (middle < i) {
            end = i;
        } else {
            begin = i;
        }
    }
}

static void build(fm_kdtree *tree, span s)
{
    double low[3], high[3];
    int axis = 0;

    if (s.level == tree->depth)
        return;
    memcpy(low, tree->points[s.begin], sizeof(low));
    memcpy(high, low, sizeof(high));
    for (size_t i = s.begin + 1; i < s.end; i++) {
        for (int k = 0; k < 3; k++) {
            double v = tree->points[i][k];

            low[k] = v < low[k] ? v : low[k];
            high[k] = v > high[k] ? v : high[k];
        }
    }
    for (int k = 1; k < 3; k++)
        if (high[k] - low[k] > high[axis] - low[axis])
            axis = k;
    span left = left_of(s), right = right_of(s);

    split(tree, s.begin, s.end, right.begin, axis);
    double below = tree->points[s.begin][axis], above = tree->points[right.begin][axis];

    for (size_t i = s.begin; i < right.begin; i++)
        below = fmax(below, tree->points[i][axis]);
    for (size_t i = right.begin; i < s.end; i++)
        above = fmin(above, tree->points[i][axis]);
    tree->nodes[s.node] = (fm_kdnode){below, above, axis};
    build(tree, left);
    build(tree, right);
}

bool fm_kdtree_build(fm_kdtree *tree, const double (*points)[3], size_t n)
{
    int depth = 0;

    while ((n >> depth) > LEAF_POINTS)
        depth++;
    if (n > UINT32_MAX ||
        !fm_grow((void **)&tree->points, &tree->capacity, n, sizeof(*tree->points)) ||
        !fm_grow((void **)&tree->index, &tree->index_capacity, n, sizeof(*tree->index)) ||
        !fm_grow((void **)&tree->nodes, &tree->node_capacity, (size_t)1 << depth,
                 sizeof(*tree->nodes)))
        return false;
    if (n)
        memcpy(tree->points, points, n * sizeof(*points));
    for (size_t i = 0; i < n; i++)
        tree->index[i] = (uint32_t)i;
    tree->n = n;
    tree->depth = depth;
    if (n)
        build(tree, (span){0, 0, n, 0});
    return true;
}

static inline double squared_distance(const double a[3], const double b[3])
{
    double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];

    return x * x + y * y + z * z;
}

typedef struct {
    const fm_kdtree *tree;
    const double *point;
    double *best; /* ascending */
    size_t k, found;
    double worst; /* best[k - 1], or infinity */
} nearest_query;

/* `off` is the distance to the span's region along each axis, `bound` the sum of their squares. */
static void nearest(nearest_query *q, span s, double off[3], double bound)
{
    const fm_kdtree *tree = q->tree;

    if (s.level == tree->depth) {
        for (size_t i = s.begin; i < s.end; i++) {
            double d = squared_distance(q->point, tree->points[i]);
            size_t at;

            if (d >= q->worst)
                continue;
            at = q->found < q->k ? q->found++ : q->k - 1;
            while (at > 0 && q->best[at - 1] > d) {
                q->best[at] = q->best[at - 1];
                at--;
            }
            q->best[at] = d;
            if (q->found == q->k)
                q->worst = q->best[q->k - 1];
        }
        return;
    }
    const fm_kdnode *node = &tree->nodes[s.node];
    double v = q->point[node->axis], to_low = v - node->low, to_high = node->high - v;
    bool left_first = to_low < to_high;
    double gap = left_first ? to_high : to_low; /* to the far half; negative in neither case */
    double old = off[node->axis];

    nearest(q, left_first ? left_of(s) : right_of(s), off, bound);
    if (gap > old) {
        bound += gap * gap - old * old;
        off[node->axis] = gap;
    }
    if (bound * BOUND_SLACK < q->worst)
        nearest(q, left_first ? right_of(s) : left_of(s), off, bound);
    off[node->axis] = old;
}

size_t fm_kdtree_nearest(const fm_kdtree *tree, const double point[3], size_t k, double *out)
{
    nearest_query q = {tree, point, out, k, 0, INFINITY};
    double off[3] = {0, 0, 0};

    if (tree->n && k)
        nearest(&q, (span){0, 0, tree->n, 0}, off, 0);
    return q.found;
}

typedef struct {
    const fm_kdtree *tree;
    const double *point;
    double radius2;
    uint32_t *out;
    size_t found;
} within_query;

static void within(within_query *q, span s)
{
    const fm_kdtree *tree = q->tree;

    if (s.level == tree->depth) {
        for (size_t i = s.begin; i < s.end; i++) {
            if (squared_distance(q->point, tree->points[i]) < q->radius2) {
                if (q->out)
                    q->out[q->found] = tree->index[i];
                q->found++;
            }
        }
        return;
    }
    const fm_kdnode *node = &tree->nodes[s.node];
    double v = q->point[node->axis], to_low = v - node->low, to_high = node->high - v;

    if (to_low <= 0 || to_low * to_low * BOUND_SLACK < q->radius2)
        within(q, left_of(s));
    if (to_high <= 0 || to_high * to_high * BOUND_SLACK < q->radius2)
        within(q, right_of(s));
}

size_t fm_kdtree_within(const fm_kdtree *tree, const double point[3], double radius, uint32_t *out)
{
    within_query q = {tree, point, radius * radius, out, 0};

    if (tree->n)
        within(&q, (span){0, 0, tree->n, 0});
    return q.found;
}

void fm_kdtree_release(fm_kdtree *tree)
{
    free(tree->points);
    free(tree->index);
    free(tree->nodes);
    *tree = (fm_kdtree){0};
}
