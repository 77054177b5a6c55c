/* Owns the forms that an answer can be held to, and which tokens keep to them. */
#include "engine/grammar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the vocabulary in order ---- */

typedef struct {
    const char *bytes;
    uint32_t size;
    int32_t id;
} word;

struct rt_lexicon {
    const rt_tokenizer *tokenizer;
    word *words;
    size_t n;
};

static int by_bytes(const void *a, const void *b)
{
    const word *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, x->size < y->size ? x->size : y->size);

    if (order != 0)
        return order;
    return x->size < y->size ? -1 : x->size > y->size;
}

fm_status rt_lexicon_new(rt_lexicon **out, const rt_tokenizer *tokenizer, fm_err *err)
{
    rt_lexicon *l = calloc(1, sizeof(*l));
    size_t size, n = rt_tokenizer_size(tokenizer);

    if (l)
        l->words = calloc(n + 1, sizeof(*l->words));
    if (!l || !l->words) {
        rt_lexicon_free(l);
        return fm_fail(err, FM_E_NOMEM, "no memory for the order of %zu tokens", n);
    }
    l->tokenizer = tokenizer;
    for (size_t i = 0; i < n; i++) {
        const char *bytes = rt_tokenizer_bytes(tokenizer, (int32_t)i, &size);

        if (size > 0 && size <= RT_LEXICON_BYTES && !rt_tokenizer_special(tokenizer, (int32_t)i))
            l->words[l->n++] = (word){bytes, (uint32_t)size, (int32_t)i};
    }
    qsort(l->words, l->n, sizeof(*l->words), by_bytes);
    *out = l;
    return FM_OK;
}

void rt_lexicon_free(rt_lexicon *lexicon)
{
    if (!lexicon)
        return;
    free(lexicon->words);
    free(lexicon);
}

/* The first of words[lo, hi), alike in their first `depth` bytes and longer, whose next byte is at
 * least `byte`. */
