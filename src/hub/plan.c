/* Owns the list of a suite's files: where it comes from, how it is kept, what of it is here. */
#include "hub/plan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/size.h"
#include "base/threads.h"

#define SCHEMA "fathom.fetched/1"

enum { MAX_PAGES = 2000, MAX_DEPTH = 32 };
#define MANIFEST_CAP_BYTES ((size_t)256 << 20)

/* ---- beginning and end ---- */

fm_status fm_hub_plan_begin(fm_hub_plan *out, const fm_hub_settings *settings, const char *suite,
                            const char *mapping, const char *place, fm_err *err)
{
    fm_hub_plan plan = {.settings = settings, .suite = suite};
    fm_status st = fm_hub_sources_read(&plan.sources, mapping, place, &plan.arena, err);

    for (size_t i = 0; i < plan.sources.n && st == FM_OK; i++) {
        const fm_hub_source *source = &plan.sources.items[i];

        plan.joined |= plan.sources.n > 1 || source->url || source->folder;
        st = fm_hub_store_of(&plan.stores[i], settings, source, err);
    }
    if (st == FM_OK)
        *out = plan;
    else
        fm_arena_release(&plan.arena);
    return st;
}

void fm_hub_plan_release(fm_hub_plan *plan)
{
    fm_arena_release(&plan->arena);
    *plan = (fm_hub_plan){0};
}

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for the list of files");
}

/* Another commit is other data, and gets another folder. */
static fm_status find_folder(fm_hub_plan *plan, fm_err *err)
{
    char hash[FM_HASH_TEXT_BYTES], name[256];
    fm_buf text = {0};
    fm_status st;

    if (!plan->joined && plan->sources.n == 1)
        return fm_hub_store_snapshot(&plan->stores[0], plan->infos[0].commit, plan->folder, err);
    fm_buf_puts(&text, plan->sources.key);
    for (size_t i = 0; i < plan->sources.n; i++)
        fm_buf_printf(&text, " %s", plan->infos[i].commit);
    st = fm_buf_check(&text, "a folder's name", err);
    fm_hash_bytes(fm_buf_text(&text), text.size, hash);
    fm_buf_release(&text);
    snprintf(name, sizeof(name), "%.200s-%.12s", plan->suite, hash);
    return st == FM_OK ? fm_path_join_inside(plan->folder, plan->settings->own, name, err) : st;
}

/* ---- the files of all sources ---- */

static fm_status name_file(fm_hub_plan *plan, fm_hub_file *file, fm_err *err)
{
    const fm_hub_source *source = &plan->sources.items[file->source];
    char name[FM_PATH_BYTES];

    if (!source->folder) {
        file->name = file->path;
        return FM_OK;
    }
    fm_status st = fm_path_join(name, source->folder, file->path, err);
    if (st == FM_OK && !(file->name = fm_arena_strdup(&plan->arena, name)))
        st = no_memory(err);
    return st;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const fm_hub_file *)a)->name, ((const fm_hub_file *)b)->name);
}

static int by_source(const void *a, const void *b)
{
    const fm_hub_file *x = a, *y = b;

    return x->source == y->source ? by_name(a, b)
                                  : (x->source > y->source) - (x->source < y->source);
}

/* Two files of one name would take turns in the folder. */
static fm_status put_in_order(fm_hub_plan *plan, fm_err *err)
{
    qsort(plan->files, plan->n, sizeof(*plan->files), by_name);
    for (size_t i = 1; i < plan->n; i++)
        if (strcmp(plan->files[i - 1].name, plan->files[i].name) == 0)
            return fm_fail(err, FM_E_INPUT, "suite '%s' has two files '%s'", plan->suite,
                           plan->files[i].name);
    qsort(plan->files, plan->n, sizeof(*plan->files), by_source);
    return FM_OK;
}

