/* Owns reading and writing of pictures, masks and depth maps: libspng for PNG, and png_plain.c for the
 * pixels of most; stb_image for JPEG, webp.c for WebP. Leaves what the pixels mean to others.
 *
 * Files are read as streams: what a hostile file can make this module allocate is bounded by the
 * pixel limit, which is held against the header before any pixel is decoded. */
#include "fathom/raster.h"

#include <errno.h>
#include <fcntl.h>
#include <spng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/size.h"
#include "geometry/png_plain.h"
#include "geometry/webp.h"

#define STBI_NO_STDIO
#include <stb/stb_image.h>

/* Bounds for what surrounds the pixels in a PNG (text, colour profiles). */
#define MAX_CHUNK_BYTES ((size_t)16 << 20)
#define MAX_CACHE_BYTES ((size_t)32 << 20)

/* Of zlib. The default, 6, takes twice the time of making a scene and saves 8 % of its bytes. */
#define PNG_LEVEL 2

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

/* An open file whose kind is known and, for a PNG, whose header has been read and judged. */
typedef struct {
    const char *path;
    FILE *file;
    spng_ctx *png; /* NULL: another kind */
    bool webp;     /* otherwise, where it is no PNG, a JPEG */
    struct spng_ihdr header;
} picture;

static fm_status too_large(const picture *p, uint32_t width, uint32_t height, fm_err *err)
{
    return fm_fail(err, FM_E_INPUT, "'%s' has %u x %u pixels, over the limit of %zu", p->path,
                   width, height, FM_RASTER_MAX_PIXELS);
}

/* libspng takes zlib's want of memory for damage; errno knows better, where it was 0 before. */
static fm_status png_fail(const picture *p, int code, fm_err *err)
{
    if (code == SPNG_EMEM || errno == ENOMEM)
        return fm_fail(err, FM_E_NOMEM, "out of memory for '%s'", p->path);
    if (code == SPNG_IO_EOF || code == SPNG_EIDAT_TOO_SHORT)
        return fm_fail(err, FM_E_INPUT, "'%s' is truncated", p->path);
    if (code == SPNG_IO_ERROR)
        return fm_fail(err, FM_E_IO, "cannot read '%s'", p->path);
    return fm_fail(err, FM_E_INPUT, "'%s' is a damaged PNG: %s", p->path, spng_strerror(code));
}

static fm_status png_read_header(picture *p, fm_err *err)
{
    int code;

    errno = 0;
    /* The CRC of every chunk is checked, which makes the Adler sum over the same data needless. */
    p->png = spng_ctx_new(SPNG_CTX_IGNORE_ADLER32);
    if (!p->png)
        return png_fail(p, SPNG_EMEM, err);
    code = spng_set_crc_action(p->png, SPNG_CRC_ERROR, SPNG_CRC_DISCARD);
    if (!code)
        code = spng_set_chunk_limits(p->png, MAX_CHUNK_BYTES, MAX_CACHE_BYTES);
    if (!code)
        code = spng_set_png_file(p->png, p->file);
    if (!code)
        code = spng_get_ihdr(p->png, &p->header);
    if (code)
        return png_fail(p, code, err);
    if ((uint64_t)p->header.width * p->header.height > FM_RASTER_MAX_PIXELS)
        return too_large(p, p->header.width, p->header.height, err);
    return FM_OK;
}

static void close_picture(picture *p)
{
    spng_ctx_free(p->png);
    if (p->file)
        fclose(p->file);
}

