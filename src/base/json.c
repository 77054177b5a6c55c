/* Owns the repair of text before cJSON reads it, and the writer. */
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/size.h"
#include "base/text.h"

static int hex4(const char *p)
{
    int value = 0;

    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i];
        int digit = c >= '0' && c <= '9'                 ? c - '0'
                    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                         : -1;

        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* One escape at p (a backslash); appends its repaired form and returns how many bytes it took. */
static size_t repair_escape(const char *p, size_t left, fm_buf *out)
{
    int code;

    if (left < 2) {
        fm_buf_putc(out, *p);
        return 1;
    }
    if (p[1] != 'u' || left < 6 || (code = hex4(p + 2)) < 0) {
        fm_buf_append(out, p, 2);
        return 2;
    }
    if (code == 0) {
        fm_buf_append(out, "\xC0\x80", 2);
        return 6;
    }
    if (code >= 0xD800 && code < 0xE000) {
        int low = code < 0xDC00 && left >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8) : -1;

        if (low >= 0xDC00 && low < 0xE000) {
            fm_buf_append(out, p, 12);
            return 12;
        }
        fm_buf_putc(out, (char)(0xE0 | code >> 12));
        fm_buf_putc(out, (char)(0x80 | (code >> 6 & 63)));
        fm_buf_putc(out, (char)(0x80 | (code & 63)));
        return 6;
    }
    fm_buf_append(out, p, 6);
    return 6;
}

/* Length of a Python-only number at p, or 0. */
static size_t not_finite(const char *p, size_t left)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};

    for (size_t i = 0; i < FM_COUNT_OF(words); i++) {
        size_t n = strlen(words[i]);

        if (left >= n && memcmp(p, words[i], n) == 0)
            return n;
    }
    return 0;
}

/* memmem() looks at every byte; a rare first letter is found thirty-two at a time. */
static bool holds(const char *text, size_t size, const char *word)
{
    size_t n = strlen(word);
    const char *end = text + size;

    for (const char *p = text; (p = memchr(p, word[0], (size_t)(end - p))); p++)
        if ((size_t)(end - p) >= n && memcmp(p, word, n) == 0)
            return true;
    return false;
}

/* An escape that is a NUL or a surrogate. */
static bool holds_escape(const char *text, size_t size)
{
    const char *end = text + size;

    for (const char *p = text; (p = memchr(p, '\\', (size_t)(end - p))); p++)
        if (end - p >= 3 && p[1] == 'u' &&
            ((p[2] | 32) == 'd' || (end - p >= 6 && memcmp(p + 2, "0000", 4) == 0)))
            return true;
    return false;
}

/* Most lines hold none of these, and looking for them costs less than copying the line. */
static bool needs_repair(const char *text, size_t size)
{
    return holds_escape(text, size) || holds(text, size, "NaN") || holds(text, size, "Infinity");
}

static void repair(const char *text, size_t size, fm_buf *out)
{
    bool in_string = false;
    size_t kept = 0, i = 0;

    while (i < size) {
        char c = text[i];
        size_t word;

        if (in_string && c == '\\') {
            fm_buf_append(out, text + kept, i - kept);
            i += repair_escape(text + i, size - i, out);
            kept = i;
        } else if (c == '"') {
            in_string = !in_string;
            i++;
        } else if (!in_string && (c == 'N' || c == 'I' || c == '-') &&
                   (word = not_finite(text + i, size - i)) > 0) {
            fm_buf_append(out, text + kept, i - kept);
            fm_buf_puts(out, "null");
            i += word;
            kept = i;
        } else {
            i++;
        }
    }
    fm_buf_append(out, text + kept, size - kept);
}

fm_status fm_json_parse(const char *text, size_t size, const char *name, cJSON **out, fm_err *err)
{
    fm_buf repaired = {0};
    const char *end = NULL;
    fm_status st = FM_OK;

    if (size == 0)
        return fm_fail(err, FM_E_INPUT, "%s: not JSON at byte 0", name);
    /* cJSON would end a string there and drop the rest of it. */
    const char *nul = memchr(text, '\0', size);
    if (nul)
        return fm_fail(err, FM_E_INPUT, "%s: not JSON at byte %zu", name, (size_t)(nul - text));
    if (needs_repair(text, size)) {
        repair(text, size, &repaired);
        st = fm_buf_check(&repaired, name, err);
        if (st != FM_OK)
            goto done;
        text = fm_buf_text(&repaired);
        size = repaired.size;
    }
    errno = 0;
    cJSON *made = cJSON_ParseWithLengthOpts(text, size, &end, false);
    if (!made && errno == ENOMEM) {
        /* cJSON does not tell the two apart, and who reads a journal must not take a record for a
         * torn line because memory was short. */
        st = fm_fail(err, FM_E_NOMEM, "no memory for %s", name);
        goto done;
    }
    if (made) {
        while (end < text + size && (*end == ' ' || *end == '\t' || *end == '\r' || *end == '\n'))
            end++;
        if (end < text + size) {
            cJSON_Delete(made);
            made = NULL;
        }
    }
    if (!made) {
        st = fm_fail(err, FM_E_INPUT, "%s: not JSON at byte %zu", name,
                     end ? (size_t)(end - text) : (size_t)0);
        goto done;
    }
    *out = made;
done:
    fm_buf_release(&repaired);
    return st;
}

