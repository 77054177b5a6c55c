/* Lines on a terminal: what the tables are made of. Every text that came from a file goes through
 * put_data(). */
#ifndef FM_REPORT_SCREEN_H
#define FM_REPORT_SCREEN_H

#include <string.h>

#include "base/buffer.h"
#include "base/text.h"

#define SCREEN_RULE     "\xE2\x94\x80" /* box drawing, light horizontal */
#define SCREEN_ELLIPSIS "\xE2\x80\xA6"

typedef struct {
    fm_buf *out;
    int width;
    bool colour;
} screen;

static inline void spaces(screen *s, int n)
{
    for (int i = 0; i < n; i++)
        fm_buf_putc(s->out, ' ');
}

/* Padding at the end of a line is invisible until somebody copies it. */
static inline void end_line(screen *s)
{
    while (s->out->size > 0 && s->out->data[s->out->size - 1] == ' ')
        s->out->size--;
    fm_buf_putc(s->out, '\n');
}

static inline void style(screen *s, const char *code)
{
    if (s->colour)
        fm_buf_printf(s->out, "\033[%sm", code);
}

/* Text from a file, escaped, cut to `most` columns with an ellipsis; returns the columns taken. */
static inline int put_data(screen *s, const char *text, int most)
{
    fm_buf safe = {0};
    size_t size = strlen(text), bound = (size_t)most * 8 + 8;
    int columns = 0;

    fm_text_for_terminal(&safe, text, size < bound ? size : bound);
    const char *p = fm_buf_text(&safe);
    bool cut = (int)fm_text_columns(p) > most;
    int room = cut ? most - 1 : most;
    while (*p) {
        char character[5] = {0};
        size_t n = fm_utf8_sequence(p, strlen(p));

        memcpy(character, p, n ? n : 1);
        int wide = (int)fm_text_columns(character);
        if (columns + wide > room)
            break;
        fm_buf_puts(s->out, character);
        columns += wide;
        p += n ? n : 1;
    }
    if (cut)
        fm_buf_puts(s->out, SCREEN_ELLIPSIS);
    if (safe.failed)
        s->out->failed = true;
    fm_buf_release(&safe);
    return columns + cut;
}

static inline void put_padded(screen *s, const char *text, int columns)
{
    spaces(s, columns - put_data(s, text, columns));
}

static inline int at_most(int n, int most)
{
    return n < most ? n : most;
}

static inline int max(int a, int b)
{
    return a > b ? a : b;
}

static inline void rule(screen *s, int columns)
{
    style(s, "2");
    for (int i = 0; i < columns; i++)
        fm_buf_puts(s->out, SCREEN_RULE);
    style(s, "0");
    fm_buf_putc(s->out, '\n');
}

#endif
