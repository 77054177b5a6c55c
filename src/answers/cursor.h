/* A place in a text that is read from left to right, and what the readers of JSON and of Python's
 * literals both do there. Nothing here reads past `end`; what does not fit is left where it stands,
 * but for the digits and escapes, whose failure ends the reading. */
#ifndef FM_ANSWERS_CURSOR_H
#define FM_ANSWERS_CURSOR_H

#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"

typedef struct {
    const char *p, *end;
} fm_cursor;

static inline bool fm_cursor_at(const fm_cursor *c, char wanted)
{
    return c->p < c->end && *c->p == wanted;
}

static inline bool fm_cursor_accept(fm_cursor *c, char wanted)
{
    bool found = fm_cursor_at(c, wanted);

    c->p += found;
    return found;
}

static inline bool fm_cursor_word(fm_cursor *c, const char *word)
{
    size_t n = strlen(word);
    bool found = (size_t)(c->end - c->p) >= n && memcmp(c->p, word, n) == 0;

    c->p += found ? n : 0;
    return found;
}

/* The value of so many hexadecimal digits, or -1. At most 8. */
long fm_cursor_hex(fm_cursor *c, int digits);

/* The escape of a JSON string from behind its backslash on, decoded into `out` (NULL: only checked). */
bool fm_cursor_json_escape(fm_cursor *c, fm_buf *out);

/* Append UTF-8, lone surrogates included: strings are compared and read as numbers, not shown. False
 * where it is no code point. */
bool fm_put_code(fm_buf *out, long code);

#endif
