/* The plain kind of PNG, which nearly all are: 8-bit grey, 8-bit RGB or 16-bit grey, not interlaced. Part
 * of raster.c, where libspng reads every header, decodes all other kinds, and says what is wrong with a
 * damaged file. */
#ifndef FM_GEOMETRY_PNG_PLAIN_H
#define FM_GEOMETRY_PNG_PLAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "fathom/raster.h"

/* Decode a plain PNG, at whose beginning `file` stands, into `out`, which has the shape that the header
 * tells. False: not all of it is as it should be, and out's pixels mean nothing; libspng is to judge. */
bool fm_png_plain_load(FILE *file, fm_raster *out);

#endif
