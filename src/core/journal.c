/* Owns the bytes of replies.jsonl, the index over them, and when they are synced. */
#include "core/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/idmap.h"
#include "base/json.h"
#include "base/size.h"
#include "core/record.h"

/* The last record of one id. */
typedef struct {
    int64_t offset, size; /* of its line, without the newline */
    int attempts;
    bool settled;
} entry;

struct fm_journal {
    char path[FM_PATH_BYTES];
    int fd;
    bool writable;
    int64_t size;  /* bytes of whole records */
    fm_id_map ids; /* to positions in entries */
    entry *entries;
    size_t n, capacity, settled;
    fm_usage_totals *usage;
    fm_buf line;

    pthread_t syncer;
    bool syncing;
    pthread_mutex_t lock; /* guards the four below */
    pthread_cond_t wake;
    bool dirty, closing;
    int sync_errno;
};

enum { SYNC_SECONDS = 1 };

/* A record of the longest reply, each byte of which may take six. */
#define MOST_LINE_BYTES (FM_JOURNAL_REPLY_BYTES * 6 + ((size_t)1 << 20))

/* ---- index ---- */

static entry *find_entry(const fm_journal *journal, const char *id)
{
    uint64_t at;

    return fm_id_map_find(&journal->ids, id, &at) ? &journal->entries[at] : NULL;
}

/* A failure of the way to the model says nothing of the model: such a sample is still to be asked.
 * A filter that blocked will block again. */
static bool settles(fm_sample_status status)
{
    fm_outcome outcome = fm_sample_status_outcome(status);

    return outcome == FM_OUTCOME_SCORED || outcome == FM_OUTCOME_UNPARSED ||
           status == FM_SAMPLE_BLOCKED;
}

