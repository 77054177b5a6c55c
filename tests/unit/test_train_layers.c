/* Every layer of the trainer against the same layer written out in double: what it gives to 1e-5,
 * and its gradient, by inputs and parameters alike, against central differences of that to 1e-4 (of
 * the gradient's size where it is over 1). Both tables of arithmetic. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/size.h"
#include "train/layers.h"

enum { MOST_TENSORS = 5, MOST_OUT = 4096 };

/* All tensors are parameters; those that a layer takes as rows are laid out by rows_of(). */
typedef struct {
    const char *name;
    struct {
        size_t rows, columns;
    } tensors[MOST_TENSORS];
    size_t n_out;
    tr_rows (*layer)(tr_pass *pass, const tr_param *p);
    void (*reference)(const double *const *p, double *out);
} layer_case;

static int32_t in_order[64];

static tr_rows rows_of(tr_pass *pass, tr_param p)
{
    for (int32_t i = 0; i < 64; i++)
        in_order[i] = i;
    return tr_embed(pass, p, in_order, p.rows);
}

/* ---- the cases ---- */

static tr_rows linear(tr_pass *pass, const tr_param *p)
{
    return tr_linear(pass, rows_of(pass, p[0]), p[1], p[2]);
}

static void linear_ref(const double *const *p, double *out)
{
    for (size_t i = 0; i < 13; i++)
        for (size_t j = 0; j < 21; j++) {
            out[i * 21 + j] = p[2][j];
            for (size_t k = 0; k < 19; k++)
                out[i * 21 + j] += p[0][i * 19 + k] * p[1][j * 19 + k];
        }
}

static tr_rows sums(tr_pass *pass, const tr_param *p)
{
    tr_rows x = tr_add_table(pass, rows_of(pass, p[0]), p[1]);

    return tr_scale(pass, tr_add(pass, x, rows_of(pass, p[2])), p[3]);
}

static const int32_t mixed_at[] = {0, 2, 1, 1, 2, 0, 2, 1};
static const float mixed_weights[] = {0.5F, -0.25F, 1, 0.75F, 2, 0.125F, 0, 1};

static tr_rows mixed(tr_pass *pass, const tr_param *p)
{
    return tr_add_mixed(pass, rows_of(pass, p[0]), p[1], mixed_at, mixed_weights, 2);
}

static void mixed_ref(const double *const *p, double *out)
{
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 5; j++)
            out[i * 5 + j] =
                p[0][i * 5 + j] +
                (double)mixed_weights[i * 2] * p[1][mixed_at[i * 2] * 5 + (int)j] +
                (double)mixed_weights[i * 2 + 1] * p[1][mixed_at[i * 2 + 1] * 5 + (int)j];
}

static void sums_ref(const double *const *p, double *out)
{
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 5; j++)
            out[i * 5 + j] = (p[0][i * 5 + j] + p[1][i % 3 * 5 + j] + p[2][i * 5 + j]) * p[3][j];
}

static tr_rows layer_norm(tr_pass *pass, const tr_param *p)
{
    return tr_layer_norm(pass, rows_of(pass, p[0]), p[1], p[2], 1e-3);
}

static void layer_norm_ref(const double *const *p, double *out)
{
    for (size_t i = 0; i < 4; i++) {
        double mean = 0, square = 0;

        for (size_t j = 0; j < 13; j++)
            mean += p[0][i * 13 + j] / 13;
        for (size_t j = 0; j < 13; j++)
            square += (p[0][i * 13 + j] - mean) * (p[0][i * 13 + j] - mean) / 13;
        for (size_t j = 0; j < 13; j++)
            out[i * 13 + j] = (p[0][i * 13 + j] - mean) / sqrt(square + 1e-3) * p[1][j] + p[2][j];
    }
}

static tr_rows rms_norm(tr_pass *pass, const tr_param *p)
{
    return tr_rms_norm(pass, rows_of(pass, p[0]), p[1], 1e-3);
}

static void rms_norm_ref(const double *const *p, double *out)
{
    for (size_t i = 0; i < 4; i++) {
        double square = 0;

        for (size_t j = 0; j < 13; j++)
            square += p[0][i * 13 + j] * p[0][i * 13 + j] / 13;
        for (size_t j = 0; j < 13; j++)
            out[i * 13 + j] = p[0][i * 13 + j] / sqrt(square + 1e-3) * p[1][j];
    }
}

