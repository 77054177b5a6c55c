/* Owns questions without a number in the answer: relations between two things, comparisons of several. */
#include "world/ask.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "world/composer.h"

/* One of the forms that the settings admit. */
static bool draw_form(const fm_asker *asker, fm_world_question *q)
{
    static const fm_world_form forms[] = {FM_WORLD_CHOICE, FM_WORLD_YESNO, FM_WORLD_FACT};
    int at = fm_one_of(asker->rng, FM_COUNT_OF(forms));

    for (size_t i = 0; i < FM_COUNT_OF(forms); i++) {
        q->form = forms[(at + (int)i) % (int)FM_COUNT_OF(forms)];
        if (fm_ask_admits(asker, q->form))
            return true;
    }
    return false;
}

/* Put the options into an order of chance; options[0] is right when this is called. */
static void shuffle(const fm_asker *asker, fm_world_question *q)
{
    char kept[FM_WORLD_NAME_BYTES];

    q->right = 0;
    for (int i = q->n_options - 1; i > 0; i--) {
        int k = fm_one_of(asker->rng, i + 1);

        memcpy(kept, q->options[i], sizeof(kept));
        memcpy(q->options[i], q->options[k], sizeof(kept));
        memcpy(q->options[k], kept, sizeof(kept));
        q->right = q->right == i ? k : q->right == k ? i : q->right;
    }
}

static void add_option(fm_world_question *q, const char *text)
{
    snprintf(q->options[q->n_options++], sizeof(q->options[0]), "%s", text);
}

/* The first letter of an answer in words. */
static void capitalise(char *text)
{
    if (*text >= 'a' && *text <= 'z')
        *text = (char)(*text - 'a' + 'A');
}

/* ---- relations ---- */

/* The relation that holds and its opposite, or, where another pair is as clear, all four of both. */
static void add_relations(const fm_asker *asker, fm_world_question *q, fm_relation holds, int a,
                          int b)
{
    fm_relation second = holds < FM_REL_NEARER ? FM_REL_NEARER : FM_REL_LEFT;
    fm_verdict v = fm_relation_holds(asker->list, second, a, b);
    char words[FM_WORLD_NAME_BYTES];

    if (v == FM_UNCLEAR || fm_chance(asker->rng, 0.3)) {
        add_option(q, fm_relation_words(holds));
        add_option(q, fm_relation_words((fm_relation)(holds ^ 1)));
        return;
    }
    second = v == FM_YES ? second : (fm_relation)(second ^ 1);
    for (int i = 0; i < 4; i++) {
        snprintf(words, sizeof(words), "%s and %s",
                 fm_relation_words((fm_relation)(holds ^ (i & 1))),
                 fm_relation_words((fm_relation)(second ^ (i >> 1))));
        add_option(q, words);
    }
}

bool fm_ask_relation(const fm_asker *asker, fm_world_question *q)
{
    const fm_cast_list *list = asker->list;
    int a = fm_ask_object(asker, -1, -1), b = fm_ask_object(asker, a, -1);
    fm_relation said = (fm_relation)fm_one_of(asker->rng, FM_REL_ON), other;
    fm_verdict holds;

    if (b < 0 || !draw_form(asker, q))
        return false;
    holds = fm_relation_holds(list, said, list->thing[a], list->thing[b]);
    if (holds == FM_UNCLEAR)
        return false;
    other = (fm_relation)(said ^ 1); /* relations stand in pairs of opposites */
    const char *na = fm_ask_name(asker, a), *nb = fm_ask_name(asker, b);
    fm_relation true_one = holds == FM_YES ? said : other;
    const char *true_words = fm_relation_words(true_one);
    switch (q->form) {
    case FM_WORLD_YESNO:
        snprintf(q->question, sizeof(q->question), "Is %s %s %s?", na, fm_relation_words(said), nb);
        q->yes = holds == FM_YES;
        break;
    case FM_WORLD_FACT:
        snprintf(q->question, sizeof(q->question), "Is %s %s %s, or %s it?", na,
                 fm_relation_words(said), nb, fm_relation_words(other));
        snprintf(q->answer, sizeof(q->answer), "%s is %s %s.", na, true_words, nb);
        capitalise(q->answer);
        break;
    default:
        snprintf(q->question, sizeof(q->question), "As the camera sees it, %s is ... %s.", na, nb);
        add_relations(asker, q, true_one, list->thing[a], list->thing[b]);
        shuffle(asker, q);
        true_words = q->options[q->right];
    }
    snprintf(q->conclusion, sizeof(q->conclusion), "%s is %s %s.", na, true_words, nb);
    capitalise(q->conclusion);
    q->subject = a;
    return fm_ask_step_scale(asker, q) && fm_ask_step_referring(asker, q, a) &&
           fm_ask_step_referring(asker, q, b);
}

/* ---- comparisons ---- */

typedef enum {
    TALLEST,
    SHORTEST,
    NEAREST,
    FARTHEST,
    LEFTMOST,
    RIGHTMOST,
    CLOSEST_TO,
    SUPERLATIVES
} superlative;

