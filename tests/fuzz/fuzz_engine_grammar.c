/* The first byte says the form, the second how many bytes an option has; the options are cut from what follows,
 * and all of it is then said, byte by byte: what the mask leaves is what can be taken, and a trace that is whole is
 * one to the parser. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/grammar.h"
#include "fathom/answers.h"
#include "fuzz_vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPTIONS = 3, MOST = 512 };

static const rt_lexicon *lexicon(void)
{
    static rt_lexicon *made;

    if (!made && rt_lexicon_new(&made, fuzz_vocabulary(), NULL) != FM_OK)
        abort();
    return made;
}

/* Whether the mask leaves a token. */
static bool is_left(rt_grammar *grammar, int32_t id)
{
    static float logits[MOST];
    size_t n = rt_tokenizer_size(fuzz_vocabulary());

    if (n > MOST)
        abort();
    memset(logits, 0, sizeof(logits));
    rt_grammar_mask(grammar, logits, n, -1);
    return isfinite(logits[id]);
}

/* The token of one byte. */
static int32_t token_of(uint8_t byte)
{
    size_t size;

    for (int32_t id = 0; id < (int32_t)rt_tokenizer_size(fuzz_vocabulary()); id++) {
        const char *bytes = rt_tokenizer_bytes(fuzz_vocabulary(), id, &size);

        if (size == 1 && (uint8_t)bytes[0] == byte && !rt_tokenizer_special(fuzz_vocabulary(), id))
            return id;
    }
    abort();
}

static void check_trace(const uint8_t *text, size_t size, int columns)
{
    fm_trace_answer answer = {0};

    if (fm_answers_parse_trace(FM_ANSWERS_TUPLES, (const char *)text, size, &answer, NULL) !=
            FM_OK ||
        answer.shape != FM_TRACE_POINTS || answer.columns != columns)
        abort();
    fm_trace_answer_release(&answer);
}

static void say(rt_grammar *grammar, rt_form form, const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool left = is_left(grammar, token_of(text[i]));

        if (rt_grammar_take_text(grammar, (const char *)text + i, 1) != left)
            abort();
        if (!left)
            return;
        if (rt_grammar_done(grammar)) {
            if (form != RT_FORM_CHOICE)
                check_trace(text, i + 1, form == RT_FORM_TRACE3D ? 3 : 2);
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const rt_form forms[] = {RT_FORM_TRACE2D, RT_FORM_TRACE3D, RT_FORM_CHOICE};
    char texts[OPTIONS][64];
    const char *options[OPTIONS];
    rt_grammar *grammar = NULL;
    fm_err err = {0};

    if (size < 2)
        return 0;
    size_t length = data[1] % 63 + 1;
    for (size_t i = 0; i < OPTIONS; i++) {
        size_t from = 2 + i * length, n = from < size ? size - from : 0;

        snprintf(texts[i], sizeof(texts[i]), "%.*s", (int)(n < length ? n : length),
                 n ? (const char *)data + from : "");
        options[i] = texts[i];
    }
    const rt_question question = {
        .form = forms[data[0] % 3], .options = options, .n_options = OPTIONS};
    if (rt_grammar_new(&grammar, lexicon(), &question, &err) != FM_OK) {
        if (question.form != RT_FORM_CHOICE || !err.text[0] || strchr(err.text, '\n'))
            abort();
        return 0;
    }
    say(grammar, question.form, data + 2, size - 2);
    rt_grammar_free(grammar);
    return 0;
}
