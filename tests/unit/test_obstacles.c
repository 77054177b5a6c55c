/* The obstacles against a plain form of the same algorithm: a stored volume, voxel by voxel, with no
 * shortcut. Both must agree on every occupied voxel and on every bit of the origin. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "fathom/obstacles.h"

/* ---- the plain form ---- */

#define SIDE 16

typedef struct {
    int at[3];
    float tsdf[SIDE][SIDE][SIDE], weight[SIDE][SIDE][SIDE]; /* [x][y][z] */
} plain_block;

typedef struct {
    plain_block **blocks;
    size_t n_blocks;
    double (*surface)[3];
    size_t n_surface;
    int (*voxels)[3]; /* sorted, without repeats */
    size_t n_voxels;
    double origin[3];
} plain;

static plain_block *plain_find(const plain *p, int x, int y, int z)
{
    for (size_t i = 0; i < p->n_blocks; i++)
        if (p->blocks[i]->at[0] == x && p->blocks[i]->at[1] == y && p->blocks[i]->at[2] == z)
            return p->blocks[i];
    return NULL;
}

static void plain_integrate(plain_block *b, const float *depth, int width, int height,
                            const fm_camera *c)
{
    const float voxel = (float)0.02, half = voxel * 0.5f, trunc = (float)0.08;
    const float fx = (float)c->fx, fy = (float)c->fy, cx = (float)c->cx, cy = (float)c->cy;
    const float inverse_fx = 1.0f / fx, inverse_fy = 1.0f / fy;

    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            float x = (float)(half + voxel * (float)i + b->at[0] * (0.02 * 16));
            float y = (float)(half + voxel * (float)j + b->at[1] * (0.02 * 16));
            float z = (float)(half + b->at[2] * (0.02 * 16));

            for (int k = 0; k < SIDE; k++, z += voxel) {
                if (z <= 0)
                    continue;
                float u = x * fx / z + cx + 0.5f, v = y * fy / z + cy + 0.5f;

                if (!(u >= 0.0001f && u < (float)width - 0.0001f && v >= 0.0001f &&
                      v < (float)height - 0.0001f))
                    continue;
                float d = depth[(int)v * width + (int)u];

                if (d <= 0)
                    continue;
                float rx = ((float)(int)u - cx) * inverse_fx,
                      ry = ((float)(int)v - cy) * inverse_fy;
                float sdf = (d - z) * sqrtf(rx * rx + ry * ry + 1.0f);

                if (sdf > -trunc) {
                    b->tsdf[i][j][k] = fminf(1.0f, sdf * (1.0f / trunc));
                    b->weight[i][j][k] = 1;
                }
            }
        }
    }
}

static void plain_extract(plain *p, const plain_block *b)
{
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            for (int k = 0; k < SIDE; k++) {
                int v0[3] = {i, j, k};
                float f0 = b->tsdf[i][j][k];

                if (b->weight[i][j][k] == 0 || !(f0 < 0.98f && f0 >= -0.98f))
                    continue;
                for (int axis = 0; axis < 3; axis++) {
                    int v1[3] = {i, j, k}, at[3] = {b->at[0], b->at[1], b->at[2]};
                    const plain_block *other = b;
                    double p0[3];

                    if (++v1[axis] == SIDE) {
                        v1[axis] = 0;
                        at[axis]++;
                        other = plain_find(p, at[0], at[1], at[2]);
                    }
                    if (!other || other->weight[v1[0]][v1[1]][v1[2]] == 0)
                        continue;
                    float f1 = other->tsdf[v1[0]][v1[1]][v1[2]];

                    if (!(f1 < 0.98f && f1 >= -0.98f && f0 * f1 < 0))
                        continue;
                    for (int a = 0; a < 3; a++)
                        p0[a] = 0.02 * 0.5 + 0.02 * v0[a] + b->at[a] * (0.02 * 16);
                    float r0 = fabsf(f0), r1 = fabsf(f1);

                    p0[axis] = (p0[axis] * r1 + (p0[axis] + 0.02) * r0) / (r0 + r1);
                    if ((p->n_surface & (p->n_surface - 1)) == 0) /* a power of two: full */
                        p->surface =
                            realloc(p->surface, (2 * p->n_surface + 1) * sizeof(*p->surface));
                    memcpy(p->surface[p->n_surface++], p0, sizeof(p0));
                }
            }
        }
    }
}

