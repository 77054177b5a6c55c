/* Owns the driver of the askers and what they share: names, steps, units, and how question, answer and
 * reasoning are written. */
#include "world/ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "world/composer.h"
#include "world/exact.h"

/* Draws for one question before a family is given up on. */
enum { MOST_DRAWS = 16 };

/* ---- units ---- */

static const fm_unit units[] = {
    {"centimeters", 0.01, 1}, {"inches", 0.0254, 1}, {"meters", 1, 2}, {"feet", 0.3048, 1}};

const fm_unit *fm_unit_draw(double metres, fm_rng *rng)
{
    return &units[(metres < 1 ? 0 : 2) + fm_chance(rng, 0.3)];
}

static const fm_unit *unit_of(const char *name)
{
    for (size_t i = 0; i < FM_COUNT_OF(units); i++)
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    return &units[0];
}

/* ---- objects ---- */

int fm_ask_object(const fm_asker *asker, int not_this, int nor_this)
{
    int n = asker->list->n, i = n ? fm_one_of(asker->rng, n) : 0;

    for (int k = 0; k < n; k++, i = (i + 1) % n)
        if (i != not_this && i != nor_this)
            return i;
    return -1;
}

const char *fm_ask_name(const fm_asker *asker, int object)
{
    return asker->list->name[object].text;
}

bool fm_ask_admits(const fm_asker *asker, fm_world_form form)
{
    return asker->settings->forms >> form & 1;
}

/* ---- steps ---- */

static bool add_step(fm_world_question *q, const fm_world_step *step)
{
    for (int i = 0; i < q->n_steps; i++)
        if (q->steps[i].kind == step->kind && strcmp(q->steps[i].target, step->target) == 0)
            return true;
    if (q->n_steps == FM_WORLD_STEPS_MAX)
        return false;
    q->steps[q->n_steps++] = *step;
    return true;
}

bool fm_ask_step_scale(const fm_asker *asker, fm_world_question *q)
{
    const fm_world_step step = {FM_WORLD_SCALE, "Scene", {asker->scale, 0, 0}, NULL, 0};

    return add_step(q, &step);
}

bool fm_ask_step_point(fm_world_question *q, const char *target, const double place[3])
{
    fm_world_step step = {FM_WORLD_REFERRING, "", {place[0], place[1], place[2]}, NULL, 0};

    snprintf(step.target, sizeof(step.target), "%s", target);
    return add_step(q, &step);
}

bool fm_ask_step_referring(const fm_asker *asker, fm_world_question *q, int object)
{
    const fm_visibility *seen = &asker->list->seen[asker->list->thing[object]];
    const fm_frame *frame = asker->list->frame;
    const double place[3] = {(double)seen->u / frame->width, (double)seen->v / frame->height,
                             seen->depth};

    return fm_ask_step_point(q, fm_ask_name(asker, object), place);
}

bool fm_ask_step_measuring(const fm_asker *asker, fm_world_question *q, const char *target,
                           double metres)
{
    fm_world_step step = {FM_WORLD_MEASURING, "", {metres, 0, 0}, NULL, 0};

    step.unit = q->unit ? q->unit : fm_unit_draw(metres, asker->rng)->name;
    snprintf(step.target, sizeof(step.target), "%s", target);
    return add_step(q, &step);
}

bool fm_ask_step_compared(fm_world_question *q, const char *target, double metres)
{
    fm_world_step step = {FM_WORLD_MEASURING, "", {metres, 0, 0}, NULL, 0};

    snprintf(step.target, sizeof(step.target), "%s", target);
    return add_step(q, &step);
}

/* ---- writing ---- */

/* Text that is cut where the room ends. */
typedef struct {
    char *at;
    size_t room, n;
} pen;

static FM_PRINTF(2, 3) void put(pen *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(p->at + p->n, p->room - p->n, format, args);
    va_end(args);
    if (n > 0)
        p->n = (size_t)n < p->room - p->n ? p->n + (size_t)n : p->room - 1;
}

static void put_length(pen *p, const char *name, double metres)
{
    const fm_unit *unit = unit_of(name);

    put(p, "%.*f %s", unit->decimals, metres / unit->metres, unit->name);
}

static int thousandths(double x)
{
    return fm_exact_floor(x * 1000 + 0.5);
}

