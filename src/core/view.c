/* Owns the walk over a finished run: samples.jsonl and the data in step. */
#include "core/view.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "core/aggregate.h"
#include "core/grading.h"
#include "core/selection.h"
#include "core/usage.h"

enum { MAX_RESULTS_BYTES = 16 << 20, MAX_PROTOCOLS = 16 };

struct fm_view {
    fm_arena arena;
    fm_rundir dir;
    fm_manifest manifest;
    fm_target target;
    const fm_protocol *protocol;
    const fm_loader_ops *loader;
    const char *pictures_dir;
    fm_walk *walk; /* over the data, in step with the lines; NULL: the data is not there */
    cJSON *manifest_tree, *results_tree, *usage_tree, *line;
    char samples_path[FM_PATH_BYTES];
    fm_lines lines;
    const char *const *members; /* of the lines; NULL: all */
    fm_buf picked;
    char notice[FM_ERR_TEXT_BYTES];
};

static fm_status load_results(fm_view *view, bool own, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st =
        fm_rundir_graded(&view->dir, "results", "json", view->protocol->name, own, path, err);

    if (st == FM_OK && !fm_file_exists(path))
        return fm_fail(err, FM_E_INPUT,
                       "'%s' has no results under protocol '%s'; 'fathom score' makes them",
                       view->dir.path, view->protocol->name);
    if (st == FM_OK)
        st = fm_json_load(path, MAX_RESULTS_BYTES, &view->results_tree, err);
    if (st != FM_OK)
        return st;
    const char *schema = fm_json_string(view->results_tree, "schema");
    if (!schema || strcmp(schema, FM_RESULTS_SCHEMA) != 0)
        return fm_fail(err, FM_E_INPUT, "%s: schema '%s' is not '" FM_RESULTS_SCHEMA "'", path,
                       schema ? schema : "(none)");
    const cJSON *aggregates = fm_json_get(view->results_tree, "aggregates");
    if (aggregates && !cJSON_IsObject(aggregates)) /* whoever walks them wants their names */
        return fm_fail(err, FM_E_INPUT, "%s: 'aggregates' is no object", path);
    return fm_rundir_graded(&view->dir, "samples", "jsonl", view->protocol->name, own,
                            view->samples_path, err);
}

/* What a run took is no part of its results: without the file, or with one that nobody can read, the
 * rest is shown all the same. */
static void load_usage(fm_view *view)
{
    char path[FM_PATH_BYTES];

    if (fm_rundir_file(&view->dir, FM_RUNDIR_USAGE, path, NULL) == FM_OK && fm_file_exists(path))
        (void)!fm_json_load(path, MAX_RESULTS_BYTES, &view->usage_tree, NULL);
    const char *schema = fm_json_string(view->usage_tree, "schema");
    if (schema && strcmp(schema, FM_USAGE_SCHEMA) == 0)
        return;
    cJSON_Delete(view->usage_tree);
    view->usage_tree = NULL;
}

static void close_walk(fm_view *view)
{
    fm_walk_close(view->walk);
    view->walk = NULL;
    fm_lines_close(&view->lines);
    cJSON_Delete(view->line);
    view->line = NULL;
}

static fm_status open_loader(void *context, fm_walk_use use, void **loader, fm_err *err)
{
    const fm_view *view = context;

    return fm_grading_open_loader(
        &view->dir, &view->manifest, view->loader, view->target.task, view->manifest.data_dir,
        view->pictures_dir, use == FM_WALK_NAMES ? FM_LOAD_NAMES : FM_LOAD_PICTURES, loader, err);
}

fm_status fm_view_rewind(fm_view *view, fm_err *err)
{
    fm_err missing = {0};

    close_walk(view);
    if (fm_walk_open(&view->walk, &view->manifest.selection, view->loader, open_loader, view,
                     FM_WALK_SUITE, view->manifest.data_dir, &missing) != FM_OK) {
        view->walk = NULL;
        snprintf(view->notice, sizeof(view->notice), "no pictures: %.480s", missing.text);
    }
    return fm_lines_open(&view->lines, view->samples_path, 0, err);
}

fm_status fm_view_open(fm_view **out, const fm_catalog *catalog, const char *run_dir,
                       const char *protocol, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_view *view = calloc(1, sizeof(*view));
    fm_status st;

    if (!view)
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", run_dir);
    view->dir.lock_fd = -1;
    view->pictures_dir = catalog->pictures_dir;
    st = fm_rundir_open(&view->dir, run_dir, err);
    if (st == FM_OK)
        st = fm_rundir_file(&view->dir, FM_RUNDIR_MANIFEST, path, err);
    if (st == FM_OK)
        st = fm_manifest_read(path, &view->arena, &view->manifest, err);
    if (st == FM_OK)
        st = fm_json_load(path, MAX_RESULTS_BYTES, &view->manifest_tree, err);
    if (st == FM_OK)
        st = fm_catalog_target(catalog, view->manifest.task, &view->arena, &view->target, err);
    if (st == FM_OK)
        st = fm_catalog_loader(catalog, view->target.suite->loader, &view->loader, err);
    if (st == FM_OK)
        st = fm_catalog_protocol(catalog, view->target.task,
                                 protocol ? protocol : view->manifest.protocol, &view->protocol,
                                 err);
    if (st == FM_OK)
        st = load_results(view, strcmp(view->protocol->name, view->manifest.protocol) == 0, err);
    if (st == FM_OK)
        load_usage(view);
    if (st != FM_OK) {
        fm_view_close(view);
        return st;
    }
    *out = view;
    return FM_OK;
}

