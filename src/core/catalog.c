/* Owns the search in the catalogue's tables and the reading of suite.yaml. */
#include "core/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "base/yaml.h"
#include "core/prompt.h"

enum { MAX_NAMES = 512, MAX_SUITES = 64 };

static fm_status unknown(const char *kind, const char *name, const char *const *names, size_t n,
                         fm_err *err)
{
    const char *near = fm_text_nearest(name, names, n);

    if (near)
        return fm_fail(err, FM_E_USAGE, "unknown %s '%s'; did you mean '%s'?", kind, name, near);
    return fm_fail(err, FM_E_USAGE, "unknown %s '%s'; 'fathom list %ss' shows what there is", kind,
                   name, kind);
}

fm_status fm_catalog_adapter(const fm_catalog *catalog, const char *name,
                             const fm_adapter_ops **out, fm_err *err)
{
    const char *names[MAX_NAMES];
    size_t n = 0;

    for (const fm_adapter_ops *const *a = catalog->adapters; *a && n < MAX_NAMES; a++) {
        if (strcmp((*a)->name, name) == 0) {
            *out = *a;
            return FM_OK;
        }
        names[n++] = (*a)->name;
    }
    return unknown("adapter", name, names, n, err);
}

fm_status fm_catalog_loader(const fm_catalog *catalog, const char *name, const fm_loader_ops **out,
                            fm_err *err)
{
    const char *names[MAX_NAMES];
    size_t n = 0;

    for (const fm_loader_ops *const *l = catalog->loaders; *l && n < MAX_NAMES; l++) {
        if (strcmp((*l)->name, name) == 0) {
            *out = *l;
            return FM_OK;
        }
        names[n++] = (*l)->name;
    }
    return unknown("loader", name, names, n, err);
}

fm_status fm_catalog_protocol(const fm_catalog *catalog, const fm_task *task, const char *name,
                              const fm_protocol **out, fm_err *err)
{
    const char *names[FM_COUNT_OF(task->protocols)] = {NULL};
    size_t n = 0;

    for (; n < FM_COUNT_OF(task->protocols) && task->protocols[n]; n++)
        names[n] = task->protocols[n];
    if (!name)
        name = names[0];
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        if (task->configured[i]) {
            *out = task->configured[i];
            return FM_OK;
        }
        for (const fm_protocol *const *p = catalog->protocols; *p; p++) {
            if ((*p)->kind == task->kind && strcmp((*p)->name, name) == 0) {
                *out = *p;
                return FM_OK;
            }
        }
        return fm_fail(err, FM_E_USAGE, "this build has no protocol '%s' for task '%s'", name,
                       task->name);
    }
    return unknown("protocol", name, names, n, err);
}

/* ---- suite.yaml ---- */

typedef struct {
    const fm_catalog *catalog;
    const char *path;
    fm_arena *arena;
    fm_err *err;
} suite_reader;

static fm_status no_memory(const suite_reader *r)
{
    return fm_fail(r->err, FM_E_NOMEM, "no memory for '%s'", r->path);
}

static fm_status text_member(const suite_reader *r, const cJSON *object, const char *key,
                             bool required, const char **out)
{
    const cJSON *item = fm_json_get(object, key);

    if (!item && !required) {
        *out = NULL;
        return FM_OK;
    }
    if (!item)
        return fm_fail(r->err, FM_E_INPUT, "%s: '%s' is missing", r->path, key);
    if (!cJSON_IsString(item) || !item->valuestring[0])
        return fm_fail(r->err, FM_E_INPUT, "%s: '%s' must be a text", r->path, key);
    *out = fm_arena_strdup(r->arena, item->valuestring);
    return *out ? FM_OK : no_memory(r);
}

/* A mapping that somebody else reads, as JSON text; NULL where it is absent. */
static fm_status json_member(const suite_reader *r, const cJSON *object, const char *key,
                             const char **out)
{
    const cJSON *item = key ? fm_json_get(object, key) : object;
    fm_buf text = {0};
    fm_json_writer w = {.out = &text};

    *out = NULL;
    if (!item)
        return FM_OK;
    if (!cJSON_IsObject(item))
        return fm_fail(r->err, FM_E_INPUT, "%s: '%s' must be a mapping", r->path, key);
    fm_json_put_tree(&w, NULL, item);
    if (fm_buf_check(&text, "a mapping", NULL) == FM_OK)
        *out = fm_arena_strdup(r->arena, fm_buf_text(&text));
    fm_buf_release(&text);
    return *out ? FM_OK : no_memory(r);
}