/* Rounded before it is written: there is no -0.000. */
static void put_point_in_space(pen *p, const fm_world_question *q, const double at[3])
{
    double xyz[3];

    fm_camera_back_project(&q->camera, at[0], at[1], at[2], xyz);
    put(p, "(%.3f, %.3f, %.3f)", thousandths(xyz[0]) / 1e3, thousandths(xyz[1]) / 1e3,
        thousandths(xyz[2]) / 1e3);
}

static void put_point(pen *p, const fm_world_question *q, const double at[3], bool deep)
{
    if (deep && q->in_space) {
        put_point_in_space(p, q, at);
        return;
    }
    put(p, "(%d, %d", thousandths(at[0]), thousandths(at[1]));
    if (deep)
        put(p, ", %.3f", at[2]);
    put(p, ")");
}

static void put_points(pen *p, const fm_world_question *q, bool deep)
{
    put(p, "[");
    for (int i = 0; i < q->n_points; i++) {
        put(p, "%s", i ? ", " : "");
        put_point(p, q, q->points[i], deep);
    }
    put(p, "]");
}

static void write_answer(fm_world_question *q)
{
    pen p = {q->answer, sizeof(q->answer), 0};

    switch (q->form) {
    case FM_WORLD_CHOICE:
        put(&p, "%c", 'A' + q->right);
        break;
    case FM_WORLD_YESNO:
        put(&p, "%s", q->yes ? "Yes" : "No");
        break;
    case FM_WORLD_LENGTH:
        put_length(&p, q->unit, q->length_m);
        break;
    case FM_WORLD_POINT_2D:
    case FM_WORLD_POINT:
    case FM_WORLD_PATH:
        put_points(&p, q, fm_question_deep(q));
        break;
    default: /* FM_WORLD_FACT: the asker has said it */
        break;
    }
}

void fm_world_ask_in_space(const fm_world_scene *scene, fm_world_question *q)
{
    const fm_camera *k = &scene->camera;

    q->in_space = true;
    q->camera = (fm_camera){k->fx / scene->width, k->fy / scene->height, k->cx / scene->width,
                            k->cy / scene->height};
    if (q->form == FM_WORLD_POINT || q->form == FM_WORLD_PATH)
        write_answer(q);
}

static void put_task(pen *p, const fm_world_question *q)
{
    bool deep = fm_question_deep(q);

    /* The sentences that RoboTracer checkpoints were trained on. */
    put(p, "Point the %s %s-centric visual trace for the task \"%s\".", deep ? "3D" : "2D",
        q->end_effector ? "end-effector" : "object", q->question);
    if (q->family == FM_WORLD_FAMILY_LIFTING) {
        put(p, " The 2D visual trace is ");
        put_points(p, q, false);
        put(p, ".");
    }
}

static void put_form_in_space(pen *p, const fm_world_question *q)
{
    bool path = q->form == FM_WORLD_PATH;

    put(p,
        " Your answer should be formatted as a list %s, where %s the x, y and z coordinates of the "
        "point in meters, in the camera's frame: x to the right, y down, z forward.",
        path ? "of tuples, i.e., [(x1, y1, z1), (x2, y2, z2), ...]"
             : "with one tuple, i.e., [(x, y, z)]",
        path ? "each tuple contains" : "the tuple contains");
}

static void put_form(pen *p, const fm_world_question *q)
{
    bool of_points = q->form == FM_WORLD_POINT || q->form == FM_WORLD_PATH;

    if (q->in_space && of_points && fm_question_deep(q)) {
        put_form_in_space(p, q);
        return;
    }
    switch (q->form) {
    case FM_WORLD_CHOICE:
        put(p, "\nAnswer with the letter of the right option.");
        break;
    case FM_WORLD_YESNO:
        put(p, "\nAnswer with yes or no.");
        break;
    case FM_WORLD_FACT:
        put(p, "\nAnswer with one sentence.");
        break;
    case FM_WORLD_LENGTH:
        put(p, " Answer with a number in %s.", q->unit);
        break;
    case FM_WORLD_POINT_2D:
        put(p, " Your answer should be formatted as a list with one tuple, i.e., [(x, y)], where x "
               "and y are the coordinates of the point.");
        break;
    case FM_WORLD_POINT:
        put(p, " Your answer should be formatted as a list with one tuple, i.e., [(x, y, d)], "
               "where x and y are the coordinates of the point, and d is the depth of the point.");
        break;
    default: /* FM_WORLD_PATH */
        put(p, fm_question_deep(q)
                   ? " Your answer should be formatted as a list of tuples, i.e., [(x1, y1, d1), "
                     "(x2, y2, d2), ...], where each tuple contains the x and y coordinates of the "
                     "point, and d is the depth of the point."
                   : " Your answer should be formatted as a list of tuples, i.e., [(x1, y1), (x2, "
                     "y2), ...], where each tuple contains the x and y coordinates of the point.");
    }
}

