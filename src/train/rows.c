/* Owns how rows are laid together from others: nothing here computes. */
#include <string.h>

#include "train/layers.h"

tr_rows tr_input(tr_pass *pass, const float *data, size_t n, size_t width)
{
    tr_rows out = tr_pass_constants(pass, n, width);

    if (out.n > 0)
        memcpy(out.x, data, n * width * sizeof(*data));
    return out;
}

tr_rows tr_part(tr_rows x, size_t first, size_t end)
{
    size_t last = end < x.n ? end : x.n;

    if (first >= last)
        return (tr_rows){.width = x.width};
    return (tr_rows){last - first, x.width, x.x + first * x.width, x.slope,
                     x.within + first * x.width};
}

tr_rows tr_rows_of_width(tr_rows x, size_t width)
{
    return (tr_rows){x.n * x.width / width, width, x.x, x.slope, x.within};
}

/* ---- embeddings ---- */

typedef struct {
    tr_param table;
    tr_rows out;
    const int32_t *ids;
} embed_note;

static void embed_back(tr_pass *pass, const void *what)
{
    const embed_note *note = what;
    const float *slope = tr_pass_slope(pass, note->out);
    size_t width = note->out.width;

    for (size_t i = 0; i < note->out.n; i++)
        pass->arithmetic->add(tr_pass_gradient(pass, note->table) + (size_t)note->ids[i] * width,
                              slope + i * width, width);
}

tr_rows tr_embed(tr_pass *pass, tr_param table, const int32_t *ids, size_t n)
{
    tr_rows out = tr_pass_rows(pass, n, table.columns);
    const float *values = tr_pass_values(pass, table);

    for (size_t i = 0; i < out.n; i++)
        memcpy(out.x + i * out.width, values + (size_t)ids[i] * out.width,
               out.width * sizeof(*values));
    embed_note *note = tr_pass_note(pass, embed_back, sizeof(*note));
    if (note)
        *note = (embed_note){table, out, ids};
    return out;
}

/* ---- gathering ---- */

typedef struct {
    tr_rows sources[TR_MAX_SOURCES], out;
    const tr_place *from;
} gather_note;

static void gather_back(tr_pass *pass, const void *what)
{
    const gather_note *note = what;
    const float *slope = tr_pass_slope(pass, note->out);
    float *slopes[TR_MAX_SOURCES] = {NULL};
    size_t width = note->out.width;

    for (size_t i = 0; i < TR_MAX_SOURCES; i++)
        slopes[i] = tr_pass_slope(pass, note->sources[i]);
    for (size_t i = 0; i < note->out.n; i++) {
        const tr_place *from = &note->from[i];

        if (from->source != TR_NOTHING && slopes[from->source])
            pass->arithmetic->add(slopes[from->source] + from->row * width, slope + i * width,
                                  width);
    }
}

tr_rows tr_gather(tr_pass *pass, const tr_rows *sources, size_t n_sources, const tr_place *from,
                  size_t n, size_t width)
{
    tr_rows out = tr_pass_rows(pass, n, width);

    for (size_t i = 0; i < out.n; i++) {
        if (from[i].source == TR_NOTHING)
            memset(out.x + i * width, 0, width * sizeof(float));
        else
            memcpy(out.x + i * width, sources[from[i].source].x + from[i].row * width,
                   width * sizeof(float));
    }
    gather_note *note = tr_pass_note(pass, gather_back, sizeof(*note));
    if (note) {
        *note = (gather_note){.out = out, .from = from};
        memcpy(note->sources, sources, n_sources * sizeof(*sources));
    }
    return out;
}

tr_rows tr_append(tr_pass *pass, tr_rows x, tr_rows y)
{
    tr_rows sources[] = {x, y};
    size_t n = x.n + y.n;
    tr_place *places = tr_pass_take(pass, n * sizeof(*places));

    for (size_t i = 0; places && i < n; i++)
        places[i] = i < x.n ? (tr_place){0, i} : (tr_place){1, i - x.n};
    return tr_gather(pass, sources, 2, places, n, x.width);
}

/* ---- neighbourhoods ---- */

typedef struct {
    tr_rows x, out;
    size_t rows, columns;
} neighbours_note;

/* Row of x that stands at (dy, dx) of row i, both 0 .. 2; false where that is outside. */
static bool neighbour(const neighbours_note *grid, size_t i, size_t dy, size_t dx, size_t *row)
{
    size_t column = i % grid->columns + dx, line = i / grid->columns % grid->rows + dy;

    *row = i + dy * grid->columns + dx - grid->columns - 1;
    return column >= 1 && column <= grid->columns && line >= 1 && line <= grid->rows;
}

static void neighbours_back(tr_pass *pass, const void *what)
{
    const neighbours_note *note = what;
    const float *from = tr_pass_slope(pass, note->out);
    float *to = tr_pass_slope(pass, note->x);
    size_t width = note->x.width, row;

    for (size_t i = 0; i < note->out.n; i++)
        for (size_t k = 0; k < 9; k++)
            if (neighbour(note, i, k / 3, k % 3, &row))
                for (size_t c = 0; c < width; c++)
                    to[row * width + c] += from[i * note->out.width + c * 9 + k];
}

tr_rows tr_neighbours(tr_pass *pass, tr_rows x, size_t rows, size_t columns)
{
    tr_rows out =
        x.slope ? tr_pass_rows(pass, x.n, x.width * 9) : tr_pass_constants(pass, x.n, x.width * 9);
    neighbours_note made = {x, out, rows, columns};
    size_t row;

    for (size_t i = 0; i < made.out.n; i++)
        for (size_t k = 0; k < 9; k++) {
            bool inside = neighbour(&made, i, k / 3, k % 3, &row);

            for (size_t c = 0; c < x.width; c++)
                made.out.x[i * made.out.width + c * 9 + k] = inside ? x.x[row * x.width + c] : 0;
        }
    neighbours_note *note = x.slope ? tr_pass_note(pass, neighbours_back, sizeof(*note)) : NULL;
    if (note)
        *note = made;
    return made.out;
}
