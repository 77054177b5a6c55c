/* Any bytes as a picture, a mask and a depth map: refused, or a raster of the size that its header told.
 * The pixels of a PNG are those that libspng gives alone, though most come by a faster way. */
#include <spng.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fathom/raster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pixels(const uint8_t *data, size_t size, const fm_raster *raster, int format)
{
    spng_ctx *png = spng_ctx_new(SPNG_CTX_IGNORE_ADLER32);
    size_t n;
    void *pixels;

    if (!png || spng_set_crc_action(png, SPNG_CRC_ERROR, SPNG_CRC_DISCARD) ||
        spng_set_png_buffer(png, data, size) || spng_decoded_image_size(png, format, &n))
        abort();
    pixels = malloc(n);
    if (!pixels || spng_decode_image(png, pixels, n, format, 0) ||
        memcmp(pixels, raster->data, n) != 0)
        abort();
    free(pixels);
    spng_ctx_free(png);
}

typedef fm_status load(const char *path, fm_raster *out, fm_err *err);

/* format: libspng's for these pixels */
static void check(const uint8_t *data, size_t size, load *loader, const char *path, int channels,
                  int bits, int format)
{
    fm_raster raster = {0};
    fm_raster_info info;
    fm_status st = loader(path, &raster, NULL);

    if (st == FM_OK) {
        if (raster.channels != channels || raster.bits != bits || raster.width < 1 ||
            raster.height < 1 ||
            (size_t)raster.width * (size_t)raster.height > FM_RASTER_MAX_PIXELS)
            abort();
        if (fm_raster_probe(path, &info, NULL) != FM_OK || info.width != raster.width ||
            info.height != raster.height)
            abort();
        if (format && size > 4 && memcmp(data, "\x89PNG", 4) == 0)
            check_pixels(data, size, &raster, format);
    }
    fm_raster_release(&raster);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[64];
    fm_raster_info info = {0};

    if (fd < 0 && (fd = memfd_create("fuzz", 0)) < 0)
        abort();
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    /* Pictures of a size that only tests patience are judged by their header alone. */
    if (fm_raster_probe(path, &info, NULL) == FM_OK && (int64_t)info.width * info.height > 1 << 20)
        return 0;
    check(data, size, fm_raster_load_rgb, path, 3, 8, SPNG_FMT_RGB8);
    /* libspng makes no grey of colours */
    check(data, size, fm_raster_load_mask, path, 1, 8,
          info.channels == 1 && info.bits <= 8 ? SPNG_FMT_G8 : 0);
    check(data, size, fm_raster_load_depth, path, 1, 16, SPNG_FMT_PNG);
    return 0;
}
