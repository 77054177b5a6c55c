/* Owns the recipe's file: its members, their bounds and what they are when nothing is said. */
#include "train/recipe_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "base/yaml.h"

static const unsigned all_families = (1U << FM_WORLD_FAMILIES) - 1;
static const unsigned all_forms = (1U << FM_WORLD_FORMS) - 1;
static const unsigned all_places = (1U << FM_WORLD_PLACES) - 1;

tr_recipe tr_recipe_default(void)
{
    return (tr_recipe){
        .fresh = true,
        .seed = 1,
        .steps = 1000,
        .pictures = 16,
        .memory_mb = 1024,
        .mixture = {.scale = 0.1, .kind = 0.5, .place = 1},
        .optimiser = {.momentum = 0.95,
                      .rate = 1e-3,
                      .least = 0.05,
                      .warmup = 200,
                      .beta1 = 0.9,
                      .beta2 = 0.98,
                      .eps = 1e-8,
                      .decay = 0.01,
                      .clip = 1},
        .sizes = {{128, 128}},
        .n_sizes = 1,
        .noise = true,
        .end_effector = true,
        .without_camera = 0.2,
        .without_depth = 0.2,
        .brackets = 0.5,
        .longest = 384,
        .stages = {{.things = {2, 8},
                    .families = all_families,
                    .places = all_places,
                    .forms = all_forms,
                    .per_family = 1}},
        .n_stages = 1,
        .save_every = 500,
        .judge_every = 500,
        .judge_pictures = 64,
    };
}

/* ---- members ---- */

rt_members tr_members_open(const tr_reading *r, const cJSON *object, const char *within,
                           const char *const *names, size_t n)
{
    rt_members m = {.sources = {{object, r->path, within}}, .n = 1, .err = r->err};
    const cJSON *item;

    if (object && !cJSON_IsObject(object)) { /* what a list has, has no names */
        m.st = fm_fail(r->err, FM_E_INPUT, "%s: '%s' wants members, as '%s: ...'", r->path,
                       within ? within : "the recipe", names[0]);
        return m;
    }
    cJSON_ArrayForEach(item, object)
    {
        bool known = false;

        for (size_t i = 0; i < n; i++)
            known = known || strcmp(item->string, names[i]) == 0;
        if (!known)
            rt_members_fail(&m, item->string, "is no member of a recipe");
    }
    return m;
}

static void read_count(rt_members *m, const char *key, int low, uint64_t *out)
{
    int value = (int)*out;

    rt_members_whole(m, key, low, 1 << 30, &value);
    *out = (uint64_t)value;
}

/* "families: [referring, measuring]" as bits; `name_of` names each of n. */
static void read_set(rt_members *m, const char *key, const char *(*name_of)(int), int n,
                     unsigned *out)
{
    const cJSON *list = rt_members_find(m, key, NULL), *item;
    unsigned bits = 0;

    if (!list)
        return;
    cJSON_ArrayForEach(item, list)
    {
        const char *text = cJSON_GetStringValue(item);
        unsigned before = bits;

        for (int i = 0; text && i < n; i++)
            if (strcmp(text, name_of(i)) == 0)
                bits |= 1U << i;
        if (bits == before)
            rt_members_fail(m, key, "has '%s', which there is none of, or twice",
                            text ? text : "what is no name");
    }
    if (bits == 0 || !cJSON_IsArray(list))
        rt_members_fail(m, key, "wants a list of names, as [%s]", name_of(0));
    *out = bits;
}

static const char *family_name(int i)
{
    return fm_world_family_name((fm_world_family)i);
}

static const char *form_name(int i)
{
    return fm_world_form_name((fm_world_form)i);
}

static const char *place_name(int i)
{
    return fm_world_place_name((fm_world_place)i);
}

static void read_frozen(const tr_reading *r, rt_members *m, tr_optimiser *o)
{
    const cJSON *list = rt_members_find(m, "frozen", NULL), *item;

    if (list && !cJSON_IsArray(list))
        rt_members_fail(m, "frozen", "wants a list of parts, as [vision_tower]");
    cJSON_ArrayForEach(item, list)
    {
        const char *part = fm_arena_strdup(r->arena, cJSON_GetStringValue(item));

        if (!part || o->n_frozen == TR_MOST_FROZEN)
            rt_members_fail(m, "frozen", "wants up to %d names of parts", TR_MOST_FROZEN);
        else
            o->frozen[o->n_frozen++] = part;
    }
}

