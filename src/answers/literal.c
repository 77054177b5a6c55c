/* One reader for both syntaxes: what they share is more than what they differ in. */
#include "answers/literal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "answers/span.h"
#include "base/buffer.h"

/* Python's recursion limit less the frames above its JSON reader; its parser's limit for brackets. */
#define JSON_DEPTH   992
#define PYTHON_DEPTH 200

#define MAX_INT_DIGITS 4300

typedef struct {
    const char *p, *end;
    fm_literal_syntax syntax;
    fm_arena *arena;
    fm_buf token;
    int depth;
    const char *raises;
    fm_status st;
} reader;

static fm_literal *read_value(reader *r);

static fm_literal *refuse(reader *r, const char *raises)
{
    if (!r->raises)
        r->raises = raises;
    return NULL;
}

static fm_literal *malformed(reader *r)
{
    return refuse(r, r->syntax == FM_LITERAL_JSON ? "JSONDecodeError" : "SyntaxError");
}

static bool bad(reader *r)
{
    malformed(r);
    return false;
}

static fm_literal *no_memory(reader *r)
{
    r->st = FM_E_NOMEM;
    return NULL;
}

static fm_literal *make(reader *r, fm_literal_kind kind, double number)
{
    fm_literal *made = fm_arena_alloc(r->arena, 1, sizeof(*made));

    if (!made)
        return no_memory(r);
    made->kind = kind;
    made->number = number;
    return made;
}

static bool at(const reader *r, char c)
{
    return r->p < r->end && *r->p == c;
}

static bool accept(reader *r, char c)
{
    bool found = at(r, c);

    r->p += found;
    return found;
}

static bool accept_word(reader *r, const char *word)
{
    size_t n = strlen(word);
    bool found = (size_t)(r->end - r->p) >= n && memcmp(r->p, word, n) == 0;

    r->p += found ? n : 0;
    return found;
}

static void skip_space(reader *r)
{
    while (at(r, ' ') || at(r, '\t') || at(r, '\n') || at(r, '\r') ||
           (r->syntax == FM_LITERAL_PYTHON && at(r, '\f')))
        r->p++;
}

/* ---- strings ---- */

/* `digits` hexadecimal digits at p, or -1. */
static long hex(reader *r, int digits)
{
    long code = 0;

    if (r->end - r->p < digits)
        return -1;
    for (int i = 0; i < digits; i++) {
        char c = fm_folded(r->p[i]);
        int digit = fm_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    r->p += digits;
    return code;
}

/* UTF-8, lone surrogates included: strings are compared and read as numbers, not shown. */
static bool put_code(fm_buf *out, long code)
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

static bool json_escape(reader *r, char c)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";

    if (c != 'u') {
        const char *letter = c ? strchr(letters, c) : NULL;

        if (letter)
            fm_buf_putc(&r->token, meanings[letter - letters]);
        return letter != NULL;
    }
    long code = hex(r, 4);
    if (code >= 0xD800 && code < 0xDC00 && r->end - r->p >= 6 && accept_word(r, "\\u")) {
        const char *second = r->p;
        long low = hex(r, 4);

        if (low >= 0xDC00 && low < 0xE000)
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        else
            r->p = second - 2;
    }
    return put_code(&r->token, code);
}

static bool python_escape(reader *r, char c)
{
    static const char letters[] = "\\'\"abfnrtv", meanings[] = "\\'\"\a\b\f\n\r\t\v";
    const char *letter = c ? strchr(letters, c) : NULL;

    if (letter) {
        fm_buf_putc(&r->token, meanings[letter - letters]);
        return true;
    }
    if (c == '\n')
        return true; /* the line goes on */
    if (c == 'x' || c == 'u' || c == 'U')
        return put_code(&r->token, hex(r, c == 'x' ? 2 : c == 'u' ? 4 : 8));
    if (c >= '0' && c <= '7') {
        int code = c - '0';

        for (int i = 0; i < 2 && r->p < r->end && *r->p >= '0' && *r->p <= '7'; i++)
            code = code * 8 + (*r->p++ - '0');
        return put_code(&r->token, code);
    }
    if (c == 'N')
        return false;
    fm_buf_putc(&r->token, '\\'); /* an unknown escape stands for itself */
    fm_buf_putc(&r->token, c);
    return true;
}

