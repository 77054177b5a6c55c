/* What the cells of a picture show, by a picture that is drawn here. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>
#include <string.h>

#include "train/shown.h"

enum { SIDE = 16, CELLS = 4, WIDTH = 32, TOKEN = 24 };

/* A red mug over cells (0, 0) and (0, 1), a red can in one pixel of cell (3, 3), a blue mug in (2, 2). */
typedef struct {
    fm_world_scene scene;
    uint8_t ids[SIDE * SIDE];
    fm_world_object objects[3];
    fm_arena arena;
} drawing;

static void paint(drawing *d, uint8_t id, int left, int top, int width, int height)
{
    for (int y = top; y < top + height; y++)
        memset(d->ids + y * SIDE + left, id, (size_t)width);
}

static void set_up(drawing *d)
{
    static const fm_world_object things[] = {
        {.kind = "mug", .colour = "red", .centre = {0.2473, 0.126, 1.534}},
        {.kind = "can", .colour = "red", .centre = {0.97, 0.99, 2}},
        {.kind = "mug", .colour = "blue", .centre = {0.65, 0.65, 12}},
    };

    *d = (drawing){0};
    memcpy(d->objects, things, sizeof(things));
    paint(d, 1, 0, 0, 8, 4);
    paint(d, 2, 15, 15, 1, 1);
    paint(d, 3, 8, 8, 2, 1); /* an eighth of its cell */
    d->scene = (fm_world_scene){.width = SIDE, .height = SIDE, .ids = d->ids, .n_objects = 3};
    memcpy(d->scene.objects, things, sizeof(things));
}

Test(train_shown, patches_have_the_kind_the_colour_and_the_place_of_what_fills_an_eighth_of_them)
{
    static const int32_t digits[TR_DIGITS] = {2, 4, 1, 2, 1, 5, 3};
    drawing d;
    tr_labels l;
    fm_rng rng;
    size_t asked = 0;

    set_up(&d);
    fm_rng_seed(&rng, 1);
    cr_assert(eq(int, tr_shown_labels(&d.scene, CELLS, CELLS, &rng, &d.arena, &l, NULL), FM_OK));
    cr_assert(eq(sz, l.n, CELLS * CELLS));
    cr_expect(gt(i32, l.kinds[0], 0));
    cr_expect(eq(i32, l.kinds[1], l.kinds[0]));
    cr_expect(eq(i32, l.kinds[10], l.kinds[0]));
    cr_expect(eq(i32, l.colours[1], l.colours[0]));
    cr_expect(ne(i32, l.colours[10], l.colours[0]));
    cr_expect(le(i32, l.kinds[15], 0));
    for (size_t i = 0; i < l.n; i++) {
        bool shows = i == 0 || i == 1 || i == 10;

        cr_expect(eq(int, l.placed[i], shows));
        cr_expect(eq(int, l.digits[i * TR_DIGITS] >= 0, shows));
        cr_expect(eq(i32, l.kinds[i] > 0, shows));
        asked += l.kinds[i] == 0;
    }
    cr_expect(lt(sz, asked, 13)); /* of what shows nothing, not all is asked */
    cr_expect(eq(int, memcmp(l.digits, digits, sizeof(digits)), 0));
    cr_expect(eq(i32, l.digits[10 * TR_DIGITS + 4], 9)); /* the depth's units go no further */
    cr_expect(epsilon_eq(flt, l.places[0], 0.2473F, 1e-6F));
    fm_arena_release(&d.arena);
}

static double distance(const float *a, const float *b)
{
    double sum = 0;

    for (size_t i = 0; i < TOKEN; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sqrt(sum);
}

Test(train_shown, codes_are_alike_as_far_as_things_are)
{
    tr_code_book book;
    tr_codes whole, again;
    drawing d;

    set_up(&d);
    cr_assert(eq(int, tr_code_book_make(&book, WIDTH, &d.arena, NULL), FM_OK));
    cr_assert(
        eq(int, tr_shown_codes(&book, &d.scene, CELLS, CELLS, &d.arena, &whole, NULL), FM_OK));
    cr_assert(eq(sz, whole.n, CELLS * CELLS));
    for (size_t i = 0; i < whole.n; i++)
        cr_expect(eq(int, whole.known[i], i == 0 || i == 1 || i == 10));
    cr_expect(eq(dbl, distance(whole.rows, whole.rows + TOKEN), 0));
    cr_expect(gt(dbl, distance(whole.rows, whole.rows + 10 * TOKEN), 1));

    /* Only the colour differs: by two vectors of TOKEN entries that deviate by 2 / sqrt(2 4 + 7). */
    d.scene.objects[0].colour = "blue";
    cr_assert(
        eq(int, tr_shown_codes(&book, &d.scene, CELLS, CELLS, &d.arena, &again, NULL), FM_OK));
    double off = distance(whole.rows, again.rows);
    cr_expect(gt(dbl, off, sqrt(2.0 * TOKEN * 4 / 15) / 1.5));
    cr_expect(lt(dbl, off, sqrt(2.0 * TOKEN * 4 / 15) * 1.5));
    fm_arena_release(&d.arena);
}
