/**
 * Nearest neighbours among points in space, exactly.
 *
 * A tree of median splits: duplicates and uneven clouds cost no more than others, which a uniform
 * grid cannot promise for hostile depth maps (only an order of points made against the choice of the
 * pivots could slow the build down). Squared distances are summed as x, y, z, the order of Open3D's
 * search. Internal to geometry; one thread each.
 */
#ifndef FM_GEOMETRY_KDTREE_H
#define FM_GEOMETRY_KDTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FM_KDTREE_MAX_NEIGHBOURS 64

typedef struct {
    double low, high; /* largest coordinate of the left half, smallest of the right, on the axis */
    int axis;
} fm_kdnode;

typedef struct {
    double (*points)[3]; /* [n], in the order of the leaves */
    uint32_t *index;     /* [n], place of each in the caller's array */
    size_t n, capacity, index_capacity;
    fm_kdnode *nodes; /* a complete binary tree: children of i are 2i + 1 and 2i + 2 */
    size_t node_capacity;
    int depth; /* levels of inner nodes */
} fm_kdtree;

/* Copy and order the points; false: out of memory or over 2^32 points. Coordinates are finite. */
bool fm_kdtree_build(fm_kdtree *tree, const double (*points)[3], size_t n);

/* The squared distances from `point` to its k nearest (itself included where it is one of them),
 * ascending, into out; returns how many there are: k, or n where n is less. k is at most
 * FM_KDTREE_MAX_NEIGHBOURS. */
size_t fm_kdtree_nearest(const fm_kdtree *tree, const double point[3], size_t k, double *out);

/* The points strictly nearer than `radius`: how many, and, where `out` is given, their places in
 * the caller's array, in no particular order; out has room for n. */
size_t fm_kdtree_within(const fm_kdtree *tree, const double point[3], double radius, uint32_t *out);

void fm_kdtree_release(fm_kdtree *tree); /* accepts {0} */

#endif
