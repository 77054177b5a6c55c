/**
 * Sample ids to small numbers: line numbers, positions in an array.
 *
 * The ids are copied, since two of them may be made to have the same hash. One thread at a time;
 * finding alone is thread-safe.
 */
#ifndef FM_BASE_IDMAP_H
#define FM_BASE_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct {
    const char *id; /* NULL: free */
    uint64_t hash, value;
} fm_id_map_slot;

typedef struct {
    fm_id_map_slot *slots;
    size_t capacity, n;
    fm_arena ids;
} fm_id_map;

/* Set the value of an id. When it was there, *before (may be NULL) receives its old value and
 * *fresh becomes false. False: out of memory. */
bool fm_id_map_put(fm_id_map *map, const char *id, uint64_t value, bool *fresh, uint64_t *before);
bool fm_id_map_find(const fm_id_map *map, const char *id, uint64_t *value);
void fm_id_map_release(fm_id_map *map); /* accepts {0} */

#endif
