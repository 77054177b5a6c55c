/*
 * The rule letter_tail: EASI's can_match_option(), which VLMEvalKit uses for its spatial suites. Seven
 * patterns, tried in turn, matched here by hand over code points; each is linear in the reply.
 *
 * One departure: \w past ASCII is taken as everything but the punctuation blocks, not from Unicode's
 * tables, which can matter only where such a character follows a letter of an option directly.
 */
#include <string.h>

#include "answers/answers_internal.h"
#include "answers/choice_internal.h"
#include "answers/span.h"
#include "base/arena.h"
#include "base/size.h"

#define TAIL_CHARACTERS 800
#define TAIL_LINES      6

typedef struct {
    const unsigned *c;
    size_t n;
} chars;

/* A reply as characters, and where in it each stands. */
typedef struct {
    chars all;
    const char **at;
} decoded;

/* ---- characters ---- */

static bool one_of(unsigned c, const unsigned *set, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (set[i] == c)
            return true;
    return false;
}

#define ONE_OF(c, set) one_of(c, set, FM_COUNT_OF(set))

/* Full-width forms: 0xFF08 0xFF09 parentheses, 0x3010 0x3011 lenticular brackets. */
static const unsigned openers[] = {'(', '[', '{', 0xFF08, 0x3010};
static const unsigned closers[] = {')', ']', '}', 0xFF09, 0x3011};

