/*
 * Owns the way from a reply to points: each form of text is read into entries of two or four numbers,
 * and the rule then says where on the picture these are.
 */
#include "fathom/points.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "answers/answers_internal.h"
#include "answers/literal.h"
#include "answers/span.h"
#include "base/size.h"

typedef struct {
    const fm_points_rule *rule;
    double width, height;
    fm_arena *arena;
    fm_points *out;
    size_t capacity;
    double box_pixels;
    fm_span at; /* where the numbers stand that are being read */
    fm_buf token;
    fm_status st;
} reader;

/* Numbers as they stand in the text. */
typedef struct {
    double v[4];
    unsigned dots; /* bit i: v[i] has a decimal point */
} entry;

static void stop(reader *r, const char *raises)
{
    if (!r->out->raises)
        r->out->raises = raises;
}

static bool goes_on(const reader *r)
{
    return r->st == FM_OK && !r->out->raises && !r->out->cut;
}

static void add(reader *r, fm_point point)
{
    fm_points *out = r->out;

    if (out->n == FM_POINTS_MAX) {
        out->cut = true;
        return;
    }
    if (out->n == r->capacity) {
        size_t capacity = r->capacity ? r->capacity * 2 : 16;
        fm_point *items = fm_arena_alloc(r->arena, capacity, sizeof(*items));

        if (!items) {
            r->st = FM_E_NOMEM;
            return;
        }
        if (out->n)
            memcpy(items, out->items, out->n * sizeof(*items));
        out->items = items;
        r->capacity = capacity;
    }
    point.read = r->at;
    out->items[out->n++] = point;
}

static void stands_at(reader *r, const char *from, const char *to)
{
    r->at = (fm_span){from, (size_t)(to - from)};
}

/* ---- from numbers to places ---- */

/* The space in which `e`, of n numbers, is. */
static fm_space space_of(reader *r, const entry *e, int n, bool in_text)
{
    fm_space space = r->rule->space;
    bool dotted = (e->dots & 3u) != 0;

    if (space == FM_SPACE_DOT) {
        space = dotted ? FM_SPACE_1 : FM_SPACE_PIXELS;
    } else if (space == FM_SPACE_DOT_1000) {
        space = dotted ? FM_SPACE_1 : FM_SPACE_1000;
    } else if (space == FM_SPACE_AUTO_1000) {
        double low = fmin(e->v[0], e->v[1]), high = fmax(e->v[0], e->v[1]);

        space = low < 0 || high > 1000 ? FM_SPACE_PIXELS : high > 1 ? FM_SPACE_1000 : FM_SPACE_1;
    } else if (space == FM_SPACE_AUTO) {
        double most = 0;

        for (int i = 0; i < n; i++)
            most = fabs(e->v[i]) > most || isnan(e->v[i]) ? fabs(e->v[i]) : most;
        space = most <= 1.5                  ? FM_SPACE_1
                : most <= 1000.0 && !in_text ? FM_SPACE_1000
                                             : FM_SPACE_PIXELS;
    }
    r->out->spaces |= 1u << space;
    return space;
}

static double place(double v, fm_space space, double side)
{
    switch (space) {
    case FM_SPACE_1:
        return v * side;
    case FM_SPACE_100:
        return v / 100 * side;
    case FM_SPACE_999:
        return v / 999 * side;
    case FM_SPACE_1000:
        return v / 1000 * side;
    case FM_SPACE_UP_TO_1:
        return v <= 1 ? v * side : v;
    default:
        return v;
    }
}

/* Upstream's path to a clipped pixel leads over the share of the side. */
static double clipped(double v, fm_space space, double side)
{
    double share = space == FM_SPACE_1 ? v : space == FM_SPACE_1000 ? v / 1000.0 : v / side;
    double pixel = share * side;

    /* Not fmin() and fmax(): a NaN stays one, and is nowhere. */
    pixel = pixel < 0 ? 0 : pixel;
    pixel = pixel > side - 1 ? side - 1 : pixel;
    return rint(pixel);
}

/* int(): what is not finite raises. */
static double truncated(reader *r, double v)
{
    if (isnan(v))
        stop(r, "ValueError");
    else if (isinf(v))
        stop(r, "OverflowError");
    return trunc(v);
}

/* int(round()) into an array of int32. */
static double rounded(reader *r, double v)
{
    v = rint(v);
    if (!(fabs(v) <= INT32_MAX))
        stop(r, "OverflowError");
    return v;
}

