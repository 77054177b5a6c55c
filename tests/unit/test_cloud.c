#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "fathom/cloud.h"

static const fm_camera camera = {100, 110, 10, 8};

static fm_raster depth_raster(int width, int height, uint16_t mm)
{
    fm_raster r = {0};

    cr_assert(eq(int, fm_raster_reserve(&r, width, height, 1, 16, NULL), FM_OK));
    for (int i = 0; i < width * height; i++)
        ((uint16_t *)r.data)[i] = mm;
    return r;
}

static fm_raster mask_raster(int width, int height, unsigned char value)
{
    fm_raster r = {0};

    cr_assert(eq(int, fm_raster_reserve(&r, width, height, 1, 8, NULL), FM_OK));
    memset(r.data, value, (size_t)(width * height));
    return r;
}

static fm_cloud cloud_of(size_t n)
{
    fm_cloud c = {calloc(n ? n : 1, sizeof(double[3])), n, n};

    cr_assert(ne(ptr, c.points, NULL));
    return c;
}

/* A noisy sheet with a few points off it. */
static fm_cloud random_cloud(size_t n, uint64_t seed)
{
    fm_cloud c = cloud_of(n);
    fm_rng rng;

    fm_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) {
        c.points[i][0] = fm_rng_range(&rng, 0, 0.3);
        c.points[i][1] = fm_rng_range(&rng, 0, 0.2);
        c.points[i][2] = 1 + 0.1 * c.points[i][0] + 0.002 * fm_rng_normal(&rng);
        if (fm_rng_below(&rng, 20) == 0)
            c.points[i][2] += fm_rng_range(&rng, -0.2, 0.2);
    }
    return c;
}

static double squared(const double *a, const double *b)
{
    double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];

    return x * x + y * y + z * z;
}

/* ---- from_depth ---- */

Test(cloud, masked_pixels_with_depth_become_points_in_row_order)
{
    fm_raster depth = depth_raster(4, 3, 2000), mask = mask_raster(4, 3, 0);
    unsigned char *m = mask.data;
    uint16_t *d = depth.data;
    fm_cloud c = {0};
    double want[3];

    m[1] = 1;
    m[6] = 255;
    m[7] = 9;
    m[8] = 255;
    d[7] = 0;
    d[8] = 15000;
    cr_assert(eq(int, fm_cloud_from_depth(&c, &depth, &mask, &camera, NULL), FM_OK));
    cr_assert(eq(sz, c.n, 2));
    fm_camera_back_project(&camera, 1, 0, 2, want);
    cr_assert(memcmp(c.points[0], want, sizeof(want)) == 0);
    fm_camera_back_project(&camera, 2, 1, 2, want);
    cr_assert(memcmp(c.points[1], want, sizeof(want)) == 0);
    fm_cloud_release(&c);
    fm_raster_release(&depth);
    fm_raster_release(&mask);
}

Test(cloud, a_mask_of_another_size_is_stretched_by_nearest_neighbour)
{
    fm_raster depth = depth_raster(6, 4, 1000), mask = mask_raster(3, 2, 0);
    fm_cloud c = {0};

    ((unsigned char *)mask.data)[5] = 255; /* right bottom: columns 4, 5 and rows 2, 3 */
    cr_assert(eq(int, fm_cloud_from_depth(&c, &depth, &mask, &camera, NULL), FM_OK));
    cr_assert(eq(sz, c.n, 4));
    cr_assert(epsilon_eq(dbl, c.points[0][0], (4 - 10) / 100.0, 1e-12));
    cr_assert(epsilon_eq(dbl, c.points[3][1], (3 - 8) / 110.0, 1e-12));
    fm_cloud_release(&c);
    fm_raster_release(&depth);
    fm_raster_release(&mask);
}

Test(cloud, rasters_of_the_wrong_kind_and_singular_cameras_are_refused)
{
    fm_raster depth = depth_raster(4, 4, 1000), mask = mask_raster(4, 4, 255);
    fm_cloud c = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_cloud_from_depth(&c, &mask, &mask, &camera, &err), FM_E_INPUT));
    cr_assert(eq(int, fm_cloud_from_depth(&c, &depth, &depth, &camera, &err), FM_E_INPUT));
    cr_assert(eq(int, fm_cloud_from_depth(&c, &depth, &mask, &(fm_camera){0, 1, 1, 1}, &err),
                 FM_E_INPUT));
    fm_raster_release(&depth);
    fm_raster_release(&mask);
}

