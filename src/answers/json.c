/*
 * The parser of fenced JSON (Gemini, Qwen): the first ``` block, read as Python's json module reads
 * it, searched depth-first for lists of two or three numbers.
 *
 * A reader of its own, because cJSON and Python disagree on what is JSON (NaN, leading zeros, raw
 * control characters, the depth of nesting, duplicate keys), and the disagreements occur in real
 * replies. No tree is built: a list of numbers holds no other list, so that the order in which such
 * lists close is the order of the search. Only a repeated key upsets it: Python keeps the last
 * value in the place of the first, see settle_duplicates().
 */
#include "answers/answers_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "answers/cursor.h"
#include "base/buffer.h"
#include "base/size.h"

/* Python's recursion limit of 1000, less the frames of upstream's script above the reader. */
#define MAX_DEPTH 992

typedef struct {
    double v[3];
    unsigned char columns;
    bool huge; /* an integer past the range of double */
} found_point;

/* A member of an object that is still open. */
typedef struct {
    size_t key, key_size; /* in reader.keys */
    size_t begin, end;    /* its points */
    size_t position;
} member;

typedef struct {
    fm_cursor c;
    int depth;
    const char *raises; /* upstream stops here with this exception */
    fm_status st;
    bool cut;
    found_point *points;
    size_t n, capacity;
    member *members;
    size_t n_members, members_capacity;
    fm_buf keys;
    fm_buf token;
} reader;

typedef struct {
    bool is_number, huge;
    double v;
} value;

static bool read_value(reader *r, value *out);

/* Storage for one more item of `size` bytes, or NULL with r->st set. */
static void *grow(reader *r, void **items, size_t n, size_t *capacity, size_t size)
{
    if (n == *capacity) {
        size_t want = *capacity ? *capacity * 2 : 64, bytes;
        void *grown = fm_size_mul(want, size, &bytes) ? realloc(*items, bytes) : NULL;

        if (!grown) {
            r->st = FM_E_NOMEM;
            return NULL;
        }
        *items = grown;
        *capacity = want;
    }
    return (char *)*items + n * size;
}

static void skip_space(reader *r)
{
    while (fm_cursor_at(&r->c, ' ') || fm_cursor_at(&r->c, '\t') || fm_cursor_at(&r->c, '\n') ||
           fm_cursor_at(&r->c, '\r'))
        r->c.p++;
}

/* ---- strings ---- */

/* A string from behind its opening quote on. */
static bool read_string(reader *r, fm_buf *out)
{
    while (r->c.p < r->c.end) {
        const char *kept = r->c.p;

        while (r->c.p < r->c.end && *r->c.p != '"' && *r->c.p != '\\' &&
               (unsigned char)*r->c.p >= 0x20)
            r->c.p++;
        if (out)
            fm_buf_append(out, kept, (size_t)(r->c.p - kept));
        if (fm_cursor_accept(&r->c, '"'))
            return true;
        if (!fm_cursor_accept(&r->c, '\\') || !fm_cursor_json_escape(&r->c, out))
            return false; /* a raw control character, a bad escape, or the end */
    }
    return false;
}

/* ---- numbers ---- */

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

static const char *skip_digits(const char *p, const char *end)
{
    while (is_digit(p, end))
        p++;
    return p;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)? with what does not fit left to the caller, who
 * finds no comma there. */
static bool read_number(reader *r, value *out)
{
    const char *p = r->c.p, *end = r->c.end;
    bool whole = true;

    p += fm_cursor_at(&r->c, '-');
    const char *first = p;
    if (!is_digit(p, end))
        return false;
    p = *p == '0' ? p + 1 : skip_digits(p, end);
    const char *past_whole = p;
    if (p < end && *p == '.' && is_digit(p + 1, end)) {
        whole = false;
        p = skip_digits(p + 1, end);
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        const char *exponent = p + 1;

        exponent += exponent < end && (*exponent == '-' || *exponent == '+');
        if (is_digit(exponent, end)) {
            whole = false;
            p = skip_digits(exponent, end);
        }
    }
    if (whole && past_whole - first > FM_ANSWERS_INT_DIGITS) {
        r->raises = "ValueError";
        return false;
    }
    fm_buf_clear(&r->token);
    fm_buf_append(&r->token, r->c.p, (size_t)(p - r->c.p));
    if (r->token.failed) {
        r->st = FM_E_NOMEM;
        return false;
    }
    double number = strtod(fm_buf_text(&r->token), NULL);
    /* The integer -0 is 0 in Python. */
    *out = (value){.is_number = true, .huge = whole && isinf(number), .v = number + 0.0};
    r->c.p = p;
    return true;
}

/* ---- lists and objects ---- */