static double pixel(reader *r, double v, fm_space space, double side)
{
    if (r->rule->pixel == FM_PIXEL_ROUND_CLIPPED)
        return clipped(v, space, side);
    v = place(v, space, side);
    if (r->rule->pixel == FM_PIXEL_EXACT)
        return v;
    if (r->rule->pixel == FM_PIXEL_ROUND)
        return rounded(r, v);
    /* What no int64 holds makes an array of objects, which cannot index; the tag's points never become
     * an array. */
    if (isfinite(v) && fabs(v) >= 0x1p63 && r->rule->form != FM_FORM_TAG)
        stop(r, "IndexError");
    return truncated(r, v);
}

static void add_pair(reader *r, const entry *e, bool in_text)
{
    fm_space space = space_of(r, e, 2, in_text);
    int x = r->rule->order == FM_ORDER_YX;
    fm_point point = {.x1 = NAN, .y1 = NAN};

    point.x = pixel(r, e->v[x], space, r->width);
    point.y = pixel(r, e->v[1 - x], space, r->height);
    if (!r->out->raises)
        add(r, point);
}

/* ---- boxes that stand for their pixels ---- */

static void add_box(reader *r, fm_point box)
{
    if (!(box.x1 > box.x && box.y1 > box.y))
        return; /* no pixels */
    r->box_pixels += (box.x1 - box.x) * (box.y1 - box.y);
    if (r->box_pixels > FM_POINTS_MAX_PIXELS) {
        stop(r, "MemoryError");
        return;
    }
    box.is_box = true;
    add(r, box);
}

static void roborefer_box(reader *r, const entry *e)
{
    fm_point box = {
        .x = truncated(r, e->v[0] * r->width),
        .y = truncated(r, e->v[1] * r->height),
        .x1 = truncated(r, e->v[2] * r->width),
        .y1 = truncated(r, e->v[3] * r->height),
    };

    if (box.x1 < box.x || box.y1 < box.y)
        stop(r, "ValueError"); /* an array of negative size */
    r->out->spaces |= 1u << FM_SPACE_1;
    if (!r->out->raises)
        add_box(r, box);
}

/* The bound of a Python slice of `side` elements. */
static double slice_bound(double v, double side)
{
    v = v < 0 ? v + side : v;
    return v < 0 ? 0 : v > side ? side : v;
}

static void robopoint_box(reader *r, const entry *e)
{
    bool share = (e->dots & 1u) != 0;
    double v[4];

    if (!share && e->dots) {
        stop(r, "TypeError"); /* a slice by a float */
        return;
    }
    for (int i = 0; i < 4; i++) {
        double side = i % 2 ? r->height : r->width;

        v[i] = slice_bound(share ? truncated(r, e->v[i] * side) : e->v[i], side);
    }
    r->out->spaces |= 1u << (share ? FM_SPACE_1 : FM_SPACE_PIXELS);
    if (!r->out->raises)
        add_box(r, (fm_point){.x = v[0], .y = v[1], .x1 = v[2], .y1 = v[3]});
}

static void auto_box(reader *r, const entry *e)
{
    fm_space space = space_of(r, e, 4, true);
    fm_point box = {.clipped = true};
    double v[4];

    for (int i = 0; i < 4; i++) {
        v[i] = rint(place(e->v[i], space, i % 2 ? r->height : r->width));
        if (isinf(v[i]))
            stop(r, "OverflowError");
    }
    box.x = v[0] < v[2] ? v[0] : v[2];
    box.x1 = v[0] < v[2] ? v[2] : v[0];
    box.y = v[1] < v[3] ? v[1] : v[3];
    box.y1 = v[1] < v[3] ? v[3] : v[1];
    if (!r->out->raises)
        add_box(r, box);
}

/* ---- forms ---- */

static void read_tuples(reader *r, fm_span text)
{
    const char *p = text.text, *end = text.text + text.size;

    while (goes_on(r) && p < end && (p = memchr(p, '(', (size_t)(end - p)))) {
        fm_answers_group group;
        entry e;

        const char *open = p;
        p = fm_answers_group_read(p + 1, end, &group, &r->token);
        if (!group.matched)
            continue;
        stands_at(r, open, p);
        memcpy(e.v, group.values, sizeof(e.v));
        e.dots = group.dots;
        if (group.too_long && r->rule->space != FM_SPACE_AUTO)
            stop(r, "ValueError");
        else if (group.count == 2)
            add_pair(r, &e, true);
        else if (group.count == 4 && r->rule->boxes == FM_BOX_ROBOREFER)
            roborefer_box(r, &e);
        else if (group.count == 4 && r->rule->boxes == FM_BOX_ROBOPOINT)
            robopoint_box(r, &e);
        else if (group.count == 4 && r->rule->boxes == FM_BOX_AUTO)
            auto_box(r, &e);
    }
}

