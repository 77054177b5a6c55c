/* What lies on a picture: boundaries of masks, regions and traces; and that a report keeps them. */
#include "report/shapes.h"

#include <math.h>

#include "report_fixture.h"

/* A mask from rows of text: '#' is set. */
static void mask_from(fm_raster *mask, const char *const *rows, int height)
{
    int width = (int)strlen(rows[0]);

    cr_assert(eq(int, fm_raster_reserve(mask, width, height, 1, 8, NULL), FM_OK));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            ((unsigned char *)mask->data)[y * width + x] = rows[y][x] == '#' ? 255 : 0;
}

/* Twice the area, positive where the walk has what is set on its right hand (y grows downwards). */
static double turned_area(const fm_outline *o)
{
    double sum = 0;

    for (size_t i = 0; i < o->n; i++) {
        const double *a = o->points[i], *b = o->points[(i + 1) % o->n];

        sum += a[0] * b[1] - b[0] * a[1];
    }
    return sum;
}

Test(report_outline, a_rectangle_has_its_own_area_but_for_the_tips_of_its_corners)
{
    static const char *const rows[] = {"........", "..####..", "..####..", "..####..", "........"};
    fm_outline found[FM_OUTLINES_MOST];
    fm_raster mask = {0};
    fm_arena arena = {0};
    size_t n;

    mask_from(&mask, rows, 5);
    cr_assert(eq(int, fm_outlines_of(&mask, 0.1, &arena, found, &n, NULL), FM_OK));
    cr_assert(eq(sz, n, 1));
    cr_expect(eq(sz, found[0].n, 8));
    cr_expect(eq(dbl, turned_area(&found[0]), 24 - 4 * 0.25));
    fm_arena_release(&arena);
    fm_raster_release(&mask);
}

Test(report_outline, holes_touching_corners_and_the_border_are_followed)
{
    static const char *const rows[] = {"####....", "#..#....", "#..#....", "####....",
                                       "....####", "....####", "....####", "....####"};
    fm_outline found[FM_OUTLINES_MOST];
    fm_raster mask = {0};
    fm_arena arena = {0};
    double area = 0;
    size_t n;

    mask_from(&mask, rows, 8);
    ((unsigned char *)mask.data)[0] = 1; /* any value but zero counts */
    cr_assert(eq(int, fm_outlines_of(&mask, 0.1, &arena, found, &n, NULL), FM_OK));
    for (size_t i = 0; i < n; i++)
        area += turned_area(&found[i]);
    cr_expect(eq(sz, n, 2)); /* the hole has 8 edges: a speck */
    cr_expect(eq(dbl, area, 2 * (32 - 8 * 0.125)));
    fm_arena_release(&arena);
    fm_raster_release(&mask);
}

Test(report_outline, a_disc_keeps_its_area_with_few_points)
{
    enum { SIZE = 200 };
    fm_outline found[FM_OUTLINES_MOST];
    fm_raster mask = {0};
    fm_arena arena = {0};
    double pixels = 0;
    size_t n;

    cr_assert(eq(int, fm_raster_reserve(&mask, SIZE, SIZE, 1, 8, NULL), FM_OK));
    for (int i = 0; i < SIZE * SIZE; i++) {
        bool inside = hypot(i % SIZE - 100, i / SIZE - 90) < 70;

        ((unsigned char *)mask.data)[i] = inside;
        pixels += inside;
    }
    cr_assert(eq(int, fm_outlines_of(&mask, 0.8, &arena, found, &n, NULL), FM_OK));
    cr_assert(eq(sz, n, 1));
    cr_expect(lt(sz, found[0].n, 60));
    cr_expect(lt(dbl, fabs(turned_area(&found[0]) / 2 / pixels - 1), 0.02));
    fm_arena_release(&arena);
    fm_raster_release(&mask);
}