static bool keep_point(reader *r, const found_point *point)
{
    if (r->n == FM_TRACE_MAX_POINTS) {
        r->cut = true;
        return true;
    }
    found_point *slot = grow(r, (void **)&r->points, r->n, &r->capacity, sizeof(*r->points));
    if (slot) {
        *slot = *point;
        r->n++;
    }
    return slot != NULL;
}

static bool enter(reader *r)
{
    if (r->depth == MAX_DEPTH) {
        r->raises = "RecursionError";
        return false;
    }
    r->depth++;
    return true;
}

/* A list from behind its bracket on. */
static bool read_list(reader *r)
{
    found_point point = {{0}, 0, false};
    bool numbers = true;
    size_t count = 0;

    skip_space(r);
    if (fm_cursor_accept(&r->c, ']'))
        return true;
    for (;;) {
        value item;

        if (!read_value(r, &item))
            return false;
        numbers = numbers && item.is_number;
        if (numbers && count < 3) {
            point.v[count] = item.v;
            point.huge = point.huge || item.huge;
        }
        count++;
        skip_space(r);
        if (fm_cursor_accept(&r->c, ']'))
            break;
        if (!fm_cursor_accept(&r->c, ','))
            return false;
        skip_space(r);
    }
    if (!numbers || count < 2 || count > 3)
        return true;
    point.columns = (unsigned char)count;
    return keep_point(r, &point);
}

static int by_key(const void *a, const void *b, void *keys)
{
    const member *x = a, *y = b;
    size_t shorter = x->key_size < y->key_size ? x->key_size : y->key_size;
    int order = shorter ? memcmp((char *)keys + x->key, (char *)keys + y->key, shorter) : 0;

    if (order == 0)
        order = (x->key_size > y->key_size) - (x->key_size < y->key_size);
    return order ? order : (x->position > y->position) - (x->position < y->position);
}

static int by_position(const void *a, const void *b)
{
    const member *x = a, *y = b;

    return (x->position > y->position) - (x->position < y->position);
}

static bool same_key(const reader *r, const member *x, const member *y)
{
    return x->key_size == y->key_size &&
           (x->key_size == 0 ||
            memcmp(r->keys.data + x->key, r->keys.data + y->key, x->key_size) == 0);
}

/* A dict keeps the last value of a repeated key, in the place of the first: put the points of the
 * object with these members in that order. */
static bool settle_duplicates(reader *r, member *members, size_t count, size_t first_point)
{
    bool moved = false;

    if (count < 2 || r->n == first_point)
        return true;
    qsort_r(members, count, sizeof(*members), by_key, r->keys.data);
    for (size_t i = 0, last; i < count; i = last + 1) {
        for (last = i; last + 1 < count && same_key(r, &members[i], &members[last + 1]);)
            last++;
        if (last == i)
            continue;
        moved = true;
        members[i].begin = members[last].begin;
        members[i].end = members[last].end;
        for (size_t j = i + 1; j <= last; j++)
            members[j].end = members[j].begin;
    }
    if (!moved)
        return true;
    qsort(members, count, sizeof(*members), by_position);

    size_t total = r->n - first_point, n = 0;
    found_point *before = malloc(total * sizeof(*before));
    if (!before) {
        r->st = FM_E_NOMEM;
        return false;
    }
    memcpy(before, r->points + first_point, total * sizeof(*before));
    for (size_t i = 0; i < count; i++)
        for (size_t j = members[i].begin; j < members[i].end; j++)
            r->points[first_point + n++] = before[j - first_point];
    r->n = first_point + n;
    free(before);
    return true;
}

/* "key" : value, from behind the quote on; the member is left on the stack. */
static bool read_member(reader *r, size_t position)
{
    member *made =
        grow(r, (void **)&r->members, r->n_members, &r->members_capacity, sizeof(*r->members));
    size_t index = r->n_members, key = r->keys.size;
    value ignored;

    if (!made || !read_string(r, &r->keys))
        return false;
    if (r->keys.failed) {
        r->st = FM_E_NOMEM;
        return false;
    }
    *made =
        (member){.key = key, .key_size = r->keys.size - key, .begin = r->n, .position = position};
    r->n_members++;
    skip_space(r);
    if (!fm_cursor_accept(&r->c, ':'))
        return false;
    skip_space(r);
    if (!read_value(r, &ignored))
        return false;
    r->members[index].end = r->n;
    return true;
}

/* An object from behind its brace on. */
static bool read_object(reader *r)
{
    size_t first_member = r->n_members, keys = r->keys.size, first_point = r->n;

    skip_space(r);
    if (fm_cursor_accept(&r->c, '}'))
        return true;
    for (;;) {
        if (!fm_cursor_accept(&r->c, '"') || !read_member(r, r->n_members - first_member))
            return false;
        skip_space(r);
        if (fm_cursor_accept(&r->c, '}'))
            break;
        if (!fm_cursor_accept(&r->c, ','))
            return false;
        skip_space(r);
    }
    if (!settle_duplicates(r, r->members + first_member, r->n_members - first_member, first_point))
        return false;
    r->n_members = first_member;
    r->keys.size = keys;
    return true;
}

