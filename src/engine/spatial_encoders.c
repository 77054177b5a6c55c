/* Owns the networks that read geometry. Convolutions are products of the kernels over gathered
 * neighbourhoods. */
#include "engine/spatial_encoders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

static const float NORM_EPS = 1e-6F;

/* Patches whose neighbourhoods are gathered at a time: enough for a product to be bound by arithmetic,
 * few enough for 3 x 3 of a thousand channels to stay under 10 MB. */
enum { STRIP = 256 };

typedef struct {
    const float *weight, *bias;
    size_t n;
} norm;

static fm_status load_norm(norm *out, rt_packer *packer, const rt_weights *weights,
                           const char *name, int n, fm_err *err)
{
    out->n = (size_t)n;
    fm_status st =
        rt_packer_vector(packer, weights, &out->weight, out->n, err, "%s.norm_layer.weight", name);
    if (st == FM_OK)
        st = rt_packer_vector(packer, weights, &out->bias, out->n, err, "%s.norm_layer.bias", name);
    return st;
}

static fm_status load_linear(rt_linear *out, rt_packer *packer, const rt_weights *weights,
                             const char *encoder, const char *part, size_t n_out, size_t n_in,
                             fm_err *err)
{
    char name[160];

    if (snprintf(name, sizeof(name), "%s.%s", encoder, part) >= (int)sizeof(name))
        return fm_fail(err, FM_E_INTERNAL, "the name '%s.%s' is too long", encoder, part);
    return rt_linear_load(out, packer, weights, name, n_out, n_in, true, err);
}

static size_t most_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- fields over the pixels ---- */

typedef struct {
    rt_linear conv1, conv2, shortcut;
} residual;

struct rt_dense_encoder {
    size_t channels, patch;
    rt_linear conv_in, conv_out;
    residual blocks[2];
    norm norm;
};

static fm_status load_residual(residual *r, rt_packer *packer, const rt_weights *weights,
                               const char *encoder, int index, size_t in, size_t out, fm_err *err)
{
    char conv1[32], conv2[32], shortcut[32];

    snprintf(conv1, sizeof(conv1), "encoder.%d.conv1", index);
    snprintf(conv2, sizeof(conv2), "encoder.%d.conv2", index);
    snprintf(shortcut, sizeof(shortcut), "encoder.%d.shortcut", index);
    fm_status st = load_linear(&r->conv1, packer, weights, encoder, conv1, out, in * 9, err);
    if (st == FM_OK)
        st = load_linear(&r->conv2, packer, weights, encoder, conv2, out, out * 9, err);
    if (st == FM_OK)
        st = load_linear(&r->shortcut, packer, weights, encoder, shortcut, out, in, err);
    return st;
}

fm_status rt_dense_encoder_load(rt_dense_encoder **out, int channels, int patch,
                                const int widths[3], int out_width, rt_packer *packer,
                                const rt_weights *weights, const char *name, fm_err *err)
{
    rt_dense_encoder *e = calloc(1, sizeof(*e));
    const size_t w[] = {(size_t)widths[0], (size_t)widths[1], (size_t)widths[2]};

    if (!e)
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", name);
    e->channels = (size_t)channels;
    e->patch = (size_t)patch;
    fm_status st = load_linear(&e->conv_in, packer, weights, name, "conv_in", w[0],
                               e->channels * e->patch * e->patch * 9, err);
    for (int i = 0; i < 2 && st == FM_OK; i++)
        st = load_residual(&e->blocks[i], packer, weights, name, i, w[i], w[i + 1], err);
    if (st == FM_OK)
        st = load_linear(&e->conv_out, packer, weights, name, "encoder.2", (size_t)out_width, w[2],
                         err);
    if (st == FM_OK)
        st = load_norm(&e->norm, packer, weights, name, out_width, err);
    if (st != FM_OK) {
        rt_dense_encoder_free(e);
        return st;
    }
    *out = e;
    return FM_OK;
}

void rt_dense_encoder_free(rt_dense_encoder *encoder)
{
    free(encoder);
}

/* What one run works on: maps of [rows][columns][channels]. */
typedef struct {
    const rt_dense_encoder *encoder;
    const rt_compute *compute;
    const float *field;
    int rows, columns;
    size_t n;        /* rows columns */
    float *maps[3];  /* [n][the widest] */
    float *gathered; /* [STRIP][the longest neighbourhood] */
    void *linear_scratch;
} run;

static size_t widest_map(const rt_dense_encoder *e)
{
    size_t widest = most_of(e->channels * e->patch * e->patch, e->conv_in.n_out);

    return most_of(widest, most_of(e->blocks[0].conv2.n_out, e->blocks[1].conv2.n_out));
}