static bool space(unsigned c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

static bool line_end(unsigned c)
{
    return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

static bool letter(unsigned c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static unsigned folded(unsigned c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool word(unsigned c)
{
    if (c < 0x80)
        return letter(c) || (c >= '0' && c <= '9') || c == '_';
    return !(c < 0xAA || (c >= 0x2000 && c <= 0x206F) || (c >= 0x3000 && c <= 0x3004) ||
             (c >= 0x3008 && c <= 0x3020) || (c >= 0xFF01 && c <= 0xFF0F) ||
             (c >= 0xFF1A && c <= 0xFF20) || (c >= 0xFF3B && c <= 0xFF40) ||
             (c >= 0xFF5B && c <= 0xFF65));
}

static size_t skip_spaces(chars t, size_t i)
{
    while (i < t.n && space(t.c[i]))
        i++;
    return i;
}

/* Past `name` at i, letter case aside, or 0. */
static size_t past_name(chars t, size_t i, const char *name)
{
    for (; *name; name++, i++)
        if (i >= t.n || folded(t.c[i]) != (unsigned char)*name)
            return 0;
    return i;
}

static chars part(chars t, size_t from, size_t to)
{
    return (chars){t.c + from, to - from};
}

static chars strip(chars t)
{
    size_t from = skip_spaces(t, 0), to = t.n;

    while (to > from && space(t.c[to - 1]))
        to--;
    return part(t, from, to);
}

static chars tail_of(chars t)
{
    return t.n > TAIL_CHARACTERS ? part(t, t.n - TAIL_CHARACTERS, t.n) : t;
}

/* ---- tags ---- */

/* Past "<\s*(/\s*)?name\s*>" at i, or 0. `gap`: white space may follow the "<". */
static size_t past_tag(chars t, size_t i, bool closing, bool gap, const char *name)
{
    if (i >= t.n || t.c[i] != '<')
        return 0;
    i++;
    if (gap)
        i = skip_spaces(t, i);
    if (closing) {
        if (i >= t.n || t.c[i] != '/')
            return 0;
        i = skip_spaces(t, i + 1);
    }
    i = past_name(t, i, name);
    if (i == 0)
        return 0;
    i = skip_spaces(t, i);
    return i < t.n && t.c[i] == '>' ? i + 1 : 0;
}

/* <answer ...> X ... </answer>: the letter A to J behind the tag, whatever follows it. */
static const unsigned *in_answer_tag(chars t)
{
    size_t last_close = 0, gt = 0;

    for (size_t i = t.n; i > 0 && !last_close; i--)
        if (past_tag(t, i - 1, true, true, "answer"))
            last_close = i;
    for (size_t i = 0; i + 1 < last_close; i++) {
        if (t.c[i] != '<')
            continue;
        size_t p = past_name(t, skip_spaces(t, i + 1), "answer");
        if (p == 0 || (p < t.n && word(t.c[p])))
            continue;
        if (gt < p)
            gt = p;
        while (gt < t.n && t.c[gt] != '>')
            gt++;
        p = skip_spaces(t, gt + 1);
        if (p + 1 < last_close && folded(t.c[p]) >= 'a' && folded(t.c[p]) <= 'j')
            return t.c + p;
    }
    return NULL;
}

/* The letter that stands, in brackets or not, right before </name>. */
static const unsigned *before_closing(chars t, const char *name, unsigned last_letter)
{
    for (size_t i = 0; i < t.n; i++) {
        if (!past_tag(t, i, true, false, name))
            continue;
        size_t p = i;
        while (p > 0 && space(t.c[p - 1]))
            p--;
        if (p > 0 && ONE_OF(t.c[p - 1], closers))
            p--;
        while (p > 0 && space(t.c[p - 1]))
            p--;
        if (p == 0 || folded(t.c[p - 1]) < 'a' || folded(t.c[p - 1]) > folded(last_letter))
            continue;
        if (p == 1 || !letter(t.c[p - 2]))
            return t.c + p - 1;
    }
    return NULL;
}

/* ---- lines ---- */

/* "option A:" at the beginning of a line. */
static bool lists_option(chars line)
{
    static const unsigned marks[] = {'*', '_', '>', '-'};
    static const unsigned option[] = {0x9009, 0x9879};
    size_t i = 0, p;

    while (i < line.n && (space(line.c[i]) || ONE_OF(line.c[i], marks)))
        i++;
    p = past_name(line, i, "option");
    if (p == 0 && i + 2 <= line.n && memcmp(line.c + i, option, sizeof(option)) == 0)
        p = i + 2;
    size_t q = skip_spaces(line, p);
    if (p == 0 || q == p || q >= line.n || folded(line.c[q]) < 'a' || folded(line.c[q]) > 'j')
        return false;
    q = skip_spaces(line, q + 1);
    return q < line.n && (line.c[q] == ':' || line.c[q] == 0xFF1A);
}

/* A line of one letter A to F, in marks and brackets or not. */
static const unsigned *only_letter(chars line)
{
    static const unsigned before[] = {'*', '_', '`',    '>',    0xFF08, 0xFF09,
                                      '[', ']', 0x3010, 0x3011, '(',    ')'};
    static const unsigned after[] = {'*', '_',    '`',    0xFF08, 0xFF09, '[',
                                     ']', 0x3010, 0x3011, '(',    ')'};
    size_t i = 0;

    while (i < line.n && ONE_OF(line.c[i], before))
        i++;
    i = skip_spaces(line, i);
    if (i >= line.n || folded(line.c[i]) < 'a' || folded(line.c[i]) > 'f')
        return NULL;
    const unsigned *found = line.c + i;
    i = skip_spaces(line, i + 1);
    while (i < line.n && ONE_OF(line.c[i], after))
        i++;
    return skip_spaces(line, i) == line.n ? found : NULL;
}

/* "B) ..." at the beginning of a line. */
static const unsigned *label(chars line)
{
    static const unsigned marks[] = {'.', 0xFF0E, ':', 0xFF1A, ')', ']', 0x3011, 0x3001, '-'};

    if (line.n == 0 || folded(line.c[0]) < 'a' || folded(line.c[0]) > 'f')
        return NULL;
    size_t i = skip_spaces(line, 1);
    return i + 1 < line.n && ONE_OF(line.c[i], marks) && space(line.c[i + 1]) ? line.c : NULL;
}

static bool ends_token(chars line, size_t i)
{
    static const unsigned marks[] = {'.',    ',',    ':',    ';',    '!',    '?',
                                     ')',    ']',    0x3011, 0x300B, 0x300D, 0x300F,
                                     0xFF0C, 0x3002, 0xFF1B, 0x3001, 0xFF1A, 0xFF09};

    return i >= line.n || space(line.c[i]) || ONE_OF(line.c[i], marks);
}

/* The one capital A to F of the line that is no part of a word; 0 where there are several. */
static const unsigned *only_capital(chars line)
{
    static const unsigned marks[] = {'*', '_', '`', 0xFF09, ']', '}', ')'};
    const unsigned *found = NULL;

    for (size_t i = 0; i < line.n; i++) {
        if (line.c[i] < 'A' || line.c[i] > 'F' || (i > 0 && letter(line.c[i - 1])))
            continue;
        size_t p = i + 1;
        while (!ends_token(line, p) && ONE_OF(line.c[p], marks))
            p++;
        if (!ends_token(line, p))
            continue;
        if (found && *found != line.c[i])
            return NULL;
        found = line.c + i;
    }
    return found;
}

/* The letter of the last of the last lines that has one. */
static const unsigned *in_last_lines(chars t)
{
    size_t end = t.n;

    /* splitlines() knows no line behind the last line end. */
    if (end > 0 && line_end(t.c[end - 1]))
        end -= end > 1 && t.c[end - 1] == '\n' && t.c[end - 2] == '\r' ? 2 : 1;
    for (int lines = 0; lines < TAIL_LINES; lines++) {
        size_t begin = end;
        const unsigned *found;

        while (begin > 0 && !line_end(t.c[begin - 1]))
            begin--;
        chars line = strip(part(t, begin, end));
        if (line.n > 0 && !lists_option(line)) {
            if ((found = only_letter(line)) || (found = label(line)) ||
                (found = only_capital(line)))
                return found;
        }
        if (begin == 0)
            break;
        end = begin - 1;
        if (end > 0 && t.c[end] == '\n' && t.c[end - 1] == '\r')
            end--;
    }
    return NULL;
}

/* What follows the last </think>, or else the last <think>. */
static chars after_think(chars t)
{
    for (int closing = 1; closing >= 0; closing--) {
        for (size_t i = t.n; i > 0; i--) {
            /* Upstream allows white space after "<" only in the opening tag. */
            size_t p = past_tag(t, i - 1, closing, !closing, "think");

            if (p)
                return strip(part(t, p, t.n));
        }
    }
    return t;
}

/* ---- phrases ---- */

static bool boundary(chars t, size_t i)
{
    return word(t.c[i - 1]) != (i < t.n && word(t.c[i]));
}

/* Behind a phrase: a letter, in brackets or not, that no word goes on with. */
static const unsigned *concluded(chars t, size_t i, unsigned last_letter)
{
    static const unsigned marks[] = {':', 0xFF1A, '>', 0xFF1D, '='};
    static const unsigned stops[] = {'.', ')', 0x3001, 0x3002};

    i = skip_spaces(t, i);
    if (i < t.n && ONE_OF(t.c[i], marks))
        i = skip_spaces(t, i + 1);
    if (i < t.n && ONE_OF(t.c[i], openers))
        i = skip_spaces(t, i + 1);
    if (i >= t.n || folded(t.c[i]) < 'a' || folded(t.c[i]) > folded(last_letter))
        return NULL;
    for (size_t p = i + 1;; p++) {
        bool closed = p < t.n && ONE_OF(t.c[p], closers);

        if (boundary(t, p) || (p < t.n && ONE_OF(t.c[p], stops)) ||
            (closed && (boundary(t, p + 1) || (p + 1 < t.n && ONE_OF(t.c[p + 1], stops)))))
            return t.c + i;
        if (p >= t.n || !space(t.c[p]))
            return NULL;
    }
}

/* first\s*second, or only `first` where second is NULL; past it, or 0. */
static size_t past_words(chars t, size_t i, const char *first, const char *second)
{
    size_t p = past_name(t, i, first);

    return p && second ? past_name(t, skip_spaces(t, p), second) : p;
}

static const unsigned *concluded_after_phrase(chars t, unsigned last_letter)
{
    /* answer; conclusion; so; therefore; I choose; choose */
    static const unsigned phrases[][3] = {{0x7B54, 0x6848, 0}, {0x7ED3, 0x8BBA, 0},
                                          {0x6240, 0x4EE5, 0}, {0x56E0, 0x6B64, 0},
                                          {0x9009, 0x62E9, 0}, {0x9009, 0, 0}};

    for (size_t i = 0; i < t.n; i++) {
        const unsigned *found = NULL;
        size_t p;

        if ((p = past_words(t, i, "final", "answer")))
            found = concluded(t, p, last_letter);
        if (!found && (p = past_words(t, i, "the", "answer")) &&
            (p = past_name(t, skip_spaces(t, p), "is")))
            found = concluded(t, p, last_letter);
        if (!found && (p = past_words(t, i, "answer", "is")))
            found = concluded(t, p, last_letter);
        if (!found && (p = past_words(t, i, "answer", NULL)))
            found = concluded(t, p, last_letter);
        if (!found && (p = past_words(t, i, "correct", "answer")))
            found = concluded(t, p, last_letter);
        for (size_t k = 0; !found && k < FM_COUNT_OF(phrases); k++) {
            size_t n = phrases[k][1] ? 2 : 1;

            if (i + n <= t.n && memcmp(t.c + i, phrases[k], n * sizeof(unsigned)) == 0)
                found = concluded(t, i + n, last_letter);
        }
        if (found)
            return found;
    }
    return NULL;
}

/* ---- the whole reply ---- */

/* The one capital of the reply that is no part of a word, lines that list an option aside. */
static const unsigned *only_capital_anywhere(chars t, unsigned last_letter)
{
    const unsigned *found = NULL;

    for (size_t begin = 0, end; begin < t.n; begin = end + 1) {
        for (end = begin; end < t.n && !line_end(t.c[end]);)
            end++;
        chars line = part(t, begin, end);
        if (lists_option(line))
            continue;
        for (size_t i = 0; i < line.n; i++) {
            if (line.c[i] < 'A' || line.c[i] > last_letter || (i > 0 && letter(line.c[i - 1])) ||
                (i + 1 < line.n && letter(line.c[i + 1])))
                continue;
            if (found && *found != line.c[i])
                return NULL;
            found = line.c + i;
        }
    }
    return found;
}

static fm_choice chosen(const decoded *text, const unsigned *letter_at, const char *path)
{
    return fm_choice_of((char)*letter_at, (fm_span){text->at[letter_at - text->all.c], 1}, path);
}

static fm_choice match(const decoded *text, unsigned last_letter)
{
    chars t = text->all;
    const unsigned *found;

    if ((found = in_answer_tag(t)))
        return chosen(text, found, "answer tag");
    if ((found = before_closing(tail_of(t), "answer", last_letter)) ||
        (found = before_closing(tail_of(t), "think", last_letter)))
        return chosen(text, found, "before a closing tag");
    if ((found = in_last_lines(after_think(t))) || (found = in_last_lines(tail_of(t))))
        return chosen(text, found, "last lines");
    if ((found = concluded_after_phrase(t, last_letter)))
        return chosen(text, found, "phrase");
    if ((found = only_capital_anywhere(t, last_letter)))
        return chosen(text, found, "single capital");
    return fm_choice_without(FM_CHOICE_NONE, "no match");
}

/* The stripped reply without zero-width characters. */
static fm_status decode(fm_span reply, fm_arena *arena, decoded *out, fm_err *err)
{
    static const unsigned zero_width[] = {0x200B, 0x200C, 0x200D, 0xFEFF};
    fm_span text = fm_span_strip(reply);
    const char *p = text.text, *end = text.text + text.size;
    unsigned *c = fm_arena_alloc(arena, text.size + 1, sizeof(*c)), code;
    const char **at = fm_arena_alloc(arena, text.size + 1, sizeof(*at));
    size_t n = 0;

    if (!c || !at)
        return fm_fail(err, FM_E_NOMEM, "out of memory for a reply of %zu bytes", text.size);
    while (p < end) {
        at[n] = p;
        p += fm_answers_code_point(p, end, &code);
        if (!ONE_OF(code, zero_width))
            c[n++] = code;
    }
    *out = (decoded){{c, n}, at};
    return FM_OK;
}

fm_status fm_choice_tail(fm_span reply, const fm_options *options, fm_arena *arena, fm_choice *out,
                         fm_err *err)
{
    size_t n = options->n == 0 ? 6 : options->n < 10 ? options->n : 10;
    decoded text = {{NULL, 0}, NULL};
    fm_status st = decode(reply, arena, &text, err);

    if (st == FM_OK)
        *out = match(&text, (unsigned)('A' + n - 1));
    return st;
}
