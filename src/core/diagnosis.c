/* Owns the pass over a graded run: what is read from it, and what is graded again. The rules are
 * metrics', the totals diagnosis_totals.c's. */
#include "core/diagnosis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/threads.h"
#include "core/reward_truth.h"

typedef struct {
    fm_view *view;
    const fm_protocol *protocol;
    const fm_process_rules *rules;
    fm_answers_family family;
    int primary; /* index in the protocol's metrics */
    int jobs;
    void *scratch[FM_ORACLES];
    fm_arena grades[FM_ORACLES];
    fm_diagnosis *out;
    fm_err *err;
} diagnosing;

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for the diagnosis");
}

/* ---- what samples.jsonl says ---- */

static fm_verdict verdict_in(const cJSON *metrics, const char *name)
{
    const cJSON *item = fm_json_get(metrics, name);

    return cJSON_IsBool(item) ? (cJSON_IsTrue(item) ? FM_TRUE : FM_FALSE) : FM_UNKNOWN;
}

static fm_status read_points(const cJSON *line, fm_arena *arena, double (**points)[3], size_t *n,
                             fm_err *err)
{
    const cJSON *list = fm_json_get(fm_json_get(line, "answer"), "points"), *point;
    size_t count = (size_t)cJSON_GetArraySize(list);

    *n = 0;
    *points = fm_arena_alloc(arena, count + 1, sizeof(**points));
    if (!*points)
        return no_memory(err);
    cJSON_ArrayForEach(point, list)
    {
        double *p = (*points)[(*n)++];
        const cJSON *number = point->child;

        p[0] = p[1] = p[2] = NAN;
        for (int i = 0; i < 3 && number; i++, number = number->next)
            p[i] = cJSON_IsNumber(number) ? number->valuedouble : NAN;
    }
    return FM_OK;
}

/* ---- substitutions ---- */

typedef struct {
    diagnosing *d;
    const fm_sample *sample;
    const fm_staging *staging;
    fm_diagnosed *item;
    double (*substituted)[3]; /* [FM_ORACLES][n] */
} substituting;

/* As the parser of the run's family reads it. */
static void write_answer(fm_answers_family family, double (*points)[3], size_t n, bool deep,
                         fm_buf *out)
{
    bool json = family == FM_ANSWERS_JSON;

    fm_buf_puts(out, json ? "```json\n[" : "[");
    for (size_t i = 0; i < n; i++) {
        fm_buf_printf(out, "%s%c%.6f, %.6f", i ? ", " : "", json ? '[' : '(', points[i][0] * 1000,
                      points[i][1] * 1000);
        if (deep)
            fm_buf_printf(out, ", %.6f", points[i][2]);
        fm_buf_putc(out, json ? ']' : ')');
    }
    fm_buf_puts(out, json ? "]\n```" : "]");
}

static fm_status grade_one(void *context, size_t oracle, int worker, fm_err *err)
{
    substituting *s = context;
    diagnosing *d = s->d;
    const fm_staging *t = s->staging;
    double(*points)[3] = s->substituted + oracle * t->n;
    fm_buf text = {0};
    fm_grade grade = {0};

    if (!fm_oracle_apply((fm_oracle)oracle, t->points, t->n, t->truth, t->n_truth, points))
        return FM_OK;
    write_answer(d->family, points, t->n, t->deep, &text);
    fm_status st = fm_buf_check(&text, "an answer", err);
    if (st == FM_OK) {
        fm_grade_input input = {.sample = s->sample,
                                .reply_status = FM_SAMPLE_OK,
                                .text = text.data,
                                .size = text.size,
                                .answers = d->family,
                                .rules = d->protocol->rules};

        fm_arena_reset(&d->grades[worker]);
        st = d->protocol->grade(d->scratch[worker], &input, &d->grades[worker], &grade, err);
    }
    if (st == FM_OK && grade.values[d->primary].kind == FM_VALUE_BOOL)
        s->item->oracles[oracle] = grade.values[d->primary].truth ? FM_TRUE : FM_FALSE;
    fm_buf_release(&text);
    return st;
}

static fm_status substitute(diagnosing *d, const fm_sample *sample, const fm_staging *staging,
                            fm_diagnosed *item)
{
    substituting s = {.d = d, .sample = sample, .staging = staging, .item = item};

    /* Without points nothing can be put right: the failure stays one. */
    for (int i = 0; i < FM_ORACLES; i++)
        item->oracles[i] = staging->n == 0 ? item->success : FM_UNKNOWN;
    if (item->success == FM_UNKNOWN || staging->n == 0)
        return FM_OK;
    s.substituted = calloc(FM_ORACLES * staging->n, sizeof(*s.substituted));
    if (!s.substituted)
        return no_memory(d->err);
    fm_status st = fm_parallel_for(FM_ORACLES, d->jobs, grade_one, &s, d->err);
    free(s.substituted);
    return st;
}

