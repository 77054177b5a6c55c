/**
 * Pictures, masks and depth maps: reading (PNG, JPEG, WebP) and writing (PNG), with every size checked
 * before it is used.
 *
 * Rasters are row-major, top row first, channels interleaved. Loaders never return a picture larger
 * than FM_RASTER_MAX_PIXELS; the header is read and judged before anything is allocated. Errors
 * name the file. Functions are thread-safe as long as each raster belongs to one thread.
 */
#ifndef FATHOM_RASTER_H
#define FATHOM_RASTER_H

#include <stdint.h>

#include "fathom/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FM_RASTER_MAX_PIXELS ((size_t)64 << 20)

/* Owned buffer. `bits` is 8 or 16; `data` holds width * height * channels samples in native byte
 * order. A loader reuses the buffer of the raster that it is given where it is large enough, so one
 * raster per thread serves a whole run. */
typedef struct {
    int width, height, channels, bits;
    void *data;
    size_t capacity; /* bytes */
} fm_raster;

typedef struct {
    int width, height, channels, bits;
} fm_raster_info;

/* Header only: no pixel is decoded. FM_E_IO where the file cannot be read, FM_E_INPUT where it is
 * none of PNG, JPEG and WebP. */
FM_API FM_MUST_CHECK fm_status fm_raster_probe(const char *path, fm_raster_info *out, fm_err *err);

/* 8-bit RGB, three channels, from any PNG, JPEG or WebP (grey is spread, alpha dropped, 16 bits cut to
 * the upper 8). */
FM_API FM_MUST_CHECK fm_status fm_raster_load_rgb(const char *path, fm_raster *out, fm_err *err);

/* 8-bit, one channel; a colour mask gives its grey value as OpenCV computes it (0.299 R + 0.587 G +
 * 0.114 B). */
FM_API FM_MUST_CHECK fm_status fm_raster_load_mask(const char *path, fm_raster *out, fm_err *err);

/* 16-bit grey PNG, one channel, millimetres. Anything else is FM_E_INPUT and says what was found
 * ("is an 8-bit picture"). */
FM_API FM_MUST_CHECK fm_status fm_raster_load_depth(const char *path, fm_raster *out, fm_err *err);

/* PNG with 8 or 16 bits and 1, 3 or 4 channels; written to a temporary name and renamed. */
FM_API FM_MUST_CHECK fm_status fm_raster_save_png(const fm_raster *raster, const char *path,
                                                  fm_err *err);

/* The PNG bytes in memory, malloc'ed into *out (the caller frees). */
FM_API FM_MUST_CHECK fm_status fm_raster_encode_png(const fm_raster *raster, unsigned char **out,
                                                    size_t *out_size, fm_err *err);

/* Zeroed raster of the given shape; refuses sizes over FM_RASTER_MAX_PIXELS. Reuses out's buffer as
 * the loaders do. */
FM_API FM_MUST_CHECK fm_status fm_raster_reserve(fm_raster *out, int width, int height,
                                                 int channels, int bits, fm_err *err);

FM_API void fm_raster_release(fm_raster *raster); /* accepts NULL and {0} */

#ifdef __cplusplus
}
#endif
#endif
