/**
 * All that is learnt, in one flat array of f32, with AdamW's two moments beside it; and each matrix
 * once more as the products read it, packed anew after every step.
 *
 * Slots are listed by whoever knows the network (rt_layout_walk for a model of the engine's); they
 * are found by part and name. Read by any number of threads while nobody steps.
 */
#ifndef TR_STORE_H
#define TR_STORE_H

#include "base/arena.h"
#include "base/rng.h"
#include "engine/layout.h"
#include "engine/pool.h"
#include "train/arithmetic.h"

/* A tensor of a store, or some rows of one: a matrix [rows][columns], a vector being [1][n]. A
 * tensor of more dimensions is a matrix of its first and all the others. rows 0: there is none. */
typedef struct {
    size_t first;  /* in values, moments and gradients */
    size_t packed; /* in panels */
    size_t rows, columns;
} tr_param;

typedef struct {
    const char *part, *name; /* the store's */
    int rank;
    size_t shape[RT_MAX_RANK];
    tr_param at;
} tr_slot;

typedef struct {
    const tr_arithmetic *arithmetic;
    tr_slot *slots;
    rt_slot *starts; /* how each begins; until tr_store_make() */
    size_t n_slots, n_values;
    float *values, *first, *second; /* [n_values]; the moments zero at the beginning */
    float *panels;                  /* of every slot of two dimensions and more, transposed */
    size_t n_panels, capacity;
    uint64_t packed; /* how often: who made something else of the values sees that it is old */
    fm_arena names;
} tr_store;

/* Slots are put first, then everything is made and set at once: normal values of the slot's
 * deviation drawn by `rng` in the order of slots, zeros, ones or constants. Zero-initialise a store
 * before; release accepts that. */
FM_MUST_CHECK fm_status tr_store_put(tr_store *store, const rt_slot *slot, fm_err *err);
FM_MUST_CHECK fm_status tr_store_make(tr_store *store, const tr_arithmetic *arithmetic, fm_rng *rng,
                                      fm_err *err);
void tr_store_release(tr_store *store);

/* NULL where there is none. */
const tr_slot *tr_store_find(const tr_store *store, const char *part, const char *name);
/* The tensor of exactly [rows][columns], the name by printf; FM_E_INPUT names what is wanted. */
FM_MUST_CHECK fm_status tr_store_need(const tr_store *store, tr_param *out, size_t rows,
                                      size_t columns, fm_err *err, const char *part,
                                      const char *fmt, ...) FM_PRINTF(7, 8);
/* Rows of a parameter; first a multiple of TR_PANEL where it is a matrix to multiply by. */
tr_param tr_param_rows(tr_param param, size_t first, size_t n);

/* Bring the panels up to the values. */
void tr_store_pack(tr_store *store, rt_pool *pool);

#endif
