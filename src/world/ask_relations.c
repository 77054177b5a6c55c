/* Owns questions without a number in the answer: relations between two things, comparisons of several. */
#include "world/ask.h"

#include <stdarg.h>
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

/* ---- what is weighed ---- */

/* Add to the conclusion. */
static FM_PRINTF(2, 3) void conclude(fm_world_question *q, const char *format, ...)
{
    size_t n = strlen(q->conclusion);
    va_list args;

    va_start(args, format);
    vsnprintf(q->conclusion + n, sizeof(q->conclusion) - n, format, args);
    va_end(args);
}

/* The number of an object that a relation, or its opposite, is about. */
static double weight_of(const fm_asker *asker, fm_relation relation, int object)
{
    const fm_visibility *seen = &asker->list->seen[asker->list->thing[object]];

    switch (relation) {
    case FM_REL_LEFT:
    case FM_REL_RIGHT:
        return (double)seen->u / asker->list->frame->width;
    case FM_REL_NEARER:
    case FM_REL_FARTHER:
        return seen->depth;
    default:
        return fm_thing_tall(fm_object_thing(asker->list, object));
    }
}

/* Where an object is, and how tall it is where that is what matters. */
static bool add_weight_steps(const fm_asker *asker, fm_world_question *q, fm_relation relation,
                             int object)
{
    return fm_ask_step_referring(asker, q, object) &&
           (relation < FM_REL_TALLER || fm_ask_step_compared(q, fm_ask_name(asker, object),
                                                             weight_of(asker, relation, object)));
}

/* ---- relations ---- */

/* A relation that holds, or two of them, between two objects. */
typedef struct {
    fm_relation holds[2];
    int n;
} finding;

/* The relation that holds and its opposite, or, where another pair is as clear, all four of both. */
static void add_relations(const fm_asker *asker, fm_world_question *q, finding *found, int a, int b)
{
    fm_relation first = found->holds[0];
    fm_relation second = first < FM_REL_NEARER ? FM_REL_NEARER : FM_REL_LEFT;
    fm_verdict v = fm_relation_holds(asker->list, second, a, b);
    char words[FM_WORLD_NAME_BYTES];

    if (v == FM_UNCLEAR || fm_chance(asker->rng, 0.3)) {
        add_option(q, fm_relation_words(first));
        add_option(q, fm_relation_words((fm_relation)(first ^ 1)));
        return;
    }
    second = v == FM_YES ? second : (fm_relation)(second ^ 1);
    for (int i = 0; i < 4; i++) {
        snprintf(words, sizeof(words), "%s and %s",
                 fm_relation_words((fm_relation)(first ^ (i & 1))),
                 fm_relation_words((fm_relation)(second ^ (i >> 1))));
        add_option(q, words);
    }
    found->holds[found->n++] = second;
}

/* "A. to the right of: yes, nearer to the camera than: no": an option as far as it is right. */
static void conclude_option(fm_world_question *q, const finding *found, int option)
{
    const char *part = q->options[option];

    conclude(q, "\n%c. ", 'A' + option);
    for (int i = 0; i < found->n; i++) {
        const char *holds = fm_relation_words(found->holds[i]), *end = strstr(part, " and ");
        size_t size = end ? (size_t)(end - part) : strlen(part);
        bool same = size == strlen(holds) && memcmp(part, holds, size) == 0;

        conclude(q, "%s%.*s: %s", i ? ", " : "", (int)size, part, same ? "yes" : "no");
        if (!same || !end)
            return;
        part = end + strlen(" and ");
    }
}

/* "0.438 > 0.141, 1.193 < 1.367: to the right of and nearer to the camera than.", and then the options,
 * each on a line, as far as the right one. */
