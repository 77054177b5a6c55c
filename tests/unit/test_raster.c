#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <spng.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <webp/encode.h>

#include "base/rng.h"
#include "fathom/raster.h"
#include "support/png_chunk.h"
#include "support/scratch.h"
#include "support/small_jpeg.h"

TestSuite(raster, .init = scratch_make, .fini = scratch_remove);

/* ---- pictures to read ---- */

static fm_raster random_raster(int width, int height, int channels, int bits)
{
    fm_raster r = {0};
    fm_rng rng;

    cr_assert(eq(int, fm_raster_reserve(&r, width, height, channels, bits, NULL), FM_OK));
    fm_rng_seed(&rng, 1);
    for (size_t i = 0; i < (size_t)(width * height * channels * bits / 8); i++)
        ((unsigned char *)r.data)[i] = (unsigned char)(fm_rng_next(&rng) >> 24);
    return r;
}

static size_t bytes_of(const fm_raster *r)
{
    return (size_t)r->width * (size_t)r->height * (size_t)r->channels * (size_t)(r->bits / 8);
}

/* A PNG of any kind that libspng can write; returns its size. */
static size_t make_png(unsigned char **out, struct spng_ihdr header,
                       const struct spng_plte *palette, const void *pixels, size_t size)
{
    spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
    size_t n = 0;
    int code;

    spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1);
    cr_assert(eq(int, spng_set_ihdr(png, &header), 0));
    if (palette) {
        struct spng_plte copy = *palette;

        cr_assert(eq(int, spng_set_plte(png, &copy), 0));
    }
    code = spng_encode_image(png, pixels, size, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    cr_assert(eq(int, code, 0), "%s", spng_strerror(code));
    *out = spng_get_png_buffer(png, &n, &code);
    cr_assert(ne(ptr, *out, NULL));
    spng_ctx_free(png);
    return n;
}

static const char *write_png(struct spng_ihdr header, const struct spng_plte *palette,
                             const void *pixels, size_t size)
{
    unsigned char *png;
    size_t n = make_png(&png, header, palette, pixels, size);
    const char *path = scratch_write("made.png", png, n);

    free(png);
    return path;
}

/* A true PNG whose header claims another size. */
static const char *write_claiming(uint32_t width, uint32_t height)
{
    fm_raster r = random_raster(8, 8, 1, 16);
    unsigned char *png;
    size_t n;
    const char *path;

    cr_assert(eq(int, fm_raster_encode_png(&r, &png, &n, NULL), FM_OK));
    png_put32(png + 16, width);
    png_put32(png + 20, height);
    png_put32(png + 29, png_crc(png + 12, 17));
    path = scratch_write("claim.png", png, n);
    free(png);
    fm_raster_release(&r);
    return path;
}

/* ---- what goes in comes out ---- */

Test(raster, png_keeps_every_sample_in_all_shapes)
{
    static const int channels[] = {1, 3, 4}, bits[] = {8, 16};

    for (int c = 0; c < 3; c++) {
        for (int b = 0; b < 2; b++) {
            fm_raster r = random_raster(23, 17, channels[c], bits[b]), back = {0};
            fm_raster_info info;
            const char *path = scratch_path("round.png");
            fm_err err = {0};

            cr_assert(eq(int, fm_raster_save_png(&r, path, &err), FM_OK), "%s", err.text);
            cr_assert(eq(int, fm_raster_probe(path, &info, &err), FM_OK), "%s", err.text);
            cr_assert(info.width == 23 && info.height == 17 && info.channels == channels[c] &&
                      info.bits == bits[b]);
            if (channels[c] == 3 && bits[b] == 8) {
                cr_assert(eq(int, fm_raster_load_rgb(path, &back, &err), FM_OK));
                cr_assert(memcmp(back.data, r.data, bytes_of(&r)) == 0);
            } else if (channels[c] == 1 && bits[b] == 8) {
                cr_assert(eq(int, fm_raster_load_mask(path, &back, &err), FM_OK));
                cr_assert(memcmp(back.data, r.data, bytes_of(&r)) == 0);
            } else if (channels[c] == 1) {
                cr_assert(eq(int, fm_raster_load_depth(path, &back, &err), FM_OK));
                cr_assert(memcmp(back.data, r.data, bytes_of(&r)) == 0);
            }
            fm_raster_release(&r);
            fm_raster_release(&back);
        }
    }
}

