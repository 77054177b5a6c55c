/* Owns the hash set behind sparse grids: open addressing, linear probing, at most half full. */
#include "geometry/cells.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"

#define FIRST_SLOTS ((size_t)1024)

bool fm_grow(void **array, size_t *capacity, size_t need, size_t size)
{
    size_t count = *capacity ? *capacity : 64, bytes;

    if (need <= *capacity)
        return true;
    while (count < need) {
        if (!fm_size_mul(count, 2, &count))
            return false;
    }
    if (!fm_size_mul(count, size, &bytes))
        return false;
    void *grown = realloc(*array, bytes);

    if (!grown)
        return false;
    *array = grown;
    *capacity = count;
    return true;
}

static void insert(uint32_t *slots, size_t n_slots, fm_cell cell, uint32_t number)
{
    size_t i = fm_cell_hash(cell);

    while (slots[i & (n_slots - 1)] != 0)
        i++;
    slots[i & (n_slots - 1)] = number + 1;
}

static bool rehash(fm_cells *set)
{
    size_t n_slots = set->n_slots ? set->n_slots * 2 : FIRST_SLOTS;
    uint32_t *slots = calloc(n_slots, sizeof(*slots));

    if (!slots)
        return false;
    for (size_t i = 0; i < set->n; i++)
        insert(slots, n_slots, set->cells[i], (uint32_t)i);
    free(set->slots);
    set->slots = slots;
    set->n_slots = n_slots;
    return true;
}

size_t fm_cells_add(fm_cells *set, fm_cell cell)
{
    size_t number = fm_cells_find(set, cell);

    if (number != FM_CELL_NONE)
        return number;
    if (set->n >= UINT32_MAX / 2 || (2 * (set->n + 1) > set->n_slots && !rehash(set)) ||
        !fm_grow((void **)&set->cells, &set->capacity, set->n + 1, sizeof(fm_cell)))
        return FM_CELL_NONE;
    set->cells[set->n] = cell;
    insert(set->slots, set->n_slots, cell, (uint32_t)set->n);
    return set->n++;
}

void fm_cells_clear(fm_cells *set)
{
    if (set->n)
        memset(set->slots, 0, set->n_slots * sizeof(*set->slots));
    set->n = 0;
}

void fm_cells_release(fm_cells *set)
{
    free(set->cells);
    free(set->slots);
    *set = (fm_cells){0};
}
