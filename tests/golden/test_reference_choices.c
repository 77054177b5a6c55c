/* BLINK's own files: 2036 replies of four models on four tasks, each with the letter that the authors'
 * script extracted. What the official rule decides without a judge must be theirs; for the rest the
 * stored judgement is read. Skipped by name without the data. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/size.h"
#include "fathom/choice.h"
#include "support/reference.h"

/* By the official rule: decided as a bare letter or option, by the last paragraph, by the whole reply,
 * left to the judge; right answers. By letter_first: right answers, and verdicts that flip. Counted by a
 * few lines of Python over the same files, beside the upstream function. */
static const struct {
    const char *model, *task;
    size_t options;
    int n, bare, last, whole, judged, right, first_right, flips;
} table[] = {
    {"GPT4V", "Counting", 4, 120, 0, 89, 23, 8, 73, 33, 40},
    {"GPT4V", "Object_Localization", 2, 122, 0, 3, 0, 119, 67, 69, 32},
    {"GPT4V", "Relative_Depth", 2, 124, 0, 18, 1, 105, 74, 16, 58},
    {"GPT4V", "Spatial_Relation", 2, 143, 0, 74, 60, 9, 104, 87, 17},
    {"GPT4o", "Counting", 4, 120, 0, 94, 25, 1, 59, 31, 28},
    {"GPT4o", "Object_Localization", 2, 122, 0, 0, 117, 5, 73, 71, 2},
    {"GPT4o", "Relative_Depth", 2, 124, 0, 124, 0, 0, 92, 92, 0},
    {"GPT4o", "Spatial_Relation", 2, 143, 0, 122, 21, 0, 99, 99, 0},
    {"llava-v1.6-34b", "Counting", 4, 120, 120, 0, 0, 0, 80, 80, 0},
    {"llava-v1.6-34b", "Object_Localization", 2, 122, 122, 0, 0, 0, 72, 72, 0},
    {"llava-v1.6-34b", "Relative_Depth", 2, 124, 124, 0, 0, 0, 84, 84, 0},
    {"llava-v1.6-34b", "Spatial_Relation", 2, 143, 143, 0, 0, 0, 107, 107, 0},
    {"llava_v1.5_13b", "Counting", 4, 120, 0, 7, 0, 113, 54, 0, 54},
    {"llava_v1.5_13b", "Object_Localization", 2, 122, 0, 119, 0, 3, 64, 0, 64},
    {"llava_v1.5_13b", "Relative_Depth", 2, 124, 0, 83, 0, 41, 66, 0, 66},
    {"llava_v1.5_13b", "Spatial_Relation", 2, 143, 0, 0, 0, 143, 97, 0, 97},
};

typedef struct {
    int n, bare, last, whole, judged, right, first_right, flips;
} counts;

static void count_reply(const cJSON *row, const fm_options *options, const cJSON *truths,
                        fm_arena *arena, counts *c)
{
    const char *answer = fm_json_string(row, "answer"), *idx = fm_json_string(row, "idx");
    const char *shipped = fm_json_string(row, "prediction");
    fm_choice official, first, stored = fm_choice_stored(fm_span_of(shipped));
    fm_span reply;

    reply.text = fm_json_bytes(fm_json_get(row, "full_prediction"), arena, &reply.size);
    cr_assert(reply.text && answer && idx && shipped);
    cr_assert(eq(str, (char *)fm_json_string(truths, idx), (char *)answer));
    cr_assert(fm_choice_read(fm_choice_rule_find("letter_tokens"), reply, options, arena, &official,
                             NULL) == FM_OK);
    cr_assert(fm_choice_read(fm_choice_rule_find("letter_first"), reply, options, arena, &first,
                             NULL) == FM_OK);
    if (official.kind == FM_CHOICE_UNDECIDED) {
        c->judged++;
        official = stored;
    } else {
        cr_expect(official.kind == FM_CHOICE_LETTER && official.index == stored.index,
                  "%s: '%s' was extracted, not %c", idx, shipped, 'A' + official.index);
        c->bare += strncmp(official.path, "bare", 4) == 0;
        c->last += strcmp(official.path, "last paragraph") == 0;
        c->whole += strcmp(official.path, "whole reply") == 0;
    }
    int truth = fm_choice_stored(fm_span_of(answer)).index;
    bool right = official.index == truth, first_right = first.index == truth;

    cr_expect(right == (strcmp(shipped, answer) == 0), "%s", idx);
    c->n++;
    c->right += right;
    c->first_right += first_right;
    c->flips += right != first_right;
    fm_arena_reset(arena);
}

Test(reference_choices, blink_is_extracted_as_its_authors_did)
{
    char dir[2048], path[4096];
    fm_arena arena = {0};
    fm_err err = {0};
    cJSON *truths, *file;
    int judged = 0, decided = 0;

    snprintf(dir, sizeof(dir), "%s", reference_data("blink"));
    snprintf(path, sizeof(path), "%s/val_answers.json", dir);
    cr_assert(fm_json_load(path, (size_t)1 << 24, &truths, &err) == FM_OK, "%s", err.text);
    for (size_t i = 0; i < FM_COUNT_OF(table); i++) {
        fm_options options = {NULL, table[i].options};
        const cJSON *row;
        counts c = {0};

        snprintf(path, sizeof(path), "%s/saved_outputs/%s/%s.json", dir, table[i].model,
                 table[i].task);
        cr_assert(fm_json_load(path, (size_t)1 << 24, &file, &err) == FM_OK, "%s", err.text);
        cJSON_ArrayForEach(row, fm_json_get(file, "val"))
            count_reply(row, &options, truths, &arena, &c);
        cJSON_Delete(file);
        cr_expect(c.n == table[i].n && c.bare == table[i].bare && c.last == table[i].last &&
                      c.whole == table[i].whole && c.judged == table[i].judged,
                  "%s: %d replies, %d %d %d decided, %d judged", path, c.n, c.bare, c.last, c.whole,
                  c.judged);
        cr_expect(c.right == table[i].right && c.first_right == table[i].first_right &&
                      c.flips == table[i].flips,
                  "%s: %d right, %d by the first letter, %d flips", path, c.right, c.first_right,
                  c.flips);
        judged += c.judged;
        decided += c.bare + c.last + c.whole;
    }
    cr_expect(eq(int, decided, 1489));
    cr_expect(eq(int, judged, 547));
    cJSON_Delete(truths);
    fm_arena_release(&arena);
}
