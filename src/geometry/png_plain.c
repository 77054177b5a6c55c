/* Decodes plain PNGs in a third of libspng's time: libdeflate inflates all pixels at once, and the
 * filters are undone by loops that know how many bytes a pixel has. (libspng 0.7.3 asks for the filter
 * byte by byte in a depth map, and inflates by zlib.) Accepts less than libspng does, never more; the
 * two are held against each other by tests/fuzz/fuzz_raster.c. */
#include "geometry/png_plain.h"

#include <libdeflate.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Signature, and IHDR with its length and sum. */
#define HEADER_BYTES 33

/* Deflate makes at most 1032 bytes out of one. */
#define MOST_EXPANSION 1032

/* ---- chunks ---- */

static uint32_t get32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Append the data of a chunk to packed[*size], as far as there is room; its sum must be right. */
static bool take_pixels(FILE *file, uint32_t length, unsigned char *packed, size_t room,
                        size_t *size)
{
    unsigned char *data = packed + *size, sum[4];

    if (length > room - *size || fread(data, 1, length, file) != length ||
        fread(sum, 1, sizeof(sum), file) != sizeof(sum))
        return false;
    *size += length;
    return libdeflate_crc32(libdeflate_crc32(0, "IDAT", 4), data, length) == get32(sum);
}

/* The header's content is read by libspng, which leaves its sum for later. */
static bool header_is_whole(FILE *file)
{
    unsigned char head[HEADER_BYTES];

    return fread(head, 1, sizeof(head), file) == sizeof(head) &&
           libdeflate_crc32(0, head + 12, 17) == get32(head + 29);
}

/* Collect the pixels' zlib stream. Chunks that a decoder may leave out (their first letter is small) are
 * left out; the last one must be there, whole. */
static bool read_packed(FILE *file, unsigned char *packed, size_t room, size_t *size)
{
    static const unsigned char end[8] = {'I', 'E', 'N', 'D', 0xAE, 0x42, 0x60, 0x82};
    unsigned char head[8], sum[4];
    bool ended = false; /* the pixels have */

    *size = 0;
    while (fread(head, 1, sizeof(head), file) == sizeof(head)) {
        uint32_t length = get32(head);

        if (memcmp(head + 4, "IDAT", 4) == 0) {
            if (ended || !take_pixels(file, length, packed, room, size))
                return false;
        } else if (memcmp(head + 4, end, 4) == 0) {
            return length == 0 && fread(sum, 1, sizeof(sum), file) == sizeof(sum) &&
                   memcmp(sum, end + 4, sizeof(sum)) == 0;
        } else {
            ended = *size > 0;
            /* libspng refuses an empty eXIf; so that both say the same, it shall see what is empty. */
            if (!(head[4] & 0x20) || length == 0 || length > INT32_MAX ||
                fseek(file, (long)length + 4, SEEK_CUR) != 0)
                return false;
        }
    }
    return false;
}

static bool inflate_all(const unsigned char *packed, size_t size, unsigned char *lines,
                        size_t lines_size)
{
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    size_t used = 0;
    bool whole = inflater &&
                 libdeflate_zlib_decompress_ex(inflater, packed, size, lines, lines_size, &used,
                                               NULL) == LIBDEFLATE_SUCCESS &&
                 used == size;

    libdeflate_free_decompressor(inflater);
    return whole;
}

/* ---- filters (PNG, 3rd edition, section 9) ---- */

/* Which of the byte to the left, the byte above and the one between them is nearest to left + above -
 * between; the first of them where several are. */
static inline int paeth(int left, int above, int between)
{
    int to_left = abs(above - between), to_above = abs(left - between);
    int to_between = abs(above + left - 2 * between);
    int nearest = to_above < to_left ? above : left;

    return to_between < (to_above < to_left ? to_above : to_left) ? between : nearest;
}

/* One line of `size` bytes, `pixel` bytes a pixel: a constant in each call. `left` and `between` are of
 * the pixel before. */