/* `listings` has one for each source; that of a URL is made here. */
static fm_status take_listings(fm_hub_plan *plan, const fm_hub_listing *listings, fm_err *err)
{
    size_t n = 0;
    fm_status st = FM_OK;

    for (size_t i = 0; i < plan->sources.n; i++)
        n += plan->sources.items[i].url ? 1 : listings[i].n;
    plan->files = fm_arena_alloc(&plan->arena, n + 1, sizeof(*plan->files));
    if (!plan->files)
        return no_memory(err);
    plan->n = 0;
    for (size_t i = 0; i < plan->sources.n; i++) {
        const fm_hub_source *source = &plan->sources.items[i];

        if (source->url)
            plan->files[plan->n++] = (fm_hub_file){.path = source->name,
                                                   .hash = source->sha256,
                                                   .size_bytes = source->size_bytes,
                                                   .source = i,
                                                   .wanted = true};
        for (size_t k = 0; !source->url && k < listings[i].n; k++)
            plan->files[plan->n++] = (fm_hub_file){.path = listings[i].items[k].path,
                                                   .hash = listings[i].items[k].hash,
                                                   .size_bytes = listings[i].items[k].size,
                                                   .source = i,
                                                   .wanted = true};
    }
    for (size_t i = 0; i < plan->n && st == FM_OK; i++)
        st = name_file(plan, &plan->files[i], err);
    if (st == FM_OK)
        st = put_in_order(plan, err);
    return st == FM_OK ? find_folder(plan, err) : st;
}

/* ---- as the hub has them ---- */

static bool is_of_source(const void *context, const char *path)
{
    const fm_hub_source *source = context;

    for (size_t i = 0; i < source->n_files; i++)
        if (fm_hub_matches(source->files[i], path))
            return true;
    return false;
}

static fm_status check_patterns(const fm_hub_source *source, const fm_hub_listing *listing,
                                const char *where, fm_err *err)
{
    for (size_t i = 0; i < source->n_files; i++) {
        size_t k = 0;

        while (k < listing->n && !fm_hub_matches(source->files[i], listing->items[k].path))
            k++;
        if (k == listing->n)
            return fm_fail(err, FM_E_INPUT, "'%s' has no file that fits '%s' (revision '%s')",
                           where, source->files[i], source->revision);
    }
    return FM_OK;
}

static fm_status ask_info(fm_hub_plan *plan, fm_hub *hub, const fm_hub_source *source,
                          fm_hub_info *out, fm_err *err)
{
    fm_wire_reply reply;
    fm_buf url = {0};

    fm_buf_printf(&url, "%s/api/datasets/%s/revision/", plan->settings->endpoint,
                  source->repository);
    fm_hub_put_encoded(&url, source->revision, false);
    fm_status st = fm_buf_check(&url, "a request", err);
    if (st == FM_OK)
        st = fm_hub_get(hub, fm_buf_text(&url), source->repository, &reply, err);
    if (st == FM_OK)
        st = fm_hub_info_read(out, reply.body, reply.size, source->repository, &plan->arena, err);
    fm_buf_release(&url);
    return st;
}

/* The next page is on the hub itself: another host is not to see the token, nor to say what there
 * is. */
static fm_status take_next(fm_hub *hub, const char *next, fm_buf *url, fm_err *err)
{
    size_t size = strlen(hub->settings->endpoint);

    fm_buf_clear(url);
    if (next[0] == '/')
        fm_buf_puts(url, hub->settings->endpoint);
    else if (strncmp(next, hub->settings->endpoint, size) != 0 || next[size] != '/')
        return fm_fail(err, FM_E_INPUT,
                       "the hub's list of files goes on at another place: '%.200s'", next);
    fm_buf_puts(url, next);
    return fm_buf_check(url, "a request", err);
}

static fm_status ask_tree(fm_hub_plan *plan, fm_hub *hub, const fm_hub_source *source,
                          const char *commit, fm_hub_listing *out, fm_err *err)
{
    fm_buf url = {0};
    fm_status st;

    fm_buf_printf(&url, "%s/api/datasets/%s/tree/%s?recursive=1", plan->settings->endpoint,
                  source->repository, commit);
    st = fm_buf_check(&url, "a request", err);
    for (int page = 0; st == FM_OK && url.size; page++) {
        fm_wire_reply reply;
        const char *next;

        if (page == MAX_PAGES)
            st = fm_fail(err, FM_E_INPUT, "'%s' lists its files on more than %d pages",
                         source->repository, MAX_PAGES);
        if (st == FM_OK)
            st = fm_hub_get(hub, fm_buf_text(&url), source->repository, &reply, err);
        if (st == FM_OK)
            st = fm_hub_listing_add(out, reply.body, reply.size, source->repository, is_of_source,
                                    source, &plan->arena, err);
        if (st != FM_OK)
            break;
        next = fm_hub_next_page(fm_wire_header_value(&reply, "link"), &plan->arena);
        fm_buf_clear(&url);
        if (next)
            st = take_next(hub, next, &url, err);
        else if (plan->arena.failed)
            st = no_memory(err);
    }
    fm_buf_release(&url);
    return st;
}

