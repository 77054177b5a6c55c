/* The calls of report.h: read the views, hand the model to a writer. */
#include "report/report.h"

#include "report/load.h"
#include "report/writers.h"

typedef fm_status (*writer)(fm_buf *out, fm_report_model *model, const fm_report_options *options,
                            fm_err *err);

static fm_status write_with(writer write, fm_buf *out, fm_view *const *views, size_t n,
                            const fm_report_options *options, fm_err *err)
{
    fm_report_model model = {0};
    fm_status st = fm_report_load(&model, views, n, err);

    if (st == FM_OK)
        st = write(out, &model, options, err);
    fm_report_model_release(&model);
    return st;
}

fm_status fm_report_table(fm_buf *out, fm_view *const *views, size_t n,
                          const fm_report_options *options, fm_err *err)
{
    return write_with(fm_report_write_table, out, views, n, options, err);
}

fm_status fm_report_markdown(fm_buf *out, fm_view *const *views, size_t n,
                             const fm_report_options *options, fm_err *err)
{
    return write_with(fm_report_write_markdown, out, views, n, options, err);
}
