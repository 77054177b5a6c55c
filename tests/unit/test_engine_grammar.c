/* Whatever a model prefers, what is generated in a form is of that form: random logits over a
 * vocabulary whose tokens straddle the parts of a trace, read back by the parser of traces. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "engine/grammar.h"
#include "engine/sampler.h"
#include "fathom/answers.h"
#include "support/scratch.h"
#include "support/vocabulary.h"

/* ---- a vocabulary: every byte, then stretches of traces and words ---- */

static const char *const stretches[] = {
    "[(",        "), (",
    ", ",        "),",
    ")]",        " (",
    "(1",        "00)",
    "1000",      "100",
    "99",        "0.",
    ".5",        "12.250",
    "1, 2), (3", "[(0, 0)]",
    "near",      "er",
    "the cup",   "the cap",
    "the cups",  "\xc3\xa9t\xc3\xa9",
};
enum { BYTES = 256, N = BYTES + FM_COUNT_OF(stretches) + 1, END = N - 1 };

static rt_tokenizer *open_vocabulary(void)
{
    given_token added[FM_COUNT_OF(stretches) + 1];
    rt_tokenizer *tokenizer = NULL;
    fm_err err = {0};

    for (size_t i = 0; i < FM_COUNT_OF(stretches); i++)
        added[i] = (given_token){stretches[i], false};
    added[FM_COUNT_OF(stretches)] = (given_token){"[(7, 7)]", true};
    write_vocabulary(scratch_dir, added, FM_COUNT_OF(added));
    cr_assert(eq(int, rt_tokenizer_open(&tokenizer, scratch_dir, &err), FM_OK), "%s", err.text);
    cr_assert(eq(sz, rt_tokenizer_size(tokenizer), N));
    return tokenizer;
}

static struct {
    rt_tokenizer *tokenizer;
    rt_lexicon *lexicon;
} of;

static void make(void)
{
    scratch_make();
    of.tokenizer = open_vocabulary();
    cr_assert(eq(int, rt_lexicon_new(&of.lexicon, of.tokenizer, NULL), FM_OK));
}

static void unmake(void)
{
    rt_lexicon_free(of.lexicon);
    rt_tokenizer_free(of.tokenizer);
    scratch_remove();
}

TestSuite(grammar, .init = make, .fini = unmake);

/* ---- generating ---- */

static rt_grammar *grammar_of(rt_form form, const char *const *options, size_t n)
{
    rt_grammar *grammar = NULL;
    fm_err err = {0};

    cr_assert(
        eq(int,
           rt_grammar_new(&grammar, of.lexicon,
                          &(rt_question){.form = form, .options = options, .n_options = n}, &err),
           FM_OK),
        "%s", err.text);
    return grammar;
}

/* An answer by random logits, to which the tokens that end a trace are given `haste` more. */
static void generate(rt_grammar *grammar, fm_rng *rng, float haste, fm_buf *out)
{
    rt_sampler greedy = {0};

    fm_buf_clear(out);
    for (int step = 0; step < 20000; step++) {
        float logits[N];
        size_t size;

        for (int i = 0; i < N; i++) {
            const char *bytes = rt_tokenizer_bytes(of.tokenizer, i, &size);

            logits[i] = (float)fm_rng_range(rng, -10, 10) + (memchr(bytes, ']', size) ? haste : 0);
        }
        rt_grammar_mask(grammar, logits, N, END);
        int32_t id = rt_sampler_choose(&greedy, logits, N);
        cr_assert(id >= 0, "nothing may come after '%s'", fm_buf_text(out));
        if (id == END)
            return;
        cr_assert(eq(int, rt_grammar_done(grammar), false));
        cr_assert(eq(int, rt_grammar_take(grammar, id), true));
        const char *bytes = rt_tokenizer_bytes(of.tokenizer, id, &size);
        fm_buf_append(out, bytes, size);
    }
    cr_assert(false, "no end");
}

