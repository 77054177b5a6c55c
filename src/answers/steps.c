/*
 * Owns the reading of reasoning: where a step begins and ends in a reply, what its parts are and what
 * its value says. Whether a value is right is metrics/process.c's business.
 *
 * A bracketed step begins at "[type]" and ends where the line or the next step does, so that steps on
 * one line are told apart. Every byte is looked at a fixed number of times.
 */
#include "fathom/steps.h"

#include <math.h>
#include <string.h>

#include "answers/answers_internal.h"
#include "answers/span.h"
#include "base/arena.h"
#include "base/size.h"
#include "fathom/quantity.h"

/* With their lengths: every bracket of a reply is held against all of them. */
static const struct {
    fm_span name, other;
} kinds[] = {
#define KIND_NAMES(code, name, other, text) {{name, sizeof(name) - 1}, {other, sizeof(other) - 1}},
    FM_STEP_KIND_MAP(KIND_NAMES)
#undef KIND_NAMES
};

const char *fm_step_kind_name(fm_step_kind kind)
{
    return (size_t)kind < FM_COUNT_OF(kinds) ? kinds[kind].name.text : "unknown";
}

bool fm_step_kind_from_name(fm_span name, fm_step_kind *out)
{
    for (size_t i = 0; i < FM_COUNT_OF(kinds); i++) {
        if (fm_span_same_folded(name, kinds[i].name) || fm_span_same_folded(name, kinds[i].other)) {
            *out = (fm_step_kind)i;
            return true;
        }
    }
    return false;
}

/* ---- names ---- */

static bool is_name_byte(unsigned char c)
{
    return fm_is_letter((char)c) || fm_is_digit((char)c) || c >= 0x80;
}

static bool is_article(const char *word, size_t n)
{
    return (n == 1 && word[0] == 'a') || (n == 2 && memcmp(word, "an", 2) == 0) ||
           (n == 3 && memcmp(word, "the", 3) == 0);
}

void fm_step_name(fm_span target, char out[FM_STEP_NAME_BYTES])
{
    size_t n = 0, word = 1; /* where the word begins that is being copied */

    out[n++] = ' ';
    for (size_t i = 0; i <= target.size && n + 2 < FM_STEP_NAME_BYTES; i++) {
        char c = i < target.size ? target.text[i] : ' ';

        if (is_name_byte((unsigned char)c)) {
            out[n++] = fm_folded(c);
        } else if (n > word) {
            if (is_article(out + word, n - word))
                n = word;
            else
                out[n++] = ' ';
            word = n;
        }
    }
    if (n > word) /* cut inside a word */
        out[n++] = ' ';
    out[n] = '\0';
}

fm_step_names fm_step_names_compare(const char *step, const char *key)
{
    if (!step[1] || !key[1])
        return FM_STEP_NAMES_DIFFER;
    if (strcmp(step, key) == 0)
        return FM_STEP_NAMES_EQUAL;
    if (strstr(step, key))
        return FM_STEP_NAMES_WITHIN;
    return strstr(key, step) ? FM_STEP_NAMES_PART : FM_STEP_NAMES_DIFFER;
}

/* ---- numbers ---- */

typedef struct {
    fm_steps_dialect dialect;
    fm_arena *arena;
    fm_steps *out;
    size_t capacity;
    fm_buf token;
    fm_err *err;
} reading;

static const char *past_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

/* A number at p and its digits behind the point; NULL where there is none. */
static const char *number(reading *r, const char *p, const char *end, double *value, int *decimals)
{
    const char *q = fm_answers_number(p, end, &r->token), *dot;

    if (r->token.size == 0 || r->token.failed)
        return NULL;
    *value = fm_answers_decimal(&r->token);
    dot = memchr(r->token.data, '.', r->token.size);
    *decimals = dot ? (int)(r->token.data + r->token.size - dot - 1) : 0;
    return q;
}

typedef struct {
    double values[3];
    int decimals[3];
    int n; /* numbers; those past the third are only counted */
} tuple;