Test(raster, a_loader_reuses_the_buffer_it_is_given)
{
    fm_raster r = random_raster(20, 20, 1, 16), big = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_raster_reserve(&big, 100, 100, 3, 8, &err), FM_OK));
    void *before = big.data;

    cr_assert(eq(int, fm_raster_save_png(&r, scratch_path("d.png"), &err), FM_OK));
    cr_assert(eq(int, fm_raster_load_depth(scratch_path("d.png"), &big, &err), FM_OK));
    cr_assert(big.data == before && big.width == 20 && big.bits == 16);
    fm_raster_release(&r);
    fm_raster_release(&big);
}

Test(raster, reserve_gives_zeros_and_refuses_what_is_too_large)
{
    fm_raster r = random_raster(4, 4, 1, 8);
    fm_err err = {0};

    cr_assert(eq(int, fm_raster_reserve(&r, 2, 2, 1, 8, &err), FM_OK));
    cr_assert(memcmp(r.data, "\0\0\0\0", 4) == 0);
    cr_assert(eq(int, fm_raster_reserve(&r, 1 << 20, 1 << 20, 1, 8, &err), FM_E_INPUT));
    cr_assert(eq(int, fm_raster_reserve(&r, 0, 5, 1, 8, &err), FM_E_INPUT));
    cr_assert(eq(int, fm_raster_reserve(&r, 5, 5, 1, 12, &err), FM_E_INPUT));
    cr_assert(r.width == 2 && r.height == 2);
    fm_raster_release(&r);
}

/* ---- unusual kinds of PNG ---- */

Test(raster, palette_gives_its_colours_and_their_grey)
{
    static const unsigned char pixels[6] = {0, 1, 2, 2, 1, 0};
    struct spng_plte palette = {.n_entries = 3,
                                .entries = {{255, 0, 0, 255}, {0, 255, 0, 255}, {10, 20, 30, 255}}};
    const char *path = write_png((struct spng_ihdr){3, 2, 8, SPNG_COLOR_TYPE_INDEXED, 0, 0, 0},
                                 &palette, pixels, sizeof(pixels));
    fm_raster r = {0};
    fm_raster_info info;
    fm_err err = {0};

    cr_assert(eq(int, fm_raster_probe(path, &info, &err), FM_OK));
    cr_assert(info.channels == 3 && info.bits == 8);
    cr_assert(eq(int, fm_raster_load_rgb(path, &r, &err), FM_OK), "%s", err.text);
    cr_assert(memcmp(r.data, "\xff\0\0\0\xff\0\x0a\x14\x1e", 9) == 0);
    cr_assert(eq(int, fm_raster_load_mask(path, &r, &err), FM_OK), "%s", err.text);
    cr_assert(r.channels == 1);
    /* 0.299 * 255, 0.587 * 255, and 0.299 * 10 + 0.587 * 20 + 0.114 * 30, rounded */
    cr_assert(memcmp(r.data, "\x4c\x96\x12", 3) == 0);
    fm_raster_release(&r);
}

