/* Owns the occupied space of a frame: which blocks of the volume are open, the signed distances in
 * them, the surface points between voxels of opposite sign, and the set of voxels that hold one.
 * Leaves what may touch the obstacles to the metrics.
 *
 * A single frame needs no stored volume. The signed distance of a voxel is a function of the depth
 * map alone, so each block is computed together with the first layer of its open neighbours in +x,
 * +y and +z, in a buffer that stays in the nearest cache, and left behind as surface points. Only
 * voxels in the band |f| < 0.98 can be part of a surface; rows without one are passed over before
 * any distance is computed.
 *
 * The arithmetic (what is float, what is double, in which order) is that of Open3D 0.16.1, because
 * the occupied voxels have to be the same ones. tests/unit/test_obstacles.c holds the plain form,
 * voxel by voxel, against which this one is tested bit for bit. */
#include "fathom/obstacles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "geometry/cells.h"

#define VOXEL_M      FM_OBSTACLE_VOXEL_M
#define TRUNCATION_M 0.08
#define MAX_DEPTH_M  5.0
#define SIDE         16 /* voxels along a block */
#define BLOCK_M      (VOXEL_M * SIDE)
#define STRIDE       4 /* every fourth pixel opens blocks */
#define BAND         0.98f

/* Far more than any room needs (0.32 m blocks); with more, upstream runs out of memory. */
#define MAX_BLOCKS ((size_t)1 << 17)
/* Block coordinates stay well inside int32_t and float. */
#define MAX_COORDINATE_M 1e6

/* Marks a pixel without depth: nothing lies within the band of it. */
#define NO_DEPTH -1e30f

/* Voxels along a side of the work buffer: a block and the first layer of the next one. */
#define REACH (SIDE + 1)

struct fm_obstacles {
    /* The frame: metres, with a column and a row of NO_DEPTH for what projects outside, and how much
     * longer the ray of each pixel is than its depth. */
    float *depth, *stretch;
    size_t depth_capacity, stretch_capacity;
    float *ray_x2; /* squared slope of the ray by column */
    size_t ray_capacity;
    int width, height;
    size_t pitch;

    fm_cells blocks;
    double (*surface)[3];
    size_t n_surface, surface_capacity;

    /* Occupied voxels: a bit each in bricks of 4^3. */
    fm_cells bricks;
    uint64_t *bits;
    size_t bits_capacity;
    size_t count;
    double origin[3];
};

fm_obstacles *fm_obstacles_new(void)
{
    return calloc(1, sizeof(fm_obstacles));
}

void fm_obstacles_free(fm_obstacles *o)
{
    if (!o)
        return;
    free(o->depth);
    free(o->stretch);
    free(o->ray_x2);
    fm_cells_release(&o->blocks);
    free(o->surface);
    fm_cells_release(&o->bricks);
    free(o->bits);
    free(o);
}

size_t fm_obstacles_count(const fm_obstacles *o)
{
    return o->count;
}

void fm_obstacles_origin(const fm_obstacles *o, double origin[3])
{
    memcpy(origin, o->origin, sizeof(o->origin));
}

static fm_status out_of_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "out of memory for the obstacles of a frame");
}

/* ---- the frame ---- */

/* Millimetres to metres. Both branches are computed and one selected, so that the loop vectorises. */
static void load_row(float *restrict metres, const uint16_t *restrict mm,
                     const unsigned char *restrict in_object, size_t n)
{
    for (size_t u = 0; u < n; u++) {
        float m = (float)mm[u] / 1000.0f;
        int seen = (mm[u] != 0) & (in_object[u] != 255) & (m < (float)MAX_DEPTH_M);

        metres[u] = seen ? m : NO_DEPTH;
    }
}

static void stretch_row(float *restrict stretch, const float *restrict ray_x2, float ray_y2,
                        size_t n)
{
    for (size_t u = 0; u < n; u++)
        stretch[u] = sqrtf(ray_x2[u] + ray_y2 + 1.0f);
}