fm_status fm_json_load(const char *path, size_t cap_bytes, cJSON **out, fm_err *err)
{
    fm_buf text = {0};
    fm_status st = fm_file_read(path, cap_bytes, &text, err);

    if (st == FM_OK)
        st = fm_json_parse(fm_buf_text(&text), text.size, path, out, err);
    fm_buf_release(&text);
    return st;
}

const cJSON *fm_json_get(const cJSON *object, const char *key)
{
    const cJSON *item = object ? object->child : NULL;

    /* Most keys differ in their first letter, which costs less to see than a call. */
    while (item && item->string && (item->string[0] != key[0] || strcmp(item->string, key) != 0))
        item = item->next;
    return item && item->string ? item : NULL;
}

const char *fm_json_string(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(fm_json_get(object, key));
}

double fm_json_number(const cJSON *object, const char *key, double otherwise)
{
    const cJSON *item = fm_json_get(object, key);

    return cJSON_IsNumber(item) && isfinite(item->valuedouble) ? item->valuedouble : otherwise;
}

bool fm_json_bool(const cJSON *object, const char *key, bool otherwise)
{
    const cJSON *item = fm_json_get(object, key);

    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : otherwise;
}

bool fm_json_vector(const cJSON *array, double *out, size_t n)
{
    const cJSON *item;
    size_t i = 0;

    if (!cJSON_IsArray(array))
        return false;
    cJSON_ArrayForEach(item, array)
    {
        if (i == n || !cJSON_IsNumber(item) || !isfinite(item->valuedouble))
            return false;
        out[i++] = item->valuedouble;
    }
    return i == n;
}

char *fm_json_bytes(const cJSON *item, fm_arena *arena, size_t *size)
{
    const char *text = cJSON_GetStringValue(item);

    *size = 0;
    if (!text)
        return NULL;
    size_t n = strlen(text), w = 0;
    char *out = fm_arena_memdup(arena, text, n);
    if (!out)
        return NULL;
    for (size_t r = 0; r < n; r++) {
        bool nul = (unsigned char)out[r] == 0xC0 && (unsigned char)out[r + 1] == 0x80;

        out[w++] = nul ? '\0' : out[r];
        r += nul;
    }
    out[w] = '\0';
    *size = w;
    return out;
}

/* Bytes of a JSON string. The forms that the reader gave to \u0000 and to lone surrogates become
 * escapes again, so that a tree that was read can always be written; any other broken UTF-8 becomes
 * U+FFFD, since a reader would refuse the whole line for it. */
static void put_escaped(fm_buf *out, const char *text, size_t size)
{
    static const char short_form[0x80] = {['"'] = '"',  ['\\'] = '\\', ['\n'] = 'n', ['\t'] = 't',
                                          ['\r'] = 'r', ['\b'] = 'b',  ['\f'] = 'f'};
    const unsigned char *p = (const unsigned char *)text;
    size_t kept = 0;

    for (size_t i = 0, n; i < size; i += n) {
        unsigned code = p[i];
        bool escape = code < 0x20 || code == '"' || code == '\\' || code == 0x7F;

        n = 1;
        if (code == 0xC0 && i + 1 < size && p[i + 1] == 0x80) {
            escape = true;
            code = 0;
            n = 2;
        } else if (code == 0xED && i + 2 < size && p[i + 1] >= 0xA0 && p[i + 1] < 0xC0 &&
                   (p[i + 2] & 0xC0) == 0x80) {
            escape = true;
            code = 0xD000u | (p[i + 1] & 0x3Fu) << 6 | (p[i + 2] & 0x3Fu);
            n = 3;
        } else if (code >= 0x80 && (n = fm_utf8_sequence(text + i, size - i)) == 0) {
            escape = true;
            code = 0xFFFD;
            n = 1;
        }
        if (!escape)
            continue;
        fm_buf_append(out, text + kept, i - kept);
        kept = i + n;
        if (code < sizeof(short_form) && short_form[code]) {
            fm_buf_append(out, (const char[]){'\\', short_form[code]}, 2);
        } else {
            fm_buf_printf(out, "\\u%04x", code);
        }
    }
    fm_buf_append(out, text + kept, size - kept);
}

