/* Owns which ids are copies of one question, and the share of questions without a wrong one. */
#include "core/copies.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/idmap.h"
#include "base/size.h"
#include "fathom/sample.h"
#include "fathom/stats.h"

/* A question, and how many of its askings had every copy right. */
typedef struct {
    double *right, *askings; /* [n] */
    size_t *category;        /* [n] */
    size_t n, capacity;
} question_list;

struct fm_copies {
    const char *ending;
    fm_id_map by_question; /* -> index in questions */
    fm_id_map by_asking;   /* "<question>#<repeat>" -> index in rightness */
    question_list questions;
    bool *rightness; /* no copy of this asking was wrong so far */
    size_t n_askings, capacity;
};

fm_copies *fm_copies_new(const char *ending)
{
    fm_copies *copies = calloc(1, sizeof(*copies));

    if (copies)
        copies->ending = ending;
    return copies;
}

void fm_copies_free(fm_copies *copies)
{
    if (!copies)
        return;
    fm_id_map_release(&copies->by_question);
    fm_id_map_release(&copies->by_asking);
    free(copies->questions.right);
    free(copies->questions.askings);
    free(copies->questions.category);
    free(copies->rightness);
    free(copies);
}

/* ---- adding ---- */

static bool grow(void **array, size_t n, size_t item)
{
    size_t bytes;
    void *grown = fm_size_mul(n, item, &bytes) ? realloc(*array, bytes) : NULL;

    if (grown)
        *array = grown;
    return grown != NULL;
}

static bool grow_questions(question_list *q)
{
    size_t capacity = q->capacity ? q->capacity * 2 : 64;

    if (q->n < q->capacity)
        return true;
    if (!grow((void **)&q->right, capacity, sizeof(*q->right)) ||
        !grow((void **)&q->askings, capacity, sizeof(*q->askings)) ||
        !grow((void **)&q->category, capacity, sizeof(*q->category)))
        return false;
    q->capacity = capacity;
    return true;
}

static bool grow_askings(fm_copies *copies)
{
    size_t capacity = copies->capacity ? copies->capacity * 2 : 64;

    if (copies->n_askings < copies->capacity)
        return true;
    if (!grow((void **)&copies->rightness, capacity, sizeof(*copies->rightness)))
        return false;
    copies->capacity = capacity;
    return true;
}

void fm_copies_question(const char *ending, const char *id, char *out, size_t size)
{
    snprintf(out, size, "%s", id);
    for (size_t i = 1; out[0] && out[i]; i++) {
        if (fnmatch(ending, out + i, 0) == 0) {
            out[i] = '\0';
            break;
        }
    }
}

/* Of an asking: its id without its repeat. */
static void question_of(const fm_copies *copies, const char *id, int repeat,
                        char out[FM_SAMPLE_ID_BYTES + 16])
{
    char sample[FM_SAMPLE_ID_BYTES + 16], mark[16];

    snprintf(sample, sizeof(sample), "%s", id);
    snprintf(mark, sizeof(mark), "#%d", repeat);
    size_t n = strlen(sample), of_mark = strlen(mark);
    if (repeat > 1 && n > of_mark && strcmp(sample + n - of_mark, mark) == 0)
        sample[n - of_mark] = '\0';
    fm_copies_question(copies->ending, sample, out, FM_SAMPLE_ID_BYTES + 16);
}

static void judge(fm_copies *copies, size_t question, size_t asking, bool fresh, bool right)
{
    question_list *q = &copies->questions;

    if (fresh) {
        copies->rightness[asking] = right;
        q->askings[question]++;
        q->right[question] += right;
    } else if (copies->rightness[asking] && !right) {
        copies->rightness[asking] = false;
        q->right[question]--;
    }
}

/* The index of the question, a new one where it has none yet. False: out of memory. */
static bool find_question(fm_copies *copies, const char *key, size_t category, uint64_t *out)
{
    question_list *q = &copies->questions;
    bool fresh;

    if (fm_id_map_find(&copies->by_question, key, out))
        return true;
    *out = q->n;
    if (!grow_questions(q) || !fm_id_map_put(&copies->by_question, key, q->n, &fresh, NULL))
        return false;
    q->right[q->n] = q->askings[q->n] = 0;
    q->category[q->n++] = category;
    return true;
}

static bool find_asking(fm_copies *copies, const char *key, uint64_t *out, bool *fresh)
{
    *fresh = false;
    if (fm_id_map_find(&copies->by_asking, key, out))
        return true;
    *out = copies->n_askings;
    if (!grow_askings(copies) || !fm_id_map_put(&copies->by_asking, key, *out, fresh, NULL))
        return false;
    copies->n_askings++;
    return true;
}

fm_status fm_copies_add(fm_copies *copies, const char *id, int repeat, size_t category, bool right,
                        fm_err *err)
{
    char key[FM_SAMPLE_ID_BYTES + 16], of_asking[FM_SAMPLE_ID_BYTES + 32];
    uint64_t question, asking;
    bool fresh;

    question_of(copies, id, repeat, key);
    snprintf(of_asking, sizeof(of_asking), "%s#%d", key, repeat);
    if (!find_question(copies, key, category, &question) ||
        !find_asking(copies, of_asking, &asking, &fresh))
        return fm_fail(err, FM_E_NOMEM, "no memory for the copies of '%s'", key);
    judge(copies, question, asking, fresh, right);
    return FM_OK;
}

/* ---- results ---- */

void fm_copies_count(const fm_copies *copies, size_t category, size_t *right, size_t *askings)
{
    const question_list *q = &copies->questions;

    *right = *askings = 0;
    for (size_t i = 0; i < q->n; i++) {
        if (category != FM_COPIES_ALL && q->category[i] != category)
            continue;
        *right += (size_t)q->right[i];
        *askings += (size_t)q->askings[i];
    }
}

fm_status fm_copies_put(const fm_copies *copies, const char *name, int better, uint64_t seed,
                        double confidence, fm_json_writer *w, fm_err *err)
{
    const question_list *q = &copies->questions;
    size_t right, askings;
    const char *method;
    fm_stats_resampled got = {.interval = {NAN, NAN}};
    fm_status st = FM_OK;

    fm_copies_count(copies, FM_COPIES_ALL, &right, &askings);
    bool repeats = askings > q->n;
    /* Equal answers to every asking leave a bootstrap nothing to vary. */
    if (askings && (!repeats || right == 0 || right == askings)) {
        got.interval = fm_stats_wilson(repeats && right ? q->n : right, q->n, confidence);
        method = repeats ? "wilson-cluster" : "wilson";
    } else if (askings) {
        const fm_stats_column column = {.sums = q->right, .weights = q->askings};

        st = fm_stats_bootstrap(&column, 1, q->n, FM_STATS_DRAWS, confidence, seed, &got, err);
        method = got.drawn ? "bootstrap-cluster" : "cornish-fisher-cluster";
    } else {
        method = "wilson";
    }
    if (st != FM_OK)
        return st;
    fm_json_open(w, name, '{');
    fm_json_put_number(w, "value", askings ? (double)right / (double)askings : NAN);
    fm_json_put_int(w, "numerator", (int64_t)right);
    fm_json_put_int(w, "denominator", (int64_t)askings);
    fm_json_put_number(w, "ci_low", got.interval.low);
    fm_json_put_number(w, "ci_high", got.interval.high);
    fm_json_put_string(w, "ci_method", method);
    fm_json_put_string(w, "role", "rate");
    fm_json_put_int(w, "better", better);
    fm_json_put_string(w, "unit", "");
    fm_json_close(w, '}');
    return FM_OK;
}