static inline __attribute__((always_inline)) bool undo_filter(unsigned char filter,
                                                              const unsigned char *restrict in,
                                                              const unsigned char *restrict above,
                                                              unsigned char *restrict out,
                                                              size_t size, int pixel)
{
    unsigned char left[3] = {0}, between[3] = {0};

    switch (filter) {
    case 0:
        memcpy(out, in, size);
        return true;
    case 1:
        for (size_t i = 0; i < size; i += (size_t)pixel)
            for (int k = 0; k < pixel; k++)
                out[i + (size_t)k] = left[k] = (unsigned char)(in[i + (size_t)k] + left[k]);
        return true;
    case 2:
        for (size_t i = 0; i < size; i++)
            out[i] = (unsigned char)(in[i] + above[i]);
        return true;
    case 3:
        for (size_t i = 0; i < size; i += (size_t)pixel)
            for (int k = 0; k < pixel; k++) {
                size_t at = i + (size_t)k;

                out[at] = left[k] = (unsigned char)(in[at] + (left[k] + above[at]) / 2);
            }
        return true;
    case 4:
        for (size_t i = 0; i < size; i += (size_t)pixel)
            for (int k = 0; k < pixel; k++) {
                size_t at = i + (size_t)k;
                int guess = paeth(left[k], above[at], between[k]);

                out[at] = left[k] = (unsigned char)(in[at] + guess);
                between[k] = above[at];
            }
        return true;
    default:
        return false;
    }
}

/* `lines` are the filter's number and `size` bytes each; above the first one stand zeros. */
static inline __attribute__((always_inline)) bool undo_filters(const unsigned char *lines,
                                                               const unsigned char *zeros,
                                                               unsigned char *out, size_t height,
                                                               size_t size, int pixel)
{
    const unsigned char *above = zeros;

    for (size_t y = 0; y < height; y++, lines += size + 1, out += size) {
        if (!undo_filter(lines[0], lines + 1, above, out, size, pixel))
            return false;
        above = out;
    }
    return true;
}

/* The file has the upper byte of a sample first. */
static void to_native(unsigned char *bytes, size_t samples)
{
    for (size_t i = 0; i < samples; i++, bytes += 2) {
        uint16_t value = (uint16_t)(bytes[0] << 8 | bytes[1]);

        memcpy(bytes, &value, sizeof(value));
    }
}

/* ---- all of it ---- */

static bool decode(const unsigned char *packed, size_t packed_size, fm_raster *out)
{
    int pixel = out->channels * (out->bits / 8);
    size_t height = (size_t)out->height, size = (size_t)out->width * (size_t)pixel;
    size_t lines_size = height * (size + 1);

    if (packed_size < lines_size / MOST_EXPANSION)
        return false;
    unsigned char *lines = malloc(lines_size + size), *zeros = lines + lines_size;
    bool done = lines && inflate_all(packed, packed_size, lines, lines_size);

    if (done) {
        memset(zeros, 0, size);
        done = pixel == 1   ? undo_filters(lines, zeros, out->data, height, size, 1)
               : pixel == 2 ? undo_filters(lines, zeros, out->data, height, size, 2)
                            : undo_filters(lines, zeros, out->data, height, size, 3);
    }
    if (done && out->bits == 16)
        to_native(out->data, height * (size_t)out->width);
    free(lines);
    return done;
}

bool fm_png_plain_load(FILE *file, fm_raster *out)
{
    struct stat info;
    size_t size;

    if (fstat(fileno(file), &info) != 0 || info.st_size <= 0)
        return false;
    /* A file that is much larger than its pixels is none to be read whole. */
    size_t pixels = (size_t)out->width * (size_t)out->height;
    size_t most = pixels * (size_t)out->channels * (size_t)(out->bits / 8) * 2 + 1024;
    size_t room = (uintmax_t)info.st_size < most ? (size_t)info.st_size : most;
    unsigned char *packed = malloc(room);
    bool done = packed && header_is_whole(file) && read_packed(file, packed, room, &size) &&
                decode(packed, size, out);

    free(packed);
    return done;
}
