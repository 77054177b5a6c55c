/* Owns reading and writing of pictures, masks and depth maps: libspng for PNG, stb_image for JPEG.
 * (On the 16-bit depth maps of TraceSpatial-Bench libspng takes 0.7 of the time of stb_image.)
 * Leaves what the pixels mean to others.
 *
 * Files are read as streams: what a hostile file can make this module allocate is bounded by the
 * pixel limit, which is held against the header before any pixel is decoded. */
#include "fathom/raster.h"

#include <errno.h>
#include <spng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/size.h"

/* Its other decoders have known faults on hostile input, and PNG is libspng's. */
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#include <stb/stb_image.h>

/* Bounds for what surrounds the pixels in a PNG (text, colour profiles). */
#define MAX_CHUNK_BYTES ((size_t)16 << 20)
#define MAX_CACHE_BYTES ((size_t)32 << 20)

/* ---- buffers ---- */

/* Shape `out` without touching the pixels. On failure it is unchanged. */
static fm_status shape(fm_raster *out, int width, int height, int channels, int bits, fm_err *err)
{
    size_t pixels, bytes;

    if (width < 1 || height < 1 || channels < 1 || channels > 4 || (bits != 8 && bits != 16))
        return fm_fail(err, FM_E_INPUT, "no such raster: %d x %d pixels, %d channels, %d bits",
                       width, height, channels, bits);
    if (!fm_size_mul((size_t)width, (size_t)height, &pixels) || pixels > FM_RASTER_MAX_PIXELS ||
        !fm_size_mul(pixels, (size_t)channels * (size_t)(bits / 8), &bytes))
        return fm_fail(err, FM_E_INPUT, "%d x %d pixels are over the limit of %zu", width, height,
                       FM_RASTER_MAX_PIXELS);
    if (bytes > out->capacity) {
        void *data = malloc(bytes);

        if (!data)
            return fm_fail(err, FM_E_NOMEM, "out of memory for %d x %d pixels", width, height);
        free(out->data);
        out->data = data;
        out->capacity = bytes;
    }
    out->width = width;
    out->height = height;
    out->channels = channels;
    out->bits = bits;
    return FM_OK;
}

static size_t size_of(const fm_raster *raster)
{
    return (size_t)raster->width * (size_t)raster->height * (size_t)raster->channels *
           (size_t)(raster->bits / 8);
}

fm_status fm_raster_reserve(fm_raster *out, int width, int height, int channels, int bits,
                            fm_err *err)
{
    fm_status st = shape(out, width, height, channels, bits, err);

    if (st == FM_OK)
        memset(out->data, 0, size_of(out));
    return st;
}

void fm_raster_release(fm_raster *raster)
{
    if (!raster)
        return;
    free(raster->data);
    *raster = (fm_raster){0};
}

/* ---- files ---- */

typedef enum { PNG, JPEG } file_kind;

static fm_status open_picture(const char *path, FILE **out, file_kind *kind, fm_err *err)
{
    static const unsigned char png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    static const unsigned char jpeg[3] = {0xFF, 0xD8, 0xFF};
    unsigned char head[8] = {0};
    FILE *f = fopen(path, "rb");

    if (!f)
        return fm_fail(err, FM_E_IO, "cannot open '%s': %s", path, strerror(errno));
    size_t n = fread(head, 1, sizeof(head), f);

    if (ferror(f)) {
        fm_status st = fm_fail(err, FM_E_IO, "cannot read '%s': %s", path, strerror(errno));

        fclose(f);
        return st;
    }
    if (n == sizeof(head) && memcmp(head, png, sizeof(png)) == 0) {
        *kind = PNG;
    } else if (n >= sizeof(jpeg) && memcmp(head, jpeg, sizeof(jpeg)) == 0) {
        *kind = JPEG;
    } else {
        fclose(f);
        return fm_fail(err, FM_E_INPUT, n ? "'%s' is neither PNG nor JPEG" : "'%s' is empty", path);
    }
    rewind(f);
    *out = f;
    return FM_OK;
}

