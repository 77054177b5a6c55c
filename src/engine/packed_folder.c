#include "engine/packed_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "engine/packed_file.h"

#define ENDING ".panels"

enum {
    NAME_DIGITS = 32,
    /* Using a file renews its time only when that is older than this: reading stays reading. */
    RENEW_S = 3600,
    ABANDONED_S = 3600,
};

fm_status rt_packed_path(char out[FM_PATH_BYTES], const char *folder, const char *model,
                         const char *kind, fm_err *err)
{
    char hash[FM_HASH_TEXT_BYTES], name[64];

    fm_hash_bytes(model, strlen(model), hash);
    snprintf(name, sizeof(name), "%.*s-%s" ENDING, NAME_DIGITS, hash, kind);
    return fm_path_join(out, folder, name, err);
}

static double age_of(const struct stat *about)
{
    double age_s = difftime(time(NULL), about->st_mtime);

    return age_s > 0 ? age_s : 0;
}

void rt_packed_renew(const char *path)
{
    struct stat about;

    if (stat(path, &about) == 0 && age_of(&about) > RENEW_S)
        (void)!utimensat(AT_FDCWD, path, NULL, 0); /* one that may not be written keeps its time */
}

/* Whether a name is "<digits>-<kind>.panels", and what follows that. */
static bool is_ours(const char *name, char kind[16], const char **rest)
{
    size_t digits = strspn(name, "0123456789abcdef");
    const char *ending = strstr(name, ENDING);

    if (digits != NAME_DIGITS || name[digits] != '-' || !ending)
        return false;
    size_t size = (size_t)(ending - name) - digits - 1;
    if (size == 0 || size >= 16)
        return false;
    snprintf(kind, 16, "%.*s", (int)size, name + digits + 1);
    *rest = ending + strlen(ENDING);
    return true;
}

static fm_status look_into(const char *folder, rt_packed_about *about, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_path_join(path, folder, about->name, err);
    rt_packed_file *file = st == FM_OK ? rt_packed_file_open(path) : NULL;

    if (file)
        snprintf(about->model, sizeof(about->model), "%s", rt_packed_file_model(file));
    rt_packed_file_close(file);
    return st;
}

static fm_status note(const char *folder, const rt_packed_about *about, rt_packed_about **all,
                      size_t *n, fm_err *err)
{
    rt_packed_about *grown = realloc(*all, (*n + 1) * sizeof(*grown));

    if (!grown)
        return fm_fail(err, FM_E_NOMEM, "no memory for the list of '%s'", folder);
    *all = grown;
    grown[*n] = *about;
    return look_into(folder, &grown[(*n)++], err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const rt_packed_about *)a)->name, ((const rt_packed_about *)b)->name);
}

fm_status rt_packed_list(const char *folder, rt_packed_about **out, size_t *n, fm_err *err)
{
    rt_packed_about *all = NULL;
    size_t found = 0;
    fm_status st = FM_OK;
    DIR *dir = opendir(folder);
    const struct dirent *item;

    if (!dir && errno != ENOENT)
        return fm_fail(err, FM_E_IO, "cannot read '%s': %s", folder, strerror(errno));
    while (st == FM_OK && dir && (item = readdir(dir))) {
        rt_packed_about about = {0};
        const char *rest;
        struct stat info;

        if (strlen(item->d_name) >= sizeof(about.name) ||
            !is_ours(item->d_name, about.kind, &rest) ||
            fstatat(dirfd(dir), item->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            continue;
        snprintf(about.name, sizeof(about.name), "%s", item->d_name);
        about.bytes = (uint64_t)info.st_size;
        about.age_s = age_of(&info);
        if (!*rest)
            st = note(folder, &about, &all, &found, err);
        else if (strncmp(rest, ".tmp.", 5) == 0 && about.age_s > ABANDONED_S)
            (void)unlinkat(dirfd(dir), item->d_name, 0);
    }
    if (dir)
        closedir(dir);
    if (st != FM_OK) {
        free(all);
        return st;
    }
    if (found > 0)
        qsort(all, found, sizeof(*all), by_name);
    *out = all;
    *n = found;
    return FM_OK;
}

fm_status rt_packed_remove(const char *folder, const char *name, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_path_join(path, folder, name, err);

    /* Another process may have been there first. */
    if (st == FM_OK && unlink(path) != 0 && errno != ENOENT)
        st = fm_fail(err, FM_E_IO, "cannot remove '%s': %s", path, strerror(errno));
    return st;
}
