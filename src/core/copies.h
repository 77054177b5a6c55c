/**
 * Questions that are asked in several copies (their options turned round, the picture mirrored) and
 * count as right where every copy is answered rightly. Copies are told by their ids, which differ in
 * an ending: of "VIN6MS3J-flip-1" the pattern "-[0-9]" leaves the question "VIN6MS3J-flip", "-*"
 * leaves "VIN6MS3J".
 *
 * Each asking of all copies (--repeat) is judged by itself. Copies that were not asked are not missed.
 * One thread.
 */
#ifndef FM_CORE_COPIES_H
#define FM_CORE_COPIES_H

#include "base/json.h"

typedef struct fm_copies fm_copies;

/* ending: a pattern of the shell's kind, borrowed. NULL: out of memory */
fm_copies *fm_copies_new(const char *ending);
void fm_copies_free(fm_copies *copies); /* accepts NULL */

/* id: of this asking, "#<repeat>" included from the second on. The question belongs to the category
 * of its first copy; the category is the caller's number. */
FM_MUST_CHECK fm_status fm_copies_add(fm_copies *copies, const char *id, int repeat,
                                      size_t category, bool right, fm_err *err);

/* The question that an id asks: without the longest ending that matches. */
void fm_copies_question(const char *ending, const char *id, char *out, size_t size);

#define FM_COPIES_ALL SIZE_MAX

/* Askings of questions of one category, or of all, and how many had every copy right. */
void fm_copies_count(const fm_copies *copies, size_t category, size_t *right, size_t *askings);

/* The share of right questions as member `name` of the object that is open: with Wilson's interval,
 * with repeats by a bootstrap of whole questions. */
FM_MUST_CHECK fm_status fm_copies_put(const fm_copies *copies, const char *name, int better,
                                      uint64_t seed, double confidence, fm_json_writer *w,
                                      fm_err *err);

#endif
