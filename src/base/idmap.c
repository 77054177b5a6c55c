/* Owns an open-addressing table, at most seven eighths full, and the ids in it. */
#include "base/idmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/size.h"

static uint64_t hash_of(const char *id)
{
    uint64_t h = fm_hash_quick(id, strlen(id));

    /* FNV-1a leaves the low bits of similar ids alike: mix before they choose the slot. */
    h ^= h >> 32;
    h *= UINT64_C(0xd6e8feb86659fd93);
    return h ^ h >> 32;
}

/* The slot that holds the id, or the free one where it belongs. */
static fm_id_map_slot *slot_of(const fm_id_map *map, const char *id, uint64_t hash)
{
    size_t at = hash & (map->capacity - 1);

    while (map->slots[at].id && (map->slots[at].hash != hash || strcmp(map->slots[at].id, id) != 0))
        at = (at + 1) & (map->capacity - 1);
    return &map->slots[at];
}

static bool grow(fm_id_map *map)
{
    fm_id_map larger = *map;

    if (!fm_size_mul(map->capacity ? map->capacity : 128, 2, &larger.capacity))
        return false;
    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].id)
            *slot_of(&larger, map->slots[i].id, map->slots[i].hash) = map->slots[i];
    free(map->slots);
    *map = larger;
    return true;
}

bool fm_id_map_put(fm_id_map *map, const char *id, uint64_t value, bool *fresh, uint64_t *before)
{
    uint64_t hash = hash_of(id);

    if (map->n >= map->capacity / 8 * 7 && !grow(map))
        return false;
    fm_id_map_slot *slot = slot_of(map, id, hash);
    bool found = slot->id != NULL;
    if (found && before)
        *before = slot->value;
    const char *kept = found ? slot->id : fm_arena_strdup(&map->ids, id);
    if (!kept)
        return false;
    *slot = (fm_id_map_slot){.id = kept, .hash = hash, .value = value};
    map->n += !found;
    *fresh = !found;
    return true;
}

bool fm_id_map_find(const fm_id_map *map, const char *id, uint64_t *value)
{
    if (!map->capacity)
        return false;
    const fm_id_map_slot *slot = slot_of(map, id, hash_of(id));
    if (!slot->id)
        return false;
    *value = slot->value;
    return true;
}

void fm_id_map_release(fm_id_map *map)
{
    free(map->slots);
    fm_arena_release(&map->ids);
    *map = (fm_id_map){0};
}