/* ---- outliers ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The rule, with every distance computed. */
static size_t keep_by_definition(const fm_cloud *c, size_t k, double ratio, bool *keep)
{
    double *means = calloc(c->n, sizeof(double)), *all = calloc(c->n, sizeof(double));
    double mean = 0, squares = 0;
    size_t kept = 0;

    for (size_t i = 0; i < c->n; i++) {
        for (size_t j = 0; j < c->n; j++)
            all[j] = squared(c->points[i], c->points[j]);
        qsort(all, c->n, sizeof(double), ascending);
        for (size_t j = 0; j < k; j++)
            means[i] += sqrt(all[j]);
        means[i] /= (double)k;
        mean += means[i];
    }
    mean /= (double)c->n;
    for (size_t i = 0; i < c->n; i++)
        squares += (means[i] - mean) * (means[i] - mean);
    double limit = mean + ratio * sqrt(squares / (double)(c->n - 1));

    for (size_t i = 0; i < c->n; i++) {
        keep[i] = means[i] > 0 && means[i] < limit;
        kept += keep[i];
    }
    free(means);
    free(all);
    return kept;
}

Test(cloud, outlier_removal_follows_its_definition)
{
    fm_cloud_scratch *scratch = fm_cloud_scratch_new();

    for (uint64_t seed = 0; seed < 5; seed++) {
        fm_cloud c = random_cloud(500, seed);
        bool keep[500];
        size_t want = keep_by_definition(&c, 10, 1.2, keep), at = 0;
        double(*before)[3] = malloc(sizeof(double[500][3]));

        memcpy(before, c.points, sizeof(double[500][3]));
        cr_assert(eq(int, fm_cloud_remove_outliers(&c, 10, 1.2, scratch, NULL), FM_OK));
        cr_assert(eq(sz, c.n, want));
        cr_assert(want > 300 && want < 500);
        for (size_t i = 0; i < 500; i++)
            if (keep[i])
                cr_assert(memcmp(c.points[at++], before[i], sizeof(double[3])) == 0);
        free(before);
        fm_cloud_release(&c);
    }
    fm_cloud_scratch_free(scratch);
}

Test(cloud, points_that_coincide_with_all_their_neighbours_go)
{
    fm_cloud_scratch *scratch = fm_cloud_scratch_new();
    fm_cloud c = cloud_of(50), one = cloud_of(1), none = cloud_of(0);

    cr_assert(eq(int, fm_cloud_remove_outliers(&c, 10, 1.2, scratch, NULL), FM_OK));
    cr_assert(eq(sz, c.n, 0));
    cr_assert(eq(int, fm_cloud_remove_outliers(&one, 10, 1.2, scratch, NULL), FM_OK));
    cr_assert(eq(sz, one.n, 0));
    cr_assert(eq(int, fm_cloud_remove_outliers(&none, 10, 1.2, scratch, NULL), FM_OK));
    cr_assert(eq(sz, none.n, 0));
    fm_cloud_release(&c);
    fm_cloud_release(&one);
    fm_cloud_release(&none);
    fm_cloud_scratch_free(scratch);
}

/* ---- voxels ---- */

Test(cloud, a_voxel_becomes_the_mean_of_its_points_in_order_of_first_sight)
{
    fm_cloud_scratch *scratch = fm_cloud_scratch_new();
    fm_cloud c = cloud_of(4);
    /* The grid starts half a voxel below the minimum: [-0.5, 0.5) is the first voxel. */
    double points[4][3] = {{0.9, 0, 0}, {0.2, 0, 0}, {0, 0, 0}, {1.1, 0, 0}};

    memcpy(c.points, points, sizeof(points));
    cr_assert(eq(int, fm_cloud_voxel_downsample(&c, 1, scratch, NULL), FM_OK));
    cr_assert(eq(sz, c.n, 2));
    cr_assert(epsilon_eq(dbl, c.points[0][0], 1.0, 1e-12));
    cr_assert(epsilon_eq(dbl, c.points[1][0], 0.1, 1e-12));
    fm_cloud_release(&c);
    fm_cloud_scratch_free(scratch);
}

Test(cloud, a_cloud_too_wide_for_its_voxels_is_refused)
{
    fm_cloud_scratch *scratch = fm_cloud_scratch_new();
    fm_cloud c = cloud_of(2);
    fm_err err = {0};

    c.points[1][1] = 1e9;
    cr_assert(eq(int, fm_cloud_voxel_downsample(&c, 0.01, scratch, &err), FM_E_INPUT));
    cr_assert(ne(ptr, strstr(err.text, "too wide"), NULL));
    fm_cloud_release(&c);
    fm_cloud_scratch_free(scratch);
}

/* ---- clusters ---- */