static const char *past_spaces(const char *p, const char *end)
{
    for (size_t length; (length = fm_answers_space(p, end)) > 0;)
        p += length;
    return p;
}

/* \s*number\s* n times with commas between, from behind the bracket on. Returns where it ended or
 * failed; *found says which. */
static const char *spaced_numbers(reader *r, const char *p, const char *end, int n, bool sign,
                                  entry *e, bool *found)
{
    *found = false;
    e->dots = 0;
    for (int i = 0; i < n; i++) {
        p = past_spaces(p, end);
        if (!sign && p < end && (*p == '-' || *p == '+'))
            return p;
        p = fm_answers_number(p, end, &r->token);
        if (r->token.size == 0 || r->token.failed)
            return p;
        e->v[i] = strtod(fm_buf_text(&r->token), NULL);
        e->dots |= (unsigned)(memchr(r->token.data, '.', r->token.size) != NULL) << i;
        p = past_spaces(p, end);
        if (i + 1 < n) {
            if (p == end || *p != ',')
                return p;
            p++;
        }
    }
    *found = true;
    return p;
}

/* "[x, y]" or "(x, y)", or the same with four numbers; brackets need not match. */
static void read_bracketed(reader *r, fm_span text, int n)
{
    const char *p = text.text, *end = text.text + text.size;

    while (goes_on(r) && p < end) {
        entry e;
        bool found;

        if (*p != '[' && *p != '(') {
            p++;
            continue;
        }
        const char *open = p;
        p = spaced_numbers(r, p + 1, end, n, true, &e, &found);
        if (!found || p == end || (*p != ']' && *p != ')'))
            continue;
        stands_at(r, open, ++p);
        if (n == 2) {
            add_pair(r, &e, true);
            continue;
        }
        fm_space space = space_of(r, &e, 4, true);
        int x = r->rule->order == FM_ORDER_YX;
        add(r, (fm_point){.x = pixel(r, e.v[x], space, r->width),
                          .y = pixel(r, e.v[1 - x], space, r->height),
                          .x1 = pixel(r, e.v[2 + x], space, r->width),
                          .y1 = pixel(r, e.v[3 - x], space, r->height),
                          .is_box = true});
    }
}

/* The first "(x, y)" or "[x, y]" of unsigned numbers. */
static bool first_bracketed(reader *r, fm_span text, char open, char close)
{
    const char *p = text.text, *end = text.text + text.size;

    while (p < end && (p = memchr(p, open, (size_t)(end - p)))) {
        entry e;
        bool found;

        const char *begin = p;
        p = spaced_numbers(r, p + 1, end, 2, false, &e, &found);
        if (found && p < end && *p == close) {
            stands_at(r, begin, p + 1);
            add_pair(r, &e, true);
            return true;
        }
    }
    return false;
}

/* [-+]?\d*\.?\d+ at p, into the token: past it, or where it failed with an empty token. */
static const char *number_with_digit(reader *r, const char *p, const char *end)
{
    char digit;
    size_t length;

    fm_buf_clear(&r->token);
    if (p < end && (*p == '-' || *p == '+'))
        fm_buf_putc(&r->token, *p++);
    for (bool dot = false, found = false;;) {
        if ((length = fm_answers_digit(p, end, &digit)) > 0) {
            fm_buf_putc(&r->token, digit);
            p += length;
            found = true;
        } else if (!dot && p < end && *p == '.' && fm_answers_digit(p + 1, end, &digit) > 0) {
            fm_buf_putc(&r->token, *p++);
            dot = true;
        } else {
            if (!found)
                fm_buf_clear(&r->token);
            return p;
        }
    }
}

/* "(x, y)": spaces may stand on both sides of the comma and nowhere else. */
static void read_parens(reader *r, fm_span text)
{
    const char *p = text.text, *end = text.text + text.size;

    while (goes_on(r) && p < end && (p = memchr(p, '(', (size_t)(end - p)))) {
        entry e = {.dots = 0};
        const char *open = p;
        int n = 0;

        for (p++; n < 2; n++) {
            p = number_with_digit(r, p, end);
            if (r->token.size == 0 || r->token.failed)
                break;
            e.v[n] = strtod(fm_buf_text(&r->token), NULL);
            if (n == 0)
                p = past_spaces(p, end);
            if (p == end || *p != (n ? ')' : ','))
                break;
            p = n ? p + 1 : past_spaces(p + 1, end);
        }
        stands_at(r, open, p);
        if (n == 2)
            add_pair(r, &e, true);
    }
}

