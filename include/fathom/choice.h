/**
 * From the text of a reply to the letter of an option, or to yes or no, by each published rule.
 *
 * A rule is a named pure function; which one a protocol uses decides more than the model does. None
 * looks at the truth, except the two judgements at the end, which upstream does not split into
 * reading and comparing. Letters are ASCII; where upstream folds case, A-Z is folded. Time and memory
 * are linear in the reply's size. Thread-safe.
 */
#ifndef FATHOM_CHOICE_H
#define FATHOM_CHOICE_H

#include <stdbool.h>

#include "fathom/reply.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fm_arena;

/* What may be chosen. Only letter_infer reads the texts, which may be NULL for the others. */
typedef struct {
    const char *const *texts; /* [n], option 0 is "A" */
    size_t n;                 /* at most 26 */
} fm_options;

typedef enum {
    FM_CHOICE_LETTER,    /* `index`; a letter that is no option is still read, and wrong */
    FM_CHOICE_NONE,      /* the rule found no letter */
    FM_CHOICE_REFUSED,   /* the rule says that the reply declines to choose: upstream's Z */
    FM_CHOICE_UNDECIDED, /* the rule hands over to a language model as judge */
} fm_choice_kind;

typedef struct {
    fm_choice_kind kind;
    int index;        /* 0 for A; -1 unless FM_CHOICE_LETTER */
    const char *path; /* the step of the rule that decided; static text */
    fm_span read; /* where in the reply the letter or the option's text stands; text NULL: the rule
                         rewrites the reply before it reads, or reads none */
} fm_choice;

typedef struct {
    const char *name;
    const char *summary; /* one line */
    const char *source;  /* repository and file */
} fm_choice_rule;

/* The rules, in the order of the table in docs/answers.md; NULL past the end, or for an unknown
 * name. */
FM_API const fm_choice_rule *fm_choice_rule_at(size_t i);
FM_API const fm_choice_rule *fm_choice_rule_find(const char *name);

/* Read `reply` by `rule`, one of those above. Fails with FM_E_NOMEM only. */
FM_API FM_MUST_CHECK fm_status fm_choice_read(const fm_choice_rule *rule, fm_span reply,
                                              const fm_options *options, struct fm_arena *arena,
                                              fm_choice *out, fm_err *err);

/* A judgement that was stored beside a reply, as BLINK's files have it: "(B)" and nothing else is a
 * letter, "(Z)..." a refusal. */
FM_API fm_choice fm_choice_stored(fm_span judgement);

/* Embodied-R1, CV-Bench, BLINK and EmbSpatial: the answer is right when the true letter occurs
 * anywhere in it ("A" in "And"), or when it is the true option's text. `answer` is
 * fm_reply_answer(). */
FM_API bool fm_choice_letter_occurs(fm_span answer, const fm_options *options, size_t truth);

/* Embodied-R1, SAT: the true option's text occurs in the answer. */
FM_API bool fm_choice_text_occurs(fm_span answer, const char *truth);

/* VLMEvalKit ERQA (stripped, letter case aside) and MiMo's SAT: the answer is the truth. */
FM_API bool fm_choice_text_equals(fm_span answer, const char *truth);

/* ---- yes or no ---- */

typedef enum { FM_SAYS_NO, FM_SAYS_YES, FM_SAYS_NEITHER } fm_yesno;

/* RoboSpatial-Eval evaluation.py: the stripped, lower-cased reply begins with the word ("nothing"
 * begins with "no"). */
FM_API fm_yesno fm_yesno_prefix(fm_span reply);

/* lmms-eval robo_spatial: the last line of the stripped reply has one of the two and not the other;
 * "know" has "no". `reply` is fm_reply_after_think(). */
FM_API fm_yesno fm_yesno_last_line(fm_span reply);

#ifdef __cplusplus
}
#endif
#endif
