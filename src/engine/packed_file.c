/* Owns the layout of a file of panels, and how it gets its name. */
#include "engine/packed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/files.h"

enum {
    PAGE = 4096, /* of the layout; a machine with larger ones has no packed files */
    MAX_ENTRIES = 1 << 16,
    SAMPLE = 64,
    MAX_CHUNK = 1 << 26, /* that are written at once */
};

static const char magic[8] = "RTPANEL2";

typedef struct {
    char magic[8];
    uint64_t size, table, n; /* bytes of the file; where the table begins; its rows */
    char table_hash[FM_HASH_TEXT_BYTES + 7];
    char model[PAGE - 8 - 3 * 8 - (FM_HASH_TEXT_BYTES + 7)]; /* terminated */
} header;

typedef struct {
    char key[FM_HASH_TEXT_BYTES + 7];
    uint64_t offset, bytes;
    uint64_t sample; /* of what the panels begin and end with */
} row;

struct rt_packed_file {
    const uint8_t *bytes;
    size_t size, n;
    const row *table;
};

static uint64_t sample_of(const uint8_t *panels, size_t bytes)
{
    size_t n = bytes < SAMPLE ? bytes : SAMPLE;

    return fm_hash_quick(panels, n) ^ 3 * fm_hash_quick(panels + bytes - n, n);
}

static size_t paged(size_t at)
{
    return (at + PAGE - 1) / PAGE * PAGE;
}

/* ---- reading ---- */

static const header *header_of(const rt_packed_file *file)
{
    return (const header *)(const void *)file->bytes;
}

static bool is_whole(const rt_packed_file *file)
{
    const header *h = header_of(file);
    char hash[FM_HASH_TEXT_BYTES];

    if (memcmp(h->magic, magic, sizeof(magic)) != 0 || h->size != file->size ||
        h->n > MAX_ENTRIES || h->table % PAGE != 0 || h->table < PAGE || h->table > h->size ||
        h->size - h->table != h->n * sizeof(row) || !memchr(h->model, '\0', sizeof(h->model)))
        return false;
    fm_hash_bytes(file->bytes + h->table, (size_t)h->n * sizeof(row), hash);
    if (memcmp(hash, h->table_hash, sizeof(hash)) != 0)
        return false;
    const row *table = (const row *)(const void *)(file->bytes + h->table);
    for (size_t i = 0; i < h->n; i++)
        if (table[i].offset % PAGE != 0 || table[i].offset < PAGE || table[i].offset > h->table ||
            table[i].bytes > h->table - table[i].offset)
            return false;
    return true;
}

rt_packed_file *rt_packed_file_open(const char *path)
{
    rt_packed_file *file = calloc(1, sizeof(*file));
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (file && fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode) &&
        (size_t)about.st_size >= sizeof(header)) {
        void *bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

        if (bytes != MAP_FAILED) {
            file->bytes = bytes;
            file->size = (size_t)about.st_size;
        }
    }
    bool whole = file && file->bytes && is_whole(file);
    if (whole) {
        file->n = (size_t)header_of(file)->n;
        file->table = (const row *)(const void *)(file->bytes + header_of(file)->table);
    }
    if (fd >= 0)
        close(fd);
    if (whole)
        return file;
    rt_packed_file_close(file);
    return NULL;
}

void rt_packed_file_close(rt_packed_file *file)
{
    if (file && file->bytes)
        munmap((void *)(uintptr_t)file->bytes, file->size);
    free(file);
}

const void *rt_packed_file_find(const rt_packed_file *file, const char *key, size_t bytes)
{
    for (size_t i = 0; i < file->n; i++) {
        const row *r = &file->table[i];

        if (strncmp(r->key, key, sizeof(r->key)) == 0)
            return r->bytes == bytes && bytes > 0 &&
                           sample_of(file->bytes + r->offset, bytes) == r->sample
                       ? file->bytes + r->offset
                       : NULL;
    }
    return NULL;
}

const char *rt_packed_file_model(const rt_packed_file *file)
{
    return header_of(file)->model;
}

/* ---- writing ---- */

struct rt_packed_writer {
    char path[FM_PATH_BYTES];
    char
        unfinished[FM_PATH_BYTES]; /* its name where the file system has no files without one; "" */
    char model[sizeof(((header *)0)->model)];
    int fd;     /* -1: it failed, or is finished */
    row *table; /* of realloc */
    void **maps;
    size_t n, capacity, end; /* end: of what is written */
};

static fm_status fail_io(const rt_packed_writer *w, fm_err *err)
{
    return fm_fail(err, FM_E_IO, "cannot write '%s': %s", w->path, strerror(errno));
}

static void give_up(rt_packed_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    if (w->unfinished[0])
        (void)unlink(w->unfinished);
    w->unfinished[0] = '\0';
}

