#include "base/staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_tree(const char *path)
{
    (void)!nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

bool fm_path_is_occupied(const char *path)
{
    struct stat info;
    struct dirent *entry;
    bool occupied = false;
    DIR *folder;

    if (lstat(path, &info) != 0)
        return false;
    folder = S_ISDIR(info.st_mode) ? opendir(path) : NULL;
    if (!folder)
        return true;
    while (!occupied && (entry = readdir(folder)))
        occupied = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    return occupied;
}

static fm_status occupied(const char *path, fm_err *err)
{
    return fm_fail(err, FM_E_USAGE, "'%s' is there already, and is not written over", path);
}

fm_status fm_staging_begin(fm_staging *staging, const char *path, fm_err *err)
{
    fm_staging s;
    size_t n = strlen(path);

    while (n > 1 && path[n - 1] == '/')
        n--;
    int made = snprintf(s.path, sizeof(s.path), "%.*s", (int)n, path);
    int beside = snprintf(s.folder, sizeof(s.folder), "%.*s.tmp.%ld", (int)n, path, (long)getpid());
    if (n == 0 || made < 0 || beside < 0 || (size_t)beside >= sizeof(s.folder))
        return fm_fail(err, FM_E_USAGE, "not a usable folder name: '%.100s'", path);
    if (fm_path_is_occupied(s.path))
        return occupied(s.path, err);
    remove_tree(s.folder); /* of an earlier process of that number */
    fm_status st = fm_dir_make(s.folder, err);
    if (st == FM_OK)
        *staging = s;
    return st;
}

fm_status fm_staging_commit(fm_staging *staging, fm_err *err)
{
    int fd = open(staging->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || syncfs(fd) != 0) {
        int why = errno;

        if (fd >= 0)
            close(fd);
        return fm_fail(err, FM_E_IO, "cannot write '%s': %s", staging->path, strerror(why));
    }
    close(fd);
    if (rename(staging->folder, staging->path) != 0)
        return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
                   ? occupied(staging->path, err)
                   : fm_fail(err, FM_E_IO, "cannot create folder '%s': %s", staging->path,
                             strerror(errno));
    staging->folder[0] = '\0';
    return FM_OK;
}

void fm_staging_abandon(fm_staging *staging)
{
    if (staging->folder[0])
        remove_tree(staging->folder);
    staging->folder[0] = '\0';
}
