/* Owns numbers with units: the published readers, the stored judgements, and the program's own rule. */
#include "fathom/quantity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answers/answers_internal.h"
#include "answers/literal.h"
#include "answers/span.h"
#include "base/size.h"

/* ---- units ---- */

#define INCH 0.0254
#define FOOT 0.3048

/* Longer lists are no answer to how large something is. */
#define MAX_LENGTHS 64
#define MAX_SIDES   8 /* of a box, in however many dimensions */

typedef struct {
    const char *names[8]; /* ends with NULL */
    double size;
} unit;

static const unit units[] = {
    {{"m", "meter", "meters", "metre", "metres", NULL}, 1},
    {{"cm", "centimeter", "centimeters", "centimetre", "centimetres", NULL}, 0.01},
    {{"mm", "millimeter", "millimeters", "millimetre", "millimetres", NULL}, 0.001},
    {{"dm", "decimeter", "decimeters", "decimetre", "decimetres", NULL}, 0.1},
    {{"km", "kilometer", "kilometers", "kilometre", "kilometres", NULL}, 1000},
    {{"in", "inch", "inches", "\"", "\xE2\x80\xB3", "\xE2\x80\x9D", NULL}, INCH},
    {{"ft", "foot", "feet", "'", "\xE2\x80\xB2", "\xE2\x80\x99", NULL}, FOOT},
    {{"yd", "yds", "yard", "yards", NULL}, 0.9144},
    {{"mi", "mile", "miles", NULL}, 1609.344},
};

bool fm_unit_metres(fm_span name, double *metres)
{
    for (size_t i = 0; i < FM_COUNT_OF(units); i++) {
        for (const char *const *n = units[i].names; *n; n++) {
            if (fm_span_same_folded(name, fm_span_of(*n))) {
                *metres = units[i].size;
                return true;
            }
        }
    }
    return false;
}

/* ---- Q-Spatial ---- */

bool fm_qspatial_centimetres(fm_span name, double *factor)
{
    static const unit table[] = {
        {{"meters", "meter", "m", "metre", "metres", NULL}, 100},
        {{"centimeters", "centimeter", "cm", NULL}, 1},
        {{"feet", "foot", "ft", NULL}, 30.48},
        {{"inch", "inches", "in", NULL}, 2.54},
        {{"mm", NULL}, 0.1},
    };

    for (size_t i = 0; i < FM_COUNT_OF(table); i++) {
        for (const char *const *n = table[i].names; *n; n++) {
            if (fm_span_same_folded(name, fm_span_of(*n))) {
                *factor = table[i].size;
                return true;
            }
        }
    }
    return false;
}

/* What stands in the last tag{[^}]*}. */
static bool last_braces(fm_span text, const char *open, fm_span *inside)
{
    bool found = false;
    const char *p, *close;

    while ((p = fm_span_find(text, open))) {
        text = fm_span_from(text, p + strlen(open));
        if (!text.size || !(close = memchr(text.text, '}', text.size)))
            break;
        *inside = (fm_span){text.text, (size_t)(close - text.text)};
        text = fm_span_from(text, close + 1);
        found = true;
    }
    return found;
}

/* The next \d+\.?\d* at or after *p, its value; false at the end. */
static bool next_unsigned(const char **p, const char *end, fm_buf *token, double *out)
{
    while (*p < end) {
        const char *first = *p;

        if (*first == '-' || *first == '+') {
            (*p)++;
            continue;
        }
        *p = fm_answers_number(first, end, token);
        if (token->size > 0) {
            *out = strtod(fm_buf_text(token), NULL);
            return true;
        }
        unsigned code;
        *p = first + fm_answers_code_point(first, end, &code);
    }
    return false;
}

static double mean_of_numbers(fm_span text)
{
    const char *p = text.text, *end = text.text + text.size;
    double sum = 0, value;
    fm_buf token = {0};
    size_t n = 0;

    for (; next_unsigned(&p, end, &token, &value); n++)
        sum += value;
    fm_buf_release(&token);
    return n ? sum / (double)n : NAN;
}

