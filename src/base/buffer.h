/**
 * Growing byte buffer with a cap, always terminated.
 *
 * A failed append (out of memory, or past the cap) leaves the content as it was and makes the
 * buffer `failed`; later appends are ignored, so that a long chain of them needs one check at its
 * end, fm_buf_check(). One thread at a time.
 */
#ifndef FM_BASE_BUFFER_H
#define FM_BASE_BUFFER_H

#include <stdbool.h>
#include <stdarg.h>

#include "fathom/status.h"

typedef struct {
    char *data; /* NULL while nothing was ever appended; use fm_buf_text() for a string */
    size_t size, capacity;
    size_t cap_bytes; /* 0: FM_BUF_DEFAULT_CAP */
    bool failed;
} fm_buf;

#define FM_BUF_DEFAULT_CAP ((size_t)1 << 30)

void fm_buf_append(fm_buf *buf, const void *bytes, size_t size);
void fm_buf_puts(fm_buf *buf, const char *text);
void fm_buf_putc(fm_buf *buf, char c);
void fm_buf_printf(fm_buf *buf, const char *fmt, ...) FM_PRINTF(2, 3);
void fm_buf_vprintf(fm_buf *buf, const char *fmt, va_list args) FM_PRINTF(2, 0);

/* Room for `extra` more bytes past size, or NULL (and failed). The caller fills it and adds to
 * size. */
char *fm_buf_room(fm_buf *buf, size_t extra);

const char *fm_buf_text(const fm_buf *buf); /* "" when empty; borrowed until the next append */
void fm_buf_clear(fm_buf *buf);             /* keeps the memory, forgets a failure */
void fm_buf_release(fm_buf *buf);           /* accepts NULL and {0} */

/* FM_OK, or FM_E_NOMEM with `what` in the text. */
FM_MUST_CHECK fm_status fm_buf_check(const fm_buf *buf, const char *what, fm_err *err);

#endif
