/* Owns file I/O and the safety of names. Knows no format. */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static fm_status too_large(const char *path, size_t cap_bytes, fm_err *err)
{
    return fm_fail(err, FM_E_INPUT, "'%s' is larger than the %zu bytes allowed here", path,
                   cap_bytes);
}

fm_status fm_file_read(const char *path, size_t cap_bytes, fm_buf *out, fm_err *err)
{
    fm_status st = FM_OK;
    size_t total = 0, before = out->size;
    FILE *f = fopen(path, "rbe");

    if (!f)
        return fm_fail(err, FM_E_IO, "cannot open '%s': %s", path, strerror(errno));
    struct stat info;
    if (fstat(fileno(f), &info) != 0) {
        st = fm_fail(err, FM_E_IO, "cannot read '%s': %s", path, strerror(errno));
        goto done;
    }
    if (S_ISDIR(info.st_mode)) {
        st = fm_fail(err, FM_E_IO, "cannot read '%s': it is a folder", path);
        goto done;
    }
    /* Of a huge file no byte is read; the loop below holds the cap for pipes and growing files. */
    if (S_ISREG(info.st_mode) && (uint64_t)info.st_size > cap_bytes) {
        st = too_large(path, cap_bytes, err);
        goto done;
    }
    /* A small file in one go: one byte more than it has shows its end. What has no size may still hold
     * something (/proc). */
    bool small = S_ISREG(info.st_mode) && info.st_size > 0 && info.st_size < 64 << 10;
    size_t step = small ? (size_t)info.st_size + 1 : (size_t)64 << 10, n;
    do {
        char *room = fm_buf_room(out, step);

        if (!room) {
            st = fm_fail(err, FM_E_NOMEM, "no memory to read '%s'", path);
            goto done;
        }
        n = fread(room, 1, step, f);
        out->size += n;
        out->data[out->size] = '\0';
        total += n;
        if (total > cap_bytes) {
            st = too_large(path, cap_bytes, err);
            goto done;
        }
    } while (n == step);
    if (ferror(f))
        st = fm_fail(err, FM_E_IO, "cannot read '%s': %s", path, strerror(errno));
done:
    fclose(f);
    if (st != FM_OK && out->data) {
        out->size = before;
        out->data[before] = '\0';
    }
    return st;
}

/* "." where the path names none. */
static void folder_of(char folder[PATH_MAX], const char *path)
{
    int n = (int)(fm_path_base(path) - path);

    snprintf(folder, PATH_MAX, "%.*s", n > 0 ? n : 1, n > 0 ? path : ".");
}

static void sync_folder_of(const char *path)
{
    char folder[PATH_MAX];

    folder_of(folder, path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        /* Some file systems refuse to sync a folder; the rename has happened all the same. */
        (void)!fsync(fd);
        close(fd);
    }
}

/* A device or a pipe takes the bytes itself: a file renamed over it would destroy it. Of a link to a
 * file, such as /dev/stdout can be, the file is replaced and not the link. */
static fm_status find_target(fm_file_writer *writer, const char **path, char resolved[PATH_MAX],
                             fm_err *err)
{
    struct stat info;

    if (lstat(*path, &info) != 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))
        return FM_OK;
    if (S_ISLNK(info.st_mode)) {
        if (stat(*path, &info) != 0)
            return FM_OK; /* it leads nowhere: a file may take its place */
        if (S_ISREG(info.st_mode) && !realpath(*path, resolved))
            return fm_fail(err, FM_E_IO, "cannot write '%s': %s", *path, strerror(errno));
        if (S_ISREG(info.st_mode))
            *path = resolved;
    }
    writer->in_place = !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
    return FM_OK;
}

/* The paths of file and temporary, from what is asked for. */
static fm_status begin_paths(fm_file_writer *writer, const char *path, fm_err *err)
{
    char resolved[PATH_MAX];

    *writer = (fm_file_writer){0};
    fm_status st = find_target(writer, &path, resolved, err);
    if (st != FM_OK)
        return st;
    int a = snprintf(writer->path, sizeof(writer->path), "%s", path);
    int b =
        snprintf(writer->temporary, sizeof(writer->temporary), "%s.tmp.%ld", path, (long)getpid());
    if (a < 0 || b < 0 || (size_t)a >= sizeof(writer->path) ||
        (size_t)b >= sizeof(writer->temporary))
        return fm_fail(err, FM_E_INPUT, "path too long: '%.100s...'", path);
    return FM_OK;
}

