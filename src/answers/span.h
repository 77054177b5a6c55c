/* Looking around in spans. Nothing here allocates; a span without text has size 0 and nothing is found
 * in it. "Folded" means that A-Z and a-z count as the same. */
#ifndef FM_ANSWERS_SPAN_H
#define FM_ANSWERS_SPAN_H

#include <stdbool.h>

#include "fathom/reply.h"

static inline char fm_folded(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool fm_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool fm_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The first occurrence, or NULL. */
const char *fm_span_find(fm_span span, const char *word);
const char *fm_span_find_folded(fm_span span, const char *word);

bool fm_span_equals(fm_span span, const char *text);
bool fm_span_same_folded(fm_span a, fm_span b);
bool fm_span_begins_folded(fm_span span, const char *word);

/* Python's len(): characters, not bytes. */
size_t fm_span_characters(fm_span span);

/* What is left of `span` from p on, a pointer into it. */
fm_span fm_span_from(fm_span span, const char *p);

/* The next piece of Python's split(); false at the end. */
bool fm_span_word(fm_span *rest, fm_span *word);

/* Python's split(separator)[-1]. */
fm_span fm_span_last_after(fm_span span, const char *separator);

/* The pattern open(.*?)close: the leftmost that holds no newline. */
bool fm_span_between(fm_span span, const char *open, const char *close, fm_span *inside);

#endif
