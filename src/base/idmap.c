/* Owns an open-addressing table of hashes, at most half full. */
#include "base/idmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/size.h"

static uint64_t key_of(const char *id)
{
    uint64_t h = fm_hash_quick(id, strlen(id));

    /* FNV-1a leaves the low bits of similar ids alike: mix before they choose the slot. */
    h ^= h >> 32;
    h *= UINT64_C(0xd6e8feb86659fd93);
    h ^= h >> 32;
    return h ? h : 1;
}

static fm_id_map_slot *slot_of(const fm_id_map *map, uint64_t key)
{
    size_t at = key & (map->capacity - 1);

    while (map->slots[at].key && map->slots[at].key != key)
        at = (at + 1) & (map->capacity - 1);
    return &map->slots[at];
}

static bool grow(fm_id_map *map)
{
    fm_id_map larger = {.n = map->n};

    if (!fm_size_mul(map->capacity ? map->capacity : 128, 2, &larger.capacity))
        return false;
    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].key)
            *slot_of(&larger, map->slots[i].key) = map->slots[i];
    free(map->slots);
    *map = larger;
    return true;
}

bool fm_id_map_put(fm_id_map *map, const char *id, uint64_t value, bool *fresh, uint64_t *before)
{
    uint64_t key = key_of(id);

    if (map->n * 2 >= map->capacity && !grow(map))
        return false;
    fm_id_map_slot *slot = slot_of(map, key);
    *fresh = slot->key == 0;
    if (*fresh)
        map->n++;
    else if (before)
        *before = slot->value;
    *slot = (fm_id_map_slot){.key = key, .value = value};
    return true;
}

bool fm_id_map_find(const fm_id_map *map, const char *id, uint64_t *value)
{
    if (!map->capacity)
        return false;
    const fm_id_map_slot *slot = slot_of(map, key_of(id));
    if (!slot->key)
        return false;
    *value = slot->value;
    return true;
}

void fm_id_map_release(fm_id_map *map)
{
    free(map->slots);
    *map = (fm_id_map){0};
}