static fm_status read_optimiser(const tr_reading *r, const cJSON *object)
{
    static const char *const names[] = {"rate",  "rule",  "least", "warmup", "momentum",
                                        "beta1", "beta2", "decay", "clip",   "frozen"};
    static const char *const rules[] = {[TR_ADAMW] = "adamw", [TR_MUON] = "muon"};
    tr_optimiser *o = &r->out->optimiser;
    rt_members m = tr_members_open(r, object, "optimiser", names, FM_COUNT_OF(names));
    int rule = o->rule;

    rt_members_choice(&m, "rule", rules, FM_COUNT_OF(rules), &rule);
    o->rule = (tr_rule)rule;
    rt_members_number(&m, "momentum", 0, 0.9999, &o->momentum);

    rt_members_number(&m, "rate", 0, 1, &o->rate);
    rt_members_number(&m, "least", 0, 1, &o->least);
    read_count(&m, "warmup", 0, &o->warmup);
    rt_members_number(&m, "beta1", 0, 0.9999, &o->beta1);
    rt_members_number(&m, "beta2", 0, 0.99999, &o->beta2);
    rt_members_number(&m, "decay", 0, 10, &o->decay);
    rt_members_number(&m, "clip", 0, 1e6, &o->clip);
    read_frozen(r, &m, o);
    return m.st;
}

static fm_status read_mixture(const tr_reading *r, const cJSON *object)
{
    static const char *const names[] = {"scale", "kind", "place",
                                        "digit", "code", "auxiliary_steps"};
    tr_mixture *mixture = &r->out->mixture;
    rt_members m = tr_members_open(r, object, "losses", names, FM_COUNT_OF(names));

    rt_members_number(&m, "scale", 0, 1e3, &mixture->scale);
    rt_members_number(&m, "kind", 0, 1e3, &mixture->kind);
    rt_members_number(&m, "place", 0, 1e3, &mixture->place);
    rt_members_number(&m, "digit", 0, 1e3, &mixture->digit);
    rt_members_number(&m, "code", 0, 1e3, &mixture->code);
    read_count(&m, "auxiliary_steps", 0, &mixture->auxiliary_steps);
    return m.st;
}

/* A stage has what the one before it had where it says nothing. */
static fm_status read_stage(const tr_reading *r, const cJSON *object, tr_stage *stage)
{
    static const char *const names[] = {"until", "things",     "families",   "places",
                                        "forms", "per_family", "easy_names", "only_look",
                                        "told",  "reasoning",  "only_deduce"};
    rt_members m = tr_members_open(r, object, "stages", names, FM_COUNT_OF(names));

    stage->until = 0;
    read_count(&m, "until", 1, &stage->until);
    rt_members_list(&m, "things", 1, FM_WORLD_OBJECTS_MAX, stage->things, 2);
    if (stage->things[0] > stage->things[1])
        rt_members_fail(&m, "things", "wants the fewest before the most");
    read_set(&m, "families", family_name, FM_WORLD_FAMILIES, &stage->families);
    read_set(&m, "forms", form_name, FM_WORLD_FORMS, &stage->forms);
    read_set(&m, "places", place_name, FM_WORLD_PLACES, &stage->places);
    rt_members_whole(&m, "per_family", 1, 8, &stage->per_family);
    rt_members_bool(&m, "easy_names", &stage->easy_names);
    rt_members_bool(&m, "only_look", &stage->only_look);
    rt_members_bool(&m, "only_deduce", &stage->only_deduce);
    rt_members_number(&m, "told", 0, 1, &stage->told);
    rt_members_number(&m, "reasoning", 0, 1, &stage->reasoning);
    return m.st;
}

