/* Owns the joining of shards: which folders they are, that they are of one run and all there, and
 * one journal of theirs. Grading the joined run is run.c's. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "core/journal.h"
#include "core/manifest.h"
#include "core/record.h"
#include "core/run.h"
#include "core/rundir.h"

enum { MAX_RESULTS_BYTES = 64 << 20 };

typedef struct {
    const char *path; /* in the arena */
    fm_manifest manifest;
} shard;

typedef struct {
    const fm_run_options *options;
    bool partial;
    fm_arena arena;
    shard *shards; /* in the arena; by number once they are sorted */
    size_t n, capacity;
} merging;

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for the shards");
}

static void notice(const merging *m, const char *text)
{
    if (m->options->notice)
        m->options->notice(m->options->context, text);
}

/* ---- which folders ---- */

static fm_status add_shard(merging *m, const char *path, fm_err *err)
{
    if (m->n == m->capacity) {
        size_t capacity = m->capacity ? m->capacity * 2 : 16;
        shard *grown = fm_arena_alloc(&m->arena, capacity, sizeof(*grown));

        if (!grown)
            return no_memory(err);
        if (m->n)
            memcpy(grown, m->shards, m->n * sizeof(*grown));
        m->shards = grown;
        m->capacity = capacity;
    }
    m->shards[m->n] = (shard){.path = fm_arena_strdup(&m->arena, path)};
    return m->shards[m->n++].path ? FM_OK : no_memory(err);
}

static bool holds_run(const char *path)
{
    char manifest[FM_PATH_BYTES];

    return fm_path_join(manifest, path, FM_RUNDIR_MANIFEST, NULL) == FM_OK &&
           fm_file_exists(manifest);
}

/* "shard-<i>-of-<n>", as runs of shards are called where nobody names them. */
static bool is_shard_name(const char *name)
{
    int shard_of, shards, end = 0;

    return sscanf(name, "shard-%9d-of-%9d%n", &shard_of, &shards, &end) == 2 && !name[end];
}

static fm_status add_shards_inside(merging *m, const char *parent, fm_err *err)
{
    DIR *dir = opendir(parent);
    size_t before = m->n;
    struct dirent *item;
    fm_status st = FM_OK;

    if (!dir)
        return fm_fail(err, FM_E_INPUT, "cannot read folder '%s': %s", parent, strerror(errno));
    while (st == FM_OK && (item = readdir(dir))) {
        char path[FM_PATH_BYTES];

        if (!is_shard_name(item->d_name))
            continue;
        st = fm_path_join(path, parent, item->d_name, err);
        if (st == FM_OK && holds_run(path))
            st = add_shard(m, path, err);
    }
    closedir(dir);
    if (st == FM_OK && m->n == before)
        st = fm_fail(err, FM_E_INPUT, "'%s' is no run and holds no shard-I-of-N", parent);
    return st;
}

/* ---- what they are ---- */

static fm_status read_shard(merging *m, shard *s, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_path_join(path, s->path, FM_RUNDIR_MANIFEST, err);

    if (st == FM_OK)
        st = fm_manifest_read(path, &m->arena, &s->manifest, err);
    if (st == FM_OK && !s->manifest.selection.shards)
        st = fm_fail(err, FM_E_USAGE, "'%s' is a whole run, no shard of one", s->path);
    return st;
}

static fm_selection whole(fm_selection selection)
{
    selection.shard = selection.shards = 0;
    return selection;
}

/* A selection in words, for a message. */
static void selection_text(const fm_selection *selection, char out[160])
{
    fm_buf text = {0};
    fm_json_writer w = {.out = &text};

    fm_json_open(&w, NULL, '{');
    fm_selection_put(selection, &w);
    fm_json_close(&w, '}');
    snprintf(out, 160, "%s", fm_buf_text(&text));
    fm_buf_release(&text);
}

static fm_status check_pair(const shard *first, const shard *other, fm_err *err)
{
    fm_manifest a = first->manifest, b = other->manifest;
    fm_manifest_difference d;
    char selections[2][160];

    if (a.selection.shards != b.selection.shards)
        return fm_fail(err, FM_E_USAGE, "'%s' is one of %d shards, '%s' one of %d", first->path,
                       a.selection.shards, other->path, b.selection.shards);
    a.selection = whole(a.selection);
    b.selection = whole(b.selection);
    if (fm_manifest_differ(&a, &b, &d))
        return fm_fail(
            err, FM_E_USAGE,
            "'%s' and '%s' are shards of different runs: their %s is '%.80s' and '%.80s'",
            first->path, other->path, d.what, d.a, d.b);
    if (fm_selection_equal(&a.selection, &b.selection))
        return FM_OK;
    selection_text(&a.selection, selections[0]);
    selection_text(&b.selection, selections[1]);
    return fm_fail(err, FM_E_USAGE,
                   "'%s' and '%s' are shards of different runs: their selection is %s and %s",
                   first->path, other->path, selections[0], selections[1]);
}

