/* Owns the layers that bend what goes through them: norms and activations. */
#include <string.h>

#include "train/layers.h"

/* ---- norms ---- */

typedef struct {
    tr_rows x, out;
    tr_param weight, bias;
    float eps;
    bool centred;
} norm_note;

static void norm_back(tr_pass *pass, const void *what)
{
    const norm_note *note = what;
    size_t width = note->x.width;
    float *bias = note->bias.rows ? tr_pass_gradient(pass, note->bias) : NULL;
    const float *dy = tr_pass_slope(pass, note->out);
    float *dx = tr_pass_slope(pass, note->x);

    for (size_t i = 0; i < note->x.n; i++)
        pass->arithmetic->norm_back(dx + i * width, tr_pass_gradient(pass, note->weight), bias,
                                    dy + i * width, note->x.x + i * width,
                                    tr_pass_values(pass, note->weight), width, note->eps,
                                    note->centred);
}

static tr_rows note_norm(tr_pass *pass, norm_note made)
{
    norm_note *note = tr_pass_note(pass, norm_back, sizeof(*note));

    if (note)
        *note = made;
    return made.out;
}

tr_rows tr_layer_norm(tr_pass *pass, tr_rows x, tr_param weight, tr_param bias, double eps)
{
    tr_rows out = tr_pass_rows(pass, x.n, x.width);

    for (size_t i = 0; i < out.n; i++)
        pass->kernels->layer_norm(
            out.x + i * x.width, x.x + i * x.width, tr_pass_values(pass, weight),
            bias.rows ? tr_pass_values(pass, bias) : NULL, x.width, (float)eps);
    return note_norm(pass, (norm_note){x, out, weight, bias, (float)eps, true});
}

tr_rows tr_rms_norm(tr_pass *pass, tr_rows x, tr_param weight, double eps)
{
    tr_rows out = tr_pass_rows(pass, x.n, x.width);

    for (size_t i = 0; i < out.n; i++)
        pass->kernels->rms_norm(out.x + i * x.width, x.x + i * x.width,
                                tr_pass_values(pass, weight), x.width, (float)eps);
    return note_norm(pass, (norm_note){x, out, weight, {0}, (float)eps, false});
}

/* ---- activations ---- */

typedef struct {
    tr_rows x, out;
} curve_note;

static void gelu_erf_back(tr_pass *pass, const void *what)
{
    const curve_note *note = what;

    pass->arithmetic->gelu_erf_back(tr_pass_slope(pass, note->x), tr_pass_slope(pass, note->out),
                                    note->x.x, note->out.x, note->x.n * note->x.width);
}

static void gelu_tanh_back(tr_pass *pass, const void *what)
{
    const curve_note *note = what;

    pass->arithmetic->gelu_tanh_back(tr_pass_slope(pass, note->x), tr_pass_slope(pass, note->out),
                                     note->x.x, note->x.n * note->x.width);
}

tr_rows tr_gelu(tr_pass *pass, tr_rows x, bool by_tanh)
{
    tr_rows out = tr_pass_rows(pass, x.n, x.width);
    size_t n = out.n * out.width;

    if (n > 0)
        memcpy(out.x, x.x, n * sizeof(float));
    if (by_tanh)
        pass->kernels->gelu_tanh(out.x, n);
    else
        pass->kernels->gelu_erf(out.x, n);
    curve_note *note = tr_pass_note(pass, by_tanh ? gelu_tanh_back : gelu_erf_back, sizeof(*note));
    if (note)
        *note = (curve_note){x, out};
    return out;
}

static void relu_back(tr_pass *pass, const void *what)
{
    const curve_note *note = what;
    const float *dy = tr_pass_slope(pass, note->out);
    float *dx = tr_pass_slope(pass, note->x);

    for (size_t i = 0; i < note->x.n * note->x.width; i++)
        if (note->x.x[i] > 0)
            dx[i] += dy[i];
}

tr_rows tr_relu(tr_pass *pass, tr_rows x)
{
    tr_rows out = tr_pass_rows(pass, x.n, x.width);

    for (size_t i = 0; i < out.n * out.width; i++)
        out.x[i] = x.x[i] > 0 ? x.x[i] : 0;
    curve_note *note = tr_pass_note(pass, relu_back, sizeof(*note));
    if (note)
        *note = (curve_note){x, out};
    return out;
}

typedef struct {
    tr_rows gate, up, out;
} gate_note;

static void silu_gate_back(tr_pass *pass, const void *what)
{
    const gate_note *note = what;

    pass->arithmetic->silu_gate_back(tr_pass_slope(pass, note->gate), tr_pass_slope(pass, note->up),
                                     tr_pass_slope(pass, note->out), note->gate.x, note->up.x,
                                     note->out.n * note->out.width);
}

tr_rows tr_silu_gate(tr_pass *pass, tr_rows gate, tr_rows up)
{
    tr_rows out = tr_pass_rows(pass, gate.n, gate.width);
    size_t n = out.n * out.width;

    if (n > 0)
        memcpy(out.x, gate.x, n * sizeof(float));
    pass->kernels->silu_gate(out.x, up.x, n);
    gate_note *note = tr_pass_note(pass, silu_gate_back, sizeof(*note));
    if (note)
        *note = (gate_note){gate, up, out};
    return out;
}
