/* Owns where scenes stand in their files, and their pictures. Records are scene_record.c's. */
#include "train/scene_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "fathom/raster.h"

enum { MOST_LINE_BYTES = 4 << 20, MOST_SCENES = 10000000, MOST_SIDE = 1024 };

typedef struct {
    off_t offset;
    size_t size;
} line_place;

typedef struct {
    fm_world_scene scene; /* borrows its pixels from what follows */
    tr_scene_words words[FM_WORLD_QUESTIONS_MAX];
    fm_raster rgb, depth, ids;
    float *metres;
    char *line;
    size_t line_room, metres_room;
} desk;

struct tr_scene_files {
    char folder[FM_PATH_BYTES], path[FM_PATH_BYTES];
    int file;
    line_place *lines;
    size_t n, capacity;
    desk *desks; /* a thread's */
    int threads;
};

/* ---- the list of scenes ---- */

static fm_status put_line(tr_scene_files *f, const fm_lines *lines, fm_err *err)
{
    if (lines->too_long || f->n == MOST_SCENES)
        return fm_fail(err, FM_E_INPUT, "%s:%zu: a line of over %d MiB, or over %d lines", f->path,
                       lines->number, MOST_LINE_BYTES >> 20, MOST_SCENES);
    if (f->n == f->capacity) {
        size_t capacity = f->capacity ? 2 * f->capacity : 1024;
        line_place *grown = realloc(f->lines, capacity * sizeof(*grown));

        if (!grown)
            return fm_fail(err, FM_E_NOMEM, "no memory for the list of scenes");
        f->lines = grown;
        f->capacity = capacity;
    }
    f->lines[f->n++] = (line_place){(off_t)lines->offset, lines->size};
    return FM_OK;
}

static fm_status find_lines(tr_scene_files *f, fm_err *err)
{
    fm_lines lines = {0};
    bool more = true;
    fm_status st = fm_lines_open(&lines, f->path, MOST_LINE_BYTES, err);

    while (st == FM_OK) {
        st = fm_lines_next(&lines, &more, err);
        if (st != FM_OK || !more)
            break;
        st = put_line(f, &lines, err);
    }
    fm_lines_close(&lines);
    if (st == FM_OK && f->n == 0)
        st = fm_fail(err, FM_E_INPUT, "%s: holds no scene", f->path);
    return st;
}

fm_status tr_scene_files_open(tr_scene_files **out, const char *folder, int threads, fm_err *err)
{
    tr_scene_files *f = calloc(1, sizeof(*f));

    if (!f)
        return fm_fail(err, FM_E_NOMEM, "no memory for scenes");
    f->threads = threads;
    f->desks = calloc((size_t)threads, sizeof(*f->desks));
    f->file = -1;
    fm_status st = f->desks ? fm_path_join(f->path, folder, "scenes.jsonl", err)
                            : fm_fail(err, FM_E_NOMEM, "no memory for scenes");
    if (st == FM_OK)
        memcpy(f->folder, folder, strlen(folder) + 1); /* shorter than the path */
    if (st == FM_OK)
        st = find_lines(f, err);
    if (st == FM_OK && (f->file = open(f->path, O_RDONLY | O_CLOEXEC)) < 0)
        st = fm_fail(err, FM_E_IO, "cannot open '%s'", f->path);
    if (st != FM_OK) {
        tr_scene_files_close(f);
        return st;
    }
    *out = f;
    return FM_OK;
}

void tr_scene_files_close(tr_scene_files *files)
{
    if (!files)
        return;
    for (int i = 0; files->desks && i < files->threads; i++) {
        desk *d = &files->desks[i];

        fm_raster_release(&d->rgb);
        fm_raster_release(&d->depth);
        fm_raster_release(&d->ids);
        free(d->metres);
        free(d->line);
    }
    if (files->file >= 0)
        close(files->file);
    free(files->desks);
    free(files->lines);
    free(files);
}

size_t tr_scene_files_count(const tr_scene_files *files)
{
    return files->n;
}

/* ---- pictures ---- */

typedef fm_status (*loader)(const char *path, fm_raster *out, fm_err *err);