static bool put_entry(fm_journal *journal, const char *id, int64_t offset, int64_t size,
                      fm_sample_status status)
{
    entry *e = find_entry(journal, id);
    bool fresh;

    if (e) {
        journal->settled += settles(status) - e->settled;
        *e = (entry){offset, size, e->attempts + 1, settles(status)};
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
    journal->entries[journal->n++] = (entry){offset, size, 1, settles(status)};
    journal->settled += settles(status);
    return true;
}

static bool is_blank(const char *text, int64_t size)
{
    for (int64_t i = 0; i < size; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

/* A record is an object. Looking at both ends first spares the reading of what a crash of the
 * machine may leave: gigabytes of zeros. */
static bool looks_whole(const char *text, int64_t size)
{
    while (size > 0 && is_blank(text + size - 1, 1))
        size--;
    while (size > 0 && is_blank(text, 1))
        text++, size--;
    return size > 1 && text[0] == '{' && text[size - 1] == '}';
}

/* Take a line into the index; *whole tells whether it is a record. */
static fm_status index_line(fm_journal *journal, const fm_lines *line, fm_arena *arena, bool *whole,
                            fm_err *err)
{
    fm_record record = {.cost = NAN, .queue_s = NAN};
    const char *id;
    cJSON *tree = NULL;
    fm_status st;

    *whole = false;
    if (line->too_long || !looks_whole(line->line, (int64_t)line->size))
        return FM_OK;
    fm_arena_reset(arena);
    st = fm_json_parse(line->line, line->size, journal->path, &tree, NULL);
    if (st == FM_OK)
        st = fm_record_id(tree, journal->path, arena, &id, NULL);
    if (st == FM_OK) {
        fm_record_numbers(tree, &record);
        st = fm_usage_add(
            journal->usage,
            &(fm_attempt){.reply = &record.reply, .cost = record.cost, .queue_s = record.queue_s},
            NULL);
    }
    if (st == FM_OK &&
        !put_entry(journal, id, line->offset, (int64_t)line->size, record.reply.status))
        st = FM_E_NOMEM;
    cJSON_Delete(tree);
    *whole = st == FM_OK;
    /* A record that there is no memory to read must not pass for one that is torn. */
    return st == FM_E_NOMEM ? fm_fail(err, st, "no memory to index '%s'", journal->path) : FM_OK;
}

/* Only a last line without its newline can be torn, and only where it is no whole record. */
static fm_status index_lines(fm_journal *journal, fm_lines *lines, int64_t end,
                             bool ends_in_newline, fm_journal_report *report, fm_err *err)
{
    bool more, whole = true, blank = true;
    fm_arena arena = {0};
    fm_status st;

    for (;;) {
        st = fm_lines_next(lines, &more, err);
        if (st != FM_OK)
            break;
        /* A line that something follows, if only the end behind its newline, was ended. */
        bool ended = more || ends_in_newline;
        report->torn = !whole && !ended;
        if (!whole && ended && !blank && report->unreadable++ == 0)
            report->first_unreadable = report->lines;
        if (whole || ended)
            journal->size = more ? lines->offset : end;
        if (!more)
            break;
        report->lines++;
        st = index_line(journal, lines, &arena, &whole, err);
        if (st != FM_OK)
            break;
        report->records += whole;
        blank = !lines->too_long && is_blank(lines->line, (int64_t)lines->size);
    }
    report->ids = journal->n;
    report->settled = journal->settled;
    fm_arena_release(&arena);
    return st;
}

/* ---- syncing ---- */

static void *sync_main(void *argument)
{
    fm_journal *journal = argument;

    pthread_mutex_lock(&journal->lock);
    while (!journal->closing) {
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
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

/* The file shall end with a whole line: drop a torn one, finish one that lacks its newline only. */
static fm_status repair_end(fm_journal *journal, bool torn, bool finish, fm_err *err)
{
    if ((finish && write(journal->fd, "\n", 1) != 1) ||
        (torn && ftruncate(journal->fd, journal->size) != 0))
        return fm_fail(err, FM_E_IO, "cannot repair '%s': %s", journal->path, strerror(errno));
    journal->size += finish;
    return FM_OK;
}

static fm_status read_existing(fm_journal *journal, fm_journal_report *report, fm_err *err)
{
    struct stat info;
    char last;
    fm_lines lines = {0};

    if (fstat(journal->fd, &info) != 0)
        return fm_fail(err, FM_E_IO, "cannot read '%s': %s", journal->path, strerror(errno));
    if (info.st_size == 0)
        return FM_OK;
    if (pread(journal->fd, &last, 1, info.st_size - 1) != 1)
        return fm_fail(err, FM_E_IO, "cannot read '%s': %s", journal->path, strerror(errno));
    fm_status st = fm_lines_open(&lines, journal->path, MOST_LINE_BYTES, err);
    if (st != FM_OK)
        return st;
    st = index_lines(journal, &lines, info.st_size, last == '\n', report, err);
    fm_lines_close(&lines);
    if (st != FM_OK || !journal->writable)
        return st;
    return repair_end(journal, report->torn, !report->torn && last != '\n', err);
}

/* By the clock that nobody sets: a correction of the time must not put off a sync. */
static void init_wake(pthread_cond_t *wake)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

static fm_status start_syncing(fm_journal *journal, fm_err *err)
{
    int why = pthread_create(&journal->syncer, NULL, sync_main, journal);

    journal->syncing = why == 0;
    return why ? fm_fail(err, FM_E_IO, "cannot start the thread that syncs '%s': %s", journal->path,
                         strerror(why))
               : FM_OK;
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
    journal->usage = fm_usage_new();
    pthread_mutex_init(&journal->lock, NULL);
    init_wake(&journal->wake);
    journal->fd =
        open(path, writable ? O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0666);
    if (journal->fd < 0)
        st = fm_fail(err, FM_E_IO, "cannot open '%s': %s", path, strerror(errno));
    else if (!journal->usage)
        st = fm_fail(err, FM_E_NOMEM, "no memory for '%s'", path);
    else
        st = read_existing(journal, report, err);
    if (st == FM_OK && writable)
        st = start_syncing(journal, err);
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
    if (journal->fd >= 0)
        close(journal->fd);
    pthread_cond_destroy(&journal->wake);
    pthread_mutex_destroy(&journal->lock);
    free(journal->entries);
    fm_usage_free(journal->usage);
    fm_id_map_release(&journal->ids);
    fm_buf_release(&journal->line);
    free(journal);
    return st;
}

/* ---- records ---- */

static void format_record(fm_buf *line, const char *id, int number, const fm_attempt *attempt)
{
    fm_json_writer w = {.out = line};
    char now[FM_CLOCK_TEXT_BYTES];

    fm_clock_utc(now);
    fm_buf_clear(line);
    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "id", id);
    fm_json_put_int(&w, "attempt", number);
    fm_record_put_reply(&w, attempt->reply);
    fm_record_put_attempt(&w, attempt);
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

fm_status fm_journal_append(fm_journal *journal, const char *id, const fm_attempt *attempt,
                            fm_err *err)
{
    const entry *before = find_entry(journal, id);
    fm_status st;

    if (attempt->reply->size > FM_JOURNAL_REPLY_BYTES)
        return fm_fail(err, FM_E_INPUT, "the reply to '%s' is longer than %zu bytes", id,
                       FM_JOURNAL_REPLY_BYTES);
    format_record(&journal->line, id, before ? before->attempts + 1 : 1, attempt);
    st = fm_buf_check(&journal->line, "a journal record", err);
    if (st == FM_OK)
        st = write_all(journal, journal->line.data, journal->line.size, err);
    if (st != FM_OK)
        return st;
    if (fm_usage_add(journal->usage, attempt, NULL) != FM_OK ||
        !put_entry(journal, id, journal->size, (int64_t)journal->line.size - 1,
                   attempt->reply->status)) {
        (void)!ftruncate(journal->fd, journal->size);
        return fm_fail(err, FM_E_NOMEM, "no memory to index '%s'", journal->path);
    }
    journal->size += (int64_t)journal->line.size;
    pthread_mutex_lock(&journal->lock);
    journal->dirty = true;
    int failed = journal->sync_errno;
    pthread_mutex_unlock(&journal->lock);
    if (failed)
        return fm_fail(err, FM_E_IO, "cannot sync '%s': %s", journal->path, strerror(failed));
    return FM_OK;
}

fm_usage_totals *fm_journal_usage(const fm_journal *journal)
{
    return journal->usage;
}

bool fm_journal_settled(const fm_journal *journal, const char *id)
{
    const entry *e = find_entry(journal, id);

    return e && e->settled;
}

bool fm_journal_has(const fm_journal *journal, const char *id)
{
    return find_entry(journal, id) != NULL;
}

/* The bytes of a record, read back; NULL where that fails. */
static const char *record_bytes(const fm_journal *journal, const entry *e, fm_arena *arena)
{
    char *copy = fm_arena_alloc(arena, (size_t)e->size + 1, 1);

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
    cJSON *tree = NULL;
    fm_record record;
    fm_status st;

    *found = false;
    if (!e)
        return FM_OK;
    const char *bytes = record_bytes(journal, e, arena);
    if (!bytes)
        return fm_fail(err, FM_E_IO, "cannot read '%s'", journal->path);
    st = fm_json_parse(bytes, (size_t)e->size, journal->path, &tree, err);
    if (st == FM_OK)
        st = fm_record_read(tree, journal->path, arena, &record, err);
    cJSON_Delete(tree);
    if (st != FM_OK)
        return st;
    *out = record.reply;
    *found = true;
    return FM_OK;
}
