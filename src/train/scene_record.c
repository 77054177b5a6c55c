/* Owns what the members of a scene's record are, and their bounds. */
#include "train/scene_record.h"

#include <math.h>
#include <string.h>

#include "base/size.h"

/* A line under way. Failures stick, so that a caller looks once. */
typedef struct {
    const char *name;
    fm_arena *arena;
    fm_world_scene *scene;
    fm_status st;
    fm_err *err;
} record;

static void refuse(record *r, const char *what, const char *wants)
{
    if (r->st == FM_OK)
        r->st = fm_fail(r->err, FM_E_INPUT, "%s: '%s' wants %s", r->name, what, wants);
}

/* Within its bounds, whatever stands there. */
static double number(record *r, const cJSON *object, const char *key, double low, double high)
{
    double value = fm_json_number(object, key, NAN);

    if (value >= low && value <= high)
        return value;
    if (r->st == FM_OK)
        r->st = fm_fail(r->err, FM_E_INPUT, "%s: '%s' wants a number from %g to %g", r->name, key,
                        low, high);
    return low;
}

static const char *text(record *r, const cJSON *object, const char *key)
{
    const char *given = fm_json_string(object, key);
    const char *kept = given ? fm_arena_strdup(r->arena, given) : NULL;

    if (!given)
        refuse(r, key, "a text");
    else if (!kept && r->st == FM_OK)
        r->st = fm_fail(r->err, FM_E_NOMEM, "no memory for a scene");
    return kept ? kept : "";
}

/* Into room of a fixed size. */
static void short_text(record *r, const cJSON *object, const char *key, char *out, size_t size)
{
    const char *given = fm_json_string(object, key);

    if (!given || strlen(given) >= size)
        refuse(r, key, "a text, and not so long a one");
    else
        memcpy(out, given, strlen(given) + 1);
}

/* [u, v] or [u, v, d], the picture's sides being 1000; false for anything else. */
static bool read_point(const cJSON *item, bool deep, double out[3])
{
    double p[3] = {0};

    if (!fm_json_vector(item, p, deep ? 3 : 2) || !(fabs(p[0]) <= 1e4) || !(fabs(p[1]) <= 1e4) ||
        (deep && !(p[2] > 0 && p[2] <= 1e4)))
        return false;
    out[0] = p[0] / 1000;
    out[1] = p[1] / 1000;
    out[2] = p[2];
    return true;
}

static void read_camera(record *r, const cJSON *rows, fm_camera *out)
{
    double k[3][3];

    for (int i = 0; i < 3; i++)
        if (!fm_json_vector(cJSON_GetArrayItem(rows, i), k[i], 3)) {
            refuse(r, "intrinsics", "three rows of three numbers");
            return;
        }
    if (!(k[0][0] > 0 && k[0][0] < 1e6 && k[1][1] > 0 && k[1][1] < 1e6))
        refuse(r, "intrinsics", "focal lengths over 0");
    *out = (fm_camera){.fx = k[0][0], .fy = k[1][1], .cx = k[0][2], .cy = k[1][2]};
}

static void read_objects(record *r, const cJSON *list)
{
    fm_world_scene *s = r->scene;
    const cJSON *item;

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > FM_WORLD_OBJECTS_MAX)
        refuse(r, "objects", "a list, of 24 at most");
    cJSON_ArrayForEach(item, list)
    {
        if (r->st != FM_OK)
            return;
        fm_world_object *o = &s->objects[s->n_objects++];

        if (fm_json_number(item, "id", 0) != s->n_objects)
            refuse(r, "objects.id", "1, 2, 3 in order, as the picture of ids has them");
        o->kind = text(r, item, "kind");
        o->colour = fm_json_string(item, "colour") ? text(r, item, "colour") : NULL;
        if (!read_point(fm_json_get(item, "center_uvd"), true, o->centre))
            refuse(r, "objects.center_uvd", "[u, v, d]");
    }
}

/* The index of a name; -1. */
static int name_at(const char *name, const char *(*name_of)(int), int n)
{
    for (int i = 0; name && i < n; i++)
        if (strcmp(name, name_of(i)) == 0)
            return i;
    return -1;
}

static const char *family_name(int i)
{
    return fm_world_family_name((fm_world_family)i);
}

static const char *form_name(int i)
{
    return fm_world_form_name((fm_world_form)i);
}

