/* Owns the blocks behind fm_arena. Leaves lifetimes to the callers. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

struct fm_arena_block {
    fm_arena_block *next;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

#define BLOCK_BYTES ((size_t)16 << 10)

static void *take(fm_arena *arena, size_t count, size_t size)
{
    size_t bytes, cap = arena->cap_bytes ? arena->cap_bytes : FM_ARENA_DEFAULT_CAP;
    fm_arena_block *block = arena->head;

    if (!fm_size_mul(count, size, &bytes) || !fm_size_add(bytes, alignof(max_align_t) - 1, &bytes))
        return NULL;
    bytes &= ~(alignof(max_align_t) - 1);
    if (bytes == 0)
        bytes = alignof(max_align_t);
    if (bytes > cap - (arena->used_bytes < cap ? arena->used_bytes : cap))
        return NULL;
    if (!block || block->size - block->used < bytes) {
        /* Doubling keeps the number of blocks logarithmic when a sample turns out to be large. */
        size_t want = block ? block->size * 2 : BLOCK_BYTES;

        if (want > (size_t)4 << 20)
            want = (size_t)4 << 20;
        if (want < bytes)
            want = bytes;
        size_t with_header;
        block = fm_size_add(want, sizeof(*block), &with_header) ? malloc(with_header) : NULL;
        if (!block)
            return NULL;
        block->next = arena->head;
        block->size = want;
        block->used = 0;
        arena->head = block;
    }
    void *out = block->bytes + block->used;
    block->used += bytes;
    arena->used_bytes += bytes;
    return memset(out, 0, bytes);
}

void *fm_arena_alloc(fm_arena *arena, size_t count, size_t size)
{
    void *out = take(arena, count, size);

    arena->failed |= !out;
    return out;
}

char *fm_arena_memdup(fm_arena *arena, const void *bytes, size_t size)
{
    char *out = size == SIZE_MAX ? NULL : fm_arena_alloc(arena, size + 1, 1);

    if (out && size)
        memcpy(out, bytes, size);
    return out;
}

char *fm_arena_strdup(fm_arena *arena, const char *text)
{
    return text ? fm_arena_memdup(arena, text, strlen(text)) : NULL;
}

fm_arena_place fm_arena_mark(const fm_arena *arena)
{
    return (fm_arena_place){.head = arena->head,
                            .head_bytes = arena->head ? arena->head->used : 0,
                            .used_bytes = arena->used_bytes};
}

void fm_arena_rewind(fm_arena *arena, fm_arena_place place)
{
    fm_arena_block *keep = arena->head;

    if (!keep)
        return;
    if (keep == place.head) {
        keep->used = place.head_bytes;
    } else {
        /* The newest block stays for the next round, on top of what the mark keeps. */
        for (fm_arena_block *b = keep->next, *next; b != place.head; b = next) {
            next = b->next;
            free(b);
        }
        keep->next = place.head;
        keep->used = 0;
    }
    arena->used_bytes = place.used_bytes;
}

void fm_arena_reset(fm_arena *arena)
{
    fm_arena_rewind(arena, (fm_arena_place){0});
}

void fm_arena_release(fm_arena *arena)
{
    if (!arena)
        return;
    for (fm_arena_block *b = arena->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    arena->head = NULL;
    arena->used_bytes = 0;
}