Test(report_outline, a_mask_of_nothing_and_one_of_everything)
{
    fm_outline found[FM_OUTLINES_MOST];
    fm_raster mask = {0};
    fm_arena arena = {0};
    size_t n;

    cr_assert(eq(int, fm_raster_reserve(&mask, 30, 20, 1, 8, NULL), FM_OK));
    cr_assert(eq(int, fm_outlines_of(&mask, 0.1, &arena, found, &n, NULL), FM_OK));
    cr_expect(eq(sz, n, 0));
    memset(mask.data, 1, 600);
    cr_assert(eq(int, fm_outlines_of(&mask, 0.1, &arena, found, &n, NULL), FM_OK));
    cr_assert(eq(sz, n, 1));
    cr_expect(eq(dbl, turned_area(&found[0]), 1200 - 4 * 0.25));
    fm_arena_release(&arena);
    fm_raster_release(&mask);
}

Test(report_shapes, a_normalised_box_becomes_a_region_in_pixels)
{
    fm_sample sample = {.id = "a", .kind = FM_ANSWER_POINTS};
    fm_shapes shapes;
    fm_arena arena = {0};

    sample.truth.region =
        (fm_truth_region){.has_box = true, .box = {0.25, 0.5, 0.75, 1}, .normalised = true};
    cr_assert(eq(int, fm_shapes_make(&sample, 400, 200, NULL, &arena, &shapes, NULL), FM_OK));
    cr_assert(eq(sz, shapes.region.n, 4));
    cr_expect(eq(dbl, shapes.region.points[2][0], 300));
    cr_expect(eq(dbl, shapes.region.points[2][1], 200));
    cr_expect(eq(sz, shapes.trace.n, 0));
    fm_arena_release(&arena);
}

Test(report_shapes, a_long_answer_is_shown_by_some_of_its_points_first_and_last_among_them)
{
    fm_buf text = {0};
    fm_arena arena = {0};
    double(*points)[3];

    fm_buf_puts(&text, "{\"answer\": {\"points\": [");
    for (int i = 0; i < 3000; i++)
        fm_buf_printf(&text, "%s[%d, 0.5]", i ? "," : "", i);
    fm_buf_puts(&text, "]}}");
    cJSON *line = fixture_json(fm_buf_text(&text));
    cr_assert(eq(sz, fm_shapes_answer(line, &arena, &points), FM_SHAPES_MOST_POINTS));
    cr_expect(eq(dbl, points[0][0], 0));
    cr_expect(eq(dbl, points[FM_SHAPES_MOST_POINTS - 1][0], 2999));
    cr_expect(isnan(points[0][2]));
    cJSON_Delete(line);
    fm_arena_release(&arena);
    fm_buf_release(&text);
}

/* The union of truths is copied by its kind: options are no points. */
Test(report_model, samples_of_every_kind_outlive_the_suite)
{
    report_fixture f = {0};
    char *texts[2] = {strdup("left"), strdup("right")};
    const char *options[2] = {texts[0], texts[1]};
    double polygon[3][2] = {{0, 0}, {1, 0}, {0, 1}};
    char unit[] = "cm";
    fm_sample samples[3] = {
        {.id = "a", .kind = FM_ANSWER_CHOICE, .truth.choice = {options, 2, 1}},
        {.id = "b", .kind = FM_ANSWER_QUANTITY, .truth.quantity = {{12}, 1, unit}},
        {.id = "c", .kind = FM_ANSWER_POINTS, .truth.region = {.polygon = polygon, .n_polygon = 3}},
    };
    fm_report_run *run =
        fixture_run(&f, "/runs/one", FIXTURE_RESULTS("oracle", "paper", "1"), NULL, 0);

    for (int i = 0; i < 3; i++)
        cr_assert(
            eq(int,
               fm_report_run_add(&f.model, run, fixture_json("{\"id\": \"a\"}"), &samples[i], NULL),
               FM_OK));
    free(texts[0]);
    free(texts[1]);
    options[1] = NULL;
    unit[0] = 'x';
    polygon[1][0] = 7;
    cr_expect(eq(str, TEXT(run->samples[0].sample.truth.choice.options[1]), "right"));
    cr_expect(eq(str, TEXT(run->samples[1].sample.truth.quantity.unit), "cm"));
    cr_expect(eq(dbl, run->samples[2].sample.truth.region.polygon[1][0], 1));
    fixture_release(&f);
}
