/* Shared by the rules for letters. */
#ifndef FM_ANSWERS_CHOICE_INTERNAL_H
#define FM_ANSWERS_CHOICE_INTERNAL_H

#include "fathom/choice.h"

/* `letter` is A-Z or a-z. */
static inline fm_choice fm_choice_of(char letter, fm_span read, const char *path)
{
    return (fm_choice){FM_CHOICE_LETTER, (letter & ~0x20) - 'A', path, read};
}

static inline fm_choice fm_choice_without(fm_choice_kind kind, const char *path)
{
    return (fm_choice){kind, -1, path, {NULL, 0}};
}

/* The rule letter_tail: can_match_option() of EASI, adopted by VLMEvalKit. */
FM_MUST_CHECK fm_status fm_choice_tail(fm_span reply, const fm_options *options,
                                       struct fm_arena *arena, fm_choice *out, fm_err *err);

#endif