/* On failure too, the caller closes `p`. */
static fm_status open_picture(picture *p, const char *path, fm_err *err)
{
    static const unsigned char png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    static const unsigned char jpeg[3] = {0xFF, 0xD8, 0xFF};
    unsigned char head[12];
    size_t n;

    /* A data folder may hold a pipe under a picture's name: opening one would wait for ever. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;

    *p = (picture){.path = path, .file = fd >= 0 ? fdopen(fd, "rb") : NULL};
    if (!p->file) {
        int why = errno;

        if (fd >= 0)
            close(fd);
        return fm_fail(err, why == ENOMEM ? FM_E_NOMEM : FM_E_IO, "cannot open '%s': %s", path,
                       strerror(why));
    }
    if (fstat(fd, &info) == 0 && !S_ISREG(info.st_mode))
        return fm_fail(err, FM_E_IO, "cannot read '%s': it is a %s", path,
                       S_ISDIR(info.st_mode) ? "folder" : "pipe or a device");
    n = fread(head, 1, sizeof(head), p->file);
    if (ferror(p->file))
        return fm_fail(err, FM_E_IO, "cannot read '%s': %s", path, strerror(errno));
    rewind(p->file);
    if (n >= sizeof(png) && memcmp(head, png, sizeof(png)) == 0)
        return png_read_header(p, err);
    if (n >= sizeof(jpeg) && memcmp(head, jpeg, sizeof(jpeg)) == 0)
        return FM_OK;
    p->webp = n == sizeof(head) && memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBP", 4) == 0;
    if (p->webp)
        return FM_OK;
    return fm_fail(err, FM_E_INPUT, n ? "'%s' is none of PNG, JPEG and WebP" : "'%s' is empty",
                   path);
}

/* ---- PNG ---- */

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

/* Whether out's pixels are the file's as they are, and png_plain.c could decode them. Where it could
 * not, the file stands again where libspng left it. */
static bool png_load_plain(const picture *p, fm_raster *out)
{
    const struct spng_ihdr *header = &p->header;
    long at = ftell(p->file);

    if (header->interlace_method || header->color_type == SPNG_COLOR_TYPE_INDEXED || at < 0 ||
        header->bit_depth != out->bits || png_channels(header) != out->channels ||
        out->channels * out->bits > 24)
        return false;
    if (fseek(p->file, 0, SEEK_SET) == 0 && fm_png_plain_load(p->file, out))
        return true;
    (void)fseek(p->file, at, SEEK_SET);
    return false;
}

/* Decode into `out`, shaped here, in libspng's `format` of the given channels and bits. */
static fm_status png_load(picture *p, int format, int channels, int bits, fm_raster *out,
                          fm_err *err)
{
    size_t bytes;
    fm_status st = shape(out, (int)p->header.width, (int)p->header.height, channels, bits, err);

    if (st != FM_OK || png_load_plain(p, out))
        return st;
    errno = 0;
    int code = spng_decoded_image_size(p->png, format, &bytes);

    if (!code && bytes != size_of(out))
        return fm_fail(err, FM_E_INTERNAL, "libspng disagrees on the size of '%s'", p->path);
    if (!code)
        code = spng_decode_image(p->png, out->data, bytes, format, 0);
    /* The pixels may be complete in a file that lacks its end. libspng forgives an end that is cut
     * in its last four bytes, but then it has tried to read past it. */
    if (!code)
        code = spng_decode_chunks(p->png);
    if (!code && feof(p->file))
        code = SPNG_IO_EOF;
    return code ? png_fail(p, code, err) : FM_OK;
}

/* ---- JPEG ---- */

static fm_status jpeg_truncated(const picture *p, fm_err *err)
{
    if (ferror(p->file))
        return fm_fail(err, FM_E_IO, "cannot read '%s'", p->path);
    return fm_fail(err, FM_E_INPUT, "'%s' is truncated", p->path);
}

static fm_status jpeg_damaged(const picture *p, const char *how, fm_err *err)
{
    return fm_fail(err, FM_E_INPUT, "'%s' is a damaged JPEG: %s", p->path, how);
}

/* The next marker, 0 at the end of the file. Stuffed bytes and restarts are part of the pixels. */
static int next_marker(FILE *f)
{
    for (;;) {
        int c = getc(f);

        while (c != EOF && c != 0xFF)
            c = getc(f);
        while (c == 0xFF)
            c = getc(f);
        if (c == EOF)
            return 0;
        if (c > 0x01 && !(c >= 0xD0 && c <= 0xD8))
            return c;
    }
}

static int get16(FILE *f)
{
    int high = getc(f), low = getc(f);

    return high == EOF || low == EOF ? EOF : high << 8 | low;
}

/* A segment of Huffman tables, `left` bytes long. stb_image copies as many codes as a table claims
 * into room for 256. */
static bool tables_fit(FILE *f, int left)
{
    while (left > 0) {
        int codes = 0;

        (void)getc(f); /* class and place */
        for (int i = 0; i < 16; i++)
            codes += getc(f);
        left -= 17 + codes;
        if (codes < 0 || codes > 256 || left < 0 || fseek(f, codes, SEEK_CUR) != 0)
            return false;
    }
    return true;
}

/* Walk over the whole file before stb_image sees it: the size, Huffman tables that fit, and an end,
 * in whose absence stb_image would make pixels up. */
static fm_status jpeg_probe(picture *p, fm_raster_info *out, fm_err *err)
{
    FILE *f = p->file;
    int marker, height = 0, width = 0, components = 0;

    while ((marker = next_marker(f)) != 0xD9) {
        int length = marker ? get16(f) : EOF;
        long begin = ftell(f);

        if (length == EOF || begin < 0)
            return jpeg_truncated(p, err);
        if (length < 2)
            return jpeg_damaged(p, "a segment without length", err);
        if (marker == 0xC4 && !tables_fit(f, length - 2))
            return feof(f) ? jpeg_truncated(p, err) : jpeg_damaged(p, "bad Huffman table", err);
        /* The first frame header; C4, C8 and CC are none. */
        if (components == 0 && marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 &&
            marker != 0xC8 && marker != 0xCC) {
            (void)getc(f); /* bits; stb_image refuses what is not 8 */
            height = get16(f);
            width = get16(f);
            components = getc(f);
        }
        if (fseek(f, begin + length - 2, SEEK_SET) != 0)
            return jpeg_truncated(p, err);
    }
    if (height <= 0 || width <= 0 || components <= 0)
        return jpeg_damaged(p, "no size", err);
    if ((size_t)width * (size_t)height > FM_RASTER_MAX_PIXELS)
        return too_large(p, (uint32_t)width, (uint32_t)height, err);
    *out = (fm_raster_info){width, height, components >= 3 ? 3 : 1, 8};
    return FM_OK;
}

static int jpeg_read(void *file, char *data, int size)
{
    return (int)fread(data, 1, (size_t)size, file);
}

static void jpeg_skip(void *file, int n)
{
    (void)fseek(file, n, SEEK_CUR);
}

static int jpeg_eof(void *file)
{
    return feof((FILE *)file);
}

static fm_status jpeg_load(picture *p, int channels, fm_raster *out, fm_err *err)
{
    static const stbi_io_callbacks io = {jpeg_read, jpeg_skip, jpeg_eof};
    fm_raster_info info = {0};
    int width, height, in_file;
    fm_status st = jpeg_probe(p, &info, err);

    if (st != FM_OK)
        return st;
    rewind(p->file);
    unsigned char *data =
        stbi_load_from_callbacks(&io, p->file, &width, &height, &in_file, channels);

    if (!data) {
        /* stb_image refuses some damaged files without saying why. */
        const char *reason = stbi_failure_reason();

        if (reason && strcmp(reason, "outofmem") == 0)
            return fm_fail(err, FM_E_NOMEM, "out of memory for '%s'", p->path);
        return jpeg_damaged(p, reason ? reason : "cannot be decoded", err);
    }
    if (width != info.width || height != info.height) {
        stbi_image_free(data);
        return jpeg_damaged(p, "two sizes", err);
    }
    free(out->data);
    *out = (fm_raster){width, height, channels, 8, data, 0};
    out->capacity = size_of(out);
    return FM_OK;
}

/* ---- public loaders ---- */

fm_status fm_raster_probe(const char *path, fm_raster_info *out, fm_err *err)
{
    picture p;
    fm_status st = open_picture(&p, path, err);

    if (st == FM_OK && p.png)
        *out = (fm_raster_info){
            (int)p.header.width, (int)p.header.height, png_channels(&p.header),
            p.header.color_type == SPNG_COLOR_TYPE_INDEXED ? 8 : p.header.bit_depth};
    else if (st == FM_OK)
        st = p.webp ? fm_webp_probe(p.file, path, out, err) : jpeg_probe(&p, out, err);
    close_picture(&p);
    return st;
}

fm_status fm_raster_load_rgb(const char *path, fm_raster *out, fm_err *err)
{
    picture p;
    fm_status st = open_picture(&p, path, err);

    if (st == FM_OK && p.png)
        st = png_load(&p, SPNG_FMT_RGB8, 3, 8, out, err);
    else if (st == FM_OK)
        st = p.webp ? fm_webp_load_rgb(p.file, path, out, err) : jpeg_load(&p, 3, out, err);
    close_picture(&p);
    return st;
}

/* 0.299 R + 0.587 G + 0.114 B in the 15-bit fixed point of libpng, through which OpenCV reads. */
static unsigned char luma(const unsigned char *rgb)
{
    return (unsigned char)((9798u * rgb[0] + 19235u * rgb[1] + 3735u * rgb[2] + 16384u) >> 15);
}

static void rgb_to_grey(fm_raster *raster)
{
    unsigned char *data = raster->data;
    size_t pixels = (size_t)raster->width * (size_t)raster->height;

    for (size_t i = 0; i < pixels; i++)
        data[i] = luma(data + 3 * i);
    raster->channels = 1;
}

fm_status fm_raster_load_mask(const char *path, fm_raster *out, fm_err *err)
{
    picture p;
    fm_status st = open_picture(&p, path, err);

    if (st == FM_OK && p.webp) {
        st = fm_webp_load_rgb(p.file, path, out, err);
        if (st == FM_OK)
            rgb_to_grey(out);
    } else if (st == FM_OK && !p.png) {
        st = jpeg_load(&p, 1, out, err);
    } else if (st == FM_OK && png_channels(&p.header) == 1 && p.header.bit_depth <= 8) {
        st = png_load(&p, SPNG_FMT_G8, 1, 8, out, err);
    } else if (st == FM_OK) {
        st = png_load(&p, SPNG_FMT_RGB8, 3, 8, out, err);
        if (st == FM_OK)
            rgb_to_grey(out);
    }
    close_picture(&p);
    return st;
}

fm_status fm_raster_load_depth(const char *path, fm_raster *out, fm_err *err)
{
    picture p;
    fm_status st = open_picture(&p, path, err);

    if (st == FM_OK && !p.png)
        st = fm_fail(err, FM_E_INPUT, "'%s' is a %s, depth must be a PNG of 16-bit millimetres",
                     path, p.webp ? "WebP" : "JPEG");
    else if (st == FM_OK && p.header.bit_depth != 16)
        st = fm_fail(err, FM_E_INPUT, "'%s' is %s %d-bit picture, depth must be 16-bit millimetres",
                     path, p.header.bit_depth == 8 ? "an" : "a", p.header.bit_depth);
    else if (st == FM_OK && png_channels(&p.header) != 1)
        st = fm_fail(err, FM_E_INPUT, "'%s' has %d channels, depth must have one", path,
                     png_channels(&p.header));
    else if (st == FM_OK)
        st = png_load(&p, SPNG_FMT_PNG, 1, 16, out, err);
    close_picture(&p);
    return st;
}

/* ---- writing ---- */

/* filters: of libspng, among which it chooses line by line. */
static fm_status encode(const fm_raster *raster, int filters, unsigned char **out, size_t *out_size,
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
        code = spng_set_option(png, SPNG_IMG_COMPRESSION_LEVEL, PNG_LEVEL);
    if (!code)
        code = spng_set_option(png, SPNG_FILTER_CHOICE, filters);
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

fm_status fm_raster_encode_png(const fm_raster *raster, unsigned char **out, size_t *out_size,
                               fm_err *err)
{
    return encode(raster, SPNG_FILTER_CHOICE_ALL, out, out_size, err);
}

/* One filter for all lines: choosing among them takes half as long again and saves 1 % of a picture. (The bytes of
 * generated data, which runs are compared by, stay as they were.) */
fm_status fm_raster_save_png(const fm_raster *raster, const char *path, fm_err *err)
{
    unsigned char *data = NULL;
    size_t size = 0;
    fm_status st = encode(raster, SPNG_FILTER_CHOICE_SUB, &data, &size, err);

    if (st != FM_OK)
        return st;
    st = fm_file_write_atomic(path, data, size, err);
    free(data);
    return st;
}