static tr_rows gelu_erf(tr_pass *pass, const tr_param *p)
{
    return tr_gelu(pass, rows_of(pass, p[0]), false);
}

static void gelu_erf_ref(const double *const *p, double *out)
{
    for (size_t i = 0; i < 77; i++)
        out[i] = p[0][i] * 0.5 * (1 + erf(p[0][i] / sqrt(2)));
}

static tr_rows gelu_tanh(tr_pass *pass, const tr_param *p)
{
    return tr_gelu(pass, rows_of(pass, p[0]), true);
}

static void gelu_tanh_ref(const double *const *p, double *out)
{
    for (size_t i = 0; i < 77; i++) {
        double x = p[0][i];

        out[i] = 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979324) * (x + 0.044715 * x * x * x)));
    }
}

static tr_rows relu(tr_pass *pass, const tr_param *p)
{
    return tr_relu(pass, rows_of(pass, p[0]));
}

static void relu_ref(const double *const *p, double *out)
{
    for (size_t i = 0; i < 77; i++)
        out[i] = fmax(p[0][i], 0);
}

static tr_rows silu_gate(tr_pass *pass, const tr_param *p)
{
    return tr_silu_gate(pass, rows_of(pass, p[0]), rows_of(pass, p[1]));
}

static void silu_gate_ref(const double *const *p, double *out)
{
    for (size_t i = 0; i < 77; i++)
        out[i] = p[0][i] / (1 + exp(-p[0][i])) * p[1][i];
}

/* Two heads of 4 over one of keys and values: 5 rows of a beginning, of which the others see three; a
 * question of 3 rows, and two answers to it, of 3 rows and of one. */
static const tr_span causal_spans[] = {{0, 5, .causal = true},
                                       {5, 3, .n_before = 3, .causal = true},
                                       {8, 3, 0, 3, 5, 3, true},
                                       {11, 1, 0, 3, 5, 3, true}};

static tr_rows causal(tr_pass *pass, const tr_param *p)
{
    return tr_attention(pass, rows_of(pass, p[0]), rows_of(pass, p[1]), rows_of(pass, p[2]),
                        causal_spans, 4, 2, 1);
}

/* Two pictures of 4 rows whose every row sees the picture's, and one row that sees the second. */
static const tr_span full_spans[] = {
    {.n = 4}, {4, 4, .before = 8, .n_before = 1}, {8, 1, .before = 4, .n_before = 4}};

static tr_rows full(tr_pass *pass, const tr_param *p)
{
    return tr_attention(pass, rows_of(pass, p[0]), rows_of(pass, p[1]), rows_of(pass, p[2]),
                        full_spans, 3, 2, 2);
}

static void attend(double *out, const double *const *p, size_t heads, size_t kv_heads, size_t size,
                   size_t n, bool (*sees)(size_t i, size_t j))
{
    for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < n; i++) {
            size_t kv = h / (heads / kv_heads);
            double shares[16], sum = 0;

            for (size_t j = 0; j < n; j++) {
                double dot = 0;

                for (size_t k = 0; k < size; k++)
                    dot += p[0][(i * heads + h) * size + k] * p[1][(j * kv_heads + kv) * size + k];
                shares[j] = sees(i, j) ? exp(dot / sqrt((double)size)) : 0;
                sum += shares[j];
            }
            for (size_t k = 0; k < size; k++) {
                double *to = &out[(i * heads + h) * size + k];

                *to = 0;
                for (size_t j = 0; j < n; j++)
                    *to += shares[j] / sum * p[2][(j * kv_heads + kv) * size + k];
            }
        }
}

static bool causal_sees(size_t i, size_t j)
{
    return j <= i && (i < 5 || j < 3 || (j >= 5 && j < 8) || (j >= 8 && (j < 11) == (i < 11)));
}

static void causal_ref(const double *const *p, double *out)
{
    attend(out, p, 2, 1, 4, 12, causal_sees);
}

static bool full_sees(size_t i, size_t j)
{
    return (i < 4) == (j < 4);
}

