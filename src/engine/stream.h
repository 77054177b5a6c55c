/**
 * An answer's text as its tokens come: whole characters, valid UTF-8, ended by the first stop string.
 * What could still become a stop string is held back until that is clear. One thread each.
 */
#ifndef RT_ENGINE_STREAM_H
#define RT_ENGINE_STREAM_H

#include "engine/tokenizer.h"

typedef struct {
    const char *const *stops; /* borrowed; empty ones are passed over */
    size_t n_stops;
    fm_buf text;    /* so far; bytes that are no UTF-8 are U+FFFD in it */
    size_t ready;   /* of them certain to be the answer's */
    fm_buf pending; /* bytes that do not make a whole character yet */
    bool stopped;   /* a stop string came; the text ends before it */
} rt_stream;

/* Start it as {0} but for the stops. */
void rt_stream_release(rt_stream *stream);

/* Text that the answer begins with: no stop string is looked for in it. */
FM_MUST_CHECK fm_status rt_stream_begin(rt_stream *stream, const char *text, fm_err *err);
FM_MUST_CHECK fm_status rt_stream_put(rt_stream *stream, const rt_tokenizer *tokenizer, int32_t id,
                                      fm_err *err);
/* Nothing more comes: all of the text is ready, and a character that was never finished is dropped. */
void rt_stream_end(rt_stream *stream);

#endif
