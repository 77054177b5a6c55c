/* Owns the files of the response cache, and the adapter that looks there before it asks. What makes
 * two requests the same is the inner adapter's to say: the key is its estimate's.
 *
 * An entry is <dir>/<first two digits of the key>/<the other 62>.json, one JSON object: a record as
 * core/record.h has it, whose id is the key, with the SHA-256 of all bytes before it at its end.
 * Nothing is synced: an entry that a crash of the machine cut does not match its checksum. */
#include "core/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/kept.h"
#include "base/size.h"
#include "core/adapter_internal.h"
#include "core/record.h"

#define SCHEMA "fathom.cache/1"

enum {
    KEY_DIGITS = FM_HASH_TEXT_BYTES - 1,
    FOLDER_DIGITS = 2,
    NAME_DIGITS = KEY_DIGITS - FOLDER_DIGITS,
    MAX_ENTRY_BYTES = 64 << 20,
    /* Using an entry renews its time only when that is older than this: reading stays reading. */
    RENEW_S = 3600,
    /* An unfinished file of this age belongs to nobody who is still writing. */
    ABANDONED_S = 3600,
};

struct fm_cache {
    char dir[FM_PATH_BYTES];
    void (*notice)(void *context, const char *text);
    void *context;
    bool unwritable; /* a write failed: no more are tried */
    time_t now;      /* when the cache was opened: exact enough for ages */
    fm_buf text;     /* of the entry at hand */
};

static bool is_hex(const char *text, size_t digits)
{
    return strspn(text, "0123456789abcdef") >= digits;
}

static bool is_key(const char *key)
{
    return strlen(key) == KEY_DIGITS && is_hex(key, KEY_DIGITS);
}

fm_status fm_cache_open(fm_cache **out, const char *dir,
                        void (*notice)(void *context, const char *text), void *context, fm_err *err)
{
    fm_cache *cache;

    /* Names of entries are added to it later; they must fit then. */
    if (!*dir || strlen(dir) >= FM_PATH_BYTES - 2 * FM_HASH_TEXT_BYTES)
        return fm_fail(err, FM_E_USAGE, "not a usable folder for the cache: '%.100s'", dir);
    cache = calloc(1, sizeof(*cache));
    if (!cache)
        return fm_fail(err, FM_E_NOMEM, "no memory for the cache");
    snprintf(cache->dir, sizeof(cache->dir), "%s", dir);
    cache->notice = notice;
    cache->context = context;
    cache->now = time(NULL);
    *out = cache;
    return FM_OK;
}

void fm_cache_close(fm_cache *cache)
{
    if (!cache)
        return;
    fm_buf_release(&cache->text);
    free(cache);
}

/* The folder of an entry ends at *folder_bytes of its path. */
static void entry_path(const fm_cache *cache, const char *key, char out[FM_PATH_BYTES],
                       size_t *folder_bytes)
{
    int n = snprintf(out, FM_PATH_BYTES, "%s/%.*s", cache->dir, FOLDER_DIGITS, key);

    snprintf(out + n, FM_PATH_BYTES - (size_t)n, "/%s.json", key + FOLDER_DIGITS);
    if (folder_bytes)
        *folder_bytes = (size_t)n;
}

/* ---- one entry ---- */

#define SEAL ", \"sha256\": \""
enum { SEAL_BYTES = sizeof(SEAL) - 1 + KEY_DIGITS + sizeof("\"}\n") - 1 };

static void format_entry(fm_buf *out, const char *key, const fm_reply *reply)
{
    /* What it cost then is not what it costs now. */
    const fm_attempt attempt = {.reply = reply, .cost = NAN, .queue_s = NAN};
    fm_json_writer w = {.out = out};
    char sum[FM_HASH_TEXT_BYTES];

    fm_buf_clear(out);
    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", SCHEMA);
    fm_json_put_string(&w, "id", key);
    fm_record_put_reply(&w, reply);
    fm_record_put_attempt(&w, &attempt);
    fm_hash_bytes(fm_buf_text(out), out->size, sum);
    fm_buf_printf(out, SEAL "%s\"}\n", sum);
}

