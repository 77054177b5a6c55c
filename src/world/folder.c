/* Owns the folder on disk: stamp, tables, and that it appears whole. What is in it is the callers'. */
#include "world/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/staging.h"
#include "base/threads.h"

/* By this file a folder is known as made here, and from what. */
static const char STAMP_NAME[] = "fathom-world.json";

typedef struct {
    const fm_folder_plan *plan;
    const char *folder;
    fm_buf *records; /* [count][FM_FOLDER_TABLES] */
} filling;

static fm_status write_file(const char *folder, const char *name, const void *bytes, size_t size,
                            fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_path_join(path, folder, name, err);
    FILE *f;

    if (st != FM_OK)
        return st;
    f = fopen(path, "wb");
    if (!f)
        return fm_fail(err, FM_E_IO, "cannot write '%s': %s", path, strerror(errno));
    bool bad = fwrite(bytes, 1, size, f) != size;
    if (fclose(f) != 0 || bad)
        return fm_fail(err, FM_E_IO, "cannot write '%s': %s", path, strerror(errno));
    return FM_OK;
}

fm_status fm_folder_write_png(const char *folder, const char *name, const fm_raster *raster,
                              fm_err *err)
{
    unsigned char *png = NULL;
    size_t size = 0;
    fm_status st = fm_raster_encode_png(raster, &png, &size, err);

    if (st == FM_OK)
        st = write_file(folder, name, png, size, err);
    free(png);
    return st;
}

static fm_status make_one(void *context, size_t index, int worker, fm_err *err)
{
    filling *f = context;
    fm_buf *records = &f->records[index * FM_FOLDER_TABLES];
    fm_status st = f->plan->make(f->plan->context, f->folder, index, worker, records, err);

    for (int t = 0; st == FM_OK && t < FM_FOLDER_TABLES; t++)
        st = fm_buf_check(&records[t], "a record", err);
    return st;
}

static fm_status write_table(const filling *f, int table, fm_err *err)
{
    bool arrays = f->plan->arrays, first = true;
    fm_buf all = {0};
    fm_status st;

    fm_buf_puts(&all, arrays ? "[\n" : "");
    for (size_t i = 0; i < f->plan->count; i++) {
        const fm_buf *record = &f->records[i * FM_FOLDER_TABLES + (size_t)table];

        if (record->size == 0)
            continue;
        fm_buf_puts(&all, first ? "" : arrays ? ",\n" : "\n");
        fm_buf_append(&all, record->data, record->size);
        first = false;
    }
    fm_buf_puts(&all, arrays ? "\n]\n" : "\n");
    st = fm_buf_check(&all, "the records", err);
    if (st == FM_OK)
        st = write_file(f->folder, f->plan->tables[table], all.data, all.size, err);
    fm_buf_release(&all);
    return st;
}

static fm_status make_folders(const filling *f, fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < FM_COUNT_OF(f->plan->folders) && f->plan->folders[i];
         i++) {
        char path[FM_PATH_BYTES];

        st = fm_path_join(path, f->folder, f->plan->folders[i], err);
        if (st == FM_OK)
            st = fm_dir_make(path, err);
    }
    return st;
}

static fm_status fill(filling *f, fm_err *err)
{
    const fm_folder_plan *plan = f->plan;
    size_t n = plan->count * FM_FOLDER_TABLES;
    fm_status st;

    f->records = calloc(n, sizeof(*f->records));
    if (!f->records)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu records", plan->count);
    st = make_folders(f, err);
    if (st == FM_OK)
        st = fm_parallel_for(plan->count, plan->jobs, make_one, f, err);
    for (int t = 0; st == FM_OK && t < FM_FOLDER_TABLES && plan->tables[t]; t++)
        st = write_table(f, t, err);
    if (st == FM_OK)
        st = write_file(f->folder, STAMP_NAME, plan->stamp, strlen(plan->stamp), err);
    for (size_t i = 0; i < n; i++)
        fm_buf_release(&f->records[i]);
    free(f->records);
    return st;
}

/* Was this folder made by us from the same? */
static bool is_ours(const fm_folder_plan *plan, const char *dir)
{
    char path[FM_PATH_BYTES];
    fm_buf found = {0};
    bool ours;

    if (fm_path_join(path, dir, STAMP_NAME, NULL) != FM_OK || !fm_file_exists(path))
        return false;
    ours = fm_file_read(path, 4096, &found, NULL) == FM_OK &&
           strcmp(fm_buf_text(&found), plan->stamp) == 0;
    fm_buf_release(&found);
    return ours;
}

static fm_status refuse(const char *dir, fm_err *err)
{
    return fm_fail(err, FM_E_USAGE, "'%s' exists and was not made from this seed, count and size",
                   dir);
}

fm_status fm_folder_generate(const fm_folder_plan *plan, const char *dir, fm_err *err)
{
    fm_staging staging = {0};
    filling f = {.plan = plan};
    fm_status st;

    if (is_ours(plan, dir))
        return FM_OK;
    if (fm_path_is_occupied(dir))
        return refuse(dir, err);
    st = fm_staging_begin(&staging, dir, err);
    if (st != FM_OK)
        return st;
    f.folder = staging.folder;
    st = fill(&f, err);
    if (st == FM_OK)
        st = fm_staging_commit(&staging, err);
    /* Another process may have been faster. */
    if (st == FM_E_USAGE && fm_path_is_occupied(dir))
        st = is_ours(plan, staging.path) ? FM_OK : refuse(staging.path, err);
    fm_staging_abandon(&staging);
    return st;
}
