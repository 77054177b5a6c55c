/* Owns how a plan of arms and contrasts is read. */
#include "ablation.h"

#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/yaml.h"

typedef struct {
    cli_ablation *plan;
    fm_err *err;
} reading;

static const char name_letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

static fm_status no_memory(const reading *r)
{
    return fm_fail(r->err, FM_E_NOMEM, "%s: no memory for the plan", r->plan->path);
}

/* ---- members ---- */

static fm_status check_members(const reading *r, const cJSON *object, const char *what,
                               const char *const *names, size_t n)
{
    const cJSON *item;

    if (!cJSON_IsObject(object))
        return fm_fail(r->err, FM_E_INPUT, "%s: %s wants members, as '%s: ...'", r->plan->path,
                       what, names[0]);
    cJSON_ArrayForEach(item, object)
    {
        size_t i = 0;

        while (i < n && strcmp(names[i], item->string) != 0)
            i++;
        if (i == n)
            return fm_fail(r->err, FM_E_INPUT, "%s: '%s' is no member of %s", r->plan->path,
                           item->string, what);
    }
    return FM_OK;
}

/* Into the arena; *out stays where there is no such member. */
static fm_status take_text(const reading *r, const cJSON *object, const char *key, bool needed,
                           const char **out)
{
    const cJSON *item = fm_json_get(object, key);

    if (!item && !needed)
        return FM_OK;
    if (!cJSON_IsString(item) || !item->valuestring[0])
        return fm_fail(r->err, FM_E_INPUT, "%s: '%s' wants a text", r->plan->path, key);
    *out = fm_arena_strdup(&r->plan->arena, item->valuestring);
    return *out ? FM_OK : no_memory(r);
}

static fm_status from_folder_of(const reading *r, const char *file, const char *given,
                                const char **out)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_path_beside(path, file, given, r->err);

    if (st != FM_OK)
        return st;
    *out = fm_arena_strdup(&r->plan->arena, path);
    return *out ? FM_OK : no_memory(r);
}

static fm_status take_path(const reading *r, const cJSON *object, const char *key, const char **out)
{
    const char *given = NULL;
    fm_status st = take_text(r, object, key, false, &given);

    return st == FM_OK && given ? from_folder_of(r, r->plan->path, given, out) : st;
}

