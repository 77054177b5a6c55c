/* Owns how the truth of a sample comes to lie on its picture: projections, what hides what, scales. */
#include "report/shapes.h"

#include <math.h>

#include "base/json.h"
#include "fathom/camera.h"

/* Nearer than this a point has no sensible projection (the box may reach behind the camera). */
#define NEAR_M 0.02

/* An outline may leave the mask's edge by this much of a pixel: less cannot be seen. */
#define OUTLINE_TOLERANCE 0.8

/* The index of the i-th of `shown` points among n. */
static size_t spread(size_t i, size_t shown, size_t n)
{
    return shown < 2 ? 0 : i * (n - 1) / (shown - 1);
}

static bool reserve_path(fm_shape_path *path, size_t n, fm_arena *arena)
{
    size_t shown = n < FM_SHAPES_MOST_POINTS ? n : FM_SHAPES_MOST_POINTS;

    if (shown > 0)
        path->points = fm_arena_alloc(arena, shown, sizeof(*path->points));
    if (path->points)
        path->n = shown;
    return shown == 0 || path->points;
}

/* ---- traces and regions ---- */

static bool project_trace(const fm_truth_trace *truth, const fm_camera *camera, fm_arena *arena,
                          fm_shape_path *out)
{
    if (!reserve_path(out, truth->n, arena))
        return false;
    for (size_t i = 0; i < out->n; i++) {
        const double *point = truth->points[spread(i, out->n, truth->n)];

        out->points[i][0] = out->points[i][1] = NAN;
        if (point[2] > NEAR_M)
            fm_camera_project(camera, point, out->points[i]);
    }
    return true;
}

static bool copy_path(const double (*points)[2], size_t n, double sx, double sy, fm_arena *arena,
                      fm_shape_path *out)
{
    if (!reserve_path(out, n, arena))
        return false;
    for (size_t i = 0; i < out->n; i++) {
        const double *point = points[spread(i, out->n, n)];

        out->points[i][0] = point[0] * sx;
        out->points[i][1] = point[1] * sy;
    }
    return true;
}

static bool place_region(const fm_truth_region *truth, int width, int height, fm_arena *arena,
                         fm_shape_path *out)
{
    double sx = truth->normalised ? width : 1, sy = truth->normalised ? height : 1;
    const double *b = truth->box;
    const double corners[4][2] = {{b[0], b[1]}, {b[2], b[1]}, {b[2], b[3]}, {b[0], b[3]}};

    if (truth->polygon)
        return copy_path((const double(*)[2])truth->polygon, truth->n_polygon, sx, sy, arena, out);
    return !truth->has_box || copy_path(corners, 4, sx, sy, arena, out);
}

static fm_status place_mask(const fm_raster *mask, int width, int height, fm_arena *arena,
                            fm_shapes *out, fm_err *err)
{
    double sx = (double)width / mask->width, sy = (double)height / mask->height;
    fm_status st =
        fm_outlines_of(mask, OUTLINE_TOLERANCE, arena, out->outlines, &out->n_outlines, err);

    for (size_t k = 0; st == FM_OK && k < out->n_outlines; k++) {
        for (size_t i = 0; i < out->outlines[k].n; i++) {
            double *p = out->outlines[k].points[i];

            p[0] = (p[0] + 0.5) * sx - 0.5;
            p[1] = (p[1] + 0.5) * sy - 0.5;
        }
    }
    return st;
}

/* ---- the destination box ---- */

/* Bits of a corner's index are its side on x, y, z (fm_box_corners); a face fixes one of them. */
static const int box_faces[6][4] = {{0, 2, 6, 4}, {1, 3, 7, 5}, {0, 1, 5, 4},
                                    {2, 3, 7, 6}, {0, 1, 3, 2}, {4, 5, 7, 6}};

static bool faces_camera(const fm_box *box, int face)
{
    int axis = face / 2;
    double sign = face % 2 ? 1 : -1, towards = 0;

    for (int k = 0; k < 3; k++) {
        double normal = sign * box->rotation[k][axis];

        towards += normal * (box->center[k] + normal * box->extent[axis] / 2);
    }
    return towards < 0;
}

