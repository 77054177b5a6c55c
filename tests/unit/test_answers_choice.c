/* Each rule for letters and for yes or no, on the replies that models give. What is expected was worked
 * out by hand from the upstream sources that the rules name. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/size.h"
#include "fathom/choice.h"

static fm_arena arena;

static void release(void)
{
    fm_arena_release(&arena);
}

TestSuite(answers_choice, .fini = release);

static const char *const texts[] = {"red car", "blue car", "green bus", "dog"};
static const fm_options four = {texts, 4}, two = {texts, 2};

/* The letter, '-' for none, 'Z' for a refusal, '?' for the judge's turn. */
static char read_as(const char *rule, const char *reply, const fm_options *options)
{
    const fm_choice_rule *found = fm_choice_rule_find(rule);
    fm_choice choice;

    cr_assert(found != NULL, "no rule '%s'", rule);
    cr_assert(fm_choice_read(found, fm_span_of(reply), options, &arena, &choice, NULL) == FM_OK);
    cr_assert(choice.kind == FM_CHOICE_LETTER || choice.index == -1);
    switch (choice.kind) {
    case FM_CHOICE_LETTER:
        return (char)('A' + choice.index);
    case FM_CHOICE_REFUSED:
        return 'Z';
    default:
        return choice.kind == FM_CHOICE_NONE ? '-' : '?';
    }
}

typedef struct {
    const char *reply;
    char letter;
} example;

static void all_read(const char *rule, const fm_options *options, const example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char got = read_as(rule, examples[i].reply, options);

        cr_expect(got == examples[i].letter, "%s reads %c, not %c, from '%s'", rule, got,
                  examples[i].letter, examples[i].reply ? examples[i].reply : "(no reply)");
    }
}

/* For people to see on which words the judgement rests. */
Test(answers_choice, a_rule_tells_where_it_read)
{
    static const struct {
        const char *rule, *reply, *read;
        size_t at;
    } rows[] = {
        {"letter_first", " (B) is it", "B", 2},
        {"letter_word", "B. is it", "B", 0},
        {"letter_tokens", "first (A) or (B)\n\nso (B)", "(B)", 21},
        {"letter_tokens", "(C)", "(C)", 0},
        {"letter_infer", "I think it is B.", "B", 14},
        {"letter_infer", "the Blue Car there", "Blue Car", 4},
        {"letter_tail", "A is near\xC2\xA0\n<answer> C </answer>", "C", 21},
        {"letter_tail", "perhaps A\nThe answer is (D)", "D", 25},
        {"letter_flageval", "The answer: B", NULL, 0}, /* it rewrites the reply first */
    };

    for (size_t i = 0; i < FM_COUNT_OF(rows); i++) {
        fm_choice choice;

        cr_assert(fm_choice_read(fm_choice_rule_find(rows[i].rule), fm_span_of(rows[i].reply),
                                 &four, &arena, &choice, NULL) == FM_OK);
        if (!rows[i].read) {
            cr_expect(choice.read.text == NULL);
            continue;
        }
        cr_expect(choice.read.text == rows[i].reply + rows[i].at, "row %zu: at %td", i,
                  choice.read.text - rows[i].reply);
        cr_expect(choice.read.size == strlen(rows[i].read), "row %zu: %zu bytes", i,
                  choice.read.size);
    }
}

Test(answers_choice, the_leading_letter_rule_takes_any_leading_letter)
{
    static const example examples[] = {
        {"B", 'B'},
        {"b", 'B'},
        {"(B) 1", 'B'},
        {"( ( C", 'C'},
        {"A answer1", 'A'},
        {"  \n D. because", 'D'},
        {"\xE3\x80\x80"
         "B",
         'B'},
        {"The answer is B", 'T'}, /* read, and wrong: no option is called T */
        {"Two", 'T'},
        {"[B]", '-'},
        {"**B**", '-'},
        {"2", '-'},
        {"", '-'},
        {NULL, '-'},
    };

    all_read("letter_first", &four, examples, FM_COUNT_OF(examples));
}

Test(answers_choice, the_first_word_rule_wants_the_letter_alone)
{
    static const example examples[] = {
        {"B", 'B'},   {"c", 'C'},    {"B. the bus", 'B'}, {"B... x", 'B'},
        {"(B)", '-'}, {"B.\n", '-'}, {"B\nmore", '-'},    {"Bus", '-'},
        {" B", '-'},  {"", '-'},     {NULL, '-'},
    };

    all_read("letter_word", &four, examples, FM_COUNT_OF(examples));
}

