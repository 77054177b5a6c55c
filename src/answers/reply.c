/* Owns spans: the part of a reply that a rule reads. */
#include "answers/span.h"

#include <string.h>

#include "answers/answers_internal.h"

fm_span fm_span_of(const char *text)
{
    return (fm_span){text, text ? strlen(text) : 0};
}

fm_span fm_span_strip(fm_span span)
{
    if (!span.text)
        return span;

    const char *begin = span.text, *end = span.text + span.size;
    for (size_t length; (length = fm_answers_space(begin, end)) > 0;)
        begin += length;
    while (begin < end) {
        const char *last = end - 1;

        while (last > begin && end - last < 3 && ((unsigned char)*last & 0xC0) == 0x80)
            last--;
        if (fm_answers_space(last, end) != (size_t)(end - last))
            break;
        end = last;
    }
    return (fm_span){begin, (size_t)(end - begin)};
}

const char *fm_span_find(fm_span span, const char *word)
{
    return span.size ? memmem(span.text, span.size, word, strlen(word)) : NULL;
}

const char *fm_span_find_folded(fm_span span, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= span.size; i++) {
        size_t k = 0;

        while (k < n && fm_folded(span.text[i + k]) == fm_folded(word[k]))
            k++;
        if (k == n)
            return span.text + i;
    }
    return NULL;
}

bool fm_span_equals(fm_span span, const char *text)
{
    return span.text && span.size == strlen(text) && memcmp(span.text, text, span.size) == 0;
}

bool fm_span_same_folded(fm_span a, fm_span b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (fm_folded(a.text[i]) != fm_folded(b.text[i]))
            return false;
    return true;
}

bool fm_span_begins_folded(fm_span span, const char *word)
{
    size_t n = strlen(word);

    return span.size >= n && fm_span_same_folded((fm_span){span.text, n}, fm_span_of(word));
}

size_t fm_span_characters(fm_span span)
{
    const char *p = span.text, *end = span.text + span.size;
    size_t n = 0;

    for (unsigned code; p < end; n++)
        p += fm_answers_code_point(p, end, &code);
    return n;
}

fm_span fm_span_from(fm_span span, const char *p)
{
    return (fm_span){p, (size_t)(span.text + span.size - p)};
}

bool fm_span_word(fm_span *rest, fm_span *word)
{
    const char *p = rest->text, *end = rest->text + rest->size;
    size_t length;

    while (p < end && (length = fm_answers_space(p, end)) > 0)
        p += length;
    const char *begin = p;
    while (p < end && fm_answers_space(p, end) == 0) {
        unsigned code;

        p += fm_answers_code_point(p, end, &code);
    }
    *word = (fm_span){begin, (size_t)(p - begin)};
    *rest = (fm_span){p, (size_t)(end - p)};
    return word->size > 0;
}

fm_span fm_span_last_after(fm_span span, const char *separator)
{
    size_t n = strlen(separator);
    const char *p;

    /* Python splits from the left, so that of "\n\n\n" the first two are one separator. */
    while ((p = fm_span_find(span, separator)))
        span = fm_span_from(span, p + n);
    return span;
}

fm_span fm_reply_last_line(fm_span reply)
{
    return fm_span_last_after(fm_span_strip(reply), "\n");
}

bool fm_span_between(fm_span span, const char *open, const char *close, fm_span *inside)
{
    const char *begin, *end;

    while ((begin = fm_span_find(span, open))) {
        span = fm_span_from(span, begin + strlen(open));
        const char *newline = span.size ? memchr(span.text, '\n', span.size) : NULL;
        fm_span line = {span.text, newline ? (size_t)(newline - span.text) : span.size};

        end = fm_span_find(line, close);
        if (end) {
            *inside = (fm_span){line.text, (size_t)(end - line.text)};
            return true;
        }
        if (!newline)
            return false;
        /* Every opening tag before the newline would run into it as well. */
        span = fm_span_from(span, newline);
    }
    return false;
}

fm_span fm_reply_answer(fm_span reply)
{
    fm_span inside;

    return fm_span_between(reply, "<answer>", "</answer>", &inside) ? fm_span_strip(inside)
                                                                    : fm_span_of("");
}

fm_span fm_reply_after_think(fm_span reply)
{
    static const char *const ends[] = {"</think>", "</thought>"};
    const char *p, *q;

    for (int i = 0; i < 2; i++)
        if ((p = fm_span_find(reply, ends[i])))
            reply = fm_span_from(reply, p + strlen(ends[i]));
    if ((p = fm_span_find_folded(reply, "<answer>"))) {
        fm_span rest = fm_span_from(reply, p + strlen("<answer>"));

        if ((q = fm_span_find_folded(rest, "</answer>")))
            reply = (fm_span){rest.text, (size_t)(q - rest.text)};
    }
    return fm_span_strip(reply);
}

static bool is_blank(fm_span span)
{
    return fm_span_strip(span).size == 0;
}

/* What stands between `open` and `close`, or up to `stop` or the end; `rest` becomes what follows. */
static bool tagged(fm_span *rest, const char *open, const char *close, const char *stop,
                   fm_span *before, fm_span *inside, bool *closed)
{
    const char *begin = fm_span_find(*rest, open), *end;

    if (!begin)
        return false;
    *before = (fm_span){rest->text, (size_t)(begin - rest->text)};
    *inside = fm_span_from(*rest, begin + strlen(open));
    end = fm_span_find(*inside, close);
    *closed = end != NULL;
    if (!end && stop)
        end = fm_span_find(*inside, stop);
    if (!end)
        end = inside->text + inside->size;
    *rest = fm_span_from(*rest, end + (*closed ? strlen(close) : 0));
    inside->size = (size_t)(end - inside->text);
    return true;
}

fm_reply_parts fm_reply_split(fm_span reply)
{
    fm_reply_parts parts = {.whole = false};
    fm_span rest = reply, before = {0}, between = {0};

    if (!reply.text)
        return parts;
    bool thought = tagged(&rest, "<think>", "</think>", "<answer>", &before, &parts.think,
                          &parts.think_closed);
    bool answered =
        tagged(&rest, "<answer>", "</answer>", NULL, &between, &parts.answer, &parts.answer_closed);
    parts.whole = thought && answered && parts.think_closed && parts.answer_closed &&
                  is_blank(before) && is_blank(between) && is_blank(rest);
    return parts;
}

fm_span fm_reply_conclusion(fm_span reply, const fm_reply_parts *parts)
{
    if (parts->answer.text)
        return parts->answer;
    if (parts->think.text)
        return fm_span_from(reply, parts->think.text + parts->think.size);
    return reply.text ? reply : fm_span_of("");
}