size_t fm_world_prompt(const fm_world_question *q, unsigned manner, char *out, size_t size)
{
    pen p = {out, size, 0};

    if (size == 0)
        return 0;
    out[0] = '\0';
    if (q->form == FM_WORLD_PATH)
        put_task(&p, q);
    else
        put(&p, "%s", q->question);
    for (int i = 0; i < q->n_options; i++)
        put(&p, manner & FM_WORLD_BRACKETS ? "\n(%c) %s" : "\n%c. %s", 'A' + i, q->options[i]);
    /* A length without its unit is no question. */
    if (!(manner & FM_WORLD_BRIEF) || q->form == FM_WORLD_LENGTH)
        put_form(&p, q);
    return p.n;
}

size_t fm_world_reasoning(const fm_world_question *q, char *out, size_t size)
{
    pen p = {out, size, 0};

    if (size == 0)
        return 0;
    out[0] = '\0';
    for (int i = 0; i < q->n_steps; i++) {
        const fm_world_step *step = &q->steps[i];

        put(&p, "%s", i ? "\n" : "");
        if (step->option && q->form == FM_WORLD_CHOICE)
            put(&p, "%c. ", 'A' + step->option - 1);
        switch (step->kind) {
        case FM_WORLD_SCALE:
            put(&p, "[Scale] [Scene]: %.3f", step->value[0]);
            break;
        case FM_WORLD_REFERRING:
            put(&p, "[Referring] [%s]: [", step->target);
            put_point(&p, q, step->value, true);
            put(&p, "]");
            break;
        case FM_WORLD_MEASURING:
            put(&p, "[Measuring] [%s]: ", step->target);
            if (step->unit)
                put_length(&p, step->unit, step->value[0]);
            else
                put(&p, "%.3f meters", step->value[0]);
            break;
        }
    }
    put(&p, "%s%s", q->conclusion[0] ? "\n" : "", q->conclusion);
    return p.n;
}

/* ---- the driver ---- */

static bool asked_before(const fm_world_scene *out, const fm_world_question *q)
{
    for (int i = 0; i < out->n_questions; i++)
        if (out->questions[i].family == q->family && out->questions[i].form == q->form &&
            out->questions[i].end_effector == q->end_effector &&
            strcmp(out->questions[i].question, q->question) == 0)
            return true;
    return false;
}

bool fm_ask(const fm_asker *asker, fm_world_scene *out)
{
    static bool (*const askers[FM_WORLD_FAMILIES])(const fm_asker *, fm_world_question *) = {
        [FM_WORLD_FAMILY_RELATION] = fm_ask_relation,
        [FM_WORLD_FAMILY_COMPARISON] = fm_ask_comparison,
        [FM_WORLD_FAMILY_REFERRING] = fm_ask_referring,
        [FM_WORLD_FAMILY_PLACING] = fm_ask_placing,
        [FM_WORLD_FAMILY_MEASURING] = fm_ask_measuring,
        [FM_WORLD_FAMILY_TRACE_2D] = fm_ask_trace,
        [FM_WORLD_FAMILY_TRACE_3D] = fm_ask_trace,
        [FM_WORLD_FAMILY_LIFTING] = fm_ask_trace,
    };

    out->n_questions = 0;
    for (int family = 0; family < FM_WORLD_FAMILIES; family++) {
        int first = out->n_questions, draws = 0;

        if (!(asker->settings->families >> family & 1))
            continue;
        while (out->n_questions - first < asker->settings->per_family && draws++ < MOST_DRAWS) {
            fm_world_question *q = &out->questions[out->n_questions];

            *q = (fm_world_question){.family = (fm_world_family)family, .subject = -1};
            if (!askers[family](asker, q) || q->n_steps < 2 || asked_before(out, q))
                continue;
            write_answer(q);
            out->n_questions++;
        }
        if (out->n_questions == first)
            return false;
    }
    return true;
}
