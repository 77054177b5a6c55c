/* Owns which run of a folder is held against which of another. */
#include "run_folders.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "core/rundir.h"
#include "terminal.h"

/* The runs of one operand: views[from .. to). */
typedef struct {
    const char *dir;
    size_t from, to;
} folder;

static bool is_run(const char *dir)
{
    char path[FM_PATH_BYTES];

    return fm_path_join(path, dir, FM_RUNDIR_MANIFEST, NULL) == FM_OK && fm_file_exists(path);
}

/* ---- opening ---- */

static int visible(const struct dirent *item)
{
    return item->d_name[0] != '.';
}

static fm_status open_folder(const fm_catalog *catalog, const char *dir, const char *protocol,
                             cli_views *views, fm_err *err)
{
    struct dirent **items = NULL;
    size_t before = views->n;
    int n = scandir(dir, &items, visible, alphasort);
    fm_status st =
        n >= 0 ? FM_OK
               : fm_fail(err, FM_E_INPUT, "cannot read the folder '%s': %s", dir, strerror(errno));

    for (int i = 0; i < n; i++) {
        char path[FM_PATH_BYTES];

        if (st == FM_OK)
            st = fm_path_join(path, dir, items[i]->d_name, err);
        if (st == FM_OK && is_run(path))
            st = cli_views_add_one(views, catalog, path, protocol, err);
        free(items[i]);
    }
    free(items);
    if (st == FM_OK && views->n == before)
        st = fm_fail(err, FM_E_INPUT, "'%s' is no run and holds none: there is no manifest.json",
                     dir);
    return st;
}

/* One run each, or folders of runs each: a run against a folder would say nothing of the rest of it. */
static fm_status check_kinds(const char *const *operands, size_t n, fm_err *err)
{
    for (size_t i = 1; i < n; i++)
        if (is_run(operands[i]) != is_run(operands[0]) && fm_dir_exists(operands[0]) &&
            fm_dir_exists(operands[i]))
            return fm_fail(err, FM_E_USAGE,
                           "'%s' is a run and '%s' is none: compare runs, or folders of runs",
                           is_run(operands[0]) ? operands[0] : operands[i],
                           is_run(operands[0]) ? operands[i] : operands[0]);
    return FM_OK;
}

/* ---- matching ---- */

static bool same_suite(const fm_view *a, const fm_view *b)
{
    const char *task = fm_json_string(fm_view_results(a), "task");
    const char *other = fm_json_string(fm_view_results(b), "task");

    return task && other && strcmp(task, other) == 0 &&
           strcmp(fm_view_protocol(a)->name, fm_view_protocol(b)->name) == 0;
}

static size_t count_of(const cli_views *views, const folder *f, const fm_view *like)
{
    size_t n = 0;

    for (size_t i = f->from; i < f->to; i++)
        n += same_suite(views->items[i], like);
    return n;
}

/* The run of `f` that goes with one of the base, or NULL. Where either folder has several of its suite,
 * the names of their folders tell them apart. */
static fm_view *match(const cli_views *views, const folder *base, const folder *f,
                      const fm_view *like)
{
    bool several = count_of(views, base, like) > 1 || count_of(views, f, like) > 1;

    for (size_t i = f->from; i < f->to; i++) {
        fm_view *view = views->items[i];

        if (same_suite(view, like) && (!several || strcmp(fm_path_base(fm_view_dir(view)),
                                                          fm_path_base(fm_view_dir(like))) == 0))
            return view;
    }
    return NULL;
}

static fm_status tell_missing(const cli_views *views, const folder *f, const fm_view *like,
                              bool partial, fm_err *err)
{
    const char *task = fm_json_string(fm_view_results(like), "task");
    const char *protocol = fm_view_protocol(like)->name;
    size_t there = count_of(views, f, like);
    fm_err text = {0};

    (void)!fm_fail(&text, FM_E_USAGE, "'%s' has %s of %s@%s%s%s%s to hold against '%s'", f->dir,
                   there ? "several runs" : "no run", task ? task : "", protocol,
                   there ? ", but none named '" : "", there ? fm_path_base(fm_view_dir(like)) : "",
                   there ? "'," : "", fm_view_dir(like));
    if (!partial)
        return fm_fail(err, FM_E_USAGE,
                       "%s; --allow-different suite compares the others all the same", text.text);
    cli_notice(NULL, text.text);
    return FM_OK;
}

