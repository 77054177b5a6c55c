/* The fast way to a plain PNG's pixels: the same as libspng's, or none. */
#include "geometry/png_plain.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <spng.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "support/png_chunk.h"

enum { HEADER = 33, END = 12 }; /* bytes before the pixels' chunk, and behind it */

/* ---- pictures ---- */

/* Half of it rises gently, half is noise: so that every filter has something to do, at both borders. */
static fm_raster make_raster(int width, int height, int channels, int bits)
{
    fm_raster r = {0};
    fm_rng rng;

    cr_assert(eq(int, fm_raster_reserve(&r, width, height, channels, bits, NULL), FM_OK));
    fm_rng_seed(&rng, 7);
    for (int i = 0; i < width * height * channels; i++) {
        unsigned value = (unsigned)(fm_rng_next(&rng) >> 16) & 0xFFFF;

        if (i % (width * channels) > width * channels / 2)
            value = (unsigned)(i * 37);
        if (bits == 16)
            ((uint16_t *)r.data)[i] = (uint16_t)value;
        else
            ((unsigned char *)r.data)[i] = (unsigned char)value;
    }
    return r;
}

static size_t bytes_of(const fm_raster *r)
{
    return (size_t)r->width * (size_t)r->height * (size_t)r->channels * (size_t)(r->bits / 8);
}

typedef struct {
    unsigned char *bytes; /* free() them */
    size_t size;
} png;

