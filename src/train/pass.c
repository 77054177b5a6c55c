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

typedef struct tr_note {
    struct tr_note *before;
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

void tr_pass_release(tr_pass *pass)
{
    for (tr_block *block = pass->blocks, *next; block; block = next) {
        next = block->next;
        free(block->bytes);
        free(block);
    }
    free(pass->scratch);
    pass->blocks = pass->block = NULL;
    pass->scratch = NULL;
}

void tr_pass_reset(tr_pass *pass)
{
    for (tr_block *block = pass->blocks; block; block = block->next)
        block->used = 0;
    pass->block = pass->blocks;
    pass->last = NULL;
    pass->failed = false;
    pass->used_bytes = 0;
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
    if (pass->block) { /* behind the one in use, before those that were too small for this */
        block->next = pass->block->next;
        pass->block->next = block;
    } else {
        pass->blocks = block;
    }
    return block;
}

void *tr_pass_take(tr_pass *pass, size_t bytes)
{
    size_t need = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    tr_block *block = pass->block;

    if (pass->failed)
        return NULL;
    if (!block || block->size - block->used < need) {
        if (block && block->next && block->next->size >= need)
            block = block->next;
        else
            block = add_block(pass, need);
        if (!block)
            return NULL;
        pass->block = block;
    }
    block->used += need;
    pass->used_bytes += need;
    return block->bytes + block->used - need;
}

float *tr_pass_floats(tr_pass *pass, size_t n)
{
    return tr_pass_take(pass, n * sizeof(float));
}

float *tr_pass_scratch(tr_pass *pass, size_t n)
{
    if (n > pass->n_scratch) {
        free(pass->scratch);
        pass->scratch = aligned_alloc(ALIGNMENT, (n * sizeof(float) / ALIGNMENT + 1) * ALIGNMENT);
        pass->n_scratch = pass->scratch ? n : 0;
        pass->failed = pass->failed || !pass->scratch;
    }
    return pass->scratch;
}

tr_rows tr_pass_rows(tr_pass *pass, size_t n, size_t width)
{
    tr_rows rows = {.n = n, .width = width, .x = tr_pass_floats(pass, n * width)};

    if (pass->gradient) {
        rows.dx = tr_pass_floats(pass, n * width);
        if (rows.dx)
            memset(rows.dx, 0, n * width * sizeof(float));
    }
    return pass->failed ? (tr_rows){.width = width} : rows;
}

void *tr_pass_note(tr_pass *pass, tr_back back, size_t size)
{
    tr_note *note = pass->gradient ? tr_pass_take(pass, sizeof(*note) + size) : NULL;

    if (!note)
        return NULL;
    note->before = pass->last;
    note->back = back;
    pass->last = note;
    return note->what;
}

void tr_pass_back(tr_pass *pass)
{
    for (tr_note *note = pass->last; note; note = note->before)
        note->back(pass, note->what);
}

const float *tr_pass_values(const tr_pass *pass, tr_param param)
{
    return pass->store->values + param.first;
}

float *tr_pass_gradient(const tr_pass *pass, tr_param param)
{
    return pass->gradient + param.first;
}