static fm_status too_large(const char *path, uint32_t width, uint32_t height, fm_err *err)
{
    return fm_fail(err, FM_E_INPUT, "'%s' has %u x %u pixels, over the limit of %zu", path, width,
                   height, FM_RASTER_MAX_PIXELS);
}

/* ---- PNG ---- */

static fm_status png_fail(const char *path, int code, fm_err *err)
{
    if (code == SPNG_EMEM)
        return fm_fail(err, FM_E_NOMEM, "out of memory for '%s'", path);
    if (code == SPNG_IO_EOF || code == SPNG_EIDAT_TOO_SHORT)
        return fm_fail(err, FM_E_INPUT, "'%s' is truncated", path);
    if (code == SPNG_IO_ERROR)
        return fm_fail(err, FM_E_IO, "cannot read '%s'", path);
    return fm_fail(err, FM_E_INPUT, "'%s' is a damaged PNG: %s", path, spng_strerror(code));
}

/* A decoder that has read and judged the header. The caller frees it with spng_ctx_free(). */
static fm_status png_open(const char *path, FILE *f, spng_ctx **out, struct spng_ihdr *header,
                          fm_err *err)
{
    /* The CRC of every chunk is checked, which makes the Adler sum over the same data needless. */
    spng_ctx *png = spng_ctx_new(SPNG_CTX_IGNORE_ADLER32);
    int code;

    if (!png)
        return png_fail(path, SPNG_EMEM, err);
    code = spng_set_crc_action(png, SPNG_CRC_ERROR, SPNG_CRC_DISCARD);
    if (!code)
        code = spng_set_chunk_limits(png, MAX_CHUNK_BYTES, MAX_CACHE_BYTES);
    if (!code)
        code = spng_set_png_file(png, f);
    if (!code)
        code = spng_get_ihdr(png, header);
    if (code) {
        spng_ctx_free(png);
        return png_fail(path, code, err);
    }
    if ((uint64_t)header->width * header->height > FM_RASTER_MAX_PIXELS) {
        spng_ctx_free(png);
        return too_large(path, header->width, header->height, err);
    }
    *out = png;
    return FM_OK;
}

/* Decode into `out`, shaped here, in libspng's format `format` of the given channels and bits. */
static fm_status png_decode(const char *path, spng_ctx *png, const struct spng_ihdr *header,
                            int format, int channels, int bits, fm_raster *out, fm_err *err)
{
    size_t bytes;
    fm_status st = shape(out, (int)header->width, (int)header->height, channels, bits, err);

    if (st != FM_OK)
        return st;
    int code = spng_decoded_image_size(png, format, &bytes);

    if (!code && bytes != size_of(out))
        return fm_fail(err, FM_E_INTERNAL, "libspng and fathom disagree on the size of '%s'", path);
    if (!code)
        code = spng_decode_image(png, out->data, bytes, format, 0);
    /* The pixels may be complete in a file that lacks its end. */
    if (!code)
        code = spng_decode_chunks(png);
    return code ? png_fail(path, code, err) : FM_OK;
}

static bool png_is_grey(const struct spng_ihdr *header)
{
    return header->color_type == SPNG_COLOR_TYPE_GRAYSCALE;
}

static int png_channels(const struct spng_ihdr *header)
{
    switch (header->color_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE:
        return 1;
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA:
        return 2;
    case SPNG_COLOR_TYPE_TRUECOLOR_ALPHA:
        return 4;
    default:
        return 3;
    }
}

/* ---- JPEG ---- */

/* stb_image takes a missing rest for zeros. A complete file is never read past its end, so whoever
 * asks for more has a truncated one. */
typedef struct {
    FILE *file;
    bool past_end;
} jpeg_stream;

static int jpeg_read(void *user, char *data, int size)
{
    jpeg_stream *stream = user;
    size_t n = fread(data, 1, (size_t)size, stream->file);

    if (n == 0)
        stream->past_end = true;
    return (int)n;
}

static void jpeg_skip(void *user, int n)
{
    jpeg_stream *stream = user;

    if (n < 0) {
        /* Handing back what was read too far: within the file. */
        if (fseek(stream->file, n, SEEK_CUR) != 0)
            stream->past_end = true;
        return;
    }
    while (n-- > 0) {
        if (fgetc(stream->file) == EOF) {
            stream->past_end = true;
            return;
        }
    }
}

