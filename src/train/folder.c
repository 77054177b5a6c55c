/* Owns the lock of a training's folder, and what makes two recipes the same. */
#include "train/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- the lock ---- */

fm_status tr_folder_open(tr_folder *out, const char *path, fm_err *err)
{
    char name[FM_PATH_BYTES];
    fm_status st = fm_dir_make(path, err);

    if (st == FM_OK)
        st = fm_path_join(name, path, "lock", err);
    if (st != FM_OK)
        return st;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return fm_fail(err, FM_E_IO, "cannot write into training folder '%s': %s", path,
                       strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        out->lock_fd = fd;
        return FM_OK;
    }
    int why = errno;
    close(fd);
    if (why == EWOULDBLOCK)
        return fm_fail(err, FM_E_LOCKED,
                       "another process is working on training folder '%s'; wait for it, or "
                       "choose another --out",
                       path);
    return fm_fail(err, FM_E_IO, "cannot lock training folder '%s': %s", path, strerror(why));
}

void tr_folder_release(tr_folder *folder)
{
    if (folder->lock_fd >= 0)
        close(folder->lock_fd);
    folder->lock_fd = -1;
}

/* ---- the recipe ---- */

enum { MOST_RECIPE_BYTES = 1 << 20 };

/* The recipe as it was when the folder was made; another one is refused. */
fm_status tr_folder_keep_recipe(const char *folder, const char *recipe, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_buf given = {0}, kept = {0};
    fm_status st = fm_path_join(path, folder, "recipe.yaml", err);

    if (st == FM_OK)
        st = fm_file_read(recipe, MOST_RECIPE_BYTES, &given, err);
    if (st == FM_OK && fm_file_exists(path)) {
        st = fm_file_read(path, MOST_RECIPE_BYTES, &kept, err);
        if (st == FM_OK &&
            (kept.size != given.size || memcmp(kept.data, given.data, kept.size) != 0))
            st = fm_fail(err, FM_E_USAGE, "'%s' was begun by another recipe than '%s'", folder,
                         recipe);
    } else if (st == FM_OK) {
        st = fm_file_write_atomic(path, given.data, given.size, err);
    }
    fm_buf_release(&given);
    fm_buf_release(&kept);
    return st;
}
