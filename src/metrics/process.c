/* Owns which step is about which key step, and whether it is right. What a judgement is worth as a
 * reward is reward.c's business. */
#include "fathom/process.h"

#include <assert.h>
#include <math.h>

#include "base/size.h"
#include "fathom/measuring.h"

const fm_process_rules fm_process_robotracer = {
    .name = "robotracer",
    .dialect = FM_STEPS_ROBOTRACER,
    .place = 0.10,
    .depth_band = 0.30,
    .length_band = 0.30,
    .scale_band = 0.30,
    .cosine = 0.8,
};

const fm_process_rules fm_process_roborefer = {
    .name = "roborefer",
    .dialect = FM_STEPS_ROBOREFER,
    .place = 50,
    .place_pixels = true,
    .depth_band = 0.30,
    .length_band = 0.15,
    .scale_band = 0.30,
    .cosine = 0.8,
};

static const char *const verdict_names[] = {
#define VERDICT_NAME(code, name, text) [FM_STEP_##code] = name,
    FM_STEP_VERDICT_MAP(VERDICT_NAME)
#undef VERDICT_NAME
};

const char *fm_step_verdict_name(fm_step_verdict verdict)
{
    return (size_t)verdict < FM_COUNT_OF(verdict_names) ? verdict_names[verdict] : "unknown";
}

/* ---- one step against one key step ---- */

typedef struct {
    const fm_process_rules *rules;
    double width, height; /* of the picture; both 1: square, and its pixels are not known */
} judging;

/* A point that is written exactly at the bound must not be rounded across it. */
static const double ROUNDING = 1e-9;

static bool place_holds(const judging *j, double error)
{
    return j->rules->place_pixels ? error < j->rules->place - ROUNDING
                                  : error <= j->rules->place + ROUNDING;
}

static void judge_referring(const judging *j, fm_step_judgement *out)
{
    const double *p = out->step->numbers, *g = out->key->value;
    double longer = j->width > j->height ? j->width : j->height;
    double pixels = fabs(p[0] - g[0]) * j->width + fabs(p[1] - g[1]) * j->height;

    if (out->step->value_kind != FM_STEP_POINT2 && out->step->value_kind != FM_STEP_POINT3)
        return;
    if (!j->rules->place_pixels)
        out->place_error = pixels / longer;
    else if (j->width > 1)
        out->place_error = pixels;
    bool place = place_holds(j, out->place_error), depth = place;
    if (!isnan(g[2])) {
        out->ratio = p[2] / g[2];
        depth = fm_within_band(p[2], g[2], j->rules->depth_band);
    }
    out->score = 0.5 * place + 0.5 * depth;
    out->verdict = place && depth ? FM_STEP_RIGHT : place || depth ? FM_STEP_PARTLY : FM_STEP_WRONG;
    if (isnan(out->place_error))
        out->why = "the size of the picture is not known";
    else if (!place)
        out->why = "elsewhere in the picture";
    else if (!depth)
        out->why = isnan(p[2]) ? "no depth" : p[2] > g[2] ? "too far away" : "too near";
}

static void judge_number(double band, fm_step_value wanted, fm_step_judgement *out)
{
    double p = out->step->numbers[0], g = out->key->value[0];

    if (out->step->value_kind != wanted)
        return;
    out->ratio = p / g;
    out->score = fm_within_band(p, g, band);
    out->verdict = out->score > 0 ? FM_STEP_RIGHT : FM_STEP_WRONG;
    if (out->verdict == FM_STEP_WRONG)
        out->why = p > g ? "too large" : "too small";
}

static void judge_orientation(const judging *j, fm_step_judgement *out)
{
    const double *p = out->step->numbers, *g = out->key->value;
    double dot = 0, pp = 0, gg = 0;

    if (out->step->value_kind != FM_STEP_VECTOR)
        return;
    for (int i = 0; i < 3; i++) {
        dot += p[i] * g[i];
        pp += p[i] * p[i];
        gg += g[i] * g[i];
    }
    out->cosine = dot / sqrt(pp * gg);
    out->score = out->cosine > j->rules->cosine;
    out->verdict = out->score > 0 ? FM_STEP_RIGHT : FM_STEP_WRONG;
    if (out->verdict == FM_STEP_WRONG)
        out->why = "another direction";
}

static fm_step_judgement judge_pair(const judging *j, const fm_step *step, const fm_key_step *key)
{
    fm_step_judgement out = {.step = step,
                             .key = key,
                             .verdict = FM_STEP_UNREADABLE,
                             .place_error = NAN,
                             .ratio = NAN,
                             .cosine = NAN};

    switch (step->kind) {
    case FM_STEP_REFERRING:
        judge_referring(j, &out);
        break;
    case FM_STEP_MEASURING:
        judge_number(j->rules->length_band, FM_STEP_LENGTH, &out);
        break;
    case FM_STEP_SCALE:
        judge_number(j->rules->scale_band, FM_STEP_NUMBER, &out);
        break;
    case FM_STEP_ORIENTATION:
        judge_orientation(j, &out);
        break;
    case FM_STEP_UNKNOWN:
        break;
    }
    if (out.verdict == FM_STEP_UNREADABLE)
        out.why = step->fault ? step->fault : "no value of its kind";
    return out;
}