static int by_number(const void *a, const void *b)
{
    return ((const shard *)a)->manifest.selection.shard -
           ((const shard *)b)->manifest.selection.shard;
}

/* All of one run, each once, and all there. */
static fm_status check_set(merging *m, fm_err *err)
{
    fm_status st = FM_OK;
    int wanted = 0;

    qsort(m->shards, m->n, sizeof(*m->shards), by_number);
    for (size_t i = 1; st == FM_OK && i < m->n; i++)
        st = check_pair(&m->shards[0], &m->shards[i], err);
    if (st != FM_OK)
        return st;
    for (size_t i = 0; i < m->n; i++, wanted++) {
        int number = m->shards[i].manifest.selection.shard;

        if (i > 0 && number == m->shards[i - 1].manifest.selection.shard)
            return fm_fail(err, FM_E_USAGE, "'%s' and '%s' are both shard %d of %d",
                           m->shards[i - 1].path, m->shards[i].path, number,
                           m->shards[i].manifest.selection.shards);
        if (number != wanted && !m->partial)
            break;
    }
    if (wanted < m->shards[0].manifest.selection.shards && !m->partial)
        return fm_fail(err, FM_E_USAGE,
                       "shard %d of %d is not there; --partial merges what there is", wanted,
                       m->shards[0].manifest.selection.shards);
    return FM_OK;
}

/* ---- are they finished ---- */

/* Finished: graded, and a record for every asking that was graded. */
static fm_status check_finished(const shard *s, const fm_journal_report *report, fm_err *err)
{
    char path[FM_PATH_BYTES];
    cJSON *results = NULL;
    double n = 0;
    fm_status st = fm_path_join(path, s->path, "results.json", err);

    if (st == FM_OK && fm_file_exists(path)) {
        st = fm_json_load(path, MAX_RESULTS_BYTES, &results, err);
        n = fm_json_number(results, "n", 0);
        cJSON_Delete(results);
        if (st == FM_OK && (double)report->ids >= n)
            return FM_OK;
    }
    if (st != FM_OK)
        return st;
    return fm_fail(err, FM_E_USAGE,
                   "shard %d of %d in '%s' is not finished: run it again, or merge what there is "
                   "with --partial",
                   s->manifest.selection.shard, s->manifest.selection.shards, s->path);
}

/* ---- one journal of theirs ---- */

/* The id in the data: without the "#k" of a repeat. */
static void cut_repeat(char *id, int repeat)
{
    char *mark = strrchr(id, '#');
    uint64_t k;

    if (mark && repeat > 1 && fm_text_to_uint64(mark + 1, &k) && k >= 2 && k <= (uint64_t)repeat)
        *mark = '\0';
}

/* A record of another shard would take the place of that shard's own. */
static fm_status check_record(const shard *s, const fm_lines *lines, fm_arena *arena, bool *record,
                              fm_err *err)
{
    const fm_selection *selection = &s->manifest.selection;
    const char *id;
    cJSON *tree = NULL;

    *record = !lines->torn &&
              fm_json_parse(lines->line, lines->size, lines->path, &tree, NULL) == FM_OK &&
              fm_record_id(tree, lines->path, arena, &id, NULL) == FM_OK;
    cJSON_Delete(tree);
    if (!*record)
        return FM_OK;
    char *base = fm_arena_strdup(arena, id);
    if (!base)
        return no_memory(err);
    cut_repeat(base, fm_selection_repeat(selection));
    if (fm_shard_of(base, selection->shards) == selection->shard)
        return FM_OK;
    return fm_fail(err, FM_E_INPUT, "%s:%zu: id '%s' does not belong to shard %d of %d",
                   lines->path, lines->number, id, selection->shard, selection->shards);
}

static fm_status copy_records(const shard *s, const char *path, FILE *out, fm_err *err)
{
    fm_lines lines = {0};
    fm_arena arena = {0};
    bool more = true, record;
    fm_status st = fm_lines_open(&lines, path, 0, err);

    while (st == FM_OK) {
        st = fm_lines_next(&lines, &more, err);
        if (st != FM_OK || !more)
            break;
        fm_arena_reset(&arena);
        st = check_record(s, &lines, &arena, &record, err);
        if (st == FM_OK && record) {
            fwrite(lines.line, 1, lines.size, out); /* the commit looks at the stream */
            fputc('\n', out);
        }
    }
    fm_lines_close(&lines);
    fm_arena_release(&arena);
    return st;
}

