/* From views to the model: the only place where the reports read run directories. */
#include "report/load.h"

#include "base/size.h"
#include "core/diagnosis.h"

static fm_status load_samples(fm_report_model *model, fm_report_run *run, fm_view *view,
                              fm_err *err)
{
    fm_view_sample sample;
    bool more = true;
    fm_status st = fm_view_rewind(view, err);

    while (st == FM_OK) {
        st = fm_view_next(view, &sample, &more, err);
        if (st != FM_OK || !more)
            break;
        st = fm_report_run_add(model, run, cJSON_Duplicate(sample.line, true),
                               sample.has_sample ? &sample.sample : NULL, err);
    }
    /* The view may have found only now that its data is gone. */
    if (st == FM_OK && fm_view_notice(view)) {
        run->notice = fm_arena_strdup(&model->arena, fm_view_notice(view));
        if (!run->notice)
            st = fm_fail(err, FM_E_NOMEM, "out of memory for the report");
    }
    return st;
}

fm_status fm_report_load(fm_report_model *model, fm_view *const *views, size_t n, bool samples,
                         fm_err *err)
{
    fm_status st = fm_report_model_reserve(model, n, err);

    for (size_t i = 0; st == FM_OK && i < n; i++) {
        fm_report_run *run;

        st = fm_report_model_add(model, fm_view_manifest(views[i]), fm_view_results(views[i]),
                                 fm_view_dir(views[i]), &run, err);
        if (st == FM_OK)
            run->usage = fm_view_usage(views[i]);
        if (st == FM_OK && samples)
            st = load_samples(model, run, views[i], err);
    }
    return st == FM_OK ? fm_report_model_finish(model, err) : st;
}

/* Out of the diagnosis, which is not kept. False where memory is out. */
static bool copy_steps(fm_arena *arena, fm_report_sample *sample, const fm_diagnosed *item)
{
    fm_report_step *steps = fm_arena_alloc(arena, item->n_verdicts, sizeof(*steps));
    bool kept = steps != NULL;

    for (size_t i = 0; kept && i < item->n_verdicts; i++) {
        const fm_diagnosed_verdict *v = &item->verdicts[i];
        const char *from[] = {v->name, v->kind, v->verdict, v->why};
        const char **to[] = {&steps[i].name, &steps[i].kind, &steps[i].verdict, &steps[i].why};

        for (size_t k = 0; kept && k < FM_COUNT_OF(from); k++) {
            *to[k] = fm_arena_strdup(arena, from[k]);
            kept = *to[k] || !from[k];
        }
        steps[i].value = v->value;
    }
    sample->steps = steps;
    sample->n_steps = kept ? item->n_verdicts : 0;
    sample->cause = item->cause >= 0 ? fm_stage_name((fm_stage_kind)item->cause) : NULL;
    return kept;
}

fm_status fm_report_diagnose(fm_report_model *model, fm_view *const *views, int jobs, fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t r = 0; st == FM_OK && r < model->n; r++) {
        fm_report_run *run = &model->runs[r];
        fm_diagnosis found = {0};

        st = fm_diagnosis_make(views[r], &fm_process_robotracer, jobs, &found, err);
        /* Both are in the order of samples.jsonl. */
        for (size_t i = 0; st == FM_OK && i < found.n && i < run->n_samples; i++)
            if (found.items[i].n_verdicts > 0 &&
                !copy_steps(&model->arena, &run->samples[i], &found.items[i]))
                st = fm_fail(err, FM_E_NOMEM, "out of memory for the report");
        fm_diagnosis_release(&found);
    }
    return st;
}