/* One run of the base with those of all candidates; left out where none of them has it. */
static fm_status match_one(const folder *folders, size_t n, fm_view *base, bool partial,
                           fm_arena *arena, cli_matched *out, fm_err *err)
{
    fm_view **views = fm_arena_alloc(arena, n, sizeof(fm_view *));
    size_t k = 0;

    if (!views)
        return fm_fail(err, FM_E_NOMEM, "no memory for the runs");
    views[k++] = base;
    for (size_t i = 1; i < n; i++) {
        fm_view *found = match(&out->views, &folders[0], &folders[i], base);
        fm_status st = found ? FM_OK : tell_missing(&out->views, &folders[i], base, partial, err);

        if (st != FM_OK)
            return st;
        if (found)
            views[k++] = found;
    }
    if (k > 1)
        out->suites[out->n++] = (fm_compare_suite){views, k};
    return FM_OK;
}

/* What only a candidate has decides nothing. */
static void tell_strays(const folder *base, const folder *f, const cli_views *views)
{
    for (size_t i = f->from; i < f->to; i++) {
        char text[900];

        if (match(views, f, base, views->items[i]))
            continue;
        snprintf(text, sizeof(text), "'%.400s' is left out: '%.400s' has no such run",
                 fm_view_dir(views->items[i]), base->dir);
        cli_notice(NULL, text);
    }
}

static fm_status match_folders(const folder *folders, size_t n, bool partial, fm_arena *arena,
                               cli_matched *out, fm_err *err)
{
    size_t runs = folders[0].to - folders[0].from;
    fm_status st = FM_OK;

    out->suites = fm_arena_alloc(arena, runs, sizeof(*out->suites));
    if (!out->suites)
        return fm_fail(err, FM_E_NOMEM, "no memory for the runs");
    for (size_t i = folders[0].from; st == FM_OK && i < folders[0].to; i++)
        st = match_one(folders, n, out->views.items[i], partial, arena, out, err);
    for (size_t i = 1; st == FM_OK && i < n; i++)
        tell_strays(&folders[0], &folders[i], &out->views);
    if (st == FM_OK && out->n == 0)
        st = fm_fail(err, FM_E_USAGE, "'%s' has no run that a candidate has too", folders[0].dir);
    return st;
}

static fm_status open_runs(const fm_catalog *catalog, const char *const *operands, size_t n,
                           const char *protocol, fm_arena *arena, cli_matched *out, fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < n; i++)
        st = cli_views_add_one(&out->views, catalog, operands[i], protocol, err);
    out->suites = fm_arena_alloc(arena, 1, sizeof(*out->suites));
    if (st == FM_OK && !out->suites)
        st = fm_fail(err, FM_E_NOMEM, "no memory for the runs");
    if (st != FM_OK)
        return st;
    out->suites[0] = (fm_compare_suite){out->views.items, out->views.n};
    out->n = 1;
    return FM_OK;
}

fm_status cli_match_runs(const fm_catalog *catalog, const char *const *operands, size_t n,
                         const char *protocol, bool partial, fm_arena *arena, cli_matched *out,
                         fm_err *err)
{
    folder *folders = fm_arena_alloc(arena, n, sizeof(*folders));
    fm_status st = folders ? check_kinds(operands, n, err)
                           : fm_fail(err, FM_E_NOMEM, "no memory for the runs");

    if (st == FM_OK && (is_run(operands[0]) || !fm_dir_exists(operands[0])))
        return open_runs(catalog, operands, n, protocol, arena, out, err);
    for (size_t i = 0; st == FM_OK && i < n; i++) {
        folders[i] = (folder){.dir = operands[i], .from = out->views.n};
        st = open_folder(catalog, operands[i], protocol, &out->views, err);
        folders[i].to = out->views.n;
    }
    return st == FM_OK ? match_folders(folders, n, partial, arena, out, err) : st;
}

void cli_matched_release(cli_matched *matched)
{
    cli_views_release(&matched->views);
    matched->n = 0;
}