/* ---- forms with names ---- */

/* name="number" at p, `name` followed by digits (at least `least`); past it, or NULL. */
static const char *attribute(reader *r, const char *p, const char *end, char name, int least,
                             double *value)
{
    if (p == end || *p++ != name)
        return NULL;
    for (; p < end && fm_is_digit(*p); p++)
        least--;
    if (least > 0 || end - p < 2 || p[0] != '=' || p[1] != '"')
        return NULL;
    p += 2;
    if (p < end && *p == '+')
        return NULL;
    p = fm_answers_number(p, end, &r->token);
    if (r->token.size == 0 || r->token.failed || p == end || *p != '"')
        return NULL;
    *value = strtod(fm_buf_text(&r->token), NULL);
    return p + 1;
}

static void read_xml(reader *r, fm_span text, int least)
{
    const char *p = text.text, *end = text.text + text.size;

    while (goes_on(r) && p < end && (p = memchr(p, 'x', (size_t)(end - p)))) {
        entry e = {.dots = 0};
        const char *q = attribute(r, p, end, 'x', least, &e.v[0]);
        const char *second = q ? past_spaces(q, end) : NULL;

        if (second && second > q && (second = attribute(r, second, end, 'y', least, &e.v[1]))) {
            stands_at(r, p, second);
            add_pair(r, &e, true);
            p = second;
        } else {
            p++;
        }
    }
}

static fm_literal *parse(reader *r, fm_literal_syntax syntax, fm_span text, const char **raises)
{
    fm_literal *value = NULL;

    if (r->st == FM_OK)
        r->st = fm_literal_parse(syntax, text, r->arena, &value, raises, NULL);
    return value;
}

/* x and y of a list of two; false where one is no number, or an integer past the range of double. */
static bool pair_of(const fm_literal *list, entry *e)
{
    const fm_literal *second = list->first->next;

    if (!fm_literal_is_number(list->first) || !fm_literal_is_number(second))
        return false;
    e->v[0] = list->first->number;
    e->v[1] = second->number;
    e->dots = 0;
    return true;
}

static bool past_double(const fm_literal *value)
{
    return value->kind == FM_LITERAL_INT && isinf(value->number);
}

/* for item in data: if name in item and isinstance(item[name], list) and len(item[name]) == 2 */
static void read_named(reader *r, const fm_literal *item, const char *name)
{
    const fm_literal *pair = fm_literal_get(item, name);
    entry e;

    if (item->kind == FM_LITERAL_DICT && !pair)
        return;
    if (item->kind == FM_LITERAL_STRING && !fm_span_find(item->string, name))
        return;
    if (item->kind == FM_LITERAL_LIST) {
        /* "in" looks for an equal item; only with one does upstream go on, and stops. */
        for (const fm_literal *part = item->first; part; part = part->next)
            if (part->kind == FM_LITERAL_STRING && fm_span_equals(part->string, name))
                stop(r, "TypeError");
        return;
    }
    if (item->kind != FM_LITERAL_DICT) {
        stop(r, "TypeError");
        return;
    }
    if (pair->kind != FM_LITERAL_LIST || pair->n != 2)
        return;
    if (!pair_of(pair, &e))
        stop(r, "TypeError");
    else if (past_double(pair->first) || past_double(pair->first->next))
        stop(r, "OverflowError");
    else
        add_pair(r, &e, false);
}

static void read_fenced(reader *r, fm_span text, const char *name)
{
    const char *raises = NULL;
    fm_span inside;

    if (!fm_answers_fence(text, &inside))
        return;
    r->at = inside;
    const fm_literal *data = parse(r, FM_LITERAL_JSON, inside, &raises);
    if (!data) {
        /* A text that is no JSON is no point; other exceptions are not caught. */
        if (raises && strcmp(raises, "JSONDecodeError") != 0)
            stop(r, raises);
        return;
    }
    if (data->kind == FM_LITERAL_LIST) {
        for (const fm_literal *item = data->first; item && goes_on(r); item = item->next)
            read_named(r, item, name);
    } else if (data->kind == FM_LITERAL_DICT) {
        /* Its keys are looked at: a text that holds the name is then asked for an item by it. */
        for (const fm_literal *item = data->first; item; item = item->next)
            if (fm_span_find(item->key, name))
                stop(r, "TypeError");
    } else if (data->kind == FM_LITERAL_STRING) {
        /* Its characters are, one by one: none holds the name. */
        return;
    } else {
        stop(r, "TypeError");
    }
}