static fm_status read_kind(const suite_reader *r, const cJSON *object, fm_answer_kind *out)
{
    const char *name = fm_json_string(object, "kind");
    fm_buf names = {0};

    if (name && fm_answer_kind_from_name(name, out))
        return FM_OK;
    for (int k = 0; k < FM_ANSWER_KINDS; k++)
        fm_buf_printf(&names, "%s%s", k ? ", " : "", fm_answer_kind_name((fm_answer_kind)k));
    fm_status st = fm_fail(r->err, FM_E_INPUT, "%s: a task's 'kind' must be one of %s", r->path,
                           fm_buf_text(&names));
    fm_buf_release(&names);
    return st;
}

static fm_status read_pool(const suite_reader *r, const cJSON *object, fm_pool *out)
{
    static const char *const names[] = {[FM_POOL_MICRO] = "micro",
                                        [FM_POOL_MACRO] = "macro",
                                        [FM_POOL_SOURCE] = "source",
                                        [FM_POOL_POINTS] = "points",
                                        [FM_POOL_COPIES] = "copies"};
    const char *name = fm_json_string(object, "pool");

    if (!fm_json_get(object, "pool"))
        return FM_OK;
    for (size_t i = 0; name && i < FM_COUNT_OF(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (fm_pool)i;
            return FM_OK;
        }
    }
    return fm_fail(r->err, FM_E_INPUT, "%s: 'pool' must be micro, macro, source, points or copies",
                   r->path);
}

static const fm_grader_ops *find_grader(const fm_catalog *catalog, fm_answer_kind kind,
                                        const char *name)
{
    for (const fm_grader_ops *const *g = catalog->graders; name && g && *g; g++)
        if ((*g)->kind == kind && strcmp((*g)->name, name) == 0)
            return *g;
    return NULL;
}

static bool is_right_or_wrong(const fm_protocol *protocol)
{
    for (size_t i = 0; i < protocol->n_metrics; i++)
        if (strcmp(protocol->metrics[i].name, protocol->primary) == 0)
            return protocol->metrics[i].role == FM_METRIC_RATE;
    return false;
}

static fm_status no_grader(const suite_reader *r, const fm_protocol *protocol)
{
    fm_buf names = {0};

    for (const fm_grader_ops *const *g = r->catalog->graders; g && *g; g++)
        if ((*g)->kind == protocol->kind)
            fm_buf_printf(&names, "%s%s", names.size ? ", " : "", (*g)->name);
    fm_status st =
        fm_fail(r->err, FM_E_INPUT, "%s: protocol '%s': the 'grader' of %s answers must be %s",
                r->path, protocol->name, fm_answer_kind_name(protocol->kind), fm_buf_text(&names));
    fm_buf_release(&names);
    return st;
}

/* A template, where there is one. Words in braces may be text ("\scalar{number}"), so that a slip in the only
 * place shows as a prompt that asks the same of every sample. */
static fm_status check_prompt(const suite_reader *r, const char *template)
{
    if (!template || fm_prompt_has_places(template))
        return FM_OK;
    return fm_fail(r->err, FM_E_INPUT,
                   "%s: a 'prompt' has none of {task}, {options}, {target} and {destination}",
                   r->path);
}

/* A protocol that suite.yaml states: {name, summary, grader, version, ..., and the grader's rules}. */
static fm_status configure(const suite_reader *r, const cJSON *object, const fm_task *task,
                           const char **name, const fm_protocol **out)
{
    const char *grader_name = fm_json_string(object, "grader"), *rules;
    const fm_grader_ops *grader = find_grader(r->catalog, task->kind, grader_name);
    fm_protocol *protocol = fm_arena_alloc(r->arena, 1, sizeof(*protocol));
    double version = fm_json_number(object, "version", 1);
    char place[FM_PATH_BYTES + 128];
    fm_status st;

    if (!protocol)
        return no_memory(r);
    *protocol = (fm_protocol){.kind = task->kind};
    if ((st = text_member(r, object, "name", true, &protocol->name)) != FM_OK ||
        (st = text_member(r, object, "summary", true, &protocol->summary)) != FM_OK ||
        (st = text_member(r, object, "prompt", false, &protocol->prompt)) != FM_OK ||
        (st = check_prompt(r, protocol->prompt)) != FM_OK ||
        (st = text_member(r, object, "form", false, &protocol->form)) != FM_OK ||
        (st = read_pool(r, object, &protocol->pool)) != FM_OK ||
        (st = text_member(r, object, "copies", protocol->pool == FM_POOL_COPIES,
                          &protocol->copies)) != FM_OK ||
        (st = json_member(r, object, NULL, &rules)) != FM_OK)
        return st;
    if (!grader)
        return no_grader(r, protocol);
    if (!(version >= 1 && version <= 1e6))
        return fm_fail(r->err, FM_E_INPUT, "%s: the version of protocol '%s' must be 1 or more",
                       r->path, protocol->name);
    if (protocol->pool == FM_POOL_POINTS && task->kind != FM_ANSWER_POINTS)
        return fm_fail(r->err, FM_E_INPUT, "%s: protocol '%s' pools over points without any",
                       r->path, protocol->name);
    protocol->version = (int)version;
    snprintf(place, sizeof(place), "%s: protocol '%.64s'", r->path, protocol->name);
    st = grader->configure(rules, place, r->arena, protocol, r->err);
    if (st == FM_OK && protocol->pool == FM_POOL_COPIES && !is_right_or_wrong(protocol))
        st = fm_fail(r->err, FM_E_INPUT, "%s: copies need a metric that is right or wrong", place);
    *name = protocol->name;
    *out = protocol;
    return st;
}