static int by_voxel(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(int[3]));
}

static plain plain_build(const fm_raster *depth_mm, const fm_raster *mask, const fm_camera *c)
{
    int width = depth_mm->width, height = depth_mm->height;
    float *depth = calloc((size_t)(width * height), sizeof(float));
    plain p = {0};

    for (int i = 0; i < width * height; i++) {
        float metres = (float)((const uint16_t *)depth_mm->data)[i] / 1000.0f;

        if (((const unsigned char *)mask->data)[i] != 255 && metres < 5.0)
            depth[i] = metres;
    }
    for (int v = 0; v < height; v += 4) {
        for (int u = 0; u < width; u += 4) {
            double z = depth[v * width + u], at[3];
            int low[3], high[3];

            if (z <= 0)
                continue;
            at[0] = (u - c->cx) * z / c->fx;
            at[1] = (v - c->cy) * z / c->fy;
            at[2] = z;
            for (int a = 0; a < 3; a++) {
                low[a] = (int)floor((at[a] - 0.08) / (0.02 * 16));
                high[a] = (int)floor((at[a] + 0.08) / (0.02 * 16));
            }
            for (int x = low[0]; x <= high[0]; x++) {
                for (int y = low[1]; y <= high[1]; y++) {
                    for (int zz = low[2]; zz <= high[2]; zz++) {
                        if (plain_find(&p, x, y, zz))
                            continue;
                        plain_block *b = calloc(1, sizeof(*b));

                        b->at[0] = x;
                        b->at[1] = y;
                        b->at[2] = zz;
                        plain_integrate(b, depth, width, height, c);
                        p.blocks = realloc(p.blocks, (p.n_blocks + 1) * sizeof(*p.blocks));
                        p.blocks[p.n_blocks++] = b;
                    }
                }
            }
        }
    }
    for (size_t i = 0; i < p.n_blocks; i++)
        plain_extract(&p, p.blocks[i]);
    for (int a = 0; a < 3; a++) {
        double low = INFINITY;

        for (size_t i = 0; i < p.n_surface; i++)
            low = fmin(low, p.surface[i][a]);
        p.origin[a] = low - 0.02 * 0.5;
    }
    p.voxels = calloc(p.n_surface + 1, sizeof(*p.voxels));
    for (size_t i = 0; i < p.n_surface; i++)
        for (int a = 0; a < 3; a++)
            p.voxels[i][a] = (int)floor((p.surface[i][a] - p.origin[a]) / 0.02);
    qsort(p.voxels, p.n_surface, sizeof(*p.voxels), by_voxel);
    for (size_t i = 0; i < p.n_surface; i++)
        if (p.n_voxels == 0 || by_voxel(p.voxels[i], p.voxels[p.n_voxels - 1]) != 0)
            memmove(p.voxels[p.n_voxels++], p.voxels[i], sizeof(*p.voxels));
    free(depth);
    return p;
}

static void plain_release(plain *p)
{
    for (size_t i = 0; i < p->n_blocks; i++)
        free(p->blocks[i]);
    free(p->blocks);
    free(p->surface);
    free(p->voxels);
}

/* ---- scenes ---- */

/* A wall, boxes in front of it, holes, noise, and a mask over part of it. */
static void random_scene(uint64_t seed, fm_raster *depth, fm_raster *mask, fm_camera *camera)
{
    int width = 40 + (int)(seed % 5) * 13, height = 30 + (int)(seed % 7) * 7;
    fm_rng rng;

    fm_rng_seed(&rng, seed);
    double wall = fm_rng_range(&rng, 0.3, 5.5), slope = fm_rng_range(&rng, -0.02, 0.02);
    double noise = seed % 3 == 0 ? 0 : fm_rng_range(&rng, 0, 0.05);

    *camera =
        (fm_camera){fm_rng_range(&rng, 20, 90), fm_rng_range(&rng, 20, 90),
                    width / 2 + fm_rng_range(&rng, -5, 5), height / 2 + fm_rng_range(&rng, -5, 5)};
    cr_assert(eq(int, fm_raster_reserve(depth, width, height, 1, 16, NULL), FM_OK));
    cr_assert(eq(int, fm_raster_reserve(mask, width, height, 1, 8, NULL), FM_OK));
    for (int v = 0; v < height; v++) {
        for (int u = 0; u < width; u++) {
            double z = wall + slope * u + noise * fm_rng_normal(&rng);

            if (u / 9 % 3 == 1 && v / 8 % 2 == 1)
                z -= 0.05 * (double)(u / 9);
            if (fm_rng_below(&rng, 40) == 0)
                z = 0;
            ((uint16_t *)depth->data)[v * width + u] =
                (uint16_t)(z < 0 ? 0 : (z > 60 ? 60000 : z * 1000));
            if (u > 10 && u < 18 && v > 12 && v < 20)
                ((unsigned char *)mask->data)[v * width + u] = (unsigned char)(v % 2 ? 255 : 254);
        }
    }
}