static fm_status read_stages(const tr_reading *r, const cJSON *list)
{
    tr_recipe *out = r->out;
    const cJSON *item;
    fm_status st = FM_OK;
    int n = 0;

    if (list && !cJSON_IsArray(list))
        return fm_fail(r->err, FM_E_INPUT, "%s: 'stages' wants a list, as '- {things: [1, 3]}'",
                       r->path);
    cJSON_ArrayForEach(item, list)
    {
        bool last = !item->next;

        if (n == TR_MOST_STAGES)
            return fm_fail(r->err, FM_E_INPUT, "%s: over %d stages", r->path, TR_MOST_STAGES);
        if (n > 0)
            out->stages[n] = out->stages[n - 1];
        st = read_stage(r, item, &out->stages[n]);
        if (st != FM_OK)
            return st;
        uint64_t before = n > 0 ? out->stages[n - 1].until : 0, until = out->stages[n].until;
        if (last ? until != 0 : until <= before)
            return fm_fail(
                r->err, FM_E_INPUT,
                "%s: each stage wants a later 'until' than the one before it, the last none",
                r->path);
        n++;
    }
    out->n_stages = n > 0 ? n : out->n_stages;
    return st;
}

/* 0 where it is no whole number of pixels that a picture can have. */
static int side_of(const cJSON *item)
{
    double side = cJSON_IsNumber(item) ? item->valuedouble : 0;

    return side >= FM_WORLD_MIN_SIDE && side <= 1024 && side == floor(side) ? (int)side : 0;
}

/* "sizes: [[128, 96], [96, 128]]" */
static void read_sizes(rt_members *m, tr_recipe *out)
{
    const cJSON *list = rt_members_find(m, "sizes", NULL), *item;
    int n = 0;

    if (!list)
        return;
    cJSON_ArrayForEach(item, list)
    {
        const cJSON *width = cJSON_GetArrayItem(item, 0), *height = cJSON_GetArrayItem(item, 1);
        tr_size size = {side_of(width), side_of(height)};

        if (n == TR_MOST_SIZES || !cJSON_IsArray(list) || !cJSON_IsArray(item) ||
            cJSON_GetArraySize(item) != 2 || size.width == 0 || size.height == 0) {
            rt_members_fail(m, "sizes", "wants up to %d of [width, height], each %d to 1024",
                            TR_MOST_SIZES, FM_WORLD_MIN_SIDE);
            return;
        }
        out->sizes[n++] = size;
    }
    if (n == 0)
        rt_members_fail(m, "sizes", "wants a list, as [[128, 96], [96, 128]]");
    out->n_sizes = n;
}

static fm_status read_data(const tr_reading *r, const cJSON *object)
{
    static const char *const names[] = {
        "folder",         "sizes",         "points", "noise",    "end_effector", "hard_ways",
        "without_camera", "without_depth", "brief",  "brackets", "reasoning",    "longest"};
    static const char *const points[] = {"uvd", "xyz"};
    tr_recipe *out = r->out;
    rt_members m = tr_members_open(r, object, "data", names, FM_COUNT_OF(names));

    const char *folder = fm_json_string(object, "folder");

    if (fm_json_get(object, "folder") && !folder)
        rt_members_fail(&m, "folder", "wants a path");
    read_sizes(&m, out);
    int in_space = out->in_space;

    rt_members_choice(&m, "points", points, FM_COUNT_OF(points), &in_space);
    out->in_space = in_space;
    if (out->in_space && (folder || out->rewarded))
        rt_members_fail(
            &m, "points",
            "is uvd in folders of scenes and for rewards: xyz is for supervised training "
            "on scenes made in memory");
    rt_members_bool(&m, "noise", &out->noise);
    rt_members_bool(&m, "end_effector", &out->end_effector);
    rt_members_number(&m, "hard_ways", 0, 1, &out->hard_ways);
    rt_members_number(&m, "without_camera", 0, 1, &out->without_camera);
    rt_members_number(&m, "without_depth", 0, 1, &out->without_depth);
    rt_members_number(&m, "brief", 0, 1, &out->brief);
    rt_members_number(&m, "brackets", 0, 1, &out->brackets);
    rt_members_number(&m, "reasoning", 0, 1, &out->stages[0].reasoning);
    rt_members_whole(&m, "longest", 16, 4096, &out->longest);
    return m.st == FM_OK && folder ? fm_path_beside(out->folder, r->path, folder, r->err) : m.st;
}

