/* Shared by the parsers: the growing answer and the pieces of Python that they repeat. */
#ifndef FM_ANSWERS_INTERNAL_H
#define FM_ANSWERS_INTERNAL_H

#include <stddef.h>

#include "base/buffer.h"
#include "fathom/answers.h"
#include "fathom/reply.h"

/* Append a point. Past FM_TRACE_MAX_POINTS it is dropped and `cut` is set. */
FM_MUST_CHECK fm_status fm_trace_answer_push(fm_trace_answer *answer, double x, double y, double d,
                                             fm_span read, fm_err *err);

/* Python's round(value, 6): the decimal nearest to the exact binary value, ties to even. */
double fm_answers_round6(double value);

/* The code point at p and its length in bytes; a byte that starts no valid sequence is itself. */
size_t fm_answers_code_point(const char *p, const char *end, unsigned *code);

/* Length in bytes of the character at p where Python calls it white space, else 0. */
size_t fm_answers_space(const char *p, const char *end);

/* Python refuses to convert longer integers from text. */
#define FM_ANSWERS_INT_DIGITS 4300

/* Length in bytes of the decimal digit of any script at p, its ASCII form in *digit; 0 where there is
 * none. */
size_t fm_answers_digit(const char *p, const char *end, char *digit);

/* Python's float(): the whole text but for white space around it, with single underscores between
 * digits, "inf", "infinity" and "nan" in any case. Longer texts than FM_ANSWERS_FLOAT_BYTES are no
 * number here. */
#define FM_ANSWERS_FLOAT_BYTES 512
bool fm_answers_float(fm_span text, double *out);

/* [-+]?\d+\.?\d* from p on, its ASCII form in `token`. Returns where it ends; an empty token means
 * that there is no number. */
const char *fm_answers_number(const char *p, const char *end, fm_buf *token);

/* The value of such a form, as strtod() gives it. */
double fm_answers_decimal(const fm_buf *token);

/* The numbers of "(x, y, ...)". */
typedef struct {
    double values[4];
    unsigned dots; /* bit i: value i has a decimal point */
    bool too_long; /* an integer of more than FM_ANSWERS_INT_DIGITS digits, sign included */
    size_t count;  /* numbers in the group; those past the fourth are only counted */
    bool matched;
} fm_answers_group;

/* One group from behind its "(" on; returns where the match ended or failed. `token` may have failed. */
const char *fm_answers_group_read(const char *p, const char *end, fm_answers_group *out,
                                  fm_buf *token);

/* What stands between the first ```word\n and the next ```, stripped; false where there is none. */
bool fm_answers_fence(fm_span text, fm_span *inside);

/* The parsers proper. `out` is empty but for its buffer, and text is not NULL. */
/* as_written: the numbers as they stand, and not the first two as thousandths of the picture. */
FM_MUST_CHECK fm_status fm_answers_parse_tuples(const char *text, size_t size, bool as_written,
                                                fm_trace_answer *out, fm_err *err);
FM_MUST_CHECK fm_status fm_answers_parse_json(const char *text, size_t size, fm_trace_answer *out,
                                              fm_err *err);

#endif