fm_status fm_hub_plan_ask(fm_hub_plan *plan, fm_hub *hub, fm_err *err)
{
    fm_hub_listing listings[FM_HUB_MAX_SOURCES] = {{0}};
    fm_status st = FM_OK;

    for (size_t i = 0; i < plan->sources.n && st == FM_OK; i++) {
        const fm_hub_source *source = &plan->sources.items[i];

        if (source->url)
            continue;
        st = ask_info(plan, hub, source, &plan->infos[i], err);
        if (st == FM_OK)
            st = ask_tree(plan, hub, source, plan->infos[i].commit, &listings[i], err);
        if (st == FM_OK)
            st = check_patterns(source, &listings[i], source->repository, err);
    }
    return st == FM_OK ? take_listings(plan, listings, err) : st;
}

/* ---- as they were ---- */

static fm_status manifest_path(const fm_hub_plan *plan, char out[FM_PATH_BYTES], fm_err *err)
{
    char name[256];

    snprintf(name, sizeof(name), "%.200s.json", plan->suite);
    return fm_path_join_inside(out, plan->settings->own, name, err);
}

static void put_source(fm_json_writer *w, const fm_hub_plan *plan, size_t i)
{
    const fm_hub_source *source = &plan->sources.items[i];

    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, source->url ? "url" : "repository",
                       source->url ? source->url : source->repository);
    if (source->repository) {
        fm_json_put_string(w, "revision", source->revision);
        fm_json_put_string(w, "commit", plan->infos[i].commit);
        fm_json_put_string(w, "licence", plan->infos[i].licence);
        fm_json_put_bool(w, "gated", plan->infos[i].gated);
        fm_json_open(w, "files", '[');
        for (size_t k = 0; k < plan->n; k++) {
            if (plan->files[k].source != i)
                continue;
            fm_json_open(w, NULL, '{');
            fm_json_put_string(w, "type", "file");
            fm_json_put_string(w, "path", plan->files[k].path);
            if (strlen(plan->files[k].hash) == 64)
                fm_json_open(w, "lfs", '{');
            fm_json_put_string(w, "oid", plan->files[k].hash);
            fm_json_put_int(w, "size", (int64_t)plan->files[k].size_bytes);
            if (strlen(plan->files[k].hash) == 64)
                fm_json_close(w, '}');
            fm_json_close(w, '}');
        }
        fm_json_close(w, ']');
    }
    fm_json_close(w, '}');
}

fm_status fm_hub_plan_save(const fm_hub_plan *plan, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_buf text = {0};
    fm_json_writer w = {.out = &text, .pretty = true};
    fm_status st = manifest_path(plan, path, err);

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", SCHEMA);
    fm_json_put_string(&w, "suite", plan->suite);
    fm_json_put_string(&w, "key", plan->sources.key);
    fm_json_open(&w, "sources", '[');
    for (size_t i = 0; i < plan->sources.n; i++)
        put_source(&w, plan, i);
    fm_json_close(&w, ']');
    fm_json_close(&w, '}');
    fm_buf_putc(&text, '\n');
    if (st == FM_OK)
        st = fm_buf_check(&text, "the list of files", err);
    if (st == FM_OK)
        st = fm_dir_make(plan->settings->own, err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, fm_buf_text(&text), text.size, err);
    fm_buf_release(&text);
    for (size_t i = 0; i < plan->sources.n && st == FM_OK; i++)
        if (plan->sources.items[i].repository)
            st = fm_hub_store_set_commit(&plan->stores[i], plan->sources.items[i].revision,
                                         plan->infos[i].commit, err);
    return st;
}