/* ---- the file ---- */

static fm_status find_model(const tr_reading *r, const cJSON *item)
{
    const char *model = cJSON_GetStringValue(item);

    if (item && !cJSON_IsNull(item) && !model)
        return fm_fail(r->err, FM_E_INPUT, "%s: 'model' wants a path: the folder with config.json",
                       r->path);
    if (!model)
        return fm_fail(r->err, FM_E_INPUT, "%s: 'model' is missing: the folder with config.json",
                       r->path);
    return fm_path_beside(r->out->model, r->path, model, r->err);
}

static fm_status read_root(const tr_reading *r, const cJSON *root)
{
    static const char *const names[] = {
        "model",  "fresh", "seed",   "steps", "pictures",   "memory_mb",   "optimiser",
        "losses", "data",  "stages", "rft",   "save_every", "judge_every", "judge_pictures"};
    tr_recipe *out = r->out;
    rt_members m = tr_members_open(r, root, NULL, names, FM_COUNT_OF(names));
    fm_status st = tr_recipe_read_rft(r, fm_json_get(root, "rft"));

    if (st != FM_OK)
        return st;
    rt_members_bool(&m, "fresh", &out->fresh);
    read_count(&m, "seed", 0, &out->seed);
    read_count(&m, "steps", 1, &out->steps);
    rt_members_whole(&m, "pictures", 1, TR_MOST_PICTURES, &out->pictures);
    rt_members_whole(&m, "memory_mb", 16, 1 << 20, &out->memory_mb);
    rt_members_whole(&m, "save_every", 1, 1 << 30, &out->save_every);
    rt_members_whole(&m, "judge_every", 0, 1 << 30, &out->judge_every);
    rt_members_whole(&m, "judge_pictures", 1, 1 << 20, &out->judge_pictures);
    st = m.st;
    if (st == FM_OK)
        st = find_model(r, fm_json_get(root, "model"));
    if (st == FM_OK)
        st = read_optimiser(r, fm_json_get(root, "optimiser"));
    if (st == FM_OK)
        st = read_mixture(r, fm_json_get(root, "losses"));
    if (st == FM_OK)
        st = read_data(r, fm_json_get(root, "data"));
    if (st == FM_OK)
        st = read_stages(r, fm_json_get(root, "stages"));
    return st;
}

fm_status tr_recipe_read(tr_recipe *out, const char *path, fm_arena *arena, fm_err *err)
{
    tr_recipe made = tr_recipe_default();
    tr_reading r = {path, arena, &made, err};
    cJSON *root = NULL;
    fm_status st = fm_yaml_load(path, &root, err);

    if (st == FM_OK)
        st = read_root(&r, root);
    cJSON_Delete(root);
    if (st == FM_OK)
        *out = made;
    return st;
}

/* ---- the curriculum ---- */

int tr_recipe_stage(const tr_recipe *recipe, uint64_t step)
{
    int i = 0;

    while (i + 1 < recipe->n_stages && step >= recipe->stages[i].until)
        i++;
    return i;
}

/* By chance, but of the picture's number alone. */
static bool is_hard(const tr_recipe *recipe, uint64_t index)
{
    fm_rng rng;

    fm_rng_seed(&rng, recipe->seed ^ ~index);
    return fm_rng_unit(&rng) < recipe->hard_ways;
}

fm_world_settings tr_recipe_scene(const tr_recipe *recipe, int stage, uint64_t index)
{
    const tr_stage *from = &recipe->stages[stage];
    const tr_size *size = &recipe->sizes[index % (uint64_t)recipe->n_sizes];
    fm_world_settings s = fm_world_default_settings();

    s.split = FM_WORLD_TRAIN;
    s.seed = recipe->seed;
    s.width = size->width;
    s.height = size->height;
    s.noise = recipe->noise;
    s.no_end_effector = !recipe->end_effector;
    s.hard_ways = is_hard(recipe, index);
    s.fewest = from->things[0];
    s.most = from->things[1];
    s.families = from->families;
    s.places = from->places;
    s.forms = from->forms;
    s.per_family = from->per_family;
    s.easy_names = from->easy_names;
    return s;
}