static void add_malformed(reader *r)
{
    r->out->malformed++;
    add(r, (fm_point){.x = NAN, .y = NAN, .x1 = NAN, .y1 = NAN});
}

/* PointArena takes the list at its word: with an item that is no point, an answer whose points must all
 * lie inside fails. */
static void read_point_list(reader *r, fm_span text)
{
    const char *raises, *first = memchr(text.text, '[', text.size);
    const char *last = memrchr(text.text, ']', text.size);

    if (!first || !last || last < first)
        return;
    stands_at(r, first, last + 1);
    const fm_literal *data = parse(r, FM_LITERAL_JSON, r->at, &raises);
    for (const fm_literal *item = data ? data->first : NULL; item && goes_on(r);
         item = item->next) {
        const fm_literal *pair =
            item->kind == FM_LITERAL_DICT ? fm_literal_get(item, "point") : NULL;
        entry e;

        if (pair && pair->kind == FM_LITERAL_LIST && pair->n == 2 && pair_of(pair, &e))
            add_pair(r, &e, false);
        else
            add_malformed(r);
    }
}

/* An entry of the list in the tag. Upstream counts whatever has a length, and compares the two parts of
 * what has two. */
static void read_tagged(reader *r, const fm_literal *item)
{
    entry e;

    switch (item->kind) {
    case FM_LITERAL_LIST:
        if (item->n != 2)
            add_malformed(r);
        else if (pair_of(item, &e))
            add_pair(r, &e, false);
        else
            stop(r, "TypeError");
        break;
    case FM_LITERAL_DICT:
    case FM_LITERAL_STRING: {
        bool two =
            item->kind == FM_LITERAL_DICT ? item->n == 2 : fm_span_characters(item->string) == 2;

        if (two)
            stop(r, "TypeError");
        else
            add_malformed(r);
        break;
    }
    default:
        stop(r, "TypeError");
    }
}

/* [x,\s*y] without signs, all of them in the text. */
static void read_tight_pairs(reader *r, fm_span text)
{
    const char *p = text.text, *end = text.text + text.size;

    while (goes_on(r) && p < end && (p = memchr(p, '[', (size_t)(end - p)))) {
        entry e = {.dots = 0};

        for (int i = 0; i < 2; i++) {
            p++;
            if (i == 1)
                p = past_spaces(p, end);
            const char *first = p;
            if (p < end && (*p == '-' || *p == '+'))
                break;
            p = fm_answers_number(p, end, &r->token);
            if (p == first || r->token.failed || p == end || *p != (i ? ']' : ','))
                break;
            e.v[i] = strtod(fm_buf_text(&r->token), NULL);
            if (i == 1)
                add_pair(r, &e, false);
        }
    }
}

static void read_tag(reader *r, fm_span text)
{
    fm_span inside;
    const char *raises;

    if (!fm_span_between(text, "<point>[", "]</point>", &inside) || fm_span_strip(inside).size == 0)
        return;
    r->at = inside;
    /* The brackets around it belong to the list; quotes are put right before it is read. */
    char *list = fm_arena_alloc(r->arena, inside.size + 2, 1);
    if (!list) {
        r->st = FM_E_NOMEM;
        return;
    }
    list[0] = '[';
    for (size_t i = 0; i < inside.size; i++)
        list[i + 1] = inside.text[i] == '\'' ? '"' : inside.text[i];
    list[inside.size + 1] = ']';
    fm_span whole = {list, inside.size + 2};

    const fm_literal *data = parse(r, FM_LITERAL_JSON, whole, &raises);
    if (data) {
        for (const fm_literal *item = data->first; item && goes_on(r); item = item->next)
            read_tagged(r, item);
    } else if (r->st == FM_OK && strcmp(raises, "JSONDecodeError") == 0) {
        read_tight_pairs(r, whole);
    }
}

/* ---- RoboSpatial's third attempt ---- */

/* Python's float() of a number, or of a text that is one. */
static bool to_float(const fm_literal *value, double *out)
{
    if (fm_literal_is_number(value)) {
        *out = value->number;
        return !past_double(value);
    }
    return value->kind == FM_LITERAL_STRING && fm_answers_float(value->string, out);
}