static fm_status read_protocols(const suite_reader *r, const cJSON *array, fm_task *task)
{
    const cJSON *item;
    size_t n = 0;

    cJSON_ArrayForEach(item, array)
    {
        fm_status st = FM_OK;

        if (n + 1 >= FM_COUNT_OF(task->protocols))
            break;
        if (cJSON_IsString(item))
            task->protocols[n] = fm_arena_strdup(r->arena, item->valuestring);
        else if (cJSON_IsObject(item))
            st = configure(r, item, task, &task->protocols[n], &task->configured[n]);
        else
            break;
        if (st != FM_OK)
            return st;
        if (!task->protocols[n])
            return no_memory(r);
        for (size_t i = 0; i < n; i++)
            if (strcmp(task->protocols[i], task->protocols[n]) == 0)
                return fm_fail(r->err, FM_E_INPUT, "%s: task '%s' has two protocols '%s'", r->path,
                               task->name, task->protocols[n]);
        n++;
    }
    if (!cJSON_IsArray(array) || n == 0 || item)
        return fm_fail(r->err, FM_E_INPUT,
                       "%s: 'protocols' must be a list of up to %zu names or mappings", r->path,
                       FM_COUNT_OF(task->protocols) - 1);
    return FM_OK;
}

static bool is_trace(fm_answer_kind kind)
{
    return kind == FM_ANSWER_TRACE2D || kind == FM_ANSWER_TRACE3D;
}

/* A trace is asked for in one of several forms, everything else in one. */
static fm_status read_prompts(const suite_reader *r, const cJSON *object, fm_task *task)
{
    const cJSON *prompts = fm_json_get(object, "prompts");
    const char *answers;
    fm_status st;

    if (!is_trace(task->kind)) {
        st = text_member(r, object, "prompt", true, &task->prompt);
        return st == FM_OK ? check_prompt(r, task->prompt) : st;
    }
    st = text_member(r, object, "answers", true, &answers);
    for (int i = 0; st == FM_OK && i < FM_ANSWERS_FAMILIES; i++) {
        st = text_member(r, prompts, fm_answers_family_name((fm_answers_family)i), false,
                         &task->prompts[i]);
        if (st == FM_OK)
            st = check_prompt(r, task->prompts[i]);
    }
    if (st == FM_OK && !fm_answers_family_from_name(answers, &task->answers))
        st = fm_fail(r->err, FM_E_INPUT, "%s: 'answers' must be tuples, json or xyz", r->path);
    return st;
}

static fm_status read_task(const suite_reader *r, const cJSON *object, fm_task *task)
{
    fm_status st;

    if ((st = text_member(r, object, "name", true, &task->name)) != FM_OK ||
        (st = text_member(r, object, "title", true, &task->title)) != FM_OK ||
        (st = read_kind(r, object, &task->kind)) != FM_OK ||
        (st = read_protocols(r, fm_json_get(object, "protocols"), task)) != FM_OK ||
        (st = json_member(r, object, "data", &task->data)) != FM_OK)
        return st;
    return read_prompts(r, object, task);
}

/* Copies of the members of `from` that `to` lacks. */
static bool complete(cJSON *to, const cJSON *from)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, from)
    {
        cJSON *copy = fm_json_get(to, item->string) ? NULL : cJSON_Duplicate(item, true);

        if (!fm_json_get(to, item->string) && !cJSON_AddItemToObject(to, item->string, copy)) {
            cJSON_Delete(copy);
            return false;
        }
    }
    return true;
}

/* What stands beside the tasks holds for each that does not say otherwise; of `data`, member by
 * member. */