/* Every number that was read lies where the form has it. */
static void in_bounds(const fm_trace_answer *answer, const fm_buf *text, int coordinates)
{
    cr_expect(ge(sz, answer->n, 1));
    cr_expect(le(sz, answer->n, RT_GRAMMAR_POINTS));
    for (size_t i = 0; i < answer->n; i++) {
        const double *p = answer->points[i];

        for (int c = 0; c < 2; c++) /* read as thousandths */
            cr_expect(p[c] >= 0 && p[c] <= 1 && fabs(p[c] * 1000 - round(p[c] * 1000)) < 1e-3, "%s",
                      fm_buf_text(text));
        cr_expect(coordinates == 2 || (p[2] >= 0 && p[2] < 1000), "%s", fm_buf_text(text));
    }
}

/* The shape of a text: every stretch of digits as one 9. */
static void shape_of(const fm_buf *text, fm_buf *out)
{
    fm_buf_clear(out);
    for (size_t i = 0; i < text->size; i++) {
        bool digit = text->data[i] >= '0' && text->data[i] <= '9';

        if (!digit || i == 0 || text->data[i - 1] < '0' || text->data[i - 1] > '9')
            fm_buf_putc(out, digit ? '9' : text->data[i]);
    }
}

static void traces_parse(rt_form form, int coordinates)
{
    fm_rng rng;
    fm_buf text = {0}, shape = {0};
    size_t longest = 0;

    fm_rng_seed(&rng, 5);
    for (int i = 0; i < 400; i++) {
        rt_grammar *grammar = grammar_of(form, NULL, 0);
        fm_trace_answer answer = {0};

        generate(grammar, &rng, i % 2 ? -40 : 5, &text);
        cr_assert(eq(int,
                     fm_answers_parse_trace(FM_ANSWERS_TUPLES, text.data, text.size, &answer, NULL),
                     FM_OK));
        in_bounds(&answer, &text, coordinates);
        shape_of(&text, &shape);
        cr_expect(strncmp(shape.data, coordinates == 2 ? "[(9, 9)" : "[(9, 9, 9", 7) == 0);
        cr_expect(strcmp(shape.data + shape.size - 2, ")]") == 0, "%s", text.data);
        longest = answer.n > longest ? answer.n : longest;
        fm_trace_answer_release(&answer);
        rt_grammar_free(grammar);
    }
    cr_expect(eq(sz, longest, RT_GRAMMAR_POINTS), "answers that are never ended reach the bound");
    fm_buf_release(&text);
    fm_buf_release(&shape);
}

Test(grammar, traces_in_the_picture_parse)
{
    traces_parse(RT_FORM_TRACE2D, 2);
}

Test(grammar, traces_in_space_parse)
{
    traces_parse(RT_FORM_TRACE3D, 3);
}

Test(grammar, a_choice_is_one_of_the_options)
{
    static const char *const options[] = {"the cups", "near",    "the cup",          "nearer",
                                          "a",        "the cap", "\xc3\xa9t\xc3\xa9"};
    fm_rng rng;
    fm_buf text = {0};
    unsigned seen = 0;

    fm_rng_seed(&rng, 6);
    for (int i = 0; i < 600; i++) {
        rt_grammar *grammar = grammar_of(RT_FORM_CHOICE, options, FM_COUNT_OF(options));
        size_t which = 0;

        generate(grammar, &rng, 0, &text);
        while (which < FM_COUNT_OF(options) && strcmp(options[which], fm_buf_text(&text)) != 0)
            which++;
        cr_assert(lt(sz, which, FM_COUNT_OF(options)), "%s", fm_buf_text(&text));
        seen |= 1U << which;
        rt_grammar_free(grammar);
    }
    cr_expect(eq(uint, seen, 0x7fU), "every option can come");
    fm_buf_release(&text);
}

/* ---- texts that do and do not fit ---- */

