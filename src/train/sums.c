/* Owns the layers that are products and sums. */
#include <string.h>

#include "train/layers.h"

/* ---- linear ---- */

typedef struct {
    tr_param weight, bias;
    tr_rows x, out;
} linear_note;

static void linear_back(tr_pass *pass, const void *what)
{
    const linear_note *note = what;
    const tr_arithmetic *a = pass->arithmetic;
    const tr_rows *x = &note->x, *out = &note->out;
    const float *rows = tr_pass_panels(pass, *x);
    float *panels = tr_pass_scratch(pass, tr_packed_floats(out->width, x->width));
    float *dx = tr_pass_slope(pass, *x);
    const float *dy = tr_pass_slope(pass, *out);

    if (!rows || !panels)
        return;
    a->product(tr_pass_gradient(pass, note->weight), x->width, (tr_factor){dy, 1, out->width}, rows,
               out->width, x->width, x->n, true);
    for (size_t i = 0; note->bias.rows && i < out->n; i++)
        a->add(tr_pass_gradient(pass, note->bias), dy + i * out->width, out->width);
    if (!dx)
        return;
    a->pack(panels, (tr_factor){tr_pass_values(pass, note->weight), x->width, 1}, out->width,
            x->width);
    a->product(dx, x->width, (tr_factor){dy, out->width, 1}, panels, x->n, x->width, out->width,
               true);
}

tr_rows tr_linear(tr_pass *pass, tr_rows x, tr_param weight, tr_param bias)
{
    tr_rows out = tr_pass_rows(pass, x.n, weight.rows);

    pass->arithmetic->product(out.x, out.width, (tr_factor){x.x, x.width, 1},
                              pass->store->panels + weight.packed, out.n, out.width, x.width,
                              false);
    for (size_t i = 0; bias.rows && i < out.n; i++)
        pass->arithmetic->add(out.x + i * out.width, tr_pass_values(pass, bias), out.width);
    linear_note *note = tr_pass_note(pass, linear_back, sizeof(*note));
    if (note)
        *note = (linear_note){weight, bias, x, out};
    return out;
}

/* ---- sums ---- */

typedef struct {
    tr_rows y, out;
} add_note;

static void add_back(tr_pass *pass, const void *what)
{
    const add_note *note = what;

    float *slope = tr_pass_slope(pass, note->y);

    if (slope)
        pass->arithmetic->add(slope, tr_pass_slope(pass, note->out), note->out.n * note->out.width);
}

tr_rows tr_add(tr_pass *pass, tr_rows x, tr_rows y)
{
    size_t n = x.n * x.width;
    tr_rows out = tr_pass_constants(pass, x.n, x.width);

    if (pass->failed)
        return out;
    out.slope = x.slope;
    out.within = x.within;
    memcpy(out.x, x.x, n * sizeof(float));
    pass->arithmetic->add(out.x, y.x, n);
    add_note *note = tr_pass_note(pass, add_back, sizeof(*note));
    if (note)
        *note = (add_note){y, out};
    return out;
}

typedef struct {
    tr_rows x;
    tr_param table;
} table_note;

static void table_back(tr_pass *pass, const void *what)
{
    const table_note *note = what;
    const float *slope = tr_pass_slope(pass, note->x);
    float *gradient = tr_pass_gradient(pass, note->table);

    for (size_t i = 0; i < note->x.n; i++)
        pass->arithmetic->add(gradient + i % note->table.rows * note->x.width,
                              slope + i * note->x.width, note->x.width);
}

tr_rows tr_add_table(tr_pass *pass, tr_rows x, tr_param table)
{
    const float *values = tr_pass_values(pass, table);

    for (size_t i = 0; i < x.n; i++)
        pass->arithmetic->add(x.x + i * x.width, values + i % table.rows * x.width, x.width);
    table_note *note = tr_pass_note(pass, table_back, sizeof(*note));
    if (note)
        *note = (table_note){x, table};
    return x;
}

typedef struct {
    tr_rows x;
    tr_param table;
    const int32_t *at;
    const float *weights;
    size_t parts;
} mixed_note;

static void mixed_back(tr_pass *pass, const void *what)
{
    const mixed_note *note = what;
    const float *slope = tr_pass_slope(pass, note->x);
    float *gradient = tr_pass_gradient(pass, note->table);
    size_t width = note->x.width;

    for (size_t i = 0; i < note->x.n * note->parts; i++) {
        float *to = gradient + (size_t)note->at[i] * width;
        const float *from = slope + i / note->parts * width;

        for (size_t j = 0; j < width; j++)
            to[j] += note->weights[i] * from[j];
    }
}

tr_rows tr_add_mixed(tr_pass *pass, tr_rows x, tr_param table, const int32_t *at,
                     const float *weights, size_t parts)
{
    const float *values = tr_pass_values(pass, table);

    for (size_t i = 0; i < x.n * parts; i++) {
        const float *from = values + (size_t)at[i] * x.width;
        float *to = x.x + i / parts * x.width;

        for (size_t j = 0; j < x.width; j++)
            to[j] += weights[i] * from[j];
    }
    mixed_note *note = tr_pass_note(pass, mixed_back, sizeof(*note));
    if (note)
        *note = (mixed_note){x, table, at, weights, parts};
    return x;
}

/* ---- LayerScale ---- */

typedef struct {
    tr_rows x, out;
    tr_param scale;
} scale_note;

static void scale_back(tr_pass *pass, const void *what)
{
    const scale_note *note = what;
    const float *scale = tr_pass_values(pass, note->scale);
    const float *dy = tr_pass_slope(pass, note->out);
    float *dx = tr_pass_slope(pass, note->x), *gradient = tr_pass_gradient(pass, note->scale);
    size_t width = note->x.width;

    for (size_t i = 0; i < note->x.n; i++)
        for (size_t j = 0; j < width; j++) {
            float d = dy[i * width + j];

            dx[i * width + j] += d * scale[j];
            gradient[j] += d * note->x.x[i * width + j];
        }
}

tr_rows tr_scale(tr_pass *pass, tr_rows x, tr_param scale)
{
    tr_rows out = tr_pass_rows(pass, x.n, x.width);
    const float *values = tr_pass_values(pass, scale);

    for (size_t i = 0; i < out.n; i++)
        for (size_t j = 0; j < out.width; j++)
            out.x[i * out.width + j] = x.x[i * out.width + j] * values[j];
    scale_note *note = tr_pass_note(pass, scale_back, sizeof(*note));
    if (note)
        *note = (scale_note){x, out, scale};
    return out;
}
