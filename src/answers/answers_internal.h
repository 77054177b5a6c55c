/* Shared by the two trace parsers: the growing answer and the pieces of Python that both repeat. */
#ifndef FM_ANSWERS_INTERNAL_H
#define FM_ANSWERS_INTERNAL_H

#include <stddef.h>

#include "fathom/answers.h"

/* Append a point. Past FM_TRACE_MAX_POINTS it is dropped and `cut` is set. */
FM_MUST_CHECK fm_status fm_trace_answer_push(fm_trace_answer *answer, double x, double y, double d,
                                             fm_err *err);

/* Python's round(value, 6): the decimal nearest to the exact binary value, ties to even. */
double fm_answers_round6(double value);

/* The code point at p and its length in bytes; a byte that starts no valid sequence is itself. */
size_t fm_answers_code_point(const char *p, const char *end, unsigned *code);

/* Length in bytes of the character at p where Python calls it white space, else 0. */
size_t fm_answers_space(const char *p, const char *end);

/* The parsers proper. `out` is empty but for its buffer, and text is not NULL. */
FM_MUST_CHECK fm_status fm_answers_parse_tuples(const char *text, size_t size, fm_trace_answer *out,
                                                fm_err *err);
FM_MUST_CHECK fm_status fm_answers_parse_json(const char *text, size_t size, fm_trace_answer *out,
                                              fm_err *err);

#endif