static png make_png(const fm_raster *r, int filters)
{
    struct spng_ihdr header = {.width = (uint32_t)r->width,
                               .height = (uint32_t)r->height,
                               .bit_depth = (uint8_t)r->bits,
                               .color_type = r->channels == 3 ? SPNG_COLOR_TYPE_TRUECOLOR
                                                              : SPNG_COLOR_TYPE_GRAYSCALE};
    spng_ctx *encoder = spng_ctx_new(SPNG_CTX_ENCODER);
    png out;
    int code;

    spng_set_option(encoder, SPNG_ENCODE_TO_BUFFER, 1);
    spng_set_option(encoder, SPNG_FILTER_CHOICE, filters);
    spng_set_ihdr(encoder, &header);
    code = spng_encode_image(encoder, r->data, bytes_of(r), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    cr_assert(eq(int, code, 0), "%s", spng_strerror(code));
    out.bytes = spng_get_png_buffer(encoder, &out.size, &code);
    cr_assert(ne(ptr, out.bytes, NULL));
    spng_ctx_free(encoder);
    return out;
}

/* ---- chunks: length, type, data, sum ---- */

/* Put a chunk into the file, before what stands at `at`. */
static void insert(png *p, size_t at, const char *type, const unsigned char *data, size_t n)
{
    size_t more = n + 12;

    p->bytes = realloc(p->bytes, p->size + more);
    cr_assert(ne(ptr, p->bytes, NULL));
    unsigned char *chunk = p->bytes + at;
    memmove(chunk + more, chunk, p->size - at);
    p->size += more;
    png_put32(chunk, (uint32_t)n);
    memcpy(chunk + 4, type, 4);
    if (n > 0)
        memcpy(chunk + 8, data, n);
    png_put32(chunk + 8 + n, png_crc(chunk + 4, n + 4));
}

/* ---- reading ---- */

typedef enum { REFUSED, OTHERS, THESE } outcome;

/* What comes of reading the file into the shape of `r`, held against r's pixels if it has any. */
static outcome load(png p, const fm_raster *r)
{
    fm_raster got = {0};
    FILE *file = tmpfile();
    outcome o = REFUSED;

    cr_assert(ne(ptr, file, NULL));
    cr_assert(eq(sz, fwrite(p.bytes, 1, p.size, file), p.size));
    rewind(file);
    cr_assert(
        eq(int, fm_raster_reserve(&got, r->width, r->height, r->channels, r->bits, NULL), FM_OK));
    if (fm_png_plain_load(file, &got))
        o = r->data && memcmp(got.data, r->data, bytes_of(r)) == 0 ? THESE : OTHERS;
    fm_raster_release(&got);
    fclose(file);
    return o;
}

Test(png_plain, every_filter_is_undone_for_every_kind_and_size)
{
    static const int filters[] = {SPNG_FILTER_CHOICE_NONE,  SPNG_FILTER_CHOICE_SUB,
                                  SPNG_FILTER_CHOICE_UP,    SPNG_FILTER_CHOICE_AVG,
                                  SPNG_FILTER_CHOICE_PAETH, SPNG_FILTER_CHOICE_ALL};
    static const int kinds[][2] = {{1, 8}, {3, 8}, {1, 16}},
                     sizes[][2] = {{1, 1}, {1, 9}, {61, 43}};

    for (int f = 0; f < 6; f++)
        for (int k = 0; k < 3; k++)
            for (int s = 0; s < 3; s++) {
                fm_raster r = make_raster(sizes[s][0], sizes[s][1], kinds[k][0], kinds[k][1]);
                png p = make_png(&r, filters[f]);

                cr_assert(eq(int, load(p, &r), THESE), "filter %d, kind %d, size %d", f, k, s);
                free(p.bytes);
                fm_raster_release(&r);
            }
}

Test(png_plain, pixels_may_be_in_pieces_and_other_chunks_about_them)
{
    fm_raster r = make_raster(40, 30, 3, 8);
    png p = make_png(&r, SPNG_FILTER_CHOICE_ALL);
    size_t n = p.size - HEADER - END - 12, half = n / 2; /* of the one chunk of pixels */
    unsigned char *pixels = malloc(n);

    cr_assert(ne(ptr, pixels, NULL));
    memcpy(pixels, p.bytes + HEADER + 8, n);
    memmove(p.bytes + HEADER, p.bytes + p.size - END, END);
    p.size = HEADER + END;
    insert(&p, HEADER, "IDAT", pixels + half, n - half);
    insert(&p, HEADER, "IDAT", NULL, 0);
    insert(&p, HEADER, "IDAT", pixels, half);
    insert(&p, HEADER, "tEXt", (const unsigned char *)"a\0b", 3);
    insert(&p, p.size - END, "tIME", (const unsigned char *)"\x07\xe9\1\1\0\0\0", 7);
    cr_assert(eq(int, load(p, &r), THESE));
    /* What may not stand there: pixels that begin again, and a chunk that has to be understood. */
    insert(&p, p.size - END, "IDAT", pixels, 0);
    cr_assert(eq(int, load(p, &r), REFUSED));
    free(p.bytes);
    p = make_png(&r, SPNG_FILTER_CHOICE_ALL);
    insert(&p, HEADER, "WHAT", pixels, 3);
    cr_assert(eq(int, load(p, &r), REFUSED));
    free(p.bytes);
    free(pixels);
    fm_raster_release(&r);
}

Test(png_plain, any_changed_byte_and_any_cut_is_refused)
{
    fm_raster r = make_raster(9, 7, 1, 16);
    png p = make_png(&r, SPNG_FILTER_CHOICE_ALL);

    for (size_t at = 12; at < p.size; at++) {
        png cut = {p.bytes, at};

        p.bytes[at] ^= 0x41;
        cr_assert(eq(int, load(p, &r), REFUSED), "byte %zu", at);
        p.bytes[at] ^= 0x41;
        cr_assert(eq(int, load(cut, &r), REFUSED), "%zu bytes", at);
    }
    cr_assert(eq(int, load(p, &r), THESE));
    free(p.bytes);
    fm_raster_release(&r);
}

/* The sums of such a file are right: what it holds is not what its header told. */
Test(png_plain, pixels_of_another_shape_are_refused)
{
    fm_raster r = make_raster(40, 30, 1, 8), more = {40, 31, 1, 8, NULL, 0},
              less = {40, 29, 1, 8, NULL, 0}, huge = {30000, 2000, 1, 8, NULL, 0};
    png p = make_png(&r, SPNG_FILTER_CHOICE_NONE);

    cr_assert(eq(int, load(p, &more), REFUSED));
    cr_assert(eq(int, load(p, &less), REFUSED));
    cr_assert(eq(int, load(p, &huge), REFUSED));
    free(p.bytes);
    fm_raster_release(&r);
}

/* 1 x 1 grey, stored: a filter of which there is none. */
Test(png_plain, an_unknown_filter_is_refused)
{
    static const unsigned char good[] = "\x78\x01\x01\x02\x00\xfd\xff\x04\x55\x00\x5f\x00\x5a";
    static const unsigned char bad[] = "\x78\x01\x01\x02\x00\xfd\xff\x05\x55\x00\x61\x00\x5b";
    fm_raster one = {0};

    cr_assert(eq(int, fm_raster_reserve(&one, 1, 1, 1, 8, NULL), FM_OK));
    memset(one.data, 0x55, 1);
    for (int k = 0; k < 2; k++) {
        png p = make_png(&one, SPNG_FILTER_CHOICE_NONE);
        memmove(p.bytes + HEADER, p.bytes + p.size - END, END);
        p.size = HEADER + END;
        insert(&p, HEADER, "IDAT", k ? bad : good, sizeof(good) - 1);
        cr_assert(eq(int, load(p, &one), k ? REFUSED : THESE));
        free(p.bytes);
    }
    fm_raster_release(&one);
}
