/* Owns when a growing run is looked at, and when it is enough. */
#include "core/gated_run.h"

#include <string.h>

#include "base/json.h"

/* A look costs the grading of all that is there and a lull in asking, so they are a fifth apart: some
 * twenty from the first to a thousand samples. */
enum { FIRST_LOOK = 20 };

static uint64_t next_look(uint64_t samples)
{
    return samples ? samples + samples / 5 + 1 : FIRST_LOOK;
}

fm_status fm_run_gate_look(const fm_catalog *catalog, const char *base_dir, const char *run_dir,
                           const fm_compare_options *gate, fm_view *views[2], fm_comparison *out,
                           fm_err *err)
{
    fm_status st = fm_view_open(&views[0], catalog, base_dir, NULL, err);

    if (st == FM_OK)
        st = fm_view_open(&views[1], catalog, run_dir, NULL, err);
    return st == FM_OK ? fm_compare(views, 2, gate, out, err) : st;
}

static fm_status look(const fm_catalog *catalog, const char *base_dir, const char *run_dir,
                      const fm_compare_options *gate, fm_gated_run *out, fm_err *err)
{
    fm_view *views[2] = {NULL};
    fm_comparison comparison = {0};
    fm_status st = fm_run_gate_look(catalog, base_dir, run_dir, gate, views, &comparison, err);

    if (st == FM_OK) {
        const cJSON *results = fm_view_results(views[1]);

        out->verdict = comparison.verdict;
        out->samples = (size_t)fm_json_number(results, "samples", fm_json_number(results, "n", 0));
        out->looks++;
    }
    fm_comparison_release(&comparison);
    fm_view_close(views[0]);
    fm_view_close(views[1]);
    return st;
}

/* The run that is to be asked will be graded as the base was. */
static fm_status check_target(const fm_catalog *catalog, const fm_view *base, const char *spec,
                              fm_err *err)
{
    const cJSON *suite = fm_json_get(fm_view_manifest(base), "suite");
    const char *task = fm_json_string(suite, "task"), *protocol = fm_json_string(suite, "protocol");
    fm_arena arena = {0};
    fm_target target;
    fm_status st = fm_catalog_target(catalog, spec, &arena, &target, err);

    if (st == FM_OK && (!task || !protocol || strcmp(task, target.task->name) != 0 ||
                        strcmp(protocol, target.protocol->name) != 0))
        st = fm_fail(err, FM_E_USAGE, "'%s' is a run of %s@%s, and this one would be of %s@%s",
                     fm_view_dir(base), task ? task : "?", protocol ? protocol : "?",
                     target.task->name, target.protocol->name);
    fm_arena_release(&arena);
    return st;
}

/* What is wrong with the base or with the gate is told before a request is paid for: the base is
 * held against itself. */
static fm_status check_base(const fm_catalog *catalog, const fm_run_options *options,
                            const char *base_dir, const fm_compare_options *gate, fm_err *err)
{
    fm_view *views[2] = {NULL};
    fm_comparison comparison = {0};
    fm_status st = fm_run_gate_look(catalog, base_dir, base_dir, gate, views, &comparison, err);

    if (st == FM_OK)
        st = check_target(catalog, views[0], options->target, err);
    fm_comparison_release(&comparison);
    fm_view_close(views[0]);
    fm_view_close(views[1]);
    return st;
}

fm_status fm_run_gated(const fm_catalog *catalog, const fm_run_options *options,
                       const char *base_dir, const fm_compare_options *gate, fm_gated_run *out,
                       fm_err *err)
{
    fm_run_options o = *options;
    uint64_t most = options->selection.limit;
    fm_gated_run got = {.verdict = FM_GATE_INCONCLUSIVE};
    fm_status st = check_base(catalog, options, base_dir, gate, err);

    if (st == FM_OK && options->selection.shards)
        st = fm_fail(err, FM_E_USAGE, "a shard cannot be gated: it does not know of the others");
    o.selection.shuffle = true;
    o.selection.limit = 0;
    while (st == FM_OK && got.verdict == FM_GATE_INCONCLUSIVE && !got.all) {
        o.selection.limit = next_look(o.selection.limit);
        if (most && o.selection.limit >= most)
            o.selection.limit = most;
        st = fm_run_execute(catalog, &o, err);
        if (st == FM_OK)
            st = look(catalog, base_dir, o.out_dir, gate, &got, err);
        got.all = got.samples < o.selection.limit || o.selection.limit == most;
    }
    if (st == FM_OK)
        *out = got;
    return st;
}