void fm_view_close(fm_view *view)
{
    if (!view)
        return;
    close_walk(view);
    cJSON_Delete(view->manifest_tree);
    cJSON_Delete(view->results_tree);
    cJSON_Delete(view->usage_tree);
    fm_buf_release(&view->picked);
    fm_arena_release(&view->arena);
    free(view);
}

const cJSON *fm_view_manifest(const fm_view *view)
{
    return view->manifest_tree;
}

const cJSON *fm_view_results(const fm_view *view)
{
    return view->results_tree;
}

const cJSON *fm_view_usage(const fm_view *view)
{
    return view->usage_tree;
}

const fm_protocol *fm_view_protocol(const fm_view *view)
{
    return view->protocol;
}

const char *fm_view_dir(const fm_view *view)
{
    return view->dir.path;
}

const char *fm_view_notice(const fm_view *view)
{
    return view->notice[0] ? view->notice : NULL;
}

/* The sample of the current line; when data and samples.jsonl part ways, no more samples. */
static void next_sample(fm_view *view, const char *id, fm_view_sample *out)
{
    fm_err why = {0};
    fm_selected selected;
    bool more = false;
    fm_status st = fm_walk_next(view->walk, &selected, &more, &why);

    out->has_sample = st == FM_OK && more && strcmp(selected.sample->id, id) == 0;
    if (out->has_sample) {
        out->sample = *selected.sample;
        return;
    }
    snprintf(view->notice, sizeof(view->notice), "no pictures from sample '%.100s' on: %.300s", id,
             st == FM_OK ? "the data has changed since the run" : why.text);
    fm_walk_close(view->walk);
    view->walk = NULL;
}

void fm_view_only(fm_view *view, const char *const *members)
{
    view->members = members;
}

fm_status fm_view_next_line(fm_view *view, const cJSON **line, bool *more, fm_err *err)
{
    char place[FM_PATH_BYTES + 32];
    fm_status st =
        view->lines.stream ? FM_OK : fm_lines_open(&view->lines, view->samples_path, 0, err);

    if (st == FM_OK)
        st = fm_lines_next(&view->lines, more, err);
    if (st != FM_OK || !*more)
        return st;
    cJSON_Delete(view->line);
    view->line = NULL;
    snprintf(place, sizeof(place), "%s:%zu", view->lines.path, view->lines.number);
    if (view->lines.too_long)
        return fm_fail(err, FM_E_INPUT, "%s: the line is too long to be one of ours", place);
    if (view->members &&
        fm_json_pick(view->lines.line, view->lines.size, view->members, &view->picked))
        st = fm_json_parse(view->picked.data, view->picked.size, place, &view->line, err);
    else
        st = fm_json_parse(view->lines.line, view->lines.size, place, &view->line, err);
    if (st == FM_OK && !fm_json_string(view->line, "id"))
        st = fm_fail(err, FM_E_INPUT, "%s: no id", place);
    *line = view->line;
    return st;
}

fm_status fm_view_next(fm_view *view, fm_view_sample *out, bool *more, fm_err *err)
{
    const cJSON *line = NULL;
    fm_status st = view->lines.stream ? FM_OK : fm_view_rewind(view, err);

    if (st == FM_OK)
        st = fm_view_next_line(view, &line, more, err);
    if (st != FM_OK || !*more)
        return st;
    *out = (fm_view_sample){.line = line};
    if (view->walk)
        next_sample(view, fm_json_string(line, "id"), out);
    return FM_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

fm_status fm_view_protocols(const char *run_dir, fm_arena *arena, const char ***names, size_t *n,
                            fm_err *err)
{
    static const char prefix[] = "results@", suffix[] = ".json";
    char path[FM_PATH_BYTES];
    fm_rundir dir = {.lock_fd = -1};
    fm_manifest manifest;
    const char **found = fm_arena_alloc(arena, MAX_PROTOCOLS, sizeof(*found));
    fm_status st = fm_rundir_open(&dir, run_dir, err);

    if (st == FM_OK)
        st = fm_rundir_file(&dir, FM_RUNDIR_MANIFEST, path, err);
    if (st == FM_OK)
        st = fm_manifest_read(path, arena, &manifest, err);
    if (st != FM_OK)
        return st;
    DIR *folder = opendir(dir.path);
    if (!folder)
        return fm_fail(err, FM_E_IO, "cannot read '%s': %s", dir.path, strerror(errno));
    *n = 0;
    if (found)
        found[(*n)++] = manifest.protocol;
    for (struct dirent *item; found && *n < MAX_PROTOCOLS && (item = readdir(folder));) {
        size_t size = strlen(item->d_name), head = sizeof(prefix) - 1, tail = sizeof(suffix) - 1;

        if (size > head + tail && strncmp(item->d_name, prefix, head) == 0 &&
            strcmp(item->d_name + size - tail, suffix) == 0)
            found[(*n)++] = fm_arena_memdup(arena, item->d_name + head, size - head - tail);
    }
    closedir(folder);
    if (!found || !found[*n - 1])
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", run_dir);
    qsort(found + 1, *n - 1, sizeof(*found), by_text);
    *names = found;
    return FM_OK;
}
