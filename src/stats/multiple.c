/* Owns the adjustment of p values. */
#include "fathom/multiple.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    double p;
    size_t index;
} ranked;

static int by_p(const void *a, const void *b)
{
    const ranked *x = a, *y = b;

    return x->p != y->p ? (x->p > y->p) - (x->p < y->p)
                        : (x->index > y->index) - (x->index < y->index);
}

/* The p values that are any, the smallest first; the others go to `adjusted` at once. */
static fm_status rank(const double *p, size_t n, double *adjusted, ranked **out, size_t *m,
                      fm_err *err)
{
    ranked *order = calloc(n ? n : 1, sizeof(*order));

    if (!order)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu p values", n);
    for (size_t i = 0; i < n; i++) {
        if (isnan(p[i]))
            adjusted[i] = NAN;
        else
            order[(*m)++] = (ranked){p[i], i};
    }
    qsort(order, *m, sizeof(*order), by_p);
    *out = order;
    return FM_OK;
}

fm_status fm_multiple_holm(const double *p, size_t n, double *adjusted, fm_err *err)
{
    ranked *order = NULL;
    size_t m = 0;
    double most = 0;
    fm_status st = rank(p, n, adjusted, &order, &m, err);

    if (st != FM_OK)
        return st;
    for (size_t i = 0; i < m; i++) {
        most = fmax(most, fmin(1, order[i].p * (double)(m - i)));
        adjusted[order[i].index] = most;
    }
    free(order);
    return FM_OK;
}

fm_status fm_multiple_benjamini_hochberg(const double *p, size_t n, double *adjusted, fm_err *err)
{
    ranked *order = NULL;
    size_t m = 0;
    double least = 1;
    fm_status st = rank(p, n, adjusted, &order, &m, err);

    if (st != FM_OK)
        return st;
    for (size_t i = m; i-- > 0;) {
        least = fmin(least, order[i].p * (double)m / (double)(i + 1));
        adjusted[order[i].index] = least;
    }
    free(order);
    return FM_OK;
}