/* False: not JSON, or r->raises or r->st says why. Recursion ends at MAX_DEPTH. */
static bool read_value(reader *r, value *out)
{
    bool ok;

    *out = (value){0};
    if (r->c.p == r->c.end)
        return false;
    switch (*r->c.p) {
    case '[':
    case '{':
        if (!enter(r))
            return false;
        ok = *r->c.p++ == '[' ? read_list(r) : read_object(r);
        r->depth--;
        return ok;
    case '"':
        r->c.p++;
        return read_string(r, NULL);
    case 't':
        *out = (value){.is_number = true, .v = 1}; /* bool is a kind of int */
        return fm_cursor_word(&r->c, "true");
    case 'f':
        *out = (value){.is_number = true, .v = 0};
        return fm_cursor_word(&r->c, "false");
    case 'n':
        return fm_cursor_word(&r->c, "null");
    case 'N':
        *out = (value){.is_number = true, .v = NAN};
        return fm_cursor_word(&r->c, "NaN");
    case 'I':
        *out = (value){.is_number = true, .v = INFINITY};
        return fm_cursor_word(&r->c, "Infinity");
    default:
        if (fm_cursor_word(&r->c, "-Infinity")) {
            *out = (value){.is_number = true, .v = -INFINITY};
            return true;
        }
        return read_number(r, out);
    }
}

/* ---- the fence ---- */

static bool is_word(char c)
{
    unsigned char u = (unsigned char)c;

    /* Past ASCII Python asks whether the character is a letter or digit; here all pass, so that
     * only a reply with, say, an emoji as the name of its language is read differently. */
    return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') || u == '_' ||
           u >= 0x80;
}

/* What stands between the first ```word\n and the next ```. */
static bool find_fence(const char *text, size_t size, const char **begin, const char **end)
{
    const char *p = text, *limit = text + size;

    while ((p = memmem(p, (size_t)(limit - p), "```", 3)) != NULL) {
        const char *q = p + 3;

        while (q < limit && is_word(*q))
            q++;
        if (q < limit && *q == '\n') {
            /* Without a fence after this one no later one can be closed either. */
            *begin = q + 1;
            *end = memmem(*begin, (size_t)(limit - *begin), "```", 3);
            return *end != NULL;
        }
        p++;
    }
    return false;
}

bool fm_answers_fence(fm_span text, fm_span *inside)
{
    const char *begin, *end;

    if (!find_fence(text.text, text.size, &begin, &end))
        return false;
    *inside = fm_span_strip((fm_span){begin, (size_t)(end - begin)});
    return true;
}

/* ---- from lists to points ---- */

static fm_status take_points(const reader *r, fm_span inside, fm_trace_answer *out, fm_err *err)
{
    bool ragged = false, huge = false;

    for (size_t i = 0; i < r->n; i++) {
        ragged = ragged || r->points[i].columns != r->points[0].columns;
        huge = huge || r->points[i].huge;
    }
    out->cut = r->cut;
    out->columns = 0;
    if (huge || ragged) {
        out->shape = FM_TRACE_RAISES;
        out->raises = huge ? "OverflowError" : "ValueError";
        return FM_OK;
    }
    if (r->n == 0) {
        out->shape = FM_TRACE_FLAT_NONE;
        return FM_OK;
    }
    out->shape = FM_TRACE_POINTS;
    out->columns = r->points[0].columns;
    for (size_t i = 0; i < r->n; i++) {
        const double *v = r->points[i].v;
        fm_status st = fm_trace_answer_push(out, fm_answers_round6(v[0] / 1000.0),
                                            fm_answers_round6(v[1] / 1000.0),
                                            out->columns == 3 ? v[2] : NAN, inside, err);

        if (st != FM_OK)
            return st;
    }
    return FM_OK;
}

fm_status fm_answers_parse_json(const char *text, size_t size, fm_trace_answer *out, fm_err *err)
{
    reader r = {.st = FM_OK};
    value top;
    fm_status st = FM_OK;

    fm_span inside;

    if (!fm_answers_fence((fm_span){text, size}, &inside))
        return FM_OK;
    r.c.p = inside.text;
    r.c.end = inside.text + inside.size;
    bool ok = read_value(&r, &top);
    if (ok) {
        skip_space(&r);
        ok = r.c.p == r.c.end;
    }
    if (r.st != FM_OK) {
        st = fm_fail(err, r.st, "out of memory for the points of a reply");
    } else if (r.raises) {
        out->shape = FM_TRACE_RAISES;
        out->columns = 0;
        out->raises = r.raises;
    } else if (ok) {
        st = take_points(&r, inside, out, err);
    }
    free(r.points);
    free(r.members);
    fm_buf_release(&r.keys);
    fm_buf_release(&r.token);
    return st;
}