Test(answers_choice, the_blink_rule_wants_one_option_token)
{
    static const example examples[] = {
        {"B", 'B'},
        {"(D)", 'D'},
        {"E", 'E'}, /* bare letters are not held against the options */
        {"(B) 1", 'B'},
        {"(D) 1\n\nThere is one blue float visible in the image.", 'D'},
        {"The green bowl contains 3 big nuts. \n\nThe correct answer is (A) 3.", 'A'},
        {"(A) is red and (B) is blue.\n\nSo it is (B) .", 'B'},
        {"(A) is red and (B) is blue.", '?'},
        {"(B) again (B)", 'B'},
        {"The answer is (B).", '?'}, /* the full stop belongs to the word */
        {"(b)", '?'},
        {"B.", '?'},
        {" B", '?'},
        {"I'm sorry, I can't help with that.", '?'},
        {"", '?'},
        {NULL, '-'},
    };

    all_read("letter_tokens", &four, examples, FM_COUNT_OF(examples));
    cr_assert(eq(chr, read_as("letter_tokens", "(C) it is", &two), '?'));
    cr_assert(eq(chr, read_as("letter_tokens", "(C) or (B) maybe", &two), 'B'));
}

/* Python splits from the left: of three newlines the third begins the last paragraph. */
Test(answers_choice, the_last_paragraph_begins_behind_the_last_pair_of_newlines)
{
    cr_assert(eq(chr, read_as("letter_tokens", "(A) (B)\n\n\n(A)", &four), 'A'));
    cr_assert(eq(chr, read_as("letter_tokens", "(A)\n\n(B) (A)\n\n", &four), '?'));
    cr_assert(eq(chr, read_as("letter_tokens", "(A)\n\nso be it\n\n", &four), 'A'));
}

Test(answers_choice, vlmevalkit_infers_from_the_last_words_or_the_text)
{
    static const example examples[] = {
        {"B", 'B'},
        {"(C).", 'C'},
        {"The answer is: **D**", 'D'},
        {"I would say B, given all this evidence", '?'}, /* five words from the end */
        {"Surely B given all this", 'B'},
        {"A or B", '?'},
        {"the green bus", 'C'},
        {"a BLUE CAR is there", 'B'},
        {"the red car, not the dog", '?'},
        {"Z", 'Z'},
        {"Cannot determine the answer, B", 'Z'},
        {"I can't process this file.", 'Z'},
        {"Failed to obtain answer via API: dog", 'D'},
        {"b", '?'},
        {"dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog", '?'}, /* too long */
        {"", '?'},
        {NULL, '-'},
    };

    all_read("letter_infer", &four, examples, FM_COUNT_OF(examples));
}

Test(answers_choice, easi_looks_at_tags_lines_phrases_and_single_capitals)
{
    static const example examples[] = {
        {"<answer>B</answer>", 'B'},
        {"<ANSWER id=1> c. because </answer>", 'C'},
        {"<answer>Because of this</answer>", 'B'}, /* any letter A to J that begins the answer */
        {"<answer>J</answer>", 'J'},
        {"it is (B)</answer>", 'B'},
        {"so c</think> who knows", 'C'},
        {"<think>A</think>\nB", 'A'},
        {"<think>A? or C.</think>\nB", 'B'},
        {"thinking...\n**D**", 'D'},
        {"C. the green bus", 'C'},
        {"Option A: red\nOption B: blue\nI take C!", 'C'},
        {"Answer: (b)", 'B'},
        {"the answer is a chair", 'A'}, /* the article */
        {"Option A: red\nOption B: blue", '-'},
        {"A or B or C", '-'},
        {"B-side", 'B'},
        {"\xE7\xAD\x94\xE6\xA1\x88\xEF\xBC\x9A"
         "d",
         'D'},
        {"\xE2\x80\x8B"
         "B",
         'B'},
        {"nothing", '-'},
        {"", '-'},
        {NULL, '-'},
    };

    all_read("letter_tail", &four, examples, FM_COUNT_OF(examples));
    cr_assert(eq(chr, read_as("letter_tail", "so c</think>?", &two), '-'));
}

/* Six lines and 800 characters from the end a letter is too far to be the answer; phrases are looked for
 * everywhere, and so is a letter that stands alone among many. */