fm_status fm_file_check_place(const char *path, fm_err *err)
{
    fm_file_writer writer;
    char folder[PATH_MAX];
    fm_status st = begin_paths(&writer, path, err);

    if (st != FM_OK)
        return st;
    folder_of(folder, writer.path);
    if (fm_dir_exists(writer.path))
        return fm_fail(err, FM_E_IO, "cannot write '%s': it is a folder", path);
    if (access(writer.in_place ? writer.path : folder, writer.in_place ? W_OK : W_OK | X_OK) != 0)
        return fm_fail(err, FM_E_IO, "cannot write '%s': %s", path, strerror(errno));
    return FM_OK;
}

fm_status fm_file_writer_begin(fm_file_writer *writer, const char *path, fm_err *err)
{
    fm_status st = begin_paths(writer, path, err);

    if (st != FM_OK)
        return st;
    writer->stream = fopen(writer->in_place ? writer->path : writer->temporary, "wbe");
    if (!writer->stream)
        return fm_fail(err, FM_E_IO, "cannot write '%s': %s", writer->path, strerror(errno));
    return FM_OK;
}

/* A stream remembers that it failed and forgets why. A full disk, the usual reason, is still full:
 * write to the file, which is given up anyhow, until that fails too; never to a pipe or a device. */
static int reason_of_failure(const fm_file_writer *writer)
{
    static const char block[1 << 14];

    for (int i = 0; i < 2 && !writer->in_place; i++)
        if (write(fileno(writer->stream), block, sizeof(block)) < 0)
            return errno;
    return EIO;
}

fm_status fm_file_writer_commit(fm_file_writer *writer, fm_err *err)
{
    bool failed_before = ferror(writer->stream);
    bool bad = failed_before || fflush(writer->stream) != 0 ||
               (!writer->in_place && fsync(fileno(writer->stream)) != 0);
    int why = failed_before ? reason_of_failure(writer) : errno;

    if (fclose(writer->stream) != 0 && !bad) {
        bad = true;
        why = errno;
    }
    writer->stream = NULL;
    if (!bad && !writer->in_place && rename(writer->temporary, writer->path) != 0) {
        bad = true;
        why = errno;
    }
    if (bad) {
        if (!writer->in_place)
            (void)unlink(writer->temporary);
        return fm_fail(err, FM_E_IO, "cannot write '%s': %s", writer->path, strerror(why));
    }
    if (!writer->in_place)
        sync_folder_of(writer->path);
    return FM_OK;
}

void fm_file_writer_abandon(fm_file_writer *writer)
{
    if (!writer->stream)
        return;
    fclose(writer->stream);
    writer->stream = NULL;
    if (!writer->in_place)
        (void)unlink(writer->temporary);
}

fm_status fm_file_write_atomic(const char *path, const void *bytes, size_t size, fm_err *err)
{
    fm_file_writer writer;
    fm_status st = fm_file_writer_begin(&writer, path, err);

    if (st != FM_OK)
        return st;
    if (size)
        (void)!fwrite(bytes, 1, size,
                      writer.stream); /* a short write leaves ferror set, which commit checks */
    return fm_file_writer_commit(&writer, err);
}

fm_status fm_dir_make(const char *path, fm_err *err)
{
    char part[FM_PATH_BYTES];
    size_t n = strlen(path);

    if (n == 0 || n >= sizeof(part))
        return fm_fail(err, FM_E_INPUT, "not a usable folder name: '%.100s'", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return fm_fail(err, FM_E_IO, "cannot create folder '%s': %s", part, strerror(errno));
    }
    if (!fm_dir_exists(path))
        return fm_fail(err, FM_E_IO, "cannot create folder '%s': a file of that name exists", path);
    return FM_OK;
}

fm_status fm_dir_lock(int *fd, const char *folder, const char *name, const char *what, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_path_join(path, folder, name, err);

    if (st != FM_OK)
        return st;
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock < 0)
        return fm_fail(err, FM_E_IO, "cannot write into %s '%s': %s", what, folder,
                       strerror(errno));
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
        *fd = lock;
        return FM_OK;
    }
    int why = errno;
    close(lock);
    if (why == EWOULDBLOCK)
        return fm_fail(err, FM_E_LOCKED,
                       "another process is working on %s '%s'; wait for it, or choose another "
                       "--out",
                       what, folder);
    return fm_fail(err, FM_E_IO, "cannot lock %s '%s': %s", what, folder, strerror(why));
}