Test(raster, alpha_is_dropped)
{
    static const unsigned char rgba[8] = {1, 2, 3, 0, 4, 5, 6, 128}, ga[4] = {200, 0, 9, 255};
    fm_raster r = {0};
    fm_err err = {0};
    const char *path =
        write_png((struct spng_ihdr){2, 1, 8, SPNG_COLOR_TYPE_TRUECOLOR_ALPHA, 0, 0, 0}, NULL, rgba,
                  sizeof(rgba));

    cr_assert(eq(int, fm_raster_load_rgb(path, &r, &err), FM_OK), "%s", err.text);
    cr_assert(memcmp(r.data, "\1\2\3\4\5\6", 6) == 0);
    path = write_png((struct spng_ihdr){2, 1, 8, SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, 0, 0, 0}, NULL,
                     ga, sizeof(ga));
    cr_assert(eq(int, fm_raster_load_mask(path, &r, &err), FM_OK), "%s", err.text);
    cr_assert(memcmp(r.data, "\xc8\x09", 2) == 0);
    fm_raster_release(&r);
}

Test(raster, sixteen_bits_are_cut_to_the_upper_eight_and_single_bits_spread)
{
    static const uint16_t wide[2] = {0x1234, 0xFEDC};
    static const unsigned char narrow[1] = {0xA0}; /* 1 0 1 */
    fm_raster r = {0};
    fm_err err = {0};
    const char *path = write_png((struct spng_ihdr){2, 1, 16, SPNG_COLOR_TYPE_GRAYSCALE, 0, 0, 0},
                                 NULL, wide, sizeof(wide));

    cr_assert(eq(int, fm_raster_load_rgb(path, &r, &err), FM_OK), "%s", err.text);
    cr_assert(memcmp(r.data, "\x12\x12\x12\xfe\xfe\xfe", 6) == 0);
    path = write_png((struct spng_ihdr){3, 1, 1, SPNG_COLOR_TYPE_GRAYSCALE, 0, 0, 0}, NULL, narrow,
                     sizeof(narrow));
    cr_assert(eq(int, fm_raster_load_mask(path, &r, &err), FM_OK), "%s", err.text);
    cr_assert(memcmp(r.data, "\xff\0\xff", 3) == 0);
    fm_raster_release(&r);
}

/* A fixed file: libspng does not write this kind. 5 x 3 grey pixels, values 10 x + 50 y, Adam7. */
static const unsigned char interlaced[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44,
    0x52, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x00, 0x01, 0x09,
    0x5a, 0xaa, 0xb2, 0x00, 0x00, 0x00, 0x1e, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x60,
    0x60, 0xd0, 0x60, 0x10, 0x61, 0x48, 0xa9, 0xe8, 0x61, 0xe0, 0x92, 0x63, 0xc8, 0x6b, 0x62,
    0x30, 0xb2, 0x71, 0x0b, 0x88, 0x02, 0x00, 0x24, 0x38, 0x04, 0x1b, 0x63, 0x07, 0xc7, 0xb9,
    0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
};

Test(raster, interlaced_png_is_put_in_order)
{
    fm_raster r = {0};
    fm_err err = {0};
    const char *path = scratch_write("interlaced.png", interlaced, sizeof(interlaced));

    cr_assert(eq(int, fm_raster_load_mask(path, &r, &err), FM_OK), "%s", err.text);
    cr_assert(r.width == 5 && r.height == 3);
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 5; x++)
            cr_assert(eq(u8, ((unsigned char *)r.data)[y * 5 + x], (uint8_t)(10 * x + 50 * y)));
    fm_raster_release(&r);
}

Test(raster, jpeg_is_known_by_its_content_not_its_name)
{
    const char *path = scratch_write("image.png", small_jpeg, sizeof(small_jpeg));
    fm_raster r = {0};
    fm_raster_info info;
    fm_err err = {0};

    cr_assert(eq(int, fm_raster_probe(path, &info, &err), FM_OK), "%s", err.text);
    cr_assert(info.width == 20 && info.height == 14 && info.channels == 3 && info.bits == 8);
    cr_assert(eq(int, fm_raster_load_rgb(path, &r, &err), FM_OK), "%s", err.text);
    cr_assert(r.width == 20 && r.height == 14 && r.channels == 3);
    const unsigned char *p = r.data, *right = p + 19 * 3, *below = p + 13 * 20 * 3;

    cr_assert(p[0] < 40 && right[0] > 190 && p[1] < 40 && below[1] > 190);
    cr_assert(eq(int, fm_raster_load_mask(path, &r, &err), FM_OK), "%s", err.text);
    cr_assert(r.width == 20 && r.channels == 1);
    fm_raster_release(&r);
}