static fm_status load_frame(fm_obstacles *o, const fm_raster *depth, const fm_raster *mask,
                            const fm_camera *camera, fm_err *err)
{
    size_t width = (size_t)depth->width, height = (size_t)depth->height, pitch = width + 1;
    const float cx = (float)camera->cx, cy = (float)camera->cy;
    const float inverse_fx = 1.0f / (float)camera->fx, inverse_fy = 1.0f / (float)camera->fy;

    if (!fm_grow((void **)&o->depth, &o->depth_capacity, pitch * (height + 1), sizeof(float)) ||
        !fm_grow((void **)&o->stretch, &o->stretch_capacity, pitch * (height + 1), sizeof(float)) ||
        !fm_grow((void **)&o->ray_x2, &o->ray_capacity, width, sizeof(float)))
        return out_of_memory(err);
    o->width = depth->width;
    o->height = depth->height;
    o->pitch = pitch;
    for (size_t u = 0; u < width; u++) {
        float slope = ((float)u - cx) * inverse_fx;

        o->ray_x2[u] = slope * slope;
    }
    for (size_t v = 0; v < height; v++) {
        float slope = ((float)v - cy) * inverse_fy;

        load_row(o->depth + v * pitch, (const uint16_t *)depth->data + v * width,
                 (const unsigned char *)mask->data + v * width, width);
        stretch_row(o->stretch + v * pitch, o->ray_x2, slope * slope, width);
        o->depth[v * pitch + width] = NO_DEPTH;
        o->stretch[v * pitch + width] = 1;
    }
    for (size_t u = 0; u < pitch; u++) {
        o->depth[height * pitch + u] = NO_DEPTH;
        o->stretch[height * pitch + u] = 1;
    }
    return FM_OK;
}

/* ---- which blocks are open ---- */

static inline int32_t block_of(double metres)
{
    double blocks = metres / BLOCK_M;
    int32_t towards_zero = (int32_t)blocks; /* floor() is a call where SSE 4.1 is not assumed */

    return towards_zero - (blocks < towards_zero);
}

static fm_status open_blocks(fm_obstacles *o, const fm_camera *camera, fm_err *err)
{
    fm_cell last_low = {INT32_MAX, 0, 0}, last_high = last_low;

    fm_cells_clear(&o->blocks);
    for (int v = 0; v < o->height; v += STRIDE) {
        for (int u = 0; u < o->width; u += STRIDE) {
            double z = (double)o->depth[(size_t)v * o->pitch + (size_t)u];

            if (z <= 0)
                continue;
            double x = (u - camera->cx) * z / camera->fx, y = (v - camera->cy) * z / camera->fy;

            if (!(fabs(x) < MAX_COORDINATE_M && fabs(y) < MAX_COORDINATE_M))
                return fm_fail(err, FM_E_INPUT, "the camera puts pixel (%d, %d) over %g m away", u,
                               v, MAX_COORDINATE_M);
            fm_cell low = {block_of(x - TRUNCATION_M), block_of(y - TRUNCATION_M),
                           block_of(z - TRUNCATION_M)};
            fm_cell high = {block_of(x + TRUNCATION_M), block_of(y + TRUNCATION_M),
                            block_of(z + TRUNCATION_M)};

            /* Most pixels open what their neighbour has opened already. */
            if (memcmp(&low, &last_low, sizeof(low)) == 0 &&
                memcmp(&high, &last_high, sizeof(high)) == 0)
                continue;
            last_low = low;
            last_high = high;
            for (int32_t i = low.x; i <= high.x; i++)
                for (int32_t j = low.y; j <= high.y; j++)
                    for (int32_t k = low.z; k <= high.z; k++)
                        if (fm_cells_add(&o->blocks, (fm_cell){i, j, k}) == FM_CELL_NONE)
                            return out_of_memory(err);
            if (o->blocks.n > MAX_BLOCKS)
                return fm_fail(err, FM_E_INPUT,
                               "the depth map spreads over more than %zu blocks of %g m",
                               MAX_BLOCKS, BLOCK_M);
        }
    }
    return FM_OK;
}

/* ---- one block ---- */

/* Where the voxels of a block lie, and the pixel column or row that each sees. The last entry is the
 * first voxel of the next block. A camera that looks along z makes columns a matter of x and z
 * alone, and rows of y and z. */