/* ---- which belongs to which ---- */

/* How well names fit, 0 not at all; prose comes last and fits where it holds the name. */
enum { FIT_PROSE = 1, FIT_BEST = 1 + FM_STEP_NAMES_EQUAL };

static int fit_of(const fm_step *step, const char *step_name, const fm_key_step *key,
                  const char *key_name)
{
    if (step->kind != key->kind)
        return 0;
    fm_step_names names = fm_step_names_compare(step_name, key_name);
    if (step->form == FM_STEP_FREE)
        return names >= FM_STEP_NAMES_WITHIN ? FIT_PROSE : 0;
    return names == FM_STEP_NAMES_DIFFER ? 0 : 1 + (int)names;
}

typedef struct {
    const fm_step *steps;
    const fm_key_step *keys;
    size_t n, n_keys;
    /* [n][n_keys] of it; 0 once either of the two is matched */
    unsigned char fits[FM_STEPS_MAX][FM_KEY_STEPS_MAX];
} matching;

static void compare_names(matching *m)
{
    char step[FM_STEP_NAME_BYTES], names[FM_KEY_STEPS_MAX][FM_STEP_NAME_BYTES];

    for (size_t k = 0; k < m->n_keys; k++)
        fm_step_name(fm_span_of(m->keys[k].target), names[k]);
    for (size_t i = 0; i < m->n; i++) {
        fm_step_name(m->steps[i].target, step);
        for (size_t k = 0; k < m->n_keys; k++)
            m->fits[i][k] = (unsigned char)fit_of(&m->steps[i], step, &m->keys[k], names[k]);
    }
}

/* Smaller is nearer; a step that cannot be read is the farthest. */
static double distance_of(const fm_step_judgement *judged)
{
    if (judged->verdict == FM_STEP_UNREADABLE)
        return INFINITY;
    double place = isnan(judged->place_error) ? 0 : judged->place_error;
    double ratio = isnan(judged->ratio) || judged->ratio <= 0 ? 0 : fabs(log(judged->ratio));
    return 10 * (1 - judged->score) + place + ratio;
}

/* Of the pairs that fit this well, the nearest: true where there is one. */
static bool nearest_pair(const judging *j, const matching *m, int fit, size_t *at, size_t *key_at,
                         fm_step_judgement *out)
{
    double least = NAN;

    for (size_t i = 0; i < m->n; i++) {
        for (size_t k = 0; k < m->n_keys; k++) {
            if (m->fits[i][k] != fit)
                continue;
            fm_step_judgement judged = judge_pair(j, &m->steps[i], &m->keys[k]);
            double distance = distance_of(&judged);

            if (isnan(least) || distance < least) {
                least = distance;
                *at = i;
                *key_at = k;
                *out = judged;
            }
        }
    }
    return !isnan(least);
}

static void take(matching *m, size_t step, size_t key)
{
    for (size_t k = 0; k < m->n_keys; k++)
        m->fits[step][k] = 0;
    for (size_t i = 0; i < m->n; i++)
        m->fits[i][key] = 0;
}

static fm_step_judgement nothing(fm_step_verdict verdict, const char *why)
{
    return (fm_step_judgement){
        .verdict = verdict, .place_error = NAN, .ratio = NAN, .cosine = NAN, .why = why};
}

size_t fm_process_judge(const fm_process_rules *rules, const fm_step *steps, size_t n,
                        const fm_key_step *keys, size_t n_keys, int width, int height,
                        fm_step_judgement *out)
{
    bool sized = width > 0 && height > 0, matched[FM_KEY_STEPS_MAX] = {false};
    judging j = {rules, sized ? width : 1, sized ? height : 1};
    fm_step_judgement judged;
    matching m; /* 8 KiB of which a reply fills a few bytes */
    size_t at = 0, key_at = 0, count = n;

    assert(n <= FM_STEPS_MAX && n_keys <= FM_KEY_STEPS_MAX);
    m.steps = steps;
    m.keys = keys;
    m.n = n;
    m.n_keys = n_keys;
    compare_names(&m);
    for (size_t i = 0; i < n; i++) {
        out[i] = nothing(FM_STEP_UNMATCHED, "about nothing that is annotated");
        out[i].step = &steps[i];
    }
    for (int fit = FIT_BEST; fit > 0; fit--) {
        while (nearest_pair(&j, &m, fit, &at, &key_at, &judged)) {
            out[at] = judged;
            matched[key_at] = true;
            take(&m, at, key_at);
        }
    }
    for (size_t k = 0; k < n_keys; k++) {
        if (matched[k])
            continue;
        out[count] = nothing(FM_STEP_MISSED, "no step is about it");
        out[count++].key = &keys[k];
    }
    return count;
}