/* The textbook form: a matrix of neighbours and passes until nothing changes. */
static int dbscan_by_definition(const fm_cloud *c, double eps, int min_points, int *labels)
{
    size_t n = c->n;
    bool *core = calloc(n, sizeof(bool));
    int clusters = 0;

    for (size_t i = 0; i < n; i++) {
        int near = 0;

        for (size_t j = 0; j < n; j++)
            near += squared(c->points[i], c->points[j]) < eps * eps;
        core[i] = near >= min_points;
        labels[i] = -1;
    }
    for (size_t seed = 0; seed < n; seed++) {
        if (!core[seed] || labels[seed] >= 0)
            continue;
        labels[seed] = clusters;
        for (bool grown = true; grown;) {
            grown = false;
            for (size_t i = 0; i < n; i++) {
                if (!core[i] || labels[i] != clusters)
                    continue;
                for (size_t j = 0; j < n; j++) {
                    if (labels[j] < 0 && squared(c->points[i], c->points[j]) < eps * eps) {
                        labels[j] = clusters;
                        grown = true;
                    }
                }
            }
        }
        clusters++;
    }
    free(core);
    return clusters;
}

Test(cloud, dbscan_follows_its_definition)
{
    fm_cloud_scratch *scratch = fm_cloud_scratch_new();

    for (uint64_t seed = 0; seed < 12; seed++) {
        fm_cloud c = random_cloud(300, seed);
        int labels[300], want[300], clusters;
        double eps = 0.008 + 0.002 * (double)(seed % 6);

        cr_assert(eq(int, fm_cloud_dbscan(&c, eps, 5, labels, &clusters, scratch, NULL), FM_OK));
        cr_assert(eq(int, clusters, dbscan_by_definition(&c, eps, 5, want)));
        cr_assert(memcmp(labels, want, sizeof(labels)) == 0, "seed %d", (int)seed);
        fm_cloud_release(&c);
    }
    fm_cloud_scratch_free(scratch);
}

/* ---- the chain ---- */

/* The steps one by one through the public functions, of which fm_cloud_object() uses faster forms. */
static fm_cloud object_by_steps(const fm_raster *depth, const fm_raster *mask, const fm_camera *c,
                                fm_cloud_scratch *scratch)
{
    fm_cloud cloud = {0};
    double variance = 0;
    int labels[4096], clusters, counts[4096] = {0}, best = -1;
    size_t kept = 0;

    cr_assert(eq(int, fm_cloud_from_depth(&cloud, depth, mask, c, NULL), FM_OK));
    for (int k = 0; k < 3; k++) {
        double mean = 0, sum = 0;

        for (size_t i = 0; i < cloud.n; i++)
            mean += cloud.points[i][k];
        mean /= (double)cloud.n;
        for (size_t i = 0; i < cloud.n; i++)
            sum += (cloud.points[i][k] - mean) * (cloud.points[i][k] - mean);
        variance += sum / (double)cloud.n;
    }
    cr_assert(eq(int, fm_cloud_remove_outliers(&cloud, 10, 1.2, scratch, NULL), FM_OK));
    cr_assert(eq(int,
                 fm_cloud_voxel_downsample(&cloud, fmax(0.01, (3 * sqrt(variance) + 1e-6) / 40),
                                           scratch, NULL),
                 FM_OK));
    cr_assert(lt(sz, cloud.n, 4096));
    cr_assert(eq(int, fm_cloud_dbscan(&cloud, 0.02, 10, labels, &clusters, scratch, NULL), FM_OK));
    for (size_t i = 0; i < cloud.n; i++)
        if (labels[i] >= 0)
            counts[labels[i]]++;
    for (size_t i = 0; i < cloud.n; i++)
        if (labels[i] >= 0 && (best < 0 || counts[labels[i]] > counts[best]))
            best = labels[i];
    if (best < 0 || counts[best] < 5)
        return cloud;
    for (size_t i = 0; i < cloud.n; i++)
        if (labels[i] == best)
            memmove(cloud.points[kept++], cloud.points[i], sizeof(double[3]));
    cloud.n = kept;
    return cloud;
}