fm_quantity fm_quantity_qspatial(fm_qspatial_rules rules, fm_span reply)
{
    bool kit = rules == FM_QSPATIAL_VLMEVALKIT;
    fm_quantity q = {FM_QUANTITY_READ, NAN, reply.size, {NULL, 0}};
    double factor = kit ? 0 : 1;
    fm_span scalar, name;

    if (!last_braces(reply, "scalar{", &scalar) || !last_braces(reply, "distance_unit{", &name)) {
        q.outcome = FM_QUANTITY_NO_TAG;
        q.value = kit ? 1e-8 + 1e-8 : NAN;
        return q;
    }
    if (!fm_qspatial_centimetres(name, &factor))
        q.outcome = FM_QUANTITY_UNKNOWN_UNIT;
    q.read = scalar;
    q.value = mean_of_numbers(scalar) * factor + (kit ? 1e-8 : 0);
    if (isnan(q.value))
        q.outcome = FM_QUANTITY_NO_NUMBER;
    return q;
}

/* ---- plain numbers ---- */

static const char *past_blanks(const char *p, const char *end)
{
    for (size_t length; (length = fm_answers_space(p, end)) > 0;)
        p += length;
    return p;
}

bool fm_number_word(fm_span reply, double *out)
{
    const char *space = reply.size ? memchr(reply.text, ' ', reply.size) : NULL;
    fm_span word = {reply.text, space ? (size_t)(space - reply.text) : reply.size};

    while (word.size > 0 && word.text[word.size - 1] == '.')
        word.size--;
    return word.text && fm_answers_float(word, out);
}

bool fm_number_first(fm_span reply, double *out)
{
    fm_buf token = {0};
    bool found = false;

    if (!reply.text)
        return false;
    const char *p = reply.text, *end = reply.text + reply.size;
    while (!found && p < end) {
        const char *q = fm_answers_number(p, end, &token);

        if ((found = token.size > 0))
            *out = strtod(fm_buf_text(&token), NULL);
        p = q > p ? q : p + 1;
    }
    fm_buf_release(&token);
    return found;
}

static const char *const words[] = {
    "zero",     "one",     "two",     "three",     "four",     "five",     "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
};

static bool word_char(char c)
{
    return fm_is_letter(c) || fm_is_digit(c) || c == '_' || (unsigned char)c >= 0x80;
}

/* The number word at p, \b on both sides; its length, or 0. */
static size_t number_word(fm_span text, const char *p, int *value)
{
    const char *end = text.text + text.size, *q = p;

    if (p > text.text && word_char(p[-1]))
        return 0;
    while (q < end && fm_is_letter(*q))
        q++;
    if (q == p || (q < end && word_char(*q)))
        return 0;
    for (size_t i = 0; i < FM_COUNT_OF(words); i++) {
        if (fm_span_same_folded((fm_span){p, (size_t)(q - p)}, fm_span_of(words[i]))) {
            *value = (int)i;
            return (size_t)(q - p);
        }
    }
    return 0;
}

/* [-+]?(?:\d*\.\d+|\d+)(?:[eE][-+]?\d+)? of ASCII digits at p; its length, or 0. */
static size_t loose_number(const char *p, const char *end, double *out)
{
    char text[64];
    const char *q = p, *digits;
    size_t n;

    if (q < end && (*q == '-' || *q == '+'))
        q++;
    digits = q;
    while (q < end && fm_is_digit(*q))
        q++;
    if (end - q > 1 && *q == '.' && fm_is_digit(q[1])) {
        q++;
        while (q < end && fm_is_digit(*q))
            q++;
    }
    if (q == digits)
        return 0;
    if (q < end && (*q == 'e' || *q == 'E')) {
        const char *e = q + 1;

        e += e < end && (*e == '-' || *e == '+');
        if (e < end && fm_is_digit(*e)) {
            while (e < end && fm_is_digit(*e))
                e++;
            q = e;
        }
    }
    n = (size_t)(q - p);
    /* A reply's numbers are short; of a longer one the first digits are its value but for the scale. */
    if (n >= sizeof(text))
        n = sizeof(text) - 1;
    memcpy(text, p, n);
    text[n] = '\0';
    *out = strtod(text, NULL);
    return (size_t)(q - p);
}

