/* Owns the memory of what is learnt. What it means is the network's, how it changes the optimiser's. */
#include "train/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

static tr_param matrix_of(const rt_slot *slot)
{
    tr_param at = {.rows = slot->rank > 1 ? slot->shape[0] : 1, .columns = 1};

    for (int i = slot->rank > 1 ? 1 : 0; i < slot->rank; i++)
        at.columns *= slot->shape[i];
    return at;
}

static bool is_matrix(const tr_slot *slot)
{
    return slot->rank > 1;
}

static fm_status grow(tr_store *store, fm_err *err)
{
    size_t capacity = store->capacity ? 2 * store->capacity : 64;
    tr_slot *slots = realloc(store->slots, capacity * sizeof(*slots));
    rt_slot *starts = realloc(store->starts, capacity * sizeof(*starts));

    if (slots)
        store->slots = slots;
    if (starts)
        store->starts = starts;
    if (!slots || !starts)
        return fm_fail(err, FM_E_NOMEM, "no memory for the list of parameters");
    store->capacity = capacity;
    return FM_OK;
}

fm_status tr_store_put(tr_store *store, const rt_slot *slot, fm_err *err)
{
    tr_slot made = {.rank = slot->rank, .at = matrix_of(slot)};
    fm_status st = FM_OK;

    if (store->n_slots == store->capacity)
        st = grow(store, err);
    if (st != FM_OK)
        return st;
    made.part = fm_arena_strdup(&store->names, slot->part);
    made.name = fm_arena_strdup(&store->names, slot->name);
    if (!made.part || !made.name)
        return fm_fail(err, FM_E_NOMEM, "no memory for the list of parameters");
    memcpy(made.shape, slot->shape, sizeof(made.shape));
    made.at.first = store->n_values;
    made.at.packed = store->n_panels;
    store->n_values += made.at.rows * made.at.columns;
    if (is_matrix(&made))
        store->n_panels += tr_packed_floats(made.at.columns, made.at.rows);
    store->starts[store->n_slots] = *slot;
    store->slots[store->n_slots++] = made;
    return FM_OK;
}

static void start(float *values, size_t n, const rt_slot *slot, fm_rng *rng)
{
    for (size_t i = 0; i < n; i++) {
        switch (slot->start) {
        case RT_START_NORMAL:
            values[i] = slot->value * (float)fm_rng_normal(rng);
            break;
        case RT_START_ZEROS:
            values[i] = 0;
            break;
        case RT_START_ONES:
            values[i] = 1;
            break;
        case RT_START_CONSTANT:
            values[i] = slot->value;
            break;
        }
    }
}

fm_status tr_store_make(tr_store *store, const tr_arithmetic *arithmetic, fm_rng *rng, fm_err *err)
{
    store->arithmetic = arithmetic;
    store->values = calloc(store->n_values + 1, sizeof(float));
    store->first = calloc(store->n_values + 1, sizeof(float));
    store->second = calloc(store->n_values + 1, sizeof(float));
    store->panels = calloc(store->n_panels + 1, sizeof(float));
    if (!store->values || !store->first || !store->second || !store->panels)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu parameters", store->n_values);
    for (size_t i = 0; i < store->n_slots; i++) {
        const tr_param *at = &store->slots[i].at;

        start(store->values + at->first, at->rows * at->columns, &store->starts[i], rng);
    }
    return FM_OK;
}

void tr_store_release(tr_store *store)
{
    free(store->slots);
    free(store->starts);
    free(store->values);
    free(store->first);
    free(store->second);
    free(store->panels);
    fm_arena_release(&store->names);
    *store = (tr_store){0};
}

const tr_slot *tr_store_find(const tr_store *store, const char *part, const char *name)
{
    for (size_t i = 0; i < store->n_slots; i++)
        if (strcmp(store->slots[i].name, name) == 0 && strcmp(store->slots[i].part, part) == 0)
            return &store->slots[i];
    return NULL;
}

fm_status tr_store_need(const tr_store *store, tr_param *out, size_t rows, size_t columns,
                        fm_err *err, const char *part, const char *fmt, ...)
{
    char name[160];
    va_list args;

    va_start(args, fmt);
    vsnprintf(name, sizeof(name), fmt, args);
    va_end(args);

    const tr_slot *slot = tr_store_find(store, part, name);
    if (!slot || slot->at.rows != rows || slot->at.columns != columns)
        return fm_fail(err, FM_E_INPUT, "%s: no '%s' of %zu x %zu among the parameters", part, name,
                       rows, columns);
    *out = slot->at;
    return FM_OK;
}

tr_param tr_param_rows(tr_param param, size_t first, size_t n)
{
    return (tr_param){.first = param.first + first * param.columns,
                      .packed = param.packed + first * param.columns,
                      .rows = n,
                      .columns = param.columns};
}

static void pack_slots(void *context, size_t begin, size_t end, int thread)
{
    tr_store *store = context;

    (void)thread;
    for (size_t i = begin; i < end; i++) {
        const tr_param *at = &store->slots[i].at;

        if (is_matrix(&store->slots[i]))
            store->arithmetic->pack(store->panels + at->packed,
                                    (tr_factor){store->values + at->first, 1, at->columns},
                                    at->columns, at->rows);
    }
}

void tr_store_pack(tr_store *store, rt_pool *pool)
{
    rt_pool_run(pool, store->n_slots, 1, pack_slots, store);
    store->packed++;
}
