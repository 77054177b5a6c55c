/* Drawing: coverage at edges, hostile coordinates, and what an overlay puts where. */
#include "report/overlay.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "report/picture.h"
#include "report_fixture.h"

static unsigned pixel(const fm_raster *picture, int x, int y)
{
    const unsigned char *p = picture->data;

    p += ((size_t)y * (size_t)picture->width + (size_t)x) * 3;
    return (unsigned)p[0] << 16 | (unsigned)p[1] << 8 | p[2];
}

static void start(fm_canvas *canvas, fm_raster *picture, int width, int height)
{
    cr_assert(eq(int, fm_raster_reserve(picture, width, height, 3, 8, NULL), FM_OK));
    cr_assert(eq(int, fm_canvas_begin(canvas, picture, NULL), FM_OK));
}

static void finish(fm_canvas *canvas, fm_raster *picture)
{
    fm_canvas_release(canvas);
    fm_raster_release(picture);
}

Test(report_canvas, a_stroke_is_full_inside_and_half_at_its_edge)
{
    fm_canvas canvas = {0};
    fm_raster picture = {0};

    start(&canvas, &picture, 20, 20);
    fm_canvas_segment(&canvas, (double[]){2, 10}, (double[]){17, 10}, 2);
    fm_canvas_paint(&canvas, 0xFFFFFF, 1);
    cr_expect(eq(uint, pixel(&picture, 10, 10), 0xFFFFFF));
    cr_expect(eq(uint, pixel(&picture, 10, 11), 0xFFFFFF));
    cr_expect(le(int, abs((int)(pixel(&picture, 10, 12) & 255) - 128), 2));
    cr_expect(eq(uint, pixel(&picture, 10, 13), 0));
    finish(&canvas, &picture);
}

Test(report_canvas, overlapping_parts_of_one_stroke_blend_once)
{
    fm_canvas canvas = {0};
    fm_raster picture = {0};

    start(&canvas, &picture, 20, 20);
    for (int i = 0; i < 5; i++)
        fm_canvas_disc(&canvas, (double[]){10, 10}, 4);
    fm_canvas_paint(&canvas, 0xFFFFFF, 0.5);
    cr_expect(eq(uint, pixel(&picture, 10, 10), 0x7F7F7F));
    finish(&canvas, &picture);
}

Test(report_canvas, painting_forgets_what_was_collected)
{
    fm_canvas canvas = {0};
    fm_raster picture = {0};

    start(&canvas, &picture, 20, 20);
    fm_canvas_disc(&canvas, (double[]){5, 5}, 3);
    fm_canvas_paint(&canvas, 0xFF0000, 1);
    fm_canvas_disc(&canvas, (double[]){15, 15}, 3);
    fm_canvas_paint(&canvas, 0x00FF00, 1);
    cr_expect(eq(uint, pixel(&picture, 5, 5), 0xFF0000));
    cr_expect(eq(uint, pixel(&picture, 15, 15), 0x00FF00));
    finish(&canvas, &picture);
}

Test(report_canvas, a_polygon_is_filled_whichever_way_it_turns)
{
    double square[2][4][2] = {{{5, 5}, {15, 5}, {15, 15}, {5, 15}},
                              {{5, 5}, {5, 15}, {15, 15}, {15, 5}}};

    for (int way = 0; way < 2; way++) {
        fm_canvas canvas = {0};
        fm_raster picture = {0};

        start(&canvas, &picture, 20, 20);
        fm_canvas_polygon(&canvas, (const double(*)[2])square[way], 4, 0);
        fm_canvas_paint(&canvas, 0xFFFFFF, 1);
        cr_expect(eq(uint, pixel(&picture, 10, 10), 0xFFFFFF));
        cr_expect(eq(uint, pixel(&picture, 3, 10), 0));
        cr_expect(eq(uint, pixel(&picture, 17, 10), 0));
        finish(&canvas, &picture);
    }
}

Test(report_canvas, coordinates_may_lie_anywhere)
{
    static const double wild[] = {0, -1, 7.5, 1e9, -1e9, 1e200, -1e308, INFINITY, -INFINITY, NAN};
    enum { N = sizeof(wild) / sizeof(*wild) };
    fm_canvas canvas = {0};
    fm_raster picture = {0};

    start(&canvas, &picture, 16, 16);
    for (int i = 0; i < N * N * N * N; i++) {
        double a[2] = {wild[i % N], wild[i / N % N]};
        double b[2] = {wild[i / N / N % N], wild[i / N / N / N]};
        double quad[4][2] = {{a[0], a[1]}, {b[0], a[1]}, {b[0], b[1]}, {a[0], b[1]}};

        fm_canvas_segment(&canvas, a, b, 1.5);
        fm_canvas_polygon(&canvas, (const double(*)[2])quad, 4, 0.5);
        fm_canvas_paint(&canvas, 0x123456, 0.01);
    }
    finish(&canvas, &picture);
}

