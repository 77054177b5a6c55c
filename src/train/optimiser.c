/* Owns how far a step goes. */
#include "train/optimiser.h"

#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "train/orthogonal.h"

static bool has_part(const tr_store *store, const char *part, size_t n_slots)
{
    for (size_t i = 0; i < n_slots; i++)
        if (strcmp(store->slots[i].part, part) == 0)
            return true;
    return false;
}

fm_status tr_optimiser_check(const tr_optimiser *optimiser, const tr_store *store, fm_err *err)
{
    fm_status st = FM_OK;
    fm_buf parts = {0};

    for (size_t i = 0; i < store->n_slots; i++)
        if (!has_part(store, store->slots[i].part, i))
            fm_buf_printf(&parts, "%s%s", parts.size > 0 ? ", " : "", store->slots[i].part);
    for (size_t i = 0; i < optimiser->n_frozen && st == FM_OK; i++)
        if (!has_part(store, optimiser->frozen[i], store->n_slots))
            st = fm_fail(err, FM_E_INPUT,
                         "'optimiser.frozen' has '%s', which is no part of the network: %s",
                         optimiser->frozen[i], fm_buf_text(&parts));
    fm_buf_release(&parts);
    return st;
}

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

/* A matrix that leads from states to states: not a table, nor what reads pixels or is asked at the end. */
static bool is_orthogonal(const tr_optimiser *o, const tr_slot *slot)
{
    return o->rule == TR_MUON && slot->rank == 2 && slot->at.rows > 1 && slot->at.columns > 1 &&
           (strstr(slot->name, "layers.") || strstr(slot->name, "blocks."));
}

typedef struct {
    const tr_optimiser *optimiser;
    tr_store *store;
    const float *gradient;
    tr_adam how;
    float *rooms;
    size_t room; /* of a thread, in `rooms` */
} stepping;

static void step_by_adam(const stepping *s, const tr_slot *slot)
{
    const tr_store *store = s->store;
    tr_adam how = s->how;

    if (slot->at.rows < 2)
        how.decay = 0;
    store->arithmetic->adam(store->values + slot->at.first, store->first + slot->at.first,
                            store->second + slot->at.first, s->gradient + slot->at.first,
                            slot->at.rows * slot->at.columns, &how);
}

static void step_by_muon(const stepping *s, const tr_slot *slot, float *room)
{
    const tr_param *at = &slot->at;
    const float *gradient = s->gradient + at->first;
    float *value = s->store->values + at->first, *momentum = s->store->first + at->first;
    float share = (float)s->optimiser->momentum, keep = 1 - s->how.decay;
    size_t n = at->rows * at->columns, longer = at->rows > at->columns ? at->rows : at->columns;
    float rate = s->how.rate * 0.2F * sqrtf((float)longer);

    for (size_t i = 0; i < n; i++) {
        momentum[i] = share * momentum[i] + (1 - share) * gradient[i];
        room[i] = share * momentum[i] + (1 - share) * gradient[i];
    }
    tr_orthogonalise(s->store->arithmetic, room, at->rows, at->columns, room + n);
    for (size_t i = 0; i < n; i++)
        value[i] = keep * value[i] - rate * room[i];
}

static void step_slots(void *context, size_t begin, size_t end, int thread)
{
    const stepping *s = context;

    for (size_t i = begin; i < end; i++) {
        const tr_slot *slot = &s->store->slots[i];

        if (is_frozen(s->optimiser, slot))
            continue;
        if (is_orthogonal(s->optimiser, slot))
            step_by_muon(s, slot, s->rooms + (size_t)thread * s->room);
        else
            step_by_adam(s, slot);
    }
}

size_t tr_optimiser_room(const tr_optimiser *optimiser, const tr_store *store)
{
    size_t most = 0;

    for (size_t i = 0; i < store->n_slots; i++) {
        const tr_param *at = &store->slots[i].at;
        size_t room = at->rows * at->columns + tr_orthogonal_room(at->rows, at->columns);

        if (is_orthogonal(optimiser, &store->slots[i]) && room > most)
            most = room;
    }
    return most;
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
                         uint64_t step, float *rooms, rt_pool *pool)
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
        rooms,
        tr_optimiser_room(o, store),
    };

    if (!isfinite(norm))
        return NAN;
    rt_pool_run(pool, store->n_slots, 1, step_slots, &s);
    tr_store_pack(store, pool);
    return norm;
}
