/* Owns the way from a masked depth map to the cloud of one object. Leaves the obstacles around it
 * to obstacles.c, and thresholds to the metrics. */
#include "fathom/cloud.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "geometry/cells.h"
#include "geometry/kdtree.h"

/* The upstream scorer's constants. */
#define MAX_DEPTH_MM        15000
#define OUTLIER_NEIGHBOURS  10
#define OUTLIER_RATIO       1.2
#define MIN_VOXEL_M         0.01
#define VOXELS_ALONG_OBJECT 40
#define CLUSTER_EPS_M       0.02
#define CLUSTER_MIN_POINTS  10
#define MIN_OBJECT_POINTS   5

typedef struct {
    int u, v;
} pixel;

struct fm_cloud_scratch {
    fm_kdtree tree;
    fm_cells cells;
    pixel *pixels; /* where each point of the depth map comes from */
    size_t pixels_capacity;
    double *means; /* one a point */
    size_t means_capacity;
    uint32_t *members; /* points in each voxel; neighbours found */
    size_t members_capacity;
    uint32_t *queue; /* points to expand */
    size_t queue_capacity;
    int *labels;
    size_t labels_capacity;
};

fm_cloud_scratch *fm_cloud_scratch_new(void)
{
    return calloc(1, sizeof(fm_cloud_scratch));
}

void fm_cloud_scratch_free(fm_cloud_scratch *scratch)
{
    if (!scratch)
        return;
    fm_kdtree_release(&scratch->tree);
    fm_cells_release(&scratch->cells);
    free(scratch->pixels);
    free(scratch->means);
    free(scratch->members);
    free(scratch->queue);
    free(scratch->labels);
    free(scratch);
}

void fm_cloud_release(fm_cloud *cloud)
{
    if (!cloud)
        return;
    free(cloud->points);
    *cloud = (fm_cloud){0};
}

static fm_status out_of_memory(size_t points, fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "out of memory for a cloud of %zu points", points);
}

/* ---- from pixels to points ---- */

/* OpenCV's nearest neighbour: destination pixel i takes source floor(i * source / destination). */
static int nearest_source(int i, int destination, int source)
{
    double step = 1.0 / ((double)destination / source);
    int at = (int)floor(i * step);

    return at < source ? at : source - 1;
}

/* Points, and where `scratch` is given the pixel of each, in row-major order. */
static fm_status back_project(fm_cloud *out, const fm_raster *depth, const fm_raster *mask,
                              const fm_camera *camera, fm_cloud_scratch *scratch, fm_err *err)
{
    const uint16_t *mm = depth->data;
    const unsigned char *inside = mask->data;
    size_t n = 0, width = (size_t)depth->width;

    if (depth->bits != 16 || depth->channels != 1 || mask->bits != 8 || mask->channels != 1)
        return fm_fail(err, FM_E_INPUT, "depth needs 16 bits and one channel, a mask 8 and one");
    if (!fm_camera_valid(camera))
        return fm_fail(err, FM_E_INPUT, "the camera's focal lengths are not positive numbers");
    for (int v = 0; v < depth->height; v++) {
        const uint16_t *mm_row = mm + (size_t)v * width;
        const unsigned char *mask_row =
            inside + (size_t)nearest_source(v, depth->height, mask->height) * (size_t)mask->width;

        for (int u = 0; u < depth->width; u++) {
            int mask_u = u;

            if (mask->width != depth->width)
                mask_u = nearest_source(u, depth->width, mask->width);
            else if (u + 8 <= depth->width && memcmp(mask_row + u, "\0\0\0\0\0\0\0", 8) == 0) {
                u += 7; /* most of a picture is not the object */
                continue;
            }
            if (mask_row[mask_u] == 0 || mm_row[u] == 0 || mm_row[u] >= MAX_DEPTH_MM)
                continue;
            if (!fm_grow((void **)&out->points, &out->capacity, n + 1, sizeof(*out->points)) ||
                (scratch && !fm_grow((void **)&scratch->pixels, &scratch->pixels_capacity, n + 1,
                                     sizeof(*scratch->pixels))))
                return out_of_memory(n + 1, err);
            if (scratch)
                scratch->pixels[n] = (pixel){u, v};
            fm_camera_back_project(camera, u, v, mm_row[u] / 1000.0, out->points[n++]);
        }
    }
    out->n = n;
    return FM_OK;
}

fm_status fm_cloud_from_depth(fm_cloud *out, const fm_raster *depth, const fm_raster *mask,
                              const fm_camera *camera, fm_err *err)
{
    return back_project(out, depth, mask, camera, NULL, err);
}

