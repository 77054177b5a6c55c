/* Text as Python reads it: json.loads() and ast.literal_eval(), into a tree in an arena. json.c reads
 * lists of numbers without a tree; this is for the rules that look at names and types. */
#ifndef FM_ANSWERS_LITERAL_H
#define FM_ANSWERS_LITERAL_H

#include <stdbool.h>

#include "base/arena.h"
#include "fathom/reply.h"

typedef enum {
    FM_LITERAL_NONE,
    FM_LITERAL_BOOL,
    FM_LITERAL_INT,
    FM_LITERAL_FLOAT,
    FM_LITERAL_STRING,
    FM_LITERAL_LIST,
    FM_LITERAL_TUPLE,
    FM_LITERAL_DICT
} fm_literal_kind;

typedef struct fm_literal {
    fm_literal_kind kind;
    double number;            /* BOOL, INT (infinite: no double holds it), FLOAT */
    fm_span string;           /* decoded */
    struct fm_literal *first; /* items of a list, values of a dict */
    struct fm_literal *next;  /* of the list that this one is in */
    fm_span key;              /* in a dict; without text where the key is no string */
    size_t n;                 /* items */
} fm_literal;

/* PYTHON departs from literal_eval() in refusing what no reply has: bytes, complex and
 * hexadecimal numbers, sets, comments, triple quotes, string prefixes, neighbouring strings. */
typedef enum { FM_LITERAL_JSON, FM_LITERAL_PYTHON } fm_literal_syntax;

/* *out is NULL where the text is none; *raises then is Python's exception ("JSONDecodeError",
 * "ValueError" for an integer of more than 4300 digits, "RecursionError", "SyntaxError"). Fails with
 * FM_E_NOMEM only. */
FM_MUST_CHECK fm_status fm_literal_parse(fm_literal_syntax syntax, fm_span text, fm_arena *arena,
                                         fm_literal **out, const char **raises, fm_err *err);

/* The value of `key` (the last, where it is repeated), or NULL. */
const fm_literal *fm_literal_get(const fm_literal *dict, const char *key);

/* Whether isinstance(value, (int, float)) holds, which True and False fulfil. */
bool fm_literal_is_number(const fm_literal *value);

#endif
