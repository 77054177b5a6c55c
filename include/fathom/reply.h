/**
 * The part of a reply at which a published rule looks, and the ASCII view of text that the readers
 * share.
 *
 * A span is borrowed bytes of any kind; `text` NULL means that there is no reply (Python's None),
 * which is not the same as an empty one. All functions are pure, thread-safe, linear in the size,
 * and return spans of the bytes that they were given.
 */
#ifndef FATHOM_REPLY_H
#define FATHOM_REPLY_H

#include <stdbool.h>

#include "fathom/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const char *text;
    size_t size;
} fm_span;

FM_API fm_span fm_span_of(const char *text); /* a terminated string; NULL gives no reply */

/* Without white space at both ends, as Python's strip() takes it (Unicode spaces included). */
FM_API fm_span fm_span_strip(fm_span span);

/* Embodied-R1 (eval/hf_inference_*.py): what stands in the first <answer>...</answer> on one line,
 * stripped; empty where there is none. */
FM_API fm_span fm_reply_answer(fm_span reply);

/* lmms-eval (tasks/robo_spatial/utils.py, remove_think): without all up to the first </think>, then
 * up to the first </thought>; then the first <answer>...</answer>, tags in any case, over lines; all
 * of it where there is no such tag; stripped. */
FM_API fm_span fm_reply_after_think(fm_span reply);

/* FlagEvalMM (where2place and robo_spatial tasks): the last line of the stripped reply. */
FM_API fm_span fm_reply_last_line(fm_span reply);

/* What RoboTracer and R1-V train replies to be: <think>...</think> followed by <answer>...</answer>. */
typedef struct {
    fm_span think;     /* inside the first <think>; text NULL: there is none. Unclosed it reaches up
                          to <answer> or to the end */
    fm_span answer;    /* inside the first <answer> behind it, likewise */
    bool think_closed; /* its closing tag is there */
    bool answer_closed;
    bool whole; /* both are closed, and nothing but white space stands before, between and behind */
} fm_reply_parts;

FM_API fm_reply_parts fm_reply_split(fm_span reply);

/* The part of a split reply that answers: what stands in <answer>, else behind the thinking (its
 * closing tag included), else all of it. */
FM_API fm_span fm_reply_conclusion(fm_span reply, const fm_reply_parts *parts);

#ifdef __cplusplus
}
#endif
#endif
