/* Owns what of an answer's bytes is text already. */
#include "engine/stream.h"

#include <string.h>

#include "base/text.h"

void rt_stream_release(rt_stream *stream)
{
    fm_buf_release(&stream->text);
    fm_buf_release(&stream->pending);
    *stream = (rt_stream){0};
}

/* Append bytes that hold no unfinished character. */
static void append_text(fm_buf *out, const char *bytes, size_t size)
{
    for (size_t at = 0, n; at < size; at += n) {
        n = fm_utf8_sequence(bytes + at, size - at);
        if (n > 0)
            fm_buf_append(out, bytes + at, n);
        else
            fm_buf_puts(out, "\xef\xbf\xbd");
        n += n == 0;
    }
}

fm_status rt_stream_begin(rt_stream *stream, const char *text, fm_err *err)
{
    append_text(&stream->text, text, strlen(text));
    stream->ready = stream->text.size;
    return fm_buf_check(&stream->text, "the answer", err);
}

/* The first stop string that ends behind `ready`, or NULL. */
static const char *find_stop(const rt_stream *s)
{
    const char *from = fm_buf_text(&s->text) + s->ready, *first = NULL;
    size_t size = s->text.size - s->ready;

    for (size_t i = 0; i < s->n_stops; i++) {
        size_t n = strlen(s->stops[i]);
        const char *at = n > 0 ? memmem(from, size, s->stops[i], n) : NULL;

        if (at && (!first || at < first))
            first = at;
    }
    return first;
}

/* Bytes at the end of the text that begin a stop string: the most of any. */
static size_t held_back(const rt_stream *s)
{
    size_t most = 0, size = s->text.size - s->ready;
    const char *end = fm_buf_text(&s->text) + s->text.size;

    for (size_t i = 0; i < s->n_stops; i++) {
        size_t n = strlen(s->stops[i]);

        n = n > size ? size : n > 0 ? n - 1 : 0;
        while (n > most && memcmp(end - n, s->stops[i], n) != 0)
            n--;
        most = n > most ? n : most;
    }
    return most;
}

fm_status rt_stream_put(rt_stream *stream, const rt_tokenizer *tokenizer, int32_t id, fm_err *err)
{
    size_t whole;
    fm_status st = rt_tokenizer_stream(tokenizer, id, &stream->pending, &whole, err);

    if (st != FM_OK || whole == 0)
        return st;
    append_text(&stream->text, stream->pending.data, whole);
    stream->pending.size -= whole;
    memmove(stream->pending.data, stream->pending.data + whole, stream->pending.size);
    st = fm_buf_check(&stream->text, "the answer", err);
    if (st != FM_OK)
        return st;
    const char *stop = find_stop(stream);
    if (stop) {
        stream->text.size = (size_t)(stop - stream->text.data);
        stream->text.data[stream->text.size] = '\0';
        stream->stopped = true;
    }
    stream->ready = stream->text.size - (stop ? 0 : held_back(stream));
    return FM_OK;
}

void rt_stream_end(rt_stream *stream)
{
    stream->ready = stream->text.size;
}
