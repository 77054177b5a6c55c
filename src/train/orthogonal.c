/* Owns Muon's iteration. */
#include "train/orthogonal.h"

#include <math.h>

enum { STEPS = 5 };

/* x <- a x + b (x x') x + c (x x')^2 x: steep at zero, and near one for all that follows. */
static const float a = 3.4445F, b = -4.7750F, c = 2.0315F;

/* Room for one step: x x' or x' x, whichever is smaller, its polynomial, and a factor's panels. */
typedef struct {
    float *square, *polynomial, *panels;
} workplace;

static size_t smaller_of(size_t rows, size_t columns)
{
    return rows < columns ? rows : columns;
}

static size_t panels_of(size_t rows, size_t columns)
{
    size_t lying = tr_packed_floats(rows, columns), standing = tr_packed_floats(columns, rows);

    return lying > standing ? lying : standing;
}

size_t tr_orthogonal_room(size_t rows, size_t columns)
{
    size_t n = smaller_of(rows, columns);

    return 2 * n * n + rows * columns + panels_of(rows, columns);
}

static void scale(float *x, size_t n, float factor)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= factor;
}

/* polynomial[n][n] = b square + c square^2 */
static void make_polynomial(const tr_arithmetic *t, const workplace *w, size_t n)
{
    t->pack(w->panels, (tr_factor){w->square, n, 1}, n, n);
    t->product(w->polynomial, n, (tr_factor){w->square, n, 1}, w->panels, n, n, n, false);
    for (size_t i = 0; i < n * n; i++)
        w->polynomial[i] = b * w->square[i] + c * w->polynomial[i];
}

/* to = a x + what the polynomial makes of x, from the side where it is small. */
static void step(const tr_arithmetic *t, const workplace *w, float *to, const float *x, size_t rows,
                 size_t columns)
{
    size_t n = smaller_of(rows, columns);
    const tr_factor lying = {x, columns, 1}, standing = {x, 1, columns};
    const tr_factor polynomial = {w->polynomial, n, 1};

    for (size_t i = 0; i < rows * columns; i++)
        to[i] = a * x[i];
    if (rows <= columns) {
        t->pack(w->panels, standing, columns, rows);
        t->product(w->square, n, lying, w->panels, rows, rows, columns, false);
        make_polynomial(t, w, n);
        t->pack(w->panels, lying, rows, columns);
        t->product(to, columns, polynomial, w->panels, rows, columns, rows, true);
    } else {
        t->pack(w->panels, lying, rows, columns);
        t->product(w->square, n, standing, w->panels, columns, columns, rows, false);
        make_polynomial(t, w, n);
        t->pack(w->panels, polynomial, columns, columns);
        t->product(to, columns, lying, w->panels, rows, columns, columns, true);
    }
}

void tr_orthogonalise(const tr_arithmetic *arithmetic, float *x, size_t rows, size_t columns,
                      float *room)
{
    size_t n = smaller_of(rows, columns), size = rows * columns;
    float *other = room + 2 * n * n;
    const workplace w = {room, room + n * n, other + size};
    double norm = sqrt(arithmetic->sum_of_squares(x, size));

    if (!(norm > 0))
        return;
    scale(x, size, (float)(1 / norm));
    for (int i = 0; i < STEPS; i++) {
        step(arithmetic, &w, other, x, rows, columns);
        for (size_t j = 0; j < size; j++)
            x[j] = other[j];
    }
}