static void full_ref(const double *const *p, double *out)
{
    attend(out, p, 2, 2, 3, 9, full_sees);
}

static const size_t positions[] = {0, 3, 7};

static tr_rows rotate(tr_pass *pass, const tr_param *p)
{
    return tr_rotate(pass, rows_of(pass, p[0]), tr_angles(pass, positions, 3, 6, 100), 6);
}

static void rotate_ref(const double *const *p, double *out)
{
    for (size_t i = 0; i < 3; i++)
        for (size_t h = 0; h < 2; h++)
            for (size_t j = 0; j < 3; j++) {
                const double *x = p[0] + (i * 2 + h) * 6;
                double angle = (double)positions[i] * pow(100, -(double)j / 3);

                out[(i * 2 + h) * 6 + j] = x[j] * cos(angle) - x[3 + j] * sin(angle);
                out[(i * 2 + h) * 6 + 3 + j] = x[3 + j] * cos(angle) + x[j] * sin(angle);
            }
}

static const int32_t ids[] = {2, 0, 2, 3};

static tr_rows embed(tr_pass *pass, const tr_param *p)
{
    return tr_embed(pass, p[0], ids, 4);
}

static void embed_ref(const double *const *p, double *out)
{
    for (size_t i = 0; i < 4 * 3; i++)
        out[i] = p[0][(size_t)ids[i / 3] * 3 + i % 3];
}

static const tr_place places[] = {{1, 1}, {0, 2}, {TR_NOTHING, 0}, {1, 1}};

static tr_rows gather(tr_pass *pass, const tr_param *p)
{
    tr_rows sources[] = {rows_of(pass, p[0]), rows_of(pass, p[1])};

    return tr_gather(pass, sources, 2, places, 4, 3);
}

static void gather_ref(const double *const *p, double *out)
{
    for (size_t i = 0; i < 4 * 3; i++) {
        const tr_place *from = &places[i / 3];

        out[i] = from->source < 0 ? 0 : p[from->source][from->row * 3 + i % 3];
    }
}

/* Two grids of 3 rows and 2 columns. */
static tr_rows neighbours(tr_pass *pass, const tr_param *p)
{
    return tr_neighbours(pass, rows_of(pass, p[0]), 3, 2);
}

static void neighbours_ref(const double *const *p, double *out)
{
    for (int i = 0; i < 12; i++)
        for (int c = 0; c < 2; c++)
            for (int k = 0; k < 9; k++) {
                int y = i / 2 % 3 + k / 3 - 1, x = i % 2 + k % 3 - 1;
                bool inside = y >= 0 && y < 3 && x >= 0 && x < 2;

                out[(i * 2 + c) * 9 + k] = inside ? p[0][((i / 6 * 3 + y) * 2 + x) * 2 + c] : 0;
            }
}

static const layer_case cases[] = {
    {"linear", {{13, 19}, {21, 19}, {1, 21}}, 13 * 21, linear, linear_ref},
    {"mixed", {{4, 5}, {3, 5}}, 20, mixed, mixed_ref},
    {"sums", {{6, 5}, {3, 5}, {6, 5}, {1, 5}}, 30, sums, sums_ref},
    {"layer norm", {{4, 13}, {1, 13}, {1, 13}}, 52, layer_norm, layer_norm_ref},
    {"rms norm", {{4, 13}, {1, 13}}, 52, rms_norm, rms_norm_ref},
    {"gelu by erf", {{7, 11}}, 77, gelu_erf, gelu_erf_ref},
    {"gelu by tanh", {{7, 11}}, 77, gelu_tanh, gelu_tanh_ref},
    {"relu", {{7, 11}}, 77, relu, relu_ref},
    {"silu gate", {{7, 11}, {7, 11}}, 77, silu_gate, silu_gate_ref},
    {"causal attention", {{12, 8}, {12, 4}, {12, 4}}, 96, causal, causal_ref},
    {"full attention", {{9, 6}, {9, 6}, {9, 6}}, 54, full, full_ref},
    {"rotation", {{3, 12}}, 36, rotate, rotate_ref},
    {"embedding", {{4, 3}}, 12, embed, embed_ref},
    {"gathering", {{3, 3}, {2, 3}}, 12, gather, gather_ref},
    {"neighbours", {{12, 2}}, 216, neighbours, neighbours_ref},
};

