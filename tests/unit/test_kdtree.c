#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "geometry/kdtree.h"

#define N 400

/* Shapes that trees stumble over. */
typedef enum { SPREAD, PLANE, LINE, LATTICE, ONE_PLACE, SHAPES } shape;

static void make_points(shape s, double (*p)[3], size_t n)
{
    fm_rng rng;

    fm_rng_seed(&rng, (uint64_t)s + 10);
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < 3; k++)
            p[i][k] = fm_rng_range(&rng, -1, 1);
        if (s == PLANE || s == LINE)
            p[i][2] = 0.5;
        if (s == LINE)
            p[i][1] = p[i][0];
        if (s == LATTICE)
            for (int k = 0; k < 3; k++)
                p[i][k] = floor(p[i][k] * 3);
        if (s == ONE_PLACE)
            p[i][0] = p[i][1] = p[i][2] = 1;
    }
}

static double squared(const double *a, const double *b)
{
    double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];

    return x * x + y * y + z * z;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

Test(kdtree, nearest_distances_are_those_of_a_full_scan)
{
    static double points[N][3], all[N], got[FM_KDTREE_MAX_NEIGHBOURS];
    fm_kdtree tree = {0};

    for (int s = 0; s < SHAPES; s++) {
        for (size_t n = 1; n <= N; n = n * 2 + 1) {
            make_points((shape)s, points, n);
            cr_assert(fm_kdtree_build(&tree, (const double(*)[3])points, n));
            for (size_t q = 0; q < n; q += 7) {
                size_t k = 1 + q % 12, want = k < n ? k : n;

                for (size_t i = 0; i < n; i++)
                    all[i] = squared(points[q], points[i]);
                qsort(all, n, sizeof(*all), ascending);
                cr_assert(eq(sz, fm_kdtree_nearest(&tree, points[q], k, got), want));
                for (size_t i = 0; i < want; i++)
                    cr_assert(eq(dbl, got[i], all[i]), "shape %d, n %zu, point %zu", s, n, q);
            }
        }
    }
    fm_kdtree_release(&tree);
}

Test(kdtree, within_finds_exactly_what_is_strictly_nearer)
{
    static double points[N][3];
    static uint32_t found[N];
    fm_kdtree tree = {0};

    for (int s = 0; s < SHAPES; s++) {
        make_points((shape)s, points, N);
        cr_assert(fm_kdtree_build(&tree, (const double(*)[3])points, N));
        for (size_t q = 0; q < N; q += 11) {
            /* On the lattice the radius meets neighbours exactly, which do not count. */
            double radius = s == LATTICE ? 1 : 0.3;
            size_t want = 0, n = fm_kdtree_within(&tree, points[q], radius, found);
            static bool seen[N];

            for (size_t i = 0; i < N; i++) {
                want += squared(points[q], points[i]) < radius * radius;
                seen[i] = false;
            }
            cr_assert(eq(sz, n, want));
            cr_assert(eq(sz, fm_kdtree_within(&tree, points[q], radius, NULL), want));
            for (size_t i = 0; i < n; i++) {
                cr_assert(squared(points[q], points[found[i]]) < radius * radius);
                cr_assert_not(seen[found[i]]);
                seen[found[i]] = true;
            }
        }
    }
    fm_kdtree_release(&tree);
}

Test(kdtree, an_empty_tree_has_no_neighbours)
{
    fm_kdtree tree = {0};
    double out[4], origin[3] = {0, 0, 0};

    cr_assert(fm_kdtree_build(&tree, NULL, 0));
    cr_assert(eq(sz, fm_kdtree_nearest(&tree, origin, 4, out), 0));
    cr_assert(eq(sz, fm_kdtree_within(&tree, origin, 4, NULL), 0));
    fm_kdtree_release(&tree);
}