typedef struct {
    float x[REACH], y[REACH], z[REACH];
    int reach_x, reach_y, reach_z; /* REACH, or SIDE where the next block is not open */
    int32_t column[REACH][REACH];  /* [z][x], o->width: none */
    int32_t row[REACH][REACH];     /* [z][y], o->height: none */

    /* The band, a bit a voxel along x, in rows [z][y]; f is set where `band` is. */
    uint32_t band[REACH][REACH], negative[REACH][REACH];
    float f[REACH][REACH][REACH]; /* [z][y][x] */
} block;

static float voxel_centre(int voxel, double block_origin)
{
    const float voxel_m = (float)VOXEL_M, half = voxel_m * 0.5f;

    return (float)(half + voxel_m * (float)voxel + block_origin);
}

static void place_block(const fm_obstacles *o, fm_cell cell, const fm_camera *camera, block *b)
{
    const float fx = (float)camera->fx, fy = (float)camera->fy;
    const float cx = (float)camera->cx, cy = (float)camera->cy;
    const float safe_width = (float)o->width - 0.0001f, safe_height = (float)o->height - 0.0001f;
    double origin[3] = {cell.x * BLOCK_M, cell.y * BLOCK_M, cell.z * BLOCK_M};

    for (int i = 0; i < SIDE; i++) {
        b->x[i] = voxel_centre(i, origin[0]);
        b->y[i] = voxel_centre(i, origin[1]);
        /* Open3D steps along z instead of multiplying. */
        b->z[i] = i == 0 ? voxel_centre(0, origin[2]) : b->z[i - 1] + (float)VOXEL_M;
    }
    b->x[SIDE] = voxel_centre(0, (cell.x + 1) * BLOCK_M);
    b->y[SIDE] = voxel_centre(0, (cell.y + 1) * BLOCK_M);
    b->z[SIDE] = voxel_centre(0, (cell.z + 1) * BLOCK_M);
    b->reach_x = fm_cells_find(&o->blocks, (fm_cell){cell.x + 1, cell.y, cell.z}) == FM_CELL_NONE
                     ? SIDE
                     : REACH;
    b->reach_y = fm_cells_find(&o->blocks, (fm_cell){cell.x, cell.y + 1, cell.z}) == FM_CELL_NONE
                     ? SIDE
                     : REACH;
    b->reach_z = fm_cells_find(&o->blocks, (fm_cell){cell.x, cell.y, cell.z + 1}) == FM_CELL_NONE
                     ? SIDE
                     : REACH;
    for (int k = 0; k < REACH; k++) {
        for (int i = 0; i < REACH; i++) {
            float u = b->x[i] * fx / b->z[k] + cx + 0.5f, v = b->y[i] * fy / b->z[k] + cy + 0.5f;
            bool ahead = b->z[k] > 0;

            b->column[k][i] = ahead && u >= 0.0001f && u < safe_width ? (int32_t)u : o->width;
            b->row[k][i] = ahead && v >= 0.0001f && v < safe_height ? (int32_t)v : o->height;
        }
    }
}

/* Which of 16 numbers are below `limit`, a bit each; NaN is not. */
static inline uint32_t below(const float v[SIDE], float limit)
{
    uint32_t bits = 0;

#ifdef __SSE2__
    for (int i = 0; i < SIDE; i += 4)
        bits |= (uint32_t)_mm_movemask_ps(_mm_cmplt_ps(_mm_loadu_ps(v + i), _mm_set1_ps(limit)))
                << i;
#else
    for (int i = 0; i < SIDE; i++)
        bits |= (uint32_t)(v[i] < limit) << i;
#endif
    return bits;
}