/* ---- outliers ---- */

/* The mean of `n` squared distances' roots, smallest first as Open3D adds them. */
static double mean_distance(const double *squared, size_t n)
{
    double sum = 0;

    for (size_t k = 0; k < n; k++)
        sum += sqrt(squared[k]);
    return sum / (double)n;
}

/* Keep the points whose mean in scratch->means is within bounds. */
static void keep_inliers(fm_cloud *cloud, double ratio, const fm_cloud_scratch *scratch)
{
    double mean = 0, squares = 0;
    size_t n = cloud->n, kept = 0;

    for (size_t i = 0; i < n; i++)
        mean += scratch->means[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = scratch->means[i] - mean;

        /* A point that coincides with all its neighbours has no say here, nor is it kept below. */
        if (scratch->means[i] > 0)
            squares += d * d;
    }
    double limit = mean + ratio * sqrt(squares / ((double)n - 1));

    for (size_t i = 0; i < n; i++)
        if (scratch->means[i] > 0 && scratch->means[i] < limit)
            memcpy(cloud->points[kept++], cloud->points[i], sizeof(*cloud->points));
    cloud->n = kept;
}

fm_status fm_cloud_remove_outliers(fm_cloud *cloud, int neighbours, double ratio,
                                   fm_cloud_scratch *scratch, fm_err *err)
{
    double nearest[FM_KDTREE_MAX_NEIGHBOURS];

    if (neighbours < 1 || neighbours > FM_KDTREE_MAX_NEIGHBOURS)
        return fm_fail(err, FM_E_USAGE, "neighbours must be 1 to %d", FM_KDTREE_MAX_NEIGHBOURS);
    if (!fm_grow((void **)&scratch->means, &scratch->means_capacity, cloud->n, sizeof(double)) ||
        !fm_kdtree_build(&scratch->tree, (const double(*)[3])cloud->points, cloud->n))
        return out_of_memory(cloud->n, err);
    /* In the tree's order, where one query finds the cache warm from the one before. */
    for (size_t i = 0; i < cloud->n; i++) {
        size_t found =
            fm_kdtree_nearest(&scratch->tree, scratch->tree.points[i], (size_t)neighbours, nearest);

        scratch->means[scratch->tree.index[i]] = mean_distance(nearest, found);
    }
    keep_inliers(cloud, ratio, scratch);
    return FM_OK;
}

/* Neighbours in space are neighbours on the picture: those of most points are found among the pixels
 * of a small window. */
#define WINDOW 3 /* pixels to each side */

/* How near a point on a ray outside the window can come, as a share of the depth, squared: the
 * distance to the plane through the camera and the next column (or row) beyond the window. */
static double window_reach2(double pixel_offset, double focal)
{
    double step = WINDOW + 1, slope = fabs(pixel_offset) + WINDOW + 1;

    return step * step / (focal * focal + slope * slope) * (1 - 1e-9);
}

/* The squared distances to the OUTLIER_NEIGHBOURS nearest among `n` points, added to the `found` ones
 * in best, ascending. */
static size_t scan(const double point[3], const double (*points)[3], size_t n, double *best,
                   size_t found)
{
    for (size_t i = 0; i < n; i++) {
        double x = point[0] - points[i][0], y = point[1] - points[i][1],
               z = point[2] - points[i][2];
        double d = x * x + y * y + z * z;
        size_t at = found;

        if (found == OUTLIER_NEIGHBOURS) {
            if (d >= best[OUTLIER_NEIGHBOURS - 1])
                continue;
            at--;
        } else {
            found++;
        }
        for (; at > 0 && best[at - 1] > d; at--)
            best[at] = best[at - 1];
        best[at] = d;
    }
    return found;
}

/* fm_cloud_remove_outliers() with the scorer's constants for a cloud fresh from a depth map, pixels
 * in scratch: the same result, bit for bit, with the tree for those points alone whose window does
 * not prove that it holds all their neighbours. */
