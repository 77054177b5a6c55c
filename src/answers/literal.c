/* One reader for both syntaxes: what they share is more than what they differ in. */
#include "answers/literal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "answers/cursor.h"
#include "answers/span.h"
#include "base/buffer.h"

/* Python's recursion limit less the frames above its JSON reader; its parser's limit for brackets. */
#define JSON_DEPTH   992
#define PYTHON_DEPTH 200

#define MAX_INT_DIGITS 4300

typedef struct {
    fm_cursor c;
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

static void skip_space(reader *r)
{
    while (fm_cursor_at(&r->c, ' ') || fm_cursor_at(&r->c, '\t') || fm_cursor_at(&r->c, '\n') ||
           fm_cursor_at(&r->c, '\r') ||
           (r->syntax == FM_LITERAL_PYTHON && fm_cursor_at(&r->c, '\f')))
        r->c.p++;
}

/* ---- strings ---- */

static bool python_escape(reader *r)
{
    static const char letters[] = "\\'\"abfnrtv", meanings[] = "\\'\"\a\b\f\n\r\t\v";

    if (r->c.p == r->c.end)
        return false;
    char c = *r->c.p++;
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter) {
        fm_buf_putc(&r->token, meanings[letter - letters]);
        return true;
    }
    if (c == '\n')
        return true; /* the line goes on */
    if (c == 'x' || c == 'u' || c == 'U')
        return fm_put_code(&r->token, fm_cursor_hex(&r->c, c == 'x' ? 2 : c == 'u' ? 4 : 8));
    if (c >= '0' && c <= '7') {
        int code = c - '0';

        for (int i = 0; i < 2 && r->c.p < r->c.end && *r->c.p >= '0' && *r->c.p <= '7'; i++)
            code = code * 8 + (*r->c.p++ - '0');
        return fm_put_code(&r->token, code);
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
        if (r->c.p == r->c.end)
            return bad(r);
        char c = *r->c.p++;
        if (c == quote)
            break;
        if (r->syntax == FM_LITERAL_JSON ? (unsigned char)c < 0x20 : c == '\n')
            return bad(r);
        if (c != '\\') {
            fm_buf_putc(&r->token, c);
            continue;
        }
        if (!(r->syntax == FM_LITERAL_JSON ? fm_cursor_json_escape(&r->c, &r->token)
                                           : python_escape(r)))
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
    const char *first = r->c.p;

    while (r->c.p < r->c.end && fm_is_digit(*r->c.p)) {
        fm_buf_putc(&r->token, *r->c.p++);
        if (r->syntax == FM_LITERAL_PYTHON && fm_cursor_at(&r->c, '_') && r->c.end - r->c.p > 1 &&
            fm_is_digit(r->c.p[1]))
            r->c.p++;
    }
    return r->c.p > first;
}

static bool exponent(reader *r)
{
    const char *e = r->c.p + 1;

    if (!fm_cursor_at(&r->c, 'e') && !fm_cursor_at(&r->c, 'E'))
        return false;
    e += e < r->c.end && (*e == '-' || *e == '+');
    if (e == r->c.end || !fm_is_digit(*e))
        return false;
    fm_buf_append(&r->token, r->c.p, (size_t)(e - r->c.p));
    r->c.p = e;
    return digits(r);
}

/* An optional sign is in the token already. JSON: (0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?; Python allows
 * "1." and ".5" as well. What does not fit is left to the caller. */
static fm_literal *read_number(reader *r)
{
    bool json = r->syntax == FM_LITERAL_JSON, whole = true;
    const char *first = r->c.p;

    if (fm_cursor_at(&r->c, '0') && json) {
        fm_buf_putc(&r->token, *r->c.p++);
    } else if (!digits(r) && (json || !fm_cursor_at(&r->c, '.'))) {
        return malformed(r);
    }
    size_t n_digits = (size_t)(r->c.p - first);
    if (fm_cursor_at(&r->c, '.') && (!json || (r->c.end - r->c.p > 1 && fm_is_digit(r->c.p[1])))) {
        fm_buf_putc(&r->token, *r->c.p++);
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
    if (r->c.p < r->c.end && !json && (fm_is_letter(*r->c.p) || *r->c.p == '_'))
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
    if (r->syntax == FM_LITERAL_PYTHON && !fm_cursor_at(&r->c, '"') && !fm_cursor_at(&r->c, '\'')) {
        *key = (fm_span){NULL, 0};
        if (!read_value(r))
            return false;
    } else {
        char quote = fm_cursor_at(&r->c, '\'') && r->syntax == FM_LITERAL_PYTHON ? '\'' : '"';

        if (!fm_cursor_accept(&r->c, quote))
            return bad(r);
        if (!read_string(r, quote, key))
            return false;
    }
    skip_space(r);
    if (!fm_cursor_accept(&r->c, ':'))
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
    while (!(fm_cursor_accept(&r->c, close))) {
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
        comma = fm_cursor_accept(&r->c, ',');
        skip_space(r);
        if (comma && r->syntax == FM_LITERAL_JSON && fm_cursor_at(&r->c, close))
            return malformed(r);
    }
    r->depth--;
    /* "(1)" is 1. */
    return kind == FM_LITERAL_TUPLE && made->n == 1 && !comma ? made->first : made;
}

/* ---- values ---- */

static fm_literal *read_json(reader *r)
{
    switch (*r->c.p) {
    case '[':
        r->c.p++;
        return read_items(r, FM_LITERAL_LIST, ']');
    case '{':
        r->c.p++;
        return read_items(r, FM_LITERAL_DICT, '}');
    case '"':
        r->c.p++;
        return read_text(r, '"');
    default:
        break;
    }
    if (fm_cursor_word(&r->c, "true"))
        return make(r, FM_LITERAL_BOOL, 1);
    if (fm_cursor_word(&r->c, "false"))
        return make(r, FM_LITERAL_BOOL, 0);
    if (fm_cursor_word(&r->c, "null"))
        return make(r, FM_LITERAL_NONE, 0);
    if (fm_cursor_word(&r->c, "NaN"))
        return make(r, FM_LITERAL_FLOAT, NAN);
    if (fm_cursor_word(&r->c, "Infinity"))
        return make(r, FM_LITERAL_FLOAT, INFINITY);
    if (fm_cursor_word(&r->c, "-Infinity"))
        return make(r, FM_LITERAL_FLOAT, -INFINITY);
    fm_buf_clear(&r->token);
    if (fm_cursor_accept(&r->c, '-'))
        fm_buf_putc(&r->token, '-');
    return read_number(r);
}

static bool word_ends(const reader *r)
{
    return r->c.p == r->c.end || !(fm_is_letter(*r->c.p) || fm_is_digit(*r->c.p) ||
                                   *r->c.p == '_' || (unsigned char)*r->c.p >= 0x80);
}

static fm_literal *read_python(reader *r)
{
    char c = *r->c.p;

    switch (c) {
    case '[':
        r->c.p++;
        return read_items(r, FM_LITERAL_LIST, ']');
    case '(':
        r->c.p++;
        return read_items(r, FM_LITERAL_TUPLE, ')');
    case '{':
        r->c.p++;
        return read_items(r, FM_LITERAL_DICT, '}');
    case '"':
    case '\'':
        r->c.p++;
        return read_text(r, c);
    default:
        break;
    }
    if (fm_cursor_word(&r->c, "True"))
        return word_ends(r) ? make(r, FM_LITERAL_BOOL, 1) : malformed(r);
    if (fm_cursor_word(&r->c, "False"))
        return word_ends(r) ? make(r, FM_LITERAL_BOOL, 0) : malformed(r);
    if (fm_cursor_word(&r->c, "None"))
        return word_ends(r) ? make(r, FM_LITERAL_NONE, 0) : malformed(r);
    fm_buf_clear(&r->token);
    if (c == '-' || c == '+') {
        fm_buf_putc(&r->token, c);
        r->c.p++;
        skip_space(r);
    }
    return read_number(r);
}

static fm_literal *read_value(reader *r)
{
    if (r->c.p == r->c.end)
        return malformed(r);
    return r->syntax == FM_LITERAL_JSON ? read_json(r) : read_python(r);
}

fm_status fm_literal_parse(fm_literal_syntax syntax, fm_span text, fm_arena *arena,
                           fm_literal **out, const char **raises, fm_err *err)
{
    reader r = {{text.text, text.text + text.size}, syntax, arena, {0}, 0, NULL, FM_OK};

    skip_space(&r);
    fm_literal *value = read_value(&r);
    if (value) {
        skip_space(&r);
        if (r.c.p != r.c.end)
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