static fm_status inherit(const suite_reader *r, const cJSON *root, cJSON *task)
{
    static const char *const keys[] = {"kind", "protocols", "prompt", "data"};

    if (!cJSON_IsObject(task))
        return fm_fail(r->err, FM_E_INPUT, "%s: a task must be a mapping", r->path);
    for (size_t i = 0; i < FM_COUNT_OF(keys); i++) {
        const cJSON *shared = fm_json_get(root, keys[i]);
        cJSON *own = cJSON_GetObjectItemCaseSensitive(task, keys[i]);
        cJSON *copy;

        if (!shared)
            continue;
        if (own && cJSON_IsObject(own) && cJSON_IsObject(shared)) {
            if (!complete(own, shared))
                return no_memory(r);
        } else if (!own) {
            copy = cJSON_Duplicate(shared, true);
            if (!cJSON_AddItemToObject(task, keys[i], copy)) {
                cJSON_Delete(copy);
                return no_memory(r);
            }
        }
    }
    return FM_OK;
}

static fm_status read_suite(const suite_reader *r, const cJSON *root, fm_suite *suite)
{
    const struct {
        const char *key;
        bool required;
        const char **out;
    } texts[] = {
        {"name", true, &suite->name},
        {"title", true, &suite->title},
        {"version", true, &suite->version},
        {"summary", true, &suite->summary},
        {"licence", true, &suite->licence},
        {"citation", true, &suite->citation},
        {"url", false, &suite->url},
        {"loader", true, &suite->loader},
        {"generator", false, &suite->generator},
        {"default_task", true, &suite->default_task},
    };
    const cJSON *tasks = fm_json_get(root, "tasks");
    fm_status st = FM_OK;
    cJSON *item;

    for (size_t i = 0; i < FM_COUNT_OF(texts) && st == FM_OK; i++)
        st = text_member(r, root, texts[i].key, texts[i].required, texts[i].out);
    if (st == FM_OK)
        st = json_member(r, root, "hub", &suite->hub);
    cJSON_ArrayForEach(item, tasks)
    {
        if (st != FM_OK)
            break;
        if (suite->n_tasks == FM_COUNT_OF(suite->tasks))
            return fm_fail(r->err, FM_E_INPUT, "%s: too many tasks", r->path);
        st = inherit(r, root, item);
        if (st == FM_OK)
            st = read_task(r, item, &suite->tasks[suite->n_tasks++]);
    }
    if (st == FM_OK && suite->n_tasks == 0)
        st = fm_fail(r->err, FM_E_INPUT, "%s: no tasks", r->path);
    return st;
}

static fm_status load_suite(const fm_catalog *catalog, const char *folder, fm_arena *arena,
                            fm_suite *out, bool *found, fm_err *err)
{
    char path[FM_PATH_BYTES], directory[FM_PATH_BYTES];
    suite_reader r = {.catalog = catalog, .path = path, .arena = arena, .err = err};
    cJSON *root = NULL;
    fm_status st = fm_path_join(directory, catalog->suites_dir, folder, err);

    if (st == FM_OK)
        st = fm_path_join(path, directory, "suite.yaml", err);
    *found = st == FM_OK && fm_file_exists(path);
    if (!*found)
        return st;
    st = fm_yaml_load(path, &root, err);
    if (st == FM_OK)
        st = read_suite(&r, root, out);
    cJSON_Delete(root);
    if (st == FM_OK && !(out->folder = fm_arena_strdup(arena, directory)))
        st = fm_fail(err, FM_E_NOMEM, "no memory for '%s'", path);
    return st;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const fm_suite *)a)->name, ((const fm_suite *)b)->name);
}

fm_status fm_catalog_suites(const fm_catalog *catalog, fm_arena *arena, fm_suite **out, size_t *n,
                            fm_err *err)
{
    DIR *dir = opendir(catalog->suites_dir);
    fm_suite *suites = fm_arena_alloc(arena, MAX_SUITES, sizeof(*suites));
    fm_status st = FM_OK;
    size_t count = 0;
    struct dirent *item;

    if (!dir)
        return fm_fail(err, FM_E_IO, "cannot open the folder of suites '%s': %s",
                       catalog->suites_dir, strerror(errno));
    if (!suites)
        st = fm_fail(err, FM_E_NOMEM, "no memory for the suites");
    while (st == FM_OK && count < MAX_SUITES && (item = readdir(dir))) {
        bool found;

        if (item->d_name[0] == '.')
            continue;
        st = load_suite(catalog, item->d_name, arena, &suites[count], &found, err);
        count += found;
    }
    closedir(dir);
    if (st != FM_OK)
        return st;
    qsort(suites, count, sizeof(*suites), by_name);
    *out = suites;
    *n = count;
    return FM_OK;
}