Test(grammar, takes_what_is_of_the_form_and_nothing_else)
{
    static const struct {
        rt_form form;
        const char *text;
        bool fits, whole;
    } rows[] = {
        {RT_FORM_TRACE2D, "[(0, 1000), (17, 3)]", true, true},
        {RT_FORM_TRACE2D, "[(0, 1000), (17, 3)", true, false},
        {RT_FORM_TRACE2D, "[(0, 1001", false, false},
        {RT_FORM_TRACE2D, "[(01", false, false},
        {RT_FORM_TRACE2D, "[(1,2", false, false},
        {RT_FORM_TRACE2D, "[(1, 2, 3", false, false},
        {RT_FORM_TRACE2D, "[(1.", false, false},
        {RT_FORM_TRACE2D, "[(1, 2)]]", false, false},
        {RT_FORM_TRACE2D, "[]", false, false},
        {RT_FORM_TRACE2D, "[(, ", false, false},
        {RT_FORM_TRACE2D, "[(1, 2),  (", false, false},
        {RT_FORM_TRACE3D, "[(1, 2, 0.944), (3, 4, 999), (0, 0, 0.5)]", true, true},
        {RT_FORM_TRACE3D, "[(1, 2)", false, false},
        {RT_FORM_TRACE3D, "[(1, 2, 00", false, false},
        {RT_FORM_TRACE3D, "[(1, 2, 0.1234", false, false},
        {RT_FORM_TRACE3D, "[(1, 2, 1000", false, false},
        {RT_FORM_TRACE3D, "[(1, 2, 1.)", false, false},
        {RT_FORM_TRACE3D, "[(1, 2, .5", false, false},
        {RT_FORM_TRACE3D, "[(1, 2, 1.2.", false, false},
        {RT_FORM_TRACE3D, "[(1, 2, -1", false, false},
    };

    for (size_t i = 0; i < FM_COUNT_OF(rows); i++) {
        rt_grammar *grammar = grammar_of(rows[i].form, NULL, 0);

        cr_expect(eq(int, rt_grammar_take_text(grammar, rows[i].text, strlen(rows[i].text)),
                     rows[i].fits),
                  "%s", rows[i].text);
        cr_expect(eq(int, rt_grammar_done(grammar), rows[i].whole), "%s", rows[i].text);
        rt_grammar_free(grammar);
    }
}

/* The mask is what trying every token gives. */
Test(grammar, the_mask_is_what_trying_every_token_gives)
{
    static const char *const starts[] = {"", "[(1", "[(10", "[(100, 2", "[(1, 2, 3", "[(1, 2, 3)"};

    for (size_t s = 0; s < FM_COUNT_OF(starts); s++) {
        float logits[N + 3] = {0};
        rt_grammar *masking = grammar_of(RT_FORM_TRACE3D, NULL, 0);

        cr_assert(eq(int, rt_grammar_take_text(masking, starts[s], strlen(starts[s])), true));
        rt_grammar_mask(masking, logits, N + 3, END);
        for (int32_t id = 0; id < N + 3; id++) {
            rt_grammar *trying = grammar_of(RT_FORM_TRACE3D, NULL, 0);

            cr_assert(rt_grammar_take_text(trying, starts[s], strlen(starts[s])));
            bool fits = id != END && rt_grammar_take(trying, id);
            cr_expect(eq(int, logits[id] == 0, fits), "token %d after '%s'", id, starts[s]);
            rt_grammar_free(trying);
        }
        rt_grammar_free(masking);
    }
}

Test(grammar, a_choice_without_options_is_refused)
{
    static const char *const empty[] = {"a", ""};
    rt_grammar *grammar = NULL;
    rt_question question = {.form = RT_FORM_CHOICE};

    cr_expect(eq(int, rt_grammar_new(&grammar, of.lexicon, &question, NULL), FM_E_USAGE));
    question.options = empty;
    question.n_options = 2;
    fm_err err = {0};
    cr_expect(eq(int, rt_grammar_new(&grammar, of.lexicon, &question, &err), FM_E_USAGE));
    cr_expect(eq(str, err.text, "option 2 is empty"));
}
