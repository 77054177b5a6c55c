/* The nearest matrix whose singular values are all one, roughly: what Muon (Jordan et al. 2024,
 * kellerjordan.github.io/posts/muon) makes of a matrix of momenta. */
#ifndef TR_ORTHOGONAL_H
#define TR_ORTHOGONAL_H

#include "train/arithmetic.h"

/* Floats of working room that it takes. */
size_t tr_orthogonal_room(size_t rows, size_t columns);

/* x[rows][columns] in place. Five steps of an iteration (odd polynomials of degree five) that takes
 * singular values from about 1e-3 of the norm upwards to between 0.65 and 1.25; zeros stay zeros. */
void tr_orthogonalise(const tr_arithmetic *arithmetic, float *x, size_t rows, size_t columns,
                      float *room);

#endif
