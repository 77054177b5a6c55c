/**
 * Sample ids to small numbers: line numbers, positions in an array.
 *
 * Only a 64-bit hash of each id is kept, so memory is 16 bytes an id whatever its length. Two of n
 * ids clash with probability n^2 / 2^65: one in 10^9 for 100,000 of them. One thread at a time.
 */
#ifndef FM_BASE_IDMAP_H
#define FM_BASE_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t key; /* 0: free */
    uint64_t value;
} fm_id_map_slot;

typedef struct {
    fm_id_map_slot *slots;
    size_t capacity, n;
} fm_id_map;

/* Set the value of an id. When it was there, *before (may be NULL) receives its old value and
 * *fresh becomes false. False: out of memory. */
bool fm_id_map_put(fm_id_map *map, const char *id, uint64_t value, bool *fresh, uint64_t *before);
bool fm_id_map_find(const fm_id_map *map, const char *id, uint64_t *value);
void fm_id_map_release(fm_id_map *map); /* accepts {0} */

#endif
