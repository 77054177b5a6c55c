/* Owns what is under way: the order of downloads, what becomes of each, and what is told of it. */
#include "hub/fetch.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/size.h"

enum { REPLIES = 16, BLOCK_BYTES = 1 << 16 };

static const double elsewhere_wait_s =
    0.25;                                  /* until a file that another process has is looked at */
static const double longest_turn_s = 0.25; /* between two looks at what the user wants */
static const double show_every_s = 0.1;

/* Why what came could not be taken. */
typedef enum { NO_FAULT, DISK_FAULT, OTHER_PART, TOO_LONG, NO_MEMORY } fault;

/* One blob, for all files that have it. */
typedef struct transfer {
    fm_hub_file **files; /* in transfers.files; the first one stands for them */
    size_t n;
    struct transfer *next; /* of those that wait */
    double due_s;
    int attempt;
    uint64_t begun_bytes; /* when the attempt began */
    bool flying;
    bool elsewhere; /* another process has it */
    bool head_seen; /* of the reply that comes */
    bool patched;   /* what is there came in more than one go */
    bool renewed;   /* it was begun anew because that did not fit together */
    fm_hub_part part;
    fm_hash *hash; /* of what is there; NULL: not begun */
    fault fault;
    int why; /* errno of a DISK_FAULT */
} transfer;

typedef struct {
    fm_hub *hub;
    fm_hub_plan *plan;
    fm_hub_file **files; /* those to bring, those of one blob together */
    transfer *items;
    size_t n, n_begun, n_ended, n_flying, n_failed;
    transfer *waiting;
    size_t limit; /* in flight at once */
    double began_s, shown_s;
    fm_hub_progress progress;
    void (*show)(void *context, const fm_hub_progress *state);
    void *context;
    fm_status first_status; /* of those that failed */
    fm_err first_err;
} transfers;

/* ---- taking what comes ---- */

static fm_hash *new_hash(const fm_hub_file *file)
{
    return strlen(file->hash) == 64 ? fm_hash_new() : fm_hash_new_git(file->size_bytes);
}

static void forget_hash(transfer *one)
{
    char unused[FM_HASH_TEXT_BYTES];

    if (one->hash)
        fm_hash_finish(one->hash, unused);
    one->hash = NULL;
}

static bool fails_with(transfer *one, fault why)
{
    one->why = errno;
    one->fault = why;
    return false;
}

/* From its first byte on. */
static bool begin_anew(transfer *one)
{
    forget_hash(one);
    one->part.size = 0;
    one->patched = false;
    if (ftruncate(one->part.fd, 0) != 0)
        return fails_with(one, DISK_FAULT);
    one->hash = new_hash(one->files[0]);
    return one->hash || fails_with(one, NO_MEMORY);
}

/* "bytes 100-199/200" is from byte 100 on. */
static bool starts_at(const fm_wire_reply *head, uint64_t from)
{
    const char *range = fm_wire_header_value(head, "content-range");
    unsigned long long first;

    return range && sscanf(range, "bytes %llu-", &first) == 1 && first == from;
}

/* A host that knows no ranges, or has another file there by now, sends all of it. */
static bool take_head(transfer *one, const fm_wire_reply *head)
{
    one->head_seen = true;
    if (head->status == 206)
        return starts_at(head, one->part.size) || fails_with(one, OTHER_PART);
    return one->part.size == 0 || begin_anew(one);
}