/* A file without a name in the folder of the path, or else one with a name of its own. */
static fm_status open_unnamed(rt_packed_writer *w, uint64_t bytes, fm_err *err)
{
    char folder[FM_PATH_BYTES];
    struct statvfs disk;

    snprintf(folder, sizeof(folder), "%s", w->path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    if (statvfs(slash ? folder : ".", &disk) == 0 &&
        (uint64_t)disk.f_bavail * disk.f_frsize < bytes + bytes / 8)
        return fm_fail(err, FM_E_IO, "cannot write '%s': %s", w->path, strerror(ENOSPC));
    w->fd = open(slash ? folder : ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    if (w->fd >= 0)
        return FM_OK;
    if (snprintf(w->unfinished, sizeof(w->unfinished), "%s.tmp.%ld", w->path, (long)getpid()) >=
        (int)sizeof(w->unfinished)) {
        w->unfinished[0] = '\0';
        return fm_fail(err, FM_E_INPUT, "path too long: '%.100s...'", w->path);
    }
    w->fd = open(w->unfinished, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0666);
    return w->fd >= 0 ? FM_OK : fail_io(w, err);
}

fm_status rt_packed_writer_new(rt_packed_writer **out, const char *path, const char *model,
                               uint64_t bytes, fm_err *err)
{
    rt_packed_writer *w = calloc(1, sizeof(*w));

    if (!w)
        return fm_fail(err, FM_E_NOMEM, "no memory for a packed file");
    w->fd = -1;
    w->end = sizeof(header);
    snprintf(w->model, sizeof(w->model), "%s", model);
    fm_status st = FM_OK;
    if (snprintf(w->path, sizeof(w->path), "%s", path) >= (int)sizeof(w->path))
        st = fm_fail(err, FM_E_INPUT, "path too long: '%.100s...'", path);
    if (st == FM_OK && sysconf(_SC_PAGESIZE) > PAGE)
        st = fm_fail(err, FM_E_IO, "cannot write '%s': pages of this machine are over %d bytes",
                     path, PAGE);
    if (st == FM_OK)
        st = open_unnamed(w, bytes, err);
    if (st != FM_OK) {
        rt_packed_writer_free(w);
        return st;
    }
    *out = w;
    return FM_OK;
}

void rt_packed_writer_free(rt_packed_writer *writer)
{
    if (!writer)
        return;
    give_up(writer);
    for (size_t i = 0; i < writer->n; i++)
        munmap(writer->maps[i], (size_t)writer->table[i].bytes);
    free(writer->table);
    free(writer->maps);
    free(writer);
}

static bool write_at(int fd, const void *bytes, size_t n, size_t offset)
{
    for (size_t done = 0; done < n;) {
        size_t chunk = n - done < MAX_CHUNK ? n - done : MAX_CHUNK;
        ssize_t wrote = pwrite(fd, (const uint8_t *)bytes + done, chunk, (off_t)(offset + done));

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        done += (size_t)wrote;
    }
    return true;
}

static fm_status reserve(rt_packed_writer *w, fm_err *err)
{
    size_t capacity = w->capacity ? 2 * w->capacity : 64;

    if (w->n < w->capacity)
        return FM_OK;
    row *table = realloc(w->table, capacity * sizeof(*table));
    if (table)
        w->table = table;
    void **maps = realloc(w->maps, capacity * sizeof(*maps));
    if (maps)
        w->maps = maps;
    if (!table || !maps)
        return fm_fail(err, FM_E_NOMEM, "no memory for a table of panels");
    w->capacity = capacity;
    return FM_OK;
}

fm_status rt_packed_writer_put(rt_packed_writer *writer, const char key[FM_HASH_TEXT_BYTES],
                               const void *panels, size_t bytes, const void **kept, fm_err *err)
{
    rt_packed_writer *w = writer;
    fm_status st = reserve(w, err);
    void *map = MAP_FAILED;

    if (st == FM_OK && (w->fd < 0 || w->n == MAX_ENTRIES))
        st = fm_fail(err, FM_E_IO, "cannot write '%s': given up before", w->path);
    if (st == FM_OK && !write_at(w->fd, panels, bytes, w->end))
        st = fail_io(w, err);
    if (st == FM_OK) {
        map = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, w->fd, (off_t)w->end);
        if (map == MAP_FAILED)
            st = fail_io(w, err);
    }
    if (st != FM_OK) {
        give_up(w);
        return st;
    }
    row r = {.offset = w->end, .bytes = bytes, .sample = sample_of(panels, bytes)};
    memcpy(r.key, key, FM_HASH_TEXT_BYTES);
    w->table[w->n] = r;
    w->maps[w->n++] = map;
    w->end = paged(w->end + bytes);
    *kept = map;
    return FM_OK;
}

/* A name that takes the place of what has it already: a link cannot, a rename can. */
static bool give_name(rt_packed_writer *w)
{
    char self[64];

    if (!w->unfinished[0]) {
        char name[FM_PATH_BYTES];

        snprintf(self, sizeof(self), "/proc/self/fd/%d", w->fd);
        if (snprintf(name, sizeof(name), "%s.tmp.%ld", w->path, (long)getpid()) >=
            (int)sizeof(name)) {
            errno = ENAMETOOLONG;
            return false;
        }
        (void)unlink(name); /* of a process of this number that was ended */
        if (linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) != 0)
            return false;
        memcpy(w->unfinished, name, sizeof(name));
    }
    if (rename(w->unfinished, w->path) != 0)
        return false;
    w->unfinished[0] = '\0';
    return true;
}

fm_status rt_packed_writer_commit(rt_packed_writer *writer, fm_err *err)
{
    rt_packed_writer *w = writer;
    header h = {.size = w->end + w->n * sizeof(row), .table = w->end, .n = w->n};

    if (w->fd < 0)
        return fm_fail(err, FM_E_IO, "cannot write '%s': given up before", w->path);
    memcpy(h.magic, magic, sizeof(magic));
    memcpy(h.model, w->model, sizeof(h.model));
    fm_hash_bytes(w->table, w->n * sizeof(row), h.table_hash);
    bool named = write_at(w->fd, w->table, w->n * sizeof(row), w->end) &&
                 write_at(w->fd, &h, sizeof(h), 0) && ftruncate(w->fd, (off_t)h.size) == 0 &&
                 fdatasync(w->fd) == 0 && give_name(w);
    fm_status st = named ? FM_OK : fail_io(w, err);
    give_up(w);
    return st;
}
