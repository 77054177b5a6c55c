/**
 * Sparse integer grids: a hash set of cells (x, y, z) that numbers them in the order of arrival.
 *
 * Callers keep what belongs to a cell in arrays of their own, indexed by that number. Memory stays
 * with the set between uses. Internal to geometry; one thread each.
 */
#ifndef FM_GEOMETRY_CELLS_H
#define FM_GEOMETRY_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int32_t x, y, z;
} fm_cell;

typedef struct {
    fm_cell *cells; /* [n], by number */
    size_t n, capacity;
    uint32_t *slots; /* number + 1, 0 where free; at least twice as many as cells */
    size_t n_slots;  /* a power of two, or 0 */
} fm_cells;

#define FM_CELL_NONE SIZE_MAX

static inline size_t fm_cell_hash(fm_cell c)
{
    uint64_t h = (uint64_t)(uint32_t)c.x * 0x9E3779B97F4A7C15u;

    h = (h ^ (uint32_t)c.y) * 0xC2B2AE3D27D4EB4Fu;
    h = (h ^ (uint32_t)c.z) * 0x165667B19E3779F9u;
    return (size_t)(h >> 32);
}

/* The number of a cell, or FM_CELL_NONE. */
static inline size_t fm_cells_find(const fm_cells *set, fm_cell cell)
{
    if (set->n_slots == 0)
        return FM_CELL_NONE;
    for (size_t i = fm_cell_hash(cell);; i++) {
        uint32_t slot = set->slots[i & (set->n_slots - 1)];

        if (slot == 0)
            return FM_CELL_NONE;
        const fm_cell *c = &set->cells[slot - 1];

        if (c->x == cell.x && c->y == cell.y && c->z == cell.z)
            return slot - 1;
    }
}

/* The number of a cell, which is set->n - 1 after the call where it is new; FM_CELL_NONE: out of
 * memory. */
size_t fm_cells_add(fm_cells *set, fm_cell cell);

void fm_cells_clear(fm_cells *set);   /* keeps the memory */
void fm_cells_release(fm_cells *set); /* accepts {0} */

/* Grow `*array` of `size`-byte elements to at least `need` of them; false: out of memory, and
 * nothing changed. */
bool fm_grow(void **array, size_t *capacity, size_t need, size_t size);

#endif
