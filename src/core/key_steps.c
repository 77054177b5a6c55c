/* Owns the forms in which data writes key steps. */
#include "core/key_steps.h"

#include <math.h>
#include <string.h>

#include "fathom/quantity.h"

typedef struct {
    fm_steps_dialect dialect;
    const char *place;
    fm_arena *arena;
    fm_key_step *steps; /* [FM_KEY_STEPS_MAX] */
    size_t n;
    fm_err *err;
} reading;

static fm_status fault(const reading *r, const char *problem)
{
    return fm_fail(r->err, FM_E_INPUT, "%s: step %zu %s", r->place, r->n + 1, problem);
}

static fm_status no_memory(const reading *r)
{
    return fm_fail(r->err, FM_E_NOMEM, "%s: no memory for the steps", r->place);
}

static fm_status push(reading *r, const fm_key_step *step)
{
    const double *v = step->value;
    bool usable = isfinite(v[0]);

    switch (step->kind) {
    case FM_STEP_REFERRING:
        usable = usable && isfinite(v[1]) && (isnan(v[2]) || (isfinite(v[2]) && v[2] > 0));
        break;
    case FM_STEP_MEASURING:
    case FM_STEP_SCALE:
        usable = usable && v[0] > 0;
        break;
    case FM_STEP_ORIENTATION:
        usable =
            usable && isfinite(v[1]) && isfinite(v[2]) && (v[0] != 0 || v[1] != 0 || v[2] != 0);
        break;
    case FM_STEP_UNKNOWN:
        usable = false;
        break;
    }
    if (!usable)
        return fault(r, "has a value that is none of its type");
    if (r->n == FM_KEY_STEPS_MAX)
        return fm_fail(r->err, FM_E_INPUT, "%s: more than %d steps", r->place, FM_KEY_STEPS_MAX);
    r->steps[r->n++] = *step;
    return FM_OK;
}

static fm_status read_value(const reading *r, const cJSON *object, fm_key_step *out)
{
    const cJSON *value = fm_json_get(object, "value");
    const char *unit = fm_json_string(object, "unit");
    double metres = 1;

    out->value[1] = out->value[2] = NAN;
    if (out->kind == FM_STEP_REFERRING || out->kind == FM_STEP_ORIENTATION) {
        if (!fm_json_vector(value, out->value, 3) &&
            (out->kind == FM_STEP_ORIENTATION || !fm_json_vector(value, out->value, 2)))
            return fault(r, "wants its value as a list of numbers");
        if (out->kind == FM_STEP_REFERRING && r->dialect != FM_STEPS_ROBOREFER) {
            out->value[0] /= 1000;
            out->value[1] /= 1000;
        }
        return FM_OK;
    }
    if (!cJSON_IsNumber(value))
        return fault(r, "wants a number as its value");
    if (unit && (out->kind != FM_STEP_MEASURING || !fm_unit_metres(fm_span_of(unit), &metres)))
        return fault(r, "has a unit that is none of length");
    out->value[0] = value->valuedouble * metres;
    return FM_OK;
}

static fm_status read_object(reading *r, const cJSON *object)
{
    const char *type = fm_json_string(object, "type"), *target = fm_json_string(object, "target");
    fm_key_step step = {.target = fm_arena_strdup(r->arena, target)};

    if (!type || !fm_step_kind_from_name(fm_span_of(type), &step.kind))
        return fault(r, "wants a 'type': Referring, Measuring, Scale or Orientation");
    if (!target || !target[0])
        return fault(r, "has no 'target'");
    if (!step.target)
        return no_memory(r);
    fm_status st = read_value(r, object, &step);
    return st == FM_OK ? push(r, &step) : st;
}

/* As a model would write them. */
static fm_status read_text(reading *r, const char *text)
{
    fm_steps steps;
    fm_status st = fm_steps_read(r->dialect, fm_span_of(text), r->arena, &steps, r->err);

    if (st == FM_OK && steps.n == 0)
        return fault(r, "is not written as '[type] [target]: [value]'");
    for (size_t i = 0; st == FM_OK && i < steps.n; i++) {
        const fm_step *s = &steps.items[i];
        fm_key_step step = {.kind = s->kind,
                            .target = fm_arena_memdup(r->arena, s->target.text, s->target.size)};

        memcpy(step.value, s->numbers, sizeof(step.value));
        if (s->form != FM_STEP_BRACKETED || !s->target.size ||
            (s->kind == FM_STEP_MEASURING && s->value_kind != FM_STEP_LENGTH))
            st = fault(r, "is not written as '[type] [target]: [value]'");
        else
            st = step.target ? push(r, &step) : no_memory(r);
    }
    return st;
}

fm_status fm_key_steps_read(const cJSON *item, fm_steps_dialect dialect, const char *place,
                            fm_arena *arena, const fm_key_step **out, size_t *n, fm_err *err)
{
    reading r = {.dialect = dialect, .place = place, .arena = arena, .err = err};
    fm_status st = FM_OK;
    const cJSON *step;

    r.steps = fm_arena_alloc(arena, FM_KEY_STEPS_MAX, sizeof(*r.steps));
    if (!r.steps)
        return no_memory(&r);
    if (cJSON_IsString(item)) {
        st = read_text(&r, item->valuestring);
    } else if (!cJSON_IsArray(item)) {
        st = fm_fail(err, FM_E_INPUT, "%s is no list of steps", place);
    } else {
        for (step = item->child; st == FM_OK && step; step = step->next) {
            if (cJSON_IsString(step))
                st = read_text(&r, step->valuestring);
            else if (cJSON_IsObject(step))
                st = read_object(&r, step);
            else
                st = fault(&r, "is neither an object nor a text");
        }
    }
    if (st != FM_OK)
        return st;
    *out = r.steps;
    *n = r.n;
    return FM_OK;
}