Test(report_canvas, a_line_across_a_far_plane_still_crosses_the_picture_where_it_should)
{
    fm_canvas canvas = {0};
    fm_raster picture = {0};

    start(&canvas, &picture, 32, 32);
    fm_canvas_segment(&canvas, (double[]){-1e6, -1e6}, (double[]){1e6, 1e6}, 1);
    fm_canvas_paint(&canvas, 0xFFFFFF, 1);
    for (int i = 0; i < 32; i++)
        cr_expect(eq(uint, pixel(&picture, i, i), 0xFFFFFF));
    cr_expect(eq(uint, pixel(&picture, 20, 10), 0));
    finish(&canvas, &picture);
}

Test(report_picture, jpeg_bytes_start_and_end_as_a_jpeg_does)
{
    fm_raster picture = {0}, larger = {0};
    fm_buf out = {0};

    cr_assert(eq(int, fm_raster_reserve(&picture, 33, 17, 3, 8, NULL), FM_OK));
    cr_assert(eq(int, fm_picture_scale(&picture, 66, 34, &larger, NULL), FM_OK));
    cr_assert(eq(int, fm_picture_jpeg(&larger, 80, &out, NULL), FM_OK));
    cr_assert(gt(sz, out.size, 100));
    cr_expect(eq(int, memcmp(out.data, "\xFF\xD8", 2), 0));
    cr_expect(eq(int, memcmp(out.data + out.size - 2, "\xFF\xD9", 2), 0));
    fm_buf_release(&out);
    fm_raster_release(&picture);
    fm_raster_release(&larger);
}

Test(report_picture, a_halved_pixel_is_the_mean_of_four)
{
    static const unsigned char row[2][9] = {{0, 10, 20, 4, 14, 24, 99, 99, 99},
                                            {8, 18, 28, 12, 22, 32, 99, 99, 99}};
    fm_raster picture = {0};

    cr_assert(eq(int, fm_raster_reserve(&picture, 3, 2, 3, 8, NULL), FM_OK));
    memcpy(picture.data, row, sizeof(row));
    fm_picture_halve(&picture);
    cr_expect(eq(int, picture.width, 1));
    cr_expect(eq(int, picture.height, 1));
    cr_expect(eq(uint, pixel(&picture, 0, 0), 6 << 16 | 16 << 8 | 26));
    fm_picture_halve(&picture); /* and stays */
    cr_expect(eq(int, picture.width, 1));
    cr_expect(eq(uint, pixel(&picture, 0, 0), 6 << 16 | 16 << 8 | 26));
    fm_raster_release(&picture);
}

/* ---- a whole overlay: a grey picture of 100 x 80, drawn 200 wide ---- */

static char image_path[64], mask_path[64];

static void make_scene(void)
{
    fm_raster image = {0}, mask = {0};

    snprintf(image_path, sizeof(image_path), "/tmp/fathom-overlay-%d.png", (int)getpid());
    snprintf(mask_path, sizeof(mask_path), "/tmp/fathom-overlay-mask-%d.png", (int)getpid());
    cr_assert(eq(int, fm_raster_reserve(&image, 100, 80, 3, 8, NULL), FM_OK));
    memset(image.data, 0x60, 100 * 80 * 3);
    cr_assert(eq(int, fm_raster_reserve(&mask, 100, 80, 1, 8, NULL), FM_OK));
    for (int y = 50; y < 70; y++)
        memset((char *)mask.data + y * 100 + 10, 255, 20);
    cr_assert(eq(int, fm_raster_save_png(&image, image_path, NULL), FM_OK));
    cr_assert(eq(int, fm_raster_save_png(&mask, mask_path, NULL), FM_OK));
    fm_raster_release(&image);
    fm_raster_release(&mask);
}

static void remove_scene(void)
{
    unlink(image_path);
    unlink(mask_path);
}

static double truth_points[2][3] = {{-0.3, -0.3, 1}, {0.3, -0.3, 1}};

static fm_sample scene_sample(void)
{
    return (fm_sample){.id = "a",
                       .image_path = image_path,
                       .mask_path = mask_path,
                       .has_camera = true,
                       .camera = {100, 100, 50, 40},
                       .kind = FM_ANSWER_TRACE3D,
                       .truth.trace = {.points = truth_points, .n = 2}};
}

static void draw(fm_overlay *overlay, const char *line, fm_status expected)
{
    fm_report_sample sample = {.id = "a", .line = fixture_json(line), .has_sample = true};
    fm_err err = {0};

    sample.sample = scene_sample();
    cr_expect(eq(int, fm_overlay_draw(overlay, &sample, 200, &err), expected), "%s", err.text);
    cJSON_Delete(sample.line);
}