/* ---- how they are held ---- */

typedef struct {
    tr_store store;
    tr_param params[MOST_TENSORS];
    size_t n_params;
    rt_pool *pool;
    tr_pass pass;
} bench;

static void set_up(bench *b, const layer_case *c, const char *table)
{
    fm_rng rng;

    *b = (bench){0};
    fm_rng_seed(&rng, 7);
    for (size_t i = 0; i < MOST_TENSORS && c->tensors[i].rows > 0; i++, b->n_params++) {
        char name[] = {(char)('a' + i), 0};
        rt_slot slot = {"test",          name, 2, {c->tensors[i].rows, c->tensors[i].columns},
                        RT_START_NORMAL, 1};

        cr_assert(eq(int, tr_store_put(&b->store, &slot, NULL), FM_OK));
    }
    cr_assert(eq(int, tr_store_make(&b->store, tr_arithmetic_choose(table), &rng, NULL), FM_OK));
    for (size_t i = 0; i < b->n_params; i++)
        b->params[i] = b->store.slots[i].at;
    cr_assert(eq(int, rt_pool_new(&b->pool, 1, NULL), FM_OK));
    tr_store_pack(&b->store, b->pool);
    tr_pass_init(&b->pass, &b->store, (size_t)64 << 20);
    b->pass.gradient = calloc(b->store.n_values, sizeof(float));
}

static void tear_down(bench *b)
{
    free(b->pass.gradient);
    tr_pass_release(&b->pass);
    tr_store_release(&b->store);
    rt_pool_free(b->pool);
}

/* The sum of what the reference gives, each times its share. */
static double referred(const layer_case *c, const bench *b, const double *values,
                       const double *shares, double *out)
{
    const double *tensors[MOST_TENSORS] = {0};
    double sum = 0;

    for (size_t i = 0; i < b->n_params; i++)
        tensors[i] = values + b->params[i].first;
    c->reference(tensors, out);
    for (size_t i = 0; i < c->n_out; i++)
        sum += shares[i] * out[i];
    return sum;
}

static void check(const layer_case *c, const char *table)
{
    static double out[MOST_OUT], shares[MOST_OUT];
    fm_rng rng;
    bench b;

    if (!tr_arithmetic_choose(table))
        return;
    set_up(&b, c, table);
    double *values = calloc(b.store.n_values, sizeof(*values));
    for (size_t i = 0; i < b.store.n_values; i++)
        values[i] = (double)b.store.values[i];
    fm_rng_seed(&rng, 8);
    for (size_t i = 0; i < c->n_out; i++)
        shares[i] = fm_rng_normal(&rng);
    referred(c, &b, values, shares, out);

    tr_rows given = c->layer(&b.pass, b.params);
    cr_assert(eq(sz, given.n * given.width, c->n_out));
    for (size_t i = 0; i < c->n_out; i++) {
        cr_expect(epsilon_eq(dbl, (double)given.x[i], out[i], 1e-5 * fmax(1, fabs(out[i]))),
                  "%s, %s: %zu", c->name, table, i);
    }
    float *gradient = tr_pass_slope(&b.pass, given);
    for (size_t i = 0; i < c->n_out; i++)
        gradient[i] = (float)shares[i];
    tr_pass_back(&b.pass);
    for (size_t i = 0; i < b.store.n_values; i++) {
        const double step = 1e-5, at = values[i];

        values[i] = at + step;
        double above = referred(c, &b, values, shares, out);
        values[i] = at - step;
        double slope = (above - referred(c, &b, values, shares, out)) / (2 * step);
        values[i] = at;
        cr_expect(epsilon_eq(dbl, (double)b.pass.gradient[i], slope, 1e-4 * fmax(1, fabs(slope))),
                  "%s, %s: gradient %zu", c->name, table, i);
    }
    cr_expect(eq(int, b.pass.failed, false));
    free(values);
    tear_down(&b);
}

Test(train_layers, go_forwards_and_back_as_in_double)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(&cases[i], "generic");
        check(&cases[i], "avx2");
    }
}

/* ---- products and losses ---- */

