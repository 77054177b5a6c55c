/* Owns how maps of several sizes become one. */
#include "engine/s2.h"

#include <string.h>

/* A scale's tokens, still in tiles. */
typedef struct {
    const float *tiles; /* [rows columns][side][side][width] */
    int columns, rows, side, width;
} map;

static const float *token_of(const map *m, int y, int x)
{
    int tile = y / m->side * m->columns + x / m->side;
    int place = y % m->side * m->side + x % m->side;

    return m->tiles + ((size_t)tile * (size_t)(m->side * m->side) + (size_t)place) * m->width;
}

void rt_s2_lay(float *out, const float *tiles, int columns, int rows, int side, int width)
{
    map m = {tiles, columns, rows, side, width};

    for (int y = 0; y < rows * side; y++)
        for (int x = 0; x < columns * side; x++, out += width)
            memcpy(out, token_of(&m, y, x), (size_t)width * sizeof(*out));
}

static int per_side(const rt_picture_config *config, int scale)
{
    return config->scales[scale] / config->scales[0];
}

static map map_of(const rt_picture_config *config, const rt_tiles *tiles, int scale,
                  const float *at, int side, int width)
{
    if (scale == config->n_scales - 1)
        return (map){at, tiles->columns, tiles->rows, side, width};
    return (map){at, per_side(config, scale), per_side(config, scale), side, width};
}

void rt_s2_grid(const rt_picture_config *config, const rt_tiles *tiles, int *columns, int *rows)
{
    map m = map_of(config, tiles, config->resize_output_to, NULL, 0, 0);

    *columns = m.columns;
    *rows = m.rows;
}

/* The places that are averaged for place i of n: every one of `from` that it touches. */
typedef struct {
    int first, end;
} stretch;

static stretch stretch_of(int i, int n, int from)
{
    return (stretch){(int)((int64_t)i * from / n), (int)(((int64_t)(i + 1) * from + n - 1) / n)};
}

static void average(float *out, const map *m, stretch down, stretch across)
{
    float share = 1 / (float)((down.end - down.first) * (across.end - across.first));

    memset(out, 0, (size_t)m->width * sizeof(*out));
    for (int y = down.first; y < down.end; y++)
        for (int x = across.first; x < across.end; x++) {
            const float *from = token_of(m, y, x);

            for (int j = 0; j < m->width; j++)
                out[j] += from[j];
        }
    for (int j = 0; j < m->width; j++)
        out[j] *= share;
}

void rt_s2_merge(float *out, const rt_picture_config *config, const rt_tiles *tiles,
                 const float *features, int side, int width)
{
    size_t tile_floats = (size_t)(side * side) * (size_t)width;
    int columns, rows;

    rt_s2_grid(config, tiles, &columns, &rows);
    for (int scale = 0; scale < config->n_scales; scale++) {
        map m = map_of(config, tiles, scale, features, side, width);
        float *to = out + scale * width;

        features += (size_t)tiles->per_scale[scale] * tile_floats;
        for (int tile = 0; tile < columns * rows; tile++)
            for (int place = 0; place < side * side; place++, to += config->n_scales * width) {
                int y = tile / columns * side + place / side;
                int x = tile % columns * side + place % side;

                average(to, &m, stretch_of(y, rows * side, m.rows * side),
                        stretch_of(x, columns * side, m.columns * side));
            }
    }
}