Test(report_overlay, truth_prediction_and_outline_are_where_they_belong, .init = make_scene,
     .fini = remove_scene)
{
    fm_overlay overlay = {0};

    draw(&overlay, "{\"answer\": {\"points\": [[0.2, 0.5, 1], [0.8, 0.5, null]]}}", FM_OK);
    cr_assert(eq(int, overlay.picture.width, 200));
    cr_assert(eq(int, overlay.picture.height, 160));
    cr_expect(eq(uint, pixel(&overlay.picture, 100, 20), FM_COLOUR_TRUTH));
    cr_expect(eq(uint, pixel(&overlay.picture, 100, 80), FM_COLOUR_PREDICTION));
    cr_expect(eq(uint, pixel(&overlay.picture, 190, 150), 0x606060));
    /* the left edge of the mask at x = 9.5 of the image */
    unsigned edge = pixel(&overlay.picture, 19, 120);
    cr_expect(gt(int, (int)(edge & 255), (int)(edge >> 16 & 255) + 30), "%06x", edge);
    fm_overlay_release(&overlay);
}

Test(report_overlay, points_that_are_not_finite_leave_a_gap, .init = make_scene,
     .fini = remove_scene)
{
    fm_overlay overlay = {0};

    draw(
        &overlay,
        "{\"answer\": {\"points\": [[0.1, 0.5], [0.4, 0.5], [null, 0.5], [0.6, 0.5], [0.9, 0.5]]}}",
        FM_OK);
    cr_expect(eq(uint, pixel(&overlay.picture, 60, 80), FM_COLOUR_PREDICTION));
    cr_expect(eq(uint, pixel(&overlay.picture, 100, 80), 0x606060));
    fm_overlay_release(&overlay);
}

Test(report_overlay, odd_answers_draw_what_they_can, .init = make_scene, .fini = remove_scene)
{
    static const char *const odd[] = {
        "{}",
        "{\"answer\": null}",
        "{\"answer\": {\"points\": 5}}",
        "{\"answer\": {\"points\": []}}",
        "{\"answer\": {\"points\": [[0.5, 0.5]]}}",
        "{\"answer\": {\"points\": [[], [null, null], 7, \"x\", [0.5], {\"x\": 1}]}}",
        "{\"answer\": {\"points\": [[1e308, -1e308], [0.5, 0.5], [-1e9, 1e9]]}}",
    };

    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
        fm_overlay overlay = {0};

        draw(&overlay, odd[i], FM_OK);
        fm_overlay_release(&overlay);
    }
}

Test(report_overlay, the_longest_answer_is_drawn_in_bounded_time, .init = make_scene,
     .fini = remove_scene)
{
    fm_overlay overlay = {0};
    fm_buf line = {0};

    fm_buf_puts(&line, "{\"answer\": {\"points\": [[0, 0]");
    for (int i = 0; i < 65535; i++)
        fm_buf_puts(&line, i % 2 ? ",[0,0]" : ",[1,1]");
    fm_buf_puts(&line, "]}}");
    double start_s = fm_clock_seconds();
    draw(&overlay, fm_buf_text(&line), FM_OK);
    cr_expect(lt(dbl, fm_clock_seconds() - start_s, 5.0));
    fm_buf_release(&line);
    fm_overlay_release(&overlay);
}

Test(report_overlay, a_box_that_reaches_behind_the_camera_is_drawn_without_harm, .init = make_scene,
     .fini = remove_scene)
{
    fm_report_sample sample = {.id = "a", .line = fixture_json("{}"), .has_sample = true};
    fm_overlay overlay = {0};
    static const double depths[] = {-1, 0, 0.02, 0.3, 5};

    for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++) {
        sample.sample = scene_sample();
        sample.sample.truth.trace.has_box = true;
        sample.sample.truth.trace.box = (fm_box){.center = {0, 0, depths[i]},
                                                 .extent = {0.4, 0.4, 0.8},
                                                 .rotation = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
        cr_expect(eq(int, fm_overlay_draw(&overlay, &sample, 200, NULL), FM_OK));
    }
    cJSON_Delete(sample.line);
    fm_overlay_release(&overlay);
}

Test(report_overlay, a_missing_picture_is_an_error_that_names_it, .init = make_scene)
{
    fm_overlay overlay = {0};
    fm_report_sample sample = {.id = "a", .line = fixture_json("{}"), .has_sample = true};
    fm_err err = {0};

    remove_scene();
    sample.sample = scene_sample();
    cr_expect(eq(int, fm_overlay_draw(&overlay, &sample, 200, &err), FM_E_IO));
    cr_expect(ne(ptr, strstr(err.text, image_path), NULL), "%s", err.text);
    sample.has_sample = false;
    cr_expect(eq(int, fm_overlay_draw(&overlay, &sample, 200, &err), FM_E_INPUT));
    cJSON_Delete(sample.line);
    fm_overlay_release(&overlay);
}
