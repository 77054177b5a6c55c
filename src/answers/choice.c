/* Owns the rules that read a letter, but for letter_tail (choice_tail.c), and those for yes or no. */
#include "answers/choice_internal.h"

#include <string.h>

#include "answers/answers_internal.h"
#include "answers/span.h"
#include "base/arena.h"
#include "base/size.h"

/* ---- lmms-eval: letter_first ---- */

/* [\(\s]*([A-Z])[\)\.\s]* at the beginning, in any case: of "The answer is B" it takes the T. */
static fm_choice letter_first(fm_span reply)
{
    fm_span rest = fm_span_strip(reply);
    const char *p = rest.text, *end = rest.text + rest.size;

    while (p < end) {
        size_t length = *p == '(' ? 1 : fm_answers_space(p, end);

        if (length == 0)
            return fm_is_letter(*p) ? fm_choice_of(*p, (fm_span){p, 1}, "leading letter")
                                    : fm_choice_without(FM_CHOICE_NONE, "no leading letter");
        p += length;
    }
    return fm_choice_without(FM_CHOICE_NONE, "no leading letter");
}

/* ---- VSI-Bench: letter_word ---- */

/* pred.split(' ')[0].rstrip('.').strip(): only the space separates, and a newline hides the full stop
 * before it. */
static fm_choice letter_word(fm_span reply)
{
    const char *space = reply.size ? memchr(reply.text, ' ', reply.size) : NULL;
    fm_span word = {reply.text, space ? (size_t)(space - reply.text) : reply.size};

    while (word.size > 0 && word.text[word.size - 1] == '.')
        word.size--;
    word = fm_span_strip(word);
    if (word.size == 1 && fm_is_letter(*word.text))
        return fm_choice_of(*word.text, word, "first word");
    return fm_choice_without(FM_CHOICE_NONE, "first word is no letter");
}

/* ---- BLINK: letter_tokens ---- */

/* "(A)" to "(E)", as a bit; 0 for any other token. */
static unsigned option_token(fm_span token)
{
    bool shape = token.size == 3 && token.text[0] == '(' && token.text[2] == ')';

    return shape && token.text[1] >= 'A' && token.text[1] <= 'E' ? 1u << (token.text[1] - 'A') : 0;
}

/* The option tokens among the words of `text`, as bits. */
static unsigned option_tokens(fm_span text, size_t n_options)
{
    unsigned found = 0;
    fm_span word;

    while (fm_span_word(&text, &word))
        found |= option_token(word);
    return n_options < 5 ? found & ((1u << n_options) - 1) : found;
}

static bool single(unsigned bits)
{
    return bits && (bits & (bits - 1)) == 0;
}

/* The only option token among the words of `text`. */
static fm_choice of_token(fm_span text, unsigned bit, const char *path)
{
    fm_span word = {NULL, 0};

    while (fm_span_word(&text, &word) && option_token(word) != bit)
        ;
    return fm_choice_of((char)('A' + __builtin_ctz(bit)), word, path);
}

static fm_choice letter_tokens(fm_span reply, const fm_options *options)
{
    if (reply.size == 1 && *reply.text >= 'A' && *reply.text <= 'E')
        return fm_choice_of(*reply.text, reply, "bare letter");
    if (option_token(reply))
        return fm_choice_of(reply.text[1], reply, "bare option");

    unsigned all = option_tokens(reply, options->n);
    fm_span paragraph = fm_span_last_after(reply, "\n\n");
    unsigned last = option_tokens(paragraph, options->n);
    if (single(last))
        return of_token(paragraph, last, "last paragraph");
    return single(all) ? of_token(reply, all, "whole reply")
                       : fm_choice_without(FM_CHOICE_UNDECIDED, "judge");
}

/* ---- VLMEvalKit: letter_infer ---- */

/* Upstream takes these for a refusal, wherever they stand. */
static const char *const refusals[] = {
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
};

/* How near to the end the letter must stand: among the last four words. */
#define TAIL_WORDS 4

/* The next word where .()[],:;!*#{} separate as white space does. */
static bool next_plain_word(fm_span *rest, fm_span *word)
{
    static const char separators[] = ".()[],:;!*#{}";
    const char *p = rest->text, *end = rest->text + rest->size, *begin = NULL;

    while (p < end) {
        size_t length =
            memchr(separators, *p, sizeof(separators) - 1) ? 1 : fm_answers_space(p, end);

        if (length && begin)
            break;
        if (!begin && !length)
            begin = p;
        p += length ? length : 1;
    }
    *word = (fm_span){begin, begin ? (size_t)(p - begin) : 0};
    *rest = (fm_span){p, (size_t)(end - p)};
    return begin != NULL;
}

/* can_infer_option(): one option letter among the words, and near the end. `out` is a refusal, a
 * letter, or none. */
