/* Owns growth and the cap. Formats nothing but printf. */
#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

char *fm_buf_room(fm_buf *buf, size_t extra)
{
    size_t cap = buf->cap_bytes ? buf->cap_bytes : FM_BUF_DEFAULT_CAP;
    size_t need;

    if (buf->failed)
        return NULL;
    if (!fm_size_add(buf->size, extra, &need) || need >= cap) {
        buf->failed = true;
        return NULL;
    }
    if (need + 1 > buf->capacity) {
        size_t want = buf->capacity ? buf->capacity * 2 : 256;

        if (want > cap)
            want = cap;
        if (want < need + 1)
            want = need + 1;
        char *grown = realloc(buf->data, want);
        if (!grown) {
            buf->failed = true;
            return NULL;
        }
        buf->data = grown;
        buf->capacity = want;
    }
    return buf->data + buf->size;
}

void fm_buf_append(fm_buf *buf, const void *bytes, size_t size)
{
    char *room = fm_buf_room(buf, size);

    if (!room)
        return;
    if (size)
        memcpy(room, bytes, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
}

void fm_buf_puts(fm_buf *buf, const char *text)
{
    fm_buf_append(buf, text, strlen(text));
}

void fm_buf_putc(fm_buf *buf, char c)
{
    /* Numbers come a byte at a time: where there is room, no more than a store. */
    bool room = !buf->failed && buf->capacity - buf->size > 1;

    if (!room && !fm_buf_room(buf, 1))
        return;
    buf->data[buf->size++] = c;
    buf->data[buf->size] = '\0';
}

void fm_buf_vprintf(fm_buf *buf, const char *fmt, va_list args)
{
    va_list again;
    char small[256];

    va_copy(again, args);
    int n = vsnprintf(small, sizeof(small), fmt, args);
    if (n >= 0 && (size_t)n < sizeof(small)) {
        fm_buf_append(buf, small, (size_t)n);
    } else if (n < 0) {
        buf->failed = true;
    } else {
        char *room = fm_buf_room(buf, (size_t)n);

        if (room) {
            vsnprintf(room, (size_t)n + 1, fmt, again);
            buf->size += (size_t)n;
        }
    }
    va_end(again);
}

void fm_buf_printf(fm_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fm_buf_vprintf(buf, fmt, args);
    va_end(args);
}

const char *fm_buf_text(const fm_buf *buf)
{
    return buf->data ? buf->data : "";
}

void fm_buf_clear(fm_buf *buf)
{
    buf->size = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

void fm_buf_release(fm_buf *buf)
{
    if (!buf)
        return;
    free(buf->data);
    buf->data = NULL;
    buf->size = buf->capacity = 0;
    buf->failed = false;
}

fm_status fm_buf_check(const fm_buf *buf, const char *what, fm_err *err)
{
    return buf->failed ? fm_fail(err, FM_E_NOMEM, "no memory for %s", what) : FM_OK;
}