static fm_status load(const tr_scene_files *f, const char *name, const cJSON *root, const char *key,
                      loader how, fm_raster *out, fm_err *err)
{
    const char *file = fm_json_string(root, key);
    char path[FM_PATH_BYTES];

    if (!file)
        return fm_fail(err, FM_E_INPUT, "%s: '%s' wants the name of a file", name, key);
    fm_status st = fm_path_join_inside(path, f->folder, file, err);
    if (st == FM_OK)
        st = how(path, out, err);
    return st == FM_OK ? st : fm_fail_within(err, st, "%s", name);
}

static fm_status check_sizes(const desk *d, const char *name, fm_err *err)
{
    int width = d->rgb.width, height = d->rgb.height;

    if (width < FM_WORLD_MIN_SIDE || height < FM_WORLD_MIN_SIDE || width > MOST_SIDE ||
        height > MOST_SIDE)
        return fm_fail(err, FM_E_INPUT, "%s: a picture of %d x %d: sides from %d to %d are learnt",
                       name, width, height, FM_WORLD_MIN_SIDE, MOST_SIDE);
    if (d->depth.width != width || d->depth.height != height || d->ids.width != width ||
        d->ids.height != height)
        return fm_fail(err, FM_E_INPUT, "%s: 'image', 'depth' and 'ids' differ in size", name);
    return FM_OK;
}

/* Metres; and ids of things that the record does not have are nothing's. */
static fm_status take_pixels(desk *d, fm_err *err)
{
    fm_world_scene *s = &d->scene;
    size_t n = (size_t)d->rgb.width * (size_t)d->rgb.height;
    const uint16_t *depth = d->depth.data;
    uint8_t *ids = d->ids.data;

    if (n > d->metres_room) {
        float *grown = realloc(d->metres, n * sizeof(*grown));

        if (!grown)
            return fm_fail(err, FM_E_NOMEM, "no memory for a picture");
        d->metres = grown;
        d->metres_room = n;
    }
    for (size_t i = 0; i < n; i++) {
        d->metres[i] = (float)depth[i] / 1000;
        ids[i] = ids[i] <= s->n_objects ? ids[i] : 0;
    }
    s->width = d->rgb.width;
    s->height = d->rgb.height;
    s->rgb = d->rgb.data;
    s->depth = d->metres;
    s->ids = ids;
    return FM_OK;
}

static fm_status load_all(const tr_scene_files *f, const char *name, const cJSON *root, desk *d,
                          fm_err *err)
{
    fm_status st = load(f, name, root, "image", fm_raster_load_rgb, &d->rgb, err);

    if (st == FM_OK)
        st = load(f, name, root, "depth", fm_raster_load_depth, &d->depth, err);
    if (st == FM_OK)
        st = load(f, name, root, "ids", fm_raster_load_mask, &d->ids, err);
    if (st == FM_OK)
        st = check_sizes(d, name, err);
    return st == FM_OK ? take_pixels(d, err) : st;
}

/* ---- the whole ---- */

static fm_status fetch_line(const tr_scene_files *f, size_t index, desk *d, fm_err *err)
{
    const line_place *at = &f->lines[index];

    if (at->size + 1 > d->line_room) {
        char *grown = realloc(d->line, at->size + 1);

        if (!grown)
            return fm_fail(err, FM_E_NOMEM, "no memory for a scene");
        d->line = grown;
        d->line_room = at->size + 1;
    }
    if (pread(f->file, d->line, at->size, at->offset) != (ssize_t)at->size)
        return fm_fail(err, FM_E_IO, "cannot read '%s'", f->path);
    return FM_OK;
}

fm_status tr_scene_files_read(tr_scene_files *files, size_t index, int thread, fm_arena *arena,
                              tr_scene_read *out, fm_err *err)
{
    desk *d = &files->desks[thread];
    char name[FM_PATH_BYTES + 32];
    cJSON *root = NULL;
    fm_status st = fetch_line(files, index, d, err);

    snprintf(name, sizeof(name), "%s:%zu", files->path, index + 1);
    if (st == FM_OK)
        st = fm_json_parse(d->line, files->lines[index].size, name, &root, err);
    if (st == FM_OK)
        st = tr_scene_record_read(root, name, arena, &d->scene, d->words, err);
    if (st == FM_OK)
        st = load_all(files, name, root, d, err);
    cJSON_Delete(root);
    if (st == FM_OK)
        *out = (tr_scene_read){&d->scene, d->words};
    return st;
}