/* The bytes of a picture as WebP, without loss; WebPFree() them. */
static size_t make_webp(const fm_raster *r, unsigned char **out)
{
    int stride = r->width * r->channels;
    size_t n = r->channels == 4 ? WebPEncodeLosslessRGBA(r->data, r->width, r->height, stride, out)
                                : WebPEncodeLosslessRGB(r->data, r->width, r->height, stride, out);

    cr_assert(gt(sz, n, 0));
    return n;
}

Test(raster, webp_keeps_its_colours_and_drops_alpha)
{
    for (int channels = 3; channels <= 4; channels++) {
        fm_raster made = random_raster(9, 7, channels, 8), r = {0};
        fm_raster_info info;
        fm_err err = {0};
        unsigned char *webp = NULL, *pixels = made.data;

        for (int i = 0; channels == 4 && i < 63; i++)
            pixels[4 * i + 3] |= 1; /* where all is transparent the encoder forgets the colour */
        size_t n = make_webp(&made, &webp);
        const char *path = scratch_write("image.png", webp, n);

        cr_assert(eq(int, fm_raster_probe(path, &info, &err), FM_OK), "%s", err.text);
        cr_assert(info.width == 9 && info.height == 7 && info.channels == channels &&
                  info.bits == 8);
        cr_assert(eq(int, fm_raster_load_rgb(path, &r, &err), FM_OK), "%s", err.text);
        const unsigned char *got = r.data;
        for (int i = 0; i < 63; i++)
            cr_assert(memcmp(got + 3 * i, pixels + channels * i, 3) == 0);
        unsigned char first[3] = {got[0], got[1], got[2]};
        cr_assert(eq(int, fm_raster_load_mask(path, &r, &err), FM_OK), "%s", err.text);
        cr_assert(r.channels == 1 && r.width == 9);
        double grey = 0.299 * first[0] + 0.587 * first[1] + 0.114 * first[2];
        cr_assert(fabs(((unsigned char *)r.data)[0] - grey) <= 1);
        WebPFree(webp);
        fm_raster_release(&made);
        fm_raster_release(&r);
    }
}

/* ---- files that are wrong ---- */

static void check_fails(fm_status st, const fm_err *err, fm_status want, const char *text)
{
    cr_assert(eq(int, st, want), "%s", err->text);
    cr_assert(strstr(err->text, text) != NULL, "'%s' does not say '%s'", err->text, text);
    cr_assert(strchr(err->text, '\n') == NULL);
}

Test(raster, what_is_no_picture_is_named)
{
    fm_raster r = {0};
    fm_err err = {0};

    check_fails(fm_raster_load_rgb(scratch_path("none.png"), &r, &err), &err, FM_E_IO, "none.png");
    check_fails(fm_raster_load_rgb(scratch_dir, &r, &err), &err, FM_E_IO, "it is a folder");
    check_fails(fm_raster_load_rgb(scratch_write("e.png", "", 0), &r, &err), &err, FM_E_INPUT,
                "e.png' is empty");
    check_fails(fm_raster_load_rgb(scratch_write("t.png", "GIF89a.....", 11), &r, &err), &err,
                FM_E_INPUT, "t.png' is none of PNG, JPEG and WebP");
    cr_assert(r.data == NULL);
}

