/* Owns the checkpoint's file: a safetensors file of four vectors. */
#include "train/checkpoint.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "engine/save.h"
#include "engine/weights.h"

/* Whole numbers in sixteen bits a float, in which they are exact: the file knows nothing else. */
enum { STEP, SEED, NAMES, NUMBERS, PARTS = 4 };

enum { VALUES, FIRST, SECOND, COUNTERS, VECTORS };
static const char *const names[] = {"values", "first_moment", "second_moment", "counters"};

/* FNV-1a over the names and sizes of the slots, in order: parameters that are the same in number need
 * not be the same. */
static uint64_t name_all(const tr_store *store)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < store->n_slots; i++) {
        const char *parts[] = {store->slots[i].part, store->slots[i].name};

        for (size_t p = 0; p < FM_COUNT_OF(parts); p++)
            for (const char *c = parts[p]; *c; c++)
                hash = (hash ^ (uint8_t)*c) * UINT64_C(1099511628211);
        hash = (hash ^ store->slots[i].at.rows) * UINT64_C(1099511628211);
        hash = (hash ^ store->slots[i].at.columns) * UINT64_C(1099511628211);
    }
    return hash;
}

static void put_number(float *counters, size_t which, uint64_t number)
{
    for (size_t i = 0; i < PARTS; i++)
        counters[which * PARTS + i] = (float)(number >> (16 * i) & 0xffff);
}

static uint64_t number_at(const float *counters, size_t which)
{
    uint64_t number = 0;

    for (size_t i = 0; i < PARTS; i++)
        number |= (uint64_t)counters[which * PARTS + i] << (16 * i);
    return number;
}

/* Whether put_number() can have written them. */
static bool are_numbers(const float *counters)
{
    for (size_t i = 0; i < NUMBERS * PARTS; i++)
        if (!(counters[i] >= 0 && counters[i] < 65536 && counters[i] == floorf(counters[i])))
            return false;
    return true;
}

typedef struct {
    const float *vectors[VECTORS];
} filling;

static fm_status fill(void *context, size_t index, size_t first, size_t n, float *out, fm_err *err)
{
    const filling *f = context;

    (void)err;
    memcpy(out, f->vectors[index] + first, n * sizeof(*out));
    return FM_OK;
}

fm_status tr_checkpoint_write(const char *path, const tr_store *store, uint64_t step, uint64_t seed,
                              fm_err *err)
{
    float counters[NUMBERS * PARTS] = {0};
    filling f = {{store->values, store->first, store->second, counters}};
    rt_entry entries[VECTORS];

    put_number(counters, STEP, step);
    put_number(counters, SEED, seed);
    put_number(counters, NAMES, name_all(store));
    for (size_t i = 0; i < VECTORS; i++)
        entries[i] = (rt_entry){.name = names[i],
                                .kind = RT_F32,
                                .rank = 1,
                                .shape = {i == COUNTERS ? FM_COUNT_OF(counters) : store->n_values}};
    return rt_safetensors_write(path, entries, VECTORS, NULL, 0, fill, &f, err);
}

/* What is wrong with values is said of the file: weights of that name are in many. */
static fm_status read_vector(const char *path, const rt_tensor *tensor, const char *name,
                             float *out, fm_err *err)
{
    fm_status st = rt_tensor_read(tensor, name, out, err);

    return st == FM_OK ? st : fm_fail_within(err, st, "%s", path);
}

fm_status tr_checkpoint_read(const char *path, tr_store *store, uint64_t *step, uint64_t steps,
                             uint64_t seed, fm_err *err)
{
    float counters[NUMBERS * PARTS] = {0};
    float *const vectors[] = {store->values, store->first, store->second, counters};
    const rt_tensor *tensors[VECTORS];
    rt_weights *file = NULL;
    fm_status st = rt_weights_open(&file, path, err);

    for (size_t i = 0; i < VECTORS && st == FM_OK; i++) {
        size_t n = i == COUNTERS ? FM_COUNT_OF(counters) : store->n_values;

        st = rt_weights_need(file, &n, 1, &tensors[i], err, "%s", names[i]);
    }
    if (st == FM_OK)
        st = read_vector(path, tensors[COUNTERS], names[COUNTERS], counters, err);
    if (st == FM_OK && !are_numbers(counters))
        st =
            fm_fail(err, FM_E_INPUT, "%s: '%s' has what is no whole number", path, names[COUNTERS]);
    if (st == FM_OK && number_at(counters, NAMES) != name_all(store))
        st = fm_fail(err, FM_E_INPUT, "%s: of a network with other parameters", path);
    if (st == FM_OK && number_at(counters, SEED) != seed)
        st = fm_fail(err, FM_E_INPUT, "%s: of a training with seed %llu, not %llu", path,
                     (unsigned long long)number_at(counters, SEED), (unsigned long long)seed);
    if (st == FM_OK && number_at(counters, STEP) > steps)
        st = fm_fail(err, FM_E_INPUT, "%s: of step %llu, but the training has %llu", path,
                     (unsigned long long)number_at(counters, STEP), (unsigned long long)steps);
    for (size_t i = 0; i < COUNTERS && st == FM_OK; i++)
        st = read_vector(path, tensors[i], names[i], vectors[i], err);
    if (st == FM_OK)
        *step = number_at(counters, STEP);
    rt_weights_close(file);
    return st;
}
