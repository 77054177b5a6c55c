/* Owns a pass's memory and its list of notes. */
#include "train/pass.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 << 20, ALIGNMENT = 64 };

typedef struct tr_block {
    struct tr_block *next;
    size_t used, size;
    uint8_t *bytes;
} tr_block;

/* What one slope has after another. */
typedef struct tr_room {
    struct tr_room *next;
    float *floats;
    size_t n;
} tr_room;

struct tr_slope {
    tr_slope *before;
    size_t n;
    float *floats; /* NULL: nothing was added yet */
    tr_room *room; /* NULL: none, or the spare one */
};

typedef struct tr_note {
    struct tr_note *before;
    tr_slope *slopes, *end; /* of the layer's own rows: from the latest to before `end` */
    tr_back back;
    _Alignas(16) uint8_t what[];
} tr_note;

void tr_pass_init(tr_pass *pass, const tr_store *store, size_t cap_bytes)
{
    *pass = (tr_pass){.store = store,
                      .arithmetic = store->arithmetic,
                      .kernels = rt_kernels_choose(store->arithmetic->name),
                      .cap_bytes = cap_bytes};
}

static void free_blocks(tr_pass *pass)
{
    for (tr_block *block = pass->blocks, *next; block; block = next) {
        next = block->next;
        free(block->bytes);
        free(block);
    }
    pass->blocks = pass->block = NULL;
    pass->held_bytes = 0;
}

void tr_pass_release(tr_pass *pass)
{
    free_blocks(pass);
    free(pass->scratch);
    free(pass->panels);
    pass->scratch = pass->panels = NULL;
}

static tr_block *add_block(tr_pass *pass, size_t need)
{
    size_t size = need > BLOCK_BYTES ? need : BLOCK_BYTES;
    tr_block *block = pass->cap_bytes - pass->held_bytes >= size ? calloc(1, sizeof(*block)) : NULL;

    if (block)
        block->bytes = aligned_alloc(ALIGNMENT, size);
    if (!block || !block->bytes) {
        free(block);
        pass->failed = true;
        return NULL;
    }
    block->size = size;
    pass->held_bytes += size;
    if (pass->block)
        pass->block->next = block;
    else
        pass->blocks = block;
    return pass->block = block;
}

/* One block in place of several, with an eighth to spare: passes of ever other sizes would leave ever more of
 * several unused. Where there is no memory for it, none is held. */
static void join_blocks(tr_pass *pass)
{
    size_t size = pass->used_bytes + pass->used_bytes / 8;

    free_blocks(pass);
    add_block(pass, size < pass->cap_bytes ? size / ALIGNMENT * ALIGNMENT : pass->cap_bytes);
}

void tr_pass_reset(tr_pass *pass)
{
    if (pass->blocks && pass->blocks->next)
        join_blocks(pass);
    pass->block = pass->blocks;
    if (pass->block)
        pass->block->used = 0;
    pass->last = NULL;
    pass->slopes = pass->noted = NULL;
    pass->rooms = NULL;
    pass->most_floats = 0;
    pass->spare = NULL;
    pass->packed = (tr_rows){0};
    pass->failed = false;
    pass->used_bytes = 0;
}

void *tr_pass_take(tr_pass *pass, size_t bytes)
{
    size_t need = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    tr_block *block = pass->block;

    if (pass->failed)
        return NULL;
    if (!block || block->size - block->used < need) {
        block = add_block(pass, need);
        if (!block)
            return NULL;
    }
    block->used += need;
    pass->used_bytes += need;
    return block->bytes + block->used - need;
}

float *tr_pass_floats(tr_pass *pass, size_t n)
{
    return tr_pass_take(pass, n * sizeof(float));
}

/* At least n floats, whatever was in them. */
static float *enlarge(tr_pass *pass, float **floats, size_t *held, size_t n)
{
    if (n > *held) {
        free(*floats);
        *floats = aligned_alloc(ALIGNMENT, (n * sizeof(float) / ALIGNMENT + 1) * ALIGNMENT);
        *held = *floats ? n : 0;
        pass->failed = pass->failed || !*floats;
    }
    return *floats;
}

float *tr_pass_scratch(tr_pass *pass, size_t n)
{
    return enlarge(pass, &pass->scratch, &pass->n_scratch, n);
}