/* What was written above has the form of the hub's own list, and is read as carefully. */
static fm_status recall_source(fm_hub_plan *plan, size_t i, const cJSON *item, const char *path,
                               fm_hub_listing *out, fm_err *err)
{
    const char *revision = fm_json_string(item, "revision"),
               *commit = fm_json_string(item, "commit");
    const char *licence = fm_json_string(item, "licence");
    fm_hub_info *info = &plan->infos[i];
    fm_buf text = {0};
    fm_json_writer w = {.out = &text};
    fm_status st;

    if (plan->sources.items[i].url)
        return FM_OK;
    if (!revision || !commit || !fm_hub_is_commit(commit) || !fm_path_stays_inside(revision))
        return fm_fail(err, FM_E_INPUT, "'%s' is damaged: fetch the suite again", path);
    memcpy(info->commit, commit, sizeof(info->commit));
    info->licence = fm_arena_strdup(&plan->arena, licence);
    info->gated = fm_json_bool(item, "gated", false);
    plan->sources.items[i].revision = fm_arena_strdup(&plan->arena, revision);
    fm_json_put_tree(&w, NULL, fm_json_get(item, "files"));
    st = fm_buf_check(&text, "the list of files", err);
    if (st == FM_OK && plan->arena.failed)
        st = no_memory(err);
    if (st == FM_OK)
        st = fm_hub_listing_add(out, fm_buf_text(&text), text.size, path, is_of_source,
                                &plan->sources.items[i], &plan->arena, err);
    fm_buf_release(&text);
    return st;
}

/* A list that was made from another mapping tells nothing about this one. */
static fm_status recall_manifest(fm_hub_plan *plan, bool *known, fm_err *err)
{
    fm_hub_listing listings[FM_HUB_MAX_SOURCES] = {{0}};
    char path[FM_PATH_BYTES];
    cJSON *root = NULL;
    fm_status st = manifest_path(plan, path, err);

    *known = false;
    if (st != FM_OK || !fm_file_exists(path))
        return st;
    st = fm_json_load(path, MANIFEST_CAP_BYTES, &root, err);
    const char *schema = st == FM_OK ? fm_json_string(root, "schema") : NULL;
    const char *key = st == FM_OK ? fm_json_string(root, "key") : NULL;
    const cJSON *sources = st == FM_OK ? fm_json_get(root, "sources") : NULL;
    bool same = schema && strcmp(schema, SCHEMA) == 0 && key &&
                strcmp(key, plan->sources.key) == 0 &&
                (size_t)cJSON_GetArraySize(sources) == plan->sources.n;
    const cJSON *item = same ? sources->child : NULL;
    for (size_t i = 0; item && st == FM_OK; i++, item = item->next)
        st = recall_source(plan, i, item, path, &listings[i], err);
    cJSON_Delete(root);
    if (st == FM_OK && same)
        st = take_listings(plan, listings, err);
    *known = st == FM_OK && same;
    return st;
}

/* ---- as another program has left them ---- */

typedef struct {
    fm_hub_plan *plan;
    const fm_hub_source *source;
    char root[FM_PATH_BYTES];
    fm_hub_listing *listing;
    fm_err *err;
} walk;

/* The blob that a link of a snapshot leads to is named by its hash; NULL: it is no such link. */
static const char *hash_of_link(const char *path, fm_arena *arena)
{
    char target[FM_PATH_BYTES];
    ssize_t n = readlink(path, target, sizeof(target) - 1);

    if (n < 0)
        return NULL;
    target[n] = '\0';
    const char *base = fm_path_base(target);
    return fm_hub_is_hash(base) ? fm_arena_strdup(arena, base) : NULL;
}

static fm_status walk_folder(walk *w, const char *below, int depth)
{
    char folder[FM_PATH_BYTES], path[FM_PATH_BYTES], name[FM_PATH_BYTES];
    fm_status st = *below ? fm_path_join(folder, w->root, below, w->err) : FM_OK;
    struct dirent *item;

    if (st != FM_OK || depth > MAX_DEPTH)
        return st;
    DIR *dir = opendir(*below ? folder : w->root);
    while (dir && st == FM_OK && (item = readdir(dir))) {
        struct stat info;

        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0)
            continue;
        if (snprintf(name, sizeof(name), "%s%s%s", below, *below ? "/" : "", item->d_name) >=
            (int)sizeof(name))
            continue;
        st = fm_path_join(path, w->root, name, w->err);
        if (st != FM_OK || lstat(path, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode))
            st = walk_folder(w, name, depth + 1);
        else if (is_of_source(w->source, name) && stat(path, &info) == 0 && S_ISREG(info.st_mode))
            st = fm_hub_listing_put(w->listing, name, hash_of_link(path, &w->plan->arena),
                                    (uint64_t)info.st_size, &w->plan->arena, w->err);
    }
    if (dir)
        closedir(dir);
    return st;
}