/* What stands in the first brackets as a list, without a comma at its end. */
static fm_span repaired_list(reader *r, fm_span inside)
{
    char *list = fm_arena_alloc(r->arena, inside.size + 1, 2);
    size_t n = 0;

    if (!list) {
        r->st = FM_E_NOMEM;
        return (fm_span){NULL, 0};
    }
    list[n++] = '[';
    fm_span text = fm_span_strip(inside);
    if (text.size > 0 && text.text[text.size - 1] == ',')
        text.size--;
    memcpy(list + n, text.text, text.size);
    n += text.size;
    list[n++] = ']';
    return (fm_span){list, n};
}

static void read_literal_point(reader *r, fm_span text)
{
    const char *open = fm_span_find(text, "["), *close, *raises;
    double x, y;

    if (!open)
        return;
    fm_span rest = fm_span_from(text, open + 1);
    if (!(close = fm_span_find(rest, "]")))
        return;
    stands_at(r, open, close + 1);
    fm_span list = repaired_list(r, (fm_span){rest.text, (size_t)(close - rest.text)});
    const fm_literal *value = list.text ? parse(r, FM_LITERAL_PYTHON, list, &raises) : NULL;
    if (!value || value->n == 0)
        return;
    bool flat = value->n == 2 && fm_literal_is_number(value->first) &&
                fm_literal_is_number(value->first->next);
    const fm_literal *pair = flat ? value : value->first;
    if (!flat && pair->kind != FM_LITERAL_TUPLE && pair->kind != FM_LITERAL_LIST)
        return;
    if (pair->n != 2 || !to_float(pair->first, &x) || !to_float(pair->first->next, &y))
        return;
    add_pair(r, &(entry){{x, y}, 0}, false);
}

static void read_first_pair(reader *r, fm_span text)
{
    if (!first_bracketed(r, text, '(', ')') && !first_bracketed(r, text, '[', ']'))
        read_literal_point(r, text);
}

/* ---- VLMEvalKit's guess ---- */

static fm_span without_fence(fm_span text)
{
    text = fm_span_strip(text);
    if (text.size < 3 || memcmp(text.text, "```", 3) != 0)
        return text;
    const char *newline = memchr(text.text, '\n', text.size);
    if (newline)
        text = fm_span_from(text, newline + 1);
    else
        while (text.size > 0 && *text.text == '`')
            text = fm_span_from(text, text.text + 1);
    text = fm_span_strip(text);
    if (text.size >= 3 && memcmp(text.text + text.size - 3, "```", 3) == 0)
        text.size -= 3;
    return fm_span_strip(text);
}

static bool truthy(const fm_literal *value)
{
    if (!value || value->kind == FM_LITERAL_NONE)
        return false;
    if (fm_literal_is_number(value))
        return value->number != 0;
    return value->kind == FM_LITERAL_STRING ? value->string.size > 0 : value->n > 0;
}

static void guess_item(reader *r, const fm_literal *item)
{
    const fm_literal *pair = fm_literal_get(item, "point_2d");
    entry e = {.dots = 0};

    if (!truthy(pair))
        pair = fm_literal_get(item, "point");
    if (pair && (pair->kind == FM_LITERAL_LIST || pair->kind == FM_LITERAL_TUPLE) && pair->n == 2 &&
        to_float(pair->first, &e.v[0]) && to_float(pair->first->next, &e.v[1]))
        add_pair(r, &e, false);
}

static void read_auto(reader *r, fm_span text)
{
    const char *raises;
    fm_span inside = without_fence(text);

    r->at = inside;
    const fm_literal *data = parse(r, FM_LITERAL_JSON, inside, &raises);

    /* A JSON null is None, after which the literal is tried, and is none. */
    if (!data)
        data = parse(r, FM_LITERAL_PYTHON, inside, &raises);
    if (data && data->kind == FM_LITERAL_DICT) {
        guess_item(r, data);
    } else if (data && data->kind == FM_LITERAL_LIST) {
        for (const fm_literal *item = data->first; item && goes_on(r); item = item->next)
            guess_item(r, item);
    }
    if (r->out->n == 0 && r->st == FM_OK)
        read_tuples(r, text);
}

/* ---- rules ---- */

