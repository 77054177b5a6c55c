/* Owns the quick way through an object of which little is wanted: values are passed over by looking
 * for their ends, not read. */
#include "base/json.h"

#include <string.h>

typedef struct {
    const char *p, *end;
} cursor;

/* As cJSON has it: whatever is below a space is one. */
static bool is_space(char c)
{
    return (unsigned char)c <= ' ';
}

static void skip_space(cursor *c)
{
    while (c->p < c->end && is_space(*c->p))
        c->p++;
}

static bool take(cursor *c, char wanted)
{
    skip_space(c);
    if (c->p == c->end || *c->p != wanted)
        return false;
    c->p++;
    return true;
}

/* From behind the opening quote to behind the closing one, which has an even number of backslashes
 * before it. */
static bool skip_string(cursor *c)
{
    const char *begin = c->p;

    for (const char *quote; (quote = memchr(c->p, '"', (size_t)(c->end - c->p)));) {
        const char *before = quote;

        while (before > begin && before[-1] == '\\')
            before--;
        c->p = quote + 1;
        if ((quote - before) % 2 == 0)
            return true;
    }
    return false;
}

/* An array or object, to behind the bracket that closes it. */
static bool skip_nested(cursor *c)
{
    size_t depth = 0;

    while (c->p < c->end) {
        char b = *c->p++;

        if (b == '"' && !skip_string(c))
            return false;
        if (b == '[' || b == '{')
            depth++;
        else if ((b == ']' || b == '}') && --depth == 0)
            return true;
    }
    return false;
}

static bool skip_value(cursor *c)
{
    skip_space(c);
    if (c->p == c->end)
        return false;
    if (*c->p == '"') {
        c->p++;
        return skip_string(c);
    }
    if (*c->p == '[' || *c->p == '{')
        return skip_nested(c);
    const char *begin = c->p;
    while (c->p < c->end && !is_space(*c->p) && !strchr(",]}", *c->p))
        c->p++;
    return c->p > begin;
}

static bool is_wanted(const char *name, size_t size, const char *const *names)
{
    for (; *names; names++)
        if (strlen(*names) == size && memcmp(*names, name, size) == 0)
            return true;
    return false;
}

static bool pick_object(cursor *c, const char *const *names, int depth, fm_buf *out);

/* The value of a wanted member: an object in turn by the same names, anything else as it is. */
static bool pick_value(cursor *c, const char *const *names, int depth, fm_buf *out)
{
    enum { DEEPEST = 32 };

    skip_space(c);
    if (depth < DEEPEST && c->p < c->end && *c->p == '{')
        return pick_object(c, names, depth + 1, out);
    const char *begin = c->p;
    if (!skip_value(c))
        return false;
    fm_buf_append(out, begin, (size_t)(c->p - begin));
    return true;
}

static bool pick_member(cursor *c, const char *const *names, int depth, bool *first, fm_buf *out)
{
    if (!take(c, '"'))
        return false;
    const char *name = c->p;
    if (!skip_string(c))
        return false;
    size_t size = (size_t)(c->p - name) - 1;
    if (!take(c, ':'))
        return false;
    if (!is_wanted(name, size, names))
        return skip_value(c);
    if (!*first)
        fm_buf_putc(out, ',');
    *first = false;
    fm_buf_append(out, name - 1, size + 2);
    fm_buf_putc(out, ':');
    return pick_value(c, names, depth, out);
}

static bool pick_object(cursor *c, const char *const *names, int depth, fm_buf *out)
{
    bool first = true, more;

    if (!take(c, '{'))
        return false;
    fm_buf_putc(out, '{');
    more = !take(c, '}');
    while (more) {
        if (!pick_member(c, names, depth, &first, out))
            return false;
        more = take(c, ',');
        if (!more && !take(c, '}'))
            return false;
    }
    fm_buf_putc(out, '}');
    return true;
}

bool fm_json_pick(const char *text, size_t size, const char *const *names, fm_buf *out)
{
    cursor c = {text, text + size};

    fm_buf_clear(out);
    if (!pick_object(&c, names, 0, out))
        return false;
    skip_space(&c);
    return c.p == c.end && !out->failed;
}
