/* Owns the pictures of the page: thumbnails, the grid that a depth map becomes, links. The lines over
 * them are the script's. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fathom/camera.h"
#include "report/page/page.h"
#include "report/picture.h"

enum { QUALITY = 72 };

/* Pages of many samples have small pictures: they are to be opened, not only written. */
static const struct tier {
    size_t samples;  /* up to so many */
    int longer_side; /* a picture is halved until it has no more pixels than this */
    int columns;     /* of the grid of depths, whose cells are the points in space */
} tiers[] = {{500, 720, 96}, {2000, 400, 64}, {SIZE_MAX, 240, 40}};

static const struct tier *tier_of(const fm_page *page)
{
    const struct tier *tier = tiers;

    while (page->n_entries > tier->samples)
        tier++;
    return tier;
}

static void say(fm_page_picture *out, const char *text)
{
    snprintf(out->trouble, sizeof(out->trouble), "%.150s", text);
}

/* ---- links ---- */

/* A path as an URL: what is not plain in one is escaped byte by byte. */
static void put_url(fm_buf *out, const char *path)
{
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("/-._~", c);

        if (plain)
            fm_buf_putc(out, *path);
        else
            fm_buf_printf(out, "%%%02X", c);
    }
}

/* From the folder to the file, both absolute and without links. */
static void put_relative(fm_buf *out, const char *folder, const char *file)
{
    size_t common = 0, i = 0;

    for (; folder[i] && folder[i] == file[i]; i++)
        if (folder[i] == '/')
            common = i;
    if (folder[i] == '\0' && file[i] == '/')
        common = i;
    for (const char *p = folder + common; *p; p++)
        if (*p == '/' && p[1])
            fm_buf_puts(out, "../");
    put_url(out, file + common + 1);
}

static void link_picture(const fm_page *page, const char *path, fm_page_picture *out)
{
    char *folder = realpath(page->folder ? page->folder : ".", NULL), *file = realpath(path, NULL);

    if (folder && file)
        put_relative(&out->link, folder, file);
    else
        say(out, strerror(errno));
    free(folder);
    free(file);
}

/* ---- thumbnails ---- */

static fm_status embed_picture(const fm_page *page, fm_page_entry *entry, fm_page_rasters *r,
                               fm_page_picture *out, fm_err *err)
{
    int most = tier_of(page)->longer_side;
    fm_raster *image = &r->image;
    fm_err trouble = {0};
    fm_status st = fm_raster_load_rgb(entry->shown->sample.image_path, image, &trouble);

    if (st != FM_OK) {
        say(out, trouble.text);
        return st == FM_E_NOMEM ? fm_fail(err, st, "%s", trouble.text) : FM_OK;
    }
    out->width = image->width;
    out->height = image->height;
    while (image->width > most || image->height > most)
        fm_picture_halve(image);
    return fm_picture_jpeg(image, QUALITY, &entry->picture, err);
}

/* ---- depth ---- */

static void put_u16(fm_buf *out, unsigned value)
{
    fm_buf_putc(out, (char)(value & 255));
    fm_buf_putc(out, (char)(value >> 8));
}

/* Columns, rows, then the map's own width and height, then the cells in millimetres, row by row:
 * little-endian 16-bit numbers. A cell is the pixel in its middle: a mean would lie between surfaces. */
static void embed_depth(const fm_page *page, fm_page_entry *entry, fm_page_rasters *r)
{
    const fm_sample *s = &entry->shown->sample;
    int most = tier_of(page)->columns;

    if (s->kind != FM_ANSWER_TRACE3D || !s->depth_path || !s->has_camera ||
        !fm_camera_valid(&s->camera) ||
        fm_raster_load_depth(s->depth_path, &r->depth, NULL) != FM_OK)
        return;
    int w = r->depth.width, h = r->depth.height;
    int columns = w < most ? w : most, rows = (int)fmax(1, rint((double)columns * h / w));
    const uint16_t *mm = r->depth.data;

    if (w > UINT16_MAX || h > UINT16_MAX || rows > h)
        return;
    put_u16(&entry->depth, (unsigned)columns);
    put_u16(&entry->depth, (unsigned)rows);
    put_u16(&entry->depth, (unsigned)w);
    put_u16(&entry->depth, (unsigned)h);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++)
            put_u16(&entry->depth, mm[(size_t)((2 * y + 1) * h / (2 * rows)) * (size_t)w +
                                      (size_t)((2 * x + 1) * w / (2 * columns))]);
}

/* ---- a sample ---- */

/* The size without the picture, so that at least the lines can be drawn. */
static void find_size(const fm_sample *s, fm_page_picture *out)
{
    fm_raster_info info;
    const char *source;

    if (s->image_path && fm_raster_probe(s->image_path, &info, NULL) == FM_OK) {
        out->width = info.width;
        out->height = info.height;
    } else if (fm_sample_picture_size(s, &out->width, &out->height, &source, NULL) != FM_OK) {
        out->width = out->height = 0;
    }
}

fm_status fm_page_make_picture(const fm_page *page, fm_page_entry *entry, fm_page_rasters *r,
                               fm_page_picture *out, fm_err *err)
{
    const fm_sample *s = &entry->shown->sample;
    fm_report_pictures how = page->options ? page->options->pictures : FM_REPORT_EMBED;
    fm_status st = FM_OK;

    if (!entry->shown->has_sample) {
        say(out, "the run's data is not here");
        return FM_OK;
    }
    if (how == FM_REPORT_NO_PICTURES || !s->image_path)
        say(out, s->image_path ? "made without pictures" : "the data names no picture");
    else if (how == FM_REPORT_LINK)
        link_picture(page, s->image_path, out);
    else
        st = embed_picture(page, entry, r, out, err);
    if (st != FM_OK)
        return st;
    if (out->width == 0)
        find_size(s, out);
    if (how == FM_REPORT_EMBED)
        embed_depth(page, entry, r);
    out->masked = s->mask_path && fm_raster_load_mask(s->mask_path, &r->mask, NULL) == FM_OK;
    return fm_buf_check(&entry->depth, "a depth map", err);
}

void fm_page_rasters_release(fm_page_rasters *r)
{
    fm_raster_release(&r->image);
    fm_raster_release(&r->mask);
    fm_raster_release(&r->depth);
}
