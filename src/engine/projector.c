/* Owns the projectors: each is a row of a table, a run of norms, linears and GELUs over joined
 * neighbours. */
#include "engine/projector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 8 };

typedef enum { END, NORM, LINEAR, GELU } step_kind; /* GELU by erf */

typedef struct {
    step_kind kind;
    const char *name;                 /* after the prefix */
    enum { TO_OUT, TO_THREE_IN } out; /* what LINEAR gives: config.out, or three times config.in */
} step;

static const struct {
    int side; /* neighbours joined along each side */
    step steps[MOST_STEPS];
} plans[] = {
    [RT_PROJECT_LINEAR] = {1, {{LINEAR, "layers", TO_OUT}}},
    [RT_PROJECT_MLP2X] =
        {1, {{LINEAR, "layers.0", TO_OUT}, {.kind = GELU}, {LINEAR, "layers.2", TO_OUT}}},
    [RT_PROJECT_DOWN_2X2] = {2,
                             {{.kind = NORM, .name = "layers.1"},
                              {LINEAR, "layers.2", TO_OUT},
                              {.kind = GELU},
                              {LINEAR, "layers.4", TO_OUT}}},
    [RT_PROJECT_DOWN_3X3] = {3,
                             {{.kind = NORM, .name = "layers.1"},
                              {LINEAR, "layers.2", TO_THREE_IN},
                              {.kind = GELU},
                              {.kind = NORM, .name = "layers.4"},
                              {LINEAR, "layers.5", TO_OUT},
                              {.kind = GELU},
                              {LINEAR, "layers.7", TO_OUT}}},
};

struct rt_projector {
    rt_projector_config config;
    int side;
    const step *steps; /* until END */
    struct {
        rt_linear linear;
        const float *weight, *bias; /* of a norm */
        size_t width;               /* of what comes out of this step */
    } parts[MOST_STEPS];
    size_t joined, widest; /* widths of a token: after joining; at most on the way */
};

/* ---- loading ---- */

static fm_status load_norm(rt_projector *p, size_t i, rt_packer *packer, const rt_weights *weights,
                           const char *prefix, fm_err *err)
{
    const char *name = p->steps[i].name;
    fm_status st = rt_packer_vector(packer, weights, &p->parts[i].weight, p->parts[i].width, err,
                                    "%s%s.weight", prefix, name);

    if (st == FM_OK)
        st = rt_packer_vector(packer, weights, &p->parts[i].bias, p->parts[i].width, err,
                              "%s%s.bias", prefix, name);
    return st;
}

static fm_status load_linear(rt_projector *p, size_t i, size_t n_in, rt_packer *packer,
                             const rt_weights *weights, const char *prefix, fm_err *err)
{
    char name[128];

    if (snprintf(name, sizeof(name), "%s%s", prefix, p->steps[i].name) >= (int)sizeof(name))
        return fm_fail(err, FM_E_INTERNAL, "the name '%s' is too long", prefix);
    return rt_linear_load(&p->parts[i].linear, packer, weights, name, p->parts[i].width, n_in, true,
                          err);
}

static fm_status load_steps(rt_projector *p, rt_packer *packer, const rt_weights *weights,
                            const char *prefix, fm_err *err)
{
    size_t width = p->joined;
    fm_status st = FM_OK;

    for (size_t i = 0; p->steps[i].kind != END && st == FM_OK; i++) {
        const step *s = &p->steps[i];
        size_t n_in = width;

        if (s->kind == LINEAR)
            width = s->out == TO_OUT ? (size_t)p->config.out : 3 * (size_t)p->config.in;
        p->parts[i].width = width;
        if (width > p->widest)
            p->widest = width;
        if (s->kind == LINEAR)
            st = load_linear(p, i, n_in, packer, weights, prefix, err);
        else if (s->kind == NORM)
            st = load_norm(p, i, packer, weights, prefix, err);
    }
    return st;
}

