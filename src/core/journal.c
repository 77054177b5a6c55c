/* Owns the bytes of replies.jsonl, the index over them, and when they are synced. */
#include "core/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/idmap.h"
#include "base/json.h"
#include "base/size.h"

/* The last record of one id. */
typedef struct {
    int64_t offset, size; /* of its line, without the newline */
    int attempts;
} entry;

struct fm_journal {
    char path[FM_PATH_BYTES];
    int fd;
    bool writable;
    int64_t size;        /* bytes of whole records */
    const char *mapping; /* of the file as it was when opened; NULL: it was empty */
    size_t mapped;
    fm_id_map ids; /* to positions in entries */
    entry *entries;
    size_t n, capacity;
    fm_buf line;

    pthread_t syncer;
    bool syncing;
    pthread_mutex_t lock; /* guards the four below */
    pthread_cond_t wake;
    bool dirty, closing;
    int sync_errno;
};

enum { SYNC_SECONDS = 1 };

/* ---- index ---- */

static entry *find_entry(const fm_journal *journal, const char *id)
{
    uint64_t at;

    return fm_id_map_find(&journal->ids, id, &at) ? &journal->entries[at] : NULL;
}

static bool put_entry(fm_journal *journal, const char *id, int64_t offset, int64_t size)
{
    entry *e = find_entry(journal, id);
    bool fresh;

    if (e) {
        *e = (entry){offset, size, e->attempts + 1};
        return true;
    }
    if (journal->n == journal->capacity) {
        size_t capacity = journal->capacity ? journal->capacity * 2 : 128, bytes;
        entry *grown =
            fm_size_mul(capacity, sizeof(*grown), &bytes) ? realloc(journal->entries, bytes) : NULL;

        if (!grown)
            return false;
        journal->entries = grown;
        journal->capacity = capacity;
    }
    if (!fm_id_map_put(&journal->ids, id, journal->n, &fresh, NULL))
        return false;
    journal->entries[journal->n++] = (entry){offset, size, 1};
    return true;
}

static fm_status index_lines(fm_journal *journal, fm_journal_report *report, fm_err *err)
{
    const char *text = journal->mapping;
    size_t number = 0;

    for (int64_t at = 0, size; at < journal->size; at += size + 1) {
        cJSON *record = NULL;
        const char *id;

        size = (const char *)memchr(text + at, '\n', (size_t)(journal->size - at)) - (text + at);
        number++;
        if (fm_json_parse(text + at, (size_t)size, journal->path, &record, NULL) != FM_OK ||
            !(id = fm_json_string(record, "id"))) {
            if (report->unreadable++ == 0)
                report->first_unreadable = number;
            cJSON_Delete(record);
            continue;
        }
        report->records++;
        bool kept = put_entry(journal, id, at, size);
        cJSON_Delete(record);
        if (!kept)
            return fm_fail(err, FM_E_NOMEM, "no memory to index '%s'", journal->path);
    }
    report->ids = journal->n;
    return FM_OK;
}

/* ---- syncing ---- */

static void *sync_main(void *argument)
{
    fm_journal *journal = argument;

    pthread_mutex_lock(&journal->lock);
    while (!journal->closing) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += SYNC_SECONDS;
        pthread_cond_timedwait(&journal->wake, &journal->lock, &until);
        if (!journal->dirty)
            continue;
        journal->dirty = false;
        pthread_mutex_unlock(&journal->lock);
        int failed = fdatasync(journal->fd) != 0 ? errno : 0;
        pthread_mutex_lock(&journal->lock);
        if (failed)
            journal->sync_errno = failed;
    }
    pthread_mutex_unlock(&journal->lock);
    return NULL;
}

/* ---- life ---- */

