/* Owns how bytes of a picture become tiles: PIL's resampling to the byte, the choice of a grid, and
 * normalisation. */
#include "engine/picture.h"

#include <math.h>
#include <string.h>

#include "base/size.h"

/* ---- resampling ---- */

/* Weights are whole numbers in units of 2^-22: a sum of products with bytes then fits 32 bits, with
 * room for a filter's overshoot. */
enum { WEIGHT_BITS = 32 - 8 - 2 };

/* Of one direction: output i is the sum of weights[i * most + j] times input first[i] + j. */
typedef struct {
    int n; /* outputs */
    int most;
    int *first, *count;
    int32_t *weights;
} taps;

/* Keys' cubic convolution with a = -0.5. */
static double bicubic(double x)
{
    const double a = -0.5;

    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static double sinc(double x)
{
    return x == 0 ? 1 : sin(x * M_PI) / (x * M_PI);
}

static double lanczos(double x)
{
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

static const struct {
    double (*weigh)(double x);
    double support;
} filters[] = {[RT_FILTER_BICUBIC] = {bicubic, 2}, [RT_FILTER_LANCZOS] = {lanczos, 3}};

static int clamp(int x, int low, int high)
{
    return x < low ? low : x > high ? high : x;
}

/* The weights of one output around `center`, which make 1 together before they are rounded. */
static void weigh(taps *t, int i, rt_filter filter, double center, double stretch, double *work)
{
    int32_t *to = t->weights + (size_t)i * (size_t)t->most;
    double sum = 0;

    for (int j = 0; j < t->count[i]; j++) {
        work[j] = filters[filter].weigh((j + t->first[i] - center + 0.5) * (1 / stretch));
        sum += work[j];
    }
    for (int j = 0; j < t->count[i]; j++) {
        double weight = (sum != 0 ? work[j] / sum : work[j]) * (1 << WEIGHT_BITS);

        to[j] = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
}

static bool make_taps(taps *t, int in, int out, rt_filter filter, fm_arena *arena)
{
    double step = (double)in / out, stretch = step < 1 ? 1 : step;
    double support = filters[filter].support * stretch;

    t->n = out;
    t->most = (int)ceil(support) * 2 + 1;
    t->first = fm_arena_alloc(arena, (size_t)out, sizeof(*t->first));
    t->count = fm_arena_alloc(arena, (size_t)out, sizeof(*t->count));
    t->weights = fm_arena_alloc(arena, (size_t)out * (size_t)t->most, sizeof(*t->weights));
    double *work = fm_arena_alloc(arena, (size_t)t->most, sizeof(*work));
    if (!t->first || !t->count || !t->weights || !work)
        return false;
    for (int i = 0; i < out; i++) {
        double center = (i + 0.5) * step;

        t->first[i] = clamp((int)(center - support + 0.5), 0, in);
        t->count[i] = clamp((int)(center + support + 0.5), 0, in) - t->first[i];
        weigh(t, i, filter, center, stretch, work);
    }
    return true;
}

static uint8_t rounded(int32_t sum)
{
    return (uint8_t)clamp(sum >> WEIGHT_BITS, 0, 255);
}

#define HALF (1 << (WEIGHT_BITS - 1))

/* One row of pixels, across. */
static void resize_row(uint8_t *out, const uint8_t *in, const taps *t, int channels)
{
    for (int i = 0; i < t->n; i++) {
        const int32_t *weights = t->weights + (size_t)i * (size_t)t->most;
        const uint8_t *from = in + (size_t)t->first[i] * (size_t)channels;

        for (int c = 0; c < channels; c++) {
            int32_t sum = HALF;

            for (int j = 0; j < t->count[i]; j++)
                sum += from[j * channels + c] * weights[j];
            *out++ = rounded(sum);
        }
    }
}

/* Output row i from rows of `size` bytes, the first of which is row `top` of the picture. */
static void resize_down(uint8_t *out, const uint8_t *in, const taps *t, int i, int top, size_t size,
                        int32_t *sums)
{
    const int32_t *weights = t->weights + (size_t)i * (size_t)t->most;

    for (size_t x = 0; x < size; x++)
        sums[x] = HALF;
    for (int j = 0; j < t->count[i]; j++) {
        const uint8_t *row = in + (size_t)(t->first[i] + j - top) * size;

        for (size_t x = 0; x < size; x++)
            sums[x] += row[x] * weights[j];
    }
    for (size_t x = 0; x < size; x++)
        out[x] = rounded(sums[x]);
}

typedef struct {
    uint8_t *out;
    const uint8_t *in;
    int width, height, in_width, in_height, channels;
} job;

/* Across first, and only the rows that are then wanted. A direction that keeps its size is left out. */
static bool resample(const job *j, rt_filter filter, fm_arena *arena)
{
    size_t in_row = (size_t)j->in_width * (size_t)j->channels;
    size_t row = (size_t)j->width * (size_t)j->channels;
    taps across = {0}, down = {0};
    const uint8_t *rows = j->in;
    int top = 0, bottom = j->in_height;

    if (j->height != j->in_height) {
        if (!make_taps(&down, j->in_height, j->height, filter, arena))
            return false;
        top = down.first[0];
        bottom = down.first[down.n - 1] + down.count[down.n - 1];
        rows += (size_t)top * in_row;
    }
    if (j->width != j->in_width) {
        uint8_t *to = down.n ? fm_arena_alloc(arena, (size_t)(bottom - top), row) : j->out;

        if (!to || !make_taps(&across, j->in_width, j->width, filter, arena))
            return false;
        for (int y = 0; y < bottom - top; y++)
            resize_row(to + (size_t)y * row, rows + (size_t)y * in_row, &across, j->channels);
        rows = to;
    }
    if (down.n) {
        int32_t *sums = fm_arena_alloc(arena, row, sizeof(*sums));

        for (int y = 0; sums && y < j->height; y++)
            resize_down(j->out + (size_t)y * row, rows, &down, y, top, row, sums);
        return sums != NULL;
    }
    if (rows != j->out)
        memcpy(j->out, rows, row * (size_t)j->height);
    return true;
}

/* PIL goes on by adding the step, so the place that rounding picks is that of the sum. */
static void pick_nearest(const job *j)
{
    double x_step = (double)j->in_width / j->width, y_step = (double)j->in_height / j->height;
    double y_at = y_step * 0.5;
    uint8_t *out = j->out;

    for (int y = 0; y < j->height; y++, y_at += y_step) {
        const uint8_t *row = j->in + (size_t)clamp((int)y_at, 0, j->in_height - 1) *
                                         (size_t)j->in_width * (size_t)j->channels;
        double x_at = x_step * 0.5;

        for (int x = 0; x < j->width; x++, x_at += x_step)
            for (int c = 0; c < j->channels; c++)
                *out++ = row[(size_t)clamp((int)x_at, 0, j->in_width - 1) * (size_t)j->channels +
                             (size_t)c];
    }
}

static bool is_side(int n)
{
    return n >= 1 && n <= RT_MAX_PICTURE_SIDE;
}

fm_status rt_picture_resize(uint8_t *out, int width, int height, const uint8_t *in, int in_width,
                            int in_height, int channels, rt_filter filter, fm_arena *arena,
                            fm_err *err)
{
    job j = {out, in, width, height, in_width, in_height, channels};
    fm_arena_place place = fm_arena_mark(arena);
    bool done = true;

    if (!is_side(width) || !is_side(height) || !is_side(in_width) || !is_side(in_height))
        return fm_fail(err, FM_E_USAGE, "a picture of %d x %d cannot be made %d x %d", in_width,
                       in_height, width, height);
    if (filter == RT_FILTER_NEAREST)
        pick_nearest(&j);
    else
        done = resample(&j, filter, arena);
    fm_arena_rewind(arena, place);
    return done ? FM_OK
                : fm_fail(err, FM_E_NOMEM, "no memory to make a picture of %d x %d %d x %d",
                          in_width, in_height, width, height);
}

/* ---- grids ---- */

void rt_picture_grid(int side, int width, int height, int fewest, int most, int *columns, int *rows)
{
    double aspect = (double)width / height, area = (double)width * height, best = INFINITY;

    *columns = *rows = 1;
    /* By number of tiles, so that of two as near ones the larger comes later. */
    for (int n = fewest; n <= most; n++)
        for (int i = 1; i <= n; i++) {
            if (n % i != 0)
                continue;
            int j = n / i;
            double off = fabs(aspect - (double)i / j);
            if (off < best || (off == best && area > 0.5 * side * side * n)) {
                best = off;
                *columns = i;
                *rows = n / i;
            }
        }
}

/* The grids that a picture is cut into, one after another. */
typedef struct {
    int columns, rows;
} grid;

static grid choose_grid(int side, int width, int height, int fewest, int most)
{
    grid g;

    rt_picture_grid(side, width, height, fewest, most, &g.columns, &g.rows);
    return g;
}

static int plan_grids(const rt_picture_config *c, int side, int width, int height,
                      grid grids[RT_MAX_SCALES])
{
    int last = c->n_scales - 1;

    switch (c->tiling) {
    case RT_TILES_RESIZE:
        break;
    case RT_TILES_DYNAMIC:
        grids[0] = choose_grid(side, width, height, c->min_tiles, c->max_tiles);
        grids[1] = (grid){1, 1}; /* the thumbnail */
        return grids[0].columns * grids[0].rows > 1 ? 2 : 1;
    case RT_TILES_DYNAMIC_S2:
        for (int i = 0; i < last; i++)
            grids[i] = (grid){c->scales[i] / c->scales[0], c->scales[i] / c->scales[0]};
        int fewest = c->scales[last] / c->scales[0];
        grids[last] = choose_grid(side, width, height, fewest * fewest, c->max_tiles);
        return c->n_scales;
    }
    grids[0] = (grid){1, 1};
    return 1;
}

/* ---- tiles ---- */

typedef struct {
    const rt_picture_config *config;
    int side;
    const uint8_t *rgb;
    int width, height;
    float levels[256][3]; /* what each byte becomes */
} picture;

static void prepare_levels(picture *p)
{
    const rt_picture_config *c = p->config;
    size_t n = (size_t)p->width * (size_t)p->height;

    for (int channel = 0; channel < 3; channel++) {
        double mean = c->mean[channel], sum = 0;

        for (size_t i = 0; c->centred && i < n; i++)
            sum += p->rgb[i * 3 + (size_t)channel];
        if (c->centred)
            mean = sum / (255.0 * (double)n);
        for (int byte = 0; byte < 256; byte++)
            p->levels[byte][channel] = (float)((byte / 255.0 - mean) / c->deviation[channel]);
    }
}

/* pixels[rows][columns][side][side][3] of the whole picture at the grid's size. */
static fm_status cut_grid(const picture *p, grid g, float *pixels, fm_arena *arena, fm_err *err)
{
    int width = g.columns * p->side, height = g.rows * p->side;
    size_t row_bytes = (size_t)width * 3;
    uint8_t *sheet = fm_arena_alloc(arena, (size_t)height, row_bytes);

    if (!sheet)
        return fm_fail(err, FM_E_NOMEM, "no memory for a picture of %d x %d", width, height);
    fm_status st = rt_picture_resize(sheet, width, height, p->rgb, p->width, p->height, 3,
                                     RT_FILTER_BICUBIC, arena, err);
    for (int tile = 0; tile < g.columns * g.rows && st == FM_OK; tile++)
        for (int y = 0; y < p->side; y++) {
            const uint8_t *from = sheet + (size_t)(tile / g.columns * p->side + y) * row_bytes +
                                  (size_t)(tile % g.columns * p->side) * 3;

            for (int i = 0; i < p->side * 3; i++)
                *pixels++ = p->levels[from[i]][i % 3];
        }
    return st;
}

fm_status rt_picture_tiles(rt_tiles *out, const rt_picture_config *config, int side,
                           const uint8_t *rgb, int width, int height, fm_arena *arena, fm_err *err)
{
    picture p = {.config = config, .side = side, .rgb = rgb, .width = width, .height = height};
    rt_tiles tiles = {.side = side};
    grid grids[RT_MAX_SCALES];
    size_t tile_floats = (size_t)side * (size_t)side * 3;
    fm_status st = FM_OK;

    if (!is_side(width) || !is_side(height))
        return fm_fail(err, FM_E_USAGE, "a picture of %d x %d", width, height);
    int n_grids = plan_grids(config, side, width, height, grids);
    for (int i = 0; i < n_grids; i++) {
        tiles.per_scale[i] = grids[i].columns * grids[i].rows;
        tiles.n += tiles.per_scale[i];
    }
    tiles.thumbnail = config->tiling == RT_TILES_DYNAMIC && n_grids == 2;
    tiles.columns = grids[tiles.thumbnail ? 0 : n_grids - 1].columns;
    tiles.rows = grids[tiles.thumbnail ? 0 : n_grids - 1].rows;
    tiles.pixels = fm_arena_alloc(arena, (size_t)tiles.n * tile_floats, sizeof(*tiles.pixels));
    if (!tiles.pixels)
        return fm_fail(err, FM_E_NOMEM, "no memory for %d tiles of %d x %d", tiles.n, side, side);
    prepare_levels(&p);
    fm_arena_place place = fm_arena_mark(arena);
    float *at = tiles.pixels;
    for (int i = 0; i < n_grids && st == FM_OK; i++) {
        st = cut_grid(&p, grids[i], at, arena, err);
        at += (size_t)tiles.per_scale[i] * tile_floats;
        fm_arena_rewind(arena, place);
    }
    if (st == FM_OK)
        *out = tiles;
    return st;
}

/* ---- depth ---- */

void rt_picture_depth(uint8_t *rgb, const float *depth_m, size_t n, rt_depth_rule rule)
{
    double least = INFINITY, most = -INFINITY;

    for (size_t i = 0; i < n; i++)
        if (depth_m[i] > 0 && isfinite(depth_m[i])) {
            double value = rule == RT_DEPTH_INVERSE ? 1.0 / depth_m[i] : depth_m[i];

            least = fmin(least, value);
            most = fmax(most, value);
        }
    for (size_t i = 0; i < n; i++) {
        double value = least;

        if (depth_m[i] > 0 && isfinite(depth_m[i]))
            value = rule == RT_DEPTH_INVERSE ? 1.0 / depth_m[i] : depth_m[i];
        uint8_t level = most > least ? (uint8_t)((value - least) / (most - least) * 255) : 0;
        memset(rgb + i * 3, level, 3);
    }
}
