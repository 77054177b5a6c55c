#include "engine/packed_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"

enum { ALIGNMENT = 64, MAX_ENTRIES = 1 << 16, SAMPLE = 64 };

static const char magic[8] = "RTPANEL1";

typedef struct {
    char magic[8];
    uint64_t size, n; /* of the file; of the table */
    char table_hash[FM_HASH_TEXT_BYTES + 7];
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

/* ---- reading ---- */

static bool is_whole(const rt_packed_file *file, const header *h)
{
    char hash[FM_HASH_TEXT_BYTES];
    size_t end = sizeof(*h) + (size_t)h->n * sizeof(row);

    if (memcmp(h->magic, magic, sizeof(magic)) != 0 || h->size != file->size ||
        h->n > MAX_ENTRIES || end > file->size)
        return false;
    fm_hash_bytes(h + 1, (size_t)h->n * sizeof(row), hash);
    if (memcmp(hash, h->table_hash, sizeof(hash)) != 0)
        return false;
    for (size_t i = 0; i < h->n; i++) {
        const row *r = &file->table[i];

        if (r->offset % ALIGNMENT != 0 || r->offset < end || r->offset > file->size ||
            r->bytes > file->size - r->offset)
            return false;
    }
    return true;
}

rt_packed_file *rt_packed_file_open(const char *path)
{
    rt_packed_file *file = calloc(1, sizeof(*file));
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (file && fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode) &&
        (size_t)about.st_size >= sizeof(header)) {
        void *bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

        if (bytes != MAP_FAILED) {
            file->bytes = bytes;
            file->size = (size_t)about.st_size;
        }
    }
    if (fd >= 0)
        close(fd);
    if (file && file->bytes) {
        const header *h = (const header *)(const void *)file->bytes;

        file->table = (const row *)(const void *)(h + 1);
        if (is_whole(file, h)) {
            file->n = (size_t)h->n;
            return file;
        }
    }
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

/* ---- writing ---- */

static void put_padding(FILE *stream, size_t n)
{
    static const uint8_t zeros[ALIGNMENT] = {0};

    (void)!fwrite(zeros, 1, n, stream);
}

static size_t aligned(size_t at)
{
    return (at + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* A write that fails is told by the writer's commit. */
static fm_status write_entries(FILE *stream, const rt_packed_entry *entries, size_t n, fm_err *err)
{
    header h = {.n = n};
    row *table = calloc(n + 1, sizeof(*table));
    size_t at = sizeof(h) + n * sizeof(*table);

    if (!table)
        return fm_fail(err, FM_E_NOMEM, "no memory for a table of panels");
    for (size_t i = 0; i < n; i++) {
        at = aligned(at);
        memcpy(table[i].key, entries[i].key, sizeof(entries[i].key));
        table[i].offset = at;
        table[i].bytes = entries[i].bytes;
        table[i].sample = sample_of(entries[i].panels, entries[i].bytes);
        at += entries[i].bytes;
    }
    memcpy(h.magic, magic, sizeof(magic));
    h.size = at;
    fm_hash_bytes(table, n * sizeof(*table), h.table_hash);
    (void)!fwrite(&h, sizeof(h), 1, stream);
    (void)!fwrite(table, sizeof(*table), n, stream);
    at = sizeof(h) + n * sizeof(*table);
    for (size_t i = 0; i < n && !ferror(stream); i++) {
        put_padding(stream, (size_t)table[i].offset - at);
        (void)!fwrite(entries[i].panels, 1, entries[i].bytes, stream);
        at = (size_t)table[i].offset + entries[i].bytes;
    }
    free(table);
    return FM_OK;
}

fm_status rt_packed_file_write(const char *path, const rt_packed_entry *entries, size_t n,
                               fm_err *err)
{
    fm_file_writer writer;
    fm_status st = fm_file_writer_begin(&writer, path, err);

    if (st != FM_OK)
        return st;
    st = write_entries(writer.stream, entries, n, err);
    if (st == FM_OK)
        st = fm_file_writer_commit(&writer, err);
    fm_file_writer_abandon(&writer);
    return st;
}
