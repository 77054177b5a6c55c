/**
 * Bump allocator: many small objects with one lifetime.
 *
 * One thread at a time. Memory comes from malloc in blocks; `fm_arena_reset` keeps the newest
 * block for the next round. A cap bounds what hostile input can make it take; past it, allocation
 * returns NULL.
 */
#ifndef FM_BASE_ARENA_H
#define FM_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct fm_arena_block fm_arena_block;

typedef struct fm_arena {
    fm_arena_block *head;
    size_t used_bytes; /* handed out since the last reset */
    size_t cap_bytes;  /* 0: FM_ARENA_DEFAULT_CAP */
    bool failed;       /* something was refused: for callers that look once, at the end */
} fm_arena;

#define FM_ARENA_DEFAULT_CAP ((size_t)1 << 30)

/* Zeroed memory aligned for any type, or NULL. count * size is checked for overflow. */
void *fm_arena_alloc(fm_arena *arena, size_t count, size_t size);

/* Terminated copies; NULL when out of memory. `text` may be NULL for fm_arena_strdup, giving NULL.
 */
char *fm_arena_strdup(fm_arena *arena, const char *text);
char *fm_arena_memdup(fm_arena *arena, const void *bytes, size_t size);

/* Give back what was handed out since the mark, which stays usable; marks taken later do not. */
typedef struct {
    fm_arena_block *head;
    size_t head_bytes, used_bytes;
} fm_arena_place;
fm_arena_place fm_arena_mark(const fm_arena *arena);
void fm_arena_rewind(fm_arena *arena, fm_arena_place place);

void fm_arena_reset(fm_arena *arena);
void fm_arena_release(fm_arena *arena);

#endif
