/* Owns how far a step goes. */
#include "train/optimiser.h"

#include <math.h>
#include <string.h>

double tr_optimiser_rate(const tr_optimiser *optimiser, uint64_t step)
{
    const double pi = 3.14159265358979324;
    uint64_t warmup = optimiser->warmup, steps = optimiser->steps;

    if (step < warmup)
        return optimiser->rate * (double)(step + 1) / (double)warmup;
    if (step >= steps)
        return optimiser->rate * optimiser->least;

    double along = (double)(step - warmup) / (double)(steps - warmup);
    double share = optimiser->least + (1 - optimiser->least) * 0.5 * (1 + cos(pi * along));
    return optimiser->rate * share;
}

static bool is_frozen(const tr_optimiser *o, const tr_slot *slot)
{
    for (size_t i = 0; i < o->n_frozen; i++)
        if (strcmp(slot->part, o->frozen[i]) == 0)
            return true;
    return false;
}

typedef struct {
    const tr_optimiser *optimiser;
    tr_store *store;
    const float *gradient;
    tr_adam how;
} stepping;

static void step_slots(void *context, size_t begin, size_t end, int thread)
{
    const stepping *s = context;

    (void)thread;
    for (size_t i = begin; i < end; i++) {
        const tr_slot *slot = &s->store->slots[i];
        tr_adam how = s->how;

        if (is_frozen(s->optimiser, slot))
            continue;
        if (slot->at.rows < 2)
            how.decay = 0;
        s->store->arithmetic->adam(s->store->values + slot->at.first,
                                   s->store->first + slot->at.first,
                                   s->store->second + slot->at.first, s->gradient + slot->at.first,
                                   slot->at.rows * slot->at.columns, &how);
    }
}

static double norm_of(const tr_optimiser *o, const tr_store *store, const float *gradient)
{
    double sum = 0;

    for (size_t i = 0; i < store->n_slots; i++) {
        const tr_param *at = &store->slots[i].at;

        if (!is_frozen(o, &store->slots[i]))
            sum += store->arithmetic->sum_of_squares(gradient + at->first, at->rows * at->columns);
    }
    return sqrt(sum);
}

double tr_optimiser_step(const tr_optimiser *optimiser, tr_store *store, const float *gradient,
                         uint64_t step, rt_pool *pool)
{
    const tr_optimiser *o = optimiser;
    double rate = tr_optimiser_rate(o, step), norm = norm_of(o, store, gradient);
    bool clipped = o->clip > 0 && norm > o->clip;
    stepping s = {
        o,
        store,
        gradient,
        {.rate = (float)rate,
         .decay = (float)(rate * o->decay),
         .beta1 = (float)o->beta1,
         .beta2 = (float)o->beta2,
         .eps = (float)o->eps,
         .correction1 = (float)(1 - pow(o->beta1, (double)step + 1)),
         .correction2 = (float)(1 - pow(o->beta2, (double)step + 1)),
         .scale = clipped ? (float)(o->clip / norm) : 1},
    };

    if (!isfinite(norm))
        return NAN;
    rt_pool_run(pool, store->n_slots, 1, step_slots, &s);
    tr_store_pack(store, pool);
    return norm;
}