static fm_choice infer_option(fm_span reply, const fm_options *options)
{
    fm_span rest = reply, word, read = {NULL, 0};
    size_t words = 0, position = 0;
    unsigned found = 0;
    bool z = false;

    if (fm_span_find(reply, "Failed to obtain answer via API"))
        return fm_choice_without(FM_CHOICE_NONE, "no option");
    for (size_t i = 0; i < FM_COUNT_OF(refusals); i++)
        if (fm_span_find(reply, refusals[i]))
            return fm_choice_without(FM_CHOICE_REFUSED, "refusal");
    for (; next_plain_word(&rest, &word); words++) {
        if (word.size != 1 || *word.text < 'A' || *word.text > 'Z')
            continue;
        unsigned bit = 1u << (*word.text - 'A');
        z = z || *word.text == 'Z';
        if ((size_t)(*word.text - 'A') >= options->n || (found & bit))
            continue;
        if (!found) {
            position = words; /* of its first occurrence */
            read = word;
        }
        found |= bit;
    }
    if (single(found) && position + TAIL_WORDS >= words)
        return fm_choice_of(*read.text, read, "option near the end");
    if (!found && z)
        return fm_choice_without(FM_CHOICE_REFUSED, "Z");
    return fm_choice_without(FM_CHOICE_NONE, "no option");
}

/* can_infer_text(): one option's text occurs, in a reply not much longer than all of them. */
static fm_choice infer_text(fm_span reply, const fm_options *options)
{
    size_t total = 0, found = 0, index = 0;
    fm_span read = {NULL, 0};

    if (!options->texts)
        return fm_choice_without(FM_CHOICE_UNDECIDED, "judge");
    for (size_t i = 0; i < options->n; i++)
        total += fm_span_characters(fm_span_of(options->texts[i]));
    if (fm_span_characters(reply) <= 2 * total) {
        for (size_t i = 0; i < options->n; i++) {
            const char *at = fm_span_find_folded(reply, options->texts[i]);

            if (at) {
                index = i;
                read = (fm_span){at, strlen(options->texts[i])};
                found++;
            }
        }
    }
    return found == 1 ? fm_choice_of((char)('A' + index), read, "option's text")
                      : fm_choice_without(FM_CHOICE_UNDECIDED, "judge");
}

static fm_choice letter_infer(fm_span reply, const fm_options *options)
{
    fm_choice choice = infer_option(reply, options);

    return choice.kind == FM_CHOICE_NONE ? infer_text(reply, options) : choice;
}

/* ---- FlagEvalMM: letter_flageval ---- */

static size_t without_word(char *text, size_t size, const char *word)
{
    size_t n = strlen(word), kept = 0;

    for (size_t i = 0; i < size;) {
        if (size - i >= n && memcmp(text + i, word, n) == 0)
            i += n;
        else
            text[kept++] = text[i++];
    }
    return kept;
}

/* What the patterns [INST] and [/INST] delete: they were meant as words and are sets of characters. */
static size_t without_inst(char *text, size_t size)
{
    static const char set[] = {'I', 'N', 'S', 'T', '/'};
    size_t kept = 0;

    for (size_t i = 0; i < size; i++)
        if (!memchr(set, text[i], sizeof(set)))
            text[kept++] = text[i];
    return kept;
}

static fm_status letter_flageval(fm_span reply, fm_arena *arena, fm_choice *out, fm_err *err)
{
    static const char *const keys[] = {
        "\xE6\x95\x85\xE9\x80\x89",                                     /* hence choose */
        "\xE9\x80\x89\xE6\x8B\xA9",                                     /* choose */
        "\xE6\xAD\xA3\xE7\xA1\xAE\xE9\x80\x89\xE9\xA1\xB9\xE4\xB8\xBA", /* the right option is */
        "\xE7\xAD\x94\xE6\xA1\x88\xE9\x80\x89",                         /* answer: choose */
        "\xE7\xAD\x94\xE6\xA1\x88\xE4\xB8\xBA",                         /* the answer is */
        "\xE7\xAD\x94\xE6\xA1\x88\xE6\x98\xAF",                         /* the answer is */
        "\xE5\x9B\xA0\xE6\xAD\xA4",                                     /* therefore */
        "\xE7\xAD\x94\xE6\xA1\x88",                                     /* answer */
        "Answer:",
        "Answer is",
        "answer is",
        "Answer",
        "answer",
    };
    const fm_span rewritten = {NULL, 0};
    char *text = fm_arena_memdup(arena, reply.text, reply.size);

    if (!text)
        return fm_fail(err, FM_E_NOMEM, "out of memory for a reply of %zu bytes", reply.size);
    size_t size = without_word(text, reply.size, "The");
    size = without_word(text, size, "If");
    size = without_inst(text, size);
    fm_span rest = fm_span_strip((fm_span){text, size});
    if (rest.size >= 2 && *rest.text >= 'A' && *rest.text <= 'Z' && rest.text[1] == '.') {
        *out = fm_choice_of(*rest.text, rewritten, "leading letter");
        return FM_OK;
    }
    for (size_t i = 0; i < FM_COUNT_OF(keys); i++) {
        if (fm_span_find(rest, keys[i])) {
            rest = fm_span_last_after(rest, keys[i]);
            break;
        }
    }
    *out = fm_choice_without(FM_CHOICE_NONE, "no upper-case letter");
    for (size_t i = 0; i < rest.size; i++) {
        if (rest.text[i] >= 'A' && rest.text[i] <= 'Z') {
            *out = fm_choice_of(rest.text[i], rewritten, "first upper-case letter");
            break;
        }
    }
    return FM_OK;
}

