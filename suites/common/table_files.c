/* Owns names: the files that a pattern matches, names in data that must not leave the folder, and
 * pictures that stand in a table laid out as files. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/size.h"
#include "base/text.h"
#include "suites/common/table_internal.h"

enum { MAX_FILES = 4096 };

/* ---- names inside the data folder ---- */

/* <cache>/<repository>/snapshots/<revision> holds links to <cache>/<repository>/blobs/<hash>. */
static bool blobs_of(const char *data_dir, char out[FM_PATH_BYTES])
{
    char real[FM_PATH_BYTES];

    if (snprintf(real, sizeof(real), "%s", data_dir) >= (int)sizeof(real))
        return false;
    char *revision = strrchr(real, '/');
    if (!revision)
        return false;
    *revision = '\0';
    char *snapshots = strrchr(real, '/');
    if (!snapshots || strcmp(snapshots, "/snapshots") != 0)
        return false;
    *snapshots = '\0';
    return fm_path_join(out, real, "blobs", NULL) == FM_OK;
}

fm_status fm_table_inside(const char *data_dir, const char *name, char out[FM_PATH_BYTES],
                          fm_err *err)
{
    char blobs[FM_PATH_BYTES];

    return fm_path_join_linked(out, data_dir, blobs_of(data_dir, blobs) ? blobs : NULL, name, err);
}

/* ---- patterns ---- */

typedef struct {
    const fm_table_spec *spec;
    const char *data_dir, *pattern;
    fm_arena *arena;
    const char **names;
    size_t n, matched;
    fm_err *err;
} expansion;

static fm_status add_file(expansion *e, const char *name)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_table_inside(e->data_dir, name, path, e->err);

    if (st != FM_OK || !fm_file_exists(path))
        return st;
    if (e->n == MAX_FILES)
        return fm_fail(e->err, FM_E_INPUT, "%s: 'files' matches more than %d files", e->spec->place,
                       MAX_FILES);
    e->names[e->n] = fm_arena_strdup(e->arena, name);
    if (!e->names[e->n])
        return fm_fail(e->err, FM_E_NOMEM, "no memory for '%s'", name);
    e->n++;
    e->matched++;
    return FM_OK;
}

static fm_status expand(expansion *e, const char *folder, const char *rest);

/* One part of the pattern has found a name; go on with the rest, or take the file. */
static fm_status take_part(expansion *e, const char *folder, const char *part, const char *rest)
{
    char name[FM_PATH_BYTES];

    if (snprintf(name, sizeof(name), "%s%s%s", folder, *folder ? "/" : "", part) >=
        (int)sizeof(name))
        return fm_fail(e->err, FM_E_INPUT, "%s: 'files' makes too long a name", e->spec->place);
    return rest ? expand(e, name, rest) : add_file(e, name);
}

static fm_status expand(expansion *e, const char *folder, const char *pattern)
{
    char part[256], path[FM_PATH_BYTES];
    size_t n = strcspn(pattern, "/");
    const char *rest = pattern[n] ? pattern + n + 1 : NULL;
    fm_status st = FM_OK;
    struct dirent *item;

    if (n >= sizeof(part))
        return fm_fail(e->err, FM_E_INPUT, "%s: 'files' has too long a name", e->spec->place);
    memcpy(part, pattern, n);
    part[n] = '\0';
    if (!strpbrk(part, "*?"))
        return take_part(e, folder, part, rest);
    st = *folder ? fm_table_inside(e->data_dir, folder, path, e->err) : FM_OK;
    if (st != FM_OK)
        return st;
    DIR *dir = opendir(*folder ? path : e->data_dir);
    while (dir && st == FM_OK && (item = readdir(dir)))
        if (fnmatch(part, item->d_name, FNM_PATHNAME | FNM_NOESCAPE | FNM_PERIOD) == 0)
            st = take_part(e, folder, item->d_name, rest);
    if (dir)
        closedir(dir);
    return st;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

fm_status fm_table_files(const fm_table_spec *spec, const char *data_dir, fm_arena *arena,
                         const char ***out, size_t *n, fm_err *err)
{
    expansion e = {.spec = spec, .data_dir = data_dir, .arena = arena, .err = err};
    size_t kept = 0;

    e.names = fm_arena_alloc(arena, MAX_FILES, sizeof(*e.names));
    if (!e.names)
        return fm_fail(err, FM_E_NOMEM, "no memory for the names in '%s'", data_dir);
    for (size_t i = 0; i < spec->n_files; i++) {
        e.matched = 0;
        fm_status st = expand(&e, "", spec->files[i]);

        if (st == FM_OK && e.matched == 0)
            st = fm_fail(err, FM_E_INPUT,
                         "'%s' has no file '%s'; --data is the folder that holds it", data_dir,
                         spec->files[i]);
        if (st != FM_OK)
            return st;
    }
    qsort(e.names, e.n, sizeof(*e.names), by_text);
    for (size_t i = 0; i < e.n; i++)
        if (i == 0 || strcmp(e.names[i], e.names[i - 1]) != 0)
            e.names[kept++] = e.names[i];
    *out = e.names;
    *n = kept;
    return FM_OK;
}

/* ---- pictures ---- */

static const char *ending_of(const char *bytes, size_t size)
{
    if (size > 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        return "png";
    if (size > 3 && memcmp(bytes, "\xFF\xD8\xFF", 3) == 0)
        return "jpg";
    if (size > 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0)
        return "webp";
    return NULL;
}

static bool has_size(const char *path, size_t size)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && (size_t)info.st_size == size;
}

/* By rename, but not synced: a file of another length than its bytes, as a crash may leave it, is
 * written again. */
static fm_status write_picture(const char *path, const char *bytes, size_t size, fm_err *err)
{
    char temporary[FM_PATH_BYTES + 32];

    snprintf(temporary, sizeof(temporary), "%s.tmp.%ld", path, (long)getpid());
    FILE *f = fopen(temporary, "wbe");
    bool good = f && fwrite(bytes, 1, size, f) == size;
    int why = errno;

    if (f && fclose(f) != 0 && good) {
        good = false;
        why = errno;
    }
    if (good && rename(temporary, path) != 0) {
        good = false;
        why = errno;
    }
    if (good)
        return FM_OK;
    (void)unlink(temporary);
    return fm_fail(err, FM_E_IO, "cannot write the picture '%s': %s", path, strerror(why));
}

static fm_status lay_out(const fm_table_row *row, const fm_table_ref *ref, const char *bytes,
                         size_t size, const char **out)
{
    const char *ending = ending_of(bytes, size);
    char hash[FM_HASH_TEXT_BYTES], name[FM_HASH_TEXT_BYTES + 8], path[FM_PATH_BYTES];
    char folder[FM_PATH_BYTES];

    if (!ending)
        return fm_table_fault(row, ref, "is no PNG, JPEG or WebP");
    fm_hash_bytes(bytes, size, hash);
    snprintf(name, sizeof(name), "%.2s/%s.%s", hash, hash + 2, ending);
    fm_status st = fm_path_join(path, row->pictures_dir, name, row->err);
    if (st == FM_OK && !has_size(path, size)) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
        st = fm_dir_make(folder, row->err);
        if (st == FM_OK)
            st = write_picture(path, bytes, size, row->err);
    }
    if (st != FM_OK)
        return st;
    *out = fm_arena_strdup(row->arena, path);
    return *out ? FM_OK : fm_table_no_memory(row);
}