/* The last number or number word of `text`. */
static bool last_number(fm_span text, double *out)
{
    const char *p = text.text, *end = text.text + text.size;
    bool found = false;

    while (p < end) {
        double value;
        int counted = 0;
        size_t length = number_word(text, p, &counted);

        /* The words become digits first, and a sign before them then belongs to them. */
        if (length)
            value = p > text.text && p[-1] == '-' ? -counted : counted;
        else
            length = loose_number(p, end, &value);
        if (length) {
            *out = value;
            found = true;
        }
        p += length ? length : 1;
    }
    return found;
}

bool fm_number_last(fm_span reply, double *out)
{
    fm_span rest = reply;
    const char *p;

    if (!reply.text)
        return false;
    while ((p = fm_span_find_folded(rest, "<answer>"))) {
        rest = fm_span_from(rest, p + strlen("<answer>"));
        fm_span text = fm_span_from(rest, past_blanks(rest.text, rest.text + rest.size));
        const char *end = text.text + text.size;
        double value;
        int counted = 0;
        size_t length = number_word(text, text.text, &counted);

        value = counted;
        if (!length)
            length = loose_number(text.text, end, &value);
        /* Up to the closing tag there may be text, but no other tag. */
        const char *next = length ? memchr(text.text, '<', text.size) : NULL;
        if (next && fm_span_begins_folded(fm_span_from(text, next), "</answer>")) {
            *out = value;
            return true;
        }
    }
    rest = reply;
    for (fm_span after = reply; (p = fm_span_find_folded(after, "</think>"));)
        rest = after = fm_span_from(after, p + strlen("</think>"));
    return last_number(rest, out) || last_number(reply, out);
}

/* ---- quantities ---- */

/* Past `word` at p where no word goes on, or NULL. */
static const char *past_word(const char *p, const char *end, const char *word)
{
    size_t n = strlen(word);

    if (!fm_span_begins_folded((fm_span){p, (size_t)(end - p)}, word))
        return NULL;
    return p + n < end && word_char(p[n]) ? NULL : p + n;
}

/* Digits with commas between groups of three, and a fraction: "1,200.5", ".5". */
static const char *decimal(const char *p, const char *end, double *out)
{
    double value = 0, scale = 1;
    const char *q = p;
    bool any = false;

    for (; q < end; q++) {
        bool comma = *q == ',' && any && end - q > 3 && fm_is_digit(q[1]) && fm_is_digit(q[2]) &&
                     fm_is_digit(q[3]) && !(end - q > 4 && fm_is_digit(q[4]));

        if (comma)
            continue;
        if (!fm_is_digit(*q))
            break;
        value = value * 10 + (*q - '0');
        any = true;
    }
    if (end - q > 1 && *q == '.' && fm_is_digit(q[1])) {
        for (q++; q < end && fm_is_digit(*q); q++) {
            value = value * 10 + (*q - '0');
            scale *= 10;
        }
        any = true;
    }
    *out = value / scale;
    return any ? q : NULL;
}

/* "1/2" at p. */
static const char *fraction(const char *p, const char *end, double *out)
{
    if (end - p < 3 || !fm_is_digit(p[0]) || p[1] != '/' || p[2] < '1' || p[2] > '9' ||
        (end - p > 3 && fm_is_digit(p[3])))
        return NULL;
    *out = (double)(p[0] - '0') / (p[2] - '0');
    return p + 3;
}

