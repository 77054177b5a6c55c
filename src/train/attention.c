/* Owns attention over spans of rows, and the rotation of its queries and keys. */
#include <math.h>
#include <string.h>

#include "train/layers.h"

typedef struct {
    tr_rows q, k, v, out;
    const tr_span *spans;
    size_t n_spans, heads, kv_heads, size;
    float *shares; /* of every span, then head: [n][keys], after the softmax */
} attention_note;

/* Gradients by these; on the way back. */
typedef struct {
    float *q, *k, *v, *out;
} attention_slopes;

/* One head of one span. */
typedef struct {
    const attention_note *all;
    attention_slopes slopes;
    const tr_span *span;
    size_t head, kv_head;
    float *shares; /* [n][keys] */
    size_t keys;
} place;

/* A head's part of rows [first, ...). */
static float *part_of(float *rows, size_t width, size_t first, size_t head, size_t size)
{
    return rows + first * width + head * size;
}

enum { STRETCHES = 3 };

static size_t keys_of(const tr_span *span)
{
    return span->n_before + span->n_between + span->n;
}

/* The stretches that a span sees: where they begin, how long they are, at which column of the shares. */
static size_t stretch_of(const place *p, int which, size_t *first, size_t *column)
{
    const tr_span *s = p->span;
    const size_t firsts[STRETCHES] = {s->before, s->between, s->first};
    const size_t columns[STRETCHES] = {0, s->n_before, s->n_before + s->n_between};
    const size_t sizes[STRETCHES] = {s->n_before, s->n_between, s->n};

    *first = firsts[which];
    *column = columns[which];
    return sizes[which];
}

typedef void (*visit)(tr_pass *pass, const place *p, float *scratch);

static void each_place(tr_pass *pass, const attention_note *all, attention_slopes slopes,
                       visit what, float *scratch)
{
    float *shares = all->shares;

    for (size_t s = 0; s < all->n_spans; s++) {
        const tr_span *span = &all->spans[s];
        size_t keys = keys_of(span);

        for (size_t h = 0; h < all->heads; h++) {
            place p = {all, slopes, span, h, h / (all->heads / all->kv_heads), shares, keys};

            what(pass, &p, scratch);
            shares += span->n * keys;
        }
    }
}

/* out[n][keys] = x[n][size] y^T, y a head's part of k or v (or of their gradients). */
static void times_transposed(tr_pass *pass, const place *p, float *out, const float *x,
                             size_t width, float *y, size_t y_width, float *panels)
{
    const tr_arithmetic *a = pass->arithmetic;
    size_t size = p->all->size;

    for (int which = 0; which < STRETCHES; which++) {
        size_t first, column, n = stretch_of(p, which, &first, &column);

        a->pack(panels, (tr_factor){part_of(y, y_width, first, p->kv_head, size), 1, y_width}, size,
                n);
        a->product(out + column, p->keys, (tr_factor){x, width, 1}, panels, p->span->n, n, size,
                   false);
    }
}

/* out[n][size] (+)= shares[n][keys] y. */
static void blend(tr_pass *pass, const place *p, float *out, size_t width, const float *shares,
                  float *y, size_t y_width, bool add, float *panels)
{
    const tr_arithmetic *a = pass->arithmetic;
    size_t size = p->all->size;

    for (int which = 0; which < STRETCHES; which++) {
        size_t first, column, n = stretch_of(p, which, &first, &column);

        a->pack(panels, (tr_factor){part_of(y, y_width, first, p->kv_head, size), y_width, 1}, n,
                size);
        a->product(out, width, (tr_factor){shares + column, p->keys, 1}, panels, p->span->n, size,
                   n, add || which > 0);
    }
}

/* y += shares^T x: what goes back to keys and values. */
static void spread(tr_pass *pass, const place *p, float *y, size_t y_width, const float *shares,
                   const float *x, size_t width, float *panels)
{
    const tr_arithmetic *a = pass->arithmetic;
    size_t size = p->all->size;

    a->pack(panels, (tr_factor){x, width, 1}, p->span->n, size);
    for (int which = 0; which < STRETCHES; which++) {
        size_t first, column, n = stretch_of(p, which, &first, &column);

        a->product(part_of(y, y_width, first, p->kv_head, size), y_width,
                   (tr_factor){shares + column, 1, p->keys}, panels, n, size, p->span->n, true);
    }
}

static float sharpness(const attention_note *all)
{
    return 1 / sqrtf((float)all->size);
}

static size_t seen_by(const place *p, size_t row)
{
    return p->span->causal ? p->keys - p->span->n + row + 1 : p->keys;
}

static void attend(tr_pass *pass, const place *p, float *panels)
{
    const attention_note *all = p->all;
    const float *q = part_of(all->q.x, all->q.width, p->span->first, p->head, all->size);

    times_transposed(pass, p, p->shares, q, all->q.width, all->k.x, all->k.width, panels);
    for (size_t i = 0; i < p->span->n; i++) {
        float *row = p->shares + i * p->keys;
        size_t seen = seen_by(p, i);

        for (size_t j = 0; j < seen; j++)
            row[j] *= sharpness(all);
        pass->kernels->softmax(row, seen);
        memset(row + seen, 0, (p->keys - seen) * sizeof(*row));
    }
    blend(pass, p, part_of(all->out.x, all->out.width, p->span->first, p->head, all->size),
          all->out.width, p->shares, all->v.x, all->v.width, false, panels);
}

