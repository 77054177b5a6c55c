/* Owns what a cell shows, and how that is written down. */
#include "train/shown.h"

#include <math.h>
#include <string.h>

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for what a picture shows");
}

/* A word's bucket, by FNV-1a: two words in one cost little, and no list has to be kept. */
static int32_t bucket_of(const char *word)
{
    uint32_t hash = 2166136261U;

    for (const char *c = word ? word : ""; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619U;
    return (int32_t)(1 + hash % (TR_KINDS - 1));
}

/* Cell i of rows x columns. NULL: nothing that has a name. */
static const fm_world_object *shown_in(const fm_world_scene *scene, size_t rows, size_t columns,
                                       size_t i)
{
    size_t counts[FM_WORLD_OBJECTS_MAX + 1] = {0}, all = 0;
    size_t width = (size_t)scene->width, height = (size_t)scene->height;
    size_t row = i / columns, column = i % columns;
    int best = 1;

    for (size_t y = row * height / rows; y < (row + 1) * height / rows; y++)
        for (size_t x = column * width / columns; x < (column + 1) * width / columns; x++, all++)
            counts[scene->ids[y * width + x]]++;
    for (int id = 2; id <= FM_WORLD_OBJECTS_MAX; id++)
        best = counts[id] > counts[best] ? id : best;
    bool shown = counts[best] > 0 && counts[best] * 8 >= all && best <= scene->n_objects;
    return shown ? &scene->objects[best - 1] : NULL;
}

/* Digits of a place, as answers write it. */
static void digits_of(const double place[3], int32_t out[TR_DIGITS])
{
    long x = lround(fmin(fmax(place[0], 0), 0.999) * 1000),
         y = lround(fmin(fmax(place[1], 0), 0.999) * 1000),
         d = lround(fmin(fmax(place[2], 0), 9.99) * 100);
    const long digits[TR_DIGITS] = {x / 100, x / 10 % 10, y / 100, y / 10 % 10,
                                    d / 100, d / 10 % 10, d % 10};

    for (int i = 0; i < TR_DIGITS; i++)
        out[i] = (int32_t)digits[i];
}

/* ---- of patches ---- */

/* Of the patches that show nothing so many are asked what they show: there are ten times as many of
 * them as of the others, and they are soon known. */
static const double nothing_asked = 0.15;

fm_status tr_shown_labels(const fm_world_scene *scene, size_t rows, size_t columns, fm_rng *rng,
                          fm_arena *arena, tr_labels *out, fm_err *err)
{
    size_t n = rows * columns;
    int32_t *kinds = fm_arena_alloc(arena, n, sizeof(*kinds));
    int32_t *colours = fm_arena_alloc(arena, n, sizeof(*colours));
    float *places = fm_arena_alloc(arena, n * 3, sizeof(*places));
    bool *placed = fm_arena_alloc(arena, n, sizeof(*placed));
    int32_t *digits = fm_arena_alloc(arena, n * TR_DIGITS, sizeof(*digits));

    if (!kinds || !colours || !places || !placed || !digits)
        return no_memory(err);
    memset(digits, -1, n * TR_DIGITS * sizeof(*digits));
    for (size_t i = 0; i < n; i++) {
        const fm_world_object *object = shown_in(scene, rows, columns, i);

        if (!object) {
            kinds[i] = colours[i] = fm_rng_unit(rng) < nothing_asked ? 0 : -1;
            continue;
        }
        kinds[i] = bucket_of(object->kind);
        colours[i] = bucket_of(object->colour);
        placed[i] = true;
        for (size_t j = 0; j < 3; j++)
            places[i * 3 + j] = (float)object->centre[j];
        digits_of(object->centre, digits + i * TR_DIGITS);
    }
    *out = (tr_labels){n, kinds, colours, places, placed, digits};
    return FM_OK;
}

/* ---- of tokens ---- */

enum { NAMES = 2 * TR_KINDS, VECTORS = NAMES + 10 * TR_DIGITS };

/* Of vectors for kinds and colours, beside those for digits: by them a thing is found, and digits, half of
 * which no tower sees well, outnumber them. */
static const double name_size = 2;

fm_status tr_code_book_make(tr_code_book *out, size_t width, fm_arena *arena, fm_err *err)
{
    size_t n = VECTORS * tr_coded(width);
    float *vectors = fm_arena_alloc(arena, n, sizeof(*vectors));
    fm_rng rng;

    if (!vectors)
        return no_memory(err);
    fm_rng_seed(&rng, 1);
    double digit_size = 1 / sqrt(2 * name_size * name_size + TR_DIGITS);
    for (size_t i = 0; i < n; i++)
        vectors[i] = (float)(fm_rng_normal(&rng) * digit_size *
                             (i < NAMES * tr_coded(width) ? name_size : 1));
    *out = (tr_code_book){width, vectors};
    return FM_OK;
}

static void add_vector(const tr_code_book *book, size_t which, float *row)
{
    const float *vector = book->vectors + which * tr_coded(book->width);

    for (size_t i = 0; i < tr_coded(book->width); i++)
        row[i] += vector[i];
}

static void write_code(const tr_code_book *book, const fm_world_object *object, float *row)
{
    int32_t digits[TR_DIGITS];

    digits_of(object->centre, digits);
    add_vector(book, (size_t)bucket_of(object->kind), row);
    add_vector(book, TR_KINDS + (size_t)bucket_of(object->colour), row);
    for (size_t i = 0; i < TR_DIGITS; i++)
        add_vector(book, NAMES + i * 10 + (size_t)digits[i], row);
}

fm_status tr_shown_codes(const tr_code_book *book, const fm_world_scene *scene, size_t rows,
                         size_t columns, fm_arena *arena, tr_codes *out, fm_err *err)
{
    size_t n = rows * columns, coded = tr_coded(book->width);
    float *codes = fm_arena_alloc(arena, n * coded, sizeof(*codes));
    bool *known = fm_arena_alloc(arena, n, sizeof(*known));

    if (!codes || !known)
        return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        const fm_world_object *object = shown_in(scene, rows, columns, i);

        known[i] = object != NULL;
        if (object)
            write_code(book, object, codes + i * coded);
    }
    *out = (tr_codes){n, codes, known};
    return FM_OK;
}