/* A number in digits or words at p, past it, or NULL. */
static const char *amount(fm_span text, const char *p, double *out)
{
    const char *end = text.text + text.size, *q, *r;
    double part;
    int counted;
    size_t length;

    if ((q = past_word(p, end, "half"))) {
        *out = 0.5;
        q = past_blanks(q, end);
        if ((r = past_word(q, end, "a")) || (r = past_word(q, end, "an")))
            return r;
        return q;
    }
    if ((q = fraction(p, end, out)))
        return q;
    if ((length = number_word(text, p, &counted))) {
        *out = counted;
        q = p + length;
    } else if (!(q = decimal(p, end, out))) {
        return NULL;
    }
    r = past_blanks(q, end);
    if (r > q && (r = fraction(r, end, &part))) {
        *out += part;
        return r;
    }
    r = past_blanks(q, end);
    if ((r = past_word(r, end, "and")) && (r = past_word(past_blanks(r, end), end, "a")) &&
        (r = past_word(past_blanks(r, end), end, "half"))) {
        *out += 0.5;
        return r;
    }
    return q;
}

/* The unit at p, past it, or NULL. */
static const char *unit_at(const char *p, const char *end, double *metres)
{
    const char *q = p;

    while (q < end && fm_is_letter(*q))
        q++;
    if (q > p)
        return !(q < end && word_char(*q)) && fm_unit_metres((fm_span){p, (size_t)(q - p)}, metres)
                   ? q
                   : NULL;
    for (size_t n = 1; n <= 3 && n <= (size_t)(end - p); n += 2)
        if (fm_unit_metres((fm_span){p, n}, metres))
            return p + n;
    return NULL;
}

/* Past what joins the ends of a range, or NULL: "-", an en dash, "to", and "and" behind "between". */
static const char *past_joint(const char *p, const char *end, bool between)
{
    p = past_blanks(p, end);
    if (p < end && (*p == '-' || *p == '~'))
        return past_blanks(p + 1, end);
    if (end - p > 3 && memcmp(p, "\xE2\x80\x93", 3) == 0)
        return past_blanks(p + 3, end);
    const char *q = past_word(p, end, between ? "and" : "to");
    return q ? past_blanks(q, end) : NULL;
}

/* Past what stands between the sides of a box, or NULL: "x", "*", a multiplication sign, "by". */
static const char *past_times(const char *p, const char *end)
{
    const char *q;

    p = past_blanks(p, end);
    if (p < end && (fm_folded(*p) == 'x' || *p == '*'))
        return past_blanks(p + 1, end);
    if (end - p > 2 && memcmp(p, "\xC3\x97", 2) == 0)
        return past_blanks(p + 2, end);
    q = past_word(p, end, "by");
    return q ? past_blanks(q, end) : NULL;
}

/* "-" between a number and its unit is a hyphen: "2-meter". */
static const char *past_hyphen(const char *p, const char *end)
{
    return p < end && *p == '-' ? p + 1 : past_blanks(p, end);
}

/* Inches behind feet: "8 inches" of "5 feet 8 inches", or the bare 8 of 5'8. */
static const char *add_inches(fm_span text, const char *p, bool sign, double *metres)
{
    const char *end = text.text + text.size, *q = past_blanks(p, end), *r;
    double value, factor;

    if ((r = past_word(q, end, "and")))
        q = past_blanks(r, end);
    if (!(q = amount(text, q, &value)))
        return p;
    r = unit_at(past_blanks(q, end), end, &factor);
    if (r && factor == INCH) {
        *metres += value * factor;
        return r;
    }
    if (!r && sign && q > p && fm_is_digit(*p)) {
        *metres += value * INCH;
        return q;
    }
    return p;
}

/* Whether "between" is the word before p. */
static bool behind_between(fm_span text, const char *p)
{
    static const char word[] = "between";
    const size_t n = sizeof(word) - 1;

    while (p > text.text && fm_answers_space(p - 1, p))
        p--;
    return (size_t)(p - text.text) >= n && fm_span_begins_folded((fm_span){p - n, n}, word);
}

/* The unit behind the last of "0.8 x 0.6 x 0.5 m", from behind the first number on. */
static bool unit_of_product(fm_span text, const char *q, double *metres)
{
    const char *end = text.text + text.size, *next;
    double ignored;

    for (int i = 0; i < MAX_SIDES && (next = past_times(q, end)); i++) {
        if (!(q = amount(text, next, &ignored)))
            return false;
        if (unit_at(past_hyphen(q, end), end, metres))
            return true;
    }
    return false;
}

