/* Owns what is measured between two 2D traces; the distances themselves are geometry's. */
#include "fathom/path.h"

#include <math.h>

#include "base/arena.h"

typedef struct {
    const double *points;
    size_t n;
} trace;

void fm_path_scale(double (*path)[2], size_t n, double width, double height, double side)
{
    for (size_t i = 0; i < n; i++) {
        path[i][0] = path[i][0] / width * side;
        path[i][1] = path[i][1] / height * side;
    }
}

static bool all_finite(trace t)
{
    for (size_t i = 0; i < 2 * t.n; i++)
        if (!isfinite(t.points[i]))
            return false;
    return t.n > 0;
}

/* `t` with n points; false without memory. */
static bool resample(trace *t, size_t n, fm_path_resampling resampling, fm_arena *arena)
{
    double *made = fm_arena_alloc(arena, n, 2 * sizeof(*made));

    if (!made)
        return false;
    if (resampling == FM_PATH_BY_ARC)
        fm_polyline_resample(t->points, t->n, 2, made, n);
    else
        fm_polyline_resample_by_index(t->points, t->n, 2, made, n);
    *t = (trace){made, n};
    return true;
}

fm_status fm_path_measure(const double *predicted, size_t n, const double *truth, size_t m,
                          fm_path_resampling resampling, fm_arena *arena, fm_path_score *out,
                          fm_err *err)
{
    trace p = {predicted, n}, q = {truth, m};
    size_t samples = resampling == FM_PATH_BY_ARC ? FM_PATH_SAMPLES : n > m ? n : m;

    *out = (fm_path_score){NAN, NAN, NAN, NAN};
    if (!all_finite(p) || !all_finite(q) || (resampling == FM_PATH_BY_INDEX && (n < 2 || m < 2)))
        return FM_OK;
    if (resampling != FM_PATH_AS_GIVEN &&
        !(resample(&p, samples, resampling, arena) && resample(&q, samples, resampling, arena)))
        return fm_fail(err, FM_E_NOMEM, "out of memory for traces of %zu points", samples);
    out->dfd = fm_polyline_frechet(p.points, p.n, q.points, q.n, 2);
    if (p.n <= FM_PATH_MAX_POINTS && q.n <= FM_PATH_MAX_POINTS)
        out->hd = fm_polyline_hausdorff(p.points, p.n, q.points, q.n, 2);
    if (p.n == q.n) {
        out->rmse = fm_polyline_rmse(p.points, q.points, p.n, 2);
        out->mae = fm_polyline_mae(p.points, q.points, p.n, 2);
    }
    return FM_OK;
}