static fm_status lay_out_base64(const fm_table_row *row, const fm_table_ref *ref, const char *text,
                                size_t size, const char **out)
{
    const char *comma = size > 5 && memcmp(text, "data:", 5) == 0 ? memchr(text, ',', size) : NULL;
    fm_buf bytes = {0};
    fm_status st;

    if (comma) {
        size -= (size_t)(comma + 1 - text);
        text = comma + 1;
    }
    while (size && strchr(" \t\r\n", text[size - 1]))
        size--;
    if (fm_base64_decode(&bytes, text, size))
        st = lay_out(row, ref, fm_buf_text(&bytes), bytes.size, out);
    else if (bytes.failed)
        st = fm_table_no_memory(row);
    else
        st = fm_table_fault(row, ref,
                            "is no base64; files that a column names want a folder beside "
                            "it, such as 'image_root'");
    fm_buf_release(&bytes);
    return st;
}

static fm_status named_file(const fm_table_row *row, const fm_table_ref *ref,
                            const fm_parquet_value *value, const fm_table_pictures *pictures,
                            const char **out)
{
    char name[FM_PATH_BYTES], path[FM_PATH_BYTES];
    const char *root = pictures->root, *part = "", *rest = "", *text;
    fm_status st = fm_table_text_of(row, ref, value, &text);
    bool nested = root && strcmp(root, ".") != 0;

    if (st == FM_OK && pictures->part.given) {
        rest = pictures->rest;
        st = fm_table_text(row, &pictures->part, &part);
        if (st == FM_OK && !part)
            st = fm_table_fault(row, &pictures->part, "has no value, which is a folder's name");
    }
    if (st != FM_OK)
        return st;
    if (snprintf(name, sizeof(name), "%s%s%s%s%s", nested ? root : "", part, rest,
                 nested ? "/" : "", text) >= (int)sizeof(name))
        return fm_table_fault(row, ref, "is too long a name");
    st = fm_table_inside(row->data_dir, name, path, row->err);
    if (st != FM_OK)
        return fm_fail_within(row->err, st, "%s: row %zu: column '%s'", row->path, row->number,
                              ref->name);
    *out = fm_arena_strdup(row->arena, path);
    return *out ? FM_OK : fm_table_no_memory(row);
}

/* struct{bytes, path}: the bytes where there are any, else the name. */
static const fm_parquet_value *inside_struct(const fm_parquet_value *value)
{
    const fm_parquet_value *name = NULL;

    for (uint32_t i = 0; i < value->size; i++) {
        if (value->items[i].kind == FM_PARQUET_BINARY && value->items[i].size)
            return &value->items[i];
        if (value->items[i].kind == FM_PARQUET_TEXT && value->items[i].size)
            name = &value->items[i];
    }
    return name;
}

fm_status fm_table_picture(const fm_table_row *row, const fm_table_ref *ref,
                           const fm_parquet_value *value, const fm_table_pictures *pictures,
                           const char **out)
{
    bool named = pictures->root != NULL;

    if (value->kind == FM_PARQUET_STRUCT) {
        value = inside_struct(value);
        named = true;
        if (!value)
            return fm_table_fault(row, ref, "has neither bytes nor a name");
    }
    if (value->kind == FM_PARQUET_BINARY)
        return lay_out(row, ref, value->bytes, value->size, out);
    if (value->kind != FM_PARQUET_TEXT)
        return fm_table_fault(row, ref, "is no picture");
    if (named)
        return named_file(row, ref, value, pictures, out);
    return lay_out_base64(row, ref, value->bytes, value->size, out);
}
