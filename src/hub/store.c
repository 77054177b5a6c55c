/* Owns the layout of the cache, and what may stand in the way there. */
#include "hub/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- places ---- */

fm_status fm_hub_store_of(fm_hub_store *out, const fm_hub_settings *settings,
                          const fm_hub_source *source, fm_err *err)
{
    const char *root = source->repository ? settings->cache : settings->own;
    char name[256] = "urls";

    if (source->repository) {
        size_t n = strcspn(source->repository, "/");

        snprintf(name, sizeof(name), "datasets--%.*s--%s", (int)n, source->repository,
                 source->repository + n + 1);
    }
    snprintf(out->root, sizeof(out->root), "%s", root);
    return fm_path_join(out->folder, root, name, err);
}

static fm_status place_of(const fm_hub_store *store, char out[FM_PATH_BYTES], fm_err *err,
                          const char *fmt, ...) FM_PRINTF(4, 5);

static fm_status place_of(const fm_hub_store *store, char out[FM_PATH_BYTES], fm_err *err,
                          const char *fmt, ...)
{
    char name[FM_PATH_BYTES];
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(name, sizeof(name), fmt, args);
    va_end(args);
    if (n < 0 || n >= (int)sizeof(name))
        return fm_fail(err, FM_E_INPUT, "path too long: '%.200s'", name);
    return fm_path_join(out, store->folder, name, err);
}

static fm_status make_folder_of(const char *path, fm_err *err)
{
    char folder[FM_PATH_BYTES];

    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    return fm_dir_make(folder, err);
}

/* ---- blobs ---- */

fm_status fm_hub_store_blob(const fm_hub_store *store, const char *hash, char out[FM_PATH_BYTES],
                            fm_err *err)
{
    return place_of(store, out, err, "blobs/%s", hash);
}

static bool size_of(const char *path, uint64_t *size)
{
    struct stat info;

    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    *size = (uint64_t)info.st_size;
    return true;
}

bool fm_hub_store_has(const fm_hub_store *store, const char *hash, uint64_t *size,
                      uint64_t *partial)
{
    char path[FM_PATH_BYTES];

    if (partial && (place_of(store, path, NULL, "blobs/%s.incomplete", hash) != FM_OK ||
                    !size_of(path, partial)))
        *partial = 0;
    return fm_hub_store_blob(store, hash, path, NULL) == FM_OK && size_of(path, size);
}

/* ---- commits ---- */

bool fm_hub_store_commit(const fm_hub_store *store, const char *revision,
                         char out[FM_HUB_COMMIT_BYTES])
{
    char path[FM_PATH_BYTES];
    fm_buf text = {0};

    if (fm_hub_is_commit(revision)) {
        memcpy(out, revision, FM_HUB_COMMIT_BYTES);
        return true;
    }
    bool read = place_of(store, path, NULL, "refs/%s", revision) == FM_OK && fm_file_exists(path) &&
                fm_file_read(path, 256, &text, NULL) == FM_OK;
    snprintf(out, FM_HUB_COMMIT_BYTES, "%s", fm_buf_text(&text));
    fm_buf_release(&text);
    return read && fm_hub_is_commit(out);
}

fm_status fm_hub_store_set_commit(const fm_hub_store *store, const char *revision,
                                  const char *commit, fm_err *err)
{
    char path[FM_PATH_BYTES], before[FM_HUB_COMMIT_BYTES];
    fm_status st;

    if (fm_hub_store_commit(store, revision, before) && strcmp(before, commit) == 0)
        return FM_OK;
    st = place_of(store, path, err, "refs/%s", revision);
    if (st == FM_OK)
        st = make_folder_of(path, err);
    return st == FM_OK ? fm_file_write_atomic(path, commit, strlen(commit), err) : st;
}

/* ---- snapshots ---- */

fm_status fm_hub_store_snapshot(const fm_hub_store *store, const char *commit,
                                char out[FM_PATH_BYTES], fm_err *err)
{
    return place_of(store, out, err, "snapshots/%s", commit);
}

/* The folder of `path` in the snapshot is ours or is made; no link leads out of it. */
static fm_status make_inside(const char *snapshot, const char *path, char out[FM_PATH_BYTES],
                             fm_err *err)
{
    const char *slash = strrchr(path, '/');
    char folder[FM_PATH_BYTES], name[FM_PATH_BYTES];
    fm_status st = fm_dir_make(snapshot, err);

    snprintf(folder, sizeof(folder), "%s", snapshot);
    if (st == FM_OK && slash) {
        snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
        st = fm_path_join_inside(folder, snapshot, name, err);
        if (st == FM_OK)
            st = fm_dir_make(folder, err);
    }
    return st == FM_OK ? fm_path_join(out, folder, slash ? slash + 1 : path, err) : st;
}

/* From snapshots/<commit>/<path> up to the store and down to the blob. */
static void put_target(fm_buf *out, const char *path, const char *hash)
{
    fm_buf_puts(out, "../../");
    for (const char *p = path; *p; p++)
        if (*p == '/')
            fm_buf_puts(out, "../");
    fm_buf_printf(out, "blobs/%s", hash);
}