/* As fm_wire_take. */
static bool take(void *context, const fm_wire_reply *head, const char *bytes, size_t size)
{
    transfer *one = context;

    if (!one->head_seen && !take_head(one, head))
        return false;
    if (size > one->files[0]->size_bytes - one->part.size)
        return fails_with(one, TOO_LONG);
    while (size > 0) {
        ssize_t n = pwrite(one->part.fd, bytes, size, (off_t)one->part.size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fails_with(one, DISK_FAULT);
        fm_hash_update(one->hash, bytes, (size_t)n);
        one->part.size += (uint64_t)n;
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

/* ---- how one ends ---- */

static void wait_until(transfers *t, transfer *one, double due_s)
{
    one->due_s = due_s;
    one->next = t->waiting;
    t->waiting = one;
}

static void end(transfers *t, transfer *one, fm_hub_state state)
{
    fm_hub_part_close(&one->part);
    forget_hash(one);
    for (size_t i = 0; i < one->n; i++) {
        one->files[i]->state = state;
        one->files[i]->partial_bytes = 0;
    }
    t->n_ended++;
}

/* The others go on. */
static void fail(transfers *t, transfer *one, fm_status st, const fm_err *err)
{
    if (t->n_failed++ == 0) {
        t->first_status = st;
        t->first_err = *err;
    }
    end(t, one, FM_HUB_MISSING);
}

static fm_status put_files(transfers *t, transfer *one, fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t i = 0; i < one->n && st == FM_OK; i++) {
        st = fm_hub_plan_put(t->plan, one->files[i], err);
        t->progress.done += st == FM_OK;
    }
    if (st == FM_OK)
        end(t, one, FM_HUB_PRESENT);
    return st;
}

/* All bytes are here: are they the right ones? Where they came in several goes, the parts may have
 * been of two files, which is worth another try from the beginning. */
static fm_status finish(transfers *t, transfer *one, fm_err *err)
{
    const fm_hub_file *file = one->files[0];
    char found[FM_HASH_TEXT_BYTES];
    fm_err told = {0};

    fm_hash_finish(one->hash, found);
    one->hash = NULL;
    if (strcmp(found, file->hash) == 0) {
        fm_status st = fm_hub_part_finish(&one->part, err);

        return st == FM_OK ? put_files(t, one, err) : st;
    }
    if (one->patched && !one->renewed && begin_anew(one)) {
        one->renewed = true;
        wait_until(t, one, 0);
        return FM_OK;
    }
    (void)unlink(one->part.path);
    fail(t, one,
         fm_fail(&told, FM_E_INPUT, "what came for '%s' is not what was listed (hash %s, not %s)",
                 file->name, found, file->hash),
         &told);
    return FM_OK;
}

static fm_status disk_failed(const transfer *one, fm_err *err)
{
    const char *more = one->why == ENOSPC || one->why == EDQUOT
                           ? "; what has come is kept: make room and give the command again"
                           : "";

    return fm_fail(err, FM_E_IO, "cannot write '%s': %s%s", one->part.path, strerror(one->why),
                   more);
}

static void name_for_people(const transfers *t, const fm_hub_file *file, char out[FM_PATH_BYTES])
{
    const fm_hub_source *source = &t->plan->sources.items[file->source];

    if (source->url)
        snprintf(out, FM_PATH_BYTES, "%s", source->url);
    else
        snprintf(out, FM_PATH_BYTES, "%s/%s", source->repository, file->path);
}

/* Nothing, or not all, came: another attempt, or the end. One that brought something counts as the
 * first again. */
static fm_status try_again(transfers *t, transfer *one, const fm_wire_reply *reply, fm_err *err)
{
    const fm_hub_file *file = one->files[0];
    const char *repository = t->plan->sources.items[file->source].repository;
    char name[FM_PATH_BYTES];
    fm_err told = {0};

    if (one->part.size > one->begun_bytes)
        one->attempt = 1;
    double after_s = fm_hub_again_after(t->hub, reply, one->attempt);
    if (after_s >= 0) {
        wait_until(t, one, fm_clock_seconds() + after_s);
        return FM_OK;
    }
    name_for_people(t, file, name);
    fm_status st = fm_hub_refused(t->hub, reply, repository, name, &told);
    if (reply->status == 401 || reply->status == 403) { /* the others would fare no better */
        if (err)
            *err = told;
        return st;
    }
    fail(t, one, st, &told);
    return FM_OK;
}

static fm_status renew(transfers *t, transfer *one, const fm_wire_reply *reply, fm_err *err)
{
    if (one->renewed)
        return try_again(t, one, reply, err);
    if (!begin_anew(one))
        return disk_failed(one, err);
    one->renewed = true;
    wait_until(t, one, 0);
    return FM_OK;
}

static fm_status judge(transfers *t, transfer *one, const fm_wire_reply *reply, fm_err *err)
{
    const fm_hub_file *file = one->files[0];
    bool whole = reply->end == FM_WIRE_DONE && reply->status / 100 == 2;
    fm_err told = {0};

    switch (one->fault) {
    case DISK_FAULT:
        return disk_failed(one, err);
    case NO_MEMORY:
        return fm_fail(err, FM_E_NOMEM, "no memory to fetch '%s'", file->name);
    case TOO_LONG:
        (void)unlink(one->part.path);
        fail(t, one,
             fm_fail(&told, FM_E_INPUT, "what comes for '%s' is longer than the %llu bytes listed",
                     file->name, (unsigned long long)file->size_bytes),
             &told);
        return FM_OK;
    case OTHER_PART:
        return renew(t, one, reply, err);
    case NO_FAULT:
        break;
    }
    if (whole && one->part.size == file->size_bytes)
        return finish(t, one, err);
    if (reply->end == FM_WIRE_DONE && reply->status == 416 && one->part.size > 0)
        return renew(t, one, reply, err);
    return try_again(t, one, reply, err);
}

/* ---- how one begins ---- */

/* What is there from an earlier time is read once, for its hash. */
static fm_status hash_part(const transfers *t, transfer *one, fm_err *err)
{
    char block[BLOCK_BYTES];

    one->hash = new_hash(one->files[0]);
    if (!one->hash)
        return fm_fail(err, FM_E_NOMEM, "no memory to fetch '%s'", one->files[0]->name);
    one->patched = one->part.size > 0;
    for (uint64_t at = 0; at < one->part.size;) {
        ssize_t n = pread(one->part.fd, block, sizeof(block), (off_t)at);

        if (fm_hub_stopped(t->hub))
            return fm_hub_interrupted(err);
        if (n <= 0)
            return fm_fail(err, FM_E_IO, "cannot read '%s': %s", one->part.path,
                           n < 0 ? strerror(errno) : "it became shorter");
        fm_hash_update(one->hash, block, (size_t)n);
        at += (uint64_t)n;
    }
    return FM_OK;
}

/* *state as fm_hub_part_open() has it. A blob of the right size with the wrong bytes goes first. */
static fm_status open_part(transfers *t, transfer *one, fm_hub_part_state *state, fm_err *err)
{
    const fm_hub_file *file = one->files[0];
    const fm_hub_store *store = &t->plan->stores[file->source];
    fm_status st = fm_hub_part_open(&one->part, store, file->hash, file->size_bytes, state, err);

    if (st == FM_OK && *state == FM_HUB_PART_THERE && file->state == FM_HUB_DAMAGED) {
        char blob[FM_PATH_BYTES];

        st = fm_hub_store_blob(store, file->hash, blob, err);
        if (st == FM_OK && unlink(blob) != 0)
            st = fm_fail(err, FM_E_IO, "cannot remove '%s': %s", blob, strerror(errno));
        if (st == FM_OK)
            st = fm_hub_part_open(&one->part, store, file->hash, file->size_bytes, state, err);
    }
    if (st == FM_OK && *state == FM_HUB_PART_OPEN)
        st = hash_part(t, one, err);
    if (st == FM_OK && *state == FM_HUB_PART_OPEN && one->part.size > file->size_bytes &&
        !begin_anew(one))
        st = disk_failed(one, err);
    return st;
}

static fm_status send(transfers *t, transfer *one, fm_err *err)
{
    const fm_hub_file *file = one->files[0];
    const fm_hub_source *source = &t->plan->sources.items[file->source];
    fm_buf url = {0};

    if (source->url) {
        fm_buf_puts(&url, source->url);
    } else {
        fm_buf_printf(&url, "%s/datasets/%s/resolve/%s/", t->hub->settings->endpoint,
                      source->repository, t->plan->infos[file->source].commit);
        fm_hub_put_encoded(&url, file->path, true);
    }
    one->head_seen = false;
    one->fault = NO_FAULT;
    one->patched |= one->part.size > 0;
    one->begun_bytes = one->part.size;
    one->attempt++;
    fm_status st = fm_buf_check(&url, "a request", err);
    if (st == FM_OK)
        st = fm_hub_send(t->hub, fm_buf_text(&url), one->part.size, take, one,
                         (uint64_t)(one - t->items), err);
    fm_buf_release(&url);
    one->flying = st == FM_OK;
    t->n_flying += one->flying;
    return st;
}

static fm_status begin(transfers *t, transfer *one, fm_err *err)
{
    fm_hub_part_state state = FM_HUB_PART_OPEN;
    fm_status st = one->part.fd < 0 ? open_part(t, one, &state, err) : FM_OK;

    one->elsewhere = state == FM_HUB_PART_BUSY;
    if (st != FM_OK)
        return st;
    if (state == FM_HUB_PART_BUSY) {
        wait_until(t, one, fm_clock_seconds() + elsewhere_wait_s);
        return FM_OK;
    }
    if (state == FM_HUB_PART_THERE)
        return put_files(t, one, err);
    return one->part.size == one->files[0]->size_bytes ? finish(t, one, err) : send(t, one, err);
}

/* ---- all of them ---- */

/* The first that is due, taken out of those that wait; NULL: none is. */
static transfer *next_due(transfers *t, double now_s)
{
    for (transfer **at = &t->waiting; *at; at = &(*at)->next) {
        transfer *one = *at;

        if (one->due_s <= now_s) {
            *at = one->next;
            return one;
        }
    }
    return t->n_begun < t->n ? &t->items[t->n_begun++] : NULL;
}

static fm_status begin_some(transfers *t, fm_err *err)
{
    fm_status st = FM_OK;

    while (st == FM_OK && t->n_flying < t->limit && !fm_hub_stopped(t->hub)) {
        transfer *one = next_due(t, fm_clock_seconds());

        if (!one)
            break;
        st = begin(t, one, err);
    }
    return st;
}

static double next_due_s(const transfers *t)
{
    double due_s = INFINITY;

    for (const transfer *one = t->waiting; one; one = one->next)
        due_s = fmin(due_s, one->due_s);
    return due_s;
}

static void show(transfers *t, double now_s)
{
    fm_hub_progress *p = &t->progress;
    double due_s = next_due_s(t);

    if (!t->show || (now_s - t->shown_s < show_every_s && t->n_ended < t->n))
        return;
    t->shown_s = now_s;
    p->done_bytes = 0;
    p->elsewhere = 0;
    for (size_t i = 0; i < t->plan->n; i++)
        if (t->plan->files[i].wanted && t->plan->files[i].state == FM_HUB_PRESENT)
            p->done_bytes += t->plan->files[i].size_bytes;
    for (size_t i = 0; i < t->n; i++) {
        p->elsewhere += t->items[i].elsewhere;
        if (t->items[i].part.fd >= 0)
            p->done_bytes += t->items[i].part.size * t->items[i].n;
    }
    p->in_flight = t->n_flying;
    p->waiting_s =
        t->n_flying == 0 && isfinite(due_s) && !p->elsewhere ? fmax(0, due_s - now_s) : 0;
    p->elapsed_s = now_s - t->began_s;
    t->show(t->context, p);
}

static fm_status turn(transfers *t, fm_err *err)
{
    fm_wire_reply replies[REPLIES];
    double now_s = fm_clock_seconds();
    size_t n = 0;
    double wait_s = fmax(0, fmin(longest_turn_s, next_due_s(t) - now_s));
    fm_status st = fm_wire_poll(t->hub->wire, wait_s, replies, REPLIES, &n, err);

    for (size_t i = 0; i < n && st == FM_OK; i++) {
        transfer *one = &t->items[replies[i].ticket];

        one->flying = false;
        t->n_flying--;
        st = judge(t, one, &replies[i], err);
    }
    return st;
}

static fm_status bring(transfers *t, fm_err *err)
{
    fm_status st = FM_OK;

    while (st == FM_OK && t->n_ended < t->n) {
        if (fm_hub_stopped(t->hub))
            return fm_hub_interrupted(err);
        st = begin_some(t, err);
        if (st == FM_OK && t->n_ended < t->n)
            st = turn(t, err);
        show(t, fm_clock_seconds());
    }
    if (st == FM_OK && t->n_failed > 1)
        return fm_fail(err, t->first_status, "%zu of %zu files failed, the first one: %s",
                       t->n_failed, t->n, t->first_err.text);
    return st == FM_OK && t->n_failed ? fm_fail(err, t->first_status, "%s", t->first_err.text) : st;
}

/* ---- before ---- */

/* What the cache has already takes its place in the folder. */
static fm_status put_stored(fm_hub_plan *plan, fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t i = 0; i < plan->n && st == FM_OK; i++) {
        fm_hub_file *file = &plan->files[i];

        if (!file->wanted || file->state != FM_HUB_STORED)
            continue;
        st = fm_hub_plan_put(plan, file, err);
        if (st == FM_OK)
            file->state = FM_HUB_PRESENT;
    }
    return st;
}

static bool is_to_bring(const fm_hub_file *file)
{
    return file->wanted && file->hash && file->state != FM_HUB_PRESENT;
}

static int by_blob(const void *a, const void *b)
{
    const fm_hub_file *x = *(fm_hub_file *const *)a, *y = *(fm_hub_file *const *)b;

    if (x->source != y->source)
        return (x->source > y->source) - (x->source < y->source);
    int order = strcmp(x->hash, y->hash);
    return order ? order : strcmp(x->name, y->name);
}

static bool same_blob(const fm_hub_file *x, const fm_hub_file *y)
{
    return x->source == y->source && strcmp(x->hash, y->hash) == 0;
}

static fm_status group(transfers *t, fm_err *err)
{
    fm_hub_plan *plan = t->plan;
    size_t n = 0;

    t->files = fm_arena_alloc(&plan->arena, plan->n + 1, sizeof(fm_hub_file *));
    t->items = fm_arena_alloc(&plan->arena, plan->n + 1, sizeof(*t->items));
    if (!t->files || !t->items)
        return fm_fail(err, FM_E_NOMEM, "no memory to fetch %zu files", plan->n);
    for (size_t i = 0; i < plan->n; i++)
        if (is_to_bring(&plan->files[i]))
            t->files[n++] = &plan->files[i];
    qsort(t->files, n, sizeof(fm_hub_file *), by_blob);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !same_blob(t->files[i - 1], t->files[i]))
            t->items[t->n++] = (transfer){.files = &t->files[i], .part = {.fd = -1, .lock_fd = -1}};
        t->items[t->n - 1].n++;
    }
    return FM_OK;
}

