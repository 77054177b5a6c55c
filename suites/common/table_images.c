/* Owns which pictures a row shows: those of its columns, the one that another row has, or the files of a
 * folder. How a single one becomes a file is table_files.c's business. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/size.h"
#include "suites/common/table_internal.h"

/* A cell of at most so many bytes is no picture but names the row that has it: VLMEvalKit's bound. */
enum { SHORT_CELL = 64, MAX_FRAMES = 65536 };

/* ---- pictures of other rows ---- */

/* How other rows refer to this one; NULL: not at all. */
static fm_status own_name(const fm_table_row *row, const char **out)
{
    *out = NULL;
    return row->spec->images.rows.given ? fm_table_text(row, &row->spec->images.rows, out) : FM_OK;
}

static fm_status borrow(const fm_table_row *row, const fm_table_ref *ref,
                        const fm_parquet_value *value, const char **out)
{
    const char *name;
    uint64_t path;
    fm_status st = fm_table_text_of(row, ref, value, &name);

    if (st != FM_OK)
        return st;
    if (!fm_id_map_find(&row->seen->rows, name, &path))
        return fm_table_fault(row, ref, "is no picture, and no row before it has this name");
    *out = (const char *)(uintptr_t)path;
    return FM_OK;
}

static fm_status remember(const fm_table_row *row, const char *name, const char *path)
{
    const char *kept = fm_arena_strdup(&row->seen->paths, path);
    bool fresh;

    return kept && fm_id_map_put(&row->seen->rows, name, (uint64_t)(uintptr_t)kept, &fresh, NULL)
               ? FM_OK
               : fm_table_no_memory(row);
}

/* ---- columns ---- */

static fm_status add_picture(const fm_table_row *row, const fm_table_ref *ref,
                             const fm_parquet_value *value, const char **paths, size_t *n)
{
    const fm_table_pictures *p = &row->spec->images;
    bool other = p->rows.given && value->kind == FM_PARQUET_TEXT && value->size <= SHORT_CELL;
    const char *name;
    fm_status st;

    if (value->kind == FM_PARQUET_NULL)
        return FM_OK;
    if (*n == FM_TABLE_PICTURES)
        return fm_table_fault(row, ref, "gives more than 128 pictures");
    if (other)
        return borrow(row, ref, value, &paths[(*n)++]);
    st = fm_table_picture(row, ref, value, p, &paths[*n]);
    if (st == FM_OK)
        st = own_name(row, &name);
    if (st == FM_OK && name)
        st = remember(row, name, paths[*n]);
    ++*n;
    return st;
}

static fm_status of_columns(const fm_table_row *row, const char **out, size_t *n)
{
    const fm_table_pictures *p = &row->spec->images;
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < p->n; i++) {
        const fm_parquet_value *value = fm_table_value(row, &p->refs[i]);

        if (!value)
            continue;
        if (value->kind != FM_PARQUET_LIST)
            st = add_picture(row, &p->refs[i], value, out, n);
        else
            for (uint32_t k = 0; st == FM_OK && k < value->size; k++)
                st = add_picture(row, &p->refs[i], &value->items[k], out, n);
    }
    return st;
}

/* ---- folders ---- */

static int is_picture(const struct dirent *item)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".webp"};
    const char *dot = strrchr(item->d_name, '.');

    for (size_t i = 0; dot && i < FM_COUNT_OF(endings); i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return item->d_name[0] != '.';
    return 0;
}

/* Of n files the k-th of `most`: the first, the last, and those between at equal distances. */
static size_t chosen(size_t k, size_t n, size_t most)
{
    if (n <= most)
        return k;
    return most == 1 ? n / 2 : (k * (n - 1) + (most - 1) / 2) / (most - 1);
}

static fm_status add_files(const fm_table_row *row, const char *folder, struct dirent **items,
                           size_t n_items, const char **out, size_t *n)
{
    size_t most = row->spec->images.most, count = n_items < most ? n_items : most;
    fm_status st = FM_OK;

    for (; st == FM_OK && *n < count; ++*n) {
        char name[FM_PATH_BYTES], path[FM_PATH_BYTES];
        const char *file = items[chosen(*n, n_items, most)]->d_name;

        st = fm_path_join(name, folder, file, row->err);
        if (st == FM_OK)
            st = fm_table_inside(row->data_dir, name, path, row->err);
        if (st == FM_OK && !(out[*n] = fm_arena_strdup(row->arena, path)))
            st = fm_table_no_memory(row);
    }
    return st;
}

static fm_status of_folder(const fm_table_row *row, const char **out, size_t *n)
{
    const fm_table_pictures *p = &row->spec->images;
    char folder[FM_PATH_BYTES], path[FM_PATH_BYTES];
    struct dirent **items = NULL;
    const char *part;
    fm_status st = fm_table_text(row, &p->part, &part);

    if (st == FM_OK && !part)
        st = fm_table_fault(row, &p->part, "has no value, which is a folder's name");
    if (st != FM_OK)
        return st;
    if (snprintf(folder, sizeof(folder), "%s%s%s", p->root, part, p->rest) >= (int)sizeof(folder))
        return fm_table_fault(row, &p->part, "is too long a name");
    st = fm_table_inside(row->data_dir, folder, path, row->err);
    int found = st == FM_OK ? scandir(path, &items, is_picture, alphasort) : 0;
    if (st == FM_OK && (found <= 0 || found > MAX_FRAMES))
        st = fm_fail(row->err, FM_E_INPUT, "%s: row %zu: the folder '%s' has %s pictures",
                     row->path, row->number, folder, found > 0 ? "too many" : "no");
    if (st == FM_OK)
        st = add_files(row, folder, items, (size_t)found, out, n);
    for (int i = 0; i < found; i++)
        free(items[i]);
    free(items);
    return st;
}

fm_status fm_table_images(const fm_table_row *row, const char **out, size_t *n)
{
    *n = 0;
    return row->spec->images.whole ? of_folder(row, out, n) : of_columns(row, out, n);
}