/* ---- one sample ---- */

static fm_status stage(diagnosing *d, const fm_view_sample *sample, const fm_reward_truth *truth,
                       fm_arena *scratch, fm_diagnosed *item)
{
    const cJSON *metrics = fm_json_get(sample->line, "metrics");
    fm_staging s = {
        .answered = item->status == FM_SAMPLE_OK,
        .deep = sample->sample.kind == FM_ANSWER_TRACE3D,
        .start_in_mask = verdict_in(metrics, "start_in_mask"),
        .start_ok = verdict_in(metrics, "start_ok"),
        .end_in_bbox = verdict_in(metrics, "end_in_bbox"),
        .end_ok = verdict_in(metrics, "end_ok"),
        .collision = verdict_in(metrics, "collision"),
        .end_distance_m = fm_json_number(metrics, "end_distance_m", NAN),
        .truth = truth->trace,
        .n_truth = truth->n_trace,
        .width = truth->width,
        .height = truth->height,
    };
    fm_status st = read_points(sample->line, scratch, &s.points, &s.n, d->err);

    if (st != FM_OK)
        return st;
    item->staged = true;
    fm_stages_judge(&s, item->stages);
    for (int i = FM_STAGES - 1; i >= 0 && item->success == FM_FALSE; i--)
        if (item->stages[i].verdict == FM_FALSE)
            item->cause = i;
    item->has_depth = s.deep && s.truth && item->stages[FM_STAGE_COMPLETE].verdict == FM_TRUE &&
                      fm_depth_error_split(s.points, s.n, s.truth, s.n_truth, &item->depth);
    return substitute(d, &sample->sample, &s, item);
}

static fm_status judge_steps(diagnosing *d, const fm_view_sample *sample,
                             const fm_reward_truth *truth, fm_diagnosed *item)
{
    fm_arena *arena = &d->out->arena;
    size_t n_keys = truth->n_keys, size;
    fm_key_step *keys = fm_arena_alloc(arena, n_keys + 1, sizeof(*keys));
    char *reply;
    fm_steps steps;
    fm_status st =
        fm_json_get_reply(fm_json_get(sample->line, "reply"), "text", arena, &reply, &size, d->err);

    if (st == FM_OK && !keys)
        st = no_memory(d->err);
    if (st == FM_OK)
        st = fm_steps_read(d->rules->dialect, (fm_span){reply, reply ? size : 0}, arena, &steps,
                           d->err);
    for (size_t i = 0; st == FM_OK && i < n_keys; i++) {
        keys[i] = truth->keys[i];
        keys[i].target = fm_arena_strdup(arena, keys[i].target);
        if (!keys[i].target)
            st = no_memory(d->err);
    }
    if (st != FM_OK)
        return st;
    fm_step_judgement *judged =
        fm_arena_alloc(arena, FM_PROCESS_JUDGEMENTS(steps.n, n_keys) + 1, sizeof(*judged));
    if (!judged)
        return no_memory(d->err);
    item->n_judgements = fm_process_judge(d->rules, steps.items, steps.n, keys, n_keys,
                                          truth->width, truth->height, judged);
    item->judgements = judged;
    item->n_keys = n_keys;
    return FM_OK;
}

static const char *stage_verdict(fm_verdict verdict)
{
    return verdict == FM_TRUE ? "pass" : verdict == FM_FALSE ? "fail" : "unknown";
}

static fm_status list_verdicts(diagnosing *d, fm_diagnosed *item)
{
    fm_arena *arena = &d->out->arena;
    size_t most = FM_STAGES + item->n_judgements, n = 0;
    fm_diagnosed_verdict *list = fm_arena_alloc(arena, most, sizeof(*list));

    if (!list)
        return no_memory(d->err);
    for (int i = 0; item->staged && i < FM_STAGES; i++)
        list[n++] = (fm_diagnosed_verdict){fm_stage_name((fm_stage_kind)i), "stage",
                                           stage_verdict(item->stages[i].verdict),
                                           item->stages[i].why, item->stages[i].value};
    for (size_t i = 0; i < item->n_judgements; i++) {
        const fm_step_judgement *j = &item->judgements[i];
        const char *name =
            j->key ? j->key->target
                   : fm_arena_memdup(arena, j->step->target.text ? j->step->target.text : "",
                                     j->step->target.size);

        if (!name)
            return no_memory(d->err);
        list[n++] =
            (fm_diagnosed_verdict){name, fm_step_kind_name(j->step ? j->step->kind : j->key->kind),
                                   fm_step_verdict_name(j->verdict), j->why, j->ratio};
    }
    item->verdicts = list;
    item->n_verdicts = n;
    return FM_OK;
}