/* Scratch holds the gradient of the shares, and behind it a packed factor. */
static void attend_back(tr_pass *pass, const place *p, float *scratch)
{
    const attention_note *all = p->all;
    const tr_span *span = p->span;
    float *d = scratch, *panels = scratch + span->n * p->keys;
    const float *q = part_of(all->q.x, all->q.width, span->first, p->head, all->size);
    const float *dout = part_of(p->slopes.out, all->out.width, span->first, p->head, all->size);

    times_transposed(pass, p, d, dout, all->out.width, all->v.x, all->v.width, panels);
    spread(pass, p, p->slopes.v, all->v.width, p->shares, dout, all->out.width, panels);
    for (size_t i = 0; i < span->n; i++) {
        pass->arithmetic->softmax_back(d + i * p->keys, p->shares + i * p->keys, p->keys);
        for (size_t j = 0; j < p->keys; j++)
            d[i * p->keys + j] *= sharpness(all);
    }
    blend(pass, p, part_of(p->slopes.q, all->q.width, span->first, p->head, all->size),
          all->q.width, d, all->k.x, all->k.width, true, panels);
    spread(pass, p, p->slopes.k, all->k.width, d, q, all->q.width, panels);
}

/* Floats that one place needs at most: its shares, and the largest factor packed. */
static size_t scratch_floats(const attention_note *all)
{
    size_t most = 0;

    for (size_t s = 0; s < all->n_spans; s++) {
        size_t keys = keys_of(&all->spans[s]);
        size_t packed = (keys + TR_PANEL) * (all->size + TR_PANEL);
        size_t need = all->spans[s].n * keys + packed;

        most = need > most ? need : most;
    }
    return most;
}

static void attention_back(tr_pass *pass, const void *what)
{
    const attention_note *note = what;
    attention_slopes slopes = {tr_pass_slope(pass, note->q), tr_pass_slope(pass, note->k),
                               tr_pass_slope(pass, note->v), tr_pass_slope(pass, note->out)};
    float *scratch = tr_pass_scratch(pass, scratch_floats(note));

    if (scratch)
        each_place(pass, note, slopes, attend_back, scratch);
}

tr_rows tr_attention(tr_pass *pass, tr_rows q, tr_rows k, tr_rows v, const tr_span *spans,
                     size_t n_spans, size_t heads, size_t kv_heads)
{
    attention_note made = {q,
                           k,
                           v,
                           tr_pass_rows(pass, q.n, q.width),
                           spans,
                           n_spans,
                           heads,
                           kv_heads,
                           q.width / heads,
                           NULL};
    size_t shares = 0;

    for (size_t s = 0; s < n_spans; s++)
        shares += heads * spans[s].n * keys_of(&spans[s]);
    made.shares = tr_pass_floats(pass, shares);
    float *scratch = tr_pass_scratch(pass, scratch_floats(&made));
    if (pass->failed)
        return (tr_rows){.width = q.width};
    memset(made.out.x, 0, q.n * q.width * sizeof(float));
    each_place(pass, &made, (attention_slopes){0}, attend, scratch);
    attention_note *note = tr_pass_note(pass, attention_back, sizeof(*note));
    if (note)
        *note = made;
    return made.out;
}

tr_rows tr_attention_all(tr_pass *pass, tr_rows q, tr_rows k, tr_rows v, size_t heads)
{
    tr_span *all = tr_pass_take(pass, sizeof(*all));

    if (!all)
        return (tr_rows){.width = q.width};
    *all = (tr_span){.first = 0, .n = q.n};
    return tr_attention(pass, q, k, v, all, 1, heads, heads);
}

/* ---- rotation ---- */

const float *tr_angles(tr_pass *pass, const size_t *positions, size_t n, size_t size, double theta)
{
    size_t half = size / 2;
    float *angles = tr_pass_floats(pass, n * size);

    if (!angles)
        return NULL;
    for (size_t i = 0; i < half; i++) {
        double frequency = pow(theta, -(double)i / (double)half);

        for (size_t j = 0; j < n; j++) {
            angles[j * size + i] = (float)cos((double)positions[j] * frequency);
            angles[j * size + half + i] = (float)sin((double)positions[j] * frequency);
        }
    }
    return angles;
}

/* direction 1: forwards; -1: back, which is the transpose. */
static void turn(float *x, size_t n, size_t width, const float *angles, size_t size,
                 float direction)
{
    size_t half = size / 2;

    for (size_t i = 0; i < n; i++) {
        const float *cosines = angles + i * size, *sines = cosines + half;

        for (float *head = x + i * width; head < x + (i + 1) * width; head += size)
            for (size_t j = 0; j < half; j++) {
                float a = head[j], b = head[half + j], s = direction * sines[j];

                head[j] = a * cosines[j] - b * s;
                head[half + j] = b * cosines[j] + a * s;
            }
    }
}

typedef struct {
    tr_rows x;
    const float *angles;
    size_t size;
} rotate_note;

static void rotate_back(tr_pass *pass, const void *what)
{
    const rotate_note *note = what;

    turn(tr_pass_slope(pass, note->x), note->x.n, note->x.width, note->angles, note->size, -1);
}

tr_rows tr_rotate(tr_pass *pass, tr_rows x, const float *angles, size_t size)
{
    turn(x.x, x.n, x.width, angles, size, 1);
    rotate_note *note = tr_pass_note(pass, rotate_back, sizeof(*note));
    if (note)
        *note = (rotate_note){x, angles, size};
    return x;
}
