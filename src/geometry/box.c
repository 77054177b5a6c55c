/* Owns oriented boxes and image rectangles. Leaves thresholds ("near enough") to the metrics. */
#include "fathom/box.h"

#include <math.h>

void fm_box_corners(const fm_box *box, double corners[8][3])
{
    for (int i = 0; i < 8; i++) {
        double half[3];

        for (int axis = 0; axis < 3; axis++)
            half[axis] = ((i >> axis) & 1 ? 0.5 : -0.5) * box->extent[axis];
        for (int row = 0; row < 3; row++) {
            const double *r = box->rotation[row];

            corners[i][row] = r[0] * half[0] + r[1] * half[1] + r[2] * half[2] + box->center[row];
        }
    }
}

/* Solve m x = b by Cramer's rule. The true inverse, not the transpose: annotated rotations are only
 * roughly orthonormal, and the upstream scorer inverts them. A singular m gives NaN. */
static void solve3(const double m[3][3], const double b[3], double x[3])
{
    double minor[3] = {
        m[1][1] * m[2][2] - m[1][2] * m[2][1],
        m[1][2] * m[2][0] - m[1][0] * m[2][2],
        m[1][0] * m[2][1] - m[1][1] * m[2][0],
    };
    double det = m[0][0] * minor[0] + m[0][1] * minor[1] + m[0][2] * minor[2];

    if (det == 0) {
        x[0] = x[1] = x[2] = NAN;
        return;
    }
    x[0] = (minor[0] * b[0] + (m[0][2] * m[2][1] - m[0][1] * m[2][2]) * b[1] +
            (m[0][1] * m[1][2] - m[0][2] * m[1][1]) * b[2]) /
           det;
    x[1] = (minor[1] * b[0] + (m[0][0] * m[2][2] - m[0][2] * m[2][0]) * b[1] +
            (m[0][2] * m[1][0] - m[0][0] * m[1][2]) * b[2]) /
           det;
    x[2] = (minor[2] * b[0] + (m[0][1] * m[2][0] - m[0][0] * m[2][1]) * b[1] +
            (m[0][0] * m[1][1] - m[0][1] * m[1][0]) * b[2]) /
           det;
}

double fm_box_distance(const fm_box *box, const double point[3])
{
    double offset[3], local[3], sum = 0;

    for (int i = 0; i < 3; i++)
        offset[i] = point[i] - box->center[i];
    solve3(box->rotation, offset, local);
    for (int i = 0; i < 3; i++) {
        double outside = fabs(local[i]) - box->extent[i] / 2;

        /* Not "outside > 0": NaN has to reach the sum. */
        if (!(outside <= 0))
            sum += outside * outside;
    }
    return sqrt(sum);
}

void fm_box_project(const fm_box *box, const fm_camera *camera, fm_rect *out)
{
    double corners[8][3], uv[2];

    fm_box_corners(box, corners);
    *out = (fm_rect){INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (int i = 0; i < 8; i++) {
        fm_camera_project(camera, corners[i], uv);
        if (isnan(uv[0]) || isnan(uv[1])) {
            *out = (fm_rect){NAN, NAN, NAN, NAN};
            return;
        }
        out->x0 = fmin(out->x0, uv[0]);
        out->y0 = fmin(out->y0, uv[1]);
        out->x1 = fmax(out->x1, uv[0]);
        out->y1 = fmax(out->y1, uv[1]);
    }
}

bool fm_rect_contains(const fm_rect *rect, double x, double y)
{
    return x >= rect->x0 && x <= rect->x1 && y >= rect->y0 && y <= rect->y1;
}