static int arm_named(const cli_ablation *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_arms; i++)
        if (strcmp(plan->arms[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* Of the arms that were read so far. */
static fm_status find_arm(const reading *r, const char *name, int *out)
{
    *out = name ? arm_named(r->plan, name) : -1;
    if (*out < 0)
        return fm_fail(r->err, FM_E_INPUT, "%s: there is no arm '%s'", r->plan->path,
                       name ? name : "without a name");
    return FM_OK;
}

/* ---- arms ---- */

/* The members of `from` over those of `to`; objects within objects likewise. */
static bool put_changes(cJSON *to, const cJSON *from)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, from)
    {
        cJSON *there = cJSON_GetObjectItemCaseSensitive(to, item->string), *copy;

        if (cJSON_IsObject(there) && cJSON_IsObject(item)) {
            if (!put_changes(there, item))
                return false;
            continue;
        }
        if (!(copy = cJSON_Duplicate(item, true)))
            return false;
        cJSON_DeleteItemFromObjectCaseSensitive(to, item->string);
        cJSON_AddItemToObject(to, item->string, copy);
    }
    return true;
}

/* What a file says of a folder of scenes holds from where it stands: made whole, for the recipe goes
 * elsewhere. */
static fm_status place_folder(const reading *r, const char *file, cJSON *tree)
{
    cJSON *data = cJSON_GetObjectItemCaseSensitive(tree, "data");
    const char *given = fm_json_string(data, "folder"), *path = NULL;
    fm_status st = given ? from_folder_of(r, file, given, &path) : FM_OK;

    if (st != FM_OK || !path)
        return st;
    char *whole = realpath(path, NULL);
    if (!whole)
        return fm_fail(r->err, FM_E_INPUT, "%s: there is no folder '%s'", file, path);
    cJSON *kept = cJSON_CreateString(whole);
    free(whole);
    return kept && cJSON_ReplaceItemInObjectCaseSensitive(data, "folder", kept) ? FM_OK
                                                                                : no_memory(r);
}

static fm_status change_recipe(const reading *r, const cJSON *changes, cJSON *recipe)
{
    cJSON *own = cJSON_Duplicate(changes, true);
    fm_status st = own ? place_folder(r, r->plan->path, own) : no_memory(r);

    if (st == FM_OK && !put_changes(recipe, own))
        st = no_memory(r);
    cJSON_Delete(own);
    return st;
}

static fm_status read_recipe(const reading *r, const cJSON *object, cli_arm *arm)
{
    const cJSON *changes = fm_json_get(object, "change");
    const char *path = NULL;
    fm_status st = take_path(r, object, "recipe", &path);

    if (st == FM_OK && changes && (!path || !cJSON_IsObject(changes)))
        st = fm_fail(r->err, FM_E_INPUT, "%s: %s", r->plan->path,
                     path ? "'change' wants members, as {seed: 2}"
                          : "'change' wants a 'recipe' to change, which the arm lacks");
    if (st != FM_OK || !path)
        return st;
    st = fm_yaml_load(path, &arm->recipe, r->err);
    if (st == FM_OK && !cJSON_IsObject(arm->recipe))
        st = fm_fail(r->err, FM_E_INPUT, "%s: it is no recipe", path);
    if (st == FM_OK)
        st = place_folder(r, path, arm->recipe);
    if (st == FM_OK && changes)
        st = change_recipe(r, changes, arm->recipe);
    arm->rewarded = fm_json_get(arm->recipe, "rft") != NULL;
    return st;
}

static bool is_set(const cli_arm *arm, const char *key)
{
    for (size_t i = 0; i < arm->n_settings; i++)
        if (strcmp(arm->settings[i].key, key) == 0)
            return true;
    return false;
}

/* Beside those that the arm has already. */
static fm_status read_settings(const reading *r, const cJSON *object, cli_arm *arm)
{
    const cJSON *item;

    if (object && !cJSON_IsObject(object))
        return fm_fail(r->err, FM_E_INPUT, "%s: 'set' wants members, as 'variant: rgb'",
                       r->plan->path);
    cJSON_ArrayForEach(item, object)
    {
        char number[FM_JSON_NUMBER_BYTES + 1] = "";

        if (is_set(arm, item->string))
            continue;
        if (cJSON_IsNumber(item))
            number[fm_json_format_number(item->valuedouble, number)] = '\0';
        const char *value = cJSON_IsString(item) ? item->valuestring : number;
        if (!value[0] || arm->n_settings == FM_COUNT_OF(arm->settings))
            return fm_fail(r->err, FM_E_INPUT,
                           "%s: 'set' wants up to %zu texts or numbers, as 'variant: rgb'",
                           r->plan->path, FM_COUNT_OF(arm->settings));
        fm_setting *kept = &arm->settings[arm->n_settings++];
        *kept = (fm_setting){fm_arena_strdup(&r->plan->arena, item->string),
                             fm_arena_strdup(&r->plan->arena, value)};
        if (!kept->key || !kept->value)
            return no_memory(r);
    }
    return FM_OK;
}

static fm_status read_arm(const reading *r, const cJSON *object, const cJSON *for_all)
{
    static const char *const names[] = {"name", "from", "recipe", "change", "set", "answers"};
    cli_ablation *plan = r->plan;
    cli_arm *arm = &plan->arms[plan->n_arms];
    const char *from = NULL;
    fm_status st = check_members(r, object, "an arm", names, FM_COUNT_OF(names));

    *arm = (cli_arm){.from = -1};
    if (st == FM_OK)
        st = take_text(r, object, "name", true, &arm->name);
    if (st == FM_OK && (arm->name[strspn(arm->name, name_letters)] || arm->name[0] == '-'))
        st = fm_fail(r->err, FM_E_INPUT,
                     "%s: the name of an arm is of letters, digits, - and _, not '%s'", plan->path,
                     arm->name);
    if (st == FM_OK && arm_named(plan, arm->name) >= 0)
        st = fm_fail(r->err, FM_E_INPUT, "%s: there are two arms '%s'", plan->path, arm->name);
    if (st == FM_OK)
        st = take_text(r, object, "from", false, &from);
    if (st == FM_OK && from)
        st = find_arm(r, from, &arm->from);
    if (st == FM_OK)
        st = take_text(r, object, "answers", false, &arm->answers);
    if (st == FM_OK)
        st = read_settings(r, fm_json_get(object, "set"), arm);
    if (st == FM_OK)
        st = read_settings(r, for_all, arm);
    if (st == FM_OK)
        st = read_recipe(r, object, arm);
    plan->n_arms++; /* for its recipe is released with the plan */
    return st;
}

/* ---- tasks and contrasts ---- */

static fm_status read_task(const reading *r, const cJSON *item)
{
    static const char *const names[] = {"task", "data"};
    cli_ablated_task *task = &r->plan->tasks[r->plan->n_tasks++];
    char *folder;
    fm_status st = FM_OK;

    *task = (cli_ablated_task){0};
    if (cJSON_IsString(item)) {
        task->target = fm_arena_strdup(&r->plan->arena, item->valuestring);
    } else {
        st = check_members(r, item, "a task", names, FM_COUNT_OF(names));
        if (st == FM_OK)
            st = take_text(r, item, "task", true, &task->target);
        if (st == FM_OK)
            st = take_path(r, item, "data", &task->data);
    }
    if (st != FM_OK)
        return st;
    folder = task->target ? fm_arena_strdup(&r->plan->arena, task->target) : NULL;
    if (!folder)
        return no_memory(r);
    for (char *c = folder; (c = strchr(c, '@'));)
        *c = '-';
    task->folder = folder;
    if (folder[strspn(folder, name_letters)])
        return fm_fail(r->err, FM_E_INPUT, "%s: '%s' is no task", r->plan->path, task->target);
    for (const cli_ablated_task *t = r->plan->tasks; t < task; t++)
        if (strcmp(t->folder, folder) == 0)
            return fm_fail(r->err, FM_E_INPUT, "%s: there are two tasks '%s'", r->plan->path,
                           task->target);
    return FM_OK;
}

static fm_status read_metric(const reading *r, const cJSON *item)
{
    const char *name = cJSON_GetStringValue(item);

    if (!name)
        return fm_fail(r->err, FM_E_INPUT, "%s: 'metrics' wants names", r->plan->path);
    r->plan->metrics[r->plan->n_metrics++] = name = fm_arena_strdup(&r->plan->arena, name);
    return name ? FM_OK : no_memory(r);
}

/* The last arm of a contrast, which is neither its base nor another of its arms. */
static fm_status check_once(const reading *r, const cli_contrast *c)
{
    int last = c->arms[c->n_arms];
    bool again = last == c->base;

    for (size_t i = 0; i < c->n_arms; i++)
        again = again || c->arms[i] == last;
    return again ? fm_fail(r->err, FM_E_INPUT, "%s: '%s' has '%s' twice", r->plan->path, c->title,
                           r->plan->arms[last].name)
                 : FM_OK;
}

static fm_status read_contrast(const reading *r, const cJSON *object)
{
    static const char *const names[] = {"title", "base", "arms"};
    cli_contrast *c = &r->plan->contrasts[r->plan->n_contrasts++];
    const cJSON *arms = fm_json_get(object, "arms"), *item;
    fm_status st = check_members(r, object, "a contrast", names, FM_COUNT_OF(names));

    *c = (cli_contrast){0};
    if (st == FM_OK)
        st = take_text(r, object, "title", true, &c->title);
    if (st == FM_OK)
        st = find_arm(r, fm_json_string(object, "base"), &c->base);
    if (st == FM_OK && cJSON_GetArraySize(arms) > (int)FM_COUNT_OF(c->arms))
        st = fm_fail(r->err, FM_E_INPUT, "%s: '%s' has over %zu arms", r->plan->path, c->title,
                     FM_COUNT_OF(c->arms));
    cJSON_ArrayForEach(item, arms)
    {
        if (st != FM_OK)
            break;
        st = find_arm(r, cJSON_GetStringValue(item), &c->arms[c->n_arms]);
        if (st == FM_OK)
            st = check_once(r, c);
        c->n_arms++;
    }
    if (st == FM_OK && c->n_arms == 0)
        st = fm_fail(r->err, FM_E_INPUT, "%s: '%s' wants a list 'arms' to hold against '%s'",
                     r->plan->path, c->title, r->plan->arms[c->base].name);
    return st;
}

/* ---- the file ---- */

static fm_status read_list(const reading *r, const cJSON *root, const char *key, size_t most,
                           fm_status (*read)(const reading *r, const cJSON *item))
{
    const cJSON *list = fm_json_get(root, key), *item;
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    fm_status st = FM_OK;

    if (n < 1 || n > (int)most)
        return fm_fail(r->err, FM_E_INPUT, "%s: '%s' wants a list of 1 to %zu", r->plan->path, key,
                       most);
    cJSON_ArrayForEach(item, list)
    {
        if (st == FM_OK)
            st = read(r, item);
    }
    return st;
}

static fm_status read_arms(const reading *r, const cJSON *root)
{
    const cJSON *list = fm_json_get(root, "arms"), *for_all = fm_json_get(root, "set"), *item;
    fm_status st = FM_OK;

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > CLI_MOST_ARMS)
        return fm_fail(r->err, FM_E_INPUT, "%s: 'arms' wants a list of up to %d", r->plan->path,
                       CLI_MOST_ARMS);
    cJSON_ArrayForEach(item, list)
    {
        if (st == FM_OK)
            st = read_arm(r, item, for_all);
    }
    return st;
}