Test(cloud, the_chain_equals_its_steps_bit_for_bit)
{
    fm_cloud_scratch *scratch = fm_cloud_scratch_new();
    fm_rng rng;

    for (uint64_t seed = 0; seed < 40; seed++) {
        fm_raster depth = depth_raster(60, 50, 0), mask = mask_raster(60, 50, 0);
        fm_camera c = {60, 80, 30 + (double)(seed % 3) * 20, 25};
        fm_cloud object = {0}, steps;

        /* A surface at any slant, with noise, holes, far pixels and a ragged mask. */
        fm_rng_seed(&rng, seed);
        double near = fm_rng_range(&rng, 200, 1500), slant = fm_rng_range(&rng, -40, 40);
        double noise = fm_rng_range(&rng, 0, 12);

        for (int v = 0; v < 50; v++) {
            for (int u = 0; u < 60; u++) {
                double mm = near + slant * u + noise * fm_rng_normal(&rng);

                if (fm_rng_below(&rng, 30) == 0)
                    mm = fm_rng_range(&rng, 0, 14000);
                ((uint16_t *)depth.data)[v * 60 + u] = (uint16_t)fmax(0, mm);
                ((unsigned char *)mask.data)[v * 60 + u] =
                    (u - 30) * (u - 30) + (v - 25) * (v - 25) < 400 &&
                    fm_rng_below(&rng, 9) > seed % 8;
            }
        }
        cr_assert(eq(int, fm_cloud_object(&object, &depth, &mask, &c, scratch, NULL), FM_OK));
        steps = object_by_steps(&depth, &mask, &c, scratch);
        cr_assert(eq(sz, object.n, steps.n), "seed %d", (int)seed);
        cr_assert(memcmp(object.points, steps.points, object.n * sizeof(double[3])) == 0, "seed %d",
                  (int)seed);
        fm_cloud_release(&object);
        fm_cloud_release(&steps);
        fm_raster_release(&depth);
        fm_raster_release(&mask);
    }
    fm_cloud_scratch_free(scratch);
}

Test(cloud, an_object_without_depth_is_an_empty_cloud)
{
    fm_cloud_scratch *scratch = fm_cloud_scratch_new();
    fm_raster depth = depth_raster(8, 8, 0), mask = mask_raster(8, 8, 255);
    fm_cloud c = {0};

    cr_assert(eq(int, fm_cloud_object(&c, &depth, &mask, &camera, scratch, NULL), FM_OK));
    cr_assert(eq(sz, c.n, 0));
    ((uint16_t *)depth.data)[9] = 700; /* a single point is an outlier of itself */
    cr_assert(eq(int, fm_cloud_object(&c, &depth, &mask, &camera, scratch, NULL), FM_OK));
    cr_assert(eq(sz, c.n, 0));
    fm_cloud_release(&c);
    fm_cloud_scratch_free(scratch);
    fm_raster_release(&depth);
    fm_raster_release(&mask);
}

Test(cloud, the_largest_part_of_an_object_is_kept)
{
    fm_cloud_scratch *scratch = fm_cloud_scratch_new();
    fm_raster depth = depth_raster(120, 60, 500), mask = mask_raster(120, 60, 0);
    fm_camera near = {400, 400, 60, 30};
    fm_cloud c = {0};

    /* Two patches, 60 and 20 pixels wide, the smaller one 0.2 m further away. */
    for (int v = 5; v < 55; v++) {
        for (int u = 5; u < 65; u++)
            ((unsigned char *)mask.data)[v * 120 + u] = 255;
        for (int u = 80; u < 100; u++) {
            ((unsigned char *)mask.data)[v * 120 + u] = 255;
            ((uint16_t *)depth.data)[v * 120 + u] = 700;
        }
    }
    cr_assert(eq(int, fm_cloud_object(&c, &depth, &mask, &near, scratch, NULL), FM_OK));
    cr_assert(gt(sz, c.n, 20));
    for (size_t i = 0; i < c.n; i++)
        cr_assert(lt(dbl, c.points[i][2], 0.6));
    fm_cloud_release(&c);
    fm_cloud_scratch_free(scratch);
    fm_raster_release(&depth);
    fm_raster_release(&mask);
}

Test(cloud, a_camera_that_throws_points_to_infinity_is_refused_not_followed)
{
    fm_cloud_scratch *scratch = fm_cloud_scratch_new();
    fm_raster depth = depth_raster(20, 20, 1000), mask = mask_raster(20, 20, 255);
    fm_cloud c = {0};
    fm_err err = {0};

    cr_assert(eq(
        int, fm_cloud_object(&c, &depth, &mask, &(fm_camera){1e-305, 1e-305, 3, 3}, scratch, &err),
        FM_E_INPUT));
    cr_assert(ne(ptr, strstr(err.text, "camera"), NULL));
    fm_cloud_release(&c);
    fm_cloud_scratch_free(scratch);
    fm_raster_release(&depth);
    fm_raster_release(&mask);
}

Test(cloud, distance_is_to_the_nearest_point_and_nan_without_any)
{
    fm_cloud c = cloud_of(2), none = {0};

    c.points[1][0] = 3;
    cr_assert(epsilon_eq(dbl, fm_cloud_distance(&c, (double[3]){2, 0, 0}), 1, 1e-12));
    cr_assert(isnan(fm_cloud_distance(&none, (double[3]){2, 0, 0})));
    cr_assert(isnan(fm_cloud_distance(&c, (double[3]){2, NAN, 0})));
    fm_cloud_release(&c);
}
