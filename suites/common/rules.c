/* Owns how strictly suite.yaml is taken: a rule that is unknown or has an unknown value is refused,
 * since a protocol with a slip in it would score by other rules than it says. */
#include "suites/common/rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/size.h"
#include "base/text.h"

/* What the catalogue reads. */
static const char *const shared[] = {"name",   "summary", "grader", "version",
                                     "prompt", "form",    "pool",   "copies"};

enum { MAX_NAMES = 32 };

static bool is_among(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static fm_status refuse_unknown(const fm_rules *rules, const char *const *names, size_t n)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, rules->tree)
    {
        if (is_among(item->string, shared, FM_COUNT_OF(shared)) || is_among(item->string, names, n))
            continue;
        const char *near = fm_text_nearest(item->string, names, n);
        if (near)
            return fm_fail(rules->err, FM_E_INPUT, "%s: unknown rule '%s'; did you mean '%s'?",
                           rules->place, item->string, near);
        return fm_fail(rules->err, FM_E_INPUT,
                       "%s: unknown rule '%s'; docs/adding-a-suite.md has the rules of each grader",
                       rules->place, item->string);
    }
    return FM_OK;
}

fm_status fm_rules_read(const char *text, const char *place, const char *const *names, size_t n,
                        fm_rules_reader reader, void *kept, fm_err *err)
{
    fm_rules rules = {.place = place, .err = err};
    fm_status st = fm_json_parse(text, strlen(text), place, &rules.tree, err);

    if (st == FM_OK && !cJSON_IsObject(rules.tree))
        st = fm_fail(err, FM_E_INPUT, "%s: must be a mapping", place);
    if (st == FM_OK)
        st = refuse_unknown(&rules, names, n);
    if (st == FM_OK)
        st = reader(&rules, kept);
    cJSON_Delete(rules.tree);
    return st;
}

static fm_status not_among(const fm_rules *rules, const char *name, const char *value,
                           const char *const *words, size_t n)
{
    const char *near = value ? fm_text_nearest(value, words, n) : NULL;
    fm_buf all = {0};

    if (near)
        return fm_fail(rules->err, FM_E_INPUT, "%s: '%s' cannot be '%s'; did you mean '%s'?",
                       rules->place, name, value, near);
    for (size_t i = 0; i < n; i++)
        fm_buf_printf(&all, "%s%s", i ? ", " : "", words[i]);
    fm_status st = fm_fail(rules->err, FM_E_INPUT, "%s: '%s' must be one of %s", rules->place, name,
                           fm_buf_text(&all));
    fm_buf_release(&all);
    return st;
}

fm_status fm_rules_word(const fm_rules *rules, const char *name, const char *const *words, size_t n,
                        int *out)
{
    const cJSON *item = fm_json_get(rules->tree, name);
    const char *value = cJSON_GetStringValue(item);

    if (!item)
        return FM_OK;
    for (size_t i = 0; value && i < n; i++) {
        if (strcmp(value, words[i]) == 0) {
            *out = (int)i;
            return FM_OK;
        }
    }
    return not_among(rules, name, value, words, n);
}

fm_status fm_rules_flag(const fm_rules *rules, const char *name, bool *out)
{
    const cJSON *item = fm_json_get(rules->tree, name);

    if (item && !cJSON_IsBool(item))
        return fm_fail(rules->err, FM_E_INPUT, "%s: '%s' must be true or false", rules->place,
                       name);
    if (item)
        *out = cJSON_IsTrue(item);
    return FM_OK;
}

fm_status fm_rules_number(const fm_rules *rules, const char *name, double low, double high,
                          double *out)
{
    double value = fm_json_number(rules->tree, name, NAN);

    if (!fm_json_get(rules->tree, name))
        return FM_OK;
    if (!(value >= low && value <= high))
        return fm_fail(rules->err, FM_E_INPUT, "%s: '%s' must be a number from %g to %g",
                       rules->place, name, low, high);
    *out = value;
    return FM_OK;
}

