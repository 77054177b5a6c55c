/* Owns the heads that read one metric scale from one vector. */
#include "engine/scale.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What MapAnything's own head gives at least. */
static const double LEAST_SCALE = 1e-8;

struct rt_scale_head {
    rt_linear proj, out;
    rt_linear *mlp; /* layers of them */
    int layers;
    float *rows[2]; /* [hidden] each: a layer reads one and writes the other */
    void *linear_scratch;
};

static fm_status load_part(rt_linear *out, rt_packer *packer, const rt_weights *weights,
                           const char *prefix, const char *name, size_t n_out, size_t n_in,
                           fm_err *err)
{
    char full[160];

    if (snprintf(full, sizeof(full), "%s%s", prefix, name) >= (int)sizeof(full))
        return fm_fail(err, FM_E_INTERNAL, "the name '%s%s' is too long", prefix, name);
    return rt_linear_load(out, packer, weights, full, n_out, n_in, true, err);
}

static bool make_rows(rt_scale_head *h, size_t in, size_t hidden)
{
    h->mlp = calloc((size_t)h->layers + 1, sizeof(*h->mlp));
    h->rows[0] = calloc(hidden, sizeof(float));
    h->rows[1] = calloc(hidden, sizeof(float));
    h->linear_scratch = malloc(rt_linear_scratch_bytes(1, in > hidden ? in : hidden));
    return h->mlp && h->rows[0] && h->rows[1] && h->linear_scratch;
}

fm_status rt_scale_head_load(rt_scale_head **out, int in, int hidden, int layers, rt_packer *packer,
                             const rt_weights *weights, const char *prefix, fm_err *err)
{
    rt_scale_head *h = calloc(1, sizeof(*h));
    size_t n = (size_t)hidden;
    fm_status st;

    if (!h)
        return fm_fail(err, FM_E_NOMEM, "no memory for a scale head");
    h->layers = layers;
    if (!make_rows(h, (size_t)in, n))
        st = fm_fail(err, FM_E_NOMEM, "no memory for a scale head");
    else
        st = load_part(&h->proj, packer, weights, prefix, "proj", n, (size_t)in, err);
    for (int i = 0; i < layers && st == FM_OK; i++) {
        char name[32];

        snprintf(name, sizeof(name), "mlp.%d.0", i);
        st = load_part(&h->mlp[i], packer, weights, prefix, name, n, n, err);
    }
    if (st == FM_OK)
        st = load_part(&h->out, packer, weights, prefix, "output_proj", 1, n, err);
    if (st != FM_OK) {
        rt_scale_head_free(h);
        return st;
    }
    *out = h;
    return FM_OK;
}

void rt_scale_head_free(rt_scale_head *head)
{
    if (!head)
        return;
    free(head->mlp);
    free(head->rows[0]);
    free(head->rows[1]);
    free(head->linear_scratch);
    free(head);
}

static void apply(const rt_linear *linear, const rt_compute *compute, float *out, const float *x,
                  void *scratch)
{
    rt_linear_apply(linear, compute, out, linear->n_out, x, linear->n_in, 1, scratch);
}

double rt_scale_head_run(const rt_scale_head *head, const rt_compute *compute, const float *x)
{
    size_t hidden = head->proj.n_out;
    float *now = head->rows[0], *next = head->rows[1], logarithm;

    apply(&head->proj, compute, now, x, head->linear_scratch);
    for (int i = 0; i < head->layers; i++) {
        apply(&head->mlp[i], compute, next, now, head->linear_scratch);
        for (size_t j = 0; j < hidden; j++)
            next[j] = fmaxf(next[j], 0);
        float *swap = now;
        now = next;
        next = swap;
    }
    apply(&head->out, compute, &logarithm, now, head->linear_scratch);

    /* Written so that a NaN, from states beyond f32, becomes the least scale too. */
    double scale = exp((double)logarithm);
    return scale > LEAST_SCALE ? fmin(scale, DBL_MAX) : LEAST_SCALE;
}

struct rt_scale_decoder {
    rt_linear projector;
    rt_scale_head *head;
    float *projected; /* [config.projected] */
    void *linear_scratch;
};

fm_status rt_scale_decoder_load(rt_scale_decoder **out, const rt_scale_config *config,
                                int llm_width, rt_packer *packer, const rt_weights *weights,
                                fm_err *err)
{
    rt_scale_decoder *d = calloc(1, sizeof(*d));
    size_t projected = (size_t)config->projected, width = (size_t)llm_width;
    fm_status st;

    if (!d)
        return fm_fail(err, FM_E_NOMEM, "no memory for a scale decoder");
    d->projected = calloc(projected, sizeof(*d->projected));
    d->linear_scratch = malloc(rt_linear_scratch_bytes(1, width));
    if (!d->projected || !d->linear_scratch)
        st = fm_fail(err, FM_E_NOMEM, "no memory for a scale decoder");
    else
        st = rt_linear_load(&d->projector, packer, weights, "scale_projector", projected, width,
                            true, err);
    if (st == FM_OK)
        st = rt_scale_head_load(&d->head, config->projected, config->hidden, config->layers, packer,
                                weights, "scale_head.", err);
    if (st != FM_OK) {
        rt_scale_decoder_free(d);
        return st;
    }
    *out = d;
    return FM_OK;
}

void rt_scale_decoder_free(rt_scale_decoder *decoder)
{
    if (!decoder)
        return;
    rt_scale_head_free(decoder->head);
    free(decoder->projected);
    free(decoder->linear_scratch);
    free(decoder);
}

double rt_scale_decoder_run(const rt_scale_decoder *decoder, const rt_compute *compute,
                            const float *hidden)
{
    apply(&decoder->projector, compute, decoder->projected, hidden, decoder->linear_scratch);
    return rt_scale_head_run(decoder->head, compute, decoder->projected);
}