/* What several linears read is packed for one of them, since they go back one after another. */
const float *tr_pass_panels(tr_pass *pass, tr_rows rows)
{
    const tr_rows *last = &pass->packed;

    if (last->x == rows.x && last->n == rows.n && last->width == rows.width)
        return pass->panels;
    float *panels =
        enlarge(pass, &pass->panels, &pass->n_panels, tr_packed_floats(rows.n, rows.width));
    if (panels)
        pass->arithmetic->pack(panels, (tr_factor){rows.x, rows.width, 1}, rows.n, rows.width);
    pass->packed = panels ? rows : (tr_rows){0};
    return panels;
}

/* ---- gradients by rows ---- */

static tr_slope *add_slope(tr_pass *pass, size_t n)
{
    tr_slope *slope = tr_pass_take(pass, sizeof(*slope));

    if (!slope)
        return NULL;
    *slope = (tr_slope){.before = pass->slopes, .n = n};
    pass->slopes = slope;
    if (n > pass->most_floats)
        pass->most_floats = n;
    return slope;
}

tr_rows tr_pass_rows(tr_pass *pass, size_t n, size_t width)
{
    tr_rows rows = tr_pass_constants(pass, n, width);

    if (pass->gradient)
        rows.slope = add_slope(pass, n * width);
    return pass->failed ? (tr_rows){.width = width} : rows;
}

tr_rows tr_pass_constants(tr_pass *pass, size_t n, size_t width)
{
    tr_rows rows = {.n = n, .width = width, .x = tr_pass_floats(pass, n * width)};

    return pass->failed ? (tr_rows){.width = width} : rows;
}

/* The one that was given back last of those that fit and are not much too large, or a new one. */
static tr_room *find_room(tr_pass *pass, size_t n)
{
    for (tr_room **at = &pass->rooms; *at; at = &(*at)->next) {
        tr_room *room = *at;

        if (room->n >= n && room->n / 2 <= n) {
            *at = room->next;
            return room;
        }
    }
    tr_room *room = tr_pass_take(pass, sizeof(*room));
    float *floats = tr_pass_floats(pass, n);
    if (!floats)
        return NULL;
    *room = (tr_room){.floats = floats, .n = n};
    return room;
}

float *tr_pass_slope(tr_pass *pass, tr_rows rows)
{
    tr_slope *slope = rows.slope;

    if (!slope)
        return NULL;
    if (!slope->floats) {
        slope->room = find_room(pass, slope->n);
        slope->floats = slope->room ? slope->room->floats : pass->spare;
        if (!slope->floats)
            return NULL;
        memset(slope->floats, 0, slope->n * sizeof(float));
    }
    return slope->floats + rows.within;
}

static void give_back(tr_pass *pass, tr_slope *slope)
{
    if (slope->room) {
        slope->room->next = pass->rooms;
        pass->rooms = slope->room;
    }
}

void *tr_pass_note(tr_pass *pass, tr_back back, size_t size)
{
    tr_note *note = pass->gradient ? tr_pass_take(pass, sizeof(*note) + size) : NULL;

    if (!note)
        return NULL;
    *note =
        (tr_note){.before = pass->last, .slopes = pass->slopes, .end = pass->noted, .back = back};
    pass->noted = pass->slopes;
    pass->last = note;
    return note->what;
}

/* Whether anything comes back to the layer's rows. One that has none of its own works on others'. */
static bool is_wanted(const tr_note *note)
{
    for (tr_slope *slope = note->slopes; slope != note->end; slope = slope->before)
        if (slope->floats)
            return true;
    return note->slopes == note->end;
}

void tr_pass_back(tr_pass *pass)
{
    /* Where memory runs out on the way, layers go on and add to this. */
    pass->spare = tr_pass_floats(pass, pass->most_floats);
    for (tr_note *note = pass->last; note && pass->spare; note = note->before) {
        if (is_wanted(note))
            note->back(pass, note->what);
        for (tr_slope *slope = note->slopes; slope != note->end; slope = slope->before)
            give_back(pass, slope);
    }
}

const float *tr_pass_values(const tr_pass *pass, tr_param param)
{
    return pass->store->values + param.first;
}

float *tr_pass_gradient(const tr_pass *pass, tr_param param)
{
    return pass->gradient + param.first;
}