/* Does a beat b clearly? `to`: the object that CLOSEST_TO is about. */
static bool beats(const fm_asker *asker, superlative s, int a, int b, int to)
{
    static const fm_relation relations[] = {FM_REL_TALLER,  FM_REL_SHORTER, FM_REL_NEARER,
                                            FM_REL_FARTHER, FM_REL_LEFT,    FM_REL_RIGHT};
    const fm_cast_list *list = asker->list;

    if (s == CLOSEST_TO) {
        const fm_thing *mark = fm_object_thing(list, to);
        double da = fm_things_distance(fm_object_thing(list, a), mark);
        double db = fm_things_distance(fm_object_thing(list, b), mark);

        return db > da * 1.25 && fm_things_gap(fm_object_thing(list, b), mark) >
                                     fm_things_gap(fm_object_thing(list, a), mark) * 1.25;
    }
    return fm_relation_holds(list, relations[s], list->thing[a], list->thing[b]) == FM_YES;
}

/* Up to four candidates, the first of which beats every other; how many. */
static int draw_candidates(const fm_asker *asker, superlative s, int to,
                           int out[FM_WORLD_OPTIONS_MAX])
{
    int most = 2 + fm_one_of(asker->rng, FM_WORLD_OPTIONS_MAX - 1), n = 1;

    out[0] = fm_ask_object(asker, to, -1);
    if (out[0] < 0)
        return 0;
    int start = fm_one_of(asker->rng, asker->list->n);
    for (int k = 0; k < asker->list->n && n < most; k++) {
        int i = (start + k) % asker->list->n;

        if (i != out[0] && i != to && beats(asker, s, out[0], i, to))
            out[n++] = i;
    }
    return n;
}

bool fm_ask_comparison(const fm_asker *asker, fm_world_question *q)
{
    static const char *const ask[SUPERLATIVES] = {"Which is tallest",
                                                  "Which is shortest",
                                                  "Which is nearest to the camera",
                                                  "Which is farthest from the camera",
                                                  "Which is farthest to the left",
                                                  "Which is farthest to the right",
                                                  "Which is closest to "};
    superlative s = (superlative)fm_one_of(asker->rng, SUPERLATIVES);
    int to = s == CLOSEST_TO ? fm_ask_object(asker, -1, -1) : -1;
    int c[FM_WORLD_OPTIONS_MAX], n = draw_candidates(asker, s, to, c);
    char words[FM_WORLD_NAME_BYTES + 32];
    const char *unit = NULL;

    if (n < 2)
        return false;
    snprintf(words, sizeof(words), "%s%s", ask[s], to < 0 ? "" : fm_ask_name(asker, to));
    q->subject = c[0];
    /* Anywhere among the others: reasoning that begins with the winner has decided before it looks. */
    q->right = fm_one_of(asker->rng, n);
    c[0] = c[q->right];
    c[q->right] = q->subject;
    if (!fm_ask_step_scale(asker, q) || (to >= 0 && !fm_ask_step_referring(asker, q, to)))
        return false;
    for (int i = 0; i < n; i++) {
        add_option(q, fm_ask_name(asker, c[i]));
        if (!fm_ask_step_referring(asker, q, c[i]))
            return false;
        if (s <= SHORTEST &&
            !fm_ask_step_measuring(asker, q, fm_ask_name(asker, c[i]),
                                   fm_thing_tall(fm_object_thing(asker->list, c[i]))))
            return false;
        if (s <= SHORTEST) { /* what is compared is said alike */
            fm_world_step *measured = &q->steps[q->n_steps - 1];

            unit = unit ? unit : measured->unit;
            measured->unit = unit;
        }
    }
    snprintf(q->conclusion, sizeof(q->conclusion), "%s %s.", q->options[q->right],
             words + sizeof("Which"));
    capitalise(q->conclusion);
    q->form = fm_ask_admits(asker, FM_WORLD_CHOICE) ? FM_WORLD_CHOICE : FM_WORLD_FACT;
    if (fm_ask_admits(asker, FM_WORLD_FACT) && fm_chance(asker->rng, 0.3))
        q->form = FM_WORLD_FACT;
    if (!fm_ask_admits(asker, q->form))
        return false;
    if (q->form == FM_WORLD_CHOICE) {
        snprintf(q->question, sizeof(q->question), "%s?", words);
        return true;
    }
    size_t at = (size_t)snprintf(q->question, sizeof(q->question), "%s", words);
    for (int i = 0; i < n && at < sizeof(q->question); i++)
        at += (size_t)snprintf(q->question + at, sizeof(q->question) - at, "%s%s",
                               i == 0       ? ": "
                               : i + 1 == n ? " or "
                                            : ", ",
                               q->options[i]);
    snprintf(q->question + at, sizeof(q->question) - at, "?");
    snprintf(q->answer, sizeof(q->answer), "%s", q->conclusion);
    q->n_options = q->right = 0;
    return true;
}