static bool seal_holds(const fm_buf *text)
{
    char sum[FM_HASH_TEXT_BYTES];
    size_t sealed = text->size - SEAL_BYTES;

    if (text->size < SEAL_BYTES || memcmp(text->data + sealed, SEAL, sizeof(SEAL) - 1) != 0)
        return false;
    fm_hash_bytes(text->data, sealed, sum);
    return memcmp(text->data + sealed + sizeof(SEAL) - 1, sum, KEY_DIGITS) == 0;
}

/* FM_E_INPUT: what stands there is no reply of this key. */
static fm_status parse_entry(const fm_buf *text, const char *key, fm_arena *arena, fm_reply *out,
                             fm_err *err)
{
    cJSON *tree = NULL;
    fm_record record;

    if (!seal_holds(text))
        return fm_fail(err, FM_E_INPUT, "cache entry '%s' does not match its checksum", key);
    fm_status st = fm_json_parse(text->data, text->size, key, &tree, err);
    const char *schema = fm_json_string(tree, "schema");
    if (st == FM_OK && (!schema || strcmp(schema, SCHEMA) != 0))
        st = fm_fail(err, FM_E_INPUT, "cache entry '%s' is not of schema " SCHEMA, key);
    if (st == FM_OK)
        st = fm_record_read(tree, key, arena, &record, err);
    if (st == FM_OK && strcmp(record.id, key) != 0)
        st = fm_fail(err, FM_E_INPUT, "cache entry '%s' holds the reply of '%s'", key, record.id);
    cJSON_Delete(tree);
    if (st == FM_OK)
        *out = record.reply;
    return st;
}

/* Into cache->text. A file of stdio costs more than the entry itself, so it is read in one go. */
static bool read_entry(fm_cache *cache, const char *path)
{
    struct stat info;
    bool whole = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return false;
    fm_buf_clear(&cache->text);
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0 &&
        info.st_size <= MAX_ENTRY_BYTES) {
        size_t size = (size_t)info.st_size;
        char *room = fm_buf_room(&cache->text, size);

        whole = room && read(fd, room, size) == (ssize_t)size;
        if (whole)
            cache->text.size = size;
        if (whole && cache->now - info.st_mtime > RENEW_S)
            (void)!futimens(fd, NULL);
    }
    close(fd);
    return whole;
}

fm_status fm_cache_find(fm_cache *cache, const char *key, fm_arena *arena, fm_reply *out,
                        bool *found, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_reply reply;

    *found = false;
    if (!is_key(key))
        return FM_OK;
    entry_path(cache, key, path, NULL);
    if (!read_entry(cache, path))
        return FM_OK;
    fm_status st = parse_entry(&cache->text, key, arena, &reply, err);
    if (st != FM_OK)
        return st == FM_E_NOMEM ? st : FM_OK;
    reply.cached = true;
    *out = reply;
    *found = true;
    return FM_OK;
}

bool fm_cache_holds(const fm_cache *cache, const char *key)
{
    char path[FM_PATH_BYTES];

    if (!is_key(key))
        return false;
    entry_path(cache, key, path, NULL);
    return fm_file_exists(path);
}

