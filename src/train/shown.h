/**
 * What the cells of a picture show, as training asks for it: of patches (tr_labels), and of the
 * tokens that are made of them (tr_codes).
 *
 * A cell shows the object that most of its pixels show, if that is an eighth of them: many things
 * fill no cell by half.
 */
#ifndef TR_SHOWN_H
#define TR_SHOWN_H

#include "base/rng.h"
#include "fathom/world.h"
#include "train/network.h"

/* Kinds, and colours, that a patch can be asked for: 0 for nothing, and words' buckets. */
enum { TR_KINDS = 128 };

/* Of rows x columns patches; both the tile and the view show the whole picture, but for what the view's
 * shape cuts off. All of it in the arena. */
FM_MUST_CHECK fm_status tr_shown_labels(const fm_world_scene *scene, size_t rows, size_t columns,
                                        fm_rng *rng, fm_arena *arena, tr_labels *out, fm_err *err);

/* A vector for every kind, colour and digit, of normal entries, the same in every training: what shows
 * a thing is the sum of nine, so that each of its entries deviates by one. */
typedef struct {
    size_t width;         /* of a token */
    const float *vectors; /* [2 TR_KINDS + 10 TR_DIGITS][tr_coded(width)] */
} tr_code_book;

FM_MUST_CHECK fm_status tr_code_book_make(tr_code_book *out, size_t width, fm_arena *arena,
                                          fm_err *err);
/* Of rows x columns tokens. */
FM_MUST_CHECK fm_status tr_shown_codes(const tr_code_book *book, const fm_world_scene *scene,
                                       size_t rows, size_t columns, fm_arena *arena, tr_codes *out,
                                       fm_err *err);

#endif
