/* Owns how a model is found and told from others. */
#include "adapters/engine_model.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"

/* A folder that only has the name of a model does not hide it. */
static bool holds_model(const char *path)
{
    char config[FM_PATH_BYTES];

    return fm_file_exists(path) ||
           (fm_path_join(config, path, "config.json", NULL) == FM_OK && fm_file_exists(config));
}

fm_status fm_engine_model(char out[FM_PATH_BYTES], const char *given, const char *models,
                          fm_err *err)
{
    bool named = !strchr(given, '/') && !holds_model(given);

    if (strlen(given) >= FM_PATH_BYTES)
        return fm_fail(err, FM_E_USAGE, "path too long: '%.100s...'", given);
    if (named && models && fm_path_join(out, models, given, NULL) == FM_OK && fm_dir_exists(out))
        return FM_OK;
    memcpy(out, given, strlen(given) + 1);
    return FM_OK;
}

/* ---- which one it is ---- */

enum { WHOLE_BYTES = 64 << 20, STRIDE_BYTES = 1 << 20, PAGE_BYTES = 4096 };

static bool is_of_model(const char *name)
{
    static const char *const endings[] = {".json", ".txt", ".jinja", ".safetensors", ".gguf"};
    size_t length = strlen(name);

    for (size_t i = 0; i < FM_COUNT_OF(endings); i++) {
        size_t n = strlen(endings[i]);

        if (length > n && strcmp(name + length - n, endings[i]) == 0)
            return true;
    }
    return false;
}

/* Its size, then the bytes that count. */
static bool add_file(fm_hash *hash, const char *path, int64_t size)
{
    char bytes[PAGE_BYTES], text[32];
    FILE *file = fopen(path, "rb");
    int64_t step = size > WHOLE_BYTES ? STRIDE_BYTES : PAGE_BYTES;
    bool read = file != NULL;

    fm_hash_update(hash, text, (size_t)snprintf(text, sizeof(text), "%lld:", (long long)size));
    for (int64_t at = 0; read && at < size; at += step) {
        size_t want = size - at < PAGE_BYTES ? (size_t)(size - at) : PAGE_BYTES;

        read = (step == PAGE_BYTES || fseeko(file, at, SEEK_SET) == 0) &&
               fread(bytes, 1, want, file) == want;
        fm_hash_update(hash, bytes, want);
    }
    if (file)
        fclose(file);
    return read;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *item)
{
    return item->d_name[0] != '.';
}

/* The files of a folder and of those in it, `deep` levels down. */
static bool add_folder(fm_hash *hash, const char *path, int deep, size_t *files)
{
    struct dirent **items = NULL;
    int n = scandir(path, &items, visible, by_name);
    bool read = n >= 0;

    for (int i = 0; i < n; i++) {
        const char *name = items[i]->d_name;
        char at[FM_PATH_BYTES];
        struct stat info;

        if (read && fm_path_join(at, path, name, NULL) == FM_OK && stat(at, &info) == 0) {
            if (S_ISDIR(info.st_mode) && deep > 0) {
                read = add_folder(hash, at, deep - 1, files);
            } else if (S_ISREG(info.st_mode) && is_of_model(name)) {
                fm_hash_update(hash, name, strlen(name) + 1);
                read = add_file(hash, at, info.st_size);
                *files += 1;
            }
        }
        free(items[i]);
    }
    free(items);
    return read;
}

bool fm_engine_fingerprint(const char *path, char out[FM_HASH_TEXT_BYTES])
{
    fm_hash *hash = fm_hash_new();
    struct stat info;
    size_t files = 0;
    bool read = false;

    if (hash && stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            read = add_folder(hash, path, 1, &files) && files > 0;
        else
            read = S_ISREG(info.st_mode) && add_file(hash, path, info.st_size);
    }
    if (hash)
        fm_hash_finish(hash, out);
    return read;
}
