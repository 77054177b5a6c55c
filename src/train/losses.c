/* Owns what training makes small: sums in double, and where the gradient begins. */
#include <math.h>

#include "train/layers.h"

/* A row's softmax at a temperature, exp((x - largest) inverse) / sum. */
typedef struct {
    const float *row, *powers; /* exp(...); NULL: not kept */
    float largest, inverse;    /* of the temperature */
    double sum;
} softmax;

/* powers: room for a row of them, or NULL. */
static softmax softmax_of(tr_rows logits, size_t row, double temperature, float *powers)
{
    softmax s = {.row = logits.x + row * logits.width,
                 .powers = powers,
                 .inverse = (float)(1 / temperature)};

    s.largest = s.row[0];
    for (size_t j = 1; j < logits.width; j++)
        s.largest = s.row[j] > s.largest ? s.row[j] : s.largest;
    for (size_t j = 0; j < logits.width; j++) {
        float power = expf((s.row[j] - s.largest) * s.inverse);

        s.sum += (double)power;
        if (powers)
            powers[j] = power;
    }
    return s;
}

static double log_of(const softmax *s, int32_t target)
{
    return ((double)s->row[target] - (double)s->largest) * (double)s->inverse - log(s->sum);
}

/* What the loss gains by log softmax[target], into the row's gradient dx[width]. */
static void start_back(float *dx, size_t width, const softmax *s, int32_t target, double slope)
{
    double by_logit = slope * (double)s->inverse, inverse = 1 / s->sum;

    for (size_t j = 0; j < width; j++) {
        double share = (double)s->powers[j] * inverse;

        dx[j] += (float)(by_logit * ((j == (size_t)target) - share));
    }
}

double tr_cross_entropy(tr_pass *pass, tr_rows logits, const int32_t *targets, double weight)
{
    float *dx = tr_pass_slope(pass, logits), *powers = tr_pass_scratch(pass, logits.width);
    double loss = 0;

    for (size_t i = 0; i < logits.n; i++) {
        if (targets[i] < 0)
            continue;
        softmax s = softmax_of(logits, i, 1, powers);
        loss -= weight * log_of(&s, targets[i]);
        if (dx && powers)
            start_back(dx + i * logits.width, logits.width, &s, targets[i], -weight);
    }
    return loss;
}

void tr_log_probabilities(tr_rows logits, const int32_t *targets, double temperature, float *out)
{
    for (size_t i = 0; i < logits.n; i++) {
        softmax s = softmax_of(logits, i, temperature, NULL);

        out[i] = (float)log_of(&s, targets[i]);
    }
}

/* A value and its derivative by the log-probability. */
typedef struct {
    double value, slope;
} term;

/* min(ratio advantage, ratio within its bounds advantage): flat beyond the bound that the advantage
 * pushes towards. */
static term surrogate(const tr_drawn *token, double now, const tr_objective *o, size_t *n_clipped)
{
    double ratio = isnan(token->old) ? 1 : exp(now - (double)token->old),
           a = (double)token->advantage;
    double bound = a > 0 ? 1 + o->clip_high : 1 - o->clip_low;

    if (a > 0 ? ratio > bound : ratio < bound) {
        ++*n_clipped;
        return (term){bound * a, 0};
    }
    return (term){ratio * a, ratio * a};
}

static term divergence(const tr_drawn *token, double now, tr_kl kind)
{
    double d = (double)token->reference - now;

    if (isnan(token->reference))
        return (term){0, 0};
    return kind == TR_KL_K3 ? (term){exp(d) - d - 1, 1 - exp(d)} : (term){d * d / 2, -d};
}

double tr_policy_loss(tr_pass *pass, tr_rows logits, const int32_t *targets, const tr_drawn *drawn,
                      const tr_objective *objective, double weight, tr_policy_counts *counts)
{
    float *dx = tr_pass_slope(pass, logits), *powers = tr_pass_scratch(pass, logits.width);
    double loss = 0;

    *counts = (tr_policy_counts){0};
    for (size_t i = 0; i < logits.n; i++) {
        softmax s = softmax_of(logits, i, objective->temperature, powers);
        double now = log_of(&s, targets[i]), own = weight * (double)drawn[i].weight;
        term gain = surrogate(&drawn[i], now, objective, &counts->n_clipped);
        term kl = divergence(&drawn[i], now, objective->kl);

        counts->kl += kl.value;
        loss += own * (objective->beta * kl.value - gain.value);
        if (dx && powers)
            start_back(dx + i * logits.width, logits.width, &s, targets[i],
                       own * (objective->beta * kl.slope - gain.slope));
    }
    return loss;
}

double tr_squares(tr_pass *pass, tr_rows x, const float *targets, const bool *known, double weight)
{
    float *dx = tr_pass_slope(pass, x);
    double loss = 0;

    for (size_t i = 0; i < x.n * x.width; i++) {
        double off = (double)x.x[i] - (double)targets[i];

        if (known && !known[i / x.width])
            continue;
        loss += weight * off * off;
        if (dx)
            dx[i] += (float)(2 * weight * off);
    }
    return loss;
}