static void indent(const fm_json_writer *w)
{
    fm_buf_putc(w->out, '\n');
    for (int i = 0; i < w->depth; i++)
        fm_buf_append(w->out, "  ", 2);
}

static void begin_value(fm_json_writer *w, const char *key)
{
    if (w->depth > 0) {
        if (w->started[w->depth])
            fm_buf_putc(w->out, ',');
        if (w->pretty)
            indent(w);
        else if (w->started[w->depth])
            fm_buf_putc(w->out, ' ');
        w->started[w->depth] = true;
    }
    if (key) {
        fm_buf_putc(w->out, '"');
        put_escaped(w->out, key, strlen(key));
        fm_buf_append(w->out, "\": ", 3);
    }
}

/* The reader stops at 1000 levels, so a tree that was read fits below some of our own. */
static void enter(fm_json_writer *w)
{
    if (w->depth + 1 < (int)FM_COUNT_OF(w->started))
        w->started[++w->depth] = false;
    else
        w->out->failed = true;
}

static void leave(fm_json_writer *w)
{
    /* After a failure the levels that could not be entered are left all the same. */
    if (w->depth > 0)
        w->depth--;
}

void fm_json_open(fm_json_writer *w, const char *key, char bracket)
{
    begin_value(w, key);
    fm_buf_putc(w->out, bracket);
    enter(w);
}

void fm_json_close(fm_json_writer *w, char bracket)
{
    bool filled = w->started[w->depth];

    leave(w);
    if (w->pretty && filled)
        indent(w);
    fm_buf_putc(w->out, bracket);
}

void fm_json_put_bytes(fm_json_writer *w, const char *key, const char *text, size_t size)
{
    begin_value(w, key);
    fm_buf_putc(w->out, '"');
    put_escaped(w->out, text, size);
    fm_buf_putc(w->out, '"');
}

void fm_json_put_string(fm_json_writer *w, const char *key, const char *text)
{
    if (text)
        fm_json_put_bytes(w, key, text, strlen(text));
    else
        fm_json_put_null(w, key);
}

/* digits / 10^decimals in fixed notation without trailing zeros. */
static size_t format_decimal(bool negative, uint64_t digits, int decimals,
                             char out[FM_JSON_NUMBER_BYTES])
{
    char reversed[FM_JSON_NUMBER_BYTES];
    size_t n = 0, written = 0;
    int place = 0;

    while (decimals > 0 && digits % 10 == 0) {
        digits /= 10;
        decimals--;
    }
    do {
        if (place == decimals && decimals > 0)
            reversed[n++] = '.';
        reversed[n++] = (char)('0' + digits % 10);
        digits /= 10;
        place++;
    } while (digits > 0 || place <= decimals);
    if (negative)
        out[written++] = '-';
    while (n > 0)
        out[written++] = reversed[--n];
    return written;
}

__extension__ typedef unsigned __int128 wide;

/* The double nearest to 1e-4 and those up to 1e-1 lie above the powers they stand for, so that a
 * comparison with them tells the decimal exponent exactly. */
static const double power_of_ten[] = {1e-4, 1e-3, 1e-2, 1e-1, 1e0,  1e1,  1e2,  1e3,  1e4, 1e5,
                                      1e6,  1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14};
enum { LEAST_EXPONENT = -4 };

/* Exact for 1e-4 <= value < 1e15, where %g too has fixed notation: value = mantissa / 2^shift with
 * mantissa < 2^53 and shift <= 66, so that mantissa * 10^decimals stays below 2^53 * 10^20 < 2^120.
 * A score file has millions of numbers; printf and strtod would take half of the time it takes. */
static size_t format_shortest(bool negative, double value, char out[FM_JSON_NUMBER_BYTES])
{
    int exponent, leading = (int)FM_COUNT_OF(power_of_ten) - 1;
    uint64_t mantissa = (uint64_t)ldexp(frexp(value, &exponent), 53);
    int shift = 53 - exponent;
    uint64_t digits = 0;
    int decimals = 0;

    while (value < power_of_ten[leading])
        leading--;
    leading += LEAST_EXPONENT;
    for (int count = 15; count <= 17; count++) {
        wide scale = 1, product, rest, error;

        decimals = count - 1 - leading;
        for (int i = 0; i < decimals; i++)
            scale *= 10;
        product = mantissa * scale;
        rest = product & (((wide)1 << shift) - 1);
        digits = (uint64_t)(product >> shift);
        error = rest;
        if (rest > (wide)1 << (shift - 1) || (rest == (wide)1 << (shift - 1) && (digits & 1))) {
            digits++;
            error = ((wide)1 << shift) - rest;
        }
        /* Nearer to this double than to its neighbours? Below a power of two they are twice as
         * near, and a tie reads back to the even mantissa; being strict there costs one digit. */
        if ((mantissa == (uint64_t)1 << 52 ? 4 : 2) * error < scale)
            break;
    }
    return format_decimal(negative, digits, decimals, out);
}