/* The quantity that begins with the number `low` at [p, q); past it, or NULL. */
static const char *quantity(fm_span text, const char *p, const char *q, double low, double *metres)
{
    const char *end = text.text + text.size, *r, *joint, *second = NULL, *last = NULL;
    double high = low, factor = 0, first_factor = 0;

    r = unit_at(past_blanks(q, end), end, &first_factor);
    if ((joint = past_joint(r ? r : q, end, behind_between(text, p))))
        second = amount(text, joint, &high);
    if (second)
        last = unit_at(past_hyphen(second, end), end, &factor);
    if (last) {
        *metres = (low * (r ? first_factor : factor) + high * factor) / 2;
        return last;
    }
    if (!r)
        r = unit_at(past_hyphen(q, end), end, &first_factor);
    if (!r && unit_of_product(text, q, &first_factor))
        r = q;
    if (!r)
        return NULL;
    *metres = low * first_factor;
    return first_factor == FOOT ? add_inches(text, r, !fm_is_letter(r[-1]), metres) : r;
}

fm_quantity fm_quantity_next(fm_span reply, size_t from)
{
    const fm_quantity none = {FM_QUANTITY_NO_NUMBER, NAN, reply.size, {NULL, 0}};

    if (!reply.text)
        return none;
    const char *end = reply.text + reply.size;
    for (const char *p = reply.text + from; p < end; p++) {
        bool side = p - reply.text > 1 && fm_folded(p[-1]) == 'x' && fm_is_digit(p[-2]);
        bool inside =
            p > reply.text && (word_char(p[-1]) || p[-1] == '.') && word_char(*p) && !side;
        double low;
        const char *q = inside ? NULL : amount(reply, p, &low);

        if (!q)
            continue;
        fm_quantity found = {FM_QUANTITY_READ, NAN, 0, {p, 0}};
        const char *past = quantity(reply, p, q, low, &found.value);
        if (past) {
            found.end = (size_t)(past - reply.text);
            found.read.size = (size_t)(past - p);
            return found;
        }
        p = q - 1;
    }
    return none;
}

fm_quantity fm_quantity_first(fm_span reply)
{
    return fm_quantity_next(reply, 0);
}

fm_quantity fm_quantity_last(fm_span reply)
{
    fm_quantity last = fm_quantity_next(reply, 0), next = last;

    while (next.outcome == FM_QUANTITY_READ) {
        last = next;
        next = fm_quantity_next(reply, last.end);
    }
    return last;
}

size_t fm_quantity_list(fm_span reply, double *out, size_t most)
{
    fm_quantity next = fm_quantity_next(reply, 0);
    size_t n = 0;

    for (; next.outcome == FM_QUANTITY_READ; next = fm_quantity_next(reply, next.end), n++)
        if (n < most)
            out[n] = next.value;
    return n;
}

static size_t first_lengths(fm_span text, double out[MAX_LENGTHS])
{
    size_t n = fm_quantity_list(text, out, MAX_LENGTHS);

    return n < MAX_LENGTHS ? n : MAX_LENGTHS;
}

size_t fm_quantity_list_beyond(fm_span reply, fm_span question, size_t wanted, double *out,
                               size_t most)
{
    double said[MAX_LENGTHS], stated[MAX_LENGTHS];
    size_t n = first_lengths(reply, said), n_stated = first_lengths(question, stated);

    for (size_t i = 0; i < n_stated; i++) {
        size_t k = 0;

        while (k < n && fabs(said[k] - stated[i]) > 1e-9)
            k++;
        if (k < n && n > wanted)
            memmove(&said[k], &said[k + 1], (--n - k) * sizeof(*said));
    }
    n = n < most ? n : most;
    memcpy(out, said, n * sizeof(*out));
    return n;
}

/* More letters than the name of an hour has, so that a longer word is none of them. */
#define LONGEST_HOUR 8