/* The task of this name, or the default one where it is the suite's; NULL: neither. */
static const fm_task *find_task(const fm_suite *suite, const char *name)
{
    const char *wanted = strcmp(suite->name, name) == 0 ? suite->default_task : name;

    for (size_t t = 0; t < suite->n_tasks; t++)
        if (strcmp(suite->tasks[t].name, wanted) == 0)
            return &suite->tasks[t];
    return NULL;
}

/* Suites are called as their folders and tasks begin with their suite's name, as a rule: 'msmu-count' is looked
 * for in the folders msmu-count and msmu, so that one file is read and not all. suite->n_tasks is 0 where
 * it is not there. */
static fm_status look_by_folder(const fm_catalog *catalog, const char *name, fm_arena *arena,
                                fm_suite *suite, fm_err *err)
{
    char folder[256];
    size_t length = strlen(name);
    bool found;

    *suite = (fm_suite){0};
    if (length >= sizeof(folder) || name[0] == '.' || strchr(name, '/'))
        return FM_OK;
    while (length > 0) {
        memcpy(folder, name, length);
        folder[length] = '\0';
        fm_status st = load_suite(catalog, folder, arena, suite, &found, err);
        if (st != FM_OK || (found && find_task(suite, name)))
            return st;
        *suite = (fm_suite){0};
        while (--length > 0 && name[length] != '-')
            ;
    }
    return FM_OK;
}

static fm_status look_everywhere(const fm_catalog *catalog, const char *name, fm_arena *arena,
                                 fm_suite *out, fm_err *err)
{
    const char *names[MAX_NAMES];
    fm_suite *suites;
    size_t n, n_names = 0;
    fm_status st = fm_catalog_suites(catalog, arena, &suites, &n, err);

    if (st != FM_OK)
        return st;
    for (size_t i = 0; i < n; i++) {
        *out = suites[i];
        if (find_task(out, name))
            return FM_OK;
        if (strcmp(out->name, name) == 0)
            return fm_fail(err, FM_E_INPUT, "suite '%s' names a default task that it does not have",
                           name);
        if (n_names < MAX_NAMES)
            names[n_names++] = suites[i].name;
        for (size_t t = 0; t < suites[i].n_tasks && n_names < MAX_NAMES; t++)
            names[n_names++] = suites[i].tasks[t].name;
    }
    return unknown("suite", name, names, n_names, err);
}

fm_status fm_catalog_target(const fm_catalog *catalog, const char *spec, fm_arena *arena,
                            fm_target *out, fm_err *err)
{
    const char *at = strchr(spec, '@');
    char *name = fm_arena_memdup(arena, spec, at ? (size_t)(at - spec) : strlen(spec));
    fm_suite *suite = fm_arena_alloc(arena, 1, sizeof(*suite));

    if (!name || !suite)
        return fm_fail(err, FM_E_NOMEM, "no memory for the suites");
    fm_status st = look_by_folder(catalog, name, arena, suite, err);
    if (st == FM_OK && suite->n_tasks == 0)
        st = look_everywhere(catalog, name, arena, suite, err);
    if (st != FM_OK)
        return st;
    *out = (fm_target){.suite = suite, .task = find_task(suite, name)};
    return fm_catalog_protocol(catalog, out->task, at ? at + 1 : NULL, &out->protocol, err);
}

fm_status fm_catalog_data(const fm_catalog *catalog, const fm_target *target, const char *given,
                          char *out, fm_err *err)
{
    char made[FM_PATH_BYTES], resolved[PATH_MAX];
    const fm_suite *suite = target->suite;
    bool fetched = suite->hub && catalog->locate;

    if (!given && !suite->generator && !fetched)
        return fm_fail(err, FM_E_USAGE,
                       "suite '%s' needs its data: --data DIR, where DIR holds what '%s' publishes",
                       suite->name, suite->title);
    if (!given) {
        fm_status st = suite->generator
                           ? catalog->generate(suite->generator, suite, made, sizeof(made), err)
                           : catalog->locate(suite, target->task, made, sizeof(made), err);

        if (st != FM_OK)
            return st;
        given = made;
    }
    if (!realpath(given, resolved) || !fm_dir_exists(resolved))
        return fm_fail(err, FM_E_INPUT, "there is no data folder '%s'", given);
    snprintf(out, FM_PATH_BYTES, "%s", resolved);
    return FM_OK;
}