/* The snapshot of a revision that some tool of the hub has downloaded. What it should hold is not
 * written down there: that each pattern fits a file is all that can be told. */
static fm_status recall_snapshot(fm_hub_plan *plan, bool *known, fm_err *err)
{
    fm_hub_listing listing = {0};
    const fm_hub_source *source = &plan->sources.items[0];
    walk w = {.plan = plan, .source = source, .listing = &listing, .err = err};
    fm_status st;

    *known = false;
    if (plan->joined || plan->sources.n != 1 ||
        !fm_hub_store_commit(&plan->stores[0], source->revision, plan->infos[0].commit))
        return FM_OK;
    st = fm_hub_store_snapshot(&plan->stores[0], plan->infos[0].commit, w.root, err);
    if (st == FM_OK)
        st = walk_folder(&w, "", 0);
    if (st == FM_OK && plan->arena.failed) /* a hash without a place */
        st = no_memory(err);
    if (st != FM_OK || check_patterns(source, &listing, source->repository, NULL) != FM_OK)
        return st;
    *known = true;
    return take_listings(plan, &listing, err);
}

fm_status fm_hub_plan_recall(fm_hub_plan *plan, bool *known, fm_err *err)
{
    fm_status st = recall_manifest(plan, known, err);

    return st == FM_OK && !*known ? recall_snapshot(plan, known, err) : st;
}

/* ---- what is wanted ---- */

static bool fits_one(const char *const *patterns, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (fm_hub_matches(patterns[i], name))
            return true;
    return false;
}

void fm_hub_plan_want(fm_hub_plan *plan, const fm_hub_scope *scope)
{
    for (size_t i = 0; i < plan->n; i++) {
        fm_hub_file *file = &plan->files[i];
        bool of_task = fits_one(scope->own, scope->n_own, file->name) ||
                       !fits_one(scope->others, scope->n_others, file->name);

        file->wanted =
            of_task && (scope->n_only == 0 || fits_one(scope->only, scope->n_only, file->name));
    }
}

/* ---- what is here ---- */

static fm_status place_of(const fm_hub_plan *plan, const fm_hub_file *file, char out[FM_PATH_BYTES],
                          fm_err *err)
{
    return fm_path_join(out, plan->folder, file->name, err);
}

static void look_at(const fm_hub_plan *plan, fm_hub_file *file)
{
    char path[FM_PATH_BYTES];
    struct stat info;
    uint64_t size;

    file->partial_bytes = 0;
    if (place_of(plan, file, path, NULL) == FM_OK && stat(path, &info) == 0) {
        file->state = S_ISREG(info.st_mode) && (uint64_t)info.st_size == file->size_bytes
                          ? FM_HUB_PRESENT
                          : FM_HUB_DAMAGED;
        return;
    }
    file->state = FM_HUB_MISSING;
    if (file->hash &&
        fm_hub_store_has(&plan->stores[file->source], file->hash, &size, &file->partial_bytes))
        file->state = size == file->size_bytes ? FM_HUB_STORED : FM_HUB_DAMAGED;
    if (file->state == FM_HUB_STORED || file->partial_bytes > file->size_bytes)
        file->partial_bytes = 0; /* left over, or to be begun anew */
}

static fm_status hash_file(const char *path, const char *like, uint64_t size_bytes,
                           char out[FM_HASH_TEXT_BYTES], fm_err *err)
{
    enum { BLOCK_BYTES = 1 << 16 };
    fm_hash *hash = strlen(like) == 64 ? fm_hash_new() : fm_hash_new_git(size_bytes);
    FILE *f = fopen(path, "rbe");
    char block[BLOCK_BYTES];
    size_t n;

    while (hash && f && (n = fread(block, 1, sizeof(block), f)) > 0)
        fm_hash_update(hash, block, n);
    bool failed = !f || ferror(f);
    int why = errno;
    if (f)
        fclose(f);
    if (hash)
        fm_hash_finish(hash, out);
    if (!hash)
        return fm_fail(err, FM_E_NOMEM, "no memory to read '%s'", path);
    return failed ? fm_fail(err, FM_E_IO, "cannot read '%s': %s", path, strerror(why)) : FM_OK;
}