/* A name for the unfinished file that no other writer has, in this process or another. */
static int create_temporary(const char *path, char out[FM_PATH_BYTES])
{
    static atomic_uint turn;
    int n = snprintf(out, FM_PATH_BYTES, "%s.tmp.%ld.%u", path, (long)getpid(),
                     atomic_fetch_add(&turn, 1));

    if (n < 0 || n >= FM_PATH_BYTES) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

/* 0, or the errno of what failed. */
static int write_entry(const fm_buf *text, const char *path, size_t folder_bytes)
{
    char temporary[FM_PATH_BYTES], folder[FM_PATH_BYTES];
    int fd = create_temporary(path, temporary), why = 0;

    if (fd < 0 && errno == ENOENT) {
        snprintf(folder, sizeof(folder), "%.*s", (int)folder_bytes, path);
        if (fm_dir_make(folder, NULL) == FM_OK)
            fd = create_temporary(path, temporary);
    }
    if (fd < 0)
        return errno;
    ssize_t n = write(fd, text->data, text->size);
    if (n != (ssize_t)text->size)
        why = n < 0 ? errno : ENOSPC;
    if (close(fd) != 0 && !why)
        why = errno;
    if (!why && rename(temporary, path) != 0)
        why = errno;
    if (why)
        (void)unlink(temporary);
    return why;
}

/* A reply is kept where asking again would say the same of the model. Without an answer there is
 * nothing to spare: a filter or an empty reply may be another tomorrow. */
static bool may_be_kept(const fm_reply *reply)
{
    return reply->text && (reply->status == FM_SAMPLE_OK || reply->status == FM_SAMPLE_TRUNCATED ||
                           reply->status == FM_SAMPLE_REFUSED);
}

void fm_cache_keep(fm_cache *cache, const char *key, const fm_reply *reply)
{
    char path[FM_PATH_BYTES], text[FM_PATH_BYTES + 128];
    size_t folder_bytes;

    if (cache->unwritable || !is_key(key) || !may_be_kept(reply))
        return;
    format_entry(&cache->text, key, reply);
    if (cache->text.failed || cache->text.size > MAX_ENTRY_BYTES)
        return;
    entry_path(cache, key, path, &folder_bytes);
    int why = write_entry(&cache->text, path, folder_bytes);
    if (!why)
        return;
    cache->unwritable = true;
    snprintf(text, sizeof(text), "replies are not cached from here on: cannot write into '%s': %s",
             cache->dir, strerror(why));
    if (cache->notice)
        cache->notice(cache->context, text);
}

/* ---- the adapter ---- */

/* A request whose reply was there, until poll gives it out. */
typedef struct {
    uint64_t ticket;
    fm_reply reply;
    fm_arena arena;
} hit;

/* A request that the inner adapter has, whose reply may be kept. */
typedef struct {
    uint64_t ticket;
    char key[FM_HASH_TEXT_BYTES];
} miss;

typedef struct {
    fm_adapter_ops ops; /* the inner one's name and caps, our functions */
    fm_adapter *inner;
    fm_cache *cache;
    bool keep_sampled;

    hit *hits; /* [given, n_hits) wait for a poll; those before were given out by the last */
    size_t n_hits, given, hits_capacity;
    miss *misses;
    size_t n_misses, misses_capacity;
    size_t inner_in_flight;
    fm_arena arena; /* of the reply that generate gave out last */
} cached;

/* The key of a request, "" where its reply is neither looked up nor kept. */
static fm_status find_key(cached *c, const fm_request *request, char key[FM_HASH_TEXT_BYTES],
                          fm_err *err)
{
    fm_estimate estimate = {0};
    fm_status st = c->inner->ops->estimate(c->inner->state, request, &estimate, err);

    key[0] = '\0';
    if (st == FM_OK && (!estimate.sampled || c->keep_sampled) && is_key(estimate.key))
        memcpy(key, estimate.key, FM_HASH_TEXT_BYTES);
    return st;
}

static void release_given(cached *c)
{
    for (size_t i = 0; i < c->given; i++)
        fm_arena_release(&c->hits[i].arena);
    memmove(c->hits, c->hits + c->given, (c->n_hits - c->given) * sizeof(*c->hits));
    c->n_hits -= c->given;
    c->given = 0;
}

/* Room for one more of either list; false: out of memory. */
static bool make_room(void **items, size_t n, size_t *capacity, size_t item_bytes)
{
    size_t bytes, want = *capacity ? *capacity * 2 : 64;

    if (n < *capacity)
        return true;
    void *grown = fm_size_mul(want, item_bytes, &bytes) ? realloc(*items, bytes) : NULL;
    if (!grown)
        return false;
    *items = grown;
    *capacity = want;
    return true;
}

static fm_status cached_submit(void *state, const fm_request *request, uint64_t ticket, fm_err *err)
{
    cached *c = state;
    hit h = {.ticket = ticket};
    miss m = {.ticket = ticket};
    bool found = false;

    if (!make_room((void **)&c->hits, c->n_hits, &c->hits_capacity, sizeof(*c->hits)) ||
        !make_room((void **)&c->misses, c->n_misses, &c->misses_capacity, sizeof(*c->misses)))
        return fm_fail(err, FM_E_NOMEM, "no memory for the requests in flight");
    fm_status st = find_key(c, request, m.key, err);
    if (st == FM_OK)
        st = fm_cache_find(c->cache, m.key, &h.arena, &h.reply, &found, err);
    if (st == FM_OK && found) {
        c->hits[c->n_hits++] = h;
        return FM_OK;
    }
    fm_arena_release(&h.arena);
    if (st == FM_OK)
        st = c->inner->ops->submit(c->inner->state, request, ticket, err);
    if (st != FM_OK)
        return st;
    c->inner_in_flight++;
    if (m.key[0])
        c->misses[c->n_misses++] = m;
    return FM_OK;
}

/* The key under which a ticket's reply may be kept, taken out of the list; false: none. */
static bool take_miss(cached *c, uint64_t ticket, miss *out)
{
    for (size_t i = 0; i < c->n_misses; i++) {
        if (c->misses[i].ticket != ticket)
            continue;
        *out = c->misses[i];
        c->misses[i] = c->misses[--c->n_misses];
        return true;
    }
    return false;
}

static fm_status cached_poll(void *state, double wait_s, fm_arrival *arrivals, size_t capacity,
                             size_t *n, fm_err *err)
{
    cached *c = state;
    size_t ready = 0, came = 0;
    miss m;

    release_given(c);
    while (ready < capacity && c->given < c->n_hits) {
        const hit *h = &c->hits[c->given++];

        arrivals[ready++] = (fm_arrival){.ticket = h->ticket, .reply = h->reply};
    }
    *n = ready;
    if (ready == capacity || (ready > 0 && c->inner_in_flight == 0))
        return FM_OK;
    fm_status st = c->inner->ops->poll(c->inner->state, ready > 0 ? 0 : wait_s, arrivals + ready,
                                       capacity - ready, &came, err);
    if (st != FM_OK)
        return st;
    c->inner_in_flight -= came;
    for (size_t i = ready; i < ready + came; i++)
        if (take_miss(c, arrivals[i].ticket, &m))
            fm_cache_keep(c->cache, m.key, &arrivals[i].reply);
    *n = ready + came;
    return FM_OK;
}

static void cached_abandon(void *state, uint64_t ticket)
{
    cached *c = state;
    miss unused;

    for (size_t i = c->given; i < c->n_hits; i++) {
        if (c->hits[i].ticket != ticket)
            continue;
        fm_arena_release(&c->hits[i].arena);
        memmove(&c->hits[i], &c->hits[i + 1], (c->n_hits - i - 1) * sizeof(*c->hits));
        c->n_hits--;
        return;
    }
    take_miss(c, ticket, &unused);
    c->inner_in_flight--;
    c->inner->ops->abandon(c->inner->state, ticket);
}

static fm_status cached_generate(void *state, const fm_request *request, const fm_sample *truth,
                                 fm_reply *reply, fm_err *err)
{
    cached *c = state;
    char key[FM_HASH_TEXT_BYTES];
    bool found = false;
    fm_status st = find_key(c, request, key, err);

    fm_arena_reset(&c->arena);
    if (st == FM_OK)
        st = fm_cache_find(c->cache, key, &c->arena, reply, &found, err);
    if (st != FM_OK || found)
        return st;
    st = c->inner->ops->generate(c->inner->state, request, truth, reply, err);
    if (st == FM_OK && key[0])
        fm_cache_keep(c->cache, key, reply);
    return st;
}

static fm_status cached_estimate(void *state, const fm_request *request, fm_estimate *out,
                                 fm_err *err)
{
    cached *c = state;

    return c->inner->ops->estimate(c->inner->state, request, out, err);
}

static void cached_cancel(void *state)
{
    cached *c = state;

    fm_adapter_cancel(c->inner);
}

static void cached_close(void *state)
{
    cached *c = state;

    fm_adapter_close(c->inner);
    for (size_t i = 0; i < c->n_hits; i++)
        fm_arena_release(&c->hits[i].arena);
    fm_arena_release(&c->arena);
    free(c->hits);
    free(c->misses);
    free(c);
}

fm_status fm_adapter_cached(fm_adapter **out, fm_adapter *inner, fm_cache *cache, bool keep_sampled,
                            fm_err *err)
{
    const fm_adapter_ops *ops = inner->ops;
    cached *c;

    if (!ops->estimate)
        return fm_fail(err, FM_E_USAGE,
                       "adapter '%s' cannot tell which requests are the same: its replies are not "
                       "cached; leave --cache away",
                       ops->name);
    c = calloc(1, sizeof(*c));
    fm_adapter *made = c ? fm_adapter_of(&c->ops, c) : NULL;
    if (!made) {
        free(c);
        return fm_fail(err, FM_E_NOMEM, "no memory for the cache of adapter '%s'", ops->name);
    }
    *c = (cached){
        .ops = {.name = ops->name,
                .summary = ops->summary,
                .caps = ops->caps,
                .options = ops->options,
                .generate = ops->submit ? NULL : cached_generate,
                .submit = ops->submit ? cached_submit : NULL,
                .poll = ops->submit ? cached_poll : NULL,
                .abandon = ops->submit ? cached_abandon : NULL,
                .estimate = cached_estimate,
                .cancel = ops->cancel ? cached_cancel : NULL,
                .close = cached_close},
        .inner = inner,
        .cache = cache,
        .keep_sampled = keep_sampled,
    };
    *out = made;
    return FM_OK;
}

/* ---- looking after it ---- */

/* One file of the folder as a walk meets it. */
typedef struct {
    char key[FM_HASH_TEXT_BYTES];
    uint64_t bytes;
    double age_s; /* since it was last used */
} found_entry;

/* The key that a file name stands for; false: it is no entry. */
static bool key_of(const char *folder, const char *name, char out[FM_HASH_TEXT_BYTES])
{
    if (!is_hex(name, NAME_DIGITS) || strcmp(name + NAME_DIGITS, ".json") != 0)
        return false;
    memcpy(out, folder, FOLDER_DIGITS);
    memcpy(out + FOLDER_DIGITS, name, NAME_DIGITS);
    out[KEY_DIGITS] = '\0';
    return true;
}

/* What a process that was killed left unfinished. */
static bool is_abandoned(const char *name, double age_s)
{
    return is_hex(name, NAME_DIGITS) && strncmp(name + NAME_DIGITS, ".json.tmp.", 10) == 0 &&
           age_s > ABANDONED_S;
}

typedef fm_status (*visitor)(fm_cache *cache, const found_entry *entry, void *context, fm_err *err);

static fm_status walk_folder(fm_cache *cache, const char *folder, visitor visit, void *context,
                             fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_path_join(path, cache->dir, folder, err);
    DIR *dir = st == FM_OK ? opendir(path) : NULL;
    struct dirent *item;
    struct stat info;

    while (st == FM_OK && dir && (item = readdir(dir))) {
        found_entry entry;

        if (fstatat(dirfd(dir), item->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            continue;
        entry.bytes = (uint64_t)info.st_size;
        entry.age_s = difftime(cache->now, info.st_mtime);
        if (entry.age_s < 0)
            entry.age_s = 0;
        if (is_abandoned(item->d_name, entry.age_s))
            (void)unlinkat(dirfd(dir), item->d_name, 0);
        else if (key_of(folder, item->d_name, entry.key))
            st = visit(cache, &entry, context, err);
    }
    if (dir)
        closedir(dir);
    return st;
}

/* Every entry, in no order. A folder that is not there holds none. */
static fm_status walk(fm_cache *cache, visitor visit, void *context, fm_err *err)
{
    fm_status st = FM_OK;
    DIR *dir = opendir(cache->dir);
    struct dirent *item;

    cache->now = time(NULL);
    if (!dir && errno == ENOENT)
        return FM_OK;
    if (!dir)
        return fm_fail(err, FM_E_IO, "cannot read the cache '%s': %s", cache->dir, strerror(errno));
    while (st == FM_OK && (item = readdir(dir)))
        if (strlen(item->d_name) == FOLDER_DIGITS && is_hex(item->d_name, FOLDER_DIGITS))
            st = walk_folder(cache, item->d_name, visit, context, err);
    closedir(dir);
    return st;
}

static void count(fm_cache_report *report, const found_entry *entry)
{
    if (report->entries == 0 || entry->age_s < report->newest_s)
        report->newest_s = entry->age_s;
    if (report->entries == 0 || entry->age_s > report->oldest_s)
        report->oldest_s = entry->age_s;
    report->entries++;
    report->bytes += entry->bytes;
}

static fm_status count_one(fm_cache *cache, const found_entry *entry, void *context, fm_err *err)
{
    (void)cache, (void)err;
    count(context, entry);
    return FM_OK;
}

fm_status fm_cache_stat(fm_cache *cache, fm_cache_report *out, fm_err *err)
{
    fm_cache_report report = {0};
    fm_status st = walk(cache, count_one, &report, err);

    if (st == FM_OK)
        *out = report;
    return st;
}

static fm_status remove_entry(const fm_cache *cache, const char *key, fm_err *err)
{
    char path[FM_PATH_BYTES];

    entry_path(cache, key, path, NULL);
    /* Another process may have been there first. */
    if (unlink(path) != 0 && errno != ENOENT)
        return fm_fail(err, FM_E_IO, "cannot remove '%s': %s", path, strerror(errno));
    return FM_OK;
}

typedef struct {
    bool remove_broken;
    fm_cache_report report;
    fm_arena arena;
} verifying;

static fm_status verify_one(fm_cache *cache, const found_entry *entry, void *context, fm_err *err)
{
    verifying *v = context;
    char path[FM_PATH_BYTES];
    fm_reply reply;

    entry_path(cache, entry->key, path, NULL);
    count(&v->report, entry);
    fm_arena_reset(&v->arena);
    fm_status st = read_entry(cache, path)
                       ? parse_entry(&cache->text, entry->key, &v->arena, &reply, err)
                       : FM_E_INPUT;
    if (st == FM_OK || st == FM_E_NOMEM)
        return st;
    v->report.broken++;
    return v->remove_broken ? remove_entry(cache, entry->key, err) : FM_OK;
}

fm_status fm_cache_verify(fm_cache *cache, bool remove_broken, fm_cache_report *out, fm_err *err)
{
    verifying v = {.remove_broken = remove_broken};
    fm_status st = walk(cache, verify_one, &v, err);

    fm_arena_release(&v.arena);
    if (st == FM_OK)
        *out = v.report;
    return st;
}

typedef struct {
    found_entry *items;
    size_t n, capacity;
} collection;

static fm_status collect_one(fm_cache *cache, const found_entry *entry, void *context, fm_err *err)
{
    collection *all = context;

    (void)cache;
    if (!make_room((void **)&all->items, all->n, &all->capacity, sizeof(*all->items)))
        return fm_fail(err, FM_E_NOMEM, "no memory for the list of the cache");
    all->items[all->n++] = *entry;
    return FM_OK;
}

fm_status fm_cache_prune(fm_cache *cache, double max_age_s, uint64_t max_bytes,
                         fm_cache_report *removed, fm_err *err)
{
    collection all = {0};
    fm_cache_report report = {0};
    fm_status st = walk(cache, collect_one, &all, err);
    fm_kept *kept = calloc(all.n + 1, sizeof(*kept));

    if (st == FM_OK && !kept)
        st = fm_fail(err, FM_E_NOMEM, "no memory for the list of the cache");
    for (size_t i = 0; kept && i < all.n; i++)
        kept[i] = (fm_kept){all.items[i].key, all.items[i].bytes, all.items[i].age_s, i};
    size_t going = st == FM_OK ? fm_kept_outlived(kept, all.n, max_age_s, max_bytes) : 0;
    for (size_t i = 0; st == FM_OK && i < going; i++) {
        st = remove_entry(cache, kept[i].name, err);
        if (st == FM_OK)
            count(&report, &all.items[kept[i].index]);
    }
    free(kept);
    free(all.items);
    if (st == FM_OK)
        *removed = report;
    return st;
}
