/* Owns the JSON of a diagnosis (schema fathom.steps/1): totals, categories, every sample. */
#include <math.h>

#include "base/json.h"
#include "report/steps_internal.h"

static void put_share(fm_json_writer *w, const char *key, const fm_share *share)
{
    const double interval[2] = {share->interval.low, share->interval.high};

    fm_json_open(w, key, '{');
    fm_json_put_int(w, "hits", (int64_t)share->hits);
    fm_json_put_int(w, "n", (int64_t)share->n);
    if (share->n)
        fm_json_put_vector(w, "interval", interval, 2);
    fm_json_close(w, '}');
}

static void put_depth(fm_json_writer *w, const fm_diagnosis_totals *t)
{
    const double quartiles[2] = {t->scale_low, t->scale_high};

    if (!t->with_depth)
        return;
    fm_json_open(w, "depth", '{');
    fm_json_put_int(w, "n", (int64_t)t->with_depth);
    fm_json_put_number(w, "scale", t->scale);
    fm_json_put_vector(w, "scale_quartiles", quartiles, 2);
    fm_json_put_number(w, "rms_m", t->rms_m);
    fm_json_put_number(w, "after_scale_m", t->after_scale_m);
    fm_json_put_number(w, "after_affine_m", t->after_affine_m);
    fm_json_close(w, '}');
}

static void put_stages(fm_json_writer *w, const fm_diagnosis_totals *t)
{
    fm_json_open(w, "causes", '{');
    for (int i = 0; i < FM_STAGES; i++)
        fm_json_put_int(w, fm_stage_name((fm_stage_kind)i), (int64_t)t->causes[i]);
    fm_json_put_int(w, "other", (int64_t)t->other);
    fm_json_close(w, '}');
    fm_json_open(w, "stage_failures", '{');
    for (int i = 0; i < FM_STAGES; i++)
        put_share(w, fm_stage_name((fm_stage_kind)i), &t->stages[i]);
    fm_json_close(w, '}');
    put_depth(w, t);
    fm_json_open(w, "oracles", '{');
    for (int i = 0; i < FM_ORACLES; i++) {
        const double interval[2] = {t->oracles[i].interval.low, t->oracles[i].interval.high};

        if (!t->oracles[i].known)
            continue;
        fm_json_open(w, fm_oracle_name((fm_oracle)i), '{');
        fm_json_put_number(w, "change", t->oracles[i].change);
        fm_json_put_vector(w, "interval", interval, 2);
        fm_json_close(w, '}');
    }
    fm_json_close(w, '}');
}

static void put_steps(fm_json_writer *w, const fm_diagnosis_totals *t)
{
    fm_json_open(w, "steps", '{');
    for (int kind = 0; kind < FM_STEP_KINDS; kind++) {
        fm_json_open(w, fm_step_kind_name((fm_step_kind)kind), '{');
        for (int v = 0; v < FM_STEP_VERDICTS; v++)
            fm_json_put_int(w, fm_step_verdict_name((fm_step_verdict)v),
                            (int64_t)t->verdicts[kind][v]);
        fm_json_close(w, '}');
    }
    fm_json_close(w, '}');
    fm_json_open(w, "not_right_by_index", '[');
    for (int i = 0; i < FM_DIAGNOSIS_INDICES; i++)
        put_share(w, NULL, &t->by_index[i]);
    fm_json_close(w, ']');
}

static void put_totals(fm_json_writer *w, const fm_diagnosis_totals *t)
{
    fm_json_put_int(w, "n", (int64_t)t->n);
    fm_json_put_int(w, "judged", (int64_t)t->judged);
    fm_json_put_int(w, "succeeded", (int64_t)t->succeeded);
    fm_json_put_int(w, "without_verdict", (int64_t)t->without_verdict);
    if (t->staged)
        put_stages(w, t);
    if (t->reasoned)
        put_steps(w, t);
    fm_json_open(w, "propagation", '{');
    put_share(w, "end_after_error", &t->end_after_start);
    put_share(w, "end_after_none", &t->end_after_none);
    put_share(w, "step_after_error", &t->step_after_error);
    put_share(w, "step_after_none", &t->step_after_none);
    put_share(w, "outcome_after_error", &t->outcome_after_error);
    put_share(w, "outcome_after_none", &t->outcome_after_none);
    fm_json_close(w, '}');
}

