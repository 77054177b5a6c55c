/**
 * The whole network over one picture with its questions: the picture's tokens are made once, and
 * every question sees them and itself, as the engine's memory with branches does it.
 *
 * Beside the model's own parameters there are those of the auxiliary heads, part "auxiliary": asked
 * of every patch of a tower, what it shows and where that lies, while training alone. They are no
 * part of the model that is saved.
 */
#ifndef TR_NETWORK_H
#define TR_NETWORK_H

#include "train/parts.h"

typedef struct {
    int kinds; /* and colours, that a patch can show; 0: no auxiliary heads */
} tr_auxiliary;

typedef struct {
    rt_config config;
    tr_auxiliary auxiliary;
    tr_store store;
    tr_tower vision;
    tr_projector projector, spatial_projector;
    tr_spatial spatial;
    tr_decoder decoder;
    tr_scale_decoder scale;
    struct {
        tr_affine kind, colour, place, digit;
    } heads[2]; /* on the vision tower, on the spatial encoder */
    fm_arena arena;
} tr_network;

/* Parameters as rt_layout_walk() lists and starts them, but for embeddings, which start small, tables of
 * positions, which are waves, what geometry is read by (tr_spatial_start_depth() and biases by chance), and
 * the matrices that lead back into the stream of a block, which start at
 * zero: every block is the identity at first. isa NULL: the best.
 * The strings of the configuration are borrowed. */
FM_MUST_CHECK fm_status tr_network_new(tr_network **out, const rt_config *config,
                                       const tr_auxiliary *auxiliary, const char *isa,
                                       uint64_t seed, fm_err *err);
void tr_network_free(tr_network *network); /* accepts NULL */

/* In place of an id: here stand the tokens of the picture's tile, or of its view. */
#define TR_TILE (-1)
#define TR_VIEW (-2)

typedef struct {
    const int32_t *ids;
    size_t n, answer; /* ids [answer, n) are learnt; answer > 0 */
    size_t scale;     /* the index of the <SCALE> token; 0: there is none */
    /* [n - answer]: which of these are not learnt after all, and how many; NULL: none of them. Not of
     * answers that were drawn. */
    const bool *passed_over;
    size_t n_passed_over;
} tr_question;

/* The digits of a place that are asked: hundreds and tens of x and y, as answers have them, in thousandths
 * of the picture; units, tenths and hundredths of the depth in metres. */
enum { TR_DIGITS = 7 };

/* What an auxiliary head is asked of each of the n patches of its tower; n 0: nothing. */
typedef struct {
    size_t n;
    const int32_t *kinds, *colours; /* 0: of nothing; -1: not asked of this one */
    const float *places;            /* [n][3] */
    const bool *placed;             /* [n]: whether a place is asked */
    const int32_t *digits;          /* [n][TR_DIGITS]; -1: not asked. NULL: of none */
} tr_labels;

/* What each of the n tokens that are made of a picture is to be, where it shows a thing, in its first
 * tr_coded() entries: a code for its kind, its colour and its place. The rest is free, for all else that a
 * picture tells. n 0: nothing is asked. */
typedef struct {
    size_t n;
    const float *rows; /* [n][tr_coded(width)] */
    const bool *known; /* [n] */
} tr_codes;
static inline size_t tr_coded(size_t width)
{
    return width / 4 * 3;
}

typedef struct {
    const float *tile;     /* tr_cut_patches() of what rt_picture_tiles() gives; NULL: none */
    tr_view view;          /* patches NULL: none */
    const int32_t *before; /* ids and TR_TILE, TR_VIEW */
    size_t n_before;
    const tr_question *questions;
    size_t n_questions;
    float log_scale;     /* where a question has a <SCALE> token */
    tr_labels labels[2]; /* of the tile's patches, of the view's */
    tr_codes codes[2];   /* of the tile's tokens, of the view's */
    bool told; /* the language model is given these codes in place of what the picture gave */

    /* So many questions in a row differ in their answers alone; what stands before these is read once.
     * 0 is 1. */
    size_t group;
    /* Where answers were drawn by the network itself: of all their tokens, one answer after another.
     * NULL: answers are learnt as they are. */
    const tr_drawn *drawn;
    const tr_objective *objective;
} tr_example;

/* How much one token (where it was drawn, one group), one scale, one patch's kind, place and
 * digit, and one code of a picture's token count. */
typedef struct {
    double token, scale, kind, place, digit, code;
} tr_weights;

/* Sums over a picture: losses already weighed, and how many there were. */
typedef struct {
    double token, scale, kind, place, digit, code;
    double kl; /* not weighed */
    size_t n_tokens, n_right, n_clipped, n_scales, n_kinds, n_places, n_digits, n_codes;
    size_t n_shown, n_kinds_right, n_colours_right, n_digits_right; /* patches that show a thing */
} tr_losses;
void tr_losses_add(tr_losses *to, const tr_losses *more);

/* Forwards, and back where the pass has a gradient, which is added to. pass: reset before; its
 * `failed` afterwards says that memory ran out. */
void tr_network_run(const tr_network *network, tr_pass *pass, const tr_example *example,
                    const tr_weights *weights, tr_losses *out);
/* Of what every question's last `last` rows give, one question after another; forwards alone. */
tr_rows tr_network_logits(const tr_network *network, tr_pass *pass, const tr_example *example,
                          size_t last);

/* What stands in front of every question as the language model takes it; forwards alone. */
tr_rows tr_network_prefix(const tr_network *network, tr_pass *pass, const tr_example *example);
/* log softmax(logits / temperature) of every answer's tokens, one answer after another, into out;
 * forwards alone. */
void tr_network_log_probabilities(const tr_network *network, tr_pass *pass,
                                  const tr_example *example, double temperature, float *out);

#endif