enum { M = 53, K = 300, MOST_N = 44 };

/* One product twice, the second time added. */
static void check_product(const tr_arithmetic *t, size_t n, bool a_turned, bool b_turned)
{
    static float a[M * K], b[K * MOST_N], c[M * MOST_N], panels[48 * K];
    fm_rng rng;

    fm_rng_seed(&rng, 3);
    for (size_t i = 0; i < M * K; i++)
        a[i] = (float)fm_rng_normal(&rng);
    for (size_t i = 0; i < K * n; i++)
        b[i] = (float)fm_rng_normal(&rng);
    cr_assert(ge(sz, 48 * K, tr_packed_floats(K, n)));
    t->pack(panels, (tr_factor){b, b_turned ? 1 : n, b_turned ? K : 1}, K, n);
    for (int add = 0; add < 2; add++)
        t->product(c, n, (tr_factor){a, a_turned ? 1 : K, a_turned ? M : 1}, panels, M, n, K, add);
    for (size_t i = 0; i < M * n; i++) {
        double sum = 0;

        for (size_t k = 0; k < K; k++)
            sum += (double)a[a_turned ? i / n + k * M : i / n * K + k] *
                   (double)b[b_turned ? k + i % n * K : k * n + i % n];
        cr_expect(epsilon_eq(dbl, (double)c[i], 2 * sum, 1e-4), "%s %d %d, %zu: %zu", t->name,
                  a_turned, b_turned, n, i);
    }
}

/* Sizes that fill no tile and pass a block of rows and of k, of whose last panel less than half, half and
 * more is filled; factors by rows and by columns. */
Test(train_arithmetic, products_are_those_of_double)
{
    static const char *const tables[] = {"generic", "avx2"};
    static const size_t sizes[] = {37, 40, MOST_N};

    for (size_t turn = 0; turn < 2; turn++) {
        const tr_arithmetic *t = tr_arithmetic_choose(tables[turn]);

        for (size_t i = 0; t && i < 4 * sizeof(sizes) / sizeof(sizes[0]); i++)
            check_product(t, sizes[i / 4], i & 1, i & 2);
    }
}

enum { ENTROPY, SQUARES, POLICY_K3, POLICY_K2, LOSSES };

static double policy_loss_of(tr_pass *pass, tr_rows logits, tr_kl kl)
{
    static const int32_t targets[] = {2, 1, 0};
    /* Within its bounds; above them, where that ends the gradient; far from the reference. */
    static const tr_drawn drawn[] = {
        {0.7F, 0.5F, -1.3F, -1.0F}, {1.5F, 1.5F, -2.5F, NAN}, {-0.9F, 0.8F, -2.0F, -4.0F}};
    const tr_objective objective = {1.3, 0.2, 0.3, 0.6, kl};
    tr_policy_counts counts;
    double loss = tr_policy_loss(pass, logits, targets, drawn, &objective, 0.7, &counts);

    cr_assert(eq(sz, counts.n_clipped, 1));
    return loss;
}

static double loss_of(tr_pass *pass, const float *values, int which, tr_rows *rows)
{
    static const int32_t targets[] = {2, -1, 0};
    static const bool known[] = {true, false, true};
    static const float wanted[12] = {0.5F, 1, -1, 2};

    tr_pass_reset(pass);
    *rows = tr_pass_rows(pass, 3, 4);
    for (size_t i = 0; i < 12; i++)
        rows->x[i] = values[i];
    if (which >= POLICY_K3)
        return policy_loss_of(pass, *rows, which == POLICY_K3 ? TR_KL_K3 : TR_KL_K2);
    return which == ENTROPY ? tr_cross_entropy(pass, *rows, targets, 0.7)
                            : tr_squares(pass, *rows, wanted, known, 0.7);
}