/* "(1, 2, 3)" or the same in square brackets at p: past it, or NULL. */
static const char *tuple_at(reading *r, const char *p, const char *end, tuple *out)
{
    char close = *p == '(' ? ')' : ']';

    *out = (tuple){.values = {0}};
    for (p++;; p++) {
        double value;
        int decimals;

        p = number(r, past_blanks(p, end), end, &value, &decimals);
        if (!p)
            return NULL;
        if (out->n < 3) {
            out->values[out->n] = value;
            out->decimals[out->n] = decimals;
        }
        out->n++;
        p = past_blanks(p, end);
        if (p < end && *p == close)
            return out->n >= 2 ? p + 1 : NULL;
        if (p == end || *p != ',')
            return NULL;
    }
}

/* The first tuple of the span into *first; how many there are. */
static size_t tuples(reading *r, fm_span span, tuple *first)
{
    const char *p = span.text, *end = span.text + span.size;
    size_t n = 0;

    while (p < end) {
        const char *q = NULL;
        tuple found = {.n = 0};

        if (*p == '(' || *p == '[')
            q = tuple_at(r, p, end, &found);
        if (q && n++ == 0)
            *first = found;
        p = q ? q : p + 1;
    }
    return n;
}

/* ---- values ---- */

static void set_point(fm_step *step, const reading *r, const tuple *t)
{
    double side = r->dialect == FM_STEPS_ROBOREFER ? 1 : 1000;

    step->value_kind = t->n >= 3 ? FM_STEP_POINT3 : FM_STEP_POINT2;
    step->numbers[0] = t->values[0] / side;
    step->numbers[1] = t->values[1] / side;
    if (t->n >= 3)
        step->numbers[2] = t->values[2];
}

static bool inside_picture(const fm_step *step)
{
    return step->numbers[0] >= 0 && step->numbers[0] <= 1 && step->numbers[1] >= 0 &&
           step->numbers[1] <= 1;
}

/* What the format asks of a point: D.4 wants (u, v, d) with three decimals of d, RoboRefer (x, y). */
static const char *point_fault(const fm_step *step, const reading *r, const tuple *t)
{
    if (!inside_picture(step))
        return "a point outside the picture";
    if (step->n_points > 1)
        return "more than one point";
    if (r->dialect == FM_STEPS_ROBOREFER)
        return t->n == 2 ? NULL : "a point that is not (x, y)";
    if (t->n != 3)
        return "a point that is not (u, v, d)";
    if (t->decimals[0] || t->decimals[1])
        return "u and v that are not whole numbers";
    return t->decimals[2] == 3 && t->values[2] > 0 ? NULL : "a depth without three decimals";
}

static const char *read_point(fm_step *step, reading *r)
{
    tuple first;

    step->n_points = tuples(r, step->value, &first);
    if (step->n_points == 0)
        return "no point";
    if (step->kind == FM_STEP_REFERRING) {
        set_point(step, r, &first);
        return point_fault(step, r, &first);
    }
    if (first.n != 3)
        return "no direction of three numbers";
    step->value_kind = FM_STEP_VECTOR;
    memcpy(step->numbers, first.values, sizeof(step->numbers));
    double norm = sqrt(first.values[0] * first.values[0] + first.values[1] * first.values[1] +
                       first.values[2] * first.values[2]);
    return fabs(norm - 1) <= 0.05 ? NULL : "a direction that is no unit vector";
}

/* The first number of the value. */
static bool first_number(reading *r, fm_span span, double *value, int *decimals)
{
    const char *p = span.text, *end = span.text + span.size;

    for (; p < end; p++)
        if (number(r, p, end, value, decimals))
            return true;
    return false;
}

static const char *read_length(fm_step *step, reading *r)
{
    fm_quantity length = fm_quantity_first(step->value);
    double value;
    int decimals;

    if (length.outcome == FM_QUANTITY_READ) {
        step->value_kind = FM_STEP_LENGTH;
        step->numbers[0] = length.value;
        return length.value > 0 ? NULL : "a length of nothing";
    }
    if (!first_number(r, step->value, &value, &decimals))
        return "no number";
    step->value_kind = r->dialect == FM_STEPS_ROBOREFER ? FM_STEP_LENGTH : FM_STEP_NUMBER;
    step->numbers[0] = value;
    return step->value_kind == FM_STEP_LENGTH && value > 0 ? NULL : "no unit";
}

