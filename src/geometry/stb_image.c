/* Owns the one instance of stb_image, for JPEG alone: its other decoders have known faults on hostile
 * input, and PNG is libspng's. What raster.c lets through keeps it within its buffers; its shifts and
 * sums still overflow on damaged pixels, without harm, so that this file is built without those two
 * checks of UBSan. */
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#include <stb/stb_image.h>
