/**
 * From the text of a reply to the points of a trace.
 *
 * Each parser is a named pure function over bytes; none guesses a coordinate space. Two return x
 * and y in [0, 1] (they may lie outside: nothing is clamped) and d in metres, NaN where a point has
 * none; the third form, points in space, becomes that by fm_trace_answer_place(). Time and memory are linear in the reply's size, nesting is bounded, and no input fails
 * otherwise than by a stated outcome. Thread-safe. Source: Zhoues/RoboTracer
 * Evaluation/summarize_acc.py at 11f09e1, behaviour of its two text parsers.
 */
#ifndef FATHOM_ANSWERS_H
#define FATHOM_ANSWERS_H

#include <stdbool.h>

#include "fathom/camera.h"
#include "fathom/reply.h"

#ifdef __cplusplus
extern "C" {
#endif

/* More points than any trace has; a reply with more is cut here and `cut` is set. */
#define FM_TRACE_MAX_POINTS 65536

typedef enum {
    FM_ANSWERS_TUPLES, /* "(x, y[, d])" with x, y in 0-1000: RoboTracer's text */
    FM_ANSWERS_JSON,   /* first ``` fence with lists of 2 or 3 numbers: Gemini and Qwen */
    FM_ANSWERS_XYZ,    /* "(x, y, z)" in metres of the camera's frame: x right, y down, z forward */
    FM_ANSWERS_FAMILIES
} fm_answers_family;

/* Upstream's value for "what the parser returned", which its later code treats differently. */
typedef enum {
    FM_TRACE_POINTS, /* n > 0 points of 2 or 3 columns */
    FM_TRACE_NONE,   /* nothing found: tuples give shape (0, 2), json without a readable fence gives
                        (0, 3) */
    FM_TRACE_FLAT_NONE, /* json: readable, but without any point: a 1-D empty array */
    FM_TRACE_RAISES,    /* upstream raises here: see `raises` */
} fm_trace_shape;

typedef struct {
    fm_trace_shape shape;
    /* FM_TRACE_RAISES, json only: Python's exception, static text. "TypeError": no text at all;
     * "ValueError": 2 and 3 columns mixed, or an integer of more than 4300 digits; "OverflowError":
     * an integer in a point that no double holds; "RecursionError": nested deeper than 992. */
    const char *raises;
    int columns; /* 2 or 3; for FM_TRACE_NONE upstream's second dimension; 0 for FM_TRACE_FLAT_NONE
                  */
    size_t n, capacity;
    double (*points)[3]; /* x, y in [0, 1], d in metres or NaN. Tuples: rounded to float32 as
                            upstream does. FM_ANSWERS_XYZ: x, y, z in metres, as written;
                            fm_trace_answer_place() says where they lie in a picture */
    fm_span
        *read; /* [n]: the part of the text that each point was read from; borrowed from the text */
    bool cut;  /* more than FM_TRACE_MAX_POINTS */
} fm_trace_answer;

FM_API const char *fm_answers_family_name(fm_answers_family family); /* "tuples", "json", "xyz" */
FM_API bool fm_answers_family_from_name(const char *name, fm_answers_family *out);

/* Parse `size` bytes at `text` (any bytes, NUL included; text == NULL means "no reply": Python's
 * None) into `out`, whose buffer is reused. Fails only with FM_E_NOMEM. */
FM_API FM_MUST_CHECK fm_status fm_answers_parse_trace(fm_answers_family family, const char *text,
                                                      size_t size, fm_trace_answer *out,
                                                      fm_err *err);

/* Of FM_ANSWERS_XYZ: from metres of the camera's frame to x, y in [0, 1] of the picture and d in metres, so
 * that the points are as those of the other forms. An answer with a point of two numbers becomes one without
 * any (FM_TRACE_NONE): it is nowhere in space. A point at or behind the camera lies far outside. */
FM_API void fm_trace_answer_place(fm_trace_answer *answer, const fm_camera *camera, int width,
                                  int height);

FM_API void fm_trace_answer_release(fm_trace_answer *answer); /* accepts NULL and {0} */

#ifdef __cplusplus
}
#endif
#endif