static fm_status diagnose(diagnosing *d, const fm_view_sample *sample, fm_arena *scratch)
{
    fm_diagnosis *out = d->out;
    const cJSON *metrics = fm_json_get(sample->line, "metrics");
    const char *status = fm_json_string(sample->line, "status");
    fm_diagnosed item = {.cause = -1, .success = verdict_in(metrics, out->primary)};

    item.id = fm_arena_strdup(&out->arena, fm_json_string(sample->line, "id"));
    if (sample->has_sample && sample->sample.category)
        item.category = fm_arena_strdup(&out->arena, sample->sample.category);
    if (!item.id || out->arena.failed)
        return no_memory(d->err);
    if (!status || !fm_sample_status_from_name(status, &item.status))
        item.status = FM_SAMPLE_SKIPPED;
    for (int i = 0; i < FM_ORACLES; i++)
        item.oracles[i] = FM_UNKNOWN;
    fm_reward_truth truth = {.max_depth_m = NAN};
    fm_status st = FM_OK;
    if (sample->has_sample)
        st = fm_reward_truth_of_sample(&sample->sample, scratch, &truth, d->err);
    if (st == FM_OK && sample->has_sample &&
        (sample->sample.kind == FM_ANSWER_TRACE2D || sample->sample.kind == FM_ANSWER_TRACE3D))
        st = stage(d, sample, &truth, scratch, &item);
    if (st == FM_OK)
        st = judge_steps(d, sample, &truth, &item);
    if (st == FM_OK)
        st = list_verdicts(d, &item);
    if (st != FM_OK)
        return st;
    if (out->n == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 128;
        fm_diagnosed *grown = realloc(out->items, capacity * sizeof(*grown));

        if (!grown)
            return no_memory(d->err);
        out->items = grown;
        out->capacity = capacity;
    }
    out->items[out->n++] = item;
    return FM_OK;
}

/* ---- the run ---- */

static fm_status describe(diagnosing *d)
{
    fm_diagnosis *out = d->out;
    const cJSON *results = fm_view_results(d->view);
    const char *family = fm_json_string(results, "answers");
    fm_arena *a = &out->arena;

    out->run_dir = fm_arena_strdup(a, fm_view_dir(d->view));
    out->task = fm_arena_strdup(a, fm_json_string(results, "task"));
    out->protocol = d->protocol->name;
    out->primary = d->protocol->primary;
    if (a->failed)
        return no_memory(d->err);
    for (size_t i = 0; i < d->protocol->n_metrics; i++)
        if (strcmp(d->protocol->metrics[i].name, out->primary) == 0)
            d->primary = (int)i;
    /* Points in space are kept where the picture has them, as tuples are. */
    if (!family || !fm_answers_family_from_name(family, &d->family) || d->family == FM_ANSWERS_XYZ)
        d->family = FM_ANSWERS_TUPLES;
    for (int i = 0; i < FM_ORACLES; i++)
        if (!(d->scratch[i] = d->protocol->scratch_new()))
            return no_memory(d->err);
    return FM_OK;
}

static fm_status diagnose_all(diagnosing *d)
{
    fm_arena scratch = {0};
    fm_view_sample sample;
    bool more = true;
    fm_status st = fm_view_rewind(d->view, d->err);

    while (st == FM_OK) {
        st = fm_view_next(d->view, &sample, &more, d->err);
        if (st != FM_OK || !more)
            break;
        fm_arena_reset(&scratch);
        st = diagnose(d, &sample, &scratch);
    }
    fm_arena_release(&scratch);
    d->out->notice = fm_arena_strdup(&d->out->arena, fm_view_notice(d->view));
    return st;
}

fm_status fm_diagnosis_make(fm_view *view, const fm_process_rules *rules, int jobs,
                            fm_diagnosis *out, fm_err *err)
{
    fm_diagnosis made = {0};
    diagnosing d = {.view = view,
                    .protocol = fm_view_protocol(view),
                    .rules = rules,
                    .jobs = jobs > 0 ? jobs : fm_threads_available(),
                    .out = &made,
                    .err = err};
    fm_status st = describe(&d);

    if (st == FM_OK)
        st = diagnose_all(&d);
    for (int i = 0; i < FM_ORACLES; i++) {
        if (d.scratch[i])
            d.protocol->scratch_free(d.scratch[i]);
        fm_arena_release(&d.grades[i]);
    }
    if (st == FM_OK)
        *out = made;
    else
        fm_diagnosis_release(&made);
    return st;
}

void fm_diagnosis_release(fm_diagnosis *diagnosis)
{
    free(diagnosis->items);
    fm_arena_release(&diagnosis->arena);
    *diagnosis = (fm_diagnosis){0};
}