fm_status fm_rules_name(const fm_rules *rules, const char *name, char *out, size_t size)
{
    const cJSON *item = fm_json_get(rules->tree, name);
    const char *value = cJSON_GetStringValue(item);

    if (!item)
        return FM_OK;
    if (!value || !value[0] || strlen(value) >= size)
        return fm_fail(rules->err, FM_E_INPUT, "%s: '%s' must be a name of up to %zu bytes",
                       rules->place, name, size - 1);
    snprintf(out, size, "%s", value);
    return FM_OK;
}

fm_status fm_rules_unparsed(const fm_rules *rules, const char *name, fm_unparsed *out)
{
    static const char *const words[] = {[FM_UNPARSED_ZERO] = "zero", [FM_UNPARSED_SKIP] = "skip"};
    int index = (int)*out;
    fm_status st = fm_rules_word(rules, name, words, FM_COUNT_OF(words), &index);

    *out = (fm_unparsed)index;
    return st;
}

fm_status fm_rules_part(const fm_rules *rules, fm_part *out)
{
    static const char *const words[] = {[FM_PART_WHOLE] = "whole",
                                        [FM_PART_ANSWER] = "answer",
                                        [FM_PART_AFTER_THINK] = "after_think",
                                        [FM_PART_LAST_LINE] = "last_line"};
    int index = (int)*out;
    fm_status st = fm_rules_word(rules, "reply", words, FM_COUNT_OF(words), &index);

    *out = (fm_part)index;
    return st;
}

/* ---- points ---- */

fm_status fm_rules_points(const fm_rules *rules, fm_points_rule *out)
{
    static const char *const orders[] = {[FM_ORDER_XY] = "xy", [FM_ORDER_YX] = "yx"};
    static const char *const pixels[] = {[FM_PIXEL_EXACT] = "exact",
                                         [FM_PIXEL_TRUNC] = "trunc",
                                         [FM_PIXEL_ROUND] = "round",
                                         [FM_PIXEL_ROUND_CLIPPED] = "round_clipped"};
    const char *names[MAX_NAMES], *spaces[FM_SPACE_AUTO + 1];
    const fm_points_rule *rule;
    size_t n = 0;
    int index = -1;

    for (; n < FM_COUNT_OF(names) && (rule = fm_points_rule_at(n)); n++)
        names[n] = rule->name;
    fm_status st = fm_rules_word(rules, "extract", names, n, &index);
    if (st == FM_OK && index < 0)
        st = not_among(rules, "extract", NULL, names, n);
    if (st != FM_OK)
        return st;
    *out = *fm_points_rule_at((size_t)index);

    for (size_t i = 0; i < FM_COUNT_OF(spaces); i++)
        spaces[i] = fm_space_name((fm_space)i);
    int space = (int)out->space, order = (int)out->order, pixel = (int)out->pixel;
    if ((st = fm_rules_word(rules, "space", spaces, FM_COUNT_OF(spaces), &space)) != FM_OK ||
        (st = fm_rules_word(rules, "order", orders, FM_COUNT_OF(orders), &order)) != FM_OK ||
        (st = fm_rules_word(rules, "pixel", pixels, FM_COUNT_OF(pixels), &pixel)) != FM_OK)
        return st;
    out->space = (fm_space)space;
    out->order = (fm_order)order;
    out->pixel = (fm_pixel_map)pixel;
    return FM_OK;
}

/* ---- grading ---- */

static void *scratch_new(void)
{
    return calloc(1, sizeof(fm_raster));
}

static void scratch_free(void *scratch)
{
    fm_raster_release(scratch);
    free(scratch);
}

void fm_protocol_fill(fm_protocol *out, const fm_metric *metrics, size_t n, int primary,
                      fm_unparsed unparsed, const void *rules)
{
    out->metrics = metrics;
    out->n_metrics = n;
    out->primary = metrics[primary].name;
    out->policy = unparsed == FM_UNPARSED_SKIP ? "skip" : "zero";
    out->rules = rules;
    out->scratch_new = scratch_new;
    out->scratch_free = scratch_free;
}

fm_span fm_grade_text(const fm_grade_input *input, fm_part part)
{
    fm_span reply = {input->text, input->size};

    if (input->reply_status != FM_SAMPLE_OK || !reply.text)
        return (fm_span){NULL, 0};
    switch (part) {
    case FM_PART_WHOLE:
        break;
    case FM_PART_ANSWER:
        return fm_reply_answer(reply);
    case FM_PART_AFTER_THINK:
        return fm_reply_after_think(reply);
    case FM_PART_LAST_LINE:
        return fm_reply_last_line(reply);
    }
    return reply;
}