static fm_status read_root(const reading *r, const cJSON *root)
{
    static const char *const names[] = {"model", "limit",   "set",      "arms",
                                        "tasks", "metrics", "contrasts"};
    fm_status st = check_members(r, root, "the plan", names, FM_COUNT_OF(names));
    double limit = fm_json_number(root, "limit", 0);

    if (st == FM_OK && fm_json_get(root, "limit") &&
        !(limit >= 1 && limit <= 1e9 && limit == floor(limit)))
        st = fm_fail(r->err, FM_E_INPUT, "%s: 'limit' wants a number of samples", r->plan->path);
    r->plan->limit = st == FM_OK ? (uint64_t)limit : 0;
    if (st == FM_OK)
        st = take_path(r, root, "model", &r->plan->model);
    if (st == FM_OK)
        st = read_arms(r, root);
    if (st == FM_OK)
        st = read_list(r, root, "tasks", CLI_MOST_ABLATED, read_task);
    if (st == FM_OK && fm_json_get(root, "metrics"))
        st = read_list(r, root, "metrics", CLI_MOST_ABLATED, read_metric);
    return st == FM_OK ? read_list(r, root, "contrasts", CLI_MOST_ABLATED, read_contrast) : st;
}

fm_status cli_ablation_read(cli_ablation *out, const char *path, fm_err *err)
{
    reading r = {out, err};
    cJSON *root = NULL;
    fm_status st = fm_yaml_load(path, &root, err);

    out->path = path;
    if (st == FM_OK)
        st = read_root(&r, root);
    cJSON_Delete(root);
    return st;
}

void cli_ablation_release(cli_ablation *plan)
{
    for (size_t i = 0; i < plan->n_arms; i++)
        cJSON_Delete(plan->arms[i].recipe);
    fm_arena_release(&plan->arena);
    *plan = (cli_ablation){0};
}