static void check_against_plain(fm_obstacles *o, const fm_raster *depth, const fm_raster *mask,
                                const fm_camera *camera, const char *what, int number)
{
    plain p = plain_build(depth, mask, camera);
    fm_cloud centres = {calloc(p.n_voxels + 1, sizeof(double[3])), p.n_voxels, p.n_voxels + 1};
    double origin[3];

    cr_assert(eq(int, fm_obstacles_build(o, depth, mask, camera, NULL), FM_OK));
    cr_assert(eq(sz, fm_obstacles_count(o), p.n_voxels), "%s %d", what, number);
    if (p.n_voxels) {
        fm_obstacles_origin(o, origin);
        cr_assert(memcmp(origin, p.origin, sizeof(origin)) == 0, "%s %d", what, number);
        for (size_t i = 0; i < p.n_voxels; i++)
            for (int a = 0; a < 3; a++)
                centres.points[i][a] = p.origin[a] + (p.voxels[i][a] + 0.5) * 0.02;
        /* As many voxels, and each of the plain ones is among them: the sets are equal. */
        cr_assert(eq(dbl, fm_obstacles_hit_ratio(o, &centres, (double[3]){0}, FM_VOXEL_FLOOR), 1),
                  "%s %d", what, number);
    }
    fm_cloud_release(&centres);
    plain_release(&p);
}

Test(obstacles, equal_the_plain_form_on_random_scenes)
{
    fm_obstacles *o = fm_obstacles_new();
    fm_raster depth = {0}, mask = {0};
    fm_camera camera;

    for (int seed = 0; seed < 30; seed++) {
        random_scene((uint64_t)seed, &depth, &mask, &camera);
        check_against_plain(o, &depth, &mask, &camera, "seed", seed);
    }
    fm_obstacles_free(o);
    fm_raster_release(&depth);
    fm_raster_release(&mask);
}

Test(obstacles, equal_the_plain_form_close_to_the_camera)
{
    fm_obstacles *o = fm_obstacles_new();
    fm_raster depth = {0}, mask = {0};
    fm_camera camera;

    /* Blocks behind the camera plane are open here, and the band reaches through it. */
    random_scene(4, &depth, &mask, &camera);
    for (int mm = 1; mm < 200; mm += 13) {
        for (int i = 0; i < depth.width * depth.height; i++)
            ((uint16_t *)depth.data)[i] = (uint16_t)(mm + i % 3);
        check_against_plain(o, &depth, &mask, &camera, "depth", mm);
    }
    fm_obstacles_free(o);
    fm_raster_release(&depth);
    fm_raster_release(&mask);
}

/* ---- what callers rely on ---- */

typedef struct {
    fm_obstacles *o;
    fm_raster depth, mask;
    fm_camera camera;
} wall;

static wall make_wall(uint16_t mm, unsigned char in_mask)
{
    wall w = {fm_obstacles_new(), {0}, {0}, {60, 60, 32, 24}};

    cr_assert(eq(int, fm_raster_reserve(&w.depth, 64, 48, 1, 16, NULL), FM_OK));
    cr_assert(eq(int, fm_raster_reserve(&w.mask, 64, 48, 1, 8, NULL), FM_OK));
    for (int i = 0; i < 64 * 48; i++)
        ((uint16_t *)w.depth.data)[i] = mm;
    memset(w.mask.data, in_mask, 64 * 48);
    return w;
}

static void release_wall(wall *w)
{
    fm_obstacles_free(w->o);
    fm_raster_release(&w->depth);
    fm_raster_release(&w->mask);
}