static int jpeg_eof(void *user)
{
    jpeg_stream *stream = user;

    return feof(stream->file);
}

static const stbi_io_callbacks jpeg_io = {jpeg_read, jpeg_skip, jpeg_eof};

static fm_status jpeg_fail(const char *path, const jpeg_stream *stream, fm_err *err)
{
    if (ferror(stream->file))
        return fm_fail(err, FM_E_IO, "cannot read '%s'", path);
    if (stream->past_end)
        return fm_fail(err, FM_E_INPUT, "'%s' is truncated", path);
    return fm_fail(err, FM_E_INPUT, "'%s' is a damaged JPEG: %s", path, stbi_failure_reason());
}

static fm_status jpeg_probe(const char *path, FILE *f, fm_raster_info *out, fm_err *err)
{
    jpeg_stream stream = {f, false};
    int width, height, channels;

    if (!stbi_info_from_callbacks(&jpeg_io, &stream, &width, &height, &channels))
        return jpeg_fail(path, &stream, err);
    if ((uint64_t)width * (uint64_t)height > FM_RASTER_MAX_PIXELS)
        return too_large(path, (uint32_t)width, (uint32_t)height, err);
    *out = (fm_raster_info){width, height, channels, 8};
    return FM_OK;
}

static fm_status jpeg_load(const char *path, FILE *f, int channels, fm_raster *out, fm_err *err)
{
    jpeg_stream stream = {f, false};
    fm_raster_info info;
    int width, height, in_file;
    fm_status st = jpeg_probe(path, f, &info, err);

    if (st != FM_OK)
        return st;
    rewind(f);
    unsigned char *data =
        stbi_load_from_callbacks(&jpeg_io, &stream, &width, &height, &in_file, channels);

    if (!data || stream.past_end || width != info.width || height != info.height) {
        stbi_image_free(data);
        return jpeg_fail(path, &stream, err);
    }
    free(out->data);
    *out = (fm_raster){width, height, channels, 8, data, 0};
    out->capacity = size_of(out);
    return FM_OK;
}

/* ---- public loaders ---- */

fm_status fm_raster_probe(const char *path, fm_raster_info *out, fm_err *err)
{
    FILE *f;
    file_kind kind;
    fm_status st = open_picture(path, &f, &kind, err);

    if (st != FM_OK)
        return st;
    if (kind == JPEG) {
        st = jpeg_probe(path, f, out, err);
    } else {
        struct spng_ihdr header;
        spng_ctx *png;

        st = png_open(path, f, &png, &header, err);
        if (st == FM_OK) {
            int bits = header.color_type == SPNG_COLOR_TYPE_INDEXED ? 8 : (int)header.bit_depth;

            *out = (fm_raster_info){(int)header.width, (int)header.height, png_channels(&header),
                                    bits};
            spng_ctx_free(png);
        }
    }
    fclose(f);
    return st;
}

fm_status fm_raster_load_rgb(const char *path, fm_raster *out, fm_err *err)
{
    FILE *f;
    file_kind kind;
    fm_status st = open_picture(path, &f, &kind, err);

    if (st != FM_OK)
        return st;
    if (kind == JPEG) {
        st = jpeg_load(path, f, 3, out, err);
    } else {
        struct spng_ihdr header;
        spng_ctx *png;

        st = png_open(path, f, &png, &header, err);
        if (st == FM_OK) {
            st = png_decode(path, png, &header, SPNG_FMT_RGB8, 3, 8, out, err);
            spng_ctx_free(png);
        }
    }
    fclose(f);
    return st;
}

/* 0.299 R + 0.587 G + 0.114 B in the 15-bit fixed point of libpng, through which OpenCV reads. */
static unsigned char luma(const unsigned char *rgb)
{
    return (unsigned char)((9798u * rgb[0] + 19235u * rgb[1] + 3735u * rgb[2] + 16384u) >> 15);
}

