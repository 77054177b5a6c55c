/* Owns what a suite's mappings `hub` and `data` mean together. */
#include "data.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "catalog.h"

fm_status cli_subject_find(const fm_catalog *catalog, const char *name, fm_arena *arena,
                           cli_subject *out, fm_err *err)
{
    fm_target target;
    fm_status st;

    if (strchr(name, '@'))
        return fm_fail(err, FM_E_USAGE, "'%s': protocols share their data; give a suite or a task",
                       name);
    st = fm_catalog_target(catalog, name, arena, &target, err);
    if (st != FM_OK)
        return st;
    bool whole = strcmp(name, target.suite->name) == 0;
    *out = (cli_subject){.suite = target.suite, .task = whole ? NULL : target.task};
    return FM_OK;
}

fm_status cli_hub_settings(fm_hub_settings *out, fm_err *err)
{
    char own[FM_PATH_BYTES];
    fm_status st = cli_cache_folder("hub", own, err);

    return st == FM_OK ? fm_hub_settings_read(out, own, err) : st;
}

fm_status cli_plan_begin(fm_hub_plan *out, const fm_hub_settings *settings, const fm_suite *suite,
                         fm_err *err)
{
    char place[FM_PATH_BYTES];
    fm_status st = fm_path_join(place, suite->folder, "suite.yaml", err);

    return st == FM_OK ? fm_hub_plan_begin(out, settings, suite->name, suite->hub, place, err) : st;
}

/* ---- files of a task ---- */

typedef struct {
    const char **items;
    size_t n;
} patterns;

/* The patterns of a task's table. Tasks with another loader name none, and take everything. */
static fm_status add_patterns(patterns *to, size_t capacity, const fm_task *task, fm_arena *arena,
                              fm_err *err)
{
    cJSON *root = NULL, *item;
    fm_status st =
        task->data ? fm_json_parse(task->data, strlen(task->data), "data", &root, err) : FM_OK;

    cJSON_ArrayForEach(item, fm_json_get(root, "files"))
    {
        if (!cJSON_IsString(item) || to->n == capacity)
            continue;
        to->items[to->n] = fm_arena_strdup(arena, item->valuestring);
        if (!to->items[to->n])
            st = fm_fail(err, FM_E_NOMEM, "no memory for the files of '%s'", task->name);
        else
            to->n++;
    }
    cJSON_Delete(root);
    return st;
}

fm_status cli_plan_want(fm_hub_plan *plan, const cli_subject *subject, const char *const *only,
                        size_t n_only, fm_err *err)
{
    enum { MOST = 512 };
    const fm_suite *suite = subject->suite;
    patterns own = {.items = fm_arena_alloc(&plan->arena, MOST, sizeof(char *))};
    patterns others = {.items = fm_arena_alloc(&plan->arena, MOST, sizeof(char *))};
    fm_status st = FM_OK;

    if (!own.items || !others.items)
        return fm_fail(err, FM_E_NOMEM, "no memory for the files of '%s'", suite->name);
    for (size_t i = 0; subject->task && i < suite->n_tasks && st == FM_OK; i++)
        st = add_patterns(&suite->tasks[i] == subject->task ? &own : &others, MOST,
                          &suite->tasks[i], &plan->arena, err);
    fm_hub_plan_want(plan, &(fm_hub_scope){.own = own.items,
                                           .n_own = own.n,
                                           .others = others.items,
                                           .n_others = others.n,
                                           .only = only,
                                           .n_only = n_only});
    return st;
}

fm_status cli_plan_recall(fm_hub_plan *plan, const cli_subject *subject, bool verify, int jobs,
                          bool *known, fm_err *err)
{
    fm_status st = fm_hub_plan_recall(plan, known, err);

    if (st == FM_OK)
        st = cli_plan_want(plan, subject, NULL, 0, err);
    return st == FM_OK ? fm_hub_plan_look(plan, verify, jobs, err) : st;
}

fm_status cli_data_look(fm_hub_plan *plan, const fm_hub_settings *settings,
                        const cli_subject *subject, bool verify, int jobs, cli_data_state *out,
                        fm_err *err)
{
    const fm_suite *suite = subject->suite;
    bool known = false;

    *plan = (fm_hub_plan){0};
    if (!suite->hub) {
        *out = suite->generator ? CLI_DATA_GENERATED : CLI_DATA_OWN;
        return FM_OK;
    }
    if (!settings) {
        *out = CLI_DATA_ABSENT;
        return FM_OK;
    }
    fm_status st = cli_plan_begin(plan, settings, suite, err);
    if (st == FM_OK)
        st = cli_plan_recall(plan, subject, verify, jobs, &known, err);
    fm_hub_totals t = fm_hub_plan_totals(plan);
    if (plan->sources.n == 0)
        *out = CLI_DATA_BY_HAND;
    else if (t.damaged)
        *out = CLI_DATA_DAMAGED;
    else if (!known || t.here == 0)
        *out = CLI_DATA_ABSENT;
    else
        *out = t.here == t.files ? CLI_DATA_HERE : CLI_DATA_PARTLY;
    return st;
}

/* ---- for a run ---- */

/* As it was asked for: the default task may have been named by its suite. */
static fm_status not_here(const fm_suite *suite, const fm_task *task, const fm_hub_plan *plan,
                          bool known, fm_err *err)
{
    const char *name = strcmp(task->name, suite->default_task) == 0 ? suite->name : task->name;
    fm_hub_totals t = fm_hub_plan_totals(plan);

    if (plan->sources.n == 0)
        return fm_fail(err, FM_E_USAGE, "suite '%s' cannot be fetched: %s", suite->name,
                       plan->sources.by_hand);
    if (!known)
        return fm_fail(err, FM_E_USAGE, "'%s' is not here: fathom fetch %s, or give --data DIR",
                       name, name);
    return fm_fail(err, FM_E_USAGE,
                   "'%s' is not all here, %zu of %zu files are missing%s: fathom fetch %s, or "
                   "--data %.200s for what there is",
                   name, t.files - t.here, t.files, t.damaged ? " or damaged" : "", name,
                   plan->folder);
}

static fm_status locate(fm_hub_plan *plan, const fm_suite *suite, const fm_task *task, char *dir,
                        size_t dir_bytes, fm_err *err)
{
    bool known = false, whole = true;
    fm_status st = cli_plan_recall(plan, &(cli_subject){suite, task}, false, 1, &known, err);

    if (st != FM_OK)
        return st;
    for (size_t i = 0; i < plan->n; i++)
        whole &= !plan->files[i].wanted || plan->files[i].state == FM_HUB_PRESENT;
    if (!known || !whole)
        return not_here(suite, task, plan, known, err);
    if (snprintf(dir, dir_bytes, "%s", plan->folder) >= (int)dir_bytes)
        return fm_fail(err, FM_E_INPUT, "path too long: '%.200s'", plan->folder);
    return FM_OK;
}

fm_status cli_locate_data(const fm_suite *suite, const fm_task *task, char *dir, size_t dir_bytes,
                          fm_err *err)
{
    fm_hub_settings settings;
    fm_hub_plan plan = {0};
    fm_status st = cli_hub_settings(&settings, err);

    if (st == FM_OK)
        st = cli_plan_begin(&plan, &settings, suite, err);
    if (st == FM_OK)
        st = locate(&plan, suite, task, dir, dir_bytes, err);
    fm_hub_plan_release(&plan);
    return st;
}