static bool leads_to(const char *link, const char *target)
{
    char there[FM_PATH_BYTES];
    ssize_t n = readlink(link, there, sizeof(there) - 1);

    if (n < 0)
        return false;
    there[n] = '\0';
    return strcmp(there, target) == 0;
}

fm_status fm_hub_store_link(const fm_hub_store *store, const char *commit, const char *path,
                            const char *hash, fm_err *err)
{
    char snapshot[FM_PATH_BYTES], link[FM_PATH_BYTES], fresh[FM_PATH_BYTES + 32];
    fm_buf target = {0};
    fm_status st = fm_hub_store_snapshot(store, commit, snapshot, err);

    if (st == FM_OK)
        st = make_inside(snapshot, path, link, err);
    put_target(&target, path, hash);
    if (st == FM_OK)
        st = fm_buf_check(&target, "a link", err);
    if (st == FM_OK && !leads_to(link, fm_buf_text(&target))) {
        snprintf(fresh, sizeof(fresh), "%s.tmp.%ld", link, (long)getpid());
        (void)unlink(fresh); /* of a process that was killed and had our number */
        if (symlink(fm_buf_text(&target), fresh) != 0 || rename(fresh, link) != 0) {
            st = fm_fail(err, FM_E_IO, "cannot make the link '%s': %s", link, strerror(errno));
            (void)unlink(fresh);
        }
    }
    fm_buf_release(&target);
    return st;
}

/* ---- a blob on its way ---- */

static fm_status take_lock(fm_hub_part *part, const fm_hub_store *store, const char *hash,
                           bool *busy, fm_err *err)
{
    char path[FM_PATH_BYTES], name[FM_PATH_BYTES];
    fm_status st = FM_OK;

    *busy = false;
    if (snprintf(name, sizeof(name), ".locks/%s/%s.lock", fm_path_base(store->folder), hash) >=
        (int)sizeof(name))
        return fm_fail(err, FM_E_INPUT, "path too long: '%.200s'", name);
    st = fm_path_join(path, store->root, name, err);
    if (st == FM_OK)
        st = make_folder_of(path, err);
    if (st != FM_OK)
        return st;
    part->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (part->lock_fd < 0)
        return fm_fail(err, FM_E_IO, "cannot open '%s': %s", path, strerror(errno));
    if (flock(part->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return FM_OK;
    *busy = errno == EWOULDBLOCK;
    return *busy ? FM_OK : fm_fail(err, FM_E_IO, "cannot lock '%s': %s", path, strerror(errno));
}

static fm_status open_part(fm_hub_part *part, const fm_hub_store *store, const char *hash,
                           fm_err *err)
{
    struct stat info;
    fm_status st = fm_hub_store_blob(store, hash, part->blob, err);

    if (st == FM_OK)
        st = place_of(store, part->path, err, "blobs/%s.incomplete", hash);
    if (st == FM_OK)
        st = make_folder_of(part->path, err);
    if (st != FM_OK)
        return st;
    part->fd = open(part->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (part->fd < 0 || fstat(part->fd, &info) != 0)
        return fm_fail(err, FM_E_IO, "cannot write '%s': %s", part->path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return fm_fail(err, FM_E_IO, "cannot write '%s': it is no file", part->path);
    part->size = (uint64_t)info.st_size;
    return FM_OK;
}

fm_status fm_hub_part_open(fm_hub_part *part, const fm_hub_store *store, const char *hash,
                           uint64_t size_bytes, fm_hub_part_state *state, fm_err *err)
{
    bool busy = false;
    uint64_t size;

    *part = (fm_hub_part){.fd = -1, .lock_fd = -1};
    *state = FM_HUB_PART_OPEN;
    fm_status st = take_lock(part, store, hash, &busy, err);

    if (busy)
        *state = FM_HUB_PART_BUSY;
    else if (st == FM_OK && fm_hub_store_has(store, hash, &size, NULL) && size == size_bytes)
        *state = FM_HUB_PART_THERE; /* who held the lock before has brought it */
    else if (st == FM_OK)
        st = open_part(part, store, hash, err);
    if (st != FM_OK || *state != FM_HUB_PART_OPEN)
        fm_hub_part_close(part);
    return st;
}

fm_status fm_hub_part_finish(fm_hub_part *part, fm_err *err)
{
    int closed = close(part->fd);

    part->fd = -1;
    /* Not synced: after a crash of the machine, sizes and hashes tell what is not whole. */
    if (closed != 0 || rename(part->path, part->blob) != 0)
        return fm_fail(err, FM_E_IO, "cannot write '%s': %s", part->blob, strerror(errno));
    fm_hub_part_close(part);
    return FM_OK;
}

void fm_hub_part_close(fm_hub_part *part)
{
    if (part->fd >= 0)
        close(part->fd);
    if (part->lock_fd >= 0) /* which gives up the lock; its file stays, or two could hold one */
        close(part->lock_fd);
    part->fd = part->lock_fd = -1;
}
