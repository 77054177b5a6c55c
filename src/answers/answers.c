/* Owns the answer's storage, the names of the families and what both parsers share. */
#include "answers/answers_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"

static const char *const family_names[] = {
    [FM_ANSWERS_TUPLES] = "tuples",
    [FM_ANSWERS_JSON] = "json",
    [FM_ANSWERS_XYZ] = "xyz",
};

const char *fm_answers_family_name(fm_answers_family family)
{
    return (size_t)family < FM_COUNT_OF(family_names) ? family_names[family] : "unknown";
}

bool fm_answers_family_from_name(const char *name, fm_answers_family *out)
{
    for (size_t i = 0; i < FM_COUNT_OF(family_names); i++) {
        if (strcmp(name, family_names[i]) == 0) {
            *out = (fm_answers_family)i;
            return true;
        }
    }
    return false;
}

fm_status fm_trace_answer_push(fm_trace_answer *answer, double x, double y, double d, fm_span read,
                               fm_err *err)
{
    if (answer->n == FM_TRACE_MAX_POINTS) {
        answer->cut = true;
        return FM_OK;
    }
    if (answer->n == answer->capacity) {
        size_t capacity = answer->capacity ? answer->capacity * 2 : 16;
        double(*points)[3] = realloc(answer->points, capacity * sizeof(*points));

        if (points)
            answer->points = points;
        fm_span *spans = points ? realloc(answer->read, capacity * sizeof(*spans)) : NULL;
        if (!spans)
            return fm_fail(err, FM_E_NOMEM, "out of memory for %zu points", capacity);
        answer->read = spans;
        answer->capacity = capacity;
    }
    answer->read[answer->n] = read;
    double *point = answer->points[answer->n++];
    point[0] = x;
    point[1] = y;
    point[2] = d;
    return FM_OK;
}

double fm_answers_round6(double value)
{
    char text[40];

    /* From 2^52 on every double is an integer. */
    if (!(fabs(value) < 0x1p52))
        return value;
    /* Where no tie is near, the error of the product cannot change the nearest integer, and dividing it
     * by an exact power of ten gives the double nearest to the decimal: what reading it would. */
    double scaled = value * 1e6, whole = rint(scaled);
    if (fabs(scaled) < 0x1p40 && fabs(fabs(scaled - whole) - 0.5) > 1e-3)
        return whole / 1e6;
    snprintf(text, sizeof(text), "%.6f", value);
    return strtod(text, NULL);
}

double fm_answers_decimal(const fm_buf *token)
{
    static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    size_t behind = 0, i = 0;
    double whole = 0;
    bool point = false, minus = token->size > 0 && token->data[0] == '-';

    /* Up to 15 digits are an exact integer, and so is the power: one division rounds correctly. */
    if (token->size > 16)
        return strtod(fm_buf_text(token), NULL);
    if (minus || (token->size > 0 && token->data[0] == '+'))
        i++;
    for (; i < token->size; i++) {
        if (token->data[i] == '.') {
            point = true;
        } else {
            whole = whole * 10 + (token->data[i] - '0');
            behind += point;
        }
    }
    if (whole >= 1e15)
        return strtod(fm_buf_text(token), NULL);
    whole /= powers[behind < 15 ? behind : 15];
    return minus ? -whole : whole;
}

size_t fm_answers_code_point(const char *p, const char *end, unsigned *code)
{
    const unsigned char *u = (const unsigned char *)p;

    *code = u[0];
    if (u[0] < 0x80)
        return 1;
    size_t length = fm_utf8_sequence(p, (size_t)(end - p));
    if (length == 2)
        *code = (u[0] & 0x1Fu) << 6 | (u[1] & 0x3Fu);
    else if (length == 3)
        *code = (u[0] & 0x0Fu) << 12 | (u[1] & 0x3Fu) << 6 | (u[2] & 0x3Fu);
    else if (length == 4)
        *code = (u[0] & 0x07u) << 18 | (u[1] & 0x3Fu) << 12 | (u[2] & 0x3Fu) << 6 | (u[3] & 0x3Fu);
    else
        *code = 0xFFFD;
    return length ? length : 1;
}

size_t fm_answers_space(const char *p, const char *end)
{
    unsigned code;

    if (p == end)
        return 0;
    size_t length = fm_answers_code_point(p, end, &code);
    bool space = (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x20) || code == 0x85 ||
                 code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
                 code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
                 code == 0x3000;
    return space ? length : 0;
}

fm_status fm_answers_parse_trace(fm_answers_family family, const char *text, size_t size,
                                 fm_trace_answer *out, fm_err *err)
{
    out->n = 0;
    out->cut = false;
    out->raises = NULL;
    out->shape = FM_TRACE_NONE;
    out->columns = family == FM_ANSWERS_JSON ? 3 : 2;

    if (family == FM_ANSWERS_JSON) {
        if (text)
            return fm_answers_parse_json(text, size, out, err);
        out->shape = FM_TRACE_RAISES;
        out->columns = 0;
        out->raises = "TypeError";
        return FM_OK;
    }
    return text ? fm_answers_parse_tuples(text, size, family == FM_ANSWERS_XYZ, out, err) : FM_OK;
}

void fm_trace_answer_place(fm_trace_answer *answer, const fm_camera *camera, int width, int height)
{
    bool deep = true;

    for (size_t i = 0; i < answer->n; i++)
        deep = deep && !isnan(answer->points[i][2]);
    if (!deep) {
        answer->n = 0;
        answer->shape = FM_TRACE_NONE;
        answer->columns = 2;
        return;
    }
    for (size_t i = 0; i < answer->n; i++) {
        double *point = answer->points[i], uv[2];

        fm_camera_project(camera, point, uv);
        point[0] = uv[0] / width;
        point[1] = uv[1] / height;
    }
}

void fm_trace_answer_release(fm_trace_answer *answer)
{
    if (!answer)
        return;
    free(answer->points);
    free(answer->read);
    *answer = (fm_trace_answer){0};
}