Test(raster, depth_of_the_wrong_kind_says_what_was_found)
{
    fm_raster grey = random_raster(4, 4, 1, 8), rgb = random_raster(4, 4, 3, 16), r = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_raster_save_png(&grey, scratch_path("g.png"), &err), FM_OK));
    check_fails(fm_raster_load_depth(scratch_path("g.png"), &r, &err), &err, FM_E_INPUT,
                "g.png' is an 8-bit picture, depth must be 16-bit millimetres");
    cr_assert(eq(int, fm_raster_save_png(&rgb, scratch_path("c.png"), &err), FM_OK));
    check_fails(fm_raster_load_depth(scratch_path("c.png"), &r, &err), &err, FM_E_INPUT,
                "c.png' has 3 channels, depth must have one");
    check_fails(
        fm_raster_load_depth(scratch_write("j.png", small_jpeg, sizeof(small_jpeg)), &r, &err),
        &err, FM_E_INPUT, "j.png' is a JPEG");
    fm_raster_release(&grey);
    fm_raster_release(&rgb);
}

Test(raster, every_truncated_png_is_an_error)
{
    fm_raster depth = random_raster(37, 29, 1, 16), r = {0};
    unsigned char *png;
    size_t n;
    fm_err err = {0};

    cr_assert(eq(int, fm_raster_encode_png(&depth, &png, &n, &err), FM_OK));
    for (size_t cut = 0; cut < n; cut += n - cut <= 97 ? 1 : 97) {
        const char *path = scratch_write("cut.png", png, cut);
        fm_status st = fm_raster_load_depth(path, &r, &err);

        cr_assert(eq(int, st, FM_E_INPUT), "%zu of %zu bytes were accepted", cut, n);
        cr_assert(strstr(err.text, "cut.png") != NULL);
        if (cut > 33)
            cr_assert(strstr(err.text, "truncated") != NULL, "%zu bytes: %s", cut, err.text);
    }
    free(png);
    fm_raster_release(&depth);
    fm_raster_release(&r);
}

Test(raster, every_truncated_jpeg_is_an_error)
{
    fm_raster r = {0};
    fm_err err = {0};

    for (size_t cut = 0; cut < sizeof(small_jpeg); cut++) {
        fm_status st = fm_raster_load_rgb(scratch_write("cut.jpg", small_jpeg, cut), &r, &err);

        cr_assert(eq(int, st, FM_E_INPUT), "%zu bytes were accepted", cut);
    }
    cr_assert(eq(ptr, r.data, NULL));
}

Test(raster, every_truncated_webp_is_an_error)
{
    fm_raster made = random_raster(4, 4, 3, 8), r = {0};
    unsigned char *webp;
    size_t n = make_webp(&made, &webp);
    fm_err err = {0};

    for (size_t cut = 0; cut < n; cut++) {
        fm_status st = fm_raster_load_rgb(scratch_write("cut.webp", webp, cut), &r, &err);

        cr_assert(eq(int, st, FM_E_INPUT), "%zu bytes were accepted", cut);
    }
    cr_assert(eq(ptr, r.data, NULL));
    check_fails(fm_raster_load_depth(scratch_write("d.webp", webp, n), &r, &err), &err, FM_E_INPUT,
                "d.webp' is a WebP, depth must be");
    WebPFree(webp);
    fm_raster_release(&made);
}

/* 16383 x 16383 in a lossless header of 14 bits each; and more bytes than anything may have. */
Test(raster, a_webp_that_claims_too_much_is_refused)
{
    unsigned char large[] = "RIFF\x20\0\0\0WEBPVP8L\x14\0\0\0\x2f\xfe\xbf\xff\x0f";
    unsigned char long_file[] = "RIFF\xff\xff\xff\x7fWEBPVP8L\x14\0\0\0\x2f\0\0\0\0";
    fm_raster r = {0};
    fm_raster_info info;
    fm_err err = {0};

    check_fails(fm_raster_load_rgb(scratch_write("l.webp", large, sizeof(large)), &r, &err), &err,
                FM_E_INPUT, "l.webp' has 16383 x 16383 pixels, over the limit");
    check_fails(fm_raster_probe(scratch_write("f.webp", long_file, sizeof(long_file)), &info, &err),
                &err, FM_E_INPUT, "f.webp' is a damaged WebP");
    cr_assert(eq(ptr, r.data, NULL));
}