static void read_key_steps(record *r, const cJSON *list, fm_world_question *q)
{
    static const char *const kinds[] = {[FM_WORLD_SCALE] = "Scale",
                                        [FM_WORLD_REFERRING] = "Referring",
                                        [FM_WORLD_MEASURING] = "Measuring"};
    const cJSON *item;

    if (cJSON_GetArraySize(list) > FM_WORLD_STEPS_MAX)
        refuse(r, "key_steps", "9 steps at most");
    cJSON_ArrayForEach(item, list)
    {
        const char *kind = fm_json_string(item, "type");
        size_t k = 0;

        if (r->st != FM_OK)
            return;
        fm_world_step *step = &q->steps[q->n_steps++];
        while (k < FM_COUNT_OF(kinds) && (!kind || strcmp(kind, kinds[k]) != 0))
            k++;
        if (k == FM_COUNT_OF(kinds)) {
            refuse(r, "key_steps.type", "Scale, Referring or Measuring");
            return;
        }
        step->kind = (fm_world_key_kind)k;
        short_text(r, item, "target", step->target, sizeof(step->target));
        if (step->kind != FM_WORLD_REFERRING)
            step->value[0] = number(r, item, "value", 1e-6, 1e6);
        else if (!read_point(fm_json_get(item, "value"), true, step->value))
            refuse(r, "key_steps.value", "[u, v, d]");
    }
}

static void read_trace(record *r, const cJSON *list, fm_world_question *q)
{
    bool deep = q->form != FM_WORLD_POINT_2D && q->family != FM_WORLD_FAMILY_TRACE_2D;
    const cJSON *item;

    if (cJSON_GetArraySize(list) < 1 || cJSON_GetArraySize(list) > FM_WORLD_POINTS_MAX)
        refuse(r, "trace", "1 to 12 points");
    cJSON_ArrayForEach(item, list)
    {
        if (r->st == FM_OK && !read_point(item, deep, q->points[q->n_points++]))
            refuse(r, "trace", deep ? "points [u, v, d]" : "points [u, v]");
    }
}

static void read_truth(record *r, const cJSON *truth, fm_world_question *q)
{
    const cJSON *yes = fm_json_get(truth, "yes");

    switch (q->form) {
    case FM_WORLD_CHOICE:
        q->right = (int)number(r, truth, "option", 0, FM_WORLD_OPTIONS_MAX - 1);
        break;
    case FM_WORLD_YESNO:
        if (!cJSON_IsBool(yes))
            refuse(r, "yes", "true or false");
        q->yes = cJSON_IsTrue(yes);
        break;
    case FM_WORLD_LENGTH:
        q->length_m = number(r, truth, "length_m", 1e-6, 1e6);
        break;
    case FM_WORLD_POINT_2D:
    case FM_WORLD_POINT:
    case FM_WORLD_PATH:
        read_trace(r, fm_json_get(truth, "trace"), q);
        break;
    case FM_WORLD_FACT:
    case FM_WORLD_FORMS:
        break;
    }
    read_key_steps(r, fm_json_get(truth, "key_steps"), q);
}

/* Its lines, one below another. */
static const char *read_reasoning(record *r, const cJSON *steps)
{
    fm_buf joined = {0};
    const cJSON *item;
    const char *kept;

    cJSON_ArrayForEach(item, steps)
    {
        if (!cJSON_IsString(item))
            refuse(r, "steps", "a list of texts");
        else
            fm_buf_printf(&joined, "%s%s", joined.size ? "\n" : "", item->valuestring);
    }
    kept = fm_arena_strdup(r->arena, fm_buf_text(&joined));
    if (r->st == FM_OK && (joined.failed || !kept))
        r->st = fm_fail(r->err, FM_E_NOMEM, "no memory for a scene");
    fm_buf_release(&joined);
    return kept ? kept : "";
}

static void read_questions(record *r, const cJSON *list, tr_scene_words *words)
{
    fm_world_scene *s = r->scene;
    const cJSON *item;

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > FM_WORLD_QUESTIONS_MAX)
        refuse(r, "qa", "a list, of 64 at most");
    cJSON_ArrayForEach(item, list)
    {
        int family = name_at(fm_json_string(item, "family"), family_name, FM_WORLD_FAMILIES);
        int form = name_at(fm_json_string(item, "form"), form_name, FM_WORLD_FORMS);

        if (family < 0 || form < 0)
            refuse(r, "qa", "a family and a form that the generator has");
        if (r->st != FM_OK)
            return;
        fm_world_question *q = &s->questions[s->n_questions];
        tr_scene_words *w = &words[s->n_questions++];
        *q = (fm_world_question){
            .family = (fm_world_family)family, .form = (fm_world_form)form, .subject = -1};
        short_text(r, item, "answer", q->answer, sizeof(q->answer));
        w->prompt = text(r, item, "question");
        w->reasoning = read_reasoning(r, fm_json_get(item, "steps"));
        read_truth(r, fm_json_get(item, "truth"), q);
    }
}

fm_status tr_scene_record_read(const cJSON *root, const char *name, fm_arena *arena,
                               fm_world_scene *scene, tr_scene_words *words, fm_err *err)
{
    record r = {name, arena, scene, FM_OK, err};

    scene->n_objects = scene->n_questions = 0;
    scene->scale = number(&r, root, "scale", 1e-6, 1e6);
    scene->max_depth_m = number(&r, root, "max_depth", 1e-6, 1e6);
    read_camera(&r, fm_json_get(root, "intrinsics"), &scene->camera);
    read_objects(&r, fm_json_get(root, "objects"));
    read_questions(&r, fm_json_get(root, "qa"), words);
    return r.st;
}