bool fm_number_clock(fm_span reply, double *out)
{
    const char *p;
    bool found = false;

    for (fm_span rest = reply; (p = fm_span_find_folded(rest, "clock"));
         rest = fm_span_from(rest, p + strlen("clock"))) {
        const char *q = p;
        double hour;
        int counted;

        /* "o'" with either apostrophe, or "o" alone, and blanks. */
        while (q > reply.text && (fm_answers_space(q - 1, q) || q[-1] == '\'' || q[-1] == '-' ||
                                  (unsigned char)q[-1] >= 0x80))
            q--;
        if (q > reply.text && fm_folded(q[-1]) == 'o')
            q--;
        while (q > reply.text && (fm_answers_space(q - 1, q) || q[-1] == '-'))
            q--;
        const char *end = q;
        while (q > reply.text && end - q < LONGEST_HOUR &&
               (fm_is_digit(q[-1]) || fm_is_letter(q[-1])))
            q--;
        fm_span word = {q, (size_t)(end - q)};
        bool read = number_word(word, q, &counted) == word.size && word.size > 0;
        hour = read ? counted : 0;
        if (!read)
            read = fm_answers_float(word, &hour);
        if (read && hour >= 1 && hour <= 12 && hour == floor(hour)) {
            *out = hour;
            found = true;
        }
    }
    return found;
}

/* ---- stored judgements ---- */

static fm_status parse_judgement(fm_span judgement, fm_arena *arena, fm_literal **out, fm_err *err)
{
    const char *raises;
    fm_status st = FM_OK;

    *out = NULL;
    if (!judgement.text)
        return FM_OK;
    st = fm_literal_parse(FM_LITERAL_PYTHON, fm_span_strip(judgement), arena, out, &raises, err);
    if (st == FM_OK && !*out)
        st = fm_literal_parse(FM_LITERAL_JSON, fm_span_strip(judgement), arena, out, &raises, err);
    return st;
}

static bool number_of(const fm_literal *value, double *out)
{
    if (value->kind == FM_LITERAL_STRING)
        return fm_answers_float(value->string, out);
    *out = value->number;
    return value->kind == FM_LITERAL_INT || value->kind == FM_LITERAL_FLOAT;
}

/* A number, or a list of them, into out[most]. */
static bool numbers_of(const fm_literal *value, double *out, size_t most, size_t *n)
{
    bool list = value->kind == FM_LITERAL_LIST || value->kind == FM_LITERAL_TUPLE;

    *n = 0;
    for (const fm_literal *v = list ? value->first : value; v; v = list ? v->next : NULL) {
        if (*n == most || !number_of(v, &out[*n]))
            return false;
        (*n)++;
    }
    return *n > 0;
}

fm_status fm_quantity_judged(fm_span judgement, fm_judged_unit compared, fm_arena *arena,
                             double *answer, double *response, size_t most, size_t *n, bool *found,
                             fm_err *err)
{
    bool clock = compared == FM_JUDGED_CLOCK;
    fm_literal *dict;
    size_t responses;
    fm_status st = parse_judgement(judgement, arena, &dict, err);

    if (st != FM_OK)
        return st;
    const fm_literal *a =
        dict ? fm_literal_get(dict, clock ? "answer_direction" : "answer_in_meters") : NULL;
    const fm_literal *r =
        dict ? fm_literal_get(dict, clock ? "response_direction" : "response_in_meters") : NULL;
    *found = a && r && numbers_of(a, answer, most, n) &&
             numbers_of(r, response, most, &responses) && responses >= *n;
    return FM_OK;
}

fm_status fm_quantity_mark(fm_span judgement, fm_arena *arena, double *mark, bool *found,
                           fm_err *err)
{
    fm_literal *dict;
    fm_status st = parse_judgement(judgement, arena, &dict, err);

    if (st != FM_OK)
        return st;
    const fm_literal *value = dict ? fm_literal_get(dict, "your_mark") : NULL;
    *found = value && number_of(value, mark);
    return FM_OK;
}