/* What is wrong with the lines of a shard's journal, told as a resumed run tells it. */
static fm_status look_at_journal(const merging *m, const shard *s, const char *path, fm_err *err)
{
    fm_journal_report report = {0};
    fm_journal *journal = NULL;
    char text[FM_PATH_BYTES + 80];
    fm_status st = FM_OK;

    if (fm_file_exists(path))
        st = fm_journal_open(&journal, path, false, &report, err);
    if (st == FM_OK)
        st = fm_journal_close(journal, err);
    if (st == FM_OK && (report.torn || report.unreadable)) {
        snprintf(text, sizeof(text), "%s: %zu lines are no records: left out", path,
                 report.unreadable + report.torn);
        notice(m, text);
    }
    return st == FM_OK && !m->partial ? check_finished(s, &report, err) : st;
}

/* The shard is locked while it is read: a process that still adds to it is refused. */
static fm_status take_shard(const merging *m, const shard *s, FILE *out, fm_err *err)
{
    fm_rundir dir = {.lock_fd = -1};
    char path[FM_PATH_BYTES];
    fm_status st = fm_rundir_lock(&dir, s->path, err);

    if (st == FM_OK)
        st = fm_path_join(path, s->path, FM_RUNDIR_REPLIES, err);
    if (st == FM_OK)
        st = look_at_journal(m, s, path, err);
    if (st == FM_OK && fm_file_exists(path))
        st = copy_records(s, path, out, err);
    fm_rundir_release(&dir);
    return st;
}

static fm_status write_manifest(const merging *m, const fm_rundir *out, fm_err *err)
{
    fm_manifest joined = m->shards[0].manifest;
    char path[FM_PATH_BYTES];
    fm_status st = fm_rundir_file(out, FM_RUNDIR_MANIFEST, path, err);

    joined.selection = whole(joined.selection);
    for (size_t i = 1; i < m->n; i++) {
        joined.cached |= m->shards[i].manifest.cached;
        joined.replayed |= m->shards[i].manifest.replayed;
    }
    return st == FM_OK ? fm_manifest_write(&joined, path, err) : st;
}

static fm_status write_joined(const merging *m, fm_err *err)
{
    fm_rundir out = {.lock_fd = -1};
    fm_file_writer writer = {0};
    char path[FM_PATH_BYTES];
    fm_status st = fm_rundir_create(&out, m->options->out_dir, err);

    if (st == FM_OK)
        st = fm_rundir_file(&out, FM_RUNDIR_REPLIES, path, err);
    /* Replies are never written over; a merge that was killed has left none. */
    if (st == FM_OK && fm_file_exists(path))
        st = fm_fail(err, FM_E_USAGE,
                     "'%s' holds replies already; choose another --out, or grade it with 'fathom "
                     "score'",
                     m->options->out_dir);
    if (st == FM_OK)
        st = fm_file_writer_begin(&writer, path, err);
    for (size_t i = 0; st == FM_OK && i < m->n; i++)
        st = take_shard(m, &m->shards[i], writer.stream, err);
    if (st == FM_OK)
        st = write_manifest(m, &out, err);
    if (st == FM_OK)
        st = fm_file_writer_commit(&writer, err);
    fm_file_writer_abandon(&writer);
    fm_rundir_release(&out);
    return st;
}

fm_status fm_run_merge(const fm_catalog *catalog, const char *const *run_dirs, size_t n,
                       bool partial, const fm_run_options *options, fm_err *err)
{
    merging m = {.options = options, .partial = partial};
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < n; i++)
        st = holds_run(run_dirs[i]) ? add_shard(&m, run_dirs[i], err)
                                    : add_shards_inside(&m, run_dirs[i], err);
    if (st == FM_OK && m.n == 0)
        st = fm_fail(err, FM_E_USAGE, "no shards to merge");
    for (size_t i = 0; st == FM_OK && i < m.n; i++)
        st = read_shard(&m, &m.shards[i], err);
    if (st == FM_OK)
        st = check_set(&m, err);
    if (st == FM_OK)
        st = write_joined(&m, err);
    if (st == FM_OK)
        st = fm_run_score(catalog, options->out_dir, NULL, 0, options, err);
    fm_arena_release(&m.arena);
    return st;
}