Test(answers_choice, easi_looks_at_the_end_of_a_long_reply)
{
    char reply[2048];
    size_t n = (size_t)snprintf(reply, sizeof(reply), "(A)</answer> or C\n\n\n\n\n");

    cr_assert(eq(chr, read_as("letter_tail", "A or B\nC\nit\nis\nso\nthen", &four), 'C'));
    cr_assert(
        eq(chr, read_as("letter_tail", "B. x or\nC\nnot\nit\nis\nso\nthen\nC B", &four), '-'));
    cr_assert(eq(chr, read_as("letter_tail", "C\nB or C\nnot\nit\nis\nso\nthen", &four), '-'));
    cr_assert(eq(chr, read_as("letter_tail", "(A)</answer> or C", &four), 'A'));
    memset(reply + n, '.', 900);
    reply[n + 900] = '\0';
    cr_assert(eq(chr, read_as("letter_tail", reply, &four), '-'));
    reply[n + 700] = '\0';
    cr_assert(eq(chr, read_as("letter_tail", reply, &four), 'A'));
}

Test(answers_choice, flageval_never_reads_i_n_s_or_t)
{
    static const example examples[] = {
        {"B", 'B'},          {"B. blue", 'B'},        {"The answer is (C)", 'C'},
        {"Answer: D", 'D'},  {"I think B", 'B'},      {"T", '-'},
        {"S. Nothing", '-'}, {"[INST]A[/INST]", 'A'}, {"Both A and C. My answer: C", 'C'},
        {"Maybe B", 'M'},    {"TIfheC", 'C'},         {"", '-'},
        {NULL, '-'},
    };

    all_read("letter_flageval", &four, examples, FM_COUNT_OF(examples));
}

Test(answers_choice, rules_are_listed_and_found_by_name)
{
    size_t n = 0;

    for (const fm_choice_rule *rule; (rule = fm_choice_rule_at(n)); n++) {
        cr_assert(fm_choice_rule_find(rule->name) == rule);
        cr_assert(rule->summary[0] && rule->source[0]);
    }
    cr_assert(eq(sz, n, 6));
    cr_assert(fm_choice_rule_find("letter") == NULL);
}

Test(answers_choice, every_rule_says_which_step_decided)
{
    fm_choice choice;

    cr_assert(fm_choice_read(fm_choice_rule_find("letter_tokens"), fm_span_of("x\n\n(B) y"), &four,
                             &arena, &choice, NULL) == FM_OK);
    cr_assert(eq(str, (char *)choice.path, "last paragraph"));
}

Test(answers_choice, stored_judgements_are_exact)
{
    cr_assert(fm_choice_stored(fm_span_of("(B)")).index == 1);
    cr_assert(fm_choice_stored(fm_span_of("(Z)")).kind == FM_CHOICE_REFUSED);
    cr_assert(fm_choice_stored(fm_span_of("(Z) Failed to get multiple choice")).kind ==
              FM_CHOICE_REFUSED);
    cr_assert(fm_choice_stored(fm_span_of("(B) Point B")).kind == FM_CHOICE_NONE);
    cr_assert(fm_choice_stored(fm_span_of(NULL)).kind == FM_CHOICE_NONE);
}

Test(answers_choice, embodied_r1_judges_by_occurrence)
{
    cr_assert(fm_choice_letter_occurs(fm_span_of("(B)"), &four, 1));
    cr_assert(fm_choice_letter_occurs(fm_span_of("And so on"), &four, 0));
    cr_assert(fm_choice_letter_occurs(fm_span_of("dog"), &four, 3));
    cr_assert(fm_choice_letter_occurs(fm_span_of("a dog"), &four, 3) == false);
    cr_assert(fm_choice_letter_occurs(fm_span_of(NULL), &four, 3) == false);
    cr_assert(fm_choice_text_occurs(fm_span_of("it moved left."), "left"));
    cr_assert(fm_choice_text_occurs(fm_span_of("Left"), "left") == false);
    cr_assert(fm_choice_text_occurs(fm_span_of(""), "left") == false);
    cr_assert(fm_choice_text_equals(fm_span_of(" LEFT\n"), "left"));
    cr_assert(fm_choice_text_equals(fm_span_of("left."), "left") == false);
}