static fm_status map_existing(fm_journal *journal, fm_journal_report *report, fm_err *err)
{
    struct stat info;

    if (fstat(journal->fd, &info) != 0)
        return fm_fail(err, FM_E_IO, "cannot read '%s': %s", journal->path, strerror(errno));
    if (info.st_size == 0)
        return FM_OK;
    void *mapping = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, journal->fd, 0);
    if (mapping == MAP_FAILED)
        return fm_fail(err, FM_E_IO, "cannot map '%s': %s", journal->path, strerror(errno));
    journal->mapping = mapping;
    journal->mapped = (size_t)info.st_size;
    const char *last = memrchr(journal->mapping, '\n', journal->mapped);
    journal->size = last ? last + 1 - journal->mapping : 0;
    report->torn = journal->size != (int64_t)journal->mapped;
    if (report->torn && journal->writable && ftruncate(journal->fd, journal->size) != 0)
        return fm_fail(err, FM_E_IO, "cannot repair '%s': %s", journal->path, strerror(errno));
    return index_lines(journal, report, err);
}

fm_status fm_journal_open(fm_journal **out, const char *path, bool writable,
                          fm_journal_report *report, fm_err *err)
{
    fm_journal_report unused = {0};
    fm_journal *journal = calloc(1, sizeof(*journal));
    fm_status st;

    if (!report)
        report = &unused;
    *report = (fm_journal_report){0};
    if (!journal)
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", path);
    snprintf(journal->path, sizeof(journal->path), "%s", path);
    journal->writable = writable;
    pthread_mutex_init(&journal->lock, NULL);
    pthread_cond_init(&journal->wake, NULL);
    journal->fd =
        open(path, writable ? O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0666);
    if (journal->fd < 0)
        st = fm_fail(err, FM_E_IO, "cannot open '%s': %s", path, strerror(errno));
    else
        st = map_existing(journal, report, err);
    if (st == FM_OK && writable)
        journal->syncing = pthread_create(&journal->syncer, NULL, sync_main, journal) == 0;
    if (st != FM_OK) {
        (void)!fm_journal_close(journal, NULL); /* the first failure is the one to tell */
        return st;
    }
    *out = journal;
    return FM_OK;
}

fm_status fm_journal_close(fm_journal *journal, fm_err *err)
{
    fm_status st = FM_OK;

    if (!journal)
        return FM_OK;
    if (journal->syncing) {
        pthread_mutex_lock(&journal->lock);
        journal->closing = true;
        pthread_cond_signal(&journal->wake);
        pthread_mutex_unlock(&journal->lock);
        pthread_join(journal->syncer, NULL);
    }
    if (journal->writable && journal->fd >= 0 && fdatasync(journal->fd) != 0)
        journal->sync_errno = errno;
    if (journal->sync_errno)
        st = fm_fail(err, FM_E_IO, "cannot sync '%s': %s", journal->path,
                     strerror(journal->sync_errno));
    if (journal->mapping)
        munmap((void *)(uintptr_t)journal->mapping, journal->mapped);
    if (journal->fd >= 0)
        close(journal->fd);
    pthread_cond_destroy(&journal->wake);
    pthread_mutex_destroy(&journal->lock);
    free(journal->entries);
    fm_id_map_release(&journal->ids);
    fm_buf_release(&journal->line);
    free(journal);
    return st;
}

/* ---- records ---- */

static void format_record(fm_buf *line, const char *id, int attempt, const fm_reply *reply)
{
    fm_json_writer w = {.out = line};
    char now[FM_CLOCK_TEXT_BYTES];

    fm_clock_utc(now);
    fm_buf_clear(line);
    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "id", id);
    fm_json_put_int(&w, "attempt", attempt);
    fm_json_put_string(&w, "status", fm_sample_status_name(reply->status));
    if (reply->text)
        fm_json_put_reply(&w, "text", reply->text, reply->size);
    else
        fm_json_put_null(&w, "text");
    fm_json_put_string(&w, "finish_reason", reply->finish_reason);
    fm_json_put_string(&w, "detail", reply->detail);
    fm_json_put_number(&w, "latency_s", reply->latency_s);
    fm_json_put_string(&w, "time", now);
    fm_json_close(&w, '}');
    fm_buf_putc(line, '\n');
}