static void run_release(run *r)
{
    for (int i = 0; i < 3; i++)
        free(r->maps[i]);
    free(r->gathered);
    free(r->linear_scratch);
}

size_t rt_dense_encoder_run_bytes(const rt_dense_encoder *encoder, size_t patches)
{
    size_t width = widest_map(encoder), strip = patches < STRIP ? patches : STRIP;

    return (3 * patches + 9 * strip) * width * sizeof(float) +
           most_of(rt_linear_scratch_bytes(strip, width * 9),
                   rt_linear_scratch_bytes(patches, width));
}

static fm_status run_make(run *r, fm_err *err)
{
    size_t width = widest_map(r->encoder), strip = r->n < STRIP ? r->n : STRIP, floats;
    bool made = fm_size_mul(r->n, width, &floats);

    for (int i = 0; i < 3 && made; i++)
        made = (r->maps[i] = calloc(floats, sizeof(float))) != NULL;
    if (made)
        made = fm_size_mul(strip, width * 9, &floats) &&
               (r->gathered = calloc(floats, sizeof(float))) != NULL &&
               (r->linear_scratch = malloc(most_of(rt_linear_scratch_bytes(strip, width * 9),
                                                   rt_linear_scratch_bytes(r->n, width)))) != NULL;
    return made ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for %zu patches of geometry", r->n);
}

/* Every patch's pixels as channels: channel of the field, row, column. */
static void unshuffle(const run *r, float *out)
{
    size_t patch = r->encoder->patch, channels = r->encoder->channels;
    size_t line = (size_t)r->columns * patch * channels;

    for (size_t i = 0; i < r->n; i++) {
        const float *corner = r->field + i / (size_t)r->columns * patch * line +
                              i % (size_t)r->columns * patch * channels;

        for (size_t c = 0; c < channels; c++)
            for (size_t y = 0; y < patch; y++)
                for (size_t x = 0; x < patch; x++)
                    *out++ = corner[y * line + x * channels + c];
    }
}

/* A piece of work over the patches of a map. */
typedef struct {
    const run *run;
    const float *map; /* gathered from, or added */
    float *out;
    size_t width, first;
} piece;

/* The 3 x 3 neighbours of each patch, zeros past the borders, in the order of a convolution's weights:
 * channel, row, column. */
static void gather_neighbours(void *context, size_t begin, size_t end, int thread)
{
    const piece *p = context;
    int rows = p->run->rows, columns = p->run->columns;
    size_t width = p->width;

    (void)thread;
    for (size_t i = begin; i < end; i++) {
        int row = (int)((p->first + i) / (size_t)columns);
        int column = (int)((p->first + i) % (size_t)columns);
        float *out = p->out + i * width * 9;

        for (int k = 0; k < 9; k++) {
            int y = row + k / 3 - 1, x = column + k % 3 - 1;
            bool inside = y >= 0 && y < rows && x >= 0 && x < columns;
            const float *from = p->map + (inside ? (size_t)(y * columns + x) * width : 0);

            for (size_t c = 0; c < width; c++)
                out[c * 9 + (size_t)k] = inside ? from[c] : 0;
        }
    }
}

static void conv3x3(const run *r, const rt_linear *linear, float *out, const float *map)
{
    piece p = {r, map, r->gathered, linear->n_in / 9, 0};

    for (size_t m; p.first < r->n; p.first += m) {
        m = r->n - p.first < STRIP ? r->n - p.first : STRIP;
        rt_pool_run(r->compute->pool, m, 1, gather_neighbours, &p);
        rt_linear_apply(linear, r->compute, out + p.first * linear->n_out, linear->n_out,
                        r->gathered, linear->n_in, m, r->linear_scratch);
    }
}

static void conv1x1(const run *r, const rt_linear *linear, float *out, const float *map)
{
    rt_linear_apply(linear, r->compute, out, linear->n_out, map, linear->n_in, r->n,
                    r->linear_scratch);
}

/* out = GELU(out + map), map NULL: of out alone */
static void activate_rows(void *context, size_t begin, size_t end, int thread)
{
    const piece *p = context;
    const rt_kernels *kernels = p->run->compute->kernels;
    size_t at = begin * p->width, n = (end - begin) * p->width;

    (void)thread;
    if (p->map)
        kernels->add(p->out + at, p->map + at, n);
    kernels->gelu_erf(p->out + at, n);
}

static void activate(const run *r, float *out, const float *add, size_t width)
{
    piece p = {r, add, out, width, 0};

    rt_pool_run(r->compute->pool, r->n, 8, activate_rows, &p);
}