fm_status fm_raster_load_mask(const char *path, fm_raster *out, fm_err *err)
{
    FILE *f;
    file_kind kind;
    fm_status st = open_picture(path, &f, &kind, err);

    if (st != FM_OK)
        return st;
    if (kind == JPEG) {
        st = jpeg_load(path, f, 1, out, err);
    } else {
        struct spng_ihdr header;
        spng_ctx *png;

        st = png_open(path, f, &png, &header, err);
        if (st == FM_OK && png_is_grey(&header) && header.bit_depth <= 8) {
            st = png_decode(path, png, &header, SPNG_FMT_G8, 1, 8, out, err);
            spng_ctx_free(png);
        } else if (st == FM_OK) {
            st = png_decode(path, png, &header, SPNG_FMT_RGB8, 3, 8, out, err);
            spng_ctx_free(png);
            if (st == FM_OK) {
                unsigned char *data = out->data;
                size_t pixels = (size_t)out->width * (size_t)out->height;

                for (size_t i = 0; i < pixels; i++)
                    data[i] = luma(data + 3 * i);
                out->channels = 1;
            }
        }
    }
    fclose(f);
    return st;
}

fm_status fm_raster_load_depth(const char *path, fm_raster *out, fm_err *err)
{
    FILE *f;
    file_kind kind;
    struct spng_ihdr header;
    spng_ctx *png = NULL;
    fm_status st = open_picture(path, &f, &kind, err);

    if (st != FM_OK)
        return st;
    if (kind == JPEG) {
        st = fm_fail(err, FM_E_INPUT, "'%s' is a JPEG, depth must be a 16-bit PNG in millimetres",
                     path);
        goto done;
    }
    st = png_open(path, f, &png, &header, err);
    if (st != FM_OK)
        goto done;
    if (header.bit_depth != 16)
        st = fm_fail(err, FM_E_INPUT, "'%s' is %s %d-bit picture, depth must be 16-bit millimetres",
                     path, header.bit_depth == 8 ? "an" : "a", header.bit_depth);
    else if (!png_is_grey(&header))
        st = fm_fail(err, FM_E_INPUT, "'%s' has %d channels, depth must have one", path,
                     png_channels(&header));
    else
        st = png_decode(path, png, &header, SPNG_FMT_PNG, 1, 16, out, err);
done:
    spng_ctx_free(png);
    fclose(f);
    return st;
}

/* ---- writing ---- */

fm_status fm_raster_encode_png(const fm_raster *raster, unsigned char **out, size_t *out_size,
                               fm_err *err)
{
    static const uint8_t color_type[5] = {
        0, SPNG_COLOR_TYPE_GRAYSCALE, SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, SPNG_COLOR_TYPE_TRUECOLOR,
        SPNG_COLOR_TYPE_TRUECOLOR_ALPHA};
    struct spng_ihdr header = {.width = (uint32_t)raster->width,
                               .height = (uint32_t)raster->height,
                               .bit_depth = (uint8_t)raster->bits,
                               .color_type = color_type[raster->channels]};
    spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
    void *data = NULL;
    int code;

    if (!png)
        return fm_fail(err, FM_E_NOMEM, "out of memory for a PNG");
    code = spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1);
    if (!code)
        code = spng_set_ihdr(png, &header);
    if (!code)
        code = spng_encode_image(png, raster->data, size_of(raster), SPNG_FMT_PNG,
                                 SPNG_ENCODE_FINALIZE);
    if (!code)
        data = spng_get_png_buffer(png, out_size, &code);
    spng_ctx_free(png);
    if (!data)
        return fm_fail(err, code == SPNG_EMEM ? FM_E_NOMEM : FM_E_INTERNAL, "cannot make a PNG: %s",
                       spng_strerror(code));
    *out = data;
    return FM_OK;
}

fm_status fm_raster_save_png(const fm_raster *raster, const char *path, fm_err *err)
{
    unsigned char *data;
    size_t size;
    fm_status st = fm_raster_encode_png(raster, &data, &size, err);

    if (st != FM_OK)
        return st;
    st = fm_file_write_atomic(path, data, size, err);
    free(data);
    return st;
}