static const char *read_scale(fm_step *step, reading *r)
{
    char name[FM_STEP_NAME_BYTES];
    double value;
    int decimals;

    if (!first_number(r, step->value, &value, &decimals))
        return "no number";
    step->value_kind = FM_STEP_NUMBER;
    step->numbers[0] = value;
    fm_step_name(step->target, name);
    if (strcmp(name, " scene ") != 0)
        return "a target that is not Scene";
    return decimals == 3 && value > 0 ? NULL : "a scale without three decimals";
}

static void read_value(fm_step *step, reading *r)
{
    const char *fault = NULL;

    switch (step->kind) {
    case FM_STEP_REFERRING:
    case FM_STEP_ORIENTATION:
        fault = read_point(step, r);
        break;
    case FM_STEP_MEASURING:
        fault = read_length(step, r);
        break;
    case FM_STEP_SCALE:
        fault = read_scale(step, r);
        break;
    case FM_STEP_UNKNOWN:
        fault = "an unknown type";
        break;
    }
    if (!step->fault)
        step->fault = fault;
}

static fm_status push(reading *r, const fm_step *step)
{
    fm_steps *out = r->out;

    if (out->n == FM_STEPS_MAX) {
        out->cut = true;
        return FM_OK;
    }
    if (out->n == r->capacity) {
        size_t capacity = r->capacity ? r->capacity * 4 : 8;
        fm_step *items = fm_arena_alloc(r->arena, capacity, sizeof(*items));

        if (!items)
            return fm_fail(r->err, FM_E_NOMEM, "no memory for the steps of a reply");
        if (out->n)
            memcpy(items, out->items, out->n * sizeof(*items));
        out->items = items;
        r->capacity = capacity;
    }
    out->items[out->n++] = *step;
    out->bracketed += step->form == FM_STEP_BRACKETED;
    return FM_OK;
}

/* ---- bracketed steps ---- */

/* "[words]" at p: past it, what is inside stripped; NULL where there is none on this line. */
static const char *bracket(const char *p, const char *end, fm_span *inside)
{
    const char *close;

    if (p == end || *p != '[')
        return NULL;
    close = memchr(p, ']', (size_t)(end - p));
    if (!close)
        return NULL;
    *inside = fm_span_strip((fm_span){p + 1, (size_t)(close - p - 1)});
    return close + 1;
}

static bool is_word(fm_span span)
{
    for (size_t i = 0; i < span.size; i++)
        if (!fm_is_letter(span.text[i]) && span.text[i] != ' ')
            return false;
    return span.size > 0;
}

/* Whether a step begins at p: "[type]" of a known type, or, where `first` in its line, of any word
 * before a second bracket. */
static bool step_begins(const char *p, const char *end, bool first, fm_span *type,
                        fm_step_kind *kind, const char **after)
{
    fm_span target;

    if (end - p > 64) /* no type is that long, and a line may hold many brackets */
        end = p + 64;
    *after = bracket(p, end, type);
    if (!*after)
        return false;
    if (fm_step_kind_from_name(*type, kind))
        return true;
    *kind = FM_STEP_UNKNOWN;
    return first && is_word(*type) && bracket(past_blanks(*after, end), end, &target) != NULL;
}

/* What stands in a line before its first step: bullets, numbers, emphasis. */
static bool is_lead(char c)
{
    return c == ' ' || c == '\t' || c == '-' || c == '*' || c == '#' || c == '>' || c == '.' ||
           c == ')' || fm_is_digit(c);
}

/* Emphasis, arrows and separators at the end of a value belong to the prose around it. */
static fm_span trim_value(fm_span value)
{
    value = fm_span_strip(value);
    while (value.size > 0 && strchr("*;,.", value.text[value.size - 1]) != NULL)
        value.size--;
    return fm_span_strip(value);
}

