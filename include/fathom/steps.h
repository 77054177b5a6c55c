/**
 * From the text of a reply to the steps of its reasoning, and the key steps that data annotates.
 *
 * RoboTracer reasons in lines inside <think>:
 *
 *     [Scale] [Scene]: 2.342
 *     [Referring] [the watering can]: [(179, 789, 0.941)]
 *     [Measuring] [the watering can]: 10.4 centimeters
 *
 * RoboRefer, before it, in [Position], [Orientation] and [Size], with x and y from 0 to 1. Both sets
 * of types are read in either dialect; the dialect says what the numbers count, and no coordinate
 * space is guessed. Pure functions, thread-safe, linear in the reply's size. Sources: arXiv
 * 2512.13660v3 supplement D.4 (RoboTracer); RoboRefer, section on reinforcement fine-tuning.
 */
#ifndef FATHOM_STEPS_H
#define FATHOM_STEPS_H

#include "fathom/reply.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fm_arena;

#define FM_STEPS_MAX       128 /* a reply with more steps is cut here and `cut` is set */
#define FM_KEY_STEPS_MAX   64  /* data that annotates more for one sample is refused */
#define FM_STEP_NAME_BYTES 256

/* kind, stable name, what the other dialect calls it, what its value is */
#define FM_STEP_KIND_MAP(X)                                                                        \
    X(REFERRING, "Referring", "Position", "where a thing is: (u, v, d)")                           \
    X(MEASURING, "Measuring", "Size", "a length with its unit")                                    \
    X(SCALE, "Scale", "Scale", "the metric scale of the scene")                                    \
    X(ORIENTATION, "Orientation", "Orientation", "a direction: a unit vector")

typedef enum {
#define FM_STEP_KIND_ENUM(code, name, other, text) FM_STEP_##code,
    FM_STEP_KIND_MAP(FM_STEP_KIND_ENUM)
#undef FM_STEP_KIND_ENUM
        FM_STEP_KINDS,
    FM_STEP_UNKNOWN = FM_STEP_KINDS, /* a bracketed line of a type that nobody has defined */
} fm_step_kind;

FM_API const char *fm_step_kind_name(fm_step_kind kind); /* "Referring"; "unknown" */
/* By either name, letter case aside. */
FM_API bool fm_step_kind_from_name(fm_span name, fm_step_kind *out);

typedef enum {
    FM_STEPS_ROBOTRACER, /* u, v from 0 to 1000, d in metres, lengths with a unit */
    FM_STEPS_ROBOREFER,  /* x, y from 0 to 1, lengths in metres where no unit stands */
} fm_steps_dialect;

typedef enum {
    FM_STEP_BRACKETED, /* "[type] [target]: [value]", or an attempt at it */
    FM_STEP_FREE,      /* a line of prose with exactly one point, or exactly one length */
} fm_step_form;

typedef enum {
    FM_STEP_NO_VALUE,
    FM_STEP_POINT2, /* numbers: x, y in [0, 1] of the picture, not clamped */
    FM_STEP_POINT3, /* and d in metres */
    FM_STEP_LENGTH, /* metres */
    FM_STEP_NUMBER, /* without a unit */
    FM_STEP_VECTOR, /* three numbers as written */
} fm_step_value;

typedef struct {
    fm_step_kind kind;
    fm_step_form form;
    fm_span text;                /* the step as it stands in the reply; so are its parts: */
    fm_span type, target, value; /* without brackets; text NULL: missing. Of prose: type is missing,
                                    target is the line */
    fm_step_value value_kind;
    double numbers[3]; /* the first point's where there are several; NaN where not given */
    size_t n_points;   /* points in the value */
    const char *fault; /* what the format asks for and the step lacks, static; NULL: well formed.
                          Prose is never well formed */
} fm_step;

typedef struct {
    fm_step *items; /* [n], in the arena, in the reply's order */
    size_t n, bracketed;
    bool cut;
} fm_steps;

/* Read the steps inside <think>, or, where there is no such block, of what stands before <answer>.
 * Fenced blocks hold no steps. Spans are into `reply`. Fails with FM_E_NOMEM only. */
FM_API FM_MUST_CHECK fm_status fm_steps_read(fm_steps_dialect dialect, fm_span reply,
                                             struct fm_arena *arena, fm_steps *out, fm_err *err);

/* ---- what the data annotates ---- */

typedef struct {
    fm_step_kind kind;
    const char *target;
    double value[3]; /* REFERRING: x, y in [0, 1], d in metres or NaN; MEASURING: metres; SCALE: the
                        factor; ORIENTATION: a unit vector */
} fm_key_step;

/* ---- names ---- */

/* A target's name as it is compared: ASCII letters in lower case, anything but letters, digits and
 * bytes past ASCII a space, no "the", "a", "an", one space before, between and behind the words. Cut
 * at FM_STEP_NAME_BYTES - 1 bytes. */
FM_API void fm_step_name(fm_span target, char out[FM_STEP_NAME_BYTES]);

typedef enum {
    FM_STEP_NAMES_DIFFER,
    FM_STEP_NAMES_PART,   /* the annotated name holds the step's words in a row */
    FM_STEP_NAMES_WITHIN, /* the step's name holds the annotated words in a row */
    FM_STEP_NAMES_EQUAL,
} fm_step_names;

/* Of two names as fm_step_name() gives them. A name without words is no name. */
FM_API fm_step_names fm_step_names_compare(const char *step, const char *key);

#ifdef __cplusplus
}
#endif
#endif
