/* Owns how a question of the generator becomes the truth of a reward. */
#include "train/judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    fm_arena arena; /* of one judgement */
    fm_buf text;
    fm_key_step keys[FM_WORLD_STEPS_MAX];
    double trace[FM_WORLD_POINTS_MAX][3];
} desk;

struct tr_judge {
    fm_reward_rules rules;
    tr_data *data;
    desk *desks; /* a thread's */
    int threads;
};

fm_status tr_judge_new(tr_judge **out, const fm_reward_rules *rules, tr_data *data, int threads,
                       fm_err *err)
{
    tr_judge *j = calloc(1, sizeof(*j));

    if (j)
        *j = (tr_judge){*rules, data, calloc((size_t)threads, sizeof(*j->desks)), threads};
    if (!j || !j->desks) {
        tr_judge_free(j);
        return fm_fail(err, FM_E_NOMEM, "no memory for rewards");
    }
    *out = j;
    return FM_OK;
}

void tr_judge_free(tr_judge *judge)
{
    if (!judge)
        return;
    for (int i = 0; judge->desks && i < judge->threads; i++) {
        fm_arena_release(&judge->desks[i].arena);
        fm_buf_release(&judge->desks[i].text);
    }
    free(judge->desks);
    free(judge);
}

tr_tasks tr_judge_tasks(tr_judge *judge)
{
    const rt_tokenizer *words = tr_data_words(judge->data);

    return (tr_tasks){.questions = {tr_data_make, judge->data},
                      .judge = tr_judge_reply,
                      .context = judge,
                      .end = tr_data_end(judge->data),
                      .tokens = rt_tokenizer_size(words)};
}

/* ---- truths ---- */

static void take_keys(desk *d, const fm_world_question *q)
{
    static const fm_step_kind kinds[] = {[FM_WORLD_SCALE] = FM_STEP_SCALE,
                                         [FM_WORLD_REFERRING] = FM_STEP_REFERRING,
                                         [FM_WORLD_MEASURING] = FM_STEP_MEASURING};

    for (int i = 0; i < q->n_steps; i++) {
        d->keys[i] = (fm_key_step){.kind = kinds[q->steps[i].kind], .target = q->steps[i].target};
        memcpy(d->keys[i].value, q->steps[i].value, sizeof(d->keys[i].value));
    }
}

/* What is asked for in the picture alone has no depth to be judged by. */
static void take_trace(desk *d, const fm_world_question *q)
{
    bool flat = q->form == FM_WORLD_POINT_2D || q->family == FM_WORLD_FAMILY_TRACE_2D;

    memcpy(d->trace, q->points, sizeof(d->trace));
    for (int i = 0; i < q->n_points && flat; i++)
        d->trace[i][2] = NAN;
}

static void take_word(fm_reward_truth *t, const fm_world_question *q)
{
    switch (q->form) {
    case FM_WORLD_CHOICE:
        t->asked = FM_R_A_OPTION;
        t->option = q->right;
        break;
    case FM_WORLD_YESNO:
        t->asked = FM_R_A_YESNO;
        t->yes = q->yes;
        break;
    case FM_WORLD_LENGTH:
        t->asked = FM_R_A_LENGTH;
        t->length_m = q->length_m;
        break;
    case FM_WORLD_FACT:
        t->asked = FM_R_A_TEXT;
        t->text = q->answer;
        break;
    case FM_WORLD_POINT_2D:
    case FM_WORLD_POINT:
    case FM_WORLD_PATH:
    case FM_WORLD_FORMS:
        break;
    }
}

static fm_reward_truth truth_of(desk *d, const fm_world_scene *scene, const fm_world_question *q)
{
    fm_reward_truth t = {.trace = q->n_points > 0 ? d->trace : NULL,
                         .n_trace = (size_t)q->n_points,
                         .max_depth_m = scene->max_depth_m,
                         .width = scene->width,
                         .height = scene->height,
                         .keys = d->keys,
                         .n_keys = (size_t)q->n_steps};

    take_keys(d, q);
    take_trace(d, q);
    take_word(&t, q);
    return t;
}

/* ---- replies ---- */

fm_status tr_judge_reply(void *judge, int thread, size_t question, const int32_t *ids, size_t n,
                         fm_reward *out, fm_err *err)
{
    tr_judge *j = judge;
    desk *d = &j->desks[thread];
    const rt_tokenizer *words = tr_data_words(j->data);
    const fm_world_question *q = tr_data_question(j->data, thread, question);
    fm_reward_truth truth = truth_of(d, tr_data_scene(j->data, thread), q);

    fm_arena_reset(&d->arena);
    fm_buf_clear(&d->text);
    for (size_t i = 0; i < n; i++) {
        size_t size;
        const char *bytes = rt_tokenizer_bytes(words, ids[i], &size);

        fm_buf_append(&d->text, bytes, size);
    }
    fm_status st = fm_buf_check(&d->text, "a reply", err);
    fm_span reply = {fm_buf_text(&d->text), d->text.size};
    return st == FM_OK ? fm_reward_judge(&j->rules, reply, &truth, &d->arena, out, err) : st;
}