/* The target, and the value behind its colon. */
static void split_step(fm_step *step, const char *p, const char *end)
{
    fm_span rest = {p, (size_t)(end - p)};
    const char *q = bracket(past_blanks(p, end), end, &step->target), *colon;

    if (q) {
        q = past_blanks(q, end);
        if (q < end && *q == ':')
            q++;
        else
            step->fault = "no colon behind its target";
    } else {
        step->fault = "a target without brackets";
        colon = rest.size ? memchr(rest.text, ':', rest.size) : NULL;
        if (!colon)
            return;
        step->target = fm_span_strip((fm_span){p, (size_t)(colon - p)});
        q = colon + 1;
    }
    if (!step->target.size && !step->fault)
        step->fault = "no target";
    step->value = trim_value((fm_span){q, (size_t)(end - q)});
}

/* The steps of one line; *found tells whether there was any. */
static fm_status read_bracketed(reading *r, fm_span line, bool *found)
{
    const char *end = line.text + line.size, *p = line.text, *after;
    fm_status st = FM_OK;
    fm_span type, next_type;
    fm_step_kind kind, next_kind;
    bool lead = true;

    *found = false;
    while (p < end && !step_begins(p, end, lead, &type, &kind, &after))
        lead = is_lead(*p++) && lead;
    while (st == FM_OK && p < end) {
        const char *q = after, *next_after = NULL;

        while (q < end && !step_begins(q, end, false, &next_type, &next_kind, &next_after))
            q++;
        fm_step step = {.kind = kind,
                        .form = FM_STEP_BRACKETED,
                        .text = fm_span_strip((fm_span){p, (size_t)(q - p)}),
                        .type = type,
                        .numbers = {NAN, NAN, NAN}};
        split_step(&step, after, q);
        if (step.value.text)
            read_value(&step, r);
        else if (!step.fault)
            step.fault = "no value";
        *found = true;
        st = push(r, &step);
        p = q;
        after = next_after;
        type = next_type;
        kind = next_kind;
    }
    return st;
}

/* ---- prose ---- */

/* A line with one point and no other, or with one length and no point, says where something is or how
 * long; with several, what belongs to what would be a guess. */
static fm_status read_free(reading *r, fm_span line)
{
    fm_step step = {.form = FM_STEP_FREE,
                    .text = line,
                    .target = line,
                    .value = line,
                    .numbers = {NAN, NAN, NAN},
                    .fault = "prose"};
    double lengths[2];
    tuple first;

    step.n_points = tuples(r, line, &first);
    if (step.n_points == 1 && first.n <= 3) {
        step.kind = FM_STEP_REFERRING;
        set_point(&step, r, &first);
        return push(r, &step);
    }
    if (step.n_points > 0 || fm_quantity_list(line, lengths, 2) != 1)
        return FM_OK;
    step.kind = FM_STEP_MEASURING;
    step.value_kind = FM_STEP_LENGTH;
    step.numbers[0] = lengths[0];
    return push(r, &step);
}

/* ---- the reply ---- */

static fm_span reasoning(fm_span reply)
{
    fm_reply_parts parts = fm_reply_split(reply);

    if (parts.think.text)
        return parts.think;
    if (parts.answer.text)
        reply.size = (size_t)(parts.answer.text - reply.text) - strlen("<answer>");
    return reply;
}

fm_status fm_steps_read(fm_steps_dialect dialect, fm_span reply, fm_arena *arena, fm_steps *out,
                        fm_err *err)
{
    reading r = {.dialect = dialect, .arena = arena, .out = out, .err = err};
    fm_span rest = reasoning(reply);
    fm_status st = FM_OK;
    bool fenced = false;

    *out = (fm_steps){0};
    while (st == FM_OK && rest.size > 0 && !out->cut) {
        const char *newline = memchr(rest.text, '\n', rest.size);
        fm_span line = {rest.text, newline ? (size_t)(newline - rest.text) : rest.size};
        bool found = false;

        rest = fm_span_from(rest, newline ? newline + 1 : rest.text + rest.size);
        line = fm_span_strip(line);
        if (fm_span_begins_folded(line, "```")) {
            fenced = !fenced;
            continue;
        }
        if (fenced || !line.size)
            continue;
        st = read_bracketed(&r, line, &found);
        if (st == FM_OK && !found)
            st = read_free(&r, line);
    }
    if (st == FM_OK)
        st = fm_buf_check(&r.token, "a number of a reply", err);
    fm_buf_release(&r.token);
    return st;
}