static fm_status write_all(fm_journal *journal, const char *bytes, size_t size, fm_err *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(journal->fd, bytes + done, size - done);

        if (n >= 0) {
            done += (size_t)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        int why = errno;
        /* Take half a record back; where even that fails, the next start drops it as torn. */
        (void)!ftruncate(journal->fd, journal->size);
        return fm_fail(err, FM_E_IO, "cannot write '%s': %s; the replies before this one are safe",
                       journal->path, strerror(why));
    }
    return FM_OK;
}

fm_status fm_journal_append(fm_journal *journal, const char *id, const fm_reply *reply, fm_err *err)
{
    const entry *before = find_entry(journal, id);
    fm_status st;

    format_record(&journal->line, id, before ? before->attempts + 1 : 1, reply);
    st = fm_buf_check(&journal->line, "a journal record", err);
    if (st == FM_OK)
        st = write_all(journal, journal->line.data, journal->line.size, err);
    if (st != FM_OK)
        return st;
    if (!put_entry(journal, id, journal->size, (int64_t)journal->line.size - 1))
        return fm_fail(err, FM_E_NOMEM, "no memory to index '%s'", journal->path);
    journal->size += (int64_t)journal->line.size;
    pthread_mutex_lock(&journal->lock);
    journal->dirty = true;
    int failed = journal->sync_errno;
    pthread_mutex_unlock(&journal->lock);
    if (failed)
        return fm_fail(err, FM_E_IO, "cannot sync '%s': %s", journal->path, strerror(failed));
    return FM_OK;
}

bool fm_journal_has(const fm_journal *journal, const char *id)
{
    return find_entry(journal, id) != NULL;
}

/* A record as bytes: from the mapping, or read back when it was appended after opening. */
static const char *record_bytes(const fm_journal *journal, const entry *e, fm_arena *arena)
{
    char *copy;

    if ((size_t)(e->offset + e->size) <= journal->mapped)
        return journal->mapping + e->offset;
    copy = fm_arena_alloc(arena, (size_t)e->size + 1, 1);
    for (int64_t done = 0; copy && done < e->size;) {
        ssize_t n = pread(journal->fd, copy + done, (size_t)(e->size - done), e->offset + done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return NULL;
        done += n;
    }
    return copy;
}

fm_status fm_journal_find(const fm_journal *journal, const char *id, fm_arena *arena, fm_reply *out,
                          bool *found, fm_err *err)
{
    const entry *e = find_entry(journal, id);
    cJSON *record = NULL;
    char *text = NULL;
    size_t size = 0;
    fm_status st;

    *found = false;
    if (!e)
        return FM_OK;
    const char *bytes = record_bytes(journal, e, arena);
    if (!bytes)
        return fm_fail(err, FM_E_IO, "cannot read '%s'", journal->path);
    st = fm_json_parse(bytes, (size_t)e->size, journal->path, &record, err);
    if (st != FM_OK)
        return st;
    const char *recorded = fm_json_string(record, "id");
    const char *status = fm_json_string(record, "status");
    fm_reply reply = {.latency_s = fm_json_number(record, "latency_s", 0)};
    if (!recorded || strcmp(recorded, id) != 0) {
        st = FM_OK; /* a clash of hashes: as if it were not there */
    } else if (!status || !fm_sample_status_from_name(status, &reply.status)) {
        st = fm_fail(err, FM_E_INPUT, "%s: the record of '%s' has no known status", journal->path,
                     id);
    } else {
        if (fm_json_get_reply(record, "text", arena, &text, &size)) {
            reply.text = text;
            reply.size = size;
        }
        reply.finish_reason = fm_arena_strdup(arena, fm_json_string(record, "finish_reason"));
        reply.detail = fm_arena_strdup(arena, fm_json_string(record, "detail"));
        *out = reply;
        *found = true;
    }
    cJSON_Delete(record);
    return st;
}