static fm_status remove_outliers_by_window(fm_cloud *cloud, const fm_camera *camera,
                                           fm_cloud_scratch *scratch, fm_err *err)
{
    const pixel *at = scratch->pixels;
    const double(*points)[3] = (const double(*)[3])cloud->points;
    size_t n = cloud->n, begin[2 * WINDOW + 1] = {0}; /* first point in the window, row by row */
    bool tree = false;

    if (!fm_grow((void **)&scratch->means, &scratch->means_capacity, n, sizeof(double)))
        return out_of_memory(n, err);
    for (size_t i = 0; i < n; i++) {
        double best[OUTLIER_NEIGHBOURS] = {0};
        size_t found = 0;

        for (int r = 0; r <= 2 * WINDOW; r++) {
            int row = at[i].v + r - WINDOW;
            size_t end;

            /* Points are sorted by row and column, and so are the windows' first ones. */
            while (begin[r] < n && (at[begin[r]].v < row ||
                                    (at[begin[r]].v == row && at[begin[r]].u < at[i].u - WINDOW)))
                begin[r]++;
            for (end = begin[r]; end < n && at[end].v == row && at[end].u <= at[i].u + WINDOW;)
                end++;
            found = scan(points[i], points + begin[r], end - begin[r], best, found);
        }
        double reach2 = fmin(window_reach2(at[i].u - camera->cx, camera->fx),
                             window_reach2(at[i].v - camera->cy, camera->fy)) *
                        points[i][2] * points[i][2];

        if (found < OUTLIER_NEIGHBOURS || best[OUTLIER_NEIGHBOURS - 1] > reach2) {
            if (!tree && !fm_kdtree_build(&scratch->tree, points, n))
                return out_of_memory(n, err);
            tree = true;
            found = fm_kdtree_nearest(&scratch->tree, points[i], OUTLIER_NEIGHBOURS, best);
        }
        scratch->means[i] = mean_distance(best, found);
    }
    keep_inliers(cloud, OUTLIER_RATIO, scratch);
    return FM_OK;
}

/* ---- voxels ---- */

fm_status fm_cloud_voxel_downsample(fm_cloud *cloud, double voxel_m, fm_cloud_scratch *scratch,
                                    fm_err *err)
{
    double low[3] = {INFINITY, INFINITY, INFINITY};
    fm_cells *cells = &scratch->cells;

    for (size_t i = 0; i < cloud->n; i++)
        for (int k = 0; k < 3; k++)
            low[k] = fmin(low[k], cloud->points[i][k]);
    for (int k = 0; k < 3; k++)
        low[k] -= voxel_m * 0.5;
    if (!fm_grow((void **)&scratch->members, &scratch->members_capacity, cloud->n,
                 sizeof(uint32_t)))
        return out_of_memory(cloud->n, err);
    fm_cells_clear(cells);
    /* The sums gather at the front of the cloud itself: a voxel is never opened before its first
     * point has been read. */
    for (size_t i = 0; i < cloud->n; i++) {
        double at[3], point[3];
        size_t before = cells->n, number;

        memcpy(point, cloud->points[i], sizeof(point));
        for (int k = 0; k < 3; k++) {
            at[k] = floor((point[k] - low[k]) / voxel_m);
            if (!(at[k] < INT32_MAX))
                return fm_fail(err, FM_E_INPUT, "the cloud is too wide for voxels of %g m",
                               voxel_m);
        }
        number = fm_cells_add(cells, (fm_cell){(int32_t)at[0], (int32_t)at[1], (int32_t)at[2]});
        if (number == FM_CELL_NONE)
            return out_of_memory(cloud->n, err);
        if (number == before) {
            scratch->members[number] = 1;
            memcpy(cloud->points[number], point, sizeof(point));
        } else {
            scratch->members[number]++;
            for (int k = 0; k < 3; k++)
                cloud->points[number][k] += point[k];
        }
    }
    cloud->n = cells->n;
    for (size_t i = 0; i < cloud->n; i++)
        for (int k = 0; k < 3; k++)
            cloud->points[i][k] /= (double)scratch->members[i];
    return FM_OK;
}

/* ---- clusters ---- */

#define UNSEEN -2
#define NOISE  -1

fm_status fm_cloud_dbscan(const fm_cloud *cloud, double eps_m, int min_points, int *labels,
                          int *clusters, fm_cloud_scratch *scratch, fm_err *err)
{
    const fm_kdtree *tree = &scratch->tree;
    size_t n = cloud->n;
    int label = 0;

    if (!fm_kdtree_build(&scratch->tree, (const double(*)[3])cloud->points, n) ||
        !fm_grow((void **)&scratch->members, &scratch->members_capacity, n, sizeof(uint32_t)) ||
        !fm_grow((void **)&scratch->queue, &scratch->queue_capacity, n, sizeof(uint32_t)))
        return out_of_memory(n, err);
    for (size_t i = 0; i < n; i++)
        labels[i] = UNSEEN;
    for (size_t i = 0; i < n; i++) {
        size_t waiting = 0;

        if (labels[i] != UNSEEN)
            continue;
        if (fm_kdtree_within(tree, cloud->points[i], eps_m, NULL) < (size_t)min_points) {
            labels[i] = NOISE; /* a later cluster may still take it in as a border point */
            continue;
        }
        labels[i] = label;
        scratch->queue[waiting++] = (uint32_t)i;
        while (waiting) {
            const double *point = cloud->points[scratch->queue[--waiting]];
            size_t found = fm_kdtree_within(tree, point, eps_m, scratch->members);

            if (found < (size_t)min_points)
                continue;
            for (size_t k = 0; k < found; k++) {
                uint32_t other = scratch->members[k];

                /* What was noise is known not to be a core point: nothing grows from it. */
                if (labels[other] == UNSEEN)
                    scratch->queue[waiting++] = other;
                if (labels[other] < 0)
                    labels[other] = label;
            }
        }
        label++;
    }
    *clusters = label;
    return FM_OK;
}

