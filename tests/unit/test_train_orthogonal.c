/* Muon's iteration against its polynomial on singular values that are known. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "train/orthogonal.h"

enum { MOST = 64 };

/* Column k of the reflection I - 2 v v' / v'v, which is orthogonal. */
typedef struct {
    double v[MOST], square;
} reflection;

static reflection draw(fm_rng *rng, size_t n)
{
    reflection r = {.square = 0};

    for (size_t i = 0; i < n; i++) {
        r.v[i] = fm_rng_unit(rng) - 0.5;
        r.square += r.v[i] * r.v[i];
    }
    return r;
}

static double entry(const reflection *r, size_t i, size_t k)
{
    return (i == k) - 2 * r->v[i] * r->v[k] / r->square;
}

static double value(const reflection *left, const reflection *right, const double *singular,
                    size_t n, size_t i, size_t j)
{
    double sum = 0;

    for (size_t k = 0; k < n; k++)
        sum += entry(left, i, k) * singular[k] * entry(right, j, k);
    return sum;
}

/* What five steps make of a singular value, by the polynomial alone. */
static double taken(double s)
{
    for (int i = 0; i < 5; i++)
        s = 3.4445 * s - 4.7750 * pow(s, 3) + 2.0315 * pow(s, 5);
    return s;
}

static void check(size_t rows, size_t columns)
{
    size_t n = rows < columns ? rows : columns;
    double singular[MOST], norm = 0;
    float *x = calloc(rows * columns, sizeof(*x));
    float *room = calloc(tr_orthogonal_room(rows, columns), sizeof(*room));
    fm_rng rng;

    fm_rng_seed(&rng, rows * 100 + columns);
    reflection left = draw(&rng, rows), right = draw(&rng, columns);
    for (size_t k = 0; k < n; k++) {
        singular[k] = pow(10, -2 * fm_rng_unit(&rng));
        norm += singular[k] * singular[k];
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            x[i * columns + j] = (float)value(&left, &right, singular, n, i, j);
    tr_orthogonalise(tr_arithmetic_choose(NULL), x, rows, columns, room);
    for (size_t k = 0; k < n; k++) {
        singular[k] = taken(singular[k] / sqrt(norm));
        cr_expect(ge(dbl, singular[k], 0.6));
        cr_expect(le(dbl, singular[k], 1.25));
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            cr_expect(epsilon_eq(dbl, (double)x[i * columns + j],
                                 value(&left, &right, singular, n, i, j), 2e-4));
    free(room);
    free(x);
}

Test(train_orthogonal, takes_singular_values_near_one_and_leaves_their_vectors)
{
    static const size_t shapes[][2] = {{7, 7}, {5, 19}, {33, 12}, {16, 48}, {2, 3}};

    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        check(shapes[i][0], shapes[i][1]);
}

Test(train_orthogonal, leaves_zeros)
{
    float x[6] = {0}, room[64];

    cr_assert(le(sz, tr_orthogonal_room(2, 3), 64));
    tr_orthogonalise(tr_arithmetic_choose(NULL), x, 2, 3, room);
    for (int i = 0; i < 6; i++)
        cr_expect(eq(flt, x[i], 0));
}
