/* Owns the names and the lock of a run directory. Knows nothing of what the files hold. */
#include "core/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"

static fm_status make_absolute(fm_rundir *out, const char *path, fm_err *err)
{
    char resolved[PATH_MAX];

    if (!realpath(path, resolved))
        return fm_fail(err, FM_E_IO, "cannot open run directory '%s': %s", path, strerror(errno));
    snprintf(out->path, sizeof(out->path), "%s", resolved);
    return FM_OK;
}

static bool holds_run(const char *path)
{
    char manifest[FM_PATH_BYTES];

    return fm_path_join(manifest, path, FM_RUNDIR_MANIFEST, NULL) == FM_OK &&
           fm_file_exists(manifest);
}

/* Fresh is a folder with nothing in it but what a run killed before its manifest leaves. */
static fm_status check_fresh(const char *path, fm_err *err)
{
    DIR *dir = opendir(path);
    struct dirent *item;
    bool fresh = true;

    if (!dir)
        return fm_fail(err, FM_E_IO, "cannot read folder '%s': %s", path, strerror(errno));
    while (fresh && (item = readdir(dir)))
        fresh = strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0 ||
                strcmp(item->d_name, FM_RUNDIR_LOCK) == 0 ||
                strncmp(item->d_name, FM_RUNDIR_MANIFEST ".tmp.", 18) == 0 ||
                strncmp(item->d_name, FM_RUNDIR_ANNOTATIONS, 17) == 0;
    closedir(dir);
    return fresh ? FM_OK
                 : fm_fail(err, FM_E_USAGE,
                           "folder '%s' is not empty and holds no run; choose another --out", path);
}

/* The unfinished files of processes that were killed: whoever holds the lock is the only writer. */
static void drop_leftovers(const char *path)
{
    static const char *const stems[] = {FM_RUNDIR_MANIFEST, FM_RUNDIR_ANNOTATIONS, "samples",
                                        "results"};
    DIR *dir = opendir(path);
    struct dirent *item;

    while (dir && (item = readdir(dir))) {
        const char *tail = strstr(item->d_name, ".tmp.");

        if (!tail || tail[5 + strspn(tail + 5, "0123456789")])
            continue;
        for (size_t i = 0; i < FM_COUNT_OF(stems); i++)
            if (strncmp(item->d_name, stems[i], strlen(stems[i])) == 0)
                (void)unlinkat(dirfd(dir), item->d_name, 0);
    }
    if (dir)
        closedir(dir);
}

fm_status fm_rundir_create(fm_rundir *out, const char *path, fm_err *err)
{
    fm_rundir dir = {.lock_fd = -1};
    fm_status st = fm_dir_make(path, err);

    if (st == FM_OK)
        st = make_absolute(&dir, path, err);
    if (st == FM_OK && !holds_run(dir.path))
        st = check_fresh(path, err);
    if (st == FM_OK)
        st = fm_dir_lock(&dir.lock_fd, dir.path, FM_RUNDIR_LOCK, "run directory", err);
    if (st == FM_OK) {
        drop_leftovers(dir.path);
        *out = dir;
    }
    return st;
}

fm_status fm_rundir_open(fm_rundir *out, const char *path, fm_err *err)
{
    fm_rundir dir = {.lock_fd = -1};
    fm_status st = make_absolute(&dir, path, err);

    if (st == FM_OK && !holds_run(dir.path))
        st = fm_fail(err, FM_E_INPUT, "'%s' is no run directory: it has no manifest.json", path);
    if (st == FM_OK)
        *out = dir;
    return st;
}

fm_status fm_rundir_lock(fm_rundir *out, const char *path, fm_err *err)
{
    fm_rundir dir = {.lock_fd = -1};
    fm_status st = fm_rundir_open(&dir, path, err);

    if (st == FM_OK)
        st = fm_dir_lock(&dir.lock_fd, dir.path, FM_RUNDIR_LOCK, "run directory", err);
    if (st == FM_OK) {
        drop_leftovers(dir.path);
        *out = dir;
    }
    return st;
}

void fm_rundir_release(fm_rundir *dir)
{
    if (dir->lock_fd >= 0)
        close(dir->lock_fd);
    dir->lock_fd = -1;
}

fm_status fm_rundir_file(const fm_rundir *dir, const char *name, char out[FM_PATH_BYTES],
                         fm_err *err)
{
    return fm_path_join(out, dir->path, name, err);
}

fm_status fm_rundir_graded(const fm_rundir *dir, const char *stem, const char *suffix,
                           const char *protocol, bool own, char out[FM_PATH_BYTES], fm_err *err)
{
    char name[256];
    int n = own ? snprintf(name, sizeof(name), "%s.%s", stem, suffix)
                : snprintf(name, sizeof(name), "%s@%s.%s", stem, protocol, suffix);

    if (n < 0 || (size_t)n >= sizeof(name))
        return fm_fail(err, FM_E_USAGE, "protocol name too long: '%.60s...'", protocol);
    return fm_rundir_file(dir, name, out, err);
}
