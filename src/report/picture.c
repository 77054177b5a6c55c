/* The stb libraries behind two calls; their code is compiled here and seen nowhere else. */
#include "report/picture.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#define STB_IMAGE_RESIZE_STATIC
#include <stb/stb_image_resize.h>
#pragma GCC diagnostic pop
/* of what is static and stays unused, gcc tells only at the end of the file */
#pragma GCC diagnostic ignored "-Wunused-function"

fm_status fm_picture_scale(const fm_raster *in, int width, int height, fm_raster *out, fm_err *err)
{
    fm_status st = fm_raster_reserve(out, width, height, 3, 8, err);

    if (st == FM_OK &&
        !stbir_resize_uint8(in->data, in->width, in->height, 0, out->data, width, height, 0, 3))
        st = fm_fail(err, FM_E_NOMEM, "out of memory for a picture of %dx%d", width, height);
    return st;
}

void fm_picture_halve(fm_raster *picture)
{
    size_t width = (size_t)picture->width, height = (size_t)picture->height;
    size_t across = width > 1 ? 2 : 1, down = height > 1 ? 2 : 1;
    size_t w = width / across, h = height / down;
    unsigned char *out = picture->data;

    /* What is written lies before what is still to be read. */
    for (size_t y = 0; y < h; y++) {
        const unsigned char *upper = (const unsigned char *)picture->data + y * down * width * 3;
        const unsigned char *lower = upper + (down - 1) * width * 3;
        size_t beside = (across - 1) * 3;

        for (size_t x = 0; x < w; x++, upper += across * 3, lower += across * 3)
            for (size_t k = 0; k < 3; k++)
                *out++ = (unsigned char)((upper[k] + upper[k + beside] + lower[k] +
                                          lower[k + beside] + 2) /
                                         4);
    }
    picture->width = (int)w;
    picture->height = (int)h;
}

static void append(void *context, void *data, int size)
{
    fm_buf_append(context, data, (size_t)size);
}

fm_status fm_picture_jpeg(const fm_raster *picture, int quality, fm_buf *out, fm_err *err)
{
    if (!stbi_write_jpg_to_func(append, out, picture->width, picture->height, 3, picture->data,
                                quality))
        return fm_fail(err, FM_E_INTERNAL, "cannot write a JPEG of %dx%d", picture->width,
                       picture->height);
    return fm_buf_check(out, "picture", err);
}
