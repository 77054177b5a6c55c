/* Owns Python's float(). */
#include <math.h>
#include <stdlib.h>

#include "answers/answers_internal.h"
#include "answers/span.h"

/* Digits with single underscores between them into out; false where there is none. */
static bool take_digits(const char **p, const char *end, char *out, size_t *n)
{
    const char *first = *p;
    size_t length;
    char digit;

    while ((length = fm_answers_digit(*p, end, &digit)) > 0) {
        out[(*n)++] = digit;
        *p += length;
        if (*p < end && **p == '_' && fm_answers_digit(*p + 1, end, &digit) > 0)
            (*p)++;
    }
    return *p > first;
}

/* The ASCII form of the number in [p, end) into out, which holds as many bytes and one more. */
static bool to_ascii(const char *p, const char *end, char *out)
{
    bool any;
    size_t n = 0;

    if (p < end && (*p == '-' || *p == '+'))
        out[n++] = *p++;
    any = take_digits(&p, end, out, &n);
    if (p < end && *p == '.') {
        out[n++] = *p++;
        any = take_digits(&p, end, out, &n) || any;
    }
    if (any && p < end && (*p == 'e' || *p == 'E')) {
        out[n++] = *p++;
        if (p < end && (*p == '-' || *p == '+'))
            out[n++] = *p++;
        any = take_digits(&p, end, out, &n);
    }
    out[n] = '\0';
    return any && p == end;
}

bool fm_answers_float(fm_span text, double *out)
{
    char ascii[FM_ANSWERS_FLOAT_BYTES + 1];

    text = fm_span_strip(text);
    if (text.size == 0 || text.size > FM_ANSWERS_FLOAT_BYTES)
        return false;
    bool minus = *text.text == '-', sign = minus || *text.text == '+';
    fm_span word = fm_span_from(text, text.text + sign);
    if (fm_span_same_folded(word, fm_span_of("inf")) ||
        fm_span_same_folded(word, fm_span_of("infinity"))) {
        *out = minus ? -INFINITY : INFINITY;
        return true;
    }
    if (fm_span_same_folded(word, fm_span_of("nan"))) {
        *out = NAN;
        return true;
    }
    if (!to_ascii(text.text, text.text + text.size, ascii))
        return false;
    *out = strtod(ascii, NULL);
    return true;
}