/* Cut the edge where it passes the camera plane, then project it. */
static bool project_edge(const fm_camera *camera, const double a[3], const double b[3],
                         fm_shape_edge *out)
{
    double ends[2][3] = {{a[0], a[1], a[2]}, {b[0], b[1], b[2]}};

    for (int i = 0; i < 2; i++) {
        double *end = ends[i], *other = ends[1 - i];

        if (!(end[2] >= NEAR_M)) {
            if (!(other[2] > NEAR_M))
                return false;
            double t = (NEAR_M - end[2]) / (other[2] - end[2]);
            for (int k = 0; k < 3; k++)
                end[k] += t * (other[k] - end[k]);
            end[2] = NEAR_M;
        }
        fm_camera_project(camera, end, i ? out->b : out->a);
    }
    return true;
}

static void project_box(const fm_box *box, const fm_camera *camera, fm_shapes *out)
{
    double corners[8][3];
    bool whole = true;

    fm_box_corners(box, corners);
    for (int i = 0; i < 8; i++)
        whole &= corners[i][2] > NEAR_M;

    for (int f = 0; whole && f < 6; f++) {
        if (!faces_camera(box, f))
            continue;
        for (int i = 0; i < 4; i++)
            fm_camera_project(camera, corners[box_faces[f][i]], out->faces[out->n_faces][i]);
        out->n_faces++;
    }
    for (int a = 0; a < 8; a++) {
        for (int axis = 0; axis < 3; axis++) {
            int b = a | 1 << axis, u = (axis + 1) % 3, v = (axis + 2) % 3;
            fm_shape_edge *edge = &out->edges[out->n_edges];

            if (a == b)
                continue;
            edge->front =
                faces_camera(box, 2 * u + (a >> u & 1)) || faces_camera(box, 2 * v + (a >> v & 1));
            out->n_edges += project_edge(camera, corners[a], corners[b], edge);
        }
    }
}

/* ---- a sample ---- */

fm_status fm_shapes_make(const fm_sample *s, int width, int height, const fm_raster *mask,
                         fm_arena *arena, fm_shapes *out, fm_err *err)
{
    bool space = s->kind == FM_ANSWER_TRACE2D || s->kind == FM_ANSWER_TRACE3D, kept = true;

    *out = (fm_shapes){0};
    if (space && s->has_camera) {
        kept = project_trace(&s->truth.trace, &s->camera, arena, &out->trace);
        if (s->truth.trace.has_box)
            project_box(&s->truth.trace.box, &s->camera, out);
    } else if (s->kind == FM_ANSWER_PATH2D) {
        kept = copy_path((const double(*)[2])s->truth.path.points, s->truth.path.n, 1, 1, arena,
                         &out->trace);
    } else if (s->kind == FM_ANSWER_POINTS) {
        kept = place_region(&s->truth.region, width, height, arena, &out->region);
    }
    if (!kept)
        return fm_fail(err, FM_E_NOMEM, "out of memory for the shapes of '%s'", s->id);
    return mask ? place_mask(mask, width, height, arena, out, err) : FM_OK;
}

size_t fm_shapes_answer(const cJSON *line, fm_arena *arena, double (**points)[3])
{
    const cJSON *list = fm_json_get(fm_json_get(line, "answer"), "points"), *point;
    size_t all = (size_t)cJSON_GetArraySize(list), i = 0, n = 0;
    size_t shown = all < FM_SHAPES_MOST_POINTS ? all : FM_SHAPES_MOST_POINTS;

    *points = shown ? fm_arena_alloc(arena, shown, sizeof(**points)) : NULL;
    if (!*points)
        return 0;
    cJSON_ArrayForEach(point, list)
    {
        const cJSON *value = cJSON_IsArray(point) ? point->child : NULL;

        if (n == shown || i++ != spread(n, shown, all))
            continue;
        for (int k = 0; k < 3; k++) {
            (*points)[n][k] = cJSON_IsNumber(value) ? value->valuedouble : NAN;
            value = value ? value->next : NULL;
        }
        n++;
    }
    return n;
}