static void put_truth(fm_json_writer *w, const char *key, fm_verdict verdict)
{
    if (verdict == FM_UNKNOWN)
        fm_json_put_null(w, key);
    else
        fm_json_put_bool(w, key, verdict == FM_TRUE);
}

static void put_sample(fm_json_writer *w, const fm_diagnosed *item)
{
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "id", item->id);
    if (item->category)
        fm_json_put_string(w, "category", item->category);
    fm_json_put_string(w, "status", fm_sample_status_name(item->status));
    put_truth(w, "success", item->success);
    fm_json_put_string(w, "cause",
                       item->cause < 0 ? NULL : fm_stage_name((fm_stage_kind)item->cause));
    if (item->has_depth) {
        fm_json_open(w, "depth", '{');
        fm_json_put_number(w, "scale", item->depth.scale);
        fm_json_put_number(w, "offset_m", item->depth.offset_m);
        fm_json_put_number(w, "rms_m", item->depth.rms_m);
        fm_json_put_number(w, "after_scale_m", item->depth.after_scale_m);
        fm_json_put_number(w, "after_affine_m", item->depth.after_affine_m);
        fm_json_close(w, '}');
    }
    if (item->staged) {
        fm_json_open(w, "success_with", '{');
        for (int i = 0; i < FM_ORACLES; i++)
            put_truth(w, fm_oracle_name((fm_oracle)i), item->oracles[i]);
        fm_json_close(w, '}');
    }
    fm_json_open(w, "verdicts", '[');
    for (size_t i = 0; i < item->n_verdicts; i++) {
        const fm_diagnosed_verdict *v = &item->verdicts[i];

        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "name", v->name);
        fm_json_put_string(w, "kind", v->kind);
        fm_json_put_string(w, "verdict", v->verdict);
        if (v->why)
            fm_json_put_string(w, "why", v->why);
        if (isfinite(v->value))
            fm_json_put_number(w, "value", v->value);
        fm_json_close(w, '}');
    }
    fm_json_close(w, ']');
    fm_json_close(w, '}');
}

static fm_status put_run(fm_json_writer *w, const fm_steps_report *report, const fm_steps_run *run,
                         fm_err *err)
{
    fm_status st = FM_OK;

    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "run", run->diagnosis.run_dir);
    fm_json_put_string(w, "name", run->name);
    fm_json_put_string(w, "task", run->diagnosis.task);
    fm_json_put_string(w, "protocol", run->diagnosis.protocol);
    fm_json_put_string(w, "primary", run->diagnosis.primary);
    put_totals(w, &run->totals);
    fm_json_open(w, "by_category", '{');
    for (size_t c = 0; st == FM_OK && c < report->n_categories; c++) {
        fm_diagnosis_totals totals;

        st = fm_diagnosis_sum(&run->diagnosis, report->categories[c], &totals, err);
        if (st != FM_OK)
            break;
        fm_json_open(w, report->categories[c], '{');
        put_totals(w, &totals);
        fm_json_close(w, '}');
    }
    fm_json_close(w, '}');
    fm_json_open(w, "samples", '[');
    for (size_t i = 0; i < run->diagnosis.n; i++)
        put_sample(w, &run->diagnosis.items[i]);
    fm_json_close(w, ']');
    fm_json_close(w, '}');
    return st;
}

fm_status fm_steps_write_json(fm_buf *out, const fm_steps_report *report, fm_err *err)
{
    fm_json_writer w = {.out = out, .pretty = true};
    fm_status st = FM_OK;

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", "fathom.steps/1");
    fm_json_open(&w, "runs", '[');
    for (size_t i = 0; st == FM_OK && i < report->n; i++)
        st = put_run(&w, report, &report->runs[i], err);
    fm_json_close(&w, ']');
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
    return st == FM_OK ? fm_buf_check(out, "the diagnosis", err) : st;
}
