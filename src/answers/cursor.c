/* Owns the escapes of strings, which JSON and Python's literals write alike. */
#include "answers/cursor.h"

#include "answers/span.h"

long fm_cursor_hex(fm_cursor *c, int digits)
{
    long code = 0;

    if (c->end - c->p < digits)
        return -1;
    for (int i = 0; i < digits; i++) {
        char folded = fm_folded(c->p[i]);
        int digit = fm_is_digit(folded)              ? folded - '0'
                    : folded >= 'a' && folded <= 'f' ? folded - 'a' + 10
                                                     : -1;

        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    c->p += digits;
    return code;
}

bool fm_put_code(fm_buf *out, long code)
{
    if (code < 0 || code > 0x10FFFF)
        return false;
    if (code < 0x80) {
        fm_buf_putc(out, (char)code);
        return true;
    }
    if (code < 0x800) {
        fm_buf_putc(out, (char)(0xC0 | code >> 6));
    } else {
        if (code < 0x10000) {
            fm_buf_putc(out, (char)(0xE0 | code >> 12));
        } else {
            fm_buf_putc(out, (char)(0xF0 | code >> 18));
            fm_buf_putc(out, (char)(0x80 | (code >> 12 & 63)));
        }
        fm_buf_putc(out, (char)(0x80 | (code >> 6 & 63)));
    }
    fm_buf_putc(out, (char)(0x80 | (code & 63)));
    return true;
}

/* What \uXXXX stands for, from behind its u on; a surrogate pair is one. */
static long read_code(fm_cursor *c)
{
    long code = fm_cursor_hex(c, 4);

    if (code >= 0xD800 && code < 0xDC00) {
        fm_cursor ahead = *c;
        long low = fm_cursor_word(&ahead, "\\u") ? fm_cursor_hex(&ahead, 4) : -1;

        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            *c = ahead;
        }
    }
    return code;
}

bool fm_cursor_json_escape(fm_cursor *c, fm_buf *out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";

    if (c->p == c->end)
        return false;
    char kind = *c->p++;
    if (kind == 'u') {
        long code = read_code(c);

        return out ? fm_put_code(out, code) : code >= 0;
    }
    const char *letter = kind ? strchr(letters, kind) : NULL;
    if (letter && out)
        fm_buf_putc(out, meanings[letter - letters]);
    return letter != NULL;
}