static size_t first_from(const rt_lexicon *lexicon, size_t lo, size_t hi, size_t depth, int byte)
{
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;

        if ((unsigned char)lexicon->words[middle].bytes[depth] < byte)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

/* ---- the forms, a byte at a time ---- */

typedef enum { OPEN_LIST, OPEN_POINT, NUMBER, NEXT_NUMBER, POINT_ENDED, NEXT_POINT, WHOLE } part;

enum { WHOLE_MOST = 1000, DEPTH_DIGITS = 3, DEPTH_DECIMALS = 3 };

typedef struct {
    part part;
    int points, coordinate; /* written before this one */
    int digits;             /* of the number, or of its decimals */
    int value;              /* of what stands before its point */
    bool decimals;
} trace_place;

/* Options [lo, hi) of the sorted ones begin with the bytes that came, so many. */
typedef struct {
    size_t lo, hi, size;
} choice_place;

typedef union {
    trace_place trace;
    choice_place choice;
} place;

struct rt_grammar {
    const rt_lexicon *lexicon;
    rt_form form;
    const char **options; /* sorted */
    place at;
    uint64_t *admitted; /* a bit a token */
};

static bool digit_advances(trace_place *p, int digit, bool depth)
{
    if (p->decimals)
        return ++p->digits <= DEPTH_DECIMALS;
    if (p->digits > 0 && p->value == 0)
        return false;
    p->digits++;
    p->value = p->value * 10 + digit;
    return depth ? p->digits <= DEPTH_DIGITS : p->value <= WHOLE_MOST;
}

static bool number_advances(trace_place *p, char byte, int coordinates)
{
    bool last = p->coordinate == coordinates - 1, depth = p->coordinate == 2;

    if (byte >= '0' && byte <= '9')
        return digit_advances(p, byte - '0', depth);
    if (p->digits == 0)
        return false;
    if (byte == '.' && depth && !p->decimals) {
        p->decimals = true;
        p->digits = 0;
        return true;
    }
    p->part = last ? POINT_ENDED : NEXT_NUMBER;
    p->points += last;
    return byte == (last ? ')' : ',');
}

static bool begin_number(trace_place *p, int coordinate)
{
    *p = (trace_place){.part = NUMBER, .points = p->points, .coordinate = coordinate};
    return true;
}

static bool trace_advances(trace_place *p, char byte, int coordinates)
{
    switch (p->part) {
    case OPEN_LIST:
        p->part = OPEN_POINT;
        return byte == '[';
    case OPEN_POINT:
        return byte == '(' && begin_number(p, 0);
    case NUMBER:
        return number_advances(p, byte, coordinates);
    case NEXT_NUMBER:
        return byte == ' ' && begin_number(p, p->coordinate + 1);
    case POINT_ENDED:
        p->part = byte == ']' ? WHOLE : NEXT_POINT;
        return byte == ']' || (byte == ',' && p->points < RT_GRAMMAR_POINTS);
    case NEXT_POINT:
        p->part = OPEN_POINT;
        return byte == ' ';
    case WHOLE:
        return false;
    }
    return false;
}

static bool choice_advances(const rt_grammar *g, choice_place *p, char byte)
{
    size_t at = p->size++;

    if (byte == '\0')
        return false;
    while (p->lo < p->hi && g->options[p->lo][at] != byte)
        p->lo++;
    while (p->lo < p->hi && g->options[p->hi - 1][at] != byte)
        p->hi--;
    return p->lo < p->hi;
}

/* False where the byte does not fit; `p` is then of no use. */
static bool advances(const rt_grammar *g, place *p, char byte)
{
    if (g->form == RT_FORM_CHOICE)
        return choice_advances(g, &p->choice, byte);
    return trace_advances(&p->trace, byte, g->form == RT_FORM_TRACE2D ? 2 : 3);
}

static bool is_whole(const rt_grammar *g)
{
    if (g->form != RT_FORM_CHOICE)
        return g->at.trace.part == WHOLE;
    return g->options[g->at.choice.lo][g->at.choice.size] == '\0'; /* sorted: the shortest first */
}

bool rt_grammar_done(const rt_grammar *grammar)
{
    if (grammar->form != RT_FORM_CHOICE)
        return is_whole(grammar);
    return grammar->options[grammar->at.choice.hi - 1][grammar->at.choice.size] == '\0';
}

/* ---- tokens ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static fm_status sort_options(rt_grammar *g, const rt_question *question, fm_err *err)
{
    if (question->n_options == 0)
        return fm_fail(err, FM_E_USAGE, "a choice needs options");
    g->options = calloc(question->n_options, sizeof(*g->options));
    if (!g->options)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu options", question->n_options);
    for (size_t i = 0; i < question->n_options; i++) {
        if (!question->options[i] || !question->options[i][0])
            return fm_fail(err, FM_E_USAGE, "option %zu is empty", i + 1);
        g->options[i] = question->options[i];
    }
    qsort(g->options, question->n_options, sizeof(*g->options), by_text);
    g->at.choice = (choice_place){0, question->n_options, 0};
    return FM_OK;
}

fm_status rt_grammar_new(rt_grammar **out, const rt_lexicon *lexicon, const rt_question *question,
                         fm_err *err)
{
    rt_grammar *g = calloc(1, sizeof(*g));
    fm_status st = FM_OK;

    if (!g)
        return fm_fail(err, FM_E_NOMEM, "no memory for the form of an answer");
    g->lexicon = lexicon;
    g->form = question->form;
    g->admitted = calloc(rt_tokenizer_size(lexicon->tokenizer) / 64 + 1, sizeof(*g->admitted));
    if (!g->admitted)
        st = fm_fail(err, FM_E_NOMEM, "no memory for the form of an answer");
    else if (g->form == RT_FORM_CHOICE)
        st = sort_options(g, question, err);
    if (st != FM_OK) {
        rt_grammar_free(g);
        return st;
    }
    *out = g;
    return FM_OK;
}

void rt_grammar_free(rt_grammar *grammar)
{
    if (!grammar)
        return;
    free(grammar->options);
    free(grammar->admitted);
    free(grammar);
}

bool rt_grammar_take_text(rt_grammar *grammar, const char *text, size_t size)
{
    place next = grammar->at;

    for (size_t i = 0; i < size; i++)
        if (!advances(grammar, &next, text[i]))
            return false;
    grammar->at = next;
    return true;
}

bool rt_grammar_take(rt_grammar *grammar, int32_t id)
{
    size_t size;
    const char *bytes = rt_tokenizer_bytes(grammar->lexicon->tokenizer, id, &size);

    return size > 0 && rt_grammar_take_text(grammar, bytes, size);
}

/* Admit those of words[lo, hi) that fit; their first `depth` bytes are the same and lead to `at`. */
static void admit(rt_grammar *g, size_t lo, size_t hi, size_t depth, const place *at)
{
    const rt_lexicon *l = g->lexicon;

    for (; lo < hi && l->words[lo].size == depth; lo++)
        g->admitted[l->words[lo].id / 64] |= (uint64_t)1 << l->words[lo].id % 64;
    for (int byte = 0; byte < 256 && lo < hi; byte++) {
        place next = *at;

        if (!advances(g, &next, (char)byte))
            continue;
        lo = first_from(l, lo, hi, depth, byte);
        size_t end = first_from(l, lo, hi, depth, byte + 1);
        if (lo < end)
            admit(g, lo, end, depth + 1, &next);
        lo = end;
    }
}

void rt_grammar_mask(rt_grammar *grammar, float *logits, size_t n, int32_t end)
{
    size_t known = rt_tokenizer_size(grammar->lexicon->tokenizer);
    bool may_end = end >= 0 && is_whole(grammar);

    memset(grammar->admitted, 0, (known / 64 + 1) * sizeof(*grammar->admitted));
    admit(grammar, 0, grammar->lexicon->n, 0, &grammar->at);
    for (size_t i = 0; i < n; i++) {
        bool fits = i < known && (grammar->admitted[i / 64] >> i % 64 & 1);

        if (!fits && !(may_end && i == (size_t)end))
            logits[i] = -INFINITY;
    }
}