/* A string from behind its opening quote on, decoded into the arena. */
static bool read_string(reader *r, char quote, fm_span *out)
{
    fm_buf_clear(&r->token);
    for (;;) {
        if (r->p == r->end)
            return bad(r);
        char c = *r->p++;
        if (c == quote)
            break;
        if (r->syntax == FM_LITERAL_JSON ? (unsigned char)c < 0x20 : c == '\n')
            return bad(r);
        if (c != '\\') {
            fm_buf_putc(&r->token, c);
            continue;
        }
        if (r->p == r->end)
            return bad(r);
        c = *r->p++;
        if (!(r->syntax == FM_LITERAL_JSON ? json_escape(r, c) : python_escape(r, c)))
            return bad(r);
    }
    out->size = r->token.size;
    out->text =
        r->token.failed ? NULL : fm_arena_memdup(r->arena, fm_buf_text(&r->token), r->token.size);
    if (!out->text)
        no_memory(r);
    return out->text != NULL;
}

static fm_literal *read_text(reader *r, char quote)
{
    fm_literal *made = make(r, FM_LITERAL_STRING, 0);

    return made && read_string(r, quote, &made->string) ? made : NULL;
}

/* ---- numbers ---- */

/* Digits at p into the token; Python allows single underscores between them. */
static bool digits(reader *r)
{
    const char *first = r->p;

    while (r->p < r->end && fm_is_digit(*r->p)) {
        fm_buf_putc(&r->token, *r->p++);
        if (r->syntax == FM_LITERAL_PYTHON && at(r, '_') && r->end - r->p > 1 &&
            fm_is_digit(r->p[1]))
            r->p++;
    }
    return r->p > first;
}

static bool exponent(reader *r)
{
    const char *e = r->p + 1;

    if (!at(r, 'e') && !at(r, 'E'))
        return false;
    e += e < r->end && (*e == '-' || *e == '+');
    if (e == r->end || !fm_is_digit(*e))
        return false;
    fm_buf_append(&r->token, r->p, (size_t)(e - r->p));
    r->p = e;
    return digits(r);
}

/* An optional sign is in the token already. JSON: (0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?; Python allows
 * "1." and ".5" as well. What does not fit is left to the caller. */
static fm_literal *read_number(reader *r)
{
    bool json = r->syntax == FM_LITERAL_JSON, whole = true;
    const char *first = r->p;

    if (at(r, '0') && json) {
        fm_buf_putc(&r->token, *r->p++);
    } else if (!digits(r) && (json || !at(r, '.'))) {
        return malformed(r);
    }
    size_t n_digits = (size_t)(r->p - first);
    if (at(r, '.') && (!json || (r->end - r->p > 1 && fm_is_digit(r->p[1])))) {
        fm_buf_putc(&r->token, *r->p++);
        if (!digits(r) && n_digits == 0)
            return malformed(r);
        whole = false;
    }
    whole = !exponent(r) && whole;
    if (whole && n_digits > MAX_INT_DIGITS)
        return refuse(r, json ? "ValueError" : "SyntaxError");
    if (whole && !json && n_digits > 1 && *first == '0' &&
        strspn(fm_buf_text(&r->token), "-+0") < r->token.size)
        return malformed(r); /* 007 */
    if (r->p < r->end && !json && (fm_is_letter(*r->p) || *r->p == '_'))
        return malformed(r);
    if (r->token.failed)
        return no_memory(r);
    return make(r, whole ? FM_LITERAL_INT : FM_LITERAL_FLOAT,
                strtod(fm_buf_text(&r->token), NULL) + (whole ? 0.0 : -0.0));
}

/* ---- lists and dicts ---- */

static bool enter(reader *r)
{
    bool json = r->syntax == FM_LITERAL_JSON;

    if (r->depth == (json ? JSON_DEPTH : PYTHON_DEPTH)) {
        refuse(r, json ? "RecursionError" : "SyntaxError");
        return false;
    }
    r->depth++;
    return true;
}

static bool read_key(reader *r, fm_span *key)
{
    if (r->syntax == FM_LITERAL_PYTHON && !at(r, '"') && !at(r, '\'')) {
        *key = (fm_span){NULL, 0};
        if (!read_value(r))
            return false;
    } else {
        char quote = at(r, '\'') && r->syntax == FM_LITERAL_PYTHON ? '\'' : '"';

        if (!accept(r, quote))
            return bad(r);
        if (!read_string(r, quote, key))
            return false;
    }
    skip_space(r);
    if (!accept(r, ':'))
        return bad(r);
    skip_space(r);
    return true;
}