Test(train_layers, losses_start_their_own_gradient)
{
    static const layer_case empty = {.tensors = {{1, 1}}};

    for (int which = 0; which < LOSSES; which++) {
        float values[12], slopes[12];
        tr_rows rows;
        bench b;

        set_up(&b, &empty, "generic");
        for (size_t i = 0; i < 12; i++)
            values[i] = (float)i * 0.3F - 1;
        loss_of(&b.pass, values, which, &rows);
        for (size_t i = 0; i < 12; i++)
            slopes[i] = tr_pass_slope(&b.pass, rows)[i];
        for (size_t i = 0; i < 12; i++) {
            const float step = 0.0078125F, at = values[i];

            values[i] = at + step;
            double above = loss_of(&b.pass, values, which, &rows);
            values[i] = at - step;
            double slope = (above - loss_of(&b.pass, values, which, &rows)) / (2 * (double)step);
            values[i] = at;
            cr_expect(epsilon_eq(dbl, (double)slopes[i], slope, 1e-4), "%d: %zu", which, i);
        }
        tear_down(&b);
    }
}

/* Two tokens of one row worked by hand: p = (0.6, 0.4) at temperature 2. */
Test(train_layers, the_policys_loss_is_grpos)
{
    static const layer_case empty = {.tensors = {{1, 1}}};
    static const int32_t targets[] = {0, 0};
    const float now = logf(0.6F), ratio = 1.5F;
    const tr_drawn drawn[] = {{2, 0.5F, now - logf(ratio), logf(0.3F)},
                              {-2, 0.5F, now - logf(ratio), logf(0.3F)}};
    tr_objective objective = {2, 0.1, 0.2, 0.1, TR_KL_K3};
    tr_policy_counts counts;
    float read[2];
    bench b;

    set_up(&b, &empty, "generic");
    tr_rows logits = tr_pass_rows(&b.pass, 2, 2);
    for (size_t i = 0; i < 2; i++) {
        logits.x[i * 2] = 2 * logf(0.6F) + 1;
        logits.x[i * 2 + 1] = 2 * logf(0.4F) + 1;
    }
    tr_log_probabilities(logits, targets, 2, read);
    cr_expect(epsilon_eq(flt, read[0], now, 1e-6F));
    double kl = 0.5 - log(0.5) - 1; /* of 0.3 / 0.6 */
    double loss = tr_policy_loss(&b.pass, logits, targets, drawn, &objective, 1, &counts);
    /* The ratio is clipped at 1.2 where the advantage is positive, and counts whole where it is not. */
    cr_expect(epsilon_eq(dbl, loss, 0.5 * (0.1 * kl - 1.2 * 2) + 0.5 * (0.1 * kl + 1.5 * 2), 1e-6));
    cr_expect(epsilon_eq(dbl, counts.kl, 2 * kl, 1e-6));
    cr_expect(eq(sz, counts.n_clipped, 1));
    objective.kl = TR_KL_K2;
    (void)tr_policy_loss(&b.pass, logits, targets, drawn, &objective, 1, &counts);
    cr_expect(epsilon_eq(dbl, counts.kl, log(2) * log(2), 1e-6));
    tear_down(&b);
}

Test(train_pass, says_that_it_had_no_more_memory)
{
    static const layer_case empty = {.tensors = {{1, 1}}};
    bench b;

    set_up(&b, &empty, "generic");
    tr_rows large = tr_pass_rows(&b.pass, (size_t)64 << 20, 1);
    cr_expect(eq(sz, large.n, 0));
    cr_expect(eq(int, b.pass.failed, true));
    cr_expect(eq(sz, tr_relu(&b.pass, large).n, 0));
    tr_pass_back(&b.pass);
    tr_pass_reset(&b.pass);
    cr_expect(eq(sz, tr_pass_rows(&b.pass, 4, 4).n, 4));
    tear_down(&b);
}

Test(train_pass, holds_what_it_needs_whatever_it_held_before)
{
    enum { MB = 1 << 20 };

    static const layer_case empty = {.tensors = {{1, 1}}};
    static const size_t takes[][2] = {{20 * MB, 17 * MB}, {18 * MB, 18 * MB}, {30 * MB, 21 * MB}};
    bench b;

    set_up(&b, &empty, "generic"); /* 64 MB */
    for (size_t i = 0; i < FM_COUNT_OF(takes); i++) {
        for (int k = 0; k < 2; k++)
            cr_expect(ne(ptr, tr_pass_take(&b.pass, takes[i][k]), NULL), "pass %zu", i);
        tr_pass_reset(&b.pass);
    }
    tear_down(&b);
}