static void conclude_relation(const fm_asker *asker, fm_world_question *q, const finding *found,
                              int a, int b)
{
    for (int i = 0; i < found->n; i++) {
        double va = weight_of(asker, found->holds[i], a), vb = weight_of(asker, found->holds[i], b);

        conclude(q, "%s%.3f %c %.3f", i ? ", " : "", va, va < vb ? '<' : '>', vb);
    }
    for (int i = 0; i < found->n; i++)
        conclude(q, "%s%s", i ? " and " : ": ", fm_relation_words(found->holds[i]));
    conclude(q, ".");
    for (int i = 0; q->form == FM_WORLD_CHOICE && i <= q->right; i++)
        conclude_option(q, found, i);
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
    finding found = {{holds == FM_YES ? said : other}, 1};
    switch (q->form) {
    case FM_WORLD_YESNO:
        snprintf(q->question, sizeof(q->question), "Is %s %s %s?", na, fm_relation_words(said), nb);
        q->yes = holds == FM_YES;
        break;
    case FM_WORLD_FACT:
        snprintf(q->question, sizeof(q->question), "Is %s %s %s, or %s it?", na,
                 fm_relation_words(said), nb, fm_relation_words(other));
        snprintf(q->answer, sizeof(q->answer), "%s is %s %s.", na,
                 fm_relation_words(found.holds[0]), nb);
        capitalise(q->answer);
        break;
    default:
        snprintf(q->question, sizeof(q->question), "As the camera sees it, %s is ... %s.", na, nb);
        add_relations(asker, q, &found, list->thing[a], list->thing[b]);
        shuffle(asker, q);
    }
    conclude_relation(asker, q, &found, a, b);
    q->subject = a;
    return fm_ask_step_scale(asker, q) && add_weight_steps(asker, q, found.holds[0], a) &&
           add_weight_steps(asker, q, found.holds[0], b);
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

/* What the one that is asked for is to each of the others. */
static const fm_relation relations[CLOSEST_TO] = {FM_REL_TALLER,  FM_REL_SHORTER, FM_REL_NEARER,
                                                  FM_REL_FARTHER, FM_REL_LEFT,    FM_REL_RIGHT};

/* Is it the one that has more of what is compared? */
static bool wants_more(superlative s)
{
    return s == TALLEST || s == FARTHEST || s == RIGHTMOST;
}

/* A superlative; `to`: the object that CLOSEST_TO is about, otherwise -1. */
typedef struct {
    superlative s;
    int to;
} measure;

/* Does a beat b clearly? */
static bool beats(const fm_asker *asker, const measure *by, int a, int b)
{
    const fm_cast_list *list = asker->list;

    if (by->s == CLOSEST_TO) {
        const fm_thing *mark = fm_object_thing(list, by->to);
        double da = fm_things_distance(fm_object_thing(list, a), mark);
        double db = fm_things_distance(fm_object_thing(list, b), mark);

        return db > da * 1.25 && fm_things_gap(fm_object_thing(list, b), mark) >
                                     fm_things_gap(fm_object_thing(list, a), mark) * 1.25;
    }
    return fm_relation_holds(list, relations[by->s], list->thing[a], list->thing[b]) == FM_YES;
}

/* Candidates, the first of which beats every other; how many. */
static int draw_candidates(const fm_asker *asker, const measure *by, int out[FM_WORLD_OPTIONS_MAX])
{
    /* Two steps each, beside the scale and the mark that they are close to. */
    int room = by->s == CLOSEST_TO ? (FM_WORLD_STEPS_MAX - 2) / 2 : FM_WORLD_OPTIONS_MAX;
    int most = 2 + fm_one_of(asker->rng, room - 1), n = 1;

    out[0] = fm_ask_object(asker, by->to, -1);
    if (out[0] < 0)
        return 0;
    int start = fm_one_of(asker->rng, asker->list->n);
    for (int k = 0; k < asker->list->n && n < most; k++) {
        int i = (start + k) % asker->list->n;

        if (i != out[0] && i != by->to && beats(asker, by, out[0], i))
            out[n++] = i;
    }
    return n;
}

/* The number by which a candidate is compared; the steps say it. */
static double candidate_weight(const fm_asker *asker, const measure *by, int candidate)
{
    return by->s == CLOSEST_TO ? fm_things_distance(fm_object_thing(asker->list, candidate),
                                                    fm_object_thing(asker->list, by->to))
                               : weight_of(asker, relations[by->s], candidate);
}

static bool add_candidate_steps(const fm_asker *asker, fm_world_question *q, const measure *by,
                                int candidate)
{
    char target[2 * FM_WORLD_NAME_BYTES];

    if (by->s != CLOSEST_TO)
        return add_weight_steps(asker, q, relations[by->s], candidate);
    snprintf(target, sizeof(target), "%s to %s", fm_ask_name(asker, candidate),
             fm_ask_name(asker, by->to));
    return fm_ask_step_referring(asker, q, candidate) &&
           fm_ask_step_compared(q, target, candidate_weight(asker, by, candidate));
}

/* "A 0.438 > B 0.141: B; B 0.141 < C 0.611: B; B, the pink ball, is farthest to the left.": each is held
 * against the best so far. The options' names where there are no letters. */
static void conclude_comparison(const fm_asker *asker, fm_world_question *q, const measure *by,
                                const int *candidates, const char *words)
{
    bool letters = q->form == FM_WORLD_CHOICE;
    char letter[FM_WORLD_OPTIONS_MAX][2];
    const char *said[FM_WORLD_OPTIONS_MAX];
    int best = 0;

    for (int i = 0; i < q->n_options; i++) {
        snprintf(letter[i], sizeof(letter[i]), "%c", 'A' + i);
        said[i] = letters ? letter[i] : q->options[i];
    }
    for (int i = 1; i < q->n_options; i++) {
        double kept = candidate_weight(asker, by, candidates[best]);
        double next = candidate_weight(asker, by, candidates[i]);
        int before = best;

        best = (next > kept) == wants_more(by->s) ? i : best;
        conclude(q, "%s %.3f %c %s %.3f: %s; ", said[before], kept, kept < next ? '<' : '>',
                 said[i], next, said[best]);
    }
    if (letters)
        conclude(q, "%c, %s, %s.", 'A' + q->right, q->options[q->right], words);
    else
        conclude(q, "%s %s.", q->options[q->right], words);
    capitalise(q->conclusion);
}

bool fm_ask_comparison(const fm_asker *asker, fm_world_question *q)
{
    static const char *const say[SUPERLATIVES] = {"is tallest",
                                                  "is shortest",
                                                  "is nearest to the camera",
                                                  "is farthest from the camera",
                                                  "is farthest to the left",
                                                  "is farthest to the right",
                                                  "is closest to "};
    measure by = {(superlative)fm_one_of(asker->rng, SUPERLATIVES), -1};
    int c[FM_WORLD_OPTIONS_MAX];
    char words[FM_WORLD_NAME_BYTES + 32];

    if (by.s == CLOSEST_TO)
        by.to = fm_ask_object(asker, -1, -1);
    int n = draw_candidates(asker, &by, c);
    if (n < 2)
        return false;
    snprintf(words, sizeof(words), "%s%s", say[by.s], by.to < 0 ? "" : fm_ask_name(asker, by.to));
    q->subject = c[0];
    /* Anywhere among the others: reasoning that begins with the winner has decided before it looks. */
    q->right = fm_one_of(asker->rng, n);
    c[0] = c[q->right];
    c[q->right] = q->subject;
    if (!fm_ask_step_scale(asker, q) || (by.to >= 0 && !fm_ask_step_referring(asker, q, by.to)))
        return false;
    for (int i = 0; i < n; i++) {
        int before = q->n_steps;

        add_option(q, fm_ask_name(asker, c[i]));
        if (!add_candidate_steps(asker, q, &by, c[i]))
            return false;
        for (int k = before; k < q->n_steps; k++)
            q->steps[k].option = q->n_options;
    }
    q->form = fm_ask_admits(asker, FM_WORLD_CHOICE) ? FM_WORLD_CHOICE : FM_WORLD_FACT;
    if (fm_ask_admits(asker, FM_WORLD_FACT) && fm_chance(asker->rng, 0.3))
        q->form = FM_WORLD_FACT;
    if (!fm_ask_admits(asker, q->form))
        return false;
    conclude_comparison(asker, q, &by, c, words);
    if (q->form == FM_WORLD_CHOICE) {
        snprintf(q->question, sizeof(q->question), "Which %s?", words);
        return true;
    }
    size_t at = (size_t)snprintf(q->question, sizeof(q->question), "Which %s", words);
    for (int i = 0; i < n && at < sizeof(q->question); i++)
        at += (size_t)snprintf(q->question + at, sizeof(q->question) - at, "%s%s",
                               i == 0       ? ": "
                               : i + 1 == n ? " or "
                                            : ", ",
                               q->options[i]);
    snprintf(q->question + at, sizeof(q->question) - at, "?");
    snprintf(q->answer, sizeof(q->answer), "%s %s.", q->options[q->right], words);
    capitalise(q->answer);
    q->n_options = q->right = 0;
    return true;
}