Test(obstacles, a_frame_without_surface_is_no_error)
{
    wall masked = make_wall(1000, 255), far = make_wall(5000, 0), none = make_wall(0, 0);

    cr_assert(eq(int,
                 fm_obstacles_build(masked.o, &masked.depth, &masked.mask, &masked.camera, NULL),
                 FM_OK));
    cr_assert(eq(sz, fm_obstacles_count(masked.o), 0));
    cr_assert(eq(int, fm_obstacles_build(far.o, &far.depth, &far.mask, &far.camera, NULL), FM_OK));
    cr_assert(eq(sz, fm_obstacles_count(far.o), 0));
    cr_assert(
        eq(int, fm_obstacles_build(none.o, &none.depth, &none.mask, &none.camera, NULL), FM_OK));
    cr_assert(eq(sz, fm_obstacles_count(none.o), 0));
    release_wall(&masked);
    release_wall(&far);
    release_wall(&none);
}

Test(obstacles, a_failed_build_leaves_nothing_of_the_frame_before)
{
    wall w = make_wall(1000, 0);
    fm_raster small = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_obstacles_build(w.o, &w.depth, &w.mask, &w.camera, &err), FM_OK));
    cr_assert(gt(sz, fm_obstacles_count(w.o), 1000));
    cr_assert(eq(int, fm_raster_reserve(&small, 8, 8, 1, 8, NULL), FM_OK));
    cr_assert(eq(int, fm_obstacles_build(w.o, &w.depth, &small, &w.camera, &err), FM_E_INPUT));
    cr_assert(ne(ptr, strstr(err.text, "8 x 8"), NULL));
    cr_assert(eq(sz, fm_obstacles_count(w.o), 0));
    cr_assert(eq(int, fm_obstacles_build(w.o, &w.depth, &w.mask, &(fm_camera){0, 0, 0, 0}, &err),
                 FM_E_INPUT));
    fm_raster_release(&small);
    release_wall(&w);
}

Test(obstacles, cameras_that_spread_the_frame_beyond_reason_are_refused)
{
    wall w = make_wall(4000, 0);
    fm_err err = {0};

    for (int x = -30; x < 300; x += 3) {
        double f = pow(10, -x);
        fm_status st = fm_obstacles_build(w.o, &w.depth, &w.mask, &(fm_camera){f, f, 32, 24}, &err);

        if (x > 8)
            cr_assert(eq(int, st, FM_E_INPUT));
    }
    release_wall(&w);
}

Test(obstacles, truncation_takes_one_voxel_more_below_the_origin)
{
    wall w = make_wall(1000, 0);
    double origin[3];
    fm_cloud one = {calloc(1, sizeof(double[3])), 1, 1};

    cr_assert(eq(int, fm_obstacles_build(w.o, &w.depth, &w.mask, &w.camera, NULL), FM_OK));
    fm_obstacles_origin(w.o, origin);
    /* Find an occupied voxel with index 0 along x. */
    for (int j = 0; j < 100 && one.points[0][2] == 0; j++) {
        for (int k = 0; k < 10; k++) {
            one.points[0][0] = origin[0] + 0.01;
            one.points[0][1] = origin[1] + (j + 0.5) * 0.02;
            one.points[0][2] = origin[2] + (k + 0.5) * 0.02;
            if (fm_obstacles_hit_ratio(w.o, &one, (double[3]){0}, FM_VOXEL_FLOOR) == 1)
                break;
            one.points[0][2] = 0;
        }
    }
    cr_assert(gt(dbl, one.points[0][2], 0));
    double below[3] = {-0.02, 0, 0}, far_below[3] = {-0.04, 0, 0}, nan[3] = {NAN, 0, 0};

    cr_assert(eq(dbl, fm_obstacles_hit_ratio(w.o, &one, below, FM_VOXEL_TRUNCATE), 1));
    cr_assert(eq(dbl, fm_obstacles_hit_ratio(w.o, &one, below, FM_VOXEL_FLOOR), 0));
    cr_assert(eq(dbl, fm_obstacles_hit_ratio(w.o, &one, far_below, FM_VOXEL_TRUNCATE), 0));
    cr_assert(eq(dbl, fm_obstacles_hit_ratio(w.o, &one, nan, FM_VOXEL_TRUNCATE), 0));
    cr_assert(isnan(fm_obstacles_hit_ratio(w.o, &one, nan, FM_VOXEL_FLOOR)));
    cr_assert(
        eq(dbl, fm_obstacles_hit_ratio(w.o, &one, (double[3]){1e300, 0, 0}, FM_VOXEL_TRUNCATE), 0));
    fm_cloud_release(&one);
    release_wall(&w);
}