static fm_status verify_one(void *context, size_t index, int worker, fm_err *err)
{
    fm_hub_plan *plan = context;
    fm_hub_file *file = &plan->files[index];
    char path[FM_PATH_BYTES], found[FM_HASH_TEXT_BYTES];
    fm_status st = FM_OK;

    (void)worker;
    if (!file->wanted || !file->hash ||
        (file->state != FM_HUB_PRESENT && file->state != FM_HUB_STORED))
        return FM_OK;
    st = file->state == FM_HUB_PRESENT
             ? place_of(plan, file, path, err)
             : fm_hub_store_blob(&plan->stores[file->source], file->hash, path, err);
    if (st == FM_OK)
        st = hash_file(path, file->hash, file->size_bytes, found, err);
    if (st == FM_OK && strcmp(found, file->hash) != 0)
        file->state = FM_HUB_DAMAGED;
    return st;
}

fm_status fm_hub_plan_look(fm_hub_plan *plan, bool verify, int jobs, fm_err *err)
{
    for (size_t i = 0; i < plan->n; i++)
        look_at(plan, &plan->files[i]);
    return verify ? fm_parallel_for(plan->n, jobs, verify_one, plan, err) : FM_OK;
}

fm_hub_totals fm_hub_plan_totals(const fm_hub_plan *plan)
{
    fm_hub_totals t = {0};

    for (size_t i = 0; i < plan->n; i++) {
        const fm_hub_file *file = &plan->files[i];
        bool here = file->state == FM_HUB_PRESENT || file->state == FM_HUB_STORED;

        if (!file->wanted)
            continue;
        t.files++;
        t.bytes += file->size_bytes;
        t.here += here;
        t.here_bytes += here ? file->size_bytes : 0;
        t.damaged += file->state == FM_HUB_DAMAGED;
        t.partial_bytes += file->partial_bytes;
    }
    return t;
}

/* ---- into the folder ---- */

static fm_status copy_file(const char *from, const char *to, fm_err *err)
{
    char block[1 << 16];
    fm_file_writer writer;
    FILE *f = fopen(from, "rbe");
    size_t n;

    if (!f)
        return fm_fail(err, FM_E_IO, "cannot open '%s': %s", from, strerror(errno));
    fm_status st = fm_file_writer_begin(&writer, to, err);
    while (st == FM_OK && (n = fread(block, 1, sizeof(block), f)) > 0)
        (void)!fwrite(block, 1, n, writer.stream); /* the commit checks it */
    if (st == FM_OK && ferror(f)) {
        fm_file_writer_abandon(&writer);
        st = fm_fail(err, FM_E_IO, "cannot read '%s'", from);
    } else if (st == FM_OK) {
        st = fm_file_writer_commit(&writer, err);
    }
    fclose(f);
    return st;
}

/* The same bytes under a second name; on another file system, a copy. */
static fm_status join_file(const fm_hub_plan *plan, const fm_hub_file *file, fm_err *err)
{
    char blob[FM_PATH_BYTES], path[FM_PATH_BYTES], folder[FM_PATH_BYTES];
    char fresh[FM_PATH_BYTES + 32];
    fm_status st = fm_hub_store_blob(&plan->stores[file->source], file->hash, blob, err);

    if (st == FM_OK)
        st = fm_dir_make(plan->folder, err);
    if (st == FM_OK)
        st = fm_path_join_inside(path, plan->folder, file->name, err);
    if (st != FM_OK)
        return st;
    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    st = fm_dir_make(folder, err);
    if (st != FM_OK)
        return st;
    snprintf(fresh, sizeof(fresh), "%s.tmp.%ld", path, (long)getpid());
    (void)unlink(fresh);
    if (link(blob, fresh) != 0)
        return copy_file(blob, path, err);
    if (rename(fresh, path) == 0) {
        (void)unlink(fresh); /* which stays where both names were the same file already */
        return FM_OK;
    }
    st = fm_fail(err, FM_E_IO, "cannot make '%s': %s", path, strerror(errno));
    (void)unlink(fresh);
    return st;
}

fm_status fm_hub_plan_put(const fm_hub_plan *plan, const fm_hub_file *file, fm_err *err)
{
    fm_status st = FM_OK;

    if (plan->sources.items[file->source].repository)
        st = fm_hub_store_link(&plan->stores[file->source], plan->infos[file->source].commit,
                               file->path, file->hash, err);
    return st == FM_OK && plan->joined ? join_file(plan, file, err) : st;
}