/* Keep the largest cluster; of equal ones that whose first point comes first. Without a cluster of
 * enough points the cloud stays as it is. */
static fm_status keep_largest_cluster(fm_cloud *cloud, fm_cloud_scratch *scratch, fm_err *err)
{
    int clusters, best = NOISE;
    size_t kept = 0;
    fm_status st;

    if (!fm_grow((void **)&scratch->labels, &scratch->labels_capacity, cloud->n, sizeof(int)))
        return out_of_memory(cloud->n, err);
    st = fm_cloud_dbscan(cloud, CLUSTER_EPS_M, CLUSTER_MIN_POINTS, scratch->labels, &clusters,
                         scratch, err);
    if (st != FM_OK)
        return st;
    if (clusters == 0)
        return FM_OK;
    /* A cluster has at least one point, so that there are counters enough in `members`. */
    memset(scratch->members, 0, (size_t)clusters * sizeof(uint32_t));
    for (size_t i = 0; i < cloud->n; i++)
        if (scratch->labels[i] >= 0)
            scratch->members[scratch->labels[i]]++;
    for (size_t i = 0; i < cloud->n; i++) {
        int label = scratch->labels[i];

        if (label >= 0 && (best < 0 || scratch->members[label] > scratch->members[best]))
            best = label;
    }
    if (scratch->members[best] < MIN_OBJECT_POINTS)
        return FM_OK;
    for (size_t i = 0; i < cloud->n; i++)
        if (scratch->labels[i] == best)
            memcpy(cloud->points[kept++], cloud->points[i], sizeof(*cloud->points));
    cloud->n = kept;
    return FM_OK;
}

/* ---- the chain ---- */

/* Three times the length of the vector of population standard deviations: the object's size. */
static double scale_of(const fm_cloud *cloud)
{
    double sum = 0;

    for (int k = 0; k < 3; k++) {
        double mean = 0, variance = 0;

        for (size_t i = 0; i < cloud->n; i++)
            mean += cloud->points[i][k];
        mean /= (double)cloud->n;
        for (size_t i = 0; i < cloud->n; i++) {
            double d = cloud->points[i][k] - mean;

            variance += d * d;
        }
        sum += variance / (double)cloud->n;
    }
    return 3 * sqrt(sum) + 1e-6;
}

fm_status fm_cloud_object(fm_cloud *out, const fm_raster *depth, const fm_raster *mask,
                          const fm_camera *camera, fm_cloud_scratch *scratch, fm_err *err)
{
    fm_status st = back_project(out, depth, mask, camera, scratch, err);

    if (st != FM_OK || out->n == 0)
        return st;
    double voxel_m = fmax(MIN_VOXEL_M, scale_of(out) / VOXELS_ALONG_OBJECT);

    if (!isfinite(voxel_m))
        return fm_fail(err, FM_E_INPUT, "the camera spreads the object beyond all bounds");
    st = remove_outliers_by_window(out, camera, scratch, err);
    if (st == FM_OK)
        st = fm_cloud_voxel_downsample(out, voxel_m, scratch, err);
    if (st == FM_OK)
        st = keep_largest_cluster(out, scratch, err);
    return st;
}

double fm_cloud_distance(const fm_cloud *cloud, const double point[3])
{
    double nearest = INFINITY;

    if (cloud->n == 0 || isnan(point[0] + point[1] + point[2]))
        return NAN;
    for (size_t i = 0; i < cloud->n; i++) {
        const double *p = cloud->points[i];
        double x = p[0] - point[0], y = p[1] - point[1], z = p[2] - point[2];
        double d = x * x + y * y + z * z;

        nearest = d < nearest ? d : nearest;
    }
    return sqrt(nearest);
}
