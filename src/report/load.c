/* From views to the model: the only place where the reports read run directories. */
#include "report/load.h"

#include "base/json.h"

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
