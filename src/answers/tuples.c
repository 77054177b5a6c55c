/*
 * The parser of RoboTracer's text: every "(x, y[, d, ...])" in the reply, wherever it stands.
 *
 * Upstream's pattern is \(([-+]?\d+\.?\d*(?:,\s*[-+]?\d+\.?\d*)*?)\), matched here by hand: each of
 * its choices is decided by the next character, so one pass does. A failed group holds no "(" after
 * its first character, hence the search goes on where the group failed and the whole is linear.
 */
#include "answers/answers_internal.h"

#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/size.h"

/* The zero of every run of ten decimal digits (Unicode 14, category Nd) past ASCII: Python's \d and
 * float() know them all. */
static const unsigned zeros[] = {
    0x660,   0x6F0,   0x7C0,   0x966,   0x9E6,   0xA66,   0xAE6,   0xB66,   0xBE6,   0xC66,
    0xCE6,   0xD66,   0xDE6,   0xE50,   0xED0,   0xF20,   0x1040,  0x1090,  0x17E0,  0x1810,
    0x1946,  0x19D0,  0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,  0x1C50,  0xA620,  0xA8D0,
    0xA900,  0xA9D0,  0xA9F0,  0xAA50,  0xABF0,  0xFF10,  0x104A0, 0x10D30, 0x11066, 0x110F0,
    0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950,
    0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC,
    0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
};

size_t fm_answers_digit(const char *p, const char *end, char *digit)
{
    unsigned code;

    if (p == end)
        return 0;
    size_t length = fm_answers_code_point(p, end, &code);
    if (code < 0x80) {
        *digit = *p;
        return code >= '0' && code <= '9';
    }
    for (size_t i = 0; i < FM_COUNT_OF(zeros); i++) {
        if (code >= zeros[i] && code < zeros[i] + 10) {
            *digit = (char)('0' + (code - zeros[i]));
            return length;
        }
    }
    return 0;
}

static const char *digits(const char *p, const char *end, fm_buf *token)
{
    char digit;
    size_t length;

    while ((length = fm_answers_digit(p, end, &digit)) > 0) {
        fm_buf_putc(token, digit);
        p += length;
    }
    return p;
}

const char *fm_answers_number(const char *p, const char *end, fm_buf *token)
{
    fm_buf_clear(token);
    if (p < end && (*p == '-' || *p == '+'))
        fm_buf_putc(token, *p++);
    const char *first = p;
    p = digits(p, end, token);
    if (p == first) {
        fm_buf_clear(token);
        return p;
    }
    if (p < end && *p == '.') {
        fm_buf_putc(token, '.');
        p = digits(p + 1, end, token);
    }
    return p;
}

const char *fm_answers_group_read(const char *p, const char *end, fm_answers_group *out,
                                  fm_buf *token)
{
    *out = (fm_answers_group){.matched = false};
    for (;;) {
        p = fm_answers_number(p, end, token);
        if (token->size == 0 || token->failed)
            return p;
        if (out->count < FM_COUNT_OF(out->values)) {
            bool dot = memchr(token->data, '.', token->size) != NULL;

            out->values[out->count] = fm_answers_decimal(token);
            out->dots |= (unsigned)dot << out->count;
            out->too_long = out->too_long || (!dot && token->size > FM_ANSWERS_INT_DIGITS);
        }
        out->count++;
        if (p == end || (*p != ',' && *p != ')'))
            return p;
        if (*p++ == ')') {
            out->matched = true;
            return p;
        }
        for (size_t length; (length = fm_answers_space(p, end)) > 0;)
            p += length;
    }
}

fm_status fm_answers_parse_tuples(const char *text, size_t size, bool as_written,
                                  fm_trace_answer *out, fm_err *err)
{
    const char *p = text, *end = text + size;
    fm_buf token = {0};
    fm_status st = FM_OK;

    while (st == FM_OK && !out->cut && p < end && (p = memchr(p, '(', (size_t)(end - p)))) {
        fm_answers_group found;

        const char *open = p;
        p = fm_answers_group_read(p + 1, end, &found, &token);
        st = fm_buf_check(&token, "number in a reply", err);
        if (st != FM_OK || !found.matched || found.count < 2)
            continue;
        if (found.count >= 3)
            out->columns = 3;
        const double *v = found.values, d = found.count >= 3 ? v[2] : NAN;
        fm_span read = {open, (size_t)(p - open)};

        if (as_written)
            st = fm_trace_answer_push(out, v[0], v[1], d, read, err);
        else /* upstream keeps these in float32, which decides what lies on the edge of a mask or box */
            st = fm_trace_answer_push(out, (float)fm_answers_round6(v[0] / 1000.0),
                                      (float)fm_answers_round6(v[1] / 1000.0), (float)d, read, err);
    }
    if (out->n > 0)
        out->shape = FM_TRACE_POINTS;
    fm_buf_release(&token);
    return st;
}