Test(raster, random_damage_to_a_webp_is_survived)
{
    fm_raster made = random_raster(6, 5, 3, 8), r = {0};
    unsigned char *webp, *copy;
    size_t n = make_webp(&made, &webp);
    fm_rng rng;

    copy = malloc(n);
    fm_rng_seed(&rng, 7);
    for (int round = 0; round < 200; round++) {
        memcpy(copy, webp, n);
        for (int k = 0; k < 3; k++)
            copy[fm_rng_below(&rng, n)] = (unsigned char)fm_rng_next(&rng);
        if (fm_raster_load_rgb(scratch_write("x.webp", copy, n), &r, NULL) == FM_OK)
            cr_assert(r.channels == 3 && r.data != NULL);
    }
    free(copy);
    WebPFree(webp);
    fm_raster_release(&made);
    fm_raster_release(&r);
}

Test(raster, a_header_that_claims_too_much_is_refused_before_memory_is_taken)
{
    fm_raster r = {0};
    fm_raster_info info;
    fm_err err = {0};

    check_fails(fm_raster_load_depth(write_claiming(100000, 100000), &r, &err), &err, FM_E_INPUT,
                "claim.png' has 100000 x 100000 pixels, over the limit");
    check_fails(fm_raster_load_depth(write_claiming(0x7FFFFFFF, 1), &r, &err), &err, FM_E_INPUT,
                "claim.png'");
    check_fails(fm_raster_probe(write_claiming(0xFFFFFFFF, 0xFFFFFFFF), &info, &err), &err,
                FM_E_INPUT, "claim.png'");
    check_fails(fm_raster_load_depth(write_claiming(0, 5), &r, &err), &err, FM_E_INPUT,
                "claim.png'");
    cr_assert(r.data == NULL);
    /* Within the limit, but the file holds less than it says. */
    check_fails(fm_raster_load_depth(write_claiming(64, 64), &r, &err), &err, FM_E_INPUT,
                "claim.png'");
    fm_raster_release(&r);
}

Test(raster, a_changed_byte_anywhere_never_changes_a_sample_silently)
{
    fm_raster depth = random_raster(9, 7, 1, 16), r = {0};
    unsigned char *png;
    size_t n;

    cr_assert(eq(int, fm_raster_encode_png(&depth, &png, &n, NULL), FM_OK));
    for (size_t i = 0; i < n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            png[i] ^= (unsigned char)(1 << bit);
            if (fm_raster_load_depth(scratch_write("bit.png", png, n), &r, NULL) == FM_OK)
                cr_assert(memcmp(r.data, depth.data, bytes_of(&depth)) == 0);
            png[i] ^= (unsigned char)(1 << bit);
        }
    }
    free(png);
    fm_raster_release(&depth);
    fm_raster_release(&r);
}

Test(raster, random_damage_to_a_jpeg_is_survived)
{
    unsigned char jpeg[sizeof(small_jpeg)];
    fm_raster r = {0};
    fm_rng rng;

    fm_rng_seed(&rng, 7);
    for (int round = 0; round < 1000; round++) {
        memcpy(jpeg, small_jpeg, sizeof(jpeg));
        for (int k = 0; k < 3; k++)
            jpeg[fm_rng_below(&rng, sizeof(jpeg))] = (unsigned char)fm_rng_next(&rng);
        if (fm_raster_load_rgb(scratch_write("x.jpg", jpeg, sizeof(jpeg)), &r, NULL) == FM_OK)
            cr_assert(r.channels == 3 && r.data != NULL);
    }
    fm_raster_release(&r);
}

Test(raster, a_pipe_under_the_name_of_a_picture_is_refused_at_once, .timeout = 10)
{
    const char *path = scratch_path("pipe.png");
    fm_raster r = {0};
    fm_err err = {0};

    cr_assert(eq(int, mkfifo(path, 0666), 0));
    cr_expect(eq(int, fm_raster_load_mask(path, &r, &err), FM_E_IO));
    cr_expect(strstr(err.text, "it is a pipe") != NULL, "%s", err.text);
}