static const fm_points_rule rules[] = {
    {"pt_text_dot", "tuples; with a decimal point 0 to 1, else pixels; boxes are their pixels",
     "RoboRefer Evaluation/summarize_acc.py text2pts", FM_FORM_TUPLES, FM_SPACE_DOT, FM_ORDER_XY,
     FM_PIXEL_TRUNC, FM_BOX_ROBOREFER},
    {"pt_text_robopoint", "as pt_text_dot, with boxes as slices of the picture",
     "RoboPoint robopoint/eval/summarize_vqa.py text2pts", FM_FORM_TUPLES, FM_SPACE_DOT,
     FM_ORDER_XY, FM_PIXEL_TRUNC, FM_BOX_ROBOPOINT},
    {"pt_text_n1", "tuples from 0 to 1, integers too; no boxes",
     "lmms-eval lmms_eval/tasks/{refspatial,where2place}/utils.py", FM_FORM_TUPLES, FM_SPACE_1,
     FM_ORDER_XY, FM_PIXEL_TRUNC, FM_BOX_IGNORED},
    {"pt_text_n1000", "tuples from 0 to 1000; no boxes",
     "lmms-eval lmms_eval/tasks/{refspatial,where2place}/utils.py, suffix 0_999", FM_FORM_TUPLES,
     FM_SPACE_1000, FM_ORDER_XY, FM_PIXEL_TRUNC, FM_BOX_IGNORED},
    {"pt_pairs_dot1000", "pairs in either bracket; with a decimal point 0 to 1, else 0 to 1000",
     "lmms-eval lmms_eval/tasks/_task_utils/point_format.py", FM_FORM_PAIRS, FM_SPACE_DOT_1000,
     FM_ORDER_XY, FM_PIXEL_TRUNC, FM_BOX_IGNORED},
    {"pt_xml100", "numbered attributes x1, y1, ... from 0 to 100 (Molmo)",
     "RoboRefer Evaluation/summarize_acc.py xml2pts", FM_FORM_XML_NUMBERED, FM_SPACE_100,
     FM_ORDER_XY, FM_PIXEL_TRUNC, FM_BOX_IGNORED},
    {"pt_xml100_single", "as pt_xml100, and x, y without a number", "fathom", FM_FORM_XML,
     FM_SPACE_100, FM_ORDER_XY, FM_PIXEL_TRUNC, FM_BOX_IGNORED},
    {"pt_json_yx1000", "fenced JSON, \"point\": [y, x] from 0 to 1000 (Gemini)",
     "RoboRefer Evaluation/summarize_acc.py json2pts", FM_FORM_JSON_POINT, FM_SPACE_1000,
     FM_ORDER_YX, FM_PIXEL_TRUNC, FM_BOX_IGNORED},
    {"pt_json_xy1000", "fenced JSON, \"point_2d\": [x, y] from 0 to 1000 (Qwen)",
     "lmms-eval lmms_eval/tasks/robo_spatial/utils.py json2pts", FM_FORM_JSON_POINT_2D,
     FM_SPACE_1000, FM_ORDER_XY, FM_PIXEL_TRUNC, FM_BOX_IGNORED},
    {"pt_auto_max",
     "JSON or literal, else tuples; the space by magnitude, clipped into the picture",
     "VLMEvalKit vlmeval/dataset/utils/spatial_bench Point2DParser", FM_FORM_AUTO, FM_SPACE_AUTO,
     FM_ORDER_XY, FM_PIXEL_ROUND_CLIPPED, FM_BOX_AUTO},
    {"pt_first_paren", "the first pair, as written: the polygon is in 0 to 1",
     "RoboSpatial-Eval evaluation.py", FM_FORM_FIRST_PAIR, FM_SPACE_PIXELS, FM_ORDER_XY,
     FM_PIXEL_EXACT, FM_BOX_IGNORED},
    {"pt_text_auto1000",
     "pairs in parentheses; in [0, 1] 0 to 1, in [0, 1000] 0 to 1000, else pixels; rounded",
     "lmms-eval lmms_eval/tasks/pointbench/utils.py", FM_FORM_PARENS, FM_SPACE_AUTO_1000,
     FM_ORDER_XY, FM_PIXEL_ROUND, FM_BOX_IGNORED},
    {"pt_json_list", "the list from the first [ to the last ], \"point\": [x, y] in pixels",
     "PointArena model_evaluator.py", FM_FORM_JSON_LIST, FM_SPACE_PIXELS, FM_ORDER_XY,
     FM_PIXEL_TRUNC, FM_BOX_IGNORED},
    {"pt_tag", "<point>[[x, y], ...]</point> in pixels",
     "Embodied-R1 eval/hf_inference_{roborefit,vabench_point,vabench_visual_trace}.py", FM_FORM_TAG,
     FM_SPACE_PIXELS, FM_ORDER_XY, FM_PIXEL_EXACT, FM_BOX_IGNORED},
    {"pt_tag_upto1",
     "as pt_tag; a number up to 1 is a share of the side, and all are cut to pixels",
     "Embodied-R1 eval/hf_inference_where2place.py", FM_FORM_TAG, FM_SPACE_UP_TO_1, FM_ORDER_XY,
     FM_PIXEL_TRUNC, FM_BOX_IGNORED},
};

