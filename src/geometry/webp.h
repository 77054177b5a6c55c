/* WebP pictures, by libwebp. Part of raster.c, which has looked at the file's first bytes. */
#ifndef FM_GEOMETRY_WEBP_H
#define FM_GEOMETRY_WEBP_H

#include <stdio.h>

#include "fathom/raster.h"

/* Size, channels and bits, out of the header; `file` stands at its beginning. FM_E_INPUT where it is
 * damaged, holds several pictures or more pixels than FM_RASTER_MAX_PIXELS. */
FM_MUST_CHECK fm_status fm_webp_probe(FILE *file, const char *path, fm_raster_info *out,
                                      fm_err *err);

/* 8-bit RGB, alpha dropped. The file is read whole, behind the same checks. */
FM_MUST_CHECK fm_status fm_webp_load_rgb(FILE *file, const char *path, fm_raster *out, fm_err *err);

#endif
