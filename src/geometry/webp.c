/* Owns reading WebP. libwebp decodes from memory alone, so the file's bytes are held beside the pixels;
 * how many they are is told by the header and held against the file. */
#include "geometry/webp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>

/* What libwebp needs to tell the size of any picture (a VP8X, an ALPH or a VP8 header). */
#define HEADER_BYTES 64

/* The name, the size of all that follows, the kind. */
#define RIFF_BYTES 8

/* More than the pixels that are allowed take uncompressed. */
#define MAX_FILE_BYTES ((size_t)256 << 20)

static fm_status fail(VP8StatusCode code, const char *path, fm_err *err)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return fm_fail(err, FM_E_NOMEM, "out of memory for '%s'", path);
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return fm_fail(err, FM_E_INPUT, "'%s' is truncated", path);
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return fm_fail(err, FM_E_INPUT, "'%s' is a WebP of a kind that cannot be read", path);
    default:
        return fm_fail(err, FM_E_INPUT, "'%s' is a damaged WebP", path);
    }
}

static fm_status judge(const unsigned char *head, size_t size, const char *path,
                       fm_raster_info *out, fm_err *err)
{
    WebPBitstreamFeatures found;
    VP8StatusCode code = WebPGetFeatures(head, size, &found);

    if (code != VP8_STATUS_OK)
        return fail(code, path, err);
    if (found.has_animation)
        return fm_fail(err, FM_E_INPUT, "'%s' is a WebP of several pictures", path);
    if (found.width < 1 || found.height < 1)
        return fail(VP8_STATUS_BITSTREAM_ERROR, path, err);
    if ((size_t)found.width * (size_t)found.height > FM_RASTER_MAX_PIXELS)
        return fm_fail(err, FM_E_INPUT, "'%s' has %d x %d pixels, over the limit of %zu", path,
                       found.width, found.height, FM_RASTER_MAX_PIXELS);
    *out = (fm_raster_info){found.width, found.height, found.has_alpha ? 4 : 3, 8};
    return FM_OK;
}

/* The first bytes, and how many the whole picture takes. */
static fm_status read_header(FILE *file, const char *path, unsigned char head[HEADER_BYTES],
                             size_t *size, fm_raster_info *info, fm_err *err)
{
    size_t n = fread(head, 1, HEADER_BYTES, file);

    if (ferror(file))
        return fm_fail(err, FM_E_IO, "cannot read '%s'", path);
    if (n < RIFF_BYTES)
        return fail(VP8_STATUS_NOT_ENOUGH_DATA, path, err);
    *size = RIFF_BYTES + ((size_t)head[4] | (size_t)head[5] << 8 | (size_t)head[6] << 16 |
                          (size_t)head[7] << 24);
    if (*size > MAX_FILE_BYTES)
        return fail(VP8_STATUS_BITSTREAM_ERROR, path, err);
    return judge(head, n, path, info, err);
}

static long length_of(FILE *file)
{
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;

    rewind(file);
    return size;
}

/* A file without its end is refused before memory is taken for what the header claims. */
static fm_status read_whole(FILE *file, const char *path, size_t size, unsigned char **out,
                            fm_err *err)
{
    long length = length_of(file);
    unsigned char *bytes;

    if (length < 0)
        return fm_fail(err, FM_E_IO, "cannot read '%s'", path);
    if ((size_t)length < size)
        return fail(VP8_STATUS_NOT_ENOUGH_DATA, path, err);
    bytes = malloc(size);
    if (!bytes)
        return fail(VP8_STATUS_OUT_OF_MEMORY, path, err);
    if (fread(bytes, 1, size, file) != size) {
        free(bytes);
        return fm_fail(err, FM_E_IO, "cannot read '%s'", path);
    }
    *out = bytes;
    return FM_OK;
}

static fm_status decode(const unsigned char *bytes, size_t size, const char *path, fm_raster *out,
                        fm_err *err)
{
    WebPDecoderConfig config;

    if (!WebPInitDecoderConfig(&config))
        return fm_fail(err, FM_E_INTERNAL, "libwebp is of another version than its headers");
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out->data;
    config.output.u.RGBA.stride = out->width * 3;
    config.output.u.RGBA.size = (size_t)out->width * (size_t)out->height * 3;
    errno = 0;
    VP8StatusCode code = WebPDecode(bytes, size, &config);
    /* The decoder of alpha takes want of memory for damage; errno knows better. */
    if (code != VP8_STATUS_OK && errno == ENOMEM)
        code = VP8_STATUS_OUT_OF_MEMORY;

    WebPFreeDecBuffer(&config.output);
    return code == VP8_STATUS_OK ? FM_OK : fail(code, path, err);
}

fm_status fm_webp_probe(FILE *file, const char *path, fm_raster_info *out, fm_err *err)
{
    unsigned char head[HEADER_BYTES];
    size_t size;

    return read_header(file, path, head, &size, out, err);
}

fm_status fm_webp_load_rgb(FILE *file, const char *path, fm_raster *out, fm_err *err)
{
    unsigned char head[HEADER_BYTES], *bytes = NULL;
    fm_raster_info info = {0};
    size_t size = 0;
    fm_status st = read_header(file, path, head, &size, &info, err);

    if (st == FM_OK)
        st = read_whole(file, path, size, &bytes, err);
    if (st == FM_OK)
        st = fm_raster_reserve(out, info.width, info.height, 3, 8, err);
    if (st == FM_OK)
        st = decode(bytes, size, path, out, err);
    free(bytes);
    return st;
}
