/**
 * One way forwards through the network, and back. A layer (layers.h) takes rows, gives rows, and
 * notes down how its gradient goes back; tr_pass_back() follows the notes from the last to the first.
 *
 * A pass belongs to one thread, and reads a store that nobody changes meanwhile. Its gradient is its
 * own, so that passes over different pictures go side by side, and their gradients are added in the
 * order of the pictures, whatever the number of threads.
 *
 * Memory: blocks that are kept from one pass to the next. Where there is no more, `failed` is set and
 * every layer gives no rows at all: callers look once, at the end. Gradients by rows have room from
 * their first consumer's way back to the end of the layer's own that gave the rows; then others have
 * it: a few that stay in the cache do for all.
 */
#ifndef TR_PASS_H
#define TR_PASS_H

#include "engine/kernels.h"
#include "train/store.h"

typedef struct tr_pass tr_pass;
typedef struct tr_slope tr_slope;

/* [n][width], and the loss's gradient by them, which consumers add to on the way back: theirs are the
 * slope's floats from `within` on; slope NULL: not wanted. The pass's memory; a plain structure, so that
 * [n][heads * size] is looked at as [n * heads][size] by writing so (tr_rows_of_width()). */
typedef struct {
    size_t n, width;
    float *x;
    tr_slope *slope;
    size_t within;
} tr_rows;

typedef void (*tr_back)(tr_pass *pass, const void *note);

struct tr_pass {
    const tr_store *store;
    const rt_kernels *kernels;
    const tr_arithmetic *arithmetic;
    float *gradient; /* [store->n_values], added to; NULL: forwards only, nothing is noted */
    bool failed;
    size_t used_bytes; /* since the last reset */

    /* inside */
    struct tr_block *blocks, *block;
    struct tr_note *last;
    tr_slope *slopes, *noted; /* the latest; the latest that belongs to a note */
    struct tr_room *rooms;    /* that no slope has at present */
    size_t most_floats;       /* of a slope */
    float *spare;             /* so many, for what has no room */
    size_t cap_bytes, held_bytes;
    float *scratch, *panels;
    size_t n_scratch, n_panels;
    tr_rows packed; /* what the panels are of */
};

/* cap_bytes: what it may hold at most. */
void tr_pass_init(tr_pass *pass, const tr_store *store, size_t cap_bytes);
void tr_pass_release(tr_pass *pass);
/* Begin anew: all rows and notes are gone. */
void tr_pass_reset(tr_pass *pass);
void tr_pass_back(tr_pass *pass);

/* For layers. Rows whose gradient is wanted where the pass has one; the values are not set. They belong
 * to the note that is made next, which is not followed where nothing was added to their gradient. */
tr_rows tr_pass_rows(tr_pass *pass, size_t n, size_t width);
/* The same, but that no gradient is wanted. */
tr_rows tr_pass_constants(tr_pass *pass, size_t n, size_t width);
/* Their gradient [n][width], zero at first; on the way back, and where it begins. NULL: not wanted, or, where
 * it begins, no memory. */
float *tr_pass_slope(tr_pass *pass, tr_rows rows);
/* Bytes aligned for any type, and n floats, not set; NULL only where failed. */
void *tr_pass_take(tr_pass *pass, size_t bytes);
float *tr_pass_floats(tr_pass *pass, size_t n);
/* The same for as long as the layer itself works: the next call may give the same memory. */
float *tr_pass_scratch(tr_pass *pass, size_t n);
/* Rows as a product's right factor, on the way back; until other rows are asked for. NULL: no memory. */
const float *tr_pass_panels(tr_pass *pass, tr_rows rows);
/* A note of so many bytes to be filled in; NULL where nothing is to be noted. */
void *tr_pass_note(tr_pass *pass, tr_back back, size_t size);

/* Values and gradient of a parameter. */
const float *tr_pass_values(const tr_pass *pass, tr_param param);
float *tr_pass_gradient(const tr_pass *pass, tr_param param);

#endif
