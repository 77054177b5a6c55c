/* Owns what training makes small: sums in double, and where the gradient begins. */
#include <math.h>

#include "train/layers.h"

double tr_cross_entropy(tr_pass *pass, tr_rows logits, const int32_t *targets, double weight)
{
    double loss = 0;

    for (size_t i = 0; i < logits.n; i++) {
        const float *row = logits.x + i * logits.width;
        double largest = (double)row[0], sum = 0;

        if (targets[i] < 0)
            continue;
        for (size_t j = 1; j < logits.width; j++)
            largest = (double)row[j] > largest ? (double)row[j] : largest;
        for (size_t j = 0; j < logits.width; j++)
            sum += (double)expf(row[j] - (float)largest);
        loss += weight * (largest + log(sum) - (double)row[targets[i]]);
        for (size_t j = 0; pass->gradient && j < logits.width; j++) {
            double share = (double)expf(row[j] - (float)largest) / sum;

            logits.dx[i * logits.width + j] +=
                (float)(weight * (share - (j == (size_t)targets[i])));
        }
    }
    return loss;
}

double tr_squares(tr_pass *pass, tr_rows x, const float *targets, const bool *known, double weight)
{
    double loss = 0;

    for (size_t i = 0; i < x.n * x.width; i++) {
        double off = (double)x.x[i] - (double)targets[i];

        if (known && !known[i / x.width])
            continue;
        loss += weight * off * off;
        if (pass->gradient)
            x.dx[i] += (float)(2 * weight * off);
    }
    return loss;
}