/* The items from behind the opening bracket on, up to `close`. */
static fm_literal *read_items(reader *r, fm_literal_kind kind, char close)
{
    fm_literal *made = enter(r) ? make(r, kind, 0) : NULL, **tail;
    bool comma = false;

    if (!made)
        return NULL;
    tail = &made->first;
    skip_space(r);
    while (!(accept(r, close))) {
        fm_span key = {NULL, 0};

        if (made->n > 0 && !comma)
            return malformed(r);
        if (kind == FM_LITERAL_DICT && !read_key(r, &key))
            return NULL;
        fm_literal *item = read_value(r);
        if (!item)
            return NULL;
        item->key = key;
        *tail = item;
        tail = &item->next;
        made->n++;
        skip_space(r);
        comma = accept(r, ',');
        skip_space(r);
        if (comma && r->syntax == FM_LITERAL_JSON && at(r, close))
            return malformed(r);
    }
    r->depth--;
    /* "(1)" is 1. */
    return kind == FM_LITERAL_TUPLE && made->n == 1 && !comma ? made->first : made;
}

/* ---- values ---- */

static fm_literal *read_json(reader *r)
{
    switch (*r->p) {
    case '[':
        r->p++;
        return read_items(r, FM_LITERAL_LIST, ']');
    case '{':
        r->p++;
        return read_items(r, FM_LITERAL_DICT, '}');
    case '"':
        r->p++;
        return read_text(r, '"');
    default:
        break;
    }
    if (accept_word(r, "true"))
        return make(r, FM_LITERAL_BOOL, 1);
    if (accept_word(r, "false"))
        return make(r, FM_LITERAL_BOOL, 0);
    if (accept_word(r, "null"))
        return make(r, FM_LITERAL_NONE, 0);
    if (accept_word(r, "NaN"))
        return make(r, FM_LITERAL_FLOAT, NAN);
    if (accept_word(r, "Infinity"))
        return make(r, FM_LITERAL_FLOAT, INFINITY);
    if (accept_word(r, "-Infinity"))
        return make(r, FM_LITERAL_FLOAT, -INFINITY);
    fm_buf_clear(&r->token);
    if (accept(r, '-'))
        fm_buf_putc(&r->token, '-');
    return read_number(r);
}

static bool word_ends(const reader *r)
{
    return r->p == r->end || !(fm_is_letter(*r->p) || fm_is_digit(*r->p) || *r->p == '_' ||
                               (unsigned char)*r->p >= 0x80);
}

static fm_literal *read_python(reader *r)
{
    char c = *r->p;

    switch (c) {
    case '[':
        r->p++;
        return read_items(r, FM_LITERAL_LIST, ']');
    case '(':
        r->p++;
        return read_items(r, FM_LITERAL_TUPLE, ')');
    case '{':
        r->p++;
        return read_items(r, FM_LITERAL_DICT, '}');
    case '"':
    case '\'':
        r->p++;
        return read_text(r, c);
    default:
        break;
    }
    if (accept_word(r, "True"))
        return word_ends(r) ? make(r, FM_LITERAL_BOOL, 1) : malformed(r);
    if (accept_word(r, "False"))
        return word_ends(r) ? make(r, FM_LITERAL_BOOL, 0) : malformed(r);
    if (accept_word(r, "None"))
        return word_ends(r) ? make(r, FM_LITERAL_NONE, 0) : malformed(r);
    fm_buf_clear(&r->token);
    if (c == '-' || c == '+') {
        fm_buf_putc(&r->token, c);
        r->p++;
        skip_space(r);
    }
    return read_number(r);
}

static fm_literal *read_value(reader *r)
{
    if (r->p == r->end)
        return malformed(r);
    return r->syntax == FM_LITERAL_JSON ? read_json(r) : read_python(r);
}

fm_status fm_literal_parse(fm_literal_syntax syntax, fm_span text, fm_arena *arena,
                           fm_literal **out, const char **raises, fm_err *err)
{
    reader r = {text.text, text.text + text.size, syntax, arena, {0}, 0, NULL, FM_OK};

    skip_space(&r);
    fm_literal *value = read_value(&r);
    if (value) {
        skip_space(&r);
        if (r.p != r.end)
            value = malformed(&r);
    }
    fm_buf_release(&r.token);
    if (r.st != FM_OK)
        return fm_fail(err, r.st, "out of memory for the values of a reply");
    *out = value;
    *raises = value ? NULL : r.raises;
    return FM_OK;
}

const fm_literal *fm_literal_get(const fm_literal *dict, const char *key)
{
    const fm_literal *found = NULL;

    if (dict->kind != FM_LITERAL_DICT)
        return NULL;
    for (const fm_literal *item = dict->first; item; item = item->next)
        if (fm_span_equals(item->key, key))
            found = item;
    return found;
}

bool fm_literal_is_number(const fm_literal *value)
{
    return value->kind == FM_LITERAL_INT || value->kind == FM_LITERAL_FLOAT ||
           value->kind == FM_LITERAL_BOOL;
}
