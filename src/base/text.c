/* Owns what is known about characters. */
#include "base/text.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

size_t fm_utf8_sequence(const char *text, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n;
    uint32_t code;

    if (size == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] < 0xE0) {
        n = 2;
        code = p[0] & 0x1Fu;
    } else if (p[0] >= 0xE0 && p[0] < 0xF0) {
        n = 3;
        code = p[0] & 0x0Fu;
    } else if (p[0] >= 0xF0 && p[0] < 0xF5) {
        n = 4;
        code = p[0] & 0x07u;
    } else {
        return 0;
    }
    if (size < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3Fu);
    }
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return 0;
    return n;
}

bool fm_utf8_valid(const char *p, size_t size)
{
    for (size_t i = 0, n; i < size; i += n) {
        n = fm_utf8_sequence(p + i, size - i);
        if (n == 0)
            return false;
    }
    return true;
}

static uint32_t decode(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;

    switch (n) {
    case 1:
        return p[0];
    case 2:
        return (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    case 3:
        return (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    default:
        return (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
    }
}

/* Characters that change how their neighbours are shown instead of being shown. */
static bool acts_on_display(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

void fm_text_for_terminal(fm_buf *out, const char *text, size_t size)
{
    for (size_t i = 0, n; i < size; i += n) {
        n = fm_utf8_sequence(text + i, size - i);
        if (n == 0) {
            fm_buf_printf(out, "\\x%02x", (unsigned char)text[i]);
            n = 1;
        } else if (text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
            fm_buf_putc(out, ' ');
        } else if (acts_on_display(decode(text + i, n))) {
            fm_buf_printf(out, "\\u%04x", (unsigned)decode(text + i, n));
        } else {
            fm_buf_append(out, text + i, n);
        }
    }
}

void fm_text_for_html(fm_buf *out, const char *text, size_t size)
{
    for (size_t i = 0, n; i < size; i += n) {
        n = fm_utf8_sequence(text + i, size - i);
        char c = text[i];

        if (n == 0)
            n = 1, fm_buf_puts(out, "\xEF\xBF\xBD");
        else if (c == '&')
            fm_buf_puts(out, "&amp;");
        else if (c == '<')
            fm_buf_puts(out, "&lt;");
        else if (c == '>')
            fm_buf_puts(out, "&gt;");
        else if (c == '"')
            fm_buf_puts(out, "&quot;");
        else if (c == '\'')
            fm_buf_puts(out, "&#39;");
        else if (c != '\n' && c != '\t' && acts_on_display(decode(text + i, n)))
            fm_buf_puts(out, "\xEF\xBF\xBD");
        else
            fm_buf_append(out, text + i, n);
    }
}

void fm_text_for_script(fm_buf *out, const char *json, size_t size)
{
    size_t begin = 0;

    /* Nearly all of it is copied in long pieces: this may be many megabytes. */
    for (size_t i = 0, n; i < size; i += n) {
        uint32_t c = (unsigned char)json[i];

        n = c < 0x80 ? 1 : fm_utf8_sequence(json + i, size - i);
        if (c >= 0x80)
            c = n ? decode(json + i, n) : 0xFFFD;
        if (n && c != '<' && (c == '\n' || !acts_on_display(c)))
            continue;
        fm_buf_append(out, json + begin, i - begin);
        fm_buf_printf(out, "\\u%04x", (unsigned)c);
        n = n ? n : 1;
        begin = i + n;
    }
    fm_buf_append(out, json + begin, size - begin);
}

/* What is left when nothing in it can act on a terminal; that memory was out is `out`'s to say. */
static void make_plain(fm_buf *plain, fm_buf *out, const char *text, size_t size)
{
    fm_text_for_terminal(plain, text, size);
    out->failed |= plain->failed;
}

static bool is_plain_in_shell(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "%+,-./:=@_";

    return *word && word[strspn(word, plain)] == '\0';
}

void fm_text_for_shell(fm_buf *out, const char *text, size_t size)
{
    fm_buf shown = {0};

    make_plain(&shown, out, text, size);
    const char *word = fm_buf_text(&shown);
    if (is_plain_in_shell(word)) {
        fm_buf_puts(out, word);
    } else {
        fm_buf_putc(out, '\'');
        for (const char *p = word; *p; p++)
            if (*p == '\'')
                fm_buf_puts(out, "'\\''");
            else
                fm_buf_putc(out, *p);
        fm_buf_putc(out, '\'');
    }
    fm_buf_release(&shown);
}

void fm_text_for_markdown(fm_buf *out, const char *text, size_t size)
{
    fm_buf plain = {0};

    make_plain(&plain, out, text, size);
    for (const char *p = fm_buf_text(&plain); *p; p++) {
        if (*p == '&')
            fm_buf_puts(out, "&amp;");
        else if (*p == '<')
            fm_buf_puts(out, "&lt;");
        else if (*p == '>')
            fm_buf_puts(out, "&gt;");
        else if (*p == '@')
            fm_buf_puts(out, "&#64;"); /* else GitHub tells that user */
        else if (strchr("\\`*_{}[]()#|~!:", *p))
            fm_buf_printf(out, "\\%c", *p);
        else
            fm_buf_putc(out, *p);
    }
    fm_buf_release(&plain);
}

void fm_text_for_csv(fm_buf *out, const char *text, size_t size)
{
    fm_buf plain = {0};

    make_plain(&plain, out, text, size);
    const char *p = fm_buf_text(&plain);
    bool formula = *p && strchr("=+-@", *p), quoted = strpbrk(p, ",\"") || *p == ' ';

    if (quoted)
        fm_buf_putc(out, '"');
    if (formula)
        fm_buf_putc(out, '\'');
    for (; *p; p++)
        fm_buf_puts(out, *p == '"' ? "\"\"" : (char[]){*p, '\0'});
    if (quoted)
        fm_buf_putc(out, '"');
    fm_buf_release(&plain);
}

void fm_text_for_latex(fm_buf *out, const char *text, size_t size)
{
    static const struct {
        char from;
        const char *to;
    } table[] = {{'\\', "\\textbackslash{}"},
                 {'~', "\\textasciitilde{}"},
                 {'^', "\\textasciicircum{}"},
                 {'<', "\\textless{}"},
                 {'>', "\\textgreater{}"},
                 {'"', "\\textquotedbl{}"},
                 {'|', "\\textbar{}"},
                 {'{', "\\{"},
                 {'}', "\\}"},
                 {'$', "\\$"},
                 {'&', "\\&"},
                 {'#', "\\#"},
                 {'_', "\\_"},
                 {'%', "\\%"},
                 {'`', "\\textasciigrave{}"},
                 {'\'', "\\textquotesingle{}"}};
    fm_buf plain = {0};

    make_plain(&plain, out, text, size);
    for (const char *p = fm_buf_text(&plain); *p; p++) {
        const char *to = NULL;

        for (size_t i = 0; i < FM_COUNT_OF(table); i++)
            to = table[i].from == *p ? table[i].to : to;
        fm_buf_puts(out, to ? to : (char[]){*p, '\0'});
    }
    fm_buf_release(&plain);
}

size_t fm_text_columns(const char *text)
{
    size_t columns = 0, size = strlen(text);

    for (size_t i = 0, n; i < size; i += n) {
        n = fm_utf8_sequence(text + i, size - i);
        if (n == 0) {
            n = 1;
            columns++;
            continue;
        }
        uint32_t c = decode(text + i, n);
        bool combining = (c >= 0x0300 && c < 0x0370) || (c >= 0x20D0 && c < 0x2100);
        bool wide = (c >= 0x1100 && c < 0x1160) || (c >= 0x2E80 && c < 0xA4D0) ||
                    (c >= 0xAC00 && c < 0xD7A4) || (c >= 0xFF00 && c < 0xFF61) ||
                    (c >= 0x1F300 && c < 0x1FB00);
        columns += combining ? 0 : wide ? 2 : 1;
    }
    return columns;
}

int fm_text_distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    int rows[3][LONGEST];
    size_t n = strlen(a), m = strlen(b);

    n = n < LONGEST ? n : LONGEST - 1;
    m = m < LONGEST ? m : LONGEST - 1;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int *now = rows[i % 3], *up = rows[(i - 1) % 3], *up2 = rows[(i + 1) % 3];

        now[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int best = up[j - 1] + (a[i - 1] != b[j - 1]);

            if (up[j] + 1 < best)
                best = up[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                up2[j - 2] + 1 < best)
                best = up2[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[n % 3][m];
}

const char *fm_text_nearest(const char *word, const char *const *names, size_t n)
{
    size_t size = strlen(word);
    const char *best = NULL, *begun = NULL;
    int best_distance = 0;

    for (size_t i = 0; i < n; i++) {
        int distance = fm_text_distance(word, names[i]);

        if (!best || distance < best_distance) {
            best = names[i];
            best_distance = distance;
        }
        if (!begun && size >= 3 && strncmp(names[i], word, size) == 0)
            begun = names[i];
    }
    if (best && best_distance <= 2 + (int)(size / 5) && (size_t)best_distance < size)
        return best;
    return begun; /* the beginning of a name is a likely slip too, however much is missing */
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Six bytes at a time through a table of pairs of digits, as far as whole steps go; the table costs
 * as much as a few kilobytes, and pictures have a hundred. Returns the bytes that are done. */
static size_t encode_by_pairs(const unsigned char *p, size_t size, char *w)
{
    char pairs[64 * 64][2];
    size_t i = 0;

    for (size_t k = 0; k < FM_COUNT_OF(pairs); k++) {
        pairs[k][0] = base64_digits[k >> 6];
        pairs[k][1] = base64_digits[k & 63];
    }
    for (; size - i >= 8; i += 6, w += 8) {
        uint64_t v;

        memcpy(&v, p + i, 8); /* the last two are for the next step */
        v = be64toh(v);
        memcpy(w, pairs[v >> 52], 2);
        memcpy(w + 2, pairs[v >> 40 & 4095], 2);
        memcpy(w + 4, pairs[v >> 28 & 4095], 2);
        memcpy(w + 6, pairs[v >> 16 & 4095], 2);
    }
    return i;
}

void fm_base64_encode(fm_buf *out, const void *bytes, size_t size)
{
    enum { LARGE = 16384 };
    const unsigned char *p = bytes;
    /* 4 characters for 3 bytes; size / 3 * 4 cannot overflow where size bytes exist in memory */
    char *room = fm_buf_room(out, (size / 3 + 1) * 4);

    if (!room)
        return;
    size_t i = size >= LARGE ? encode_by_pairs(p, size, room) : 0;
    char *w = room + i / 3 * 4;
    for (; i < size; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < size ? (uint32_t)p[i + 1] << 8 : 0) |
                     (i + 2 < size ? (uint32_t)p[i + 2] : 0);

        *w++ = base64_digits[v >> 18];
        *w++ = base64_digits[v >> 12 & 63];
        *w++ = i + 1 < size ? base64_digits[v >> 6 & 63] : '=';
        *w++ = i + 2 < size ? base64_digits[v & 63] : '=';
    }
    *w = '\0';
    out->size += (size_t)(w - room);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool fm_base64_decode(fm_buf *out, const char *text, size_t size)
{
    if (size % 4 != 0)
        return false;
    for (size_t i = 0; i < size; i += 4) {
        bool last = i + 4 == size;
        int padding = last ? (text[i + 3] == '=') + (text[i + 3] == '=' && text[i + 2] == '=') : 0;
        uint32_t v = 0;
        char bytes[3];

        for (int k = 0; k < 4; k++) {
            int value = k >= 4 - padding ? 0 : base64_value(text[i + (size_t)k]);

            if (value < 0)
                return false;
            v = v << 6 | (uint32_t)value;
        }
        if (v & ((1u << 8 * padding) - 1))
            return false; /* bits that no encoder sets: two texts for the same bytes */
        bytes[0] = (char)(v >> 16);
        bytes[1] = (char)(v >> 8);
        bytes[2] = (char)v;
        fm_buf_append(out, bytes, (size_t)(3 - padding));
    }
    return !out->failed;
}

bool fm_text_to_double(const char *text, double *out)
{
    char *end;

    if (!*text || strspn(text, "+-0123456789.eE") != strlen(text))
        return false;
    double value = strtod(text, &end);
    if (*end || !isfinite(value))
        return false;
    *out = value;
    return true;
}

bool fm_text_to_uint64(const char *text, uint64_t *out)
{
    char *end;

    if (!*text || strspn(text, "0123456789") != strlen(text))
        return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end || errno)
        return false;
    *out = value;
    return true;
}