/* ---- the table ---- */

enum { FIRST, WORD, TOKENS, INFER, TAIL, FLAGEVAL };

static const fm_choice_rule rules[] = {
    [FIRST] = {"letter_first", "a letter at the very beginning, in any case",
               "lmms-eval lmms_eval/tasks/{blink,embspatial,cv_bench,erqa}/utils.py"},
    [WORD] = {"letter_word", "the first word is a letter, in any case",
              "thinking-in-space lmms_eval/tasks/vsibench/utils.py"},
    [TOKENS] = {"letter_tokens", "one option such as \"(B)\" among the words, else a judge",
                "BLINK_Benchmark eval/test_benchmark.py"},
    [INFER] = {"letter_infer", "one letter near the end, or one option's text, else a judge",
               "VLMEvalKit vlmeval/utils/matching_util.py can_infer"},
    [TAIL] = {"letter_tail", "answer tag, then the last lines, then phrases, then a single letter",
              "EASI, VLMEvalKit vlmeval/dataset/utils/spatial_bench can_match_option"},
    [FLAGEVAL] = {"letter_flageval",
                  "the first upper-case letter behind \"answer\", never I, N, S, T",
                  "FlagEvalMM flagevalmm/evaluator/pre_process.py"},
};

const fm_choice_rule *fm_choice_rule_at(size_t i)
{
    return i < FM_COUNT_OF(rules) ? &rules[i] : NULL;
}

const fm_choice_rule *fm_choice_rule_find(const char *name)
{
    for (size_t i = 0; i < FM_COUNT_OF(rules); i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}

fm_status fm_choice_read(const fm_choice_rule *rule, fm_span reply, const fm_options *options,
                         fm_arena *arena, fm_choice *out, fm_err *err)
{
    if (!reply.text) {
        *out = fm_choice_without(FM_CHOICE_NONE, "no reply");
        return FM_OK;
    }
    switch (rule - rules) {
    case FIRST:
        *out = letter_first(reply);
        return FM_OK;
    case WORD:
        *out = letter_word(reply);
        return FM_OK;
    case TOKENS:
        *out = letter_tokens(reply, options);
        return FM_OK;
    case INFER:
        *out = letter_infer(reply, options);
        return FM_OK;
    case TAIL:
        return fm_choice_tail(reply, options, arena, out, err);
    default:
        return letter_flageval(reply, arena, out, err);
    }
}

fm_choice fm_choice_stored(fm_span judgement)
{
    if (option_token(judgement))
        return fm_choice_of(judgement.text[1], (fm_span){NULL, 0}, "stored judgement");
    return fm_choice_without(fm_span_begins_folded(judgement, "(Z)") ? FM_CHOICE_REFUSED
                                                                     : FM_CHOICE_NONE,
                             "stored judgement");
}

/* ---- judgements that look at the truth ---- */

bool fm_choice_letter_occurs(fm_span answer, const fm_options *options, size_t truth)
{
    return (answer.size && memchr(answer.text, (int)('A' + truth), answer.size)) ||
           (options->texts && fm_span_equals(answer, options->texts[truth]));
}

bool fm_choice_text_occurs(fm_span answer, const char *truth)
{
    return answer.text && (*truth == '\0' || fm_span_find(answer, truth) != NULL);
}

bool fm_choice_text_equals(fm_span answer, const char *truth)
{
    return answer.text &&
           fm_span_same_folded(fm_span_strip(answer), fm_span_strip(fm_span_of(truth)));
}

/* ---- yes or no ---- */

fm_yesno fm_yesno_prefix(fm_span reply)
{
    fm_span text = fm_span_strip(reply);

    if (fm_span_begins_folded(text, "yes"))
        return FM_SAYS_YES;
    return fm_span_begins_folded(text, "no") ? FM_SAYS_NO : FM_SAYS_NEITHER;
}

fm_yesno fm_yesno_last_line(fm_span reply)
{
    fm_span line = fm_reply_last_line(reply);
    bool yes = fm_span_find_folded(line, "yes") != NULL;
    bool no = fm_span_find_folded(line, "no") != NULL;

    if (yes == no)
        return FM_SAYS_NEITHER;
    return yes ? FM_SAYS_YES : FM_SAYS_NO;
}
