/**
 * The layers that the network is made of: each goes forwards as the engine's does, and notes how its
 * gradient goes back. Names of what they compute are those of src/engine.
 *
 * All of them give fresh rows, but where said; a parameter of no rows counts as absent. Gradients are
 * added to those of the inputs and to the pass's. Where the pass has failed they give no rows.
 */
#ifndef TR_LAYERS_H
#define TR_LAYERS_H

#include <stdint.h>

#include "train/pass.h"

/* ---- rows (rows.c) ---- */

/* What is given and not learnt: a copy of data[n][width] without a gradient. */
tr_rows tr_input(tr_pass *pass, const float *data, size_t n, size_t width);
/* Rows [first, end) of x, or fewer where it has fewer: the same memory. */
tr_rows tr_part(tr_rows x, size_t first, size_t end);
/* x as rows of another width: the same memory. */
tr_rows tr_rows_of_width(tr_rows x, size_t width);
/* table[ids[i]]; ids are below its rows. */
tr_rows tr_embed(tr_pass *pass, tr_param table, const int32_t *ids, size_t n);
/* out[i] = sources[from[i].source][from[i].row], or zeros where the source is TR_NOTHING. All of one
 * width. from lives until the pass is reset. */
#define TR_NOTHING (-1)
typedef struct {
    int source;
    size_t row;
} tr_place;
#define TR_MAX_SOURCES 4
tr_rows tr_gather(tr_pass *pass, const tr_rows *sources, size_t n_sources, const tr_place *from,
                  size_t n, size_t width);
/* x with the rows of y behind it. */
tr_rows tr_append(tr_pass *pass, tr_rows x, tr_rows y);
/* Neighbourhoods of 3 x 3 with zeros around, of n / (rows columns) grids: [n][width * 9], the
 * neighbour running fastest, as a convolution's weights have it. */
tr_rows tr_neighbours(tr_pass *pass, tr_rows x, size_t rows, size_t columns);

/* ---- sums (sums.c) ---- */

/* x W^T + b. */
tr_rows tr_linear(tr_pass *pass, tr_rows x, tr_param weight, tr_param bias);
/* x + y. x's gradient is the sum's own from here on: nothing else may take x after this. */
tr_rows tr_add(tr_pass *pass, tr_rows x, tr_rows y);
/* x[i] + table[i % rows of the table], in place of x, gradients too. */
tr_rows tr_add_table(tr_pass *pass, tr_rows x, tr_param table);
/* x[i] + the sum over j < parts of weights[i][j] table[at[i][j]], likewise; at and weights live until the
 * pass is reset. */
tr_rows tr_add_mixed(tr_pass *pass, tr_rows x, tr_param table, const int32_t *at,
                     const float *weights, size_t parts);
/* x times scale, by columns: LayerScale. */
tr_rows tr_scale(tr_pass *pass, tr_rows x, tr_param scale);

/* ---- norms and curves (curves.c) ---- */

tr_rows tr_layer_norm(tr_pass *pass, tr_rows x, tr_param weight, tr_param bias, double eps);
tr_rows tr_rms_norm(tr_pass *pass, tr_rows x, tr_param weight, double eps);
tr_rows tr_gelu(tr_pass *pass, tr_rows x, bool by_tanh);
tr_rows tr_relu(tr_pass *pass, tr_rows x);
/* silu(gate) up */
tr_rows tr_silu_gate(tr_pass *pass, tr_rows gate, tr_rows up);

/* ---- attention (attention.c) ---- */

/* Rows [first, first + n) see rows [before, before + n_before), rows [between, between + n_between) and
 * themselves; causal: of themselves, each sees what is not behind it. Spans live until the pass is
 * reset. */
typedef struct {
    size_t first, n, before, n_before, between, n_between;
    bool causal;
} tr_span;
/* q [n][heads * size], k and v [n][kv_heads * size]. Every row is in one span; what no span has gives
 * zeros. Source: arXiv 1706.03762; grouped heads, arXiv 2305.13245. */
tr_rows tr_attention(tr_pass *pass, tr_rows q, tr_rows k, tr_rows v, const tr_span *spans,
                     size_t n_spans, size_t heads, size_t kv_heads);

/* The same where every row sees every row. */
tr_rows tr_attention_all(tr_pass *pass, tr_rows q, tr_rows k, tr_rows v, size_t heads);

/* Cosines and sines for tr_rotate: [n][size], the cosines of all pairs first. */
const float *tr_angles(tr_pass *pass, const size_t *positions, size_t n, size_t size, double theta);
/* Turn every head of x in place, pairs (i, i + size / 2). Source: RoPE, arXiv 2104.09864. */
tr_rows tr_rotate(tr_pass *pass, tr_rows x, const float *angles, size_t size);

/* ---- losses (losses.c): each gives its sum over rows times weight, and starts the gradient ---- */

/* -log softmax(logits)[targets]; rows whose target is below 0 do not count. */
double tr_cross_entropy(tr_pass *pass, tr_rows logits, const int32_t *targets, double weight);
/* What a token is worth that was drawn and not given (GRPO, arXiv 2402.03300). Log-probabilities are
 * those of the policy, which is the softmax at the temperature that is drawn at. */
typedef struct {
    float advantage, weight;
    float old;       /* when it was drawn; NaN: what it is now */
    float reference; /* of the model that the policy is kept near; NaN: of none */
} tr_drawn;

/* How the divergence from the reference is estimated from one token, d = reference - now: the gradients
 * of these are those of KL(reference || policy) and of KL(policy || reference). */
typedef enum {
    TR_KL_K3, /* exp(d) - d - 1: GRPO's */
    TR_KL_K2, /* d^2 / 2 */
} tr_kl;

typedef struct {
    double temperature;         /* over 0 */
    double clip_low, clip_high; /* a ratio to `old` counts from 1 - low to 1 + high */
    double beta;                /* of the divergence */
    tr_kl kl;
} tr_objective;

typedef struct {
    double kl;        /* its sum, not weighed */
    size_t n_clipped; /* tokens whose ratio ended their gradient */
} tr_policy_counts;

/* weight times each token's own weight times
 * beta KL - min(ratio advantage, ratio within its bounds advantage), ratio = exp(now - old). */
double tr_policy_loss(tr_pass *pass, tr_rows logits, const int32_t *targets, const tr_drawn *drawn,
                      const tr_objective *objective, double weight, tr_policy_counts *counts);
/* log softmax(logits / temperature)[targets] into out[n]; no loss. */
void tr_log_probabilities(tr_rows logits, const int32_t *targets, double temperature, float *out);
/* Squares of x - targets, where known[row] (NULL: everywhere). */
double tr_squares(tr_pass *pass, tr_rows x, const float *targets, const bool *known, double weight);

#endif