const fm_points_rule *fm_points_rule_at(size_t i)
{
    return i < FM_COUNT_OF(rules) ? &rules[i] : NULL;
}

const fm_points_rule *fm_points_rule_find(const char *name)
{
    for (size_t i = 0; i < FM_COUNT_OF(rules); i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}

const char *fm_space_name(fm_space space)
{
    static const char *const names[] = {"px",  "n1",      "n100",  "n999",     "n1000",
                                        "dot", "dot1000", "upto1", "auto1000", "auto"};

    return (size_t)space < FM_COUNT_OF(names) ? names[space] : "unknown";
}

static void read_form(reader *r, fm_span reply)
{
    switch (r->rule->form) {
    case FM_FORM_TUPLES:
        read_tuples(r, reply);
        break;
    case FM_FORM_PAIRS:
        read_bracketed(r, reply, 2);
        break;
    case FM_FORM_FIRST_PAIR:
        read_first_pair(r, reply);
        break;
    case FM_FORM_XML_NUMBERED:
        read_xml(r, reply, 1);
        break;
    case FM_FORM_XML:
        read_xml(r, reply, 0);
        break;
    case FM_FORM_JSON_POINT:
        read_fenced(r, reply, "point");
        break;
    case FM_FORM_JSON_POINT_2D:
        read_fenced(r, reply, "point_2d");
        break;
    case FM_FORM_TAG:
        read_tag(r, reply);
        break;
    case FM_FORM_AUTO:
        read_auto(r, reply);
        break;
    case FM_FORM_JSON_LIST:
        read_point_list(r, reply);
        break;
    case FM_FORM_PARENS:
        read_parens(r, reply);
        break;
    case FM_FORM_BOXES:
        read_bracketed(r, reply, 4);
        break;
    }
}

fm_status fm_points_read(const fm_points_rule *rule, fm_span reply, int width, int height,
                         fm_arena *arena, fm_points *out, fm_err *err)
{
    fm_points points = {.kind = FM_POINTS_NONE};
    reader r = {.rule = rule, .width = width, .height = height, .arena = arena, .out = &points};

    if (reply.text)
        read_form(&r, reply);
    if (r.token.failed)
        r.st = FM_E_NOMEM;
    fm_buf_release(&r.token);
    if (r.st != FM_OK)
        return fm_fail(err, FM_E_NOMEM, "out of memory for the points of a reply");
    if (points.raises)
        points.kind = FM_POINTS_RAISE;
    else if (points.n > 0)
        points.kind = FM_POINTS_FOUND;
    *out = points;
    return FM_OK;
}

double (*fm_points_path(const fm_points *points, fm_arena *arena))[2]
{
    double(*path)[2];

    if (points->kind != FM_POINTS_FOUND || points->malformed > 0)
        return NULL;
    path = fm_arena_alloc(arena, points->n, sizeof(*path));
    for (size_t i = 0; path && i < points->n; i++) {
        if (points->items[i].is_box)
            return NULL;
        path[i][0] = points->items[i].x;
        path[i][1] = points->items[i].y;
    }
    return path;
}

fm_status fm_points_polygon(fm_span answer, fm_arena *arena, double (**vertices)[2], size_t *n,
                            fm_err *err)
{
    fm_literal *list = NULL;
    const char *raises;
    size_t count = 0;
    fm_status st = fm_literal_parse(FM_LITERAL_PYTHON, answer, arena, &list, &raises, err);

    if (st != FM_OK)
        return st;
    if (!list || list->kind != FM_LITERAL_LIST || list->n < 3)
        return fm_fail(err, FM_E_INPUT, "no list of at least three points in the true answer");
    double(*made)[2] = fm_arena_alloc(arena, list->n, sizeof(*made));
    if (!made)
        return fm_fail(err, FM_E_NOMEM, "out of memory for a polygon of %zu points", list->n);
    for (const fm_literal *item = list->first; item; item = item->next, count++) {
        if ((item->kind != FM_LITERAL_TUPLE && item->kind != FM_LITERAL_LIST) || item->n != 2 ||
            !to_float(item->first, &made[count][0]) ||
            !to_float(item->first->next, &made[count][1]))
            return fm_fail(err, FM_E_INPUT, "point %zu of the true answer is no pair of numbers",
                           count + 1);
    }
    *vertices = made;
    *n = count;
    return FM_OK;
}