fm_status rt_projector_load(rt_projector **out, const rt_projector_config *config,
                            rt_packer *packer, const rt_weights *weights, const char *prefix,
                            fm_err *err)
{
    rt_projector *p = calloc(1, sizeof(*p));

    if (!p)
        return fm_fail(err, FM_E_NOMEM, "no memory for a projector");
    p->config = *config;
    p->side = plans[config->kind].side;
    p->steps = plans[config->kind].steps;
    p->widest = p->joined = (size_t)config->in * (size_t)(p->side * p->side);
    fm_status st = load_steps(p, packer, weights, prefix, err);
    if (st != FM_OK) {
        rt_projector_free(p);
        return st;
    }
    *out = p;
    return FM_OK;
}

void rt_projector_free(rt_projector *projector)
{
    free(projector);
}

/* ---- running ---- */

static int joined_side(const rt_projector *p, int n)
{
    return (n + p->side - 1) / p->side;
}

size_t rt_projector_tokens(const rt_projector *projector, int rows, int columns)
{
    return (size_t)joined_side(projector, rows) * (size_t)joined_side(projector, columns);
}

/* out[tokens][side][side][in]; what lies outside the grid stays as it is, zero. */
static void join(const rt_projector *p, float *out, const float *features, int rows, int columns)
{
    size_t in = (size_t)p->config.in;
    int across = joined_side(p, columns);

    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            size_t token = (size_t)(r / p->side) * (size_t)across + (size_t)(c / p->side);
            size_t place = (size_t)(r % p->side) * (size_t)p->side + (size_t)(c % p->side);

            memcpy(out + token * p->joined + place * in,
                   features + ((size_t)r * (size_t)columns + (size_t)c) * in, in * sizeof(*out));
        }
}

typedef struct {
    const rt_kernels *kernels;
    float *x;
    size_t width;
    const float *weight, *bias; /* of a norm; NULL: GELU */
} row_call;

static void run_rows(void *context, size_t begin, size_t end, int thread)
{
    const row_call *call = context;

    (void)thread;
    for (size_t j = begin; j < end; j++) {
        float *row = call->x + j * call->width;

        if (call->weight) /* with the epsilon that nn.LayerNorm has by itself */
            call->kernels->layer_norm(row, row, call->weight, call->bias, call->width, 1e-5F);
        else
            call->kernels->gelu_erf(row, call->width);
    }
}

/* The steps over n tokens in x; the last, a linear, gives to out. */
static void run_steps(const rt_projector *p, const rt_compute *compute, float *out, float *x,
                      float *spare, size_t n, void *scratch)
{
    size_t width = p->joined;

    for (size_t i = 0; p->steps[i].kind != END; i++) {
        if (p->steps[i].kind == LINEAR) {
            float *to = p->steps[i + 1].kind == END ? out : spare;

            rt_linear_apply(&p->parts[i].linear, compute, to, p->parts[i].width, x, width, n,
                            scratch);
            spare = x;
            x = to;
            width = p->parts[i].width;
        } else {
            row_call call = {compute->kernels, x, width, p->parts[i].weight, p->parts[i].bias};

            rt_pool_run(compute->pool, n, 1, run_rows, &call);
        }
    }
}

fm_status rt_projector_run(const rt_projector *projector, const rt_compute *compute, float *out,
                           const float *features, int rows, int columns, fm_err *err)
{
    size_t n = rt_projector_tokens(projector, rows, columns);
    float *x = calloc(n * projector->widest, sizeof(*x));
    float *spare = malloc(n * projector->widest * sizeof(*spare));
    void *scratch = malloc(rt_linear_scratch_bytes(n, projector->widest));
    fm_status st = FM_OK;

    if (x && spare && scratch) {
        join(projector, x, features, rows, columns);
        run_steps(projector, compute, out, x, spare, n, scratch);
    } else {
        st = fm_fail(err, FM_E_NOMEM, "no memory for %zu tokens", n);
    }
    free(x);
    free(spare);
    free(scratch);
    return st;
}