/* Signed distances of the voxels (0 .. reach_x, j, k). */
static void fill_row(const fm_obstacles *o, int j, int k, block *b)
{
    const float inverse_truncation = 1.0f / (float)TRUNCATION_M;
    /* No ray is shorter than its depth, so that a voxel further than this from the pixel's depth
     * has |f| > 0.98; the margin covers rounding. */
    const float near = (float)TRUNCATION_M * BAND * 1.0001f;
    const float *depth = o->depth + (size_t)b->row[k][j] * o->pitch;
    const float *stretch = o->stretch + (size_t)b->row[k][j] * o->pitch;
    const int32_t *column = b->column[k];
    const float z = b->z[k];
    float gap[REACH], *f = b->f[k][j];
    uint32_t band = 0, negative = 0;

    for (int i = 0; i < SIDE; i++)
        gap[i] = depth[column[i]] - z;
    if (below(gap, near) & ~below(gap, -near)) {
        for (int i = 0; i < SIDE; i++)
            f[i] = gap[i] * stretch[column[i]] * inverse_truncation;
        band = below(f, BAND) & ~below(f, -BAND);
        negative = below(f, 0);
    }
    if (b->reach_x == REACH) {
        f[SIDE] = (depth[column[SIDE]] - z) * stretch[column[SIDE]] * inverse_truncation;
        band |= (uint32_t)(f[SIDE] < BAND && f[SIDE] >= -BAND) << SIDE;
        negative |= (uint32_t)(f[SIDE] < 0) << SIDE;
    }
    b->band[k][j] = band;
    b->negative[k][j] = negative;
}

/* ---- the surface in a block ---- */

/* The voxels of two rows between which the distance changes sign. */
static uint32_t crossings(const block *b, int j0, int k0, int j1, int k1, int shift)
{
    uint32_t both = b->band[k0][j0] & b->band[k1][j1] >> shift;

    return both & (b->negative[k0][j0] ^ b->negative[k1][j1] >> shift) & ((1u << SIDE) - 1);
}

static bool add_surface(fm_obstacles *o, const double p0[3], int axis, float f0, float f1)
{
    /* A distance of exactly zero has no sign to change. */
    if (f0 == 0 || f1 == 0)
        return true;
    if (o->n_surface == o->surface_capacity &&
        !fm_grow((void **)&o->surface, &o->surface_capacity, o->n_surface + 1, sizeof(*o->surface)))
        return false;
    float r0 = fabsf(f0), r1 = fabsf(f1);
    double *p = o->surface[o->n_surface++];

    memcpy(p, p0, sizeof(*o->surface));
    p[axis] = (p0[axis] * (double)r1 + (p0[axis] + VOXEL_M) * (double)r0) / (double)(r0 + r1);
    return true;
}

static bool extract_row(fm_obstacles *o, fm_cell cell, const block *b, int j, int k)
{
    uint32_t along[3] = {crossings(b, j, k, j, k, 1),
                         j + 1 < b->reach_y ? crossings(b, j, k, j + 1, k, 0) : 0,
                         k + 1 < b->reach_z ? crossings(b, j, k, j, k + 1, 0) : 0};

    for (uint32_t left = along[0] | along[1] | along[2]; left; left &= left - 1) {
        int i = __builtin_ctz(left);
        double p0[3] = {VOXEL_M * 0.5 + VOXEL_M * i + cell.x * BLOCK_M,
                        VOXEL_M * 0.5 + VOXEL_M * j + cell.y * BLOCK_M,
                        VOXEL_M * 0.5 + VOXEL_M * k + cell.z * BLOCK_M};
        float f0 = b->f[k][j][i];

        if ((along[0] >> i & 1 && !add_surface(o, p0, 0, f0, b->f[k][j][i + 1])) ||
            (along[1] >> i & 1 && !add_surface(o, p0, 1, f0, b->f[k][j + 1][i])) ||
            (along[2] >> i & 1 && !add_surface(o, p0, 2, f0, b->f[k + 1][j][i])))
            return false;
    }
    return true;
}

static bool extract_block(fm_obstacles *o, fm_cell cell, const fm_camera *camera, block *b)
{
    place_block(o, cell, camera, b);
    for (int k = 0; k < b->reach_z; k++)
        for (int j = 0; j < b->reach_y; j++)
            fill_row(o, j, k, b);
    for (int k = 0; k < SIDE; k++)
        for (int j = 0; j < SIDE; j++)
            if (b->band[k][j] && !extract_row(o, cell, b, j, k))
                return false;
    return true;
}

/* ---- occupied voxels ---- */

static fm_cell brick_of(const int32_t voxel[3], uint64_t *bit)
{
    *bit = (uint64_t)1 << ((voxel[0] & 3) | (voxel[1] & 3) << 2 | (voxel[2] & 3) << 4);
    return (fm_cell){voxel[0] >> 2, voxel[1] >> 2, voxel[2] >> 2};
}

