/**
 * From the text of a reply to a number, and to a number with a unit.
 *
 * The published readers are named functions with their quirks. SpatialRGPT-Bench and MSMU-Bench have a
 * language model turn replies into metres: fm_quantity_judged() reads what it answered, and
 * fm_quantity_first() and its neighbours are this program's own rule for replies that no judge has
 * seen, which makes another protocol. Pure, thread-safe; time is linear in the reply's size.
 */
#ifndef FATHOM_QUANTITY_H
#define FATHOM_QUANTITY_H

#include <stdbool.h>

#include "fathom/reply.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fm_arena;

/* Metres in one of the unit, by name or sign, letter case aside: m, cm, mm, dm, km, in, ft, yd, mi, with
 * their names and plurals, ' and ". False: no such unit. */
FM_API bool fm_unit_metres(fm_span name, double *metres);

/* ---- Q-Spatial ---- */

typedef enum {
    FM_QSPATIAL_OFFICIAL,   /* an unknown unit counts as cm; a missing tag raises */
    FM_QSPATIAL_VLMEVALKIT, /* an unknown unit makes 0; a missing tag 1e-8; then 1e-8 is added */
} fm_qspatial_rules;

typedef enum {
    FM_QUANTITY_READ,
    FM_QUANTITY_NO_NUMBER,    /* no number where one should be: upstream's mean of nothing, a NaN */
    FM_QUANTITY_NO_TAG,       /* scalar{} or distance_unit{} is missing: upstream's IndexError */
    FM_QUANTITY_UNKNOWN_UNIT, /* read, with the unit that the rules put in its place */
} fm_quantity_outcome;

typedef struct {
    fm_quantity_outcome outcome;
    double value; /* metres, or what the function says; NaN where there is none */
    size_t end;   /* how much of the text was read, fm_quantity_next() */
    fm_span read; /* the part that says it; text NULL: there is none */
} fm_quantity;

/* Q-Spatial-Bench-code examples/evaluate_success_rate.ipynb and VLMEvalKit's QSpatial: the mean of all
 * unsigned numbers inside the last scalar{...}, in the unit inside the last distance_unit{...}, which
 * must match in full. `value` is in CENTIMETRES, as both compare it. */
FM_API fm_quantity fm_quantity_qspatial(fm_qspatial_rules rules, fm_span reply);

/* The factor to centimetres of Q-Spatial's table, for its answers: false for a unit that it lacks. */
FM_API bool fm_qspatial_centimetres(fm_span unit, double *factor);

/* ---- plain numbers ---- */

/* VSI-Bench: float() of the first word without full stops at its end ("3." is 3, "3m" none). */
FM_API bool fm_number_word(fm_span reply, double *out);

/* FlagEvalMM: the first number, [-+]?\d+\.?\d*. */
FM_API bool fm_number_first(fm_span reply, double *out);

/* EASI can_match_na(), lmms-eval's looser reading: <answer>number...</answer>, else the last number
 * behind the thinking, else the last one; "one" to "twenty" count. */
FM_API bool fm_number_last(fm_span reply, double *out);

/* ---- quantities, this program's rule ---- */

/* The next length at or after `from`: a number ("1.5", "1,200", ".5", "2 1/2", "three", "half a", "two
 * and a half"), or a range of two, whose mean it is ("2-3 feet", "2 to 3 m", "between 2 and 3 m"),
 * followed by a unit, or by more numbers and theirs ("0.8 x 0.6 m"); feet and inches add up ("5 feet 8
 * inches", 5'8"). `value` is in metres, `end` is where to go on. NO_NUMBER where no more follows. */
FM_API fm_quantity fm_quantity_next(fm_span reply, size_t from);

/* The first of them, and the last. */
FM_API fm_quantity fm_quantity_first(fm_span reply);
FM_API fm_quantity fm_quantity_last(fm_span reply);

/* All of them, in order, into out[most]; how many there are. For MSMU's sizes in several dimensions. */
FM_API size_t fm_quantity_list(fm_span reply, double *out, size_t most);

/* Likewise, but of more than are `wanted` those that the question states itself are left out, each as
 * often as it stands there ("the bed is 0.81 m high; how high is the table?"); how many are in out[]. Of
 * either text the first 64 are looked at. */
FM_API size_t fm_quantity_list_beyond(fm_span reply, fm_span question, size_t wanted, double *out,
                                      size_t most);

/* SpatialRGPT-Bench: the hour of "3 o'clock" or "three o'clock", 1 to 12; the last one in the reply. */
FM_API bool fm_number_clock(fm_span reply, double *out);

/* ---- stored judgements ---- */

typedef enum { FM_JUDGED_METRES, FM_JUDGED_CLOCK } fm_judged_unit;

/* What the judge of SpatialRGPT-Bench and MSMU answered: a Python dict or JSON with
 * "answer_in_meters" and "response_in_meters" (of hours "..._direction"), each a number, a text that is
 * one, or a list of them. Up to `most` values into answer[] and response[]; *n is the answer's count. False where
 * it is none, where a value is no number, or where the response has fewer than the answer. Fails with
 * FM_E_NOMEM only. */
FM_API FM_MUST_CHECK fm_status fm_quantity_judged(fm_span judgement, fm_judged_unit unit,
                                                  struct fm_arena *arena, double *answer,
                                                  double *response, size_t most, size_t *n,
                                                  bool *found, fm_err *err);

/* MSMU and SpatialRGPT-Bench, qualitative: the judge's "your_mark"; right where it is over 0.5. */
FM_API FM_MUST_CHECK fm_status fm_quantity_mark(fm_span judgement, struct fm_arena *arena,
                                                double *mark, bool *found, fm_err *err);

#ifdef __cplusplus
}
#endif
#endif