Test(answers_choice, yes_and_no_by_prefix)
{
    cr_assert(fm_yesno_prefix(fm_span_of(" Yes, it does")) == FM_SAYS_YES);
    cr_assert(fm_yesno_prefix(fm_span_of("NO")) == FM_SAYS_NO);
    cr_assert(fm_yesno_prefix(fm_span_of("nothing fits")) == FM_SAYS_NO);
    cr_assert(fm_yesno_prefix(fm_span_of("Answer: yes")) == FM_SAYS_NEITHER);
    cr_assert(fm_yesno_prefix(fm_span_of("")) == FM_SAYS_NEITHER);
    cr_assert(fm_yesno_prefix(fm_span_of(NULL)) == FM_SAYS_NEITHER);
}

Test(answers_choice, yes_and_no_on_the_last_line)
{
    cr_assert(fm_yesno_last_line(fm_span_of("no doubt\nAnswer: Yes\n")) == FM_SAYS_YES);
    cr_assert(fm_yesno_last_line(fm_span_of("yes\nAnswer: NO")) == FM_SAYS_NO);
    cr_assert(fm_yesno_last_line(fm_span_of("yes, I know")) == FM_SAYS_NEITHER);
    cr_assert(fm_yesno_last_line(fm_span_of("I know")) == FM_SAYS_NO);
    cr_assert(fm_yesno_last_line(fm_span_of("maybe")) == FM_SAYS_NEITHER);
    cr_assert(fm_yesno_last_line(fm_span_of(NULL)) == FM_SAYS_NEITHER);
}

/* ---- the part of a reply that counts ---- */

static void is(fm_span part, const char *text)
{
    cr_expect(part.size == strlen(text) && memcmp(part.text, text, part.size) == 0,
              "'%.*s' is not '%s'", (int)part.size, part.text, text);
}

Test(answers_choice, the_answer_tag_of_embodied_r1_is_on_one_line)
{
    is(fm_reply_answer(fm_span_of("<think>x</think><answer> (A)\t</answer>")), "(A)");
    is(fm_reply_answer(fm_span_of("<answer>\nB</answer>")), "");
    is(fm_reply_answer(fm_span_of("<answer>\n<answer>B</answer>")), "B");
    is(fm_reply_answer(fm_span_of("<answer>a<answer>B</answer>")), "a<answer>B");
    is(fm_reply_answer(fm_span_of("<ANSWER>B</ANSWER>")), "");
    is(fm_reply_answer(fm_span_of("<answer>B")), "");
    is(fm_reply_answer(fm_span_of(NULL)), "");
}

Test(answers_choice, lmms_eval_cuts_the_thinking_off)
{
    is(fm_reply_after_think(fm_span_of("a</think> b ")), "b");
    is(fm_reply_after_think(fm_span_of("a</think>b</think>c")), "b</think>c");
    is(fm_reply_after_think(fm_span_of("a</think>b</thought>c")), "c");
    is(fm_reply_after_think(fm_span_of("x</think><Answer>\nyes\n</ANSWER> no")), "yes");
    is(fm_reply_after_think(fm_span_of("<answer>yes")), "<answer>yes");
    cr_assert(fm_reply_after_think(fm_span_of(NULL)).text == NULL);
}

Test(answers_choice, the_last_line_is_that_of_the_stripped_reply)
{
    is(fm_reply_last_line(fm_span_of("a\nb\n\n")), "b");
    is(fm_reply_last_line(fm_span_of("one")), "one");
    is(fm_reply_last_line(fm_span_of("")), "");
}

/* A rule that went back and forth would need minutes for these 256 KiB each. */
Test(answers_choice, time_is_linear_in_hostile_replies, .timeout = 60)
{
    static const char *const units[] = {
        "<answer", "<answer>\n", "<           ",  "answer        ", "</think>",    "(A) ",
        "\n\n\n",  "A",          "\xE9\x80\x89 ", "option A",       "final      ", "</answer>"};
    size_t size = (size_t)1 << 18;
    char *text = malloc(size);

    cr_assert(text != NULL);
    for (size_t u = 0; u < FM_COUNT_OF(units); u++) {
        size_t n = strlen(units[u]);

        for (size_t i = 0; i < size; i++)
            text[i] = units[u][i % n];
        for (size_t r = 0; fm_choice_rule_at(r); r++) {
            fm_choice choice;

            cr_assert(fm_choice_read(fm_choice_rule_at(r), (fm_span){text, size}, &four, &arena,
                                     &choice, NULL) == FM_OK);
            fm_arena_reset(&arena);
        }
        fm_reply_answer((fm_span){text, size});
        fm_reply_after_think((fm_span){text, size});
        fm_yesno_last_line((fm_span){text, size});
    }
    free(text);
}