static bool occupy(fm_obstacles *o)
{
    double low[3] = {INFINITY, INFINITY, INFINITY};

    for (size_t i = 0; i < o->n_surface; i++)
        for (int k = 0; k < 3; k++)
            low[k] = o->surface[i][k] < low[k] ? o->surface[i][k] : low[k];
    for (int k = 0; k < 3; k++)
        o->origin[k] = low[k] - VOXEL_M * 0.5;
    fm_cell last = {-1, -1, -1};
    size_t brick = 0;

    for (size_t i = 0; i < o->n_surface; i++) {
        int32_t voxel[3];
        uint64_t bit;

        for (int k = 0; k < 3; k++)
            voxel[k] = (int32_t)((o->surface[i][k] - o->origin[k]) / VOXEL_M); /* never negative */
        fm_cell cell = brick_of(voxel, &bit);

        /* Neighbours in the list are neighbours in space: most share a brick. */
        if (cell.x != last.x || cell.y != last.y || cell.z != last.z) {
            size_t before = o->bricks.n;

            last = cell;
            brick = fm_cells_add(&o->bricks, cell);
            if (brick == FM_CELL_NONE ||
                !fm_grow((void **)&o->bits, &o->bits_capacity, o->bricks.n, sizeof(*o->bits)))
                return false;
            if (brick == before)
                o->bits[brick] = 0;
        }
        o->count += !(o->bits[brick] & bit);
        o->bits[brick] |= bit;
    }
    return true;
}

fm_status fm_obstacles_build(fm_obstacles *o, const fm_raster *depth, const fm_raster *mask,
                             const fm_camera *camera, fm_err *err)
{
    fm_status st;
    block b;

    o->count = o->n_surface = 0;
    o->origin[0] = o->origin[1] = o->origin[2] = NAN;
    fm_cells_clear(&o->bricks);
    if (depth->bits != 16 || depth->channels != 1 || mask->bits != 8 || mask->channels != 1)
        return fm_fail(err, FM_E_INPUT, "depth needs 16 bits and one channel, a mask 8 and one");
    if (depth->width != mask->width || depth->height != mask->height)
        return fm_fail(err, FM_E_INPUT, "the mask has %d x %d pixels, the depth map %d x %d",
                       mask->width, mask->height, depth->width, depth->height);
    if (!fm_camera_valid(camera))
        return fm_fail(err, FM_E_INPUT, "the camera's focal lengths are not positive numbers");
    st = load_frame(o, depth, mask, camera, err);
    if (st == FM_OK)
        st = open_blocks(o, camera, err);
    if (st != FM_OK)
        return st;
    for (size_t i = 0; i < o->blocks.n; i++)
        if (!extract_block(o, o->blocks.cells[i], camera, &b))
            return out_of_memory(err);
    return o->n_surface && !occupy(o) ? out_of_memory(err) : FM_OK;
}

/* ---- queries ---- */

static bool occupied(const fm_obstacles *o, const double at[3])
{
    int32_t voxel[3];
    uint64_t bit;

    for (int k = 0; k < 3; k++) {
        /* Not "at[k] < 0 || ...": NaN has to be outside. */
        if (!(at[k] > -1 && at[k] < INT32_MAX))
            return false;
        voxel[k] = (int32_t)at[k];
    }
    size_t brick = fm_cells_find(&o->bricks, brick_of(voxel, &bit));

    return brick != FM_CELL_NONE && o->bits[brick] & bit;
}

double fm_obstacles_hit_ratio(const fm_obstacles *o, const fm_cloud *cloud, const double offset[3],
                              fm_voxel_rounding rounding)
{
    size_t hits = 0;

    if (rounding == FM_VOXEL_FLOOR && isnan(offset[0] + offset[1] + offset[2]))
        return NAN;
    for (size_t i = 0; i < cloud->n; i++) {
        double at[3];

        for (int k = 0; k < 3; k++) {
            at[k] = (cloud->points[i][k] + offset[k] - o->origin[k]) / VOXEL_M;
            if (rounding == FM_VOXEL_FLOOR)
                at[k] = floor(at[k]);
        }
        hits += occupied(o, at);
    }
    return (double)hits / (double)cloud->n;
}