/* Of one store the blobs are on one disk. What is there already, in part or whole, needs no room. */
static fm_status check_room(const transfers *t, fm_err *err)
{
    for (size_t s = 0; s < t->plan->sources.n; s++) {
        const char *root = t->plan->stores[s].root;
        struct statvfs disk;
        uint64_t need = 0;

        for (size_t i = 0; i < t->n; i++) {
            const fm_hub_file *file = t->items[i].files[0];

            if (file->source == s)
                need += file->size_bytes - file->partial_bytes;
        }
        fm_status st = fm_dir_make(root, err);
        if (st != FM_OK)
            return st;
        if (statvfs(root, &disk) != 0)
            continue; /* writing will tell */
        uint64_t there = (uint64_t)disk.f_bavail * disk.f_frsize;
        if (need > there)
            return fm_fail(err, FM_E_IO,
                           "'%s' has room for %llu MB and %llu MB are to come: make room, or name "
                           "another folder with HF_HUB_CACHE",
                           root, (unsigned long long)(there / 1000000),
                           (unsigned long long)(need / 1000000));
    }
    return FM_OK;
}

static void begin_progress(transfers *t)
{
    fm_hub_totals totals = fm_hub_plan_totals(t->plan);

    t->progress = (fm_hub_progress){.files = totals.files, .bytes = totals.bytes};
    for (size_t i = 0; i < t->plan->n; i++) {
        const fm_hub_file *file = &t->plan->files[i];

        if (!file->wanted)
            continue;
        t->progress.done += file->state == FM_HUB_PRESENT;
        t->progress.begun_bytes += file->state == FM_HUB_PRESENT || file->state == FM_HUB_STORED
                                       ? file->size_bytes
                                       : file->partial_bytes;
    }
}

static void release(transfers *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->items[i].flying)
            fm_wire_abandon(t->hub->wire, (uint64_t)i);
        fm_hub_part_close(&t->items[i].part);
        forget_hash(&t->items[i]);
    }
}

fm_status fm_hub_fetch(fm_hub *hub, fm_hub_plan *plan,
                       void (*progress)(void *context, const fm_hub_progress *state), void *context,
                       fm_err *err)
{
    transfers t = {.hub = hub,
                   .plan = plan,
                   .show = progress,
                   .context = context,
                   .began_s = fm_clock_seconds(),
                   .limit = (size_t)hub->options.connections};
    fm_status st = put_stored(plan, err);

    if (st == FM_OK)
        st = group(&t, err);
    if (st == FM_OK)
        st = check_room(&t, err);
    begin_progress(&t);
    if (st == FM_OK)
        st = bring(&t, err);
    release(&t);
    return st;
}