bool fm_file_exists(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

bool fm_dir_exists(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

fm_status fm_path_join(char out[FM_PATH_BYTES], const char *a, const char *b, fm_err *err)
{
    size_t n = strlen(a);
    int written = snprintf(out, FM_PATH_BYTES, "%s%s%s", a, n && a[n - 1] != '/' ? "/" : "", b);

    if (written < 0 || written >= FM_PATH_BYTES)
        return fm_fail(err, FM_E_INPUT, "path too long: '%.100s.../%.100s'", a, b);
    return FM_OK;
}

fm_status fm_path_beside(char out[FM_PATH_BYTES], const char *file, const char *given, fm_err *err)
{
    const char *slash = given[0] == '/' ? NULL : strrchr(file, '/');
    int written =
        snprintf(out, FM_PATH_BYTES, "%.*s%s", slash ? (int)(slash + 1 - file) : 0, file, given);

    if (written < 0 || written >= FM_PATH_BYTES)
        return fm_fail(err, FM_E_INPUT, "path too long: '%.100s...', named in '%.100s'", given,
                       file);
    return FM_OK;
}

bool fm_path_stays_inside(const char *name)
{
    if (name[0] == '\0' || name[0] == '/')
        return false;
    for (const char *part = name;;) {
        size_t n = strcspn(part, "/");

        if (n == 0 || (n == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        for (size_t i = 0; i < n; i++)
            if ((unsigned char)part[i] < 0x20 || part[i] == 0x7f)
                return false;
        if (part[n] == '\0')
            return true;
        part += n + 1;
    }
}

/* Does `path`, or the nearest folder above it that exists, lie in real_root once links are followed?
 * What is not there yet may be created through the name, so a link that leads nowhere is refused. */
static bool resolves_inside(const char *path, const char *real_root)
{
    char part[FM_PATH_BYTES], real[PATH_MAX];
    size_t n = strlen(real_root);
    struct stat info;

    snprintf(part, sizeof(part), "%s", path);
    while (!realpath(part, real)) {
        char *slash = strrchr(part, '/');

        if (!slash || slash == part || (lstat(part, &info) == 0 && S_ISLNK(info.st_mode)))
            return false;
        *slash = '\0';
    }
    return strncmp(real_root, real, n) == 0 && (real[n] == '\0' || real[n] == '/' || n == 1);
}

/* Is one of the parts of `path` below its first root_bytes a link? Most names meet none, and need no
 * resolving, which takes a system call for every folder from the top. */
static bool meets_link(const char *path, size_t root_bytes)
{
    char part[FM_PATH_BYTES];
    struct stat info;

    for (size_t i = root_bytes + 1;; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (lstat(part, &info) != 0)
            return false; /* nothing there, so nothing below it either */
        if (S_ISLNK(info.st_mode))
            return true;
        if (path[i] == '\0')
            return false;
    }
}

fm_status fm_path_join_linked(char out[FM_PATH_BYTES], const char *root, const char *linked,
                              const char *name, fm_err *err)
{
    char real_root[PATH_MAX];

    if (!fm_path_stays_inside(name))
        return fm_fail(err, FM_E_INPUT, "name '%.200s' would leave its folder", name);
    fm_status st = fm_path_join(out, root, name, err);
    if (st != FM_OK || !meets_link(out, strlen(root)))
        return st;
    if (!realpath(root, real_root))
        return FM_OK; /* no folder, no link in it; opening the name reports what is wrong */
    if (resolves_inside(out, real_root))
        return FM_OK;
    if (linked && realpath(linked, real_root) && resolves_inside(out, real_root))
        return FM_OK;
    return fm_fail(err, FM_E_INPUT, "'%.200s' is a link that leaves its folder", name);
}

fm_status fm_path_join_inside(char out[FM_PATH_BYTES], const char *root, const char *name,
                              fm_err *err)
{
    return fm_path_join_linked(out, root, NULL, name, err);
}

const char *fm_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

enum { LINES_BLOCK_BYTES = 64 << 10 };

fm_status fm_lines_open(fm_lines *lines, const char *path, size_t cap_bytes, fm_err *err)
{
    fm_status st = FM_OK;
    struct stat info;

    *lines = (fm_lines){.cap_bytes = cap_bytes ? cap_bytes : FM_LINE_DEFAULT_CAP};
    snprintf(lines->path, sizeof(lines->path), "%s", path);
    lines->stream = fopen(path, "rbe");
    if (!lines->stream)
        return fm_fail(err, FM_E_IO, "cannot open '%s': %s", path, strerror(errno));
    if (fstat(fileno(lines->stream), &info) == 0 && S_ISDIR(info.st_mode))
        st = fm_fail(err, FM_E_IO, "cannot read '%s': it is a folder", path);
    else if (!(lines->block = malloc(LINES_BLOCK_BYTES)))
        st = fm_fail(err, FM_E_NOMEM, "no memory to read '%s'", path);
    if (st != FM_OK)
        fm_lines_close(lines);
    return st;
}

/* Add n bytes to the current line; past the cap they are dropped. */
static bool lines_append(fm_lines *lines, const char *bytes, size_t n)
{
    if (n > lines->cap_bytes - lines->size) {
        /* One absurd line must not hold its memory for the rest of the file. */
        lines->too_long = true;
        free(lines->line);
        lines->line = NULL;
        lines->size = lines->capacity = 0;
        n = 0;
    }
    if (lines->size + n + 1 > lines->capacity) {
        size_t want = lines->size + n + 1;

        if (want < lines->capacity * 2)
            want = lines->capacity * 2;
        char *grown = realloc(lines->line, want);
        if (!grown)
            return false;
        lines->line = grown;
        lines->capacity = want;
    }
    memcpy(lines->line + lines->size, bytes, n);
    lines->size += n;
    lines->line[lines->size] = '\0';
    return true;
}

/* Consume what is read ahead, up to a newline and with it; *piece NULL at the end of the file. */
static fm_status lines_take(fm_lines *lines, const char **piece, size_t *n, bool *ended,
                            fm_err *err)
{
    *piece = NULL;
    if (lines->block_next == lines->block_end) {
        lines->block_next = 0;
        lines->block_end = fread(lines->block, 1, LINES_BLOCK_BYTES, lines->stream);
        if (ferror(lines->stream))
            return fm_fail(err, FM_E_IO, "cannot read '%s': %s", lines->path, strerror(errno));
        if (lines->block_end == 0)
            return FM_OK;
    }
    size_t left = lines->block_end - lines->block_next;

    *piece = lines->block + lines->block_next;
    const char *newline = memchr(*piece, '\n', left);
    *n = newline ? (size_t)(newline - *piece) : left;
    *ended = newline != NULL;
    lines->block_next += *n + *ended;
    lines->consumed += (int64_t)(*n + *ended);
    return FM_OK;
}

fm_status fm_lines_next(fm_lines *lines, bool *more, fm_err *err)
{
    bool ended = !lines->too_long || !lines->torn;
    const char *piece;
    size_t n;
    fm_status st;

    *more = false;
    /* The rest of a line that was too long: read only now, because most callers stop there. */
    while (!ended) {
        st = lines_take(lines, &piece, &n, &ended, err);
        if (st != FM_OK)
            return st;
        if (!piece)
            break;
    }
    lines->size = 0;
    lines->torn = lines->too_long = ended = false;
    lines->offset = lines->consumed;
    while (!ended && !lines->too_long) {
        st = lines_take(lines, &piece, &n, &ended, err);
        if (st != FM_OK)
            return st;
        if (!piece)
            break;
        if (!lines_append(lines, piece, n))
            return fm_fail(err, FM_E_NOMEM, "no memory for line %zu of '%s'", lines->number + 1,
                           lines->path);
    }
    if (lines->consumed == lines->offset)
        return FM_OK;
    lines->torn = !ended;
    lines->number++;
    *more = true;
    return FM_OK;
}

void fm_lines_close(fm_lines *lines)
{
    if (lines->stream)
        fclose(lines->stream);
    free(lines->block);
    free(lines->line);
    *lines = (fm_lines){0};
}

fm_status fm_stream_check(FILE *stream, const char *name, fm_err *err)
{
    if (fflush(stream) != 0)
        return fm_fail(err, FM_E_IO, "cannot write to %s: %s", name, strerror(errno));
    /* An earlier write failed, and its reason is gone. */
    if (ferror(stream))
        return fm_fail(err, FM_E_IO, "cannot write to %s: not all of it arrived", name);
    return FM_OK;
}