size_t fm_json_format_number(double value, char out[FM_JSON_NUMBER_BYTES])
{
    double size = fabs(value);
    bool negative = signbit(value);
    int n = 0;

    if (size < 1e15 && size == trunc(size) && !(size == 0 && negative))
        return format_decimal(negative, (uint64_t)size, 0, out);
    if (size >= power_of_ten[0] && size < 1e15)
        return format_shortest(negative, size, out);
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(out, FM_JSON_NUMBER_BYTES, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return (size_t)n;
}

void fm_json_put_number(fm_json_writer *w, const char *key, double value)
{
    char text[FM_JSON_NUMBER_BYTES];

    begin_value(w, key);
    if (isfinite(value))
        fm_buf_append(w->out, text, fm_json_format_number(value, text));
    else
        fm_buf_puts(w->out, "null");
}

void fm_json_put_int(fm_json_writer *w, const char *key, int64_t value)
{
    begin_value(w, key);
    fm_buf_printf(w->out, "%lld", (long long)value);
}

void fm_json_put_bool(fm_json_writer *w, const char *key, bool value)
{
    begin_value(w, key);
    fm_buf_puts(w->out, value ? "true" : "false");
}

void fm_json_put_null(fm_json_writer *w, const char *key)
{
    begin_value(w, key);
    fm_buf_puts(w->out, "null");
}

void fm_json_put_vector(fm_json_writer *w, const char *key, const double *values, size_t n)
{
    bool pretty = w->pretty;

    /* A vector stays on one line, also in an indented file. */
    begin_value(w, key);
    w->pretty = false;
    fm_buf_putc(w->out, '[');
    enter(w);
    for (size_t i = 0; i < n; i++)
        fm_json_put_number(w, NULL, values[i]);
    leave(w);
    fm_buf_putc(w->out, ']');
    w->pretty = pretty;
}

void fm_json_put_tree(fm_json_writer *w, const char *key, const cJSON *tree)
{
    if (cJSON_IsObject(tree) || cJSON_IsArray(tree)) {
        bool object = cJSON_IsObject(tree);
        const cJSON *item;

        fm_json_open(w, key, object ? '{' : '[');
        cJSON_ArrayForEach(item, tree) fm_json_put_tree(w, object ? item->string : NULL, item);
        fm_json_close(w, object ? '}' : ']');
    } else if (cJSON_IsString(tree)) {
        fm_json_put_string(w, key, tree->valuestring);
    } else if (cJSON_IsNumber(tree)) {
        fm_json_put_number(w, key, tree->valuedouble);
    } else if (cJSON_IsBool(tree)) {
        fm_json_put_bool(w, key, cJSON_IsTrue(tree));
    } else {
        fm_json_put_null(w, key);
    }
}

static void base64_key(char out[64], const char *key)
{
    snprintf(out, 64, "%s_base64", key);
}

void fm_json_put_reply(fm_json_writer *w, const char *key, const char *bytes, size_t size)
{
    if (fm_utf8_valid(bytes, size) && !(size && memchr(bytes, '\0', size))) {
        fm_json_put_bytes(w, key, bytes, size);
        return;
    }
    char name[64];
    base64_key(name, key);
    begin_value(w, name);
    fm_buf_putc(w->out, '"');
    fm_base64_encode(w->out, bytes, size);
    fm_buf_putc(w->out, '"');
}

fm_status fm_json_get_reply(const cJSON *object, const char *key, fm_arena *arena, char **bytes,
                            size_t *size, fm_err *err)
{
    const cJSON *item = fm_json_get(object, key);
    bool there = cJSON_IsString(item);

    *bytes = NULL;
    *size = 0;
    if (there) {
        *bytes = fm_json_bytes(item, arena, size);
    } else {
        fm_buf decoded = {0};
        char name[64];

        base64_key(name, key);
        const char *text = fm_json_string(object, name);
        bool whole = text && fm_base64_decode(&decoded, text, strlen(text));

        there = whole || decoded.failed;
        if (whole && (*bytes = fm_arena_memdup(arena, fm_buf_text(&decoded), decoded.size)))
            *size = decoded.size;
        fm_buf_release(&decoded);
    }
    return there && !*bytes ? fm_fail(err, FM_E_NOMEM, "no memory for '%s'", key) : FM_OK;
}