void fm_grade_unread(const fm_grade_input *input, const char *reason, fm_grade *out)
{
    bool answered = input->reply_status == FM_SAMPLE_OK;

    out->status = answered ? FM_SAMPLE_PARSE_ERROR : input->reply_status;
    out->reason = answered ? reason : fm_sample_status_meaning(input->reply_status);
}

void fm_grade_unjudged(size_t n_metrics, fm_grade *out)
{
    for (size_t i = 0; i < n_metrics; i++)
        out->values[i] = (fm_value){.kind = FM_VALUE_UNKNOWN};
    out->status = FM_SAMPLE_OK;
    out->reason = out->lost = "no judgement of this reply is stored";
}

fm_value fm_value_truth(bool truth)
{
    return (fm_value){.kind = FM_VALUE_BOOL, .truth = truth};
}

fm_value fm_value_number(double number)
{
    return isfinite(number) ? (fm_value){.kind = FM_VALUE_NUMBER, .number = number}
                            : (fm_value){.kind = FM_VALUE_UNKNOWN};
}

fm_status fm_grade_picture_size(const fm_sample *sample, int *width, int *height, fm_err *err)
{
    fm_raster_info info;
    fm_status st = FM_OK;

    *width = sample->width;
    *height = sample->height;
    if (*width > 0 && *height > 0)
        return FM_OK;
    if (!sample->image_path)
        return fm_fail(err, FM_E_INPUT, "the data names no picture");
    st = fm_raster_probe(sample->image_path, &info, err);
    if (st == FM_OK) {
        *width = info.width;
        *height = info.height;
    }
    return st;
}

/* "n1000", or "px n1" where the numbers of one answer were taken differently. */
static fm_status keep_space(const fm_points *points, const fm_points_rule *rule,
                            struct fm_arena *arena, fm_grade *out, fm_err *err)
{
    char names[64] = "";

    if (points->spaces == 1u << rule->space)
        return FM_OK;
    for (int space = 0; space <= FM_SPACE_AUTO; space++) {
        size_t at = strlen(names);

        if (points->spaces & 1u << space)
            snprintf(names + at, sizeof(names) - at, "%s%s", at ? " " : "",
                     fm_space_name((fm_space)space));
    }
    out->space = fm_arena_strdup(arena, names);
    return out->space ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for an answer");
}

fm_status fm_grade_keep_read(const fm_grade_input *input, fm_span part, fm_span read,
                             struct fm_arena *arena, fm_grade *out, fm_err *err)
{
    fm_span *kept;

    if (!read.text && part.size < input->size)
        read = part;
    if (!read.text)
        return FM_OK;
    kept = fm_arena_alloc(arena, 1, sizeof(*kept));
    if (!kept)
        return fm_fail(err, FM_E_NOMEM, "no memory for an answer");
    *kept = read;
    out->read = kept;
    out->n_read = 1;
    return FM_OK;
}

fm_status fm_grade_keep_points(const fm_points *points, const fm_points_rule *rule, int width,
                               int height, struct fm_arena *arena, fm_grade *out, fm_err *err)
{
    out->columns = 2;
    if (points->n == 0)
        return FM_OK;
    out->points = fm_arena_alloc(arena, points->n, sizeof(*out->points));
    if (!out->points)
        return fm_fail(err, FM_E_NOMEM, "no memory for an answer");
    fm_span *read = fm_arena_alloc(arena, points->n, sizeof(*read));
    if (!read)
        return fm_fail(err, FM_E_NOMEM, "no memory for an answer");
    fm_status st = keep_space(points, rule, arena, out, err);
    if (st != FM_OK)
        return st;
    out->read = read;
    out->n_read = points->n;
    for (size_t i = 0; i < points->n; i++) {
        const fm_point *p = &points->items[i];

        read[i] = p->read;
        if (p->is_box || !isfinite(p->x) || !isfinite(p->y))
            continue;
        out->points[out->n_points][0] = p->x / width;
        out->points[out->n_points][1] = p->y / height;
        out->points[out->n_points++][2] = NAN;
    }
    return FM_OK;
}