/* maps[0] becomes what the block makes of it. */
static void run_residual(run *r, const residual *block)
{
    size_t width = block->conv2.n_out;
    float *in = r->maps[0], *out = r->maps[2];

    conv3x3(r, &block->conv1, r->maps[1], in);
    activate(r, r->maps[1], NULL, width);
    conv3x3(r, &block->conv2, out, r->maps[1]);
    conv1x1(r, &block->shortcut, r->maps[1], in);
    activate(r, out, r->maps[1], width);
    r->maps[0] = out;
    r->maps[2] = in;
}

static void normalise_rows(void *context, size_t begin, size_t end, int thread)
{
    const piece *p = context;
    const norm *last = &p->run->encoder->norm;

    (void)thread;
    for (size_t i = begin; i < end; i++)
        p->run->compute->kernels->layer_norm(p->out + i * last->n, p->out + i * last->n,
                                             last->weight, last->bias, last->n, NORM_EPS);
}

fm_status rt_dense_encoder_run(const rt_dense_encoder *encoder, const rt_compute *compute,
                               float *out, const float *field, int rows, int columns, fm_err *err)
{
    run r = {encoder, compute, field, rows, columns, (size_t)rows * (size_t)columns, {0}, 0, 0};
    fm_status st = run_make(&r, err);

    if (st == FM_OK) {
        unshuffle(&r, r.maps[1]);
        conv3x3(&r, &encoder->conv_in, r.maps[0], r.maps[1]);
        run_residual(&r, &encoder->blocks[0]);
        run_residual(&r, &encoder->blocks[1]);
        conv1x1(&r, &encoder->conv_out, out, r.maps[0]);
        rt_pool_run(compute->pool, r.n, 1, normalise_rows, &(piece){.run = &r, .out = out});
    }
    run_release(&r);
    return st;
}

/* ---- numbers of the whole view ---- */

enum { GLOBAL_LINEARS = 4 };

struct rt_global_encoder {
    rt_linear linears[GLOBAL_LINEARS];
    norm norm;
    float *rows[2]; /* [the widest]: a linear reads one and writes the other */
    void *linear_scratch;
};

fm_status rt_global_encoder_load(rt_global_encoder **out, int in, const int widths[3],
                                 int out_width, rt_packer *packer, const rt_weights *weights,
                                 const char *name, fm_err *err)
{
    /* How sequences nested in one another come to be called. */
    static const char *const parts[] = {"encoder.0.0.0.0", "encoder.0.0.1", "encoder.0.1",
                                        "encoder.1"};
    const int sizes[] = {in, widths[0], widths[1], widths[2], out_width};
    rt_global_encoder *e = calloc(1, sizeof(*e));
    size_t widest = 0;
    fm_status st = FM_OK;

    if (!e)
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", name);
    for (int i = 0; i <= GLOBAL_LINEARS; i++)
        widest = most_of(widest, (size_t)sizes[i]);
    e->rows[0] = calloc(widest, sizeof(float));
    e->rows[1] = calloc(widest, sizeof(float));
    e->linear_scratch = malloc(rt_linear_scratch_bytes(1, widest));
    if (!e->rows[0] || !e->rows[1] || !e->linear_scratch)
        st = fm_fail(err, FM_E_NOMEM, "no memory for '%s'", name);
    for (int i = 0; i < GLOBAL_LINEARS && st == FM_OK; i++)
        st = load_linear(&e->linears[i], packer, weights, name, parts[i], (size_t)sizes[i + 1],
                         (size_t)sizes[i], err);
    if (st == FM_OK)
        st = load_norm(&e->norm, packer, weights, name, out_width, err);
    if (st != FM_OK) {
        rt_global_encoder_free(e);
        return st;
    }
    *out = e;
    return FM_OK;
}

void rt_global_encoder_free(rt_global_encoder *encoder)
{
    if (!encoder)
        return;
    free(encoder->rows[0]);
    free(encoder->rows[1]);
    free(encoder->linear_scratch);
    free(encoder);
}

void rt_global_encoder_run(const rt_global_encoder *encoder, const rt_compute *compute, float *out,
                           const float *values)
{
    const float *x = values;

    for (int i = 0; i < GLOBAL_LINEARS; i++) {
        const rt_linear *linear = &encoder->linears[i];
        float *next = encoder->rows[i % 2];

        rt_linear_apply(linear, compute, next, linear->n_out, x, linear->n_in, 1,
                        encoder->linear_scratch);
        if (i + 1 < GLOBAL_LINEARS)
            compute->kernels->gelu_erf(next, linear->n_out);
        x = next;
    }
    compute->kernels->layer_norm(out, x, encoder->norm.weight, encoder->norm.bias, encoder->norm.n,
                                 NORM_EPS);
}
